/* SPDX-License-Identifier: MIT */
/* sysv-sem.c - two System V semaphores (sysvipc(7)) around slots in shared memory: one counts free
 * slots, the other messages. Each step is a system call, whose lock orders what was written to the
 * slots.
 *
 * undo=yes asks the kernel to take back what a process that dies has done (SEM_UNDO). That is meant
 * for locks; of a count that one process lowers and the other raises the kernel's note grows with
 * each message and ends at 32767 (ERANGE). So every 16384 messages a call with two operations that
 * cancel each other in the count, but not in the note, brings the note back to 0. */
#include "random_name.h"
#include "slots.h"

#include <sys/ipc.h>
#include <sys/sem.h>

/* ThreadSanitizer does not know that semop() orders. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define SYSV_SEM_RELEASES(count) __tsan_release(count)
#define SYSV_SEM_ACQUIRED(count) __tsan_acquire(count)
#else
#define SYSV_SEM_RELEASES(count)
#define SYSV_SEM_ACQUIRED(count)
#endif

enum sysv_sem_count { SYSV_SEM_FREE, SYSV_SEM_FULL, SYSV_SEM_COUNTS };
enum { SYSV_SEM_MOST = 32767, SYSV_SEM_SETTLE = 16384 }; /* of a count; messages */

struct toll_shared {
	int set;
	char counts[SYSV_SEM_COUNTS]; /* stand for the counts, which are the kernel's */
	unsigned char slots[] __attribute__((aligned(TOLL_LINE)));
};

struct toll_end {
	struct slots slots;
	struct toll_shared *shared;
	int set;
	bool holds;  /* the slot in turn has been counted down */
	short noted; /* messages since the kernel's notes were 0 */
};

static const struct toll_option sysv_sem_options[] = {
	{ "undo", "no", "no, yes",
	  "whether the kernel notes what to take back at a death (SEM_UNDO)" },
	{ 0 },
};

static const char *sysv_sem_absent(const struct toll_channel *channel)
{
	struct seminfo limits;

	(void)channel;
	return semctl(0, 0, IPC_INFO, &limits) < 0 ? "this kernel has no System V semaphores"
						   : NULL;
}

static size_t sysv_sem_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) + slots_bytes(channel) : 0;
}

static int sysv_sem_open(struct toll_channel *channel)
{
	unsigned short counts[SYSV_SEM_COUNTS] = { [SYSV_SEM_FREE] =
							   (unsigned short)channel->depth };
	key_t key = random_key("sysv-sem");
	int set = key == 0 ? -1 : semget(key, SYSV_SEM_COUNTS, IPC_CREAT | IPC_EXCL | 0600);

	channel->shared->set = set;
	if (set < 0 || semctl(set, 0, SETALL, counts) == 0)
		return set < 0 ? -1 : 0;
	semctl(set, 0, IPC_RMID);
	return -1;
}

static int sysv_sem_attach(struct toll_end *end, const struct toll_channel *channel,
			   enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	end->set = channel->shared->set;
	slots_attach(&end->slots, channel, channel->shared->slots);
	return 0;
}

static void sysv_sem_close(struct toll_channel *channel)
{
	semctl(channel->shared->set, 0, IPC_RMID);
}

static TOLL_CALLED bool sysv_sem_step(struct toll_end *end, enum sysv_sem_count count, short by,
				      int flags)
{
	struct sembuf step = { .sem_num = (unsigned short)count,
			       .sem_op = by,
			       .sem_flg = (short)flags };

	if (TOLL_LIKELY(semop(end->set, &step, 1) == 0))
		return true;
	if (errno != EAGAIN && errno != EINTR)
		toll_fail("semop");
	return false;
}

static TOLL_HOT bool sysv_sem_down(struct toll_end *end, enum sysv_sem_count count, unsigned how,
				   int undo)
{
	if (!end->holds) {
		end->holds =
			sysv_sem_step(end, count, -1, undo | (how & TOLL_SLEEP ? 0 : IPC_NOWAIT));
		SYSV_SEM_ACQUIRED(&end->shared->counts[count]);
	}
	return end->holds;
}

static TOLL_HOT void sysv_sem_up(struct toll_end *end, enum sysv_sem_count count, int undo)
{
	end->holds = false;
	SYSV_SEM_RELEASES(&end->shared->counts[count]);
	/* it never waits: at most depth together */
	while (!sysv_sem_step(end, count, 1, undo))
		;
}

