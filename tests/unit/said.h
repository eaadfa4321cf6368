/* SPDX-License-Identifier: GPL-3.0-or-later */
/* said.h - what say_error() wrote, for tests of messages. */
#ifndef SAID_H
#define SAID_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int said_fd = -1, said_kept = -1;

/* From here on standard error is remembered instead of shown. */
static inline void said_begin(void)
{
	fflush(stderr);
	said_kept = dup(STDERR_FILENO);
	said_fd = memfd_create("said", MFD_CLOEXEC);
	dup2(said_fd, STDERR_FILENO);
}

/* Shows it again; what was said meanwhile, until the next call. */
static inline const char *said_end(void)
{
	static char text[4096];
	fflush(stderr);
	ssize_t n = pread(said_fd, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	dup2(said_kept, STDERR_FILENO);
	close(said_kept);
	close(said_fd);
	return text;
}

#endif
