/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare.c - two sides of result files: cells matched, one value a boot, or a run where one
 * boot measured all, and one family of verdicts over all of them. */
#include "compare.h"

#include <fnmatch.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/grow.h"
#include "../bench/say.h"

static const double q = 0.05, level = 0.95, trim = 0.2, power = 0.9;
static const double chance = 0.99;     /* that identical cells misfire no more often */
static const double most_failed = 0.2; /* share of a cell's workers on one side */

/* A planned or refused cell of a file. */
struct entry {
	const char *key, *refused; /* refused: the reason; NULL: planned */
	enum compare_side side;
	size_t file; /* of its side */
	size_t cell;
};

/* A row while it is made: its boots' means lie beside it until all rows are known. */
struct draft {
	struct compare_row row;
	double *means[COMPARE_SIDES]; /* row.boots of them; NULL: invalid beforehand */
};

struct matcher {
	const struct result *const *files[COMPARE_SIDES];
	size_t file_count[COMPARE_SIDES];
	size_t *boot[COMPARE_SIDES]; /* of each file; in one boot every file counts as one */
	struct comparison *comparison;
	const struct compare_options *options;
	struct entry *entries; /* by key, side, file */
	size_t entry_count;
	struct draft *drafts;
	size_t draft_count;
	double *values[COMPARE_SIDES]; /* room for all workers of a side */
	bool failed;                   /* memory ran out */
};

/* --- files ------------------------------------------------------------------------------------ */

static const char *boot_id(const struct result *result)
{
	return json_string_value(
		json_object_get(json_object_get(result->header, "host"), "boot_id"));
}

/* Boots that are not known may be one: they count as one. */
static bool same_boot(const struct result *a, const struct result *b)
{
	const char *x = boot_id(a), *y = boot_id(b);

	return x && y ? strcmp(x, y) == 0 : !x && !y;
}

/* Numbers the boots of a side; in one boot its files. */
static bool number_boots(struct matcher *matcher, enum compare_side side)
{
	const struct result *const *files = matcher->files[side];
	size_t n = matcher->file_count[side];
	size_t *boot = calloc(n + 1, sizeof *boot);

	matcher->boot[side] = boot;
	for (size_t i = 0; boot && i < n; i++) {
		size_t earlier = 0;
		while (earlier < i && (matcher->comparison->unit == COMPARE_RUNS ||
				       !same_boot(files[earlier], files[i])))
			earlier++;
		boot[i] = earlier < i ? boot[earlier] : matcher->comparison->boots[side]++;
	}
	return boot;
}

static bool measured_in_one_boot(const struct matcher *matcher)
{
	const struct result *first = matcher->files[COMPARE_OLD][0];

	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (size_t i = 0; i < matcher->file_count[side]; i++)
			if (!same_boot(first, matcher->files[side][i]))
				return false;
	return boot_id(first);
}

