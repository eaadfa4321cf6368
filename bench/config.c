/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config.c - reads configuration files (INI, by inih) and lays the command line over them. */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

/* Debian's inih takes its limits at run time, others have them compiled in (200 bytes a line). */
extern int ini_max_line __attribute__((weak));
extern int ini_initial_alloc __attribute__((weak));
extern bool ini_use_stack __attribute__((weak));
extern bool ini_allow_realloc __attribute__((weak));

enum { LONGEST_LINE = 65536, LONGEST_SECTION = 48 /* inih cuts longer ones */ };

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* --- the keys ------------------------------------------------------------------------------- */

struct list_key {
	const char *name;
	size_t offset; /* of its list in struct config_grid */
};

#define LIST(key, member)                                                                          \
	{                                                                                          \
		key, offsetof(struct config_grid, member)                                          \
	}
static const struct list_key list_keys[] = {
	LIST("mechanism", mechanism), LIST("pattern", pattern),
	LIST("size", size),           LIST("wait", wait),
	LIST("placement", placement), LIST("cpus", cpus),
	LIST("depth", depth),         LIST("idle", idle),
	LIST("peers", peers),         LIST("peer-count", peer_count),
	LIST("copy", copy),           LIST("touch", touch),
	LIST("sched", sched),         LIST("mlock", mlock),
	LIST("think", think),
};
static const char *const run_keys[] = { "budget", "rounds",   "operations", "margin",     "seed",
					"tails",  "counters", "controls",   "dma-latency" };

static struct config_list *grid_list(struct config_grid *grid, const struct list_key *key)
{
	return (struct config_list *)((char *)grid + key->offset);
}

static const struct list_key *find_list_key(const char *name)
{
	for (size_t k = 0; k < LENGTH(list_keys); k++)
		if (strcmp(list_keys[k].name, name) == 0)
			return &list_keys[k];
	return NULL;
}

const struct config_list *config_list(const struct config_grid *grid, const char *key)
{
	const struct list_key *found = find_list_key(key);
	return found ? (const struct config_list *)((const char *)grid + found->offset) : NULL;
}

static bool is_run_key(const char *name)
{
	for (size_t k = 0; k < LENGTH(run_keys); k++)
		if (strcmp(run_keys[k], name) == 0)
			return true;
	return false;
}

const char *config_where(const struct config *config, const char *key, int line, char *buffer,
			 size_t bytes)
{
	if (line > 0)
		snprintf(buffer, bytes, "%s:%d", config->path, line);
	else
		snprintf(buffer, bytes, "--%s", key);
	return buffer;
}

/* --- values --------------------------------------------------------------------------------- */

/* Why a value cannot be taken: a format's text in a buffer of the caller; returns -1. */
struct complaint {
	char text[256];
};

#define COMPLAIN(why, ...) (snprintf((why)->text, sizeof(why)->text, __VA_ARGS__), -1)

static int parse_count(const char *text, unsigned long long most, unsigned long long *number)
{
	if (!isdigit((unsigned char)*text))
		return -1;
	char *end;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return *end || errno || *number > most ? -1 : 0;
}

int config_parse_margin(const char *text, double *margin)
{
	if (strspn(text, "0123456789.%") != strlen(text) || !isdigit((unsigned char)*text))
		return -1;
	char *end;
	*margin = strtod(text, &end);
	if (*end == '%') {
		*margin /= 100;
		end++;
	}
	return *end || *margin < 1e-4 || *margin > 0.5 ? -1 : 0;
}

