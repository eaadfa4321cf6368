/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_report.c - tables, summary, page and files of results whose figures are known, and of
 * results that mean harm. */
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../bench/say.h"
#include "../../reports/arrange.h"
#include "../../reports/figures.h"
#include "../../reports/left_out.h"
#include "../../reports/looks_text.h"
#include "../../reports/report.h"
#include "../../reports/table.h"
#include "../../reports/text.h"
#include "said.h"

/* ---- a result of known figures ---- */

/* Everything an attacker might try, as it stands in JSON. */
#define EVIL                                                                                       \
	"<script>alert(1)</script>\\n\\\"; system(\\\"touch pwned\\\") `touch pwned` ' \\\\ "      \
	"\\u001b[31m \\u202e $(touch pwned) %s & {/Bold x}"

struct row {
	const char *mechanism, *options, *pattern, *placement, *wait;
	double ns[3]; /* at 64, 4096 and 65536 B; 0: not in the plan */
	bool fails;
};

static const double sizes[] = { 64, 4096, 65536 };
static const char *const size_names[] = { "64", "4K", "64K" };

static const struct row rows[] = {
	{ "pipe", "", "pingpong", "same-cpu", "block", { 4000, 5000, 24000 }, false },
	{ "futex", "", "pingpong", "same-cpu", "block", { 3000, 5500, 30000 }, false },
	{ "unix-stream", "", "pingpong", "same-cpu", "block", { 7000, 8000, 0 }, true },
	{ "ring", "layout=slot", "pingpong", "shared-l3", "spin", { 250, 700, 0 }, false },
	{ "ring", "layout=shared-line", "pingpong", "shared-l3", "spin", { 500, 1050, 0 }, false },
	{ "ring", "layout=slot", "stream", "shared-l3", "spin", { 8, 0, 0 }, false },
	{ "ring", "layout=shared-line", "stream", "shared-l3", "spin", { 64, 0, 0 }, false },
	{ "mpsc", "layout=padded", "stream", "shared-l3", "spin", { 20, 0, 0 }, false },
	{ "mpsc", "layout=shared-line", "stream", "shared-l3", "spin", { 90, 0, 0 }, false },
};

/* the right-to-left override, U+202E */
static const char override[] = { '\xe2', '\x80', '\xae', '\0' };

enum { ROWS = sizeof rows / sizeof *rows, ROUNDS = 24 };

static void write_cell(FILE *file, const struct row *row, size_t size, unsigned id)
{
	bool across = !strcmp(row->placement, "shared-l3"), rtt = !strcmp(row->pattern, "pingpong");

	fprintf(file,
		"%s{\"id\":%u,\"key\":\"%s%s%s/%s/%s/%s/"
		"%s\",\"mechanism\":\"%s\",\"options\":\"%s\","
		"\"pattern\":\"%s\",\"pattern_options\":\"\",\"placement\":\"%s\",\"cpus\":[0,%d],"
		"\"peers\":2,\"size\":%.0f,\"depth\":null,\"slots\":64,\"wait\":\"%s\","
		"\"wait_class\":\"%s\",\"idle\":null,\"copy\":false,\"touch\":\"all\","
		"\"peers_are\":\"processes\",\"replica\":0,\"sequential\":false,\"quantity\":\"%"
		"s\","
		"\"messages\":%d,\"bytes\":%.0f}",
		id ? "," : "", id, row->mechanism, *row->options ? ":" : "", row->options,
		row->pattern, row->placement, size_names[size], row->wait, row->mechanism,
		row->options, row->pattern, row->placement, across, sizes[size], row->wait,
		strcmp(row->wait, "spin") ? "sleeping" : "spinning",
		rtt ? "rtt_ns" : "per_message_ns", rtt ? 2 : 1, (rtt ? 2 : 1) * sizes[size]);
}

