/* SPDX-License-Identifier: MIT */
/* signal.c - a real-time signal carries the message as its value (sigqueue(3)), queued in order for
 * one thread. Slots given back, every quarter of the depth, come as signals to the producer; so no
 * more are queued than the channel is deep, and others of this user keep theirs
 * (RLIMIT_SIGPENDING). */
#include "toll.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SIGNAL_NAP_NS = 1000000, SIGNAL_ROOM = 8 };

struct signal_side {
	pid_t process, thread;
	int number;
};

struct toll_shared {
	struct signal_side side[2]; /* each written by its own end, before the others meet it */
};

struct toll_end {
	struct signal_side mine, other;
	unsigned index;
	sigset_t set; /* of the number that comes to this end */
	int tries, sleeps;
	bool polls;
	union sigval out, in;
	size_t there; /* length of the message in hand; 0: none */
	uint64_t free;
	uint32_t owed, quarter;
};

static const struct toll_option signal_options[] = {
	{ "take", "wait", "wait, signalfd", "sigtimedwait(2), or read() from a signalfd(2)" },
	{ 0 },
};

static size_t signal_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	(void)channel;
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : 0;
}

static size_t signal_most(const struct toll_channel *channel)
{
	(void)channel;
	return sizeof(union sigval);
}

static const char *signal_absent(const struct toll_channel *channel)
{
	struct rlimit pending;

	if (getrlimit(RLIMIT_SIGPENDING, &pending) == 0 && pending.rlim_cur != RLIM_INFINITY &&
	    pending.rlim_cur < channel->depth + (rlim_t)SIGNAL_ROOM)
		return "this user may not have as many signals queued (ulimit -i)";
	return NULL;
}

/* The first number that is free in this thread: its mask says which are taken. The last one,
 * SIGRTMAX, is the harness's. */
static int signal_number(sigset_t *set)
{
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	for (int number = SIGRTMIN; number < SIGRTMAX; number++) {
		if (sigismember(&blocked, number))
			continue;
		sigemptyset(set);
		sigaddset(set, number);
		return pthread_sigmask(SIG_BLOCK, set, NULL) == 0 ? number : -1;
	}
	errno = EAGAIN;
	return -1;
}

static int signal_attach(struct toll_end *end, const struct toll_channel *channel,
			 enum toll_side side, unsigned index, void *buf)
{
	(void)buf;
	end->index = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;
	end->mine = (struct signal_side){ getpid(), (pid_t)syscall(SYS_gettid),
					  signal_number(&end->set) };
	channel->shared->side[end->index] = end->mine;
	end->polls = channel->wait == TOLL_WAIT_POLL || channel->wait == TOLL_WAIT_EPOLL;
	/* both ways none is given back but by an answer */
	end->free = side == TOLL_BOTH ? UINT64_MAX : channel->depth;
	end->quarter = side == TOLL_BOTH ? UINT32_MAX : channel->depth < 4 ? 1 : channel->depth / 4;
	end->tries = end->sleeps = -1;
	return end->mine.number < 0 ? -1 : 0;
}

static int signal_attach_fd(struct toll_end *end, const struct toll_channel *channel,
			    enum toll_side side, unsigned index, void *buf)
{
	if (signal_attach(end, channel, side, index, buf) < 0)
		return -1;
	end->tries = signalfd(-1, &end->set, SFD_CLOEXEC | SFD_NONBLOCK);
	end->sleeps = signalfd(-1, &end->set, SFD_CLOEXEC);
	return end->tries < 0 || end->sleeps < 0 ? -1 : 0;
}

static int signal_meet(struct toll_end *end, const struct toll_channel *channel)
{
	end->other = channel->shared->side[!end->index];
	return 0;
}

static int signal_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return end->sleeps;
}

/* false: this user's queue is full, with what others have in it, or the other end is gone. */
static TOLL_HOT bool signal_send(const struct toll_end *end, union sigval value, size_t length,
				 unsigned how)
{
	const struct timespec nap = { .tv_nsec = SIGNAL_NAP_NS };
	siginfo_t info = { .si_signo = end->other.number,
			   .si_errno = (int)length,
			   .si_code = SI_QUEUE };

	info.si_value = value;
	if (TOLL_LIKELY(syscall(SYS_rt_tgsigqueueinfo, end->other.process, end->other.thread,
				end->other.number, &info) == 0))
		return true;
	/* that room comes again would be seen by neither poll() nor epoll_wait() */
	if ((errno != EAGAIN || end->polls) && errno != ESRCH)
		toll_fail("rt_tgsigqueueinfo (ulimit -i bounds the queue)");
	if (how & TOLL_SLEEP) /* nothing says when there is room */
		nanosleep(&nap, NULL);
	return false;
}

