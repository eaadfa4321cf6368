/* SPDX-License-Identifier: GPL-3.0-or-later */
/* looks.c - the planned looks of a run under a budget. */
#include "looks.h"

#include <math.h>
#include <stdlib.h>

#include "../analysis/decided.h"
#include "../reports/places.h"
#include "say.h"

static const double LEVEL = 0.05;

/* ---- which cells are done ---- */

bool looks_begin(struct looks *looks, const struct plan *plan)
{
	json_t *families = json_object();
	size_t count = 0;
	bool fine = families;

	*looks = (struct looks){ .budget_s = plan->rounds ? 0 : plan->budget_s,
				 .cells = plan->cell_count,
				 .family = calloc(plan->cell_count + 1, sizeof *looks->family),
				 .wanted = calloc(plan->cell_count + 1, sizeof *looks->wanted),
				 .done = calloc(plan->cell_count + 1, sizeof *looks->done) };
	fine = fine && looks->family && looks->wanted && looks->done;
	for (size_t i = 0; fine && i < plan->cell_count; i++) {
		char name[CELL_KEY];
		cell_family(&plan->cells[i].cell, name, sizeof name);
		size_t at = place_of(families, name, count);
		fine = at != SIZE_MAX;
		if (!fine)
			break;
		count += at == count;
		looks->family[i] = (unsigned)at;
		looks->wanted[at]++;
	}
	json_decref(families);
	if (!fine)
		say_error("out of memory");
	return fine;
}

void looks_free(struct looks *looks)
{
	free(looks->family);
	free(looks->wanted);
	free(looks->done);
}

static bool finish_cell(struct looks *looks, unsigned cell)
{
	if (looks->done[cell])
		return false;
	looks->done[cell] = true;
	looks->done_count++;
	looks->wanted[looks->family[cell]]--;
	return true;
}

void looks_give_up(struct looks *looks, unsigned cell)
{
	finish_cell(looks, cell);
}

static void decide(struct looks *looks, unsigned cell)
{
	looks->decided += finish_cell(looks, cell);
}

void looks_take_up(struct looks *looks, const struct result *old)
{
	if (!looks->budget_s)
		return;
	for (size_t i = 0; i < old->look_count; i++) {
		looks->last = old->looks[i].number;
		looks->spent = old->looks[i].spent;
	}
	for (unsigned i = 0; i < old->cell_count; i++)
		if (old->cells[i].decided)
			decide(looks, i);
}

bool looks_skip(const struct looks *looks, const struct plan_block *block)
{
	return !looks->wanted[looks->family[block->cells[0]]];
}

bool looks_all_decided(const struct looks *looks)
{
	return looks->decided && looks->done_count == looks->cells;
}

/* ---- a look ---- */

unsigned looks_due(const struct looks *looks, double elapsed_s, unsigned rounds, bool at_end)
{
	if (!looks->budget_s || rounds < PLAN_LEAST_ROUNDS)
		return 0;
	unsigned number = VERDICT_LOOKS;

	while (!at_end && number &&
	       (number == VERDICT_LOOKS || elapsed_s * VERDICT_LOOKS < looks->budget_s * number))
		number--;
	return number > looks->last ? number : 0;
}

/* What may be spent by a look, all before it included. */
static double may_spend(unsigned number)
{
	double sum = 0;

	for (unsigned k = 1; k <= number; k++)
		sum += verdict_alpha(k, LEVEL);
	return sum;
}

static json_t *decision_json(const struct result_decision *decision)
{
	json_t *state = decision->state == STATE_NONE
				? json_null()
				: json_string(result_state_text(decision->state));
	json_t *against = decision->how == DECIDED_PRECISE
				  ? json_null()
				  : json_integer((json_int_t)decision->against);

	return json_pack("{s:i,s:o,s:s,s:o}", "cell", (int)decision->cell, "host_state", state,
			 "how", result_decided_text(decision->how), "against", against);
}

json_t *looks_take(struct looks *looks, unsigned number, const char *path, double elapsed_s,
		   unsigned rounds)
{
	struct result_decision *decisions = NULL;
	double alpha = fmax(may_spend(number) - looks->spent, 0);
	size_t n = 0;
	struct result *result = result_read(path);

	if (!result)
		return NULL;
	bool fine = decided_at(result, alpha, &decisions, &n);
	json_t *list = json_array();

	result_free(result);
	for (size_t i = 0; fine && i < n; i++) {
		fine = !json_array_append_new(list, decision_json(&decisions[i]));
		decide(looks, decisions[i].cell);
	}
	free(decisions);
	looks->last = number;
	looks->spent += alpha;
	json_t *line = json_pack("{s:s,s:i,s:i,s:f,s:f,s:i,s:f,s:f,s:o}", "kind", "look", "number",
				 (int)number, "of", VERDICT_LOOKS, "at_s", elapsed_s, "budget_s",
				 looks->budget_s, "rounds", (int)rounds, "alpha", alpha, "spent",
				 looks->spent, "decided", list);

	if (fine && line)
		return line;
	json_decref(line);
	say_error("out of memory");
	return NULL;
}
