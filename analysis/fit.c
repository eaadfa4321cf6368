/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fit.c - cost models: each curve of a result as pieces of straight lines, T(x) = σ + x/b.
 *
 * Errors of times are relative, so every residual is (T − f)/T (weights 1/T²). Breaks are kinks or
 * jumps between sizes; for each number of them the best places are found exactly by dynamic
 * programming (Bellman 1961; Bai and Perron 2003), and the number by BIC over all workers, whose
 * spread within a size is the pure error.
 *
 * Intervals come from a bootstrap of whole rounds: the workers' deviations from their size's mean
 * are drawn round by round and put on the fitted curve, and breaks are chosen anew each time.
 * (Drawing the values themselves would add the sample's noise to the replicate's, and find breaks
 * in it.) The σ and b of a segment are compared with those of the replicate's segment that contains
 * the same middle size, however many breaks that replicate has. */
#include "fit.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resample.h"

/* A misfit this small, relative to the time, is no reason for a break, nor to withhold a model: not
 * counting the start of a turn leaves up to 0.5 % of bias by size. */
static const double tolerance = 0.005;
/* Below this, models are equally good. It keeps exact data from dividing by nothing. */
static const double exactness = 1e-3;
/* 2^k − 1, 2^k and 2^k + 1 are three sizes and still no line: a segment has to span this factor. */
static const double least_span = 1.5;

struct point {
	double x, t;     /* bytes, ns */
	double n;        /* workers */
	double variance; /* of one worker's log, from Yuen's error */
	double freedom;  /* of that variance */
};

struct line {
	double sigma, slope; /* both ≥ 0 */
	double cost;         /* Σ n × relative residual² */
	unsigned parameters; /* 1 where a bound holds */
};

struct sums {
	double n, u, v, uu, uv, vv; /* u = 1/T, v = x/T */
};

struct model {
	size_t segments;
	size_t begin[FIT_MOST_SEGMENTS + 1]; /* segment k: points begin[k] … begin[k + 1] − 1 */
	struct line line[FIT_MOST_SEGMENTS];
};

/* For choose(): costs of all spans, and the best ways to cover the first j points. */
struct workspace {
	double cost[FIT_MOST_SIZES][FIT_MOST_SIZES + 1];
	double best[FIT_MOST_SEGMENTS + 1][FIT_MOST_SIZES + 1];
	unsigned char from[FIT_MOST_SEGMENTS + 1][FIT_MOST_SIZES + 1];
};

static void sums_add(struct sums *sums, const struct point *point)
{
	double u = 1 / point->t, v = point->x / point->t, n = point->n;

	sums->n += n;
	sums->u += n * u;
	sums->v += n * v;
	sums->uu += n * u * u;
	sums->uv += n * u * v;
	sums->vv += n * v * v;
}

static double cost_of(const struct sums *s, double sigma, double slope)
{
	double cost = s->n - 2 * (sigma * s->u + slope * s->v) + sigma * sigma * s->uu +
		      2 * sigma * slope * s->uv + slope * slope * s->vv;
	return fmax(cost, 0);
}

/* Least squares with σ ≥ 0 and slope ≥ 0. Two parameters have four active sets; all times are
 * positive, so that the set of both bounds is never best. */
static struct line solve(const struct sums *s)
{
	double determinant = s->uu * s->vv - s->uv * s->uv;

	if (determinant > 1e-12 * s->uu * s->vv) {
		double sigma = (s->u * s->vv - s->v * s->uv) / determinant;
		double slope = (s->v * s->uu - s->u * s->uv) / determinant;
		if (sigma > 0 && slope > 0)
			return (struct line){ sigma, slope, cost_of(s, sigma, slope), 2 };
	}
	struct line flat = { s->u / s->uu, 0, 0, 1 }, steep = { 0, s->v / s->vv, 0, 1 };
	flat.cost = cost_of(s, flat.sigma, 0);
	steep.cost = cost_of(s, 0, steep.slope);
	return flat.cost <= steep.cost ? flat : steep;
}

static double line_at(const struct line *line, double x)
{
	return line->sigma + line->slope * x;
}

/* Fills work->best and work->from: best[k][j] is the least cost of k segments over points 0 … j
 * − 1. */
