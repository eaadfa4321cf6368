/* SPDX-License-Identifier: MIT */
/* pipe.c - the bare loop of a pipe: write(2), read(2), 64 bytes. */
#include "bare.h"

#undef toll_register
#define toll_register(unit) bare_register(unit, "bare-pipe")
#include "../../../mechanisms/pipe.c"

enum { LEN = 64 };

static bool bare_run(struct toll_peer *peer)
{
	struct toll_port *out = &peer->out[0], *in = &peer->in[0];
	int to = out->end->sleeps, from = in->end->sleeps;
	unsigned char *send_buf = out->end->buf, *receive_buf = in->end->buf;
	uint64_t next = out->sequence, expected = in->sequence;

#define SEND                                                                                       \
	{                                                                                          \
		toll_fill(send_buf, next, LEN);                                                    \
		if (write(to, send_buf, LEN) != LEN)                                               \
			toll_fail("write");                                                        \
	}
#define RECEIVE                                                                                    \
	{                                                                                          \
		if (read(from, receive_buf, LEN) != LEN)                                           \
			toll_fail("read");                                                         \
		bare_check(receive_buf, expected, LEN);                                            \
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
	out->sequence = next;
	in->sequence = expected;
	return true;
}
