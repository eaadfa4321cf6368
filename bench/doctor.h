/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor.h - toll doctor: what distorts measuring on this machine, how much, and what mends it. */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <sys/types.h>

#include "aa.h"
#include "place.h"
#include "registry.h"

enum { DOCTOR_CPUS = CELL_MOST_PEERS, DOCTOR_WORD = 32, DOCTOR_TEXT = 256 };

/* Red: figures measured now would be worthless. */
enum doctor_verdict { DOCTOR_GREEN, DOCTOR_UNKNOWN, DOCTOR_YELLOW, DOCTOR_RED };

struct doctor_finding {
	char name[DOCTOR_WORD]; /* "gaps", "governor" */
	enum doctor_verdict verdict;
	bool measured;            /* over the doctor's time; else read from a setting */
	double value;             /* NaN: it is no number */
	const char *unit;         /* of value */
	char figure[DOCTOR_TEXT]; /* for people, value and unit included */
	const char *why;          /* it matters */
	char mend[DOCTOR_TEXT];   /* the command; "": nothing is to be mended */
	pid_t pid;                /* of a busy process; 0: the finding is of none */
	char process[DOCTOR_WORD];
};

struct doctor {
	struct doctor_finding *finding;
	size_t count;
	int cpus[DOCTOR_CPUS]; /* that it is about */
	unsigned cpu_count;
	double seconds; /* it took */
};

struct doctor_options {
	double seconds; /* to measure for */
	int cpus[DOCTOR_CPUS];
	unsigned cpu_count; /* 0: those that toll run takes when nothing is said of placements */
	bool pairs;         /* measure identical cells as well */
};

/* Measures and looks; changes nothing. 0 with *doctor filled in; 128 + a signal; EXIT_USAGE after
 * say_error(). doctor_free() is due in each case. */
int doctor_run(const struct doctor_options *options, const struct registry *registry,
	       const struct place *place, struct doctor *doctor);
void doctor_free(struct doctor *doctor);
/* The worst of its findings. */
enum doctor_verdict doctor_verdict(const struct doctor *doctor);
const char *doctor_text(enum doctor_verdict verdict); /* "green" */

/* A new finding, green and without a figure; NULL after say_error(). */
struct doctor_finding *doctor_add(struct doctor *doctor, const char *name, const char *why);

/* doctor_settings.c: what files and limits say. 0 or -1 after say_error(). */
int doctor_settings(struct doctor *doctor);

/* ---- doctor_watch.c: who else has the CPUs ---- */

enum { WATCH_LOOPS = 2048 };

struct watch_cpu {                                        /* of all stretches together */
	double watched_ns, missing_ns, gaps, gap_most_ns; /* gaps: over 50 µs */
	double run_delay_ns;                              /* NaN: the kernel keeps no account */
	double steal_ns, busy_ns, wall_ns; /* busy: of others; by the kernel's account */
	double sibling_ns;                 /* busy, of the busiest CPU of the core that is not
					    * watched itself */
	double loop_ns[WATCH_LOOPS];       /* least times of a fixed loop, each over 20 ms or so */
	size_t loops;
};

struct watch_process {
	pid_t pid;
	int cpu; /* of those watched, the last it was seen on */
	double ran_ns;
	unsigned long long start; /* a pid may come again */
	char name[DOCTOR_WORD];
};

struct watch {
	struct watch_cpu cpu[DOCTOR_CPUS];
	struct watch_process *process; /* that ran on the CPUs watched, by what they took */
	size_t processes;
	double seconds; /* watched */
};

/* Watches the doctor's CPUs for so long. 0; 1 interrupted; -1 after say_error(). */
int watch_more(struct watch *watch, const struct doctor *doctor, double ticks_per_ns,
	       double seconds);
void watch_free(struct watch *watch);

/* ---- doctor_judge.c ---- */

enum { DOCTOR_ROUNDS = 4, DOCTOR_TURNS = 200, DOCTOR_WAKES = 60 };

struct doctor_seen { /* all that was measured */
	struct watch watch;
	double canary[DOCTOR_ROUNDS * DOCTOR_TURNS]; /* a line's round trips, ns */
	size_t canaries, flips;                      /* changes of the host's state */
	double asleep[DOCTOR_ROUNDS * DOCTOR_WAKES], awake[DOCTOR_ROUNDS * DOCTOR_WAKES];
	size_t asleep_count, awake_count;
	struct aa_glance pairs[2]; /* on one CPU, between two */
	double ticks_per_ns, cost_ns, step_ns;
};

/* Adds a finding for each thing measured (pairs: identical cells were), and what is set. 0 or -1
 * after say_error(). */
int doctor_judge(struct doctor *doctor, const struct doctor_seen *seen, bool pairs,
		 const struct place *place);

/* reports/doctor_print.c: all of it, or one JSON object. 0 or -1 after say_error(). */
int doctor_print(const struct doctor *doctor, bool json);

#endif
