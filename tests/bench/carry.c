/* SPDX-License-Identifier: GPL-3.0-or-later */
/* carry.c - carry-over: whether the operations that are left out at a turn's start suffice for what
 * the turns before, of others, left behind in caches, predictors and the kernel.
 *
 * Blocks as toll run deals them play visits of two turns in a row: the first behind another
 * worker's, the second behind its own. A value is a worker's median over its visits of ln(first /
 * second). Goal, per variant and size: within 0.5 %, 1 % from 64 KiB on; missed when the whole 95 %
 * interval lies beyond, not told when a part does. Beside it, not judged, what one uncounted
 * operation would leave: that a bias is found where there is one. */
#include "measure.h"

#include "../../bench/plan.h"

enum { ROUNDS = 20, BARE_ROUNDS = 6, MOST_BLOCKS = 4 };

struct class
{
	const char *name, *mechanisms, *pattern, *wait, *sizes;
	bool across;
	unsigned cycles;
};

/* of the waits across CPUs the sleeping ones are idle=awake; 56 bytes are all a mailbox carries */
static const struct class classes[] = {
	{ "same-cpu, blocking", "all", "pingpong", "block", "64,4K,64K", false, 40 },
	{ "across, spinning", "all", "pingpong", "spin", "56,4K,64K", true, 60 },
	{ "across, blocking, awake", "ring,futex,eventfd,pipe,unix-stream,tcp,posix-queue",
	  "pingpong", "block", "64,4K,64K", true, 40 },
	{ "stream, same-cpu, blocking", "ring,pipe,unix-stream", "stream", "block", "64,4K", false,
	  40 },
	{ "stream, across, spinning", "ring,pipe,unix-stream", "stream", "spin", "64,4K", true,
	  60 },
};

static double goal_of(const struct cell *cell)
{
	return cell->size < 64 << 10 ? 0.005 : 0.01;
}

/* --- measuring ---------------------------------------------------------------------------------
 */

struct values { /* of one cell's workers; the cell that blocks share has more of them */
	double value[ROUNDS * MOST_BLOCKS];
	size_t n;
};

struct series {
	struct values whole, bare; /* as the pilot leaves out, and with one uncounted operation */
};

static struct plan *plan_class(const struct bench *bench, const struct class *class)
{
	struct config *config = config_new();
	struct plan *plan = NULL;

	if (config && config_override(config, "mechanism", class->mechanisms) == 0 &&
	    config_override(config, "pattern", class->pattern) == 0 &&
	    config_override(config, "wait", class->wait) == 0 &&
	    config_override(config, "size", class->sizes) == 0 &&
	    config_override(config, "placement", class->across ? "across" : "same-cpu") == 0) {
		config->seed_given = true;
		config->seed = bench->seed;
		plan = plan_make(config, bench->registry, bench->place);
	}
	config_free(config);
	if (plan == NULL)
		exit(4);
	return plan;
}

/* A worker's value; turns: first, second, first, second … */
static double first_to_second(const struct outcome *outcome)
{
	double first[BLOCK_MOST_CYCLES], second[BLOCK_MOST_CYCLES];
	size_t visits = outcome->turns / 2;

	for (size_t i = 0; i < visits; i++) {
		first[i] = outcome->batch_ns[2 * i];
		second[i] = outcome->batch_ns[2 * i + 1];
	}
	return statistics_pair(first, second, visits);
}

/* false: a worker failed. */
static bool block_play(struct bench *bench, const struct class *class, const struct plan *plan,
		       const struct plan_block *block, unsigned long uncounted,
		       struct series series[])
{
	struct block_options options = bench_options(bench, class->cycles);
	struct outcome outcome[PLAN_BLOCK_CELLS];
	const struct cell *cells[PLAN_BLOCK_CELLS];
	bool fine = true;

