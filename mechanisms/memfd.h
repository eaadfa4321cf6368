/* SPDX-License-Identifier: MIT */
/* memfd.h - messages in memory that has a descriptor of its own (memfd_create(2)): what is passed
 * on is the descriptor, and who receives it maps the memory.
 *
 * file=new: a memfd for each message. Its writer fills it, unmaps it and seals it against any
 * change, so the receiver may rely on what it reads. Memory is made, cleared, mapped twice and
 * given up for each message, and all of that is in the figure.
 *
 * file=pool: as many memfds as messages may be in flight, made and mapped before. The receiver may
 * not write to them (F_SEAL_FUTURE_WRITE) but has to trust the writer not to change them before it
 * is told that they may be written again. What is left is passing and the receiver's mapping. */
#ifndef MEMFD_H
#define MEMFD_H

#include "toll.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MEMFD_FOR_GOOD = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL,
	MEMFD_FOR_OTHERS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL,
	MEMFD_MOST_DEPTH = 64, /* descriptors at once: a process has few */
};

#define MEMFD_OPTION                                                                               \
	{                                                                                          \
		"file", "new", "new, pool",                                                        \
			"a memfd for each message, made and sealed for good; or some that are "    \
			"kept, sealed against the receiver only"                                   \
	}

struct memfd {
	int fd;
	unsigned char *at; /* where it may be written; NULL: nowhere (any more) */
};

struct memfd_out { /* a producer's */
	struct memfd *turn, *first, *limit;
};

struct memfd_in { /* a consumer's: the message in hand */
	int fd;
	size_t len;
	void *at; /* NULL: none */
};

static inline bool memfd_pools(const struct toll_channel *channel)
{
	return strcmp(toll_value(channel, "file"), "pool") == 0;
}

static inline size_t memfd_bytes(const struct toll_channel *channel)
{
	return channel->depth * sizeof(struct memfd);
}

static inline bool memfd_make(struct memfd *memfd, size_t bytes)
{
	memfd->fd = memfd_create("toll-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd->fd < 0 || ftruncate(memfd->fd, (off_t)bytes) < 0)
		return false;
	void *at =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memfd->fd, 0);

	if (at == MAP_FAILED)
		return false;
	memfd->at = at;
	return true;
}

static inline const char *memfd_absent(const struct toll_channel *channel)
{
	struct rlimit limit;
	int fd = memfd_create("toll-trial", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const char *why = NULL;

	if (fd < 0)
		return "memfd_create(2) is not there, or a filter of system calls or sysctl "
		       "vm.memfd_noexec forbids it";
	if (fcntl(fd, F_ADD_SEALS, MEMFD_FOR_OTHERS) < 0)
		why = "a memfd cannot be sealed against future writing (Linux 5.1 can)";
	close(fd);
	/* one peer may have so many channels, beside what else it has open */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < (TOLL_MOST_PEERS - 1) * (channel->depth + 4UL))
		why = "each message in flight is a descriptor, and there may be more than ulimit "
		      "-n allows";
	return why;
}

static inline int memfd_attach(struct memfd_out *out, const struct toll_channel *channel, void *buf)
{
	out->turn = out->first = buf;
	out->limit = out->first + channel->depth;
	for (struct memfd *each = out->first; each < out->limit; each++) {
		each->fd = -1;
		if (memfd_pools(channel) && (!memfd_make(each, channel->most) ||
					     fcntl(each->fd, F_ADD_SEALS, MEMFD_FOR_OTHERS) < 0))
			return -1;
	}
	return 0;
}

/* Room for a message in the memfd whose turn it is. The one it had before has been received. */
static TOLL_CALLED void *memfd_room(struct memfd_out *out, size_t len, bool pool)
{
	struct memfd *turn = out->turn;

	if (!pool && turn->at == NULL) {
		if (turn->fd >= 0)
			close(turn->fd);
		if (TOLL_UNLIKELY(!memfd_make(turn, len)))
			toll_fail("a new memfd");
	}
	return turn->at;
}

/* The descriptor to pass on; the second time it is only that. */
static TOLL_CALLED int memfd_seal(const struct memfd_out *out, size_t len, bool pool)
{
	struct memfd *turn = out->turn;

	if (!pool && turn->at) {
		/* with a writable mapping it could not be sealed */
		if (TOLL_UNLIKELY(munmap(turn->at, len) < 0 ||
				  fcntl(turn->fd, F_ADD_SEALS, MEMFD_FOR_GOOD) < 0))
			toll_fail("sealing a memfd");
		turn->at = NULL;
	}
	return turn->fd;
}

static TOLL_HOT void memfd_next(struct memfd_out *out)
{
	if (++out->turn == out->limit)
		out->turn = out->first;
}

/* Maps what has been received, once the seals say that it stays as large as it is, and as it is
 * unless it is a pool's. Else reading it could end this process by SIGBUS. */
static TOLL_CALLED const void *memfd_map(struct memfd_in *in, int fd, size_t len, bool pool)
{
	const int wanted = pool ? MEMFD_FOR_OTHERS : MEMFD_FOR_GOOD;
	struct stat is;

	if (TOLL_UNLIKELY((fcntl(fd, F_GET_SEALS) & wanted) != wanted || fstat(fd, &is) < 0 ||
			  (size_t)is.st_size < len)) {
		errno = EBADMSG;
		toll_fail("a memfd that is not sealed or too short");
	}
	/* private: before Linux 6.7 what is sealed against writing takes no shared mapping at all
	 */
	void *at =
		mmap(NULL, len, PROT_READ, (pool ? MAP_SHARED : MAP_PRIVATE) | MAP_POPULATE, fd, 0);

	if (TOLL_UNLIKELY(at == MAP_FAILED))
		toll_fail("mmap");
	*in = (struct memfd_in){ fd, len, at };
	return at;
}

static TOLL_HOT void memfd_give_up(struct memfd_in *in)
{
	munmap(in->at, in->len);
	close(in->fd);
	in->at = NULL;
}

#endif
