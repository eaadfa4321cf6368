/* SPDX-License-Identifier: GPL-3.0-or-later */
/* injected.c - G3 and G9 on this machine: a slowdown of known size, is it found, and in what time?
 * Does what cannot be told resolve with as many more pairs as were announced?
 *
 * The slowdown is extra system calls in a copy of a mechanism (slowed.h), so many in each 1000
 * messages, against the same copy with none. What one costs there, as a share of the operation, is
 * measured anew before every ten trials, and when the operation takes another time, by controls of
 * so many calls that they take about a fifth of it; from that comes how many make up the slowdown
 * wanted, and what it truly is. That the copy makes them all is counted by strace.
 *
 *   stat-injected [--quick]    the whole takes a quarter of an hour, --quick 8 seconds; SEED=N
 *   stat-injected --count MECHANISM CALLS    one visit, for strace: how many calls are extra */
#include "stat.h"

#include "../../bench/worker/random.h"
#include "../bench/measure.h"

enum {
	KINDS = 3,
	GROUPS = 10, /* of trials between calibrations */
	PROBE_PAIRS = 5,
	MOST_PAIRS = 400,
	GIVE_UP = 10,
	MESSAGES = 1000 /* that the calls are given for, as in slowed.h */
};
static const double Q = 0.05, CALIBRATED = 0.2, STEADY = 0.05 /* of an operation's time */;

static const struct kind {
	const char *name, *mechanism, *rest;
	bool across;
	double turn_ns;
	unsigned cycles, pairs;
	double seconds; /* that a trial may take */
} kinds[KINDS] = {
	{ "same-cpu, blocking, 64 B", "pipe-slowed", "same-cpu/64/block", false, 60e3, 40, 20, 2 },
	{ "across, blocking, awake, 64 B", "pipe-slowed", "cpus/64/block", true, 60e3, 40, 20, 2 },
	{ "across, spinning, 56 B", "mailbox-slowed", "cpus/56/spin", true, 40e3, 100, 40, 4 },
};

enum { MUCH, LITTLE, NOTHING, UNCLEAR, EXPERIMENTS };

static const struct experiment {
	double change, margin;
	double power;     /* share of trials in which it is to be found; 0: of those that cannot be
			     told, how many resolve */
	unsigned a_group; /* trials */
} experiments[EXPERIMENTS] = {
	[MUCH] = { 0.03, 0.02, 0.99, 10 },
	[LITTLE] = { 0.01, 0.003, 0.95, 10 },
	/* few pairs, and a margin so narrow that most cannot be told */
	[NOTHING] = { 0, 0.005, 0, 3 },
	[UNCLEAR] = { 0.008, 0.005, 0, 3 },
};
static const unsigned FEW_PAIRS = 10;
static const double RESOLVED = 0.75;
enum { FEW_OPEN = 10 };

/* --- duels -------------------------------------------------------------------------------------
 */

enum state { ANY = -1, NEAR, FAR }; /* of the host; one CPU: always near */

struct duel { /* with no calls, and with some */
	const struct kind *kind;
	struct cell cell[2];
	enum state state;                         /* that its pairs are of */
	double ratio[MOST_PAIRS], ns[MOST_PAIRS]; /* ln(with / without); without, an operation */
	size_t n, aside;                          /* pairs that count; of another state */
	bool anchor;                              /* what Mann-Whitney says of the first */
	double seconds;
};

struct trial {
	struct bench bench;
	uint64_t random;
};

static struct cell slowed_cell(const struct trial *trial, const struct kind *kind, unsigned calls)
{
	char key[CELL_KEY];

	snprintf(key, sizeof key, "%s:calls=%u/pingpong/%s", kind->mechanism, calls, kind->rest);
	return bench_cell(&trial->bench, key, kind->across);
}

static struct duel duel_of(const struct trial *trial, const struct kind *kind, unsigned calls,
			   enum state state)
{
	return (struct duel){ .kind = kind,
			      .cell = { slowed_cell(trial, kind, 0),
					slowed_cell(trial, kind, calls) },
			      .state = state };
}

