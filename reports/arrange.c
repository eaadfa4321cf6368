/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arrange.c - a result laid out for reading: sheets of variant × size, reasons, false sharing. */
#include "arrange.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *measure_text(enum measure measure)
{
	static const char *const text[] = { [MEASURE_RTT] = "round trip (RTT)",
					    [MEASURE_BANDWIDTH] = "payload received",
					    [MEASURE_TIME] = "time per message" };
	return text[measure];
}

struct interval measure_value(enum measure measure, const struct level *level)
{
	return measure == MEASURE_BANDWIDTH ? level->bytes_per_s : level->ns;
}

const char *state_text(enum host_state state)
{
	return state == STATE_NONE ? "" : result_state_text(state);
}

const char *header_text(const struct result *result, const char *name)
{
	const char *text = json_string_value(json_object_get(result->header, name));

	return text && *text ? text : "-";
}

static double number_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

double plan_number(const struct result *result, const char *name)
{
	return number_of(json_object_get(result->header, "plan"), name);
}

double summary_number(const struct result *result, const char *name)
{
	return number_of(result->summary, name);
}

const char *ended_early(const struct result *result)
{
	const char *ended = json_string_value(json_object_get(result->summary, "ended"));

	return !ended || !strcmp(ended, "budget") || !strcmp(ended, "rounds") ? NULL : ended;
}

char *header_machine(const struct result *result, char *out, size_t bytes)
{
	const char *hypervisor = result_host(result, "hypervisor");

	if (!strcmp(hypervisor, "-"))
		snprintf(out, bytes, "no hypervisor seen");
	else
		snprintf(out, bytes, "virtual machine, %s", hypervisor);
	return out;
}

/* The group of a cell whatever its size. */
static void group_of(const struct cell *cell, char *out, size_t bytes)
{
	struct cell any_size = *cell;

	any_size.size = 1;
	cell_group(&any_size, out, bytes);
}

struct draft_cell {
	unsigned cell;
	const struct level *level; /* NULL: none */
};

/* A sheet while it is put together. */
struct draft {
	char group[CELL_KEY];
	char situation[128]; /* without the host state */
	enum host_state state;
	unsigned first; /* lowest cell in it */
	unsigned rank;  /* of its situation */
	struct draft_cell *cells;
	size_t count;
};

static int draft_add(struct draft *draft, unsigned cell, const struct level *level)
{
	struct draft_cell *cells = reallocarray(draft->cells, draft->count + 1, sizeof *cells);
	if (!cells)
		return -1;
	draft->cells = cells;
	cells[draft->count++] = (struct draft_cell){ cell, level };
	if (cell < draft->first)
		draft->first = cell;
	return 0;
}

static struct draft *draft_find(struct draft **drafts, size_t *count, const char *group,
				enum host_state state)
{
	for (size_t i = 0; i < *count; i++)
		if ((*drafts)[i].state == state && !strcmp((*drafts)[i].group, group))
			return &(*drafts)[i];
	struct draft *grown = reallocarray(*drafts, *count + 1, sizeof *grown);
	if (!grown)
		return NULL;
	*drafts = grown;
	struct draft *draft = &grown[(*count)++];
	*draft = (struct draft){ .state = state, .first = (unsigned)-1 };
	snprintf(draft->group, sizeof draft->group, "%s", group);
	return draft;
}

