/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check.c - toll check: a mechanism's promises, played, a line each. It is what make check plays of
 * those built in (bench/conformance), in a process of its own: whatever the plug-in does there,
 * toll says so, and sweeps behind it. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "apart.h"
#include "block.h"
#include "commands.h"
#include "conformance/conform.h"
#include "say.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

const char check_help[] =
	"toll check FILE.so [options]     does a plug-in keep a mechanism's promises?\n"
	"\n"
	"Plays its mechanisms against every pattern, wait, size, depth, with processes and with\n"
	"threads, with peers that are stopped and peers that are killed, and prints a line for\n"
	"each promise: kept, BROKEN with the cell and what happened there, or why it could not\n"
	"be tried. A word without a slash or .so names a plug-in that comes with toll, or a\n"
	"mechanism that is built in.\n"
	"\n"
	"      --full                 all cells [a choice that has each pair of values once]\n"
	"      --mechanism NAME       this one of the plug-in's only\n"
	"      --pattern NAME         this one only\n"
	"      --seed N               of the choice, and of the workers' random offsets [1]\n"
	"      --json                 the lines as JSON\n"
	"\n"
	"man toll-mechanism says what the promises are, toll new mechanism NAME writes a file\n"
	"that keeps them.\n"
	"\n"
	"exit: 0 kept; 1 broken, or the plug-in does not load; 4 a mistake, or nothing of it\n"
	"can be played here\n";

/* --- promises ------------------------------------------------------------------------------- */

enum promise {
	LOADS,
	PATTERNS,
	REFUSALS,
	ORDER,
	CONTENT,
	PLAYS,
	HOLDS,
	SLEEPS,
	LEAVES,
	DEADLINES,
	LEFTOVERS,
	PROMISES
};

static const struct {
	const char *name, *text, *untried;
} promises[PROMISES] = {
	[LOADS] = { "loads", "it loads: its ABI, its verbs, its name", "" },
	[PATTERNS] = { "patterns", "it carries every pattern that this toll has", "" },
	[REFUSALS] = { "refusals", "it refuses what it cannot do, and nothing else", "" },
	[ORDER] = { "order", "each message arrives, once and in order", "" },
	[CONTENT] = { "content", "each message arrives as it was sent", "" },
	[PLAYS] = { "plays", "it plays to the end", "" },
	[HOLDS] = { "holds", "a peer that stops and goes on does no harm",
		    "no pattern of two peers" },
	[SLEEPS] = { "sleeps", "who waits for a stopped peer sleeps",
		     "it has no wait that sleeps" },
	[LEAVES] = { "leaves", "when a peer is killed the others leave",
		     "no pattern of two peers" },
	[DEADLINES] = { "deadlines", "a deadline is kept, and names who kept another waiting",
			"no pattern with a deadline takes it" },
	[LEFTOVERS] = { "leftovers", "nothing is left behind, also of who was killed", "" },
};

enum { MOST_HERE = 12, TEXT = 512, ENOUGH = 3 /* failures: what is left would say the same */ };

struct finding {
	size_t cells, broken; /* tried, and of these; refusals: cells refused */
	char first[TEXT];     /* what broke it first */
};

/* Shared with the process that plays. */
struct findings {
	struct finding of[PROMISES];
	size_t unplayed, chosen, possible;
	struct exception here[MOST_HERE]; /* what this machine cannot do */
	size_t here_count;
	bool whole;         /* filled in to its end */
	char stopped[TEXT]; /* nothing could be played: why */
};

static enum promise promise_of(const struct point *point, const char *reason)
{
	static const struct {
		const char *text; /* as fnmatch(3) */
		enum promise promise;
	} known[] = {
		{ "*left behind*", LEFTOVERS },
		{ "*message was lost, doubled or out of order*", ORDER },
		{ "*messages were lost*", ORDER },
		{ "*content or length of message * changed on its way*", CONTENT },
		{ "peer * does not sleep while it waits*", SLEEPS },
	};
	static const enum promise by_act[ACTS] = {
		[PLAY] = PLAYS, [HOLD] = HOLDS, [KILL] = LEAVES, [LATE] = DEADLINES
	};

	for (size_t k = 0; k < LENGTH(known); k++) {
		if (fnmatch(known[k].text, reason, 0) == 0)
			return known[k].promise;
	}
	return point ? by_act[point->act] : PLAYS;
}

/* A cell that was played has tried all that its act can show. */
static void count_tried(struct findings *findings, const struct point *point)
{
	static const enum promise by_play[] = { ORDER, CONTENT, PLAYS };

	for (size_t p = 0; p < LENGTH(by_play) && point->act == PLAY; p++)
		findings->of[by_play[p]].cells++;
	findings->of[HOLDS].cells += point->act == HOLD;
	findings->of[SLEEPS].cells += point->act == HOLD && !cell_spins(&point->cell);
	findings->of[LEAVES].cells += point->act == KILL;
	findings->of[DEADLINES].cells += point->act == LATE;
	findings->of[LEFTOVERS].cells++;
}

