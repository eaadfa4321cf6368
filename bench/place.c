/* SPDX-License-Identifier: GPL-3.0-or-later */
/* place.c - which CPUs stand in which relation, and CPUs for peers that are to stand in one. */
#include "place.h"

#include <errno.h>
#include <hwloc.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

/* From near to far. The first that holds is the relation of two CPUs, so that two packages within
 * one NUMA node (a guest, node interleaving) are same-numa: the node is the nearest they share. */
enum relation {
	SAME_CPU,
	SMT,
	SHARED_L2,
	SHARED_L3,
	SAME_NUMA,
	CROSS_NUMA,
	CROSS_PACKAGE,
	RELATIONS,
};

static const char *const names[] = { "same-cpu",  "smt",        "shared-l2",     "shared-l3",
				     "same-numa", "cross-numa", "cross-package", "spread",
				     "packed",    NULL };

enum { NONE = -1 };

struct cpu {
	int number; /* as the system numbers it */
	bool allowed;
	int core, l2, l3, node, package; /* hwloc's logical indexes; NONE: it has no such thing */
};

struct place {
	hwloc_topology_t topology; /* all of the machine, what is not allowed included */
	hwloc_topology_t usable;   /* what is allowed */
	enum place_source source;
	bool this_machine;
	struct cpu *cpus; /* in hwloc's order */
	size_t cpu_count;
	unsigned *order; /* the allowed ones (indexes of cpus) in order of choice */
	size_t allowed_count;
};

static int index_of(hwloc_topology_t topology, hwloc_obj_t pu, hwloc_obj_type_t type)
{
	hwloc_obj_t object = hwloc_get_ancestor_obj_by_type(topology, type, pu);
	return object ? (int)object->logical_index : NONE;
}

/* The NUMA node nearest to a PU: the one of the fewest CPUs among those that have it. Nodes hang
 * beside the tree of CPUs in hwloc 2, several on one object where memory is of several kinds. */
static int nearest_node(hwloc_topology_t topology, hwloc_obj_t pu)
{
	int nearest = NONE, fewest = INT_MAX;
	hwloc_obj_t node = NULL;
	while ((node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node))) {
		if (!hwloc_bitmap_isset(node->cpuset, pu->os_index))
			continue;
		int weight = hwloc_bitmap_weight(node->cpuset);
		if (weight < fewest) {
			fewest = weight;
			nearest = (int)node->logical_index;
		}
	}
	return nearest;
}

/* The CPUs that peers may have, to be freed; NULL with errno.
 * On this machine: what hwloc finds allowed (the cpuset cgroup, of which a v1 machine may have told
 * hwloc more than the scheduler) and what sched_getaffinity() gives, in which the kernel has put
 * the cgroup's cpuset and taskset together. A foreign topology is for looking: all there is. */
static hwloc_bitmap_t find_allowed(const struct place *place)
{
	hwloc_bitmap_t allowed =
		hwloc_bitmap_dup(hwloc_topology_get_topology_cpuset(place->topology));
	if (!allowed || !place->this_machine)
		return allowed;
	hwloc_bitmap_t affinity = hwloc_bitmap_alloc();
	if (!affinity || hwloc_get_cpubind(place->topology, affinity, HWLOC_CPUBIND_THREAD) != 0 ||
	    hwloc_bitmap_and(allowed, allowed, affinity) != 0 ||
	    hwloc_bitmap_and(allowed, allowed,
			     hwloc_topology_get_allowed_cpuset(place->topology)) != 0) {
		hwloc_bitmap_free(allowed);
		allowed = NULL;
	}
	hwloc_bitmap_free(affinity);
	return allowed;
}

/* hwloc's order, but from four CPUs on the core of CPU 0 comes last, and CPU 0 last of it: it takes
 * most interrupts and the kernel's housekeeping. */
