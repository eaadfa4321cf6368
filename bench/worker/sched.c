/* SPDX-License-Identifier: MIT */
/* sched.c - how peers are scheduled, and whether they hold their memory: tried in a child before
 * anything is measured, set by each peer, and read back. */
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

/* 0, or errno. By system call: not every C library has these, for they are the thread's alone. */
static int set(int policy, unsigned priority)
{
	const struct sched_param wanted = { .sched_priority = (int)priority };
	struct sched_param got = { .sched_priority = -1 };

	if (syscall(SYS_sched_setscheduler, 0, policy, &wanted) < 0)
		return errno;
	if (syscall(SYS_sched_getscheduler, 0) != policy ||
	    syscall(SYS_sched_getparam, 0, &got) < 0 || got.sched_priority != wanted.sched_priority)
		return EPROTO; /* it said yes, and did not do it */
	return 0;
}

static int set_above(int policy, unsigned priority)
{
	/* what is started from here begins as an ordinary process, and says itself what it is */
	return set(policy | SCHED_RESET_ON_FORK, priority + 1);
}

static void explain_sched(const struct wish *wish, int error, char *why, size_t bytes)
{
	const char *name = wish->policy == SCHED_FIFO ? "SCHED_FIFO"
			   : wish->policy == SCHED_RR ? "SCHED_RR"
						      : "this scheduling policy";
	struct rlimit limit = { 0 };
	unsigned wanted = wish->priority + 1;

	getrlimit(RLIMIT_RTPRIO, &limit);
	if (error == EPERM && is_realtime(wish->policy) && limit.rlim_cur < wanted && geteuid())
		snprintf(why, bytes,
			 "%s:%u is not permitted: RLIMIT_RTPRIO is %llu, and %u is needed (what "
			 "ends peers that hang runs one above them); ulimit -r %u, or CAP_SYS_NICE",
			 name, wish->priority, (unsigned long long)limit.rlim_cur, wanted, wanted);
	else if (error == EPERM && is_realtime(wish->policy))
		snprintf(
			why, bytes,
			"%s:%u is not permitted: CAP_SYS_NICE is missing, a sandbox forbids it, or "
			"the cgroup has no realtime (cpu.rt_runtime_us)",
			name, wish->priority);
	else
		snprintf(why, bytes, "%s: %s", name,
			 error == EPROTO ? "the kernel does not keep to it" : strerror(error));
}

/* With what this process has mapped, and so much more. MCL_ONFAULT: nothing need be brought in to
 * be told no. 0, or errno. */
static int lock_more(size_t more)
{
	void *room = mmap(NULL, more, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return room == MAP_FAILED || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? errno
											  : 0;
}

static void explain_lock(int error, size_t more, char *why, size_t bytes)
{
	struct rlimit limit = { 0 };
	unsigned long pages = 0;
	char line[128];
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fgets(line, sizeof(line), file))
		pages = strtoul(line, NULL, 10);
	if (file)
		fclose(file);
	getrlimit(RLIMIT_MEMLOCK, &limit);
	unsigned long long wanted =
		((unsigned long long)pages * (unsigned long)sysconf(_SC_PAGESIZE) + more) >> 10;

	if (error == EPERM || error == ENOMEM)
		snprintf(why, bytes,
			 "mlockall: a peer maps %llu KiB, and RLIMIT_MEMLOCK is %llu KiB (ulimit "
			 "-l %llu, or CAP_IPC_LOCK)",
			 wanted, (unsigned long long)limit.rlim_cur >> 10, wanted + wanted / 4);
	else
		snprintf(why, bytes, "mlockall: %s", strerror(error));
}

/* What a child that tries it ends with: 0, or errno. */
static int trial(const struct wish *wish, size_t more)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(more                        ? lock_more(more)
		      : is_realtime(wish->policy) ? set_above(wish->policy, wish->priority)
						  : set(wish->policy, 0));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* The same, asked once of cells alike. */
static int tried_once(const struct wish *wish, size_t more)
{
	char question[64], answer[16];

	snprintf(question, sizeof(question), "sched %d %u, %zu", wish->policy, wish->priority,
		 more);
	char **before = memo_of(question);

	if (before && *before)
		return (int)strtol(*before, NULL, 10);
	int error = trial(wish, more);

	snprintf(answer, sizeof(answer), "%d", error);
	if (before)
		*before = strdup(answer);
	return error;
}

bool sched_plan(const struct wish *wish, size_t memory, char *why, size_t bytes)
{
	int error = 0;

	if (wish->policy != SCHED_OTHER)
		error = tried_once(wish, 0);
	if (error) {
		explain_sched(wish, error, why, bytes);
		return false;
	}
	size_t more = sizeof(struct page) + memory;

	if (wish->locked)
		error = tried_once(wish, more);
	if (error)
		explain_lock(error, more, why, bytes);
	return error == 0;
}

bool sched_above(const struct wish *wish, char *why, size_t bytes)
{
	int error = is_realtime(wish->policy) ? set_above(wish->policy, wish->priority) : 0;

	if (error)
		explain_sched(wish, error, why, bytes);
	return error == 0;
}

bool sched_take(const struct wish *wish, char *why, size_t bytes)
{
	int error = wish->policy == SCHED_OTHER ? 0 : set(wish->policy, wish->priority);

	if (error)
		explain_sched(wish, error, why, bytes);
	return error == 0;
}

bool sched_lock(const struct wish *wish, char *why, size_t bytes)
{
	if (!wish->locked || mlockall(MCL_CURRENT | MCL_FUTURE) == 0)
		return true;
	explain_lock(errno, 0, why, bytes);
	return false;
}

bool sched_read(const char *text, struct wish *wish)
{
	static const struct {
		const char *name;
		int policy;
	} policies[] = { { "batch", SCHED_BATCH },
			 { "idle", SCHED_IDLE },
			 { "rr:", SCHED_RR },
			 { "fifo:", SCHED_FIFO } };

	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
		size_t len = strlen(policies[i].name);
		bool realtime = is_realtime(policies[i].policy);

		if (strncmp(text, policies[i].name, len) != 0 || (!realtime && text[len]))
			continue;
		wish->policy = policies[i].policy;
		wish->priority = realtime ? (unsigned)strtoul(text + len, NULL, 10) : 0;
		return !realtime || wish->priority > 0;
	}
	return false;
}
