/* SPDX-License-Identifier: GPL-3.0-or-later */
/* axes.h - the lists of one section of a configuration, read: what the cells are the product of. */
#ifndef AXES_H
#define AXES_H

#include "config.h"
#include "place.h"
#include "registry.h"

enum { AXES_MOST_CELLS = 100000, AXES_MOST = CONFIG_MOST_WORDS };

/* A mechanism, or a pattern, with its options. */
struct axes_variant {
	char name[CELL_NAME], options[CELL_OPTIONS];
	char *resolved; /* with every option's value, for "ring" and "ring:layout=slot" are the same
			 */
	const json_t *is; /* the registry's */
	bool by_wildcard; /* nobody named it: what makes no sense is left out in silence */
};

/* Where the peers run. */
struct axes_spot {
	char name[CELL_NAME];
	unsigned cpu_count; /* "cpus": said outright */
	int cpus[CELL_MOST_PEERS];
	char lacking[128]; /* "": the machine is to be asked */
	bool by_default;
};

struct axes_wait {
	enum cell_wait wait;
	uint64_t wait_amount;
};

struct axes_sched {
	enum cell_policy policy;
	unsigned priority;
};

struct axes {
	struct axes_variant *mechanism, *pattern;
	size_t mechanisms, patterns;
	struct axes_spot *spot;
	size_t spots;
	uint64_t size[AXES_MOST];
	struct axes_wait wait[AXES_MOST];
	int depth[AXES_MOST];
	enum cell_idle idle[AXES_MOST];
	unsigned peer_count[AXES_MOST]; /* 0: the pattern's own */
	bool copy[AXES_MOST], touch_all[AXES_MOST], threads[AXES_MOST], mlock[AXES_MOST];
	struct axes_sched sched[AXES_MOST];
	size_t sizes, waits, depths, idles, peer_counts, copies, touches, threadings;
	uint64_t think_ns[AXES_MOST];
	size_t scheds, mlocks, thinks;
	unsigned replicas;
};

/* Reads a section with every word checked against what there is. 0, or -1 after say_error() named
 * the place of the first mistake; in both cases axes_free() is due. */
int axes_read(const struct config *config, const struct config_grid *grid,
	      const struct registry *registry, const struct place *place, struct axes *axes);
void axes_free(struct axes *axes);

#endif
