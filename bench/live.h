/* SPDX-License-Identifier: GPL-3.0-or-later */
/* live.h - an old and a new side measured against each other in one boot, cell by cell: two
 * toll-worker programs turn by turn, or two settings worker by worker. */
#ifndef LIVE_H
#define LIVE_H

#include "../analysis/duels.h"
#include "plan.h"

enum { LIVE_LEAST_PAIRS = 20 /* that are planned at least */ };

struct live_side {
	const char *name; /* as it was given: the program, the command */
	const struct plan *plan;
	const struct registry *registry;
	const char *set; /* run before each of its workers; NULL: it is a program */
};

struct live_options {
	struct live_side side[COMPARE_SIDES];
	const char *only; /* fnmatch(3) for keys; NULL: all */
	double budget_s;
	bool budget_given;
	unsigned pairs; /* exactly so many a cell, and one look; 0: as many as the budget allows */
	double margin;
	uint64_t seed;
	unsigned long operations; /* a turn; 0: fitted by the pilot */
	const struct place *place;
	const char *record; /* where pairs are kept; NULL: nowhere */
	bool more;          /* go on with the record: what is decided stays so */
};

enum live_ended {
	LIVE_DECIDED, /* every cell is */
	LIVE_ALL,     /* all pairs that were planned are measured */
	LIVE_BUDGET,
	LIVE_INTERRUPTED
};

struct live {
	struct duels duels;
	struct compare_lone *lone; /* cells that one side lacks; keys and reasons are the plans' */
	size_t lone_count, not_asked;
	double seconds;
	enum live_ended ended;
};

/* Measures until every cell is decided or the budget is used up. 0 with *live filled in; an exit
 * status after say_error(). In both cases live_free() is due, and the plans must outlive *live. */
int live_run(const struct live_options *options, struct live *live);
void live_free(struct live *live);

#endif
