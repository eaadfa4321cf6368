/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record.c - writes the pairs and looks of a live comparison, line by line. */
#include "record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bout.h"
#include "commands.h"
#include "host.h"
#include "say.h"

double record_rounded(double x)
{
	char text[32];

	snprintf(text, sizeof text, "%.*g", RESULT_DIGITS, x);
	return strtod(text, NULL);
}

static bool append_line(struct record *record, json_t *line)
{
	return result_append(&record->file, &line, 1);
}

/* ---- the first line ---- */

static json_t *side_json(const struct live_side *side)
{
	json_t *plugins = json_array();
	struct stat program = { .st_size = 0 };

	for (size_t i = 0; i < side->registry->plugin_count; i++)
		json_array_append_new(plugins, json_string(side->registry->plugins[i]));
	/* a build at the same place is told apart by its size and when it was written */
	stat(side->registry->worker, &program);
	return json_pack("{s:s,s:b,s:s,s:I,s:I,s:O,s:O,s:o}", "name", side->name, "set",
			 side->set != NULL, "worker", side->registry->worker, "bytes",
			 (json_int_t)program.st_size, "changed_ns",
			 (json_int_t)program.st_mtim.tv_sec * 1000000000 + program.st_mtim.tv_nsec,
			 "abi", json_object_get(side->registry->description, "abi"), "compiler",
			 json_object_get(side->registry->description, "compiler"), "plugins",
			 plugins);
}

/* Each cell once, and which of them a duel is about. Fills both arrays. */
static void duels_json(const struct bouts *bouts, json_t *list, json_t *known)
{
	const struct duels *duels = bouts->duels;
	json_t *index = json_object();

	for (size_t i = 0; i < duels->count; i++) {
		const struct duel *duel = &duels->duels[i];
		json_t *at = json_object_get(index, duel->cell.key);

		if (!at) {
			json_t *cell = plan_cell_json(bouts->bouts[i].cell[COMPARE_OLD]);

			at = json_integer((json_int_t)json_array_size(known));
			json_object_set(cell, "id", at);
			json_array_append_new(known, cell);
			json_object_set_new(index, duel->cell.key, at);
		}
		json_array_append_new(list, json_pack("{s:O,s:s,s:b}", "cell", at, "kind",
						      recorded_kinds[duel->kind], "alternating",
						      duel->alternating));
	}
	json_decref(index);
}

static json_t *header(const struct live_options *options, const struct bouts *bouts)
{
	json_t *list = json_array(), *known = json_array(), *host = host_read(options->place);
	time_t now = time(NULL);
	char created[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &tm);
	duels_json(bouts, list, known);
	return json_pack(
		"{s:s,s:i,s:s,s:s,s:I,s:o,s:f,s:o,s:[o,o],s:o,s:o}", "kind", "comparison", "schema",
		1, "toll", TOLL_VERSION, "created", created, "seed", (json_int_t)options->seed,
		"host", host, "margin", options->margin, "operations",
		options->operations ? json_integer((json_int_t)options->operations) : json_null(),
		"sides", side_json(&options->side[COMPARE_OLD]),
		side_json(&options->side[COMPARE_NEW]), "cells", known, "duels", list);
}

/* A record says what it compares, in UTF-8 and so many bytes. */
static bool check_names(const struct live_options *options)
{
	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		const char *name = options->side[side].name;
		json_t *text = json_string(name);
		bool fine = text && strlen(name) < RECORDED_NAME;

		json_decref(text);
		if (fine)
			continue;
		say_error("--record: %.60s…: a record takes names and commands in UTF-8, up to %d "
			  "bytes; put a longer command into a script",
			  name, RECORDED_NAME - 1);
		return false;
	}
	return true;
}

int record_begin(struct record *record, const struct live_options *options,
		 const struct bouts *bouts)
{
	if (!check_names(options) || !result_create(&record->file, options->record, RESULT_RECORD))
		return EXIT_USAGE;
	if (append_line(record, header(options, bouts)) && record_sync(record))
		return 0;
	/* nothing measured yet: no husk is left */
	unlink(options->record);
	return EXIT_USAGE;
}

/* ---- going on ---- */

static int other_cells(const struct live_options *options)
{
	say_error("%s holds other cells than are asked for; give --more the same options as before",
		  options->record);
	return EXIT_USAGE;
}

