/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main.c - the command line: one function a command, and the flow from configuration to page. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../analysis/fit.h"
#include "../analysis/level.h"
#include "../analysis/read.h"
#include "../reports/report.h"
#include "aa.h"
#include "account.h"
#include "block.h"
#include "commands.h"
#include "conditions.h"
#include "config.h"
#include "place.h"
#include "plan.h"
#include "registry.h"
#include "request.h"
#include "run.h"
#include "say.h"
#include "sides.h"
#include "versus.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

bool command_printed_json;

int command_cut_short(const struct result *result, int status)
{
	if (!result->truncated || status == EXIT_USAGE)
		return status;
	say_error("%s was cut short: what is whole in it is used; toll run --resume -o %s goes on "
		  "with the run",
		  result->path, result->path);
	return EXIT_USAGE;
}

/* --- what all of them share ----------------------------------------------------------------- */

/* clang-format off */
static const struct option run_options[] = {
	CELL_OPTIONS_TABLE,
	{ "mechanism", required_argument, NULL, KEY },
	{ "config", required_argument, NULL, CONFIG },
	{ "output", required_argument, NULL, OUTPUT },
	{ "budget", required_argument, NULL, KEY },
	{ "rounds", required_argument, NULL, KEY },
	{ "tails", no_argument, NULL, KEY_ON },
	{ "counters", required_argument, NULL, KEY },
	{ "controls", required_argument, NULL, KEY },
	{ "dma-latency", required_argument, NULL, KEY },
	{ "resume", no_argument, NULL, RESUME },
	{ "dry-run", no_argument, NULL, DRY_RUN },
	{ "require-quiet", no_argument, NULL, QUIET },
	{ NULL, 0, NULL, 0 },
};
static const struct option one_options[] = {
	CELL_OPTIONS_TABLE,
	{ "mechanism", required_argument, NULL, KEY },
	{ "for", required_argument, NULL, HOLD },
	{ "counters", required_argument, NULL, KEY },
	{ "dma-latency", required_argument, NULL, KEY },
	{ NULL, 0, NULL, 0 },
};
static const struct option vs_options[] = {
	CELL_OPTIONS_TABLE,
	{ "mechanism", required_argument, NULL, KEY },
	{ "budget", required_argument, NULL, KEY },
	{ "margin", required_argument, NULL, KEY },
	{ "dma-latency", required_argument, NULL, KEY },
	{ "pairs", required_argument, NULL, PAIRS },
	{ NULL, 0, NULL, 0 },
};
/* clang-format on */

static int print_json(json_t *object)
{
	int failed =
		!object || json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	json_decref(object);
	if (failed) {
		say_error("out of memory, or standard output is closed");
		return EXIT_USAGE;
	}
	putchar('\n');
	command_printed_json = true;
	return EXIT_FINE;
}

/* --- toll run ------------------------------------------------------------------------------- */

static const char run_help[] =
	"toll run [options]           measure, print a summary, write a page\n"
	"\n"
	"  -c, --config CONF          a file, or a name of toll list configs [quick]\n"
	"  -o, --output FILE          the result [toll-HOST-DATE-TIME.ndjson]; page beside it\n"
	"      --resume, --dry-run    go on with the result of -o; print the plan and stop\n"
	"      --budget 5m            when to stop, if all is not decided before\n"
	"      --rounds N             exactly so many of each cell, instead of a budget\n"
	"      --seed N               of every random choice: same seed, same plan\n"
	"      --operations N         operations a turn, instead of a pilot\n"
	"      --counters LIST        events to count in visits apart: default, none, a,{b,c}\n"
	"      --controls on|off      measure beside the cells what explains them [on]\n"
	"      --tails, --require-quiet    stamp every operation; not on a disturbed machine\n"
	"      --dma-latency 0us      let no CPU sleep deeper (/dev/cpu_dma_latency)\n"
	"  -m, --plugin FILE.so       a mechanism from a shared object; again for more\n"
	"      --json                 the summary as JSON\n"
	"\n"
	"These replace the same key in every section of the configuration; lists have commas:\n"
	"      --mechanism pipe,ring:layout=*       --pattern pingpong       --size 64,4K\n"
	"      --wait spin,pause,yield,block,poll,hybrid:20us,epoll:100     --idle awake,sleep\n"
	"      --placement same-cpu,across,pairs or --cpus 2,5       --depth N  --copy\n"
	"      --touch all,none       --peers process,thread         --peer-count K\n"
	"      --sched other,batch,idle,rr:10,fifo:50                --mlock  --think 0,1ms\n"
	"\n"
	"exit: 0 measured; 3 --resume on a changed host or build; 4 a mistake, or nothing to run\n";

