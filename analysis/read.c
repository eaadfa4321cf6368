/* SPDX-License-Identifier: GPL-3.0-or-later */
/* read.c - reads a result file line by line and checks every member before anybody uses it. */
#include "read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench/say.h"
#include "member.h"
#include "objects.h"
#include "statistics.h"

enum { SCHEMA = 1, CPU_MOST = 1 << 20, TEXT_MOST = 8192 };
/* What a reader's memory and patience are for: ten times the largest plan and the longest run that
 * make sense. Tables are laid out as cells × sizes. */
enum { CELLS_MOST = 200000, GRID_MOST = 4000000, WORKERS_MOST = 1000000, TURNS_MOST = 64000000 };
enum { BUCKETS_MOST = 32000000 };

/* Beyond any time, count or size that means something: thirty years in nanoseconds. */
static const double number_most = 1e18;

struct reader {
	struct spot spot;
	struct result *result;
	size_t worker_room;
	size_t turns, buckets; /* of all workers */
	size_t counted_room;
	size_t controlled;
};

/* --- header ----------------------------------------------------------------------------------- */

static bool read_cpus(const struct spot *spot, const json_t *object, struct cell *cell)
{
	json_t *cpus;

	if (!member_array(spot, object, "cpus", REQUIRED, &cpus))
		return false;
	if (json_array_size(cpus) != cell->peers)
		return member_wrong(spot, "cpus", "%zu of them for %u peers", json_array_size(cpus),
				    cell->peers);
	for (size_t i = 0; i < json_array_size(cpus); i++) {
		const json_t *value = json_array_get(cpus, i);
		double cpu = 0;
		if (!member_check_number(spot, "cpus", value, 0, CPU_MOST, &cpu))
			return false;
		if (!json_is_integer(value))
			return member_wrong(spot, "cpus", "not a whole number");
		cell->cpus[i] = (int)cpu;
	}
	return true;
}

/* The wait, its class and its idle: three members that have to agree. */
static bool read_wait(const struct spot *spot, const json_t *object, struct cell *cell)
{
	static const char *const classes[] = { "sleeping", "spinning" };
	static const char *const idles[] = { "", "awake", "sleep" };
	char wait[64];
	unsigned class = 0, idle = IDLE_NONE;

	if (!member_text(spot, object, "wait", REQUIRED, wait, sizeof wait))
		return false;
	if (cell_wait_parse(wait, &cell->wait, &cell->wait_amount))
		return member_wrong(spot, "wait", "no wait is called \"%s\"", wait);
	if (!member_word(spot, object, "wait_class", REQUIRED, classes, 2, &class))
		return false;
	if ((class == 1) != cell_spins(cell))
		return member_wrong(spot, "wait_class", "%s is not %s", wait, classes[class]);
	if (!member_word(spot, object, "idle", OPTIONAL, idles, 3, &idle))
		return false;
	cell->idle = idle;
	return true;
}

static const char *const quantities[] = { [QUANTITY_RTT] = "rtt_ns",
					  [QUANTITY_MESSAGE] = "per_message_ns",
					  [QUANTITY_ONEWAY] = "oneway_ns" };

const char *quantity_name(enum quantity quantity)
{
	return quantities[quantity];
}

enum quantity quantity_named(const char *name)
{
	for (unsigned q = 0; q < sizeof quantities / sizeof *quantities; q++)
		if (!strcmp(name, quantities[q]))
			return q;
	return QUANTITY_MESSAGE;
}

static bool read_sched(const struct spot *spot, const json_t *object, struct cell *cell)
{
	char text[32] = "other";

	if (!member_text(spot, object, "sched", OPTIONAL, text, sizeof text))
		return false;
	if (cell_sched_parse(*text ? text : "other", &cell->policy, &cell->priority) == 0)
		return true;
	return member_wrong(spot, "sched", "\"%s\" is none", text);
}

