/* SPDX-License-Identifier: MIT */
/* null.c - one plain slot without synchronisation: what the harness itself costs. In `self` only.
 */
#include "toll.h"

struct toll_shared {
	size_t len;
	unsigned char slot[];
};

struct toll_end {
	struct toll_shared *shared;
};

static size_t null_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) + channel->most : 0;
}

static int null_attach(struct toll_end *end, const struct toll_channel *channel,
		       enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	return 0;
}

static TOLL_HOT void *null_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->shared->slot;
}

static TOLL_HOT bool null_commit(struct toll_end *end, size_t len, unsigned how)
{
	(void)how;
	end->shared->len = len;
	return true;
}

static TOLL_HOT const void *null_peek(struct toll_end *end, size_t *len, unsigned how)
{
	(void)how;
	*len = end->shared->len;
	return end->shared->slot;
}

static TOLL_HOT void null_release(struct toll_end *end, unsigned how)
{
	(void)end, (void)how;
}

TOLL_MECHANISM(null, .name = "null",
	       .about = "a plain slot, no synchronisation: the harness's own cost",
	       .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1, .most_depth = 1,
	       .in_place = true, .slots = true, .self_only = true, .bytes = null_bytes,
	       .attach = null_attach, .reserve = null_reserve, .commit = null_commit,
	       .peek = null_peek, .release = null_release)
