/* SPDX-License-Identifier: GPL-3.0-or-later */
/* read.h - a result file in memory. A result file is data from elsewhere: everything in it is
 * checked, bounded and never trusted. reports/schema.md says what it may hold, and how much. */
#ifndef READ_H
#define READ_H

#include <jansson.h>

#include "../bench/cell.h"
#include "controlled.h"
#include "counted.h"
#include "member.h"
#include "state.h"
#include "verdict.h"

enum quantity { QUANTITY_RTT, QUANTITY_MESSAGE, QUANTITY_ONEWAY };

struct result_bucket {        /* of a histogram */
	double low_ns, count; /* operations that took so long, up to the next bucket */
};

struct result_cell {
	struct cell cell;
	char key[CELL_KEY];
	enum quantity quantity;
	double messages, bytes; /* that cross in one operation */
	bool decided;           /* at one of the looks */
};

struct result_disturbance { /* NaN: not known */
	double run_delay_ns, switches, involuntary, migrations;
	double gap_ns, gap_watch_ns, gap_most_ns, steal_ns;
};

struct result_worker {
	unsigned cell; /* index into cells */
	unsigned round, block;
	unsigned long visit;
	double at_s; /* seconds since the run began; NaN: not known */
	bool reference, ok, settled;
	char reason[256];
	enum host_state state;
	double canary_ns; /* NaN: none */
	double value;     /* median over turns of ln(ns per operation); NaN when failed */
	size_t turns;
	double *batch_ns; /* turns numbers; NaN for a missing turn */
	unsigned peers;
	double cpu_ns[CELL_MOST_PEERS];         /* NaN: not known */
	struct result_disturbance *disturbance; /* of each peer; never NULL */
	double operations, lost, due;           /* due: NaN where the file does not tell */
	double uncounted;                       /* operations before them in each turn; NaN */
	double offered_per_s, achieved_per_s;   /* of a pattern on a schedule, else NaN */
	struct result_bucket *buckets;          /* ascending; with --tails */
	size_t bucket_count;
	double bucket_step; /* relative width of a bucket, at most */
	unsigned long line; /* of the file */
};

struct result_refusal {
	char key[CELL_KEY];
	char reason[256];
};

/* How a cell was decided at a look: its level is known well enough, and it is told from the fastest
 * of its group, where it is not that one itself. */
enum decided { DECIDED_PRECISE, DECIDED_SAME, DECIDED_FASTER, DECIDED_SLOWER };

struct result_decision {
	unsigned cell;
	enum host_state state; /* of this level; STATE_NONE: of all its workers */
	enum decided how;
	unsigned against; /* who it is compared with (level.h); the cell itself when PRECISE */
};

struct result_look {     /* at a run under way, planned beforehand */
	unsigned number; /* so many quarters of the budget were over: 1 … VERDICT_LOOKS */
	unsigned rounds; /* whole ones so far */
	double at_s, budget_s;
	double alpha, spent; /* the level of this look, and that of all so far together */
	struct result_decision *decisions; /* newly decided, one for each level of a cell */
	size_t decision_count;
};

struct result {
	char path[4096];
	json_t *header; /* checked to be an object with host, clock and plan */
	double margin;
	double clock_ns, ticks_per_ns; /* what a reading of the clock costs, its ticks; NaN */
	double spent; /* of a comparison's error rate, before it asked for this run */
	uint64_t seed;
	struct result_cell *cells;
	size_t cell_count;
	struct result_refusal *refused;
	size_t refused_count;
	struct result_worker *workers; /* in the order of the file */
	size_t worker_count;
	/* Workers by cell, then visit: those of cell c are workers[order[i]], first[c] ≤ i <
	 * first[c + 1]. */
	size_t *first, *order;
	struct result_counted *counted; /* a cell at most once, in the order of the file */
	size_t counted_count;
	size_t *counted_at;              /* of each cell, plus 1; 0: it was not counted */
	struct result_control *controls; /* as in the header */
	size_t control_count;
	struct result_look looks[VERDICT_LOOKS]; /* in time order, so their numbers ascend */
	size_t look_count;
	json_t *summary;       /* the last one, or NULL */
	bool truncated;        /* the last line was cut; it was left out */
	unsigned long skipped; /* lines of an unknown kind */
	json_t *texts;         /* what result_host() has handed out */
	json_t *words;         /* what the counted lines say */
};

/* Reads path ("-": standard input). NULL after one say_error() that names file, line and member;
 * a cut last line and lines of an unknown kind are warned of. Names and texts are those of the
 * file: clean them before they reach a terminal or a page. */
struct result *result_read(const char *path);
void result_free(struct result *result);

/* What was counted of a cell; NULL: nothing was. */
const struct result_counted *result_counts(const struct result *result, unsigned cell);

/* One of header.plan.cells, which has to say that this index is its own. false after say_error().
 */
bool read_cell(const struct spot *spot, const json_t *object, size_t index,
	       struct result_cell *out);

/* Text of header.host.NAME ("kernel", "limits.nofile") for people, "-" when null or missing. Valid
 * until the result is freed. */
const char *result_host(const struct result *result, const char *name);

/* "rtt_ns", "per_message_ns", "oneway_ns", and which one it is (QUANTITY_MESSAGE: none of them) */
const char *quantity_name(enum quantity quantity);
enum quantity quantity_named(const char *name);
/* "near", "far", "-" */
const char *result_state_text(enum host_state state);
/* "precise", "same", "faster", "slower" */
const char *result_decided_text(enum decided how);

#endif
