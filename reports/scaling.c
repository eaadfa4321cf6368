/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scaling.c - pairs at once: their rate together and their slow-down, with intervals; in the
 * summary, on the page, as JSON. */
#include "scaling.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/grow.h"
#include "table.h"
#include "text.h"

static const struct interval unknown = { NAN, NAN, NAN, 0 };

/* ---- what belongs together ---- */

/* What cells have in common that differ in their number of peers alone. */
static char *family_key(const struct cell *cell, char key[CELL_KEY])
{
	struct cell any = *cell;

	any.peers = 0; /* and so no CPUs */
	any.peers_named = false;
	return cell_key(&any, key, CELL_KEY);
}

static bool same_family(const struct cell *a, const struct cell *b)
{
	char one[CELL_KEY], other[CELL_KEY];

	return strcmp(family_key(a, one), family_key(b, other)) == 0;
}

static int add(const struct arrangement *a, const struct sheet_cell *at, struct scaling **list,
	       size_t *n)
{
	const struct result_cell *of = &a->result->cells[at->cell];
	struct interval ns = at->level->ns;
	unsigned pairs = of->cell.peers / 2;
	size_t family = *n;

	for (size_t i = 0; i < *n && family == *n; i++)
		if (same_family(&(*list)[i].of->cell, &of->cell))
			family = (*list)[i].family;
	struct scaling *one = GROW_APPEND(*list, *n);
	if (!one)
		return -1;
	*one = (struct scaling){
		.of = of,
		.level = at->level,
		.pairs = pairs,
		.cpus = cell_cpus(&of->cell),
		.rate = { pairs * 1e9 / ns.estimate, pairs * 1e9 / ns.high, pairs * 1e9 / ns.low,
			  ns.n },
		.slowdown = unknown,
		.family = family,
	};
	return 0;
}

/* ---- against one pair ---- */

/* The value of a cell's worker in a round, of those its level is made of; NaN: none. */
static double value_in(const struct arrangement *a, const struct level *level, unsigned round)
{
	const struct result *result = a->result;

	for (size_t i = result->first[level->cell]; i < result->first[level->cell + 1]; i++) {
		const struct result_worker *w = &result->workers[result->order[i]];
		if (w->round == round && level_counts(level, w))
			return w->value;
	}
	return NAN;
}

/* By rounds, which what drifts from one to the next leaves alone. */
static struct interval slowdown(const struct arrangement *a, const struct level *many,
				const struct level *one)
{
	const struct result *result = a->result;
	size_t first = result->first[many->cell], count = result->first[many->cell + 1] - first,
	       n = 0;
	double *ratios = calloc(count + 1, sizeof *ratios);
	struct interval factor = { exp(log(many->ns.estimate) - log(one->ns.estimate)), NAN, NAN,
				   0 };

	for (size_t i = 0; ratios && i < count; i++) {
		const struct result_worker *w = &result->workers[result->order[first + i]];
		double alone = level_counts(many, w) ? value_in(a, one, w->round) : NAN;
		if (isfinite(alone))
			ratios[n++] = w->value - alone;
	}
	if (ratios && n >= 2) {
		factor = statistics_yuen(ratios, n, 0.2, 0.95, NULL);
		factor.estimate = exp(factor.estimate);
		factor.low = exp(factor.low);
		factor.high = exp(factor.high);
	}
	free(ratios);
	return factor;
}

/* One pair of the same host state, else that of which most workers are: the state of more pairs is
 * not known. */
static const struct level *of_one_pair(const struct scaling list[], size_t n,
				       const struct scaling *many)
{
	const struct level *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct level *level = list[i].level;
		if (list[i].family != many->family || list[i].pairs != 1)
			continue;
		if (level->state == many->level->state)
			return level;
		if (!best || level->workers > best->workers)
			best = level;
	}
	return best;
}

static int by_family(const void *left, const void *right)
{
	const struct scaling *a = left, *b = right;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->pairs != b->pairs)
		return a->pairs < b->pairs ? -1 : 1;
	return (a->level > b->level) - (a->level < b->level);
}

