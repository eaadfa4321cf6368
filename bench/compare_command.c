/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare_command.c - toll compare: result files against result files, a record of pairs shown
 * again, or two sides measured now; one table, one gate. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../analysis/compare.h"
#include "../analysis/environment.h"
#include "../analysis/recorded.h"
#include "../reports/compare_print.h"
#include "block.h"
#include "live.h"
#include "more.h"
#include "request.h"
#include "run.h"
#include "say.h"

const char compare_help[] =
	"toll compare OLD NEW, or OLD… -- NEW…   a verdict per cell: same, faster, slower\n"
	"toll compare --live OLD-WORKER NEW-WORKER, or --live --set-old CMD --set-new CMD\n"
	"Files are of toll run: 5 boots a side (two kernels), a file each, give a verdict, in one\n"
	"boot 5 runs a side, in turns. --live measures two programs or two settings now.\n"
	"      --margin 2%            what does not matter [that of the files]\n"
	"      --varies kernel,…      parts of the environment that may differ\n"
	"      --only 'pipe/*'        cells whose key matches; a star stands for anything\n"
	"      --more[=old|new]       first run here again what can't be told\n"
	"      --fail-on slower       status 1 when a cell is slower; slower:3% by 3 % or more\n"
	"      --strict               status 2 when any cell is can't tell or invalid\n"
	"      --bisect               status 125 instead of 2 and 3, for git bisect run\n"
	"      --format FORMAT        text, json, csv, md (a merge request's comment), junit,\n"
	"                             html (a page), svg, png (its figure alone), tsv (its data)\n"
	"  -o, --output FILE          where the format goes [standard output]; --json: as JSON\n"
	"      --all                  list every cell that is the same, too\n"
	"with --live:\n"
	"  -c, --config CONF          which cells [compare]; options as for toll run lie over it\n"
	"      --budget TIME          the most it may take [2m]\n"
	"      --pairs N              exactly so many, and one look\n"
	"      --record FILE          keep the pairs; toll compare FILE shows them again\n"
	"      --more                 go on with that record where it can't tell yet\n"
	"exit: 0 fine; 1 slower, under --fail-on; 2 nothing could be told; 3 environments or\n"
	"margins differ; 4 a mistake, or no such result\n";

enum {
	MARGIN = REQUEST_OWN,
	VARIES,
	ONLY,
	FAIL_ON,
	STRICT,
	BISECT,
	FORMAT,
	ALL,
	LIVE,
	SET_OLD,
	SET_NEW,
	RECORD,
	MORE
};

struct compare_request {
	const char *varies, *format;
	struct compare_options options;
	struct compare_gate gate;
	bool bisect, all;
	char **files[COMPARE_SIDES]; /* with --live: a program each */
	size_t file_count[COMPARE_SIDES];
	bool live, more;
	int more_side; /* -1: as the environment tells */
	const char *set[COMPARE_SIDES], *record;
	struct request cells; /* output, and with --live what to measure */
};

static int read_fail_on(struct compare_gate *gate, const char *text)
{
	static const char word[] = "slower";

	gate->fail_on_slower = true;
	gate->least = 0;
	if (strncmp(text, word, strlen(word)) == 0) {
		text += strlen(word);
		if (!*text || (*text == ':' && !config_parse_margin(text + 1, &gate->least)))
			return 0;
	}
	say_error("--fail-on: write slower, or slower:3%% with a share from 0.01%% to 50%%");
	return -1;
}

static int read_format(const char *format)
{
	for (size_t f = 0; f < compare_format_count; f++)
		if (strcmp(compare_formats[f], format) == 0)
			return 0;
	const char *nearest = say_nearest(format, compare_formats, compare_format_count);
	say_error("--format: no format called \"%s\"%s%s%s; there are text, json, csv, md, junit, "
		  "html, svg, png and tsv",
		  format, nearest ? ", the nearest is \"" : "", nearest ? nearest : "",
		  nearest ? "\"" : "");
	return -1;
}

/* A record was looked at as it was measured, and says of all its cells what was found then. 0, or
 * -1 after say_error(). */
