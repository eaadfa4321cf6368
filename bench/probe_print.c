/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probe_print.c - what was probed, as tables: a row a mechanism. */
#include <stdlib.h>
#include <string.h>

#include "../reports/table.h"
#include "probe.h"
#include "say.h"

enum { CELL = 96 };

static bool is_probed(const json_t *of)
{
	return strcmp(registry_text(of, "state"), "probed") == 0;
}

static const char *note_of(const json_t *of, const char *key)
{
	return registry_text(json_object_get(of, "notes"), key);
}

/* Bytes exactly, in the largest unit that has no fraction. */
static const char *bytes_text(const json_t *of, const char *key, char text[CELL])
{
	static const char *const units[] = { "B", "KiB", "MiB" };
	const json_t *value = json_object_get(of, key);
	long long bytes = json_integer_value(value);
	unsigned unit = 0;

	for (; bytes >= 1024 && bytes % 1024 == 0 && unit < 2; unit++)
		bytes /= 1024;
	if (json_is_integer(value))
		snprintf(text, CELL, "%lld %s", bytes, units[unit]);
	else
		snprintf(text, CELL, "-");
	return text;
}

static const char *flag_text(const json_t *of, const char *key)
{
	const json_t *value = json_object_get(of, key);

	return json_is_boolean(value) ? json_is_true(value) ? "yes" : "no" : "-";
}

static const char *text_of(const json_t *of, const char *key)
{
	const char *text = registry_text(of, key);

	return *text ? text : "-";
}

/* --- columns -------------------------------------------------------------------------------- */

static const char *atomic_text(const json_t *of, char text[CELL])
{
	if (strcmp(registry_text(of, "unit"), "messages") == 0)
		return "each";
	return bytes_text(of, "atomic_bytes", text);
}

static const char *holds_text(const json_t *of, char text[CELL])
{
	const json_t *value = json_object_get(of, "capacity_messages");
	bool slots = strstr(note_of(of, "capacity_messages"), "slots") != NULL;
	long long count = json_integer_value(value);

	if (!json_is_integer(value))
		return "-";
	snprintf(text, CELL, "%lld%s", count, !slots ? "" : count == 1 ? " slot" : " slots");
	return text;
}

static const char *largest_text(const json_t *of, char text[CELL])
{
	if (json_is_false(json_object_get(of, "largest_is_limit")))
		return "any";
	return bytes_text(of, "largest_bytes", text);
}

static const char *writer_text(const json_t *of, char text[CELL])
{
	snprintf(text, CELL, "%s%s", text_of(of, "writer_dies"),
		 json_is_false(json_object_get(of, "message_outlives_writer")) ? ", message lost"
									       : "");
	return text;
}

static const char *survives_text(const json_t *of, char text[CELL])
{
	const char *note = note_of(of, "survives"), *survives = text_of(of, "survives");

	if (strcmp(survives, "yes") == 0 || strcmp(survives, "until unlinked") == 0)
		snprintf(text, CELL, "%s: %.*s", survives, (int)strcspn(note, ";"), note);
	else
		snprintf(text, CELL, "%s", survives);
	return text;
}

/* --- tables --------------------------------------------------------------------------------- */

static void head(struct table *table, const char *const titles[])
{
	table_row(table);
	for (size_t c = 0; titles[c]; c++)
		table_cell(table, SAY_HEAD, "%s", titles[c]);
}

static int print_table(struct table *table)
{
	int failed = !table || table_print(stdout, table, 2);

	table_free(table);
	if (failed && !ferror(stdout)) {
		say_error("out of memory");
		return -1;
	}
	return 0; /* of a closed output main() says it */
}

static int print_nature(json_t *found)
{
	static const char *const titles[] = { "",      "ways",  "unit",    "short reads", "atomic",
					      "holds", "bytes", "largest", "when full",   NULL };
	struct table *table = table_new(9);
	json_t *of;
	size_t i;

	for (size_t c = 4; table && c < 8; c++)
		table_column(table, c, TABLE_RIGHT, 2);
	head(table, titles);
	json_array_foreach (found, i, of) {
		char text[CELL];

		if (!is_probed(of))
			continue;
		table_row(table);
		table_cell(table, SAY_BOLD, "%s", registry_text(of, "mechanism"));
		table_cell(table, SAY_PLAIN, "%s", text_of(of, "ways"));
		table_cell(table, SAY_PLAIN, "%s", text_of(of, "unit"));
		table_cell(table, SAY_PLAIN, "%s", flag_text(of, "short_reads"));
		table_cell(table, SAY_PLAIN, "%s", atomic_text(of, text));
		table_cell(table, SAY_PLAIN, "%s", holds_text(of, text));
		table_cell(table, SAY_PLAIN, "%s", bytes_text(of, "capacity_bytes", text));
		table_cell(table, SAY_PLAIN, "%s", largest_text(of, text));
		table_cell(table, SAY_PLAIN, "%s", text_of(of, "when_full"));
	}
	return print_table(table);
}

