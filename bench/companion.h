/* SPDX-License-Identifier: GPL-3.0-or-later */
/* companion.h - a command that runs beside a cell, a profiler as a rule: COMMAND -p PID,PID… */
#ifndef COMPANION_H
#define COMPANION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct companion {
	char *const *command; /* its words, NULL at the end; NULL: none */
	bool silent;          /* its standard output is toll's standard error: ours is JSON */
	pid_t pid;            /* 0: it does not run */
	char failed[160];     /* after companion_end(): what was wrong with it; "" */
};

/* Whether there is such a program; false after say_error(). */
bool companion_exists(const struct companion *companion);
/* Starts it, with -p and the processes that the peers are behind it: those that have these ids, or
 * whose threads have. In its environment TOLL_PIDS is the same list, TOLL_TIDS one of the peers
 * themselves. For block_options.started. */
void companion_start(const int ids[], size_t count, void *companion);
/* Ends it in order, if it has not ended itself, and waits for it: SIGINT first, on which a profiler
 * writes its file; SIGKILL after half a minute or the next Ctrl-C. */
void companion_end(struct companion *companion);

#endif
