/* SPDX-License-Identifier: MIT */
/* mine.c - a connected pair of AF_UNIX sockets that keep message boundaries (unix(7)). */
#include "toll.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct toll_shared { /* what all ends share: here the numbers of the sockets */
	int fd[2];
};

struct toll_end { /* what one end keeps to itself */
	int fd;
	size_t most, there; /* longest message; bytes of the one in hand, 0: none */
	unsigned char *out, *in;
};

/* unix(7) does not say it: a message has to fit into the send buffer less 32 bytes of bookkeeping.
 */
static size_t mine_most(const struct toll_channel *channel)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), bytes = 0;
	socklen_t len = sizeof(bytes);

	(void)channel;
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len) < 0)
		bytes = 32;
	if (fd >= 0)
		close(fd);
	return (size_t)bytes - 32;
}

/* Memory that the harness is to give: shared by all ends, and to each end its own. */
static size_t mine_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : 2 * channel->most;
}

/* Once, before there are peers. */
static int mine_open(struct toll_channel *channel)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel->shared->fd);
}

/* In each peer, for each of its ends. */
static int mine_attach(struct toll_end *end, const struct toll_channel *channel,
		       enum toll_side side, unsigned index, void *buf)
{
	unsigned keep = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;

	end->fd = channel->shared->fd[keep];
	end->most = channel->most;
	end->out = buf;
	end->in = end->out + channel->most;
	if (!channel->threads) /* in a process of its own the other end is not ours to hold open */
		close(channel->shared->fd[!keep]);
	return 0;
}

static int mine_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return end->fd;
}

/* Once, when the peers have ended, also when one of them died. */
static void mine_close(struct toll_channel *channel)
{
	close(channel->shared->fd[0]);
	close(channel->shared->fd[1]);
}

/* From here on the verbs: each tries once, sleeps only with TOLL_SLEEP, and may say "not yet". */

static TOLL_HOT void *mine_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->out;
}

static TOLL_HOT bool mine_commit(struct toll_end *end, size_t len, unsigned how)
{
	if (send(end->fd, end->out, len, MSG_NOSIGNAL | (how & TOLL_SLEEP ? 0 : MSG_DONTWAIT)) >= 0)
		return true;
	/* "not yet" is always allowed; that the other side died is for the harness to notice */
	if (errno != EAGAIN && errno != EINTR && errno != EPIPE && errno != ECONNRESET)
		toll_fail("send");
	return false;
}

static TOLL_HOT const void *mine_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->there == 0) {
		ssize_t n = recv(end->fd, end->in, end->most, how & TOLL_SLEEP ? 0 : MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
			toll_fail("recv");
		if (n <= 0)
			return NULL;
		end->there = (size_t)n;
	}
	*len = end->there;
	return end->in;
}

static TOLL_HOT void mine_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->there = 0;
}

TOLL_MECHANISM(mine, .name = "mine",
	       .about = "a pair of AF_UNIX sockets that keep message boundaries",
	       .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1, .duplex = true,
	       .most_bytes = mine_most, .bytes = mine_bytes, .open = mine_open,
	       .attach = mine_attach, .descriptor = mine_descriptor, .close = mine_close,
	       .reserve = mine_reserve, .commit = mine_commit, .peek = mine_peek,
	       .release = mine_release, .raise = "sysctl net.core.wmem_default")
