/* SPDX-License-Identifier: MIT */
/* openloop.h - messages on a schedule that is fixed beforehand and that nothing moves: what is late
 * is sent at once, none is left out. The receiver times each from when it was to be sent, so one
 * that waits behind a stall counts with all of its wait; a sender that waits for answers stops
 * asking meanwhile and sees the stall once ("coordinated omission": G. Tene, How NOT to measure
 * latency, 2013). Both ends read one clock: its difference between their CPUs is in each figure. */

/* peer->option[]: what prepare() reads; then what the sender says when a turn begins. */
enum { OPENLOOP_RATE, OPENLOOP_SECOND, OPENLOOP_TURN, OPENLOOP_BEGUN, OPENLOOP_FIRST };
enum { OPENLOOP_LEAST = 100, OPENLOOP_MOST = 100000000, OPENLOOP_STARTS = 1000 /* a second */ };

static const struct toll_option openloop_options[] = {
	{ "rate", "10000", "100 … 100000000", "messages a second that are to be sent" },
	{ 0 },
};

static unsigned openloop_graph(unsigned peers, struct toll_edge edges[])
{
	(void)peers;
	edges[0] = (struct toll_edge){ .producers = 1 << 0, .consumers = 1 << 1 };
	return 1;
}

static unsigned openloop_timer(unsigned peers)
{
	(void)peers;
	return 1;
}

/* 24 messages are to go through in a fraction of the time after which a cell is said to hang. */
static const char *openloop_refuses(const struct toll_peer *peer)
{
	uint64_t rate = toll_pattern_size(peer, "rate");

	return rate < OPENLOOP_LEAST || rate > OPENLOOP_MOST
		       ? "openloop: rate is 100 … 100000000 messages a second"
		       : NULL;
}

static void openloop_prepare(struct toll_peer *peer)
{
	peer->option[OPENLOOP_RATE] = toll_pattern_size(peer, "rate");
	peer->option[OPENLOOP_SECOND] = (uint64_t)(peer->ticks_per_ns * 1e9);
	peer->rate = (double)peer->option[OPENLOOP_RATE];
}

/* When message n of a turn is to be sent. */
static TOLL_HOT uint64_t openloop_due(const struct toll_peer *peer, uint64_t begun, uint64_t n)
{
	return begun + n * peer->option[OPENLOOP_SECOND] / peer->option[OPENLOOP_RATE];
}

static TOLL_HOT bool openloop_send(const struct toll_code code, struct toll_peer *peer,
				   struct toll_port *out)
{
	uint64_t left = peer->count[0] + peer->count[1];
	/* the receiver may be on its way to its turn yet */
	uint64_t begun = toll_ticks() + peer->option[OPENLOOP_SECOND] / OPENLOOP_STARTS;

	peer->option[OPENLOOP_FIRST] = out->sequence;
	peer->option[OPENLOOP_BEGUN] = begun;
	/* release: who sees this turn sees when it began */
	__atomic_fetch_add(&peer->option[OPENLOOP_TURN], 1, __ATOMIC_RELEASE);
	for (uint64_t n = 0; toll_more(code, out, &left); n++) {
		if (!toll_await_time(code, out, openloop_due(peer, begun, n)) ||
		    !toll_send(code, out) || !toll_flush(code, out))
			return false;
	}
	return true;
}

static TOLL_HOT bool openloop_receive(const struct toll_code code, struct toll_peer *peer,
				      struct toll_port *in)
{
	/* peers lie side by side, each as large as it says */
	const struct toll_peer *sender =
		(const void *)((const char *)peer - (size_t)peer->index * peer->size);
	uint64_t turn = ++peer->option[OPENLOOP_TURN], total = 0;

	for (unsigned phase = 0; phase < 2; phase++) {
		toll_lap(peer);
		for (uint64_t left = peer->count[phase]; left > 0;) {
			if (!toll_receive(code, in))
				return false;
			uint64_t now = toll_ticks();

			/* acquire: what the sender wrote before. A lossy channel may hold messages
			 * of the turn before */
			if (__atomic_load_n(&sender->option[OPENLOOP_TURN], __ATOMIC_ACQUIRE) !=
				    turn &&
			    code.mechanism->lossy)
				continue;
			uint64_t n = in->sequence - 1 - sender->option[OPENLOOP_FIRST];

			if (code.mechanism->lossy && n > INT64_MAX)
				continue;
			left--;
			if (phase == 0)
				continue;
			uint64_t took = now - openloop_due(peer, sender->option[OPENLOOP_BEGUN], n);

			if (TOLL_UNLIKELY((int64_t)took < 0))
				toll_fail("a message came before it was due: the CPUs' clocks "
					  "differ");
			toll_count(code, peer, took);
			total += took;
		}
	}
	toll_lap(peer);
	peer->span = peer->lap[1] - peer->lap[0];
	peer->lap[0] = peer->lap[1] - total;
	return true;
}

static TOLL_HOT bool openloop_run(const struct toll_code code, struct toll_peer *peer,
				  struct toll_port *out, struct toll_port *in)
{
	return peer->index == 0 ? openloop_send(code, peer, out) : openloop_receive(code, peer, in);
}

TOLL_PATTERN(openloop,
	     .about = "messages on a schedule: latency under load, from when each was due",
	     .options = openloop_options, .least_peers = 2, .most_peers = 2, .peers = 2,
	     .graph = openloop_graph, .timer = openloop_timer, .loses = true, .together = true,
	     .paced = true, .prepare = openloop_prepare, .refuses = openloop_refuses,
	     .quantity = "oneway_ns", .messages = 1)
/* Each message is timed anyway, so tail mode's loops are the only ones. */
#define TOLL_FORMS_openloop(X, m, p)                                                               \
	X(m, p, spin_stamped, false, 0, TOLL_STAMPED)                                              \
	X(m, p, sleep_stamped, true, 0, TOLL_STAMPED)
