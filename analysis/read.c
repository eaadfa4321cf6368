/* SPDX-License-Identifier: GPL-3.0-or-later */
/* read.c - reads a result file line by line and checks every member before anybody uses it. */
#include "read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench/say.h"
#include "statistics.h"

enum {
	SCHEMA = 1,
	LINE_MOST = 64 << 20,
	CELLS_MOST = 1000000,
	CPU_MOST = 1 << 20,
	TEXT_MOST = 8192
};

/* Beyond any time, count or size that means something: thirty years in nanoseconds. */
static const double number_most = 1e18;

enum presence { REQUIRED, OPTIONAL /* missing and null alike: the default stays */ };

struct reader {
	const char *path; /* as messages name it */
	unsigned long line;
	char where[64]; /* what stands before a member's name in messages: "plan.cells[3]." */
	struct result *result;
	size_t worker_room;
};

/* --- lines ------------------------------------------------------------------------------------ */

/* A file read in pieces; getline() would take a line of any length into memory. */
struct lines {
	int fd;
	char *data;
	size_t begin, end, room;
	bool ended;
};

/* Reads one more piece behind what is there. 0, or -1 with errno (EFBIG: the line is too long). */
static int lines_more(struct lines *lines)
{
	enum { PIECE = 1 << 16 };

	if (lines->begin) {
		memmove(lines->data, lines->data + lines->begin, lines->end - lines->begin);
		lines->end -= lines->begin;
		lines->begin = 0;
	}
	if (lines->end >= LINE_MOST) {
		errno = EFBIG;
		return -1;
	}
	if (lines->room - lines->end < PIECE) {
		size_t room = lines->room ? lines->room * 2 : 4 * PIECE;
		char *data = realloc(lines->data, room);
		if (!data)
			return -1;
		lines->data = data;
		lines->room = room;
	}
	ssize_t n;
	do
		n = read(lines->fd, lines->data + lines->end, lines->room - lines->end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	lines->ended = n == 0;
	lines->end += (size_t)n;
	return 0;
}

/* The next line without its end, valid until the next call. 1; 0 at the end of the file; -1 with
 * errno. *whole: it had its line end. */
static int lines_next(struct lines *lines, char **line, size_t *length, bool *whole)
{
	size_t searched = 0;

	if (!lines->data && lines_more(lines))
		return -1;
	for (;;) {
		char *start = lines->data + lines->begin;
		size_t there = lines->end - lines->begin;
		char *end =
			there > searched ? memchr(start + searched, '\n', there - searched) : NULL;
		if (end || lines->ended) {
			*whole = end;
			*line = start;
			*length = end ? (size_t)(end - start) : there;
			lines->begin += *length + (end ? 1 : 0);
			return end || there;
		}
		searched = there;
		if (lines_more(lines))
			return -1;
	}
}

/* Whether nothing follows the line read last; what it returned is no longer valid then. */
static bool lines_at_end(struct lines *lines)
{
	while (lines->begin == lines->end && !lines->ended)
		if (lines_more(lines))
			return false; /* the next lines_next() says why */
	return lines->begin == lines->end;
}

/* --- members ---------------------------------------------------------------------------------- */

/* Says what is wrong with a member; always false. */
static bool wrong(const struct reader *reader, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool wrong(const struct reader *reader, const char *name, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	say_error("%s:%lu: %s%s: %s", reader->path, reader->line, reader->where, name, text);
	return false;
}

static bool out_of_memory(const struct reader *reader)
{
	say_error("%s: out of memory", reader->path);
	return false;
}

/* The member into *value, NULL when it is absent or null and may be. False after saying so. */
static bool member(const struct reader *reader, const json_t *object, const char *name,
		   enum presence presence, json_t **value)
{
	*value = json_object_get(object, name);
	if (json_is_null(*value))
		*value = NULL;
	return *value || presence == OPTIONAL || wrong(reader, name, "missing");
}

static bool check_number(const struct reader *reader, const char *name, const json_t *value,
			 double low, double high, double *out)
{
	if (!json_is_number(value))
		return wrong(reader, name, "not a number");
	double number = json_number_value(value);
	/* written so that NaN fails */
	if (!(number >= low && number <= high))
		return wrong(reader, name, "%g is not within %g … %g", number, low, high);
	*out = number;
	return true;
}

static bool get_number(const struct reader *reader, const json_t *object, const char *name,
		       enum presence presence, double low, double high, double *out)
{
	json_t *value;

	if (!member(reader, object, name, presence, &value))
		return false;
	return !value || check_number(reader, name, value, low, high, out);
}

static bool get_integer(const struct reader *reader, const json_t *object, const char *name,
			enum presence presence, json_int_t low, json_int_t high, json_int_t *out)
{
	json_t *value;

	if (!member(reader, object, name, presence, &value))
		return false;
	if (!value)
		return true;
	if (!json_is_integer(value))
		return wrong(reader, name, "not a whole number");
	json_int_t number = json_integer_value(value);
	if (number < low || number > high)
		return wrong(reader, name, "%lld is not within %lld … %lld", (long long)number,
			     (long long)low, (long long)high);
	*out = number;
	return true;
}

static bool get_unsigned(const struct reader *reader, const json_t *object, const char *name,
			 enum presence presence, unsigned *out)
{
	json_int_t number = *out;

	if (!get_integer(reader, object, name, presence, 0, UINT_MAX, &number))
		return false;
	*out = (unsigned)number;
	return true;
}

static bool get_boolean(const struct reader *reader, const json_t *object, const char *name,
			enum presence presence, bool *out)
{
	json_t *value;

	if (!member(reader, object, name, presence, &value))
		return false;
	if (!value)
		return true;
	if (!json_is_boolean(value))
		return wrong(reader, name, "neither true nor false");
	*out = json_is_true(value);
	return true;
}

static bool check_length(const struct reader *reader, const char *name, const json_t *value,
			 size_t most)
{
	size_t length = json_string_length(value);

	return length <= most ||
	       wrong(reader, name, "%zu bytes long, %zu at most are read", length, most);
}

/* A string into buffer; too long is an error, never cut. */
static bool get_text(const struct reader *reader, const json_t *object, const char *name,
		     enum presence presence, char *buffer, size_t bytes)
{
	json_t *value;

	if (!member(reader, object, name, presence, &value))
		return false;
	if (!value)
		return true;
	if (!json_is_string(value))
		return wrong(reader, name, "not a string");
	if (!check_length(reader, name, value, bytes - 1))
		return false;
	memcpy(buffer, json_string_value(value), json_string_length(value) + 1);
	return true;
}

/* One of n words, as its place among them. */
static bool get_word(const struct reader *reader, const json_t *object, const char *name,
		     enum presence presence, const char *const words[], size_t n, unsigned *out)
{
	char word[32] = "", all[256] = "";
	json_t *value;

	if (!member(reader, object, name, presence, &value) ||
	    !get_text(reader, object, name, presence, word, sizeof word))
		return false;
	if (!value)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(word, words[i])) {
			*out = (unsigned)i;
			return true;
		}
		size_t used = strlen(all);
		snprintf(all + used, sizeof all - used, "%s\"%s\"", i ? " or " : "", words[i]);
	}
	return wrong(reader, name, "\"%s\" is not %s", word, all);
}

