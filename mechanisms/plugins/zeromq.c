/* SPDX-License-Identifier: MIT */
/* needs: libzmq */
/* zeromq.c - ZeroMQ (zmq(7)) over ipc://: push and pull one way, two dealers both ways, each end
 * with a context of its own, as in programs that know nothing of each other. A thread of that
 * context moves the messages between its queue and a unix(7) socket. */
#include "toll.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <zmq.h>

struct toll_shared {
	char address[64];
	/* with threads: what each side has made, for close() */
	void *context[2], *socket[2];
};

struct toll_end {
	void *socket;
	zmq_msg_t out, in;
	size_t reserved; /* bytes of out, 0: none */
	bool there;      /* in holds a message */
	bool connects;
	int fd;
};

static const struct toll_option zeromq_options[] = {
	{ "hwm", "64", "1 … 1M",
	  "messages that each side queues (ZMQ_SNDHWM, ZMQ_RCVHWM; ZeroMQ's own default is 1000)" },
	{ 0 },
};

static size_t zeromq_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	(void)channel;
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : 0;
}

/* An abstract name: there is no file, so nothing to journal. */
static int zeromq_open(struct toll_channel *channel)
{
	uint64_t number[2];

	if (getrandom(number, sizeof(number), 0) != sizeof(number))
		return -1;
	snprintf(channel->shared->address, sizeof(channel->shared->address),
		 "ipc://@toll-zeromq-%016llx%016llx", (unsigned long long)number[0],
		 (unsigned long long)number[1]);
	return 0;
}

/* After the fork: a context's threads do not cross it. */
static int zeromq_attach(struct toll_end *end, const struct toll_channel *channel,
			 enum toll_side side, unsigned index, void *buf)
{
	unsigned at = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;
	int hwm = (int)toll_value_size(channel, "hwm"), linger = 0;
	size_t len = sizeof(end->fd);
	void *context = zmq_ctx_new();

	(void)buf;
	if (context == NULL)
		return -1;
	end->socket = zmq_socket(context, side == TOLL_BOTH       ? ZMQ_DEALER
					  : side == TOLL_PRODUCER ? ZMQ_PUSH
								  : ZMQ_PULL);
	if (end->socket == NULL)
		return -1;
	if (channel->threads) {
		channel->shared->context[at] = context;
		channel->shared->socket[at] = end->socket;
	}
	end->connects = at == 0;
	zmq_msg_init(&end->in);
	if (zmq_setsockopt(end->socket, ZMQ_LINGER, &linger, sizeof(linger)) < 0 ||
	    zmq_setsockopt(end->socket, ZMQ_SNDHWM, &hwm, sizeof(hwm)) < 0 ||
	    zmq_setsockopt(end->socket, ZMQ_RCVHWM, &hwm, sizeof(hwm)) < 0 ||
	    zmq_getsockopt(end->socket, ZMQ_FD, &end->fd, &len) < 0)
		return -1;
	return end->connects ? 0 : zmq_bind(end->socket, channel->shared->address);
}

/* When the other has bound: who connects too early tries again only after 100 ms. */
static int zeromq_meet(struct toll_end *end, const struct toll_channel *channel)
{
	return end->connects ? zmq_connect(end->socket, channel->shared->address) : 0;
}

/* Of both sides: it becomes readable when there is news, of messages or of room. */
static int zeromq_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return end->fd;
}

static void zeromq_close(struct toll_channel *channel)
{
	for (unsigned i = 0; i < 2; i++) {
		if (channel->shared->socket[i])
			zmq_close(channel->shared->socket[i]);
		if (channel->shared->context[i])
			zmq_ctx_term(channel->shared->context[i]);
	}
}

static TOLL_HOT void *zeromq_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)how;
	if (TOLL_LIKELY(end->reserved != len)) {
		if (end->reserved)
			zmq_msg_close(&end->out);
		if (zmq_msg_init_size(&end->out, len) < 0)
			toll_fail("zmq_msg_init_size");
		end->reserved = len;
	}
	return zmq_msg_data(&end->out);
}

static TOLL_HOT bool zeromq_send(struct toll_end *end, int flags)
{
	if (TOLL_UNLIKELY(zmq_msg_send(&end->out, end->socket, flags) < 0)) {
		if (errno != EAGAIN && errno != EINTR)
			toll_fail("zmq_msg_send");
		return false;
	}
	end->reserved = 0;
	return true;
}

static TOLL_HOT bool zeromq_commit(struct toll_end *end, size_t len, unsigned how)
{
	int events = 0;
	size_t bytes = sizeof(events);

	(void)len;
	if (how & TOLL_SLEEP)
		return zeromq_send(end, 0);
	if (TOLL_LIKELY(zeromq_send(end, ZMQ_DONTWAIT)))
		return true;
	/* a send that does not wait looks at the news once in a millisecond; asking for the events
	 * always does, and takes away what the descriptor was readable for */
	if (zmq_getsockopt(end->socket, ZMQ_EVENTS, &events, &bytes) < 0 || !(events & ZMQ_POLLOUT))
		return false;
	return zeromq_send(end, ZMQ_DONTWAIT);
}

static TOLL_HOT const void *zeromq_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (!end->there) {
		if (zmq_msg_recv(&end->in, end->socket, how & TOLL_SLEEP ? 0 : ZMQ_DONTWAIT) < 0) {
			if (errno != EAGAIN && errno != EINTR)
				toll_fail("zmq_msg_recv");
			return NULL;
		}
		end->there = true;
	}
	*len = zmq_msg_size(&end->in);
	return zmq_msg_data(&end->in);
}

static TOLL_HOT void zeromq_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->there = false; /* the next receive frees it */
}

/* No spin and no pause: who spins takes the CPU from the thread that moves its messages. */
TOLL_MECHANISM(zeromq, .name = "zeromq", .about = "ZeroMQ over ipc://: push and pull, or dealers",
	       .options = zeromq_options, .waits = TOLL_YIELD | TOLL_BLOCK | TOLL_HYBRID,
	       .producers = 1, .consumers = 1, .duplex = true, .reads_room = true,
	       .bytes = zeromq_bytes, .open = zeromq_open, .attach = zeromq_attach,
	       .meet = zeromq_meet, .descriptor = zeromq_descriptor, .close = zeromq_close,
	       .reserve = zeromq_reserve, .commit = zeromq_commit, .peek = zeromq_peek,
	       .release = zeromq_release)
