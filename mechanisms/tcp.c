/* SPDX-License-Identifier: MIT */
/* tcp.c - a TCP connection over loopback (tcp(7)); it serves both ways. */
#include "socket.h"

#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>

/* 32K hold what a pipe of 64K holds. The kernel's own tuning goes up to 4 MB on loopback, which are
 * 62,000 messages of 64 B, and ten times as many for a turn of stream. */
static const struct toll_option tcp_options[] = {
	{ "buffer", "32K", "4K … /proc/sys/net/core/wmem_max",
	  "bytes of SO_SNDBUF and SO_RCVBUF (with zerocopy=yes of the first alone), segments being "
	  "an eighth, 32767 at most (TCP_MAXSEG), and loopback's own from 512K on; 0: as the "
	  "kernel "
	  "tunes them, up to sysctl net.ipv4.tcp_wmem and tcp_rmem" },
	{ "nodelay", "yes", "yes, no", "send small messages at once (TCP_NODELAY)" },
	{ "busy-poll", "0", "0, 1 … 1000000",
	  "µs that a read polls the device's queue (SO_BUSY_POLL); loopback has none, so it "
	  "should not matter" },
	{ "zerocopy", "no", "no, yes",
	  "send from the message's own pages (MSG_ZEROCOPY); loopback copies them all the same" },
	{ 0 },
};

static int tcp_buffer(const struct toll_channel *channel, int fd)
{
	if (socket_segments(fd, toll_value_size(channel, "buffer")) < 0)
		return -1;
	/* The kernel counts a page for each small message that was sent from a page: a receiver's
	 * buffer of 64K then closes the window and opens it 200 ms later (4.6 ms a message in a
	 * stream of 64 B). */
	if (strcmp(toll_value(channel, "zerocopy"), "yes") == 0)
		return socket_buffer_one(fd, toll_value_size(channel, "buffer"), SO_SNDBUF,
					 SO_SNDBUFFORCE);
	return socket_buffer(channel, fd);
}

/* What is asked of both ends once they are connected. */
static int tcp_settle(const struct toll_channel *channel, int fd)
{
	int nodelay = strcmp(toll_value(channel, "nodelay"), "yes") == 0;
	uint64_t busy_poll = toll_value_size(channel, "busy-poll");
	int us = (int)busy_poll;
	/* the last close() resets: else thousands of ports would stay in TIME_WAIT for a minute */
	struct linger reset = { .l_onoff = 1 };

	if (busy_poll > INT32_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (us > 0 && setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof(us)) < 0)
		return -1;
	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof(nodelay)) < 0
		       ? -1
		       : setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

static const char *tcp_absent(const struct toll_channel *channel)
{
	const char *why = socket_loopback_absent(SOCK_STREAM);

	if (why == NULL)
		why = socket_buffer_absent(channel, AF_INET, SOCK_STREAM);
	if (why != NULL)
		return why;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && tcp_settle(channel, fd) < 0)
		why = errno == EPERM ? "busy-poll= is for CAP_NET_ADMIN, or up to sysctl "
				       "net.core.busy_read"
				     : "the kernel takes no such busy-poll=";
	close(fd);
	return why;
}

static int tcp_open(struct toll_channel *channel)
{
	int *fd = channel->shared->fd;

	return socket_connect_tcp(channel, fd, tcp_buffer) < 0 || tcp_settle(channel, fd[0]) < 0
		       ? -1
		       : tcp_settle(channel, fd[1]);
}

TOLL_MECHANISM(tcp, .name = "tcp", .about = "a TCP connection over loopback", .when = "zerocopy=no",
	       .options = tcp_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,
	       .bytes_only = true, .duplex = true, .absent = tcp_absent, .bytes = socket_bytes,
	       .open = tcp_open, .attach = socket_attach, .descriptor = socket_descriptor,
	       .close = socket_close, .reserve = socket_reserve, .commit = socket_stream_commit,
	       .peek = socket_stream_peek, .release = socket_release)

/* ---- zerocopy=yes ---- */

/* The kernel sends from the message's own pages until it says on the error queue that it is done
 * with them (Documentation/networking/msg_zerocopy.rst), so messages take turns in several
 * buffers. It numbers the calls of send() and tells ranges of them. */

enum {
	ZEROCOPY_MOST = 64,
	ZEROCOPY_LEAST = 4,
	ZEROCOPY_BYTES = 1 << 20,
	ZEROCOPY_PIECE = 32 << 10 /* bytes of a call, where a whole message is too much */
};

struct zerocopy {
	uint32_t calls, open; /* calls of send() that took bytes; those not yet done with */
	unsigned slots, at;   /* buffers, and the one in hand */
	size_t piece;         /* bytes of a call at most */
	unsigned sleeps;      /* bits of how: it may sleep until the kernel is done */
	unsigned char *buffers;
	struct {
		uint32_t first, calls, open; /* the calls of its message */
	} slot[ZEROCOPY_MOST];
};

