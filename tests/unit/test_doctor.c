/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_doctor.c - what the doctor says of machines that are made up: known troubles, known
 * verdicts.
 */
#include "bench/doctor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct place *place;
static struct doctor doctor;
static struct doctor_seen *seen;

static int open_place(void **state)
{
	(void)state;
	place = place_open();
	return place ? 0 : -1;
}

static int close_place(void **state)
{
	(void)state;
	place_close(place);
	return 0;
}

/* A machine of two CPUs on which nothing is amiss, watched for 4 s. */
static int set_up(void **state)
{
	(void)state;
	doctor = (struct doctor){ .cpus = { 0, 1 }, .cpu_count = 2 };
	seen = calloc(1, sizeof *seen);
	assert_non_null(seen);
	seen->watch.seconds = 4;
	for (unsigned i = 0; i < 2; i++) {
		struct watch_cpu *cpu = &seen->watch.cpu[i];

		*cpu = (struct watch_cpu){
			.watched_ns = 3.6e9, .missing_ns = 1e7, .wall_ns = 4e9, .loops = 200
		};
		for (size_t k = 0; k < cpu->loops; k++)
			cpu->loop_ns[k] = 13000 + (double)(k % 5);
	}
	for (; seen->canaries < 400; seen->canaries++)
		seen->canary[seen->canaries] = 50;
	for (; seen->asleep_count < 50; seen->asleep_count++)
		seen->asleep[seen->asleep_count] = 4e3;
	for (; seen->awake_count < 50; seen->awake_count++)
		seen->awake[seen->awake_count] = 2e3;
	for (unsigned i = 0; i < 2; i++)
		for (; seen->pairs[i].n < 40; seen->pairs[i].n++)
			seen->pairs[i].ln_ratio[seen->pairs[i].n] =
				seen->pairs[i].n % 2 ? 0.005 : -0.005;
	seen->cost_ns = 20;
	seen->step_ns = 10;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(seen->watch.process);
	free(seen);
	doctor_free(&doctor);
	return 0;
}

/* The first finding of a name. */
static const struct doctor_finding *found(const char *name)
{
	for (size_t i = 0; i < doctor.count; i++)
		if (strcmp(doctor.finding[i].name, name) == 0)
			return &doctor.finding[i];
	fail_msg("no finding called %s", name);
	return NULL;
}

static void judge(void)
{
	assert_int_equal(doctor_judge(&doctor, seen, true, place), 0);
}

static void says(const char *name, enum doctor_verdict verdict, const char *figure)
{
	const struct doctor_finding *f = found(name);

	if (f->verdict != verdict || !strstr(f->figure, figure))
		fail_msg("%s: %s, %s", name, doctor_text(f->verdict), f->figure);
	assert_true(verdict <= DOCTOR_UNKNOWN || *f->mend);
}

static void test_nothing_amiss(void **state)
{
	(void)state;
	judge();
	for (size_t i = 0; i < doctor.count; i++) {
		const struct doctor_finding *f = &doctor.finding[i];

		assert_true(*f->figure && *f->why);
		if (f->measured && f->verdict != DOCTOR_GREEN)
			fail_msg("%s: %s, %s", f->name, doctor_text(f->verdict), f->figure);
	}
	says("missing-time", DOCTOR_GREEN, "0.28 % of CPU 0's time");
	says("gaps", DOCTOR_GREEN, "0.0 a second and CPU");
	says("busy", DOCTOR_GREEN, "no process");
	says("host-states", DOCTOR_GREEN, "near throughout: a line's round trip takes 50.0 ns");
	says("idle-wake-up", DOCTOR_GREEN, "4.00 µs to wake");
	says("pairs-across", DOCTOR_GREEN, "(40 pairs)");
}

static void test_time_that_is_missing(void **state)
{
	(void)state;
	seen->watch.cpu[1].missing_ns = 0.4e9;
	seen->watch.cpu[1].gaps = 720;
	seen->watch.cpu[1].gap_most_ns = 3e6;
	judge();
	says("missing-time", DOCTOR_RED, "11.11 % of CPU 1's time");
	says("gaps", DOCTOR_YELLOW,
	     "100.0 a second and CPU are longer than 50 µs, the longest 3.00 ms");
	assert_int_equal(doctor_verdict(&doctor), DOCTOR_RED);
}

