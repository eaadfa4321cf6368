/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_statistics.c - the estimators against published and hand-calculated values. */
#include "analysis/statistics.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static void near(double value, double expected, double within)
{
	if (!(fabs(value - expected) <= within))
		fail_msg("%.9g is not %.9g ± %g", value, expected, within);
}

static const double ten[] = { 7, 1, 10, 4, 2, 9, 3, 8, 6, 5 };

static void test_simple(void **state)
{
	(void)state;
	near(statistics_mean(ten, 10), 5.5, 1e-12);
	near(statistics_sd(ten, 10), 3.0276503541, 1e-9);
	near(statistics_median(ten, 10), 5.5, 1e-12);
	near(statistics_median(ten, 9), 6, 1e-12);
	/* type 7: 1 + 9 p */
	near(statistics_quantile(ten, 10, 0.25), 3.25, 1e-12);
	near(statistics_quantile(ten, 10, 0), 1, 1e-12);
	near(statistics_quantile(ten, 10, 1), 10, 1e-12);
	/* |x − 5.5| is 0.5, 0.5, 1.5, 1.5, 2.5, 2.5, … with the median 2.5 */
	near(statistics_mad_sd(ten, 10), 1.4826 * 2.5, 1e-12);
	assert_true(isnan(statistics_mean(ten, 0)));
	assert_true(isnan(statistics_median(ten, 0)));
	assert_true(isnan(statistics_mad_sd(ten, 0)));
	assert_true(isnan(statistics_sd(ten, 1)));
	assert_true(ten[0] == 7 && ten[9] == 5); /* left as it was */
}

static void test_t(void **state)
{
	(void)state;
	struct interval t = statistics_t(ten, 10, 0.95);
	/* 5.5 ± 2.262157 × 3.02765 / √10 */
	near(t.estimate, 5.5, 1e-12);
	near(t.low, 3.334149, 1e-6);
	near(t.high, 7.665851, 1e-6);
	assert_int_equal(t.n, 10);
	t = statistics_t(ten, 2, 0.95); /* 7 and 1: 4 ± 12.7062 × 3 */
	near(t.low, 4 - 12.7062 * 3, 1e-3);
	t = statistics_t(ten, 1, 0.95);
	near(t.estimate, 7, 0);
	assert_true(isnan(t.low) && isnan(t.high));
	t = statistics_t(ten, 0, 0.95);
	assert_true(isnan(t.estimate));
	near(statistics_t_factor(9, 0.95), 2.262157, 1e-6);
	assert_true(isnan(statistics_t_factor(0, 0.95)));
}

/* Ranks of the 95 % interval of a median, from the tables (Conover 1999, table A3; Hahn and Meeker
 * 1991). */
static void test_order_ranks(void **state)
{
	(void)state;
	static const struct {
		size_t n, low;
	} table[] = { { 6, 1 },  { 7, 1 },  { 8, 1 },   { 9, 2 },   { 10, 2 },  { 15, 4 },
		      { 20, 6 }, { 25, 8 }, { 30, 10 }, { 40, 14 }, { 50, 18 }, { 100, 40 } };
	double x[3000];

	for (size_t i = 0; i < LENGTH(x); i++)
		x[i] = (double)(i + 1);
	for (size_t t = 0; t < LENGTH(table); t++) {
		size_t n = table[t].n;
		struct interval m = statistics_median_interval(x, n, 0.95);
		near(m.estimate, (double)(n + 1) / 2, 1e-12);
		near(m.low, (double)table[t].low, 1e-12);
		near(m.high, (double)(n + 1 - table[t].low), 1e-12);
	}
	struct interval m = statistics_median_interval(x, 5, 0.95); /* 1 … 5 covers 93.75 % */
	near(m.estimate, 3, 0);
	assert_true(isnan(m.low) && isnan(m.high));
	m = statistics_median_interval(x, 0, 0.95);
	assert_true(isnan(m.estimate));
	/* exact and approximate agree where one takes over from the other */
	m = statistics_median_interval(x, 1000, 0.95);
	near(m.low, 469, 0);
	m = statistics_median_interval(x, 1001, 0.95);
	near(m.low, 470, 1);
	m = statistics_median_interval(x, 3000, 0.95);
	near(m.low, 1500.5 - 1.96 * sqrt(3000) / 2, 1);
}

/* Dana's self-awareness data, Wilcox 2012 §4.3: 20 % trimmed mean 282.7, interval (160.3913,
 * 404.9933) by Tukey and McLaughlin, whose error is s_w / (0.6 √n); Yuen's has the same s_w. */
static void test_yuen_published(void **state)
{
	(void)state;
	static const double awareness[] = { 77,  87,  88,  114, 151, 210, 219, 246,  253, 262,
					    296, 299, 306, 376, 428, 515, 666, 1310, 2611 };
	double n = 19, h = 13, p;
	double book_error = (404.9933 - 160.3913) / 2 / 2.178813;
	double winsorised = book_error * 0.6 * sqrt(n);
	double error = sqrt((n - 1) * winsorised * winsorised / (h * (h - 1)));
	struct interval yuen = statistics_yuen(awareness, LENGTH(awareness), 0.2, 0.95, &p);

	near(yuen.estimate, 3675.0 / 13, 1e-9);
	near(yuen.high - yuen.estimate, 2.178813 * error, 0.001);
	near(yuen.estimate - yuen.low, 2.178813 * error, 0.001);
	assert_true(p > 0 && p < 0.001);
}

