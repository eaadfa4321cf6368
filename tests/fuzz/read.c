/* SPDX-License-Identifier: GPL-3.0-or-later */
/* read.c - libFuzzer's target for result files: whatever the bytes, they are read or refused with
 * one line, and what was read goes through levels, decisions, fits, summary, page, Markdown and
 * CSV, and through a comparison in all its formats.
 *
 * Bytes changed blindly hardly get past the reader, whose members have to agree. So half of the
 * changes are made to the JSON of a line, and the keys of the cells are then written anew.
 *
 * Run by tests/fuzz/run; -close_fd_mask=3 keeps what toll says out of the way. */
#include "../../analysis/decided.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../bench/say.h"
#include "../../reports/compare_print.h"
#include "../../reports/page.h"
#include "../../reports/report.h"
#include "../unit/said.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most); /* libFuzzer's own */

static int file; /* holds the input */
static char path[32];
static int errors = STDERR_FILENO; /* as it was before libFuzzer closed it */

/* What holds for every input. */
#define promise(kept) ((kept) ? (void)0 : broken(__LINE__, #kept))

static void broken(int line, const char *what)
{
	dprintf(errors, "%s:%d: broken: %s\n", __FILE__, line, what);
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	json_object_seed(1);               /* the same input takes the same way each time */
	setenv("PATH", "/nonexistent", 1); /* no gnuplot: thousands of drawings a minute */
	errors = dup(STDERR_FILENO);
	file = memfd_create("input", MFD_CLOEXEC);
	promise(errors >= 0 && file >= 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	return 0;
}

/* --- what is done with an input --------------------------------------------------------------- */

/* What was written on a stream in memory; steers: whether line ends alone may steer a terminal. */
static void look_at(const char *text, size_t length, bool steers)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		promise(steers || (c >= ' ' && c != 127) || c == '\n');
	}
}