static void search(const struct point points[], size_t n, struct workspace *work)
{
	for (size_t i = 0; i < n; i++) {
		struct sums sums = { 0 };
		for (size_t j = i; j < n; j++) {
			sums_add(&sums, &points[j]);
			bool wide = j - i + 1 >= FIT_FEWEST_SIZES &&
				    points[j].x >= least_span * points[i].x;
			work->cost[i][j + 1] = wide ? solve(&sums).cost : INFINITY;
		}
	}
	for (size_t j = 0; j <= n; j++)
		work->best[0][j] = j ? INFINITY : 0;
	for (size_t k = 1; k <= FIT_MOST_SEGMENTS; k++) {
		for (size_t j = 0; j <= n; j++) {
			work->best[k][j] = INFINITY;
			work->from[k][j] = 0;
			for (size_t i = 0; i + FIT_FEWEST_SIZES <= j; i++) {
				double cost = work->best[k - 1][i] + work->cost[i][j];
				if (cost < work->best[k][j]) {
					work->best[k][j] = cost;
					work->from[k][j] = (unsigned char)i;
				}
			}
		}
	}
}

/* The best model of so many segments, after search(). */
static void trace(const struct point points[], size_t n, size_t segments,
		  const struct workspace *work, struct model *model)
{
	model->segments = segments;
	model->begin[segments] = n;
	for (size_t k = segments; k > 0; k--)
		model->begin[k - 1] = work->from[k][model->begin[k]];
	for (size_t k = 0; k < segments; k++) {
		struct sums sums = { 0 };
		for (size_t i = model->begin[k]; i < model->begin[k + 1]; i++)
			sums_add(&sums, &points[i]);
		model->line[k] = solve(&sums);
	}
}

/* Two parameters a segment, and the place of each break. */
static double parameters(size_t segments)
{
	return 3 * (double)segments - 1;
}

/* Chooses the number of breaks by BIC over all workers: the misfit joins the pure error, so that
 * what lies within the noise buys no break. 0 segments when no segment is possible. */
static size_t choose(const struct point points[], size_t n, struct workspace *work,
		     struct model *model)
{
	double workers = points[0].n, pure = (points[0].n - 1) * points[0].variance;
	double least = INFINITY;
	size_t segments = 0;

	search(points, n, work);
	for (size_t i = 1; i < n; i++) {
		workers += points[i].n;
		pure += (points[i].n - 1) * points[i].variance;
	}
	for (size_t k = 1; k <= FIT_MOST_SEGMENTS; k++) {
		double variance = (pure + work->best[k][n]) / workers + exactness * exactness;
		double bic = workers * log(variance) + parameters(k) * log(workers);
		if (bic < least) {
			least = bic;
			segments = k;
		}
	}
	if (segments)
		trace(points, n, segments, work, model);
	else
		model->segments = 0;
	return segments;
}

/* The second opinion: AICc with one residual a size, which knows nothing of the workers' spread.
 * Uses the search of the last choose(). */
static size_t choose_aicc(const struct point points[], size_t n, const struct workspace *work)
{
	double least = INFINITY;
	size_t segments = 0;

	for (size_t k = 1; k <= FIT_MOST_SEGMENTS && isfinite(work->best[k][n]); k++) {
		double p = parameters(k), left = (double)n - p - 1, sum = 0;
		struct model model;
		if (k > 1 && left <= 0)
			break;
		trace(points, n, k, work, &model);
		for (size_t s = 0; s < k; s++) {
			for (size_t i = model.begin[s]; i < model.begin[s + 1]; i++) {
				double away =
					1 - line_at(&model.line[s], points[i].x) / points[i].t;
				sum += away * away;
			}
		}
		double aicc = (double)n * log(sum / (double)n + exactness * exactness) + 2 * p;
		if (left > 0)
			aicc += 2 * p * (p + 1) / left;
		if (aicc < least) {
			least = aicc;
			segments = k;
		}
	}
	return segments;
}

/* The third: whether the number of breaks hangs on any one size. */
static void leave_one_out(const struct point points[], struct fit *fit, struct workspace *work)
{
	struct point rest[FIT_MOST_SIZES];
	struct model model;

	fit->segments_least = fit->segments_most = fit->segments;
	for (size_t out = 0; out < fit->sizes && fit->sizes > FIT_FEWEST_SIZES; out++) {
		size_t n = 0;
		for (size_t i = 0; i < fit->sizes; i++)
			if (i != out)
				rest[n++] = points[i];
		size_t segments = choose(rest, n, work, &model);
		if (!segments)
			continue;
		if (segments < fit->segments_least)
			fit->segments_least = segments;
		if (segments > fit->segments_most)
			fit->segments_most = segments;
	}
}

