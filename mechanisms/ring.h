/* SPDX-License-Identifier: MIT */
/* ring.h - how the two sides of a ring in shared memory sleep for each other, on a word that the
 * other side changes. */
#ifndef RING_H
#define RING_H

#include "toll.h"

/* Sleeps while *word == seen. Between the mark and the look at the word stands a full fence, as
 * between the other side's store and its look at the mark: one of the two sees the other. The
 * sleeper takes its mark back itself: cleared by the other side it could be the mark of the next
 * sleep. */
static inline void ring_sleep(uint32_t *asleep, const uint32_t *word, uint32_t seen)
{
	__atomic_store_n(asleep, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == seen)
		toll_futex_wait(word, seen);
	__atomic_store_n(asleep, 0, __ATOMIC_RELAXED);
}

static TOLL_HOT void ring_wake(const uint32_t *asleep, const uint32_t *word)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(asleep, __ATOMIC_RELAXED))
		toll_futex_wake(word, 1);
}

#endif