static void test_yuen_by_hand(void **state)
{
	(void)state;
	/* 1 2 3 4 100: cut one at each end, mean 3, winsorised 2 2 3 4 4 with squares 4, h = 3:
	 * error √(4 / 6), 2 degrees of freedom, t = 3 / 0.816497 = 3.674235 and
	 * p = 1 − t / √(t² + 2) = 0.0668 */
	static const double x[] = { 100, 3, 1, 4, 2 };
	double p;
	struct interval yuen = statistics_yuen(x, 5, 0.2, 0.95, &p);
	near(yuen.estimate, 3, 1e-12);
	near(yuen.high, 3 + 4.302653 * sqrt(4.0 / 6), 1e-5);
	double t = 3 / sqrt(4.0 / 6);
	near(p, 1 - t / sqrt(t * t + 2), 1e-9);

	/* untrimmed it is Student's */
	struct interval plain = statistics_yuen(ten, 10, 0, 0.95, NULL);
	near(plain.low, 3.334149, 1e-6);

	struct interval one = statistics_yuen(x, 1, 0.2, 0.95, &p);
	near(one.estimate, 100, 0);
	assert_true(isnan(one.low) && isnan(p));
	one = statistics_yuen(x, 0, 0.2, 0.95, &p);
	assert_true(isnan(one.estimate));
}

static void test_zero_variance(void **state)
{
	(void)state;
	static const double same[] = { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 }, zero[6];
	double p;
	struct interval yuen = statistics_yuen(same, 6, 0.2, 0.95, &p);
	assert_true(yuen.low == yuen.estimate && yuen.high == yuen.estimate && p == 0);
	statistics_yuen(zero, 6, 0.2, 0.95, &p);
	assert_true(p == 1);
	struct interval t = statistics_t(zero, 6, 0.95);
	assert_true(t.low == 0 && t.high == 0);
	double low, high;
	static const double flat[20];
	assert_false(statistics_bimodal(flat, 20, &low, &high));
}

static void test_trimmed_with_counts(void **state)
{
	(void)state;
	/* counted values are the same as repeated ones */
	static const double sorted[] = { 1, 2, 4, 8, 16, 32 };
	static const unsigned times[] = { 2, 0, 3, 1, 4, 1 };
	static const double repeated[] = { 1, 1, 4, 4, 4, 8, 16, 16, 16, 16, 32 };
	struct trimmed a = statistics_trimmed(sorted, times, LENGTH(sorted), 0.2);
	struct trimmed b = statistics_trimmed(repeated, NULL, LENGTH(repeated), 0.2);
	assert_int_equal(a.n, 11);
	assert_int_equal(a.kept, 7);
	near(a.mean, 68.0 / 7, 1e-12); /* 4 4 4 8 16 16 16 */
	near(a.mean, b.mean, 1e-12);
	near(a.error, b.error, 1e-12);
	static const unsigned none[6];
	a = statistics_trimmed(sorted, none, 6, 0.2);
	assert_true(a.n == 0 && isnan(a.mean));
}

static void test_pair(void **state)
{
	(void)state;
	static const double a[] = { 2, NAN, 4, 100, 8 }, b[] = { 1, 1, 4, NAN, 2 };
	/* ln 2, ln 1, ln 4 */
	near(statistics_pair(a, b, 5), log(2), 1e-12);
	assert_true(isnan(statistics_pair(a + 1, b + 1, 1)));
	assert_true(isnan(statistics_pair(a, b, 0)));
	double many[1000], others[1000];
	for (size_t i = 0; i < 1000; i++) {
		others[i] = 1 + (double)(i % 7);
		many[i] = others[i] * 1.03;
	}
	near(statistics_pair(many, others, 1000), log(1.03), 1e-12);
}

static void test_binomial_limit(void **state)
{
	(void)state;
	/* summed up: P(X ≤ 3) is .9841, P(X ≤ 4) .99743, P(X ≤ 5) .99967 of 20 */
	assert_int_equal(statistics_binomial_limit(20, 0.05, 0.99), 4);
	assert_int_equal(statistics_binomial_limit(20, 0.05, 0.95), 3);
	assert_int_equal(statistics_binomial_limit(20, 0.05, 0.9975), 5);
	assert_int_equal(statistics_binomial_limit(1, 0.05, 0.99), 1);
	assert_int_equal(statistics_binomial_limit(0, 0.05, 0.99), 0);
}

static void test_bimodal(void **state)
{
	(void)state;
	double x[30], low, high;
	size_t false_alarms = 0, found = 0;
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);

	gsl_rng_set(rng, 7);
	for (unsigned set = 0; set < 300; set++) {
		for (size_t i = 0; i < 30; i++)
			x[i] = gsl_ran_gaussian(rng, 0.015);
		false_alarms += statistics_bimodal(x, 30, &low, &high);
		for (size_t i = 0; i < 12; i++)
			x[i] += 0.2;
		bool two = statistics_bimodal(x, 30, &low, &high);
		found += two && fabs(low) < 0.02 && fabs(high - 0.2) < 0.02;
	}
	gsl_rng_free(rng);
	assert_true(false_alarms <= 3);
	assert_true(found >= 297);
	/* a single outlier is no mode */
	for (size_t i = 0; i < 30; i++)
		x[i] = (double)i;
	x[29] = 1000;
	assert_false(statistics_bimodal(x, 30, &low, &high));
	assert_false(statistics_bimodal(x, 9, &low, &high));
	assert_true(isnan(low));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_t),
		cmocka_unit_test(test_order_ranks),
		cmocka_unit_test(test_yuen_published),
		cmocka_unit_test(test_yuen_by_hand),
		cmocka_unit_test(test_zero_variance),
		cmocka_unit_test(test_trimmed_with_counts),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_binomial_limit),
		cmocka_unit_test(test_bimodal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