static void write_header(FILE *file, bool hostile)
{
	const char *evil = hostile ? EVIL : "";
	unsigned id = 0;

	fprintf(file,
		"{\"kind\":\"header\",\"schema\":1,\"toll\":\"0.1.0\",\"created\":\"2025-01-02T03:"
		"04:05Z\","
		"\"seed\":7,\"host\":{\"name\":\"vm%s\",\"kernel\":\"6.1.0%s\",\"cpu_model\":"
		"\"Test%s\","
		"\"hypervisor\":\"KVM%s\",\"cpus_allowed\":\"0-1\",\"governor\":null,\"smt\":false,"
		"\"command_line\":\"quiet%s\",\"mitigations\":{\"melt%s\":\"PTI%s\"}},"
		"\"clock\":{\"source\":\"tsc\",\"ticks_per_ns\":2.1,\"cost_ns\":11.5,\"step_ns\":0."
		"5},"
		"\"topology\":{\"source\":\"machine\",\"this_system\":true},"
		"\"worker\":{\"path\":\"toll-worker%s\",\"abi\":1,\"compiler\":\"gcc%s\","
		"\"plugins\":[]},"
		"\"plan\":{\"config\":\"quick%s\",\"margin\":0.02,\"budget_s\":60,\"rounds\":%d,"
		"\"operations\":null,\"refused\":["
		"{\"cell\":\"pipe/pingpong/same-cpu/64/spin\",\"reason\":\"two spinning peers on "
		"one CPU%s\"},"
		"{\"cell\":\"pipe/pingpong/same-cpu/4K/spin\",\"reason\":\"two spinning peers on "
		"one CPU%s\"},"
		"{\"cell\":\"pipe/pingpong/smt/64/block\",\"reason\":\"no SMT "
		"siblings\"}],\"cells\":[",
		evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, ROUNDS, evil, evil);
	for (size_t r = 0; r < ROWS; r++)
		for (size_t s = 0; s < 3; s++)
			if (rows[r].ns[s] > 0)
				write_cell(file, &rows[r], s, id++);
	fprintf(file,
		"],\"controls\":[{\"name\":\"switch\",\"cpus\":[0]},"
		"{\"name\":\"futex-wake\",\"cpus\":[0]},{\"name\":\"futex-wait\",\"cpus\":[0]},"
		"{\"name\":\"hand-over\",\"cpus\":[0]},"
		"{\"name\":\"copy\",\"level\":\"%s\",\"cpus\":[0],\"bytes\":4096},"
		"{\"name\":\"copy\",\"level\":\"L3\",\"cpus\":[0],\"bytes\":8192,\"reason\":\"too "
		"large%s\"},"
		"{\"name\":\"self\",\"cpus\":[0],\"cell\":\"futex/self/same-cpu/64/block\"},"
		"{\"name\":\"self\",\"cpus\":[0],\"cell\":\"pipe/self/same-cpu/64/block\"}]}}\n",
		hostile ? "<script>$(x)`" : "L1", evil);
}

/* A sleep is 700: half a hand-over less 100, 100 and the switch. */
static void write_controls(FILE *file, bool hostile)
{
	static const double ns[] = { 600, 100, 100, 3000, 40, 0, 250 };

	for (unsigned i = 0; i < 6; i++)
		for (unsigned c = 0; c < 7; c++)
			if (ns[c] > 0)
				fprintf(file,
					"{\"kind\":\"control\",\"control\":%u,\"round\":%u,"
					"\"ns\":%g}\n",
					c, i, ns[c]);
	fprintf(file,
		"{\"kind\":\"control\",\"control\":7,\"round\":0,\"ns\":null,\"reason\":\"no "
		"worker%s\"}\n",
		hostile ? EVIL : "");
}

/* Workers of one round differ by a factor that they share: pairs are exact, levels are not. */
static void write_workers(FILE *file, bool hostile)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned id = 0;
		for (size_t r = 0; r < ROWS; r++) {
			for (size_t s = 0; s < 3; s++) {
				if (!(rows[r].ns[s] > 0))
					continue;
				/* cells that are compared share a visit: same pattern, placement,
				 * size */
				unsigned group = (r < 3 ? 0 : r < 5 ? 3 : 6) + (unsigned)s;
				fprintf(file,
					"{\"kind\":\"worker\",\"cell\":%u,\"round\":%u,\"block\":%"
					"u,"
					"\"visit\":%u,\"reference\":false,",
					id++, round, group, 9 * round + group);
				if (rows[r].fails && s == 1) {
					fprintf(file,
						"\"state\":\"failed\",\"reason\":\"killed by "
						"signal 11%s\"}\n",
						hostile ? EVIL : "");
					continue;
				}
				double ns =
					rows[r].ns[s] * (1 + 0.002 * (round * 7 % ROUNDS - 11.5));
				fprintf(file,
					"\"state\":\"ok\",\"operations\":16,\"uncounted\":20,"
					"\"capacity\":null,"
					"\"batch_ns\":[%.9g,%.9g,%.9g],\"canary_ns\":%s,\"host_"
					"state\":%s,"
					"\"cpu_ns\":[%.6g,%.6g],\"histogram\":null,\"lost\":0,"
					"\"settled\":true,"
					"\"disturbance\":%s,\"layout\":{}}\n",
					ns, ns, ns, r < 3 ? "null" : "120",
					r < 3 ? "null" : "\"far\"", rows[r].ns[s] / 4,
					rows[r].ns[s] / 4,
					r < 3 ? "[{\"switches\":54,\"involuntary\":54},"
						"{\"switches\":54,\"involuntary\":54}]"
					      : "[]");
			}
		}
	}
	fprintf(file,
		"{\"kind\":\"summary\",\"ended\":\"rounds\",\"rounds\":%d,\"visits\":10,\"elapsed_"
		"s\":42,"
		"\"failed\":%d,\"cells\":[]}\n",
		ROUNDS, ROUNDS);
}

struct fixture {
	char directory[64], path[128];
	struct result *result;
	struct level *levels;
	size_t n;
};

