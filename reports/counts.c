/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counts.c - what the peers did in each operation: system calls, switches, wake-ups, …, of each
 * peer apart. */
#include "counts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

enum { MOST = COUNTED_EVENTS /* events in a table, and reasons below it */ };

/* Every event of the file, and each reason why some are not counted. Texts are one each, so their
 * addresses tell them apart. */
struct survey {
	const struct result_event *event[MOST];
	bool counted[MOST]; /* anywhere */
	bool happens[MOST]; /* anywhere, in more than one of 200 operations */
	size_t events;
	struct {
		const char *text;
		uint64_t of; /* bits of event */
		bool usage;  /* getrusage() stood in */
	} reason[MOST];
	size_t reasons;
	struct {
		const char *text;
		size_t cells;
	} failed[MOST];
	size_t failures;
	bool scaled, user_only;
	bool helped;          /* by kernel threads of the peers: SQPOLL */
	size_t missing;       /* cells that were measured and not counted, */
	unsigned examples[2]; /* such as these */
};

static size_t place_of_event(struct survey *survey, const struct result_event *event, size_t hint)
{
	if (hint < survey->events && survey->event[hint]->name == event->name)
		return hint;
	for (size_t i = 0; i < survey->events; i++)
		if (survey->event[i]->name == event->name)
			return i;
	if (survey->events == MOST)
		return MOST;
	survey->event[survey->events] = event;
	return survey->events++;
}

static void add_reason(struct survey *survey, const struct result_count *count, size_t event)
{
	size_t i = 0;

	while (i < survey->reasons &&
	       (survey->reason[i].text != count->reason || survey->reason[i].usage != count->usage))
		i++;
	if (i == MOST)
		return;
	survey->reasons += i == survey->reasons;
	survey->reason[i].text = count->reason;
	survey->reason[i].usage = count->usage;
	survey->reason[i].of |= (uint64_t)1 << event;
}

static void add_failure(struct survey *survey, const char *text)
{
	size_t i = 0;

	while (i < survey->failures && survey->failed[i].text != text)
		i++;
	if (i == MOST)
		return;
	survey->failures += i == survey->failures;
	survey->failed[i].text = text;
	survey->failed[i].cells++;
}

static bool is_scaled(const struct result_count *count)
{
	return isfinite(count->per_operation) && count->share < 0.999;
}

static void look_at(struct survey *survey, const struct result *result)
{
	*survey = (struct survey){ .events = 0 };
	for (size_t c = 0; c < result->cell_count; c++) {
		if (result->first[c + 1] == result->first[c] || result_counts(result, (unsigned)c))
			continue;
		if (survey->missing < 2)
			survey->examples[survey->missing] = (unsigned)c;
		survey->missing++;
	}
	for (size_t c = 0; c < result->counted_count; c++) {
		const struct result_counted *counted = &result->counted[c];

		if (counted->reason)
			add_failure(survey, counted->reason);
		survey->helped |=
			strstr(result->cells[counted->cell].cell.options, "sqpoll=yes") != NULL;
		for (size_t e = 0; e < counted->count; e++) {
			size_t at = place_of_event(survey, &counted->events[e], e);

			for (unsigned p = 0; at < MOST && p < counted->peers; p++) {
				const struct result_count *count = &counted->events[e].peer[p];

				survey->counted[at] |= isfinite(count->per_operation);
				survey->happens[at] |= count->per_operation >= 0.005;
				survey->scaled |= is_scaled(count);
				survey->user_only |= count->user_only;
				if (count->reason)
					add_reason(survey, count, at);
			}
		}
	}
}

static const char *event_text(const struct result_event *event)
{
	return event->what ? event->what : event->name;
}

static const struct result_event *event_of(const struct result_counted *counted, const char *name,
					   size_t hint)
{
	if (hint < counted->count && counted->events[hint].name == name)
		return &counted->events[hint];
	for (size_t e = 0; e < counted->count; e++)
		if (counted->events[e].name == name)
			return &counted->events[e];
	return NULL;
}

/* "2.00", "<.01", "10800"; "-" where it is not known. ~ before what is scaled, u behind what is of
 * user mode alone. */
