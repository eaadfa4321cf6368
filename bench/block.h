/* SPDX-License-Identifier: GPL-3.0-or-later */
/* block.h - one block visit: workers started, fitted, played side by side turn by turn, and ended.
 *
 * No controller in the loop: turns are handed from peer to peer on the same CPU, every worker has
 * one in each cycle, in random order. */
#ifndef BLOCK_H
#define BLOCK_H

#include <jansson.h>

#include "../analysis/state.h"
#include "counters.h"
#include "registry.h"

struct block_options {
	const struct registry *registry;
	/* each cell's own, for toll-worker programs side by side; NULL: registry for all */
	const struct registry *const *registries;
	double ticks_per_ns;
	uint64_t seed;   /* of the order and of each worker's random offsets */
	unsigned cycles; /* visits of each worker; with `turns` at most BLOCK_MOST_CYCLES turns */
	unsigned turns;  /* of a visit, in a row; 0: one */
	double turn_ns;  /* counted time of a turn the pilot aims at */
	double seconds;  /* time for all turns, looked at when a cycle ends; 0: none */
	unsigned long
		operations;      /* counted in a turn; 0: the pilot fits them, variant by variant */
	unsigned long uncounted; /* at a turn's start; 0: as many as the pilot knows to need */
	bool held;               /* `seconds` end it also where `operations` are given */
	const struct counters *counters; /* count, and do not time; NULL: the other way round */
	unsigned long most_operations;   /* that the pilot lets a turn have; 0: any */
	bool canary; /* measure one line's round trip meanwhile (two CPUs or more) */
	bool tails;  /* stamp each operation */
	/* called when all is ready to start, with the peers' ids (of processes or threads); may be
	 * NULL */
	void (*started)(const int pids[], size_t count, void *context);
	void *context;
};

/* a line's round trip beyond which a host is in its far state: 20 to 57 and 100 to 240 were seen */
#define BLOCK_FAR_NS 80.0

enum { BLOCK_MOST_CELLS = 15, BLOCK_MOST_CYCLES = 2048 };

enum block_state {
	BLOCK_OK,
	BLOCK_FAILED, /* this worker failed; reason says why */
	BLOCK_BROKEN  /* it was fine, but another's failure ended the visit early */
};

struct block_disturbance { /* NaN: not known */
	double run_delay_ns, switches, involuntary, migrations;
	double gap_ns, gap_watch_ns, gap_most_ns, steal_ns;
};

struct outcome { /* of one worker; free with outcome_free() */
	enum block_state state;
	char reason[256];
	unsigned long operations, uncounted, capacity;
	size_t turns;
	double *batch_ns;  /* per counted operation, in the order they were played */
	double *versus_ns; /* the same for the second variant's loop, or NULL */
	double canary_ns;  /* NaN: none */
	unsigned peers;
	double cpu_ns[CELL_MOST_PEERS]; /* per message */
	struct block_disturbance disturbance[CELL_MOST_PEERS];
	unsigned environment_bytes, stack_bytes, buffer_bytes, line_offset;
	unsigned stuck;   /* peers that had to be killed, since they did not leave */
	double lost, due; /* messages that did not come, of those that should have */
	bool settled;
	/* with options.counters: of each peer each counter, peer by peer; operations of all turns,
	 * those not timed included */
	struct tally *tallies;
	double counted;
	double offered_per_s, achieved_per_s; /* of a pattern on a schedule, else NaN */
	json_t *histogram;                    /* reports/schema.md, or NULL */
};

/* Measures n cells side by side. versus[i], when versus is given and versus[i] not NULL, is a
 * second variant whose loops play over the same ends in turns of their own. 0: outcomes are there
 * (each with its state); −1 after say_error(): nothing could be started; 1: interrupted
 * (block_interrupt()). */
int block_run(const struct block_options *options, const struct cell *const cells[],
	      const char *const versus[], unsigned n, struct outcome outcomes[]);
void outcome_free(struct outcome *outcome);
/* A worker's value: the median over turns of ln ns; NaN when memory runs out. */
double outcome_value(const struct outcome *outcome);
/* The host's state while it was measured, by its canary. */
enum host_state outcome_state(const struct outcome *outcome);

/* Turns that a worker of a pair plays: more where one CPU spins for another, whose turns differ
 * more. */
unsigned block_pair_cycles(const struct cell *const cells[], unsigned n);
/* Seconds of CLOCK_MONOTONIC. */
double block_now_s(void);

/* Catches SIGINT, SIGTERM and SIGHUP from now on, but those that are ignored (nohup); they end the
 * visit under way. */
void block_catch_signals(void);
/* From now on they end toll at once; one that has come already does not. */
void block_release_signals(void);
/* The signal that came, 0 when none has. */
int block_signal(void);

/* The clock of the samples: what toll_ticks() in toll-worker reads. */
uint64_t block_ticks(void);
/* Ticks per ns, median cost of one reading and least step, measured for about 50 ms. */
void block_clock(double *ticks_per_ns, double *cost_ns, double *step_ns);
const char *block_clock_source(void);

#endif