static int set_run_key(struct config *config, const char *key, const char *value,
		       struct complaint *why)
{
	unsigned long long number;
	if (strcmp(key, "budget") == 0) {
		uint64_t ns;
		if (cell_parse_time_ns(value, &ns) || ns == 0)
			return COMPLAIN(why, "\"%s\" is no time above 0; write 50s, 5m or 1h",
					value);
		config->budget_s = (double)ns / 1e9;
		config->budget_given = true;
	} else if (strcmp(key, "rounds") == 0) {
		if (parse_count(value, 1000000, &number) || number == 0)
			return COMPLAIN(why, "\"%s\" is no number of rounds from 1 to 1000000",
					value);
		config->rounds = (unsigned)number;
	} else if (strcmp(key, "operations") == 0) {
		if (parse_count(value, 1000000000, &number) || number == 0)
			return COMPLAIN(why, "\"%s\" is no number of operations from 1 to 10^9",
					value);
		config->operations = (unsigned long)number;
	} else if (strcmp(key, "margin") == 0) {
		if (config_parse_margin(value, &config->margin))
			return COMPLAIN(
				why, "\"%s\" is no margin from 0.01%% to 50%%; write 2%% or 0.02",
				value);
	} else if (strcmp(key, "seed") == 0) {
		if (parse_count(value, INT64_MAX, &number))
			return COMPLAIN(why, "\"%s\" is no seed from 0 to 2^63 - 1", value);
		config->seed = number;
		config->seed_given = true;
	} else if (strcmp(key, "dma-latency") == 0) {
		uint64_t ns;
		/* what the kernel takes is 32 bits of us */
		if (strcmp(value, "0") == 0)
			ns = 0;
		else if (cell_parse_time_ns(value, &ns) || ns % 1000 || ns / 1000 > INT32_MAX)
			return COMPLAIN(why, "\"%s\" is no time in whole us; write 0, 10us or 1ms",
					value);
		config->dma_latency_us = (long)(ns / 1000);
	} else if (strcmp(key, "counters") == 0) {
		if (!*value || strlen(value) >= sizeof config->counters)
			return COMPLAIN(why, "%s; write default, none or names with commas between",
					*value ? "too long" : "no value");
		snprintf(config->counters, sizeof config->counters, "%s", value);
	} else {
		bool on = strcmp(value, "on") == 0;
		if (!on && strcmp(value, "off") != 0)
			return COMPLAIN(why, "\"%s\" is neither on nor off", value);
		if (strcmp(key, "tails") == 0)
			config->tails = on;
		else
			config->controls = on ? CONFIG_ON : CONFIG_OFF;
	}
	return 0;
}

static char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	char *end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

static int append_word(struct config_list *list, const char *word, int line, struct complaint *why)
{
	if (strlen(word) >= CONFIG_WORD)
		return COMPLAIN(why, "\"%.40s…\" is longer than %d bytes", word, CONFIG_WORD - 1);
	if (list->count == CONFIG_MOST_WORDS)
		return COMPLAIN(why, "more than %d elements; make a second section",
				CONFIG_MOST_WORDS);
	list->line[list->count] = line;
	memcpy(list->word[list->count++], word, strlen(word) + 1);
	return 0;
}

/* "depth=4" after "ring:layout=slot" goes on with the ring's options. */
static int append_option(struct config_list *list, const char *option, struct complaint *why)
{
	if (list->count == 0 || !strchr(list->word[list->count - 1], ':'))
		return COMPLAIN(why, "\"%s\" is an option of nothing; write NAME:%s", option,
				option);
	char *word = list->word[list->count - 1];
	size_t used = strlen(word);
	if (used + 1 + strlen(option) >= CONFIG_WORD)
		return COMPLAIN(why, "\"%.40s…\" has options longer than %d bytes", word,
				CONFIG_WORD - 1);
	snprintf(word + used, CONFIG_WORD - used, ",%s", option);
	return 0;
}

static int append_list(struct config_list *list, const char *key, const char *value, int line,
		       struct complaint *why)
{
	bool has_options = strcmp(key, "mechanism") == 0 || strcmp(key, "pattern") == 0;
	const char *separator = strcmp(key, "cpus") == 0 ? " \t" : ",";
	char *copy = strdup(value), *rest = copy, *word;
	int failed = 0;

