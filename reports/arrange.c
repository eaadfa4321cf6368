/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arrange.c - a result laid out for reading: sheets of variant × size, reasons, false sharing. */
#include "arrange.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/grow.h"
#include "places.h"

const char *measure_text(enum measure measure)
{
	static const char *const text[] = { [MEASURE_RTT] = "round trip (RTT)",
					    [MEASURE_BANDWIDTH] = "payload received",
					    [MEASURE_TIME] = "time per message",
					    [MEASURE_ONEWAY] = "one way, from when it was due" };
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

	return !ended || !strcmp(ended, "budget") || !strcmp(ended, "rounds") ||
			       !strcmp(ended, "decided")
		       ? NULL
		       : ended;
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

struct draft_cell {
	unsigned cell;
	const struct level *level; /* NULL: none */
};

/* A sheet while it is put together. */
struct draft {
	char group[CELL_KEY];
	char situation[192]; /* without the host state */
	enum host_state state;
	unsigned first; /* lowest cell in it */
	unsigned rank;  /* of its situation */
	struct draft_cell *cells;
	size_t count;
};

static int draft_add(struct draft *draft, unsigned cell, const struct level *level)
{
	struct draft_cell *cells = grow(draft->cells, draft->count, sizeof *cells);
	if (!cells)
		return -1;
	draft->cells = cells;
	cells[draft->count++] = (struct draft_cell){ cell, level };
	if (cell < draft->first)
		draft->first = cell;
	return 0;
}

struct drafts {
	struct draft *list;
	size_t count;
	json_t *places; /* by state and group */
};

static void draft_name(const char *group, enum host_state state, char name[CELL_KEY + 16])
{
	snprintf(name, CELL_KEY + 16, "%d %s", (int)state, group);
}

/* The draft of a group in a state, made where there is none; NULL when memory runs out. */
static struct draft *draft_find(struct drafts *drafts, const char *group, enum host_state state)
{
	char name[CELL_KEY + 16];

	draft_name(group, state, name);
	size_t at = place_of(drafts->places, name, drafts->count);
	if (at < drafts->count)
		return &drafts->list[at];
	struct draft *grown =
		at == SIZE_MAX ? NULL : grow(drafts->list, drafts->count, sizeof *grown);
	if (!grown)
		return NULL;
	drafts->list = grown;
	struct draft *draft = &grown[drafts->count++];
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
	char cpus[64] = "", sched[32];

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
	if (cell->policy != POLICY_OTHER)
		append(out, bytes, ", %s", cell_sched_text(cell, sched, sizeof sched));
	if (cell->mlock)
		append(out, bytes, ", memory locked");
	if (cell->think_ns)
		append(out, bytes, ", think time %s", cell_think_text(cell, sched, sizeof sched));
	if (cell->depth >= 0)
		append(out, bytes, ", depth %d", cell->depth);
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
	append(out, bytes, cell->touch_all ? "; whole payload touched" : "; header touched only");
}

static enum measure measure_of(const struct result_cell *cell)
{
	if (cell->quantity == QUANTITY_RTT)
		return MEASURE_RTT;
	if (cell->quantity == QUANTITY_ONEWAY)
		return MEASURE_ONEWAY;
	/* Only a stream is a claim about bandwidth; what other patterns move per message is their
	 * workload's choice. */
	return !strcmp(cell->cell.pattern, "stream") ? MEASURE_BANDWIDTH : MEASURE_TIME;
}

enum { ROW_NAME = CELL_NAME + CELL_OPTIONS + 64 };

/* What cells of a sheet that differ in size only have in common. */
static void row_name(const struct cell *cell, const char *options, char name[ROW_NAME])
{
	snprintf(name, ROW_NAME, "%d %" PRIu64 " %u %d %s:%s", (int)cell->wait, cell->wait_amount,
		 cell->replica, cell->copy, cell->mechanism, options);
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
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct sheet_cell *cell = &sheet->rows[r].cells[size];
		if (!cell->level || cell->level->against != (unsigned)cell->cell ||
		    level_loses(cell->level))
			continue;
		*row = r;
		return cell;
	}
	return NULL;
}

/* Marks, in each column with something to compare, the fastest and those that their pairs do not
 * tell from it. */
