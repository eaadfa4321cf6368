/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_counters.c - lists of events, what recorded counts come to, and counted lines read back. */
#include "bench/counters.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/level.h"
#include "bench/count.h"
#include "bench/pmu.h"
#include "reports/counts.h"
#include "said.h"
#include "synthetic.h"

/* ---- lists ---- */

static char why[256];

static void test_list(void **state)
{
	(void)state;
	struct counters c;

	assert_int_equal(counters_read("cs, {instructions:u,cycles:k} , page-faults,r01C2:u", &c,
				       why, sizeof why),
			 0);
	assert_int_equal(c.count, 5);
	assert_string_equal(c.counter[0].name, "cs");
	assert_int_equal(c.counter[0].event.type, PERF_TYPE_SOFTWARE);
	assert_int_equal(c.counter[0].event.config, PERF_COUNT_SW_CONTEXT_SWITCHES);
	assert_int_equal(c.counter[0].event.group, 0);
	assert_int_equal(c.counter[0].otherwise, ELSE_SWITCHES);
	assert_false(c.counter[0].event.spares_kernel);
	assert_int_equal(c.counter[1].event.config, PERF_COUNT_HW_INSTRUCTIONS);
	assert_true(c.counter[1].event.no_kernel && !c.counter[1].event.no_user);
	assert_true(c.counter[2].event.no_user && !c.counter[2].event.no_kernel);
	assert_int_equal(c.counter[1].event.group, c.counter[2].event.group);
	assert_int_not_equal(c.counter[1].event.group, 0);
	assert_int_equal(c.counter[3].event.group, 0);
	assert_int_equal(c.counter[4].event.type, PERF_TYPE_RAW);
	assert_int_equal(c.counter[4].event.config, 0x1c2);
	assert_true(c.counter[4].event.spares_kernel);
	assert_int_equal(counters_read("{cs,faults},{cycles,branches}", &c, why, sizeof why), 0);
	assert_int_not_equal(c.counter[1].event.group, c.counter[2].event.group);
	assert_int_equal(counters_read("none", &c, why, sizeof why), 0);
	assert_int_equal(c.count, 0);
	assert_int_equal(counters_read("default,branch-misses", &c, why, sizeof why), 0);
	assert_int_equal(c.count, 13);
	assert_string_equal(c.counter[0].what, "system calls");
}

static void test_mistakes(void **state)
{
	(void)state;
	static const struct {
		const char *list, *says;
	} mistakes[] = {
		{ "", "name is missing" },
		{ "cs,", "name is missing" },
		{ "cs,,faults", "name is missing" },
		{ "{}", "name is missing" },
		{ "{cs", "braces" },
		{ "cs}", "braces" },
		{ "{cs,{faults}}", "name is missing" },
		{ "{cs}faults", "braces" },
		{ "cs,cs", "twice" },
		{ "cylces", "\"cycles\"" },
		{ "cs:u", "in the kernel alone" },
		{ "cycles:x", "cycles:x" },
		{ "none,cs", "\"none\"" },
		{ "r", "\"r\"" },
		{ "r12345678901234567", "r12345678901234567" },
	};
	struct counters c;

	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		assert_int_equal(counters_read(mistakes[i].list, &c, why, sizeof why), -1);
		if (!strstr(why, mistakes[i].says))
			fail_msg("%s: %s", mistakes[i].list, why);
	}
	char many[4096] = "r0";

	for (int i = 1; i <= PAGE_COUNTERS; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), ",r%x", i);
	assert_int_equal(counters_read(many, &c, why, sizeof why), -1);
	assert_non_null(strstr(why, "over 32"));
}

/* A tracepoint that is not there costs its own place, no more. */
static void test_absent(void **state)
{
	(void)state;
	struct page_counter asked[PAGE_COUNTERS];
	int place[PAGE_COUNTERS];
	struct counters c;

	assert_int_equal(counters_read("cs,nothing:of_the_kind,faults", &c, why, sizeof why), 0);
	assert_true(c.counter[1].why[0]);
	assert_int_equal(counters_ask(&c, asked, place), 2);
	assert_int_equal(place[0], 0);
	assert_int_equal(place[1], -1);
	assert_int_equal(place[2], 1);
	assert_int_equal(asked[1].config, PERF_COUNT_SW_PAGE_FAULTS);
}