static unsigned zerocopy_slots(const struct toll_channel *channel)
{
	size_t slots = ZEROCOPY_BYTES / channel->most;

	return slots < ZEROCOPY_LEAST  ? ZEROCOPY_LEAST
	       : slots > ZEROCOPY_MOST ? ZEROCOPY_MOST
				       : (unsigned)slots;
}

static size_t zerocopy_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED
		       ? sizeof(struct toll_shared)
		       : sizeof(struct zerocopy) + (zerocopy_slots(channel) + 1) * channel->most;
}

/* A message goes in one call where four of them may be pinned: the kernel counts all bytes of a
 * call, and two pages, against RLIMIT_MEMLOCK before it sends the first. */
static size_t zerocopy_piece(const struct toll_channel *channel)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur / 4 < channel->most)
		return ZEROCOPY_PIECE;
	return SIZE_MAX;
}

/* After send(): the pages on their way are counted for all of a user's processes together. */
static const char *zerocopy_refusal(void)
{
	return errno == ENOBUFS
		       ? "RLIMIT_MEMLOCK (ulimit -l) has no room for the pages of a message on its "
			 "way from each end, and only CAP_IPC_LOCK passes it; or there are more "
			 "calls than sysctl net.core.optmem_max has room for"
		       : "the kernel refuses send(MSG_ZEROCOPY)";
}

/* A message from each end, or what of it the kernel takes before it is read: the limits show only
 * when something is sent, and what one end has on its way is missing at the other. */
static const char *zerocopy_send(const struct toll_channel *channel, const int fd[2])
{
	unsigned char nothing[ZEROCOPY_PIECE] = { 0 };
	int quick = 0;

	for (int i = 0; i < 2; i++) {
		/* who soon answers acknowledges with the answer: so does the cell later */
		setsockopt(fd[!i], IPPROTO_TCP, TCP_QUICKACK, &quick, sizeof(quick));
		for (size_t rest = channel->most; rest > 0;) {
			ssize_t n =
				send(fd[i], nothing, rest < ZEROCOPY_PIECE ? rest : ZEROCOPY_PIECE,
				     MSG_ZEROCOPY | MSG_NOSIGNAL | MSG_DONTWAIT);

			if (n < 0 && errno != EAGAIN)
				return zerocopy_refusal();
			rest -= n < 0 ? rest : (size_t)n;
		}
	}
	return NULL;
}

static int zerocopy_open(struct toll_channel *channel)
{
	int on = 1;

	if (tcp_open(channel) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		if (setsockopt(channel->shared->fd[i], SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) <
		    0)
			return -1;
	}
	return 0;
}

static const char *zerocopy_absent(const struct toll_channel *channel)
{
	const char *why = tcp_absent(channel);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	struct toll_shared shared = { { -1, -1 } };
	struct toll_channel trial = *channel;

	if (why == NULL && setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) < 0)
		why = "this kernel has no SO_ZEROCOPY for TCP (4.14 has)";
	close(fd);
	trial.shared = &shared;
	/* where it fails, open() will say why */
	if (why == NULL && zerocopy_open(&trial) == 0)
		why = zerocopy_send(channel, shared.fd);
	socket_close(&trial);
	return why;
}

static int zerocopy_attach(struct toll_end *end, const struct toll_channel *channel,
			   enum toll_side side, unsigned index, void *buf)
{
	struct zerocopy *own = buf; /* at a line's start */

	socket_attach(end, channel, side, index, own + 1);
	end->own = own;
	end->in = (unsigned char *)(own + 1);
	end->out = own->buffers = end->in + channel->most;
	own->slots = zerocopy_slots(channel);
	own->piece = zerocopy_piece(channel);
	/* for room the harness polls; poll() and epoll for room return at once when there is some,
	 * whether or not a buffer is free */
	own->sleeps = channel->wait == TOLL_WAIT_POLL || channel->wait == TOLL_WAIT_EPOLL
			      ? TOLL_WAKE
			      : TOLL_SLEEP;
	return 0;
}

/* Calls lo to hi, or more, are done with: numbers go round. */
static inline void zerocopy_done(struct zerocopy *own, uint32_t lo, uint32_t hi)
{
	for (unsigned i = 0; i < own->slots; i++) {
		int32_t from = (int32_t)(lo - own->slot[i].first),
			to = (int32_t)(hi - own->slot[i].first),
			last = (int32_t)own->slot[i].calls - 1;

		if (own->slot[i].open == 0 || from > last || to < 0)
			continue;
		uint32_t done = (uint32_t)((to < last ? to : last) - (from > 0 ? from : 0) + 1);

		own->slot[i].open -= done;
		own->open -= done;
	}
}