static void put_in_order(struct place *place)
{
	int core = NONE;
	size_t count = 0;
	for (size_t i = 0; i < place->cpu_count; i++) {
		place->allowed_count += place->cpus[i].allowed;
		if (place->cpus[i].number == 0)
			core = place->cpus[i].core;
	}
	bool avoids = place->allowed_count >= 4;
	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < place->cpu_count; i++) {
			const struct cpu *cpu = &place->cpus[i];
			int rank = 0;
			if (avoids && cpu->number == 0)
				rank = 2;
			else if (avoids && core != NONE && cpu->core == core)
				rank = 1;
			if (cpu->allowed && rank == pass)
				place->order[count++] = (unsigned)i;
		}
	}
}

static int read_cpus(struct place *place, hwloc_const_bitmap_t allowed)
{
	int count = hwloc_get_nbobjs_by_type(place->topology, HWLOC_OBJ_PU);
	if (count <= 0)
		return -1;
	place->cpu_count = (size_t)count;
	place->cpus = calloc(place->cpu_count, sizeof(*place->cpus));
	place->order = calloc(place->cpu_count, sizeof(*place->order));
	if (!place->cpus || !place->order)
		return -1;
	for (size_t i = 0; i < place->cpu_count; i++) {
		hwloc_topology_t topology = place->topology;
		hwloc_obj_t pu = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, (unsigned)i);
		place->cpus[i] = (struct cpu){
			.number = (int)pu->os_index,
			.allowed = hwloc_bitmap_isset(allowed, pu->os_index),
			.core = index_of(topology, pu, HWLOC_OBJ_CORE),
			.l2 = index_of(topology, pu, HWLOC_OBJ_L2CACHE),
			.l3 = index_of(topology, pu, HWLOC_OBJ_L3CACHE),
			.node = nearest_node(topology, pu),
			.package = index_of(topology, pu, HWLOC_OBJ_PACKAGE),
		};
	}
	put_in_order(place);
	return 0;
}

/* Named outright, because a variable that hwloc cannot use makes it load the machine in silence.
 * The order is hwloc's own: a synthetic description before an XML file. */
static int choose_source(struct place *place)
{
	const char *synthetic = getenv("HWLOC_SYNTHETIC"), *xml = getenv("HWLOC_XMLFILE");
	if (synthetic && *synthetic) {
		place->source = PLACE_SYNTHETIC;
		if (hwloc_topology_set_synthetic(place->topology, synthetic) == 0)
			return 0;
		say_error(
			"HWLOC_SYNTHETIC: \"%s\" describes no topology; see hwloc(7), as \"pack:2 "
			"core:4 pu:2\"",
			synthetic);
		return -1;
	}
	if (xml && *xml) {
		place->source = PLACE_XML;
		if (hwloc_topology_set_xml(place->topology, xml) == 0)
			return 0;
		say_error("HWLOC_XMLFILE: %s cannot be read as a topology; lstopo FILE.xml writes "
			  "one",
			  xml);
		return -1;
	}
	place->source = PLACE_MACHINE;
	return 0;
}

struct place *place_open(void)
{
	struct place *place = calloc(1, sizeof(*place));
	hwloc_bitmap_t allowed = NULL;
	if (!place || hwloc_topology_init(&place->topology) != 0) {
		say_error("topology: out of memory");
		free(place);
		return NULL;
	}
	if (choose_source(place) != 0)
		goto fail;
	/* What is not allowed stays in, to tell "not allowed" from "not there". */
	if (hwloc_topology_set_flags(place->topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) !=
		    0 ||
	    hwloc_topology_load(place->topology) != 0) {
		say_error("topology: hwloc cannot load it: %s; lstopo says more", strerror(errno));
		goto fail;
	}
	place->this_machine = hwloc_topology_is_thissystem(place->topology);
	allowed = find_allowed(place);
	if (!allowed) {
		say_error("topology: cannot tell which CPUs are allowed: %s; lstopo says more",
			  strerror(errno));
		goto fail;
	}
	if (hwloc_bitmap_iszero(allowed)) {
		say_error("topology: none of its CPUs is one that this process may use; unset "
			  "HWLOC_THISSYSTEM to only look at it");
		goto fail;
	}
	if (read_cpus(place, allowed) != 0 ||
	    hwloc_topology_dup(&place->usable, place->topology) != 0 ||
	    hwloc_topology_restrict(place->usable, allowed, 0) != 0) {
		say_error("topology: hwloc cannot narrow it to the allowed CPUs: %s; lstopo says "
			  "more",
			  strerror(errno));
		goto fail;
	}
	hwloc_bitmap_free(allowed);
	return place;
fail:
	hwloc_bitmap_free(allowed);
	place_close(place);
	return NULL;
}

