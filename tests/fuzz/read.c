/* SPDX-License-Identifier: GPL-3.0-or-later */
/* read.c - libFuzzer's target for result files: whatever the bytes, they are read or refused with
 * one line, and what was read goes through levels, decisions, fits, summary, page, Markdown and
 * CSV, and through a comparison in all its formats.
 *
 * When the JSON of the header was changed, the keys of the cells are written anew.
 *
 * Run by tests/fuzz/run; -close_fd_mask=3 keeps what toll says out of the way. */
#include "../../analysis/decided.h"

#include "../../bench/say.h"
#include "../../reports/page.h"
#include "../../reports/report.h"
#include "../unit/said.h"
#include "fuzz.h"

/* --- what is done with an input --------------------------------------------------------------- */

static void summarize(const struct result *result, const struct level levels[], size_t n)
{
	char *text = NULL;
	size_t length = 0;

	FILE *stream = open_memstream(&text, &length);
	promise(stream && report_summary(stream, result, levels, n) == EXIT_FINE);
	fclose(stream);
	look_at(text, length, PERSON);
	free(text);

	stream = open_memstream(&text, &length);
	promise(stream && report_json(stream, result, levels, n) == EXIT_FINE);
	fclose(stream);
	json_t *object = json_loadb(text, length, 0, NULL);
	promise(json_is_object(object));
	json_decref(object);
	free(text);
}

static void write_pages(const struct result *result, const struct level levels[], size_t n,
			const struct fits *fits)
{
	static int (*const writers[])(FILE *, const struct page *) = { page_html, page_markdown,
								       page_csv };
	struct arrangement *arrangement = arrange(result, levels, n);
	struct figures none = { .missing = "not drawn here" };
	struct page page = { .arrangement = arrangement,
			     .levels = levels,
			     .level_count = n,
			     .fits = fits,
			     .figures = &none,
			     .figures_at = ".",
			     .files = "input.files",
			     .source = "input" };

	promise(arrangement);
	for (size_t w = 0; w < sizeof writers / sizeof *writers; w++) {
		char *text = NULL;
		size_t length = 0;
		FILE *stream = open_memstream(&text, &length);
		promise(stream && writers[w](stream, &page) == 0);
		fclose(stream);
		/* a row of CSV ends as RFC 4180 has it */
		if (writers[w] != page_csv)
			look_at(text, length, PERSON);
		/* of all tags there is none that a result could bring */
		promise(writers[w] == page_csv || !strcasestr(text, "<script"));
		free(text);
	}
	arrange_free(arrangement);
}

enum { RUNS = 2 * COMPARE_FEWEST_BOOTS };

/* A run like another with another seed, and a little slower: workers are its own. */
static struct result another_run(const struct result *result, unsigned number)
{
	struct result run = *result;

	run.seed += number;
	run.workers = calloc(run.worker_count + 1, sizeof *run.workers);
	promise(run.workers);
	for (size_t i = 0; i < run.worker_count; i++) {
		run.workers[i] = result->workers[i];
		run.workers[i].value += 0.001 * number * (double)(i % 7);
	}
	return run;
}

/* Five runs like it against five more. How many errors were said: one where there is nothing to
 * compare. */
