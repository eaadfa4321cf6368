/* SPDX-License-Identifier: GPL-3.0-or-later */
/* crossing.h - what lies between two CPUs before any mechanism does: how far their clocks may be
 * apart, and how long it takes to wake who sleeps there. */
#ifndef CROSSING_H
#define CROSSING_H

#include <stdbool.h>
#include <stddef.h>

struct crossing_clocks {
	double bound_ns;         /* the clocks of the two CPUs are no further apart than this */
	double contradiction_ns; /* how far a stamp lay in its reader's future; 0: none did */
};

/* Stamps of the samples' clock to and fro between two CPUs, some thousands, a few ms. 0;
 * 1 interrupted; -1 after say_error(). */
int crossing_clocks(int cpu_a, int cpu_b, double ticks_per_ns, struct crossing_clocks *clocks);

/* Times from before the call that wakes (write() on a CPU that is kept busy) to the first
 * instruction of who slept in read() on the other, which has been idle for about idle_ns each time;
 * awake: something of the lowest priority keeps that CPU from idling. *n: how many, at most. 0;
 * 1 interrupted; -1 after say_error(). */
int crossing_wakes(int from, int to, double ticks_per_ns, double idle_ns, bool awake, double ns[],
		   size_t *n);

#endif
