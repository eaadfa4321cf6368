/* SPDX-License-Identifier: MIT */
/* journal_file.h - where a process journals its kernel objects, and what may stand there: the
 * worker writes the file, toll sweeps it once the process is dead.
 *
 * One file a process, DIRECTORY/PID-STARTTIME, with a line "KIND ID" an object; STARTTIME is field
 * 22 of /proc/PID/stat, so that a later process with the same number is not taken for this one. The
 * first line, "pid-namespace pid:[…]", says among which processes the number counts. */
#ifndef JOURNAL_FILE_H
#define JOURNAL_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JOURNAL_DIRECTORIES = 2, JOURNAL_NAME = 48, JOURNAL_LINE = PATH_MAX + 32 };

#define JOURNAL_NAMESPACE "pid-namespace"

/* Directory 0 is $XDG_RUNTIME_DIR/toll, 1 is /tmp/toll-UID. false when there is no such directory
 * for this user: XDG_RUNTIME_DIR unset, or another user's (as under sudo -E). */
static inline bool journal_directory(unsigned which, char *path, size_t bytes)
{
	if (which > 0)
		return snprintf(path, bytes, "/tmp/toll-%lu", (unsigned long)geteuid()) <
		       (int)bytes;
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	struct stat status;
	return runtime && runtime[0] == '/' && stat(runtime, &status) == 0 &&
	       S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
	       snprintf(path, bytes, "%s/toll", runtime) < (int)bytes;
}

/* A descriptor of the directory, only if it is no symbolic link, this user's, and closed to all
 * others; -1 with errno (ENOENT: there is none yet). */
static inline int journal_open_directory(const char *path, bool create)
{
	if (create && mkdir(path, 0700) != 0 && errno != EEXIST)
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 077) == 0)
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

/* 1: the process is there, *start is its start time in clock ticks since boot; 0: there is none, or
 * only a zombie that nobody has reaped; -1: cannot be told. */
static inline int journal_process(pid_t pid, unsigned long long *start)
{
	char path[32], text[1024];
	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	ssize_t got = read(fd, text, sizeof(text) - 1);
	int error = errno;
	close(fd);
	if (got <= 0)
		return got < 0 && error == ESRCH ? 0 : -1;
	text[got] = '\0';

	/* The name, field 2, may itself hold blanks and brackets. */
	char *at = strrchr(text, ')'), *rest = NULL;
	if (!at || at[1] != ' ')
		return -1;
	char state = at[2];
	unsigned long long threads = 0;
	unsigned field = 3;
	for (char *word = strtok_r(at + 2, " \n", &rest); word;
	     word = strtok_r(NULL, " \n", &rest)) {
		if (field == 20)
			threads = strtoull(word, NULL, 10);
		if (field == 22) {
			*start = strtoull(word, NULL, 10);
			/* A leader that has exited is a zombie while its other threads go on. */
			return (state == 'Z' || state == 'X') && threads <= 1 ? 0 : 1;
		}
		field++;
	}
	return -1;
}

/* This process's pid namespace, "pid:[4026531836]"; "none" from a kernel built without them. */
static inline void journal_namespace(char *text, size_t bytes)
{
	ssize_t got = readlink("/proc/self/ns/pid", text, bytes - 1);
	if (got > 0)
		text[got] = '\0';
	else
		snprintf(text, bytes, "none");
}

/* Objects of an IPC namespace: they go away with it. */
static inline bool journal_of_namespace(const char *kind)
{
	return strncmp(kind, "sysv-", 5) == 0 || strcmp(kind, "mqueue") == 0;
}

/* A System V key from hexadecimal digits, with or without 0x; 0 (IPC_PRIVATE) when it is none. */
static inline unsigned long journal_key(const char *id)
{
	if (strncmp(id, "0x", 2) == 0)
		id += 2;
	size_t digits = strspn(id, "0123456789abcdefABCDEF");
	return digits >= 1 && digits <= 8 && id[digits] == '\0' ? strtoul(id, NULL, 16) : 0;
}

/* Whether an object may be called so. Only names that begin with "toll-" are ever removed. */
static inline bool journal_valid(const char *kind, const char *id)
{
	for (const char *at = id; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return false;
	const char *name = strrchr(id, '/');
	bool ours =
		id[0] == '/' && strncmp(name + 1, "toll-", 5) == 0 && strlen(name + 1) <= NAME_MAX;
	if (strcmp(kind, "shm") == 0 || strcmp(kind, "mqueue") == 0)
		return ours && name == id;
	if (strcmp(kind, "file") == 0)
		return ours && strlen(id) < PATH_MAX;
	if (strcmp(kind, "sysv-shm") == 0 || strcmp(kind, "sysv-msg") == 0 ||
	    strcmp(kind, "sysv-sem") == 0)
		return journal_key(id) != 0;
	return false;
}

/* For the worker; toll.h declares them to mechanisms. Call toll_journal() from open(), before the
 * object is made: 0, or -1 with errno, and then the object must not be made. */
int toll_journal(const char *kind, const char *id);
/* At a clean exit, when the objects are gone: removes this process's file. 0, or -1 with errno. */
int toll_journal_done(void);

#endif
