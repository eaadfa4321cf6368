/* SPDX-License-Identifier: GPL-3.0-or-later */
/* futex.pml - the protocol of mechanisms/futex.c: one-way, and with DUPLEX one object both ways.
 * Names are those of futex.c; what is asked for by #ifdef breaks something, and must be seen to.
 *
 * Checked: each message arrives once, in order and whole (assertions); no side sleeps for ever while
 * there is something to do (an invalid end state); with BLOCK, that nothing goes round in circles.
 *
 * holds:
 * holds: DUPLEX
 * fails: NO_WAKE
 * long:
 * holds: SIGNALS=0
 * holds: BLOCK
 * holds: DUPLEX BLOCK
 * fails: KERNEL_WITHOUT_FENCES
 * fails: DUPLEX KERNEL_WITHOUT_FENCES
 * fails: DUPLEX NO_WAKE
 * fails: WAKE_BEFORE_PASS
 * fails: DUPLEX WAKE_BEFORE_PASS
 * fails: PASS_BEFORE_MESSAGE
 * fails: DUPLEX PASS_BEFORE_MESSAGE
 * fails: PASS_BEFORE_READ
 * fails: WAITS_FOR_WHAT_IS_NOW
 * fails: DUPLEX WAITS_FOR_WHAT_IS_NOW
 *
 * models mechanisms/futex.c
 *	futex_has_turn 3893557603 futex_pass 2818612877 futex_commit 3384802865
 *	futex_peek 1452024928
 */
#ifndef MESSAGES
#define MESSAGES 5
#endif
#ifndef TURNS
#define TURNS 4 /* 2³² in futex.c: so that they wrap */
#endif

#define CPUS 2
#define WORDS 2
#include "tso.inc"

#define PRODUCER 0
#define CONSUMER 1
#define TURN 0
#define MESSAGE 1

/* TOLL_SLEEP is not set in each call: block tries once without after each success, hybrid spins. */
#ifdef BLOCK
#define MAY_SPIN false
#else
#define MAY_SPIN true
#endif

#ifdef WAITS_FOR_WHAT_IS_NOW
#define SEEN(side) LOAD(side, TURN)
#else
#define SEEN(side) turn
#endif

/* Tries until it has the turn. */
inline futex_has_turn(side)
{
	do
	:: turn = LOAD(side, TURN);
		if
		:: turn == mine -> break
		:: turn != mine ->
			turn = SEEN(side);
			futex_wait(side, TURN, turn)
		:: turn != mine && MAY_SPIN
		fi
	od
}

inline futex_pass(side)
{
#ifdef WAKE_BEFORE_PASS
	futex_wake(side, TURN);
#endif
	store(side, TURN, (mine + 1) & (TURNS - 1));
	mine = (mine + 2) & (TURNS - 1);
#if !defined(NO_WAKE) && !defined(WAKE_BEFORE_PASS)
	futex_wake(side, TURN)
#endif
}

inline send(side)
{
	number++;
#ifdef PASS_BEFORE_MESSAGE
	futex_pass(side);
	store(side, MESSAGE, number)
#else
	store(side, MESSAGE, number);
	futex_pass(side)
#endif
}

inline receive(side)
{
	futex_has_turn(side);
	number++;
	/* it may be read until it is released */
	assert(LOAD(side, MESSAGE) == number);
#ifdef PASS_BEFORE_READ
	futex_pass(side);
#endif
	assert(LOAD(side, MESSAGE) == number)
}

#ifdef DUPLEX

/* Both ways whoever sends has the turn: it has received, or is the first. */
active proctype first()
{
	byte mine, turn, number;

	do
	:: number >= MESSAGES -> break
	:: else ->
		send(PRODUCER);
		receive(PRODUCER)
	od
}

active proctype second()
{
	byte mine = 1, turn, number;

	do
	:: number >= MESSAGES -> break
	:: else ->
		receive(CONSUMER);
		send(CONSUMER)
	od
}

#else

active proctype producer()
{
	byte mine, turn, number;

	do
	:: number == MESSAGES -> break
	:: else ->
		futex_has_turn(PRODUCER);
		send(PRODUCER)
	od
}

active proctype consumer()
{
	byte mine = 1, turn, number;

	do
	:: number == MESSAGES -> break
	:: else ->
		receive(CONSUMER);
#ifndef PASS_BEFORE_READ
		futex_pass(CONSUMER)
#endif
	od
}

#endif
