/* SPDX-License-Identifier: GPL-3.0-or-later */
/* synthetic.h - result files whose truth is known: curves of straight pieces, with the noise of a
 * host on them. The files live in memory and go away with their descriptor. */
#ifndef SYNTHETIC_H
#define SYNTHETIC_H

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../bench/cell.h"

struct synthetic_piece {
	double to;    /* bytes, the last of it; 0: no end */
	double sigma; /* ns */
	double slope; /* ns a byte */
};

struct synthetic_curve {
	const char *mechanism;
	struct synthetic_piece piece[4];
	unsigned replica;
};

struct synthetic {
	const struct synthetic_curve *curves;
	size_t curve_count;
	const double *sizes;
	size_t size_count;
	unsigned rounds, turns;
	double worker_noise; /* sd of the logarithm, between workers */
	double round_noise;  /* shared by all that a round measures */
	double turn_noise;   /* of a turn, half of it shared by the visit's workers */
	double far_share;    /* of rounds in the far host state; 0: all null (one CPU) */
	double far_factor;   /* times it takes there */
	unsigned long seed;
	bool sequential;
};

static inline double synthetic_time(const struct synthetic_curve *curve, double x)
{
	const struct synthetic_piece *piece = curve->piece;

	while (piece->to > 0 && x > piece->to)
		piece++;
	return piece->sigma + piece->slope * x;
}

static inline void synthetic_cell(const struct synthetic *what, size_t curve, size_t size,
				  unsigned id, struct cell *cell)
{
	*cell = (struct cell){ .id = id,
			       .pattern = "pingpong",
			       .placement = "same-cpu",
			       .peers = 2,
			       .size = (uint64_t)what->sizes[size],
			       .depth = -1,
			       .wait = WAIT_BLOCK,
			       .touch_all = true,
			       .replica = what->curves[curve].replica,
			       .sequential = what->sequential };
	snprintf(cell->mechanism, sizeof cell->mechanism, "%s", what->curves[curve].mechanism);
}

static inline void synthetic_header(FILE *file, const struct synthetic *what)
{
	char key[CELL_KEY];
	struct cell cell;
	unsigned id = 0;

	fprintf(file,
		"{\"kind\":\"header\",\"schema\":1,\"toll\":\"0.1.0\",\"created\":\"2024-01-01T00:"
		"00:00Z\","
		"\"seed\":%lu,\"host\":{\"name\":\"synthetic\",\"kernel\":\"6.1.0\",\"l2_bytes\":"
		"1048576,"
		"\"smt\":false,\"governor\":null,\"mitigations\":{\"meltdown\":\"Mitigation: "
		"PTI\"},"
		"\"limits\":{\"nofile\":1024}},\"clock\":{\"source\":\"tsc\",\"ticks_per_ns\":2.1,"
		"\"cost_ns\":11.5,\"step_ns\":0.5},\"topology\":{\"source\":\"machine\",\"this_"
		"system\":true},"
		"\"worker\":{\"path\":\"toll-worker\",\"abi\":1,\"compiler\":\"gcc\",\"plugins\":[]"
		"},"
		"\"plan\":{\"config\":null,\"margin\":0.02,\"budget_s\":60,\"rounds\":%u,"
		"\"operations\":null,"
		"\"refused\":[{\"cell\":\"null/pingpong/smt/64/spin\",\"reason\":\"no SMT "
		"siblings\"}],"
		"\"cells\":[",
		what->seed, what->rounds);
	for (size_t c = 0; c < what->curve_count; c++) {
		for (size_t s = 0; s < what->size_count; s++, id++) {
			synthetic_cell(what, c, s, id, &cell);
			fprintf(file,
				"%s{\"id\":%u,\"key\":\"%s\",\"mechanism\":\"%s\",\"options\":\"\","
				"\"pattern\":\"pingpong\",\"pattern_options\":\"\",\"placement\":"
				"\"same-cpu\","
				"\"cpus\":[0,0],\"peers\":2,\"size\":%.0f,\"depth\":null,\"slots\":"
				"64,"
				"\"wait\":\"block\",\"wait_class\":\"sleeping\",\"idle\":null,"
				"\"copy\":false,"
				"\"touch\":\"all\",\"peers_are\":\"processes\",\"replica\":%u,"
				"\"sequential\":%s,\"quantity\":\"rtt_ns\",\"messages\":2,"
				"\"bytes\":%.0f}",
				id ? "," : "", id, cell_key(&cell, key, sizeof key), cell.mechanism,
				what->sizes[s], cell.replica, cell.sequential ? "true" : "false",
				2 * what->sizes[s]);
		}
	}
	fputs("]}}\n", file);
}

