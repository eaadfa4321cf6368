/* SPDX-License-Identifier: GPL-3.0-or-later */
/* result.c - the result file, written line by line so that whatever happens the lines before are
 * whole. */
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "../analysis/statistics.h"
#include "say.h"

/* What names the file, and what goes on with it. */
static const char *const names[] = { "-o", "--record" }, *const resumes[] = { "--resume",
									      "--more" };

static bool remember(struct result_file *file, const char *path, enum result_kind kind)
{
	*file = (struct result_file){ .kind = kind, .fd = -1 };
	if (snprintf(file->path, sizeof(file->path), "%s", path) < (int)sizeof(file->path))
		return true;
	say_error("%s: the path is longer than %zu characters", names[kind],
		  sizeof(file->path) - 1);
	return false;
}

/* One writer a file. A file system without locks is no reason not to measure. */
static bool lock(struct result_file *file)
{
	if (flock(file->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return true;
	say_error("%s is being written by another toll", file->path);
	result_close(file);
	return false;
}

bool result_create(struct result_file *file, const char *path, enum result_kind kind)
{
	if (!remember(file, path, kind))
		return false;
	file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (file->fd >= 0)
		return lock(file);
	if (errno == EEXIST)
		say_error("%s is there already; take it up with %s, or name another with %s", path,
			  resumes[kind], names[kind]);
	else
		say_error("%s cannot be written: %s; name another place with %s", path,
			  strerror(errno), names[kind]);
	return false;
}

/* Where the last whole line ends. */
static off_t last_line_end(int fd)
{
	off_t at = lseek(fd, 0, SEEK_END);
	char buffer[4096];

	while (at > 0) {
		size_t part = at < (off_t)sizeof(buffer) ? (size_t)at : sizeof(buffer);
		ssize_t n = pread(fd, buffer, part, at - (off_t)part);

		if (n != (ssize_t)part)
			return -1;
		const char *newline = memrchr(buffer, '\n', part);

		if (newline)
			return at - (off_t)part + (newline - buffer) + 1;
		at -= (off_t)part;
	}
	return at;
}

bool result_continue(struct result_file *file, const char *path, enum result_kind kind)
{
	if (!remember(file, path, kind))
		return false;
	file->fd = open(path, O_RDWR | O_CLOEXEC);
	if (file->fd < 0) {
		say_error("%s cannot be taken up: %s", path, strerror(errno));
		return false;
	}
	return lock(file);
}

bool result_mend(struct result_file *file)
{
	file->end = last_line_end(file->fd);
	if (file->end >= 0 && ftruncate(file->fd, file->end) == 0 &&
	    lseek(file->fd, file->end, SEEK_SET) >= 0)
		return true;
	say_error("%s cannot be taken up: %s", file->path, strerror(errno));
	return false;
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* Numbers of measured things carry six digits: enough for any statement, and the file stays small.
 */
json_t *result_number(double x)
{
	char text[32];

	if (!isfinite(x))
		return json_null();
	snprintf(text, sizeof(text), "%.6g", x);
	return json_real(strtod(text, NULL));
}

/* The objects' lines in one piece; NULL when memory runs out. */
static char *lines_of(json_t *objects[], size_t n, size_t *bytes)
{
	FILE *stream;
	char *text = NULL;
	bool fine = true;

	stream = open_memstream(&text, bytes);
	for (size_t i = 0; i < n; i++) {
		fine = fine && stream && objects[i] &&
		       json_dumpf(objects[i], stream,
				  JSON_COMPACT | JSON_REAL_PRECISION(RESULT_DIGITS)) == 0 &&
		       putc('\n', stream) != EOF;
		json_decref(objects[i]);
	}
	if (stream && fclose(stream) == 0 && fine)
		return text;
	free(text);
	return NULL;
}

bool result_append(struct result_file *file, json_t *objects[], size_t n)
{
	size_t bytes;
	char *text = lines_of(objects, n, &bytes);

	if (text == NULL) {
		say_error("out of memory");
		return false;
	}
	bool written = write_all(file->fd, text, bytes);
	int error = errno;

	free(text);
	if (written) {
		file->end += (off_t)bytes;
		return true;
	}
	file->failed = true;
	/* shortening needs no room */
	if (ftruncate(file->fd, file->end) < 0 || lseek(file->fd, file->end, SEEK_SET) < 0)
		say_error("%s: a cut line could not be taken away: %s", file->path,
			  strerror(errno));
	say_error(
		"%s: %s; what was measured before is whole: make room and take the run up with %s",
		file->path, strerror(error), resumes[file->kind]);
	return false;
}

bool result_sync(struct result_file *file)
{
	if (fdatasync(file->fd) == 0 || errno == EINVAL ||
	    errno == EROFS) /* a pipe or /dev/stdout */
		return true;
	say_error("%s: %s; what was synced before is whole", file->path, strerror(errno));
	return false;
}

void result_close(struct result_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static json_t *disturbance(const struct outcome *outcome)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < outcome->peers; i++) {
		const struct block_disturbance *d = &outcome->disturbance[i];

		json_array_append_new(all, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}",
						     "run_delay_ns", result_number(d->run_delay_ns),
						     "switches", result_number(d->switches),
						     "involuntary", result_number(d->involuntary),
						     "migrations", result_number(d->migrations),
						     "gap_ns", result_number(d->gap_ns),
						     "gap_watch_ns", result_number(d->gap_watch_ns),
						     "gap_most_ns", result_number(d->gap_most_ns),
						     "steal_ns", result_number(d->steal_ns)));
	}
	return all;
}

