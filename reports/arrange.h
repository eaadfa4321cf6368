/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arrange.h - a result laid out for reading: sheets of variant × size whose cells may be compared,
 * what was left out and what failed by reason, the price of false sharing. Terminal, page, figures
 * and JSON all show this one arrangement. */
#ifndef ARRANGE_H
#define ARRANGE_H

#include "../analysis/decompose.h"
#include "../analysis/tails.h"
#include "text.h"

enum measure { MEASURE_RTT, MEASURE_BANDWIDTH, MEASURE_TIME, MEASURE_ONEWAY };

struct sheet_cell {
	int cell;                  /* index into result->cells; -1: not in the plan */
	const struct level *level; /* NULL: no worker of it finished in this host state */
	bool failed;               /* none finished and one failed: else it was never reached */
	/* lowest time of its column, of what lost no message, where there is more than one */
	bool fastest;
	bool tied; /* not the lowest, but pairs do not tell it from the one that is */
};

struct sheet_row {
	char label[2 * CELL_NAME +
		   CELL_OPTIONS]; /* "ring:layout=slot", its wait where the sheet has several */
	const struct cell *cell;  /* any of its cells: they differ in size only */
	struct sheet_cell *cells; /* one per size of the sheet */
};

struct sheet {                     /* one pattern under one condition */
	const struct cell *sample; /* any of its cells */
	enum host_state state;
	enum measure measure;
	char situation[224];  /* "shared-l3, sleeping, CPUs kept awake" */
	char conditions[256]; /* "CPUs 0 and 1; host state far; 2 processes" */
	char pattern[CELL_NAME + CELL_OPTIONS];
	char waits[64]; /* "block", "spin, yield" */
	size_t size_count, row_count;
	uint64_t *sizes;                    /* ascending */
	struct sheet_row *rows;             /* fastest first, by the smallest size */
	size_t workers_least, workers_most; /* per level */
	bool new_situation; /* the sheet before is of another placement, class, idle or state */
};

struct reason { /* refusals or failures of one wording */
	const char *text;
	size_t count;        /* refused cells, or failed workers */
	const char *keys[4]; /* the first few different ones */
	size_t key_count;    /* different keys in all */
	char *made;          /* the text, where this list alone has it; else NULL */
};

struct sharing { /* a variant with layout=shared-line against its twin */
	const struct cell *shared, *slot;
	enum quantity quantity;
	enum host_state state;
	struct interval factor; /* time with the shared line / time without */
	bool paired; /* from workers side by side; else the ratio of two levels, no interval */
	const struct sheet *sheet;
};

struct seat { /* where a cell stands */
	const struct sheet *sheet;
	const struct sheet_row *row;
};

struct arrangement {
	const struct result *result;
	struct sheet *sheets;
	size_t sheet_count;
	struct seat *seats; /* of each cell in each host state; see arranged_row() */
	struct reason *refused, *failed;
	size_t refused_count, failed_count; /* reasons */
	size_t failed_workers, unsettled_workers;
	struct sharing *sharing;
	size_t sharing_count;
	struct tail *tails; /* of a run with --tails */
	size_t tail_count;
	struct decomposition *decomposed; /* of a run with controls, in the order of levels */
	size_t decomposed_count;
};

/* Refers to result and levels, which must outlive it. NULL only when memory runs out. */
struct arrangement *arrange(const struct result *result, const struct level levels[], size_t n);
void arrange_free(struct arrangement *arrangement);

/* "round trip (RTT)", "payload received", "time per message", "one way, from when it was due" */
const char *measure_text(enum measure measure);
/* The interval a sheet shows of a level, ns or bytes per second. */
struct interval measure_value(enum measure measure, const struct level *level);
/* The unit a sheet's values are read best in. */
struct text_unit sheet_unit(const struct sheet *sheet);
/* The same for cpu_ns. */
struct text_unit sheet_cpu_unit(const struct sheet *sheet);
/* The cell that a column's others are compared with, with its row; NULL when nothing was measured,
 * or all of it lost messages. */
const struct sheet_cell *sheet_fastest(const struct sheet *sheet, size_t size, size_t *row);
/* The row that shows a cell in a host state, with its sheet; NULL when nothing was measured of it.
 */
const struct sheet_row *arranged_row(const struct arrangement *arrangement, unsigned cell,
				     enum host_state state, const struct sheet **sheet);
/* "far", "near" or "" */
const char *state_text(enum host_state state);

/* Text members of the header: "-" when missing or no string. The result owns them. */
const char *header_text(const struct result *result, const char *name);
/* A number of the header's plan or of the last summary; NaN when missing. */
double plan_number(const struct result *result, const char *name);
double summary_number(const struct result *result, const char *name);
/* "interrupted", "stopped" where the run did not come to its end; NULL where it did, or nothing is
 * known. */
const char *ended_early(const struct result *result);
/* "virtual machine, kvm", "no hypervisor seen" */
char *header_machine(const struct result *result, char *out, size_t bytes);

#endif
