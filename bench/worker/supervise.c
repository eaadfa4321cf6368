/* SPDX-License-Identifier: MIT */
/* supervise.c - a worker: opens a cell's channels, starts its peers and waits, so that whatever
 * dies, the others leave, the reason is said and nothing stays behind. */
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REPEAT_MS = 10, PATIENCE = 200 /* repeats before SIGKILL */ };

struct workplace {
	struct page *page;
	struct page_worker *worker;
	struct layout layout;
	struct harness harness[PAGE_PEERS];
	pthread_t thread[PAGE_PEERS];
	bool alive[PAGE_PEERS];
	unsigned living;
};

static int main_thread(void)
{
	return (int)syscall(SYS_gettid);
}

static void *thread_main(void *harness)
{
	/* the supervisor's signals stay blocked here: one that took SIGTERM would end the process
	 */
	peer_live(harness);
	return NULL;
}

static bool start_peer(struct workplace *w, unsigned index)
{
	struct harness *h = &w->harness[index];
	struct page_peer *self = &w->worker->peer[index];

	if (w->layout.wish.threads) {
		if (pthread_create(&w->thread[index], NULL, thread_main, h) != 0)
			return false;
	} else {
		pid_t parent = getpid(), pid = fork();

		if (pid < 0)
			return false;
		if (pid == 0) {
			sigset_t none;

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() != parent)
				_exit(1);
			sigemptyset(&none);
			sigprocmask(SIG_SETMASK, &none, NULL);
			signal(SIGTERM, SIG_IGN); /* the supervisor says when */
			signal(SIGINT, SIG_IGN);
			peer_live(h);
			_exit(1);
		}
		self->pid = pid;
	}
	w->alive[index] = true;
	w->living++;
	return true;
}

static void tell_all(struct workplace *w, uint32_t pace)
{
	for (unsigned i = 0; i < w->worker->peers; i++) {
		if (!w->alive[i])
			continue;
		__atomic_fetch_or(&w->layout.peer[i].pace, pace, __ATOMIC_RELEASE);
		if (w->layout.wish.threads) {
			int32_t tid = __atomic_load_n(&w->worker->peer[i].pid, __ATOMIC_ACQUIRE);

			if (tid > 0)
				syscall(SYS_tgkill, getpid(), tid, SIGRTMAX);
		} else {
			kill(w->worker->peer[i].pid, SIGRTMAX);
		}
	}
}

static void peer_gone(struct workplace *w, unsigned index)
{
	w->alive[index] = false;
	w->living--;
}

/* Takes note of who has ended. true when one ended that nobody had told to. */
static bool reap(struct workplace *w, bool stopping)
{
	bool unexpected = false;
	int status;

	if (w->layout.wish.threads) {
		for (unsigned i = 0; i < w->worker->peers; i++) {
			int32_t tid = __atomic_load_n(&w->worker->peer[i].pid, __ATOMIC_ACQUIRE);

			if (w->alive[i] && tid < 0) {
				pthread_join(w->thread[i], NULL);
				peer_gone(w, i);
				unexpected |= !stopping;
			}
		}
		return unexpected;
	}
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (unsigned i = 0; i < w->worker->peers; i++) {
			if (!w->alive[i] || w->worker->peer[i].pid != pid)
				continue;
			peer_gone(w, i);
			if (!stopping) {
				unexpected = true;
				for (unsigned k = 0; k < w->worker->peers; k++)
					w->layout.peer[k].dead = i;
			}
			if (!stopping && WIFSIGNALED(status))
				worker_failed(w->page, w->worker, "peer %u died: %s", i,
					      strsignal(WTERMSIG(status)));
			else if (!stopping)
				worker_failed(w->page, w->worker,
					      "peer %u ended too early (status %d)", i,
					      WEXITSTATUS(status));
		}
	}
	return unexpected;
}

