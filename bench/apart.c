/* SPDX-License-Identifier: GPL-3.0-or-later */
/* apart.c - what a plug-in may disturb, in a process of its own, and what it leaves swept. */
#include "apart.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block.h"
#include "commands.h"
#include "conformance/conform.h"
#include "journal.h"
#include "say.h"

/* A private folder for journals: what others have in theirs is not this plug-in's. */
static int make_folder(const char *who, char *folder, size_t bytes)
{
	const char *temporary = getenv("TMPDIR");

	snprintf(folder, bytes, "%s/toll-%s-XXXXXX", temporary && *temporary ? temporary : "/tmp",
		 who);
	if (!mkdtemp(folder)) {
		say_error("%s: %s: %s", who, folder, strerror(errno));
		return -1;
	}
	return setenv("XDG_RUNTIME_DIR", folder, 1);
}

static void remove_folder(const char *who, const char *folder)
{
	char journals[PATH_MAX];

	journal_sweep();
	snprintf(journals, sizeof journals, "%s/toll", folder);
	if ((rmdir(journals) && errno != ENOENT) || rmdir(folder))
		say_warning("%s: %s is left", who, folder);
}

/* A signal that is to end toll ends the one that plays; then there is still to be swept. */
static void wait_for(pid_t pid, int *status)
{
	sigset_t none;
	struct pollfd watched = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };

	sigemptyset(&none);
	while (watched.fd >= 0 && ppoll(&watched, 1, NULL, &none) < 0 && !block_signal())
		;
	if (block_signal())
		kill(pid, SIGKILL);
	if (watched.fd >= 0)
		close(watched.fd);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
}

int apart_play(const char *who, int (*play)(void *context, bool isolated), void *context)
{
	char folder[PATH_MAX - 8], rest[256];
	int status = 0;

	if (make_folder(who, folder, sizeof folder))
		return EXIT_USAGE;
	block_catch_signals();
	left_begin(); /* what outlives that process comes to this one */
	fflush(NULL);
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		block_release_signals();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EXIT_USAGE);
		_exit(play(context, left_isolate()));
	}
	if (pid < 0)
		say_error("%s: fork: %s", who, strerror(errno));
	if (pid > 0)
		wait_for(pid, &status);
	left_processes(rest, sizeof rest);
	remove_folder(who, folder);
	say_progress(NULL);
	int signal = block_signal();
	block_release_signals();
	if (signal)
		return SIGNALLED + signal;
	if (pid > 0 && !WIFEXITED(status))
		say_error("%s: the process that plays died: %s", who, strsignal(WTERMSIG(status)));
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_USAGE;
}
