/* SPDX-License-Identifier: MIT */
/* futex.c - the bare loop of a slot handed to and fro by futex(2), 64 bytes, over the same lines.
 */
#include "bare.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* the constant for both ways is the one that pingpong uses */
#undef toll_register
#define toll_register(unit) ((unit)->mechanism->both ? bare_register(unit, "bare-futex") : (void)0)
#include "../../../mechanisms/futex.c"

enum { LEN = 64 };

static bool bare_run(struct toll_peer *peer)
{
	struct toll_port *out = &peer->out[0], *in = &peer->in[0];
	char *end = (char *)out->end;
	uint64_t next = out->sequence, expected = in->sequence;

#define LINE ((struct toll_end *)(void *)end)
#define SEND                                                                                       \
	{                                                                                          \
		struct toll_shared *slot = LINE->shared;                                           \
		toll_fill(slot->message, next, LEN);                                               \
		slot->len = LEN;                                                                   \
		__atomic_store_n(&slot->turn, LINE->mine + 1, __ATOMIC_RELEASE);                   \
		LINE->mine += 2;                                                                   \
		syscall(SYS_futex, &slot->turn, FUTEX_WAKE, 1, NULL, NULL, 0);                     \
	}
#define RECEIVE                                                                                    \
	{                                                                                          \
		struct toll_shared *slot = LINE->shared;                                           \
		uint32_t turn;                                                                     \
		while ((turn = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE)) != LINE->mine)      \
			syscall(SYS_futex, &slot->turn, FUTEX_WAIT, turn, NULL, NULL, 0);          \
		bare_check(slot->message, expected, LEN);                                          \
	}
#define NEXT                                                                                       \
	{                                                                                          \
		next++;                                                                            \
		expected++;                                                                        \
		end += out->stride;                                                                \
		if (end == out->limit)                                                             \
			end = out->first;                                                          \
	}
	if (peer->index == 0)
		BARE_TURNS(peer, { SEND RECEIVE NEXT });
	else
		BARE_TURNS(peer, { RECEIVE SEND NEXT });
	out->sequence = next;
	in->sequence = expected;
	out->end = in->end = LINE;
	return true;
}