static char *count_text(double value, bool scaled, bool user_only, char out[TEXT_NUMBER])
{
	const char *before = scaled ? "~" : "", *behind = user_only ? "u" : "";
	char number[TEXT_NUMBER];

	if (!isfinite(value))
		snprintf(out, TEXT_NUMBER, "-");
	else if (value > 0 && value < 0.005)
		snprintf(out, TEXT_NUMBER, "%s<.01%s", before, behind);
	else if (value < 100)
		snprintf(out, TEXT_NUMBER, "%s%.*f%s", before, value > 0 ? 2 : 0, value, behind);
	else
		snprintf(out, TEXT_NUMBER, "%s%s%s", before, text_number(value, number), behind);
	return out;
}

/* Of the first peer, or of the others together: their mean, where there are several. */
static void sides(const struct result_counted *counted, const struct result_event *event,
		  char out[2][TEXT_NUMBER])
{
	double sum = 0;
	bool scaled = false, user_only = false;

	count_text(event->peer[0].per_operation, is_scaled(&event->peer[0]),
		   event->peer[0].user_only, out[0]);
	out[1][0] = '\0';
	for (unsigned p = 1; p < counted->peers; p++) {
		sum += event->peer[p].per_operation;
		scaled |= is_scaled(&event->peer[p]);
		user_only |= event->peer[p].user_only;
	}
	if (counted->peers > 1)
		count_text(sum / (counted->peers - 1), scaled, user_only, out[1]);
}

/* By how much longer the median turn took while it was counted: 0.03; NaN where that is not known,
 * or is no price: on a schedule a longer turn is another latency. */
static double slower(const struct result_counted *counted, const struct level *level)
{
	return level && isnan(level->offered_per_s)
		       ? counted->median_ns / level->median_ns.estimate - 1
		       : NAN;
}

static char *slower_text(double by, char out[TEXT_NUMBER])
{
	if (isfinite(by))
		snprintf(out, TEXT_NUMBER, "%+.0f %%", by * 100);
	else
		snprintf(out, TEXT_NUMBER, "-");
	return out;
}

/* --- on a terminal --------------------------------------------------------------------------- */

static void heading(struct table *table, const struct survey *survey, const bool shown[])
{
	table_row(table);
	table_cell(table, SAY_BOLD, "%s", "counted per operation");
	for (size_t e = 0; e < survey->events; e++)
		if (shown[e])
			table_span(table, 2, TABLE_RIGHT, SAY_HEAD, "%s",
				   event_text(survey->event[e]));
	table_span(table, 1, TABLE_RIGHT, SAY_DIM, "%s", "slower by");
}

static void row(struct table *table, const struct survey *survey, const bool shown[],
		const char *label, const struct result_counted *counted, const struct level *level)
{
	char text[2][TEXT_NUMBER], by[TEXT_NUMBER];

	table_row(table);
	table_cell(table, SAY_PLAIN, "%s", label);
	for (size_t e = 0; e < survey->events; e++) {
		if (!shown[e])
			continue;
		const struct result_event *event = event_of(counted, survey->event[e]->name, e);

		if (event) {
			sides(counted, event, text);
		} else {
			snprintf(text[0], TEXT_NUMBER, "-");
			text[1][0] = '\0';
		}
		table_cell(table, SAY_PLAIN, "%s", text[0]);
		table_cell(table, SAY_PLAIN, "%s", text[1]);
	}
	table_cell(table, SAY_DIM, "%s", slower_text(slower(counted, level), by));
}

/* The smallest size of a row that was counted, not shown before; −1: none. */
static int first_counted(const struct arrangement *a, const struct sheet *sheet,
			 const struct sheet_row *of, const bool before[])
{
	for (size_t s = 0; s < sheet->size_count; s++) {
		int cell = of->cells[s].cell;

		if (cell < 0 || !result_counts(a->result, (unsigned)cell))
			continue;
		return before[cell] ? -1 : (int)s;
	}
	return -1;
}

static struct table *make_table(const struct arrangement *a, const struct survey *survey,
				const bool shown[], bool before[])
{
	size_t columns = 2;

	for (size_t e = 0; e < survey->events; e++)
		columns += shown[e] ? 2 : 0;
	struct table *table = table_new(columns);

	for (size_t c = 1; c < columns; c++)
		table_column(table, c, TABLE_RIGHT, c % 2 ? 2 : 1);
	table_column(table, columns - 1, TABLE_RIGHT, 2);
	heading(table, survey, shown);
	for (size_t i = 0; i < a->sheet_count; i++) {
		const struct sheet *sheet = &a->sheets[i];
		bool begun = false;

		for (size_t r = 0; r < sheet->row_count; r++) {
			const struct sheet_row *of = &sheet->rows[r];
			int s = first_counted(a, sheet, of, before);

			if (s < 0)
				continue;
			if (!begun) {
				char size[24];

				table_row(table);
				table_span(table, columns, TABLE_LEFT, SAY_DIM, "%s, %s, %s",
					   sheet->pattern, say_size(sheet->sizes[s], size),
					   sheet->situation);
			}
			begun = true;
			before[of->cells[s].cell] = true;
			row(table, survey, shown, of->label,
			    result_counts(a->result, (unsigned)of->cells[s].cell),
			    of->cells[s].level);
		}
	}
	return table;
}

