/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list.c - toll list: what there is to measure, and where. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../reports/table.h"
#include "account.h"
#include "commands.h"
#include "config.h"
#include "events.h"
#include "place.h"
#include "probe.h"
#include "registry.h"
#include "say.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

const char list_help[] =
	"toll list [WHAT [NAME…]] [options]   what there is to measure, and where\n"
	"\n"
	"  toll list mechanisms         ways to move a message, how they wait, and their options;\n"
	"                               with a NAME, as pipe or pipe:mode=packet, these only\n"
	"  toll list patterns           choreographies of peers\n"
	"  toll list placements         pairs of CPUs, by what they share on this machine\n"
	"  toll list events             what --counters can count here, and why not the rest\n"
	"  toll list configs            what toll run -c takes by name\n"
	"  toll list                    all of them\n"
	"\n"
	"      --probe                  whether each mechanism works here, with which waits, and\n"
	"                               what it is, found out by playing it: bytes or messages,\n"
	"                               how much it holds, what it does when it is full, what a\n"
	"                               death does to the other side, what it costs to set up, …\n"
	"  -m, --plugin FILE.so         a mechanism from a shared object; again for more\n"
	"      --json                   as JSON\n"
	"\n"
	"exit: 0 fine, 4 a mistake\n";

struct look {
	struct registry *registry;
	struct place *place;
	bool probe;
	const char *const *names; /* mechanisms with their options: only these */
	size_t name_count;        /* 0: all */
	json_t *json;             /* with --json: the object under construction */
};

static void title(const char *text, const char *about)
{
	static bool again;
	printf("%s%s%s%s  %s%s%s\n", again ? "\n" : "", say_style(stdout, SAY_BOLD), text,
	       say_style(stdout, SAY_PLAIN), say_style(stdout, SAY_DIM), about,
	       say_style(stdout, SAY_PLAIN));
	again = true;
}

/* Prints and frees. 0 or -1 after say_error(). */
static int print_table(struct table *table)
{
	int failed = !table || table_print(stdout, table, 2);
	table_free(table);
	if (ferror(stdout))
		return 0; /* main() says it */
	if (failed)
		say_error("out of memory");
	return failed ? -1 : 0;
}

/* --- mechanisms ----------------------------------------------------------------------------- */

/* Whether a mechanism can run here with a wait, over the smallest message. */
struct probed {
	enum cell_wait wait;
	struct examination answer;
};

/* One question for all waits of a mechanism. The number of answers, or -1 after say_error(). */
static int probe(const struct look *look, const json_t *mechanism, struct probed probed[WAIT_COUNT])
{
	struct cell cells[WAIT_COUNT];
	struct examination answers[WAIT_COUNT];
	int cpus[2] = { 0, 0 };
	size_t i, n = 0;
	const json_t *wait;
	bool self_only = registry_flag(mechanism, "self_only");

	if (place_allowed(look->place, cpus, 2) < 2)
		cpus[1] = cpus[0];
	json_array_foreach (json_object_get(mechanism, "waits"), i, wait) {
		struct cell cell = { .size = 8, .depth = -1, .touch_all = true };
		/* hybrid comes without its time; any will do */
		if (cell_wait_parse(json_string_value(wait), &cell.wait, &cell.wait_amount)) {
			if (strcmp(json_string_value(wait), "hybrid") != 0)
				continue; /* a wait newer than toll */
			cell.wait = WAIT_HYBRID;
			cell.wait_amount = 20000;
		}
		cell.peers = self_only ? 1 : 2;
		memcpy(cell.cpus, cpus, sizeof cpus);
		snprintf(cell.mechanism, sizeof cell.mechanism, "%s",
			 registry_text(mechanism, "name"));
		snprintf(cell.pattern, sizeof cell.pattern, self_only ? "self" : "pingpong");
		snprintf(cell.placement, sizeof cell.placement, "cpus");
		cells[n] = cell;
		if (++n == WAIT_COUNT)
			break;
	}
	if (registry_examine(look->registry, cells, n, answers))
		return -1;
	for (size_t p = 0; p < n; p++)
		probed[p] = (struct probed){ cells[p].wait, answers[p] };
	return (int)n;
}