static void load(struct fixture *f, bool hostile)
{
	strcpy(f->directory, "/tmp/toll-report-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof f->path, "%s/run.ndjson", f->directory);
	FILE *file = fopen(f->path, "we");
	assert_non_null(file);
	write_header(file, hostile);
	write_workers(file, hostile);
	write_controls(file, hostile);
	assert_int_equal(fclose(file), 0);
	f->result = result_read(f->path);
	assert_non_null(f->result);
	f->levels = level_of(f->result, &f->n);
	assert_non_null(f->levels);
}

static void unload(struct fixture *f)
{
	char command[128];

	free(f->levels);
	result_free(f->result);
	snprintf(command, sizeof command, "rm -rf %s", f->directory);
	assert_int_equal(system(command), 0);
}

static char *slurp(const char *path)
{
	static char text[1 << 22];
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	return text;
}

/* What a writer says of a string. */
static const char *written(void (*write)(FILE *, const char *), const char *text)
{
	static char out[256];
	FILE *file = fmemopen(out, sizeof out, "w");

	write(file, text);
	fclose(file);
	return out;
}

/* ---- text ---- */

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("3.81 µs ±0.4 %"), 14);
	assert_int_equal(text_width("e\xCC\x81"), 1); /* e with a combining accent */
	assert_int_equal(text_width("日本"), 4);
	assert_int_equal(text_width("\x1b[31m"), 5); /* shown as ?[31m */
	assert_int_equal(text_width("a\xff"
				    "b"),
			 3);
	assert_int_equal(text_width("\xe2\x82"), 2); /* a character cut short: each byte is a ? */
}

static void test_clean(void **state)
{
	(void)state;
	char out[16];
	const char mixed[] = { 'x', '\xe2', '\x80', '\xae', 'y', '\0' };

	assert_string_equal(text_clean("a\nb\x1b"
				       "c\x7f",
				       out, sizeof out),
			    "a?b?c?");
	assert_string_equal(text_clean("µs \xff \xc2\x9b", out, sizeof out), "µs ? ?");
	assert_string_equal(text_clean(mixed, out, sizeof out), "x?y"); /* right-to-left override */
	assert_string_equal(text_clean("0123456789abcdefgh", out, sizeof out), "0123456789abcde");
	assert_string_equal(text_clean("01234567890123µ", out, sizeof out),
			    "01234567890123"); /* not half of it */
}

static void test_escapes(void **state)
{
	(void)state;
	char out[64];

	assert_string_equal(written(text_html, "<a href=\"x\" b='y'>&`\n"),
			    "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&#96;?");
	assert_string_equal(written(text_csv, "a\"b,c"), "\"a\"\"b,c\"");
	assert_string_equal(written(text_csv, "=1+1"), "\"'=1+1\"");
	assert_string_equal(written(text_csv, "pipe"), "\"pipe\"");
	assert_string_equal(written(text_markdown, "a|b*<c>&`"), "a\\|b\\*&lt;c>&amp;\\`");
	assert_string_equal(text_label("a\t\"b'`c\\ {d} <e> & @f $g #h %s", out, sizeof out),
			    "a?.b..c. (d) (e) + af .g .h %s");
}

static void test_numbers(void **state)
{
	(void)state;
	char out[TEXT_NUMBER], text[96];

	assert_string_equal(text_number(0.2923, out), "0.292");
	assert_string_equal(text_number(0.05, out), "0.0500");
	assert_string_equal(text_number(3.8149, out), "3.81");
	assert_string_equal(text_number(9.996, out), "10.0");
	assert_string_equal(text_number(14.04, out), "14.0");
	assert_string_equal(text_number(99.96, out), "100");
	assert_string_equal(text_number(1310.4, out), "1310");
	assert_string_equal(text_number(0, out), "0");
	assert_string_equal(text_number(NAN, out), "-");
	assert_string_equal(text_spread((struct interval){ 100, 99.6, 100.3, 9 }, out), "±0.4 %");
	assert_string_equal(text_spread((struct interval){ 100, 90, 112, 9 }, out), "±12 %");
	assert_string_equal(text_spread((struct interval){ 100, 40, 230, 9 }, out), "×÷2.5");
	assert_string_equal(text_spread((struct interval){ 100, 5, 2200, 9 }, out), "×÷22");
	assert_string_equal(text_spread((struct interval){ 100, NAN, NAN, 1 }, out), "±?");
	assert_string_equal(text_interval((struct interval){ 3810, 3795, 3825, 9 }, 1e3, "µs", text,
					  sizeof text),
			    "3.81 µs (3.79 … 3.83)");
	assert_string_equal(
		text_interval((struct interval){ 5, 2, INFINITY, 9 }, 1, "GB/s", text, sizeof text),
		"5.00 GB/s (over 2.00)");
	assert_string_equal(
		text_interval((struct interval){ 5, NAN, NAN, 1 }, 1, "", text, sizeof text),
		"5.00 (no interval)");
	assert_string_equal(text_unit_ns(9999).name, "ns");
	assert_string_equal(text_unit_ns(10001).name, "µs");
	assert_string_equal(text_unit_bytes_per_s(2e9).name, "GB/s");
}

/* ---- table ---- */

