/* SPDX-License-Identifier: MIT */
/* epoll.c - the wait epoll: an instance for each port and one for many inputs, each with the idle
 * descriptors registered beside that a server would have. All is made before the gate. */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SPARE = 64 }; /* descriptors for all else in a process */

static bool watches_many(const struct layout *layout, unsigned ins)
{
	return layout->choice.binding->pattern.many_inputs && ins > 1;
}

bool epoll_fits(const struct layout *layout, char *why, size_t bytes)
{
	const struct wish *wish = &layout->wish;
	uint64_t idle = wish->idle_descriptors, instances = 0, most = 0, own = SPARE, allowed = 0;
	struct rlimit limit;

	if (idle == 0)
		return true;
	for (unsigned peer = 0; peer < wish->peers; peer++) {
		unsigned ins = 0, outs = 0;

		for (unsigned i = 0; i < layout->channels; i++) {
			const struct channel *c = &layout->channel[i];
			bool sends = c->producers >> peer & 1, takes = c->consumers >> peer & 1;

			outs += sends || (c->both && takes);
			ins += takes || (c->both && sends);
		}
		uint64_t its = outs + ins + watches_many(layout, ins);

		instances += its;
		most = its > most ? its : most;
	}
	/* a mechanism's own: two ends of a channel, each may be open twice */
	own += (uint64_t)layout->channels * layout->instances * 4;
	uint64_t needed = own + (wish->threads ? wish->peers * idle + instances : idle + most);

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max < needed) {
		snprintf(why, bytes,
			 "epoll:%llu takes %llu descriptors in one process, RLIMIT_NOFILE allows "
			 "%llu (to raise it: ulimit -Hn as root)",
			 (unsigned long long)idle, (unsigned long long)needed,
			 (unsigned long long)limit.rlim_max);
		return false;
	}
	FILE *file = fopen("/proc/sys/fs/epoll/max_user_watches", "re");
	char line[32] = "";

	if (file && fgets(line, sizeof(line), file))
		allowed = strtoull(line, NULL, 10);
	if (file)
		fclose(file);
	if (allowed && instances * (idle + 1) > allowed) {
		snprintf(why, bytes,
			 "epoll:%llu takes %llu watches, a user may have %llu (to raise it: sysctl "
			 "fs.epoll.max_user_watches)",
			 (unsigned long long)idle,
			 (unsigned long long)instances * ((unsigned long long)idle + 1),
			 (unsigned long long)allowed);
		return false;
	}
	return true;
}

void epoll_raise_limit(void)
{
	struct rlimit limit;

	/* should it fail, so will eventfd(), which says so */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int watch(int epoll, int descriptor, uint32_t events)
{
	struct epoll_event event = { .events = events }; /* level-triggered */

	return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

/* An instance with the idle descriptors; −1 with errno. */
static int instance(const struct harness *h)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (unsigned i = 0; epoll >= 0 && i < h->idle_count; i++) {
		if (watch(epoll, h->idle[i], EPOLLIN) == 0)
			continue;
		int error = errno;

		close(epoll);
		errno = error;
		return -1;
	}
	return epoll;
}

static bool add_port(const struct harness *h, struct toll_port *port, uint32_t events)
{
	if (port->descriptor < 0)
		return true;
	port->epoll = instance(h);
	return port->epoll >= 0 && watch(port->epoll, port->descriptor, events) == 0;
}

bool epoll_open(struct harness *h, char *why, size_t bytes)
{
	const struct wish *wish = &h->layout->wish;
	struct toll_peer *peer = h->peer;
	const uint32_t room = h->layout->choice.unit->mechanism.reads_room ? EPOLLIN : EPOLLOUT;
	bool made = true;

	if (wish->wait != TOLL_WAIT_EPOLL)
		return true;
	h->epoll = true;
	if (wish->idle_descriptors) {
		h->idle = calloc(wish->idle_descriptors, sizeof(*h->idle));
		made = h->idle != NULL;
	}
	while (made && h->idle_count < wish->idle_descriptors) {
		int fd = eventfd(0, EFD_CLOEXEC);

		made = fd >= 0;
		if (made)
			h->idle[h->idle_count++] = fd;
	}
	for (unsigned i = 0; made && i < peer->outs; i++)
		made = add_port(h, &peer->out[i], room);
	for (unsigned i = 0; made && i < peer->ins; i++)
		made = add_port(h, &peer->in[i], EPOLLIN);
	if (made && watches_many(h->layout, peer->ins) && peer->in[0].descriptor >= 0) {
		h->epoll_any = instance(h);
		made = h->epoll_any >= 0;
		for (unsigned i = 0; made && i < peer->ins; i++)
			made = watch(h->epoll_any, peer->in[i].descriptor, EPOLLIN) == 0;
	}
	if (!made)
		snprintf(why, bytes, "epoll with %u idle descriptors: %s%s", wish->idle_descriptors,
			 strerror(errno),
			 errno == ENOSPC ? " (to raise it: sysctl fs.epoll.max_user_watches)" : "");
	return made;
}

void epoll_close(struct harness *h)
{
	if (!h->epoll)
		return;
	for (unsigned i = 0; i < h->peer->outs; i++) {
		if (h->peer->out[i].epoll >= 0)
			close(h->peer->out[i].epoll);
	}
	for (unsigned i = 0; i < h->peer->ins; i++) {
		if (h->peer->in[i].epoll >= 0)
			close(h->peer->in[i].epoll);
	}
	if (h->epoll_any >= 0)
		close(h->epoll_any);
	while (h->idle_count > 0)
		close(h->idle[--h->idle_count]);
	free(h->idle);
	h->idle = NULL;
}

void epoll_sleep(const struct toll_port *port)
{
	struct epoll_event event;

	epoll_wait(port->epoll, &event, 1, -1);
}

void epoll_sleep_any(const struct toll_peer *peer)
{
	const struct harness *h = peer->harness;
	struct epoll_event events[TOLL_MOST_PEERS];

	epoll_wait(h->epoll_any, events, TOLL_MOST_PEERS, -1);
}
