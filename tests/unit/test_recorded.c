/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_recorded.c - records of pairs: read back they come to the same comparison, and no damaged
 * one gets through. */
#include "analysis/recorded.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/compare_print.h"
#include "said.h"
#include "synthetic.h"

enum { HIDDEN = 20, CELLS = 3, PAIRS = 12, LOOKED = 10 };

/* --- a record of which everything is known ---------------------------------------------------- */

/* Around shift, without a trend. */
static double ratio_of(size_t duel, unsigned round)
{
	static const double shifts[CELLS] = { 0, 0.06, 0.01 };
	static const double spreads[CELLS] = { 0.004, 0.01, 0.08 };
	double shift = duel < CELLS ? shifts[duel] : 0, sd = duel < CELLS ? spreads[duel] : 0.004;

	return shift + sd * sin(12.9898 * (double)(duel + 1) + 78.233 * (double)round);
}

static struct duel_pair pair_of(size_t duel, unsigned round)
{
	/* the far state in every third round of the second cell */
	struct duel_pair pair = { .state = duel != 1        ? STATE_NONE
					   : round % 3 == 0 ? STATE_FAR
							    : STATE_NEAR };
	char text[32];

	pair.value[COMPARE_OLD] = 8;
	pair.value[COMPARE_NEW] = 8 + ratio_of(duel, round);
	snprintf(text, sizeof text, "%.8g", ratio_of(duel, round));
	pair.ratio = strtod(text, NULL);
	snprintf(text, sizeof text, "%.8g", pair.value[COMPARE_NEW]);
	pair.value[COMPARE_NEW] = strtod(text, NULL);
	return pair;
}

static void write_header(FILE *file)
{
	fputs("{\"kind\":\"comparison\",\"schema\":1,\"toll\":\"0.1.0\",\"seed\":7,\"host\":{"
	      "\"name\":"
	      "\"x\"},\"margin\":0.02,\"sides\":[{\"name\":\"old worker\",\"set\":false},{\"name\":"
	      "\"new worker\",\"set\":false}],\"cells\":[",
	      file);
	for (unsigned c = 0; c < CELLS; c++)
		fprintf(file,
			"%s{\"id\":%u,\"key\":\"pipe/pingpong/same-cpu/%u/block\",\"mechanism\":"
			"\"pipe\",\"pattern\":\"pingpong\",\"placement\":\"same-cpu\",\"cpus\":[0,"
			"0],"
			"\"peers\":2,\"size\":%u,\"wait\":\"block\",\"wait_class\":\"sleeping\","
			"\"copy\":false,\"touch\":\"all\",\"peers_are\":\"processes\",\"quantity\":"
			"\"rtt_ns\",\"messages\":2,\"bytes\":128}",
			c ? "," : "", c, 64 + c, 64 + c);
	fputs("],\"duels\":[", file);
	for (unsigned d = 0; d < CELLS + HIDDEN; d++)
		fprintf(file, "%s{\"cell\":%u,\"kind\":\"%s\",\"alternating\":%s}", d ? "," : "",
			d % CELLS, d < CELLS ? "cell" : recorded_kinds[1 + d % 2],
			d == 2 ? "true" : "false");
	fputs("]}\n", file);
}

static void write_pair(FILE *file, size_t duel, unsigned round)
{
	static const char *const states[] = { "null", "\"near\"", "\"far\"" };
	struct duel_pair pair = pair_of(duel, round);

	fprintf(file,
		"{\"kind\":\"pair\",\"duel\":%zu,\"round\":%u,\"host_state\":%s,\"ln_ratio\":%.8g,"
		"\"ln_ns\":[%.8g,%.8g],\"old_ns\":[1,2],\"new_ns\":[3,4]}\n",
		duel, round, states[pair.state], pair.ratio, pair.value[0], pair.value[1]);
}

static void write_look(FILE *file, unsigned number, double level)
{
	fprintf(file, "{\"kind\":\"look\",\"number\":%u,\"level\":%.8g,\"spent\":0,\"open\":1}\n",
		number, level);
}

/* PAIRS rounds, a look after LOOKED and one at the end; the third cell loses two. Freed by the
 * caller. */