	if (!copy)
		return COMPLAIN(why, "out of memory");
	while (!failed && (word = strsep(&rest, separator))) {
		word = trim(word);
		if (!*word) {
			/* a comma at the end of a line is for the one that continues it */
			if (rest && *separator == ',')
				failed = COMPLAIN(why, "nothing before a comma");
			continue;
		}
		const char *colon = strchr(word, ':'), *equals = strchr(word, '=');
		if (has_options && equals && (!colon || colon > equals))
			failed = append_option(list, word, why);
		else
			failed = append_word(list, word, line, why);
	}
	if (!failed && list->count == 0)
		failed = COMPLAIN(why, "no value");
	free(copy);
	return failed;
}

static int set_replicas(struct config_grid *grid, const char *value, struct complaint *why)
{
	unsigned long long number;
	if (parse_count(value, 16, &number) || number == 0)
		return COMPLAIN(why, "\"%s\" is no number of replicas from 1 to 16", value);
	grid->replicas = (unsigned)number;
	return 0;
}

/* --- the file ------------------------------------------------------------------------------- */

struct reader {
	FILE *file;
	struct config *config;
	char *text; /* the line as getline() left it */
	size_t room;
	int line;
	bool continues;    /* the line is indented */
	bool in_run;       /* the section is [run] */
	char key[64];      /* of the line before */
	char seen[64][64]; /* keys of this section */
	int seen_line[64];
	size_t seen_count;
	bool failed; /* and said so */
};

static int complain(struct reader *reader, const char *text)
{
	/* one line about one file: the first mistake */
	if (!reader->failed)
		say_error("%s:%d: %s", reader->config->path, reader->line, text);
	reader->failed = true;
	return 0; /* inih's word for failure */
}

static struct config_grid *add_grid(struct config *config, const char *name, int line)
{
	struct config_grid *grids =
		reallocarray(config->grids, config->grid_count + 1, sizeof *grids);
	if (!grids)
		return NULL;
	config->grids = grids;
	struct config_grid *grid = &grids[config->grid_count++];
	memset(grid, 0, sizeof *grid);
	snprintf(grid->name, sizeof grid->name, "%s", name);
	grid->line = line;
	return grid;
}

/* inih tells of a section only with its first key; an empty one is a grid of defaults. */
static void begin_section(struct reader *reader, const char *line)
{
	char text[LONGEST_SECTION + 2];
	const char *end = strchr(line, ']');
	struct complaint why;
	if (!end) {
		complain(reader, "no ] ends this section's name");
		return;
	}
	snprintf(text, sizeof text, "%.*s", (int)(end - line), line);
	if (strlen(text) == 0 || strlen(text) > LONGEST_SECTION) {
		snprintf(why.text, sizeof why.text, "a section's name has 1 to %d bytes",
			 LONGEST_SECTION);
		complain(reader, why.text);
		return;
	}
	reader->seen_count = 0;
	reader->key[0] = '\0';
	reader->in_run = strcmp(text, "run") == 0;
	if (reader->in_run)
		return;
	for (size_t g = 0; g < reader->config->grid_count; g++) {
		const struct config_grid *grid = &reader->config->grids[g];
		if (strcmp(grid->name, text) == 0) {
			snprintf(why.text, sizeof why.text,
				 "section [%s] stands on line %d already; give one another name",
				 text, grid->line);
			complain(reader, why.text);
			return;
		}
	}
	if (!add_grid(reader->config, text, reader->line))
		complain(reader, "out of memory");
}

static void cut_remark(char *line)
{
	for (char *c = line + 1; *c; c++)
		if (*c == ';' && isblank((unsigned char)c[-1]))
			*c = '\0';
}

static const char byte_order_mark[] = "\xef\xbb\xbf";

