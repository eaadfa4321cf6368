/* SPDX-License-Identifier: MIT */
/* self.h - a control: one peer plays both ends, so nothing crosses. What the verbs cost by
 * themselves. */

static unsigned self_graph(unsigned peers, struct toll_edge edges[])
{
	(void)peers;
	edges[0] = (struct toll_edge){ .producers = 1 << 0, .consumers = 1 << 0 };
	return 1;
}

static TOLL_HOT bool self_run(const struct toll_code code, struct toll_peer *peer,
			      struct toll_port *out, struct toll_port *in)
{
	for (unsigned phase = 0; phase < 2; phase++) {
		toll_lap(peer);
		for (uint64_t left = peer->count[phase]; left > 0; left--) {
			if (!toll_send(code, out) || !toll_flush(code, out) ||
			    !toll_receive(code, in))
				return false;
		}
	}
	toll_lap(peer);
	return true;
}

TOLL_PATTERN(self, .about = "a control: one peer plays both ends, nothing crosses",
	     .least_peers = 1, .most_peers = 1, .peers = 1, .graph = self_graph, .alternates = true,
	     .quantity = "per_message_ns", .messages = 1)
#define TOLL_FORMS_self TOLL_FORMS_FEW
