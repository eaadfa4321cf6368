/* SPDX-License-Identifier: MIT */
/* ring-flag.c - ring:layout=flag, the ring of ring.c with a flag in front of each message that its
 * reader clears, and slots on lines of their own. A slot that has been read lies in its reader's
 * cache alone, so its writer takes it over from one place; and room is given back message by
 * message. (SPSCQueueOPT of Meng Rao is made so.) */
#include "ring.h"

enum { FLAG_BYTES = 8, FLAG_LINE = 64 };

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
	uint32_t moved; /* messages sent, or taken */
	uint32_t free;  /* producer: that may be sent before it looks again */
	uint32_t depth;
};

static size_t flag_stride(const struct toll_channel *channel)
{
	return (FLAG_BYTES + channel->most + FLAG_LINE - 1) / FLAG_LINE * FLAG_LINE;
}

static size_t flag_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory != TOLL_SHARED)
		return 0;
	return sizeof(struct toll_shared) + channel->depth * flag_stride(channel);
}

static size_t flag_most(const struct toll_channel *channel)
{
	(void)channel;
	return UINT32_MAX - FLAG_BYTES; /* the length has 32 bits */
}

static int flag_attach(struct toll_end *end, const struct toll_channel *channel,
		       enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	end->stride = flag_stride(channel);
	end->slot = end->first = channel->shared->slots;
	end->limit = end->first + channel->depth * end->stride;
	end->free = end->depth = channel->depth;
	return 0;
}

/* 1 in the low half, and the length of the message in the slot in turn; 0: none. */
static TOLL_HOT uint64_t *flag_word(const struct toll_end *end)
{
	return (uint64_t *)(void *)end->slot;
}

static TOLL_HOT void *flag_message(const struct toll_end *end)
{
	unsigned char *message = end->slot + FLAG_BYTES;

	if (message == NULL) /* the compiler cannot know; saves the caller's look */
		__builtin_unreachable();
	return message;
}

static TOLL_HOT void flag_advance(struct toll_end *end)
{
	end->moved++;
	end->slot += end->stride;
	if (end->slot == end->limit)
		end->slot = end->first;
}

static TOLL_HOT void *flag_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	if (TOLL_UNLIKELY(end->free == 0)) {
		/* acquire: the consumer's last reads of these slots, and the clearing of their
		 * flags, come before they are given back */
		uint32_t seen = __atomic_load_n(&end->shared->returned, __ATOMIC_ACQUIRE);

		end->free = end->depth - (end->moved - seen);
		if (end->free == 0) {
			if (how & TOLL_SLEEP)
				ring_sleep(&end->shared->asleep[0], &end->shared->returned, seen);
			return NULL;
		}
	}
	return flag_message(end);
}

static TOLL_HOT bool flag_commit(struct toll_end *end, size_t len, unsigned how)
{
	/* release: the message is written before its flag shows */
	__atomic_store_n(flag_word(end), (uint64_t)len << 32 | 1, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[1], (const uint32_t *)flag_word(end));
	end->free--;
	flag_advance(end);
	return true;
}

static TOLL_HOT const void *flag_peek(struct toll_end *end, size_t *len, unsigned how)
{
	/* acquire: pairs with the release of flag_commit() */
	uint64_t word = __atomic_load_n(flag_word(end), __ATOMIC_ACQUIRE);

	if (word == 0) {
		if (how & TOLL_SLEEP)
			ring_sleep(&end->shared->asleep[1], (const uint32_t *)flag_word(end), 0);
		return NULL;
	}
	*len = word >> 32;
	return flag_message(end);
}

static TOLL_HOT void flag_release(struct toll_end *end, unsigned how)
{
	/* relaxed: seen by the producer not before the store below */
	__atomic_store_n(flag_word(end), 0, __ATOMIC_RELAXED);
	flag_advance(end);
	/* release: the slot has been read and its flag cleared */
	__atomic_store_n(&end->shared->returned, end->moved, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[0], &end->shared->returned);
}

TOLL_MECHANISM(ring_flag, .name = "ring",
	       .about = "shared-memory ring, a flag before each message that its reader clears",
	       .when = "layout=flag", .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,
	       .in_place = true, .slots = true, .most_bytes = flag_most, .bytes = flag_bytes,
	       .attach = flag_attach, .reserve = flag_reserve, .commit = flag_commit,
	       .peek = flag_peek, .release = flag_release)
