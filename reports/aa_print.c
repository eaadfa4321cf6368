/* SPDX-License-Identifier: GPL-3.0-or-later */
/* aa_print.c - what `toll aa` shows: a row a class and the verdict, or JSON. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#include "../bench/aa.h"
#include "../bench/say.h"
#include "table.h"

static int print_classes(const struct aa *aa)
{
	struct table *table = table_new(6);

	table_column(table, 1, TABLE_RIGHT, 2);
	table_column(table, 2, TABLE_RIGHT, 2);
	table_column(table, 3, TABLE_RIGHT, 2);
	table_column(table, 4, TABLE_RIGHT, 2);
	table_row(table);
	table_cell(table, SAY_DIM, "class");
	table_cell(table, SAY_DIM, "pairs");
	table_cell(table, SAY_DIM, "spread sd / robust");
	table_cell(table, SAY_DIM, "called different");
	table_cell(table, SAY_DIM, "at most");
	table_cell(table, SAY_DIM, "%s", "");
	for (size_t c = 0; c < AA_CLASSES; c++) {
		const struct aa_class *class = &aa->class[c];

		table_row(table);
		table_cell(table, SAY_BOLD, "%s", class->name);
		if (*class->lacking) {
			table_span(table, 5, TABLE_LEFT, SAY_DIM, "left out: %s", class->lacking);
			continue;
		}
		table_cell(table, SAY_PLAIN, "%zu", class->pairs);
		if (isnan(class->sd))
			table_cell(table, SAY_PLAIN, "-");
		else
			table_cell(table, SAY_PLAIN, "%.2f / %.2f %%", 100 * class->sd,
				   100 * class->robust);
		table_cell(table, SAY_PLAIN, "%u of %u sets", class->rejected, class->sets);
		table_cell(table, SAY_PLAIN, "%u", class->limit);
		if (class->rejected > class->limit)
			table_cell(table, SAY_BAD, "too many");
		else if (class->sets < AA_LEAST_SETS)
			table_cell(table, SAY_HEAD, "too few sets");
		else
			table_cell(table, SAY_GOOD, "fine");
	}
	int failed = table_print(stdout, table, 0);
	table_free(table);
	return failed;
}

static const char *sentence(enum aa_verdict verdict)
{
	switch (verdict) {
	case AA_PASSED:
		return "identical cells look identical here ";
	case AA_FAILED:
		return "identical cells are called different too often here: distrust small "
		       "differences of that class; is something else running? ";
	case AA_UNTOLD:
		break;
	}
	return "too few sets of pairs for some class; give it a longer --budget ";
}

static int print_text(const struct aa *aa)
{
	static const enum say_style styles[] = { SAY_GOOD, SAY_BAD, SAY_HEAD };
	int failed = print_classes(aa);

	printf("%s%s%s: %s%s(%.0f s, seed %" PRIu64 ")%s\n", say_style(stdout, styles[aa->verdict]),
	       aa_text(aa->verdict), say_style(stdout, SAY_PLAIN), sentence(aa->verdict),
	       say_style(stdout, SAY_DIM), aa->seconds, aa->seed, say_style(stdout, SAY_PLAIN));
	if (aa->failures)
		printf("%u pairs were lost to workers that failed\n", aa->failures);
	return failed;
}

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static int print_json(const struct aa *aa)
{
	json_t *classes = json_array();

	for (size_t c = 0; c < AA_CLASSES; c++) {
		const struct aa_class *class = &aa->class[c];

		json_array_append_new(
			classes,
			json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "class", class->name,
				  "lacking",
				  *class->lacking ? json_string(class->lacking) : json_null(),
				  "pairs", (json_int_t) class->pairs, "sets",
				  (json_int_t) class->sets, "rejected",
				  (json_int_t) class->rejected, "limit", (json_int_t) class->limit,
				  "sd", number(class->sd), "robust_sd", number(class->robust)));
	}
	json_t *object = json_pack("{s:s, s:o, s:I, s:I, s:f, s:I}", "verdict",
				   aa_text(aa->verdict), "classes", classes, "pairs_of_a_set",
				   (json_int_t)AA_PAIRS, "failures", (json_int_t)aa->failures,
				   "seconds", aa->seconds, "seed", (json_int_t)aa->seed);
	int failed = !object ||
		     json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) ||
		     putchar('\n') == EOF;
	json_decref(object);
	return failed;
}

int aa_print(const struct aa *aa, bool json)
{
	int failed = json ? print_json(aa) : print_text(aa);

	if (failed || fflush(stdout) || ferror(stdout)) {
		say_error("the outcome could not be written: out of memory or standard output is "
			  "closed");
		return -1;
	}
	return 0;
}
