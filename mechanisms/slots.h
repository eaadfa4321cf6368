/* SPDX-License-Identifier: MIT */
/* slots.h - slots in shared memory for what carries no payload itself: a semaphore or a condition
 * says that there is one, the message lies here. One producer, one consumer, in order. */
#ifndef SLOTS_H
#define SLOTS_H

#include "toll.h"

struct slot {
	size_t len;
	unsigned char message[];
};

struct slots { /* where an end stands; its own */
	struct slot *slot;
	unsigned char *first, *limit; /* of the slots, and behind the last */
	size_t stride;                /* bytes from slot to slot */
};

static inline size_t slots_stride(const struct toll_channel *channel)
{
	return sizeof(struct slot) + (channel->most + 7) / 8 * 8;
}

/* Shared bytes of them all. */
static inline size_t slots_bytes(const struct toll_channel *channel)
{
	return channel->depth * slots_stride(channel);
}

static inline void slots_attach(struct slots *slots, const struct toll_channel *channel,
				unsigned char *first)
{
	slots->slot = (struct slot *)(void *)first;
	slots->first = first;
	slots->limit = first + slots_bytes(channel);
	slots->stride = slots_stride(channel);
}

static TOLL_HOT void slots_next(struct slots *slots)
{
	unsigned char *next = (unsigned char *)slots->slot + slots->stride;

	slots->slot = (struct slot *)(void *)(next == slots->limit ? slots->first : next);
}

static TOLL_HOT void slots_put(struct slots *slots, size_t len)
{
	slots->slot->len = len;
	slots_next(slots);
}

#endif
