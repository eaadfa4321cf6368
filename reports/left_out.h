/* SPDX-License-Identifier: GPL-3.0-or-later */
/* left_out.h - what cannot run, for people: one entry for all mechanisms that one thing keeps out.
 */
#ifndef LEFT_OUT_H
#define LEFT_OUT_H

#include "arrange.h"

/* The arrangement's refusals; reasons that differ in the mechanism's name alone become one, most
 * cells first: "futex, mailbox: each has no descriptor to poll". Keys are the arrangement's. NULL
 * when memory runs out. */
struct reason *left_out(const struct arrangement *arrangement, size_t *count);
void left_out_free(struct reason *list, size_t count);

#endif
