/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tracepoint.h - the number of a tracepoint, by its name. */
#ifndef TRACEPOINT_H
#define TRACEPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "sched:sched_waking" → its number; false with why. Where tracefs is not mounted and this process
 * may mount it, it is, for a moment and for a child alone. */
bool tracepoint_find(const char *name, uint64_t *number, char *why, size_t bytes);

#endif
