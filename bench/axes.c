/* SPDX-License-Identifier: GPL-3.0-or-later */
/* axes.c - reads the lists of a section: names are looked up, wildcards spelled out, and each
 * mistake is named with its place and the nearest right word. */
#include "axes.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "grow.h"
#include "say.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* What the words of a section are checked against. */
struct source {
	const struct config *config;
	const struct registry *registry;
	const struct place *place;
};

static int out_of_memory(void)
{
	say_error("out of memory");
	return -1;
}

/* Where a word of a grid stands, for messages. */
struct word {
	const struct source *source;
	const char *key, *text;
	int line;
};

__attribute__((format(printf, 2, 3))) static int refuse_word(const struct word *word,
							     const char *format, ...)
{
	char where[sizeof word->source->config->path + 16], what[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	say_error("%s: %s",
		  config_where(word->source->config, word->key, word->line, where, sizeof where),
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
	const char *values[AXES_MOST];
	size_t n = enumerate(registry_text(setting->option, "values"), buffer, sizeof buffer,
			     values, LENGTH(values));
	if (!*setting->value || strpbrk(setting->value, "/,: \t"))
		return refuse_word(word, "%s:%s: \"%s\" is no value", owner,
				   registry_text(setting->option, "name"), setting->value);
	if (n == 0)
		return 0; /* a number or the like: toll-worker knows */
	for (size_t v = 0; v < n; v++)
		if (strcmp(values[v], setting->value) == 0)
			return 0;
	char kind[2 * CELL_NAME + 16], advice[600];
	snprintf(kind, sizeof kind, "%s:%s", owner, registry_text(setting->option, "name"));
	snprintf(advice, sizeof advice, "it takes %s", registry_text(setting->option, "values"));
	return unknown(word, kind, setting->value, say_nearest(setting->value, values, n), advice);
}

/* The variant's text and what it comes to, its options in the order the mechanism declares them. */
static int add_variant(const struct word *word, struct axes_variant **list, size_t *count,
		       const json_t *is, const struct setting settings[], size_t n,
		       bool by_wildcard)
{
	const json_t *options = json_object_get(is, "options"), *option;
	char *resolved = NULL, given[CELL_OPTIONS] = "";
	size_t i, bytes, used = 0;
	FILE *stream = open_memstream(&resolved, &bytes);

	if (!stream)
		return out_of_memory();
	fprintf(stream, "%s", registry_text(is, "name"));
	json_array_foreach (options, i, option) {
		const char *name = registry_text(option, "name"), *value = NULL;
		for (size_t s = 0; s < n; s++)
			if (settings[s].option == option)
				value = settings[s].value;
		fprintf(stream, ":%s=%s", name, value ? value : registry_text(option, "value"));
		if (!value || used >= sizeof given)
			continue;
		used += (size_t)snprintf(given + used, sizeof given - used, "%s%s=%s",
					 used ? "," : "", name, value);
	}
	struct axes_variant *variant = fclose(stream) ? NULL : GROW_APPEND(*list, *count);
	if (!variant) {
		free(resolved);
		return out_of_memory();
	}
	variant->resolved = resolved;
	variant->is = is;
	variant->by_wildcard = by_wildcard;
	snprintf(variant->name, sizeof variant->name, "%s", registry_text(is, "name"));
	if (used >= sizeof given)
		return refuse_word(word, "options longer than %d bytes", CELL_OPTIONS - 1);
	memcpy(variant->options, given, sizeof given);
	return 0;
}

/* One variant for each way to replace the settings "*" from the at-th on. */
static int add_settings(const struct word *word, struct axes_variant **list, size_t *count,
			const json_t *is, struct setting settings[], size_t n, size_t at,
			bool by_wildcard)
{
	while (at < n && strcmp(settings[at].value, "*") != 0)
		at++;
	if (at == n)
		return add_variant(word, list, count, is, settings, n, by_wildcard);

	char buffer[512];
	const char *values[AXES_MOST], *offered = registry_text(settings[at].option, "values");
	size_t value_count = enumerate(offered, buffer, sizeof buffer, values, LENGTH(values));
	if (value_count == 0)
		return refuse_word(word, "%s:%s=* cannot be spelled out; it takes %s",
				   registry_text(is, "name"),
				   registry_text(settings[at].option, "name"), offered);
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
	json_array_foreach (json_object_get(is, "options"), i, option) {
		if (strcmp(registry_text(option, "name"), name) == 0)
			return option;
	}
	return NULL;
}

static int unknown_option(const struct word *word, const char *kind, const json_t *is,
			  const char *name)
{
	const char *names[AXES_MOST];
	size_t i, n = 0;
	const json_t *option;
	char what[CELL_NAME + 16], advice[64];

	json_array_foreach (json_object_get(is, "options"), i, option) {
		if (n < LENGTH(names))
			names[n++] = registry_text(option, "name");
	}
	snprintf(what, sizeof what, "option of %s", registry_text(is, "name"));
	if (n == 0)
		snprintf(advice, sizeof advice, "it has none");
	else
		snprintf(advice, sizeof advice, "toll list %s", kind);
	return unknown(word, what, name, say_nearest(name, names, n), advice);
}

/* "layout=slot,bytes=4K" of one mechanism or pattern. */
static int read_options(const struct word *word, const char *kind, struct axes_variant **list,
			size_t *count, const json_t *is, char *text, bool by_wildcard)
{
	struct setting settings[AXES_MOST];
	size_t n = 0;
	for (char *name; (name = strsep(&text, ",")); n++) {
		char *value = strchr(name, '=');
		if (!value || value == name)
			return refuse_word(word, "\"%s\": options read NAME=VALUE", word->text);
		*value++ = '\0';
		if (n == LENGTH(settings))
			return refuse_word(word, "more than %d options", AXES_MOST);
		settings[n] = (struct setting){ find_option(is, name), value };
		if (!settings[n].option)
			return unknown_option(word, kind, is, name);
		for (size_t s = 0; s < n; s++)
			if (settings[s].option == settings[n].option)
				return refuse_word(word, "\"%s\" gives %s twice", word->text, name);
		if (strcmp(value, "*") != 0 &&
		    check_value(word, registry_text(is, "name"), &settings[n]))
			return -1;
	}
	return add_settings(word, list, count, is, settings, n, 0, by_wildcard);
}

/* NAME[:OPTIONS], "all", or a shell wildcard. */
static int read_variant(const struct word *word, const char *kind, struct axes_variant **list,
			size_t *count)
{
	char copy[CONFIG_WORD], *options = copy;
	snprintf(copy, sizeof copy, "%s", word->text);
	const char *name = strsep(&options, ":");
	if (strcmp(name, "all") == 0)
		name = "*";
	bool wildcard = strpbrk(name, "*?[");
	char one[CELL_NAME];
	snprintf(one, sizeof one, "%.*s", (int)strlen(kind) - 1, kind);

	if (options && !*options)
		return refuse_word(word, "\"%s\" names no option after the colon", word->text);

	size_t i, matched = 0;
	const json_t *is;
	json_array_foreach (json_object_get(word->source->registry->description, kind), i, is) {
		if (wildcard ? fnmatch(name, registry_text(is, "name"), 0)
			     : strcmp(name, registry_text(is, "name")) != 0)
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
	if (account_left_out(name, advice, sizeof advice))
		return refuse_word(
			word, "%s was left out of this build, which lacks %s: make deps && make",
			name, advice);
	snprintf(advice, sizeof advice, "toll list %s", kind);
	return unknown(word, one, name, registry_nearest(word->source->registry, kind, name),
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
	struct axes_spot *spot = GROW_APPEND(axes->spot, axes->spots);
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
	struct axes_spot *spot = &axes->spot[axes->spots - 1];
	spot->cpu_count = n;
	memcpy(spot->cpus, cpus, n * sizeof *cpus);
	return 0;
}

static const char one_cpu[] = "this process may use one CPU only";

static int add_pairs(const struct word *word, struct axes *axes)
{
	int cpus[1024];
	size_t n = place_allowed(word->source->place, cpus, LENGTH(cpus));
	if (n * (n - 1) / 2 > AXES_MOST_CELLS)
		return refuse_word(word, "%zu CPUs make more than %d pairs; name some with cpus", n,
				   AXES_MOST_CELLS);
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

	if (strcmp(word->text, "across") == 0)
		return add_across(word->source->place, axes);
	if (strcmp(word->text, "pairs") == 0)
		return add_pairs(word, axes);
	bool all = strcmp(word->text, "all") == 0 || strcmp(word->text, "*") == 0, found = false;
	for (size_t k = own; k < n; k++) {
		/* spread and packed are ways to place many peers, not relations */
		bool relation = strcmp(known[k], "spread") != 0 && strcmp(known[k], "packed") != 0;
		if (all ? !relation : strcmp(word->text, known[k]) != 0)
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
	int n = place_parse_cpus(word->source->place, word->text, cpus, CELL_MOST_PEERS, why,
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
	static const char *const names[] = { "spin", "pause",  "yield", "block",
					     "poll", "hybrid", "epoll" };
	struct axes_wait *wait = &axes->wait[axes->waits++];
	if (!cell_wait_parse(word->text, &wait->wait, &wait->wait_amount))
		return 0;
	if (strncmp(word->text, "hybrid", 6) == 0 && (!word->text[6] || word->text[6] == ':'))
		return refuse_word(word,
				   "\"%s\": hybrid takes the time to spin before it sleeps; "
				   "write hybrid:20us",
				   word->text);
	if (strncmp(word->text, "epoll:", 6) == 0)
		return refuse_word(word,
				   "\"%s\": epoll takes a number of descriptors that stay idle; "
				   "write epoll or epoll:100",
				   word->text);
	return unknown(word, "wait", word->text, say_nearest(word->text, names, LENGTH(names)),
		       "there are spin, pause, yield, block, poll, hybrid:20us and epoll:100");
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
	bool own = strcmp(word->text, "own") == 0;
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
	*is_yes = strcmp(word->text, yes) == 0;
	if (*is_yes || strcmp(word->text, no) == 0)
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

static int read_sched(const struct word *word, struct axes *axes)
{
	static const char *const names[] = { "other", "batch", "idle", "rr", "fifo" };
	struct axes_sched *sched = &axes->sched[axes->scheds++];
	size_t length = strcspn(word->text, ":");
	bool realtime =
		strncmp(word->text, "fifo", length) == 0 || strncmp(word->text, "rr", length) == 0;

	if (!cell_sched_parse(word->text, &sched->policy, &sched->priority))
		return 0;
	for (size_t n = 0; n < LENGTH(names); n++) {
		if (strlen(names[n]) != length || strncmp(names[n], word->text, length) != 0)
			continue;
		if (realtime)
			return refuse_word(word,
					   "\"%s\": %s takes a priority from 1 to %d (one above is "
					   "for what ends peers that hang); write %s:50",
					   word->text, names[n], CELL_MOST_PRIORITY, names[n]);
		return refuse_word(word, "\"%s\": %s takes no priority", word->text, names[n]);
	}
	return unknown(word, "scheduling policy", word->text,
		       say_nearest(word->text, names, LENGTH(names)),
		       "there are other, batch, idle, rr:10 and fifo:50");
}

static int read_mlock(const struct word *word, struct axes *axes)
{
	return read_choice(word, "off", "on", &axes->mlock[axes->mlocks++]);
}

static int read_think(const struct word *word, struct axes *axes)
{
	uint64_t *ns = &axes->think_ns[axes->thinks++];
	if (strcmp(word->text, "0") == 0)
		*ns = 0;
	else if (cell_parse_time_ns(word->text, ns) || *ns > CELL_MOST_THINK_NS)
		return refuse_word(word, "\"%s\" is no time from 0 to 100ms; write 0, 10us or 1ms",
				   word->text);
	return 0;
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
	{ "sched", "other", read_sched },
	{ "mlock", "off", read_mlock },
	{ "think", "0", read_think },
};

int axes_read(const struct config *config, const struct config_grid *grid,
	      const struct registry *registry, const struct place *place, struct axes *axes)
{
	const struct source source = { config, registry, place };
	*axes = (struct axes){ .mechanisms = 0 };
	for (size_t a = 0; a < LENGTH(axis_table); a++) {
		const struct axis *axis = &axis_table[a];
		const struct config_list *list = config_list(grid, axis->key);
		struct word word = { &source, axis->key, axis->default_word, 0 };
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
	if (add_spot(axes, "same-cpu", "") || add_across(place, axes))
		return -1;
	for (size_t s = 0; s < axes->spots; s++)
		axes->spot[s].by_default = true;
	return 0;
}

static void free_variants(struct axes_variant *list, size_t count)
{
	for (size_t v = 0; v < count; v++)
		free(list[v].resolved);
	free(list);
}

void axes_free(struct axes *axes)
{
	free_variants(axes->mechanism, axes->mechanisms);
	free_variants(axes->pattern, axes->patterns);
	free(axes->spot);
}
