/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure.h - what the benchmarks share: block visits by toll's own controller, values of pairs. */
#ifndef MEASURE_H
#define MEASURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../analysis/statistics.h"
#include "../../bench/block.h"
#include "../../bench/place.h"
#include "../../bench/say.h"

struct bench {
	struct registry *registry;
	struct place *place;
	double ticks_per_ns;
	uint64_t seed;
	int across[2]; /* two CPUs; across[0] < 0: there is one only */
};

static inline bool bench_open(struct bench *bench, const char *const plugins[], size_t count)
{
	const struct place_edge edge = { 0, 1 };
	const char *nearest;
	double cost, step;

	bench->registry = registry_open(plugins, count);
	bench->place = place_open();
	if (bench->registry == NULL || bench->place == NULL)
		return false;
	bench->across[0] = -1;
	nearest = place_nearest_across(bench->place);
	if (nearest) {
		char why[256];

		place_find(bench->place, nearest, 2, &edge, 1, 0, bench->across, why, sizeof(why));
	}
	block_clock(&bench->ticks_per_ns, &cost, &step);
	const char *seed = getenv("SEED");

	bench->seed = seed ? strtoull(seed, NULL, 10) : 20261122;
	return true;
}

/* A cell from its key's text, on one CPU or across two; idle=awake for sleeping waits across. */
static inline struct cell bench_cell(const struct bench *bench, const char *key, bool across)
{
	const char *why = "";
	struct cell cell;
	int one;

	if (cell_parse(&cell, key, &why) < 0) {
		fprintf(stderr, "%s: %s\n", key, why);
		exit(4);
	}
	place_allowed(bench->place, &one, 1);
	cell.peers = 2;
	for (int i = 0; i < 2; i++)
		cell.cpus[i] = across ? bench->across[i] : one;
	cell.idle = across && !cell_spins(&cell) ? IDLE_AWAKE : IDLE_NONE;
	return cell;
}

static inline struct block_options bench_options(struct bench *bench, unsigned cycles)
{
	return (struct block_options){ .registry = bench->registry,
				       .ticks_per_ns = bench->ticks_per_ns,
				       .seed = bench->seed++,
				       .cycles = cycles,
				       .turn_ns = 60e3,
				       .seconds = 2,
				       .canary = true };
}

/* Arguments name what is to run ("ring" runs all that begins so); none: all. */
static inline bool bench_wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++) {
		if (strncmp(name, argv[i], strlen(argv[i])) == 0)
			return true;
	}
	return argc < 2;
}

static inline double percent(double log_ratio)
{
	return 100 * expm1(log_ratio);
}

#endif
