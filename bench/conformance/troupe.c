/* SPDX-License-Identifier: GPL-3.0-or-later */
/* troupe.c - the chosen points in blocks, dealt to processes: one a CPU while cells keep to one CPU
 * or sleep, a single one for those that want all CPUs for themselves. */
#include "conform.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../journal.h"
#include "../say.h"

enum { MOST_FAILURES = 40, SHARED_QUEUE = CELL_MOST_PEERS, QUEUES, TICK_US = 100000 };
#define BLOCK_MEMORY (512UL << 20)

struct batch {
	size_t first; /* into order */
	unsigned count, queue;
};

struct board {                 /* shared by all */
	uint32_t next[QUEUES]; /* batches taken of each queue */
	uint32_t done, failures;
	uint32_t failed[MOST_FAILURES]; /* in the order they came, into order */
	struct verdict verdict[];
};

struct troupe {
	const struct stage *stage;
	const struct product *product;
	const struct audience *audience;
	size_t *order; /* chosen points, those of one block side by side */
	size_t count;
	struct batch *batches;
	size_t batch_count;
	struct board *board;
	size_t board_bytes;
};

static void give_up(const char *what)
{
	say_error("%s: %s", what, strerror(errno));
	exit(EXIT_USAGE);
}

/* Spinning across CPUs: another process there would only be waited for. */
static bool wants_all_cpus(const struct point *point)
{
	return cell_spins(&point->cell) && point->value[CPUS] > 0;
}

static unsigned queue_of(const struct point *point)
{
	return point->value[CPUS] ? SHARED_QUEUE : (unsigned)point->cell.cpus[0] % SHARED_QUEUE;
}

/* --- order and blocks ----------------------------------------------------------------------- */

static const struct product *sorted;

/* Those that are left alone, those that are disturbed, those whose worker is killed. */
enum { DISTURBED = 2, KILLED = 4, PHASES = 6 };
static unsigned phase_of(const struct point *point)
{
	unsigned phase = point->act == PLAY ? 0 : scene_kills_worker(point) ? KILLED : DISTURBED;
	return phase + wants_all_cpus(point);
}

static int compare_blocks(const struct point *a, const struct point *b)
{
	int differences[] = {
		(int)phase_of(a) - (int)phase_of(b),
		(int)queue_of(a) - (int)queue_of(b),
		(int)a->cell.peers - (int)b->cell.peers,
		memcmp(a->cell.cpus, b->cell.cpus, a->cell.peers * sizeof *a->cell.cpus),
		(int)scene_operations(a) - (int)scene_operations(b),
		(int)scene_cycles(a->cell.size) - (int)scene_cycles(b->cell.size),
	};
	for (size_t i = 0; i < sizeof differences / sizeof *differences; i++) {
		if (differences[i])
			return differences[i];
	}
	return 0;
}

static int compare(const void *left, const void *right)
{
	size_t l = *(const size_t *)left, r = *(const size_t *)right;
	int difference = compare_blocks(&sorted->points[l], &sorted->points[r]);
	return difference ? difference : l < r ? -1 : 1;
}

static void make_batches(struct troupe *troupe)
{
	const struct product *product = troupe->product;

	troupe->order = calloc(product->count + 1, sizeof *troupe->order);
	troupe->batches = calloc(product->count + 1, sizeof *troupe->batches);
	if (!troupe->order || !troupe->batches)
		give_up("playing cells");
	for (size_t i = 0; i < product->count; i++) {
		if (product->points[i].chosen)
			troupe->order[troupe->count++] = i;
	}
	sorted = product;
	qsort(troupe->order, troupe->count, sizeof *troupe->order, compare);
	uint64_t memory = 0;
	struct batch *batch = NULL;
	for (size_t i = 0; i < troupe->count; i++) {
		const struct point *point = &product->points[troupe->order[i]];
		bool joins =
			batch && batch->count < SCENE_MOST && point->act == PLAY &&
			memory + point->cell.memory <= BLOCK_MEMORY &&
			compare_blocks(&product->points[troupe->order[batch->first]], point) == 0;
		if (!joins) {
			batch = &troupe->batches[troupe->batch_count++];
			*batch = (struct batch){ .first = i, .queue = queue_of(point) };
			memory = 0;
		}
		batch->count++;
		memory += point->cell.memory;
	}
}

