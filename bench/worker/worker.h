/* SPDX-License-Identifier: MIT */
/* worker.h - what the files of toll-worker share. */
#ifndef WORKER_H
#define WORKER_H

#include <stdio.h>
#include <sys/types.h>

#include "page.h"
#include "random.h"

/* ---- registry.c: mechanisms and patterns, as registered ---- */

struct toll_values {
	unsigned count;
	struct toll_value {
		char name[32], value[96];
		bool given;
	} value[24];
};

struct unit_binding {
	struct toll_pattern pattern;
	const struct toll_option *options; /* of the pattern, stride option_bytes */
	const struct toll_instance *instances;
	unsigned count, instance_bytes;
};

struct unit { /* a registered constant, in this program's shape */
	struct toll_mechanism mechanism;
	size_t end_bytes, option_bytes;
	struct unit_binding *bindings;
	unsigned count;
	const char *from; /* "built in", or the plug-in's path */
	struct unit *next;
};

struct unit *units(void); /* in order of registration, by name */
/* The i-th option, NULL behind the last. */
const struct toll_option *option_at(const struct toll_option *options, size_t stride, unsigned i);
const struct toll_option *harness_options(void); /* instances=, memory=, home= */
static inline bool uses_harness_memory(const struct toll_mechanism *mechanism)
{
	return mechanism->in_place && !mechanism->own_memory;
}

/* That cross in one operation. */
static inline double pattern_messages(const struct toll_pattern *pattern, unsigned peers)
{
	unsigned pairs = peers / 2;

	return pattern->pairs ? pattern->messages * pairs : pattern->messages;
}

/* Loads a plug-in; false with the reason in why. */
bool registry_load(const char *path, char *why, size_t bytes);

/* A variant and a pattern, found and read: which constant, which options, which loop. */
struct choice {
	const struct unit *unit;
	const struct unit_binding *binding;
	struct toll_values values, pattern_values;
};
struct wish {
	const char *variant, *pattern;
	enum toll_wait wait;
	uint64_t size;
	int depth;
	unsigned slots, peers;
	unsigned idle_descriptors; /* with TOLL_WAIT_EPOLL */
	bool copy, threads, stamped;
	bool header_only; /* touch: none of the payload */
	int policy;       /* SCHED_OTHER: as toll is */
	unsigned priority;
	bool locked; /* in memory, all that a peer maps */
	bool thinks; /* before each operation */
};
/* false with a reason for people in why. */
bool registry_choose(const struct wish *wish, struct choice *choice, char *why, size_t bytes);
/* The compiled loop for a wish; NULL when the plug-in lacks it. */
bool (*registry_loop(const struct choice *choice, const struct wish *wish))(struct toll_peer *);

extern const char *const wait_names[TOLL_WAIT_COUNT];
/* Bits of all waits that a mechanism offers. */
unsigned waits_of(const struct toll_mechanism *mechanism);

const char *values_get(const struct toll_values *values, const char *name);
bool values_given(const struct toll_values *values, const char *name); /* rather than by default */
bool parse_size(const char *text, uint64_t *bytes);
bool parse_ns(const char *text, uint64_t *ns);

/* ---- describe.c ---- */

int describe(FILE *out);          /* toll-worker --describe */
int examine(FILE *in, FILE *out); /* toll-worker --examine */

/* ---- memo.c: what has been answered before ---- */

enum { MEMO_QUESTION = 4096 }; /* bytes that the longest question takes */
/* Where the answer to a question stands: NULL before it is first put there. NULL: no memory. */
char **memo_of(const char *question);
/* "what" about a channel of a mechanism that is not there yet, in words. */
void memo_question(char room[MEMO_QUESTION], const struct toll_mechanism *m,
		   const struct toll_channel *channel, const char *what);

/* ---- channel.c: a cell's channels, ends and ports ---- */

enum { MOST_CHANNELS = TOLL_MOST_EDGES * 2, MOST_INSTANCES = 96 };

struct channel { /* one edge, or a pair's share of it, in all its instances */
	const struct toll_mechanism *mechanism;
	struct toll_channel instance[MOST_INSTANCES];
	unsigned instances, opened;
	uint32_t producers, consumers; /* bits of peers */
	bool both;
	bool credit_edge;
	struct toll_credit *credit; /* a line each way */
	uint64_t producer_id;       /* of its first producer, as in the header */
};