static char *whole(size_t *length)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, length);

	assert_non_null(file);
	write_header(file);
	for (unsigned round = 0; round < PAIRS; round++) {
		for (size_t d = 0; d < CELLS + HIDDEN; d++) {
			if (d == 2 && round < 2)
				fprintf(file,
					"{\"kind\":\"loss\",\"duel\":2,\"round\":%u,\"why\":\"%s\","
					"\"reason\":%s}\n",
					round, round ? "host state" : "failed",
					round ? "null" : "\"old: it broke\"");
			else
				write_pair(file, d, round);
		}
		if (round + 1 == LOOKED)
			write_look(file, 1, 0.001);
	}
	write_look(file, 2, 0.024);
	fputs("{\"kind\":\"end\",\"ended\":\"pairs\",\"seconds\":3.5}\n", file);
	assert_int_equal(fclose(file), 0);
	return text;
}

static struct recorded *read_text(const char *text, size_t length)
{
	int fd;
	const char *path = synthetic_text(text, length, &fd);
	struct recorded *recorded = recorded_read(path);

	close(fd);
	return recorded;
}

/* What a comparison says, all of it; freed by the caller. */
static char *said_by(const struct duels *duels)
{
	struct comparison *comparison = duels_comparison(duels);
	struct compare_report report = { .comparison = comparison, .names = { "a", "b" } };
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	assert_true(comparison && file);
	report.status = compare_status(comparison, &report.gate);
	assert_int_equal(compare_print(file, &report, "json"), 0);
	assert_int_equal(fclose(file), 0);
	comparison_free(comparison);
	return text;
}

/* --- whole ones ------------------------------------------------------------------------------- */

static void test_same_comparison(void **state)
{
	size_t length;
	char *text = whole(&length);
	struct recorded *recorded = read_text(text, length);
	struct duel kept[CELLS + HIDDEN];
	struct duels duels = { .margin = 0.02, .duels = kept, .count = CELLS + HIDDEN };

	(void)state;
	assert_non_null(recorded);
	assert_string_equal(recorded->name[COMPARE_OLD], "old worker");
	assert_string_equal(recorded->name[COMPARE_NEW], "new worker");
	assert_false(recorded->set[COMPARE_OLD]);
	assert_int_equal(recorded->seed, 7);
	assert_int_equal(recorded->rounds, PAIRS);
	assert_false(recorded->owes_look);
	assert_false(recorded->truncated);

	/* the same as it is measured */
	memset(kept, 0, sizeof kept);
	for (size_t d = 0; d < duels.count; d++) {
		kept[d].cell = recorded->duels.duels[d].cell;
		kept[d].kind = recorded->duels.duels[d].kind;
		kept[d].alternating = d == 2;
	}
	for (unsigned round = 0; round < PAIRS; round++) {
		for (size_t d = 0; d < duels.count; d++) {
			const struct duel_pair pair = pair_of(d, round);

			if (d == 2 && round == 0) {
				duel_fail(&kept[d], "old: it broke");
			} else if (d == 2 && round == 1) {
				kept[d].attempts++;
				kept[d].dropped++;
			} else {
				assert_true(duel_add(&kept[d], &pair));
			}
		}
		if (round + 1 == LOOKED)
			assert_true(duels_look(&duels, 0.001));
	}
	assert_true(duels_look(&duels, 0.024));

	char *measured = said_by(&duels), *shown = said_by(&recorded->duels);

	assert_string_equal(measured, shown);
	assert_non_null(strstr(shown, "\"looks\": 2,"));
	assert_non_null(strstr(shown, "\"spent\": 0.025,"));
	assert_non_null(strstr(shown, "\"host_state\": \"far\""));
	assert_non_null(strstr(shown, "\"verdict\": \"same\""));
	assert_non_null(strstr(shown, "\"verdict\": \"slower\""));
	assert_non_null(strstr(shown, "\"verdict\": \"can't tell\""));
	free(measured);
	free(shown);
	for (size_t d = 0; d < duels.count; d++)
		free(kept[d].pairs);
	recorded_free(recorded);
	free(text);
}

/* Killed before it could look: its pairs are looked at as they are read, at half of what is left of
 * the error rate. */
