/* SPDX-License-Identifier: GPL-3.0-or-later */
/* refuse.c - refuse ERRNO FIRST LAST COMMAND…: runs a command under a seccomp filter that answers
 * the system calls of these numbers with an error, as a container's does (uring.bats). */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "refuse ERRNO FIRST LAST COMMAND…\n");
		return 4;
	}
	unsigned long error = strtoul(argv[1], NULL, 10), first = strtoul(argv[2], NULL, 10),
		      last = strtoul(argv[3], NULL, 10);
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (unsigned)first, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (unsigned)last, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		fprintf(stderr, "refuse: %s\n", strerror(errno));
		return 4;
	}
	execvp(argv[4], argv + 4);
	fprintf(stderr, "refuse: %s: %s\n", argv[4], strerror(errno));
	return 4;
}
