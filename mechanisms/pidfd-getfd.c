/* SPDX-License-Identifier: MIT */
/* pidfd-getfd.c - the receiver takes the descriptor of a message's memory out of the sender's table
 * itself (pidfd_getfd(2)); a note in shared memory says which one it is. Nothing is copied. The
 * sender keeps the descriptor until it is told that the message has been read. */
#include "memfd.h"
#include "notes.h"
#include "trace.h"

#include <errno.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438 /* the same for all machines */
#endif

struct toll_shared {
	int32_t pid; /* the producer's, written in its attach() */
	_Alignas(TOLL_LINE) struct notes notes;
};

struct toll_end {
	struct notes_end notes;
	struct memfd_out out;
	struct memfd_in in;
	int pidfd; /* of the producer */
};

static const struct toll_option pidfd_getfd_options[] = { MEMFD_OPTION, { 0 } };

static size_t pidfd_getfd_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory == TOLL_SHARED)
		return offsetof(struct toll_shared, notes) + notes_bytes(channel);
	return memfd_bytes(channel);
}

static int pidfd_getfd(int pidfd, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

static const char *pidfd_getfd_absent(const struct toll_channel *channel)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	/* a process may always take from itself */
	int taken = pidfd < 0 ? -1 : pidfd_getfd(pidfd, pidfd), error = errno;

	if (pidfd >= 0)
		close(pidfd);
	if (taken >= 0)
		close(taken);
	else
		return error == ENOSYS
			       ? "this kernel has no pidfd_getfd(2) (Linux 5.6 has)"
			       : "a filter of system calls forbids pidfd_open(2) or pidfd_getfd(2)";
	const char *why = memfd_absent(channel);

	return why ? why : trace_absent(channel);
}

static int pidfd_getfd_attach(struct toll_end *end, const struct toll_channel *channel,
			      enum toll_side side, unsigned index, void *buf)
{
	(void)index;
	notes_attach(&end->notes, channel, &channel->shared->notes);
	if (side == TOLL_CONSUMER)
		return 0;
	trace_allow(channel);
	channel->shared->pid = getpid();
	return memfd_attach(&end->out, channel, buf);
}

/* Tries it too: what else keeps processes apart is said before the first message. */
static int pidfd_getfd_meet(struct toll_end *end, const struct toll_channel *channel)
{
	if (end->out.first) /* the producer */
		return 0;
	end->pidfd = (int)syscall(SYS_pidfd_open, channel->shared->pid, 0);
	if (end->pidfd < 0)
		return -1;
	int taken = pidfd_getfd(end->pidfd, STDERR_FILENO);

	if (taken >= 0)
		close(taken);
	return taken < 0 && errno != EBADF ? -1 : 0;
}

static TOLL_HOT void *pidfd_getfd_room(struct toll_end *end, size_t len, unsigned how, bool pool)
{
	return notes_room(&end->notes, how) ? memfd_room(&end->out, len, pool) : NULL;
}

static TOLL_CALLED bool pidfd_getfd_send(struct toll_end *end, size_t len, unsigned how, bool pool)
{
	notes_put(&end->notes, (uint32_t)memfd_seal(&end->out, len, pool), len, how);
	memfd_next(&end->out);
	return true;
}

static TOLL_CALLED const void *pidfd_getfd_take(struct toll_end *end, size_t *len, unsigned how,
						bool pool)
{
	const struct note *note = notes_look(&end->notes, how);

	if (note == NULL)
		return NULL;
	if (end->in.at == NULL) {
		int fd = pidfd_getfd(end->pidfd, (int)notes_number(note));

		if (TOLL_UNLIKELY(fd < 0)) {
			/* the sender may be about to end, with no descriptors any more, or none to
			 * show: the harness notices */
			if (errno != ESRCH && errno != EBADF && errno != EPERM)
				toll_fail("pidfd_getfd");
			return NULL;
		}
		memfd_map(&end->in, fd, note->len, pool);
	}
	*len = note->len;
	return end->in.at;
}

static TOLL_CALLED void pidfd_getfd_release(struct toll_end *end, unsigned how)
{
	memfd_give_up(&end->in);
	notes_done(&end->notes, how);
}

#define PIDFD_GETFD_VERBS(name, pool)                                                              \
	static TOLL_HOT void *pidfd_getfd_reserve_##name(struct toll_end *end, size_t len,         \
							 unsigned how)                             \
	{                                                                                          \
		return pidfd_getfd_room(end, len, how, pool);                                      \
	}                                                                                          \
	static TOLL_HOT bool pidfd_getfd_commit_##name(struct toll_end *end, size_t len,           \
						       unsigned how)                               \
	{                                                                                          \
		return pidfd_getfd_send(end, len, how, pool);                                      \
	}                                                                                          \
	static TOLL_HOT const void *pidfd_getfd_peek_##name(struct toll_end *end, size_t *len,     \
							    unsigned how)                          \
	{                                                                                          \
		return pidfd_getfd_take(end, len, how, pool);                                      \
	}
PIDFD_GETFD_VERBS(new, false)
PIDFD_GETFD_VERBS(pool, true)

#define PIDFD_GETFD(kind)                                                                          \
	.name = "pidfd-getfd",                                                                     \
	.about = "each message in a memfd, whose descriptor the receiver takes itself",            \
	.when = "file=" #kind, .options = pidfd_getfd_options, .waits = TOLL_ANY_WAIT,             \
	.producers = 1, .consumers = 1, .most_depth = MEMFD_MOST_DEPTH, .in_place = true,          \
	.own_memory = true, .slots = true, .absent = pidfd_getfd_absent,                           \
	.bytes = pidfd_getfd_bytes, .attach = pidfd_getfd_attach, .meet = pidfd_getfd_meet,        \
	.reserve = pidfd_getfd_reserve_##kind, .commit = pidfd_getfd_commit_##kind,                \
	.peek = pidfd_getfd_peek_##kind, .release = pidfd_getfd_release

TOLL_MECHANISM(pidfd_getfd, PIDFD_GETFD(new))
TOLL_MECHANISM(pidfd_getfd_pool, PIDFD_GETFD(pool))
