/* SPDX-License-Identifier: GPL-3.0-or-later */
/* host.c - what this machine is, from /proc, /sys, uname and cpuid; what cannot be read is null. */
#include "host.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

/* Files of /proc and /sys that are one value; the kernel's command line is the longest. */
enum { TEXT = 8192 };

/* A small file without blanks at its end; false when it cannot be read or is empty. */
static bool read_text(const char *path, char text[TEXT])
{
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t length = fread(text, 1, TEXT - 1, file);
	bool failed = ferror(file);
	fclose(file);
	while (length > 0 && isspace((unsigned char)text[length - 1]))
		length--;
	text[length] = '\0';
	return !failed && length > 0;
}

/* A number that fits JSON's integers; false when text is none. */
static bool parse_number(const char *text, json_int_t *number)
{
	char *end;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *number >= 0;
}

/* Adds a value, or null where there is none. 0, or -1 when memory runs out. */
static int put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value ? value : json_null());
}

/* Values: NULL is "not known", also for bytes that are no UTF-8. */

static json_t *text_of(const char *path)
{
	char text[TEXT];
	return read_text(path, text) ? json_string(text) : NULL;
}

static json_t *number_of(const char *path)
{
	char text[TEXT];
	json_int_t number;
	return read_text(path, text) && parse_number(text, &number) ? json_integer(number) : NULL;
}

static json_t *positive(unsigned long long number)
{
	return number > 0 && number <= LLONG_MAX ? json_integer((json_int_t)number) : NULL;
}

/* The value of the first line "KEY : VALUE" of a file; blanks around both go. */
static bool read_field(const char *path, const char *key, char *value, size_t bytes)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	char *line = NULL;
	size_t room = 0, length = strlen(key);
	bool found = false;
	while (!found && getline(&line, &room, file) > 0) {
		if (strncmp(line, key, length) != 0)
			continue;
		char *at = line + length + strspn(line + length, " \t");
		if (*at++ != ':')
			continue;
		at += strspn(at, " \t");
		size_t end = strcspn(at, "\n");
		while (end > 0 && isspace((unsigned char)at[end - 1]))
			end--;
		snprintf(value, bytes, "%.*s", (int)end, at);
		found = end > 0;
	}
	free(line);
	fclose(file);
	return found;
}

static json_t *field_of(const char *path, const char *key)
{
	char value[TEXT];
	return read_field(path, key, value, sizeof(value)) ? json_string(value) : NULL;
}

static json_t *read_cpu_model(void)
{
	/* x86, s390 and older arm; POWER; RISC-V and LoongArch */
	static const char *const keys[] = { "model name", "cpu", "Model Name", "uarch" };
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *model = field_of("/proc/cpuinfo", keys[i]);
		if (model)
			return model;
	}
	/* arm64 gives numbers only. */
	char implementer[64], part[64], variant[64], revision[64];
	if (!read_field("/proc/cpuinfo", "CPU implementer", implementer, sizeof(implementer)) ||
	    !read_field("/proc/cpuinfo", "CPU part", part, sizeof(part)) ||
	    !read_field("/proc/cpuinfo", "CPU variant", variant, sizeof(variant)) ||
	    !read_field("/proc/cpuinfo", "CPU revision", revision, sizeof(revision)))
		return NULL;
	return json_sprintf("implementer %s part %s variant %s revision %s", implementer, part,
			    variant, revision);
}

/* A hypervisor's name from a text that names it in its own way; NULL when no known one does. Makers
 * whose bare metal says the same count only where it is known that this is a guest. */
static const char *known_hypervisor(const char *text, bool guest)
{
	static const struct {
		const char *says, *name;
		bool guest;
	} known[] = {
		{ "KVM", "kvm", false },
		{ "kvm", "kvm", false },
		{ "QEMU", "qemu", false },
		{ "TCGTCGTCG", "qemu", false },
		{ "Xen", "xen", false },
		{ "xen", "xen", false },
		{ "VMware", "vmware", false },
		{ "VirtualBox", "virtualbox", false },
		{ "Parallels", "parallels", false },
		{ "prl hyperv", "parallels", false },
		{ "bhyve", "bhyve", false },
		{ "ACRN", "acrn", false },
		{ "Apple Virt", "apple", false },
		{ "Microsoft", "hyperv", true },
		{ "Amazon EC2", "amazon", true },
		{ "Google", "google", true },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(text, known[i].says) && (guest || !known[i].guest))
			return known[i].name;
	return NULL;
}

