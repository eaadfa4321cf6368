/* SPDX-License-Identifier: GPL-3.0-or-later */
/* result.h - the result file, written: lines of JSON, appended and synced (reports/schema.md). */
#ifndef RESULT_H
#define RESULT_H

#include <jansson.h>
#include <sys/types.h>

#include "block.h"

enum { RESULT_DIGITS = 8 /* that numbers of a line have at most */ };

/* Whose file it is: messages name its options. */
enum result_kind { RESULT_RUN, RESULT_RECORD };

struct result_file {
	char path[4096];
	enum result_kind kind;
	int fd;
	off_t end;   /* behind the last whole line */
	bool failed; /* a line could not be written */
};

/* Makes a new file; never overwrites. false after say_error(). */
bool result_create(struct result_file *file, const char *path, enum result_kind kind);
/* Opens a file to go on, and changes nothing yet: it may be none of toll's. false after
 * say_error(). */
bool result_continue(struct result_file *file, const char *path, enum result_kind kind);
/* Takes away a line cut at its end. false after say_error(). */
bool result_mend(struct result_file *file);
/* Appends lines, all or none: what does not fit (disk full) is taken away again, so the file stays
 * whole. Takes the references of objects. false after say_error(). */
bool result_append(struct result_file *file, json_t *objects[], size_t n);
/* fdatasync. false after say_error(). */
bool result_sync(struct result_file *file);
void result_close(struct result_file *file);

/* A measured number, as lines have it: six digits; null when it is not finite. */
json_t *result_number(double x);

struct result_place { /* where in the run a worker stood */
	unsigned cell, round, block;
	unsigned long visit;
	bool reference;
	double at_s;
};
/* A line of what was counted of a cell, new reference; NULL when memory runs out. */
json_t *result_counted(const struct result_place *place, const struct counters *counters,
		       const struct outcome *outcome);
/* A worker line of the schema, new reference; NULL when memory runs out. */
json_t *result_worker(const struct result_place *place, const struct outcome *outcome);

#endif
