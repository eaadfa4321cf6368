/* SPDX-License-Identifier: GPL-3.0-or-later */
/* crossover.c - at which size one curve overtakes another, told from the paired log ratios.
 *
 * At each size the pairs' ln(a/b) give a trimmed mean with Yuen's t. A size says "a is faster" or
 * "b is" when its interval, simultaneous over the sizes (Bonferroni), excludes 0 and it is not
 * within ±margin (TOST); it says "equal" when it is within. A change from one winner to the other
 * is a crossover; it lies where the paired difference of times, taken as straight between two
 * measured sizes, is 0: exact for curves σ + x/b, where interpolation of the ratio in ln x is not.
 * (Where that cannot be assumed, the interval is widened.)
 * Every outcome's share and the interval of a location come from a bootstrap of whole rounds, in
 * which all of this is done anew. */
#include "fit.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resample.h"

enum { MOST_PAIRS = 300, MOST_AT = 8, MOST_FREEDOM = 1000 };
/* Pairs of curves that are considered at all: those of a group of 4000. A file that says there are
 * more shall not take hours. */
enum { MOST_CONSIDERED = 8000000 };

/* A meeting point further than this factor from the measured sizes is no statement about them. */
static const double furthest = 4;
/* Between sizes this factor apart, curves that do not break are taken as straight. */
static const double straight = 4;

enum label { LABEL_A = -1, LABEL_UNCLEAR = 0, LABEL_B = 1, LABEL_EQUAL = 2 };

struct paired { /* two curves at the sizes they share */
	size_t n;
	double x[FIT_MOST_SIZES];
	double ns[FIT_MOST_SIZES]; /* of b */
	double margin;             /* of the logarithm */
	/* Half-widths in standard errors by degrees of freedom; NaN: not computed yet. */
	double sign_factor[MOST_FREEDOM + 1], equal_factor[MOST_FREEDOM + 1];
};

struct outcome {
	enum crossing crossing;
	int winner;
	size_t crossings;
	double at[MOST_AT];
	double low, high; /* of a tie */
	enum label label[FIT_MOST_SIZES];
};

static double factor_of(double known[], size_t freedom, double level)
{
	freedom = freedom < MOST_FREEDOM ? freedom : MOST_FREEDOM;
	if (isnan(known[freedom]))
		known[freedom] = statistics_t_factor((double)freedom, level);
	return known[freedom];
}

static double sign_half(struct paired *paired, const struct trimmed *t)
{
	return t->error * factor_of(paired->sign_factor, t->kept - 1, 1 - 0.05 / (double)paired->n);
}

/* Two one-sided tests at 5 % are an interval of 90 %. */
static double equal_half(struct paired *paired, const struct trimmed *t)
{
	return t->error * factor_of(paired->equal_factor, t->kept - 1, 0.90);
}

static enum label label_of(struct paired *paired, const struct trimmed *t)
{
	if (t->n < 3 || isnan(t->error))
		return LABEL_UNCLEAR;
	if (fabs(t->mean) + equal_half(paired, t) < paired->margin)
		return LABEL_EQUAL;
	if (fabs(t->mean) > sign_half(paired, t))
		return t->mean < 0 ? LABEL_A : LABEL_B;
	return LABEL_UNCLEAR;
}

/* Time of a less time of b. */
static double difference(const struct paired *paired, const struct trimmed t[], size_t i)
{
	return paired->ns[i] * expm1(t[i].mean);
}

/* Where the difference is 0 between sizes from and to, whose winners differ. Between them the means
 * may change sign more often than once by chance; the middle change is taken. */
static double meeting_point(const struct paired *paired, const struct trimmed t[], size_t from,
			    size_t to)
{
	size_t change[FIT_MOST_SIZES] = { from }, n = 0, last = from;

	for (size_t i = from + 1; i <= to; i++) {
		if (isnan(t[i].mean)) /* no pairs at this size */
			continue;
		if ((t[last].mean < 0) != (t[i].mean < 0))
			change[n++] = last;
		last = i;
	}
	size_t low = change[n / 2], high = low + 1;
	while (isnan(t[high].mean))
		high++;
	double a = difference(paired, t, low), b = difference(paired, t, high);
	return paired->x[low] + (paired->x[high] - paired->x[low]) * a / (a - b);
}

/* Where the line through the three outermost differences at an end is 0; NaN unless that lies
 * beyond the end and not too far. Relative errors are alike, so weights are 1/T². */
