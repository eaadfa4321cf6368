/* SPDX-License-Identifier: GPL-3.0-or-later */
/* grow.h - arrays that grow by one element at a time. */
#ifndef GROW_H
#define GROW_H

#include <stdlib.h>
#include <string.h>

/* Room for one more element behind count; NULL when memory runs out. */
static inline void *grow(void *array, size_t count, size_t element)
{
	if (count & (count - 1)) /* only a power of two is full */
		return array;
	return reallocarray(array, count ? 2 * count : 1, element);
}

/* Counts a zeroed element more: its address, or NULL when memory runs out. */
#define GROW_APPEND(array, count)                                                                  \
	({                                                                                         \
		void *grown = grow((array), (count), sizeof *(array));                             \
		if (grown) {                                                                       \
			(array) = grown;                                                           \
			memset(&(array)[count], 0, sizeof *(array));                               \
		}                                                                                  \
		grown ? &(array)[(count)++] : NULL;                                                \
	})

#endif
