/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pmu.c - the processors' PMUs, and what one of arm64 lacks, from sysfs. */
#include "pmu.h"

#include <dirent.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *pmu_devices = "/sys/bus/event_source/devices";

/* As the kernel calls those of processors: "cpu", "cpu_core", "armv8_cortex_a57". */
static bool is_processors(const char *device)
{
	return strcmp(device, "cpu") == 0 || strncmp(device, "cpu_", 4) == 0 ||
	       strncmp(device, "armv", 4) == 0 || strncmp(device, "apple_", 6) == 0;
}

bool pmu_name(char *name, size_t bytes)
{
	DIR *devices = opendir(pmu_devices);
	const struct dirent *device;
	size_t used = 0;

	*name = '\0';
	while (devices && (device = readdir(devices)) != NULL)
		if (is_processors(device->d_name) && used < bytes)
			used += (size_t)snprintf(name + used, bytes - used, "%s%s",
						 used ? ", " : "", device->d_name);
	if (devices)
		closedir(devices);
	return used > 0;
}

/* "event=0x008" in a file; −1: something else. */
static long code_in(const char *folder, const char *name)
{
	static const char begin[] = "event=";
	char path[512], line[32] = "", *end = line;
	long code = -1;
	FILE *file = snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path
			     ? fopen(path, "re")
			     : NULL;

	if (file && fgets(line, sizeof line, file) && strncmp(line, begin, strlen(begin)) == 0)
		code = strtol(line + strlen(begin), &end, 16);
	if (file)
		fclose(file);
	return end > line && *end == '\n' ? code : -1;
}

enum answer { HAS, LACKS, UNKNOWN };

/* Of the architecture's common events the kernel lists those that the processor's PMCEID registers
 * name, and so any that it does not list is not there. */
static enum answer ask(const char *device, long wanted)
{
	char folder[320];
	enum answer answer = UNKNOWN;
	const struct dirent *event;

	snprintf(folder, sizeof folder, "%s/%s/events", pmu_devices, device);
	DIR *events = opendir(folder);

	while (events && answer != HAS && (event = readdir(events)) != NULL) {
		long code = code_in(folder, event->d_name);

		if (code >= 0)
			answer = code == wanted ? HAS : LACKS;
	}
	if (events)
		closedir(events);
	return answer;
}

bool pmu_lacks(const struct page_counter *event)
{
	/* common ones that every kernel since 5.10 lists; 0x1e is CHAIN, which it keeps to itself
	 */
	enum { COMMON = 0x38, CHAIN = 0x1e };
	DIR *devices;
	const struct dirent *device;
	bool lacks = false, has = false;

	if (event->type != PERF_TYPE_RAW || event->config >= COMMON || event->config == CHAIN)
		return false;
	devices = opendir(pmu_devices);
	while (devices && !has && (device = readdir(devices)) != NULL) {
		if (strncmp(device->d_name, "armv8_", 6) != 0)
			continue;
		enum answer answer = ask(device->d_name, (long)event->config);

		lacks |= answer == LACKS;
		has = answer != LACKS;
	}
	if (devices)
		closedir(devices);
	return lacks && !has;
}