/* Brings the kernel's notes for this process back by SYSV_SEM_SETTLE: of the count that it lowers,
 * then of the one that it raises. What is noted goes first where it raises the count, else last, so
 * that neither waits. */
static TOLL_CALLED void sysv_sem_settle(struct toll_end *end, enum sysv_sem_count lowers,
					enum sysv_sem_count raises)
{
	struct sembuf steps[] = {
		{ (unsigned short)lowers, SYSV_SEM_SETTLE, SEM_UNDO },
		{ (unsigned short)lowers, -SYSV_SEM_SETTLE, 0 },
		{ (unsigned short)raises, SYSV_SEM_SETTLE, 0 },
		{ (unsigned short)raises, -SYSV_SEM_SETTLE, SEM_UNDO },
	};

	if (semop(end->set, steps, 4) < 0)
		toll_fail("semop");
	end->noted = 0;
}

static TOLL_HOT void *sysv_sem_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	return sysv_sem_down(end, SYSV_SEM_FREE, how, 0) ? end->slots.slot->message : NULL;
}

static TOLL_HOT bool sysv_sem_commit(struct toll_end *end, size_t len, unsigned how)
{
	(void)how;
	slots_put(&end->slots, len);
	sysv_sem_up(end, SYSV_SEM_FULL, 0);
	return true;
}

static TOLL_HOT const void *sysv_sem_there(const struct toll_end *end, size_t *len)
{
	*len = end->slots.slot->len;
	return end->slots.slot->message;
}

static TOLL_HOT const void *sysv_sem_peek(struct toll_end *end, size_t *len, unsigned how)
{
	return sysv_sem_down(end, SYSV_SEM_FULL, how, 0) ? sysv_sem_there(end, len) : NULL;
}

static TOLL_HOT void sysv_sem_release(struct toll_end *end, unsigned how)
{
	(void)how;
	slots_next(&end->slots);
	sysv_sem_up(end, SYSV_SEM_FREE, 0);
}

static TOLL_HOT void *sysv_sem_reserve_undo(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	return sysv_sem_down(end, SYSV_SEM_FREE, how, SEM_UNDO) ? end->slots.slot->message : NULL;
}

static TOLL_HOT bool sysv_sem_commit_undo(struct toll_end *end, size_t len, unsigned how)
{
	(void)how;
	slots_put(&end->slots, len);
	sysv_sem_up(end, SYSV_SEM_FULL, SEM_UNDO);
	if (TOLL_UNLIKELY(++end->noted == SYSV_SEM_SETTLE))
		sysv_sem_settle(end, SYSV_SEM_FREE, SYSV_SEM_FULL);
	return true;
}

static TOLL_HOT const void *sysv_sem_peek_undo(struct toll_end *end, size_t *len, unsigned how)
{
	return sysv_sem_down(end, SYSV_SEM_FULL, how, SEM_UNDO) ? sysv_sem_there(end, len) : NULL;
}

static TOLL_HOT void sysv_sem_release_undo(struct toll_end *end, unsigned how)
{
	(void)how;
	slots_next(&end->slots);
	sysv_sem_up(end, SYSV_SEM_FREE, SEM_UNDO);
	if (TOLL_UNLIKELY(++end->noted == SYSV_SEM_SETTLE))
		sysv_sem_settle(end, SYSV_SEM_FULL, SYSV_SEM_FREE);
}

#define SYSV_SEM                                                                                   \
	.name = "sysv-sem", .about = "shared slots between two System V semaphores",               \
	.waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1, .in_place = true, .slots = true,   \
	.absent = sysv_sem_absent, .options = sysv_sem_options, .bytes = sysv_sem_bytes,           \
	.open = sysv_sem_open, .attach = sysv_sem_attach, .close = sysv_sem_close

TOLL_MECHANISM(sysv_sem, SYSV_SEM, .when = "undo=no", .most_depth = SYSV_SEM_MOST,
	       .reserve = sysv_sem_reserve, .commit = sysv_sem_commit, .peek = sysv_sem_peek,
	       .release = sysv_sem_release)
TOLL_MECHANISM(sysv_sem_undo, SYSV_SEM, .when = "undo=yes",
	       .most_depth = SYSV_SEM_MOST - SYSV_SEM_SETTLE, .reserve = sysv_sem_reserve_undo,
	       .commit = sysv_sem_commit_undo, .peek = sysv_sem_peek_undo,
	       .release = sysv_sem_release_undo)
