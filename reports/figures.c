/* SPDX-License-Identifier: GPL-3.0-or-later */
/* figures.c - the figures of a result: which there are, and the data of each. */
#include "figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/say.h"
#include "decomposed.h"
#include "places.h"
#include "tails_text.h"

enum { MOST_FIGURES = 64, MOST_PANELS = 6 };

static const char *const scripts[] = { "style.gp",     "curves.gp", "latency.gp",
				       "bandwidth.gp", "dots.gp",   "sharing.gp",
				       "ratio.gp",     "tails.gp",  "parts.gp" };
enum { SCRIPTS = sizeof scripts / sizeof *scripts };

/* ---- what a figure says of itself ---- */

struct workshop {
	const struct arrangement *arrangement;
	const struct fits *fits;
	const char *directory;
	struct figures *figures;
	unsigned made[7]; /* figures of each kind so far */
	json_t *variants; /* their places in the plan's order */
	char host[320];
};

enum kind {
	KIND_LATENCY,
	KIND_BANDWIDTH,
	KIND_DOTS,
	KIND_SHARING,
	KIND_RATIO,
	KIND_TAILS,
	KIND_PARTS
};

/* The next figure of a kind with its data file begun; NULL when there are enough, or on error. */
static struct figure *begin(struct workshop *shop, enum kind kind, FILE **data)
{
	static const char *const names[] = { "latency", "bandwidth", "dots", "sharing",
					     "ratio",   "tails",     "parts" };
	static const char *const script[] = { "latency.gp", "bandwidth.gp", "dots.gp", "sharing.gp",
					      "ratio.gp",   "tails.gp",     "parts.gp" };
	struct figures *all = shop->figures;

	if (all->count == MOST_FIGURES) {
		snprintf(all->missing, sizeof all->missing,
			 "only the first %d figures are drawn; the tables are complete",
			 MOST_FIGURES);
		return NULL;
	}
	struct figure *figure = &all->figure[all->count];
	*figure = (struct figure){ .script = script[kind] };
	snprintf(figure->name, sizeof figure->name, "%s-%u", names[kind], ++shop->made[kind]);
	*data = draw_open(shop->directory, figure->name, ".tsv");
	if (!*data)
		return NULL;
	all->count++;
	return figure;
}

/* The head of a data file, and block 0, which the scripts read. */
static void frame_write(FILE *data, const struct workshop *shop, const struct figure *figure,
			struct frame *frame, const char *under, const char *columns)
{
	frame->source = shop->arrangement->result->path;
	frame->under = under;
	frame->where = shop->host;
	frame->columns = columns;
	draw_frame(data, figure, frame);
}

/* The colour of a variant: its place among the variants of the plan, so that it is the same in all
 * figures. */
static unsigned hue_of(const struct workshop *shop, const struct cell *cell)
{
	char name[CELL_KEY];
	const json_t *place = json_object_get(shop->variants, cell_label(cell, name, sizeof name));

	return (unsigned)(json_integer_value(place) % DRAW_INKS) + 1;
}

static int find_variants(struct workshop *shop)
{
	const struct result *result = shop->arrangement->result;

	char name[CELL_KEY];

	shop->variants = json_object();
	for (size_t i = 0; i < result->cell_count; i++)
		if (place_of(shop->variants, cell_label(&result->cells[i].cell, name, sizeof name),
			     json_object_size(shop->variants)) == SIZE_MAX)
			return -1;
	return shop->variants ? 0 : -1;
}

/* The symbol of each row: its colour's, but for the second row of a colour (one variant with two
 * waits), which takes one that is free. */
static void choose_shapes(struct frame *frame)
{
	bool taken[DRAW_INKS + 1] = { false };

	for (size_t r = 0; r < frame->rows; r++) {
		frame->shape[r] = taken[frame->hue[r]] ? 0 : frame->hue[r];
		taken[frame->hue[r]] = true;
	}
	for (size_t r = 0; r < frame->rows; r++) {
		if (frame->shape[r])
			continue;
		unsigned shape = 1;
		while (shape <= DRAW_INKS && taken[shape])
			shape++;
		frame->shape[r] = shape <= DRAW_INKS ? shape : frame->hue[r];
		taken[frame->shape[r]] = true;
	}
}

static int finish(struct workshop *shop, const struct figure *figure, FILE *data)
{
	return draw_close(data, shop->directory, figure->name);
}

/* ---- curves over sizes ---- */

struct end_label {
	double x, y, place; /* the line's end, and where along y its name stands */
	bool early;         /* the line ends before the right edge: its name need not give way */
	size_t row;
	const char *text;
};

static int by_place(const void *a, const void *b)
{
	const struct end_label *x = a, *y = b;

	if (x->early != y->early)
		return x->early ? 1 : -1;
	return (x->y > y->y) - (x->y < y->y);
}

static int by_row(const void *a, const void *b)
{
	const struct end_label *x = a, *y = b;

	return (x->row > y->row) - (x->row < y->row);
}

/* Moves the names at the right edge apart along a log axis, by as little as keeps them in order and
 * a line's height from each other: neighbours that clash are pushed apart by half each until none
 * does. */
