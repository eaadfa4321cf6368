/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan_print.c - a plan for a result's header, and for people. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controls.h"
#include "plan.h"
#include "say.h"

json_t *plan_cell_json(const struct plan_cell *entry)
{
	const struct cell *cell = &entry->cell;
	char wait[64];
	json_t *cpus = json_array();
	char sched[32];
	for (unsigned p = 0; p < cell->peers; p++)
		json_array_append_new(cpus, json_integer(cell->cpus[p]));
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:I, s:o, s:i, s:s, s:s, "
			 "s:s?, s:b, s:s,"
			 " s:s, s:s, s:b, s:I, s:i, s:I, s:b, s:s, s:f, s:f}",
			 "id", (int)cell->id, "key", entry->key, "mechanism", cell->mechanism,
			 "options", cell->options, "pattern", cell->pattern, "pattern_options",
			 cell->pattern_options, "placement", cell->placement, "cpus", cpus, "peers",
			 (int)cell->peers, "size", (json_int_t)cell->size, "depth",
			 cell->depth < 0 ? json_null() : json_integer(cell->depth), "slots",
			 (int)cell->slots, "wait", cell_wait_text(cell, wait, sizeof wait),
			 "wait_class", cell_spins(cell) ? "spinning" : "sleeping", "idle",
			 cell->idle == IDLE_NONE    ? NULL
			 : cell->idle == IDLE_AWAKE ? "awake"
						    : "sleep",
			 "copy", (int)cell->copy, "touch", cell->touch_all ? "all" : "header",
			 "peers_are", cell->threads ? "threads" : "processes", "sched",
			 cell_sched_text(cell, sched, sizeof sched), "mlock", (int)cell->mlock,
			 "think_ns", (json_int_t)cell->think_ns, "replica", (int)cell->replica,
			 "memory", (json_int_t)cell->memory, "sequential", (int)cell->sequential,
			 "quantity", entry->quantity, "messages", entry->messages, "bytes",
			 entry->bytes);
}

json_t *plan_json(const struct plan *plan)
{
	json_t *cells = json_array(), *refused = json_array();
	for (size_t c = 0; c < plan->cell_count; c++)
		json_array_append_new(cells, plan_cell_json(&plan->cells[c]));
	for (size_t r = 0; r < plan->refused_count; r++)
		json_array_append_new(refused, json_pack("{s:s, s:s}", "cell", plan->refused[r].key,
							 "reason", plan->refused[r].reason));
	return json_pack("{s:s?, s:f, s:o, s:o, s:o, s:b, s:s, s:o, s:o, s:o}", "config",
			 *plan->config ? plan->config : NULL, "margin", plan->margin, "budget_s",
			 plan->budget_s > 0 ? json_real(plan->budget_s) : json_null(), "rounds",
			 plan->rounds ? json_integer(plan->rounds) : json_null(), "operations",
			 plan->operations ? json_integer((json_int_t)plan->operations)
					  : json_null(),
			 "tails", (int)plan->tails, "counters", plan->counting, "cells", cells,
			 "refused", refused, "controls", controls_json(plan));
}

static int most_wide(int width, const char *text)
{
	int its = (int)strlen(text);
	return its > width ? its : width;
}

static void print_cells(FILE *stream, const struct plan *plan)
{
	int width = (int)strlen("cell");
	for (size_t c = 0; c < plan->cell_count; c++)
		width = most_wide(width, plan->cells[c].key);

	fprintf(stream, "\n%scells: %zu%s\n", say_style(stream, SAY_BOLD), plan->cell_count,
		say_style(stream, SAY_PLAIN));
	if (plan->cell_count)
		fprintf(stream, "%s%5s  %-*s  %5s  %9s  %s%s\n", say_style(stream, SAY_DIM), "id",
			width, "cell", "slots", "memory", "on CPUs", say_style(stream, SAY_PLAIN));
	for (size_t c = 0; c < plan->cell_count; c++) {
		const struct cell *cell = &plan->cells[c].cell;
		char memory[24];
		fprintf(stream, "%5u  %-*s  %5u  %9s  ", cell->id, width, plan->cells[c].key,
			cell->slots, cell->memory ? say_size(cell->memory, memory) : "-");
		for (unsigned p = 0; p < cell->peers; p++)
			fprintf(stream, "%s%d", p ? "," : "", cell->cpus[p]);
		fprintf(stream, "%s\n", cell->sequential ? "  one after the other" : "");
	}
}

static void print_refusals(FILE *stream, const struct plan *plan)
{
	if (plan->refused_count == 0)
		return;
	fprintf(stream, "\n%sleft out: %zu%s\n", say_style(stream, SAY_BOLD), plan->refused_count,
		say_style(stream, SAY_PLAIN));
	for (size_t r = 0; r < plan->refused_count; r++)
		fprintf(stream, "  %s\n         %s%s%s\n", plan->refused[r].key,
			say_style(stream, SAY_DIM), plan->refused[r].reason,
			say_style(stream, SAY_PLAIN));
}

/* What a block visit takes, roughly, start-up and pilot included (measured on two CPUs of a guest).
 */
static const double block_s = 0.2;

static void print_blocks(FILE *stream, const struct plan *plan)
{
	struct plan_block *blocks;
	size_t count, workers = 0;
	if (plan_deal(plan, 0, &blocks, &count))
		return; /* and said why */
	for (size_t b = 0; b < count; b++)
		workers += blocks[b].count;
	fprintf(stream, "\n%sround 0: %zu blocks, %zu workers%s, about %.0f s",
		say_style(stream, SAY_BOLD), count, workers, say_style(stream, SAY_PLAIN),
		ceil((double)count * block_s));
	if (plan->budget_s > 0)
		fprintf(stream, " a round: some %.0f rounds in the budget",
			floor(plan->budget_s / ((double)count * block_s)));
	fputc('\n', stream);
	for (size_t b = 0; b < count; b++) {
		const struct plan_block *block = &blocks[b];
		fprintf(stream, "%5zu  %s%s\n       ", b, plan->cells[block->cells[0]].group,
			block->sequential ? ", one after the other" : "");
		for (unsigned c = 0; c < block->count; c++)
			fprintf(stream, " %u%s", block->cells[c],
				(int)c == block->reference ? " (reference)" : "");
		fputc('\n', stream);
	}
	free(blocks);
}

void plan_print(FILE *stream, const struct plan *plan)
{
	fprintf(stream, "plan of %s\nseed %" PRIu64 ", margin %g %%, ",
		*plan->config ? plan->config : "the command line", plan->seed, 100 * plan->margin);
	if (plan->budget_s > 0) {
		char duration[24];
		fprintf(stream, "budget %s, ", say_duration(plan->budget_s, duration));
	}
	if (plan->operations)
		fprintf(stream, "%lu operations a turn, ", plan->operations);
	if (plan->rounds)
		fprintf(stream, "%u rounds\n", plan->rounds);
	else
		fprintf(stream, "as many rounds as fit, %d at least\n", PLAN_LEAST_ROUNDS);
	print_cells(stream, plan);
	print_refusals(stream, plan);
	controls_print(stream, plan);
	if (plan->cell_count)
		print_blocks(stream, plan);
}
