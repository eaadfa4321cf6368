/* SPDX-License-Identifier: GPL-3.0-or-later */
/* page.c - the HTML page of a result: the answer, figures, tables, models, what is missing, method.
 */
#include "page.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/say.h"
#include "answer.h"
#include "counts.h"
#include "decomposed.h"
#include "disturbed.h"
#include "html.h"
#include "left_out.h"
#include "looks_text.h"
#include "scaling.h"
#include "tails_text.h"

/* A name inside a link: everything but letters, digits and - _ . ~ as %XX. */
static void link_part(FILE *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if ((*c < 128 && isalnum(*c)) || strchr("-_.~", *c))
			fputc(*c, out);
		else
			fprintf(out, "%%%02X", *c);
	}
}

/* ---- head ---- */

static void head(FILE *out, const struct page *page)
{
	const struct result *result = page->arrangement->result;
	char text[512], looks[LOOKS_TEXT];
	double rounds = summary_number(result, "rounds"),
	       elapsed = summary_number(result, "elapsed_s");

	snprintf(text, sizeof text, "What crossing costs on %.400s", result_host(result, "name"));
	html_begin(out, header_text(result, "toll"), text, "");
	fputs("<h1>", out);
	text_html(out, text);
	fputs("</h1>\n<p class=\"soft\">", out);
	text_html(out, result_host(result, "cpu_model"));
	fputs(", ", out);
	text_html(out, header_machine(result, text, sizeof text));
	fputs(", Linux ", out);
	text_html(out, result_host(result, "kernel"));
	fputs("<br>\n", out);
	text_html(out, header_text(result, "created"));
	if (isfinite(rounds))
		fprintf(out, ", %.0f round%s", rounds, rounds == 1 ? "" : "s");
	if (isfinite(elapsed))
		fprintf(out, " in %s", say_duration(elapsed, text));
	fprintf(out, ", %zu workers, seed %llu, toll ", result->worker_count,
		(unsigned long long)result->seed);
	text_html(out, header_text(result, "toll"));
	if (*looks_text(result, looks))
		fprintf(out, "<br>\n%s", looks);
	fputs("</p>\n", out);
	if (!result->summary || result->truncated || ended_early(result)) {
		fputs("<p class=\"bad\">", out);
		if (!result->summary) {
			fputs("The run did not end by itself; what it had finished is here. ", out);
		} else if (ended_early(result)) {
			fputs("The run was ", out);
			text_html(out, ended_early(result));
			fputs(". ", out);
		}
		if (result->truncated)
			fputs("The last line of the file was cut and is left out.", out);
		fputs("</p>\n", out);
	}
	fputs("<nav><a href=\"#answer\">Answer</a> <a href=\"#figures\">Figures</a> "
	      "<a href=\"#tables\">Tables</a> ",
	      out);
	if (page->arrangement->tail_count)
		fputs("<a href=\"#tails\">Tails</a> ", out);
	if (page->arrangement->result->control_count)
		fputs("<a href=\"#parts\">Where the time goes</a> ", out);
	fputs("<a href=\"#models\">Cost models</a> "
	      "<a href=\"#crossovers\">Crossovers</a> <a href=\"#counted\">Counted</a> <a "
	      "href=\"#missing\">Left out</a> "
	      "<a href=\"#host\">Host</a> <a "
	      "href=\"#method\">Method</a></nav>\n</header>\n<main>\n",
	      out);
}

/* ---- the answer ---- */

/* Who is fastest at a size, and who else is not told apart from it. */
static void winner_cell(FILE *out, const struct sheet *sheet, size_t s)
{
	char number[TEXT_NUMBER], spread[TEXT_NUMBER], size[24];
	size_t row;
	const struct sheet_cell *best = sheet_fastest(sheet, s, &row);
	struct interval value = measure_value(sheet->measure, best->level);
	struct text_unit unit = sheet->measure == MEASURE_BANDWIDTH
					? text_unit_bytes_per_s(value.estimate)
					: text_unit_one_ns(value.estimate);

	fprintf(out, "<td><span class=\"soft\">%s</span><br><strong>",
		say_size(sheet->sizes[s], size));
	text_html(out, sheet->rows[row].label);
	fputs("</strong>", out);
	for (size_t r = 0; r < sheet->row_count; r++) {
		if (!sheet->rows[r].cells[s].tied)
			continue;
		fputs("<br>or ", out);
		text_html(out, sheet->rows[r].label);
	}
	fprintf(out, "<br>%s %s <span class=\"soft\">%s</span></td>",
		text_number(value.estimate / unit.scale, number), unit.name,
		text_spread(value, spread));
}

/* A sheet at its smallest, its middle and its largest size. */
static void winner_row(FILE *out, const struct sheet *sheet)
{
	size_t *measured = calloc(sheet->size_count + 1, sizeof *measured), n = 0, row;

	for (size_t s = 0; measured && s < sheet->size_count; s++)
		if (sheet_fastest(sheet, s, &row))
			measured[n++] = s;
	fputs("<tr><th scope=\"row\">", out);
	text_html(out, sheet->pattern);
	fprintf(out, "<br><span class=\"soft\">%s</span></th>", measure_text(sheet->measure));
	for (size_t column = 0; column < 3; column++) {
		if ((column == 1 && n < 3) || (column == 2 && n < 2) || !n)
			fprintf(out, "<td>%s</td>",
				column == 0 && measured ? "all lost messages" : "");
		else
			winner_cell(out, sheet, measured[column * (n - 1) / 2]);
	}
	fputs("</tr>\n", out);
	free(measured);
}