/* What the processor counts apart from the rest, groups whole, and each knows its place. */
static void test_apart(void **state)
{
	(void)state;
	struct counters c, parts[2];
	size_t place[2][PAGE_COUNTERS];

	assert_int_equal(
		counters_read("cs,cycles,{faults,instructions},r01c2,minor-faults,{cycles:u,"
			      "instructions:u},{task-clock,migrations}",
			      &c, why, sizeof why),
		0);
	struct tally tally;

	counters_try(&c.counter[1], &tally);
	/* without a PMU the others take all there is to count, and one visit does */
	bool pmu = isfinite(tally.per_operation);

	counters_try(&c.counter[5], &tally);
	assert_int_equal(counters_apart(&c, parts, place), pmu && isfinite(tally.per_operation));
	static const size_t processors[] = { 1, 2, 3, 4, 6, 7 }, kernels[] = { 0, 5, 8, 9 };

	assert_int_equal(parts[0].count, 6);
	assert_memory_equal(place[0], processors, sizeof processors);
	assert_int_equal(parts[1].count, 4);
	assert_memory_equal(place[1], kernels, sizeof kernels);
	for (size_t i = 0; i < parts[0].count; i++)
		assert_string_equal(parts[0].counter[i].name, c.counter[processors[i]].name);
	assert_int_equal(counters_read("cs,faults", &c, why, sizeof why), 0);
	assert_false(counters_apart(&c, parts, place));
}

/* ---- what the processor has ---- */

/* The folder of a PMU with these events, under pmu_devices, made or taken away. */
static void make_pmu(const char *name, const char *const events[], size_t n, bool make)
{
	char path[256];

	for (int depth = 0; depth < 2; depth++) {
		snprintf(path, sizeof path, "%s/%s%s", pmu_devices, name, depth ? "/events" : "");
		if (make)
			assert_int_equal(mkdir(path, 0700), 0);
	}
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s/events/e%zu", pmu_devices, name, i);
		if (!make) {
			unlink(path);
			continue;
		}
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		fprintf(file, "event=%s\n", events[i]);
		assert_int_equal(fclose(file), 0);
	}
	for (int depth = 1; depth >= 0 && !make; depth--) {
		snprintf(path, sizeof path, "%s/%s%s", pmu_devices, name, depth ? "/events" : "");
		assert_int_equal(rmdir(path), 0);
	}
}

static bool lacks(uint32_t type, uint64_t config)
{
	return pmu_lacks(&(struct page_counter){ .type = type, .config = config });
}

static void test_pmu(void **state)
{
	(void)state;
	static const char *const few[] = { "0x008", "0x011" }, *const more[] = { "0x003" };
	char folder[] = "/tmp/toll-test_counters-XXXXXX", name[64];
	const char *devices = pmu_devices;

	assert_non_null(mkdtemp(folder));
	pmu_devices = folder;
	make_pmu("software", NULL, 0, true);
	assert_false(pmu_name(name, sizeof name));
	assert_false(lacks(PERF_TYPE_RAW, 3));
	make_pmu("armv8_a", few, 2, true);
	assert_true(pmu_name(name, sizeof name));
	assert_string_equal(name, "armv8_a");
	/* what it lists, and what it does not */
	assert_false(lacks(PERF_TYPE_RAW, 8) || lacks(PERF_TYPE_RAW, 0x11));
	assert_true(lacks(PERF_TYPE_RAW, 3) && lacks(PERF_TYPE_RAW, 0x10));
	/* no list has a processor's own, the kernel's CHAIN, or what is no raw code */
	assert_false(lacks(PERF_TYPE_RAW, 0x40) || lacks(PERF_TYPE_RAW, 0x1e) ||
		     lacks(PERF_TYPE_HARDWARE, 3) || lacks(PERF_TYPE_RAW, 0x10003));
	/* big and little: it is enough that one has it; and a list that cannot be read says nothing
	 */
	make_pmu("armv8_b", more, 1, true);
	assert_false(lacks(PERF_TYPE_RAW, 3));
	assert_true(lacks(PERF_TYPE_RAW, 4));
	make_pmu("armv8_c", NULL, 0, true);
	assert_false(lacks(PERF_TYPE_RAW, 4));
	make_pmu("armv8_c", NULL, 0, false);
	make_pmu("armv8_b", more, 1, false);
	make_pmu("armv8_a", few, 2, false);
	make_pmu("software", NULL, 0, false);
	assert_int_equal(rmdir(folder), 0);
	pmu_devices = devices;
}

