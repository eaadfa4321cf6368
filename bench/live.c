/* SPDX-License-Identifier: GPL-3.0-or-later */
/* live.c - two sides in one boot: cells matched, identical ones hidden among them, rounds and looks
 * as planned, until all is decided or the time is up. */
#include "live.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block.h"
#include "bout.h"
#include "grow.h"
#include "record.h"
#include "say.h"
#include "worker/random.h"

enum {
	FIRST_LOOK = 10, /* pairs before the first look */
	TRIALS = 2       /* rounds that tell how long one takes; the first finds everything cold */
};
static const double LEVEL = 0.05;

struct contest {
	const struct live_options *options;
	struct live *live;
	struct bouts bouts;
	double started;
	unsigned rounds, planned; /* of this session; 0: not planned yet */
	unsigned looks, look_at;  /* how many, and the round after which comes the next */
	double spend;             /* of the error rate, by this session */
	double spent_before;
	double visit_seconds, round_seconds;
	double timed_since;  /* round_seconds is the mean of the rounds since then, */
	unsigned timed_from; /* this one the first */
};

static double elapsed(const struct contest *c)
{
	return block_now_s() - c->started;
}

static bool exactly(const struct contest *c)
{
	return c->options->pairs > 0;
}

/* ---- which cells ---- */

static int by_key(const void *left, const void *right)
{
	const struct plan_cell *const *a = left, *const *b = right;
	return strcmp((*a)->key, (*b)->key);
}

static const struct plan_cell **sorted_cells(const struct plan *plan)
{
	const struct plan_cell **cells = calloc(plan->cell_count + 1, sizeof(struct plan_cell *));

	for (size_t i = 0; cells && i < plan->cell_count; i++)
		cells[i] = &plan->cells[i];
	if (cells)
		qsort(cells, plan->cell_count, sizeof(struct plan_cell *), by_key);
	return cells;
}

static struct compare_lone *append_lone(struct live *live, const char *key,
					enum compare_side missing)
{
	struct compare_lone *lone = GROW_APPEND(live->lone, live->lone_count);

	if (lone)
		*lone = (struct compare_lone){ .key = key,
					       .missing = missing,
					       .why = COMPARE_UNPLANNED };
	return lone;
}

/* Times of different things have no ratio. */
static bool is_another(const struct plan_cell *a, const struct plan_cell *b)
{
	return strcmp(a->quantity, b->quantity) != 0 || a->messages != b->messages;
}

static bool add_another(struct live *live, const char *key)
{
	struct compare_lone *lone = append_lone(live, key, COMPARE_NEW);

	if (!lone)
		return false;
	lone->why = COMPARE_REFUSED;
	lone->reason = "an operation is not the same on both sides (quantity or messages)";
	return true;
}

static bool add_lone(struct live *live, const char *key, enum compare_side missing,
		     const struct plan *without)
{
	struct compare_lone *lone = append_lone(live, key, missing);

	if (!lone)
		return false;
	for (size_t i = 0; i < without->refused_count; i++)
		if (strcmp(without->refused[i].key, key) == 0) {
			lone->why = COMPARE_REFUSED;
			lone->reason = without->refused[i].reason;
		}
	return true;
}

/* Cells of one key on both sides; the others are listed. false when memory runs out. */
static bool match_cells(struct contest *c)
{
	const struct live_options *options = c->options;
	const struct plan *plan[] = { options->side[0].plan, options->side[1].plan };
	const struct plan_cell **cells[] = { sorted_cells(plan[0]), sorted_cells(plan[1]) };
	size_t at[] = { 0, 0 };
	bool fine = cells[0] && cells[1];

	while (fine) {
		const struct plan_cell *a = at[0] < plan[0]->cell_count ? cells[0][at[0]] : NULL;
		const struct plan_cell *b = at[1] < plan[1]->cell_count ? cells[1][at[1]] : NULL;

		if (!a && !b)
			break;
		int order = !a ? 1 : !b ? -1 : strcmp(a->key, b->key);
		const char *key = order <= 0 ? a->key : b->key;

		at[0] += order <= 0;
		at[1] += order >= 0;
		if (options->only && fnmatch(options->only, key, 0) != 0)
			c->live->not_asked++;
		else if (order == 0 && is_another(a, b))
			fine = add_another(c->live, key);
		else if (order == 0)
			fine = bouts_add(&c->bouts, DUEL_CELL, a, b);
		else
			fine = add_lone(c->live, key, order < 0 ? COMPARE_NEW : COMPARE_OLD,
					plan[order < 0]);
	}
	free(cells[0]);
	free(cells[1]);
	return fine;
}

