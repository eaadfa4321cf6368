/* SPDX-License-Identifier: MIT */
/* futex.c - a slot handed over by FUTEX_WAIT and FUTEX_WAKE (futex(2)): the least that two
 * processes need to sleep for each other. The message lies behind the word.
 *
 * kind= says by which calls: plain; bitset (FUTEX_WAIT_BITSET, each side a bit of its own); waitv
 * (futex_waitv(2), with one word); pi (FUTEX_LOCK_PI2, see futex_pi.h). */
#include "toll.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* the same for all machines */
#endif

struct toll_shared {   /* written by whoever has the turn */
	uint32_t turn; /* even: the first side's (one-way: the producer's); odd: the other's */
	uint32_t len;
	unsigned char message[];
};

struct toll_end {
	struct toll_shared *shared;
	uint32_t mine; /* the turn at which this end may act */
};

static const struct toll_option futex_options[] = {
	{ "kind", "plain", "plain, bitset, waitv, pi",
	  "FUTEX_WAIT; FUTEX_WAIT_BITSET; futex_waitv(); FUTEX_LOCK_PI2, by three locks" },
	{ 0 },
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
	.slots = true, .most_bytes = futex_most, .options = futex_options
#define FUTEX_WORD FUTEX, .bytes = futex_bytes, .attach = futex_attach
#define FUTEX_DUPLEX                                                                               \
	.duplex = true, .both = true, .reserve = futex_reserve_turn, .release = futex_keep

/* the first is the default */
#define FUTEX_KIND_PLAIN                                                                           \
	FUTEX_WORD, .when = "kind=plain", .commit = futex_commit, .peek = futex_peek
TOLL_MECHANISM(futex, FUTEX_KIND_PLAIN, .one_way = true, .reserve = futex_reserve,
	       .release = futex_pass)
TOLL_MECHANISM(futex_duplex, FUTEX_KIND_PLAIN, FUTEX_DUPLEX)

/* kind=bitset and waitv: the same by other calls. Apart, so that plain's loops stay what they are.
 */
enum futex_call { FUTEX_BY_BITSET, FUTEX_BY_WAITV };

static TOLL_CALLED void futex_call_wait(const uint32_t *word, uint32_t value, uint32_t side,
					enum futex_call call)
{
	struct futex_waitv one = { .val = value, .uaddr = (uintptr_t)word, .flags = FUTEX_32 };

	if (call == FUTEX_BY_BITSET)
		syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, NULL, NULL, 1 << side);
	else
		syscall(SYS_futex_waitv, &one, 1, 0, NULL, 0);
}

static TOLL_HOT bool futex_call_has_turn(const struct toll_end *end, unsigned how,
					 enum futex_call call)
{
	/* acquire: as futex_has_turn() */
	uint32_t turn = __atomic_load_n(&end->shared->turn, __ATOMIC_ACQUIRE);

	if (turn == end->mine)
		return true;
	if (!(how & TOLL_SLEEP))
		return false;
	futex_call_wait(&end->shared->turn, turn, end->mine % 2, call);
	return __atomic_load_n(&end->shared->turn, __ATOMIC_ACQUIRE) == end->mine;
}

static TOLL_CALLED void futex_bitset_wake(const uint32_t *word, uint32_t side)
{
	syscall(SYS_futex, word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 1 << side);
}

static TOLL_HOT void futex_call_pass(struct toll_end *end, unsigned how, enum futex_call call)
{
	if (call == FUTEX_BY_WAITV) { /* whom FUTEX_WAKE wakes as well */
		futex_pass(end, how);
		return;
	}
	futex_pass(end, 0);
	if (how & TOLL_WAKE)
		futex_bitset_wake(&end->shared->turn, (end->mine + 1) % 2);
}

#define FUTEX_VERBS(name, call)                                                                    \
	static TOLL_HOT void *futex_reserve_##name(struct toll_end *end, size_t len, unsigned how) \
	{                                                                                          \
		(void)len;                                                                         \
		return futex_call_has_turn(end, how, call) ? end->shared->message : NULL;          \
	}                                                                                          \
	static TOLL_HOT void futex_pass_##name(struct toll_end *end, unsigned how)                 \
	{                                                                                          \
		futex_call_pass(end, how, call);                                                   \
	}                                                                                          \
	static TOLL_HOT bool futex_commit_##name(struct toll_end *end, size_t len, unsigned how)   \
	{                                                                                          \
		end->shared->len = (uint32_t)len;                                                  \
		futex_call_pass(end, how, call);                                                   \
		return true;                                                                       \
	}                                                                                          \
	static TOLL_HOT const void *futex_peek_##name(struct toll_end *end, size_t *len,           \
						      unsigned how)                                \
	{                                                                                          \
		if (!futex_call_has_turn(end, how, call))                                          \
			return NULL;                                                               \
		*len = end->shared->len;                                                           \
		return end->shared->message;                                                       \
	}
FUTEX_VERBS(bitset, FUTEX_BY_BITSET)
FUTEX_VERBS(waitv, FUTEX_BY_WAITV)

static const char *futex_waitv_absent(const struct toll_channel *channel)
{
	(void)channel;
	syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0);
	return errno == ENOSYS ? "this kernel has no futex_waitv (Linux 5.16 has)" : NULL;
}

#define FUTEX_KIND_BITSET                                                                          \
	FUTEX_WORD, .when = "kind=bitset", .commit = futex_commit_bitset, .peek = futex_peek_bitset
TOLL_MECHANISM(futex_bitset, FUTEX_KIND_BITSET, .one_way = true, .reserve = futex_reserve_bitset,
	       .release = futex_pass_bitset)
TOLL_MECHANISM(futex_bitset_duplex, FUTEX_KIND_BITSET, FUTEX_DUPLEX)

#define FUTEX_KIND_WAITV                                                                           \
	FUTEX_WORD, .when = "kind=waitv", .absent = futex_waitv_absent,                            \
		    .commit = futex_commit_waitv, .peek = futex_peek_waitv
TOLL_MECHANISM(futex_waitv, FUTEX_KIND_WAITV, .one_way = true, .reserve = futex_reserve_waitv,
	       .release = futex_pass_waitv)
TOLL_MECHANISM(futex_waitv_duplex, FUTEX_KIND_WAITV, FUTEX_DUPLEX)

#include "futex_pi.h"

#define FUTEX_KIND_PI                                                                              \
	FUTEX, .when = "kind=pi", .absent = futex_pi_absent, .bytes = futex_pi_bytes,              \
	       .attach = futex_pi_attach, .commit = futex_pi_commit, .peek = futex_pi_peek
TOLL_MECHANISM(futex_pi, FUTEX_KIND_PI, .one_way = true, .reserve = futex_pi_reserve,
	       .release = futex_pi_pass)
TOLL_MECHANISM(futex_pi_duplex, FUTEX_KIND_PI, FUTEX_DUPLEX)
