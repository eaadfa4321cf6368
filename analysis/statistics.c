/* SPDX-License-Identifier: GPL-3.0-or-later */
/* statistics.c - the estimators: GSL's distributions and quantiles behind toll's conventions. */
#include "statistics.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most arrays here hold the workers of one cell, so a small copy needs no allocation. */
enum { SMALL = 256 };

struct sorted {
	double *x;
	double small[SMALL];
};

/* A sorted copy. These functions cannot report an error, and a statement made from half of the
 * values would be wrong, so the program ends when memory runs out. */
static const double *sort(struct sorted *sorted, const double x[], size_t n)
{
	sorted->x = n <= SMALL ? sorted->small : malloc(n * sizeof *x);
	if (!sorted->x) {
		fputs("toll: out of memory\n", stderr);
		abort();
	}
	if (n)
		memcpy(sorted->x, x, n * sizeof *x);
	gsl_sort(sorted->x, 1, n);
	return sorted->x;
}

static void drop(struct sorted *sorted)
{
	if (sorted->x != sorted->small)
		free(sorted->x);
}

double statistics_mean(const double x[], size_t n)
{
	return n ? gsl_stats_mean(x, 1, n) : NAN;
}

double statistics_sd(const double x[], size_t n)
{
	return n < 2 ? NAN : gsl_stats_sd(x, 1, n);
}

double statistics_quantile(const double x[], size_t n, double p)
{
	if (n == 0)
		return NAN;
	struct sorted sorted;
	double value = gsl_stats_quantile_from_sorted_data(sort(&sorted, x, n), 1, n, p);
	drop(&sorted);
	return value;
}

double statistics_median(const double x[], size_t n)
{
	return statistics_quantile(x, n, 0.5);
}

double statistics_mad_sd(const double x[], size_t n)
{
	if (n == 0)
		return NAN;
	double median = statistics_median(x, n);
	struct sorted away;
	sort(&away, x, n);
	for (size_t i = 0; i < n; i++)
		away.x[i] = fabs(away.x[i] - median);
	double mad = statistics_median(away.x, n);
	drop(&away);
	return 1.4826 * mad;
}

double statistics_t_factor(double freedom, double level)
{
	return freedom >= 1 ? gsl_cdf_tdist_Pinv(0.5 + level / 2, freedom) : NAN;
}

static struct interval around(double estimate, double half, size_t n)
{
	return (struct interval){ estimate, estimate - half, estimate + half, n };
}

unsigned statistics_binomial_limit(unsigned n, double p, double probability)
{
	unsigned k = 0;

	while (k < n && gsl_cdf_binomial_P(k, p, n) < probability)
		k++;
	return k;
}

struct interval statistics_t(const double x[], size_t n, double level)
{
	if (n < 2)
		return around(statistics_mean(x, n), NAN, n);
	double error = statistics_sd(x, n) / sqrt((double)n);
	return around(statistics_mean(x, n), statistics_t_factor((double)n - 1, level) * error, n);
}

/* The largest l with P(X < l) ≤ (1 − level)/2 for X binomial(n, ½): the interval runs from the
 * l-th smallest to the l-th largest value. 0: there is none. */
static size_t order_rank(size_t n, double level)
{
	double tail = (1 - level) / 2;

	/* GSL's continued fraction need not converge for large n, and then it aborts */
	if (n > 1000) {
		double rank =
			((double)n + 1) / 2 - gsl_cdf_ugaussian_Qinv(tail) * sqrt((double)n) / 2;
		return rank < 1 ? 0 : (size_t)rank;
	}
	size_t rank = 0;
	while (rank < n / 2 && gsl_cdf_binomial_P((unsigned)rank, 0.5, (unsigned)n) <= tail)
		rank++;
	return rank;
}

struct interval statistics_median_interval(const double x[], size_t n, double level)
{
	if (n == 0)
		return around(NAN, NAN, 0);
	struct sorted sorted;
	const double *s = sort(&sorted, x, n);
	size_t rank = order_rank(n, level);
	struct interval interval = around(gsl_stats_median_from_sorted_data(s, 1, n), NAN, n);
	if (rank) {
		interval.low = s[rank - 1];
		interval.high = s[n - rank];
	}
	drop(&sorted);
	return interval;
}

