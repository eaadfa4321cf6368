/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_place.c - relations of CPUs and choices of them, on topologies that are written down. */
#include "bench/place.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 128, RELATIONS = 7 };

static const struct place_edge pair[] = { { 0, 1 }, { 1, 0 } };
static const struct place_edge chain[] = { { 0, 1 }, { 1, 2 }, { 2, 3 } };
static const struct place_edge star[] = { { 1, 0 }, { 2, 0 }, { 3, 0 } };

static struct place *open_synthetic(const char *description)
{
	setenv("HWLOC_SYNTHETIC", description, 1);
	struct place *place = place_open();
	unsetenv("HWLOC_SYNTHETIC");
	assert_non_null(place);
	return place;
}

static struct place *open_xml(const char *path)
{
	setenv("HWLOC_XMLFILE", path, 1);
	struct place *place = place_open();
	unsetenv("HWLOC_XMLFILE");
	assert_non_null(place);
	return place;
}

static size_t all_cpus(const struct place *place, int cpus[])
{
	size_t count = place_allowed(place, cpus, MOST);
	assert_in_range(count, 1, MOST);
	return count;
}

/* How many unordered pairs of different CPUs stand in each relation, in place_names()' order. */
static void count_pairs(const struct place *place, size_t counts[RELATIONS])
{
	int cpus[MOST];
	size_t count = all_cpus(place, cpus);
	memset(counts, 0, RELATIONS * sizeof(counts[0]));
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(place_relation(place, cpus[i], cpus[i]), "same-cpu");
		for (size_t j = 0; j < i; j++) {
			const char *relation = place_relation(place, cpus[i], cpus[j]);
			assert_string_equal(relation, place_relation(place, cpus[j], cpus[i]));
			size_t which = 0;
			while (strcmp(relation, place_names()[which]) != 0)
				which++;
			assert_in_range(which, 1, RELATIONS - 1);
			counts[which]++;
		}
	}
}

/* smt, shared-l2, shared-l3, same-numa, cross-numa, cross-package, counted by hand. */
static const struct {
	const char *description;
	size_t pairs[6];
	const char *nearest;
} known[] = {
	{ "pu:1", { 0, 0, 0, 0, 0, 0 }, NULL },
	{ "pack:2 numa:1 l3:1 l2:4 core:1 pu:2", { 8, 0, 48, 0, 0, 64 }, "smt" },
	{ "pack:1 l3:2 core:4 pu:1", { 0, 0, 12, 16, 0, 0 }, "shared-l3" },
	{ "pack:1 l3:2 numa:1 core:4 pu:1", { 0, 0, 12, 0, 16, 0 }, "shared-l3" },
	{ "node:2 core:2 pu:1", { 0, 0, 0, 2, 4, 0 }, "same-numa" },
	{ "pack:2 node:2 l3:1 core:2 pu:2", { 8, 0, 16, 0, 32, 64 }, "smt" },
	{ "pack:1 l3:1 l2:2 core:2 pu:1", { 0, 2, 4, 0, 0, 0 }, "shared-l2" },
	{ "pack:1 l2:2 core:2 pu:2", { 4, 8, 0, 16, 0, 0 }, "smt" },
	{ "pack:4 numa:1 core:1 pu:1", { 0, 0, 0, 0, 0, 6 }, "cross-package" },
	/* an L4, or nothing at all, is no shared cache of a name: the node is */
	{ "pack:1 core:4 pu:1", { 0, 0, 0, 6, 0, 0 }, "same-numa" },
	/* one NUMA node over both packages: it is the nearest that CPUs of both share */
	{ "[numa] pack:2 l3:1 core:2 pu:1", { 0, 0, 2, 4, 0, 0 }, "shared-l3" },
	/* memory of two kinds beside each package, and some that is near to all */
	{ "[numa] pack:2 [numa] [numa] l3:1 core:2 pu:1", { 0, 0, 2, 0, 0, 4 }, "shared-l3" },
};

static void test_relations_of_all_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct place *place = open_synthetic(known[i].description);
		size_t counts[RELATIONS];
		count_pairs(place, counts);
		for (size_t j = 0; j < 6; j++)
			if (counts[j + 1] != known[i].pairs[j])
				fail_msg("%s: %zu pairs are %s, not %zu", known[i].description,
					 counts[j + 1], place_names()[j + 1], known[i].pairs[j]);
		if (known[i].nearest)
			assert_string_equal(place_nearest_across(place), known[i].nearest);
		else
			assert_null(place_nearest_across(place));
		place_close(place);
	}
}