/* fgets() for inih, which counts lines without telling, and cuts long ones in silence. */
static char *read_line(char *buffer, int bytes, void *user)
{
	struct reader *reader = user;
	if (reader->failed)
		return NULL;
	errno = 0;
	ssize_t length = getline(&reader->text, &reader->room, reader->file);
	if (length < 0) {
		if (ferror(reader->file)) {
			reader->line++;
			complain(reader, strerror(errno));
		}
		return NULL;
	}
	reader->line++;
	if (memchr(reader->text, '\0', (size_t)length)) {
		complain(reader, "holds a NUL byte; this is no text");
		return NULL;
	}
	/* inih wants room for a carriage return, a line feed and the final NUL */
	if (length > bytes - 3) {
		struct complaint why;
		snprintf(why.text, sizeof why.text,
			 "longer than %d bytes; continue the list on an indented line", bytes - 3);
		complain(reader, why.text);
		return NULL;
	}
	memcpy(buffer, reader->text, (size_t)length + 1);
	reader->continues = isblank((unsigned char)*buffer);
	if (reader->continues) /* inih leaves remarks on such lines standing */
		cut_remark(buffer);
	const char *start =
		reader->line == 1 && strncmp(buffer, byte_order_mark, 3) == 0 ? buffer + 3 : buffer;
	if (*start == '[')
		begin_section(reader, start + 1);
	return buffer;
}

static int unknown_key(struct reader *reader, const char *name)
{
	const char *known[LENGTH(list_keys) + LENGTH(run_keys) + 1];
	size_t n = 0;
	if (reader->in_run) {
		for (size_t k = 0; k < LENGTH(run_keys); k++)
			known[n++] = run_keys[k];
	} else {
		for (size_t k = 0; k < LENGTH(list_keys); k++)
			known[n++] = list_keys[k].name;
		known[n++] = "replicas";
	}
	const char *nearest = say_nearest(name, known, n);
	struct complaint why;
	if (nearest)
		snprintf(why.text, sizeof why.text, "unknown key \"%s\"; did you mean \"%s\"?",
			 name, nearest);
	else if (!reader->in_run && is_run_key(name))
		snprintf(why.text, sizeof why.text, "\"%s\" belongs into the section [run]", name);
	else if (reader->in_run && find_list_key(name))
		snprintf(why.text, sizeof why.text,
			 "\"%s\" belongs into a section that is a grid, not [run]", name);
	else
		snprintf(why.text, sizeof why.text, "unknown key \"%s\"; see configs/quick.conf",
			 name);
	return complain(reader, why.text);
}

/* Notes a key of the section; false after complaining that it stands there already. */
static bool first_time(struct reader *reader, const char *name)
{
	for (size_t k = 0; k < reader->seen_count; k++) {
		if (strcmp(reader->seen[k], name) != 0)
			continue;
		struct complaint why;
		snprintf(why.text, sizeof why.text, "\"%s\" stands on line %d already", name,
			 reader->seen_line[k]);
		complain(reader, why.text);
		return false;
	}
	if (reader->seen_count < LENGTH(reader->seen)) {
		reader->seen_line[reader->seen_count] = reader->line;
		snprintf(reader->seen[reader->seen_count++], sizeof reader->seen[0], "%s", name);
	}
	return true;
}

/* inih's handler: nonzero is success. */
static int take_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;
	struct config *config = reader->config;
	struct complaint why = { .text = "" };
	int failed;

	if (reader->failed)
		return 0;
	if (!*section)
		return complain(reader, "a key before the first [section]");

	bool continues = reader->continues && strcmp(name, reader->key) == 0;
	snprintf(reader->key, sizeof reader->key, "%s", name);

	const struct list_key *key = find_list_key(name);
	struct config_grid *grid = reader->in_run || config->grid_count == 0
					   ? NULL
					   : &config->grids[config->grid_count - 1];

	if (reader->in_run ? !is_run_key(name) : !key && strcmp(name, "replicas") != 0)
		return unknown_key(reader, name);
	if (!continues && !first_time(reader, name))
		return 0;
	if (!reader->in_run && !grid)
		return complain(reader, "a section's [ must stand first on its line");
	if (continues && !key)
		return complain(reader, "only lists continue on an indented line");

	if (reader->in_run)
		failed = set_run_key(config, name, value, &why);
	else if (!key)
		failed = set_replicas(grid, value, &why);
	else
		failed = append_list(grid_list(grid, key), name, value, reader->line, &why);
	if (!failed)
		return 1;

	struct complaint with_name;
	snprintf(with_name.text, sizeof with_name.text, "%s: %.200s", name, why.text);
	return complain(reader, with_name.text);
}