/* ---- recorded counts ---- */

static const struct counter cycles = {
	.name = "cycles", .event = { .type = PERF_TYPE_HARDWARE, .spares_kernel = 1 }
};
static const struct counter switches = { .name = "cs",
					 .event = { .type = PERF_TYPE_SOFTWARE },
					 .otherwise = ELSE_SWITCHES };
static const struct page_counted played = { .operations = 1000, .switches = 2010, .faults = 5 };

static void test_tally(void **state)
{
	(void)state;
	struct page_count count = { .value = 500000, .enabled_ns = 3000, .running_ns = 3000 };
	struct tally t;

	counters_tally(&cycles, &played, &count, &t);
	assert_true(t.per_operation == 500 && t.share == 1 && !t.user_only && !t.reason[0]);
	/* a third of the time: three times as many */
	count.running_ns = 1000;
	counters_tally(&cycles, &played, &count, &t);
	assert_true(fabs(t.per_operation - 1500) < 1e-9 && fabs(t.share - 1.0 / 3) < 1e-12);
	/* never had a counter: not known, whatever the value says */
	count = (struct page_count){ .enabled_ns = 3000 };
	counters_tally(&cycles, &played, &count, &t);
	assert_true(isnan(t.per_operation) && strstr(t.reason, "never had a counter"));
	/* a group that does not fit has its first events on for a moment: they count 0 meanwhile */
	count = (struct page_count){ .enabled_ns = 30000000, .running_ns = 240000 };
	counters_tally(&cycles, &played, &count, &t);
	assert_true(isnan(t.per_operation) && isnan(t.share) && strstr(t.reason, "smaller groups"));
	/* 0 counted is 0 */
	count = (struct page_count){ .enabled_ns = 3000, .running_ns = 3000, .user_only = 1 };
	counters_tally(&cycles, &played, &count, &t);
	assert_true(t.per_operation == 0 && t.user_only && !t.reason[0]);
	/* no turn: nothing to divide by */
	counters_tally(&cycles, &(struct page_counted){ 0 }, &count, &t);
	assert_true(isnan(t.per_operation) && t.reason[0]);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		int error;
		const char *says;
	} answers[] = {
		{ EACCES, "EACCES" }, { EPERM, "EPERM" },      { ENOENT, "ENOENT" },
		{ ENOSYS, "ENOSYS" }, { ENOSPC, "too large" }, { EMFILE, "open files" },
	};
	struct tally t;

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct page_count count = { .error = answers[i].error };

		counters_tally(&cycles, &played, &count, &t);
		assert_true(isnan(t.per_operation) && isnan(t.share));
		if (!strstr(t.reason, answers[i].says))
			fail_msg("%d: %s", answers[i].error, t.reason);
		/* of these the kernel has an account that anybody may read */
		counters_tally(&switches, &played, &count, &t);
		assert_true(t.usage && fabs(t.per_operation - 2.01) < 1e-12 && t.reason[0]);
	}
}

/* ---- lines ---- */

static const double sizes[] = { 64 };
static const struct synthetic_curve curves[] = {
	{ "pipe", { { 0, 3800, 0.5 } }, 0 },
	{ "unix-stream", { { 0, 7000, 0.25 } }, 0 },
};
static const struct synthetic small = { .curves = curves,
					.curve_count = 2,
					.sizes = sizes,
					.size_count = 1,
					.rounds = 6,
					.turns = 4,
					.worker_noise = 0.01,
					.seed = 5 };

#define PEER(value, share, by, user, reason)                                                       \
	"{\"per_operation\":" value ",\"share\":" share ",\"by\":" by ",\"user_only\":" user       \
	",\"reason\":" reason "}"
#define LINE(cell, events)                                                                         \
	"{\"kind\":\"counted\",\"cell\":" cell                                                     \
	",\"round\":0,\"at_s\":1,\"turns\":3,\"operations\":900,"                                  \
	"\"median_ns\":4000,\"reason\":null,\"counters\":[" events "]}\n"
#define EVENT(name, what, peers)                                                                   \
	"{\"name\":\"" name "\",\"what\":" what ",\"group\":0,\"peers\":[" peers "]}"