static bool get_object(const struct reader *reader, const json_t *object, const char *name,
		       json_t **out)
{
	return member(reader, object, name, REQUIRED, out) &&
	       (json_is_object(*out) || wrong(reader, name, "not an object"));
}

static bool get_array(const struct reader *reader, const json_t *object, const char *name,
		      enum presence presence, json_t **out)
{
	return member(reader, object, name, presence, out) &&
	       (!*out || json_is_array(*out) || wrong(reader, name, "not an array"));
}

/* --- header ----------------------------------------------------------------------------------- */

static bool read_cpus(const struct reader *reader, const json_t *object, struct cell *cell)
{
	json_t *cpus;

	if (!get_array(reader, object, "cpus", REQUIRED, &cpus))
		return false;
	if (json_array_size(cpus) != cell->peers)
		return wrong(reader, "cpus", "%zu of them for %u peers", json_array_size(cpus),
			     cell->peers);
	for (size_t i = 0; i < json_array_size(cpus); i++) {
		const json_t *value = json_array_get(cpus, i);
		double cpu = 0;
		if (!check_number(reader, "cpus", value, 0, CPU_MOST, &cpu))
			return false;
		if (!json_is_integer(value))
			return wrong(reader, "cpus", "not a whole number");
		cell->cpus[i] = (int)cpu;
	}
	return true;
}

