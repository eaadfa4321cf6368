/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decomposed.c - where the time of round trips goes: the parts by the run's controls, beside what
 * was measured, and what is left over. */
#include "decomposed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/say.h"
#include "table.h"

/* Beyond it the rest is told to be there: the parts do not explain the cell. */
static const double explained = 0.15;
/* A summary shows so many rows of it; of more, those of the smallest size. */
enum { SUMMARY_ROWS = 16, LABEL = 3 * CELL_NAME + CELL_OPTIONS };

/* ---- looking up ---- */

static int by_level(const void *key, const void *element)
{
	const struct level *level = key, *its = ((const struct decomposition *)element)->level;

	return (level > its) - (level < its);
}

const struct decomposition *decomposed_of(const struct arrangement *a, const struct level *level)
{
	/* both are in the order of levels, an array */
	return level && a->decomposed_count ? bsearch(level, a->decomposed, a->decomposed_count,
						      sizeof *a->decomposed, by_level)
					    : NULL;
}

const struct decomposition *decomposed_at(const struct arrangement *a,
					  const struct sheet_cell *cell)
{
	return decomposed_of(a, cell->level);
}

size_t decomposed_parts(const struct arrangement *a, const struct sheet *sheet, bool has[PARTS])
{
	size_t n = 0;

	memset(has, 0, PARTS * sizeof *has);
	for (size_t r = 0; r < sheet->row_count; r++)
		for (size_t s = 0; s < sheet->size_count; s++) {
			const struct decomposition *d = decomposed_at(a, &sheet->rows[r].cells[s]);

			n += d != NULL;
			for (unsigned p = 0; d && p < PARTS; p++)
				has[p] |= !*d->why && isfinite(d->count[p]);
		}
	return n;
}

const char *decomposed_name(const struct sheet *sheet, enum part part)
{
	const struct cell *cell = sheet->sample;

	if (part == PART_SLEEPS && cell->peers > 1 && cell->cpus[0] != cell->cpus[1])
		return "wake-ups";
	return decompose_part_text(part);
}

char *decomposed_label(const struct sheet *sheet, size_t row, size_t size, char *out, size_t bytes)
{
	char text[24];

	snprintf(out, bytes, "%s, %s", sheet->rows[row].label, say_size(sheet->sizes[size], text));
	return out;
}

/* Figures that add up have equal decimals; −: a sum that is less for it. */
static char *fixed_text(double value, int decimals, bool sign, char out[TEXT_NUMBER])
{
	if (isfinite(value) && fabs(value) < 1e12)
		snprintf(out, TEXT_NUMBER, "%s%.*f",
			 value < 0 ? "−"
			 : sign    ? "+"
				   : "",
			 decimals, fabs(value));
	else
		snprintf(out, TEXT_NUMBER, "-");
	return out;
}

static char *percent_text(double share, char out[TEXT_NUMBER])
{
	if (isfinite(share) && fabs(share) < 100)
		snprintf(out, TEXT_NUMBER, "%s%.0f %%", share < 0 ? "−" : "+", fabs(100 * share));
	else
		snprintf(out, TEXT_NUMBER, "-");
	return out;
}

static bool is_unexplained(const struct decomposition *d)
{
	return fabs(d->rest.estimate) > explained * d->level->ns.estimate;
}

/* ---- controls ---- */

