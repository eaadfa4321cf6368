/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conform.c - conformance: everything that is registered is played against everything else, and
 * each message, each end and all that is left behind is checked. It drives toll-worker as toll
 * does. */
#include "conformance/faults.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/block.h"
#include "bench/say.h"

/* gcc defines the one, clang has the other. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZER "address"
#elif defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define SANITIZER "thread"
#else
#define SANITIZER NULL
#endif

static const char help[] =
	"conform [options]   plays every mechanism against every pattern, wait, size, …; checks "
	"all\n"
	"\n"
	"      --full             the product, each cell on one CPU or on several by turns "
	"(default)\n"
	"      --long             the same on one CPU and on several; also the ends of options' "
	"ranges\n"
	"      --cover            a choice that has each pair of two dimensions' values once at "
	"least\n"
	"      --threads-only     peers are threads (for ThreadSanitizer, which sees one process)\n"
	"      --in-place         mechanisms in shared memory only\n"
	"      --mechanism NAME   this one only\n"
	"      --pattern NAME     this one only\n"
	"  -m, --plugin FILE.so   the mechanisms of a plug-in, and only those\n"
	"      --only-faults      only whether the checks can fail\n"
	"      --first            stops at the first failure\n"
	"      --seed N           of the choice and of the workers' random offsets\n"
	"      --jobs N           processes at once (default: a CPU each)\n"
	"      --list             prints the chosen cells and plays none\n"
	"\n"
	"exit: 0 all passed, 1 some failed, 4 a mistake\n";

enum {
	COVER = 256,
	FULL,
	LONG,
	THREADS_ONLY,
	IN_PLACE,
	MECHANISM,
	PATTERN_NAME,
	ONLY_FAULTS,
	FIRST,
	SEED,
	JOBS,
	LIST
};

struct request {
	bool cover, only_faults, first, list;
	uint64_t seed;
	unsigned jobs;
	const char *plugins[REGISTRY_MOST_PLUGINS];
	size_t plugin_count;
	struct wanted wanted;
};

static unsigned long number(const char *option, const char *text)
{
	char *end;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0)
		return value;
	say_error("--%s: \"%s\" is no number", option, text);
	exit(EXIT_USAGE);
}

static void read_options(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "cover", no_argument, NULL, COVER },
		{ "full", no_argument, NULL, FULL },
		{ "long", no_argument, NULL, LONG },
		{ "threads-only", no_argument, NULL, THREADS_ONLY },
		{ "in-place", no_argument, NULL, IN_PLACE },
		{ "mechanism", required_argument, NULL, MECHANISM },
		{ "pattern", required_argument, NULL, PATTERN_NAME },
		{ "plugin", required_argument, NULL, 'm' },
		{ "only-faults", no_argument, NULL, ONLY_FAULTS },
		{ "first", no_argument, NULL, FIRST },
		{ "seed", required_argument, NULL, SEED },
		{ "jobs", required_argument, NULL, JOBS },
		{ "list", no_argument, NULL, LIST },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	for (int option; (option = getopt_long(argc, argv, "m:h", options, NULL)) != -1;) {
		switch (option) {
		case COVER:
			request->cover = request->wanted.brief = true;
			break;
		case FULL:
			request->cover = false;
			break;
		case LONG:
			request->wanted.whole = true;
			break;
		case THREADS_ONLY:
			request->wanted.threads_only = true;
			break;
		case IN_PLACE:
			request->wanted.in_place = true;
			break;
		case MECHANISM:
			request->wanted.mechanism = optarg;
			break;
		case PATTERN_NAME:
			request->wanted.pattern = optarg;
			break;
		case 'm':
			if (request->plugin_count < REGISTRY_MOST_PLUGINS)
				request->plugins[request->plugin_count++] = optarg;
			request->wanted.plugins_only = true;
			break;
		case ONLY_FAULTS:
			request->only_faults = true;
			break;
		case FIRST:
			request->first = true;
			break;
		case SEED:
			request->seed = number("seed", optarg);
			break;
		case JOBS:
			request->jobs = (unsigned)number("jobs", optarg);
			break;
		case LIST:
			request->list = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_FINE);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		say_error("%s: conform takes options only; conform -h", argv[optind]);
		exit(EXIT_USAGE);
	}
}

/* The folder this program stands in. */
static void own_folder(char *folder, size_t bytes)
{
	ssize_t length = readlink("/proc/self/exe", folder, bytes - 1);
	folder[length > 0 ? length : 0] = '\0';
	char *slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
}

/* A private folder for journals and reports, so that those of other runs are not taken for ours. */
static const char *make_folder(void)
{
	static char folder[PATH_MAX];
	const char *temporary = getenv("TMPDIR");

	snprintf(folder, sizeof folder, "%s/conform-XXXXXX", temporary ? temporary : "/tmp");
	if (!mkdtemp(folder)) {
		say_error("%s: %s", folder, strerror(errno));
		exit(EXIT_USAGE);
	}
	setenv("XDG_RUNTIME_DIR", folder, 1);
	return folder;
}

static void remove_folder(const char *folder)
{
	char command[PATH_MAX + 16];
	/* the name is from mkdtemp(), below TMPDIR */
	snprintf(command, sizeof command, "rm -rf -- '%s'", folder);
	if (system(command)) /* NOLINT(cert-env33-c) */
		say_warning("%s is left", folder);
}

