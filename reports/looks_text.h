/* SPDX-License-Identifier: GPL-3.0-or-later */
/* looks_text.h - what the planned looks of a run have decided, in a sentence and as JSON. */
#ifndef LOOKS_TEXT_H
#define LOOKS_TEXT_H

#include "../analysis/read.h"

/* "All 12 cells decided after 2 looks, 0:31 of 0:55: 8 at 0:14, 4 at 0:31 (α spent 0.0031)"; ""
 * when nobody looked. Numbers and words of ours only, so it may go anywhere. */
enum { LOOKS_TEXT = 512 };
char *looks_text(const struct result *result, char out[LOOKS_TEXT]);
/* A new array, an object a look; cells by their keys. */
json_t *looks_json(const struct result *result);

#endif
