/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controls.c - the controls of a plan and of a run, dealt over its rounds: each is measured again
 * and again while the cells are, so that it has an interval and has seen the same states of the
 * host. */
#include "controls.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "grow.h"
#include "say.h"

enum {
	SELF_CELLS = 10,
	CYCLES = 8,
	CPUS_MOST = 4,
	PAIRS_MOST = 4,
	LONG_PASSES = 3,
	COUNTED_CYCLES = 3,
	GIVE_UP = 3
};
static const double TURN_NS = 50e3, BLOCK_SECONDS = 0.1, LONG_SECONDS = 0.04, COUNTED_TURN_NS = 2e5;
/* Of a run's time; of one that is told its rounds, not its time, more. */
static const double SHARE = 0.055, SHARE_OF_ROUNDS = 0.15;

static int out_of_memory(void)
{
	say_error("out of memory");
	return -1;
}

/* ---- which there are ---- */

/* One more whose control is there already, by control_list(). */
static int append_all(struct plan *plan, const struct control *controls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct plan_control *entry = GROW_APPEND(plan->controls, plan->control_count);

		if (!entry)
			return out_of_memory();
		entry->control = controls[i];
	}
	return 0;
}

static bool has_cpu(const struct plan *plan, int cpu)
{
	for (size_t i = 0; i < plan->control_count; i++)
		if (plan->controls[i].control.cpu_count == 1 &&
		    plan->controls[i].control.cpus[0] == cpu)
			return true;
	return false;
}

static bool has_pair(const struct plan *plan, int a, int b)
{
	for (size_t i = 0; i < plan->control_count; i++) {
		const struct control *c = &plan->controls[i].control;

		if (c->cpu_count == 2 &&
		    ((c->cpus[0] == a && c->cpus[1] == b) || (c->cpus[0] == b && c->cpus[1] == a)))
			return true;
	}
	return false;
}

/* Of the first few CPUs and pairs of them that cells are on. */
static int add_machine(struct plan *plan, const struct place *place)
{
	unsigned cpus = 0, pairs = 0;

	for (size_t i = 0; i < plan->cell_count; i++) {
		const struct cell *cell = &plan->cells[i].cell;
		int a = cell->cpus[0], b = cell->peers > 1 ? cell->cpus[1] : a;
		struct control *controls = NULL;
		size_t n = 0;
		int failed = 0;

		if (cpus < CPUS_MOST && !has_cpu(plan, a)) {
			cpus++;
			failed = control_list(place, a, &controls, &n);
		}
		if (!failed && a != b && pairs < PAIRS_MOST && !has_pair(plan, a, b)) {
			pairs++;
			failed = control_list_pair(place, a, b, &controls, &n);
		}
		failed = failed || append_all(plan, controls, n);
		free(controls);
		if (failed)
			return -1;
	}
	return 0;
}

static int add_self(struct plan *plan, json_t *seen, const struct cell *cell)
{
	struct plan_cell entry = { .cell = cell_self(cell) };

	cell_key(&entry.cell, entry.key, sizeof entry.key);
	if (json_object_get(seen, entry.key))
		return 0;
	struct plan_control *added = GROW_APPEND(plan->controls, plan->control_count);

	if (!added || json_object_set_new(seen, entry.key, json_true()))
		return out_of_memory();
	added->control.kind = CONTROL_SELF;
	added->control.cpus[0] = cell->cpus[0];
	added->control.cpu_count = 1;
	added->self = entry;
	return 0;
}

/* "ring:layout=slot", and whether it spins: those are loops of their own. */
static const char *variant_of(const struct cell *cell, char text[CELL_KEY])
{
	char variant[CELL_KEY];

	snprintf(text, CELL_KEY, "%.300s %s", cell_variant(cell, variant, sizeof variant),
		 cell_spins(cell) ? "spins" : "sleeps");
	return text;
}

/* Adds to a set; 1 when it was there, −1 when memory runs out. */
static int remember(json_t *set, const char *text)
{
	if (json_object_get(set, text))
		return 1;
	return json_object_set_new(set, text, json_true()) ? out_of_memory() : 0;
}

/* What plays pingpong at all its sizes, since the decomposition asks for them; what plays other
 * patterns alone once. */