static bool has_levels(const struct sheet *sheet)
{
	for (size_t r = 0; r < sheet->row_count; r++)
		for (size_t s = 0; s < sheet->size_count; s++)
			if (sheet->rows[r].cells[s].level)
				return true;
	return false;
}

static void winners(FILE *out, const struct arrangement *a)
{
	const char *situation = "";

	fputs("<p>Fastest in each situation. Spinning and sleeping waits are not ranked together: "
	      "a spinning "
	      "peer keeps its CPU busy.</p>\n<div class=\"scroll\"><table class=\"winners\">\n"
	      "<thead><tr><th></th><th scope=\"col\">smallest messages</th><th "
	      "scope=\"col\">middle</th>"
	      "<th scope=\"col\">largest</th></tr></thead>\n<tbody>\n",
	      out);
	for (size_t i = 0; i < a->sheet_count; i++) {
		const struct sheet *sheet = &a->sheets[i];
		/* with one peer nothing crosses: that is a control, and in the tables */
		if (!has_levels(sheet) || sheet->sample->peers < 2)
			continue;
		if (strcmp(situation, sheet->situation) != 0) {
			fputs("<tr class=\"group\"><th colspan=\"4\">", out);
			text_html(out, sheet->situation);
			fputs("</th></tr>\n", out);
			situation = sheet->situation;
		}
		winner_row(out, sheet);
	}
	fputs("</tbody>\n</table></div>\n", out);
}

static void sentences_of(FILE *out, const char *title, const struct sentence sentences[], size_t n,
			 enum topic topic)
{
	bool begun = false;

	for (size_t i = 0; i < n; i++) {
		if (sentences[i].topic != topic)
			continue;
		if (!begun)
			fprintf(out, "<h3>%s</h3>\n<ul class=\"plain\">\n", title);
		begun = true;
		fputs("<li><span class=\"soft\">", out);
		text_html(out, sentences[i].where);
		fputs("</span><br>", out);
		text_html(out, sentences[i].text);
		fputs("</li>\n", out);
	}
	if (begun)
		fputs("</ul>\n", out);
}

static void answer(FILE *out, const struct page *page)
{
	size_t n;
	struct sentence *sentences = answer_of(page->arrangement, page->fits, &n);

	fputs("<section id=\"answer\">\n<h2>The answer</h2>\n", out);
	if (n)
		winners(out, page->arrangement);
	else
		fputs("<p>Nothing was measured; <a href=\"#missing\">why</a>.</p>\n", out);
	sentences_of(out, "Which one at which size", sentences, n, TOPIC_CROSSING);
	sentences_of(out, "What false sharing costs", sentences, n, TOPIC_SHARING);
	if (n)
		fputs("<p class=\"soft\">RTT is the whole round trip, two messages, never half of "
		      "it. ± is "
		      "half of the 95&nbsp;% interval over workers; brackets hold 95&nbsp;% "
		      "intervals. "
		      "“or”: pairs of workers that lived side by side do not tell the two "
		      "apart.</p>\n",
		      out);
	fputs("</section>\n", out);
	free(sentences);
}

/* ---- figures ---- */

static bool is_of_parts(const struct figure *figure)
{
	return strncmp(figure->name, "parts-", strlen("parts-")) == 0;
}

static void one_figure(FILE *out, const struct page *page, const struct figure *figure)
{
	static const char *const suffix[] = { ".svg", ".png", ".tsv" };
	size_t length;
	char *svg = draw_read(page->figures_at, figure->name, ".svg", &length);

	fprintf(out, "<figure id=\"%s\">\n", figure->name);
	html_drawing(out, svg, figure);
	free(svg);
	fputs("<figcaption>", out);
	text_html(out, figure->caption);
	for (size_t s = 0; s < 3; s++) {
		if (s == 1 && !figure->png)
			continue;
		fputs(" <a href=\"", out);
		link_part(out, page->files);
		fprintf(out, "/%s%s\">%s</a>", figure->name, suffix[s], suffix[s] + 1);
	}
	fputs("</figcaption>\n</figure>\n", out);
}

/* Where the time goes: its figures, its tables, and the controls. */
static void where_it_goes(FILE *out, const struct page *page)
{
	const struct arrangement *a = page->arrangement;

	if (!a->result->control_count)
		return;
	fputs("<section id=\"parts\">\n<h2>Where the time goes</h2>\n", out);
	for (size_t i = 0; i < page->figures->count; i++)
		if (page->figures->figure[i].svg && is_of_parts(&page->figures->figure[i]))
			one_figure(out, page, &page->figures->figure[i]);
	decomposed_html(out, a);
	fputs("</section>\n", out);
}

