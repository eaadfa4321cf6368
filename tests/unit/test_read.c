/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_read.c - result files: what a whole one gives, and that no broken one gets through. */
#include "analysis/read.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "said.h"
#include "synthetic.h"

static const double sizes[] = { 64, 4096 };
static const struct synthetic_curve curves[] = {
	{ "pipe", { { 0, 3800, 0.5 } }, 0 },
	{ "unix-stream", { { 0, 7000, 0.25 } }, 0 },
};
static const struct synthetic small = { .curves = curves,
					.curve_count = 2,
					.sizes = sizes,
					.size_count = 2,
					.rounds = 3,
					.turns = 4,
					.worker_noise = 0.01,
					.far_share = 0.5,
					.far_factor = 3,
					.seed = 5 };

/* A whole file as text; the caller frees it. */
static char *whole(const struct synthetic *what, size_t *length)
{
	int fd;
	synthetic_file(what, &fd);
	struct stat status;
	assert_int_equal(fstat(fd, &status), 0);
	*length = (size_t)status.st_size;
	char *text = malloc(*length + 1);
	assert_non_null(text);
	assert_int_equal(pread(fd, text, *length, 0), (ssize_t)*length);
	text[*length] = '\0';
	close(fd);
	return text;
}

static struct result *read_text(const char *text, size_t length)
{
	int fd;
	const char *path = synthetic_text(text, length, &fd);
	struct result *result = result_read(path);
	close(fd);
	return result;
}

static void test_whole(void **state)
{
	(void)state;
	size_t length;
	char *text = whole(&small, &length);
	struct result *result = read_text(text, length);

	assert_non_null(result);
	assert_false(result->truncated);
	assert_true(result->margin == 0.02);
	assert_int_equal(result->seed, 5);
	assert_int_equal(result->cell_count, 4);
	const struct result_cell *cell = &result->cells[3];
	assert_string_equal(cell->key, "unix-stream/pingpong/same-cpu/4K/block");
	assert_string_equal(cell->cell.mechanism, "unix-stream");
	assert_int_equal(cell->cell.size, 4096);
	assert_int_equal(cell->cell.peers, 2);
	assert_int_equal(cell->cell.depth, -1);
	assert_int_equal(cell->cell.slots, 64);
	assert_int_equal(cell->cell.wait, WAIT_BLOCK);
	assert_int_equal(cell->cell.idle, IDLE_NONE);
	assert_true(cell->cell.touch_all && !cell->cell.copy && !cell->cell.threads);
	assert_int_equal(cell->quantity, QUANTITY_RTT);
	assert_true(cell->messages == 2 && cell->bytes == 8192);
	assert_int_equal(result->refused_count, 1);
	assert_string_equal(result->refused[0].reason, "no SMT siblings");

	assert_int_equal(result->worker_count, 12);
	const struct result_worker *worker = &result->workers[1];
	assert_int_equal(worker->cell, 2);
	assert_int_equal(worker->line, 3);
	assert_true(worker->ok && worker->settled && worker->turns == 4);
	assert_true(worker->operations == 16 && worker->canary_ns == 75.5);
	assert_int_not_equal(worker->state, STATE_NONE);
	assert_true(worker->cpu_ns[0] > 0 && isnan(worker->cpu_ns[2]));
	assert_true(worker->disturbance[0].switches == 4 && worker->disturbance[1].switches == 3);
	assert_true(isnan(worker->disturbance[0].gap_ns));
	assert_true(isnan(worker->disturbance[1].run_delay_ns));
	/* all four turns are the same but for rounding, and so is the median of their logarithms */
	assert_true(fabs(exp(worker->value) / worker->batch_ns[2] - 1) < 1e-5);
	/* the index: each cell has one worker in each round, in the order of visits */
	for (size_t c = 0; c < 4; c++) {
		assert_int_equal(result->first[c + 1] - result->first[c], 3);
		for (size_t i = 0; i < 3; i++) {
			worker = &result->workers[result->order[result->first[c] + i]];
			assert_int_equal(worker->cell, c);
			assert_int_equal(worker->round, i);
		}
	}
	assert_non_null(result->summary);

	assert_string_equal(result_host(result, "kernel"), "6.1.0");
	assert_string_equal(result_host(result, "l2_bytes"), "1 MiB");
	assert_string_equal(result_host(result, "smt"), "no");
	assert_string_equal(result_host(result, "governor"), "-");
	assert_string_equal(result_host(result, "nothing.there"), "-");
	assert_string_equal(result_host(result, "limits.nofile"), "1024");
	assert_string_equal(result_host(result, "mitigations"), "meltdown: Mitigation: PTI");
	result_free(result);
	free(text);
}

