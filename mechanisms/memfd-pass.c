/* SPDX-License-Identifier: MIT */
/* memfd-pass.c - the descriptor of a message's memory is sent over a connected pair of AF_UNIX
 * sockets (SCM_RIGHTS, unix(7)), as display servers and buses do with what is large. Nothing is
 * copied but its length. The receiver says over the same sockets how many it is done with. */
#include "memfd.h"

#include <sys/socket.h>

struct toll_shared {
	int fd[2]; /* the producer's, or that of end 0 of two ways */
};

struct toll_end {
	int fd;
	struct memfd_out out;
	struct memfd_in in;
	uint64_t free; /* messages that may be sent before the receiver is done with one */
	uint32_t owed, quarter;
};

static const struct toll_option memfd_pass_options[] = { MEMFD_OPTION, { 0 } };

static size_t memfd_pass_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : memfd_bytes(channel);
}

static int memfd_pass_open(struct toll_channel *channel)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel->shared->fd);
}

static int memfd_pass_attach(struct toll_end *end, const struct toll_channel *channel,
			     enum toll_side side, unsigned index, void *buf)
{
	unsigned keep = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;

	end->fd = channel->shared->fd[keep];
	end->free = channel->depth;
	/* no more than the smallest socket buffer holds messages: a full one is told of soon */
	end->quarter = channel->depth < 4 ? 1 : channel->depth < 16 ? channel->depth / 4 : 4;
	if (side == TOLL_BOTH) { /* an answer says that the question has been read */
		end->free = UINT64_MAX;
		end->quarter = UINT32_MAX;
	}
	if (!channel->threads)
		close(channel->shared->fd[!keep]);
	return side == TOLL_CONSUMER ? 0 : memfd_attach(&end->out, channel, buf);
}

static int memfd_pass_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return end->fd;
}

static void memfd_pass_close(struct toll_channel *channel)
{
	close(channel->shared->fd[0]);
	close(channel->shared->fd[1]);
}

/* After a call that failed: whether to try again. ETOOMANYREFS: this user has as many descriptors
 * on their way as ulimit -n says. That the other end died is the harness's to notice. */
static TOLL_HOT bool memfd_pass_again(const char *call)
{
	if (errno != EAGAIN && errno != EINTR && errno != EPIPE && errno != ECONNRESET &&
	    errno != ETOOMANYREFS)
		toll_fail(call);
	return false;
}

static TOLL_CALLED bool memfd_pass_has_room(struct toll_end *end, unsigned how)
{
	uint32_t count;
	ssize_t n = recv(end->fd, &count, sizeof(count), how & TOLL_SLEEP ? 0 : MSG_DONTWAIT);

	if (TOLL_UNLIKELY(n <= 0))
		return n < 0 && memfd_pass_again("recv");
	end->free += count;
	return true;
}

static TOLL_HOT void *memfd_pass_room(struct toll_end *end, size_t len, unsigned how, bool pool)
{
	if (TOLL_UNLIKELY(end->free == 0) && !memfd_pass_has_room(end, how))
		return NULL;
	return memfd_room(&end->out, len, pool);
}

union memfd_pass_rights { /* a control message with one descriptor */
	struct cmsghdr header;
	/* cppcheck-suppress unusedStructMember */
	char room[CMSG_SPACE(sizeof(int))];
};

static TOLL_CALLED bool memfd_pass_send(struct toll_end *end, size_t len, unsigned how, bool pool)
{
	union memfd_pass_rights rights = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
						       .cmsg_level = SOL_SOCKET,
						       .cmsg_type = SCM_RIGHTS } };
	struct iovec length = { &len, sizeof(len) };
	struct msghdr message = { .msg_iov = &length,
				  .msg_iovlen = 1,
				  .msg_control = &rights,
				  .msg_controllen = sizeof(rights) };
	int fd = memfd_seal(&end->out, len, pool);

	memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
	if (TOLL_UNLIKELY(sendmsg(end->fd, &message,
				  MSG_NOSIGNAL | (how & TOLL_SLEEP ? 0 : MSG_DONTWAIT)) < 0))
		return memfd_pass_again("sendmsg");
	if (!pool) {
		close(fd); /* what is on its way holds it open */
		end->out.turn->fd = -1;
	}
	memfd_next(&end->out);
	end->free--;
	return true;
}