/* Text that grows in a buffer; what does not fit is cut. */
static void append(char *out, size_t bytes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void append(char *out, size_t bytes, const char *format, ...)
{
	size_t used = strlen(out);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(out + used, bytes - used, format, arguments);
	va_end(arguments);
}

static void situation_of(const struct cell *cell, enum host_state state, char *out, size_t bytes)
{
	char cpus[64] = "";

	if (!strcmp(cell->placement, "cpus")) {
		size_t used = 0;
		for (unsigned i = 0; i < cell->peers && used + 8 < sizeof cpus; i++)
			used += (size_t)snprintf(cpus + used, sizeof cpus - used, "%s%d",
						 i ? "," : " ", cell->cpus[i]);
	}
	snprintf(out, bytes, "%s%s, %s%s%s%s", cell->placement, cpus,
		 cell_spins(cell) ? "spinning" : "sleeping",
		 cell->idle == IDLE_AWAKE   ? ", CPUs kept awake"
		 : cell->idle == IDLE_SLEEP ? ", CPUs allowed to sleep"
					    : "",
		 state != STATE_NONE ? ", host state " : "", state_text(state));
	/* what is not as usual sets its figures apart wherever they are shown */
	if (cell->threads)
		append(out, bytes, ", threads");
	if (cell->depth >= 0)
		append(out, bytes, ", depth %d", cell->depth);
	if (cell->copy)
		append(out, bytes, ", copied in and out");
	if (!cell->touch_all)
		append(out, bytes, ", header only");
}

static void conditions_of(const struct cell *cell, char *out, size_t bytes)
{
	*out = '\0';
	append(out, bytes, cell->peers == 1 ? "CPU" : "CPUs");
	for (unsigned i = 0; i < cell->peers && i < CELL_MOST_PEERS; i++)
		append(out, bytes, "%s %d", i ? "," : "", cell->cpus[i]);
	append(out, bytes, "; %u %s%s", cell->peers, cell->threads ? "thread" : "process",
	       cell->peers == 1 ? ""
	       : cell->threads  ? "s"
				: "es");
	if (cell->depth >= 0)
		append(out, bytes, "; depth %d", cell->depth);
	if (cell->copy)
		append(out, bytes, "; copied in and out");
	append(out, bytes, cell->touch_all ? "; whole payload touched" : "; header touched only");
}

static enum measure measure_of(const struct result_cell *cell)
{
	if (cell->quantity == QUANTITY_RTT)
		return MEASURE_RTT;
	/* Only a stream is a claim about bandwidth; what other patterns move per message is their
	 * workload's choice. */
	return !strcmp(cell->cell.pattern, "stream") ? MEASURE_BANDWIDTH : MEASURE_TIME;
}

/* Cells that differ in size only. */
static bool same_row(const struct cell *a, const struct cell *b)
{
	return !strcmp(a->mechanism, b->mechanism) && !strcmp(a->options, b->options) &&
	       a->wait == b->wait && a->hybrid_ns == b->hybrid_ns && a->replica == b->replica;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static size_t size_index(const struct sheet *sheet, uint64_t size)
{
	const uint64_t *at =
		bsearch(&size, sheet->sizes, sheet->size_count, sizeof *sheet->sizes, by_size);

	return (size_t)(at - sheet->sizes);
}

/* Fastest first by the smallest size that both rows have; rows without figures last. */
static int by_speed(const void *a, const void *b, void *count)
{
	const struct sheet_row *x = a, *y = b;
	size_t x_first = SIZE_MAX, y_first = SIZE_MAX;

	for (size_t s = *(const size_t *)count; s-- > 0;) {
		const struct level *p = x->cells[s].level, *q = y->cells[s].level;
		if (p)
			x_first = s;
		if (q)
			y_first = s;
	}
	for (size_t s = 0; s < *(const size_t *)count; s++) {
		const struct level *p = x->cells[s].level, *q = y->cells[s].level;
		if (p && q && p->ns.estimate != q->ns.estimate)
			return p->ns.estimate < q->ns.estimate ? -1 : 1;
	}
	if (x_first != y_first)
		return x_first < y_first ? -1 : 1;
	return strcmp(x->label, y->label);
}

const struct sheet_cell *sheet_fastest(const struct sheet *sheet, size_t size, size_t *row)
{
	const struct sheet_cell *best = NULL;

	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct sheet_cell *cell = &sheet->rows[r].cells[size];
		if (!cell->level || (best && cell->level->ns.estimate >= best->level->ns.estimate))
			continue;
		best = cell;
		*row = r;
	}
	return best;
}

/* Marks, in each column with something to compare, the lowest estimate and those that its pairs
 * cannot tell from it. */
static void mark_fastest(const struct result *result, struct sheet *sheet)
{
	for (size_t s = 0; s < sheet->size_count; s++) {
		size_t best_row, measured = 0;
		if (!sheet_fastest(sheet, s, &best_row))
			continue;
		for (size_t r = 0; r < sheet->row_count; r++)
			measured += sheet->rows[r].cells[s].level != NULL;
		if (measured < 2)
			continue;
		struct sheet_cell *best = &sheet->rows[best_row].cells[s];
		best->fastest = true;
		for (size_t r = 0; r < sheet->row_count; r++) {
			struct sheet_cell *cell = &sheet->rows[r].cells[s];
			if (!cell->level || cell == best)
				continue;
			double *values = NULL;
			size_t n = level_pairs(result, (unsigned)cell->cell, (unsigned)best->cell,
					       sheet->state, &values);
			struct interval ratio = { NAN, NAN, NAN, 0 };
			if (n >= 2)
				ratio = statistics_yuen(values, n, 0.2, 0.95, NULL);
			free(values);
			cell->tied = n >= 2 && ratio.low <= 0; /* no interval, no claim */
		}
	}
}

static void waits_of(const struct result *result, const struct draft *draft, struct sheet *sheet)
{
	for (size_t i = 0; i < draft->count; i++) {
		const struct cell *cell = &result->cells[draft->cells[i].cell].cell;
		char wait[48];
		bool known = false;
		cell_wait_text(cell, wait, sizeof wait);
		for (size_t j = 0; j < i && !known; j++) {
			const struct cell *other = &result->cells[draft->cells[j].cell].cell;
			known = other->wait == cell->wait && other->hybrid_ns == cell->hybrid_ns;
		}
		if (!known)
			append(sheet->waits, sizeof sheet->waits, "%s%s", *sheet->waits ? ", " : "",
			       wait);
	}
}

/* The row of a sheet that a cell belongs to, made where there is none; NULL when memory runs out.
 */
static struct sheet_row *sheet_row(struct sheet *sheet, const struct cell *cell, bool several_waits)
{
	struct sheet_row *row = sheet->rows;

	while (row->cell && !same_row(row->cell, cell))
		row++;
	if (row->cell)
		return row;
	row->cells = calloc(sheet->size_count, sizeof *row->cells);
	if (!row->cells)
		return NULL;
	sheet->row_count++;
	for (size_t s = 0; s < sheet->size_count; s++)
		row->cells[s].cell = -1;
	row->cell = cell;
	cell_variant(cell, row->label, sizeof row->label);
	if (several_waits) {
		char wait[48];
		append(row->label, sizeof row->label, " %s",
		       cell_wait_text(cell, wait, sizeof wait));
	}
	if (cell->replica)
		append(row->label, sizeof row->label, " (twin %u)", cell->replica);
	return row;
}

static bool has_failed(const struct result *result, size_t cell)
{
	for (size_t i = result->first[cell]; i < result->first[cell + 1]; i++) {
		if (!result->workers[result->order[i]].ok)
			return true;
	}
	return false;
}

static int sheet_of(const struct result *result, const struct draft *draft, struct sheet *sheet)
{
	const struct result_cell *first = &result->cells[draft->first];

	sheet->sample = &first->cell;
	sheet->state = draft->state;
	sheet->measure = measure_of(first);
	sheet->workers_least = SIZE_MAX;
	situation_of(&first->cell, draft->state, sheet->situation, sizeof sheet->situation);
	conditions_of(&first->cell, sheet->conditions, sizeof sheet->conditions);
	snprintf(sheet->pattern, sizeof sheet->pattern, "%s%s%s", first->cell.pattern,
		 *first->cell.pattern_options ? ":" : "", first->cell.pattern_options);
	waits_of(result, draft, sheet);

	sheet->sizes = calloc(draft->count, sizeof *sheet->sizes);
	sheet->rows = calloc(draft->count + 1, sizeof *sheet->rows); /* one is left empty */
	if (!sheet->sizes || !sheet->rows)
		return -1;
	for (size_t i = 0; i < draft->count; i++)
		sheet->sizes[i] = result->cells[draft->cells[i].cell].cell.size;
	qsort(sheet->sizes, draft->count, sizeof *sheet->sizes, by_size);
	for (size_t i = 0; i < draft->count; i++)
		if (!i || sheet->sizes[i] != sheet->sizes[sheet->size_count - 1])
			sheet->sizes[sheet->size_count++] = sheet->sizes[i];

	bool several_waits = strchr(sheet->waits, ',');
	for (size_t i = 0; i < draft->count; i++) {
		const struct cell *cell = &result->cells[draft->cells[i].cell].cell;
		struct sheet_row *row = sheet_row(sheet, cell, several_waits);
		if (!row)
			return -1;
		struct sheet_cell *at = &row->cells[size_index(sheet, cell->size)];
		at->cell = (int)draft->cells[i].cell;
		at->level = draft->cells[i].level;
		at->failed = !at->level && has_failed(result, draft->cells[i].cell);
		if (at->level) {
			if (at->level->workers < sheet->workers_least)
				sheet->workers_least = at->level->workers;
			if (at->level->workers > sheet->workers_most)
				sheet->workers_most = at->level->workers;
		}
	}
	if (sheet->workers_least == SIZE_MAX)
		sheet->workers_least = 0;
	qsort_r(sheet->rows, sheet->row_count, sizeof *sheet->rows, by_speed, &sheet->size_count);
	mark_fastest(result, sheet);
	return 0;
}

static int by_rank(const void *a, const void *b)
{
	const struct draft *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

/* Sheets of one situation follow each other, in the plan's order. */
static void rank_situations(const struct result *result, struct draft *drafts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		situation_of(&result->cells[drafts[i].first].cell, STATE_NONE, drafts[i].situation,
			     sizeof drafts[i].situation);
	for (size_t i = 0; i < count; i++) {
		drafts[i].rank = drafts[i].first;
		for (size_t j = 0; j < count; j++)
			if (drafts[j].first < drafts[i].rank &&
			    !strcmp(drafts[i].situation, drafts[j].situation))
				drafts[i].rank = drafts[j].first;
	}
	qsort(drafts, count, sizeof *drafts, by_rank);
}

static int make_sheets(struct arrangement *a, const struct level levels[], size_t n)
{
	const struct result *result = a->result;
	struct draft *drafts = NULL;
	size_t count = 0;
	char group[CELL_KEY];
	bool *seen = calloc(result->cell_count + 1, sizeof *seen);
	int status = -1;

	if (!seen)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!levels[i].workers)
			continue;
		group_of(&result->cells[levels[i].cell].cell, group, sizeof group);
		struct draft *draft = draft_find(&drafts, &count, group, levels[i].state);
		if (!draft || draft_add(draft, levels[i].cell, &levels[i]))
			goto done;
		seen[levels[i].cell] = true;
	}
	/* What has no figures stands in every sheet it would have been compared in. */
	for (unsigned c = 0; c < result->cell_count; c++) {
		bool placed = false;
		if (seen[c])
			continue;
		group_of(&result->cells[c].cell, group, sizeof group);
		for (size_t i = 0; i < count; i++) {
			if (strcmp(drafts[i].group, group) != 0)
				continue;
			placed = true;
			if (draft_add(&drafts[i], c, NULL))
				goto done;
		}
		if (placed)
			continue;
		struct draft *draft = draft_find(&drafts, &count, group, STATE_NONE);
		if (!draft || draft_add(draft, c, NULL))
			goto done;
	}
	if (count)
		rank_situations(result, drafts, count);
	a->sheets = calloc(count + 1, sizeof *a->sheets);
	if (!a->sheets)
		goto done;
	for (size_t i = 0; i < count; i++) {
		a->sheet_count++;
		if (sheet_of(result, &drafts[i], &a->sheets[i]))
			goto done;
		a->sheets[i].new_situation =
			!i || strcmp(a->sheets[i - 1].situation, a->sheets[i].situation) != 0;
	}
	status = 0;
done:
	for (size_t i = 0; i < count; i++) {
		free(drafts[i].cells);
	}
	free(drafts);
	free(seen);
	return status;
}

