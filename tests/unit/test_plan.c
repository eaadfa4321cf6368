/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_plan.c - which cells a configuration comes to on a machine, what is refused and why, how
 * rounds are dealt. The machine: two packages of two cores of two CPUs, 1 MiB of L2 each. */
#include "bench/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_worker.h"
#include "said.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static struct place *place;
static struct registry *registry;

static int set_up(void **state)
{
	(void)state;
	setenv("HWLOC_SYNTHETIC", "pack:2 [numa] l3:1 l2:2(size=1048576) core:1 pu:2", 1);
	place = place_open();
	if (!place || fake_worker_make(FAKE_DESCRIPTION))
		return -1;
	registry = registry_open(NULL, 0);
	return registry ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	registry_close(registry);
	place_close(place);
	return fake_worker_remove();
}

/* "key=value key=value": a configuration of one grid. */
static struct config *configure(const char *text)
{
	struct config *config = config_new();
	char *copy = strdup(text), *rest = copy, *word;
	assert_non_null(config);
	while ((word = strsep(&rest, ";"))) {
		char *key = strsep(&word, " ");
		if (*key)
			assert_int_equal(config_override(config, key, word), 0);
	}
	free(copy);
	return config;
}

static struct plan *plan_of(const char *text)
{
	struct config *config = configure(text);
	struct plan *plan = plan_make(config, registry, place);
	config_free(config);
	assert_non_null(plan);
	return plan;
}

static void assert_keys(const struct plan *plan, const char *const keys[], size_t n)
{
	for (size_t c = 0; c < plan->cell_count && c < n; c++)
		assert_string_equal(plan->cells[c].key, keys[c]);
	assert_int_equal(plan->cell_count, n);
}

#define ASSERT_KEYS(plan, ...)                                                                     \
	assert_keys((plan), (const char *const[]){ __VA_ARGS__ },                                  \
		    LENGTH(((const char *const[]){ __VA_ARGS__ })))

static void assert_refused(const struct plan *plan, const char *key, const char *reason)
{
	for (size_t r = 0; r < plan->refused_count; r++)
		if (strcmp(plan->refused[r].key, key) == 0) {
			if (!strstr(plan->refused[r].reason, reason))
				fail_msg("%s: \"%s\", wanted \"%s\"", key, plan->refused[r].reason,
					 reason);
			return;
		}
	fail_msg("%s was not refused", key);
}

/* --- which cells ---------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
	(void)state;
	struct plan *plan = plan_of("");
	ASSERT_KEYS(plan, "futex/pingpong/same-cpu/64/block", "pipe/pingpong/same-cpu/64/block",
		    "ring/pingpong/same-cpu/64/block", "unix-stream/pingpong/same-cpu/64/block",
		    "futex/pingpong/smt/64/block/idle=awake",
		    "pipe/pingpong/smt/64/block/idle=awake",
		    "ring/pingpong/smt/64/block/idle=awake",
		    "unix-stream/pingpong/smt/64/block/idle=awake");
	assert_int_equal(plan->refused_count, 0); /* null runs in self only: nobody asked for it */
	for (unsigned c = 0; c < plan->cell_count; c++) {
		const struct plan_cell *entry = &plan->cells[c];
		assert_int_equal(entry->cell.id, c);
		assert_int_equal(entry->cell.peers, 2);
		assert_false(entry->cell.sequential);
		assert_string_equal(entry->quantity, "rtt_ns");
		assert_true(entry->messages == 2);
	}
	assert_int_equal(plan->cells[2].cell.slots, 64);
	assert_int_equal(plan->cells[2].cell.memory, 4096);
	assert_true(plan->cells[2].bytes == 64);
	assert_false(plan->cells[2].capacity_needed);
	assert_true(plan->cells[1].bytes == 128.5);
	assert_true(plan->cells[1].capacity_needed);
	assert_int_equal(plan->cells[0].cell.cpus[0], plan->cells[0].cell.cpus[1]);
	assert_int_not_equal(plan->cells[4].cell.cpus[0], plan->cells[4].cell.cpus[1]);
	plan_free(plan);
}

static void test_one_peer(void **state)
{
	(void)state;
	struct plan *plan = plan_of("pattern self;mechanism pipe,null");
	ASSERT_KEYS(plan, "pipe/self/same-cpu/64/block", "null/self/same-cpu/64/block");
	assert_int_equal(plan->refused_count, 0);
	plan_free(plan);

	plan = plan_of("pattern self;mechanism all");
	assert_int_equal(plan->cell_count, 5);
	plan_free(plan);

	plan = plan_of("pattern self;mechanism pipe;placement same-cpu,smt");
	ASSERT_KEYS(plan, "pipe/self/same-cpu/64/block");
	assert_refused(plan, "pipe/self/smt/64/block", "one peer");
	plan_free(plan);
}