static int add_selves(struct plan *plan, const struct registry *registry)
{
	json_t *seen = json_object(), *variants = json_object();
	int failed = seen && variants ? 0 : out_of_memory();
	char text[CELL_KEY];

	/* what the plan has anyway */
	for (size_t i = 0; i < plan->cell_count && !failed; i++)
		if (strcmp(plan->cells[i].cell.pattern, "self") == 0 &&
		    json_object_set_new(seen, plan->cells[i].key, json_true()))
			failed = out_of_memory();
	for (size_t i = 0; i < plan->cell_count && !failed; i++)
		if (strcmp(plan->cells[i].cell.pattern, "pingpong") == 0)
			failed = add_self(plan, seen, &plan->cells[i].cell) ||
				 remember(variants, variant_of(&plan->cells[i].cell, text)) < 0;
	for (size_t i = 0; i < plan->cell_count && !failed; i++) {
		const struct cell *cell = &plan->cells[i].cell;

		if (strcmp(cell->pattern, "self") == 0)
			continue;
		int known = remember(variants, variant_of(cell, text));

		failed = known < 0 || (known == 0 && add_self(plan, seen, cell));
	}
	if (!failed && plan->cell_count && registry_mechanism(registry, "null")) {
		struct cell empty = plan->cells[0].cell;

		snprintf(empty.mechanism, sizeof empty.mechanism, "null");
		empty.options[0] = '\0';
		empty.size = 64;
		empty.depth = -1;
		empty.wait = WAIT_SPIN;
		empty.copy = empty.threads = false;
		empty.touch_all = true;
		empty.policy = 0;
		empty.priority = 0;
		empty.mlock = false;
		failed = add_self(plan, seen, &empty);
	}
	json_decref(seen);
	json_decref(variants);
	return failed;
}

/* Asks toll-worker which of self can be played. */
static int examine(struct plan *plan, const struct registry *registry)
{
	size_t n = plan->control_count;
	struct cell *cells = calloc(n + 1, sizeof *cells);
	struct examination *answers = calloc(n + 1, sizeof *answers);
	size_t asked = 0;
	int failed = cells && answers ? 0 : out_of_memory();

	for (size_t i = 0; i < n && !failed; i++)
		if (plan->controls[i].control.kind == CONTROL_SELF)
			cells[asked++] = plan->controls[i].self.cell;
	if (!failed && asked)
		failed = registry_examine(registry, cells, asked, answers);
	asked = 0;
	for (size_t i = 0; i < n && !failed; i++) {
		struct plan_control *entry = &plan->controls[i];

		if (entry->control.kind != CONTROL_SELF)
			continue;
		const struct examination *answer = &answers[asked++];

		if (!answer->possible)
			snprintf(entry->control.reason, sizeof entry->control.reason, "%s",
				 answer->reason);
		else if (answer->memory > PLAN_BLOCK_BYTES / SELF_CELLS)
			snprintf(entry->control.reason, sizeof entry->control.reason,
				 "it would map more memory than a control may");
		entry->self.cell.slots = answer->slots;
		entry->self.cell.memory = answer->memory;
		entry->self.bytes = answer->bytes;
	}
	free(cells);
	free(answers);
	return failed;
}

int controls_plan(struct plan *plan, const struct registry *registry, const struct place *place)
{
	return add_machine(plan, place) || add_selves(plan, registry) || examine(plan, registry);
}

/* A reason that is not UTF-8 (a plug-in's) must not cost the line. */
static json_t *reason_json(const char *reason)
{
	json_t *text = reason && *reason ? json_string(reason) : json_null();

	return text ? text : json_string("(not UTF-8)");
}

json_t *controls_json(const struct plan *plan)
{
	json_t *all = json_array();

	for (size_t i = 0; i < plan->control_count; i++) {
		const struct control *c = &plan->controls[i].control;
		bool self = c->kind == CONTROL_SELF;
		json_t *cpus = json_array();

		for (unsigned k = 0; k < c->cpu_count; k++)
			json_array_append_new(cpus, json_integer(c->cpus[k]));
		json_array_append_new(
			all,
			json_pack("{s:s, s:s?, s:o, s:o, s:s?, s:o}", "name", control_name(c->kind),
				  "level", *c->name ? c->name : NULL, "cpus", cpus, "bytes",
				  c->bytes ? json_integer((json_int_t)c->bytes) : json_null(),
				  "cell", self ? plan->controls[i].self.key : NULL, "reason",
				  reason_json(c->reason)));
	}
	return all;
}