bool read_cell(const struct spot *spot, const json_t *object, size_t index, struct result_cell *out)
{
	static const char *const touches[] = { "header", "all" };
	static const char *const peers_are[] = { "processes", "threads" };
	struct cell *cell = &out->cell;
	struct cell parsed;
	json_int_t id = 0, peers = 0, size = 0, depth = -1, think = 0;
	unsigned touch = 0, threads = 0, quantity = 0;
	const char *why;
	char key[CELL_KEY];

	cell->id = (unsigned)index;
	if (!member_integer(spot, object, "id", REQUIRED, 0, CELLS_MOST, &id))
		return false;
	if ((size_t)id != index)
		return member_wrong(spot, "id", "%lld is not its place, %zu", (long long)id, index);
	if (!member_text(spot, object, "key", REQUIRED, out->key, sizeof out->key) ||
	    !member_text(spot, object, "mechanism", REQUIRED, cell->mechanism, CELL_NAME) ||
	    !member_text(spot, object, "options", OPTIONAL, cell->options, CELL_OPTIONS) ||
	    !member_text(spot, object, "pattern", REQUIRED, cell->pattern, CELL_NAME) ||
	    !member_text(spot, object, "pattern_options", OPTIONAL, cell->pattern_options,
			 CELL_OPTIONS) ||
	    !member_text(spot, object, "placement", REQUIRED, cell->placement, CELL_NAME) ||
	    !member_integer(spot, object, "peers", REQUIRED, 1, CELL_MOST_PEERS, &peers))
		return false;
	cell->peers = (unsigned)peers;
	if (!read_cpus(spot, object, cell) ||
	    !member_integer(spot, object, "size", REQUIRED, 1, (json_int_t)1 << 50, &size) ||
	    !member_integer(spot, object, "depth", OPTIONAL, 0, INT_MAX, &depth) ||
	    !member_unsigned(spot, object, "slots", OPTIONAL, &cell->slots) ||
	    !read_wait(spot, object, cell) ||
	    !member_boolean(spot, object, "copy", REQUIRED, &cell->copy) ||
	    !member_word(spot, object, "touch", REQUIRED, touches, 2, &touch) ||
	    !member_word(spot, object, "peers_are", REQUIRED, peers_are, 2, &threads) ||
	    !read_sched(spot, object, cell) ||
	    !member_boolean(spot, object, "mlock", OPTIONAL, &cell->mlock) ||
	    !member_integer(spot, object, "think_ns", OPTIONAL, 0, CELL_MOST_THINK_NS, &think) ||
	    !member_unsigned(spot, object, "replica", OPTIONAL, &cell->replica) ||
	    !member_boolean(spot, object, "sequential", OPTIONAL, &cell->sequential) ||
	    !member_word(spot, object, "quantity", REQUIRED, quantities, 3, &quantity) ||
	    !member_number(spot, object, "messages", REQUIRED, 0, 1e12, &out->messages) ||
	    !member_number(spot, object, "bytes", REQUIRED, 0, number_most, &out->bytes))
		return false;
	cell->size = (uint64_t)size;
	cell->depth = (int)depth;
	cell->think_ns = (uint64_t)think;
	cell->touch_all = touch == 1;
	cell->threads = threads == 1;
	out->quantity = (enum quantity)quantity;

	/* Only the key knows whether the number of peers is the pattern's own. */
	if (cell_parse(&parsed, out->key, &why))
		return member_wrong(spot, "key", "%s", why);
	cell->peers_named = parsed.peers_named;
	if (strcmp(cell_key(cell, key, sizeof key), out->key) != 0)
		return member_wrong(spot, "key", "\"%s\", but the other members say \"%s\"",
				    out->key, key);
	return true;
}

static int by_size(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* Reports have a place for every cell at every size. */
static bool check_grid(const struct reader *reader)
{
	const struct result *result = reader->result;
	uint64_t *sizes = calloc(result->cell_count + 1, sizeof *sizes);
	size_t different = 0;

	if (!sizes)
		return member_out_of_memory(&reader->spot);
	for (size_t i = 0; i < result->cell_count; i++)
		sizes[i] = result->cells[i].cell.size;
	qsort(sizes, result->cell_count, sizeof *sizes, by_size);
	for (size_t i = 0; i < result->cell_count; i++)
		different += i == 0 || sizes[i] != sizes[i - 1];
	free(sizes);
	if (result->cell_count * different <= GRID_MOST)
		return true;
	return member_wrong(&reader->spot, "cells",
			    "%zu of %zu different sizes: %zu places in a table, %d at most are "
			    "laid out",
			    result->cell_count, different, result->cell_count * different,
			    GRID_MOST);
}

static bool read_cells(struct reader *reader, const json_t *plan)
{
	struct result *result = reader->result;
	json_t *cells;

	if (!member_array(&reader->spot, plan, "cells", REQUIRED, &cells))
		return false;
	size_t n = json_array_size(cells);
	if (n > CELLS_MOST)
		return member_wrong(&reader->spot, "cells", "%zu of them, %d at most are read", n,
				    CELLS_MOST);
	result->cells = calloc(n ? n : 1, sizeof *result->cells);
	json_t *keys = json_object();
	if (!result->cells || !keys) {
		json_decref(keys);
		return member_out_of_memory(&reader->spot);
	}
	bool fine = true;
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(cells, i);
		snprintf(reader->spot.where, sizeof reader->spot.where, "plan.cells[%zu].", i);
		struct result_cell *cell = &result->cells[i];
		fine = (json_is_object(value) ||
			member_wrong(&reader->spot, "", "not an object")) &&
		       read_cell(&reader->spot, value, i, cell);
		if (fine && json_object_get(keys, cell->key))
			fine = member_wrong(&reader->spot, "key", "\"%s\" is there twice",
					    cell->key);
		if (fine && json_object_set_new(keys, cell->key, json_true()))
			fine = member_out_of_memory(&reader->spot);
		if (!fine)
			break;
		result->cell_count++;
	}
	json_decref(keys);
	snprintf(reader->spot.where, sizeof reader->spot.where, "plan.");
	return fine && check_grid(reader);
}

static bool read_refused(struct reader *reader, const json_t *plan)
{
	struct result *result = reader->result;
	json_t *refused;

	snprintf(reader->spot.where, sizeof reader->spot.where, "plan.");
	if (!member_array(&reader->spot, plan, "refused", OPTIONAL, &refused) || !refused)
		return !refused;
	size_t n = json_array_size(refused);
	if (n > CELLS_MOST)
		return member_wrong(&reader->spot, "refused", "%zu of them, %d at most are read", n,
				    CELLS_MOST);
	result->refused = calloc(n ? n : 1, sizeof *result->refused);
	if (!result->refused)
		return member_out_of_memory(&reader->spot);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(refused, i);
		snprintf(reader->spot.where, sizeof reader->spot.where, "plan.refused[%zu].", i);
		struct result_refusal *refusal = &result->refused[i];
		if (!json_is_object(value))
			return member_wrong(&reader->spot, "", "not an object");
		if (!member_text(&reader->spot, value, "cell", REQUIRED, refusal->key, CELL_KEY) ||
		    !member_text(&reader->spot, value, "reason", REQUIRED, refusal->reason,
				 sizeof refusal->reason))
			return false;
		result->refused_count++;
	}
	return true;
}

