/* SPDX-License-Identifier: MIT */
/* unix-stream.c - the bare loop of a socket pair: send(2), recv(2), 64 bytes. */
#include "bare.h"

#undef toll_register
#define toll_register(unit) bare_register(unit, "bare-unix-stream")
#include "../../../mechanisms/unix-stream.c"

enum { LEN = 64 };

static bool bare_run(struct toll_peer *peer)
{
	struct toll_port *out = &peer->out[0], *in = &peer->in[0];
	int to = out->end->fd, from = in->end->fd;
	unsigned char *send_buf = out->end->out, *receive_buf = in->end->in;
	uint64_t next = out->sequence, expected = in->sequence;

#define SEND                                                                                       \
	{                                                                                          \
		toll_fill(send_buf, next, LEN);                                                    \
		if (send(to, send_buf, LEN, MSG_NOSIGNAL) != LEN)                                  \
			toll_fail("send");                                                         \
	}
#define RECEIVE                                                                                    \
	{                                                                                          \
		if (recv(from, receive_buf, LEN, 0) != LEN)                                        \
			toll_fail("recv");                                                         \
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
