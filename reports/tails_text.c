/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tails_text.c - what reports say of tails, and their export as HdrHistogram's percentile text. */
#include "tails_text.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/say.h"
#include "draw.h"

const struct tail *tails_at(const struct arrangement *a, const struct sheet_cell *cell)
{
	return cell->level ? tail_find(a->tails, a->tail_count, cell->level) : NULL;
}

size_t tails_rows(const struct arrangement *a, const struct sheet *sheet, size_t size)
{
	size_t n = 0;

	for (size_t r = 0; a->tail_count && r < sheet->row_count; r++)
		n += tails_at(a, &sheet->rows[r].cells[size]) != NULL;
	return n;
}

struct text_unit tails_unit(const struct arrangement *a, const struct sheet *sheet, size_t size)
{
	double least = INFINITY;

	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct tail *tail = tails_at(a, &sheet->rows[r].cells[size]);
		for (size_t q = 0; tail && q < TAIL_QUANTILES; q++)
			if (tail->value[q].why == TAIL_KNOWN)
				least = fmin(least, tail->value[q].ns.estimate);
	}
	/* from there it goes up by orders of magnitude: 0.15 … 480 µs reads better than 480000 ns
	 */
	return text_unit_one_ns(isfinite(least) ? 10 * least : 0);
}

char *tails_name(size_t quantile, char out[TEXT_NUMBER])
{
	snprintf(out, TEXT_NUMBER, "p%g", tail_quantiles[quantile] * 100);
	return out;
}

char *tails_missing(const struct arrangement *a, const struct sheet *sheet, size_t size,
		    size_t quantile, char out[TAILS_TEXT])
{
	const struct tail *first = NULL;
	const char *label = "";
	size_t n = 0;
	char more[32] = "";

	*out = '\0';
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct tail *tail = tails_at(a, &sheet->rows[r].cells[size]);
		if (!tail || tail->value[quantile].why == TAIL_KNOWN)
			continue;
		if (!n++) {
			first = tail;
			label = sheet->rows[r].label;
		}
	}
	if (n > 1)
		snprintf(more, sizeof more, " and %zu more", n - 1);
	if (first) {
		char reason[TAILS_TEXT / 2];

		snprintf(out, TAILS_TEXT, "%s (%.100s%s)",
			 tail_reason(first, quantile, reason, sizeof reason), label, more);
	}
	return out;
}

char *tails_method(const struct arrangement *a, char out[TAILS_TEXT])
{
	double clock = a->tail_count ? a->tails[0].clock_ns : 0;

	snprintf(out, TAILS_TEXT,
		 "Quantiles of single operations, one a worker: ± is half of the 95 %% interval "
		 "over "
		 "the workers. A p-quantile takes 10/(1 − p) operations of every worker. What a "
		 "reading of the clock costs, %.1f ns, is taken away.",
		 clock);
	return out;
}

char *tails_host(const struct arrangement *a, char out[TAILS_TEXT])
{
	struct tail_host host = tail_host_of(a->result);

	*out = '\0';
	if (host.with_gap) {
		char watched[24], most[24];

		snprintf(out, TAILS_TEXT,
			 "%s for over 50 µs in %zu of %zu looks (%s in all; the longest %s): past "
			 "p99.9 these figures measure %s as well.",
			 host.virtual ? "The CPUs of this virtual machine were away"
				      : "Something took the CPUs away",
			 host.with_gap, host.watches, say_ns(host.watched_ns, watched),
			 say_ns(host.most_ns, most), host.virtual ? "its host" : "that");
	}
	return out;
}

char *tails_cut(const struct arrangement *a, char out[TAILS_TEXT])
{
	struct tail_cut cut = tail_cut_of(a->result, a->tails, a->tail_count);

	*out = '\0';
	if (cut.workers) {
		char most[24], turn[24];

		snprintf(
			out, TAILS_TEXT,
			"In %zu worker%s on a schedule a message waited for over a tenth of a turn "
			"(%s, of %s): what such a stall would have held up after the turn's end "
			"was "
			"never sent, so the tail is longer than this. --operations N makes longer "
			"turns.",
			cut.workers, cut.workers == 1 ? "" : "s", say_ns(cut.most_ns, most),
			say_ns(cut.turn_ns, turn));
	}
	return out;
}

char *tails_achieved(const struct level *level, char out[TEXT_NUMBER])
{
	*out = '\0';
	if (isfinite(level->offered_per_s))
		snprintf(out, TEXT_NUMBER, "%.1f %%", 100 * level->achieved.estimate);
	return out;
}

