/* SPDX-License-Identifier: GPL-3.0-or-later */
/* identical.c - G1 and G5 on this machine: 200 identical cells, each against its twin side by side,
 * are one family; how many are called different, and how many the same?
 *
 *   stat-identical [--quick]     the whole takes about 5 minutes, --quick 6 seconds; SEED=N */
#include "stat.h"

#include "../../bench/plan.h"
#include "../../bench/worker/random.h"
#include "../bench/measure.h"

enum { MOST_CELLS = 200, MOST_PAIRS = 30, KINDS = 3, TWINS = PLAN_BLOCK_CELLS / 2 };
static const double MARGIN = 0.02, Q = 0.05;

static const struct kind {
	const char *name, *wait, *placement;
	double least_bytes, most_bytes;
	double turn_ns;
	unsigned cycles;
} kinds[KINDS] = {
	{ "same-cpu, blocking", "block", "same-cpu", 8, 4096, 60e3, 40 },
	{ "across, blocking, awake", "block", "across", 8, 4096, 60e3, 40 },
	{ "across, spinning", "spin", "across", 8, 4096, 40e3, 100 },
};

struct twins { /* a cell, and one that is the same but for its hidden number */
	struct cell cell[2];
	const struct kind *kind;
	double ratio[MOST_PAIRS];
	size_t n;
	bool anchor; /* what Mann-Whitney says of the first pair */
	struct verdict verdict;
};

struct block { /* twins of one kind and size */
	size_t first, count;
	double seconds;
};

struct trial {
	struct bench bench;
	uint64_t random;
	struct twins twins[MOST_CELLS];
	struct block block[MOST_CELLS];
	size_t cells, blocks, pairs;
	unsigned failures;
};

/* --- cells -------------------------------------------------------------------------------------
 */

/* So many sizes, evenly spread over the kind's octaves: "8,13,22". */
static void write_sizes(const struct kind *kind, unsigned count, char *text, size_t bytes)
{
	size_t at = 0;
	unsigned before = 0;

	for (unsigned i = 0; i < count && at < bytes; i++) {
		double octaves = log2(kind->most_bytes / kind->least_bytes);
		double share = count > 1 ? (double)i / (count - 1) : 0;
		unsigned size = (unsigned)lround(kind->least_bytes * exp2(share * octaves));

		if (size != before)
			at += (size_t)snprintf(text + at, bytes - at, "%s%u", at ? "," : "", size);
		before = size;
	}
}

/* Every mechanism twice, at so many sizes. */
static struct plan *plan_kind(const struct trial *trial, const struct kind *kind, unsigned sizes)
{
	struct config *config = config_new();
	struct plan *plan = NULL;
	char text[1024] = "";

	write_sizes(kind, sizes, text, sizeof text);
	if (config && config_override(config, "size", text) == 0 &&
	    config_override(config, "wait", kind->wait) == 0 &&
	    config_override(config, "placement", kind->placement) == 0) {
		config->grids[0].replicas = 2;
		config->seed_given = true;
		config->seed = trial->bench.seed;
		plan = plan_make(config, trial->bench.registry, trial->bench.place);
	}
	config_free(config);
	if (!plan)
		exit(4);
	return plan;
}

/* Whether the plan's cell at c and the next are twins that can live side by side. */
static bool are_twins(const struct plan *plan, size_t c)
{
	const struct cell *a = &plan->cells[c].cell, *b = a;

	if (c + 1 < plan->cell_count)
		b = &plan->cells[c + 1].cell;
	return a->replica == 0 && b->replica == 1 && !a->sequential &&
	       strcmp(a->mechanism, b->mechanism) == 0 && a->size == b->size;
}

static size_t count_twins(const struct plan *plan)
{
	size_t count = 0;

	for (size_t c = 0; c < plan->cell_count; c++)
		count += are_twins(plan, c);
	return count;
}

static int by_size(const void *left, const void *right)
{
	const struct twins *a = left, *b = right;

	if (a->cell[0].size != b->cell[0].size)
		return a->cell[0].size < b->cell[0].size ? -1 : 1;
	return strcmp(a->cell[0].mechanism, b->cell[0].mechanism);
}

/* Blocks of what was added from `first` on: one size each, at most TWINS. */
static void deal_blocks(struct trial *trial, size_t first)
{
	for (size_t i = first; i < trial->cells; i++) {
		struct block *last = &trial->block[trial->blocks - (trial->blocks > 0)];
		bool begins = i == first || last->count == TWINS ||
			      trial->twins[i].cell[0].size != trial->twins[i - 1].cell[0].size;

		if (begins)
			trial->block[trial->blocks++] = (struct block){ .first = i, .count = 1 };
		else
			last->count++;
	}
}

