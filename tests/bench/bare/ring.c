/* SPDX-License-Identifier: MIT */
/* ring.c - the bare loop of two rings, one each way, spinning, 64 bytes. */
#include "bare.h"

#undef toll_register
#define toll_register(unit)                                                                        \
	(strcmp((unit)->mechanism->when, "layout=slot") == 0 ? bare_register(unit, "bare-ring")    \
							     : (void)0)
#include "../../../mechanisms/ring.c"

enum { LEN = 64 };

static bool bare_run(struct toll_peer *peer)
{
	struct toll_port *out = &peer->out[0], *in = &peer->in[0];
	struct toll_end to = *out->end, from = *in->end;
	uint64_t next = out->sequence, expected = in->sequence;

#define STEP(e)                                                                                    \
	{                                                                                          \
		(e).next++;                                                                        \
		(e).slot += (e).stride;                                                            \
		if ((e).slot == (e).limit)                                                         \
			(e).slot = (e).first;                                                      \
	}
#define SEND                                                                                       \
	{                                                                                          \
		while (to.next - 1 - to.returned == to.depth)                                      \
			to.returned = __atomic_load_n(&to.shared->returned, __ATOMIC_ACQUIRE);     \
		toll_fill(to.slot + RING_WORD, next, LEN);                                         \
		__atomic_store_n((uint64_t *)(void *)to.slot, (uint64_t)LEN << 32 | to.next,       \
				 __ATOMIC_RELEASE);                                                \
		STEP(to)                                                                           \
	}
#define RECEIVE                                                                                    \
	{                                                                                          \
		while ((uint32_t)__atomic_load_n((uint64_t *)(void *)from.slot,                    \
						 __ATOMIC_ACQUIRE) != from.next)                   \
			;                                                                          \
		bare_check(in, from.slot + RING_WORD, expected, LEN);                              \
		STEP(from)                                                                         \
		if (from.next - 1 - from.returned >= from.quarter) {                               \
			from.returned = from.next - 1;                                             \
			__atomic_store_n(&from.shared->returned, from.returned, __ATOMIC_RELEASE); \
		}                                                                                  \
	}
	if (peer->index == 0)
		BARE_TURNS(peer, {
			SEND RECEIVE next++;
			expected++;
		});
	else
		BARE_TURNS(peer, {
			RECEIVE SEND next++;
			expected++;
		});
	*out->end = to;
	*in->end = from;
	out->sequence = next;
	in->sequence = expected;
	return true;
}
