/* SPDX-License-Identifier: GPL-3.0-or-later */
/* page.h - a result as one HTML page, as Markdown, as CSV. */
#ifndef PAGE_H
#define PAGE_H

#include "figures.h"

struct page {
	const struct arrangement *arrangement;
	const struct level *levels;
	size_t level_count;
	const struct fits *fits;
	const struct figures *figures;
	const char *figures_at; /* folder the .svg files can be read from now */
	const char *files;      /* the folder's name as it stands beside the page, for links */
	const char *source;     /* the result file's name */
};

/* Each writes to a stream; 0, or -1 when memory or room runs out (errno). The HTML page holds its
 * figures, runs no script and asks nothing of any network. */
int page_html(FILE *stream, const struct page *page);
int page_markdown(FILE *stream, const struct page *page);
/* A line per level (cell and host state), all columns named with their units. */
int page_csv(FILE *stream, const struct page *page);

#endif
