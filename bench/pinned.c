/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pinned.c - children that run a function each, on a CPU each, and end. */
#include "pinned.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "block.h"
#include "say.h"

enum { NOT_BOUND = 9 };
static const double HANG_S = 20;

/* A child's first steps: it dies with its parent, and runs on its CPU. */
static bool settle(int cpu, pid_t parent)
{
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return false;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return getppid() == parent && sched_setaffinity(0, sizeof(set), &set) == 0;
}

static void close_range_of(unsigned first, unsigned last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	for (unsigned fd = first; fd <= last && fd < FD_SETSIZE; fd++)
		close((int)fd);
}

/* On a busy CPU a child may outlive a toll that was killed: the result's lock must not stay with
 * it. */
static void close_all_but(const int keep[2])
{
	unsigned a = keep[0] > 2 ? (unsigned)keep[0] : 2, b = keep[1] > 2 ? (unsigned)keep[1] : 2;
	unsigned low = a < b ? a : b, high = a < b ? b : a;

	close_range_of(3, low - 1);
	close_range_of(low + 1, high - 1);
	close_range_of(high + 1, ~0U);
}

static _Noreturn void child(const struct pinned *job, pid_t parent)
{
	close_all_but(job->keep);
	if (!settle(job->cpu, parent))
		_exit(NOT_BOUND);
	job->run(job->context);
	_exit(0);
}

static pid_t begin(const struct pinned *job)
{
	pid_t parent = getpid(), pid = job->run ? fork() : pinned_awake(job->cpu);

	if (pid == 0 && job->run)
		child(job, parent);
	return pid;
}

pid_t pinned_awake(int cpu)
{
	pid_t parent = getpid(), pid = fork();
	struct sched_param param = { 0 };

	if (pid != 0)
		return pid;
	close_all_but((const int[2]){ 0 });
	if (!settle(cpu, parent) || sched_setscheduler(0, SCHED_IDLE, &param) < 0)
		_exit(NOT_BOUND);
	for (;;)
		__asm__ volatile("" ::: "memory");
}

/* Sleeps until the child ends or a signal comes; on old kernels, for a moment. */
static void wait_for(int pidfd)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };
	struct timespec moment = { .tv_nsec = 50000000 }, second = { .tv_sec = 1 };
	sigset_t none;

	sigemptyset(&none);
	ppoll(&fd, pidfd >= 0 ? 1 : 0, pidfd >= 0 ? &second : &moment, &none);
}

/* Waits for a child; *pid is 0 when it is no more. 0, 1 interrupted, −1 after say_error(). */
static int await(pid_t *pid, const struct pinned *job, double deadline)
{
	int status = -1, pidfd = (int)syscall(SYS_pidfd_open, *pid, 0), result = 0;
	pid_t ended = 0;

	while (result == 0 && (ended = waitpid(*pid, &status, WNOHANG)) == 0) {
		if (block_signal()) {
			result = 1;
		} else if (block_now_s() > deadline) {
			say_error("CPU %d: what was to run there has not ended", job->cpu);
			result = -1;
		} else {
			wait_for(pidfd);
		}
	}
	if (pidfd >= 0)
		close(pidfd);
	if (result)
		return result;
	*pid = 0;
	if (ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == NOT_BOUND)
		say_error("CPU %d is not to be had for this process; toll list placements",
			  job->cpu);
	else
		say_error("CPU %d: what was to run there has died", job->cpu);
	return -1;
}

int pinned_run(const struct pinned jobs[], unsigned n)
{
	pid_t pid[PINNED_MOST] = { 0 };
	double deadline = block_now_s() + HANG_S;
	int result = 0;

	if (n > PINNED_MOST)
		n = PINNED_MOST;
	for (unsigned i = 0; i < n && result == 0; i++) {
		pid[i] = begin(&jobs[i]);
		if (pid[i] < 0) {
			say_error("starting a process: %s", strerror(errno));
			result = -1;
		}
	}
	for (unsigned i = 0; i < n && result == 0; i++) {
		if (jobs[i].run)
			result = await(&pid[i], &jobs[i], deadline);
	}
	for (unsigned i = 0; i < n; i++) {
		if (pid[i] <= 0)
			continue;
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	return result;
}

void *pinned_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	say_error("memory to share with a child: %s", strerror(errno));
	return NULL;
}

void pinned_free(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}
