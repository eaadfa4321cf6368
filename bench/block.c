/* SPDX-License-Identifier: GPL-3.0-or-later */
/* block.c - one block visit: starts its workers, fits their turns, lets them play, gathers and ends
 * them. */
#include "block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../analysis/statistics.h"
#include "pinned.h"
#include "say.h"
#include "worker/clock.h"
#include "worker/page.h"
#include "worker/random.h"

enum {
	START_MS = 20000,  /* for a worker to be ready: sanitizers and slow machines included */
	HANG_MS = 5000,    /* no visit ended for so long: it hangs, */
	SLOW_MS = 20000,   /* or for so long where others have its CPUs, or its peers still wake */
	LEAVE_MS = 4000,   /* to leave before SIGKILL */
	CANARY_EVERY = 10, /* cycles */
	PACED_TRIAL = 20000, /* operations that show whether a schedule can be kept */
	BURST = 64,          /* messages: where more are held, few bursts make a long turn */
	PADDING_MOST = 4096
};
static const double CANARY_NS = 100e3, TRIAL_NS = 20e3, PACED_LATE = 1.2;

/* ---- clock ---- */

static bool counter_is_clock;
static double clock_cost_ns; /* as block_clock() measured it */
const bool *const toll_clock_is_counter = &counter_is_clock;

uint64_t toll_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t block_ticks(void)
{
	return toll_ticks();
}

const char *block_clock_source(void)
{
	/* cppcheck-suppress knownConditionTrueFalse ; it sees the branch of no known processor */
	if (!clock_counter_trusted())
		return "monotonic";
#if defined(__x86_64__)
	return "tsc";
#else
	return "cntvct";
#endif
}

void block_clock(double *ticks_per_ns, double *cost_ns, double *step_ns)
{
	enum { GROUPS = 41, READINGS = 50 };
	uint64_t least = UINT64_MAX;
	double cost[GROUPS];

	counter_is_clock = clock_counter_trusted();
	uint64_t ns = toll_clock_ns(), ticks = toll_ticks();
	struct timespec wait = { .tv_nsec = 50000000 };

	nanosleep(&wait, NULL);
	uint64_t ticks_after = toll_ticks(), ns_after = toll_clock_ns();

	*ticks_per_ns = (double)(ticks_after - ticks) / (double)(ns_after - ns);
	uint64_t before = toll_ticks();

	/* of groups: a tick is too coarse for one reading, an interruption too much for a mean */
	for (int group = 0; group < GROUPS; group++) {
		uint64_t start = before;

		for (int i = 0; i < READINGS; i++) {
			uint64_t now = toll_ticks();

			if (now > before && now - before < least)
				least = now - before;
			before = now;
		}
		cost[group] = (double)(before - start) / READINGS;
	}
	*cost_ns = clock_cost_ns = statistics_median(cost, GROUPS) / *ticks_per_ns;
	*step_ns = (double)least / *ticks_per_ns;
}

double block_now_s(void)
{
	return (double)toll_clock_ns() / 1e9;
}

/* ---- signals ---- */

static const int endings[] = { SIGINT, SIGTERM, SIGHUP };
static sigset_t caught; /* those of them that are */
static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = number;
}

void block_catch_signals(void)
{
	/* no SA_RESTART: the wait in ppoll() ends; blocked elsewhere, so that none is missed
	 * between the look at `signalled` and the wait */
	struct sigaction action = { .sa_handler = on_signal }, before;

	sigemptyset(&caught);
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		/* nohup, and a shell's job in the background, are meant to go on */
		if (sigaction(endings[i], NULL, &before) < 0 || before.sa_handler == SIG_IGN)
			continue;
		sigaction(endings[i], &action, NULL);
		sigaddset(&caught, endings[i]);
	}
	sigprocmask(SIG_BLOCK, &caught, NULL);
	/* their calls fail instead, and say why */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

void block_release_signals(void)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		if (sigismember(&caught, endings[i]) != 1)
			continue;
		signal(endings[i], SIG_IGN); /* takes away what is pending */
		signal(endings[i], SIG_DFL);
	}
	sigprocmask(SIG_UNBLOCK, &caught, NULL);
	sigemptyset(&caught);
}

int block_signal(void)
{
	sigset_t pending;

	if (!signalled && sigpending(&pending) == 0) {
		for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
			if (sigismember(&caught, endings[i]) == 1 &&
			    sigismember(&pending, endings[i]) == 1)
				signalled = endings[i];
		}
	}
	return signalled;
}

/* ---- the block's state ---- */

/* of all lanes, of which the canary's has the fewest turns */
_Static_assert((int)BLOCK_MOST_CYCLES <= (int)PAGE_CYCLES &&
		       (int)PAGE_LANES * BLOCK_MOST_CYCLES <= (int)PAGE_TURNS,
	       "the longest schedule and its samples fit the page");

struct place_in_block { /* a worker */
	pid_t pid;
	int pidfd;
	bool running, failed;
};

struct block {
	const struct block_options *options;
	const struct cell *const *cells;
	unsigned n;       /* cells */
	unsigned workers; /* with the canary */
	int canary;       /* its worker, −1 */
	unsigned lanes;
	int versus_lane[BLOCK_MOST_CELLS];
	struct page *page;
	int page_fd, event_fd;
	uint64_t seed;
	struct place_in_block worker[PAGE_WORKERS];
	unsigned padding[PAGE_WORKERS];
	pid_t spinner[CELL_MOST_PEERS];
	unsigned spinners;
	uint32_t next_visit;
	bool risen; /* this process runs before its peers, and before that ran as */
	int own_policy;
	struct sched_param own;
	int counter_place[PAGE_COUNTERS];
	double steal_before[CELL_MOST_PEERS];
};