static void test_variants(void **state)
{
	(void)state;
	struct plan *plan = plan_of("placement same-cpu;mechanism ring:layout=*");
	ASSERT_KEYS(plan, "ring:layout=slot/pingpong/same-cpu/64/block",
		    "ring:layout=shared-line/pingpong/same-cpu/64/block");
	plan_free(plan);

	/* options stand in the order of the mechanism, whatever the order of the user */
	plan = plan_of("placement same-cpu;mechanism ring:memory=huge,layout=slot");
	ASSERT_KEYS(plan, "ring:layout=slot,memory=huge/pingpong/same-cpu/64/block");
	plan_free(plan);

	plan = plan_of("placement same-cpu;mechanism unix-*,p*:capacity=8K");
	ASSERT_KEYS(plan, "unix-stream/pingpong/same-cpu/64/block",
		    "pipe:capacity=8K/pingpong/same-cpu/64/block");
	plan_free(plan);

	plan = plan_of("placement same-cpu;pattern pipeline:stages=4;mechanism pipe;peer-count 4");
	ASSERT_KEYS(plan, "pipe/pipeline:stages=4/same-cpu/64/block/peers=4");
	plan_free(plan);
}

static void test_twice_is_once(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"placement same-cpu;mechanism ring,ring",
		"placement same-cpu;mechanism ring,ring:layout=slot",
		"placement same-cpu;mechanism ring,ring:memory=plain,ring:layout=slot,memory=plain",
		"placement same-cpu,same-cpu;mechanism ring",
		"placement same-cpu;mechanism ring;size 64,64",
		"placement same-cpu;mechanism ring;idle awake,sleep",
		"placement same-cpu;mechanism ring;peer-count 2",
	};
	for (size_t t = 0; t < LENGTH(texts); t++) {
		struct plan *plan = plan_of(texts[t]);
		ASSERT_KEYS(plan, "ring/pingpong/same-cpu/64/block");
		assert_int_equal(plan->refused_count, 0);
		plan_free(plan);
	}
}

static void test_replicas(void **state)
{
	(void)state;
	struct config *config = configure("placement same-cpu;mechanism ring");
	config->grids[0].replicas = 2;
	struct plan *plan = plan_make(config, registry, place);
	ASSERT_KEYS(plan, "ring/pingpong/same-cpu/64/block",
		    "ring/pingpong/same-cpu/64/block/replica=1");
	assert_string_equal(plan->cells[0].group, plan->cells[1].group);
	plan_free(plan);
	config_free(config);
}

static void test_places(void **state)
{
	(void)state;
	struct plan *plan = plan_of("mechanism pipe;placement pairs");
	assert_int_equal(plan->cell_count, 8 * 7 / 2);
	assert_string_equal(plan->cells[0].key, "pipe/pingpong/cpus:0,1/64/block/idle=awake");
	plan_free(plan);

	plan = plan_of("mechanism pipe;placement across");
	ASSERT_KEYS(plan, "pipe/pingpong/smt/64/block/idle=awake");
	plan_free(plan);

	plan = plan_of("mechanism pipe;cpus 5,2 2,5");
	ASSERT_KEYS(plan, "pipe/pingpong/cpus:5,2/64/block/idle=awake",
		    "pipe/pingpong/cpus:2,5/64/block/idle=awake");
	assert_int_equal(plan->cells[0].cell.cpus[0], 5);
	assert_int_equal(plan->cells[0].cell.cpus[1], 2);
	assert_string_not_equal(plan->cells[0].group, plan->cells[1].group);
	plan_free(plan);

	plan = plan_of("mechanism pipe;cpus 0,1,2");
	assert_int_equal(plan->cell_count, 0);
	assert_refused(plan, "pipe/pingpong/cpus:0,1/64/block",
		       "2 peers here, and 3 CPUs are named");
	plan_free(plan);

	plan = plan_of("mechanism pipe;placement all;wait poll");
	for (size_t c = 0; c < plan->cell_count; c++) {
		const struct cell *cell = &plan->cells[c].cell;
		assert_string_equal(cell->placement,
				    place_relation(place, cell->cpus[0], cell->cpus[1]));
	}
	assert_true(plan->cell_count >= 3 && plan->refused_count >= 1);
	assert_int_equal(plan->cell_count + plan->refused_count, 7);
	plan_free(plan);
}

