/* SPDX-License-Identifier: MIT */
/* ring-plugged.c - the ring, unchanged, as a plug-in under another name. */
#include "toll.h"

static void plugged_register(const struct toll_unit *given)
{
	static struct toll_mechanism mechanism[2];
	static struct toll_unit unit[2];
	static unsigned count;

	mechanism[count] = *given->mechanism;
	mechanism[count].name = "ring-plugged";
	unit[count] = *given;
	unit[count].mechanism = &mechanism[count];
	toll_register(&unit[count++]);
}
#define toll_register plugged_register
#include "../../../mechanisms/ring.c"