/* Reads what the error queue holds; it never sleeps. */
__attribute__((noinline)) static void zerocopy_reap(const struct toll_end *end)
{
	union {
		struct cmsghdr header;
		/* cppcheck-suppress unusedStructMember */
		char room[CMSG_SPACE(sizeof(struct sock_extended_err) +
				     sizeof(struct sockaddr_in))];
	} control;

	for (;;) {
		struct msghdr message = { .msg_control = &control,
					  .msg_controllen = sizeof(control) };

		if (recvmsg(end->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
			if (!socket_not_yet())
				toll_fail("recvmsg(MSG_ERRQUEUE)");
			return;
		}
		const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		struct sock_extended_err said = { 0 };

		if (header != NULL && header->cmsg_level == SOL_IP &&
		    header->cmsg_type == IP_RECVERR)
			memcpy(&said, CMSG_DATA(header), sizeof(said));
		/* ee_code is SO_EE_CODE_ZEROCOPY_COPIED: loopback copies for the receiver */
		if (said.ee_origin == SO_EE_ORIGIN_ZEROCOPY)
			zerocopy_done(end->own, said.ee_info, said.ee_data);
	}
}

/* Waits, where it may, until the kernel says something on the error queue. */
__attribute__((noinline)) static void zerocopy_wait(const struct toll_end *end, unsigned how)
{
	const struct zerocopy *own = end->own;
	struct pollfd fd = { .fd = end->fd };

	zerocopy_reap(end);
	if (own->slot[own->at].open == 0 || !(how & own->sleeps))
		return;
	poll(&fd, 1, -1);
	zerocopy_reap(end);
}

static TOLL_HOT void *zerocopy_reserve(struct toll_end *end, size_t len, unsigned how)
{
	const struct zerocopy *own = end->own;

	(void)len;
	if (TOLL_UNLIKELY(end->sent == 0 && own->slot[own->at].open > 0)) {
		zerocopy_wait(end, how);
		if (own->slot[own->at].open > 0)
			return NULL;
	}
	return end->out;
}

/* After a piece that was refused. */
__attribute__((noinline)) static void zerocopy_refused(const struct toll_end *end)
{
	const struct zerocopy *own = end->own;

	/* no more notes (sysctl net.core.optmem_max) or pinned pages (RLIMIT_MEMLOCK) at a time:
	 * some may go now */
	if (errno == ENOBUFS && own->open > 0)
		zerocopy_reap(end);
	else if (errno == ENOBUFS)
		toll_fail(
			"send(MSG_ZEROCOPY), where RLIMIT_MEMLOCK (ulimit -l) is taken up by what "
			"else this user sends or locks");
	else if (!socket_not_yet())
		toll_fail("send(MSG_ZEROCOPY)");
}

static TOLL_HOT bool zerocopy_commit(struct toll_end *end, size_t len, unsigned how)
{
	struct zerocopy *own = end->own;

	if (end->sent == 0) {
		own->slot[own->at].first = own->calls;
		own->slot[own->at].calls = 0;
	}
	do {
		size_t rest = len - end->sent, piece = rest < own->piece ? rest : own->piece;
		ssize_t n =
			send(end->fd, end->out + end->sent, piece,
			     MSG_ZEROCOPY | MSG_NOSIGNAL | (how & TOLL_SLEEP ? 0 : MSG_DONTWAIT));

		if (TOLL_UNLIKELY(n < 0)) {
			zerocopy_refused(end);
			return false;
		}
		own->calls++;
		own->open++;
		own->slot[own->at].calls++;
		own->slot[own->at].open++;
		end->sent += (size_t)n;
		if (TOLL_UNLIKELY((size_t)n < piece))
			return false;
	} while (end->sent < len);
	end->sent = 0;
	own->at = own->at + 1 < own->slots ? own->at + 1 : 0;
	end->out = own->buffers + own->at * end->most;
	return true;
}

static TOLL_HOT const void *zerocopy_peek(struct toll_end *end, size_t *len, unsigned how)
{
	const void *message = socket_stream_peek(end, len, how);

	/* poll() for bytes returns at once while the error queue holds something */
	if (TOLL_UNLIKELY(message == NULL) && (how & ((struct zerocopy *)end->own)->sleeps))
		zerocopy_reap(end);
	return message;
}

TOLL_MECHANISM(tcp_zerocopy, .name = "tcp", .about = "a TCP connection over loopback",
	       .when = "zerocopy=yes", .options = tcp_options, .waits = TOLL_ANY_WAIT,
	       .producers = 1, .consumers = 1, .bytes_only = true, .duplex = true,
	       .absent = zerocopy_absent, .bytes = zerocopy_bytes, .open = zerocopy_open,
	       .attach = zerocopy_attach, .descriptor = socket_descriptor, .close = socket_close,
	       .reserve = zerocopy_reserve, .commit = zerocopy_commit, .peek = zerocopy_peek,
	       .release = socket_release)
