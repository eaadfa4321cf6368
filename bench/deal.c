/* SPDX-License-Identifier: GPL-3.0-or-later */
/* deal.c - deals a plan's cells into the blocks of a round. */
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "plan.h"
#include "say.h"

static int out_of_memory(void)
{
	say_error("out of memory");
	return -1;
}

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): spreads a seed's
 * bits, since GSL's generators take few of them. */
static uint64_t spread_bits(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static gsl_rng *generator(uint64_t seed, unsigned round)
{
	gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
	if (random) /* it takes 32 bits */
		gsl_rng_set(random, spread_bits(spread_bits(seed) + round) >> 32);
	return random;
}

struct deal {
	const struct plan *plan;
	gsl_rng *random;
	struct plan_block *blocks;
	size_t count;
};

static uint64_t memory_of(const struct plan *plan, unsigned cell)
{
	return plan->cells[cell].cell.memory;
}

/* Deals n cells in their order into blocks within the bounds, as even as they go; with a reference
 * (>= 0) each block begins with it. */
static int deal_out(struct deal *deal, const unsigned cells[], size_t n, int reference,
		    bool sequential)
{
	bool refers = reference >= 0;
	size_t room = PLAN_BLOCK_CELLS - refers, blocks = (n + room - 1) / room;
	uint64_t shared = refers ? memory_of(deal->plan, (unsigned)reference) : 0, bytes = 0;
	struct plan_block *block = NULL;
	size_t dealt = 0;

	for (size_t c = 0; c < n; c++) {
		uint64_t its = memory_of(deal->plan, cells[c]);
		if (!block || dealt == (n + blocks - 1) / blocks ||
		    bytes + its > PLAN_BLOCK_BYTES) {
			block = GROW_APPEND(deal->blocks, deal->count);
			if (!block)
				return out_of_memory();
			block->reference = refers ? 0 : -1;
			block->sequential = sequential;
			if (refers)
				block->cells[block->count++] = (unsigned)reference;
			bytes = shared;
			dealt = 0;
		}
		block->cells[block->count++] = cells[c];
		bytes += its;
		dealt++;
	}
	return 0;
}

static void shuffle(gsl_rng *random, void *array, size_t n, size_t element)
{
	if (n > 1) /* gsl_ran_shuffle runs away with none */
		gsl_ran_shuffle(random, array, n, element);
}

/* The cells, in the order of their ids, of one group that are measured in one way. */
static int deal_cells(struct deal *deal, unsigned cells[], size_t n, bool sequential)
{
	uint64_t bytes = 0, most = 0;
	int reference = -1;
	for (size_t c = 0; c < n; c++) {
		uint64_t its = memory_of(deal->plan, cells[c]);
		bytes += its;
		most = its > most ? its : most;
	}
	/* what is measured one after the other is compared within the round, whatever its blocks;
	 * and a reference that leaves no room beside it cannot be shared */
	bool fits = n <= PLAN_BLOCK_CELLS && bytes <= PLAN_BLOCK_BYTES;
	if (!fits && !sequential && memory_of(deal->plan, cells[0]) + most <= PLAN_BLOCK_BYTES) {
		reference = (int)cells[0];
		cells++;
		n--;
	}
	shuffle(deal->random, cells, n, sizeof *cells);
	return deal_out(deal, cells, n, reference, sequential);
}

static int by_group(const void *a, const void *b, void *user)
{
	const struct plan *plan = user;
	const struct plan_cell *x = &plan->cells[*(const unsigned *)a],
			       *y = &plan->cells[*(const unsigned *)b];
	int order = strcmp(x->group, y->group);
	if (order == 0)
		order = (int)x->cell.sequential - (int)y->cell.sequential;
	return order ? order : (x->cell.id > y->cell.id) - (x->cell.id < y->cell.id);
}

int plan_deal(const struct plan *plan, unsigned round, struct plan_block **blocks, size_t *count)
{
	struct deal deal = { .plan = plan, .random = generator(plan->seed, round) };
	unsigned *order = calloc(plan->cell_count + 1, sizeof *order);
	int result = -1;

	if (!deal.random || !order) {
		out_of_memory();
		goto end;
	}
	for (size_t c = 0; c < plan->cell_count; c++)
		order[c] = (unsigned)c;
	struct plan view = *plan; /* qsort_r's user pointer is not const */
	qsort_r(order, plan->cell_count, sizeof *order, by_group, &view);

	for (size_t from = 0, to; from < plan->cell_count; from = to) {
		const struct plan_cell *first = &plan->cells[order[from]];
		for (to = from + 1; to < plan->cell_count; to++) {
			const struct plan_cell *next = &plan->cells[order[to]];
			if (strcmp(first->group, next->group) != 0 ||
			    first->cell.sequential != next->cell.sequential)
				break;
		}
		if (deal_cells(&deal, order + from, to - from, first->cell.sequential))
			goto end;
	}
	shuffle(deal.random, deal.blocks, deal.count, sizeof *deal.blocks);
	for (size_t b = 0; b < deal.count; b++) {
		struct plan_block *block = &deal.blocks[b];
		unsigned reference = block->cells[0];
		shuffle(deal.random, block->cells, block->count, sizeof *block->cells);
		for (unsigned c = 0; block->reference >= 0 && c < block->count; c++)
			if (block->cells[c] == reference)
				block->reference = (int)c;
	}
	result = 0;
end:
	if (deal.random)
		gsl_rng_free(deal.random);
	free(order);
	if (result) {
		free(deal.blocks);
		deal = (struct deal){ .count = 0 };
	}
	*blocks = deal.blocks;
	*count = deal.count;
	return result;
}