static int print_plan(const struct plan *plan)
{
	if (!say_json) {
		plan_print(stdout, plan);
	} else {
		json_t *object = plan_json(plan);
		json_object_set_new(object, "seed", json_integer((json_int_t)plan->seed));
		if (print_json(object))
			return EXIT_USAGE;
	}
	return plan->cell_count ? EXIT_FINE : means_nothing_left(plan);
}

/* report_write() tells what it wrote on standard output; with --json that is a part of one object.
 * NULL after a failure, which *status has. */
static json_t *write_report_json(const struct result *result, const char *directory,
				 const char *format, char *path, int *status)
{
	const struct report_options options = { directory, format, .json = true };
	json_t *object = NULL;
	FILE *told = tmpfile();
	int kept = dup(STDOUT_FILENO);

	fflush(stdout);
	if (!told || kept < 0 || dup2(fileno(told), STDOUT_FILENO) < 0) {
		say_error("temporary file: %s", strerror(errno));
		*status = EXIT_USAGE;
		goto end;
	}
	*status = report_write(result, &options, path);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	rewind(told);
	object = json_loadf(told, 0, NULL);
end:
	if (told)
		fclose(told);
	if (kept >= 0)
		close(kept);
	return object;
}

/* The summary, the result file and the page as one object. */
static int show_json(const struct result *result, const struct level levels[], size_t n)
{
	char page[PATH_MAX] = "", *text = NULL;
	size_t bytes;
	int status = EXIT_USAGE;
	json_t *object = NULL;
	FILE *stream = open_memstream(&text, &bytes);
	if (stream) {
		int failed = report_json(stream, result, levels, n);
		if (!fclose(stream) && !failed)
			object = json_loadb(text, bytes, 0, NULL);
	}
	free(text);
	json_t *written = write_report_json(result, NULL, "html", page, &status);
	json_object_set_new(object, "file", json_string(result->path));
	json_object_update_missing(object, written);
	json_decref(written);
	return print_json(object) ? EXIT_USAGE : status;
}

static int show_text(const struct result *result, const struct level levels[], size_t n)
{
	static const struct report_options html = { .format = "html" };
	char page[PATH_MAX] = "";
	/* who reads the summary may have had enough of it (toll run | head): the page is written */
	int status = report_summary(stdout, result, levels, n);
	printf("\n%sresult and page%s\n%s\n", say_style(stdout, SAY_BOLD),
	       say_style(stdout, SAY_PLAIN), result->path);
	int written = report_write(result, &html, page);
	return status ? EXIT_USAGE : written;
}

/* read → levels → summary → report */
static int show_result(const char *path)
{
	size_t n = 0;
	struct result *result = result_read(path);
	struct level *levels = result ? level_of(result, &n) : NULL;
	int status = EXIT_USAGE;

	if (result && !levels)
		say_error("out of memory");
	else if (result)
		status = say_json ? show_json(result, levels, n) : show_text(result, levels, n);
	free(levels);
	result_free(result);
	return status;
}

/* Either says how long: the one that is given replaces the configuration's. */
static void replace_amount(struct config *config, const struct request *request)
{
	bool budget = request_value(request, "budget"), rounds = request_value(request, "rounds");

	if (rounds && !budget)
		config->budget_s = 0;
	if (budget && !rounds)
		config->rounds = 0;
}

