/* SPDX-License-Identifier: GPL-3.0-or-later */
/* places.h - the place of a name in a list, by jansson's hash table: a result may hold a hundred
 * thousand cells, and a walk over all names for each of them would take hours. */
#ifndef PLACES_H
#define PLACES_H

#include <jansson.h>
#include <stdint.h>

/* Where the name stands; when it is new it now stands at fresh. SIZE_MAX: out of memory. */
static inline size_t place_of(json_t *places, const char *name, size_t fresh)
{
	const json_t *known = json_object_get(places, name);

	if (known)
		return (size_t)json_integer_value(known);
	return json_object_set_new_nocheck(places, name, json_integer((json_int_t)fresh)) ? SIZE_MAX
											  : fresh;
}

#endif