#define TWO(value) PEER(value, "1", "\"perf\"", "false", "null")
#define NONE PEER("null", "null", "null", "false", "\"no PMU\\u001b[31m here\"")

static const char good[] =
	LINE("1", EVENT("sys", "\"system calls\"", TWO("2") "," TWO("2.5")) "," EVENT(
			  "cs", "null",
			  PEER("1.01", "1", "\"getrusage\"", "false", "\"users may not\"") "," PEER(
				  "0.001", "0.25", "\"perf\"", "true",
				  "null")) "," EVENT("cycles", "null", NONE "," NONE));

static struct result *read_with(const char *line)
{
	int fd, more;
	synthetic_file(&small, &fd);
	struct stat status;
	assert_int_equal(fstat(fd, &status), 0);
	size_t length = (size_t)status.st_size;
	char *text = malloc(length + strlen(line) + 1);
	assert_non_null(text);
	assert_int_equal(pread(fd, text, length, 0), (ssize_t)length);
	memcpy(text + length, line, strlen(line) + 1);
	close(fd);
	struct result *result = result_read(synthetic_text(text, length + strlen(line), &more));
	close(more);
	free(text);
	return result;
}

static void test_read(void **state)
{
	(void)state;
	struct result *result = read_with(good);

	assert_non_null(result);
	assert_int_equal(result->counted_count, 1);
	assert_null(result_counts(result, 0));
	const struct result_counted *counted = result_counts(result, 1);
	assert_non_null(counted);
	assert_true(counted->cell == 1 && counted->peers == 2 && counted->count == 3);
	assert_true(counted->operations == 900 && counted->median_ns == 4000 && !counted->reason);
	assert_string_equal(counted->events[0].what, "system calls");
	assert_true(counted->events[0].peer[1].per_operation == 2.5);
	assert_true(counted->events[1].peer[0].usage && counted->events[1].peer[1].share == 0.25);
	assert_null(counted->events[1].what);
	assert_true(isnan(counted->events[2].peer[0].per_operation));
	assert_ptr_equal(counted->events[2].peer[0].reason, counted->events[2].peer[1].reason);
	result_free(result);
}

static void test_hostile(void **state)
{
	(void)state;
	static const struct {
		const char *line, *says;
	} lines[] = {
		{ LINE("2", ""), "cell" },
		{ LINE("-1", ""), "cell" },
		{ LINE("0", "") LINE("0", ""), "counted already" },
		{ LINE("0", "7"), "counters[0]" },
		{ LINE("0", EVENT("", "null", TWO("1") "," TWO("1"))), "empty" },
		{ LINE("0", EVENT("cs", "null", TWO("1"))), "1 of them for 2 peers" },
		{ LINE("0", EVENT("cs", "null", "1,2")), "not an object" },
		{ LINE("0", EVENT("cs", "null", TWO("-1") "," TWO("1"))), "per_operation" },
		{ LINE("0",
		       EVENT("cs", "null", TWO("1") "," PEER("1", "2", "null", "false", "null"))),
		  "share" },
		{ LINE("0", EVENT("cs", "null",
				  TWO("1") "," PEER("null", "null", "null", "false", "null"))),
		  "nothing was counted" },
		{ LINE("0", EVENT("cs", "null",
				  TWO("1") "," PEER("1", "1", "\"magic\"", "false", "null"))),
		  "by" },
		{ "{\"kind\":\"counted\",\"cell\":0,\"round\":0}\n", "counters" },
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		said_begin();
		struct result *result = read_with(lines[i].line);
		const char *said = said_end();

		assert_null(result);
		if (!strstr(said, lines[i].says))
			fail_msg("%s: %s", lines[i].line, said);
	}
}

/* ---- the table ---- */

static char *printed(const struct arrangement *a, void (*print)(FILE *, const struct arrangement *))
{
	char *text = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&text, &bytes);

	assert_non_null(stream);
	print(stream, a);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void as_table(FILE *stream, const struct arrangement *a)
{
	assert_int_equal(counts_print(stream, a, 100), 0);
}

static void as_markdown(FILE *stream, const struct arrangement *a)
{
	assert_int_equal(counts_markdown(stream, a), 0);
}