static void test_table(void **state)
{
	(void)state;
	struct table *table = table_new(3);
	char *out = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&out, &bytes);

	table_column(table, 1, TABLE_POINT, 2);
	table_column(table, 2, TABLE_RIGHT, 1);
	table_row(table);
	table_span(table, 2, TABLE_RIGHT, SAY_BOLD, "%s", "µs");
	table_cell(table, SAY_PLAIN, "%s", "n");
	table_row(table);
	table_cell(table, SAY_GOOD, "%s", "µ-ring");
	table_cell(table, SAY_PLAIN, "%s", "0.292");
	table_cell(table, SAY_PLAIN, "%s", "±12 %");
	table_row(table);
	table_cell(table, SAY_PLAIN, "%s", "pipe\n");
	table_cell(table, SAY_PLAIN, "%s", "1310");
	table_cell(table, SAY_PLAIN, "%s", "");
	table_row(table);
	table_cell(table, SAY_PLAIN, "%s", "x");
	table_cell(table, SAY_PLAIN, "%s", "-");
	assert_int_equal(table_width(table), 6 + 2 + 8 + 1 + 5);
	assert_int_equal(table_print(stream, table, 1), 0);
	fclose(stream);
	assert_string_equal(out, "               µs     n\n"
				 " µ-ring     0.292 ±12 %\n"
				 " pipe?   1310\n"
				 " x          -\n");
	free(out);
	table_free(table);
}

static void test_table_overfull(void **state)
{
	(void)state;
	struct table *table = table_new(1);

	table_row(table);
	table_cell(table, SAY_PLAIN, "a");
	table_cell(table, SAY_PLAIN, "b");
	assert_int_equal(table_print(stdout, table, 0), -1);
	table_free(table);
}

/* ---- arrangement and summary ---- */

static void test_arrangement(void **state)
{
	(void)state;
	struct fixture f;

	load(&f, false);
	struct arrangement *a = arrange(f.result, f.levels, f.n);
	assert_non_null(a);
	assert_int_equal(a->sheet_count, 3);
	const struct sheet *same = &a->sheets[0], *across = &a->sheets[1], *stream = &a->sheets[2];
	assert_string_equal(same->situation, "same-cpu, sleeping");
	assert_string_equal(across->situation, "shared-l3, spinning, host state far");
	assert_true(same->new_situation && across->new_situation && !stream->new_situation);
	assert_int_equal(same->measure, MEASURE_RTT);
	assert_int_equal(stream->measure, MEASURE_BANDWIDTH);
	assert_int_equal(same->size_count, 3);
	/* fastest first, by the smallest size; who is fastest changes with the size */
	assert_string_equal(same->rows[0].label, "futex");
	assert_string_equal(same->rows[1].label, "pipe");
	assert_string_equal(same->rows[2].label, "unix-stream");
	assert_true(same->rows[0].cells[0].fastest && !same->rows[1].cells[0].fastest);
	assert_true(same->rows[1].cells[1].fastest && !same->rows[0].cells[1].fastest);
	assert_false(same->rows[1].cells[0].tied);
	/* every worker of it failed; and one that was not planned */
	assert_true(same->rows[2].cells[1].cell >= 0 && !same->rows[2].cells[1].level);
	assert_int_equal(same->rows[2].cells[2].cell, -1);
	assert_int_equal(a->refused_count, 2);
	assert_int_equal(a->refused[0].count, 2);
	assert_int_equal(a->failed_count, 1);
	assert_int_equal(a->failed_workers, ROUNDS);
	assert_int_equal(a->failed[0].key_count, 1);
	arrange_free(a);
	unload(&f);
}

/* One thing that keeps out many mechanisms is said once. */
static void test_left_out(void **state)
{
	(void)state;
	struct reason refused[] = {
		{ "two peers spin", 7, { "pipe/a", "futex/a", "ring/a", "mailbox/a" }, 7, NULL },
		{ "futex has no descriptor to poll",
		  3,
		  { "futex/b", "futex/c", "futex/d" },
		  3,
		  NULL },
		{ "ring:layout=slot has no descriptor to poll",
		  2,
		  { "ring:layout=slot/b", "ring/c" },
		  2,
		  NULL },
		{ "mailbox has no descriptor to poll", 2, { "mailbox/b", "mailbox/c" }, 2, NULL },
		{ "copy is for others; pipe copies anyway", 1, { "pipe/e" }, 1, NULL },
		{ "copy is for others; unix-stream copies anyway",
		  1,
		  { "unix-stream:a=b/e" },
		  1,
		  NULL },
		{ "sysv-sem: sysctl kernel.sem is 0", 1, { "sysv-sem/a" }, 1, NULL },
		{ "sysv-queue: sysctl kernel.sem is 0", 1, { "sysv-queue/a" }, 1, NULL },
		{ "unix carries 8 B", 1, { "unix/a" }, 1, NULL },
		{ "unix-stream carries 8 B", 1, { "unix-stream/a" }, 1, NULL },
		{ "pipes carry 9 B", 1, { "pipe/a" }, 1, NULL },
		{ "", 1, { "" }, 1, NULL },
	};
	struct arrangement a = { .refused = refused,
				 .refused_count = sizeof refused / sizeof *refused };
	static const struct {
		size_t count, keys;
		const char *text;
	} wanted[] = {
		{ 7, 7, "two peers spin" },
		{ 5, 5, "futex, mailbox: each has no descriptor to poll" },
		{ 2, 2, "pipe, unix-stream: copy is for others; each copies anyway" },
		{ 2, 2, "ring:layout=slot has no descriptor to poll" },
		{ 2, 2, "sysv-sem, sysv-queue: sysctl kernel.sem is 0" },
		{ 2, 2, "unix, unix-stream: each carries 8 B" },
		{ 1, 1, "" },
		{ 1, 1, "pipes carry 9 B" },
	};
	size_t n;
	struct reason *list = left_out(&a, &n);
	assert_non_null(list);
	assert_int_equal(n, sizeof wanted / sizeof *wanted);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(list[i].text, wanted[i].text);
		assert_int_equal(list[i].count, wanted[i].count);
		assert_int_equal(list[i].key_count, wanted[i].keys);
	}
	assert_string_equal(list[1].keys[3], "mailbox/b");
	left_out_free(list, n);
	a.refused_count = 0;
	list = left_out(&a, &n);
	assert_int_equal(n, 0);
	left_out_free(list, n);
}