#if defined(__x86_64__) || defined(__i386__)
/* What the processor says: bit 31 of leaf 1 is the flag "hypervisor" of /proc/cpuinfo, and leaf
 * 0x40000000 its maker's name. Returns whether there is one. */
static bool ask_cpuid(char maker[13])
{
	unsigned eax, ebx, ecx, edx;
	maker[0] = '\0';
	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & (1U << 31)))
		return false;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(maker, &ebx, 4);
	memcpy(maker + 4, &ecx, 4);
	memcpy(maker + 8, &edx, 4);
	maker[12] = '\0';
	return true;
}
#else
static bool ask_cpuid(char maker[13])
{
	maker[0] = '\0';
	return false;
}
#endif

/* The name of what this is a guest of (from what every user may read: it is part of the environment
 * that runs are compared by), "yes" when only that it is one is known, NULL otherwise. */
static json_t *read_hypervisor(void)
{
	char maker[13], text[TEXT];
	const char *name = NULL;
	bool guest = ask_cpuid(maker);

	if (guest && (name = known_hypervisor(maker, true)))
		return json_string(name);
	if (read_text("/sys/hypervisor/type", text))
		return json_string(text);
	if (read_text("/proc/device-tree/hypervisor/compatible", text))
		return json_string((name = known_hypervisor(text, true)) ? name : "yes");
#if defined(__x86_64__) || defined(__i386__)
	/* Bare metal carries makers' names in its DMI too. */
	if (!guest)
		return NULL;
#endif
	static const char *const dmi[] = { "/sys/class/dmi/id/sys_vendor",
					   "/sys/class/dmi/id/product_name",
					   "/sys/class/dmi/id/bios_vendor" };
	for (size_t i = 0; i < sizeof(dmi) / sizeof(dmi[0]); i++)
		if (read_text(dmi[i], text) && (name = known_hypervisor(text, guest)))
			return json_string(name);
	return guest ? json_string("yes") : NULL;
}

bool host_is_guest(void)
{
	json_t *hypervisor = read_hypervisor();
	bool guest = hypervisor != NULL;
	json_decref(hypervisor);
	return guest;
}

/* The cgroup's path for a controller from /proc/self/cgroup: lines "N:CONTROLLERS:PATH", with no
 * controllers in version 2's (cgroups(7)). */
static bool find_cgroup(bool second, char *path, size_t bytes)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	if (!file)
		return false;
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	while (!found && getline(&line, &room, file) > 0) {
		char *controllers = strchr(line, ':');
		char *at = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!at)
			continue;
		*controllers++ = '\0';
		*at++ = '\0';
		at[strcspn(at, "\n")] = '\0';
		bool cpu = false;
		char *rest = NULL;
		for (char *word = strtok_r(controllers, ",", &rest); word && !second;
		     word = strtok_r(NULL, ",", &rest))
			cpu = cpu || strcmp(word, "cpu") == 0;
		if (second ? strcmp(line, "0") == 0 : cpu)
			found = snprintf(path, bytes, "%s", at) < (int)bytes;
	}
	free(line);
	fclose(file);
	return found;
}

/* Where a cgroup hierarchy is mounted, and what of it (proc(5), mountinfo): blank-separated fields,
 * of which 4 is the root, 5 the mount point, and after a lone "-" type, source and options. */