static void figures(FILE *out, const struct page *page)
{
	const struct figures *all = page->figures;

	fputs("<section id=\"figures\">\n<h2>Figures</h2>\n", out);
	if (*all->missing) {
		fputs("<p class=\"bad\">Left out: ", out);
		text_html(out, all->missing);
		fputs(".</p>\n", out);
	}
	for (size_t i = 0; i < all->count; i++)
		if (all->figure[i].svg && !is_of_parts(&all->figure[i]))
			one_figure(out, page, &all->figure[i]);
	fputs("</section>\n", out);
}

/* ---- tables of cells ---- */

/* Decimals of the numbers in a column, so that their points stand under each other. */
static size_t decimals(const char *number)
{
	const char *point = strchr(number, '.');

	return point ? strlen(point + 1) : 0;
}

static void padded(FILE *out, const char *number, size_t most)
{
	size_t have = decimals(number);

	fputs(number, out);
	if (most && !have)
		fputs("&#x2008;", out); /* as wide as a point */
	for (; have < most; have++)
		fputs("&#x2007;", out); /* as wide as a digit */
}

static void number_cell(FILE *out, const char *class, const char *number, size_t most)
{
	fprintf(out, "<td class=\"%s\">", class);
	padded(out, number, most);
	fputs("</td>", out);
}

/* What the rows of a table's size columns show: figures or CPU time. */
static double shown(const struct sheet *sheet, const struct level *level, bool cpu)
{
	return cpu ? level->cpu_ns / sheet_cpu_unit(sheet).scale
		   : measure_value(sheet->measure, level).estimate / sheet_unit(sheet).scale;
}

static size_t column_decimals(const struct sheet *sheet, size_t s, bool cpu)
{
	char number[TEXT_NUMBER];
	size_t most = 0;

	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct level *level = sheet->rows[r].cells[s].level;
		if (!level)
			continue;
		size_t d = decimals(text_number(shown(sheet, level, cpu), number));
		most = d > most ? d : most;
	}
	return most;
}

static void value_cells(FILE *out, const struct sheet *sheet, const struct sheet_cell *cell,
			size_t most)
{
	char number[TEXT_NUMBER], spread[TEXT_NUMBER], lost[TEXT_NUMBER];

	if (!cell->level) {
		fputs(cell->failed ? "<td class=\"n bad\" colspan=\"2\">failed</td><td></td>"
				   : "<td class=\"n soft\">–</td><td></td><td></td>",
		      out);
		return;
	}
	const char *class = cell->fastest ? "n best" : cell->tied ? "n tied" : "n";
	number_cell(out, class, text_number(shown(sheet, cell->level, false), number), most);
	fprintf(out, "<td class=\"pm\">%s</td>",
		text_spread(measure_value(sheet->measure, cell->level), spread));
	fprintf(out, "<td class=\"mark\">%s%s %s</td>",
		cell->fastest ? "◂"
		: cell->tied  ? "◃"
			      : "",
		cell->level->bimodal ? "‡" : "",
		text_lost(cell->level->lost, cell->level->due, lost));
}

static void sizes_row(FILE *out, const struct sheet *sheet, bool cpu)
{
	char size[24];

	for (size_t s = 0; s < sheet->size_count; s++)
		if (cpu)
			fprintf(out, "<th scope=\"col\" class=\"cpu\">%s</th>",
				say_size(sheet->sizes[s], size));
		else
			fprintf(out, "<th scope=\"col\" class=\"n\" colspan=\"2\">%s</th><th></th>",
				say_size(sheet->sizes[s], size));
}

/* CPU time of all peers, below it that of each where they are few. */
static void cpu_cell(FILE *out, const struct result *result, const struct sheet *sheet,
		     const struct sheet_cell *cell, size_t most)
{
	enum { SIDES = 3 };
	const double scale = sheet_cpu_unit(sheet).scale;
	char number[TEXT_NUMBER];

	if (!cell->level || !isfinite(cell->level->cpu_ns)) {
		fputs("<td class=\"cpu\">–</td>", out);
		return;
	}
	const unsigned peers = result->cells[cell->cell].cell.peers;

	fputs("<td class=\"cpu\">", out);
	padded(out, text_number(cell->level->cpu_ns / scale, number), most);
	if (peers > 1 && peers <= SIDES) {
		fputs("<small>", out);
		for (unsigned p = 0; p < peers; p++)
			fprintf(out, "%s%s", p ? " + " : "",
				text_number(cell->level->cpu_side_ns[p] / scale, number));
		fputs("</small>", out);
	}
	fputs("</td>", out);
}

