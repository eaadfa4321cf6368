/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conditions.h - what holds for a whole run, because the machine has one of it: how long its CPUs
 * may take to wake up; and what a plan's realtime peers meet. */
#ifndef CONDITIONS_H
#define CONDITIONS_H

#include <jansson.h>

#include "plan.h"

/* Holds --dma-latency until this process ends, and warns where the kernel holds realtime peers
 * back, of this plan or of the other (NULL: there is none). 0, or -1 after say_error(). */
int conditions_hold(const struct plan *plan, const struct plan *other);
/* Puts what is held into header.host: runs under different ones do not compare. */
void conditions_tell(const struct plan *plan, json_t *host);

#endif