static void test_one_cpu(void **state)
{
	(void)state;
	struct place *several = place;
	setenv("HWLOC_SYNTHETIC", "pu:1", 1);
	place = place_open();
	assert_non_null(place);
	struct plan *plan = plan_of("mechanism pipe;placement same-cpu,across,pairs");
	ASSERT_KEYS(plan, "pipe/pingpong/same-cpu/64/block");
	assert_refused(plan, "pipe/pingpong/across/64/block", "one CPU");
	assert_refused(plan, "pipe/pingpong/pairs/64/block", "one CPU");
	plan_free(plan);
	place_close(place);
	place = several;
}

/* --- refusals ------------------------------------------------------------------------------- */

static void test_refusals(void **state)
{
	(void)state;
	struct plan *plan =
		plan_of("mechanism ring,null,futex;placement same-cpu;wait spin,pause,yield,block;"
			"size 64,1M,2G");
	assert_refused(plan, "ring/pingpong/same-cpu/64/spin", "on one CPU");
	assert_refused(plan, "ring/pingpong/same-cpu/64/pause", "on one CPU");
	assert_refused(plan, "null/pingpong/same-cpu/64/block", "self only");
	assert_refused(plan, "futex/pingpong/same-cpu/1M/block", "futex carries 64K at most");
	assert_refused(plan, "ring/pingpong/same-cpu/2G/block", "1 GiB");
	ASSERT_KEYS(plan, "ring/pingpong/same-cpu/64/yield", "futex/pingpong/same-cpu/64/yield",
		    "ring/pingpong/same-cpu/1M/yield", "ring/pingpong/same-cpu/64/block",
		    "futex/pingpong/same-cpu/64/block", "ring/pingpong/same-cpu/1M/block");
	/* every combination is somewhere: 3 mechanisms, 4 waits, 3 sizes */
	assert_int_equal(plan->cell_count + plan->refused_count, 36);
	plan_free(plan);

	plan = plan_of("mechanism pipe;peer-count 2,3,16;placement same-cpu");
	ASSERT_KEYS(plan, "pipe/pingpong/same-cpu/64/block");
	assert_refused(plan, "pipe/pingpong/same-cpu/64/block/peers=3", "pingpong has 2 peers");
	plan_free(plan);

	plan = plan_of("mechanism pipe;pattern pipeline;peer-count 2,3;placement spread");
	assert_int_equal(plan->cell_count, 1);
	assert_refused(plan, "pipe/pipeline/spread/64/block/peers=2", "takes 3 to 16 peers");
	plan_free(plan);

	/* the worker of these tests is older than that wait */
	plan = plan_of("mechanism pipe;placement same-cpu;wait poll,epoll,epoll:100");
	ASSERT_KEYS(plan, "pipe/pingpong/same-cpu/64/poll");
	assert_refused(plan, "pipe/pingpong/same-cpu/64/epoll", "of an older build, without epoll");
	assert_refused(plan, "pipe/pingpong/same-cpu/64/epoll:100", "of an older build");
	plan_free(plan);

	plan = plan_of("mechanism ring:memory=giant;placement same-cpu");
	assert_refused(plan, "ring:memory=giant/pingpong/same-cpu/64/block", "2 GiB");
	assert_int_equal(plan->cell_count, 0);
	plan_free(plan);
}

static void test_crash_costs_one_cell(void **state)
{
	(void)state;
	struct plan *plan = plan_of(
		"placement same-cpu;mechanism pipe,ring:memory=crash,futex,ring:memory=crash,"
		"layout=shared-line,unix-stream");
	ASSERT_KEYS(plan, "pipe/pingpong/same-cpu/64/block", "futex/pingpong/same-cpu/64/block",
		    "unix-stream/pingpong/same-cpu/64/block");
	assert_refused(plan, "ring:memory=crash/pingpong/same-cpu/64/block", "signal 11");
	assert_refused(plan, "ring:layout=shared-line,memory=crash/pingpong/same-cpu/64/block",
		       "signal 11");
	plan_free(plan);
}

/* --- idle, and what is measured one after the other ----------------------------------------- */

static void test_idle(void **state)
{
	(void)state;
	struct plan *plan = plan_of(
		"mechanism pipe;placement same-cpu,smt;wait spin,yield,block;idle awake,sleep");
	ASSERT_KEYS(plan, "pipe/pingpong/same-cpu/64/yield", "pipe/pingpong/same-cpu/64/block",
		    "pipe/pingpong/smt/64/spin", "pipe/pingpong/smt/64/yield",
		    "pipe/pingpong/smt/64/block/idle=awake",
		    "pipe/pingpong/smt/64/block/idle=sleep");
	for (size_t c = 0; c < plan->cell_count; c++)
		assert_int_equal(plan->cells[c].cell.sequential,
				 plan->cells[c].cell.idle == IDLE_SLEEP);
	assert_string_not_equal(plan->cells[4].group, plan->cells[5].group);
	plan_free(plan);
}