static bool find_mount(bool second, char *root, char *point, size_t bytes)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	if (!file)
		return false;
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	while (!found && getline(&line, &room, file) > 0) {
		char *type = strstr(line, " - "), *rest = NULL, *more = NULL;
		if (!type)
			continue;
		*type = '\0';
		const char *name = strtok_r(type + 3, " \n", &rest);
		const char *source = strtok_r(NULL, " \n", &rest);
		char *options = strtok_r(NULL, " \n", &rest);
		if (!name || !source || strcmp(name, second ? "cgroup2" : "cgroup") != 0)
			continue;
		bool cpu = second;
		for (char *word = options ? strtok_r(options, ",", &more) : NULL; word && !cpu;
		     word = strtok_r(NULL, ",", &more))
			cpu = strcmp(word, "cpu") == 0;
		if (!cpu)
			continue;
		const char *fields[5];
		unsigned count = 0;
		more = NULL;
		for (char *word = strtok_r(line, " ", &more); word && count < 5;
		     word = strtok_r(NULL, " ", &more))
			fields[count++] = word;
		found = count == 5 && snprintf(root, bytes, "%s", fields[3]) < (int)bytes &&
			snprintf(point, bytes, "%s", fields[4]) < (int)bytes;
	}
	free(line);
	fclose(file);
	return found;
}

/* The limit of one cgroup as "QUOTA PERIOD" in µs, "max" for no quota; ratio: CPUs that it gives;
 * file: which says so. */
static bool read_limit(bool second, const char *folder, char text[TEXT], double *ratio,
		       char file[3 * PATH_MAX])
{
	char path[3 * PATH_MAX], quota[TEXT], period[TEXT];
	json_int_t number, length;
	if (second) {
		snprintf(file, sizeof(path), "%s/cpu.max", folder);
		if (!read_text(file, quota))
			return false;
		char *blank = strchr(quota, ' ');
		if (!blank)
			return false;
		*blank = '\0';
		snprintf(period, sizeof(period), "%s", blank + 1);
	} else {
		snprintf(file, sizeof(path), "%s/cpu.cfs_quota_us", folder);
		if (!read_text(file, quota))
			return false;
		snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder);
		if (!read_text(path, period))
			return false;
		if (strcmp(quota, "-1") == 0)
			snprintf(quota, sizeof(quota), "max");
	}
	if (!parse_number(period, &length) || length == 0)
		return false;
	if (strcmp(quota, "max") == 0)
		*ratio = INFINITY;
	else if (parse_number(quota, &number))
		*ratio = (double)number / (double)length;
	else
		return false;
	snprintf(text, TEXT, "%.40s %.40s", quota, period);
	return true;
}

bool host_cpu_max(char *text, size_t bytes, double *cpus, char *file, size_t file_bytes)
{
	for (int second = 1; second >= 0; second--) {
		char path[PATH_MAX], root[PATH_MAX], point[PATH_MAX], folder[2 * PATH_MAX];
		char limit[TEXT], its_file[3 * PATH_MAX];
		double ratio;
		bool found = false;
		if (!find_cgroup(second, path, sizeof(path)) ||
		    !find_mount(second, root, point, sizeof(root)))
			continue;
		/* A container may have mounted its own cgroup only: paths begin with that root. */
		size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
		const char *below = strncmp(path, root, length) == 0 ? path + length : "";
		snprintf(folder, sizeof(folder), "%s%s", point, strstr(below, "..") ? "" : below);
		for (;;) {
			size_t end = strlen(folder);
			while (end > strlen(point) && folder[end - 1] == '/')
				folder[--end] = '\0';
			if (read_limit(second, folder, limit, &ratio, its_file) &&
			    (!found || ratio < *cpus)) {
				snprintf(text, bytes, "%s", limit);
				snprintf(file, file_bytes, "%s", its_file);
				*cpus = ratio;
				found = true;
			}
			if (end <= strlen(point))
				break;
			*strrchr(folder, '/') = '\0';
		}
		if (found)
			return true;
	}
	return false;
}

