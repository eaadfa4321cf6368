/* SPDX-License-Identifier: MIT */
/* unix-stream.c - a connected pair of AF_UNIX stream sockets (unix(7)); one pair serves both ways.
 */
#include "toll.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct toll_shared {
	int fd[2];
};

struct toll_end {
	int fd;
	size_t sent, received; /* bytes of the message in hand that have been moved */
	unsigned char *out, *in;
};

static size_t unix_stream_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	/* apart, since a duplex end may hold a message while it sends another */
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : 2 * channel->most;
}

static int unix_stream_open(struct toll_channel *channel)
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel->shared->fd);
}

static int unix_stream_attach(struct toll_end *end, const struct toll_channel *channel,
			      enum toll_side side, unsigned index, void *buf)
{
	unsigned keep = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;

	end->fd = channel->shared->fd[keep];
	end->out = buf;
	end->in = end->out + channel->most;
	if (!channel->threads)
		close(channel->shared->fd[!keep]);
	return 0;
}

static int unix_stream_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return end->fd;
}

static void unix_stream_close(struct toll_channel *channel)
{
	close(channel->shared->fd[0]);
	close(channel->shared->fd[1]);
}

static TOLL_HOT void *unix_stream_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->out;
}

static TOLL_HOT bool unix_stream_commit(struct toll_end *end, size_t len, unsigned how)
{
	ssize_t n = send(end->fd, end->out + end->sent, len - end->sent,
			 MSG_NOSIGNAL | (how & TOLL_SLEEP ? 0 : MSG_DONTWAIT));

	if (TOLL_UNLIKELY(n < 0)) {
		if (errno != EAGAIN && errno != EINTR && errno != EPIPE && errno != ECONNRESET)
			toll_fail("send");
		return false; /* EPIPE: the consumer died, which the harness knows */
	}
	end->sent += (size_t)n;
	if (TOLL_UNLIKELY(end->sent < len))
		return false;
	end->sent = 0;
	return true;
}

static TOLL_HOT const void *unix_stream_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->received < *len) {
		ssize_t n = recv(end->fd, end->in + end->received, *len - end->received,
				 how & TOLL_SLEEP ? 0 : MSG_DONTWAIT);

		if (TOLL_UNLIKELY(n <= 0)) {
			if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
				toll_fail("recv");
			return NULL;
		}
		end->received += (size_t)n;
		if (TOLL_UNLIKELY(end->received < *len))
			return NULL;
	}
	*len = end->received;
	return end->in;
}

static TOLL_HOT void unix_stream_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->received = 0;
}

TOLL_MECHANISM(unix_stream, .name = "unix-stream",
	       .about = "a pair of connected AF_UNIX stream sockets", .waits = TOLL_ANY_WAIT,
	       .producers = 1, .consumers = 1, .bytes_only = true, .duplex = true,
	       .bytes = unix_stream_bytes, .open = unix_stream_open, .attach = unix_stream_attach,
	       .descriptor = unix_stream_descriptor, .close = unix_stream_close,
	       .reserve = unix_stream_reserve, .commit = unix_stream_commit,
	       .peek = unix_stream_peek, .release = unix_stream_release)