/* Rule 7: slots × size × 2 beyond the L2 of 1 MiB, for what holds its messages itself. */
static void test_cache(void **state)
{
	(void)state;
	struct plan *plan = plan_of("mechanism ring,pipe;placement same-cpu;size 8K,8193,64K");
	for (size_t c = 0; c < plan->cell_count; c++) {
		const struct cell *cell = &plan->cells[c].cell;
		assert_int_equal(cell->sequential,
				 strcmp(cell->mechanism, "ring") == 0 && cell->size > 8192);
	}
	assert_int_equal(plan->cell_count, 6);
	plan_free(plan);
}

/* --- mistakes ------------------------------------------------------------------------------- */

static void test_mistakes(void **state)
{
	(void)state;
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "mechanism pip",
		  "--mechanism: no mechanism called \"pip\", the nearest is \"pipe\"; toll list "
		  "mechanisms" },
		{ "mechanism qqqqqq", "no mechanism called \"qqqqqq\"; toll list mechanisms" },
		{ "mechanism zz*", "no mechanism called \"zz*\"" },
		{ "mechanism ring:layuot=slot",
		  "no option of ring called \"layuot\", the nearest is "
		  "\"layout\"" },
		{ "mechanism ring:layout=slto", "no ring:layout called \"slto\", the nearest is "
						"\"slot\"; it takes slot, shared-line" },
		{ "mechanism ring:layout=slot,layout=slot", "gives layout twice" },
		{ "mechanism ring:layout=", "is no value" },
		{ "mechanism ring:", "no option after the colon" },
		{ "mechanism ring:layout", "options read NAME=VALUE" },
		{ "mechanism pipe:capacity=a/b", "is no value" },
		{ "mechanism pipe:capacity=*", "cannot be spelled out; it takes 4K" },
		{ "mechanism futex:x=1", "no option of futex called \"x\"; it has none" },
		{ "pattern pingpnog",
		  "no pattern called \"pingpnog\", the nearest is \"pingpong\"; toll "
		  "list patterns" },
		{ "placement smtt",
		  "--placement: no placement called \"smtt\", the nearest is \"smt\"" },
		{ "placement acros", "nearest is \"across\"" },
		{ "cpus 0,99", "--cpus: " },
		{ "cpus x", "--cpus: " },
		{ "size 0", "--size: size 0: a message has at least 1 byte" },
		{ "size 64X", "--size: \"64X\" is no size" },
		{ "size -1", "--size: \"-1\" is no size" },
		{ "wait spni", "--wait: no wait called \"spni\", the nearest is \"spin\"" },
		{ "wait hybrid", "hybrid:20us" },
		{ "wait hybrid:5", "hybrid:20us" },
		{ "wait epoll:0", "write epoll or epoll:100" },
		{ "wait epol", "the nearest is \"epoll\"" },
		{ "depth -1", "--depth: \"-1\" is no number from 0 to" },
		{ "depth deep", "--depth: \"deep\"" },
		{ "idle tired", "--idle: \"tired\" is neither awake nor sleep" },
		{ "peers fiber", "--peers: \"fiber\" is neither process nor thread" },
		{ "peer-count 0", "--peer-count: \"0\" is no number from 1 to 16" },
		{ "peer-count 17", "--peer-count: \"17\"" },
		{ "copy yes", "--copy: \"yes\" is neither off nor on" },
		{ "touch some", "--touch: \"some\" is neither none nor all" },
	};
	for (size_t c = 0; c < LENGTH(cases); c++) {
		struct config *config = configure(cases[c].text);
		said_begin();
		struct plan *plan = plan_make(config, registry, place);
		const char *said = said_end();
		if (plan)
			fail_msg("%s: taken without complaint", cases[c].text);
		if (!strstr(said, cases[c].said))
			fail_msg("%s: said %s(wanted %s)", cases[c].text, said, cases[c].said);
		if (strchr(said, '\n') != said + strlen(said) - 1)
			fail_msg("more than one line was said: %s", said);
		config_free(config);
	}
}

static void test_too_many(void **state)
{
	(void)state;
	struct config *config =
		configure("size 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25;"
			  "depth 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20;"
			  "placement pairs;wait spin,yield,block,poll;copy off,on;touch all,none");
	said_begin();
	assert_null(plan_make(config, registry, place));
	assert_non_null(strstr(said_end(), "100000 are the most"));
	config_free(config);
}

/* --- numbers of the run --------------------------------------------------------------------- */