/* Workers that count twice would make intervals narrower than they are. */
static bool check_twins(const struct result *const files[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (files[i]->seed == files[j]->seed &&
			    json_equal(files[i]->header, files[j]->header)) {
				say_error("%s and %s are the same run on one side; name it once",
					  files[j]->path, files[i]->path);
				return false;
			}
	return true;
}

static bool same_margin(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fmax(a, b);
}

/* false after say_error(). */
static bool choose_margin(struct matcher *matcher, int *status)
{
	struct comparison *comparison = matcher->comparison;
	const struct result *first = matcher->files[COMPARE_OLD][0], *other = NULL;

	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (size_t i = 0; i < matcher->file_count[side] && !other; i++)
			if (!same_margin(first->margin, matcher->files[side][i]->margin))
				other = matcher->files[side][i];
	comparison->margin_of_files = other ? NAN : first->margin;
	comparison->margin = matcher->options->margin;
	if (isnan(comparison->margin)) {
		if (other) {
			say_error("%s was measured for a margin of %.6g %%, %s for %.6g %%; choose "
				  "one with --margin",
				  first->path, first->margin * 100, other->path,
				  other->margin * 100);
			*status = EXIT_ENVIRONMENT;
			return false;
		}
		comparison->margin = first->margin;
	}
	if (!(comparison->margin > 0 && comparison->margin < 1)) {
		say_error("%s: a margin of %.6g %% decides nothing; choose one with --margin",
			  first->path, comparison->margin * 100);
		return false;
	}
	comparison->margin_afterwards =
		other || !same_margin(comparison->margin, comparison->margin_of_files);
	return true;
}

/* --- cells by key ----------------------------------------------------------------------------- */

static int by_key(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = strcmp(a->key, b->key);

	if (order)
		return order;
	if (a->side != b->side)
		return a->side < b->side ? -1 : 1;
	return a->file < b->file ? -1 : a->file > b->file;
}

static bool list_entries(struct matcher *matcher)
{
	size_t n = 0, room = 0;

	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (size_t f = 0; f < matcher->file_count[side]; f++)
			room += matcher->files[side][f]->cell_count +
				matcher->files[side][f]->refused_count;
	struct entry *entries = calloc(room + 1, sizeof *entries);
	if (!entries)
		return false;
	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (size_t f = 0; f < matcher->file_count[side]; f++) {
			const struct result *file = matcher->files[side][f];
			for (size_t c = 0; c < file->cell_count; c++)
				entries[n++] = (struct entry){ .key = file->cells[c].key,
							       .side = side,
							       .file = f,
							       .cell = c };
			for (size_t r = 0; r < file->refused_count; r++)
				entries[n++] = (struct entry){ .key = file->refused[r].key,
							       .refused = file->refused[r].reason,
							       .side = side,
							       .file = f };
		}
	qsort(entries, n, sizeof *entries, by_key);
	matcher->entries = entries;
	matcher->entry_count = n;
	return true;
}

/* The entries of one key, and their workers. */
struct match {
	const struct entry *begin, *end;
	size_t ok[COMPARE_SIDES], failed[COMPARE_SIDES];
	size_t of_state[COMPARE_SIDES][STATE_COUNT];
	const char *reason[COMPARE_SIDES]; /* of the first worker that failed */
};

static const struct result *file_of(const struct matcher *matcher, const struct entry *entry)
{
	return matcher->files[entry->side][entry->file];
}

static const struct result_cell *cell_of(const struct matcher *matcher, const struct entry *entry)
{
	return &file_of(matcher, entry)->cells[entry->cell];
}

static void count_workers(const struct matcher *matcher, struct match *match)
{
	for (const struct entry *entry = match->begin; entry < match->end; entry++) {
		const struct result *file = file_of(matcher, entry);
		if (entry->refused)
			continue;
		for (size_t i = file->first[entry->cell]; i < file->first[entry->cell + 1]; i++) {
			const struct result_worker *worker = &file->workers[file->order[i]];
			if (worker->ok) {
				match->ok[entry->side]++;
				match->of_state[entry->side][worker->state]++;
				continue;
			}
			match->failed[entry->side]++;
			if (!match->reason[entry->side])
				match->reason[entry->side] = worker->reason;
		}
	}
}

/* Values of a state's workers, of one boot or of all (boot NULL); *of: workers in any state. */
static size_t take_values(const struct matcher *matcher, const struct match *match,
			  enum compare_side side, enum host_state state, const size_t *boot,
			  size_t *of)
{
	size_t n = 0;

	*of = 0;
	for (const struct entry *entry = match->begin; entry < match->end; entry++) {
		const struct result *file = file_of(matcher, entry);
		if (entry->refused || entry->side != side ||
		    (boot && matcher->boot[side][entry->file] != *boot))
			continue;
		for (size_t i = file->first[entry->cell]; i < file->first[entry->cell + 1]; i++) {
			const struct result_worker *worker = &file->workers[file->order[i]];
			*of += worker->ok;
			if (worker->ok && worker->state == state)
				matcher->values[side][n++] = worker->value;
		}
	}
	return n;
}

/* Sorts the values. */
static double trimmed_mean(double values[], size_t n)
{
	gsl_sort(values, 1, n);
	return statistics_trimmed(values, NULL, n, trim).mean;
}

/* Over a tenth: what level.c calls a state of its own. */
static bool is_kept(const struct match *match, enum host_state state)
{
	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		if (match->of_state[side][state] * 10 <= match->ok[side])
			return false;
	return true;
}

/* --- a cell's rows ---------------------------------------------------------------------------- */

static struct draft *add_draft(struct matcher *matcher, const struct match *match,
			       enum host_state state)
{
	struct draft *draft = GROW_APPEND(matcher->drafts, matcher->draft_count);

	if (!draft) {
		matcher->failed = true;
		return NULL;
	}
	draft->row = (struct compare_row){ .state = state, .ns = { NAN, NAN }, .detectable = NAN };
	for (const struct entry *entry = match->begin; !draft->row.cell; entry++)
		if (!entry->refused)
			draft->row.cell = cell_of(matcher, entry);
	memcpy(draft->row.failed, match->failed, sizeof match->failed);
	return draft;
}

/* What makes the cell of two files another thing under the same key; NULL: nothing. */
static const char *mismatch(const struct matcher *matcher, const struct match *match)
{
	const struct result_cell *first = NULL;

	for (const struct entry *entry = match->begin; entry < match->end; entry++) {
		if (entry->refused)
			continue;
		const struct result_cell *cell = cell_of(matcher, entry);
		first = first ? first : cell;
		if (cell->quantity != first->quantity || cell->messages != first->messages)
			return "an operation is not the same in all files (quantity or messages)";
		if (cell->cell.sequential != first->cell.sequential)
			return "measured side by side in some files, one after the other in others";
	}
	return NULL;
}

/* The gate that a cell fails whatever its values are. */
static bool is_barred(const struct matcher *matcher, const struct match *match, char *why,
		      size_t bytes)
{
	static const char *const sides[] = { "old", "new" };
	const char *text = mismatch(matcher, match);

	if (text) {
		snprintf(why, bytes, "%s", text);
		return true;
	}
	/* the side where more of them failed is the one to tell of */
	size_t all[] = { match->ok[0] + match->failed[0], match->ok[1] + match->failed[1] };
	unsigned side = match->failed[COMPARE_NEW] * all[COMPARE_OLD] >=
			match->failed[COMPARE_OLD] * all[COMPARE_NEW];
	if ((double)match->failed[side] <= most_failed * (double)all[side])
		return false;
	if (!match->ok[side])
		snprintf(why, bytes, "%s: all %zu workers failed: %s", sides[side],
			 match->failed[side], match->reason[side]);
	else
		snprintf(why, bytes, "%s: %zu of %zu workers failed, over %.0f %%: %s", sides[side],
			 match->failed[side], all[side], most_failed * 100, match->reason[side]);
	return true;
}

static void no_common_state(const struct match *match, char *why, size_t bytes)
{
	enum host_state most[COMPARE_SIDES] = { STATE_NONE, STATE_NONE };

	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (unsigned s = 0; s < STATE_COUNT; s++)
			if (match->of_state[side][s] > match->of_state[side][most[side]])
				most[side] = s;
	snprintf(why, bytes,
		 "no host state holds over 10 %% of the workers of both sides; most of old: %s, of "
		 "new: %s",
		 result_state_text(most[COMPARE_OLD]), result_state_text(most[COMPARE_NEW]));
}

/* One mean a boot; a boot that hardly saw the state has nothing to say of it. */
static bool take_boots(const struct matcher *matcher, const struct match *match,
		       struct draft *draft, enum compare_side side)
{
	struct compare_row *row = &draft->row;
	size_t boots = matcher->comparison->boots[side], of;

	draft->means[side] = calloc(boots, sizeof *draft->means[side]);
	if (!draft->means[side])
		return false;
	for (size_t boot = 0; boot < boots; boot++) {
		size_t n = take_values(matcher, match, side, row->state, &boot, &of);
		if (!n || n * 10 <= of)
			continue;
		row->workers[side] += n;
		draft->means[side][row->boots[side]++] = trimmed_mean(matcher->values[side], n);
	}
	row->ns[side] = exp(statistics_mean(draft->means[side], row->boots[side]));
	return true;
}

/* With one boot on a side there is only the interval of workers, and nothing that could be tested.
 */
static void estimate_by_workers(const struct matcher *matcher, const struct match *match,
				struct draft *draft)
{
	struct compare_row *row = &draft->row;
	size_t n[COMPARE_SIDES], of;
	double mean[COMPARE_SIDES];

	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		n[side] = take_values(matcher, match, side, row->state, NULL, &of);
		mean[side] = trimmed_mean(matcher->values[side], n[side]);
	}
	verdict_samples(&row->verdict, matcher->values[COMPARE_OLD], n[COMPARE_OLD],
			matcher->values[COMPARE_NEW], n[COMPARE_NEW], matcher->comparison->margin);
	if (row->verdict.kind == VERDICT_INVALID) /* too few workers for an interval */
		row->verdict.log_ratio =
			(struct interval){ mean[COMPARE_NEW] - mean[COMPARE_OLD], NAN, NAN,
					   n[COMPARE_OLD] < n[COMPARE_NEW] ? n[COMPARE_OLD]
									   : n[COMPARE_NEW] };
}

