/* SPDX-License-Identifier: MIT */
/* probe_alone.c - what shows when one process plays both ends: bytes or messages, how much a
 * channel holds, what goes whole, the longest message, descriptors, priorities, and what it costs
 * to set up. */
#include "probe.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MIDDLING = 4096, /* bytes of the messages that the capacity in bytes is measured with */
	STEADY = 200,    /* messages, one in flight */
	MOST_ATOMIC = 256 << 10, /* up to which a part of a message is looked for, */
	ATOMIC_UNIT = 1024       /* and bytes by which a channel is filled and emptied for that */
};

/* ---- bytes or messages ---- */

/* Two messages of different length: do they stay apart? */
void scene_boundaries(void)
{
	const struct toll_mechanism *m = probe_about.mechanism;
	size_t first = probe_about.small / 4, second = probe_about.small / 2, all = first + second,
	       there = all;
	struct trial t;

	probe_solo(&t, &probe_about.one, probe_about.small);
	if (!m->bytes_only) {
		probe_send(&t, 0, first, 1);
		bool both = !m->lossy && trial_send(&t, 0, second, 2, 0, 0);

		if (trial_peek(&t, 1, &there, ARRIVES_NS) && there == all)
			probe_broken(
				"it says that it keeps messages apart, and two arrived as one");
		probe_take(&t, 1, first, 1);
		if (!both)
			probe_send(&t, 0, second, 2);
		probe_take(&t, 1, second, 2);
		probe_found(UNIT, "two of different length arrived apart", "messages");
		probe_found(SHORT_READS, "each message arrives whole", "no");
		return;
	}
	probe_send(&t, 0, first, 1);
	probe_send(&t, 0, second, 2);
	const unsigned char *message = trial_peek(&t, 1, &there, ARRIVES_NS);

	if (message == NULL || there != all)
		probe_broken("it says that it moves bytes, and a read of %zu B gave %zu B", all,
			     message ? there : 0);
	if (!toll_same(message, 1, first) || !toll_same(message + first, 2, second))
		probe_broken("bytes have changed on their way");
	probe_found(UNIT, "two messages were read as one stretch", "bytes");
}

/* Asks a descriptor for more bytes than there are. */
void scene_short_reads(void)
{
	unsigned char bytes[SMALL];
	struct trial t;

	if (!probe_about.mechanism->bytes_only)
		return;
	probe_solo(&t, &probe_about.one, probe_about.small);
	int fd = probe_descriptor(&t, 1, TOLL_CONSUMER);
	struct pollfd watched = { .fd = fd, .events = POLLIN };

	if (probe_hidden(fd)) {
		probe_unknown(SHORT_READS, probe_hidden(fd));
		return;
	}
	probe_send(&t, 0, probe_about.small / 4, 1);
	poll(&watched, 1, 100);
	ssize_t n = (watched.revents & POLLIN) ? read(fd, bytes, probe_about.small) : -1;

	if (n < 0)
		probe_unknown(SHORT_READS, "its descriptor is none to read from");
	else
		probe_found(SHORT_READS, "read(2) gives what is there, when more is asked for",
			    n < (ssize_t)probe_about.small ? "yes" : "no");
}

/* ---- how much it holds ---- */

/* A mechanism that may lose messages: how many of ever more arrive, and which. */
static void loses(struct trial *t, size_t len)
{
	for (uint64_t sent = 1; sent <= MOST_MESSAGES; sent *= 2) {
		uint64_t arrived = 0, number = 0, before = 0, first = 0;

		for (uint64_t i = 0; i < sent; i++) {
			if (!trial_send(t, 0, len, i, 0, 0))
				probe_broken("it says that it never waits for room, and does");
		}
		for (;; arrived++) {
			size_t there = len;
			const void *message = trial_peek(t, 1, &there, 0);

			if (message == NULL)
				break;
			memcpy(&number, message, sizeof(number));
			if (number >= sent || (arrived && number <= before))
				probe_broken(
					"a message is doubled or out of order: number %llu after "
					"%llu",
					(unsigned long long)number, (unsigned long long)before);
			if (there != len || !toll_same(message, number, len))
				probe_broken("a message of %zu B has changed on its way", len);
			first = arrived ? first : number;
			before = number;
			trial_release(t, 1);
		}
		if (arrived == sent)
			continue;
		probe_found(HOLDS_MESSAGES, "", "%llu", (unsigned long long)arrived);
		probe_found(FULL, "",
			    first == 0 && number + 1 == arrived ? "drops"
			    : first == sent - arrived           ? "overwrites"
								: "loses some");
		return;
	}
	probe_unknown(HOLDS_MESSAGES, "no message of a million was lost, though it may lose some");
	probe_unknown(FULL, "it was never full");
}

