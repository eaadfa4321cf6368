/* SPDX-License-Identifier: MIT */
/* toll.h - the one header that a mechanism or a pattern includes.
 *
 * A mechanism is a way to move a message (mechanisms/NAME.c): it fills in a constant
 * struct toll_mechanism and ends with TOLL_MECHANISM(...). A pattern is a choreography of peers
 * over channels (bench/patterns/NAME.h): an always-inline function of that constant. TOLL_MECHANISM
 * compiles every pattern inside the mechanism's file, so the compiler reads the pointers and
 * inlines the verbs: no measured loop holds an indirect call, and there is one source of each loop.
 *
 * The same file is linked into toll-worker or built as a shared object and loaded with -m:
 *
 *     cc -shared -fPIC $(pkg-config --cflags toll) -o mine.so mine.c
 *
 * ABI 1 is frozen: everything shared between program and plug-in only grows at its end and carries
 * its size; tests/unit/test_abi.c holds it to that. */
#ifndef TOLL_H
#define TOLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TOLL_ABI 1u

enum {
	TOLL_MOST_PEERS = 16,
	TOLL_LINE = 128, /* fields of two writers lie this far apart: a line and its neighbour,
			  * which the adjacent-line prefetcher fetches with it */
	TOLL_HEADER = 8, /* bytes of a message that are toll's: see toll_header() */
};

/* The hot path: verbs, patterns and what they call. Write `static TOLL_HOT bool pipe_commit(…)`. */
#define TOLL_HOT inline __attribute__((always_inline, unused))
/* What a verb does beside: parts that enter the kernel, which hides the call; a copy of them in
 * each of hundreds of loops would take the compiler half a minute. `static TOLL_CALLED bool
 * pipe_more(…)` */
#define TOLL_CALLED __attribute__((noinline, unused))
/* The compiled loops, kept apart under their names so that a test can look at their code. */
#define TOLL_LOOP __attribute__((noinline, used))
#define TOLL_LIKELY(x) __builtin_expect(!!(x), 1)
#define TOLL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define TOLL_EXPORT __attribute__((visibility("default")))

/* ---- words shared by all -------------------------------------------------------------------- */

/* One end of a channel moves messages with five verbs. Every verb tries once and may say "not yet"
 * for no reason. With TOLL_SLEEP it may first sleep, and says "not yet" when a signal interrupts it
 * (a call that cannot be interrupted sleeps at most 10 ms at a time). That one rule gives
 * time-outs, stopping and dead peers to all mechanisms. No verb knows time. */
enum {
	TOLL_SLEEP = 1, /* this call may sleep */
	TOLL_WAKE = 2   /* the other end may be asleep: wake it */
};
enum toll_side { TOLL_PRODUCER = 1, TOLL_CONSUMER = 2, TOLL_BOTH = 3 };
enum toll_memory { TOLL_SHARED = 1, TOLL_PRIVATE = 2 };

/* How an end waits. The first three spin, the others sleep; the two classes are compiled apart. */
enum toll_wait {
	TOLL_WAIT_SPIN,
	TOLL_WAIT_PAUSE,  /* spin with the CPU's pause instruction */
	TOLL_WAIT_YIELD,  /* spin with sched_yield() */
	TOLL_WAIT_BLOCK,  /* the verb's own system call sleeps */
	TOLL_WAIT_POLL,   /* poll() on the descriptor, then try */
	TOLL_WAIT_HYBRID, /* spin for a time, then as block */
	TOLL_WAIT_EPOLL,  /* epoll_wait(), the descriptor and idle ones registered; then try */
	TOLL_WAIT_COUNT
};
#define TOLL_SPIN (1u << TOLL_WAIT_SPIN)
#define TOLL_PAUSE (1u << TOLL_WAIT_PAUSE)
#define TOLL_YIELD (1u << TOLL_WAIT_YIELD)
#define TOLL_BLOCK (1u << TOLL_WAIT_BLOCK)
#define TOLL_HYBRID (1u << TOLL_WAIT_HYBRID)
#define TOLL_SPINNING (TOLL_SPIN | TOLL_PAUSE | TOLL_YIELD)
#define TOLL_ANY_WAIT                                                                              \
	(TOLL_SPINNING | TOLL_BLOCK | TOLL_HYBRID) /* poll and epoll follow from descriptor        \
						    */

/* Why toll_reserve, toll_commit, toll_peek and toll_peek_any gave up: port->why. */
enum toll_why {
	TOLL_NOTHING,
	TOLL_DEADLINE, /* peer->deadline passed; the port is still good */
	TOLL_DEAD,     /* another peer died: peer->dead says which */
	TOLL_STOP      /* the run is being ended */
};

struct toll_shared; /* what all ends of a channel share, and what one end keeps to */
struct toll_end;    /* itself: each mechanism's file defines its own two */
struct toll_values;

/* An option of a mechanism or a pattern. The last of a list has no name. */
struct toll_option {
	const char *name;
	const char *value;  /* its default */
	const char *values; /* what it takes, for people: "slot, shared-line", "4K … 1M" */
	const char *about;
};

struct toll_channel {               /* made by the harness, the same in all peers */
	struct toll_shared *shared; /* zeroed, same address in every peer; numbers of kernel objects
				       live here */
	const struct toll_values
		*values; /* the options: toll_value(channel, "bytes"), for every cold function */
	size_t most;     /* longest message of this cell, bytes */
	unsigned depth;  /* messages in flight it must hold; the plan bounds it by memory */
	unsigned producers, consumers;
	enum toll_wait wait;
	bool threads; /* ends share an address space */
};

struct toll_mechanism {
	unsigned abi, size; /* TOLL_MECHANISM fills these in */
	const char *name, *about;
	const char *when; /* option values this constant stands for ("layout=slot"): an option that
			   * changes the loop is a constant of its own, the first the default; what
			   * it is about may stand in .options; NULL: none */
	const struct toll_option *options; /* the others */
	unsigned waits;                    /* bits; poll and epoll follow from descriptor */
	unsigned producers,
		consumers;   /* most of each; beyond, the harness makes a channel a pair. 0: any */
	unsigned most_depth; /* 0: any; futex and mailbox: 1 */
	bool in_place;       /* reserve() and peek() point into shared memory */
	bool bytes_only;     /* no boundaries: peek() gives what was asked */
	bool duplex;    /* one object both ways, attach(…, TOLL_BOTH), for patterns that strictly
			 * alternate: commit passes the turn, release stores nothing */
	bool both;      /* this constant serves TOLL_BOTH only; a twin of the same name one-way */
	bool to_all;    /* each consumer gets each message; else one of them does */
	bool slots;     /* holds exactly depth messages itself */
	bool lossy;     /* may drop, and never waits for room: gaps are counted beside every
			 * figure, not void. With slots it keeps the newest, so the last message
			 * always arrives; without, it drops what does not fit, and the harness
			 * sends again what somebody waits for */
	bool self_only; /* no synchronisation at all: one peer plays both ends (null) */

