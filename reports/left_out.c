/* SPDX-License-Identifier: GPL-3.0-or-later */
/* left_out.c - twenty mechanisms are kept out by few things: reasons that differ in a mechanism's
 * name alone, as one. */
#include "left_out.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NAMES = 32 };

/* Reasons of one wording. */
struct wording {
	const struct reason *first;
	size_t name_at,
		name_length; /* where its mechanism stands in the first's text; length 0: not */
	const char *name[MOST_NAMES];
	size_t length[MOST_NAMES];
	size_t names;
};

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* Where a name stands in a text as a word of its own; NULL when it does not. */
static const char *find_word(const char *text, const char *name, size_t length)
{
	for (const char *at = text; length && *at; at++) {
		if (strncmp(at, name, length) == 0 && !in_word(at[length]) &&
		    (at == text || !in_word(at[-1])))
			return at;
		if (in_word(*at)) /* to the word's end */
			at += strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789-_") -
			      1;
	}
	return NULL;
}

/* "futex, mailbox: each has no descriptor to poll"; NULL when memory runs out. */
static char *text_of(const struct wording *wording)
{
	const char *text = wording->first->text,
		   *after = text + wording->name_at + wording->name_length;
	char *whole = NULL;
	size_t bytes;

	if (wording->names < 2)
		return strdup(text);
	FILE *stream = open_memstream(&whole, &bytes);
	if (!stream)
		return NULL;
	for (size_t n = 0; n < wording->names && n < MOST_NAMES; n++)
		fprintf(stream, "%s%.*s", n ? ", " : "", (int)wording->length[n], wording->name[n]);
	if (wording->names > MOST_NAMES)
		fprintf(stream, " and %zu more", wording->names - MOST_NAMES);
	/* a reason of the mechanism's own begins "NAME: " */
	if (wording->name_at > 0 || *after != ':')
		fprintf(stream, ": %.*seach", (int)wording->name_at, text);
	fputs(after, stream);
	if (fclose(stream)) {
		free(whole);
		return NULL;
	}
	return whole;
}

static int by_count(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->text, y->text);
}

/* The place of a wording among the n there are; n: it is new. SIZE_MAX when memory runs out. */
static size_t place_of(json_t *places, const struct reason *reason, const struct wording *wording,
		       size_t n)
{
	char *common = NULL;
	size_t bytes;
	FILE *stream = open_memstream(&common, &bytes);

	if (!stream)
		return SIZE_MAX;
	/* the mark is none that a text would hold */
	fprintf(stream, "%.*s%s%s", (int)wording->name_at, reason->text,
		wording->name_length ? "\x01" : "",
		reason->text + wording->name_at + wording->name_length);
	if (fclose(stream)) {
		free(common);
		return SIZE_MAX;
	}
	const json_t *there = json_object_get(places, common);
	size_t place = there ? (size_t)json_integer_value(there) : n;
	if (!there && json_object_set_new(places, common, json_integer((json_int_t)n)))
		place = SIZE_MAX;
	free(common);
	return place;
}

struct reason *left_out(const struct arrangement *a, size_t *count)
{
	struct reason *list = calloc(a->refused_count + 1, sizeof *list);
	struct wording *wordings = calloc(a->refused_count + 1, sizeof *wordings);
	json_t *places = json_object();
	size_t n = 0;
	bool failed = !list || !wordings || !places;

	for (size_t i = 0; i < a->refused_count && !failed; i++) {
		const struct reason *reason = &a->refused[i];
		const char *name = reason->keys[0];
		size_t length = strcspn(name, ":/");
		const char *at = find_word(reason->text, name, length);
		struct wording one = { .first = reason,
				       .name_at = at ? (size_t)(at - reason->text) : 0,
				       .name_length = at ? length : 0 };
		size_t place = place_of(places, reason, &one, n);
		if (place == SIZE_MAX) {
			failed = true;
			break;
		}
		if (place == n)
			wordings[n++] = one;
		struct wording *its = &wordings[place];
		if (its->names < MOST_NAMES) {
			its->name[its->names] = name;
			its->length[its->names] = length;
		}
		its->names++;
		struct reason *sum = &list[place];
		for (size_t k = 0; k < reason->key_count && k < 4 && sum->key_count + k < 4; k++)
			sum->keys[sum->key_count + k] = reason->keys[k];
		sum->key_count += reason->key_count;
		sum->count += reason->count;
	}
	for (size_t i = 0; i < n && !failed; i++) {
		list[i].text = list[i].made = text_of(&wordings[i]);
		failed = !list[i].text;
	}
	json_decref(places);
	free(wordings);
	if (failed) {
		left_out_free(list, n);
		return NULL;
	}
	qsort(list, n, sizeof *list, by_count);
	*count = n;
	return list;
}

void left_out_free(struct reason *list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i].made);
	free(list);
}
