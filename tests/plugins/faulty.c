/* SPDX-License-Identifier: MIT */
/* faulty.c - a mechanism that breaks one promise, chosen by fault=: conformance must find it out.
 * What goes wrong does so at one message of each turn's end, or at once. */
#include "toll.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOTS = 8, AT = 50 /* the message that fares ill */ };

struct toll_shared {
	uint32_t sent, taken; /* written by the producer, by the consumer */
	uint32_t len[SLOTS];
	unsigned char slots[];
};

enum fault {
	NONE,
	DROP,
	DOUBLE,
	REORDER,
	FLIP,
	SHORTEN,
	OVERRUN,
	WAKEFUL,
	DEAF,
	NEVER,
	CRASH,
	NO_OPEN,
	NO_ATTACH,
	NO_COMMIT,
	ORPHAN,
	LITTER,
	OVERFLOW,
	UNDEFINED,
	RACE,
	ABSENT,
	FAULTS
};

static const char *const names[FAULTS] = { "none",      "drop",      "double",  "reorder",
					   "flip",      "shorten",   "overrun", "wakeful",
					   "deaf",      "never",     "crash",   "no-open",
					   "no-attach", "no-commit", "orphan",  "litter",
					   "overflow",  "undefined", "race",    "absent" };

struct toll_end {
	struct toll_shared *shared;
	size_t stride;
	uint32_t next;
	enum fault fault;
	bool again, swapped;
};

static const struct toll_option faulty_options[] = {
	{ "fault", "none",
	  "none, drop, double, reorder, flip, shorten, overrun, wakeful, deaf, never, crash, "
	  "no-open, no-attach, "
	  "no-commit, orphan, litter, overflow, undefined, race, absent",
	  "what it does wrong" },
	{ 0 },
};

static enum fault faulty_of(const struct toll_channel *channel)
{
	for (unsigned i = 0; i < FAULTS; i++) {
		if (strcmp(toll_value(channel, "fault"), names[i]) == 0)
			return (enum fault)i;
	}
	return NONE;
}

static const char *faulty_absent(const struct toll_channel *channel)
{
	return faulty_of(channel) == ABSENT ? "not on a machine like this" : NULL;
}

static size_t faulty_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) + SLOTS * channel->most : 0;
}

static int faulty_open(struct toll_channel *channel)
{
	char path[64];
	int fd;

	switch (faulty_of(channel)) {
	case NO_OPEN:
		errno = ENOSPC;
		return -1;
	case ORPHAN:
		if (fork() == 0) {
			/* the capacity is not asked for: it lasts as long as it is let */
			for (;;)
				pause();
		}
		return 0;
	case LITTER:
		snprintf(path, sizeof(path), "/toll-faulty-%ld", (long)getpid());
		fd = shm_open(path, O_RDWR | O_CREAT, 0600);
		return fd < 0 ? -1 : close(fd);
	default:
		return 0;
	}
}

static int faulty_attach(struct toll_end *end, const struct toll_channel *channel,
			 enum toll_side side, unsigned index, void *buf)
{
	(void)side, (void)index, (void)buf;
	end->shared = channel->shared;
	end->stride = channel->most;
	end->fault = faulty_of(channel);
	if (end->fault == CRASH)
		abort();
	if (end->fault == NO_ATTACH) {
		errno = EMFILE;
		return -1;
	}
	return 0;
}

static inline void faulty_sleep(const struct toll_end *end, const uint32_t *word, uint32_t seen)
{
	switch (end->fault) {
	case WAKEFUL:
		break;
	case DEAF:
		while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == seen)
			toll_futex_wait(word, seen);
		break;
	default:
		toll_futex_wait(word, seen);
	}
}

static TOLL_HOT void *faulty_reserve(struct toll_end *end, size_t len, unsigned how)
{
	uint32_t taken = __atomic_load_n(&end->shared->taken, __ATOMIC_ACQUIRE);

	(void)len;
	if (end->fault != OVERRUN && end->next - taken == SLOTS) {
		if (how & TOLL_SLEEP)
			faulty_sleep(end, &end->shared->taken, taken);
		return NULL;
	}
	return end->shared->slots + end->next % SLOTS * end->stride;
}

static volatile unsigned racing;

/* What only a sanitizer sees. */
static void faulty_misuse(enum fault fault, uint32_t next)
{
	if (fault == OVERFLOW && next == AT) {
		unsigned char *heap = malloc(SLOTS);
		volatile size_t behind = SLOTS;

		if (heap)
			heap[behind] = 1;
		free(heap);
	}
	if (fault == UNDEFINED && next == AT) {
		volatile int most = __INT_MAX__;

		most = most + 1;
	}
	if (fault == RACE)
		racing++;
}

static TOLL_HOT bool faulty_commit(struct toll_end *end, size_t len, unsigned how)
{
	uint32_t slot = end->next % SLOTS;

	faulty_misuse(end->fault, end->next);
	if (end->fault == NO_COMMIT && end->next == AT) {
		errno = EIO;
		toll_fail("commit");
	}
	if (end->fault == NEVER && end->next == AT) {
		struct timespec nap = { .tv_nsec = 1000000 };

		syscall(SYS_nanosleep, &nap, NULL);
		return false;
	}
	end->shared->len[slot] = (uint32_t)len;
	if (end->fault == SHORTEN && end->next == AT)
		end->shared->len[slot]--;
	if (end->fault == FLIP && end->next == AT)
		end->shared->slots[slot * end->stride + len / 2] ^= 1;
	__atomic_store_n(&end->shared->sent, ++end->next, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		toll_futex_wake(&end->shared->sent, 1);
	return true;
}

static TOLL_HOT const void *faulty_peek(struct toll_end *end, size_t *len, unsigned how)
{
	uint32_t sent = __atomic_load_n(&end->shared->sent, __ATOMIC_ACQUIRE), at = end->next;

	if (end->fault == DROP && end->next == AT && sent != end->next)
		at = ++end->next;
	if (end->fault == REORDER && end->next == AT)
		at = end->swapped ? end->next - 1 : end->next + 1;
	if (at - sent < 1U << 31) {
		if (how & TOLL_SLEEP)
			faulty_sleep(end, &end->shared->sent, sent);
		return NULL;
	}
	*len = end->shared->len[at % SLOTS];
	return end->shared->slots + at % SLOTS * end->stride;
}

static TOLL_HOT void faulty_release(struct toll_end *end, unsigned how)
{
	if (end->fault == RACE)
		racing++;
	if (end->fault == DOUBLE && end->next == AT && !end->again) {
		end->again = true;
		return;
	}
	if (end->fault == REORDER && end->next == AT && !end->swapped) {
		end->swapped = true;
		return;
	}
	__atomic_store_n(&end->shared->taken, ++end->next, __ATOMIC_RELEASE);
	if (how & TOLL_WAKE)
		toll_futex_wake(&end->shared->taken, 1);
}

TOLL_MECHANISM(faulty, .name = "faulty", .about = "breaks one promise, for tests",
	       .options = faulty_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,
	       .most_depth = SLOTS, .in_place = true, .slots = true, .absent = faulty_absent,
	       .bytes = faulty_bytes, .open = faulty_open, .attach = faulty_attach,
	       .reserve = faulty_reserve, .commit = faulty_commit, .peek = faulty_peek,
	       .release = faulty_release)
