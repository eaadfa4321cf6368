/* SPDX-License-Identifier: MIT */
/* memory.c - the memory that channels share: what it is made of (memory=), and on which NUMA node
 * its pages lie (home=). Objects with a name lose it at once: what maps them keeps them. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

enum { PAGE_BYTES = 4096, MOST_NODES = 1024, ATTEMPTS = 16 };

/* ---- what it is made of ---- */

/* The number behind NAME in a file of lines "NAME: 2048 kB", or that the file begins with; 0: none.
 */
static unsigned long long number_in(const char *path, const char *name)
{
	char line[256];
	unsigned long long number = 0;
	FILE *file = fopen(path, "re");

	while (file && number == 0 && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) == 0)
			number = strtoull(line + strlen(name), NULL, 10);
	}
	if (file)
		fclose(file);
	return number;
}

/* Bytes of a huge page of that kind; 0: the memory is of another kind. */
static size_t huge_page(const char *kind)
{
	if (strcmp(kind, "huge-1G") == 0)
		return (size_t)1 << 30;
	if (strcmp(kind, "huge") != 0)
		return 0;
	unsigned long long kib = number_in("/proc/meminfo", "Hugepagesize:");

	return kib ? kib << 10 : (size_t)2 << 20;
}

static void *map_huge(size_t page, size_t bytes)
{
	int size = __builtin_ctzll(page) << MAP_HUGE_SHIFT;

	return mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | size, -1, 0);
}

size_t memory_page(const char *kind)
{
	size_t page = huge_page(kind);

	return page ? page : PAGE_BYTES;
}

const char *memory_more(const char *kind)
{
	static const struct {
		const char *kind, *more;
	} all[] = {
		{ "huge", "sysctl vm.nr_hugepages" },
		{ "huge-1G", "boot with hugepagesz=1G hugepages=N, or write N into "
			     "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages" },
		{ "posix-shm", "see df /dev/shm; mount -o remount,size=… /dev/shm" },
		{ "sysv-shm", "see ipcs -m; sysctl kernel.shmmax, kernel.shmall, kernel.shmmni" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (strcmp(kind, all[i].kind) == 0)
			return all[i].more;
	}
	return "ulimit -v, the cgroup's memory.max, or the machine's memory";
}

bool memory_plan(const char *kind, size_t bytes, char *why, size_t room)
{
	size_t page = huge_page(kind);

	if (page) {
		void *trial = map_huge(page, bytes);

		if (trial != MAP_FAILED) {
			munmap(trial, bytes);
			return true;
		}
		int error = errno;

		snprintf(why, room, "no huge pages here: %s; it takes %zu of %zu MiB (%s)",
			 strerror(error), bytes / page, page >> 20, memory_more(kind));
		return false;
	}
	if (strcmp(kind, "posix-shm") == 0) {
		struct statvfs shm;

		if (statvfs("/dev/shm", &shm) < 0) {
			snprintf(why, room, "no POSIX shared memory here: /dev/shm: %s",
				 strerror(errno));
			return false;
		}
		if (shm.f_blocks && (uint64_t)shm.f_bavail * shm.f_frsize < bytes) {
			snprintf(why, room,
				 "no POSIX shared memory here: %zu B are more than /dev/shm has "
				 "free (mount -o remount,size=… /dev/shm)",
				 bytes);
			return false;
		}
	}
	if (strcmp(kind, "sysv-shm") == 0) {
		unsigned long long most = number_in("/proc/sys/kernel/shmmax", "");

		if (most == 0 || bytes > most) {
			snprintf(why, room,
				 most ? "no System V shared memory here: %zu B are more than "
					"%llu (sysctl kernel.shmmax)"
				      : "no System V shared memory here: the kernel is built "
					"without",
				 bytes, most);
			return false;
		}
	}
	return true;
}

static uint32_t random_number(void)
{
	uint32_t number;

	return getrandom(&number, sizeof(number), 0) == sizeof(number) ? number | 1 : 0;
}

/* An open object without a name, of no bytes yet; −1 with errno. */
static int open_posix(void)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		char name[32];
		uint32_t number = random_number();

		snprintf(name, sizeof(name), "/toll-%08x", number);
		if (number == 0 || toll_journal("shm", name) < 0)
			return -1;
		int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

		if (fd >= 0)
			shm_unlink(name);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

static void *map_system_v(size_t bytes)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		char key[16];
		uint32_t number = random_number();

		snprintf(key, sizeof(key), "%x", number);
		if (number == 0 || toll_journal("sysv-shm", key) < 0)
			return MAP_FAILED;
		int id = shmget((key_t)number, bytes, IPC_CREAT | IPC_EXCL | 0600);

		if (id < 0 && errno == EEXIST)
			continue;
		if (id < 0)
			return MAP_FAILED;
		void *at = shmat(id, NULL, 0);
		int error = errno;

		shmctl(id, IPC_RMID, NULL);
		errno = error;
		return at;
	}
	return MAP_FAILED;
}

