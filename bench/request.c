/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request.c - a command line, read: its options one by one, and the plan they come to. */
#include "request.h"

#include <stdio.h>
#include <string.h>

#include "say.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* --- options -------------------------------------------------------------------------------- */

static int unknown_option(const char *command, const char *given, const struct option options[])
{
	const char *names[64], *nearest = NULL;
	size_t n = 0;
	char name[64];

	snprintf(name, sizeof name, "%.*s", (int)strcspn(given, "="), given);
	for (; n < LENGTH(names) && options[n].name; n++)
		names[n] = options[n].name;
	if (strncmp(name, "--", 2) == 0)
		nearest = say_nearest(name + 2, names, n);
	if (nearest)
		say_error("%s: no option %s, the nearest is --%s; toll %s -h", command, name,
			  nearest, command);
	else
		say_error("%s: no option %s; toll %s -h", command, name, command);
	return '?';
}

int command_option(int argc, char **argv, const char *letters, const struct option options[],
		   int *index)
{
	opterr = 0;
	*index = -1;
	int option = getopt_long(argc, argv, letters, options, index);
	if (option != '?' && option != ':')
		return option;

	const char *given = argv[optind - 1];
	if (option == ':') {
		say_error("%s: %s wants a value; toll %s -h", argv[0], given, argv[0]);
		return '?';
	}
	bool is_long = strncmp(given, "--", 2) == 0;
	if (is_long && optopt) { /* it is known, so its value was too much */
		say_error("%s: %.*s takes no value; toll %s -h", argv[0], (int)strcspn(given, "="),
			  given, argv[0]);
		return '?';
	}
	/* inside a cluster of letters only optopt says which */
	char letter[] = { '-', (char)optopt, '\0' };
	return unknown_option(argv[0], is_long ? given : letter, options);
}

int request_superfluous(char **argv, const char *argument)
{
	say_error("%s: \"%s\" is one argument too many; toll %s -h", argv[0], argument, argv[0]);
	return EXIT_USAGE;
}

/* --- settings ------------------------------------------------------------------------------- */

int request_add(struct request *request, const char *key, const char *value)
{
	if (request->setting_count == LENGTH(request->settings)) {
		say_error("--%s: too many options", key);
		return -1;
	}
	request->settings[request->setting_count++] = (struct setting){ key, value };
	return 0;
}

int request_take(struct request *request, int option, const char *name, const char *value)
{
	switch (option) {
	case KEY:
	case KEY_ON:
		return request_add(request, name, option == KEY ? value : "on") ? -1 : 1;
	case 'c':
	case CONFIG:
		request->config = value;
		return 1;
	case 'o':
	case OUTPUT:
		request->output = value;
		return 1;
	case 'm':
	case PLUGIN:
		if (request->plugin_count == LENGTH(request->plugins)) {
			say_error("-m: at most %d plug-ins at once", REGISTRY_MOST_PLUGINS);
			return -1;
		}
		request->plugins[request->plugin_count++] = value;
		return 1;
	case HOLD:
		request->hold = value;
		return 1;
	case PAIRS:
		request->pairs = value;
		return 1;
	case RESUME:
		request->resume = true;
		return 1;
	case DRY_RUN:
		request->dry_run = true;
		return 1;
	case QUIET:
		request->require_quiet = true;
		return 1;
	case JSON: /* main() has seen it */
		return 1;
	default:
		return 0;
	}
}

int request_read(int argc, char **argv, const char *letters, const struct option options[],
		 struct request *request)
{
	int option, index;

	while ((option = command_option(argc, argv, letters, options, &index)) != -1)
		if (request_take(request, option, index < 0 ? "" : options[index].name, optarg) !=
		    1)
			return -1;
	return 0;
}

int request_lay(const struct request *request, struct config *config)
{
	for (size_t s = 0; s < request->setting_count; s++)
		if (config_override(config, request->settings[s].key, request->settings[s].value))
			return -1;
	return 0;
}

int request_pairs(const struct request *request, unsigned least, unsigned most, unsigned *pairs)
{
	uint64_t number = 0;

	if (!request->pairs)
		return 0;
	if (cell_parse_size(request->pairs, &number) || number < least || number > most) {
		say_error("--pairs: \"%s\" is no number from %u to %u", request->pairs, least,
			  most);
		return -1;
	}
	*pairs = (unsigned)number;
	return 0;
}

const char *request_value(const struct request *request, const char *key)
{
	for (size_t s = request->setting_count; s-- > 0;)
		if (strcmp(request->settings[s].key, key) == 0)
			return request->settings[s].value;
	return NULL;
}

int request_add_key(struct request *request, const char *who, char *text)
{
	static const char *const parts[] = { "mechanism", "pattern", "placement", "size", "wait" };
	struct cell cell;
	const char *why;
	char *word;

	if (cell_parse(&cell, text, &why)) {
		say_error("%s: \"%s\": %s", who, text, why);
		return -1;
	}
	for (size_t part = 0; (word = strsep(&text, "/")); part++) {
		const char *key = part < LENGTH(parts) ? parts[part] : strsep(&word, "=");
		if (strcmp(key, "placement") == 0 && strncmp(word, "cpus:", 5) == 0) {
			key = "cpus";
			word += 5;
		} else if (strcmp(key, "peers") == 0) {
			key = "peer-count";
		} else if (strcmp(key, "threads") == 0) {
			if (request_add(request, "peers", "thread"))
				return -1;
			continue;
		} else if (strcmp(key, "replica") == 0) {
			continue; /* tells equal cells apart, and there is one */
		}
		if (request_add(request, key, word))
			return -1;
	}
	return 0;
}

/* --- the plan --------------------------------------------------------------------------------- */

int means_open(struct means *means, struct config *config, const struct request *request)
{
	*means = (struct means){ .config = config };
	if (!config || request_lay(request, config))
		return -1;
	means->place = place_open();
	if (!means->place)
		return -1;
	means->registry = registry_open(request->plugins, request->plugin_count);
	if (!means->registry)
		return -1;
	means->plan = plan_make(config, means->registry, means->place);
	return means->plan ? 0 : -1;
}

void means_close(struct means *means)
{
	plan_free(means->plan);
	registry_close(means->registry);
	place_close(means->place);
	config_free(means->config);
}

int means_nothing_left(const struct plan *plan)
{
	if (plan->refused_count == 1)
		say_error("nothing to run: %s: %s", plan->refused[0].key, plan->refused[0].reason);
	else if (plan->refused_count)
		say_error("nothing to run: %zu cells, all refused; the first is %s: %s",
			  plan->refused_count, plan->refused[0].key, plan->refused[0].reason);
	else
		say_error("nothing to run: no cell is asked for; toll run -h");
	return EXIT_USAGE;
}