static void take_pair(struct duel *duel, const struct outcome *without, const struct outcome *with)
{
	size_t turns = without->turns < with->turns ? without->turns : with->turns;
	enum state state = without->canary_ns > BLOCK_FAR_NS ? FAR : NEAR;

	if (duel->state == ANY)
		duel->state = state;
	if (state != duel->state) {
		duel->aside++;
		return;
	}
	if (duel->n == 0 && turns >= TURNS)
		duel->anchor = mann_whitney(without->batch_ns, with->batch_ns);
	duel->ns[duel->n] = statistics_median(without->batch_ns, without->turns);
	duel->ratio[duel->n++] = statistics_pair(with->batch_ns, without->batch_ns, turns);
}

/* One pair of fresh workers; who is started and fitted first is drawn. false: one failed. */
static bool play_pair(struct trial *trial, struct duel *duel)
{
	struct block_options options = bench_options(&trial->bench, duel->kind->cycles);
	unsigned first = (unsigned)(random_next(&trial->random) & 1);
	const struct cell *cells[] = { &duel->cell[first], &duel->cell[1 - first] };
	struct outcome outcomes[2];

	options.turn_ns = duel->kind->turn_ns;
	if (block_run(&options, cells, NULL, 2, outcomes) != 0)
		exit(4);
	bool fine = outcomes[0].state == BLOCK_OK && outcomes[1].state == BLOCK_OK;

	if (fine)
		take_pair(duel, &outcomes[first], &outcomes[1 - first]);
	else
		fprintf(stderr, "%s: %s%s\n", duel->kind->name, outcomes[0].reason,
			outcomes[1].reason);
	outcome_free(&outcomes[0]);
	outcome_free(&outcomes[1]);
	return fine;
}

/* Until it has so many pairs. false: the host has left the state they are of, or workers fail. */
static bool play(struct trial *trial, struct duel *duel, size_t pairs)
{
	uint64_t began = block_ticks();
	unsigned failures = 0;

	while (duel->n < pairs && duel->n < MOST_PAIRS && failures < GIVE_UP &&
	       duel->aside <= duel->n + pairs)
		failures += !play_pair(trial, duel);
	duel->seconds += (double)(block_ticks() - began) / 1e9 / trial->bench.ticks_per_ns;
	if (failures == GIVE_UP) {
		fprintf(stderr, "%s: given up after %d failures\n", duel->kind->name, GIVE_UP);
		exit(4);
	}
	return duel->n >= pairs || duel->n == MOST_PAIRS;
}

static struct verdict decide(const struct duel *duel, double margin)
{
	struct verdict verdict;

	verdict_pairs(&verdict, duel->ratio, duel->n, margin);
	verdict_decide(&verdict, 1, margin, Q);
	return verdict;
}

/* --- what a call costs -------------------------------------------------------------------------
 */

struct control {        /* so many calls against none */
	unsigned calls; /* in 1000 messages */
	double share;   /* of an operation that they take, */
	double error;   /* and its half-width at 95 % */
	double operation_ns;
	enum state state;
	bool found; /* the verdict: slower */
};

/* A call that comes alone in its message costs more than one behind another, by up to a half. So
 * there are two controls: of calls that are alone, and where these take too little, of several in
 * each message; what lies between is a share of either. */
struct calibration {
	struct control alone, several; /* several.calls 0: not needed */
	double call_ns;                /* that is alone */
};

/* state: ANY, or that of the other control. false: the host has left it. */
static bool control_run(struct trial *trial, const struct kind *kind, unsigned calls, size_t pairs,
			enum state state, struct control *control)
{
	struct duel duel = duel_of(trial, kind, calls, state);

	if (!play(trial, &duel, pairs))
		return false;
	struct interval yuen = statistics_yuen(duel.ratio, duel.n, 0.2, 0.95, NULL);

	*control = (struct control){ .calls = calls,
				     .share = expm1(yuen.estimate),
				     .error = (exp(yuen.high) - exp(yuen.low)) / 2,
				     .operation_ns = statistics_median(duel.ns, duel.n),
				     .state = duel.state,
				     .found = decide(&duel, 0.02).kind == VERDICT_SLOWER };
	return true;
}

