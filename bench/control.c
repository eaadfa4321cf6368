/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control.c - what the machine takes for the parts of a crossing: children of toll that do one
 * thing again and again, on the CPUs where the cells are measured. */
#include "control.h"

#include <linux/futex.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../analysis/statistics.h"
#include "block.h"
#include "crossing.h"
#include "grow.h"
#include "pinned.h"
#include "say.h"

enum { TURNS = 15, WAKES = 24, SLOTS = 96, APART = 128, LOOK = 4096 };
static const double TURN_NS = 50e3, IDLE_NS = 50e3, PATIENCE_NS = 2e9;
/* What a copy beyond all caches may take; where a cache is larger, there is none. */
static const size_t COPY_MOST = 128 << 20;

const char *control_name(enum control_kind kind)
{
	static const char *const names[] = {
		[CONTROL_CLOCK] = "clock",
		[CONTROL_GETPPID] = "getppid",
		[CONTROL_WAKE_NOBODY] = "futex-wake",
		[CONTROL_WAIT_NOT] = "futex-wait",
		[CONTROL_PIPE_BYTE] = "pipe-byte",
		[CONTROL_HANDOVER] = "hand-over",
		[CONTROL_SWITCH] = "switch",
		[CONTROL_COPY] = "copy",
		[CONTROL_LINE] = "lines",
		[CONTROL_WAKE_AWAKE] = "wake-awake",
		[CONTROL_WAKE_IDLE] = "wake-idle",
		[CONTROL_SELF] = "self",
	};

	return names[kind];
}

/* ---- which there are ---- */

static struct control *add(struct control **controls, size_t *n, enum control_kind kind, int cpu)
{
	struct control *control = GROW_APPEND(*controls, *n);

	if (!control) {
		say_error("out of memory");
		return NULL;
	}
	control->kind = kind;
	control->cpus[0] = cpu;
	control->cpu_count = 1;
	return control;
}

/* A copy whose source and destination fill half a cache; beyond the last, twice that. */
static int add_copies(const struct place *place, int cpu, struct control **controls, size_t *n)
{
	size_t last = 0;

	for (unsigned level = 1; level <= 4; level++) {
		size_t cache = level < 4 ? place_cache_bytes(place, cpu, level) : last;

		if (cache == 0 || (level < 4 && cache <= last))
			continue;
		struct control *control = add(controls, n, CONTROL_COPY, cpu);

		if (!control)
			return -1;
		control->bytes = level < 4 ? cache / 4 : cache;
		if (level < 4)
			snprintf(control->name, sizeof control->name, "L%u", level);
		else
			snprintf(control->name, sizeof control->name, "memory");
		if (2 * control->bytes > COPY_MOST)
			snprintf(control->reason, sizeof control->reason,
				 "a cache of %zu MiB: a copy beyond it would take over %zu MiB",
				 cache >> 20, COPY_MOST >> 20);
		last = cache;
	}
	return 0;
}

int control_list(const struct place *place, int cpu, struct control **controls, size_t *n)
{
	for (enum control_kind kind = CONTROL_CLOCK; kind <= CONTROL_SWITCH; kind++)
		if (!add(controls, n, kind, cpu))
			return -1;
	return add_copies(place, cpu, controls, n);
}

int control_list_pair(const struct place *place, int from, int to, struct control **controls,
		      size_t *n)
{
	static const unsigned lines[] = { 1, 2, 64 };
	size_t line = place_line_bytes(place);

	for (unsigned i = 0; i < 3; i++) {
		struct control *control = add(controls, n, CONTROL_LINE, from);

		if (!control)
			return -1;
		control->bytes = lines[i] * line;
	}
	for (enum control_kind kind = CONTROL_WAKE_AWAKE; kind <= CONTROL_WAKE_IDLE; kind++)
		if (!add(controls, n, kind, from))
			return -1;
	for (size_t i = *n - 5; i < *n; i++) {
		(*controls)[i].cpus[1] = to;
		(*controls)[i].cpu_count = 2;
	}
	return 0;
}

/* ---- what children share ---- */

struct bench {
	/* toll, before */
	double ticks_per_ns;
	size_t bytes, line;
	/* the first child */
	double ns;
	bool broken;         /* something did not come about: what was timed is worth nothing */
	uint64_t operations; /* all, those not timed too */
	struct tally_of {    /* of each child, by itself, over its operations */
		_Alignas(APART) uint64_t calls;
		double switches, sleeps;
		uint64_t yields;
	} child[2];
	_Alignas(APART) uint32_t turn; /* whose it is; whoever has it writes it */
	_Alignas(APART) uint32_t stop; /* the first child */
	unsigned char *slots;
	int pipe[2];
};

