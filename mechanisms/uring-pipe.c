/* SPDX-License-Identifier: MIT */
/* needs: liburing */
/* uring-pipe.c - pipe(7), read and written by io_uring(7): the same pipes as pipe.c's, one for each
 * way, other system calls. Both ways, one call writes, reads and waits. */
#include "pipe-made.h"
#include "uring-read.h"

struct toll_shared {
	int fd[2][2]; /* of each way: its reader's end, its writer's */
};

static const struct toll_option uring_pipe_options[] = {
	URING_BYTES_OPTIONS,
	PIPE_CAPACITY,
	{ 0 },
};

static const char *uring_pipe_absent(const struct toll_channel *channel)
{
	const char *why = uring_bytes_absent(channel);

	return why ? why : pipe_capacity_absent(channel);
}

static size_t uring_pipe_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : uring_private_bytes(channel);
}

static int uring_pipe_open(struct toll_channel *channel)
{
	for (int way = 0; way < 2; way++) {
		int *fd = channel->shared->fd[way];

		if (pipe2(fd, O_CLOEXEC) < 0 || pipe_resize(channel, fd[1]) < 0)
			return -1;
	}
	return 0;
}

static int uring_pipe_attach(struct toll_end *end, const struct toll_channel *channel,
			     enum toll_side side, unsigned index, void *buf)
{
	int(*fd)[2] = channel->shared->fd;
	unsigned way = side == TOLL_BOTH ? index : 0; /* that this end writes */
	/* −1: not this end's, whose ring would hold it open as well (fixed=files) */
	const int mine[2] = { side == TOLL_CONSUMER ? -1 : fd[way][1],
			      side == TOLL_PRODUCER ? -1 : fd[side == TOLL_BOTH ? !index : 0][0] };

	/* both ways, an answer finds the pipe empty: what fits goes whole */
	end->whole = (size_t)fcntl(fd[way][1], F_GETPIPE_SZ);
	if (uring_bytes_attach(end, channel, side, mine, buf) < 0)
		return -1;
	/* in a process of its own the other end is not ours to hold open */
	for (int i = 0; i < 4 && !channel->threads; i++) {
		int other = fd[i / 2][i % 2];

		if (other != mine[0] && other != mine[1])
			close(other);
	}
	return 0;
}

static void uring_pipe_close(struct toll_channel *channel)
{
	for (int i = 0; i < 4; i++)
		close(channel->shared->fd[i / 2][i % 2]);
}

TOLL_MECHANISM(uring_pipe, .name = "uring-pipe", .about = "pipes, read and written by io_uring(7)",
	       .options = uring_pipe_options, .waits = TOLL_ANY_WAIT, .producers = 1,
	       .consumers = 1, .bytes_only = true, .duplex = true, .reads_room = true,
	       .peek_sends = true, .helpers = uring_helpers, .absent = uring_pipe_absent,
	       .bytes = uring_pipe_bytes, .open = uring_pipe_open, .attach = uring_pipe_attach,
	       .descriptor = uring_descriptor, .close = uring_pipe_close, .reserve = uring_reserve,
	       .commit = uring_commit, .flush = uring_flush, .peek = uring_peek,
	       .release = uring_release)