/* How many sizes may give enough, where so many gave what was found. */
static unsigned more_sizes(unsigned sizes, size_t found, size_t wanted)
{
	size_t likely = found ? wanted * sizes / found : CONFIG_MOST_WORDS;

	if (likely <= sizes)
		return sizes + 1;
	return likely < CONFIG_MOST_WORDS ? (unsigned)likely : CONFIG_MOST_WORDS;
}

/* Adds so many cells of a kind: as few sizes as give enough of them. */
static void add_kind(struct trial *trial, const struct kind *kind, size_t wanted)
{
	size_t first = trial->cells;
	unsigned sizes = 1;
	struct plan *plan = plan_kind(trial, kind, sizes);

	for (size_t found; (found = count_twins(plan)) < wanted && sizes < CONFIG_MOST_WORDS;) {
		sizes = more_sizes(sizes, found, wanted);
		plan_free(plan);
		plan = plan_kind(trial, kind, sizes);
	}
	for (size_t c = 0; c < plan->cell_count; c++) {
		if (!are_twins(plan, c) || trial->cells == first + wanted)
			continue;
		trial->twins[trial->cells++] =
			(struct twins){ .cell = { plan->cells[c].cell, plan->cells[c + 1].cell },
					.kind = kind };
	}
	plan_free(plan);
	qsort(trial->twins + first, trial->cells - first, sizeof *trial->twins, by_size);
	deal_blocks(trial, first);
}

/* The family: as many of each kind, or all of one where there is one CPU. */
static void add_cells(struct trial *trial, size_t wanted)
{
	bool one = trial->bench.across[0] < 0;

	for (size_t k = 0; k < KINDS; k++) {
		size_t left = wanted - trial->cells, shares = one ? 1 : KINDS - k;

		if (one && k > 0)
			skip(kinds[k].name, "one CPU only");
		else
			add_kind(trial, &kinds[k], left / shares);
	}
}

/* --- measuring ---------------------------------------------------------------------------------
 */

static void take_pair(struct trial *trial, struct twins *twins, const struct outcome outcomes[2],
		      bool swapped)
{
	const struct outcome *old = &outcomes[swapped], *new = &outcomes[!swapped];
	size_t turns = old->turns < new->turns ? old->turns : new->turns;

	if (old->state != BLOCK_OK || new->state != BLOCK_OK) {
		fprintf(stderr, "%s, %llu B: %s%s\n", twins->cell[0].mechanism,
			(unsigned long long)twins->cell[0].size, old->reason, new->reason);
		trial->failures++;
		return;
	}
	if (twins->n == 0 && turns >= TURNS)
		twins->anchor = mann_whitney(old->batch_ns, new->batch_ns);
	twins->ratio[twins->n++] = statistics_pair(new->batch_ns, old->batch_ns, turns);
}

/* One pair of each twins of a block. Who is started and fitted first is drawn, twins by twins. */
static void visit(struct trial *trial, struct block *block)
{
	struct twins *twins = &trial->twins[block->first];
	const struct kind *kind = twins->kind;
	struct block_options options = bench_options(&trial->bench, kind->cycles);
	const struct cell *cells[2 * TWINS];
	struct outcome outcomes[2 * TWINS];
	bool swapped[TWINS];
	uint64_t began = block_ticks();

	options.turn_ns = kind->turn_ns;
	for (size_t i = 0; i < block->count; i++) {
		swapped[i] = random_next(&trial->random) & 1;
		cells[2 * i] = &twins[i].cell[swapped[i]];
		cells[2 * i + 1] = &twins[i].cell[!swapped[i]];
	}
	if (block_run(&options, cells, NULL, (unsigned)(2 * block->count), outcomes) != 0)
		exit(4);
	for (size_t i = 0; i < block->count; i++)
		take_pair(trial, &twins[i], &outcomes[2 * i], swapped[i]);
	for (size_t i = 0; i < 2 * block->count; i++)
		outcome_free(&outcomes[i]);
	block->seconds += (double)(block_ticks() - began) / 1e9 / trial->bench.ticks_per_ns;
}

static void rounds(struct trial *trial)
{
	size_t order[MOST_CELLS];

	for (size_t b = 0; b < trial->blocks; b++)
		order[b] = b;
	for (size_t round = 0; round < trial->pairs; round++) {
		say_progress("identical cells: round %zu of %zu", round + 1, trial->pairs);
		for (size_t left = trial->blocks; left > 0; left--) {
			size_t pick = random_next(&trial->random) % left, block = order[pick];

			order[pick] = order[left - 1];
			order[left - 1] = block;
			visit(trial, &trial->block[block]);
		}
	}
	say_progress(NULL);
}