/* For each relation there is a choice of two exactly where there is a pair, it has the relation,
 * and the choices are as many as ordered pairs and all different. */
static void test_every_pair_can_be_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct place *place = open_synthetic(known[i].description);
		for (size_t j = 0; j < 6; j++) {
			static bool seen[MOST][MOST];
			const char *name = place_names()[j + 1];
			char why[256] = "";
			int cpus[2];
			unsigned which = 0;
			memset(seen, 0, sizeof(seen));
			while (place_find(place, name, 2, pair, 2, which, cpus, why, sizeof(why))) {
				assert_string_equal(place_relation(place, cpus[0], cpus[1]), name);
				assert_false(seen[cpus[0]][cpus[1]]);
				seen[cpus[0]][cpus[1]] = true;
				which++;
			}
			assert_int_equal(which, 2 * known[i].pairs[j]);
			assert_true(strlen(why) > 10);
		}
		place_close(place);
	}
}

static void expect_reason(const struct place *place, const char *name, unsigned peers,
			  const struct place_edge *edges, size_t edge_count, const char *reason)
{
	int cpus[16];
	char why[256];
	assert_false(place_find(place, name, peers, edges, edge_count, 0, cpus, why, sizeof(why)));
	assert_string_equal(why, reason);
}

static void test_reasons(void **state)
{
	(void)state;
	struct place *place = open_synthetic("pu:1");
	for (size_t i = 1; i < RELATIONS; i++)
		expect_reason(place, place_names()[i], 2, pair, 1, "there is one CPU only");
	place_close(place);

	place = open_synthetic("pack:1 l3:1 l2:4 core:1 pu:1");
	expect_reason(place, "smt", 2, pair, 1, "no core has two CPUs (no SMT, or it is off)");
	expect_reason(place, "shared-l2", 2, pair, 1,
		      "no two CPUs share an L2 without sharing a core");
	expect_reason(place, "same-numa", 2, pair, 1,
		      "no two CPUs of one NUMA node are without a shared cache");
	expect_reason(place, "cross-numa", 2, pair, 1, "no package has two NUMA nodes with CPUs");
	expect_reason(place, "cross-package", 2, pair, 1, "there is one package");
	expect_reason(place, "shared-l2", 3, chain, 2,
		      "no two CPUs share an L2 without sharing a core");
	expect_reason(place, "shared-l3", 1, NULL, 0,
		      "no peer is joined to another; use same-cpu, spread or packed");
	expect_reason(place, "smtt", 2, pair, 1,
		      "no placement called \"smtt\"; toll list placements");
	expect_reason(place, "shared-l3", 2, chain, 2, "an edge joins peers 1 and 2, of 2");
	expect_reason(place, "same-cpu", 0, NULL, 0, "there are no peers");
	place_close(place);

	place = open_synthetic("pack:2 l3:1 core:2 pu:2");
	expect_reason(place, "smt", 3, chain, 2,
		      "needs 3 CPUs that share one core, 2 are there; use spread or packed");
	place_close(place);

	place = open_synthetic("pack:1 core:2 l1d:1 pu:1");
	expect_reason(place, "same-numa", 3, star, 2, "needs 3 CPUs, 2 are there");
	place_close(place);

	place = open_synthetic("pack:2 numa:1 core:1 pu:1");
	expect_reason(place, "cross-package", 3, chain, 2, "needs 3 CPUs, 2 are there");
	place_close(place);

	place = open_synthetic("[numa] pack:2 core:2 pu:1");
	expect_reason(place, "cross-package", 2, pair, 1,
		      "no two CPUs are in different packages and different NUMA nodes");
	place_close(place);
}

/* Each found choice for a graph: all edges hold, no CPU twice, no choice twice. */
static unsigned check_choices(const struct place *place, const char *name, unsigned peers,
			      const struct place_edge *edges, unsigned most)
{
	static int seen[4096][4];
	unsigned which = 0;
	char why[256];
	assert_true(peers <= 4 && most <= 4096);
	for (; which < most; which++) {
		int *cpus = seen[which];
		memset(cpus, 0xff, sizeof(seen[which]));
		if (!place_find(place, name, peers, edges, peers - 1, which, cpus, why,
				sizeof(why)))
			break;
		for (unsigned i = 0; i + 1 < peers; i++)
			assert_string_equal(
				place_relation(place, cpus[edges[i].from], cpus[edges[i].to]),
				name);
		for (unsigned i = 0; i < peers; i++)
			for (unsigned j = 0; j < i; j++)
				assert_int_not_equal(cpus[i], cpus[j]);
		for (unsigned i = 0; i < which; i++)
			assert_memory_not_equal(seen[i], cpus, sizeof(seen[i]));
	}
	return which;
}