/* Gives back what is owed. What cannot be said now is said with the next message's, or before this
 * end waits for one. */
static TOLL_HOT bool signal_return(struct toll_end *end, unsigned how)
{
	union sigval owed = { .sival_int = (int)end->owed };

	if (!signal_send(end, owed, 0, how))
		return false;
	end->owed = 0;
	return true;
}

/* One signal's value and length, from a signalfd or by sigtimedwait(2). */
static TOLL_HOT bool signal_take(const struct toll_end *end, union sigval *value, size_t *length,
				 unsigned how, bool fd)
{
	const struct timespec now = { 0 };
	struct signalfd_siginfo read_info;
	siginfo_t info;
	bool sleeps = (how & TOLL_SLEEP) != 0;

	if (fd ? read(sleeps ? end->sleeps : end->tries, &read_info, sizeof(read_info)) < 0
	       : sigtimedwait(&end->set, &info, sleeps ? NULL : &now) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			toll_fail(fd ? "read" : "sigtimedwait");
		return false;
	}
	if (fd)
		memcpy(value, &read_info.ssi_ptr, sizeof(*value)); /* 64 bits that hold a pointer */
	else
		*value = info.si_value;
	*length = (size_t)(fd ? read_info.ssi_errno : info.si_errno);
	return true;
}

static TOLL_HOT void *signal_room(struct toll_end *end, unsigned how, bool fd)
{
	if (TOLL_UNLIKELY(end->free == 0)) {
		union sigval more;
		size_t none;

		if (!signal_take(end, &more, &none, how, fd))
			return NULL;
		end->free = (uint64_t)more.sival_int;
	}
	return &end->out;
}

static TOLL_HOT const void *signal_message(struct toll_end *end, size_t *len, unsigned how, bool fd)
{
	if (end->there == 0) {
		if (TOLL_UNLIKELY(end->owed >= end->quarter) && !signal_return(end, how))
			how = 0; /* not to sleep: the producer may be waiting for this */
		if (!signal_take(end, &end->in, &end->there, how, fd))
			return NULL;
	}
	*len = end->there;
	return &end->in;
}

static TOLL_HOT void *signal_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	return signal_room(end, how, false);
}

static TOLL_HOT void *signal_reserve_fd(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	return signal_room(end, how, true);
}

static TOLL_HOT bool signal_commit(struct toll_end *end, size_t len, unsigned how)
{
	if (!signal_send(end, end->out, len, how))
		return false;
	end->free--;
	return true;
}

static TOLL_HOT const void *signal_peek(struct toll_end *end, size_t *len, unsigned how)
{
	return signal_message(end, len, how, false);
}

static TOLL_HOT const void *signal_peek_fd(struct toll_end *end, size_t *len, unsigned how)
{
	return signal_message(end, len, how, true);
}

static TOLL_HOT void signal_release(struct toll_end *end, unsigned how)
{
	end->there = 0;
	if (TOLL_UNLIKELY(++end->owed >= end->quarter))
		signal_return(end, how & ~TOLL_SLEEP);
}

#define SIGNAL                                                                                     \
	.name = "signal", .about = "a real-time signal, the message as its value, up to 8 B",      \
	.options = signal_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,         \
	.duplex = true, .slots = true, .reads_room = true, .absent = signal_absent,                \
	.most_bytes = signal_most, .bytes = signal_bytes, .meet = signal_meet,                     \
	.commit = signal_commit, .release = signal_release

TOLL_MECHANISM(signal, SIGNAL, .when = "take=wait", .attach = signal_attach,
	       .reserve = signal_reserve, .peek = signal_peek)
TOLL_MECHANISM(signal_fd, SIGNAL, .when = "take=signalfd", .attach = signal_attach_fd,
	       .descriptor = signal_descriptor, .reserve = signal_reserve_fd,
	       .peek = signal_peek_fd)
