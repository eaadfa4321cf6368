/* SPDX-License-Identifier: MIT */
/* needs: liburing */
/* uring-socket.c - two connected stream sockets, written and read by io_uring(7): the sockets of
 * unix-stream.c and tcp.c, other system calls. */
#include "uring-socket.h"
#include "uring-read.h"

static size_t uring_socket_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : uring_private_bytes(channel);
}

static const char *uring_socket_absent(const struct toll_channel *channel)
{
	static const struct toll_mechanism mine = { .bytes = uring_socket_bytes,
						    .attach = uring_socket_attach };

	return uring_socket_why(channel, &mine, false);
}

TOLL_MECHANISM(uring_socket, URING_SOCKET, .when = "receive=single", .absent = uring_socket_absent,
	       .bytes = uring_socket_bytes, .attach = uring_socket_attach, .reserve = uring_reserve,
	       .commit = uring_commit, .flush = uring_flush, .peek = uring_peek,
	       .release = uring_release)