static void print_exceptions(const char *what, const struct exception list[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("%s %zu cell%s: %s\n", what, list[i].cells, list[i].cells == 1 ? "" : "s",
		       list[i].reason);
}

static void list_points(const struct product *product)
{
	char name[POINT_NAME];
	for (size_t i = 0; i < product->count; i++) {
		if (product->points[i].chosen)
			puts(point_name(&product->points[i], name, sizeof name));
	}
}

static void print_failure(void *context, const struct point *point, const char *reason)
{
	const unsigned *jobs = context;
	char name[POINT_NAME];

	printf("FAILED %s%s%s%s\n", point ? point_name(point, name, sizeof name) : "",
	       point ? ": " : "", reason,
	       !point && *jobs > 1 && strncmp(reason, "left behind", 11) == 0
		       ? "; --jobs 1 says by which cell"
		       : "");
	fflush(stdout);
}

static void play_product(const struct request *request, const struct stage *stage, const char *of,
			 struct totals *totals)
{
	struct product product;
	size_t chosen, pairs = 0, refused = 0;
	struct timespec begin, end;
	unsigned jobs = request->jobs;
	const struct audience audience = { .name = "conform",
					   .failed = print_failure,
					   .context = &jobs };

	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (product_make(&request->wanted, &product)) {
		product_free(&product);
		totals->failed++;
		return;
	}
	chosen = product.count;
	if (request->cover)
		chosen = product_cover(&product, request->seed, &pairs);
	for (size_t i = 0; i < product.count && !request->cover; i++)
		product.points[i].chosen = true;
	if (request->list) {
		list_points(&product);
		product_free(&product);
		return;
	}
	troupe_play(stage, &product, request->jobs, &audience, totals);
	clock_gettime(CLOCK_MONOTONIC, &end);
	for (size_t i = 0; i < product.refused_count; i++)
		refused += product.refused[i].cells;
	for (size_t i = 0; i < product.wrong_count; i++) {
		printf("FAILED %s\n", product.wrong[i].reason);
		totals->failed++;
	}
	printf("refused %zu cells, as is due, for %zu reasons\n", refused, product.refused_count);
	print_exceptions("skipped", product.lacking, product.lacking_count);
	totals->skipped += product.lacking_count;
	printf("covered %zu of %zu cells%s", chosen, product.count, of);
	if (request->cover)
		printf(": each of %zu pairs (seed %llu)", pairs, (unsigned long long)request->seed);
	printf(", in %lld s\n", (long long)(end.tv_sec - begin.tv_sec));
	fflush(stdout);
	product_free(&product);
}

/* A mechanism's file, unchanged but for its name, as a plug-in: it conforms as well. */
static void play_ring_plugin(struct request request, struct stage stage, const char *folder,
			     struct totals *totals)
{
	char path[PATH_MAX + 64];
	const char *plugins[] = { path };

	snprintf(path, sizeof path, "%.4000s/ring-plugin.so", folder);
	struct registry *registry = registry_open(plugins, 1);
	if (!registry) {
		totals->failed++;
		return;
	}
	request.cover = true;
	request.wanted.registry = stage.registry = registry;
	request.wanted.plugins_only = true;
	play_product(&request, &stage, " of ring as a plug-in", totals);
	registry_close(registry);
}

int main(int argc, char **argv)
{
	struct request request = { .seed = 1 };
	struct totals totals = { 0 };
	char folder[PATH_MAX], plugins[PATH_MAX + 32], worker[PATH_MAX + 32];
	double cost_ns, step_ns;

	read_options(argc, argv, &request);
	if (product_find_cpus(&request.wanted))
		return EXIT_USAGE;
	if (request.jobs == 0)
		request.jobs = request.wanted.cpu_count;
	own_folder(folder, sizeof folder);
	snprintf(plugins, sizeof plugins, "%s/plugins", folder);
	/* in a chroot this program's own path says nothing any more once it has mounts of its own
	 */
	snprintf(worker, sizeof worker, "%s/toll-worker", folder);
	setenv("TOLL_WORKER", worker, 0);

	struct registry *registry = registry_open(request.plugins, request.plugin_count);
	if (!registry)
		return EXIT_USAGE;
	struct stage stage = { .registry = registry,
			       .seed = request.seed,
			       .sanitizer = SANITIZER,
			       .most_failures = request.first };
	left_isolate();
	const char *private = make_folder();

	if (stage.sanitizer)
		stage.reports = private;
	block_clock(&stage.ticks_per_ns, &cost_ns, &step_ns);
	request.wanted.registry = registry;
	if (!request.only_faults)
		play_product(&request, &stage, "", &totals);
	/* of what was asked for in particular no more is asked */
	if (!request.list && !request.wanted.mechanism && !request.wanted.pattern &&
	    request.plugin_count == 0) {
		if (!request.only_faults)
			play_ring_plugin(request, stage, plugins, &totals);
		faults_play(&stage, &request.wanted, plugins, &totals);
	}
	remove_folder(private);
	registry_close(registry);
	if (!request.list)
		printf("%zu passed, %zu failed, %zu skipped\n", totals.passed, totals.failed,
		       totals.skipped);
	return totals.failed ? EXIT_GATE : EXIT_FINE;
}