static void test_chains_and_stars(void **state)
{
	(void)state;
	/* two L3 of four CPUs each, two packages: 8 · 3 · 2 (· 1) ordered choices within an L3 */
	struct place *place = open_synthetic("pack:2 numa:1 l3:1 core:4 pu:1");
	assert_int_equal(check_choices(place, "shared-l3", 3, chain, 4096), 48);
	assert_int_equal(check_choices(place, "shared-l3", 3, star, 4096), 48);
	assert_int_equal(check_choices(place, "shared-l3", 4, chain, 4096), 48);
	assert_int_equal(check_choices(place, "shared-l3", 4, star, 4096), 48);
	/* a chain alternates: 8 · 4 · 3 · 3; a star has its middle on the other side: 8 · 4 · 3 · 2
	 */
	assert_int_equal(check_choices(place, "cross-package", 3, chain, 4096), 96);
	assert_int_equal(check_choices(place, "cross-package", 4, chain, 4096), 288);
	assert_int_equal(check_choices(place, "cross-package", 4, star, 4096), 192);
	place_close(place);

	/* with SMT, peers that no edge joins share a core only when there is no other choice */
	place = open_synthetic("pack:1 l3:1 core:4 pu:2");
	int cpus[4];
	char why[256];
	assert_true(place_find(place, "shared-l3", 4, chain, 3, 0, cpus, why, sizeof(why)));
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_equal(place_relation(place, cpus[i], cpus[j]), "shared-l3");
	/* and those choices come too, after the others */
	unsigned every = 0;
	for (int a = 0; a < 8; a++)
		for (int b = 0; b < 8; b++)
			for (int c = 0; c < 8; c++)
				every += a / 2 != b / 2 && b / 2 != c / 2 && a != c;
	assert_int_equal(check_choices(place, "shared-l3", 3, chain, 4096), every);
	place_close(place);

	/* four CPUs a core make a chain of smt */
	place = open_synthetic("pack:1 core:2 pu:4");
	assert_int_equal(check_choices(place, "smt", 4, chain, 4096), 48);
	place_close(place);
}

static void test_a_search_that_is_too_long_ends(void **state)
{
	(void)state;
	struct place *place = open_synthetic("pack:2 numa:1 l3:1 core:15 pu:2");
	struct place_edge edges[15];
	int cpus[16];
	char why[256];
	for (unsigned i = 0; i < 15; i++)
		edges[i] = (struct place_edge){ i, i + 1 };
	assert_true(place_find(place, "shared-l3", 15, edges, 14, 0, cpus, why, sizeof(why)));
	assert_true(place_find(place, "cross-package", 16, edges, 15, 0, cpus, why, sizeof(why)));
	assert_false(place_find(place, "cross-package", 16, edges, 15, 4000000000U, cpus, why,
				sizeof(why)));
	assert_non_null(strstr(why, "too long"));
	place_close(place);
}

/* From four CPUs on the core of CPU 0 is the last choice; below, hwloc's order is kept. */
static void test_cpu_0_comes_last(void **state)
{
	(void)state;
	int cpus[8];
	char why[256];
	struct place *place = open_synthetic("pack:1 l3:1 core:4 pu:2");
	assert_true(place_find(place, "same-cpu", 2, pair, 1, 0, cpus, why, sizeof(why)));
	assert_int_equal(cpus[0], 2);
	assert_int_equal(cpus[1], 2);
	assert_true(place_find(place, "same-cpu", 2, pair, 1, 6, cpus, why, sizeof(why)));
	assert_int_equal(cpus[0], 1);
	assert_true(place_find(place, "same-cpu", 2, pair, 1, 7, cpus, why, sizeof(why)));
	assert_int_equal(cpus[0], 0);
	assert_false(place_find(place, "same-cpu", 2, pair, 1, 8, cpus, why, sizeof(why)));
	assert_true(place_find(place, "smt", 2, pair, 1, 0, cpus, why, sizeof(why)));
	assert_int_equal(cpus[0], 2);
	assert_int_equal(cpus[1], 3);
	assert_true(place_find(place, "shared-l3", 2, pair, 1, 0, cpus, why, sizeof(why)));
	assert_int_equal(cpus[0], 2);
	assert_int_equal(cpus[1], 4);
	place_close(place);

	place = open_synthetic("pack:1 l3:1 core:2 pu:1");
	assert_true(place_find(place, "shared-l3", 2, pair, 1, 0, cpus, why, sizeof(why)));
	assert_int_equal(cpus[0], 0);
	assert_int_equal(cpus[1], 1);
	place_close(place);
}

