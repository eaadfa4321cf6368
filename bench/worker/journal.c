/* SPDX-License-Identifier: MIT */
/* journal.c - writes down kernel objects before they are made, so that the next run can remove what
 * a worker that was killed left behind. */
#include "journal_file.h"

#include <sched.h>

/* Opens the directory that this user's journals are in, made if need be. */
static int open_directory(void)
{
	char path[PATH_MAX];
	for (unsigned i = 0; i < JOURNAL_DIRECTORIES; i++)
		if (journal_directory(i, path, sizeof(path)))
			return journal_open_directory(path, true);
	errno = ENOENT;
	return -1;
}

/* The file's name, of the process that asks: a forked peer has one of its own. */
static int own_name(char *name, size_t bytes)
{
	unsigned long long start;
	if (journal_process(getpid(), &start) != 1) {
		errno = ENOENT;
		return -1;
	}
	snprintf(name, bytes, "%ld-%llu", (long)getpid(), start);
	return 0;
}

/* What limits the objects of an IPC namespace, below /proc/sys: a new one has the kernel's
 * defaults, not what the administrator set. */
static const char *const limits[] = {
	"kernel/msgmax",         "kernel/msgmnb",        "kernel/msgmni", "kernel/sem",
	"kernel/shmmax",         "kernel/shmall",        "kernel/shmmni", "fs/mqueue/msg_max",
	"fs/mqueue/msgsize_max", "fs/mqueue/queues_max",
};
enum { LIMITS = sizeof(limits) / sizeof(*limits), LIMIT_TEXT = 64 };

/* Reads one, as text; "" where this kernel does not have it. */
static void limit_read(const char *name, char text[LIMIT_TEXT])
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, text, LIMIT_TEXT - 1);
	text[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static bool limit_set(const char *name, const char *text)
{
	char path[64], now[LIMIT_TEXT];
	limit_read(name, now);
	if (strcmp(now, text) == 0)
		return true;
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool wrote = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return wrote;
}

/* A new IPC namespace with the limits of the one before; back to that one where they cannot be set,
 * since what toll has said of them is what it measures. */
static bool enter_namespace(void)
{
	char before[LIMITS][LIMIT_TEXT];
	int old = open("/proc/self/ns/ipc", O_RDONLY | O_CLOEXEC);
	bool entered = false;
	for (unsigned i = 0; i < LIMITS; i++)
		limit_read(limits[i], before[i]);
	if (old >= 0 && unshare(CLONE_NEWIPC) == 0) {
		entered = true;
		for (unsigned i = 0; i < LIMITS; i++)
			entered &= limit_set(limits[i], before[i]);
		if (!entered && setns(old, CLONE_NEWIPC) != 0)
			entered = true; /* its objects go away with it, whatever its limits */
	}
	if (old >= 0)
		close(old);
	return entered;
}

/* Tries once for an IPC namespace of this worker's own, which wants CAP_SYS_ADMIN. All peers are
 * forked or started later and live in it too. */
static bool own_ipc_namespace(void)
{
	static bool tried, ours;
	if (!tried) {
		int error = errno;
		ours = enter_namespace();
		tried = true;
		errno = error;
	}
	return ours;
}

/* The path with its folders resolved: the sweeper follows no symbolic link. */
static int resolve(const char *path, char *resolved, size_t bytes)
{
	char folder[PATH_MAX], real[PATH_MAX];
	const char *name = strrchr(path, '/');
	snprintf(folder, sizeof(folder), "%.*s", name == path ? 1 : (int)(name - path), path);
	if (!realpath(folder, real))
		return -1;
	if (snprintf(resolved, bytes, "%s%s", strcmp(real, "/") == 0 ? "" : real, name) <
	    (int)bytes)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* All of text at the file's end, or nothing: half a line could name another object. */
static int append(int fd, const char *text, size_t length, off_t end)
{
	ssize_t wrote = write(fd, text, length);
	if (wrote == (ssize_t)length)
		return 0;
	int error = wrote < 0 ? errno : ENOSPC;
	if (wrote > 0 && ftruncate(fd, end) != 0)
		error = errno;
	errno = error;
	return -1;
}

int toll_journal(const char *kind, const char *id)
{
	char path[PATH_MAX], name[JOURNAL_NAME];
	if (!journal_valid(kind, id)) {
		errno = EINVAL;
		return -1;
	}
	if (journal_of_namespace(kind) && own_ipc_namespace())
		return 0;
	if (strcmp(kind, "file") == 0) {
		if (resolve(id, path, sizeof(path)) != 0)
			return -1;
		id = path;
	}
	if (own_name(name, sizeof(name)) != 0)
		return -1;
	int directory = open_directory();
	if (directory < 0)
		return -1;
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
			0600);
	int error = errno, result = -1;
	close(directory);
	errno = error;
	if (fd < 0)
		return -1;

	struct stat status;
	char space[64], text[JOURNAL_LINE + sizeof(space)];
	int length = 0;
	if (fstat(fd, &status) != 0)
		goto out;
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_nlink != 1) {
		errno = EPERM;
		goto out;
	}
	if (status.st_size == 0) {
		journal_namespace(space, sizeof(space));
		length = snprintf(text, sizeof(text), "%s %s\n", JOURNAL_NAMESPACE, space);
	}
	length += snprintf(text + length, sizeof(text) - (size_t)length, "%s %s\n", kind, id);
	result = append(fd, text, (size_t)length, status.st_size);
out:
	error = errno;
	close(fd);
	errno = error;
	return result;
}

int toll_journal_done(void)
{
	char path[PATH_MAX], name[JOURNAL_NAME];
	if (own_name(name, sizeof(name)) != 0)
		return -1;
	for (unsigned i = 0; i < JOURNAL_DIRECTORIES; i++) {
		if (!journal_directory(i, path, sizeof(path)))
			continue;
		int directory = journal_open_directory(path, false);
		if (directory < 0 && errno == ENOENT)
			return 0;
		if (directory < 0)
			return -1;
		int result = unlinkat(directory, name, 0);
		int error = errno;
		close(directory);
		errno = error;
		return result == 0 || error == ENOENT ? 0 : -1;
	}
	return 0;
}