/* Older files have none. */
static bool read_controls(struct reader *reader, const json_t *plan)
{
	struct result *result = reader->result;
	json_t *controls;

	snprintf(reader->spot.where, sizeof reader->spot.where, "plan.");
	if (!member_array(&reader->spot, plan, "controls", OPTIONAL, &controls) || !controls)
		return !controls;
	size_t n = json_array_size(controls);
	if (n > CONTROLS_MOST)
		return member_wrong(&reader->spot, "controls", "%zu of them, %d at most are read",
				    n, CONTROLS_MOST);
	result->controls = calloc(n + 1, sizeof *result->controls);
	if (!result->controls)
		return member_out_of_memory(&reader->spot);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(controls, i);
		snprintf(reader->spot.where, sizeof reader->spot.where, "plan.controls[%zu].", i);
		if (!json_is_object(value))
			return member_wrong(&reader->spot, "", "not an object");
		result->control_count++;
		if (!controlled_read(&reader->spot, value, &result->controls[i]))
			return false;
		if (result->controls[i].is.kind == CONTROL_SELF)
			continue;
		if (i >= CONTROLS_OF_MACHINE)
			return member_wrong(&reader->spot, "name",
					    "over %d that are not \"self\"; no more are read",
					    CONTROLS_OF_MACHINE);
		if (i && result->controls[i - 1].is.kind == CONTROL_SELF)
			return member_wrong(&reader->spot, "name", "behind \"self\"");
	}
	return true;
}

/* No string of an object that is handed on as it is may be longer than reports can show. */
static bool check_strings(const struct reader *reader, const char *name, json_t *value)
{
	if (json_is_string(value))
		return member_check_length(&reader->spot, name, value, TEXT_MOST);
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!check_strings(reader, name, json_array_get(value, i)))
			return false;
	for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
		const char *key = json_object_iter_key(at);
		if (strlen(key) > TEXT_MOST)
			return member_wrong(&reader->spot, name, "a name of %zu bytes in it",
					    strlen(key));
		if (!check_strings(reader, key, json_object_iter_value(at)))
			return false;
	}
	return true;
}

static bool read_header(struct reader *reader, json_t *header)
{
	struct result *result = reader->result;
	json_t *host, *clock, *plan;
	json_int_t schema = 0, seed = 0;

	if (!member_integer(&reader->spot, header, "schema", REQUIRED, 1, INT_MAX, &schema))
		return false;
	if (schema > SCHEMA) {
		say_error("%s:%lu: schema %lld is newer than the %d this toll reads; use the toll "
			  "that wrote it, or a newer one",
			  reader->spot.path, reader->spot.line, (long long)schema, SCHEMA);
		return false;
	}
	if (!member_integer(&reader->spot, header, "seed", REQUIRED, 0, INT64_MAX, &seed) ||
	    !member_number(&reader->spot, header, "spent", OPTIONAL, 0, 0.05, &result->spent) ||
	    !member_object(&reader->spot, header, "host", &host) ||
	    !member_object(&reader->spot, header, "clock", &clock) ||
	    !member_object(&reader->spot, header, "plan", &plan) ||
	    !check_strings(reader, "header", header))
		return false;
	snprintf(reader->spot.where, sizeof reader->spot.where, "clock.");
	double ignored;
	static const char *const sources[] = { "tsc", "cntvct", "monotonic" };
	unsigned source;
	if (!member_word(&reader->spot, clock, "source", OPTIONAL, sources, 3, &source) ||
	    !member_number(&reader->spot, clock, "ticks_per_ns", OPTIONAL, 0, number_most,
			   &result->ticks_per_ns) ||
	    !member_number(&reader->spot, clock, "cost_ns", OPTIONAL, 0, number_most,
			   &result->clock_ns) ||
	    !member_number(&reader->spot, clock, "step_ns", OPTIONAL, 0, number_most, &ignored) ||
	    !member_number(&reader->spot, clock, "bound_ns", OPTIONAL, 0, number_most, &ignored) ||
	    !member_number(&reader->spot, clock, "contradiction_ns", OPTIONAL, 0, number_most,
			   &ignored))
		return false;
	snprintf(reader->spot.where, sizeof reader->spot.where, "plan.");
	if (!member_number(&reader->spot, plan, "margin", REQUIRED, 0, 1, &result->margin) ||
	    !member_number(&reader->spot, plan, "budget_s", OPTIONAL, 0, number_most, &ignored) ||
	    !read_cells(reader, plan) || !read_refused(reader, plan) ||
	    !read_controls(reader, plan))
		return false;
	reader->spot.where[0] = '\0';
	result->seed = (uint64_t)seed;
	result->header = json_incref(header);
	return true;
}

/* --- workers ---------------------------------------------------------------------------------- */

/* The turns and the worker's value. A worker that says it is well and has no turn is kept as
 * failed: a block that ended at once is no reason to refuse the file. */
