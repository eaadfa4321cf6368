/* SPDX-License-Identifier: MIT */
/* burst.h - sixteen messages, then one answer: what asking in batches saves. */

enum { BURST_MESSAGES = 16 };

static unsigned burst_graph(unsigned peers, struct toll_edge edges[])
{
	(void)peers;
	edges[0] = (struct toll_edge){ .producers = 1 << 0, .consumers = 1 << 1 };
	edges[1] = (struct toll_edge){ .producers = 1 << 1, .consumers = 1 << 0 };
	return 2;
}

static TOLL_HOT bool burst_send(const struct toll_code code, struct toll_port *out, unsigned n)
{
	for (; n > 0; n--) {
		if (!toll_send(code, out))
			return false;
	}
	return toll_flush(code, out); /* before it waits for the answer */
}

static TOLL_HOT bool burst_receive(const struct toll_code code, struct toll_port *in, unsigned n)
{
	for (; n > 0; n--) {
		if (!toll_receive(code, in))
			return false;
	}
	return true;
}

static TOLL_HOT bool burst_run(const struct toll_code code, struct toll_peer *peer,
			       struct toll_port *out, struct toll_port *in)
{
	for (unsigned phase = 0; phase < 2; phase++) { /* not counted, then counted */
		toll_lap(peer);
		for (uint64_t left = peer->count[phase]; left > 0; left--) {
			if (peer->index == 1 && !burst_receive(code, in, BURST_MESSAGES))
				return false; /* a deadline, a stop, a dead peer */
			if (!burst_send(code, out, peer->index == 0 ? BURST_MESSAGES : 1))
				return false;
			if (peer->index == 0 && !burst_receive(code, in, 1))
				return false;
		}
	}
	toll_lap(peer);
	return true;
}

TOLL_PATTERN(burst, .about = "sixteen messages, then one answer", .least_peers = 2, .most_peers = 2,
	     .peers = 2, .graph = burst_graph, .quantity = "rtt_ns", .messages = BURST_MESSAGES + 1)
#define TOLL_FORMS_burst TOLL_FORMS_FEW