/* Sleeps until told to end (SIGTERM) or a peer ends; then makes the others leave: the signal is
 * repeated, since it may come just before a call that sleeps. */
static void wait_for_end(struct workplace *w, const sigset_t *signals)
{
	bool stopping = false;

	while (w->living > 0 && !stopping) {
		siginfo_t info;
		int number = sigwaitinfo(signals, &info);

		if (reap(w, false)) {
			tell_all(w, TOLL_PACE_STOP | TOLL_PACE_DEAD);
			stopping = true;
		} else if (number == SIGTERM || number == SIGINT) {
			tell_all(w, TOLL_PACE_STOP);
			stopping = true;
		}
	}
	for (unsigned waited = 0; w->living > 0; waited++) {
		struct timespec repeat = { .tv_nsec = REPEAT_MS * 1000000L };
		siginfo_t info;

		sigtimedwait(signals, &info, &repeat);
		reap(w, true);
		tell_all(w, TOLL_PACE_STOP);
		if (waited < PATIENCE)
			continue;
		if (w->layout.wish.threads)
			_exit(1);
		for (unsigned i = 0; i < w->worker->peers; i++) {
			if (!w->alive[i])
				continue;
			w->worker->stuck +=
				waited == PATIENCE &&
				!__atomic_load_n(&w->worker->peer[i].left, __ATOMIC_RELAXED);
			kill(w->worker->peer[i].pid, SIGKILL);
		}
	}
}

/* In a child, so that what the mechanism opens for it goes away with the child. */
static bool measure_capacity(struct workplace *w, char *why, size_t bytes)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a channel that hangs while it is filled */
		int64_t capacity =
			layout_capacity(&w->layout, 1 << 22, w->worker->reason, PAGE_TEXT);

		/* not even one message at once: it goes through in parts */
		w->worker->capacity = capacity > 0 ? (uint64_t)capacity : 1;
		_exit(capacity < 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		snprintf(why, bytes, "measuring the capacity: %s", strerror(errno));
		return false;
	}
	if (status != 0) {
		snprintf(why, bytes, "%s",
			 w->worker->reason[0] ? w->worker->reason
					      : "measuring the capacity failed");
		return false;
	}
	return true;
}

static bool read_wish(const struct page_worker *worker, struct wish *wish)
{
	*wish = (struct wish){ .variant = worker->variant,
			       .pattern = worker->pattern,
			       .wait = (enum toll_wait)worker->wait,
			       .size = worker->size,
			       .depth = worker->depth,
			       .slots = worker->slots,
			       .peers = worker->peers,
			       .idle_descriptors = worker->wait == TOLL_WAIT_EPOLL
							   ? (unsigned)worker->wait_amount
							   : 0,
			       .copy = worker->copy,
			       .threads = worker->threads,
			       .stamped = worker->stamped,
			       .header_only = !worker->touch_all,
			       .policy = (int)worker->policy,
			       .priority = worker->priority,
			       .locked = worker->locked,
			       .thinks = worker->think_ns > 0 };
	return worker->wait < TOLL_WAIT_COUNT && worker->peers >= 1 && worker->peers <= PAGE_PEERS;
}