/* Where the n-th line begins, n from 1. */
static char *line_of(char *text, unsigned n)
{
	while (--n)
		text = strchr(text, '\n') + 1;
	return text;
}

/* The file with the first occurrence of one text from a line on replaced by another. */
static struct result *read_changed(unsigned line, const char *from, const char *to)
{
	size_t length;
	char *text = whole(&small, &length);
	char *at = strstr(line_of(text, line), from), *changed = NULL;

	if (!at)
		fail_msg("no \"%s\" from line %u on", from, line);
	else if (asprintf(&changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) < 0)
		changed = NULL;
	struct result *result = changed ? read_text(changed, strlen(changed)) : NULL;
	free(changed);
	free(text);
	return result;
}

/* Such a change is refused, with a message that has these words. */
static void refused(unsigned line, const char *from, const char *to, const char *where,
		    const char *what)
{
	said_begin();
	struct result *result = read_changed(line, from, to);
	const char *said = said_end();

	if (result) {
		result_free(result);
		fail_msg("\"%s\" for \"%s\" was taken", to, from);
	}
	if (!strstr(said, where) || !strstr(said, what))
		fail_msg("\"%s\" for \"%s\": \"%s\" and \"%s\" are not in: %s", to, from, where,
			 what, said);
	/* one line, and no more */
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void test_header_refused(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *what;
	} changes[] = {
		{ "\"kind\":\"header\"", "\"kind\":\"worker\"", "no header" },
		{ "\"schema\":1", "\"schema\":2", "schema 2 is newer" },
		{ "\"schema\":1", "\"schema\":0", "schema" },
		{ "\"schema\":1", "\"schema\":\"1\"", "schema: not a whole number" },
		{ "\"seed\":5", "\"seed\":-5", "seed: -5" },
		{ "\"seed\":5", "\"seed\":99999999999999999999", "big integer" },
		{ "\"host\":{", "\"guest\":{", "host: missing" },
		{ "\"clock\":{\"source\":\"tsc\",", "\"clock\":{\"source\":\"sundial\",",
		  "clock.source" },
		{ "\"margin\":0.02", "\"margin\":2", "plan.margin" },
		{ "\"margin\":0.02", "\"margin\":null", "plan.margin: missing" },
		{ "\"cells\":[", "\"cells\":[7,", "plan.cells[0]: not an object" },
		{ "\"id\":0", "\"id\":1", "plan.cells[0].id" },
		{ "\"id\":3", "\"id\":2", "plan.cells[3].id" },
		{ "\"size\":64", "\"size\":0", "plan.cells[0].size" },
		{ "\"size\":64", "\"size\":65", "plan.cells[0].key" },
		{ "\"size\":64", "\"size\":1e308", "plan.cells[0].size" },
		{ "\"peers\":2", "\"peers\":17", "plan.cells[0].peers" },
		{ "\"peers\":2", "\"peers\":3", "plan.cells[0].cpus" },
		{ "\"cpus\":[0,0]", "\"cpus\":[0,-1]", "plan.cells[0].cpus" },
		{ "\"cpus\":[0,0]", "\"cpus\":[0,\"1\"]", "plan.cells[0].cpus" },
		{ "\"wait\":\"block\"", "\"wait\":\"doze\"", "plan.cells[0].wait" },
		{ "\"wait\":\"block\"", "\"wait\":\"spin\"", "plan.cells[0].wait_class" },
		{ "\"touch\":\"all\"", "\"touch\":\"some\"", "plan.cells[0].touch" },
		{ "\"quantity\":\"rtt_ns\"", "\"quantity\":\"furlongs\"",
		  "plan.cells[0].quantity" },
		{ "\"mechanism\":\"pipe\"",
		  "\"mechanism\":\"pipepipepipepipepipepipepipepipepipepipe\"",
		  "plan.cells[0].mechanism: 40 bytes long" },
		{ "\"key\":\"pipe/pingpong/same-cpu/4K/block\"",
		  "\"key\":\"pipe/pingpong/same-cpu/64/block\"", "plan.cells[1].key" },
		{ "\"key\":\"pipe/", "\"key\":\"fifo/", "plan.cells[0].key" },
		{ "\"key\":\"pipe/pingpong/same-cpu/64/block\"", "\"key\":\"pipe\"",
		  "plan.cells[0].key" },
		{ "\"reason\":\"no SMT", "\"because\":\"no SMT", "plan.refused[0].reason" },
		{ "\"bytes\":128", "\"bytes\":-128", "plan.cells[0].bytes" },
		{ "\"copy\":false", "\"copy\":0", "plan.cells[0].copy" },
		{ "\"host\":{", "\"host\":[{", "not a result of toll" },
	};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
		refused(1, changes[i].from, changes[i].to, ":1: ", changes[i].what);
}

