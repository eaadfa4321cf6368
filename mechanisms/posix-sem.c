/* SPDX-License-Identifier: MIT */
/* posix-sem.c - two process-shared POSIX semaphores (sem_overview(7)) around slots in shared
 * memory: the bounded buffer of Dijkstra (1965). One counts free slots, the other messages. Neither
 * calls the kernel unless somebody sleeps. Down acquires and up releases (POSIX, 4.12), so a slot
 * has been written, or read, before the other side has it. */
#include "slots.h"

#include <errno.h>
#include <semaphore.h>

struct toll_shared {
	sem_t free;
	char apart1[TOLL_LINE - sizeof(sem_t)];
	sem_t full;
	char apart2[TOLL_LINE - sizeof(sem_t)];
	unsigned char slots[];
};

struct toll_end {
	struct toll_shared *shared;
	struct slots slots;
	bool holds; /* the slot in turn has been counted down */
};

static size_t posix_sem_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) + slots_bytes(channel) : 0;
}

static int posix_sem_open(struct toll_channel *channel)
{
	enum { BETWEEN_PROCESSES = 1 };

	if (sem_init(&channel->shared->free, BETWEEN_PROCESSES, channel->depth) < 0)
		return -1;
	return sem_init(&channel->shared->full, BETWEEN_PROCESSES, 0);
}

static int posix_sem_attach(struct toll_end *end, const struct toll_channel *channel,
			    enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	slots_attach(&end->slots, channel, channel->shared->slots);
	return 0;
}

static void posix_sem_close(struct toll_channel *channel)
{
	sem_destroy(&channel->shared->free);
	sem_destroy(&channel->shared->full);
}

static TOLL_HOT bool posix_sem_down(struct toll_end *end, sem_t *count, unsigned how)
{
	if (end->holds)
		return true;
	if ((how & TOLL_SLEEP ? sem_wait(count) : sem_trywait(count)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			toll_fail("sem_wait");
		return false;
	}
	end->holds = true;
	return true;
}

static TOLL_HOT void posix_sem_up(struct toll_end *end, sem_t *count)
{
	end->holds = false;
	if (TOLL_UNLIKELY(sem_post(count) < 0))
		toll_fail("sem_post");
}

static TOLL_HOT void *posix_sem_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	return posix_sem_down(end, &end->shared->free, how) ? end->slots.slot->message : NULL;
}

static TOLL_HOT bool posix_sem_commit(struct toll_end *end, size_t len, unsigned how)
{
	(void)how;
	slots_put(&end->slots, len);
	posix_sem_up(end, &end->shared->full);
	return true;
}

static TOLL_HOT const void *posix_sem_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (!posix_sem_down(end, &end->shared->full, how))
		return NULL;
	*len = end->slots.slot->len;
	return end->slots.slot->message;
}

static TOLL_HOT void posix_sem_release(struct toll_end *end, unsigned how)
{
	(void)how;
	slots_next(&end->slots);
	posix_sem_up(end, &end->shared->free);
}

TOLL_MECHANISM(posix_sem, .name = "posix-sem",
	       .about = "shared slots between two process-shared POSIX semaphores",
	       .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1, .in_place = true,
	       .slots = true, .bytes = posix_sem_bytes, .open = posix_sem_open,
	       .attach = posix_sem_attach, .close = posix_sem_close, .reserve = posix_sem_reserve,
	       .commit = posix_sem_commit, .peek = posix_sem_peek, .release = posix_sem_release)