/* --- what is seen ------------------------------------------------------------------------------
 */

struct score {
	unsigned cells, different, same, invalid, anchor, rejected;
	double spread, seconds; /* of all cells: sum of their pairs' sds; measured, both sides */
};

static struct score tally_of(const struct trial *trial, const struct kind *kind)
{
	struct score tally = { 0 };

	for (size_t i = 0; i < trial->cells; i++) {
		const struct twins *twins = &trial->twins[i];
		enum verdict_kind verdict = twins->verdict.kind;

		if (kind && twins->kind != kind)
			continue;
		tally.cells++;
		tally.different += verdict == VERDICT_FASTER || verdict == VERDICT_SLOWER;
		tally.same += verdict == VERDICT_SAME;
		tally.invalid += verdict == VERDICT_INVALID;
		tally.anchor += twins->anchor;
		tally.rejected += twins->verdict.p_difference < Q;
		tally.spread += twins->n > 1 ? statistics_sd(twins->ratio, twins->n) : 0;
	}
	for (size_t b = 0; b < trial->blocks; b++)
		if (!kind || trial->twins[trial->block[b].first].kind == kind)
			tally.seconds += trial->block[b].seconds;
	return tally;
}

/* How many of m identical cells Benjamini and Hochberg let through by chance hardly ever: k of them
 * take k values of p below k q / m. */
static unsigned hardly_more(unsigned m, double q)
{
	double chance = 0;
	unsigned k = m;

	for (; k > 0; k--) {
		chance += gsl_cdf_binomial_Q(k - 1, fmin(1, q * k / m), m);
		if (chance > HARDLY)
			break;
	}
	return k;
}

static void judge_alarms(const struct score *all, const char *where, bool quick)
{
	unsigned most = quick ? hardly_more(all->cells, Q) : 1;
	char goal[96];

	snprintf(goal, sizeof goal, "G1 goal at most %u false alarm%s in %u identical cells", most,
		 most == 1 ? "" : "s", all->cells);
	report(met(all->different <= most && all->invalid == 0), goal, where,
	       "%u, %u invalid; Mann-Whitney %u", all->different, all->invalid, all->anchor);
}

static void judge_same(const struct score *all, const char *where, bool quick)
{
	double share = percent_of(all->same, all->cells), side = all->seconds / 2 / all->cells;

	report(quick ? SEEN : met(share >= 90 && side <= 10),
	       "G5 goal at least 90 % of identical cells same in 10 s a side", where,
	       "%.1f %% in %.1f s a side; Mann-Whitney never says same, and calls %.1f %% "
	       "different",
	       share, side, percent_of(all->anchor, all->cells));
}

static void judge(struct trial *trial, bool quick)
{
	static struct verdict verdicts[MOST_CELLS];
	char where[96];

	for (size_t i = 0; i < trial->cells; i++)
		verdict_pairs(&verdicts[i], trial->twins[i].ratio, trial->twins[i].n, MARGIN);
	verdict_decide(verdicts, trial->cells, MARGIN, Q);
	for (size_t i = 0; i < trial->cells; i++)
		trial->twins[i].verdict = verdicts[i];
	for (size_t k = 0; k < KINDS; k++) {
		struct score its = tally_of(trial, &kinds[k]);

		if (its.cells == 0)
			continue;
		report(SEEN, "G1 and G5, one kind", kinds[k].name,
		       "%u of %u different, %u same, %u alone below 5 %%, pairs spread by %.1f %%, "
		       "%.1f s a side; Mann-Whitney %u different",
		       its.different, its.cells, its.same, its.rejected,
		       percent_of(its.spread, its.cells), its.seconds / 2 / its.cells, its.anchor);
	}
	struct score all = tally_of(trial, NULL);

	snprintf(where, sizeof where, "this machine, %zu pairs in %zu blocks, %u pairs failed",
		 trial->pairs, trial->blocks, trial->failures);
	judge_alarms(&all, where, quick);
	judge_same(&all, where, quick);
}

int main(int argc, char **argv)
{
	static struct trial trial;
	bool quick = is_quick(argc, argv);

	if (!bench_open(&trial.bench, NULL, 0))
		return 4;
	printf("identical cells side by side, margin %.0f %%, false discoveries %.0f %%, seed "
	       "%llu\n",
	       100 * MARGIN, 100 * Q, (unsigned long long)trial.bench.seed);
	trial.random = trial.bench.seed;
	trial.pairs = quick ? 8 : MOST_PAIRS;
	add_cells(&trial, quick ? 18 : MOST_CELLS);
	rounds(&trial);
	judge(&trial, quick);
	place_close(trial.bench.place);
	registry_close(trial.bench.registry);
	return finish();
}
