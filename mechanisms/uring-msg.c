/* SPDX-License-Identifier: MIT */
/* needs: liburing */
/* uring-msg.c - slots in shared memory, told of from ring to ring (IORING_OP_MSG_RING): what
 * completes in the consumer's ring says that a slot is full, and in the producer's that a quarter
 * of them is free. Both ways, one call tells and waits for the answer.
 *
 * Between processes each needs the other's ring. The kernel sends none over sockets (since Linux
 * 6.7), so pidfd_getfd(2) fetches it. */
#include "slots.h"
#include "uring.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { URING_TOLD = 1, URING_TELLS = 2 }; /* whose completion: from the other ring, or a failure */

struct toll_shared {
	int ring[2], pid[2]; /* of end 0 (one-way: the producer's) and of the other */
	uint32_t way[2];     /* stored by that end before it tells, see uring_msg_tell() */
	char apart[TOLL_LINE - 24];
	unsigned char slots[];
};

struct toll_end {
	struct uring ring;
	struct toll_shared *shared;
	struct slots slots;
	int other;     /* its ring */
	unsigned from; /* which end this is */
	bool both;     /* one slot back and forth, freed by the answer */
	uint64_t told; /* by the other end: slots freed, or messages that are there */
	uint32_t owed, quarter, held, batch;
};

static const struct toll_option uring_msg_options[] = { URING_BATCH, URING_OPTIONS, { 0 } };

static size_t uring_msg_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) + slots_bytes(channel) : 0;
}

/* Another process's descriptor as one of ours, or −1 with errno. */
static int uring_msg_fetch(int pid, int fd)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int mine = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, fd, 0);
	int error = errno;

	if (process >= 0)
		close(process);
	errno = error;
	return mine;
}

/* Where Yama restricts it, a process says who may look at it: its siblings here. */
static void uring_msg_be_fetched(void)
{
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
}

/* May a process fetch what is not its descendant's? The errno, 0: it may. */
static int uring_msg_trial(int ring)
{
	int status = 0;
	pid_t pid;

	uring_msg_be_fetched();
	pid = fork();
	if (pid == 0)
		_exit(uring_msg_fetch(getppid(), ring) < 0 ? errno : 0);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 0; /* the peers will say */
	return WEXITSTATUS(status);
}

static const char *uring_msg_absent(const struct toll_channel *channel)
{
	const char *why = uring_batch_absent(channel);
	struct uring ring;

	if (why == NULL)
		why = uring_trial(&ring, channel);
	if (why)
		return why;
	int error = channel->threads ? 0 : uring_msg_trial(ring.ring.ring_fd);

	if (!uring_knows(&ring, IORING_OP_MSG_RING, IORING_OP_MSG_RING))
		why = "this kernel has no MSG_RING (Linux 5.18 has)";
	else if (error == EPERM)
		why = "a process may not fetch another's ring (pidfd_getfd(2): EPERM; sysctl "
		      "kernel.yama.ptrace_scope, or a seccomp filter); threads need not";
	else if (error)
		why = "a process cannot fetch another's ring: there is no pidfd_getfd(2) here "
		      "(Linux 5.6 has); threads need not";
	uring_end(&ring);
	return why;
}

static int uring_msg_attach(struct toll_end *end, const struct toll_channel *channel,
			    enum toll_side side, unsigned index, void *buf)
{
	struct toll_shared *shared = channel->shared;

	(void)buf;
	end->shared = shared;
	end->from = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;
	end->both = side == TOLL_BOTH;
	end->batch = end->both ? UINT32_MAX : (uint32_t)toll_value_size(channel, "batch");
	end->quarter = end->both ? UINT32_MAX : channel->depth < 4 ? 1 : channel->depth / 4;
	end->told = side == TOLL_PRODUCER ? channel->depth : 0;
	slots_attach(&end->slots, channel, shared->slots);
	if (end->both)
		end->slots.stride = 0;
	/* all slots may have been told of, or given back, before the first is heard */
	if (uring_make(&end->ring, channel, URING_MOST_BATCH, channel->depth + URING_MOST_BATCH) <
	    0)
		return -1;
	shared->ring[end->from] = end->ring.ring.ring_fd;
	shared->pid[end->from] = getpid();
	uring_msg_be_fetched();
	return 0;
}