static void *map_descriptor(int fd, size_t bytes)
{
	void *at = MAP_FAILED;

	if (fd < 0)
		return at;
	if (ftruncate(fd, (off_t)bytes) == 0)
		at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int error = errno;

	close(fd);
	errno = error;
	return at;
}

char *memory_map(const char *kind, size_t bytes)
{
	size_t page = huge_page(kind);

	if (page)
		return map_huge(page, bytes);
	if (strcmp(kind, "memfd") == 0)
		return map_descriptor(memfd_create("toll-channel", MFD_CLOEXEC), bytes);
	if (strcmp(kind, "posix-shm") == 0)
		return map_descriptor(open_posix(), bytes);
	if (strcmp(kind, "sysv-shm") == 0)
		return map_system_v(bytes);
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

int memory_touch(char *at, size_t bytes)
{
	/* says what is missing, where a store would end the process; Linux 5.14 */
	if (madvise(at, bytes, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	for (size_t i = 0; i < bytes; i += PAGE_BYTES)
		*(volatile char *)(at + i) = 0;
	return 0;
}

/* ---- where it lies ---- */

enum { NODE_BITS = 8 * sizeof(unsigned long), NODE_WORDS = MOST_NODES / NODE_BITS };

static void read_nodes(unsigned long bits[NODE_WORDS])
{
	char text[512] = "0";
	FILE *file = fopen("/sys/devices/system/node/has_memory", "re");

	if (file && !fgets(text, sizeof(text), file))
		strcpy(text, "0");
	if (file)
		fclose(file);
	/* "0-1,3" */
	for (char *rest = text, *word; (word = strsep(&rest, ",")) != NULL;) {
		char *end;
		unsigned long from = strtoul(word, &end, 10);
		unsigned long to = *end == '-' ? strtoul(end + 1, NULL, 10) : from;

		for (unsigned long n = from; n <= to && n < MOST_NODES; n++)
			bits[n / NODE_BITS] |= 1UL << n % NODE_BITS;
	}
}

/* Nodes that have memory, as bits; node 0 alone where the kernel knows of none. Asked once. */
static const unsigned long *nodes(void)
{
	static unsigned long bits[NODE_WORDS];
	static bool known;

	if (!known)
		read_nodes(bits);
	known = true;
	return bits;
}

static bool has_node(const unsigned long *bits, unsigned long node)
{
	return node < MOST_NODES && bits[node / NODE_BITS] >> node % NODE_BITS & 1;
}

unsigned memory_nodes(void)
{
	const unsigned long *bits = nodes();
	unsigned count = 0;

	for (unsigned n = 0; n < MOST_NODES; n++)
		count += has_node(bits, n);
	return count;
}

bool memory_home_plan(const char *home, char *why, size_t room)
{
	char *end;
	unsigned long node = strtoul(home, &end, 10);

	if (strcmp(home, "producer") == 0 || strcmp(home, "consumer") == 0)
		return true;
	if (*home < '0' || *home > '9' || *end != '\0') {
		snprintf(why, room, "home takes producer, consumer or a NUMA node, not \"%s\"",
			 home);
		return false;
	}
	if (has_node(nodes(), node))
		return true;
	snprintf(why, room,
		 "no NUMA node %s with memory here (/sys/devices/system/node/has_memory)", home);
	return false;
}

int memory_node(const char *home, int producer_cpu, int consumer_cpu)
{
	int cpu = strcmp(home, "producer") == 0 ? producer_cpu : consumer_cpu;

	if (*home >= '0' && *home <= '9')
		return (int)strtol(home, NULL, 10);
	for (int n = 0; cpu >= 0 && n < MOST_NODES; n++) {
		char path[96];

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/node%d", cpu, n);
		if (access(path, F_OK) == 0)
			return n;
	}
	return -1;
}

int memory_place(char *at, size_t bytes, int node)
{
	unsigned long bits[MOST_NODES / (8 * sizeof(unsigned long))] = { 0 };

	bits[(size_t)node / (8 * sizeof(*bits))] = 1UL << (size_t)node % (8 * sizeof(*bits));
	/* the kernel takes one bit less than it is told */
	return (int)syscall(SYS_mbind, at, bytes, MPOL_BIND, bits, (unsigned long)MOST_NODES + 1,
			    0);
}
