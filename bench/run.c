/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run.c - a campaign: rounds over the plan's blocks until budget or rounds are used up or all is
 * decided, each block visit appended to the result file before the next begins. */
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../analysis/read.h"
#include "../analysis/statistics.h"
#include "account.h"
#include "block.h"
#include "commands.h"
#include "companion.h"
#include "conditions.h"
#include "controls.h"
#include "count.h"
#include "doctor.h"
#include "host.h"
#include "journal.h"
#include "looks.h"
#include "result.h"
#include "say.h"

enum {
	TURNS_OF_ONE = 1000,
	CYCLES = 40,          /* turns of a worker: alternating them gives the precision */
	LEAST_OPERATIONS = 4, /* of a turn */
	GIVE_UP = 3           /* failures of a cell in a row */
};
static const double TURN_NS = 60e3, BLOCK_SECONDS = 0.6, QUIET_SECONDS = 2;
/* With --tails a worker has 100 000 operations, enough for p99.99, where it can within a quarter of
 * a second. On a schedule it has a second in ten turns: what a turn's end cuts off is not seen, so
 * turns are long beside the stalls that are looked for. */
enum { TAIL_OPERATIONS = 100000 / CYCLES, PACED_CYCLES = 10 };
static const double TAIL_TURN_NS = 6e6, TAIL_BLOCK_SECONDS = 6, PACED_TURN_NS = 100e6;
static const double MOST_BLOCK_SECONDS = 12;
/* Of the budget is for measuring, the rest for the last look, the summary and the page. */
static const double MEASURED_SHARE = 0.98;
/* And at most so much of the measuring is counting. */
static const double COUNTED_SHARE = 0.08;

struct cell_state {
	unsigned failures; /* in a row */
	bool given_up;
	bool counted; /* or tried to be */
	size_t n, room;
	double *value;        /* of each worker: median over turns of ln ns */
	double block_seconds; /* what the last block it was in took; 0: none yet */
};

struct campaign {
	const struct run_options *options;
	struct plan *plan;
	const struct registry *registry;
	const struct place *place;
	struct result_file file;
	struct cell_state *cell;
	struct looks looks;
	struct controls controls;
	double ticks_per_ns;
	double started, before; /* seconds: when this process began, and what earlier ones took */
	unsigned round;         /* under way */
	unsigned long visit;    /* the next */
	unsigned failed;
	double block_seconds; /* mean of the blocks so far */
	unsigned long blocks_done;
	bool tried_counting; /* by this process */
	struct result *old;  /* --resume: what the file held, or NULL */
};

static double elapsed(const struct campaign *c)
{
	return c->before + block_now_s() - c->started;
}

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t z = a ^ (b + 1) * 0x9e3779b97f4a7c15ULL ^ (c + 1) * 0xbf58476d1ce4e5b9ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* ---- the file's first line, and its last ---- */