static void test_false_sharing(void **state)
{
	(void)state;
	struct fixture f;

	load(&f, false);
	struct arrangement *a = arrange(f.result, f.levels, f.n);
	static const double factor[] = { 2, 1.5, 8, 4.5 };
	assert_int_equal(a->sharing_count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_true(a->sharing[i].paired);
		assert_true(fabs(a->sharing[i].factor.estimate - factor[i]) < 1e-6);
		assert_int_equal(a->sharing[i].factor.n, ROUNDS);
	}
	assert_int_equal(a->sharing[0].quantity, QUANTITY_RTT);
	assert_int_equal(a->sharing[2].quantity, QUANTITY_MESSAGE);
	arrange_free(a);
	unload(&f);
}

/* Two cells of the same times are told apart by nobody. */
static void test_tie(void **state)
{
	(void)state;
	struct fixture f;

	load(&f, false);
	for (size_t i = 0; i < f.result->worker_count; i++) {
		struct result_worker *worker = &f.result->workers[i];
		if (worker->cell > 3 || !worker->ok) /* pipe 64 4K 64K, futex 64 */
			continue;
		double nudge = worker->cell == 3 ? (worker->round % 3 ? 1.001 : 0.9985) : 1;
		for (size_t t = 0; t < worker->turns; t++)
			worker->batch_ns[t] = 4000 * nudge;
		worker->value = log(4000 * nudge);
	}
	free(f.levels);
	f.levels = level_of(f.result, &f.n);
	struct arrangement *a = arrange(f.result, f.levels, f.n);
	const struct sheet *same = &a->sheets[0];
	assert_int_equal(same->rows[0].cells[0].fastest + same->rows[1].cells[0].fastest, 1);
	assert_int_equal(same->rows[0].cells[0].tied + same->rows[1].cells[0].tied, 1);
	arrange_free(a);
	unload(&f);
}

static char *summary_of(const struct fixture *f)
{
	char *out = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&out, &bytes);

	assert_int_equal(report_summary(stream, f->result, f->levels, f->n), 0);
	fclose(stream);
	return out;
}

static void test_summary(void **state)
{
	(void)state;
	struct fixture f;

	load(&f, false);
	char *out = summary_of(&f);
	assert_non_null(strstr(out, "vm  Test\n"));
	assert_non_null(strstr(out, "24 rounds · 0:42"));
	assert_non_null(strstr(out, "pingpong: round trip (RTT), µs"));
	assert_non_null(strstr(out, "  futex        3.00 ±0.6 % ◂   5.50 ±0.6 %   30.0 ±0.6 %"));
	assert_non_null(strstr(out, "  pipe         4.00 ±0.6 %     5.00 ±0.6 % ◂ 24.0 ±0.6 % ◂"));
	assert_non_null(strstr(out, "  unix-stream  7.00 ±0.6 %   failed           -"));
	assert_non_null(strstr(out, "stream: payload received, GB/s"));
	assert_non_null(strstr(out, "\n  2 cells  two spinning peers on one CPU\n"));
	assert_non_null(strstr(out, "\n  24 workers  killed by signal 11\n"));
	assert_non_null(strstr(out, "False sharing"));
	assert_null(strchr(out, '\x1b'));
	/* aligned: within 100 columns, nothing at line ends */
	for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
		assert_true(text_width(line) <= 100);
		assert_int_not_equal(line[strlen(line) - 1], ' ');
	}
	free(out);
	unload(&f);
}

