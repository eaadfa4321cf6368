/* SPDX-License-Identifier: MIT */
/* ring.c - a ring of slots in shared memory, one producer, one consumer. Each slot carries its own
 * sequence, so a message is one store away from its reader and there is one regime only; room is
 * given back every quarter of the ring. The sequence stands behind the message, so that a
 * producer's stores only ever ascend: with the sequence in front each message goes back to a line
 * already left, and a stream of 64 B took 45 ns a message in place of 13 (Sapphire Rapids, lines 90
 * ns apart).
 *
 * layout=slot keeps what each side writes on lines of its own. layout=shared-line is its
 * false-sharing twin: the same ring, but both cursors and the credit lie on one line and are stored
 * for each message. */
#include "ring.h"

enum { RING_WORD = 8 }; /* behind each message: sequence (low 32 bits), length (high) */

struct toll_shared {
	uint32_t returned;   /* slots given back; written by the consumer */
	uint32_t head, tail; /* shared-line: cursors of producer and consumer */
	char apart1[TOLL_LINE - 12];
	uint32_t asleep[2]; /* producer, consumer: it may sleep; written by that side alone */
	char apart2[TOLL_LINE - 8];
	unsigned char slots[];
};

struct toll_end {
	struct toll_shared *shared;
	unsigned char *word, *first,
		*limit;      /* the word of the slot in turn, of the first, and behind the last */
	size_t stride, room; /* bytes: from slot to slot; from a message to its word */
	uint32_t next;       /* sequence of the next message, from 1 */
	uint32_t returned;   /* producer: slots known to be free again; consumer: told to be */
	uint32_t depth, quarter;
};

static size_t ring_stride(const struct toll_channel *channel)
{
	return RING_WORD + (channel->most + 7) / 8 * 8;
}

static size_t ring_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory != TOLL_SHARED)
		return 0;
	return sizeof(struct toll_shared) + channel->depth * ring_stride(channel);
}

static size_t ring_most(const struct toll_channel *channel)
{
	(void)channel;
	return UINT32_MAX - RING_WORD; /* the length has 32 bits */
}

static int ring_attach(struct toll_end *end, const struct toll_channel *channel,
		       enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	end->stride = ring_stride(channel);
	end->room = end->stride - RING_WORD;
	end->word = end->first = channel->shared->slots + end->room;
	end->limit = end->first + channel->depth * end->stride;
	end->next = 1;
	end->depth = channel->depth;
	end->quarter = channel->depth < 4 ? 1 : channel->depth / 4;
	return 0;
}

static TOLL_HOT uint64_t *ring_word(const struct toll_end *end)
{
	return (uint64_t *)(void *)end->word;
}

static TOLL_HOT void *ring_message(const struct toll_end *end)
{
	unsigned char *message = end->word - end->room;

	if (message == NULL) /* the compiler cannot know; saves the caller's look */
		__builtin_unreachable();
	return message;
}

static TOLL_HOT void ring_advance(struct toll_end *end)
{
	end->next++;
	end->word += end->stride;
	if (end->word == end->limit)
		end->word = end->first;
}

static TOLL_HOT void *ring_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	if (TOLL_UNLIKELY(end->next - 1 - end->returned == end->depth)) {
		uint32_t seen = end->returned;

		/* acquire: the consumer's last reads of these slots come before they are given back
		 */
		end->returned = __atomic_load_n(&end->shared->returned, __ATOMIC_ACQUIRE);
		if (end->returned == seen) {
			if (how & TOLL_SLEEP)
				ring_sleep(&end->shared->asleep[0], &end->shared->returned, seen);
			return NULL;
		}
	}
	return ring_message(end);
}

static TOLL_HOT bool ring_commit(struct toll_end *end, size_t len, unsigned how)
{
	uint64_t word = (uint64_t)len << 32 | end->next;

	/* release: the message is written before its sequence shows */
	__atomic_store_n(ring_word(end), word, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[1], (const uint32_t *)ring_word(end));
	ring_advance(end);
	return true;
}

static TOLL_HOT const void *ring_peek(struct toll_end *end, size_t *len, unsigned how)
{
	/* acquire: pairs with the release of ring_commit() */
	uint64_t word = __atomic_load_n(ring_word(end), __ATOMIC_ACQUIRE);

	if ((uint32_t)word != end->next) {
		if (how & TOLL_SLEEP)
			ring_sleep(&end->shared->asleep[1], (const uint32_t *)ring_word(end),
				   (uint32_t)word);
		return NULL;
	}
	*len = word >> 32;
	return ring_message(end);
}

static TOLL_HOT void ring_return(struct toll_end *end, unsigned how)
{
	uint32_t taken = end->next - 1;

	if (taken - end->returned < end->quarter)
		return;
	end->returned = taken;
	/* release: these slots have been read */
	__atomic_store_n(&end->shared->returned, taken, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[0], &end->shared->returned);
}

static TOLL_HOT void ring_release(struct toll_end *end, unsigned how)
{
	ring_advance(end);
	ring_return(end, how);
}

static TOLL_HOT bool ring_commit_line(struct toll_end *end, size_t len, unsigned how)
{
	/* relaxed: nobody acts on the cursors, their line is what costs */
	__atomic_store_n(&end->shared->head, end->next, __ATOMIC_RELAXED);
	return ring_commit(end, len, how);
}

static TOLL_HOT void ring_release_line(struct toll_end *end, unsigned how)
{
	__atomic_store_n(&end->shared->tail, end->next, __ATOMIC_RELAXED);
	ring_release(end, how);
}

#define RING                                                                                       \
	.name = "ring", .about = "shared-memory ring, the sequence in each slot",                  \
	.waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1, .in_place = true, .slots = true,   \
	.most_bytes = ring_most, .bytes = ring_bytes, .attach = ring_attach,                       \
	.reserve = ring_reserve, .peek = ring_peek

TOLL_MECHANISM(ring, RING, .when = "layout=slot", .commit = ring_commit, .release = ring_release)
TOLL_MECHANISM(ring_line, RING, .when = "layout=shared-line", .commit = ring_commit_line,
	       .release = ring_release_line)