static inline void synthetic_worker(FILE *file, const struct synthetic *what, gsl_rng *rng,
				    size_t cell, unsigned round, size_t block, unsigned long visit,
				    double ns, const double shared[], const char *state)
{
	double log_ns = log(ns) + gsl_ran_gaussian(rng, what->worker_noise);

	fprintf(file,
		"{\"kind\":\"worker\",\"cell\":%zu,\"round\":%u,\"block\":%zu,\"visit\":%lu,"
		"\"reference\":false,\"state\":\"ok\",\"operations\":16,\"uncounted\":20,"
		"\"capacity\":null,\"batch_ns\":[",
		cell, round, block, visit);
	for (unsigned t = 0; t < what->turns; t++)
		fprintf(file, "%s%.6g", t ? "," : "",
			exp(log_ns + shared[t] +
			    gsl_ran_gaussian(rng, what->turn_noise * M_SQRT1_2)));
	fprintf(file,
		"],\"canary_ns\":%s,\"host_state\":%s,\"cpu_ns\":[%.6g,%.6g],\"histogram\":null,"
		"\"lost\":0,\"settled\":true,\"disturbance\":[{\"run_delay_ns\":0,\"switches\":4,"
		"\"involuntary\":1,\"migrations\":0,\"gap_ns\":null},{\"switches\":3}],"
		"\"layout\":{\"environment_bytes\":16}}\n",
		*state == 'n' && state[1] == 'u' ? "null" : "75.5", state, ns / 2, ns / 4);
}

/* Writes the file; its path, valid until the next call, can be opened while *fd is open. */
static inline const char *synthetic_file(const struct synthetic *what, int *fd)
{
	static char path[64];
	double shared[256] = { 0 };
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
	*fd = memfd_create("synthetic", MFD_CLOEXEC);
	FILE *file = *fd < 0 ? NULL : fdopen(dup(*fd), "w");
	unsigned long visit = 0;

	if (!file || !rng || what->turns > 256)
		abort();
	gsl_rng_set(rng, what->seed + 1);
	synthetic_header(file, what);
	for (unsigned round = 0; round < what->rounds; round++) {
		double of_round = exp(gsl_ran_gaussian(rng, what->round_noise));
		bool far = gsl_rng_uniform(rng) < what->far_share;
		const char *state = what->far_share <= 0 ? "null" : far ? "\"far\"" : "\"near\"";
		if (far)
			of_round *= what->far_factor;
		for (size_t s = 0; s < what->size_count; s++, visit++) {
			for (unsigned t = 0; t < what->turns; t++)
				shared[t] = gsl_ran_gaussian(rng, what->turn_noise * M_SQRT1_2);
			for (size_t c = 0; c < what->curve_count; c++)
				synthetic_worker(
					file, what, rng, c * what->size_count + s, round, s, visit,
					of_round * synthetic_time(&what->curves[c], what->sizes[s]),
					shared, state);
		}
	}
	fprintf(file,
		"{\"kind\":\"summary\",\"ended\":\"rounds\",\"rounds\":%u,\"visits\":%lu,\"elapsed_"
		"s\":1.5,"
		"\"failed\":0,\"cells\":[]}\n",
		what->rounds, visit);
	if (fclose(file))
		abort();
	gsl_rng_free(rng);
	snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
	return path;
}

/* A file of this text. */
static inline const char *synthetic_text(const char *text, size_t length, int *fd)
{
	static char path[64];

	*fd = memfd_create("synthetic", MFD_CLOEXEC);
	for (size_t done = 0; *fd >= 0 && done < length;) {
		ssize_t n = write(*fd, text + done, length - done);
		if (n <= 0)
			abort();
		done += (size_t)n;
	}
	if (*fd < 0)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
	return path;
}

/* Valgrind is fifty times slower: tests that count outcomes over many seeds leave that to it. */
static inline bool synthetic_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

#endif
