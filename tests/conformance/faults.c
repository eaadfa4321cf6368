/* SPDX-License-Identifier: GPL-3.0-or-later */
/* faults.c - the checks can fail: plug-ins that break one promise each (tests/plugins) must be
 * found out, and for the right reason. */
#include "faults.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/block.h"
#include "bench/say.h"
#include "tests/unit/said.h"

/* What faulty.c does with fault=NAME, in which act it shows, and what must be said. */
static const struct fault {
	const char *name;
	enum act act;
	enum cell_wait wait;
	bool threads;
	const char *reason; /* as fnmatch(3); NULL: it conforms */
} faults[] = {
	{ "none", PLAY, WAIT_BLOCK, false, NULL },
	{ "none", HOLD, WAIT_BLOCK, true, NULL },
	{ "none", KILL, WAIT_YIELD, false, NULL },
	{ "drop", PLAY, WAIT_BLOCK, false, "*a message was lost, doubled or out of order*" },
	{ "drop", PLAY, WAIT_YIELD, true, "*a message was lost, doubled or out of order*" },
	{ "double", PLAY, WAIT_BLOCK, false, "*a message was lost, doubled or out of order*" },
	{ "reorder", PLAY, WAIT_BLOCK, false, "*a message was lost, doubled or out of order*" },
	{ "flip", PLAY, WAIT_BLOCK, false,
	  "*content or length of message 50 changed on its way (64 B)" },
	{ "shorten", PLAY, WAIT_BLOCK, false,
	  "*content or length of message 50 changed on its way (99 B)" },
	{ "overrun", HOLD, WAIT_BLOCK, false, "*a message was lost, doubled or out of order*" },
	{ "wakeful", HOLD, WAIT_BLOCK, false, "peer * does not sleep while it waits for peer *" },
	{ "deaf", KILL, WAIT_BLOCK, false,
	  "when peer * was dead, * of the others did not leave within 2 s" },
	{ "never", PLAY, WAIT_BLOCK, false, "it hangs: no turn ended for * s*" },
	{ "crash", PLAY, WAIT_BLOCK, false, "peer * died: Aborted" },
	{ "crash", PLAY, WAIT_BLOCK, true, "its worker died: Aborted" },
	{ "no-open", PLAY, WAIT_BLOCK, false, "opening faulty: No space left on device" },
	{ "no-attach", PLAY, WAIT_BLOCK, false, "peer * attaching to faulty: Too many open files" },
	{ "no-attach", PLAY, WAIT_BLOCK, true, "peer * attaching to faulty: Too many open files" },
	{ "no-commit", PLAY, WAIT_BLOCK, false, "peer 0: commit: Input/output error" },
	{ "no-commit", PLAY, WAIT_BLOCK, true, "peer 0: commit: Input/output error" },
	{ "orphan", PLAY, WAIT_BLOCK, false, "left behind: process *toll-worker*" },
	{ "litter", PLAY, WAIT_BLOCK, false, "left behind: /dev/shm/toll-faulty-*" },
};

/* What none but a sanitizer sees. */
static const struct misuse {
	const char *sanitizer;
	struct fault fault;
} misuses[] = {
	{ "address",
	  { "overflow", PLAY, WAIT_BLOCK, false,
	    "peer 0 *SUMMARY: AddressSanitizer: heap-buffer-overflow*" } },
	{ "address",
	  { "undefined", PLAY, WAIT_BLOCK, false, "peer 0 *UndefinedBehaviorSanitizer*" } },
	{ "thread", { "race", PLAY, WAIT_BLOCK, true, "*SUMMARY: ThreadSanitizer: data race*" } },
};

/* A plug-in that must not load, and what is said. */
static const struct bad {
	const char *file, *said;
} bad[] = {
	{ "wrong-abi.so", "*is built for ABI 99, this toll-worker has ABI *; rebuild*" },
	{ "missing-verb.so", "*mechanism missing-verb lacks the verb release*" },
	{ "nothing.so", "*registers no mechanism*" },
	{ "crash-loading.so",
	  "*/crash-loading.so: toll-worker was ended by signal 6 (Aborted) as it loaded it*" },
	{ "same-name.so", "*a mechanism called null is there already*" },
	{ "/etc/passwd", "*/etc/passwd:*invalid ELF header*" },
	{ "not-there.so", "*not-there.so: No such file*" },
};

static void judge(bool right, struct totals *totals, const char *what, const char *is,
		  const char *wanted)
{
	if (right) {
		totals->passed++;
		return;
	}
	totals->failed++;
	printf("FAILED %s: \"%s\", not \"%s\"\n", what, is, wanted);
}

/* The loops compiled for 64 bytes read all of them and need no length: a false one alone shows in
 * the others. */
