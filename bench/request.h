/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request.h - what a command line asks for: settings laid over a configuration, plug-ins, files;
 * and the means a plan is made of. */
#ifndef REQUEST_H
#define REQUEST_H

#include <getopt.h>

#include "commands.h"
#include "config.h"
#include "place.h"
#include "plan.h"
#include "registry.h"

/* A key of a configuration, laid over the file's. */
struct setting {
	const char *key, *value;
};

struct request {
	const char *config, *output, *hold, *pairs;
	struct setting settings[64];
	size_t setting_count;
	const char *plugins[REGISTRY_MOST_PLUGINS];
	size_t plugin_count;
	bool resume, dry_run, require_quiet;
};

/* What the options' val says of them: a setting with its value, a switch, or a member of request. A
 * command's own begin at REQUEST_OWN. */
enum {
	KEY = 256,
	KEY_ON,
	CONFIG,
	OUTPUT,
	PLUGIN,
	HOLD,
	PAIRS,
	RESUME,
	DRY_RUN,
	QUIET,
	JSON,
	REQUEST_OWN = 512
};

/* What makes a cell, but for its mechanism. */
#define CELL_OPTIONS_TABLE                                                                         \
	{ "pattern", required_argument, NULL, KEY }, { "size", required_argument, NULL, KEY },     \
		{ "wait", required_argument, NULL, KEY },                                          \
		{ "placement", required_argument, NULL, KEY },                                     \
		{ "cpus", required_argument, NULL, KEY },                                          \
		{ "depth", required_argument, NULL, KEY },                                         \
		{ "idle", required_argument, NULL, KEY },                                          \
		{ "peers", required_argument, NULL, KEY },                                         \
		{ "peer-count", required_argument, NULL, KEY },                                    \
		{ "copy", no_argument, NULL, KEY_ON }, { "touch", required_argument, NULL, KEY },  \
		{ "sched", required_argument, NULL, KEY }, { "mlock", no_argument, NULL, KEY_ON }, \
		{ "think", required_argument, NULL, KEY },                                         \
		{ "operations", required_argument, NULL, KEY },                                    \
		{ "seed", required_argument, NULL, KEY },                                          \
		{ "plugin", required_argument, NULL, PLUGIN },                                     \
	{                                                                                          \
		"json", no_argument, NULL, JSON                                                    \
	}

/* 0, or -1 after say_error(). */
int request_add(struct request *request, const char *key, const char *value);
/* A cell's key as settings; text is taken apart, and has to live as long as they. who: the command,
 * for messages. 0, or -1 after say_error(). */
int request_add_key(struct request *request, const char *who, char *text);
/* An option by its val, its name and its value: 1 when request has it now, 0 when it is none of
 * those above, -1 after say_error(). */
int request_take(struct request *request, int option, const char *name, const char *value);
/* All options of a command that has none of its own. 0, or -1 after say_error(). */
int request_read(int argc, char **argv, const char *letters, const struct option options[],
		 struct request *request);
/* Lays the settings over a configuration. 0, or -1 after say_error(). */
int request_lay(const struct request *request, struct config *config);
/* --pairs as a number from least to most; what *pairs holds stays where nothing was said. 0, or -1
 * after say_error(). */
int request_pairs(const struct request *request, unsigned least, unsigned most, unsigned *pairs);
/* What --KEY said last; NULL when nothing did. A file's budget may be too small for a plan that the
 * options changed, what --budget says is meant. */
const char *request_value(const struct request *request, const char *key);
/* Says that an argument is one too many; EXIT_USAGE. */
int request_superfluous(char **argv, const char *argument);

/* What a plan is made of. */
struct means {
	struct config *config;
	struct registry *registry;
	struct place *place;
	struct plan *plan;
};

/* Lays the settings over the configuration, which it takes, and plans. 0, or -1 after say_error();
 * in both cases means_close() is due. */
int means_open(struct means *means, struct config *config, const struct request *request);
void means_close(struct means *means);
/* Says why nothing of a plan can run; EXIT_USAGE. */
int means_nothing_left(const struct plan *plan);

#endif