static void test_run_keys(void **state)
{
	(void)state;
	struct plan *plan = plan_of("mechanism pipe;seed 7;budget 30s;rounds 5;margin 3%");
	assert_int_equal(plan->seed, 7);
	assert_true(plan->budget_s == 30);
	assert_int_equal(plan->rounds, 5);
	assert_true(plan->margin == 0.03);
	plan_free(plan);

	/* a run must end: with neither budget nor rounds it takes the least that says anything */
	plan = plan_of("mechanism pipe");
	assert_int_equal(plan->rounds, PLAN_LEAST_ROUNDS);
	assert_true(plan->seed <= INT64_MAX);
	struct plan *other = plan_of("mechanism pipe");
	assert_int_not_equal(plan->seed, other->seed);
	plan_free(other);
	plan_free(plan);

	plan = plan_of("mechanism pipe;budget 30s;operations 100");
	assert_int_equal(plan->operations, 100);
	assert_true(plan->budget_s == 0);
	assert_int_equal(plan->rounds, PLAN_LEAST_ROUNDS);
	plan_free(plan);
}

/* --- dealing -------------------------------------------------------------------------------- */

struct dealt {
	struct plan_block *blocks;
	size_t count;
};

static struct dealt deal(const struct plan *plan, unsigned round)
{
	struct dealt dealt;
	assert_int_equal(plan_deal(plan, round, &dealt.blocks, &dealt.count), 0);
	return dealt;
}

static uint64_t bytes_of(const struct plan *plan, const struct plan_block *block)
{
	uint64_t bytes = 0;
	for (unsigned c = 0; c < block->count; c++)
		bytes += plan->cells[block->cells[c]].cell.memory;
	return bytes;
}

/* What holds of every deal: each cell in one block, but for references; blocks of one group and one
 * way of measuring, within the bounds, none twice in a block. */
static void check_deal(const struct plan *plan, const struct dealt *dealt)
{
	unsigned *times = calloc(plan->cell_count, sizeof *times);
	bool *refers = calloc(plan->cell_count, sizeof *refers);
	for (size_t b = 0; b < dealt->count; b++) {
		const struct plan_block *block = &dealt->blocks[b];
		assert_in_range(block->count, 1, PLAN_BLOCK_CELLS);
		assert_true(bytes_of(plan, block) <= PLAN_BLOCK_BYTES);
		assert_true(block->reference < (int)block->count);
		if (block->reference >= 0)
			refers[block->cells[block->reference]] = true;
		const struct plan_cell *first = &plan->cells[block->cells[0]];
		for (unsigned c = 0; c < block->count; c++) {
			const struct plan_cell *entry = &plan->cells[block->cells[c]];
			times[block->cells[c]]++;
			assert_string_equal(entry->group, first->group);
			assert_int_equal(entry->cell.sequential, block->sequential);
			for (unsigned d = 0; d < c; d++)
				assert_int_not_equal(block->cells[c], block->cells[d]);
		}
	}
	for (size_t c = 0; c < plan->cell_count; c++)
		assert_true(times[c] == 1 || (times[c] > 1 && refers[c]));
	free(times);
	free(refers);
}

static bool same_deal(const struct dealt *a, const struct dealt *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct plan_block *x = &a->blocks[i], *y = &b->blocks[i];
		if (x->count != y->count || x->reference != y->reference ||
		    memcmp(x->cells, y->cells, x->count * sizeof *x->cells) != 0)
			return false;
	}
	return true;
}

static void test_deal(void **state)
{
	(void)state;
	struct plan *plan = plan_of("seed 7;size 64,4K,64K;wait block,poll,spin;idle awake,sleep");
	struct dealt first = deal(plan, 0), again = deal(plan, 0), next = deal(plan, 1);
	check_deal(plan, &first);
	check_deal(plan, &next);
	assert_true(first.count > 5);
	assert_true(same_deal(&first, &again));
	assert_false(same_deal(&first, &next));
	for (size_t b = 0; b < first.count; b++)
		assert_int_equal(first.blocks[b].reference, -1);

	/* bits beyond the 32 that the generator takes count too */
	plan->seed += 1ULL << 40;
	struct dealt other = deal(plan, 0);
	assert_false(same_deal(&first, &other));
	free(first.blocks);
	free(again.blocks);
	free(next.blocks);
	free(other.blocks);
	plan_free(plan);
}

static void test_deal_large_group(void **state)
{
	(void)state;
	struct config *config = configure("seed 7;placement same-cpu;mechanism pipe,ring,futex");
	config->grids[0].replicas = 10;
	struct plan *plan = plan_make(config, registry, place);
	assert_int_equal(plan->cell_count, 30);
	struct dealt rounds[3];
	for (unsigned round = 0; round < 3; round++) {
		rounds[round] = deal(plan, round);
		check_deal(plan, &rounds[round]);
		/* 29 beside the reference, 11 a block at most, dealt evenly */
		assert_int_equal(rounds[round].count, 3);
		for (size_t b = 0; b < 3; b++) {
			const struct plan_block *block = &rounds[round].blocks[b];
			assert_true(block->reference >= 0);
			assert_int_equal(block->cells[block->reference], 0);
			assert_in_range(block->count, 10, 11);
		}
	}
	assert_false(same_deal(&rounds[0], &rounds[1]));
	assert_false(same_deal(&rounds[1], &rounds[2]));
	for (unsigned round = 0; round < 3; round++)
		free(rounds[round].blocks);
	plan_free(plan);
	config_free(config);
}

