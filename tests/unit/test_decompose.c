/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_decompose.c - round trips that are made of known parts are taken apart into them. */
#include "analysis/decompose.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "said.h"
#include "synthetic.h"

enum { TIMES = 8 };

static void write_cell(FILE *f, unsigned id, const char *mechanism, const char *placement,
		       unsigned size, const char *wait, bool spins, const char *idle,
		       unsigned slots)
{
	bool across = strcmp(placement, "same-cpu") != 0;

	fprintf(f,
		"%s{\"id\":%u,\"key\":\"%s/pingpong/%s/%u/%s%s%s\",\"mechanism\":\"%s\","
		"\"options\":\"\",\"pattern\":\"pingpong\",\"pattern_options\":\"\","
		"\"placement\":\"%s\",\"cpus\":[0,%d],\"peers\":2,\"size\":%u,\"depth\":null,"
		"\"slots\":%u,\"wait\":\"%s\",\"wait_class\":\"%s\",\"idle\":%s%s%s,"
		"\"copy\":false,\"touch\":\"all\",\"peers_are\":\"processes\",\"replica\":0,"
		"\"sequential\":false,\"quantity\":\"rtt_ns\",\"messages\":2,\"bytes\":%u}",
		id ? "," : "", id, mechanism, placement, size, wait, idle ? "/idle=" : "",
		idle ? idle : "", mechanism, placement, across, size, slots, wait,
		spins ? "spinning" : "sleeping", idle ? "\"" : "", idle ? idle : "null",
		idle ? "\"" : "", 2 * size);
}

static void write_control(FILE *f, const char *name, bool pair, unsigned bytes, const char *cell)
{
	fprintf(f, "%s{\"name\":\"%s\",\"cpus\":[0%s]", strcmp(name, "switch") ? "," : "", name,
		pair ? ",1" : "");
	if (bytes)
		fprintf(f, ",\"bytes\":%u", bytes);
	if (cell)
		fprintf(f, ",\"cell\":\"%s\"", cell);
	fputc('}', f);
}

/* Which control takes how long; index in the header's order. */
static const double control_ns[] = {
	1200, 300, 400, 6000, 700, 100, 150, 2010, 15700, 900, 10, 50
};

/* The four cells: a pipe and a ring on one CPU, a ring that spins and a pipe that sleeps across
 * two. A round trip has 1.2 sleeps and 2 switches in 30 operations of 2 turns. */
static struct result *make(const double rtt_ns[4], bool counted, unsigned without)
{
	char *text;
	size_t length;
	FILE *f = open_memstream(&text, &length);
	unsigned visit = 0;