/* F test of a line's misfit against the pure error of its sizes (Draper and Smith 1998, §2.1), with
 * the tolerated misfit added to that error. */
static double lack_of_fit(const struct point points[], size_t begin, size_t end,
			  const struct line *line)
{
	double squares = 0, freedom = 0, workers = 0;

	for (size_t i = begin; i < end; i++) {
		squares += points[i].freedom * points[i].variance;
		freedom += points[i].freedom;
		workers += points[i].n;
	}
	double sizes = (double)(end - begin), of_line = sizes - line->parameters;
	if (of_line < 1 || freedom < 1)
		return NAN;
	double error = squares / freedom + workers / sizes * tolerance * tolerance;
	return gsl_cdf_fdist_Q(line->cost / of_line / error, of_line, fmin(freedom, 1e5));
}

static size_t segment_of(const struct model *model, size_t point)
{
	size_t k = 0;

	while (k + 1 < model->segments && model->begin[k + 1] <= point)
		k++;
	return k;
}

/* What the bootstrap writes: for each replicate σ and slope of each segment, and the model's
 * logarithm at each size. */
struct replicates {
	size_t n;
	double *sigma[FIT_MOST_SEGMENTS], *slope[FIT_MOST_SEGMENTS];
	double *curve[FIT_MOST_SIZES];
	double *largest; /* most deviation of a replicate's curve, in standard deviations */
	double *memory;
};

static bool replicates_new(struct replicates *r, const struct fit *fit, size_t most)
{
	size_t columns = 2 * fit->segments + fit->sizes + 1, at = 0;

	*r = (struct replicates){ .memory = calloc(columns * most, sizeof *r->memory) };
	if (!r->memory)
		return false;
	for (size_t k = 0; k < fit->segments; k++) {
		r->sigma[k] = r->memory + at++ * most;
		r->slope[k] = r->memory + at++ * most;
	}
	for (size_t i = 0; i < fit->sizes; i++)
		r->curve[i] = r->memory + at++ * most;
	r->largest = r->memory + at * most;
	return true;
}

/* Simultaneous band: standard deviations by size, times the 95 % quantile of the largest deviation
 * (sup-t, Montiel Olea and Plagborg-Møller 2019). */
static void band(struct fit *fit, struct replicates *r)
{
	double spread[FIT_MOST_SIZES] = { 0 };

	for (size_t i = 0; i < fit->sizes; i++)
		spread[i] = statistics_sd(r->curve[i], r->n);
	for (size_t b = 0; b < r->n; b++) {
		r->largest[b] = 0;
		for (size_t i = 0; i < fit->sizes; i++) {
			double away = fabs(r->curve[i][b] - log(fit->fitted_ns[i]));
			if (spread[i] > 0)
				r->largest[b] = fmax(r->largest[b], away / spread[i]);
		}
	}
	double factor = statistics_quantile(r->largest, r->n, 0.95);
	for (size_t i = 0; i < fit->sizes; i++)
		fit->band[i] = factor * spread[i];
}

static void bootstrap(const struct point points[], const struct model *model, struct fit *fit,
		      struct resample *resample, gsl_rng *rng, struct workspace *work,
		      struct replicates *r, unsigned times)
{
	struct point drawn[FIT_MOST_SIZES];
	struct model other;

	for (unsigned b = 0; b < times; b++) {
		bool whole = true;
		resample_draw(resample, rng);
		for (size_t i = 0; i < fit->sizes; i++) {
			struct trimmed t = resample_trimmed(resample, i);
			double variance = isnan(t.error) ? points[i].variance
							 : t.error * t.error * (double)t.n;
			whole = whole && t.n;
			drawn[i] = (struct point){ points[i].x, fit->fitted_ns[i] * exp(t.mean),
						   (double)t.n, variance, 0 };
		}
		/* a size that was in none of the rounds drawn */
		if (!whole || !choose(drawn, fit->sizes, work, &other))
			continue;
		for (size_t k = 0; k < fit->segments; k++) {
			size_t middle = (model->begin[k] + model->begin[k + 1] - 1) / 2;
			const struct line *line = &other.line[segment_of(&other, middle)];
			r->sigma[k][r->n] = line->sigma;
			r->slope[k][r->n] = line->slope;
		}
		for (size_t i = 0; i < fit->sizes; i++)
			r->curve[i][r->n] =
				log(line_at(&other.line[segment_of(&other, i)], points[i].x));
		r->n++;
	}
}

