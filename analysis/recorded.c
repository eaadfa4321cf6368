/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recorded.c - reads the pairs and looks of a live comparison, and takes the looks again. */
#include "recorded.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/say.h"
#include "member.h"
#include "objects.h"

enum { SCHEMA = 1, DUELS_MOST = 200000, PAIRS_MOST = 4000000, ROUNDS_MOST = 1000000000 };
static const double LEVEL = 0.05;
/* ln of a nanosecond to beyond a century, and of any ratio of two such. */
static const double log_least = -10, log_most = 45, ratio_most = 50;

const char *const recorded_kinds[DUEL_KINDS] = { "cell", "old twice", "new twice" };

double recorded_spendable(double spent)
{
	return (LEVEL - spent) / 2;
}

struct reader {
	struct spot spot;
	struct recorded *recorded;
	unsigned *next_round; /* of each duel, the earliest: it has one line a round */
	size_t pairs;
};

/* --- header ----------------------------------------------------------------------------------- */

static bool read_sides(struct reader *reader, const json_t *object)
{
	struct recorded *recorded = reader->recorded;
	json_t *sides;

	if (!member_array(&reader->spot, object, "sides", REQUIRED, &sides))
		return false;
	if (json_array_size(sides) != COMPARE_SIDES)
		return member_wrong(&reader->spot, "sides", "%zu of them, not 2",
				    json_array_size(sides));
	for (size_t i = 0; i < COMPARE_SIDES; i++) {
		const json_t *side = json_array_get(sides, i);

		snprintf(reader->spot.where, sizeof reader->spot.where, "sides[%zu].", i);
		if (!json_is_object(side))
			return member_wrong(&reader->spot, "", "not an object");
		if (!member_text(&reader->spot, side, "name", REQUIRED, recorded->name[i],
				 sizeof recorded->name[i]) ||
		    !member_boolean(&reader->spot, side, "set", REQUIRED, &recorded->set[i]))
			return false;
	}
	reader->spot.where[0] = '\0';
	return true;
}

/* *known: an array of *n, to be freed in both cases. */
static bool read_cells(struct reader *reader, const json_t *object, struct result_cell **known,
		       size_t *n)
{
	json_t *cells;

	if (!member_array(&reader->spot, object, "cells", REQUIRED, &cells))
		return false;
	*n = json_array_size(cells);
	if (*n > DUELS_MOST)
		return member_wrong(&reader->spot, "cells", "more than %d", DUELS_MOST);
	*known = calloc(*n + 1, sizeof **known);
	if (!*known)
		return member_out_of_memory(&reader->spot);
	for (size_t i = 0; i < *n; i++) {
		const json_t *cell = json_array_get(cells, i);

		snprintf(reader->spot.where, sizeof reader->spot.where, "cells[%zu].", i);
		if (!json_is_object(cell))
			return member_wrong(&reader->spot, "", "not an object");
		if (!read_cell(&reader->spot, cell, i, &(*known)[i]))
			return false;
	}
	reader->spot.where[0] = '\0';
	return true;
}

/* keys: of the cells that were compared up to here. */
static bool read_duel(struct reader *reader, const json_t *entry, const struct result_cell known[],
		      size_t n, json_t *keys, struct duel *duel)
{
	json_int_t cell = 0;
	unsigned kind = 0;

	if (!json_is_object(entry))
		return member_wrong(&reader->spot, "", "not an object");
	if (!member_integer(&reader->spot, entry, "cell", REQUIRED, 0, (json_int_t)n - 1, &cell) ||
	    !member_word(&reader->spot, entry, "kind", REQUIRED, recorded_kinds, DUEL_KINDS,
			 &kind) ||
	    !member_boolean(&reader->spot, entry, "alternating", REQUIRED, &duel->alternating))
		return false;
	duel->cell = known[cell];
	duel->kind = kind;
	if (kind != DUEL_CELL)
		return true;
	if (json_object_get(keys, duel->cell.key))
		return member_wrong(&reader->spot, "cell", "\"%s\" is compared twice",
				    duel->cell.key);
	return json_object_set_new(keys, duel->cell.key, json_true()) == 0 ||
	       member_out_of_memory(&reader->spot);
}

