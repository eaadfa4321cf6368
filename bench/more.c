/* SPDX-License-Identifier: GPL-3.0-or-later */
/* more.c - measures again what a comparison of result files can't tell. */
#include "more.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "plan.h"
#include "request.h"
#include "run.h"
#include "say.h"

static const char *const names[] = { "old", "new" };

static bool is_open(const struct compare_row *row)
{
	return row->verdict.kind == VERDICT_CANT_TELL;
}

size_t more_cells(const struct comparison *comparison)
{
	size_t n = 0;

	for (size_t i = 0; i < comparison->row_count; i++)
		n += is_open(&comparison->rows[i]);
	return n;
}

/* --- whose side ------------------------------------------------------------------------------- */

static const json_t *host_of(const struct result *result)
{
	return json_object_get(result->header, "host");
}

static bool same_boot(const json_t *a, const json_t *b)
{
	const char *x = json_string_value(json_object_get(a, "boot_id"));
	const char *y = json_string_value(json_object_get(b, "boot_id"));

	return x && y && strcmp(x, y) == 0;
}

/* The side that this machine is. 0; an exit status after say_error(). */
static int find_side(const struct more_options *options, const json_t *here,
		     enum compare_side *side)
{
	char difference[COMPARE_SIDES][512];
	bool is[COMPARE_SIDES];

	for (unsigned s = 0; s < COMPARE_SIDES; s++)
		is[s] = !host_differs(here, host_of(options->files[s][0]), false, difference[s],
				      sizeof difference[s]);
	if (options->side >= 0) {
		*side = (enum compare_side)options->side;
		if (is[*side])
			return 0;
		say_error("--more=%s: this machine is not as that side's (%s)", names[*side],
			  difference[*side]);
		return EXIT_ENVIRONMENT;
	}
	if (is[COMPARE_OLD] && is[COMPARE_NEW]) {
		say_error("--more: both sides were measured in an environment like this one; say "
			  "which of them is here now, --more=old or --more=new");
		return EXIT_USAGE;
	}
	if (!is[COMPARE_OLD] && !is[COMPARE_NEW]) {
		say_error("--more: this machine is neither side: not the old one (%s), not the new "
			  "one (%s)",
			  difference[COMPARE_OLD], difference[COMPARE_NEW]);
		return EXIT_ENVIRONMENT;
	}
	*side = is[COMPARE_OLD] ? COMPARE_OLD : COMPARE_NEW;
	return 0;
}

/* Several runs of one boot are one value where boots count. */
static int check_boot(const struct more_options *options, const json_t *here,
		      enum compare_side side)
{
	for (size_t f = 0; f < options->file_count[side]; f++)
		if (options->comparison->unit == COMPARE_BOOTS &&
		    same_boot(here, host_of(options->files[side][f]))) {
			say_error(
				"--more: this boot is counted already (%s), and another run of it "
				"would add nothing; reboot, then ask again",
				options->files[side][f]->path);
			return EXIT_USAGE;
		}
	return 0;
}

/* --- what to run ------------------------------------------------------------------------------ */

/* A grid of one cell. NULL after say_error(). */
static struct config *config_of_key(const char *key)
{
	struct config *config = config_new();
	struct request request = { .setting_count = 0 };
	char text[CELL_KEY];
	bool fine = config;

	snprintf(text, sizeof text, "%s", key);
	fine = fine && !request_add_key(&request, "compare", text) &&
	       !request_lay(&request, config);
	if (fine)
		return config;
	config_free(config);
	return NULL;
}

static struct config *config_of_cells(const struct comparison *comparison)
{
	struct config *all = NULL;
	const char *last = "";

	for (size_t i = 0; i < comparison->row_count; i++) {
		const struct compare_row *row = &comparison->rows[i];

		if (!is_open(row) || strcmp(row->cell->key, last) == 0)
			continue;
		last = row->cell->key;
		struct config *one = config_of_key(row->cell->key);
		if (!one || (all && config_append(all, one))) {
			config_free(all);
			return NULL;
		}
		all = all ? all : one;
	}
	return all;
}

static unsigned rounds_of(const struct result *result)
{
	unsigned rounds = 0;

	for (size_t w = 0; w < result->worker_count; w++)
		if (result->workers[w].round >= rounds)
			rounds = result->workers[w].round + 1;
	return rounds;
}

/* "FILE-more.ndjson", "FILE-more2.ndjson", … of FILE.ndjson or of an earlier one: the first that is
 * not there. false after say_error(). */
static bool free_path(const char *path, char *out, size_t bytes)
{
	static const char suffix[] = ".ndjson", more[] = "-more";
	size_t length = strlen(path);

	if (length > strlen(suffix) && strcmp(path + length - strlen(suffix), suffix) == 0)
		length -= strlen(suffix);
	size_t digits = length;
	while (digits > 0 && isdigit((unsigned char)path[digits - 1]))
		digits--;
	if (digits >= strlen(more) &&
	    strncmp(path + digits - strlen(more), more, strlen(more)) == 0)
		length = digits - strlen(more);
	for (unsigned n = 1; n < 10000; n++) {
		char number[12] = "";

		if (n > 1)
			snprintf(number, sizeof number, "%u", n);
		if ((size_t)snprintf(out, bytes, "%.*s%s%s%s", (int)length, path, more, number,
				     suffix) >= bytes)
			break;
		if (access(out, F_OK) != 0)
			return true;
	}
	say_error("--more: no name is free beside %s", path);
	return false;
}

int more_run(const struct more_options *options, char *path, size_t bytes,
	     enum compare_side *measured)
{
	struct place *place = place_open();
	struct registry *registry = NULL;
	struct plan *plan = NULL;
	struct config *config = NULL;
	json_t *here = NULL;
	char wanted[PATH_MAX], written[PATH_MAX] = "";
	int status = EXIT_USAGE;

	if (!place || !run_on_this_machine(place))
		goto end;
	here = host_read(place);
	if (!here) {
		say_error("out of memory");
		goto end;
	}
	status = find_side(options, here, measured);
	if (!status)
		status = check_boot(options, here, *measured);
	if (status)
		goto end;
	status = EXIT_USAGE;
	const struct result *last = options->files[*measured][options->file_count[*measured] - 1];
	config = config_of_cells(options->comparison);
	registry = registry_open(options->plugins, options->plugin_count);
	if (!config || !registry || !free_path(last->path, wanted, sizeof wanted))
		goto end;
	config->rounds = rounds_of(last);
	config->operations = (unsigned long)json_integer_value(
		json_object_get(json_object_get(last->header, "plan"), "operations"));
	config->margin = options->comparison->margin;
	config->tails =
		json_is_true(json_object_get(json_object_get(last->header, "plan"), "tails"));
	plan = plan_make(config, registry, place);
	if (!plan)
		goto end;
	if (!plan->cell_count) {
		status = means_nothing_left(plan);
		goto end;
	}
	const struct run_options run = { .output = wanted,
					 .json = say_json,
					 .spent = options->comparison->spent,
					 .path = written };
	status = run_campaign(&run, plan, registry, place);
	snprintf(path, bytes, "%s", written);
end:
	json_decref(here);
	plan_free(plan);
	registry_close(registry);
	config_free(config);
	place_close(place);
	return status;
}
