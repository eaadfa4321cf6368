/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_level.c - levels by host state, the fastest of a group, and the pairs of two cells. */
#include "analysis/level.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "synthetic.h"

static const double sizes[] = { 64, 4096 };
/* at 64 B pipe 3832, unix-stream 7016, its twin the same; at 4 KiB 5848 and 8024 */
static const struct synthetic_curve curves[] = {
	{ "pipe", { { 0, 3800, 0.5 } }, 0 },
	{ "unix-stream", { { 0, 7000, 0.25 } }, 0 },
	{ "unix-stream", { { 0, 3000, 0.25 } }, 1 },
};

static struct synthetic plain(void)
{
	return (struct synthetic){ .curves = curves,
				   .curve_count = 3,
				   .sizes = sizes,
				   .size_count = 2,
				   .rounds = 20,
				   .turns = 5,
				   .worker_noise = 0.015,
				   .turn_noise = 0.01,
				   .seed = 11 };
}

static struct result *make(const struct synthetic *what)
{
	int fd;
	struct result *result = result_read(synthetic_file(what, &fd));
	close(fd);
	assert_non_null(result);
	return result;
}

static void test_levels(void **state)
{
	(void)state;
	struct synthetic what = plain();
	struct result *result = make(&what);
	size_t n;
	struct level *levels = level_of(result, &n);

	assert_non_null(levels);
	assert_int_equal(n, 6);
	for (size_t i = 0; i < n; i++) {
		const struct level *level = &levels[i];
		double truth = synthetic_time(&curves[i / 2], sizes[i % 2]);
		double values[20];
		assert_int_equal(level->cell, i);
		assert_int_equal(level->state, STATE_NONE);
		assert_true(level->all_states);
		assert_int_equal(level->workers, 20);
		assert_int_equal(level->failed + level->unsettled, 0);
		/* the t interval of the logarithms, taken back */
		for (size_t w = 0; w < 20; w++)
			values[w] = result->workers[result->order[result->first[i] + w]].value;
		struct interval t = statistics_t(values, 20, 0.95);
		assert_true(fabs(level->ns.estimate / exp(t.estimate) - 1) < 1e-12);
		assert_true(fabs(level->ns.low / exp(t.low) - 1) < 1e-12);
		assert_true(fabs(level->ns.high / exp(t.high) - 1) < 1e-12);
		assert_true(fabs(level->ns.estimate / truth - 1) < 0.02);
		assert_true(fabs(level->median_ns.estimate / truth - 1) < 0.02);
		assert_true(level->median_ns.low < level->median_ns.high);
		/* 2 × size bytes cross; a short time is a high bandwidth */
		double scale = 2 * sizes[i % 2] * 1e9;
		assert_true(fabs(level->bytes_per_s.estimate * level->ns.estimate / scale - 1) <
			    1e-9);
		assert_true(fabs(level->bytes_per_s.low * level->ns.high / scale - 1) < 1e-9);
		assert_true(level->bytes_per_s.low < level->bytes_per_s.high);
		assert_true(fabs(level->cpu_side_ns[0] - truth / 2) < truth * 1e-4);
		assert_true(fabs(level->cpu_side_ns[1] - truth / 4) < truth * 1e-4);
		assert_true(isnan(level->cpu_side_ns[2]));
		assert_true(fabs(level->cpu_ns - truth * 0.75) < truth * 1e-4);
		assert_false(level->bimodal);
		/* the twin is faster still, and takes no part */
		assert_int_equal(level->fastest, i < 2);
		assert_int_equal(level->against, i % 2);
		if (i < 2)
			continue;
		struct verdict verdict;
		double ratio = log(truth / synthetic_time(&curves[0], sizes[i % 2]));
		level_weigh(result, level, &verdict);
		assert_int_equal(verdict.kind, VERDICT_CANT_TELL);
		assert_int_equal(verdict.log_ratio.n, 20);
		assert_true(fabs(verdict.log_ratio.estimate - ratio) < 0.02);
	}
	free(levels);
	result_free(result);
}

static void test_few_workers(void **state)
{
	(void)state;
	struct synthetic what = plain();
	size_t n;

	what.rounds = 1;
	struct result *result = make(&what);
	struct level *levels = level_of(result, &n);
	assert_int_equal(n, 6);
	assert_true(levels[0].ns.estimate > 0 && isnan(levels[0].ns.low) &&
		    isnan(levels[0].ns.high));
	assert_true(isnan(levels[0].bytes_per_s.low));
	free(levels);
	result_free(result);

	what.rounds = 0;
	result = make(&what);
	levels = level_of(result, &n);
	assert_non_null(levels);
	assert_int_equal(n, 0);
	free(levels);
	result_free(result);
}

