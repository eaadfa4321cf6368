/* SPDX-License-Identifier: MIT */
/* unix-seqpacket.c - two connected AF_UNIX sockets that keep message boundaries (unix(7)). */
#include "unix-socket.h"

static const struct toll_option unix_seqpacket_options[] = { UNIX_OPTIONS, { 0 } };

static const char *unix_seqpacket_absent(const struct toll_channel *channel)
{
	return socket_buffer_absent(channel, AF_UNIX, SOCK_SEQPACKET);
}

static size_t unix_seqpacket_most(const struct toll_channel *channel)
{
	return unix_packet_most(channel, SOCK_SEQPACKET);
}

static int unix_seqpacket_open(struct toll_channel *channel)
{
	return unix_open(channel, SOCK_SEQPACKET);
}

TOLL_MECHANISM(unix_seqpacket, .name = "unix-seqpacket",
	       .about = "two connected AF_UNIX sockets that keep message boundaries",
	       .options = unix_seqpacket_options, .waits = TOLL_ANY_WAIT, .producers = 1,
	       .consumers = 1, .duplex = true, .absent = unix_seqpacket_absent,
	       .most_bytes = unix_seqpacket_most, .bytes = socket_bytes,
	       .open = unix_seqpacket_open, .attach = socket_attach,
	       .descriptor = socket_descriptor, .close = socket_close, .reserve = socket_reserve,
	       .commit = socket_packet_commit, .peek = socket_packet_peek,
	       .release = socket_release, .raise = UNIX_PACKET_RAISE)