void controls_print(FILE *stream, const struct plan *plan)
{
	size_t selves = 0;

	if (plan->control_count == 0)
		return;
	for (size_t i = 0; i < plan->control_count; i++)
		selves += plan->controls[i].control.kind == CONTROL_SELF;
	fprintf(stream, "\n%scontrols beside them: %zu%s\n  of the machine: %zu\n",
		say_style(stream, SAY_BOLD), plan->control_count, say_style(stream, SAY_PLAIN),
		plan->control_count - selves);
	for (size_t i = 0; i < plan->control_count; i++) {
		const struct plan_control *entry = &plan->controls[i];

		if (entry->control.kind != CONTROL_SELF)
			continue;
		fprintf(stream, "  %s%s%s%s%s\n", entry->self.key, say_style(stream, SAY_DIM),
			*entry->control.reason ? "  not here: " : "", entry->control.reason,
			say_style(stream, SAY_PLAIN));
	}
}

/* ---- in a run ---- */

struct controls_unit {
	size_t index[SELF_CELLS]; /* into plan->controls; more than one: cells side by side */
	unsigned count;
	double seconds; /* what it took the last time; 0: not known */
	unsigned failures;
};

static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void shuffle(struct controls *c)
{
	uint64_t state = c->plan->seed ^ ((uint64_t)c->pass + 1) << 32;

	for (size_t i = c->unit_count; i > 1; i--) {
		size_t k = draw(&state) % i;
		struct controls_unit swap = c->units[i - 1];

		c->units[i - 1] = c->units[k];
		c->units[k] = swap;
	}
	c->next = 0;
	c->pass++;
}

int controls_begin(struct controls *c, const struct plan *plan, const struct registry *registry,
		   double ticks_per_ns, double started_s)
{
	struct controls_unit *selves = NULL;

	*c = (struct controls){ .plan = plan,
				.registry = registry,
				.ticks_per_ns = ticks_per_ns,
				.started_s = started_s };
	c->units = calloc(plan->control_count + 1, sizeof *c->units);
	if (!c->units)
		return out_of_memory();
	/* The first pass is not shuffled: of a short run it is all there is, and copies explain
	 * least. */
	for (int copies = 0; copies < 2; copies++) {
		for (size_t i = 0; i < plan->control_count; i++) {
			const struct control *control = &plan->controls[i].control;

			if (*control->reason || (control->kind == CONTROL_COPY) != copies)
				continue;
			if (control->kind == CONTROL_SELF && selves && selves->count < SELF_CELLS) {
				selves->index[selves->count++] = i;
				continue;
			}
			struct controls_unit *unit = &c->units[c->unit_count++];

			unit->index[unit->count++] = i;
			if (control->kind == CONTROL_SELF)
				selves = unit;
		}
	}
	return 0;
}

void controls_free(struct controls *c)
{
	free(c->units);
	c->units = NULL;
}

static bool append(struct result_file *file, size_t index, unsigned round, double at_s,
		   const struct control_value *value, const char *reason)
{
	json_t *line =
		json_pack("{s:s,s:I,s:i,s:o,s:o,s:o,s:o,s:o,s:o}", "kind", "control", "control",
			  (json_int_t)index, "round", (int)round, "at_s", result_number(at_s), "ns",
			  result_number(value->ns), "switches", result_number(value->switches),
			  "sleeps", result_number(value->sleeps), "calls",
			  result_number(value->calls), "reason", reason_json(reason));

	return result_append(file, &line, 1);
}

/* How many system calls a message takes: counted once, in a visit of its own. NaN: not to be known.
 */
static int count_calls(const struct controls *c, const struct controls_unit *unit,
		       double calls[SELF_CELLS])
{
	struct counters counters;
	struct outcome outcomes[SELF_CELLS];
	const struct cell *cells[SELF_CELLS];
	char why[256];

	for (unsigned i = 0; i < unit->count; i++) {
		calls[i] = NAN;
		cells[i] = &c->plan->controls[unit->index[i]].self.cell;
	}
	if (c->plan->counters.count == 0 ||
	    counters_read("raw_syscalls:sys_enter", &counters, why, sizeof why))
		return 0;
	const struct block_options options = { .registry = c->registry,
					       .ticks_per_ns = c->ticks_per_ns,
					       .seed = c->plan->seed ^ unit->index[0],
					       .cycles = COUNTED_CYCLES,
					       .turn_ns = COUNTED_TURN_NS,
					       .operations = c->plan->operations,
					       .counters = &counters };
	int status = block_run(&options, cells, NULL, unit->count, outcomes);

	for (unsigned i = 0; i < unit->count; i++) {
		if (status == 0 && outcomes[i].state == BLOCK_OK && outcomes[i].tallies)
			calls[i] = outcomes[i].tallies[0].per_operation;
		outcome_free(&outcomes[i]);
	}
	return status;
}