static json_t *read_cpu_max(void)
{
	char text[TEXT], file[2];
	double cpus;
	return host_cpu_max(text, sizeof(text), &cpus, file, sizeof(file)) ? json_string(text)
									   : NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The frequency governors of the CPUs online, each once: "performance" or "ondemand,performance".
 */
static json_t *read_governor(void)
{
	enum { MOST = 16 };
	char *seen[MOST] = { NULL }, text[TEXT], path[96];
	size_t count = 0;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	for (long cpu = 0; cpu < cpus && count < MOST; cpu++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%ld/cpufreq/scaling_governor", cpu);
		if (!read_text(path, text))
			continue;
		size_t at = 0;
		while (at < count && strcmp(seen[at], text) != 0)
			at++;
		if (at == count && (seen[count] = strdup(text)))
			count++;
	}
	qsort(seen, count, sizeof(seen[0]), by_text);
	json_t *governor = NULL;
	for (size_t i = 0; i < count; i++) {
		json_t *longer =
			governor ? json_sprintf("%s,%s", json_string_value(governor), seen[i])
				 : json_string(seen[i]);
		json_decref(governor);
		governor = longer;
		free(seen[i]);
	}
	return governor;
}

/* Whether the clock may be boosted: "on" or "off". */
static json_t *read_turbo(void)
{
	char text[TEXT];
	if (read_text("/sys/devices/system/cpu/intel_pstate/no_turbo", text))
		return json_string(strcmp(text, "0") == 0 ? "on" : "off");
	if (read_text("/sys/devices/system/cpu/cpufreq/boost", text))
		return json_string(strcmp(text, "0") == 0 ? "off" : "on");
	return NULL;
}

/* The idle states of a CPU: name → the µs that leaving it takes at most; null for one that is
 * switched off. NULL where there is no cpuidle. */
static json_t *read_idle_states(int cpu)
{
	json_t *states = NULL;
	for (int state = 0;; state++) {
		char path[128], name[TEXT], disabled[TEXT];
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cpuidle/state%d/name",
			 cpu, state);
		if (!read_text(path, name))
			return states;
		memcpy(strrchr(path, '/'), "/disable", 9);
		bool off = read_text(path, disabled) && strcmp(disabled, "0") != 0;
		memcpy(strrchr(path, '/'), "/latency", 9);
		json_t *latency = off ? NULL : number_of(path);
		states = states ? states : json_object();
		if (!states || put(states, name, latency) != 0) {
			json_decref(states);
			return NULL;
		}
	}
}

/* Page sizes that memory=huge could have, ascending. */
static int by_number(const void *a, const void *b)
{
	json_int_t x = *(const json_int_t *)a, y = *(const json_int_t *)b;
	return (x > y) - (x < y);
}

static json_t *read_huge_page_bytes(void)
{
	enum { MOST = 16 };
	DIR *directory = opendir("/sys/kernel/mm/hugepages");
	json_int_t size[MOST], kilobytes;
	size_t count = 0;
	if (!directory)
		return NULL;
	for (struct dirent *entry; count < MOST && (entry = readdir(directory));) {
		char text[64];
		if (strncmp(entry->d_name, "hugepages-", 10) != 0)
			continue;
		snprintf(text, sizeof(text), "%.40s", entry->d_name + 10);
		text[strspn(text, "0123456789")] = '\0';
		if (parse_number(text, &kilobytes) && kilobytes < LLONG_MAX / 1024)
			size[count++] = kilobytes * 1024;
	}
	closedir(directory);
	qsort(size, count, sizeof(size[0]), by_number);
	json_t *sizes = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(sizes, json_integer(size[i]));
	return sizes;
}

/* Whether processes, host name and IPC are the machine's own: the kernel numbers its first
 * namespaces alike everywhere (linux/proc_ns.h). false also when /proc does not say. */
static bool in_first_namespaces(void)
{
	static const char *const first[][2] = { { "/proc/self/ns/pid", "pid:[4026531836]" },
						{ "/proc/self/ns/uts", "uts:[4026531838]" },
						{ "/proc/self/ns/ipc", "ipc:[4026531839]" } };
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		char is[64];
		ssize_t length = readlink(first[i][0], is, sizeof(is) - 1);
		is[length > 0 ? length : 0] = '\0';
		if (strcmp(is, first[i][1]) != 0)
			return false;
	}
	return true;
}

/* What container this runs in, from what every user may read first: the marks of Docker and Podman,
 * a name in pid 1's environment (systemd's container interface), the names of its cgroups. NULL for
 * none, or none that is known. A virtual machine whose disk was a container's image has the mark,
 * and is none. */