static void now_text(char *buffer, size_t bytes)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(buffer, bytes, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* The program that measures. */
static json_t *worker_json(const struct campaign *c)
{
	const json_t *worker = c->registry->description;
	json_t *plugins = json_array();

	for (size_t i = 0; i < c->registry->plugin_count; i++)
		json_array_append_new(plugins, json_string(c->registry->plugins[i]));
	return json_pack("{s:s,s:O,s:O,s:O?,s:O?,s:o}", "path", c->registry->worker, "abi",
			 json_object_get(worker, "abi"), "compiler",
			 json_object_get(worker, "compiler"), "flags",
			 json_object_get(worker, "flags"), "libraries",
			 json_object_get(worker, "libraries"), "plugins", plugins);
}

static json_t *header(const struct campaign *c, json_t *host, double cost_ns, double step_ns)
{
	static const char *const sources[] = { "machine", "xml", "synthetic" };
	char created[32];

	now_text(created, sizeof(created));
	return json_pack("{s:s,s:i,s:s,s:s?,s:s,s:I,s:o,s:o,s:o,s:{s:s,s:f,s:f,s:f},s:{s:s,s:b},"
			 "s:o,s:o,s:f}",
			 "kind", "header", "schema", 1, "toll", TOLL_VERSION, "commit",
			 account_commit(), "created", created, "seed", (json_int_t)c->plan->seed,
			 "host", host, "conditions", account_conditions(), "build", account_build(),
			 "clock", "source", block_clock_source(), "ticks_per_ns", c->ticks_per_ns,
			 "cost_ns", cost_ns, "step_ns", step_ns, "topology", "source",
			 sources[place_source(c->place)], "this_system",
			 place_is_this_machine(c->place), "worker", worker_json(c), "plan",
			 plan_json(c->plan), "spent", c->options->spent);
}

static json_t *summary(const struct campaign *c, const char *ended, const char *reason)
{
	json_t *cells = json_array();

	for (size_t i = 0; i < c->plan->cell_count; i++) {
		const struct cell_state *state = &c->cell[i];

		if (state->n == 0)
			continue;
		double mean = statistics_mean(state->value, state->n);
		double error = statistics_sd(state->value, state->n) / sqrt((double)state->n);

		json_array_append_new(cells,
				      json_pack("{s:i,s:i,s:f,s:o}", "cell", (int)i, "n",
						(int)state->n, "log_mean", mean, "standard_error",
						isfinite(error) ? json_real(error) : json_null()));
	}
	json_t *line = json_pack("{s:s,s:s,s:i,s:I,s:f,s:i,s:o}", "kind", "summary", "ended", ended,
				 "rounds", (int)c->round, "visits", (json_int_t)c->visit,
				 "elapsed_s", elapsed(c), "failed", (int)c->failed, "cells", cells);

	if (reason && line)
		json_object_set_new(line, "reason", json_string(reason));
	return line;
}

/* Appends one line; takes the reference. */
static bool append_line(struct campaign *c, json_t *line)
{
	return result_append(&c->file, &line, 1);
}

/* ---- keeping what a worker measured ---- */

static bool cell_add(struct cell_state *state, double value)
{
	if (state->n == state->room) {
		size_t room = state->room ? 2 * state->room : 32;
		double *values = realloc(state->value, room * sizeof(double));

		if (values == NULL)
			return false;
		state->value = values;
		state->room = room;
	}
	state->value[state->n++] = value;
	return true;
}

/* Appends a visit's lines, all or none, and syncs. 0, or −1 after say_error(). */
static int keep(struct campaign *c, const struct plan_block *block, unsigned block_index,
		const unsigned cells[], struct outcome outcomes[], unsigned n)
{
	json_t *lines[PLAN_BLOCK_CELLS];
	size_t count = 0;

	for (unsigned i = 0; i < n; i++) {
		struct cell_state *state = &c->cell[cells[i]];
		const struct result_place where = { .cell = cells[i],
						    .round = c->round,
						    .block = block_index,
						    .visit = c->visit,
						    .reference = block->reference >= 0 &&
								 block->cells[block->reference] ==
									 cells[i],
						    .at_s = elapsed(c) };

		if (outcomes[i].state == BLOCK_BROKEN)
			continue;
		if (outcomes[i].state == BLOCK_OK) {
			if (!cell_add(state, outcome_value(&outcomes[i])))
				return say_error("out of memory"), -1;
			state->failures = 0;
		} else {
			c->failed++;
			if (++state->failures >= GIVE_UP && !state->given_up) {
				state->given_up = true;
				looks_give_up(&c->looks, cells[i]);
				say_warning("%s: given up after %d failures: %s",
					    c->plan->cells[cells[i]].key, GIVE_UP,
					    outcomes[i].reason);
			}
		}
		lines[count++] = result_worker(&where, &outcomes[i]);
	}
	if (!result_append(&c->file, lines, count))
		return -1;
	c->visit++;
	return result_sync(&c->file) ? 0 : -1;
}

/* ---- a block ---- */

/* Whether an earlier process has a line of this cell in this block of the round under way
 * (--resume). A visit that was written in part, when the machine went down, leaves some of a
 * block's cells without. */
static bool measured_before(const struct campaign *c, unsigned block, unsigned cell)
{
	for (size_t i = 0; c->old && i < c->old->worker_count; i++) {
		const struct result_worker *w = &c->old->workers[i];

		if (w->round == c->round && w->block == block && w->cell == cell)
			return true;
	}
	return false;
}

/* Turns for tails, and for a pattern on a schedule; a block has one pattern. */
static void lengthen(const struct campaign *c, const struct cell *cell, unsigned n,
		     struct block_options *options)
{
	if (registry_flag(registry_pattern(c->registry, cell->pattern), "paced")) {
		options->cycles = PACED_CYCLES;
		options->turn_ns = PACED_TURN_NS;
		options->seconds = 0;
	} else if (c->plan->tails) {
		options->turn_ns = TAIL_TURN_NS;
		options->most_operations = TAIL_OPERATIONS;
		options->seconds = TAIL_BLOCK_SECONDS;
	}
	/* think time is most of such a turn */
	if (cell->think_ns && options->seconds > 0)
		options->seconds = fmin(options->seconds + CYCLES * LEAST_OPERATIONS * n *
								   (double)cell->think_ns / 1e9,
					MOST_BLOCK_SECONDS);
}

/* Measures cells side by side, again without those that failed until none does. 0, 1 interrupted,
 * −1. */
static int visit(struct campaign *c, const struct plan_block *block, unsigned block_index,
		 const unsigned given[], unsigned count)
{
	unsigned cells[PLAN_BLOCK_CELLS], n = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!c->cell[given[i]].given_up && !measured_before(c, block_index, given[i]))
			cells[n++] = given[i];
	}
	for (unsigned trial = 0; n > 0; trial++) {
		const struct cell *pointers[PLAN_BLOCK_CELLS];
		struct outcome outcomes[PLAN_BLOCK_CELLS];
		struct block_options options = { .registry = c->registry,
						 .ticks_per_ns = c->ticks_per_ns,
						 .seed = mix(c->plan->seed, c->visit, trial),
						 .cycles = CYCLES,
						 .turn_ns = TURN_NS,
						 .seconds = BLOCK_SECONDS,
						 .operations = c->plan->operations,
						 .canary = true,
						 .tails = c->plan->tails };

		lengthen(c, &c->plan->cells[cells[0]].cell, n, &options);
		unsigned left[PLAN_BLOCK_CELLS], again = 0;
		bool broken = false;

		for (unsigned i = 0; i < n; i++)
			pointers[i] = &c->plan->cells[cells[i]].cell;
		int status = block_run(&options, pointers, NULL, n, outcomes);

		if (status == 0)
			status = keep(c, block, block_index, cells, outcomes, n);
		for (unsigned i = 0; i < n; i++) {
			if (outcomes[i].state == BLOCK_BROKEN) {
				broken = true;
				left[again++] = cells[i];
			}
			outcome_free(&outcomes[i]);
		}
		if (status != 0 || !broken)
			return status;
		/* whoever failed is out; should nobody have (a canary's worker, say), three trials
		 * are enough */
		if (again == n && trial >= 2) {
			say_error("a block breaks off every time although no cell of it fails; is "
				  "something killing "
				  "toll-worker?");
			return -1;
		}
		memcpy(cells, left, again * sizeof(*cells));
		n = again;
	}
	return 0;
}