static bool read_duels(struct reader *reader, const json_t *object)
{
	struct duels *duels = &reader->recorded->duels;
	struct result_cell *known = NULL;
	json_t *list, *keys = json_object();
	size_t n = 0;
	bool fine = read_cells(reader, object, &known, &n) &&
		    member_array(&reader->spot, object, "duels", REQUIRED, &list);

	size_t count = fine ? json_array_size(list) : 0;

	if (count > DUELS_MOST)
		fine = member_wrong(&reader->spot, "duels", "more than %d", DUELS_MOST);
	duels->duels = calloc(count + 1, sizeof *duels->duels);
	reader->next_round = calloc(count + 1, sizeof *reader->next_round);
	if (fine && (!keys || !duels->duels || !reader->next_round)) {
		member_out_of_memory(&reader->spot);
		fine = false;
	}
	for (size_t i = 0; fine && i < count; i++) {
		snprintf(reader->spot.where, sizeof reader->spot.where, "duels[%zu].", i);
		fine = read_duel(reader, json_array_get(list, i), known, n, keys, &duels->duels[i]);
		duels->count += fine;
	}
	reader->spot.where[0] = '\0';
	if (fine && !json_object_size(keys))
		fine = member_wrong(&reader->spot, "duels", "none of them compares a cell");
	json_decref(keys);
	free(known);
	return fine;
}

static bool read_header(struct reader *reader, json_t *object)
{
	struct recorded *recorded = reader->recorded;
	json_int_t schema = 0, seed = 0;
	json_t *host;

	if (!member_integer(&reader->spot, object, "schema", REQUIRED, 1, INT32_MAX, &schema))
		return false;
	if (schema > SCHEMA)
		return member_wrong(&reader->spot, "schema",
				    "%lld is newer than this toll, which reads up to %d; use a "
				    "newer one",
				    (long long)schema, SCHEMA);
	if (!member_integer(&reader->spot, object, "seed", REQUIRED, 0, INT64_MAX, &seed) ||
	    !member_number(&reader->spot, object, "margin", REQUIRED, 1e-4, 0.5,
			   &recorded->duels.margin) ||
	    !member_object(&reader->spot, object, "host", &host) || !read_sides(reader, object) ||
	    !read_duels(reader, object))
		return false;
	recorded->seed = (uint64_t)seed;
	recorded->header = json_incref(object);
	return true;
}

/* --- the other lines -------------------------------------------------------------------------- */

/* Whose line it is, once a round; NULL after say_error(). */
static struct duel *duel_of(const struct reader *reader, const json_t *object)
{
	struct recorded *recorded = reader->recorded;
	json_int_t index = 0, round = 0;

	if (!member_integer(&reader->spot, object, "duel", REQUIRED, 0,
			    (json_int_t)recorded->duels.count - 1, &index) ||
	    !member_integer(&reader->spot, object, "round", REQUIRED, 0, ROUNDS_MOST, &round))
		return NULL;
	unsigned *next = &reader->next_round[index];

	if ((unsigned)round < *next) {
		member_wrong(&reader->spot, "round",
			     "%lld of this duel, or a later one, is there already; a line twice?",
			     (long long)round);
		return NULL;
	}
	*next = (unsigned)round + 1;
	if (*next > recorded->rounds)
		recorded->rounds = *next;
	return &recorded->duels.duels[index];
}

static bool read_pair(struct reader *reader, const json_t *object)
{
	static const char *const states[] = { "", "near", "far" };
	struct duel_pair pair = { .ratio = 0 };
	struct duel *duel = duel_of(reader, object);
	unsigned state = STATE_NONE;
	json_t *values;

	if (!duel ||
	    !member_word(&reader->spot, object, "host_state", OPTIONAL, states, STATE_COUNT,
			 &state) ||
	    !member_number(&reader->spot, object, "ln_ratio", REQUIRED, -ratio_most, ratio_most,
			   &pair.ratio) ||
	    !member_array(&reader->spot, object, "ln_ns", REQUIRED, &values))
		return false;
	if (json_array_size(values) != COMPARE_SIDES)
		return member_wrong(&reader->spot, "ln_ns", "%zu of them, not 2",
				    json_array_size(values));
	for (size_t side = 0; side < COMPARE_SIDES; side++)
		if (!member_check_number(&reader->spot, "ln_ns", json_array_get(values, side),
					 log_least, log_most, &pair.value[side]))
			return false;
	pair.state = state;
	if (++reader->pairs > PAIRS_MOST)
		return member_wrong(&reader->spot, "", "more than %d pairs", PAIRS_MOST);
	return duel_add(duel, &pair) || member_out_of_memory(&reader->spot);
}

