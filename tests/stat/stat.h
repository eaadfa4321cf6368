/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stat.h - what the checks of the statistics' goals share: lines of goal and figure, the limits of
 * chance, and the test that others use. */
#ifndef STAT_H
#define STAT_H

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../analysis/statistics.h"
#include "../../analysis/verdict.h"
#include "../mann-whitney.h"

enum { TURNS = MANN_WHITNEY }; /* in-process repetitions that it is given */

/* What fails by chance alone once in 10 000 times may be judged in each make check. */
static const double HARDLY = 1e-4;

enum judgement { MET, MISSED, SEEN /* beside the goal's terms: not judged */ };

static unsigned passed, failed, skipped;

/* "ok GOAL (WHERE): figure …" */
static inline void __attribute__((format(printf, 4, 5)))
report(enum judgement judgement, const char *goal, const char *where, const char *format, ...)
{
	static const char *const words[] = { "ok", "not ok", "seen" };
	va_list arguments;

	printf("%s %s (%s): figure ", words[judgement], goal, where);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
	passed += judgement == MET;
	failed += judgement == MISSED;
}

static inline void skip(const char *goal, const char *why)
{
	printf("skipped %s: %s\n", goal, why);
	fflush(stdout);
	skipped++;
}

/* The last line; returns the exit status. */
static inline int finish(void)
{
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed ? 1 : 0;
}

static inline enum judgement met(bool ok)
{
	return ok ? MET : MISSED;
}

static inline double percent_of(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : NAN;
}

/* "--quick" as the only argument, or none; anything else ends the program. */
static inline bool is_quick(int argc, char **argv)
{
	bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;

	if (argc > 1 && !quick) {
		fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
		exit(4);
	}
	return quick;
}

/* The fewest of n trials that are not significantly below a share at a one-sided level. */
static inline unsigned least_of(unsigned n, double share, double level)
{
	unsigned count = 0;

	while (gsl_cdf_binomial_P(count, share, n) <= level)
		count++;
	return count;
}

#endif
