/* SPDX-License-Identifier: GPL-3.0-or-later */
/* summary.c - what `toll run` prints at its end, and the same as JSON. */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../bench/say.h"
#include "arrange.h"
#include "counts.h"
#include "decomposed.h"
#include "disturbed.h"
#include "left_out.h"
#include "looks_text.h"
#include "scaling.h"
#include "table.h"
#include "tails_text.h"

enum { PAPER = 100 }; /* columns, where the stream is no terminal */

static size_t columns_of(FILE *stream)
{
	struct winsize window;
	int fd = fileno(stream);

	if (fd >= 0 && isatty(fd) && !ioctl(fd, TIOCGWINSZ, &window) && window.ws_col >= 40)
		return window.ws_col;
	return PAPER;
}

/* Foreign text on the terminal. */
static void put(FILE *stream, const char *text)
{
	char clean[1024];

	fputs(text_clean(text, clean, sizeof clean), stream);
}

static void header(FILE *stream, const struct result *result)
{
	const char *dim = say_style(stream, SAY_DIM), *plain = say_style(stream, SAY_PLAIN);
	char text[256], machine[256], looks[LOOKS_TEXT];
	double elapsed = summary_number(result, "elapsed_s"),
	       rounds = summary_number(result, "rounds");

	fputs(say_style(stream, SAY_BOLD), stream);
	put(stream, result_host(result, "name"));
	fprintf(stream, "%s  ", plain);
	put(stream, result_host(result, "cpu_model"));
	fprintf(stream, "\n%sLinux %s", dim,
		text_clean(result_host(result, "kernel"), text, sizeof text));
	fprintf(stream, " · %s",
		text_clean(header_machine(result, machine, sizeof machine), text, sizeof text));
	fprintf(stream, " · CPUs %s",
		text_clean(result_host(result, "cpus_allowed"), text, sizeof text));
	const char *clock = json_string_value(
		json_object_get(json_object_get(result->header, "clock"), "source"));
	fprintf(stream, " · clock %s", text_clean(clock ? clock : "-", text, sizeof text));
	/* what is there only now and then, and weighs */
	static const char *const told[][2] = { { "container", "container" },
					       { "governor", "governor" },
					       { "turbo", "turbo" } };
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		text_clean(result_host(result, told[i][0]), text, sizeof text);
		if (strcmp(text, "-") != 0)
			fprintf(stream, " · %s %s", told[i][1], text);
	}
	fputc('\n', stream);
	fprintf(stream, "toll %s", text_clean(header_text(result, "toll"), text, sizeof text));
	fprintf(stream, " · %s", text_clean(header_text(result, "created"), text, sizeof text));
	fprintf(stream, " · seed %llu", (unsigned long long)result->seed);
	if (isfinite(rounds))
		fprintf(stream, " · %.0f round%s", rounds, rounds == 1 ? "" : "s");
	if (isfinite(elapsed))
		fprintf(stream, " · %s", say_duration(elapsed, text));
	fprintf(stream, " · %zu worker%s%s\n", result->worker_count,
		result->worker_count == 1 ? "" : "s", plain);
	if (*looks_text(result, looks))
		fprintf(stream, "%s\n", looks);
	if (!result->summary)
		fprintf(stream, "%sThe run has not ended by itself: what was finished is below%s\n",
			say_style(stream, SAY_BAD), plain);
	else if (ended_early(result))
		fprintf(stream, "%sThe run was %s%s\n", say_style(stream, SAY_BAD),
			text_clean(ended_early(result), text, sizeof text), plain);
	if (result->truncated)
		fprintf(stream, "%sThe last line of the file was cut and is left out%s\n",
			say_style(stream, SAY_BAD), plain);
}

/* How much of a sheet a table shows: some sizes, and CPU time for some of them. */
struct panel {
	const struct sheet *sheet;
	struct text_unit unit, cpu_unit;
	size_t first, count,
		cpu_count; /* sizes first … first + count − 1; CPU time from first on */
};

