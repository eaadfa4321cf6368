/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor_settings.c - what is set on this machine that distorts measuring, or keeps something from
 * being measured: from /proc, /sys and limits. Each with the command that changes it. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "account.h"
#include "counters.h"
#include "doctor.h"
#include "host.h"
#include "pmu.h"
#include "say.h"
#include "tracepoint.h"

enum { TEXT = 512 };
static const rlim_t MEMLOCK_LEAST = 64 << 20;

/* A small file's first line without blanks at its end; false when it cannot be read or is empty. */
__attribute__((format(printf, 2, 3))) static bool read_line(char text[TEXT], const char *format,
							    ...)
{
	char path[PATH_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path, sizeof path, format, arguments);
	va_end(arguments);
	FILE *file = fopen(path, "re");
	bool read = file && fgets(text, TEXT, file);

	if (file)
		fclose(file);
	size_t length = read ? strlen(text) : 0;

	while (length > 0 && isspace((unsigned char)text[length - 1]))
		length--;
	text[length] = '\0';
	return length > 0;
}

__attribute__((format(printf, 2, 3))) static void set(char text[DOCTOR_TEXT], const char *format,
						      ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, DOCTOR_TEXT, format, arguments);
	va_end(arguments);
}

/* "0,1" */
static const char *list_cpus(const struct doctor *doctor, char text[TEXT])
{
	size_t used = 0;

	for (unsigned i = 0; i < doctor->cpu_count; i++)
		used += (size_t)snprintf(text + used, TEXT - used, "%s%d", i ? "," : "",
					 doctor->cpus[i]);
	return text;
}

/* ---- clocks of the cores ---- */

static int look_at_governor(struct doctor *doctor)
{
	struct doctor_finding *f = doctor_add(doctor, "governor",
					      "a clock that follows the load makes the same work "
					      "take another time");
	char text[TEXT], other[TEXT] = "", list[TEXT];
	unsigned known = 0, slow = 0;

	if (!f)
		return -1;
	for (unsigned i = 0; i < doctor->cpu_count; i++) {
		if (!read_line(text, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor",
			       doctor->cpus[i]))
			continue;
		known++;
		if (strcmp(text, "performance") == 0)
			continue;
		slow++;
		memcpy(other, text, sizeof other);
	}
	if (!known) {
		f->verdict = DOCTOR_UNKNOWN;
		set(f->figure, "no cpufreq here: firmware or the host sets the clock");
	} else if (!slow) {
		set(f->figure, "performance");
	} else {
		f->verdict = DOCTOR_YELLOW;
		set(f->figure, "%.60s", other);
		set(f->mend, "cpupower -c %.100s frequency-set -g performance",
		    list_cpus(doctor, list));
	}
	return 0;
}

static int look_at_turbo(struct doctor *doctor)
{
	static const struct {
		const char *path, *on, *off;
	} switches[] = { { "/sys/devices/system/cpu/intel_pstate/no_turbo", "0", "1" },
			 { "/sys/devices/system/cpu/cpufreq/boost", "1", "0" } };
	struct doctor_finding *f = doctor_add(
		doctor, "turbo", "how long the clock stays boosted is up to heat and neighbours");
	char text[TEXT];

	if (!f)
		return -1;
	for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
		if (!read_line(text, "%s", switches[i].path))
			continue;
		bool on = strcmp(text, switches[i].on) == 0;

		set(f->figure, "%s", on ? "on" : "off");
		if (on) {
			f->verdict = DOCTOR_YELLOW;
			set(f->mend, "echo %s > %s", switches[i].off, switches[i].path);
		}
		return 0;
	}
	f->verdict = DOCTOR_UNKNOWN;
	set(f->figure, "no switch here: firmware or the host decides");
	return 0;
}

/* The clock that the kernel takes where it could take the processor's counter. */
static int look_at_clocksource(struct doctor *doctor)
{
	static const char folder[] = "/sys/devices/system/clocksource/clocksource0";
	struct doctor_finding *f =
		doctor_add(doctor, "clocksource",
			   "a clock that is read through the kernel costs more and "
			   "counts in every turn");
	char now[TEXT];

	if (!f)
		return -1;
	if (!read_line(now, "%s/current_clocksource", folder)) {
		f->verdict = DOCTOR_UNKNOWN;
		set(f->figure, "the kernel does not say");
		return 0;
	}
	set(f->figure, "%.60s", now);
#if defined(__x86_64__)
	char there[TEXT] = "";

	if (strcmp(now, "tsc") == 0 || strcmp(now, "kvm-clock") == 0 ||
	    strncmp(now, "hyperv_clocksource_tsc", 22) == 0)
		return 0;
	f->verdict = DOCTOR_YELLOW;
	if (read_line(there, "%s/available_clocksource", folder) && strstr(there, "tsc"))
		set(f->mend, "echo tsc > %s/current_clocksource", folder);
	else
		set(f->mend, "the kernel distrusts this machine's TSC: dmesg | grep -i tsc");
#endif
	return 0;
}

/* ---- memory ---- */