/* Two to four boots a side give Student's interval, wide, but it knows of boots. */
static void estimate_by_boots(struct draft *draft)
{
	const size_t *boots = draft->row.boots;
	double freedom = (double)(boots[COMPARE_OLD] + boots[COMPARE_NEW]) - 2, squares = 0;

	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		double sd = statistics_sd(draft->means[side], boots[side]);
		squares += sd * sd * ((double)boots[side] - 1);
	}
	struct interval *interval = &draft->row.verdict.log_ratio;
	double half = statistics_t_factor(freedom, level) *
		      sqrt(squares / freedom *
			   (1 / (double)boots[COMPARE_OLD] + 1 / (double)boots[COMPARE_NEW]));
	interval->low = interval->estimate - half;
	interval->high = interval->estimate + half;
}

static void not_enough_boots(struct draft *draft, size_t boots)
{
	struct compare_row *row = &draft->row;

	if (boots >= 2)
		estimate_by_boots(draft);
	row->too_few_boots = true;
	row->verdict.kind = VERDICT_CANT_TELL;
	row->verdict.more = (unsigned)(COMPARE_FEWEST_BOOTS - boots);
	row->verdict.why[0] = '\0';
	row->verdict.p_difference = row->verdict.p_same = NAN;
}

static size_t fewer_boots(const struct compare_row *row)
{
	return row->boots[COMPARE_OLD] < row->boots[COMPARE_NEW] ? row->boots[COMPARE_OLD]
								 : row->boots[COMPARE_NEW];
}