/* bytes/ns to bytes/s, and a flat line has no end of them. */
static struct interval bandwidth(struct interval slope, double factor)
{
	double scale = factor * 1e9;
	return (struct interval){ scale / slope.estimate, scale / slope.high, scale / slope.low,
				  slope.n };
}

/* Everything that a fit says beside its points. resample holds the deviations of the workers. */
static bool fit_curve(struct fit *fit, const struct point points[], struct resample *resample,
		      uint64_t seed, unsigned times)
{
	struct workspace *work = malloc(sizeof *work);
	gsl_rng *rng = resample_rng(seed, fit->curve);
	struct replicates r = { 0 };
	struct model model;
	bool fine = work && rng;

	if (!fine)
		goto out;
	fit->segments = choose(points, fit->sizes, work, &model);
	if (!fit->segments) {
		snprintf(fit->note, sizeof fit->note, "the sizes lie too close together");
		goto out;
	}
	fit->segments_aicc = choose_aicc(points, fit->sizes, work);
	leave_one_out(points, fit, work);
	fit->break_uncertain = fit->segments_aicc != fit->segments ||
			       fit->segments_least != fit->segments ||
			       fit->segments_most != fit->segments;
	double apart = 1;
	for (size_t i = 1; i < fit->sizes; i++)
		apart = fmax(apart, points[i].x / points[i - 1].x);
	if (apart > FIT_UNSEEN)
		snprintf(fit->note, sizeof fit->note, "sizes up to %.0f× apart hide breaks", apart);
	for (size_t i = 0; i < fit->sizes; i++)
		fit->fitted_ns[i] = line_at(&model.line[segment_of(&model, i)], points[i].x);

	fine = replicates_new(&r, fit, times);
	if (!fine)
		goto out;
	size_t rounds = resample_rounds(resample);
	if (rounds >= RESAMPLE_FEWEST_ROUNDS) {
		bootstrap(points, &model, fit, resample, rng, work, &r, times);
		if (r.n > 1)
			band(fit, &r);
	}
	for (size_t k = 0; k < fit->segments; k++) {
		const struct line *line = &model.line[k];
		size_t begin = model.begin[k], end = model.begin[k + 1];
		double p = lack_of_fit(points, begin, end, line);
		fit->segment[k] = (struct fit_segment){
			.from = points[begin].x,
			.to = points[end - 1].x,
			.sigma_ns = resample_interval(line->sigma, r.sigma[k], r.n, rounds),
			.bytes_per_s =
				bandwidth(resample_interval(line->slope, r.slope[k], r.n, rounds),
					  fit->bytes_factor),
			.lack_of_fit_p = p,
			.withheld = p < 0.01,
		};
	}
out:
	free(r.memory);
	if (rng)
		gsl_rng_free(rng);
	free(work);
	return fine;
}

/* --- curves ----------------------------------------------------------------------------------- */

struct entry { /* a level that counts, on its curve */
	char *group, *curve;
	const struct level *level;
	size_t index;
	uint64_t size;
};

static int same_curve(const struct entry *a, const struct entry *b)
{
	int order = strcmp(a->group, b->group);

	if (order)
		return order;
	if (a->level->state != b->level->state)
		return a->level->state < b->level->state ? -1 : 1;
	return strcmp(a->curve, b->curve);
}

static int by_curve(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = same_curve(a, b);

	return order ? order : (a->size > b->size) - (a->size < b->size);
}

/* The workers of a level: their values less their trimmed mean go to the resample. */
static bool take_size(const struct result *result, const struct level *level, size_t size,
		      struct resample *resample, struct point *point)
{
	size_t first = result->first[level->cell], n = 0;
	size_t room = result->first[level->cell + 1] - first;
	double *values = calloc(room + 1, sizeof *values);
	unsigned *rounds = calloc(room + 1, sizeof *rounds);
	bool fine = values && rounds;

	for (size_t i = 0; fine && i < room; i++) {
		const struct result_worker *worker = &result->workers[result->order[first + i]];
		if (!level_counts(level, worker))
			continue;
		values[n] = worker->value;
		rounds[n++] = worker->round;
	}
	if (fine) {
		struct interval mean = statistics_yuen(values, n, 0.2, 0.95, NULL);
		for (size_t i = 0; i < n; i++)
			values[i] -= mean.estimate;
		fine = resample_add(resample, size, values, rounds, n);
		struct trimmed t = resample_trimmed(resample, size);
		*point = (struct point){
			.x = (double)result->cells[level->cell].cell.size,
			.t = exp(mean.estimate),
			.n = (double)n,
			.variance = isnan(t.error) ? 0 : t.error * t.error * (double)n,
			.freedom = isnan(t.error) ? 0 : (double)t.kept - 1,
		};
	}
	free(values);
	free(rounds);
	return fine;
}