static void test_long_texts_refused(void **state)
{
	(void)state;
	char name[10000], to[10100];

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	snprintf(to, sizeof to, "\"kernel\":\"%s\"", name);
	refused(1, "\"kernel\":\"6.1.0\"", to, ":1: ", "kernel: 9999 bytes long");
	snprintf(to, sizeof to, "\"state\":\"failed\",\"reason\":\"%s\"", name);
	refused(2, "\"state\":\"ok\"", to, ":2: ", "reason: 9999 bytes long");
}

static void test_worker_refused(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *what;
	} changes[] = {
		{ "\"cell\":", "\"cell\":4", "cell: " },
		{ "\"cell\":", "\"cell\":-1,\"x\":", "cell: " },
		{ "\"cell\":", "\"cell\":0.0,\"x\":", "cell: not a whole number" },
		{ "\"cell\":", "\"x\":", "cell: missing" },
		{ "\"visit\":", "\"visit\":-1", "visit: " },
		{ "\"round\":", "\"round\":1e3,\"x\":", "round: not a whole number" },
		{ "\"reference\":false", "\"reference\":\"no\"", "reference" },
		{ "\"state\":\"ok\"", "\"state\":\"fine\"", "state: \"fine\"" },
		{ "\"operations\":16", "\"operations\":-16", "operations: -16" },
		{ "\"operations\":16", "\"operations\":1e308", "operations: 1e+308" },
		{ "\"batch_ns\":[", "\"batch_ns\":[NaN,", "NaN" },
		{ "\"batch_ns\":[", "\"batch_ns\":[-1,", "batch_ns: -1" },
		{ "\"batch_ns\":[", "\"batch_ns\":[0,", "batch_ns: 0" },
		{ "\"batch_ns\":[", "\"batch_ns\":[1e308,", "batch_ns: 1e+308" },
		{ "\"batch_ns\":[", "\"batch_ns\":[1e999,", "overflow" },
		{ "\"batch_ns\":[", "\"batch_ns\":[\"1\",", "batch_ns: not a number" },
		{ "\"batch_ns\":[", "\"batch\":[", "batch_ns: missing" },
		{ "\"batch_ns\":[", "\"cell\":0,\"batch_ns\":[", "duplicate" },
		{ "\"canary_ns\":", "\"canary_ns\":-", "canary_ns" },
		{ "\"host_state\":\"", "\"host_state\":\"away ", "host_state" },
		{ "\"cpu_ns\":[", "\"cpu_ns\":[1,", "cpu_ns: 3 of them for 2 peers" },
		{ "\"cpu_ns\":[", "\"cpu_ns\":[-", "cpu_ns: -" },
		{ "\"lost\":0", "\"lost\":-1", "lost" },
		{ "\"settled\":true", "\"settled\":1", "settled" },
		{ "\"disturbance\":[{", "\"disturbance\":[{},{", "disturbance: 3 of them" },
		{ "\"switches\":4", "\"switches\":-4", "disturbance[0].switches: -4" },
		{ "\"kind\":\"worker\"", "\"kind\":null", "kind" },
		{ "\"kind\":\"worker\"", "\"kind\":\"header\"", "second header" },
		{ "{\"kind\"", "[\"kind\"", "not JSON" },
	};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
		refused(4, changes[i].from, changes[i].to, ":4: ", changes[i].what);
	refused(14, "\"ended\":\"rounds\"", "\"ended\":\"happily\"", ":14: ", "ended");
	refused(14, "\"cells\":[]", "\"cells\":[{\"cell\":4}]", ":14: ", "cells[0].cell: 4");
	refused(14, "\"cells\":[]", "\"cells\":[{\"cell\":1,\"standard_error\":-1}]",
		":14: ", "cells[0].standard_error: -1");
	refused(14, "\"elapsed_s\":1.5", "\"elapsed_s\":-1.5", ":14: ", "elapsed_s");
}