static void wake(const uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool page_open(struct block *b)
{
	int fd = memfd_create("toll-page", MFD_CLOEXEC);

	b->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* above what the workers get as 3 and 4, so that dup2() never meets itself */
	b->page_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 16);
	if (fd >= 0)
		close(fd);
	if (b->event_fd >= 0) {
		fd = fcntl(b->event_fd, F_DUPFD_CLOEXEC, 16);
		close(b->event_fd);
		b->event_fd = fd;
	}
	if (b->page_fd < 0 || b->event_fd < 0 || ftruncate(b->page_fd, sizeof(struct page)) < 0) {
		say_error("the control page: %s", strerror(errno));
		return false;
	}
	b->page =
		mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, b->page_fd, 0);
	if (b->page == MAP_FAILED) {
		b->page = NULL;
		say_error("mapping the control page: %s", strerror(errno));
		return false;
	}
	/* field by field: the rest of a new memfd is zero, and megabytes of it are never touched */
	b->page->magic = PAGE_MAGIC;
	b->page->version = PAGE_VERSION;
	b->page->bytes = sizeof(struct page);
	b->page->controller = getpid();
	b->page->event = 4;
	b->page->ticks_per_ns = b->options->ticks_per_ns;
	b->page->counting = b->options->counters != NULL;
	if (b->options->counters)
		b->page->counters =
			counters_ask(b->options->counters, b->page->counter, b->counter_place);
	return true;
}

static const int policies[POLICY_COUNT] = {
	[POLICY_OTHER] = SCHED_OTHER, [POLICY_BATCH] = SCHED_BATCH, [POLICY_IDLE] = SCHED_IDLE,
	[POLICY_RR] = SCHED_RR,       [POLICY_FIFO] = SCHED_FIFO,
};

static void fill_worker(struct block *b, unsigned index, const struct cell *cell,
			const char *versus)
{
	struct page_worker *w = &b->page->worker[index];
	char variant[CELL_KEY];

	snprintf(w->variant, sizeof(w->variant), "%s",
		 cell_variant(cell, variant, sizeof(variant)));
	snprintf(w->pattern, sizeof(w->pattern), "%s%s%s", cell->pattern,
		 cell->pattern_options[0] ? ":" : "", cell->pattern_options);
	snprintf(w->versus, sizeof(w->versus), "%s", versus ? versus : "");
	w->size = cell->size;
	_Static_assert((int)WAIT_EPOLL == (int)TOLL_WAIT_EPOLL &&
			       (int)WAIT_COUNT == (int)TOLL_WAIT_COUNT,
		       "the cell's waits are the worker's");
	w->wait_amount = cell->wait_amount;
	w->depth = cell->depth;
	w->slots = cell->slots;
	w->wait = cell->wait;
	w->peers = cell->peers;
	for (unsigned i = 0; i < cell->peers; i++)
		w->cpu[i] = cell->cpus[i];
	w->copy = cell->copy;
	w->touch_all = cell->touch_all;
	w->threads = cell->threads;
	w->stamped = b->options->tails;
	w->policy = (uint32_t)policies[cell->policy];
	w->priority = cell->priority;
	w->locked = cell->mlock;
	w->think_ns = cell->think_ns;
	w->seed = random_next(&b->seed);
}

/* One line back and forth between the CPUs of the block, spinning: tells the host's states apart.
 */
static void fill_canary(struct block *b, unsigned index, const struct cell *like)
{
	struct cell canary = { .mechanism = "mailbox",
			       .options = "instances=1",
			       .pattern = "pingpong",
			       .size = 8,
			       .depth = -1,
			       .wait = WAIT_SPIN,
			       .touch_all = true,
			       .peers = 2 };

	canary.cpus[0] = like->cpus[0];
	canary.cpus[1] = like->cpus[1];
	fill_worker(b, index, &canary, NULL);
	b->page->worker[index].stamped = 0;
}

extern char **environ;

static bool start_worker(struct block *b, unsigned index)
{
	const struct registry *registry = b->options->registries && index < b->n
						  ? b->options->registries[index]
						  : b->options->registry;
	const char *argv[8 + 2 * REGISTRY_MOST_PLUGINS];
	char slot[16], padding[PADDING_MOST + 16];
	size_t argc = 0, variables = 0;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;

	snprintf(slot, sizeof(slot), "%u", index);
	argv[argc++] = registry->worker;
	for (size_t i = 0; i < registry->plugin_count; i++) {
		argv[argc++] = "-m";
		argv[argc++] = registry->plugins[i];
	}
	argv[argc++] = "--page";
	argv[argc++] = "3";
	argv[argc++] = slot;
	argv[argc] = NULL;

	/* the environment lies above the stack: its length moves where a worker's stack begins */
	b->padding[index] = (unsigned)(random_next(&b->seed) % PADDING_MOST);
	int prefix = snprintf(padding, sizeof(padding), "TOLL_PADDING=");
	memset(padding + prefix, 'x', b->padding[index]);
	padding[(unsigned)prefix + b->padding[index]] = '\0';
	while (environ[variables])
		variables++;
	char **environment = calloc(variables + 2, sizeof(char *));

	if (environment == NULL) {
		say_error("out of memory");
		return false;
	}
	memcpy(environment, environ, variables * sizeof(char *));
	environment[variables] = padding;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, b->page_fd, 3);
	posix_spawn_file_actions_adddup2(&actions, b->event_fd, 4);
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGINT);
	sigaddset(&defaults, SIGTERM);
	sigaddset(&defaults, SIGHUP);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setpgroup(&attributes,
				  0); /* Ctrl-C is for toll, which then ends them in order */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETPGROUP);
	/* exec takes its words without const, and writes to none */
	char *words[sizeof(argv) / sizeof(*argv)];

	memcpy(words, argv, sizeof(words));
	int error = posix_spawn(&b->worker[index].pid, registry->worker, &actions, &attributes,
				words, environment);

	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	free(environment);
	if (error) {
		say_error("%s: %s", registry->worker, strerror(error));
		return false;
	}
	b->worker[index].running = true;
	b->worker[index].pidfd = (int)syscall(SYS_pidfd_open, b->worker[index].pid, 0);
	return true;
}

