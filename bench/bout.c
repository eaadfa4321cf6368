/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bout.c - duels dealt into block visits, and the pairs that these give. */
#include "bout.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block.h"
#include "grow.h"
#include "say.h"
#include "versus.h"
#include "worker/random.h"

enum { BLOCK_DUELS = PLAN_BLOCK_CELLS / 2 };
static const double TURN_NS = 60e3, VISIT_SECONDS = 1.2;

static bool are_settings(const struct bouts *b)
{
	return b->side[COMPARE_OLD].set;
}

static struct result_cell described(const struct plan_cell *cell)
{
	struct result_cell result = {
		.cell = cell->cell,
		.quantity = quantity_named(cell->quantity),
		.messages = cell->messages,
		.bytes = cell->bytes,
	};

	memcpy(result.key, cell->key, sizeof result.key);
	return result;
}

bool bouts_add(struct bouts *b, enum duel_kind kind, const struct plan_cell *old,
	       const struct plan_cell *fresh)
{
	char why[128];
	struct bout *bout = GROW_APPEND(b->bouts, b->count);
	struct duel *duel = bout ? GROW_APPEND(b->duels->duels, b->duels->count) : NULL;

	if (!duel)
		return false;
	bout->cell[COMPARE_OLD] = old;
	bout->cell[COMPARE_NEW] = fresh;
	bout->program[COMPARE_OLD] = kind == DUEL_NEW_TWICE ? COMPARE_NEW : COMPARE_OLD;
	bout->program[COMPARE_NEW] = kind == DUEL_OLD_TWICE ? COMPARE_OLD : COMPARE_NEW;
	duel->cell = described(old);
	duel->kind = kind;
	duel->alternating = are_settings(b) || !versus_side_by_side(old, fresh, why, sizeof why);
	return true;
}

void bouts_free(struct bouts *b)
{
	free(b->bouts);
}

/* ---- dealing ---- */

struct card {
	/* where these differ, no block holds both */
	bool alternating, alone;
	unsigned programs; /* worker by worker: which, in what order */
	const char *group;

	uint64_t memory;
	size_t duel;
	uint64_t random;
};

static struct card card_of(struct bouts *b, size_t duel)
{
	const struct bout *bout = &b->bouts[duel];
	const struct cell *cell = &bout->cell[0]->cell;
	uint64_t one = cell->memory, other = bout->cell[1]->cell.memory;
	struct card card = { .alternating = b->duels->duels[duel].alternating,
			     .group = bout->cell[0]->group,
			     .memory = one + other,
			     .duel = duel,
			     .random = random_next(&b->random) };

	if (card.alternating) {
		/* of programs only what cannot live side by side at all takes turns so */
		card.alone = !are_settings(b) || cell->sequential || cell->idle == IDLE_SLEEP;
		card.programs = (unsigned)bout->program[0] * 2 + (unsigned)bout->program[1];
		card.memory = one > other ? one : other;
	}
	return card;
}

static int by_block(const struct card *a, const struct card *b)
{
	int order = (int)a->alternating - (int)b->alternating;

	if (!order)
		order = (int)a->alone - (int)b->alone;
	if (!order)
		order = (int)a->programs - (int)b->programs;
	return order ? order : strcmp(a->group, b->group);
}

static int by_block_and_chance(const void *left, const void *right)
{
	const struct card *a = left, *b = right;
	int order = by_block(a, b);

	return order ? order : (a->random > b->random) - (a->random < b->random);
}

/* Cards in their order, as many a chunk as its block holds. Returns how many chunks. */
static size_t fill_chunks(struct chunk chunks[], const struct card cards[], size_t n)
{
	size_t made = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		const struct card *card = &cards[i];
		unsigned room = card->alternating ? PLAN_BLOCK_CELLS : BLOCK_DUELS;

		if (!i || by_block(card - 1, card) != 0 || card->alone ||
		    chunks[made - 1].count == room || bytes + card->memory > PLAN_BLOCK_BYTES) {
			chunks[made++].alternating = card->alternating;
			bytes = 0;
		}
		struct chunk *chunk = &chunks[made - 1];

		chunk->duels[chunk->count++] = card->duel;
		bytes += card->memory;
	}
	return made;
}

static void shuffle(struct chunk chunks[], size_t n, uint64_t *random)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = random_next(random) % i;
		struct chunk kept = chunks[i - 1];

		chunks[i - 1] = chunks[k];
		chunks[k] = kept;
	}
}