static const char *control_about(const struct result_control *control, char out[LABEL])
{
	static const char *const texts[] = {
		[CONTROL_CLOCK] = "a reading of the clock",
		[CONTROL_GETPPID] = "getppid()",
		[CONTROL_WAKE_NOBODY] = "FUTEX_WAKE of nobody",
		[CONTROL_WAIT_NOT] = "FUTEX_WAIT that need not wait",
		[CONTROL_PIPE_BYTE] = "a byte through a pipe, alone",
		[CONTROL_HANDOVER] = "hand-over by futex, both ways",
		[CONTROL_SWITCH] = "context switch",
		[CONTROL_WAKE_AWAKE] = "wake-up of a CPU kept awake",
		[CONTROL_WAKE_IDLE] = "wake-up of an idle CPU",
		[CONTROL_SELF] = "the empty harness, a message",
	};
	const struct control *is = &control->is;
	char size[24];

	if (is->kind == CONTROL_COPY)
		snprintf(out, LABEL, "copy of %s, %s", say_size(is->bytes, size), is->name);
	else if (is->kind == CONTROL_LINE)
		snprintf(out, LABEL, "%s by cache lines, one way", say_size(is->bytes, size));
	else
		snprintf(out, LABEL, "%s", texts[is->kind]);
	return out;
}

/* Those of the machine and the empty harness: the other selfs stand in the decomposition. */
static bool is_shown(const struct result_control *control)
{
	return control->is.kind != CONTROL_SELF || !strcmp(control->cell.mechanism, "null");
}

static char *cpus_text(const struct control *control, char out[TEXT_NUMBER])
{
	if (control->cpu_count == 2)
		snprintf(out, TEXT_NUMBER, "CPU %d → %d", control->cpus[0], control->cpus[1]);
	else
		snprintf(out, TEXT_NUMBER, "CPU %d", control->cpus[0]);
	return out;
}

/* Of a copy: how much a second. */
static char *rate_text(const struct control *control, double ns, char out[TEXT_NUMBER])
{
	out[0] = '\0';
	if (control->kind == CONTROL_COPY && ns > 0) {
		char number[TEXT_NUMBER];
		double rate = (double)control->bytes / ns * 1e9;
		struct text_unit unit = text_unit_bytes_per_s(rate);

		snprintf(out, TEXT_NUMBER, "%s %s", text_number(rate / unit.scale, number),
			 unit.name);
	}
	return out;
}

static const char *control_reason(const struct result_control *control)
{
	return *control->is.reason  ? control->is.reason
	       : *control->failure  ? control->failure
	       : control->count > 0 ? ""
				    : "the run left no time for it";
}

static int print_controls(FILE *stream, const struct arrangement *a)
{
	const struct result *result = a->result;
	struct table *table = table_new(6);
	char label[LABEL], text[TEXT_NUMBER];

	table_column(table, 2, TABLE_POINT, 2);
	table_column(table, 3, TABLE_LEFT, 1);
	table_column(table, 4, TABLE_RIGHT, 1);
	for (size_t i = 0; i < result->control_count; i++) {
		const struct result_control *control = &result->controls[i];

		if (!is_shown(control))
			continue;
		struct interval v = decompose_control(control);
		struct text_unit unit = text_unit_one_ns(v.estimate);

		table_row(table);
		table_cell(table, SAY_PLAIN, "%s", control_about(control, label));
		table_cell(table, SAY_DIM, "%s", cpus_text(&control->is, text));
		if (!isfinite(v.estimate)) {
			table_cell(table, SAY_DIM, "-");
			table_span(table, 3, TABLE_LEFT, SAY_DIM, "%s", control_reason(control));
			continue;
		}
		table_cell(table, SAY_PLAIN, "%s", text_number(v.estimate / unit.scale, text));
		table_cell(table, SAY_PLAIN, "%s", unit.name);
		table_cell(table, SAY_DIM, "%s", text_spread(v, text));
		table_cell(table, SAY_DIM, "%s", rate_text(&control->is, v.estimate, text));
	}
	fprintf(stream, "\n%sControls%s  %sin all rounds, each time by fresh processes%s\n",
		say_style(stream, SAY_BOLD), say_style(stream, SAY_PLAIN),
		say_style(stream, SAY_DIM), say_style(stream, SAY_PLAIN));
	int status = table_print(stream, table, 2);

	table_free(table);
	return status;
}

/* ---- on a terminal ---- */

