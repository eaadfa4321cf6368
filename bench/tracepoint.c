/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tracepoint.c - the number of a tracepoint, from tracefs. */
#include "tracepoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mounts.h"

static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

enum answer { FOUND, NO_SUCH, NO_TRACEFS, NOT_ALLOWED };

struct told { /* by the child */
	enum answer answer;
	uint64_t number;
	int error;
};

/* "sched:sched_waking" as a path; false where that is none. */
static bool path_of(const char *place, const char *name, char *path, size_t bytes)
{
	int system = (int)strcspn(name, ":");

	return name[system] == ':' && !strchr(name, '/') && !strchr(name + system + 1, ':') &&
	       snprintf(path, bytes, "%s/events/%.*s/%s/id", place, system, name,
			name + system + 1) < (int)bytes;
}

static struct told look_at(const char *place, const char *name)
{
	struct told told = { .answer = NO_TRACEFS };
	char path[PATH_MAX], line[32];

	snprintf(path, sizeof path, "%s/events", place);
	if (access(path, F_OK)) {
		if (errno == EACCES)
			told.answer = NOT_ALLOWED;
		return told;
	}
	told.answer = NO_SUCH;
	if (!path_of(place, name, path, sizeof path))
		return told;
	FILE *file = fopen(path, "re");

	if (!file) {
		if (errno == EACCES || errno == EPERM)
			told.answer = NOT_ALLOWED;
		return told;
	}
	if (fgets(line, sizeof line, file)) {
		told.number = strtoull(line, NULL, 10);
		told.answer = FOUND;
	}
	fclose(file);
	return told;
}

static struct told look_around(const char *name)
{
	struct told told = { .answer = NO_TRACEFS };

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct told here = look_at(places[i], name);

		if (here.answer == FOUND || here.answer == NO_SUCH)
			return here;
		if (here.answer == NOT_ALLOWED)
			told = here;
	}
	return told;
}

/* In a mount namespace of its own, so that the machine's mounts stay as they are. */
static _Noreturn void look_in_private(const char *name, int out)
{
	struct told told = { .answer = NO_TRACEFS };

	if (unshare(CLONE_NEWNS) || mounts_private(places[0]) ||
	    mount("tracefs", places[0], "tracefs", 0, NULL))
		told.error = errno;
	else
		told = look_at(places[0], name);
	ssize_t written = write(out, &told, sizeof told);

	_exit(written != sizeof told);
}

static struct told look_for_a_moment(const char *name)
{
	struct told told = { .answer = NO_TRACEFS };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC)) {
		told.error = errno;
		return told;
	}
	pid_t pid = fork();

	if (pid == 0)
		look_in_private(name, ends[1]);
	close(ends[1]);
	if (pid > 0) {
		if (read(ends[0], &told, sizeof told) != sizeof told)
			told = (struct told){ .answer = NO_TRACEFS };
		waitpid(pid, NULL, 0);
	} else {
		told.error = errno;
	}
	close(ends[0]);
	return told;
}

bool tracepoint_find(const char *name, uint64_t *number, char *why, size_t bytes)
{
	struct told told = look_around(name);

	if (told.answer == NO_TRACEFS)
		told = look_for_a_moment(name);
	switch (told.answer) {
	case FOUND:
		*number = told.number;
		return true;
	case NO_SUCH:
		snprintf(why, bytes, "this kernel has no such tracepoint");
		break;
	case NOT_ALLOWED:
		snprintf(why, bytes, "tracepoints are for root (%s)", places[0]);
		break;
	case NO_TRACEFS:
		if (told.error == ENODEV)
			snprintf(why, bytes, "this kernel has no tracepoints (tracefs)");
		else
			snprintf(why, bytes,
				 "tracefs is not mounted (as root: mount -t tracefs tracefs %s)",
				 places[0]);
	}
	return false;
}
