/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answers.c - what toll's analysis answers for constructed and for random data, for others to
 * answer as well (oracle.R, oracle.py). A question a line, of five columns with tabs between them:
 * its name, parameters, x, y, toll's answer; each of them numbers with spaces between them.
 *
 *   oracle-answers [SEED] */
#include "analysis/statistics.h"
#include "analysis/verdict.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../mann-whitney.h"

enum { MOST = 2500 };

static gsl_rng *rng;

/* --- questions -------------------------------------------------------------------------------- */

struct column {
	const double *values;
	size_t n;
};

#define COLUMN(...)                                                                                \
	((struct column){ (const double[]){ __VA_ARGS__ },                                         \
			  sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double) })

static void ask(const char *name, struct column parameters, struct column x, struct column y,
		struct column answer)
{
	const struct column columns[] = { parameters, x, y, answer };

	fputs(name, stdout);
	for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
		for (size_t i = 0; i < (columns[c].n ? columns[c].n : 1); i++) {
			fputs(i ? " " : "\t", stdout);
			if (columns[c].n)
				printf("%.17g", columns[c].values[i]);
		}
	putchar('\n');
}

static const struct column none = { NULL, 0 };

/* --- data ------------------------------------------------------------------------------------- */

enum kind { NORMAL, HEAVY_TAILS, SKEWED, TIES, TWO_MODES, KINDS };

static double draw(enum kind kind)
{
	double z = gsl_ran_gaussian_ziggurat(rng, 1);

	switch (kind) {
	case NORMAL:
		return 8 + 0.01 * z;
	case HEAVY_TAILS:
		return 0.02 * gsl_ran_tdist(rng, 1.5);
	case SKEWED:
		return exp(1.5 * z);
	case TIES:
		return floor(3 * z);
	default:
		return (gsl_rng_uniform(rng) < 0.4 ? 5.0 : 5.3) + 0.02 * z;
	}
}

static void fill(double x[], size_t n, enum kind kind)
{
	for (size_t i = 0; i < n; i++)
		x[i] = draw(kind);
}

static void fill_constant(double x[], size_t n, double value)
{
	for (size_t i = 0; i < n; i++)
		x[i] = value;
}

/* --- one sample ------------------------------------------------------------------------------- */

static void ask_moments(struct column x)
{
	ask("moments", none, x, none,
	    COLUMN(statistics_mean(x.values, x.n), statistics_sd(x.values, x.n),
		   statistics_median(x.values, x.n), statistics_mad_sd(x.values, x.n)));
}

static void ask_quantiles(struct column x)
{
	static const double at[] = { 0, 0.001, 0.05, 0.25, 0.5, 1.0 / 3, 0.9, 0.999, 1 };
	enum { N = sizeof at / sizeof *at };
	double answer[N];

	for (size_t i = 0; i < N; i++)
		answer[i] = statistics_quantile(x.values, x.n, at[i]);
	ask("quantile", (struct column){ at, N }, x, none, (struct column){ answer, N });
}

static void ask_intervals(struct column x, double level)
{
	struct interval t = statistics_t(x.values, x.n, level);
	struct interval median = statistics_median_interval(x.values, x.n, level);

	ask("t", COLUMN(level), x, none, COLUMN(t.estimate, t.low, t.high));
	ask("median", COLUMN(level), x, none, COLUMN(median.estimate, median.low, median.high));
}

static void ask_yuen(struct column x, double trim, double level)
{
	double p;
	struct interval interval = statistics_yuen(x.values, x.n, trim, level, &p);

	ask("yuen", COLUMN(trim, level), x, none,
	    COLUMN(interval.estimate, interval.low, interval.high, p));
}

/* A bootstrap sample: values and how often each occurs. */
static void ask_trimmed(struct column x, double trim)
{
	static double sorted[MOST], often[MOST];
	static unsigned times[MOST];

	for (size_t i = 0; i < x.n; i++) {
		sorted[i] = x.values[i];
		times[i] = 0;
	}
	gsl_sort(sorted, 1, x.n);
	for (size_t i = 0; i < x.n; i++)
		times[gsl_rng_uniform_int(rng, x.n)]++;
	for (size_t i = 0; i < x.n; i++)
		often[i] = times[i];
	struct trimmed trimmed = statistics_trimmed(sorted, times, x.n, trim);
	ask("trimmed", COLUMN(trim), (struct column){ sorted, x.n }, (struct column){ often, x.n },
	    COLUMN(trimmed.mean, trimmed.error, (double)trimmed.n, (double)trimmed.kept));
}