/* Fills it until it says "not yet", and empties it: messages that it held; −1: it is never full. */
static int64_t fills(struct trial *t, size_t len)
{
	int64_t count = 0;

	while (count < MOST_MESSAGES && trial_send(t, 0, len, (uint64_t)count, 0, 0))
		count++;
	for (int64_t i = 0; i < count; i++)
		probe_take(t, 1, len, (uint64_t)i);
	if (count == MOST_MESSAGES)
		return -1;
	/* the one that found no room, and others, one at a time */
	for (int64_t i = count; i < count + STEADY; i++) {
		probe_send(t, 0, len, (uint64_t)i);
		probe_take(t, 1, len, (uint64_t)i);
	}
	return count;
}

void scene_filling(void)
{
	const struct toll_mechanism *m = probe_about.mechanism;
	struct trial t;

	probe_solo(&t, &probe_about.one, probe_about.small);
	if (m->lossy) {
		loses(&t, probe_about.small);
		return;
	}
	int64_t count = fills(&t, probe_about.small);

	if (count < 0) {
		probe_unknown(HOLDS_MESSAGES, "it took a million messages and was not full");
		probe_unknown(FULL, "it was never full");
	} else if (m->slots && count != probe_about.one.slots) {
		probe_broken("it says that it holds %u messages, and holds %lld",
			     probe_about.one.slots, (long long)count);
	} else {
		probe_found(HOLDS_MESSAGES, m->slots ? "as many slots as were asked for" : "",
			    "%lld", (long long)count);
		probe_found(FULL, "", "not yet");
	}
}

void scene_filling_bytes(void)
{
	size_t len = probe_about.largest < MIDDLING ? probe_about.largest : MIDDLING;
	struct layout layout;
	char why[PAGE_TEXT];
	struct trial t;

	if (probe_about.mechanism->slots || probe_about.mechanism->lossy) {
		probe_unknown(HOLDS_BYTES, probe_about.mechanism->slots
						   ? "each slot holds the longest message"
						   : "what it has no room for is lost");
		return;
	}
	if (!probe_plan(&layout, "stream", len, probe_about.wait, why, sizeof(why))) {
		probe_unknown(HOLDS_BYTES, why);
		return;
	}
	probe_solo(&t, &layout, len);
	int64_t count = fills(&t, len);
	char note[64];

	snprintf(note, sizeof(note), "in messages of %zu B", len);
	if (count < 0)
		probe_unknown(HOLDS_BYTES, "it was never full");
	else
		probe_found(HOLDS_BYTES, note, "%lld", (long long)count * (long long)len);
}

/* ---- what goes whole or not at all ---- */

static bool goes_by_itself; /* what found no room has gone without being sent again */
static uint64_t look_until; /* when this takes too long */

static bool gives_up(void)
{
	return goes_by_itself || toll_clock_ns() > look_until;
}

/* Fills a channel of bytes to the brim, takes so many taken_out out again, sends a message of len
 * bytes and looks whether a part of it has gone. Leaves the channel empty. */
