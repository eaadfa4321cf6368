/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pinned.h - children of toll that do something on a CPU each, all at once: what the harness asks
 * of the machine itself, without a toll-worker. toll's own affinity stays as it is. */
#ifndef PINNED_H
#define PINNED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PINNED_MOST = 64 };

struct pinned {
	int cpu;
	/* in the child; what it finds goes into memory of pinned_memory(). NULL: pinned_awake()
	 * until all others have ended */
	void (*run)(void *context);
	void *context;
	int keep[2]; /* descriptors beyond the first three that it needs; 0: none */
};

/* Runs them all until each but the wakeful has ended. 0; 1 interrupted (block_signal()); -1 after
 * say_error(): a CPU that is not to be had, a child that died or took over 20 s. */
int pinned_run(const struct pinned jobs[], unsigned n);

/* A child that keeps a CPU from going idle, at the lowest priority there is, so that waking a
 * process there does not measure the host; it is for the caller to kill. −1 with errno. */
pid_t pinned_awake(int cpu);

/* Zeroed memory that children share with toll; NULL after say_error(). */
void *pinned_memory(size_t bytes);
void pinned_free(void *memory, size_t bytes);

#endif
