/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor_judge.c - from what the doctor measured to findings: how bad, why it matters, what mends
 * it. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../analysis/statistics.h"
#include "block.h"
#include "doctor.h"
#include "grow.h"
#include "host.h"
#include "say.h"

enum { BUSY = 5 /* processes that are named */ };

/* ---- findings ---- */

struct doctor_finding *doctor_add(struct doctor *doctor, const char *name, const char *why)
{
	struct doctor_finding *f = GROW_APPEND(doctor->finding, doctor->count);

	if (!f) {
		say_error("out of memory");
		return NULL;
	}
	snprintf(f->name, sizeof f->name, "%s", name);
	f->why = why;
	f->value = NAN;
	return f;
}

/* One that was measured; green below the first bound, red from the second on. */
static struct doctor_finding *judge(struct doctor *doctor, const char *name, const char *why,
				    double value, const char *unit, double yellow, double red)
{
	struct doctor_finding *f = doctor_add(doctor, name, why);

	if (!f)
		return NULL;
	f->measured = true;
	f->value = value;
	f->unit = unit;
	f->verdict = isnan(value)     ? DOCTOR_UNKNOWN
		     : value < yellow ? DOCTOR_GREEN
		     : value < red    ? DOCTOR_YELLOW
				      : DOCTOR_RED;
	return f;
}

__attribute__((format(printf, 2, 3))) static void set(char text[DOCTOR_TEXT], const char *format,
						      ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, DOCTOR_TEXT, format, arguments);
	va_end(arguments);
}

/* The CPU of which a share is largest. */
static unsigned worst(const struct doctor *doctor, const struct watch *watch,
		      double (*share)(const struct watch_cpu *))
{
	unsigned at = 0;

	for (unsigned i = 1; i < doctor->cpu_count; i++)
		if (share(&watch->cpu[i]) > share(&watch->cpu[at]))
			at = i;
	return at;
}

static double missing_share(const struct watch_cpu *cpu)
{
	return cpu->missing_ns / cpu->watched_ns;
}

static double steal_share(const struct watch_cpu *cpu)
{
	return cpu->steal_ns / cpu->wall_ns;
}

static double delay_share(const struct watch_cpu *cpu)
{
	return cpu->run_delay_ns / cpu->wall_ns;
}

static double sibling_share(const struct watch_cpu *cpu)
{
	return cpu->sibling_ns / cpu->wall_ns;
}

/* ---- judging: who else has the CPUs ---- */

static int judge_gaps(struct doctor *doctor, const struct watch *watch, bool guest, bool busy)
{
	unsigned at = worst(doctor, watch, missing_share);
	const struct watch_cpu *cpu = &watch->cpu[at];
	double gaps = 0, watched = 0, most = 0;
	char longest[24];

	for (unsigned i = 0; i < doctor->cpu_count; i++) {
		gaps += watch->cpu[i].gaps;
		watched += watch->cpu[i].watched_ns / 1e9;
		most = fmax(most, watch->cpu[i].gap_most_ns);
	}
	struct doctor_finding *f = judge(
		doctor, "missing-time",
		"time in which a CPU did not run what was on it is in the figures of that turn",
		100 * missing_share(cpu), "%", 1, 10);

	if (!f)
		return -1;
	const char *mend = busy    ? "see busy, below"
			   : guest ? "ask the host: other guests, or its own work, have the CPUs"
				   : "perf top -C CPU shows what interrupts; move interrupts with "
				     "/proc/irq/N/smp_affinity";

	set(f->figure, "%.2f %% of CPU %d's time", f->value, doctor->cpus[at]);
	if (f->verdict > DOCTOR_UNKNOWN)
		set(f->mend, "%s", mend);
	f = judge(doctor, "gaps",
		  "quantiles past the share of operations that meet one measure the machine",
		  gaps / watched, "per second and CPU", 20, INFINITY);
	if (!f)
		return -1;
	set(f->figure, "%.1f a second and CPU are longer than 50 µs, the longest %s", f->value,
	    say_ns(most, longest));
	if (f->verdict > DOCTOR_UNKNOWN)
		set(f->mend, "%s", mend);
	return 0;
}

