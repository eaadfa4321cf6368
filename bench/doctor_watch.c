/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor_watch.c - a child on each CPU reads the clock: what is missing between two readings went
 * elsewhere. Before and after, /proc says who had CPU time. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "block.h"
#include "doctor.h"
#include "grow.h"
#include "pinned.h"
#include "say.h"

enum { LOOP = 10000, LOOPS = 12 };
static const double WATCH_NS = 18e6, GAP_NS = 1e3, LONG_NS = 50e3;

/* ---- on the CPU ---- */

struct shift { /* one child's stretch; it alone writes it */
	_Alignas(128) double ticks_per_ns;
	double ns;
	double watched, missing, gaps, most;
	double run_delay_ns, cpu_ns;
	double loop_ns[WATCH_LOOPS];
	size_t loops;
};

static double run_delay(void)
{
	FILE *file = fopen("/proc/self/schedstat", "re");
	char line[128], *second = NULL;

	/* CPU time, then what was waited for it */
	if (file && fgets(line, sizeof line, file))
		second = strchr(line, ' ');
	if (file)
		fclose(file);
	return second ? (double)strtoull(second, NULL, 10) : NAN;
}

static void watch_clock(struct shift *shift, double ns)
{
	double per_ns = shift->ticks_per_ns;
	uint64_t start = block_ticks(), before = start, until = start + (uint64_t)(ns * per_ns);
	uint64_t least = (uint64_t)(GAP_NS * per_ns), missing = 0, most = 0;
	unsigned gaps = 0;

	while (before < until) {
		uint64_t now = block_ticks(), gap = now - before;

		if (gap > least) {
			missing += gap;
			most = gap > most ? gap : most;
			gaps += (double)gap > LONG_NS * per_ns;
		}
		before = now;
	}
	shift->watched += (double)(before - start) / per_ns;
	shift->missing += (double)missing / per_ns;
	shift->gaps += gaps;
	shift->most = fmax(shift->most, (double)most / per_ns);
}

/* Work whose time is the core's clock and nothing else: each step waits for the one before. */
static double time_loop(double ticks_per_ns)
{
	uint64_t start = block_ticks(), x = start;

	for (int i = 0; i < LOOP; i++) {
		x = x * 6364136223846793005U + 1442695040888963407U;
		__asm__ volatile("" : "+r"(x));
	}
	return (double)(block_ticks() - start) / ticks_per_ns;
}

static void watch_here(void *context)
{
	struct shift *shift = context;
	struct timespec cpu;
	double delayed = run_delay();
	uint64_t until = block_ticks() + (uint64_t)(shift->ns * shift->ticks_per_ns);

	while (block_ticks() < until) {
		double least = INFINITY;

		watch_clock(shift, fmin(WATCH_NS, shift->ns / 2));
		/* the least of several: an interrupt makes one longer, never shorter */
		for (int i = 0; i < LOOPS; i++)
			least = fmin(least, time_loop(shift->ticks_per_ns));
		if (shift->loops < WATCH_LOOPS)
			shift->loop_ns[shift->loops++] = least;
	}
	shift->run_delay_ns = run_delay() - delayed;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		shift->cpu_ns = (double)cpu.tv_sec * 1e9 + (double)cpu.tv_nsec;
}

/* ---- by the kernel's account of CPUs ---- */

struct account {
	double busy, steal, all; /* ticks; busy: neither idle nor stolen */
};

static struct account read_account(int cpu)
{
	struct account account = { NAN, NAN, NAN };
	char line[512], name[16];
	FILE *file = fopen("/proc/stat", "re");

	snprintf(name, sizeof name, "cpu%d ", cpu);
	while (file && fgets(line, sizeof line, file)) {
		unsigned long long t[8] = {
			0
		}; /* user nice system idle iowait irq softirq steal */

		if (strncmp(line, name, strlen(name)) != 0)
			continue;
		char *at = line + strlen(name);

		for (size_t i = 0; i < 8; i++)
			t[i] = strtoull(at, &at, 10);
		account.busy = (double)(t[0] + t[1] + t[2] + t[5] + t[6]);
		account.steal = (double)t[7];
		account.all = account.busy + account.steal + (double)(t[3] + t[4]);
	}
	if (file)
		fclose(file);
	return account;
}

static bool is_watched(const struct doctor *doctor, int cpu)
{
	for (unsigned i = 0; i < doctor->cpu_count; i++)
		if (doctor->cpus[i] == cpu)
			return true;
	return false;
}

/* The busiest of the other CPUs of its core, of which it may have several, that are not watched
 * themselves. */
static struct account read_siblings(const struct doctor *doctor, int cpu)
{
	struct account most = { 0, 0, 0 };
	char path[96], list[256] = "";

	snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
		 cpu);
	FILE *file = fopen(path, "re");

	if (file) {
		if (!fgets(list, sizeof list, file))
			*list = '\0';
		fclose(file);
	}
	for (char *at = list; *at >= '0' && *at <= '9';) {
		long first = strtol(at, &at, 10), last = first;

		if (*at == '-')
			last = strtol(at + 1, &at, 10);
		for (long sibling = first; sibling <= last && sibling < INT_MAX; sibling++) {
			struct account its = { NAN, NAN, NAN };

			if (sibling != cpu && !is_watched(doctor, (int)sibling))
				its = read_account((int)sibling);
			if (its.busy > most.busy)
				most = its;
		}
		at += *at == ',';
	}
	return most;
}

/* ---- by the kernel's account of threads ---- */

struct thread {
	struct watch_process of; /* pid, name and start are its process's */
	pid_t id;
	unsigned long long began; /* ticks after the boot */
};

struct threads {
	struct thread *thread;
	size_t count;
};

/* CPU time of a thread, ns: exact from schedstat, else in ticks of 10 ms. */
static bool read_ran(const char *folder, double ticks_ns, double *ns)
{
	char path[PATH_MAX], line[128];

	snprintf(path, sizeof path, "%s/schedstat", folder);
	FILE *file = fopen(path, "re");

	*ns = ticks_ns;
	if (!file)
		return false;
	bool read = fgets(line, sizeof line, file) != NULL;

	if (read && strtoull(line, NULL, 10) > 0)
		*ns = (double)strtoull(line, NULL, 10);
	fclose(file);
	return read;
}

