/* SPDX-License-Identifier: MIT */
/* channel.c - a cell's graph made real: channels in all their instances, memory, ends and ports. */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	SMALL_CHANNEL = 4096, /* bytes up to which a channel rotates over many lines */
	DEFAULT_SLOTS = 64,
	LEAST_SLOTS = 4,
	SLOTS_BYTES = 1 << 20, /* default slots hold no more than this: with what the reader
				* copies it stays inside a second-level cache */
	PAGE_BYTES = 4096
};

static size_t round_up(size_t bytes, size_t to)
{
	return (bytes + to - 1) / to * to;
}

static const struct toll_pattern *pattern_of(const struct layout *layout)
{
	return &layout->choice.binding->pattern;
}

static const struct toll_mechanism *mechanism_of(const struct layout *layout)
{
	return &layout->choice.unit->mechanism;
}

const char *layout_memory(const struct layout *layout)
{
	return uses_harness_memory(mechanism_of(layout))
		       ? values_get(&layout->choice.values, "memory")
		       : "anonymous";
}

struct toll_channel layout_proto(const struct layout *layout)
{
	const struct wish *wish = &layout->wish;

	return (struct toll_channel){ .values = &layout->choice.values,
				      .most = wish->size,
				      .depth = layout->slots,
				      .producers = 1,
				      .consumers = 1,
				      .wait = wish->wait,
				      .threads = wish->threads };
}

static size_t bytes_of(const struct toll_mechanism *m, const struct toll_channel *channel,
		       enum toll_memory memory)
{
	return m->bytes ? m->bytes(channel, memory) : 0;
}

static unsigned bits_of(uint32_t mask)
{
	return (unsigned)__builtin_popcount(mask);
}

static struct channel *channel_add(struct layout *layout, uint32_t producers, uint32_t consumers,
				   bool both)
{
	struct channel *channel = &layout->channel[layout->channels++];

	*channel = (struct channel){ .mechanism = mechanism_of(layout),
				     .producers = producers,
				     .consumers = consumers,
				     .both = both,
				     .producer_id = (uint64_t)(unsigned)__builtin_ctz(producers)
						    << 48 };
	return channel;
}

/* Edges to channels: mirrored edges share a duplex object; an edge with more ends than the
 * mechanism's channel takes becomes a channel a pair, and so does one whose consumers share
 * messages where each should get all of them, or the other way. */
static bool channels_make(struct layout *layout, char *why, size_t bytes)
{
	const struct toll_mechanism *m = mechanism_of(layout);
	const struct toll_pattern *p = pattern_of(layout);
	struct toll_edge edges[TOLL_MOST_EDGES];
	unsigned count = p->graph(layout->wish.peers, edges);
	uint64_t paired = 0;

	layout->channels = 0;
	for (unsigned i = 0; i < count; i++) {
		uint32_t from = edges[i].producers, to = edges[i].consumers;
		bool made = (paired >> i & 1) != 0;

		for (unsigned j = i + 1; !made && m->duplex && p->alternates && j < count; j++) {
			if (edges[j].producers == to && edges[j].consumers == from &&
			    bits_of(from) == 1 && bits_of(to) == 1 && from != to) {
				channel_add(layout, from, to, true);
				paired |= 1ULL << j;
				made = true;
			}
		}
		if (made)
			continue;
		bool fits = (m->producers == 0 || bits_of(from) <= m->producers) &&
			    (m->consumers == 0 || bits_of(to) <= m->consumers) &&
			    (bits_of(to) == 1 || m->to_all == p->to_all);

		if (fits) {
			channel_add(layout, from, to, false);
			continue;
		}
		if (layout->channels + bits_of(from) * bits_of(to) > MOST_CHANNELS) {
			snprintf(why, bytes, "it would need more than %d channels", MOST_CHANNELS);
			return false;
		}
		for (unsigned a = 0; a < layout->wish.peers; a++) {
			for (unsigned b = 0; b < layout->wish.peers; b++) {
				if (from >> a & 1 && to >> b & 1)
					channel_add(layout, 1u << a, 1u << b, false);
			}
		}
	}
	return true;
}

static unsigned default_slots(const struct toll_mechanism *m, uint64_t size)
{
	uint64_t slots = DEFAULT_SLOTS;

	if (slots * size > SLOTS_BYTES)
		slots = SLOTS_BYTES / size < LEAST_SLOTS ? LEAST_SLOTS : SLOTS_BYTES / size;
	return m->most_depth && slots > m->most_depth ? m->most_depth : (unsigned)slots;
}

