/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare_page.c - a comparison as one HTML page: the answer, its figure, the table, what differs
 * and what is missing, method. It holds its figures, runs no script and asks nothing of a network.
 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/say.h"
#include "arrange.h"
#include "compare_forest.h"
#include "html.h"
#include "text.h"

enum { UNFOLDED = 20 }; /* items of a list */

/* The colours of forest.gp's symbols. */
static const char style[] =
	":root{--slower:#af4d00;--faster:#00639b;--open:#7a5500;--same:#5a5a5a}\n"
	"@media (prefers-color-scheme:dark){:root{--slower:#ff9d5c;--faster:#6cb8ec;"
	"--open:#e0b050;--same:#a3a3a3}}\n"
	".slower{color:var(--slower)}.faster{color:var(--faster)}.open{color:var(--open)}"
	".invalid{color:var(--bad)}.same{color:var(--same)}\n"
	"td.key{white-space:normal;overflow-wrap:anywhere;min-width:17rem;padding-right:1rem}"
	"td:first-child{padding-right:1rem}\n"
	"h1{margin-bottom:.6rem}.verdicts{font-size:1.1rem}.verdicts span{margin-right:1.2rem;"
	"white-space:nowrap}\n"
	"summary{margin:1rem 0}\n"
	"@media print{details:not([open])>:not(summary){display:block}}\n";

struct look {
	const char *mark, *class;
};

/* The symbols of forest.gp. */
static struct look look_of(enum verdict_kind kind)
{
	static const struct look looks[] = { [VERDICT_SLOWER] = { "■", "slower" },
					     [VERDICT_FASTER] = { "●", "faster" },
					     [VERDICT_INVALID] = { "×", "invalid" },
					     [VERDICT_CANT_TELL] = { "◇", "open" },
					     [VERDICT_SAME] = { "○", "same" } };

	return looks[kind];
}

/* --- the head --------------------------------------------------------------------------------- */

static void side_line(FILE *out, const struct compare_report *report, enum compare_side side)
{
	size_t n = report->file_count[side];

	fprintf(out, "%s%s: ", side ? "<br>\n" : "", compare_sides[side]);
	if (report->names[side] || !n) {
		fputs("<code>", out);
		text_html(out, report->names[side] ? report->names[side] : "-");
		fputs("</code>", out);
		return;
	}
	const struct result *first = report->files[side][0];
	text_html(out, result_host(first, "name"));
	fputs(", ", out);
	text_html(out, result_host(first, "cpu_model"));
	fputs(", Linux ", out);
	text_html(out, result_host(first, "kernel"));
	fputs("; ", out);
	text_html(out, header_text(first, "created"));
	fprintf(out, "; %zu file%s", n, n == 1 ? "" : "s");
}