/* --- HdrHistogram's percentile text ------------------------------------------------------------
 */

/* Letters, digits and what no shell and no file system minds; the rest is "_". A place of its own
 * number makes it unlike all others. */
static void file_name(const struct arrangement *a, size_t index, char *out, size_t bytes)
{
	const struct level *level = a->tails[index].level;
	int used = snprintf(out, bytes, "tails-%zu-%.180s%s%s", index + 1,
			    a->result->cells[level->cell].key,
			    level->state == STATE_NONE ? "" : "_", state_text(level->state));

	for (int i = 0; i < used && (size_t)i < bytes; i++)
		if (!isascii((unsigned char)out[i]) ||
		    (!isalnum((unsigned char)out[i]) && !strchr("-.", out[i])))
			out[i] = '_';
}

struct moments {
	double n, mean, sd, most;
};

static struct moments moments_of(const struct result *result, const struct result_bucket buckets[],
				 size_t n, double step, double clock_ns)
{
	struct moments m = { 0 };
	double squares = 0;

	for (size_t i = 0; i < n; i++) {
		double width = tail_width(result, buckets[i].low_ns, step);
		double middle = fmax(buckets[i].low_ns + width / 2 - clock_ns, 0);
		m.n += buckets[i].count;
		m.mean += buckets[i].count * middle;
		squares += buckets[i].count * middle * middle;
		m.most = fmax(buckets[i].low_ns + width - clock_ns, 0);
	}
	m.mean /= m.n;
	m.sd = sqrt(fmax(squares / m.n - m.mean * m.mean, 0));
	return m;
}

/* As outputPercentileDistribution() of HdrHistogram writes it, with five steps for each half of
 * what is left; a value is the upper end of its bucket. */
static void percentiles(FILE *out, const struct result *result,
			const struct result_bucket buckets[], size_t n, double step,
			double clock_ns)
{
	enum { STEPS = 5, DIGITS = 53 };
	struct moments m = moments_of(result, buckets, n, step, clock_ns);
	double through = buckets[0].count;
	size_t at = 0;

	fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	for (unsigned k = 0; k < STEPS * DIGITS; k++) {
		unsigned halvings = k / STEPS;
		double half = exp2(-(double)halvings);
		double p = 1 - half + half / 2 * (k % STEPS) / STEPS;
		while (through < p * m.n && at + 1 < n)
			through += buckets[++at].count;
		if (at + 1 == n)
			break;
		double value = buckets[at].low_ns + tail_width(result, buckets[at].low_ns, step);
		fprintf(out, "%12.3f %2.12f %10.0f %14.2f\n", fmax(value - clock_ns, 0), p, through,
			1 / (1 - p));
	}
	fprintf(out, "%12.3f %2.12f %10.0f\n", m.most, 1.0, m.n);
	fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", m.mean, m.sd);
	fprintf(out, "#[Max     = %12.3f, Total count    = %12.0f]\n", m.most, m.n);
	fprintf(out, "#[Buckets = %12zu, SubBuckets     = %12.0f]\n", n, step > 0 ? 1 / step : 0);
}

static int export_one(const struct arrangement *a, size_t index, const char *directory)
{
	const struct tail *tail = &a->tails[index];
	const struct result_cell *cell = &a->result->cells[tail->level->cell];
	char name[256];
	double step = 0;
	size_t n;

	for (size_t i = a->result->first[tail->level->cell];
	     i < a->result->first[tail->level->cell + 1]; i++)
		step = fmax(step, a->result->workers[a->result->order[i]].bucket_step);
	struct result_bucket *buckets = tail_merged(a->result, tail, &n);
	if (!buckets) {
		say_error("out of memory while exporting tails");
		return -1;
	}
	file_name(a, index, name, sizeof name);
	FILE *out = draw_open(directory, name, ".hgrm");
	if (out) {
		char key[CELL_KEY];

		percentiles(out, a->result, buckets, n, step, tail->clock_ns);
		fprintf(out, "#[%s %s%s%s in ns, of %zu workers; the clock's %.3f ns taken away]\n",
			text_clean(cell->key, key, sizeof key), quantity_name(cell->quantity),
			tail->level->state == STATE_NONE ? "" : ", host state ",
			state_text(tail->level->state), tail->workers, tail->clock_ns);
	}
	free(buckets);
	return out ? draw_close(out, directory, name) : -1;
}

int tails_export(const struct arrangement *a, const char *directory)
{
	for (size_t i = 0; i < a->tail_count; i++)
		if (export_one(a, i, directory))
			return -1;
	return (int)a->tail_count;
}
