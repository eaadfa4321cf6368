/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decided.c - which cells of a run are decided: their levels and their pairs, asked at a look. */
#include "decided.h"

#include <math.h>
#include <stdlib.h>

static bool is_compared(const struct level *level)
{
	return level->against != level->cell;
}

/* How wide an interval is says nothing about where it lies, so this costs none of the alpha. */
static bool precise(const struct level *level, double margin)
{
	return level->workers >= DECIDED_FEWEST_WORKERS &&
	       log(level->ns.high / level->ns.low) / 2 <= log1p(margin) / 3;
}

static bool told(enum verdict_kind kind, enum decided *how)
{
	switch (kind) {
	case VERDICT_SAME:
		*how = DECIDED_SAME;
		return true;
	case VERDICT_FASTER:
		*how = DECIDED_FASTER;
		return true;
	case VERDICT_SLOWER:
		*how = DECIDED_SLOWER;
		return true;
	case VERDICT_CANT_TELL:
	case VERDICT_INVALID:
		break;
	}
	return false;
}

static bool decide(const struct level *level, const struct verdict *verdict, double margin,
		   struct result_decision *decision)
{
	*decision =
		(struct result_decision){ .cell = level->cell,
					  .state = level->all_states ? STATE_NONE : level->state,
					  .how = DECIDED_PRECISE,
					  .against = level->against };
	return precise(level, margin) &&
	       (!is_compared(level) || told(verdict->kind, &decision->how));
}

/* All comparisons take part in the rate, also those of cells that are decided already: which were
 * asked must not hang on what they answered. */
static void weigh_all(const struct result *result, const struct level levels[], size_t count,
		      double alpha, struct verdict verdicts[])
{
	for (size_t i = 0; i < count; i++) {
		if (is_compared(&levels[i]))
			level_weigh(result, &levels[i], &verdicts[i]);
		else
			verdicts[i].kind = VERDICT_INVALID; /* none of the comparisons */
	}
	verdict_decide(verdicts, count, result->margin, alpha);
}

bool decided_at(const struct result *result, double alpha, struct result_decision **decisions,
		size_t *n)
{
	size_t count = 0;
	struct level *levels = level_of(result, &count);
	struct verdict *verdicts = calloc(count + 1, sizeof *verdicts);
	struct result_decision *list = calloc(count + 1, sizeof *list);
	bool fine = levels && verdicts && list;

	*n = 0;
	*decisions = NULL;
	if (fine) {
		weigh_all(result, levels, count, alpha, verdicts);
		for (size_t i = 0, end; i < count; i = end) {
			bool all = !result->cells[levels[i].cell].decided;
			for (end = i; end < count && levels[end].cell == levels[i].cell; end++)
				all = decide(&levels[end], &verdicts[end], result->margin,
					     &list[*n + end - i]) &&
				      all;
			if (all)
				*n += end - i;
		}
		*decisions = list;
	} else {
		free(list);
	}
	free(levels);
	free(verdicts);
	return fine;
}
