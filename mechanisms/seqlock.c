/* SPDX-License-Identifier: MIT */
/* seqlock.c - messages in shared memory, overwritten at will: each reader sees the newest, and what
 * it was too slow for is lost. A message's version is odd while it is being written; a reader
 * copies it out and keeps the copy when the version is still the same. The words are copied one by
 * one as relaxed atomics, since they may be written while they are read (H.-J. Boehm, "Can seqlocks
 * get along with programming language memory models?", MSPC 2012).
 *
 * The producer writes into several places in turn, like the kernel's seqcount_latch_t. With one
 * place a producer that never rests starves its readers: of 4 KiB between two CPUs not one came
 * through in five seconds. */
#include "toll.h"

enum { SEQLOCK_PLACES = 8 };

struct seqlock_place {    /* written by the producer */
	uint32_t version; /* 2n − 1 while message n is being written, then 2n */
	uint32_t len;
	uint64_t word[];
};

struct toll_shared {
	uint32_t newest; /* number of the last whole message, from 1; written by the producer */
	char apart[TOLL_LINE - 4];
	uint32_t sleepers; /* readers that may sleep; each adds and takes itself */
	char apart2[TOLL_LINE - 4];
	unsigned char places[];
};

struct toll_end {
	struct toll_shared *shared;
	uint64_t *copy;
	size_t stride;
	uint32_t number; /* of the last message written, or seen */
	bool full;       /* reader: the copy is a message that was not released */
	size_t len;
};

static size_t seqlock_words(size_t len)
{
	return (len + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

static size_t seqlock_stride(const struct toll_channel *channel)
{
	size_t bytes =
		sizeof(struct seqlock_place) + seqlock_words(channel->most) * sizeof(uint64_t);

	return (bytes + TOLL_LINE - 1) / TOLL_LINE * TOLL_LINE;
}

static size_t seqlock_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory != TOLL_SHARED)
		return seqlock_words(channel->most) * sizeof(uint64_t);
	return sizeof(struct toll_shared) + SEQLOCK_PLACES * seqlock_stride(channel);
}

static size_t seqlock_most(const struct toll_channel *channel)
{
	(void)channel;
	return UINT32_MAX; /* len has 32 bits */
}

static int seqlock_attach(struct toll_end *end, const struct toll_channel *channel,
			  enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index;
	end->shared = channel->shared;
	end->copy = buf;
	end->stride = seqlock_stride(channel);
	return 0;
}

static TOLL_HOT void *seqlock_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->copy;
}

static TOLL_HOT struct seqlock_place *seqlock_place(const struct toll_end *end, uint32_t number)
{
	unsigned char *place = end->shared->places + number % SEQLOCK_PLACES * end->stride;

	return (struct seqlock_place *)(void *)place;
}

static TOLL_HOT bool seqlock_commit(struct toll_end *end, size_t len, unsigned how)
{
	uint32_t number = ++end->number;
	struct seqlock_place *place = seqlock_place(end, number);

	__atomic_store_n(&place->version, 2 * number - 1, __ATOMIC_RELAXED);
	/* release: who sees a word of this message sees the odd version too */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&place->len, (uint32_t)len, __ATOMIC_RELAXED);
	for (size_t i = 0; i < seqlock_words(len); i++)
		__atomic_store_n(&place->word[i], end->copy[i], __ATOMIC_RELAXED);
	/* release, both: the message is whole before its version shows, and that before its number
	 */
	__atomic_store_n(&place->version, 2 * number, __ATOMIC_RELEASE);
	__atomic_store_n(&end->shared->newest, number, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE) {
		/* between the store and the look at the mark, as in seqlock_sleep() */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(&end->shared->sleepers, __ATOMIC_RELAXED))
			toll_futex_wake(&end->shared->newest, __INT_MAX__);
	}
	return true;
}

static inline void seqlock_sleep(struct toll_shared *shared, uint32_t seen)
{
	__atomic_fetch_add(&shared->sleepers, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&shared->newest, __ATOMIC_ACQUIRE) == seen)
		toll_futex_wait(&shared->newest, seen);
	__atomic_fetch_sub(&shared->sleepers, 1, __ATOMIC_RELAXED);
}

static TOLL_HOT const void *seqlock_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (!end->full) {
		/* acquire: pairs with the release of seqlock_commit() */
		uint32_t number = __atomic_load_n(&end->shared->newest, __ATOMIC_ACQUIRE);
		const struct seqlock_place *place = seqlock_place(end, number);

		if (number == end->number) {
			if (how & TOLL_SLEEP)
				seqlock_sleep(end->shared, number);
			return NULL;
		}
		/* acquire: the words are read after the version, and before it is read again */
		if (__atomic_load_n(&place->version, __ATOMIC_ACQUIRE) != 2 * number)
			return NULL;
		end->len = __atomic_load_n(&place->len, __ATOMIC_RELAXED);
		for (size_t i = 0; i < seqlock_words(end->len); i++)
			end->copy[i] = __atomic_load_n(&place->word[i], __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&place->version, __ATOMIC_RELAXED) != 2 * number)
			return NULL;
		end->number = number;
		end->full = true;
	}
	*len = end->len;
	return end->copy;
}

static TOLL_HOT void seqlock_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->full = false;
}

TOLL_MECHANISM(seqlock, .name = "seqlock",
	       .about = "one message, overwritten: readers see the newest, others are lost",
	       .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = TOLL_MOST_PEERS,
	       .most_depth = 1, .to_all = true, .slots = true, .lossy = true,
	       .most_bytes = seqlock_most, .bytes = seqlock_bytes, .attach = seqlock_attach,
	       .reserve = seqlock_reserve, .commit = seqlock_commit, .peek = seqlock_peek,
	       .release = seqlock_release)