static int print_deaths(json_t *found)
{
	static const char *const titles[] = { "",           "reader dies", "writer dies",
					      "passes fds", "priority",    "survives its owners",
					      NULL };
	struct table *table = table_new(6);
	json_t *of;
	size_t i;

	head(table, titles);
	json_array_foreach (found, i, of) {
		char text[CELL];

		if (!is_probed(of))
			continue;
		table_row(table);
		table_cell(table, SAY_BOLD, "%s", registry_text(of, "mechanism"));
		table_cell(table, SAY_PLAIN, "%s", text_of(of, "reader_dies"));
		table_cell(table, SAY_PLAIN, "%s", writer_text(of, text));
		table_cell(table, SAY_PLAIN, "%s", flag_text(of, "passes_descriptors"));
		table_cell(table, SAY_PLAIN, "%s", flag_text(of, "priority"));
		table_cell(table, SAY_PLAIN, "%s", survives_text(of, text));
	}
	return print_table(table);
}

static int print_costs(json_t *found)
{
	static const char *const titles[] = { "set-up, µs",    "create",    "attach",
					      "first message", "tear-down", NULL };
	static const char *const keys[] = { "create_us", "attach_us", "first_message_us",
					    "tear_down_us" };
	struct table *table = table_new(5);
	json_t *of;
	size_t i;

	for (size_t c = 1; table && c < 5; c++)
		table_column(table, c, TABLE_RIGHT, 2);
	head(table, titles);
	json_array_foreach (found, i, of) {
		if (!is_probed(of))
			continue;
		table_row(table);
		table_cell(table, SAY_BOLD, "%s", registry_text(of, "mechanism"));
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
			double us = json_real_value(json_object_get(of, keys[k]));
			table_cell(table, SAY_PLAIN, "%.*f", us < 99.95 ? 1 : 0, us);
		}
	}
	return print_table(table);
}

/* What stands as "-", by reason, with the mechanisms that it is said of. */
static void print_unseen(json_t *found)
{
	json_t *said = json_object(), *names;
	json_t *of, *value;
	const char *key, *reason;
	size_t i;

	json_array_foreach (found, i, of) {
		json_object_foreach (of, key, value) {
			char text[512];

			/* said by others: slots, largest_bytes */
			if (!json_is_null(value) || strcmp(key, "capacity_bytes") == 0 ||
			    strcmp(key, "largest_is_limit") == 0)
				continue;
			snprintf(text, sizeof text, "%s: %s", key, note_of(of, key));
			if (!json_object_get(said, text))
				json_object_set_new(said, text, json_array());
			json_array_append(json_object_get(said, text),
					  json_object_get(of, "mechanism"));
		}
	}
	json_object_foreach (said, reason, names) {
		printf("  %s-  %s\n     ", say_style(stdout, SAY_DIM), reason);
		json_array_foreach (names, i, value) {
			printf("%s%s", i ? ", " : "", json_string_value(value));
		}
		printf("%s\n", say_style(stdout, SAY_PLAIN));
	}
	json_decref(said);
}

static void print_failed(json_t *found)
{
	json_t *of;
	size_t i;

	json_array_foreach (found, i, of) {
		bool absent = strcmp(registry_text(of, "state"), "absent") == 0;

		if (!is_probed(of))
			printf("  %s%s%s  %s%s%s: %s\n", say_style(stdout, SAY_BOLD),
			       registry_text(of, "mechanism"), say_style(stdout, SAY_PLAIN),
			       say_style(stdout, absent ? SAY_DIM : SAY_BAD),
			       absent ? "not here" : "BROKEN", say_style(stdout, SAY_PLAIN),
			       registry_text(of, "reason"));
	}
}

int probe_print(json_t *found)
{
	json_t *of;
	size_t i, probed = 0;

	json_array_foreach (found, i, of)
		probed += is_probed(of);
	if (probed) {
		if (print_nature(found))
			return -1;
		putchar('\n');
		if (print_deaths(found))
			return -1;
		putchar('\n');
		if (print_costs(found))
			return -1;
		putchar('\n');
	}
	print_unseen(found);
	print_failed(found);
	return 0;
}
