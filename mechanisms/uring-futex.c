/* SPDX-License-Identifier: MIT */
/* needs: liburing */
/* uring-futex.c - the slot of futex.c, handed over by a ring's FUTEX_WAIT and FUTEX_WAKE operations
 * (Linux 6.7): a wait that can be polled, and both ways one call that wakes the other end and waits
 * for its answer. Who spins reads the word, and needs no ring. */
#include "uring.h"

#include <linux/futex.h>

#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32 0x02
#endif

enum { URING_WAITED = 1, URING_WOKE = 2 }; /* whose completion it is */

struct toll_shared {   /* written by whoever has the turn */
	uint32_t turn; /* even: the first side's (one-way: the producer's); odd: the other's */
	uint32_t len;
	unsigned char message[];
};

struct toll_end {
	struct uring ring;
	struct toll_shared *shared;
	uint32_t mine; /* the turn at which this end may act */
	bool links;
	bool waiting;              /* a FUTEX_WAIT is under way */
	struct io_uring_sqe *held; /* a FUTEX_WAKE that has not been handed over */
};

static const struct toll_option uring_futex_options[] = {
	{ "link", "no", "no, yes",
	  "both ways: the wait begins when the wake-up has ended (IO_LINK)" },
	URING_OPTIONS,
	{ 0 },
};

static const char *uring_futex_absent(const struct toll_channel *channel)
{
	struct uring ring;
	const char *why = uring_trial(&ring, channel);

	if (why)
		return why;
	if (!uring_knows(&ring, URING_FUTEX_WAIT, URING_FUTEX_WAKE))
		why = "this kernel's rings have no FUTEX_WAIT (Linux 6.7 has)";
	uring_end(&ring);
	return why;
}

static size_t uring_futex_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) + channel->most : 0;
}

static size_t uring_futex_most(const struct toll_channel *channel)
{
	(void)channel;
	return UINT32_MAX; /* len has 32 bits */
}

static int uring_futex_attach(struct toll_end *end, const struct toll_channel *channel,
			      enum toll_side side, unsigned index, void *buf)
{
	(void)buf;
	end->shared = channel->shared;
	end->mine = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;
	end->links = uring_is(channel, "link", "yes");
	return uring_make(&end->ring, channel, 8, 32);
}

static int uring_futex_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return uring_watched(&end->ring);
}

static TOLL_HOT struct io_uring_sqe *uring_futex_sqe(struct toll_end *end, unsigned operation,
						     uint64_t value)
{
	struct io_uring_sqe *sqe = uring_sqe(&end->ring);

	*sqe = (struct io_uring_sqe){ .opcode = (unsigned char)operation,
				      .fd = FUTEX2_SIZE_U32, /* shared between processes */
				      .off = value,
				      .addr = (uintptr_t)&end->shared->turn,
				      .addr3 = FUTEX_BITSET_MATCH_ANY };
	return sqe;
}

static TOLL_HOT void uring_futex_reap(struct toll_end *end, unsigned how)
{
	const struct io_uring_cqe *cqe;

	while ((cqe = uring_next(&end->ring, how)) != NULL) {
		if (cqe->user_data == URING_WAITED)
			end->waiting = false;
		/* EAGAIN: the word was another by then */
		if (TOLL_UNLIKELY(cqe->res < 0) && cqe->res != -EAGAIN && cqe->res != -EINTR &&
		    cqe->res != -ECANCELED) {
			errno = -cqe->res;
			toll_fail("futex operation");
		}
		uring_seen(&end->ring);
	}
}

/* Who does not sleep in here may poll next: a wait is under way then, too. One that began at an
 * earlier turn is ended by this one's wake-up as well. */