static void hear_failed(void *context, const struct point *point, const char *reason)
{
	struct findings *findings = context;

	if (!point && strstr(reason, "cells were not played")) {
		findings->unplayed = strtoul(reason, NULL, 10);
		return;
	}
	struct finding *finding = &findings->of[promise_of(point, reason)];

	if (finding->broken++ == 0 && point) {
		char name[POINT_NAME];
		snprintf(finding->first, sizeof finding->first, "%s: %s",
			 point_name(point, name, sizeof name), reason);
	} else if (finding->broken == 1) {
		snprintf(finding->first, sizeof finding->first, "%s", reason);
	}
	if (point)
		count_tried(findings, point);
}

static void hear_passed(void *context, const struct point *point)
{
	count_tried(context, point);
}

/* --- playing -------------------------------------------------------------------------------- */

struct request_check {
	const char *what; /* as it was given */
	bool full;
	uint64_t seed;
	struct wanted wanted;
	struct findings *findings;
};

static void note_product(const struct product *product, struct findings *findings)
{
	struct finding *refusals = &findings->of[REFUSALS], *patterns = &findings->of[PATTERNS];

	for (size_t i = 0; i < product->refused_count; i++)
		refusals->cells += product->refused[i].cells;
	refusals->broken = product->wrong_count;
	if (product->wrong_count)
		snprintf(refusals->first, sizeof refusals->first, "%s", product->wrong[0].reason);
	for (size_t i = 0; i < product->lacking_count; i++) {
		const struct exception *lacking = &product->lacking[i];
		if (strstr(lacking->reason, " was built without the pattern ")) {
			if (patterns->broken++ == 0)
				snprintf(patterns->first, sizeof patterns->first, "%s",
					 lacking->reason);
		} else if (findings->here_count < MOST_HERE) {
			findings->here[findings->here_count++] = *lacking;
		}
	}
	findings->possible = product->count;
	if (product->count == 0)
		snprintf(findings->stopped, sizeof findings->stopped, "%s",
			 product->lacking_count   ? product->lacking[0].reason
			 : product->refused_count ? product->refused[0].reason
			 : product->wrong_count   ? product->wrong[0].reason
						  : "it has no wait");
}

static int play(void *context, bool isolated)
{
	const struct request_check *request = context;
	struct findings *findings = request->findings;
	struct product product;
	struct totals totals = { 0 };
	struct stage stage = { .registry = request->wanted.registry,
			       .seed = request->seed,
			       .most_failures = request->full ? 0 : ENOUGH };
	const struct audience audience = {
		.name = "check", .failed = hear_failed, .passed = hear_passed, .context = findings
	};
	double cost_ns, step_ns;
	size_t pairs;

	(void)isolated;
	block_clock(&stage.ticks_per_ns, &cost_ns, &step_ns);
	if (product_make(&request->wanted, &product)) {
		product_free(&product);
		return EXIT_USAGE;
	}
	note_product(&product, findings);
	findings->chosen = product.count;
	if (!request->full)
		findings->chosen = product_cover(&product, request->seed, &pairs);
	for (size_t i = 0; i < product.count && request->full; i++)
		product.points[i].chosen = true;
	if (product.count)
		troupe_play(&stage, &product, request->wanted.cpu_count, &audience, &totals);
	product_free(&product);
	findings->whole = true;
	return EXIT_FINE;
}

/* --- saying it ------------------------------------------------------------------------------ */

enum state { KEPT, BROKEN, UNTRIED };

static enum state state_of(const struct findings *findings, enum promise promise)
{
	const struct finding *finding = &findings->of[promise];

	if (promise == PATTERNS) /* those that are newer than it do no harm */
		return finding->broken ? UNTRIED : KEPT;
	if (finding->broken)
		return BROKEN;
	return promise > REFUSALS && finding->cells == 0 ? UNTRIED : KEPT;
}

static const char *say_why(const struct findings *findings, enum promise promise, char *buffer,
			   size_t bytes)
{
	const struct finding *finding = &findings->of[promise];

	buffer[0] = '\0';
	if (finding->broken > 1 && promise != REFUSALS)
		snprintf(buffer, bytes, "%s; and %zu more", finding->first, finding->broken - 1);
	else if (finding->broken)
		snprintf(buffer, bytes, "%s", finding->first);
	else if (state_of(findings, promise) == UNTRIED)
		snprintf(buffer, bytes, "%s",
			 findings->unplayed ? "too much failed before" : promises[promise].untried);
	return buffer;
}

