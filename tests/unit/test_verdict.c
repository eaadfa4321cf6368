/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_verdict.c - verdicts against published and hand-calculated values, and what they cover. */
#include "analysis/verdict.h"

#include <gsl/gsl_cdf.h>
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

static void kind_is(const struct verdict *verdict, enum verdict_kind kind)
{
	if (verdict->kind != kind)
		fail_msg("%s instead of %s (%g ± %g)", verdict_text(verdict->kind),
			 verdict_text(kind), verdict->log_ratio.estimate, verdict->error);
}

/* A verdict that has these p-values. */
static struct verdict made(double p_difference, double p_same, double estimate)
{
	return (struct verdict){ .kind = VERDICT_CANT_TELL,
				 .log_ratio = { estimate, NAN, NAN, 20 },
				 .error = 0.01,
				 .freedom = 11,
				 .p_difference = p_difference,
				 .p_same = p_same };
}

static void test_pairs_by_hand(void **state)
{
	(void)state;
	/* 1 2 3 4 100 hundredths: trimmed mean 0.03, error √(4 / 6) / 100, 2 degrees of freedom,
	 * whose distribution is Q(t) = (1 − t / √(t² + 2)) / 2 */
	static const double x[] = { 1, 0.03, 0.01, 0.04, 0.02 };
	double error = sqrt(4.0 / 6) / 100, t = 0.03 / error, u = (log(1.1) - 0.03) / error;
	struct verdict v;

	verdict_pairs(&v, x, 5, 0.1);
	kind_is(&v, VERDICT_CANT_TELL);
	assert_int_equal(v.log_ratio.n, 5);
	near(v.log_ratio.estimate, 0.03, 1e-12);
	near(v.error, error, 1e-12);
	near(v.freedom, 2, 0);
	near(v.p_difference, 1 - t / sqrt(t * t + 2), 1e-9);
	near(v.p_same, (1 - u / sqrt(u * u + 2)) / 2, 1e-9);
	near(v.log_ratio.high, 0.03 + 4.302653 * error, 1e-7);
	assert_true(x[0] == 1 && x[4] == 0.02); /* left as it was */

	/* the same below zero; and beyond the margin, where p_same exceeds one half */
	double minus[5];
	for (size_t i = 0; i < 5; i++)
		minus[i] = -x[i];
	struct verdict w;
	verdict_pairs(&w, minus, 5, 0.1);
	near(w.log_ratio.estimate, -0.03, 1e-12);
	near(w.p_difference, v.p_difference, 1e-12);
	near(w.p_same, v.p_same, 1e-12);
	verdict_pairs(&w, minus, 5, 0.02);
	u = (log(1.02) - 0.03) / error;
	near(w.p_same, (1 - u / sqrt(u * u + 2)) / 2, 1e-9);
	assert_true(w.p_same > 0.5);
}

static void test_pairs_are_yuen(void **state)
{
	(void)state;
	/* in an order without correlation the verdict is statistics_yuen()'s */
	static const double x[] = { 0.011,  -0.009, 0.004,  0.021,  -0.013, 0.017,
				    -0.002, 0.006,  -0.021, 0.015,  -0.004, 0.012,
				    -0.017, 0.03,   -0.006, 0.0004, 0.009,  -0.011 };
	struct verdict v;
	double p;
	struct interval yuen = statistics_yuen(x, LENGTH(x), 0.2, 0.95, &p);

	verdict_pairs(&v, x, LENGTH(x), 0.02);
	verdict_decide(&v, 1, 0.02, 0.05);
	near(v.p_difference, p, 1e-12);
	near(v.log_ratio.low, yuen.low, 1e-12);
	near(v.log_ratio.high, yuen.high, 1e-12);
}

static void test_too_few(void **state)
{
	(void)state;
	static const double x[] = { 0.1, 0.2, 0.3, 0.4, NAN };
	struct verdict v;

	verdict_pairs(&v, x, 4, 0.02);
	kind_is(&v, VERDICT_INVALID);
	assert_string_equal(v.why, "4 pairs; a verdict takes 5");
	verdict_decide(&v, 1, 0.02, 0.05);
	kind_is(&v, VERDICT_INVALID);
	assert_true(isnan(v.p_difference) && isnan(v.log_ratio.low));
	verdict_pairs(&v, NULL, 0, 0.02);
	kind_is(&v, VERDICT_INVALID);
	verdict_pairs(&v, x, 5, 0.02);
	kind_is(&v, VERDICT_INVALID);
	assert_string_equal(v.why, "not all pairs are finite numbers");
	verdict_samples(&v, x, 4, x, 3, 0.02);
	kind_is(&v, VERDICT_INVALID);
	assert_string_equal(v.why, "4 old values; a verdict takes 5");
}

