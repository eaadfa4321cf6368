/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scene.c - one block of points: played as toll plays it, disturbed from outside, judged. */
#include "conform.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../block.h"
#include "../journal.h"

enum {
	LONG_CYCLES = 400, /* of a cell that is killed as it plays */
	ASLEEP_MS = 3000,  /* to be asleep when there is nothing to do */
	SPIN_MS = 2,       /* enough to fill and to empty any channel */
	LATE_MS = 2000,    /* a deadline of 30 ms that has shown by then is kept */
	ATTEMPTS = 5
};

/* A kernel thread that shares a CPU takes milliseconds for each. */
unsigned long scene_operations(const struct point *point)
{
	uint64_t size = point->cell.size;
	return size >= 1 << 20 ? 2 : size >= 64 << 10 || point->helpers ? 8 : 200;
}

/* A pipe holds 65536 messages of 1 B, and each turn fills it twice before it counts. */
unsigned scene_cycles(uint64_t size)
{
	return size < 7 ? 1 : size >= 64 << 10 ? 2 : 3;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap_us(unsigned us)
{
	struct timespec t = { .tv_nsec = (long)us * 1000 };
	nanosleep(&t, NULL);
}

/* --- disturbing ----------------------------------------------------------------------------- */

struct disturbance {
	const struct stage *stage;
	const struct point *point;
	pthread_t thread;
	bool begun;
	sem_t held;                   /* the play may begin */
	unsigned delay_us;            /* KILL: 0: stopped before it plays; else it plays so long */
	int pid[CELL_MOST_PEERS + 1]; /* processes or threads; behind them the worker to kill */
	unsigned count;
	char trouble[160];
	unsigned long long ran[CELL_MOST_PEERS];
};

/* A producer that may lose messages never waits for room. */
static bool is_lossy(const struct stage *stage, const struct point *point)
{
	return registry_flag(registry_mechanism(stage->registry, point->cell.mechanism), "lossy");
}

/* Does this peer wait when that one is stopped? Where messages may be lost only who receives, and
 * from that one alone; of pairs its partner. */
static bool waits_for(const struct stage *stage, const struct point *point, unsigned peer,
		      unsigned whom)
{
	const json_t *pattern = registry_pattern(stage->registry, point->cell.pattern),
		     *edges = json_object_get(pattern, "edges"), *edge;
	bool receives = false;
	size_t i;

	if (peer == whom)
		return false;
	/* other pairs play on until all have ended */
	if (strcmp(registry_text(pattern, "shape"), "pairs") == 0 && whom < point->cell.peers &&
	    peer / 2 != whom / 2)
		return false;
	if (!is_lossy(stage, point))
		return true;
	json_array_foreach (edges, i, edge) {
		unsigned from = (unsigned)json_integer_value(json_array_get(edge, 0)),
			 to = (unsigned)json_integer_value(json_array_get(edge, 1));

		/* they are those of the default number of peers */
		if (to != peer || from >= point->cell.peers)
			continue;
		if (from != whom)
			return false;
		receives = true;
	}
	return receives;
}

/* What /proc says of a process or thread: its state, 'R', 'S', 'T', 't', 'Z' …, and who started it.
 * false when it is gone. */
static bool read_stat(int pid, int *state, int *parent)
{
	char path[32], text[512];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t got = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[got] = '\0';
	const char *close = strrchr(text, ')'); /* of the name */
	if (!close || strlen(close) < 5)
		return false;
	*state = (unsigned char)close[2];
	*parent = (int)strtol(close + 4, NULL, 10);
	return true;
}

/* 0 when it is gone. */
static int state_of(int pid)
{
	int state, parent;
	return read_stat(pid, &state, &parent) ? state : 0;
}

static int parent_of(int pid)
{
	int state, parent;
	return read_stat(pid, &state, &parent) ? parent : 0;
}

static bool is_worker(const struct point *point)
{
	return point->whom == point->cell.peers;
}

bool scene_kills_worker(const struct point *point)
{
	return point->act == KILL && (point->cell.threads || is_worker(point));
}

/* ns on a CPU so far. */
static unsigned long long ran_of(int pid)
{
	char path[32], text[64] = "";
	snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof text, file))
		text[0] = '\0';
	fclose(file);
	return strtoull(text, NULL, 10);
}