static void sheet_table(FILE *out, const struct result *result, const struct sheet *sheet,
			bool values, bool cpu)
{
	fputs("<div class=\"scroll\"><table>\n<thead><tr class=\"head\"><th>", out);
	text_html(out, sheet->pattern);
	fputs("</th>", out);
	if (values)
		fprintf(out, "<th class=\"n\" colspan=\"%zu\">%s, %s</th>", 3 * sheet->size_count,
			measure_text(sheet->measure), sheet_unit(sheet).name);
	if (cpu)
		fprintf(out, "<th class=\"cpu\" colspan=\"%zu\">CPU time per message, %s</th>",
			sheet->size_count, sheet_cpu_unit(sheet).name);
	fputs("</tr>\n<tr><th></th>", out);
	if (values)
		sizes_row(out, sheet, false);
	if (cpu)
		sizes_row(out, sheet, true);
	fputs("</tr></thead>\n<tbody>\n", out);
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct sheet_row *row = &sheet->rows[r];
		fputs("<tr><th scope=\"row\">", out);
		text_html(out, row->label);
		fputs("</th>", out);
		for (size_t s = 0; s < sheet->size_count && values; s++)
			value_cells(out, sheet, &row->cells[s], column_decimals(sheet, s, false));
		for (size_t s = 0; s < sheet->size_count && cpu; s++)
			cpu_cell(out, result, sheet, &row->cells[s],
				 column_decimals(sheet, s, true));
		fputs("</tr>\n", out);
	}
	fputs("</tbody>\n</table></div>\n", out);
}

static void bimodal_notes(FILE *out, const struct arrangement *a)
{
	for (size_t i = 0; i < a->sheet_count; i++) {
		for (size_t r = 0; r < a->sheets[i].row_count; r++) {
			for (size_t s = 0; s < a->sheets[i].size_count; s++) {
				const struct level *level = a->sheets[i].rows[r].cells[s].level;
				char low[24], high[24];
				if (!level || !level->bimodal)
					continue;
				fputs("<li>‡ Two modes: <code>", out);
				text_html(out, a->result->cells[level->cell].key);
				fprintf(out, "</code>%s%s, %s and %s per operation</li>\n",
					level->state == STATE_NONE ? "" : ", host state ",
					state_text(level->state), say_ns(level->mode_ns[0], low),
					say_ns(level->mode_ns[1], high));
			}
		}
	}
}

static void tables(FILE *out, const struct page *page)
{
	const struct arrangement *a = page->arrangement;

	fputs("<section id=\"tables\">\n<h2>Tables</h2>\n<p class=\"soft\">◂ fastest of its "
	      "column; ◃ pairs "
	      "of workers that lived side by side do not tell it from the fastest. ± half of the "
	      "95&nbsp;% "
	      "interval over workers; ±? too few of them. What lost more than one message in a "
	      "thousand is not ranked. – not in the plan, or left out.</p>\n",
	      out);
	for (size_t i = 0; i < a->sheet_count; i++) {
		const struct sheet *sheet = &a->sheets[i];
		if (sheet->new_situation) {
			fputs("<h3>", out);
			text_html(out, sheet->situation);
			fputs("</h3>\n<p class=\"soft\">", out);
			text_html(out, sheet->conditions);
			fprintf(out, "; wait %s; %zu", sheet->waits, sheet->workers_least);
			if (sheet->workers_most > sheet->workers_least)
				fprintf(out, " to %zu", sheet->workers_most);
			fputs(" workers a cell</p>\n", out);
		}
		if (sheet->size_count <= 3) {
			sheet_table(out, a->result, sheet, true, true);
		} else {
			sheet_table(out, a->result, sheet, true, false);
			sheet_table(out, a->result, sheet, false, true);
		}
	}
	fputs("<ul>\n", out);
	bimodal_notes(out, a);
	if (a->unsettled_workers)
		fprintf(out, "<li>%zu workers never settled; they are kept and counted.</li>\n",
			a->unsettled_workers);
	char disturbed[DISTURBED_TEXT];
	if (*disturbed_text(a->result, disturbed))
		fprintf(out, "<li>Disturbed: %s.</li>\n", disturbed);
	fputs("</ul>\n</section>\n", out);
}

/* ---- tails ---- */

/* Of a pattern on a schedule: what it offered and what came. */
static void schedule_cell(FILE *out, const struct level *level)
{
	char text[TEXT_NUMBER];

	fprintf(out, "<td class=\"n%s\">%s</td>", level->achieved.estimate < 0.99 ? " bad" : "",
		tails_achieved(level, text));
}

static void tail_row(FILE *out, const struct sheet_row *row, const struct level *level,
		     const struct tail *tail, double scale)
{
	char text[TEXT_NUMBER], reason[TAILS_TEXT];

	fputs("<tr><th scope=\"row\">", out);
	text_html(out, row->label);
	fputs("</th>", out);
	if (isfinite(level->offered_per_s))
		schedule_cell(out, level);
	for (size_t q = 0; q < TAIL_QUANTILES; q++) {
		const struct tail_value *value = &tail->value[q];
		if (value->why == TAIL_KNOWN) {
			fprintf(out, "<td class=\"n\">%s</td>",
				text_number(value->ns.estimate / scale, text));
			fprintf(out, "<td class=\"pm\">%s</td>", text_spread(value->ns, text));
			continue;
		}
		fputs("<td class=\"n soft\" title=\"", out);
		text_html(out, tail_reason(tail, q, reason, sizeof reason));
		fputs("\">–</td><td></td>", out);
	}
	fputs("</tr>\n", out);
}

