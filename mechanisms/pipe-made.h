/* SPDX-License-Identifier: MIT */
/* pipe-made.h - how large pipes are made, whoever moves messages through them: by calls of their
 * own (pipe.h) or by a ring (uring-pipe.c).
 *
 *   PIPE_CAPACITY        the option capacity=; pipe_resize() sets it
 *                        pipe_capacity_absent(): why it cannot be had */
#ifndef PIPE_MADE_H
#define PIPE_MADE_H

#include "toll.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PIPE_CAPACITY                                                                              \
	{                                                                                          \
		"capacity", "64K", "4K … /proc/sys/fs/pipe-max-size",                              \
			"bytes the kernel buffers, a power of two (F_SETPIPE_SZ)"                  \
	}

/* Also when it is the default: a user over pipe-user-pages-soft gets a smaller pipe. 0, or −1:
 * EPERM beyond what this user may have, ERANGE where the kernel has made it larger than asked, in
 * silence. */
static inline int pipe_resize(const struct toll_channel *channel, int fd)
{
	uint64_t capacity = toll_value_size(channel, "capacity");
	int got;

	if (capacity > INT32_MAX) {
		errno = EINVAL;
		return -1;
	}
	got = fcntl(fd, F_SETPIPE_SZ, (int)capacity);
	if (got >= 0 && (uint64_t)got != capacity) {
		errno = ERANGE;
		return -1;
	}
	return got < 0 ? -1 : 0;
}

/* Why there is none of just the size asked for, but one of this size. */
static inline const char *pipe_rounded(int bytes)
{
#define PIPE_ROUNDED(size)                                                                         \
	"the kernel rounds that capacity up in silence: it would be " size ", so ask for that"
	static const char *const why[] = { PIPE_ROUNDED("4K"),   PIPE_ROUNDED("8K"),
					   PIPE_ROUNDED("16K"),  PIPE_ROUNDED("32K"),
					   PIPE_ROUNDED("64K"),  PIPE_ROUNDED("128K"),
					   PIPE_ROUNDED("256K"), PIPE_ROUNDED("512K"),
					   PIPE_ROUNDED("1M"),   PIPE_ROUNDED("2M"),
					   PIPE_ROUNDED("4M"),   PIPE_ROUNDED("8M"),
					   PIPE_ROUNDED("16M"),  PIPE_ROUNDED("32M") };
#undef PIPE_ROUNDED
	size_t nth = bytes < 4096 ? SIZE_MAX : (size_t)__builtin_ctz((unsigned)bytes) - 12;

	return nth < sizeof(why) / sizeof(*why)
		       ? why[nth]
		       : "the kernel rounds that capacity up in silence: take a power of two";
}

static inline const char *pipe_capacity_absent(const struct toll_channel *channel)
{
	const char *why = NULL;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) < 0)
		return NULL; /* open() will say why */
	if (pipe_resize(channel, fd[1]) < 0)
		why = errno == ERANGE  ? pipe_rounded(fcntl(fd[1], F_GETPIPE_SZ))
		      : errno == EPERM ? "this user may have no pipe of that capacity (sysctl "
					 "fs.pipe-max-size, fs.pipe-user-pages-soft and -hard)"
				       : "the kernel makes no pipe of that capacity";
	close(fd[0]);
	close(fd[1]);
	return why;
}

#endif
