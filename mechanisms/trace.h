/* SPDX-License-Identifier: MIT */
/* trace.h - leave to reach into another process, which the kernel gives as it does to a debugger
 * (ptrace(2), "Ptrace access mode checking"; Yama's part: Linux, admin-guide/LSM/Yama). */
#ifndef TRACE_H
#define TRACE_H

#include "toll.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61
#endif

/* Has this process CAP_SYS_PTRACE? */
static inline bool trace_may_all(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[0].effective >> CAP_SYS_PTRACE & 1) != 0;
}

/* 0 where there is no Yama. */
static inline int trace_scope(void)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = file ? fgetc(file) - '0' : 0;

	if (file)
		fclose(file);
	return scope;
}

/* Why a peer may not reach into another, its sibling of the same user; NULL: it may. With scope 1
 * it may since trace_allow() names it. */
static inline const char *trace_absent(const struct toll_channel *channel)
{
	if (channel->threads)
		return NULL;
	int scope = trace_scope();

	if (scope >= 3)
		return "Yama lets no process reach into another until the next boot (sysctl "
		       "kernel.yama.ptrace_scope is 3)";
	if (trace_may_all())
		return NULL;
	if (scope == 2)
		return "Yama lets only CAP_SYS_PTRACE reach into another process (sysctl "
		       "kernel.yama.ptrace_scope is 2; at 1 prctl(PR_SET_PTRACER), which is done "
		       "here, suffices)";
	if (prctl(PR_GET_DUMPABLE) != 1)
		return "these processes are not dumpable (prctl(PR_SET_DUMPABLE), sysctl "
		       "fs.suid_dumpable), so only CAP_SYS_PTRACE may reach into them";
	return NULL;
}

/* In a peer that is to be reached into: by descendants of the worker, which all peers are. A kernel
 * without Yama knows no such call and needs none. */
static inline void trace_allow(const struct toll_channel *channel)
{
	if (!channel->threads)
		prctl(PR_SET_PTRACER, (unsigned long)getppid());
}

#endif
