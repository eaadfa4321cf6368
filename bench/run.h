/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run.h - measuring: a campaign over a plan, or one cell held for a profiler. */
#ifndef RUN_H
#define RUN_H

#include "plan.h"

struct run_options {
	const char *output; /* NULL: toll-HOST-YYYYMMDD-HHMMSS.ndjson in the current folder */
	bool resume, json, require_quiet;
	bool budget_given; /* on the command line: too small a budget is an error, not a warning */
	double spent; /* what a comparison that asks for this run has spent of its error rate; 0 */
	char *path;   /* out, PATH_MAX bytes: the result file; "" when none was begun */
};

/* Whether cells can be measured at all: their CPUs are this machine's. false after say_error(). */
bool run_on_this_machine(const struct place *place);

/* Measures the plan's cells, round after round, into one result file. With resume the plan's seed
 * is that of the file. Returns an exit status: 0; 3 when --resume finds another host; 4; 128 + the
 * signal after Ctrl-C, SIGTERM or SIGHUP (the file is whole and has its summary). */
int run_campaign(const struct run_options *options, struct plan *plan,
		 const struct registry *registry, const struct place *place);

struct run_one_options {
	double seconds;
	char *const
		*command; /* "perf", "record", …, NULL; NULL: none. "-p PID,PID…" is put behind */
	bool json;
};

/* Runs the plan's only cell for so long, and a command beside it. Returns an exit status. */
int run_one(const struct run_one_options *options, struct plan *plan,
	    const struct registry *registry, const struct place *place);

#endif