static void tail_table(FILE *out, const struct arrangement *a, const struct sheet *sheet, size_t s)
{
	struct text_unit unit = tails_unit(a, sheet, s);
	bool paced = false;
	double offered = NAN;
	char text[TAILS_TEXT], name[TEXT_NUMBER];

	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct level *level = sheet->rows[r].cells[s].level;
		if (level && isfinite(level->offered_per_s)) {
			offered = level->offered_per_s;
			paced = true;
		}
	}
	fputs("<div class=\"scroll\"><table>\n<thead><tr class=\"head\"><th>", out);
	text_html(out, sheet->pattern);
	fprintf(out, " %s</th><th class=\"n\" colspan=\"%d\">%s, %s",
		say_size(sheet->sizes[s], text), 2 * TAIL_QUANTILES + paced,
		measure_text(sheet->measure), unit.name);
	if (paced)
		fprintf(out, "; %.0f messages/s offered", offered);
	fputs("</th></tr>\n<tr><th></th>", out);
	if (paced)
		fputs("<th scope=\"col\" class=\"n\">came</th>", out);
	for (size_t q = 0; q < TAIL_QUANTILES; q++)
		fprintf(out, "<th scope=\"col\" class=\"n\" colspan=\"2\">%s</th>",
			tails_name(q, name));
	fputs("</tr></thead>\n<tbody>\n", out);
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct tail *tail = tails_at(a, &sheet->rows[r].cells[s]);
		if (tail)
			tail_row(out, &sheet->rows[r], tail->level, tail, unit.scale);
	}
	fputs("</tbody>\n</table></div>\n", out);
	for (size_t q = 0; q < TAIL_QUANTILES; q++) {
		if (!*tails_missing(a, sheet, s, q, text))
			continue;
		fputs("<p class=\"soft\">– ", out);
		text_html(out, text);
		fputs("</p>\n", out);
	}
}

static void tails(FILE *out, const struct page *page)
{
	const struct arrangement *a = page->arrangement;
	char text[TAILS_TEXT];
	const char *situation = "";

	if (!a->tail_count)
		return;
	fputs("<section id=\"tails\">\n<h2>Tails</h2>\n<p class=\"soft\">", out);
	text_html(out, tails_method(a, text));
	fputs("</p>\n", out);
	for (int cut = 0; cut < 2; cut++) {
		if (!*(cut ? tails_cut : tails_host)(a, text))
			continue;
		fputs("<p class=\"bad\">", out);
		text_html(out, text);
		fputs("</p>\n", out);
	}
	for (size_t i = 0; i < a->sheet_count; i++) {
		const struct sheet *sheet = &a->sheets[i];
		for (size_t s = 0; s < sheet->size_count; s++) {
			if (!tails_rows(a, sheet, s))
				continue;
			if (strcmp(situation, sheet->situation) != 0) {
				situation = sheet->situation;
				fputs("<h3>", out);
				text_html(out, situation);
				fputs("</h3>\n", out);
			}
			tail_table(out, a, sheet, s);
		}
	}
	fputs("</section>\n", out);
}

/* ---- models and crossovers ---- */

/* The heading of what follows in a table: which sheet it is of. */
static void group_row(FILE *out, const struct sheet *sheet, unsigned columns)
{
	fprintf(out, "<tr class=\"group\"><th colspan=\"%u\">", columns);
	text_html(out, sheet->situation);
	fputs(", ", out);
	text_html(out, sheet->pattern);
	fputs("</th></tr>\n", out);
}

static void segment_cells(FILE *out, const struct fit *fit, const struct fit_segment *segment)
{
	char size[TEXT_NUMBER];
	struct text_unit t = text_unit_one_ns(segment->sigma_ns.estimate);
	struct text_unit b = text_unit_bytes_per_s(segment->bytes_per_s.estimate);

	fprintf(out, "<td class=\"n\">%s</td>", text_size(segment->from, size));
	fprintf(out, "<td class=\"n\">%s</td>", text_size(segment->to, size));
	if (segment->withheld) {
		fputs("<td colspan=\"2\" class=\"soft\">withheld</td><td class=\"text soft\">not a "
		      "straight "
		      "line here",
		      out);
		if (isfinite(segment->lack_of_fit_p))
			fprintf(out, " (lack of fit, p = %.2g)", segment->lack_of_fit_p);
	} else {
		char text[128];
		fprintf(out, "<td>%s</td>",
			text_interval(segment->sigma_ns, t.scale, t.name, text, sizeof text));
		fprintf(out, "<td>%s</td><td class=\"text soft\">",
			text_interval(segment->bytes_per_s, b.scale, b.name, text, sizeof text));
	}
	if (segment == fit->segment) {
		if (fit->break_uncertain)
			fputs(" break uncertain", out);
		if (*fit->note) {
			fputc(' ', out);
			text_html(out, fit->note);
		}
	}
	fputs("</td></tr>\n", out);
}

static void fit_rows(FILE *out, const struct fit *fit, const char *label)
{
	fputs("<tr><th scope=\"row\">", out);
	text_html(out, label);
	fputs("</th>", out);
	if (!fit->segments) {
		fputs("<td></td><td></td><td colspan=\"2\" class=\"soft\">–</td><td class=\"text "
		      "soft\">",
		      out);
		text_html(out, *fit->note ? fit->note : "no model");
		fputs("</td></tr>\n", out);
	}
	for (size_t s = 0; s < fit->segments && s < FIT_MOST_SEGMENTS; s++) {
		if (s)
			fputs("<tr class=\"more\"><th></th>", out);
		segment_cells(out, fit, &fit->segment[s]);
	}
}