/* Nothing varies where the kernel is emulated. */
static void test_zero_variance(void **state)
{
	(void)state;
	double x[20] = { 0 };
	struct verdict v;

	verdict_pairs(&v, x, 20, 0.02);
	verdict_decide(&v, 1, 0.02, 0.05);
	kind_is(&v, VERDICT_SAME);
	assert_true(v.error == 0 && v.log_ratio.low == 0 && v.log_ratio.high == 0);
	static const struct {
		double change;
		enum verdict_kind kind;
	} cases[] = { { 0.05, VERDICT_SLOWER },
		      { -0.05, VERDICT_FASTER },
		      { 0.01, VERDICT_SAME },
		      { -0.01, VERDICT_SAME } };
	for (size_t c = 0; c < LENGTH(cases); c++) {
		for (size_t i = 0; i < 20; i++)
			x[i] = log1p(cases[c].change);
		verdict_pairs(&v, x, 20, 0.02);
		verdict_decide(&v, 1, 0.02, 0.05);
		kind_is(&v, cases[c].kind);
		near(v.log_ratio.low, log1p(cases[c].change), 0);
		double zero[20] = { 0 };
		verdict_samples(&v, zero, 20, x, 7, 0.02);
		verdict_decide(&v, 1, 0.02, 0.05);
		kind_is(&v, cases[c].kind);
		assert_int_equal(v.log_ratio.n, 7);
		const double *old[] = { zero }, *fresh[] = { x };
		verdict_boots(&v, 1, old, 5, fresh, 5, 0.02);
		verdict_decide(&v, 1, 0.02, 0.05);
		kind_is(&v, cases[c].kind);
		near(v.log_ratio.high, log1p(cases[c].change), 1e-15);
	}
}

/* What R's DescTools::YuenTTest and PairedData::yuen.t.test say of two data sets, as SciPy's own
 * tests quote them (two-sided p, 20 % trimmed). */
static void test_samples_published(void **state)
{
	(void)state;
	static const double a[] = { 2.7, 2.7, 1.1, 3.0, 1.9, 3.0, 3.8, 3.8, 0.3, 1.9, 1.9 };
	static const double b[] = { 6.5, 5.4, 8.1, 3.5, 0.5, 3.8, 6.8, 4.9, 9.5, 6.2, 4.1 };
	struct verdict v;

	verdict_samples(&v, a, LENGTH(a), b, LENGTH(b), 0.02);
	near(v.p_difference, 0.002878909511344, 1e-10);
	near(v.log_ratio.estimate / v.error, 4.2461168970325, 1e-10);
	near(v.log_ratio.estimate, 5.385714285714286 - 2.442857142857143, 1e-12);

	static const double c[] = {
		-0.84504783, 0.13366078,  3.53601757,  -0.62908581, 0.54119466,
		-1.16511574, -0.08836614, 1.18495416,  2.48028757,  -1.58925028,
		-1.6706357,  0.3090472,   -2.12258305, 0.3697304,   -1.0415207,
		-0.57783497, -0.90997008, 1.09850192,  0.41270579,  -1.4927376
	};
	static const double d[] = { 1.2725522,  1.1657899,  2.7509041,  1.2389013, -0.9490494,
				    -1.0752459, 1.1038576,  2.9912821,  3.5349111, 0.4171922,
				    1.0168959,  -0.7625041, -0.4300008, 3.0431921, 1.6035947,
				    0.5285634,  -0.7649405, 1.5575896,  1.3670797, 1.1726023 };
	verdict_samples(&v, c, LENGTH(c), d, LENGTH(d), 0.02);
	near(v.p_difference, 0.005293305834235, 1e-10);
	near(v.log_ratio.estimate / v.error, 3.0983317739483, 1e-10);
	kind_is(&v, VERDICT_CANT_TELL);
	verdict_decide(&v, 1, 0.02, 0.05);
	kind_is(&v, VERDICT_SLOWER);
}