static bool make_fit(const struct result *result, const struct entry entries[], size_t n,
		     struct fit *fit, uint64_t seed, unsigned times)
{
	const struct result_cell *cell = &result->cells[entries[0].level->cell];
	struct point points[FIT_MOST_SIZES];
	double factor[FIT_MOST_SIZES];

	snprintf(fit->curve, sizeof fit->curve, "%s", entries[0].curve);
	snprintf(fit->group, sizeof fit->group, "%s", entries[0].group);
	fit->state = entries[0].level->state;
	fit->quantity = cell->quantity;
	fit->sizes = n < FIT_MOST_SIZES ? n : FIT_MOST_SIZES;
	struct resample *resample = resample_new(fit->sizes);
	if (!resample)
		return false;
	bool fine = true;
	for (size_t i = 0; fine && i < fit->sizes; i++) {
		fine = take_size(result, entries[i].level, i, resample, &points[i]);
		if (!fine)
			break;
		fit->size[i] = points[i].x;
		fit->ns[i] = points[i].t;
		fit->fitted_ns[i] = fit->band[i] = NAN;
		fit->cell[i] = entries[i].level->cell;
		fit->level[i] = entries[i].index;
		factor[i] = result->cells[fit->cell[i]].bytes / points[i].x;
	}
	if (fine) {
		fit->bytes_factor = statistics_median(factor, fit->sizes);
		if (n > FIT_MOST_SIZES)
			snprintf(fit->note, sizeof fit->note, "%zu sizes, %d at most are fitted", n,
				 FIT_MOST_SIZES);
		else if (n < FIT_FEWEST_SIZES)
			snprintf(fit->note, sizeof fit->note, "%d sizes are needed, %zu %s there",
				 FIT_FEWEST_SIZES, n, n == 1 ? "is" : "are");
		else
			fine = resample_ready(resample) &&
			       fit_curve(fit, points, resample, seed, times);
	}
	resample_free(resample);
	return fine;
}

static bool take_entry(const struct result *result, const struct level *level, size_t index,
		       struct entry *entry)
{
	const struct cell *cell = &result->cells[level->cell].cell;
	char text[CELL_KEY];

	*entry = (struct entry){ .level = level, .index = index, .size = cell->size };
	entry->curve = strdup(cell_key_without_size(cell, text, sizeof text));
	entry->group = strdup(cell_family(cell, text, sizeof text));
	return entry->curve && entry->group;
}

struct fits *fit_of(const struct result *result, const struct level levels[], size_t n,
		    uint64_t seed)
{
	struct fits *fits = calloc(1, sizeof *fits);
	struct entry *entries = calloc(n + 1, sizeof *entries);
	bool fine = fits && entries;
	size_t count = 0, workers = 0;

	for (size_t i = 0; fine && i < n; i++) {
		if (!levels[i].workers)
			continue;
		fine = take_entry(result, &levels[i], i, &entries[count++]);
		workers += levels[i].workers;
	}
	if (fine) {
		qsort(entries, count, sizeof *entries, by_curve);
		fits->seed = seed;
		size_t curves = 0;
		for (size_t i = 0; i < count; i++)
			curves += i == 0 || same_curve(&entries[i - 1], &entries[i]);
		fits->fit = calloc(curves + 1, sizeof *fits->fit);
		fine = fits->fit;
	}
	/* the search for breaks costs about as much as twenty workers of each size */
	unsigned times = resample_replicates(workers + 20 * count);
	for (size_t i = 0, end; fine && i < count; i = end) {
		for (end = i + 1; end < count && !same_curve(&entries[i], &entries[end]);)
			end++;
		fine = make_fit(result, entries + i, end - i, &fits->fit[fits->fit_count], seed,
				times);
		fits->fit_count += fine;
	}
	fine = fine && crossover_find(result, levels, fits);
	for (size_t i = 0; i < count; i++) {
		free(entries[i].group);
		free(entries[i].curve);
	}
	free(entries);
	if (!fine) {
		fit_free(fits);
		return NULL;
	}
	return fits;
}

void fit_free(struct fits *fits)
{
	if (!fits)
		return;
	free(fits->fit);
	free(fits->crossover);
	free(fits);
}