static void test_without_a_look(void **state)
{
	size_t length;
	char *text = whole(&length);

	(void)state;
	strstr(text, "{\"kind\":\"look\",\"number\":2")[0] = '\0';
	struct recorded *recorded = read_text(text, strlen(text));

	assert_non_null(recorded);
	assert_true(recorded->owes_look);
	assert_int_equal(recorded->duels.looks, 2);
	assert_true(fabs(recorded->duels.spent - (0.001 + (0.05 - 0.001) / 2)) < 1e-12);
	recorded_free(recorded);

	/* nor has it anything to look at */
	strchr(text, '\n')[1] = '\0';
	recorded = read_text(text, strlen(text));
	assert_non_null(recorded);
	assert_false(recorded->owes_look);
	assert_int_equal(recorded->duels.looks, 0);
	assert_int_equal(recorded->rounds, 0);
	char *shown = said_by(&recorded->duels);

	assert_non_null(strstr(shown, "0 pairs; a verdict takes 5 in one host state"));
	free(shown);
	recorded_free(recorded);
	free(text);
}

static void test_of_a_later_toll(void **state)
{
	size_t length;
	char *text = whole(&length), *more = NULL;
	size_t bytes;
	FILE *file = open_memstream(&more, &bytes);

	(void)state;
	assert_non_null(file);
	fputs(text, file);
	fputs("{\"kind\":\"weather\",\"duel\":[1e308]}\n", file);
	assert_int_equal(fclose(file), 0);
	struct recorded *recorded = read_text(more, bytes);

	assert_non_null(recorded);
	assert_int_equal(recorded->duels.looks, 2);
	recorded_free(recorded);
	free(more);
	free(text);
}

static void test_is_one(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} cases[] = {
		{ "{\"kind\":\"comparison\",\"schema\":1}\n", true },
		{ "{\"kind\":\"comparison\"", true }, /* a cut one is told to be cut */
		{ "{\"kind\":\"header\",\"schema\":1}\n", false },
		{ "{\"kind\":\"compar", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int fd;
		const char *path = synthetic_text(cases[i].text, strlen(cases[i].text), &fd);

		assert_int_equal(recorded_is(path), cases[i].is);
		close(fd);
	}
	assert_false(recorded_is("/nonexistent/record"));
	assert_false(recorded_is("/"));
}

/* --- damaged ones ----------------------------------------------------------------------------- */

/* One line that has these words, and no record. */
static void refuses(const char *text, size_t length, const char *wanted)
{
	said_begin();
	struct recorded *recorded = read_text(text, length);
	const char *said = said_end(), *end = strchr(said, '\n');
	bool one = end && !end[1];

	if (recorded)
		fail_msg("read without complaint; wanted: %s", wanted);
	if (!one || !strstr(said, wanted))
		fail_msg("said: %s(wanted: %s)", said, wanted);
}

/* The whole record, the first `from` made `to`. */
static char *changed(const char *from, const char *to, size_t *length)
{
	char *text = whole(length), *at = strstr(text, from), *out = NULL;
	FILE *file = open_memstream(&out, length);

	assert_true(file);
	if (!at)
		fail_msg("there is no %s", from);
	*at = '\0';
	fprintf(file, "%s%s%s", text, to, at + strlen(from));
	assert_int_equal(fclose(file), 0);
	free(text);
	return out;
}