static void heading(struct table *table, const struct panel *panel)
{
	const struct sheet *sheet = panel->sheet;
	char size[24];

	table_row(table);
	if (panel->count)
		table_span(table, 1 + 3 * panel->count, TABLE_LEFT, SAY_BOLD, "%s: %s, %s",
			   sheet->pattern, measure_text(sheet->measure), panel->unit.name);
	else
		table_cell(table, SAY_PLAIN, "%s", "");
	if (panel->cpu_count)
		table_span(table, panel->cpu_count, TABLE_RIGHT, SAY_DIM, "CPU/message, %s",
			   panel->cpu_unit.name);
	table_row(table);
	table_cell(table, SAY_PLAIN, "%s", "");
	for (size_t s = panel->first; s < panel->first + panel->count; s++) {
		table_span(table, 2, TABLE_RIGHT, SAY_HEAD, "%s", say_size(sheet->sizes[s], size));
		table_cell(table, SAY_PLAIN, "%s", "");
	}
	for (size_t s = panel->first; s < panel->first + panel->cpu_count; s++)
		table_span(table, 1, TABLE_RIGHT, SAY_DIM, "%s", say_size(sheet->sizes[s], size));
}

static void value_cells(struct table *table, const struct panel *panel,
			const struct sheet_cell *cell)
{
	char number[TEXT_NUMBER], spread[TEXT_NUMBER];

	if (!cell->level) {
		bool failed = cell->failed;
		table_span(table, 1, failed ? TABLE_RIGHT : TABLE_POINT, failed ? SAY_BAD : SAY_DIM,
			   "%s", failed ? "failed" : "-");
		table_cell(table, SAY_PLAIN, "%s", "");
		table_cell(table, SAY_PLAIN, "%s", "");
		return;
	}
	struct interval value = measure_value(panel->sheet->measure, cell->level);
	enum say_style style = cell->fastest || cell->tied ? SAY_GOOD : SAY_PLAIN;
	table_cell(table, style, "%s", text_number(value.estimate / panel->unit.scale, number));
	table_cell(table, SAY_DIM, "%s", text_spread(value, spread));
	char lost[TEXT_NUMBER];
	text_lost(cell->level->lost, cell->level->due, lost);
	table_cell(table, *lost ? SAY_BAD : SAY_GOOD, "%s%s%s%s",
		   cell->fastest ? "◂"
		   : cell->tied  ? "◃"
				 : "",
		   cell->level->bimodal ? "‡" : "", *lost ? " " : "", lost);
}

static struct table *panel_table(const struct panel *panel)
{
	const struct sheet *sheet = panel->sheet;
	size_t columns = 1 + 3 * panel->count + panel->cpu_count;
	struct table *table = table_new(columns);
	char number[TEXT_NUMBER];

	for (size_t s = 0; s < panel->count; s++) {
		table_column(table, 1 + 3 * s, TABLE_POINT, s ? 1 : 2);
		table_column(table, 2 + 3 * s, TABLE_RIGHT, 1);
		table_column(table, 3 + 3 * s, TABLE_LEFT, 1);
	}
	for (size_t c = 0; c < panel->cpu_count; c++)
		table_column(table, 1 + 3 * panel->count + c, TABLE_POINT, c ? 2 : 3);
	heading(table, panel);
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct sheet_row *row = &sheet->rows[r];
		table_row(table);
		table_cell(table, SAY_PLAIN, "%s", row->label);
		for (size_t s = panel->first; s < panel->first + panel->count; s++)
			value_cells(table, panel, &row->cells[s]);
		for (size_t s = panel->first; s < panel->first + panel->cpu_count; s++) {
			const struct level *level = row->cells[s].level;
			table_cell(table, SAY_DIM, "%s",
				   text_number(level ? level->cpu_ns / panel->cpu_unit.scale : NAN,
					       number));
		}
	}
	return table;
}

static bool fits(const struct panel *panel, size_t columns)
{
	struct table *table = panel_table(panel);
	bool narrow = table_width(table) + 2 <= columns;

	table_free(table);
	return narrow;
}