/* 300 MiB each: three to a block, one of them the reference. */
static void test_deal_memory(void **state)
{
	(void)state;
	struct config *config = configure("seed 7;placement same-cpu;mechanism ring:memory=huge");
	config->grids[0].replicas = 7;
	struct plan *plan = plan_make(config, registry, place);
	assert_int_equal(plan->cell_count, 7);
	struct dealt dealt = deal(plan, 0);
	check_deal(plan, &dealt);
	assert_int_equal(dealt.count, 3);
	for (size_t b = 0; b < dealt.count; b++)
		assert_int_equal(dealt.blocks[b].cells[dealt.blocks[b].reference], 0);
	free(dealt.blocks);
	plan_free(plan);
	config_free(config);
}

/* What is measured one after the other is compared by rounds: no reference is repeated for it. */
static void test_deal_sequential(void **state)
{
	(void)state;
	struct config *config = configure("seed 7;placement smt;mechanism pipe;idle awake,sleep");
	config->grids[0].replicas = 15;
	struct plan *plan = plan_make(config, registry, place);
	struct dealt dealt = deal(plan, 0);
	check_deal(plan, &dealt);
	assert_int_equal(dealt.count, 4);
	for (size_t b = 0; b < dealt.count; b++)
		assert_int_equal(dealt.blocks[b].reference >= 0, !dealt.blocks[b].sequential);
	free(dealt.blocks);
	plan_free(plan);
	config_free(config);
}

static void test_deal_of_one_cell(void **state)
{
	(void)state;
	struct plan *plan = plan_of("mechanism pipe;placement same-cpu");
	struct dealt dealt = deal(plan, 0);
	assert_int_equal(dealt.count, 1);
	check_deal(plan, &dealt);
	free(dealt.blocks);
	plan_free(plan);
}

/* --- pairs, and how peers run --------------------------------------------------------------- */

static void test_pairs(void **state)
{
	(void)state;
	/* a CPU each, then round again */
	struct plan *plan =
		plan_of("mechanism pipe;pattern pairs;placement same-cpu;peer-count 4,16");
	ASSERT_KEYS(plan, "pipe/pairs/same-cpu/64/block", "pipe/pairs/same-cpu/64/block/peers=16");
	for (size_t c = 0; c < 2; c++) {
		const struct cell *cell = &plan->cells[c].cell;
		for (unsigned p = 0; p < cell->peers; p++) {
			assert_int_equal(cell->cpus[p], cell->cpus[p & ~1U]);
			for (unsigned q = 0; q < p; q += 2)
				if (p / 2 != q / 2)
					assert_int_not_equal(cell->cpus[p], cell->cpus[q]);
		}
		assert_true(plan->cells[c].messages == cell->peers);
	}
	plan_free(plan);

	/* four cores of two */
	plan = plan_of("mechanism pipe;pattern pairs;placement smt;peer-count 8,10");
	assert_int_equal(plan->cell_count, 2);
	const struct cell *cell = &plan->cells[1].cell;
	for (unsigned p = 0; p < 8; p += 2) {
		assert_int_equal(cell->cpus[p] ^ cell->cpus[p + 1], 1);
		for (unsigned q = 0; q < p; q++)
			assert_int_not_equal(cell->cpus[p], cell->cpus[q]);
	}
	assert_int_equal(cell->cpus[8], cell->cpus[0]);
	assert_int_equal(cell->cpus[9], cell->cpus[1]);
	plan_free(plan);

	plan = plan_of("mechanism pipe;pattern pairs;placement smt;peer-count 8,10;wait spin");
	ASSERT_KEYS(plan, "pipe/pairs/smt/64/spin/peers=8");
	assert_refused(plan, "pipe/pairs/smt/64/spin/peers=10", "spin on one CPU");
	plan_free(plan);

	plan = plan_of("mechanism pipe;pattern pairs;placement same-numa;peer-count 2");
	assert_refused(plan, "pipe/pairs/same-numa/64/block/peers=2", "without a shared cache");
	plan_free(plan);
}

