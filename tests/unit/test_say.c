/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_say.c - numbers for people, the nearest name, and errors as JSON whatever they hold. */
#include "bench/say.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "said.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static void test_nearest(void **state)
{
	(void)state;
	static const char *const names[] = { "same-cpu", "smt", "shared-l2", "unix-stream",
					     "pipe" };
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "smtt", "smt" },          { "SMT", "smt" },
		{ "same-cup", "same-cpu" }, { "shared-l3", "shared-l2" },
		{ "unix", "unix-stream" },  { "pip", "pipe" },
		{ "ppie", "pipe" },         { "pipes", "pipe" },
	};
	for (size_t c = 0; c < LENGTH(cases); c++) {
		const char *nearest = say_nearest(cases[c].word, names, LENGTH(names));
		assert_non_null(nearest);
		assert_string_equal(nearest, cases[c].nearest);
	}
	static const char *const far[] = { "", "x", "qqqqqq", "elephant" };
	for (size_t f = 0; f < LENGTH(far); f++)
		assert_null(say_nearest(far[f], names, LENGTH(names)));
	char endless[1000];
	memset(endless, 'p', sizeof endless);
	endless[sizeof endless - 1] = '\0';
	assert_null(say_nearest(endless, names, LENGTH(names)));
	const char *const long_names[] = { endless, "pipe" };
	assert_string_equal(say_nearest("pipe", long_names, 2), "pipe");
	assert_null(say_nearest("pipe", names, 0));
}

static void test_numbers(void **state)
{
	(void)state;
	char text[24];
	static const struct {
		double seconds;
		const char *text;
	} durations[] = { { 0, "0:00" },     { 42, "0:42" },      { 59.6, "1:00" },
			  { 3599, "59:59" }, { 3600, "1:00:00" }, { 3723, "1:02:03" },
			  { NAN, "-" },      { INFINITY, "-" },   { -1, "-" } };
	for (size_t d = 0; d < LENGTH(durations); d++)
		assert_string_equal(say_duration(durations[d].seconds, text), durations[d].text);

	static const struct {
		double ns;
		const char *text;
	} times[] = { { 0.304, "0.30 ns" }, { 3.814, "3.81 ns" },   { 9.996, "10.0 ns" },
		      { 38.14, "38.1 ns" }, { 104, "104 ns" },      { 999.4, "999 ns" },
		      { 999.6, "1.00 µs" }, { 3814, "3.81 µs" },    { 1e6, "1.00 ms" },
		      { 2.5e9, "2.50 s" },  { 1.23e13, "12300 s" }, { NAN, "-" } };
	for (size_t t = 0; t < LENGTH(times); t++)
		assert_string_equal(say_ns(times[t].ns, text), times[t].text);

	static const struct {
		unsigned long long bytes;
		const char *text;
	} sizes[] = { { 0, "0 B" },
		      { 64, "64 B" },
		      { 1023, "1023 B" },
		      { 4096, "4 KiB" },
		      { 1536, "1.50 KiB" },
		      { 1 << 20, "1 MiB" },
		      { UINT64_MAX, "16 EiB" } };
	for (size_t s = 0; s < LENGTH(sizes); s++)
		assert_string_equal(say_size(sizes[s].bytes, text), sizes[s].text);
}

/* What say_finish() writes on standard output. */
static size_t finish(bool printed, char *text, size_t bytes)
{
	fflush(stdout);
	int kept = dup(STDOUT_FILENO), fd = memfd_create("out", MFD_CLOEXEC);
	dup2(fd, STDOUT_FILENO);
	say_finish(printed);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	ssize_t n = pread(fd, text, bytes - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(kept);
	close(fd);
	return strlen(text);
}

/* The first error of a program stays the first: this test says one, with all that is awkward. */
static void test_errors(void **state)
{
	(void)state;
	char text[4096];
	say_json = true;
	assert_false(say_failed());
	assert_int_equal(finish(false, text, sizeof text), 0);

	said_begin();
	say_warning("only %s", "a note");
	assert_string_equal(said_end(), "toll: note: only a note\n");
	assert_false(say_failed());

	said_begin();
	say_error("file:%d: \"%s\"", 7, "\xff\xe2\x80\xae\x1b[31m\n\\");
	const char *said = said_end();
	assert_string_equal(said, "toll: file:7: \"???[31m?\\\"\n");
	assert_true(say_failed());
	said_begin();
	say_error("second");
	said_end();

	assert_true(finish(false, text, sizeof text) > 0);
	json_t *object = json_loads(text, 0, NULL);
	assert_non_null(object);
	assert_string_equal(json_string_value(json_object_get(object, "error")),
			    "file:7: \"???[31m?\\\"");
	json_decref(object);

	assert_int_equal(finish(true, text, sizeof text), 0);
	say_json = false;
	assert_int_equal(finish(false, text, sizeof text), 0);
}

static void test_style(void **state)
{
	(void)state;
	FILE *memory = tmpfile();
	for (int style = SAY_PLAIN; style <= SAY_HEAD; style++)
		assert_string_equal(say_style(memory, (enum say_style)style), "");
	fclose(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_style),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