static bool read_turns(struct reader *reader, const json_t *object, struct result_worker *worker)
{
	json_t *turns;
	size_t n = 0;

	if (!member_array(&reader->spot, object, "batch_ns", worker->ok ? REQUIRED : OPTIONAL,
			  &turns))
		return false;
	if (json_array_size(turns) > TURNS_MOST - reader->turns)
		return member_wrong(&reader->spot, "batch_ns",
				    "over %d turns in one file; no more are read", TURNS_MOST);
	worker->turns = json_array_size(turns);
	reader->turns += worker->turns;
	if (worker->turns) {
		double *logs = malloc(worker->turns * sizeof *logs);
		worker->batch_ns = malloc(worker->turns * sizeof *worker->batch_ns);
		if (!logs || !worker->batch_ns) {
			free(logs);
			return member_out_of_memory(&reader->spot);
		}
		for (size_t i = 0; i < worker->turns; i++) {
			const json_t *value = json_array_get(turns, i);
			double ns = NAN;
			if (!json_is_null(value)) {
				/* a turn of 0 ns was not measured, and has no logarithm */
				if (!member_check_number(&reader->spot, "batch_ns", value, 1e-6,
							 number_most, &ns)) {
					free(logs);
					return false;
				}
				logs[n++] = log(ns);
			}
			worker->batch_ns[i] = ns;
		}
		if (n && worker->ok)
			worker->value = statistics_median(logs, n);
		free(logs);
	}
	if (worker->ok && !n) {
		worker->ok = false;
		snprintf(worker->reason, sizeof worker->reason, "no turn was measured");
	}
	return true;
}

/* What most workers of a file made to drown a reader would say; they share it. */
static struct result_disturbance not_known[CELL_MOST_PEERS] = {
	[0 ... CELL_MOST_PEERS - 1] = { NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN }
};

static bool read_disturbance(struct reader *reader, const json_t *object,
			     struct result_worker *worker)
{
	struct result_disturbance *disturbance;
	json_t *list;

	if (!member_array(&reader->spot, object, "disturbance", OPTIONAL, &list) || !list)
		return !list;
	size_t n = json_array_size(list);
	if (n && n != worker->peers)
		return member_wrong(&reader->spot, "disturbance", "%zu of them for %u peers", n,
				    worker->peers);
	if (!n)
		return true;
	worker->disturbance = disturbance = calloc(n, sizeof *disturbance);
	if (!disturbance)
		return member_out_of_memory(&reader->spot);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(list, i);
		struct result_disturbance *d = &disturbance[i];
		*d = not_known[0];
		snprintf(reader->spot.where, sizeof reader->spot.where, "disturbance[%zu].", i);
		if (!json_is_object(value))
			return member_wrong(&reader->spot, "", "not an object");
		struct {
			const char *name;
			double *out;
		} members[] = {
			{ "run_delay_ns", &d->run_delay_ns },
			{ "switches", &d->switches },
			{ "involuntary", &d->involuntary },
			{ "migrations", &d->migrations },
			{ "gap_ns", &d->gap_ns },
			{ "gap_watch_ns", &d->gap_watch_ns },
			{ "gap_most_ns", &d->gap_most_ns },
			{ "steal_ns", &d->steal_ns },
		};
		for (size_t m = 0; m < sizeof members / sizeof *members; m++)
			if (!member_number(&reader->spot, value, members[m].name, OPTIONAL, 0,
					   number_most, members[m].out))
				return false;
	}
	reader->spot.where[0] = '\0';
	return true;
}

static bool read_cpu_ns(const struct reader *reader, const json_t *object,
			struct result_worker *worker)
{
	json_t *list;

	for (size_t i = 0; i < CELL_MOST_PEERS; i++)
		worker->cpu_ns[i] = NAN;
	if (!member_array(&reader->spot, object, "cpu_ns", OPTIONAL, &list) || !list)
		return !list;
	size_t n = json_array_size(list);
	if (n && n != worker->peers)
		return member_wrong(&reader->spot, "cpu_ns", "%zu of them for %u peers", n,
				    worker->peers);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(list, i);
		if (!json_is_null(value) && !member_check_number(&reader->spot, "cpu_ns", value, 0,
								 number_most, &worker->cpu_ns[i]))
			return false;
	}
	return true;
}

static bool read_bucket(const struct reader *reader, const json_t *low, const json_t *count,
			struct result_worker *worker)
{
	struct result_bucket *bucket = &worker->buckets[worker->bucket_count];

	if (!member_check_number(&reader->spot, "low_ns", low, 0, number_most, &bucket->low_ns) ||
	    !member_check_number(&reader->spot, "count", count, 1, number_most, &bucket->count))
		return false;
	if (worker->bucket_count && bucket->low_ns <= bucket[-1].low_ns)
		return member_wrong(&reader->spot, "low_ns", "%g after %g", bucket->low_ns,
				    bucket[-1].low_ns);
	worker->bucket_count++;
	return true;
}

static bool read_histogram(struct reader *reader, const json_t *object,
			   struct result_worker *worker)
{
	const json_t *histogram = json_object_get(object, "histogram");
	json_t *low, *count;