static double beyond(const struct paired *paired, const struct trimmed t[], bool above)
{
	size_t count = paired->n == 2 ? 2 : 3;
	double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
	double end = above ? paired->x[paired->n - 1] : paired->x[0];

	for (size_t k = 0; k < count; k++) {
		size_t i = above ? paired->n - 1 - k : k;
		double x = paired->x[i] / end, y = difference(paired, t, i);
		double weight = 1 / (paired->ns[i] * paired->ns[i]);
		w += weight;
		wx += weight * x;
		wy += weight * y;
		wxx += weight * x * x;
		wxy += weight * x * y;
	}
	double slope = (w * wxy - wx * wy) / (w * wxx - wx * wx);
	double at = wx / w - wy / w / slope;
	bool there = above ? at > 1 && at <= furthest : at < 1 && at >= 1 / furthest;
	return there ? at * end : NAN;
}

/* Twelve sizes that are each told with a power of 95 % leave one of them unclear every other time.
 * One alone, between two that say the same and itself on their side, is taken to say it too. */
static void bridge(const struct paired *paired, const struct trimmed t[], enum label label[])
{
	for (size_t i = 1; i + 1 < paired->n; i++) {
		enum label around = label[i - 1];
		if (label[i] != LABEL_UNCLEAR || label[i + 1] != around || isnan(t[i].mean))
			continue;
		if (around == LABEL_EQUAL ? fabs(t[i].mean) < paired->margin
					  : t[i].mean * (int)around > 0)
			label[i] = around;
	}
}

static void classify_without_change(const struct paired *paired, const struct trimmed t[],
				    struct outcome *out)
{
	size_t longest = 0, unclear = 0;

	for (size_t i = 0, end; i < paired->n; i = end) {
		end = i + 1;
		unclear += out->label[i] == LABEL_UNCLEAR;
		if (out->label[i] != LABEL_EQUAL)
			continue;
		while (end < paired->n && out->label[end] == LABEL_EQUAL)
			end++;
		if (end - i > longest) {
			longest = end - i;
			out->low = paired->x[i];
			out->high = paired->x[end - 1];
		}
	}
	/* a tie may end one size before the measured ones do */
	if (paired->n > 2 && out->label[0] == LABEL_UNCLEAR && out->label[1] == LABEL_EQUAL)
		unclear--;
	if (paired->n > 2 && out->label[paired->n - 1] == LABEL_UNCLEAR &&
	    out->label[paired->n - 2] == LABEL_EQUAL)
		unclear--;
	if (unclear) {
		out->crossing = CROSSING_UNRESOLVED;
	} else if (longest) {
		out->crossing = CROSSING_TIE;
	} else {
		double at = beyond(paired, t, true);
		if (isnan(at))
			at = beyond(paired, t, false);
		out->crossing = isnan(at) ? CROSSING_NEVER : CROSSING_OUTSIDE;
		out->at[0] = at;
	}
}

static void classify(struct paired *paired, const struct trimmed t[], struct outcome *out)
{
	size_t last = SIZE_MAX;

	*out = (struct outcome){ .low = NAN, .high = NAN };
	for (size_t i = 0; i < paired->n; i++)
		out->label[i] = label_of(paired, &t[i]);
	bridge(paired, t, out->label);
	for (size_t i = 0; i < paired->n; i++) {
		if (out->label[i] != LABEL_A && out->label[i] != LABEL_B)
			continue;
		if (last == SIZE_MAX) {
			out->winner = (int)out->label[i];
		} else if (out->label[i] != out->label[last]) {
			if (out->crossings < MOST_AT)
				out->at[out->crossings] = meeting_point(paired, t, last, i);
			out->crossings++;
		}
		last = i;
	}
	if (out->crossings)
		out->crossing = out->crossings == 1 ? CROSSING_ONE : CROSSING_SEVERAL;
	else
		classify_without_change(paired, t, out);
}

static bool alike(const struct outcome *a, const struct outcome *b)
{
	if (a->crossing != b->crossing)
		return false;
	switch (a->crossing) {
	case CROSSING_ONE:
	case CROSSING_NEVER:
	case CROSSING_OUTSIDE:
		return a->winner == b->winner;
	case CROSSING_SEVERAL:
		return a->crossings == b->crossings;
	case CROSSING_TIE:
	case CROSSING_UNRESOLVED:
		break;
	}
	return true;
}

/* Rounds until every unclear size is expected to be told, one way or the other, four times in five.
 * An estimate within 1.5 errors of 0 is planned for as 0: taken at its word, the largest of a dozen
 * noisy ones would ask for ten times too much. */