static void test_treatment(void **state)
{
	(void)state;
	struct plan *plan = plan_of("mechanism pipe,futex;placement same-cpu;sched other,fifo:50;"
				    "mlock off,on;think 0,10us");
	assert_int_equal(plan->cell_count, 16);
	/* what differs in any of these is not compared, nor in one block */
	for (size_t c = 0; c < 16; c++)
		for (size_t d = 0; d < c; d++)
			assert_int_equal(c / 2 == d / 2,
					 strcmp(plan->cells[c].group, plan->cells[d].group) == 0);
	assert_string_equal(plan->cells[15].key,
			    "futex/pingpong/same-cpu/64/block/sched=fifo:50/mlock=on/think=10us");
	plan_free(plan);

	plan = plan_of("mechanism pipe;placement smt;sched idle;idle awake,sleep");
	ASSERT_KEYS(plan, "pipe/pingpong/smt/64/block/idle=sleep/sched=idle");
	assert_refused(plan, "pipe/pingpong/smt/64/block/idle=awake/sched=idle", "add idle=sleep");
	plan_free(plan);
}

/* --- as JSON and as text -------------------------------------------------------------------- */

static void test_json(void **state)
{
	(void)state;
	struct plan *plan =
		plan_of("mechanism ring:layout=slot,futex;size 64,1M;placement smt;copy on;"
			"touch none;peers thread;depth own,4;wait poll,hybrid:20us;rounds 3");
	json_t *object = plan_json(plan);
	assert_non_null(object);
	json_t *cells = json_object_get(object, "cells"), *cell;
	assert_int_equal(json_array_size(cells), plan->cell_count);
	assert_true(plan->cell_count > 0);
	assert_int_equal(json_array_size(json_object_get(object, "refused")), plan->refused_count);
	assert_true(json_is_null(json_object_get(object, "config")));
	assert_true(json_is_null(json_object_get(object, "budget_s")));
	assert_true(json_is_null(json_object_get(object, "operations")));
	assert_int_equal(json_integer_value(json_object_get(object, "rounds")), 3);

	size_t i;
	json_array_foreach (cells, i, cell) {
		const struct cell *its = &plan->cells[i].cell;
		char key[CELL_KEY];
		const char *k, *mechanism, *options, *placement, *wait, *class, *idle, *touch, *are,
			*quantity;
		json_int_t id, peers, size, slots, replica;
		int copy, sequential;
		double messages, bytes;
		json_t *cpus, *depth;
		assert_int_equal(
			json_unpack(
				cell,
				"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I,"
				" s:I, s:I, s:b, s:b, s:F, s:F, s:o, s:o}",
				"key", &k, "mechanism", &mechanism, "options", &options,
				"placement", &placement, "wait", &wait, "wait_class", &class,
				"idle", &idle, "touch", &touch, "peers_are", &are, "quantity",
				&quantity, "id", &id, "peers", &peers, "size", &size, "slots",
				&slots, "replica", &replica, "copy", &copy, "sequential",
				&sequential, "messages", &messages, "bytes", &bytes, "cpus", &cpus,
				"depth", &depth),
			0);
		assert_string_equal(k, cell_key(its, key, sizeof key));
		assert_int_equal(id, i);
		assert_int_equal(size, its->size);
		assert_string_equal(class, "sleeping");
		assert_string_equal(idle, "awake");
		assert_string_equal(touch, "header");
		assert_string_equal(are, "threads");
		assert_true(copy);
		assert_int_equal(json_array_size(cpus), 2);
		if (its->depth < 0)
			assert_true(json_is_null(depth));
		else
			assert_int_equal(json_integer_value(depth), 4);
	}
	json_decref(object);
	plan_free(plan);
}

static char *printed(const struct plan *plan)
{
	char *text = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&text, &bytes);
	plan_print(stream, plan);
	fclose(stream);
	return text;
}

static void test_print(void **state)
{
	(void)state;
	static const char text[] = "seed 7;size 64,4K;wait block,spin;budget 50s";
	struct plan *a = plan_of(text), *b = plan_of(text);
	char *first = printed(a), *second = printed(b);
	assert_string_equal(first, second);
	assert_non_null(strstr(first, "seed 7"));
	for (size_t c = 0; c < a->cell_count; c++)
		assert_non_null(strstr(first, a->cells[c].key));
	for (size_t r = 0; r < a->refused_count; r++)
		assert_non_null(strstr(first, a->refused[r].reason));
	b->seed = 8;
	free(second);
	second = printed(b);
	assert_string_not_equal(first, second);
	free(first);
	free(second);
	plan_free(a);
	plan_free(b);
}

/* --- the worker's answers are not believed -------------------------------------------------- */