static void spread_labels(struct end_label labels[], size_t n, double low, double high)
{
	double gap = 0.056 * log(high / low);
	size_t late = 0;

	qsort(labels, n, sizeof *labels, by_place);
	for (; late < n && !labels[late].early; late++)
		labels[late].place = log(labels[late].y);
	for (int pass = 0; pass < 500; pass++) {
		bool moved = false;
		for (size_t i = 1; i < late; i++) {
			double lack = gap - (labels[i].place - labels[i - 1].place);
			if (lack <= gap * 0.01)
				continue;
			labels[i - 1].place -= lack / 2;
			labels[i].place += lack / 2;
			moved = true;
		}
		if (!moved)
			break;
	}
	/* Back into the frame from above, then from below: gnuplot leaves out what stands outside.
	 */
	double limit = log(high);
	for (size_t i = late; i-- > 0; limit = labels[i].place - gap)
		labels[i].place = fmin(labels[i].place, limit);
	limit = log(low);
	for (size_t i = 0; i < late; limit = labels[i++].place + gap)
		labels[i].place = fmax(labels[i].place, limit);
	for (size_t i = 0; i < n; i++)
		labels[i].place = i < late ? exp(fmin(labels[i].place, log(high))) : labels[i].y;
	qsort(labels, n, sizeof *labels, by_row);
}

/* A name for each line, at its end. */
static void write_names(FILE *data, struct end_label ends[], size_t n, double low, double high)
{
	spread_labels(ends, n, low, high);
	fputs("\n\n# names: x where the line ends  y of the name  name  y where the line ends  1: "
	      "ends early\n",
	      data);
	for (size_t i = 0; i < n; i++) {
		draw_number(data, ends[i].x, "\t");
		draw_number(data, ends[i].place, "\t");
		draw_label(data, ends[i].text, "\t");
		draw_number(data, ends[i].y, "\t");
		fprintf(data, "%d\n", ends[i].early);
	}
}

static bool row_has_level(const struct sheet *sheet, const struct sheet_row *row)
{
	for (size_t s = 0; s < sheet->size_count; s++)
		if (row->cells[s].level)
			return true;
	return false;
}

/* The frame around all values of a sheet and their intervals. */
static struct frame sheet_frame(const struct workshop *shop, const struct sheet *sheet,
				size_t *sizes)
{
	struct frame frame = { .x_low = INFINITY, .y_low = INFINITY };
	bool seen[256] = { false };

	*sizes = 0;
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct sheet_row *row = &sheet->rows[r];
		if (!row_has_level(sheet, row) || frame.rows == DRAW_ROWS)
			continue;
		frame.hue[frame.rows] = hue_of(shop, row->cell);
		frame.rows++;
		if (text_width(row->label) > frame.margin)
			frame.margin = text_width(row->label);
		for (size_t s = 0; s < sheet->size_count; s++) {
			if (!row->cells[s].level)
				continue;
			struct interval v = measure_value(sheet->measure, row->cells[s].level);
			if (!(v.estimate > 0))
				continue;
			if (s < 256 && !seen[s]) {
				seen[s] = true;
				++*sizes;
			}
			frame.x_low = fmin(frame.x_low, (double)sheet->sizes[s]);
			frame.x_high = fmax(frame.x_high, (double)sheet->sizes[s]);
			/* an interval that says nothing shall not squeeze those that do */
			frame.y_low =
				fmin(frame.y_low,
				     isfinite(v.low) ? fmax(v.low, v.estimate / 3) : v.estimate);
			frame.y_high =
				fmax(frame.y_high,
				     isfinite(v.high) ? fmin(v.high, v.estimate * 3) : v.estimate);
		}
	}
	choose_shapes(&frame);
	return frame;
}

/* "1 worker", "20 workers", "18 to 20 workers" */
static char *worker_count(const struct sheet *sheet, char out[64])
{
	if (sheet->workers_least == sheet->workers_most)
		snprintf(out, 64, "%zu worker%s", sheet->workers_most,
			 sheet->workers_most == 1 ? "" : "s");
	else
		snprintf(out, 64, "%zu to %zu workers", sheet->workers_least, sheet->workers_most);
	return out;
}

static void sheet_captions(const struct sheet *sheet, struct figure *figure, char *under,
			   size_t bytes)
{
	static const char *const title[] = { [MEASURE_RTT] = "Round trip (RTT)",
					     [MEASURE_BANDWIDTH] = "Payload received",
					     [MEASURE_TIME] = "Time per message",
					     [MEASURE_ONEWAY] = "One way" };

	snprintf(figure->title, sizeof figure->title, "%s: %s, %s", title[sheet->measure],
		 sheet->pattern, sheet->situation);
	char count[64];
	worker_count(sheet, count);
	snprintf(under, bytes, "%s; wait %s; %s a point, 95 %% intervals", sheet->conditions,
		 sheet->waits, count);
	snprintf(figure->caption, sizeof figure->caption,
		 "%s Bars are 95 %% intervals over %s; where none is seen it is smaller "
		 "than "
		 "the point. Both scales are logarithmic: equal steps are equal factors.",
		 sheet->measure == MEASURE_RTT         ? "The whole round trip, two messages."
		 : sheet->measure == MEASURE_BANDWIDTH ? "Payload arriving at the consumer."
		 : sheet->measure == MEASURE_ONEWAY
			 ? "From when a message was to be sent to its receipt, on average."
			 : "Time per message.",
		 count);
	figure->sheet = sheet;
}

