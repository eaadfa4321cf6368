/* SPDX-License-Identifier: GPL-3.0-or-later */
/* resample.c - the bootstrap of whole rounds. Values are sorted once; a replicate only counts how
 * often each round was drawn, so it costs one walk over the values. */
#include "resample.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct value {
	double value;
	unsigned round; /* as measured; after resample_ready() its place among the rounds */
};

struct column {
	struct value *values;
	double *sorted;
	size_t n;
};

struct resample {
	struct column *columns;
	size_t sizes;
	unsigned *rounds; /* the different ones, ascending */
	size_t round_count;
	unsigned *drawn; /* how often each round was drawn */
	bool any_drawn;
	unsigned *times; /* the same for the values of one size */
};

struct resample *resample_new(size_t sizes)
{
	struct resample *resample = calloc(1, sizeof *resample);

	if (!resample)
		return NULL;
	resample->sizes = sizes;
	resample->columns = calloc(sizes + 1, sizeof *resample->columns);
	if (!resample->columns) {
		free(resample);
		return NULL;
	}
	return resample;
}

void resample_free(struct resample *resample)
{
	if (!resample)
		return;
	for (size_t s = 0; s < resample->sizes; s++) {
		free(resample->columns[s].values);
		free(resample->columns[s].sorted);
	}
	free(resample->columns);
	free(resample->rounds);
	free(resample->drawn);
	free(resample->times);
	free(resample);
}

static int by_value(const void *left, const void *right)
{
	const struct value *a = left, *b = right;

	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return a->round < b->round ? -1 : a->round > b->round;
}

static int by_number(const void *left, const void *right)
{
	unsigned a = *(const unsigned *)left, b = *(const unsigned *)right;
	return a < b ? -1 : a > b;
}

bool resample_add(struct resample *resample, size_t size, const double values[],
		  const unsigned rounds[], size_t n)
{
	struct column *column = &resample->columns[size];

	column->values = calloc(n + 1, sizeof *column->values);
	column->sorted = calloc(n + 1, sizeof *column->sorted);
	if (!column->values || !column->sorted)
		return false;
	for (size_t i = 0; i < n; i++)
		column->values[i] = (struct value){ values[i], rounds[i] };
	qsort(column->values, n, sizeof *column->values, by_value);
	for (size_t i = 0; i < n; i++)
		column->sorted[i] = column->values[i].value;
	column->n = n;
	return true;
}

size_t resample_values(const struct resample *resample)
{
	size_t n = 0;

	for (size_t s = 0; s < resample->sizes; s++)
		n += resample->columns[s].n;
	return n;
}

size_t resample_rounds(const struct resample *resample)
{
	return resample->round_count;
}

bool resample_ready(struct resample *resample)
{
	size_t n = 0, most = 0, kept = 0;

	resample->rounds = calloc(resample_values(resample) + 1, sizeof *resample->rounds);
	if (!resample->rounds)
		return false;
	for (size_t s = 0; s < resample->sizes; s++) {
		const struct column *column = &resample->columns[s];
		most = column->n > most ? column->n : most;
		for (size_t i = 0; i < column->n; i++)
			resample->rounds[n++] = column->values[i].round;
	}
	qsort(resample->rounds, n, sizeof *resample->rounds, by_number);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || resample->rounds[i] != resample->rounds[kept - 1])
			resample->rounds[kept++] = resample->rounds[i];
	resample->round_count = kept;
	for (size_t s = 0; s < resample->sizes; s++) {
		struct column *column = &resample->columns[s];
		for (size_t i = 0; i < column->n; i++) {
			const unsigned *at = bsearch(&column->values[i].round, resample->rounds,
						     kept, sizeof *at, by_number);
			column->values[i].round = (unsigned)(at - resample->rounds);
		}
	}
	resample->times = calloc(most + 1, sizeof *resample->times);
	resample->drawn = calloc(kept + 1, sizeof *resample->drawn);
	return resample->times && resample->drawn;
}

void resample_draw(struct resample *resample, gsl_rng *rng)
{
	size_t n = resample->round_count;

	resample->any_drawn = true;
	memset(resample->drawn, 0, n * sizeof *resample->drawn);
	for (size_t i = 0; i < n; i++)
		resample->drawn[gsl_rng_uniform_int(rng, n)]++;
}

struct trimmed resample_trimmed(struct resample *resample, size_t size)
{
	const struct column *column = &resample->columns[size];

	if (!resample->any_drawn)
		return statistics_trimmed(column->sorted, NULL, column->n, 0.2);
	for (size_t i = 0; i < column->n; i++)
		resample->times[i] = resample->drawn[column->values[i].round];
	return statistics_trimmed(column->sorted, resample->times, column->n, 0.2);
}

gsl_rng *resample_rng(uint64_t seed, const char *text)
{
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
	uint64_t hash = 14695981039346656037ULL ^ seed; /* FNV-1a */

	if (!rng)
		return NULL;
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211ULL;
	/* the generator takes 32 bits */
	gsl_rng_set(rng, (unsigned long)((hash ^ hash >> 32) & 0xffffffff));
	return rng;
}

struct interval resample_interval(double estimate, double replicates[], size_t n, size_t rounds)
{
	enum { FEWEST = 50 };
	struct interval interval = { estimate, NAN, NAN, rounds };

	if (n < FEWEST || rounds < RESAMPLE_FEWEST_ROUNDS)
		return interval;
	double r = (double)rounds;
	double tail = gsl_cdf_ugaussian_P(-sqrt(r / (r - 1)) * statistics_t_factor(r - 1, 0.95));
	gsl_sort(replicates, 1, n);
	interval.low = statistics_quantile(replicates, n, tail);
	interval.high = statistics_quantile(replicates, n, 1 - tail);
	return interval;
}

unsigned resample_replicates(size_t values)
{
	double affordable = 6e7 / ((double)values + 1);

	return affordable > 400 ? 400 : affordable < 100 ? 100 : (unsigned)affordable;
}
