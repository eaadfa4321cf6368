/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sides.h - the two sides of toll vs: "pipe/4K/across" taken apart, and what neither says. */
#ifndef SIDES_H
#define SIDES_H

#include "cell.h"
#include "registry.h"

/* A key of a configuration, and what it is to be. */
struct side_setting {
	const char *key, *value;
};

enum { SIDE_SETTINGS = 16 };

struct side {
	char text[CELL_KEY]; /* taken apart; the settings' values lie in it */
	struct side_setting setting[SIDE_SETTINGS];
	size_t count;
};

/* VARIANT[/WORD…]: a WORD is a size, a wait, a placement, a pattern, or NAME=VALUE as a cell's key
 * has it, in any order; so a whole key is a side too. What a word comes to is not checked further:
 * the plan does. 0, or -1 after say_error() named the word that is none. */
int side_read(struct side *side, const char *text, const struct registry *registry);

/* The value a side gives a key; NULL when it says nothing about it. */
const char *side_value(const struct side *side, const char *key);

/* What holds where neither a side nor an option says it: pingpong, 64 B, one CPU, block; but two
 * CPUs and spin where one of the sides does nothing but spin, and two CPUs where one of them may
 * not share a CPU. wait and placed: what the options say, NULL and false when nothing. */
struct side_defaults {
	const char *wait, *placement;
};
struct side_defaults sides_defaults(const struct side sides[2], const char *wait, bool placed,
				    const struct registry *registry);

#endif