static int curves(struct workshop *shop, const struct sheet *sheet, struct frame frame)
{
	FILE *data;
	struct figure *figure = begin(
		shop, sheet->measure == MEASURE_BANDWIDTH ? KIND_BANDWIDTH : KIND_LATENCY, &data);
	char under[512];

	if (!figure)
		return shop->figures->count == MOST_FIGURES ? 0 : -1;
	sheet_captions(sheet, figure, under, sizeof under);
	frame.x_low /= 1.25;
	frame.x_high *= 1.12;
	frame.y_low /= 1.25;
	frame.y_high *= 1.25;
	frame.margin += 6;
	frame.axis = sheet->measure == MEASURE_RTT         ? "round trip"
		     : sheet->measure == MEASURE_BANDWIDTH ? "payload received per second"
		     : sheet->measure == MEASURE_ONEWAY    ? "one way"
							   : "time per message";
	frame_write(data, shop, figure, &frame, under,
		    sheet->measure == MEASURE_BANDWIDTH
			    ? "size_bytes  bytes_per_s  low  high  workers  variant"
		    : sheet->measure == MEASURE_RTT
			    ? "size_bytes  rtt_ns  low  high  workers  variant"
		    : sheet->measure == MEASURE_ONEWAY
			    ? "size_bytes  oneway_ns  low  high  workers  variant"
			    : "size_bytes  per_message_ns  low  high  workers  variant");
	struct end_label *ends = calloc(frame.rows, sizeof *ends);
	if (!ends) {
		say_error("out of memory while writing figures");
		fclose(data);
		return -1;
	}
	size_t n = 0;
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct sheet_row *row = &sheet->rows[r];
		if (!row_has_level(sheet, row) || n == frame.rows)
			continue;
		fputs("\n\n", data);
		for (size_t s = 0; s < sheet->size_count; s++) {
			const struct level *level = row->cells[s].level;
			if (!level)
				continue;
			struct interval v = measure_value(sheet->measure, level);
			draw_number(data, (double)sheet->sizes[s], "\t");
			draw_number(data, v.estimate, "\t");
			draw_number(data, v.low, "\t");
			draw_number(data, v.high, "\t");
			fprintf(data, "%zu\t", level->workers);
			draw_label(data, row->label, "\n");
			ends[n] = (struct end_label){
				.x = (double)sheet->sizes[s],
				.y = v.estimate,
				.early = (double)sheet->sizes[s] * 1.13 < frame.x_high,
				.row = n,
				.text = row->label,
			};
		}
		n++;
	}
	write_names(data, ends, n, frame.y_low, frame.y_high);
	free(ends);
	return finish(shop, figure, data);
}

/* ---- one size: a dot a variant ---- */

struct dot {
	const struct sheet_row *row;
	struct interval value;
};

static int by_value(const void *a, const void *b)
{
	const struct dot *x = a, *y = b;

	return (x->value.estimate > y->value.estimate) - (x->value.estimate < y->value.estimate);
}

static int dots(struct workshop *shop, const struct sheet *sheet, struct frame frame)
{
	FILE *data;
	struct dot *rows = calloc(frame.rows, sizeof *rows);
	char under[512], axis[96], size_text[24] = "";
	size_t n = 0;

	if (!rows) {
		say_error("out of memory while writing figures");
		return -1;
	}
	for (size_t r = 0; r < sheet->row_count && n < frame.rows; r++) {
		for (size_t s = 0; s < sheet->size_count; s++) {
			if (!sheet->rows[r].cells[s].level)
				continue;
			rows[n++] = (struct dot){ &sheet->rows[r],
						  measure_value(sheet->measure,
								sheet->rows[r].cells[s].level) };
			say_size(sheet->sizes[s], size_text);
			break;
		}
	}
	qsort(rows, n, sizeof *rows, by_value);
	if (sheet->measure == MEASURE_BANDWIDTH)
		for (size_t i = 0; i < n / 2; i++) {
			struct dot swap = rows[i];
			rows[i] = rows[n - 1 - i];
			rows[n - 1 - i] = swap;
		}
	struct figure *figure = begin(shop, KIND_DOTS, &data);
	if (!figure) {
		free(rows);
		return shop->figures->count == MOST_FIGURES ? 0 : -1;
	}
	struct text_unit unit = sheet_unit(sheet);
	bool logarithmic = frame.y_high > 20 * frame.y_low;
	sheet_captions(sheet, figure, under, sizeof under);
	snprintf(figure->caption, sizeof figure->caption,
		 "%s at %s; bars are 95 %% intervals over workers.%s",
		 sheet->measure == MEASURE_RTT         ? "The whole round trip, two messages,"
		 : sheet->measure == MEASURE_BANDWIDTH ? "Payload arriving at the consumer"
		 : sheet->measure == MEASURE_ONEWAY
			 ? "From when a message was to be sent to its receipt, on average,"
			 : "Time per message",
		 size_text,
		 logarithmic ? " The scale is logarithmic." : " The scale begins at zero.");
	snprintf(axis, sizeof axis, "%s at %s, %s", measure_text(sheet->measure), size_text,
		 unit.name);
	frame.axis = axis;
	frame.x_low = logarithmic ? frame.y_low / unit.scale / 1.3 : 0;
	frame.x_high = frame.y_high / unit.scale * (logarithmic ? 1.3 : 1.05);
	frame.y_low = frame.y_high = 0;
	frame.margin += 3;
	frame_write(data, shop, figure, &frame, under, "row  value  low  high  variant  text");
	fputs("\n\n", data);
	for (size_t i = 0; i < n; i++) {
		char value[TEXT_NUMBER], spread[TEXT_NUMBER];
		fprintf(data, "%zu\t", i + 1);
		draw_number(data, rows[i].value.estimate / unit.scale, "\t");
		draw_number(data, rows[i].value.low / unit.scale, "\t");
		draw_number(data, rows[i].value.high / unit.scale, "\t");
		draw_label(data, rows[i].row->label, "\t");
		fprintf(data, "%s %s\n", text_number(rows[i].value.estimate / unit.scale, value),
			text_spread(rows[i].value, spread));
	}
	free(rows);
	return finish(shop, figure, data);
}

