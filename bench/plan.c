/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan.c - configuration × registry × host: the cells, and refusals with reasons. */
#include "plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "axes.h"
#include "controls.h"
#include "grow.h"
#include "say.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

struct maker {
	const struct registry *registry;
	const struct place *place;
	struct plan *plan;
	bool knows_epoll; /* toll-worker does: it is newer than the other waits */
	json_t *seen;     /* a set: what a candidate is, whatever grid it came from */
	json_t *refused;
};

static int out_of_memory(void)
{
	say_error("out of memory");
	return -1;
}

__attribute__((format(printf, 3, 4))) static int
refuse(struct maker *maker, const struct cell *cell, const char *format, ...)
{
	struct plan *plan = maker->plan;
	char key[CELL_KEY];
	cell_key(cell, key, sizeof key);
	if (json_object_get(maker->refused, key))
		return 0;
	struct plan_refusal *refusal = GROW_APPEND(plan->refused, plan->refused_count);
	if (!refusal || json_object_set_new(maker->refused, key, json_true()))
		return out_of_memory();
	memcpy(refusal->key, key, sizeof key);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(refusal->reason, sizeof refusal->reason, format, arguments);
	va_end(arguments);
	return 0;
}

/* Which peers talk, for any number of them, from the pattern's shape. */
static size_t find_edges(const json_t *pattern, unsigned peers, struct place_edge edges[],
			 size_t most)
{
	const char *shape = registry_text(pattern, "shape");
	size_t n = 0, i;
	if (strcmp(shape, "pairs") == 0)
		for (unsigned p = 0; p + 1 < peers; p += 2)
			edges[n++] = (struct place_edge){ p, p + 1 };
	else if (strcmp(shape, "chain") == 0 || strcmp(shape, "pair") == 0)
		for (unsigned p = 0; p + 1 < peers; p++)
			edges[n++] = (struct place_edge){ p, p + 1 };
	else if (strcmp(shape, "star") == 0)
		for (unsigned p = 1; p < peers; p++)
			edges[n++] = (struct place_edge){ p, 0 };
	else if (peers == registry_number(pattern, "peers")) { /* a shape newer than toll */
		const json_t *edge;
		json_array_foreach (json_object_get(pattern, "edges"), i, edge) {
			if (n < most)
				edges[n++] = (struct place_edge){
					(unsigned)json_integer_value(json_array_get(edge, 0)),
					(unsigned)json_integer_value(json_array_get(edge, 1)),
				};
		}
	}
	return n;
}

static bool is_pairs(const json_t *pattern)
{
	return strcmp(registry_text(pattern, "shape"), "pairs") == 0;
}

/* Each pair has CPUs of its own while there are such; then they go round again. true; or false with
 * why. */
static bool place_pairs(const struct place *place, const char *spot,
			const struct place_edge edges[], struct cell *cell, char *why, size_t bytes)
{
	unsigned pairs = cell->peers / 2, apart = pairs;
	bool same = strcmp(spot, "same-cpu") == 0;

	if (same) {
		size_t allowed = place_allowed(place, NULL, 0);

		apart = pairs < allowed ? pairs : (unsigned)allowed;
		for (unsigned p = 0; p < apart; p++)
			if (!place_find(place, spot, 2, edges, 1, p, &cell->cpus[(size_t)2 * p],
					why, bytes))
				return false;
	} else {
		/* why not even one, that is why */
		while (apart > 0 &&
		       !place_find(place, spot, 2 * apart, edges, apart, 0, cell->cpus, why, bytes))
			apart--;
	}
	for (unsigned p = 2 * apart; p < cell->peers && apart > 0; p++)
		cell->cpus[p] = cell->cpus[p % (2 * apart)];
	return apart > 0;
}

