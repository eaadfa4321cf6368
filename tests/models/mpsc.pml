/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mpsc.pml - the protocol of mechanisms/mpsc.c between two producers and one consumer that sleep.
 * Names are those of mpsc.c; what is asked for by #ifdef breaks something, and must be seen to.
 *
 * Checked: each message arrives once and whole, those of one producer in order (assertions); no side
 * sleeps for ever while there is something to do (an invalid end state); with BLOCK, that nothing
 * goes round in circles.
 *
 * holds: DEPTH=2
 * fails: NO_FENCE_BEFORE_MARK
 * long:
 * holds: DEPTH=1
 * holds: DEPTH=3
 * holds: DEPTH=2 SIGNALS=0
 * holds: DEPTH=1 MESSAGES=3 SIGNALS=0
 * holds: DEPTH=1 BLOCK
 * holds: DEPTH=2 BLOCK
 * holds: DEPTH=2 KERNEL_WITHOUT_FENCES
 * fails: NO_FENCE_AFTER_MARK KERNEL_WITHOUT_FENCES
 * holds: NO_FENCE_BEFORE_MARK NO_BUFFERS
 * fails: NO_MARK
 * fails: NO_WAKE
 * fails: WAKE_ONE DEPTH=1
 * fails: TICKET_IN_TWO_STEPS
 * fails: WORD_BEFORE_MESSAGE
 * fails: FREE_BEFORE_READ
 * fails: MARK_IS_NO_COUNT DEPTH=1
 *
 * models mechanisms/mpsc.c
 *	mpsc_sleep_producer 2692395877 mpsc_sleep_consumer 1368087997 mpsc_wake 2582211017
 *	mpsc_reserve 3796271430 mpsc_commit 3083125417 mpsc_peek 182711788 mpsc_take 4021358761
 */
#ifndef DEPTH
#define DEPTH 2
#endif
#ifndef MESSAGES
#define MESSAGES 2 /* of each producer */
#endif
#define LAPS 4 /* 2³¹ in mpsc.c: so that they wrap with DEPTH=1 MESSAGES=3 */

#define PRODUCERS 2
#define CONSUMER 2
#define CPUS 3
#define WORDS (3 + 2 * DEPTH)
#include "tso.inc"

#define TICKET 0
#define ASLEEP 1
#define SLEEPERS 2
#define WORD(slot) (3 + (slot))
#define MESSAGE(slot) (3 + DEPTH + (slot))
#define LAP(lap) ((lap) & (2 * LAPS - 1))

/* TOLL_SLEEP is not set in each call: block tries once without after each success, hybrid spins. */
#ifdef BLOCK
#define MAY_SPIN false
#else
#define MAY_SPIN true
#endif

#ifdef NO_FENCE_AFTER_MARK
#define FENCE_AFTER_MARK(cpu) skip
#else
#define FENCE_AFTER_MARK(cpu) fence(cpu)
#endif

/* Of a producer; the locked instruction waits for the buffer to be empty. */
inline mpsc_sleep_producer(cpu, word, seen)
{
#ifdef MARK_IS_NO_COUNT
	store(cpu, SLEEPERS, 1);
	fence(cpu);
#else
	atomic { !pending[cpu] -> memory[SLEEPERS]++ }
	FENCE_AFTER_MARK(cpu);
#endif
	if
	:: LOAD(cpu, word) == seen -> futex_wait(cpu, word, seen)
	:: else
	fi;
#ifdef MARK_IS_NO_COUNT
	store(cpu, SLEEPERS, 0)
#else
	atomic { !pending[cpu] -> memory[SLEEPERS]-- }
#endif
}

inline mpsc_sleep_consumer(cpu, word, seen)
{
#ifndef NO_MARK
	store(cpu, ASLEEP, 1);
#endif
	FENCE_AFTER_MARK(cpu);
	if
	:: LOAD(cpu, word) == seen -> futex_wait(cpu, word, seen)
	:: else
	fi;
	store(cpu, ASLEEP, 0)
}

inline mpsc_wake(cpu, mark, word)
{
#ifndef NO_FENCE_BEFORE_MARK
	fence(cpu);
#endif
	if
#ifdef NO_WAKE
	:: false
#else
	:: LOAD(cpu, mark) != 0 ->
#endif
#ifdef WAKE_ONE
		futex_wake(cpu, word)
#else
		futex_wake_all(cpu, word)
#endif
	:: else
	fi
}

active [PRODUCERS] proctype producer()
{
	byte ticket, lap, seen, sent, slot;

	do
	:: sent == MESSAGES -> break
	:: else ->
		/* mpsc_reserve */
#ifdef TICKET_IN_TWO_STEPS
		ticket = LOAD(_pid - 1, TICKET);
		store(_pid - 1, TICKET, ticket + 1);
#else
		atomic {
			!pending[_pid - 1] -> ticket = memory[TICKET];
			memory[TICKET]++
		}
#endif
		slot = ticket % DEPTH;
		lap = LAP(ticket / DEPTH * 2);
		do
		:: seen = LOAD(_pid - 1, WORD(slot));
			if
			:: seen == lap -> break
			:: seen != lap -> mpsc_sleep_producer(_pid - 1, WORD(slot), seen)
			:: seen != lap && MAY_SPIN
			fi
		od;
		sent++;
#ifdef WORD_BEFORE_MESSAGE
		store(_pid - 1, WORD(slot), lap + 1);
		store(_pid - 1, MESSAGE(slot), 16 * _pid + sent);
#else
		store(_pid - 1, MESSAGE(slot), 16 * _pid + sent);
		/* mpsc_commit */
		store(_pid - 1, WORD(slot), lap + 1);
#endif
		mpsc_wake(_pid - 1, ASLEEP, WORD(slot))
	od
}

active proctype consumer()
{
	byte lap, seen, slot, message, taken, got[PRODUCERS];

	do
	:: taken == PRODUCERS * MESSAGES -> break
	:: else ->
		/* mpsc_peek */
		do
		:: seen = LOAD(CONSUMER, WORD(slot));
			if
			:: seen == lap + 1 -> break
			:: seen != lap + 1 -> mpsc_sleep_consumer(CONSUMER, WORD(slot), seen)
			:: seen != lap + 1 && MAY_SPIN
			fi
		od;
		taken++;
		message = LOAD(CONSUMER, MESSAGE(slot));
		assert(message / 16 == 1 || message / 16 == 2);
		got[message / 16 - 1]++;
		assert(message % 16 == got[message / 16 - 1]);
		/* it may be read until it is released */
#ifndef FREE_BEFORE_READ
		assert(LOAD(CONSUMER, MESSAGE(slot)) == message);
#endif
		/* mpsc_take */
		store(CONSUMER, WORD(slot), LAP(lap + 2));
		mpsc_wake(CONSUMER, SLEEPERS, WORD(slot));
#ifdef FREE_BEFORE_READ
		assert(LOAD(CONSUMER, MESSAGE(slot)) == message);
#endif
		slot++;
		if
		:: slot == DEPTH ->
			slot = 0;
			lap = LAP(lap + 2)
		:: else
		fi
	od
}