static int judge_account(struct doctor *doctor, const struct watch *watch)
{
	unsigned at = worst(doctor, watch, steal_share);
	struct doctor_finding *f =
		judge(doctor, "steal", "the hypervisor ran others; it is not always owned up to",
		      100 * steal_share(&watch->cpu[at]), "%", 0.5, 10);

	if (!f)
		return -1;
	set(f->figure, isnan(f->value) ? "the kernel keeps no account" : "%.2f %% of CPU %d's time",
	    f->value, doctor->cpus[at]);
	if (f->verdict > DOCTOR_UNKNOWN)
		set(f->mend, "ask the host: steal");
	at = worst(doctor, watch, delay_share);
	f = judge(doctor, "run-delay", "able to run, a peer waited for its CPU",
		  100 * delay_share(&watch->cpu[at]), "%", 1, 10);
	if (!f)
		return -1;
	set(f->figure, isnan(f->value) ? "the kernel keeps no account" : "%.2f %% of CPU %d's time",
	    f->value, doctor->cpus[at]);
	if (f->verdict > DOCTOR_UNKNOWN)
		set(f->mend, "see busy, below");
	return 0;
}

/* The unit of systemd that a process is of: "cron.service"; false when of none. */
static bool find_unit(pid_t pid, char unit[DOCTOR_TEXT])
{
	char path[64], line[1024];
	bool found = false;

	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	FILE *file = fopen(path, "re");

	while (file && !found && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		const char *last = strrchr(line, '/');
		size_t length = last ? strlen(last) : 0;

		found = length > 9 && length < DOCTOR_TEXT &&
			strcmp(last + length - 8, ".service") == 0 &&
			strncmp(last, "/user@", 6) != 0;
		if (found)
			snprintf(unit, DOCTOR_TEXT, "%s", last + 1);
	}
	if (file)
		fclose(file);
	return found;
}

enum kind_of_process { ORDINARY, OF_THE_KERNEL, GONE };

static enum kind_of_process kind_of(pid_t pid)
{
	char path[64], byte;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	FILE *file = fopen(path, "re");

	if (!file)
		return GONE;
	bool empty = fread(&byte, 1, 1, file) == 0;

	fclose(file);
	return empty ? OF_THE_KERNEL : ORDINARY;
}

static void mend_busy(const struct doctor *doctor, const struct watch_process *process,
		      const struct place *place, struct doctor_finding *f)
{
	char unit[DOCTOR_TEXT], list[128] = "";
	int allowed[256];
	size_t n = place_allowed(place, allowed, sizeof allowed / sizeof *allowed), used = 0;

	for (size_t i = 0; i < n && used + 8 < sizeof list; i++) {
		bool ours = false;

		for (unsigned k = 0; k < doctor->cpu_count; k++)
			ours = ours || doctor->cpus[k] == allowed[i];
		if (!ours)
			used += (size_t)snprintf(list + used, sizeof list - used, "%s%d",
						 used ? "," : "", allowed[i]);
	}
	enum kind_of_process kind = kind_of(process->pid);

	if (kind == GONE)
		set(f->mend, "it has ended meanwhile");
	else if (kind == OF_THE_KERNEL)
		set(f->mend, "a thread of the kernel: perf top -t %d shows its work",
		    (int)process->pid);
	else if (find_unit(process->pid, unit))
		set(f->mend, "systemctl stop %.200s", unit);
	else if (used)
		set(f->mend, "taskset -acp %s %d", list, (int)process->pid);
	else
		set(f->mend, "kill -STOP %d (afterwards kill -CONT %d)", (int)process->pid,
		    (int)process->pid);
}

static int judge_busy(struct doctor *doctor, const struct watch *watch, const struct place *place)
{
	static const char why[] = "it takes turns with the peers on their CPU, and empties caches";
	static const double SOME = 0.01, MUCH = 0.10, SHORT_LIVED = 0.05;
	double wall = watch->seconds * 1e9, named = 0, busy = 0;
	unsigned found = 0;

	for (size_t i = 0; i < watch->processes; i++) {
		const struct watch_process *process = &watch->process[i];
		double share = process->ran_ns / wall;

		named += process->ran_ns;
		if (share < SOME || found == BUSY)
			continue;
		found++;
		struct doctor_finding *f =
			judge(doctor, "busy", why, 100 * share, "%", 100 * SOME, 100 * MUCH);

		if (!f)
			return -1;
		f->pid = process->pid;
		memcpy(f->process, process->name, sizeof f->process);
		set(f->figure,
		    share > 1 ? "%s (pid %d) took %.0f %% of a CPU's time, at last of CPU %d's"
			      : "%s (pid %d) took %.0f %% of CPU %d's time",
		    process->name, (int)process->pid, f->value, process->cpu);
		mend_busy(doctor, process, place, f);
	}
	for (unsigned i = 0; i < doctor->cpu_count; i++)
		busy += watch->cpu[i].busy_ns;
	double rest = fmax(0, busy - named) / wall;

	if (found && rest < SHORT_LIVED)
		return 0;
	struct doctor_finding *f = judge(doctor, "busy", why, 100 * rest, "%", 100 * SHORT_LIVED,
					 100 * fmax(0.25, SHORT_LIVED));
	if (!f)
		return -1;
	if (f->verdict == DOCTOR_GREEN) {
		set(f->figure, "no process took 1 %% of a CPU or more");
		f->value = NAN;
		f->unit = NULL;
	} else {
		set(f->figure, "%.0f %% of a CPU went to processes too short-lived to name",
		    f->value);
		set(f->mend, "perf trace -s -a -- sleep 5 shows who (or execsnoop)");
	}
	return 0;
}