static int cmd_run(int argc, char **argv, char **rest)
{
	struct request request = { .config = "quick" };
	struct means means = { .config = NULL };
	char config_path[PATH_MAX], result_path[PATH_MAX] = "";
	int status = EXIT_USAGE;

	if (request_read(argc, argv, ":c:o:m:", run_options, &request))
		return EXIT_USAGE;
	if (optind < argc || rest)
		return request_superfluous(argv, optind < argc ? argv[optind] : "--");
	if (request.resume && !request.output) {
		say_error("run: --resume wants the result file to go on with; add -o FILE");
		return EXIT_USAGE;
	}
	if (config_find(request.config, config_path, sizeof config_path))
		return EXIT_USAGE;
	struct config *config = config_read(config_path);
	if (config) {
		replace_amount(config, &request);
		if (!*config->counters)
			snprintf(config->counters, sizeof config->counters, "default");
		if (config->controls == CONFIG_UNSAID)
			config->controls = CONFIG_ON;
	}
	if (request_value(&request, "operations") && request_value(&request, "budget"))
		say_warning(
			"run: with --operations a budget does not count; --rounds says how many");
	if (means_open(&means, config, &request))
		goto end;
	if (request.dry_run) {
		status = print_plan(means.plan);
		goto end;
	}
	if (means.plan->cell_count == 0) {
		status = means_nothing_left(means.plan);
		goto end;
	}
	const struct run_options options = {
		.output = request.output,
		.resume = request.resume,
		.json = say_json,
		.require_quiet = request.require_quiet,
		.budget_given = request_value(&request, "budget") != NULL,
		.path = result_path,
	};
	status = run_campaign(&options, means.plan, means.registry, means.place);
	if (status == EXIT_FINE)
		status = show_result(result_path);
	else if (status > SIGNALLED && *result_path)
		show_result(result_path);
end:
	means_close(&means);
	return status;
}

/* --- toll one ------------------------------------------------------------------------------- */

static const char one_help[] =
	"toll one CELL [options] [-- COMMAND …]     hold one cell, for a profiler\n"
	"\n"
	"CELL is a key, as results and toll run --dry-run print them,\n"
	"      pipe/pingpong/same-cpu/64/block\n"
	"or a variant, such as pipe or ring:layout=slot, with these options:\n"
	"      --for TIME             how long to hold it [10s]\n"
	"      --pattern NAME [pingpong]     --size BYTES [64]        --wait NAME [block]\n"
	"      --placement NAME [same-cpu] or --cpus 2,5              --depth N  --copy\n"
	"      --idle awake|sleep     --touch all|none    --peers process|thread\n"
	"      --peer-count K         --sched fifo:50     --mlock     --think 1ms\n"
	"      --seed N               --operations N      --dma-latency 0us\n"
	"      --counters LIST        events to count after it: default, a,{b,c} [none]\n"
	"  -m, --plugin FILE.so       a mechanism from a shared object; again for more\n"
	"      --json                 the figures as JSON\n"
	"\n"
	"COMMAND runs beside it, with -p and the peers' process ids put behind:\n"
	"      toll one pipe --for 10s -- perf record -g\n"
	"\n"
	"exit: 0 held; 4 a mistake, the cell cannot run here, or COMMAND failed\n";

static int cmd_one(int argc, char **argv, char **rest)
{
	static const struct setting defaults[] = {
		{ "pattern", "pingpong" },
		{ "size", "64" },
		{ "wait", "block" },
		{ "placement", "same-cpu" },
	};
	struct request given = { .hold = "10s" }, request = { .setting_count = 0 };
	struct means means = { .config = NULL };
	uint64_t ns;
	int status = EXIT_USAGE;

	if (request_read(argc, argv, ":m:", one_options, &given))
		return EXIT_USAGE;
	if (optind == argc) {
		say_error("one: which cell? toll one pipe, or a key; toll one -h");
		return EXIT_USAGE;
	}
	if (optind + 1 < argc)
		return request_superfluous(argv, argv[optind + 1]);
	if (cell_parse_time_ns(given.hold, &ns) || ns == 0) {
		say_error("one: --for %s is no time above 0; write 30s or 500ms", given.hold);
		return EXIT_USAGE;
	}
	if (rest && !*rest) {
		say_error("one: no command behind \"--\"; toll one -h");
		return EXIT_USAGE;
	}

	/* the cell first, then what the options say about it */
	memcpy(request.plugins, given.plugins, sizeof request.plugins);
	request.plugin_count = given.plugin_count;
	char *text = strdup(argv[optind]);
	if (!text) {
		say_error("out of memory");
		return EXIT_USAGE;
	}
	int failed = 0;
	if (strchr(text, '/')) {
		failed = request_add_key(&request, argv[0], text);
	} else {
		for (size_t d = 0; d < LENGTH(defaults); d++)
			failed =
				failed || request_add(&request, defaults[d].key, defaults[d].value);
		failed = failed || request_add(&request, "mechanism", text);
	}
	for (size_t s = 0; s < given.setting_count && !failed; s++)
		failed = request_add(&request, given.settings[s].key, given.settings[s].value);
	if (failed || means_open(&means, config_new(), &request))
		goto end;
	if (means.plan->cell_count > 1) {
		say_error("one: \"%s\" names %zu cells, such as %s and %s; name one", argv[optind],
			  means.plan->cell_count, means.plan->cells[0].key,
			  means.plan->cells[1].key);
		goto end;
	}
	if (means.plan->cell_count == 0) {
		status = means_nothing_left(means.plan);
		goto end;
	}
	const struct run_one_options options = {
		.seconds = (double)ns / 1e9,
		.command = rest,
		.json = say_json,
	};
	status = run_one(&options, means.plan, means.registry, means.place);
end:
	means_close(&means);
	free(text);
	return status;
}

