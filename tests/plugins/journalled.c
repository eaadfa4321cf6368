/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journalled.c - a pipe beside a kernel object that outlives its processes, for the tests of what a
 * killed run leaves behind. */
#include "toll.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

struct toll_shared {
	int fd[2];
	int object;    /* System V identifier */
	char name[96]; /* of the object; "" until it is made */
};

struct toll_end {
	int fd;
	unsigned char *buf;
};

static const struct toll_option journalled_options[] = {
	{ "kind", "shm", "shm, mqueue, file, sysv-shm, sysv-msg, sysv-sem", "what lies beside" },
	{ 0 },
};

static size_t journalled_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : channel->most;
}

/* Makes the object that the journal knows of; -1 with errno. */
static int make(struct toll_shared *shared, const char *kind, key_t key)
{
	enum { RIGHTS = 0600, MAKE = IPC_CREAT | IPC_EXCL | RIGHTS };
	int fd;

	if (strcmp(kind, "sysv-shm") == 0)
		return shared->object = shmget(key, 4096, MAKE);
	if (strcmp(kind, "sysv-msg") == 0)
		return shared->object = msgget(key, MAKE);
	if (strcmp(kind, "sysv-sem") == 0)
		return shared->object = semget(key, 1, MAKE);
	if (strcmp(kind, "file") == 0)
		return mkfifo(shared->name, RIGHTS);
	if (strcmp(kind, "mqueue") == 0)
		fd = mq_open(shared->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, RIGHTS, NULL);
	else
		fd = shm_open(shared->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, RIGHTS);
	return fd < 0 ? -1 : close(fd);
}

static int journalled_open(struct toll_channel *channel)
{
	const char *kind = toll_value(channel, "kind");
	struct toll_shared *shared = channel->shared;
	char id[sizeof(shared->name)];
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -1;
	if (strncmp(kind, "sysv-", 5) == 0)
		snprintf(id, sizeof(id), "%x", number | 1);
	else
		snprintf(id, sizeof(id), "%s/toll-journalled-%x",
			 strcmp(kind, "file") == 0 ? "/tmp" : "", number);
	if (pipe2(shared->fd, O_CLOEXEC) < 0 || toll_journal(kind, id) < 0)
		return -1;
	memcpy(shared->name, id, sizeof(id));
	return make(shared, kind, (key_t)(number | 1)) < 0 ? -1 : 0;
}

static void journalled_close(struct toll_channel *channel)
{
	const char *kind = toll_value(channel, "kind");
	const struct toll_shared *shared = channel->shared;

	close(shared->fd[0]);
	close(shared->fd[1]);
	if (strcmp(kind, "sysv-shm") == 0)
		shmctl(shared->object, IPC_RMID, NULL);
	else if (strcmp(kind, "sysv-msg") == 0)
		msgctl(shared->object, IPC_RMID, NULL);
	else if (strcmp(kind, "sysv-sem") == 0)
		semctl(shared->object, 0, IPC_RMID);
	else if (strcmp(kind, "file") == 0)
		unlink(shared->name);
	else if (strcmp(kind, "mqueue") == 0)
		mq_unlink(shared->name);
	else
		shm_unlink(shared->name);
}

static int journalled_attach(struct toll_end *end, const struct toll_channel *channel,
			     enum toll_side side, unsigned index, void *buf)
{
	(void)index;
	end->buf = buf;
	end->fd = channel->shared->fd[side == TOLL_PRODUCER];
	return 0;
}

static TOLL_HOT void *journalled_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->buf;
}

/* At most PIPE_BUF bytes: all of them or none. */
static TOLL_HOT bool journalled_commit(struct toll_end *end, size_t len, unsigned how)
{
	(void)how;
	if (write(end->fd, end->buf, len) == (ssize_t)len)
		return true;
	if (errno != EINTR)
		toll_fail("write");
	return false;
}

static TOLL_HOT const void *journalled_peek(struct toll_end *end, size_t *len, unsigned how)
{
	(void)how;
	return read(end->fd, end->buf, *len) == (ssize_t)*len ? end->buf : NULL;
}

static TOLL_HOT void journalled_release(struct toll_end *end, unsigned how)
{
	(void)end, (void)how;
}

static size_t journalled_most(const struct toll_channel *channel)
{
	(void)channel;
	return 4096;
}

TOLL_MECHANISM(journalled, .name = "journalled", .about = "a pipe and an object that has a name",
	       .options = journalled_options, .waits = TOLL_BLOCK, .producers = 1, .consumers = 1,
	       .bytes_only = true, .most_bytes = journalled_most, .bytes = journalled_bytes,
	       .open = journalled_open, .attach = journalled_attach, .close = journalled_close,
	       .reserve = journalled_reserve, .commit = journalled_commit, .peek = journalled_peek,
	       .release = journalled_release)
