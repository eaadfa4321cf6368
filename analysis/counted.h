/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counted.h - the lines of a result file that say what the peers of a cell did in each operation.
 */
#ifndef COUNTED_H
#define COUNTED_H

#include <jansson.h>
#include <stddef.h>

#include "member.h"

enum { COUNTED_EVENTS = 64 }; /* of a line that is read */

struct result_count {         /* of a peer */
	double per_operation; /* NaN: not counted */
	double share;         /* of the time: below 1 it is scaled; NaN: not counted */
	bool user_only, usage;
	const char *reason; /* NULL: counted, and as asked for */
};

struct result_event {
	const char *name, *what; /* what is NULL where the name has to do */
	unsigned group;          /* 0: alone */
	struct result_count *peer;
};

struct result_counted {
	unsigned cell, round, peers;
	double turns, operations, median_ns; /* NaN: not known */
	const char *reason;                  /* why nothing was counted; NULL */
	struct result_event *events;
	size_t count;
};

/* One line; texts are kept in words, which has to outlive it. false after say_error(); either way
 * counted_clear() is due. cell and peers are set by the caller. */
bool counted_read(struct spot *spot, const json_t *object, json_t *words,
		  struct result_counted *counted);
void counted_clear(struct result_counted *counted);

#endif