static int check_record(const struct compare_request *request, const char *path)
{
	const char *stray = !isnan(request->options.margin) ? "--margin"
			    : request->options.only         ? "--only"
			    : request->varies               ? "--varies"
							    : NULL;

	if (stray)
		say_error("compare: %s is a record of --live, which was looked at as it was "
			  "measured; leave out %s",
			  path, stray);
	else if (request->more)
		say_error("compare: %s is a record; it goes on with --live, what it was measured "
			  "with, and --record %s --more",
			  path, path);
	return stray || request->more ? -1 : 0;
}

/* OLD NEW, OLD… -- NEW…, or one record. 0, or -1 after say_error(). */
static int read_sides(struct compare_request *request, int argc, char **argv, char **rest)
{
	size_t given = (size_t)(argc - optind), behind = 0;

	while (rest && rest[behind])
		behind++;
	if (given == 0 || (rest && behind == 0)) {
		say_error("compare: which results? toll compare OLD NEW, or OLD… -- NEW…; "
			  "toll compare -h");
		return -1;
	}
	if (!rest && given == 1 && recorded_is(argv[optind])) {
		request->files[COMPARE_OLD] = argv + optind;
		request->file_count[COMPARE_OLD] = 1;
		return check_record(request, argv[optind]);
	}
	if (!rest && given == 1) {
		say_error("compare: 1 file, %s, and it is no record of --live; toll compare OLD "
			  "NEW, or OLD… -- NEW…",
			  argv[optind]);
		return -1;
	}
	if (!rest && given != 2) {
		say_error("compare: %zu files, and nothing says which are new; put -- before the "
			  "new ones",
			  given);
		return -1;
	}
	request->files[COMPARE_OLD] = argv + optind;
	request->file_count[COMPARE_OLD] = rest ? given : 1;
	request->files[COMPARE_NEW] = rest ? rest : argv + optind + 1;
	request->file_count[COMPARE_NEW] = rest ? behind : 1;
	return 0;
}

/* With --live: OLD-WORKER NEW-WORKER, or nothing where commands make the difference. */
static int read_programs(struct compare_request *request, int argc, char **argv, char **rest)
{
	int wanted = request->set[0] ? 0 : 2;

	if (argc - optind > wanted || rest) {
		request_superfluous(argv, rest ? "--" : argv[optind + wanted]);
		return -1;
	}
	if (argc - optind < wanted) {
		say_error("compare: --live wants two toll-worker programs, or --set-old CMD and "
			  "--set-new CMD; toll compare -h");
		return -1;
	}
	for (int side = 0; side < wanted; side++) {
		request->files[side] = argv + optind + side;
		request->file_count[side] = 1;
	}
	return 0;
}

static int read_more(struct compare_request *request, const char *side)
{
	request->more = true;
	request->more_side = -1;
	if (!side)
		return 0;
	for (unsigned s = 0; s < COMPARE_SIDES; s++)
		if (strcmp(side, compare_sides[s]) == 0)
			request->more_side = (int)s;
	if (request->more_side >= 0)
		return 0;
	say_error("--more: \"%s\" is no side; write --more, --more=old or --more=new", side);
	return -1;
}

/* One of compare's own options: 1; 0 when it is none; -1 after say_error(). */
static int take_own(struct compare_request *request, int option, const char *value)
{
	switch (option) {
	case MARGIN:
		if (!config_parse_margin(value, &request->options.margin))
			return 1;
		say_error("--margin: \"%s\" is no margin from 0.01%% to 50%%; write 2%% or 0.02",
			  value);
		return -1;
	case VARIES:
		request->varies = value;
		return 1;
	case ONLY:
		request->options.only = value;
		return 1;
	case FAIL_ON:
		return read_fail_on(&request->gate, value) ? -1 : 1;
	case STRICT:
		request->gate.strict = true;
		return 1;
	case BISECT:
		request->bisect = true;
		return 1;
	case FORMAT:
		request->format = value;
		return read_format(value) ? -1 : 1;
	case ALL:
		request->all = true;
		return 1;
	case LIVE:
		request->live = true;
		return 1;
	case SET_OLD:
	case SET_NEW:
		request->set[option == SET_NEW] = value;
		return 1;
	case RECORD:
		request->record = value;
		return 1;
	case MORE:
		return read_more(request, value) ? -1 : 1;
	default:
		return 0;
	}
}