static void put(FILE *stream, const char *text)
{
	char clean[1024];

	fputs(text_clean(text, clean, sizeof clean), stream);
}

static void put_events(FILE *stream, const struct survey *survey, uint64_t of,
		       void (*write)(FILE *, const char *))
{
	const char *separator = "";

	for (size_t e = 0; e < survey->events; e++) {
		if (!(of >> e & 1))
			continue;
		fputs(separator, stream);
		write(stream, event_text(survey->event[e]));
		separator = ", ";
	}
}

/* What was counted and came to next to nothing in every cell has a line instead of a column. */
static uint64_t never_happen(const struct survey *survey)
{
	uint64_t of = 0;

	for (size_t e = 0; e < survey->events; e++)
		if (survey->counted[e] && !survey->happens[e])
			of |= (uint64_t)1 << e;
	return of;
}

/* "not counted: 12 cells: the budget left no time for them (KEY, KEY and 10 more)" */
static void put_missing(FILE *stream, const struct survey *survey, const struct result *result,
			void (*write)(FILE *, const char *))
{
	bool one = survey->missing == 1;

	fprintf(stream, "not counted: %zu cell%s: the budget left no time for %s (",
		survey->missing, one ? "" : "s", one ? "it" : "them");
	write(stream, result->cells[survey->examples[0]].key);
	if (!one) {
		fputs(", ", stream);
		write(stream, result->cells[survey->examples[1]].key);
	}
	if (survey->missing > 2)
		fprintf(stream, " and %zu more", survey->missing - 2);
	fputc(')', stream);
}

static void print_reasons(FILE *stream, const struct survey *survey, const struct result *result)
{
	uint64_t none = never_happen(survey);

	if (none) {
		fputs("  under 0.01 in every cell: ", stream);
		put_events(stream, survey, none, put);
		fputc('\n', stream);
	}
	for (size_t i = 0; i < survey->reasons; i++) {
		fputs(survey->reason[i].usage ? "  by getrusage(2): " : "  not counted: ", stream);
		put_events(stream, survey, survey->reason[i].of, put);
		fputs(": ", stream);
		put(stream, survey->reason[i].text);
		fputc('\n', stream);
	}
	for (size_t i = 0; i < survey->failures; i++) {
		fprintf(stream, "  not counted: %zu cell%s: ", survey->failed[i].cells,
			survey->failed[i].cells == 1 ? "" : "s");
		put(stream, survey->failed[i].text);
		fputc('\n', stream);
	}
	if (survey->missing) {
		fputs("  ", stream);
		put_missing(stream, survey, result, put);
		fputc('\n', stream);
	}
}

int counts_print(FILE *stream, const struct arrangement *a, size_t columns)
{
	struct survey survey;
	bool *before = calloc(a->result->cell_count + 1, sizeof *before), any = false;
	bool shown[MOST];
	int status = before ? 0 : -1;

	look_at(&survey, a->result);
	memcpy(shown, survey.counted, sizeof shown);
	for (size_t e = 0; e < survey.events; e++)
		any |= shown[e];
	if (!before || !a->result->counted_count)
		goto end;
	fputc('\n', stream);
	/* as many events in a line as fit, the others below */
	for (size_t first = 0, behind; any && first < survey.events && !status; first = behind) {
		struct table *table = NULL;

		for (behind = survey.events; behind > first; behind--) {
			bool some = false;

			for (size_t e = 0; e < survey.events; e++) {
				shown[e] = e >= first && e < behind && survey.happens[e];
				some |= shown[e];
			}
			memset(before, 0, a->result->cell_count);
			table_free(table);
			table = some ? make_table(a, &survey, shown, before) : NULL;
			if (!table || behind == first + 1 || table_width(table) + 2 <= columns)
				break;
		}
		status = table ? table_print(stream, table, 2) : 0;
		table_free(table);
	}
	fputs(say_style(stream, SAY_DIM), stream);
	if (any)
		fputs("In visits of their own: peer 0, then peer 1 (or the mean of the others), at "
		      "the "
		      "smallest size.\n"
		      "slower by: what counting added to those visits, and to no figure above: "
		      "counters "
		      "change\n"
		      "hands at each switch, and tracepoints stand in each system call.\n",
		      stream);
	if (survey.helped)
		fputs("sqpoll=yes: the kernel thread that submits for a peer is counted with it.\n",
		      stream);
	if (survey.scaled)
		fputs("~ others had the counters part of the time: scaled.\n", stream);
	if (survey.user_only)
		fputs("u user mode alone: the kernel may not be counted here.\n", stream);
	fputs(say_style(stream, SAY_PLAIN), stream);
	print_reasons(stream, &survey, a->result);
end:
	free(before);
	return status;
}