/* Line 14 is the summary. */
#define LOOK(number, members)                                                                      \
	"{\"kind\":\"look\",\"number\":" number ",\"of\":4,\"at_s\":1.5,\"budget_s\":6,"           \
	"\"rounds\":3," members "}\n"
#define SUMMARY "{\"kind\":\"summary\""

/* clang-format off */
static const char two_looks[] =
	LOOK("1", "\"alpha\":0.001,\"spent\":0.001,\"decided\":[{\"cell\":1,\"how\":\"precise\"}]")
	LOOK("3", "\"alpha\":0.02,\"spent\":0.021,\"decided\":["
		  "{\"cell\":3,\"host_state\":\"far\",\"how\":\"slower\",\"against\":1},"
		  "{\"cell\":3,\"host_state\":\"near\",\"how\":\"same\",\"against\":0}]")
	"{\"kind\":\"summary\",\"ended\":\"decided\"}\n" SUMMARY;
/* clang-format on */

static void test_looks(void **state)
{
	(void)state;
	struct result *result = read_changed(14, SUMMARY, two_looks);
	assert_non_null(result);
	assert_int_equal(result->look_count, 2);
	const struct result_look *look = &result->looks[1];
	assert_int_equal(look->number, 3);
	assert_int_equal(look->rounds, 3);
	assert_true(look->at_s == 1.5 && look->budget_s == 6);
	assert_true(look->alpha == 0.02 && look->spent == 0.021);
	assert_int_equal(look->decision_count, 2);
	assert_int_equal(look->decisions[0].state, STATE_FAR);
	assert_int_equal(look->decisions[0].how, DECIDED_SLOWER);
	assert_int_equal(look->decisions[0].against, 1);
	assert_int_equal(look->decisions[1].how, DECIDED_SAME);
	assert_int_equal(result->looks[0].decisions[0].state, STATE_NONE);
	assert_int_equal(result->looks[0].decisions[0].against, 1);
	assert_false(result->cells[0].decided || result->cells[2].decided);
	assert_true(result->cells[1].decided && result->cells[3].decided);
	result_free(result);
}