static void test_spread_and_packed(void **state)
{
	(void)state;
	int cpus[12];
	char why[256];
	struct place *place = open_synthetic("pack:2 numa:1 l3:1 core:2 pu:2");

	assert_true(place_find(place, "spread", 2, NULL, 0, 0, cpus, why, sizeof(why)));
	assert_string_equal(place_relation(place, cpus[0], cpus[1]), "cross-package");
	assert_int_not_equal(cpus[0], 0);
	assert_true(place_find(place, "spread", 4, chain, 3, 0, cpus, why, sizeof(why)));
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(place_relation(place, cpus[i], cpus[j]), "smt");
	assert_true(place_find(place, "packed", 2, NULL, 0, 0, cpus, why, sizeof(why)));
	assert_string_equal(place_relation(place, cpus[0], cpus[1]), "smt");

	/* more peers than CPUs go round: each CPU is used, none three times */
	static const char *const round_names[] = { "spread", "packed" };
	for (size_t kind = 0; kind < 2; kind++) {
		unsigned used[8] = { 0 };
		assert_true(place_find(place, round_names[kind], 12, NULL, 0, 0, cpus, why,
				       sizeof(why)));
		for (unsigned i = 0; i < 12; i++)
			used[cpus[i]]++;
		for (unsigned i = 0; i < 8; i++)
			assert_in_range(used[i], 1, 2);
	}

	/* further choices differ, and end */
	for (size_t kind = 0; kind < 2; kind++) {
		int seen[16][2];
		unsigned which = 0;
		while (place_find(place, round_names[kind], 2, NULL, 0, which, seen[which], why,
				  sizeof(why))) {
			for (unsigned i = 0; i < which; i++)
				assert_memory_not_equal(seen[i], seen[which], sizeof(seen[i]));
			assert_true(++which < 16);
		}
		assert_int_equal(which, kind == 0 ? 4 : 8);
	}
	place_close(place);

	place = open_synthetic("pu:1");
	assert_true(place_find(place, "packed", 3, chain, 2, 0, cpus, why, sizeof(why)));
	assert_true(cpus[0] == 0 && cpus[1] == 0 && cpus[2] == 0);
	assert_true(place_find(place, "spread", 3, chain, 2, 0, cpus, why, sizeof(why)));
	assert_true(cpus[0] == 0 && cpus[1] == 0 && cpus[2] == 0);
	place_close(place);
}

/* spread never uses a CPU twice while there are others, on any of the topologies. */
static void test_spread_uses_different_cpus(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct place *place = open_synthetic(known[i].description);
		int cpus[MOST];
		char why[256];
		size_t count = all_cpus(place, cpus);
		for (unsigned peers = 1; peers <= count; peers++) {
			assert_true(place_find(place, "spread", peers, NULL, 0, 0, cpus, why,
					       sizeof(why)));
			for (unsigned a = 0; a < peers; a++)
				for (unsigned b = 0; b < a; b++)
					assert_int_not_equal(cpus[a], cpus[b]);
		}
		place_close(place);
	}
}

static void test_xml_two_packages(void **state)
{
	(void)state;
	struct place *place = open_xml("tests/topologies/two-packages.xml");
	assert_int_equal(place_source(place), PLACE_XML);
	assert_false(place_is_this_machine(place));
	assert_int_equal(place_packages(place), 2);
	assert_int_equal(place_numa_nodes(place), 2);
	/* numbered as Linux does: first threads of all cores, then second ones */
	assert_string_equal(place_relation(place, 0, 4), "smt");
	assert_string_equal(place_relation(place, 1, 5), "smt");
	assert_string_equal(place_relation(place, 0, 1), "shared-l3");
	assert_string_equal(place_relation(place, 0, 2), "cross-package");
	assert_string_equal(place_relation(place, 3, 4), "cross-package");
	assert_null(place_relation(place, 0, 8));
	assert_null(place_relation(place, -1, 0));
	place_close(place);
}