static bool models(FILE *out, const struct page *page)
{
	const struct fits *fits = page->fits;
	const struct arrangement *a = page->arrangement;

	fputs("<section id=\"models\">\n<h2>Cost models</h2>\n<p>Time of one operation at size "
	      "<i>x</i>: "
	      "T(<i>x</i>) = σ + <i>x</i>/<i>b</i> in each span of sizes, fitted by relative "
	      "error. σ is per "
	      "round trip for round trips, else per message; B is the payload bandwidth, 2<i>b</i> "
	      "for round "
	      "trips, since 2<i>x</i> bytes cross. Brackets hold 95&nbsp;% intervals. Where a "
	      "straight line "
	      "does not fit, σ and B are withheld.</p>\n",
	      out);
	if (!fits || !fits->fit_count) {
		fputs("<p>There are none.</p>\n</section>\n", out);
		return true;
	}
	fputs("<div class=\"scroll\"><table class=\"models\">\n<thead><tr><th></th><th "
	      "class=\"n\">from</th>"
	      "<th class=\"n\">to</th><th>σ</th><th>B</th><th></th></tr></thead>\n<tbody>\n",
	      out);
	/* the fits of each sheet as a list, each with the one behind it; 0: none */
	size_t *first = calloc(a->sheet_count + 1, sizeof *first);
	size_t *behind = calloc(fits->fit_count + 1, sizeof *behind);
	const struct sheet *sheet = NULL;
	for (size_t f = fits->fit_count; first && behind && f > 0; f--) {
		if (!fit_row(a, &fits->fit[f - 1], &sheet))
			continue;
		behind[f] = first[sheet - a->sheets];
		first[sheet - a->sheets] = f;
	}
	for (size_t i = 0; first && behind && i < a->sheet_count; i++) {
		if (first[i])
			group_row(out, &a->sheets[i], 6);
		for (size_t f = first[i]; f; f = behind[f])
			fit_rows(out, &fits->fit[f - 1], fit_label(a, &fits->fit[f - 1]));
	}
	bool fine = first && behind;
	free(first);
	free(behind);
	fputs("</tbody>\n</table></div>\n</section>\n", out);
	return fine;
}

static void crossover_row(FILE *out, const struct page *page, const struct crossover *x)
{
	const struct fits *fits = page->fits;
	const struct arrangement *a = page->arrangement;
	char text[640];

	if (x->outcome == CROSSING_ONE) {
		unsigned below = crossover_below(x);
		fputs("<tr><th scope=\"row\">", out);
		text_html(out, fit_label(a, &fits->fit[below]));
		fprintf(out, "</th><td>%s</td><td>", crossover_place(x->bytes, text, sizeof text));
		text_html(out, fit_label(a, &fits->fit[below == x->a ? x->b : x->a]));
	} else {
		fputs("<tr><th scope=\"row\" colspan=\"3\">", out);
		text_html(out, crossover_sentence(a, fits, x, text, sizeof text));
	}
	if (isfinite(x->share))
		fprintf(out, "</td><td class=\"n\">%.0f %%</td>", x->share * 100);
	else
		fputs("</td><td class=\"n\">–</td>", out);
	if (isfinite(x->closed_form_bytes) && x->closed_form_bytes > 0 &&
	    x->closed_form_bytes < 1e15)
		fprintf(out, "<td class=\"n\">%s</td></tr>\n",
			text_size(x->closed_form_bytes, text));
	else
		fputs("<td class=\"n\">–</td></tr>\n", out);
}

/* Those where one is faster throughout, or all others, by sheet and outcome. */
static void crossover_table(FILE *out, const struct page *page, bool never)
{
	static const enum crossing order[] = {
		CROSSING_ONE,        CROSSING_SEVERAL, CROSSING_TIE,
		CROSSING_UNRESOLVED, CROSSING_OUTSIDE, CROSSING_NEVER
	};
	const struct fits *fits = page->fits;
	const struct arrangement *a = page->arrangement;

	fputs("<div class=\"scroll\"><table>\n<thead><tr><th>faster below</th><th>crossover</th>"
	      "<th>faster above</th><th class=\"n\">bootstrap share</th>"
	      "<th class=\"n\">models meet at</th></tr></thead>\n<tbody>\n",
	      out);
	for (size_t i = 0; i < a->sheet_count; i++) {
		bool begun = false;
		for (size_t o = 0; o < sizeof order / sizeof *order; o++) {
			if (never != (order[o] == CROSSING_NEVER))
				continue;
			for (size_t c = 0; c < fits->crossover_count; c++) {
				const struct crossover *x = &fits->crossover[c];
				const struct sheet *sheet = NULL;
				if (x->outcome != order[o] ||
				    !fit_row(a, &fits->fit[x->a], &sheet) || sheet != &a->sheets[i])
					continue;
				if (!begun)
					group_row(out, sheet, 5);
				begun = true;
				crossover_row(out, page, x);
			}
		}
	}
	fputs("</tbody>\n</table></div>\n", out);
}