static int print_panel(FILE *stream, const struct panel *panel)
{
	struct table *table = panel_table(panel);
	int status = table_print(stream, table, 2);

	table_free(table);
	return status;
}

/* CPU times stand beside the figures where there is room, else below; as many sizes in a line as
 * fit. */
static int print_sheet(FILE *stream, const struct sheet *sheet, size_t columns)
{
	struct panel panel = { .sheet = sheet,
			       .unit = sheet_unit(sheet),
			       .cpu_unit = sheet_cpu_unit(sheet),
			       .count = sheet->size_count,
			       .cpu_count = sheet->size_count };

	if (fits(&panel, columns))
		return print_panel(stream, &panel);
	panel.cpu_count = 0;
	for (; panel.first < sheet->size_count; panel.first += panel.count) {
		panel.count = sheet->size_count - panel.first;
		while (panel.count > 1 && !fits(&panel, columns))
			panel.count--;
		if (print_panel(stream, &panel))
			return -1;
	}
	panel.count = 0;
	for (panel.first = 0; panel.first < sheet->size_count; panel.first += panel.cpu_count) {
		panel.cpu_count = sheet->size_count - panel.first;
		while (panel.cpu_count > 1 && !fits(&panel, columns))
			panel.cpu_count--;
		if (print_panel(stream, &panel))
			return -1;
	}
	return 0;
}

/* Of a pattern on a schedule: what it offered, and what of it came where that is not all. */
static void print_schedule(FILE *stream, const struct sheet *sheet)
{
	double offered = NAN;
	size_t short_of = 0;
	char text[TEXT_NUMBER];

	for (size_t r = 0; r < sheet->row_count; r++) {
		for (size_t s = 0; s < sheet->size_count; s++) {
			const struct level *level = sheet->rows[r].cells[s].level;
			if (!level || !isfinite(level->offered_per_s))
				continue;
			offered = level->offered_per_s;
			short_of += level->achieved.estimate < 0.99;
		}
	}
	if (!isfinite(offered))
		return;
	fprintf(stream, "  %soffered %.0f messages/s; ", say_style(stream, SAY_DIM), offered);
	if (!short_of)
		fprintf(stream, "all came, within 1 %%%s\n", say_style(stream, SAY_PLAIN));
	else
		fprintf(stream, "%sbehind the schedule%s:", say_style(stream, SAY_BAD),
			say_style(stream, SAY_PLAIN));
	for (size_t r = 0; r < sheet->row_count && short_of; r++) {
		for (size_t s = 0; s < sheet->size_count; s++) {
			const struct level *level = sheet->rows[r].cells[s].level;
			if (!level || !(level->achieved.estimate < 0.99))
				continue;
			fputc(' ', stream);
			put(stream, sheet->rows[r].label);
			fprintf(stream, " %s", say_size(sheet->sizes[s], text));
			fprintf(stream, " %s came%s", tails_achieved(level, text),
				--short_of ? "," : "\n");
		}
	}
}

/* Some of the quantiles of a sheet's column. */
struct tail_panel {
	const struct arrangement *a;
	const struct sheet *sheet;
	size_t size, first, count;
};

static struct table *tail_table(const struct tail_panel *panel)
{
	const struct sheet *sheet = panel->sheet;
	struct table *table = table_new(1 + 2 * panel->count);
	struct text_unit unit = tails_unit(panel->a, sheet, panel->size);
	char size[24], text[TEXT_NUMBER];