void place_close(struct place *place)
{
	if (!place)
		return;
	if (place->usable)
		hwloc_topology_destroy(place->usable);
	hwloc_topology_destroy(place->topology);
	free(place->cpus);
	free(place->order);
	free(place);
}

enum place_source place_source(const struct place *place)
{
	return place->source;
}

bool place_is_this_machine(const struct place *place)
{
	return place->this_machine;
}

const char *const *place_names(void)
{
	return names;
}

/* NULL when there is no such CPU. */
static const struct cpu *find_cpu(const struct place *place, int number)
{
	hwloc_obj_t pu =
		number < 0 ? NULL : hwloc_get_pu_obj_by_os_index(place->topology, (unsigned)number);
	return pu ? &place->cpus[pu->logical_index] : NULL;
}

static bool shares(int a, int b)
{
	return a != NONE && a == b;
}

static enum relation relation_of(const struct cpu *a, const struct cpu *b)
{
	if (a == b)
		return SAME_CPU;
	if (shares(a->core, b->core))
		return SMT;
	if (shares(a->l2, b->l2))
		return SHARED_L2;
	if (shares(a->l3, b->l3))
		return SHARED_L3;
	if (a->node == b->node)
		return SAME_NUMA;
	return a->package == b->package ? CROSS_NUMA : CROSS_PACKAGE;
}

const char *place_relation(const struct place *place, int cpu_a, int cpu_b)
{
	const struct cpu *a = find_cpu(place, cpu_a), *b = find_cpu(place, cpu_b);
	return a && b ? names[relation_of(a, b)] : NULL;
}

const char *place_nearest_across(const struct place *place)
{
	enum relation nearest = RELATIONS;
	for (size_t i = 0; i < place->allowed_count; i++) {
		for (size_t j = 0; j < i; j++) {
			enum relation relation = relation_of(&place->cpus[place->order[i]],
							     &place->cpus[place->order[j]]);
			if (relation < nearest)
				nearest = relation;
		}
	}
	return nearest < RELATIONS ? names[nearest] : NULL;
}

size_t place_allowed(const struct place *place, int cpus[], size_t most)
{
	size_t count = 0;
	hwloc_const_bitmap_t all = hwloc_topology_get_topology_cpuset(place->topology);
	for (int number = hwloc_bitmap_first(all); number >= 0;
	     number = hwloc_bitmap_next(all, number)) {
		if (!find_cpu(place, number)->allowed)
			continue;
		if (count < most)
			cpus[count] = number;
		count++;
	}
	return count;
}

size_t place_cache_bytes(const struct place *place, int cpu, unsigned level)
{
	static const hwloc_obj_type_t types[] = { HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE,
						  HWLOC_OBJ_L3CACHE };
	hwloc_obj_t pu =
		cpu < 0 ? NULL : hwloc_get_pu_obj_by_os_index(place->topology, (unsigned)cpu);
	if (!pu || level < 1 || level > 3)
		return 0;
	hwloc_obj_t cache = hwloc_get_ancestor_obj_by_type(place->topology, types[level - 1], pu);
	return cache ? (size_t)cache->attr->cache.size : 0;
}

