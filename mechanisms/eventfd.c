/* SPDX-License-Identifier: MIT */
/* eventfd.c - slots in shared memory, counted by eventfd(2): one counts the messages that are
 * there, another the slots given back, every quarter of them. Nothing else says what is there, so
 * each message costs a write(), and a read() unless one has told of several. */
#include "toll.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

struct toll_shared {
	int fd[2];       /* written by the producer (both ways: by side 0), by the other */
	uint32_t way[2]; /* stored before each write() to the same, see eventfd_tell() */
	char apart[TOLL_LINE - 16];
	unsigned char slots[];
};

struct eventfd_slot {
	size_t len;
	unsigned char message[];
};

struct toll_end {
	struct toll_shared *shared;
	int reads, writes;
	unsigned from; /* of the two descriptors, the one that this end writes */
	bool blocks;   /* a read() may sleep */
	unsigned char *slot, *first, *limit;
	size_t stride;
	uint64_t free, there; /* slots that may be filled; messages that may be taken */
	uint32_t owed, quarter;
};

static const struct toll_option eventfd_options[] = {
	{ "mode", "counter", "counter, semaphore",
	  "a read() takes all that is there, or one (EFD_SEMAPHORE)" },
	{ 0 },
};

static size_t eventfd_stride(const struct toll_channel *channel)
{
	return sizeof(struct eventfd_slot) + (channel->most + 7) / 8 * 8;
}

static size_t eventfd_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory != TOLL_SHARED)
		return 0;
	return sizeof(struct toll_shared) + channel->depth * eventfd_stride(channel);
}

/* A read() of a descriptor that else blocks. */
static inline ssize_t eventfd_try(int fd, uint64_t *count)
{
	struct iovec all = { count, sizeof(*count) };

	return preadv2(fd, &all, 1, -1, RWF_NOWAIT);
}

static bool eventfd_blocks(const struct toll_channel *channel)
{
	return channel->wait == TOLL_WAIT_BLOCK || channel->wait == TOLL_WAIT_HYBRID;
}

static const char *eventfd_absent(const struct toll_channel *channel)
{
	uint64_t count;
	int fd = eventfd(0, EFD_CLOEXEC);
	bool tries = fd < 0 || !eventfd_blocks(channel) || eventfd_try(fd, &count) >= 0 ||
		     errno == EAGAIN;

	if (fd >= 0)
		close(fd);
	return tries ? NULL
		     : "an eventfd that blocks cannot be tried before Linux 5.8 (RWF_NOWAIT)";
}

static int eventfd_open(struct toll_channel *channel)
{
	int flags = EFD_CLOEXEC | (eventfd_blocks(channel) ? 0 : EFD_NONBLOCK);
	bool single = strcmp(toll_value(channel, "mode"), "semaphore") == 0;

	channel->shared->fd[0] = eventfd(0, flags | (single ? EFD_SEMAPHORE : 0));
	channel->shared->fd[1] = eventfd(0, flags);
	return channel->shared->fd[0] < 0 || channel->shared->fd[1] < 0 ? -1 : 0;
}

static int eventfd_attach(struct toll_end *end, const struct toll_channel *channel,
			  enum toll_side side, unsigned index, void *buf)
{
	unsigned from = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;

	(void)buf;
	end->shared = channel->shared;
	end->from = from;
	end->writes = channel->shared->fd[from];
	end->reads = channel->shared->fd[!from];
	end->blocks = eventfd_blocks(channel);
	end->slot = end->first = channel->shared->slots;
	end->stride = eventfd_stride(channel);
	end->limit = end->first + channel->depth * end->stride;
	end->free = channel->depth;
	end->quarter = channel->depth < 4 ? 1 : channel->depth / 4;
	if (side == TOLL_BOTH) { /* one slot back and forth, never given back but by an answer */
		end->stride = 0;
		end->free = UINT64_MAX;
		end->quarter = UINT32_MAX;
	}
	return 0;
}

static int eventfd_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return end->reads;
}

static void eventfd_close(struct toll_channel *channel)
{
	close(channel->shared->fd[0]);
	close(channel->shared->fd[1]);
}

/* The kernel's lock in write() and read() orders what lies around them. The language does not know
 * that: for it stands a word for each way, release before the one and acquire after the other. */
static TOLL_HOT void eventfd_tell(const struct toll_end *end, uint64_t count)
{
	__atomic_store_n(&end->shared->way[end->from], (uint32_t)count, __ATOMIC_RELEASE);
	if (TOLL_UNLIKELY(write(end->writes, &count, sizeof(count)) < 0))
		toll_fail("write");
}

static TOLL_HOT bool eventfd_hear(const struct toll_end *end, uint64_t *more, unsigned how)
{
	uint64_t count = 0;
	ssize_t n = TOLL_UNLIKELY(end->blocks && !(how & TOLL_SLEEP))
			    ? eventfd_try(end->reads, &count)
			    : read(end->reads, &count, sizeof(count));

	if (TOLL_UNLIKELY(n < 0)) {
		if (errno != EAGAIN && errno != EINTR)
			toll_fail("read");
		return false;
	}
	(void)__atomic_load_n(&end->shared->way[!end->from], __ATOMIC_ACQUIRE);
	*more += count;
	return true;
}

static TOLL_HOT struct eventfd_slot *eventfd_slot(const struct toll_end *end)
{
	return (struct eventfd_slot *)(void *)end->slot;
}

static TOLL_HOT void eventfd_advance(struct toll_end *end)
{
	end->slot += end->stride;
	if (end->slot == end->limit)
		end->slot = end->first;
}

static TOLL_HOT void *eventfd_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	if (TOLL_UNLIKELY(end->free == 0) && !eventfd_hear(end, &end->free, how))
		return NULL;
	return eventfd_slot(end)->message;
}

static TOLL_HOT bool eventfd_commit(struct toll_end *end, size_t len, unsigned how)
{
	(void)how; /* the write() is what is counted, whether anybody sleeps or not */
	eventfd_slot(end)->len = len;
	end->free--;
	eventfd_advance(end);
	eventfd_tell(end, 1);
	return true;
}

static TOLL_HOT const void *eventfd_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->there == 0 && !eventfd_hear(end, &end->there, how))
		return NULL;
	*len = eventfd_slot(end)->len;
	return eventfd_slot(end)->message;
}

static TOLL_HOT void eventfd_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->there--;
	eventfd_advance(end);
	if (TOLL_UNLIKELY(++end->owed == end->quarter)) {
		eventfd_tell(end, end->owed);
		end->owed = 0;
	}
}

TOLL_MECHANISM(eventfd, .name = "eventfd", .about = "shared slots, counted by eventfd(2)",
	       .options = eventfd_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,
	       .in_place = true, .duplex = true, .slots = true, .reads_room = true,
	       .absent = eventfd_absent, .bytes = eventfd_bytes, .open = eventfd_open,
	       .attach = eventfd_attach, .descriptor = eventfd_descriptor, .close = eventfd_close,
	       .reserve = eventfd_reserve, .commit = eventfd_commit, .peek = eventfd_peek,
	       .release = eventfd_release)
