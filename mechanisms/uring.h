/* SPDX-License-Identifier: MIT */
/* uring.h - what the mechanisms over io_uring(7) share. Each end has a ring of its own, made by the
 * peer that uses it; a bare kernel or a container may refuse to make one, and then says why.
 *
 *   URING_OPTIONS    how completions arrive, and who takes what is submitted
 *   uring_make()     a ring, and uring_end(); uring_helpers(): kernel threads that it keeps busy
 *   uring_trial()    why there is no such ring here; uring_knows(): does the kernel know operations
 *   uring_sqe()      the next entry to submit; uring_submit() hands over what there is
 *   uring_next()     what has completed; uring_seen() gives its place back */
#ifndef URING_H
#define URING_H

#include "toll.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* liburing 2.3 stops at 48; the kernel says itself what it knows */
enum { URING_FUTEX_WAIT = 51, URING_FUTEX_WAKE = 52 };

#define URING_OPTIONS                                                                              \
	{ "taskrun", "signal", "signal, coop, defer",                                              \
	  "completions interrupt the peer, come with its next system call (COOP_TASKRUN), or "     \
	  "when it asks (DEFER_TASKRUN, SINGLE_ISSUER)" },                                         \
	{                                                                                          \
		"sqpoll", "no", "no, yes",                                                         \
			"a kernel thread takes what is submitted (SQPOLL): no system call, and "   \
			"its CPU time is not counted"                                              \
	}
#define URING_BATCH                                                                                \
	{                                                                                          \
		"batch", "1", "8, 1 … 64",                                                         \
			"messages submitted together; less where somebody waits"                   \
	}

enum { URING_MOST_BATCH = 64, URING_IDLE_MS = 1 /* before SQPOLL's thread sleeps */ };

struct uring {
	struct io_uring ring;
	/* With DEFER_TASKRUN poll() on the ring itself misses what comes (Linux 6.18), and watches
	 * an eventfd. It is registered when first somebody does not sleep in the ring, and emptied
	 * when there is nothing more to see: stale, since something has completed. −1: none. */
	int event;
	bool registered, stale;
};

static inline bool uring_is(const struct toll_channel *channel, const char *name, const char *value)
{
	return strcmp(toll_value(channel, name), value) == 0;
}

/* ---- making a ring ---- */

/* A ring for so many submissions at once, and so many completions that wait to be seen; the kernel
 * keeps those beyond its most elsewhere. 0, or −1 with errno. */
static inline int uring_make(struct uring *uring, const struct toll_channel *channel,
			     unsigned entries, unsigned completions)
{
	struct io_uring_params params = { .cq_entries = completions,
					  .flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
					  .sq_thread_idle = URING_IDLE_MS };
	bool defers = uring_is(channel, "taskrun", "defer");

	/* the flag shows in shared memory that there is something to ask for */
	if (uring_is(channel, "taskrun", "coop"))
		params.flags |= IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
	if (defers)
		params.flags |= IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
				IORING_SETUP_TASKRUN_FLAG;
	if (uring_is(channel, "sqpoll", "yes"))
		params.flags |= IORING_SETUP_SQPOLL;
	*uring = (struct uring){ .event = -1, .stale = true };
	int error = io_uring_queue_init_params(entries, &uring->ring, &params);

	if (error == 0 && defers) {
		uring->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		error = uring->event < 0 ? -errno : 0;
	}
	errno = -error;
	return error < 0 ? -1 : 0;
}

static inline void uring_end(struct uring *uring)
{
	if (uring->event >= 0)
		close(uring->event);
	io_uring_queue_exit(&uring->ring);
}

/* What poll() would watch. */
static inline int uring_watched(const struct uring *uring)
{
	return uring->event >= 0 ? uring->event : uring->ring.ring_fd;
}

static inline unsigned uring_helpers(const struct toll_channel *channel)
{
	return uring_is(channel, "sqpoll", "yes");
}

static inline const char *uring_forbidden(void)
{
	char level = '0';
	int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, &level, 1) != 1)
			level = '0';
		close(fd);
	}
	if (level == '2')
		return "the kernel makes no ring (EPERM): sysctl kernel.io_uring_disabled is 2";
	if (level == '1')
		return "the kernel makes no ring for this user (EPERM): sysctl "
		       "kernel.io_uring_disabled is 1, and the user is not in the group of sysctl "
		       "kernel.io_uring_group";
	return "the kernel makes no ring (EPERM), though sysctl kernel.io_uring_disabled allows "
	       "it: "
	       "a seccomp filter, as containers have it";
}