/* What looks have decided stands below the counts, in summary and JSON alike. */
static void test_looks(void **state)
{
	(void)state;
	/* cell 1 has two levels */
	static struct result_decision first[] = {
		{ 0, STATE_NONE, DECIDED_PRECISE, 0 },
		{ 1, STATE_NEAR, DECIDED_PRECISE, 1 },
		{ 1, STATE_FAR, DECIDED_SLOWER, 0 },
	};
	struct fixture f;
	char text[LOOKS_TEXT];

	load(&f, false);
	assert_string_equal(looks_text(f.result, text), "");
	f.result->look_count = 1;
	f.result->looks[0] = (struct result_look){
		.number = 2, .rounds = 20, .at_s = 31, .budget_s = 60, .alpha = 5e-5, .spent = 5e-5
	};
	snprintf(text, sizeof text, "1 look, 0 of %zu cells decided (α spent 0.000050)",
		 f.result->cell_count);
	char *out = summary_of(&f);
	assert_non_null(strstr(out, text));
	free(out);
	f.result->look_count = 2;
	f.result->looks[1] = (struct result_look){ .number = 3,
						   .rounds = 30,
						   .at_s = 45.4,
						   .budget_s = 60,
						   .alpha = 0.02,
						   .spent = 0.0236,
						   .decisions = first,
						   .decision_count = 3 };
	f.result->cells[0].decided = f.result->cells[1].decided = true;
	snprintf(text, sizeof text,
		 "2 looks, 2 of %zu cells decided: none at 0:31, 2 at 0:45 (α spent 0.0236)\n",
		 f.result->cell_count);
	out = summary_of(&f);
	assert_non_null(strstr(out, text));
	free(out);
	json_t *looks = looks_json(f.result);
	assert_int_equal(json_array_size(looks), 2);
	const json_t *decision =
		json_array_get(json_object_get(json_array_get(looks, 1), "decided"), 2);
	assert_string_equal(json_string_value(json_object_get(decision, "cell")),
			    f.result->cells[1].key);
	assert_string_equal(json_string_value(json_object_get(decision, "against")),
			    f.result->cells[0].key);
	assert_string_equal(json_string_value(json_object_get(decision, "how")), "slower");
	assert_string_equal(json_string_value(json_object_get(decision, "host_state")), "far");
	json_decref(looks);

	json_object_set_new(f.result->summary, "ended", json_string("decided"));
	assert_null(ended_early(f.result));
	assert_string_equal(looks_text(f.result, text),
			    "All 2 cells that could be measured are decided after 2 looks, 0:45 of "
			    "1:00: none at 0:31, 2 at 0:45 (α spent 0.0236)");
	for (size_t i = 0; i < f.result->cell_count; i++)
		f.result->cells[i].decided = true;
	assert_non_null(strstr(looks_text(f.result, text), " cells decided after 2 looks, "));
	f.result->look_count = 0; /* its decisions are not the result's to free */
	unload(&f);
}

static void test_summary_hostile(void **state)
{
	(void)state;
	struct fixture f;

	load(&f, true);
	char *out = summary_of(&f);
	assert_null(strchr(out, '\x1b'));
	assert_null(strstr(out, override));
	free(out);
	unload(&f);
}

static void test_json(void **state)
{
	(void)state;
	struct fixture f;
	char *out = NULL;
	size_t bytes;

	load(&f, true);
	FILE *stream = open_memstream(&out, &bytes);
	assert_int_equal(report_json(stream, f.result, f.levels, f.n), 0);
	fclose(stream);
	json_t *object = json_loads(out, 0, NULL);
	assert_non_null(object);
	assert_int_equal(json_array_size(json_object_get(object, "cells")), f.n);
	assert_int_equal(json_array_size(json_object_get(object, "refused")), 2);
	const json_t *cell = json_array_get(json_object_get(object, "cells"), 0);
	assert_string_equal(json_string_value(json_object_get(cell, "cell")),
			    "futex/pingpong/same-cpu/64/block");
	double ns = json_number_value(json_object_get(json_object_get(cell, "rtt_ns"), "estimate"));
	assert_true(fabs(ns / 3000 - 1) < 1e-3);
	json_decref(object);
	free(out);
	unload(&f);
}

/* ---- what is written ---- */

