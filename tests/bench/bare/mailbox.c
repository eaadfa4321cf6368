/* SPDX-License-Identifier: MIT */
/* mailbox.c - the bare loop of one cache line used both ways, 56 bytes (all that it carries), over
 * the same lines. */
#include "bare.h"

#undef toll_register
#define toll_register(unit)                                                                        \
	((unit)->mechanism->both ? bare_register(unit, "bare-mailbox") : (void)0)
#include "../../../mechanisms/mailbox.c"

enum { LEN = 56 };

static bool bare_run(struct toll_peer *peer)
{
	struct toll_port *out = &peer->out[0], *in = &peer->in[0];
	char *end = (char *)out->end;
	uint64_t next = out->sequence, expected = in->sequence;

#define LINE ((struct toll_end *)(void *)end)
#define SEND                                                                                       \
	{                                                                                          \
		struct toll_shared *line = LINE->shared;                                           \
		toll_fill(line->message, next, LEN);                                               \
		line->len = LEN;                                                                   \
		__atomic_store_n(&line->turn, LINE->mine + 1, __ATOMIC_RELEASE);                   \
		LINE->mine += 2;                                                                   \
	}
#define RECEIVE                                                                                    \
	{                                                                                          \
		struct toll_shared *line = LINE->shared;                                           \
		while (__atomic_load_n(&line->turn, __ATOMIC_ACQUIRE) != LINE->mine)               \
			;                                                                          \
		if (TOLL_UNLIKELY(!toll_same(line->message, expected, LEN)))                       \
			toll_broken(line->message, LEN, expected);                                 \
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