static void crossovers(FILE *out, const struct page *page)
{
	const struct fits *fits = page->fits;
	size_t never = 0;

	fputs("<section id=\"crossovers\">\n<h2>Crossovers</h2>\n<p>A crossover is a size at which "
	      "the curve "
	      "of paired ratios crosses 1, from workers that lived side by side; not where two "
	      "fitted lines "
	      "meet, which is given beside it. Brackets hold 95&nbsp;% intervals.</p>\n",
	      out);
	for (size_t i = 0; fits && i < fits->crossover_count; i++)
		never += fits->crossover[i].outcome == CROSSING_NEVER;
	if (!fits || !fits->crossover_count)
		fputs("<p>There are none: it takes two variants of one group, each at several "
		      "sizes.</p>\n",
		      out);
	else if (never < fits->crossover_count)
		crossover_table(out, page, false);
	if (never) {
		fprintf(out,
			"<details><summary>%zu pairs of which one is faster at every "
			"size</summary>\n",
			never);
		crossover_table(out, page, true);
		fputs("</details>\n", out);
	}
	if (fits && fits->crossover_skipped)
		fprintf(out, "<p>%zu more pairs of curves were not looked at.</p>\n",
			fits->crossover_skipped);
	fputs("</section>\n", out);
}

/* ---- what is missing ---- */

static void reasons(FILE *out, const char *title, const char *what, const struct reason list[],
		    size_t count)
{
	if (!count)
		return;
	fprintf(out,
		"<h3>%s</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th class=\"n\">%ss</th>"
		"<th>why</th></tr></thead>\n<tbody>\n",
		title, what);
	for (size_t i = 0; i < count; i++) {
		size_t k;
		fprintf(out, "<tr><td class=\"n\">%zu</td><td class=\"text\">", list[i].count);
		text_html(out, list[i].text);
		fputs("<br><small>", out);
		for (k = 0; k < list[i].key_count && k < 4; k++) {
			fputs(k ? ", <code>" : "<code>", out);
			text_html(out, list[i].keys[k]);
			fputs("</code>", out);
		}
		if (list[i].key_count > k)
			fprintf(out, " and %zu more", list[i].key_count - k);
		fputs("</small></td></tr>\n", out);
	}
	fputs("</tbody>\n</table></div>\n", out);
}

/* false when memory runs out */
static bool missing(FILE *out, const struct page *page)
{
	const struct arrangement *a = page->arrangement;
	size_t count = 0;
	struct reason *refused = left_out(a, &count);

	fputs("<section id=\"missing\">\n<h2>Left out, and why</h2>\n", out);
	if (!a->refused_count && !a->failed_count)
		fputs("<p>Nothing: every cell of the plan was measured.</p>\n", out);
	reasons(out, "Cannot run here", "cell", refused, count);
	reasons(out, "Failed", "worker", a->failed, a->failed_count);
	fputs("</section>\n", out);
	left_out_free(refused, count);
	return refused;
}

/* ---- host and method ---- */

static void host_value(FILE *out, const json_t *value)
{
	if (json_is_string(value)) {
		text_html(out, json_string_value(value));
	} else if (json_is_integer(value)) {
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else if (json_is_real(value)) {
		fprintf(out, "%.6g", json_real_value(value));
	} else if (json_is_boolean(value)) {
		fputs(json_is_true(value) ? "yes" : "no", out);
	} else if (json_is_array(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			fputs(i ? ", " : "", out);
			const json_t *item = json_array_get(value, i);
			if (!json_is_array(item) && !json_is_object(item))
				host_value(out, item);
		}
	} else {
		fputs("<span class=\"soft\">not known</span>", out);
	}
}

/* Every member of an object of the header, a line each; what stands before its name says which. */
static void host_members(FILE *out, const char *before, json_t *all)
{
	const char *name, *inner_name;
	json_t *value, *inner;

	json_object_foreach (all, name, value) {
		fprintf(out, "<dt>%s", before);
		text_html(out, name);
		fputs("</dt><dd>", out);
		if (!json_is_object(value))
			host_value(out, value);
		const char *separator = "";
		json_object_foreach (value, inner_name, inner) {
			fputs(separator, out);
			separator = "; ";
			text_html(out, inner_name);
			fputs(": ", out);
			if (json_is_null(inner) && !strcmp(name, "placements"))
				fputs("none here", out);
			else if (json_is_null(inner) && !strcmp(name, "idle_states"))
				fputs("switched off", out);
			else
				host_value(out, inner);
		}
		fputs("</dd>\n", out);
	}
}

/* What most figures hang on, in a line. */
static void host_line(FILE *out, const struct result *result)
{
	static const struct {
		const char *name, *about;
	} told[] = {
		{ "kernel", "Linux" },
		{ "hypervisor", "guest of" },
		{ "container", "container" },
		{ "cpus_allowed", "CPUs" },
		{ "governor", "governor" },
		{ "turbo", "turbo" },
		{ "idle_driver", "idle driver" },
		{ "smt", "SMT" },
		{ "thp", "huge pages" },
		{ "cgroup_cpu_max", "CPU quota" },
	};
	const char *separator = "<p>";

	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		const char *value = result_host(result, told[i].name);
		if (strcmp(value, "-") == 0)
			continue;
		fprintf(out, "%s%s ", separator, told[i].about);
		text_html(out, value);
		separator = ", ";
	}
	if (strcmp(separator, "<p>") != 0)
		fputs(".</p>\n", out);
}