struct shape { /* of a sheet's table */
	bool has[PARTS];
	size_t rows, parts;
	bool smallest; /* only each row's smallest size */
	struct text_unit unit;
	int decimals; /* three digits of the least that was measured */
};

static struct shape shape_of(const struct arrangement *a, const struct sheet *sheet)
{
	struct shape shape = { .unit = sheet_unit(sheet) };

	shape.rows = decomposed_parts(a, sheet, shape.has);
	for (unsigned p = 0; p < PARTS; p++)
		shape.parts += shape.has[p];
	shape.smallest = shape.rows > SUMMARY_ROWS && sheet->size_count > 1;
	double least = INFINITY;

	for (size_t r = 0; r < sheet->row_count; r++)
		for (size_t s = 0; s < sheet->size_count; s++)
			if (decomposed_at(a, &sheet->rows[r].cells[s]))
				least = fmin(least, sheet->rows[r].cells[s].level->ns.estimate /
							    shape.unit.scale);
	shape.decimals = least < 10 ? 2 : least < 100 ? 1 : 0;
	return shape;
}

static void heading(struct table *table, const struct sheet *sheet, const struct shape *shape)
{
	table_row(table);
	table_cell(table, SAY_BOLD, "%s, %s", sheet->pattern, shape->unit.name);
	table_cell(table, SAY_HEAD, "measured");
	for (unsigned p = 0; p < PARTS; p++)
		if (shape->has[p])
			table_cell(table, SAY_HEAD, "%s", decomposed_name(sheet, p));
	table_cell(table, SAY_HEAD, "predicted");
	table_span(table, 2, TABLE_RIGHT, SAY_HEAD, "unexplained");
	table_cell(table, SAY_DIM, "× floor");
}

static void row_of(struct table *table, const struct shape *shape, const char *label,
		   const struct decomposition *d)
{
	char text[TEXT_NUMBER];
	double scale = shape->unit.scale, measured = d->level->ns.estimate;
	int decimals = shape->decimals;

	table_row(table);
	table_cell(table, SAY_PLAIN, "%s", label);
	table_cell(table, SAY_PLAIN, "%s", fixed_text(measured / scale, decimals, false, text));
	if (*d->why) {
		table_span(table, shape->parts + 4, TABLE_LEFT, SAY_DIM, "%s", d->why);
		return;
	}
	for (unsigned p = 0; p < PARTS; p++)
		if (shape->has[p])
			table_cell(table, SAY_PLAIN, "%s",
				   fixed_text(isfinite(d->count[p]) ? d->part[p].estimate / scale
								    : NAN,
					      decimals, false, text));
	table_cell(table, SAY_PLAIN, "%s",
		   fixed_text(d->predicted.estimate / scale, decimals, false, text));
	enum say_style style = is_unexplained(d) ? SAY_BAD : SAY_GOOD;
	table_cell(table, style, "%s", fixed_text(d->rest.estimate / scale, decimals, true, text));
	table_cell(table, style, "%s", percent_text(d->rest.estimate / measured, text));
	table_cell(table, SAY_DIM, "%s", text_number(measured / d->floor.estimate, text));
}

static int print_sheet(FILE *stream, const struct arrangement *a, const struct sheet *sheet)
{
	struct shape shape = shape_of(a, sheet);
	size_t columns = 2 + shape.parts + 4;

	if (!shape.rows)
		return 0;
	struct table *table = table_new(columns);
	char label[LABEL];
	size_t printed = 0;

	for (size_t c = 1; c < columns; c++)
		table_column(table, c, TABLE_RIGHT, 2);
	heading(table, sheet, &shape);
	for (size_t r = 0; r < sheet->row_count; r++)
		for (size_t s = 0; s < sheet->size_count; s++) {
			const struct decomposition *d = decomposed_at(a, &sheet->rows[r].cells[s]);

			if (!d)
				continue;
			row_of(table, &shape, decomposed_label(sheet, r, s, label, sizeof label),
			       d);
			printed++;
			if (shape.smallest)
				break;
		}
	char clean[sizeof sheet->situation];

	fprintf(stream, "  %s%s%s\n", say_style(stream, SAY_DIM),
		text_clean(sheet->situation, clean, sizeof clean), say_style(stream, SAY_PLAIN));
	int status = table_print(stream, table, 2);

	if (shape.smallest)
		fprintf(stream, "  %sThe smallest size of each; the page has the other %zu.%s\n",
			say_style(stream, SAY_DIM), shape.rows - printed,
			say_style(stream, SAY_PLAIN));
	table_free(table);
	return status;
}

