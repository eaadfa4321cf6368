/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decompose.c - adds up what the parts of a round trip take. */
#include "decompose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double nominal = 0.95, trimmed_away = 0.25;

const char *decompose_part_text(enum part part)
{
	static const char *const names[] = { [PART_SELF] = "own path",
					     [PART_CALLS] = "calls",
					     [PART_SLEEPS] = "sleeps",
					     [PART_SWITCHES] = "switches",
					     [PART_LINES] = "lines" };

	return names[part];
}

static const struct interval unknown = { NAN, NAN, NAN, 0 };

struct interval decompose_control(const struct result_control *control)
{
	double *ns = malloc((control->count + 1) * sizeof *ns);
	size_t n = ns ? controlled_ns(control, ns) : 0;
	struct interval value = n ? statistics_yuen(ns, n, trimmed_away, nominal, NULL) : unknown;

	free(ns);
	return value;
}

/* ---- sums of measurements ---- */

/* Figures that were measured for themselves; what is made of them is a sum of multiples. */
enum source {
	SELF,
	WAKE_NOBODY,
	WAIT_NOT,
	SWITCH,
	HANDOVER,
	WAKE,
	PIPE_BYTE,
	LINE_1,
	LINE_2,
	LINES,
	SLEEPS,
	SWITCHES,
	SOURCES
};

struct sum {
	double times[SOURCES];
};

static struct interval value_of(const struct interval sources[], const struct sum *sum)
{
	double estimate = 0, square = 0;
	size_t n = 0;

	for (unsigned s = 0; s < SOURCES; s++) {
		if (sum->times[s] == 0)
			continue;
		double half = sum->times[s] * (sources[s].high - sources[s].low) / 2;

		estimate += sum->times[s] * sources[s].estimate;
		square += half * half;
		n = n == 0 || sources[s].n < n ? sources[s].n : n;
	}
	return (struct interval){ estimate, estimate - sqrt(square), estimate + sqrt(square), n };
}

static void add(struct sum *to, const struct sum *what, double times)
{
	for (unsigned s = 0; s < SOURCES; s++)
		to->times[s] += times * what->times[s];
}

/* ---- looking up ---- */

struct index {
	const struct result *result;
	json_t *selves; /* key → place in controls */
	json_t *cells;  /* key of a cell of the pattern self → its place */
	const struct level *levels;
	size_t level_count;
	struct interval *values; /* of each control */
	double *room;            /* for twice as many numbers as there are workers */
};

static bool of_cpus(const struct control *control, const struct cell *cell)
{
	int a = cell->cpus[0], b = cell->peers > 1 ? cell->cpus[1] : a;

	if (control->cpu_count == 1)
		return control->cpus[0] == a;
	return (control->cpus[0] == a && control->cpus[1] == b) ||
	       (control->cpus[0] == b && control->cpus[1] == a);
}

static struct interval control_of(const struct index *index, const struct cell *cell,
				  enum control_kind kind)
{
	for (size_t i = 0; i < index->result->control_count; i++) {
		const struct control *control = &index->result->controls[i].is;

		if (control->kind == kind && of_cpus(control, cell))
			return index->values[i];
		/* those of the machine stand first */
		if (control->kind == CONTROL_SELF)
			break;
	}
	return unknown;
}

/* Lines of one count; the first of that kind has one line. */
static struct interval lines_of(const struct index *index, const struct cell *cell, unsigned which,
				double *bytes)
{
	const struct result *result = index->result;
	unsigned seen = 0;

	for (size_t i = 0; i < result->control_count; i++) {
		const struct result_control *control = &result->controls[i];

		if (control->is.kind == CONTROL_SELF)
			break;
		if (control->is.kind != CONTROL_LINE || !of_cpus(&control->is, cell) ||
		    seen++ != which)
			continue;
		*bytes = (double)control->is.bytes;
		return index->values[i];
	}
	return unknown;
}

/* System calls that all peers of a cell make in an operation; NaN. */
static double calls_of(const struct index *index, unsigned cell)
{
	const struct result_counted *counted = result_counts(index->result, cell);
	double sum = NAN;

	for (size_t e = 0; counted && e < counted->count; e++) {
		if (strcmp(counted->events[e].name, "raw_syscalls:sys_enter") != 0)
			continue;
		sum = 0;
		for (unsigned p = 0; p < counted->peers; p++)
			sum += counted->events[e].peer[p].per_operation;
	}
	return sum;
}