static void compare_in_state(struct matcher *matcher, const struct match *match,
			     enum host_state state)
{
	struct draft *draft = add_draft(matcher, match, state);

	if (!draft)
		return;
	if (!take_boots(matcher, match, draft, COMPARE_OLD) ||
	    !take_boots(matcher, match, draft, COMPARE_NEW)) {
		matcher->failed = true;
		return;
	}
	if (fewer_boots(&draft->row) < 2)
		estimate_by_workers(matcher, match, draft);
}

static void leave_out(struct matcher *matcher, const struct match *match, enum host_state state)
{
	struct comparison *comparison = matcher->comparison;

	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		if (!match->of_state[side][state])
			continue;
		struct compare_left_out *left =
			GROW_APPEND(comparison->left_out, comparison->left_out_count);
		if (!left) {
			matcher->failed = true;
			return;
		}
		*left = (struct compare_left_out){ .key = match->begin->key,
						   .side = side,
						   .state = state,
						   .workers = match->of_state[side][state],
						   .of = match->ok[side] };
	}
}

static void add_lone(struct matcher *matcher, const struct match *match, enum compare_side missing)
{
	struct comparison *comparison = matcher->comparison;
	struct compare_lone *lone = GROW_APPEND(comparison->lone, comparison->lone_count);

	if (!lone) {
		matcher->failed = true;
		return;
	}
	*lone = (struct compare_lone){ .key = match->begin->key, .missing = missing };
	for (const struct entry *entry = match->begin; entry < match->end; entry++) {
		if (entry->side != missing)
			continue;
		if (entry->refused && lone->why == COMPARE_UNPLANNED) {
			lone->why = COMPARE_REFUSED;
			lone->reason = entry->refused;
		} else if (!entry->refused) {
			lone->why = COMPARE_UNREACHED;
			lone->reason = NULL;
		}
	}
}

static void compare_cell(struct matcher *matcher, struct match *match)
{
	char why[sizeof((struct verdict *)0)->why];
	bool any = false;

	count_workers(matcher, match);
	bool old = match->ok[COMPARE_OLD] + match->failed[COMPARE_OLD];
	bool fresh = match->ok[COMPARE_NEW] + match->failed[COMPARE_NEW];
	if (!old && !fresh)
		return;
	if (!old || !fresh) {
		add_lone(matcher, match, old ? COMPARE_NEW : COMPARE_OLD);
		return;
	}
	bool barred = is_barred(matcher, match, why, sizeof why);
	for (unsigned s = 0; s < STATE_COUNT && !barred; s++) {
		if (is_kept(match, s)) {
			compare_in_state(matcher, match, s);
			any = true;
		} else {
			leave_out(matcher, match, s);
		}
	}
	if (any || matcher->failed)
		return;
	if (!barred)
		no_common_state(match, why, sizeof why);
	struct draft *draft = add_draft(matcher, match, STATE_NONE);
	if (draft) {
		draft->row.verdict = verdict_unknown(VERDICT_INVALID, 0);
		memcpy(draft->row.verdict.why, why, sizeof why);
		memcpy(draft->row.workers, match->ok, sizeof match->ok);
	}
}

/* --- twins ------------------------------------------------------------------------------------ */

