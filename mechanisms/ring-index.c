/* SPDX-License-Identifier: MIT */
/* ring-index.c - ring:layout=index, the ring that most libraries have: the producer publishes how
 * many messages it has sent, the consumer how many it has taken, each for every message and on a
 * line of its own (128 B apart), and each keeps the other's count until that says full or empty
 * (E. Rigtorp, Optimizing a ring buffer for throughput, 2021). It has two regimes: while one side
 * lags, a count that is fetched serves many messages; in lock-step each message moves both lines
 * beside its own. */
#include "ring.h"

enum { INDEX_LENGTH = 8 }; /* in front of each message: its length */

struct toll_shared {
	uint32_t head; /* messages sent; written by the producer */
	char apart1[TOLL_LINE - 4];
	uint32_t tail; /* messages taken; written by the consumer */
	char apart2[TOLL_LINE - 4];
	uint32_t asleep[2]; /* producer, consumer: it may sleep; written by that side alone */
	char apart3[TOLL_LINE - 8];
	unsigned char slots[];
};

struct toll_end {
	struct toll_shared *shared;
	unsigned char *slot, *first, *limit; /* the slot in turn, the first, and behind the last */
	size_t stride;
	uint32_t moved, other; /* messages moved by this side, and by the other when last seen */
	uint32_t depth;
};

static size_t index_stride(const struct toll_channel *channel)
{
	return INDEX_LENGTH + (channel->most + 7) / 8 * 8;
}

static size_t index_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory != TOLL_SHARED)
		return 0;
	return sizeof(struct toll_shared) + channel->depth * index_stride(channel);
}

static size_t index_most(const struct toll_channel *channel)
{
	(void)channel;
	return UINT32_MAX; /* as for the other layouts */
}

static int index_attach(struct toll_end *end, const struct toll_channel *channel,
			enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	end->stride = index_stride(channel);
	end->slot = end->first = channel->shared->slots;
	end->limit = end->first + channel->depth * end->stride;
	end->depth = channel->depth;
	return 0;
}

static TOLL_HOT void *index_message(const struct toll_end *end)
{
	unsigned char *message = end->slot + INDEX_LENGTH;

	if (message == NULL) /* the compiler cannot know; saves the caller's look */
		__builtin_unreachable();
	return message;
}

static TOLL_HOT uint64_t *index_length(const struct toll_end *end)
{
	return (uint64_t *)(void *)end->slot;
}

static TOLL_HOT void index_advance(struct toll_end *end)
{
	end->moved++;
	end->slot += end->stride;
	if (end->slot == end->limit)
		end->slot = end->first;
}

static TOLL_HOT void *index_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	if (TOLL_UNLIKELY(end->moved - end->other == end->depth)) {
		uint32_t seen = end->other;

		/* acquire: the consumer's last reads of these slots come before it counts them */
		end->other = __atomic_load_n(&end->shared->tail, __ATOMIC_ACQUIRE);
		if (end->other == seen) {
			if (how & TOLL_SLEEP)
				ring_sleep(&end->shared->asleep[0], &end->shared->tail, seen);
			return NULL;
		}
	}
	return index_message(end);
}

static TOLL_HOT bool index_commit(struct toll_end *end, size_t len, unsigned how)
{
	*index_length(end) = len;
	index_advance(end);
	/* release: message and length are written before they are counted */
	__atomic_store_n(&end->shared->head, end->moved, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[1], &end->shared->head);
	return true;
}

static TOLL_HOT const void *index_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->moved == end->other) {
		uint32_t seen = end->other;

		/* acquire: pairs with the release of index_commit() */
		end->other = __atomic_load_n(&end->shared->head, __ATOMIC_ACQUIRE);
		if (end->other == seen) {
			if (how & TOLL_SLEEP)
				ring_sleep(&end->shared->asleep[1], &end->shared->head, seen);
			return NULL;
		}
	}
	*len = *index_length(end);
	return index_message(end);
}

static TOLL_HOT void index_release(struct toll_end *end, unsigned how)
{
	index_advance(end);
	/* release: the slot has been read */
	__atomic_store_n(&end->shared->tail, end->moved, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[0], &end->shared->tail);
}

TOLL_MECHANISM(ring_index, .name = "ring",
	       .about = "shared-memory ring, each side publishes a count", .when = "layout=index",
	       .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1, .in_place = true,
	       .slots = true, .most_bytes = index_most, .bytes = index_bytes,
	       .attach = index_attach, .reserve = index_reserve, .commit = index_commit,
	       .peek = index_peek, .release = index_release)
