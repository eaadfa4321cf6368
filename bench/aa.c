/* SPDX-License-Identifier: GPL-3.0-or-later */
/* aa.c - toll aa: identical cells side by side, and where the outcome is kept. */
#include "aa.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../analysis/statistics.h"
#include "../analysis/verdict.h"
#include "block.h"
#include "run.h"
#include "say.h"
#include "worker/random.h"

enum { CELLS = PLAN_BLOCK_CELLS, SERIES = 64, GIVE_UP = 3 };
static const double TURN_NS = 60e3, VISIT_SECONDS = 2, LEVEL = 0.05, ERRS = 0.01;

static const struct kind {
	const char *name, *size, *wait, *placement;
	unsigned cycles;
	const char *mechanism, *cpus; /* NULL: all; where the placement says */
} kinds[AA_CLASSES] = {
	{ "same-cpu, blocking, 64 B", "64", "block", "same-cpu", 40, NULL, NULL },
	{ "across, blocking, awake, 64 B", "64", "block", "across", 40, NULL, NULL },
	{ "across, spinning, 56 B", "56", "spin", "across", 100, NULL, NULL },
	{ "same-cpu, blocking, 64 KiB", "64K", "block", "same-cpu", 40, NULL, NULL },
};

const char *aa_text(enum aa_verdict verdict)
{
	static const char *const texts[] = { "passed", "failed", "can't tell" };
	return texts[verdict];
}

unsigned aa_limit(unsigned sets)
{
	return statistics_binomial_limit(sets, LEVEL, 1 - ERRS / AA_CLASSES);
}

/* --- measuring -------------------------------------------------------------------------------- */

struct series { /* the pairs of one mechanism */
	double *value;
	size_t n, room;
};

struct trial {
	const struct registry *registry;
	const struct place *place;
	const struct config *asked; /* for the seed */
	struct aa *aa;
	double ticks_per_ns, deadline;
	uint64_t random;
};

static bool add(struct series *series, double value)
{
	if (!isfinite(value))
		return true;
	if (series->n == series->room) {
		size_t room = series->room ? 2 * series->room : 64;
		double *grown = reallocarray(series->value, room, sizeof *grown);

		if (!grown)
			return false;
		series->value = grown;
		series->room = room;
	}
	series->value[series->n++] = value;
	return true;
}

/* Every mechanism twice, those that can do it here and side by side. NULL after say_error(). */
static struct plan *plan_kind(const struct trial *trial, const struct kind *kind)
{
	struct config *config = config_new();
	struct plan *plan = NULL;

	if (!config || config_override(config, "size", kind->size) ||
	    config_override(config, "wait", kind->wait) ||
	    config_override(config, kind->cpus ? "cpus" : "placement",
			    kind->cpus ? kind->cpus : kind->placement) ||
	    (kind->mechanism && config_override(config, "mechanism", kind->mechanism)))
		goto end;
	config->grids[0].replicas = 2;
	config->seed_given = trial->asked->seed_given;
	config->seed = trial->asked->seed;
	plan = plan_make(config, trial->registry, trial->place);
end:
	config_free(config);
	return plan;
}

/* Pairs of twins that stand behind each other in the plan; returns their number. */
static size_t find_twins(const struct plan *plan, const struct cell *twins[][2])
{
	size_t n = 0;

	for (size_t c = 0; c + 1 < plan->cell_count && n < SERIES; c++) {
		const struct cell *a = &plan->cells[c].cell, *b = &plan->cells[c + 1].cell;
		if (a->replica != 0 || b->replica != 1 || a->sequential ||
		    strcmp(a->mechanism, b->mechanism) != 0)
			continue;
		twins[n][0] = a;
		twins[n++][1] = b;
	}
	return n;
}

/* One block visit of some twins: 0, 1 interrupted, −1. */
static int visit(struct trial *trial, const struct kind *kind, const struct cell *const twins[][2],
		 struct series series[], size_t from, size_t to)
{
	const struct cell *cells[CELLS] = { NULL };
	struct outcome outcomes[CELLS];
	const struct block_options options = { .registry = trial->registry,
					       .ticks_per_ns = trial->ticks_per_ns,
					       .seed = random_next(&trial->random),
					       .cycles = kind->cycles,
					       .turn_ns = TURN_NS,
					       .seconds = VISIT_SECONDS,
					       .canary = true };
	unsigned n = 0;

	for (size_t i = from; i < to; i++) {
		cells[n++] = twins[i][0];
		cells[n++] = twins[i][1];
	}
	int status = block_run(&options, cells, NULL, n, outcomes);