/* ---- waiting ---- */

/* Notes which workers have ended. */
static void look_for_dead(struct block *b)
{
	for (unsigned i = 0; i < b->workers; i++) {
		struct place_in_block *place = &b->worker[i];
		struct page_worker *w = &b->page->worker[i];
		int status;

		if (!place->running || waitpid(place->pid, &status, WNOHANG) != place->pid)
			continue;
		place->running = false;
		if (place->pidfd >= 0)
			close(place->pidfd);
		place->pidfd = -1;
		if (__atomic_load_n(&w->state, __ATOMIC_ACQUIRE) == PAGE_LEFT ||
		    __atomic_exchange_n(&w->reason_taken, 1, __ATOMIC_ACQ_REL))
			continue;
		if (WIFSIGNALED(status))
			snprintf(w->reason, sizeof(w->reason), "its worker died: %s",
				 strsignal(WTERMSIG(status)));
		else
			snprintf(w->reason, sizeof(w->reason), "its worker ended with status %d",
				 WEXITSTATUS(status));
		w->state = PAGE_FAILED;
	}
}

static bool failed(const struct block *b, unsigned worker)
{
	return __atomic_load_n(&b->page->worker[worker].state, __ATOMIC_ACQUIRE) == PAGE_FAILED;
}

static bool any_new_failure(const struct block *b)
{
	for (unsigned i = 0; i < b->workers; i++) {
		if (failed(b, i) && !b->worker[i].failed)
			return true;
	}
	return false;
}

static int64_t now_ms(void)
{
	return (int64_t)(toll_clock_ns() / 1000000u);
}

/* Sleeps until a worker says something, ends, a signal comes or ms have passed. */
static void wait_event(struct block *b, int ms)
{
	struct pollfd fds[PAGE_WORKERS + 1] = { { .fd = b->event_fd, .events = POLLIN } };
	nfds_t count = 1;
	struct timespec limit = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	sigset_t none;
	uint64_t events;

	for (unsigned i = 0; i < b->workers; i++) {
		if (b->worker[i].running && b->worker[i].pidfd >= 0)
			fds[count++] =
				(struct pollfd){ .fd = b->worker[i].pidfd, .events = POLLIN };
	}
	sigemptyset(&none);
	/* without pidfds (before Linux 5.3) a short wait finds the dead */
	if (count == 1 && ms > 100)
		limit = (struct timespec){ .tv_nsec = 100000000 };
	ppoll(fds, count, &limit, &none);
	ssize_t got = read(b->event_fd, &events, sizeof(events));

	(void)got; /* nothing to read is fine: somebody ended or time is up */
	look_for_dead(b);
}

static void fail_worker(struct block *b, unsigned index, const char *reason)
{
	struct page_worker *w = &b->page->worker[index];

	if (__atomic_exchange_n(&w->reason_taken, 1, __ATOMIC_ACQ_REL) == 0) {
		snprintf(w->reason, sizeof(w->reason), "%s", reason);
		__atomic_store_n(&w->state, PAGE_FAILED, __ATOMIC_RELEASE);
	}
}

/* CPU time that a peer had, and that it waited for while it could run, ns; how often it was let
 * run. */
struct share {
	uint64_t ran, waited, times;
};

/* Leaves them as they are where the kernel keeps no such account, or no longer. */
static void read_shares(const struct page_worker *w, unsigned peers, struct share share[])
{
	for (unsigned i = 0; i < peers; i++) {
		char path[64], line[128];

		snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)w->peer[i].pid);
		FILE *file = fopen(path, "re");

		if (file == NULL)
			continue;
		if (fgets(line, sizeof(line), file)) {
			char *rest;

			share[i].ran = strtoull(line, &rest, 10);
			share[i].waited = strtoull(rest, &rest, 10);
			share[i].times = strtoull(rest, NULL, 10);
		}
		fclose(file);
	}
}

/* Has a peer waited for its CPU for a second since then, while no other peer ran there? Peers that
 * take turns at one CPU are then slow, each turn as long as what others run between, not hanging.
 */
static bool crowded_out(const struct page_worker *w, unsigned peers, const struct share since[],
			const struct share now[])
{
	for (unsigned i = 0; i < peers; i++) {
		uint64_t others = 1000000000u;

		for (unsigned k = 0; k < peers; k++) {
			if (k != i && (w->cpu[k] == w->cpu[i] || w->cpu[k] < 0 || w->cpu[i] < 0))
				others += now[k].ran - since[k].ran;
		}
		if (now[i].waited - since[i].waited > others)
			return true;
	}
	return false;
}

/* Do two peers or more go on waking each other? Who sleeps for a message is let run when one comes:
 * the messages are slow, and the turn has not come to an end. Whoever spins runs in any case. */
static bool waking(const struct page_worker *w, unsigned peers, const struct share since[],
		   const struct share now[])
{
	enum { WAKE_UPS = 4 };
	unsigned woken = 0;

	if (w->wait != TOLL_WAIT_BLOCK && w->wait != TOLL_WAIT_POLL && w->wait != TOLL_WAIT_EPOLL)
		return false;
	for (unsigned i = 0; i < peers; i++)
		woken += now[i].times - since[i].times >= WAKE_UPS;
	return woken >= 2;
}

/* The time that a turn gets which does not end: see above. */
static int patience_ms(const struct page_worker *w, unsigned peers, const struct share since[])
{
	struct share now[PAGE_PEERS];

	memcpy(now, since, peers * sizeof(*now));
	read_shares(w, peers, now);
	return crowded_out(w, peers, since, now) || waking(w, peers, since, now) ? SLOW_MS
										 : HANG_MS;
}

