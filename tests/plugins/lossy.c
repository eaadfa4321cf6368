/* SPDX-License-Identifier: MIT */
/* lossy.c - a ring that drops every 50th message, and what it has no room for. With says=yes it
 * says so, and conformance counts what is lost; with says=no it must be found out. */
#include "toll.h"

enum { SLOTS = 4096, EVERY = 50 };

struct toll_shared {
	uint32_t sent, taken; /* written by the producer, by the consumer */
	uint32_t len[SLOTS];
	unsigned char slots[];
};

struct toll_end {
	struct toll_shared *shared;
	size_t stride;
	uint32_t next, tries;
	bool drops;
};

static size_t lossy_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) + SLOTS * channel->most : 0;
}

static int lossy_attach(struct toll_end *end, const struct toll_channel *channel,
			enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	end->stride = channel->most;
	return 0;
}

static TOLL_HOT void *lossy_reserve(struct toll_end *end, size_t len, unsigned how)
{
	uint32_t taken = __atomic_load_n(&end->shared->taken, __ATOMIC_ACQUIRE);

	(void)len, (void)how;
	/* the last slot is for what is dropped */
	end->drops = ++end->tries % EVERY == 0 || end->next - taken == SLOTS - 1;
	return end->shared->slots + end->next % SLOTS * end->stride;
}

static TOLL_HOT bool lossy_commit(struct toll_end *end, size_t len, unsigned how)
{
	if (end->drops)
		return true;
	end->shared->len[end->next % SLOTS] = (uint32_t)len;
	__atomic_store_n(&end->shared->sent, ++end->next, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		toll_futex_wake(&end->shared->sent, 1);
	return true;
}

static TOLL_HOT const void *lossy_peek(struct toll_end *end, size_t *len, unsigned how)
{
	uint32_t sent = __atomic_load_n(&end->shared->sent, __ATOMIC_ACQUIRE);

	if (sent == end->next) {
		if (how & TOLL_SLEEP)
			toll_futex_wait(&end->shared->sent, sent);
		return NULL;
	}
	*len = end->shared->len[end->next % SLOTS];
	return end->shared->slots + end->next % SLOTS * end->stride;
}

static TOLL_HOT void lossy_release(struct toll_end *end, unsigned how)
{
	__atomic_store_n(&end->shared->taken, ++end->next, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		toll_futex_wake(&end->shared->taken, 1);
}

#define LOSSY                                                                                      \
	.name = "lossy", .about = "drops every 50th message, for tests", .waits = TOLL_ANY_WAIT,   \
	.producers = 1, .consumers = 1, .bytes = lossy_bytes, .attach = lossy_attach,              \
	.reserve = lossy_reserve, .commit = lossy_commit, .peek = lossy_peek,                      \
	.release = lossy_release

TOLL_MECHANISM(lossy, LOSSY, .when = "says=yes", .lossy = true)
TOLL_MECHANISM(lossy_silent, LOSSY, .when = "says=no")
