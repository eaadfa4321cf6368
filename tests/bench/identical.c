/* SPDX-License-Identifier: GPL-3.0-or-later */
/* identical.c - A/A: identical cells side by side must look identical. Per class the spread of the
 * pairs' log ratios, and how often Yuen's t at 5 % calls sets of 20 pairs different. */
#include "measure.h"

enum { PAIRS = 20, MOST_CELLS = 12, MOST_SETS = 512 };

struct class
{
	const char *name, *beside; /* seen before the harness was built, sd / robust sd */
	bool across;
	unsigned cycles;    /* turns of a worker */
	unsigned sets;      /* of 20 pairs, over all its pairs of cells */
	double most_spread; /* robust, of the class: each cell's pairs around their own median */
	const char *keys[6];
};

static const struct class classes[] = {
	{ "same-cpu, blocking, 64 B",
	  "1.4 / 0.8 %",
	  false,
	  40,
	  400,
	  0.02,
	  { "pipe/pingpong/same-cpu/64/block", "unix-stream/pingpong/same-cpu/64/block",
	    "futex/pingpong/same-cpu/64/block", "ring/pingpong/same-cpu/64/block" } },
	{ "across, blocking, awake, 64 B",
	  "1.05 / 0.8 %",
	  true,
	  100,
	  24,
	  0.02,
	  { "pipe/pingpong/cpus/64/block", "unix-stream/pingpong/cpus/64/block",
	    "futex/pingpong/cpus/64/block", "ring/pingpong/cpus/64/block" } },
	{ "across, spinning, 56 B",
	  "1.3-2.0 / 0.9-1.5 %",
	  true,
	  100,
	  40,
	  0.02,
	  { "mailbox/pingpong/cpus/56/spin", "futex/pingpong/cpus/56/spin",
	    "ring/pingpong/cpus/56/spin", "pipe/pingpong/cpus/56/spin",
	    "unix-stream/pingpong/cpus/56/spin" } },
	{ "same-cpu, blocking, 64 KiB",
	  "1.2 / 0.8 %",
	  false,
	  80,
	  20,
	  0.02,
	  { "pipe/pingpong/same-cpu/64K/block", "unix-stream/pingpong/same-cpu/64K/block",
	    "futex/pingpong/same-cpu/64K/block", "ring/pingpong/same-cpu/64K/block" } },
};

struct series {
	double value[MOST_SETS * PAIRS];
	size_t n;
};

static bool class_run(struct bench *bench, const struct class *class)
{
	static struct series series[MOST_CELLS / 2];
	struct cell cell[MOST_CELLS];
	const struct cell *cells[MOST_CELLS];
	unsigned pairs = 0, visits, rejected = 0, seen = 0;
	static double around[MOST_CELLS / 2 * MOST_SETS * PAIRS];
	size_t all = 0;

	for (unsigned k = 0; k < 6 && class->keys[k]; k++, pairs++) {
		cell[2UL * pairs] = cell[2UL * pairs + 1] =
			bench_cell(bench, class->keys[k], class->across);
		series[pairs].n = 0;
	}
	if (pairs == 0)
		return false;
	visits = (class->sets + pairs - 1) / pairs * PAIRS;
	for (unsigned i = 0; i < 2 * pairs; i++)
		cells[i] = &cell[i];
	for (unsigned visit = 0; visit < visits; visit++) {
		const struct block_options options = bench_options(bench, class->cycles);
		struct outcome outcome[MOST_CELLS];

		if (block_run(&options, cells, NULL, 2 * pairs, outcome) != 0)
			exit(4);
		for (unsigned i = 0; i < pairs; i++) {
			const struct outcome *a = &outcome[2UL * i], *b = &outcome[2UL * i + 1];

			if (a->state == BLOCK_OK && b->state == BLOCK_OK)
				series[i].value[series[i].n++] =
					statistics_pair(a->batch_ns, b->batch_ns,
							a->turns < b->turns ? a->turns : b->turns);
			else
				fprintf(stderr, "%s: %s%s\n", class->keys[i], a->reason, b->reason);
		}
		for (unsigned i = 0; i < 2 * pairs; i++)
			outcome_free(&outcome[i]);
	}
	printf("%s (before toll: %s)\n", class->name, class->beside);
	for (unsigned i = 0; i < pairs; i++) {
		double robust = statistics_mad_sd(series[i].value, series[i].n);
		double sd = statistics_sd(series[i].value, series[i].n);
		unsigned wrong = 0, count = 0;

		for (size_t at = 0; at + PAIRS <= series[i].n; at += PAIRS, count++) {
			double p;

			statistics_yuen(series[i].value + at, PAIRS, 0.2, 0.95, &p);
			wrong += p < 0.05;
		}
		double median = statistics_median(series[i].value, series[i].n);

		for (size_t k = 0; k < series[i].n; k++)
			around[all++] = series[i].value[k] - median;
		rejected += wrong;
		seen += count;
		printf("  %-42s spread %.2f / %.2f %%, rejected %u of %u sets, %zu pairs\n",
		       class->keys[i], 100 * sd, 100 * robust, wrong, count, series[i].n);
	}
	double rate = 100.0 * rejected / seen;
	double spread = statistics_mad_sd(around, all);
	bool rate_judged = seen >= 400, ok = spread <= class->most_spread;

	if (rate_judged)
		ok &= rate >= 2 && rate <= 9;
	printf("%s %s: robust spread %.2f %% (goal 2 %%), %u of %u sets rejected, %.1f "
	       "%%%s\n",
	       ok ? "ok    " : "not ok", class->name, 100 * spread, rejected, seen, rate,
	       rate_judged ? " (goal 2 to 9 %)" : "");
	fflush(stdout);
	return ok;
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };
	bool fine = true;

	if (!bench_open(&bench, NULL, 0))
		return 4;
	printf("identical cells side by side, sets of %d pairs, seed %llu\n", PAIRS,
	       (unsigned long long)bench.seed);
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (!bench_wanted(argc, argv, classes[i].name))
			continue;
		if (classes[i].across && bench.across[0] < 0)
			printf("skipped %s: one CPU only\n", classes[i].name);
		else
			fine &= class_run(&bench, &classes[i]);
	}
	place_close(bench.place);
	registry_close(bench.registry);
	return fine ? 0 : 1;
}