/* report_write() with its own lines kept away from the test's. */
static int write_quietly(const struct fixture *f, const struct report_options *options, char *path)
{
	int kept = dup(STDOUT_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	fflush(stdout);
	dup2(nowhere, STDOUT_FILENO);
	int status = report_write(f->result, options, path);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	close(nowhere);
	return status;
}

static bool have_gnuplot(void)
{
	return !system("command -v gnuplot >/dev/null 2>&1");
}

/* Every identifier of a page once: drawings share a document. */
static void check_identifiers(const char *html)
{
	enum { MOST = 2000 };
	static char seen[MOST][64];
	size_t n = 0;

	for (const char *at = html; (at = strstr(at, " id=")); at++) {
		char id[64];
		assert_int_equal(sscanf(at, " id=%*1['\"]%63[^'\"]", id), 1);
		for (size_t i = 0; i < n; i++)
			assert_string_not_equal(seen[i], id);
		assert_true(n < MOST);
		memcpy(seen[n++], id, sizeof id);
	}
	assert_true(n > 5);
}

/* What drops messages is the fastest of nobody: neither in tables nor in words. */
static void test_losing(void **state)
{
	(void)state;
	struct fixture f;
	char path[PATH_MAX];

	load(&f, false);
	for (size_t i = 0; i < f.result->worker_count; i++)
		f.result->workers[i].lost = f.result->workers[i].cell == 3; /* futex at 64 B */
	free(f.levels);
	f.levels = level_of(f.result, &f.n);
	char *out = summary_of(&f);
	assert_non_null(strstr(out, "  futex        3.00 ±0.6 %  lost 24"));
	assert_non_null(strstr(out, "  pipe         4.00 ±0.6 % ◂"));
	assert_non_null(strstr(out, "more than one message in a thousand is not ranked"));
	free(out);
	assert_int_equal(write_quietly(&f, &(struct report_options){ .format = "md" }, path), 0);
	const char *text = slurp(path);
	assert_non_null(strstr(text, "Fastest round trip: pipe at 64 B"));
	assert_null(strstr(text, "futex up to"));
	/* where all do, nobody is */
	for (size_t i = 0; i < f.result->worker_count; i++)
		f.result->workers[i].lost = 1;
	free(f.levels);
	f.levels = level_of(f.result, &f.n);
	out = summary_of(&f);
	assert_null(strstr(out, "% ◂"));
	free(out);
	assert_int_equal(write_quietly(&f, &(struct report_options){ .format = "md" }, path), 0);
	assert_non_null(strstr(slurp(path), "Fastest round trip: all lost messages at 64 B"));
	assert_int_equal(write_quietly(&f, &(struct report_options){ .format = "html" }, path), 0);
	assert_non_null(strstr(slurp(path), "<td>all lost messages</td>"));
	unload(&f);
}

static void test_page(void **state)
{
	(void)state;
	struct fixture f;
	char path[PATH_MAX], file[PATH_MAX + 64];
	const struct report_options options = { .format = "html" };

	load(&f, false);
	assert_int_equal(write_quietly(&f, &options, path), 0);
	snprintf(file, sizeof file, "%s/run.html", f.directory);
	assert_string_equal(path, file);
	char *html = slurp(path);
	check_identifiers(html);
	for (const char *at = html; (at = strstr(at, "http")); at++) {
		/* names of XML languages, and the policy's own header; nothing to fetch */
		bool harmless =
			!strncmp(at, "http://www.w3.org/", 18) || !strncmp(at, "http-equiv", 10);
		assert_true(harmless);
	}
	assert_null(strstr(html, "<script"));
	assert_non_null(strstr(html, "default-src 'none'"));
	assert_non_null(strstr(html, "futex up to "));
	assert_non_null(strstr(
		html, "<td class=\"n\">2</td><td class=\"text\">two spinning peers on one CPU"));
	assert_non_null(strstr(html, "killed by signal 11"));
	assert_non_null(strstr(html, "2.00 × (2.00 … 2.00)"));
	if (have_gnuplot()) {
		static const char *const names[] = { "latency-1", "latency-2", "dots-1",
						     "sharing-1", "parts-1" };
		static const char *const suffixes[] = { "svg", "png", "tsv" };
		for (size_t i = 0; i < 5; i++) {
			for (size_t s = 0; s < 3; s++) {
				snprintf(file, sizeof file, "%s/run.files/%s.%s", f.directory,
					 names[i], suffixes[s]);
				assert_int_equal(access(file, R_OK), 0);
			}
			snprintf(file, sizeof file, "<figure id=\"%s\">", names[i]);
			assert_non_null(strstr(html, file));
		}
	}
	/* a second time over the first, with a figure of before that is no more */
	snprintf(file, sizeof file, "%s/run.files/latency-99.svg", f.directory);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	snprintf(file, sizeof file, "%s/run.files/mine.svg", f.directory);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(write_quietly(&f, &options, path), 0);
	assert_int_equal(access(file, F_OK), 0);
	snprintf(file, sizeof file, "%s/run.files/latency-99.svg", f.directory);
	assert_int_not_equal(access(file, F_OK), 0);
	unload(&f);
}

/* Of futex, 64 B: own path 500, a sleep, the two calls that are assumed for it, two switches. */
static void test_where_it_goes(void **state)
{
	(void)state;
	struct fixture f;
	char path[PATH_MAX];

	load(&f, false);
	char *out = summary_of(&f);
	assert_non_null(strstr(out, "Where the time goes"));
	const char *row = strstr(strstr(out, "Where the time goes"), "futex, 64 B");
	assert_non_null(row);
	/* measured, own path, calls (assumed: two for its one sleep), sleeps, switches, predicted
	 */
	const float wanted[] = { 3.0F, 0.5F, 0.2F, 0.7F, 1.2F, 2.6F };
	const char *at = row + strlen("futex, 64 B");
	for (unsigned i = 0; i < 6; i++) {
		char *behind;
		assert_true(fabsf(strtof(at, &behind) - wanted[i]) < (i ? 0.001F : 0.011F));
		assert_true(behind > at);
		at = behind;
	}
	row = strstr(strstr(out, "Where the time goes"), "pipe, 64 B");
	assert_non_null(row);
	assert_non_null(strstr(row, "self was not measured: no worker"));
	assert_non_null(strstr(out, "copy of 4 KiB, L1"));
	assert_non_null(strstr(out, "too large"));
	free(out);
	assert_int_equal(write_quietly(&f, &(struct report_options){ .format = "html" }, path), 0);
	const char *html = slurp(path);
	assert_non_null(strstr(html, "<section id=\"parts\">"));
	assert_non_null(strstr(html, "two are assumed for each sleep"));
	assert_int_equal(write_quietly(&f, &(struct report_options){ .format = "csv" }, path), 0);
	assert_non_null(strstr(slurp(path), ",unexplained_ns,floor_ns\r\n"));
	assert_non_null(strstr(slurp(path), ",500,200,700,1200,,2600,2600,2600,"));
	assert_int_equal(write_quietly(&f, &(struct report_options){ .format = "md" }, path), 0);
	assert_non_null(
		strstr(slurp(path), "| futex | 64 B | 3.00 | 0.50 | 0.20 | 0.70 | 1.20 | "));
	unload(&f);
}

static void test_page_hostile(void **state)
{
	(void)state;
	struct fixture f;
	char path[PATH_MAX], file[PATH_MAX + 64];

	load(&f, true);
	int kept = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chdir(f.directory), 0); /* where a command that ran would leave its mark */
	assert_int_equal(write_quietly(&f, &(struct report_options){ .format = "html" }, path), 0);
	const char *html = slurp(path);
	assert_null(strstr(html, "<script"));
	assert_non_null(strstr(html, "&lt;script&gt;alert(1)"));
	assert_null(strchr(html, '\x1b'));
	assert_null(strstr(html, override));
	check_identifiers(html);
	snprintf(file, sizeof file, "%s/run.files/latency-1.tsv", f.directory);
	const char *data = slurp(file);
	assert_non_null(strstr(data, "alert(1)")); /* it is there, and tamed */
	for (const char *c = "\"'`\\{}<>$@"; *c; c++)
		assert_null(strchr(data, *c));
	assert_int_not_equal(access("pwned", F_OK), 0);
	snprintf(file, sizeof file, "%s/run.files/pwned", f.directory);
	assert_int_not_equal(access(file, F_OK), 0);
	assert_int_equal(write_quietly(&f, &(struct report_options){ .format = "md" }, path), 0);
	assert_null(strstr(slurp(path), "<script"));
	assert_int_equal(fchdir(kept), 0);
	close(kept);
	unload(&f);
}

