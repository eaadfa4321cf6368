/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html.h - what toll's pages share: their look, their head, drawings inside them. */
#ifndef HTML_H
#define HTML_H

#include <stdio.h>

#include "draw.h"

/* Everything up to <header>. The page may hold no script and ask for
 * nothing: its policy says so to the browser. style: rules of this kind of page. The texts are raw.
 */
void html_begin(FILE *stream, const char *version, const char *title, const char *style);

/* A figure's SVG inside the page, or that it could not be read (NULL, or holding what no drawing
 * has a use for). */
void html_drawing(FILE *stream, const char *svg, const struct figure *figure);

#endif