static size_t compare(const struct result *result)
{
	struct result runs[RUNS];
	const struct result *files[RUNS];
	const struct compare_options options = { .margin = NAN };
	int status;

	for (unsigned i = 0; i < RUNS; i++) {
		runs[i] = another_run(result, i);
		files[i] = &runs[i];
	}
	struct environment *environment = environment_of(files, RUNS, NULL);
	promise(environment && environment->same);
	struct comparison *comparison =
		compare_of(files, RUNS / 2, files + RUNS / 2, RUNS / 2, &options, &status);
	if (comparison) {
		const struct compare_report report = { .comparison = comparison,
						       .environment = environment,
						       .files = { files, files + RUNS / 2 },
						       .file_count = { RUNS / 2, RUNS / 2 } };
		promise(status == EXIT_FINE);
		print_comparison(&report);
	}
	bool failed = !comparison;
	comparison_free(comparison);
	environment_free(environment);
	for (unsigned i = 0; i < RUNS; i++)
		free(runs[i].workers);
	return failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	write_input(data, size);
	said_begin();
	size_t failures = 0;
	struct result *result = result_read(path);
	if (!result) {
		failures = 1;
	} else {
		size_t n = 0;
		struct level *levels = level_of(result, &n);
		promise(levels);
		struct result_decision *decisions;
		size_t decided;
		promise(decided_at(result, 0.05, &decisions, &decided));
		promise(decided <= n);
		free(decisions);
		struct fits *fits = fit_of(result, levels, n, 1);
		promise(fits);
		/* a result without a worker that finished has nothing to fit */
		failures += fit_print(result, fits, false) != EXIT_FINE;
		failures += fit_print(result, fits, true) != EXIT_FINE;
		size_t workers = 0;
		for (size_t i = 0; i < n; i++)
			workers += levels[i].workers;
		promise(failures == (workers ? 0 : 2));
		summarize(result, levels, n);
		write_pages(result, levels, n, fits);
		failures += compare(result);
		fit_free(fits);
		free(levels);
	}
	check_said(said_end(), failures);
	result_free(result);
	return 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

static void take_text(const json_t *object, const char *name, char *out, size_t bytes)
{
	const char *text = json_string_value(json_object_get(object, name));

	snprintf(out, bytes, "%s", text ? text : "");
}

/* The key that the other members of a cell say, as far as they can be read. */
static void write_key(json_t *object, json_int_t id)
{
	struct cell cell = {
		.size = (uint64_t)json_integer_value(json_object_get(object, "size")),
		.depth = -1,
		.copy = json_is_true(json_object_get(object, "copy")),
		.replica = (unsigned)json_integer_value(json_object_get(object, "replica")),
		.peers = (unsigned)json_integer_value(json_object_get(object, "peers")),
	};
	const json_t *cpus = json_object_get(object, "cpus"),
		     *depth = json_object_get(object, "depth");
	char wait[64], word[16], key[CELL_KEY];

	if (cell.peers > CELL_MOST_PEERS)
		cell.peers = CELL_MOST_PEERS;
	for (unsigned p = 0; p < cell.peers; p++)
		cell.cpus[p] = (int)json_integer_value(json_array_get(cpus, p));
	if (json_is_integer(depth))
		cell.depth = (int)json_integer_value(depth);
	take_text(object, "mechanism", cell.mechanism, sizeof cell.mechanism);
	take_text(object, "options", cell.options, sizeof cell.options);
	take_text(object, "pattern", cell.pattern, sizeof cell.pattern);
	take_text(object, "pattern_options", cell.pattern_options, sizeof cell.pattern_options);
	take_text(object, "placement", cell.placement, sizeof cell.placement);
	take_text(object, "wait", wait, sizeof wait);
	cell_wait_parse(wait, &cell.wait, &cell.wait_amount);
	take_text(object, "idle", word, sizeof word);
	cell.idle = !strcmp(word, "awake") ? IDLE_AWAKE : *word ? IDLE_SLEEP : IDLE_NONE;
	take_text(object, "touch", word, sizeof word);
	cell.touch_all = strcmp(word, "header") != 0;
	take_text(object, "peers_are", word, sizeof word);
	cell.threads = !strcmp(word, "threads");
	json_object_set_new(object, "key", json_string(cell_key(&cell, key, sizeof key)));
	json_object_set_new(object, "wait_class",
			    json_string(cell_spins(&cell) ? "spinning" : "sleeping"));
	json_object_set_new(object, "id", json_integer(id));
}

static void write_keys(json_t *header, bool first)
{
	if (!first)
		return;
	json_t *cells = json_object_get(json_object_get(header, "plan"), "cells");

	if (draw(4) == 0 && json_array_size(cells)) {
		json_t *twin = json_deep_copy(
			json_array_get(cells, draw((unsigned)json_array_size(cells))));
		change(twin);
		json_array_append_new(cells, twin);
	}
	for (size_t i = 0; i < json_array_size(cells); i++)
		if (json_is_object(json_array_get(cells, i)))
			write_key(json_array_get(cells, i), (json_int_t)i);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	return change_input(data, size, most, seed, write_keys, "visit");
}