static unsigned count_broken(const struct findings *findings)
{
	unsigned broken = 0;

	for (enum promise p = 0; p < PROMISES; p++)
		broken += state_of(findings, p) == BROKEN;
	return broken;
}

static void print_line(const struct findings *findings, enum promise promise)
{
	static const char *const words[] = { "kept", "BROKEN", "-" };
	static const enum say_style styles[] = { SAY_GOOD, SAY_BAD, SAY_DIM };
	const struct finding *finding = &findings->of[promise];
	enum state state = state_of(findings, promise);
	char why[TEXT + 64];

	say_why(findings, promise, why, sizeof why);
	printf("  %s%-6s%s  %s", say_style(stdout, styles[state]), words[state],
	       say_style(stdout, SAY_PLAIN), promises[promise].text);
	if (*why)
		printf(": %s", why);
	else if (finding->cells)
		printf(" %s(%zu cells%s)%s", say_style(stdout, SAY_DIM), finding->cells,
		       promise == REFUSALS ? " refused" : "", say_style(stdout, SAY_PLAIN));
	putchar('\n');
}

static void print_text(const struct request_check *request, const struct findings *findings,
		       double seconds)
{
	unsigned broken = count_broken(findings);

	printf("%s%s%s", say_style(stdout, SAY_BOLD), request->what, say_style(stdout, SAY_PLAIN));
	for (size_t i = 0, n = 0;; i++) {
		const json_t *mechanism = json_array_get(
			json_object_get(request->wanted.registry->description, "mechanisms"), i);
		if (!mechanism)
			break;
		if (product_wants(&request->wanted, mechanism))
			printf("%s%s: %s", n++ ? "; " : "  ", registry_text(mechanism, "name"),
			       registry_text(mechanism, "about"));
	}
	putchar('\n');
	for (enum promise p = 0; p < PROMISES; p++)
		print_line(findings, p);
	for (size_t i = 0; i < findings->here_count; i++)
		printf("  %snot here: %s (%zu cell%s)%s\n", say_style(stdout, SAY_DIM),
		       findings->here[i].reason, findings->here[i].cells,
		       findings->here[i].cells == 1 ? "" : "s", say_style(stdout, SAY_PLAIN));
	if (broken)
		printf("%u of %d promises broken", broken, PROMISES);
	else
		printf("it keeps its promises");
	printf(": %zu of %zu cells played in %.0f s%s\n", findings->chosen - findings->unplayed,
	       findings->possible, seconds,
	       request->full || broken ? "" : "; --full plays them all");
}

static int print_json(const struct request_check *request, const struct findings *findings,
		      double seconds)
{
	static const char *const words[] = { "kept", "broken", "untried" };
	json_t *lines = json_array(), *here = json_array(), *names = json_array(), *mechanism;
	size_t m;

	json_array_foreach (json_object_get(request->wanted.registry->description, "mechanisms"), m,
			    mechanism) {
		if (product_wants(&request->wanted, mechanism))
			json_array_append(names, json_object_get(mechanism, "name"));
	}
	for (enum promise p = 0; p < PROMISES; p++) {
		char why[TEXT + 64];
		json_t *line =
			json_pack("{s:s, s:s, s:s, s:I}", "promise", promises[p].name, "text",
				  promises[p].text, "state", words[state_of(findings, p)], "cells",
				  (json_int_t)findings->of[p].cells);
		if (*say_why(findings, p, why, sizeof why))
			json_object_set_new(line, "reason", json_string(why));
		json_array_append_new(lines, line);
	}
	for (size_t i = 0; i < findings->here_count; i++)
		json_array_append_new(here,
				      json_pack("{s:s, s:I}", "reason", findings->here[i].reason,
						"cells", (json_int_t)findings->here[i].cells));
	json_t *object = json_pack("{s:s, s:o, s:o, s:o, s:I, s:I, s:f}", "checked", request->what,
				   "mechanisms", names, "promises", lines, "not_here", here,
				   "played", (json_int_t)(findings->chosen - findings->unplayed),
				   "cells", (json_int_t)findings->possible, "seconds", seconds);
	int failed = !object || json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));

	json_decref(object);
	if (failed) {
		say_error("out of memory, or standard output is closed");
		return -1;
	}
	putchar('\n');
	command_printed_json = true;
	return 0;
}

