/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_versus.c - toll vs without measuring: when it looks, whose pairs it judges, what it says,
 * and what the two sides ask for. */
#include "bench/versus.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/sides.h"
#include "fake_worker.h"
#include "said.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static void test_looks(void **state)
{
	(void)state;
	size_t at[VERDICT_LOOKS];
	double alpha[VERDICT_LOOKS];

	assert_int_equal(versus_looks(100, false, at, alpha), 4);
	assert_int_equal(at[0], 25);
	assert_int_equal(at[1], 50);
	assert_int_equal(at[2], 75);
	assert_int_equal(at[3], 100);
	for (size_t k = 1; k < 4; k++)
		assert_true(alpha[k] > alpha[k - 1]);
	assert_true(alpha[0] > 0 && alpha[0] < 0.005);
	assert_true(alpha[3] == 0.05);
	double second = alpha[1];

	/* none before 10 pairs: what the first might have spent is not lost */
	assert_int_equal(versus_looks(20, false, at, alpha), 3);
	assert_int_equal(at[0], 10);
	assert_int_equal(at[2], 20);
	assert_true(fabs(alpha[0] - second) < 1e-12);
	assert_true(alpha[2] == 0.05);

	assert_int_equal(versus_looks(7, true, at, alpha), 1);
	assert_int_equal(at[0], 7);
	assert_true(alpha[0] == 0.05);
}

/* P(X > limit) of a binomial of 5 % is at most 0.25 %, one of four classes' share of 1 %; the
 * answers are from exact sums. */
static void test_aa_limit(void **state)
{
	(void)state;
	assert_int_equal(aa_limit(0), 0);
	assert_int_equal(aa_limit(4), 2);
	assert_int_equal(aa_limit(20), 5);
	assert_int_equal(aa_limit(100), 12);
}

static struct plan_cell cell_of(const char *key, int cpu_b)
{
	struct plan_cell plan_cell = { .quantity = "rtt_ns" };
	const char *why = "";

	assert_int_equal(cell_parse(&plan_cell.cell, key, &why), 0);
	plan_cell.cell.peers = 2;
	plan_cell.cell.cpus[1] = cpu_b;
	snprintf(plan_cell.key, sizeof plan_cell.key, "%s", key);
	return plan_cell;
}

static void test_side_by_side(void **state)
{
	(void)state;
	static const struct {
		const char *a;
		int cpu_a;
		const char *b;
		int cpu_b;
		const char *why; /* "": side by side */
	} cases[] = {
		{ "pipe/pingpong/same-cpu/64/block", 0, "ring/pingpong/same-cpu/4K/poll", 0, "" },
		{ "pipe/pingpong/shared-l3/64/spin", 1, "ring/pingpong/cpus/64/yield", 1, "" },
		{ "pipe/pingpong/same-cpu/64/block", 0, "pipe/pingpong/smt/64/block", 1,
		  "placements" },
		{ "pipe/pingpong/smt/64/block", 1, "pipe/pingpong/smt/64/spin", 1, "spins" },
		{ "pipe/pingpong/smt/64/block/idle=awake", 1,
		  "pipe/pingpong/smt/64/block/idle=sleep", 1, "sleep" },
	};
	for (size_t c = 0; c < LENGTH(cases); c++) {
		struct plan_cell a = cell_of(cases[c].a, cases[c].cpu_a),
				 b = cell_of(cases[c].b, cases[c].cpu_b);
		char why[96];

		assert_int_equal(versus_side_by_side(&a, &b, why, sizeof why), !*cases[c].why);
		assert_non_null(strstr(why, cases[c].why));
		assert_int_equal(*why == '\0', !*cases[c].why);
	}
	struct plan_cell a = cell_of("pipe/pingpong/same-cpu/64/block", 0), b = a;
	char why[96];
	b.cell.sequential = true;
	assert_false(versus_side_by_side(&a, &b, why, sizeof why));
	b.cell.sequential = false;
	a.cell.memory = b.cell.memory = PLAN_BLOCK_BYTES / 2 + 1;
	assert_false(versus_side_by_side(&a, &b, why, sizeof why));
}