/* One thing, so many times. */
typedef void doing(struct bench *bench, unsigned times);

static double time_once(struct bench *b, doing *what, unsigned times)
{
	uint64_t start = block_ticks();

	what(b, times);
	b->operations += times;
	return (double)(block_ticks() - start) / b->ticks_per_ns;
}

/* Fits how many make a turn, and takes the median of some turns: ns for each. */
static double time_turns(struct bench *b, doing *what)
{
	double ns[TURNS];
	unsigned times = 1;

	while (time_once(b, what, times) < TURN_NS && times < 1U << 24 && !b->broken)
		times *= 2;
	for (unsigned i = 0; i < TURNS && !b->broken; i++)
		ns[i] = time_once(b, what, times) / times;
	return b->broken ? NAN : statistics_median(ns, TURNS);
}

static void usage_since(const struct rusage *before, struct tally_of *tally)
{
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	tally->sleeps = (double)(now.ru_nvcsw - before->ru_nvcsw);
	tally->switches = tally->sleeps + (double)(now.ru_nivcsw - before->ru_nivcsw);
}

/* ---- alone ---- */

static void read_clock(struct bench *b, unsigned times)
{
	(void)b;
	for (; times > 0; times--)
		block_ticks();
}

static void ask_parent(struct bench *b, unsigned times)
{
	(void)b;
	for (; times > 0; times--)
		syscall(SYS_getppid);
}

/* Without FUTEX_PRIVATE_FLAG, as between processes. */
static void wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void wait_while(uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void wake_nobody(struct bench *b, unsigned times)
{
	for (; times > 0; times--)
		wake(&b->turn);
}

static void wait_not(struct bench *b, unsigned times)
{
	for (; times > 0; times--)
		wait_while(&b->turn, 1);
}

static void pass_byte(struct bench *b, unsigned times)
{
	char byte = 0;

	for (; times > 0; times--)
		if (write(b->pipe[1], &byte, 1) != 1 || read(b->pipe[0], &byte, 1) != 1) {
			b->broken = true;
			return;
		}
}

static void copy(struct bench *b, unsigned times)
{
	for (; times > 0; times--) {
		memcpy(b->slots + b->bytes, b->slots, b->bytes);
		__asm__ volatile("" : : "r"(b->slots) : "memory");
	}
}

static void run_alone(struct bench *b, doing *what)
{
	b->ns = time_turns(b, what);
}

static void clock_child(void *context)
{
	run_alone(context, read_clock);
}

static void getppid_child(void *context)
{
	run_alone(context, ask_parent);
}

static void wake_nobody_child(void *context)
{
	run_alone(context, wake_nobody);
}

static void wait_not_child(void *context)
{
	run_alone(context, wait_not);
}

static void pipe_byte_child(void *context)
{
	struct bench *b = context;

	if (pipe(b->pipe) == 0)
		run_alone(b, pass_byte);
}

static void copy_child(void *context)
{
	struct bench *b = context;

	/* in pages as large as there are, so that it is the copy that takes the time */
	void *memory = mmap(NULL, 2 * b->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	if (memory == MAP_FAILED)
		return;
	madvise(memory, 2 * b->bytes, MADV_HUGEPAGE);
	memset(memory, 1, 2 * b->bytes);
	b->slots = memory;
	run_alone(b, copy);
}

/* ---- two on one CPU ---- */

static void hand_over(struct bench *b, unsigned times)
{
	for (; times > 0; times--) {
		/* release, acquire: as a message that is handed over with the turn would need it */
		__atomic_store_n(&b->turn, 1, __ATOMIC_RELEASE);
		wake(&b->turn);
		b->child[0].calls++;
		while (__atomic_load_n(&b->turn, __ATOMIC_ACQUIRE) != 0) {
			wait_while(&b->turn, 1);
			b->child[0].calls++;
		}
	}
}

/* So that who is woken does not take the CPU at once: each hand-over is then one wake-up, one sleep
 * and one switch, whatever the scheduler thinks of the two. */
static void be_patient(void)
{
	struct sched_param param = { 0 };

	sched_setscheduler(0, SCHED_BATCH, &param);
}

static void hand_over_child(void *context)
{
	struct bench *b = context;
	struct rusage before;

	be_patient();
	getrusage(RUSAGE_SELF, &before);
	b->ns = time_turns(b, hand_over);
	usage_since(&before, &b->child[0]);
	__atomic_store_n(&b->stop, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&b->turn, 1, __ATOMIC_RELEASE);
	wake(&b->turn);
}

static void hand_back_child(void *context)
{
	struct bench *b = context;
	struct rusage before;

	be_patient();
	while (__atomic_load_n(&b->turn, __ATOMIC_ACQUIRE) != 1)
		wait_while(&b->turn, 0);
	getrusage(RUSAGE_SELF, &before);
	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		__atomic_store_n(&b->turn, 0, __ATOMIC_RELEASE);
		wake(&b->turn);
		b->child[1].calls++;
		while (__atomic_load_n(&b->turn, __ATOMIC_ACQUIRE) != 1) {
			wait_while(&b->turn, 0);
			b->child[1].calls++;
		}
	}
	usage_since(&before, &b->child[1]);
}

static void yield(struct bench *b, unsigned times)
{
	for (; times > 0; times--)
		syscall(SYS_sched_yield);
	(void)b;
}

/* A yield is a system call and, with another that yields as well, most often a switch. What the
 * calls take is known; how often this one was put aside the kernel tells, and each time is a switch
 * away and one back. */
static double time_switches(struct bench *b, unsigned times, double call_ns)
{
	uint64_t yields = b->child[1].yields;
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	uint64_t start = block_ticks();

	yield(b, times);
	double took = (double)(block_ticks() - start) / b->ticks_per_ns;

	getrusage(RUSAGE_SELF, &after);
	double switches = 2.0 * (double)(after.ru_nivcsw - before.ru_nivcsw + after.ru_nvcsw -
					 before.ru_nvcsw);

	yields = b->child[1].yields - yields + times;
	/* most of them have to switch: what a yield does that comes to nothing is not known */
	return switches > 0.8 * (double)yields ? (took - (double)yields * call_ns) / switches : NAN;
}

static void switch_child(void *context)
{
	struct bench *b = context;
	double call_ns = time_turns(b, ask_parent), ns[TURNS];
	size_t n = 0;

	__atomic_store_n(&b->turn, 1, __ATOMIC_RELEASE);
	wake(&b->turn);
	/* until the other yields too */
	for (unsigned i = 0; i < LOOK && b->child[1].yields == 0; i++)
		syscall(SYS_sched_yield);
	for (unsigned i = 0; i < TURNS; i++) {
		ns[n] = time_switches(b, (unsigned)(TURN_NS / 10 / call_ns) + 1, call_ns);
		n += ns[n] > 0;
	}
	b->ns = n > TURNS / 2 ? statistics_median(ns, n) : NAN;
	__atomic_store_n(&b->stop, 1, __ATOMIC_RELAXED);
}

static void switch_back_child(void *context)
{
	struct bench *b = context;

	while (__atomic_load_n(&b->turn, __ATOMIC_ACQUIRE) != 1)
		wait_while(&b->turn, 0);
	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		syscall(SYS_sched_yield);
		__atomic_store_n(&b->child[1].yields, b->child[1].yields + 1, __ATOMIC_RELAXED);
	}
}

