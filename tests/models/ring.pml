/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ring.pml - the protocol of mechanisms/ring.c between one producer and one consumer that sleep.
 * Names are those of ring.c; what is asked for by #ifdef breaks something, and must be seen to.
 *
 * Checked: each message arrives once, in order and whole (assertions); no side sleeps for ever while
 * there is something to do (an invalid end state); with BLOCK, that nothing goes round in circles.
 *
 * holds: DEPTH=2
 * fails: NO_MARK
 * fails: NO_FENCE_BEFORE_MARK
 * long:
 * holds: DEPTH=1
 * holds: DEPTH=3 MESSAGES=8
 * holds: DEPTH=4 SEQUENCES=8 MESSAGES=10
 * holds: DEPTH=4 SEQUENCES=8 MESSAGES=9 QUARTER=2
 * holds: DEPTH=2 SIGNALS=0
 * holds: DEPTH=2 BLOCK
 * holds: DEPTH=4 SEQUENCES=8 BLOCK
 * holds: DEPTH=3 KERNEL_WITHOUT_FENCES
 * fails: NO_FENCE_AFTER_MARK KERNEL_WITHOUT_FENCES
 * holds: NO_FENCE_BEFORE_MARK NO_BUFFERS
 * fails: NO_WAKE
 * fails: WAKER_TAKES_MARK
 * fails: ADVANCE_BEFORE_WAKE
 * fails: ROOM_FOR_ONE_MORE
 * fails: WORD_BEFORE_MESSAGE
 * fails: RETURNED_BEFORE_READ
 * fails: QUARTER=3
 *
 * models mechanisms/ring.h
 *	ring_sleep 3853162137 ring_wake 3723212093
 * models mechanisms/ring.c
 *	ring_reserve 2346998613 ring_commit 849392068 ring_peek 791006047 ring_return 2765359163
 */
#ifndef DEPTH
#define DEPTH 2
#endif
#ifndef MESSAGES
#define MESSAGES 6
#endif
#ifndef SEQUENCES
#define SEQUENCES 4 /* 2³² in ring.c: so that they wrap */
#endif
#ifndef QUARTER
#define QUARTER (DEPTH < 4 -> 1 : DEPTH / 4)
#endif

#define CPUS 2
#define WORDS (3 + 2 * DEPTH)
#include "tso.inc"

#define PRODUCER 0
#define CONSUMER 1
#define RETURNED 0
#define ASLEEP(side) (1 + (side))
#define WORD(slot) (3 + (slot))
#define MESSAGE(slot) (3 + DEPTH + (slot))
#define SEQUENCE(x) ((x) & (SEQUENCES - 1))

inline ring_sleep(side, word, seen)
{
#ifndef NO_MARK
	store(side, ASLEEP(side), 1);
#endif
#ifndef NO_FENCE_AFTER_MARK
	fence(side);
#endif
	if
	:: LOAD(side, word) == seen -> futex_wait(side, word, seen)
	:: else
	fi;
	store(side, ASLEEP(side), 0)
}

inline ring_wake(side, word)
{
#ifndef NO_FENCE_BEFORE_MARK
	fence(side);
#endif
	if
#ifdef NO_WAKE
	:: false
#else
	:: LOAD(side, ASLEEP(1 - side)) ->
#endif
#ifdef WAKER_TAKES_MARK
		store(side, ASLEEP(1 - side), 0);
#endif
		futex_wake(side, word)
	:: else
	fi
}

/* TOLL_SLEEP is not set in each call: block tries once without after each success, hybrid spins. */
#ifdef BLOCK
#define MAY_SPIN false
#else
#define MAY_SPIN true
#endif

#ifdef ROOM_FOR_ONE_MORE
#define ROOM (DEPTH + 1)
#else
#define ROOM DEPTH
#endif

#define ADVANCE                                                                                    \
	next = SEQUENCE(next + 1);                                                                 \
	slot = (slot + 1 == DEPTH -> 0 : slot + 1)

active proctype producer()
{
	byte next = 1, returned, seen, slot, sent;

	do
	:: sent == MESSAGES -> break
	:: else ->
		/* ring_reserve */
		do
		:: SEQUENCE(next - 1 - returned) != ROOM -> break
		:: else ->
			seen = returned;
			returned = LOAD(PRODUCER, RETURNED);
			if
			:: returned != seen -> break
			:: returned == seen -> ring_sleep(PRODUCER, RETURNED, seen)
			:: returned == seen && MAY_SPIN
			fi
		od;
		sent++;
#ifdef WORD_BEFORE_MESSAGE
		store(PRODUCER, WORD(slot), next);
		store(PRODUCER, MESSAGE(slot), sent);
#else
		store(PRODUCER, MESSAGE(slot), sent);
		/* ring_commit */
		store(PRODUCER, WORD(slot), next);
#endif
#ifdef ADVANCE_BEFORE_WAKE
		ADVANCE;
		ring_wake(PRODUCER, WORD(slot))
#else
		ring_wake(PRODUCER, WORD(slot));
		ADVANCE
#endif
	od
}

active proctype consumer()
{
	byte next = 1, returned, seen, slot, got;

	do
	:: got == MESSAGES -> break
	:: else ->
		/* ring_peek */
		do
		:: seen = LOAD(CONSUMER, WORD(slot));
			if
			:: seen == next -> break
			:: seen != next -> ring_sleep(CONSUMER, WORD(slot), seen)
			:: seen != next && MAY_SPIN
			fi
		od;
		got++;
		/* it may be read until it is released */
		assert(LOAD(CONSUMER, MESSAGE(slot)) == got);
#ifndef RETURNED_BEFORE_READ
		assert(LOAD(CONSUMER, MESSAGE(slot)) == got);
		ADVANCE;
#endif
		/* ring_return: next is one ahead already */
#ifdef RETURNED_BEFORE_READ
		seen = slot;
		ADVANCE;
#endif
		if
		:: SEQUENCE(next - 1 - returned) >= QUARTER ->
			returned = SEQUENCE(next - 1);
			store(CONSUMER, RETURNED, returned);
			ring_wake(CONSUMER, RETURNED)
		:: else
		fi
#ifdef RETURNED_BEFORE_READ
		;
		assert(LOAD(CONSUMER, MESSAGE(seen)) == got)
#endif
	od
}
