/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan.c - configuration × registry × host: the cells, shuffled, refusals with reasons. */
#include "plan.h"

#include <errno.h>
#include <fnmatch.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "say.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

enum { MOST_CANDIDATES = 100000, MOST_VALUES = CONFIG_MOST_WORDS };

/* --- the axes of a grid: its lists, read ---------------------------------------------------- */

struct variant {
	char name[CELL_NAME], options[CELL_OPTIONS];
	char *resolved;   /* with every option's value: what tells "ring" from "ring:layout=slot" */
	const json_t *is; /* the registry's */
	bool by_wildcard; /* nobody named it: what makes no sense is left out in silence */
};

struct spot {
	char name[CELL_NAME];
	unsigned cpu_count; /* "cpus": said outright */
	int cpus[CELL_MOST_PEERS];
	char lacking[128]; /* "": the machine is to be asked */
	bool by_default;
};

struct wait {
	enum cell_wait wait;
	uint64_t hybrid_ns;
};

struct axes {
	struct variant *mechanism, *pattern;
	size_t mechanisms, patterns;
	struct spot *spot;
	size_t spots;
	uint64_t size[MOST_VALUES];
	struct wait wait[MOST_VALUES];
	int depth[MOST_VALUES];
	enum cell_idle idle[MOST_VALUES];
	unsigned peer_count[MOST_VALUES]; /* 0: the pattern's own */
	bool copy[MOST_VALUES], touch_all[MOST_VALUES], threads[MOST_VALUES];
	size_t sizes, waits, depths, idles, peer_counts, copies, touches, threadings;
	unsigned replicas;
};

struct maker {
	const struct config *config;
	const struct registry *registry;
	const struct place *place;
	struct plan *plan;
	json_t *seen; /* a set: what a candidate is, whatever grid it came from */
	json_t *refused;
};

static int out_of_memory(void)
{
	say_error("out of memory");
	return -1;
}

/* Room for one more element behind count; NULL when memory runs out. */
static void *grow(void *array, size_t count, size_t element)
{
	if (count & (count - 1))
		return array;
	return reallocarray(array, count ? 2 * count : 1, element);
}

#define APPEND(array, count)                                                                       \
	({                                                                                         \
		void *grown = grow((array), (count), sizeof *(array));                             \
		if (grown) {                                                                       \
			(array) = grown;                                                           \
			memset(&(array)[count], 0, sizeof *(array));                               \
		}                                                                                  \
		grown ? &(array)[(count)++] : NULL;                                                \
	})

/* --- reading the lists ---------------------------------------------------------------------- */

/* Where a word of a grid stands, for messages. */
struct word {
	const struct maker *maker;
	const char *key, *text;
	int line;
};

