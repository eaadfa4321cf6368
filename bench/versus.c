/* SPDX-License-Identifier: GPL-3.0-or-later */
/* versus.c - two cells head to head: block visits with fresh workers, a pair each, and the planned
 * looks at them. */
#include "versus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block.h"
#include "grow.h"
#include "say.h"
#include "worker/random.h"

enum {
	GIVE_UP = 3, /* failures in a row */
	TRIALS = 3   /* pairs that tell how long one takes */
};
static const double TURN_NS = 60e3, VISIT_SECONDS = 0.6, LEVEL = 0.05, DROPPED_MOST = 0.2;

/* ---- side by side or not ---- */

static bool same_cpus(const struct cell *a, const struct cell *b)
{
	return a->peers == b->peers && memcmp(a->cpus, b->cpus, a->peers * sizeof *a->cpus) == 0;
}

bool versus_side_by_side(const struct plan_cell *a, const struct plan_cell *b, char *why,
			 size_t bytes)
{
	const struct cell *x = &a->cell, *y = &b->cell;
	const char *reason = NULL;

	if (x->peers != y->peers)
		reason = "their peers differ in number";
	else if (!same_cpus(x, y))
		reason = "their placements differ";
	else if (cell_spins(x) != cell_spins(y))
		reason = "one spins, the other sleeps";
	else if (x->policy != y->policy || x->priority != y->priority)
		reason = "who runs first is another question of each";
	else if (x->idle == IDLE_SLEEP || y->idle == IDLE_SLEEP)
		reason = "a CPU that may sleep does so when no other worker keeps it awake";
	else if (x->sequential || y->sequential)
		reason = "their messages do not fit into the cache together";
	else if (x->memory + y->memory > PLAN_BLOCK_BYTES)
		reason = "they do not fit into 1 GiB together";
	snprintf(why, bytes, "%s", reason ? reason : "");
	return !reason;
}

/* ---- looks ---- */

unsigned versus_looks(size_t planned, bool one_look, size_t at[VERDICT_LOOKS],
		      double alpha[VERDICT_LOOKS])
{
	unsigned looks = 0;
	double spent = 0;

	for (unsigned k = 1; k <= VERDICT_LOOKS; k++) {
		size_t pairs = (planned * k + VERDICT_LOOKS - 1) / VERDICT_LOOKS;

		spent += verdict_alpha(k, LEVEL);
		if (k < VERDICT_LOOKS && (one_look || pairs < VERSUS_FIRST_LOOK))
			continue;
		at[looks] = pairs;
		alpha[looks++] = k < VERDICT_LOOKS ? spent : LEVEL;
	}
	return looks;
}

/* ---- estimates ---- */

static struct interval exponent(struct interval logs)
{
	return (struct interval){ exp(logs.estimate), exp(logs.low), exp(logs.high), logs.n };
}

bool versus_judge(struct versus *versus, double alpha)
{
	double *values = malloc((versus->pairs + 1) * sizeof *values);

	if (!values) {
		say_error("out of memory");
		return false;
	}
	versus->state = STATE_NONE;
	for (unsigned state = 0; state < STATE_COUNT; state++) {
		struct versus_state *its = &versus->of_state[state];
		double p;
		size_t n = 0;

		for (size_t i = 0; i < versus->pairs; i++)
			if (versus->pair[i].state == state)
				values[n++] = versus->pair[i].ratio;
		its->pairs = n;
		its->log_ratio = (struct interval){ NAN, NAN, NAN, n };
		if (n)
			its->log_ratio = statistics_yuen(values, n, 0.2, 0.95, &p);
		if (n > versus->of_state[versus->state].pairs)
			versus->state = state;
	}
	for (size_t side = 0; side < 2; side++) {
		size_t n = 0;

		for (size_t i = 0; i < versus->pairs; i++)
			if (versus->pair[i].state == versus->state)
				values[n++] = versus->pair[i].value[side];
		versus->ns[side] = (struct interval){ NAN, NAN, NAN, n };
		if (n)
			versus->ns[side] = exponent(statistics_t(values, n, 0.95));
	}
	size_t n = 0;

	for (size_t i = 0; i < versus->pairs; i++)
		if (versus->pair[i].state == versus->state)
			values[n++] = versus->pair[i].ratio;
	verdict_pairs(&versus->verdict, values, n, versus->margin);
	free(values);

	/* one cell: what is shown is its own interval, at 95 % whatever the look's level is */
	struct interval shown = versus->verdict.log_ratio;

	verdict_decide(&versus->verdict, 1, versus->margin, alpha);
	versus->verdict.log_ratio = shown;
	return true;
}