	for (size_t q = 0; q < panel->count; q++) {
		table_column(table, 1 + 2 * q, TABLE_POINT, 2);
		table_column(table, 2 + 2 * q, TABLE_RIGHT, 1);
	}
	table_row(table);
	table_span(table, 1 + 2 * panel->count, TABLE_LEFT, SAY_BOLD, "%s %s, tails: %s, %s",
		   sheet->pattern, say_size(sheet->sizes[panel->size], size),
		   measure_text(sheet->measure), unit.name);
	table_row(table);
	table_cell(table, SAY_PLAIN, "%s", "");
	for (size_t q = panel->first; q < panel->first + panel->count; q++)
		table_span(table, 2, TABLE_RIGHT, SAY_HEAD, "%s", tails_name(q, text));
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct tail *tail = tails_at(panel->a, &sheet->rows[r].cells[panel->size]);
		if (!tail)
			continue;
		table_row(table);
		table_cell(table, SAY_PLAIN, "%s", sheet->rows[r].label);
		for (size_t q = panel->first; q < panel->first + panel->count; q++) {
			const struct tail_value *value = &tail->value[q];
			bool known = value->why == TAIL_KNOWN;
			table_cell(
				table, known ? SAY_PLAIN : SAY_DIM, "%s",
				text_number(known ? value->ns.estimate / unit.scale : NAN, text));
			table_cell(table, SAY_DIM, "%s", known ? text_spread(value->ns, text) : "");
		}
	}
	return table;
}

static int print_tail_panel(FILE *stream, struct tail_panel *panel, size_t columns)
{
	for (;; panel->count--) {
		struct table *table = tail_table(panel);
		int status = 1;
		if (panel->count == 1 || table_width(table) + 2 <= columns)
			status = table_print(stream, table, 2);
		table_free(table);
		if (status <= 0)
			return status;
	}
}

/* The quantiles of a sheet, where the run has them, size by size; as many in a line as fit. */
static int print_tails(FILE *stream, const struct arrangement *a, const struct sheet *sheet,
		       size_t columns)
{
	char text[TAILS_TEXT];

	for (size_t s = 0; s < sheet->size_count; s++) {
		struct tail_panel panel = { .a = a, .sheet = sheet, .size = s };
		if (!tails_rows(a, sheet, s))
			continue;
		for (; panel.first < TAIL_QUANTILES; panel.first += panel.count) {
			panel.count = TAIL_QUANTILES - panel.first;
			if (print_tail_panel(stream, &panel, columns))
				return -1;
		}
		for (size_t q = 0; q < TAIL_QUANTILES; q++) {
			if (!*tails_missing(a, sheet, s, q, text))
				continue;
			fprintf(stream, "  %s- ", say_style(stream, SAY_DIM));
			put(stream, text);
			fprintf(stream, "%s\n", say_style(stream, SAY_PLAIN));
		}
	}
	return 0;
}

static bool both_states(const struct arrangement *a)
{
	bool seen[3] = { false };

	for (size_t i = 0; i < a->sheet_count; i++)
		seen[a->sheets[i].state] = true;
	return seen[STATE_NEAR] && seen[STATE_FAR];
}

static void print_modes(FILE *stream, const struct arrangement *a)
{
	enum { MOST = 6 };
	size_t found = 0;

	for (size_t i = 0; i < a->sheet_count; i++) {
		const struct sheet *sheet = &a->sheets[i];
		for (size_t r = 0; r < sheet->row_count; r++) {
			for (size_t s = 0; s < sheet->size_count; s++) {
				const struct level *level = sheet->rows[r].cells[s].level;
				char low[24], high[24];
				if (!level || !level->bimodal || found++ >= MOST)
					continue;
				fputs("‡ two modes: ", stream);
				put(stream, a->result->cells[level->cell].key);
				if (sheet->state != STATE_NONE)
					fprintf(stream, " (%s)", state_text(sheet->state));
				fprintf(stream, ", %s and %s per operation\n",
					say_ns(level->mode_ns[0], low),
					say_ns(level->mode_ns[1], high));
			}
		}
	}
	if (found > MOST)
		fprintf(stream, "‡ two modes in %zu more cells; the page has them\n", found - MOST);
}

/* The next run of factors that differ in size only: its length. */
static size_t sharing_run(const struct arrangement *a, size_t first)
{
	size_t i = first + 1;

	while (i < a->sharing_count && a->sharing[i].sheet == a->sharing[first].sheet &&
	       !strcmp(a->sharing[i].shared->mechanism, a->sharing[first].shared->mechanism) &&
	       !strcmp(a->sharing[i].shared->options, a->sharing[first].shared->options) &&
	       a->sharing[i].shared->wait == a->sharing[first].shared->wait &&
	       a->sharing[i].shared->wait_amount == a->sharing[first].shared->wait_amount &&
	       a->sharing[i].shared->replica == a->sharing[first].shared->replica)
		i++;
	return i - first;
}