/* The wait, its class and its idle: three members that have to agree. */
static bool read_wait(const struct reader *reader, const json_t *object, struct cell *cell)
{
	static const char *const classes[] = { "sleeping", "spinning" };
	static const char *const idles[] = { "", "awake", "sleep" };
	char wait[64];
	unsigned class = 0, idle = IDLE_NONE;

	if (!get_text(reader, object, "wait", REQUIRED, wait, sizeof wait))
		return false;
	if (cell_wait_parse(wait, &cell->wait, &cell->hybrid_ns))
		return wrong(reader, "wait", "no wait is called \"%s\"", wait);
	if (!get_word(reader, object, "wait_class", REQUIRED, classes, 2, &class))
		return false;
	if ((class == 1) != cell_spins(cell))
		return wrong(reader, "wait_class", "%s is not %s", wait, classes[class]);
	if (!get_word(reader, object, "idle", OPTIONAL, idles, 3, &idle))
		return false;
	cell->idle = idle;
	return true;
}

static bool read_cell(const struct reader *reader, const json_t *object, size_t index,
		      struct result_cell *out)
{
	static const char *const touches[] = { "header", "all" };
	static const char *const peers_are[] = { "processes", "threads" };
	static const char *const quantities[] = { "rtt_ns", "per_message_ns" };
	struct cell *cell = &out->cell;
	struct cell parsed;
	json_int_t id = 0, peers = 0, size = 0, depth = -1;
	unsigned touch = 0, threads = 0, quantity = 0;
	const char *why;
	char key[CELL_KEY];

	cell->id = (unsigned)index;
	if (!get_integer(reader, object, "id", REQUIRED, 0, CELLS_MOST, &id))
		return false;
	if ((size_t)id != index)
		return wrong(reader, "id", "%lld is not its place, %zu", (long long)id, index);
	if (!get_text(reader, object, "key", REQUIRED, out->key, sizeof out->key) ||
	    !get_text(reader, object, "mechanism", REQUIRED, cell->mechanism, CELL_NAME) ||
	    !get_text(reader, object, "options", OPTIONAL, cell->options, CELL_OPTIONS) ||
	    !get_text(reader, object, "pattern", REQUIRED, cell->pattern, CELL_NAME) ||
	    !get_text(reader, object, "pattern_options", OPTIONAL, cell->pattern_options,
		      CELL_OPTIONS) ||
	    !get_text(reader, object, "placement", REQUIRED, cell->placement, CELL_NAME) ||
	    !get_integer(reader, object, "peers", REQUIRED, 1, CELL_MOST_PEERS, &peers))
		return false;
	cell->peers = (unsigned)peers;
	if (!read_cpus(reader, object, cell) ||
	    !get_integer(reader, object, "size", REQUIRED, 1, (json_int_t)1 << 50, &size) ||
	    !get_integer(reader, object, "depth", OPTIONAL, 0, INT_MAX, &depth) ||
	    !get_unsigned(reader, object, "slots", OPTIONAL, &cell->slots) ||
	    !read_wait(reader, object, cell) ||
	    !get_boolean(reader, object, "copy", REQUIRED, &cell->copy) ||
	    !get_word(reader, object, "touch", REQUIRED, touches, 2, &touch) ||
	    !get_word(reader, object, "peers_are", REQUIRED, peers_are, 2, &threads) ||
	    !get_unsigned(reader, object, "replica", OPTIONAL, &cell->replica) ||
	    !get_boolean(reader, object, "sequential", OPTIONAL, &cell->sequential) ||
	    !get_word(reader, object, "quantity", REQUIRED, quantities, 2, &quantity) ||
	    !get_number(reader, object, "messages", REQUIRED, 0, 1e12, &out->messages) ||
	    !get_number(reader, object, "bytes", REQUIRED, 0, number_most, &out->bytes))
		return false;
	cell->size = (uint64_t)size;
	cell->depth = (int)depth;
	cell->touch_all = touch == 1;
	cell->threads = threads == 1;
	out->quantity = quantity == 1 ? QUANTITY_MESSAGE : QUANTITY_RTT;