/* ---- measuring ---- */

struct contest {
	const struct versus_options *options;
	const struct registry *const *registries; /* of each side */
	struct versus *versus;
	double ticks_per_ns, started;
	uint64_t random;
	bool b_first; /* ABBA or BAAB, where they take turns worker by worker */
	unsigned attempts, failures_in_row;
};

enum visited { A_PAIR, NO_PAIR, INTERRUPTED, ERROR };

/* Lets n workers play; side[i] says whose. What they measured goes into outcomes. */
static enum visited visit(struct contest *c, const unsigned side[], unsigned n,
			  struct outcome outcomes[])
{
	const struct cell *cells[2];
	const struct registry *registries[2] = { NULL };

	for (unsigned i = 0; i < n; i++) {
		registries[i] = c->registries[side[i]];
		cells[i] = &c->versus->side[side[i]]->cell;
	}
	const struct block_options options = { .registry = registries[0],
					       .registries = registries,
					       .ticks_per_ns = c->ticks_per_ns,
					       .seed = random_next(&c->random),
					       .cycles = block_pair_cycles(cells, n),
					       .turn_ns = TURN_NS,
					       .seconds = VISIT_SECONDS,
					       .operations = c->options->operations,
					       .canary = true };
	int status = block_run(&options, cells, NULL, n, outcomes);

	if (status)
		return status < 0 ? ERROR : INTERRUPTED;
	for (unsigned i = 0; i < n; i++) {
		if (outcomes[i].state == BLOCK_OK)
			continue;
		if (outcomes[i].state == BLOCK_FAILED)
			snprintf(c->versus->failure, sizeof c->versus->failure, "%.200s: %s",
				 c->versus->side[side[i]]->key, outcomes[i].reason);
		else if (!*c->versus->failure)
			snprintf(c->versus->failure, sizeof c->versus->failure,
				 "the visit broke off although neither worker failed");
		status = 1;
	}
	return status ? NO_PAIR : A_PAIR;
}

static enum visited together(struct contest *c, struct versus_pair *pair)
{
	/* who is started and fitted first is drawn as well */
	unsigned first = (unsigned)(random_next(&c->random) & 1);
	const unsigned side[] = { first, 1 - first };
	struct outcome outcomes[2];
	enum visited visited = visit(c, side, 2, outcomes);

	if (visited == A_PAIR) {
		const struct outcome *a = &outcomes[first], *b = &outcomes[1 - first];

		pair->state = outcome_state(a);
		pair->value[0] = outcome_value(a);
		pair->value[1] = outcome_value(b);
		pair->ratio = statistics_pair(a->batch_ns, b->batch_ns,
					      a->turns < b->turns ? a->turns : b->turns);
	}
	outcome_free(&outcomes[0]);
	outcome_free(&outcomes[1]);
	return visited;
}

/* ABBA: neighbours make a pair, and what drifts steadily cancels over two of them. */
static enum visited apart(struct contest *c, struct versus_pair *pair)
{
	unsigned first = (c->attempts & 1) ^ c->b_first;
	enum host_state state[2];

	for (unsigned i = 0; i < 2; i++) {
		unsigned side = i ? 1 - first : first;
		struct outcome outcome;
		enum visited visited = visit(c, &side, 1, &outcome);

		if (visited == A_PAIR) {
			state[side] = outcome_state(&outcome);
			pair->value[side] = outcome_value(&outcome);
		}
		outcome_free(&outcome);
		if (visited != A_PAIR)
			return visited;
	}
	pair->ratio = pair->value[0] - pair->value[1];
	pair->state = state[0] == STATE_NONE ? state[1] : state[0];
	if (state[0] != STATE_NONE && state[1] != STATE_NONE && state[0] != state[1]) {
		c->versus->dropped++;
		return NO_PAIR;
	}
	return A_PAIR;
}