/* Pairs around ln 0.5 in one state and around ln 2 in the other; a takes 100 ns, or 400. */
static struct versus two_states(const struct plan_cell *a, const struct plan_cell *b, size_t near,
				size_t far)
{
	struct versus versus = { .side = { a, b },
				 .side_by_side = true,
				 .margin = 0.02,
				 .seconds = 1.44,
				 .pair_seconds = 0.05,
				 .pairs = near + far };

	versus.pair = calloc(near + far, sizeof *versus.pair);
	assert_non_null(versus.pair);
	for (size_t i = 0; i < near + far; i++) {
		bool is_near = i < near;
		double noise = 0.001 * ((double)(i % 5) - 2);

		versus.pair[i] = (struct versus_pair){
			.state = is_near ? STATE_NEAR : STATE_FAR,
			.value = { log(is_near ? 100 : 400), log(200) },
			.ratio = log(is_near ? 0.5 : 2) + noise,
		};
	}
	return versus;
}

static void test_states(void **state)
{
	(void)state;
	struct plan_cell a = cell_of("pipe/pingpong/smt/64/spin", 1), b = a;
	struct versus versus = two_states(&a, &b, 20, 6);

	assert_true(versus_judge(&versus, 0.05));
	assert_int_equal(versus.state, STATE_NEAR);
	assert_int_equal(versus.verdict.kind, VERDICT_FASTER);
	assert_int_equal(versus.verdict.log_ratio.n, 20);
	assert_true(fabs(versus.verdict.log_ratio.estimate - log(0.5)) < 1e-9);
	assert_true(fabs(versus.of_state[STATE_FAR].log_ratio.estimate - log(2)) < 0.01);
	assert_int_equal(versus.of_state[STATE_FAR].pairs, 6);
	assert_true(fabs(versus.ns[0].estimate - 100) < 1e-6);
	assert_true(fabs(versus.ns[1].estimate - 200) < 1e-6);
	versus_free(&versus);

	versus = two_states(&a, &b, 6, 20);
	assert_true(versus_judge(&versus, 0.05));
	assert_int_equal(versus.state, STATE_FAR);
	assert_int_equal(versus.verdict.kind, VERDICT_SLOWER);
	versus_free(&versus);

	/* whatever level a look has, the interval shown is the one of 95 % */
	versus = two_states(&a, &b, 20, 0);
	assert_true(versus_judge(&versus, 0.05));
	struct interval usual = versus.verdict.log_ratio;
	assert_true(versus_judge(&versus, 1e-5));
	assert_int_equal(versus.verdict.kind, VERDICT_FASTER);
	assert_true(versus.verdict.log_ratio.low == usual.low);
	assert_true(versus_judge(&versus, 1e-300));
	assert_int_equal(versus.verdict.kind, VERDICT_CANT_TELL);
	versus_free(&versus);

	versus = two_states(&a, &b, 0, 0);
	assert_true(versus_judge(&versus, 0.05));
	assert_int_equal(versus.verdict.kind, VERDICT_INVALID);
	versus_free(&versus);
}

static const char *sentence(const struct versus *versus)
{
	static char kept[1024];
	char *text = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&text, &bytes);

	assert_non_null(stream);
	versus_sentence(stream, versus);
	fclose(stream);
	snprintf(kept, sizeof kept, "%s", text);
	free(text);
	return kept;
}