/* A probe of one call in each message tells how many take a fifth of the operation. */
static bool calibrate(struct trial *trial, const struct kind *kind, size_t pairs,
		      struct calibration *calibration)
{
	enum { PATTERN_MESSAGES = 2 /* of a ping-pong */, MOST_CALLS = 100 * MESSAGES };
	struct control probe, *alone = &calibration->alone;

	*calibration = (struct calibration){ .call_ns = NAN };
	if (!control_run(trial, kind, MESSAGES, PROBE_PAIRS, ANY, &probe))
		return false;
	double wanted = probe.share > 0 ? CALIBRATED / probe.share * MESSAGES : MOST_CALLS;
	unsigned calls = (unsigned)fmin(fmax(wanted, 10), MOST_CALLS);

	if (!control_run(trial, kind, calls < MESSAGES ? calls : MESSAGES, pairs, probe.state,
			 alone))
		return false;
	calibration->call_ns =
		alone->share * alone->operation_ns * MESSAGES / alone->calls / PATTERN_MESSAGES;
	return calls <= MESSAGES ||
	       control_run(trial, kind, calls, pairs, probe.state, &calibration->several);
}

static bool calibration_found(const struct calibration *calibration)
{
	return calibration->alone.share > 0 &&
	       (calibration->several.calls ? calibration->several.found : calibration->alone.found);
}

struct truth {
	unsigned calls;
	double share, error;
};

/* As many calls as make up at least the change. */
static struct truth truth_of(const struct calibration *calibration, double change)
{
	const struct control *alone = &calibration->alone, *several = &calibration->several;
	double calls = ceil(alone->calls * change / alone->share), more;

	if (calls <= MESSAGES || several->calls == 0) {
		more = calls / alone->calls;
		return (struct truth){ (unsigned)calls, more * alone->share, more * alone->error };
	}
	more = (change - alone->share) / (several->share - alone->share);
	calls = ceil(alone->calls + more * (several->calls - alone->calls));
	more = (calls - alone->calls) / (several->calls - alone->calls);
	return (struct truth){ (unsigned)calls,
			       alone->share + more * (several->share - alone->share),
			       hypot((1 - more) * alone->error, more * several->error) };
}

/* --- trials ------------------------------------------------------------------------------------
 */

struct score { /* of one experiment with one kind */
	unsigned trials, found, anchor, aside, covered;
	unsigned open, resolved, more, beyond; /* G9: could not be told at first; pairs announced,
						  of how many more than MOST_PAIRS */
	double truth, least, most, error;      /* sums, and the extremes */
	double seen;                           /* sum of the estimates */
	double seconds;
	unsigned calls; /* the last group's */
};

struct series { /* a kind */
	struct score tally[EXPERIMENTS];
	unsigned calibrations, calibrations_found, gone;
	double call_ns, operation_ns;
};

static void count_truth(struct score *tally, const struct truth *truth)
{
	tally->truth += truth->share;
	tally->error += truth->error;
	tally->least = tally->trials == 0 ? truth->share : fmin(tally->least, truth->share);
	tally->most = fmax(tally->most, truth->share);
	tally->calls = truth->calls;
}

static void count_trial(struct score *tally, const struct duel *duel, const struct verdict *verdict,
			double truth)
{
	tally->trials++;
	tally->found += verdict->kind == VERDICT_SLOWER;
	tally->anchor += duel->anchor;
	tally->aside += duel->aside;
	tally->seconds += duel->seconds;
	tally->seen += expm1(verdict->log_ratio.estimate);
	tally->covered +=
		verdict->log_ratio.low <= log1p(truth) && log1p(truth) <= verdict->log_ratio.high;
}

/* Few pairs, then as many more as were announced. false: the host's state has gone. */
static bool resolve(struct trial *trial, struct duel *duel, struct verdict *verdict,
		    struct score *tally, double margin)
{
	if (verdict->kind != VERDICT_CANT_TELL)
		return true;
	size_t wanted = FEW_PAIRS + verdict->more;
	bool beyond = wanted > MOST_PAIRS || verdict->more == 0;
	unsigned more = verdict->more;

	if (!beyond && !play(trial, duel, wanted))
		return false;
	if (!beyond)
		*verdict = decide(duel, margin);
	tally->open++;
	tally->more += more;
	tally->beyond += beyond;
	tally->resolved += verdict->kind != VERDICT_CANT_TELL;
	return true;
}

