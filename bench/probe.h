/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probe.h - what mechanisms are, found out by playing their verbs: toll list mechanisms --probe. */
#ifndef PROBE_H
#define PROBE_H

#include "registry.h"

/* An object a variant in *found, an array: "mechanism", "state" ("probed", "absent", "broken"),
 * with the last two a "reason"; else the properties by name (null where one cannot be seen) and
 * "notes", which say of some how it was seen, or why it was not. An exit status: EXIT_FINE, else
 * after say_error() or because of a signal. */
int probe_variants(const struct registry *registry, const char *const variants[], size_t n,
		   json_t **found);

/* Prints it as tables. 0 or -1 after say_error(). */
int probe_print(json_t *found);

#endif