enum waited { DONE, BROKEN, INTERRUPTED };

/* How long a lane's turn takes by its schedule and by its think time; 0 where it has none. */
static int64_t scheduled_ms(const struct page *page, unsigned lane)
{
	const struct page_worker *worker = &page->worker[page->lane[lane].worker];
	const uint64_t *count = page->lane[lane].count;
	double seconds = (double)worker->think_ns * 1e-9 * (double)count[1];

	if (worker->rate > 0)
		seconds += (double)(count[0] + count[1]) / worker->rate;
	return (int64_t)(1e3 * seconds);
}

/* Lets visits begin … begin + count − 1 of page->turn be played. */
static enum waited play(struct block *b, uint32_t count, unsigned peers)
{
	struct page *page = b->page;
	const struct page_lane *lane = &page->lane[page->turn[0].lane];
	struct share since[PAGE_PEERS] = { { 0 } };
	int64_t alive_at = now_ms();
	uint32_t played = b->next_visit;
	bool known = false; /* what since[] says is of this turn */

	page->begin = b->next_visit;
	page->peers = peers;
	page->cycle = 0;
	page->cycle_waiters = 0;
	page->done = 0;
	page->played = b->next_visit;
	__atomic_store_n(&page->end, b->next_visit + count, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < peers; i++) {
		struct page_peer *peer = &page->worker[lane->worker].peer[i];

		__atomic_store_n(&peer->go, b->next_visit + 1, __ATOMIC_RELEASE);
		wake(&peer->go);
	}
	b->next_visit += count;
	for (;;) {
		if (__atomic_load_n(&page->done, __ATOMIC_ACQUIRE) >= peers)
			return DONE;
		if (block_signal())
			return INTERRUPTED;
		if (any_new_failure(b))
			return BROKEN;
		wait_event(b, 1000);
		uint32_t now = __atomic_load_n(&page->played, __ATOMIC_RELAXED);
		uint32_t at = now < page->end ? now : page->end - 1;
		unsigned at_lane = page->turn[at - page->begin].lane;
		unsigned worker = page->lane[at_lane].worker;
		int64_t allowed = scheduled_ms(page, at_lane);

		if (now != played) {
			played = now;
			alive_at = now_ms();
			known = false;
		} else if (!known) {
			read_shares(&page->worker[worker], peers, since);
			known = true;
		} else if (now_ms() - alive_at > HANG_MS + allowed) {
			char reason[128];
			int64_t limit = allowed + patience_ms(&page->worker[worker], peers, since);

			if (now_ms() - alive_at <= limit)
				continue;
			snprintf(reason, sizeof(reason),
				 "it hangs: no turn ended for %d s (turn %u); killed",
				 (int)(limit / 1000), now - page->begin);
			fail_worker(b, worker, reason);
			return BROKEN;
		}
	}
}

/* ---- the pilot ---- */

static enum waited play_lane(struct block *b, unsigned lane, enum page_kind kind,
			     uint64_t uncounted, uint64_t counted)
{
	b->page->lane[lane].count[0] = uncounted;
	b->page->lane[lane].count[1] = counted;
	b->page->turn[0] = (struct page_turn){ .lane = (uint8_t)lane, .kind = (uint8_t)kind };
	b->page->sample[lane][0].ticks = 0;
	return play(b, 1, b->page->worker[b->page->lane[lane].worker].peers);
}

static uint64_t least_operations(uint64_t size)
{
	return size >= 1 << 20 ? 1 : size >= 64 << 10 ? 2 : 4;
}

/* Peers that sleep or yield on one CPU pass what the channel holds in one burst, take some bursts
 * until these are of the length that they keep, and a turn of few bursts begins in one and ends in
 * another. */
static bool plays_in_bursts(const struct page_worker *w)
{
	for (unsigned i = 1; i < w->peers; i++)
		if (w->cpu[i] != w->cpu[0])
			return false;
	return w->peers > 1 && w->wait != TOLL_WAIT_SPIN && w->wait != TOLL_WAIT_PAUSE;
}

/* Operations of a turn: what is left out at its start and what fills the time aimed at. */
static enum waited fit_lane(struct block *b, unsigned lane, double turn_ns)
{
	const struct page_worker *w = &b->page->worker[b->page->lane[lane].worker];
	const struct page_sample *sample = &b->page->sample[lane][0];
	unsigned long fixed =
		(int)b->page->lane[lane].worker == b->canary ? 0 : b->options->operations;
	uint64_t uncounted = w->size <= 4096 ? 20 : 5, least = least_operations(w->size);

	if (w->lap + 1 > uncounted)
		uncounted = w->lap + 1;
	if (w->fills) {
		/* what the whole chain holds may lie ready when the clock starts;
		 * tests/bench/carry.c found -13 % for a ring of 64 slots with 2 bursts not counted
		 * and 8 counted */
		uint64_t held = w->capacity * (w->peers > 2 ? w->peers - 1 : 1);
		bool bursts = plays_in_bursts(w) && held <= BURST && w->size <= 4096;

		if ((bursts ? 4 : 2) * held > uncounted)
			uncounted = (bursts ? 4 : 2) * held;
		least = (bursts ? 16 : 8) * held;
	}
	if (b->options->uncounted && (int)b->page->lane[lane].worker != b->canary)
		uncounted = b->options->uncounted;
	enum waited waited = play_lane(b, lane, PAGE_WATCH, 0, 0);

	if (waited != DONE)
		return waited;
	if (fixed) {
		b->page->lane[lane].count[0] = uncounted;
		b->page->lane[lane].count[1] = fixed;
		return DONE;
	}
	uint64_t counted = least, wanted = least;