/* A thread from its folder in /proc (proc(5), stat); false when it has ended. */
static bool read_thread(const char *folder, struct thread *thread)
{
	char path[PATH_MAX], line[1024] = "", *from, *at;

	snprintf(path, sizeof path, "%s/stat", folder);
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	if (!fgets(line, sizeof line, file))
		*line = '\0';
	fclose(file);
	/* a name may hold brackets and blanks itself */
	from = strchr(line, '(');
	at = strrchr(line, ')');
	if (!from || !at)
		return false;
	*at++ = '\0';
	snprintf(thread->of.name, sizeof thread->of.name, "%s", from + 1);
	unsigned long long field[40] = { 0 };

	at += strspn(at, " ");
	at += *at != '\0'; /* field 3, the state, is a letter */
	for (size_t i = 4; i < 40; i++)
		field[i] = strtoull(at, &at, 10);
	thread->began = field[22];
	thread->of.cpu = (int)field[39];
	read_ran(folder, (double)(field[14] + field[15]) * 1e9 / (double)sysconf(_SC_CLK_TCK),
		 &thread->of.ran_ns);
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct thread *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

/* All threads there are but toll's own, by their number. false after say_error(). */
static bool read_threads(struct threads *threads)
{
	DIR *processes = opendir("/proc");
	bool memory = true;

	*threads = (struct threads){ NULL, 0 };
	for (struct dirent *entry; processes && memory && (entry = readdir(processes));) {
		char folder[PATH_MAX];
		struct thread first;

		if (!is_number(entry->d_name) || strtol(entry->d_name, NULL, 10) == (long)getpid())
			continue;
		snprintf(folder, sizeof folder, "/proc/%s", entry->d_name);
		if (!read_thread(folder, &first))
			continue;
		snprintf(folder, sizeof folder, "/proc/%s/task", entry->d_name);
		DIR *tasks = opendir(folder);

		for (struct dirent *task; tasks && memory && (task = readdir(tasks));) {
			struct thread one;
			char path[PATH_MAX + 300];

			snprintf(path, sizeof path, "%s/%s", folder, task->d_name);
			if (!is_number(task->d_name) || !read_thread(path, &one))
				continue;
			one.id = (pid_t)strtol(task->d_name, NULL, 10);
			one.of.pid = (pid_t)strtol(entry->d_name, NULL, 10);
			one.of.start = first.began;
			memcpy(one.of.name, first.of.name, sizeof one.of.name);
			struct thread *kept = GROW_APPEND(threads->thread, threads->count);

			memory = kept;
			if (kept)
				*kept = one;
		}
		if (tasks)
			closedir(tasks);
	}
	if (processes)
		closedir(processes);
	if (!memory)
		say_error("out of memory");
	else if (threads->count)
		qsort(threads->thread, threads->count, sizeof *threads->thread, by_id);
	return memory;
}

/* Adds what a thread has run to its process. */
static bool charge(struct watch *watch, const struct watch_process *of, double ns)
{
	for (size_t i = 0; i < watch->processes; i++) {
		struct watch_process *process = &watch->process[i];

		if (process->pid != of->pid || process->start != of->start)
			continue;
		process->ran_ns += ns;
		process->cpu = of->cpu;
		return true;
	}
	struct watch_process *process = GROW_APPEND(watch->process, watch->processes);

	if (!process)
		return false;
	*process = *of;
	process->ran_ns = ns;
	return true;
}

/* What each thread has run between the two, of those that were on a watched CPU before or after;
 * one that has begun meanwhile has run all of its time. */
static bool charge_all(struct watch *watch, const struct doctor *doctor,
		       const struct threads *before, const struct threads *after)
{
	static const double LEAST_NS = 1e5;

	for (size_t i = 0; i < after->count; i++) {
		const struct thread *now = &after->thread[i];
		const struct thread *then = before->count
						    ? bsearch(now, before->thread, before->count,
							      sizeof *before->thread, by_id)
						    : NULL;
		bool same = then && then->began == now->began;
		double ran = now->of.ran_ns - (same ? then->of.ran_ns : 0);

		struct watch_process of = now->of;

		if (ran < LEAST_NS)
			continue;
		/* it may have left the CPU that it disturbed */
		if (!is_watched(doctor, of.cpu)) {
			if (!same || !is_watched(doctor, then->of.cpu))
				continue;
			of.cpu = then->of.cpu;
		}
		if (!charge(watch, &of, ran))
			return say_error("out of memory"), false;
	}
	return true;
}

static int by_time(const void *a, const void *b)
{
	const struct watch_process *x = a, *y = b;

	return (x->ran_ns < y->ran_ns) - (x->ran_ns > y->ran_ns);
}

/* ---- both ---- */

static void add_shift(struct watch_cpu *cpu, const struct shift *shift)
{
	cpu->watched_ns += shift->watched;
	cpu->missing_ns += shift->missing;
	cpu->gaps += shift->gaps;
	cpu->gap_most_ns = fmax(cpu->gap_most_ns, shift->most);
	cpu->run_delay_ns += shift->run_delay_ns;
	for (size_t i = 0; i < shift->loops && cpu->loops < WATCH_LOOPS; i++)
		cpu->loop_ns[cpu->loops++] = shift->loop_ns[i];
}

static void add_account(struct watch_cpu *cpu, const struct account *before,
			const struct account *after, double cpu_ns)
{
	double tick_ns = 1e9 / (double)sysconf(_SC_CLK_TCK);

	cpu->steal_ns += (after->steal - before->steal) * tick_ns;
	/* ticks are counted, CPU time is measured: the difference may come out below nothing */
	cpu->busy_ns += fmax(0, (after->busy - before->busy) * tick_ns - cpu_ns);
}

int watch_more(struct watch *watch, const struct doctor *doctor, double ticks_per_ns,
	       double seconds)
{
	const unsigned n = doctor->cpu_count;
	struct shift *shifts = pinned_memory(n * sizeof *shifts);
	struct account cpu[DOCTOR_CPUS], sibling[DOCTOR_CPUS];
	struct pinned jobs[DOCTOR_CPUS];
	struct threads before = { NULL, 0 }, after = { NULL, 0 };
	int status = -1;

	if (!shifts || !read_threads(&before))
		goto end;
	for (unsigned i = 0; i < n; i++) {
		shifts[i].ticks_per_ns = ticks_per_ns;
		shifts[i].ns = seconds * 1e9;
		jobs[i] = (struct pinned){ .cpu = doctor->cpus[i],
					   .run = watch_here,
					   .context = &shifts[i] };
		cpu[i] = read_account(doctor->cpus[i]);
		sibling[i] = read_siblings(doctor, doctor->cpus[i]);
	}
	double start = block_now_s();

	status = pinned_run(jobs, n);
	double took = block_now_s() - start;

	for (unsigned i = 0; i < n && status == 0; i++) {
		struct account now = read_account(doctor->cpus[i]),
			       its = read_siblings(doctor, doctor->cpus[i]);

		add_shift(&watch->cpu[i], &shifts[i]);
		add_account(&watch->cpu[i], &cpu[i], &now, shifts[i].cpu_ns);
		watch->cpu[i].wall_ns += took * 1e9;
		watch->cpu[i].sibling_ns +=
			fmax(0, its.busy - sibling[i].busy) * 1e9 / (double)sysconf(_SC_CLK_TCK);
	}
	watch->seconds += took;
	if (status == 0 && (!read_threads(&after) || !charge_all(watch, doctor, &before, &after)))
		status = -1;
	if (watch->processes)
		qsort(watch->process, watch->processes, sizeof *watch->process, by_time);
end:
	free(before.thread);
	free(after.thread);
	pinned_free(shifts, n * sizeof *shifts);
	return status;
}

void watch_free(struct watch *watch)
{
	free(watch->process);
	*watch = (struct watch){ .process = NULL };
}
