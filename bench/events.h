/* SPDX-License-Identifier: GPL-3.0-or-later */
/* events.h - which events can be counted here, and why not the others. */
#ifndef EVENTS_H
#define EVENTS_H

#include <jansson.h>
#include <stdio.h>

#include "../reports/table.h"

/* The default ones first. Appends an object each to array. The table is NULL when memory runs out.
 */
struct table *events_table(json_t *array);
/* What counts in this processor, and whether its events have names, in a line or as an object. */
void events_pmu(FILE *stream);
json_t *events_pmu_json(void);
/* What else may be asked for, in a line. */
const char *events_others(void);

#endif
