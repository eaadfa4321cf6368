/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conform.h - conformance, which toll check and tests/conform.c play: what its files share.
 *
 * The product comes from the registry: every mechanism with its options × pattern × wait × CPUs ×
 * size × depth × copy × processes or threads × act. An act is what is done to the cell while it
 * plays; see enum act. */
#ifndef CONFORM_H
#define CONFORM_H

#include "../registry.h"

enum act {
	PLAY, /* left alone: order and content of each message, nothing left behind */
	HOLD, /* a peer is stopped and goes on: the others meet a full and an empty channel */
	KILL, /* a peer or the worker is killed: the others leave by themselves, and the reason
	       * names it
	       */
	LATE, /* a peer is stopped beyond the pattern's deadline: the reason names who waited */
	ACTS
};

/* What a point of the product is made of: its place in the list of each dimension. */
enum dimension { VARIANT, PATTERN, WAIT, CPUS, SIZE, DEPTH, COPY, THREADS, ACT, DIMENSIONS };

struct point {
	struct cell cell;
	enum act act;
	unsigned helpers; /* kernel threads of its own (SQPOLL), for which there may be no CPU */
	unsigned whom;    /* the peer that is stopped or killed; cell.peers: their worker */
	unsigned short value[DIMENSIONS];
	bool chosen;
};

/* Cells that are no points, and why; by reason. */
struct exception {
	char reason[256];
	size_t cells;
};

struct product {
	struct point *points;
	size_t count;
	unsigned short values[DIMENSIONS]; /* how many each dimension has */
	struct exception *refused; /* by toll-worker, as it should: part of what is tested */
	size_t refused_count;
	struct exception *lacking; /* this machine lacks what it takes */
	size_t lacking_count;
	struct exception
		*wrong; /* refused without a known reason, or not refused; reason has the key */
	size_t wrong_count;
};

struct wanted {
	const struct registry *registry;
	const char *mechanism, *pattern; /* only these; NULL: all */
	bool plugins_only, threads_only, in_place;
	bool brief; /* the choice, without the faults that take seconds to show */
	bool whole; /* on one CPU and on several where both are possible, not by turns; the ends of
		       ranges too */
	int cpus[CELL_MOST_PEERS]; /* that this process may use */
	unsigned cpu_count;
};

/* ---- product.c ---- */

/* The CPUs this process may use. 0, or -1 after say_error(). */
int product_find_cpus(struct wanted *wanted);
/* Whether a mechanism, as the registry describes it, is one of those wanted. */
bool product_wants(const struct wanted *wanted, const json_t *mechanism);
/* 0, or -1 after say_error(). product_free() is due in both cases. */
int product_make(const struct wanted *wanted, struct product *product);
void product_free(struct product *product);
/* Chooses points such that each pair of values of two dimensions that occurs in a point occurs in a
 * chosen one. *pairs: how many pairs there are. Returns how many points were chosen. */
size_t product_cover(struct product *product, uint64_t seed, size_t *pairs);
/* The point's cell and act, for people: "ring/stream/cpus:0,1/64/block [peer 1 killed]". */
char *point_name(const struct point *point, char *buffer, size_t bytes);
enum { POINT_NAME = CELL_KEY + 40 };

/* ---- left.c: what is left behind ---- */

/* Namespaces of their own for kernel objects, where this user may make them; false where not: then
 * what others make meanwhile may be taken for ours if it stays. */
bool left_isolate(void);
/* Once, before anything is started in this process: orphans of workers become its children. */
void left_begin(void);
/* Ends and names the processes that are left; "" when there are none, as it should be. */
const char *left_processes(char *buffer, size_t bytes);
/* Descriptors of this process. */
unsigned left_descriptors(void);

struct left_objects {
	char **name;
	size_t count;
};
/* The kernel objects that outlive processes and may be toll's; free with left_free(). */
struct left_objects left_look(void);
void left_free(struct left_objects *objects);
/* Those that are there now and were not before, named; "" when there are none. */
const char *left_since(const struct left_objects *before, char *buffer, size_t bytes);

/* ---- scene.c: one block, played, disturbed and judged ---- */

enum { SCENE_MOST = 12, REASON = 320 };

struct verdict {
	enum { UNKNOWN, PASSED, FAILED } is;
	char reason[REASON];
};

struct stage {
	const struct registry *registry;
	double ticks_per_ns;
	uint64_t seed;
	const char *reports;    /* folder for the sanitizers' reports */
	const char *sanitizer;  /* "address", "thread"; NULL: none */
	unsigned most_failures; /* so many are enough: what is left need not be played; 0: 40 */
};

/* Plays points that all have one act, the same CPUs and operations; more than one only when they
 * are left alone. Each gets its verdict, also when another one of them breaks the block. objects:
 * those that were there before; NULL: not looked at. */
void scene_play(const struct stage *stage, const struct point *const points[], unsigned count,
		const struct left_objects *objects, struct verdict verdicts[]);
/* Whether the worker dies, which then cannot remove what it made. */
bool scene_kills_worker(const struct point *point);
/* From now on the sanitizers of workers that this process starts write into a folder, and stop at
 * their first finding. */
void scene_report_to(const char *folder);
/* Counted operations of a turn. */
unsigned long scene_operations(const struct point *point);
/* Turns of a cell. */
unsigned scene_cycles(uint64_t size);

/* ---- troupe.c: points dealt to processes, one a CPU ---- */

struct totals {
	size_t passed, failed, skipped;
};
/* Who is told what failed, as it happens. */
struct audience {
	const char *name; /* stands before the progress */
	/* point NULL: it is no cell's in particular */
	void (*failed)(void *context, const struct point *point, const char *reason);
	void (*passed)(void *context, const struct point *point); /* may be NULL; at the end */
	void *context;
};
/* Plays all chosen points. jobs: how many at once where cells share a CPU. */
void troupe_play(const struct stage *stage, const struct product *product, unsigned jobs,
		 const struct audience *audience, struct totals *totals);

#endif
