/* SPDX-License-Identifier: MIT */
/* counters.c - what the kernel and the processor count while a peer plays a turn: opened, switched
 * on and off around the loop alone, read.
 *
 * A peer opens its own: any user may, and one prctl(2) switches all that a thread has opened.
 * Opened by the supervisor they would count the gates and the hand-over as well, or a message to it
 * would stand at both ends of each turn. What the two prctl calls themselves count (one system
 * call, some hundred instructions) is counted in empty turns and taken off.
 *
 * A counter that is inherited counts the threads that a mechanism's library makes with the peer. */
#include "worker.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EMPTY_TURNS = 5 };

struct reading {
	uint64_t value, enabled_ns, running_ns;
};

struct counting {
	unsigned count;
	int fd[PAGE_COUNTERS]; /* −1: not counted */
	struct reading before[PAGE_COUNTERS];
	uint64_t empty[PAGE_COUNTERS]; /* counted in a turn without a loop */
	struct rusage usage;
};

/* ---- opening ---- */

/* Of a group switched on at once: whether the processor has room for it the kernel works out as
 * each is opened, and leaves out those that are off. So they are off only when all of it is open.
 */
static int open_event(const struct page_counter *wanted, int leader, bool in_group)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = wanted->type,
		.config = wanted->config,
		.config1 = wanted->config1,
		.config2 = wanted->config2,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.disabled = !in_group,
		.inherit = 1,
		.exclude_user = !!wanted->no_user,
		.exclude_kernel = !!wanted->no_kernel,
		.exclude_hv = !!wanted->no_kernel,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
}

static bool refused(int error)
{
	return error == EACCES || error == EPERM;
}

/* What a user may not count of the kernel is counted in user mode, and said to be. Not so for what
 * happens in the kernel alone: it would open, and count 0. */
static int open_counter(const struct page_counter *wanted, int leader, bool in_group,
			struct page_count *count)
{
	struct page_counter user = *wanted;
	int fd = open_event(wanted, leader, in_group);

	count->error = fd < 0 ? errno : 0;
	count->user_only = 0;
	if (fd >= 0 || !refused(count->error) || wanted->no_kernel || !wanted->spares_kernel)
		return fd;
	user.no_user = 0;
	user.no_kernel = 1;
	fd = open_event(&user, leader, in_group);
	if (fd < 0) {
		/* there is no such event: the other answer hid it */
		if (!refused(errno))
			count->error = errno;
	} else if (wanted->no_user) {
		close(fd);
		fd = -1;
	} else {
		*count = (struct page_count){ .user_only = 1 };
	}
	return fd;
}

/* Counters first … behind − 1 as one group. One that the processor has no room for makes the others
 * of it worthless: they would be counted at other times than they say. */
static void open_group(struct counting *counting, const struct harness *h, unsigned first,
		       unsigned behind)
{
	int leader = -1;
	bool too_large = false;

	for (unsigned i = first; i < behind; i++) {
		struct page_count *count = &h->counted->count[i];

		counting->fd[i] =
			open_counter(&h->page->counter[i], leader, behind > first + 1, count);
		if (leader < 0)
			leader = counting->fd[i];
		else if (counting->fd[i] < 0 && count->error == EINVAL)
			too_large = true;
	}
	for (unsigned i = behind; too_large && i-- > first;) {
		if (counting->fd[i] >= 0)
			close(counting->fd[i]);
		counting->fd[i] = -1;
		h->counted->count[i].error = ENOSPC;
	}
}

/* ---- reading ---- */

static bool read_one(int fd, struct reading *reading)
{
	*reading = (struct reading){ 0 };
	return fd >= 0 && read(fd, reading, sizeof(*reading)) == sizeof(*reading);
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* The least of some turns without a loop: what else happened meanwhile is no part of each turn. */
static void count_nothing(struct counting *counting)
{
	for (unsigned turn = 0; turn < EMPTY_TURNS; turn++) {
		for (unsigned i = 0; i < counting->count; i++)
			read_one(counting->fd[i], &counting->before[i]);
		prctl(PR_TASK_PERF_EVENTS_ENABLE);
		prctl(PR_TASK_PERF_EVENTS_DISABLE);
		for (unsigned i = 0; i < counting->count; i++) {
			struct reading after;

			read_one(counting->fd[i], &after);
			uint64_t value = less(after.value, counting->before[i].value);

			if (turn == 0 || value < counting->empty[i])
				counting->empty[i] = value;
		}
	}
}

static void read_usage(const struct harness *h, struct rusage *usage)
{
	getrusage(h->layout->wish.threads ? RUSAGE_THREAD : RUSAGE_SELF, usage);
}

/* ---- a peer's ---- */

void counting_open(struct harness *h)
{
	const struct page *page = h->page;
	struct counting *counting = calloc(1, sizeof(*counting));

	if (counting == NULL)
		toll_fail("calloc");
	counting->count = page->counters < PAGE_COUNTERS ? page->counters : PAGE_COUNTERS;
	for (unsigned first = 0, behind; first < counting->count; first = behind) {
		behind = first + 1;
		while (page->counter[first].group && behind < counting->count &&
		       page->counter[behind].group == page->counter[first].group)
			behind++;
		open_group(counting, h, first, behind);
	}
	prctl(PR_TASK_PERF_EVENTS_DISABLE);
	count_nothing(counting);
	h->counting = counting;
}

void counting_begin(struct harness *h)
{
	struct counting *counting = h->counting;

	for (unsigned i = 0; i < counting->count; i++)
		read_one(counting->fd[i], &counting->before[i]);
	read_usage(h, &counting->usage);
	prctl(PR_TASK_PERF_EVENTS_ENABLE);
}

void counting_end(struct harness *h, uint64_t operations)
{
	struct counting *counting = h->counting;
	struct rusage usage;

	prctl(PR_TASK_PERF_EVENTS_DISABLE);
	read_usage(h, &usage);
	h->counted->operations += operations;
	h->counted->switches += (uint64_t)(usage.ru_nvcsw - counting->usage.ru_nvcsw +
					   usage.ru_nivcsw - counting->usage.ru_nivcsw);
	h->counted->faults += (uint64_t)(usage.ru_minflt - counting->usage.ru_minflt +
					 usage.ru_majflt - counting->usage.ru_majflt);
	for (unsigned i = 0; i < counting->count; i++) {
		struct page_count *count = &h->counted->count[i];
		const struct reading *before = &counting->before[i];
		struct reading after;

		if (!read_one(counting->fd[i], &after))
			continue;
		count->value += less(less(after.value, before->value), counting->empty[i]);
		count->enabled_ns += less(after.enabled_ns, before->enabled_ns);
		count->running_ns += less(after.running_ns, before->running_ns);
	}
}

void counting_close(struct harness *h)
{
	for (unsigned i = 0; h->counting && i < h->counting->count; i++) {
		if (h->counting->fd[i] >= 0)
			close(h->counting->fd[i]);
	}
	free(h->counting);
	h->counting = NULL;
}