	/* Only the key knows whether the number of peers is the pattern's own. */
	if (cell_parse(&parsed, out->key, &why))
		return wrong(reader, "key", "%s", why);
	cell->peers_named = parsed.peers_named;
	if (strcmp(cell_key(cell, key, sizeof key), out->key) != 0)
		return wrong(reader, "key", "\"%s\", but the other members say \"%s\"", out->key,
			     key);
	return true;
}

static bool read_cells(struct reader *reader, const json_t *plan)
{
	struct result *result = reader->result;
	json_t *cells;

	if (!get_array(reader, plan, "cells", REQUIRED, &cells))
		return false;
	size_t n = json_array_size(cells);
	if (n > CELLS_MOST)
		return wrong(reader, "cells", "%zu of them, %d at most are read", n, CELLS_MOST);
	result->cells = calloc(n ? n : 1, sizeof *result->cells);
	json_t *keys = json_object();
	if (!result->cells || !keys) {
		json_decref(keys);
		return out_of_memory(reader);
	}
	bool fine = true;
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(cells, i);
		snprintf(reader->where, sizeof reader->where, "plan.cells[%zu].", i);
		struct result_cell *cell = &result->cells[i];
		fine = (json_is_object(value) || wrong(reader, "", "not an object")) &&
		       read_cell(reader, value, i, cell);
		if (fine && json_object_get(keys, cell->key))
			fine = wrong(reader, "key", "\"%s\" is there twice", cell->key);
		if (fine && json_object_set_new(keys, cell->key, json_true()))
			fine = out_of_memory(reader);
		if (!fine)
			break;
		result->cell_count++;
	}
	json_decref(keys);
	return fine;
}

static bool read_refused(struct reader *reader, const json_t *plan)
{
	struct result *result = reader->result;
	json_t *refused;

	snprintf(reader->where, sizeof reader->where, "plan.");
	if (!get_array(reader, plan, "refused", OPTIONAL, &refused) || !refused)
		return !refused;
	size_t n = json_array_size(refused);
	if (n > CELLS_MOST)
		return wrong(reader, "refused", "%zu of them, %d at most are read", n, CELLS_MOST);
	result->refused = calloc(n ? n : 1, sizeof *result->refused);
	if (!result->refused)
		return out_of_memory(reader);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(refused, i);
		snprintf(reader->where, sizeof reader->where, "plan.refused[%zu].", i);
		struct result_refusal *refusal = &result->refused[i];
		if (!json_is_object(value))
			return wrong(reader, "", "not an object");
		if (!get_text(reader, value, "cell", REQUIRED, refusal->key, CELL_KEY) ||
		    !get_text(reader, value, "reason", REQUIRED, refusal->reason,
			      sizeof refusal->reason))
			return false;
		result->refused_count++;
	}
	return true;
}

/* No string of an object that is handed on as it is may be longer than reports can show. */
static bool check_strings(const struct reader *reader, const char *name, json_t *value)
{
	if (json_is_string(value))
		return check_length(reader, name, value, TEXT_MOST);
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!check_strings(reader, name, json_array_get(value, i)))
			return false;
	for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
		const char *key = json_object_iter_key(at);
		if (strlen(key) > TEXT_MOST)
			return wrong(reader, name, "a name of %zu bytes in it", strlen(key));
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

	if (!get_integer(reader, header, "schema", REQUIRED, 1, INT_MAX, &schema))
		return false;
	if (schema > SCHEMA) {
		say_error("%s:%lu: schema %lld is newer than the %d this toll reads; use the toll "
			  "that wrote it, or a newer one",
			  reader->path, reader->line, (long long)schema, SCHEMA);
		return false;
	}
	if (!get_integer(reader, header, "seed", REQUIRED, 0, INT64_MAX, &seed) ||
	    !get_object(reader, header, "host", &host) ||
	    !get_object(reader, header, "clock", &clock) ||
	    !get_object(reader, header, "plan", &plan) || !check_strings(reader, "header", header))
		return false;
	snprintf(reader->where, sizeof reader->where, "clock.");
	double ignored;
	static const char *const sources[] = { "tsc", "cntvct", "monotonic" };
	unsigned source;
	if (!get_word(reader, clock, "source", OPTIONAL, sources, 3, &source) ||
	    !get_number(reader, clock, "ticks_per_ns", OPTIONAL, 0, number_most, &ignored) ||
	    !get_number(reader, clock, "cost_ns", OPTIONAL, 0, number_most, &ignored) ||
	    !get_number(reader, clock, "step_ns", OPTIONAL, 0, number_most, &ignored))
		return false;
	snprintf(reader->where, sizeof reader->where, "plan.");
	if (!get_number(reader, plan, "margin", REQUIRED, 0, 1, &result->margin) ||
	    !get_number(reader, plan, "budget_s", OPTIONAL, 0, number_most, &ignored) ||
	    !read_cells(reader, plan) || !read_refused(reader, plan))
		return false;
	reader->where[0] = '\0';
	result->seed = (uint64_t)seed;
	result->header = json_incref(header);
	return true;
}