static int check(struct request_check *request)
{
	struct findings *findings = mmap(NULL, sizeof *findings, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double begun = block_now_s();

	if (findings == MAP_FAILED) {
		say_error("out of memory");
		return EXIT_USAGE;
	}
	request->findings = findings;
	int status = apart_play("check", play, request);
	if (status == EXIT_FINE && findings->possible == 0 && findings->of[REFUSALS].broken == 0) {
		say_error("check: nothing of %s can be played here: %s", request->what,
			  findings->stopped);
		status = EXIT_USAGE;
	} else if (status == EXIT_FINE && findings->whole) {
		double seconds = block_now_s() - begun;
		status = count_broken(findings) ? EXIT_GATE : EXIT_FINE;
		if (!say_json)
			print_text(request, findings, seconds);
		else if (print_json(request, findings, seconds))
			status = EXIT_USAGE;
	}
	munmap(findings, sizeof *findings);
	return status;
}

/* --- the command ---------------------------------------------------------------------------- */

static bool is_file(const char *what)
{
	size_t length = strlen(what);

	return strchr(what, '/') || (length > 3 && strcmp(what + length - 3, ".so") == 0);
}

/* The mechanisms of a plug-in, or one that is built in. NULL after say_error(), with the exit
 * status that is due. */
static struct registry *open_what(struct request_check *request, int *status)
{
	const char *plugins[] = { request->what };
	struct registry *registry = registry_open(NULL, 0);

	*status = EXIT_USAGE;
	if (!registry)
		return NULL;
	bool ships = registry_ships(registry, request->what);

	if (!is_file(request->what) && !ships) {
		if (!request->wanted.mechanism)
			request->wanted.mechanism = request->what;
		return registry;
	}
	registry_close(registry);
	if (!ships && access(request->what, R_OK)) {
		say_error("check: %s: %s", request->what, strerror(errno));
		return NULL;
	}
	/* this toll-worker works: that it does not now is the plug-in's fault */
	*status = EXIT_GATE;
	request->wanted.plugins_only = true;
	return registry_open(plugins, 1);
}

static int check_names(const struct request_check *request)
{
	const struct wanted *wanted = &request->wanted;
	const struct {
		const char *name, *kind, *one;
		const json_t *found;
	} words[] = {
		{ wanted->mechanism, "mechanisms", "mechanism",
		  wanted->mechanism ? registry_mechanism(wanted->registry, wanted->mechanism)
				    : NULL },
		{ wanted->pattern, "patterns", "pattern",
		  wanted->pattern ? registry_pattern(wanted->registry, wanted->pattern) : NULL },
	};

	for (size_t w = 0; w < LENGTH(words); w++) {
		const char *nearest;
		if (!words[w].name || words[w].found)
			continue;
		nearest = registry_nearest(wanted->registry, words[w].kind, words[w].name);
		if (nearest)
			say_error("check: no %s called \"%s\", the nearest is \"%s\"; toll list %s",
				  words[w].one, words[w].name, nearest, words[w].kind);
		else
			say_error("check: no %s called \"%s\"; toll list %s", words[w].one,
				  words[w].name, words[w].kind);
		return -1;
	}
	return 0;
}

int cmd_check(int argc, char **argv, char **rest)
{
	enum { FULL = 256, MECHANISM, PATTERN_NAME, SEED, JSON };
	static const struct option options[] = {
		{ "full", no_argument, NULL, FULL },
		{ "mechanism", required_argument, NULL, MECHANISM },
		{ "pattern", required_argument, NULL, PATTERN_NAME },
		{ "seed", required_argument, NULL, SEED },
		{ "json", no_argument, NULL, JSON },
		{ NULL, 0, NULL, 0 },
	};
	struct request_check request = { .seed = 1 };
	int option, index, status;
	char *end;

	while ((option = command_option(argc, argv, ":", options, &index)) != -1) {
		switch (option) {
		case '?':
			return EXIT_USAGE;
		case FULL:
			request.full = true;
			break;
		case MECHANISM:
			request.wanted.mechanism = optarg;
			break;
		case PATTERN_NAME:
			request.wanted.pattern = optarg;
			break;
		case SEED:
			errno = 0;
			request.seed = strtoull(optarg, &end, 10);
			if (errno || *end || *optarg < '0' || *optarg > '9') {
				say_error("--seed: \"%s\" is no seed from 0 to 2^64 - 1", optarg);
				return EXIT_USAGE;
			}
			break;
		default:
			break;
		}
	}
	if (optind == argc) {
		say_error("check: which plug-in? toll check FILE.so; toll check -h");
		return EXIT_USAGE;
	}
	if (rest || optind + 1 < argc) {
		say_error("check: \"%s\" is one argument too many; toll check -h",
			  rest ? "--" : argv[optind + 1]);
		return EXIT_USAGE;
	}
	request.what = argv[optind];
	request.wanted.brief = !request.full;
	if (product_find_cpus(&request.wanted))
		return EXIT_USAGE;
	struct registry *registry = open_what(&request, &status);
	request.wanted.registry = registry;
	if (registry)
		status = check_names(&request) ? EXIT_USAGE : check(&request);
	registry_close(registry);
	return status;
}
