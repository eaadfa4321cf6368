/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor.c - toll doctor: watches the CPUs, lets cells of its own run, and has it judged. */
#include "doctor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "crossing.h"
#include "say.h"

/* What is measured is spread over the time, so that what comes and goes is met: so many rounds of a
 * stretch of watching, a canary, wake-ups and identical cells. */
static const double ROUND_S = 2, WATCH_SHARE = 0.5, PAIRS_SHARE = 0.36;
static const double CANARY_NS = 100e3, IDLE_NS = 500e3;

/* A line's round trip, turn by turn. 0, 1 interrupted, −1. */
static int measure_canary(struct doctor_seen *e, const struct doctor *doctor,
			  const struct registry *registry)
{
	const struct cell cell = { .mechanism = "mailbox",
				   .options = "instances=1",
				   .pattern = "pingpong",
				   .size = 8,
				   .depth = -1,
				   .wait = WAIT_SPIN,
				   .touch_all = true,
				   .peers = 2,
				   .cpus = { doctor->cpus[0], doctor->cpus[1] } };
	const struct block_options options = { .registry = registry,
					       .ticks_per_ns = e->ticks_per_ns,
					       .cycles = DOCTOR_TURNS,
					       .turn_ns = CANARY_NS,
					       .seconds = 1 };
	const struct cell *cells[] = { &cell };
	struct outcome outcome;
	int status = block_run(&options, cells, NULL, 1, &outcome);

	for (size_t i = 0;
	     status == 0 && i < outcome.turns && e->canaries < sizeof e->canary / sizeof *e->canary;
	     i++) {
		e->canary[e->canaries] = outcome.batch_ns[i];
		if (e->canaries)
			e->flips += (e->canary[e->canaries] > BLOCK_FAR_NS) !=
				    (e->canary[e->canaries - 1] > BLOCK_FAR_NS);
		e->canaries++;
	}
	outcome_free(&outcome);
	return status;
}

static int measure_wakes(struct doctor_seen *e, const struct doctor *doctor, bool awake)
{
	double *into = awake ? e->awake + e->awake_count : e->asleep + e->asleep_count;
	size_t n = DOCTOR_WAKES;
	int status = crossing_wakes(doctor->cpus[0], doctor->cpus[1], e->ticks_per_ns, IDLE_NS,
				    awake, into, &n);

	*(awake ? &e->awake_count : &e->asleep_count) += n;
	return status;
}

/* 0, 1 interrupted, −1. */
static int measure_round(struct doctor_seen *e, const struct doctor *doctor,
			 const struct doctor_options *options, const struct registry *registry,
			 const struct place *place, double seconds)
{
	bool across = doctor->cpu_count > 1;
	const int pair[] = { doctor->cpus[0], doctor->cpus[across ? 1 : 0] },
		  one[] = { doctor->cpus[0], doctor->cpus[0] };
	double share = seconds * PAIRS_SHARE / (across ? 2 : 1);
	int status =
		watch_more(&e->watch, doctor, e->ticks_per_ns,
			   seconds * (options->pairs ? WATCH_SHARE : WATCH_SHARE + PAIRS_SHARE));

	if (status == 0 && across)
		status = measure_canary(e, doctor, registry);
	if (status == 0 && across)
		status = measure_wakes(e, doctor, false);
	if (status == 0 && across)
		status = measure_wakes(e, doctor, true);
	if (status == 0 && options->pairs)
		status = aa_glance(&e->pairs[0], registry, place, one, e->ticks_per_ns, share);
	if (status == 0 && options->pairs && across)
		status = aa_glance(&e->pairs[1], registry, place, pair, e->ticks_per_ns, share);
	return status ? status : block_signal() != 0;
}

static void add_cpu(struct doctor *doctor, int cpu)
{
	for (unsigned i = 0; i < doctor->cpu_count; i++)
		if (doctor->cpus[i] == cpu)
			return;
	if (doctor->cpu_count < DOCTOR_CPUS)
		doctor->cpus[doctor->cpu_count++] = cpu;
}

/* Each once; by default those of a run that says nothing of placements: its peers on one CPU, and
 * on two. */
static bool choose_cpus(struct doctor *doctor, const struct doctor_options *options,
			const struct place *place)
{
	const char *const names[] = { "same-cpu", place_nearest_across(place) };
	const struct place_edge edge = { 0, 1 };
	char why[256];
	int pair[2];

	for (unsigned i = 0; i < options->cpu_count; i++)
		add_cpu(doctor, options->cpus[i]);
	for (size_t i = 0; i < 2 && !options->cpu_count && names[i]; i++) {
		if (!place_find(place, names[i], 2, &edge, 1, 0, pair, why, sizeof why)) {
			say_error("%s: %s", names[i], why);
			return false;
		}
		add_cpu(doctor, pair[0]);
		add_cpu(doctor, pair[1]);
	}
	return true;
}

int doctor_run(const struct doctor_options *options, const struct registry *registry,
	       const struct place *place, struct doctor *doctor)
{
	struct doctor_seen *e = calloc(1, sizeof *e);
	double started = block_now_s();
	int status = -1;

	*doctor = (struct doctor){ .count = 0 };
	if (!e) {
		say_error("out of memory");
		return EXIT_USAGE;
	}
	block_catch_signals();
	block_clock(&e->ticks_per_ns, &e->cost_ns, &e->step_ns);
	if (!choose_cpus(doctor, options, place))
		goto end;
	unsigned rounds = (unsigned)fmin(DOCTOR_ROUNDS, fmax(1, floor(options->seconds / ROUND_S)));

	status = 0;
	for (unsigned round = 0; round < rounds && status == 0; round++) {
		double left = started + options->seconds - block_now_s();

		say_progress("watching CPUs and measuring, %.0f s left", fmax(0, left));
		status = measure_round(e, doctor, options, registry, place,
				       fmax(0.2, left / (rounds - round)));
	}
	say_progress(NULL);
	if (status == 0)
		status = doctor_judge(doctor, e, options->pairs, place);
	doctor->seconds = block_now_s() - started;
end:
	watch_free(&e->watch);
	free(e);
	int signal = block_signal();

	block_release_signals();
	return status < 0 ? EXIT_USAGE : status ? 128 + signal : EXIT_FINE;
}

void doctor_free(struct doctor *doctor)
{
	free(doctor->finding);
	*doctor = (struct doctor){ .count = 0 };
}

enum doctor_verdict doctor_verdict(const struct doctor *doctor)
{
	enum doctor_verdict verdict = DOCTOR_GREEN;

	for (size_t i = 0; i < doctor->count; i++)
		if (doctor->finding[i].verdict > verdict)
			verdict = doctor->finding[i].verdict;
	return verdict == DOCTOR_UNKNOWN ? DOCTOR_GREEN : verdict;
}

const char *doctor_text(enum doctor_verdict verdict)
{
	static const char *const texts[] = { "green", "unknown", "yellow", "red" };

	return texts[verdict];
}
