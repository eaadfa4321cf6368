/* SPDX-License-Identifier: GPL-3.0-or-later */
/* versus.h - two cells head to head: pairs of fresh workers until a verdict is there. */
#ifndef VERSUS_H
#define VERSUS_H

#include "../analysis/read.h"
#include "../analysis/verdict.h"
#include "aa.h"
#include "plan.h"

enum {
	VERSUS_LEAST_PAIRS = 20, /* that are planned at least */
	VERSUS_FIRST_LOOK = 10,  /* pairs before the first look */
	VERSUS_FEWEST_PAIRS = 5, /* that a verdict can be made of */
	VERSUS_MOST_PAIRS = 10000
};

/* Both workers' values are logs of ns an operation, ratio is ln(a / b). */
struct versus_pair {
	enum host_state state;
	double value[2], ratio;
};

enum versus_ended {
	VERSUS_DECIDED, /* at a look */
	VERSUS_PRECISE, /* the interval is narrow enough that more pairs would not help */
	VERSUS_ALL,     /* every planned pair is measured */
	VERSUS_BUDGET,  /* they took longer than was planned for */
	VERSUS_INTERRUPTED
};

struct versus_state { /* what the pairs of one state of the host say */
	size_t pairs;
	struct interval log_ratio;
};

struct versus {
	const struct plan_cell *side[2];
	const char *program[2]; /* toll-worker programs are compared: their paths; else NULL */
	bool side_by_side;
	char apart[96]; /* why not */
	double margin;
	uint64_t seed;
	struct versus_pair *pair;
	size_t pairs;
	unsigned dropped, failed; /* pairs that do not count: another host state a side; a worker */
	char failure[256];        /* the last reason */
	size_t planned;
	unsigned looks;      /* that were taken, */
	unsigned most_looks; /* of so many planned */
	double alpha;        /* the level the verdict was asked at */
	double spent;        /* with all looks before it */
	enum versus_ended ended;
	double seconds, pair_seconds;
	struct aa_last aa; /* the machine's last A/A test */

	/* filled in by versus_judge() */
	enum host_state state; /* of most pairs: the verdict is theirs */
	struct versus_state of_state[STATE_COUNT];
	struct verdict verdict;
	struct interval ns[2]; /* an operation's time, a side, in that state */
};

struct versus_options {
	double budget_s; /* 0: as long as the fewest pairs take */
	bool budget_given;
	unsigned pairs; /* exactly so many, and one look; 0: as many as the budget allows */
	double margin;
	uint64_t seed;
	unsigned long operations; /* a turn; 0: fitted by the pilot */
};

/* Whether two cells can live side by side in one block; otherwise why not in why. */
bool versus_side_by_side(const struct plan_cell *a, const struct plan_cell *b, char *why,
			 size_t bytes);

/* Which pairs the looks come after, from so many planned; returns how many looks there are (at
 * most VERDICT_LOOKS). alpha[k] is what may be spent by look k, those before it included. */
unsigned versus_looks(size_t planned, bool one_look, size_t at[VERDICT_LOOKS],
		      double alpha[VERDICT_LOOKS]);

/* The estimates of the pairs so far, within the host state of most of them, and the verdict at a
 * level. The intervals stay at 95 %. false when memory runs out. */
bool versus_judge(struct versus *versus, double alpha);

/* Measures. 0 with *versus filled in, whatever ended it; an exit status after say_error(). In both
 * cases versus_free() is due. */
int versus_run(const struct versus_options *options, const struct plan_cell *a,
	       const struct plan_cell *b, const struct registry *const registries[2],
	       struct versus *versus);
void versus_free(struct versus *versus);

/* The sentence alone, without colours where the stream is no terminal. */
void versus_sentence(FILE *stream, const struct versus *versus);
/* The sentence and what stands behind it, or one JSON object (reports/versus_print.c). 0 or -1
 * after say_error(). */
int versus_print(const struct versus *versus, bool json);

#endif
