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
#define TOLL_FORMS_pingpong TOLL_FORMS_MANY
