/* SPDX-License-Identifier: MIT */
/* fanout.h - one producer, several consumers, each gets every message: by one channel where the
 * mechanism can, else by a channel each. The last consumer times it, the one that is served last; a
 * counted operation is one message to all of them. */

static unsigned fanout_graph(unsigned peers, struct toll_edge edges[])
{
	edges[0] = (struct toll_edge){ .producers = 1 << 0, .consumers = (1u << peers) - 2 };
	return 1;
}

static unsigned fanout_timer(unsigned peers)
{
	return peers - 1;
}

static TOLL_HOT bool fanout_produce(const struct toll_code code, struct toll_peer *peer)
{
	bool more = true;

	for (uint64_t left = peer->count[0] + peer->count[1]; more; left--) {
		more = false;
		for (unsigned i = 0; i < peer->outs; i++) {
			uint64_t its = left;

			if (!toll_more(code, &peer->out[i], &its))
				continue;
			if (!toll_send(code, &peer->out[i]))
				return false;
			more = true;
		}
	}
	for (unsigned i = 0; i < peer->outs; i++) {
		if (!toll_flush(code, &peer->out[i]))
			return false;
	}
	return true;
}

static TOLL_HOT bool fanout_run(const struct toll_code code, struct toll_peer *peer,
				struct toll_port *out, struct toll_port *in)
{
	(void)out;
	if (peer->index == 0)
		return fanout_produce(code, peer);
	for (unsigned phase = 0; phase < 2; phase++) {
		toll_lap(peer);
		for (uint64_t left = peer->count[phase]; left > 0; left--) {
			if (!toll_receive(code, in))
				return false;
		}
	}
	toll_lap(peer);
	return true;
}

TOLL_PATTERN(fanout, .about = "one producer, several consumers, each gets every message",
	     .least_peers = 2, .most_peers = TOLL_MOST_PEERS, .peers = 3, .graph = fanout_graph,
	     .timer = fanout_timer, .fills = true, .loses = true, .many_outputs = true,
	     .to_all = true, .quantity = "per_message_ns", .messages = 1)
#define TOLL_FORMS_fanout TOLL_FORMS_FEW