/* A process is stopped by signal; a thread, alone of its process, as debuggers do it: ptrace(2). */
static bool stop(struct disturbance *d)
{
	int pid = d->pid[d->point->whom], status;

	if (!d->point->cell.threads) {
		if (kill(pid, SIGSTOP))
			return false;
		while (state_of(pid) != 'T') {
			if (state_of(pid) == 0)
				return false;
			nap_us(50);
		}
		return true;
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		return false;
	return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
}

static void go_on(struct disturbance *d)
{
	int pid = d->pid[d->point->whom];

	if (d->point->cell.threads)
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	else
		kill(pid, SIGCONT);
}

/* Until the others wait for the one that is stopped: asleep where they sleep, else for a time. */
static void until_others_wait(struct disturbance *d)
{
	const struct cell *cell = &d->point->cell;
	int64_t start = now_ms();
	unsigned settled = 0;
	bool waits_for_whom[CELL_MOST_PEERS] = { false }, any = false;

	for (unsigned p = 0; p < d->count; p++) {
		waits_for_whom[p] = waits_for(d->stage, d->point, p, d->point->whom);
		any |= waits_for_whom[p];
	}
	if (cell_spins(cell) || !any) {
		/* on one CPU with other work they may not have had it yet; who has no more to do
		 * sleeps */
		for (unsigned p = 0; p < d->count; p++) {
			while (p != d->point->whom && now_ms() - start < ASLEEP_MS) {
				unsigned long long ran = ran_of(d->pid[p]) - d->ran[p];
				if (ran >= SPIN_MS * 1000000ULL / cell->peers ||
				    (ran > 0 && state_of(d->pid[p]) == 'S'))
					break;
				nap_us(300);
			}
		}
		return;
	}
	while (settled < 3) {
		bool all = true;
		unsigned awake = 0;
		nap_us(700);
		for (unsigned p = 0; p < d->count; p++) {
			if (!waits_for_whom[p])
				continue;
			bool waits = state_of(d->pid[p]) == 'S' && ran_of(d->pid[p]) != d->ran[p];
			awake = waits ? awake : p;
			all &= waits;
		}
		settled = all ? settled + 1 : 0;
		if (now_ms() - start > (d->stage->sanitizer ? 4 : 1) * (int64_t)ASLEEP_MS) {
			snprintf(d->trouble, sizeof d->trouble,
				 "peer %u does not sleep while it waits for peer %u", awake,
				 d->point->whom);
			return;
		}
	}
}

/* Until one of the others has left because of its deadline. */
static void until_one_left(struct disturbance *d)
{
	for (int64_t start = now_ms(); now_ms() - start < LATE_MS;) {
		for (unsigned p = 0; p < d->count; p++) {
			int state = state_of(d->pid[p]);
			if (p != d->point->whom && (state == 0 || state == 'Z' || state == 'X'))
				return;
		}
		nap_us(1000);
	}
}

static void *disturb(void *argument)
{
	struct disturbance *d = argument;

	for (unsigned p = 0; p < d->count; p++)
		d->ran[p] = ran_of(d->pid[p]);
	if (d->delay_us == 0 && !stop(d)) {
		snprintf(d->trouble, sizeof d->trouble, "peer %u cannot be stopped: %s",
			 d->point->whom, strerror(errno));
		sem_post(&d->held);
		return NULL;
	}
	sem_post(&d->held);
	switch (d->point->act) {
	case HOLD:
		until_others_wait(d);
		go_on(d);
		break;
	case LATE:
		until_one_left(d);
		go_on(d);
		break;
	default:
		if (d->delay_us)
			nap_us(d->delay_us);
		else
			until_others_wait(d);
		/* of a stopped thread too, and then it takes the whole process */
		kill(d->pid[d->point->whom], SIGKILL);
		break;
	}
	return NULL;
}

/* block_run() calls it when all peers wait at the gate. */
static void started(const int pids[], size_t count, void *context)
{
	struct disturbance *d = context;

	d->count = count < CELL_MOST_PEERS ? (unsigned)count : CELL_MOST_PEERS;
	memcpy(d->pid, pids, d->count * sizeof *pids);
	if (is_worker(d->point))
		d->pid[d->count] = parent_of(pids[0]);
	sem_init(&d->held, 0, 0);
	if (pthread_create(&d->thread, NULL, disturb, d)) {
		snprintf(d->trouble, sizeof d->trouble, "no thread: %s", strerror(errno));
		return;
	}
	d->begun = true;
	while (sem_wait(&d->held) && errno == EINTR)
		;
}

/* --- judging -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void fail(struct verdict *verdict, const char *format,
						       ...)
{
	va_list arguments;

	if (verdict->is == FAILED)
		return;
	verdict->is = FAILED;
	va_start(arguments, format);
	vsnprintf(verdict->reason, sizeof verdict->reason, format, arguments);
	va_end(arguments);
}

static void judge_played(const struct outcome *outcome, unsigned cycles, unsigned long operations,
			 bool lossy, struct verdict *verdict)
{
	if (outcome->state == BLOCK_FAILED)
		fail(verdict, "%s", outcome->reason);
	else if (outcome->turns != cycles)
		fail(verdict, "%zu turns were played, not %u", outcome->turns, cycles);
	else if (outcome->operations != operations)
		fail(verdict, "%lu operations a turn were played, not %lu", outcome->operations,
		     operations);
	else if (outcome->lost > 0 && !lossy)
		fail(verdict, "%.0f messages were lost", outcome->lost);
	else if (verdict->is == UNKNOWN)
		verdict->is = PASSED;
}

static void judge_killed(const struct disturbance *d, const struct outcome *outcome,
			 struct verdict *verdict)
{
	char wanted[64];

	if (scene_kills_worker(d->point))
		snprintf(wanted, sizeof wanted, "its worker died: Killed");
	else
		snprintf(wanted, sizeof wanted, "peer %u died: Killed", d->point->whom);
	if (outcome->state != BLOCK_FAILED)
		fail(verdict, "peer %u was killed and nobody noticed", d->point->whom);
	else if (strcmp(outcome->reason, wanted) != 0)
		fail(verdict, "the reason is \"%s\", not \"%s\"", outcome->reason, wanted);
	else if (outcome->stuck > 0)
		fail(verdict, "when peer %u was dead, %u of the others did not leave within 2 s",
		     d->point->whom, outcome->stuck);
	else if (verdict->is == UNKNOWN)
		verdict->is = PASSED;
}

static void judge_late(const struct disturbance *d, const struct outcome *outcome,
		       struct verdict *verdict)
{
	static const char starts[] = "deadline: peer ";
	const char *number = outcome->reason + strlen(starts);

	if (outcome->state != BLOCK_FAILED)
		fail(verdict, "peer %u was stopped beyond the deadline and nobody noticed",
		     d->point->whom);
	else if (fnmatch("deadline: peer [0-9]* waited too long for *", outcome->reason, 0) != 0)
		fail(verdict, "the reason is \"%s\", not the deadline", outcome->reason);
	else if (strtoul(number, NULL, 10) == d->point->whom)
		fail(verdict, "the reason is \"%s\", but that peer was the one stopped",
		     outcome->reason);
	else if (verdict->is == UNKNOWN)
		verdict->is = PASSED;
}

/* --- sanitizers ------------------------------------------------------------------------------ */

void scene_report_to(const char *folder)
{
	static const char *const names[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
					     "LSAN_OPTIONS" };

	mkdir(folder, 0700);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char text[1024];
		const char *before = getenv(names[i]);
		snprintf(text, sizeof text, "%s%slog_path=%s/report:halt_on_error=1",
			 before ? before : "", before ? ":" : "", folder);
		setenv(names[i], text, 1);
	}
}