/* ---- false sharing ---- */

static int sharing(struct workshop *shop)
{
	const struct arrangement *a = shop->arrangement;
	struct frame frame = { .x_low = 0.9,
			       .x_high = 2.2,
			       .rows = a->sharing_count,
			       .axis = "times as long with all counters on one line" };
	FILE *data;

	if (!a->sharing_count)
		return 0;
	struct figure *figure = begin(shop, KIND_SHARING, &data);
	if (!figure)
		return shop->figures->count == MOST_FIGURES ? 0 : -1;
	snprintf(figure->title, sizeof figure->title, "What false sharing costs");
	snprintf(figure->caption, sizeof figure->caption,
		 "The same mechanism twice, once with all its counters on one cache line: how many "
		 "times as long a "
		 "message takes. Circles: round trip; squares: time per message of a stream. Bars "
		 "are "
		 "95 %% intervals of the ratio, from pairs of workers that lived side by side.");
	char(*names)[256] = calloc(a->sharing_count, sizeof *names);
	if (!names) {
		say_error("out of memory while writing figures");
		fclose(data);
		return -1;
	}
	for (size_t i = 0; i < a->sharing_count; i++) {
		const struct sharing *one = &a->sharing[i];
		char size[24], wait[48];
		snprintf(names[i], sizeof names[i], "%s %s %s, %s %s%s%s", one->shared->mechanism,
			 one->sheet->pattern, say_size(one->shared->size, size),
			 one->sheet->sample->placement,
			 cell_wait_text(one->shared, wait, sizeof wait),
			 *state_text(one->state) ? ", " : "", state_text(one->state));
		size_t width = text_width(names[i]);
		frame.margin = width > frame.margin ? width : frame.margin;
		double low = isfinite(one->factor.low) ? one->factor.low : one->factor.estimate;
		double high = isfinite(one->factor.high) ? one->factor.high : one->factor.estimate;
		frame.x_low = fmin(frame.x_low, fmax(low, one->factor.estimate / 3) / 1.1);
		frame.x_high = fmax(frame.x_high, fmin(high, one->factor.estimate * 3) * 1.1);
	}
	frame.margin += 2;
	frame_write(data, shop, figure, &frame,
		    "circle: round trip; square: time per message of a stream; 95 % intervals from "
		    "pairs",
		    "row  factor  low  high  what  text  kind(1 round trip, 2 throughput)");
	fputs("\n\n", data);
	for (size_t i = 0; i < a->sharing_count; i++) {
		const struct interval *f = &a->sharing[i].factor;
		char value[96];
		fprintf(data, "%zu\t", i + 1);
		draw_number(data, f->estimate, "\t");
		draw_number(data, isfinite(f->low) ? f->low : f->estimate, "\t");
		draw_number(data, isfinite(f->high) ? f->high : f->estimate, "\t");
		draw_label(data, names[i], "\t");
		fprintf(data, "%s\t", text_interval(*f, 1, "×", value, sizeof value));
		fprintf(data, "%d\n", a->sharing[i].quantity == QUANTITY_RTT ? 1 : 2);
	}
	free(names);
	return finish(shop, figure, data);
}

/* ---- crossovers ---- */

const struct sheet_row *fit_row(const struct arrangement *arrangement, const struct fit *fit,
				const struct sheet **sheet)
{
	for (size_t i = 0; i < fit->sizes; i++) {
		const struct sheet_row *row =
			arranged_row(arrangement, fit->cell[i], fit->state, sheet);
		if (row)
			return row;
	}
	return NULL;
}

