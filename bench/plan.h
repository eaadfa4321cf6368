/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan.h - configuration × registry × host: the cells, refusals with reasons, and how each round
 * deals them into blocks. */
#ifndef PLAN_H
#define PLAN_H

#include "config.h"
#include "control.h"
#include "counters.h"
#include "place.h"
#include "registry.h"

enum { PLAN_BLOCK_CELLS = 12, PLAN_LEAST_ROUNDS = 20 };
#define PLAN_BLOCK_BYTES (1ULL << 30)

struct plan_cell {
	struct cell cell;
	char key[CELL_KEY];
	char group[CELL_KEY];   /* cell_group(): cells of one group are compared */
	const char *quantity;   /* "rtt_ns", "per_message_ns", "oneway_ns" */
	double messages, bytes; /* that cross in one operation */
	bool capacity_needed;   /* the pattern asks the pilot what the channel holds */
};

struct plan_refusal {
	char key[CELL_KEY];
	char reason[256];
};

struct plan_control {
	struct control control;
	struct plan_cell self; /* CONTROL_SELF */
};

struct plan {
	uint64_t seed;
	bool seed_given;          /* not drawn */
	double margin, budget_s;  /* budget_s 0: none */
	unsigned rounds;          /* 0: as many as the budget allows */
	unsigned long operations; /* 0: fitted by the pilot */
	bool tails;
	long dma_latency_us;          /* -1: not asked for */
	char counting[COUNTERS_LIST]; /* as it was asked for: "default", "none" */
	struct counters counters;
	char config[4096]; /* path, or "" */
	struct plan_cell *cells;
	size_t cell_count;
	struct plan_refusal *refused;
	size_t refused_count;
	struct plan_control *controls; /* none where they are switched off */
	size_t control_count;
};

/* NULL after say_error() (unknown names and the like: exit 4). A plan whose every cell is refused
 * is returned; the caller says so and exits 4. */
struct plan *plan_make(const struct config *config, const struct registry *registry,
		       const struct place *place);
void plan_free(struct plan *plan);

struct plan_block {
	unsigned cells[PLAN_BLOCK_CELLS];
	unsigned count;
	int reference; /* index into the block's cells of the shared reference, -1: none was needed
			*/
	bool sequential; /* its cells are measured one after the other */
};
/* The blocks of a round, in this round's random order, cells in random order: a function of
 * (plan, seed, round) alone. Caller frees *blocks. 0 or -1 after say_error(). */
int plan_deal(const struct plan *plan, unsigned round, struct plan_block **blocks, size_t *count);

/* One of header.plan.cells of reports/schema.md, a new object; NULL when memory runs out. */
json_t *plan_cell_json(const struct plan_cell *entry);
/* header.plan of reports/schema.md, a new object; NULL when memory runs out. */
json_t *plan_json(const struct plan *plan);
/* --dry-run: cells, refusals and the first round's blocks, as text; the same bytes for the same
 * configuration, machine and seed. */
void plan_print(FILE *stream, const struct plan *plan);

#endif
