/* SPDX-License-Identifier: MIT */
/* bare.h - a hand-written loop in the place of toll's: it plays over the ends of the very same
 * channels, in turns of the same worker, so that nothing but the loop differs. A file includes
 * this, defines bare_run(), names itself, and includes a mechanism's file. */
#include "toll.h"

static bool bare_run(struct toll_peer *peer);

#ifdef BARE_STREAM /* a loop of its own for the stream as well */
static bool bare_stream(struct toll_peer *peer);
#endif

static const struct toll_pattern bare_pattern = {
	.size = sizeof(struct toll_pattern),
	.name = "pingpong",
	.about = "a hand-written loop",
	.least_peers = 2,
	.most_peers = 2,
	.peers = 2,
	.graph = pingpong_graph,
	.alternates = true,
	.quantity = "rtt_ns",
	.messages = 2,
};

/* Registers a mechanism's constant under another name, with the bare loop in place of all others.
 */
static void bare_register(const struct toll_unit *given, const char *name)
{
	static const struct toll_instance loops[] = { { .sleeps = false, .run = bare_run },
						      { .sleeps = true, .run = bare_run } };
#ifdef BARE_STREAM
	static const struct toll_instance streams[] = { { .run = bare_stream } };
#endif
	static const struct toll_binding bindings[] = {
		{ .pattern = &bare_pattern, .instances = loops, .count = 2 },
#ifdef BARE_STREAM
		{ .pattern = &toll_pattern_stream, .instances = streams, .count = 1 },
#endif
	};
	static struct toll_mechanism mechanism;
	static struct toll_unit unit;

	mechanism = *given->mechanism;
	mechanism.name = name;
	mechanism.when = NULL;
	unit = *given;
	unit.mechanism = &mechanism;
	unit.bindings = bindings;
	unit.count = sizeof(bindings) / sizeof(*bindings);
	toll_register(&unit);
}

static TOLL_HOT void bare_check(const void *message, uint64_t expected, size_t len)
{
	if (TOLL_UNLIKELY(!toll_same(message, expected, len)))
		toll_broken(message, len, expected);
}

/* Runs BODY for the operations of both phases, with the clock read as pingpong does. */
#define BARE_TURNS(peer, body)                                                                     \
	do {                                                                                       \
		for (unsigned phase = 0; phase < 2; phase++) {                                     \
			toll_lap(peer);                                                            \
			for (uint64_t left = (peer)->count[phase]; left > 0; left--)               \
				body;                                                              \
		}                                                                                  \
		toll_lap(peer);                                                                    \
	} while (0)
