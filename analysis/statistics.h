/* SPDX-License-Identifier: GPL-3.0-or-later */
/* statistics.h - the estimators, on plain arrays. Every array is left as it was; values are finite.
 * Nothing here divides by a variance of zero: such an interval is its estimate, and p is 0 or 1. */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

struct interval { /* low and high NaN when n is too small to say */
	double estimate, low, high;
	size_t n;
};

double statistics_mean(const double x[], size_t n);
double statistics_sd(const double x[], size_t n);     /* n − 1; NaN below two */
double statistics_median(const double x[], size_t n); /* skips nothing: no NaN allowed */
double statistics_quantile(const double x[], size_t n, double p); /* type 7 (GSL's) */
double statistics_mad_sd(const double x[], size_t n); /* 1.4826 × median |x − median| */

/* The least k that a binomial of n and p does not exceed with this probability (0.99). */
unsigned statistics_binomial_limit(unsigned n, double p, double probability);

/* Student's t interval of the mean, level e.g. 0.95. */
struct interval statistics_t(const double x[], size_t n, double level);
/* Half-width of a t interval in standard errors; NaN when freedom < 1. */
double statistics_t_factor(double freedom, double level);
/* The median with its distribution-free interval between order statistics (exact binomial; the
 * normal approximation above 1000 values). NaN bounds when even the extremes cover too little. */
struct interval statistics_median_interval(const double x[], size_t n, double level);

/* Mean trimmed by a share at each end (0.2), interval by Yuen's t (Yuen 1974; Wilcox 2012 §5.9
 * for the paired case: give the differences). *p, when asked, is two-sided against mean 0. */
struct interval statistics_yuen(const double x[], size_t n, double trim, double level, double *p);
/* What Yuen's t is made of. */
struct trimmed {
	double mean,
		error; /* standard error: √(winsorised squares / (h (h − 1))); NaN when h < 2 */
	size_t n, kept; /* kept: h = n − 2 ⌊trim n⌋; h − 1 degrees of freedom */
};
/* Of sorted values of which value i occurs times[i] times (NULL: once each). n is their sum. */
struct trimmed statistics_trimmed(const double sorted[], const unsigned times[], size_t values,
				  double trim);

/* Value of a pair: the median of per-turn log ratios ln(a[i]/b[i]); turns with NaN are skipped.
 * NaN when none is left. */
double statistics_pair(const double a[], const double b[], size_t n);
/* Two modes? Largest-gap test on ≥ 10 values: true when two groups of at least a fifth each have
 * medians further apart than three times the wider one's spread, and a gap of twice it between
 * them. *low, *high: the groups' medians, NaN below 10. */
bool statistics_bimodal(const double x[], size_t n, double *low, double *high);

#endif
