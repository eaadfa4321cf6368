/* SPDX-License-Identifier: GPL-3.0-or-later */
/* looks_text.c - what the planned looks of a run have decided, in a sentence and as JSON. */
#include "looks_text.h"

#include <stdio.h>
#include <string.h>

#include "../bench/say.h"

static size_t decided_cells(const struct result *result)
{
	size_t n = 0;

	for (size_t i = 0; i < result->cell_count; i++)
		n += result->cells[i].decided;
	return n;
}

/* A cell has a decision for each of its levels, one after the other. */
static size_t cells_of(const struct result_look *look)
{
	size_t n = 0;

	for (size_t i = 0; i < look->decision_count; i++)
		n += i == 0 || look->decisions[i].cell != look->decisions[i - 1].cell;
	return n;
}

static bool ended_by_decision(const struct result *result)
{
	const char *ended = json_string_value(json_object_get(result->summary, "ended"));

	return ended && !strcmp(ended, "decided");
}

char *looks_text(const struct result *result, char out[LOOKS_TEXT])
{
	size_t decided = decided_cells(result), looks = result->look_count;
	bool all = decided == result->cell_count;
	char at[24];

	*out = '\0';
	if (!looks)
		return out;
	FILE *text = fmemopen(out, LOOKS_TEXT, "w");
	if (!text)
		return out;
	const struct result_look *last = &result->looks[looks - 1];
	if (ended_by_decision(result)) {
		char budget[24];
		fprintf(text, "All %zu cells %sdecided after %zu look%s, %s of %s", decided,
			all ? "" : "that could be measured are ", looks, looks == 1 ? "" : "s",
			say_duration(last->at_s, at), say_duration(last->budget_s, budget));
	} else {
		fprintf(text, "%zu look%s, %zu of %zu cells decided", looks, looks == 1 ? "" : "s",
			decided, result->cell_count);
	}
	for (size_t i = 0; i < looks && decided; i++) {
		size_t n = cells_of(&result->looks[i]);
		fputs(i ? ", " : ": ", text);
		if (n)
			fprintf(text, "%zu", n);
		else
			fputs("none", text);
		fprintf(text, " at %s", say_duration(result->looks[i].at_s, at));
	}
	fprintf(text, last->spent < 1e-3 ? " (α spent %.6f)" : " (α spent %.3g)", last->spent);
	fclose(text);
	return out;
}

static json_t *decision_json(const struct result *result, const struct result_decision *decision)
{
	json_t *against = decision->how == DECIDED_PRECISE
				  ? json_null()
				  : json_string(result->cells[decision->against].key);
	json_t *object = json_pack("{s:s, s:s, s:o}", "cell", result->cells[decision->cell].key,
				   "how", result_decided_text(decision->how), "against", against);

	if (decision->state != STATE_NONE)
		json_object_set_new(object, "host_state",
				    json_string(result_state_text(decision->state)));
	return object;
}

json_t *looks_json(const struct result *result)
{
	json_t *looks = json_array();

	for (size_t i = 0; i < result->look_count; i++) {
		const struct result_look *look = &result->looks[i];
		json_t *decided = json_array();
		for (size_t d = 0; d < look->decision_count; d++)
			json_array_append_new(decided, decision_json(result, &look->decisions[d]));
		json_array_append_new(
			looks, json_pack("{s:i, s:I, s:f, s:f, s:f, s:f, s:o}", "number",
					 (int)look->number, "rounds", (json_int_t)look->rounds,
					 "at_s", look->at_s, "budget_s", look->budget_s, "alpha",
					 look->alpha, "spent", look->spent, "decided", decided));
	}
	return looks;
}