	assert_non_null(f);
	fputs("{\"kind\":\"header\",\"schema\":1,\"seed\":1,\"host\":{},\"clock\":{},\"plan\":{"
	      "\"margin\":0.02,\"cells\":[",
	      f);
	write_cell(f, 0, "pipe", "same-cpu", 64, "block", false, NULL, 0);
	write_cell(f, 1, "ring", "same-cpu", 64, "block", false, NULL, 64);
	write_cell(f, 2, "ring", "smt", 2112, "spin", true, NULL, 64);
	write_cell(f, 3, "pipe", "smt", 64, "block", false, "awake", 0);
	fputs("],\"refused\":[],\"controls\":[", f);
	write_control(f, "switch", false, 0, NULL);
	write_control(f, "futex-wake", false, 0, NULL);
	write_control(f, "futex-wait", false, 0, NULL);
	write_control(f, "hand-over", false, 0, NULL);
	write_control(f, "pipe-byte", false, 0, NULL);
	write_control(f, "lines", true, 64, NULL);
	write_control(f, "lines", true, 128, NULL);
	write_control(f, "lines", true, 4096, NULL);
	write_control(f, "wake-awake", true, 0, NULL);
	write_control(f, "self", false, 0, "pipe/self/same-cpu/64/block");
	write_control(f, "self", false, 0, "ring/self/same-cpu/64/block");
	write_control(f, "self", false, 0, "ring/self/same-cpu/2112/spin");
	fputs("]}}\n", f);
	for (unsigned round = 0; round < TIMES; round++)
		for (unsigned cell = 0; cell < 4; cell++)
			fprintf(f,
				"{\"kind\":\"worker\",\"cell\":%u,\"round\":%u,\"block\":%u,"
				"\"visit\":%u,\"state\":\"ok\",\"operations\":10,\"uncounted\":20,"
				"\"batch_ns\":[%g,%g],\"disturbance\":[{\"switches\":40,"
				"\"involuntary\":20},{\"switches\":32,\"involuntary\":28}]}\n",
				cell, round, cell, visit++, rtt_ns[cell], rtt_ns[cell]);
	for (unsigned c = 0; counted && c < 4; c++)
		fprintf(f,
			"{\"kind\":\"counted\",\"cell\":%u,\"round\":0,\"reason\":null,"
			"\"counters\":[{\"name\":\"raw_syscalls:sys_enter\",\"group\":0,\"peers\":["
			"{\"per_operation\":2},{\"per_operation\":%d}]}]}\n",
			c, c == 1 ? 1 : 2);
	/* one of four is an outlier, in either direction: it is trimmed */
	for (unsigned i = 0; i < TIMES; i++)
		for (unsigned c = 0; c < sizeof control_ns / sizeof *control_ns; c++) {
			double off = i == 3 ? 5 : i == 6 ? 0.2 : 1;

			if (c == without)
				continue;
			fprintf(f, "{\"kind\":\"control\",\"control\":%u,\"round\":%u,\"ns\":%g", c,
				i, control_ns[c] * off);
			if (c >= 9 && counted)
				fprintf(f, ",\"calls\":%d", c == 9 ? 2 : 0);
			fputs("}\n", f);
		}
	fclose(f);

	int fd;
	struct result *result = result_read(synthetic_text(text, length, &fd));

	close(fd);
	free(text);
	assert_non_null(result);
	return result;
}

static struct decomposition *take_apart(const struct result *result, struct level **levels,
					size_t *n)
{
	size_t count;

	*levels = level_of(result, &count);
	assert_non_null(*levels);
	struct decomposition *all = decompose(result, *levels, count, n);

	assert_non_null(all);
	return all;
}

static void near(double value, double wanted)
{
	if (!(fabs(value - wanted) <= 1e-6 * fabs(wanted) + 1e-9))
		fail_msg("%.9g, not %.9g", value, wanted);
}

static void test_parts(void **state)
{
	/* half a hand-over is 3000: both calls 700, the switch 1200, so a sleep is 1100; a futex
	 * call that finds nothing to do is 350 */
	const double pipe_ns = 2 * 900 + 1.2 * 1100 + 2 * 1200,
		     ring_ns = 2 * 10 + 3 * 350 + 1.2 * 1100 + 2 * 1200,
		     /* 33 lines: of 62 between two and 64 half */
		line_ns = 2 * 50 + 2 * (150 + (2010 - 150) / 2.0),
		     wake_ns = 2 * 900 + 1.2 * (15700 - 700) + 2 * 100;
	const double rtt[] = { pipe_ns + 500, ring_ns - 300, line_ns, wake_ns };
	struct result *result = make(rtt, true, 99);
	struct level *levels;
	size_t n;
	struct decomposition *d = take_apart(result, &levels, &n);

	(void)state;
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(d[i].why, "");
		assert_false(d[i].calls_assumed);
		double sum = 0;

		for (unsigned p = 0; p < PARTS; p++)
			sum += d[i].part[p].estimate;
		near(sum, d[i].predicted.estimate);
		near(d[i].level->ns.estimate - sum, d[i].rest.estimate);
	}
	near(d[0].count[PART_SLEEPS], 1.2);
	near(d[0].count[PART_SWITCHES], 2);
	assert_true(isnan(d[0].count[PART_CALLS]) && isnan(d[0].count[PART_LINES]));
	near(d[0].part[PART_SELF].estimate, 1800);
	near(d[0].unit[PART_SLEEPS].estimate, 1100);
	near(d[0].rest.estimate, 500);
	near(d[0].floor.estimate, 2400);
	near(d[1].count[PART_CALLS], 3);
	near(d[1].part[PART_CALLS].estimate, 1050);
	near(d[1].rest.estimate, -300);
	near(d[2].count[PART_LINES], 66);
	assert_true(isnan(d[2].count[PART_SLEEPS]) && isnan(d[2].count[PART_CALLS]));
	near(d[2].rest.estimate, 0);
	near(d[2].floor.estimate, 200);
	near(d[3].part[PART_SLEEPS].estimate, 18000);
	near(d[3].rest.estimate, 0);
	free(d);
	free(levels);
	result_free(result);
}

