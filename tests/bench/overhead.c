/* SPDX-License-Identifier: GPL-3.0-or-later */
/* overhead.c - toll's loops against bare hand-written ones over the same ends, turn by turn in the
 * same worker; the ring as plug-in against the ring built in; the ring against its false-sharing
 * twin.
 *
 * A pair is a worker: the median over turns of ln(toll / bare). Goal: in 3 of 3 runs of 32 pairs
 * the lower end of the 95 % interval lies below +2 %, and so does the pooled estimate. Each host
 * state apart. The twin is judged in the far state, which a virtual machine is waited for to show
 * for ten minutes. */
#include "measure.h"

#include "../../bench/host.h"

enum { PAIRS = 32, RUNS = 3, CYCLES = 60 };
static const double GOAL = 0.02, OTHER_STATE_S = 30, FAR_S = 600;

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

/* Pairs of one host state: those of the run in hand, and what came of the runs before. */
struct judged {
	double value[PAIRS], all[RUNS * PAIRS];
	size_t n, total, runs, held;
};

static const char *state_name(const struct contest *contest, int state)
{
	return !contest->across ? "" : state ? "far" : "near";
}

/* A run has its pairs: what they say. */
static void end_run(const struct contest *contest, int state, struct judged *judged)
{
	struct interval yuen = statistics_yuen(judged->value, judged->n, 0.2, 0.95, NULL);

	judged->runs++;
	judged->held += yuen.low < log1p(GOAL);
	printf("  %-16s %-5s run %zu: %+6.2f %% [%+.2f, %+.2f], %zu pairs\n", contest->name,
	       state_name(contest, state), judged->runs, percent(yuen.estimate), percent(yuen.low),
	       percent(yuen.high), judged->n);
	fflush(stdout);
	judged->n = 0;
}

/* Until a host state has its runs, and then for a while for the other one to have them too. A state
 * that has not is told and not judged. */
static bool contest_run(struct bench *bench, const struct contest *contest)
{
	struct judged judged[2] = { { .n = 0 } };
	double first_at = NAN;
	bool fine = true;

	while (judged[0].runs < RUNS || judged[1].runs < RUNS) {
		double x, now = block_now_s();
		int state;

		if (judged[0].runs == RUNS || judged[1].runs == RUNS) {
			if (isnan(first_at))
				first_at = now;
			if (!contest->across || now - first_at > OTHER_STATE_S)
				break;
		}
		if (!one_pair(bench, contest, &x, &state))
			return false;
		struct judged *its = &judged[state];

		if (its->runs == RUNS)
			continue;
		its->value[its->n++] = its->all[its->total++] = x;
		if (its->n == PAIRS)
			end_run(contest, state, its);
	}
	for (int state = 0; state < 2; state++) {
		const struct judged *its = &judged[state];

		if (its->total < 5) /* of these no interval is said */
			continue;
		struct interval pooled = statistics_yuen(its->all, its->total, 0.2, 0.95, NULL);
		bool ok = its->held == RUNS && pooled.estimate <= log1p(GOAL);

		printf("%s %-16s %-5s pooled %+.2f %% [%+.2f, %+.2f], %zu pairs, ",
		       its->runs < RUNS ? "      "
		       : ok             ? "ok    "
					: "not ok",
		       contest->name, state_name(contest, state), percent(pooled.estimate),
		       percent(pooled.low), percent(pooled.high), its->total);
		if (its->runs < RUNS)
			printf("not judged: %d runs of %d are\n", RUNS, PAIRS);
		else
			printf("below +2 %% in %zu of %d runs\n", its->held, RUNS);
		fine &= ok || its->runs < RUNS;
	}
	return fine;
}

/* Does its host move this machine's CPUs? Another has one state alone. */
static bool is_virtual(const struct bench *bench)
{
	json_t *host = host_read(bench->place);
	bool virtual = json_is_string(json_object_get(host, "hypervisor"));

	json_decref(host);
	return virtual;
}

/* The stream of the ring at 64 B against that of its twin, side by side in one block. */
static bool false_sharing(struct bench *bench)
{
	const struct cell slot = bench_cell(bench, "ring:layout=slot/stream/cpus/64/spin", true);
	const struct cell line =
		bench_cell(bench, "ring:layout=shared-line/stream/cpus/64/spin", true);
	const struct cell *cells[] = { &slot, &line };
	double value[2][PAIRS], canary[2][PAIRS];
	double until = block_now_s() + (is_virtual(bench) ? FAR_S : 0);
	size_t n[2] = { 0, 0 };
	bool fine = true;

	while (fine && n[1] < PAIRS && (n[0] < PAIRS || block_now_s() < until)) {
		const struct block_options options = bench_options(bench, 40);
		struct outcome outcome[2];

		if (block_run(&options, cells, NULL, 2, outcome) != 0)
			exit(4);
		int state = outcome[0].canary_ns > BLOCK_FAR_NS;

		fine = outcome[0].state == BLOCK_OK && outcome[1].state == BLOCK_OK;
		if (!fine) {
			fprintf(stderr, "false sharing: %s\n",
				outcome[outcome[0].state == BLOCK_OK].reason);
		} else if (n[state] < PAIRS) {
			size_t turns = outcome[0].turns < outcome[1].turns ? outcome[0].turns
									   : outcome[1].turns;

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
		if (!bench_wanted(argc, argv, contests[i].name))
			continue;
		if (contests[i].across && bench.across[0] < 0)
			printf("skipped %s: one CPU only\n", contests[i].name);
		else
			fine &= contest_run(&bench, &contests[i]);
	}
	if (bench.across[0] >= 0 && bench_wanted(argc, argv, "false sharing"))
		fine &= false_sharing(&bench);
	place_close(bench.place);
	registry_close(bench.registry);
	return fine ? 0 : 1;
}