	/* Cold: 0, or −1 with errno. Order: absent, most_bytes, bytes, (memory mapped), open, fork,
	 * attach of all, meet, gate, close. May be NULL: absent … open, meet … close. */
	const char *(*absent)(
		const struct toll_channel *); /* why not here, with this wait and options */
	size_t (*most_bytes)(const struct toll_channel *); /* longest message this machine allows */
	size_t (*bytes)(const struct toll_channel *,
			enum toll_memory);  /* shared or private memory wanted */
	int (*open)(struct toll_channel *); /* in the worker, before any peer */
	int (*attach)(struct toll_end *, const struct toll_channel *, enum toll_side,
		      unsigned index, void *buf); /* buf: the private memory asked for */
	int (*meet)(struct toll_end *,
		    const struct toll_channel *); /* after ALL ends have attached */
	int (*descriptor)(const struct toll_end *, enum toll_side); /* what poll() would watch */
	int (*pass)(struct toll_end *, int fd);                     /* send a descriptor */
	int (*take)(struct toll_end *);                             /* receive one */
	void (*close)(struct toll_channel *); /* in the worker, even when a peer died */

	/* Hot: true, or not NULL, is done; hard failures end the cell through toll_fail("write").
	 */
	void *(*reserve)(struct toll_end *, size_t len, unsigned how); /* room for a message */
	bool (*commit)(struct toll_end *, size_t len,
		       unsigned how); /* send; false: call again, progress is kept */
	bool (*flush)(struct toll_end *, unsigned how); /* optional: commits may have queued */
	const void *(*peek)(struct toll_end *, size_t *len,
			    unsigned how); /* in: bytes wanted, out: bytes there, unchanged
					    * when NULL; bytes_only may ask for more */
	void (*release)(struct toll_end *, unsigned how); /* give its room back */

	const char *raise; /* how to raise what most_bytes() says ("sysctl kernel.msgmax"); NULL:
			    * nothing does */
	bool reads_room;   /* room comes as something to read: a producer polls its descriptor for
			    * POLLIN, not POLLOUT (eventfd, signalfd) */
	bool own_memory;   /* in_place, but in memory that it makes itself: the harness's memory=,
			    * home= and instances= are not for it */
	bool peek_sends;   /* peek() of an end both ways sends what commit() has queued: who asks
			    * and then waits for the answer calls no flush() between */
	/* kernel threads that each end keeps busy beside its peer (SQPOLL); NULL: none. They want
	 * CPUs of their own where time is measured */
	unsigned (*helpers)(const struct toll_channel *);
	bool one_way; /* a twin of the same name, for both ways, plays the patterns of peers that
		       * alternate: no such loop is compiled for this constant */
};

/* Value of an option as text, never NULL for one that the mechanism declares. */
TOLL_EXPORT const char *toll_value(const struct toll_channel *channel, const char *name);
/* The same as bytes or a count (K, M, G are powers of two). The harness has checked that it is one
 * when the option's default is. */
TOLL_EXPORT uint64_t toll_value_size(const struct toll_channel *channel, const char *name);
/* Ends the cell: WHAT and errno become the reason in the result. For the hot path's hard failures.
 */
TOLL_EXPORT _Noreturn void toll_fail(const char *what);
/* Call BEFORE a kernel object is made that outlives its processes, so that the next run can sweep
 * it. kind: "shm", "mqueue" (names, "/toll-…"), "sysv-shm", "sysv-msg", "sysv-sem" (key in hex; a
 * random one with IPC_EXCL, never IPC_PRIVATE), "file" (absolute path, its last part "toll-…"). 0,
 * or −1 with errno: then do not make the object. */
TOLL_EXPORT int toll_journal(const char *kind, const char *id);

/* ---- futex, for those who need it ----------------------------------------------------------- */

/* Sleeps while *word == value; returns on a wake-up, a change or a signal. */
TOLL_EXPORT void toll_futex_wait(const uint32_t *word, uint32_t value);
TOLL_EXPORT void toll_futex_wake(const uint32_t *word, int most);

/* ---- ports: a peer's ends, as a pattern sees them -------------------------------------------- */

struct toll_peer;

/* A credit edge (--depth N on a channel that does not count messages itself): messages the consumer
 * has given back, on a line of its own. One writer: the consumer. */
struct toll_credit {
	uint32_t returned;
	uint32_t enough; /* lossy: times a consumer has had its fill of a turn; the consumers */
};

struct toll_port {
	_Alignas(TOLL_LINE) struct toll_end *end; /* of the instance in turn */
	char *first, *limit; /* ends of all instances; limit NULL: there is one */
	size_t stride;       /* bytes to the next instance's end; 0: stay */
	struct toll_peer *peer;
	uint64_t sequence; /* header of the next message: number, producer in bits 48–59 */
	uint64_t producer; /* these bits alone */
	size_t len;        /* a message of this cell, bytes */
	size_t touched;    /* its bytes that are written and read */
	unsigned sleep;    /* TOLL_SLEEP when the first call may sleep (block), else 0 */
	enum toll_why why;
	enum toll_side side;
	int descriptor; /* −1: none */
	void *copy;     /* private memory, with --copy */
	uint32_t *bell; /* rung after commit for a consumer with many inputs and no descriptors */
	struct toll_credit *credit;
	uint32_t depth,
		quarter; /* credit: messages in flight, and how many are given back together */
	uint32_t moved, known; /* credit: messages moved, and known or told to be given back */
	uint64_t *sequences;   /* of each producer, where one channel has several */
	uint64_t lost;         /* gaps seen (lossy mechanisms) */
	size_t room;        /* bytes from one instance's end to the next's, and all instances of */
	unsigned instances; /* them; used between turns */
	struct toll_port *original; /* this port, or that of which a loop holds a copy */
	int epoll;                  /* with the wait of that name: its instance, else −1 */
	union {
		uint64_t spare[6];        /* ports lie in arrays: their size never changes */
		struct {                  /* of lossy mechanisms */
			uint32_t *enough; /* in the channel's credit */
			uint32_t goal;    /* its value when this turn ends */
			uint32_t readers; /* it grows by in each turn */
			uint64_t sent;    /* header of the last message sent */
			size_t sent_len;  /* its length; 0: none was sent */
			uint32_t burst, unyielded; /* messages before it yields; 0: never */
		};
	};
};
_Static_assert(sizeof(struct toll_port) == 2UL * TOLL_LINE, "frozen with ABI 1");

