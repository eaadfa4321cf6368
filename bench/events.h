/* SPDX-License-Identifier: GPL-3.0-or-later */
/* events.h - which events can be counted here, and why not the others. */
#ifndef EVENTS_H
#define EVENTS_H

#include <jansson.h>

#include "../reports/table.h"

/* The default ones first. Appends an object each to array. The table is NULL when memory runs out.
 */
struct table *events_table(json_t *array);
/* What else may be asked for, in a line. */
const char *events_others(void);

#endif