/* --- toll vs -------------------------------------------------------------------------------- */

static const char vs_help[] =
	"toll vs A B [options]        head to head: which is faster, with a verdict in seconds\n"
	"\n"
	"A and B are variants, such as pipe or ring:layout=slot, each with words of its own\n"
	"behind it: a size, a wait, a placement, a pattern, or NAME=VALUE as in a cell's key,\n"
	"      toll vs pipe unix-stream           toll vs pipe/4K pipe/64K\n"
	"      toll vs ring/yield ring/block      toll vs ring ring/copy=on --size 1K\n"
	"Two toll-worker programs are sides as well, and --mechanism says what they play [pipe]:\n"
	"      toll vs ../before/build/toll-worker build/toll-worker --mechanism ring\n"
	"What a side does not say comes from these, one value each:\n"
	"      --pattern NAME [pingpong]     --size BYTES [64]        --wait NAME [block]\n"
	"      --placement NAME [same-cpu; across where it must be] or --cpus 2,5\n"
	"      --depth N  --copy      --idle awake|sleep  --touch all|none\n"
	"      --peers process|thread --peer-count K   --sched fifo:50  --mlock  --think 1ms\n"
	"\n"
	"      --budget TIME          the most it may take [5s]; it stops when it can tell\n"
	"      --pairs N              exactly so many pairs, looked at once\n"
	"      --margin SHARE         what counts as the same [2%]        --dma-latency 0us\n"
	"      --seed N               of every random choice      --operations N   a turn\n"
	"  -m, --plugin FILE.so       a mechanism from a shared object; again for more\n"
	"      --json                 the verdict as JSON\n"
	"\n"
	"exit: 0 told; 2 cannot tell, or invalid; 4 a mistake, or a side cannot run here\n";

/* Defaults, then the options, then what the side itself says; the plan of its one cell, or NULL
 * after say_error(). */
static struct plan *plan_side(const struct side *side, const char *text,
			      const struct side_defaults *defaults, const struct request *given,
			      const struct registry *registry, const struct place *place)
{
	struct config *config = config_new();
	struct plan *plan = NULL;
	int failed = !config || config_override(config, "wait", defaults->wait) ||
		     config_override(config, "placement", defaults->placement);

	failed = failed || request_lay(given, config);
	for (size_t s = 0; s < side->count && !failed; s++)
		failed = config_override(config, side->setting[s].key, side->setting[s].value);
	if (!failed && !config->budget_given)
		config->budget_s = 5;
	if (!failed)
		plan = plan_make(config, registry, place);
	config_free(config);
	if (plan && plan->cell_count + plan->refused_count == 1) {
		if (plan->cell_count == 1)
			return plan;
		means_nothing_left(plan);
	} else if (plan) {
		say_error("vs: \"%s\" names %zu cells; a side is one, so name no lists and no "
			  "wildcards",
			  text, plan->cell_count + plan->refused_count);
	}
	plan_free(plan);
	return NULL;
}

static int verdict_status(const struct versus *versus)
{
	if (versus->ended == VERSUS_INTERRUPTED)
		return SIGNALLED + block_signal();
	return versus->verdict.kind == VERDICT_CANT_TELL || versus->verdict.kind == VERDICT_INVALID
		       ? EXIT_UNTOLD
		       : EXIT_FINE;
}