__attribute__((format(printf, 2, 3))) static int refuse_word(const struct word *word,
							     const char *format, ...)
{
	char where[sizeof word->maker->config->path + 16], what[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	say_error("%s: %s",
		  config_where(word->maker->config, word->key, word->line, where, sizeof where),
		  what);
	return -1;
}

/* "no placement called "smtt", the nearest is "smt"; toll list placements" */
static int unknown(const struct word *word, const char *kind, const char *name, const char *nearest,
		   const char *advice)
{
	if (nearest)
		return refuse_word(word, "no %s called \"%s\", the nearest is \"%s\"; %s", kind,
				   name, nearest, advice);
	return refuse_word(word, "no %s called \"%s\"; %s", kind, name, advice);
}

static const char *text_of(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

/* "slot, shared-line" into words[]; their number, 0 when the text is no enumeration. buffer holds
 * what words[] points to. */
static size_t enumerate(const char *values, char *buffer, size_t bytes, const char *words[],
			size_t most)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	size_t n = 0;
	if ((size_t)snprintf(buffer, bytes, "%s", values) >= bytes)
		return 0;
	for (char *rest = buffer, *word; (word = strsep(&rest, ",|")); n++) {
		word += strspn(word, " ");
		size_t length = strspn(word, letters);
		if (length == 0 || word[length + strspn(word + length, " ")] || n == most)
			return 0;
		word[length] = '\0';
		words[n] = word;
	}
	return n >= 2 ? n : 0;
}

struct setting {
	const json_t *option;
	const char *value;
};

static int check_value(const struct word *word, const char *owner, const struct setting *setting)
{
	char buffer[512];
	const char *values[MOST_VALUES];
	size_t n = enumerate(text_of(setting->option, "values"), buffer, sizeof buffer, values,
			     LENGTH(values));
	if (!*setting->value || strpbrk(setting->value, "/,: \t"))
		return refuse_word(word, "%s:%s: \"%s\" is no value", owner,
				   text_of(setting->option, "name"), setting->value);
	if (n == 0)
		return 0; /* a number or the like: toll-worker knows */
	for (size_t v = 0; v < n; v++)
		if (!strcmp(values[v], setting->value))
			return 0;
	char kind[2 * CELL_NAME + 16], advice[600];
	snprintf(kind, sizeof kind, "%s:%s", owner, text_of(setting->option, "name"));
	snprintf(advice, sizeof advice, "it takes %s", text_of(setting->option, "values"));
	return unknown(word, kind, setting->value, say_nearest(setting->value, values, n), advice);
}

/* The variant's text and what it comes to, its options in the order the mechanism declares them. */
static int add_variant(const struct word *word, struct variant **list, size_t *count,
		       const json_t *is, const struct setting settings[], size_t n,
		       bool by_wildcard)
{
	const json_t *options = json_object_get(is, "options"), *option;
	char *resolved = NULL, given[CELL_OPTIONS] = "";
	size_t i, bytes, used = 0;
	FILE *stream = open_memstream(&resolved, &bytes);

	if (!stream)
		return out_of_memory();
	fprintf(stream, "%s", text_of(is, "name"));
	json_array_foreach(options, i, option)
	{
		const char *name = text_of(option, "name"), *value = NULL;
		for (size_t s = 0; s < n; s++)
			if (settings[s].option == option)
				value = settings[s].value;
		fprintf(stream, ":%s=%s", name, value ? value : text_of(option, "value"));
		if (!value || used >= sizeof given)
			continue;
		used += (size_t)snprintf(given + used, sizeof given - used, "%s%s=%s",
					 used ? "," : "", name, value);
	}
	struct variant *variant = fclose(stream) ? NULL : APPEND(*list, *count);
	if (!variant) {
		free(resolved);
		return out_of_memory();
	}
	variant->resolved = resolved;
	variant->is = is;
	variant->by_wildcard = by_wildcard;
	strcpy(variant->name, text_of(is, "name")); /* bounded by registry.c */
	if (used >= sizeof given)
		return refuse_word(word, "options longer than %d bytes", CELL_OPTIONS - 1);
	strcpy(variant->options, given);
	return 0;
}

/* One variant for each way to replace the settings "*" from the at-th on. */
static int add_settings(const struct word *word, struct variant **list, size_t *count,
			const json_t *is, struct setting settings[], size_t n, size_t at,
			bool by_wildcard)
{
	while (at < n && strcmp(settings[at].value, "*"))
		at++;
	if (at == n)
		return add_variant(word, list, count, is, settings, n, by_wildcard);

	char buffer[512];
	const char *values[MOST_VALUES], *offered = text_of(settings[at].option, "values");
	size_t value_count = enumerate(offered, buffer, sizeof buffer, values, LENGTH(values));
	if (value_count == 0)
		return refuse_word(word, "%s:%s=* cannot be spelled out; it takes %s",
				   text_of(is, "name"), text_of(settings[at].option, "name"),
				   offered);
	int failed = 0;
	for (size_t v = 0; v < value_count && !failed; v++) {
		settings[at].value = values[v];
		failed = add_settings(word, list, count, is, settings, n, at + 1, by_wildcard);
	}
	settings[at].value = "*";
	return failed;
}

static const json_t *find_option(const json_t *is, const char *name)
{
	size_t i;
	const json_t *option;
	json_array_foreach(json_object_get(is, "options"), i,
			   option) if (!strcmp(text_of(option, "name"), name)) return option;
	return NULL;
}

static int unknown_option(const struct word *word, const char *kind, const json_t *is,
			  const char *name)
{
	const char *names[MOST_VALUES];
	size_t i, n = 0;
	const json_t *option;
	char what[CELL_NAME + 16], advice[64];

	json_array_foreach(json_object_get(is, "options"), i, option) if (n < LENGTH(names))
		names[n++] = text_of(option, "name");
	snprintf(what, sizeof what, "option of %s", text_of(is, "name"));
	if (n == 0)
		snprintf(advice, sizeof advice, "it has none");
	else
		snprintf(advice, sizeof advice, "toll list %s", kind);
	return unknown(word, what, name, say_nearest(name, names, n), advice);
}

/* "layout=slot,bytes=4K" of one mechanism or pattern. */
static int read_options(const struct word *word, const char *kind, struct variant **list,
			size_t *count, const json_t *is, char *text, bool by_wildcard)
{
	struct setting settings[MOST_VALUES];
	size_t n = 0;
	for (char *name; (name = strsep(&text, ",")); n++) {
		char *value = strchr(name, '=');
		if (!value || value == name)
			return refuse_word(word, "\"%s\": options read NAME=VALUE", word->text);
		*value++ = '\0';
		if (n == LENGTH(settings))
			return refuse_word(word, "more than %d options", MOST_VALUES);
		settings[n] = (struct setting){ find_option(is, name), value };
		if (!settings[n].option)
			return unknown_option(word, kind, is, name);
		for (size_t s = 0; s < n; s++)
			if (settings[s].option == settings[n].option)
				return refuse_word(word, "\"%s\" gives %s twice", word->text, name);
		if (strcmp(value, "*") && check_value(word, text_of(is, "name"), &settings[n]))
			return -1;
	}
	return add_settings(word, list, count, is, settings, n, 0, by_wildcard);
}

/* NAME[:OPTIONS], "all", or a shell wildcard. */
static int read_variant(const struct word *word, const char *kind, struct variant **list,
			size_t *count)
{
	char copy[CONFIG_WORD], *options = copy;
	snprintf(copy, sizeof copy, "%s", word->text);
	const char *name = strsep(&options, ":");
	if (!strcmp(name, "all"))
		name = "*";
	bool wildcard = strpbrk(name, "*?[");
	char one[CELL_NAME];
	snprintf(one, sizeof one, "%.*s", (int)strlen(kind) - 1, kind);

	if (options && !*options)
		return refuse_word(word, "\"%s\" names no option after the colon", word->text);

	size_t i, matched = 0;
	const json_t *is;
	json_array_foreach(json_object_get(word->maker->registry->description, kind), i, is)
	{
		if (wildcard ? fnmatch(name, text_of(is, "name"), 0)
			     : strcmp(name, text_of(is, "name")))
			continue;
		matched++;
		char again[CONFIG_WORD]; /* read_options() takes its text apart */
		snprintf(again, sizeof again, "%s", options ? options : "");
		if (read_options(word, kind, list, count, is, options ? again : NULL, wildcard))
			return -1;
	}
	if (matched)
		return 0;
	char advice[64];
	snprintf(advice, sizeof advice, "toll list %s", kind);
	return unknown(word, one, name, registry_nearest(word->maker->registry, kind, name),
		       advice);
}

static int read_mechanism(const struct word *word, struct axes *axes)
{
	return read_variant(word, "mechanisms", &axes->mechanism, &axes->mechanisms);
}

static int read_pattern(const struct word *word, struct axes *axes)
{
	return read_variant(word, "patterns", &axes->pattern, &axes->patterns);
}

static int add_spot(struct axes *axes, const char *name, const char *lacking)
{
	struct spot *spot = APPEND(axes->spot, axes->spots);
	if (!spot)
		return out_of_memory();
	snprintf(spot->name, sizeof spot->name, "%s", name);
	snprintf(spot->lacking, sizeof spot->lacking, "%s", lacking);
	return 0;
}

static int add_cpus(struct axes *axes, const int cpus[], unsigned n)
{
	if (add_spot(axes, "cpus", ""))
		return -1;
	struct spot *spot = &axes->spot[axes->spots - 1];
	spot->cpu_count = n;
	memcpy(spot->cpus, cpus, n * sizeof *cpus);
	return 0;
}

static const char one_cpu[] = "this process may use one CPU only";

static int add_pairs(const struct word *word, struct axes *axes)
{
	int cpus[1024];
	size_t n = place_allowed(word->maker->place, cpus, LENGTH(cpus));
	if (n * (n - 1) / 2 > MOST_CANDIDATES)
		return refuse_word(word, "%zu CPUs make more than %d pairs; name some with cpus", n,
				   MOST_CANDIDATES);
	for (size_t a = 0; a < n; a++)
		for (size_t b = a + 1; b < n; b++)
			if (add_cpus(axes, (int[]){ cpus[a], cpus[b] }, 2))
				return -1;
	return n < 2 ? add_spot(axes, "pairs", one_cpu) : 0;
}

static int add_across(const struct place *place, struct axes *axes)
{
	const char *nearest = place_nearest_across(place);
	return nearest ? add_spot(axes, nearest, "") : add_spot(axes, "across", one_cpu);
}

static int read_placement(const struct word *word, struct axes *axes)
{
	const char *known[32] = { "across", "pairs", "all" };
	size_t own = 3, n = own;
	for (const char *const *name = place_names(); *name && n < LENGTH(known); name++)
		known[n++] = *name;

	if (!strcmp(word->text, "across"))
		return add_across(word->maker->place, axes);
	if (!strcmp(word->text, "pairs"))
		return add_pairs(word, axes);
	bool all = !strcmp(word->text, "all") || !strcmp(word->text, "*"), found = false;
	for (size_t k = own; k < n; k++) {
		/* spread and packed are ways to place many peers, not relations */
		bool relation = strcmp(known[k], "spread") && strcmp(known[k], "packed");
		if (all ? !relation : strcmp(word->text, known[k]))
			continue;
		if (add_spot(axes, known[k], ""))
			return -1;
		found = true;
	}
	if (found)
		return 0;
	return unknown(word, "placement", word->text, say_nearest(word->text, known, n),
		       "toll list placements");
}

static int read_cpus(const struct word *word, struct axes *axes)
{
	char why[256];
	int cpus[CELL_MOST_PEERS];
	int n = place_parse_cpus(word->maker->place, word->text, cpus, CELL_MOST_PEERS, why,
				 sizeof why);
	return n < 0 ? refuse_word(word, "%s", why) : add_cpus(axes, cpus, (unsigned)n);
}

static int read_size(const struct word *word, struct axes *axes)
{
	uint64_t size;
	if (cell_parse_size(word->text, &size))
		return refuse_word(word, "\"%s\" is no size; write 64, 4K or 1M", word->text);
	if (size == 0)
		return refuse_word(word, "size 0: a message has at least 1 byte (toll's header "
					 "takes up to 8 of it)");
	axes->size[axes->sizes++] = size;
	return 0;
}

static int read_wait(const struct word *word, struct axes *axes)
{
	static const char *const names[] = { "spin", "pause", "yield", "block", "poll", "hybrid" };
	struct wait *wait = &axes->wait[axes->waits++];
	if (!cell_wait_parse(word->text, &wait->wait, &wait->hybrid_ns))
		return 0;
	if (!strncmp(word->text, "hybrid", 6) && (!word->text[6] || word->text[6] == ':'))
		return refuse_word(word,
				   "\"%s\": hybrid takes the time to spin before it sleeps; "
				   "write hybrid:20us",
				   word->text);
	return unknown(word, "wait", word->text, say_nearest(word->text, names, LENGTH(names)),
		       "there are spin, pause, yield, block, poll and hybrid:20us");
}

static int read_number(const struct word *word, unsigned least, unsigned most, unsigned *number)
{
	uint64_t value;
	if (cell_parse_size(word->text, &value) || value < least || value > most)
		return refuse_word(word, "\"%s\" is no number from %u to %u", word->text, least,
				   most);
	*number = (unsigned)value;
	return 0;
}

static int read_depth(const struct word *word, struct axes *axes)
{
	unsigned depth = 0;
	bool own = !strcmp(word->text, "own");
	if (!own && read_number(word, 0, 1U << 20, &depth))
		return -1;
	axes->depth[axes->depths++] = own ? -1 : (int)depth;
	return 0;
}

static int read_peer_count(const struct word *word, struct axes *axes)
{
	return read_number(word, 1, CELL_MOST_PEERS, &axes->peer_count[axes->peer_counts++]);
}

/* Which of two words it is. 0, or -1 after naming both. */
static int read_choice(const struct word *word, const char *no, const char *yes, bool *is_yes)
{
	*is_yes = !strcmp(word->text, yes);
	if (*is_yes || !strcmp(word->text, no))
		return 0;
	return refuse_word(word, "\"%s\" is neither %s nor %s", word->text, no, yes);
}

static int read_idle(const struct word *word, struct axes *axes)
{
	bool sleeps;
	if (read_choice(word, "awake", "sleep", &sleeps))
		return -1;
	axes->idle[axes->idles++] = sleeps ? IDLE_SLEEP : IDLE_AWAKE;
	return 0;
}

static int read_peers(const struct word *word, struct axes *axes)
{
	return read_choice(word, "process", "thread", &axes->threads[axes->threadings++]);
}

static int read_copy(const struct word *word, struct axes *axes)
{
	return read_choice(word, "off", "on", &axes->copy[axes->copies++]);
}

static int read_touch(const struct word *word, struct axes *axes)
{
	return read_choice(word, "none", "all", &axes->touch_all[axes->touches++]);
}

/* What a section that says nothing about a key means; placements have a default of their own. */
static const struct axis {
	const char *key, *default_word;
	int (*read)(const struct word *, struct axes *);
} axis_table[] = {
	{ "mechanism", "all", read_mechanism },
	{ "pattern", "pingpong", read_pattern },
	{ "size", "64", read_size },
	{ "wait", "block", read_wait },
	{ "placement", NULL, read_placement },
	{ "cpus", NULL, read_cpus },
	{ "depth", "own", read_depth },
	{ "idle", "awake", read_idle },
	{ "peers", "process", read_peers },
	{ "peer-count", NULL, read_peer_count },
	{ "copy", "off", read_copy },
	{ "touch", "all", read_touch },
};

static int read_axes(const struct maker *maker, const struct config_grid *grid, struct axes *axes)
{
	for (size_t a = 0; a < LENGTH(axis_table); a++) {
		const struct axis *axis = &axis_table[a];
		const struct config_list *list = config_list(grid, axis->key);
		struct word word = { maker, axis->key, axis->default_word, 0 };
		if (list->count == 0 && axis->default_word && axis->read(&word, axes))
			return -1;
		for (size_t w = 0; w < list->count; w++) {
			word.text = list->word[w];
			word.line = list->line[w];
			if (axis->read(&word, axes))
				return -1;
		}
	}
	if (axes->peer_counts == 0)
		axes->peer_count[axes->peer_counts++] = 0;
	axes->replicas = grid->replicas ? grid->replicas : 1;
	if (axes->spots)
		return 0;
	if (add_spot(axes, "same-cpu", "") || add_across(maker->place, axes))
		return -1;
	for (size_t s = 0; s < axes->spots; s++)
		axes->spot[s].by_default = true;
	return 0;
}

static void free_variants(struct variant *list, size_t count)
{
	for (size_t v = 0; v < count; v++)
		free(list[v].resolved);
	free(list);
}

static void free_axes(struct axes *axes)
{
	free_variants(axes->mechanism, axes->mechanisms);
	free_variants(axes->pattern, axes->patterns);
	free(axes->spot);
}

/* --- from axes to cells --------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int
refuse(struct maker *maker, const struct cell *cell, const char *format, ...)
{
	struct plan *plan = maker->plan;
	char key[CELL_KEY];
	cell_key(cell, key, sizeof key);
	if (json_object_get(maker->refused, key))
		return 0;
	struct plan_refusal *refusal = APPEND(plan->refused, plan->refused_count);
	if (!refusal || json_object_set_new(maker->refused, key, json_true()))
		return out_of_memory();
	memcpy(refusal->key, key, sizeof key);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(refusal->reason, sizeof refusal->reason, format, arguments);
	va_end(arguments);
	return 0;
}

static bool flag(const json_t *object, const char *member)
{
	return json_is_true(json_object_get(object, member));
}

static long long number_of(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

/* Which peers talk, for any number of them, from the pattern's shape. */
static size_t find_edges(const json_t *pattern, unsigned peers, struct place_edge edges[],
			 size_t most)
{
	const char *shape = text_of(pattern, "shape");
	size_t n = 0, i;
	if (!strcmp(shape, "chain") || !strcmp(shape, "pair"))
		for (unsigned p = 0; p + 1 < peers; p++)
			edges[n++] = (struct place_edge){ p, p + 1 };
	else if (!strcmp(shape, "star"))
		for (unsigned p = 1; p < peers; p++)
			edges[n++] = (struct place_edge){ p, 0 };
	else if (peers == number_of(pattern, "peers")) { /* a shape newer than toll */
		const json_t *edge;
		json_array_foreach(json_object_get(pattern, "edges"), i, edge) if (n < most)
			edges[n++] = (struct place_edge){
				(unsigned)json_integer_value(json_array_get(edge, 0)),
				(unsigned)json_integer_value(json_array_get(edge, 1)),
			};
	}
	return n;
}

/* Sets the cell's CPUs. true; or false with the reason in why. */
static bool find_cpus(const struct maker *maker, const struct spot *spot, const json_t *pattern,
		      struct cell *cell, char *why, size_t bytes)
{
	struct place_edge edges[2 * CELL_MOST_PEERS * CELL_MOST_PEERS];

	if (*spot->lacking) {
		snprintf(why, bytes, "%s", spot->lacking);
		return false;
	}
	if (spot->cpu_count) {
		memcpy(cell->cpus, spot->cpus, spot->cpu_count * sizeof *cell->cpus);
		if (spot->cpu_count == cell->peers)
			return true;
		snprintf(why, bytes, "%s has %u peer%s here, and %u CPU%s named", cell->pattern,
			 cell->peers, cell->peers == 1 ? "" : "s", spot->cpu_count,
			 spot->cpu_count == 1 ? " is" : "s are");
		return false;
	}
	if (cell->peers == 1 && strcmp(spot->name, "same-cpu")) {
		snprintf(why, bytes, "%s has one peer, so same-cpu is its only placement",
			 cell->pattern);
		return false;
	}
	size_t n = find_edges(pattern, cell->peers, edges, LENGTH(edges));
	return place_find(maker->place, spot->name, cell->peers, edges, n, 0, cell->cpus, why,
			  bytes);
}

static bool on_one_cpu(const struct cell *cell)
{
	for (unsigned p = 1; p < cell->peers; p++)
		if (cell->cpus[p] != cell->cpus[0])
			return false;
	return true;
}

/* true when an equal cell is there already, from this grid or another; -1 when memory runs out */
static int seen_before(struct maker *maker, const struct cell *cell,
		       const struct variant *mechanism, const struct variant *pattern)
{
	struct cell bare = *cell;
	char key[CELL_KEY];
	*bare.options = *bare.pattern_options = '\0';

	char *identity = NULL;
	if (asprintf(&identity, "%s %s %s", mechanism->resolved, pattern->resolved,
		     cell_key(&bare, key, sizeof key)) < 0)
		return out_of_memory();
	int seen = json_object_get(maker->seen, identity) != NULL;
	if (!seen && json_object_set_new(maker->seen, identity, json_true()))
		seen = out_of_memory();
	free(identity);
	return seen;
}

/* One point of a grid: appended to the plan's cells, refused with a reason, or met before. */
static int consider(struct maker *maker, const struct variant *mechanism,
		    const struct variant *pattern, const struct spot *spot, struct cell cell)
{
	const json_t *is = pattern->is;
	unsigned own_peers = (unsigned)number_of(is, "peers");
	char why[256] = "";
	bool self_only = flag(mechanism->is, "self_only"), is_self = !strcmp(pattern->name, "self");

	if (self_only && !is_self && mechanism->by_wildcard)
		return 0;
	strcpy(cell.mechanism, mechanism->name);
	strcpy(cell.options, mechanism->options);
	strcpy(cell.pattern, pattern->name);
	strcpy(cell.pattern_options, pattern->options);
	strcpy(cell.placement, spot->name);
	cell.peers_named = cell.peers && cell.peers != own_peers;
	if (!cell.peers)
		cell.peers = own_peers;
	if (cell.peers == 1 && spot->by_default && strcmp(spot->name, "same-cpu"))
		return 0;

	long long least = number_of(is, "least_peers"), most = number_of(is, "most_peers");
	bool counted = cell.peers >= least && (most == 0 || cell.peers <= most);
	bool placed = counted && find_cpus(maker, spot, is, &cell, why, sizeof why);

	/* the idle state matters where a CPU can fall asleep while its peer works elsewhere */
	if (!placed || cell_spins(&cell) || on_one_cpu(&cell))
		cell.idle = IDLE_NONE;

	int seen = seen_before(maker, &cell, mechanism, pattern);
	if (seen)
		return seen < 0 ? -1 : 0;
	if (!counted) {
		if (least == most)
			return refuse(maker, &cell, "%s has %lld peer%s", cell.pattern, least,
				      least == 1 ? "" : "s");
		if (most == 0)
			return refuse(maker, &cell, "%s needs %lld peers at least", cell.pattern,
				      least);
		return refuse(maker, &cell, "%s takes %lld to %lld peers", cell.pattern, least,
			      most);
	}
	if (!placed)
		return refuse(maker, &cell, "%s", why);
	if (self_only && !is_self)
		return refuse(maker, &cell, "%s has no synchronisation: it runs in self only",
			      cell.mechanism);
	if ((cell.wait == WAIT_SPIN || cell.wait == WAIT_PAUSE) && cell_shares_cpu(&cell))
		return refuse(maker, &cell,
			      "two peers that spin on one CPU would only wait for the "
			      "scheduler; yield, or a sleeping wait, may share it");
	if (cell.size > PLAN_BLOCK_BYTES)
		return refuse(maker, &cell,
			      "longer than 1 GiB, which is all that a block may hold");

	struct plan_cell *added = APPEND(maker->plan->cells, maker->plan->cell_count);
	if (!added)
		return out_of_memory();
	added->cell = cell;
	added->quantity = !strcmp(text_of(is, "quantity"), "rtt_ns") ? "rtt_ns" : "per_message_ns";
	added->messages = json_number_value(json_object_get(is, "messages"));
	return 0;
}

/* The product of the axes, mechanisms innermost, so that what is compared stands together. */
static int consider_all(struct maker *maker, const struct axes *axes, const char *name)
{
	enum {
		PATTERN,
		PEERS,
		SPOT,
		WAIT,
		IDLE,
		DEPTH,
		COPY,
		TOUCH,
		THREADS,
		SIZE,
		MECHANISM,
		REPLICA,
		AXES
	};
	const size_t count[AXES] = {
		[PATTERN] = axes->patterns,     [PEERS] = axes->peer_counts,
		[SPOT] = axes->spots,           [WAIT] = axes->waits,
		[IDLE] = axes->idles,           [DEPTH] = axes->depths,
		[COPY] = axes->copies,          [TOUCH] = axes->touches,
		[THREADS] = axes->threadings,   [SIZE] = axes->sizes,
		[MECHANISM] = axes->mechanisms, [REPLICA] = axes->replicas,
	};
	double product = 1;
	for (size_t a = 0; a < AXES; a++)
		product *= (double)count[a];
	if (product > MOST_CANDIDATES) {
		say_error("[%s] multiplies to %.0f cells; %d are the most, so shorten its lists",
			  name, product, MOST_CANDIDATES);
		return -1;
	}
	size_t at[AXES] = { 0 };
	for (size_t left = (size_t)product; left > 0; left--) {
		struct cell cell = {
			.peers = axes->peer_count[at[PEERS]],
			.wait = axes->wait[at[WAIT]].wait,
			.hybrid_ns = axes->wait[at[WAIT]].hybrid_ns,
			.idle = axes->idle[at[IDLE]],
			.depth = axes->depth[at[DEPTH]],
			.copy = axes->copy[at[COPY]],
			.touch_all = axes->touch_all[at[TOUCH]],
			.threads = axes->threads[at[THREADS]],
			.size = axes->size[at[SIZE]],
			.replica = (unsigned)at[REPLICA],
		};
		if (consider(maker, &axes->mechanism[at[MECHANISM]], &axes->pattern[at[PATTERN]],
			     &axes->spot[at[SPOT]], cell))
			return -1;
		for (size_t a = AXES; a-- > 0 && ++at[a] == count[a];)
			at[a] = 0;
	}
	return 0;
}

/* Side by side, workers share a CPU's L2; where the slots of a few do not fit, each would be
 * measured with the others' misses (statistics.md, rule 7). */
static bool overflows_cache(const struct maker *maker, const struct cell *cell)
{
	const json_t *mechanism = registry_mechanism(maker->registry, cell->mechanism);
	size_t l2 = place_cache_bytes(maker->place, cell->cpus[0], 2);
	if (!flag(mechanism, "slots") || l2 == 0 || cell->slots == 0)
		return false;
	return cell->size > l2 / 2 / cell->slots;
}

/* Asks toll-worker about all candidates, keeps what it can do, refuses the rest. */
static int examine(struct maker *maker)
{
	struct plan *plan = maker->plan;
	struct cell *cells = calloc(plan->cell_count + 1, sizeof *cells);
	struct examination *answers = calloc(plan->cell_count + 1, sizeof *answers);
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	size_t kept = 0;
	int result = -1;

	if (!cells || !answers) {
		out_of_memory();
		goto end;
	}
	for (size_t c = 0; c < plan->cell_count; c++)
		cells[c] = plan->cells[c].cell;
	if (registry_examine(maker->registry, cells, plan->cell_count, answers))
		goto end;
	for (size_t c = 0; c < plan->cell_count; c++) {
		struct plan_cell entry = plan->cells[c];
		const struct examination *answer = &answers[c];
		char size[24];
		int failed = 0;
		if (!answer->possible)
			failed = refuse(maker, &entry.cell, "%s", answer->reason);
		else if (answer->memory > PLAN_BLOCK_BYTES || answer->memory > memory / 2)
			failed = refuse(maker, &entry.cell,
					"it would map %s of memory; at most 1 GiB, "
					"and half of the machine's, may be",
					say_size(answer->memory, size));
		if (failed)
			goto end;
		if (!answer->possible || answer->memory > PLAN_BLOCK_BYTES ||
		    answer->memory > memory / 2)
			continue;
		entry.cell.slots = answer->slots;
		entry.cell.memory = answer->memory;
		entry.cell.sequential =
			entry.cell.idle == IDLE_SLEEP || overflows_cache(maker, &entry.cell);
		entry.bytes = answer->bytes;
		entry.capacity_needed = answer->capacity_needed;
		entry.cell.id = (unsigned)kept;
		cell_key(&entry.cell, entry.key, sizeof entry.key);
		cell_group(&entry.cell, entry.group, sizeof entry.group);
		plan->cells[kept++] = entry;
	}
	plan->cell_count = kept;
	result = 0;
end:
	free(cells);
	free(answers);
	return result;
}

static int draw_seed(uint64_t *seed)
{
	if (getrandom(seed, sizeof *seed, 0) != sizeof *seed) {
		say_error("getrandom: %s; give --seed N", strerror(errno));
		return -1;
	}
	*seed >>= 1; /* JSON's integers are signed */
	return 0;
}

struct plan *plan_make(const struct config *config, const struct registry *registry,
		       const struct place *place)
{
	struct plan *plan = calloc(1, sizeof *plan);
	struct maker maker = { config, registry, place, plan, json_object(), json_object() };
	int failed = 0;

	if (!plan || !maker.seen || !maker.refused) {
		failed = out_of_memory();
		goto end;
	}
	plan->seed = config->seed;
	plan->margin = config->margin;
	plan->rounds = config->rounds;
	plan->operations = config->operations;
	plan->tails = config->tails;
	/* a fixed count of operations leaves nothing for a budget to decide (statistics.md, rule 5)
	 */
	plan->budget_s = config->operations ? 0 : config->budget_s;
	if (plan->rounds == 0 && plan->budget_s <= 0)
		plan->rounds = PLAN_LEAST_ROUNDS;
	memcpy(plan->config, config->path, sizeof plan->config);

	failed = !config->seed_given && draw_seed(&plan->seed);
	for (size_t g = 0; g < config->grid_count && !failed; g++) {
		struct axes axes = { .mechanisms = 0 };
		failed = read_axes(&maker, &config->grids[g], &axes) ||
			 consider_all(&maker, &axes, config->grids[g].name);
		free_axes(&axes);
	}
	failed = failed || examine(&maker);
end:
	json_decref(maker.seen);
	json_decref(maker.refused);
	if (failed) {
		plan_free(plan);
		return NULL;
	}
	return plan;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->cells);
	free(plan->refused);
	free(plan);
}

