/* SPDX-License-Identifier: MIT */
/* pipe.h - what pipe.c, fifo.c and vmsplice.c share. Each end has two open descriptions: tries use
 * the non-blocking one, calls that may sleep the other, so that a blocking wait costs one system
 * call a message. */
#ifndef PIPE_H
#define PIPE_H

#include "pipe-made.h"

#include <stdio.h>

struct toll_shared {
	int fd[2];
	int file; /* vmsplice: what take=splice splices into */
};

struct toll_end {
	int tries, sleeps;
	size_t done; /* bytes of the message in hand that have been moved */
	unsigned char *buf;
	size_t most; /* packets: the longest there may be */
	/* vmsplice: where the next message goes, the last place, from one place to the next */
	size_t at, last, unit;
	int gives; /* gift=yes: the advice by which pages are given up; else 0 */
	int file;  /* take=splice */
};

static inline size_t pipe_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : channel->most;
}

static inline int pipe_attach(struct toll_end *end, const struct toll_channel *channel,
			      enum toll_side side, unsigned index, void *buf)
{
	int keep = side == TOLL_PRODUCER ? 1 : 0;
	char path[32];

	(void)index;
	end->buf = buf;
	end->sleeps = channel->shared->fd[keep];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", end->sleeps);
	end->tries = open(path, (keep ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
	if (end->tries < 0)
		return -1;
	/* with one producer and one consumer the other end is not this process's to hold open */
	if (!channel->threads)
		close(channel->shared->fd[!keep]);
	return 0;
}

static inline int pipe_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return end->sleeps;
}

static inline void pipe_close(struct toll_channel *channel)
{
	close(channel->shared->fd[0]);
	close(channel->shared->fd[1]);
}

static TOLL_HOT void *pipe_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->buf;
}

static TOLL_HOT bool pipe_commit(struct toll_end *end, size_t len, unsigned how)
{
	int fd = how & TOLL_SLEEP ? end->sleeps : end->tries;
	ssize_t n = write(fd, end->buf + end->done, len - end->done);

	if (TOLL_UNLIKELY(n < 0)) {
		if (errno != EAGAIN && errno != EINTR)
			toll_fail("write");
		return false;
	}
	end->done += (size_t)n;
	if (TOLL_UNLIKELY(end->done < len))
		return false;
	end->done = 0;
	return true;
}

static TOLL_HOT const void *pipe_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->done < *len) {
		int fd = how & TOLL_SLEEP ? end->sleeps : end->tries;
		ssize_t n = read(fd, end->buf + end->done, *len - end->done);

		if (TOLL_UNLIKELY(n <= 0)) {
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				toll_fail("read");
			return NULL; /* end of file: the producer died, which the harness knows */
		}
		end->done += (size_t)n;
		if (TOLL_UNLIKELY(end->done < *len))
			return NULL;
	}
	*len = end->done;
	return end->buf;
}

static TOLL_HOT void pipe_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->done = 0;
}

#endif