#define DECIDED(decision) LOOK("1", "\"alpha\":0,\"spent\":0,\"decided\":[" decision "]")
#define AFTER(number, spent)                                                                       \
	LOOK("2", "\"alpha\":0,\"spent\":0.01,\"decided\":[]")                                     \
	LOOK(number, "\"alpha\":0,\"spent\":" spent ",\"decided\":[]")

static void test_look_refused(void **state)
{
	(void)state;
	static const struct {
		const char *line, *at, *what;
	} changes[] = {
		{ LOOK("0", "\"x\":1"), ":14: ", "number: 0" },
		{ LOOK("5", "\"x\":1"), ":14: ", "number: 5" },
		{ LOOK("1.0", "\"x\":1"), ":14: ", "number: not a whole number" },
		{ LOOK("1", "\"spent\":0.1,\"decided\":[]"), ":14: ", "alpha: missing" },
		{ LOOK("1", "\"alpha\":2,\"spent\":0,\"decided\":[]"), ":14: ", "alpha: 2" },
		{ LOOK("1", "\"alpha\":0,\"spent\":-1,\"decided\":[]"), ":14: ", "spent: -1" },
		{ LOOK("1", "\"alpha\":0,\"spent\":0,\"decided\":{}"), ":14: ", "decided" },
		{ DECIDED("7"), ":14: ", "decided[0]: not an object" },
		{ DECIDED("{\"cell\":4,\"how\":\"precise\"}"), ":14: ", "decided[0].cell: 4" },
		{ DECIDED("{\"cell\":-1,\"how\":\"precise\"}"), ":14: ", "decided[0].cell: -1" },
		{ DECIDED("{\"cell\":1,\"how\":\"well\"}"), ":14: ", "how: \"well\"" },
		{ DECIDED("{\"cell\":1,\"how\":\"same\"}"), ":14: ", "against: missing" },
		{ DECIDED("{\"cell\":1,\"how\":\"same\",\"against\":1}"), ":14: ", "against: " },
		{ DECIDED("{\"cell\":1,\"how\":\"same\",\"against\":4}"), ":14: ", "against: 4" },
		{ DECIDED("{\"cell\":1,\"how\":\"precise\",\"against\":0}"), ":14: ", "against: " },
		{ AFTER("2", "0.02"), ":15: ", "number: 2" },
		{ AFTER("3", "0.005"), ":15: ", "spent: 0.005" }, /* it is never given back */
	};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		char *text;
		if (asprintf(&text, "%s" SUMMARY, changes[i].line) < 0)
			fail_msg("out of memory");
		refused(14, SUMMARY, text, changes[i].at, changes[i].what);
		free(text);
	}
	/* more decisions than there are cells and states */
	char many[1024] = "{\"cell\":1,\"how\":\"precise\"}", *text;
	for (unsigned i = 0; i < 4 * STATE_COUNT; i++)
		strcat(many, ",{\"cell\":1,\"how\":\"precise\"}");
	if (asprintf(&text, DECIDED("%s") SUMMARY, many) < 0)
		fail_msg("out of memory");
	refused(14, SUMMARY, text, ":14: ", "decided: 13 of them for 4 cells");
	free(text);
}

static void test_doubled_worker(void **state)
{
	(void)state;
	size_t length;
	char *text = whole(&small, &length);
	char *second = line_of(text, 2), *third = line_of(text, 3), *fourth = line_of(text, 4);
	char *doubled = NULL;

	/* line 2 again after line 3 */
	if (asprintf(&doubled, "%.*s%.*s%s", (int)(fourth - text), text, (int)(third - second),
		     second, fourth) < 0)
		fail_msg("out of memory");
	said_begin();
	struct result *result = read_text(doubled, strlen(doubled));
	const char *said = said_end();
	assert_null(result);
	assert_non_null(strstr(said, ":4: "));
	assert_non_null(strstr(said, "line 2"));
	free(doubled);
	free(text);
}