/* Counts what is not counted yet, each cell once: visits apart from the timed ones, and not paired.
 * Of the cells whose turn it is, or of all where turn is NULL. 0, 1 interrupted, −1. */
static int count_block(struct campaign *c, const struct plan_block *block, unsigned index,
		       const unsigned order[], const unsigned *turn)
{
	unsigned cells[PLAN_BLOCK_CELLS], n = 0;

	for (unsigned i = 0; i < block->count; i++) {
		unsigned cell = block->cells[i];

		if (!c->cell[cell].given_up && !c->cell[cell].counted &&
		    (!turn || order[cell] == *turn))
			cells[n++] = cell;
	}
	unsigned most = block->sequential ? 1 : n;

	for (unsigned at = 0; at < n; at += most) {
		const struct count_task task = { .registry = c->registry,
						 .plan = c->plan,
						 .ticks_per_ns = c->ticks_per_ns,
						 .seed = mix(c->plan->seed, ~(uint64_t)index, at),
						 .round = c->round,
						 .at_s = elapsed(c) };
		int status = count_cells(&task, &cells[at], most, &c->file);

		if (status != 0)
			return status;
	}
	for (unsigned i = 0; i < n; i++)
		c->cell[cells[i]].counted = true;
	return 0;
}

static int run_block(struct campaign *c, const struct plan_block *block, unsigned index)
{
	if (!block->sequential)
		return visit(c, block, index, block->cells, block->count);
	for (unsigned i = 0; i < block->count; i++) {
		int status = visit(c, block, index, &block->cells[i], 1);

		if (status != 0)
			return status;
	}
	return 0;
}

/* ---- progress ---- */

static void progress(const struct campaign *c, size_t block, size_t blocks)
{
	char left[32] = "?", budget[16] = "", decided[32] = "";
	double seconds = NAN;

	if (c->plan->budget_s > 0)
		seconds = c->plan->budget_s - elapsed(c);
	if (c->plan->rounds) {
		double rest =
			((double)(c->plan->rounds - c->round) * (double)blocks - (double)block) *
			c->block_seconds;

		if (!(seconds < rest) && c->blocks_done)
			seconds = rest;
		snprintf(budget, sizeof(budget), " of %u", c->plan->rounds);
	}
	if (isfinite(seconds))
		say_duration(seconds > 0 ? seconds : 0, left);
	if (c->looks.budget_s > 0)
		snprintf(decided, sizeof(decided), ", %zu decided", c->looks.decided);
	say_progress("round %u%s, block %zu of %zu, %zu cells%s, %s left", c->round + 1, budget,
		     block + 1, blocks, c->plan->cell_count, decided, left);
}

/* ---- rounds ---- */

enum ended {
	BY_BUDGET,
	BY_ROUNDS,
	BY_DECISION,
	BY_SIGNAL,
	BY_ERROR,
	BY_SMALL_BUDGET,
	BY_NOTHING_LEFT
};

/* Nothing of the block is left to measure: an earlier process has (--resume), or its cells are
 * decided or given up. */
static bool block_done(const struct campaign *c, unsigned index, const struct plan_block *block)
{
	if (looks_skip(&c->looks, block))
		return true;
	for (unsigned i = 0; i < block->count; i++) {
		if (!c->cell[block->cells[i]].given_up &&
		    !measured_before(c, index, block->cells[i]))
			return false;
	}
	return true;
}

/* As long as the last blocks of its cells; as the mean of all blocks where they were in none. */
static double expected_seconds(const struct campaign *c, const struct plan_block *block)
{
	double sum = 0;
	unsigned known = 0;

	for (unsigned i = 0; i < block->count; i++) {
		const struct cell_state *state = &c->cell[block->cells[i]];

		if (state->given_up || state->block_seconds <= 0)
			continue;
		sum += state->block_seconds;
		known++;
	}
	return known ? sum / known : c->block_seconds;
}

static void remember_seconds(struct campaign *c, const struct plan_block *block, double seconds)
{
	c->blocks_done++;
	c->block_seconds += (seconds - c->block_seconds) / (double)c->blocks_done;
	for (unsigned i = 0; i < block->count; i++)
		c->cell[block->cells[i]].block_seconds = seconds;
}

