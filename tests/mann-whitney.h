/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mann-whitney.h - the test that toll's verdicts are shown beside: what the usual benchmark of ten
 * in-process repetitions says. */
#ifndef MANN_WHITNEY_H
#define MANN_WHITNEY_H

#include <stdbool.h>
#include <stddef.h>

enum { MANN_WHITNEY = 10 }; /* values a side */

/* Two-sided 5 % for 10 against 10: U ≤ 23 (the exact table's). */
static inline bool mann_whitney(const double a[], const double b[])
{
	unsigned u = 0;

	for (size_t i = 0; i < MANN_WHITNEY; i++)
		for (size_t j = 0; j < MANN_WHITNEY; j++)
			u += a[i] < b[j];
	return u <= 23 || u >= MANN_WHITNEY * MANN_WHITNEY - 23;
}

#endif
