/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decompose.h - where the time of a round trip goes: what its parts take by the run's controls,
 * beside what was measured. Nothing here is fitted: every figure is a measurement of its own, and
 * what they leave unexplained is told. */
#ifndef DECOMPOSE_H
#define DECOMPOSE_H

#include "level.h"

/* On one CPU a round trip is the mechanism's own path for two messages (self), the system calls
 * that self has not (or has too many of), and switches and sleeps, as often as the timed workers'
 * peers had them. A sleep is what a hand-over by futex takes beside its calls and its switch: one
 * goes to sleep and another wakes it. Across CPUs a sleep is a wake-up of the other CPU, its
 * switches included, and the message's lines cross. */
enum part { PART_SELF, PART_CALLS, PART_SLEEPS, PART_SWITCHES, PART_LINES, PARTS };

struct decomposition {
	const struct level *level;       /* what was measured: level->ns */
	double count[PARTS];             /* in a round trip; NaN: none of it */
	struct interval unit[PARTS];     /* ns of one */
	struct interval part[PARTS];     /* ns of all; estimate 0 where there is none */
	struct interval predicted, rest; /* ns; rest: measured − predicted */
	struct interval floor;           /* ns: a line to and fro, on one CPU two switches; NaN */
	bool calls_assumed; /* they were not counted here: two for each sleep beyond self's */
	/* why there is no prediction: a control that was not measured; "". All else is NaN then. */
	char why[400];
};

/* Intervals are of 95 %: of a control 25 % trimmed means over its replicates with Yuen's t,
 * combined in quadrature by what each control adds to the sum, so that one which two parts share
 * counts once. Levels of all cells of the pattern pingpong, in their order; caller frees. *n is 0
 * in a file without controls. NULL when memory runs out. */
struct decomposition *decompose(const struct result *result, const struct level levels[],
				size_t level_count, size_t *n);

/* "own path", "calls", "sleeps", "switches", "lines" */
const char *decompose_part_text(enum part part);
/* A control over its replicates: 25 % trimmed mean, Yuen's t; estimate NaN: none came about, or
 * memory ran out. */
struct interval decompose_control(const struct result_control *control);

#endif
