/* SPDX-License-Identifier: GPL-3.0-or-later */
/* more.h - one more run of the cells that a comparison of result files can't tell, on the side that
 * this machine is. */
#ifndef MORE_H
#define MORE_H

#include "../analysis/compare.h"

struct more_options {
	const struct result *const *files[COMPARE_SIDES];
	size_t file_count[COMPARE_SIDES];
	const struct comparison *comparison;
	int side; /* that this machine is; -1: as the environment tells */
	const char *const *plugins;
	size_t plugin_count;
};

/* Cells that a further run may tell. */
size_t more_cells(const struct comparison *comparison);

/* Runs them into a new file beside the side's last one, whose path and side are given back; what
 * the comparison has spent of its error rate goes with it. An exit status: 0; EXIT_ENVIRONMENT when
 * this machine is neither side; EXIT_USAGE; 128 + a signal. */
int more_run(const struct more_options *options, char *path, size_t bytes,
	     enum compare_side *measured);

#endif