/* ---- lines from one CPU to the other ---- */

/* A message of so many lines, whole; the last line says whose turn it is. */
static void write_lines(const struct bench *b, unsigned char *slot, uint32_t turn)
{
	uint32_t *flag = (uint32_t *)(void *)(slot + b->bytes - b->line);

	memset(slot, (int)turn, b->bytes - b->line);
	/* release: the other lines are there before the flag changes */
	__atomic_store_n(flag, turn, __ATOMIC_RELEASE);
}

/* All of it, as a receiver that checks it does. */
static void take_lines(const struct bench *b, const unsigned char *slot)
{
	const unsigned char *end = slot + b->bytes - b->line;
	volatile uint64_t sink;
	uint64_t sum = 0, word;

	for (const unsigned char *at = slot; at < end; at += sizeof word) {
		memcpy(&word, at, sizeof word);
		sum += word;
	}
	sink = sum;
	(void)sink;
}

static bool read_lines(const struct bench *b, unsigned char *slot, uint32_t turn)
{
	uint32_t *flag = (uint32_t *)(void *)(slot + b->bytes - b->line);
	uint64_t until = 0;

	for (unsigned i = 1; __atomic_load_n(flag, __ATOMIC_ACQUIRE) != turn; i++) {
		if (i % LOOK)
			continue;
		if (__atomic_load_n(&b->stop, __ATOMIC_RELAXED))
			return false;
		until = until ? until : block_ticks() + (uint64_t)(PATIENCE_NS * b->ticks_per_ns);
		if (block_ticks() > until)
			return false;
	}
	take_lines(b, slot);
	return true;
}

/* One line or two are others each time, and go to and fro: which it is matters. Many have a place
 * for each way, as messages have; of several such, some would lie in a farther cache. */