/* Sets the states of a cell's workers: so many near, the rest far. */
static void set_states(struct result *result, unsigned cell, size_t near)
{
	for (size_t i = result->first[cell]; i < result->first[cell + 1]; i++) {
		struct result_worker *worker = &result->workers[result->order[i]];
		bool is_near = i - result->first[cell] < near;
		worker->state = is_near ? STATE_NEAR : STATE_FAR;
		worker->value = log(is_near ? 100 : 400);
	}
}

static void test_states(void **state)
{
	(void)state;
	struct synthetic what = plain();
	struct result *result = make(&what);
	size_t n;

	set_states(result, 0, 8);  /* both states */
	set_states(result, 1, 2);  /* a tenth is not over a tenth: all in one */
	set_states(result, 2, 20); /* one state alone */
	result->workers[result->order[result->first[0] + 0]].ok = false; /* a near one */
	result->workers[result->order[result->first[0] + 19]].ok = false;
	result->workers[result->order[result->first[0] + 18]].ok = false;
	result->workers[result->order[result->first[0] + 18]].state = STATE_NONE;
	result->workers[result->order[result->first[0] + 17]].settled = false;
	for (size_t i = result->first[3]; i < result->first[4]; i++)
		result->workers[result->order[i]].ok = false;
	struct level *levels = level_of(result, &n);
	assert_int_equal(n, 7);

	assert_true(levels[0].cell == 0 && levels[0].state == STATE_NEAR && !levels[0].all_states);
	assert_int_equal(levels[0].workers, 7);
	assert_int_equal(levels[0].failed, 2); /* with the one whose state is not known */
	assert_true(fabs(levels[0].ns.estimate - 100) < 1e-9);
	assert_int_equal(levels[0].unsettled, 0);
	assert_true(levels[1].cell == 0 && levels[1].state == STATE_FAR);
	assert_int_equal(levels[1].workers, 10);
	assert_int_equal(levels[1].failed, 1);
	assert_int_equal(levels[1].unsettled, 1);
	assert_true(fabs(levels[1].ns.estimate - 400) < 1e-9);
	/* no variance: the interval is the estimate */
	assert_true(levels[1].ns.low == levels[1].ns.estimate);
	/* within one state only: near of cell 0 against near of cell 2 */
	assert_true(levels[0].fastest);
	assert_false(levels[1].fastest);

	assert_true(levels[2].cell == 1 && levels[2].state == STATE_FAR && levels[2].all_states);
	assert_int_equal(levels[2].workers, 20);
	assert_true(fabs(levels[2].ns.estimate - exp(0.1 * log(100) + 0.9 * log(400))) < 1e-6);
	assert_true(level_counts(&levels[2], &result->workers[result->order[result->first[1]]]));
	assert_true(levels[3].cell == 2 && levels[3].state == STATE_NEAR);
	assert_true(levels[4].cell == 3 && levels[4].workers == 0 && levels[4].failed == 20);
	assert_true(isnan(levels[4].ns.estimate) && !levels[4].fastest);
	free(levels);
	result_free(result);
}

/* Who lost messages that others delivered is not the fastest, and nobody is compared with it. */
static void test_lost(void **state)
{
	(void)state;
	struct synthetic what = plain();
	struct result *result = make(&what);
	size_t n;

	result->workers[result->order[result->first[0] + 3]].lost = 1;
	struct level *levels = level_of(result, &n);
	assert_false(levels[0].fastest);
	assert_true(level_loses(&levels[0]) && !level_loses(&levels[2]));
	assert_true(levels[2].fastest);
	for (size_t i = 0; i < n; i += 2)
		assert_int_equal(levels[i].against, 2);
	assert_true(levels[1].fastest);
	free(levels);
	/* where all did, they are compared, and none is the fastest */
	result->workers[result->order[result->first[2]]].lost = 1;
	levels = level_of(result, &n);
	for (size_t i = 0; i < n; i += 2) {
		assert_false(levels[i].fastest);
		assert_int_equal(levels[i].against, 0);
	}
	free(levels);
	/* of a thousand one may be: it was sent again, and the time says so */
	for (double due = 49; due <= 50; due++) {
		for (size_t i = 0; i < result->worker_count; i++)
			result->workers[i].due = due;
		levels = level_of(result, &n);
		assert_true(levels[0].due == 20 * due);
		assert_int_equal(level_loses(&levels[0]), due < 50);
		assert_int_equal(levels[0].fastest, due == 50);
		free(levels);
	}
	result_free(result);
}