/* The pattern self of what the cell plays: a control, or a cell of the plan. *calls: of a message.
 */
static struct interval self_of(const struct index *index, const struct cell *cell, double *calls,
			       const char **reason)
{
	const struct result *result = index->result;
	const struct cell self = cell_self(cell);
	char key[CELL_KEY];

	cell_key(&self, key, sizeof key);
	const json_t *at = json_object_get(index->selves, key);

	*calls = NAN;
	*reason = "";
	if (at) {
		const struct result_control *control = &result->controls[json_integer_value(at)];

		for (size_t i = 0; i < control->count; i++)
			if (isfinite(control->values[i].calls))
				*calls = control->values[i].calls;
		*reason = *control->is.reason ? control->is.reason : control->failure;
		return index->values[json_integer_value(at)];
	}
	at = json_object_get(index->cells, key);
	for (size_t l = 0; at && l < index->level_count; l++) {
		if (index->levels[l].cell != json_integer_value(at))
			continue;
		*calls = calls_of(index, index->levels[l].cell);
		return index->levels[l].ns;
	}
	return unknown;
}

static bool make_index(struct index *index)
{
	const struct result *result = index->result;
	bool fine = true;

	index->selves = json_object();
	index->cells = json_object();
	index->room = calloc(2 * result->worker_count + 1, sizeof *index->room);
	index->values = calloc(result->control_count + 1, sizeof *index->values);
	fine = index->selves && index->cells && index->room && index->values;
	for (size_t i = 0; i < result->control_count && fine; i++)
		index->values[i] = decompose_control(&result->controls[i]);
	for (size_t i = 0; i < result->control_count && fine; i++)
		if (result->controls[i].is.kind == CONTROL_SELF)
			fine = !json_object_set_new(index->selves, result->controls[i].key,
						    json_integer((json_int_t)i));
	for (size_t i = 0; i < result->cell_count && fine; i++)
		if (!strcmp(result->cells[i].cell.pattern, "self"))
			fine = !json_object_set_new(index->cells, result->cells[i].key,
						    json_integer((json_int_t)i));
	return fine;
}

/* ---- a cell ---- */

/* Sleeps and switches in a round trip, over the level's workers: by the timed turns themselves. */
static void count_switches(const struct index *index, const struct level *level,
			   struct interval sources[])
{
	const struct result *result = index->result;
	double *sleeps = index->room, *switches = index->room + result->worker_count;
	size_t n = 0;

	for (size_t i = result->first[level->cell]; i < result->first[level->cell + 1]; i++) {
		const struct result_worker *worker = &result->workers[result->order[i]];
		double operations =
			(worker->operations + worker->uncounted) * (double)worker->turns;

		if (!level_counts(level, worker) || !(operations > 0))
			continue;
		sleeps[n] = switches[n] = 0;
		for (unsigned p = 0; p < worker->peers; p++) {
			sleeps[n] += worker->disturbance[p].switches / operations;
			switches[n] += (worker->disturbance[p].switches +
					worker->disturbance[p].involuntary) /
				       operations;
		}
		n += isfinite(switches[n]);
	}
	sources[SLEEPS] = n ? statistics_t(sleeps, n, nominal) : unknown;
	sources[SWITCHES] = n ? statistics_t(switches, n, nominal) : unknown;
}

static bool on_one_cpu(const struct cell *cell)
{
	return cell->peers < 2 || cell->cpus[0] == cell->cpus[1];
}

struct account { /* of a cell under way */
	struct decomposition *d;
	struct interval sources[SOURCES];
	struct sum total;
};

/* So many of a thing that is a sum of measurements; how many may be measured as well. */
static void charge(struct account *a, enum part part, double count, const struct sum *unit,
		   enum source counted)
{
	struct decomposition *d = a->d;
	struct sum sum = { { 0 } };

