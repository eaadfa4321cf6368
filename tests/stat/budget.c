/* SPDX-License-Identifier: GPL-3.0-or-later */
/* budget.c - G10: a run takes its budget and no more, and so does a head to head that cannot tell.
 * The clock on the wall counts, from the program's start to its end.
 *
 *   stat-budget [--quick]      the whole takes two minutes, --quick 3 seconds; SEED=N */
#include "stat.h"

#include <jansson.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Cells that are the same, and a margin that no budget here is enough for. */
#define VERSUS "vs pipe pipe --margin 0.01%"
#define TWINS "run -c tests/stat/budget.conf"
/* Cells that differ: the run ends early when it can tell. */
#define DIFFERENT                                                                                  \
	"run --mechanism pipe,unix-stream --pattern pingpong --size 64,4K --wait block "           \
	"--placement same-cpu"

static const struct contest {
	const char *name, *arguments, *member; /* of the JSON: the seconds it says it took */
	double budget_s;
	bool makes_file;
} contests[] = {
	{ "toll vs that cannot tell", VERSUS, "seconds", 3, false },
	{ "toll vs that cannot tell", VERSUS, "seconds", 10, false },
	{ "toll run that cannot tell", TWINS, "elapsed_s", 10, true },
	{ "toll run that cannot tell", TWINS, "elapsed_s", 20, true },
	{ "toll run that can", DIFFERENT, "elapsed_s", 20, true },
	/* what make run does, under a minute */
	{ "toll run, the quick suite", "run", "elapsed_s", 55, true },
};
enum { CONTESTS = sizeof contests / sizeof *contests };

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct taken {
	int status; /* exit status; −1: a signal */
	double wall_s, said_s;
	bool decided; /* it said that it stopped because it could tell */
};

/* false: it could not be started, or printed no JSON. */
static bool take(const struct contest *contest, struct taken *taken)
{
	const char *build = getenv("BUILD") ? getenv("BUILD") : "build",
		   *seed = getenv("SEED") ? getenv("SEED") : "20261122";
	char command[1024], output[512] = "", file[256];

	snprintf(file, sizeof file, "%s/stat-budget.ndjson", build);
	if (contest->makes_file) {
		unlink(file);
		snprintf(output, sizeof output, " -o '%s'", file);
	}
	snprintf(command, sizeof command, "'%s/toll' %s --budget %.0fs --seed %s --json%s", build,
		 contest->arguments, contest->budget_s, seed, output);
	double began = now_s();
	FILE *stream = popen(command, "r");

	if (!stream)
		return false;
	json_error_t error;
	json_t *answer = json_loadf(stream, JSON_DISABLE_EOF_CHECK, &error);
	int status = pclose(stream);

	*taken = (struct taken){
		.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		.wall_s = now_s() - began,
		.said_s = json_number_value(json_object_get(answer, contest->member)),
	};
	const char *ended = json_string_value(json_object_get(answer, "ended"));

	taken->decided = ended && strcmp(ended, "decided") == 0;
	bool fine = json_is_object(answer);

	json_decref(answer);
	return fine;
}

static void judge(const struct contest *contest, bool quick)
{
	const char *goal = "G10 goal 95 to 105 % of the budget, less only when all is decided";
	char where[96];
	struct taken taken;

	snprintf(where, sizeof where, "%s, %.0f s", contest->name, contest->budget_s);
	if (!take(contest, &taken)) {
		report(MISSED, goal, where, "none: it gave no JSON");
		return;
	}
	double share = percent_of(taken.wall_s, contest->budget_s);
	bool exited = taken.status == 0 || taken.status == 2;
	double least = quick ? 50 : 95, most = quick ? 200 : 105;

	if (quick)
		goal = "G10 in short: half to twice the budget, less only when all is decided";
	report(met(exited && share <= most && (share >= least || taken.decided)), goal, where,
	       "%.1f %% on the wall, %.1f %% as it says%s, exit status %d", share,
	       percent_of(taken.said_s, contest->budget_s), taken.decided ? ", decided" : "",
	       taken.status);
}

int main(int argc, char **argv)
{
	bool quick = is_quick(argc, argv);

	for (size_t i = 0; i < (quick ? 1 : CONTESTS); i++)
		judge(&contests[i], quick);
	return finish();
}
