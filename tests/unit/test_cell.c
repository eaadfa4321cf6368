/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_cell.c - keys are written and read back to the same cell; sizes, times and waits are read
 * strictly. */
#include "bench/cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static void test_keys_read_back(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"pipe/pingpong/same-cpu/64/block",
		"ring:layout=slot/stream/shared-l3/4K/spin/depth=4/copy=on",
		"pipe/pipeline:stages=4/spread/64/block/peers=4/idle=awake",
		"ring:layout=slot,memory=huge/pingpong/cpus:5,2/4097/hybrid:20us/idle=sleep",
		"ring/stream/cross-numa/1M/yield/depth=0/touch=none/threads=on/replica=1",
		"ring/stream/smt/1G/pause",
		"pipe/fanin/packed/65535/poll/peers=16/idle=awake/copy=on/touch=none/replica=7",
		"futex/pingpong/same-cpu/1/hybrid:1500ns",
		"pipe/pingpong/same-cpu/64/epoll",
		"pipe/pingpong/same-cpu/64/block/sched=batch",
		"pipe/pingpong/same-cpu/64/block/mlock=on/think=10us",
		"pipe/pingpong/same-cpu/64/block/threads=on/sched=rr:98/mlock=on/replica=1",
		"pipe/fanin/same-cpu/64/epoll:100/peers=4",
	};
	for (size_t k = 0; k < LENGTH(keys); k++) {
		struct cell cell;
		const char *why = NULL;
		char key[CELL_KEY];
		if (cell_parse(&cell, keys[k], &why))
			fail_msg("%s: %s", keys[k], why);
		assert_string_equal(cell_key(&cell, key, sizeof key), keys[k]);
	}
}

static void test_parts(void **state)
{
	(void)state;
	struct cell cell;
	const char *why;
	assert_int_equal(
		cell_parse(&cell,
			   "ring:layout=slot/stream:a=1,b=2/cpus:5,2/4K/hybrid:20us/depth=0/"
			   "idle=sleep/copy=on/touch=none/threads=on/replica=3",
			   &why),
		0);
	assert_string_equal(cell.mechanism, "ring");
	assert_string_equal(cell.options, "layout=slot");
	assert_string_equal(cell.pattern, "stream");
	assert_string_equal(cell.pattern_options, "a=1,b=2");
	assert_string_equal(cell.placement, "cpus");
	assert_int_equal(cell.peers, 2);
	assert_false(cell.peers_named);
	assert_int_equal(cell.cpus[0], 5);
	assert_int_equal(cell.cpus[1], 2);
	assert_int_equal(cell.size, 4096);
	assert_int_equal(cell.depth, 0);
	assert_int_equal(cell.wait, WAIT_HYBRID);
	assert_int_equal(cell.wait_amount, 20000);
	assert_int_equal(cell.idle, IDLE_SLEEP);
	assert_true(cell.copy);
	assert_false(cell.touch_all);
	assert_true(cell.threads);
	assert_int_equal(cell.replica, 3);
	assert_int_equal(cell.policy, POLICY_OTHER);
	assert_false(cell.mlock);

	assert_int_equal(
		cell_parse(&cell, "pipe/pingpong/same-cpu/64/block/sched=fifo:50/mlock=on", &why),
		0);
	assert_int_equal(cell.policy, POLICY_FIFO);
	assert_int_equal(cell.priority, 50);
	assert_true(cell.mlock);

	assert_int_equal(cell_parse(&cell, "pipe/pingpong/same-cpu/64/block", &why), 0);
	assert_int_equal(cell.depth, -1);
	assert_int_equal(cell.idle, IDLE_NONE);
	assert_false(cell.copy);
	assert_true(cell.touch_all);
	assert_false(cell.threads);
	assert_int_equal(cell.replica, 0);
	assert_int_equal(cell.peers, 0);
}

