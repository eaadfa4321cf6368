/* SPDX-License-Identifier: MIT */
/* mutex-cond.c - slots in shared memory whose counts change under a process-shared mutex, with a
 * condition variable for each side (pthread_cond_wait(3)). Who only looks needs no lock: the counts
 * are atomic. Neither waiting for the mutex nor for a condition ends with a signal, so both last at
 * most 10 ms at a time; a wake-up that is lost, or a lock that a dead or stopped peer holds, costs
 * no more than that.
 *
 * robust=yes: the kernel hands a mutex on whose holder died (EOWNERDEAD); the counts are right at
 * any time, so it is declared consistent. Condition variables are never robust. */
#include "slots.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct toll_shared {
	pthread_mutex_t lock;
	uint32_t put, taken; /* messages; written by producer, consumer, with the lock held */
	char apart1[TOLL_LINE - (sizeof(pthread_mutex_t) + 8) % TOLL_LINE];
	struct mutex_cond_line {
		pthread_cond_t cond;
		/* cppcheck-suppress unusedStructMember */
		char apart[TOLL_LINE - sizeof(pthread_cond_t)];
	} changed[2]; /* the count that producer, consumer waits for */
	unsigned char slots[];
};

struct toll_end {
	struct toll_shared *shared;
	struct slots slots;
	uint32_t next;  /* messages that this end has moved */
	uint32_t known; /* and how many it may move, as far as it knows */
	uint32_t depth;
};

static const struct toll_option mutex_cond_options[] = {
	{ "robust", "no", "no, yes", "whether the mutex survives a holder that dies" },
	{ 0 },
};

static size_t mutex_cond_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) + slots_bytes(channel) : 0;
}

/* There is no close(): pthread_cond_destroy() would wait for a peer that died while it waited. */
static int mutex_cond_open(struct toll_channel *channel)
{
	bool robust = strcmp(toll_value(channel, "robust"), "yes") == 0;
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	pthread_mutexattr_init(&mutex);
	pthread_condattr_init(&cond);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	if (robust)
		pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
	errno = pthread_mutex_init(&channel->shared->lock, &mutex);
	for (unsigned side = 0; side < 2 && errno == 0; side++)
		errno = pthread_cond_init(&channel->shared->changed[side].cond, &cond);
	return errno ? -1 : 0;
}

static int mutex_cond_attach(struct toll_end *end, const struct toll_channel *channel,
			     enum toll_side side, unsigned index, void *buf)
{
	(void)index, (void)buf;
	end->shared = channel->shared;
	end->depth = channel->depth;
	end->known = side == TOLL_PRODUCER ? channel->depth : 0;
	slots_attach(&end->slots, channel, channel->shared->slots);
	return 0;
}

static struct timespec mutex_cond_until(clockid_t clock)
{
	enum { AT_MOST_NS = 10000000, SECOND_NS = 1000000000 };
	struct timespec until;

	clock_gettime(clock, &until);
	until.tv_nsec += AT_MOST_NS;
	until.tv_sec += until.tv_nsec / SECOND_NS;
	until.tv_nsec %= SECOND_NS;
	return until;
}

/* The lock was not free at once. CLOCK_REALTIME, for which ThreadSanitizer knows the call. */
static __attribute__((noinline)) bool mutex_cond_contend(struct toll_shared *shared, int error,
							 unsigned how)
{
	if (error == EBUSY && how != 0) {
		struct timespec until = mutex_cond_until(CLOCK_REALTIME);

		error = pthread_mutex_timedlock(&shared->lock, &until);
	}
	if (error == EOWNERDEAD)
		error = pthread_mutex_consistent(&shared->lock);
	if (error == EBUSY || error == ETIMEDOUT)
		return false;
	if (error != 0) {
		errno = error;
		toll_fail("pthread_mutex_lock");
	}
	return true;
}

