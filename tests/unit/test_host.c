/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_host.c - what is recorded of this machine, and when two such records are of one environment.
 */
#include "bench/host.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct place *place;
static json_t *host;

static int set_up(void **state)
{
	(void)state;
	unsetenv("HWLOC_SYNTHETIC");
	unsetenv("HWLOC_XMLFILE");
	unsetenv("HWLOC_THISSYSTEM");
	place = place_open();
	host = place ? host_read(place) : NULL;
	return host ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	json_decref(host);
	place_close(place);
	return 0;
}

/* Members of reports/schema.md: s text, i integer, a array, o object; all but the last may be null.
 */
static const struct {
	const char *name;
	char type;
} members[] = {
	{ "name", 's' },
	{ "boot_id", 's' },
	{ "kernel", 's' },
	{ "kernel_build", 's' },
	{ "machine", 's' },
	{ "cpu_model", 's' },
	{ "microcode", 's' },
	{ "hypervisor", 's' },
	{ "cpus_online", 's' },
	{ "cpus_allowed", 's' },
	{ "mems_allowed", 's' },
	{ "cgroup_cpu_max", 's' },
	{ "container", 's' },
	{ "lsm", 's' },
	{ "governor", 's' },
	{ "turbo", 's' },
	{ "idle_driver", 's' },
	{ "idle_governor", 's' },
	{ "idle_states", 'o' },
	{ "smt", 's' },
	{ "thp", 's' },
	{ "page_bytes", 'i' },
	{ "huge_page_bytes", 'a' },
	{ "line_bytes", 'i' },
	{ "clocksource", 's' },
	{ "mitigations", 'o' },
	{ "command_line", 's' },
	{ "l1d_bytes", 'i' },
	{ "l2_bytes", 'i' },
	{ "l3_bytes", 'i' },
	{ "packages", 'i' },
	{ "numa_nodes", 'i' },
	{ "memory_bytes", 'i' },
	{ "limits", 'o' },
	{ "dma_latency_us", 'i' },
	{ "placements", 'o' },
};

static void test_members_of_the_schema(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *value = json_object_get(host, members[i].name);
		bool fits = value && (json_is_null(value) ||
				      (members[i].type == 's' && json_string_length(value) > 0) ||
				      (members[i].type == 'i' && json_integer_value(value) > 0) ||
				      (members[i].type == 'a' && json_is_array(value)) ||
				      (members[i].type == 'o' && json_is_object(value)));
		if (!fits)
			fail_msg("%s is missing, empty or of another type", members[i].name);
	}
	assert_int_equal(json_object_size(host), sizeof(members) / sizeof(members[0]));

	static const char *const limits[] = { "pipe_max_bytes", "wmem_default",  "rmem_default",
					      "memlock_bytes",  "nofile",        "msgmax",
					      "msgmnb",         "mq_msgsize_max" };
	const json_t *found = json_object_get(host, "limits");
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const json_t *value = json_object_get(found, limits[i]);
		assert_non_null(value);
		assert_true(json_is_integer(value) || json_is_null(value) ||
			    strcmp(json_string_value(value), "unlimited") == 0);
	}
	assert_int_equal(json_object_size(found), sizeof(limits) / sizeof(limits[0]));

	const char *name;
	json_t *value;
	json_object_foreach (json_object_get(host, "mitigations"), name, value) {
		assert_true(json_is_string(value) || json_is_null(value));
	}
}

