/* SPDX-License-Identifier: GPL-3.0-or-later */
/* live.c - two sides in one boot: cells matched, identical ones hidden among them, rounds dealt
 * into block visits, looks as planned, until all is decided or the time is up. */
#include "live.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "block.h"
#include "grow.h"
#include "record.h"
#include "say.h"
#include "versus.h"
#include "worker/random.h"

enum {
	CYCLES = 40,           /* turns of a worker: the statistics page, rule 3 */
	CYCLES_SPINNING = 100, /* where one CPU spins for another */
	BLOCK_DUELS = PLAN_BLOCK_CELLS / 2,
	FIRST_LOOK = 10, /* pairs before the first look */
	TRIALS = 2       /* rounds that tell how long one takes; the first finds everything cold */
};
static const double TURN_NS = 60e3, VISIT_SECONDS = 1.2, LEVEL = 0.05;

/* How a duel is measured; its pairs lie in duels. */
struct bout {
	const struct plan_cell *cell[COMPARE_SIDES];
	enum compare_side program[COMPARE_SIDES]; /* whose worker plays a side */
	bool alternating;
};

struct contest {
	const struct live_options *options;
	struct live *live;
	struct bout *bouts;
	size_t bout_count;
	struct record *record; /* NULL: none is kept */
	double ticks_per_ns, started;
	uint64_t random;
	bool new_first; /* ABBA or BAAB */
	bool set_failed;
	unsigned round, planned, looks;
	double spend; /* of the error rate, by this session */
	double spent_before;
	double visit_seconds;
	unsigned long visits;
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double elapsed(const struct contest *c)
{
	return now_s() - c->started;
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
		qsort(cells, plan->cell_count, sizeof *cells, by_key);
	return cells;
}

static bool add_lone(struct live *live, const char *key, enum compare_side missing,
		     const struct plan *without)
{
	struct compare_lone *lone = GROW_APPEND(live->lone, live->lone_count);

	if (!lone)
		return false;
	*lone = (struct compare_lone){ .key = key, .missing = missing, .why = COMPARE_UNPLANNED };
	for (size_t i = 0; i < without->refused_count; i++)
		if (strcmp(without->refused[i].key, key) == 0) {
			lone->why = COMPARE_REFUSED;
			lone->reason = without->refused[i].reason;
		}
	return true;
}

static struct result_cell described(const struct plan_cell *cell)
{
	struct result_cell result = {
		.cell = cell->cell,
		.quantity = strcmp(cell->quantity, "rtt_ns") == 0 ? QUANTITY_RTT : QUANTITY_MESSAGE,
		.messages = cell->messages,
		.bytes = cell->bytes,
	};

