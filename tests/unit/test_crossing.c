/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_crossing.c - children on CPUs, the stamps and the wake-ups that they pass. */
#include "bench/crossing.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/block.h"
#include "bench/pinned.h"
#include "said.h"

static double ticks_per_ns;

static int set_up(void **state)
{
	double cost, step;

	(void)state;
	block_clock(&ticks_per_ns, &cost, &step);
	return 0;
}

/* Two CPUs that this process may use; skips where there is one. */
static void two_cpus(int cpus[2])
{
	cpu_set_t set;
	unsigned n = 0;

	assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[n++] = cpu;
	if (n < 2)
		skip();
}

static void where(void *context)
{
	*(int *)context = sched_getcpu();
}

static void test_children_are_where_they_are_told(void **state)
{
	int cpus[2], *seen = pinned_memory(2 * sizeof *seen);

	(void)state;
	two_cpus(cpus);
	assert_non_null(seen);
	const struct pinned jobs[] = { { .cpu = cpus[0], .run = where, .context = &seen[0] },
				       { .cpu = cpus[1], .run = where, .context = &seen[1] },
				       { .cpu = cpus[1] } };
	assert_int_equal(pinned_run(jobs, 3), 0);
	assert_int_equal(seen[0], cpus[0]);
	assert_int_equal(seen[1], cpus[1]);
	pinned_free(seen, 2 * sizeof *seen);
}

struct held {
	int fd[3];
	bool open[3];
};

static void look(void *context)
{
	struct held *held = context;

	for (int i = 0; i < 3; i++)
		held->open[i] = fcntl(held->fd[i], F_GETFD) >= 0;
}

/* A result's lock is its descriptor's: a child that outlives toll would hold it. */
static void test_children_hold_what_they_are_told(void **state)
{
	struct held *held = pinned_memory(sizeof *held);
	int cpus[2];

	(void)state;
	two_cpus(cpus);
	assert_non_null(held);
	for (int i = 0; i < 3; i++)
		assert_true((held->fd[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) > 2);
	for (unsigned kept = 0; kept < 7; kept++) { /* two of three at most */
		struct pinned job = { .cpu = cpus[0], .run = look, .context = held };

		for (int i = 0, n = 0; i < 3; i++)
			if (kept >> i & 1)
				job.keep[n++] = held->fd[i];
		assert_int_equal(pinned_run(&job, 1), 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(held->open[i], kept >> i & 1);
	}
	for (int i = 0; i < 3; i++)
		close(held->fd[i]);
	pinned_free(held, sizeof *held);
}

static void die(void *context)
{
	(void)context;
	_exit(1);
}

static void test_what_goes_wrong_is_said(void **state)
{
	const struct pinned nowhere = { .cpu = CPU_SETSIZE - 1, .run = where };
	int cpus[2];

	(void)state;
	said_begin();
	int status = pinned_run(&nowhere, 1);
	assert_non_null(strstr(said_end(), "CPU 1023 is not to be had"));
	assert_int_equal(status, -1);
	two_cpus(cpus);
	const struct pinned dying = { .cpu = cpus[0], .run = die };
	said_begin();
	status = pinned_run(&dying, 1);
	assert_non_null(strstr(said_end(), "has died"));
	assert_int_equal(status, -1);
}

static void test_clocks_are_bound(void **state)
{
	struct crossing_clocks clocks;
	int cpus[2];

	(void)state;
	two_cpus(cpus);
	/* a line's way is a bound that no clock in use exceeds by much; where others have the CPUs
	 * all the while, no line came through at once */
	for (int trial = 0; trial < 20; trial++) {
		assert_int_equal(crossing_clocks(cpus[0], cpus[1], ticks_per_ns, &clocks), 0);
		if (isnan(clocks.bound_ns))
			continue;
		assert_true(clocks.bound_ns >= 0);
		assert_true(clocks.contradiction_ns >= 0 &&
			    clocks.contradiction_ns <= clocks.bound_ns);
		if (clocks.bound_ns < 1e6)
			return;
	}
	if (isnan(clocks.bound_ns))
		skip();
	fail_msg("in 20 trials the clocks were %.0f ns apart at most", clocks.bound_ns);
}

static void test_wakes_take_time(void **state)
{
	double ns[8];
	size_t n = 8;
	int cpus[2];

	(void)state;
	two_cpus(cpus);
	assert_int_equal(crossing_wakes(cpus[0], cpus[1], ticks_per_ns, 1e5, false, ns, &n), 0);
	assert_true(n > 0 && n <= 8);
	for (size_t i = 0; i < n; i++)
		assert_true(ns[i] > 100 && ns[i] < 1e9);
	n = 0;
	assert_int_equal(crossing_wakes(cpus[0], cpus[1], ticks_per_ns, 1e5, true, ns, &n), 0);
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_children_are_where_they_are_told),
		cmocka_unit_test(test_children_hold_what_they_are_told),
		cmocka_unit_test(test_what_goes_wrong_is_said),
		cmocka_unit_test(test_clocks_are_bound),
		cmocka_unit_test(test_wakes_take_time),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