static struct point point_of(const struct fault *fault, const struct wanted *wanted)
{
	struct point point = { .cell = { .mechanism = "faulty",
					 .pattern = "stream",
					 .placement = "cpus",
					 .peers = 2,
					 .size = strcmp(fault->name, "shorten") == 0 ? 100 : 64,
					 .depth = -1,
					 .touch_all = true,
					 .wait = fault->wait,
					 .threads = fault->threads },
			       .act = fault->act };
	snprintf(point.cell.options, CELL_OPTIONS, "fault=%s", fault->name);
	point.cell.cpus[0] = point.cell.cpus[1] = wanted->cpus[0];
	/* the consumer is held: the channel becomes full */
	point.whom = fault->act == HOLD && fault->wait != WAIT_YIELD;
	return point;
}

/* The litter is for this test to find, and for nobody after it. */
static void sweep_litter(void)
{
	glob_t found;
	if (glob("/dev/shm/toll-faulty-*", 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
}

/* In a process of its own: what it starts and leaves is seen apart from all else. */
static struct verdict play(const struct stage *stage, const struct point *point)
{
	struct verdict *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct verdict verdict = { .is = FAILED, .reason = "the test's own process died" };

	if (shared == MAP_FAILED)
		return verdict;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		struct left_objects objects = left_look();
		left_begin();
		scene_play(stage, &point, 1, &objects, shared);
		left_free(&objects);
		sweep_litter();
		_exit(0);
	}
	int status;
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
		verdict = *shared;
	munmap(shared, sizeof *shared);
	return verdict;
}

/* Refused before it is played, with the mechanism's own words. */
static const char absent[] = "absent";

static void examine_absent(const struct wanted *wanted, const struct registry *registry,
			   struct totals *totals)
{
	const struct fault fault = { absent, PLAY, WAIT_BLOCK, false, NULL };
	struct point point = point_of(&fault, wanted);
	struct examination answer = { .possible = true };

	if (registry_examine(registry, &point.cell, 1, &answer))
		totals->failed++;
	judge(!answer.possible && strcmp(answer.reason, "faulty: not on a machine like this") == 0,
	      totals, "faulty:fault=absent", answer.possible ? "possible" : answer.reason,
	      "faulty: not on a machine like this");
}

static bool has_fault(const char *name)
{
	if (strcmp(name, absent) == 0)
		return true;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		if (strcmp(faults[i].name, name) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof misuses / sizeof *misuses; i++) {
		if (strcmp(misuses[i].fault.name, name) == 0)
			return true;
	}
	return false;
}

/* Found out by waiting for seconds. */
static bool is_slow(const struct fault *fault)
{
	static const char *const slow[] = { "wakeful", "deaf", "never", "orphan" };
	for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
		if (strcmp(slow[i], fault->name) == 0)
			return true;
	}
	return false;
}

static void play_fault(const struct stage *stage, const struct wanted *wanted,
		       const struct fault *fault, struct totals *totals)
{
	struct point point = point_of(fault, wanted);
	struct verdict verdict = play(stage, &point);
	char name[POINT_NAME];
	bool right = verdict.is == PASSED;

	if (fault->reason)
		right = verdict.is == FAILED && fnmatch(fault->reason, verdict.reason, 0) == 0;
	judge(right, totals, point_name(&point, name, sizeof name),
	      verdict.is == PASSED ? "passed" : verdict.reason,
	      fault->reason ? fault->reason : "passed");
}

/* Each fault the plug-in offers has its line above. */
static void play_all(const struct stage *stage, const struct wanted *wanted,
		     struct registry *registry, struct totals *totals)
{
	const json_t *option;
	struct stage mine = *stage;
	size_t o;

	char reports[4096];

	mine.registry = registry;
	if (stage->reports) {
		snprintf(reports, sizeof reports, "%s/faults", stage->reports);
		mine.reports = reports;
		scene_report_to(reports);
	}
	json_array_foreach (json_object_get(registry_mechanism(registry, "faulty"), "options"), o,
			    option) {
		char values[512], *rest = values;
		if (strcmp(registry_text(option, "name"), "fault") != 0)
			continue;
		snprintf(values, sizeof values, "%s", registry_text(option, "values"));
		for (char *word; (word = strsep(&rest, ","));) {
			word += strspn(word, " ");
			judge(has_fault(word), totals, "faulty.so", word,
			      "a fault that a test knows");
		}
	}
	examine_absent(wanted, registry, totals);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		if (wanted->brief && is_slow(&faults[i]))
			continue;
		if (faults[i].threads || !wanted->threads_only)
			play_fault(&mine, wanted, &faults[i], totals);
	}
	for (size_t i = 0; i < sizeof misuses / sizeof *misuses; i++) {
		if (stage->sanitizer && strcmp(misuses[i].sanitizer, stage->sanitizer) == 0)
			play_fault(&mine, wanted, &misuses[i].fault, totals);
	}
}