/* Intervals of correlated pairs: plain Yuen's would hold the truth 77 to 87 % of times. */
static void test_correlated_pairs(void **state)
{
	(void)state;
	enum { SETS = 1500 };
	static const struct {
		size_t n;
		double rho, least, most;
	} cases[] = { { 30, 0, 0.93, 0.97 }, { 30, 0.3, 0.92, 0.96 }, { 60, 0.5, 0.915, 0.96 } };
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);

	gsl_rng_set(rng, 11);
	for (size_t c = 0; c < LENGTH(cases); c++) {
		double rho = cases[c].rho, x[60];
		size_t covered = 0, plain = 0;

		for (size_t s = 0; s < SETS; s++) {
			double z = gsl_ran_ugaussian(rng), p;
			for (size_t i = 0; i < cases[c].n; i++) {
				x[i] = 0.015 * z;
				z = rho * z + gsl_ran_gaussian(rng, sqrt(1 - rho * rho));
			}
			struct verdict v;
			verdict_pairs(&v, x, cases[c].n, 0.02);
			covered += v.log_ratio.low <= 0 && v.log_ratio.high >= 0;
			statistics_yuen(x, cases[c].n, 0.2, 0.95, &p);
			plain += p >= 0.05;
		}
		double share = (double)covered / SETS;
		if (share < cases[c].least || share > cases[c].most)
			fail_msg("%zu pairs of ρ = %.1f: covered %.3f", cases[c].n, rho, share);
		assert_true(rho == 0 || (double)plain / SETS < 0.9);
	}
	gsl_rng_free(rng);
}

static void test_boots_too_few(void **state)
{
	(void)state;
	static const double a[] = { 0, 0.01, 0.02, 0.01, 0.03 }, b[] = { 1, 1.01, 1.02 };
	const double *old[] = { a, a }, *fresh[] = { b, b };
	struct verdict v[2];

	verdict_boots(v, 2, old, 5, fresh, 3, 0.02);
	verdict_decide(v, 2, 0.02, 0.05);
	for (size_t i = 0; i < 2; i++) {
		kind_is(&v[i], VERDICT_CANT_TELL);
		assert_int_equal(v[i].more, 2);
		assert_true(isnan(v[i].p_difference) && isnan(v[i].log_ratio.low));
		near(v[i].log_ratio.estimate, 1.01 - 0.014, 1e-12);
	}
	verdict_boots(v, 2, old, 1, fresh, 1, 0.02);
	kind_is(&v[0], VERDICT_CANT_TELL);
	assert_int_equal(v[0].more, 4);
}

/* Five values with the variance s² and the mean given: squares 2 (4 + 1) = 10 over 4. */
static void five(double values[5], double mean, double variance)
{
	static const double shape[] = { -2, -1, 0, 1, 2 };

	for (size_t i = 0; i < 5; i++)
		values[i] = mean + shape[i] * sqrt(variance / 2.5);
}

static void test_moderated(void **state)
{
	(void)state;
	enum { CELLS = 50 };
	static double a[CELLS][5], b[CELLS][5];
	const double *old[CELLS], *fresh[CELLS];
	struct verdict v[CELLS];

	/* all variances equal: d0 is infinite, every cell has their mean, and as many degrees of
	 * freedom as all have together */
	for (size_t i = 0; i < CELLS; i++) {
		five(a[i], 0, 1e-4);
		five(b[i], i == 7 ? 0.02 : 0.001, 1e-4);
		old[i] = a[i];
		fresh[i] = b[i];
	}
	verdict_boots(v, CELLS, old, 5, fresh, 5, 0.02);
	near(v[7].error, sqrt(1e-4 * 2 / 5), 1e-12);
	near(v[7].freedom, CELLS * 8.0, 1e-9);
	near(v[7].log_ratio.estimate, 0.02, 1e-12);
	near(v[7].p_difference, 2 * gsl_cdf_tdist_Q(0.02 / v[7].error, 400), 1e-12);
	near(v[7].p_same, gsl_cdf_tdist_Q((log(1.02) - 0.02) / v[7].error, 400), 1e-9);

	/* log variances that spread by exactly trigamma(4) + trigamma(1.5): d0 = 3. By hand:
	 * trigamma at 4 is π²/6 − 1 − 1/4 − 1/9, at 1.5 π²/2 − 4; digamma at 4 is 11/6 − γ and
	 * at 1.5 2 − γ − 2 ln 2. */
	double spread = M_PI * M_PI / 6 - 1 - 0.25 - 1.0 / 9 + M_PI * M_PI / 2 - 4;
	double away = sqrt(spread * (CELLS - 1) / CELLS);
	for (size_t i = 0; i < CELLS; i++) {
		double variance = 1e-4 * exp(i % 2 ? away : -away);
		five(a[i], 0, variance);
		five(b[i], 0.01, variance);
	}
	verdict_boots(v, CELLS, old, 5, fresh, 5, 0.02);
	const double gamma = 0.57721566490153286;
	double prior =
		1e-4 * exp(log(4) - (11.0 / 6 - gamma) + (2 - gamma - 2 * log(2)) - log(1.5));
	for (size_t i = 0; i < 2; i++) {
		double own = 1e-4 * exp(i % 2 ? away : -away);
		near(v[i].freedom, 11, 1e-6);
		near(v[i].error, sqrt((3 * prior + 8 * own) / 11 * 2 / 5), 1e-9);
	}

	/* a cell alone has nothing to lean on: Student's t of two samples */
	five(a[0], 0, 1e-4);
	five(b[0], 0.01, 3e-4);
	verdict_boots(v, 1, old, 5, fresh, 5, 0.02);
	near(v[0].freedom, 8, 0);
	near(v[0].error, sqrt(2e-4 * 2 / 5), 1e-12);
}