	if (!histogram || json_is_null(histogram))
		return true;
	if (!json_is_object(histogram))
		return member_wrong(&reader->spot, "histogram", "not an object");
	snprintf(reader->spot.where, sizeof reader->spot.where, "histogram.");
	if (!member_number(&reader->spot, histogram, "step", REQUIRED, 0, 1,
			   &worker->bucket_step) ||
	    !member_array(&reader->spot, histogram, "low_ns", REQUIRED, &low) ||
	    !member_array(&reader->spot, histogram, "count", REQUIRED, &count))
		return false;
	size_t n = json_array_size(low);
	if (json_array_size(count) != n)
		return member_wrong(&reader->spot, "count", "%zu of them for %zu buckets",
				    json_array_size(count), n);
	if (n > BUCKETS_MOST - reader->buckets)
		return member_wrong(&reader->spot, "low_ns",
				    "over %d buckets in one file; no more are read", BUCKETS_MOST);
	reader->buckets += n;
	worker->buckets = calloc(n + 1, sizeof *worker->buckets);
	if (!worker->buckets)
		return member_out_of_memory(&reader->spot);
	for (size_t i = 0; i < n; i++)
		if (!read_bucket(reader, json_array_get(low, i), json_array_get(count, i), worker))
			return false;
	reader->spot.where[0] = '\0';
	return true;
}

static bool read_worker_members(struct reader *reader, const json_t *object,
				struct result_worker *worker)
{
	static const char *const states[] = { "failed", "ok" };
	static const char *const host_states[] = { "", "near", "far" };
	const struct result *result = reader->result;
	json_int_t cell = 0, visit = 0;
	unsigned ok = 0, state = STATE_NONE;

	if (!member_integer(&reader->spot, object, "cell", REQUIRED, 0, INT_MAX, &cell))
		return false;
	if ((size_t)cell >= result->cell_count)
		return member_wrong(&reader->spot, "cell", "%lld, but the plan has %zu cells",
				    (long long)cell, result->cell_count);
	worker->cell = (unsigned)cell;
	worker->peers = result->cells[cell].cell.peers;
	if (!member_unsigned(&reader->spot, object, "round", REQUIRED, &worker->round) ||
	    !member_unsigned(&reader->spot, object, "block", REQUIRED, &worker->block) ||
	    !member_integer(&reader->spot, object, "visit", REQUIRED, 0, (json_int_t)1 << 50,
			    &visit) ||
	    !member_boolean(&reader->spot, object, "reference", OPTIONAL, &worker->reference) ||
	    !member_word(&reader->spot, object, "state", REQUIRED, states, 2, &ok) ||
	    !member_text(&reader->spot, object, "reason", OPTIONAL, worker->reason,
			 sizeof worker->reason))
		return false;
	worker->visit = (unsigned long)visit;
	worker->ok = ok == 1;
	if (!read_turns(reader, object, worker) ||
	    !member_number(&reader->spot, object, "operations", worker->ok ? REQUIRED : OPTIONAL, 0,
			   number_most, &worker->operations) ||
	    !member_number(&reader->spot, object, "uncounted", OPTIONAL, 0, number_most,
			   &worker->uncounted) ||
	    !member_number(&reader->spot, object, "at_s", OPTIONAL, 0, number_most,
			   &worker->at_s) ||
	    !member_number(&reader->spot, object, "canary_ns", OPTIONAL, 0, number_most,
			   &worker->canary_ns) ||
	    !member_word(&reader->spot, object, "host_state", OPTIONAL, host_states, STATE_COUNT,
			 &state) ||
	    !member_number(&reader->spot, object, "lost", OPTIONAL, 0, number_most,
			   &worker->lost) ||
	    !member_number(&reader->spot, object, "due", OPTIONAL, 0, number_most, &worker->due) ||
	    !member_number(&reader->spot, object, "offered_per_s", OPTIONAL, 0, number_most,
			   &worker->offered_per_s) ||
	    !member_number(&reader->spot, object, "achieved_per_s", OPTIONAL, 0, number_most,
			   &worker->achieved_per_s) ||
	    !member_boolean(&reader->spot, object, "settled", OPTIONAL, &worker->settled))
		return false;
	worker->state = state;
	return read_cpu_ns(reader, object, worker) && read_disturbance(reader, object, worker) &&
	       read_histogram(reader, object, worker);
}

static bool read_worker(struct reader *reader, const json_t *object)
{
	struct result *result = reader->result;

	if (result->worker_count == WORKERS_MOST) {
		say_error("%s:%lu: over %d workers; no more are read", reader->spot.path,
			  reader->spot.line, WORKERS_MOST);
		return false;
	}
	if (result->worker_count == reader->worker_room) {
		size_t room = reader->worker_room ? reader->worker_room * 2 : 256;
		struct result_worker *workers =
			reallocarray(result->workers, room, sizeof *workers);
		if (!workers)
			return member_out_of_memory(&reader->spot);
		result->workers = workers;
		reader->worker_room = room;
	}
	struct result_worker *worker = &result->workers[result->worker_count++];
	*worker = (struct result_worker){ .line = reader->spot.line,
					  .settled = true,
					  .canary_ns = NAN,
					  .at_s = NAN,
					  .value = NAN,
					  .disturbance = not_known,
					  .operations = NAN,
					  .due = NAN,
					  .uncounted = NAN,
					  .offered_per_s = NAN,
					  .achieved_per_s = NAN };
	return read_worker_members(reader, object, worker);
}

/* Fills first and order; two workers of a cell in one visit are an error, since they were to live
 * side by side with the visit's others and a cell has one place in a block. */
