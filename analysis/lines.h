/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lines.h - a file line by line, in bounded memory: getline() would take a line of any length. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>

enum { LINES_MOST = 64 << 20 }; /* bytes of one line */

struct lines { /* { .fd = … } to begin with; whoever opened fd closes it and frees data */
	int fd;
	char *data;
	size_t begin, end, room;
	bool ended;
};

/* The next line without its end, valid until the next call here. 1; 0 at the end of the file; -1
 * with errno (EFBIG: it is too long). *whole: it had its line end. */
int lines_next(struct lines *lines, char **line, size_t *length, bool *whole);
/* Whether nothing follows the line read last; that line is no longer valid then. */
bool lines_at_end(struct lines *lines);

#endif
