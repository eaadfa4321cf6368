/* SPDX-License-Identifier: GPL-3.0-or-later */
/* objects.c - a file of JSON objects, line by line, in bounded memory. */
#include "objects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench/say.h"
#include "lines.h"

/* JSON takes up to 250 bytes a value. */
enum { GROUPS_MOST = 1000000 /* objects and arrays of one line */, VALUES_MOST = 8000000 };

/* Whether JSON of this text stays within bounds; what stands in strings counts too. */
static bool check_weight(const struct spot *spot, const char *line, size_t length)
{
	size_t groups = 0, values = 0;

	for (size_t i = 0; i < length; i++) {
		groups += line[i] == '[' || line[i] == '{';
		values += line[i] == ',';
	}
	if (groups <= GROUPS_MOST && values <= VALUES_MOST)
		return true;
	say_error("%s:%lu: a line of over %d %s; not a result of toll", spot->path, spot->line,
		  groups > GROUPS_MOST ? GROUPS_MOST : VALUES_MOST,
		  groups > GROUPS_MOST ? "objects and arrays" : "values");
	return false;
}

static bool read_lines(struct spot *spot, struct lines *lines,
		       bool (*take)(void *context, json_t *object), void *context, bool *truncated)
{
	bool begun = false, whole;
	char *line;
	size_t length;
	int status;

	while ((status = lines_next(lines, &line, &length, &whole)) > 0) {
		json_error_t error;
		spot->line++;
		if (!check_weight(spot, line, length))
			return false;
		json_t *object =
			whole ? json_loadb(line, length, JSON_REJECT_DUPLICATES, &error) : NULL;
		if (object) {
			bool fine = take(context, object);
			json_decref(object);
			if (!fine)
				return false;
			begun = true;
			continue;
		}
		if (whole && json_error_code(&error) == json_error_out_of_memory)
			return member_out_of_memory(spot);
		if (!whole || lines_at_end(lines)) {
			if (!begun) {
				say_error(
					"%s:%lu: not a result of toll, or its header was cut short",
					spot->path, spot->line);
				return false;
			}
			*truncated = true;
			return true;
		}
		say_error("%s:%lu: %s (column %d: %s)", spot->path, spot->line,
			  begun ? "not JSON" : "not a result of toll", error.column, error.text);
		return false;
	}
	if (status < 0) {
		if (errno == EFBIG)
			say_error("%s:%lu: a line over %d MiB; not a result of toll", spot->path,
				  spot->line + 1, LINES_MOST >> 20);
		else
			say_error("%s: %s", spot->path, strerror(errno));
		return false;
	}
	if (!begun)
		say_error("%s: empty; it holds no run", spot->path);
	return begun;
}

bool objects_read(struct spot *spot, const char *path, bool (*take)(void *context, json_t *object),
		  void *context, bool *truncated)
{
	bool from_input = strcmp(path, "-") == 0;
	struct lines lines = { .fd = from_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC) };

	*truncated = false;
	if (lines.fd < 0) {
		say_error("%s: %s", path, strerror(errno));
		return false;
	}
	bool fine = read_lines(spot, &lines, take, context, truncated);

	free(lines.data);
	if (!from_input)
		close(lines.fd);
	return fine;
}