int decomposed_print(FILE *stream, const struct arrangement *a)
{
	int status = 0;

	if (!a->result->control_count)
		return 0;
	if (a->decomposed_count)
		fprintf(stream,
			"\n%sWhere the time goes%s  %sparts by the run's controls, beside the "
			"round trip measured%s\n",
			say_style(stream, SAY_BOLD), say_style(stream, SAY_PLAIN),
			say_style(stream, SAY_DIM), say_style(stream, SAY_PLAIN));
	for (size_t i = 0; i < a->sheet_count && !status; i++)
		status = print_sheet(stream, a, &a->sheets[i]);
	return status ? status : print_controls(stream, a);
}

/* ---- as JSON ---- */

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *interval_json(struct interval i)
{
	return json_pack("{s:o, s:o, s:o, s:I}", "estimate", number_json(i.estimate), "low",
			 number_json(i.low), "high", number_json(i.high), "n", (json_int_t)i.n);
}

json_t *decomposed_json(const struct arrangement *a)
{
	json_t *all = json_array();

	for (size_t i = 0; i < a->decomposed_count; i++) {
		const struct decomposition *d = &a->decomposed[i];
		json_t *parts = json_object();

		for (unsigned p = 0; p < PARTS; p++)
			if (isfinite(d->count[p]))
				json_object_set_new(parts, decompose_part_text(p),
						    json_pack("{s:o, s:o, s:o}", "count",
							      number_json(d->count[p]), "unit_ns",
							      interval_json(d->unit[p]), "ns",
							      interval_json(d->part[p])));
		json_t *object = json_pack(
			"{s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "cell",
			a->result->cells[d->level->cell].key, "measured_ns",
			interval_json(d->level->ns), "parts", parts, "predicted_ns",
			interval_json(d->predicted), "rest_ns", interval_json(d->rest), "floor_ns",
			interval_json(d->floor), "calls_assumed", d->calls_assumed);

		if (*state_text(d->level->state) && !d->level->all_states)
			json_object_set_new(object, "host_state",
					    json_string(state_text(d->level->state)));
		if (*d->why)
			json_object_set_new(object, "reason", json_string(d->why));
		json_array_append_new(all, object);
	}
	return all;
}

json_t *controls_of_json(const struct arrangement *a)
{
	json_t *all = json_array();

	for (size_t i = 0; i < a->result->control_count; i++) {
		const struct result_control *control = &a->result->controls[i];
		const struct control *is = &control->is;
		json_t *cpus = json_array();

		for (unsigned k = 0; k < is->cpu_count; k++)
			json_array_append_new(cpus, json_integer(is->cpus[k]));
		struct interval v = decompose_control(control);
		json_t *object = json_pack(
			"{s:s, s:s?, s:o, s:o, s:s?, s:o}", "name", control_name(is->kind), "level",
			*is->name ? is->name : NULL, "cpus", cpus, "bytes",
			is->bytes ? json_integer((json_int_t)is->bytes) : json_null(), "cell",
			*control->key ? control->key : NULL, "ns", interval_json(v));

		if (!isfinite(v.estimate))
			json_object_set_new(object, "reason", json_string(control_reason(control)));
		json_array_append_new(all, object);
	}
	return all;
}

/* ---- on the page ---- */