/* A call takes what it takes: of an operation that has become longer, by the side without calls, it
 * is a smaller share. false: by so much that it is not the change wanted any more. */
static bool scale_truth(struct truth *truth, const struct calibration *calibration,
			const struct duel *duel)
{
	double then = calibration->alone.operation_ns / statistics_median(duel->ns, duel->n);

	truth->share *= then;
	truth->error *= then;
	return fabs(then - 1) <= STEADY;
}

static bool run_trial(struct trial *trial, const struct kind *kind,
		      const struct calibration *calibration, const struct experiment *experiment,
		      struct score *tally)
{
	struct truth truth = truth_of(calibration, experiment->change);
	struct duel duel = duel_of(trial, kind, truth.calls, calibration->alone.state);

	if (!play(trial, &duel, experiment->power > 0 ? kind->pairs : FEW_PAIRS) ||
	    !scale_truth(&truth, calibration, &duel))
		return false;
	struct verdict verdict = decide(&duel, experiment->margin);

	if (!(experiment->power > 0) && !resolve(trial, &duel, &verdict, tally, experiment->margin))
		return false;
	count_truth(tally, &truth);
	count_trial(tally, &duel, &verdict, truth.share);
	return true;
}

/* The next trials of every experiment under one calibration. false: the host's state has gone, or
 * the operation's time, before all were done. */
static bool run_group(struct trial *trial, const struct kind *kind, struct series *series,
		      unsigned group, bool quick)
{
	struct calibration calibration;

	say_progress("%s: calibration %u", kind->name, series->calibrations + 1);
	if (!calibrate(trial, kind, quick ? kind->pairs : 2UL * kind->pairs, &calibration))
		return false;
	series->calibrations++;
	series->calibrations_found += calibration_found(&calibration);
	series->call_ns = calibration.call_ns;
	series->operation_ns = calibration.alone.operation_ns;
	if (!calibration_found(&calibration))
		return true; /* it is judged as such */
	for (size_t e = 0; e < (quick ? 1 : EXPERIMENTS); e++) {
		unsigned wanted = quick ? 1 : (group + 1) * experiments[e].a_group;

		while (series->tally[e].trials < wanted) {
			say_progress("%s: %.1f %%, trial %u of %u", kind->name,
				     100 * experiments[e].change, series->tally[e].trials + 1,
				     GROUPS * experiments[e].a_group);
			if (!run_trial(trial, kind, &calibration, &experiments[e],
				       &series->tally[e]))
				return false;
		}
	}
	return true;
}

/* --- what is seen ------------------------------------------------------------------------------
 */

static void judge_calibration(const struct kind *kind, const struct series *series)
{
	bool all = series->calibrations && series->calibrations_found == series->calibrations;

	report(met(all), "G3 goal every injected 20 % found, which tells what a call costs",
	       kind->name,
	       "%u of %u; a call takes %.0f ns of %.0f ns an operation; the host's state or that "
	       "time went %u "
	       "times",
	       series->calibrations_found, series->calibrations, series->call_ns,
	       series->operation_ns, series->gone);
}

static void judge_found(const struct kind *kind, const struct experiment *experiment,
			const struct series *series, bool quick)
{
	const struct score *t = &series->tally[experiment - experiments],
			   *nothing = &series->tally[NOTHING];
	unsigned least = least_of(t->trials, experiment->power, 0.05);
	double n = t->trials, seconds = t->seconds / n;
	char goal[96], where[128];

	snprintf(goal, sizeof goal,
		 "G3 goal an injected %.0f %% (margin %.1f %%) found in %u of %u",
		 100 * experiment->change, 100 * experiment->margin, least, t->trials);
	snprintf(where, sizeof where, "%s, %u pairs", kind->name, kind->pairs);
	report(quick ? SEEN : met(t->found >= least), goal, where,
	       "%u; truth %.2f %% (%.2f to %.2f, each ±%.2f), a call in each %.2f messages, "
	       "estimates' mean %.2f %%, intervals cover %.0f %%; Mann-Whitney %u, and of "
	       "identical "
	       "pairs %u of %u",
	       t->found, 100 * t->truth / n, 100 * t->least, 100 * t->most, 100 * t->error / n,
	       (double)MESSAGES / t->calls, 100 * t->seen / n, percent_of(t->covered, n), t->anchor,
	       nothing->anchor, nothing->trials);
	snprintf(goal, sizeof goal, "G3 goal a trial at most %.0f s", kind->seconds);
	report(quick ? SEEN : met(seconds <= kind->seconds), goal, where,
	       "%.2f s, %u pairs of another host state put aside", seconds, t->aside);
}