const char *fit_label(const struct arrangement *arrangement, const struct fit *fit)
{
	const struct sheet *sheet;
	const struct sheet_row *row = fit_row(arrangement, fit, &sheet);

	return row ? row->label : fit->curve;
}

unsigned crossover_below(const struct crossover *x)
{
	return x->winner < 0 ? x->a : x->b;
}

char *crossover_place(struct interval bytes, char *out, size_t room)
{
	char at[TEXT_NUMBER];

	text_size(bytes.estimate, at);
	if (isfinite(bytes.low) && isfinite(bytes.high)) {
		char low[TEXT_NUMBER], high[TEXT_NUMBER];
		snprintf(out, room, "%s (%s … %s)", at, text_size(bytes.low, low),
			 text_size(bytes.high, high));
	} else {
		snprintf(out, room, "%s", at);
	}
	return out;
}

char *crossover_sentence(const struct arrangement *arrangement, const struct fits *fits,
			 const struct crossover *x, char *out, size_t bytes)
{
	const char *a = fit_label(arrangement, &fits->fit[x->a]);
	const char *b = fit_label(arrangement, &fits->fit[x->b]);
	bool a_below = crossover_below(x) == x->a;
	char low[TEXT_NUMBER], place[128];

	switch (x->outcome) {
	case CROSSING_ONE:
		snprintf(out, bytes, "%s is faster below %s, %s above", a_below ? a : b,
			 crossover_place(x->bytes, place, sizeof place), a_below ? b : a);
		break;
	case CROSSING_SEVERAL:
		snprintf(out, bytes, "%s and %s change places %zu times, first at %s", a, b,
			 x->crossings, text_size(x->at[0], low));
		break;
	case CROSSING_NEVER:
		snprintf(out, bytes, "%s is faster than %s at every size measured",
			 x->winner < 0 ? a : b, x->winner < 0 ? b : a);
		break;
	case CROSSING_TIE:
		snprintf(out, bytes, "%s and %s tie %s %s%s%s", a, b,
			 x->bytes.low < x->bytes.high ? "from" : "at", text_size(x->bytes.low, low),
			 x->bytes.low < x->bytes.high ? " to " : "",
			 x->bytes.low < x->bytes.high ? text_size(x->bytes.high, place) : "");
		break;
	case CROSSING_OUTSIDE:
		snprintf(out, bytes,
			 "%s is faster than %s here; they would meet outside the sizes measured, "
			 "at about %s",
			 x->winner < 0 ? a : b, x->winner < 0 ? b : a,
			 text_size(x->bytes.estimate, low));
		break;
	case CROSSING_UNRESOLVED:
		if (x->more_rounds)
			snprintf(out, bytes, "%s and %s: not resolved, about %u more rounds", a, b,
				 x->more_rounds);
		else
			snprintf(out, bytes, "%s and %s: not resolved", a, b);
		break;
	}
	return out;
}

/* Pairs of variants that change places, the surest first. */
static size_t panels(const struct fits *fits, const struct crossover *out[])
{
	static const enum crossing order[] = { CROSSING_ONE, CROSSING_SEVERAL };
	size_t n = 0;

	for (size_t o = 0; o < 2; o++)
		for (size_t i = 0; i < fits->crossover_count && n < MOST_PANELS; i++)
			if (fits->crossover[i].outcome == order[o] && fits->crossover[i].points > 1)
				out[n++] = &fits->crossover[i];
	return n;
}

static int ratios(struct workshop *shop)
{
	const struct fits *fits = shop->fits;
	const struct crossover *panel[MOST_PANELS];
	size_t n = fits ? panels(fits, panel) : 0;
	struct frame frame = {
		.x_low = INFINITY, .y_low = 0.8, .y_high = 1.25, .rows = n, .axis = "ratio of times"
	};
	FILE *data;

	if (!n)
		return 0;
	struct figure *figure = begin(shop, KIND_RATIO, &data);
	if (!figure)
		return shop->figures->count == MOST_FIGURES ? 0 : -1;
	snprintf(figure->title, sizeof figure->title, "Where one variant overtakes another");
	snprintf(figure->caption, sizeof figure->caption,
		 "Time of the first over time of the second, against message size, from pairs of "
		 "workers "
		 "that lived side by side; below 1 the first is faster. A crossover is where the "
		 "curve "
		 "crosses 1. Bars are 95 %% intervals (20 %% trimmed mean, Yuen's t).");
	for (size_t i = 0; i < n; i++) {
		for (size_t p = 0; p < panel[i]->points; p++) {
			struct interval r = panel[i]->log_ratio[p];
			frame.x_low = fmin(frame.x_low, panel[i]->size[p]);
			frame.x_high = fmax(frame.x_high, panel[i]->size[p]);
			if (isfinite(r.estimate)) {
				frame.y_low = fmin(frame.y_low,
						   exp(isfinite(r.low) ? r.low : r.estimate));
				frame.y_high = fmax(frame.y_high,
						    exp(isfinite(r.high) ? r.high : r.estimate));
			}
		}
	}
	frame.x_low /= 1.25;
	frame.x_high *= 1.25;
	frame.y_low /= 1.08;
	frame.y_high *= 1.08;
	frame_write(data, shop, figure, &frame,
		    "time of the first / time of the second, from pairs of workers; 95 % intervals",
		    "size_bytes  ratio  low  high  pair");
	for (size_t i = 0; i < n; i++) {
		const struct crossover *x = panel[i];
		const struct sheet *sheet = NULL;
		char name[512];
		fit_row(shop->arrangement, &fits->fit[x->a], &sheet);
		snprintf(name, sizeof name, "%.200s / %.200s",
			 fit_label(shop->arrangement, &fits->fit[x->a]),
			 fit_label(shop->arrangement, &fits->fit[x->b]));
		size_t used = strlen(name);
		if (sheet)
			snprintf(name + used, sizeof name - used, ", %s%s%s",
				 sheet->sample->placement, *state_text(sheet->state) ? " " : "",
				 state_text(sheet->state));
		fputs("\n\n", data);
		for (size_t p = 0; p < x->points; p++) {
			draw_number(data, x->size[p], "\t");
			draw_number(data, exp(x->log_ratio[p].estimate), "\t");
			draw_number(data, exp(x->log_ratio[p].low), "\t");
			draw_number(data, exp(x->log_ratio[p].high), "\t");
			draw_label(data, name, "\n");
		}
	}
	return finish(shop, figure, data);
}