/* --- dealing -------------------------------------------------------------------------------- */

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): spreads a seed's
 * bits, since GSL's generators take few of them. */
static uint64_t spread_bits(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static gsl_rng *generator(uint64_t seed, unsigned round)
{
	gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
	if (random) /* it takes 32 bits */
		gsl_rng_set(random, spread_bits(spread_bits(seed) + round) >> 32);
	return random;
}

struct deal {
	const struct plan *plan;
	gsl_rng *random;
	struct plan_block *blocks;
	size_t count;
};

static uint64_t memory_of(const struct plan *plan, unsigned cell)
{
	return plan->cells[cell].cell.memory;
}

/* Deals n cells in their order into blocks within the bounds, as even as they go; with a reference
 * (>= 0) each block begins with it. */
static int deal_out(struct deal *deal, const unsigned cells[], size_t n, int reference,
		    bool sequential)
{
	bool refers = reference >= 0;
	size_t room = PLAN_BLOCK_CELLS - refers, blocks = (n + room - 1) / room;
	uint64_t shared = refers ? memory_of(deal->plan, (unsigned)reference) : 0, bytes = 0;
	struct plan_block *block = NULL;
	size_t dealt = 0;

	for (size_t c = 0; c < n; c++) {
		uint64_t its = memory_of(deal->plan, cells[c]);
		if (!block || dealt == (n + blocks - 1) / blocks ||
		    bytes + its > PLAN_BLOCK_BYTES) {
			block = APPEND(deal->blocks, deal->count);
			if (!block)
				return out_of_memory();
			block->reference = refers ? 0 : -1;
			block->sequential = sequential;
			if (refers)
				block->cells[block->count++] = (unsigned)reference;
			bytes = shared;
			dealt = 0;
		}
		block->cells[block->count++] = cells[c];
		bytes += its;
		dealt++;
	}
	return 0;
}

static void shuffle(gsl_rng *random, void *array, size_t n, size_t element)
{
	if (n > 1) /* gsl_ran_shuffle runs away with none */
		gsl_ran_shuffle(random, array, n, element);
}

/* The cells, in the order of their ids, of one group that are measured in one way. */
static int deal_cells(struct deal *deal, unsigned cells[], size_t n, bool sequential)
{
	uint64_t bytes = 0, most = 0;
	int reference = -1;
	for (size_t c = 0; c < n; c++) {
		uint64_t its = memory_of(deal->plan, cells[c]);
		bytes += its;
		most = its > most ? its : most;
	}
	/* what is measured one after the other is compared within the round, whatever its blocks;
	 * and a reference that leaves no room beside it cannot be shared */
	bool fits = n <= PLAN_BLOCK_CELLS && bytes <= PLAN_BLOCK_BYTES;
	if (!fits && !sequential && memory_of(deal->plan, cells[0]) + most <= PLAN_BLOCK_BYTES) {
		reference = (int)cells[0];
		cells++;
		n--;
	}
	shuffle(deal->random, cells, n, sizeof *cells);
	return deal_out(deal, cells, n, reference, sequential);
}

static int by_group(const void *a, const void *b, void *user)
{
	const struct plan *plan = user;
	const struct plan_cell *x = &plan->cells[*(const unsigned *)a],
			       *y = &plan->cells[*(const unsigned *)b];
	int order = strcmp(x->group, y->group);
	if (order == 0)
		order = (int)x->cell.sequential - (int)y->cell.sequential;
	return order ? order : (x->cell.id > y->cell.id) - (x->cell.id < y->cell.id);
}

int plan_deal(const struct plan *plan, unsigned round, struct plan_block **blocks, size_t *count)
{
	struct deal deal = { .plan = plan, .random = generator(plan->seed, round) };
	unsigned *order = calloc(plan->cell_count + 1, sizeof *order);
	int result = -1;

	if (!deal.random || !order) {
		out_of_memory();
		goto end;
	}
	for (size_t c = 0; c < plan->cell_count; c++)
		order[c] = (unsigned)c;
	/* the plan is only read; qsort_r's user pointer is not const */
	qsort_r(order, plan->cell_count, sizeof *order, by_group, (void *)(uintptr_t)plan);

	for (size_t from = 0, to; from < plan->cell_count; from = to) {
		const struct plan_cell *first = &plan->cells[order[from]];
		for (to = from + 1; to < plan->cell_count; to++) {
			const struct plan_cell *next = &plan->cells[order[to]];
			if (strcmp(first->group, next->group) ||
			    first->cell.sequential != next->cell.sequential)
				break;
		}
		if (deal_cells(&deal, order + from, to - from, first->cell.sequential))
			goto end;
	}
	shuffle(deal.random, deal.blocks, deal.count, sizeof *deal.blocks);
	for (size_t b = 0; b < deal.count; b++) {
		struct plan_block *block = &deal.blocks[b];
		unsigned reference = block->cells[0];
		shuffle(deal.random, block->cells, block->count, sizeof *block->cells);
		for (unsigned c = 0; block->reference >= 0 && c < block->count; c++)
			if (block->cells[c] == reference)
				block->reference = (int)c;
	}
	result = 0;
end:
	if (deal.random)
		gsl_rng_free(deal.random);
	free(order);
	if (result) {
		free(deal.blocks);
		deal = (struct deal){ .count = 0 };
	}
	*blocks = deal.blocks;
	*count = deal.count;
	return result;
}

/* --- as JSON and as text -------------------------------------------------------------------- */

static json_t *cell_json(const struct plan_cell *entry)
{
	const struct cell *cell = &entry->cell;
	char wait[64];
	json_t *cpus = json_array();
	for (unsigned p = 0; p < cell->peers; p++)
		json_array_append_new(cpus, json_integer(cell->cpus[p]));
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:I, s:o, s:i, s:s, s:s, "
			 "s:s?, s:b, s:s,"
			 " s:s, s:i, s:I, s:b, s:s, s:f, s:f}",
			 "id", (int)cell->id, "key", entry->key, "mechanism", cell->mechanism,
			 "options", cell->options, "pattern", cell->pattern, "pattern_options",
			 cell->pattern_options, "placement", cell->placement, "cpus", cpus, "peers",
			 (int)cell->peers, "size", (json_int_t)cell->size, "depth",
			 cell->depth < 0 ? json_null() : json_integer(cell->depth), "slots",
			 (int)cell->slots, "wait", cell_wait_text(cell, wait, sizeof wait),
			 "wait_class", cell_spins(cell) ? "spinning" : "sleeping", "idle",
			 cell->idle == IDLE_NONE    ? NULL
			 : cell->idle == IDLE_AWAKE ? "awake"
						    : "sleep",
			 "copy", (int)cell->copy, "touch", cell->touch_all ? "all" : "header",
			 "peers_are", cell->threads ? "threads" : "processes", "replica",
			 (int)cell->replica, "memory", (json_int_t)cell->memory, "sequential",
			 (int)cell->sequential, "quantity", entry->quantity, "messages",
			 entry->messages, "bytes", entry->bytes);
}