struct trimmed statistics_trimmed(const double sorted[], const unsigned times[], size_t values,
				  double trim)
{
	size_t n = values;
	if (times) {
		n = 0;
		for (size_t i = 0; i < values; i++)
			n += times[i];
	}
	if (n == 0)
		return (struct trimmed){ NAN, NAN, 0, 0 };

	/* 0.2 × 15 is a hair below 3 for some ways of writing 0.2 */
	size_t cut = (size_t)floor(trim * (double)n + 1e-9);
	size_t kept = n - 2 * cut;

	/* Sums over the kept values, less a middle one so that their squares do not cancel. The
	 * values at ranks cut and n − cut − 1, low and high, are what the others are winsorised to.
	 */
	double middle = sorted[values / 2], low = NAN, high = NAN, sum = 0, squares = 0;
	size_t rank = 0;
	for (size_t i = 0; rank < n - cut; i++) {
		size_t begin = rank < cut ? cut : rank;
		rank += times ? times[i] : 1;
		size_t end = rank < n - cut ? rank : n - cut;
		if (begin >= end)
			continue;
		double count = (double)(end - begin), away = sorted[i] - middle;
		if (begin == cut)
			low = sorted[i];
		high = sorted[i];
		sum += count * away;
		squares += count * away * away;
	}
	struct trimmed trimmed = {
		.mean = middle + sum / (double)kept, .error = NAN, .n = n, .kept = kept
	};
	if (kept < 2)
		return trimmed;
	if (low == high) { /* no rounding error may pass for a spread */
		trimmed.mean = low;
		trimmed.error = 0;
		return trimmed;
	}
	sum += (double)cut * (low - middle + high - middle);
	squares +=
		(double)cut * ((low - middle) * (low - middle) + (high - middle) * (high - middle));
	squares -= sum * sum / (double)n;
	trimmed.error = sqrt(fmax(squares, 0) / ((double)kept * ((double)kept - 1)));
	return trimmed;
}

struct interval statistics_yuen(const double x[], size_t n, double trim, double level, double *p)
{
	struct sorted sorted;
	struct trimmed t = statistics_trimmed(sort(&sorted, x, n), NULL, n, trim);
	drop(&sorted);

	double freedom = (double)t.kept - 1;
	if (p) {
		if (isnan(t.error))
			*p = NAN;
		else if (t.error > 0)
			*p = 2 * gsl_cdf_tdist_Q(fabs(t.mean / t.error), freedom);
		else
			*p = t.mean == 0 ? 1 : 0;
	}
	return around(t.mean, isnan(t.error) ? NAN : statistics_t_factor(freedom, level) * t.error,
		      n);
}

double statistics_pair(const double a[], const double b[], size_t n)
{
	double small[SMALL];
	double *ratio = n <= SMALL ? small : malloc(n * sizeof *ratio);
	size_t kept = 0;

	if (!ratio)
		return NAN;
	for (size_t i = 0; i < n; i++) {
		double value = log(a[i] / b[i]);
		if (isfinite(value))
			ratio[kept++] = value;
	}
	double median = kept ? statistics_median(ratio, kept) : NAN;
	if (ratio != small)
		free(ratio);
	return median;
}

/* The larger of both, since a few values may agree by chance. */
static double widest(const double x[], size_t n)
{
	return fmax(statistics_mad_sd(x, n), statistics_sd(x, n));
}

bool statistics_bimodal(const double x[], size_t n, double *low, double *high)
{
	enum { FEWEST = 10, FEWEST_OF_A_MODE = 4 };
	*low = *high = NAN;
	if (n < FEWEST)
		return false;

	struct sorted sorted;
	const double *s = sort(&sorted, x, n);
	size_t least = (n + 4) / 5 > FEWEST_OF_A_MODE ? (n + 4) / 5 : FEWEST_OF_A_MODE;
	size_t split = least;
	for (size_t i = least; i <= n - least; i++)
		if (s[i] - s[i - 1] > s[split] - s[split - 1])
			split = i;
	*low = gsl_stats_median_from_sorted_data(s, 1, split);
	*high = gsl_stats_median_from_sorted_data(s + split, 1, n - split);
	double spread = fmax(widest(s, split), widest(s + split, n - split));
	/* The distance of the medians alone would call the halves of 20 normal values two modes one
	 * time in eight; with the gap it is one in a thousand (2.5 % of sets of 10). */
	bool two = *high - *low > 3 * spread && s[split] - s[split - 1] > 2 * spread;
	drop(&sorted);
	return two;
}