static int uring_msg_meet(struct toll_end *end, const struct toll_channel *channel)
{
	const struct toll_shared *shared = channel->shared;
	unsigned other = !end->from;

	end->other = shared->pid[other] == getpid()
			     ? shared->ring[other]
			     : uring_msg_fetch(shared->pid[other], shared->ring[other]);
	return end->other < 0 ? -1 : 0;
}

static int uring_msg_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return uring_watched(&end->ring);
}

/* The kernel orders what lies before a submission and after its completion. The language does not
 * know that: for it stands a word for each end, release before the one and acquire after the other.
 * Only a failure completes in the ring of who tells. */
static TOLL_HOT void uring_msg_tell(struct toll_end *end, uint32_t count)
{
	struct io_uring_sqe *sqe;

	__atomic_store_n(&end->shared->way[end->from], count, __ATOMIC_RELEASE);
	sqe = uring_sqe(&end->ring);
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_MSG_RING,
				      .flags = IOSQE_CQE_SKIP_SUCCESS,
				      .fd = end->other,
				      .len = count,
				      .off = URING_TOLD,
				      .user_data = URING_TELLS };
}

static TOLL_HOT void uring_msg_reap(struct toll_end *end, unsigned how)
{
	const struct io_uring_cqe *cqe;

	while ((cqe = uring_next(&end->ring, how)) != NULL) {
		/* that the other end died is the harness's to notice */
		if (TOLL_UNLIKELY(cqe->user_data != URING_TOLD) && cqe->res != -EOWNERDEAD &&
		    cqe->res != -EBADFD && cqe->res != -EBADF) {
			errno = -cqe->res;
			toll_fail("MSG_RING");
		}
		end->told += cqe->user_data == URING_TOLD ? (uint64_t)cqe->res : 0;
		uring_seen(&end->ring);
	}
	(void)__atomic_load_n(&end->shared->way[!end->from], __ATOMIC_ACQUIRE);
}

/* Has the other end told of something? Hands over what is held back before it waits. */
static TOLL_CALLED bool uring_msg_hear(struct toll_end *end, unsigned how)
{
	if (end->held == 0)
		uring_msg_reap(end, how);
	if (end->told == 0 && (end->held || how & TOLL_SLEEP)) {
		end->held = 0;
		uring_submit(&end->ring, how & TOLL_SLEEP ? 1 : 0);
		uring_msg_reap(end, how);
	}
	return end->told > 0;
}

static TOLL_HOT bool uring_msg_flush(struct toll_end *end, unsigned how)
{
	(void)how;
	if (end->held) {
		end->held = 0;
		uring_submit(&end->ring, 0);
	}
	return true;
}

static TOLL_HOT void *uring_msg_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	if (!end->both && TOLL_UNLIKELY(end->told == 0) && !uring_msg_hear(end, how))
		return NULL;
	return end->slots.slot->message;
}

static TOLL_HOT bool uring_msg_commit(struct toll_end *end, size_t len, unsigned how)
{
	if (!end->both)
		end->told--;
	slots_put(&end->slots, len);
	uring_msg_tell(end, 1);
	return ++end->held < end->batch || uring_msg_flush(end, how);
}

static TOLL_HOT const void *uring_msg_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->told == 0 && !uring_msg_hear(end, how))
		return NULL;
	*len = end->slots.slot->len;
	return end->slots.slot->message;
}

static TOLL_HOT void uring_msg_release(struct toll_end *end, unsigned how)
{
	end->told--;
	slots_next(&end->slots);
	if (TOLL_UNLIKELY(++end->owed == end->quarter)) {
		uring_msg_tell(end, end->owed);
		end->owed = 0;
		end->held++;
		uring_msg_flush(end, how);
	}
}

TOLL_MECHANISM(uring_msg, .name = "uring-msg",
	       .about = "shared slots, told of from ring to ring (io_uring's MSG_RING)",
	       .options = uring_msg_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,
	       .in_place = true, .duplex = true, .slots = true, .reads_room = true,
	       .peek_sends = true, .helpers = uring_helpers, .absent = uring_msg_absent,
	       .bytes = uring_msg_bytes, .attach = uring_msg_attach, .meet = uring_msg_meet,
	       .descriptor = uring_msg_descriptor, .reserve = uring_msg_reserve,
	       .commit = uring_msg_commit, .flush = uring_msg_flush, .peek = uring_msg_peek,
	       .release = uring_msg_release)