static void add_resolved(struct score *sum, const struct score *tally)
{
	sum->trials += tally->trials;
	sum->open += tally->open;
	sum->resolved += tally->resolved;
	sum->more += tally->more;
	sum->beyond += tally->beyond;
}

static void say_resolved(enum judgement judgement, const char *goal, const char *where,
			 const struct score *t)
{
	char all[128];

	snprintf(all, sizeof all, "%s, %u cells of which %u cannot be told by %u pairs", where,
		 t->trials, t->open, FEW_PAIRS);
	report(judgement, goal, all,
	       "%u, %.0f more on average, for %u over %d in all; Mann-Whitney announces none",
	       t->resolved, t->more / fmax(t->open, 1), t->beyond, MOST_PAIRS);
}

static void judge_resolved(const struct series series[])
{
	struct score all = { 0 };
	char goal[96];

	for (size_t k = 0; k < KINDS; k++) {
		for (size_t e = NOTHING; e <= UNCLEAR; e++) {
			const struct score *its = &series[k].tally[e];

			if (its->trials)
				say_resolved(SEEN,
					     e == NOTHING ? "G9, identical" : "G9, injected 0.8 %",
					     kinds[k].name, its);
			add_resolved(&all, its);
		}
	}
	unsigned least = least_of(all.open, RESOLVED, 0.05);

	snprintf(goal, sizeof goal, "G9 goal 75 %% resolved by the pairs announced: %u of %u",
		 least, all.open);
	/* of fewer none resolved would be no wonder */
	say_resolved(all.open >= FEW_OPEN ? met(all.resolved >= least) : SEEN, goal, "this machine",
		     &all);
}

static void run_kind(struct trial *trial, const struct kind *kind, struct series *series,
		     bool quick)
{
	for (unsigned group = 0; group < (quick ? 1 : GROUPS) && series->gone < GIVE_UP;) {
		if (run_group(trial, kind, series, group, quick))
			group++;
		else
			series->gone++;
	}
	say_progress(NULL);
	judge_calibration(kind, series);
	if (series->gone == GIVE_UP)
		skip(kind->name, "the host changes its state, or its speed, too often for a trial");
	for (size_t e = MUCH; e <= LITTLE; e++)
		if (series->tally[e].trials)
			judge_found(kind, &experiments[e], series, quick);
}

/* --- counting the calls ------------------------------------------------------------------------
 */

/* The first kind that measures a copy. */
static const struct kind *kind_of(const char *mechanism)
{
	const struct kind *kind = kinds;

	while (kind < kinds + KINDS - 1 && strcmp(kind->mechanism, mechanism) != 0)
		kind++;
	return kind;
}

/* What strace looks at: one visit of a worker. Prints how many calls are to be extra in it. */
static int count_visit(struct trial *trial, const char *mechanism, const char *calls)
{
	const struct kind *kind = kinds;

	while (kind < kinds + KINDS - 1 && strcmp(kind->mechanism, mechanism) != 0)
		kind++;
	unsigned long in_messages = strtoul(calls, NULL, 10);
	const struct cell cell = slowed_cell(trial, kind, (unsigned)in_messages),
			  *cells[] = { &cell };
	struct block_options options = bench_options(&trial->bench, 10);
	struct outcome outcome;

	options.operations = 50;
	options.canary = false;
	if (block_run(&options, cells, NULL, 1, &outcome) != 0)
		return 4;
	unsigned long sent = outcome.turns * (outcome.uncounted + outcome.operations);
	bool fine = outcome.state == BLOCK_OK;

	if (fine)
		printf("%lu\n", outcome.peers * (sent * in_messages / MESSAGES));
	else
		fprintf(stderr, "%s: %s\n", mechanism, outcome.reason);
	outcome_free(&outcome);
	return fine ? 0 : 4;
}