static void html_number(FILE *out, const char *class, const char *text)
{
	fprintf(out, "<td class=\"%s\">%s</td>", class, text);
}

static void html_head(FILE *out, const struct sheet *sheet, const struct shape *shape)
{
	fputs("<div class=\"scroll\"><table>\n<thead><tr><th>", out);
	text_html(out, sheet->pattern);
	fprintf(out, ", %s</th><th class=\"n\">size</th><th class=\"n\">measured</th><th></th>",
		shape->unit.name);
	for (unsigned p = 0; p < PARTS; p++)
		if (shape->has[p])
			fprintf(out, "<th class=\"n\"%s>%s</th>",
				p == PART_SELF ? "" : " colspan=\"2\"", decomposed_name(sheet, p));
	fputs("<th class=\"n\">predicted</th><th></th><th class=\"n\" "
	      "colspan=\"2\">unexplained</th><th class=\"n\">× floor</th></tr></thead>\n<tbody>\n",
	      out);
}

static void html_row(FILE *out, const struct sheet *sheet, const struct shape *shape, size_t r,
		     size_t s, const struct decomposition *d)
{
	char text[TEXT_NUMBER], size[24];
	double scale = shape->unit.scale, measured = d->level->ns.estimate;
	int decimals = shape->decimals;

	fputs("<tr><th scope=\"row\">", out);
	text_html(out, sheet->rows[r].label);
	fprintf(out, "</th><td class=\"n\">%s</td>", say_size(sheet->sizes[s], size));
	html_number(out, "n", fixed_text(measured / scale, decimals, false, text));
	html_number(out, "pm", text_spread(d->level->ns, text));
	if (*d->why) {
		fprintf(out, "<td class=\"text soft\" colspan=\"%zu\">", 2 * shape->parts + 4);
		text_html(out, d->why);
		fputs("</td></tr>\n", out);
		return;
	}
	for (unsigned p = 0; p < PARTS; p++) {
		bool there = isfinite(d->count[p]);

		if (!shape->has[p])
			continue;
		html_number(out, "n",
			    there ? fixed_text(d->part[p].estimate / scale, decimals, false, text)
				  : "–");
		if (p == PART_SELF) /* two messages, always */
			continue;
		fprintf(out, "<td class=\"pm\">%s%s</td>",
			there ? fixed_text(d->count[p], d->count[p] == floor(d->count[p]) ? 0 : 2,
					   false, text)
			      : "",
			there ? "×" : "");
	}
	html_number(out, "n", fixed_text(d->predicted.estimate / scale, decimals, false, text));
	html_number(out, "pm", text_spread(d->predicted, text));
	const char *class = is_unexplained(d) ? "n bad" : "n";

	html_number(out, class, fixed_text(d->rest.estimate / scale, decimals, true, text));
	html_number(out, class, percent_text(d->rest.estimate / measured, text));
	html_number(out, "n", text_number(measured / d->floor.estimate, text));
	fputs("</tr>\n", out);
}

/* What the parts leave out, where they leave out much. */
static const char *missing_text(const struct sheet *sheet)
{
	const struct cell *cell = sheet->sample;

	if (cell->cpus[0] != cell->cpus[1])
		return "Missing: the parts have the lines of the message alone. Those of the "
		       "kernel's own locks, queues and buffers cross as well where it carries the "
		       "message; no control measures them, and where no counter does either they "
		       "are in what is unexplained. So is what a ring's slots take beyond a "
		       "buffer for each way: they do not all lie in the nearest "
		       "cache. Parts that take more than the whole overlap: two CPUs work at once.";
	return "Missing: what the other process leaves of caches, translations and branch "
	       "predictions beyond what it leaves in a hand-over of nothing, and what the waiting "
	       "of this mechanism does beyond a futex's.";
}