/* What two sides are made of. */
struct rivals {
	const char *text[2];    /* a side as it is to be read */
	const char *program[2]; /* toll-worker programs; NULL: this toll's own */
	struct side side[2];
	struct place *place;
	struct registry *registry[2];
	struct plan *plan[2]; /* of one cell each */
};

/* What a quantity is the time of. */
static const char *things(const char *quantity)
{
	switch (quantity_named(quantity)) {
	case QUANTITY_RTT:
		return "round trips";
	case QUANTITY_ONEWAY:
		return "ways of a message";
	default:
		return "messages";
	}
}

static int measure_rivals(const struct rivals *rivals, const struct request *given)
{
	const struct plan *a = rivals->plan[0];
	const struct plan_cell *x = &a->cells[0], *y = &rivals->plan[1]->cells[0];
	const struct registry *const registries[] = { rivals->registry[0], rivals->registry[1] };
	struct versus versus;
	struct versus_options options = {
		.budget_s = a->budget_s,
		.budget_given = request_value(given, "budget") != NULL,
		.margin = a->margin,
		.seed = a->seed,
		.operations = a->operations,
	};

	if (strcmp(x->quantity, y->quantity) != 0) {
		say_error("vs: %s takes %s and %s takes %s: times of different things have no "
			  "ratio; give both one --pattern",
			  x->key, things(x->quantity), y->key, things(y->quantity));
		return EXIT_USAGE;
	}
	if (request_pairs(given, VERSUS_FEWEST_PAIRS, VERSUS_MOST_PAIRS, &options.pairs))
		return EXIT_USAGE;
	if (!run_on_this_machine(rivals->place) || conditions_hold(a, rivals->plan[1]))
		return EXIT_USAGE;
	int status = versus_run(&options, x, y, registries, &versus);
	versus.aa = aa_last();
	memcpy(versus.program, rivals->program, sizeof versus.program);
	if (status == EXIT_FINE) {
		status = versus_print(&versus, say_json) ? EXIT_USAGE : verdict_status(&versus);
		command_printed_json = say_json && status != EXIT_USAGE;
	}
	versus_free(&versus);
	return status;
}

/* A path of something that can be run; a side such as pipe/4K is no such thing. */
static bool is_program(const char *text)
{
	struct stat status;

	return strchr(text, '/') && access(text, X_OK) == 0 && stat(text, &status) == 0 &&
	       S_ISREG(status.st_mode);
}

/* Which sides are programs, and what is played. 0, or -1 after say_error(). */
static int read_rivals(struct rivals *rivals, char **words, const struct request *given)
{
	const char *mechanism = request_value(given, "mechanism");
	bool program[] = { is_program(words[0]), is_program(words[1]) };

	if (program[0] != program[1]) {
		say_error(
			"vs: %s is a program and %s is none; give two toll-worker programs, or two "
			"variants",
			words[program[1]], words[program[0]]);
		return -1;
	}
	if (mechanism && !program[0]) {
		say_error(
			"vs: --mechanism says what two toll-worker programs play; here A and B are "
			"the mechanisms");
		return -1;
	}
	for (size_t s = 0; s < 2; s++) {
		rivals->program[s] = program[s] ? words[s] : NULL;
		rivals->text[s] = !program[s] ? words[s] : mechanism ? mechanism : "pipe";
	}
	return 0;
}

/* 0, or -1 after say_error(); in both cases rivals_close() is due. */
static int rivals_open(struct rivals *rivals, const struct request *given)
{
	rivals->place = place_open();
	if (!rivals->place)
		return -1;
	for (size_t s = 0; s < 2; s++) {
		rivals->registry[s] = registry_open_worker(rivals->program[s], given->plugins,
							   given->plugin_count);
		if (!rivals->registry[s] ||
		    side_read(&rivals->side[s], rivals->text[s], rivals->registry[s]))
			return -1;
	}
	const struct side_defaults defaults =
		sides_defaults(rivals->side, request_value(given, "wait"),
			       request_value(given, "placement") || request_value(given, "cpus"),
			       rivals->registry[0]);
	for (size_t s = 0; s < 2; s++) {
		rivals->plan[s] = plan_side(&rivals->side[s], rivals->text[s], &defaults, given,
					    rivals->registry[s], rivals->place);
		if (!rivals->plan[s])
			return -1;
	}
	return 0;
}

