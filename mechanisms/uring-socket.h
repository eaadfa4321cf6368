/* SPDX-License-Identifier: MIT */
/* uring-socket.h - what uring-socket.c and uring-socket-multishot.c, one mechanism, share: two
 * connected stream sockets, those of unix-stream.c and tcp.c. */
#ifndef URING_SOCKET_H
#define URING_SOCKET_H

#include "socket-made.h"
#include "uring-bytes.h"

#include <netinet/tcp.h>

struct toll_shared {
	int fd[2]; /* the producer's, or that of end 0 of two ways; the other's */
};

static const struct toll_option uring_socket_options[] = {
	{ "receive", "single", "single, multishot",
	  "a request a message, or one for all with provided buffers (RECV_MULTISHOT)" },
	{ "over", "unix", "unix, tcp, unix-zc, tcp-zc",
	  "AF_UNIX, or TCP over loopback; zc: sent from the message's own pages (SEND_ZC)" },
	{ "buffer", "own", "own, 4K … /proc/sys/net/core/wmem_max",
	  "bytes of the sockets' buffers; own: what unix-stream and tcp have" },
	URING_BYTES_OPTIONS,
	{ 0 },
};

static bool uring_over_tcp(const struct toll_channel *channel)
{
	return strncmp(toll_value(channel, "over"), "tcp", 3) == 0;
}

/* Those of unix-stream.c and tcp.c. What SEND_ZC has sent counts until it is acknowledged, which a
 * receiver with room puts off for 40 ms: in 32K a message of 64K took 45 ms. So there the kernel
 * tunes them, and only `out` bounds what is on its way. */
static int uring_socket_buffer(const struct toll_channel *channel, int fd)
{
	bool tcp = uring_over_tcp(channel), zc = uring_is_zc(channel);
	uint64_t bytes = !uring_is(channel, "buffer", "own") ? toll_value_size(channel, "buffer")
			 : tcp && !zc                        ? 32 << 10
							     : 0;

	if (socket_buffer_one(fd, bytes, SO_SNDBUF, SO_SNDBUFFORCE) < 0 ||
	    (tcp && socket_segments(fd, bytes) < 0))
		return -1;
	return tcp && !zc ? socket_buffer_one(fd, bytes, SO_RCVBUF, SO_RCVBUFFORCE) : 0;
}

static int uring_socket_open(struct toll_channel *channel)
{
	const int yes = 1;
	/* the last close() resets: else thousands of ports would stay in TIME_WAIT for a minute */
	const struct linger reset = { .l_onoff = 1 };
	int *fd = channel->shared->fd;

	if (!uring_over_tcp(channel)) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0 ||
		    uring_socket_buffer(channel, fd[0]) < 0)
			return -1;
		return uring_socket_buffer(channel, fd[1]);
	}
	if (socket_connect_tcp(channel, fd, uring_socket_buffer) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		if (setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0 ||
		    setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
			return -1;
	}
	return 0;
}

static void uring_socket_close(struct toll_channel *channel)
{
	close(channel->shared->fd[0]);
	close(channel->shared->fd[1]);
}

/* What a socket surely takes at once whose other end has read all: its buffer also counts what the
 * kernel keeps beside the bytes, and what is not acknowledged yet. */
static size_t uring_socket_room(int fd)
{
	int bytes = 0;
	socklen_t size = sizeof(bytes);

	return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0 ? (size_t)bytes / 8 : 0;
}

static int uring_socket_attach(struct toll_end *end, const struct toll_channel *channel,
			       enum toll_side side, unsigned index, void *buf)
{
	unsigned keep = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;
	const int fd[2] = { channel->shared->fd[keep], channel->shared->fd[keep] };
	bool buffers = uring_fixes(channel, "buffers"), zc = uring_is_zc(channel);

