/* SPDX-License-Identifier: MIT */
/* pingpong.h - two peers, one message to and fro: the round trip. */

static unsigned pingpong_graph(unsigned peers, struct toll_edge edges[])
{
	(void)peers;
	edges[0] = (struct toll_edge){ .producers = 1 << 0, .consumers = 1 << 1 };
	edges[1] = (struct toll_edge){ .producers = 1 << 1, .consumers = 1 << 0 };
	return 2;
}

static TOLL_HOT bool pingpong_ask(const struct toll_code code, struct toll_peer *peer,
				  struct toll_port *out, struct toll_port *in)
{
	for (unsigned phase = 0; phase < 2; phase++) {
		toll_lap(peer);
		uint64_t since = peer->lap[1];

		for (uint64_t left = peer->count[phase]; left > 0; left--) {
			if (!toll_send(code, out) || !toll_flush_ask(code, out) ||
			    !toll_receive(code, in))
				return false;
			if (phase == 1)
				toll_stamp(code, peer, &since);
		}
	}
	toll_lap(peer);
	return true;
}

static TOLL_HOT bool pingpong_answer(const struct toll_code code, struct toll_peer *peer,
				     struct toll_port *out, struct toll_port *in)
{
	for (uint64_t left = peer->count[0] + peer->count[1]; left > 0; left--) {
		if (!toll_receive(code, in) || !toll_send(code, out) || !toll_flush_ask(code, out))
			return false;
	}
	return toll_flush(code, out);
}

static TOLL_HOT bool pingpong_run(const struct toll_code code, struct toll_peer *peer,
				  struct toll_port *out, struct toll_port *in)
{
	return peer->index == 0 ? pingpong_ask(code, peer, out, in)
				: pingpong_answer(code, peer, out, in);
}

TOLL_PATTERN(pingpong, .about = "two peers, one message to and fro: the round trip",
	     .least_peers = 2, .most_peers = 2, .peers = 2, .graph = pingpong_graph,
	     .alternates = true, .quantity = "rtt_ns", .messages = 2)

/* With think time before each counted operation: each is timed by itself, and the turn by their
 * sum. These loops have a name of their own, so that the others are compiled as if there were none.
 */
static TOLL_HOT bool pingpong_think(const struct toll_code code, struct toll_peer *peer,
				    struct toll_port *out, struct toll_port *in)
{
	uint64_t total = 0;

	for (unsigned phase = 0; phase < 2; phase++) {
		toll_timed(peer);
		toll_lap(peer);
		for (uint64_t left = peer->count[phase]; left > 0; left--) {
			uint64_t since = phase == 1 ? toll_think(peer) : 0;

			if (!toll_send(code, out) || !toll_flush_ask(code, out) ||
			    !toll_receive(code, in))
				return false;
			if (phase == 0)
				continue;
			uint64_t took = toll_ticks() - since;

			toll_count(code, peer, took);
			total += took;
		}
	}
	toll_lap(peer);
	peer->span = peer->lap[1] - peer->lap[0];
	peer->lap[0] = peer->lap[1] - total;
	return true;
}

static TOLL_HOT bool pingpong_reply(const struct toll_code code, struct toll_peer *peer,
				    struct toll_port *out, struct toll_port *in)
{
	for (uint64_t left = peer->count[0] + peer->count[1]; left > 0; left--) {
		if (left == peer->count[1])
			toll_timed(peer);
		if (!toll_receive(code, in) || !toll_send(code, out) || !toll_flush_ask(code, out))
			return false;
	}
	return toll_flush(code, out);
}

static TOLL_HOT bool pingpong_think_run(const struct toll_code code, struct toll_peer *peer,
					struct toll_port *out, struct toll_port *in)
{
	return peer->index == 0 ? pingpong_think(code, peer, out, in)
				: pingpong_reply(code, peer, out, in);
}

#define toll_pattern_pingpong_think toll_pattern_pingpong
#define TOLL_FORMS_pingpong(X, m, p)                                                               \
	TOLL_FORMS_MANY(X, m, p)                                                                   \
	X(m, pingpong_think, spin, false, 0, TOLL_STAMPED | TOLL_THINKING)                         \
	X(m, pingpong_think, sleep, true, 0, TOLL_STAMPED | TOLL_THINKING)
