/* SPDX-License-Identifier: MIT */
/* mpsc.c - a ring of slots in shared memory, many producers, one consumer. A producer takes a
 * ticket by fetch-and-add, waits until the ticket's slot is free, and publishes it by the slot's
 * own sequence; the consumer takes slots in the tickets' order (after D. Vyukov's bounded queue,
 * 2010, but with a ticket that is taken outright: no retries, and first come, first served). The
 * sequence is the lap, doubled, and odd while the slot is full, so that zeroed memory is an empty
 * ring and one slot suffices.
 *
 * A producer that dies between ticket and publishing leaves the others waiting behind its slot, as
 * it would in any such queue; the harness knows of the death and ends the wait.
 *
 * layout=padded keeps tickets and the consumer's count on lines of their own. layout=shared-line
 * is its false-sharing twin: the same stores, but both lie on one line. */
#include "toll.h"

enum { MPSC_WORD = 8, MPSC_LINE = 64 };

struct toll_shared {
	uint64_t ticket; /* the next to be taken; written by the producers */
	uint64_t taken;  /* shared-line: messages taken; written by the consumer */
	char apart1[TOLL_LINE - 16];
	uint64_t taken_apart; /* padded: the same */
	char apart2[TOLL_LINE - 8];
	uint32_t asleep;   /* the consumer may sleep; written by it alone */
	uint32_t sleepers; /* producers that may sleep; each adds and takes itself */
	char apart3[TOLL_LINE - 8];
	unsigned char slots[];
};

struct toll_end {
	struct toll_shared *shared;
	unsigned char *word, *first, *limit; /* as in ring.c */
	size_t stride, room;
	uint64_t next; /* producer: the ticket held; consumer: messages taken */
	uint32_t lap;  /* of the slot in turn, doubled */
	uint32_t depth;
	bool held; /* producer: it has a ticket */
};

/* Whole lines: two producers never write to one. */
static size_t mpsc_stride(const struct toll_channel *channel)
{
	return (channel->most + MPSC_WORD + MPSC_LINE - 1) / MPSC_LINE * MPSC_LINE;
}

static size_t mpsc_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory != TOLL_SHARED)
		return 0;
	return sizeof(struct toll_shared) + channel->depth * mpsc_stride(channel);
}

static size_t mpsc_most(const struct toll_channel *channel)
{
	(void)channel;
	return UINT32_MAX - MPSC_LINE; /* the length has 32 bits */
}

static int mpsc_attach(struct toll_end *end, const struct toll_channel *channel,
		       enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	end->stride = mpsc_stride(channel);
	end->room = (channel->most + 7) / 8 * 8; /* the word stands close behind */
	end->word = end->first = channel->shared->slots + end->room;
	end->limit = end->first + channel->depth * end->stride;
	end->depth = channel->depth;
	return 0;
}

static TOLL_HOT uint64_t *mpsc_word(const struct toll_end *end)
{
	return (uint64_t *)(void *)end->word;
}

static TOLL_HOT void *mpsc_message(const struct toll_end *end)
{
	unsigned char *message = end->word - end->room;

	if (message == NULL) /* the compiler cannot know; saves the caller's look */
		__builtin_unreachable();
	return message;
}

/* Sleeps while *word == seen; see ring_sleep() for the fences. More than one producer may sleep, so
 * they are counted. */
static inline void mpsc_sleep_producer(struct toll_shared *shared, const uint32_t *word,
				       uint32_t seen)
{
	__atomic_fetch_add(&shared->sleepers, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == seen)
		toll_futex_wait(word, seen);
	__atomic_fetch_sub(&shared->sleepers, 1, __ATOMIC_RELAXED);
}

static inline void mpsc_sleep_consumer(struct toll_shared *shared, const uint32_t *word,
				       uint32_t seen)
{
	__atomic_store_n(&shared->asleep, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == seen)
		toll_futex_wait(word, seen);
	__atomic_store_n(&shared->asleep, 0, __ATOMIC_RELAXED);
}

