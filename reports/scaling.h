/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scaling.h - pairs of peers at once: what they come to together, and how much longer each takes
 * than a pair alone. */
#ifndef SCALING_H
#define SCALING_H

#include "arrange.h"

struct scaling { /* a cell of the pattern pairs, in a host state */
	const struct result_cell *of;
	const struct level *level;
	unsigned pairs, cpus;     /* cpus: different ones that they are on */
	struct interval rate;     /* round trips a second, all pairs together */
	struct interval slowdown; /* time of a round trip over that of one pair, by rounds; NaN
				   * where one pair alone was not measured */
	size_t family; /* cells of one number differ in how many pairs there are, and come one after
			* the other, from few to many */
};

/* A fresh array that the caller frees, *n its length; NULL when memory runs out. */
struct scaling *scaling_of(const struct arrangement *arrangement, size_t *n);

/* Nothing where no pairs were measured. 0, or -1 when memory runs out. */
int scaling_print(FILE *stream, const struct arrangement *arrangement);
void scaling_html(FILE *stream, const struct arrangement *arrangement);
/* A new array, an object a cell. */
json_t *scaling_json(const struct arrangement *arrangement);

#endif