/* Where calls are not counted the ring's are taken to be two a sleep, and that is told. */
static void test_uncounted(void **state)
{
	const double rtt[] = { 5000, 5000, 5000, 20000 };
	struct result *result = make(rtt, false, 99);
	struct level *levels;
	size_t n;
	struct decomposition *d = take_apart(result, &levels, &n);

	(void)state;
	assert_int_equal(n, 4);
	assert_true(d[0].calls_assumed && isnan(d[0].count[PART_CALLS]));
	assert_true(d[1].calls_assumed);
	near(d[1].count[PART_CALLS], 2.4);
	free(d);
	free(levels);
	result_free(result);
}

/* What lacks is named, and nothing is made up. */
static void test_missing(void **state)
{
	static const struct {
		unsigned without, cell;
		const char *why;
	} cases[] = {
		{ 0, 0, "switch was not measured" },     { 3, 1, "hand-over was not measured" },
		{ 2, 0, "futex-wait was not measured" }, { 7, 2, "lines was not measured" },
		{ 8, 3, "wake-up was not measured" },    { 9, 0, "self was not measured" },
	};
	const double rtt[] = { 5000, 5000, 5000, 20000 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct result *result = make(rtt, true, cases[i].without);
		struct level *levels;
		size_t n;
		struct decomposition *d = take_apart(result, &levels, &n);

		assert_int_equal(n, 4);
		if (!strstr(d[cases[i].cell].why, cases[i].why))
			fail_msg("\"%s\" is not in \"%s\"", cases[i].why, d[cases[i].cell].why);
		assert_true(isnan(d[cases[i].cell].predicted.estimate));
		free(d);
		free(levels);
		result_free(result);
	}
}

/* In quadrature, by what each control adds: the switch, which the sleep has less of, counts once.
 */
static void test_interval(void **state)
{
	const double rtt[] = { 5000, 5000, 5000, 20000 };
	struct result *result = make(rtt, true, 99);
	struct level *levels;
	size_t n;

	(void)state;
	/* switch and self spread; the rest does not */
	for (size_t c = 0; c < result->control_count; c++)
		for (size_t i = 0; i < result->controls[c].count; i++)
			result->controls[c].values[i].ns =
				control_ns[c] * (c == 0 || c == 9 ? 1 + 0.01 * (double)i : 1);
	struct decomposition *d = take_apart(result, &levels, &n);
	struct interval change = decompose_control(&result->controls[0]),
			self = decompose_control(&result->controls[9]);
	double half =
		hypot((2 - 1.2) * (change.high - change.low) / 2, 2 * (self.high - self.low) / 2);

	assert_true(half > 0);
	near((d[0].predicted.high - d[0].predicted.low) / 2, half);
	free(d);
	free(levels);
	result_free(result);
}

static void test_without_controls(void **state)
{
	static const double sizes[] = { 64 };
	static const struct synthetic_curve curves[] = { { "pipe", { { 0, 3800, 0.5 } }, 0 } };
	static const struct synthetic old = { .curves = curves,
					      .curve_count = 1,
					      .sizes = sizes,
					      .size_count = 1,
					      .rounds = 3,
					      .turns = 4,
					      .seed = 5 };
	int fd;
	struct result *result = result_read(synthetic_file(&old, &fd));
	struct level *levels;
	size_t n;

	(void)state;
	assert_non_null(result);
	free(take_apart(result, &levels, &n));
	assert_int_equal(n, 0);
	free(levels);
	result_free(result);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_uncounted),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_without_controls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
