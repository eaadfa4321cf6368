/* SPDX-License-Identifier: GPL-3.0-or-later */
/* objects.h - a file of JSON objects, one a line, read in bounded memory. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "member.h"

/* Gives every whole line of path ("-": standard input) to take(), spot->line telling which it is;
 * take() answers false after say_error(), and that ends it. A last line that was cut is left out
 * and sets *truncated. false after one say_error(): the file, a line of over 64 MiB, 1 000 000
 * objects and arrays or 8 000 000 values, what is no JSON, or nothing at all. */
bool objects_read(struct spot *spot, const char *path, bool (*take)(void *context, json_t *object),
		  void *context, bool *truncated);

#endif