static unsigned char *slot_of(const struct bench *b, uint64_t operation, bool back)
{
	if (b->bytes > APART)
		return back ? b->slots + b->bytes : b->slots;
	return b->slots + operation % SLOTS * APART;
}

/* What writing and reading take where nothing crosses. */
static void keep_lines(struct bench *b, unsigned times)
{
	for (uint64_t i = b->operations; times > 0; times--, i++) {
		unsigned char *slot = slot_of(b, i, false);

		write_lines(b, slot, (uint32_t)i);
		take_lines(b, slot);
	}
}

static void pass_lines(struct bench *b, unsigned times)
{
	for (uint64_t i = b->operations; times > 0; times--, i++) {
		write_lines(b, slot_of(b, i, false), 2 * (uint32_t)i + 1);
		if (!read_lines(b, slot_of(b, i, true), 2 * (uint32_t)i + 2)) {
			b->broken = true;
			return;
		}
	}
}

/* The crossing alone: without what writing and reading would take on one CPU. */
static void pass_lines_child(void *context)
{
	struct bench *b = context;
	double both_ways = time_turns(b, pass_lines);

	__atomic_store_n(&b->stop, 1, __ATOMIC_RELAXED);
	double crossing = both_ways / 2 - time_turns(b, keep_lines);

	/* less than nothing: something else took its time meanwhile */
	b->ns = crossing > 0 ? crossing : NAN;
}

static void pass_back_child(void *context)
{
	struct bench *b = context;

	for (uint64_t i = 0; read_lines(b, slot_of(b, i, false), 2 * (uint32_t)i + 1); i++)
		write_lines(b, slot_of(b, i, true), 2 * (uint32_t)i + 2);
}

/* ---- the whole ---- */

static int measure_wake(const struct control *control, double ticks_per_ns,
			struct control_value *value)
{
	double ns[WAKES];
	size_t n = WAKES;
	int status = crossing_wakes(control->cpus[0], control->cpus[1], ticks_per_ns, IDLE_NS,
				    control->kind == CONTROL_WAKE_AWAKE, ns, &n);

	if (status == 0 && n > 0)
		value->ns = statistics_median(ns, n);
	return status;
}

int control_measure(const struct control *control, double ticks_per_ns, struct control_value *value)
{
	static void (*const children[][2])(void *) = {
		[CONTROL_CLOCK] = { clock_child },
		[CONTROL_GETPPID] = { getppid_child },
		[CONTROL_WAKE_NOBODY] = { wake_nobody_child },
		[CONTROL_WAIT_NOT] = { wait_not_child },
		[CONTROL_PIPE_BYTE] = { pipe_byte_child },
		[CONTROL_HANDOVER] = { hand_over_child, hand_back_child },
		[CONTROL_SWITCH] = { switch_child, switch_back_child },
		[CONTROL_COPY] = { copy_child },
		[CONTROL_LINE] = { pass_lines_child, pass_back_child },
	};
	size_t slots = control->kind != CONTROL_LINE ? 0
		       : control->bytes > APART      ? 2 * control->bytes
						     : (size_t)SLOTS * APART;

	*value = (struct control_value){ NAN, NAN, NAN, NAN };
	if (control->kind == CONTROL_WAKE_AWAKE || control->kind == CONTROL_WAKE_IDLE)
		return measure_wake(control, ticks_per_ns, value);
	struct bench *b = pinned_memory(sizeof *b + APART + slots);

	if (!b)
		return -1;
	b->ticks_per_ns = ticks_per_ns;
	b->ns = NAN;
	b->bytes = control->bytes;
	b->line = control->kind == CONTROL_LINE && control->bytes < 64 ? control->bytes : 64;
	b->slots = (unsigned char *)b + (sizeof *b + APART - 1) / APART * APART;
	bool both = children[control->kind][1];
	const struct pinned jobs[] = {
		{ .cpu = control->cpus[0], .run = children[control->kind][0], .context = b },
		{ .cpu = control->cpus[control->cpu_count - 1],
		  .run = children[control->kind][1],
		  .context = b },
	};
	int status = pinned_run(jobs, both ? 2 : 1);

	value->ns = status == 0 ? b->ns : NAN;
	if (status == 0 && control->kind == CONTROL_HANDOVER && b->operations) {
		double operations = (double)b->operations;

		value->switches = (b->child[0].switches + b->child[1].switches) / operations;
		value->sleeps = (b->child[0].sleeps + b->child[1].sleeps) / operations;
		value->calls = (double)(b->child[0].calls + b->child[1].calls) / operations;
	}
	pinned_free(b, sizeof *b + APART + slots);
	return status;
}
