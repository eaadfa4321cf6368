/* SPDX-License-Identifier: GPL-3.0-or-later */
/* environment.h - where result files were measured: the keys of header.host in which they differ,
 * and which of those a comparison means to vary. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include "read.h"

enum { ENVIRONMENT_MOST = 200 }; /* differences that are listed */

struct environment_difference {
	char key[128];       /* "kernel", "mitigations.meltdown", "plan.tails" */
	char values[2][200]; /* of the first file and of the first that differs from it; raw text */
	const char *paths[2];
	bool varied; /* --varies names it */
};

struct environment {
	struct environment_difference *differences;
	size_t count;
	size_t unlisted;       /* more of them, none of which is varied */
	bool same;             /* but for what is varied */
	char suggestion[1024]; /* the --varies that would allow them all; "" when same */
};

/* Compares all files with the first: every member of header.host but name and boot_id, and whether
 * operations were stamped (plan.tails). What is null or missing in one file only is a difference;
 * memory_bytes counts beyond 5 %, because a kernel takes more or less of it for itself. varies:
 * names with commas ("kernel,limits.nofile"; "limits" stands for all its members) or NULL. "kernel"
 * also covers kernel_build and the mitigations and limits of which only one kernel knows. NULL
 * after say_error(): an unknown name, no memory. */
struct environment *environment_of(const struct result *const files[], size_t n,
				   const char *varies);
void environment_free(struct environment *environment);

#endif