json_t *result_worker(const struct result_place *place, const struct outcome *outcome)
{
	json_t *line = json_pack("{s:s,s:i,s:i,s:i,s:I,s:b,s:o,s:s}", "kind", "worker", "cell",
				 (int)place->cell, "round", (int)place->round, "block",
				 (int)place->block, "visit", (json_int_t)place->visit, "reference",
				 place->reference, "at_s", result_number(place->at_s), "state",
				 outcome->state == BLOCK_OK ? "ok" : "failed");

	if (outcome->state != BLOCK_OK) {
		json_t *reason = json_string(outcome->reason);

		/* a reason that is not UTF-8 (a plug-in's) must not cost the line */
		json_object_set_new(line, "reason", reason ? reason : json_string("(not UTF-8)"));
		return line;
	}
	json_t *batch = json_array(), *cpu = json_array();

	for (size_t i = 0; i < outcome->turns; i++)
		json_array_append_new(batch, result_number(outcome->batch_ns[i]));
	for (unsigned i = 0; i < outcome->peers; i++)
		json_array_append_new(cpu, result_number(outcome->cpu_ns[i]));
	json_object_set_new(line, "operations", json_integer((json_int_t)outcome->operations));
	json_object_set_new(line, "uncounted", json_integer((json_int_t)outcome->uncounted));
	json_object_set_new(line, "capacity",
			    outcome->capacity ? json_integer((json_int_t)outcome->capacity)
					      : json_null());
	json_object_set_new(line, "batch_ns", batch);
	json_object_set_new(line, "canary_ns", result_number(outcome->canary_ns));
	json_object_set_new(
		line, "host_state",
		isnan(outcome->canary_ns)
			? json_null()
			: json_string(outcome->canary_ns > BLOCK_FAR_NS ? "far" : "near"));
	json_object_set_new(line, "cpu_ns", cpu);
	json_object_set_new(line, "offered_per_s", result_number(outcome->offered_per_s));
	json_object_set_new(line, "achieved_per_s", result_number(outcome->achieved_per_s));
	json_object_set_new(line, "histogram",
			    outcome->histogram ? json_incref(outcome->histogram) : json_null());
	json_object_set_new(line, "lost", result_number(outcome->lost));
	json_object_set_new(line, "due", result_number(outcome->due));
	json_object_set_new(line, "settled", json_boolean(outcome->settled));
	json_object_set_new(line, "disturbance", disturbance(outcome));
	json_object_set_new(
		line, "layout",
		json_pack("{s:i,s:i,s:i,s:i}", "environment_bytes", (int)outcome->environment_bytes,
			  "stack_bytes", (int)outcome->stack_bytes, "buffer_bytes",
			  (int)outcome->buffer_bytes, "line_offset", (int)outcome->line_offset));
	return line;
}

static json_t *tallies(const struct counters *counters, const struct outcome *outcome, size_t of)
{
	json_t *all = json_array();

	for (unsigned peer = 0; peer < outcome->peers; peer++) {
		const struct tally *tally = &outcome->tallies[peer * counters->count + of];
		bool counted = isfinite(tally->per_operation);

		json_array_append_new(all, json_pack("{s:o,s:o,s:s?,s:b,s:s?}", "per_operation",
						     result_number(tally->per_operation), "share",
						     result_number(tally->share), "by",
						     !counted       ? NULL
						     : tally->usage ? "getrusage"
								    : "perf",
						     "user_only", tally->user_only, "reason",
						     tally->reason[0] ? tally->reason : NULL));
	}
	return all;
}

json_t *result_counted(const struct result_place *place, const struct counters *counters,
		       const struct outcome *outcome)
{
	bool fine = outcome->state == BLOCK_OK && outcome->tallies;
	json_t *all = json_array(), *reason = fine ? json_null() : json_string(outcome->reason);

	for (size_t i = 0; fine && i < counters->count; i++) {
		const struct counter *counter = &counters->counter[i];

		json_array_append_new(all,
				      json_pack("{s:s,s:s?,s:i,s:o}", "name", counter->name, "what",
						counter->what[0] ? counter->what : NULL, "group",
						(int)counter->event.group, "peers",
						tallies(counters, outcome, i)));
	}
	return json_pack("{s:s,s:i,s:i,s:o,s:I,s:o,s:o,s:o,s:o}", "kind", "counted", "cell",
			 (int)place->cell, "round", (int)place->round, "at_s",
			 result_number(place->at_s), "turns",
			 (json_int_t)(fine ? outcome->turns : 0), "operations",
			 fine ? result_number(outcome->counted) : json_null(), "median_ns",
			 fine ? result_number(statistics_median(outcome->batch_ns, outcome->turns))
			      : json_null(),
			 "reason", reason ? reason : json_string("(not UTF-8)"), "counters", all);
}