/* --- workers ---------------------------------------------------------------------------------- */

/* The turns and the worker's value. A worker that says it is well and has no turn is kept as
 * failed: a block that ended at once is no reason to refuse the file. */
static bool read_turns(const struct reader *reader, const json_t *object,
		       struct result_worker *worker)
{
	json_t *turns;
	size_t n = 0;

	if (!get_array(reader, object, "batch_ns", worker->ok ? REQUIRED : OPTIONAL, &turns))
		return false;
	worker->turns = json_array_size(turns);
	if (worker->turns) {
		double *logs = malloc(worker->turns * sizeof *logs);
		worker->batch_ns = malloc(worker->turns * sizeof *worker->batch_ns);
		if (!logs || !worker->batch_ns) {
			free(logs);
			return out_of_memory(reader);
		}
		for (size_t i = 0; i < worker->turns; i++) {
			const json_t *value = json_array_get(turns, i);
			double ns = NAN;
			if (!json_is_null(value)) {
				/* a turn of 0 ns was not measured, and has no logarithm */
				if (!check_number(reader, "batch_ns", value, 1e-6, number_most,
						  &ns)) {
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

static bool read_disturbance(struct reader *reader, const json_t *object,
			     struct result_worker *worker)
{
	json_t *list;

	for (size_t i = 0; i < CELL_MOST_PEERS; i++)
		worker->disturbance[i] =
			(struct result_disturbance){ NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
	if (!get_array(reader, object, "disturbance", OPTIONAL, &list) || !list)
		return !list;
	size_t n = json_array_size(list);
	if (n && n != worker->peers)
		return wrong(reader, "disturbance", "%zu of them for %u peers", n, worker->peers);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(list, i);
		struct result_disturbance *d = &worker->disturbance[i];
		snprintf(reader->where, sizeof reader->where, "disturbance[%zu].", i);
		if (!json_is_object(value))
			return wrong(reader, "", "not an object");
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
			if (!get_number(reader, value, members[m].name, OPTIONAL, 0, number_most,
					members[m].out))
				return false;
	}
	reader->where[0] = '\0';
	return true;
}

static bool read_cpu_ns(const struct reader *reader, const json_t *object,
			struct result_worker *worker)
{
	json_t *list;

	for (size_t i = 0; i < CELL_MOST_PEERS; i++)
		worker->cpu_ns[i] = NAN;
	if (!get_array(reader, object, "cpu_ns", OPTIONAL, &list) || !list)
		return !list;
	size_t n = json_array_size(list);
	if (n && n != worker->peers)
		return wrong(reader, "cpu_ns", "%zu of them for %u peers", n, worker->peers);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(list, i);
		if (!json_is_null(value) &&
		    !check_number(reader, "cpu_ns", value, 0, number_most, &worker->cpu_ns[i]))
			return false;
	}
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

	if (!get_integer(reader, object, "cell", REQUIRED, 0, INT_MAX, &cell))
		return false;
	if ((size_t)cell >= result->cell_count)
		return wrong(reader, "cell", "%lld, but the plan has %zu cells", (long long)cell,
			     result->cell_count);
	worker->cell = (unsigned)cell;
	worker->peers = result->cells[cell].cell.peers;
	if (!get_unsigned(reader, object, "round", REQUIRED, &worker->round) ||
	    !get_unsigned(reader, object, "block", REQUIRED, &worker->block) ||
	    !get_integer(reader, object, "visit", REQUIRED, 0, (json_int_t)1 << 50, &visit) ||
	    !get_boolean(reader, object, "reference", OPTIONAL, &worker->reference) ||
	    !get_word(reader, object, "state", REQUIRED, states, 2, &ok) ||
	    !get_text(reader, object, "reason", OPTIONAL, worker->reason, sizeof worker->reason))
		return false;
	worker->visit = (unsigned long)visit;
	worker->ok = ok == 1;
	if (!read_turns(reader, object, worker) ||
	    !get_number(reader, object, "operations", worker->ok ? REQUIRED : OPTIONAL, 0,
			number_most, &worker->operations) ||
	    !get_number(reader, object, "at_s", OPTIONAL, 0, number_most, &worker->at_s) ||
	    !get_number(reader, object, "canary_ns", OPTIONAL, 0, number_most,
			&worker->canary_ns) ||
	    !get_word(reader, object, "host_state", OPTIONAL, host_states, STATE_COUNT, &state) ||
	    !get_number(reader, object, "lost", OPTIONAL, 0, number_most, &worker->lost) ||
	    !get_boolean(reader, object, "settled", OPTIONAL, &worker->settled))
		return false;
	worker->state = state;
	return read_cpu_ns(reader, object, worker) && read_disturbance(reader, object, worker);
}

static bool read_worker(struct reader *reader, const json_t *object)
{
	struct result *result = reader->result;

	if (result->worker_count == reader->worker_room) {
		size_t room = reader->worker_room ? reader->worker_room * 2 : 256;
		struct result_worker *workers =
			reallocarray(result->workers, room, sizeof *workers);
		if (!workers)
			return out_of_memory(reader);
		result->workers = workers;
		reader->worker_room = room;
	}
	struct result_worker *worker = &result->workers[result->worker_count++];
	*worker = (struct result_worker){ .line = reader->line,
					  .settled = true,
					  .canary_ns = NAN,
					  .at_s = NAN,
					  .value = NAN,
					  .operations = NAN };
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
		return out_of_memory(reader);
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
				reader->path, b->line, c, b->visit, a->line);
			return false;
		}
	}
	return true;
}

/* --- the other lines -------------------------------------------------------------------------- */

static bool read_resume(const struct reader *reader, const json_t *object)
{
	json_int_t ignored;

	return get_integer(reader, object, "visit", OPTIONAL, 0, (json_int_t)1 << 50, &ignored) &&
	       get_integer(reader, object, "seed", OPTIONAL, 0, INT64_MAX, &ignored) &&
	       check_strings(reader, "resume", object);
}

static bool read_summary(struct reader *reader, json_t *object)
{
	static const char *const ends[] = { "budget", "rounds", "interrupted", "stopped" };
	struct result *result = reader->result;
	json_t *cells;
	json_int_t integer;
	double number;
	unsigned end;

	if (!get_word(reader, object, "ended", REQUIRED, ends, 4, &end) ||
	    !get_integer(reader, object, "rounds", OPTIONAL, 0, INT64_MAX, &integer) ||
	    !get_integer(reader, object, "visits", OPTIONAL, 0, INT64_MAX, &integer) ||
	    !get_integer(reader, object, "failed", OPTIONAL, 0, INT64_MAX, &integer) ||
	    !get_number(reader, object, "elapsed_s", OPTIONAL, 0, number_most, &number) ||
	    !get_array(reader, object, "cells", OPTIONAL, &cells) ||
	    !check_strings(reader, "summary", object))
		return false;
	for (size_t i = 0; i < json_array_size(cells); i++) {
		const json_t *value = json_array_get(cells, i);
		snprintf(reader->where, sizeof reader->where, "cells[%zu].", i);
		if (!json_is_object(value))
			return wrong(reader, "", "not an object");
		if (!get_integer(reader, value, "cell", REQUIRED, 0,
				 (json_int_t)result->cell_count - 1, &integer) ||
		    !get_integer(reader, value, "n", OPTIONAL, 0, INT64_MAX, &integer) ||
		    !get_number(reader, value, "log_mean", OPTIONAL, -100, 100, &number) ||
		    !get_number(reader, value, "standard_error", OPTIONAL, 0, 100, &number))
			return false;
	}
	reader->where[0] = '\0';
	json_decref(result->summary);
	result->summary = json_incref(object);
	return true;
}

static bool read_object(struct reader *reader, json_t *object)
{
	struct result *result = reader->result;
	const char *kind = json_string_value(json_object_get(object, "kind"));

	reader->where[0] = '\0';
	if (!result->header) {
		if (kind && !strcmp(kind, "header"))
			return read_header(reader, object);
		say_error("%s:%lu: not a result of toll: its first line is no header", reader->path,
			  reader->line);
		return false;
	}
	if (!json_is_object(object)) {
		say_error("%s:%lu: not a JSON object", reader->path, reader->line);
		return false;
	}
	if (!kind)
		return wrong(reader, "kind", "missing or not a string");
	if (!strcmp(kind, "worker"))
		return read_worker(reader, object);
	if (!strcmp(kind, "summary"))
		return read_summary(reader, object);
	if (!strcmp(kind, "resume"))
		return read_resume(reader, object);
	if (!strcmp(kind, "header")) {
		say_error("%s:%lu: a second header; two files joined? Take them apart there",
			  reader->path, reader->line);
		return false;
	}
	result->skipped++;
	return true;
}

/* --- the file --------------------------------------------------------------------------------- */

static bool read_lines(struct reader *reader, struct lines *lines)
{
	struct result *result = reader->result;
	char *line;
	size_t length;
	bool whole;
	int status;

	while ((status = lines_next(lines, &line, &length, &whole)) > 0) {
		json_error_t error;
		reader->line++;
		json_t *object =
			whole ? json_loadb(line, length, JSON_REJECT_DUPLICATES, &error) : NULL;
		if (object) {
			bool fine = read_object(reader, object);
			json_decref(object);
			if (!fine)
				return false;
			continue;
		}
		if (whole && json_error_code(&error) == json_error_out_of_memory)
			return out_of_memory(reader);
		if (!whole || lines_at_end(lines)) {
			if (!result->header) {
				say_error(
					"%s:%lu: not a result of toll, or its header was cut short",
					reader->path, reader->line);
				return false;
			}
			result->truncated = true;
			break;
		}
		say_error("%s:%lu: %s (column %d: %s)", reader->path, reader->line,
			  result->header ? "not JSON" : "not a result of toll", error.column,
			  error.text);
		return false;
	}
	if (status < 0) {
		if (errno == EFBIG)
			say_error("%s:%lu: a line over %d MiB; not a result of toll", reader->path,
				  reader->line + 1, LINE_MOST >> 20);
		else
			say_error("%s: %s", reader->path, strerror(errno));
		return false;
	}
	if (!result->header) {
		say_error("%s: empty; it holds no run", reader->path);
		return false;
	}
	return index_workers(reader);
}

struct result *result_read(const char *path)
{
	bool from_input = !strcmp(path, "-");
	struct reader reader = { .path = from_input ? "standard input" : path };
	struct lines lines = { .fd = from_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC) };

	if (lines.fd < 0) {
		say_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	struct result *result = calloc(1, sizeof *result);
	bool fine = result ? true : out_of_memory(&reader);
	if (fine) {
		reader.result = result;
		snprintf(result->path, sizeof result->path, "%s", path);
		result->texts = json_object();
		fine = result->texts ? read_lines(&reader, &lines) : out_of_memory(&reader);
	}
	free(lines.data);
	if (!from_input)
		close(lines.fd);
	if (!fine) {
		result_free(result);
		return NULL;
	}
	if (result->truncated)
		say_warning("%s:%lu: the last line was cut short and is left out", reader.path,
			    reader.line);
	if (result->skipped)
		say_warning("%s: %lu lines of a kind that this toll does not know are left out",
			    reader.path, result->skipped);
	return result;
}

void result_free(struct result *result)
{
	if (!result)
		return;
	for (size_t w = 0; w < result->worker_count; w++)
		free(result->workers[w].batch_ns);
	free(result->workers);
	free(result->cells);
	free(result->refused);
	free(result->first);
	free(result->order);
	json_decref(result->header);
	json_decref(result->summary);
	json_decref(result->texts);
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
