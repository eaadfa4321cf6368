/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counting.c - counting leaves the timed figures of the same run alone: timed workers right behind
 * a counted visit against timed workers right behind one like it that counts nothing, in one run,
 * in random order, judged as toll compare judges.
 *
 * A value is a worker's median over its turns, a pair is of one round. Goal: no difference beyond
 * the 95 % interval that twenty of these workers have, which is what a run prints. */
#include "measure.h"

#include "../../analysis/verdict.h"
#include "../../bench/counters.h"

enum { ROUNDS = 60, CYCLES = 40, COUNTED_CYCLES = 3, MOST = 4, RUN_WORKERS = 20 };
static const double MARGIN = 0.02, Q = 0.05, COUNTED_TURN_NS = 1e6;

struct class
{
	const char *name;
	bool across;
	const char *keys[MOST];
};

static const struct class classes[] = {
	{ "same-cpu, blocking",
	  false,
	  { "pipe/pingpong/same-cpu/64/block", "unix-stream/pingpong/same-cpu/64/block",
	    "futex/pingpong/same-cpu/64/block", "ring/pingpong/same-cpu/64/block" } },
	{ "across, spinning",
	  true,
	  { "ring/pingpong/cpus/56/spin", "futex/pingpong/cpus/56/spin",
	    "pipe/pingpong/cpus/56/spin", "unix-stream/pingpong/cpus/56/spin" } },
};

static void visit(const struct block_options *options, const struct cell *const cells[],
		  double value[MOST])
{
	struct outcome outcome[MOST];

	if (block_run(options, cells, NULL, MOST, outcome) != 0)
		exit(4);
	for (unsigned i = 0; i < MOST; i++) {
		if (outcome[i].state != BLOCK_OK) {
			fprintf(stderr, "%s\n", outcome[i].reason);
			exit(4);
		}
		value[i] = outcome_value(&outcome[i]);
		outcome_free(&outcome[i]);
	}
}

/* A visit as toll run counts, by those counters or by none, and a timed one behind it. */
static void arm(struct bench *bench, const struct cell *const cells[],
		const struct counters *counters, double first[MOST], double timed[MOST])
{
	struct block_options options = bench_options(bench, COUNTED_CYCLES);

	options.turn_ns = COUNTED_TURN_NS;
	options.canary = false;
	options.counters = counters;
	visit(&options, cells, first);
	options = bench_options(bench, CYCLES);
	visit(&options, cells, timed);
}

static bool class_run(struct bench *bench, const struct class *class,
		      const struct counters *counters)
{
	static double log_ratio[MOST][ROUNDS], plain[MOST][ROUNDS], price[MOST][ROUNDS];
	struct cell cell[MOST];
	const struct cell *cells[MOST];
	struct verdict verdicts[MOST];
	bool fine = true;

	for (unsigned i = 0; i < MOST; i++) {
		cell[i] = bench_cell(bench, class->keys[i], class->across);
		cells[i] = &cell[i];
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		double first[2][MOST], timed[2][MOST];
		unsigned counting = (unsigned)(bench->seed * 2654435761U >> 16 & 1);

		for (unsigned k = 0; k < 2; k++) {
			bool counts = (k ^ counting) & 1;

			arm(bench, cells, counts ? counters : NULL, first[counts], timed[counts]);
		}
		for (unsigned i = 0; i < MOST; i++) {
			log_ratio[i][round] = timed[1][i] - timed[0][i];
			price[i][round] = first[1][i] - first[0][i];
			plain[i][round] = timed[0][i];
		}
	}
	for (unsigned i = 0; i < MOST; i++)
		verdict_pairs(&verdicts[i], log_ratio[i], ROUNDS, MARGIN);
	verdict_decide(verdicts, MOST, MARGIN, Q);
	for (unsigned i = 0; i < MOST; i++) {
		const struct verdict *v = &verdicts[i];
		double half = 2.09 * statistics_sd(plain[i], ROUNDS) / sqrt(RUN_WORKERS);
		bool different = v->kind == VERDICT_FASTER || v->kind == VERDICT_SLOWER;
		bool ok = !different || fabs(v->log_ratio.estimate) < half;

		fine &= ok;
		printf("%s %-40s behind counting %+.2f %% [%+.2f, %+.2f], %s; a run's interval is "
		       "±%.2f %%; "
		       "counted turns %+.0f %%\n",
		       ok ? "ok    " : "not ok", class->keys[i], percent(v->log_ratio.estimate),
		       percent(v->log_ratio.low), percent(v->log_ratio.high), verdict_text(v->kind),
		       percent(half), percent(statistics_median(price[i], ROUNDS)));
	}
	fflush(stdout);
	return fine;
}

int main(void)
{
	struct bench bench = { 0 };
	struct counters counters;
	char why[256];
	bool fine = true;

	if (!bench_open(&bench, NULL, 0))
		return 4;
	if (counters_read("default", &counters, why, sizeof why)) {
		fprintf(stderr, "%s\n", why);
		return 4;
	}
	printf("timed workers behind counted visits and behind others, %d rounds, seed %llu\n",
	       ROUNDS, (unsigned long long)bench.seed);
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (classes[i].across && bench.across[0] < 0)
			printf("skipped %s: one CPU only\n", classes[i].name);
		else
			fine &= class_run(&bench, &classes[i], &counters);
	}
	place_close(bench.place);
	registry_close(bench.registry);
	return fine ? 0 : 1;
}
