/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_duels.c - looks at pairs whose truth is known, and the comparison they come to. */
#include "analysis/duels.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/grow.h"
#include "bench/say.h"

static gsl_rng *rng;

static int setup(void **state)
{
	(void)state;
	rng = gsl_rng_alloc(gsl_rng_mt19937);
	return rng ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	gsl_rng_free(rng);
	return 0;
}

static size_t add_duel(struct duels *duels, enum duel_kind kind)
{
	struct duel *duel = GROW_APPEND(duels->duels, duels->count);

	assert_non_null(duel);
	duel->kind = kind;
	snprintf(duel->cell.key, sizeof duel->cell.key, "pipe/pingpong/same-cpu/%zu/block",
		 duels->count);
	return duels->count - 1;
}

/* n pairs whose log ratios lie around shift. */
static void add_pairs(struct duels *duels, size_t of, enum host_state state, size_t n, double shift,
		      double sd)
{
	for (size_t i = 0; i < n; i++) {
		double old = log(4000) + 0.02 * gsl_ran_ugaussian(rng);
		double ratio = shift + sd * gsl_ran_ugaussian(rng);
		const struct duel_pair pair = { .state = state,
						.value = { old, old + ratio },
						.ratio = ratio };

		assert_true(duel_add(&duels->duels[of], &pair));
	}
}

/* Hidden identical cells, of which the first few are not what they should be. */
static void hide(struct duels *duels, size_t n, size_t misfiring)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = add_duel(duels, i % 2 ? DUEL_NEW_TWICE : DUEL_OLD_TWICE);

		/* exactly around zero: chance must not add to those that misfire */
		for (size_t k = 0; k < 20; k++) {
			double ratio = (k % 2 ? 0.004 : -0.004) + (i < misfiring ? 0.05 : 0);
			const struct duel_pair pair = { .value = { 8, 8 + ratio }, .ratio = ratio };

			assert_true(duel_add(&duels->duels[at], &pair));
		}
	}
}

static const struct compare_row *row_of(const struct comparison *comparison,
					const struct duels *duels, size_t of, enum host_state state)
{
	for (size_t i = 0; i < comparison->row_count; i++)
		if (comparison->rows[i].cell == &duels->duels[of].cell &&
		    comparison->rows[i].state == state)
			return &comparison->rows[i];
	fail_msg("duel %zu has no row", of);
	return NULL;
}

static enum verdict_kind kind_of(const struct comparison *comparison, const struct duels *duels,
				 size_t of)
{
	return row_of(comparison, duels, of, STATE_NONE)->verdict.kind;
}

static void finish(struct duels *duels, struct comparison *comparison)
{
	comparison_free(comparison);
	duels_clear(duels);
}

/* --- verdicts --------------------------------------------------------------------------------- */

static void test_known_answers(void **state)
{
	struct duels duels = { .margin = 0.02 };
	size_t same = add_duel(&duels, DUEL_CELL), slower = add_duel(&duels, DUEL_CELL);
	size_t faster = add_duel(&duels, DUEL_CELL), vague = add_duel(&duels, DUEL_CELL);

	(void)state;
	gsl_rng_set(rng, 1);
	add_pairs(&duels, same, STATE_NONE, 20, 0, 0.005);
	add_pairs(&duels, slower, STATE_NONE, 20, log(1.05), 0.005);
	add_pairs(&duels, faster, STATE_NONE, 20, log(0.95), 0.005);
	add_pairs(&duels, vague, STATE_NONE, 20, 0.01, 0.1);
	hide(&duels, 20, 0);
	assert_int_equal(duels_open(&duels), 4);
	assert_true(duels_look(&duels, 0.05));
	assert_int_equal(duels_open(&duels), 1);

	struct comparison *comparison = duels_comparison(&duels);

	assert_non_null(comparison);
	assert_int_equal(comparison->unit, COMPARE_PAIRS);
	assert_int_equal(comparison->row_count, 4);
	assert_int_equal(kind_of(comparison, &duels, same), VERDICT_SAME);
	assert_int_equal(kind_of(comparison, &duels, slower), VERDICT_SLOWER);
	assert_int_equal(kind_of(comparison, &duels, faster), VERDICT_FASTER);
	assert_int_equal(kind_of(comparison, &duels, vague), VERDICT_CANT_TELL);
	for (unsigned kind = VERDICT_SAME; kind <= VERDICT_CANT_TELL; kind++)
		assert_int_equal(comparison->count[kind], 1);
	assert_int_equal(comparison->hidden.cells, 20);
	assert_int_equal(comparison->hidden.pairs, 20);
	assert_int_equal(comparison->hidden.misfires, 0);

	const struct compare_row *row = row_of(comparison, &duels, slower, STATE_NONE);

	assert_int_equal(row->workers[COMPARE_OLD], 20);
	assert_int_equal(row->workers[COMPARE_NEW], 20);
	assert_true(fabs(row->ns[COMPARE_NEW] / row->ns[COMPARE_OLD] - 1.05) < 0.01);
	assert_true(row->verdict.log_ratio.low < log(1.05));
	assert_true(row->verdict.log_ratio.high > log(1.05));
	/* more pairs are said where they help */
	row = row_of(comparison, &duels, vague, STATE_NONE);
	assert_true(row->verdict.more > 0);
	finish(&duels, comparison);
}