	memcpy(result.key, cell->key, sizeof result.key);
	return result;
}

static bool add_duel(struct contest *c, enum duel_kind kind, const struct plan_cell *old,
		     const struct plan_cell *fresh)
{
	struct duels *duels = &c->live->duels;
	char why[128];
	bool settings = c->options->side[COMPARE_OLD].set;
	struct bout *bout = GROW_APPEND(c->bouts, c->bout_count);
	struct duel *duel = bout ? GROW_APPEND(duels->duels, duels->count) : NULL;

	if (!duel)
		return false;
	bout->cell[COMPARE_OLD] = old;
	bout->cell[COMPARE_NEW] = fresh;
	bout->program[COMPARE_OLD] = kind == DUEL_NEW_TWICE ? COMPARE_NEW : COMPARE_OLD;
	bout->program[COMPARE_NEW] = kind == DUEL_OLD_TWICE ? COMPARE_OLD : COMPARE_NEW;
	duel->cell = described(old);
	duel->kind = kind;
	duel->alternating = bout->alternating =
		settings || !versus_side_by_side(old, fresh, why, sizeof why);
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

	while (fine && (at[0] < plan[0]->cell_count || at[1] < plan[1]->cell_count)) {
		const struct plan_cell *a = at[0] < plan[0]->cell_count ? cells[0][at[0]] : NULL;
		const struct plan_cell *b = at[1] < plan[1]->cell_count ? cells[1][at[1]] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->key, b->key);
		const char *key = order <= 0 ? a->key : b->key;

		at[0] += order <= 0;
		at[1] += order >= 0;
		if (options->only && fnmatch(options->only, key, 0) != 0)
			c->live->not_asked++;
		else if (order == 0)
			fine = add_duel(c, DUEL_CELL, a, b);
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
	size_t cells = c->live->duels.count, hidden = cells ? duels_hidden(cells) : 0;

	for (size_t i = 0; i < hidden; i++) {
		const struct bout *like = &c->bouts[random_next(&c->random) % cells];
		enum compare_side side = i % 2 ? COMPARE_NEW : COMPARE_OLD;
		const struct plan_cell *cell = like->cell[side];

		if (!add_duel(c, side == COMPARE_NEW ? DUEL_NEW_TWICE : DUEL_OLD_TWICE, cell, cell))
			return false;
	}
	return true;
}

/* ---- settings ---- */

extern char **environ;

/* Runs a side's command. What it prints goes to standard error: standard output may be JSON. false
 * after say_error(). */
static bool apply(const struct live_side *side, enum compare_side which)
{
	static char shell[] = "sh", option[] = "-c";
	const char *name = which == COMPARE_OLD ? "--set-old" : "--set-new";
	posix_spawn_file_actions_t actions;
	char *command = strdup(side->set);
	pid_t pid;
	int status = 0;

	if (!command) {
		say_error("out of memory");
		return false;
	}
	char *words[] = { shell, option, command, NULL };

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	int error = posix_spawnp(&pid, shell, &actions, NULL, words, environ);

	posix_spawn_file_actions_destroy(&actions);
	free(command);
	if (error) {
		say_error("%s: sh: %s", name, strerror(error));
		return false;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (block_signal()) /* Ctrl-C ends it as well, and is no fault of its own */
		return true;
	if (WIFSIGNALED(status))
		say_error("%s: the command was ended by a signal: %s", name,
			  strsignal(WTERMSIG(status)));
	else
		say_error("%s: the command ended with status %d; try it by hand", name,
			  WEXITSTATUS(status));
	return false;
}

/* ---- a visit ---- */

enum visited { DONE, INTERRUPTED, ERROR };

static enum host_state state_of(double canary_ns)
{
	if (isnan(canary_ns))
		return STATE_NONE;
	return canary_ns > BLOCK_FAR_NS ? STATE_FAR : STATE_NEAR;
}

/* Median over turns of ln ns; NaN when memory runs out. */
static double value_of(const struct outcome *outcome)
{
	double *logs = malloc((outcome->turns + 1) * sizeof *logs);

	if (!logs)
		return NAN;
	for (size_t i = 0; i < outcome->turns; i++)
		logs[i] = log(outcome->batch_ns[i]);
	double value = statistics_median(logs, outcome->turns);

	free(logs);
	return value;
}

/* Workers of one block: cells[i] is played by the program of side[i]. */
static enum visited play(struct contest *c, const struct cell *const cells[],
			 const enum compare_side side[], unsigned n, struct outcome outcomes[])
{
	const struct registry *registries[BLOCK_MOST_CELLS];
	bool spinning = cell_spins(cells[0]) && cells[0]->peers > 1 && !cell_shares_cpu(cells[0]);

	for (unsigned i = 0; i < n; i++)
		registries[i] = c->options->side[side[i]].registry;
	const struct block_options options = { .registry = registries[0],
					       .registries = registries,
					       .ticks_per_ns = c->ticks_per_ns,
					       .seed = random_next(&c->random),
					       .cycles = spinning ? CYCLES_SPINNING : CYCLES,
					       .turn_ns = TURN_NS,
					       .seconds = VISIT_SECONDS,
					       .operations = c->options->operations,
					       .canary = true };
	int status = block_run(&options, cells, NULL, n, outcomes);

	c->visits++;
	return status < 0 ? ERROR : status > 0 ? INTERRUPTED : DONE;
}

static bool keep(struct contest *c, size_t duel, const struct outcome *old,
		 const struct outcome *fresh)
{
	struct duel_pair pair = { .state = state_of(old->canary_ns),
				  .value = { value_of(old), value_of(fresh) } };
	enum host_state other = state_of(fresh->canary_ns);
	struct duel *its = &c->live->duels.duels[duel];
	size_t turns = old->turns < fresh->turns ? old->turns : fresh->turns;

	if (pair.state == STATE_NONE)
		pair.state = other;
	if (other != STATE_NONE && other != pair.state) {
		its->attempts++;
		its->dropped++;
		return !c->record || record_loss(c->record, duel, c->round, NULL);
	}
	pair.ratio = its->alternating ? pair.value[COMPARE_NEW] - pair.value[COMPARE_OLD]
				      : statistics_pair(fresh->batch_ns, old->batch_ns, turns);
	if (!isfinite(pair.ratio) || !isfinite(pair.value[0]) || !isfinite(pair.value[1])) {
		say_error("out of memory");
		return false;
	}
	if (!duel_add(its, &pair)) {
		say_error("out of memory");
		return false;
	}
	return !c->record || record_pair(c->record, duel, c->round, &pair, old, fresh);
}

enum blame { ITS_OWN, ANOTHERS, NOT_WRITTEN };

/* Whose fault it is that a duel has no pair; its own is counted. */
static enum blame note_failure(struct contest *c, size_t duel,
			       const struct outcome *const outcomes[])
{
	static const char *const names[] = { "old", "new" };
	const struct bout *bout = &c->bouts[duel];
	char reason[320];

	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		if (outcomes[side]->state == BLOCK_FAILED) {
			struct duel *its = &c->live->duels.duels[duel];
			snprintf(reason, sizeof reason, "%s: %s", names[bout->program[side]],
				 outcomes[side]->reason);
			duel_fail(its, reason);
			if (its->given_up)
				say_warning("%s: given up: %s", its->cell.key, reason);
			return !c->record || record_loss(c->record, duel, c->round, reason)
				       ? ITS_OWN
				       : NOT_WRITTEN;
		}
	return ANOTHERS;
}

/* What a visit says of one duel. *again: another one broke the visit off. */
static enum visited take(struct contest *c, size_t duel, const struct outcome *const of[],
			 bool *again)
{
	*again = false;
	if (of[0]->state == BLOCK_OK && of[1]->state == BLOCK_OK)
		return keep(c, duel, of[0], of[1]) ? DONE : ERROR;
	enum blame blame = note_failure(c, duel, of);

	*again = blame == ANOTHERS;
	return blame == NOT_WRITTEN ? ERROR : DONE;
}

/* All pairs of a chunk in one block, both sides turn by turn; again without what fails. */
static enum visited side_by_side(struct contest *c, const size_t given[], unsigned count)
{
	size_t chunk[BLOCK_DUELS];
	unsigned n = count;

	memcpy(chunk, given, count * sizeof *given);
	for (unsigned trial = 0; n > 0 && trial < 3; trial++) {
		const struct cell *cells[2 * BLOCK_DUELS];
		enum compare_side programs[2 * BLOCK_DUELS];
		struct outcome outcomes[2 * BLOCK_DUELS];
		unsigned place[BLOCK_DUELS][COMPARE_SIDES], left = 0;
		bool again = false;

		for (unsigned i = 0; i < n; i++) {
			/* who is started and fitted first is drawn as well */
			unsigned first = (unsigned)(random_next(&c->random) & 1);

			for (unsigned side = 0; side < COMPARE_SIDES; side++) {
				unsigned at = 2 * i + (side ^ first);

				place[i][side] = at;
				cells[at] = &c->bouts[chunk[i]].cell[side]->cell;
				programs[at] = c->bouts[chunk[i]].program[side];
			}
		}
		enum visited visited = play(c, cells, programs, 2 * n, outcomes);

		for (unsigned i = 0; i < n && visited == DONE; i++) {
			const struct outcome *of[] = { &outcomes[place[i][0]],
						       &outcomes[place[i][1]] };

			visited = take(c, chunk[i], of, &again);
			if (again)
				chunk[left++] = chunk[i];
		}
		for (unsigned i = 0; i < 2 * n; i++)
			outcome_free(&outcomes[i]);
		if (visited != DONE)
			return visited;
		n = left;
	}
	return DONE;
}

/* One side after the other, ABBA over the rounds: what drifts steadily cancels over two of them. */
static enum visited alternating(struct contest *c, const size_t chunk[], unsigned n)
{
	const struct bout *head = &c->bouts[chunk[0]];
	struct outcome outcomes[COMPARE_SIDES][PLAN_BLOCK_CELLS];
	unsigned first = (c->round & 1) ^ c->new_first;
	enum visited visited = DONE;

	memset(outcomes, 0, sizeof outcomes);
	for (unsigned turn = 0; turn < COMPARE_SIDES && visited == DONE; turn++) {
		unsigned side = turn ^ first;
		enum compare_side program = head->program[side];
		const struct cell *cells[PLAN_BLOCK_CELLS];
		enum compare_side programs[PLAN_BLOCK_CELLS];

		for (unsigned i = 0; i < n; i++) {
			cells[i] = &c->bouts[chunk[i]].cell[side]->cell;
			programs[i] = program;
		}
		c->set_failed = c->options->side[program].set &&
				!apply(&c->options->side[program], program);
		if (c->set_failed)
			visited = ERROR;
		else
			visited = block_signal() ? INTERRUPTED
						 : play(c, cells, programs, n, outcomes[side]);
	}
	for (unsigned i = 0; i < n && visited == DONE; i++) {
		const struct outcome *of[] = { &outcomes[0][i], &outcomes[1][i] };

		bool again; /* the next round has it anyway */

		visited = take(c, chunk[i], of, &again);
	}
	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (unsigned i = 0; i < n; i++)
			outcome_free(&outcomes[side][i]);
	return visited;
}

/* ---- a round ---- */

struct chunk {
	size_t duels[PLAN_BLOCK_CELLS];
	unsigned count;
	bool alternating;
};

static const struct contest *dealing; /* qsort() takes no context */

/* What may stand in one block: the same group, and side by side; settings want one order of sides.
 */
static int by_block(size_t a, size_t b)
{
	const struct bout *x = &dealing->bouts[a], *y = &dealing->bouts[b];
	int order = (int)x->alternating - (int)y->alternating;

	if (!order && x->alternating)
		order = (int)x->program[0] * 2 + (int)x->program[1] - (int)y->program[0] * 2 -
			(int)y->program[1];
	return order ? order : strcmp(x->cell[0]->group, y->cell[0]->group);
}

struct card {
	size_t duel;
	uint64_t random;
};

static int by_block_and_chance(const void *left, const void *right)
{
	const struct card *a = left, *b = right;
	int order = by_block(a->duel, b->duel);

	return order ? order : (a->random > b->random) - (a->random < b->random);
}

/* Whether its workers live side by side with those of other cells at all. */
static bool sociable(const struct bout *bout, bool settings)
{
	const struct cell *cell = &bout->cell[0]->cell;
	return !bout->alternating || (settings && !cell->sequential && cell->idle != IDLE_SLEEP);
}

static size_t room_of(const struct bout *bout)
{
	return bout->alternating ? PLAN_BLOCK_CELLS : BLOCK_DUELS;
}

static uint64_t memory_of(const struct bout *bout)
{
	uint64_t one = bout->cell[0]->cell.memory, other = bout->cell[1]->cell.memory;

	if (bout->alternating)
		return one > other ? one : other;
	return one + other;
}

/* Open duels and all hidden ones, dealt anew. NULL when memory runs out. */
static struct chunk *deal(struct contest *c, size_t *count)
{
	const struct duels *duels = &c->live->duels;
	const bool settings = c->options->side[COMPARE_OLD].set;
	struct card *cards = calloc(duels->count + 1, sizeof *cards);
	struct chunk *chunks = calloc(duels->count + 1, sizeof *chunks);
	size_t n = 0, made = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; cards && i < duels->count; i++)
		if (!duels->duels[i].closed)
			cards[n++] = (struct card){ i, random_next(&c->random) };
	dealing = c;
	if (cards)
		qsort(cards, n, sizeof *cards, by_block_and_chance);
	for (size_t i = 0; cards && chunks && i < n; i++) {
		const struct bout *bout = &c->bouts[cards[i].duel];
		struct chunk *chunk = made ? &chunks[made - 1] : NULL;

		if (!chunk || by_block(chunk->duels[0], cards[i].duel) != 0 ||
		    chunk->count == room_of(bout) || bytes + memory_of(bout) > PLAN_BLOCK_BYTES ||
		    !sociable(bout, settings)) {
			chunk = &chunks[made++];
			chunk->alternating = bout->alternating;
			bytes = 0;
		}
		chunk->duels[chunk->count++] = cards[i].duel;
		bytes += memory_of(bout);
	}
	for (size_t i = made; chunks && i > 1; i--) {
		size_t k = random_next(&c->random) % i;
		struct chunk kept = chunks[i - 1];

		chunks[i - 1] = chunks[k];
		chunks[k] = kept;
	}
	free(cards);
	*count = made;
	if (!chunks)
		say_error("out of memory");
	return chunks;
}

static void progress(const struct contest *c)
{
	char left[24];
	double seconds = c->options->budget_s - elapsed(c);

	if (c->options->pairs && c->round)
		seconds = elapsed(c) / c->round * (c->options->pairs - c->round);
	if (c->planned)
		say_progress("pair %u of about %u, %zu of %zu cells open, %s left at most",
			     c->round + 1, c->planned, duels_open(&c->live->duels),
			     c->live->duels.count, say_duration(seconds > 0 ? seconds : 0, left));
	else
		say_progress("pair %u, %zu cells", c->round + 1, c->live->duels.count);
}

enum rounded { ROUND_DONE, ROUND_LATE, ROUND_INTERRUPTED, ROUND_ERROR };

/* may_stop: the budget may end it within; a chunk is begun when more than half of it still fits. */
static enum rounded play_round(struct contest *c, bool may_stop)
{
	size_t count;
	struct chunk *chunks = deal(c, &count);
	enum rounded rounded = chunks ? ROUND_DONE : ROUND_ERROR;