/* Why a mechanism cannot be had, NULL when it can; asked once for channels alike. */
static const char *absent_of(const struct toll_mechanism *m, const struct toll_channel *proto)
{
	char question[MEMO_QUESTION];

	if (m->absent == NULL)
		return NULL;
	memo_question(question, m, proto, proto->threads ? "absent, threads" : "absent");
	char **answer = memo_of(question);

	if (answer && *answer)
		return (*answer)[0] ? *answer : NULL;
	const char *why = m->absent(proto);

	if (answer)
		*answer = strdup(why ? why : "");
	return why;
}

/* Of all channels, whatever they pass: a peer that sends and receives has two. */
static unsigned ends_of(const struct layout *layout)
{
	unsigned ends = 0;

	for (unsigned i = 0; i < layout->channels; i++)
		ends += bits_of(layout->channel[i].producers) +
			bits_of(layout->channel[i].consumers);
	return ends;
}

/* What all ends have for themselves: the mechanism's, and copies of what came and goes. */
static size_t private_of_all(const struct layout *layout, const struct toll_channel *proto)
{
	size_t one = bytes_of(mechanism_of(layout), proto, TOLL_PRIVATE) * layout->instances +
		     (layout->wish.copy ? layout->wish.size : 0);

	return ends_of(layout) * one;
}

bool layout_plan(struct layout *layout, const struct wish *wish, size_t *memory, char *why,
		 size_t bytes)
{
	static struct channel room[MOST_CHANNELS];

	memset(layout, 0, sizeof(*layout));
	layout->channel = room;
	layout->wish = *wish;
	if (!registry_choose(wish, &layout->choice, why, bytes))
		return false;
	const struct toll_mechanism *m = mechanism_of(layout);

	layout->slots = wish->slots                    ? wish->slots
			: m->slots && wish->depth == 0 ? 1
			: wish->depth > 0              ? (unsigned)wish->depth
						       : default_slots(m, wish->size);
	if (wish->size > UINT64_MAX / 1024 / layout->slots) {
		snprintf(why, bytes, "%llu B is absurd", (unsigned long long)wish->size);
		return false;
	}
	struct toll_channel proto = layout_proto(layout);
	const char *absent = absent_of(m, &proto), *whose = m->name;
	size_t most = m->most_bytes ? m->most_bytes(&proto) : SIZE_MAX;

	if (absent == NULL && pattern_of(layout)->absent) {
		absent = pattern_of(layout)->absent(&proto, wish->peers);
		whose = pattern_of(layout)->name;
	}
	if (absent) {
		snprintf(why, bytes, "%s: %s", whose, absent);
		return false;
	}
	if (wish->size > most) {
		snprintf(why, bytes, "%s carries at most %zu B%s%s%s", m->name, most,
			 m->raise ? " (to raise it: " : "", m->raise ? m->raise : "",
			 m->raise ? ")" : "");
		return false;
	}
	if (!channels_make(layout, why, bytes))
		return false;

	for (unsigned i = 0; i < layout->channels; i++) {
		const struct channel *c = &layout->channel[i];

		if (bits_of(c->producers) > proto.producers)
			proto.producers = bits_of(c->producers);
		if (bits_of(c->consumers) > proto.consumers)
			proto.consumers = bits_of(c->consumers);
	}
	size_t one = round_up(bytes_of(m, &proto, TOLL_SHARED), TOLL_LINE);
	bool harness_memory = uses_harness_memory(m);
	const char *wanted = harness_memory ? values_get(&layout->choice.values, "instances") : "1";
	uint64_t instances = 1;

	if (strcmp(wanted, "auto") == 0)
		instances = one <= SMALL_CHANNEL && !m->descriptor ? MOST_INSTANCES : 1;
	else if (!parse_size(wanted, &instances) || instances < 1 || instances > MOST_INSTANCES) {
		snprintf(why, bytes, "instances takes auto or 1 to %d, not \"%s\"", MOST_INSTANCES,
			 wanted);
		return false;
	}
	if (instances > 1 && m->descriptor) {
		snprintf(why, bytes,
			 "%s: a peer polls one descriptor, so instances takes auto or 1, not %s",
			 m->name, wanted);
		return false;
	}
	if (m->lossy && !m->slots)
		instances = 1; /* what is sent again goes where it went */
	layout->instances = (unsigned)instances;
	if (!epoll_fits(layout, why, bytes))
		return false;
	const char *kind = layout_memory(layout);
	size_t page = memory_page(kind), channel = instances * one + TOLL_LINE;

	if (harness_memory &&
	    !memory_home_plan(values_get(&layout->choice.values, "home"), why, bytes))
		return false;
	/* where there is only one node, all homes are the same place */
	layout->apart =
		harness_memory && memory_nodes() > 1 ? round_up(channel + PAGE_BYTES, page) : 0;
	layout->shared_bytes = layout->apart
				       ? layout->channels * layout->apart
				       : round_up(layout->channels * channel + PAGE_BYTES, page);
	*memory = layout->shared_bytes + private_of_all(layout, &proto);
	return memory_plan(kind, layout->shared_bytes, why, bytes);
}