static int probe_json(const struct look *look, json_t *mechanism)
{
	struct probed probed[WAIT_COUNT];
	int n = probe(look, mechanism, probed);
	json_t *here = json_object();
	for (int p = 0; p < n; p++) {
		char wait[32];
		struct cell cell = { .wait = probed[p].wait };
		cell_wait_text(&cell, wait, sizeof wait);
		wait[strcspn(wait, ":")] = '\0';
		json_object_set_new(here, wait,
				    probed[p].answer.possible
					    ? json_true()
					    : json_string(probed[p].answer.reason));
	}
	json_object_set_new(mechanism, "here", here);
	return n < 0 ? -1 : 0;
}

/* Whether it works with no wait, for one and the same reason. */
static bool is_absent(const struct probed probed[], int n)
{
	for (int p = 0; p < n; p++) {
		if (probed[p].answer.possible ||
		    strcmp(probed[p].answer.reason, probed[0].answer.reason) != 0)
			return false;
	}
	return n > 0;
}

/* "here: all waits", or which not and why. */
static int print_probe(const struct look *look, const json_t *mechanism, struct table *table)
{
	struct probed probed[WAIT_COUNT];
	int n = probe(look, mechanism, probed), lacking = 0;
	if (is_absent(probed, n)) {
		table_row(table);
		table_cell(table, SAY_PLAIN, "%s", "");
		table_cell(table, SAY_BAD, "not here: %s", probed[0].answer.reason);
		return 0;
	}
	for (int p = 0; p < n; p++) {
		char wait[32];
		struct cell cell = { .wait = probed[p].wait };
		if (probed[p].answer.possible)
			continue;
		lacking++;
		cell_wait_text(&cell, wait, sizeof wait);
		wait[strcspn(wait, ":")] = '\0';
		table_row(table);
		table_cell(table, SAY_PLAIN, "%s", "");
		table_cell(table, SAY_BAD, "%s: not here: %s", wait, probed[p].answer.reason);
	}
	if (n > 0 && lacking == 0) {
		table_row(table);
		table_cell(table, SAY_PLAIN, "%s", "");
		table_cell(table, SAY_GOOD, "works here, with each wait");
	}
	return n < 0 ? -1 : 0;
}

/* Whether one that was listed before has just this option: it is not explained again. */
static bool explained(const json_t *listed, const json_t *before, const json_t *option)
{
	size_t l, o;
	const json_t *earlier, *its;
	json_array_foreach (listed, l, earlier) {
		if (earlier == before)
			return false;
		json_array_foreach (json_object_get(earlier, "options"), o, its) {
			if (json_equal(its, option))
				return true;
		}
	}
	return false;
}

static void add_options(struct table *table, const json_t *listed, const json_t *of)
{
	char above[256] = "";
	size_t i, used = 0;
	const json_t *option;
	json_array_foreach (json_object_get(of, "options"), i, option) {
		const char *name = registry_text(option, "name"),
			   *value = registry_text(option, "value");
		if (explained(listed, of, option) && used < sizeof above) {
			int n = snprintf(above + used, sizeof above - used, "%s%s=%s",
					 used ? ", " : "", name, value);
			used += n > 0 ? (size_t)n : 0;
			continue;
		}
		table_row(table);
		table_cell(table, SAY_PLAIN, "%s", "");
		table_cell(table, SAY_DIM, "%s=%s (of %s): %s", name, value,
			   registry_text(option, "values"), registry_text(option, "about"));
	}
	if (used) {
		table_row(table);
		table_cell(table, SAY_PLAIN, "%s", "");
		table_cell(table, SAY_DIM, "as above: %s", above);
	}
}