static void print_sharing(FILE *stream, const struct arrangement *a)
{
	enum { ACROSS = 3 }; /* sizes in a line: 100 columns */
	size_t most = 0;

	if (!a->sharing_count)
		return;
	for (size_t i = 0; i < a->sharing_count && most < ACROSS; i += sharing_run(a, i))
		most = sharing_run(a, i) > most ? sharing_run(a, i) : most;
	if (most > ACROSS)
		most = ACROSS;
	fprintf(stream,
		"\n%sFalse sharing%s  %stime with all counters on one line / with a line each%s\n",
		say_style(stream, SAY_BOLD), say_style(stream, SAY_PLAIN),
		say_style(stream, SAY_DIM), say_style(stream, SAY_PLAIN));
	struct table *table = table_new(2 + 3 * most);
	for (size_t s = 0; s < most; s++) {
		table_column(table, 2 + 3 * s, TABLE_RIGHT, 3);
		table_column(table, 3 + 3 * s, TABLE_POINT, 1);
		table_column(table, 4 + 3 * s, TABLE_RIGHT, 1);
	}
	for (size_t i = 0, run; i < a->sharing_count; i += run) {
		const struct sharing *one = &a->sharing[i];
		char wait[48], text[TEXT_NUMBER];
		run = sharing_run(a, i);
		for (size_t s = 0; s < run; s++, one++) {
			if (s % ACROSS == 0) {
				table_row(table);
				table_cell(table, SAY_PLAIN, "%s%s%s", one->shared->placement,
					   *state_text(one->state) ? ", " : "",
					   state_text(one->state));
				table_cell(table, SAY_PLAIN, "%s %s, %s", one->shared->mechanism,
					   one->sheet->pattern,
					   cell_wait_text(one->shared, wait, sizeof wait));
			}
			table_cell(table, SAY_HEAD, "%s", say_size(one->shared->size, text));
			table_cell(table, SAY_BOLD, "%s", text_number(one->factor.estimate, text));
			table_cell(table, SAY_DIM, "× %s", text_spread(one->factor, text));
		}
	}
	table_print(stream, table, 2);
	table_free(table);
}

/* Text in lines of so many columns, all but the first indented. Words are never cut. */
static void put_wrapped(FILE *stream, const char *text, size_t indent, size_t columns)
{
	char clean[1024], *rest = text_clean(text, clean, sizeof clean), *word;
	size_t used = indent;

	while ((word = strsep(&rest, " "))) {
		size_t width = text_width(word);
		if (used > indent && used + 1 + width > columns) {
			fprintf(stream, "\n%*s", (int)indent, "");
			used = indent;
		} else if (used > indent) {
			fputc(' ', stream);
			used++;
		}
		fputs(word, stream);
		used += width;
	}
}

/* One reason to a line, as wide as the terminal; a file has no width, and is searched. */
static void print_reasons(FILE *stream, const char *title, const char *what,
			  const struct reason reasons[], size_t count)
{
	enum { MOST = 20 };
	size_t columns = isatty(fileno(stream)) ? columns_of(stream) : SIZE_MAX, rest = 0;
	int digits = 0, indent = (int)strlen(what);
	char number[24];

	if (!count)
		return;
	for (size_t i = 0; i < count; i++) {
		int its = snprintf(number, sizeof number, "%zu", reasons[i].count);
		digits = its > digits ? its : digits;
	}
	indent += digits + 6; /* "  17 cells  " */
	fprintf(stream, "\n%s%s%s\n", say_style(stream, SAY_BOLD), title,
		say_style(stream, SAY_PLAIN));
	for (size_t i = 0; i < count && i < MOST; i++) {
		const struct reason *reason = &reasons[i];
		fprintf(stream, "  %*zu %s%s  ", digits, reason->count, what,
			reason->count == 1 ? " " : "s");
		put_wrapped(stream, reason->text, (size_t)indent, columns);
		fprintf(stream, "\n%*s%s", indent, "", say_style(stream, SAY_DIM));
		size_t k, used = (size_t)indent + text_width(reason->keys[0]);
		put(stream, reason->keys[0]);
		for (k = 1; k < reason->key_count && k < 2; k++) {
			used += 2 + text_width(reason->keys[k]);
			if (used + strlen(" and 1000 more") > columns)
				break;
			fputs(", ", stream);
			put(stream, reason->keys[k]);
		}
		if (reason->key_count > k)
			fprintf(stream, " and %zu more", reason->key_count - k);
		fprintf(stream, "%s\n", say_style(stream, SAY_PLAIN));
	}
	for (size_t i = MOST; i < count; i++)
		rest += reasons[i].count;
	if (rest)
		fprintf(stream, "  %*zu %s%s  for %zu more reason%s; the page has them\n", digits,
			rest, what, rest == 1 ? " " : "s", count - MOST,
			count - MOST == 1 ? "" : "s");
}