/* ---- tails ---- */

/* Curves of a sheet's column, as far as each one's operations go. */
struct curve {
	const struct sheet_row *row;
	const struct tail *tail;
	struct tail_value point[TAIL_POINTS];
	size_t points;
};

static struct curve *tail_curves(const struct workshop *shop, const struct sheet *sheet,
				 size_t size, size_t *n)
{
	struct curve *lines = calloc(sheet->row_count + 1, sizeof *lines);

	*n = 0;
	for (size_t r = 0; lines && r < sheet->row_count && *n < DRAW_ROWS; r++) {
		const struct tail *tail = tails_at(shop->arrangement, &sheet->rows[r].cells[size]);
		struct curve *curve = &lines[*n];
		if (!tail)
			continue;
		*curve = (struct curve){ .row = &sheet->rows[r], .tail = tail };
		curve->points = tail_curve(shop->arrangement->result, tail, curve->point);
		*n += curve->points > 1;
	}
	return lines;
}

static void widen(struct frame *frame, const struct tail_value *value)
{
	const struct interval *v = &value->ns;

	frame->x_high = fmax(frame->x_high, 1 / (1 - value->p));
	/* an interval that says nothing shall not squeeze those that do */
	frame->y_low =
		fmin(frame->y_low, isfinite(v->low) ? fmax(v->low, v->estimate / 3) : v->estimate);
	frame->y_high = fmax(frame->y_high,
			     isfinite(v->high) ? fmin(v->high, v->estimate * 3) : v->estimate);
}

static void tail_point(FILE *data, const struct tail_value *value, const char *label)
{
	draw_number(data, 1 / (1 - value->p), "\t");
	draw_number(data, value->ns.estimate, "\t");
	draw_number(data, value->ns.low, "\t");
	draw_number(data, value->ns.high, "\t");
	fprintf(data, "%.6f\t%zu\t", value->p, value->ns.n);
	draw_label(data, label, "\n");
}

static void tail_blocks(FILE *data, const struct frame *frame, const struct curve lines[], size_t n,
			struct end_label ends[])
{
	for (size_t c = 0; c < n; c++) {
		const struct tail_value *last = &lines[c].point[lines[c].points - 1];
		fputs("\n\n", data);
		for (size_t i = 0; i < lines[c].points; i++)
			tail_point(data, &lines[c].point[i], lines[c].row->label);
		ends[c] = (struct end_label){ .x = 1 / (1 - last->p),
					      .y = last->ns.estimate,
					      .early = 1 / (1 - last->p) * 2 < frame->x_high,
					      .row = c,
					      .text = lines[c].row->label };
	}
	for (size_t c = 0; c < n; c++) {
		fputs("\n\n# p50, p90, …: those that the tables have\n", data);
		for (size_t q = 0; q < TAIL_QUANTILES; q++)
			if (lines[c].tail->value[q].why != TAIL_FEW)
				tail_point(data, &lines[c].tail->value[q], lines[c].row->label);
	}
	write_names(data, ends, n, frame->y_low, frame->y_high);
}

static void tail_captions(const struct workshop *shop, const struct sheet *sheet, size_t size,
			  struct figure *figure, char *under, size_t bytes)
{
	char at[24], host[TAILS_TEXT], count[64];