/* A cell of the plug-in that drops every 50th message; says: whether it says so. */
static struct point lossy_point(const char *says, const char *pattern, const struct wanted *wanted,
				enum cell_wait wait)
{
	struct point point = { .cell = { .mechanism = "lossy",
					 .placement = "cpus",
					 .peers = 2,
					 .size = 64,
					 .depth = -1,
					 .touch_all = true,
					 .wait = wait,
					 .threads = wanted->threads_only } };

	snprintf(point.cell.options, CELL_OPTIONS, "says=%s", says);
	snprintf(point.cell.pattern, CELL_NAME, "%s", pattern);
	point.cell.cpus[0] = point.cell.cpus[1] = wanted->cpus[0];
	return point;
}

/* What is lost must be told, whole and in every turn: what arrived is what the turns have counted,
 * and the rest is at least what the plug-in drops. Where each message is waited for, the lost ones
 * are sent again. */
static void count_lost(const struct stage *stage, const struct wanted *wanted, const char *pattern,
		       enum cell_wait wait, struct totals *totals)
{
	enum { EVERY = 50, TURNS = 3, OPERATIONS = 200 };
	struct point point = lossy_point("yes", pattern, wanted, wait);
	const struct cell *cell = &point.cell;
	struct block_options options = { .registry = stage->registry,
					 .ticks_per_ns = stage->ticks_per_ns,
					 .seed = stage->seed,
					 .cycles = TURNS,
					 .operations = OPERATIONS };
	struct outcome outcome = { 0 };
	bool waits = strcmp(pattern, "pingpong") == 0;
	char is[1024], wanted_text[128];

	if (block_run(&options, &cell, NULL, 1, &outcome)) {
		totals->failed++;
		return;
	}
	double played = (double)outcome.turns * (double)(outcome.uncounted + outcome.operations),
	       arrived = outcome.due - outcome.lost,
	       /* what waits loses a message of one way, when the other's 50th repeats another */
		least = outcome.due / (waits ? 2 : 1) / EVERY - TURNS;

	snprintf(is, sizeof is, "%s%zu turns, %.0f lost of %.0f", outcome.reason, outcome.turns,
		 outcome.lost, outcome.due);
	snprintf(wanted_text, sizeof wanted_text, "%d turns, at least %.0f lost, %.0f arrived%s",
		 TURNS, least, played, waits ? " in the end, each way" : "");
	judge(outcome.state == BLOCK_OK && outcome.turns == TURNS && outcome.lost >= least &&
		      outcome.lost > 0 && (waits ? outcome.due == 2 * played : arrived == played),
	      totals, pattern, is, wanted_text);
	outcome_free(&outcome);
}

static void play_lossy(const struct stage *stage, const struct wanted *wanted,
		       const struct registry *registry, struct totals *totals)
{
	static const char silent[] = "*a message was lost, doubled or out of order*";
	struct stage mine = *stage;
	struct point point = lossy_point("no", "stream", wanted, WAIT_BLOCK);

	mine.registry = registry;
	struct verdict verdict = play(&mine, &point);
	judge(verdict.is == FAILED && fnmatch(silent, verdict.reason, 0) == 0, totals,
	      "lossy:says=no", verdict.is == PASSED ? "passed" : verdict.reason, silent);
	count_lost(&mine, wanted, "stream", WAIT_BLOCK, totals);
	count_lost(&mine, wanted, "stream", WAIT_YIELD, totals);
	count_lost(&mine, wanted, "pingpong", WAIT_BLOCK, totals);
	count_lost(&mine, wanted, "pingpong", WAIT_YIELD, totals);
}

void faults_play(const struct stage *stage, const struct wanted *wanted, const char *folder,
		 struct totals *totals)
{
	char path[4096];
	const char *plugins[] = { path };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		bool absolute = bad[i].file[0] == '/';
		snprintf(path, sizeof path, "%s%s%s", absolute ? "" : folder, absolute ? "" : "/",
			 bad[i].file);
		said_begin();
		struct registry *registry = registry_open(plugins, 1);
		const char *said = said_end();
		judge(!registry && fnmatch(bad[i].said, said, 0) == 0, totals, bad[i].file,
		      registry ? "loaded" : said, bad[i].said);
		registry_close(registry);
	}
	snprintf(path, sizeof path, "%s/faulty.so", folder);
	struct registry *registry = registry_open(plugins, 1);
	if (registry)
		play_all(stage, wanted, registry, totals);
	else
		totals->failed++;
	registry_close(registry);
	snprintf(path, sizeof path, "%s/lossy.so", folder);
	registry = registry_open(plugins, 1);
	if (registry)
		play_lossy(stage, wanted, registry, totals);
	else
		totals->failed++;
	registry_close(registry);
}