static unsigned more_rounds(struct paired *paired, const struct trimmed t[],
			    const struct outcome *outcome, size_t rounds)
{
	double most = 0, unclear = 0;

	for (size_t i = 0; i < paired->n; i++)
		unclear += outcome->label[i] == LABEL_UNCLEAR;
	double power = gsl_cdf_ugaussian_Pinv(pow(0.8, 1 / unclear));
	for (size_t i = 0; i < paired->n; i++) {
		const struct trimmed *at = &t[i];
		if (outcome->label[i] != LABEL_UNCLEAR)
			continue;
		if (at->n < 3 || !(at->error > 0))
			return 0;
		double away = fabs(at->mean), room = paired->margin - away;
		if (away < 1.5 * at->error)
			away = 0, room = paired->margin;
		double differs = (sign_half(paired, at) + power * at->error) / away;
		double equals =
			room > 0 ? (equal_half(paired, at) + power * at->error) / room : INFINITY;
		double factor = fmin(differs, equals);
		/* by rounds, since where groups are dealt into blocks a size is not in all of them
		 */
		most = fmax(most, (factor * factor - 1) * (double)rounds);
	}
	return most < 1e6 ? (unsigned)ceil(fmax(most, 1)) : 0;
}

/* The sizes of a segment, with half of the way to its neighbours, and beyond the outermost as far
 * as a meeting point is told. */
static void span_of(const struct fit *fit, size_t k, double *low, double *high)
{
	const struct fit_segment *s = &fit->segment[k];

	*low = k ? sqrt(fit->segment[k - 1].to * s->from) : s->from / furthest;
	*high = k + 1 < fit->segments ? sqrt(s->to * fit->segment[k + 1].from) : s->to * furthest;
}

/* Where fitted lines of both curves meet, nearest to a size, or the lowest when that is NaN. */
static double closed_form(const struct fit *a, const struct fit *b, double near)
{
	double best = NAN;

	for (size_t i = 0; i < a->segments; i++) {
		for (size_t j = 0; j < b->segments; j++) {
			const struct fit_segment *s = &a->segment[i], *t = &b->segment[j];
			double low[2], high[2];
			if (s->withheld || t->withheld)
				continue;
			span_of(a, i, &low[0], &high[0]);
			span_of(b, j, &low[1], &high[1]);
			double slopes = a->bytes_factor / s->bytes_per_s.estimate -
					b->bytes_factor / t->bytes_per_s.estimate;
			double x = (t->sigma_ns.estimate - s->sigma_ns.estimate) * 1e-9 / slopes;
			if (!(x >= fmax(low[0], low[1]) && x <= fmin(high[0], high[1])))
				continue;
			if (isnan(best) ||
			    (!isnan(near) && fabs(log(x / near)) < fabs(log(best / near))))
				best = x;
		}
	}
	return best;
}

/* Whether a curve's model breaks between two sizes. */
static bool breaks_between(const struct fit *fit, double low, double high)
{
	for (size_t k = 0; k + 1 < fit->segments; k++)
		if (fit->segment[k].to < high && fit->segment[k + 1].from > low)
			return true;
	return false;
}

/* What the bootstrap cannot know: the way of the curves between the two sizes around a crossover.
 * Where one of them breaks there, or could unseen, no more is said than these two sizes. Where they
 * are over a factor of four apart, the place is also told with the ratio as a power of the size,
 * which bends the other way, and both places belong to the interval. */
static void widen(const struct paired *paired, const struct trimmed t[], const struct fit *a,
		  const struct fit *b, struct interval *place)
{
	size_t i = 0;

	while (i + 2 < paired->n && paired->x[i + 1] < place->estimate)
		i++;
	double low = paired->x[i], high = paired->x[i + 1];
	if (isnan(place->low)) /* no interval; NaN must not pass for one of its ends */
		return;
	if (high > FIT_UNSEEN * low || breaks_between(a, low, high) ||
	    breaks_between(b, low, high)) {
		place->low = fmin(place->low, low);
		place->high = fmax(place->high, high);
	} else if (high > straight * low) {
		double share = t[i].mean / (t[i].mean - t[i + 1].mean);
		double shift = low * pow(high / low, share) / place->estimate;
		place->low = fmin(place->low, place->low * shift);
		place->high = fmax(place->high, place->high * shift);
	}
}

static void bootstrap(struct paired *paired, const struct outcome *outcome,
		      struct resample *resample, gsl_rng *rng, struct crossover *out,
		      double places[], unsigned times)
{
	struct trimmed t[FIT_MOST_SIZES];
	struct outcome other;
	size_t same = 0;

	for (unsigned b = 0; b < times; b++) {
		resample_draw(resample, rng);
		for (size_t i = 0; i < paired->n; i++)
			t[i] = resample_trimmed(resample, i);
		classify(paired, t, &other);
		if (alike(outcome, &other))
			places[same++] = other.at[0];
	}
	out->share = (double)same / times;
	if (outcome->crossing == CROSSING_ONE || outcome->crossing == CROSSING_OUTSIDE)
		out->bytes =
			resample_interval(outcome->at[0], places, same, resample_rounds(resample));
}