	snprintf(figure->title, sizeof figure->title, "Tails: %s %s, %s", sheet->pattern,
		 say_size(sheet->sizes[size], at), sheet->situation);
	snprintf(under, bytes, "%s; wait %s; %s a line, 95 %% intervals", sheet->conditions,
		 sheet->waits, worker_count(sheet, count));
	snprintf(figure->caption, sizeof figure->caption,
		 "%s: the slowest in 2, in 10, in 100 … of single operations. Bars are 95 %% "
		 "intervals over workers; a line ends where a worker's operations do. %s",
		 sheet->measure == MEASURE_RTT      ? "Round trips"
		 : sheet->measure == MEASURE_ONEWAY ? "From when each message was to be sent"
						    : "Time per message",
		 tails_host(shop->arrangement, host));
	figure->sheet = sheet;
}

static int tails(struct workshop *shop, const struct sheet *sheet, size_t size)
{
	size_t n;
	struct curve *lines = tail_curves(shop, sheet, size, &n);
	struct end_label *ends = calloc(n + 1, sizeof *ends);
	struct frame frame = { .x_low = 1, .y_low = INFINITY, .rows = n };
	FILE *data;
	char under[512];
	int status = -1;

	if (!lines || !ends) {
		say_error("out of memory while writing figures");
		goto done;
	}
	status = 0;
	if (!n)
		goto done;
	struct figure *figure = begin(shop, KIND_TAILS, &data);
	if (!figure) {
		status = shop->figures->count == MOST_FIGURES ? 0 : -1;
		goto done;
	}
	for (size_t c = 0; c < n; c++) {
		size_t width = text_width(lines[c].row->label);
		frame.hue[c] = hue_of(shop, lines[c].row->cell);
		frame.margin = width > frame.margin ? width : frame.margin;
		for (size_t i = 0; i < lines[c].points; i++)
			widen(&frame, &lines[c].point[i]);
	}
	choose_shapes(&frame);
	tail_captions(shop, sheet, size, figure, under, sizeof under);
	frame.x_high *= 1.3;
	frame.y_low /= 1.25;
	frame.y_high *= 1.25;
	frame.margin += 6;
	frame.axis = measure_text(sheet->measure);
	frame_write(data, shop, figure, &frame, under,
		    "1/(1-p)  ns  low  high  p  workers  variant");
	tail_blocks(data, &frame, lines, n, ends);
	status = finish(shop, figure, data);
done:
	free(lines);
	free(ends);
	return status;
}

/* ---- where the time goes ---- */

enum { PARTS_ROWS = 24 }; /* in a figure; of more cells, those of the smallest and a middle size */

struct bar {
	const struct decomposition *d;
	size_t row, size;
};

static size_t find_bars(const struct workshop *shop, const struct sheet *sheet, struct bar bars[])
{
	const struct arrangement *a = shop->arrangement;
	bool has[PARTS];
	bool all = decomposed_parts(a, sheet, has) <= PARTS_ROWS;
	bool two = sheet->row_count <= PARTS_ROWS / 2;
	size_t n = 0;

	for (size_t r = 0; r < sheet->row_count; r++)
		for (size_t s = 0; s < sheet->size_count && n < DRAW_ROWS; s++) {
			const struct decomposition *d = decomposed_at(a, &sheet->rows[r].cells[s]);

			if (!d || *d->why ||
			    !(all || s == 0 || (two && s == sheet->size_count / 2)))
				continue;
			bars[n++] = (struct bar){ d, r, s };
		}
	return n;
}

/* A bar's boxes from left to right. Calls that self has too many of are less of its own path. */
static void write_boxes(FILE *data, size_t row, const struct decomposition *d, double scale,
			bool used[PARTS + 1])
{
	double at = 0, calls = d->part[PART_CALLS].estimate;

	for (unsigned p = 0; p <= PARTS; p++) {
		double ns = p < PARTS ? d->part[p].estimate : d->rest.estimate;

		if (p == PART_SELF && calls < 0)
			ns = fmax(ns + calls, 0);
		if (!(ns > 0))
			continue;
		used[p] = true;
		fprintf(data, "%zu\t", row);
		draw_number(data, at / scale, "\t");
		draw_number(data, (at + ns) / scale, "\t");
		fprintf(data, "%u\t%s\n", p + 1,
			p < PARTS ? decompose_part_text(p) : "unexplained");
		at += ns;
	}
}