/* Sets the cell's CPUs. true; or false with the reason in why. */
static bool find_cpus(const struct maker *maker, const struct axes_spot *spot,
		      const json_t *pattern, struct cell *cell, char *why, size_t bytes)
{
	struct place_edge edges[2 * CELL_MOST_PEERS * CELL_MOST_PEERS];

	if (*spot->lacking) {
		snprintf(why, bytes, "%s", spot->lacking);
		return false;
	}
	if (spot->cpu_count) {
		memcpy(cell->cpus, spot->cpus, spot->cpu_count * sizeof *cell->cpus);
		if (spot->cpu_count == cell->peers)
			return true;
		snprintf(why, bytes, "%s has %u peer%s here, and %u CPU%s named", cell->pattern,
			 cell->peers, cell->peers == 1 ? "" : "s", spot->cpu_count,
			 spot->cpu_count == 1 ? " is" : "s are");
		return false;
	}
	if (cell->peers == 1 && strcmp(spot->name, "same-cpu") != 0) {
		snprintf(why, bytes, "%s has one peer, so same-cpu is its only placement",
			 cell->pattern);
		return false;
	}
	size_t n = find_edges(pattern, cell->peers, edges, LENGTH(edges));
	if (is_pairs(pattern) && strcmp(spot->name, "spread") != 0 &&
	    strcmp(spot->name, "packed") != 0)
		return place_pairs(maker->place, spot->name, edges, cell, why, bytes);
	return place_find(maker->place, spot->name, cell->peers, edges, n, 0, cell->cpus, why,
			  bytes);
}

/* The same, and where peers that nobody placed cannot all be in that relation: spread over the
 * machine. */
static bool find_cpus_or_spread(const struct maker *maker, const struct axes_spot *spot,
				const json_t *pattern, struct cell *cell, char *why, size_t bytes)
{
	struct axes_spot spread = *spot;
	char none[256];

	if (find_cpus(maker, spot, pattern, cell, why, bytes))
		return true;
	if (!spot->by_default || *spot->lacking || cell->peers < 3 || is_pairs(pattern))
		return false;
	snprintf(spread.name, sizeof spread.name, "spread");
	if (!find_cpus(maker, &spread, pattern, cell, none, sizeof none))
		return false;
	memcpy(cell->placement, spread.name, sizeof cell->placement);
	return true;
}

/* Peers that talk are on different CPUs; of pairs each with its own alone. */
static bool talks_across(const struct cell *cell, const json_t *pattern)
{
	bool pairs = is_pairs(pattern);

	for (unsigned p = 1; p < cell->peers; p++)
		if (cell->cpus[p] != cell->cpus[pairs ? p & ~1U : 0])
			return true;
	return false;
}

/* true when an equal cell is there already, from this grid or another; -1 when memory runs out */
static int seen_before(struct maker *maker, const struct cell *cell,
		       const struct axes_variant *mechanism, const struct axes_variant *pattern)
{
	struct cell bare = *cell;
	char key[CELL_KEY];
	*bare.options = *bare.pattern_options = '\0';

	char *identity = NULL;
	if (asprintf(&identity, "%s %s %s", mechanism->resolved, pattern->resolved,
		     cell_key(&bare, key, sizeof key)) < 0)
		return out_of_memory();
	int seen = json_object_get(maker->seen, identity) != NULL;
	if (!seen && json_object_set_new(maker->seen, identity, json_true()))
		seen = out_of_memory();
	free(identity);
	return seen;
}

/* One point of a grid: appended to the plan's cells, refused with a reason, or met before. */
static int consider(struct maker *maker, const struct axes_variant *mechanism,
		    const struct axes_variant *pattern, const struct axes_spot *spot,
		    struct cell cell)
{
	const json_t *is = pattern->is;
	unsigned own_peers = (unsigned)registry_number(is, "peers");
	char why[256] = "";
	bool self_only = registry_flag(mechanism->is, "self_only"),
	     is_self = strcmp(pattern->name, "self") == 0;