/* Fills a crossover from the pairs in resample. */
static bool judge(struct paired *paired, struct resample *resample, const struct fits *fits,
		  struct crossover *out, unsigned times)
{
	struct trimmed t[FIT_MOST_SIZES];
	struct outcome outcome;

	for (size_t i = 0; i < paired->n; i++) {
		t[i] = resample_trimmed(resample, i);
		double half =
			isnan(t[i].error)
				? NAN
				: t[i].error * statistics_t_factor((double)t[i].kept - 1, 0.95);
		out->size[i] = paired->x[i];
		out->log_ratio[i] =
			(struct interval){ t[i].mean, t[i].mean - half, t[i].mean + half, t[i].n };
	}
	out->points = paired->n;
	classify(paired, t, &outcome);
	out->outcome = outcome.crossing;
	out->winner = outcome.winner;
	out->crossings = outcome.crossings;
	out->bytes = (struct interval){ NAN, NAN, NAN, 0 };
	if (outcome.crossing == CROSSING_ONE || outcome.crossing == CROSSING_OUTSIDE)
		out->bytes.estimate = outcome.at[0];
	if (outcome.crossing == CROSSING_TIE)
		out->bytes = (struct interval){ NAN, outcome.low, outcome.high, 0 };
	for (size_t i = 0; i < outcome.crossings && i < MOST_AT; i++)
		out->at[i] = outcome.at[i];
	if (outcome.crossing == CROSSING_UNRESOLVED)
		out->more_rounds = more_rounds(paired, t, &outcome, resample_rounds(resample));
	out->closed_form_bytes =
		closed_form(&fits->fit[out->a], &fits->fit[out->b], out->bytes.estimate);

	out->share = NAN;
	if (resample_rounds(resample) < RESAMPLE_FEWEST_ROUNDS)
		return true;
	char name[2 * CELL_KEY + 16];
	snprintf(name, sizeof name, "%s %s %d", fits->fit[out->a].curve, fits->fit[out->b].curve,
		 (int)fits->fit[out->a].state);
	gsl_rng *rng = resample_rng(fits->seed, name);
	double *places = calloc(times, sizeof *places);
	if (rng && places)
		bootstrap(paired, &outcome, resample, rng, out, places, times);
	if (outcome.crossing == CROSSING_ONE)
		widen(paired, t, &fits->fit[out->a], &fits->fit[out->b], &out->bytes);
	bool fine = rng && places;
	free(places);
	if (rng)
		gsl_rng_free(rng);
	return fine;
}

/* --- pairs of curves -------------------------------------------------------------------------- */

/* The sizes that both curves have, with the indices of both. */
static size_t shared_sizes(const struct fit *a, const struct fit *b, size_t of_a[], size_t of_b[])
{
	size_t n = 0;

	for (size_t i = 0, j = 0; i < a->sizes && j < b->sizes;) {
		if (a->size[i] == b->size[j]) {
			of_a[n] = i++;
			of_b[n++] = j++;
		} else {
			*(a->size[i] < b->size[j] ? &i : &j) += 1;
		}
	}
	return n;
}

/* Pairs of two curves at the sizes where both have them, into paired and resample. */
static bool take_pairs(const struct result *result, const struct fit *a, const struct fit *b,
		       struct paired *paired, struct resample **resample)
{
	size_t of_a[FIT_MOST_SIZES], of_b[FIT_MOST_SIZES];
	size_t shared = shared_sizes(a, b, of_a, of_b);

	*paired = (struct paired){ .margin = log1p(result->margin) };
	*resample = resample_new(shared);
	bool fine = *resample;
	for (size_t i = 0; fine && i < shared; i++) {
		double *values;
		unsigned *rounds;
		size_t n = level_pairs_in_rounds(result, a->cell[of_a[i]], b->cell[of_b[i]],
						 a->state, &values, &rounds);
		if (n) {
			fine = resample_add(*resample, paired->n, values, rounds, n);
			paired->x[paired->n] = a->size[of_a[i]];
			paired->ns[paired->n++] = b->ns[of_b[i]];
		}
		free(values);
		free(rounds);
	}
	if (!fine || !resample_ready(*resample))
		return false;
	for (size_t i = 0; i <= MOST_FREEDOM; i++)
		paired->sign_factor[i] = paired->equal_factor[i] = NAN;
	return true;
}