json_t *plan_json(const struct plan *plan)
{
	json_t *cells = json_array(), *refused = json_array();
	for (size_t c = 0; c < plan->cell_count; c++)
		json_array_append_new(cells, cell_json(&plan->cells[c]));
	for (size_t r = 0; r < plan->refused_count; r++)
		json_array_append_new(refused, json_pack("{s:s, s:s}", "cell", plan->refused[r].key,
							 "reason", plan->refused[r].reason));
	return json_pack("{s:s?, s:f, s:o, s:o, s:o, s:o, s:o}", "config",
			 *plan->config ? plan->config : NULL, "margin", plan->margin, "budget_s",
			 plan->budget_s > 0 ? json_real(plan->budget_s) : json_null(), "rounds",
			 plan->rounds ? json_integer(plan->rounds) : json_null(), "operations",
			 plan->operations ? json_integer((json_int_t)plan->operations)
					  : json_null(),
			 "cells", cells, "refused", refused);
}

static int most_wide(int width, const char *text)
{
	int its = (int)strlen(text);
	return its > width ? its : width;
}

static void print_cells(FILE *stream, const struct plan *plan)
{
	int width = (int)strlen("cell");
	for (size_t c = 0; c < plan->cell_count; c++)
		width = most_wide(width, plan->cells[c].key);

	fprintf(stream, "\n%scells: %zu%s\n", say_style(stream, SAY_BOLD), plan->cell_count,
		say_style(stream, SAY_PLAIN));
	if (plan->cell_count)
		fprintf(stream, "%s%5s  %-*s  %5s  %9s  %s%s\n", say_style(stream, SAY_DIM), "id",
			width, "cell", "slots", "memory", "on CPUs", say_style(stream, SAY_PLAIN));
	for (size_t c = 0; c < plan->cell_count; c++) {
		const struct cell *cell = &plan->cells[c].cell;
		char memory[24];
		fprintf(stream, "%5u  %-*s  %5u  %9s  ", cell->id, width, plan->cells[c].key,
			cell->slots, cell->memory ? say_size(cell->memory, memory) : "-");
		for (unsigned p = 0; p < cell->peers; p++)
			fprintf(stream, "%s%d", p ? "," : "", cell->cpus[p]);
		fprintf(stream, "%s\n", cell->sequential ? "  one after the other" : "");
	}
}