enum { TOLL_HISTOGRAM_STEPS = 128, TOLL_HISTOGRAM = 48 * TOLL_HISTOGRAM_STEPS };

struct toll_peer {
	unsigned size; /* of this struct: it only grows */
	unsigned index, peers;
	uint32_t pace;     /* bits TOLL_PACE_…, set by signals and the supervisor */
	uint64_t count[2]; /* operations of this turn: not counted, then counted */
	uint64_t counted;  /* set by a pattern whose timed operations are not count[1] */
	uint64_t lap[2];   /* the last two readings of toll_lap() */
	uint64_t deadline; /* ticks; 0: none */
	unsigned ins, outs;
	struct toll_port *in, *out;
	uint64_t option[8]; /* a pattern's own numbers, set in its prepare() */
	const struct toll_values *values;
	uint64_t *histogram; /* TOLL_HISTOGRAM counts, of the loops of tail mode */
	uint32_t dead;       /* which peer died, with TOLL_DEAD */
	uint64_t hybrid_ticks;
	enum toll_wait wait;
	uint32_t *bell; /* this peer's own bell */
	double ticks_per_ns;
	void *harness;  /* the worker's own */
	double rate;    /* of a pattern on a schedule: operations a second that it offers, set in
			 * prepare(); 0: none */
	uint64_t span;  /* such a pattern's, and with think time: ticks in which this turn's counted
			 * operations came */
	uint64_t think; /* ticks before each counted operation of a thinking loop, */
	uint64_t thought; /* and those of this turn that went by so */
	uint64_t played;  /* operations of this turn where a pattern plays more than count[] says;
			   * 0: it does not */
};

enum {
	TOLL_PACE_PAUSE = 1,
	TOLL_PACE_YIELD = 2,
	TOLL_PACE_LOOK = 4,
	TOLL_PACE_STOP = 8,
	TOLL_PACE_DEAD = 16
};

/* What is known when a loop is compiled. Patterns pass it on as it is. The loops with a credit edge
 * learn only as they run whether to copy, those of tail mode both; these serve all that a pattern
 * has no other loop for. */
struct toll_code {
	const struct toll_mechanism *mechanism;
	bool sleeps;   /* waits of the sleeping class */
	size_t size;   /* of every message; 0: known at run time only */
	unsigned bits; /* one of TOLL_COPY … or 0; a thinking loop has two */
	bool steps;    /* each operation uses the next instance */
};
enum { TOLL_COPY = 1, TOLL_CREDIT = 2, TOLL_STAMPED = 4, TOLL_THINKING = 8 };

/* A channel of a graph: bits of the peers at each side. */
struct toll_edge {
	uint32_t producers, consumers;
};
enum { TOLL_MOST_EDGES = 2 * TOLL_MOST_PEERS };

struct toll_pattern {
	unsigned size; /* TOLL_PATTERN fills this in */
	const char *name, *about;
	const struct toll_option *options;
	unsigned least_peers, most_peers, peers; /* the last is the default */
	unsigned (*graph)(unsigned peers,
			  struct toll_edge edges[TOLL_MOST_EDGES]); /* returns how many */
	unsigned (*timer)(unsigned peers); /* which peer calls toll_lap(); NULL: peer 0 */
	size_t least_size;                 /* 8 where it needs the header's flags; 0: 1 */
	bool alternates; /* never two messages in flight: duplex objects serve two edges that
			  * mirror each other, and each operation uses the next instance */
	bool fills;      /* streams: leave out 2 × the channel's capacity, count 8 × it or more */
	bool many_inputs;     /* uses toll_peek_any, or peer->in in other ways */
	bool deadline;        /* sets peer->deadline: a signal repeats while it waits */
	const char *quantity; /* "rtt_ns", "per_message_ns" or "oneway_ns": time of one counted
			       * operation */
	double messages;      /* that cross in one operation */
	double (*bytes)(size_t size); /* that cross in one message on average; NULL: size */
	const char *(*absent)(const struct toll_channel *,
			      unsigned peers); /* why not; may be NULL */
	void (*prepare)(struct toll_peer *); /* before the first turn: reads options; may be NULL */
	bool together;     /* no peer begins a turn before all have ended the one before */
	bool many_outputs; /* uses peer->out */
	bool to_all; /* each consumer of an edge gets every message; else any one of them does */
	bool loses;  /* its producers send while toll_more() says so, hence it ends whatever is
		      * lost; one that neither does nor alternates takes no lossy mechanism */
	bool paced;  /* on a schedule: a turn is long, for its end would hide what is late; what
		      * lies between the last two laps is the sum of what its operations took */
	const char *(*refuses)(const struct toll_peer *); /* why not with the options that this
							   * peer has; may be NULL */
	bool pairs; /* its peers are pairs, 0 with 1, 2 with 3 …, that play at once: an operation is
		     * one of each pair, and what crosses in it crosses in every pair */
};
/* The value of a pattern's option: text, bytes or count, time. For prepare(). */
TOLL_EXPORT const char *toll_pattern_value(const struct toll_peer *peer, const char *name);
TOLL_EXPORT uint64_t toll_pattern_size(const struct toll_peer *peer, const char *name);
TOLL_EXPORT uint64_t toll_pattern_ns(const struct toll_peer *peer, const char *name);

/* ---- time ------------------------------------------------------------------------------------ */

TOLL_EXPORT extern const bool *const toll_clock_is_counter;
TOLL_EXPORT uint64_t toll_clock_ns(void);

/* This object's own copy: a plug-in would reach the other through a table, and the compiler then
 * makes its loops otherwise than those of the same file built in. */
static const bool *toll_clock_here;
__attribute__((constructor, unused)) static void toll_clock_take(void)
{
	toll_clock_here = toll_clock_is_counter;
}

/* Ticks of the cheapest clock that all CPUs agree on: the counter where the kernel trusts it, else
 * CLOCK_MONOTONIC in ns. Earlier loads have been done before it is read (Intel SDM 3A, 18.17). */
static TOLL_HOT uint64_t toll_ticks(void)
{
#if defined(__x86_64__)
	if (TOLL_LIKELY(*toll_clock_here)) {
		__asm__ volatile("lfence" ::: "memory");
		return __builtin_ia32_rdtsc();
	}
#elif defined(__aarch64__)
	if (TOLL_LIKELY(*toll_clock_here)) {
		uint64_t ticks;

		__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks)::"memory");
		return ticks;
	}
#endif
	return toll_clock_ns();
}

/* Marks the start of each phase of a turn and its end; what lies between the last two is timed. */
static TOLL_HOT void toll_lap(struct toll_peer *peer)
{
	peer->lap[0] = peer->lap[1];
	peer->lap[1] = toll_ticks();
}