static TOLL_CALLED bool uring_futex_await(struct toll_end *end, unsigned how)
{
	bool slept = false;

	for (;;) {
		/* acquire: pairs with the release of uring_futex_hold(), so the message is there */
		uint32_t turn = __atomic_load_n(&end->shared->turn, __ATOMIC_ACQUIRE);

		if (turn == end->mine)
			return true;
		if (slept)
			return false;
		if (end->waiting)
			uring_futex_reap(end, how);
		slept = how & TOLL_SLEEP;
		if (end->waiting && !slept && !io_uring_sq_ready(&end->ring.ring))
			return false;
		if (!end->waiting) {
			if (end->held && end->links)
				end->held->flags |= IOSQE_IO_LINK;
			uring_futex_sqe(end, URING_FUTEX_WAIT, turn)->user_data = URING_WAITED;
			end->waiting = true;
		}
		end->held = NULL;
		uring_submit(&end->ring, slept);
		uring_futex_reap(end, how);
	}
}

static TOLL_HOT bool uring_futex_has_turn(struct toll_end *end, unsigned how)
{
	/* acquire: as above */
	return __atomic_load_n(&end->shared->turn, __ATOMIC_ACQUIRE) == end->mine ||
	       (how && uring_futex_await(end, how));
}

static TOLL_HOT bool uring_futex_flush(struct toll_end *end, unsigned how)
{
	(void)how;
	if (end->held) {
		end->held = NULL;
		uring_submit(&end->ring, 0);
	}
	return true;
}

static TOLL_HOT void uring_futex_hold(struct toll_end *end, unsigned how)
{
	__atomic_store_n(&end->shared->turn, end->mine + 1, __ATOMIC_RELEASE);
	end->mine += 2;
	/* one that was held back, since the other end had not slept, serves this turn as well */
	if (how & TOLL_WAKE && end->held == NULL) {
		end->held = uring_futex_sqe(end, URING_FUTEX_WAKE, 1);
		end->held->flags = IOSQE_CQE_SKIP_SUCCESS;
		end->held->user_data = URING_WOKE;
	}
}

static TOLL_HOT void uring_futex_pass(struct toll_end *end, unsigned how)
{
	uring_futex_hold(end, how);
	uring_futex_flush(end, how);
}

static TOLL_HOT void *uring_futex_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	return uring_futex_has_turn(end, how) ? end->shared->message : NULL;
}

static TOLL_HOT bool uring_futex_commit(struct toll_end *end, size_t len, unsigned how)
{
	end->shared->len = (uint32_t)len;
	uring_futex_pass(end, how);
	return true;
}

static TOLL_HOT const void *uring_futex_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (!uring_futex_has_turn(end, how))
		return NULL;
	*len = end->shared->len;
	return end->shared->message;
}

/* Both ways: whoever sends has the turn, since it has received (or is the first to send). */
static TOLL_HOT void *uring_futex_reserve_turn(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->shared->message;
}

static TOLL_HOT bool uring_futex_commit_turn(struct toll_end *end, size_t len, unsigned how)
{
	end->shared->len = (uint32_t)len;
	uring_futex_hold(end, how);
	return true;
}

static TOLL_HOT void uring_futex_keep(struct toll_end *end, unsigned how)
{
	(void)end, (void)how; /* the turn is passed by the answer's commit */
}

#define URING_FUTEX                                                                                \
	.name = "uring-futex",                                                                     \
	.about = "a shared slot handed over by io_uring's FUTEX_WAIT and FUTEX_WAKE",              \
	.waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1, .most_depth = 1, .in_place = true, \
	.slots = true, .reads_room = true, .most_bytes = uring_futex_most,                         \
	.options = uring_futex_options, .absent = uring_futex_absent, .helpers = uring_helpers,    \
	.bytes = uring_futex_bytes, .attach = uring_futex_attach,                                  \
	.descriptor = uring_futex_descriptor, .peek = uring_futex_peek

TOLL_MECHANISM(uring_futex, URING_FUTEX, .one_way = true, .reserve = uring_futex_reserve,
	       .commit = uring_futex_commit, .release = uring_futex_pass)
TOLL_MECHANISM(uring_futex_duplex, URING_FUTEX, .duplex = true, .both = true, .peek_sends = true,
	       .reserve = uring_futex_reserve_turn, .commit = uring_futex_commit_turn,
	       .flush = uring_futex_flush, .release = uring_futex_keep)