static void tails_legend(FILE *stream, const struct arrangement *a, size_t columns)
{
	char text[TAILS_TEXT];

	if (!a->tail_count)
		return;
	put_wrapped(stream, tails_method(a, text), 0, columns);
	fputc('\n', stream);
	for (int cut = 0; cut < 2; cut++) {
		if (!*(cut ? tails_cut : tails_host)(a, text))
			continue;
		fputs(say_style(stream, SAY_BAD), stream);
		put_wrapped(stream, text, 0, columns);
		fprintf(stream, "%s\n", say_style(stream, SAY_PLAIN));
	}
}

static void legend(FILE *stream, const struct arrangement *a)
{
	bool any_tied = false, any_wide = false, any_loses = false;

	for (size_t i = 0; i < a->sheet_count; i++)
		for (size_t r = 0; r < a->sheets[i].row_count; r++)
			for (size_t s = 0; s < a->sheets[i].size_count; s++) {
				const struct sheet_cell *cell = &a->sheets[i].rows[r].cells[s];
				any_tied |= cell->tied;
				any_loses |= cell->level && level_loses(cell->level);
				any_wide |= cell->level &&
					    cell->level->ns.high > 1.99 * cell->level->ns.estimate;
			}
	fprintf(stream, "%s%s%s\n", say_style(stream, SAY_DIM), "◂ fastest of its column",
		any_tied ? "; ◃ pairs of workers do not tell it from the fastest" : "");
	fputs("± half of the 95 % interval over workers; ±? too few of them. RTT: the whole round "
	      "trip.\n"
	      "CPU/message: CPU time of all peers together; a round trip is two messages.\n",
	      stream);
	if (any_loses)
		fputs("What lost more than one message in a thousand is not ranked.\n", stream);
	if (any_wide)
		fputs("×÷3: the interval goes from a third to three times the figure; more rounds "
		      "narrow it.\n",
		      stream);
	if (both_states(a))
		fputs("Host state: one cache line took over 80 ns between the CPUs (far) or less "
		      "(near).\n",
		      stream);
	fputs(say_style(stream, SAY_PLAIN), stream);
}