/* Tail mode: counts what one operation took (ticks) in a histogram of 128 buckets an octave. */
static TOLL_HOT void toll_count(const struct toll_code code, struct toll_peer *peer, uint64_t took)
{
	if (!(code.bits & TOLL_STAMPED))
		return;
	unsigned shift =
		took < 2UL * TOLL_HISTOGRAM_STEPS ? 0 : 63 - 7 - (unsigned)__builtin_clzll(took);
	uint64_t bucket = (uint64_t)shift * TOLL_HISTOGRAM_STEPS + (took >> shift);

	peer->histogram[bucket < TOLL_HISTOGRAM ? bucket : TOLL_HISTOGRAM - 1]++;
}

/* The same of an operation that begins where the one before ends. */
static TOLL_HOT void toll_stamp(const struct toll_code code, struct toll_peer *peer,
				uint64_t *since)
{
	if (!(code.bits & TOLL_STAMPED))
		return;
	uint64_t now = toll_ticks();

	toll_count(code, peer, now - *since);
	*since = now;
}

/* A thinking loop, where its counted operations begin. */
TOLL_EXPORT void toll_timed(struct toll_peer *peer);

/* Think time: spins until it is over, and returns when that was. Not by sleeping, which would take
 * the kernel's time to wake up from, and leave this CPU's clock and caches to others. */
static TOLL_HOT uint64_t toll_think(struct toll_peer *peer)
{
	uint64_t begun = toll_ticks(), now = begun;

	while (now - begun < peer->think)
		now = toll_ticks();
	peer->thought += now - begun;
	return toll_ticks(); /* anew: the processor has guessed that the loop goes on */
}

/* ---- messages -------------------------------------------------------------------------------- */

/* The first 8 bytes of a message: 48 bits sequence (per producer), 12 bits producer, 4 bits flags.
 * A message shorter than that holds the low bytes (little-endian). */
enum {
	TOLL_END_OF_STREAM = 1,
	TOLL_AGAIN = 2 /* a lossy channel: the same as before, which seems to be lost */
};

static TOLL_HOT uint64_t toll_header(uint64_t producer_bits, uint64_t sequence, unsigned flags)
{
	return (sequence & 0xffffffffffffULL) | producer_bits | (uint64_t)flags << 60;
}

/* 16 bytes: what both x86-64 and arm64 hold in one register without being asked for more */
typedef uint64_t toll_words __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t toll_word __attribute__((aligned(1), may_alias));
#define TOLL_PAYLOAD 0x9e3779b97f4a7c15ULL

/* Writes a message: header, then word i = header + i × a constant, so that a word of another
 * message or of another place shows. */
static TOLL_HOT void toll_fill(void *room, uint64_t header, size_t len)
{
	unsigned char *byte = room;

	if (len < TOLL_HEADER) {
		for (size_t i = 0; i < len; i++)
			byte[i] = (unsigned char)(header >> 8 * i);
		return;
	}
	*(toll_word *)room = header;
	size_t at = TOLL_HEADER;
	uint64_t word = header + TOLL_PAYLOAD;

	if (len >= TOLL_HEADER + 2 * sizeof(toll_words)) {
		const toll_words start = { header, header },
				 step = { 4 * TOLL_PAYLOAD, 4 * TOLL_PAYLOAD };
		toll_words low = start + (toll_words){ TOLL_PAYLOAD, 2 * TOLL_PAYLOAD };
		toll_words high = start + (toll_words){ 3 * TOLL_PAYLOAD, 4 * TOLL_PAYLOAD };

		for (; at + 2 * sizeof(toll_words) <= len; at += 2 * sizeof(toll_words)) {
			*(toll_words *)(byte + at) = low;
			*(toll_words *)(byte + at + sizeof(toll_words)) = high;
			low += step;
			high += step;
		}
		word = low[0];
	}
	for (; at + sizeof(toll_word) <= len; at += sizeof(toll_word)) {
		*(toll_word *)(byte + at) = word;
		word += TOLL_PAYLOAD;
	}
	for (; at < len; at++, word >>= 8)
		byte[at] = (unsigned char)word;
}

/* true when a message is what toll_fill() wrote. All of it is read, whatever the first words say.
 */
static TOLL_HOT bool toll_same(const void *message, uint64_t header, size_t len)
{
	const unsigned char *byte = message;

	if (len < TOLL_HEADER) {
		unsigned wrong = 0;

		for (size_t i = 0; i < len; i++)
			wrong |= byte[i] ^ (unsigned char)(header >> 8 * i);
		return wrong == 0;
	}
	uint64_t wrong = *(const toll_word *)message ^ header;
	size_t at = TOLL_HEADER;
	uint64_t word = header + TOLL_PAYLOAD;

	if (len >= TOLL_HEADER + 2 * sizeof(toll_words)) {
		const toll_words start = { header, header },
				 step = { 4 * TOLL_PAYLOAD, 4 * TOLL_PAYLOAD };
		toll_words low = start + (toll_words){ TOLL_PAYLOAD, 2 * TOLL_PAYLOAD };
		toll_words high = start + (toll_words){ 3 * TOLL_PAYLOAD, 4 * TOLL_PAYLOAD };
		toll_words differ_low = { 0, 0 }, differ_high = { 0, 0 };

		for (; at + 2 * sizeof(toll_words) <= len; at += 2 * sizeof(toll_words)) {
			differ_low |= *(const toll_words *)(byte + at) ^ low;
			differ_high |= *(const toll_words *)(byte + at + sizeof(toll_words)) ^ high;
			low += step;
			high += step;
		}
		differ_low |= differ_high;
		wrong |= differ_low[0] | differ_low[1];
		word = low[0];
	}
	for (; at + sizeof(toll_word) <= len; at += sizeof(toll_word)) {
		wrong |= *(const toll_word *)(byte + at) ^ word;
		word += TOLL_PAYLOAD;
	}
	for (; at < len; at++, word >>= 8)
		wrong |= byte[at] ^ (unsigned char)word;
	return wrong == 0;
}

/* Ends the cell: a message is lost, doubled, out of order or changed. */
TOLL_EXPORT _Noreturn void toll_broken(const void *message, size_t len, uint64_t expected);

/* ---- waiting: it stands here once ------------------------------------------------------------ */

/* Spinning, and peer->pace has a bit: pauses, yields, or looks at deadline and stop. false: give
 * up. */