static void test_bad_keys(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"",
		"pipe",
		"pipe/pingpong/same-cpu/64",
		"/pingpong/same-cpu/64/block",
		"pipe//same-cpu/64/block",
		"pipe/pingpong//64/block",
		"pipe:/pingpong/same-cpu/64/block",
		"pipe:layout/pingpong/same-cpu/64/block",
		"pipe/pingpong/same-cpu/0/block",
		"pipe/pingpong/same-cpu/-64/block",
		"pipe/pingpong/same-cpu/64X/block",
		"pipe/pingpong/same-cpu/64/sleep",
		"pipe/pingpong/same-cpu/64/hybrid",
		"pipe/pingpong/same-cpu/64/hybrid:0us",
		"pipe/pingpong/same-cpu/64/epoll:0",
		"pipe/pingpong/same-cpu/64/block/",
		"pipe/pingpong/same-cpu/64/block/depth=-1",
		"pipe/pingpong/same-cpu/64/block/depth=4294967296",
		"pipe/pingpong/same-cpu/64/block/peers=17",
		"pipe/pingpong/same-cpu/64/block/peers=0",
		"pipe/pingpong/same-cpu/64/block/idle=tired",
		"pipe/pingpong/same-cpu/64/block/copy=off",
		"pipe/pingpong/same-cpu/64/block/color=red",
		"pipe/pingpong/same-cpu/64/block/sched=other",
		"pipe/pingpong/same-cpu/64/block/sched=fifo",
		"pipe/pingpong/same-cpu/64/block/sched=fifo:0",
		"pipe/pingpong/same-cpu/64/block/sched=fifo:99",
		"pipe/pingpong/same-cpu/64/block/sched=batch:1",
		"pipe/pingpong/same-cpu/64/block/mlock=off",
		"pipe/pingpong/same-cpu/64/block/think=0us",
		"pipe/pingpong/same-cpu/64/block/think=101ms",
		"pipe/pingpong/cpus:/64/block",
		"pipe/pingpong/cpus:1,/64/block",
		"pipe/pingpong/cpus:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16/64/block",
		"pipe/pingpong/cpus:0,1/64/block/peers=3",
		"a-name-that-is-longer-than-thirty-one-letters/pingpong/same-cpu/64/block",
	};
	for (size_t k = 0; k < LENGTH(keys); k++) {
		struct cell cell;
		const char *why = NULL;
		if (!cell_parse(&cell, keys[k], &why))
			fail_msg("\"%s\" was taken for a key", keys[k]);
		assert_non_null(why);
	}
}

static void test_overlong_keys(void **state)
{
	(void)state;
	struct cell cell;
	const char *why = NULL;
	char key[4 * CELL_KEY];
	memset(key, 'x', sizeof key);
	key[sizeof key - 1] = '\0';
	assert_int_equal(cell_parse(&cell, key, &why), -1);
	assert_non_null(why);

	/* options of 95 bytes fit, of 96 do not */
	for (int length = 95; length <= 96; length++) {
		char options[128];
		memset(options, 'v', sizeof options);
		memcpy(options, "o=", 2);
		options[length] = '\0';
		snprintf(key, sizeof key, "pipe:%s/pingpong/same-cpu/64/block", options);
		assert_int_equal(cell_parse(&cell, key, &why), length == 95 ? 0 : -1);
	}
}

/* The longest cell there can be still has a whole key. */
static void test_longest_key_fits(void **state)
{
	(void)state;
	struct cell cell = {
		.peers = CELL_MOST_PEERS,
		.peers_named = true,
		.size = UINT64_MAX,
		.depth = INT32_MAX,
		.wait = WAIT_HYBRID,
		.wait_amount = INT64_MAX,
		.idle = IDLE_AWAKE,
		.copy = true,
		.threads = true,
		.replica = UINT32_MAX,
	};
	memset(cell.mechanism, 'm', CELL_NAME - 1);
	memset(cell.pattern, 'p', CELL_NAME - 1);
	memset(cell.options, 'o', CELL_OPTIONS - 1);
	memset(cell.pattern_options, 'q', CELL_OPTIONS - 1);
	strcpy(cell.placement, "cpus");
	for (unsigned p = 0; p < CELL_MOST_PEERS; p++)
		cell.cpus[p] = 9999;
	char key[CELL_KEY], roomy[4 * CELL_KEY];
	cell_key(&cell, key, sizeof key);
	cell_key(&cell, roomy, sizeof roomy);
	assert_string_equal(key, roomy);
	cell_group(&cell, key, sizeof key);
	cell_group(&cell, roomy, sizeof roomy);
	assert_string_equal(key, roomy);
}

