/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counted.c - reads what was counted, checked like all of a result file. */
#include "counted.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double number_most = 1e18;

/* A text of the line that lasts: the file's lines say the same few again and again. *out stays NULL
 * where there is none. */
static bool read_text(const struct spot *spot, const json_t *object, const char *name,
		      enum presence presence, json_t *words, const char **out)
{
	char text[256] = "";

	if (!member_text(spot, object, name, presence, text, sizeof text))
		return false;
	if (!*text)
		return presence == OPTIONAL || member_wrong(spot, name, "empty");
	if (!json_object_get(words, text) && json_object_set_new(words, text, json_string(text)))
		return member_out_of_memory(spot);
	*out = json_string_value(json_object_get(words, text));
	return true;
}

static bool read_peer(const struct spot *spot, const json_t *object, json_t *words,
		      struct result_count *count)
{
	static const char *const by[] = { "perf", "getrusage" };
	unsigned source = 0;

	*count = (struct result_count){ .per_operation = NAN, .share = NAN };
	if (!member_number(spot, object, "per_operation", OPTIONAL, 0, number_most,
			   &count->per_operation) ||
	    !member_number(spot, object, "share", OPTIONAL, 0, 1, &count->share) ||
	    !member_word(spot, object, "by", OPTIONAL, by, 2, &source) ||
	    !member_boolean(spot, object, "user_only", OPTIONAL, &count->user_only) ||
	    !read_text(spot, object, "reason", OPTIONAL, words, &count->reason))
		return false;
	count->usage = source == 1;
	if (isnan(count->per_operation) && !count->reason)
		return member_wrong(spot, "reason", "missing, though nothing was counted");
	return true;
}

static bool read_event(struct spot *spot, const json_t *object, unsigned peers, json_t *words,
		       struct result_event *event)
{
	json_t *list;

	if (!json_is_object(object))
		return member_wrong(spot, "", "not an object");
	if (!read_text(spot, object, "name", REQUIRED, words, &event->name) ||
	    !read_text(spot, object, "what", OPTIONAL, words, &event->what) ||
	    !member_unsigned(spot, object, "group", OPTIONAL, &event->group) ||
	    !member_array(spot, object, "peers", REQUIRED, &list))
		return false;
	if (json_array_size(list) != peers)
		return member_wrong(spot, "peers", "%zu of them for %u peers",
				    json_array_size(list), peers);
	event->peer = calloc(peers, sizeof *event->peer);
	if (!event->peer)
		return member_out_of_memory(spot);
	for (unsigned i = 0; i < peers; i++) {
		const json_t *peer = json_array_get(list, i);

		if (!json_is_object(peer))
			return member_wrong(spot, "peers", "not an object");
		if (!read_peer(spot, peer, words, &event->peer[i]))
			return false;
	}
	return true;
}

bool counted_read(struct spot *spot, const json_t *object, json_t *words,
		  struct result_counted *counted)
{
	json_t *list;

	counted->turns = counted->operations = counted->median_ns = NAN;
	if (!member_unsigned(spot, object, "round", REQUIRED, &counted->round) ||
	    !member_number(spot, object, "turns", OPTIONAL, 0, number_most, &counted->turns) ||
	    !member_number(spot, object, "operations", OPTIONAL, 0, number_most,
			   &counted->operations) ||
	    !member_number(spot, object, "median_ns", OPTIONAL, 0, number_most,
			   &counted->median_ns) ||
	    !read_text(spot, object, "reason", OPTIONAL, words, &counted->reason) ||
	    !member_array(spot, object, "counters", REQUIRED, &list))
		return false;
	size_t n = json_array_size(list);

	if (n > COUNTED_EVENTS)
		return member_wrong(spot, "counters", "%zu of them, %d at most are read", n,
				    COUNTED_EVENTS);
	counted->events = calloc(n + 1, sizeof *counted->events);
	if (!counted->events)
		return member_out_of_memory(spot);
	for (size_t i = 0; i < n; i++) {
		snprintf(spot->where, sizeof spot->where, "counters[%zu].", i);
		counted->count++;
		if (!read_event(spot, json_array_get(list, i), counted->peers, words,
				&counted->events[i]))
			return false;
	}
	spot->where[0] = '\0';
	return true;
}

void counted_clear(struct result_counted *counted)
{
	for (size_t i = 0; i < counted->count; i++)
		free(counted->events[i].peer);
	free(counted->events);
}