/* "spin pause block", from an array of strings. */
static char *join(const json_t *array, char *buffer, size_t bytes)
{
	size_t i, used = 0;
	const json_t *word;
	*buffer = '\0';
	json_array_foreach (array, i, word) {
		int n = snprintf(buffer + used, bytes - used, "%s%s", i ? " " : "",
				 json_string_value(word));
		if (n < 0 || (size_t)n >= bytes - used)
			break;
		used += (size_t)n;
	}
	return buffer;
}

/* Those that are named, each once, in the order of the list. */
static json_t *named_mechanisms(const struct look *look)
{
	json_t *named = json_array(), *mechanism;
	size_t i;
	json_array_foreach (json_object_get(look->registry->description, "mechanisms"), i,
			    mechanism) {
		bool wanted = look->name_count == 0;
		for (size_t n = 0; n < look->name_count && !wanted; n++) {
			const char *name = registry_text(mechanism, "name");
			size_t length = strcspn(look->names[n], ":");
			wanted = strlen(name) == length &&
				 strncmp(name, look->names[n], length) == 0;
		}
		if (wanted)
			json_array_append(named, mechanism);
	}
	return named;
}

/* What each is, by playing it; then as tables, or added to the JSON. An exit status. */
static int list_properties(const struct look *look, const json_t *mechanisms)
{
	size_t count = look->name_count ? look->name_count : json_array_size(mechanisms);
	const char **variants = calloc(count + 1, sizeof *variants);
	json_t *found = NULL;
	int status = EXIT_USAGE;

	for (size_t i = 0; variants && i < count; i++)
		variants[i] = look->name_count
				      ? look->names[i]
				      : registry_text(json_array_get(mechanisms, i), "name");
	if (variants)
		status = probe_variants(look->registry, variants, count, &found);
	else
		say_error("out of memory");
	free(variants);
	if (status != EXIT_FINE)
		return status;
	if (look->json) {
		json_object_set_new(look->json, "properties", found);
		return EXIT_FINE;
	}
	title("properties", "found out by playing each here; man toll-list says how");
	status = probe_print(found) ? EXIT_USAGE : EXIT_FINE;
	json_decref(found);
	return status;
}

static int print_mechanisms(const struct look *look, const json_t *mechanisms)
{
	const json_t *mechanism;
	size_t i;
	struct table *table = table_new(2);
	if (!table)
		return print_table(table);
	json_array_foreach (mechanisms, i, mechanism) {
		table_row(table);
		table_cell(table, SAY_BOLD, "%s", registry_text(mechanism, "name"));
		table_cell(table, SAY_PLAIN, "%s", registry_text(mechanism, "about"));
		if (!look->probe) {
			char waits[128];
			table_row(table);
			table_cell(table, SAY_PLAIN, "%s", "");
			table_cell(table, SAY_DIM, "waits: %s",
				   join(json_object_get(mechanism, "waits"), waits, sizeof waits));
		}
		if (strcmp(registry_text(mechanism, "from"), "built in") != 0) {
			table_row(table);
			table_cell(table, SAY_PLAIN, "%s", "");
			table_cell(table, SAY_DIM, "from %s", registry_text(mechanism, "from"));
		}
		if (!look->probe) {
			add_options(table, mechanisms, mechanism);
		} else if (print_probe(look, mechanism, table)) {
			table_free(table);
			return -1;
		}
	}
	title("mechanisms", "ways to move a message: --mechanism NAME or NAME:OPTION=VALUE,…");
	if (print_table(table))
		return -1;
	if (!look->name_count && *account_without())
		printf("  %sleft out of this build: %s; make deps && make%s\n",
		       say_style(stdout, SAY_DIM), account_without(), say_style(stdout, SAY_PLAIN));
	return 0;
}