static TOLL_CALLED const void *memfd_pass_take(struct toll_end *end, size_t *len, unsigned how,
					       bool pool)
{
	union memfd_pass_rights rights;
	size_t bytes;
	struct iovec length = { &bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &length,
				  .msg_iovlen = 1,
				  .msg_control = &rights,
				  .msg_controllen = sizeof(rights) };
	int fd;

	if (end->in.at == NULL) {
		ssize_t n = recvmsg(end->fd, &message,
				    MSG_CMSG_CLOEXEC | (how & TOLL_SLEEP ? 0 : MSG_DONTWAIT));

		if (TOLL_UNLIKELY(n <= 0)) {
			if (n < 0)
				memfd_pass_again("recvmsg");
			return NULL;
		}
		if (TOLL_UNLIKELY(message.msg_controllen < CMSG_LEN(sizeof(int)))) {
			errno = EBADMSG;
			toll_fail("a message without a descriptor");
		}
		memcpy(&fd, CMSG_DATA(&rights.header), sizeof(fd));
		memfd_map(&end->in, fd, bytes, pool);
	}
	*len = end->in.len;
	return end->in.at;
}

static TOLL_CALLED void memfd_pass_release(struct toll_end *end, unsigned how)
{
	(void)how;
	memfd_give_up(&end->in);
	if (++end->owed < end->quarter)
		return;
	/* what a signal interrupts is sent the next time */
	if (send(end->fd, &end->owed, sizeof(end->owed), MSG_NOSIGNAL) >= 0)
		end->owed = 0;
	else
		memfd_pass_again("send");
}

#define MEMFD_PASS_VERBS(name, pool)                                                               \
	static TOLL_HOT void *memfd_pass_reserve_##name(struct toll_end *end, size_t len,          \
							unsigned how)                              \
	{                                                                                          \
		return memfd_pass_room(end, len, how, pool);                                       \
	}                                                                                          \
	static TOLL_HOT bool memfd_pass_commit_##name(struct toll_end *end, size_t len,            \
						      unsigned how)                                \
	{                                                                                          \
		return memfd_pass_send(end, len, how, pool);                                       \
	}                                                                                          \
	static TOLL_HOT const void *memfd_pass_peek_##name(struct toll_end *end, size_t *len,      \
							   unsigned how)                           \
	{                                                                                          \
		return memfd_pass_take(end, len, how, pool);                                       \
	}
MEMFD_PASS_VERBS(new, false)
MEMFD_PASS_VERBS(pool, true)

#define MEMFD_PASS(kind)                                                                           \
	.name = "memfd-pass",                                                                      \
	.about = "each message in a memfd, whose descriptor goes over AF_UNIX sockets",            \
	.when = "file=" #kind, .options = memfd_pass_options, .waits = TOLL_ANY_WAIT,              \
	.producers = 1, .consumers = 1, .most_depth = MEMFD_MOST_DEPTH, .in_place = true,          \
	.own_memory = true, .duplex = true, .slots = true, .reads_room = true,                     \
	.absent = memfd_absent, .bytes = memfd_pass_bytes, .open = memfd_pass_open,                \
	.attach = memfd_pass_attach, .descriptor = memfd_pass_descriptor,                          \
	.close = memfd_pass_close, .reserve = memfd_pass_reserve_##kind,                           \
	.commit = memfd_pass_commit_##kind, .peek = memfd_pass_peek_##kind,                        \
	.release = memfd_pass_release

TOLL_MECHANISM(memfd_pass, MEMFD_PASS(new))
TOLL_MECHANISM(memfd_pass_pool, MEMFD_PASS(pool))