/* A sanitizer's report, where one has come: its first line that says something. */
static const char *report(const char *folder, char *buffer, size_t bytes)
{
	DIR *directory = opendir(folder);

	buffer[0] = '\0';
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		char path[512], line[512];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		FILE *file = fopen(path, "re");
		while (file && fgets(line, sizeof line, file)) {
			line[strcspn(line, "\n")] = '\0';
			if (strstr(line, "ERROR:") || strstr(line, "WARNING:") ||
			    strstr(line, "runtime error:") || (buffer[0] == '\0' && line[0]))
				snprintf(buffer, bytes, "%.200s", line);
			if (strstr(line, "SUMMARY:"))
				snprintf(buffer, bytes, "%.200s", line);
		}
		if (file)
			fclose(file);
		/* one that is to be read whole stays where the reader finds it: on standard error
		 */
		file = fopen(path, "re");
		for (int n = 0; file && n < 60 && fgets(line, sizeof line, file); n++)
			fputs(line, stderr);
		if (file)
			fclose(file);
		unlink(path);
	}
	if (directory)
		closedir(directory);
	return buffer;
}

/* --- playing -------------------------------------------------------------------------------- */

static void judge_left(const struct stage *stage, const struct point *point, unsigned count,
		       const struct left_objects *objects, unsigned descriptors,
		       struct verdict verdicts[])
{
	char text[256];