static bool goes_in_parts(struct trial *t, size_t len, unsigned taken_out)
{
	uint64_t sent = 0, taken = 0;
	size_t there = 1;

	while (trial_send(t, 0, ATOMIC_UNIT, sent, 0, 0))
		sent++;
	if (t->end[0].begun) { /* a part of the last may have gone: the rest must follow */
		bool gone;

		while (!(gone = trial_send(t, 0, ATOMIC_UNIT, sent, 0, 0)) && taken < sent)
			probe_take(t, 1, ATOMIC_UNIT, taken++);
		if (!gone)
			probe_send(t, 0, ATOMIC_UNIT, sent);
		sent++;
	}
	while (taken_out-- && taken < sent)
		probe_take(t, 1, ATOMIC_UNIT, taken++);
	bool whole = trial_send(t, 0, len, sent, 0, 0);

	while (taken < sent)
		probe_take(t, 1, ATOMIC_UNIT, taken++);
	bool goes = whole || t->end[0].begun;
	bool some = goes && trial_peek(t, 1, &there, 0) != NULL;

	there = len;
	bool all = some && trial_peek(t, 1, &there, 0) != NULL, arrived = all;
	uint64_t since = toll_clock_ns();

	goes_by_itself |= !whole && all;
	while (goes && (!arrived || !whole)) {
		whole = whole || trial_send(t, 0, len, sent, 0, 0);
		there = len;
		arrived = arrived || trial_peek(t, 1, &there, 0) != NULL;
		if (toll_clock_ns() - since > ARRIVES_NS)
			probe_broken("a message of %zu B that found little room never arrives",
				     len);
	}
	if (goes)
		trial_release(t, 1);
	return some && !all;
}

/* Does each message of this length go whole, or nothing of it, whatever room there is? */
static bool is_atomic(struct trial *t, size_t len)
{
	unsigned most = (unsigned)((len + ATOMIC_UNIT - 1) / ATOMIC_UNIT);

	if (goes_in_parts(t, len, 0))
		return false;
	for (unsigned taken_out = 1; taken_out <= most && !gives_up(); taken_out *= 2) {
		if (goes_in_parts(t, len, taken_out))
			return false;
	}
	return true;
}

void scene_atomic_size(void)
{
	size_t holds = strtoul(probe_board->fact[HOLDS_BYTES].value, NULL, 10);
	size_t most = holds < MOST_ATOMIC ? holds : MOST_ATOMIC, whole = 0, parts;
	struct layout layout;
	char why[PAGE_TEXT];
	struct trial t;

	if (!probe_about.mechanism->bytes_only) {
		probe_found(ATOMIC, "each message goes whole or not at all", "%zu",
			    probe_about.largest);
		return;
	}
	if (holds < ATOMIC_UNIT ||
	    !probe_plan(&layout, "stream", most, probe_about.wait, why, sizeof(why))) {
		probe_unknown(ATOMIC, holds < ATOMIC_UNIT ? "it could not be filled" : why);
		return;
	}
	look_until = toll_clock_ns() + LOOK_NS;
	probe_solo(&t, &layout, most);
	for (parts = 1; parts <= most && !gives_up() && is_atomic(&t, parts); parts *= 2)
		whole = parts;
	while (parts <= most && parts - whole > 1 && !gives_up()) {
		size_t middle = whole + (parts - whole) / 2;

		if (is_atomic(&t, middle))
			whole = middle;
		else
			parts = middle;
	}
	if (goes_by_itself)
		probe_unknown(ATOMIC, "what finds no room goes by itself when there is some");
	else if (gives_up())
		probe_unknown(ATOMIC, "it takes too long to fill and to empty");
	else if (parts > most)
		probe_unknown(ATOMIC, "no part of a message that found little room was ever seen");
	else
		probe_found(ATOMIC, "of what is longer a part goes when there is room for it",
			    "%zu", whole);
}

/* ---- the longest message ---- */

/* One that is longer than what fits goes in parts, sent and taken by turns. */
void scene_longest(void)
{
	struct layout layout;
	char why[PAGE_TEXT];
	size_t len = probe_about.largest, there;
	const void *message;
	struct trial t;

	if (!probe_plan(&layout, "stream", len, probe_about.wait, why, sizeof(why))) {
		probe_unknown(LARGEST, why);
		probe_unknown(LIMITED, why);
		return;
	}
	probe_solo(&t, &layout, len);
	uint64_t since = toll_clock_ns();

	for (bool sent = false;;) {
		/* neither gives the CPU away for the other, whose turn is next */
		sent = sent || trial_send(&t, 0, len, 1, 0, 0);
		there = len;
		message = trial_peek(&t, 1, &there, 0);
		if (message)
			break;
		if (t.patient && toll_clock_ns() - since > LOOK_NS) {
			probe_unknown(LARGEST, "it takes too long, for want of CPUs");
			probe_unknown(LIMITED, "it takes too long, for want of CPUs");
			return;
		}
	}
	if (there != len || !toll_same(message, 1, len))
		probe_broken("it says that it carries %zu B, and they arrive changed", len);
	probe_found(LARGEST, probe_about.limited ? "" : "no limit up to here", "%zu", len);
	probe_found(LIMITED, "", probe_about.limited ? "yes" : "no");
}