static int measure_selves(struct controls *c, struct controls_unit *unit, struct result_file *file,
			  unsigned round, double at_s)
{
	const struct block_options options = { .registry = c->registry,
					       .ticks_per_ns = c->ticks_per_ns,
					       .seed = c->plan->seed ^ (uint64_t)c->pass << 40 ^
						       unit->index[0],
					       .cycles = CYCLES,
					       .turn_ns = TURN_NS,
					       .seconds = BLOCK_SECONDS,
					       .operations = c->plan->operations };
	const struct cell *cells[SELF_CELLS];
	struct outcome outcomes[SELF_CELLS];
	bool written = true, failed = false;

	for (unsigned i = 0; i < unit->count; i++)
		cells[i] = &c->plan->controls[unit->index[i]].self.cell;
	double calls[SELF_CELLS];
	int status = block_run(&options, cells, NULL, unit->count, outcomes);

	for (unsigned i = 0; i < unit->count; i++)
		calls[i] = NAN;
	if (status == 0 && unit->seconds == 0)
		status = count_calls(c, unit, calls);
	for (unsigned i = 0; i < unit->count; i++) {
		const struct outcome *outcome = &outcomes[i];
		bool fine = outcome->state == BLOCK_OK;

		failed |= outcome->state == BLOCK_FAILED;
		const struct control_value value = { fine ? exp(outcome_value(outcome)) : NAN, NAN,
						     NAN, calls[i] };

		/* of a block that broke off only the one that broke it is told */
		if (status == 0 && outcome->state != BLOCK_BROKEN)
			written = written && append(file, unit->index[i], round, at_s, &value,
						    fine ? NULL : outcome->reason);
		outcome_free(&outcomes[i]);
	}
	/* three in a row: a worker that fails may take long over it */
	unit->failures = failed ? unit->failures + 1 : 0;
	return status ? status : written ? 0 : -1;
}

static const char *why_not(const struct control *control)
{
	switch (control->kind) {
	case CONTROL_COPY:
		return "it did not come about: there was no memory for it, or no time";
	case CONTROL_PIPE_BYTE:
		return "it did not come about: there was no pipe to be had, or no time";
	default:
		return "it did not come about: others had the CPU meanwhile";
	}
}

static int measure(struct controls *c, struct controls_unit *unit, struct result_file *file,
		   unsigned round, double at_s)
{
	const struct control *control = &c->plan->controls[unit->index[0]].control;
	struct control_value value;

	if (control->kind == CONTROL_SELF)
		return measure_selves(c, unit, file, round, at_s);
	int status = control_measure(control, c->ticks_per_ns, &value);

	if (status > 0)
		return status;
	/* a control is no reason to lose a run; toll has said what was wrong */
	bool fine = status == 0 && isfinite(value.ns);

	unit->failures = fine ? 0 : unit->failures + 1;
	return append(file, unit->index[0], round, at_s, &value, fine ? NULL : why_not(control))
		       ? 0
		       : -1;
}

static void step(struct controls *c)
{
	if (++c->next == c->unit_count)
		shuffle(c);
}

int controls_visit(struct controls *c, struct result_file *file, unsigned round, double elapsed_s)
{
	double share = c->plan->budget_s > 0 ? SHARE : SHARE_OF_ROUNDS;
	double begun = block_now_s();

	/* so often that each was looked at in a pass that takes what is long */
	for (size_t skipped = 0; skipped < LONG_PASSES * c->unit_count;) {
		struct controls_unit *unit = &c->units[c->next];
		double start = block_now_s(), now_s = elapsed_s + start - begun;

		if (c->seconds + unit->seconds / 2 > share * (now_s - c->started_s))
			return 0;
		/* what takes as long as all others is not measured in each pass */
		if (unit->failures >= GIVE_UP ||
		    (unit->seconds > LONG_SECONDS && c->pass % LONG_PASSES)) {
			skipped++;
			step(c);
			continue;
		}
		skipped = 0;
		int status = measure(c, unit, file, round, now_s);

		if (status)
			return status;
		unit->seconds = block_now_s() - start;
		c->seconds += unit->seconds;
		step(c);
	}
	return 0;
}
