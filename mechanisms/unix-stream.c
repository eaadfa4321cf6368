/* SPDX-License-Identifier: MIT */
/* unix-stream.c - two connected AF_UNIX stream sockets (unix(7)); they serve both ways. */
#include "unix-socket.h"

static const struct toll_option unix_stream_options[] = { UNIX_OPTIONS, { 0 } };

static const char *unix_stream_absent(const struct toll_channel *channel)
{
	return socket_buffer_absent(channel, AF_UNIX, SOCK_STREAM);
}

static int unix_stream_open(struct toll_channel *channel)
{
	return unix_open(channel, SOCK_STREAM);
}

TOLL_MECHANISM(unix_stream, .name = "unix-stream", .about = "two connected AF_UNIX stream sockets",
	       .options = unix_stream_options, .waits = TOLL_ANY_WAIT, .producers = 1,
	       .consumers = 1, .bytes_only = true, .duplex = true, .absent = unix_stream_absent,
	       .bytes = socket_bytes, .open = unix_stream_open, .attach = socket_attach,
	       .descriptor = socket_descriptor, .close = socket_close, .reserve = socket_reserve,
	       .commit = socket_stream_commit, .peek = socket_stream_peek,
	       .release = socket_release)