static void host(FILE *out, const struct page *page)
{
	const struct result *result = page->arrangement->result;
	static const char *const parts[][2] = { { "conditions", "" },
						{ "clock", "clock " },
						{ "worker", "toll-worker " },
						{ "build", "toll " } };

	fputs("<section id=\"host\">\n<h2>Host and conditions</h2>\n", out);
	host_line(out, result);
	fputs("<details><summary>All that is known of it</summary>\n<dl>\n", out);
	host_members(out, "", json_object_get(result->header, "host"));
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		host_members(out, parts[i][1], json_object_get(result->header, parts[i][0]));
	json_t *commit = json_object_get(result->header, "commit");
	if (json_is_string(commit)) {
		fputs("<dt>toll commit</dt><dd>", out);
		host_value(out, commit);
		fputs("</dd>\n", out);
	}
	fputs("</dl>\n</details>\n</section>\n", out);
}

static void method(FILE *out, const struct page *page)
{
	const struct result *result = page->arrangement->result;
	double margin = plan_number(result, "margin");

	fputs("<section id=\"method\">\n<h2>Method</h2>\n"
	      "<p>The replicate is the worker: a freshly started set of processes for one cell "
	      "(mechanism, "
	      "pattern, placement, size, wait). Its value is the median over its turns of the "
	      "logarithm of "
	      "the time per operation. Workers that are compared live side by side and take turns "
	      "of some "
	      "tens of microseconds, in random order, so that what the host does meanwhile happens "
	      "to all "
	      "of them; rounds repeat this with fresh workers in fresh order. The first operations "
	      "of each "
	      "turn are not counted. Every message is checked by its receiver: its order, and its "
	      "content "
	      "unless said otherwise.</p>\n"
	      "<p>A level is the exponential of the mean over workers, with Student's t interval "
	      "(95&nbsp;%). "
	      "A ratio is the 20&nbsp;% trimmed mean of the log ratios of pairs (two workers of "
	      "one block and "
	      "round), with Yuen's t (Yuen 1974; Wilcox 2012). Nothing is dropped by its value. "
	      "Intervals "
	      "speak about this host in this boot, not about others of its kind.</p>\n"
	      "<p>Host state: on virtual machines the CPUs move; a line of cache then takes 100 ns "
	      "and more "
	      "from one to the other, or half of that. It is measured in each block of two peers "
	      "on two CPUs, at its ends and between its turns; far (above 80&nbsp;ns) and near are "
	      "kept apart, unless a tenth of a cell's workers or fewer are in one of them: these "
	      "count with the others. The states of more peers than two are not told apart. "
	      "Sleeping waits across CPUs are measured with the CPUs "
	      "kept awake by an idle-class spinner, or allowed to sleep; the two are never "
	      "compared. "
	      "CPU time is that of all peers per message, and below it that of each.</p>\n",
	      out);
	const json_t *clock = json_object_get(result->header, "clock");
	const char *source = json_string_value(json_object_get(clock, "source"));
	double cost = json_number_value(json_object_get(clock, "cost_ns"));
	fputs("<p>Clock: ", out);
	text_html(out, source ? source : "not known");
	if (cost > 0)
		fprintf(out, ", one reading costs %.1f ns; it is read %s", cost,
			page->arrangement->tail_count
				? "after each operation, and taken away from the tails alone"
				: "once a turn and not subtracted");
	if (isfinite(margin))
		fprintf(out, ". Margin of relevance, fixed before the run: %.1f %%", margin * 100);
	fputs(".</p>\n<h3>To cite</h3>\n<p>toll ", out);
	text_html(out, header_text(result, "toll"));
	fputs(", result file <code>", out);
	text_html(out, page->source);
	fprintf(out, "</code>, seed %llu, ", (unsigned long long)result->seed);
	text_html(out, header_text(result, "created"));
	fputs(", host ", out);
	text_html(out, result_host(result, "name"));
	fputs(" (", out);
	text_html(out, result_host(result, "cpu_model"));
	fputs(", Linux ", out);
	text_html(out, result_host(result, "kernel"));
	fputs("). The page is made from that file alone by <code>toll report</code>; the same file "
	      "and seed "
	      "give the same numbers.</p>\n</section>\n",
	      out);
}

int page_html(FILE *out, const struct page *page)
{
	head(out, page);
	answer(out, page);
	figures(out, page);
	tables(out, page);
	tails(out, page);
	where_it_goes(out, page);
	bool fine = models(out, page);
	crossovers(out, page);
	scaling_html(out, page->arrangement);
	counts_html(out, page->arrangement);
	fine &= missing(out, page);
	host(out, page);
	method(out, page);
	fputs("</main>\n</body>\n</html>\n", out);
	return !fine || ferror(out) ? -1 : 0;
}