struct chunk *bouts_deal(struct bouts *b, size_t *count)
{
	const struct duels *duels = b->duels;
	struct card *cards = calloc(duels->count + 1, sizeof *cards);
	struct chunk *chunks = calloc(duels->count + 1, sizeof *chunks);

	if (cards && chunks) {
		size_t n = 0;

		for (size_t i = 0; i < duels->count; i++)
			if (!duels->duels[i].closed)
				cards[n++] = card_of(b, i);
		qsort(cards, n, sizeof *cards, by_block_and_chance);
		*count = fill_chunks(chunks, cards, n);
		shuffle(chunks, *count, &b->random);
	} else {
		say_error("out of memory");
		free(chunks);
		chunks = NULL;
	}
	free(cards);
	return chunks;
}

/* ---- settings ---- */

extern char **environ;

/* Runs a side's command. What it prints goes to standard error: standard output may be JSON. false
 * after say_error(). */
static bool apply(struct bouts *b, enum compare_side side)
{
	static char shell[] = "sh", option[] = "-c";
	const char *name = side == COMPARE_OLD ? "--set-old" : "--set-new";
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	char *command = strdup(b->side[side].set);
	char *words[] = { shell, option, command, NULL };
	const int before = block_signal();
	pid_t pid;
	int status = 0;

	b->lost_old = side == COMPARE_OLD;
	if (!command) {
		say_error("out of memory");
		return false;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	/* toll's own signals are blocked while it measures; Ctrl-C has to end a command that hangs
	 */
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int error = posix_spawnp(&pid, shell, &actions, &attributes, words, environ);

	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	free(command);
	if (error) {
		say_error("%s: sh: %s", name, strerror(error));
		return false;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	/* Ctrl-C ends it as well, and is no fault of its own */
	if ((WIFEXITED(status) && WEXITSTATUS(status) == 0) || block_signal() != before) {
		b->lost_old = false;
		return true;
	}
	if (WIFSIGNALED(status))
		say_error("%s: the command was ended by a signal: %s", name,
			  strsignal(WTERMSIG(status)));
	else
		say_error("%s: the command ended with status %d; try it by hand", name,
			  WEXITSTATUS(status));
	return false;
}

bool bouts_restore(struct bouts *b)
{
	return !are_settings(b) || b->lost_old || apply(b, COMPARE_OLD);
}

/* ---- a visit ---- */

/* Workers of one block: cells[i] is played by the program of side[i]. */
static enum visited play(struct bouts *b, const struct cell *const cells[],
			 const enum compare_side side[], unsigned n, struct outcome outcomes[])
{
	const struct registry *registries[BLOCK_MOST_CELLS] = { NULL };

	for (unsigned i = 0; i < n; i++) {
		registries[i] = b->side[side[i]].registry;
	}
	const struct block_options options = { .registry = registries[0],
					       .registries = registries,
					       .ticks_per_ns = b->ticks_per_ns,
					       .seed = random_next(&b->random),
					       .cycles = block_pair_cycles(cells, n),
					       .turn_ns = TURN_NS,
					       .seconds = VISIT_SECONDS,
					       .operations = b->operations,
					       .canary = true };
	int status = block_run(&options, cells, NULL, n, outcomes);

	return status < 0 ? VISIT_ERROR : status > 0 ? VISIT_INTERRUPTED : VISIT_DONE;
}

static bool keep(struct bouts *b, size_t duel, const struct outcome *old,
		 const struct outcome *fresh)
{
	struct duel_pair pair = { .state = outcome_state(old),
				  .value = { record_rounded(outcome_value(old)),
					     record_rounded(outcome_value(fresh)) } };
	enum host_state other = outcome_state(fresh);
	struct duel *its = &b->duels->duels[duel];
	size_t turns = old->turns < fresh->turns ? old->turns : fresh->turns;

	if (pair.state == STATE_NONE)
		pair.state = other;
	if (other != STATE_NONE && other != pair.state) {
		duel_drop(its);
		return !b->record || record_loss(b->record, duel, b->round, NULL);
	}
	pair.ratio = record_rounded(
		its->alternating ? pair.value[COMPARE_NEW] - pair.value[COMPARE_OLD]
				 : statistics_pair(fresh->batch_ns, old->batch_ns, turns));
	if (!isfinite(pair.ratio) || !isfinite(pair.value[0]) || !isfinite(pair.value[1]) ||
	    !duel_add(its, &pair)) {
		say_error("out of memory");
		return false;
	}
	return !b->record || record_pair(b->record, duel, b->round, &pair, old, fresh);
}

enum blame { ITS_OWN, ANOTHERS, NOT_WRITTEN };

/* Whose fault it is that a duel has no pair; its own is counted. */
static enum blame note_failure(struct bouts *b, size_t duel, const struct outcome *const outcomes[])
{
	static const char *const names[] = { "old", "new" };
	const struct bout *bout = &b->bouts[duel];
	char reason[sizeof b->duels->duels->failure];

	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		if (outcomes[side]->state == BLOCK_FAILED) {
			struct duel *its = &b->duels->duels[duel];
			snprintf(reason, sizeof reason, "%s: %.240s", names[bout->program[side]],
				 outcomes[side]->reason);
			duel_fail(its, reason);
			if (its->given_up)
				say_warning("%s: given up: %s", its->cell.key, reason);
			return !b->record || record_loss(b->record, duel, b->round, reason)
				       ? ITS_OWN
				       : NOT_WRITTEN;
		}
	return ANOTHERS;
}

/* What a visit says of one duel. *again: another one broke the visit off. */
static enum visited take(struct bouts *b, size_t duel, const struct outcome *const of[],
			 bool *again)
{
	*again = false;
	if (of[0]->state == BLOCK_OK && of[1]->state == BLOCK_OK)
		return keep(b, duel, of[0], of[1]) ? VISIT_DONE : VISIT_ERROR;
	enum blame blame = note_failure(b, duel, of);

	*again = blame == ANOTHERS;
	return blame == NOT_WRITTEN ? VISIT_ERROR : VISIT_DONE;
}

/* All pairs of a chunk in one block, both sides turn by turn; again without what fails. */
static enum visited side_by_side(struct bouts *b, const size_t given[], unsigned count)
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
			unsigned first = (unsigned)(random_next(&b->random) & 1);

			for (unsigned side = 0; side < COMPARE_SIDES; side++) {
				unsigned at = 2 * i + (side ^ first);

				place[i][side] = at;
				cells[at] = &b->bouts[chunk[i]].cell[side]->cell;
				programs[at] = b->bouts[chunk[i]].program[side];
			}
		}
		enum visited visited = play(b, cells, programs, 2 * n, outcomes);

		for (unsigned i = 0; i < n && visited == VISIT_DONE; i++) {
			const struct outcome *of[] = { &outcomes[place[i][0]],
						       &outcomes[place[i][1]] };

			visited = take(b, chunk[i], of, &again);
			if (again)
				chunk[left++] = chunk[i];
		}
		for (unsigned i = 0; i < 2 * n; i++)
			outcome_free(&outcomes[i]);
		if (visited != VISIT_DONE)
			return visited;
		n = left;
	}
	return VISIT_DONE;
}