TOLL_EXPORT bool toll_linger(struct toll_port *port);
/* Sleeping: after a "not yet". Decides what the next call may do; polls. false: give up. */
TOLL_EXPORT bool toll_sleep(struct toll_port *port, unsigned *how, uint64_t *since);
/* Sleeping: waits until the credit's count is no longer seen. false: give up. */
TOLL_EXPORT bool toll_credit_sleep(struct toll_port *port, uint32_t seen, uint64_t *since);
/* Sleeping: waits until one of many inputs may have something. false: give up. */
TOLL_EXPORT bool toll_sleep_any(struct toll_port ports[], unsigned n, uint32_t bell,
				uint64_t *since);

/* The harness knows a port by its place, a loop may hold a copy of it. */
static TOLL_HOT bool toll_goes_on(struct toll_port *port, bool on)
{
	if (!on)
		port->why = port->original->why;
	return on;
}

/* Gives the CPU to who else wants it. */
TOLL_EXPORT void toll_give_way(void);
/* Sleeping: most of the time until then, at most until a signal. false: give up. */
TOLL_EXPORT bool toll_doze(struct toll_port *port, uint64_t until);

static TOLL_HOT bool toll_hurried(struct toll_port *port)
{
	return TOLL_UNLIKELY(__atomic_load_n(&port->peer->pace, __ATOMIC_RELAXED) != 0);
}

/* Waits for a time (ticks) the way the port waits. false with port->why. */
static TOLL_HOT bool toll_await_time(const struct toll_code code, struct toll_port *port,
				     uint64_t until)
{
	while ((int64_t)(until - toll_ticks()) > 0) {
		if (code.sleeps) {
			if (!toll_goes_on(port, toll_doze(port->original, until)))
				return false;
		} else if (toll_hurried(port) && !toll_goes_on(port, toll_linger(port->original))) {
			return false;
		}
	}
	return true;
}

/* Tries until done, waiting between tries the way the port waits. `how` is for the attempt. */
#define TOLL_AWAIT(code, port, attempt)                                                            \
	do {                                                                                       \
		if (!(code).sleeps) {                                                              \
			const unsigned how = 0;                                                    \
			for (;;) {                                                                 \
				__auto_type done = (attempt);                                      \
				if (TOLL_LIKELY(done))                                             \
					return done;                                               \
				if (toll_hurried(port) &&                                          \
				    !toll_goes_on(port, toll_linger((port)->original)))            \
					return 0;                                                  \
			}                                                                          \
		}                                                                                  \
		uint64_t since = 0;                                                                \
		unsigned sleep = (port)->sleep;                                                    \
		for (;;) {                                                                         \
			const unsigned how = TOLL_WAKE | sleep;                                    \
			__auto_type done = (attempt);                                              \
			if (TOLL_LIKELY(done))                                                     \
				return done;                                                       \
			if (!toll_goes_on(port, toll_sleep((port)->original, &sleep, &since)))     \
				return 0;                                                          \
		}                                                                                  \
	} while (0)

static TOLL_HOT bool toll_copies(const struct toll_code code, const struct toll_port *port)
{
	return (code.bits & TOLL_COPY) || ((code.bits & (TOLL_CREDIT | TOLL_STAMPED)) &&
					   code.mechanism->in_place && port->copy);
}

static TOLL_HOT bool toll_has_credit(const struct toll_code code, const struct toll_port *port)
{
	return (code.bits & TOLL_CREDIT) || ((code.bits & TOLL_STAMPED) && port->credit);
}

/* Takes the next instance, where a channel rotates over several. */
static TOLL_HOT void toll_step(const struct toll_code code, struct toll_port *port)
{
	if (!code.steps)
		return;
	char *next = (char *)port->end + port->stride;

	port->end = (struct toll_end *)(next == port->limit ? port->first : next);
}

static TOLL_HOT bool toll_flush_all(const struct toll_code code, struct toll_port *port)
{
	TOLL_AWAIT(code, port, code.mechanism->flush(port->end, how));
}

/* Sends what commits have queued. A pattern calls it before it waits for an answer and at a turn's
 * end. */
static TOLL_HOT bool toll_flush(const struct toll_code code, struct toll_port *port)
{
	return code.mechanism->flush == NULL || toll_flush_all(code, port);
}

/* The same before the answer is awaited on the same end, which may send it with one call. */
static TOLL_HOT bool toll_flush_ask(const struct toll_code code, struct toll_port *port)
{
	return (code.mechanism->duplex && code.mechanism->peek_sends) || toll_flush(code, port);
}

static TOLL_HOT bool toll_credit_await(const struct toll_code code, struct toll_port *port,
				       uint32_t in_flight)
{
	uint64_t since = 0;

	/* what is held back would never be given back */
	if (port->moved - port->known > in_flight && !toll_flush(code, port))
		return false;
	while (port->moved - port->known > in_flight) {
		/* acquire: the consumer has done with the messages it gives back */
		uint32_t seen = __atomic_load_n(&port->credit->returned, __ATOMIC_ACQUIRE);

		if (seen != port->known) {
			port->known = seen;
			continue;
		}
		if (!code.sleeps) {
			if (toll_hurried(port) && !toll_goes_on(port, toll_linger(port->original)))
				return false;
		} else if (!toll_goes_on(port, toll_credit_sleep(port->original, seen, &since))) {
			return false;
		}
	}
	return true;
}

static TOLL_HOT void toll_credit_return(const struct toll_code code, struct toll_port *port)
{
	port->moved++;
	if (port->moved - port->known < port->quarter)
		return;
	port->known = port->moved;
	/* release: what this end read of the messages comes before they are given back */
	__atomic_store_n(&port->credit->returned, port->moved, __ATOMIC_RELEASE);
	if (code.sleeps)
		toll_futex_wake(&port->credit->returned, 1);
}

static TOLL_HOT void *toll_reserve_room(const struct toll_code code, struct toll_port *port,
					size_t len)
{
	TOLL_AWAIT(code, port, code.mechanism->reserve(port->end, len, how));
}

/* Room for a message of len bytes; NULL with port->why. */
static TOLL_HOT void *toll_reserve(const struct toll_code code, struct toll_port *port, size_t len)
{
	if (toll_has_credit(code, port) && port->depth > 0 &&
	    !toll_credit_await(code, port, port->depth - 1))
		return NULL;
	void *room = toll_reserve_room(code, port, len);

	if (toll_copies(code, port) && room != NULL)
		return port->copy;
	return room;
}

static TOLL_HOT bool toll_commit_room(const struct toll_code code, struct toll_port *port,
				      size_t len)
{
	TOLL_AWAIT(code, port, code.mechanism->commit(port->end, len, how));
}

TOLL_EXPORT void toll_ring(struct toll_port *port, bool sleeps);

/* Sends what was reserved; false with port->why: after TOLL_DEADLINE the only verb allowed on this
 * end is the same commit again. */