static bool read_loss(struct reader *reader, const json_t *object)
{
	static const char *const whys[] = { "failed", "host state" };
	struct duel *duel = duel_of(reader, object);
	char reason[256] = "";
	unsigned why = 0;

	if (!duel || !member_word(&reader->spot, object, "why", REQUIRED, whys, 2, &why) ||
	    !member_text(&reader->spot, object, "reason", OPTIONAL, reason, sizeof reason))
		return false;
	if (why == 0) {
		duel_fail(duel, reason);
	} else {
		duel_drop(duel);
	}
	return true;
}

static bool read_look(struct reader *reader, const json_t *object)
{
	struct duels *duels = &reader->recorded->duels;
	double level = 0;
	json_int_t number = 0;

	if (!member_integer(&reader->spot, object, "number", REQUIRED, 1, RECORDED_LOOKS,
			    &number) ||
	    !member_number(&reader->spot, object, "level", REQUIRED, 0, LEVEL, &level))
		return false;
	if (number != (json_int_t)duels->looks + 1)
		return member_wrong(&reader->spot, "number", "%lld, after %u look%s; a line twice?",
				    (long long)number, duels->looks, duels->looks == 1 ? "" : "s");
	if (duels->spent + level > LEVEL * (1 + 1e-6))
		return member_wrong(&reader->spot, "level",
				    "the looks up to here spend more than the 5 %% there are");
	return duels_look(duels, level) || member_out_of_memory(&reader->spot);
}

static bool read_object(void *context, json_t *object)
{
	struct reader *reader = context;
	const char *kind = json_string_value(json_object_get(object, "kind"));

	reader->spot.where[0] = '\0';
	if (!kind)
		return member_wrong(&reader->spot, "kind", "missing or not a string");
	if (!reader->recorded->header)
		return strcmp(kind, "comparison") == 0
			       ? read_header(reader, object)
			       : member_wrong(&reader->spot, "kind", "\"%.40s\" is no comparison",
					      kind);
	if (strcmp(kind, "pair") == 0)
		return read_pair(reader, object);
	if (strcmp(kind, "loss") == 0)
		return read_loss(reader, object);
	if (strcmp(kind, "look") == 0)
		return read_look(reader, object);
	if (strcmp(kind, "comparison") == 0)
		return member_wrong(&reader->spot, "kind", "a second header; two files joined?");
	return true; /* "end", which says nothing of pairs, or of a later toll */
}

/* --- the file --------------------------------------------------------------------------------- */

bool recorded_is(const char *path)
{
	static const char begin[] = "{\"kind\":\"comparison\"";
	char there[sizeof begin - 1];
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : NULL;
	bool is = file && fread(there, 1, sizeof there, file) == sizeof there &&
		  memcmp(there, begin, sizeof there) == 0;

	if (file)
		fclose(file);
	return is;
}

struct recorded *recorded_read(const char *path)
{
	struct recorded *recorded = calloc(1, sizeof *recorded);
	struct reader reader = { .spot.path = path, .recorded = recorded };

	if (!recorded) {
		say_error("out of memory");
		return NULL;
	}
	snprintf(recorded->path, sizeof recorded->path, "%s", path);
	bool read = objects_read(&reader.spot, path, read_object, &reader, &recorded->truncated);

	free(reader.next_round);
	if (!read) {
		recorded_free(recorded);
		return NULL;
	}
	if (recorded->truncated)
		say_warning("%s:%lu: the last line was cut short and is left out", path,
			    reader.spot.line);
	/* a session that was killed has not looked at its last pairs */
	recorded->owes_look = duels_unseen(&recorded->duels);
	if (recorded->owes_look &&
	    !duels_look(&recorded->duels, recorded_spendable(recorded->duels.spent))) {
		say_error("out of memory");
		recorded_free(recorded);
		return NULL;
	}
	return recorded;
}

void recorded_free(struct recorded *recorded)
{
	if (!recorded)
		return;
	duels_clear(&recorded->duels);
	json_decref(recorded->header);
	free(recorded);
}