struct scaling *scaling_of(const struct arrangement *a, size_t *n)
{
	struct scaling *list = calloc(1, sizeof *list);
	int failed = list ? 0 : -1;

	*n = 0;
	for (size_t i = 0; i < a->sheet_count; i++) {
		const struct sheet *sheet = &a->sheets[i];
		for (size_t r = 0; r < sheet->row_count; r++)
			for (size_t s = 0; s < sheet->size_count && !failed; s++)
				if (sheet->rows[r].cells[s].level &&
				    strcmp(sheet->sample->pattern, "pairs") == 0)
					failed = add(a, &sheet->rows[r].cells[s], &list, n);
	}
	for (size_t i = 0; i < *n && !failed; i++) {
		const struct level *one =
			list[i].pairs > 1 ? of_one_pair(list, *n, &list[i]) : NULL;
		if (one)
			list[i].slowdown = slowdown(a, list[i].level, one);
	}
	if (failed) {
		free(list);
		return NULL;
	}
	qsort(list, *n, sizeof *list, by_family);
	return list;
}

/* ---- shown ---- */

static struct text_unit rate_unit(double per_s)
{
	return per_s >= 1e6 ? (struct text_unit){ "M/s", 1e6 } : (struct text_unit){ "k/s", 1e3 };
}

/* "same-cpu, block, 64 B" and what else sets it apart. */
static void where(const struct scaling *one, char *out, size_t bytes)
{
	const struct cell *cell = &one->of->cell;
	char wait[48], size[TEXT_NUMBER], sched[32];
	const char *policy =
		cell->policy == POLICY_OTHER ? "" : cell_sched_text(cell, sched, sizeof sched);

	snprintf(out, bytes, "%s, %s, %s%s%s%s%s%s", cell->placement,
		 cell_wait_text(cell, wait, sizeof wait), say_size(cell->size, size),
		 cell->idle == IDLE_AWAKE   ? ", CPUs kept awake"
		 : cell->idle == IDLE_SLEEP ? ", CPUs allowed to sleep"
					    : "",
		 cell->threads ? ", threads" : "", *policy ? ", " : "", policy,
		 cell->mlock ? ", memory locked" : "");
}

static const char legend[] =
	"all pairs together, and how much longer a round trip takes than that of one pair";

int scaling_print(FILE *stream, const struct arrangement *a)
{
	size_t n, family = SIZE_MAX;
	struct scaling *list = scaling_of(a, &n);
	struct table *table;

	if (!list || n == 0) {
		free(list);
		return list ? 0 : -1;
	}
	fprintf(stream, "\n%sScaling%s  %sround trips of %s%s\n", say_style(stream, SAY_BOLD),
		say_style(stream, SAY_PLAIN), say_style(stream, SAY_DIM), legend,
		say_style(stream, SAY_PLAIN));
	table = table_new(9);
	table_column(table, 2, TABLE_RIGHT, 2);
	table_column(table, 3, TABLE_LEFT, 1);
	table_column(table, 4, TABLE_POINT, 3);
	table_column(table, 5, TABLE_LEFT, 1);
	table_column(table, 6, TABLE_RIGHT, 1);
	table_column(table, 7, TABLE_POINT, 3);
	table_column(table, 8, TABLE_LEFT, 1);
	for (size_t i = 0; i < n; i++) {
		const struct scaling *one = &list[i];
		struct text_unit unit = rate_unit(one->rate.estimate);
		char text[TEXT_NUMBER], label[2 * CELL_NAME + CELL_OPTIONS], place[256];

		table_row(table);
		where(one, place, sizeof place);
		bool first = one->family != family;
		family = one->family;
		table_cell(table, SAY_PLAIN, "%s",
			   first ? cell_label(&one->of->cell, label, sizeof label) : "");
		table_cell(table, SAY_PLAIN, "%s", first ? place : "");
		table_cell(table, SAY_HEAD, "%u pair%s", one->pairs, one->pairs == 1 ? "" : "s");
		table_cell(table, SAY_DIM, "on %u CPU%s", one->cpus, one->cpus == 1 ? "" : "s");
		table_cell(table, SAY_BOLD, "%s",
			   text_number(one->rate.estimate / unit.scale, text));
		table_cell(table, SAY_PLAIN, "%s", unit.name);
		table_cell(table, SAY_DIM, "%s", text_spread(one->rate, text));
		if (isnan(one->slowdown.estimate))
			continue;
		table_cell(table, SAY_BOLD, "%s", text_number(one->slowdown.estimate, text));
		table_cell(table, SAY_DIM, "× %s", text_spread(one->slowdown, text));
	}
	int status = table_print(stream, table, 2);
	table_free(table);
	free(list);
	return status;
}