/* false: somebody else holds it, and if this call may sleep has done so for 10 ms. */
static TOLL_HOT bool mutex_cond_lock(struct toll_shared *shared, unsigned how)
{
	int error = pthread_mutex_trylock(&shared->lock);

	return TOLL_LIKELY(error == 0) || mutex_cond_contend(shared, error, how);
}

/* Sleeps while *count == seen. */
static inline void mutex_cond_sleep(struct toll_shared *shared, unsigned side,
				    const uint32_t *count, uint32_t seen)
{
	if (!mutex_cond_lock(shared, TOLL_SLEEP))
		return;
	struct timespec until = mutex_cond_until(CLOCK_MONOTONIC);
	int error = 0;

	/* relaxed: read again, with acquire, before anything is done about it */
	if (__atomic_load_n(count, __ATOMIC_RELAXED) == seen)
		error = pthread_cond_clockwait(&shared->changed[side].cond, &shared->lock,
					       CLOCK_MONOTONIC, &until);
	if (error == EOWNERDEAD)
		pthread_mutex_consistent(&shared->lock);
	pthread_mutex_unlock(&shared->lock);
}

static TOLL_HOT void *mutex_cond_reserve(struct toll_end *end, size_t len, unsigned how)
{
	uint32_t *taken = &end->shared->taken;

	(void)len;
	if (TOLL_UNLIKELY(end->next == end->known)) {
		uint32_t seen = end->known - end->depth;

		if (how & TOLL_SLEEP)
			mutex_cond_sleep(end->shared, 0, taken, seen);
		/* acquire: the consumer has read what it gives back */
		end->known = __atomic_load_n(taken, __ATOMIC_ACQUIRE) + end->depth;
		if (end->next == end->known)
			return NULL;
	}
	return end->slots.slot->message;
}

static TOLL_HOT bool mutex_cond_commit(struct toll_end *end, size_t len, unsigned how)
{
	struct toll_shared *shared = end->shared;

	if (!mutex_cond_lock(shared, how))
		return false;
	slots_put(&end->slots, len);
	/* release: for those who look without the lock, the message is there first */
	__atomic_store_n(&shared->put, ++end->next, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&shared->lock);
	if (how & TOLL_WAKE)
		pthread_cond_signal(&shared->changed[1].cond);
	return true;
}

static TOLL_HOT const void *mutex_cond_peek(struct toll_end *end, size_t *len, unsigned how)
{
	uint32_t *put = &end->shared->put;

	if (TOLL_UNLIKELY(end->next == end->known)) {
		if (how & TOLL_SLEEP)
			mutex_cond_sleep(end->shared, 1, put, end->known);
		/* acquire: pairs with the release of mutex_cond_commit() */
		end->known = __atomic_load_n(put, __ATOMIC_ACQUIRE);
		if (end->next == end->known)
			return NULL;
	}
	*len = end->slots.slot->len;
	return end->slots.slot->message;
}

static TOLL_HOT void mutex_cond_release(struct toll_end *end, unsigned how)
{
	struct toll_shared *shared = end->shared;
	bool locked = mutex_cond_lock(shared, how);

	slots_next(&end->slots);
	/* release: the slot has been read. Without the lock it is as right, since nobody else
	 * writes the count: only the wake-up may be missed, and a sleep lasts 10 ms. */
	__atomic_store_n(&shared->taken, ++end->next, __ATOMIC_RELEASE);
	if (locked)
		pthread_mutex_unlock(&shared->lock);
	if (how & TOLL_WAKE)
		pthread_cond_signal(&shared->changed[0].cond);
}

TOLL_MECHANISM(mutex_cond, .name = "mutex-cond",
	       .about = "shared slots under a process-shared mutex and condition variables",
	       .options = mutex_cond_options, .waits = TOLL_ANY_WAIT, .producers = 1,
	       .consumers = 1, .in_place = true, .slots = true, .bytes = mutex_cond_bytes,
	       .open = mutex_cond_open, .attach = mutex_cond_attach, .reserve = mutex_cond_reserve,
	       .commit = mutex_cond_commit, .peek = mutex_cond_peek, .release = mutex_cond_release)