/* What this process can ask in another way. */
static void test_values(void **state)
{
	(void)state;
	struct utsname system;
	assert_int_equal(uname(&system), 0);
	assert_string_equal(json_string_value(json_object_get(host, "name")), system.nodename);
	assert_string_equal(json_string_value(json_object_get(host, "kernel")), system.release);
	assert_string_equal(json_string_value(json_object_get(host, "kernel_build")),
			    system.version);
	assert_string_equal(json_string_value(json_object_get(host, "machine")), system.machine);
	assert_int_equal(json_integer_value(json_object_get(host, "page_bytes")),
			 sysconf(_SC_PAGESIZE));
	/* a guest's memory may grow or shrink meanwhile: the unit is what is checked */
	json_int_t memory = json_integer_value(json_object_get(host, "memory_bytes"));
	json_int_t asked = (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	assert_in_range(memory, asked / 2, asked * 2);
	assert_int_equal(json_string_length(json_object_get(host, "boot_id")), 36);

	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	const json_t *nofile = json_object_get(json_object_get(host, "limits"), "nofile");
	if (limit.rlim_cur == RLIM_INFINITY)
		assert_string_equal(json_string_value(nofile), "unlimited");
	else
		assert_int_equal(json_integer_value(nofile), limit.rlim_cur);

	/* the same CPUs, by two ways */
	int cpus[4096], listed[4096];
	char why[256];
	size_t count = place_allowed(place, cpus, 4096);
	const char *list = json_string_value(json_object_get(host, "cpus_allowed"));
	assert_int_equal(place_parse_cpus(place, list, listed, 4096, why, sizeof(why)), count);
	assert_memory_equal(cpus, listed, count * sizeof(cpus[0]));

	/* a state that is there has a name and, unless switched off, a latency */
	const char *idle;
	json_t *latency;
	json_object_foreach (json_object_get(host, "idle_states"), idle, latency) {
		assert_true(*idle);
		assert_true(json_is_null(latency) || json_is_integer(latency));
	}
	const json_t *huge = json_object_get(host, "huge_page_bytes");
	for (size_t i = 0; i < json_array_size(huge); i++) {
		json_int_t bytes = json_integer_value(json_array_get(huge, i));
		assert_true(bytes > sysconf(_SC_PAGESIZE) && (bytes & (bytes - 1)) == 0);
		assert_true(i == 0 || bytes > json_integer_value(json_array_get(huge, i - 1)));
	}
	const char *turbo = json_string_value(json_object_get(host, "turbo"));
	assert_true(!turbo || strcmp(turbo, "on") == 0 || strcmp(turbo, "off") == 0);

	/* "max PERIOD" or "QUOTA PERIOD" */
	const char *limited = json_string_value(json_object_get(host, "cgroup_cpu_max"));
	if (limited) {
		size_t quota = strncmp(limited, "max", 3) == 0 ? 3 : strspn(limited, "0123456789");
		assert_true(quota > 0 && limited[quota] == ' ');
		size_t period = strspn(limited + quota + 1, "0123456789");
		assert_true(period > 0 && limited[quota + 1 + period] == '\0');
	}
}

static void test_unlimited(void **state)
{
	(void)state;
	struct rlimit before, none;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	none = (struct rlimit){ before.rlim_max, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	json_t *read = host_read(NULL);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
	assert_non_null(read);
	const json_t *limit = json_object_get(json_object_get(read, "limits"), "memlock_bytes");
	if (before.rlim_max == RLIM_INFINITY)
		assert_string_equal(json_string_value(limit), "unlimited");
	else
		assert_int_equal(json_integer_value(limit), before.rlim_max);
	json_decref(read);
}

static void test_placements(void **state)
{
	(void)state;
	const json_t *placements = json_object_get(host, "placements");
	size_t count = 0;
	for (const char *const *name = place_names(); *name; name++, count++) {
		const json_t *cpus = json_object_get(placements, *name);
		assert_non_null(cpus);
		if (json_is_null(cpus))
			continue;
		assert_int_equal(json_array_size(cpus), 2);
		int a = (int)json_integer_value(json_array_get(cpus, 0));
		int b = (int)json_integer_value(json_array_get(cpus, 1));
		assert_non_null(place_relation(place, a, b));
		if (count < 7)
			assert_string_equal(place_relation(place, a, b), *name);
	}
	assert_int_equal(json_object_size(placements), count);
	assert_true(json_is_array(json_object_get(placements, "same-cpu")));
}

/* Without a topology, or with another machine's, nothing of it is made up. */
static void test_without_topology(void **state)
{
	(void)state;
	setenv("HWLOC_XMLFILE", "tests/topologies/two-packages.xml", 1);
	struct place *foreign = place_open();
	unsetenv("HWLOC_XMLFILE");
	assert_non_null(foreign);
	json_t *without[] = { host_read(NULL), host_read(foreign) };
	place_close(foreign);
	static const char *const unknown[] = { "placements", "l1d_bytes", "l2_bytes",
					       "l3_bytes",   "packages",  "numa_nodes" };
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(json_object_size(without[i]), json_object_size(host));
		for (size_t j = 0; j < sizeof(unknown) / sizeof(unknown[0]); j++)
			assert_true(json_is_null(json_object_get(without[i], unknown[j])));
		assert_true(json_equal(json_object_get(without[i], "cpu_model"),
				       json_object_get(host, "cpu_model")));
		json_decref(without[i]);
	}
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		_exit(3);
}

/* What a process in such cgroups would record, by files bound over its own: only in a mount
 * namespace of a child. Its exit status: 0 equal, 1 another text, 2 cannot here, 3 it broke. */
static int limit_is(const char *cgroup, const char *mountinfo, const char *folder,
		    const char *expected)
{
	char path[128];
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return 2;
	snprintf(path, sizeof(path), "%s/cgroup", folder);
	write_text(path, cgroup);
	if (mount(path, "/proc/self/cgroup", NULL, MS_BIND, NULL) != 0)
		return 2;
	snprintf(path, sizeof(path), "%s/mountinfo", folder);
	write_text(path, mountinfo);
	if (mount(path, "/proc/self/mountinfo", NULL, MS_BIND, NULL) != 0)
		return 2;
	json_t *read = host_read(NULL);
	const char *limit = json_string_value(json_object_get(read, "cgroup_cpu_max"));
	if (expected ? limit && strcmp(limit, expected) == 0 : !limit)
		return 0;
	print_message("%s, not %s\n", limit ? limit : "null", expected ? expected : "null");
	return 1;
}

/* text with each '@' replaced by the folder. */
static void replace(char *out, size_t bytes, const char *text, const char *folder)
{
	size_t used = 0;
	for (; *text; text++)
		used += (size_t)snprintf(out + used, bytes - used, *text == '@' ? "%s" : "%.1s",
					 *text == '@' ? folder : text);
	assert_true(used < bytes);
}

static void test_cgroup_limits(void **state)
{
	(void)state;
	static const struct {
		const char *file, *text;
	} files[] = {
		{ "v2", NULL },
		{ "v2/slice", NULL },
		{ "v2/slice/cpu.max", "150000 100000\n" },
		{ "v2/slice/loose", NULL },
		{ "v2/slice/loose/cpu.max", "max 100000\n" },
		{ "v2/slice/tight", NULL },
		{ "v2/slice/tight/cpu.max", "20000 50000\n" },
		{ "v2/free", NULL },
		{ "v2/free/cpu.max", "max 100000\n" },
		{ "v2/broken", NULL },
		{ "v2/broken/cpu.max", "much\n" },
		{ "own", NULL },
		{ "own/cpu.max", "70000 100000\n" },
		{ "v1", NULL },
		{ "v1/cpu.cfs_quota_us", "-1\n" },
		{ "v1/cpu.cfs_period_us", "100000\n" },
		{ "v1/job", NULL },
		{ "v1/job/cpu.cfs_quota_us", "25000\n" },
		{ "v1/job/cpu.cfs_period_us", "100000\n" },
	};
	static const char mounts[] = "30 1 0:20 / /sys rw - sysfs sysfs rw\n"
				     "31 30 0:21 / @/v2 rw shared:4 - cgroup2 cgroup2 rw\n"
				     "32 30 0:22 / @/v1 rw - cgroup cgroup rw,cpu,cpuacct\n"
				     "33 30 0:23 / @/other rw - cgroup cgroup rw,cpuset\n";
	static const char container[] = "31 30 0:21 /kube/pod @/own rw - cgroup2 cgroup rw\n";
	static const char nothing[] = "30 1 0:20 / /sys rw - sysfs sysfs rw\n";
	static const struct {
		const char *cgroup, *mounts, *expected;
	} cases[] = {
		{ "0::/slice/loose\n", mounts, "150000 100000" },
		{ "0::/slice/tight\n", mounts, "20000 50000" },
		{ "0::/free\n", mounts, "max 100000" },
		{ "0::/broken\n", mounts, NULL },
		{ "0::/\n", mounts, NULL },
		{ "4:cpuset:/x\n3:cpu,cpuacct:/job\n0::/\n", mounts, "25000 100000" },
		{ "3:cpu,cpuacct:/\n", mounts, "max 100000" },
		{ "3:cpuacct:/job\n", mounts, NULL },
		{ "0::/kube/pod\n", container, "70000 100000" },
		{ "0::/../elsewhere\n", container, "70000 100000" },
		{ "0::/../own\n", mounts, NULL },
		{ "0::/slice\n", nothing, NULL },
		{ "", mounts, NULL },
		{ "junk\n:\n::\n", mounts, NULL },
	};
	char folder[] = "/tmp/toll-test_host-XXXXXX", path[128], mountinfo[1024];
	unsigned skipped = 0;
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i].file);
		if (files[i].text)
			write_text(path, files[i].text);
		else
			assert_int_equal(mkdir(path, 0700), 0);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status;
		replace(mountinfo, sizeof(mountinfo), cases[i].mounts, folder);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			_exit(limit_is(cases[i].cgroup, mountinfo, folder, cases[i].expected));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 2)
			skipped++;
		else if (WEXITSTATUS(status) != 0)
			fail_msg("in cgroup %s", cases[i].cgroup);
	}
	snprintf(path, sizeof(path), "%s/cgroup", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/mountinfo", folder);
	unlink(path);
	for (size_t i = sizeof(files) / sizeof(files[0]); i-- > 0;) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i].file);
		assert_int_equal(remove(path), 0);
	}
	assert_int_equal(rmdir(folder), 0);
	if (skipped > 0) {
		print_message("skipped: a mount namespace wants root\n");
		skip();
	}
}