static bool is_one_file(const char *a, const char *b)
{
	struct stat x, y;

	return a && b && !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* What needs --live, or does not go with it. 0, or -1 after say_error(). */
static int check_live(const struct compare_request *request)
{
	const struct request *cells = &request->cells;
	const char *stray = request->set[0]                         ? "--set-old"
			    : request->set[1]                       ? "--set-new"
			    : request->record                       ? "--record"
			    : cells->pairs                          ? "--pairs"
			    : cells->config                         ? "--config"
			    : cells->plugin_count && !request->more ? "--plugin"
			    : cells->setting_count                  ? cells->settings[0].key
								    : NULL;

	if (!request->live && stray) {
		say_error("compare: %s%s says what to measure, and only --live measures; "
			  "toll compare -h",
			  *stray == '-' ? "" : "--", stray);
		return -1;
	}
	if (request->live && request->varies) {
		say_error("compare: --varies is for files; with --live both sides have one "
			  "environment");
		return -1;
	}
	if (!request->set[0] != !request->set[1]) {
		say_error("compare: --set-old and --set-new go together; give both");
		return -1;
	}
	if (request->live && request->more && request->more_side >= 0) {
		say_error("compare: --more=SIDE is for files; --live measures both sides");
		return -1;
	}
	if (cells->pairs && request_value(cells, "budget")) {
		say_error("compare: --pairs says how much and --budget how long; give one of them");
		return -1;
	}
	if (request->record && cells->output &&
	    (strcmp(request->record, cells->output) == 0 ||
	     is_one_file(request->record, cells->output))) {
		say_error("compare: --record and -o name one file; the record would be lost");
		return -1;
	}
	if (request->live && request->more && !request->record) {
		say_error("compare: --more goes on with a record; add --record FILE");
		return -1;
	}
	return 0;
}

static int read_compare(int argc, char **argv, char **rest, struct compare_request *request)
{
	/* clang-format off */
	static const struct option options[] = {
		{ "margin", required_argument, NULL, MARGIN },
		{ "varies", required_argument, NULL, VARIES },
		{ "only", required_argument, NULL, ONLY },
		{ "fail-on", required_argument, NULL, FAIL_ON },
		{ "strict", no_argument, NULL, STRICT },
		{ "bisect", no_argument, NULL, BISECT },
		{ "format", required_argument, NULL, FORMAT },
		{ "output", required_argument, NULL, OUTPUT },
		{ "all", no_argument, NULL, ALL },
		{ "live", no_argument, NULL, LIVE },
		{ "set-old", required_argument, NULL, SET_OLD },
		{ "set-new", required_argument, NULL, SET_NEW },
		{ "record", required_argument, NULL, RECORD },
		{ "more", optional_argument, NULL, MORE },
		{ "config", required_argument, NULL, CONFIG },
		{ "mechanism", required_argument, NULL, KEY },
		{ "budget", required_argument, NULL, KEY },
		{ "pairs", required_argument, NULL, PAIRS },
		CELL_OPTIONS_TABLE,
		{ NULL, 0, NULL, 0 },
	};
	/* clang-format on */
	int option, index;

	while ((option = command_option(argc, argv, ":o:c:m:", options, &index)) != -1) {
		int taken = take_own(request, option, optarg);
		if (!taken)
			taken = request_take(&request->cells, option,
					     index < 0 ? "" : options[index].name, optarg);
		if (taken != 1)
			return -1;
	}
	if (say_json && request->format && !request->cells.output &&
	    strcmp(request->format, "json") != 0) {
		say_error("compare: --json and --format %s both want standard output; add -o FILE",
			  request->format);
		return -1;
	}
	request->options.more = request->more;
	if (check_live(request))
		return -1;
	return request->live ? read_programs(request, argc, argv, rest)
			     : read_sides(request, argc, argv, rest);
}

/* A report that took the place of a result would be the end of that result. */
static bool is_input(const struct compare_report *report, const char *path)
{
	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (size_t f = 0; f < report->file_count[side]; f++)
			if (is_one_file(report->files[side][f]->path, path))
				return true;
	return is_one_file(report->record, path);
}

/* Whole or not at all, as far as a file that others may write to can be. 0, or -1 after
 * say_error(). */
static int write_comparison(const struct compare_report *report, const char *format,
			    const char *path)
{
	char *text = NULL;
	size_t bytes;
	FILE *memory = open_memstream(&text, &bytes), *file = NULL;
	int failed = -1;

	if (is_input(report, path)) {
		say_error("%s is one of the results; give -o another name", path);
		goto end;
	}
	failed = memory ? compare_print(memory, report, format) : -1;
	failed = memory && fclose(memory) ? -1 : failed;
	memory = NULL;
	if (failed) {
		if (!say_failed())
			say_error("out of memory");
		goto end;
	}
	file = fopen(path, "we");
	failed = !file || fwrite(text, 1, bytes, file) != bytes;
	failed = (file && fclose(file)) || failed;
	if (failed)
		say_error("%s: %s", path, strerror(errno));
end:
	if (memory)
		fclose(memory);
	free(text);
	return failed ? -1 : 0;
}

/* 0, or -1 after say_error(). */
static int show_comparison(const struct compare_report *report,
			   const struct compare_request *request)
{
	const char *format = say_json ? "json" : request->format ? request->format : "text";

	if (request->cells.output &&
	    write_comparison(report, request->format ? request->format : format,
			     request->cells.output))
		return -1;
	if (request->cells.output && !say_json) {
		char headline[160];
		printf("%s\n%s\n", compare_headline(report->comparison, headline, sizeof headline),
		       request->cells.output);
		return 0;
	}
	if (compare_print(stdout, report, format)) {
		if (!say_failed())
			say_error("the comparison could not be written: out of memory, or standard "
				  "output is closed");
		return -1;
	}
	command_printed_json = say_json;
	return 0;
}

/* One more run where this machine can tell more. *added: its result; NULL when there was nothing to
 * measure. An exit status. */
static int measure_more(const struct compare_request *request, const struct comparison *comparison,
			const struct result *const files[], struct result **added,
			enum compare_side *side)
{
	const struct more_options options = {
		.files = { files, files + request->file_count[COMPARE_OLD] },
		.file_count = { request->file_count[0], request->file_count[1] },
		.comparison = comparison,
		.side = request->more_side,
		.plugins = request->cells.plugins,
		.plugin_count = request->cells.plugin_count,
	};
	char path[PATH_MAX];

	*added = NULL;
	if (!more_cells(comparison))
		return EXIT_FINE;
	int status = more_run(&options, path, sizeof path, side);
	if (status)
		return status;
	*added = result_read(path);
	if (*added && !say_json)
		fprintf(stderr, "toll: measured %s\n", path);
	return *added ? EXIT_FINE : EXIT_USAGE;
}

static int compare_with(const struct compare_request *request, const struct comparison *before,
			const struct result *const files[], struct result *added,
			enum compare_side side);

/* environment → margins, cells, verdicts → table. more: what it can't tell is measured first. */
static int compare_results(const struct compare_request *request,
			   const struct result *const files[], bool more)
{
	size_t n_old = request->file_count[COMPARE_OLD], n_new = request->file_count[COMPARE_NEW];
	struct comparison *comparison = NULL;
	struct environment *environment = environment_of(files, n_old + n_new, request->varies);
	int status = EXIT_USAGE;

	if (!environment)
		return EXIT_USAGE;
	if (!environment->same) {
		command_printed_json = compare_print_environment(environment, say_json);
		status = EXIT_ENVIRONMENT;
		goto end;
	}
	comparison = compare_of(files, n_old, files + n_old, n_new, &request->options, &status);
	if (!comparison)
		goto end;
	if (more) {
		struct result *added;
		enum compare_side side;

		status = measure_more(request, comparison, files, &added, &side);
		if (status)
			goto end;
		if (added) {
			status = compare_with(request, comparison, files, added, side);
			goto end;
		}
	}
	const struct compare_report report = {
		.comparison = comparison,
		.environment = environment,
		.files = { files, files + n_old },
		.file_count = { n_old, n_new },
		.gate = request->gate,
		.status = compare_status(comparison, &request->gate),
		.only = request->options.only,
		.all = request->all,
	};
	status = show_comparison(&report, request) ? EXIT_USAGE : report.status;
end:
	comparison_free(comparison);
	environment_free(environment);
	return status;
}

/* The same with one more file of a side, which it takes. */
static int compare_with(const struct compare_request *request, const struct comparison *before,
			const struct result *const files[], struct result *added,
			enum compare_side side)
{
	struct compare_request with = *request;
	size_t n_old = request->file_count[COMPARE_OLD],
	       n = n_old + request->file_count[COMPARE_NEW];
	size_t at = side == COMPARE_OLD ? n_old : n;
	const struct result **all = calloc(n + 1, sizeof(const struct result *));
	int status = EXIT_USAGE;

	if (all) {
		memcpy(all, files, at * sizeof(const struct result *));
		all[at] = added;
		memcpy(all + at + 1, files + at, (n - at) * sizeof(const struct result *));
		with.file_count[side]++;
		with.options.before = before;
		status = compare_results(&with, all, false);
	} else {
		say_error("out of memory");
	}
	free(all);
	result_free(added);
	return status;
}

/* --- pairs: a record shown again, or measured now --------------------------------------------- */

static int show_duels(const struct compare_request *request, struct compare_report *report,
		      struct comparison *comparison)
{
	if (!comparison) {
		say_error("out of memory");
		return EXIT_USAGE;
	}
	report->comparison = comparison;
	report->gate = request->gate;
	report->status = compare_status(comparison, &request->gate);
	report->only = request->options.only;
	report->all = request->all;
	return show_comparison(report, request) ? EXIT_USAGE : report->status;
}

/* record → looks → table */
static int compare_record(const struct compare_request *request)
{
	struct recorded *recorded = recorded_read(request->files[COMPARE_OLD][0]);

	if (!recorded)
		return EXIT_USAGE;
	struct compare_report report = { .names = { recorded->name[0], recorded->name[1] },
					 .record = recorded->path };
	struct comparison *comparison = duels_comparison(&recorded->duels);
	int status = show_duels(request, &report, comparison);

	comparison_free(comparison);
	recorded_free(recorded);
	return status;
}

/* What a live comparison is made of. */
struct live_means {
	struct config *config;
	struct place *place;
	struct registry *registry[COMPARE_SIDES]; /* settings: one for both */
	struct plan *plan[COMPARE_SIDES];
};

/* 0, or -1 after say_error(); in both cases live_means_close() is due. */
static int live_means_open(struct live_means *means, const struct compare_request *request)
{
	const struct request *cells = &request->cells;
	char path[PATH_MAX];

	if (config_find(cells->config ? cells->config : "compare", path, sizeof path))
		return -1;
	means->config = config_read(path);
	if (!means->config || request_lay(cells, means->config))
		return -1;
	means->place = place_open();
	if (!means->place || !run_on_this_machine(means->place))
		return -1;
	unsigned sides = request->set[0] ? 1 : COMPARE_SIDES;
	for (unsigned side = 0; side < sides; side++) {
		const char *worker = request->set[0] ? NULL : request->files[side][0];

		means->registry[side] =
			registry_open_worker(worker, cells->plugins, cells->plugin_count);
		if (!means->registry[side])
			return -1;
		means->plan[side] = plan_make(means->config, means->registry[side], means->place);
		if (!means->plan[side])
			return -1;
	}
	return 0;
}

static void live_means_close(struct live_means *means)
{
	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		plan_free(means->plan[side]);
		registry_close(means->registry[side]);
	}
	place_close(means->place);
	config_free(means->config);
}

