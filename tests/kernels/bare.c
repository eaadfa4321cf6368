/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bare.c - ticks of a blocking round trip of 64 bytes by hand-written loops, to hold toll's figures
 * against. A line a way: its name, then the mean over a pair of processes' first and later
 * thousand. They differ: on 6.1 a pipe takes a fifth more once its pair has run for some 13 ms. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

enum { BYTES = 64, WARM = 20, COUNTED = 1000, SKIPPED = 1000 };
enum { ALL = WARM + COUNTED + SKIPPED + COUNTED };

/* One process's descriptors. */
struct ends {
	int in, out;
};

static int pass(struct ends ends, unsigned char message[BYTES])
{
	return write(ends.out, message, BYTES) == BYTES ? 0 : -1;
}

static int take(struct ends ends, unsigned char message[BYTES])
{
	return read(ends.in, message, BYTES) == BYTES ? 0 : -1;
}

static int answer(struct ends ends)
{
	unsigned char message[BYTES];

	for (unsigned i = 0; i < ALL; i++)
		if (take(ends, message) || pass(ends, message))
			return 1;
	return 0;
}

static int ask(struct ends ends, uint64_t at[ALL + 1])
{
	unsigned char message[BYTES] = { 0 };

	for (unsigned i = 0; i < ALL; i++) {
		at[i] = __rdtsc();
		if (pass(ends, message) || take(ends, message))
			return -1;
	}
	at[ALL] = __rdtsc();
	return 0;
}

static int measure(const char *name, struct ends mine, struct ends theirs)
{
	static uint64_t at[ALL + 1];
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(answer(theirs));
	if (pid < 0 || ask(mine, at) || waitpid(pid, &status, 0) != pid || status != 0) {
		printf("bare: %s: %s\n", name, strerror(errno));
		return 1;
	}
	printf("bare %s %.0f %.0f\n", name, (double)(at[WARM + COUNTED] - at[WARM]) / COUNTED,
	       (double)(at[ALL] - at[ALL - COUNTED]) / COUNTED);
	return 0;
}

int main(void)
{
	int there[2], back[2], sockets[2];

	if (pipe(there) || pipe(back) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)) {
		printf("bare: channels: %s\n", strerror(errno));
		return 1;
	}
	int failed = measure("pipe", (struct ends){ back[0], there[1] },
			     (struct ends){ there[0], back[1] });

	failed |= measure("unix-stream", (struct ends){ sockets[0], sockets[0] },
			  (struct ends){ sockets[1], sockets[1] });
	return failed;
}
