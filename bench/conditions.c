/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conditions.c - holds /dev/cpu_dma_latency, and knows how the kernel throttles realtime. */
#include "conditions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

static const char latency_file[] = "/dev/cpu_dma_latency";

/* The kernel forgets it when the descriptor is closed: it stays open. */
static int hold_latency(long us)
{
	int32_t value = (int32_t)us;
	int fd = open(latency_file, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, &value, sizeof value) == sizeof value)
		return 0;
	say_error("--dma-latency: %s: %s; %s", latency_file, strerror(errno),
		  errno == ENOENT ? "this kernel, or this container, has no such file: leave the "
				    "option out, or hold the CPUs awake with --idle awake"
				  : "only root may by default: run as root, or give this user the "
				    "file (chown)");
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool read_number(const char *path, long *number)
{
	char text[32] = "", *end;
	FILE *file = fopen(path, "re");
	bool read = file && fgets(text, sizeof text, file);

	if (file)
		fclose(file);
	*number = strtol(text, &end, 10);
	return read && end != text;
}

/* The cell that the kernel may hold back, NULL when none is realtime. */
static const struct cell *realtime_of(const struct plan *plan)
{
	for (size_t i = 0; i < plan->cell_count; i++)
		if (cell_is_realtime(&plan->cells[i].cell))
			return &plan->cells[i].cell;
	return NULL;
}

static void warn_realtime(const struct cell *cell)
{
	long runtime, period;
	char sched[32];

	if (!read_number("/proc/sys/kernel/sched_rt_runtime_us", &runtime) ||
	    !read_number("/proc/sys/kernel/sched_rt_period_us", &period) || period <= 0)
		return;
	cell_sched_text(cell, sched, sizeof sched);
	if (runtime < 0 || runtime >= period)
		say_warning("%s: realtime is not throttled here (sched_rt_runtime_us): on CPUs "
			    "where such peers spin, little else runs while they do; toll, one "
			    "priority above them, ends those that hang after 5 s",
			    sched);
	else
		say_warning(
			"%s: the kernel may take %.0f ms of every %.0f from realtime peers "
			"that keep a CPU busy (sysctl kernel.sched_rt_runtime_us; from Linux "
			"6.12 only while others wait for it): a turn that meets that is so much "
			"longer, which tails show",
			sched, (double)(period - runtime) / 1e3, (double)period / 1e3);
}

int conditions_hold(const struct plan *plan, const struct plan *other)
{
	const struct cell *realtime = realtime_of(plan);

	if (!realtime && other)
		realtime = realtime_of(other);

	if (plan->dma_latency_us >= 0 && hold_latency(plan->dma_latency_us))
		return -1;
	if (realtime)
		warn_realtime(realtime);
	return 0;
}

void conditions_tell(const struct plan *plan, json_t *host)
{
	json_object_set_new(host, "dma_latency_us",
			    plan->dma_latency_us >= 0 ? json_integer(plan->dma_latency_us)
						      : json_null());
}