struct config *config_new(void)
{
	struct config *config = calloc(1, sizeof *config);
	if (!config || !add_grid(config, "command line", 0)) {
		say_error("out of memory");
		config_free(config);
		return NULL;
	}
	config->margin = 0.02;
	config->dma_latency_us = -1;
	return config;
}

int config_append(struct config *config, struct config *from)
{
	struct config_grid *grids =
		reallocarray(config->grids, config->grid_count + from->grid_count, sizeof *grids);

	if (grids) {
		memcpy(grids + config->grid_count, from->grids, from->grid_count * sizeof *grids);
		config->grids = grids;
		config->grid_count += from->grid_count;
	} else {
		say_error("out of memory");
	}
	config_free(from);
	return grids ? 0 : -1;
}

void config_free(struct config *config)
{
	if (config)
		free(config->grids);
	free(config);
}

struct config *config_read(const char *path)
{
	struct config *config = calloc(1, sizeof *config);
	struct reader reader = { .config = config };
	if (!config) {
		say_error("out of memory");
		return NULL;
	}
	config->margin = 0.02;
	config->dma_latency_us = -1;
	snprintf(config->path, sizeof config->path, "%s", path);

	struct stat status;
	reader.file = fopen(path, "re");
	if (!reader.file || fstat(fileno(reader.file), &status) || S_ISDIR(status.st_mode)) {
		say_error("%s: %s; toll list configs", path,
			  reader.file ? "a folder, not a configuration" : strerror(errno));
		goto failed;
	}
	if (&ini_max_line && &ini_initial_alloc && &ini_use_stack && &ini_allow_realloc) {
		ini_max_line = ini_initial_alloc = LONGEST_LINE + 3;
		ini_use_stack = ini_allow_realloc = false;
	}
	int wrong = ini_parse_stream(read_line, &reader, take_pair, &reader);
	if (wrong && !reader.failed) {
		if (wrong > 0)
			say_error("%s:%d: neither \"key = value\" nor [section]", path, wrong);
		else
			say_error("%s: out of memory", path);
		goto failed;
	}
	if (reader.failed)
		goto failed;
	if (config->grid_count == 0) {
		say_error("%s: no section but [run]; a section such as [latency] says what to "
			  "measure",
			  path);
		goto failed;
	}
	free(reader.text);
	fclose(reader.file);
	return config;

failed:
	free(reader.text);
	if (reader.file)
		fclose(reader.file);
	config_free(config);
	return NULL;
}

/* --- the command line ----------------------------------------------------------------------- */

/* The word of list that names the same thing before its options, or NULL. */
static const char *find_name(const struct config_list *list, const char *word)
{
	size_t length = strcspn(word, ":");
	for (size_t w = 0; w < list->count; w++)
		if (strcspn(list->word[w], ":") == length &&
		    strncmp(list->word[w], word, length) == 0)
			return list->word[w];
	return NULL;
}

static void default_pattern(struct config_list *list)
{
	if (list->count == 0) {
		memcpy(list->word[0], "pingpong", sizeof "pingpong");
		list->count = 1;
	}
}

/* Sections are written for a pattern: a stream's sizes and waits are not a ping-pong's. So each
 * keeps of its own patterns those asked for, and goes when none is left; a pattern that no section
 * has is put into every one. */
static void override_pattern(struct config *config, const struct config_list *asked)
{
	bool known[CONFIG_MOST_WORDS] = { false };
	for (size_t g = 0; g < config->grid_count; g++) {
		default_pattern(&config->grids[g].pattern);
		for (size_t w = 0; w < asked->count; w++)
			if (find_name(&config->grids[g].pattern, asked->word[w]))
				known[w] = true;
	}
	size_t kept = 0;
	for (size_t g = 0; g < config->grid_count; g++) {
		struct config_grid *grid = &config->grids[g];
		struct config_list list = { .count = 0 };
		for (size_t w = 0; w < asked->count; w++)
			if (!known[w] || find_name(&grid->pattern, asked->word[w]))
				memcpy(list.word[list.count++], asked->word[w], CONFIG_WORD);
		if (list.count == 0)
			continue;
		grid->pattern = list;
		if (kept != g)
			config->grids[kept] = *grid;
		kept++;
	}
	config->grid_count = kept;
}