size_t place_line_bytes(const struct place *place)
{
	hwloc_obj_t cache = hwloc_get_obj_by_type(place->topology, HWLOC_OBJ_L1CACHE, 0);
	return cache && cache->attr->cache.linesize > 0 ? cache->attr->cache.linesize : 64;
}

unsigned place_packages(const struct place *place)
{
	int count = hwloc_get_nbobjs_by_type(place->topology, HWLOC_OBJ_PACKAGE);
	return count > 0 ? (unsigned)count : 1;
}

unsigned place_numa_nodes(const struct place *place)
{
	int count = hwloc_get_nbobjs_by_type(place->topology, HWLOC_OBJ_NUMANODE);
	return count > 0 ? (unsigned)count : 1;
}

/* Says a reason; always false, for "return refuse(…)". */
static bool refuse(char *why, size_t bytes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool refuse(char *why, size_t bytes, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(why, bytes, format, arguments);
	va_end(arguments);
	return false;
}

/* The allowed CPUs as a list, "0-3,8", cut to the room there is. */
static const char *list_allowed(const struct place *place, char *text, size_t bytes)
{
	hwloc_bitmap_list_snprintf(text, bytes, hwloc_topology_get_topology_cpuset(place->usable));
	return text;
}

/* A search for CPUs, peer by peer, that goes back where it cannot go on. */
struct search {
	const struct place *place;
	enum relation relation;
	unsigned peers;
	bool *joined;        /* [a * peers + b]: an edge joins a and b */
	bool polite;         /* peers without an edge share no core: first such choices,
			      * then all others */
	unsigned skip;       /* choices still to pass over */
	unsigned found;      /* choices seen */
	unsigned long steps; /* left */
	unsigned *chosen;    /* indexes of place->cpus */
	bool *taken;
};

/* Some 20 ms. Where it does not suffice the reason says so. */
enum { SEARCH_STEPS = 1000000 };

static bool joined(const struct search *search, unsigned a, unsigned b)
{
	return search->joined[(size_t)a * search->peers + b];
}

static enum relation relation_between(const struct search *search, unsigned a, unsigned b)
{
	return relation_of(&search->place->cpus[search->chosen[a]],
			   &search->place->cpus[search->chosen[b]]);
}

/* Whether the CPU just chosen for a peer goes with those of the peers before it. */
static bool fits(const struct search *search, unsigned peer)
{
	for (unsigned other = 0; other < peer; other++) {
		enum relation relation = relation_between(search, other, peer);
		if (joined(search, other, peer) ? relation != search->relation
						: search->polite && relation <= SMT)
			return false;
	}
	return true;
}

/* Whether the first pass has had this choice. */
static bool is_polite(const struct search *search)
{
	for (unsigned a = 0; a < search->peers; a++)
		for (unsigned b = 0; b < a; b++)
			if (relation_between(search, a, b) <= SMT && !joined(search, a, b))
				return false;
	return true;
}

static bool search_from(struct search *search, unsigned peer)
{
	if (peer == search->peers) {
		if (!search->polite && is_polite(search))
			return false;
		search->found++;
		return search->skip-- == 0;
	}
	for (size_t i = 0; i < search->place->allowed_count; i++) {
		unsigned cpu = search->place->order[i];
		if (search->taken[cpu])
			continue;
		if (search->steps == 0)
			return false;
		search->steps--;
		search->chosen[peer] = cpu;
		if (!fits(search, peer))
			continue;
		search->taken[cpu] = true;
		if (search_from(search, peer + 1))
			return true;
		search->taken[cpu] = false;
	}
	return false;
}

/* What a CPU must have in common with another for a relation; NONE where the relation confines
 * nothing. */
static int confines(const struct cpu *cpu, enum relation relation)
{
	switch (relation) {
	case SMT:
		return cpu->core;
	case SHARED_L2:
		return cpu->l2;
	case SHARED_L3:
		return cpu->l3;
	case SAME_NUMA:
		return cpu->node;
	default:
		return NONE;
	}
}

/* The most allowed CPUs that have in common what the relation asks for. */
static size_t largest_group(const struct place *place, enum relation relation)
{
	size_t largest = 0;
	for (size_t i = 0; i < place->allowed_count; i++) {
		int shared = confines(&place->cpus[place->order[i]], relation);
		size_t count = 0;
		for (size_t j = 0; shared != NONE && j < place->allowed_count; j++)
			count += confines(&place->cpus[place->order[j]], relation) == shared;
		if (count > largest)
			largest = count;
	}
	return largest;
}

/* The peers of the largest connected part of the graph. */
static unsigned largest_part(const struct search *search)
{
	unsigned largest = 0;
	for (unsigned root = 0; root < search->peers; root++) {
		unsigned count = 0, before;
		for (unsigned i = 0; i < search->peers; i++)
			search->chosen[i] = i == root; /* a mark, before the search uses it */
		do {
			before = count;
			count = 0;
			for (unsigned a = 0; a < search->peers; a++) {
				for (unsigned b = 0; !search->chosen[a] && b < search->peers; b++)
					if (search->chosen[b] && joined(search, a, b))
						search->chosen[a] = 1;
				count += search->chosen[a];
			}
		} while (count > before);
		if (count > largest)
			largest = count;
	}
	return largest;
}

/* Two CPUs of the machine, allowed or not, in a relation. */
static bool exists(const struct place *place, enum relation relation, int pair[2])
{
	for (size_t i = 0; i < place->cpu_count; i++) {
		for (size_t j = i + 1; j < place->cpu_count; j++) {
			if (relation_of(&place->cpus[i], &place->cpus[j]) == relation) {
				pair[0] = place->cpus[i].number;
				pair[1] = place->cpus[j].number;
				return true;
			}
		}
	}
	return false;
}

static const char *lacks(const struct place *place, enum relation relation)
{
	switch (relation) {
	case SMT:
		return "no core has two CPUs (no SMT, or it is off)";
	case SHARED_L2:
		return "no two CPUs share an L2 without sharing a core";
	case SHARED_L3:
		return "no two CPUs share an L3 without sharing an L2 or a core";
	case SAME_NUMA:
		return "no two CPUs of one NUMA node are without a shared cache";
	case CROSS_NUMA:
		return "no package has two NUMA nodes with CPUs";
	default:
		return place_packages(place) == 1
			       ? "there is one package"
			       : "no two CPUs are in different packages and different NUMA nodes";
	}
}

/* Why not even two CPUs stand in a relation, or why they are too few. */
static bool refuse_too_few(const struct place *place, enum relation relation, unsigned peers,
			   char *why, size_t bytes)
{
	char list[64];
	int pair[2];
	if (place->cpu_count == 1)
		return refuse(why, bytes, "there is one CPU only");
	if (!exists(place, relation, pair))
		return refuse(why, bytes, "%s", lacks(place, relation));
	if (place->allowed_count == 1)
		return refuse(why, bytes, "only CPU %d is allowed (taskset or cgroup)",
			      place->cpus[place->order[0]].number);
	if (place->allowed_count < peers)
		return refuse(why, bytes, "needs %u CPUs, %zu are %s", peers, place->allowed_count,
			      place->allowed_count == place->cpu_count ? "there" : "allowed");
	return refuse(why, bytes, "CPUs %d and %d are %s, but no two of the CPUs allowed (%s)",
		      pair[0], pair[1], names[relation], list_allowed(place, list, sizeof(list)));
}

static bool find_same_cpu(const struct place *place, unsigned peers, unsigned which, int cpus[],
			  char *why, size_t bytes)
{
	if (which >= place->allowed_count)
		return refuse(why, bytes, "there are %zu choices of one CPU", place->allowed_count);
	for (unsigned i = 0; i < peers; i++)
		cpus[i] = place->cpus[place->order[which]].number;
	return true;
}

/* One CPU after the other in the order of choice; more peers than CPUs go round again. */
static bool find_packed(const struct place *place, unsigned peers, unsigned which, int cpus[],
			char *why, size_t bytes)
{
	if (which >= place->allowed_count)
		return refuse(why, bytes, "there are %zu choices", place->allowed_count);
	for (unsigned i = 0; i < peers; i++)
		cpus[i] = place->cpus[place->order[(i + which) % place->allowed_count]].number;
	return true;
}

/* As far apart as hwloc_distrib() puts them; more peers than CPUs go round again. */
static bool find_spread(const struct place *place, unsigned peers, unsigned which, int cpus[],
			char *why, size_t bytes)
{
	size_t count = peers < place->allowed_count ? peers : place->allowed_count;
	hwloc_obj_t root = hwloc_get_root_obj(place->usable);
	hwloc_bitmap_t *parts = calloc(count, sizeof(hwloc_bitmap_t));
	if (!parts ||
	    hwloc_distrib(place->usable, &root, 1, parts, (unsigned)count, INT_MAX, 0) != 0) {
		free(parts);
		return refuse(why, bytes, "hwloc cannot distribute %u peers over %zu CPUs", peers,
			      place->allowed_count);
	}
	bool found = true;
	for (size_t i = 0; i < count; i++) {
		unsigned skip = which;
		size_t at = 0;
		for (; at < place->allowed_count; at++) {
			int number = place->cpus[place->order[at]].number;
			if (!hwloc_bitmap_isset(parts[i], (unsigned)number) || skip-- > 0)
				continue;
			cpus[i] = number;
			break;
		}
		found = found && at < place->allowed_count;
	}
	for (size_t i = 0; i < count; i++)
		hwloc_bitmap_free(parts[i]);
	free(parts);
	for (size_t i = count; i < peers; i++)
		cpus[i] = cpus[i % count];
	return found || refuse(why, bytes, "there are fewer choices");
}

static bool find_related(struct search *search, unsigned which, int cpus[], char *why, size_t bytes)
{
	const struct place *place = search->place;
	enum relation relation = search->relation;
	unsigned part = largest_part(search);
	if (part < 2)
		return refuse(why, bytes,
			      "no peer is joined to another; use same-cpu, spread or packed");

	bool confined = relation < CROSS_NUMA;
	size_t largest = confined ? largest_group(place, relation) : 0;
	int pair[2];
	if (confined && part > 2 && largest < part && place->allowed_count >= part &&
	    exists(place, relation, pair))
		return refuse(
			why, bytes,
			"needs %u CPUs that share one %s, %zu are %s; use spread or packed", part,
			relation == SMT         ? "core"
			: relation == SHARED_L2 ? "L2"
			: relation == SHARED_L3 ? "L3"
						: "NUMA node",
			largest, place->allowed_count == place->cpu_count ? "there" : "allowed");

	search->steps = SEARCH_STEPS;
	search->skip = which;
	for (int pass = 0; pass < 2; pass++) {
		search->polite = pass == 0;
		memset(search->taken, 0, place->cpu_count * sizeof(*search->taken));
		if (search_from(search, 0)) {
			for (unsigned i = 0; i < search->peers; i++)
				cpus[i] = place->cpus[search->chosen[i]].number;
			return true;
		}
	}
	if (search->steps == 0)
		return refuse(
			why, bytes,
			"the search for %u CPUs was too long; name them with --cpus, or use spread "
			"or packed",
			search->peers);
	if (search->found > 0)
		return refuse(why, bytes, "there are %u choices", search->found);
	if (search->peers == 2 || place->allowed_count < search->peers)
		return refuse_too_few(place, relation, search->peers, why, bytes);
	if (!exists(place, relation, pair))
		return refuse(why, bytes, "%s", lacks(place, relation));
	return refuse(why, bytes,
		      "no %u CPUs are such that every joined two are %s; use spread or packed",
		      search->peers, names[relation]);
}

bool place_find(const struct place *place, const char *name, unsigned peers,
		const struct place_edge edges[], size_t edge_count, unsigned which, int cpus[],
		char *why, size_t why_bytes)
{
	size_t kind = 0;
	while (names[kind] && strcmp(names[kind], name) != 0)
		kind++;
	if (!names[kind])
		return refuse(why, why_bytes, "no placement called \"%s\"; toll list placements",
			      name);
	if (peers == 0)
		return refuse(why, why_bytes, "there are no peers");
	for (size_t i = 0; i < edge_count; i++)
		if (edges[i].from >= peers || edges[i].to >= peers)
			return refuse(why, why_bytes, "an edge joins peers %u and %u, of %u",
				      edges[i].from, edges[i].to, peers);
	if (strcmp(name, "spread") == 0)
		return find_spread(place, peers, which, cpus, why, why_bytes);
	if (strcmp(name, "packed") == 0)
		return find_packed(place, peers, which, cpus, why, why_bytes);
	if (kind == SAME_CPU)
		return find_same_cpu(place, peers, which, cpus, why, why_bytes);

	struct search search = {
		.place = place,
		.relation = (enum relation)kind,
		.peers = peers,
		.joined = calloc((size_t)peers * peers, sizeof(*search.joined)),
		.chosen = calloc(peers, sizeof(*search.chosen)),
		.taken = calloc(place->cpu_count, sizeof(*search.taken)),
	};
	bool found = false;
	if (search.joined && search.chosen && search.taken) {
		for (size_t i = 0; i < edge_count; i++) {
			/* What a peer sends to itself says nothing of two CPUs. */
			if (edges[i].from == edges[i].to)
				continue;
			search.joined[(size_t)edges[i].from * peers + edges[i].to] = true;
			search.joined[(size_t)edges[i].to * peers + edges[i].from] = true;
		}
		found = find_related(&search, which, cpus, why, why_bytes);
	} else {
		refuse(why, why_bytes, "out of memory");
	}
	free(search.joined);
	free(search.chosen);
	free(search.taken);
	return found;
}

/* A CPU's number at *text, which moves on; -1 when there is none. */
static int read_number(const char **text)
{
	char *end;
	if (**text < '0' || **text > '9')
		return -1;
	errno = 0;
	long number = strtol(*text, &end, 10);
	*text = end;
	return errno == 0 && number <= INT_MAX - 1 ? (int)number : -1;
}

int place_parse_cpus(const struct place *place, const char *text, int cpus[], size_t most,
		     char *why, size_t why_bytes)
{
	size_t count = 0;
	char list[64];
	const char *at = text;
	for (;;) {
		int first = read_number(&at), last = first;
		if (*at == '-') {
			at++;
			last = read_number(&at);
		}
		if (first < 0 || last < first || (*at != '\0' && *at != ',')) {
			refuse(why, why_bytes, "\"%s\" is no list of CPUs; write 2,5 or 0-3", text);
			return -1;
		}
		for (int number = first; number <= last; number++) {
			const struct cpu *cpu = find_cpu(place, number);
			if (!cpu) {
				refuse(why, why_bytes, "there is no CPU %d; allowed are %s", number,
				       list_allowed(place, list, sizeof(list)));
				return -1;
			}
			if (!cpu->allowed) {
				refuse(why, why_bytes,
				       "CPU %d is not allowed (taskset or cgroup leave %s)", number,
				       list_allowed(place, list, sizeof(list)));
				return -1;
			}
			if (count == most) {
				refuse(why, why_bytes, "\"%s\" names more than %zu CPUs", text,
				       most);
				return -1;
			}
			cpus[count++] = number;
		}
		if (*at++ == '\0')
			return (int)count;
	}
}