static int by_visit(const void *left, const void *right, void *workers)
{
	const struct result_worker *a =
		(const struct result_worker *)workers + *(const size_t *)left;
	const struct result_worker *b =
		(const struct result_worker *)workers + *(const size_t *)right;

	if (a->visit != b->visit)
		return a->visit < b->visit ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

static bool index_workers(const struct reader *reader)
{
	struct result *result = reader->result;
	size_t *first = calloc(result->cell_count + 2, sizeof *first);
	size_t *order = malloc((result->worker_count + 1) * sizeof *order);

	result->first = first;
	result->order = order;
	if (!first || !order)
		return member_out_of_memory(&reader->spot);
	for (size_t w = 0; w < result->worker_count; w++)
		first[result->workers[w].cell + 2]++;
	for (size_t c = 2; c < result->cell_count + 2; c++)
		first[c] += first[c - 1];
	/* first[c + 1] walks from the begin of cell c to its end, the begin of the next */
	for (size_t w = 0; w < result->worker_count; w++)
		order[first[result->workers[w].cell + 1]++] = w;
	for (size_t c = 0; c < result->cell_count; c++) {
		qsort_r(order + first[c], first[c + 1] - first[c], sizeof *order, by_visit,
			result->workers);
		for (size_t i = first[c] + 1; i < first[c + 1]; i++) {
			const struct result_worker *a = &result->workers[order[i - 1]];
			const struct result_worker *b = &result->workers[order[i]];
			if (a->visit != b->visit)
				continue;
			say_error(
				"%s:%lu: cell %zu of visit %lu again, first on line %lu; a worker "
				"is there once",
				reader->spot.path, b->line, c, b->visit, a->line);
			return false;
		}
	}
	return true;
}

/* --- what was counted ------------------------------------------------------------------------- */

static bool counted_grow(struct reader *reader)
{
	struct result *result = reader->result;

	if (!result->counted_at)
		result->counted_at = calloc(result->cell_count + 1, sizeof *result->counted_at);
	if (!result->counted_at)
		return member_out_of_memory(&reader->spot);
	if (result->counted_count < reader->counted_room)
		return true;
	size_t room = reader->counted_room ? reader->counted_room * 2 : 64;
	struct result_counted *counted = reallocarray(result->counted, room, sizeof *counted);

	if (!counted)
		return member_out_of_memory(&reader->spot);
	result->counted = counted;
	reader->counted_room = room;
	return true;
}

/* A cell once: so many lines at most as there are cells. */
static bool read_counted(struct reader *reader, const json_t *object)
{
	struct result *result = reader->result;
	json_int_t cell = 0;

	if (!member_integer(&reader->spot, object, "cell", REQUIRED, 0,
			    (json_int_t)result->cell_count - 1, &cell) ||
	    !counted_grow(reader))
		return false;
	if (result->counted_at[cell])
		return member_wrong(&reader->spot, "cell", "%lld was counted already",
				    (long long)cell);
	struct result_counted *counted = &result->counted[result->counted_count++];

	result->counted_at[cell] = result->counted_count;
	*counted = (struct result_counted){ .cell = (unsigned)cell,
					    .peers = result->cells[cell].cell.peers };
	return counted_read(&reader->spot, object, result->words, counted);
}

const struct result_counted *result_counts(const struct result *result, unsigned cell)
{
	size_t at = result->counted_at ? result->counted_at[cell] : 0;

	return at ? &result->counted[at - 1] : NULL;
}

/* --- controls --------------------------------------------------------------------------------- */

static bool read_control(struct reader *reader, const json_t *object)
{
	struct result *result = reader->result;
	json_int_t index = 0;

	if (!member_integer(&reader->spot, object, "control", REQUIRED, 0,
			    (json_int_t)result->control_count - 1, &index))
		return false;
	if (++reader->controlled > CONTROLLED_MOST) {
		say_error("%s:%lu: over %d lines of controls; no more are read", reader->spot.path,
			  reader->spot.line, CONTROLLED_MOST);
		return false;
	}
	return controlled_add(&reader->spot, object, &result->controls[index]);
}

/* --- the other lines -------------------------------------------------------------------------- */

static bool read_resume(const struct reader *reader, json_t *object)
{
	json_int_t ignored;

	return member_integer(&reader->spot, object, "visit", OPTIONAL, 0, (json_int_t)1 << 50,
			      &ignored) &&
	       member_integer(&reader->spot, object, "seed", OPTIONAL, 0, INT64_MAX, &ignored) &&
	       check_strings(reader, "resume", object);
}

static const char *const decided_words[] = { [DECIDED_PRECISE] = "precise",
					     [DECIDED_SAME] = "same",
					     [DECIDED_FASTER] = "faster",
					     [DECIDED_SLOWER] = "slower" };

static bool read_decision(const struct reader *reader, const json_t *object,
			  struct result_decision *decision)
{
	static const char *const host_states[] = { "", "near", "far" };
	json_int_t most = (json_int_t)reader->result->cell_count - 1, cell = 0;
	unsigned state = STATE_NONE, how = DECIDED_PRECISE;

	if (!member_integer(&reader->spot, object, "cell", REQUIRED, 0, most, &cell))
		return false;
	json_int_t against = cell;
	if (!member_word(&reader->spot, object, "host_state", OPTIONAL, host_states, STATE_COUNT,
			 &state) ||
	    !member_word(&reader->spot, object, "how", REQUIRED, decided_words, 4, &how) ||
	    !member_integer(&reader->spot, object, "against", OPTIONAL, 0, most, &against))
		return false;
	if ((how == DECIDED_PRECISE) != (against == cell))
		return member_wrong(&reader->spot, "against",
				    how == DECIDED_PRECISE ? "there, but a cell that is %s is "
							     "compared with none"
							   : "missing or the cell itself, which "
							     "cannot be %s",
				    decided_words[how]);
	*decision = (struct result_decision){ (unsigned)cell, state, how, (unsigned)against };
	return true;
}

static bool read_decisions(struct reader *reader, const json_t *object, struct result_look *look)
{
	struct result *result = reader->result;
	json_t *list;

	if (!member_array(&reader->spot, object, "decided", REQUIRED, &list))
		return false;
	size_t n = json_array_size(list);
	if (n > result->cell_count * STATE_COUNT)
		return member_wrong(&reader->spot, "decided", "%zu of them for %zu cells", n,
				    result->cell_count);
	look->decisions = calloc(n + 1, sizeof *look->decisions);
	if (!look->decisions)
		return member_out_of_memory(&reader->spot);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(list, i);
		struct result_decision *decision = &look->decisions[i];
		snprintf(reader->spot.where, sizeof reader->spot.where, "decided[%zu].", i);
		if (!json_is_object(value))
			return member_wrong(&reader->spot, "", "not an object");
		if (!read_decision(reader, value, decision))
			return false;
		result->cells[decision->cell].decided = true;
		look->decision_count++;
	}
	reader->spot.where[0] = '\0';
	return true;
}