static void test_sentence(void **state)
{
	(void)state;
	struct plan_cell pipe = cell_of("pipe/pingpong/same-cpu/64/block", 0),
			 unix_stream = cell_of("unix-stream/pingpong/same-cpu/64/block", 0),
			 large = cell_of("pipe:bytes=1M/pingpong/same-cpu/4K/block/copy=on", 0),
			 stream = cell_of("ring/stream/shared-l3/64/block/depth=4/idle=awake", 1),
			 twin = cell_of("ring/stream/cpus:2,5/64/spin/depth=4", 5);
	struct versus versus = {
		.side = { &pipe, &unix_stream },
		.side_by_side = true,
		.margin = 0.02,
		.seconds = 1.44,
		.pair_seconds = 0.06,
		.verdict = { .kind = VERDICT_FASTER,
			     .log_ratio = { log(0.539), log(0.533), log(0.544), 28 } },
	};

	assert_string_equal(sentence(&versus), "pipe is 46.1 % [45.6, 46.7] faster than "
					       "unix-stream at 64 B, same-cpu, block (28 pairs, "
					       "1.4 s)\n");
	/* the faster one comes first, whichever side it stands on */
	versus.side[0] = &unix_stream;
	versus.side[1] = &pipe;
	versus.verdict.kind = VERDICT_SLOWER;
	versus.verdict.log_ratio = (struct interval){ -log(0.539), -log(0.544), -log(0.533), 28 };
	assert_string_equal(sentence(&versus), "pipe is 46.1 % [45.6, 46.7] faster than "
					       "unix-stream at 64 B, same-cpu, block (28 pairs, "
					       "1.4 s)\n");

	versus.side[0] = &pipe;
	versus.side[1] = &large;
	versus.verdict.kind = VERDICT_SAME;
	versus.verdict.log_ratio = (struct interval){ log(1.001), log(0.998), log(1.004), 20 };
	assert_string_equal(sentence(&versus),
			    "pipe (64 B) and pipe:bytes=1M (4 KiB, copied) are the same within 2 % "
			    "at same-cpu, block: +0.1 % [-0.2, +0.4] (20 pairs, 1.4 s)\n");

	versus.side[0] = &stream;
	versus.side[1] = &twin;
	versus.side_by_side = false;
	versus.verdict.kind = VERDICT_CANT_TELL;
	versus.verdict.more = 40;
	assert_string_equal(sentence(&versus),
			    "can't tell: ring (shared-l3, block, CPUs kept awake) against ring "
			    "(CPUs 2,5, spin) at 64 B, stream, depth 4, not side by side: +0.1 % "
			    "[-0.2, +0.4]; 40 more pairs, about 0:03 (20 pairs, 1.4 s)\n");
	versus.verdict.more = 0;
	assert_non_null(strstr(sentence(&versus), "cannot be said"));
	versus.ended = VERSUS_INTERRUPTED;
	versus.verdict.log_ratio = (struct interval){ NAN, NAN, NAN, 0 };
	assert_non_null(strstr(sentence(&versus), ": no pair yet; interrupted (0 pairs, 1.4 s)"));

	versus.verdict.kind = VERDICT_INVALID;
	snprintf(versus.verdict.why, sizeof versus.verdict.why, "9 of 20 pairs failed");
	assert_non_null(strstr(sentence(&versus), "invalid: ring"));
	assert_non_null(strstr(sentence(&versus), ": 9 of 20 pairs failed ("));

	/* a plug-in may call itself anything */
	snprintf(stream.cell.mechanism, sizeof stream.cell.mechanism, "a\x1b[31m\n");
	assert_null(strchr(sentence(&versus), '\x1b'));
	assert_null(strstr(sentence(&versus), "\n("));
}

static int open_fake(void **state)
{
	if (fake_worker_make(FAKE_DESCRIPTION))
		return -1;
	*state = registry_open(NULL, 0);
	return *state ? 0 : -1;
}

static int close_fake(void **state)
{
	registry_close(*state);
	return fake_worker_remove();
}