static json_t *read_container(void)
{
	char text[TEXT];
	if (in_first_namespaces())
		return NULL;
	if (access("/run/.containerenv", F_OK) == 0)
		return json_string("podman");
	if (access("/.dockerenv", F_OK) == 0)
		return json_string("docker");
	if (read_text("/run/systemd/container", text))
		return json_string(text);
	FILE *file = fopen("/proc/1/environ", "re");
	char *word = NULL;
	size_t room = 0;
	json_t *container = NULL;
	while (file && !container && getdelim(&word, &room, '\0', file) > 0)
		if (strncmp(word, "container=", 10) == 0 && word[10] != '\0')
			container = json_string(word + 10);
	free(word);
	if (file)
		fclose(file);
	static const struct {
		const char *says, *name;
	} known[] = { { "/docker", "docker" },
		      { "/kubepods", "kubernetes" },
		      { "/libpod", "podman" },
		      { "/lxc", "lxc" },
		      { "/containerd", "containerd" } };
	if (!container && read_text("/proc/1/cgroup", text))
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !container; i++)
			if (strstr(text, known[i].says))
				container = json_string(known[i].name);
	return container;
}

/* The word in brackets: "always [madvise] never". */
static json_t *read_thp(void)
{
	char text[TEXT];
	if (!read_text("/sys/kernel/mm/transparent_hugepage/enabled", text))
		return NULL;
	char *from = strchr(text, '[');
	char *to = from ? strchr(from, ']') : NULL;
	return to ? json_stringn(from + 1, (size_t)(to - from - 1)) : NULL;
}

static json_t *read_line_bytes(void)
{
	json_t *bytes = number_of("/sys/devices/system/cpu/cpu0/cache/index0/coherency_line_size");
	if (bytes)
		return bytes;
	long line = sysconf(_SC_LEVEL1_DCACHE_LINESIZE);
	return line > 0 ? json_integer(line) : NULL;
}

/* What the kernel says of each of the processor's weaknesses: name → text. */
static json_t *read_mitigations(void)
{
	const char *folder = "/sys/devices/system/cpu/vulnerabilities";
	DIR *directory = opendir(folder);
	if (!directory)
		return NULL;
	json_t *mitigations = json_object();
	for (struct dirent *entry; mitigations && (entry = readdir(directory));) {
		char path[PATH_MAX];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (put(mitigations, entry->d_name, text_of(path)) != 0) {
			json_decref(mitigations);
			mitigations = NULL;
		}
	}
	closedir(directory);
	return mitigations;
}

static json_t *read_memory(void)
{
	char value[64];
	json_int_t kilobytes;
	if (!read_field("/proc/meminfo", "MemTotal", value, sizeof(value)))
		return NULL;
	char *unit = strstr(value, " kB");
	if (!unit)
		return NULL;
	*unit = '\0';
	return parse_number(value, &kilobytes) && kilobytes <= LLONG_MAX / 1024
		       ? json_integer(kilobytes * 1024)
		       : NULL;
}

static json_t *read_limit_of(__rlimit_resource_t resource)
{
	struct rlimit limit;
	if (getrlimit(resource, &limit) != 0)
		return NULL;
	if (limit.rlim_cur > LLONG_MAX) /* RLIM_INFINITY is beyond JSON's integers */
		return json_string("unlimited");
	return json_integer((json_int_t)limit.rlim_cur);
}

static json_t *read_limits(void)
{
	json_t *limits = json_object();
	if (limits && !put(limits, "pipe_max_bytes", number_of("/proc/sys/fs/pipe-max-size")) &&
	    !put(limits, "wmem_default", number_of("/proc/sys/net/core/wmem_default")) &&
	    !put(limits, "rmem_default", number_of("/proc/sys/net/core/rmem_default")) &&
	    !put(limits, "memlock_bytes", read_limit_of(RLIMIT_MEMLOCK)) &&
	    !put(limits, "nofile", read_limit_of(RLIMIT_NOFILE)) &&
	    !put(limits, "msgmax", number_of("/proc/sys/kernel/msgmax")) &&
	    !put(limits, "msgmnb", number_of("/proc/sys/kernel/msgmnb")) &&
	    !put(limits, "mq_msgsize_max", number_of("/proc/sys/fs/mqueue/msgsize_max")))
		return limits;
	json_decref(limits);
	return NULL;
}