/* Numbers ascend, so there are four at most; what was spent is never given back. */
static bool read_look(struct reader *reader, const json_t *object)
{
	struct result *result = reader->result;
	const struct result_look *last =
		result->look_count ? &result->looks[result->look_count - 1] : NULL;
	struct result_look *look = &result->looks[result->look_count];
	json_int_t number = 0, of = 0;

	if (!member_integer(&reader->spot, object, "number", REQUIRED, 1, VERDICT_LOOKS, &number))
		return false;
	if (last && number <= last->number)
		return member_wrong(&reader->spot, "number", "%lld after %u", (long long)number,
				    last->number);
	*look = (struct result_look){ .number = (unsigned)number, .at_s = NAN, .budget_s = NAN };
	result->look_count++;
	return member_integer(&reader->spot, object, "of", REQUIRED, VERDICT_LOOKS, VERDICT_LOOKS,
			      &of) &&
	       member_number(&reader->spot, object, "at_s", REQUIRED, 0, number_most,
			     &look->at_s) &&
	       member_number(&reader->spot, object, "budget_s", REQUIRED, 0, number_most,
			     &look->budget_s) &&
	       member_unsigned(&reader->spot, object, "rounds", REQUIRED, &look->rounds) &&
	       member_number(&reader->spot, object, "alpha", REQUIRED, 0, 1, &look->alpha) &&
	       member_number(&reader->spot, object, "spent", REQUIRED, last ? last->spent : 0, 1,
			     &look->spent) &&
	       read_decisions(reader, object, look);
}

static bool read_summary(struct reader *reader, json_t *object)
{
	static const char *const ends[] = { "budget", "rounds", "decided", "interrupted",
					    "stopped" };
	struct result *result = reader->result;
	json_t *cells;
	json_int_t integer;
	double number;
	unsigned end;

	if (!member_word(&reader->spot, object, "ended", REQUIRED, ends, 5, &end) ||
	    !member_integer(&reader->spot, object, "rounds", OPTIONAL, 0, INT64_MAX, &integer) ||
	    !member_integer(&reader->spot, object, "visits", OPTIONAL, 0, INT64_MAX, &integer) ||
	    !member_integer(&reader->spot, object, "failed", OPTIONAL, 0, INT64_MAX, &integer) ||
	    !member_number(&reader->spot, object, "elapsed_s", OPTIONAL, 0, number_most, &number) ||
	    !member_array(&reader->spot, object, "cells", OPTIONAL, &cells) ||
	    !check_strings(reader, "summary", object))
		return false;
	for (size_t i = 0; i < json_array_size(cells); i++) {
		const json_t *value = json_array_get(cells, i);
		snprintf(reader->spot.where, sizeof reader->spot.where, "cells[%zu].", i);
		if (!json_is_object(value))
			return member_wrong(&reader->spot, "", "not an object");
		if (!member_integer(&reader->spot, value, "cell", REQUIRED, 0,
				    (json_int_t)result->cell_count - 1, &integer) ||
		    !member_integer(&reader->spot, value, "n", OPTIONAL, 0, INT64_MAX, &integer) ||
		    !member_number(&reader->spot, value, "log_mean", OPTIONAL, -100, 100,
				   &number) ||
		    !member_number(&reader->spot, value, "standard_error", OPTIONAL, 0, 100,
				   &number))
			return false;
	}
	reader->spot.where[0] = '\0';
	json_decref(result->summary);
	result->summary = json_incref(object);
	return true;
}

static bool read_object(struct reader *reader, json_t *object)
{
	struct result *result = reader->result;
	const char *kind = json_string_value(json_object_get(object, "kind"));

	reader->spot.where[0] = '\0';
	if (!result->header) {
		if (kind && !strcmp(kind, "header"))
			return read_header(reader, object);
		if (kind && !strcmp(kind, "comparison")) {
			say_error("%s:%lu: a record of toll compare --live, not a result; toll "
				  "compare %s shows it",
				  reader->spot.path, reader->spot.line, reader->spot.path);
			return false;
		}
		say_error("%s:%lu: not a result of toll: its first line is no header",
			  reader->spot.path, reader->spot.line);
		return false;
	}
	if (!json_is_object(object)) {
		say_error("%s:%lu: not a JSON object", reader->spot.path, reader->spot.line);
		return false;
	}
	if (!kind)
		return member_wrong(&reader->spot, "kind", "missing or not a string");
	if (!strcmp(kind, "worker"))
		return read_worker(reader, object);
	if (!strcmp(kind, "summary"))
		return read_summary(reader, object);
	if (!strcmp(kind, "counted"))
		return read_counted(reader, object);
	if (!strcmp(kind, "control"))
		return read_control(reader, object);
	if (!strcmp(kind, "look"))
		return read_look(reader, object);
	if (!strcmp(kind, "resume"))
		return read_resume(reader, object);
	if (!strcmp(kind, "header")) {
		say_error("%s:%lu: a second header; two files joined? Take them apart there",
			  reader->spot.path, reader->spot.line);
		return false;
	}
	result->skipped++;
	return true;
}