static void mark_fastest(const struct result *result, struct sheet *sheet)
{
	for (size_t s = 0; s < sheet->size_count; s++) {
		size_t best;
		if (!sheet_fastest(sheet, s, &best))
			continue;
		for (size_t r = 0; r < sheet->row_count; r++) {
			struct sheet_cell *cell = &sheet->rows[r].cells[s];
			struct verdict verdict;
			if (!cell->level || r == best)
				continue;
			sheet->rows[best].cells[s].fastest = true;
			if (level_loses(cell->level))
				continue;
			level_weigh(result, cell->level, &verdict);
			/* no interval, no claim */
			cell->tied = verdict.kind != VERDICT_INVALID && verdict.log_ratio.low <= 0;
		}
	}
}

static void waits_of(const struct result *result, const struct draft *draft, struct sheet *sheet)
{
	enum { MOST = 32 }; /* more do not fit the text */
	const struct cell *different[MOST];
	size_t n = 0;

	for (size_t i = 0; i < draft->count && n < MOST; i++) {
		const struct cell *cell = &result->cells[draft->cells[i].cell].cell;
		char wait[48];
		size_t at = 0;
		while (at < n && (different[at]->wait != cell->wait ||
				  different[at]->wait_amount != cell->wait_amount))
			at++;
		if (at < n)
			continue;
		different[n++] = cell;
		append(sheet->waits, sizeof sheet->waits, "%s%s", *sheet->waits ? ", " : "",
		       cell_wait_text(cell, wait, sizeof wait));
	}
}

/* The row of a sheet that a cell belongs to, made where there is none; NULL when memory runs out.
 */