int report_summary(FILE *stream, const struct result *result, const struct level levels[], size_t n)
{
	struct arrangement *a = arrange(result, levels, n);
	size_t columns = columns_of(stream), reasons = 0;
	int status = 0;

	if (!a) {
		say_error("out of memory while laying out the summary");
		return EXIT_USAGE;
	}
	header(stream, result);
	for (size_t i = 0; i < a->sheet_count && !status; i++) {
		const struct sheet *sheet = &a->sheets[i];
		fputc('\n', stream);
		if (sheet->new_situation) {
			fputs(say_style(stream, SAY_HEAD), stream);
			put(stream, sheet->situation);
			fprintf(stream, "%s  %s", say_style(stream, SAY_PLAIN),
				say_style(stream, SAY_DIM));
			put(stream, sheet->conditions);
			fprintf(stream, "%s\n", say_style(stream, SAY_PLAIN));
		}
		status = print_sheet(stream, sheet, columns);
		print_schedule(stream, sheet);
		status = status ? status : print_tails(stream, a, sheet, columns);
	}
	if (!a->sheet_count)
		fputs("\nNothing was measured.\n", stream);
	print_sharing(stream, a);
	if (scaling_print(stream, a) || counts_print(stream, a, columns) ||
	    decomposed_print(stream, a))
		status = -1;
	struct reason *refused = left_out(a, &reasons);
	status = refused ? status : -1;
	print_reasons(stream, "Left out", "cell", refused, refused ? reasons : 0);
	left_out_free(refused, reasons);
	print_reasons(stream, "Failed", "worker", a->failed, a->failed_count);
	fputc('\n', stream);
	print_modes(stream, a);
	if (a->unsettled_workers)
		fprintf(stream, "%zu worker%s never settled (kept and counted)\n",
			a->unsettled_workers, a->unsettled_workers == 1 ? "" : "s");
	char disturbed[DISTURBED_TEXT];
	if (*disturbed_text(a->result, disturbed))
		fprintf(stream, "disturbed: %s\n", disturbed);
	tails_legend(stream, a, columns);
	legend(stream, a);
	arrange_free(a);
	if (status || fflush(stream) || ferror(stream)) {
		say_error("the summary could not be written: %m");
		return EXIT_USAGE;
	}
	return EXIT_FINE;
}

/* JSON has no NaN: what is not known is null. */
static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *interval_json(struct interval i)
{
	return json_pack("{s:o, s:o, s:o, s:I}", "estimate", number_json(i.estimate), "low",
			 number_json(i.low), "high", number_json(i.high), "n", (json_int_t)i.n);
}

static json_t *reasons_json(const struct reason reasons[], size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *keys = json_array();
		for (size_t k = 0; k < reasons[i].key_count && k < 4; k++)
			json_array_append_new(keys, json_string(reasons[i].keys[k]));
		json_array_append_new(array, json_pack("{s:s, s:I, s:o}", "reason", reasons[i].text,
						       "count", (json_int_t)reasons[i].count,
						       "examples", keys));
	}
	return array;
}

static json_t *tail_json(const struct tail *tail)
{
	json_t *quantiles = json_array();
	char reason[TAILS_TEXT];

	for (size_t q = 0; q < TAIL_QUANTILES; q++) {
		const struct tail_value *value = &tail->value[q];
		json_t *object = json_pack(
			"{s:f, s:o, s:o}", "p", value->p, "ns",
			value->why == TAIL_KNOWN ? interval_json(value->ns) : json_null(), "raw_ns",
			value->why == TAIL_KNOWN ? interval_json(value->raw_ns) : json_null());
		if (*tail_reason(tail, q, reason, sizeof reason))
			json_object_set_new(object, "reason", json_string(reason));
		json_array_append_new(quantiles, object);
	}
	return json_pack("{s:o, s:I, s:o, s:o, s:o, s:o}", "quantiles", quantiles, "workers",
			 (json_int_t)tail->workers, "operations", number_json(tail->operations),
			 "operations_least", number_json(tail->operations_least), "clock_ns",
			 number_json(tail->clock_ns), "most_ns", number_json(tail->most_ns));
}