static void test_boots_odd(void **state)
{
	(void)state;
	double a[3][5], b[3][5];
	const double *old[] = { a[0], a[1], a[2] }, *fresh[] = { b[0], b[1], b[2] };
	struct verdict v[3];

	for (size_t i = 0; i < 3; i++) {
		five(a[i], 0, 1e-4);
		five(b[i], 0.05, 1e-4);
	}
	a[1][3] = INFINITY;
	verdict_boots(v, 3, old, 5, fresh, 5, 0.02);
	kind_is(&v[1], VERDICT_INVALID);
	near(v[2].error, sqrt(1e-4 * 2 / 5), 1e-12);
	verdict_decide(v, 3, 0.02, 0.05);
	kind_is(&v[0], VERDICT_SLOWER);
	kind_is(&v[1], VERDICT_INVALID);
	kind_is(&v[2], VERDICT_SLOWER);

	/* two of three without variance: those are judged by themselves */
	five(a[1], 0, 0);
	five(b[1], 0.05, 0);
	five(a[2], 0, 0);
	five(b[2], 0.05, 0);
	verdict_boots(v, 3, old, 5, fresh, 5, 0.02);
	assert_true(v[1].error == 0 && v[1].p_difference == 0 && v[0].error > 0);
	near(v[0].freedom, 8, 0);
	/* one of three: it leans on the others, a little */
	five(a[2], 0, 1e-4);
	five(b[2], 0.05, 1e-4);
	verdict_boots(v, 3, old, 5, fresh, 5, 0.02);
	assert_true(v[1].error > 0 && v[1].error < v[0].error);
}

/* Benjamini and Hochberg 1995, §3.2: of these 15 p-values four are rejected at 5 % (0.0095 ≤ 0.05 ×
 * 4 / 15 = 0.0133; the fifth, 0.0201, exceeds 0.0167). */
static void test_benjamini_hochberg(void **state)
{
	(void)state;
	static const double p[] = { 0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
				    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000 };
	struct verdict v[LENGTH(p) + 1];

	for (size_t i = 0; i < LENGTH(p); i++) /* in another order, and in both directions */
		v[i * 4 % 15] = made(p[i], 1, i % 2 ? 0.03 : -0.03);
	v[15] = (struct verdict){ .kind = VERDICT_INVALID, .p_difference = 0, .p_same = 0 };
	verdict_decide(v, LENGTH(v), 0.02, 0.05);
	for (size_t i = 0; i < LENGTH(p); i++)
		kind_is(&v[i * 4 % 15], i >= 4  ? VERDICT_CANT_TELL
					: i % 2 ? VERDICT_SLOWER
						: VERDICT_FASTER);
	kind_is(&v[15], VERDICT_INVALID);

	/* false coverage rate: four of 15 are selected, so their level is 1 − 4 × 0.05 / 15 */
	double wide = gsl_cdf_tdist_Pinv(1 - 4 * 0.05 / 15 / 2, 11) * 0.01;
	double plain = gsl_cdf_tdist_Pinv(0.975, 11) * 0.01;
	near(v[0].log_ratio.low, -0.03 - wide, 1e-12);
	near(v[4].log_ratio.high, 0.03 + wide, 1e-12);
	near(v[14].log_ratio.high, v[14].log_ratio.estimate + plain, 1e-12);

	/* step-up: 0.04 alone would miss 0.025, but the next one passes for both */
	struct verdict two[] = { made(0.04, 1, 0.1), made(0.045, 1, 0.1) };
	verdict_decide(two, 2, 0.02, 0.05);
	kind_is(&two[0], VERDICT_SLOWER);
	kind_is(&two[1], VERDICT_SLOWER);
	near(two[0].log_ratio.high, 0.1 + plain, 1e-12); /* all selected: no wider */
}