static const char slowed[] = "How much longer those visits' turns took than the timed ones stands "
			     "behind. It is the price of "
			     "counting, not of the mechanism: the kernel puts a peer's counters "
			     "away and back at each switch, "
			     "and tracepoints stand in each system call and wake-up. A round trip "
			     "with two switches that takes "
			     "5 µs may take twice that while it is counted; a cell that never "
			     "enters the kernel none of it.";
static const char helped[] =
	" sqpoll=yes: the kernel thread that submits for a peer is counted with it.";

/* --- on the page ----------------------------------------------------------------------------- */

static void html_row(FILE *out, const struct survey *survey, const char *label, const char *size,
		     const struct result_counted *counted, const struct level *level)
{
	char text[TEXT_NUMBER];

	fputs("<tr><th scope=\"row\">", out);
	text_html(out, label);
	fprintf(out, "</th><td class=\"n\">%s</td>", size);
	for (size_t e = 0; e < survey->events; e++) {
		const struct result_event *event;

		if (!survey->counted[e])
			continue;
		event = event_of(counted, survey->event[e]->name, e);
		fputs("<td class=\"n\">", out);
		for (unsigned p = 0; event && p < counted->peers; p++) {
			const struct result_count *count = &event->peer[p];

			fputs(p ? " · " : "", out);
			text_html(out, count_text(count->per_operation, is_scaled(count),
						  count->user_only, text));
		}
		fputs(event ? "</td>" : "–</td>", out);
	}
	fprintf(out, "<td class=\"n\">%s</td></tr>\n", slower_text(slower(counted, level), text));
}

static void html_table(FILE *out, const struct arrangement *a, const struct survey *survey,
		       bool before[])
{
	size_t columns = 3;

	fputs("<div class=\"scroll\"><table>\n<thead><tr><th></th><th class=\"n\">size</th>", out);
	for (size_t e = 0; e < survey->events; e++) {
		if (!survey->counted[e])
			continue;
		columns++;
		fputs("<th class=\"n\">", out);
		text_html(out, event_text(survey->event[e]));
		fputs("</th>", out);
	}
	fputs("<th class=\"n\">slower by</th></tr></thead>\n<tbody>\n", out);
	for (size_t i = 0; i < a->sheet_count; i++) {
		const struct sheet *sheet = &a->sheets[i];
		bool begun = false;

		for (size_t r = 0; r < sheet->row_count; r++)
			for (size_t s = 0; s < sheet->size_count; s++) {
				const struct sheet_cell *cell = &sheet->rows[r].cells[s];
				const struct result_counted *counted =
					cell->cell < 0 || before[cell->cell]
						? NULL
						: result_counts(a->result, (unsigned)cell->cell);
				char size[24];

				if (!counted)
					continue;
				if (!begun) {
					fprintf(out, "<tr><th colspan=\"%zu\">", columns);
					text_html(out, sheet->pattern);
					fputs(", ", out);
					text_html(out, sheet->situation);
					fputs("</th></tr>\n", out);
				}
				begun = before[cell->cell] = true;
				html_row(out, survey, sheet->rows[r].label,
					 say_size(sheet->sizes[s], size), counted, cell->level);
			}
	}
	fputs("</tbody>\n</table></div>\n", out);
}