	for (int trial = 0; trial < 6; trial++) {
		waited = play_lane(b, lane, PAGE_RUN, uncounted, counted);
		if (waited != DONE)
			return waited;
		double took = (double)sample->span / b->options->ticks_per_ns,
		       each = took / (double)counted;

		if (!(each > 0))
			each = 0.1;
		/* a schedule says itself how many there are, unless they are more than go through
		 */
		if (w->rate > 0 && (trial == 0 || each < PACED_LATE * 1e9 / w->rate))
			each = 1e9 / w->rate;
		wanted = (uint64_t)(turn_ns / each) + 1;
		if (wanted > b->options->most_operations && b->options->most_operations)
			wanted = b->options->most_operations;
		if (wanted < least)
			wanted = least;
		/* the first turns are cold: believe one that was long enough, or the third */
		if (trial > 0 && (took > TRIAL_NS || counted >= wanted))
			break;
		counted = took > TRIAL_NS ? wanted : counted * 8 < wanted ? counted * 8 : wanted;
		if (w->rate > 0)
			counted = wanted < PACED_TRIAL ? wanted : PACED_TRIAL;
	}
	b->page->lane[lane].count[0] = uncounted;
	b->page->lane[lane].count[1] = wanted;
	return DONE;
}

/* ---- start and end ---- */

static bool start_all(struct block *b, const char *const versus[])
{
	for (unsigned i = 0; i < b->n; i++) {
		fill_worker(b, i, b->cells[i], versus ? versus[i] : NULL);
		b->page->lane[i].worker = i;
	}
	b->lanes = b->workers = b->n;
	b->canary = -1;
	if (b->options->canary && b->cells[0]->peers == 2 &&
	    b->cells[0]->cpus[0] != b->cells[0]->cpus[1]) {
		b->canary = (int)b->workers;
		fill_canary(b, b->workers, b->cells[0]);
		b->page->lane[b->lanes++].worker = b->workers++;
	}
	for (unsigned i = 0; i < b->n; i++) {
		b->versus_lane[i] = -1;
		if (versus && versus[i]) {
			b->versus_lane[i] = (int)b->lanes;
			b->page->lane[b->lanes++] = (struct page_lane){ .worker = i, .versus = 1 };
		}
	}
	b->page->workers = b->workers;
	for (unsigned i = 0; i < b->workers; i++) {
		if (!start_worker(b, i))
			return false;
	}
	return true;
}

/* Waits until every worker is ready or has failed. */
static enum waited wait_ready(struct block *b)
{
	int64_t start = now_ms();

	for (;;) {
		unsigned starting = 0;

		for (unsigned i = 0; i < b->workers; i++)
			starting += __atomic_load_n(&b->page->worker[i].state, __ATOMIC_ACQUIRE) ==
				    PAGE_STARTING;
		if (starting == 0)
			return DONE;
		if (block_signal())
			return INTERRUPTED;
		if (now_ms() - start > START_MS) {
			for (unsigned i = 0; i < b->workers; i++) {
				if (b->page->worker[i].state == PAGE_STARTING)
					fail_worker(b, i,
						    "its worker was not ready after 20 s; killed");
			}
			return DONE;
		}
		wait_event(b, 1000);
	}
}

static void keep_awake(struct block *b, int cpu)
{
	pid_t pid = pinned_awake(cpu);

	if (pid > 0)
		b->spinner[b->spinners++] = pid;
	else
		say_warning("CPU %d cannot be kept awake: %s", cpu, strerror(errno));
}

static void keep_all_awake(struct block *b)
{
	const struct cell *cell = b->cells[0];

	if (cell->idle != IDLE_AWAKE)
		return;
	for (unsigned i = 0; i < cell->peers; i++) {
		bool before = false;

		for (unsigned k = 0; k < i; k++)
			before |= cell->cpus[k] == cell->cpus[i];
		if (!before)
			keep_awake(b, cell->cpus[i]);
	}
}

static void end_all(struct block *b)
{
	int64_t start = now_ms();
	bool killed = false;

	for (unsigned i = 0; i < b->spinners; i++) {
		kill(b->spinner[i], SIGKILL);
		waitpid(b->spinner[i], NULL, 0);
	}
	for (unsigned i = 0; i < b->workers; i++) {
		if (b->worker[i].running)
			kill(b->worker[i].pid, SIGTERM);
	}
	for (;;) {
		unsigned running = 0;

		/* asked before the look, which can take seconds (the kernel clears /proc of each
		 * that ended), as a pause of this process can: who has left meanwhile is not late
		 */
		bool late = now_ms() - start > LEAVE_MS;

		look_for_dead(b);
		for (unsigned i = 0; i < b->workers; i++)
			running += b->worker[i].running;
		if (running == 0)
			break;
		if (!killed && late) {
			for (unsigned i = 0; i < b->workers; i++) {
				if (!b->worker[i].running)
					continue;
				fail_worker(b, i, "its worker did not leave within 4 s; killed");
				kill(b->worker[i].pid, SIGKILL);
			}
			killed = true;
		}
		/* a signal that is already noted would end every wait at once */
		struct pollfd fds[PAGE_WORKERS];
		nfds_t count = 0;

		for (unsigned i = 0; i < b->workers; i++) {
			if (b->worker[i].running && b->worker[i].pidfd >= 0)
				fds[count++] = (struct pollfd){ .fd = b->worker[i].pidfd,
								.events = POLLIN };
		}
		poll(fds, count, count ? 100 : 5);
	}
}

/* ---- the schedule ---- */

static unsigned turns_of_visit(const struct block_options *options)
{
	return options->turns ? options->turns : 1;
}

/* Of one lane in all its visits. */
static unsigned turns_of_lane(const struct block_options *options)
{
	return options->cycles * turns_of_visit(options);
}

