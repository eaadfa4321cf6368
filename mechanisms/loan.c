/* SPDX-License-Identifier: MIT */
/* loan.c - slots in shared memory that change hands: what moves is a slot's number, the payload
 * stays where it was written. The producer borrows a free slot, fills it and lends it to each
 * consumer; who gives it back last puts it among the free ones, in whatever order. In a ring a slot
 * comes back in its turn, or none behind it does.
 *
 * Free slots are a stack (R. K. Treiber, IBM RJ 5118, 1986) that many put onto and one takes from.
 * Taking is safe with a plain number as head: only this producer takes, so a head that is the same
 * has been there all the time. The slot given back last goes out next, still in somebody's cache.
 */
#include "notes.h"

struct toll_shared {
	uint32_t free; /* the first free slot's number; 0: none */
	char apart1[TOLL_LINE - 4];
	uint32_t asleep; /* the producer may sleep; written by it alone */
	char apart2[TOLL_LINE - 4];
	unsigned char rest[]; /* notes for each consumer, then the slots */
};

struct loan_slot {
	uint32_t references; /* consumers that have it */
	uint32_t next;       /* free: the number of the one below; 0: none */
	size_t len;
	unsigned char message[];
};

struct toll_end {
	struct toll_shared *shared;
	unsigned char *slots;
	size_t stride;          /* bytes from slot to slot */
	struct notes_end notes; /* those of this consumer; the producer's place in all of them */
	size_t notes_bytes;
	uint32_t held; /* producer: number of the slot that it fills; 0: none */
	uint32_t consumers;
};

static size_t loan_stride(const struct toll_channel *channel)
{
	return sizeof(struct loan_slot) + (channel->most + 7) / 8 * 8;
}

static size_t loan_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory != TOLL_SHARED)
		return 0;
	return sizeof(struct toll_shared) + channel->consumers * notes_bytes(channel) +
	       channel->depth * loan_stride(channel);
}

/* Slots have numbers from 1. */
static TOLL_HOT struct loan_slot *loan_slot(const struct toll_end *end, uint32_t number)
{
	unsigned char *slot = end->slots + (size_t)(number - 1) * end->stride;

	if (slot == NULL) /* the compiler cannot know; saves the caller's look */
		__builtin_unreachable();
	return (struct loan_slot *)(void *)slot;
}

static int loan_attach(struct toll_end *end, const struct toll_channel *channel,
		       enum toll_side side, unsigned index, void *buf)
{
	unsigned char *notes = channel->shared->rest;

	(void)buf;
	end->shared = channel->shared;
	end->notes_bytes = notes_bytes(channel);
	end->slots = notes + channel->consumers * end->notes_bytes;
	end->stride = loan_stride(channel);
	end->consumers = channel->consumers;
	if (side == TOLL_CONSUMER)
		notes += index * end->notes_bytes;
	notes_attach(&end->notes, channel, (struct notes *)(void *)notes);
	return 0;
}

static int loan_open(struct toll_channel *channel)
{
	struct toll_end all = { 0 };

	loan_attach(&all, channel, TOLL_PRODUCER, 0, NULL);
	for (uint32_t number = channel->depth; number > 0; number--) {
		loan_slot(&all, number)->next = channel->shared->free;
		channel->shared->free = number;
	}
	return 0;
}

static TOLL_HOT void *loan_reserve(struct toll_end *end, size_t len, unsigned how)
{
	uint32_t *free = &end->shared->free;

	(void)len;
	if (TOLL_LIKELY(end->held == 0)) {
		/* acquire: whoever put it there has read it, and has written its next */
		uint32_t number = __atomic_load_n(free, __ATOMIC_ACQUIRE);

		do {
			if (TOLL_UNLIKELY(number == 0)) {
				if (how & TOLL_SLEEP)
					ring_sleep(&end->shared->asleep, free, 0);
				return NULL;
			}
		} while (!__atomic_compare_exchange_n(free, &number, loan_slot(end, number)->next,
						      true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
		end->held = number;
	}
	return loan_slot(end, end->held)->message;
}

static TOLL_HOT bool loan_commit(struct toll_end *end, size_t len, unsigned how)
{
	struct loan_slot *slot = loan_slot(end, end->held);
	const struct notes_end mine = end->notes;

	slot->len = len;
	/* relaxed: the first note that leads to the slot is stored behind it */
	__atomic_store_n(&slot->references, end->consumers, __ATOMIC_RELAXED);
	/* there is room for the note: each one there is stands for a slot that is out */
	for (uint32_t i = 0; i < end->consumers; i++) {
		struct notes_end at = mine;

		at.shared = (struct notes *)(void *)((char *)mine.shared + i * end->notes_bytes);
		at.note = at.shared->note + notes_turn(&mine);
		notes_put(&at, end->held, len, how);
	}
	notes_advance(&end->notes);
	end->held = 0;
	return true;
}

static TOLL_HOT const void *loan_peek(struct toll_end *end, size_t *len, unsigned how)
{
	const struct note *note = notes_look(&end->notes, how);

	if (note == NULL)
		return NULL;
	*len = note->len;
	return loan_slot(end, notes_number(note))->message;
}

static TOLL_HOT void loan_release(struct toll_end *end, unsigned how)
{
	uint32_t number = notes_number(end->notes.note), *free = &end->shared->free;
	struct loan_slot *slot = loan_slot(end, number);

	notes_advance(&end->notes);
	/* acquire: the others have read it; as the kernel's skb_unref(), the last one need not
	 * count. release: this end has. */
	if (__atomic_load_n(&slot->references, __ATOMIC_ACQUIRE) != 1 &&
	    __atomic_sub_fetch(&slot->references, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	uint32_t first = __atomic_load_n(free, __ATOMIC_RELAXED);

	do {
		slot->next = first;
		/* release: the slot has been read, and its next stands */
	} while (!__atomic_compare_exchange_n(free, &first, number, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	if (how & TOLL_WAKE && first == 0) /* else it does not sleep */
		ring_wake(&end->shared->asleep, free);
}

TOLL_MECHANISM(
	loan, .name = "loan",
	.about = "slots in shared memory change hands: their number moves, counted references",
	.waits = TOLL_ANY_WAIT, .producers = 1, .consumers = TOLL_MOST_PEERS, .to_all = true,
	.in_place = true, .slots = true, .bytes = loan_bytes, .open = loan_open,
	.attach = loan_attach, .reserve = loan_reserve, .commit = loan_commit, .peek = loan_peek,
	.release = loan_release)
