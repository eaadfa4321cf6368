/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controlled.c - reads controls, checked like all of a result file. */
#include "controlled.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double number_most = 1e18;
enum { CPU_MOST = 1 << 20 };

static bool read_cpus(const struct spot *spot, const json_t *object, struct control *control)
{
	json_t *cpus;

	if (!member_array(spot, object, "cpus", REQUIRED, &cpus))
		return false;
	size_t n = json_array_size(cpus), wanted = 1;

	if (control->kind == CONTROL_LINE || control->kind == CONTROL_WAKE_AWAKE ||
	    control->kind == CONTROL_WAKE_IDLE)
		wanted = 2;
	if (n != wanted)
		return member_wrong(spot, "cpus", "%zu of them, %s has %zu", n,
				    control_name(control->kind), wanted);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(cpus, i);
		double cpu = 0;

		if (!member_check_number(spot, "cpus", value, 0, CPU_MOST, &cpu))
			return false;
		if (!json_is_integer(value))
			return member_wrong(spot, "cpus", "not a whole number");
		control->cpus[i] = (int)cpu;
	}
	control->cpu_count = (unsigned)n;
	return true;
}

bool controlled_read(const struct spot *spot, const json_t *object, struct result_control *control)
{
	const char *names[CONTROL_KINDS], *why;
	struct control *is = &control->is;
	json_int_t bytes = 0;
	unsigned kind = 0;

	for (unsigned k = 0; k < CONTROL_KINDS; k++)
		names[k] = control_name(k);
	if (!member_word(spot, object, "name", REQUIRED, names, CONTROL_KINDS, &kind))
		return false;
	is->kind = kind;
	if (!member_text(spot, object, "level", OPTIONAL, is->name, sizeof is->name) ||
	    !read_cpus(spot, object, is) ||
	    !member_integer(spot, object, "bytes", OPTIONAL, 1, (json_int_t)1 << 50, &bytes) ||
	    !member_text(spot, object, "cell", OPTIONAL, control->key, sizeof control->key) ||
	    !member_text(spot, object, "reason", OPTIONAL, is->reason, sizeof is->reason))
		return false;
	is->bytes = (uint64_t)bytes;
	if ((is->kind == CONTROL_COPY || is->kind == CONTROL_LINE) != (bytes > 0))
		return member_wrong(spot, "bytes", bytes ? "%s has none" : "missing for %s",
				    control_name(kind));
	if ((is->kind == CONTROL_SELF) != (*control->key != '\0'))
		return member_wrong(spot, "cell", *control->key ? "%s has none" : "missing for %s",
				    control_name(kind));
	if (*control->key && cell_parse(&control->cell, control->key, &why))
		return member_wrong(spot, "cell", "%s", why);
	if (*control->key && strcmp(control->cell.pattern, "self") != 0)
		return member_wrong(spot, "cell", "not of the pattern self");
	return true;
}

bool controlled_add(const struct spot *spot, const json_t *object, struct result_control *control)
{
	struct result_controlled value = { .ns = NAN };

	value.switches = value.sleeps = value.calls = NAN;
	if (!member_unsigned(spot, object, "round", REQUIRED, &value.round) ||
	    !member_number(spot, object, "ns", OPTIONAL, 0, number_most, &value.ns) ||
	    !member_number(spot, object, "switches", OPTIONAL, 0, number_most, &value.switches) ||
	    !member_number(spot, object, "sleeps", OPTIONAL, 0, number_most, &value.sleeps) ||
	    !member_number(spot, object, "calls", OPTIONAL, 0, number_most, &value.calls) ||
	    !member_text(spot, object, "reason", OPTIONAL, control->failure,
			 sizeof control->failure))
		return false;
	if (control->count == control->room) {
		size_t room = control->room ? 2 * control->room : 16;
		struct result_controlled *values =
			reallocarray(control->values, room, sizeof *values);

		if (!values)
			return member_out_of_memory(spot);
		control->values = values;
		control->room = room;
	}
	control->values[control->count++] = value;
	return true;
}

size_t controlled_ns(const struct result_control *control, double out[])
{
	size_t n = 0;

	for (size_t i = 0; i < control->count; i++)
		if (control->values[i].ns > 0)
			out[n++] = control->values[i].ns;
	return n;
}