static void html_sheet(FILE *out, const struct arrangement *a, const struct sheet *sheet)
{
	struct shape shape = shape_of(a, sheet);
	size_t unexplained = 0, assumed = 0;

	if (!shape.rows)
		return;
	fputs("<h3>", out);
	text_html(out, sheet->situation);
	fputs("</h3>\n", out);
	html_head(out, sheet, &shape);
	for (size_t r = 0; r < sheet->row_count; r++)
		for (size_t s = 0; s < sheet->size_count; s++) {
			const struct decomposition *d = decomposed_at(a, &sheet->rows[r].cells[s]);

			if (!d)
				continue;
			html_row(out, sheet, &shape, r, s, d);
			unexplained += !*d->why && is_unexplained(d);
			assumed += d->calls_assumed && isfinite(d->count[PART_CALLS]);
		}
	fputs("</tbody>\n</table></div>\n", out);
	if (unexplained)
		fprintf(out, "<p>%zu of %zu are not explained within %.0f&nbsp;%%. %s</p>\n",
			unexplained, shape.rows, 100 * explained, missing_text(sheet));
	if (assumed)
		fputs("<p>System calls were not counted: two are assumed for each sleep in shared "
		      "memory.</p>\n",
		      out);
}

static void html_control(FILE *out, const struct result_control *control, const char *label)
{
	struct interval v = decompose_control(control);
	struct text_unit unit = text_unit_one_ns(v.estimate);
	char text[TEXT_NUMBER];

	fputs("<tr><th scope=\"row\">", out);
	text_html(out, label);
	fprintf(out, "</th><td>%s</td>", cpus_text(&control->is, text));
	if (isfinite(v.estimate)) {
		fprintf(out, "<td class=\"n\">%s %s</td>",
			text_number(v.estimate / unit.scale, text), unit.name);
		html_number(out, "pm", text_spread(v, text));
		html_number(out, "n", rate_text(&control->is, v.estimate, text));
		fprintf(out, "<td class=\"n\">%zu</td></tr>\n", v.n);
	} else {
		fputs("<td class=\"n\">–</td><td class=\"text soft\" colspan=\"3\">", out);
		text_html(out, control_reason(control));
		fputs("</td></tr>\n", out);
	}
}

static void html_controls(FILE *out, const struct result *result)
{
	static const char head[] =
		"<div class=\"scroll\"><table>\n<thead><tr><th></th><th></th><th "
		"class=\"n\">takes</th><th></th><th></th><th class=\"n\">times</th></tr></thead>"
		"\n<tbody>\n";
	char label[LABEL];
	size_t selves = 0;

	fputs("<h3>Controls</h3>\n<p class=\"soft\">Measured between the cells in all rounds, each "
	      "time by fresh processes; 25&nbsp;% trimmed means with Yuen's 95&nbsp;% "
	      "interval.</p>\n",
	      out);
	fputs(head, out);
	for (size_t i = 0; i < result->control_count; i++) {
		const struct result_control *control = &result->controls[i];

		selves += !is_shown(control);
		if (is_shown(control))
			html_control(out, control, control_about(control, label));
	}
	fputs("</tbody>\n</table></div>\n", out);
	if (!selves)
		return;
	fprintf(out, "<details><summary>A message by one process alone: %zu</summary>\n%s", selves,
		head);
	for (size_t i = 0; i < result->control_count; i++)
		if (!is_shown(&result->controls[i]))
			html_control(out, &result->controls[i], result->controls[i].key);
	fputs("</tbody>\n</table></div>\n</details>\n", out);
}

void decomposed_html(FILE *out, const struct arrangement *a)
{
	if (a->decomposed_count)
		fputs("<p>What the parts of a round trip take by the run's controls, added up, and "
		      "what that leaves of the time measured. None of the parts is fitted. <i>Own "
		      "path</i>: both messages played by one process, so that nobody waits "
		      "(<code>self</code>). <i>Calls</i>: system calls beyond those of "
		      "<code>self</code>, or fewer. <i>Sleeps</i>: each with the wake-up that ends "
		      "it, a hand-over by futex less its two calls and its switch; across CPUs "
		      "<i>wake-ups</i>, with their switches. <i>Lines</i>: the message's, from one "
		      "CPU to the other. Behind each: how many, as the timed turns themselves had "
		      "them. Floor: one line to and fro, on one CPU two context switches. "
		      "Intervals are combined in quadrature.</p>\n",
		      out);
	for (size_t i = 0; i < a->sheet_count; i++)
		html_sheet(out, a, &a->sheets[i]);
	html_controls(out, a->result);
}