static void test_xml_hybrid(void **state)
{
	(void)state;
	struct place *place = open_xml("tests/topologies/hybrid.xml");
	int cpus[MOST];
	char why[256];
	assert_int_equal(all_cpus(place, cpus), 24);
	/* per L3 a core of two threads with an L2 of its own, and four cores around another L2 */
	assert_string_equal(place_relation(place, 0, 1), "smt");
	assert_string_equal(place_relation(place, 8, 10), "shared-l2");
	assert_string_equal(place_relation(place, 0, 8), "shared-l3");
	assert_string_equal(place_relation(place, 8, 24), "same-numa");
	assert_string_equal(place_relation(place, 0, 16), "same-numa");
	assert_string_equal(place_relation(place, 0, 32), "cross-package");
	assert_null(place_relation(place, 0, 2)); /* not there */
	assert_true(place_find(place, "shared-l2", 4, star, 3, 0, cpus, why, sizeof(why)));
	assert_int_equal(check_choices(place, "shared-l2", 4, star, 4096), 4 * 24);
	/* the one shared-l3 relation of this L3 joins the two kinds of cores: a star around a big
	 * one */
	assert_true(place_find(place, "shared-l3", 4, star, 3, 0, cpus, why, sizeof(why)));
	expect_reason(place, "cross-numa", 2, pair, 1, "no package has two NUMA nodes with CPUs");
	place_close(place);
}

static void test_xml_one_cpu(void **state)
{
	(void)state;
	struct place *place = open_xml("tests/topologies/one-cpu.xml");
	int cpus[4];
	char why[256];
	assert_int_equal(place_allowed(place, cpus, 4), 1);
	assert_true(place_find(place, "same-cpu", 4, star, 3, 0, cpus, why, sizeof(why)));
	assert_true(cpus[0] == 0 && cpus[1] == 0 && cpus[2] == 0 && cpus[3] == 0);
	assert_int_equal(place_cache_bytes(place, 0, 1), 32 << 10);
	assert_int_equal(place_cache_bytes(place, 0, 2), 4 << 20);
	assert_int_equal(place_cache_bytes(place, 0, 3), 16 << 20);
	assert_int_equal(place_cache_bytes(place, 0, 4), 0);
	assert_int_equal(place_cache_bytes(place, 1, 1), 0);
	assert_int_equal(place_line_bytes(place), 64);
	place_close(place);
}

static void test_sources(void **state)
{
	(void)state;
	struct place *place = place_open();
	assert_non_null(place);
	assert_int_equal(place_source(place), PLACE_MACHINE);
	assert_true(place_is_this_machine(place));
	place_close(place);

	place = open_synthetic("pack:2 core:2 pu:1");
	assert_int_equal(place_source(place), PLACE_SYNTHETIC);
	assert_false(place_is_this_machine(place));
	place_close(place);

	/* hwloc alone would load the machine instead */
	setenv("HWLOC_SYNTHETIC", "pack:2 cor", 1);
	assert_null(place_open());
	unsetenv("HWLOC_SYNTHETIC");
	setenv("HWLOC_XMLFILE", "tests/topologies/no-such.xml", 1);
	assert_null(place_open());
	setenv("HWLOC_XMLFILE", "Makefile", 1);
	assert_null(place_open());
	unsetenv("HWLOC_XMLFILE");
}

static void test_parse_cpus(void **state)
{
	(void)state;
	struct place *place = open_synthetic("pack:1 core:8 pu:1");
	int cpus[8];
	char why[256];
	static const struct {
		const char *text;
		int count, cpus[8];
	} good[] = {
		{ "2,5", 2, { 2, 5 } },
		{ "5,2", 2, { 5, 2 } },
		{ "0-3", 4, { 0, 1, 2, 3 } },
		{ "7,0-1,7", 4, { 7, 0, 1, 7 } },
		{ "3", 1, { 3 } },
		{ "0-7", 8, { 0, 1, 2, 3, 4, 5, 6, 7 } },
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(place_parse_cpus(place, good[i].text, cpus, 8, why, sizeof(why)),
				 good[i].count);
		assert_memory_equal(cpus, good[i].cpus, (size_t)good[i].count * sizeof(int));
	}
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "\"\" is no list of CPUs; write 2,5 or 0-3" },
		{ "a", "\"a\" is no list of CPUs; write 2,5 or 0-3" },
		{ "1,", "\"1,\" is no list of CPUs; write 2,5 or 0-3" },
		{ ",1", "\",1\" is no list of CPUs; write 2,5 or 0-3" },
		{ "3-1", "\"3-1\" is no list of CPUs; write 2,5 or 0-3" },
		{ "-1", "\"-1\" is no list of CPUs; write 2,5 or 0-3" },
		{ "1-", "\"1-\" is no list of CPUs; write 2,5 or 0-3" },
		{ "1 2", "\"1 2\" is no list of CPUs; write 2,5 or 0-3" },
		{ "99999999999999999999",
		  "\"99999999999999999999\" is no list of CPUs; write 2,5 or 0-3" },
		{ "0,8", "there is no CPU 8; allowed are 0-7" },
		{ "0-2000000000", "there is no CPU 8; allowed are 0-7" },
		{ "0-7,0", "\"0-7,0\" names more than 8 CPUs" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(place_parse_cpus(place, bad[i].text, cpus, 8, why, sizeof(why)),
				 -1);
		assert_string_equal(why, bad[i].why);
	}
	place_close(place);
}