static int list_mechanisms(const struct look *look)
{
	json_t *mechanisms = named_mechanisms(look);
	int status = EXIT_FINE;
	if (look->json) {
		json_t *mechanism;
		size_t i;
		json_array_foreach (mechanisms, i, mechanism) {
			if (look->probe && probe_json(look, mechanism))
				status = EXIT_USAGE;
		}
		json_object_set(look->json, "mechanisms", mechanisms);
		json_object_set_new(look->json, "left_out", json_string(account_without()));
	} else if (print_mechanisms(look, mechanisms)) {
		status = EXIT_USAGE;
	}
	if (look->probe && status == EXIT_FINE)
		status = list_properties(look, mechanisms);
	json_decref(mechanisms);
	return status;
}

/* --- patterns ------------------------------------------------------------------------------- */

static int list_patterns(const struct look *look)
{
	json_t *patterns = json_object_get(look->registry->description, "patterns"), *pattern;
	if (look->json)
		return json_object_set(look->json, "patterns", patterns);
	struct table *table = table_new(2);
	if (!table)
		return print_table(table);
	size_t i;
	json_array_foreach (patterns, i, pattern) {
		long long least = registry_number(pattern, "least_peers"),
			  most = registry_number(pattern, "most_peers");
		char range[64] = "";
		if (least == most)
			snprintf(range, sizeof range, "%lld peer%s", least, least == 1 ? "" : "s");
		else if (most)
			snprintf(range, sizeof range, "%lld to %lld peers", least, most);
		else
			snprintf(range, sizeof range, "%lld peers or more", least);
		table_row(table);
		table_cell(table, SAY_BOLD, "%s", registry_text(pattern, "name"));
		table_cell(table, SAY_PLAIN, "%s", registry_text(pattern, "about"));
		table_row(table);
		table_cell(table, SAY_PLAIN, "%s", "");
		table_cell(table, SAY_DIM, "%s; gives %s", range,
			   registry_text(pattern, "quantity"));
		add_options(table, patterns, pattern);
	}
	title("patterns", "what the peers do: --pattern NAME or NAME:OPTION=VALUE,…");
	return print_table(table);
}

/* --- placements ----------------------------------------------------------------------------- */

static int list_placements(const struct look *look)
{
	json_t *object = json_object();
	struct table *table = table_new(3);
	if (!object || !table) {
		json_decref(object);
		table_free(table);
		return print_table(NULL);
	}
	for (const char *const *name = place_names(); *name; name++) {
		static const struct place_edge edge = { 0, 1 };
		int cpus[2];
		char why[256];
		bool found = place_find(look->place, *name, 2, &edge, 1, 0, cpus, why, sizeof why);
		json_object_set_new(object, *name,
				    found ? json_pack("{s:[i,i]}", "cpus", cpus[0], cpus[1])
					  : json_pack("{s:n, s:s}", "cpus", "reason", why));
		table_row(table);
		table_cell(table, found ? SAY_BOLD : SAY_DIM, "%s", *name);
		if (found)
			table_cell(table, SAY_PLAIN, "%d,%d", cpus[0], cpus[1]);
		else
			table_cell(table, SAY_DIM, "-");
		table_cell(table, SAY_DIM, "%s", found ? "" : why);
	}
	const char *across = place_nearest_across(look->place);
	table_row(table);
	table_cell(table, SAY_BOLD, "across");
	table_cell(table, SAY_PLAIN, "%s", across ? across : "-");
	table_cell(table, SAY_DIM, "%s",
		   across ? "the nearest two different CPUs" : "this process may use one CPU only");
	table_row(table);
	table_cell(table, SAY_BOLD, "pairs");
	table_cell(table, SAY_PLAIN, "%s", "");
	table_cell(table, SAY_DIM, "every pair of different CPUs");
	if (look->json) {
		table_free(table);
		json_object_set_new(look->json, "across",
				    across ? json_string(across) : json_null());
		return json_object_set_new(look->json, "placements", object);
	}
	json_decref(object);
	title("placements",
	      "the nearest thing two CPUs share, and the two CPUs taken: --placement NAME");
	if (!place_is_this_machine(look->place))
		printf("  %sof another machine (HWLOC_XMLFILE or HWLOC_SYNTHETIC): to look at "
		       "only%s\n",
		       say_style(stdout, SAY_BAD), say_style(stdout, SAY_PLAIN));
	return print_table(table);
}

