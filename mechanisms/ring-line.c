/* SPDX-License-Identifier: MIT */
/* ring-line.c - ring:layout=line, the ring of ring.c with each sequence on a line of its own, in
 * front of the lines of its message. Who waits for the sequence does not touch the message before
 * it is whole, and a message of 64 B is one line rather than parts of two. */
#include "ring.h"

enum { LINE_BYTES = 64 }; /* from the sequence to the message */

struct toll_shared {
	uint32_t returned; /* slots given back; written by the consumer */
	char apart1[TOLL_LINE - 4];
	uint32_t asleep[2]; /* producer, consumer: it may sleep; written by that side alone */
	char apart2[TOLL_LINE - 8];
	unsigned char slots[];
};

struct toll_end {
	struct toll_shared *shared;
	unsigned char *slot, *first, *limit; /* the slot in turn, the first, and behind the last */
	size_t stride;
	uint32_t next;     /* sequence of the next message, from 1 */
	uint32_t returned; /* producer: slots known to be free again; consumer: told to be */
	uint32_t depth, quarter;
};

/* Whole pairs of lines: two that lie in one are fetched together. */
static size_t line_stride(const struct toll_channel *channel)
{
	return (LINE_BYTES + channel->most + TOLL_LINE - 1) / TOLL_LINE * TOLL_LINE;
}

static size_t line_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory != TOLL_SHARED)
		return 0;
	return sizeof(struct toll_shared) + channel->depth * line_stride(channel);
}

static size_t line_most(const struct toll_channel *channel)
{
	(void)channel;
	return UINT32_MAX - LINE_BYTES; /* the length has 32 bits */
}

static int line_attach(struct toll_end *end, const struct toll_channel *channel,
		       enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	end->stride = line_stride(channel);
	end->slot = end->first = channel->shared->slots;
	end->limit = end->first + channel->depth * end->stride;
	end->next = 1;
	end->depth = channel->depth;
	end->quarter = channel->depth < 4 ? 1 : channel->depth / 4;
	return 0;
}

/* Sequence (low half) and length of the slot in turn. */
static TOLL_HOT uint64_t *line_word(const struct toll_end *end)
{
	return (uint64_t *)(void *)end->slot;
}

static TOLL_HOT void *line_message(const struct toll_end *end)
{
	unsigned char *message = end->slot + LINE_BYTES;

	if (message == NULL) /* the compiler cannot know; saves the caller's look */
		__builtin_unreachable();
	return message;
}

static TOLL_HOT void line_advance(struct toll_end *end)
{
	end->next++;
	end->slot += end->stride;
	if (end->slot == end->limit)
		end->slot = end->first;
}

static TOLL_HOT void *line_reserve(struct toll_end *end, size_t len, unsigned how)
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
	return line_message(end);
}

static TOLL_HOT bool line_commit(struct toll_end *end, size_t len, unsigned how)
{
	/* release: the message is written before its sequence shows */
	__atomic_store_n(line_word(end), (uint64_t)len << 32 | end->next, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[1], (const uint32_t *)line_word(end));
	line_advance(end);
	return true;
}

static TOLL_HOT const void *line_peek(struct toll_end *end, size_t *len, unsigned how)
{
	/* acquire: pairs with the release of line_commit() */
	uint64_t word = __atomic_load_n(line_word(end), __ATOMIC_ACQUIRE);

	if ((uint32_t)word != end->next) {
		if (how & TOLL_SLEEP)
			ring_sleep(&end->shared->asleep[1], (const uint32_t *)line_word(end),
				   (uint32_t)word);
		return NULL;
	}
	*len = word >> 32;
	return line_message(end);
}

static TOLL_HOT void line_release(struct toll_end *end, unsigned how)
{
	line_advance(end);
	uint32_t taken = end->next - 1;

	if (taken - end->returned < end->quarter)
		return;
	end->returned = taken;
	/* release: these slots have been read */
	__atomic_store_n(&end->shared->returned, taken, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[0], &end->shared->returned);
}

TOLL_MECHANISM(ring_line, .name = "ring",
	       .about = "shared-memory ring, each sequence on a line of its own",
	       .when = "layout=line", .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,
	       .in_place = true, .slots = true, .most_bytes = line_most, .bytes = line_bytes,
	       .attach = line_attach, .reserve = line_reserve, .commit = line_commit,
	       .peek = line_peek, .release = line_release)
