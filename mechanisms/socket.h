/* SPDX-License-Identifier: MIT */
/* socket.h - what the mechanisms over sockets share. One descriptor is an end, for one way or for
 * both; MSG_DONTWAIT makes a call a try, and without it the same call sleeps. How they are made
 * says socket-made.h. It offers
 *
 *   struct toll_shared, toll_end   fd[0] is the producer's, or that of end 0 of two ways
 *   socket_bytes … socket_reserve  the cold verbs, and a message's memory of its own
 *   socket_stream_…                commit, peek where only bytes arrive; socket_release()
 *   socket_packet_…                the same where a call moves a message */
#ifndef SOCKET_H
#define SOCKET_H

#include "socket-made.h"

struct toll_shared {
	int fd[2];
};

struct toll_end {
	int fd;
	size_t most;           /* longest message */
	size_t sent, received; /* bytes of the message in hand that have been moved */
	unsigned char *out, *in;
	void *own; /* what a mechanism keeps beside these */
};

/* ---- an end ---- */

static inline size_t socket_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	/* apart, since an end both ways may hold a message while it sends another */
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : 2 * channel->most;
}

static inline int socket_attach(struct toll_end *end, const struct toll_channel *channel,
				enum toll_side side, unsigned index, void *buf)
{
	unsigned keep = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;

	end->fd = channel->shared->fd[keep];
	end->most = channel->most;
	end->out = buf;
	end->in = end->out + channel->most;
	/* in a process of its own the other end is not ours to hold open */
	if (!channel->threads)
		close(channel->shared->fd[!keep]);
	return 0;
}

static inline int socket_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return end->fd;
}

static inline void socket_close(struct toll_channel *channel)
{
	close(channel->shared->fd[0]);
	close(channel->shared->fd[1]);
}

/* After a call that failed. That the other end died is the harness's to notice. */
static TOLL_HOT bool socket_not_yet(void)
{
	return errno == EAGAIN || errno == EINTR || errno == EPIPE || errno == ECONNRESET ||
	       errno == ECONNREFUSED || errno == ENOTCONN;
}

static TOLL_HOT void *socket_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->out;
}

static TOLL_HOT bool socket_stream_commit(struct toll_end *end, size_t len, unsigned how)
{
	ssize_t n = send(end->fd, end->out + end->sent, len - end->sent,
			 MSG_NOSIGNAL | (how & TOLL_SLEEP ? 0 : MSG_DONTWAIT));

	if (TOLL_UNLIKELY(n < 0)) {
		if (!socket_not_yet())
			toll_fail("send");
		return false;
	}
	end->sent += (size_t)n;
	if (TOLL_UNLIKELY(end->sent < len))
		return false;
	end->sent = 0;
	return true;
}

static TOLL_HOT const void *socket_stream_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->received < *len) {
		ssize_t n = recv(end->fd, end->in + end->received, *len - end->received,
				 how & TOLL_SLEEP ? 0 : MSG_DONTWAIT);

		if (TOLL_UNLIKELY(n <= 0)) {
			if (n < 0 && !socket_not_yet())
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

static TOLL_HOT bool socket_packet_commit(struct toll_end *end, size_t len, unsigned how)
{
	if (TOLL_LIKELY(send(end->fd, end->out, len,
			     MSG_NOSIGNAL | (how & TOLL_SLEEP ? 0 : MSG_DONTWAIT)) >= 0))
		return true;
	if (!socket_not_yet())
		toll_fail("send");
	return false;
}

static TOLL_HOT const void *socket_packet_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->received == 0) {
		ssize_t n = recv(end->fd, end->in, end->most, how & TOLL_SLEEP ? 0 : MSG_DONTWAIT);

		if (TOLL_UNLIKELY(n <= 0)) {
			if (n < 0 && !socket_not_yet())
				toll_fail("recv");
			return NULL;
		}
		end->received = (size_t)n;
	}
	*len = end->received;
	return end->in;
}

static TOLL_HOT void socket_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->received = 0;
}

#endif