/* --- events --------------------------------------------------------------------------------- */

static int list_events(const struct look *look)
{
	json_t *array = json_array();
	struct table *table = events_table(array);

	if (look->json) {
		table_free(table);
		return json_object_set_new(look->json, "events", array) |
		       json_object_set_new(look->json, "pmu", events_pmu_json());
	}
	json_decref(array);
	title("events", events_others());
	events_pmu(stdout);
	return print_table(table);
}

/* --- configurations ------------------------------------------------------------------------- */

static int is_config(const struct dirent *entry)
{
	const char *suffix = strrchr(entry->d_name, '.');
	return suffix && suffix != entry->d_name && strcmp(suffix, ".conf") == 0;
}

/* What the first comment of a file says behind "NAME - ". */
static void read_about(const char *directory, const char *name, char *about, size_t bytes)
{
	char path[4096], line[256] = "";
	*about = '\0';
	if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path)
		return;
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(line, sizeof line, file) && (*line == '#' || *line == ';')) {
		line[strcspn(line, "\n")] = '\0';
		const char *dash = strstr(line, " - ");
		snprintf(about, bytes, "%s", dash ? dash + 3 : line + 1);
	}
	fclose(file);
}

static int list_configs(const struct look *look)
{
	const char *directory = config_directory();
	struct dirent **entries = NULL;
	int n = directory ? scandir(directory, &entries, is_config, alphasort) : 0;
	if (n < 0) {
		say_error("%s: %s", directory, strerror(errno));
		return -1;
	}
	json_t *array = json_array();
	struct table *table = table_new(2);
	for (int e = 0; e < n; e++) {
		char about[256];
		int stem = (int)(strlen(entries[e]->d_name) - strlen(".conf"));
		read_about(directory, entries[e]->d_name, about, sizeof about);
		json_array_append_new(array, json_pack("{s:s%, s:s}", "name", entries[e]->d_name,
						       (size_t)stem, "about", about));
		if (table) {
			table_row(table);
			table_cell(table, SAY_BOLD, "%.*s", stem, entries[e]->d_name);
			table_cell(table, SAY_PLAIN, "%s", about);
		}
		free(entries[e]);
	}
	free(entries);
	if (look->json) {
		table_free(table);
		json_object_set_new(look->json, "config_directory",
				    directory ? json_string(directory) : json_null());
		return json_object_set_new(look->json, "configs", array);
	}
	json_decref(array);
	title("configs", directory ? directory
				   : "none: neither ../configs nor ../share/toll/configs "
				     "stands beside toll");
	return print_table(table);
}