static void test_without_gnuplot(void **state)
{
	(void)state;
	struct fixture f;
	char path[PATH_MAX], before[PATH_MAX] = "";

	load(&f, false);
	if (getenv("PATH"))
		snprintf(before, sizeof before, "%s", getenv("PATH"));
	setenv("PATH", "/nonexistent", 1);
	said_begin();
	int status = write_quietly(&f, &(struct report_options){ .format = "html" }, path);
	int drawings = write_quietly(&f, &(struct report_options){ .format = "svg" }, path);
	const char *said = said_end();
	setenv("PATH", before, 1);
	assert_int_equal(status, 0);
	assert_int_equal(drawings, EXIT_USAGE);
	assert_non_null(strstr(said, "gnuplot is not installed"));
	snprintf(path, sizeof path, "%s/run.html", f.directory);
	const char *html = slurp(path);
	assert_non_null(strstr(html, "gnuplot is not installed"));
	assert_null(strstr(html, "<figure"));
	assert_non_null(strstr(html, "unix-stream"));
	unload(&f);
}

static void test_csv(void **state)
{
	(void)state;
	struct fixture f;
	char path[PATH_MAX];

	load(&f, false);
	assert_int_equal(write_quietly(&f, &(struct report_options){ .format = "csv" }, path), 0);
	size_t lines = 0, columns = 0;
	for (char *line = strtok(slurp(path), "\r\n"); line; line = strtok(NULL, "\r\n")) {
		size_t commas = 0;
		bool quoted = false;
		for (const char *c = line; *c; c++) {
			quoted ^= *c == '"';
			commas += *c == ',' && !quoted;
		}
		if (!lines++)
			columns = commas;
		assert_int_equal(commas, columns);
	}
	assert_int_equal(lines, f.n + 1);
	unload(&f);
}

static void test_unwritable(void **state)
{
	(void)state;
	struct fixture f;
	char path[PATH_MAX] = "", inside[160];

	load(&f, false);
	snprintf(inside, sizeof inside, "%s/folder", f.path); /* below a file: not even for root */
	said_begin();
	int status = write_quietly(&f, &(struct report_options){ .directory = inside }, path);
	assert_non_null(strstr(said_end(), "-o"));
	assert_int_equal(status, EXIT_USAGE);
	said_begin();
	status = write_quietly(&f, &(struct report_options){ .format = "mdd" }, path);
	assert_non_null(strstr(said_end(), "\"md\""));
	assert_int_equal(status, EXIT_USAGE);
	unload(&f);
}

/* A disk that fills up: the page of before stays, nothing half written is left. */
static void test_full_disk(void **state)
{
	(void)state;
	struct fixture f;
	char path[PATH_MAX], command[256];
	static const char *const formats[] = { "html", "md", "csv" };
	static const char *const pages[] = { "run.html", "run.md", "run.csv" };

	load(&f, false);
	for (size_t i = 0; i < 3; i++) {
		struct rlimit before, tight;
		snprintf(path, sizeof path, "%s/%s", f.directory, pages[i]);
		FILE *file = fopen(path, "we");
		fputs("of before", file);
		fclose(file);
		signal(SIGXFSZ, SIG_IGN);
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
		tight = before;
		tight.rlim_cur = 400;
		said_begin();
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
		char unused[PATH_MAX];
		int status =
			write_quietly(&f, &(struct report_options){ .format = formats[i] }, unused);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		const char *said = said_end();
		signal(SIGXFSZ, SIG_DFL);
		assert_int_equal(status, EXIT_USAGE);
		assert_non_null(strstr(said, "File too large"));
		assert_string_equal(slurp(path), "of before");
	}
	snprintf(command, sizeof command, "test -z \"$(ls -A %s | grep '^\\.')\"", f.directory);
	assert_int_equal(system(command), 0);
	unload(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_overfull),
		cmocka_unit_test(test_arrangement),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_false_sharing),
		cmocka_unit_test(test_tie),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_losing),
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_summary_hostile),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_where_it_goes),
		cmocka_unit_test(test_page_hostile),
		cmocka_unit_test(test_without_gnuplot),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_unwritable),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