static struct cell parsed(const char *key, int cpu_a, int cpu_b)
{
	struct cell cell;
	const char *why;
	assert_int_equal(cell_parse(&cell, key, &why), 0);
	cell.peers = 2;
	cell.cpus[0] = cpu_a;
	cell.cpus[1] = cpu_b;
	return cell;
}

static void test_curve(void **state)
{
	(void)state;
	char a[CELL_KEY], b[CELL_KEY];
	struct cell small = parsed("pipe/pingpong/smt/64/block/idle=awake", 0, 1),
		    large = parsed("pipe/pingpong/smt/4K/block/idle=awake", 0, 1),
		    other = parsed("pipe/pingpong/smt/4K/poll/idle=awake", 0, 1);
	cell_key_without_size(&small, a, sizeof a);
	assert_string_equal(a, "pipe/pingpong/smt/block/idle=awake");
	assert_string_equal(a, cell_key_without_size(&large, b, sizeof b));
	assert_string_not_equal(a, cell_key_without_size(&other, b, sizeof b));
}

/* What may be ranked together has one group; each thing that forbids it makes another. */
static void test_group(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		int cpus[2];
		bool same;
	} cases[] = {
		{ "ring:layout=slot/pingpong/smt/64/spin", { 0, 1 }, true },
		{ "pipe/pingpong/smt/64/yield", { 0, 1 }, true },
		{ "pipe/pingpong/smt/64/spin/replica=1", { 0, 1 }, true },
		{ "pipe/stream/smt/64/spin", { 0, 1 }, false },
		{ "pipe/pingpong:a=1/smt/64/spin", { 0, 1 }, false },
		{ "pipe/pingpong/shared-l3/64/spin", { 0, 1 }, false },
		{ "pipe/pingpong/smt/64/spin", { 2, 3 }, false },
		{ "pipe/pingpong/smt/65/spin", { 0, 1 }, false },
		{ "pipe/pingpong/smt/64/block", { 0, 1 }, false },
		{ "pipe/pingpong/smt/64/spin/depth=1", { 0, 1 }, false },
		{ "pipe/pingpong/smt/64/spin/copy=on", { 0, 1 }, true },
		{ "pipe/pingpong/smt/64/spin/touch=none", { 0, 1 }, false },
		{ "pipe/pingpong/smt/64/spin/threads=on", { 0, 1 }, false },
	};
	struct cell base = parsed("pipe/pingpong/smt/64/spin", 0, 1);
	char group[CELL_KEY], its[CELL_KEY];
	cell_group(&base, group, sizeof group);
	for (size_t c = 0; c < LENGTH(cases); c++) {
		struct cell cell = parsed(cases[c].key, cases[c].cpus[0], cases[c].cpus[1]);
		cell_group(&cell, its, sizeof its);
		if ((strcmp(group, its) == 0) != cases[c].same)
			fail_msg("%s: %s, against %s", cases[c].key, its, group);
	}
	struct cell large = parsed("futex/pingpong/smt/4K/spin", 0, 1),
		    deep = parsed("pipe/pingpong/smt/4K/spin/depth=1", 0, 1);
	cell_family(&base, group, sizeof group);
	assert_string_equal(cell_family(&large, its, sizeof its), group);
	assert_string_not_equal(cell_family(&deep, its, sizeof its), group);
	assert_int_equal(large.size, 4096);
	struct cell awake = parsed("pipe/pingpong/smt/64/block/idle=awake", 0, 1),
		    asleep = parsed("pipe/pingpong/smt/64/block/idle=sleep", 0, 1);
	assert_string_not_equal(cell_group(&awake, group, sizeof group),
				cell_group(&asleep, its, sizeof its));
	struct cell copied = parsed("ring:layout=slot/pingpong/smt/64/spin/copy=on", 0, 1);
	assert_string_equal(cell_label(&copied, its, sizeof its), "ring:layout=slot, copied");
	assert_string_equal(cell_label(&base, its, sizeof its), "pipe");
}