/* A last line for who reads text. */
static void say_ended(const struct live *live, const struct compare_request *request,
		      const struct comparison *comparison)
{
	const char *format = request->format;
	char took[24];

	if (say_json || (format && strcmp(format, "text") != 0 && !request->cells.output))
		return;
	say_duration(live->seconds, took);
	if (live->ended == LIVE_INTERRUPTED)
		printf("interrupted after %s\n", took);
	else if (live->ended == LIVE_DECIDED && live->seconds > 0)
		printf(comparison->count[VERDICT_INVALID] ? "no cell is open, after %s\n"
							  : "every cell is told, after %s\n",
		       took);
}

/* plans → pairs and looks → table */
static int compare_live(const struct compare_request *request)
{
	struct live_means means = { .config = NULL };
	struct live live = { .seconds = 0 };
	struct comparison *comparison = NULL;
	int status = EXIT_USAGE;

	if (live_means_open(&means, request))
		goto end;
	const bool settings = request->set[0];
	struct live_options options = {
		.only = request->options.only,
		.budget_s = means.plan[0]->budget_s,
		.budget_given = request_value(&request->cells, "budget") != NULL,
		.margin = isnan(request->options.margin) ? means.plan[0]->margin
							 : request->options.margin,
		.seed = means.plan[0]->seed,
		.operations = means.plan[0]->operations,
		.place = means.place,
		.record = request->record,
		.more = request->more,
	};
	struct compare_report report = { .record = request->record };

	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		const unsigned of = settings ? COMPARE_OLD : side;

		report.names[side] = settings ? request->set[side] : request->files[side][0];
		options.side[side] = (struct live_side){ .name = report.names[side],
							 .plan = means.plan[of],
							 .registry = means.registry[of],
							 .set = request->set[side] };
	}
	if (request_pairs(&request->cells, DUELS_FEWEST_PAIRS, 1000000, &options.pairs))
		goto end;
	/* a fixed count of operations leaves nothing for a budget to decide */
	if (!options.pairs && means.plan[0]->budget_s <= 0)
		options.pairs = LIVE_LEAST_PAIRS;
	status = live_run(&options, &live);
	if (status)
		goto end;
	comparison = duels_comparison(&live.duels);
	if (comparison) {
		comparison->lone = live.lone;
		comparison->lone_count = live.lone_count;
		comparison->cells_not_asked = live.not_asked;
		live.lone = NULL;
	}
	status = show_duels(request, &report, comparison);
	if (status != EXIT_USAGE) {
		say_ended(&live, request, comparison);
		if (live.ended == LIVE_INTERRUPTED)
			status = SIGNALLED + block_signal();
	}