	if (self_only && !is_self && mechanism->by_wildcard)
		return 0;
	memcpy(cell.mechanism, mechanism->name, sizeof cell.mechanism);
	memcpy(cell.options, mechanism->options, sizeof cell.options);
	memcpy(cell.pattern, pattern->name, sizeof cell.pattern);
	memcpy(cell.pattern_options, pattern->options, sizeof cell.pattern_options);
	memcpy(cell.placement, spot->name, sizeof cell.placement);
	cell.peers_named = cell.peers && cell.peers != own_peers;
	if (!cell.peers)
		cell.peers = own_peers;
	if (cell.peers == 1 && spot->by_default && strcmp(spot->name, "same-cpu") != 0)
		return 0;

	long long least = registry_number(is, "least_peers"),
		  most = registry_number(is, "most_peers");
	bool counted = cell.peers >= least && (most == 0 || cell.peers <= most);
	bool placed = counted && find_cpus_or_spread(maker, spot, is, &cell, why, sizeof why);

	/* the idle state matters where a CPU can fall asleep while its peer works elsewhere */
	if (!placed || cell_spins(&cell) || !talks_across(&cell, is))
		cell.idle = IDLE_NONE;

	int seen = seen_before(maker, &cell, mechanism, pattern);
	if (seen)
		return seen < 0 ? -1 : 0;
	if (!counted) {
		if (least == most)
			return refuse(maker, &cell, "%s has %lld peer%s", cell.pattern, least,
				      least == 1 ? "" : "s");
		if (most == 0)
			return refuse(maker, &cell, "%s needs %lld peers at least", cell.pattern,
				      least);
		return refuse(maker, &cell, "%s takes %lld to %lld peers", cell.pattern, least,
			      most);
	}
	if (!placed)
		return refuse(maker, &cell, "%s", why);
	if (self_only && !is_self)
		return refuse(maker, &cell, "%s has no synchronisation: it runs in self only",
			      cell.mechanism);
	if ((cell.wait == WAIT_SPIN || cell.wait == WAIT_PAUSE) && cell_shares_cpu(&cell))
		return refuse(maker, &cell,
			      "two peers that spin on one CPU would only wait for the "
			      "scheduler; yield, or a sleeping wait, may share it");
	if (cell.policy == POLICY_IDLE && cell.idle == IDLE_AWAKE)
		return refuse(maker, &cell,
			      "what keeps its CPUs awake is of the idle class too, and would take "
			      "half of them; add idle=sleep");
	if (cell.wait == WAIT_EPOLL && !maker->knows_epoll)
		return refuse(
			maker, &cell,
			"this toll-worker is of an older build, without epoll; build it anew");
	if (cell.size > PLAN_BLOCK_BYTES)
		return refuse(maker, &cell,
			      "longer than 1 GiB, which is all that a block may hold");

	struct plan_cell *added = GROW_APPEND(maker->plan->cells, maker->plan->cell_count);
	if (!added)
		return out_of_memory();
	added->cell = cell;
	added->quantity = registry_text(is, "quantity");
	added->messages = json_number_value(json_object_get(is, "messages"));
	unsigned pairs = cell.peers / 2;
	if (is_pairs(is))
		added->messages *= pairs;
	return 0;
}

