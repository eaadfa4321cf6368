/* SPDX-License-Identifier: MIT */
/* notes.h - a ring of notes in shared memory, one producer, one consumer, for what moves a message
 * in another way: a note says that there is one, how long it is, and a number (of a slot, of a
 * descriptor). Notes follow each other as slots do in ring.c. */
#ifndef NOTES_H
#define NOTES_H

#include "ring.h"

struct note {
	uint64_t len;
	uint64_t word; /* sequence (low 32 bits), number (high) */
};

struct notes {             /* shared */
	uint32_t returned; /* messages that are done with; written by the consumer */
	char apart1[TOLL_LINE - 4];
	uint32_t asleep[2]; /* producer, consumer: it may sleep; written by that side alone */
	char apart2[TOLL_LINE - 8];
	struct note note[];
};

struct notes_end { /* where an end stands; its own */
	struct notes *shared;
	struct note *note, *limit;
	uint32_t next;     /* sequence of the next note, from 1 */
	uint32_t returned; /* producer: known to be done with; consumer: told to be */
	uint32_t depth, quarter;
};

/* Whole lines, so that others may follow. */
static inline size_t notes_bytes(const struct toll_channel *channel)
{
	size_t bytes = sizeof(struct notes) + channel->depth * sizeof(struct note);

	return (bytes + TOLL_LINE - 1) / TOLL_LINE * TOLL_LINE;
}

static inline void notes_attach(struct notes_end *end, const struct toll_channel *channel,
				struct notes *shared)
{
	end->shared = shared;
	end->note = shared->note;
	end->limit = shared->note + channel->depth;
	end->next = 1;
	end->depth = channel->depth;
	end->quarter = channel->depth < 4 ? 1 : channel->depth / 4;
}

/* Which of the ring's notes is in turn. */
static TOLL_HOT size_t notes_turn(const struct notes_end *end)
{
	return (size_t)(end->note - end->shared->note);
}

static TOLL_HOT void notes_advance(struct notes_end *end)
{
	end->next++;
	if (++end->note == end->limit)
		end->note = end->shared->note;
}

/* Whether the producer may write another. */
static TOLL_HOT bool notes_room(struct notes_end *end, unsigned how)
{
	uint32_t seen = end->returned;

	if (TOLL_LIKELY(end->next - 1 - seen != end->depth))
		return true;
	/* acquire: the consumer's last look at these messages comes before they are given back */
	end->returned = __atomic_load_n(&end->shared->returned, __ATOMIC_ACQUIRE);
	if (end->returned != seen)
		return true;
	if (how & TOLL_SLEEP)
		ring_sleep(&end->shared->asleep[0], &end->shared->returned, seen);
	return false;
}

static TOLL_HOT void notes_put(struct notes_end *end, uint32_t number, size_t len, unsigned how)
{
	struct note *note = end->note;

	note->len = len;
	/* release: the message is whole before its note shows */
	__atomic_store_n(&note->word, (uint64_t)number << 32 | end->next, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[1], (const uint32_t *)&note->word);
	notes_advance(end);
}

/* The next note, NULL when there is none yet. */
static TOLL_HOT const struct note *notes_look(struct notes_end *end, unsigned how)
{
	/* acquire: pairs with the release of notes_put() */
	uint64_t word = __atomic_load_n(&end->note->word, __ATOMIC_ACQUIRE);

	if (TOLL_LIKELY((uint32_t)word == end->next))
		return end->note;
	if (how & TOLL_SLEEP)
		ring_sleep(&end->shared->asleep[1], (const uint32_t *)&end->note->word,
			   (uint32_t)word);
	return NULL;
}

static TOLL_HOT uint32_t notes_number(const struct note *note)
{
	return (uint32_t)(note->word >> 32);
}

/* The consumer is done with the message. The producer is told every quarter of the ring. */
static TOLL_HOT void notes_done(struct notes_end *end, unsigned how)
{
	uint32_t done = end->next;

	notes_advance(end);
	if (done - end->returned < end->quarter)
		return;
	end->returned = done;
	/* release: the message has been read */
	__atomic_store_n(&end->shared->returned, done, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		ring_wake(&end->shared->asleep[0], &end->shared->returned);
}

#endif