/* Identical cells, drawn from those that are compared, of the old and the new side by turns. */
static bool hide_cells(struct contest *c)
{
	size_t cells = c->bouts.count, hidden = cells ? duels_hidden(cells) : 0;

	for (size_t i = 0; i < hidden; i++) {
		enum compare_side side = i % 2 ? COMPARE_NEW : COMPARE_OLD;
		size_t like = random_next(&c->bouts.random) % cells;
		const struct plan_cell *cell = c->bouts.bouts[like].cell[side];

		if (!bouts_add(&c->bouts, side == COMPARE_NEW ? DUEL_NEW_TWICE : DUEL_OLD_TWICE,
			       cell, cell))
			return false;
	}
	return true;
}

/* ---- a round ---- */

static void progress(const struct contest *c)
{
	char left[24];
	double seconds = c->options->budget_s - elapsed(c);

	if (!c->planned) {
		say_progress("pair %u, %zu cells", c->rounds + 1, c->live->duels.count);
		return;
	}
	if (exactly(c))
		seconds = elapsed(c) / c->rounds * (c->options->pairs - c->rounds);
	say_progress("pair %u of about %u, %zu of %zu cells open, %s left at most", c->rounds + 1,
		     c->planned, duels_open(&c->live->duels), c->live->duels.count,
		     say_duration(seconds > 0 ? seconds : 0, left));
}

enum rounded { ROUND_DONE, ROUND_LATE, ROUND_INTERRUPTED, ROUND_ERROR };

/* Whether the budget leaves no room for another visit: half of it has to fit. A budget that was not
 * asked for gives way to the least that a verdict is made of. */
static bool is_late(const struct contest *c)
{
	if (exactly(c) || (c->rounds < LIVE_LEAST_PAIRS && !c->options->budget_given))
		return false;
	return elapsed(c) + c->visit_seconds / 2 > c->options->budget_s;
}

static enum rounded play_round(struct contest *c)
{
	size_t count, played = 0;
	struct chunk *chunks = bouts_deal(&c->bouts, &count);
	enum rounded rounded = chunks ? ROUND_DONE : ROUND_ERROR;

	while (rounded == ROUND_DONE && played < count) {
		double start = block_now_s();

		if (is_late(c)) {
			rounded = ROUND_LATE;
			break;
		}
		progress(c);
		enum visited visited = bouts_visit(&c->bouts, &chunks[played]);

		if (visited == VISIT_ERROR)
			rounded = ROUND_ERROR;
		else if (visited == VISIT_INTERRUPTED)
			rounded = ROUND_INTERRUPTED;
		double took = block_now_s() - start;

		c->visit_seconds += (took - c->visit_seconds) / (c->visit_seconds > 0 ? 8 : 1);
		played++;
	}
	free(chunks);
	c->rounds += rounded == ROUND_DONE;
	if (rounded == ROUND_DONE)
		c->bouts.round++;
	else if (rounded == ROUND_LATE && !c->planned)
		c->round_seconds = elapsed(c) / (c->rounds + (double)played / (double)count);
	return rounded;
}

static void time_from_here(struct contest *c)
{
	c->timed_since = block_now_s();
	c->timed_from = c->rounds;
}

static void time_round(struct contest *c)
{
	if (c->rounds == 1)
		time_from_here(c);
	else
		c->round_seconds = (block_now_s() - c->timed_since) / (c->rounds - c->timed_from);
}

/* ---- looks ---- */

static bool look(struct contest *c, bool last)
{
	struct duels *duels = &c->live->duels;
	double left = c->spend - (duels->spent - c->spent_before), level = left;

	if (!duels_unseen(duels)) /* it could tell nothing new */
		return true;
	c->looks++;
	if (!last)
		level = fmin(left, verdict_alpha(c->looks, c->spend));
	if (!duels_look(duels, record_rounded(level))) {
		say_error("out of memory");
		return false;
	}
	return !c->bouts.record || record_look(c->bouts.record, duels);
}

