/* SPDX-License-Identifier: GPL-3.0-or-later */
/* duels.h - cells of an old and a new side measured pair by pair: planned looks at all of them as
 * one family, and hidden pairs of identical cells that say whether to believe it. Nothing is
 * measured here. */
#ifndef DUELS_H
#define DUELS_H

#include "compare.h"

/* Hidden ones are a cell of one side against itself, measured and tested like all others. */
enum duel_kind { DUEL_CELL, DUEL_OLD_TWICE, DUEL_NEW_TWICE, DUEL_KINDS };

enum { DUELS_FEWEST_PAIRS = 5 /* that a verdict can be made of */ };

/* A worker of each side: logs of ns an operation, and ln(new / old). */
struct duel_pair {
	enum host_state state;
	double value[COMPARE_SIDES], ratio;
};

struct duel {
	struct result_cell cell;
	enum duel_kind kind;
	bool alternating; /* worker by worker; else turn by turn */
	struct duel_pair *pairs;
	size_t pair_count;
	unsigned attempts, dropped, failed; /* dropped: another host state a side */
	unsigned failures_in_row;
	size_t seen;       /* pairs, by the last look */
	char failure[256]; /* the last reason */
	bool closed;       /* decided in each of its states, or given up: measured no more */
	bool given_up;
	bool decided[STATE_COUNT];
	struct verdict verdict[STATE_COUNT]; /* once decided it stays */
};

struct duels {
	double margin;
	struct duel *duels;
	size_t count;
	unsigned looks;
	double spent; /* of the error rate, by the looks so far */
	double level; /* of the last look */
};

/* Counts a pair; false when memory runs out. */
bool duel_add(struct duel *duel, const struct duel_pair *pair);
/* Counts an attempt that gave no pair: after three failures in a row the duel is given up. */
void duel_fail(struct duel *duel, const char *reason);

/* Counts an attempt within which the host's state changed. */
void duel_drop(struct duel *duel);

/* How many identical cells a gate of so many cells hides: one in twenty, and at least twenty. */
size_t duels_hidden(size_t cells);

/* A look at all duels that are no hidden ones: those decided stay decided, the others are tested as
 * one family with them at this level of false discoveries. Closes what is decided. false when
 * memory runs out. */
bool duels_look(struct duels *duels, double level);
/* Whether a look would see, of a cell that is open and can be tested, a pair that none has seen. */
bool duels_unseen(const struct duels *duels);
/* Cells that are still open. */
size_t duels_open(const struct duels *duels);

/* Frees what they hold. */
void duels_clear(struct duels *duels);

/* What the last look said, at all pairs there are, as a comparison: a row per cell and host state
 * that holds over a tenth of its pairs. The duels must outlive it; free with comparison_free().
 * NULL when memory runs out. */
struct comparison *duels_comparison(const struct duels *duels);

#endif