static void html_reasons(FILE *out, const struct survey *survey, const struct result *result)
{
	if (!survey->reasons && !survey->failures && !survey->missing)
		return;
	fputs("<ul>\n", out);
	for (size_t i = 0; i < survey->reasons; i++) {
		fputs(survey->reason[i].usage ? "<li>by getrusage(2): " : "<li>not counted: ", out);
		put_events(out, survey, survey->reason[i].of, text_html);
		fputs(": ", out);
		text_html(out, survey->reason[i].text);
		fputs("</li>\n", out);
	}
	for (size_t i = 0; i < survey->failures; i++) {
		fprintf(out, "<li>not counted: %zu cells: ", survey->failed[i].cells);
		text_html(out, survey->failed[i].text);
		fputs("</li>\n", out);
	}
	if (survey->missing) {
		fputs("<li>", out);
		put_missing(out, survey, result, text_html);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

void counts_html(FILE *out, const struct arrangement *a)
{
	struct survey survey;
	bool *before = calloc(a->result->cell_count + 1, sizeof *before), any = false;

	look_at(&survey, a->result);
	for (size_t e = 0; e < survey.events; e++)
		any |= survey.counted[e];
	fputs("<section id=\"counted\">\n<h2>Counted per operation</h2>\n", out);
	if (!a->result->counted_count)
		fputs("<p>Nothing was counted (<code>--counters</code>).</p>\n", out);
	else if (any)
		fprintf(out,
			"<p>What each peer does in one operation, peer 0 first, counted in visits "
			"of "
			"their own: no time above comes from them. ~: others had the processor's "
			"counters part of the time, and the figure is scaled; u: of user mode "
			"alone.%s</p>\n<p>%s</p>\n",
			survey.helped ? helped : "", slowed);
	if (before && any)
		html_table(out, a, &survey, before);
	if (a->result->counted_count)
		html_reasons(out, &survey, a->result);
	fputs("</section>\n", out);
	free(before);
}

/* --- as Markdown ----------------------------------------------------------------------------- */

static void markdown_row(FILE *out, const struct survey *survey, const char *label,
			 const char *size, const struct result_counted *counted,
			 const struct level *level)
{
	char text[TEXT_NUMBER];

	fputs("| ", out);
	text_markdown(out, label);
	fprintf(out, " | %s |", size);
	for (size_t e = 0; e < survey->events; e++) {
		const struct result_event *event;

		if (!survey->counted[e])
			continue;
		event = event_of(counted, survey->event[e]->name, e);
		for (unsigned p = 0; event && p < counted->peers; p++) {
			const struct result_count *count = &event->peer[p];

			fputs(p ? " · " : " ", out);
			text_markdown(out, count_text(count->per_operation, is_scaled(count),
						      count->user_only, text));
		}
		fputs(event ? " |" : " – |", out);
	}
	fprintf(out, " %s |\n", slower_text(slower(counted, level), text));
}

static void markdown_sheet(FILE *out, const struct survey *survey, const struct arrangement *a,
			   const struct sheet *sheet, bool before[])
{
	bool begun = false;

	for (size_t r = 0; r < sheet->row_count; r++)
		for (size_t s = 0; s < sheet->size_count; s++) {
			const struct sheet_cell *cell = &sheet->rows[r].cells[s];
			const struct result_counted *counted =
				cell->cell < 0 || before[cell->cell]
					? NULL
					: result_counts(a->result, (unsigned)cell->cell);
			char size[24];

			if (!counted)
				continue;
			if (!begun) {
				fputc('\n', out);
				text_markdown(out, sheet->pattern);
				fputs(", ", out);
				text_markdown(out, sheet->situation);
				fputs("\n\n| variant | size |", out);
				for (size_t e = 0; e < survey->events; e++) {
					if (!survey->counted[e])
						continue;
					fputc(' ', out);
					text_markdown(out, event_text(survey->event[e]));
					fputs(" |", out);
				}
				fputs(" slower by |\n| --- | ---: |", out);
				for (size_t e = 0; e < survey->events; e++)
					fputs(survey->counted[e] ? " ---: |" : "", out);
				fputs(" ---: |\n", out);
			}
			begun = before[cell->cell] = true;
			markdown_row(out, survey, sheet->rows[r].label,
				     say_size(sheet->sizes[s], size), counted, cell->level);
		}
}

int counts_markdown(FILE *out, const struct arrangement *a)
{
	struct survey survey;
	bool *before = calloc(a->result->cell_count + 1, sizeof *before), any = false;

	look_at(&survey, a->result);
	for (size_t e = 0; e < survey.events; e++)
		any |= survey.counted[e];
	if (before && a->result->counted_count) {
		fputs("\n## Counted per operation\n\nPeer 0 first, in visits of their own. ", out);
		text_markdown(out, slowed);
		text_markdown(out, survey.helped ? helped : "");
		fputc('\n', out);
	}
	for (size_t i = 0; before && any && i < a->sheet_count; i++)
		markdown_sheet(out, &survey, a, &a->sheets[i], before);
	if (before && a->result->counted_count)
		fputc('\n', out);
	for (size_t i = 0; i < survey.reasons; i++) {
		fputs(survey.reason[i].usage ? "* by getrusage(2): " : "* not counted: ", out);
		put_events(out, &survey, survey.reason[i].of, text_markdown);
		fputs(": ", out);
		text_markdown(out, survey.reason[i].text);
		fputc('\n', out);
	}
	for (size_t i = 0; i < survey.failures; i++) {
		fprintf(out, "* not counted: %zu cells: ", survey.failed[i].cells);
		text_markdown(out, survey.failed[i].text);
		fputc('\n', out);
	}
	if (survey.missing && a->result->counted_count) {
		fputs("* ", out);
		put_missing(out, &survey, a->result, text_markdown);
		fputc('\n', out);
	}
	free(before);
	return before ? 0 : -1;
}

/* --- as CSV ---------------------------------------------------------------------------------- */

static unsigned most_peers(const struct result *result)
{
	unsigned most = 0;

	for (size_t c = 0; c < result->counted_count; c++)
		if (result->counted[c].peers > most)
			most = result->counted[c].peers;
	return most;
}

/* What all lines of a table have in common. */
struct counts_columns {
	const struct result *result;
	struct survey survey;
	unsigned peers;
};

struct counts_columns *counts_columns(const struct result *result)
{
	struct counts_columns *columns = calloc(1, sizeof *columns);

	if (!columns)
		return NULL;
	columns->result = result;
	columns->peers = most_peers(result);
	look_at(&columns->survey, result);
	return columns;
}

void counts_csv_head(FILE *out, const struct counts_columns *columns)
{
	const struct survey *survey = &columns->survey;

	if (columns->result->counted_count)
		fputs(",counted_median_ns", out);
	for (size_t e = 0; e < survey->events; e++)
		for (unsigned p = 0; p < columns->peers; p++) {
			char name[256];

			snprintf(name, sizeof name, "%s_peer_%u", survey->event[e]->name, p);
			fputc(',', out);
			text_csv(out, name);
		}
}

void counts_csv(FILE *out, const struct counts_columns *columns, unsigned cell)
{
	const struct result_counted *counted = result_counts(columns->result, cell);
	const struct survey *survey = &columns->survey;

	if (columns->result->counted_count)
		fputc(',', out);
	if (counted && isfinite(counted->median_ns))
		fprintf(out, "%.9g", counted->median_ns);
	for (size_t e = 0; e < survey->events; e++) {
		const struct result_event *event =
			counted ? event_of(counted, survey->event[e]->name, e) : NULL;

		for (unsigned p = 0; p < columns->peers; p++) {
			fputc(',', out);
			if (event && p < counted->peers && isfinite(event->peer[p].per_operation))
				fprintf(out, "%.9g", event->peer[p].per_operation);
		}
	}
}

/* --- as JSON --------------------------------------------------------------------------------- */

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *event_json(const struct result_event *event, unsigned peers)
{
	json_t *list = json_array();

	for (unsigned p = 0; p < peers; p++) {
		const struct result_count *count = &event->peer[p];
		bool counted = isfinite(count->per_operation);

		json_array_append_new(
			list, json_pack("{s:o, s:o, s:s?, s:b, s:s?}", "per_operation",
					number_json(count->per_operation), "share",
					number_json(count->share), "by",
					!counted       ? NULL
					: count->usage ? "getrusage"
						       : "perf",
					"user_only", count->user_only, "reason", count->reason));
	}
	return json_pack("{s:s, s:s?, s:I, s:o}", "name", event->name, "what", event->what, "group",
			 (json_int_t)event->group, "peers", list);
}

json_t *counts_json(const struct arrangement *a)
{
	json_t *all = json_array();

	for (size_t c = 0; c < a->result->counted_count; c++) {
		const struct result_counted *counted = &a->result->counted[c];
		json_t *events = json_array();

		for (size_t e = 0; e < counted->count; e++)
			json_array_append_new(events,
					      event_json(&counted->events[e], counted->peers));
		json_array_append_new(all, json_pack("{s:s, s:o, s:o, s:o, s:s?, s:o}", "cell",
						     a->result->cells[counted->cell].key, "turns",
						     number_json(counted->turns), "operations",
						     number_json(counted->operations), "median_ns",
						     number_json(counted->median_ns), "reason",
						     counted->reason, "counters", events));
	}
	return all;
}