static uint32_t make_schedule(struct block *b, const unsigned lanes[], unsigned count,
			      int canary_lane)
{
	struct page *page = b->page;
	uint32_t at = 0;
	uint16_t canaries = 0;
	unsigned turns = turns_of_visit(b->options);
	unsigned order[PAGE_LANES];

	memcpy(order, lanes, count * sizeof(*lanes));
	for (unsigned cycle = 0; cycle < b->options->cycles; cycle++) {
		if (canary_lane >= 0 && cycle % CANARY_EVERY == 0)
			page->turn[at++] = (struct page_turn){ .lane = (uint8_t)canary_lane,
							       .index = canaries++ };
		for (unsigned i = count - 1; i > 0; i--) {
			unsigned k = (unsigned)(random_next(&b->seed) % (i + 1)), kept = order[i];

			order[i] = order[k];
			order[k] = kept;
		}
		for (unsigned i = 0; i < count * turns; i++)
			page->turn[at++] = (struct page_turn){ .lane = (uint8_t)order[i / turns],
							       .index = (uint16_t)(cycle * turns +
										   i % turns) };
		if (canary_lane >= 0 && cycle + 1 == b->options->cycles)
			page->turn[at++] = (struct page_turn){ .lane = (uint8_t)canary_lane,
							       .index = canaries++ };
		page->turn[at - 1].cycle_end = cycle + 1;
	}
	return at;
}

static void clear_samples(struct block *b)
{
	for (unsigned i = 0; i < b->lanes; i++) {
		for (unsigned k = 0; k < turns_of_lane(b->options); k++)
			b->page->sample[i][k].ticks = 0;
	}
}

/* ---- gathering ---- */

static double steal_of(int cpu)
{
	char line[512], name[16];
	double steal = NAN;
	FILE *file = fopen("/proc/stat", "re");

	snprintf(name, sizeof(name), "cpu%d ", cpu);
	while (file && fgets(line, sizeof(line), file)) {
		const char *at = line;

		if (strncmp(line, name, strlen(name)) != 0)
			continue;
		/* user nice system idle iowait irq softirq steal (proc(5)) */
		for (int field = 0; field < 8 && at; field++)
			at = strchr(at + 1, ' ');
		if (at)
			steal = (double)strtoull(at, NULL, 10) * 1e9 / (double)sysconf(_SC_CLK_TCK);
	}
	if (file)
		fclose(file);
	return steal;
}

static double *lane_batches(const struct block *b, unsigned lane, size_t *turns)
{
	unsigned most = turns_of_lane(b->options);
	double *batch = calloc(most, sizeof(double));
	/* with think time each operation is between two readings of the clock, and holds one */
	double clock = b->page->worker[b->page->lane[lane].worker].think_ns ? clock_cost_ns : 0;

	*turns = 0;
	for (unsigned i = 0; batch && i < most; i++) {
		const struct page_sample *sample = &b->page->sample[lane][i];

		if (sample->ticks == 0 || sample->operations == 0)
			break;
		batch[(*turns)++] = (double)sample->ticks / b->options->ticks_per_ns /
					    (double)sample->operations -
				    clock;
	}
	return batch;
}

static double canary_of(const struct block *b)
{
	double ns[BLOCK_MOST_CYCLES / CANARY_EVERY + 2]; /* the last one stands at the end */
	size_t n = 0;
	unsigned lane = (unsigned)b->canary;

	if (b->canary < 0)
		return NAN;
	for (size_t i = 0; i < sizeof(ns) / sizeof(*ns); i++) {
		const struct page_sample *sample = &b->page->sample[lane][i];

		if (sample->ticks)
			ns[n++] = (double)sample->ticks / b->options->ticks_per_ns /
				  (double)sample->operations;
	}
	return n ? statistics_median(ns, n) : NAN;
}

/* The first fifth of the turns agrees with the last: within 2 %, or three standard errors of its
 * median. */
static bool settles(const double batch[], size_t turns)
{
	size_t fifth = turns / 5;

	if (fifth < 2)
		return false;
	double first = statistics_median(batch, fifth),
	       last = statistics_median(batch + turns - fifth, fifth);
	double error = statistics_mad_sd(batch, turns) / sqrt((double)fifth);

	return fabs(first - last) <= fmax(0.02 * last, 3 * 1.2533 * error * M_SQRT2);
}

/* Messages a second that came, the median of the turns: what is late when a turn ends cannot be
 * made up for, as it would be in the next. */
static double achieved_of(const struct block *b, unsigned lane, size_t turns)
{
	double per_s[BLOCK_MOST_CYCLES];

	for (size_t i = 0; i < turns; i++) {
		const struct page_sample *sample = &b->page->sample[lane][i];

		per_s[i] = (double)sample->operations * b->options->ticks_per_ns * 1e9 /
			   (double)sample->span;
	}
	return statistics_median(per_s, turns);
}

static json_t *histogram_of(const struct block *b, unsigned worker)
{
	const uint64_t *counts = b->page->histogram[worker];
	json_t *low = json_array(), *count = json_array();

	for (unsigned i = 0; i < TOLL_HISTOGRAM; i++) {
		if (counts[i] == 0)
			continue;
		/* the inverse of toll_stamp(): bucket i begins at this many ticks */
		unsigned shift = i < 2 * TOLL_HISTOGRAM_STEPS ? 0 : i / TOLL_HISTOGRAM_STEPS - 1;
		double ticks = ldexp((double)(i - shift * TOLL_HISTOGRAM_STEPS), (int)shift);

		json_array_append_new(low, json_real(ticks / b->options->ticks_per_ns));
		json_array_append_new(count, json_integer((json_int_t)counts[i]));
	}
	return json_pack("{s:f,s:o,s:o}", "step", 1.0 / TOLL_HISTOGRAM_STEPS, "low_ns", low,
			 "count", count);
}