/* The entry of the cell that this one repeats, in the same file; NULL when it is not there. */
static const struct entry *twin_of(const struct matcher *matcher, const struct entry *entry)
{
	struct cell first = cell_of(matcher, entry)->cell;
	char key[CELL_KEY];

	first.replica = 0;
	const struct entry wanted = { .key = cell_key(&first, key, sizeof key),
				      .side = entry->side,
				      .file = entry->file };
	const struct entry *found =
		bsearch(&wanted, matcher->entries, matcher->entry_count, sizeof wanted, by_key);
	return found && !found->refused ? found : NULL;
}

/* ln(twin / cell) of the visits in which both were well. */
static size_t twin_pairs(const struct result *file, size_t cell, size_t twin, double ratios[])
{
	size_t n = 0, i = file->first[cell];

	for (size_t j = file->first[twin]; j < file->first[twin + 1]; j++) {
		const struct result_worker *b = &file->workers[file->order[j]], *a;

		while (i < file->first[cell + 1] && file->workers[file->order[i]].visit < b->visit)
			i++;
		if (i == file->first[cell + 1])
			break;
		a = &file->workers[file->order[i]];
		if (a->visit != b->visit || !a->ok || !b->ok)
			continue;
		double ratio = statistics_pair(b->batch_ns, a->batch_ns,
					       a->turns < b->turns ? a->turns : b->turns);
		if (isfinite(ratio))
			ratios[n++] = ratio;
	}
	return n;
}

/* Cells that stand twice in a run are the gate's own check, and no cells of their own: a side's
 * runs of one, tested like any. */
static void check_twin(struct matcher *matcher, const struct match *match)
{
	struct compare_hidden *hidden = &matcher->comparison->hidden;

	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		double *ratios = matcher->values[side];
		struct verdict verdict;
		size_t n = 0;

		for (const struct entry *entry = match->begin; entry < match->end; entry++) {
			const struct entry *twin;

			if (entry->refused || entry->side != side)
				continue;
			twin = twin_of(matcher, entry);
			if (twin)
				n += twin_pairs(file_of(matcher, entry), twin->cell, entry->cell,
						ratios + n);
		}
		verdict_pairs(&verdict, ratios, n, matcher->comparison->margin);
		if (verdict.kind == VERDICT_INVALID)
			continue;
		if (!hidden->cells || n < hidden->pairs)
			hidden->pairs = n;
		hidden->cells++;
		hidden->misfires += verdict.p_difference < q;
	}
}

/* false after say_error(). */
static bool match_cells(struct matcher *matcher)
{
	const char *only = matcher->options->only;

	for (size_t begin = 0, end; begin < matcher->entry_count; begin = end) {
		const struct entry *entries = matcher->entries;
		bool planned = false, twin = false;
		for (end = begin; end < matcher->entry_count &&
				  strcmp(entries[end].key, entries[begin].key) == 0;
		     end++)
			planned = planned || !entries[end].refused;
		for (size_t i = begin; i < end; i++)
			twin = twin || (!entries[i].refused &&
					cell_of(matcher, &entries[i])->cell.replica > 0);
		if (!planned)
			continue;
		if (only && fnmatch(only, entries[begin].key, 0) != 0) {
			matcher->comparison->cells_not_asked++;
			continue;
		}
		struct match match = { .begin = entries + begin, .end = entries + end };
		if (twin)
			check_twin(matcher, &match);
		else
			compare_cell(matcher, &match);
	}
	if (matcher->failed) {
		say_error("out of memory");
		return false;
	}
	if (matcher->draft_count)
		return true;
	if (only && !matcher->comparison->lone_count)
		say_error("--only %s: no cell with such a key was measured; a star stands for any "
			  "characters",
			  only);
	else if (matcher->comparison->lone_count)
		say_error("nothing to compare: no cell was measured on both sides; %s, for "
			  "instance, only on the %s one",
			  matcher->comparison->lone[0].key,
			  matcher->comparison->lone[0].missing == COMPARE_OLD ? "new" : "old");
	else
		say_error("nothing to compare: no worker of any cell was measured");
	return false;
}

/* --- verdicts --------------------------------------------------------------------------------- */

/* Placement, CPUs where they were said outright, host state and the numbers of boots: the cells
 * whose spread between boots is taken to be of one kind. */
static int by_class(const void *left, const void *right)
{
	const struct compare_row *a = &((const struct draft *)left)->row;
	const struct compare_row *b = &((const struct draft *)right)->row;
	int order = strcmp(a->cell->cell.placement, b->cell->cell.placement);

	if (!order && strcmp(a->cell->cell.placement, "cpus") == 0)
		order = memcmp(a->cell->cell.cpus, b->cell->cell.cpus, sizeof a->cell->cell.cpus);
	if (!order)
		order = ((int)a->state > (int)b->state) - ((int)a->state < (int)b->state);
	for (unsigned side = 0; side < COMPARE_SIDES && !order; side++)
		order = (a->boots[side] > b->boots[side]) - (a->boots[side] < b->boots[side]);
	return order;
}