static void rivals_close(struct rivals *rivals)
{
	for (size_t s = 0; s < 2; s++) {
		plan_free(rivals->plan[s]);
		registry_close(rivals->registry[s]);
	}
	place_close(rivals->place);
}

static int cmd_vs(int argc, char **argv, char **rest)
{
	struct request given = { .setting_count = 0 };
	struct rivals rivals = { .place = NULL };

	if (request_read(argc, argv, ":m:", vs_options, &given))
		return EXIT_USAGE;
	if (argc - optind < 2) {
		say_error("vs: which two? toll vs pipe unix-stream; toll vs -h");
		return EXIT_USAGE;
	}
	if (argc - optind > 2 || rest)
		return request_superfluous(argv, argc - optind > 2 ? argv[optind + 2] : "--");
	if (read_rivals(&rivals, argv + optind, &given))
		return EXIT_USAGE;
	int status = rivals_open(&rivals, &given) ? EXIT_USAGE : measure_rivals(&rivals, &given);

	rivals_close(&rivals);
	return status;
}

/* --- toll aa -------------------------------------------------------------------------------- */

static const char aa_help[] =
	"toll aa [options]            does this machine call identical cells the same?\n"
	"\n"
	"Every mechanism beside its twin, in sets of 20 pairs, class by class: how far pairs\n"
	"spread, and how many sets a test at 5 % calls different. The outcome is kept, and\n"
	"toll vs says how old it is.\n"
	"\n"
	"      --budget TIME          how long [1m]\n"
	"      --seed N               of every random choice\n"
	"  -m, --plugin FILE.so       a mechanism from a shared object; again for more\n"
	"      --json                 as JSON\n"
	"\n"
	"exit: 0 passed; 1 failed; 2 cannot tell; 4 a mistake, or nothing could be measured\n";

static int cmd_aa(int argc, char **argv, char **rest)
{
	static const struct option options[] = {
		{ "budget", required_argument, NULL, KEY },
		{ "seed", required_argument, NULL, KEY },
		{ "plugin", required_argument, NULL, PLUGIN },
		{ "json", no_argument, NULL, JSON },
		{ NULL, 0, NULL, 0 },
	};
	static const int statuses[] = { EXIT_FINE, EXIT_GATE, EXIT_UNTOLD };
	struct request given = { .setting_count = 0 };
	struct means means = { .config = config_new() };
	struct aa aa;
	int status = EXIT_USAGE;

	if (!means.config || request_read(argc, argv, ":m:", options, &given))
		goto end;
	if (optind < argc || rest) {
		request_superfluous(argv, optind < argc ? argv[optind] : "--");
		goto end;
	}
	means.config->budget_s = 60;
	if (request_lay(&given, means.config))
		goto end;
	means.place = place_open();
	if (!means.place)
		goto end;
	if (!run_on_this_machine(means.place))
		goto end;
	means.registry = registry_open(given.plugins, given.plugin_count);
	if (!means.registry)
		goto end;
	status = aa_run(means.config, means.registry, means.place, &aa);
	if (status == EXIT_FINE) {
		aa_store(&aa);
		status = aa_print(&aa, say_json) ? EXIT_USAGE : statuses[aa.verdict];
		command_printed_json = say_json && status != EXIT_USAGE;
	}
end:
	means_close(&means);
	return status;
}

/* --- toll fit, toll report ------------------------------------------------------------------ */

static const char fit_help[] =
	"toll fit FILE [options]      cost models and crossover sizes of a result\n"
	"\n"
	"For each curve over sizes T(x) = σ + x/b by segments, with intervals, and where\n"
	"one mechanism overtakes another. FILE is what toll run wrote; - is stdin.\n"
	"\n"
	"      --seed N               of the bootstrap [the result's]; same seed, same answer\n"
	"      --json                 as JSON\n"
	"\n"
	"exit: 0 fine; 4 a mistake, no such result, or one that was cut short\n";