static void gather_peer(const struct block *b, unsigned worker, unsigned index, double messages,
			struct outcome *outcome)
{
	const struct page_peer *peer = &b->page->worker[worker].peer[index];
	const struct cell *cell = b->cells[worker];
	struct block_disturbance *d = &outcome->disturbance[index];

	/* the share of its turns that a peer spent on a CPU, of the time from one message to the
	 * next: what it did while the turn began (waiting for the other to arrive) is no message's
	 * cost */
	double each = outcome->achieved_per_s > 0
			      ? 1e9 / outcome->achieved_per_s
			      : statistics_mean(outcome->batch_ns, outcome->turns);

	if (cell->think_ns) /* of the counted operations alone */
		outcome->cpu_ns[index] = (double)peer->cpu_ns / messages / peer->visits /
					 (double)b->page->lane[worker].count[1];
	else
		outcome->cpu_ns[index] =
			peer->wall_ns
				? (double)peer->cpu_ns / (double)peer->wall_ns * each / messages
				: NAN;
	*d = (struct block_disturbance){
		.run_delay_ns = peer->run_delay_known == 2 ? (double)peer->run_delay_ns : NAN,
		.switches = (double)peer->switches,
		.involuntary = (double)peer->involuntary,
		.migrations = (double)peer->migrations,
		.gap_ns = peer->gap_watch_ns ? (double)peer->gap_ns : NAN,
		.gap_watch_ns = peer->gap_watch_ns ? (double)peer->gap_watch_ns : NAN,
		.gap_most_ns = peer->gap_watch_ns ? (double)peer->gap_most_ns : NAN,
		.steal_ns = steal_of(cell->cpus[index]) - b->steal_before[index]
	};
	outcome->lost += (double)peer->lost;
	outcome->due += (double)peer->due;
	outcome->stack_bytes += index == 0 ? peer->stack_bytes : 0;
	outcome->buffer_bytes += index == 0 ? peer->buffer_bytes : 0;
}

static bool gather_counters(const struct block *b, unsigned worker, struct outcome *outcome)
{
	const struct counters *counters = b->options->counters;
	size_t n = counters->count;

	outcome->tallies = calloc(outcome->peers * n + 1, sizeof(*outcome->tallies));
	for (unsigned peer = 0; outcome->tallies && peer < outcome->peers; peer++) {
		const struct page_counted *counted = &b->page->counted[worker][peer];

		for (size_t i = 0; i < n; i++) {
			int place = b->counter_place[i];

			counters_tally(&counters->counter[i], counted,
				       place < 0 ? NULL : &counted->count[place],
				       &outcome->tallies[peer * n + i]);
		}
		outcome->counted = (double)counted->operations;
	}
	return outcome->tallies != NULL;
}

static void gather(struct block *b, unsigned index, bool whole, double canary,
		   struct outcome *outcome)
{
	const struct page_worker *w = &b->page->worker[index];
	size_t versus_turns;

	*outcome = (struct outcome){ .canary_ns = canary,
				     .peers = w->peers,
				     .stuck = w->stuck,
				     .operations = b->page->lane[index].count[1],
				     .uncounted = b->page->lane[index].count[0],
				     .capacity = w->capacity,
				     .offered_per_s = NAN,
				     .achieved_per_s = NAN,
				     .environment_bytes = b->padding[index],
				     .line_offset = w->line_offset };
	outcome->batch_ns = lane_batches(b, index, &outcome->turns);
	if (b->versus_lane[index] >= 0) {
		outcome->versus_ns =
			lane_batches(b, (unsigned)b->versus_lane[index], &versus_turns);
		outcome->turns = versus_turns < outcome->turns ? versus_turns : outcome->turns;
	}
	if (failed(b, index)) {
		outcome->state = BLOCK_FAILED;
		snprintf(outcome->reason, sizeof(outcome->reason), "%s", w->reason);
	} else if (!whole) {
		outcome->state = BLOCK_BROKEN;
	} else if (outcome->turns == 0) {
		outcome->state = BLOCK_FAILED;
		snprintf(outcome->reason, sizeof(outcome->reason), "it played no turn");
	}
	if (outcome->state != BLOCK_OK || outcome->batch_ns == NULL)
		return;
	outcome->settled = settles(outcome->batch_ns, outcome->turns);
	if (w->rate > 0) {
		outcome->offered_per_s = w->rate;
		outcome->achieved_per_s = achieved_of(b, index, outcome->turns);
	}
	for (unsigned i = 0; i < w->peers; i++)
		gather_peer(b, index, i, w->messages, outcome);
	if (b->options->counters && !gather_counters(b, index, outcome)) {
		outcome->state = BLOCK_FAILED;
		snprintf(outcome->reason, sizeof(outcome->reason), "out of memory");
	}
	if (b->options->tails)
		outcome->histogram = histogram_of(b, index);
}

void outcome_free(struct outcome *outcome)
{
	free(outcome->batch_ns);
	free(outcome->versus_ns);
	json_decref(outcome->histogram);
	free(outcome->tallies);
	*outcome = (struct outcome){ 0 };
}

double outcome_value(const struct outcome *outcome)
{
	double *logs = malloc((outcome->turns + 1) * sizeof *logs);

	if (!logs)
		return NAN;
	for (size_t i = 0; i < outcome->turns; i++)
		logs[i] = log(outcome->batch_ns[i]);
	double value = statistics_median(logs, outcome->turns);

	free(logs);
	return value;
}

enum host_state outcome_state(const struct outcome *outcome)
{
	if (isnan(outcome->canary_ns))
		return STATE_NONE;
	return outcome->canary_ns > BLOCK_FAR_NS ? STATE_FAR : STATE_NEAR;
}

