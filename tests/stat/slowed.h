/* SPDX-License-Identifier: MIT */
/* slowed.h - what slowed.awk puts into a copy of a mechanism: a slowdown whose size is known.
 *
 * The option calls=N makes each end that sends spend N getppid() in each 1000 messages, one by one
 * and evenly spread: one in each j = 1000 / N. They come before the message leaves, so that in a
 * ping-pong nothing goes on beside them. With 0 the same code runs and none is made. */
#ifndef SLOWED_H
#define SLOWED_H

#include "toll.h"

#include <unistd.h>

enum { SLOWED_MESSAGES = 1000 };

#define SLOWED_OPTION                                                                              \
	{                                                                                          \
		"calls", "0", "0 … 1M", "extra system calls in 1000 messages"                      \
	}

/* For a mechanism that has no list of its own. */
static const struct toll_option slowed_options[] __attribute__((unused)) = { SLOWED_OPTION, { 0 } };

/* Of this process, which is one peer: were they an end's own, the 96 ends of a channel that rotates
 * over as many lines would all make their calls in one lap, and none in the next. */
static uint64_t slowed_calls, slowed_owed;

static inline void slowed_attach(const struct toll_channel *channel)
{
	slowed_calls = toll_value_size(channel, "calls");
	/* two peers have neighbouring numbers: their calls fall half a period apart */
	slowed_owed = (uint64_t)getpid() % 2 * SLOWED_MESSAGES / 2;
}

static TOLL_HOT void slowed_message(void)
{
	for (slowed_owed += slowed_calls; slowed_owed >= SLOWED_MESSAGES;
	     slowed_owed -= SLOWED_MESSAGES)
		getppid();
}

#endif
