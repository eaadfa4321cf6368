/* SPDX-License-Identifier: GPL-3.0-or-later */
/* left.c - what a block may leave behind: processes, descriptors, kernel objects. */
#include "conform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../grow.h"
#include "../mounts.h"

enum { GRACE_MS = 2000, LOOK_MS = 2, SHARED_LOOK_MS = 200, MOST_NAMED = 3 };

static bool isolated, own_tmp;

/* toll-UID, where journals lie that are not ours. */
static bool is_journals(const char *name)
{
	return strncmp(name, "toll-", 5) == 0 && name[5] &&
	       name[5 + strspn(name + 5, "0123456789")] == '\0';
}

/* What is below /tmp now, but journals: bound into the new one. A build may stand there, or a
 * plug-in.
 */
static void bind_all(int old)
{
	DIR *directory = fdopendir(old);

	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		char from[512], to[512];
		struct stat status;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    is_journals(entry->d_name))
			continue;
		snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", old, entry->d_name);
		snprintf(to, sizeof(to), "/tmp/%s", entry->d_name);
		if (lstat(from, &status))
			continue;
		if (S_ISDIR(status.st_mode)
			    ? mkdir(to, 0700) == 0
			    : S_ISREG(status.st_mode) && mknod(to, S_IFREG | 0600, 0) == 0)
			mount(from, to, NULL, MS_BIND | MS_REC, NULL);
	}
	if (directory)
		closedir(directory);
}

/* As toll-worker may where it is not root: then it makes no IPC namespace, and what it leaves is to
 * be seen in this one. */
static void give_up_administration(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0);
	if (syscall(SYS_capget, &header, data) != 0)
		return;
	data[0].effective &= ~(1U << CAP_SYS_ADMIN);
	data[0].permitted &= ~(1U << CAP_SYS_ADMIN);
	data[0].inheritable &= ~(1U << CAP_SYS_ADMIN);
	syscall(SYS_capset, &header, data);
}

bool left_isolate(void)
{
	if (unshare(CLONE_NEWIPC | CLONE_NEWNS) || mounts_private("/dev/shm") ||
	    mount("toll", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL))
		return false;
	if (mounts_private("/dev/mqueue") == 0)
		mount("toll", "/dev/mqueue", "mqueue", 0, NULL); /* not every kernel has it */
	isolated = true;
	int old = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_tmp = old >= 0 && mounts_private("/tmp") == 0 &&
		  mount("toll", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") == 0;
	if (own_tmp)
		bind_all(old);
	else if (old >= 0)
		close(old);
	give_up_administration();
	return true;
}

void left_begin(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The name and parent of a process; false when it is gone. */
static bool process_read(const char *pid, char name[64], long *parent)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t got = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[got] = '\0';
	/* PID (NAME) STATE PARENT …; the name may itself hold brackets */
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close || close < open || strlen(close) < 4)
		return false;
	*parent = strtol(close + 3, NULL, 10);
	snprintf(name, 64, "%.*s", (int)(close - open - 1), open + 1);
	return true;
}

static void children_end(char *buffer, size_t bytes)
{
	DIR *directory = opendir("/proc");
	size_t used = 0;
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		char name[64];
		long parent, pid = strtol(entry->d_name, NULL, 10);
		if (pid <= 0 || !process_read(entry->d_name, name, &parent) || parent != getpid())
			continue;
		int n = snprintf(buffer + used, bytes - used, "%s%s (%ld)", used ? ", " : "", name,
				 pid);
		used = n > 0 && used + (size_t)n < bytes ? used + (size_t)n : used;
		kill((pid_t)pid, SIGKILL);
		waitpid((pid_t)pid, NULL, 0);
	}
	if (directory)
		closedir(directory);
}

const char *left_processes(char *buffer, size_t bytes)
{
	/* peers of a worker that died are told by the kernel, and take a moment */
	for (int waited = 0; waited < GRACE_MS; waited += LOOK_MS) {
		pid_t pid;
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			return "";
		usleep(LOOK_MS * 1000);
	}
	snprintf(buffer, bytes, "a child that cannot be seen");
	children_end(buffer, bytes);
	return buffer;
}

unsigned left_descriptors(void)
{
	unsigned count = 0;
	DIR *directory = opendir("/proc/self/fd");
	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

static void add(struct left_objects *objects, const char *text)
{
	char **room = GROW_APPEND(objects->name, objects->count);
	if (!room || !(*room = strdup(text))) {
		fputs("toll: out of memory\n", stderr);
		exit(4);
	}
}

/* Those whose names begin with prefix. */
static void look_folder(struct left_objects *objects, const char *folder, const char *prefix)
{
	DIR *directory = opendir(folder);
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		char path[512];
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		add(objects, path);
	}
	if (directory)
		closedir(directory);
}

/* The key and number at a line's start tell the objects of one kind apart. */
static void look_system_v(struct left_objects *objects, const char *kind)
{
	char path[64], line[512];
	snprintf(path, sizeof(path), "/proc/sysvipc/%s", kind);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		char text[128], *rest;
		long key = strtol(line, &rest, 10), id = strtol(rest, NULL, 10);
		if (rest == line)
			continue; /* the heading */
		snprintf(text, sizeof(text), "System V %s %#lx (%ld)", kind, (unsigned long)key,
			 id);
		add(objects, text);
	}
	if (file)
		fclose(file);
}

struct left_objects left_look(void)
{
	struct left_objects objects = { 0 };
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	if (runtime) {
		char journals[512];
		snprintf(journals, sizeof(journals), "%s/toll", runtime);
		look_folder(&objects, journals, "");
		look_folder(&objects, runtime, "toll-");
	}
	/* all that is in folders of our own is ours, whatever its name */
	look_folder(&objects, "/dev/shm", isolated ? "" : "toll-");
	look_folder(&objects, "/dev/mqueue", isolated ? "" : "toll-");
	if (own_tmp)
		look_folder(&objects, "/tmp", "");
	look_system_v(&objects, "shm");
	look_system_v(&objects, "sem");
	look_system_v(&objects, "msg");
	return objects;
}

void left_free(struct left_objects *objects)
{
	for (size_t i = 0; i < objects->count; i++)
		free(objects->name[i]);
	free(objects->name);
	*objects = (struct left_objects){ 0 };
}

/* Appends the names of what is now and was not before; returns how long they are together. */
static size_t name_new(const struct left_objects *before, const struct left_objects *now,
		       char *buffer, size_t bytes)
{
	size_t used = 0, fresh = 0;
	for (size_t i = 0; i < now->count; i++) {
		bool old = false;
		for (size_t k = 0; k < before->count; k++)
			old |= strcmp(now->name[i], before->name[k]) == 0;
		if (old || ++fresh > MOST_NAMED)
			continue;
		int n = snprintf(buffer + used, bytes - used, "%s%s", used ? ", " : "",
				 now->name[i]);
		used = n > 0 && used + (size_t)n < bytes ? used + (size_t)n : used;
	}
	if (fresh > MOST_NAMED)
		snprintf(buffer + used, bytes - used, " and %zu more", fresh - MOST_NAMED);
	return used;
}

const char *left_since(const struct left_objects *before, char *buffer, size_t bytes)
{
	/* where all processes share these names, others' that come and go are none of ours */
	for (int waited = isolated ? GRACE_MS : 0;; waited += SHARED_LOOK_MS) {
		struct left_objects now = left_look();
		buffer[0] = '\0';
		size_t used = name_new(before, &now, buffer, bytes);
		left_free(&now);
		if (used == 0 || waited >= GRACE_MS)
			return buffer;
		usleep(SHARED_LOOK_MS * 1000);
	}
}