/* By errno of memory_map() or memory_touch(). Where memory has run out, the plan had found room,
 * which others have taken since, such as the block's other workers. */
static void explain_memory(const struct layout *layout, char *why, size_t bytes)
{
	const char *kind = layout_memory(layout);
	size_t wanted = layout->shared_bytes;

	if (errno == ENOMEM || errno == ENOSPC || errno == EFAULT)
		snprintf(why, bytes, "%zu B of %s memory, beside what others hold: %s (%s)", wanted,
			 kind, errno == EFAULT ? "no page is left" : strerror(errno),
			 memory_more(kind));
	else
		snprintf(why, bytes, "mapping %zu B of %s memory: %s", wanted, kind,
			 strerror(errno));
}

/* Each channel's pages, on the node of its own home. */
static bool place(const struct layout *layout, const int32_t cpu[], char *why, size_t bytes)
{
	const struct toll_values *values = &layout->choice.values;

	for (unsigned i = 0; layout->apart && i < layout->channels; i++) {
		const struct channel *c = &layout->channel[i];
		const char *home = values_get(values, "home");
		int node = memory_node(home, cpu[__builtin_ctz(c->producers)],
				       cpu[__builtin_ctz(c->consumers)]);

		/* a container may forbid it: then only who asked for a home is refused */
		if (node >= 0 &&
		    memory_place(layout->shared + i * layout->apart, layout->apart, node) < 0 &&
		    values_given(values, "home")) {
			snprintf(why, bytes, "home=%s: binding memory to NUMA node %d: %s", home,
				 node, strerror(errno));
			return false;
		}
	}
	if (memory_touch(layout->shared, layout->shared_bytes) == 0)
		return true;
	explain_memory(layout, why, bytes);
	return false;
}

unsigned layout_helpers(const struct layout *layout)
{
	const struct toll_channel proto = layout_proto(layout);

	return mechanism_of(layout)->helpers
		       ? mechanism_of(layout)->helpers(&proto) * ends_of(layout) * layout->instances
		       : 0;
}