static void test_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },           { "1", 1 },       { "64", 64 },
		{ "4K", 4096 },       { "4k", 4096 },   { "1M", 1 << 20 },
		{ "3G", 3ULL << 30 }, { "4095", 4095 }, { "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = { "",
					   "K",
					   "-1",
					   " 1",
					   "1 ",
					   "1.5K",
					   "0x10",
					   "1KB",
					   "4T",
					   "+4",
					   "4KK",
					   "18446744073709551616",
					   "17179869184G" };
	uint64_t bytes;
	for (size_t g = 0; g < LENGTH(good); g++) {
		assert_int_equal(cell_parse_size(good[g].text, &bytes), 0);
		assert_int_equal(bytes, good[g].bytes);
	}
	for (size_t b = 0; b < LENGTH(bad); b++)
		if (!cell_parse_size(bad[b], &bytes))
			fail_msg("\"%s\" was taken for a size", bad[b]);

	static const uint64_t there_and_back[] = {
		0, 1, 1000, 1024, 1025, 4095, 1 << 20, 3ULL << 30, (1 << 20) + 1024, UINT64_MAX
	};
	for (size_t s = 0; s < LENGTH(there_and_back); s++) {
		char text[32];
		cell_size_text(there_and_back[s], text, sizeof text);
		assert_int_equal(cell_parse_size(text, &bytes), 0);
		assert_int_equal(bytes, there_and_back[s]);
	}
	char text[32];
	assert_string_equal(cell_size_text(4096, text, sizeof text), "4K");
	assert_string_equal(cell_size_text(100, text, sizeof text), "100");
	assert_string_equal(cell_size_text(1 << 20, text, sizeof text), "1M");
}

static void test_times(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "20us", 20000 },
		{ "1ns", 1 },
		{ "1.5ms", 1500000 },
		{ "50s", 50000000000 },
		{ "5m", 300000000000 },
		{ "1h", 3600000000000 },
		{ "0s", 0 },
	};
	static const char *const bad[] = { "",     "5",      "s",        "-5s",   "5 s",
					   " 5s",  "inf",    "nans",     "0x10s", "5d",
					   "1e3s", "1.2.3s", "99999999h" };
	uint64_t ns;
	for (size_t g = 0; g < LENGTH(good); g++) {
		assert_int_equal(cell_parse_time_ns(good[g].text, &ns), 0);
		assert_int_equal(ns, good[g].ns);
	}
	for (size_t b = 0; b < LENGTH(bad); b++)
		if (!cell_parse_time_ns(bad[b], &ns))
			fail_msg("\"%s\" was taken for a time", bad[b]);
}

static void test_waits(void **state)
{
	(void)state;
	static const char *const words[] = { "spin",  "pause",       "yield",           "block",
					     "poll",  "hybrid:20us", "hybrid:1500ns",   "hybrid:1s",
					     "epoll", "epoll:1",     "epoll:2147483647" };
	for (size_t w = 0; w < LENGTH(words); w++) {
		struct cell cell = { .depth = -1 };
		char text[64];
		assert_int_equal(cell_wait_parse(words[w], &cell.wait, &cell.wait_amount), 0);
		assert_string_equal(cell_wait_text(&cell, text, sizeof text), words[w]);
		assert_int_equal(cell_spins(&cell), w < 3);
	}
	static const char *const bad[] = { "",         "spinning",  "Block",    "hybrid:",
					   "hybrid:5", "block:5us", "epoll:",   "epoll:0",
					   "epoll:-1", "epoll:+1",  "epoll:1K", "epoll:2147483648",
					   "epolls" };
	enum cell_wait wait;
	uint64_t ns;
	for (size_t b = 0; b < LENGTH(bad); b++)
		assert_int_equal(cell_wait_parse(bad[b], &wait, &ns), -1);
}

static void test_shared_cpus(void **state)
{
	(void)state;
	struct cell cell = { .peers = 3, .cpus = { 0, 1, 2 } };
	assert_false(cell_shares_cpu(&cell));
	cell.cpus[2] = 0;
	assert_true(cell_shares_cpu(&cell));
	cell.peers = 2;
	assert_false(cell_shares_cpu(&cell));
	cell.peers = 1;
	assert_false(cell_shares_cpu(&cell));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_read_back),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_overlong_keys),
		cmocka_unit_test(test_longest_key_fits),
		cmocka_unit_test(test_curve),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_shared_cpus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
