/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_controlled.c - controls: measured on this machine, and read from a file that is not trusted.
 */
#include "analysis/controlled.h"

#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/block.h"
#include "said.h"

static const struct spot spot = { .path = "x", .line = 1, .where = "" };

static bool read_text(const char *text, struct result_control *control)
{
	json_t *object = json_loads(text, 0, NULL);
	bool fine = object && controlled_read(&spot, object, control);

	json_decref(object);
	return fine;
}

static void refused(const char *text, const char *what)
{
	struct result_control control = { .count = 0 };

	said_begin();
	bool fine = read_text(text, &control);
	const char *said = said_end();

	assert_false(fine);
	if (!strstr(said, what))
		fail_msg("\"%s\" is not in: %s", what, said);
}

static void test_read(void **state)
{
	struct result_control control = { .count = 0 };

	(void)state;
	assert_true(read_text("{\"name\":\"copy\",\"level\":\"L2\",\"cpus\":[3],\"bytes\":4096,"
			      "\"cell\":null,\"reason\":null}",
			      &control));
	assert_int_equal(control.is.kind, CONTROL_COPY);
	assert_string_equal(control.is.name, "L2");
	assert_int_equal(control.is.cpus[0], 3);
	assert_int_equal(control.is.bytes, 4096);
	control = (struct result_control){ .count = 0 };
	assert_true(read_text("{\"name\":\"self\",\"cpus\":[0],\"cell\":"
			      "\"ring:layout=slot/self/same-cpu/4K/block/depth=4\"}",
			      &control));
	assert_int_equal(control.cell.size, 4096);
	assert_string_equal(control.cell.options, "layout=slot");
	assert_int_equal(control.cell.depth, 4);
}

static void test_refused(void **state)
{
	(void)state;
	refused("{\"cpus\":[0]}", "name: missing");
	refused("{\"name\":\"sleep\",\"cpus\":[0]}", "name: \"sleep\"");
	refused("{\"name\":\"clock\",\"cpus\":[0,1]}", "cpus: 2 of them");
	refused("{\"name\":\"lines\",\"cpus\":[0],\"bytes\":64}", "cpus: 1 of them");
	refused("{\"name\":\"clock\",\"cpus\":[-1]}", "cpus: -1");
	refused("{\"name\":\"clock\",\"cpus\":[0.5]}", "cpus: not a whole number");
	refused("{\"name\":\"copy\",\"cpus\":[0]}", "bytes: missing");
	refused("{\"name\":\"clock\",\"cpus\":[0],\"bytes\":1}", "bytes: clock has none");
	refused("{\"name\":\"copy\",\"cpus\":[0],\"bytes\":1e30}", "bytes");
	refused("{\"name\":\"self\",\"cpus\":[0]}", "cell: missing");
	refused("{\"name\":\"self\",\"cpus\":[0],\"cell\":\"pipe\"}", "cell: ");
	refused("{\"name\":\"self\",\"cpus\":[0],\"cell\":\"pipe/pingpong/same-cpu/64/block\"}",
		"cell: not of the pattern self");
	refused("{\"name\":\"copy\",\"cpus\":[0],\"bytes\":1,\"level\":\"a level too long to be "
		"one\"}",
		"level");
}

static void test_lines(void **state)
{
	struct result_control control = { .count = 0 };
	double ns[40];

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		json_t *line = json_pack("{s:i,s:o,s:s?}", "round", (int)i, "ns",
					 i % 4 ? json_real(i) : json_null(), "reason",
					 i % 4 ? NULL : "others had the CPU meanwhile");

		assert_true(controlled_add(&spot, line, &control));
		json_decref(line);
	}
	assert_int_equal(control.count, 40);
	assert_int_equal(controlled_ns(&control, ns), 30);
	assert_true(ns[0] == 1 && ns[29] == 39);
	assert_true(isnan(control.values[0].ns) && isnan(control.values[1].sleeps));
	assert_string_equal(control.failure, "others had the CPU meanwhile");

	json_t *line = json_pack("{s:i,s:f}", "round", 1, "ns", -1.0);
	said_begin();
	assert_false(controlled_add(&spot, line, &control));
	assert_non_null(strstr(said_end(), "ns: -1"));
	json_decref(line);
	free(control.values);
}

/* Each of them comes about here, and is of an order that it can be. */
static void test_measured(void **state)
{
	struct place *place = place_open();
	struct control *controls = NULL;
	double ticks_per_ns, cost, step, clock_ns = NAN, call_ns = NAN, hand_over = NAN;
	size_t n = 0;
	int cpus[2];

	(void)state;
	assert_non_null(place);
	size_t allowed = place_allowed(place, cpus, 2);

	block_clock(&ticks_per_ns, &cost, &step);
	assert_int_equal(control_list(place, cpus[0], &controls, &n), 0);
	if (allowed > 1)
		assert_int_equal(control_list_pair(place, cpus[0], cpus[1], &controls, &n), 0);
	for (size_t i = 0; i < n; i++) {
		struct control_value value = { NAN, NAN, NAN, NAN };

		if (*controls[i].reason || controls[i].bytes > 4 << 20)
			continue;
		/* others may have the CPU for all of it */
		for (unsigned trial = 0; trial < 20 && !(value.ns > 0); trial++)
			assert_int_equal(control_measure(&controls[i], ticks_per_ns, &value), 0);
		if (!(value.ns > 0 && value.ns < 1e9))
			fail_msg("%s: %g ns", control_name(controls[i].kind), value.ns);
		if (controls[i].kind == CONTROL_CLOCK)
			clock_ns = value.ns;
		if (controls[i].kind == CONTROL_GETPPID)
			call_ns = value.ns;
		if (controls[i].kind != CONTROL_HANDOVER)
			continue;
		hand_over = value.ns;
		/* nobody is woken who does not sleep; others make a process wait, not sleep */
		assert_true(value.switches >= value.sleeps);
		assert_true(value.sleeps > 1.5 && value.sleeps < 2.5);
		assert_true(value.calls > 3.5 && value.calls < 4.5);
	}
	assert_true(clock_ns < hand_over && call_ns < hand_over);
	free(controls);
	place_close(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_measured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