/* At any size, more messages than it may. */
static bool loses(const struct fit *fit, const struct level levels[])
{
	for (size_t i = 0; i < fit->sizes; i++)
		if (level_loses(&levels[fit->level[i]]))
			return true;
	return false;
}

static bool comparable(const struct result *result, const struct level levels[],
		       const struct fit *a, const struct fit *b)
{
	size_t of_a[FIT_MOST_SIZES], of_b[FIT_MOST_SIZES];

	/* twins of an A/A pair are there for the gate, not for a choice; what drops messages
	 * overtakes nobody who delivers them */
	return a->state == b->state && !strcmp(a->group, b->group) &&
	       loses(a, levels) == loses(b, levels) && !result->cells[a->cell[0]].cell.replica &&
	       !result->cells[b->cell[0]].cell.replica && shared_sizes(a, b, of_a, of_b) >= 2;
}

/* Whether a curve is the fastest of its group at any size: with more pairs than can be looked at,
 * those are the ones that a choice is made between. */
static bool leads(const struct fit *fit, const struct level levels[])
{
	for (size_t i = 0; i < fit->sizes; i++)
		if (levels[fit->level[i]].fastest)
			return true;
	return false;
}

static int by_curves(const void *left, const void *right)
{
	const struct crossover *x = left, *y = right;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return x->b < y->b ? -1 : x->b > y->b;
}

/* The pairs to look at, into fits->crossover, only a and b set. */
static bool list_pairs(const struct result *result, const struct level levels[], struct fits *fits)
{
	bool *leading = calloc(fits->fit_count + 1, sizeof *leading);
	fits->crossover = calloc(MOST_PAIRS, sizeof *fits->crossover);
	if (!leading || !fits->crossover) {
		free(leading);
		return false;
	}
	for (size_t i = 0; i < fits->fit_count; i++)
		leading[i] = leads(&fits->fit[i], levels);
	for (int leaders = 2; leaders >= 0; leaders--) {
		size_t considered = 0, end = 0;
		for (size_t a = 0; a < fits->fit_count; a++) {
			/* fits are in the order of their groups */
			for (end = end > a ? end : a + 1; end < fits->fit_count; end++)
				if (strcmp(fits->fit[a].group, fits->fit[end].group) != 0)
					break;
			for (size_t b = a + 1; b < end; b++) {
				if (considered++ >= MOST_CONSIDERED) {
					fits->crossover_skipped += leaders ? 0 : end - b;
					break;
				}
				if (leading[a] + leading[b] != leaders ||
				    !comparable(result, levels, &fits->fit[a], &fits->fit[b]))
					continue;
				if (fits->crossover_count == MOST_PAIRS)
					fits->crossover_skipped++;
				else
					fits->crossover[fits->crossover_count++] =
						(struct crossover){ .a = (unsigned)a,
								    .b = (unsigned)b };
			}
		}
	}
	free(leading);
	qsort(fits->crossover, fits->crossover_count, sizeof *fits->crossover, by_curves);
	return true;
}

bool crossover_find(const struct result *result, const struct level levels[], struct fits *fits)
{
	if (!list_pairs(result, levels, fits))
		return false;
	size_t values = 0;
	for (size_t i = 0; i < fits->crossover_count; i++) {
		const struct fit *fit = &fits->fit[fits->crossover[i].a];
		for (size_t s = 0; s < fit->sizes; s++)
			values += levels[fit->level[s]].workers + 20;
	}
	unsigned times = resample_replicates(values);
	size_t kept = 0;
	for (size_t i = 0; i < fits->crossover_count; i++) {
		struct crossover crossover = fits->crossover[i];
		struct resample *resample = NULL;
		struct paired paired;
		bool fine = take_pairs(result, &fits->fit[crossover.a], &fits->fit[crossover.b],
				       &paired, &resample);
		/* two curves that never met in one visit have nothing to tell */
		if (fine && paired.n >= 2) {
			fine = judge(&paired, resample, fits, &crossover, times);
			fits->crossover[kept++] = crossover;
		}
		resample_free(resample);
		if (!fine)
			return false;
	}
	fits->crossover_count = kept;
	return true;
}

const char *crossover_text(enum crossing outcome)
{
	static const char *const names[] = {
		[CROSSING_ONE] = "one",         [CROSSING_SEVERAL] = "several",
		[CROSSING_NEVER] = "never",     [CROSSING_TIE] = "tie",
		[CROSSING_OUTSIDE] = "outside", [CROSSING_UNRESOLVED] = "unresolved",
	};

	return names[outcome];
}