end:
	comparison_free(comparison);
	live_free(&live);
	live_means_close(&means);
	return status;
}

static int compare_files(const struct compare_request *request)
{
	size_t n = request->file_count[COMPARE_OLD] + request->file_count[COMPARE_NEW], read = 0;
	struct result **files = calloc(n, sizeof(struct result *));
	int status = EXIT_USAGE;

	if (!files) {
		say_error("out of memory");
		return EXIT_USAGE;
	}
	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (size_t f = 0; f < request->file_count[side] && read < n; f++) {
			files[read] = result_read(request->files[side][f]);
			if (!files[read])
				goto end;
			read++;
		}
	status = compare_results(request, (const struct result *const *)files, request->more);
	for (size_t f = 0; f < read; f++)
		status = command_cut_short(files[f], status);
end:
	for (size_t f = 0; f < read; f++)
		result_free(files[f]);
	free(files);
	return status;
}

int cmd_compare(int argc, char **argv, char **rest)
{
	enum { BISECT_SKIP = 125 };
	struct compare_request request = { .options.margin = NAN };

	if (read_compare(argc, argv, rest, &request))
		return EXIT_USAGE;
	int status = request.live                       ? compare_live(&request)
		     : !request.file_count[COMPARE_NEW] ? compare_record(&request)
							: compare_files(&request);
	if (request.bisect && (status == EXIT_UNTOLD || status == EXIT_ENVIRONMENT))
		return BISECT_SKIP;
	return status;
}
