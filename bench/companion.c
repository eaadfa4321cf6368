/* SPDX-License-Identifier: GPL-3.0-or-later */
/* companion.c - a command that runs beside a cell, a profiler as a rule. */
#include "companion.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "block.h"
#include "say.h"

enum { NOT_STARTED = 127, DEEPEST = 16, LIST = CELL_MOST_PEERS * 12 + 1 };
static const double PATIENCE_S = 30;

/* ---- starting ---- */

static bool is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

/* As execvp(3) looks for it; a typing mistake is not to show after half a minute of measuring. */
bool companion_exists(const struct companion *companion)
{
	const char *name = companion->command ? companion->command[0] : NULL, *at = getenv("PATH");
	bool there = !name || !at || (strchr(name, '/') && is_program(name));

	while (!there && at && *at && !strchr(name, '/')) {
		char path[PATH_MAX];
		size_t length = strcspn(at, ":");

		there = snprintf(path, sizeof path, "%.*s/%s", (int)length, length ? at : ".",
				 name) < (int)sizeof path &&
			is_program(path);
		at += length + (at[length] == ':');
	}
	if (!there)
		say_error("one: there is no program %s to run beside the cell", name);
	return there;
}

/* The process that a thread is of; the thread's own id where the kernel does not say. */
static int process_of(int id)
{
	char path[64], line[256];
	int process = id;

	snprintf(path, sizeof path, "/proc/%d/status", id);
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, "Tgid:", 5) == 0)
			process = (int)strtol(line + 5, NULL, 10);
	if (file)
		fclose(file);
	return process;
}

static void list_ids(const int ids[], size_t count, char list[LIST])
{
	size_t used = 0;

	list[0] = '\0';
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(list + used, LIST - used, "%s%d", i ? "," : "", ids[i]);
}

/* Each once: perf(1) takes all threads of a process, and twice if it is told so. */
static void list_processes(const int ids[], size_t count, char list[LIST])
{
	int processes[CELL_MOST_PEERS];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		int process = process_of(ids[i]);
		bool before = false;

		for (size_t k = 0; k < n; k++)
			before = before || processes[k] == process;
		if (!before)
			processes[n++] = process;
	}
	list_ids(processes, n, list);
}

static _Noreturn void become(const struct companion *companion, char *argv[], const char *pids,
			     const char *tids, pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGINT);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* what toll ignores, a program does not expect to be ignored */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	/* which ends it, and which whoever started toll in the background has it ignore */
	signal(SIGINT, SIG_DFL);
	setenv("TOLL_PIDS", pids, 1);
	setenv("TOLL_TIDS", tids, 1);
	if (getppid() == parent &&
	    (!companion->silent || dup2(STDERR_FILENO, STDOUT_FILENO) == STDOUT_FILENO))
		execvp(argv[0], argv);
	fprintf(stderr, "toll: %s: %s\n", argv[0], strerror(errno));
	_exit(NOT_STARTED);
}

void companion_start(const int ids[], size_t count, void *context)
{
	struct companion *companion = context;
	static char pid_option[] = "-p";
	char tids[LIST], pids[LIST];
	size_t words = 0;

	if (!companion->command)
		return;
	list_ids(ids, count, tids);
	list_processes(ids, count, pids);
	while (companion->command[words])
		words++;
	char **argv = calloc(words + 3, sizeof *argv);
	pid_t parent = getpid(), pid = argv ? fork() : -1;

	if (pid == 0) {
		memcpy(argv, companion->command, words * sizeof *argv);
		argv[words] = pid_option;
		argv[words + 1] = pids;
		become(companion, argv, pids, tids, parent);
	}
	if (pid < 0)
		snprintf(companion->failed, sizeof companion->failed, "%.80s was not started: %s",
			 companion->command[0], strerror(errno));
	companion->pid = pid > 0 ? pid : 0;
	free(argv);
}

/* ---- ending ---- */

/* Takes a Ctrl-C that waits, after it is noted: toll keeps them blocked but where it waits itself.
 */
static bool take_interrupt(void)
{
	const struct timespec at_once = { 0 };
	sigset_t endings;

	block_signal();
	sigemptyset(&endings);
	sigaddset(&endings, SIGINT);
	sigaddset(&endings, SIGTERM);
	sigaddset(&endings, SIGHUP);
	return sigtimedwait(&endings, NULL, &at_once) > 0;
}

/* A process with its children and theirs, so that what a shell runs is ended with it. Not by a
 * process group: one that is not the terminal's could ask nobody for a password. A kernel without
 * lists of children ends it alone. */
static void signal_tree(pid_t pid, int signal, unsigned depth)
{
	char text[4096];
	size_t length = 0;

	snprintf(text, sizeof text, "/proc/%ld/task/%ld/children", (long)pid, (long)pid);
	FILE *file = depth < DEEPEST ? fopen(text, "re") : NULL;

	if (file) {
		length = fread(text, 1, sizeof text - 1, file);
		fclose(file);
	}
	text[length] = '\0';
	long child;
	for (char *at = text, *end; (child = strtol(at, &end, 10)) > 1; at = end)
		signal_tree((pid_t)child, signal, depth + 1);
	kill(pid, signal);
}

static void judge(struct companion *companion, int status, bool interrupted)
{
	const char *name = companion->command[0];
	char *text = companion->failed;

	if (WIFSIGNALED(status) && !(interrupted && WTERMSIG(status) == SIGINT))
		snprintf(text, sizeof companion->failed, "%.80s was ended by a signal: %s", name,
			 strsignal(WTERMSIG(status)));
	/* a shell's way of saying that it was SIGINT */
	else if (WIFEXITED(status) && WEXITSTATUS(status) &&
		 !(interrupted && WEXITSTATUS(status) == 128 + SIGINT))
		snprintf(text, sizeof companion->failed, "%.80s ended with status %d", name,
			 WEXITSTATUS(status));
}

void companion_end(struct companion *companion)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	bool interrupted = false, killed = false;
	int status = 0;
	pid_t ended;

	if (!companion->pid)
		return;
	take_interrupt(); /* that ended the cell */
	double since = block_now_s();

	while ((ended = waitpid(companion->pid, &status, WNOHANG)) == 0) {
		if (!interrupted)
			signal_tree(companion->pid, SIGINT, 0);
		interrupted = true;
		if (!killed && (take_interrupt() || block_now_s() - since > PATIENCE_S)) {
			signal_tree(companion->pid, SIGKILL, 0);
			killed = true;
		}
		nanosleep(&moment, NULL);
	}
	companion->pid = 0;
	if (killed)
		snprintf(companion->failed, sizeof companion->failed,
			 "%.80s went on after SIGINT and was killed", companion->command[0]);
	else if (ended > 0)
		judge(companion, status, interrupted);
}
