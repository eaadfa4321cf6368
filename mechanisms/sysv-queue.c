/* SPDX-License-Identifier: MIT */
/* sysv-queue.c - a System V message queue (sysvipc(7)): the kernel keeps the messages apart. One
 * system call each way, whether it may sleep or not; a signal ends one that sleeps. */
#include "random_name.h"

#include <sys/ipc.h>
#include <sys/msg.h>

struct toll_shared {
	int queue;
};

struct sysv_queue_message { /* msgbuf of msgop(2) */
	long type;
	unsigned char text[];
};

struct toll_end {
	int queue;
	size_t most, there; /* longest message; bytes of the one in hand */
	bool holds;
	struct sysv_queue_message *message;
};

static const struct toll_option sysv_queue_options[] = {
	{ "capacity", "auto", "auto, 1K … /proc/sys/kernel/msgmnb",
	  "bytes the kernel holds (msg_qbytes), with CAP_SYS_RESOURCE beyond msgmnb; auto: "
	  "msgmnb" },
	{ 0 },
};

/* Limits of this IPC namespace, as sysctl sets them: false without System V IPC. */
static bool sysv_queue_limits(struct msginfo *limits)
{
	return msgctl(0, IPC_INFO, (struct msqid_ds *)(void *)limits) >= 0;
}

/* Bytes asked for, 0 for all there may be. */
static uint64_t sysv_queue_capacity(const struct toll_channel *channel)
{
	return toll_value_size(channel, "capacity");
}

static size_t sysv_queue_most(const struct toll_channel *channel)
{
	uint64_t capacity = sysv_queue_capacity(channel), most;
	struct msginfo limits;

	if (!sysv_queue_limits(&limits))
		return 0;
	most = capacity > 0 ? capacity : (uint64_t)limits.msgmnb;
	return most < (uint64_t)limits.msgmax ? most : (uint64_t)limits.msgmax;
}

static size_t sysv_queue_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared)
				     : sizeof(struct sysv_queue_message) + channel->most;
}

static int sysv_queue_open(struct toll_channel *channel)
{
	uint64_t capacity = sysv_queue_capacity(channel);
	struct msqid_ds status;
	key_t key = random_key("sysv-msg");
	int queue = key == 0 ? -1 : msgget(key, IPC_CREAT | IPC_EXCL | 0600);

	channel->shared->queue = queue;
	if (queue < 0 || capacity == 0)
		return queue < 0 ? -1 : 0;
	if (msgctl(queue, IPC_STAT, &status) == 0) {
		status.msg_qbytes = capacity;
		if (msgctl(queue, IPC_SET, &status) == 0)
			return 0;
	}
	int error = errno;

	msgctl(queue, IPC_RMID, NULL);
	errno = error;
	return -1;
}

static void sysv_queue_close(struct toll_channel *channel)
{
	msgctl(channel->shared->queue, IPC_RMID, NULL);
}

static const char *sysv_queue_absent(const struct toll_channel *channel)
{
	uint64_t capacity = sysv_queue_capacity(channel);
	struct toll_shared shared;
	struct toll_channel trial = *channel;
	struct msginfo limits;

	if (!sysv_queue_limits(&limits))
		return "this kernel has no System V message queues";
	if (strcmp(toll_value(channel, "capacity"), "auto") != 0 && capacity == 0)
		return "capacity takes auto or bytes, 1 or more";
	if (capacity <= (uint64_t)limits.msgmnb)
		return NULL;
	trial.shared = &shared;
	if (sysv_queue_open(&trial) < 0)
		return errno == EPERM ? "capacity= is more than a queue may hold (sysctl "
					"kernel.msgmnb), which only CAP_SYS_RESOURCE passes"
				      : "no queue of this capacity= is to be had (sysctl "
					"kernel.msgmni bounds their number)";
	sysv_queue_close(&trial);
	return NULL;
}

static int sysv_queue_attach(struct toll_end *end, const struct toll_channel *channel,
			     enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index;
	end->queue = channel->shared->queue;
	end->most = channel->most;
	end->message = buf;
	end->message->type = 1; /* msgsnd() takes any but 0 */
	return 0;
}

static TOLL_HOT void *sysv_queue_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->message->text;
}

static TOLL_HOT bool sysv_queue_commit(struct toll_end *end, size_t len, unsigned how)
{
	if (TOLL_LIKELY(msgsnd(end->queue, end->message, len, how & TOLL_SLEEP ? 0 : IPC_NOWAIT) ==
			0))
		return true;
	if (errno != EAGAIN && errno != EINTR)
		toll_fail("msgsnd");
	return false;
}

static TOLL_HOT const void *sysv_queue_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (!end->holds) {
		ssize_t n = msgrcv(end->queue, end->message, end->most, 0,
				   how & TOLL_SLEEP ? 0 : IPC_NOWAIT);

		if (TOLL_UNLIKELY(n < 0)) {
			if (errno != ENOMSG && errno != EINTR)
				toll_fail("msgrcv");
			return NULL;
		}
		end->there = (size_t)n;
		end->holds = true;
	}
	*len = end->there;
	return end->message->text;
}

static TOLL_HOT void sysv_queue_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->holds = false;
}

TOLL_MECHANISM(sysv_queue, .name = "sysv-queue",
	       .about = "System V message queue: the kernel keeps messages apart",
	       .options = sysv_queue_options, .waits = TOLL_ANY_WAIT, .absent = sysv_queue_absent,
	       .most_bytes = sysv_queue_most,
	       .raise = "capacity= where it is given; sysctl kernel.msgmax, kernel.msgmnb",
	       .bytes = sysv_queue_bytes, .open = sysv_queue_open, .attach = sysv_queue_attach,
	       .close = sysv_queue_close, .reserve = sysv_queue_reserve,
	       .commit = sysv_queue_commit, .peek = sysv_queue_peek, .release = sysv_queue_release)