/* The budget is met on average: a block is begun when more than half of it still fits. The first of
 * all is, so that it is known how long they take. */
static bool still_fits(const struct campaign *c, const struct plan_block *block)
{
	if (c->plan->budget_s <= 0 || c->visit == 0)
		return true;
	return elapsed(c) + expected_seconds(c, block) / 2 <= MEASURED_SHARE * c->plan->budget_s;
}

static bool anything_left(const struct campaign *c)
{
	for (size_t i = 0; i < c->plan->cell_count; i++) {
		if (!c->cell[i].given_up)
			return true;
	}
	return false;
}

/* After the first round: will twenty fit? */
static bool budget_suffices(const struct campaign *c, double round_seconds, size_t blocks)
{
	bool counting = c->plan->counters.count > 0;
	double fit = c->plan->budget_s * (1 - counting * COUNTED_SHARE) / round_seconds;

	if (c->plan->budget_s <= 0 || c->plan->rounds || fit >= PLAN_LEAST_ROUNDS)
		return true;
	char least[32], given[32];
	double enough = ceil(PLAN_LEAST_ROUNDS * round_seconds * (1.05 + counting * COUNTED_SHARE));

	say_duration(enough, least);
	say_duration(c->plan->budget_s, given);
	if (!c->options->budget_given) {
		say_warning("%s is enough for %.0f rounds only, intervals will be wide: %d rounds "
			    "of these %zu cells take "
			    "%s (--budget %.0fs)",
			    given, fit, PLAN_LEAST_ROUNDS, c->plan->cell_count, least, enough);
		return true;
	}
	say_error("--budget: %s is enough for %.0f rounds of these %zu cells in %zu blocks, a "
		  "statement needs %d: give "
		  "it --budget %.0fs, or about %.0f cells (fewer --size, --mechanism, --placement, "
		  "--wait)",
		  given, fit, c->plan->cell_count, blocks, PLAN_LEAST_ROUNDS, enough,
		  fmax(1, floor((double)c->plan->cell_count * fit / PLAN_LEAST_ROUNDS)));
	return false;
}

/* Takes the look that is due after so many whole rounds, if one is. false after say_error(). */
static bool look(struct campaign *c, unsigned whole_rounds, bool at_end)
{
	unsigned number = looks_due(&c->looks, elapsed(c), whole_rounds, at_end);

	if (number == 0)
		return true;
	say_progress("look %u of %d", number, VERDICT_LOOKS);
	json_t *line = looks_take(&c->looks, number, c->file.path, elapsed(c), whole_rounds);

	return line && append_line(c, line) && result_sync(&c->file);
}

enum passed { PASSED, OUT_OF_TIME, INTERRUPTED, FAILED };

/* Measures what is left of a round. Where a block does not fit into the budget any more, a shorter
 * one may. */
static enum passed pass(struct campaign *c, const struct plan_block blocks[], size_t count,
			unsigned *skipped)
{
	enum passed passed = PASSED;

	for (unsigned i = 0; i < count; i++) {
		if (block_done(c, i, &blocks[i])) {
			++*skipped;
			continue;
		}
		if (!still_fits(c, &blocks[i])) {
			passed = OUT_OF_TIME;
			continue;
		}
		progress(c, i, count);
		double start = block_now_s();
		int status = run_block(c, &blocks[i], i);

		if (status != 0 || block_signal())
			return status < 0 ? FAILED : INTERRUPTED;
		remember_seconds(c, &blocks[i], block_now_s() - start);
		status = controls_visit(&c->controls, &c->file, c->round, elapsed(c));
		if (status != 0 || block_signal())
			return status < 0 ? FAILED : INTERRUPTED;
	}
	return passed;
}

/* One pass over the blocks; as far as a budget lets it. */
static enum passed count_pass(struct campaign *c, const struct plan_block blocks[], size_t count,
			      const unsigned order[], const unsigned *turn, double start)
{
	for (unsigned i = 0; i < count; i++) {
		if (c->plan->budget_s > 0 &&
		    block_now_s() - start > COUNTED_SHARE * c->plan->budget_s)
			return OUT_OF_TIME;
		say_progress("counting, block %u of %zu", i + 1, count);
		int status = count_block(c, &blocks[i], i, order, turn);

		if (status != 0 || block_signal())
			return status < 0 ? FAILED : INTERRUPTED;
	}
	return PASSED;
}

/* After the first round that is whole: what a run under a budget has counted by then takes little
 * of it, and one that is broken off has it. Under a budget first what the tables show first. */
static enum passed count_all(struct campaign *c, const struct plan_block blocks[], size_t count)
{
	double start = block_now_s();
	enum passed passed = PASSED;
	unsigned behind;

	if (c->tried_counting || c->plan->counters.count == 0)
		return PASSED;
	c->tried_counting = true;
	unsigned *order = count_order(c->plan, &behind);

	if (!order)
		return FAILED;
	if (c->plan->budget_s <= 0)
		passed = count_pass(c, blocks, count, order, NULL, start);
	for (unsigned turn = 0; c->plan->budget_s > 0 && turn < behind && passed == PASSED; turn++)
		passed = count_pass(c, blocks, count, order, &turn, start);
	free(order);
	if (passed == PASSED || passed == OUT_OF_TIME)
		passed = result_sync(&c->file) ? PASSED : FAILED;
	return passed;
}

