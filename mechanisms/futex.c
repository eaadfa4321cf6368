/* SPDX-License-Identifier: MIT */
/* futex.c - a slot handed over by FUTEX_WAIT and FUTEX_WAKE (futex(2)): the least that two
 * processes need to sleep for each other. The message lies behind the word. */
#include "toll.h"

struct toll_shared {   /* written by whoever has the turn */
	uint32_t turn; /* even: the first side's (one-way: the producer's); odd: the other's */
	uint32_t len;
	unsigned char message[];
};

struct toll_end {
	struct toll_shared *shared;
	uint32_t mine; /* the turn at which this end may act */
};

static size_t futex_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) + channel->most : 0;
}

static size_t futex_most(const struct toll_channel *channel)
{
	(void)channel;
	return UINT32_MAX; /* len has 32 bits */
}

static int futex_attach(struct toll_end *end, const struct toll_channel *channel,
			enum toll_side side, unsigned index, void *buf)
{
	(void)buf;
	end->shared = channel->shared;
	end->mine = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;
	return 0;
}

static TOLL_HOT bool futex_has_turn(const struct toll_end *end, unsigned how)
{
	/* acquire: pairs with the release of futex_pass(), so the message is there as well */
	uint32_t turn = __atomic_load_n(&end->shared->turn, __ATOMIC_ACQUIRE);

	if (turn == end->mine)
		return true;
	if (!(how & TOLL_SLEEP))
		return false;
	toll_futex_wait(&end->shared->turn, turn);
	return __atomic_load_n(&end->shared->turn, __ATOMIC_ACQUIRE) == end->mine;
}

static TOLL_HOT void futex_pass(struct toll_end *end, unsigned how)
{
	__atomic_store_n(&end->shared->turn, end->mine + 1, __ATOMIC_RELEASE);
	end->mine += 2;
	if (how & TOLL_WAKE)
		toll_futex_wake(&end->shared->turn, 1);
}

static TOLL_HOT void *futex_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	return futex_has_turn(end, how) ? end->shared->message : NULL;
}

static TOLL_HOT bool futex_commit(struct toll_end *end, size_t len, unsigned how)
{
	end->shared->len = (uint32_t)len;
	futex_pass(end, how);
	return true;
}

static TOLL_HOT const void *futex_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (!futex_has_turn(end, how))
		return NULL;
	*len = end->shared->len;
	return end->shared->message;
}

/* Both ways: whoever sends has the turn, since it has received (or is the first to send). */
static TOLL_HOT void *futex_reserve_turn(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->shared->message;
}

static TOLL_HOT void futex_keep(struct toll_end *end, unsigned how)
{
	(void)end, (void)how; /* the turn is passed by the answer's commit */
}

#define FUTEX                                                                                      \
	.name = "futex", .about = "a shared slot handed over by FUTEX_WAIT and FUTEX_WAKE",        \
	.waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1, .most_depth = 1, .in_place = true, \
	.slots = true, .most_bytes = futex_most, .bytes = futex_bytes, .attach = futex_attach,     \
	.commit = futex_commit, .peek = futex_peek

TOLL_MECHANISM(futex, FUTEX, .reserve = futex_reserve, .release = futex_pass)
TOLL_MECHANISM(futex_duplex, FUTEX, .duplex = true, .both = true, .reserve = futex_reserve_turn,
	       .release = futex_keep)