/* --- the file --------------------------------------------------------------------------------- */

static bool take_object(void *context, json_t *object)
{
	return read_object(context, object);
}

struct result *result_read(const char *path)
{
	struct reader reader = { .spot.path = strcmp(path, "-") ? path : "standard input" };
	struct result *result = calloc(1, sizeof *result);
	bool fine = false;

	if (result) {
		reader.result = result;
		snprintf(result->path, sizeof result->path, "%s", path);
		result->texts = json_object();
		result->words = json_object();
		result->clock_ns = result->ticks_per_ns = NAN;
	}
	if (result && result->texts && result->words)
		fine = objects_read(&reader.spot, path, take_object, &reader, &result->truncated) &&
		       index_workers(&reader);
	else
		member_out_of_memory(&reader.spot);
	if (!fine) {
		result_free(result);
		return NULL;
	}
	if (result->truncated)
		say_warning("%s:%lu: the last line was cut short and is left out", reader.spot.path,
			    reader.spot.line);
	if (result->skipped)
		say_warning("%s: %lu lines of a kind that this toll does not know are left out",
			    reader.spot.path, result->skipped);
	return result;
}

void result_free(struct result *result)
{
	if (!result)
		return;
	for (size_t w = 0; w < result->worker_count; w++) {
		struct result_worker *worker = &result->workers[w];
		free(worker->batch_ns);
		free(worker->buckets);
		if (worker->disturbance != not_known)
			free(worker->disturbance);
	}
	for (size_t i = 0; i < result->look_count; i++)
		free(result->looks[i].decisions);
	free(result->workers);
	free(result->cells);
	free(result->refused);
	free(result->first);
	free(result->order);
	json_decref(result->header);
	json_decref(result->summary);
	json_decref(result->texts);
	json_decref(result->words);
	for (size_t i = 0; i < result->counted_count; i++)
		counted_clear(&result->counted[i]);
	free(result->counted);
	free(result->counted_at);
	for (size_t i = 0; i < result->control_count; i++)
		free(result->controls[i].values);
	free(result->controls);
	free(result);
}

/* --- the host, for people --------------------------------------------------------------------- */

/* Appends a value to text: lists with commas, objects as "name: value; …". */
static void write_value(FILE *text, const char *name, json_t *value)
{
	const char *suffix = strrchr(name, '_');

	switch (json_typeof(value)) {
	case JSON_STRING:
		fputs(json_string_value(value), text);
		break;
	case JSON_INTEGER: {
		json_int_t number = json_integer_value(value);
		if (suffix && !strcmp(suffix, "_bytes") && number >= 0) {
			char size[24];
			fputs(say_size((unsigned long long)number, size), text);
		} else {
			fprintf(text, "%lld", (long long)number);
		}
		break;
	}
	case JSON_REAL:
		fprintf(text, "%g", json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(value) ? "yes" : "no", text);
		break;
	case JSON_ARRAY:
		for (size_t i = 0; i < json_array_size(value); i++) {
			fputs(i ? ", " : "", text);
			write_value(text, "", json_array_get(value, i));
		}
		break;
	case JSON_OBJECT:
		for (void *begin = json_object_iter(value), *at = begin; at;
		     at = json_object_iter_next(value, at)) {
			const char *key = json_object_iter_key(at);
			fprintf(text, "%s%s: ", at == begin ? "" : "; ", key);
			write_value(text, key, json_object_iter_value(at));
		}
		break;
	case JSON_NULL:
		fputs("-", text);
		break;
	}
}

const char *result_host(const struct result *result, const char *name)
{
	json_t *known = json_object_get(result->texts, name);
	if (known)
		return json_string_value(known);

	json_t *value = json_object_get(result->header, "host");
	char path[128];
	snprintf(path, sizeof path, "%s", name);
	for (char *rest = path, *word; value && (word = strsep(&rest, "."));)
		value = json_object_get(value, word);
	if (!value || json_is_null(value))
		return "-";

	char *buffer = NULL;
	size_t bytes;
	FILE *text = open_memstream(&buffer, &bytes);
	if (!text)
		return "-";
	const char *last = strrchr(name, '.');
	write_value(text, last ? last + 1 : name, value);
	bool written = !fclose(text);
	if (written && !json_object_set_new(result->texts, name, json_string(buffer)))
		known = json_object_get(result->texts, name);
	free(buffer);
	return known && *json_string_value(known) ? json_string_value(known) : "-";
}

const char *result_state_text(enum host_state state)
{
	static const char *const names[] = {
		[STATE_NONE] = "-", [STATE_NEAR] = "near", [STATE_FAR] = "far"
	};

	return names[state];
}

const char *result_decided_text(enum decided how)
{
	return decided_words[how];
}