static int by_class_and_key(const void *left, const void *right)
{
	int order = by_class(left, right);

	return order ? order
		     : strcmp(((const struct draft *)left)->row.cell->key,
			      ((const struct draft *)right)->row.cell->key);
}

/* The moderated test of one class of rows. */
static bool compare_class(const struct matcher *matcher, struct draft drafts[], size_t n)
{
	const double **old = calloc(n, sizeof(const double *));
	const double **fresh = calloc(n, sizeof(const double *));
	struct verdict *verdicts = calloc(n, sizeof *verdicts);
	bool fine = old && fresh && verdicts;
	size_t boots = fewer_boots(&drafts[0].row);

	for (size_t i = 0; fine && i < n; i++) {
		old[i] = drafts[i].means[COMPARE_OLD];
		fresh[i] = drafts[i].means[COMPARE_NEW];
	}
	if (fine && boots >= 2) {
		verdict_boots(verdicts, n, old, drafts[0].row.boots[COMPARE_OLD], fresh,
			      drafts[0].row.boots[COMPARE_NEW], matcher->comparison->margin);
		for (size_t i = 0; i < n; i++)
			drafts[i].row.verdict = verdicts[i];
	}
	for (size_t i = 0; fine && i < n && boots < COMPARE_FEWEST_BOOTS; i++)
		not_enough_boots(&drafts[i], boots);
	free(old);
	free(fresh);
	free(verdicts);
	return fine;
}

static bool compare_boots(struct matcher *matcher)
{
	qsort(matcher->drafts, matcher->draft_count, sizeof *matcher->drafts, by_class_and_key);
	for (size_t i = 0, end; i < matcher->draft_count; i = end) {
		struct draft *first = &matcher->drafts[i];
		for (end = i + 1; end < matcher->draft_count; end++)
			if (by_class(first, &matcher->drafts[end]) != 0)
				break;
		/* rows without means were invalid before any was taken, and have no boots */
		if (first->means[COMPARE_OLD] && !compare_class(matcher, first, end - i))
			return false;
	}
	return true;
}

/* What earlier looks at a part of these files have spent is gone: nobody asks until the answer
 * pleases. */
static double level_left(const struct matcher *matcher)
{
	struct comparison *comparison = matcher->comparison;

	for (unsigned side = 0; side < COMPARE_SIDES; side++)
		for (size_t i = 0; i < matcher->file_count[side]; i++)
			comparison->spent_before =
				fmax(comparison->spent_before, matcher->files[side][i]->spent);
	double left = fmax(0, q - comparison->spent_before);

	return matcher->options->more ? left / 2 : left;
}

static bool is_tested(const struct verdict *verdict)
{
	return verdict->kind != VERDICT_INVALID && !isnan(verdict->p_difference);
}

/* What the look before has told of a row; NULL: nothing. */
static const struct verdict *told_before(const struct matcher *matcher,
					 const struct compare_row *row)
{
	const struct comparison *before = matcher->options->before;

	for (size_t i = 0; before && i < before->row_count; i++) {
		const struct compare_row *its = &before->rows[i];
		if (its->state == row->state && verdict_told(&its->verdict) &&
		    strcmp(its->cell->key, row->cell->key) == 0)
			return &its->verdict;
	}
	return NULL;
}

/* All that can be decided is one family: the more cells, the more each has to show. Rows of too few
 * boots have no p-values, and stay as they are. */
static bool decide(const struct matcher *matcher, double at)
{
	struct comparison *comparison = matcher->comparison;
	struct verdict *family = calloc(comparison->row_count, sizeof *family);

	if (!family)
		return false;
	for (size_t i = 0; i < comparison->row_count; i++) {
		const struct verdict *told = told_before(matcher, &comparison->rows[i]);
		family[i] = told ? *told : comparison->rows[i].verdict;
	}
	verdict_decide(family, comparison->row_count, comparison->margin, at);
	comparison->level = at;
	comparison->spent = comparison->spent_before;
	for (size_t i = 0; i < comparison->row_count; i++) {
		const struct verdict *told = told_before(matcher, &comparison->rows[i]);

		comparison->rows[i].verdict = told ? *told : family[i];
		if (!told && !isnan(family[i].p_difference)) /* asked */
			comparison->spent = comparison->spent_before + at;
	}
	free(family);
	return true;
}