/* The round after which to look next; the last one that is planned is looked at in any case. */
static unsigned next_look(const struct contest *c)
{
	unsigned left = VERDICT_LOOKS - c->looks, rest = c->planned - c->rounds;

	if (exactly(c) || left <= 1)
		return c->planned;
	unsigned at = c->rounds + (rest + left - 1) / left;
	return at < FIRST_LOOK ? FIRST_LOOK : at;
}

static size_t hidden_duels(const struct contest *c)
{
	const struct duels *duels = &c->live->duels;
	size_t n = 0;

	for (size_t i = 0; i < duels->count; i++)
		n += duels->duels[i].kind != DUEL_CELL;
	return n;
}

/* Pairs a cell that the budget has room for. false after say_error(). */
static bool plan_pairs(struct contest *c)
{
	const struct live_options *options = c->options;
	size_t cells = duels_open(&c->live->duels);
	double fit = c->rounds + floor((options->budget_s - elapsed(c)) / c->round_seconds);
	char least[24];

	if (exactly(c)) {
		c->planned = options->pairs;
	} else if (fit >= LIVE_LEAST_PAIRS) {
		c->planned = (unsigned)fmin(fit, 1e6);
	} else {
		double enough = ceil(LIVE_LEAST_PAIRS * c->round_seconds * 1.05);

		fit = fmax(fit, 0);
		if (options->budget_given) {
			char fewer[128] = "";
			/* the hidden ones take their share of the time, and are never fewer */
			double fitting =
				floor((double)(cells + hidden_duels(c)) * fit / LIVE_LEAST_PAIRS) -
				(double)duels_hidden(cells);

			if (fitting >= 1)
				snprintf(fewer, sizeof fewer,
					 ", or about %.0f cell%s (--only, fewer --size, "
					 "--mechanism, --placement, --wait)",
					 fitting, fitting < 2 ? "" : "s");
			say_error("--budget: %.3gs is enough for %.0f pairs of each of %zu cell%s "
				  "and "
				  "%zu hidden ones, a verdict is planned for %d: give it --budget "
				  "%.0fs%s",
				  options->budget_s, fit, cells, cells == 1 ? "" : "s",
				  hidden_duels(c), LIVE_LEAST_PAIRS, enough, fewer);
			return false;
		}
		say_warning("%d pairs of these %zu cells take %s, longer than the %.3g s that are "
			    "usual",
			    LIVE_LEAST_PAIRS, cells, say_duration(enough, least),
			    options->budget_s);
		c->planned = LIVE_LEAST_PAIRS;
	}
	c->look_at = next_look(c);
	return true;
}

/* Duels that a round measures, the hidden ones too. */
static size_t measured(const struct contest *c)
{
	const struct duels *duels = &c->live->duels;
	size_t n = 0;

	for (size_t i = 0; i < duels->count; i++)
		n += !duels->duels[i].closed;
	return n;
}

/* A planned look; what it decides leaves its time to the others. false after say_error(). */
static bool planned_look(struct contest *c)
{
	size_t before = measured(c);

	if (!look(c, false))
		return false;
	size_t now = measured(c);

	if (now < before && duels_open(&c->live->duels)) {
		double rest = c->options->budget_s - elapsed(c);

		c->round_seconds *= (double)now / (double)before;
		if (!exactly(c))
			c->planned =
				c->rounds + (unsigned)fmax(1, fmin(1e6, rest / c->round_seconds));
		time_from_here(c);
	}
	c->look_at = next_look(c);
	return true;
}

/* Rounds were shorter than they looked: there is time for one more. */
static bool time_left(struct contest *c)
{
	if (exactly(c) || elapsed(c) + c->round_seconds / 2 >= c->options->budget_s)
		return false;
	c->planned = c->look_at = c->rounds + 1;
	return true;
}