static int look_at_thp(struct doctor *doctor)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	struct doctor_finding *f =
		doctor_add(doctor, "thp",
			   "always: which worker's memory gets huge pages differs "
			   "from worker to worker");
	char text[TEXT], *from, *to;

	if (!f)
		return -1;
	if (!read_line(text, "%s", path) || !(from = strchr(text, '[')) ||
	    !(to = strchr(from, ']'))) {
		set(f->figure, "the kernel has none");
		return 0;
	}
	*to = '\0';
	set(f->figure, "%.60s", from + 1);
	if (strcmp(from + 1, "always") == 0) {
		f->verdict = DOCTOR_YELLOW;
		set(f->mend, "echo madvise > %s", path);
	}
	return 0;
}

static int look_at_huge_pages(struct doctor *doctor)
{
	static const char folder[] = "/sys/kernel/mm/hugepages";
	struct doctor_finding *f = doctor_add(doctor, "huge-pages",
					      "without them cells with memory=huge are left out");
	DIR *directory = opendir(folder);
	char text[TEXT];
	unsigned long kilobytes = 0, free_pages = 0;

	if (!f)
		goto end;
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		unsigned long size = 0;

		if (strncmp(entry->d_name, "hugepages-", 10) == 0)
			size = strtoul(entry->d_name + 10, NULL, 10);
		if (!size || !read_line(text, "%s/%s/free_hugepages", folder, entry->d_name))
			continue;
		unsigned long pages = strtoul(text, NULL, 10);

		/* of the size that has some, else of the smallest */
		if (!kilobytes || (pages && !free_pages) ||
		    (size < kilobytes && (pages > 0) == (free_pages > 0))) {
			kilobytes = size;
			free_pages = pages;
		}
	}
	if (!kilobytes) {
		f->verdict = DOCTOR_UNKNOWN;
		set(f->figure, "the kernel has none");
	} else if (free_pages) {
		set(f->figure, "%lu of %lu KiB free", free_pages, kilobytes);
	} else {
		f->verdict = DOCTOR_YELLOW;
		set(f->figure, "none of %lu KiB is free", kilobytes);
		set(f->mend, "echo 64 > %s/hugepages-%lukB/nr_hugepages", folder, kilobytes);
	}
end:
	if (directory)
		closedir(directory);
	return f ? 0 : -1;
}

static int look_at_memlock(struct doctor *doctor)
{
	struct doctor_finding *f = doctor_add(
		doctor, "memlock", "io_uring's rings and locked memory count against it");
	struct rlimit limit;
	char size[24];

	if (!f)
		return -1;
	if (geteuid() == 0) {
		set(f->figure, "no limit for root");
	} else if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
		f->verdict = DOCTOR_UNKNOWN;
		set(f->figure, "not known: %s", strerror(errno));
	} else if (limit.rlim_cur == RLIM_INFINITY) {
		set(f->figure, "unlimited");
	} else {
		set(f->figure, "%s", say_size(limit.rlim_cur, size));
		if (limit.rlim_cur < MEMLOCK_LEAST) {
			f->verdict = DOCTOR_YELLOW;
			set(f->mend,
			    limit.rlim_max >= MEMLOCK_LEAST
				    ? "ulimit -l %llu"
				    : "as root: prlimit --pid $$ --memlock=unlimited",
			    (unsigned long long)(limit.rlim_max == RLIM_INFINITY
							 ? MEMLOCK_LEAST >> 10
							 : limit.rlim_max >> 10));
		}
	}
	return 0;
}

/* ---- counting ---- */

static int look_at_counters(struct doctor *doctor)
{
	struct doctor_finding *f =
		doctor_add(doctor, "counters",
			   "without them a figure's cycles, misses and switches are not "
			   "told");
	char text[TEXT], why[TEXT], pmu[16];
	struct counters asked;
	struct tally tally;

	if (!f)
		return -1;
	if (!read_line(text, "/proc/sys/kernel/perf_event_paranoid")) {
		f->verdict = DOCTOR_YELLOW;
		set(f->figure, "the kernel was built without perf events");
		return 0;
	}
	f->value = (double)strtol(text, NULL, 10);
	/* of the kernel alone, and no processor's: whoever may count it may count all there is */
	if (counters_read("cpu-migrations", &asked, why, sizeof why) != 0)
		return 0;
	counters_try(&asked.counter[0], &tally);
	if (isnan(tally.per_operation)) {
		f->verdict = DOCTOR_YELLOW;
		set(f->figure, "%s", tally.reason);
		set(f->mend, strncmp(tally.reason, "sysctl", 6) == 0
				     ? "sysctl kernel.perf_event_paranoid=1"
				     : "allow perf_event_open in the seccomp profile that this "
				       "runs under");
	} else if (!pmu_name(pmu, sizeof pmu)) {
		f->verdict = DOCTOR_UNKNOWN;
		set(f->figure, "no hardware counters here: the hypervisor passes none on");
	} else {
		set(f->figure, "perf_event_paranoid %s", text);
	}
	return 0;
}