/* --- what could have been found --------------------------------------------------------------- */

static double t_quantile(double p, double freedom)
{
	return freedom < 1e6 ? gsl_cdf_tdist_Pinv(p, freedom) : gsl_cdf_ugaussian_Pinv(p);
}

/* The level that one more changed cell would have to meet beside those that were found to differ:
 * Benjamini and Hochberg's line at the next rank. */
static double next_level(const double p[], size_t n, double level_of_all)
{
	size_t found = 0;

	for (size_t k = 1; k <= n; k++)
		if (p[k - 1] <= level_of_all * (double)k / (double)n)
			found = k;
	return level_of_all * (double)(found < n ? found + 1 : n) / (double)n;
}

static bool find_detectable(struct comparison *comparison)
{
	double *sorted = calloc(comparison->row_count, sizeof *sorted);
	size_t n = 0;

	comparison->detectable = comparison->detectable_worst = NAN;
	if (!sorted)
		return false;
	for (size_t i = 0; i < comparison->row_count; i++)
		if (!isnan(comparison->rows[i].verdict.p_difference))
			sorted[n++] = comparison->rows[i].verdict.p_difference;
	gsl_sort(sorted, 1, n);
	double alpha = next_level(sorted, n, comparison->level);
	n = 0;
	for (size_t i = 0; i < comparison->row_count; i++) {
		struct compare_row *row = &comparison->rows[i];
		const struct verdict *verdict = &row->verdict;
		if (isnan(verdict->p_difference) || !(verdict->freedom >= 1) ||
		    !(verdict->error >= 0))
			continue;
		row->detectable = verdict->error * (t_quantile(1 - alpha / 2, verdict->freedom) +
						    t_quantile(power, verdict->freedom));
		sorted[n++] = row->detectable;
	}
	if (n) {
		comparison->detectable = statistics_median(sorted, n);
		comparison->detectable_worst = statistics_quantile(sorted, n, 1);
	}
	free(sorted);
	return true;
}

static bool find_shift(struct comparison *comparison)
{
	double *logs = calloc(comparison->row_count, sizeof *logs);
	size_t n = 0;

	if (!logs)
		return false;
	for (size_t i = 0; i < comparison->row_count; i++)
		if (comparison->rows[i].verdict.kind != VERDICT_INVALID)
			logs[n++] = comparison->rows[i].verdict.log_ratio.estimate;
	comparison->shift = statistics_median_interval(logs, n, level);
	free(logs);
	return true;
}

/* --- the order of rows ------------------------------------------------------------------------ */

static int rank(enum verdict_kind kind)
{
	static const int ranks[] = { [VERDICT_SLOWER] = 0,
				     [VERDICT_FASTER] = 1,
				     [VERDICT_INVALID] = 2,
				     [VERDICT_CANT_TELL] = 3,
				     [VERDICT_SAME] = 4 };

	return ranks[kind];
}

static int by_weight(const void *left, const void *right)
{
	const struct compare_row *a = left, *b = right;

	if (a->verdict.kind != b->verdict.kind)
		return rank(a->verdict.kind) - rank(b->verdict.kind);
	if (a->verdict.kind != VERDICT_INVALID) {
		double x = fabs(a->verdict.log_ratio.estimate);
		double y = fabs(b->verdict.log_ratio.estimate);
		if (x != y)
			return x > y ? -1 : 1;
	}
	int order = strcmp(a->cell->key, b->cell->key);
	return order ? order : (int)a->state - (int)b->state;
}

static bool take_rows(struct matcher *matcher)
{
	struct comparison *comparison = matcher->comparison;

	comparison->rows = calloc(matcher->draft_count, sizeof *comparison->rows);
	if (!comparison->rows)
		return false;
	for (size_t i = 0; i < matcher->draft_count; i++)
		comparison->rows[i] = matcher->drafts[i].row;
	comparison->row_count = matcher->draft_count;
	return true;
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool prepare(struct matcher *matcher)
{
	bool fine = true;

	matcher->comparison->unit = measured_in_one_boot(matcher) ? COMPARE_RUNS : COMPARE_BOOTS;
	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		size_t workers = 0;
		for (size_t f = 0; f < matcher->file_count[side]; f++)
			workers += matcher->files[side][f]->worker_count;
		matcher->values[side] = calloc(workers + 1, sizeof(double));
		fine = fine && matcher->values[side] && number_boots(matcher, side);
	}
	return fine && list_entries(matcher);
}

/* Looks have levels of their own; intervals are those of the whole: 95 %, and of what was told as
 * wide as the false coverage rate of all that were wants it (Benjamini, Yekutieli 2005). */
