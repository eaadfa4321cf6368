/* SPDX-License-Identifier: MIT */
/* ring-bytes.c - ring:layout=bytes, a ring of bytes that carries messages of varying length. Each
 * is a record: a word that says what follows, then the message, in one piece. A record that would
 * go beyond the end begins at the start again, and a word that says so stands in its place.
 *
 * The word is the signal, as in the other layouts: 0 until the record is whole. Where the next word
 * will stand there may be bytes of an old message, so the producer clears it before it publishes a
 * record (as in M. Rao's SPSCVarQueue). Room is given back every quarter of the ring. */
#include "ring.h"

enum { BYTES_EMPTY, BYTES_MESSAGE, BYTES_SKIP }; /* low half of a word; the high half: length */

struct toll_shared {
	uint32_t returned; /* words given back; written by the consumer */
	char apart1[TOLL_LINE - 4];
	uint32_t asleep[2]; /* producer, consumer: it may sleep; written by that side alone */
	char apart2[TOLL_LINE - 8];
	uint64_t words[];
};

struct toll_end { /* all in words of 8 bytes */
	struct toll_shared *shared;
	uint32_t at;       /* where the next record begins, counted without end */
	uint32_t returned; /* producer: known to be free again; consumer: told to be */
	uint32_t capacity, mask;
};

static uint64_t bytes_record(uint64_t len)
{
	return 1 + (len + 7) / 8;
}

/* A power of two. Beside the messages it must hold there is a quarter that the consumer has not
 * given back yet, what is left at the end, and the word behind the last. */
static uint64_t bytes_capacity(const struct toll_channel *channel)
{
	uint64_t least = ((channel->depth + 1ULL) * bytes_record(channel->most) + 1) * 4 / 3;
	uint64_t capacity = 4;

	while (capacity <= least)
		capacity *= 2;
	return capacity;
}

static size_t bytes_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory != TOLL_SHARED)
		return 0;
	return sizeof(struct toll_shared) + bytes_capacity(channel) * sizeof(uint64_t);
}

/* Positions have 32 bits, and the ring at most half of that: 16 GiB. */
static size_t bytes_most(const struct toll_channel *channel)
{
	uint64_t records = ((1ULL << 31) / 4 * 3 - 2) / (channel->depth + 1ULL);

	/* cppcheck-suppress knownConditionTrueFalse ; it takes depth for 0 */
	return records < 1 ? 0 : records - 1 < (1U << 29) ? (records - 1) * 8 : UINT32_MAX;
}

static int bytes_attach(struct toll_end *end, const struct toll_channel *channel,
			enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	end->capacity = (uint32_t)bytes_capacity(channel);
	end->mask = end->capacity - 1;
	return 0;
}

static TOLL_HOT uint64_t *bytes_word(const struct toll_end *end, uint32_t at)
{
	return &end->shared->words[at & end->mask];
}

static TOLL_HOT uint32_t bytes_to_end(const struct toll_end *end)
{
	return end->capacity - (end->at & end->mask);
}

/* Room for so many words, and for the one behind them. */
static TOLL_HOT bool bytes_has_room(struct toll_end *end, uint32_t words, unsigned how)
{
	if (TOLL_LIKELY(end->at - end->returned + words < end->capacity))
		return true;
	uint32_t seen = end->returned;

	/* acquire: the consumer's last reads of these words come before they are given back */
	end->returned = __atomic_load_n(&end->shared->returned, __ATOMIC_ACQUIRE);
	if (end->returned == seen && (how & TOLL_SLEEP))
		ring_sleep(&end->shared->asleep[0], &end->shared->returned, seen);
	return end->at - end->returned + words < end->capacity;
}

/* Ends a record: what it is, and for the reader where the next one's word will be. */
static TOLL_HOT void bytes_publish(struct toll_end *end, uint64_t what, uint32_t words,
				   unsigned how)
{
	uint64_t *word = bytes_word(end, end->at);

	end->at += words;
	/* relaxed: it comes to the reader by the release of the next line */
	__atomic_store_n(bytes_word(end, end->at), BYTES_EMPTY, __ATOMIC_RELAXED);
	/* release: the message is written before its word shows */
	__atomic_store_n(word, what, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[1], (const uint32_t *)word);
}

static TOLL_HOT void *bytes_reserve(struct toll_end *end, size_t len, unsigned how)
{
	uint32_t words = (uint32_t)bytes_record(len), left = bytes_to_end(end);

	if (TOLL_UNLIKELY(words > left)) {
		if (!bytes_has_room(end, left, how))
			return NULL;
		bytes_publish(end, BYTES_SKIP, left, how);
	}
	return bytes_has_room(end, words, how) ? bytes_word(end, end->at) + 1 : NULL;
}

static TOLL_HOT bool bytes_commit(struct toll_end *end, size_t len, unsigned how)
{
	bytes_publish(end, (uint64_t)len << 32 | BYTES_MESSAGE, (uint32_t)bytes_record(len), how);
	return true;
}

static TOLL_HOT const void *bytes_peek(struct toll_end *end, size_t *len, unsigned how)
{
	/* acquire: pairs with the release of bytes_publish() */
	uint64_t word = __atomic_load_n(bytes_word(end, end->at), __ATOMIC_ACQUIRE);

	if (TOLL_UNLIKELY((uint32_t)word == BYTES_SKIP)) {
		end->at += bytes_to_end(end);
		word = __atomic_load_n(bytes_word(end, end->at), __ATOMIC_ACQUIRE);
	}
	if ((uint32_t)word == BYTES_EMPTY) {
		if (how & TOLL_SLEEP)
			ring_sleep(&end->shared->asleep[1],
				   (const uint32_t *)bytes_word(end, end->at), BYTES_EMPTY);
		return NULL;
	}
	*len = word >> 32;
	return bytes_word(end, end->at) + 1;
}

static TOLL_HOT void bytes_release(struct toll_end *end, unsigned how)
{
	/* relaxed: this side has seen it in bytes_peek() */
	uint64_t word = __atomic_load_n(bytes_word(end, end->at), __ATOMIC_RELAXED);

	end->at += (uint32_t)bytes_record(word >> 32);
	if (end->at - end->returned < end->capacity / 4)
		return;
	end->returned = end->at;
	/* release: these words have been read */
	__atomic_store_n(&end->shared->returned, end->at, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[0], &end->shared->returned);
}

TOLL_MECHANISM(ring_bytes, .name = "ring", .about = "shared-memory ring of records",
	       .when = "layout=bytes", .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,
	       .in_place = true, .most_bytes = bytes_most, .bytes = bytes_bytes,
	       .attach = bytes_attach, .reserve = bytes_reserve, .commit = bytes_commit,
	       .peek = bytes_peek, .release = bytes_release)