bool layout_open(struct layout *layout, const int32_t cpu[], uint64_t seed, uint32_t *line_offset,
		 char *why, size_t bytes)
{
	const struct toll_mechanism *m = mechanism_of(layout);
	unsigned peers = layout->wish.peers, ports = 0, ends = 0;

	layout->shared = memory_map(layout_memory(layout), layout->shared_bytes);
	if (layout->shared == MAP_FAILED) {
		explain_memory(layout, why, bytes);
		layout->shared = NULL;
		return false;
	}
	if (!place(layout, cpu, why, bytes))
		return false;
	for (unsigned i = 0; i < layout->channels; i++) {
		const struct channel *c = &layout->channel[i];
		unsigned sides = bits_of(c->producers) + bits_of(c->consumers);

		ports += c->both ? 2 * sides : sides;
		ends += sides;
	}
	layout->end_stride = round_up(layout->choice.unit->end_bytes, TOLL_LINE);
	size_t sequences = (size_t)layout->channels * TOLL_MOST_PEERS * sizeof(uint64_t);

	layout->ends_bytes =
		round_up(peers * round_up(sizeof(struct toll_peer) + TOLL_LINE, TOLL_LINE) +
				 (size_t)peers * TOLL_LINE + ports * sizeof(struct toll_port) +
				 (size_t)layout->channels * 2 * TOLL_LINE + sequences + TOLL_LINE +
				 (size_t)ends * layout->instances * layout->end_stride,
			 PAGE_BYTES);
	layout->ends = mmap(NULL, layout->ends_bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (layout->ends == MAP_FAILED) {
		snprintf(why, bytes, "mapping %zu B: %s", layout->ends_bytes, strerror(errno));
		layout->ends = NULL;
		return false;
	}

	/* a random line to start at, so that workers sample where a channel may lie */
	*line_offset = layout->instances == 1
			       ? (uint32_t)(random_next(&seed) % (PAGE_BYTES / 64) * 64)
			       : 0;
	char *at = layout->shared + (size_t)*line_offset / TOLL_LINE * TOLL_LINE;

	for (unsigned i = 0; i < layout->channels; i++) {
		struct channel *c = &layout->channel[i];

		if (layout->apart)
			at = layout->shared + i * layout->apart +
			     (size_t)*line_offset / TOLL_LINE * TOLL_LINE;
		c->instances = layout->instances;
		c->credit_edge = layout->wish.depth == 0 || (layout->wish.depth > 0 && !m->slots);
		for (unsigned k = 0; k < c->instances; k++) {
			struct toll_channel *channel = &c->instance[k];

			*channel = layout_proto(layout);
			channel->producers = bits_of(c->producers);
			channel->consumers = bits_of(c->consumers);
			channel->shared = (struct toll_shared *)(void *)at;
			at += round_up(bytes_of(m, channel, TOLL_SHARED), TOLL_LINE);
			if (m->open && m->open(channel) < 0) {
				snprintf(why, bytes, "opening %s: %s", m->name, strerror(errno));
				return false;
			}
			c->opened++;
		}
	}

	/* peers, ports, bells, credits; ends follow as they are attached */
	char *own = layout->ends;

	layout->peer = (struct toll_peer *)(void *)own;
	own += round_up(peers * sizeof(struct toll_peer), TOLL_LINE);
	for (unsigned i = 0; i < peers; i++) {
		layout->peer[i] = (struct toll_peer){ .size = sizeof(struct toll_peer),
						      .index = i,
						      .peers = peers,
						      .values = &layout->choice.pattern_values,
						      .wait = layout->wish.wait };
		layout->peer[i].bell = (uint32_t *)(void *)own;
		own += TOLL_LINE;
	}
	for (unsigned i = 0; i < layout->channels; i++) {
		layout->channel[i].credit = (struct toll_credit *)(void *)own;
		own += (size_t)2 * TOLL_LINE;
	}
	for (unsigned i = 0; i < peers; i++) {
		struct toll_peer *peer = &layout->peer[i];

		for (unsigned k = 0; k < layout->channels; k++) {
			const struct channel *c = &layout->channel[k];
			bool produces = c->producers >> i & 1, consumes = c->consumers >> i & 1;

			peer->outs += produces || (c->both && consumes);
			peer->ins += consumes || (c->both && produces);
		}
		peer->out = (struct toll_port *)(void *)own;
		own += peer->outs * sizeof(struct toll_port);
		peer->in = (struct toll_port *)(void *)own;
		own += peer->ins * sizeof(struct toll_port);
	}
	for (unsigned i = 0; i < layout->channels; i++) {
		struct channel *c = &layout->channel[i];

		for (unsigned peer = 0; peer < peers; peer++) {
			if (c->consumers >> peer & 1 && bits_of(c->producers) > 1) {
				/* the consumer's count of each producer; one consumer: the
				 * pattern's edge has one */
				for (unsigned k = 0, at_in = 0; k < layout->channels; k++) {
					const struct channel *other = &layout->channel[k];
					bool has_in = other->consumers >> peer & 1 ||
						      (other->both && other->producers >> peer & 1);

					if (k == i)
						layout->peer[peer].in[at_in].sequences =
							(uint64_t *)(void *)own;
					at_in += has_in;
				}
				own += TOLL_MOST_PEERS * sizeof(uint64_t);
			}
		}
	}
	return true;
}

void layout_close(struct layout *layout)
{
	const struct toll_mechanism *m = mechanism_of(layout);

	for (unsigned i = 0; i < layout->channels; i++) {
		struct channel *c = &layout->channel[i];

		for (unsigned k = 0; k < c->opened && m->close; k++)
			m->close(&c->instance[k]);
		c->opened = 0;
	}
	if (layout->shared)
		munmap(layout->shared, layout->shared_bytes);
	if (layout->ends)
		munmap(layout->ends, layout->ends_bytes);
	layout->shared = layout->ends = NULL;
}

void *layout_private(size_t bytes, uint64_t *seed, uint32_t *offset)
{
	*offset = (uint32_t)(random_next(seed) % (PAGE_BYTES / 64) * 64);
	char *at = mmap(NULL, bytes + PAGE_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return at == MAP_FAILED ? NULL : at + *offset;
}

/* Where the ends of (channel, peer) lie: behind everything else, in a fixed order. */
static char *ends_at(const struct layout *layout, unsigned channel, unsigned peer)
{
	size_t nth = 0;

	for (unsigned i = 0; i <= channel; i++) {
		const struct channel *c = &layout->channel[i];

		for (unsigned k = 0; k < layout->wish.peers; k++) {
			if (i == channel && k == peer)
				break;
			nth += (c->producers >> k & 1) + (c->consumers >> k & 1);
		}
	}
	/* from the end of the region backwards, so that nothing before it has to be counted again
	 */
	size_t bytes = layout->instances * layout->end_stride;

	return layout->ends + layout->ends_bytes - (nth + 1) * bytes;
}

static bool port_make(struct layout *layout, struct toll_port *port, struct toll_peer *peer,
		      const struct channel *c, enum toll_side side, char *ends, bool touch_all,
		      uint64_t *seed)
{
	const struct toll_pattern *p = pattern_of(layout);
	const struct wish *wish = &layout->wish;
	uint64_t *sequences = port->sequences;
	uint32_t offset;

	*port = (struct toll_port){ .end = (struct toll_end *)(void *)ends,
				    .first = ends,
				    .peer = peer,
				    .len = wish->size,
				    .touched = touch_all ? wish->size : TOLL_HEADER,
				    .sleep = wish->wait == TOLL_WAIT_BLOCK ? TOLL_SLEEP : 0,
				    .side = side,
				    .descriptor = -1,
				    .epoll = -1,
				    .sequences = sequences,
				    .room = layout->end_stride,
				    .instances = layout->instances,
				    .original = port };
	if (p->alternates && layout->instances > 1) {
		port->stride = layout->end_stride;
		port->limit = ends + layout->instances * layout->end_stride;
	}
	if (wish->copy) {
		port->copy = layout_private(wish->size, seed, &offset);
		if (port->copy == NULL)
			return false;
	}
	/* one end both ways: each way has its own, for it has one writer */
	bool sends = port >= peer->out && port < peer->out + peer->outs;
	bool back = c->both && sends != (c->producers >> peer->index & 1);
	struct toll_credit *credit =
		(struct toll_credit *)(void *)((char *)c->credit + (back ? TOLL_LINE : 0));

	port->enough = &credit->enough;
	port->goal = port->readers = bits_of(c->consumers);
	if (c->credit_edge) {
		port->credit = credit;
		port->depth = (uint32_t)wish->depth;
		port->quarter = wish->depth <= 4 ? 1 : (uint32_t)wish->depth / 4;
	}
	return true;
}

static void port_number(struct toll_port *port, uint64_t producer)
{
	port->producer = port->sequence = producer;
}

static bool attach_one(struct layout *layout, unsigned channel, unsigned index, enum toll_side side,
		       unsigned nth, uint64_t *seed, uint32_t *offset, char **ends, char *why,
		       size_t bytes)
{
	struct channel *c = &layout->channel[channel];
	const struct toll_mechanism *m = c->mechanism;

	*ends = ends_at(layout, channel, index) -
		(side == TOLL_CONSUMER && c->producers >> index & 1
			 ? layout->instances * layout->end_stride
			 : 0);
	for (unsigned k = 0; k < c->instances; k++) {
		size_t private_bytes = bytes_of(m, &c->instance[k], TOLL_PRIVATE);
		void *buf = NULL;

		if (private_bytes) {
			buf = layout_private(private_bytes, seed, offset);
			if (buf == NULL) {
				snprintf(why, bytes, "%zu B of private memory: %s", private_bytes,
					 strerror(errno));
				return false;
			}
		}
		struct toll_end *end = (struct toll_end *)(void *)(*ends + k * layout->end_stride);

		if (m->attach(end, &c->instance[k], side, nth, buf) < 0) {
			snprintf(why, bytes, "attaching to %s: %s", m->name, strerror(errno));
			return false;
		}
	}
	return true;
}

/* The place of a peer among the ends of one side. */
static unsigned nth_of(uint32_t mask, unsigned peer)
{
	return bits_of(mask & ((1u << peer) - 1));
}

bool layout_attach(struct layout *layout, unsigned index, bool touch_all, uint64_t seed,
		   uint32_t *buffer_offset, char *why, size_t bytes)
{
	struct toll_peer *peer = &layout->peer[index];
	unsigned out = 0, in = 0;
	bool made = true;

	for (unsigned i = 0; i < layout->channels; i++) {
		struct channel *c = &layout->channel[i];
		bool produces = c->producers >> index & 1, consumes = c->consumers >> index & 1;
		char *ends = NULL;

		if (c->both && (produces || consumes)) {
			if (!attach_one(layout, i, index, TOLL_BOTH, produces ? 0 : 1, &seed,
					buffer_offset, &ends, why, bytes))
				return false;
			uint64_t other = (uint64_t)(unsigned)__builtin_ctz(produces ? c->consumers
										    : c->producers)
					 << 48;

			made &= port_make(layout, &peer->out[out], peer, c, TOLL_BOTH, ends,
					  touch_all, &seed);
			port_number(&peer->out[out++], (uint64_t)index << 48);
			made &= port_make(layout, &peer->in[in], peer, c, TOLL_BOTH, ends,
					  touch_all, &seed);
			port_number(&peer->in[in++], other);
			continue;
		}
		if (produces) {
			/* one that plays both ends must keep what the other side needs; nobody
			 * shares this then */
			for (unsigned k = 0; k < c->instances && consumes; k++)
				c->instance[k].threads = true;
			if (!attach_one(layout, i, index, TOLL_PRODUCER,
					nth_of(c->producers, index), &seed, buffer_offset, &ends,
					why, bytes))
				return false;
			made &= port_make(layout, &peer->out[out], peer, c, TOLL_PRODUCER, ends,
					  touch_all, &seed);
			port_number(&peer->out[out++], (uint64_t)index << 48);
		}
		if (consumes) {
			if (!attach_one(layout, i, index, TOLL_CONSUMER,
					nth_of(c->consumers, index), &seed, buffer_offset, &ends,
					why, bytes))
				return false;
			made &= port_make(layout, &peer->in[in], peer, c, TOLL_CONSUMER, ends,
					  touch_all, &seed);
			port_number(&peer->in[in++], c->producer_id);
		}
	}
	if (!made)
		snprintf(why, bytes, "private memory: %s", strerror(errno));
	return made;
}

static bool meet_port(const struct layout *layout, struct toll_port *port,
		      const struct toll_channel *channel, char *why, size_t bytes)
{
	const struct toll_mechanism *m = mechanism_of(layout);

	for (unsigned k = 0; k < layout->instances; k++) {
		struct toll_end *end =
			(struct toll_end *)(void *)(port->first + k * layout->end_stride);

		if (m->meet && m->meet(end, &channel[k]) < 0) {
			snprintf(why, bytes, "meeting the other ends of %s: %s", m->name,
				 strerror(errno));
			return false;
		}
	}
	if (m->descriptor)
		port->descriptor = m->descriptor(port->end, port->side);
	return true;
}

bool layout_meet(struct layout *layout, unsigned index, char *why, size_t bytes)
{
	const struct toll_mechanism *m = mechanism_of(layout);
	const struct toll_pattern *p = pattern_of(layout);
	struct toll_peer *peer = &layout->peer[index];
	unsigned out = 0, in = 0;

	for (unsigned i = 0; i < layout->channels; i++) {
		const struct channel *c = &layout->channel[i];
		bool produces = c->producers >> index & 1, consumes = c->consumers >> index & 1;

		if (c->both && (produces || consumes)) {
			if (!meet_port(layout, &peer->out[out], c->instance, why, bytes))
				return false;
			peer->in[in++].descriptor = peer->out[out++].descriptor;
			continue;
		}
		if (produces) {
			unsigned reader = (unsigned)__builtin_ctz(c->consumers);

			if (!meet_port(layout, &peer->out[out], c->instance, why, bytes))
				return false;
			/* a consumer of several inputs without descriptors sleeps on its bell */
			if (p->many_inputs && !m->descriptor && layout->peer[reader].ins > 1)
				peer->out[out].bell = layout->peer[reader].bell;
			out++;
		}
		if (consumes && !meet_port(layout, &peer->in[in++], c->instance, why, bytes))
			return false;
	}
	return true;
}

void layout_rotate(struct toll_peer *peer)
{
	for (unsigned side = 0; side < 2; side++) {
		struct toll_port *ports = side ? peer->in : peer->out;

		for (unsigned i = 0; i < (side ? peer->ins : peer->outs); i++) {
			struct toll_port *port = &ports[i];

			if (port->stride != 0 || port->instances < 2)
				continue;
			char *next = (char *)port->end + port->room;

			if (next == port->first + port->instances * port->room)
				next = port->first;
			port->end = (struct toll_end *)(void *)next;
		}
	}
}