static struct sheet_row *sheet_row(struct sheet *sheet, const struct cell *cell, json_t *places,
				   bool several_waits)
{
	char name[ROW_NAME];

	row_name(cell, cell->options, name);
	size_t at = place_of(places, name, sheet->row_count);
	if (at < sheet->row_count)
		return &sheet->rows[at];
	if (at == SIZE_MAX)
		return NULL;
	struct sheet_row *row = &sheet->rows[at];
	row->cells = calloc(sheet->size_count, sizeof *row->cells);
	if (!row->cells)
		return NULL;
	sheet->row_count++;
	for (size_t s = 0; s < sheet->size_count; s++)
		row->cells[s].cell = -1;
	row->cell = cell;
	cell_label(cell, row->label, sizeof row->label);
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

static int fill_rows(const struct result *result, const struct draft *draft, json_t *places,
		     struct sheet *sheet)
{
	bool several_waits = strchr(sheet->waits, ',');

	for (size_t i = 0; i < draft->count; i++) {
		const struct cell *cell = &result->cells[draft->cells[i].cell].cell;
		struct sheet_row *row = sheet_row(sheet, cell, places, several_waits);
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
	return 0;
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
	sheet->rows = calloc(draft->count, sizeof *sheet->rows);
	if (!sheet->sizes || !sheet->rows)
		return -1;
	for (size_t i = 0; i < draft->count; i++)
		sheet->sizes[i] = result->cells[draft->cells[i].cell].cell.size;
	qsort(sheet->sizes, draft->count, sizeof *sheet->sizes, by_size);
	for (size_t i = 0; i < draft->count; i++)
		if (!i || sheet->sizes[i] != sheet->sizes[sheet->size_count - 1])
			sheet->sizes[sheet->size_count++] = sheet->sizes[i];

	json_t *places = json_object();
	int status = places ? fill_rows(result, draft, places, sheet) : -1;
	json_decref(places);
	if (status)
		return -1;
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
static int rank_situations(const struct result *result, struct drafts *drafts)
{
	unsigned *lowest = calloc(drafts->count + 1, sizeof *lowest);
	size_t situations = 0;

	json_object_clear(drafts->places);
	for (size_t i = 0; i < drafts->count; i++) {
		struct draft *draft = &drafts->list[i];
		situation_of(&result->cells[draft->first].cell, STATE_NONE, draft->situation,
			     sizeof draft->situation);
		size_t at = place_of(drafts->places, draft->situation, situations);
		if (!lowest || at == SIZE_MAX) {
			free(lowest);
			return -1;
		}
		if (at == situations)
			lowest[situations++] = draft->first;
		else if (draft->first < lowest[at])
			lowest[at] = draft->first;
	}
	for (size_t i = 0; i < drafts->count; i++)
		drafts->list[i].rank =
			lowest[place_of(drafts->places, drafts->list[i].situation, SIZE_MAX)];
	free(lowest);
	if (drafts->count)
		qsort(drafts->list, drafts->count, sizeof *drafts->list, by_rank);
	return 0;
}

/* Each level goes to its sheet; a cell without figures stands in every sheet it would have been
 * compared in. */
static int make_drafts(const struct result *result, const struct level levels[], size_t n,
		       bool seen[], struct drafts *drafts)
{
	char group[CELL_KEY], name[CELL_KEY + 16];

	for (size_t i = 0; i < n; i++) {
		if (!levels[i].workers)
			continue;
		cell_family(&result->cells[levels[i].cell].cell, group, sizeof group);
		struct draft *draft = draft_find(drafts, group, levels[i].state);
		if (!draft || draft_add(draft, levels[i].cell, &levels[i]))
			return -1;
		seen[levels[i].cell] = true;
	}
	for (unsigned c = 0; c < result->cell_count; c++) {
		bool placed = false;
		if (seen[c])
			continue;
		cell_family(&result->cells[c].cell, group, sizeof group);
		for (unsigned s = 0; s < STATE_COUNT; s++) {
			draft_name(group, s, name);
			if (!json_object_get(drafts->places, name))
				continue;
			struct draft *draft = draft_find(drafts, group, s);
			placed = true;
			if (!draft || draft_add(draft, c, NULL))
				return -1;
		}
		if (placed)
			continue;
		struct draft *draft = draft_find(drafts, group, STATE_NONE);
		if (!draft || draft_add(draft, c, NULL))
			return -1;
	}
	return rank_situations(result, drafts);
}

/* Who sits where, for arranged_row(): the first sheet that has a cell in a state. */
static int make_seats(struct arrangement *a)
{
	a->seats = calloc(a->result->cell_count * STATE_COUNT + 1, sizeof *a->seats);
	if (!a->seats)
		return -1;
	for (size_t i = 0; i < a->sheet_count; i++) {
		const struct sheet *sheet = &a->sheets[i];
		for (size_t r = 0; r < sheet->row_count; r++) {
			for (size_t s = 0; s < sheet->size_count; s++) {
				int cell = sheet->rows[r].cells[s].cell;
				if (cell < 0)
					continue;
				struct seat *seat =
					&a->seats[(size_t)cell * STATE_COUNT + sheet->state];
				if (!seat->sheet)
					*seat = (struct seat){ sheet, &sheet->rows[r] };
			}
		}
	}
	return 0;
}

static int make_sheets(struct arrangement *a, const struct level levels[], size_t n)
{
	const struct result *result = a->result;
	struct drafts drafts = { .places = json_object() };
	bool *seen = calloc(result->cell_count + 1, sizeof *seen);
	int status = -1;

	if (!seen || !drafts.places || make_drafts(result, levels, n, seen, &drafts))
		goto done;
	a->sheets = calloc(drafts.count + 1, sizeof *a->sheets);
	if (!a->sheets)
		goto done;
	for (size_t i = 0; i < drafts.count; i++) {
		a->sheet_count++;
		if (sheet_of(result, &drafts.list[i], &a->sheets[i]))
			goto done;
		a->sheets[i].new_situation =
			!i || strcmp(a->sheets[i - 1].situation, a->sheets[i].situation) != 0;
	}
	status = make_seats(a);
done:
	for (size_t i = 0; i < drafts.count; i++)
		free(drafts.list[i].cells);
	free(drafts.list);
	json_decref(drafts.places);
	free(seen);
	return status;
}

static int reason_add(struct reason **reasons, size_t *count, json_t *places, const char *text,
		      const char *key, bool key_is_new)
{
	size_t at = place_of(places, text, *count);

	if (at == SIZE_MAX)
		return -1;
	if (at == *count) {
		struct reason *grown = grow(*reasons, *count, sizeof *grown);
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
	json_t *refused = json_object(), *failed = json_object();
	int status = refused && failed ? 0 : -1;

	for (size_t i = 0; !status && i < result->refused_count; i++)
		status = reason_add(&a->refused, &a->refused_count, refused,
				    result->refused[i].reason, result->refused[i].key, true);
	for (size_t i = 0; !status && i < result->worker_count; i++) {
		const struct result_worker *worker = &result->workers[i];
		if (worker->ok) {
			a->unsettled_workers += !worker->settled;
			continue;
		}
		a->failed_workers++;
		status = reason_add(&a->failed, &a->failed_count, failed,
				    *worker->reason ? worker->reason : "no reason was recorded",
				    result->cells[worker->cell].key, false);
	}
	json_decref(refused);
	json_decref(failed);
	if (a->refused_count)
		qsort(a->refused, a->refused_count, sizeof *a->refused, by_count);
	if (a->failed_count)
		qsort(a->failed, a->failed_count, sizeof *a->failed, by_count);
	return status;
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

/* What a row has in common with its twin without false sharing, which is the same in all but
 * layout; *shared: whether it is the one with. false: it is neither. The other layout is that of
 * which the twin's is a copy, whatever it is called: a mechanism's own, where none is said. */
static bool twin_name(const struct cell *cell, char name[ROW_NAME], bool *shared)
{
	static const char *const apart[] = { "layout=slot", "layout=padded", "layout=line" };
	const bool is_ring = strcmp(cell->mechanism, "ring") == 0; /* its line is another layout */
	char options[CELL_OPTIONS];
	bool twin = !strstr(cell->options, "layout=");

	*shared = without_option(cell->options, "layout=shared-line", options, sizeof options);
	for (size_t i = 0; i < sizeof apart / sizeof *apart - is_ring && !*shared && !twin; i++)
		twin = without_option(cell->options, apart[i], options, sizeof options);
	row_name(cell, options, name);
	return *shared || twin;
}

/* The first row of each name that has no false sharing, into places. */
static int list_slots(const struct sheet *sheet, json_t *places)
{
	char name[ROW_NAME];
	bool shared;

	for (size_t r = 0; r < sheet->row_count; r++)
		if (twin_name(sheet->rows[r].cell, name, &shared) && !shared &&
		    place_of(places, name, r) == SIZE_MAX)
			return -1;
	return 0;
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

static int add_sharing(struct arrangement *a, const struct sheet *sheet,
		       const struct sheet_cell *shared, const struct sheet_cell *slot)
{
	struct sharing *grown = grow(a->sharing, a->sharing_count, sizeof *grown);

	if (!grown)
		return -1;
	a->sharing = grown;
	struct sharing *one = &grown[a->sharing_count++];
	const struct result_cell *cell = &a->result->cells[shared->cell];
	*one = (struct sharing){
		.shared = &cell->cell,
		.slot = &a->result->cells[slot->cell].cell,
		.quantity = cell->quantity,
		.state = sheet->state,
		.sheet = sheet,
	};
	one->factor = sharing_factor(a->result, shared, slot, sheet->state, &one->paired);
	return 0;
}

static int share_sheet(struct arrangement *a, const struct sheet *sheet, const json_t *slots)
{
	char name[ROW_NAME];
	bool is_shared;

	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct sheet_row *shared = &sheet->rows[r];
		if (!twin_name(shared->cell, name, &is_shared) || !is_shared)
			continue;
		const json_t *at = json_object_get(slots, name);
		if (!at)
			continue;
		const struct sheet_row *slot = &sheet->rows[json_integer_value(at)];
		for (size_t s = 0; s < sheet->size_count; s++)
			if (shared->cells[s].level && slot->cells[s].level &&
			    add_sharing(a, sheet, &shared->cells[s], &slot->cells[s]))
				return -1;
	}
	return 0;
}

static int make_sharing(struct arrangement *a)
{
	int status = 0;

	for (size_t i = 0; !status && i < a->sheet_count; i++) {
		json_t *slots = json_object();
		status = slots && !list_slots(&a->sheets[i], slots)
				 ? share_sheet(a, &a->sheets[i], slots)
				 : -1;
		json_decref(slots);
	}
	return status;
}

struct arrangement *arrange(const struct result *result, const struct level levels[], size_t n)
{
	struct arrangement *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->result = result;
	a->tails = tails_of(result, levels, n, &a->tail_count);
	a->decomposed = decompose(result, levels, n, &a->decomposed_count);
	if (!a->tails || !a->decomposed || make_sheets(a, levels, n) || make_reasons(a) ||
	    make_sharing(a)) {
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
	free(a->seats);
	free(a->refused);
	free(a->failed);
	free(a->sharing);
	free(a->tails);
	free(a->decomposed);
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
	const struct seat *seat = &a->seats[(size_t)cell * STATE_COUNT + state];

	if (seat->row)
		*sheet = seat->sheet;
	return seat->row;
}