static TOLL_HOT bool toll_commit(const struct toll_code code, struct toll_port *port, size_t len)
{
	if (toll_copies(code, port)) {
		/* the same room again: reserve() may be repeated before commit() */
		void *room = toll_reserve_room(code, port, len);

		if (room == NULL)
			return false;
		memcpy(room, port->copy, len);
	}
	if (!toll_commit_room(code, port, len))
		return false;
	if (code.sleeps && code.mechanism->descriptor == NULL && TOLL_UNLIKELY(port->bell != NULL))
		toll_ring(port->original, true);
	toll_step(code, port);
	if (toll_has_credit(code, port)) {
		port->moved++;
		if (port->depth == 0) /* rendezvous: until it is accepted */
			return toll_credit_await(code, port, 0);
	}
	return true;
}

static TOLL_HOT const void *toll_peek_there(const struct toll_code code, struct toll_port *port,
					    size_t *len)
{
	TOLL_AWAIT(code, port, code.mechanism->peek(port->end, len, how));
}

/* The next message. *len in: bytes wanted (byte channels), out: its length. NULL with port->why. */
static TOLL_HOT const void *toll_peek(const struct toll_code code, struct toll_port *port,
				      size_t *len)
{
	const void *message = toll_peek_there(code, port, len);

	if (toll_has_credit(code, port) && message != NULL && port->depth == 0)
		toll_credit_return(code, port);
	if (toll_copies(code, port) && message != NULL)
		return memcpy(port->copy, message, *len);
	return message;
}

static TOLL_HOT void toll_release(const struct toll_code code, struct toll_port *port)
{
	code.mechanism->release(port->end, code.sleeps ? TOLL_WAKE : 0);
	toll_step(code, port);
	if (toll_has_credit(code, port) && port->depth > 0)
		toll_credit_return(code, port);
}

/* The length of a cell's messages: a constant where the loop was compiled for it. */
static TOLL_HOT size_t toll_length(const struct toll_code code, const struct toll_port *port)
{
	return code.size ? code.size : port->len;
}

static TOLL_HOT size_t toll_touched(const struct toll_code code, const struct toll_port *port,
				    size_t len)
{
	return code.size ? len : len < port->touched ? len : port->touched;
}

/* The same as toll_fill() and toll_same() for lengths that are no constants: not inlined, since a
 * direct call costs less than 3 ns and each loop would else carry 1 KiB of copies. */
__attribute__((noinline, unused)) static void toll_fill_any(void *room, uint64_t header, size_t len)
{
	toll_fill(room, header, len);
}

__attribute__((noinline, unused)) static bool toll_same_any(const void *message, uint64_t header,
							    size_t len)
{
	return toll_same(message, header, len);
}

static TOLL_HOT void toll_write(const struct toll_code code, const struct toll_port *port,
				void *room, uint64_t header, size_t len)
{
	if (code.size)
		toll_fill(room, header, code.size);
	else
		toll_fill_any(room, header, toll_touched(code, port, len));
}

static TOLL_HOT bool toll_reads_as(const struct toll_code code, const struct toll_port *port,
				   const void *message, uint64_t header, size_t len)
{
	if (code.size)
		return toll_same(message, header, code.size);
	return toll_same_any(message, header, toll_touched(code, port, len));
}

/* Not waiting, but to be asked now and then: false: give up. */
static TOLL_HOT bool toll_heeds(struct toll_port *port)
{
	const uint32_t told = TOLL_PACE_LOOK | TOLL_PACE_STOP | TOLL_PACE_DEAD;

	if (TOLL_LIKELY(!(__atomic_load_n(&port->peer->pace, __ATOMIC_RELAXED) & told)))
		return true;
	return toll_goes_on(port, toll_linger(port->original));
}

/* Sends one message of len bytes with flags: reserve, fill, commit. */
static TOLL_HOT bool toll_send_flagged(const struct toll_code code, struct toll_port *port,
				       size_t len, unsigned flags)
{
	void *room = toll_reserve(code, port, len);

	if (TOLL_UNLIKELY(room == NULL))
		return false;
	uint64_t header = port->sequence | (uint64_t)flags << 60;

	toll_write(code, port, room, header, len);
	bool sent = toll_commit(code, port, len);

	port->sequence++;
	if (code.mechanism->lossy) {
		port->sent = header;
		port->sent_len = len;
		/* such a producer may never wait, and is told here that it should end */
		return sent && toll_heeds(port);
	}
	return sent;
}

/* Has a producer more to send in this turn? It counts down *left. Over a lossy channel it sends
 * until its consumers have had as many as they count, for it cannot know how many arrive. */
static TOLL_HOT bool toll_more(const struct toll_code code, struct toll_port *port, uint64_t *left)
{
	if (!code.mechanism->lossy) {
		if (*left == 0)
			return false;
		--*left;
		return true;
	}
	/* on the consumer's own CPU, where one that loses nothing would wait for room */
	if (port->burst && ++port->unyielded >= port->burst) {
		port->unyielded = 0;
		toll_give_way();
	}
	/* relaxed: messages are ordered by the mechanism, this is a number alone */
	return (int32_t)(__atomic_load_n(port->enough, __ATOMIC_RELAXED) - port->goal) < 0;
}

/* Sends one message of the cell's size. */
static TOLL_HOT bool toll_send(const struct toll_code code, struct toll_port *port)
{
	return toll_send_flagged(code, port, toll_length(code, port), 0);
}

/* A lossy channel's message, when *next is expected: counts what is missing before it, and itself
 * where it had to be sent again. false: it was sent again although it has come. What is out of
 * order for another reason is for the caller to find. */
static TOLL_HOT bool toll_is_new(const struct toll_code code, struct toll_port *port,
				 uint64_t *next, uint64_t header)
{
	if (!code.mechanism->lossy)
		return true;
	bool again = header >> 60 & TOLL_AGAIN;
	int64_t ahead = (int64_t)((header - *next) << 16) >> 16; /* of 48 bits */

	if (ahead < 0)
		return !again;
	port->lost += (uint64_t)ahead + again;
	*next += (uint64_t)ahead;
	return true;
}

/* Receives one message of the cell's size and checks it: sequence always, payload with touch=all.
 * Where all of a known size is read, a wrong length shows in what is read. */