static void test_margin(void **state)
{
	struct duels duels = { .margin = 0.1 };
	size_t cell = add_duel(&duels, DUEL_CELL);

	(void)state;
	gsl_rng_set(rng, 2);
	add_pairs(&duels, cell, STATE_NONE, 20, log(1.05), 0.005);
	assert_true(duels_look(&duels, 0.05));
	struct comparison *comparison = duels_comparison(&duels);

	assert_int_equal(kind_of(comparison, &duels, cell), VERDICT_SAME);
	assert_true(comparison->margin == 0.1);
	finish(&duels, comparison);
}

static void test_decided_stays(void **state)
{
	struct duels duels = { .margin = 0.02 };
	size_t early = add_duel(&duels, DUEL_CELL), late = add_duel(&duels, DUEL_CELL);

	(void)state;
	gsl_rng_set(rng, 3);
	add_pairs(&duels, early, STATE_NONE, 20, 0.05, 0.005);
	add_pairs(&duels, late, STATE_NONE, 20, 0.05, 0.3);
	assert_true(duels_look(&duels, 0.02));
	assert_true(duels.duels[early].closed);
	assert_false(duels.duels[late].closed);

	const struct verdict kept = duels.duels[early].verdict[STATE_NONE];

	/* what follows would say that it is the same */
	add_pairs(&duels, early, STATE_NONE, 200, -0.05, 0.005);
	add_pairs(&duels, late, STATE_NONE, 2000, 0.05, 0.05);
	assert_true(duels_look(&duels, 0.03));
	assert_int_equal(duels_open(&duels), 0);
	assert_memory_equal(&kept, &duels.duels[early].verdict[STATE_NONE], sizeof kept);
	struct comparison *comparison = duels_comparison(&duels);

	assert_int_equal(kind_of(comparison, &duels, early), VERDICT_SLOWER);
	assert_int_equal(kind_of(comparison, &duels, late), VERDICT_SLOWER);
	finish(&duels, comparison);
}

static void test_spending(void **state)
{
	static const double levels[] = { 0.001, 0.01, 0.02 };
	struct duels duels = { .margin = 0.02 };
	size_t cell = add_duel(&duels, DUEL_CELL);

	(void)state;
	gsl_rng_set(rng, 4);
	for (size_t k = 0; k < 3; k++) {
		assert_false(duels_unseen(&duels));
		add_pairs(&duels, cell, STATE_NONE, 10, 0.01, 0.2);
		assert_true(duels_unseen(&duels));
		assert_true(duels_look(&duels, levels[k]));
		assert_true(duels.level == levels[k]);
	}
	struct comparison *comparison = duels_comparison(&duels);

	assert_int_equal(comparison->looks, 3);
	assert_true(fabs(comparison->spent - 0.031) < 1e-15);
	finish(&duels, comparison);
	/* pairs of hidden cells alone are nothing to look at */
	hide(&duels, 1, 0);
	assert_false(duels_unseen(&duels));
	duels_clear(&duels);
}