static bool prepare(struct workplace *w, unsigned slot, char *why, size_t bytes)
{
	struct page_worker *worker = w->worker;
	struct wish wish, second;
	struct choice versus;
	size_t memory;

	if (!read_wish(worker, &wish)) {
		snprintf(why, bytes, "the control page makes no sense");
		return false;
	}
	if (!layout_plan(&w->layout, &wish, &memory, why, bytes))
		return false;
	const struct toll_pattern *p = &w->layout.choice.binding->pattern;
	const struct toll_mechanism *m = &w->layout.choice.unit->mechanism;
	bool credit = wish.depth == 0 || (wish.depth > 0 && !m->slots);

	second = wish;
	second.variant = worker->versus;
	if (worker->versus[0]) {
		if (!registry_choose(&second, &versus, why, bytes))
			return false;
		if (versus.unit->end_bytes != w->layout.choice.unit->end_bytes) {
			snprintf(why, bytes, "%.64s and %.64s have different ends", worker->variant,
				 worker->versus);
			return false;
		}
	}
	if (p->fills) {
		if (credit)
			worker->capacity = wish.depth ? (uint64_t)wish.depth : 1;
		else if (m->slots)
			worker->capacity = w->layout.slots;
		else if (!measure_capacity(w, why, bytes))
			return false;
	}
	worker->timer = p->timer ? p->timer(wish.peers) : 0;
	worker->fills = p->fills;
	worker->messages = pattern_messages(p, wish.peers);
	worker->bytes = (p->bytes ? p->bytes(wish.size) : (double)wish.size) * worker->messages;
	/* at a pace a lap may take seconds */
	worker->lap = m->slots && !p->paced ? w->layout.slots : 0;
	if (!layout_open(&w->layout, worker->cpu, worker->seed, &worker->line_offset, why, bytes))
		return false;
	if (wish.idle_descriptors)
		epoll_raise_limit();
	uint64_t seed = worker->seed + 1;

	for (unsigned i = 0; i < wish.peers; i++) {
		struct harness *h = &w->harness[i];

		*h = (struct harness){ .page = w->page,
				       .worker = worker,
				       .self = &worker->peer[i],
				       .layout = &w->layout,
				       .peer = &w->layout.peer[i],
				       .loop = { registry_loop(&w->layout.choice, &wish),
						 worker->versus[0] ? registry_loop(&versus, &second)
								   : NULL },
				       .timer = worker->timer == i,
				       .supervisor = main_thread(),
				       .seed = random_next(&seed),
				       .counted = &w->page->counted[slot][i],
				       .epoll_any = -1 };
		h->peer->harness = h;
		h->peer->histogram = w->page->histogram[slot];
	}
	return true;
}

int supervise(int page_fd, unsigned slot)
{
	static struct workplace w;
	struct stat status;
	char why[PAGE_TEXT] = "";
	sigset_t signals;

	if (fstat(page_fd, &status) < 0 || (size_t)status.st_size < sizeof(struct page) ||
	    slot >= PAGE_WORKERS) {
		fprintf(stderr,
			"toll-worker: --page is for toll; ask with --describe or --examine\n");
		return 4;
	}
	w.page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	if (w.page == MAP_FAILED || w.page->magic != PAGE_MAGIC ||
	    w.page->version != PAGE_VERSION || w.page->bytes != sizeof(struct page)) {
		fprintf(stderr, "toll-worker: the control page is of another toll; install both "
				"together\n");
		return 4;
	}
	close(page_fd);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != w.page->controller)
		return 1;
	w.worker = &w.page->worker[slot];

	/* before any peer: what comes while they start is kept for sigwaitinfo() */
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	peer_signals();

	bool ready = prepare(&w, slot, why, sizeof(why)) &&
		     sched_above(&w.layout.wish, why, sizeof(why));

	sigprocmask(SIG_BLOCK, &signals, NULL);
	for (unsigned i = 0; ready && i < w.worker->peers; i++) {
		if (!start_peer(&w, i)) {
			snprintf(why, sizeof(why), "starting peer %u: %s", i, strerror(errno));
			tell_all(&w, TOLL_PACE_STOP);
			ready = false;
		}
	}
	if (!ready)
		worker_failed(w.page, w.worker, "%s", why);
	wait_for_end(&w, &signals);
	if (w.layout.choice.unit)
		layout_close(&w.layout);
	toll_journal_done();
	uint32_t expected = PAGE_READY;

	__atomic_compare_exchange_n(&w.worker->state, &expected, PAGE_LEFT, false, __ATOMIC_ACQ_REL,
				    __ATOMIC_ACQUIRE);
	worker_event(w.page);
	return 0;
}