struct layout { /* all a worker maps */
	struct choice choice;
	struct wish wish;
	struct channel *channel;
	unsigned channels;
	struct toll_peer *peer;
	char *shared; /* what mechanisms asked for */
	size_t shared_bytes;
	char *ends; /* ends, ports, peers, bells */
	size_t ends_bytes;
	unsigned slots, instances;
	size_t end_stride;
	size_t apart; /* bytes from channel to channel, each on pages of its own; 0: on the same */
};

/* What depends on mechanism and pattern alone: true, or false with why. Fills slots, and memory:
 * what is shared and what all peers have for themselves, bytes. */
bool layout_plan(struct layout *layout, const struct wish *wish, size_t *memory, char *why,
		 size_t bytes);
/* Kernel threads that a planned layout keeps busy beside its peers. */
unsigned layout_helpers(const struct layout *layout);
/* Maps memory, opens channels; cpu: of each peer, −1: not bound. false with why; then
 * layout_close() still has to be called. */
bool layout_open(struct layout *layout, const int32_t cpu[], uint64_t seed, uint32_t *line_offset,
		 char *why, size_t bytes);
void layout_close(struct layout *layout);
/* In the peer: attaches its ends, builds its ports. false with why. private memory stays mapped. */
bool layout_attach(struct layout *layout, unsigned peer, bool touch_all, uint64_t seed,
		   uint32_t *buffer_offset, char *why, size_t bytes);
bool layout_meet(struct layout *layout, unsigned peer, char *why, size_t bytes);
/* Between turns: each port takes its next instance. */
void layout_rotate(struct toll_peer *peer);
/* How its channels look to a mechanism; a mechanism may be asked about one before it is opened. */
struct toll_channel layout_proto(const struct layout *layout);
const char *layout_memory(const struct layout *layout); /* memory= */
/* Private memory that stays until the peer ends, begun at a random line of its page; NULL: none. */
void *layout_private(size_t bytes, uint64_t *seed, uint32_t *offset);

/* ---- trial.c: a channel that no pattern plays on, to try a mechanism with ---- */

enum { TRIAL_ENDS = 3 };
struct trial {
	const struct toll_mechanism *mechanism;
	struct toll_channel channel; /* what attach() and meet() are told of it */
	size_t shared_bytes, ends_bytes, private_bytes;
	char *ends;
	bool opened;
	bool patient; /* kernel threads may still be at it when a verb says "not yet" */
	int error;    /* errno of the first verb that said more than EAGAIN; the caller clears it */
	struct trial_end {
		struct toll_end *end;
		void *buf;
		bool begun, committed; /* of a message that has not gone */
	} end[TRIAL_ENDS];
};
/* Maps memory and opens a channel. false with errno; trial_close() is due in both cases. */
bool trial_open(struct trial *trial, const struct unit *unit, const struct toll_channel *like,
		const char *memory);
/* In the process that plays the end; with like->threads it may play all. false with errno. */
bool trial_attach(struct trial *trial, unsigned end, enum toll_side side, unsigned index);
bool trial_meet(struct trial *trial, unsigned end);
void trial_close(struct trial *trial);
/* Sends a message, filled as toll_fill() does; false: it says "not yet" for good, or for so many
 * ns. Part of it may have gone: only the same may be sent next. */
bool trial_send(struct trial *trial, unsigned end, size_t len, uint64_t number, unsigned how,
		uint64_t within_ns);
/* As the verb peek(), but NULL is for good, or for so many ns. */
const void *trial_peek(struct trial *trial, unsigned end, size_t *len, uint64_t within_ns);
void trial_release(struct trial *trial, unsigned end);
/* What a verb's hard failure does where no peer's cell is to be ended; else the process ends. */
extern void (*trial_on_failure)(const char *what, int error);
_Noreturn void trial_failed(const char *what, int error);

/* Messages a channel of this mechanism holds, by filling one of its own, up to most; 0: not even
 * one at once; −1 with why. What it opens stays open: for a child. */
int64_t layout_capacity(const struct layout *layout, int64_t most, char *why, size_t bytes);

/* ---- probe.c ---- */

int probe(FILE *in, FILE *out); /* toll-worker --probe */

/* ---- memory.c: what channels' memory is made of, and where it lies ---- */