void scaling_html(FILE *out, const struct arrangement *a)
{
	size_t n, family = SIZE_MAX;
	struct scaling *list = scaling_of(a, &n);

	if (!list || n == 0) {
		free(list);
		return;
	}
	fprintf(out,
		"<section id=\"scaling\">\n<h2>Pairs at once</h2>\n<p class=\"soft\">Round trips "
		"of "
		"%s; both with 95&nbsp;%% intervals over workers, the second from workers of the "
		"same "
		"round.</p>\n<div class=\"scroll\"><table>\n<thead><tr><th></th><th></th><th "
		"class=\"n\">pairs</th><th class=\"n\">CPUs</th><th class=\"n\">together</th><th>"
		"</th><th class=\"n\">slow-down</th><th></th></tr></thead>\n<tbody>\n",
		legend);
	for (size_t i = 0; i < n; i++) {
		const struct scaling *one = &list[i];
		struct text_unit unit = rate_unit(one->rate.estimate);
		char text[TEXT_NUMBER], label[2 * CELL_NAME + CELL_OPTIONS], place[256];
		bool first = one->family != family;

		family = one->family;
		where(one, place, sizeof place);
		fputs("<tr><th scope=\"row\">", out);
		text_html(out, first ? cell_label(&one->of->cell, label, sizeof label) : "");
		fputs("</th><td>", out);
		text_html(out, first ? place : "");
		fprintf(out, "</td><td class=\"n\">%u</td><td class=\"n\">%u</td>", one->pairs,
			one->cpus);
		fprintf(out, "<td class=\"n\">%s %s</td>",
			text_number(one->rate.estimate / unit.scale, text), unit.name);
		fprintf(out, "<td class=\"pm\">%s</td>", text_spread(one->rate, text));
		if (isnan(one->slowdown.estimate)) {
			fputs("<td class=\"n soft\">–</td><td></td></tr>\n", out);
			continue;
		}
		fprintf(out, "<td class=\"n\">%s ×</td>",
			text_number(one->slowdown.estimate, text));
		fprintf(out, "<td class=\"pm\">%s</td></tr>\n", text_spread(one->slowdown, text));
	}
	fputs("</tbody>\n</table></div>\n</section>\n", out);
	free(list);
}

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *interval_json(struct interval i)
{
	return json_pack("{s:o, s:o, s:o, s:I}", "estimate", number_json(i.estimate), "low",
			 number_json(i.low), "high", number_json(i.high), "n", (json_int_t)i.n);
}

json_t *scaling_json(const struct arrangement *a)
{
	json_t *array = json_array();
	size_t n = 0;
	struct scaling *list = scaling_of(a, &n);

	for (size_t i = 0; list && i < n; i++) {
		const struct scaling *one = &list[i];

		json_array_append_new(
			array,
			json_pack("{s:s, s:s, s:i, s:i, s:o, s:o}", "cell", one->of->key,
				  "host_state", state_text(one->level->state), "pairs",
				  (int)one->pairs, "cpus", (int)one->cpus, "round_trips_per_s",
				  interval_json(one->rate), "slowdown",
				  isnan(one->slowdown.estimate) ? json_null()
								: interval_json(one->slowdown)));
	}
	free(list);
	return array;
}