/* Per placement the CPUs that two joined peers would get. */
static json_t *read_placements(const struct place *place)
{
	const struct place_edge edge = { 0, 1 };
	json_t *placements = json_object();
	for (const char *const *name = place_names(); placements && *name; name++) {
		int cpus[2];
		char why[256];
		json_t *pair = NULL;
		if (place_find(place, *name, 2, &edge, 1, 0, cpus, why, sizeof(why)) &&
		    !(pair = json_pack("[ii]", cpus[0], cpus[1]))) {
			json_decref(placements);
			return NULL;
		}
		if (put(placements, *name, pair) != 0) {
			json_decref(placements);
			placements = NULL;
		}
	}
	return placements;
}

json_t *host_read(const struct place *place)
{
	/* Another machine's topology says nothing of this one. */
	if (place && !place_is_this_machine(place))
		place = NULL;
	struct utsname system;
	bool named = uname(&system) == 0;
	int cpu;
	bool cached = place && place_allowed(place, &cpu, 1) > 0;
	/* cores of one machine have the states of one driver; of unlike ones the first's are told
	 */
	int first = cached ? cpu : 0;
	json_t *limits = read_limits();
	json_t *placements = place ? read_placements(place) : json_null();
	json_t *host = json_object();
	long page = sysconf(_SC_PAGESIZE);

	if (!host || !limits || !placements) {
		json_decref(limits);
		json_decref(placements);
		json_decref(host);
		return NULL;
	}
	/* Every one is tried, whatever became of another, so that none of the values is lost. */
	int failed = 0;
	failed |= put(host, "name", named ? json_string(system.nodename) : NULL);
	failed |= put(host, "boot_id", text_of("/proc/sys/kernel/random/boot_id"));
	failed |= put(host, "kernel", named ? json_string(system.release) : NULL);
	failed |= put(host, "kernel_build", named ? json_string(system.version) : NULL);
	failed |= put(host, "machine", named ? json_string(system.machine) : NULL);
	failed |= put(host, "cpu_model", read_cpu_model());
	failed |= put(host, "microcode", field_of("/proc/cpuinfo", "microcode"));
	failed |= put(host, "hypervisor", read_hypervisor());
	failed |= put(host, "cpus_online", text_of("/sys/devices/system/cpu/online"));
	failed |= put(host, "cpus_allowed", field_of("/proc/self/status", "Cpus_allowed_list"));
	failed |= put(host, "mems_allowed", field_of("/proc/self/status", "Mems_allowed_list"));
	failed |= put(host, "cgroup_cpu_max", read_cpu_max());
	failed |= put(host, "container", read_container());
	failed |= put(host, "lsm", text_of("/sys/kernel/security/lsm"));
	failed |= put(host, "governor", read_governor());
	failed |= put(host, "turbo", read_turbo());
	failed |=
		put(host, "idle_driver", text_of("/sys/devices/system/cpu/cpuidle/current_driver"));
	failed |= put(host, "idle_governor",
		      text_of("/sys/devices/system/cpu/cpuidle/current_governor_ro"));
	failed |= put(host, "idle_states", read_idle_states(first));
	failed |= put(host, "smt", text_of("/sys/devices/system/cpu/smt/control"));
	failed |= put(host, "thp", read_thp());
	failed |= put(host, "page_bytes", page > 0 ? json_integer(page) : NULL);
	failed |= put(host, "huge_page_bytes", read_huge_page_bytes());
	failed |= put(host, "line_bytes", read_line_bytes());
	failed |= put(host, "clocksource",
		      text_of("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
	failed |= put(host, "mitigations", read_mitigations());
	failed |= put(host, "command_line", text_of("/proc/cmdline"));
	failed |=
		put(host, "l1d_bytes", cached ? positive(place_cache_bytes(place, cpu, 1)) : NULL);
	failed |= put(host, "l2_bytes", cached ? positive(place_cache_bytes(place, cpu, 2)) : NULL);
	failed |= put(host, "l3_bytes", cached ? positive(place_cache_bytes(place, cpu, 3)) : NULL);
	failed |= put(host, "packages", place ? positive(place_packages(place)) : NULL);
	failed |= put(host, "numa_nodes", place ? positive(place_numa_nodes(place)) : NULL);
	failed |= put(host, "memory_bytes", read_memory());
	failed |= put(host, "limits", limits);
	failed |= put(host, "placements", placements);
	failed |= put(host, "dma_latency_us", NULL); /* who holds it says so */
	if (!failed)
		return host;
	json_decref(host);
	return NULL;
}

/* What decides whether two measurements were made in one environment; "limits", "mitigations",
 * "idle_states" and "placements" stand for each of their members. */
static const char *const environment[] = {
	"cpu_model",
	"microcode",
	"kernel",
	"kernel_build",
	"machine",
	"clocksource",
	"mitigations",
	"command_line",
	"governor",
	"turbo",
	"idle_driver",
	"idle_states",
	"idle_governor",
	"smt",
	"thp",
	"page_bytes",
	"limits",
	"placements",
	"cpus_allowed",
	"mems_allowed",
	"container",
	"lsm",
	"cgroup_cpu_max",
	"dma_latency_us",
};

/* Text for a line on a terminal: a file's text may hold escape sequences. */
static void make_plain(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* A value as a person writes it, cut to the room there is. */
static void describe(const json_t *value, char *text, size_t bytes)
{
	if (!value || json_is_null(value)) {
		snprintf(text, bytes, "not known");
	} else if (json_is_string(value)) {
		snprintf(text, bytes, "%s", json_string_value(value));
	} else {
		char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS);
		snprintf(text, bytes, "%s", dump ? dump : "(too long)");
		free(dump);
	}
	make_plain(text);
}

static bool is_known(const json_t *value)
{
	return value && !json_is_null(value);
}

/* Compares one value; a member that is missing is not known, as null is. */
static bool value_differs(const char *key, const json_t *here, const json_t *there, char *buffer,
			  size_t bytes)
{
	char name[64], ours[200], theirs[200];
	if (is_known(here) ? is_known(there) && json_equal(here, there) : !is_known(there))
		return false;
	snprintf(name, sizeof(name), "%s", key);
	make_plain(name);
	describe(here, ours, sizeof(ours));
	describe(there, theirs, sizeof(theirs));
	snprintf(buffer, bytes, "%s: %s here, %s in the file", name, ours, theirs);
	return true;
}

/* Every member of mine, against yours; swapped says which is "here". */
static bool members_differ(const char *key, json_t *mine, const json_t *yours, bool swapped,
			   char *buffer, size_t bytes)
{
	const char *name;
	json_t *value;
	json_object_foreach (mine, name, value) {
		char path[128];
		const json_t *other = json_object_get(yours, name);
		snprintf(path, sizeof(path), "%s.%s", key, name);
		if (value_differs(path, swapped ? other : value, swapped ? value : other, buffer,
				  bytes))
			return true;
	}
	return false;
}

static bool key_differs(const char *key, const json_t *here, const json_t *there, char *buffer,
			size_t bytes)
{
	json_t *ours = json_object_get(here, key), *theirs = json_object_get(there, key);
	if (json_is_object(ours) && json_is_object(theirs))
		return members_differ(key, ours, theirs, false, buffer, bytes) ||
		       members_differ(key, theirs, ours, true, buffer, bytes);
	return value_differs(key, ours, theirs, buffer, bytes);
}

bool host_differs(const json_t *here, const json_t *there, bool same_boot, char *buffer,
		  size_t bytes)
{
	for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++)
		if (key_differs(environment[i], here, there, buffer, bytes))
			return true;
	return same_boot && (key_differs("boot_id", here, there, buffer, bytes) ||
			     key_differs("name", here, there, buffer, bytes));
}