static TOLL_HOT bool toll_receive(const struct toll_code code, struct toll_port *port)
{
	size_t wanted = toll_length(code, port), len = wanted;
	const void *message = toll_peek(code, port, &len);
	uint64_t again = 0;

	if (TOLL_UNLIKELY(message == NULL))
		return false;
	while (code.mechanism->lossy) {
		uint64_t header = *(const toll_word *)message;

		again = header & (uint64_t)TOLL_AGAIN << 60;
		if (TOLL_LIKELY(toll_is_new(code, port, &port->sequence, header)))
			break;
		toll_release(code, port);
		len = wanted;
		message = toll_peek(code, port, &len);
		if (message == NULL)
			return false;
	}
	bool whole = code.size || code.mechanism->bytes_only || len == wanted;

	if (TOLL_UNLIKELY(!whole ||
			  !toll_reads_as(code, port, message, port->sequence | again, wanted)))
		toll_broken(message, len, port->sequence);
	port->sequence++;
	toll_release(code, port);
	return true;
}

/* The next message of many inputs, without favour: *which starts behind the one last served. NULL
 * with ports[0].why. *len as in toll_peek. */
static TOLL_HOT const void *toll_peek_any(const struct toll_code code, struct toll_port ports[],
					  unsigned n, unsigned *which, size_t *len)
{
	if (n == 1) {
		*which = 0;
		return toll_peek(code, &ports[0], len);
	}
	uint64_t since = 0;

	for (;;) {
		/* acquire: the bell is read before the inputs are tried, so a message that comes
		 * after the tries changes it */
		uint32_t bell =
			code.sleeps ? __atomic_load_n(ports[0].peer->bell, __ATOMIC_ACQUIRE) : 0;

		for (unsigned tried = 0; tried < n; tried++) {
			*which = *which + 1 < n ? *which + 1 : 0;
			struct toll_port *port = &ports[*which];
			const void *message =
				code.mechanism->peek(port->end, len, code.sleeps ? TOLL_WAKE : 0);

			if (message == NULL)
				continue;
			if (toll_has_credit(code, port) && port->depth == 0)
				toll_credit_return(code, port);
			if (toll_copies(code, port))
				return memcpy(port->copy, message, *len);
			return message;
		}
		if (!code.sleeps) {
			if (toll_hurried(&ports[0]) && !toll_linger(&ports[0]))
				return NULL;
		} else if (!toll_sleep_any(ports, n, bell, &since)) {
			return NULL;
		}
	}
}

/* ---- registration ---------------------------------------------------------------------------- */

struct toll_instance { /* one compiled loop */
	bool sleeps;
	unsigned bits;
	size_t size;
	bool (*run)(struct toll_peer *);
};
struct toll_binding { /* a pattern as compiled into a mechanism's file */
	const struct toll_pattern *pattern;
	const struct toll_instance *instances;
	unsigned count;
};
struct toll_unit {
	unsigned abi, size;
	const struct toll_mechanism *mechanism;
	size_t end_bytes;
	const struct toll_binding *bindings;
	unsigned count;
	unsigned pattern_bytes, instance_bytes, binding_bytes,
		option_bytes; /* sizes its headers knew */
};
TOLL_EXPORT void toll_register(const struct toll_unit *unit);

/* A pattern's file NAME.h defines
 *
 *     static TOLL_HOT bool NAME_run(const struct toll_code code, struct toll_peer *peer,
 *                                   struct toll_port *out, struct toll_port *in)
 *
 * where out and in are the peer's first output and input (often copies of them; a pattern that uses
 * peer->out or peer->in itself says many_outputs or many_inputs, and leaves the argument alone),
 * then TOLL_PATTERN(NAME, .about = …), and which loops are worth compiling apart:
 *
 *     #define TOLL_FORMS_NAME TOLL_FORMS_FEW
 *
 * A thinking loop (bits TOLL_STAMPED | TOLL_THINKING) is one of its own, which nothing of think
 * time is in the others for. MANY adds tail mode (toll_stamp) and, as constants, the sizes 8, 64
 * and 56 (spinning: all that fits into a line beside a flag). A pattern that times each message in
 * any case has tail mode's loops alone. */
#define TOLL_PATTERN(ident, ...)                                                                   \
	static const struct toll_pattern toll_pattern_##ident = {                                  \
		.size = sizeof(struct toll_pattern), .name = #ident, __VA_ARGS__                   \
	};

#if defined(__clang_analyzer__)
/* a path through each class is enough, rather than every form */
#define TOLL_FORMS_FEW(X, m, p) X(m, p, sleep_credit, true, 0, TOLL_CREDIT)
#define TOLL_FORMS_MANY(X, m, p) X(m, p, spin_copy, false, 0, TOLL_COPY)
#else
#define TOLL_FORMS_FEW(X, m, p)                                                                    \
	X(m, p, spin, false, 0, 0)                                                                 \
	X(m, p, spin_copy, false, 0, TOLL_COPY)                                                    \
	X(m, p, spin_credit, false, 0, TOLL_CREDIT)                                                \
	X(m, p, sleep, true, 0, 0)                                                                 \
	X(m, p, sleep_copy, true, 0, TOLL_COPY)                                                    \
	X(m, p, sleep_credit, true, 0, TOLL_CREDIT)

#ifdef TOLL_WITHOUT_SIZES /* the short check: sanitizers take long to compile a loop */
#define TOLL_FORMS_SIZES(X, m, p)
#else
#define TOLL_FORMS_SIZES(X, m, p)                                                                  \
	X(m, p, spin_8, false, 8, 0)                                                               \
	X(m, p, spin_56, false, 56, 0)                                                             \
	X(m, p, spin_64, false, 64, 0)                                                             \
	X(m, p, sleep_8, true, 8, 0)                                                               \
	X(m, p, sleep_64, true, 64, 0)
#endif

#define TOLL_FORMS_MANY(X, m, p)                                                                   \
	TOLL_FORMS_FEW(X, m, p)                                                                    \
	TOLL_FORMS_SIZES(X, m, p)                                                                  \
	X(m, p, spin_stamped, false, 0, TOLL_STAMPED)                                              \
	X(m, p, sleep_stamped, true, 0, TOLL_STAMPED)
#endif

/* In shared memory a loop works on copies of its first ports and their ends, which the compiler
 * keeps in registers. In memory they would be stored for each message, between the stores that make
 * up the message: on a Golden Cove core each such store ends the run of lines that are fetched for
 * writing together, and a ring streamed 64 B in 60 ns instead of 12. Not where each operation takes
 * the next instance, nor where one end serves both ways, nor where memory of a mechanism's own is
 * handed on by system calls, nor for an end beyond TOLL_HELD_BYTES, nor where the harness may send
 * a message again, nor with sleeping waits, where a fence for each message costs more. */
