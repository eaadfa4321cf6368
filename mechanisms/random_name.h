/* SPDX-License-Identifier: MIT */
/* random_name.h - a random number for the name or key of a kernel object that outlives its
 * processes, so that no two runs mean the same one. */
#ifndef RANDOM_NAME_H
#define RANDOM_NAME_H

#include "toll.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

/* Not 0, which would be IPC_PRIVATE; 0 with errno when there is none to be had. */
static inline uint32_t random_number(void)
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return 0;
	return number | 1;
}

/* A System V key, written down as KIND ("sysv-msg"); 0 with errno. */
static inline int random_key(const char *kind)
{
	char id[16];
	uint32_t number = random_number();

	snprintf(id, sizeof(id), "%x", number);
	return number == 0 || toll_journal(kind, id) < 0 ? 0 : (int)number;
}

#endif
