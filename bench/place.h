/* SPDX-License-Identifier: GPL-3.0-or-later */
/* place.h - placements: which CPUs peers run on, by what these CPUs share (hwloc).
 *
 * The names, exclusive of each other: same-cpu smt shared-l2 shared-l3 same-numa cross-numa
 * cross-package. For more than two peers every edge of the graph has the relation where possible;
 * else spread (far apart) and packed (near) in hwloc's order may be asked for by name. */
#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>
#include <stddef.h>

struct place; /* the topology; opaque */

enum place_source { PLACE_MACHINE, PLACE_XML, PLACE_SYNTHETIC };

/* Loads the topology of the machine, or of HWLOC_XMLFILE / HWLOC_SYNTHETIC. NULL after say_error().
 */
struct place *place_open(void);
void place_close(struct place *place);
enum place_source place_source(const struct place *place);
/* Whether peers may be bound: false for a topology that is not this machine's (hwloc would bind
 * nothing and return 0). */
bool place_is_this_machine(const struct place *place);

/* All names place_find() takes, in order from near to far, then "spread", "packed";
 * NULL-terminated. */
const char *const *place_names(void);

/* Two peers joined by an edge. */
struct place_edge {
	unsigned from, to;
};
/* CPUs (system numbers) for peers 0 … peers − 1 such that every edge has the relation, only CPUs
 * that taskset and cgroup leave to this process. true; or false with the reason in why: "this
 * machine has no SMT siblings", "needs 3 CPUs of one L3, 2 are allowed". With which > 0 the
 * which-th next choice, false when there is none. */
bool place_find(const struct place *place, const char *name, unsigned peers,
		const struct place_edge edges[], size_t edge_count, unsigned which, int cpus[],
		char *why, size_t why_bytes);
/* The relation of two CPUs: one of place_names()' first seven. */
const char *place_relation(const struct place *place, int cpu_a, int cpu_b);
/* The nearest relation across two different CPUs that this process may use; NULL when it has one
 * CPU. */
const char *place_nearest_across(const struct place *place);
/* CPUs this process may run on (affinity and cgroup cpuset), ascending; returns their number. */
size_t place_allowed(const struct place *place, int cpus[], size_t most);
/* "2,5" or "0-3" to CPUs; -1 with why when one is not allowed or does not exist, else the count. */
int place_parse_cpus(const struct place *place, const char *text, int cpus[], size_t most,
		     char *why, size_t why_bytes);

/* Bytes of the data cache of a level (1, 2, 3) that serves a CPU; 0 when unknown. */
size_t place_cache_bytes(const struct place *place, int cpu, unsigned level);
size_t place_line_bytes(const struct place *place); /* 64 when unknown */
unsigned place_packages(const struct place *place);
unsigned place_numa_nodes(const struct place *place);

#endif