static void test_bimodal(void **state)
{
	(void)state;
	struct synthetic what = plain();
	struct result *result = make(&what);
	size_t n;

	for (size_t i = result->first[0], k = 0; i < result->first[1]; i++, k++)
		result->workers[result->order[i]].value += k % 2 ? log(3) : 0;
	/* one part in ten thousand is no mode, however clean */
	for (size_t i = result->first[1], k = 0; i < result->first[2]; i++, k++)
		result->workers[result->order[i]].value = 5 + (k % 2 ? 1e-4 : 0);
	struct level *levels = level_of(result, &n);
	assert_true(levels[0].bimodal);
	assert_true(fabs(levels[0].mode_ns[0] / 3832 - 1) < 0.03);
	assert_true(fabs(levels[0].mode_ns[1] / (3 * 3832) - 1) < 0.03);
	assert_false(levels[1].bimodal);
	free(levels);
	result_free(result);
}

static void test_pairs(void **state)
{
	(void)state;
	struct synthetic what = plain();
	struct result *result = make(&what);
	double *values;
	unsigned *rounds;

	/* cells 0 and 2: pipe and unix-stream at 64 B */
	size_t n = level_pairs_in_rounds(result, 0, 2, STATE_NONE, &values, &rounds);
	assert_int_equal(n, 20);
	for (size_t i = 0; i < n; i++) {
		const struct result_worker *a =
			&result->workers[result->order[result->first[0] + i]];
		const struct result_worker *b =
			&result->workers[result->order[result->first[2] + i]];
		assert_true(a->visit == b->visit);
		assert_true(values[i] == statistics_pair(a->batch_ns, b->batch_ns, 5));
		assert_int_equal(rounds[i], i);
	}
	assert_true(fabs(statistics_mean(values, n) - log(3832.0 / 7016)) < 0.02);
	free(values);
	free(rounds);
	/* other sizes are other visits */
	assert_int_equal(level_pairs(result, 0, 1, STATE_NONE, &values), 0);
	assert_null(values);
	assert_int_equal(level_pairs(result, 0, 2, STATE_FAR, &values), 0);

	/* a failed worker, and one in another state, leave their pairs out */
	result->workers[result->order[result->first[0] + 3]].ok = false;
	result->workers[result->order[result->first[2] + 7]].state = STATE_FAR;
	assert_int_equal(level_pairs(result, 0, 2, STATE_NONE, &values), 18);
	free(values);
	/* and one that was alone in its visit; those behind it still find each other */
	result->workers[result->order[result->first[2] + 9]].visit++;
	assert_int_equal(level_pairs(result, 0, 2, STATE_NONE, &values), 17);
	free(values);
	assert_int_equal(level_pairs(result, 2, 0, STATE_NONE, &values), 17);
	free(values);
	result_free(result);
}

static void test_sequential_pairs(void **state)
{
	(void)state;
	struct synthetic what = plain();
	double *values;
	unsigned *rounds;

	what.sequential = true;
	struct result *result = make(&what);
	/* one after the other: workers of one round have visits of their own */
	for (size_t w = 0; w < result->worker_count; w++)
		result->workers[w].visit = w;
	for (size_t i = result->first[2] + 10; i < result->first[3]; i++)
		result->workers[result->order[i]].round++; /* none in round 10 now */
	size_t n = level_pairs_in_rounds(result, 0, 2, STATE_NONE, &values, &rounds);
	assert_int_equal(n, 19);
	assert_int_equal(rounds[9], 9);
	assert_int_equal(rounds[10], 11);
	const struct result_worker *a = &result->workers[result->order[result->first[0] + 11]];
	const struct result_worker *b = &result->workers[result->order[result->first[2] + 10]];
	assert_true(values[10] == a->value - b->value);
	free(values);
	free(rounds);
	result_free(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),           cmocka_unit_test(test_few_workers),
		cmocka_unit_test(test_states),           cmocka_unit_test(test_lost),
		cmocka_unit_test(test_bimodal),          cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_sequential_pairs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
