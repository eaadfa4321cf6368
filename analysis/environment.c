/* SPDX-License-Identifier: GPL-3.0-or-later */
/* environment.c - the keys of header.host in which result files differ. */
#include "environment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/grow.h"
#include "../bench/say.h"

static const double memory_tolerance = 0.05;

struct look {
	struct environment *environment;
	char *varies;
	const char *paths[2];
	bool failed; /* memory ran out */
};

/* --- names ------------------------------------------------------------------------------------ */

/* Who measured and in which boot is no part of what was measured. */
static bool counts(const char *key)
{
	return strcmp(key, "name") != 0 && strcmp(key, "boot_id") != 0;
}

static bool is_word_of(const char *list, const char *word, size_t length)
{
	while (list && *list) {
		size_t n = strcspn(list, ",");
		if (n == length && memcmp(list, word, n) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

static bool names(const struct look *look, const char *word)
{
	return is_word_of(look->varies, word, strlen(word));
}

/* Whether a key, or the object that it is a member of, may vary. */
static bool is_varied(const struct look *look, const char *key, bool known_to_one)
{
	const char *dot = strchr(key, '.');

	if (names(look, key) || (dot && is_word_of(look->varies, key, (size_t)(dot - key))))
		return true;
	if (!names(look, "kernel"))
		return false;
	if (strcmp(key, "kernel_build") == 0)
		return true;
	return known_to_one &&
	       (strncmp(key, "mitigations.", 12) == 0 || strncmp(key, "limits.", 7) == 0);
}

/* What --varies would have to say of a key. */
static void suggest(struct environment *environment, const char *key)
{
	char word[128];
	size_t used = strlen(environment->suggestion);

	snprintf(word, sizeof word, "%s", strcmp(key, "kernel_build") == 0 ? "kernel" : key);
	if (strncmp(word, "plan.", 5) != 0)
		word[strcspn(word, ".")] = '\0';
	if (is_word_of(environment->suggestion, word, strlen(word)) ||
	    used + strlen(word) + 2 > sizeof environment->suggestion)
		return;
	snprintf(environment->suggestion + used, sizeof environment->suggestion - used, "%s%s",
		 used ? "," : "", word);
}

/* --- values ----------------------------------------------------------------------------------- */

static bool is_known(const json_t *value)
{
	return value && !json_is_null(value);
}

static void describe(const json_t *value, char *text, size_t bytes)
{
	if (!is_known(value)) {
		snprintf(text, bytes, "not known");
	} else if (json_is_string(value)) {
		snprintf(text, bytes, "%s", json_string_value(value));
	} else {
		char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS);
		snprintf(text, bytes, "%s", dump ? dump : "(too long)");
		free(dump);
	}
}

static bool equal(const char *key, const json_t *a, const json_t *b)
{
	if (!is_known(a) || !is_known(b))
		return is_known(a) == is_known(b);
	if (strcmp(key, "memory_bytes") == 0 && json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);
		return fabs(x - y) <= memory_tolerance * fmax(fabs(x), fabs(y));
	}
	return json_equal(a, b);
}

static void add(struct look *look, const char *key, const json_t *a, const json_t *b)
{
	struct environment *environment = look->environment;

	if (equal(key, a, b))
		return;
	bool varied = is_varied(look, key, is_known(a) != is_known(b));
	if (!varied) {
		environment->same = false;
		suggest(environment, key);
	}
	for (size_t i = 0; i < environment->count; i++)
		if (strcmp(environment->differences[i].key, key) == 0)
			return; /* one pair of files shows it */
	if (environment->count == ENVIRONMENT_MOST) {
		environment->unlisted += !varied;
		return;
	}
	struct environment_difference *difference =
		GROW_APPEND(environment->differences, environment->count);
	if (!difference) {
		look->failed = true;
		return;
	}
	snprintf(difference->key, sizeof difference->key, "%s", key);
	describe(a, difference->values[0], sizeof difference->values[0]);
	describe(b, difference->values[1], sizeof difference->values[1]);
	difference->paths[0] = look->paths[0];
	difference->paths[1] = look->paths[1];
	difference->varied = varied;
}

/* The members of an object, each under "key."; both are objects. */
static void add_members(struct look *look, const char *key, json_t *a, json_t *b)
{
	const char *name;
	json_t *value;
	char path[128];

	json_object_foreach (a, name, value) {
		snprintf(path, sizeof path, "%s.%s", key, name);
		add(look, path, value, json_object_get(b, name));
	}
	json_object_foreach (b, name, value) {
		if (json_object_get(a, name))
			continue;
		snprintf(path, sizeof path, "%s.%s", key, name);
		add(look, path, NULL, value);
	}
}

static void compare_hosts(struct look *look, json_t *a, json_t *b)
{
	const char *name;
	json_t *value;

	json_object_foreach (a, name, value) {
		json_t *other = json_object_get(b, name);
		if (!counts(name))
			continue;
		if (json_is_object(value) && json_is_object(other))
			add_members(look, name, value, other);
		else
			add(look, name, value, other);
	}
	json_object_foreach (b, name, value)
		if (counts(name) && !json_object_get(a, name))
			add(look, name, NULL, value);
}

/* --- what --varies may name ------------------------------------------------------------------- */

struct vocabulary {
	char **words;
	size_t count;
};

static bool learn(struct vocabulary *vocabulary, const char *first, const char *second)
{
	char *copy = NULL;

	if (asprintf(&copy, "%s%s%s", first, second ? "." : "", second ? second : "") < 0)
		return false;
	char **word = GROW_APPEND(vocabulary->words, vocabulary->count);
	if (!word) {
		free(copy);
		return false;
	}
	*word = copy;
	return true;
}

static bool learn_host(struct vocabulary *vocabulary, json_t *host)
{
	const char *name, *member;
	json_t *value, *inner;

	json_object_foreach (host, name, value) {
		if (!counts(name))
			continue;
		if (!learn(vocabulary, name, NULL))
			return false;
		json_object_foreach (value, member, inner)
			if (!learn(vocabulary, name, member))
				return false;
	}
	return true;
}

static bool is_in(const struct vocabulary *vocabulary, const char *word)
{
	for (size_t i = 0; i < vocabulary->count; i++)
		if (strcmp(vocabulary->words[i], word) == 0)
			return true;
	return false;
}

/* Members that a toll before or after this one writes are known by the files that hold them. */
static bool check_varies(const struct result *const files[], size_t n, const char *varies)
{
	static const char *const always[] = { "kernel",   "kernel_build", "mitigations",
					      "limits",   "placements",   "microcode",
					      "governor", "command_line", "plan.tails" };
	struct vocabulary vocabulary = { 0 };
	bool fine = true, memory = true;
	char *copy = strdup(varies), *rest = copy, *word;

	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		memory = memory && learn(&vocabulary, always[i], NULL);
	for (size_t i = 0; i < n; i++)
		memory = memory &&
			 learn_host(&vocabulary, json_object_get(files[i]->header, "host"));
	if (!copy || !memory) {
		say_error("out of memory");
		fine = false;
	}
	while (fine && (word = strsep(&rest, ","))) {
		if (is_in(&vocabulary, word))
			continue;
		const char *nearest =
			say_nearest(word, (const char *const *)vocabulary.words, vocabulary.count);
		if (nearest)
			say_error("--varies: no part of the environment is called \"%s\", the "
				  "nearest is \"%s\"",
				  word, nearest);
		else
			say_error("--varies: no part of the environment is called \"%s\"; there "
				  "are kernel, mitigations, microcode, governor, limits and the "
				  "other members of header.host; man toll-compare",
				  word);
		fine = false;
	}
	for (size_t i = 0; i < vocabulary.count; i++)
		free(vocabulary.words[i]);
	free(vocabulary.words);
	free(copy);
	return fine;
}

/* --- all of it -------------------------------------------------------------------------------- */

struct environment *environment_of(const struct result *const files[], size_t n, const char *varies)
{
	if (varies && !check_varies(files, n, varies))
		return NULL;
	struct environment *environment = calloc(1, sizeof *environment);
	struct look look = { .environment = environment,
			     .varies = strdup(varies ? varies : ""),
			     .failed = !environment };

	look.failed = look.failed || !look.varies;
	if (environment)
		environment->same = true;
	for (size_t i = 1; i < n && !look.failed; i++) {
		look.paths[0] = files[0]->path;
		look.paths[1] = files[i]->path;
		compare_hosts(&look, json_object_get(files[0]->header, "host"),
			      json_object_get(files[i]->header, "host"));
		add(&look, "plan.tails",
		    json_object_get(json_object_get(files[0]->header, "plan"), "tails"),
		    json_object_get(json_object_get(files[i]->header, "plan"), "tails"));
	}
	/* what would allow all has to keep what allowed some */
	if (environment && !environment->same && varies && *varies) {
		char more[sizeof environment->suggestion];
		memcpy(more, environment->suggestion, sizeof more);
		snprintf(environment->suggestion, sizeof environment->suggestion, "%.400s,%.600s",
			 varies, more);
	}
	free(look.varies);
	if (look.failed) {
		say_error("out of memory");
		environment_free(environment);
		return NULL;
	}
	return environment;
}

void environment_free(struct environment *environment)
{
	if (!environment)
		return;
	free(environment->differences);
	free(environment);
}
