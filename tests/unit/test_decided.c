/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_decided.c - which cells a look decides, in results whose truth is known. */
#include "analysis/decided.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "synthetic.h"

static const double sizes[] = { 64, 4096 };
/* futex takes what pipe does, unix-stream twice as long, spsc 10 % longer; as a group at each size
 */
static const struct synthetic_curve curves[] = {
	{ "pipe", { { 0, 4000, 0 } }, 0 },
	{ "unix-stream", { { 0, 8000, 0 } }, 0 },
	{ "futex", { { 0, 4000, 0 } }, 0 },
	{ "spsc", { { 0, 4400, 0 } }, 0 },
};
enum { SIZES = 2, CURVES = 4, CELLS = SIZES * CURVES, MOST = CELLS * STATE_COUNT, ROUNDS = 40 };

static struct synthetic quiet(void)
{
	return (struct synthetic){ .curves = curves,
				   .curve_count = CURVES,
				   .sizes = sizes,
				   .size_count = SIZES,
				   .rounds = ROUNDS,
				   .turns = 5,
				   .worker_noise = 0.005,
				   .turn_noise = 0.002,
				   .seed = 3 };
}

static struct result *make(const struct synthetic *what)
{
	int fd;
	struct result *result = result_read(synthetic_file(what, &fd));

	close(fd);
	assert_non_null(result);
	return result;
}

static size_t decide(const struct result *result, double alpha,
		     struct result_decision decisions[MOST])
{
	struct result_decision *list;
	size_t n;

	assert_true(decided_at(result, alpha, &list, &n));
	assert_true(n <= MOST);
	memcpy(decisions, list, n * sizeof *list);
	free(list);
	return n;
}

static void test_known_answers(void **state)
{
	(void)state;
	struct synthetic what = quiet();
	struct result *result = make(&what);
	struct result_decision decision[MOST];

	assert_int_equal(decide(result, 0.05, decision), CELLS);
	for (unsigned i = 0; i < CELLS; i++) {
		const struct result_decision *its = &decision[i];
		bool is_fastest = its->against == i;
		assert_int_equal(its->cell, i);
		assert_int_equal(its->state, STATE_NONE);
		/* pipe or futex of the same size */
		assert_int_equal(its->against % SIZES, i % SIZES);
		assert_int_equal(its->against / SIZES % 2, 0);
		enum decided expected = is_fastest           ? DECIDED_PRECISE
					: i / SIZES % 2 == 0 ? DECIDED_SAME
							     : DECIDED_SLOWER;
		assert_int_equal(its->how, expected);
	}
	const struct result_decision *pipe = &decision[0], *futex = pipe + (size_t)2 * SIZES;
	assert_int_not_equal(pipe->how, futex->how);
	result_free(result);
}

/* One look at nearly no alpha: what is precise and has nobody to be told from is still decided. */
static void test_alpha(void **state)
{
	(void)state;
	struct synthetic what = quiet();
	struct result *result = make(&what);
	struct result_decision decision[MOST];

	assert_int_equal(decide(result, 1e-200, decision), SIZES);
	for (unsigned i = 0; i < SIZES; i++)
		assert_int_equal(decision[i].how, DECIDED_PRECISE);
	result_free(result);
}

static void test_few_workers(void **state)
{
	(void)state;
	struct synthetic what = quiet();
	struct result_decision decision[MOST];

	what.rounds = DECIDED_FEWEST_WORKERS - 1;
	struct result *result = make(&what);
	assert_int_equal(decide(result, 0.05, decision), 0);
	result_free(result);
	what.rounds++;
	result = make(&what);
	assert_true(decide(result, 0.05, decision) > 0);
	result_free(result);
}

/* Half-width at 40 workers is 0.32 sd: 1.2 % fits into a third of 2 %, 5 % does not. What a round
 * does to all its workers alike does not trouble the pairs. */