static void summarize(const struct result *result, const struct level levels[], size_t n)
{
	char *text = NULL;
	size_t length = 0;

	FILE *stream = open_memstream(&text, &length);
	promise(stream && report_summary(stream, result, levels, n) == EXIT_FINE);
	fclose(stream);
	look_at(text, length, false);
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
		look_at(text, length, writers[w] == page_csv);
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

static void print_comparison(const struct compare_report *report)
{
	for (size_t f = 0; f < compare_format_count; f++) {
		const char *format = compare_formats[f];
		char *text = NULL;
		size_t length = 0;
		/* these two are a drawing or an error */
		if (!strcmp(format, "svg") || !strcmp(format, "png"))
			continue;
		FILE *stream = open_memstream(&text, &length);
		promise(stream && compare_print(stream, report, format) == 0);
		fclose(stream);
		look_at(text, length, !strcmp(format, "csv") || !strcmp(format, "tsv"));
		promise(!strcmp(format, "csv") || !strcmp(format, "json") ||
			!strcmp(format, "text") || !strcasestr(text, "<script"));
		if (!strcmp(format, "json")) {
			json_t *object = json_loadb(text, length, 0, NULL);
			promise(json_is_object(object));
			json_decref(object);
		}
		free(text);
	}
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

/* What toll has said: lines that begin with its name, and for each failure one that is no note. */
static void check_said(const char *said, size_t failures)
{
	size_t found = 0;

	look_at(said, strlen(said), false);
	for (const char *line = said; *line;) {
		promise(!strncmp(line, "toll: ", 6));
		found += strncmp(line, "toll: note: ", 12) != 0;
		const char *end = strchr(line, '\n');
		promise(end || strlen(said) > 1000); /* said.h keeps so much */
		line = end ? end + 1 : "";
	}
	promise(found == failures);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	promise(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
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

/* --- changes that keep a file a file ---------------------------------------------------------- */

static unsigned drawn;

static unsigned draw(unsigned below) /* below > 0 */
{
	drawn = drawn * 1664525 + 1013904223;
	return (drawn >> 8) % below;
}

static json_t *awkward(void)
{
	static const char *const texts[] = {
		"",
		"\x1b[2J\r\n",
		"<script>alert(1)</script>",
		"\"; system(\"touch PWNED\") #",
		"`touch PWNED`$(touch PWNED)",
		"=1+1|%s%n",
		"\xe2\x80\xae\xf0\x9f\xa6\x86\t",
		"layout=shared-line",
		"layout=slot",
		"stream",
		"cpus",
	};
	static const double numbers[] = {
		0, -1, 1, 0.5, 1e-6, 1e-300, 1e18, 1e308, 4096, 80.5, 15
	};
	char name[64];

	switch (draw(8)) {
	case 0:
		return json_null();
	case 1:
		return json_boolean(draw(2));
	case 2:
		return json_integer((json_int_t)1 << draw(63));
	case 3:
		return json_integer((json_int_t)draw(20));
	case 4:
		return json_real(numbers[draw(sizeof numbers / sizeof *numbers)]);
	case 5:
		return json_real(exp((double)draw(1000) / 50));
	case 6:
		return draw(2) ? json_array() : json_object();
	default:
		snprintf(name, sizeof name, "%s", texts[draw(sizeof texts / sizeof *texts)]);
		return json_string(name);
	}
}

/* Changes one value somewhere below another. */
static void change(json_t *value)
{
	size_t items = json_is_array(value) ? json_array_size(value) : json_object_size(value);

	if (!items)
		return;
	size_t at = draw((unsigned)items);
	if (json_is_array(value)) {
		json_t *item = json_array_get(value, at);
		if (json_is_object(item) || (json_is_array(item) && draw(2)))
			change(item);
		else if (draw(4) == 0)
			json_array_remove(value, at);
		else if (draw(4) == 0)
			json_array_append(value, item);
		else
			json_array_set_new(value, at, awkward());
		return;
	}
	void *iterator = json_object_iter(value);
	while (at--)
		iterator = json_object_iter_next(value, iterator);
	json_t *member = json_object_iter_value(iterator);
	if ((json_is_object(member) || json_is_array(member)) && draw(8))
		change(member);
	else if (json_is_real(member) && draw(2))
		json_object_iter_set_new(value, iterator,
					 json_real(json_number_value(member) * 1.7));
	else if (json_is_integer(member) && draw(2))
		json_object_iter_set_new(value, iterator,
					 json_integer(json_integer_value(member) / 2 + 1));
	else
		json_object_iter_set_new(value, iterator, awkward());
}

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
	cell_wait_parse(wait, &cell.wait, &cell.hybrid_ns);
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

static void write_keys(json_t *header)
{
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
	drawn = seed;
	if (draw(2))
		return LLVMFuzzerMutate(data, size, most);

	size_t lines = 0, begin = 0, end;
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	if (!lines)
		return LLVMFuzzerMutate(data, size, most);
	for (size_t skip = draw(3) ? draw((unsigned)lines) : 0; skip; begin++)
		skip -= data[begin] == '\n';
	for (end = begin; data[end] != '\n';)
		end++;
	json_t *object = json_loadb((const char *)data + begin, end - begin, 0, NULL);
	if (!json_is_object(object)) {
		json_decref(object);
		return LLVMFuzzerMutate(data, size, most);
	}
	for (unsigned times = 1 + draw(3); times; times--)
		change(object);
	if (!begin)
		write_keys(object);
	bool again = begin && draw(4) == 0; /* another worker beside the one it was made from */
	if (again)
		json_object_set_new(object, "visit", json_integer((json_int_t)draw(1000)));
	char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	size_t length = text ? strlen(text) : 0, from = again ? begin : end + 1;
	if (text && begin + length + 1 + size - from <= most) {
		memmove(data + begin + length + 1, data + from, size - from);
		memcpy(data + begin, text, length + 1);
		data[begin + length] = '\n';
		size = begin + length + 1 + size - from;
	}
	free(text);
	return size;
}
