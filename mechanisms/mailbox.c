/* SPDX-License-Identifier: MIT */
/* mailbox.c - one cache line holds the turn and a message of up to 56 bytes. Duplex: the line goes
 * back and forth and nothing else moves. One-way: the consumer passes the turn back.
 *
 * layout=shared-line is its false-sharing twin: each side also counts what it has passed on, for
 * itself alone, but both counts lie on one line. Stores become visible in order, so the turn waits
 * until that line has come as well. */
#include "toll.h"

enum { MAILBOX_LINE = 64, MAILBOX_MOST = 56 };

struct toll_shared {   /* written by whoever has the turn */
	uint32_t turn; /* even: the first side's (one-way: the producer's); odd: the other's */
	uint32_t len;
	unsigned char message[MAILBOX_MOST];
	char apart[TOLL_LINE - MAILBOX_LINE];
	uint32_t passed[2]; /* shared-line: turns passed on; each written by its side alone */
};
_Static_assert(offsetof(struct toll_shared, apart) == MAILBOX_LINE, "one line");

struct toll_end {
	struct toll_shared *shared;
	uint32_t mine; /* the turn at which this end may act */
	uint32_t *passed;
};

static size_t mailbox_most(const struct toll_channel *channel)
{
	(void)channel;
	return MAILBOX_MOST;
}

static size_t mailbox_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	(void)channel;
	return memory == TOLL_SHARED ? MAILBOX_LINE : 0;
}

static size_t mailbox_bytes_line(const struct toll_channel *channel, enum toll_memory memory)
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
	end->passed = &channel->shared->passed[end->mine];
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

static TOLL_HOT void mailbox_count(const struct toll_end *end)
{
	/* relaxed: nobody reads the counts, their line is what costs */
	__atomic_store_n(end->passed, end->mine, __ATOMIC_RELAXED);
}

static TOLL_HOT bool mailbox_commit_line(struct toll_end *end, size_t len, unsigned how)
{
	mailbox_count(end);
	return mailbox_commit(end, len, how);
}

static TOLL_HOT void mailbox_release_line(struct toll_end *end, unsigned how)
{
	mailbox_count(end);
	mailbox_release(end, how);
}

#define MAILBOX                                                                                    \
	.name = "mailbox", .about = "one cache line both ways, up to 56 B",                        \
	.waits = TOLL_SPINNING, .producers = 1, .consumers = 1, .most_depth = 1, .in_place = true, \
	.slots = true, .most_bytes = mailbox_most, .attach = mailbox_attach, .peek = mailbox_peek
#define MAILBOX_ALONE                                                                              \
	MAILBOX, .when = "layout=line", .bytes = mailbox_bytes, .commit = mailbox_commit
#define MAILBOX_SHARED                                                                             \
	MAILBOX, .when = "layout=shared-line", .bytes = mailbox_bytes_line,                        \
		 .commit = mailbox_commit_line
#define MAILBOX_DUPLEX                                                                             \
	.duplex = true, .both = true, .reserve = mailbox_reserve_turn, .release = mailbox_keep

TOLL_MECHANISM(mailbox, MAILBOX_ALONE, .one_way = true, .reserve = mailbox_reserve,
	       .release = mailbox_release)
TOLL_MECHANISM(mailbox_duplex, MAILBOX_ALONE, MAILBOX_DUPLEX)
TOLL_MECHANISM(mailbox_line, MAILBOX_SHARED, .one_way = true, .reserve = mailbox_reserve,
	       .release = mailbox_release_line)
TOLL_MECHANISM(mailbox_line_duplex, MAILBOX_SHARED, MAILBOX_DUPLEX)
