/* SPDX-License-Identifier: MIT */
/* peer.c - a peer's life: attach, meet, play turns, hand over, leave; and how it waits, gives up,
 * fails. */
#include "clock.h"
#include "worker.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WATCH_NS = 200000, GAP_NS = 1000, LOOK_NS = 20000000, DOZE_NS = 50000 };

static __thread struct harness *mine; /* of this peer: signal handler and failures find it here */

/* ---- clock and futex ---- */

static bool clock_is_counter;
const bool *const toll_clock_is_counter = &clock_is_counter;

__attribute__((constructor)) static void clock_choose(void)
{
	clock_is_counter = clock_counter_trusted();
}

static uint64_t clock_read(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t toll_clock_ns(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

void toll_futex_wait(const uint32_t *word, uint32_t value)
{
	/* not FUTEX_PRIVATE_FLAG: the word is shared between processes */
	syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

void toll_futex_wake(const uint32_t *word, int most)
{
	syscall(SYS_futex, word, FUTEX_WAKE, most, NULL, NULL, 0);
}

/* ---- failing ---- */

void worker_event(const struct page *page)
{
	uint64_t one = 1;
	ssize_t n = write(page->event, &one, sizeof(one));

	(void)n; /* a full eventfd has already woken toll */
}

void worker_failed(struct page *page, struct page_worker *worker, const char *format, ...)
{
	if (__atomic_exchange_n(&worker->reason_taken, 1, __ATOMIC_ACQ_REL) == 0) {
		va_list args;

		va_start(args, format);
		vsnprintf(worker->reason, sizeof(worker->reason), format, args);
		va_end(args);
		__atomic_store_n(&worker->state, PAGE_FAILED, __ATOMIC_RELEASE);
		worker_event(page);
	}
}

/* Time this thread has waited for its CPU, ns: the second number of schedstat. */
static bool run_delay(uint64_t *ns)
{
	FILE *file = fopen("/proc/thread-self/schedstat", "re");
	char line[128], *second;
	bool read = file && fgets(line, sizeof(line), file) && (second = strchr(line, ' ')) != NULL;

	if (read)
		*ns = strtoull(second, NULL, 10);
	if (file)
		fclose(file);
	return read;
}

/* What is left to say when a peer goes: what the kernel counted. */
static _Noreturn void leave(int status)
{
	struct harness *h = mine;
	uint64_t delayed;

	if (h->self->run_delay_known && run_delay(&delayed)) {
		h->self->run_delay_ns = delayed - h->self->run_delay_ns;
		h->self->run_delay_known = 2;
	}
	__atomic_store_n(&h->self->left, 1, __ATOMIC_RELAXED); /* the kernel may take a while */
	if (!h->layout->wish.threads)
		_exit(status);
	epoll_close(h);
	counting_close(h);
	/* the supervisor sleeps in sigwaitinfo(): a thread's end must be said */
	__atomic_store_n(&h->self->pid, status ? -2 : -1, __ATOMIC_RELEASE);
	syscall(SYS_tgkill, getpid(), h->supervisor, SIGUSR1);
	pthread_exit(NULL);
}

void toll_fail(const char *what)
{
	int error = errno;

	if (mine == NULL)
		trial_failed(what, error);
	worker_failed(mine->page, mine->worker, "peer %u: %s: %s", mine->peer->index, what,
		      error ? strerror(error) : "failed");
	leave(1);
}

void toll_broken(const void *message, size_t len, uint64_t expected)
{
	uint64_t got = 0, number = expected & 0xffffffffffffULL;

	memcpy(&got, message, len < sizeof(got) ? len : sizeof(got));
	if (len < sizeof(got))
		expected &= (1ULL << 8 * len) - 1;
	if (got == expected && len >= sizeof(got))
		worker_failed(
			mine->page, mine->worker,
			"peer %u: content or length of message %llu changed on its way (%zu B)",
			mine->peer->index, (unsigned long long)number, len);
	else
		worker_failed(mine->page, mine->worker,
			      "peer %u: a message was lost, doubled or out of order (got %#llx, "
			      "expected %#llx, %zu B)",
			      mine->peer->index, (unsigned long long)got,
			      (unsigned long long)expected, len);
	leave(1);
}

/* ---- waiting ---- */

static void on_signal(int number)
{
	(void)number;
	if (mine)
		__atomic_fetch_or(&mine->peer->pace, TOLL_PACE_LOOK, __ATOMIC_RELAXED);
}

void peer_signals(void)
{
	/* no SA_RESTART: a verb that sleeps comes back and says "not yet" */
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGRTMAX, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Sends the last message of each output once more: it may be lost, and somebody waits for what
 * answers it. Who has had it already knows it by its flag. */
static void send_again(const struct harness *h)
{
	const struct toll_mechanism *m = &h->layout->choice.unit->mechanism;

	for (unsigned i = 0; i < h->peer->outs; i++) {
		struct toll_port *port = &h->peer->out[i];
		size_t len = port->sent_len;
		void *room = len ? m->reserve(port->end, len, 0) : NULL;

		if (room == NULL)
			continue;
		toll_fill(room, port->sent | (uint64_t)TOLL_AGAIN << 60,
			  len < port->touched ? len : port->touched);
		m->commit(port->end, len, TOLL_WAKE); /* if it is lost too: the next time */
	}
}

/* Stop, death and deadline, told by signal and by pace. true: go on waiting. */
static bool look(struct toll_port *port)
{
	struct toll_peer *peer = port->peer;
	uint32_t pace = __atomic_load_n(&peer->pace, __ATOMIC_ACQUIRE);

	if (pace & (TOLL_PACE_STOP | TOLL_PACE_DEAD)) {
		port->why = pace & TOLL_PACE_DEAD ? TOLL_DEAD : TOLL_STOP;
		return false;
	}
	if (pace & TOLL_PACE_LOOK) {
		__atomic_fetch_and(&peer->pace, ~(uint32_t)TOLL_PACE_LOOK, __ATOMIC_RELAXED);
		if (peer->deadline && toll_ticks() > peer->deadline) {
			port->why = TOLL_DEADLINE;
			return false;
		}
		/* not in the middle of sending */
		if (mine->again && port >= peer->in && port < peer->in + peer->ins)
			send_again(mine);
	}
	return true;
}

bool toll_linger(struct toll_port *port)
{
	uint32_t pace = __atomic_load_n(&port->peer->pace, __ATOMIC_RELAXED);

	if (pace & TOLL_PACE_PAUSE) {
#if defined(__x86_64__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ volatile("isb");
#endif
	} else if (pace & TOLL_PACE_YIELD) {
		sched_yield();
	}
	return !(pace & ~(uint32_t)(TOLL_PACE_PAUSE | TOLL_PACE_YIELD)) || look(port);
}

void toll_give_way(void)
{
	sched_yield();
}

/* hybrid: has it spun long enough? */
static bool spun(struct toll_peer *peer, uint64_t *since)
{
	uint64_t now = toll_ticks();

	if (*since == 0)
		*since = now;
	return now - *since >= peer->hybrid_ticks;
}

bool toll_sleep(struct toll_port *port, unsigned *how, uint64_t *since)
{
	struct toll_peer *peer = port->peer;

	if (!look(port))
		return false;
	if (peer->wait == TOLL_WAIT_HYBRID) {
		if (spun(peer, since))
			*how = TOLL_SLEEP;
	} else if (peer->wait == TOLL_WAIT_POLL) {
		struct pollfd fd = { .fd = port->descriptor,
				     .events = port->side == TOLL_PRODUCER ? POLLOUT : POLLIN };

		/* one end both ways: who sends waits for room, who receives for bytes; port tells
		 * which */
		if (port->side == TOLL_BOTH && port >= peer->out && port < peer->out + peer->outs)
			fd.events = POLLOUT;
		if (mine->layout->choice.unit->mechanism.reads_room)
			fd.events = POLLIN;
		poll(&fd, 1, -1);
	} else if (peer->wait == TOLL_WAIT_EPOLL) {
		epoll_sleep(port);
	} else {
		*how = TOLL_SLEEP;
	}
	return true;
}

/* What a sleep may be late by is spun away where the CPU is nobody else's: who shares it would else
 * be kept from receiving. */
bool toll_doze(struct toll_port *port, uint64_t until)
{
	struct toll_peer *peer = port->peer;

	if (!look(port))
		return false;
	int64_t ticks = (int64_t)(until - toll_ticks());
	int64_t ns =
		(int64_t)((double)ticks / peer->ticks_per_ns) - (mine->shares_cpu ? 0 : DOZE_NS);

	if (ns > 0) {
		struct timespec at;

		clock_gettime(CLOCK_MONOTONIC, &at);
		ns += at.tv_nsec;
		at.tv_sec += ns / 1000000000;
		at.tv_nsec = ns % 1000000000;
		/* a signal ends it: the caller looks again */
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	return true;
}

bool toll_credit_sleep(struct toll_port *port, uint32_t seen, uint64_t *since)
{
	if (!look(port))
		return false;
	if (port->peer->wait != TOLL_WAIT_HYBRID || spun(port->peer, since))
		toll_futex_wait(&port->credit->returned, seen);
	return true;
}

bool toll_sleep_any(struct toll_port ports[], unsigned n, uint32_t bell, uint64_t *since)
{
	struct toll_peer *peer = ports[0].peer;

	if (!look(&ports[0]))
		return false;
	if (peer->wait == TOLL_WAIT_HYBRID && !spun(peer, since))
		return true;
	if (peer->wait == TOLL_WAIT_EPOLL) {
		epoll_sleep_any(peer);
	} else if (ports[0].descriptor >= 0) {
		struct pollfd fds[TOLL_MOST_PEERS];

		for (unsigned i = 0; i < n; i++)
			fds[i] = (struct pollfd){ .fd = ports[i].descriptor, .events = POLLIN };
		poll(fds, n, -1);
	} else {
		toll_futex_wait(peer->bell, bell);
	}
	return true;
}

void toll_ring(struct toll_port *port, bool sleeps)
{
	/* release: the message is there before the bell changes */
	__atomic_fetch_add(port->bell, 1, __ATOMIC_RELEASE);
	if (sleeps)
		toll_futex_wake(port->bell, 1);
}

/* ---- a pattern's options ---- */

const char *toll_value(const struct toll_channel *channel, const char *name)
{
	const char *value = values_get(channel->values, name);

	return value ? value : "";
}

uint64_t toll_value_size(const struct toll_channel *channel, const char *name)
{
	uint64_t value = 0;

	parse_size(toll_value(channel, name), &value);
	return value;
}

const char *toll_pattern_value(const struct toll_peer *peer, const char *name)
{
	const char *value = values_get(peer->values, name);

	return value ? value : "";
}

uint64_t toll_pattern_size(const struct toll_peer *peer, const char *name)
{
	uint64_t value = 0;

	parse_size(toll_pattern_value(peer, name), &value);
	return value;
}

uint64_t toll_pattern_ns(const struct toll_peer *peer, const char *name)
{
	uint64_t value = 0;

	parse_ns(toll_pattern_value(peer, name), &value);
	return value;
}

/* ---- turns ---- */

static bool stopping(const struct harness *h)
{
	return __atomic_load_n(&h->peer->pace, __ATOMIC_ACQUIRE) &
	       (TOLL_PACE_STOP | TOLL_PACE_DEAD);
}

/* Sleeps until a visit is handed over. false: leave. */
static bool gate(struct harness *h, uint32_t *seen)
{
	for (;;) {
		uint32_t go = __atomic_load_n(&h->self->go, __ATOMIC_ACQUIRE);

		if (go != *seen) {
			*seen = go;
			return true;
		}
		if (stopping(h))
			return false;
		toll_futex_wait(&h->self->go, go);
	}
}

/* Reads the clock for a while: what is missing between two readings went elsewhere. */
static void watch(struct harness *h)
{
	for (unsigned i = 0; i < h->peer->index; i++) {
		if (h->worker->cpu[i] == h->worker->cpu[h->peer->index])
			return; /* they would only see each other */
	}
	double per_ns = h->page->ticks_per_ns;
	uint64_t start = toll_ticks(), before = start,
		 until = start + (uint64_t)(WATCH_NS * per_ns);
	uint64_t least = (uint64_t)(GAP_NS * per_ns), missing = 0, most = 0;

	while (before < until) {
		uint64_t now = toll_ticks(), gap = now - before;

		if (gap > least) {
			missing += gap;
			most = gap > most ? gap : most;
		}
		before = now;
	}
	h->self->gap_watch_ns += (uint64_t)((double)(before - start) / per_ns);
	h->self->gap_ns += (uint64_t)((double)missing / per_ns);
	most = (uint64_t)((double)most / per_ns);
	h->self->gap_most_ns = most > h->self->gap_most_ns ? most : h->self->gap_most_ns;
}

static void deadline_missed(const struct harness *h)
{
	const struct toll_peer *peer = h->peer;

	for (unsigned i = 0; i < peer->ins; i++) {
		if (peer->in[i].why == TOLL_DEADLINE)
			worker_failed(h->page, h->worker,
				      "deadline: peer %u waited too long for a message of peer %u",
				      peer->index, (unsigned)(peer->in[i].producer >> 48));
	}
	worker_failed(h->page, h->worker, "deadline: peer %u waited too long for room to send",
		      peer->index);
}

static uint64_t lost_of(const struct toll_peer *peer)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < peer->ins; i++)
		lost += peer->in[i].lost;
	return lost;
}

/* Messages that have come or should have. */
static uint64_t due_of(const struct toll_peer *peer)
{
	uint64_t due = 0;

	for (unsigned i = 0; i < peer->ins; i++) {
		const struct toll_port *port = &peer->in[i];

		due += port->sequence & 0xffffffffffffULL;
		for (unsigned k = 0; port->sequences && k < TOLL_MOST_PEERS; k++)
			due += port->sequences[k];
	}
	return due;
}

/* A consumer has had its fill of this turn, a producer may go on to the next: see toll_more(). */
static void turn_over(struct toll_peer *peer)
{
	for (unsigned i = 0; i < peer->ins; i++)
		__atomic_fetch_add(peer->in[i].enough, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < peer->outs; i++)
		peer->out[i].goal += peer->out[i].readers;
}

/* What its CPU has done for it; of a process all of it, for a mechanism's library may have threads
 * of its own. */
static uint64_t cpu_read(const struct harness *h)
{
	return clock_read(h->layout->wish.threads ? CLOCK_THREAD_CPUTIME_ID
						  : CLOCK_PROCESS_CPUTIME_ID);
}

void toll_timed(struct toll_peer *peer)
{
	struct harness *h = peer->harness;

	h->timed_from = cpu_read(h);
}

static void play(struct harness *h, const struct page_turn *turn)
{
	struct page *page = h->page;
	struct toll_peer *peer = h->peer;
	const struct page_lane *lane = &page->lane[turn->lane];
	bool measuring = page->measuring;
	struct rusage before, after;
	uint64_t cpu = 0, wall = 0;
	bool thinks = h->layout->wish.thinks;

	peer->count[0] = lane->count[0];
	peer->count[1] = lane->count[1];
	peer->counted = lane->count[1];
	peer->thought = 0;
	uint64_t lost = lost_of(peer), due = due_of(peer);

	if (measuring) {
		getrusage(RUSAGE_THREAD, &before);
		wall = clock_read(CLOCK_MONOTONIC);
		cpu = cpu_read(h);
	}
	if (measuring && h->counting)
		counting_begin(h);
	if (!h->loop[lane->versus](peer)) {
		if (stopping(h))
			leave(0);
		deadline_missed(h);
		leave(1);
	}
	if (measuring && h->counting)
		counting_end(h, peer->played ? peer->played : lane->count[0] + lane->count[1]);
	if (h->lossy)
		turn_over(peer);
	if (h->timer) {
		struct page_sample *sample = &page->sample[turn->lane][turn->index];

		sample->at = peer->lap[1];
		sample->operations = peer->counted;
		sample->span = peer->rate > 0 || thinks ? peer->span : peer->lap[1] - peer->lap[0];
		/* release: an operation count that shows has its ticks */
		__atomic_store_n(&sample->ticks, peer->lap[1] - peer->lap[0], __ATOMIC_RELEASE);
	}
	if (measuring) {
		uint64_t spent = cpu_read(h) - (thinks ? h->timed_from : cpu);
		uint64_t thought = (uint64_t)((double)peer->thought / peer->ticks_per_ns);

		/* a peer whose CPU was taken away while it thought has spent less on that */
		h->self->cpu_ns += spent > thought ? spent - thought : 0;
		h->self->wall_ns += clock_read(CLOCK_MONOTONIC) - wall;
		getrusage(RUSAGE_THREAD, &after);
		h->self->switches += (uint64_t)(after.ru_nvcsw - before.ru_nvcsw);
		h->self->involuntary += (uint64_t)(after.ru_nivcsw - before.ru_nivcsw);
		h->self->lost += lost_of(peer) - lost;
		h->self->due += due_of(peer) - due;
		h->self->visits++;
		int cpu_wanted = h->worker->cpu[peer->index];

		h->self->migrations += cpu_wanted >= 0 && sched_getcpu() != cpu_wanted;
	}
	layout_rotate(peer);
}

/* The visit at which the cycle after this one ends. */
static uint32_t next_cycle_end(const struct page *page, uint32_t visit)
{
	for (uint32_t v = visit + 1; v < page->end; v++) {
		if (page->turn[v - page->begin].cycle_end)
			return v + 1;
	}
	return page->end;
}

/* At a cycle's end. Peer 0 may shorten the schedule, but only from the cycle after the next one on;
 * no other peer gets that far before peer 0 has decided. false: leave. */
static bool cycle_end(struct harness *h, uint32_t visit, uint32_t cycles)
{
	struct page *page = h->page;

	if (h->peer->index == 0) {
		if (page->stop_ticks && toll_ticks() >= page->stop_ticks)
			__atomic_store_n(&page->end, next_cycle_end(page, visit), __ATOMIC_RELEASE);
		__atomic_store_n(&page->cycle, cycles, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&page->cycle_waiters, __ATOMIC_SEQ_CST))
			toll_futex_wake(&page->cycle, INT_MAX);
		return true;
	}
	for (;;) {
		uint32_t seen = __atomic_load_n(&page->cycle, __ATOMIC_ACQUIRE);

		if (seen + 1 >= cycles)
			return true;
		if (stopping(h))
			return false;
		__atomic_fetch_add(&page->cycle_waiters, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&page->cycle, __ATOMIC_SEQ_CST) == seen)
			toll_futex_wait(&page->cycle, seen);
		__atomic_fetch_sub(&page->cycle_waiters, 1, __ATOMIC_SEQ_CST);
	}
}

/* Wakes the next worker's peer on this CPU, or says that the schedule is done. false: leave. */
static bool hand_over(struct harness *h, uint32_t visit)
{
	struct page *page = h->page;
	const struct page_turn *turn = &page->turn[visit - page->begin];

	if (h->peer->index == 0)
		__atomic_store_n(&page->played, visit + 1, __ATOMIC_RELAXED);
	if (turn->cycle_end && !cycle_end(h, visit, turn->cycle_end))
		return false;
	if (visit + 1 >= __atomic_load_n(&page->end, __ATOMIC_ACQUIRE)) {
		if (__atomic_add_fetch(&page->done, 1, __ATOMIC_ACQ_REL) == page->peers)
			worker_event(page);
		return true;
	}
	const struct page_lane *lane = &page->lane[page->turn[visit + 1 - page->begin].lane];
	struct page_peer *next = &page->worker[lane->worker].peer[h->peer->index];

	/* release: this turn's samples and rotations are done */
	__atomic_store_n(&next->go, visit + 2, __ATOMIC_RELEASE);
	if (next != h->self)
		toll_futex_wake(&next->go, 1);
	return true;
}

/* ---- from fork to end ---- */

/* Waits until all peers have come here for the nth time, from 1. */
static bool barrier(struct harness *h, uint32_t *count, uint32_t nth)
{
	uint32_t all = h->worker->peers * nth;

	if (__atomic_add_fetch(count, 1, __ATOMIC_ACQ_REL) == all) {
		toll_futex_wake(count, INT_MAX);
		return true;
	}
	for (;;) {
		uint32_t seen = __atomic_load_n(count, __ATOMIC_ACQUIRE);

		if ((int32_t)(seen - all) >= 0)
			return true;
		if (stopping(h))
			return false;
		toll_futex_wait(count, seen);
		/* the other waits for an answer that may be lost; a signal has come between */
		if (h->again &&
		    __atomic_load_n(&h->peer->pace, __ATOMIC_RELAXED) & TOLL_PACE_LOOK) {
			__atomic_fetch_and(&h->peer->pace, ~(uint32_t)TOLL_PACE_LOOK,
					   __ATOMIC_RELAXED);
			send_again(h);
		}
	}
}

/* Do peers share a CPU? */
static bool shares_cpu(const struct page_worker *worker)
{
	for (unsigned i = 0; i < worker->peers; i++) {
		for (unsigned k = 0; k < i; k++) {
			if (worker->cpu[i] >= 0 && worker->cpu[i] == worker->cpu[k])
				return true;
		}
	}
	return false;
}

static bool bind_to(int cpu)
{
	cpu_set_t wanted, got;

	if (cpu < 0)
		return true;
	CPU_ZERO(&wanted);
	CPU_SET(cpu, &wanted);
	if (sched_setaffinity(0, sizeof(wanted), &wanted) < 0)
		return false;
	errno = EINVAL;
	return sched_getaffinity(0, sizeof(got), &got) == 0 && CPU_EQUAL(&wanted, &got);
}

static void deadline_signals(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMAX };
	struct itimerspec every = { .it_interval = { .tv_nsec = LOOK_NS },
				    .it_value = { .tv_nsec = LOOK_NS } };
	timer_t timer;

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
	    timer_settime(timer, 0, &every, NULL) < 0)
		toll_fail("timer_create");
}