static int reason_add(struct reason **reasons, size_t *count, const char *text, const char *key,
		      bool key_is_new)
{
	size_t at = 0;

	while (at < *count && strcmp((*reasons)[at].text, text) != 0)
		at++;
	if (at == *count) {
		struct reason *grown = reallocarray(*reasons, *count + 1, sizeof *grown);
		if (!grown)
			return -1;
		*reasons = grown;
		grown[(*count)++] = (struct reason){ .text = text };
	}
	struct reason *reason = &(*reasons)[at];

	reason->count++;
	for (size_t i = 0; i < reason->key_count && i < 4 && !key_is_new; i++)
		if (!strcmp(reason->keys[i], key))
			return 0;
	if (reason->key_count < 4)
		reason->keys[reason->key_count] = key;
	reason->key_count++;
	return 0;
}

static int by_count(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

static int make_reasons(struct arrangement *a)
{
	const struct result *result = a->result;

	for (size_t i = 0; i < result->refused_count; i++)
		if (reason_add(&a->refused, &a->refused_count, result->refused[i].reason,
			       result->refused[i].key, true))
			return -1;
	for (size_t i = 0; i < result->worker_count; i++) {
		const struct result_worker *worker = &result->workers[i];
		if (worker->ok) {
			a->unsettled_workers += !worker->settled;
			continue;
		}
		a->failed_workers++;
		if (reason_add(&a->failed, &a->failed_count,
			       *worker->reason ? worker->reason : "no reason was recorded",
			       result->cells[worker->cell].key, false))
			return -1;
	}
	if (a->refused_count)
		qsort(a->refused, a->refused_count, sizeof *a->refused, by_count);
	if (a->failed_count)
		qsort(a->failed, a->failed_count, sizeof *a->failed, by_count);
	return 0;
}

/* options without NAME=…; true when NAME had the value. */
static bool without_option(const char *options, const char *name_value, char *out, size_t bytes)
{
	char copy[CELL_OPTIONS], *rest = copy;
	bool had = false;
	size_t name = (size_t)(strchr(name_value, '=') - name_value) + 1;

	snprintf(copy, sizeof copy, "%s", options);
	*out = '\0';
	for (char *word; (word = strsep(&rest, ","));) {
		if (!strncmp(word, name_value, name))
			had |= !strcmp(word, name_value);
		else if (*word)
			append(out, bytes, "%s%s", *out ? "," : "", word);
	}
	return had;
}

/* The twin without false sharing: the same in all but layout, which is slot or the default. */
static bool is_twin(const struct cell *shared, const struct cell *slot)
{
	char a[CELL_OPTIONS], b[CELL_OPTIONS];

	return without_option(shared->options, "layout=shared-line", a, sizeof a) &&
	       !without_option(slot->options, "layout=shared-line", b, sizeof b) &&
	       (!strstr(slot->options, "layout=") || strstr(slot->options, "layout=slot")) &&
	       !strcmp(a, b) && !strcmp(shared->mechanism, slot->mechanism) &&
	       shared->wait == slot->wait && shared->hybrid_ns == slot->hybrid_ns &&
	       shared->replica == slot->replica;
}

static struct interval sharing_factor(const struct result *result, const struct sheet_cell *shared,
				      const struct sheet_cell *slot, enum host_state state,
				      bool *paired)
{
	double *values = NULL;
	size_t n =
		level_pairs(result, (unsigned)shared->cell, (unsigned)slot->cell, state, &values);
	struct interval factor;

	*paired = n >= 2;
	if (*paired) {
		factor = statistics_yuen(values, n, 0.2, 0.95, NULL);
		factor.estimate = exp(factor.estimate);
		factor.low = exp(factor.low);
		factor.high = exp(factor.high);
	} else {
		factor = (struct interval){ shared->level->ns.estimate / slot->level->ns.estimate,
					    NAN, NAN, 0 };
	}
	free(values);
	return factor;
}

static int make_sharing(struct arrangement *a)
{
	for (size_t i = 0; i < a->sheet_count; i++) {
		const struct sheet *sheet = &a->sheets[i];
		for (size_t r = 0; r < sheet->row_count; r++) {
			const struct sheet_row *shared = &sheet->rows[r], *slot = NULL;
			if (!strstr(shared->cell->options, "layout=shared-line"))
				continue;
			for (size_t q = 0; q < sheet->row_count && !slot; q++)
				if (is_twin(shared->cell, sheet->rows[q].cell))
					slot = &sheet->rows[q];
			for (size_t s = 0; slot && s < sheet->size_count; s++) {
				if (!shared->cells[s].level || !slot->cells[s].level)
					continue;
				struct sharing *grown = reallocarray(
					a->sharing, a->sharing_count + 1, sizeof *grown);
				if (!grown)
					return -1;
				a->sharing = grown;
				struct sharing *one = &grown[a->sharing_count++];
				const struct result_cell *cell =
					&a->result->cells[shared->cells[s].cell];
				*one = (struct sharing){
					.shared = &cell->cell,
					.slot = &a->result->cells[slot->cells[s].cell].cell,
					.quantity = cell->quantity,
					.state = sheet->state,
					.sheet = sheet,
				};
				one->factor =
					sharing_factor(a->result, &shared->cells[s],
						       &slot->cells[s], sheet->state, &one->paired);
			}
		}
	}
	return 0;
}

struct arrangement *arrange(const struct result *result, const struct level levels[], size_t n)
{
	struct arrangement *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->result = result;
	if (make_sheets(a, levels, n) || make_reasons(a) || make_sharing(a)) {
		arrange_free(a);
		return NULL;
	}
	return a;
}

void arrange_free(struct arrangement *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->sheet_count; i++) {
		for (size_t r = 0; r < a->sheets[i].row_count; r++)
			free(a->sheets[i].rows[r].cells);
		free(a->sheets[i].rows);
		free(a->sheets[i].sizes);
	}
	free(a->sheets);
	free(a->refused);
	free(a->failed);
	free(a->sharing);
	free(a);
}