static void test_descriptions(void **state)
{
	(void)state;
	static const struct {
		const char *description, *said;
	} cases[] = {
		{ "", "--describe: the answer: " },
		{ "[]", "--describe: the answer: " },
		{ "{\"abi\":1}", "--describe: the answer: " },
		{ "{\"abi\":2,\"version\":\"0\",\"compiler\":\"x\",\"clock\":"
		  "\"tsc\"," FAKE_MECHANISMS "," FAKE_PATTERNS "}",
		  "has ABI 2, toll has 1" },
		{ FAKE_HEAD_OF("{\"version\":99,\"bytes\":1}") FAKE_MECHANISMS "," FAKE_PATTERNS
									       "}",
		  "has control page 99 of 1 B, toll has " },
		{ FAKE_HEAD_OF("{\"version\":1,\"bytes\":1}") FAKE_MECHANISMS "," FAKE_PATTERNS "}",
		  "has control page 1 of 1 B, toll has " },
		{ FAKE_HEAD_OF("7") FAKE_MECHANISMS "," FAKE_PATTERNS "}",
		  "has control page 0 of 0 B" },
		{ FAKE_HEAD "\"mechanisms\":[]," FAKE_PATTERNS "}", "no mechanisms" },
		{ FAKE_HEAD "\"mechanisms\":[{\"name\":\"x\"}]," FAKE_PATTERNS "}",
		  "--describe: x: " },
		{ FAKE_HEAD "\"mechanisms\":[" FAKE_MECHANISM("a/b", "\"spin\"", "true", "false",
							      "") "]," FAKE_PATTERNS "}",
		  "not a name" },
		{ FAKE_HEAD "\"mechanisms\":[" FAKE_MECHANISM("x", "1", "true", "false",
							      "") "]," FAKE_PATTERNS "}",
		  "must be arrays" },
		{ FAKE_HEAD "\"mechanisms\":[" FAKE_MECHANISM(
			  "x", "", "true", "false", "") "," FAKE_MECHANISM("x", "", "true", "false",
									   "") "]," FAKE_PATTERNS
									       "}",
		  "there twice" },
		{ FAKE_HEAD FAKE_MECHANISMS ",\"patterns\":[" FAKE_PATTERN(
			  "x", "3", "2", "2", "rtt_ns", "1", "pair", "") "]}",
		  "numbers of peers" },
		{ FAKE_HEAD FAKE_MECHANISMS ",\"patterns\":[" FAKE_PATTERN(
			  "x", "2", "2", "17", "rtt_ns", "1", "pair", "") "]}",
		  "numbers of peers" },
		{ FAKE_HEAD FAKE_MECHANISMS
		  ",\"patterns\":[" FAKE_PATTERN("x", "2", "2", "2", "miles", "1", "pair", "") "]}",
		  "quantity" },
		{ FAKE_HEAD FAKE_MECHANISMS
		  "," FAKE_PATTERNS ",\"failed\":[{\"plugin\":\"x.so\",\"reason\":\"ABI 9\"}]}",
		  "x.so: ABI 9" },
	};
	for (size_t c = 0; c < LENGTH(cases); c++) {
		assert_int_equal(fake_worker_make(cases[c].description), 0);
		said_begin();
		struct registry *opened = registry_open(NULL, 0);
		const char *said = said_end();
		if (opened)
			fail_msg("taken without complaint: %s", cases[c].description);
		if (!strstr(said, cases[c].said))
			fail_msg("said: %s(wanted %s)", said, cases[c].said);
	}
	assert_int_equal(fake_worker_make(FAKE_DESCRIPTION), 0);
}

static void test_no_worker(void **state)
{
	(void)state;
	setenv("TOLL_WORKER", "/nonexistent/worker", 1);
	said_begin();
	assert_null(registry_open(NULL, 0));
	assert_non_null(strstr(said_end(), "TOLL_WORKER=/nonexistent/worker: No such file"));
	setenv("TOLL_WORKER", "/bin/false", 1);
	said_begin();
	assert_null(registry_open(NULL, 0));
	assert_non_null(strstr(said_end(), "/bin/false --describe ended with status 1"));
	setenv("TOLL_WORKER", fake_worker, 1);

	const char *const plugins[] = { "/nonexistent/x.so" };
	said_begin();
	assert_null(registry_open(plugins, 1));
	assert_non_null(strstr(said_end(), "-m /nonexistent/x.so: No such file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_one_peer),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_twice_is_once),
		cmocka_unit_test(test_replicas),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_one_cpu),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_crash_costs_one_cell),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_run_keys),
		cmocka_unit_test(test_deal),
		cmocka_unit_test(test_deal_large_group),
		cmocka_unit_test(test_deal_memory),
		cmocka_unit_test(test_deal_sequential),
		cmocka_unit_test(test_deal_of_one_cell),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_treatment),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_descriptions),
		cmocka_unit_test(test_no_worker),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