__attribute__((noinline)) static void live(struct harness *h)
{
	struct page *page = h->page;
	struct page_worker *worker = h->worker;
	struct toll_peer *peer = h->peer;
	char why[PAGE_TEXT] = "";
	uint32_t seen = 0, offset = 0, turns = 0;

	if (!bind_to(worker->cpu[peer->index])) {
		worker_failed(page, worker, "peer %u cannot be bound to CPU %d: %s", peer->index,
			      worker->cpu[peer->index], strerror(errno));
		leave(1);
	}
	/* before there are threads of a mechanism's library, which are to be like it */
	if (!sched_take(&h->layout->wish, why, sizeof(why)))
		goto failed;
	if (page->counting)
		counting_open(h);
	if (!layout_attach(h->layout, peer->index, worker->touch_all, h->seed, &offset, why,
			   sizeof(why)))
		goto failed;
	h->self->buffer_bytes = offset;
	if (!barrier(h, &worker->attached, 1))
		leave(0);
	if (!layout_meet(h->layout, peer->index, why, sizeof(why)) ||
	    !epoll_open(h, why, sizeof(why)) || !sched_lock(&h->layout->wish, why, sizeof(why)))
		goto failed;
	const struct toll_pattern *pattern = &h->layout->choice.binding->pattern;
	const struct toll_mechanism *m = &h->layout->choice.unit->mechanism;

	h->lossy = m->lossy;
	h->again = m->lossy && !m->slots && pattern->alternates;
	h->shares_cpu = shares_cpu(worker);
	for (unsigned i = 0; i < peer->outs && h->shares_cpu; i++)
		peer->out[i].burst = worker->capacity;
	peer->ticks_per_ns = page->ticks_per_ns;
	if (peer->wait == TOLL_WAIT_HYBRID)
		peer->hybrid_ticks = (uint64_t)((double)worker->wait_amount * page->ticks_per_ns);
	__atomic_fetch_or(&peer->pace,
			  peer->wait == TOLL_WAIT_PAUSE   ? TOLL_PACE_PAUSE
			  : peer->wait == TOLL_WAIT_YIELD ? TOLL_PACE_YIELD
							  : 0,
			  __ATOMIC_RELAXED);
	peer->think = (uint64_t)((double)worker->think_ns * page->ticks_per_ns);
	if (pattern->prepare)
		pattern->prepare(peer);
	if (h->timer)
		worker->rate = peer->rate;
	/* the kernel may else let a sleep last 50 us longer, to end several together */
	if (pattern->paced)
		prctl(PR_SET_TIMERSLACK, 1);
	if (pattern->deadline || h->again)
		deadline_signals();
	if (!barrier(h, &worker->met, 1))
		leave(0);
	if (peer->index == 0) {
		__atomic_store_n(&worker->state, PAGE_READY, __ATOMIC_RELEASE);
		worker_event(page);
	}
	while (gate(h, &seen)) {
		uint32_t visit = seen - 1;
		const struct page_turn *turn = &page->turn[visit - page->begin];

		if (page->measuring && !h->self->run_delay_known)
			h->self->run_delay_known = run_delay(&h->self->run_delay_ns);
		if (turn->kind == PAGE_WATCH)
			watch(h);
		else
			play(h, turn);
		if ((pattern->together || h->lossy) && turn->kind == PAGE_RUN &&
		    !barrier(h, &worker->ended, ++turns))
			break;
		if (!hand_over(h, visit))
			break;
	}
	leave(0);
failed:
	worker_failed(page, worker, "peer %u: %s", peer->index, why);
	leave(1);
}

void peer_live(struct harness *h)
{
	/* a stack that begins elsewhere in each worker: its place relative to the data changes
	 * timings */
	h->self->stack_bytes = (uint32_t)(random_next(&h->seed) % 512 * 16);
	volatile char *offset = __builtin_alloca(h->self->stack_bytes + 1);

	offset[0] = 0;
	mine = h;
	__atomic_store_n(&h->self->pid, (int32_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	live(h);
}
