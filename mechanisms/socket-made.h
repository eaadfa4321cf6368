/* SPDX-License-Identifier: MIT */
/* socket-made.h - how sockets are made, whoever moves messages through them: by calls of their own
 * (socket.h) or by a ring (uring-socket.c).
 *
 *   SOCKET_BUFFER        the option buffer=; socket_buffer() sets it
 *                        socket_buffer_absent(): why it cannot be had
 *   socket_loopback()    a free port of 127.0.0.1; socket_loopback_absent()
 *   socket_connect_tcp() two sockets connected over it; socket_segments() */
#ifndef SOCKET_MADE_H
#define SOCKET_MADE_H

#include "toll.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* Why there is no buffer of that size, by errno of the above. */
static inline const char *socket_buffer_refusal(void)
{
	return errno == EPERM
		       ? "buffer= is beyond sysctl net.core.wmem_max or rmem_max, which only "
			 "CAP_NET_ADMIN may pass"
		       : "the kernel makes no socket buffer of that size";
}

static inline const char *socket_buffer_absent(const struct toll_channel *channel, int domain,
					       int type)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, 0);
	const char *why = NULL;

	if (fd < 0)
		return "this kernel has no such sockets";
	if (socket_buffer(channel, fd) < 0)
		why = socket_buffer_refusal();
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

/* While the port listens anyone here may connect: goes on until the connection is that from our
 * own socket's address. */
static inline int socket_accept_tcp(int listener, int client)
{
	struct sockaddr_in mine = { 0 }, theirs = { 0 };
	socklen_t len = sizeof(mine);
	int fd;

	if (getsockname(client, (struct sockaddr *)&mine, &len) < 0)
		return -1;
	while ((fd = accept4(listener, (struct sockaddr *)&theirs, &len, SOCK_CLOEXEC)) >= 0) {
		if (theirs.sin_port == mine.sin_port &&
		    theirs.sin_addr.s_addr == mine.sin_addr.s_addr)
			break;
		close(fd);
	}
	return fd;
}

/* Segments of an eighth of a buffer. A receiver acknowledges at once what is longer than a segment,
 * and less only 40 ms later; and it opens a window again when a segment has room. Loopback's are
 * 64 KB: a smaller sender's buffer waited those 40 ms for each message. */
static inline int socket_segments(int fd, uint64_t buffer)
{
	enum { MOST = 32767 /* that TCP_MAXSEG takes */, LOOPBACK = 65483 };
	uint64_t eighth = buffer / 8;
	int segment = eighth < MOST ? (int)eighth : MOST;

	return eighth == 0 || eighth >= LOOPBACK
		       ? 0
		       : setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
}

/* buffer() sets the buffers: before the connection, which agrees on the window; who accepts
 * inherits them. 0, or −1 with errno. */
static inline int socket_connect_tcp(const struct toll_channel *channel, int fd[2],
				     int (*buffer)(const struct toll_channel *, int fd))
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address;

	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd[1] = -1;
	if (listener >= 0 && fd[0] >= 0 && buffer(channel, listener) == 0 &&
	    buffer(channel, fd[0]) == 0 && socket_loopback(listener, &address) == 0 &&
	    listen(listener, 1) == 0 &&
	    connect(fd[0], (struct sockaddr *)&address, sizeof(address)) == 0)
		fd[1] = socket_accept_tcp(listener, fd[0]);
	int error = errno;

	close(listener);
	errno = error;
	return fd[1] < 0 ? -1 : 0;
}

#endif