static void as_csv(FILE *stream, const struct arrangement *a)
{
	struct counts_columns *columns = counts_columns(a->result);

	assert_non_null(columns);
	counts_csv_head(stream, columns);
	for (unsigned cell = 0; cell < 2; cell++) {
		fputc('\n', stream);
		counts_csv(stream, columns, cell);
	}
	fputc('\n', stream);
	free(columns);
}

static void wants(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not there: %s\nin: %s", part, text);
}

static void test_table(void **state)
{
	(void)state;
	struct result *result = read_with(good);
	size_t n;
	struct level *levels = level_of(result, &n);
	struct arrangement *a = arrange(result, levels, n);
	char *text = printed(a, as_table), *html = printed(a, counts_html);
	json_t *json = counts_json(a);

	wants(text, "system calls");
	wants(text, "unix-stream");
	wants(text, "2.00 2.50");
	wants(text, "1.01 ~<.01u");
	wants(text, "not counted: cycles: no PMU?[31m here\n");
	wants(text, "by getrusage(2): cs: users may not\n");
	assert_null(strstr(text, "\n  pipe ")); /* it was not counted: no row of zeros */
	wants(html, "2.00 · 2.50");
	wants(html, "~&lt;.01u");
	wants(html, "not counted: cycles");
	assert_int_equal(json_array_size(json), 1);
	assert_true(json_is_null(json_object_get(
		json_array_get(
			json_object_get(
				json_array_get(json_object_get(json_array_get(json, 0), "counters"),
					       2),
				"peers"),
			0),
		"per_operation")));
	json_decref(json);
	free(html);
	free(text);
	text = printed(a, as_markdown);
	wants(text, "| unix-stream | 64 B | 2.00 · 2.50 | 1.01 · \\~&lt;.01u |");
	wants(text, "* not counted: cycles: no PMU");
	wants(text, "* not counted: 1 cell: the budget left no time for it "
		    "(pipe/pingpong/same-cpu/64/block)");
	free(text);
	text = printed(a, as_csv);
	assert_string_equal(text, ",counted_median_ns,\"sys_peer_0\",\"sys_peer_1\",\"cs_peer_0\","
				  "\"cs_peer_1\",\"cycles_peer_0\",\"cycles_peer_1\"\n"
				  ",,,,,,,\n"
				  ",4000,2,2.5,1.01,0.001,,\n");
	free(text);
	arrange_free(a);
	free(levels);
	result_free(result);
}

/* ---- what is counted first ---- */

static void test_order(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		unsigned turn;
	} cells[] = {
		{ "pipe/pingpong/same-cpu/256/block", 2 },
		{ "pipe/pingpong/same-cpu/64/block", 0 },
		{ "pipe/pingpong/same-cpu/1K/block", 3 },
		{ "pipe/pingpong/shared-l3/64/block/idle=awake", 1 },
		{ "pipe/pingpong/shared-l3/4K/block/idle=awake", 2 },
		{ "pipe/pingpong/same-cpu/64/poll", 0 },
		{ "pipe/stream/same-cpu/1K/block", 0 },
		{ "pipe:capacity=1M/pingpong/shared-l3/1K/block/idle=awake", 0 },
		{ "ring/pingpong/shared-l3/64/block/idle=awake", 0 },
		{ "ring/pingpong/cross-numa/64/block/idle=awake", 1 },
		{ "ring/pingpong/shared-l3/64/block/idle=awake/copy=on", 0 },
	};
	enum { COUNT = sizeof cells / sizeof *cells };
	struct plan_cell planned[COUNT] = { 0 };
	struct plan plan = { .cells = planned, .cell_count = COUNT };
	const char *wrong;
	unsigned behind;

	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(cell_parse(&planned[i].cell, cells[i].key, &wrong), 0);
	unsigned *order = count_order(&plan, &behind);

	assert_non_null(order);
	assert_int_equal(behind, 4);
	for (size_t i = 0; i < COUNT; i++)
		if (order[i] != cells[i].turn)
			fail_msg("%s: %u, not %u", cells[i].key, order[i], cells[i].turn);
	free(order);
	plan.cell_count = 0;
	order = count_order(&plan, &behind);
	assert_true(order && behind == 1);
	free(order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),     cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_absent),   cmocka_unit_test(test_tally),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_read),
		cmocka_unit_test(test_hostile),  cmocka_unit_test(test_table),
		cmocka_unit_test(test_order),    cmocka_unit_test(test_apart),
		cmocka_unit_test(test_pmu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