static int cmd_fit(int argc, char **argv, char **rest)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, KEY },
		{ "json", no_argument, NULL, JSON },
		{ NULL, 0, NULL, 0 },
	};
	const char *seed_text = NULL;
	int option, index, status = EXIT_USAGE;
	while ((option = command_option(argc, argv, ":", options, &index)) != -1) {
		if (option == '?')
			return EXIT_USAGE;
		if (option == KEY)
			seed_text = optarg;
	}
	if (optind == argc || rest) {
		say_error("fit: which result? toll fit FILE; toll fit -h");
		return EXIT_USAGE;
	}
	if (optind + 1 < argc)
		return request_superfluous(argv, argv[optind + 1]);

	struct result *result = result_read(argv[optind]);
	if (!result)
		return EXIT_USAGE;
	uint64_t seed = result->seed;
	size_t n = 0;
	struct level *levels = NULL;
	struct fits *fits = NULL;
	if (seed_text) {
		char *end;
		errno = 0;
		seed = strtoull(seed_text, &end, 10);
		if (errno || *end || *seed_text < '0' || *seed_text > '9' || seed > INT64_MAX) {
			say_error("--seed: \"%s\" is no seed from 0 to 2^63 - 1", seed_text);
			goto end;
		}
	}
	levels = level_of(result, &n);
	fits = levels ? fit_of(result, levels, n, seed) : NULL;
	if (!fits) {
		say_error("out of memory");
		goto end;
	}
	status = fit_print(result, fits, say_json);
	command_printed_json = say_json && status == EXIT_FINE;
	status = command_cut_short(result, status);
	fit_free(fits);
end:
	free(levels);
	result_free(result);
	return status;
}

static const char report_help[] =
	"toll report FILE… [options]  write the page, or tables and figures alone\n"
	"\n"
	"  -o, --output DIR           where [beside the result]\n"
	"      --format FORMAT        html (one file that holds its figures), svg, png, csv, md,\n"
	"                             hgrm (HdrHistogram's text, a file a cell, of --tails)\n"
	"      --json                 the names of what was written, as JSON\n"
	"\n"
	"FILE is what toll run wrote; each gets a page of its own.\n"
	"\n"
	"exit: 0 fine; 4 a mistake, something could not be written, or a result was cut short\n";

static int cmd_report(int argc, char **argv, char **rest)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, OUTPUT },
		{ "format", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, JSON },
		{ NULL, 0, NULL, 0 },
	};
	static const char *const formats[] = { "html", "svg", "png", "csv", "md", "hgrm" };
	struct report_options report = { .format = "html" };
	int option, index, status = EXIT_FINE;
	while ((option = command_option(argc, argv, ":o:", options, &index)) != -1) {
		if (option == '?')
			return EXIT_USAGE;
		if (option == 'f')
			report.format = optarg;
		else if (option == OUTPUT || option == 'o')
			report.directory = optarg;
	}
	if (optind == argc || rest) {
		say_error("report: which result? toll report FILE; toll report -h");
		return EXIT_USAGE;
	}
	bool known = false;
	for (size_t f = 0; f < LENGTH(formats); f++)
		known = known || strcmp(report.format, formats[f]) == 0;
	if (!known) {
		say_error(
			"--format: no format called \"%s\"; there are html, svg, png, csv, md and "
			"hgrm",
			report.format);
		return EXIT_USAGE;
	}
	json_t *written = json_array();
	int cut = EXIT_FINE;
	for (int a = optind; a < argc; a++) {
		char path[PATH_MAX] = "";
		int its = EXIT_USAGE;
		struct result *result = result_read(argv[a]);
		if (result && say_json)
			json_array_append_new(written,
					      write_report_json(result, report.directory,
								report.format, path, &its));
		else if (result)
			its = report_write(result, &report, path);
		cut = result && !cut ? command_cut_short(result, its) : cut;
		result_free(result);
		status = its ? its : status;
	}
	if (say_json && status == EXIT_FINE)
		status = print_json(argc - optind == 1 ? json_incref(json_array_get(written, 0))
						       : json_pack("{s:O}", "reports", written));
	json_decref(written);
	return status ? status : cut;
}

/* --- the program ---------------------------------------------------------------------------- */

static const struct command commands[] = {
	{ "run", "measure this machine, print a summary, write a page", run_help, cmd_run },
	{ "vs", "two mechanisms head to head, with a verdict in seconds", vs_help, cmd_vs },
	{ "aa", "does this machine call identical cells the same?", aa_help, cmd_aa },
	{ "doctor", "what disturbs measuring here, and what mends it", doctor_help, cmd_doctor },
	{ "one", "hold one cell, for a profiler", one_help, cmd_one },
	{ "list", "mechanisms, patterns, placements, events, configurations", list_help, cmd_list },
	{ "fit", "cost models and crossover sizes of a result", fit_help, cmd_fit },
	{ "compare", "old results against new ones: a verdict per cell", compare_help,
	  cmd_compare },
	{ "report", "page, figures and tables of a result", report_help, cmd_report },
	{ "check", "does a plug-in keep a mechanism's promises?", check_help, cmd_check },
	{ "new", "a mechanism or a pattern to start from", new_help, cmd_new },
};

