/* SPDX-License-Identifier: GPL-3.0-or-later */
/* overhead.c - toll's loops against bare hand-written ones over the same ends, turn by turn in the
 * same worker; the ring as plug-in against the ring built in; the ring against its false-sharing
 * twin.
 *
 * A pair is a worker: the median over turns of ln(toll / bare). Goal: in 3 of 3 runs of 32 pairs
 * the lower end of the 95 % interval lies below +2 %, and so does the pooled estimate. Each host
 * state apart. */
#include "measure.h"

enum { PAIRS = 32, RUNS = 3, CYCLES = 60, MOST = 400 };
static const double GOAL = 0.02;

struct contest {
	const char *name, *toll, *bare; /* keys without placement's CPUs; the second variant */
	bool across;
};

static const struct contest contests[] = {
	{ "pipe", "pipe/pingpong/same-cpu/64/block", "bare-pipe", false },
	{ "unix-stream", "unix-stream/pingpong/same-cpu/64/block", "bare-unix-stream", false },
	{ "futex", "futex/pingpong/same-cpu/64/block", "bare-futex", false },
	{ "ring", "ring/pingpong/cpus/64/spin", "bare-ring", true },
	{ "ring's stream", "ring/stream/cpus/64/spin", "bare-ring", true },
	{ "mailbox (56 B)", "mailbox/pingpong/cpus/56/spin", "bare-mailbox", true },
	{ "ring as plug-in", "ring-plugged/pingpong/cpus/64/spin", "ring", true },
};

/* One worker's value; state: 1 far, 0 near or one CPU. false: it failed. */
static bool one_pair(struct bench *bench, const struct contest *contest, double *value, int *state)
{
	const struct cell cell = bench_cell(bench, contest->toll, contest->across),
			  *cells[] = { &cell };
	const struct block_options options = bench_options(bench, CYCLES);
	struct outcome outcome;

	if (block_run(&options, cells, &contest->bare, 1, &outcome) != 0)
		exit(4);
	bool fine = outcome.state == BLOCK_OK;

	if (!fine)
		fprintf(stderr, "%s: %s\n", contest->name, outcome.reason);
	else
		*value = statistics_pair(outcome.batch_ns, outcome.versus_ns, outcome.turns);
	*state = outcome.canary_ns > BLOCK_FAR_NS;
	outcome_free(&outcome);
	return fine;
}

static bool contest_run(struct bench *bench, const struct contest *contest)
{
	double all[2][RUNS * MOST];
	size_t total[2] = { 0, 0 }, held[2] = { 0, 0 }, runs[2] = { 0, 0 };
	bool fine = true;

	for (int run = 0; run < RUNS; run++) {
		double value[2][MOST];
		size_t n[2] = { 0, 0 };

		/* until one state has its pairs; what the other has beside them is printed, not
		 * judged */
		for (int i = 0; i < MOST && n[0] < PAIRS && n[1] < PAIRS; i++) {
			double x;
			int state;

			if (!one_pair(bench, contest, &x, &state))
				return false;
			value[state][n[state]++] = x;
			all[state][total[state]++] = x;
		}
		for (int state = 0; state < 2; state++) {
			struct interval yuen;

			if (n[state] < 5)
				continue;
			yuen = statistics_yuen(value[state], n[state], 0.2, 0.95, NULL);
			if (n[state] >= PAIRS) {
				runs[state]++;
				held[state] += yuen.low < log1p(GOAL);
			}
			printf("  %-16s %-5s run %d: %+6.2f %% [%+.2f, %+.2f], %zu pairs\n",
			       contest->name,
			       !contest->across ? ""
			       : state          ? "far"
						: "near",
			       run + 1, percent(yuen.estimate), percent(yuen.low),
			       percent(yuen.high), n[state]);
			fflush(stdout);
		}
	}
	for (int state = 0; state < 2; state++) {
		if (runs[state] == 0)
			continue;
		struct interval pooled = statistics_yuen(all[state], total[state], 0.2, 0.95, NULL);
		bool ok = held[state] == runs[state] && pooled.estimate <= log1p(GOAL);

		printf("%s %-16s %-5s pooled %+.2f %% [%+.2f, %+.2f], %zu pairs, below +2 %% in "
		       "%zu of %zu runs\n",
		       ok ? "ok    " : "not ok", contest->name,
		       !contest->across ? ""
		       : state          ? "far"
					: "near",
		       percent(pooled.estimate), percent(pooled.low), percent(pooled.high),
		       total[state], held[state], runs[state]);
		fine &= ok;
	}
	return fine;
}