static void test_order_of_questions(void **state)
{
	(void)state;
	/* different for sure, and within the margin for sure: same */
	struct verdict v[] = { made(1e-9, 1e-9, 0.01), made(1e-9, 0.5, 0.03), made(0.5, 1e-9, 0),
			       made(0.5, 0.5, 0.01) };

	verdict_decide(v, 4, 0.02, 0.05);
	kind_is(&v[0], VERDICT_SAME);
	kind_is(&v[1], VERDICT_SLOWER);
	kind_is(&v[2], VERDICT_SAME);
	kind_is(&v[3], VERDICT_CANT_TELL);
	assert_true(v[3].more > 0 && v[0].more == 0);
	/* the same again: nothing is left of the first time */
	verdict_decide(v, 4, 0.02, 0.05);
	kind_is(&v[3], VERDICT_CANT_TELL);
	verdict_decide(v, 0, 0.02, 0.05);
}

/* More pairs for more spread, fewer near either answer. */
static void test_more(void **state)
{
	(void)state;
	struct verdict v, w;
	unsigned before = 0;

	static const double errors[] = { 0.004, 0.006, 0.009, 0.015, 0.03, 0.05 };
	for (size_t e = 0; e < LENGTH(errors); e++) {
		v = made(0.2, 0.2, 0.01);
		v.error = errors[e];
		verdict_decide(&v, 1, 0.02, 0.05);
		kind_is(&v, VERDICT_CANT_TELL);
		assert_true(v.more > before);
		before = v.more;
	}
	/* halfway both answers are furthest: near either it takes no more */
	v = made(0.2, 0.2, 0.01);
	verdict_decide(&v, 1, 0.02, 0.05);
	w = made(0.2, 0.2, 0.04);
	verdict_decide(&w, 1, 0.02, 0.05);
	assert_true(w.more < v.more);
	/* never more than what both tests take at half the margin: (z + z) s / (m / 2), here with
	 * z 1.96 and 0.84, s = 0.01 √20 a pair and what is allowed for the error's own error */
	double s = 0.01 * sqrt(20) * 1.1, most = pow((1.96 + 0.85) * s / (log(1.02) / 2), 2);
	assert_true(v.more < most && v.more > 20);

	w = made(0.2, 0.2, 0.01);
	w.log_ratio.n = 100000;
	w.error = 1e3;
	verdict_decide(&w, 1, 0.02, 0.05);
	assert_int_equal(w.more, 0); /* beyond a million */
}

static void test_alpha(void **state)
{
	(void)state;
	double sum = 0, before = 0;

	for (unsigned look = 1; look <= VERDICT_LOOKS; look++) {
		double alpha = verdict_alpha(look, 0.05);
		assert_true(alpha > before);
		before = alpha;
		sum += alpha;
	}
	near(sum, 0.05, 1e-12);
	/* 2 − 2Φ(1.959964 / √¼) = 2 − 2Φ(3.919928); at one half 2 − 2Φ(2.771808) */
	near(verdict_alpha(1, 0.05), 8.857e-5, 1e-7);
	near(verdict_alpha(1, 0.05) + verdict_alpha(2, 0.05), 0.005575, 1e-6);
	assert_true(verdict_alpha(0, 0.05) == 0 && verdict_alpha(5, 0.05) == 0);
	/* at the smallest levels the intervals are still intervals */
	struct verdict v = made(0.5, 0.5, 0);
	verdict_decide(&v, 1, 0.02, verdict_alpha(1, 0.001));
	assert_true(isfinite(v.log_ratio.low) && v.log_ratio.low < -0.05);
}

static void test_text(void **state)
{
	(void)state;
	assert_string_equal(verdict_text(VERDICT_SAME), "same");
	assert_string_equal(verdict_text(VERDICT_FASTER), "faster");
	assert_string_equal(verdict_text(VERDICT_SLOWER), "slower");
	assert_string_equal(verdict_text(VERDICT_CANT_TELL), "can't tell");
	assert_string_equal(verdict_text(VERDICT_INVALID), "invalid");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs_by_hand),
		cmocka_unit_test(test_pairs_are_yuen),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_zero_variance),
		cmocka_unit_test(test_samples_published),
		cmocka_unit_test(test_correlated_pairs),
		cmocka_unit_test(test_boots_too_few),
		cmocka_unit_test(test_moderated),
		cmocka_unit_test(test_boots_odd),
		cmocka_unit_test(test_benjamini_hochberg),
		cmocka_unit_test(test_order_of_questions),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_alpha),
		cmocka_unit_test(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