	d->count[part] = count;
	d->unit[part] = value_of(a->sources, unit);
	add(&sum, unit, count);
	/* the count's own interval, by way of a source whose estimate is taken away again */
	if (counted < SOURCES) {
		struct interval *c = &a->sources[counted];
		double half = (c->high - c->low) / 2 * d->unit[part].estimate;

		*c = (struct interval){ 0, -half, half, c->n };
		sum.times[counted] = 1;
	}
	d->part[part] = value_of(a->sources, &sum);
	add(&a->total, &sum, 1);
}

static bool lacks(struct account *a, const char *what, enum source source)
{
	if (isfinite(a->sources[source].estimate))
		return false;
	snprintf(a->d->why, sizeof a->d->why, "the control %s was not measured", what);
	return true;
}

/* Beyond what self has; calls that find nothing to do. */
static bool charge_calls(struct account *a, const struct cell *cell, double calls, double self,
			 double sleeps)
{
	const struct sum call = { .times = { [WAKE_NOBODY] = 0.5, [WAIT_NOT] = 0.5 } };
	double beyond = calls - 2 * self;

	if (!isfinite(beyond)) {
		/* what has slots in memory sleeps by futex, and alone it never does */
		a->d->calls_assumed = true;
		beyond = cell->slots ? 2 * sleeps : 0;
	}
	if (fabs(beyond) < 0.05)
		return true;
	if (lacks(a, "futex-wake", WAKE_NOBODY) || lacks(a, "futex-wait", WAIT_NOT))
		return false;
	charge(a, PART_CALLS, beyond, &call, SOURCES);
	return true;
}

static void one_cpu(struct account *a, const struct index *index, const struct cell *cell,
		    double calls, double self_calls)
{
	/* a hand-over each way: both calls, one sleep, one switch */
	const struct sum sleep = {
		.times = { [HANDOVER] = 0.5, [WAKE_NOBODY] = -1, [WAIT_NOT] = -1, [SWITCH] = -1 }
	};
	const struct sum change = { .times = { [SWITCH] = 1 } };
	double sleeps, switches;

	a->sources[SWITCH] = control_of(index, cell, CONTROL_SWITCH);
	a->sources[HANDOVER] = control_of(index, cell, CONTROL_HANDOVER);
	count_switches(index, a->d->level, a->sources);
	sleeps = a->sources[SLEEPS].estimate;
	switches = a->sources[SWITCHES].estimate;
	a->d->floor = value_of(a->sources, &(struct sum){ .times = { [SWITCH] = 2 } });
	if (!isfinite(switches)) {
		snprintf(a->d->why, sizeof a->d->why, "switches were not counted");
		return;
	}
	if (!charge_calls(a, cell, calls, self_calls, sleeps) || lacks(a, "switch", SWITCH) ||
	    lacks(a, "hand-over", HANDOVER) || lacks(a, "futex-wake", WAKE_NOBODY) ||
	    lacks(a, "futex-wait", WAIT_NOT))
		return;
	charge(a, PART_SLEEPS, sleeps, &sleep, SLEEPS);
	charge(a, PART_SWITCHES, switches, &change, SWITCHES);
}

/* What so many lines take: measured for one, two and many, and straight between. */
static struct sum lines(double count, double many)
{
	if (count <= 1)
		return (struct sum){ .times = { [LINE_1] = 1 } };
	if (count <= 2 || many <= 2)
		return (struct sum){ .times = { [LINE_2] = 1 } };
	double share = (count - 2) / (many - 2);

	return (struct sum){ .times = { [LINE_2] = 1 - share, [LINES] = share } };
}