enum { TOLL_HELD_BYTES = 256 };
#define TOLL_HOLDS(m, p)                                                                           \
	(toll_mechanism_##m.in_place && !toll_mechanism_##m.own_memory &&                          \
	 !toll_mechanism_##m.lossy && sizeof(struct toll_end) <= TOLL_HELD_BYTES &&                \
	 !(toll_mechanism_##m.duplex && toll_pattern_##p.alternates))

/* NOLINTBEGIN(bugprone-macro-parentheses): they declare what they are given a name for */
/* Declares NAME, a copy of PORT when there is one. */
#define TOLL_HOLD(name, port, there)                                                               \
	struct toll_end name##_end = { 0 };                                                        \
	struct toll_port name = { 0 };                                                             \
	if (there) {                                                                               \
		name = *(port);                                                                    \
		name##_end = *(port)->end;                                                         \
	}                                                                                          \
	name.end = &name##_end;
#define TOLL_PUT_BACK(name, port, there)                                                           \
	if (there) {                                                                               \
		*(port)->end = name##_end;                                                         \
		(port)->sequence = name.sequence;                                                  \
		(port)->moved = name.moved;                                                        \
		(port)->known = name.known;                                                        \
		(port)->lost = name.lost;                                                          \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

/* What the harness never asks for, and the compiler need not make: copies and constant sizes where
 * the kernel copies anyway, loops of both ways and of one by the other's constant, a wait that the
 * mechanism does not have. */
#define TOLL_NEVER_RUNS(m, p, asleep, bytes, flags)                                                \
	((!toll_mechanism_##m.in_place && (((flags)&TOLL_COPY) || (bytes))) ||                     \
	 (toll_mechanism_##m.both && !toll_pattern_##p.alternates) ||                              \
	 (toll_mechanism_##m.one_way && toll_pattern_##p.alternates &&                             \
	  toll_pattern_##p.most_peers > 1) ||                                                      \
	 (toll_mechanism_##m.self_only && toll_pattern_##p.least_peers > 1) ||                     \
	 !((asleep) ? (toll_mechanism_##m.waits & (TOLL_BLOCK | TOLL_HYBRID)) ||                   \
			      toll_mechanism_##m.descriptor                                        \
		    : toll_mechanism_##m.waits & TOLL_SPINNING))

#define TOLL_INSTANCE_LOOP(m, p, form, asleep, bytes, flags)                                       \
	static TOLL_LOOP bool toll_run_##m##_##p##_##form(struct toll_peer *peer)                  \
	{                                                                                          \
		const struct toll_code code = { .mechanism = &toll_mechanism_##m,                  \
						.sleeps = (asleep),                                \
						.size = (bytes),                                   \
						.bits = (flags),                                   \
						.steps = toll_mechanism_##m.in_place &&            \
							 toll_pattern_##p.alternates };            \
		const bool sends = peer->outs > 0 && !toll_pattern_##p.many_outputs;               \
		const bool receives = peer->ins > 0 && !toll_pattern_##p.many_inputs;              \
                                                                                                   \
		if (TOLL_NEVER_RUNS(m, p, asleep, bytes, flags))                                   \
			toll_fail("this form of the loop");                                        \
		if ((asleep) || !TOLL_HOLDS(m, p) ||                                               \
		    (code.steps &&                                                                 \
		     ((sends && peer->out->stride) || (receives && peer->in->stride))))            \
			return p##_run(code, peer, peer->out, peer->in);                           \
		TOLL_HOLD(out, peer->out, sends)                                                   \
		TOLL_HOLD(in, peer->in, receives)                                                  \
		const struct toll_code held = { code.mechanism, asleep, bytes, flags, false };     \
		const bool done = p##_run(held, peer, &out, &in);                                  \
		TOLL_PUT_BACK(out, peer->out, sends)                                               \
		TOLL_PUT_BACK(in, peer->in, receives)                                              \
		return done;                                                                       \
	}
#define TOLL_INSTANCE_ROW(m, p, form, asleep, bytes, flags)                                        \
	{ .sleeps = (asleep),                                                                      \
	  .bits = (flags),                                                                         \
	  .size = (bytes),                                                                         \
	  .run = toll_run_##m##_##p##_##form },

#define TOLL_COMPILE(p, m)                                                                         \
	TOLL_FORMS_##p(TOLL_INSTANCE_LOOP, m,                                                      \
		       p) static const struct toll_instance toll_instances_##m##_##p[] = {         \
		TOLL_FORMS_##p(TOLL_INSTANCE_ROW, m, p)                                            \
	};
#define TOLL_BIND(p, m)                                                                            \
	{ .pattern = &toll_pattern_##p,                                                            \
	  .instances = toll_instances_##m##_##p,                                                   \
	  .count = sizeof(toll_instances_##m##_##p) / sizeof(struct toll_instance) },

/* TOLL_MECHANISM(ident, .name = "pipe", .about = …): declares the mechanism, compiles every pattern
 * for it and registers it. ident tells several of one file apart. */
#if defined(__cppcheck__) || defined(TOLL_WITHOUT_PATTERNS)
/* the verbs, not the loops: cppcheck does not expand a macro whose name was pasted, and clang-tidy
 * need not walk the same patterns in every mechanism */
#define TOLL_MECHANISM(ident, ...)                                                                 \
	const struct toll_mechanism toll_mechanism_##ident = { .abi = TOLL_ABI, __VA_ARGS__ };
#else
#define TOLL_MECHANISM(ident, ...)                                                                 \
	static const struct toll_mechanism toll_mechanism_##ident = {                              \
		.abi = TOLL_ABI, .size = sizeof(struct toll_mechanism), __VA_ARGS__                \
	};                                                                                         \
	TOLL_EACH_PATTERN(TOLL_COMPILE, ident)                                                     \
	static const struct toll_binding toll_bindings_##ident[] = { TOLL_EACH_PATTERN(TOLL_BIND,  \
										       ident) };   \
	static const struct toll_unit toll_unit_##ident = {                                        \
		.abi = TOLL_ABI,                                                                   \
		.size = sizeof(struct toll_unit),                                                  \
		.mechanism = &toll_mechanism_##ident,                                              \
		.end_bytes = sizeof(struct toll_end),                                              \
		.bindings = toll_bindings_##ident,                                                 \
		.count = sizeof(toll_bindings_##ident) / sizeof(struct toll_binding),              \
		.pattern_bytes = sizeof(struct toll_pattern),                                      \
		.instance_bytes = sizeof(struct toll_instance),                                    \
		.binding_bytes = sizeof(struct toll_binding),                                      \
		.option_bytes = sizeof(struct toll_option),                                        \
	};                                                                                         \
	__attribute__((constructor)) static void toll_register_##ident(void)                       \
	{                                                                                          \
		toll_register(&toll_unit_##ident);                                                 \
	}
#endif

#ifndef TOLL_WITHOUT_PATTERNS /* who compiles no loops: toll itself */
#include "patterns.h"
#endif

#endif
