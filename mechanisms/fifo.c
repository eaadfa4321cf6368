/* SPDX-License-Identifier: MIT */
/* fifo.c - fifo(7): a pipe that has a name. The name is gone before the first message: what differs
 * from pipe is what the kernel does for a file, such as its times. */
#include "pipe.h"

#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

static const struct toll_option fifo_options[] = {
	PIPE_CAPACITY,
	{ 0 },
};

/* Opens both ends of the file of this name, which is a fifo. */
static int fifo_ends(const char *path, int fd[2])
{
	/* without O_NONBLOCK each end would wait for the other's open() */
	fd[0] = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd[0] < 0)
		return -1;
	fd[1] = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd[1] < 0 || fcntl(fd[0], F_SETFL, 0) < 0 ? -1 : 0;
}

static int fifo_open(struct toll_channel *channel)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	char path[256];
	uint64_t number;

	/* that of another user, as under sudo -E, would do for root only */
	if (folder == NULL || folder[0] != '/' || strlen(folder) > sizeof(path) / 2 ||
	    access(folder, W_OK | X_OK) < 0)
		folder = "/tmp";
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -1;
	snprintf(path, sizeof(path), "%s/toll-fifo-%016llx", folder, (unsigned long long)number);
	if (toll_journal("file", path) < 0 || mkfifo(path, 0600) < 0)
		return -1;
	int opened = fifo_ends(path, channel->shared->fd), error = errno;

	unlink(path); /* both ends are open, and peers have them from there */
	errno = error;
	return opened < 0 ? -1 : pipe_resize(channel, channel->shared->fd[1]);
}

TOLL_MECHANISM(fifo, .name = "fifo", .about = "fifo(7): a pipe with a name in the file system",
	       .options = fifo_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,
	       .bytes_only = true, .absent = pipe_capacity_absent, .bytes = pipe_bytes,
	       .open = fifo_open, .attach = pipe_attach, .descriptor = pipe_descriptor,
	       .close = pipe_close, .reserve = pipe_reserve, .commit = pipe_commit,
	       .peek = pipe_peek, .release = pipe_release)