static void one_sample(struct column x)
{
	ask_moments(x);
	ask_quantiles(x);
	ask_intervals(x, 0.95);
	ask_intervals(x, 0.99);
	ask_yuen(x, 0.2, 0.95);
	ask_yuen(x, 0.1, 0.9);
	ask_yuen(x, 0, 0.95);
	ask_trimmed(x, 0.2);
}

static void all_one_sample(void)
{
	static const size_t sizes[] = { 1,  2,  3,  4,  5,  6,   7,   8,    9,    10,
					11, 15, 20, 21, 40, 100, 255, 1000, 1001, MOST };
	static double x[MOST];

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
		for (enum kind kind = 0; kind < KINDS; kind++) {
			fill(x, sizes[s], kind);
			one_sample((struct column){ x, sizes[s] });
		}
	fill_constant(x, 20, 4.25);
	one_sample((struct column){ x, 20 });
	fill_constant(x, 20, 0);
	one_sample((struct column){ x, 20 });
	x[19] = 1; /* all but one are trimmed to the same */
	one_sample((struct column){ x, 20 });
	for (size_t i = 0; i < 15; i++) /* 0.2 × 15 is an integer, not in every rounding */
		x[i] = (double)(i * i);
	one_sample((struct column){ x, 15 });
	for (size_t i = 0; i < 20; i++)
		x[i] = 1e150 * (double)i;
	one_sample((struct column){ x, 20 });
}

/* --- two samples, and pairs ------------------------------------------------------------------- */

static void ask_verdict(const char *name, double margin, struct column x, struct column y,
			const struct verdict *v)
{
	ask(name, COLUMN(margin), x, y,
	    COLUMN(v->log_ratio.estimate, v->error, v->freedom, v->p_difference, v->p_same,
		   v->log_ratio.low, v->log_ratio.high));
}

static void two_samples(double shift)
{
	static const size_t sizes[][2] = {
		{ 5, 5 }, { 5, 20 }, { 20, 20 }, { 19, 33 }, { 200, 60 }
	};
	static double x[MOST], y[MOST];

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
		for (enum kind kind = 0; kind < KINDS; kind++) {
			struct verdict verdict;
			fill(x, sizes[s][0], kind);
			fill(y, sizes[s][1], kind);
			for (size_t i = 0; i < sizes[s][1]; i++)
				y[i] += shift;
			verdict_samples(&verdict, x, sizes[s][0], y, sizes[s][1], 0.02);
			ask_verdict("samples", 0.02, (struct column){ x, sizes[s][0] },
				    (struct column){ y, sizes[s][1] }, &verdict);
		}
}

/* Pairs whose noise lingers by so much: from 0.1 on the error counts it. */
static void pairs(double lingers)
{
	static const size_t sizes[] = { 5, 9, 10, 20, 31, 60, 200 };
	static double x[MOST];

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		struct verdict verdict;
		double last = 0;
		for (size_t i = 0; i < sizes[s]; i++) {
			last = lingers * last + 0.01 * gsl_ran_tdist(rng, 3);
			x[i] = 0.008 + last;
		}
		verdict_pairs(&verdict, x, sizes[s], 0.02);
		ask_verdict("pairs", 0.02, (struct column){ x, sizes[s] }, none, &verdict);
	}
}

static void rank_sums(double shift)
{
	double x[MANN_WHITNEY], y[MANN_WHITNEY];

	fill(x, MANN_WHITNEY, NORMAL);
	fill(y, MANN_WHITNEY, NORMAL);
	for (size_t i = 0; i < MANN_WHITNEY; i++)
		y[i] += shift;
	ask("ranks", COLUMN(0.05), (struct column){ x, MANN_WHITNEY },
	    (struct column){ y, MANN_WHITNEY }, COLUMN(mann_whitney(x, y)));
}

static void turns(void)
{
	static double a[MOST], b[MOST];

	for (size_t n = 1; n < 300; n += 23) {
		fill(a, n, SKEWED);
		fill(b, n, SKEWED);
		ask("pair", none, (struct column){ a, n }, (struct column){ b, n },
		    COLUMN(statistics_pair(a, b, n)));
	}
}

/* --- boots ------------------------------------------------------------------------------------ */

/* prior: degrees of freedom of the cells' true variances, 0: all the same; zeroes: so many cells
 * whose boots agree exactly. */
