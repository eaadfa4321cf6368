/* SPDX-License-Identifier: MIT */
/* pipe.c - pipe(7): a stream of bytes, or with O_DIRECT of packets, each with its boundary. */
#include "pipe.h"

#include <limits.h>

static const struct toll_option pipe_options[] = {
	{ "mode", "stream", "stream, packet",
	  "bytes, or messages with their boundaries (O_DIRECT), each in a page of the pipe" },
	PIPE_CAPACITY,
	{ 0 },
};

static int pipe_open(struct toll_channel *channel)
{
	if (pipe2(channel->shared->fd, O_CLOEXEC) < 0)
		return -1;
	return pipe_resize(channel, channel->shared->fd[1]);
}

/* The kernel cuts what is longer into packets of this size, and the boundary is lost. No setting
 * moves it. */
static size_t pipe_most_packet(const struct toll_channel *channel)
{
	(void)channel;
	return PIPE_BUF;
}

static int pipe_attach_packet(struct toll_end *end, const struct toll_channel *channel,
			      enum toll_side side, unsigned index, void *buf)
{
	if (pipe_attach(end, channel, side, index, buf) < 0)
		return -1;
	end->most = channel->most;
	if (side != TOLL_PRODUCER)
		return 0;
	/* of each description, since it is the writer's flag: open(2) would refuse it for a pipe */
	return fcntl(end->sleeps, F_SETFL, O_DIRECT) < 0 ||
			       fcntl(end->tries, F_SETFL, O_DIRECT | O_NONBLOCK) < 0
		       ? -1
		       : 0;
}

/* Up to PIPE_BUF bytes go whole or not at all. */
static TOLL_HOT bool pipe_commit_packet(struct toll_end *end, size_t len, unsigned how)
{
	ssize_t n = write(how & TOLL_SLEEP ? end->sleeps : end->tries, end->buf, len);

	if (TOLL_UNLIKELY(n != (ssize_t)len)) {
		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			toll_fail("write");
		return false;
	}
	return true;
}

static TOLL_HOT const void *pipe_peek_packet(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->done == 0) {
		ssize_t n = read(how & TOLL_SLEEP ? end->sleeps : end->tries, end->buf, end->most);

		if (TOLL_UNLIKELY(n <= 0)) {
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				toll_fail("read");
			return NULL; /* end of file: the producer died, which the harness knows */
		}
		end->done = (size_t)n;
	}
	*len = end->done;
	return end->buf;
}

#define PIPE                                                                                       \
	.name = "pipe", .about = "pipe(7): the kernel copies bytes in and out",                    \
	.options = pipe_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,           \
	.absent = pipe_capacity_absent, .bytes = pipe_bytes, .open = pipe_open,                    \
	.descriptor = pipe_descriptor, .close = pipe_close, .reserve = pipe_reserve,               \
	.release = pipe_release

TOLL_MECHANISM(pipe, PIPE, .when = "mode=stream", .bytes_only = true, .attach = pipe_attach,
	       .commit = pipe_commit, .peek = pipe_peek)
TOLL_MECHANISM(pipe_packet, PIPE, .when = "mode=packet", .most_bytes = pipe_most_packet,
	       .attach = pipe_attach_packet, .commit = pipe_commit_packet, .peek = pipe_peek_packet)
