/* SPDX-License-Identifier: GPL-3.0-or-later */
/* registry.h - what toll-worker can do: its --describe answer, read. */
#ifndef REGISTRY_H
#define REGISTRY_H

#include <jansson.h>

#include "cell.h"

enum { REGISTRY_ABI = 1, REGISTRY_MOST_PLUGINS = 32 };

struct registry {
	char worker[4096];                    /* path of toll-worker */
	char *plugins[REGISTRY_MOST_PLUGINS]; /* paths given with -m, absolute */
	size_t plugin_count;
	json_t *description; /* the checked answer of toll-worker --describe */
};

/* Finds toll-worker (beside toll's own executable, else ../libexec/toll/, else PATH; environment
 * TOLL_WORKER wins), loads the plug-ins (paths, or names of those that come with toll), asks it.
 * NULL after say_error(). */
struct registry *registry_open(const char *const plugins[], size_t plugin_count);
/* The same with the toll-worker that a path names; NULL: found as above. */
struct registry *registry_open_worker(const char *worker, const char *const plugins[],
				      size_t plugin_count);
/* Whether a plug-in of this name comes with toll, so that -m NAME is enough. */
bool registry_ships(const struct registry *registry, const char *name);
void registry_close(struct registry *registry);

/* The JSON object of a mechanism or pattern, or NULL. */
json_t *registry_mechanism(const struct registry *registry, const char *name);
json_t *registry_pattern(const struct registry *registry, const char *name);
/* Members of such an object, whose types registry_open() has checked; "", 0 and false where an
 * optional one is missing. */
const char *registry_text(const json_t *object, const char *member);
long long registry_number(const json_t *object, const char *member);
bool registry_flag(const json_t *object, const char *member);
/* The nearest known name, for error messages; NULL when none is near. kind: "mechanisms" or
 * "patterns". */
const char *registry_nearest(const struct registry *registry, const char *kind, const char *name);

struct answer {
	char *text; /* ends with a NUL beyond length; to be freed */
	size_t length;
	int status;  /* of waitpid() */
	bool silent; /* it hung and was killed */
};
/* Runs toll-worker VERB with a text on its standard input. last: a line that ends the answer,
 * whereupon the worker is killed with all of its process group; NULL: it ends by itself. 0, or -1
 * after say_error(). */
int registry_ask(const struct registry *registry, const char *verb, const char *question,
		 const char *last, struct answer *answer);
/* What became of it: "was ended by signal 11 (Segmentation fault)". */
const char *answer_fate(const struct answer *answer, char *buffer, size_t bytes);

struct examination {
	bool possible;
	char reason[256];         /* when not */
	unsigned slots;           /* depth its channels are opened with */
	uint64_t memory;          /* bytes of shared memory its worker maps */
	unsigned capacity_needed; /* 1: the pattern asks the pilot for the channel's capacity */
	double bytes;             /* payload that crosses in one operation */
	unsigned helpers;         /* kernel threads that want CPUs beside the peers */
};
/* Asks toll-worker --examine about n cells at once. A worker that crashes or hangs over a cell
 * makes that cell impossible, with the reason, and another is asked about the rest. 0 or -1 after
 * say_error(). */
int registry_examine(const struct registry *registry, const struct cell cells[], size_t n,
		     struct examination out[]);

#endif