/* A level bounds what one look may find: the strict one finds nothing where the other does. */
static void test_level(void **state)
{
	enum verdict_kind kinds[2];

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct duels duels = { .margin = 0.02 };
		size_t cell = add_duel(&duels, DUEL_CELL);

		gsl_rng_set(rng, 5);
		add_pairs(&duels, cell, STATE_NONE, 20, 0.08, 0.1);
		assert_true(duels_look(&duels, k ? 0.05 : 0.0001));
		const struct verdict *verdict = &duels.duels[cell].verdict[STATE_NONE];

		assert_in_range((uintmax_t)(verdict->p_difference * 1e6), 101, 49999);
		kinds[k] = verdict->kind;
		duels_clear(&duels);
	}
	assert_int_equal(kinds[0], VERDICT_CANT_TELL);
	assert_int_equal(kinds[1], VERDICT_SLOWER);
}

/* Benjamini and Hochberg over all cells: what stands out alone is no discovery among forty. */
static void test_family(void **state)
{
	enum verdict_kind kinds[2];

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct duels duels = { .margin = 0.02 };
		size_t cell = add_duel(&duels, DUEL_CELL);

		gsl_rng_set(rng, 5);
		add_pairs(&duels, cell, STATE_NONE, 20, 0.08, 0.1);
		for (size_t other = 0; k && other < 40; other++)
			add_pairs(&duels, add_duel(&duels, DUEL_CELL), STATE_NONE, 20, 0, 0.1);
		/* hidden ones are no part of the family, however many */
		hide(&duels, k ? 0 : 100, 0);
		assert_true(duels_look(&duels, 0.05));
		kinds[k] = duels.duels[cell].verdict[STATE_NONE].kind;
		duels_clear(&duels);
	}
	assert_int_equal(kinds[0], VERDICT_SLOWER);
	assert_int_equal(kinds[1], VERDICT_CANT_TELL);
}

static void test_host_states(void **state)
{
	struct duels duels = { .margin = 0.02 };
	size_t cell = add_duel(&duels, DUEL_CELL), other = add_duel(&duels, DUEL_CELL);

	(void)state;
	gsl_rng_set(rng, 6);
	add_pairs(&duels, cell, STATE_NEAR, 20, -0.05, 0.005);
	add_pairs(&duels, cell, STATE_FAR, 20, 0.05, 0.005);
	/* a tenth and less of them is left out, and that is said */
	add_pairs(&duels, other, STATE_NEAR, 90, 0, 0.005);
	add_pairs(&duels, other, STATE_FAR, 10, 0.5, 0.005);
	assert_true(duels_look(&duels, 0.05));
	assert_int_equal(duels_open(&duels), 0);
	struct comparison *comparison = duels_comparison(&duels);

	assert_int_equal(comparison->row_count, 3);
	assert_int_equal(row_of(comparison, &duels, cell, STATE_NEAR)->verdict.kind,
			 VERDICT_FASTER);
	assert_int_equal(row_of(comparison, &duels, cell, STATE_FAR)->verdict.kind, VERDICT_SLOWER);
	assert_int_equal(row_of(comparison, &duels, other, STATE_NEAR)->verdict.kind, VERDICT_SAME);
	assert_int_equal(comparison->left_out_count, 1);
	assert_ptr_equal(comparison->left_out[0].key, duels.duels[other].cell.key);
	assert_int_equal(comparison->left_out[0].state, STATE_FAR);
	assert_int_equal(comparison->left_out[0].workers, 10);
	assert_int_equal(comparison->left_out[0].of, 100);
	finish(&duels, comparison);
}

/* One state told, the other not: the cell is measured on, and what is told stays. */
static void test_half_decided(void **state)
{
	struct duels duels = { .margin = 0.02 };
	size_t cell = add_duel(&duels, DUEL_CELL);

	(void)state;
	gsl_rng_set(rng, 7);
	add_pairs(&duels, cell, STATE_NEAR, 20, 0.05, 0.005);
	add_pairs(&duels, cell, STATE_FAR, 20, 0, 0.5);
	assert_true(duels_look(&duels, 0.02));
	assert_int_equal(duels_open(&duels), 1);
	assert_true(duels.duels[cell].decided[STATE_NEAR]);
	assert_false(duels.duels[cell].decided[STATE_FAR]);
	duels_clear(&duels);
}

/* --- gates ------------------------------------------------------------------------------------ */

