/* SPDX-License-Identifier: MIT */
/* socket.h - what the mechanisms over sockets share. One descriptor is an end, for one way or for
 * both; MSG_DONTWAIT makes a call a try, and without it the same call sleeps. It offers
 *
 *   struct toll_shared, toll_end   fd[0] is the producer's, or that of end 0 of two ways
 *   SOCKET_BUFFER                  the option buffer=; socket_buffer() sets it, and
 *                                  socket_buffer_absent() says why it cannot be had
 *   socket_bytes … socket_reserve  the cold verbs, and a message's memory of its own
 *   socket_stream_…                commit, peek where only bytes arrive; socket_release()
 *   socket_packet_…                the same where a call moves a message
 *   socket_loopback()              a free port of 127.0.0.1; socket_loopback_absent() */
#ifndef SOCKET_H
#define SOCKET_H

#include "toll.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* ---- how much the kernel buffers ---- */

#define SOCKET_BUFFER(bytes, about)                                                                \
	{                                                                                          \
		"buffer", bytes, "0, 4K … /proc/sys/net/core/wmem_max", about                      \
	}

/* Sets SO_SNDBUF or SO_RCVBUF, or its form that may exceed the sysctl. 0, or −1: EPERM beyond what
 * this user may have, EINVAL where the kernel takes no such number. It clamps in silence. */
static inline int socket_buffer_one(int fd, uint64_t bytes, int name, int force)
{
	int wanted = (int)bytes, got = 0;
	socklen_t len = sizeof(got);

	if (bytes == 0)
		return 0;
	if (bytes <= INT32_MAX / 2) {
		if (setsockopt(fd, SOL_SOCKET, force, &wanted, sizeof(wanted)) < 0 &&
		    setsockopt(fd, SOL_SOCKET, name, &wanted, sizeof(wanted)) < 0)
			return -1;
		if (getsockopt(fd, SOL_SOCKET, name, &got, &len) < 0)
			return -1;
		if (got == 2 * wanted) /* it doubles them for what it books beside the bytes */
			return 0;
	}
	errno = got && got < 2 * wanted ? EPERM : EINVAL;
	return -1;
}

/* AF_UNIX counts at the sender alone. */
static inline int socket_buffer(const struct toll_channel *channel, int fd)
{
	uint64_t bytes = toll_value_size(channel, "buffer");
	int domain = AF_UNIX;
	socklen_t len = sizeof(domain);

	if (socket_buffer_one(fd, bytes, SO_SNDBUF, SO_SNDBUFFORCE) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return -1;
	return domain == AF_UNIX ? 0 : socket_buffer_one(fd, bytes, SO_RCVBUF, SO_RCVBUFFORCE);
}

static inline const char *socket_buffer_absent(const struct toll_channel *channel, int domain,
					       int type)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, 0);
	const char *why = NULL;

	if (fd < 0)
		return "this kernel has no such sockets";
	if (socket_buffer(channel, fd) < 0)
		why = errno == EPERM ? "buffer= is beyond sysctl net.core.wmem_max or rmem_max, "
				       "which only CAP_NET_ADMIN may pass"
				     : "the kernel makes no socket buffer of that size";
	close(fd);
	return why;
}

/* ---- loopback ---- */

static inline int socket_loopback(int fd, struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (bind(fd, (struct sockaddr *)address, len) < 0)
		return -1;
	return getsockname(fd, (struct sockaddr *)address, &len);
}

static inline const char *socket_loopback_absent(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	int trial = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address;
	const char *why = NULL;

	/* connecting a datagram socket looks up the way and sends nothing */
	if (fd < 0 || trial < 0)
		why = "this kernel has no IPv4 sockets";
	else if (socket_loopback(fd, &address) < 0)
		why = "no port of 127.0.0.1 is to be had";
	else if (connect(trial, (struct sockaddr *)&address, sizeof(address)) < 0)
		why = "there is no way to 127.0.0.1: lo is down in this network namespace (ip "
		      "link set lo up)";
	close(trial);
	close(fd);
	return why;
}

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
