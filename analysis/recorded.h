/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recorded.h - the pairs that toll compare --live kept, read back: the same looks at the same pairs
 * come to the same comparison. Data from elsewhere, checked like a result file. */
#ifndef RECORDED_H
#define RECORDED_H

#include "duels.h"

enum { RECORDED_LOOKS = 100, RECORDED_NAME = 1024 }; /* that a record may hold */

struct recorded {
	char path[4096];
	json_t *header;
	char name[COMPARE_SIDES][RECORDED_NAME]; /* what was compared */
	bool set[COMPARE_SIDES];                 /* a command, not a program */
	uint64_t seed;
	struct duels duels;
	bool owes_look; /* the last one, at pairs that the file has no look at, is not in the file
			 */
	bool truncated; /* the last line was cut; it was left out */
	unsigned rounds;
};

/* Whether a file's first line says that it is one; false also when it cannot be read. */
bool recorded_is(const char *path);
/* NULL after say_error(). */
struct recorded *recorded_read(const char *path);
void recorded_free(struct recorded *recorded);

/* What may still be spent of the 5 % error rate, and what a session may: half of it, so that there
 * is always something to go on with. */
double recorded_spendable(double spent);

extern const char *const recorded_kinds[DUEL_KINDS];

#endif