	if (left_processes(text, sizeof text)[0]) {
		for (unsigned i = 0; i < count; i++)
			fail(&verdicts[i], "%sleft behind: process %s",
			     count > 1 ? "one of its block: " : "", text);
	}
	/* a worker that is killed leaves nothing that a sweep does not find */
	if (objects && scene_kills_worker(point))
		journal_sweep();
	if (objects && left_since(objects, text, sizeof text)[0]) {
		for (unsigned i = 0; i < count; i++)
			fail(&verdicts[i], "%sleft behind: %s",
			     count > 1 ? "one of its block: " : "", text);
	}
	if (left_descriptors() != descriptors) {
		for (unsigned i = 0; i < count; i++)
			fail(&verdicts[i], "block_run() left %d descriptors open",
			     (int)(left_descriptors() - descriptors));
	}
	if (stage->reports && report(stage->reports, text, sizeof text)[0]) {
		for (unsigned i = 0; i < count; i++) {
			size_t said = strlen(verdicts[i].reason);
			if (verdicts[i].is == FAILED)
				snprintf(verdicts[i].reason + said, REASON - said, "; %s", text);
			else
				fail(&verdicts[i], "%s%s", count > 1 ? "one of its block: " : "",
				     text);
		}
	}
}

/* Plays a part of the points once. Those whose verdict is still unknown afterwards were broken off.
 */
static void play_once(const struct stage *stage, const struct point *const points[], unsigned count,
		      unsigned attempt, struct verdict *const verdicts[])
{
	const struct cell *cells[SCENE_MOST];
	struct outcome outcomes[SCENE_MOST];
	struct disturbance d = { .stage = stage, .point = points[0] };
	enum act act = points[0]->act;
	struct block_options options = { .registry = stage->registry,
					 .ticks_per_ns = stage->ticks_per_ns,
					 .seed = stage->seed + attempt,
					 .cycles = scene_cycles(points[0]->cell.size),
					 .operations = scene_operations(points[0]) };

	for (unsigned i = 0; i < count; i++)
		cells[i] = &points[i]->cell;
	if (act != PLAY) {
		options.started = started;
		options.context = &d;
	}
	/* half of those who are killed wait in the gate, the others are somewhere in their loop;
	 * the gate does not wait for the worker */
	if (act == KILL &&
	    ((points[0]->value[DEPTH] + points[0]->value[WAIT] + points[0]->whom) % 2 ||
	     is_worker(points[0])) &&
	    (attempt < 3 || is_worker(points[0]))) {
		options.cycles = LONG_CYCLES;
		d.delay_us = attempt < 3 ? 1 + (unsigned)(stage->seed * 7919 % 1500) : 1;
	}
	int failed = block_run(&options, cells, NULL, count, outcomes);

	if (d.begun) {
		pthread_join(d.thread, NULL);
		sem_destroy(&d.held);
	}
	for (unsigned i = 0; i < count; i++) {
		if (failed)
			fail(verdicts[i],
			     failed > 0 ? "interrupted" : "the block could not be started");
		else if (d.trouble[0])
			fail(verdicts[i], "%s%s%s", d.trouble, outcomes[i].reason[0] ? "; " : "",
			     outcomes[i].reason);
		else if (act == KILL && d.begun && d.delay_us && outcomes[i].state == BLOCK_OK)
			continue; /* it was over before it was killed: once more */
		else if (act == KILL && d.begun)
			judge_killed(&d, &outcomes[i], verdicts[i]);
		else if (act == LATE && d.begun)
			judge_late(&d, &outcomes[i], verdicts[i]);
		else if (outcomes[i].state != BLOCK_BROKEN)
			judge_played(&outcomes[i], options.cycles, options.operations,
				     is_lossy(stage, points[i]), verdicts[i]);
		outcome_free(&outcomes[i]);
	}
}

static bool enough(const struct stage *stage, unsigned failures)
{
	return stage->most_failures && failures >= stage->most_failures;
}

void scene_play(const struct stage *stage, const struct point *const points[], unsigned count,
		const struct left_objects *objects, struct verdict verdicts[])
{
	unsigned descriptors = left_descriptors();
	unsigned failures = 0;

	memset(verdicts, 0, count * sizeof *verdicts);
	for (unsigned attempt = 0; attempt < ATTEMPTS + count; attempt++) {
		const struct point *left[SCENE_MOST];
		struct verdict *theirs[SCENE_MOST];
		unsigned n = 0;

		failures = 0;
		for (unsigned i = 0; i < count; i++) {
			failures += verdicts[i].is == FAILED;
			if (verdicts[i].is != UNKNOWN)
				continue;
			left[n] = points[i];
			theirs[n++] = &verdicts[i];
		}
		if (n == 0 || enough(stage, failures))
			break;
		play_once(stage, left, n, attempt, theirs);
	}
	for (unsigned i = 0; i < count; i++) {
		if (verdicts[i].is == UNKNOWN && !enough(stage, failures))
			fail(&verdicts[i], "it never came to an end of its own");
	}
	judge_left(stage, points[0], count, objects, descriptors, verdicts);
}