	options.turns = 2;
	options.uncounted = uncounted;
	for (unsigned i = 0; i < block->count; i++)
		cells[i] = &plan->cells[block->cells[i]].cell;
	if (block_run(&options, cells, NULL, block->count, outcome) != 0)
		exit(4);
	for (unsigned i = 0; i < block->count; i++) {
		struct series *its = &series[block->cells[i]];
		struct values *values = uncounted ? &its->bare : &its->whole;

		if (outcome[i].state == BLOCK_FAILED) {
			fprintf(stderr, "%s: %s\n", plan->cells[block->cells[i]].key,
				outcome[i].reason);
			fine = false;
		}
		if (outcome[i].state == BLOCK_OK &&
		    values->n < sizeof values->value / sizeof *values->value)
			values->value[values->n++] = first_to_second(&outcome[i]);
		outcome_free(&outcome[i]);
	}
	return fine;
}

static bool round_play(struct bench *bench, const struct class *class, const struct plan *plan,
		       unsigned round, struct series series[])
{
	struct plan_block *blocks;
	size_t count;
	bool fine = true;

	if (plan_deal(plan, round, &blocks, &count))
		exit(4);
	for (size_t i = 0; i < count; i++) {
		if (blocks[i].sequential)
			continue;
		fine &= block_play(bench, class, plan, &blocks[i], 0, series);
		if (round < BARE_ROUNDS)
			fine &= block_play(bench, class, plan, &blocks[i], 1, series);
	}
	free(blocks);
	return fine;
}

/* --- judging -----------------------------------------------------------------------------------
 */

enum told { WITHIN, BEYOND, CANNOT_TELL };

static struct interval interval_of(const struct values *values)
{
	return statistics_yuen(values->value, values->n, 0.2, 0.95, NULL);
}

static enum told judge(struct interval interval, double goal)
{
	double most = log1p(goal);

	if (interval.low > most || interval.high < -most)
		return BEYOND;
	return interval.low >= -most && interval.high <= most ? WITHIN : CANNOT_TELL;
}

static bool class_run(struct bench *bench, const struct class *class)
{
	static const char *const words[] = { "ok    ", "not ok", "can't tell" };
	struct plan *plan = plan_class(bench, class);
	struct series *series = calloc(plan->cell_count + 1, sizeof *series);
	unsigned count[3] = { 0 }, found = 0, alone = 0;
	double began = block_now_s();
	bool fine = series != NULL;

	for (unsigned round = 0; series && round < ROUNDS; round++)
		fine &= round_play(bench, class, plan, round, series);
	for (size_t c = 0; series && c < plan->cell_count; c++) {
		const struct plan_cell *cell = &plan->cells[c];
		double goal = goal_of(&cell->cell);

		alone += cell->cell.sequential;
		if (cell->cell.sequential || series[c].whole.n < 5 || series[c].bare.n < 5)
			continue;
		struct interval whole = interval_of(&series[c].whole),
				bare = interval_of(&series[c].bare);
		enum told told = judge(whole, goal);

		count[told]++;
		found += judge(bare, goal) == BEYOND;
		printf("  %-10s %-50s %+6.2f %% [%+.2f, %+.2f], %zu workers; with 1 uncounted "
		       "%+.1f "
		       "%% [%+.1f, %+.1f]\n",
		       words[told], cell->key, percent(whole.estimate), percent(whole.low),
		       percent(whole.high), whole.n, percent(bare.estimate), percent(bare.low),
		       percent(bare.high));
	}
	printf("%s %s: of %u variants and sizes %u within the goal, %u beyond, of %u it cannot be "
	       "told; with 1 uncounted %u beyond; %u are measured one after the other; %.0f s\n",
	       words[count[BEYOND] ? BEYOND : WITHIN], class->name, count[0] + count[1] + count[2],
	       count[WITHIN], count[BEYOND], count[CANNOT_TELL], found, alone,
	       block_now_s() - began);
	fflush(stdout);
	fine &= count[BEYOND] == 0;
	free(series);
	plan_free(plan);
	return fine;
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };
	bool fine = true;

	if (!bench_open(&bench, NULL, 0))
		return 4;
	printf("turns behind another worker's against turns behind the same worker's, %d rounds, "
	       "seed %llu\n",
	       ROUNDS, (unsigned long long)bench.seed);
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
