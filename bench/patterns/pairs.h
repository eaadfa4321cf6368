/* SPDX-License-Identifier: MIT */
/* pairs.h - pairs of peers that play ping-pong at once, each over channels of its own: what a round
 * trip costs beside others, and how many come through together. Who has had its counted operations
 * plays on until all have, so that each is timed with all the others at it; the time is that of an
 * operation at the rate of all together: the harmonic mean over pairs. */

/* peer->option[] of an asker; the last two are peer 0's, for all, and only grow */
enum { PAIRS_TURN, PAIRS_LAST, PAIRS_TOOK, PAIRS_READY, PAIRS_DONE };

static unsigned pairs_graph(unsigned peers, struct toll_edge edges[])
{
	unsigned count = 0;

	for (unsigned asker = 0; asker + 1 < peers; asker += 2) {
		uint32_t one = 1u << asker, other = 2u << asker;

		edges[count++] = (struct toll_edge){ .producers = one, .consumers = other };
		edges[count++] = (struct toll_edge){ .producers = other, .consumers = one };
	}
	return count;
}

static const char *pairs_absent(const struct toll_channel *channel, unsigned peers)
{
	(void)channel;
	return peers % 2 ? "it takes an even number of peers" : NULL;
}

/* Peers lie side by side, each as large as it says. */
static TOLL_HOT struct toll_peer *pairs_peer(struct toll_peer *peer, unsigned index)
{
	return (void *)((char *)peer +
			((ptrdiff_t)index - (ptrdiff_t)peer->index) * (ptrdiff_t)peer->size);
}

/* The turn's time is that of an operation at the pairs' rates together. */
static void pairs_time(struct toll_peer *peer)
{
	unsigned pairs = peer->peers / 2;
	double rate = 0;

	for (unsigned i = 0; i < peer->peers; i += 2) {
		uint64_t took = pairs_peer(peer, i)->option[PAIRS_TOOK];

		rate += 1 / (double)(took ? took : 1);
	}
	peer->lap[0] = peer->lap[1] - (uint64_t)(pairs / rate + 0.5);
}

enum pairs_part { PAIRS_BEGIN, PAIRS_WARM, PAIRS_TIMED, PAIRS_REST, PAIRS_END };

/* What the asker plays next, whose next message has this number: so many operations, 0 at the
 * turn's end. Not in the loop, which has one copy of a round trip. */
__attribute__((noinline, unused)) static uint64_t
pairs_next(struct toll_peer *peer, enum pairs_part *part, uint64_t sequence)
{
	struct toll_peer *leader = pairs_peer(peer, 0);
	uint64_t all = peer->option[PAIRS_TURN] * (peer->peers / 2);

	switch (*part) {
	case PAIRS_BEGIN:
		__atomic_fetch_add(&leader->option[PAIRS_READY], 1, __ATOMIC_RELAXED);
		*part = PAIRS_WARM;
		__attribute__((fallthrough));
	case PAIRS_WARM: /* relaxed: a number alone */
		if (__atomic_load_n(&leader->option[PAIRS_READY], __ATOMIC_RELAXED) < all)
			break;
		*part = PAIRS_TIMED;
		toll_lap(peer);
		return peer->count[1];
	case PAIRS_TIMED:
		toll_lap(peer);
		peer->option[PAIRS_TOOK] = peer->lap[1] - peer->lap[0];
		/* release, acquire: who sees that all have come sees what each of them took */
		__atomic_fetch_add(&leader->option[PAIRS_DONE], 1, __ATOMIC_RELEASE);
		*part = PAIRS_REST;
		__attribute__((fallthrough));
	case PAIRS_REST:
		if (__atomic_load_n(&leader->option[PAIRS_DONE], __ATOMIC_ACQUIRE) < all)
			break;
		/* release: before the message, and whatever brings that one brings this, too */
		__atomic_store_n(&peer->option[PAIRS_LAST], sequence + 1, __ATOMIC_RELEASE);
		*part = PAIRS_END;
		break;
	default:
		if (peer->index == 0)
			pairs_time(peer);
		return 0;
	}
	peer->played++;
	return 1;
}

static TOLL_HOT bool pairs_ask(const struct toll_code code, struct toll_peer *peer,
			       struct toll_port *out, struct toll_port *in)
{
	enum pairs_part part = PAIRS_BEGIN;

	peer->option[PAIRS_TURN]++;
	peer->played = peer->count[0] + peer->count[1];
	for (uint64_t left = peer->count[0];; left--) {
		if (left == 0) {
			left = pairs_next(peer, &part, out->sequence);
			if (left == 0)
				return true;
			/* it may go on for long, and never wait */
			if (!toll_heeds(out))
				return false;
		}
		if (!toll_send(code, out) || !toll_flush_ask(code, out) || !toll_receive(code, in))
			return false;
	}
}

static TOLL_HOT bool pairs_answer(const struct toll_code code, struct toll_peer *peer,
				  struct toll_port *out, struct toll_port *in)
{
	const struct toll_peer *asker = pairs_peer(peer, peer->index - 1);
	bool last;

	peer->played = 0;
	do {
		if (!toll_receive(code, in))
			return false;
		last = __atomic_load_n(&asker->option[PAIRS_LAST], __ATOMIC_ACQUIRE) ==
		       in->sequence;
		if (!toll_send(code, out) || !toll_flush_ask(code, out))
			return false;
		peer->played++;
	} while (!last);
	return toll_flush(code, out);
}

static TOLL_HOT bool pairs_run(const struct toll_code code, struct toll_peer *peer,
			       struct toll_port *out, struct toll_port *in)
{
	return peer->index % 2 ? pairs_answer(code, peer, out, in) : pairs_ask(code, peer, out, in);
}

TOLL_PATTERN(pairs, .about = "pairs of peers that play ping-pong at once", .least_peers = 2,
	     .most_peers = TOLL_MOST_PEERS, .peers = 4, .graph = pairs_graph, .alternates = true,
	     .together = true, .pairs = true, .absent = pairs_absent, .quantity = "rtt_ns",
	     .messages = 2)
/* a question about the machine more than about loops: depth and copies are pingpong's */
#define TOLL_FORMS_pairs(X, m, p)                                                                  \
	X(m, p, spin, false, 0, 0)                                                                 \
	X(m, p, sleep, true, 0, 0)