static void test_lost_pairs(void **state)
{
	static const struct {
		unsigned dropped, failed;
		const char *why; /* NULL: it counts */
	} cases[] = {
		{ 5, 0, NULL }, /* a fifth */
		{ 6, 0, "the host's state differed within 6 of 26 pairs" },
		{ 3, 2, NULL },
		{ 3, 3, "3 of 26 pairs failed, the last: it broke" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct duels duels = { .margin = 0.02 };
		size_t cell = add_duel(&duels, DUEL_CELL);
		struct duel *duel = &duels.duels[cell];

		gsl_rng_set(rng, 8);
		for (unsigned k = 0; k < cases[i].failed; k++) {
			duel_fail(duel, "it broke");
			add_pairs(&duels, cell, STATE_NONE, 1, 0, 0.005);
		}
		add_pairs(&duels, cell, STATE_NONE, 20 - cases[i].failed, 0, 0.005);
		duel->dropped += cases[i].dropped;
		duel->attempts += cases[i].dropped;
		assert_true(duels_look(&duels, 0.05));
		struct comparison *comparison = duels_comparison(&duels);
		const struct compare_row *row = &comparison->rows[0];

		assert_int_equal(comparison->row_count, 1);
		assert_int_equal(row->verdict.kind, cases[i].why ? VERDICT_INVALID : VERDICT_SAME);
		if (cases[i].why)
			assert_string_equal(row->verdict.why, cases[i].why);
		finish(&duels, comparison);
	}
}

static void test_given_up(void **state)
{
	struct duels duels = { .margin = 0.02 };
	size_t cell = add_duel(&duels, DUEL_CELL);

	(void)state;
	gsl_rng_set(rng, 9);
	add_pairs(&duels, cell, STATE_NONE, 30, 0, 0.2);
	for (unsigned k = 0; k < 2; k++) {
		duel_fail(&duels.duels[cell], "first");
		duel_fail(&duels.duels[cell], "first");
		add_pairs(&duels, cell, STATE_NONE, 1, 0, 0.2);
	}
	assert_false(duels.duels[cell].given_up);
	for (unsigned k = 0; k < 3; k++)
		duel_fail(&duels.duels[cell], "at last");
	assert_true(duels.duels[cell].given_up);
	assert_int_equal(duels_open(&duels), 0);
	struct comparison *comparison = duels_comparison(&duels);

	assert_int_equal(comparison->row_count, 1);
	assert_string_equal(comparison->rows[0].verdict.why,
			    "given up after 3 failures in a row: at last");
	assert_int_equal(comparison->rows[0].workers[COMPARE_NEW], 32);
	finish(&duels, comparison);
}

static void test_too_few_pairs(void **state)
{
	struct duels duels = { .margin = 0.02 };
	size_t none = add_duel(&duels, DUEL_CELL), four = add_duel(&duels, DUEL_CELL);
	size_t five = add_duel(&duels, DUEL_CELL), apart = add_duel(&duels, DUEL_CELL);

	(void)state;
	gsl_rng_set(rng, 10);
	add_pairs(&duels, four, STATE_NONE, 4, 0, 0.0001);
	add_pairs(&duels, five, STATE_NONE, 5, 0, 0.0001);
	add_pairs(&duels, apart, STATE_NEAR, 4, 0, 0.0001);
	add_pairs(&duels, apart, STATE_FAR, 4, 0, 0.0001);
	assert_true(duels_look(&duels, 0.05));
	assert_int_equal(duels_open(&duels), 3);
	struct comparison *comparison = duels_comparison(&duels);

	assert_string_equal(row_of(comparison, &duels, none, STATE_NONE)->verdict.why,
			    "0 pairs; a verdict takes 5 in one host state");
	assert_string_equal(row_of(comparison, &duels, four, STATE_NONE)->verdict.why,
			    "4 pairs; a verdict takes 5 in one host state");
	assert_string_equal(row_of(comparison, &duels, apart, STATE_NONE)->verdict.why,
			    "8 pairs; a verdict takes 5 in one host state");
	assert_int_equal(kind_of(comparison, &duels, five), VERDICT_SAME);
	finish(&duels, comparison);
}

static void test_zero_variance(void **state)
{
	struct duels duels = { .margin = 0.02 };
	size_t same = add_duel(&duels, DUEL_CELL), slower = add_duel(&duels, DUEL_CELL);

	(void)state;
	add_pairs(&duels, same, STATE_NONE, 20, 0, 0);
	add_pairs(&duels, slower, STATE_NONE, 20, 0.05, 0);
	hide(&duels, 20, 0);
	assert_true(duels_look(&duels, 0.0001));
	assert_int_equal(duels_open(&duels), 0);
	struct comparison *comparison = duels_comparison(&duels);

	assert_int_equal(kind_of(comparison, &duels, same), VERDICT_SAME);
	assert_int_equal(kind_of(comparison, &duels, slower), VERDICT_SLOWER);
	for (size_t i = 0; i < comparison->row_count; i++) {
		const struct interval *ratio = &comparison->rows[i].verdict.log_ratio;

		assert_true(ratio->low == ratio->estimate && ratio->high == ratio->estimate);
		assert_true(comparison->rows[i].detectable == 0);
	}
	finish(&duels, comparison);
}

/* --- the hidden ones -------------------------------------------------------------------------- */

static void test_how_many_are_hidden(void **state)
{
	(void)state;
	assert_int_equal(duels_hidden(1), 20);
	assert_int_equal(duels_hidden(400), 20);
	assert_int_equal(duels_hidden(401), 21);
	assert_int_equal(duels_hidden(2000), 100);
}

static void test_misfires(void **state)
{
	const struct compare_gate gate = { .fail_on_slower = true };

	(void)state;
	/* the binomial limit of 99 % for 20 at 5 % is 4 */
	for (size_t misfires = 3; misfires <= 6; misfires++) {
		struct duels duels = { .margin = 0.02 };
		size_t slower = add_duel(&duels, DUEL_CELL), same = add_duel(&duels, DUEL_CELL);
		bool invalid = misfires > 4;

		gsl_rng_set(rng, 11);
		add_pairs(&duels, slower, STATE_NONE, 20, 0.05, 0.005);
		add_pairs(&duels, same, STATE_NONE, 20, 0, 0.005);
		hide(&duels, 20, misfires);
		assert_true(duels_look(&duels, 0.05));
		struct comparison *comparison = duels_comparison(&duels);
		char why[160];

		assert_int_equal(comparison->hidden.misfires, misfires);
		assert_int_equal(comparison->hidden.most, 4);
		assert_int_equal(comparison->count[VERDICT_INVALID], invalid ? 2 : 0);
		assert_int_equal(compare_status(comparison, &gate),
				 invalid ? EXIT_UNTOLD : EXIT_GATE);
		snprintf(
			why, sizeof why,
			"the machine called %zu of 20 hidden identical cells different, over the 4 "
			"that chance allows",
			misfires);
		if (invalid)
			assert_string_equal(comparison->rows[0].verdict.why, why);
		/* the estimate is still there to be seen */
		assert_true(isfinite(comparison->rows[0].verdict.log_ratio.estimate));
		finish(&duels, comparison);
	}
}

/* Hidden ones with too few pairs are not tested, and the fewest pairs of those that are is told. */
static void test_hidden_pairs(void **state)
{
	struct duels duels = { .margin = 0.02 };
	size_t few = add_duel(&duels, DUEL_OLD_TWICE), some = add_duel(&duels, DUEL_NEW_TWICE);

	(void)state;
	gsl_rng_set(rng, 12);
	add_pairs(&duels, few, STATE_NONE, 4, 0, 0.005);
	add_pairs(&duels, some, STATE_NONE, 7, 0, 0.005);
	hide(&duels, 3, 0);
	struct comparison *comparison = duels_comparison(&duels);

	assert_int_equal(comparison->row_count, 0);
	assert_int_equal(comparison->hidden.cells, 4);
	assert_int_equal(comparison->hidden.pairs, 7);
	finish(&duels, comparison);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_margin),
		cmocka_unit_test(test_decided_stays),
		cmocka_unit_test(test_spending),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_family),
		cmocka_unit_test(test_host_states),
		cmocka_unit_test(test_half_decided),
		cmocka_unit_test(test_lost_pairs),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_too_few_pairs),
		cmocka_unit_test(test_zero_variance),
		cmocka_unit_test(test_how_many_are_hidden),
		cmocka_unit_test(test_misfires),
		cmocka_unit_test(test_hidden_pairs),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