int config_override(struct config *config, const char *name, const char *value)
{
	struct complaint why = { .text = "" };
	const struct list_key *key = find_list_key(name);
	struct config_list list = { .count = 0 };

	if (!key && !is_run_key(name)) {
		say_error("--%s: there is no such key", name);
		return -1;
	}
	if (key ? append_list(&list, name, value, 0, &why)
		: set_run_key(config, name, value, &why)) {
		say_error("--%s: %s", name, why.text);
		return -1;
	}
	if (!key)
		return 0;
	if (strcmp(name, "pattern") == 0) {
		override_pattern(config, &list);
		return 0;
	}
	for (size_t g = 0; g < config->grid_count; g++) {
		struct config_grid *grid = &config->grids[g];
		*grid_list(grid, key) = list;
		/* both say where: the one on the command line holds */
		if (strcmp(name, "cpus") == 0)
			grid->placement.count = 0;
		if (strcmp(name, "placement") == 0)
			grid->cpus.count = 0;
	}
	return 0;
}

/* --- shipped configurations ----------------------------------------------------------------- */

const char *config_directory(void)
{
	static const char *const beside[] = { "../configs", "../share/toll/configs" };
	static char directory[PATH_MAX];
	char executable[PATH_MAX - 64], path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
	if (length < 0)
		return NULL;
	executable[length] = '\0';
	char *slash = strrchr(executable, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	for (size_t b = 0; b < LENGTH(beside); b++) {
		struct stat status;
		snprintf(path, sizeof path, "%s/%s", executable, beside[b]);
		if (realpath(path, directory) && !stat(directory, &status) &&
		    S_ISDIR(status.st_mode))
			return directory;
	}
	return NULL;
}

/* The shipped name nearest to one that is not there, into buffer; false when none is near. */
static bool nearest_shipped(const char *directory, const char *name, char *buffer, size_t bytes)
{
	DIR *folder = opendir(directory);
	bool found = false;
	char *names[64];
	size_t n = 0;
	if (!folder)
		return false;
	const struct dirent *entry;
	while (n < LENGTH(names) && (entry = readdir(folder))) {
		const char *suffix = strrchr(entry->d_name, '.');
		if (suffix && strcmp(suffix, ".conf") == 0 &&
		    (names[n] = strndup(entry->d_name, (size_t)(suffix - entry->d_name))))
			n++;
	}
	closedir(folder);
	const char *nearest = say_nearest(name, (const char *const *)names, n);
	if (nearest) {
		snprintf(buffer, bytes, "%s", nearest);
		found = true;
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	return found;
}

int config_find(const char *name, char *path, size_t bytes)
{
	struct stat status;
	const char *directory = config_directory();

	if (!stat(name, &status) && !S_ISDIR(status.st_mode)) {
		if ((size_t)snprintf(path, bytes, "%s", name) < bytes)
			return 0;
		say_error("%.60s…: the name is too long", name);
		return -1;
	}
	for (int with_suffix = 0; directory && with_suffix < 2; with_suffix++) {
		int length = snprintf(path, bytes, "%s/%s%s", directory, name,
				      with_suffix ? ".conf" : "");
		if ((size_t)length < bytes && !stat(path, &status) && !S_ISDIR(status.st_mode))
			return 0;
	}
	char nearest[NAME_MAX + 1];
	if (directory && nearest_shipped(directory, name, nearest, sizeof nearest))
		say_error("%s: no such configuration; did you mean \"%s\"?", name, nearest);
	else
		say_error("%s: no such configuration; toll list configs", name);
	return -1;
}