/* --- one process ---------------------------------------------------------------------------- */

static uint32_t most_failures(const struct stage *stage)
{
	bool fewer = stage->most_failures && stage->most_failures < MOST_FAILURES;

	return fewer ? stage->most_failures : MOST_FAILURES;
}

static bool take(struct troupe *troupe, unsigned queue, unsigned phase, size_t *taken)
{
	/* the n-th batch of this queue and phase */
	uint32_t nth = __atomic_fetch_add(&troupe->board->next[queue], 1, __ATOMIC_RELAXED);
	for (size_t b = 0; b < troupe->batch_count; b++) {
		const struct batch *batch = &troupe->batches[b];
		const struct point *point = &troupe->product->points[troupe->order[batch->first]];
		if (batch->queue != queue || phase_of(point) != phase)
			continue;
		if (nth-- == 0) {
			*taken = b;
			return true;
		}
	}
	return false;
}

static void play_batch(struct troupe *troupe, const struct stage *stage, size_t index,
		       const struct left_objects *objects)
{
	const struct batch *batch = &troupe->batches[index];
	const struct point *points[SCENE_MOST];
	struct verdict verdicts[SCENE_MOST];
	struct stage mine = *stage;

	mine.seed += index;
	for (unsigned i = 0; i < batch->count; i++)
		points[i] = &troupe->product->points[troupe->order[batch->first + i]];
	scene_play(&mine, points, batch->count, objects, verdicts);
	for (unsigned i = 0; i < batch->count; i++) {
		troupe->board->verdict[batch->first + i] = verdicts[i];
		if (verdicts[i].is != FAILED)
			continue;
		uint32_t nth = __atomic_load_n(&troupe->board->failures, __ATOMIC_ACQUIRE);
		while (nth < MOST_FAILURES &&
		       !__atomic_compare_exchange_n(&troupe->board->failures, &nth, nth + 1, false,
						    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			;
		if (nth < MOST_FAILURES)
			__atomic_store_n(&troupe->board->failed[nth], batch->first + i + 1,
					 __ATOMIC_RELEASE);
	}
	__atomic_fetch_add(&troupe->board->done, batch->count, __ATOMIC_RELAXED);
}

static void perform(struct troupe *troupe, unsigned me, unsigned jobs, unsigned phase,
		    const struct left_objects *objects)
{
	struct stage stage = *troupe->stage;
	char folder[512];

	left_begin();
	if (stage.reports) {
		snprintf(folder, sizeof folder, "%s/%u", stage.reports, me);
		stage.reports = folder;
		scene_report_to(folder);
	}
	/* its own CPU's cells first, then those of no CPU in particular, then what others have left
	 */
	for (unsigned n = 0; n < QUEUES; n++) {
		unsigned queue = n == 0   ? me % SHARED_QUEUE
				 : n == 1 ? SHARED_QUEUE
					  : (me + n - 1) % SHARED_QUEUE;
		size_t batch;
		while (__atomic_load_n(&troupe->board->failures, __ATOMIC_RELAXED) <
			       most_failures(&stage) &&
		       take(troupe, queue, phase, &batch))
			play_batch(troupe, &stage, batch, jobs == 1 ? objects : NULL);
	}
}

/* Starts a process that performs, once more with what all know. */
static pid_t start(struct troupe *troupe, unsigned me, unsigned jobs, unsigned phase,
		   const struct left_objects *objects)
{
	pid_t parent = getpid();

	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		perform(troupe, me, jobs, phase, objects);
		fflush(NULL);
		_exit(0);
	}
	return pid;
}

/* --- all of it ------------------------------------------------------------------------------ */

static void tell(const struct troupe *troupe, const struct point *point, const char *reason)
{
	say_progress(NULL);
	troupe->audience->failed(troupe->audience->context, point, reason);
}

static void tell_failures(const struct troupe *troupe, uint32_t *told)
{
	while (*told < MOST_FAILURES) {
		uint32_t at = __atomic_load_n(&troupe->board->failed[*told], __ATOMIC_ACQUIRE);
		if (at == 0)
			return;
		tell(troupe, &troupe->product->points[troupe->order[at - 1]],
		     troupe->board->verdict[at - 1].reason);
		++*told;
	}
}

static void play_phase(struct troupe *troupe, unsigned phase, unsigned jobs,
		       const struct left_objects *objects, uint32_t *told, struct totals *totals)
{
	pid_t pids[CELL_MOST_PEERS];
	unsigned living = jobs = jobs > CELL_MOST_PEERS ? CELL_MOST_PEERS : jobs;

	memset(troupe->board->next, 0, sizeof troupe->board->next);
	for (unsigned i = 0; i < jobs; i++)
		pids[i] = start(troupe, i, jobs, phase, objects);
	while (living > 0) {
		for (unsigned i = 0; i < jobs; i++) {
			int status;
			if (pids[i] == 0 || waitpid(pids[i], &status, WNOHANG) != pids[i])
				continue;
			pids[i] = 0;
			living--;
			if (status == 0)
				continue;
			totals->failed++;
			char text[96];
			snprintf(text, sizeof text, "the test's own process %u died: %s %d", i,
				 WIFSIGNALED(status) ? "signal" : "status",
				 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			tell(troupe, NULL, text);
		}
		tell_failures(troupe, told);
		say_progress("%s: %u of %zu cells", troupe->audience->name, troupe->board->done,
			     troupe->count);
		if (living)
			usleep(TICK_US);
	}
	tell_failures(troupe, told);
}

void troupe_play(const struct stage *stage, const struct product *product, unsigned jobs,
		 const struct audience *audience, struct totals *totals)
{
	struct troupe troupe = { .stage = stage, .product = product, .audience = audience };
	struct left_objects before = left_look();
	uint32_t told = 0;
	char text[512], reason[640];

	make_batches(&troupe);
	troupe.board_bytes = sizeof(struct board) + (troupe.count + 1) * sizeof(struct verdict);
	troupe.board = mmap(NULL, troupe.board_bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (troupe.board == MAP_FAILED)
		give_up("mmap");
	for (unsigned phase = 0; phase < PHASES; phase++) {
		play_phase(&troupe, phase, phase % 2 ? 1 : jobs, &before, &told, totals);
		/* a worker leaves nothing, whichever of its peers died; of one that is killed
		 * nothing is left that a sweep does not find */
		if (phase >= KILLED && journal_sweep() < 0)
			totals->failed++;
		if (left_since(&before, text, sizeof text)[0]) {
			snprintf(reason, sizeof reason, "left behind%s: %s",
				 phase >= KILLED ? " by workers that were killed, after a sweep"
				 : phase >= DISTURBED
					 ? " by cells whose peers were disturbed or killed"
					 : "",
				 text);
			tell(&troupe, NULL, reason);
			totals->failed++;
			/* it has been told: from here on what comes beside */
			left_free(&before);
			before = left_look();
		}
	}
	say_progress(NULL);
	size_t unknown = 0;
	for (size_t i = 0; i < troupe.count; i++) {
		totals->passed += troupe.board->verdict[i].is == PASSED;
		totals->failed += troupe.board->verdict[i].is == FAILED;
		unknown += troupe.board->verdict[i].is == UNKNOWN;
		if (troupe.board->verdict[i].is == PASSED && audience->passed)
			audience->passed(audience->context, &product->points[troupe.order[i]]);
	}
	if (unknown) {
		snprintf(reason, sizeof reason, "%zu cells were not played: %s", unknown,
			 told >= most_failures(stage) ? "too much failed before"
						      : "their process died");
		tell(&troupe, NULL, reason);
		totals->failed += unknown;
	}
	left_free(&before);
	munmap(troupe.board, troupe.board_bytes);
	free(troupe.order);
	free(troupe.batches);
}