static void print_usage(FILE *stream)
{
	const char *bold = say_style(stream, SAY_BOLD), *plain = say_style(stream, SAY_PLAIN);
	fprintf(stream, "%stoll%s: what it costs to cross from one process to another\n\n", bold,
		plain);
	for (size_t c = 0; c < LENGTH(commands); c++)
		fprintf(stream, "  %stoll %-8s%s %s\n", bold, commands[c].name, plain,
			commands[c].about);
	fprintf(stream, "\ntoll run takes a minute and names a page; toll COMMAND -h says more; "
			"man toll says all.\nEach command takes --json. toll --version\n");
}

static const struct command *find_command(const char *name)
{
	for (size_t c = 0; c < LENGTH(commands); c++)
		if (strcmp(commands[c].name, name) == 0)
			return &commands[c];
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *names[LENGTH(commands)];
	for (size_t c = 0; c < LENGTH(commands); c++)
		names[c] = commands[c].name;
	const char *nearest = say_nearest(name, names, LENGTH(names));
	if (nearest)
		say_error("no command called \"%s\", the nearest is \"%s\"; toll -h", name,
			  nearest);
	else
		say_error("no command called \"%s\"; toll -h", name);
	return EXIT_USAGE;
}

static bool is_help(const char *argument)
{
	return strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0;
}

/* Help and --json hold wherever they stand, so that the first error is JSON already. */
static int dispatch(int argc, char **argv, char **rest)
{
	bool help = false;
	for (int a = 1; a < argc; a++) {
		help = help || is_help(argv[a]);
		say_json = say_json || strcmp(argv[a], "--json") == 0;
	}
	const char *name = NULL;
	int at = 1;
	for (; at < argc && !name; at++)
		if (argv[at][0] != '-')
			name = argv[at];
	if (name && strcmp(name, "help") == 0) {
		help = true;
		name = at < argc ? argv[at++] : NULL;
	}
	if (!name && help) {
		print_usage(stdout);
		return EXIT_FINE;
	}
	if (!name && argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("toll " TOLL_VERSION "%s%s%s\n", account_commit() ? " (" : "",
		       account_commit() ? account_commit() : "", account_commit() ? ")" : "");
		return EXIT_FINE;
	}
	if (!name) {
		if (argc > 1 && strcmp(argv[1], "--json") != 0)
			say_error("no option %s before a command; toll -h", argv[1]);
		else
			say_error("which command? toll run measures; toll -h names the others");
		return EXIT_USAGE;
	}
	const struct command *command = find_command(name);
	if (!command)
		return unknown_command(name);
	if (help) {
		fputs(command->help, stdout);
		return EXIT_FINE;
	}
	return command->run(argc - at + 1, argv + at - 1, rest);
}

/* A result file opened as descriptor 1 or 2 would get what is printed there. What stands in for a
 * closed one fails like it. */
static void keep_standard_descriptors(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			_exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
	keep_standard_descriptors();
	char **rest = NULL;
	for (int a = 1; a < argc && !rest; a++)
		if (strcmp(argv[a], "--") == 0) {
			rest = &argv[a + 1];
			argv[a] = NULL; /* getopt_long() would shuffle what stands behind it */
			argc = a;
		}
	int status = dispatch(argc, argv, rest);

	errno = 0;
	if (fflush(stdout) || ferror(stdout)) {
		if (!say_failed())
			say_error("standard output: %s",
				  errno ? strerror(errno) : "closed or full");
		status = EXIT_USAGE;
	}
	say_finish(command_printed_json);
	if (fflush(stdout))
		status = EXIT_USAGE;
	if (status > SIGNALLED) { /* who runs toll in a loop must see that it was Ctrl-C */
		signal(status - SIGNALLED, SIG_DFL);
		raise(status - SIGNALLED);
	}
	return status;
}
