/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controlled.h - the controls of a result file: which there were, and each time one was measured.
 */
#ifndef CONTROLLED_H
#define CONTROLLED_H

#include <jansson.h>
#include <stddef.h>

#include "../bench/cell.h"
#include "../bench/control.h"
#include "member.h"

/* Of a file that are read; of the machine, which stand first. */
enum { CONTROLS_MOST = 200000, CONTROLS_OF_MACHINE = 1000, CONTROLLED_MOST = 1000000 };

struct result_controlled { /* by a fresh process */
	unsigned round;
	double ns;                      /* NaN: it did not come about */
	double switches, sleeps, calls; /* NaN: not counted */
};

struct result_control {
	struct control is;  /* reason: why it cannot be here */
	char key[CELL_KEY]; /* of self, else "" */
	struct cell cell;   /* the same */
	char failure[256];  /* the last one's reason */
	struct result_controlled *values;
	size_t count, room;
};

/* One of header.plan.controls. false after say_error(). */
bool controlled_read(const struct spot *spot, const json_t *object, struct result_control *control);
/* A line of one; its values grow. false after say_error(). */
bool controlled_add(const struct spot *spot, const json_t *object, struct result_control *control);
/* Values that came about, into out of control->count; their number. */
size_t controlled_ns(const struct result_control *control, double out[]);

#endif
