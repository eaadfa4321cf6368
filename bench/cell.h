/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell.h - a cell: one point of the grid, and its key.
 *
 * The key names everything that makes two measurements comparable or not:
 *   VARIANT/PATTERN/PLACEMENT/SIZE/WAIT[/NAME=VALUE…]
 *   pipe/pingpong/same-cpu/64/block
 *   ring:layout=slot/stream/shared-l3/4K/spin/depth=4/copy=on
 *   pipe/pipeline:stages=4/spread/64/block/peers=4/idle=awake
 * A placement said outright by --cpus is written with its CPUs: pipe/pingpong/cpus:2,5/64/block
 * The trailing names come in this order, each only where it differs from its default:
 *   peers depth idle copy touch threads sched mlock think replica */
#ifndef CELL_H
#define CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CELL_MOST_PEERS = 16, CELL_NAME = 32, CELL_OPTIONS = 96, CELL_KEY = 512 };

enum cell_wait {
	WAIT_SPIN,
	WAIT_PAUSE,
	WAIT_YIELD,
	WAIT_BLOCK,
	WAIT_POLL,
	WAIT_HYBRID,
	WAIT_EPOLL,
	WAIT_COUNT
};
enum cell_idle { IDLE_NONE, IDLE_AWAKE, IDLE_SLEEP };
/* POLICY_OTHER: the peers are scheduled as toll itself is */
enum cell_policy { POLICY_OTHER, POLICY_BATCH, POLICY_IDLE, POLICY_RR, POLICY_FIFO, POLICY_COUNT };
/* 99 is for what ends realtime peers that hang */
enum { CELL_MOST_PRIORITY = 98 };
/* a turn has some, and one that takes 5 s is taken for hanging */
enum { CELL_MOST_THINK_NS = 100000000 };

struct cell {
	unsigned id; /* its place in the plan, from 0 */
	char mechanism[CELL_NAME];
	char options[CELL_OPTIONS]; /* "layout=slot,bytes=4K"; "" when none were given */
	char pattern[CELL_NAME];
	char pattern_options[CELL_OPTIONS];
	char placement[CELL_NAME]; /* a placement's name, or "cpus" when --cpus said it outright */
	unsigned peers; /* 0 in a parsed key that does not name them: the pattern's own */
	int cpus[CELL_MOST_PEERS]; /* the CPU (as the system numbers it) of each peer */
	uint64_t size;             /* bytes handed to reserve, toll's header included */
	int depth; /* messages in flight asked for with --depth; -1: the channel's own */
	enum cell_wait wait;
	uint64_t wait_amount; /* WAIT_HYBRID: ns to spin before sleeping; WAIT_EPOLL: descriptors
				 beside that never get ready */
	enum cell_idle idle;  /* sleeping waits across CPUs only */
	bool peers_named;     /* they differ from the pattern's own count, so the key says them */
	bool copy;            /* in-place mechanisms copy in and out as well */
	bool touch_all;       /* the whole payload is written and read (default), else the header */
	bool threads;         /* the peers are threads of one process */
	enum cell_policy policy;
	unsigned priority; /* POLICY_RR, POLICY_FIFO: 1 … CELL_MOST_PRIORITY; else 0 */
	bool mlock;        /* the peers hold all their memory: mlockall(2) */
	uint64_t think_ns; /* before each operation, beside its time */
	unsigned replica;  /* tells identical cells apart (A/A); 0 for the first */

	/* learnt from toll-worker --examine, and decided by the plan */
	unsigned slots;  /* depth the channel is opened with */
	uint64_t memory; /* bytes of shared memory a worker of it maps */
	bool sequential; /* measured one after the other, not side by side */
};

/* The cell's key into buffer (CELL_KEY bytes suffice for every valid cell); returns buffer. */
char *cell_key(const struct cell *cell, char *buffer, size_t bytes);
/* The key without its size: what a curve over sizes has in common. */
char *cell_key_without_size(const struct cell *cell, char *buffer, size_t bytes);
/* What one block compares: pattern, placement, CPUs, size, wait class, idle, peers, touch, depth,
 * threads, scheduling, mlock, think; the same text for cells that may be ranked against each other.
 * Not copy: what copies anyway has to be compared with what is told to. */
char *cell_group(const struct cell *cell, char *buffer, size_t bytes);
/* The group whatever the size: cells of one family are the points of curves that may be compared.
 */
char *cell_family(const struct cell *cell, char *buffer, size_t bytes);
/* "ring:layout=slot" */
char *cell_variant(const struct cell *cell, char *buffer, size_t bytes);
/* The same for people, who see others of its group beside it: "ring:layout=slot, copied" */
char *cell_label(const struct cell *cell, char *buffer, size_t bytes);
/* Reads a key; CPUs stay unset but for a placement "cpus:2,5", whose peers are then counted.
 * 0, or -1 with *why set to what is wrong (static text). */
int cell_parse(struct cell *cell, const char *key, const char **why);

/* "block", "hybrid:20us", "epoll:100" */
char *cell_wait_text(const struct cell *cell, char *buffer, size_t bytes);
/* Reads "spin" … "hybrid:20us", "epoll", "epoll:100" into wait and its amount; 0 or -1. */
int cell_wait_parse(const char *text, enum cell_wait *wait, uint64_t *amount);
/* "other", "fifo:50" */
char *cell_sched_text(const struct cell *cell, char *buffer, size_t bytes);
/* Reads "other", "batch", "idle", "rr:10", "fifo:50" into policy and priority; 0 or -1. */
int cell_sched_parse(const char *text, enum cell_policy *policy, unsigned *priority);
/* "10us" */
char *cell_think_text(const struct cell *cell, char *buffer, size_t bytes);
/* The peers run before all that is not realtime. */
static inline bool cell_is_realtime(const struct cell *cell)
{
	return cell->policy == POLICY_RR || cell->policy == POLICY_FIFO;
}
/* spin, pause and yield spin; block, poll, hybrid and epoll sleep. Classes are never ranked
 * together. */
static inline bool cell_spins(const struct cell *cell)
{
	return cell->wait <= WAIT_YIELD;
}
/* true when two peers share a CPU */
bool cell_shares_cpu(const struct cell *cell);

/* Sizes with K, M, G (powers of two), times with ns us ms s m h. 0, or -1 when text is neither. */
int cell_parse_size(const char *text, uint64_t *bytes);
int cell_parse_time_ns(const char *text, uint64_t *ns);
/* 4096 → "4K", 100 → "100"; reads back to the same number. */
char *cell_size_text(uint64_t bytes, char *buffer, size_t room);

/* The cell in which one peer plays both ends of what another cell's peers do. */
struct cell cell_self(const struct cell *cell);
/* How many CPUs its peers have. */
unsigned cell_cpus(const struct cell *cell);

#endif