static void print_refusals(FILE *stream, const struct plan *plan)
{
	if (plan->refused_count == 0)
		return;
	fprintf(stream, "\n%sleft out: %zu%s\n", say_style(stream, SAY_BOLD), plan->refused_count,
		say_style(stream, SAY_PLAIN));
	for (size_t r = 0; r < plan->refused_count; r++)
		fprintf(stream, "  %s\n         %s%s%s\n", plan->refused[r].key,
			say_style(stream, SAY_DIM), plan->refused[r].reason,
			say_style(stream, SAY_PLAIN));
}

static void print_blocks(FILE *stream, const struct plan *plan)
{
	struct plan_block *blocks;
	size_t count, workers = 0;
	if (plan_deal(plan, 0, &blocks, &count))
		return; /* and said why */
	for (size_t b = 0; b < count; b++)
		workers += blocks[b].count;
	fprintf(stream, "\n%sround 0: %zu blocks, %zu workers%s\n", say_style(stream, SAY_BOLD),
		count, workers, say_style(stream, SAY_PLAIN));
	for (size_t b = 0; b < count; b++) {
		const struct plan_block *block = &blocks[b];
		fprintf(stream, "%5zu  %s%s\n       ", b, plan->cells[block->cells[0]].group,
			block->sequential ? ", one after the other" : "");
		for (unsigned c = 0; c < block->count; c++)
			fprintf(stream, " %u%s", block->cells[c],
				(int)c == block->reference ? " (reference)" : "");
		fputc('\n', stream);
	}
	free(blocks);
}

void plan_print(FILE *stream, const struct plan *plan)
{
	char duration[24];
	fprintf(stream, "plan of %s\nseed %" PRIu64 ", margin %g %%, ",
		*plan->config ? plan->config : "the command line", plan->seed, 100 * plan->margin);
	if (plan->budget_s > 0)
		fprintf(stream, "budget %s, ", say_duration(plan->budget_s, duration));
	if (plan->operations)
		fprintf(stream, "%lu operations a turn, ", plan->operations);
	if (plan->rounds)
		fprintf(stream, "%u rounds\n", plan->rounds);
	else
		fprintf(stream, "as many rounds as fit, %d at least\n", PLAN_LEAST_ROUNDS);
	print_cells(stream, plan);
	print_refusals(stream, plan);
	if (plan->cell_count)
		print_blocks(stream, plan);
}