static int parts(struct workshop *shop, const struct sheet *sheet)
{
	struct bar bars[DRAW_ROWS];
	size_t n = find_bars(shop, sheet, bars);
	struct frame frame = { .rows = n };
	struct text_unit unit = sheet_unit(sheet);
	char under[512], axis[64], label[160], text[TEXT_NUMBER];
	bool used[PARTS + 1] = { false };
	FILE *data;

	if (!n)
		return 0;
	struct figure *figure = begin(shop, KIND_PARTS, &data);
	if (!figure)
		return shop->figures->count == MOST_FIGURES ? 0 : -1;
	for (size_t i = 0; i < n; i++) {
		const struct decomposition *d = bars[i].d;
		size_t width = text_width(
			decomposed_label(sheet, bars[i].row, bars[i].size, label, sizeof label));

		frame.margin = width > frame.margin ? width : frame.margin;
		frame.x_high =
			fmax(frame.x_high, fmax(d->level->ns.estimate, d->predicted.estimate) /
						   unit.scale * 1.04);
	}
	frame.margin += 2;
	snprintf(figure->title, sizeof figure->title, "Where the time goes: %s, %s", sheet->pattern,
		 sheet->situation);
	snprintf(under, sizeof under,
		 "%s; wait %s; parts by controls of the run; mark: measured, 95 %% interval",
		 sheet->conditions, sheet->waits);
	snprintf(figure->caption, sizeof figure->caption,
		 "What the parts of a round trip take by the controls of this run. The mark is the "
		 "round trip as it was measured; hatched grey is what the parts do not explain. "
		 "Where "
		 "the mark stands within the bar they take more than was measured.");
	snprintf(axis, sizeof axis, "round trip, %s", unit.name);
	frame.axis = axis;
	figure->sheet = sheet;
	frame_write(
		data, shop, figure, &frame, under,
		"row  measured  low  high  cell  text; then row  from  to  part  its name; then "
		"the parts there are");
	fputs("\n\n", data);
	for (size_t i = 0; i < n; i++) {
		const struct interval *v = &bars[i].d->level->ns;

		fprintf(data, "%zu\t", i + 1);
		draw_number(data, v->estimate / unit.scale, "\t");
		draw_number(data, (isfinite(v->low) ? v->low : v->estimate) / unit.scale, "\t");
		draw_number(data, (isfinite(v->high) ? v->high : v->estimate) / unit.scale, "\t");
		draw_label(data,
			   decomposed_label(sheet, bars[i].row, bars[i].size, label, sizeof label),
			   "\t");
		fprintf(data, "%s %s\n", text_number(v->estimate / unit.scale, text), unit.name);
	}
	fputs("\n\n", data);
	for (size_t i = 0; i < n; i++)
		write_boxes(data, i + 1, bars[i].d, unit.scale, used);
	fputs("\n\n", data);
	for (unsigned p = 0; p <= PARTS; p++)
		if (used[p])
			fprintf(data, "%s%u", p ? " " : "", p + 1);
	fputc('\n', data);
	return finish(shop, figure, data);
}

/* ---- the whole ---- */

static int write_data(struct workshop *shop)
{
	for (size_t i = 0; i < shop->arrangement->sheet_count; i++) {
		const struct sheet *sheet = &shop->arrangement->sheets[i];
		size_t sizes;
		struct frame frame = sheet_frame(shop, sheet, &sizes);
		if (sizes && (sizes > 1 ? curves(shop, sheet, frame) : dots(shop, sheet, frame)))
			return -1;
		for (size_t s = 0; s < sheet->size_count; s++)
			if (tails_rows(shop->arrangement, sheet, s) && tails(shop, sheet, s))
				return -1;
	}
	for (size_t i = 0; i < shop->arrangement->sheet_count; i++)
		if (parts(shop, &shop->arrangement->sheets[i]))
			return -1;
	return sharing(shop) || ratios(shop) ? -1 : 0;
}

int figures_make(const struct arrangement *arrangement, const struct fits *fits,
		 const char *directory, bool svg, bool png, struct figures *figures)
{
	const struct result *result = arrangement->result;
	struct workshop shop = {
		.arrangement = arrangement, .fits = fits, .directory = directory, .figures = figures
	};

	*figures = (struct figures){ .figure = calloc(MOST_FIGURES, sizeof *figures->figure) };
	if (!figures->figure || find_variants(&shop)) {
		json_decref(shop.variants);
		say_error("out of memory while writing figures");
		return -1;
	}
	snprintf(shop.host, sizeof shop.host, "%.60s, %.100s, Linux %.60s, toll %.20s, seed %llu",
		 result_host(result, "name"), result_host(result, "cpu_model"),
		 result_host(result, "kernel"), header_text(result, "toll"),
		 (unsigned long long)result->seed);
	int status = write_data(&shop);
	json_decref(shop.variants);
	if (status)
		return -1;
	if (!figures->count) {
		snprintf(figures->missing, sizeof figures->missing, "nothing was measured");
		return 0;
	}
	return draw_all(directory, scripts, SCRIPTS, figures, svg, png,
			"the .tsv and .gp files beside the page are complete");
}

void figures_free(struct figures *figures)
{
	free(figures->figure);
	*figures = (struct figures){ 0 };
}

bool figures_own(const char *name)
{
	static const char *const kinds[] = { "latency-", "bandwidth-", "dots-", "sharing-",
					     "ratio-",   "tails-",     "parts-" };

	for (size_t i = 0; i < SCRIPTS; i++)
		if (!strcmp(name, scripts[i]))
			return true;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t stem = strlen(kinds[i]);
		size_t digits =
			strncmp(name, kinds[i], stem) ? 0 : strspn(name + stem, "0123456789");
		const char *suffix = name + stem + digits;
		if (digits &&
		    (!strcmp(suffix, ".tsv") || !strcmp(suffix, ".svg") || !strcmp(suffix, ".png")))
			return true;
		/* tails-N-KEY.hgrm */
		size_t rest = strlen(suffix);
		if (digits && *suffix == '-' && rest > 5 && !strcmp(suffix + rest - 5, ".hgrm"))
			return true;
	}
	return false;
}