/* Why there is no ring, by errno of io_uring_setup(2). */
static inline const char *uring_refusal(const struct toll_channel *channel)
{
	switch (errno) {
	case EPERM:
		return uring_forbidden();
	case EACCES:
		return "the kernel makes no ring (EACCES): a security module or a seccomp filter";
	case ENOSYS:
		return "there is no io_uring_setup(2) here (ENOSYS): the kernel is older than 5.1 "
		       "or "
		       "built without it, or a seccomp filter hides it";
	case ENOMEM:
		return "the kernel has no memory for a ring (ENOMEM; to raise it: ulimit -l)";
	case EINVAL:
		if (uring_is(channel, "sqpoll", "yes") && !uring_is(channel, "taskrun", "signal"))
			return "the kernel combines sqpoll=yes with no other taskrun= than signal "
			       "(EINVAL)";
		return uring_is(channel, "taskrun", "defer")
			       ? "this kernel has no DEFER_TASKRUN (EINVAL; Linux 6.1 has)"
		       : uring_is(channel, "taskrun", "coop")
			       ? "this kernel has no COOP_TASKRUN (EINVAL; Linux 5.19 has)"
			       : "this kernel makes no such ring (EINVAL)";
	default:
		return strerror(errno);
	}
}

/* A probe is refused where there is none; the kernel then knows none of these operations. */
static inline bool uring_knows(struct uring *uring, unsigned first, unsigned last)
{
	union {
		struct io_uring_probe probe;
		unsigned char room[sizeof(struct io_uring_probe) +
				   256 * sizeof(struct io_uring_probe_op)];
	} asked;

	memset(&asked, 0, sizeof(asked));
	if (io_uring_register_probe(&uring->ring, &asked.probe, 256) < 0)
		return false;
	for (unsigned operation = first; operation <= last; operation++) {
		if (!io_uring_opcode_supported(&asked.probe, (int)operation))
			return false;
	}
	return true;
}

/* Makes a trial ring, which is the caller's to end when there is no reason against it. */
static inline const char *uring_trial(struct uring *uring, const struct toll_channel *channel)
{
	return uring_make(uring, channel, 8, 16) < 0 ? uring_refusal(channel) : NULL;
}

static inline const char *uring_batch_absent(const struct toll_channel *channel)
{
	uint64_t batch = toll_value_size(channel, "batch");

	return batch < 1 || batch > URING_MOST_BATCH ? "batch= takes 1 … 64" : NULL;
}

/* ---- using it ---- */

/* There is always an entry: each mechanism makes its ring for all that it may have under way; but
 * SQPOLL's thread may be behind. */
static TOLL_HOT struct io_uring_sqe *uring_sqe(struct uring *uring)
{
	struct io_uring_sqe *sqe;

	while (TOLL_UNLIKELY((sqe = io_uring_get_sqe(&uring->ring)) == NULL)) {
		io_uring_submit(&uring->ring);
		io_uring_sqring_wait(&uring->ring);
	}
	return sqe;
}

/* Hands over what there is, and may sleep until so many have completed; 0: it does not. */
static TOLL_HOT void uring_submit(struct uring *uring, unsigned await)
{
	int n = await ? io_uring_submit_and_wait(&uring->ring, await)
		      : io_uring_submit(&uring->ring);

	if (TOLL_UNLIKELY(n < 0) && n != -EINTR && n != -EAGAIN && n != -EBUSY) {
		errno = -n;
		toll_fail("io_uring_enter");
	}
}

static TOLL_CALLED void uring_empty_event(struct uring *uring)
{
	uint64_t count;

	if (!uring->registered) {
		int error = io_uring_register_eventfd(&uring->ring, uring->event);

		if (error < 0) {
			errno = -error;
			toll_fail("io_uring_register_eventfd");
		}
		uring->registered = true;
	}
	if (read(uring->event, &count, sizeof(count)) < 0 && errno != EAGAIN)
		toll_fail("read");
	uring->stale = false;
}

/* The next completion, or NULL. */
static TOLL_HOT struct io_uring_cqe *uring_next(struct uring *uring, unsigned how)
{
	struct io_uring *ring = &uring->ring;

	for (;;) {
		/* acquire: pairs with the kernel's release, so the entry is there */
		unsigned head = *ring->cq.khead;

		if (head != __atomic_load_n(ring->cq.ktail, __ATOMIC_ACQUIRE)) {
			uring->stale = true;
			return &ring->cq.cqes[head & ring->cq.ring_mask];
		}
		/* relaxed: a hint; what is missed now shows at the next try */
		if (TOLL_UNLIKELY(__atomic_load_n(ring->sq.kflags, __ATOMIC_RELAXED) &
				  (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))) {
			io_uring_get_events(ring);
			uring->stale = true;
			if (head != __atomic_load_n(ring->cq.ktail, __ATOMIC_ACQUIRE))
				continue;
		}
		/* TOLL_WAKE alone: who does not sleep in here may poll next */
		if (TOLL_LIKELY(uring->event < 0 || how != TOLL_WAKE || !uring->stale))
			return NULL;
		uring_empty_event(uring);
	}
}

static TOLL_HOT void uring_seen(struct uring *uring)
{
	io_uring_cq_advance(&uring->ring, 1);
}

#endif