/* The product of the axes, mechanisms innermost, so that what is compared stands together. */
static int consider_all(struct maker *maker, const struct axes *axes, const char *name)
{
	enum {
		PATTERN,
		PEERS,
		SPOT,
		WAIT,
		IDLE,
		DEPTH,
		COPY,
		TOUCH,
		THREADS,
		SCHED,
		MLOCK,
		THINK,
		SIZE,
		MECHANISM,
		REPLICA,
		AXES
	};
	const size_t count[AXES] = {
		[PATTERN] = axes->patterns,   [PEERS] = axes->peer_counts,
		[SPOT] = axes->spots,         [WAIT] = axes->waits,
		[IDLE] = axes->idles,         [DEPTH] = axes->depths,
		[COPY] = axes->copies,        [TOUCH] = axes->touches,
		[THREADS] = axes->threadings, [SCHED] = axes->scheds,
		[MLOCK] = axes->mlocks,       [THINK] = axes->thinks,
		[SIZE] = axes->sizes,         [MECHANISM] = axes->mechanisms,
		[REPLICA] = axes->replicas,
	};
	double product = 1;
	for (size_t a = 0; a < AXES; a++)
		product *= (double)count[a];
	if (product > AXES_MOST_CELLS) {
		say_error("[%s] multiplies to %.0f cells; %d are the most, so shorten its lists",
			  name, product, AXES_MOST_CELLS);
		return -1;
	}
	size_t at[AXES] = { 0 };
	for (size_t left = (size_t)product; left > 0; left--) {
		struct cell cell = {
			.peers = axes->peer_count[at[PEERS]],
			.wait = axes->wait[at[WAIT]].wait,
			.wait_amount = axes->wait[at[WAIT]].wait_amount,
			.idle = axes->idle[at[IDLE]],
			.depth = axes->depth[at[DEPTH]],
			.copy = axes->copy[at[COPY]],
			.touch_all = axes->touch_all[at[TOUCH]],
			.threads = axes->threads[at[THREADS]],
			.policy = axes->sched[at[SCHED]].policy,
			.priority = axes->sched[at[SCHED]].priority,
			.mlock = axes->mlock[at[MLOCK]],
			.think_ns = axes->think_ns[at[THINK]],
			.size = axes->size[at[SIZE]],
			.replica = (unsigned)at[REPLICA],
		};
		if (consider(maker, &axes->mechanism[at[MECHANISM]], &axes->pattern[at[PATTERN]],
			     &axes->spot[at[SPOT]], cell))
			return -1;
		for (size_t a = AXES; a-- > 0 && ++at[a] == count[a];)
			at[a] = 0;
	}
	return 0;
}

/* Side by side, workers share a CPU's L2; where the slots of a few do not fit, each would be
 * measured with the others' misses: a ring of 1 MiB took 17 % longer. */
static bool overflows_cache(const struct maker *maker, const struct cell *cell)
{
	const json_t *mechanism = registry_mechanism(maker->registry, cell->mechanism);
	size_t l2 = place_cache_bytes(maker->place, cell->cpus[0], 2);
	if (!registry_flag(mechanism, "slots") || l2 == 0 || cell->slots == 0)
		return false;
	return cell->size > l2 / 2 / cell->slots;
}

/* Asks toll-worker about all candidates, keeps what it can do, refuses the rest. */
static int examine(struct maker *maker)
{
	struct plan *plan = maker->plan;
	struct cell *cells = calloc(plan->cell_count + 1, sizeof *cells);
	struct examination *answers = calloc(plan->cell_count + 1, sizeof *answers);
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	size_t kept = 0, cpus = place_allowed(maker->place, NULL, 0);
	int result = -1;

	if (!cells || !answers) {
		out_of_memory();
		goto end;
	}
	for (size_t c = 0; c < plan->cell_count; c++)
		cells[c] = plan->cells[c].cell;
	if (registry_examine(maker->registry, cells, plan->cell_count, answers))
		goto end;
	for (size_t c = 0; c < plan->cell_count; c++) {
		struct plan_cell entry = plan->cells[c];
		const struct examination *answer = &answers[c];
		char size[24];
		size_t taken = cell_cpus(&entry.cell);
		bool crowded = answer->helpers && taken + answer->helpers > cpus;
		int failed = 0;
		if (!answer->possible)
			failed = refuse(maker, &entry.cell, "%s", answer->reason);
		else if (crowded)
			failed = refuse(maker, &entry.cell,
					"%u kernel thread%s of its own (SQPOLL) beside its peers' "
					"%zu CPU%s want more CPUs than the %zu here",
					answer->helpers, answer->helpers == 1 ? "" : "s", taken,
					taken == 1 ? "" : "s", cpus);
		else if (answer->memory > PLAN_BLOCK_BYTES || answer->memory > memory / 2)
			failed = refuse(maker, &entry.cell,
					"it would map %s of memory; at most 1 GiB, "
					"and half of the machine's, may be",
					say_size(answer->memory, size));
		if (failed)
			goto end;
		if (!answer->possible || crowded || answer->memory > PLAN_BLOCK_BYTES ||
		    answer->memory > memory / 2)
			continue;
		entry.cell.slots = answer->slots;
		entry.cell.memory = answer->memory;
		entry.cell.sequential =
			entry.cell.idle == IDLE_SLEEP || overflows_cache(maker, &entry.cell);
		entry.bytes = answer->bytes;
		entry.capacity_needed = answer->capacity_needed;
		entry.cell.id = (unsigned)kept;
		cell_key(&entry.cell, entry.key, sizeof entry.key);
		cell_group(&entry.cell, entry.group, sizeof entry.group);
		plan->cells[kept++] = entry;
	}
	plan->cell_count = kept;
	result = 0;
end:
	free(cells);
	free(answers);
	return result;
}