static int judge_siblings(struct doctor *doctor, const struct watch *watch)
{
	static const char why[] = "the two CPUs of a core share what executes and the near caches";
	unsigned at = worst(doctor, watch, sibling_share);
	char path[96], list[64] = "";
	struct doctor_finding *f =
		judge(doctor, "smt", why, 100 * sibling_share(&watch->cpu[at]), "%", 2, INFINITY);

	if (!f)
		return -1;
	snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
		 doctor->cpus[at]);
	FILE *file = fopen(path, "re");

	if (file) {
		if (fgets(list, sizeof list, file))
			list[strcspn(list, "\n")] = '\0';
		fclose(file);
	}
	if (!strpbrk(list, ",-")) {
		f->value = NAN;
		f->verdict = DOCTOR_GREEN;
		set(f->figure, "one CPU a core, as far as this system sees");
		return 0;
	}
	set(f->figure, "CPUs %s are one core; those not measured were busy for %.1f %%", list,
	    f->value);
	if (f->verdict > DOCTOR_UNKNOWN)
		set(f->mend, "echo off > /sys/devices/system/cpu/smt/control (or --cpus of other "
			     "cores)");
	return 0;
}

/* ---- judging: clocks ---- */

static int judge_timer(struct doctor *doctor, const struct doctor_seen *e)
{
	struct doctor_finding *f =
		judge(doctor, "timer",
		      "two readings are in each turn; stamped operations (--tails) "
		      "hold one each",
		      e->cost_ns, "ns", 100, INFINITY);

	if (!f)
		return -1;
	set(f->figure, "a reading of the clock (%s) takes %.1f ns, its least step is %.1f ns",
	    block_clock_source(), e->cost_ns, e->step_ns);
	if (f->verdict > DOCTOR_UNKNOWN)
		set(f->mend, "see clocksource, below");
	return 0;
}

/* How far the core's clock went up and down: the middle 90 % of stretches, of the median. */
static int judge_drift(struct doctor *doctor, const struct watch *watch, bool guest)
{
	double most = 0, least_median = INFINITY, most_median = 0;
	int cpu = doctor->cpus[0];

	for (unsigned i = 0; i < doctor->cpu_count; i++) {
		const struct watch_cpu *its = &watch->cpu[i];
		double median = statistics_median(its->loop_ns, its->loops);
		double spread = (statistics_quantile(its->loop_ns, its->loops, 0.95) -
				 statistics_quantile(its->loop_ns, its->loops, 0.05)) /
				median;

		least_median = fmin(least_median, median);
		most_median = fmax(most_median, median);
		if (spread <= most)
			continue;
		most = spread;
		cpu = doctor->cpus[i];
	}
	struct doctor_finding *f = judge(doctor, "frequency",
					 "a fixed loop takes another time when the core's clock, "
					 "or what shares the core, changes",
					 100 * most, "%", 2, 25);

	if (!f)
		return -1;
	set(f->figure, "a fixed loop's time went up and down by %.1f %% on CPU %d", f->value, cpu);
	if (most_median > 1.02 * least_median)
		set(f->figure + strlen(f->figure), "; between CPUs it differs by %.0f %%",
		    100 * (most_median / least_median - 1));
	if (f->verdict > DOCTOR_UNKNOWN)
		set(f->mend, guest ? "ask the host: its governor, and who has the other half of "
				     "the core"
				   : "cpupower frequency-set -g performance; see turbo and smt");
	return 0;
}

/* ---- judging: between CPUs ---- */