static void test_the_kernels_account(void **state)
{
	(void)state;
	seen->watch.cpu[0].steal_ns = 0.04e9;
	seen->watch.cpu[1].run_delay_ns = 0.5e9;
	judge();
	says("steal", DOCTOR_YELLOW, "1.00 % of CPU 0's time");
	assert_string_equal(found("steal")->mend, "ask the host: steal");
	says("run-delay", DOCTOR_RED, "12.50 % of CPU 1's time");
}

static void test_no_account(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++)
		seen->watch.cpu[i].steal_ns = seen->watch.cpu[i].run_delay_ns = NAN;
	judge();
	says("steal", DOCTOR_UNKNOWN, "keeps no account");
	says("run-delay", DOCTOR_UNKNOWN, "keeps no account");
}

static void test_busy_processes(void **state)
{
	(void)state;
	/* this process has a command line, and no unit that could be stopped where tests run */
	const struct watch_process busy[] = {
		{ .pid = getpid(), .cpu = 1, .ran_ns = 2e9, .name = "evil" },
		{ .pid = 99999999, .cpu = 0, .ran_ns = 8e7, .name = "small" },
		{ .pid = 99999998, .cpu = 0, .ran_ns = 1e7, .name = "tiny" },
	};

	seen->watch.process = malloc(sizeof busy);
	assert_non_null(seen->watch.process);
	memcpy(seen->watch.process, busy, sizeof busy);
	seen->watch.processes = 3;
	judge();
	char figure[64];

	snprintf(figure, sizeof figure, "evil (pid %d) took 50 %% of CPU 1's time", (int)getpid());
	says("busy", DOCTOR_RED, figure);
	assert_int_equal(found("busy")->pid, getpid());
	unsigned of_them = 0;

	for (size_t i = 0; i < doctor.count; i++) {
		of_them += strcmp(doctor.finding[i].name, "busy") == 0;
		assert_null(strstr(doctor.finding[i].figure, "tiny"));
	}
	assert_int_equal(of_them, 2);
}

static void test_short_lived(void **state)
{
	(void)state;
	seen->watch.cpu[0].busy_ns = 0.4e9;
	judge();
	says("busy", DOCTOR_YELLOW, "10 % of a CPU went to processes too short-lived to name");
}

static void test_states_clocks_and_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < 100; i++)
		seen->canary[i] = 130;
	seen->flips = 1;
	for (size_t k = 0; k < 100; k++)
		seen->watch.cpu[1].loop_ns[k] = 14300;
	for (size_t i = 0; i < seen->asleep_count; i++)
		seen->asleep[i] = 60e3;
	for (size_t i = 0; i < 40; i++)
		seen->pairs[1].ln_ratio[i] = i % 2 ? 0.12 : -0.12;
	seen->cost_ns = 700;
	judge();
	says("host-states", DOCTOR_YELLOW, "far for 25 % of the time");
	says("host-states", DOCTOR_YELLOW, "1 change");
	says("frequency", DOCTOR_YELLOW, "on CPU 1");
	says("idle-wake-up", DOCTOR_YELLOW, "60.0 µs to wake");
	says("timer", DOCTOR_YELLOW, "700.0 ns");
	says("pairs-same-cpu", DOCTOR_GREEN, "spread by");
	says("pairs-across", DOCTOR_RED, "spread by 17.79 % (40 pairs)");
}

/* What could not be measured is not known: not green, and no 0. */
static void test_nothing_measured(void **state)
{
	(void)state;
	seen->canaries = seen->asleep_count = seen->awake_count = 0;
	seen->pairs[0].n = seen->pairs[1].n = 0;
	judge();
	static const char *const names[] = { "host-states", "idle-wake-up", "pairs-same-cpu",
					     "pairs-across" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		says(names[i], DOCTOR_UNKNOWN, "not known");
		assert_true(isnan(found(names[i])->value));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_amiss, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_time_that_is_missing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_kernels_account, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_account, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_busy_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_short_lived, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_states_clocks_and_pairs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_measured, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, open_place, close_place);
}