static int look_at_tracefs(struct doctor *doctor)
{
	struct doctor_finding *f = doctor_add(
		doctor, "tracefs", "system calls and wake-ups are counted by its tracepoints");
	char why[TEXT] = "";
	uint64_t number;

	if (!f)
		return -1;
	if (tracepoint_find("raw_syscalls:sys_enter", &number, why, sizeof why)) {
		/* who may mount it has it while toll looks, in a namespace that ends with that */
		set(f->figure, access("/sys/kernel/tracing/events", X_OK) == 0 ||
					       access("/sys/kernel/debug/tracing/events", X_OK) == 0
				       ? "mounted, and readable"
				       : "not mounted, and mounted for a moment when it is needed");
		return 0;
	}
	bool none = strncmp(why, "this kernel", 11) == 0;

	f->verdict = none ? DOCTOR_UNKNOWN : DOCTOR_YELLOW;
	set(f->figure, "%s",
	    none             ? why
	    : geteuid() == 0 ? "not mounted, and this process may not mount it"
			     : "not readable for this user");
	if (!none)
		set(f->mend, "as root: mount -t tracefs -o mode=755 tracefs /sys/kernel/tracing");
	return 0;
}

/* ---- io_uring ---- */

static int look_at_io_uring(struct doctor *doctor)
{
	struct doctor_finding *f =
		doctor_add(doctor, "io-uring", "without it the uring-* mechanisms are left out");
	/* a struct io_uring_params: no header has to know it */
	uint64_t parameters[15] = { 0 };
	char text[TEXT];

	if (!f)
		return -1;
	int ring = (int)syscall(SYS_io_uring_setup, 2, parameters), error = errno;

	if (ring >= 0) {
		close(ring);
		set(f->figure, "the kernel makes rings");
		return 0;
	}
	f->verdict = DOCTOR_YELLOW;
	set(f->figure, "the kernel makes no ring: %s", strerror(error));
	if (read_line(text, "/proc/sys/kernel/io_uring_disabled") && strcmp(text, "0") != 0)
		set(f->mend, "sysctl kernel.io_uring_disabled=0");
	else if (error == ENOMEM)
		set(f->mend, "as root: prlimit --pid $$ --memlock=unlimited");
	else if (error == EPERM || error == EACCES)
		set(f->mend, "allow io_uring_setup, _enter and _register in the seccomp profile "
			     "that this runs under");
	else
		set(f->mend, "a kernel with CONFIG_IO_URING");
	return 0;
}

/* ---- limits on CPUs ---- */

static int look_at_quota(struct doctor *doctor)
{
	struct doctor_finding *f = doctor_add(doctor, "quota",
					      "who has used up its quota stops for up to a period, "
					      "100 ms as a rule");
	char text[64], file[PATH_MAX];
	double cpus;

	if (!f)
		return -1;
	if (!host_cpu_max(text, sizeof text, &cpus, file, sizeof file)) {
		set(f->figure, "no cgroup sets one");
		return 0;
	}
	if (isinf(cpus)) {
		set(f->figure, "none");
		return 0;
	}
	f->value = cpus;
	f->unit = "CPUs";
	set(f->figure, "%.2f CPUs (%s)", cpus, text);
	/* peers that spin use all of theirs; toll sleeps meanwhile */
	f->verdict = cpus < doctor->cpu_count ? DOCTOR_RED : DOCTOR_YELLOW;
	set(f->mend, strstr(file, "cfs_quota") ? "echo -1 > %.200s" : "echo max > %.200s", file);
	return 0;
}

/* ---- what is not here ---- */

static bool is_program(const char *name)
{
	const char *at = getenv("PATH");

	while (at && *at) {
		char path[PATH_MAX];
		size_t length = strcspn(at, ":");

		snprintf(path, sizeof path, "%.*s/%s", (int)length, at, name);
		if (access(path, X_OK) == 0)
			return true;
		at += length + (at[length] == ':');
	}
	return false;
}

static int look_at_left_out(struct doctor *doctor)
{
	struct doctor_finding *f =
		doctor_add(doctor, "left-out", "what this toll was built without is in no table");
	bool drawn = is_program("gnuplot");
	const char *without = account_without();

	if (!f)
		return -1;
	if (!*without && drawn) {
		set(f->figure, "nothing");
		return 0;
	}
	f->verdict = DOCTOR_YELLOW;
	set(f->figure, "%.160s%s%s", without, *without && !drawn ? "; " : "",
	    drawn ? "" : "figures (gnuplot is not here)");
	set(f->mend, "make deps && make");
	return 0;
}

int doctor_settings(struct doctor *doctor)
{
	static int (*const looks[])(struct doctor *) = {
		look_at_governor,   look_at_turbo,   look_at_clocksource, look_at_thp,
		look_at_huge_pages, look_at_memlock, look_at_counters,    look_at_tracefs,
		look_at_io_uring,   look_at_quota,   look_at_left_out
	};

	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
		if (looks[i](doctor))
			return -1;
	return 0;
}