static void boots(size_t cells, size_t n_old, size_t n_new, double prior, size_t zeroes)
{
	enum { MOST_CELLS = 200, MOST_BOOTS = 12, ANSWERS = 5 };
	static double old[MOST_CELLS * MOST_BOOTS], fresh[MOST_CELLS * MOST_BOOTS];
	static double answer[MOST_CELLS * ANSWERS];
	const double *olds[MOST_CELLS], *news[MOST_CELLS];
	struct verdict verdicts[MOST_CELLS];

	for (size_t c = 0; c < cells; c++) {
		double sd = 0.01, shift = c % 5 ? 0 : 0.03;
		if (prior > 0)
			sd *= sqrt(prior / gsl_ran_chisq(rng, prior));
		if (c < zeroes)
			sd = 0;
		olds[c] = old + c * n_old;
		news[c] = fresh + c * n_new;
		for (size_t i = 0; i < n_old; i++)
			old[c * n_old + i] = 8 + gsl_ran_gaussian_ziggurat(rng, sd);
		for (size_t i = 0; i < n_new; i++)
			fresh[c * n_new + i] = 8 + shift + gsl_ran_gaussian_ziggurat(rng, sd);
	}
	verdict_boots(verdicts, cells, olds, n_old, news, n_new, 0.02);
	for (size_t c = 0; c < cells; c++) {
		const struct verdict *v = &verdicts[c];
		const double its[] = { v->log_ratio.estimate, v->error, v->freedom, v->p_difference,
				       v->p_same };
		for (size_t i = 0; i < ANSWERS; i++)
			answer[c * ANSWERS + i] = its[i];
	}
	ask("boots", COLUMN((double)cells, (double)n_old, (double)n_new, 0.02),
	    (struct column){ old, cells * n_old }, (struct column){ fresh, cells * n_new },
	    (struct column){ answer, cells * ANSWERS });
}

/* --- many cells ------------------------------------------------------------------------------- */

/* Verdicts over a family: x has estimate, error, freedom and both p-values of each. */
static void decide(size_t cells, double changed)
{
	enum { MOST_CELLS = 300, GIVEN = 5, ANSWERS = 3, PAIRS = 12 };
	static double given[MOST_CELLS * GIVEN], answer[MOST_CELLS * ANSWERS];
	struct verdict verdicts[MOST_CELLS];
	double x[PAIRS];

	for (size_t c = 0; c < cells; c++) {
		double shift = gsl_rng_uniform(rng) < changed ? gsl_ran_flat(rng, -0.06, 0.06) : 0;
		size_t n = c % 17 == 16 ? 3 : PAIRS; /* too few: invalid, and none of the family */
		for (size_t i = 0; i < n; i++)
			x[i] = shift + gsl_ran_gaussian_ziggurat(rng, 0.02);
		verdict_pairs(&verdicts[c], x, n, 0.02);
		const struct verdict *v = &verdicts[c];
		const double its[] = { v->log_ratio.estimate, v->error, v->freedom, v->p_difference,
				       v->p_same };
		for (size_t i = 0; i < GIVEN; i++)
			given[c * GIVEN + i] = its[i];
	}
	verdict_decide(verdicts, cells, 0.02, 0.05);
	for (size_t c = 0; c < cells; c++) {
		answer[c * ANSWERS] = verdicts[c].kind;
		answer[c * ANSWERS + 1] = verdicts[c].log_ratio.low;
		answer[c * ANSWERS + 2] = verdicts[c].log_ratio.high;
	}
	ask("decide", COLUMN(0.05), (struct column){ given, cells * GIVEN }, none,
	    (struct column){ answer, cells * ANSWERS });
}

static void looks(double q)
{
	double answer[VERDICT_LOOKS];

	for (unsigned look = 1; look <= VERDICT_LOOKS; look++)
		answer[look - 1] = verdict_alpha(look, q);
	ask("looks", COLUMN(q), none, none, (struct column){ answer, VERDICT_LOOKS });
}

int main(int argc, char **argv)
{
	rng = gsl_rng_alloc(gsl_rng_mt19937);
	gsl_rng_set(rng, argc > 1 ? strtoul(argv[1], NULL, 10) : 1);
	all_one_sample();
	for (int i = 0; i < 4; i++)
		two_samples(i * 0.01);
	for (int i = 0; i < 8; i++)
		pairs(0.12 * i);
	for (int i = 0; i < 40; i++)
		rank_sums(0.0005 * i);
	turns();
	boots(1, 5, 5, 4, 0);
	boots(2, 5, 6, 4, 0);
	boots(30, 5, 5, 0, 0);
	boots(30, 5, 12, 4, 0);
	boots(100, 6, 5, 2, 3);
	boots(200, 5, 5, 30, 0);
	boots(200, 12, 12, 8, 0);
	for (size_t cells = 1; cells <= 300; cells = cells * 2 + 3) {
		decide(cells, 0.1);
		decide(cells, 0.6);
	}
	looks(0.05);
	looks(0.01);
	gsl_rng_free(rng);
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