	for (size_t i = 0; chunks && i < count && rounded == ROUND_DONE; i++) {
		double start = now_s();

		if (may_stop && elapsed(c) + c->visit_seconds / 2 > c->options->budget_s) {
			rounded = ROUND_LATE;
			break;
		}
		progress(c);
		enum visited visited = chunks[i].alternating
					       ? alternating(c, chunks[i].duels, chunks[i].count)
					       : side_by_side(c, chunks[i].duels, chunks[i].count);

		if (visited == DONE && c->record && !record_sync(c->record))
			visited = ERROR;
		if (visited == ERROR)
			rounded = ROUND_ERROR;
		else if (visited == INTERRUPTED || block_signal())
			rounded = ROUND_INTERRUPTED;
		double took = now_s() - start;
		c->visit_seconds += (took - c->visit_seconds) / (c->visit_seconds > 0 ? 8 : 1);
	}
	free(chunks);
	return rounded;
}

/* ---- looks ---- */

static bool look(struct contest *c, bool last)
{
	struct duels *duels = &c->live->duels;
	double left = c->spend - (duels->spent - c->spent_before), level = left;

	c->looks++;
	if (!last)
		level = verdict_alpha(c->looks, c->spend);
	if (level > left)
		level = left;
	if (!duels_look(duels, level)) {
		say_error("out of memory");
		return false;
	}
	return !c->record || record_look(c->record, duels);
}

/* Pairs a cell that the rest of the budget has room for; 0 after say_error(). */
static unsigned plan_pairs(const struct contest *c, double round_seconds)
{
	const struct live_options *options = c->options;
	size_t cells = duels_open(&c->live->duels);
	double fit = c->round + floor((options->budget_s - elapsed(c)) / round_seconds);
	char least[24];

	if (options->pairs)
		return options->pairs;
	if (fit >= LIVE_LEAST_PAIRS)
		return (unsigned)fmin(fit, 1e6);
	double enough = ceil(LIVE_LEAST_PAIRS * round_seconds * 1.05);

	if (options->budget_given) {
		say_error("--budget: %.3gs is enough for %.0f pairs of each of these %zu cells, a "
			  "verdict is planned for %d: give it --budget %.0fs, or about %.0f cells "
			  "(--only, fewer --size, --mechanism, --placement, --wait)",
			  options->budget_s, fmax(fit, 0), cells, LIVE_LEAST_PAIRS, enough,
			  fmax(1, floor((double)cells * fmax(fit, 0) / LIVE_LEAST_PAIRS)));
		return 0;
	}
	say_warning("%d pairs of these %zu cells take %s, longer than the %.3g s that are usual",
		    LIVE_LEAST_PAIRS, cells, say_duration(enough, least), options->budget_s);
	return LIVE_LEAST_PAIRS;
}

/* The round after which to look next; planned rounds: the last one. */
static unsigned next_look(const struct contest *c)
{
	unsigned left = VERDICT_LOOKS - c->looks, rest = c->planned - c->round;

	if (c->options->pairs || left <= 1)
		return c->planned;
	unsigned at = c->round + (rest + left - 1) / left;
	return at < FIRST_LOOK ? FIRST_LOOK : at;
}

/* Rounds and looks until it is over. 0, or -1 after say_error(). */
static int contest(struct contest *c)
{
	struct live *live = c->live;
	double since = now_s();
	unsigned from = 0, look_at = 0;
	const bool fixed = c->options->pairs > 0;

	for (;;) {
		/* a budget that was not asked for gives way to the least that a verdict is made of
		 */
		bool enough = c->round >= LIVE_LEAST_PAIRS || c->options->budget_given;
		enum rounded rounded = play_round(c, !fixed && c->planned && enough);

		if (rounded == ROUND_ERROR)
			return -1;
		live->ended = rounded == ROUND_INTERRUPTED ? LIVE_INTERRUPTED
			      : rounded == ROUND_LATE      ? LIVE_BUDGET
							   : LIVE_ALL;
		if (rounded == ROUND_DONE)
			c->round++;
		if (rounded != ROUND_DONE)
			break;
		if (c->round == 1) {
			since = now_s();
			from = 1;
		}
		if (!duels_open(&live->duels))
			break;
		if (c->round < TRIALS && !fixed)
			continue;
		double round_seconds = (now_s() - since) / fmax(1, c->round - from);

		if (!c->planned) {
			c->planned = plan_pairs(c, round_seconds);
			if (!c->planned)
				return -1;
			look_at = next_look(c);
		}
		if (c->round >= c->planned) {
			/* rounds were shorter than they looked: there is time for more */
			if (!fixed && elapsed(c) + round_seconds / 2 < c->options->budget_s) {
				c->planned = c->round + 1;
				look_at = c->planned;
				continue;
			}
			break;
		}
		if (c->round < look_at)
			continue;
		size_t open = duels_open(&live->duels);

		if (!look(c, false))
			return -1;
		size_t now_open = duels_open(&live->duels);
		if (!now_open)
			break;
		if (now_open < open && !fixed) { /* what is decided leaves its time to the others */
			double share = (double)now_open / (double)open;
			double rest = c->options->budget_s - elapsed(c);
			c->planned = c->round +
				     (unsigned)fmax(1, fmin(1e6, rest / (round_seconds * share)));
			since = now_s();
			from = c->round;
		}
		look_at = next_look(c);
	}
	if (duels_open(&live->duels) && !look(c, true))
		return -1;
	if (!duels_open(&live->duels) && live->ended != LIVE_INTERRUPTED)
		live->ended = LIVE_DECIDED;
	return 0;
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
	block_clock(&c->ticks_per_ns, &cost_ns, &step_ns);
	c->new_first = random_next(&c->random) & 1;
	c->started = now_s();
	int status = contest(c);

	c->live->seconds = elapsed(c);
	say_progress(NULL);
	/* the machine is left as the old side has it */
	const struct live_side *old = &c->options->side[COMPARE_OLD];
	if (old->set && !c->set_failed && !apply(old, COMPARE_OLD))
		status = -1;
	block_release_signals();
	return status ? EXIT_USAGE : EXIT_FINE;
}

/* Opens or takes up the record, and says what this session may spend. An exit status, 0: fine. */
static int keep_record(struct contest *c, struct record *record, struct recorded *recorded)
{
	const struct live_options *options = c->options;
	struct duels *duels = &c->live->duels;
	const struct plan_cell **cells = calloc(duels->count + 1, sizeof(struct plan_cell *));
	int status = EXIT_USAGE;

	if (!cells) {
		say_error("out of memory");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < duels->count; i++)
		cells[i] = c->bouts[i].cell[COMPARE_OLD];
	status = recorded ? record_take_up(record, options, duels, recorded)
			  : record_begin(record, options, duels, cells);
	free(cells);
	if (status)
		return status;
	c->record = record;
	c->spent_before = duels->spent;
	c->spend = recorded_spendable(duels->spent);
	/* other layouts than before */
	c->random ^= (uint64_t)duels->looks << 32;
	return 0;
}

int live_run(const struct live_options *options, struct live *live)
{
	struct contest c = {
		.options = options, .live = live, .random = options->seed, .spend = LEVEL
	};
	struct record record = { .file.fd = -1 };
	struct recorded *recorded = NULL;
	int status = EXIT_USAGE;

	*live = (struct live){ .duels.margin = options->margin };
	if (options->more) {
		recorded = recorded_read(options->record);
		if (!recorded)
			goto end;
		c.random = recorded->seed;
	}
	if (!match_cells(&c) || !hide_cells(&c)) {
		say_error("out of memory");
		goto end;
	}
	if (!live->duels.count) {
		status = nothing_to_compare(&c);
		goto end;
	}
	if (options->record) {
		status = keep_record(&c, &record, recorded);
		if (status)
			goto end;
	}
	status = EXIT_FINE;
	if (duels_open(&live->duels))
		status = measure(&c);
	else
		live->ended = LIVE_DECIDED;
	if (status == EXIT_FINE && c.record && !record_end(c.record, live))
		status = EXIT_USAGE;
end:
	if (c.record)
		record_close(c.record);
	recorded_free(recorded);
	free(c.bouts);
	return status;
}

void live_free(struct live *live)
{
	duels_clear(&live->duels);
	free(live->lone);
}