static void across(struct account *a, const struct index *index, const struct cell *cell,
		   double calls, double self_calls)
{
	const struct sum wake = { .times = { [WAKE] = 1, [PIPE_BYTE] = -1 } };
	double line = 64, two = 0, many = 0;

	a->sources[LINE_1] = lines_of(index, cell, 0, &line);
	a->sources[LINE_2] = lines_of(index, cell, 1, &two);
	a->sources[LINES] = lines_of(index, cell, 2, &many);
	a->d->floor = value_of(a->sources, &(struct sum){ .times = { [LINE_1] = 2 } });
	if (lacks(a, "lines", LINE_1) || lacks(a, "lines", LINE_2) || lacks(a, "lines", LINES))
		return;
	if (!cell_spins(cell)) {
		a->sources[WAKE] = control_of(index, cell,
					      cell->idle == IDLE_SLEEP ? CONTROL_WAKE_IDLE
								       : CONTROL_WAKE_AWAKE);
		a->sources[PIPE_BYTE] = control_of(index, cell, CONTROL_PIPE_BYTE);
		count_switches(index, a->d->level, a->sources);
		if (!isfinite(a->sources[SLEEPS].estimate)) {
			snprintf(a->d->why, sizeof a->d->why, "switches were not counted");
			return;
		}
		double sleeps = a->sources[SLEEPS].estimate;

		if (lacks(a, "wake-up", WAKE) || lacks(a, "pipe-byte", PIPE_BYTE) ||
		    !charge_calls(a, cell, calls, self_calls, sleeps))
			return;
		charge(a, PART_SLEEPS, sleeps, &wake, SLEEPS);
	}
	/* what comes with the message, a sequence or a length, is in its last line or in one more
	 */
	double count = ceil((double)(cell->touch_all ? cell->size : 8) / line);
	struct sum unit = lines(count, many / line);

	charge(a, PART_LINES, 2, &unit, SOURCES);
	/* of each line */
	a->d->count[PART_LINES] = 2 * count;
	a->d->unit[PART_LINES].estimate /= count;
	a->d->unit[PART_LINES].low /= count;
	a->d->unit[PART_LINES].high /= count;
}

static void decompose_level(const struct index *index, const struct level *level,
			    struct decomposition *d)
{
	const struct cell *cell = &index->result->cells[level->cell].cell;
	const struct sum self = { .times = { [SELF] = 1 } };
	struct account a = { .d = d };
	const char *reason;
	double self_calls;

	*d = (struct decomposition){ .level = level };
	for (unsigned s = 0; s < SOURCES; s++)
		a.sources[s] = unknown;
	for (unsigned p = 0; p < PARTS; p++) {
		d->count[p] = NAN;
		d->unit[p] = unknown;
		d->part[p] = (struct interval){ 0, 0, 0, 0 };
	}
	d->predicted = d->rest = d->floor = unknown;
	a.sources[SELF] = self_of(index, cell, &self_calls, &reason);
	a.sources[WAKE_NOBODY] = control_of(index, cell, CONTROL_WAKE_NOBODY);
	a.sources[WAIT_NOT] = control_of(index, cell, CONTROL_WAIT_NOT);
	if (!isfinite(a.sources[SELF].estimate)) {
		snprintf(d->why, sizeof d->why, "self was not measured%s%s", *reason ? ": " : "",
			 reason);
		return;
	}
	charge(&a, PART_SELF, 2, &self, SOURCES);
	double calls = calls_of(index, level->cell);

	if (on_one_cpu(cell))
		one_cpu(&a, index, cell, calls, self_calls);
	else
		across(&a, index, cell, calls, self_calls);
	if (*d->why)
		return;
	d->predicted = value_of(a.sources, &a.total);
	double half = (d->predicted.high - d->predicted.low) / 2,
	       measured = (level->ns.high - level->ns.low) / 2, rest;

	rest = level->ns.estimate - d->predicted.estimate;
	d->rest = (struct interval){ rest, rest - hypot(half, measured),
				     rest + hypot(half, measured), d->predicted.n };
}

struct decomposition *decompose(const struct result *result, const struct level levels[],
				size_t level_count, size_t *n)
{
	struct index index = { .result = result, .levels = levels, .level_count = level_count };
	struct decomposition *all = calloc(level_count + 1, sizeof *all);

	*n = 0;
	if (all && make_index(&index)) {
		for (size_t l = 0; l < level_count && result->control_count; l++) {
			const struct cell *cell = &result->cells[levels[l].cell].cell;

			if (!strcmp(cell->pattern, "pingpong") && cell->replica == 0)
				decompose_level(&index, &levels[l], &all[(*n)++]);
		}
	} else {
		free(all);
		all = NULL;
	}
	json_decref(index.selves);
	json_decref(index.cells);
	free(index.room);
	free(index.values);
	return all;
}
