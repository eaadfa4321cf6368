/* SPDX-License-Identifier: MIT */
/* fanin.h - several producers, one consumer, messages of varying length. Each turn of a producer is
 * a stream that ends with an end-of-stream message; the consumer's turn ends when all have. A
 * producer that were in its next turn by then would be counted twice, hence `together`. Over a
 * lossy channel, which may lose that message, the consumer counts, whoever's they are. */

/* The length of a message: any from 8 bytes to the cell's size, the same for both sides. */
static TOLL_HOT size_t fanin_length(uint64_t producer, uint64_t sequence, size_t most)
{
	uint64_t mixed = (sequence + producer * 0x100000001ULL + 1) * TOLL_PAYLOAD;

	/* the product's high half: uniform over 0 … most − 8 without a division */
	return TOLL_HEADER + (size_t)(((mixed >> 32) * (most - TOLL_HEADER + 1)) >> 32);
}

static unsigned fanin_graph(unsigned peers, struct toll_edge edges[])
{
	edges[0] = (struct toll_edge){ .producers = (1u << peers) - 2, .consumers = 1 << 0 };
	return 1;
}

static double fanin_bytes(size_t size)
{
	return (double)(TOLL_HEADER + size) / 2;
}

static TOLL_HOT bool fanin_produce(const struct toll_code code, struct toll_peer *peer,
				   struct toll_port *out)
{
	for (uint64_t left = peer->count[0] + peer->count[1]; toll_more(code, out, &left);) {
		size_t len =
			fanin_length(out->producer, out->sequence & 0xffffffffffffULL, out->len);
		bool last = !code.mechanism->lossy && left == 0;

		if (!toll_send_flagged(code, out, len, last ? TOLL_END_OF_STREAM : 0))
			return false;
	}
	return toll_flush(code, out);
}

/* One message of any producer: its length follows from its header, byte channels are asked for the
 * rest. */
static TOLL_HOT bool fanin_take(const struct toll_code code, struct toll_peer *peer,
				unsigned *which, bool *ended)
{
	size_t there = TOLL_HEADER;
	const void *message = toll_peek_any(code, peer->in, peer->ins, which, &there);

	if (message == NULL)
		return false;
	struct toll_port *in = &peer->in[*which];
	uint64_t header = *(const toll_word *)message;
	uint64_t producer = header & 0xfffULL << 48, sequence = header & 0xffffffffffffULL;
	size_t len = fanin_length(producer, sequence, in->len);

	if (code.mechanism->bytes_only && len > there) {
		there = len;
		message = toll_peek_there(code, in, &there);
		if (message == NULL)
			return false;
	}
	uint64_t *next = in->sequences ? &in->sequences[(producer >> 48) & (TOLL_MOST_PEERS - 1)]
				       : &in->sequence;

	toll_is_new(code, in, next, header);
	uint64_t expected = toll_header(in->sequences ? producer : in->producer, *next,
					(unsigned)(header >> 60));

	if (there != len || !toll_reads_as(code, in, message, expected, len))
		toll_broken(message, there, expected);
	++*next;
	*ended = header >> 60 & TOLL_END_OF_STREAM;
	toll_release(code, in);
	return true;
}

static TOLL_HOT bool fanin_run(const struct toll_code code, struct toll_peer *peer,
			       struct toll_port *out, struct toll_port *in)
{
	if (peer->index > 0)
		return fanin_produce(code, peer, out);
	unsigned producers = peer->peers - 1, which = 0, open = producers;
	uint64_t skip = peer->count[0] * producers, wanted = peer->count[1] * producers;
	bool ended;

	(void)in;
	toll_lap(peer);
	for (uint64_t left = skip; left > 0; left--) {
		if (!fanin_take(code, peer, &which, &ended))
			return false;
		open -= ended;
	}
	toll_lap(peer);
	for (peer->counted = 0; code.mechanism->lossy ? peer->counted < wanted : open > 0;
	     peer->counted++) {
		if (!fanin_take(code, peer, &which, &ended))
			return false;
		open -= ended;
	}
	toll_lap(peer);
	if (peer->counted != wanted)
		toll_fail("a stream ended early");
	return true;
}

TOLL_PATTERN(
	fanin,
	.about = "several producers, one consumer, lengths from 8 B to the size, end of stream",
	.least_peers = 2, .most_peers = TOLL_MOST_PEERS, .peers = 3, .graph = fanin_graph,
	.least_size = TOLL_HEADER, .fills = true, .loses = true, .many_inputs = true,
	.together = true, .bytes = fanin_bytes, .quantity = "per_message_ns", .messages = 1)
#define TOLL_FORMS_fanin TOLL_FORMS_FEW
