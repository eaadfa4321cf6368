/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controls.h - the controls of a plan and of a run: which there are, and when each is measured. */
#ifndef CONTROLS_H
#define CONTROLS_H

#include "plan.h"
#include "result.h"

/* Fills plan->controls from its cells: machine controls of their CPUs, the pattern self of what
 * plays pingpong, the empty harness. 0, or −1 after say_error(). */
int controls_plan(struct plan *plan, const struct registry *registry, const struct place *place);

/* header.plan.controls of reports/schema.md, a new object; NULL when memory runs out. */
json_t *controls_json(const struct plan *plan);
/* --dry-run, as text. */
void controls_print(FILE *stream, const struct plan *plan);

struct controls { /* of a run under way */
	const struct plan *plan;
	const struct registry *registry;
	double ticks_per_ns;
	struct controls_unit *units; /* what is measured at a time: a control, or some of self */
	size_t unit_count, next;
	unsigned pass; /* over all units */
	double started_s;
	double seconds; /* spent on them so far, by this process */
};

/* started_s: how many seconds of the run were over before this process. 0, or −1 after say_error();
 * either way controls_free() is due. */
int controls_begin(struct controls *controls, const struct plan *plan,
		   const struct registry *registry, double ticks_per_ns, double started_s);
void controls_free(struct controls *controls);
/* Measures what is due after so many seconds of a run, and appends its lines: the next units in an
 * order that is the seed's from the second pass on, as long as they stay a small share of the time.
 * 0, 1 interrupted, −1 after say_error(). */
int controls_visit(struct controls *controls, struct result_file *file, unsigned round,
		   double elapsed_s);

#endif