static void test_lenient(void **state)
{
	(void)state;
	struct result *result =
		read_changed(3, "\"state\":\"ok\"", "\"state\":\"failed\",\"reason\":\"SIGSEGV\"");
	assert_non_null(result);
	assert_false(result->workers[1].ok);
	assert_true(isnan(result->workers[1].value));
	assert_string_equal(result->workers[1].reason, "SIGSEGV");
	result_free(result);

	/* turns that are missing */
	result = read_changed(3, "\"batch_ns\":[", "\"batch_ns\":[null,");
	assert_non_null(result);
	assert_int_equal(result->workers[1].turns, 5);
	assert_true(isnan(result->workers[1].batch_ns[0]) && result->workers[1].ok);
	result_free(result);

	/* a block that ended at once */
	result = read_changed(3, "\"batch_ns\":[", "\"batch_ns\":[null],\"x\":[");
	assert_non_null(result);
	assert_false(result->workers[1].ok);
	assert_string_equal(result->workers[1].reason, "no turn was measured");
	result_free(result);

	/* unknown members are ignored, unknown kinds counted */
	result = read_changed(3, "\"kind\":\"worker\",",
			      "\"kind\":\"worker\",\"mood\":[{\"a\":1}],");
	assert_non_null(result);
	assert_int_equal(result->skipped, 0);
	result_free(result);
	said_begin();
	result = read_changed(3, "\"kind\":\"worker\"", "\"kind\":\"weather\"");
	assert_non_null(strstr(said_end(), "1 lines of a kind"));
	assert_non_null(result);
	assert_int_equal(result->skipped, 1);
	assert_int_equal(result->worker_count, 11);
	result_free(result);

	/* the last summary counts */
	result = read_changed(14, "\"elapsed_s\":1.5,\"failed\":0,\"cells\":[]}",
			      "\"elapsed_s\":1.5}\n{\"kind\":\"resume\",\"visit\":6}\n"
			      "{\"kind\":\"summary\",\"ended\":\"budget\",\"elapsed_s\":9}");
	assert_non_null(result);
	assert_string_equal(json_string_value(json_object_get(result->summary, "ended")), "budget");
	result_free(result);
}

static void test_cut(void **state)
{
	(void)state;
	size_t length;
	char *text = whole(&small, &length);

	/* the header alone is a run that has not begun */
	size_t header = (size_t)(line_of(text, 2) - text);
	struct result *result = read_text(text, header);
	assert_non_null(result);
	assert_int_equal(result->worker_count, 0);
	assert_false(result->truncated);
	result_free(result);

	/* in the middle of a worker, and before its line end */
	size_t fourth = (size_t)(line_of(text, 4) - text);
	for (size_t back = 1; back < 40; back += 13) {
		said_begin();
		result = read_text(text, fourth - back);
		const char *said = said_end();
		assert_non_null(result);
		assert_true(result->truncated);
		assert_int_equal(result->worker_count, 1);
		assert_non_null(strstr(said, ":3: the last line was cut short"));
		result_free(result);
	}
	/* a last line of rubbish, with its line end */
	memset(text + fourth - 10, 0, 9);
	said_begin();
	result = read_text(text, fourth);
	said_end();
	assert_non_null(result);
	assert_true(result->truncated);
	result_free(result);
	/* the same with lines behind it */
	said_begin();
	assert_null(read_text(text, length));
	assert_non_null(strstr(said_end(), ":3: not JSON"));
	free(text);
}

/* Cut at any byte: a result or one clear line, and never a crash. */
static void test_cut_anywhere(void **state)
{
	(void)state;
	size_t length, taken = 0, first = 4096, step = synthetic_under_valgrind() ? 37 : 1;
	char *text = whole(&small, &length);
	size_t header = (size_t)(line_of(text, 2) - text);
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);

	gsl_rng_set(rng, 3);
	said_begin();
	for (size_t i = 0; i < first + 200; i += step) {
		size_t at = i < first ? i : (size_t)gsl_rng_uniform_int(rng, length);
		at = at < length ? at : length;
		struct result *result = read_text(text, at);
		bool fine = at >= header ? result != NULL : result == NULL;
		if (result && result->truncated != (text[at - 1] != '\n'))
			fine = false;
		taken += result != NULL;
		result_free(result);
		if (!fine) {
			said_end();
			fail_msg("cut at byte %zu of %zu", at, length);
		}
	}
	said_end();
	assert_true(taken > 0);
	gsl_rng_free(rng);
	free(text);
}