static json_t *cell_json(const struct arrangement *a, const struct sheet *sheet,
			 const struct sheet_cell *cell)
{
	const struct result_cell *of = &a->result->cells[cell->cell];
	const struct level *level = cell->level;
	json_t *object = json_pack("{s:s, s:s, s:s}", "cell", of->key, "situation",
				   sheet->situation, "quantity", quantity_name(of->quantity));

	if (sheet->state != STATE_NONE)
		json_object_set_new(object, "host_state", json_string(state_text(sheet->state)));
	if (!level) {
		json_object_set_new(object, "failed", json_boolean(cell->failed));
		return object;
	}
	json_object_set_new(object, quantity_name(of->quantity), interval_json(level->ns));
	json_object_set_new(object, "median_ns", interval_json(level->median_ns));
	json_object_set_new(object, "bytes_per_s", interval_json(level->bytes_per_s));
	json_object_set_new(object, "cpu_ns", number_json(level->cpu_ns));
	json_t *sides = json_array();
	for (unsigned p = 0; p < of->cell.peers; p++)
		json_array_append_new(sides, number_json(level->cpu_side_ns[p]));
	json_object_set_new(object, "cpu_side_ns", sides);
	json_object_set_new(object, "workers", json_integer((json_int_t)level->workers));
	json_object_set_new(object, "failed_workers", json_integer((json_int_t)level->failed));
	json_object_set_new(object, "unsettled", json_integer((json_int_t)level->unsettled));
	json_object_set_new(object, "lost", number_json(level->lost));
	json_object_set_new(object, "due", number_json(level->due));
	json_object_set_new(object, "fastest", json_boolean(cell->fastest));
	json_object_set_new(object, "not_told_from_fastest", json_boolean(cell->tied));
	if (isfinite(level->offered_per_s)) {
		json_object_set_new(object, "offered_per_s", number_json(level->offered_per_s));
		json_object_set_new(object, "achieved", interval_json(level->achieved));
	}
	if (tails_at(a, cell))
		json_object_set_new(object, "tails", tail_json(tails_at(a, cell)));
	if (level->bimodal)
		json_object_set_new(object, "modes_ns",
				    json_pack("[o, o]", number_json(level->mode_ns[0]),
					      number_json(level->mode_ns[1])));
	return object;
}

static json_t *sharing_json(const struct arrangement *a)
{
	json_t *array = json_array();

	for (size_t i = 0; i < a->sharing_count; i++) {
		const struct sharing *one = &a->sharing[i];
		char shared[CELL_KEY], slot[CELL_KEY];
		cell_key(one->shared, shared, sizeof shared);
		cell_key(one->slot, slot, sizeof slot);
		json_array_append_new(
			array, json_pack("{s:s, s:s, s:s, s:o, s:b}", "shared_line", shared, "slot",
					 slot, "host_state", state_text(one->state), "factor",
					 interval_json(one->factor), "paired", one->paired));
	}
	return array;
}

int report_json(FILE *stream, const struct result *result, const struct level levels[], size_t n)
{
	struct arrangement *a = arrange(result, levels, n);

	if (!a) {
		say_error("out of memory while laying out the summary");
		return EXIT_USAGE;
	}
	json_t *cells = json_array();
	for (size_t i = 0; i < a->sheet_count; i++)
		for (size_t r = 0; r < a->sheets[i].row_count; r++)
			for (size_t s = 0; s < a->sheets[i].size_count; s++)
				if (a->sheets[i].rows[r].cells[s].cell >= 0)
					json_array_append_new(
						cells, cell_json(a, &a->sheets[i],
								 &a->sheets[i].rows[r].cells[s]));
	json_t *object = json_pack(
		"{s:s, s:s, s:s, s:I, s:O, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:b}",
		"result", result->path, "toll", header_text(result, "toll"), "created",
		header_text(result, "created"), "seed", (json_int_t)result->seed, "host",
		json_object_get(result->header, "host"), "ended",
		json_string_value(json_object_get(result->summary, "ended")), "rounds",
		number_json(summary_number(result, "rounds")), "elapsed_s",
		number_json(summary_number(result, "elapsed_s")), "looks", looks_json(result),
		"cells", cells, "false_sharing", sharing_json(a), "scaling", scaling_json(a),
		"counted", counts_json(a), "decomposed", decomposed_json(a), "controls",
		controls_of_json(a), "refused", reasons_json(a->refused, a->refused_count),
		"failed", reasons_json(a->failed, a->failed_count), "disturbed",
		disturbed_json(result), "truncated", result->truncated);
	arrange_free(a);
	int status = object ? json_dumpf(object, stream, JSON_INDENT(1)) : -1;
	json_decref(object);
	if (status || fputc('\n', stream) == EOF || fflush(stream)) {
		say_error("the summary could not be written as JSON");
		return EXIT_USAGE;
	}
	return EXIT_FINE;
}