/* --- the command ---------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*list)(const struct look *);
} lists[] = {
	{ "mechanisms", list_mechanisms }, { "patterns", list_patterns },
	{ "placements", list_placements }, { "events", list_events },
	{ "configs", list_configs },
};

static int check_what(const char *what)
{
	const char *names[LENGTH(lists)];
	for (size_t l = 0; l < LENGTH(lists); l++) {
		names[l] = lists[l].name;
		if (strcmp(what, names[l]) == 0)
			return 0;
	}
	if (strcmp(what, "experiments") == 0) {
		say_error("list: this version has no %s yet; there are mechanisms, patterns, "
			  "placements, events "
			  "and configs",
			  what);
		return -1;
	}
	const char *nearest = say_nearest(what, names, LENGTH(names));
	if (nearest)
		say_error("list: nothing called \"%s\", the nearest is \"%s\"; toll list -h", what,
			  nearest);
	else
		say_error("list: nothing called \"%s\"; toll list -h", what);
	return -1;
}

/* Each is known by its name, whatever options it has. */
static int check_names(const struct look *look)
{
	for (size_t n = 0; n < look->name_count; n++) {
		char name[CELL_NAME];
		const char *nearest;
		snprintf(name, sizeof name, "%.*s", (int)strcspn(look->names[n], ":"),
			 look->names[n]);
		if (strlen(look->names[n]) < CELL_NAME + CELL_OPTIONS &&
		    !strpbrk(look->names[n], "\t\n") && registry_mechanism(look->registry, name))
			continue;
		nearest = registry_nearest(look->registry, "mechanisms", name);
		if (nearest)
			say_error("list: no mechanism called \"%s\", the nearest is \"%s\"; toll "
				  "list mechanisms",
				  name, nearest);
		else
			say_error("list: no mechanism called \"%s\"; toll list mechanisms", name);
		return -1;
	}
	return 0;
}

/* An exit status. */
static int print_lists(struct look *look, const char *what)
{
	if (check_names(look))
		return EXIT_USAGE;
	for (size_t l = 0; l < LENGTH(lists); l++) {
		int status =
			what && strcmp(what, lists[l].name) != 0 ? EXIT_FINE : lists[l].list(look);
		if (status != EXIT_FINE)
			return status > 0 ? status : EXIT_USAGE;
	}
	if (!look->json)
		return EXIT_FINE;
	if (json_dumpf(look->json, stdout, JSON_INDENT(2))) {
		say_error("out of memory, or standard output is closed");
		return EXIT_USAGE;
	}
	putchar('\n');
	command_printed_json = true;
	return EXIT_FINE;
}

int cmd_list(int argc, char **argv, char **rest)
{
	enum { JSON = 256, PROBE };
	static const struct option options[] = {
		{ "probe", no_argument, NULL, PROBE },
		{ "plugin", required_argument, NULL, 'm' },
		{ "json", no_argument, NULL, JSON },
		{ NULL, 0, NULL, 0 },
	};
	const char *plugins[REGISTRY_MOST_PLUGINS];
	size_t plugin_count = 0;
	struct look look = { .probe = false };
	int option, index, status = EXIT_USAGE;

	while ((option = command_option(argc, argv, ":m:", options, &index)) != -1) {
		if (option == '?')
			return EXIT_USAGE;
		if (option == PROBE)
			look.probe = true;
		if (option == 'm' && plugin_count == LENGTH(plugins)) {
			say_error("-m: at most %d plug-ins at once", REGISTRY_MOST_PLUGINS);
			return EXIT_USAGE;
		}
		if (option == 'm')
			plugins[plugin_count++] = optarg;
	}
	const char *what = optind < argc ? argv[optind] : NULL;
	if (what && check_what(what))
		return EXIT_USAGE;
	bool mechanisms = what && strcmp(what, "mechanisms") == 0;
	if (rest || (optind + 1 < argc && !mechanisms)) {
		say_error("list: \"%s\" is one argument too many; toll list -h",
			  rest ? "--" : argv[optind + 1]);
		return EXIT_USAGE;
	}
	if (mechanisms) {
		look.names = (const char *const *)argv + optind + 1;
		look.name_count = (size_t)(argc - optind - 1);
	}
	if (look.probe && what && !mechanisms) {
		say_error("list: --probe is about mechanisms; toll list mechanisms --probe");
		return EXIT_USAGE;
	}
	look.json = say_json ? json_object() : NULL;
	look.place = place_open();
	look.registry = look.place ? registry_open(plugins, plugin_count) : NULL;
	if (look.registry)
		status = print_lists(&look, what);
	registry_close(look.registry);
	place_close(look.place);
	json_decref(look.json);
	return status;
}