static void test_sides(void **state)
{
	const struct registry *registry = *state;
	static const struct {
		const char *text, *key, *value; /* one of the settings it comes to */
	} cases[] = {
		{ "pipe", "mechanism", "pipe" },
		{ "ring:layout=slot,memory=huge/4K", "mechanism", "ring:layout=slot,memory=huge" },
		{ "pipe/4K", "size", "4K" },
		{ "pipe/yield", "wait", "yield" },
		{ "pipe/hybrid:20us", "wait", "hybrid:20us" },
		{ "pipe/across", "placement", "across" },
		{ "pipe/shared-l2", "placement", "shared-l2" },
		{ "pipe/cpus:2,5", "cpus", "2,5" },
		{ "pipe/stream", "pattern", "stream" },
		{ "pipe/pipeline:stages=4/64", "pattern", "pipeline:stages=4" },
		{ "pipe/pingpong/same-cpu/64/block/depth=4", "depth", "4" },
		{ "pipe/pingpong/same-cpu/64/block/depth=4", "placement", "same-cpu" },
		{ "pipe/peers=3", "peer-count", "3" },
		{ "pipe/threads=on", "peers", "thread" },
		{ "pipe/idle=sleep/copy=on/touch=none", "touch", "none" },
	};
	struct side side;
	for (size_t c = 0; c < LENGTH(cases); c++) {
		assert_int_equal(side_read(&side, cases[c].text, registry), 0);
		assert_non_null(side_value(&side, cases[c].key));
		assert_string_equal(side_value(&side, cases[c].key), cases[c].value);
		assert_null(side_value(&side, "operations"));
	}

	static const struct {
		const char *text, *said;
	} wrong[] = {
		{ "pipe/blok", "the nearest is \"block\"" },
		{ "pipe/piplines:stages=4", "the nearest is \"pipeline\"" },
		{ "pipe/dept=4", "the nearest is \"depth\"" },
		{ "pipe/qqqqqq", "called \"qqqqqq\"; toll vs -h" },
		{ "pipe/all", "called \"all\"" },
		{ "pipe/4K/64", "its size twice" },
		{ "pipe/same-cpu/cpus:0,1", "twice" },
		{ "pipe/", "a word is empty" },
		{ "/4K", "a word is empty" },
		{ "", "a word is empty" },
	};
	for (size_t c = 0; c < LENGTH(wrong); c++) {
		said_begin();
		int status = side_read(&side, wrong[c].text, registry);
		const char *said = said_end();
		assert_int_equal(status, -1);
		assert_non_null(strstr(said, wrong[c].said));
	}
	char endless[CELL_KEY + 10];
	memset(endless, 'p', sizeof endless);
	endless[sizeof endless - 1] = '\0';
	said_begin();
	int status = side_read(&side, endless, registry);
	said_end();
	assert_int_equal(status, -1);
}

static void test_defaults(void **state)
{
	const struct registry *registry = *state;
	static const struct {
		const char *a, *b, *wait;
		bool placed;
		const char *wait_is, *placement_is;
	} cases[] = {
		{ "pipe", "ring", NULL, false, "block", "same-cpu" },
		{ "null", "ring", NULL, false, "spin", "across" }, /* null only spins here */
		{ "ring", "null/yield", NULL, false, "block", "same-cpu" },
		{ "ring/spin", "ring/block", NULL, false, "block", "across" },
		{ "pipe", "ring", "pause", false, "block", "across" },
		{ "pipe", "ring", "yield", false, "block", "same-cpu" },
		{ "pipe/cpus:0,1/spin", "ring", NULL, false, "block", "same-cpu" },
		{ "ppie", "ring", NULL, false, "block", "same-cpu" },
	};
	for (size_t c = 0; c < LENGTH(cases); c++) {
		struct side sides[2];
		assert_int_equal(side_read(&sides[0], cases[c].a, registry), 0);
		assert_int_equal(side_read(&sides[1], cases[c].b, registry), 0);
		struct side_defaults defaults =
			sides_defaults(sides, cases[c].wait, cases[c].placed, registry);
		assert_string_equal(defaults.wait, cases[c].wait_is);
		assert_string_equal(defaults.placement, cases[c].placement_is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_aa_limit),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_sentence),
		cmocka_unit_test_setup_teardown(test_sides, open_fake, close_fake),
		cmocka_unit_test_setup_teardown(test_defaults, open_fake, close_fake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