static void set_intervals(struct comparison *comparison)
{
	size_t tested = 0, told = 0;

	for (size_t i = 0; i < comparison->row_count; i++) {
		tested += is_tested(&comparison->rows[i].verdict);
		told += verdict_told(&comparison->rows[i].verdict);
	}
	for (size_t i = 0; i < comparison->row_count; i++) {
		struct verdict *verdict = &comparison->rows[i].verdict;
		double share = verdict_told(verdict) ? (double)told / (double)tested : 1;

		if (is_tested(verdict))
			verdict_interval(verdict, 1 - q * share);
	}
}

static void make_all_invalid(struct comparison *comparison)
{
	const struct compare_hidden *hidden = &comparison->hidden;

	for (size_t i = 0; i < comparison->row_count; i++) {
		struct verdict *verdict = &comparison->rows[i].verdict;
		struct interval log_ratio = verdict->log_ratio;

		*verdict = verdict_unknown(VERDICT_INVALID, 0);
		verdict->log_ratio = log_ratio;
		snprintf(verdict->why, sizeof verdict->why,
			 "the machine called %zu of %zu hidden identical cells different, over the "
			 "%zu that chance allows",
			 hidden->misfires, hidden->cells, hidden->most);
	}
}

bool comparison_conclude(struct comparison *comparison)
{
	set_intervals(comparison);
	comparison->hidden.most =
		statistics_binomial_limit((unsigned)comparison->hidden.cells, q, chance);
	if (comparison->hidden.misfires > comparison->hidden.most)
		make_all_invalid(comparison);
	if (!find_detectable(comparison) || !find_shift(comparison))
		return false;
	for (size_t i = 0; i < comparison->row_count; i++)
		comparison->count[comparison->rows[i].verdict.kind]++;
	if (comparison->row_count)
		qsort(comparison->rows, comparison->row_count, sizeof *comparison->rows, by_weight);
	return true;
}

static bool conclude(struct matcher *matcher)
{
	return compare_boots(matcher) && take_rows(matcher) &&
	       decide(matcher, level_left(matcher)) && comparison_conclude(matcher->comparison);
}

static void matcher_free(struct matcher *matcher)
{
	for (size_t i = 0; i < matcher->draft_count; i++)
		for (unsigned side = 0; side < COMPARE_SIDES; side++)
			free(matcher->drafts[i].means[side]);
	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		free(matcher->boot[side]);
		free(matcher->values[side]);
	}
	free(matcher->drafts);
	free(matcher->entries);
}

struct comparison *compare_of(const struct result *const old[], size_t n_old,
			      const struct result *const fresh[], size_t n_new,
			      const struct compare_options *options, int *status)
{
	struct matcher matcher = { .files = { old, fresh },
				   .file_count = { n_old, n_new },
				   .comparison = calloc(1, sizeof(struct comparison)),
				   .options = options };
	bool fine = false;

	*status = EXIT_USAGE;
	if (!matcher.comparison) {
		say_error("out of memory");
		return NULL;
	}
	if (!check_twins(old, n_old) || !check_twins(fresh, n_new) ||
	    !choose_margin(&matcher, status))
		goto end;
	if (!prepare(&matcher)) {
		say_error("out of memory");
		goto end;
	}
	if (!match_cells(&matcher))
		goto end;
	fine = conclude(&matcher);
	if (!fine)
		say_error("out of memory");
end:
	matcher_free(&matcher);
	if (!fine) {
		comparison_free(matcher.comparison);
		return NULL;
	}
	*status = EXIT_FINE;
	return matcher.comparison;
}

void comparison_free(struct comparison *comparison)
{
	if (!comparison)
		return;
	free(comparison->rows);
	free(comparison->lone);
	free(comparison->left_out);
	free(comparison);
}

bool compare_fails(const struct compare_row *row, const struct compare_gate *gate)
{
	return gate->fail_on_slower && row->verdict.kind == VERDICT_SLOWER &&
	       row->verdict.log_ratio.estimate >= log1p(gate->least);
}

int compare_status(const struct comparison *comparison, const struct compare_gate *gate)
{
	size_t untold = comparison->count[VERDICT_CANT_TELL] + comparison->count[VERDICT_INVALID];

	for (size_t i = 0; i < comparison->row_count; i++)
		if (compare_fails(&comparison->rows[i], gate))
			return EXIT_GATE;
	return untold == comparison->row_count || (gate->strict && untold) ? EXIT_UNTOLD
									   : EXIT_FINE;
}