	for (unsigned i = 0; i < n && status == 0; i += 2) {
		const struct outcome *a = &outcomes[i], *b = &outcomes[i + 1];

		if (a->state != BLOCK_OK || b->state != BLOCK_OK) {
			trial->aa->failures++;
			continue;
		}
		size_t turns = a->turns < b->turns ? a->turns : b->turns;
		if (!add(&series[from + i / 2], statistics_pair(a->batch_ns, b->batch_ns, turns))) {
			say_error("out of memory");
			status = -1;
		}
	}
	for (unsigned i = 0; i < n; i++)
		outcome_free(&outcomes[i]);
	return status;
}

/* Sets, rejections and spreads of what was measured. false when memory runs out. */
static bool judge(struct aa_class *class, const struct series series[], size_t n)
{
	size_t all = 0;

	for (size_t s = 0; s < n; s++)
		class->pairs += series[s].n;
	double *around = malloc((class->pairs + 1) * sizeof *around);
	if (!around)
		return false;
	for (size_t s = 0; s < n; s++) {
		if (series[s].n == 0)
			continue;
		double median = statistics_median(series[s].value, series[s].n);

		for (size_t i = 0; i < series[s].n; i++)
			around[all++] = series[s].value[i] - median;
		for (size_t at = 0; at + AA_PAIRS <= series[s].n; at += AA_PAIRS, class->sets++) {
			struct verdict verdict;

			verdict_pairs(&verdict, series[s].value + at, AA_PAIRS, 0.02);
			class->rejected += verdict.p_difference < LEVEL;
		}
	}
	class->sd = statistics_sd(around, all);
	class->robust = all ? statistics_mad_sd(around, all) : NAN;
	class->limit = aa_limit(class->sets);
	free(around);
	return true;
}

static int run_class(struct trial *trial, const struct kind *kind, struct aa_class *class)
{
	const struct cell *twins[SERIES][2];
	struct series series[SERIES] = { { .n = 0 } };
	struct plan *plan = plan_kind(trial, kind);
	int status = -1;

	class->sd = class->robust = NAN;
	if (!plan)
		return -1;
	if (kind == kinds)
		trial->random = trial->aa->seed = plan->seed;
	size_t n = find_twins(plan, twins);
	if (n == 0) {
		snprintf(class->lacking, sizeof class->lacking, "%s",
			 plan->refused_count ? plan->refused[0].reason : "no mechanism can");
		status = 0;
		goto end;
	}
	const size_t room = CELLS / 2;
	unsigned before = trial->aa->failures, visits = 0;
	for (size_t from = 0;; visits++, from = from + room < n ? from + room : 0) {
		char left[24];
		double rest = trial->deadline - block_now_s();

		if (rest <= 0 && from == 0)
			break;
		say_progress("%s: visit %u, %s left for it", kind->name, visits + 1,
			     say_duration(rest > 0 ? rest : 0, left));
		status = visit(trial, kind, twins, series, from, from + room < n ? from + room : n);
		if (status || block_signal()) {
			status = status < 0 ? -1 : 1;
			goto end;
		}
		if (series[from].n == 0 && trial->aa->failures - before > GIVE_UP * n) {
			say_error("aa: %s: workers fail one after the other; toll one shows why",
				  kind->name);
			status = -1;
			goto end;
		}
	}
	status = judge(class, series, n) ? 0 : -1;
	if (status)
		say_error("out of memory");
end:
	for (size_t s = 0; s < SERIES; s++)
		free(series[s].value);
	plan_free(plan);
	return status;
}

int aa_run(const struct config *asked, const struct registry *registry, const struct place *place,
	   struct aa *aa)
{
	struct trial trial = { .registry = registry, .place = place, .asked = asked, .aa = aa };
	double cost_ns, step_ns, started = block_now_s();
	int status = 0;

	unsigned measured = 0, enough = 0;

	*aa = (struct aa){ .verdict = AA_UNTOLD };
	block_catch_signals();
	block_clock(&trial.ticks_per_ns, &cost_ns, &step_ns);
	for (size_t k = 0; k < AA_CLASSES && status == 0; k++) {
		aa->class[k].name = kinds[k].name;
		trial.deadline = block_now_s() + (started + asked->budget_s - block_now_s()) /
							 (double)(AA_CLASSES - k);
		status = run_class(&trial, &kinds[k], &aa->class[k]);
		measured += !*aa->class[k].lacking;
		enough += aa->class[k].sets >= AA_LEAST_SETS;
		if (aa->class[k].rejected > aa->class[k].limit)
			aa->verdict = AA_FAILED;
	}
	if (aa->verdict != AA_FAILED && measured && enough == measured)
		aa->verdict = AA_PASSED;
	say_progress(NULL);
	block_release_signals();
	aa->seconds = block_now_s() - started;
	return status < 0 ? EXIT_USAGE : status ? 128 + block_signal() : EXIT_FINE;
}

