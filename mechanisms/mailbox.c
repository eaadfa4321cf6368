/* SPDX-License-Identifier: MIT */
/* mailbox.c - one cache line holds the turn and a message of up to 56 bytes. Duplex: the line goes
 * back and forth and nothing else moves. One-way: the consumer passes the turn back. */
#include "toll.h"

enum { MAILBOX_LINE = 64, MAILBOX_MOST = 56 };

struct toll_shared {   /* written by whoever has the turn */
	uint32_t turn; /* even: the first side's (one-way: the producer's); odd: the other's */
	uint32_t len;
	unsigned char message[MAILBOX_MOST];
};
_Static_assert(sizeof(struct toll_shared) == MAILBOX_LINE, "one line");

struct toll_end {
	struct toll_shared *shared;
	uint32_t mine; /* the turn at which this end may act */
};

static size_t mailbox_most(const struct toll_channel *channel)
{
	(void)channel;
	return MAILBOX_MOST;
}

static size_t mailbox_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	(void)channel;
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : 0;
}

static int mailbox_attach(struct toll_end *end, const struct toll_channel *channel,
			  enum toll_side side, unsigned index, void *buf)
{
	(void)buf;
	end->shared = channel->shared;
	end->mine = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;
	return 0;
}

static TOLL_HOT bool mailbox_has_turn(const struct toll_end *end)
{
	/* acquire: pairs with the release of mailbox_pass(), so the message is there as well */
	return __atomic_load_n(&end->shared->turn, __ATOMIC_ACQUIRE) == end->mine;
}

static TOLL_HOT void mailbox_pass(struct toll_end *end)
{
	__atomic_store_n(&end->shared->turn, end->mine + 1, __ATOMIC_RELEASE);
	end->mine += 2;
}

static TOLL_HOT void *mailbox_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return mailbox_has_turn(end) ? end->shared->message : NULL;
}

static TOLL_HOT bool mailbox_commit(struct toll_end *end, size_t len, unsigned how)
{
	(void)how;
	end->shared->len = (uint32_t)len;
	mailbox_pass(end);
	return true;
}

static TOLL_HOT const void *mailbox_peek(struct toll_end *end, size_t *len, unsigned how)
{
	(void)how;
	if (!mailbox_has_turn(end))
		return NULL;
	*len = end->shared->len;
	return end->shared->message;
}

static TOLL_HOT void mailbox_release(struct toll_end *end, unsigned how)
{
	(void)how;
	mailbox_pass(end);
}

/* Both ways: whoever sends has the turn, since it has received (or is the first to send). */
static TOLL_HOT void *mailbox_reserve_turn(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->shared->message;
}

static TOLL_HOT void mailbox_keep(struct toll_end *end, unsigned how)
{
	(void)end, (void)how; /* the turn is passed by the answer's commit */
}

#define MAILBOX                                                                                    \
	.name = "mailbox", .about = "one cache line both ways, up to 56 B",                        \
	.waits = TOLL_SPINNING, .producers = 1, .consumers = 1, .most_depth = 1, .in_place = true, \
	.slots = true, .most_bytes = mailbox_most, .bytes = mailbox_bytes,                         \
	.attach = mailbox_attach, .commit = mailbox_commit, .peek = mailbox_peek

TOLL_MECHANISM(mailbox, MAILBOX, .reserve = mailbox_reserve, .release = mailbox_release)
TOLL_MECHANISM(mailbox_duplex, MAILBOX, .duplex = true, .both = true,
	       .reserve = mailbox_reserve_turn, .release = mailbox_keep)