static int judge_states(struct doctor *doctor, const struct doctor_seen *e, bool guest)
{
	static const char why[] = "the host moves virtual CPUs; figures of the states are kept "
				  "apart, each gets fewer workers";
	size_t far = 0;
	double rarer = NAN;

	for (size_t i = 0; i < e->canaries; i++)
		far += e->canary[i] > BLOCK_FAR_NS;
	if (e->canaries)
		rarer = fmin((double)far, (double)(e->canaries - far)) / (double)e->canaries;
	struct doctor_finding *f = judge(doctor, "host-states", why, 100 * rarer, "%", 5, INFINITY);

	if (!f)
		return -1;
	if (!e->canaries) {
		set(f->figure, doctor->cpu_count < 2 ? "one CPU only: nothing lies between"
						     : "not known: its worker failed");
		return 0;
	}
	char median[24];

	say_ns(statistics_median(e->canary, e->canaries), median);
	if (far == 0 || far == e->canaries)
		set(f->figure, "%s throughout: a line's round trip takes %s", far ? "far" : "near",
		    median);
	else
		set(f->figure,
		    "far for %.0f %% of the time (a line's round trip over %.0f ns), "
		    "%zu change%s",
		    100 * (double)far / (double)e->canaries, BLOCK_FAR_NS, e->flips,
		    e->flips == 1 ? "" : "s");
	if (f->verdict > DOCTOR_UNKNOWN)
		set(f->mend, guest ? "ask the host: pin the virtual CPUs (virsh vcpupin GUEST 0 N)"
				   : "toll list placements, and --cpus with a pair of one cache");
	return 0;
}

static int judge_wakes(struct doctor *doctor, const struct doctor_seen *e, bool guest)
{
	static const char poll[] = "/sys/module/haltpoll/parameters/guest_halt_poll_ns";
	double asleep = NAN, awake = NAN;
	char one[24], other[24];

	if (e->asleep_count)
		asleep = statistics_median(e->asleep, e->asleep_count);
	if (e->awake_count)
		awake = statistics_median(e->awake, e->awake_count);
	struct doctor_finding *f = judge(doctor, "idle-wake-up",
					 "cells with idle=sleep measure this more than the "
					 "mechanism; idle=awake, the default, does not",
					 asleep, "ns", 20e3, INFINITY);

	if (!f)
		return -1;
	if (!e->asleep_count) {
		set(f->figure, doctor->cpu_count < 2
				       ? "one CPU only: nobody to wake"
				       : "not known: nobody woke, others have the CPUs");
		return 0;
	}
	set(f->figure, "%s to wake who sleeps on an idle CPU, %s on one kept awake",
	    say_ns(asleep, one), say_ns(awake, other));
	if (f->verdict <= DOCTOR_UNKNOWN)
		return 0;
	if (guest && access(poll, F_OK) == 0)
		set(f->mend, "echo 200000 > %s", poll);
	else
		set(f->mend,
		    guest ? "ask the host: halt_poll_ns of its kvm" : "cpupower idle-set -D 10");
	return 0;
}

static int judge_pairs(struct doctor *doctor, const struct aa_glance *pairs, const char *name,
		       const char *where)
{
	double spread = NAN;

	if (pairs->n >= 4)
		spread = statistics_mad_sd(pairs->ln_ratio, pairs->n);
	struct doctor_finding *f =
		judge(doctor, name,
		      "how far identical cells lie apart: a difference has to stand out of it",
		      100 * spread, "%", 3, 10);

	if (!f)
		return -1;
	if (isnan(spread)) {
		set(f->figure, "not known: %zu pairs were measured, %u failed", pairs->n,
		    pairs->failures);
		return 0;
	}
	set(f->figure, "identical cells %s spread by %.2f %% (%zu pairs)", where, f->value,
	    pairs->n);
	if (f->verdict > DOCTOR_UNKNOWN)
		set(f->mend, "mend what is yellow or red above; toll aa tells more");
	return 0;
}

int doctor_judge(struct doctor *doctor, const struct doctor_seen *e, bool pairs,
		 const struct place *place)
{
	bool guest = host_is_guest(), across = doctor->cpu_count > 1;
	bool busy = e->watch.processes && e->watch.process[0].ran_ns > e->watch.seconds * 1e7;

	if (judge_gaps(doctor, &e->watch, guest, busy) || judge_account(doctor, &e->watch) ||
	    judge_busy(doctor, &e->watch, place) || judge_siblings(doctor, &e->watch) ||
	    judge_states(doctor, e, guest) || judge_drift(doctor, &e->watch, guest) ||
	    judge_timer(doctor, e) || judge_wakes(doctor, e, guest))
		return -1;
	if (pairs && judge_pairs(doctor, &e->pairs[0], "pairs-same-cpu", "on one CPU"))
		return -1;
	if (pairs && across &&
	    judge_pairs(doctor, &e->pairs[1], "pairs-across", "spinning between two CPUs"))
		return -1;
	return doctor_settings(doctor);
}