	if (uring_bytes_attach(end, channel, side, fd, buf) < 0)
		return -1;
	/* of memory that is registered only SEND_ZC sends; the others are a write and a read of it
	 */
	if (zc || !buffers) {
		end->write.opcode = zc ? IORING_OP_SEND_ZC : IORING_OP_SEND;
		end->write.ioprio = zc && buffers ? IORING_RECVSEND_FIXED_BUF : 0;
		end->write.off = 0;
		end->write.msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
		end->whole = end->defers ? uring_socket_room(fd[0]) : SIZE_MAX;
	}
	if (!buffers) {
		end->read.opcode = IORING_OP_RECV;
		end->read.off = 0;
		end->read.msg_flags = MSG_WAITALL;
	}
	/* in a process of its own the other end is not ours to hold open */
	if (!channel->threads)
		close(channel->shared->fd[!keep]);
	return 0;
}

/* ---- what this kernel refuses ---- */

/* What an operation answers that has all it needs; 0 or −errno. */
static int uring_socket_answer(struct toll_end *end, const struct io_uring_sqe *like)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&end->ring.ring);
	struct io_uring_cqe *cqe = NULL;

	*sqe = *like;
	if (!(like->flags & IOSQE_BUFFER_SELECT)) {
		sqe->addr = (uintptr_t)end->out;
		sqe->len = 1;
	}
	int error = io_uring_submit_and_wait(&end->ring.ring, 1);

	if (error >= 0)
		error = io_uring_wait_cqe(&end->ring.ring, &cqe);
	if (error >= 0 && cqe->res < 0)
		error = cqe->res;
	if (cqe)
		io_uring_cq_advance(&end->ring.ring, io_uring_cq_ready(&end->ring.ring));
	return error < 0 ? error : 0;
}

/* By this mechanism's own verbs. */
static const char *uring_socket_trial(const struct toll_channel *channel,
				      const struct toll_mechanism *mechanism, bool multishot)
{
	struct toll_shared shared = { { -1, -1 } };
	struct toll_channel trial = *channel;
	struct toll_end end = { 0 };
	const char *why = NULL;

	trial.shared = &shared;
	trial.threads = true;
	trial.most = 1;
	size_t bytes = mechanism->bytes(&trial, TOLL_PRIVATE);
	unsigned char *buf =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buf != MAP_FAILED && uring_socket_open(&trial) == 0) {
		if (mechanism->attach(&end, &trial, TOLL_BOTH, 0, buf) < 0)
			why = multishot ? "this kernel has no rings of provided buffers (Linux "
					  "5.19 has)"
					: strerror(errno);
		else if (uring_socket_answer(&end, &end.write) < 0)
			why = uring_over_tcp(channel)
				      ? "this kernel refuses SEND_ZC over TCP (Linux 6.0 has it)"
				      : "the kernel refuses SEND_ZC over AF_UNIX (EOPNOTSUPP)";
		else if (multishot && send(shared.fd[1], buf, 1, MSG_NOSIGNAL) == 1 &&
			 uring_socket_answer(&end, &end.read) < 0)
			why = "this kernel refuses a multishot receive (Linux 6.0 has it)";
		if (end.ring.ring.ring_fd > 0)
			uring_end(&end.ring);
	}
	uring_socket_close(&trial);
	if (buf != MAP_FAILED)
		munmap(buf, bytes);
	return why;
}

static const char *uring_socket_why(const struct toll_channel *channel,
				    const struct toll_mechanism *mechanism, bool multishot)
{
	bool tcp = uring_over_tcp(channel);
	const char *why = uring_bytes_absent(channel);
	int fd;

	if (why == NULL && tcp)
		why = socket_loopback_absent(SOCK_STREAM);
	if (why)
		return why;
	fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return "this kernel has no such sockets";
	if (uring_socket_buffer(channel, fd) < 0)
		why = socket_buffer_refusal();
	close(fd);
	if (why == NULL && (multishot || uring_is_zc(channel)))
		why = uring_socket_trial(channel, mechanism, multishot);
	return why;
}

#define URING_SOCKET                                                                               \
	.name = "uring-socket",                                                                    \
	.about = "two connected stream sockets, written and read by io_uring(7)",                  \
	.options = uring_socket_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,   \
	.bytes_only = true, .duplex = true, .reads_room = true, .peek_sends = true,                \
	.helpers = uring_helpers, .open = uring_socket_open, .close = uring_socket_close,          \
	.descriptor = uring_descriptor

#endif