static enum visited attempt(struct contest *c)
{
	struct versus *versus = c->versus;
	struct versus_pair pair = { .state = STATE_NONE };
	unsigned dropped = versus->dropped;
	enum visited visited = versus->side_by_side ? together(c, &pair) : apart(c, &pair);

	if (visited == INTERRUPTED || visited == ERROR)
		return visited;
	c->attempts++;
	if (visited == A_PAIR && isfinite(pair.ratio)) {
		struct versus_pair *kept = GROW_APPEND(versus->pair, versus->pairs);

		if (!kept) {
			say_error("out of memory");
			return ERROR;
		}
		*kept = pair;
		c->failures_in_row = 0;
		return A_PAIR;
	}
	if (versus->dropped > dropped)
		return NO_PAIR;
	versus->failed++;
	if (++c->failures_in_row < GIVE_UP)
		return NO_PAIR;
	say_error("vs: given up after %d failures in a row; %s", GIVE_UP, versus->failure);
	return ERROR;
}

/* Pairs that fit into the budget; 0 after say_error(). */
static size_t plan_pairs(const struct contest *c, double pair_seconds)
{
	const struct versus_options *options = c->options;
	double fit = floor(options->budget_s / pair_seconds);
	char least[24];

	if (options->budget_s <= 0) /* a fixed count of operations leaves nothing to fit */
		return VERSUS_LEAST_PAIRS;
	if (fit >= VERSUS_LEAST_PAIRS)
		return fit < VERSUS_MOST_PAIRS ? (size_t)fit : VERSUS_MOST_PAIRS;
	double enough = ceil(VERSUS_LEAST_PAIRS * pair_seconds * 1.05);

	if (options->budget_given) {
		say_error("--budget: %.3gs is enough for %.0f pairs of these two cells, a verdict "
			  "is planned for %d: give it --budget %.0fs",
			  options->budget_s, fit, VERSUS_LEAST_PAIRS, enough);
		return 0;
	}
	say_warning("%d pairs of these two cells take %s, longer than the %.3g s that are usual",
		    VERSUS_LEAST_PAIRS, say_duration(enough, least), options->budget_s);
	return VERSUS_LEAST_PAIRS;
}

/* How many more the rest of the budget has room for. */
static size_t pairs_that_fit(const struct contest *c, double elapsed)
{
	double rest = (c->options->budget_s - elapsed) / c->versus->pair_seconds;

	if (c->options->budget_s <= 0 || !(rest >= 0.5) || c->attempts >= VERSUS_MOST_PAIRS)
		return 0;
	return (size_t)fmin(fmax(1, floor(rest)), VERSUS_MOST_PAIRS - c->attempts);
}

static void progress(const struct contest *c)
{
	char left[24];
	const struct versus *versus = c->versus;

	if (!versus->planned) {
		say_progress("pair %u", c->attempts + 1);
		return;
	}
	double seconds = ((double)versus->planned - c->attempts) * versus->pair_seconds,
	       budget = c->options->budget_s - (block_now_s() - c->started);

	if (!c->options->pairs && c->attempts >= VERSUS_LEAST_PAIRS && budget < seconds)
		seconds = budget;
	say_progress("pair %u of %zu, %s left at most", c->attempts + 1, versus->planned,
		     say_duration(seconds > 0 ? seconds : 0, left));
}

/* One look, at all that may be spent by it. 1: it was the last; −1: out of memory. */
static int look(struct versus *versus, double may_spend, bool last, enum versus_ended why_last)
{
	versus->alpha = fmax(0, may_spend - versus->spent);
	versus->looks++;
	if (!versus_judge(versus, versus->alpha))
		return -1;
	if (verdict_told(&versus->verdict)) {
		versus->spent = fmax(versus->spent, may_spend);
		versus->ended = last ? why_last : VERSUS_DECIDED;
		return 1;
	}
	const struct interval *ratio = &versus->verdict.log_ratio;
	bool precise = (ratio->high - ratio->low) / 2 <= log1p(versus->margin) / 3;

	/* how wide the interval is says nothing about where it lies, so no later look is given up
	 * for a better answer: what is left may be spent here */
	if (precise && !last) {
		versus->alpha = LEVEL - versus->spent;
		if (!versus_judge(versus, versus->alpha))
			return -1;
		may_spend = LEVEL;
	}
	versus->spent = fmax(versus->spent, may_spend);
	versus->ended = last ? why_last : VERSUS_PRECISE;
	return last || precise;
}