/* The stream of the ring at 64 B against that of its twin, side by side in one block. */
static bool false_sharing(struct bench *bench)
{
	const struct cell slot = bench_cell(bench, "ring:layout=slot/stream/cpus/64/spin", true);
	const struct cell line =
		bench_cell(bench, "ring:layout=shared-line/stream/cpus/64/spin", true);
	const struct cell *cells[] = { &slot, &line };
	double value[2][MOST], canary[2][MOST];
	size_t n[2] = { 0, 0 };
	bool fine = true;

	for (int i = 0; i < MOST / 4 && n[0] < PAIRS && n[1] < PAIRS; i++) {
		const struct block_options options = bench_options(bench, 40);
		struct outcome outcome[2];

		if (block_run(&options, cells, NULL, 2, outcome) != 0)
			exit(4);
		if (outcome[0].state == BLOCK_OK && outcome[1].state == BLOCK_OK) {
			size_t turns = outcome[0].turns < outcome[1].turns ? outcome[0].turns
									   : outcome[1].turns;
			int state = outcome[0].canary_ns > BLOCK_FAR_NS;

			canary[state][n[state]] = outcome[0].canary_ns;
			value[state][n[state]++] =
				statistics_pair(outcome[1].batch_ns, outcome[0].batch_ns, turns);
		}
		outcome_free(&outcome[0]);
		outcome_free(&outcome[1]);
	}
	for (int state = 0; state < 2; state++) {
		if (n[state] < 5) {
			printf("       false sharing    %-5s not seen (%zu pairs)\n",
			       state ? "far" : "near", n[state]);
			continue;
		}
		struct interval yuen = statistics_yuen(value[state], n[state], 0.2, 0.95, NULL);
		bool ok = !state || exp(yuen.estimate) >= 3;

		printf("%s false sharing    %-5s shared-line takes %.2f × [%.2f, %.2f] as long "
		       "(stream, 64 B), %zu pairs, a line's round trip %.0f ns%s\n",
		       ok ? "ok    " : "not ok", state ? "far" : "near", exp(yuen.estimate),
		       exp(yuen.low), exp(yuen.high), n[state],
		       statistics_median(canary[state], n[state]),
		       state ? "; goal 3 ×" : "; no goal");
		fine &= ok;
	}
	return fine;
}

/* Arguments name the contests to run ("ring" runs those that begin so); none: all. */
static bool wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++) {
		if (strncmp(name, argv[i], strlen(argv[i])) == 0)
			return true;
	}
	return argc < 2;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "pipe", "unix-stream", "futex",
					     "ring", "mailbox",     "ring-plugged" };
	enum { COUNT = sizeof(names) / sizeof(*names) };
	const char *build = getenv("BUILD") ? getenv("BUILD") : "build", *plugins[COUNT];
	char path[COUNT][512];
	struct bench bench = { 0 };
	bool fine = true;

	for (int i = 0; i < COUNT; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/bare/%s.so", build, names[i]);
		plugins[i] = path[i];
	}
	if (!bench_open(&bench, plugins, COUNT))
		return 4;
	printf("toll against bare loops, 64 B, turns interleaved in one worker, seed %llu\n",
	       (unsigned long long)bench.seed);
	for (size_t i = 0; i < sizeof(contests) / sizeof(*contests); i++) {
		if (!wanted(argc, argv, contests[i].name))
			continue;
		if (contests[i].across && bench.across[0] < 0)
			printf("skipped %s: one CPU only\n", contests[i].name);
		else
			fine &= contest_run(&bench, &contests[i]);
	}
	if (bench.across[0] >= 0 && wanted(argc, argv, "false sharing"))
		fine &= false_sharing(&bench);
	place_close(bench.place);
	registry_close(bench.registry);
	return fine ? 0 : 1;
}