/* Any byte changed, dropped or doubled: a result or an error. */
static void test_changed_anywhere(void **state)
{
	(void)state;
	static const char bytes[] = "\"{}[]:,-0e9n\\\n\x80\xff";
	size_t length, refusals = 0, times = synthetic_under_valgrind() ? 50 : 1500;
	char *text = whole(&small, &length);
	char *changed = malloc(length + 2);
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);

	assert_non_null(changed);
	gsl_rng_set(rng, 4);
	said_begin();
	for (size_t i = 0; i < times; i++) {
		memcpy(changed, text, length + 1);
		for (unsigned changes = 1 + (unsigned)gsl_rng_uniform_int(rng, 3); changes;
		     changes--) {
			size_t at = gsl_rng_uniform_int(rng, length - 1);
			unsigned how = (unsigned)gsl_rng_uniform_int(rng, 3);
			if (how == 0)
				changed[at] = bytes[gsl_rng_uniform_int(rng, sizeof bytes)];
			else if (how == 1)
				memmove(changed + at, changed + at + 1, length - at - 1);
			else
				memmove(changed + at + 1, changed + at, length - at - 1);
		}
		struct result *result = read_text(changed, length);
		refusals += !result;
		result_free(result);
	}
	said_end();
	assert_true(refusals > times / 10);
	gsl_rng_free(rng);
	free(changed);
	free(text);
}

static void complains(const char *path, const char *what)
{
	said_begin();
	struct result *result = result_read(path);
	const char *said = said_end();

	assert_null(result);
	if (!strstr(said, what))
		fail_msg("\"%s\" is not in: %s", what, said);
}

static void complains_of_text(const char *text, size_t length, const char *what)
{
	int fd;
	complains(synthetic_text(text, length, &fd), what);
	close(fd);
}

static void test_no_result(void **state)
{
	(void)state;
	complains("/nonexistent/file", "/nonexistent/file: No such file");
	complains("/", "/: Is a directory");
	complains_of_text("", 0, "empty");
	complains_of_text("\n", 1, "not a result of toll");
	complains_of_text("hello\nworld\n", 12, ":1: not a result of toll");
	complains_of_text("{}\n{}\n", 6, ":1: not a result of toll");
	complains_of_text("[]\n", 3, ":1: not a result of toll");
	complains_of_text("{\"kind\":\"header\",\"schema\":9}\n", 29, "schema 9 is newer");
	complains_of_text("\x7f"
			  "ELF\0\0\0\n\0\0",
			  10, ":1: not a result of toll");

	/* deeper than anything sane */
	char deep[20000];
	memset(deep, '[', sizeof deep);
	deep[sizeof deep - 2] = '\n';
	complains_of_text(deep, sizeof deep, ":1: not a result of toll");
}

/* A line without an end is not read into memory for ever. */
static void test_endless_line(void **state)
{
	(void)state;
	if (synthetic_under_valgrind())
		skip();
	int fd = memfd_create("endless", MFD_CLOEXEC);
	char path[64];
	assert_int_equal(ftruncate(fd, 80 << 20), 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	complains(path, ":1: a line over 64 MiB");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_header_refused),
		cmocka_unit_test(test_long_texts_refused),
		cmocka_unit_test(test_worker_refused),
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_look_refused),
		cmocka_unit_test(test_doubled_worker),
		cmocka_unit_test(test_lenient),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_changed_anywhere),
		cmocka_unit_test(test_no_result),
		cmocka_unit_test(test_endless_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