/* Pairs and looks until it is over: 0, or −1 after say_error(). */
static int contest(struct contest *c)
{
	struct versus *versus = c->versus;
	size_t at[VERDICT_LOOKS];
	double may_spend[VERDICT_LOOKS], after_first = c->started;
	const bool fixed = c->options->pairs > 0;

	versus->planned = c->options->pairs;
	for (;;) {
		progress(c);
		enum visited visited = attempt(c);
		double elapsed = block_now_s() - c->started;

		if (visited == ERROR)
			return -1;
		if (visited == INTERRUPTED || block_signal())
			return look(versus, LEVEL, true, VERSUS_INTERRUPTED) < 0 ? -1 : 0;
		/* the first pair finds everything cold */
		if (c->attempts == 1)
			after_first = block_now_s();
		else
			versus->pair_seconds = (block_now_s() - after_first) / (c->attempts - 1);
		if (!fixed && c->attempts < TRIALS)
			continue;
		if (!versus->planned && !(versus->planned = plan_pairs(c, versus->pair_seconds)))
			return -1;
		/* pairs took less than they had seemed to: there is time for more */
		if (!fixed && c->attempts >= versus->planned)
			versus->planned += pairs_that_fit(c, elapsed);
		unsigned looks = versus->most_looks =
			versus_looks(versus->planned, fixed, at, may_spend);
		bool last = c->attempts >= versus->planned;
		/* one that was not asked for gives way to the least that a verdict is made of */
		unsigned enough =
			c->options->budget_given ? VERSUS_FEWEST_PAIRS : VERSUS_LEAST_PAIRS;
		bool late = !fixed && c->options->budget_s > 0 && c->attempts >= enough &&
			    elapsed + versus->pair_seconds / 2 > c->options->budget_s;
		int over = 0;

		if (last || late)
			return look(versus, LEVEL, true, last ? VERSUS_ALL : VERSUS_BUDGET) < 0 ? -1
												: 0;
		/* each look once, also when more pairs are planned by now than at the look before
		 */
		for (unsigned k = versus->looks; k + 1 < looks && !over && at[k] <= c->attempts;
		     k++)
			over = look(versus, may_spend[k], false, VERSUS_ALL);
		if (over)
			return over < 0 ? -1 : 0;
	}
}

/* Gates that stand above any figure. */
static void check_gates(struct versus *versus, unsigned attempts)
{
	struct verdict *verdict = &versus->verdict;
	unsigned lost = versus->dropped + versus->failed;

	if (versus->ended == VERSUS_INTERRUPTED) {
		if (verdict->kind == VERDICT_INVALID)
			verdict->kind = VERDICT_CANT_TELL;
		return;
	}
	if (lost <= DROPPED_MOST * attempts)
		return;
	verdict->kind = VERDICT_INVALID;
	verdict->more = 0;
	if (versus->failed)
		snprintf(verdict->why, sizeof verdict->why,
			 "%u of %u pairs failed, the last: %.100s", versus->failed, attempts,
			 versus->failure);
	else
		snprintf(verdict->why, sizeof verdict->why,
			 "the host's state differed within %u of %u pairs", versus->dropped,
			 attempts);
}

int versus_run(const struct versus_options *options, const struct plan_cell *a,
	       const struct plan_cell *b, const struct registry *const registries[2],
	       struct versus *versus)
{
	struct contest c = { .options = options,
			     .registries = registries,
			     .versus = versus,
			     .random = options->seed };
	double cost_ns, step_ns;

	*versus = (struct versus){ .side = { a, b },
				   .margin = options->margin,
				   .seed = options->seed,
				   .pair_seconds = NAN };
	versus->side_by_side = versus_side_by_side(a, b, versus->apart, sizeof versus->apart);
	block_catch_signals();
	block_clock(&c.ticks_per_ns, &cost_ns, &step_ns);
	c.b_first = random_next(&c.random) & 1;
	c.started = block_now_s();
	int status = contest(&c);

	versus->seconds = block_now_s() - c.started;
	say_progress(NULL);
	block_release_signals();
	if (status)
		return EXIT_USAGE;
	check_gates(versus, c.attempts);
	return EXIT_FINE;
}

void versus_free(struct versus *versus)
{
	free(versus->pair);
}