int record_take_up(struct record *record, const struct live_options *options, struct duels *duels,
		   struct recorded *recorded)
{
	char difference[512];

	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		if (strcmp(recorded->name[side], options->side[side].name) != 0 ||
		    recorded->set[side] != !!options->side[side].set) {
			say_error("%s compares %s, and here stands %s; give --more what it had "
				  "before",
				  options->record, recorded->name[side], options->side[side].name);
			return EXIT_USAGE;
		}
	if (fabs(recorded->duels.margin - options->margin) > 1e-9) {
		say_error("%s was measured for a margin of %.6g %%; --more keeps it",
			  options->record, recorded->duels.margin * 100);
		return EXIT_USAGE;
	}
	if (recorded->duels.looks + VERDICT_LOOKS > RECORDED_LOOKS) {
		say_error(
			"%s holds %u looks, and little of the error rate is left; begin a new one",
			options->record, recorded->duels.looks);
		return EXIT_USAGE;
	}
	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		json_t *here = side_json(&options->side[side]);
		bool same = json_equal(
			here, json_array_get(json_object_get(recorded->header, "sides"), side));

		json_decref(here);
		if (same && (unsigned long)json_integer_value(json_object_get(
				    recorded->header, "operations")) == options->operations)
			continue;
		say_error("%s was measured with another program, plug-in or --operations as %s; "
			  "begin "
			  "a new one",
			  options->record, options->side[side].name);
		return EXIT_ENVIRONMENT;
	}
	json_t *host = host_read(options->place);
	bool differs = host_differs(host, json_object_get(recorded->header, "host"), false,
				    difference, sizeof difference);

	json_decref(host);
	if (differs) {
		say_error("%s was measured under other conditions (%s); begin a new one",
			  options->record, difference);
		return EXIT_ENVIRONMENT;
	}
	if (recorded->duels.count != duels->count)
		return other_cells(options);
	for (size_t i = 0; i < duels->count; i++)
		if (strcmp(recorded->duels.duels[i].cell.key, duels->duels[i].cell.key) != 0 ||
		    recorded->duels.duels[i].kind != duels->duels[i].kind ||
		    recorded->duels.duels[i].alternating != duels->duels[i].alternating)
			return other_cells(options);
	if (!result_continue(&record->file, options->record, RESULT_RECORD) ||
	    !result_mend(&record->file))
		return EXIT_USAGE;
	if (recorded->owes_look && !record_look(record, &recorded->duels))
		return EXIT_USAGE;
	duels_clear(duels);
	*duels = recorded->duels;
	recorded->duels = (struct duels){ .count = 0 };
	return 0;
}

/* ---- the other lines ---- */

static json_t *batches(const struct outcome *outcome)
{
	json_t *all = json_array();

	for (size_t i = 0; i < outcome->turns; i++)
		json_array_append_new(all, result_number(outcome->batch_ns[i]));
	return all;
}

bool record_pair(struct record *record, size_t duel, unsigned round, const struct duel_pair *pair,
		 const struct outcome *old, const struct outcome *fresh)
{
	return append_line(
		record, json_pack("{s:s,s:I,s:i,s:s?,s:f,s:[f,f],s:[o,o],s:o,s:o}", "kind", "pair",
				  "duel", (json_int_t)duel, "round", (int)round, "host_state",
				  pair->state == STATE_NONE ? NULL : result_state_text(pair->state),
				  "ln_ratio", pair->ratio, "ln_ns", pair->value[0], pair->value[1],
				  "canary_ns", result_number(old->canary_ns),
				  result_number(fresh->canary_ns), "old_ns", batches(old), "new_ns",
				  batches(fresh)));
}

bool record_loss(struct record *record, size_t duel, unsigned round, const char *reason)
{
	json_t *text = reason ? json_string(reason) : json_null();

	/* a plug-in's words need not be UTF-8 */
	return append_line(record, json_pack("{s:s,s:I,s:i,s:s,s:o}", "kind", "loss", "duel",
					     (json_int_t)duel, "round", (int)round, "why",
					     reason ? "failed" : "host state", "reason",
					     text ? text : json_string("(not UTF-8)")));
}

bool record_look(struct record *record, const struct duels *duels)
{
	return append_line(record, json_pack("{s:s,s:i,s:f,s:f,s:I}", "kind", "look", "number",
					     (int)duels->looks, "level", duels->level, "spent",
					     duels->spent, "open", (json_int_t)duels_open(duels)));
}

bool record_end(struct record *record, const struct live *live)
{
	static const char *const ends[] = { "decided", "pairs", "budget", "interrupted" };

	return append_line(record, json_pack("{s:s,s:s,s:f}", "kind", "end", "ended",
					     ends[live->ended], "seconds", live->seconds)) &&
	       record_sync(record);
}

bool record_sync(struct record *record)
{
	return result_sync(&record->file);
}

void record_close(struct record *record)
{
	result_close(&record->file);
}