/* How many getppid() strace sees in such a visit, and how many are to be extra; false: the visit
 * failed. */
static bool traced(const char *program, const char *mechanism, unsigned calls, unsigned long *seen,
		   unsigned long *wanted)
{
	char command[512], line[256];
	bool fine = false;

	snprintf(command, sizeof command,
		 "strace -f -qq -e trace=getppid -e signal=none '%s' --count %s %u 2>&1", program,
		 mechanism, calls);
	FILE *trace = popen(command, "r");

	if (!trace)
		return false;
	*seen = 0;
	while (fgets(line, sizeof line, trace)) {
		char *end;
		unsigned long number = strtoul(line, &end, 10);

		if (strstr(line, "getppid("))
			++*seen;
		else if (end != line && *end == '\n') {
			*wanted = number;
			fine = true;
		}
	}
	return pclose(trace) == 0 && fine;
}

static void judge_count(const char *program, const char *mechanism, bool one_cpu)
{
	/* such that nothing is left over at the end of a visit of 700 messages */
	enum { SOME = 330 };
	unsigned long none, some, wanted;
	const char *goal = "G3 goal as many extra calls as were asked for";

	if (one_cpu && kind_of(mechanism)->across)
		skip(goal, "one CPU only");
	else if (system("strace -qq -o /dev/null true 2>/dev/null") != 0)
		skip(goal, "strace cannot trace here");
	else if (!traced(program, mechanism, 0, &none, &wanted) ||
		 !traced(program, mechanism, SOME, &some, &wanted))
		report(MISSED, goal, mechanism, "none: the visit failed under strace");
	else
		report(met(some - none == wanted), goal, mechanism, "%lu of %lu, counted by strace",
		       some - none, wanted);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* The copies of mechanisms that the kinds name, each once. */
static size_t copies(const char *names[KINDS])
{
	size_t n = 0;

	for (size_t k = 0; k < KINDS; k++) {
		bool known = false;

		for (size_t i = 0; i < n; i++)
			known |= strcmp(names[i], kinds[k].mechanism) == 0;
		if (!known)
			names[n++] = kinds[k].mechanism;
	}
	return n;
}

static bool open_bench(struct trial *trial)
{
	const char *build = getenv("BUILD") ? getenv("BUILD") : "build";
	const char *names[KINDS] = { 0 }, *plugins[KINDS];
	char path[KINDS][512];
	size_t n = copies(names);

	for (size_t i = 0; i < n; i++) {
		snprintf(path[i], sizeof path[i], "%s/slowed/%s.so", build, names[i]);
		plugins[i] = path[i];
	}
	bool fine = bench_open(&trial->bench, plugins, n);

	trial->random = trial->bench.seed;
	return fine;
}

static void run(struct trial *trial, const char *program, bool quick)
{
	static struct series series[KINDS];
	bool one = trial->bench.across[0] < 0;
	const char *names[KINDS] = { 0 };
	size_t n = copies(names);

	for (size_t i = 0; i < n; i++)
		judge_count(program, names[i], one);
	for (size_t k = 0; k < KINDS; k++) {
		if (kinds[k].across && one)
			skip(kinds[k].name, "one CPU only");
		else
			run_kind(trial, &kinds[k], &series[k], quick);
	}
	if (!quick)
		judge_resolved(series);
}

int main(int argc, char **argv)
{
	static struct trial trial;
	bool counts = argc == 4 && strcmp(argv[1], "--count") == 0;
	bool quick = !counts && is_quick(argc, argv);
	int status;

	if (!open_bench(&trial))
		return 4;
	if (counts) {
		status = count_visit(&trial, argv[2], argv[3]);
	} else {
		printf("injected slowdowns, verdicts at %.0f %%, seed %llu\n", 100 * Q,
		       (unsigned long long)trial.bench.seed);
		run(&trial, argv[0], quick);
		status = finish();
	}
	place_close(trial.bench.place);
	registry_close(trial.bench.registry);
	return status;
}
