/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disturbed.h - what disturbed a run's workers, over all of them, in a sentence and as JSON. */
#ifndef DISTURBED_H
#define DISTURBED_H

#include "../analysis/read.h"

/* "gaps of 0.31 % in the clock (longest 83 µs), time stolen beside 3 of 340 workers, 2 turns ended
 * on another CPU"; "" where a file knows nothing of it. Numbers and words of ours only, so it may
 * go anywhere. */
enum { DISTURBED_TEXT = 320 };
char *disturbed_text(const struct result *result, char out[DISTURBED_TEXT]);
/* A new object; what is not known is null. */
json_t *disturbed_json(const struct result *result);

#endif