unsigned block_pair_cycles(const struct cell *const cells[], unsigned n)
{
	enum { CYCLES = 40, CYCLES_SPINNING = 100 };

	for (unsigned i = 0; i < n; i++)
		if (cell_spins(cells[i]) && cells[i]->peers > 1 && !cell_shares_cpu(cells[i]))
			return CYCLES_SPINNING;
	return CYCLES;
}

/* ---- all of it ---- */

static void mark_failures(struct block *b)
{
	for (unsigned i = 0; i < b->workers; i++)
		b->worker[i].failed = failed(b, i);
}

static void tell_started(const struct block *b)
{
	int pids[PAGE_WORKERS * PAGE_PEERS];
	size_t count = 0;

	for (unsigned i = 0; i < b->n; i++) {
		for (unsigned k = 0; k < b->page->worker[i].peers; k++)
			pids[count++] = b->page->worker[i].peer[k].pid;
	}
	b->options->started(pids, count, b->options->context);
}

/* ---- realtime ---- */

/* While realtime peers play, this process runs before them, or none that hang could be ended.
 * Nothing where there are none. false after say_error(). */
static bool rise(struct block *b)
{
	unsigned most = 0;

	for (unsigned i = 0; i < b->n; i++) {
		if (cell_is_realtime(b->cells[i]) && b->cells[i]->priority > most)
			most = b->cells[i]->priority;
	}
	if (most == 0)
		return true;
	const struct sched_param above = { .sched_priority = (int)most + 1 };

	b->own_policy = sched_getscheduler(0);
	if (sched_getparam(0, &b->own) == 0 && sched_setscheduler(0, SCHED_FIFO, &above) == 0) {
		b->risen = true;
		return true;
	}
	say_error("realtime priority %u, to run before peers of %u: %s", most + 1, most,
		  strerror(errno));
	return false;
}

static void fall(struct block *b)
{
	if (b->risen)
		sched_setscheduler(0, b->own_policy, &b->own);
	b->risen = false;
}

static enum waited measure(struct block *b)
{
	unsigned lanes[PAGE_LANES], count = 0;
	enum waited waited = wait_ready(b);

	if (waited == INTERRUPTED)
		return waited;
	mark_failures(b);
	for (unsigned lane = 0; lane < b->lanes; lane++) {
		unsigned worker = b->page->lane[lane].worker;

		if (b->worker[worker].failed)
			continue;
		waited = fit_lane(b, lane,
				  (int)worker == b->canary ? CANARY_NS : b->options->turn_ns);
		if (waited == INTERRUPTED)
			return waited;
		if (waited == BROKEN) {
			/* a worker that is alone at its pilot harms nobody else: the rest goes on
			 */
			if (!failed(b, worker))
				return BROKEN;
			mark_failures(b);
			continue;
		}
		if ((int)worker != b->canary)
			lanes[count++] = lane;
	}
	/* both loops of one worker do the same work in a turn */
	for (unsigned i = 0; i < b->n; i++) {
		if (b->versus_lane[i] >= 0) {
			struct page_lane *mine = &b->page->lane[i],
					 *other = &b->page->lane[b->versus_lane[i]];

			if (other->count[1] > mine->count[1])
				mine->count[1] = other->count[1];
			other->count[1] = mine->count[1];
			other->count[0] = mine->count[0];
		}
	}
	if (count == 0)
		return DONE;
	if (b->options->started) {
		/* what it starts is no peer's match */
		fall(b);
		tell_started(b);
		if (!rise(b))
			return BROKEN;
	}
	bool canary = b->canary >= 0 && !b->worker[b->canary].failed;
	uint32_t visits = make_schedule(b, lanes, count, canary ? b->canary : -1);

	clear_samples(b);
	memset(b->page->histogram, 0, b->options->tails ? sizeof(b->page->histogram) : 0);
	for (unsigned i = 0; i < b->cells[0]->peers; i++)
		b->steal_before[i] = steal_of(b->cells[0]->cpus[i]);
	b->page->stop_ticks =
		b->options->seconds > 0 && (b->options->operations == 0 || b->options->held)
			? toll_ticks() +
				  (uint64_t)(b->options->seconds * 1e9 * b->options->ticks_per_ns)
			: 0;
	b->page->measuring = 1;
	return play(b, visits, b->cells[0]->peers);
}

int block_run(const struct block_options *options, const struct cell *const cells[],
	      const char *const versus[], unsigned n, struct outcome outcomes[])
{
	struct block b = { .options = options,
			   .cells = cells,
			   .n = n,
			   .page_fd = -1,
			   .event_fd = -1,
			   .seed = options->seed,
			   .canary = -1 };
	int result = -1;

	memset(outcomes, 0, n * sizeof(*outcomes));
	if (options->cycles > BLOCK_MOST_CYCLES / turns_of_visit(options)) {
		say_error("%u visits of %u turns: a worker plays at most %d turns", options->cycles,
			  turns_of_visit(options), (int)BLOCK_MOST_CYCLES);
		return -1;
	}
	for (unsigned i = 0; i < PAGE_WORKERS; i++)
		b.worker[i].pidfd = -1;
	counter_is_clock = clock_counter_trusted();
	if (page_open(&b)) {
		if (start_all(&b, versus)) {
			keep_all_awake(&b);
			enum waited waited = rise(&b) ? measure(&b) : BROKEN;

			end_all(&b);
			fall(&b);
			double canary = canary_of(&b);

			for (unsigned i = 0; i < n; i++)
				gather(&b, i, waited == DONE, canary, &outcomes[i]);
			result = waited == INTERRUPTED ? 1 : 0;
		} else {
			end_all(&b);
		}
	}
	if (b.page)
		munmap(b.page, sizeof(struct page));
	if (b.page_fd >= 0)
		close(b.page_fd);
	if (b.event_fd >= 0)
		close(b.event_fd);
	return result;
}
