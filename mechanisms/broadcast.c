/* SPDX-License-Identifier: MIT */
/* broadcast.c - a ring of slots in shared memory, one producer, each consumer gets every message.
 * As in ring.c each slot carries its own sequence behind the message; each consumer gives slots
 * back by a cursor on a line of its own, and the slowest of them bounds the producer, which reads
 * the cursors only when the room it knows of is used up. */
#include "toll.h"

enum { BROADCAST_WORD = 8 }; /* behind each message: sequence (low 32 bits), length (high) */

struct broadcast_cursor {
	uint32_t returned; /* slots given back; written by this consumer alone */
	char apart[TOLL_LINE - 4];
};

struct toll_shared {
	uint32_t asleep;   /* the producer may sleep; written by it alone */
	uint32_t sleepers; /* consumers that may sleep; each adds and takes itself */
	char apart[TOLL_LINE - 8];
	struct broadcast_cursor consumer[]; /* then the slots */
};

struct toll_end {
	struct toll_shared *shared;
	uint32_t *cursor;                    /* consumer: its own */
	unsigned char *word, *first, *limit; /* as in ring.c */
	size_t stride, room;
	uint32_t next;     /* sequence of the next message, from 1 */
	uint32_t returned; /* producer: slots known to be free again; consumer: told to be */
	uint32_t depth, quarter, consumers;
};

static size_t broadcast_stride(const struct toll_channel *channel)
{
	return BROADCAST_WORD + (channel->most + 7) / 8 * 8;
}

static size_t broadcast_head(const struct toll_channel *channel)
{
	return sizeof(struct toll_shared) + channel->consumers * sizeof(struct broadcast_cursor);
}

static size_t broadcast_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory != TOLL_SHARED)
		return 0;
	return broadcast_head(channel) + channel->depth * broadcast_stride(channel);
}

static size_t broadcast_most(const struct toll_channel *channel)
{
	(void)channel;
	return UINT32_MAX - BROADCAST_WORD; /* the length has 32 bits */
}

static int broadcast_attach(struct toll_end *end, const struct toll_channel *channel,
			    enum toll_side side, unsigned index, void *buf)
{
	(void)buf;
	end->shared = channel->shared;
	if (side == TOLL_CONSUMER)
		end->cursor = &end->shared->consumer[index].returned;
	end->stride = broadcast_stride(channel);
	end->room = end->stride - BROADCAST_WORD;
	end->word = end->first = (unsigned char *)end->shared + broadcast_head(channel) + end->room;
	end->limit = end->first + channel->depth * end->stride;
	end->next = 1;
	end->depth = channel->depth;
	end->quarter = channel->depth < 4 ? 1 : channel->depth / 4;
	end->consumers = channel->consumers;
	return 0;
}

static TOLL_HOT uint64_t *broadcast_word(const struct toll_end *end)
{
	return (uint64_t *)(void *)end->word;
}

static TOLL_HOT void *broadcast_message(const struct toll_end *end)
{
	unsigned char *message = end->word - end->room;

	if (message == NULL) /* the compiler cannot know; saves the caller's look */
		__builtin_unreachable();
	return message;
}

static TOLL_HOT void broadcast_advance(struct toll_end *end)
{
	end->next++;
	end->word += end->stride;
	if (end->word == end->limit)
		end->word = end->first;
}

/* Each sleeper marks itself before a full fence and looks at its word behind it; the other side
 * stores the word before such a fence and looks at the mark behind it: one sees the other. */
static inline void broadcast_sleep_producer(struct toll_end *end, const uint32_t *word)
{
	__atomic_store_n(&end->shared->asleep, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == end->returned)
		toll_futex_wait(word, end->returned);
	__atomic_store_n(&end->shared->asleep, 0, __ATOMIC_RELAXED);
}

static inline void broadcast_sleep_consumer(struct toll_end *end, const uint32_t *word,
					    uint32_t seen)
{
	__atomic_fetch_add(&end->shared->sleepers, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == seen)
		toll_futex_wait(word, seen);
	__atomic_fetch_sub(&end->shared->sleepers, 1, __ATOMIC_RELAXED);
}

static TOLL_HOT void broadcast_wake(const uint32_t *asleep, const uint32_t *word, int most)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(asleep, __ATOMIC_RELAXED))
		toll_futex_wake(word, most);
}

/* Looks for the slowest consumer. It is one whose cursor is where the known room ends: where there
 * is none, there is room. */
static TOLL_HOT bool broadcast_has_room(struct toll_end *end, unsigned how)
{
	uint32_t least = end->depth;

	for (uint32_t i = 0; i < end->consumers; i++) {
		const uint32_t *cursor = &end->shared->consumer[i].returned;
		/* acquire: this consumer's last reads of the slots come before it gives them back
		 */
		uint32_t ahead = __atomic_load_n(cursor, __ATOMIC_ACQUIRE) - end->returned;

		if (ahead == 0) {
			if (how & TOLL_SLEEP)
				broadcast_sleep_producer(end, cursor);
			return false;
		}
		least = ahead < least ? ahead : least;
	}
	end->returned += least;
	return true;
}

static TOLL_HOT void *broadcast_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	if (TOLL_UNLIKELY(end->next - 1 - end->returned == end->depth) &&
	    !broadcast_has_room(end, how))
		return NULL;
	return broadcast_message(end);
}

static TOLL_HOT bool broadcast_commit(struct toll_end *end, size_t len, unsigned how)
{
	uint64_t word = (uint64_t)len << 32 | end->next;

	/* release: the message is written before its sequence shows */
	__atomic_store_n(broadcast_word(end), word, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		broadcast_wake(&end->shared->sleepers, (const uint32_t *)broadcast_word(end),
			       __INT_MAX__);
	broadcast_advance(end);
	return true;
}

static TOLL_HOT const void *broadcast_peek(struct toll_end *end, size_t *len, unsigned how)
{
	/* acquire: pairs with the release of broadcast_commit() */
	uint64_t word = __atomic_load_n(broadcast_word(end), __ATOMIC_ACQUIRE);

	if ((uint32_t)word != end->next) {
		if (how & TOLL_SLEEP)
			broadcast_sleep_consumer(end, (const uint32_t *)broadcast_word(end),
						 (uint32_t)word);
		return NULL;
	}
	*len = word >> 32;
	return broadcast_message(end);
}

static TOLL_HOT void broadcast_release(struct toll_end *end, unsigned how)
{
	uint32_t taken = end->next;

	broadcast_advance(end);
	if (taken - end->returned < end->quarter)
		return;
	end->returned = taken;
	/* release: these slots have been read */
	__atomic_store_n(end->cursor, taken, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		broadcast_wake(&end->shared->asleep, end->cursor, 1);
}

TOLL_MECHANISM(broadcast, .name = "broadcast",
	       .about = "shared-memory ring, each consumer gets every message",
	       .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = TOLL_MOST_PEERS, .to_all = true,
	       .in_place = true, .slots = true, .most_bytes = broadcast_most,
	       .bytes = broadcast_bytes, .attach = broadcast_attach, .reserve = broadcast_reserve,
	       .commit = broadcast_commit, .peek = broadcast_peek, .release = broadcast_release)
