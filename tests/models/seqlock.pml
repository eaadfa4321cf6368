/* SPDX-License-Identifier: GPL-3.0-or-later */
/* seqlock.pml - the protocol of mechanisms/seqlock.c between a producer that never waits and one reader
 * that may sleep. Names are those of seqlock.c; what is asked for by #ifdef breaks something, and must
 * be seen to.
 *
 * x86 keeps stores in their order and loads in theirs, so no fence of seqlock.c but those around the
 * mark does anything there, and a store buffer does not show that one is missing. What a weaker machine
 * or a compiler may make of it is written down here: what stands before a fence or a release may be
 * stored after what follows, what stands after an acquire read before it.
 *
 * The words wait for the version and for `newest` as well, at both sides: either would do, and with
 * neither it is broken.
 *
 * Checked: what is released is one message, whole, and newer than the one before; the last one comes
 * (assertions); the reader does not sleep for ever while there is something to read (an invalid end
 * state); with BLOCK, that nothing goes round in circles.
 *
 * holds:
 * fails: ODD_AFTER_WORDS
 * fails: VERSION_BEFORE_WORDS NEWEST_FIRST
 * long:
 * holds: PLACES=1
 * holds: PLACES=3 MESSAGES=5
 * holds: SIGNALS=0
 * holds: BLOCK
 * holds: VERSION_BEFORE_WORDS
 * holds: NEWEST_FIRST
 * holds: WORDS_BEFORE_VERSION
 * fails: WORDS_BEFORE_VERSION NEWEST_FIRST
 * fails: NO_ODD_VERSION
 * fails: VERSION_ONCE
 * fails: VERSION_AGAIN_BEFORE_WORDS
 * fails: NO_WAKE
 * fails: NO_MARK
 * fails: NO_FENCE_BEFORE_MARK
 * holds: NO_FENCE_BEFORE_MARK NO_BUFFERS
 *
 * models mechanisms/seqlock.c
 *	seqlock_commit 2196011797 seqlock_sleep 835606124 seqlock_peek 2003188179
 */
#ifndef PLACES
#define PLACES 2 /* 8 in seqlock.c */
#endif
#ifndef MESSAGES
#define MESSAGES 4
#endif

#define CPUS 2
#define WORDS (2 + 3 * PLACES)
#include "tso.inc"

#define PRODUCER 0
#define READER 1
#define NEWEST 0
#define SLEEPERS 1
#define VERSION(number) (2 + 3 * ((number) % PLACES))
#define FIRST(number) (3 + 3 * ((number) % PLACES))
#define SECOND(number) (4 + 3 * ((number) % PLACES))

/* TOLL_SLEEP is not set in each call: block tries once without after each success, hybrid spins. */
#ifdef BLOCK
#define MAY_SPIN false
#else
#define MAY_SPIN true
#endif

#define WRITE_WORDS                                                                                \
	store(PRODUCER, FIRST(number), number);                                                    \
	store(PRODUCER, SECOND(number), number)
#define WRITE_ODD store(PRODUCER, VERSION(number), 2 * number - 1)
#define WRITE_VERSION store(PRODUCER, VERSION(number), 2 * number)
#define WRITE_NEWEST store(PRODUCER, NEWEST, number)

inline seqlock_wake()
{
#ifndef NO_FENCE_BEFORE_MARK
	fence(PRODUCER);
#endif
	if
#ifdef NO_WAKE
	:: false
#else
	:: LOAD(PRODUCER, SLEEPERS) ->
#endif
		futex_wake_all(PRODUCER, NEWEST)
	:: else
	fi
}

inline seqlock_sleep(seen)
{
	/* the locked instruction waits for the buffer to be empty, and the fence finds it so */
#ifndef NO_MARK
	atomic { !pending[READER] -> memory[SLEEPERS]++ }
#endif
	fence(READER);
	if
	:: LOAD(READER, NEWEST) == seen -> futex_wait(READER, NEWEST, seen)
	:: else
	fi;
#ifndef NO_MARK
	atomic { !pending[READER] -> memory[SLEEPERS]-- }
#endif
}

active proctype producer()
{
	byte number;

	do
	:: number == MESSAGES -> break
	:: else ->
		/* seqlock_commit */
		number++;
#ifdef NEWEST_FIRST
		WRITE_NEWEST;
#endif
#if defined(VERSION_BEFORE_WORDS)
		WRITE_ODD;
		WRITE_VERSION;
		WRITE_WORDS;
#elif defined(ODD_AFTER_WORDS)
		WRITE_WORDS;
		WRITE_ODD;
		WRITE_VERSION;
#elif defined(NO_ODD_VERSION)
		WRITE_WORDS;
		WRITE_VERSION;
#else
		WRITE_ODD;
		WRITE_WORDS;
		WRITE_VERSION;
#endif
#ifndef NEWEST_FIRST
		WRITE_NEWEST;
#endif
		seqlock_wake()
	od
}

#define READ_WORDS                                                                                 \
	first = LOAD(READER, FIRST(number));                                                       \
	second = LOAD(READER, SECOND(number))

active proctype reader()
{
	byte number, last, version, again, first, second;

	do
	:: last == MESSAGES -> break
	:: else ->
		/* seqlock_peek; in seqlock.c it ends at the first version that is another's */
		number = LOAD(READER, NEWEST);
		if
		:: number == last -> seqlock_sleep(number)
		:: number == last && MAY_SPIN
		:: else ->
#if defined(WORDS_BEFORE_VERSION)
			READ_WORDS;
			version = LOAD(READER, VERSION(number));
			again = LOAD(READER, VERSION(number));
#elif defined(VERSION_AGAIN_BEFORE_WORDS)
			version = LOAD(READER, VERSION(number));
			again = LOAD(READER, VERSION(number));
			READ_WORDS;
#elif defined(VERSION_ONCE)
			version = LOAD(READER, VERSION(number));
			READ_WORDS;
			again = version;
#else
			version = LOAD(READER, VERSION(number));
			READ_WORDS;
			again = LOAD(READER, VERSION(number));
#endif
			if
			:: version == 2 * number && again == 2 * number ->
				assert(first == number && second == number);
				assert(number > last);
				last = number
			:: else
			fi
		fi
	od
}