size_t memory_page(const char *kind); /* kind: memory=; bytes of a page of it */
/* Whether there is so much of it, whole pages; false with why. */
bool memory_plan(const char *kind, size_t bytes, char *why, size_t room);
/* What gives more of it: settings, for who reads that there is no room. */
const char *memory_more(const char *kind);
/* Mapped, zero, no page touched yet; MAP_FAILED with errno. munmap() ends it, whatever its kind. */
char *memory_map(const char *kind, size_t bytes);
int memory_touch(char *at, size_t bytes); /* brings in its pages. 0, or −1 with errno */
unsigned memory_nodes(void);              /* NUMA nodes that have memory */
bool memory_home_plan(const char *home, char *why, size_t room); /* home=; false with why */
/* The node that home= names for a channel between these CPUs; −1: none, they are not bound. */
int memory_node(const char *home, int producer_cpu, int consumer_cpu);
/* Where the pages will come from, before they are touched. 0, or −1 with errno. */
int memory_place(char *at, size_t bytes, int node);

/* ---- peer.c: a peer's life ---- */

struct counting; /* counters.c */
struct harness { /* peer->harness: its own, and what the supervisor shares */
	struct page *page;
	struct page_worker *worker;
	struct page_peer *self;
	struct layout *layout;
	struct toll_peer *peer;
	bool (*loop[2])(struct toll_peer *);
	bool timer;
	bool lossy;
	bool shares_cpu;     /* two of its cell's peers do */
	uint64_t timed_from; /* think time: its CPU time where the counted operations began */
	bool again;          /* waits for each message of a channel that may drop it */
	int supervisor;      /* thread id, for SIGUSR1 when a thread leaves */
	uint64_t seed;
	bool epoll;    /* epoll_open() has begun: */
	int epoll_any; /* the instance of all inputs, −1: none */
	int *idle;     /* descriptors that never get ready */
	unsigned idle_count;
	struct counting *counting; /* NULL: this visit is timed */
	struct page_counted *counted;
};
/* Attaches, meets, plays turns until told to leave. Ends the process (or thread) on failure. */
void peer_live(struct harness *harness);
/* Takes part in the page's failure report: the first reason wins. */
void worker_failed(struct page *page, struct page_worker *worker, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void worker_event(const struct page *page);
void peer_signals(void); /* SIGRTMAX's handler */

/* ---- sched.c: how peers are scheduled, and whether they hold their memory ---- */

/* "fifo:50" of a cell's key into a wish; false when it is none. */
bool sched_read(const char *text, struct wish *wish);
/* Whether this process may; memory: bytes that a peer maps beside its own. false with why. */
bool sched_plan(const struct wish *wish, size_t memory, char *why, size_t bytes);
/* Who is to end realtime peers runs before them. Nothing for others. false with why. */
bool sched_above(const struct wish *wish, char *why, size_t bytes);
/* The peer itself: its policy, before it makes threads; then, when all is mapped, mlockall(). false
 * with why. */
bool sched_take(const struct wish *wish, char *why, size_t bytes);
bool sched_lock(const struct wish *wish, char *why, size_t bytes);

/* ---- epoll.c: the wait of that name ---- */

/* Whether this process may have all the descriptors; false with why. After channels are laid out.
 */
bool epoll_fits(const struct layout *layout, char *why, size_t bytes);
void epoll_raise_limit(void); /* of descriptors, as far as it goes; before peers are started */
/* After layout_meet(). false with why; epoll_close() is due in both cases. */
bool epoll_open(struct harness *harness, char *why, size_t bytes);
void epoll_close(struct harness *harness);
/* Until the port's descriptor is ready, one of the peer's inputs is, or a signal comes. */
void epoll_sleep(const struct toll_port *port);
void epoll_sleep_any(const struct toll_peer *peer);

/* ---- counters.c: what the kernel and the processor count, in a counted visit ---- */

/* In the peer, before it makes threads, which are counted with it: opens what the page asks for.
 * What cannot be counted has its errno in the page. */
void counting_open(struct harness *harness);
/* Around a turn; nothing where the visit is timed. */
void counting_begin(struct harness *harness);
void counting_end(struct harness *harness, uint64_t operations);
void counting_close(struct harness *harness);

/* ---- supervise.c ---- */

int supervise(int page_fd, unsigned slot);

int toll_journal_done(void); /* journal.c: at a clean end */

#endif
