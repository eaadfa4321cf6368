/* SPDX-License-Identifier: MIT */
/* pipeline.h - a chain of stages: the first makes items, each passes them on, the last takes them.
 * A stage that waits longer than the deadline says which neighbour it waited for. */

static const struct toll_option pipeline_options[] = {
	{ "deadline", "1s", "1ms … 1h", "longest wait of a stage for its neighbour" },
	{ 0 },
};

static unsigned pipeline_graph(unsigned peers, struct toll_edge edges[])
{
	for (unsigned i = 0; i + 1 < peers; i++)
		edges[i] = (struct toll_edge){ .producers = 1u << i, .consumers = 2u << i };
	return peers - 1;
}

static unsigned pipeline_timer(unsigned peers)
{
	return peers - 1;
}

static void pipeline_prepare(struct toll_peer *peer)
{
	peer->option[0] =
		(uint64_t)((double)toll_pattern_ns(peer, "deadline") * peer->ticks_per_ns);
}

static TOLL_HOT bool pipeline_run(const struct toll_code code, struct toll_peer *peer,
				  struct toll_port *out, struct toll_port *in)
{
	for (unsigned phase = 0; phase < 2; phase++) {
		toll_lap(peer);
		/* one deadline a phase: each look at the clock would cost as much as a message */
		peer->deadline = peer->lap[1] + peer->option[0];
		if (peer->ins == 0) {
			for (uint64_t left = peer->count[phase]; toll_more(code, out, &left);) {
				if (!toll_send(code, out))
					return false;
			}
		} else if (peer->outs == 0) {
			for (uint64_t left = peer->count[phase]; left > 0; left--) {
				if (!toll_receive(code, in))
					return false;
			}
		} else {
			for (uint64_t left = peer->count[phase]; toll_more(code, out, &left);) {
				if (!toll_receive(code, in) || !toll_send(code, out))
					return false;
			}
		}
	}
	toll_lap(peer);
	peer->deadline = 0;
	return peer->outs == 0 || toll_flush(code, out);
}

TOLL_PATTERN(pipeline, .about = "a chain of stages, each passes items on; with a deadline",
	     .options = pipeline_options, .least_peers = 3, .most_peers = TOLL_MOST_PEERS,
	     .peers = 3, .graph = pipeline_graph, .timer = pipeline_timer, .fills = true,
	     .loses = true, .deadline = true, .prepare = pipeline_prepare,
	     .quantity = "per_message_ns", .messages = 1)
#define TOLL_FORMS_pipeline TOLL_FORMS_FEW