int aa_glance(struct aa_glance *glance, const struct registry *registry, const struct place *place,
	      const int cpus[2], double ticks_per_ns, double seconds)
{
	char where[32];
	struct kind kind = { .size = "64", .wait = "block", .cpus = where, .cycles = 40 };
	const struct config asked = { .seed_given = false };
	struct aa aa = { .failures = 0 };
	struct trial trial = { .registry = registry,
			       .place = place,
			       .asked = &asked,
			       .aa = &aa,
			       .ticks_per_ns = ticks_per_ns,
			       .deadline = block_now_s() + seconds };
	const struct cell *twins[SERIES][2];
	struct series series[SERIES] = { { .n = 0 } };
	int status = -1;

	/* some that every machine has: kernel channels that sleep on one CPU, lines that spin
	 * between two */
	kind.mechanism = "pipe,unix-stream,futex";
	if (cpus[0] != cpus[1]) {
		kind.mechanism = "mailbox,futex,ring:layout=slot";
		kind.size = "56";
		kind.wait = "spin";
		kind.cycles = 100;
	}
	snprintf(where, sizeof where, "%d,%d", cpus[0], cpus[1]);
	struct plan *plan = plan_kind(&trial, &kind);

	if (!plan)
		return -1;
	trial.random = plan->seed;
	size_t n = find_twins(plan, twins);

	n = n < CELLS / 2 ? n : CELLS / 2;
	for (status = 0; n && status == 0;) {
		status = visit(&trial, &kind, twins, series, 0, n);
		if (block_signal())
			status = 1;
		if (block_now_s() >= trial.deadline)
			break;
	}
	for (size_t s = 0; s < SERIES; s++) {
		for (size_t i = 0; i < series[s].n && glance->n < AA_GLANCE; i++)
			glance->ln_ratio[glance->n++] = series[s].value[i];
		free(series[s].value);
	}
	glance->failures += aa.failures;
	plan_free(plan);
	return status;
}

/* --- what is kept ----------------------------------------------------------------------------- */

static bool state_path(char *path, size_t bytes)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state &&
	    *state == '/') /* a relative one is to be ignored, says the XDG specification */
		return (size_t)snprintf(path, bytes, "%s/toll/aa.json", state) < bytes;
	return home && *home == '/' &&
	       (size_t)snprintf(path, bytes, "%s/.local/state/toll/aa.json", home) < bytes;
}

static bool make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		bool there = mkdir(path, 0700) == 0 || errno == EEXIST;
		*slash = '/';
		if (!there)
			return false;
	}
	return true;
}

static void read_boot_id(char *id, size_t bytes)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	*id = '\0';
	if (file && fgets(id, (int)bytes, file))
		id[strcspn(id, "\n")] = '\0';
	if (file)
		fclose(file);
}

void aa_store(const struct aa *aa)
{
	char path[PATH_MAX], temporary[PATH_MAX + 16], boot[64];

	if (!state_path(path, sizeof path)) {
		say_warning("the outcome is not kept: neither XDG_STATE_HOME nor HOME names a "
			    "folder");
		return;
	}
	read_boot_id(boot, sizeof boot);
	snprintf(temporary, sizeof temporary, "%s.%d", path, (int)getpid());
	json_t *object = json_pack("{s:s, s:I, s:s, s:f, s:I}", "verdict", aa_text(aa->verdict),
				   "time", (json_int_t)time(NULL), "boot_id", boot, "seconds",
				   aa->seconds, "seed", (json_int_t)aa->seed);
	errno = 0;
	if (!object || !make_folders(path) ||
	    json_dump_file(object, temporary, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) ||
	    rename(temporary, path)) {
		say_warning("%s: %s; toll vs will not know of this outcome", path,
			    errno ? strerror(errno) : "it could not be written");
		unlink(temporary);
	}
	json_decref(object);
}

struct aa_last aa_last(void)
{
	struct aa_last last = { .known = false };
	char path[PATH_MAX], boot[64];
	const char *verdict, *its_boot;
	json_int_t at;

	if (!state_path(path, sizeof path))
		return last;
	json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	if (object && json_unpack(object, "{s:s, s:I, s:s}", "verdict", &verdict, "time", &at,
				  "boot_id", &its_boot) == 0) {
		read_boot_id(boot, sizeof boot);
		last.this_boot = *boot && strcmp(boot, its_boot) == 0;
		last.age_s = fmax(0, difftime(time(NULL), (time_t)at));
		for (int v = AA_PASSED; v <= AA_UNTOLD; v++)
			if (strcmp(verdict, aa_text((enum aa_verdict)v)) == 0) {
				last.verdict = (enum aa_verdict)v;
				last.known = true;
			}
	}
	json_decref(object);
	return last;
}
