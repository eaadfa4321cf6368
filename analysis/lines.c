/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lines.c - a file line by line, in bounded memory. */
#include "lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads one more piece behind what is there. 0, or -1 with errno (EFBIG: the line is too long). */
static int lines_more(struct lines *lines)
{
	enum { PIECE = 1 << 16 };

	if (lines->begin) {
		memmove(lines->data, lines->data + lines->begin, lines->end - lines->begin);
		lines->end -= lines->begin;
		lines->begin = 0;
	}
	if (lines->end >= LINES_MOST) {
		errno = EFBIG;
		return -1;
	}
	if (lines->room - lines->end < PIECE) {
		size_t room = lines->room ? lines->room * 2 : (size_t)4 * PIECE;
		char *data = realloc(lines->data, room);
		if (!data)
			return -1;
		lines->data = data;
		lines->room = room;
	}
	ssize_t n;
	do
		n = read(lines->fd, lines->data + lines->end, lines->room - lines->end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	lines->ended = n == 0;
	lines->end += (size_t)n;
	return 0;
}

int lines_next(struct lines *lines, char **line, size_t *length, bool *whole)
{
	size_t searched = 0;

	if (!lines->data && lines_more(lines))
		return -1;
	for (;;) {
		char *start = lines->data + lines->begin;
		size_t there = lines->end - lines->begin;
		char *end =
			there > searched ? memchr(start + searched, '\n', there - searched) : NULL;
		if (end || lines->ended) {
			*whole = end;
			*line = start;
			*length = end ? (size_t)(end - start) : there;
			lines->begin += *length + (end ? 1 : 0);
			return end || there;
		}
		searched = there;
		if (lines_more(lines))
			return -1;
	}
}

bool lines_at_end(struct lines *lines)
{
	while (lines->begin == lines->end && !lines->ended)
		if (lines_more(lines))
			return false; /* the next lines_next() says why */
	return lines->begin == lines->end;
}