static void test_the_same_after_a_file(void **state)
{
	(void)state;
	char why[512];
	json_t *again = host_read(place);
	assert_non_null(again);
	assert_false(host_differs(host, again, true, why, sizeof(why)));
	json_decref(again);

	char *text = json_dumps(host, 0);
	assert_non_null(text);
	json_t *read = json_loads(text, 0, NULL);
	free(text);
	assert_non_null(read);
	assert_false(host_differs(host, read, true, why, sizeof(why)));
	assert_false(host_differs(read, host, true, why, sizeof(why)));
	json_decref(read);
}

static void test_each_key_of_the_environment(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"cpu_model",   "microcode",   "kernel",        "kernel_build", "machine",
		"clocksource", "mitigations", "command_line",  "governor",     "smt",
		"thp",         "page_bytes",  "limits",        "placements",   "cpus_allowed",
		"turbo",       "idle_driver", "idle_governor", "idle_states",  "mems_allowed",
		"container",   "lsm",         "cgroup_cpu_max"
	};
	char why[512], expected[64];
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *other = json_deep_copy(host);
		json_object_set_new(other, keys[i], json_string("another"));
		snprintf(expected, sizeof(expected), "%s: ", keys[i]);
		assert_true(host_differs(host, other, false, why, sizeof(why)));
		assert_memory_equal(why, expected, strlen(expected));
		assert_non_null(strstr(why, "another in the file"));
		assert_true(host_differs(other, host, false, why, sizeof(why)));
		assert_non_null(strstr(why, "another here"));
		json_decref(other);
	}
}