static void test_damage(void **state)
{
	static const struct {
		const char *from, *to, *wanted;
	} cases[] = {
		/* the header */
		{ "\"schema\":1", "\"schema\":2", ":1: schema: 2 is newer than this toll" },
		{ "\"schema\":1", "\"schema\":\"1\"", ":1: schema: " },
		{ "\"schema\":1,", "", ":1: schema: " },
		{ "\"seed\":7", "\"seed\":-1", ":1: seed: " },
		{ "\"seed\":7", "\"seed\":7.5", ":1: seed: " },
		{ "\"margin\":0.02", "\"margin\":0", ":1: margin: " },
		{ "\"margin\":0.02", "\"margin\":null", ":1: margin: " },
		{ "\"margin\":0.02", "\"margin\":1e308", ":1: margin: " },
		{ "\"margin\":0.02", "\"margin\":NaN", ":1: not a result of toll" },
		{ "\"host\":{\"name\":\"x\"}", "\"host\":[]", ":1: host: " },
		{ ",{\"name\":\"new worker\",\"set\":false}]", "]", ":1: sides: 1 of them, not 2" },
		{ "{\"name\":\"new worker\",\"set\":false}", "7", ":1: sides[1]: not an object" },
		{ "\"new worker\"", "[]", ":1: sides[1].name: " },
		{ "\"set\":false", "\"set\":0", ":1: sides[0].set: " },
		{ "\"cells\":[{", "\"cells\":[7,{", ":1: cells[0]: not an object" },
		{ "\"id\":1", "\"id\":0", ":1: cells[1].id: " },
		{ "\"size\":65", "\"size\":650", ":1: cells[1].key: " },
		{ "\"cell\":0", "\"cell\":3", ":1: duels[0].cell: " },
		{ "\"cell\":0", "\"cell\":-1", ":1: duels[0].cell: " },
		{ "\"cell\":1", "\"cell\":0", "/64/block\" is compared twice" },
		{ "\"kind\":\"cell\"", "\"kind\":\"sell\"", ":1: duels[0].kind: " },
		{ "\"alternating\":false", "\"alternating\":null", ":1: duels[0].alternating: " },
		{ "\"duels\":[", "\"duels\":[[],", ":1: duels[0]: not an object" },
		{ "\"duels\":[", "\"duels\":{},\"x\":[", ":1: duels: " },
		{ "\"kind\":\"comparison\"", "\"kind\":\"header\"", "\"header\" is no comparison" },
		{ "\"kind\":\"comparison\"", "\"kind\":7", ":1: kind: missing or not a string" },
		/* pairs */
		{ "\"duel\":0", "\"duel\":23", ":2: duel: " },
		{ "\"duel\":0", "\"duel\":-1", ":2: duel: " },
		{ "\"duel\":0", "\"duel\":0.5", ":2: duel: " },
		{ "\"duel\":0,", "", ":2: duel: " },
		{ "\"round\":0", "\"round\":-1", ":2: round: " },
		{ "\"round\":0", "\"round\":1000000001", ":2: round: " },
		{ "\"round\":0", "\"round\":9e99", ":2: round: " },
		{ "\"round\":1,", "\"round\":0,", ":25: round: 0 of this duel" },
		{ "\"host_state\":null", "\"host_state\":\"nearby\"", ":2: host_state: " },
		{ "\"host_state\":null", "\"host_state\":1", ":2: host_state: " },
		{ "\"ln_ratio\":", "\"ln_ratio\":1e308,\"x\":", ":2: ln_ratio: " },
		{ "\"ln_ratio\":", "\"ln_ratio\":-51,\"x\":", ":2: ln_ratio: " },
		{ "\"ln_ratio\":", "\"ln_ratio\":null,\"x\":", ":2: ln_ratio: " },
		{ "\"ln_ratio\":", "\"ln_ratio\":1e999,\"x\":", ":2: not JSON" },
		{ "\"ln_ratio\":", "\"ln_ratio\":NaN,\"x\":", ":2: not JSON" },
		{ "\"ln_ns\":[8,", "\"ln_ns\":[1e308,", ":2: ln_ns: " },
		{ "\"ln_ns\":[8,", "\"ln_ns\":[\"8\",", ":2: ln_ns: " },
		{ "\"ln_ns\":[8,", "\"ln_ns\":[8,8,", ":2: ln_ns: 3 of them, not 2" },
		{ "\"ln_ns\":[8,", "\"ln_ns\":8,\"x\":[8,", ":2: ln_ns: " },
		{ "{\"kind\":\"pair\"", "{\"kind\":null", ":2: kind: missing or not a string" },
		{ "{\"kind\":\"pair\"", "{\"kind\":\"pair\",\"kind\":\"pair\"", ":2: not JSON" },
		{ "{\"kind\":\"pair\"", "[{\"kind\":\"pair\"", ":2: not JSON" },
		/* losses */
		{ "\"why\":\"failed\"", "\"why\":\"tired\"", ":4: why: " },
		{ "\"reason\":\"old: it broke\"", "\"reason\":7", ":4: reason: " },
		/* looks */
		{ "\"number\":1", "\"number\":2", ": number: 2, after 0 looks" },
		{ "\"number\":2", "\"number\":1", ": number: 1, after 1 look; a line twice?" },
		{ "\"number\":1", "\"number\":101", ": number: " },
		{ "\"level\":0.001", "\"level\":0.051", ": level: " },
		{ "\"level\":0.001", "\"level\":-0.001", ": level: " },
		{ "\"level\":0.001", "\"level\":0.0261",
		  ": level: the looks up to here spend more than the 5 %" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t length;
		char *text = changed(cases[i].from, cases[i].to, &length);

		refuses(text, length, cases[i].wanted);
		free(text);
	}
}

static void test_reason_too_long(void **state)
{
	char reason[400] = "\"reason\":\"";
	size_t length, at = strlen(reason);

	(void)state;
	memset(reason + at, 'x', 256);
	snprintf(reason + at + 256, sizeof reason - at - 256, "\"");
	char *text = changed("\"reason\":\"old: it broke\"", reason, &length);

	refuses(text, length, ":4: reason: ");
	free(text);
}

static void test_too_many_looks(void **state)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	(void)state;
	assert_non_null(file);
	write_header(file);
	write_pair(file, 0, 0);
	for (unsigned k = 1; k <= 101; k++)
		write_look(file, k, 0);
	assert_int_equal(fclose(file), 0);
	refuses(text, length, ":103: number: ");
	free(text);
}