static enum ended rounds(struct campaign *c)
{
	for (;; c->round++) {
		struct plan_block *blocks;
		size_t count;
		unsigned skipped = 0;

		if (c->plan->rounds && c->round >= c->plan->rounds)
			return BY_ROUNDS;
		if (!anything_left(c))
			return BY_NOTHING_LEFT;
		if (plan_deal(c->plan, c->round, &blocks, &count) < 0)
			return BY_ERROR;
		double start = elapsed(c);
		unsigned long done = c->blocks_done;
		enum passed passed = pass(c, blocks, count, &skipped);

		if (passed == FAILED || passed == INTERRUPTED) {
			free(blocks);
			return passed == FAILED ? BY_ERROR : BY_SIGNAL;
		}
		done = c->blocks_done - done;
		if (c->round == 0 && skipped == 0 && done > 0 &&
		    !budget_suffices(c, (elapsed(c) - start) / (double)done * (double)count,
				     count)) {
			free(blocks);
			c->round += passed == PASSED;
			return BY_SMALL_BUDGET;
		}
		enum passed counted = passed == PASSED ? count_all(c, blocks, count) : PASSED;

		free(blocks);
		if (counted == FAILED || counted == INTERRUPTED)
			return counted == FAILED ? BY_ERROR : BY_SIGNAL;
		if (passed == OUT_OF_TIME)
			return look(c, c->round, true) ? BY_BUDGET : BY_ERROR;
		if (!look(c, c->round + 1, false))
			return BY_ERROR;
		if (looks_all_decided(&c->looks)) {
			c->round++;
			return BY_DECISION;
		}
	}
}

/* ---- beginning, anew or again ---- */

static bool default_path(char *path, size_t bytes)
{
	char host[HOST_NAME_MAX + 1] = "host", stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	gethostname(host, sizeof(host) - 1);
	/* a host's name is not trusted to be a file name */
	for (char *c = host; *c; c++) {
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (*c >= '0' && *c <= '9') || *c == '-' || (*c == '.' && c != host)))
			*c = '_';
	}
	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	return snprintf(path, bytes, "toll-%s-%s.ndjson", host, stamp) < (int)bytes;
}

/* The controls are those of the file: none where it was begun without. */
static bool same_controls(struct plan *plan, const struct result *old)
{
	if (old->control_count == 0)
		plan->control_count = 0;
	if (plan->control_count == 0)
		return true;
	bool same = plan->control_count == old->control_count;

	for (size_t i = 0; same && i < plan->control_count; i++) {
		const struct control *now = &plan->controls[i].control, *was = &old->controls[i].is;

		same = now->kind == was->kind && now->cpu_count == was->cpu_count &&
		       memcmp(now->cpus, was->cpus, now->cpu_count * sizeof(int)) == 0 &&
		       now->bytes == was->bytes &&
		       strcmp(plan->controls[i].self.key, old->controls[i].key) == 0;
	}
	return same;
}

/* Budget and rounds may differ: they say how long, not what. */
static bool same_plan(const struct plan *plan, const struct result *old)
{
	const json_t *was = json_object_get(old->header, "plan");

	if (plan->cell_count != old->cell_count ||
	    (json_int_t)plan->operations !=
		    json_integer_value(json_object_get(was, "operations")) ||
	    plan->tails != json_is_true(json_object_get(was, "tails")))
		return false;
	for (size_t i = 0; i < plan->cell_count; i++) {
		if (strcmp(plan->cells[i].key, old->cells[i].key) != 0 ||
		    memcmp(plan->cells[i].cell.cpus, old->cells[i].cell.cpus,
			   plan->cells[i].cell.peers * sizeof(int)) != 0)
			return false;
	}
	return true;
}

/* Is the file by this toll, and its worker by this one? What an older file does not say is no
 * difference. If it differs, difference says in what. */
