/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bout.h - how the pairs of duels are measured: dealt anew each round into block visits, in which
 * both sides play turn by turn, or one after the other. */
#ifndef BOUT_H
#define BOUT_H

#include "live.h"
#include "record.h"

struct bout { /* of the duel of the same index */
	const struct plan_cell *cell[COMPARE_SIDES];
	enum compare_side program[COMPARE_SIDES]; /* whose worker plays a side */
};

struct bouts {
	const struct live_side *side; /* COMPARE_SIDES of them */
	unsigned long operations;     /* a turn; 0: fitted by the pilot */
	struct duels *duels;          /* pairs go there, */
	struct record *record;        /* and there; NULL: none is kept */
	struct bout *bouts;           /* as many as duels; bouts_free() */
	size_t count;
	double ticks_per_ns;
	uint64_t random;
	unsigned round; /* counts over all sessions of a record */
	bool new_first; /* worker by worker: BAAB, not ABBA */
	bool lost_old;  /* the old side's command failed */
};

/* Adds a duel, and how it is measured. false when memory runs out. */
bool bouts_add(struct bouts *bouts, enum duel_kind kind, const struct plan_cell *old,
	       const struct plan_cell *fresh);
void bouts_free(struct bouts *bouts);

struct chunk { /* what one visit measures */
	size_t duels[PLAN_BLOCK_CELLS];
	unsigned count;
	bool alternating;
};

/* Open duels and all hidden ones, dealt anew, to be freed. NULL after say_error(). */
struct chunk *bouts_deal(struct bouts *bouts, size_t *count);

enum visited { VISIT_DONE, VISIT_INTERRUPTED, VISIT_ERROR /* after say_error() */ };
/* A pair of each duel of the chunk, or what kept it from having one. */
enum visited bouts_visit(struct bouts *bouts, const struct chunk *chunk);

/* Settings: leaves the machine as the old side has it. false after say_error(). */
bool bouts_restore(struct bouts *bouts);

#endif
