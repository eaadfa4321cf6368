/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sides.c - the two sides of toll vs: "pipe/4K/across" taken apart, and what neither says. */
#include "sides.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "place.h"
#include "say.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static const char *const wait_words[] = { "spin", "pause",  "yield", "block",
					  "poll", "hybrid", "epoll" };
static const char *const named_words[] = { "peers",   "depth", "idle",  "copy", "touch",
					   "threads", "sched", "mlock", "think" };

static bool among(const char *word, size_t length, const char *const words[], size_t n)
{
	for (size_t w = 0; w < n; w++)
		if (strlen(words[w]) == length && strncmp(word, words[w], length) == 0)
			return true;
	return false;
}

/* Every word that is none of a side's numbers, for the nearest. */
static size_t all_words(const struct registry *registry, const char *words[], size_t most)
{
	size_t n = 0, i;
	const json_t *pattern;

	for (size_t w = 0; w < LENGTH(wait_words) && n < most; w++)
		words[n++] = wait_words[w];
	for (size_t w = 0; w < LENGTH(named_words) && n < most; w++)
		words[n++] = named_words[w];
	if (n < most)
		words[n++] = "across";
	for (const char *const *name = place_names(); *name && n < most; name++)
		words[n++] = *name;
	json_array_foreach (json_object_get(registry->description, "patterns"), i, pattern) {
		if (n < most)
			words[n++] = registry_text(pattern, "name");
	}
	return n;
}

static int unknown(const char *word, const struct registry *registry)
{
	const char *words[128];
	char head[64];

	snprintf(head, sizeof head, "%.*s", (int)strcspn(word, ":="), word);
	const char *nearest = say_nearest(head, words, all_words(registry, words, LENGTH(words)));
	if (nearest)
		say_error("vs: no size, wait, placement or pattern called \"%s\", the nearest is "
			  "\"%s\"; toll vs -h",
			  word, nearest);
	else
		say_error("vs: no size, wait, placement or pattern called \"%s\"; toll vs -h",
			  word);
	return -1;
}

/* The configuration's key that a word speaks of, and its value; NULL when there is none. */
static const char *key_of(char *word, const struct registry *registry, const char **value)
{
	size_t head = strcspn(word, ":=");

	*value = word;
	if (word[head] == '=') {
		if (!among(word, head, named_words, LENGTH(named_words)))
			return NULL;
		word[head] = '\0';
		*value = word + head + 1;
		if (strcmp(word, "threads") == 0) {
			bool on = strcmp(*value, "on") == 0;
			word[head] = '=';
			*value = "thread";
			return on ? "peers" : NULL;
		}
		return strcmp(word, "peers") == 0 ? "peer-count" : word;
	}
	if (isdigit((unsigned char)*word))
		return "size";
	if (among(word, head, wait_words, LENGTH(wait_words)))
		return "wait";
	if (strncmp(word, "cpus:", strlen("cpus:")) == 0) {
		*value = word + strlen("cpus:");
		return "cpus";
	}
	if (strcmp(word, "across") == 0)
		return "placement";
	for (const char *const *name = place_names(); *name; name++)
		if (strcmp(word, *name) == 0)
			return "placement";
	char pattern[CELL_NAME];
	snprintf(pattern, sizeof pattern, "%.*s", (int)head, word);
	return registry_pattern(registry, pattern) ? "pattern" : NULL;
}

static bool is_place(const char *key)
{
	return strcmp(key, "cpus") == 0 || strcmp(key, "placement") == 0;
}

int side_read(struct side *side, const char *text, const struct registry *registry)
{
	char *rest = side->text, *word;

	*side = (struct side){ .count = 0 };
	if (strlen(text) >= sizeof side->text) {
		say_error("vs: \"%.40s…\" is too long for a side; toll vs -h", text);
		return -1;
	}
	memcpy(side->text, text, strlen(text) + 1);
	while ((word = strsep(&rest, "/"))) {
		char whole[CELL_KEY];
		const char *value = word, *key = "mechanism";

		snprintf(whole, sizeof whole, "%s", word);
		if (side->count)
			key = key_of(word, registry, &value);
		if (!*whole) {
			say_error("vs: \"%s\": a word is empty; write MECHANISM or "
				  "MECHANISM/WORD, as in pipe/4K",
				  text);
			return -1;
		}
		if (!key)
			return unknown(whole, registry);
		for (size_t s = 0; s < side->count; s++) {
			if (strcmp(side->setting[s].key, key) != 0 &&
			    !(is_place(side->setting[s].key) && is_place(key)))
				continue;
			say_error("vs: \"%s\" says its %s twice", text, key);
			return -1;
		}
		if (side->count == LENGTH(side->setting)) {
			say_error("vs: \"%s\" has too many words", text);
			return -1;
		}
		side->setting[side->count++] = (struct side_setting){ key, value };
	}
	return 0;
}

const char *side_value(const struct side *side, const char *key)
{
	for (size_t s = 0; s < side->count; s++)
		if (strcmp(side->setting[s].key, key) == 0)
			return side->setting[s].value;
	return NULL;
}

static bool may_sleep(const struct side *side, const struct registry *registry)
{
	const char *variant = side_value(side, "mechanism");
	char name[CELL_NAME];
	size_t i;
	const json_t *wait;

	snprintf(name, sizeof name, "%.*s", (int)strcspn(variant, ":"), variant);
	const json_t *mechanism = registry_mechanism(registry, name);
	json_array_foreach (json_object_get(mechanism, "waits"), i, wait) {
		const char *text = json_string_value(wait);
		if (strcmp(text, "block") == 0 || strcmp(text, "poll") == 0 ||
		    strcmp(text, "hybrid") == 0 || strcmp(text, "epoll") == 0)
			return true;
	}
	return !mechanism; /* the plan says that there is none */
}

struct side_defaults sides_defaults(const struct side sides[2], const char *wait, bool placed,
				    const struct registry *registry)
{
	struct side_defaults defaults = { "block", "same-cpu" };

	for (size_t s = 0; s < 2 && !wait; s++)
		if (!side_value(&sides[s], "wait") && !may_sleep(&sides[s], registry))
			defaults = (struct side_defaults){ "spin", "across" };
	for (size_t s = 0; s < 2 && !placed; s++) {
		const char *its = side_value(&sides[s], "wait");
		if (!its)
			its = wait ? wait : defaults.wait;
		if ((strcmp(its, "spin") == 0 || strcmp(its, "pause") == 0) &&
		    !side_value(&sides[s], "placement") && !side_value(&sides[s], "cpus"))
			defaults.placement = "across";
	}
	return defaults;
}
