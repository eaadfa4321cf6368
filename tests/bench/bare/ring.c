/* SPDX-License-Identifier: MIT */
/* ring.c - the bare loops of two rings, one each way, and of the stream through one; spinning, 64
 * bytes. */
#define BARE_STREAM
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
		(e).word += (e).stride;                                                            \
		if ((e).word == (e).limit)                                                         \
			(e).word = (e).first;                                                      \
	}
#define SEND                                                                                       \
	{                                                                                          \
		while (to.next - 1 - to.returned == to.depth)                                      \
			to.returned = __atomic_load_n(&to.shared->returned, __ATOMIC_ACQUIRE);     \
		toll_fill(ring_message(&to), next, LEN);                                           \
		__atomic_store_n(ring_word(&to), (uint64_t)LEN << 32 | to.next, __ATOMIC_RELEASE); \
		STEP(to)                                                                           \
	}
#define RECEIVE                                                                                    \
	{                                                                                          \
		while ((uint32_t)__atomic_load_n(ring_word(&from), __ATOMIC_ACQUIRE) != from.next) \
			;                                                                          \
		bare_check(ring_message(&from), expected, LEN);                                    \
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

static bool bare_stream(struct toll_peer *peer)
{
	if (peer->index == 0) {
		struct toll_port *out = &peer->out[0];
		struct toll_end to = *out->end;
		uint64_t next = out->sequence;

		for (uint64_t left = peer->count[0] + peer->count[1]; left > 0; left--) {
			SEND next++;
		}
		*out->end = to;
		out->sequence = next;
	} else {
		struct toll_port *in = &peer->in[0];
		struct toll_end from = *in->end;
		uint64_t expected = in->sequence;

		BARE_TURNS(peer, { RECEIVE expected++; });
		*in->end = from;
		in->sequence = expected;
	}
	return true;
}
