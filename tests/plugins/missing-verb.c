/* SPDX-License-Identifier: MIT */
/* missing-verb.c - a mechanism without release. */
#include "toll.h"

struct toll_end {
	unsigned char message[64];
};

static int missing_attach(struct toll_end *end, const struct toll_channel *channel,
			  enum toll_side side, unsigned index, void *buf)
{
	(void)end, (void)channel, (void)side, (void)index, (void)buf;
	return 0;
}

static TOLL_HOT void *missing_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->message;
}

static TOLL_HOT bool missing_commit(struct toll_end *end, size_t len, unsigned how)
{
	(void)end, (void)len, (void)how;
	return true;
}

static TOLL_HOT const void *missing_peek(struct toll_end *end, size_t *len, unsigned how)
{
	(void)len, (void)how;
	return end->message;
}

static const struct toll_mechanism mechanism = {
	.abi = TOLL_ABI,
	.size = sizeof(struct toll_mechanism),
	.name = "missing-verb",
	.about = "has no release",
	.waits = TOLL_ANY_WAIT,
	.producers = 1,
	.consumers = 1,
	.attach = missing_attach,
	.reserve = missing_reserve,
	.commit = missing_commit,
	.peek = missing_peek,
};

/* By hand: TOLL_MECHANISM would compile loops that call what is not there. */
__attribute__((constructor)) static void missing_register(void)
{
	static const struct toll_unit unit = { .abi = TOLL_ABI,
					       .size = sizeof(struct toll_unit),
					       .mechanism = &mechanism,
					       .end_bytes = sizeof(struct toll_end) };

	toll_register(&unit);
}
