/* SPDX-License-Identifier: MIT */
/* page.h - the control page: all that toll and its toll-workers say to each other while a block is
 * measured. One memfd a block, made by toll, inherited by every worker.
 *
 * Who writes what stands beside each part. Turns hand themselves over: the schedule lies in `turn`,
 * and a peer that has played visit v wakes the peer of the same index of the worker of visit v + 1,
 * which runs on the same CPU. toll sleeps meanwhile; `done` counts the peers that have come to the
 * end. */
#ifndef PAGE_H
#define PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "../toll.h"
#include "page_counter.h"

#define PAGE_MAGIC 0x746f6c6c70616765ULL
enum {
	PAGE_VERSION = 6,
	PAGE_WORKERS = 16,
	PAGE_LANES = 16,
	PAGE_PEERS = TOLL_MOST_PEERS,
	PAGE_TURNS = 32768, /* visits of one schedule */
	PAGE_CYCLES = 2048, /* samples of a lane */
	PAGE_TEXT = 256
};

enum page_kind {
	PAGE_RUN,  /* play the pattern, keep the time as sample `index` */
	PAGE_WATCH /* read the clock for a while and count what is missing */
};

struct page_turn { /* toll, before the schedule starts */
	uint8_t lane, kind;
	uint16_t index;     /* where the lane's sample goes */
	uint32_t cycle_end; /* not 0: this turn ends cycle number cycle_end − 1 */
};

struct page_lane { /* toll: a worker, and which of its loops */
	uint32_t worker;
	uint32_t versus;   /* 1: the loop of the worker's second variant */
	uint64_t count[2]; /* operations not counted, then counted */
};

struct page_sample { /* the worker's timing peer */
	uint64_t ticks, operations;
	uint64_t at;   /* ticks at its end */
	uint64_t span; /* ticks in which they came; a pattern on a schedule: more than they took */
};

enum page_state { PAGE_STARTING, PAGE_READY, PAGE_FAILED, PAGE_LEFT };

struct page_peer {
	/* the peer before it on this CPU, or toll */
	_Alignas(TOLL_LINE) uint32_t go; /* visit to play + 1 */

	/* the peer itself */
	_Alignas(TOLL_LINE) int32_t pid; /* process or thread */
	uint32_t visits;                 /* played since `measuring` */
	uint64_t cpu_ns, wall_ns;        /* in them: its CPU time, and time altogether */
	uint64_t switches, involuntary, migrations, run_delay_ns;
	uint64_t gap_ns, gap_watch_ns, gap_most_ns;
	uint64_t lost, due; /* in them: messages that did not come, and all that should have */
	uint32_t stack_bytes, buffer_bytes;
	uint32_t run_delay_known;
	uint32_t left; /* it ends by itself */
};

struct page_worker {
	/* toll, before the worker is started */
	char variant[192], pattern[192];
	char versus[192]; /* a second variant whose loops run over the same ends; "" none */
	uint64_t size;
	uint64_t wait_amount; /* hybrid: ns to spin; epoll: idle descriptors */
	int32_t depth;        /* −1: the channel's own */
	uint32_t slots;       /* 0: the default */
	uint32_t wait;        /* enum toll_wait */
	uint32_t peers;
	int32_t cpu[PAGE_PEERS]; /* −1: do not bind */
	uint32_t copy, touch_all, threads, stamped;
	uint32_t policy, priority; /* as the kernel numbers them; SCHED_OTHER: as toll's own */
	uint32_t locked;
	uint64_t think_ns; /* before each counted operation */
	uint64_t seed;     /* of this worker's random offsets */

	/* the worker */
	uint32_t state;         /* enum page_state */
	char reason[PAGE_TEXT]; /* with PAGE_FAILED; the first failure wins */
	uint32_t reason_taken;
	uint64_t capacity;             /* messages its channel holds; 0: not asked */
	uint32_t attached, met, ended; /* barriers of its peers */
	uint32_t line_offset;          /* bytes, drawn */
	uint32_t timer;                /* the peer that takes the time */
	uint32_t fills;                /* of the pattern, for the pilot */
	uint32_t lap;                  /* slots of the variant's own; 0: it has none */
	double messages, bytes;        /* a counted operation moves; bytes over all its messages */
	uint32_t stuck;                /* peers that it had to kill, since they did not leave */
	double rate;                   /* operations a second that a schedule offers; 0: none */
	struct page_peer peer[PAGE_PEERS];
};

struct page {
	uint64_t magic;
	uint32_t version, bytes;
	/* toll */
	int32_t controller; /* its pid */
	int32_t event;      /* an eventfd the workers write to */
	uint32_t workers, peers;
	uint32_t measuring;  /* from now on count CPU time and disturbance */
	uint32_t begin;      /* visits begin … end − 1 are those of `turn` */
	uint64_t stop_ticks; /* end after the next whole cycle from here on; 0: never */
	double ticks_per_ns;

	_Alignas(TOLL_LINE) uint32_t end;  /* toll; then peer 0 at a cycle's end */
	uint32_t cycle;                    /* whole cycles peer 0 has come through; peer 0 */
	uint32_t cycle_waiters;            /* peers that sleep on it */
	_Alignas(TOLL_LINE) uint32_t done; /* peers that came to the end; all */
	uint32_t played;                   /* visits peer 0 has ended: a sign of life */

	/* in pages of its own: beside `done` and `played` the first worker's round trips took 0.9 %
	 * longer than those of its identical neighbours */
	_Alignas(4096) struct page_worker worker[PAGE_WORKERS];
	struct page_lane lane[PAGE_LANES];
	struct page_turn turn[PAGE_TURNS];
	struct page_sample sample[PAGE_LANES][PAGE_CYCLES];
	uint64_t histogram[PAGE_WORKERS][TOLL_HISTOGRAM];

	/* toll */
	uint32_t counting; /* the turns are counted, and no timing is taken from them */
	uint32_t counters;
	struct page_counter counter[PAGE_COUNTERS];
	struct page_counted counted[PAGE_WORKERS][PAGE_PEERS];
};

#endif