/* Every line but the last, "end", a second time: none counts twice. */
static void test_doubled_lines(void **state)
{
	size_t length, bytes;
	char *text = whole(&length);

	(void)state;
	for (char *line = text, *end; (end = strchr(line, '\n')) && end[1]; line = end + 1) {
		char *out = NULL;
		FILE *file = open_memstream(&out, &bytes);

		assert_non_null(file);
		fwrite(text, 1, (size_t)(end + 1 - text), file);
		fwrite(line, 1, length - (size_t)(line - text), file);
		assert_int_equal(fclose(file), 0);
		refuses(out, bytes, line == text ? ": kind: a second header" : "line twice?");
		free(out);
	}
	free(text);
}

/* Cut anywhere: what is whole is read, and it says so; without a whole header nothing is. */
static void test_cut(void **state)
{
	size_t length;
	char *text = whole(&length);
	size_t header = (size_t)(strchr(text, '\n') - text) + 1;

	(void)state;
	for (size_t at = 1; at < length; at += at < header + 400 ? 1 : 131) {
		said_begin();
		struct recorded *recorded = read_text(text, at);
		const char *said = said_end();

		if (at < header) {
			assert_null(recorded);
			assert_non_null(strstr(said, "header"));
			continue;
		}
		bool whole_line = text[at - 1] == '\n';

		if (!recorded)
			fail_msg("cut at %zu: %s", at, said);
		/* only its line end is missing: it is taken or left out, but never in silence */
		assert_true(whole_line ? !recorded->truncated && !*said
				       : recorded->truncated == !!strstr(said, "cut short"));
		recorded_free(recorded);
	}
	free(text);
}

static void test_no_such_file(void **state)
{
	(void)state;
	said_begin();
	struct recorded *recorded = recorded_read("/nonexistent/record");
	const char *said = said_end();

	assert_null(recorded);
	assert_string_equal(said, "toll: /nonexistent/record: No such file or directory\n");
	refuses("", 0, "empty");
}

static void test_spendable(void **state)
{
	(void)state;
	assert_true(fabs(recorded_spendable(0) - 0.025) < 1e-15);
	assert_true(fabs(recorded_spendable(0.04) - 0.005) < 1e-15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_comparison),
		cmocka_unit_test(test_without_a_look),
		cmocka_unit_test(test_of_a_later_toll),
		cmocka_unit_test(test_is_one),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_reason_too_long),
		cmocka_unit_test(test_too_many_looks),
		cmocka_unit_test(test_doubled_lines),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_no_such_file),
		cmocka_unit_test(test_spendable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
