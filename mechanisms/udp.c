/* SPDX-License-Identifier: MIT */
/* udp.c - two UDP sockets of 127.0.0.1 connected to each other (udp(7)). Nobody waits for room: a
 * datagram that the receiver's buffer has no room for is dropped. */
#include "toll.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UDP_MOST = 65535 - 20 - 8 }; /* IPv4's length has 16 bits; less its header and UDP's */

struct toll_shared {
	int fd[2];
};

struct toll_end {
	int fd;
	size_t most, received;
	unsigned char *out, *in;
};

static const struct toll_option udp_options[] = {
	{ "buffer", "0", "0, 4K … /proc/sys/net/core/rmem_max",
	  "receive buffer (SO_RCVBUF); 0: what the kernel gives" },
	{ 0 },
};

static int udp_buffer(const struct toll_channel *channel, int fd)
{
	uint64_t bytes = toll_value_size(channel, "buffer");
	int wanted = (int)bytes, got = 0;
	socklen_t len = sizeof(got);

	if (bytes == 0)
		return 0;
	/* it books what it keeps beside the bytes as well, hence doubles them, and clamps in
	 * silence */
	if (bytes <= INT32_MAX / 2 &&
	    (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) == 0 ||
	     setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted)) == 0) &&
	    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len) == 0 && got == 2 * wanted)
		return 0;
	errno = got && got < 2 * wanted ? EPERM : EINVAL;
	return -1;
}

static int udp_open(struct toll_channel *channel)
{
	struct sockaddr_in address[2];
	socklen_t len = sizeof(address[0]);
	int *fd = channel->shared->fd;

	for (int i = 0; i < 2; i++) {
		address[i] = (struct sockaddr_in){ .sin_family = AF_INET,
						   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd[i] < 0 || udp_buffer(channel, fd[i]) < 0 ||
		    bind(fd[i], (struct sockaddr *)&address[i], len) < 0 ||
		    getsockname(fd[i], (struct sockaddr *)&address[i], &len) < 0)
			return -1;
	}
	for (int i = 0; i < 2; i++) {
		if (connect(fd[i], (struct sockaddr *)&address[!i], len) < 0)
			return -1;
	}
	return 0;
}

static const char *udp_absent(const struct toll_channel *channel)
{
	struct toll_channel trial = *channel;
	struct toll_shared shared = { .fd = { -1, -1 } };
	const char *why = NULL;

	trial.shared = &shared;
	if (udp_open(&trial) < 0)
		why = errno == EPERM    ? "buffer= is beyond sysctl net.core.rmem_max, which only "
					  "CAP_NET_ADMIN may pass"
		      : errno == EINVAL ? "the kernel makes no receive buffer of that size"
		      : errno == EADDRNOTAVAIL || errno == ENETUNREACH
			      ? "127.0.0.1 is not here: lo is down in this network namespace (ip "
				"link set lo up)"
			      : "this kernel gives no two IPv4 sockets of 127.0.0.1";
	for (int i = 0; i < 2; i++) {
		if (shared.fd[i] >= 0)
			close(shared.fd[i]);
	}
	return why;
}

static size_t udp_most(const struct toll_channel *channel)
{
	(void)channel;
	return UDP_MOST;
}

static size_t udp_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	/* apart, since an end both ways may hold a message while it sends another */
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : 2 * channel->most;
}

static int udp_attach(struct toll_end *end, const struct toll_channel *channel, enum toll_side side,
		      unsigned index, void *buf)
{
	unsigned keep = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;

	end->fd = channel->shared->fd[keep];
	end->most = channel->most;
	end->out = buf;
	end->in = end->out + channel->most;
	if (!channel->threads)
		close(channel->shared->fd[!keep]);
	return 0;
}

static int udp_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return end->fd;
}

static void udp_close(struct toll_channel *channel)
{
	close(channel->shared->fd[0]);
	close(channel->shared->fd[1]);
}

/* The other end died: the harness knows. The error of an earlier datagram is told to a later call.
 */
static TOLL_HOT void udp_failed(const char *what)
{
	if (errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
		toll_fail(what);
}

static TOLL_HOT void *udp_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->out;
}

static TOLL_HOT bool udp_commit(struct toll_end *end, size_t len, unsigned how)
{
	if (TOLL_LIKELY(send(end->fd, end->out, len, how & TOLL_SLEEP ? 0 : MSG_DONTWAIT) >= 0))
		return true;
	udp_failed("send");
	return false;
}

static TOLL_HOT const void *udp_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->received == 0) {
		ssize_t n = recv(end->fd, end->in, end->most, how & TOLL_SLEEP ? 0 : MSG_DONTWAIT);

		if (TOLL_UNLIKELY(n <= 0)) {
			if (n < 0)
				udp_failed("recv");
			return NULL;
		}
		end->received = (size_t)n;
	}
	*len = end->received;
	return end->in;
}

static TOLL_HOT void udp_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->received = 0;
}

TOLL_MECHANISM(udp, .name = "udp",
	       .about = "UDP datagrams over loopback, dropped when the "
			"receiver's buffer is full",
	       .options = udp_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,
	       .duplex = true, .lossy = true, .absent = udp_absent, .most_bytes = udp_most,
	       .bytes = udp_bytes, .open = udp_open, .attach = udp_attach,
	       .descriptor = udp_descriptor, .close = udp_close, .reserve = udp_reserve,
	       .commit = udp_commit, .peek = udp_peek, .release = udp_release)
