/* SPDX-License-Identifier: MIT */
/* posix-queue.c - a POSIX message queue (mq_overview(7)), unlinked as soon as it is open. It has
 * two open descriptions: tries use the non-blocking one, calls that may sleep the other, so that
 * every wait costs one system call a message; on Linux both are descriptors that poll() takes. */
#include "random_name.h"

#include <fcntl.h>
#include <mqueue.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	POSIX_QUEUE_BYTES = 16384, /* messages=auto; as much as a System V queue holds */
	POSIX_QUEUE_NODE = 96      /* what RLIMIT_MSGQUEUE counts beside a message (getrlimit(2)) */
};

struct toll_shared {
	mqd_t tries, sleeps;
};

struct toll_end {
	mqd_t tries, sleeps;
	unsigned priority;
	size_t most, there; /* longest message; bytes of the one in hand */
	bool holds;
	unsigned char *buf;
};

static const struct toll_option posix_queue_options[] = {
	{ "messages", "auto", "auto, 1 … /proc/sys/fs/mqueue/msg_max",
	  "messages the kernel holds (mq_maxmsg); auto: 16 KiB, at most msg_max" },
	{ "priority", "0", "0 … 32767", "of each message" },
	{ 0 },
};

/* A number below /proc/sys/fs/mqueue; 0 without message queues. */
static size_t posix_queue_limit(const char *name)
{
	char path[64], text[32] = "";

	snprintf(path, sizeof(path), "/proc/sys/fs/mqueue/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return got > 0 ? strtoul(text, NULL, 10) : 0;
}

/* Messages that the queue is to hold; 0: as many as cannot be. */
static size_t posix_queue_messages(const struct toll_channel *channel)
{
	size_t most = posix_queue_limit("msg_max"), fit = POSIX_QUEUE_BYTES / channel->most;

	if (strcmp(toll_value(channel, "messages"), "auto") != 0)
		return toll_value_size(channel, "messages");
	return fit == 0 ? 1 : fit < most ? fit : most;
}

/* Bytes that this user's queues may take together, raised as far as this process may. */
static size_t posix_queue_room(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MSGQUEUE, &limit) < 0) { /* it wants CAP_SYS_RESOURCE */
		getrlimit(RLIMIT_MSGQUEUE, &limit);
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_MSGQUEUE, &limit);
	}
	return limit.rlim_cur;
}

static const char *posix_queue_absent(const struct toll_channel *channel)
{
	size_t messages = posix_queue_messages(channel);

	if (posix_queue_limit("msg_max") == 0)
		return "this kernel has no POSIX message queues";
	if (messages == 0 || messages > posix_queue_limit("msg_max"))
		return "messages takes auto or 1 … msg_max (sysctl fs.mqueue.msg_max)";
	if (toll_value_size(channel, "priority") >= (uint64_t)sysconf(_SC_MQ_PRIO_MAX))
		return "priority takes 0 … 32767";
	if (channel->most <= posix_queue_limit("msgsize_max") &&
	    messages * (channel->most + POSIX_QUEUE_NODE) > posix_queue_room())
		return "a queue of so many bytes is more than RLIMIT_MSGQUEUE allows (ulimit -q)";
	return NULL;
}

static size_t posix_queue_most(const struct toll_channel *channel)
{
	(void)channel;
	return posix_queue_limit("msgsize_max");
}

static size_t posix_queue_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : channel->most;
}

static int posix_queue_open(struct toll_channel *channel)
{
	struct mq_attr shape = { .mq_maxmsg = (long)posix_queue_messages(channel),
				 .mq_msgsize = (long)channel->most };
	struct toll_shared *shared = channel->shared;
	uint32_t number = random_number();
	char name[32];

	shared->tries = shared->sleeps = -1;
	snprintf(name, sizeof(name), "/toll-queue-%x", number);
	posix_queue_room();
	if (number == 0 || toll_journal("mqueue", name) < 0)
		return -1;
	shared->sleeps = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &shape);
	if (shared->sleeps < 0)
		return -1;
	shared->tries = mq_open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int error = errno;

	mq_unlink(name);
	errno = error;
	return shared->tries < 0 ? -1 : 0;
}

static int posix_queue_attach(struct toll_end *end, const struct toll_channel *channel,
			      enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index;
	end->tries = channel->shared->tries;
	end->sleeps = channel->shared->sleeps;
	end->priority = (unsigned)toll_value_size(channel, "priority");
	end->most = channel->most;
	end->buf = buf;
	return 0;
}

static int posix_queue_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return end->sleeps;
}

static void posix_queue_close(struct toll_channel *channel)
{
	mq_close(channel->shared->tries);
	mq_close(channel->shared->sleeps);
}

static TOLL_HOT void *posix_queue_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->buf;
}

static TOLL_HOT bool posix_queue_commit(struct toll_end *end, size_t len, unsigned how)
{
	mqd_t queue = how & TOLL_SLEEP ? end->sleeps : end->tries;

	if (TOLL_LIKELY(mq_send(queue, (const char *)end->buf, len, end->priority) == 0))
		return true;
	if (errno != EAGAIN && errno != EINTR)
		toll_fail("mq_send");
	return false;
}

static TOLL_HOT const void *posix_queue_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (!end->holds) {
		mqd_t queue = how & TOLL_SLEEP ? end->sleeps : end->tries;
		ssize_t n = mq_receive(queue, (char *)end->buf, end->most, NULL);

		if (TOLL_UNLIKELY(n < 0)) {
			if (errno != EAGAIN && errno != EINTR)
				toll_fail("mq_receive");
			return NULL;
		}
		end->there = (size_t)n;
		end->holds = true;
	}
	*len = end->there;
	return end->buf;
}

static TOLL_HOT void posix_queue_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->holds = false;
}

TOLL_MECHANISM(posix_queue, .name = "posix-queue",
	       .about = "POSIX message queue: the kernel keeps messages apart, with priorities",
	       .options = posix_queue_options, .waits = TOLL_ANY_WAIT, .absent = posix_queue_absent,
	       .most_bytes = posix_queue_most, .raise = "sysctl fs.mqueue.msgsize_max",
	       .bytes = posix_queue_bytes, .open = posix_queue_open, .attach = posix_queue_attach,
	       .descriptor = posix_queue_descriptor, .close = posix_queue_close,
	       .reserve = posix_queue_reserve, .commit = posix_queue_commit,
	       .peek = posix_queue_peek, .release = posix_queue_release)