static bool built_differently(const struct campaign *c, const struct result *old, char *difference,
			      size_t bytes)
{
	static const char *const members[] = { "abi", "compiler", "flags", "libraries", "plugins" };
	const json_t *worker = json_object_get(old->header, "worker");
	json_t *now = worker_json(c), *commit = json_string(account_commit());
	const json_t *was = json_object_get(old->header, "commit"), *is = commit;
	const char *member = "commit";
	bool differs = was && is && !json_equal(was, is);

	for (size_t i = 0; i < sizeof(members) / sizeof(*members) && !differs; i++) {
		member = members[i];
		was = json_object_get(worker, member);
		is = json_object_get(now, member);
		differs = was && is && !json_equal(was, is);
	}
	if (differs) {
		char *before = json_dumps(was, JSON_ENCODE_ANY | JSON_ENSURE_ASCII),
		     *after = json_dumps(is, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

		snprintf(difference, bytes, "%s: %.200s, now %.200s", member, before ? before : "?",
			 after ? after : "?");
		free(before);
		free(after);
	}
	json_decref(now);
	json_decref(commit);
	return differs;
}

/* Takes up a file: host, plan, seed, what is there already. An exit status; 0 to go on. */
static int take_up(struct campaign *c, json_t *host)
{
	char difference[512];

	if (c->options->output == NULL) {
		say_error("--resume: which file? name it with -o FILE");
		return EXIT_USAGE;
	}
	if (!result_continue(&c->file, c->options->output, RESULT_RUN))
		return EXIT_USAGE;
	struct result *old = result_read(c->options->output);

	c->old = old;
	if (old == NULL)
		return EXIT_USAGE;
	if (host_differs(host, json_object_get(old->header, "host"), true, difference,
			 sizeof(difference))) {
		say_error("%s was begun under other conditions (%s); begin a new file, and compare "
			  "the two",
			  c->options->output, difference);
		return EXIT_ENVIRONMENT;
	}
	if (!same_plan(c->plan, old) || !same_controls(c->plan, old)) {
		say_error("%s holds a different plan; give --resume the same configuration and "
			  "options as before",
			  c->options->output);
		return EXIT_USAGE;
	}
	if (built_differently(c, old, difference, sizeof(difference))) {
		say_error(
			"%s was begun by another build of toll (%s); go on with that one, or begin "
			"a new file and compare the two",
			c->options->output, difference);
		return EXIT_ENVIRONMENT;
	}
	if (c->plan->seed_given && c->plan->seed != old->seed) {
		say_error(
			"seed %llu: %s was begun with %llu and goes on with it; leave the seed out",
			(unsigned long long)c->plan->seed, c->options->output,
			(unsigned long long)old->seed);
		return EXIT_USAGE;
	}
	c->plan->seed = old->seed;
	for (size_t i = 0; i < old->worker_count; i++) {
		const struct result_worker *w = &old->workers[i];

		if (w->ok && isfinite(w->value) && !cell_add(&c->cell[w->cell], w->value)) {
			say_error("out of memory");
			return EXIT_USAGE;
		}
		c->failed += !w->ok;
		c->round = w->round > c->round ? w->round : c->round;
		c->visit = w->visit >= c->visit ? w->visit + 1 : c->visit;
		c->before = w->at_s > c->before ? w->at_s : c->before;
	}
	for (size_t i = 0; i < old->counted_count; i++)
		c->cell[old->counted[i].cell].counted = true;
	looks_take_up(&c->looks, old);
	/* the file is this run's: from here on it is changed */
	if (!result_mend(&c->file))
		return EXIT_USAGE;
	char created[32];

	now_text(created, sizeof(created));
	const char *boot = json_string_value(json_object_get(host, "boot_id"));

	return append_line(c, json_pack("{s:s,s:s,s:s?,s:I,s:I}", "kind", "resume", "created",
					created, "boot_id", boot, "visit", (json_int_t)c->visit,
					"seed", (json_int_t)c->plan->seed))
		       ? 0
		       : EXIT_USAGE;
}

static int begin(struct campaign *c, json_t *host, double cost_ns, double step_ns)
{
	char path[PATH_MAX];

	if (c->options->output)
		snprintf(path, sizeof(path), "%s", c->options->output);
	else
		default_path(path, sizeof(path));
	/* before there is a file: what asks the clocks must not hold its lock */
	json_t *line = header(c, json_incref(host), cost_ns, step_ns);
	int status = account_clocks(json_object_get(line, "clock"), c->plan, c->ticks_per_ns);

	if (status || !result_create(&c->file, path, RESULT_RUN)) {
		json_decref(line);
		return status > 0 ? 128 + block_signal() : EXIT_USAGE;
	}
	if (!append_line(c, line) || !result_sync(&c->file)) {
		/* nothing measured yet: no husk is left */
		unlink(path);
		return EXIT_USAGE;
	}
	return 0;
}

/* --require-quiet: an exit status, after saying what toll doctor calls red on the plan's CPUs. */
static int require_quiet(const struct campaign *c)
{
	struct doctor_options options = { .seconds = QUIET_SECONDS };
	struct doctor doctor;
	char red[512] = "";
	size_t used = 0;
	bool all = true;

	for (size_t i = 0; i < c->plan->cell_count; i++) {
		const struct cell *cell = &c->plan->cells[i].cell;

		for (unsigned k = 0; k < cell->peers; k++) {
			bool there = false;

			for (unsigned m = 0; m < options.cpu_count; m++)
				there = there || options.cpus[m] == cell->cpus[k];
			if (!there && options.cpu_count < DOCTOR_CPUS)
				options.cpus[options.cpu_count++] = cell->cpus[k];
			else if (!there)
				all = false;
		}
	}
	if (!all)
		say_warning("--require-quiet: the plan has more than %d CPUs; its first %d are "
			    "watched, toll doctor --cpus watches others",
			    DOCTOR_CPUS, DOCTOR_CPUS);
	int status = doctor_run(&options, c->registry, c->place, &doctor);

	for (size_t i = 0; status == 0 && i < doctor.count; i++) {
		const struct doctor_finding *f = &doctor.finding[i];

		if (f->verdict == DOCTOR_RED && used < sizeof(red) - DOCTOR_TEXT)
			used += (size_t)snprintf(red + used, sizeof(red) - used, "%s%s",
						 used ? "; " : "", f->figure);
	}
	doctor_free(&doctor);
	if (*red) {
		say_error(
			"--require-quiet: %s; toll doctor says what mends it, or leave the option "
			"out",
			red);
		status = EXIT_USAGE;
	}
	return status;
}

static bool anything_measured(const struct campaign *c)
{
	for (size_t i = 0; i < c->plan->cell_count; i++) {
		if (c->cell[i].n > 0)
			return true;
	}
	return false;
}

static int finish(struct campaign *c, enum ended ended)
{
	static const char *const names[] = {
		[BY_BUDGET] = "budget",       [BY_ROUNDS] = "rounds", [BY_DECISION] = "decided",
		[BY_SIGNAL] = "interrupted",  [BY_ERROR] = "stopped", [BY_SMALL_BUDGET] = "stopped",
		[BY_NOTHING_LEFT] = "stopped"
	};
	static const char *const reasons[] = { [BY_ERROR] = "an error",
					       [BY_SMALL_BUDGET] = "the budget is too small",
					       [BY_NOTHING_LEFT] = "every cell failed" };
	/* a file that has just refused a line would refuse this one with the same words */
	bool written = !c->file.failed &&
		       append_line(c, summary(c, names[ended], reasons[ended])) &&
		       result_sync(&c->file);

	switch (ended) {
	case BY_SIGNAL:
		return 128 + block_signal();
	case BY_NOTHING_LEFT:
		say_error("every cell failed; the reasons stand in %s", c->file.path);
		return EXIT_USAGE;
	case BY_ERROR:
	case BY_SMALL_BUDGET:
		return EXIT_USAGE;
	default:
		if (written && !anything_measured(c)) {
			say_error("every worker failed; the reasons stand in %s", c->file.path);
			return EXIT_USAGE;
		}
		return written ? 0 : EXIT_USAGE;
	}
}

bool run_on_this_machine(const struct place *place)
{
	if (place_is_this_machine(place))
		return true;
	say_error("HWLOC_XMLFILE or HWLOC_SYNTHETIC is set: that topology is for looking "
		  "only (--dry-run, toll list); "
		  "unset it to measure");
	return false;
}

static bool measurable(const struct plan *plan, const struct place *place)
{
	if (!run_on_this_machine(place))
		return false;
	if (plan->cell_count == 0) {
		say_error("nothing left to run: every cell was refused");
		return false;
	}
	return true;
}

int run_campaign(const struct run_options *options, struct plan *plan,
		 const struct registry *registry, const struct place *place)
{
	struct campaign c = { .options = options,
			      .plan = plan,
			      .registry = registry,
			      .place = place,
			      .file = { .fd = -1 },
			      .started = block_now_s() };
	double cost_ns, step_ns;
	int status = EXIT_USAGE;

	options->path[0] = '\0';
	if (!measurable(plan, place) || conditions_hold(plan, NULL))
		return EXIT_USAGE;
	if (plan->budget_s <= 0 && plan->rounds == 0)
		plan->rounds = PLAN_LEAST_ROUNDS;
	int swept = journal_sweep();

	if (swept > 0)
		say_warning("%d kernel object%s of dead runs removed", swept,
			    swept == 1 ? "" : "s");
	if (options->require_quiet && (status = require_quiet(&c)) != 0)
		return status;
	status = EXIT_USAGE;
	block_catch_signals();
	block_clock(&c.ticks_per_ns, &cost_ns, &step_ns);
	json_t *host = host_read(place);

	c.cell = calloc(plan->cell_count, sizeof(*c.cell));
	if (host == NULL || c.cell == NULL) {
		say_error("out of memory");
		goto out;
	}
	conditions_tell(plan, host);
	if (!looks_begin(&c.looks, plan))
		goto out;
	status = options->resume ? take_up(&c, host) : begin(&c, host, cost_ns, step_ns);
	if (status != 0)
		goto out;
	snprintf(options->path, PATH_MAX, "%s", c.file.path);
	status = EXIT_USAGE;
	if (controls_begin(&c.controls, plan, registry, c.ticks_per_ns, c.before))
		goto out;
	enum ended ended = rounds(&c);

	say_progress(NULL);
	status = finish(&c, ended);
out:
	block_release_signals();
	result_close(&c.file);
	result_free(c.old);
	looks_free(&c.looks);
	controls_free(&c.controls);
	for (size_t i = 0; c.cell && i < plan->cell_count; i++)
		free(c.cell[i].value);
	free(c.cell);
	json_decref(host);
	return status;
}

/* ---- toll one ---- */

/* Each event, peer by peer. */
static void print_counts(const struct counters *counters, const struct outcome *counted)
{
	puts("counted per operation, in a visit of its own:");
	for (size_t i = 0; i < counters->count; i++) {
		const struct counter *counter = &counters->counter[i];
		const char *reason = "";

		printf("  %-24s", counter->what[0] ? counter->what : counter->name);
		for (unsigned peer = 0; peer < counted->peers; peer++) {
			const struct tally *tally = &counted->tallies[peer * counters->count + i];

			if (isfinite(tally->per_operation))
				printf(" %10.3f", tally->per_operation);
			else
				printf(" %10s", "-");
			if (tally->reason[0])
				reason = tally->reason;
			else if (tally->user_only)
				reason = "user mode alone";
			else if (tally->share < 0.999)
				reason = "scaled: others had the counters part of the time";
		}
		printf("%s%s\n", *reason ? "  " : "", reason);
	}
}

static void print_one(const struct run_one_options *options, const struct plan_cell *cell,
		      const struct outcome *outcome, const struct counters *counters,
		      const struct outcome *counted, const char *failed)
{
	double median = statistics_median(outcome->batch_ns, outcome->turns);
	double low = statistics_quantile(outcome->batch_ns, outcome->turns, 0.05);
	double high = statistics_quantile(outcome->batch_ns, outcome->turns, 0.95);

	if (options->json) {
		json_t *cpu = json_array();

		for (unsigned i = 0; i < outcome->peers; i++)
			json_array_append_new(cpu, json_real(outcome->cpu_ns[i]));
		json_t *object = json_pack("{s:s,s:s,s:f,s:f,s:f,s:I,s:I,s:o}", "cell", cell->key,
					   "quantity", cell->quantity, "median_ns", median, "p5_ns",
					   low, "p95_ns", high, "turns", (json_int_t)outcome->turns,
					   "operations_a_turn", (json_int_t)outcome->operations,
					   "cpu_ns", cpu);

		if (counted)
			json_object_set_new(object, "counted",
					    result_counted(&(struct result_place){ .at_s = NAN },
							   counters, counted));
		if (*failed)
			json_object_set_new(object, "command_failed", json_string(failed));
		command_printed_json = true;
		json_dumpf(object, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(object);
		return;
	}
	char a[32], b[32], d[32];

	printf("%s\n%s: median of %zu turns %s, 5th to 95th percentile %s to %s\n", cell->key,
	       strcmp(cell->quantity, "rtt_ns") == 0      ? "round trip"
	       : strcmp(cell->quantity, "oneway_ns") == 0 ? "one way"
							  : "per message",
	       outcome->turns, say_ns(median, a), say_ns(low, b), say_ns(high, d));
	for (unsigned i = 0; i < outcome->peers; i++)
		printf("peer %u: CPU %d, %s of CPU time a message\n", i, cell->cell.cpus[i],
		       say_ns(outcome->cpu_ns[i], a));
	if (counted)
		print_counts(counters, counted);
	puts("One worker only: turns of one worker are no replicates; use toll run for an "
	     "interval.");
}

int run_one(const struct run_one_options *options, struct plan *plan,
	    const struct registry *registry, const struct place *place)
{
	struct companion companion = { .command = options->command, .silent = options->json };
	struct block_options block = { .registry = registry,
				       .seed = plan->seed,
				       .cycles = BLOCK_MOST_CYCLES,
				       .operations = plan->operations,
				       .held = true,
				       .started = companion_start,
				       .context = &companion };
	double cost_ns, step_ns;

	if (!measurable(plan, place) || !companion_exists(&companion) ||
	    conditions_hold(plan, NULL))
		return EXIT_USAGE;
	const struct cell *cell = &plan->cells[0].cell;
	struct outcome outcome;

	block_catch_signals();
	block_clock(&block.ticks_per_ns, &cost_ns, &step_ns);
	/* time is to end it, not the number of turns: a pilot beside others makes them too short */
	block.turn_ns = options->seconds * 1e9 / TURNS_OF_ONE;
	block.seconds = options->seconds;
	double start = block_now_s();
	int status = block_run(&block, &cell, NULL, 1, &outcome);
	bool shortened =
		outcome.turns == BLOCK_MOST_CYCLES && block_now_s() - start < options->seconds;
	struct outcome counted = { .state = BLOCK_OK };
	bool counting = status == 0 && outcome.state == BLOCK_OK && plan->counters.count > 0;

	companion_end(&companion);
	if (status == 0 && block_signal())
		status = 1;
	if (counting && status == 0) {
		const struct count_task task = { .registry = registry,
						 .plan = plan,
						 .ticks_per_ns = block.ticks_per_ns,
						 .seed = plan->seed + 1 };

		status = count_one(&task, 0, &counted);
	}
	block_release_signals();
	if (status < 0)
		return EXIT_USAGE;
	if (status > 0) {
		outcome_free(&outcome);
		outcome_free(&counted);
		return 128 + block_signal();
	}
	if (outcome.state != BLOCK_OK) {
		say_error("%s: %s", plan->cells[0].key, outcome.reason);
		outcome_free(&outcome);
		return EXIT_USAGE;
	}
	if (shortened)
		say_warning("%s was held for less than --for says: %d turns of %lu operations are "
			    "the most; give more --operations",
			    plan->cells[0].key, BLOCK_MOST_CYCLES, outcome.operations);
	if (counting && counted.state != BLOCK_OK) {
		say_warning("counting: %s", counted.reason);
		counting = false;
	}
	print_one(options, &plan->cells[0], &outcome, &plan->counters, counting ? &counted : NULL,
		  companion.failed);
	outcome_free(&outcome);
	outcome_free(&counted);
	if (companion.failed[0])
		say_error("one: %s; the cell was held all the same", companion.failed);
	return companion.failed[0] ? EXIT_USAGE : 0;
}