/* All that sleep on a word: the consumer and producers of several laps may wait for one slot, and
 * the one that is woken alone may be the wrong one. */
static TOLL_HOT void mpsc_wake(const uint32_t *asleep, const uint64_t *word)
{
	/* between the store to the word and the look at the mark, as in ring_wake() */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(asleep, __ATOMIC_RELAXED))
		toll_futex_wake((const uint32_t *)word, __INT_MAX__);
}

static TOLL_HOT void *mpsc_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	if (TOLL_LIKELY(!end->held)) {
		/* relaxed: it tells producers apart, the slot's word orders all else */
		end->next = __atomic_fetch_add(&end->shared->ticket, 1, __ATOMIC_RELAXED);
		end->word = end->first + end->next % end->depth * end->stride;
		end->lap = (uint32_t)(end->next / end->depth) * 2;
		end->held = true;
	}
	/* acquire: the consumer's last reads of the slot come before it is free */
	uint32_t seen = (uint32_t)__atomic_load_n(mpsc_word(end), __ATOMIC_ACQUIRE);

	if (TOLL_LIKELY(seen == end->lap))
		return mpsc_message(end);
	if (how & TOLL_SLEEP)
		mpsc_sleep_producer(end->shared, (const uint32_t *)mpsc_word(end), seen);
	return NULL;
}

static TOLL_HOT bool mpsc_commit(struct toll_end *end, size_t len, unsigned how)
{
	/* release: the message is written before its sequence shows */
	__atomic_store_n(mpsc_word(end), (uint64_t)len << 32 | (end->lap + 1), __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		mpsc_wake(&end->shared->asleep, mpsc_word(end));
	end->held = false;
	return true;
}

static TOLL_HOT const void *mpsc_peek(struct toll_end *end, size_t *len, unsigned how)
{
	/* acquire: pairs with the release of mpsc_commit() */
	uint64_t word = __atomic_load_n(mpsc_word(end), __ATOMIC_ACQUIRE);

	if ((uint32_t)word != end->lap + 1) {
		if (how & TOLL_SLEEP)
			mpsc_sleep_consumer(end->shared, (const uint32_t *)mpsc_word(end),
					    (uint32_t)word);
		return NULL;
	}
	*len = word >> 32;
	return mpsc_message(end);
}

static TOLL_HOT void mpsc_take(struct toll_end *end, uint64_t *taken, unsigned how)
{
	/* relaxed: nobody acts on it, its line is what costs */
	__atomic_store_n(taken, ++end->next, __ATOMIC_RELAXED);
	/* release: the slot has been read before it is free for the next lap */
	__atomic_store_n(mpsc_word(end), (uint64_t)(end->lap + 2), __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		mpsc_wake(&end->shared->sleepers, mpsc_word(end));
	end->word += end->stride;
	if (end->word == end->limit) {
		end->word = end->first;
		end->lap += 2;
	}
}

static TOLL_HOT void mpsc_release(struct toll_end *end, unsigned how)
{
	mpsc_take(end, &end->shared->taken_apart, how);
}

static TOLL_HOT void mpsc_release_line(struct toll_end *end, unsigned how)
{
	mpsc_take(end, &end->shared->taken, how);
}

#define MPSC                                                                                       \
	.name = "mpsc", .about = "shared-memory ring for many producers, by ticket",               \
	.waits = TOLL_ANY_WAIT, .producers = TOLL_MOST_PEERS, .consumers = 1, .in_place = true,    \
	.slots = true, .most_bytes = mpsc_most, .bytes = mpsc_bytes, .attach = mpsc_attach,        \
	.reserve = mpsc_reserve, .commit = mpsc_commit, .peek = mpsc_peek

TOLL_MECHANISM(mpsc, MPSC, .when = "layout=padded", .release = mpsc_release)
TOLL_MECHANISM(mpsc_line, MPSC, .when = "layout=shared-line", .release = mpsc_release_line)
