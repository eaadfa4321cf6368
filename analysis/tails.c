/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tails.c - quantiles of single operations: each worker's own, and intervals over the workers. */
#include "tails.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double nominal = 0.95, clock_share = 0.02, gap_ns = 50e3;
enum { ENOUGH = 10, HALVING_STEPS = 5 };

const double tail_quantiles[TAIL_QUANTILES] = { 0.5, 0.9, 0.99, 0.999, 0.9999 };

/* Operations that a worker's p-quantile takes. */
static double needed(double p)
{
	return ENOUGH / (1 - p) * (1 - 1e-9); /* 1 − 0.9999 is not exact */
}

static double operations_of(const struct result_worker *worker)
{
	double sum = 0;

	for (size_t i = 0; i < worker->bucket_count; i++)
		sum += worker->buckets[i].count;
	return sum;
}

/* The histogram has 1 / step buckets an octave, but none narrower than a tick. */
double tail_width(const struct result *result, double low_ns, double step)
{
	double tick = isfinite(result->ticks_per_ns) && result->ticks_per_ns > 0
			      ? 1 / result->ticks_per_ns
			      : 0;
	/* a number in a file has eight digits: a power of two may read as a hair less */
	double octave = tick > 0 && low_ns > 0
				? exp2(floor(log2(low_ns / tick * (1 + 1e-6)))) * tick
				: low_ns;

	return fmax(octave * step, tick);
}

double tail_quantile(const struct result *result, const struct result_worker *worker, double p)
{
	double rank = p * operations_of(worker), before = 0;

	for (size_t i = 0; i < worker->bucket_count; i++) {
		const struct result_bucket *bucket = &worker->buckets[i];

		if (before + bucket->count < rank && i + 1 < worker->bucket_count) {
			before += bucket->count;
			continue;
		}
		double width = tail_width(result, bucket->low_ns, worker->bucket_step);

		return bucket->low_ns + width * fmin(fmax((rank - before) / bucket->count, 0), 1);
	}
	return NAN;
}

/* --- a level's -------------------------------------------------------------------------------- */

/* The workers of a level that have a histogram; their number. */
static size_t workers_of(const struct result *result, const struct level *level,
			 const struct result_worker *workers[])
{
	size_t n = 0;

	for (size_t i = result->first[level->cell]; i < result->first[level->cell + 1]; i++) {
		const struct result_worker *worker = &result->workers[result->order[i]];
		if (level_counts(level, worker) && worker->bucket_count)
			workers[n++] = worker;
	}
	return n;
}

/* Of a worker's value, which may be nothing but the clock's cost, the logarithm has to exist. */
static double less_clock(double ns, double clock_ns)
{
	return fmax(ns - clock_ns, ns * 1e-3);
}

static struct interval over_workers(const double logs[], size_t n)
{
	struct interval t = statistics_t(logs, n, nominal);

	return (struct interval){ exp(t.estimate), exp(t.low), exp(t.high), t.n };
}

static struct tail_value value_of(const struct result *result, const struct tail *tail,
				  const struct result_worker *const workers[], double p,
				  double scratch[])
{
	struct tail_value value = { .p = p,
				    .ns = { NAN, NAN, NAN, 0 },
				    .raw_ns = { NAN, NAN, NAN, 0 } };

	/* All of them or none: who has more operations is faster, and its tail another. */
	if (tail->operations_least < needed(p)) {
		value.why = TAIL_FEW;
		return value;
	}
	for (size_t i = 0; i < tail->workers; i++)
		scratch[i] = log(fmax(tail_quantile(result, workers[i], p), 1e-3));
	value.raw_ns = over_workers(scratch, tail->workers);
	for (size_t i = 0; i < tail->workers; i++)
		scratch[i] = log(less_clock(exp(scratch[i]), tail->clock_ns));
	value.ns = over_workers(scratch, tail->workers);
	if (p == 0.5 && tail->clock_ns > clock_share * value.raw_ns.estimate)
		value.why = TAIL_CLOCK;
	return value;
}

static void measure(const struct result *result, struct tail *tail,
		    const struct result_worker *const workers[], double scratch[])
{
	tail->clock_ns = isfinite(result->clock_ns) ? result->clock_ns : 0;
	tail->operations_least = INFINITY;
	for (size_t i = 0; i < tail->workers; i++) {
		const struct result_worker *worker = workers[i];
		double operations = operations_of(worker);
		double most = worker->buckets[worker->bucket_count - 1].low_ns;
		tail->operations += operations;
		tail->operations_least = fmin(tail->operations_least, operations);
		tail->operations_most = fmax(tail->operations_most, operations);
		tail->most_ns = fmax(tail->most_ns, less_clock(most, tail->clock_ns));
	}
	for (size_t q = 0; q < TAIL_QUANTILES; q++)
		tail->value[q] = value_of(result, tail, workers, tail_quantiles[q], scratch);
}

struct room {
	const struct result_worker **workers;
	double *scratch;
};

static bool room_make(const struct result *result, struct room *room)
{
	size_t most = 0;

	for (size_t c = 0; c < result->cell_count; c++) {
		size_t workers = result->first[c + 1] - result->first[c];
		most = workers > most ? workers : most;
	}
	room->workers = reallocarray(NULL, most + 1, sizeof(const struct result_worker *));
	room->scratch = calloc(most + 1, sizeof *room->scratch);
	return room->workers && room->scratch;
}

static void room_free(struct room *room)
{
	free(room->workers);
	free(room->scratch);
}