static void refuses(const char *what, int error)
{
	char note[PAGE_TEXT];

	snprintf(note, sizeof(note), "a byte more: %.60s: %s", what, probe_error(error));
	probe_found(LARGEST, note, "%zu", probe_about.largest);
	_exit(0);
}

/* What becomes of a byte more. Only where it has a place: in an end's own memory. */
void scene_one_more(void)
{
	const struct toll_mechanism *m = probe_about.mechanism;
	struct toll_channel like = layout_proto(&probe_about.one);
	size_t len = probe_about.largest + 1, there = len, before, after;
	struct trial t;

	like.most = probe_about.largest;
	before = m->bytes ? m->bytes(&like, TOLL_PRIVATE) : 0;
	like.most = len;
	after = m->bytes ? m->bytes(&like, TOLL_PRIVATE) : 0;
	if (!probe_about.limited || m->in_place || after <= before ||
	    strcmp(probe_board->fact[LARGEST].value, "-") == 0)
		return;
	trial_on_failure = refuses;
	like.threads = true;
	if (!trial_open(&t, probe_about.one.choice.unit, &like, layout_memory(&probe_about.one)))
		refuses("open", errno);
	if (!trial_attach(&t, 0, TOLL_PRODUCER, 0) || !trial_attach(&t, 1, TOLL_CONSUMER, 0) ||
	    !trial_meet(&t, 0) || !trial_meet(&t, 1))
		refuses("attach", errno);
	if (!trial_send(&t, 0, len, 1, 0, 0))
		probe_found(LARGEST, "a byte more never goes", "%zu", probe_about.largest);
	else if (!trial_peek(&t, 1, &there, REST_NS))
		probe_found(LARGEST, "a byte more never arrives", "%zu", probe_about.largest);
	else
		probe_found(LARGEST,
			    there == len ? "a byte more arrives as well"
					 : "a byte more arrives in parts",
			    "%zu", probe_about.largest);
}

/* ---- descriptors and priorities ---- */

union rights { /* a control message with one descriptor */
	struct cmsghdr header;
	/* cppcheck-suppress unusedStructMember */
	char room[CMSG_SPACE(sizeof(int))];
};

/* Sends one over a socket, and takes it from the other: it, or −1 with errno (0: none came). */
static int pass(int from, int to, int fd)
{
	union rights rights = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
					    .cmsg_level = SOL_SOCKET,
					    .cmsg_type = SCM_RIGHTS } };
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = &rights,
				  .msg_controllen = sizeof(rights) };

	memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
	if (sendmsg(from, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -1;
	memset(&rights, 0, sizeof(rights));
	message.msg_controllen = sizeof(rights);
	if (recvmsg(to, &message, MSG_DONTWAIT) < 0)
		return -1;
	errno = 0;
	if (message.msg_controllen < CMSG_LEN(sizeof(int)) || rights.header.cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(&rights.header), sizeof(fd));
	return fd;
}

void scene_descriptors(void)
{
	uint64_t told = 7, count = 0;
	struct trial t;

	probe_solo(&t, &probe_about.one, probe_about.small);
	int from = probe_descriptor(&t, 0, TOLL_PRODUCER),
	    to = probe_descriptor(&t, 1, TOLL_CONSUMER);

	if (from < 0 || to < 0) {
		probe_found(DESCRIPTORS, probe_hidden(-1), "no");
		return;
	}
	if (probe_hidden(from)) {
		probe_unknown(DESCRIPTORS, probe_hidden(from));
		return;
	}
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), passed = pass(from, to, event);

	if (passed < 0)
		probe_found(DESCRIPTORS, errno ? probe_error(errno) : "the receiver gets none",
			    "no");
	else if (write(passed, &told, sizeof(told)) < 0 || read(event, &count, sizeof(count)) < 0 ||
		 count != told)
		probe_found(DESCRIPTORS, "what arrives is another", "no");
	else
		probe_found(DESCRIPTORS, "SCM_RIGHTS over its descriptor", "yes");
}