static void test_width(void **state)
{
	(void)state;
	struct synthetic what = quiet();
	struct result_decision decision[MOST];

	what.worker_noise = 0.001;
	what.round_noise = 0.012;
	struct result *result = make(&what);
	assert_int_equal(decide(result, 0.05, decision), CELLS);
	result_free(result);
	what.round_noise = 0.05;
	result = make(&what);
	assert_int_equal(decide(result, 0.05, decision), 0);
	/* the same figures with a margin that they suffice for */
	result->margin = 0.1;
	assert_int_equal(decide(result, 0.05, decision), CELLS);
	result_free(result);
}

/* Levels that are narrow enough, and pairs that cannot tell: 1 % between them, a margin of 1 %. */
static void test_not_told(void **state)
{
	(void)state;
	static const struct synthetic_curve close_ones[] = {
		{ "pipe", { { 0, 4000, 0 } }, 0 },
		{ "futex", { { 0, 4040, 0 } }, 0 },
		{ "alone", { { 0, 9000, 0 } }, 0 },
	};
	struct synthetic what = quiet();
	struct result_decision decision[MOST];

	what.curves = close_ones;
	what.curve_count = 2;
	what.size_count = 1;
	what.worker_noise = 0.009;
	what.rounds = 40;
	struct result *result = make(&what);
	result->margin = 0.01;
	assert_int_equal(decide(result, 1e-8, decision), 1);
	assert_int_equal(decision[0].how, DECIDED_PRECISE);
	result_free(result);
	/* nobody in its group: width alone */
	what.curves = close_ones + 2;
	what.curve_count = 1;
	result = make(&what);
	assert_int_equal(decide(result, 1e-200, decision), 1);
	assert_int_equal(decision[0].against, 0);
	result_free(result);
}

/* In two host states a cell has two levels, and is decided when both are. */
static void test_states(void **state)
{
	(void)state;
	struct synthetic what = quiet();
	struct result_decision decision[MOST];

	what.rounds = 2 * ROUNDS;
	what.far_share = 0.5;
	what.far_factor = 4;
	struct result *result = make(&what);
	assert_int_equal(decide(result, 0.05, decision), 2 * CELLS);
	for (unsigned i = 0; i < 2 * CELLS; i++) {
		assert_int_equal(decision[i].cell, i / 2);
		assert_int_equal(decision[i].state, i % 2 ? STATE_FAR : STATE_NEAR);
	}
	result_free(result);
	/* some 12 of 80 workers are not enough for one of the two */
	what.far_share = 0.15;
	result = make(&what);
	size_t n;
	struct level *levels = level_of(result, &n);
	assert_int_equal(n, 2 * CELLS);
	free(levels);
	assert_int_equal(decide(result, 0.05, decision), 0);
	result_free(result);
}

static void test_decided_before(void **state)
{
	(void)state;
	struct synthetic what = quiet();
	struct result *result = make(&what);
	struct result_decision decision[MOST];

	result->cells[2].decided = true;
	assert_int_equal(decide(result, 0.05, decision), CELLS - 1);
	for (unsigned i = 0; i < CELLS - 1; i++)
		assert_int_not_equal(decision[i].cell, 2);
	result_free(result);
}

/* A kernel whose clock is emulated gives the same figure each time. */
static void test_no_variance(void **state)
{
	(void)state;
	struct synthetic what = quiet();
	struct result_decision decision[MOST];

	what.worker_noise = what.turn_noise = 0;
	struct result *result = make(&what);
	assert_int_equal(decide(result, 1e-5, decision), CELLS);
	result_free(result);
	what.rounds = 0;
	result = make(&what);
	assert_int_equal(decide(result, 0.05, decision), 0);
	result_free(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),  cmocka_unit_test(test_alpha),
		cmocka_unit_test(test_few_workers),    cmocka_unit_test(test_width),
		cmocka_unit_test(test_not_told),       cmocka_unit_test(test_states),
		cmocka_unit_test(test_decided_before), cmocka_unit_test(test_no_variance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
