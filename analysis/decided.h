/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decided.h - which cells of a run are decided, so that no more need be measured of them. */
#ifndef DECIDED_H
#define DECIDED_H

#include "level.h"

/* A level is stated over so many workers at least. */
enum { DECIDED_FEWEST_WORKERS = 20 };

/* The decisions of a look at level alpha about the cells that no earlier look has decided, in the
 * order of cells. A cell is decided when each of its levels
 *   - is made of DECIDED_FEWEST_WORKERS at least,
 *   - has a 95 % interval whose half-width is at most a third of the margin, and
 *   - where it is compared with another cell (level.h), is told from it or the same within the
 *     margin, by its pairs, with Benjamini and Hochberg's rate alpha over all cells of the run.
 * Caller frees *decisions. false when memory runs out. */
bool decided_at(const struct result *result, double alpha, struct result_decision **decisions,
		size_t *n);

#endif
