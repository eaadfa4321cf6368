/* SPDX-License-Identifier: GPL-3.0-or-later */
/* draw.h - data files that gnuplot can read, and gnuplot run on them: SVG and PNG. */
#ifndef DRAW_H
#define DRAW_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct sheet;

struct figure {
	char name[32];      /* "latency-1": of NAME.tsv, NAME.svg, NAME.png */
	const char *script; /* "latency.gp" */
	char title[512], caption[640];
	const struct sheet *sheet; /* what it shows; NULL for the whole result */
	bool svg, png;             /* drawn */
};

struct figures {
	struct figure *figure;
	size_t count;
	char missing[512]; /* why some or all are not drawn; "" */
};

enum { DRAW_ROWS = 64, DRAW_INKS = 8 }; /* colours and symbols of style.gp */

/* What a figure says of itself; the texts are raw. */
struct frame {
	double x_low, x_high, y_low, y_high;
	size_t rows;
	size_t margin; /* characters, for labels */
	const char *axis;
	unsigned hue[DRAW_ROWS], shape[DRAW_ROWS]; /* of each row, 1 … DRAW_INKS; 0: none */
	const char *source;                        /* the result file's path */
	const char *under;                         /* below the title */
	const char *where;                         /* below that: the host */
	const char *columns;                       /* of the blocks that follow */
};

/* A file directory/NAMEsuffix to write to, and its end; NULL or -1 after say_error(). */
FILE *draw_open(const char *directory, const char *name, const char *suffix);
int draw_close(FILE *stream, const char *directory, const char *name);

/* The head of a data file, and block 0, which style.gp reads. */
void draw_frame(FILE *data, const struct figure *figure, const struct frame *frame);
/* A data column: what is not finite, or empty, is "-", which gnuplot takes as missing. */
void draw_number(FILE *data, double value, const char *after);
void draw_label(FILE *data, const char *text, const char *after);

/* Copies the scripts to where the data files are and, where asked, has gnuplot draw all figures
 * there. A missing gnuplot is no error: ->missing says so, and that instead is to be had. -1 after
 * say_error() when a file cannot be written. */
int draw_all(const char *directory, const char *const scripts[], size_t n, struct figures *figures,
	     bool svg, bool png, const char *instead);

/* All of a file, ended by a zero byte, to be freed; NULL when it cannot be read. */
char *draw_read(const char *directory, const char *name, const char *suffix, size_t *length);

/* A folder to draw in, from a template as mkdtemp(3) wants it. Until draw_remove() signals that end
 * toll wait, so that the folder does not stay; they end gnuplot at once. *before: for
 * draw_remove(). -1 with errno. */
int draw_folder(char *path, sigset_t *before);
/* Whether such a signal waits: what has been drawn may not be whole. */
bool draw_told_to_end(void);
/* Removes it, with the files in it; then the signals that have come come. */
void draw_remove(const char *directory, const sigset_t *before);

#endif