struct tail *tails_of(const struct result *result, const struct level levels[], size_t levels_n,
		      size_t *n)
{
	struct tail *tails = calloc(levels_n + 1, sizeof *tails);
	struct room room;
	bool fine = room_make(result, &room) && tails;

	*n = 0;
	for (size_t i = 0; fine && i < levels_n; i++) {
		size_t workers = workers_of(result, &levels[i], room.workers);
		if (!workers)
			continue;
		tails[*n] = (struct tail){ .level = &levels[i], .workers = workers };
		measure(result, &tails[(*n)++], room.workers, room.scratch);
	}
	room_free(&room);
	if (!fine) {
		free(tails);
		return NULL;
	}
	return tails;
}

const struct tail *tail_find(const struct tail tails[], size_t n, const struct level *level)
{
	/* both are in the order of the levels */
	for (size_t low = 0, high = n; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (tails[middle].level == level)
			return &tails[middle];
		if (tails[middle].level < level)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

char *tail_reason(const struct tail *tail, size_t quantile, char *out, size_t bytes)
{
	const struct tail_value *value = &tail->value[quantile];

	*out = '\0';
	switch (value->why) {
	case TAIL_KNOWN:
		break;
	case TAIL_FEW:
		snprintf(out, bytes,
			 "p%g takes %.0f operations of every worker, the one with fewest has %.0f",
			 value->p * 100, ENOUGH / (1 - value->p), tail->operations_least);
		break;
	case TAIL_CLOCK:
		snprintf(out, bytes,
			 "the clock's %.1f ns are %.1f %% of p50, over 2 %%: a run without --tails "
			 "has the middle",
			 tail->clock_ns, 100 * tail->clock_ns / value->raw_ns.estimate);
		break;
	}
	return out;
}

size_t tail_curve(const struct result *result, const struct tail *tail,
		  struct tail_value points[TAIL_POINTS])
{
	struct room room;
	size_t n = 0;

	if (room_make(result, &room)) {
		workers_of(result, tail->level, room.workers);
		/* as HdrHistogram steps: in each half of what is left, by a fifth of that half */
		for (; n < TAIL_POINTS; n++) {
			size_t halvings = n / HALVING_STEPS;
			double half = exp2(-(double)halvings);
			double p =
				1 - half + half / 2 * (double)(n % HALVING_STEPS) / HALVING_STEPS;
			points[n] = value_of(result, tail, room.workers, p, room.scratch);
			if (points[n].why == TAIL_FEW)
				break;
			points[n].why = TAIL_KNOWN;
		}
	}
	room_free(&room);
	return n;
}

/* --- for exchange ------------------------------------------------------------------------------
 */

static int by_low(const void *left, const void *right)
{
	const struct result_bucket *a = left, *b = right;

	return (a->low_ns > b->low_ns) - (a->low_ns < b->low_ns);
}

struct result_bucket *tail_merged(const struct result *result, const struct tail *tail, size_t *n)
{
	struct room room;
	struct result_bucket *all = NULL;
	size_t count = 0;

	*n = 0;
	if (room_make(result, &room)) {
		size_t buckets = 0;

		workers_of(result, tail->level, room.workers);
		for (size_t i = 0; i < tail->workers; i++)
			buckets += room.workers[i]->bucket_count;
		all = calloc(buckets + 1, sizeof *all);
		for (size_t i = 0; all && i < tail->workers; i++) {
			const struct result_worker *worker = room.workers[i];
			memcpy(all + count, worker->buckets, worker->bucket_count * sizeof *all);
			count += worker->bucket_count;
		}
	}
	room_free(&room);
	if (!all)
		return NULL;
	qsort(all, count, sizeof *all, by_low);
	for (size_t i = 0; i < count; i++) {
		/* one bucket, whatever the eighth digit says */
		if (*n && all[i].low_ns <= all[*n - 1].low_ns * (1 + 1e-6))
			all[*n - 1].count += all[i].count;
		else
			all[(*n)++] = all[i];
	}
	return all;
}

/* --- the ends of turns ------------------------------------------------------------------------ */

struct tail_cut tail_cut_of(const struct result *result, const struct tail tails[], size_t n)
{
	static const double long_share = 0.1, kept_share = 0.99;
	struct tail_cut cut = { 0 };
	struct room room;
	bool fine = room_make(result, &room);

	for (size_t i = 0; fine && i < n; i++) {
		const struct level *level = tails[i].level;
		size_t workers = workers_of(result, level, room.workers);

		/* a queue that only grows is said to be one */
		if (!(level->achieved.estimate >= kept_share))
			continue;
		for (size_t w = 0; w < workers; w++) {
			const struct result_worker *worker = room.workers[w];
			double most = worker->buckets[worker->bucket_count - 1].low_ns;
			double turn = 1e9 * worker->operations / worker->offered_per_s;

			if (!(most > long_share * turn))
				continue;
			cut.workers++;
			if (most > cut.most_ns)
				cut = (struct tail_cut){ cut.workers, most, turn };
		}
	}
	room_free(&room);
	return cut;
}

/* --- the host --------------------------------------------------------------------------------- */

struct tail_host tail_host_of(const struct result *result)
{
	struct tail_host host = { .virtual = strcmp(result_host(result, "hypervisor"), "-") != 0 };

	for (size_t w = 0; w < result->worker_count; w++) {
		const struct result_worker *worker = &result->workers[w];
		for (unsigned p = 0; p < worker->peers && worker->ok; p++) {
			const struct result_disturbance *d = &worker->disturbance[p];
			if (!(d->gap_watch_ns > 0))
				continue;
			host.watches++;
			host.watched_ns += d->gap_watch_ns;
			host.with_gap += d->gap_most_ns > gap_ns;
			host.most_ns =
				fmax(host.most_ns, isfinite(d->gap_most_ns) ? d->gap_most_ns : 0);
		}
	}
	return host;
}
