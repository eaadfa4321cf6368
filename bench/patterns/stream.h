/* SPDX-License-Identifier: MIT */
/* stream.h - one producer sends as fast as one consumer takes: time per message, and bandwidth.
 * The consumer times it, from the arrival of message d to that of d + n: what the channel already
 * holds when the clock starts would else be counted as speed. */

static unsigned stream_graph(unsigned peers, struct toll_edge edges[])
{
	(void)peers;
	edges[0] = (struct toll_edge){ .producers = 1 << 0, .consumers = 1 << 1 };
	return 1;
}

static unsigned stream_timer(unsigned peers)
{
	(void)peers;
	return 1;
}

static TOLL_HOT bool stream_run(const struct toll_code code, struct toll_peer *peer,
				struct toll_port *out, struct toll_port *in)
{
	if (peer->index == 0) {
		for (uint64_t left = peer->count[0] + peer->count[1];
		     toll_more(code, out, &left);) {
			if (!toll_send(code, out))
				return false;
		}
		return toll_flush(code, out);
	}
	for (unsigned phase = 0; phase < 2; phase++) {
		toll_lap(peer);
		uint64_t since = peer->lap[1];

		for (uint64_t left = peer->count[phase]; left > 0; left--) {
			if (!toll_receive(code, in))
				return false;
			if (phase == 1)
				toll_stamp(code, peer, &since);
		}
	}
	toll_lap(peer);
	return true;
}

TOLL_PATTERN(stream, .about = "one producer sends as fast as one consumer takes", .least_peers = 2,
	     .most_peers = 2, .peers = 2, .graph = stream_graph, .timer = stream_timer,
	     .fills = true, .loses = true, .quantity = "per_message_ns", .messages = 1)
#define TOLL_FORMS_stream TOLL_FORMS_MANY