/* Rounds and looks until it is over. false after say_error(). */
static bool contest(struct contest *c)
{
	struct live *live = c->live;
	enum rounded rounded;

	live->ended = LIVE_ALL;
	while ((rounded = play_round(c)) == ROUND_DONE) {
		time_round(c);
		if (!duels_open(&live->duels))
			break;
		if (c->rounds < TRIALS && !exactly(c))
			continue;
		if (!c->planned && !plan_pairs(c))
			return false;
		if (c->rounds >= c->planned && !time_left(c))
			break;
		if (c->rounds >= c->planned || c->rounds < c->look_at)
			continue;
		if (!planned_look(c))
			return false;
		if (!duels_open(&live->duels))
			break;
	}
	if (rounded == ROUND_ERROR || (rounded == ROUND_LATE && !c->planned && !plan_pairs(c)))
		return false;
	if (rounded == ROUND_INTERRUPTED)
		live->ended = LIVE_INTERRUPTED;
	else if (rounded == ROUND_LATE)
		live->ended = LIVE_BUDGET;
	if (duels_open(&live->duels) && !look(c, true))
		return false;
	if (!duels_open(&live->duels) && live->ended != LIVE_INTERRUPTED)
		live->ended = LIVE_DECIDED;
	return true;
}

/* ---- all of it ---- */

static int nothing_to_compare(const struct contest *c)
{
	const struct live *live = c->live;

	if (c->options->only && live->not_asked && !live->lone_count)
		say_error("--only %s: none of the %zu cells has such a key; a star stands for any "
			  "characters",
			  c->options->only, live->not_asked);
	else if (live->lone_count)
		say_error("nothing to compare: no cell can run on both sides; %s, for instance, "
			  "only on the %s one",
			  live->lone[0].key, live->lone[0].missing == COMPARE_OLD ? "new" : "old");
	else if (c->options->side[0].plan->refused_count)
		say_error("nothing to compare: all cells are refused, %s for one: %s",
			  c->options->side[0].plan->refused[0].key,
			  c->options->side[0].plan->refused[0].reason);
	else
		say_error("nothing to compare: no cell is asked for; toll compare -h");
	return EXIT_USAGE;
}

static int measure(struct contest *c)
{
	double cost_ns, step_ns;

	block_catch_signals();
	block_clock(&c->bouts.ticks_per_ns, &cost_ns, &step_ns);
	c->bouts.new_first = random_next(&c->bouts.random) & 1;
	c->started = block_now_s();
	bool fine = contest(c);

	c->live->seconds = elapsed(c);
	say_progress(NULL);
	fine = bouts_restore(&c->bouts) && fine;
	block_release_signals();
	if (fine && c->bouts.record)
		fine = record_end(c->bouts.record, c->live);
	return fine ? EXIT_FINE : EXIT_USAGE;
}

/* Opens or takes up the record, and says what this session may spend. An exit status, 0: fine. */
static int keep_record(struct contest *c, struct record *record, struct recorded *recorded)
{
	const struct live_options *options = c->options;
	struct duels *duels = &c->live->duels;

	if (!recorded)
		return record_begin(record, options, &c->bouts);
	int status = record_take_up(record, options, duels, recorded);

	c->bouts.round = recorded->rounds;
	/* other layouts than before */
	c->bouts.random ^= (uint64_t)recorded->rounds << 32;
	return status;
}

int live_run(const struct live_options *options, struct live *live)
{
	struct contest c = { .options = options,
			     .live = live,
			     .bouts = { .side = options->side,
					.operations = options->operations,
					.duels = &live->duels,
					.random = options->seed } };
	struct record record = { .file.fd = -1 };
	struct recorded *recorded = NULL;
	int status = EXIT_USAGE;

	*live = (struct live){ .duels.margin = options->margin, .ended = LIVE_DECIDED };
	if (options->more) {
		recorded = recorded_read(options->record);
		if (!recorded)
			goto end;
		c.bouts.random = recorded->seed;
	}
	if (!match_cells(&c) || !hide_cells(&c)) {
		say_error("out of memory");
		goto end;
	}
	if (!live->duels.count) {
		status = nothing_to_compare(&c);
		goto end;
	}
	c.spend = LEVEL;
	if (options->record) {
		status = keep_record(&c, &record, recorded);
		if (status)
			goto end;
		c.bouts.record = &record;
		c.spent_before = live->duels.spent;
		c.spend = recorded_spendable(live->duels.spent);
	}
	status = duels_open(&live->duels) ? measure(&c) : EXIT_FINE;
end:
	record_close(&record);
	recorded_free(recorded);
	bouts_free(&c.bouts);
	return status;
}

void live_free(struct live *live)
{
	duels_clear(&live->duels);
	free(live->lone);
}