/* One side after the other, ABBA over the rounds: what drifts steadily cancels over two of them. */
static enum visited alternating(struct bouts *b, const size_t chunk[], unsigned n)
{
	const struct bout *head = &b->bouts[chunk[0]];
	struct outcome outcomes[COMPARE_SIDES][PLAN_BLOCK_CELLS];
	unsigned first = (b->round & 1) ^ b->new_first;
	enum visited visited = VISIT_DONE;

	memset(outcomes, 0, sizeof outcomes);
	for (unsigned turn = 0; turn < COMPARE_SIDES && visited == VISIT_DONE; turn++) {
		unsigned side = turn ^ first;
		enum compare_side program = head->program[side];
		const struct cell *cells[PLAN_BLOCK_CELLS];
		enum compare_side programs[PLAN_BLOCK_CELLS];

		for (unsigned i = 0; i < n; i++) {
			cells[i] = &b->bouts[chunk[i]].cell[side]->cell;
			programs[i] = program;
		}
		if (are_settings(b) && !apply(b, program))
			visited = VISIT_ERROR;
		else
			visited = block_signal() ? VISIT_INTERRUPTED
						 : play(b, cells, programs, n, outcomes[side]);
	}
	for (unsigned i = 0; i < n && visited == VISIT_DONE; i++) {
		const struct outcome *of[] = { &outcomes[0][i], &outcomes[1][i] };

		bool again; /* the next round has it anyway */

		visited = take(b, chunk[i], of, &again);
	}
	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (unsigned i = 0; i < n; i++)
			outcome_free(&outcomes[side][i]);
	return visited;
}

enum visited bouts_visit(struct bouts *b, const struct chunk *chunk)
{
	enum visited visited = chunk->alternating ? alternating(b, chunk->duels, chunk->count)
						  : side_by_side(b, chunk->duels, chunk->count);

	if (visited == VISIT_DONE && b->record && !record_sync(b->record))
		return VISIT_ERROR;
	return visited == VISIT_DONE && block_signal() ? VISIT_INTERRUPTED : visited;
}