/* ---- as Markdown ---- */

static void markdown_sheet(FILE *out, const struct arrangement *a, const struct sheet *sheet)
{
	struct shape shape = shape_of(a, sheet);
	char text[TEXT_NUMBER];

	if (!shape.rows)
		return;
	fputs("\n### ", out);
	text_markdown(out, sheet->situation);
	fputs("\n\n| ", out);
	text_markdown(out, sheet->pattern);
	fprintf(out, ", %s | size | measured |", shape.unit.name);
	for (unsigned p = 0; p < PARTS; p++)
		if (shape.has[p])
			fprintf(out, " %s |", decomposed_name(sheet, p));
	fputs(" predicted | unexplained | × floor |\n| --- | ---: | ---: |", out);
	for (size_t c = 0; c < shape.parts + 3; c++)
		fputs(" ---: |", out);
	fputc('\n', out);
	for (size_t r = 0; r < sheet->row_count; r++)
		for (size_t s = 0; s < sheet->size_count; s++) {
			const struct decomposition *d = decomposed_at(a, &sheet->rows[r].cells[s]);
			double scale = shape.unit.scale;

			if (!d)
				continue;
			fputs("| ", out);
			text_markdown(out, sheet->rows[r].label);
			fprintf(out, " | %s |", say_size(sheet->sizes[s], text));
			fprintf(out, " %s |",
				fixed_text(d->level->ns.estimate / scale, shape.decimals, false,
					   text));
			for (unsigned p = 0; p < PARTS; p++)
				if (shape.has[p])
					fprintf(out, " %s |",
						isfinite(d->count[p])
							? fixed_text(d->part[p].estimate / scale,
								     shape.decimals, false, text)
							: "–");
			fprintf(out, " %s |",
				fixed_text(d->predicted.estimate / scale, shape.decimals, false,
					   text));
			fprintf(out, " %s",
				fixed_text(d->rest.estimate / scale, shape.decimals, true, text));
			fprintf(out, " (%s) |",
				percent_text(d->rest.estimate / d->level->ns.estimate, text));
			fprintf(out, " %s |\n",
				text_number(d->level->ns.estimate / d->floor.estimate, text));
		}
}

void decomposed_markdown(FILE *out, const struct arrangement *a)
{
	const struct result *result = a->result;
	char text[TEXT_NUMBER], label[LABEL];

	if (!result->control_count)
		return;
	if (a->decomposed_count)
		fputs("\n## Where the time goes\n", out);
	for (size_t i = 0; i < a->sheet_count; i++)
		markdown_sheet(out, a, &a->sheets[i]);
	fputs("\n### Controls\n\n| control | on | takes | times |\n| --- | --- | ---: | ---: |\n",
	      out);
	for (size_t i = 0; i < result->control_count; i++) {
		const struct result_control *control = &result->controls[i];
		struct interval v = decompose_control(control);
		struct text_unit unit = text_unit_one_ns(v.estimate);

		if (!is_shown(control))
			continue;
		fputs("| ", out);
		text_markdown(out, control_about(control, label));
		fprintf(out, " | %s |", cpus_text(&control->is, text));
		fprintf(out, " %s %s", text_number(v.estimate / unit.scale, text),
			isfinite(v.estimate) ? unit.name : "");
		fprintf(out, " %s | %zu |\n", isfinite(v.estimate) ? text_spread(v, text) : "",
			v.n);
	}
}