static void head(FILE *out, const struct compare_report *report)
{
	static const enum verdict_kind order[] = { VERDICT_SLOWER, VERDICT_FASTER, VERDICT_INVALID,
						   VERDICT_CANT_TELL, VERDICT_SAME };
	const struct comparison *comparison = report->comparison;
	char title[192], headline[160];

	snprintf(title, sizeof title, "New against old: %s",
		 compare_headline(comparison, headline, sizeof headline));
	html_begin(out, TOLL_VERSION, title, style);
	fputs("<h1>New against old</h1>\n<p class=\"verdicts\">", out);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		struct look look = look_of(order[i]);
		if (comparison->count[order[i]])
			fprintf(out, "<span class=\"%s\">%s %zu %s</span>\n", look.class, look.mark,
				comparison->count[order[i]], verdict_text(order[i]));
	}
	fputs("</p>\n<p class=\"soft\">", out);
	side_line(out, report, COMPARE_OLD);
	side_line(out, report, COMPARE_NEW);
	fputs("</p>\n<nav><a href=\"#answer\">Answer</a> <a href=\"#cells\">Cells</a> "
	      "<a href=\"#missing\">Left out</a> <a href=\"#environment\">Environment</a> "
	      "<a href=\"#method\">Method</a></nav>\n</header>\n<main>\n",
	      out);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void notes_list(FILE *out, const struct compare_report *report)
{
	struct compare_notes notes;

	compare_note(&notes, report);
	fputs("<ul>\n", out);
	for (size_t i = 0; i < notes.count; i++) {
		fputs("<li>", out);
		text_html(out, notes.text[i]);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

static void draw_figure(FILE *out, const char *folder, const struct figure *figure)
{
	size_t length;
	char *svg = draw_read(folder, figure->name, ".svg", &length);

	fprintf(out, "<figure id=\"%s\">\n", figure->name);
	html_drawing(out, svg, figure);
	free(svg);
	fputs("<figcaption>", out);
	text_html(out, figure->caption);
	fputs("</figcaption>\n</figure>\n", out);
}

static void answer(FILE *out, const struct compare_report *report, const struct figures *figures,
		   const char *folder)
{
	const struct comparison *comparison = report->comparison;
	size_t same = comparison->count[VERDICT_SAME];
	bool all_same = same == comparison->row_count;

	fputs("<section id=\"answer\">\n<h2>The answer</h2>\n", out);
	notes_list(out, report);
	if (*figures->missing) {
		fputs("<p class=\"bad\">The figure is left out: ", out);
		text_html(out, figures->missing);
		fputs(".</p>\n", out);
	}
	for (size_t i = 0; i < figures->count && !*figures->missing; i++) {
		/* what is the same stands last, and folded beside anything else */
		bool fold = same && i + 1 == figures->count;
		if (fold)
			fprintf(out, "<details%s><summary>%zu same</summary>\n",
				all_same ? " open" : "", same);
		draw_figure(out, folder, &figures->figure[i]);
		if (fold)
			fputs("</details>\n", out);
	}
	fputs("</section>\n", out);
}

/* --- cells ------------------------------------------------------------------------------------ */

static void cell_row(FILE *out, const struct comparison *comparison, const struct compare_row *row)
{
	struct look look = look_of(row->verdict.kind);
	char text[512];

	fprintf(out, "<tr><td class=\"%s\">%s %s</td><td class=\"key\"><code>", look.class,
		look.mark, verdict_text(row->verdict.kind));
	text_html(out, row->cell->key);
	fputs("</code>", out);
	if (row->state != STATE_NONE)
		fprintf(out, " (host state %s)", result_state_text(row->state));
	if (*compare_remark(comparison, row, text, sizeof text)) {
		fputs("<br><small>", out);
		text_html(out, text);
		fputs("</small>", out);
	}
	fprintf(out, "</td><td class=\"n\">%s</td>",
		compare_change(row->verdict.log_ratio.estimate, text));
	fprintf(out, "<td class=\"n soft\">%s</td>",
		compare_bounds(row->verdict.log_ratio, text, sizeof text));
	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		fprintf(out, "<td class=\"n\">%s</td>", compare_ns(row->ns[side], text));
	fprintf(out, "<td class=\"n soft\">%s</td>", compare_size(row->detectable, text));
	fprintf(out, "<td class=\"n soft\">%zu, %zu</td></tr>\n", row->workers[COMPARE_OLD],
		row->workers[COMPARE_NEW]);
}

/* Those that are the same, or all others. */
static void cell_table(FILE *out, const struct comparison *comparison, bool same)
{
	fputs("<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">verdict</th>"
	      "<th scope=\"col\">cell</th><th scope=\"col\" class=\"n\">change</th>"
	      "<th scope=\"col\" class=\"n\">95&nbsp;% interval</th>"
	      "<th scope=\"col\" class=\"n\">old</th><th scope=\"col\" class=\"n\">new</th>"
	      "<th scope=\"col\" class=\"n\">finds</th>"
	      "<th scope=\"col\" class=\"n\">workers</th></tr></thead>\n<tbody>\n",
	      out);
	for (size_t i = 0; i < comparison->row_count; i++)
		if (same == (comparison->rows[i].verdict.kind == VERDICT_SAME))
			cell_row(out, comparison, &comparison->rows[i]);
	fputs("</tbody>\n</table></div>\n", out);
}

static void cells(FILE *out, const struct comparison *comparison)
{
	size_t same = comparison->count[VERDICT_SAME];
	bool all_same = same == comparison->row_count;

	fputs("<section id=\"cells\">\n<h2>Cells</h2>\n<p class=\"soft\">Time per operation. "
	      "Finds: the smallest change that is found 9 times in 10. Workers: those that "
	      "count, of old and of new.</p>\n",
	      out);
	if (!all_same)
		cell_table(out, comparison, false);
	if (same) {
		fprintf(out, "<details%s><summary>%zu same</summary>\n", all_same ? " open" : "",
			same);
		cell_table(out, comparison, true);
		fputs("</details>\n", out);
	}
	fputs("</section>\n", out);
}

/* --- what is missing -------------------------------------------------------------------------- */

static void begin_list(FILE *out, size_t n, const char *title)
{
	fprintf(out, "<details%s><summary>%zu %s</summary>\n<ul>\n", n > UNFOLDED ? "" : " open", n,
		title);
}

static void lone_list(FILE *out, const struct comparison *comparison)
{
	char text[512];

	begin_list(out, comparison->lone_count, "not on both sides");
	for (size_t i = 0; i < comparison->lone_count; i++) {
		const struct compare_lone *lone = &comparison->lone[i];
		fputs("<li><code>", out);
		text_html(out, lone->key);
		fputs("</code>: ", out);
		text_html(out, compare_absence_text(lone, text, sizeof text));
		fputs("</li>\n", out);
	}
	fputs("</ul></details>\n", out);
}

static void left_out_list(FILE *out, const struct comparison *comparison)
{
	const bool pairs = comparison->unit == COMPARE_PAIRS;

	begin_list(out, comparison->left_out_count,
		   pairs ? "host states of few pairs"
			 : "host states that hold no tenth of both sides");
	for (size_t i = 0; i < comparison->left_out_count; i++) {
		const struct compare_left_out *left = &comparison->left_out[i];
		fputs("<li><code>", out);
		text_html(out, left->key);
		fprintf(out, "</code>: %s%s%zu of %zu %s %s</li>\n",
			pairs ? "" : compare_sides[left->side], pairs ? "" : ", ", left->workers,
			left->of, pairs ? "pairs" : "workers", result_state_text(left->state));
	}
	fputs("</ul></details>\n", out);
}

static void missing(FILE *out, const struct comparison *comparison)
{
	fputs("<section id=\"missing\">\n<h2>Left out, and why</h2>\n", out);
	if (!comparison->lone_count && !comparison->left_out_count)
		fputs("<p>Nothing: every cell was measured on both sides.</p>\n", out);
	if (comparison->lone_count)
		lone_list(out, comparison);
	if (comparison->left_out_count)
		left_out_list(out, comparison);
	fputs("</section>\n", out);
}

/* --- environment and files -------------------------------------------------------------------- */

static void differences(FILE *out, const struct environment *environment)
{
	fputs("<p>What differs, and was said to vary; everything else that was looked at is the "
	      "same.</p>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">key</th>"
	      "<th scope=\"col\">here</th><th scope=\"col\">there</th></tr></thead>\n<tbody>\n",
	      out);
	for (size_t i = 0; i < environment->count; i++) {
		const struct environment_difference *d = &environment->differences[i];
		fputs("<tr><th scope=\"row\">", out);
		text_html(out, d->key);
		fputs("</th>", out);
		for (unsigned f = 0; f < 2; f++) {
			fputs("<td class=\"text\">", out);
			text_html(out, d->values[f]);
			fputs("<br><small>", out);
			text_html(out, d->paths[f]);
			fputs("</small></td>", out);
		}
		fputs("</tr>\n", out);
	}
	fputs("</tbody>\n</table></div>\n", out);
}

static void files(FILE *out, const struct compare_report *report)
{
	fputs("<h3>Files</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\"></th>"
	      "<th scope=\"col\">file</th><th scope=\"col\">created</th>"
	      "<th scope=\"col\">boot</th><th scope=\"col\">toll</th>"
	      "<th scope=\"col\" class=\"n\">workers</th>"
	      "<th scope=\"col\" class=\"n\">seed</th></tr></thead>\n<tbody>\n",
	      out);
	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (size_t i = 0; i < report->file_count[side]; i++) {
			const struct result *file = report->files[side][i];
			fprintf(out, "<tr><td>%s</td><td class=\"key\"><code>",
				compare_sides[side]);
			text_html(out, file->path);
			fputs("</code></td><td>", out);
			text_html(out, header_text(file, "created"));
			fputs("</td><td>", out);
			text_html(out, result_host(file, "boot_id"));
			fputs("</td><td>", out);
			text_html(out, header_text(file, "toll"));
			fprintf(out,
				"</td><td class=\"n\">%zu</td><td class=\"n\">%llu</td></tr>\n",
				file->worker_count, (unsigned long long)file->seed);
		}
	fputs("</tbody>\n</table></div>\n", out);
}

static void environment(FILE *out, const struct compare_report *report)
{
	fputs("<section id=\"environment\">\n<h2>Environment</h2>\n", out);
	if (report->environment && report->environment->count)
		differences(out, report->environment);
	else if (report->environment)
		fputs("<p>The same on both sides, as far as the files say.</p>\n", out);
	else
		fputs("<p>One: both sides were measured just then, on one machine.</p>\n", out);
	if (report->file_count[COMPARE_OLD] || report->file_count[COMPARE_NEW])
		files(out, report);
	fputs("</section>\n", out);
}

static void method(FILE *out)
{
	fputs("<section id=\"method\">\n<h2>Method</h2>\n"
	      "<p>Cells are matched by their key (mechanism, pattern, placement, size, wait) and "
	      "by the host state they were measured in. The answers are asked in this order. "
	      "Same: a difference of the margin or more is rejected (two one-sided tests). Slower, "
	      "faster: no difference is rejected. Can't tell: neither. Invalid: over a fifth of "
	      "the workers failed on one side, an operation is not the same everywhere, or no host "
	      "state is common to both sides.</p>\n"
	      "<p>Over all cells together the false discovery rate of each of the two tests is "
	      "held at 5&nbsp;% (Benjamini and Hochberg 1995). Intervals of cells with a verdict "
	      "are widened for having been selected (Benjamini and Yekutieli 2005). What a value "
	      "stands for, how many there are, and what looks at them have spent of the error "
	      "rate, stands with the answer above. Nothing is "
	      "dropped by its value.</p>\n"
	      "<p>The same files give the same numbers: <code>toll compare --json</code> has "
	      "them.</p>\n</section>\n",
	      out);
}

int compare_html(FILE *out, const struct compare_report *report)
{
	static const enum forest_part parts[] = { FOREST_OTHERS, FOREST_SAME };
	struct figures figures = { 0 };
	char folder[PATH_MAX];
	sigset_t before;

	if (forest_folder(folder, &before))
		return -1;
	int failed = forest_make(report, parts, 2, false, folder, &figures);
	if (!failed) {
		if (*figures.missing)
			say_warning("figures: %s", figures.missing);
		head(out, report);
		answer(out, report, &figures, folder);
		cells(out, report->comparison);
		missing(out, report->comparison);
		environment(out, report);
		method(out);
		fputs("</main>\n</body>\n</html>\n", out);
	}
	draw_remove(folder, &before);
	free(figures.figure);
	return failed || ferror(out) ? -1 : 0;
}
