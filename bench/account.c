/* SPDX-License-Identifier: GPL-3.0-or-later */
/* account.c - how this toll was built, huge pages, and the clocks of the CPUs that a plan uses. */
#include "account.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "block.h"
#include "built.h"
#include "crossing.h"
#include "say.h"

/* ---- the build ---- */

const char *account_commit(void)
{
	static const char commit[] = BUILT_COMMIT;

	return *commit ? commit : NULL;
}

const char *account_without(void)
{
	return BUILT_WITHOUT;
}

bool account_left_out(const char *name, char *needs, size_t bytes)
{
	static const char before[] = " (needs ";
	size_t length = strlen(name);

	for (const char *at = account_without(); length && (at = strstr(at, name)); at += length) {
		const char *open = at + length, *close = strchr(open, ')');

		if ((at != account_without() && at[-1] != ' ') ||
		    strncmp(open, before, sizeof before - 1) != 0 || !close)
			continue;
		open += sizeof before - 1;
		snprintf(needs, bytes, "%.*s", (int)(close - open), open);
		return true;
	}
	return false;
}

json_t *account_libraries(const char *words)
{
	json_t *libraries = json_object();
	char *copy = strdup(words), *rest = copy, *name;

	while (copy && (name = strsep(&rest, " "))) {
		const char *version = strsep(&rest, " ");

		if (*name && version)
			json_object_set_new(libraries, name, json_string(version));
	}
	free(copy);
	return libraries;
}

json_t *account_build(void)
{
	json_t *libraries = account_libraries(BUILT_LIBRARIES);

#ifdef __GLIBC__
	json_object_set_new(libraries, "glibc", json_string(gnu_get_libc_version()));
#endif
#ifdef __clang__
	static const char compiler[] = "clang " __clang_version__;
#else
	static const char compiler[] = "gcc " __VERSION__;
#endif
	return json_pack("{s:s, s:s, s:o}", "compiler", compiler, "flags", BUILT_FLAGS, "libraries",
			 libraries);
}

/* ---- huge pages ---- */

static json_t *read_pages(const char *folder, const char *file)
{
	char path[512], line[64];
	long long pages = -1;

	snprintf(path, sizeof path, "/sys/kernel/mm/hugepages/%.100s/%s", folder, file);
	FILE *stream = fopen(path, "re");

	if (stream && fgets(line, sizeof line, stream) && isdigit((unsigned char)*line))
		pages = strtoll(line, NULL, 10);
	if (stream)
		fclose(stream);
	return pages >= 0 ? json_integer(pages) : NULL;
}

json_t *account_conditions(void)
{
	DIR *directory = opendir("/sys/kernel/mm/hugepages");
	json_t *reserved = directory ? json_object() : json_null(),
	       *unused = directory ? json_object() : json_null();

	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		char bytes[32];
		unsigned long long kilobytes = 0;

		if (strncmp(entry->d_name, "hugepages-", 10) == 0)
			kilobytes = strtoull(entry->d_name + 10, NULL, 10);
		if (!kilobytes)
			continue;
		snprintf(bytes, sizeof bytes, "%llu", kilobytes * 1024);
		/* what cannot be read is left out: a map of numbers */
		json_object_set_new(reserved, bytes, read_pages(entry->d_name, "nr_hugepages"));
		json_object_set_new(unused, bytes, read_pages(entry->d_name, "free_hugepages"));
	}
	if (directory)
		closedir(directory);
	return json_pack("{s:o, s:o}", "huge_pages", reserved, "huge_pages_free", unused);
}

/* ---- clocks ---- */

/* The plan's CPUs, each once; up to most. */
static unsigned cpus_of(const struct plan *plan, int cpus[], unsigned most)
{
	unsigned n = 0;

	for (size_t i = 0; i < plan->cell_count; i++) {
		for (unsigned k = 0; k < plan->cells[i].cell.peers; k++) {
			int cpu = plan->cells[i].cell.cpus[k];
			bool there = n == most;

			for (unsigned m = 0; m < n; m++)
				there = there || cpus[m] == cpu;
			if (!there)
				cpus[n++] = cpu;
		}
	}
	return n;
}

static int set(json_t *clock, double bound, double contradiction, const char *why)
{
	int failed = 0;

	failed |= json_object_set_new(clock, "bound_ns",
				      isnan(bound) ? json_null() : json_real(bound));
	failed |=
		json_object_set_new(clock, "contradiction_ns",
				    isnan(contradiction) ? json_null() : json_real(contradiction));
	failed |= json_object_set_new(clock, "bound_why", why ? json_string(why) : json_null());
	if (failed)
		say_error("out of memory");
	return failed ? -1 : 0;
}

int account_clocks(json_t *clock, const struct plan *plan, double ticks_per_ns)
{
	enum { MOST = CELL_MOST_PEERS };
	int cpus[MOST];
	unsigned n = cpus_of(plan, cpus, MOST);
	double largest = 0, second = 0, contradiction = 0;

	if (n < 2)
		return set(clock, NAN, NAN, "one CPU is used");
	for (unsigned i = 1; i < n; i++) {
		struct crossing_clocks its;
		int status = crossing_clocks(cpus[0], cpus[i], ticks_per_ns, &its);

		if (status)
			return status;
		if (isnan(its.bound_ns))
			return set(clock, NAN, NAN,
				   "what passes stamps did not get the CPUs at once");
		contradiction = fmax(contradiction, its.contradiction_ns);
		second = fmax(second, fmin(largest, its.bound_ns));
		largest = fmax(largest, its.bound_ns);
	}
	/* two that were not compared with each other are as far apart as both from the first */
	return set(clock, n > 2 ? largest + second : largest, contradiction, NULL);
}