struct text_unit sheet_unit(const struct sheet *sheet)
{
	double most = 0;

	for (size_t r = 0; r < sheet->row_count; r++)
		for (size_t s = 0; s < sheet->size_count; s++)
			if (sheet->rows[r].cells[s].level)
				most = fmax(most, measure_value(sheet->measure,
								sheet->rows[r].cells[s].level)
							  .estimate);
	return sheet->measure == MEASURE_BANDWIDTH ? text_unit_bytes_per_s(most)
						   : text_unit_ns(most);
}

struct text_unit sheet_cpu_unit(const struct sheet *sheet)
{
	double most = 0;

	for (size_t r = 0; r < sheet->row_count; r++)
		for (size_t s = 0; s < sheet->size_count; s++)
			if (sheet->rows[r].cells[s].level)
				most = fmax(most, sheet->rows[r].cells[s].level->cpu_ns);
	return text_unit_ns(most);
}

const struct sheet_row *arranged_row(const struct arrangement *a, unsigned cell,
				     enum host_state state, const struct sheet **sheet)
{
	for (size_t i = 0; i < a->sheet_count; i++) {
		if (a->sheets[i].state != state)
			continue;
		for (size_t r = 0; r < a->sheets[i].row_count; r++) {
			for (size_t s = 0; s < a->sheets[i].size_count; s++) {
				if (a->sheets[i].rows[r].cells[s].cell != (int)cell)
					continue;
				*sheet = &a->sheets[i];
				return &a->sheets[i].rows[r];
			}
		}
	}
	return NULL;
}