static void test_what_may_differ(void **state)
{
	(void)state;
	static const char *const keys[] = { "memory_bytes", "hypervisor", "cpus_online",
					    "huge_page_bytes" };
	char why[512];
	json_t *other = json_deep_copy(host);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_object_set_new(other, keys[i], json_string("another"));
	assert_false(host_differs(host, other, true, why, sizeof(why)));

	json_object_set_new(other, "boot_id", json_string("another"));
	assert_false(host_differs(host, other, false, why, sizeof(why)));
	assert_true(host_differs(host, other, true, why, sizeof(why)));
	assert_memory_equal(why, "boot_id: ", 9);
	json_decref(other);

	other = json_deep_copy(host);
	json_object_set_new(other, "name", json_string("another"));
	assert_false(host_differs(host, other, false, why, sizeof(why)));
	assert_true(host_differs(host, other, true, why, sizeof(why)));
	assert_memory_equal(why, "name: ", 6);
	json_decref(other);
}

static void expect(const char *here, const char *there, const char *expected)
{
	char why[512] = "";
	json_t *ours = json_loads(here, JSON_DECODE_ANY, NULL);
	json_t *theirs = json_loads(there, JSON_DECODE_ANY, NULL);
	assert_true(ours && theirs);
	assert_int_equal(host_differs(ours, theirs, false, why, sizeof(why)), expected != NULL);
	if (expected)
		assert_string_equal(why, expected);
	json_decref(ours);
	json_decref(theirs);
}