/* As under taskset: what is not allowed is there, and is not chosen. */
static void test_taskset(void **state)
{
	(void)state;
	cpu_set_t before, one;
	int cpus[MOST];
	char why[256];
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	int cpu = 0;
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	struct place *place = place_open();
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);

	assert_non_null(place);
	assert_int_equal(place_allowed(place, cpus, MOST), 1);
	assert_int_equal(cpus[0], cpu);
	assert_null(place_nearest_across(place));
	assert_true(place_find(place, "same-cpu", 2, pair, 1, 0, cpus, why, sizeof(why)));
	assert_true(cpus[0] == cpu && cpus[1] == cpu);
	assert_true(place_find(place, "spread", 2, pair, 1, 0, cpus, why, sizeof(why)));
	assert_true(cpus[0] == cpu && cpus[1] == cpu);
	for (size_t i = 1; i < RELATIONS; i++)
		assert_false(
			place_find(place, place_names()[i], 2, pair, 1, 0, cpus, why, sizeof(why)));
	if (CPU_COUNT(&before) > 1) {
		char expected[256];
		struct place *whole = place_open();
		assert_non_null(whole);
		const char *nearest = place_nearest_across(whole);
		snprintf(expected, sizeof(expected), "only CPU %d is allowed (taskset or cgroup)",
			 cpu);
		expect_reason(place, nearest, 2, pair, 1, expected);

		int other = cpu + 1;
		char text[16];
		while (!CPU_ISSET(other, &before))
			other++;
		snprintf(text, sizeof(text), "%d", other);
		assert_int_equal(place_parse_cpus(place, text, cpus, 1, why, sizeof(why)), -1);
		snprintf(expected, sizeof(expected),
			 "CPU %d is not allowed (taskset or cgroup leave %d)", other, cpu);
		assert_string_equal(why, expected);
		place_close(whole);
	}
	place_close(place);
}

/* A topology that HWLOC_THISSYSTEM declares to be this machine: narrowed to what may be used. */
static void test_declared_to_be_this_machine(void **state)
{
	(void)state;
	cpu_set_t may;
	int cpus[MOST];
	assert_int_equal(sched_getaffinity(0, sizeof(may), &may), 0);
	setenv("HWLOC_THISSYSTEM", "1", 1);
	struct place *place = open_synthetic("pack:2 numa:1 core:32 pu:1");
	unsetenv("HWLOC_THISSYSTEM");
	assert_true(place_is_this_machine(place));
	size_t count = all_cpus(place, cpus), expected = 0;
	for (int cpu = 0; cpu < 64; cpu++)
		expected += CPU_ISSET(cpu, &may) != 0;
	assert_int_equal(count, expected);
	for (size_t i = 0; i < count; i++)
		assert_true(CPU_ISSET(cpus[i], &may));
	place_close(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relations_of_all_pairs),
		cmocka_unit_test(test_every_pair_can_be_chosen),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_chains_and_stars),
		cmocka_unit_test(test_a_search_that_is_too_long_ends),
		cmocka_unit_test(test_cpu_0_comes_last),
		cmocka_unit_test(test_spread_and_packed),
		cmocka_unit_test(test_spread_uses_different_cpus),
		cmocka_unit_test(test_xml_two_packages),
		cmocka_unit_test(test_xml_hybrid),
		cmocka_unit_test(test_xml_one_cpu),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_parse_cpus),
		cmocka_unit_test(test_taskset),
		cmocka_unit_test(test_declared_to_be_this_machine),
	};
	unsetenv("HWLOC_SYNTHETIC");
	unsetenv("HWLOC_XMLFILE");
	unsetenv("HWLOC_THISSYSTEM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
