/* SPDX-License-Identifier: GPL-3.0-or-later */
/* crossing.c - stamps between two CPUs over one line of memory, and wake-ups through a pipe. */
#include "crossing.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "block.h"
#include "pinned.h"
#include "say.h"

enum { STAMPS = 4000, WAKES = 400, SLEEP_S = 5 };
/* Of a wake-up that does not come; of all stamps, in case others have the CPUs. */
static const double PATIENCE_NS = 100e6, STAMPING_NS = 100e6;

/* ---- clocks ---- */

struct stamps {
	_Alignas(128) uint32_t turn; /* whose it is: even a's, odd b's; both write, in turns */
	uint64_t stamp;              /* beside it, on the same line: whose turn it was wrote it */
	/* each side's own: the least of (its reading − the stamp it read), signed */
	_Alignas(128) int64_t least[2];
	uint32_t seen[2];
	uint64_t until; /* ticks; toll, before */
};

struct stamping {
	struct stamps *stamps;
	unsigned side;
};

static void stamp(void *context)
{
	const struct stamping *me = context;
	struct stamps *s = me->stamps;
	int64_t least = INT64_MAX;

	for (uint32_t turn = me->side; turn < STAMPS; turn += 2) {
		/* acquire: the stamp of the turn before is there */
		while (__atomic_load_n(&s->turn, __ATOMIC_ACQUIRE) != turn) {
			if (block_ticks() > s->until)
				return;
		}
		int64_t apart = (int64_t)(block_ticks() - s->stamp);

		if (turn > 0) {
			least = apart < least ? apart : least;
			s->least[me->side] = least;
			s->seen[me->side]++;
		}
		s->stamp = block_ticks();
		/* release: the stamp is there before the turn changes */
		__atomic_store_n(&s->turn, turn + 1, __ATOMIC_RELEASE);
	}
}

int crossing_clocks(int cpu_a, int cpu_b, double ticks_per_ns, struct crossing_clocks *clocks)
{
	struct stamps *s = pinned_memory(sizeof *s);

	*clocks = (struct crossing_clocks){ NAN, NAN };
	if (!s)
		return -1;
	struct stamping side[] = { { s, 0 }, { s, 1 } };
	const struct pinned jobs[] = { { .cpu = cpu_a, .run = stamp, .context = &side[0] },
				       { .cpu = cpu_b, .run = stamp, .context = &side[1] } };

	s->until = block_ticks() + (uint64_t)(STAMPING_NS * ticks_per_ns);
	int status = pinned_run(jobs, 2);

	if (status == 0 && s->seen[0] && s->seen[1]) {
		/* what a reading lies behind its stamp is the way plus the difference of the
		 * clocks, and the way takes no less than no time: in either direction the least of
		 * them bounds the difference */
		double a = (double)s->least[0] / ticks_per_ns,
		       b = (double)s->least[1] / ticks_per_ns;

		clocks->bound_ns = fmax(fabs(a), fabs(b));
		clocks->contradiction_ns = fmax(0, -fmin(a, b));
	}
	pinned_free(s, sizeof *s);
	return status;
}

/* ---- wake-ups ---- */

struct wakes {
	_Alignas(128) uint32_t woken; /* so many times; the sleeper */
	uint64_t at;                  /* the sleeper, before woken */
	_Alignas(128) uint32_t count; /* the waker */
	uint64_t idle, patience;      /* ticks; toll, before */
	int end[2];                   /* of the pipe */
	size_t wanted;
	uint64_t ticks[WAKES]; /* the waker */
};

static void wake_up(void *context)
{
	struct wakes *w = context;

	for (uint32_t i = 0; i < w->wanted; i++) {
		uint64_t until = block_ticks() + w->idle, before;

		while (block_ticks() < until)
			;
		before = block_ticks();
		if (write(w->end[1], "", 1) != 1)
			return;
		while (__atomic_load_n(&w->woken, __ATOMIC_ACQUIRE) != i + 1) {
			if (block_ticks() - before > w->patience)
				return;
		}
		w->ticks[w->count++] = w->at > before ? w->at - before : 0;
	}
}

static void on_alarm(int number)
{
	(void)number;
}

static void sleep_on(void *context)
{
	/* toll holds the other end too, so a waker that has given up closes nothing: no SA_RESTART,
	 * and the read ends with EINTR */
	const struct sigaction action = { .sa_handler = on_alarm };
	struct wakes *w = context;
	char byte;

	sigaction(SIGALRM, &action, NULL);
	alarm(SLEEP_S);
	for (uint32_t i = 0; i < w->wanted; i++) {
		if (read(w->end[0], &byte, 1) != 1)
			return;
		w->at = block_ticks();
		/* release: the time is there before the count changes */
		__atomic_store_n(&w->woken, i + 1, __ATOMIC_RELEASE);
	}
}

int crossing_wakes(int from, int to, double ticks_per_ns, double idle_ns, bool awake, double ns[],
		   size_t *n)
{
	struct wakes *w = pinned_memory(sizeof *w);
	int status = -1;

	if (!w)
		return -1;
	w->wanted = *n < WAKES ? *n : WAKES;
	w->idle = (uint64_t)(idle_ns * ticks_per_ns);
	w->patience = (uint64_t)(PATIENCE_NS * ticks_per_ns);
	*n = 0;
	if (pipe2(w->end, O_CLOEXEC) < 0) {
		say_error("pipe: %s", strerror(errno));
	} else {
		const struct pinned jobs[] = {
			{ .cpu = from,
			  .run = wake_up,
			  .context = w,
			  .keep = { w->end[0], w->end[1] } },
			{ .cpu = to,
			  .run = sleep_on,
			  .context = w,
			  .keep = { w->end[0], w->end[1] } },
			{ .cpu = to },
		};

		status = pinned_run(jobs, awake ? 3 : 2);
		close(w->end[0]);
		close(w->end[1]);
	}
	for (; status == 0 && *n < w->count; ++*n)
		ns[*n] = (double)w->ticks[*n] / ticks_per_ns;
	pinned_free(w, sizeof *w);
	return status;
}
