/* SPDX-License-Identifier: MIT */
/* trial.c - a channel that no pattern plays on, to try a mechanism with: how many messages it
 * holds, and what probe.c asks. */
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, HELPER_NS = 20000000 };

void (*trial_on_failure)(const char *what, int error);

void trial_failed(const char *what, int error)
{
	if (trial_on_failure)
		trial_on_failure(what, error);
	_exit(1);
}

static size_t round_up(size_t bytes, size_t to)
{
	return (bytes + to - 1) / to * to;
}

/* ---- making it ---- */

bool trial_open(struct trial *trial, const struct unit *unit, const struct toll_channel *like,
		const char *memory)
{
	const struct toll_mechanism *m = &unit->mechanism;
	size_t stride = round_up(unit->end_bytes, TOLL_LINE);
	size_t shared = m->bytes ? m->bytes(like, TOLL_SHARED) : 0;

	*trial = (struct trial){ .mechanism = m,
				 .channel = *like,
				 .shared_bytes = round_up(shared + 1, memory_page(memory)),
				 .ends_bytes = TRIAL_ENDS * stride,
				 .private_bytes = m->bytes ? m->bytes(like, TOLL_PRIVATE) : 0,
				 .patient = m->helpers && m->helpers(like) };
	trial->channel.shared =
		(struct toll_shared *)(void *)memory_map(memory, trial->shared_bytes);
	if ((void *)trial->channel.shared == MAP_FAILED) {
		trial->channel.shared = NULL;
		return false;
	}
	trial->ends = mmap(NULL, trial->ends_bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (trial->ends == MAP_FAILED) {
		trial->ends = NULL;
		return false;
	}
	for (unsigned i = 0; i < TRIAL_ENDS; i++)
		trial->end[i].end = (struct toll_end *)(void *)(trial->ends + i * stride);
	trial->opened = m->open == NULL || m->open(&trial->channel) == 0;
	return trial->opened;
}

bool trial_attach(struct trial *trial, unsigned end, enum toll_side side, unsigned index)
{
	struct trial_end *mine = &trial->end[end];
	uint64_t seed = end + 1;
	uint32_t offset;

	if (trial->private_bytes) {
		mine->buf = layout_private(trial->private_bytes, &seed, &offset);
		if (mine->buf == NULL)
			return false;
	}
	return trial->mechanism->attach(mine->end, &trial->channel, side, index, mine->buf) == 0;
}

bool trial_meet(struct trial *trial, unsigned end)
{
	const struct toll_mechanism *m = trial->mechanism;

	return m->meet == NULL || m->meet(trial->end[end].end, &trial->channel) == 0;
}

void trial_close(struct trial *trial)
{
	if (trial->mechanism->close && trial->opened)
		trial->mechanism->close(&trial->channel);
	for (unsigned i = 0; i < TRIAL_ENDS; i++) {
		char *buf = trial->end[i].buf;

		if (buf)
			munmap(buf - (uintptr_t)buf % PAGE_BYTES,
			       trial->private_bytes + PAGE_BYTES);
	}
	if (trial->channel.shared)
		munmap(trial->channel.shared, trial->shared_bytes);
	if (trial->ends)
		munmap(trial->ends, trial->ends_bytes);
}

/* ---- moving messages ---- */

/* Has this process threads that a mechanism's library started? One folder each, beside . and .. */
static bool has_threads(void)
{
	struct stat status;

	return stat("/proc/self/task", &status) == 0 && status.st_nlink > 3;
}

struct patience {
	uint64_t within_ns, since;
	unsigned refused;
};

/* A verb has said "not yet", which it may for no reason: is it no for good? After three times in a
 * row; where a thread of the kernel's or of a library may still be at it, or another process, after
 * a time. */
static bool is_final(struct trial *trial, struct patience *patience)
{
	/* a socket says only once that the other end has died */
	if (trial->error == 0 || trial->error == EAGAIN || trial->error == EINTR)
		trial->error = errno;
	if (patience->within_ns == 0 && (trial->patient || has_threads()))
		patience->within_ns = HELPER_NS;
	if (patience->within_ns == 0)
		return ++patience->refused == 3;
	uint64_t now = toll_clock_ns();

	if (patience->since == 0)
		patience->since = now;
	sched_yield();
	return now - patience->since > patience->within_ns;
}

bool trial_send(struct trial *trial, unsigned end, size_t len, uint64_t number, unsigned how,
		uint64_t within_ns)
{
	const struct toll_mechanism *m = trial->mechanism;
	struct trial_end *mine = &trial->end[end];
	struct patience patience = { .within_ns = within_ns };

	do {
		errno = 0;
		if (!mine->begun) {
			void *room = m->reserve(mine->end, len, how);

			if (room == NULL)
				continue;
			toll_fill(room, number, len);
			mine->begun = true;
		}
		mine->committed = mine->committed || m->commit(mine->end, len, how);
		if (mine->committed && (m->flush == NULL || m->flush(mine->end, how))) {
			mine->begun = mine->committed = false;
			return true;
		}
	} while (!is_final(trial, &patience));
	return false;
}

const void *trial_peek(struct trial *trial, unsigned end, size_t *len, uint64_t within_ns)
{
	struct patience patience = { .within_ns = within_ns };
	const void *message;

	do {
		errno = 0;
		message = trial->mechanism->peek(trial->end[end].end, len, 0);
	} while (message == NULL && !is_final(trial, &patience));
	return message;
}

void trial_release(struct trial *trial, unsigned end)
{
	trial->mechanism->release(trial->end[end].end, 0);
}

/* ---- how much it holds ---- */

/* Sends until full. */
static int64_t fill(struct trial *trial, size_t len, int64_t most)
{
	int64_t count = 0;

	while (count < most && trial_send(trial, 0, len, 0, 0, 0))
		count++;
	return count;
}

/* One that drops is never full: what of ever more arrives. */
static int64_t fill_lossy(struct trial *trial, size_t len, int64_t most)
{
	int64_t arrived = 0;

	for (int64_t sent = 1; sent <= most; sent *= 2) {
		size_t there;

		fill(trial, len, sent);
		for (arrived = 0; there = len, trial_peek(trial, 1, &there, 0); arrived++)
			trial_release(trial, 1);
		if (arrived < sent)
			break;
	}
	return arrived;
}

int64_t layout_capacity(const struct layout *layout, int64_t most, char *why, size_t bytes)
{
	struct toll_channel like = layout_proto(layout);
	struct trial trial;
	int64_t count = -1;

	like.threads = true; /* both ends in this process */
	if (!trial_open(&trial, layout->choice.unit, &like, "anonymous") ||
	    !trial_attach(&trial, 0, TOLL_PRODUCER, 0) ||
	    !trial_attach(&trial, 1, TOLL_CONSUMER, 0) || !trial_meet(&trial, 0) ||
	    !trial_meet(&trial, 1))
		snprintf(why, bytes, "measuring the capacity of %s: %s", trial.mechanism->name,
			 strerror(errno));
	else
		count = trial.mechanism->lossy ? fill_lossy(&trial, like.most, most)
					       : fill(&trial, like.most, most);
	trial_close(&trial);
	toll_journal_done(); /* the child's own */
	return count;
}
