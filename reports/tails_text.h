/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tails_text.h - what reports say of tails, and their export. */
#ifndef TAILS_TEXT_H
#define TAILS_TEXT_H

#include "arrange.h"

enum { TAILS_TEXT = 384 };

/* The tail of a sheet's cell; NULL: it has none. */
const struct tail *tails_at(const struct arrangement *arrangement, const struct sheet_cell *cell);
/* How many rows of a sheet's column have one. */
size_t tails_rows(const struct arrangement *arrangement, const struct sheet *sheet, size_t size);
/* The unit they are read best in. */
struct text_unit tails_unit(const struct arrangement *arrangement, const struct sheet *sheet,
			    size_t size);
/* "p99.9" */
char *tails_name(size_t quantile, char out[TEXT_NUMBER]);
/* Why a quantile is missing in some rows of a column; "" when it is in none. */
char *tails_missing(const struct arrangement *arrangement, const struct sheet *sheet, size_t size,
		    size_t quantile, char out[TAILS_TEXT]);
/* What an interval of a quantile is made of, and what was taken away. */
char *tails_method(const struct arrangement *arrangement, char out[TAILS_TEXT]);
/* Whose doing the far tail is, where the run saw it: "the CPUs of this virtual machine were away
 * for over 50 µs …"; "" where it saw nothing. */
char *tails_host(const struct arrangement *arrangement, char out[TAILS_TEXT]);
/* What turns of a schedule cut off of a stall, and what mends it; "" where they cut nothing off. */
char *tails_cut(const struct arrangement *arrangement, char out[TAILS_TEXT]);
/* What came of a schedule's messages: "100.0 %"; "" without one. */
char *tails_achieved(const struct level *level, char out[TEXT_NUMBER]);

/* Writes each tail as HdrHistogram's percentile text, in ns, to directory/tails-N-KEY.hgrm. How
 * many; -1 after say_error(). */
int tails_export(const struct arrangement *arrangement, const char *directory);

#endif