/* Two producers of one channel, with the option priority= at 0 and at 1: who is taken first? */
void scene_priorities(void)
{
	struct toll_values low = probe_about.one.choice.values, high = low;
	struct toll_channel like = layout_proto(&probe_about.one);
	size_t there = probe_about.small;
	uint64_t number = 0;
	struct trial t;

	if (values_get(&low, "priority") == NULL) {
		if (probe_about.mechanism->lossy)
			probe_unknown(PRIORITY,
				      "its order is not looked at, since it may lose messages");
		else
			probe_found(PRIORITY, "it has no option priority=, and keeps the order",
				    "no");
		return;
	}
	if (probe_about.mechanism->producers == 1) {
		probe_unknown(PRIORITY, "its channel has one producer, which has one priority");
		return;
	}
	for (unsigned i = 0; i < low.count; i++) {
		if (strcmp(low.value[i].name, "priority") == 0) {
			snprintf(low.value[i].value, sizeof(low.value[i].value), "0");
			snprintf(high.value[i].value, sizeof(high.value[i].value), "1");
		}
	}
	like.threads = true;
	like.producers = 2;
	like.values = &low;
	probe_open(&t, &probe_about.one, &like);
	probe_attach(&t, 0, TOLL_PRODUCER, 0);
	t.channel.values = &high;
	probe_attach(&t, 2, TOLL_PRODUCER, 1);
	t.channel.values = &low;
	probe_attach(&t, 1, TOLL_CONSUMER, 0);
	for (unsigned i = 0; i < TRIAL_ENDS; i++)
		probe_meet(&t, i);
	probe_send(&t, 0, probe_about.small, 1);
	probe_send(&t, 2, probe_about.small, 2);
	const void *message = trial_peek(&t, 1, &there, ARRIVES_NS);

	if (message)
		memcpy(&number, message, there < sizeof(number) ? there : sizeof(number));
	else
		probe_broken("a message was sent and never arrives (%zu B)", probe_about.small);
	probe_found(PRIORITY,
		    number == 2 ? "priority=1 is taken before priority=0, which was sent before it"
				: "it has an option priority=, and nothing overtakes",
		    number == 2 ? "yes" : "no");
}

/* ---- what it costs to set up ---- */

static void set_up(unsigned at)
{
	struct toll_channel like = layout_proto(&probe_about.one);
	struct trial t;

	like.threads = true;
	/* the first warms up: libraries, page tables, caches */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t time[5];

		time[0] = toll_clock_ns();
		probe_open(&t, &probe_about.one, &like);
		time[1] = toll_clock_ns();
		probe_attach(&t, 0, TOLL_PRODUCER, 0);
		probe_attach(&t, 1, TOLL_CONSUMER, 0);
		probe_meet(&t, 0);
		probe_meet(&t, 1);
		time[2] = toll_clock_ns();
		probe_send(&t, 0, probe_about.small, 1);
		probe_take(&t, 1, probe_about.small, 1);
		time[3] = toll_clock_ns();
		trial_close(&t);
		time[4] = toll_clock_ns();
		for (unsigned k = 0; k < 4; k++)
			probe_board->us[k][at] = (double)(time[k + 1] - time[k]) / 1e3;
	}
}

static int ascending(const void *left, const void *right)
{
	double l = *(const double *)left, r = *(const double *)right;

	return (l > r) - (l < r);
}

/* Each in a process of its own, whose end gives back what its ends keep open. */
void scene_setting_up(void)
{
	for (unsigned i = 0; i < REPEATS; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			set_up(i);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) < 0)
			probe_fails("fork", errno);
		if (WIFSIGNALED(status))
			probe_broken("it was ended by signal %d (%s)", WTERMSIG(status),
				     strsignal(WTERMSIG(status)));
		if (status != 0)
			_exit(1);
	}
	for (unsigned k = 0; k < 4; k++) {
		qsort(probe_board->us[k], REPEATS, sizeof(probe_board->us[k][0]), ascending);
		probe_found(CREATE + k, "", "%.2f", probe_board->us[k][REPEATS / 2]);
	}
}
