/* SPDX-License-Identifier: MIT */
/* cma.c - one copy, straight from one process's memory into another's (process_vm_readv(2), "cross
 * memory attach"), as MPI libraries move large messages between two processes of a machine. A note
 * in shared memory says that there is one.
 *
 * call=readv: the receiver reads what lies in the sender's slots. call=writev: the sender writes
 * into the receiver's. Whoever's memory it is needs not run for that. */
#include "notes.h"
#include "trace.h"

#include <errno.h>
#include <sys/types.h>
#include <sys/uio.h>

struct toll_shared {
	int32_t pid;          /* of the end whose slots are reached into, written in its attach() */
	unsigned char *slots; /* its memory's address, there */
	_Alignas(TOLL_LINE) struct notes notes;
};

struct toll_end {
	struct notes_end notes;
	unsigned char *own, *slots; /* this end's memory; the other end's */
	size_t stride;              /* bytes from slot to slot */
	size_t moved;               /* bytes of the message in hand that have been moved */
	pid_t pid;
};

static const struct toll_option cma_options[] = {
	{ "call", "readv", "readv, writev",
	  "the receiver reads the sender's memory, or the sender writes the receiver's" },
	{ 0 },
};

static size_t cma_stride(const struct toll_channel *channel)
{
	return (channel->most + 63) / 64 * 64;
}

static size_t cma_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory == TOLL_SHARED)
		return offsetof(struct toll_shared, notes) + notes_bytes(channel);
	return channel->depth *
	       cma_stride(channel); /* the end that needs one slot has all as well */
}

static const char *cma_absent(const struct toll_channel *channel)
{
	char from = 0, to;
	struct iovec local = { &to, 1 }, remote = { &from, 1 };

	/* a process may always reach into itself */
	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0)
		return errno == ENOSYS ? "this kernel has no process_vm_readv(2) "
					 "(CONFIG_CROSS_MEMORY_ATTACH)"
				       : "a filter of system calls forbids process_vm_readv(2)";
	return trace_absent(channel);
}

static bool cma_reads(const struct toll_channel *channel)
{
	return strcmp(toll_value(channel, "call"), "readv") == 0;
}

static int cma_attach(struct toll_end *end, const struct toll_channel *channel, enum toll_side side,
		      unsigned index, void *buf)
{
	(void)index;
	notes_attach(&end->notes, channel, &channel->shared->notes);
	end->own = buf;
	end->stride = cma_stride(channel);
	if (cma_reads(channel) != (side == TOLL_PRODUCER))
		return 0;
	trace_allow(channel);
	channel->shared->pid = getpid();
	channel->shared->slots = buf;
	return 0;
}

/* Tries it too: what else keeps processes apart is said before the first message. */
static int cma_meet(struct toll_end *end, const struct toll_channel *channel)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { channel->shared->slots, 1 };

	end->slots = channel->shared->slots;
	end->pid = channel->shared->pid;
	return process_vm_readv(end->pid, &local, 1, &remote, 1, 0) < 0 ? -1 : 0;
}

static TOLL_HOT size_t cma_slot(const struct toll_end *end)
{
	return notes_turn(&end->notes) * end->stride;
}

/* After a call: whether all of the message has been moved. The other end may be about to end, and
 * then has no memory (ESRCH), or shows none (EPERM): the harness notices. */
static TOLL_HOT bool cma_moved(struct toll_end *end, size_t len, ssize_t n, const char *call)
{
	if (TOLL_UNLIKELY(n < 0)) {
		if (errno != ESRCH && errno != EPERM)
			toll_fail(call);
		return false;
	}
	end->moved += (size_t)n;
	return TOLL_LIKELY(end->moved == len);
}

/* call=readv */
static TOLL_HOT void *cma_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	return notes_room(&end->notes, how) ? end->own + cma_slot(end) : NULL;
}

static TOLL_HOT bool cma_commit(struct toll_end *end, size_t len, unsigned how)
{
	notes_put(&end->notes, 0, len, how);
	return true;
}

static TOLL_HOT const void *cma_peek(struct toll_end *end, size_t *len, unsigned how)
{
	const struct note *note = notes_look(&end->notes, how);

	if (note == NULL)
		return NULL;
	struct iovec local = { end->own + end->moved, note->len - end->moved };
	struct iovec remote = { end->slots + cma_slot(end) + end->moved, local.iov_len };

	if (local.iov_len > 0 &&
	    !cma_moved(end, note->len, process_vm_readv(end->pid, &local, 1, &remote, 1, 0),
		       "process_vm_readv"))
		return NULL;
	*len = note->len;
	return end->own;
}

static TOLL_HOT void cma_release(struct toll_end *end, unsigned how)
{
	end->moved = 0;
	notes_done(&end->notes, how);
}

/* call=writev */
static TOLL_HOT void *cma_reserve_own(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	return notes_room(&end->notes, how) ? end->own : NULL;
}

static TOLL_HOT bool cma_commit_away(struct toll_end *end, size_t len, unsigned how)
{
	struct iovec local = { end->own + end->moved, len - end->moved };
	struct iovec remote = { end->slots + cma_slot(end) + end->moved, local.iov_len };

	if (!cma_moved(end, len, process_vm_writev(end->pid, &local, 1, &remote, 1, 0),
		       "process_vm_writev"))
		return false;
	end->moved = 0;
	notes_put(&end->notes, 0, len, how);
	return true;
}

static TOLL_HOT const void *cma_peek_own(struct toll_end *end, size_t *len, unsigned how)
{
	const struct note *note = notes_look(&end->notes, how);

	if (note == NULL)
		return NULL;
	*len = note->len;
	return end->own + cma_slot(end);
}

static TOLL_HOT void cma_release_own(struct toll_end *end, unsigned how)
{
	notes_done(&end->notes, how);
}

#define CMA                                                                                        \
	.name = "cma", .about = "one copy between two processes' memory (process_vm_readv)",       \
	.options = cma_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,            \
	.slots = true, .absent = cma_absent, .bytes = cma_bytes, .attach = cma_attach,             \
	.meet = cma_meet

TOLL_MECHANISM(cma, CMA, .when = "call=readv", .reserve = cma_reserve, .commit = cma_commit,
	       .peek = cma_peek, .release = cma_release)
TOLL_MECHANISM(cma_writev, CMA, .when = "call=writev", .reserve = cma_reserve_own,
	       .commit = cma_commit_away, .peek = cma_peek_own, .release = cma_release_own)
