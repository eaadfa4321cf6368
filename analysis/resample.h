/* SPDX-License-Identifier: GPL-3.0-or-later */
/* resample.h - the bootstrap of whole rounds: values of several sizes, drawn by the round they were
 * measured in, so that what a round did to all sizes alike stays together. */
#ifndef RESAMPLE_H
#define RESAMPLE_H

#include <gsl/gsl_rng.h>
#include <stddef.h>
#include <stdint.h>

#include "statistics.h"

struct resample;

/* For so many sizes; NULL when memory runs out. */
struct resample *resample_new(size_t sizes);
void resample_free(struct resample *resample);
/* Gives a size its n values and the round of each; once for each size. false: out of memory. */
bool resample_add(struct resample *resample, size_t size, const double values[],
		  const unsigned rounds[], size_t n);
/* After the last resample_add(). false: out of memory. */
bool resample_ready(struct resample *resample);
/* Different rounds, and values of all sizes. */
size_t resample_rounds(const struct resample *resample);
size_t resample_values(const struct resample *resample);

/* Draws as many rounds as there are, with replacement. */
void resample_draw(struct resample *resample, gsl_rng *rng);
/* 20 % trimmed mean of a size under the last draw; before any, of the values themselves. */
struct trimmed resample_trimmed(struct resample *resample, size_t size);

/* A generator for one bootstrap: the same for the same seed and text, whatever else is analysed. */
gsl_rng *resample_rng(uint64_t seed, const char *text);
/* Interval between percentiles of n replicates, which are sorted. The percentiles lie further out
 * for few rounds, as Student's t does from the normal: Hesterberg 2015 ("What teachers should know
 * about the bootstrap", the expanded percentile interval). NaN bounds below five rounds. */
struct interval resample_interval(double estimate, double replicates[], size_t n, size_t rounds);

enum { RESAMPLE_FEWEST_ROUNDS = 5 };

/* Replicates to draw when one of them touches so many values in all: 400, fewer (down to 100) where
 * that would take longer than a second or so. */
unsigned resample_replicates(size_t values);

#endif