static void test_wording(void **state)
{
	(void)state;
	expect("{\"kernel\": \"6.1.0\"}", "{\"kernel\": \"6.12.0\"}",
	       "kernel: 6.1.0 here, 6.12.0 in the file");
	expect("{\"page_bytes\": 4096}", "{\"page_bytes\": 16384}",
	       "page_bytes: 4096 here, 16384 in the file");
	expect("{\"limits\": {\"nofile\": 1024, \"msgmax\": 8192}}",
	       "{\"limits\": {\"msgmax\": 8192, \"nofile\": 4096}}",
	       "limits.nofile: 1024 here, 4096 in the file");
	expect("{\"placements\": {\"smt\": [0, 1]}}", "{\"placements\": {\"smt\": null}}",
	       "placements.smt: [0, 1] here, not known in the file");
	expect("{\"mitigations\": {}}", "{\"mitigations\": {\"meltdown\": \"PTI\"}}",
	       "mitigations.meltdown: not known here, PTI in the file");
	expect("{\"governor\": null}", "{}", NULL);
	expect("{\"governor\": null}", "{\"governor\": null}", NULL);
	expect("{\"governor\": null}", "{\"governor\": \"performance\"}",
	       "governor: not known here, performance in the file");
	expect("{\"limits\": null}", "{\"limits\": {\"nofile\": 1}}",
	       "limits: not known here, {\"nofile\": 1} in the file");
}

/* A result file is anybody's. */
static void test_hostile(void **state)
{
	(void)state;
	expect("{\"kernel\": \"6.1.0\"}", "[]", "kernel: 6.1.0 here, not known in the file");
	expect("{\"kernel\": \"6.1.0\"}", "{\"kernel\": \"\\u001b[2J\\n6.1.0\"}",
	       "kernel: 6.1.0 here, ?[2J?6.1.0 in the file");
	expect("{\"limits\": {}}", "{\"limits\": {\"\\u001bx\": 1}}",
	       "limits.?x: not known here, 1 in the file");

	char small[8], *huge = malloc(100001);
	assert_non_null(huge);
	memset(huge, 'x', 100000);
	huge[100000] = '\0';
	json_t *there = json_deep_copy(host);
	json_object_set_new(there, "kernel", json_string(huge));
	free(huge);
	assert_true(host_differs(host, there, false, small, sizeof(small)));
	assert_string_equal(small, "kernel:");
	json_decref(there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_of_the_schema),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_unlimited),
		cmocka_unit_test(test_placements),
		cmocka_unit_test(test_without_topology),
		cmocka_unit_test(test_cgroup_limits),
		cmocka_unit_test(test_the_same_after_a_file),
		cmocka_unit_test(test_each_key_of_the_environment),
		cmocka_unit_test(test_what_may_differ),
		cmocka_unit_test(test_wording),
		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