static bool knows_wait(const struct registry *registry, const char *name)
{
	const json_t *mechanism, *wait;
	size_t m, w;

	json_array_foreach (json_object_get(registry->description, "mechanisms"), m, mechanism) {
		json_array_foreach (json_object_get(mechanism, "waits"), w, wait) {
			if (strcmp(json_string_value(wait), name) == 0)
				return true;
		}
	}
	return false;
}

static int draw_seed(uint64_t *seed)
{
	if (getrandom(seed, sizeof *seed, 0) != sizeof *seed) {
		say_error("getrandom: %s; give --seed N", strerror(errno));
		return -1;
	}
	*seed >>= 1; /* JSON's integers are signed */
	return 0;
}

/* 0, or -1 after say_error(). */
static int read_counters(const struct config *config, struct plan *plan)
{
	const char *list = *config->counters ? config->counters : "none";
	char why[256];

	snprintf(plan->counting, sizeof plan->counting, "%s", list);
	if (counters_read(list, &plan->counters, why, sizeof why) == 0)
		return 0;
	say_error("--counters: %s", why);
	return -1;
}

struct plan *plan_make(const struct config *config, const struct registry *registry,
		       const struct place *place)
{
	struct plan *plan = calloc(1, sizeof *plan);
	struct maker maker = { registry,      place,        plan, knows_wait(registry, "epoll"),
			       json_object(), json_object() };
	int failed = 0;

	if (!plan || !maker.seen || !maker.refused) {
		failed = out_of_memory();
		goto end;
	}
	plan->seed = config->seed;
	plan->seed_given = config->seed_given;
	plan->margin = config->margin;
	plan->rounds = config->rounds;
	plan->operations = config->operations;
	plan->tails = config->tails;
	plan->dma_latency_us = config->dma_latency_us;
	failed = read_counters(config, plan);
	/* how long a turn takes is then not for toll to fit: rounds say how long */
	plan->budget_s = config->operations ? 0 : config->budget_s;
	if (plan->rounds == 0 && plan->budget_s <= 0)
		plan->rounds = PLAN_LEAST_ROUNDS;
	memcpy(plan->config, config->path, sizeof plan->config);

	failed = failed || (!config->seed_given && draw_seed(&plan->seed));
	for (size_t g = 0; g < config->grid_count && !failed; g++) {
		struct axes axes;
		failed = axes_read(config, &config->grids[g], registry, place, &axes) ||
			 consider_all(&maker, &axes, config->grids[g].name);
		axes_free(&axes);
	}
	failed = failed || examine(&maker);
	if (!failed && config->controls == CONFIG_ON)
		failed = controls_plan(plan, registry, place);
end:
	json_decref(maker.seen);
	json_decref(maker.refused);
	if (failed) {
		plan_free(plan);
		return NULL;
	}
	return plan;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->cells);
	free(plan->refused);
	free(plan->controls);
	free(plan);
}
