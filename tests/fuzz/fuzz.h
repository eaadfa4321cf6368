/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz.h - what the fuzzers of files of JSON lines share: the input as a file, promises, and
 * changes that keep a file a file.
 *
 * Bytes changed blindly hardly get past a reader whose members have to agree. So half of the
 * changes are made to the JSON of a line. */
#ifndef FUZZ_H
#define FUZZ_H

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../reports/compare_print.h"
#include "../../reports/text.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most); /* libFuzzer's own */

static int file; /* holds the input */
static char path[32];
static int errors = STDERR_FILENO; /* as it was before libFuzzer closed it */

/* What holds for every input. */
#define promise(kept) ((kept) ? (void)0 : broken(__FILE__, __LINE__, #kept))

static void broken(const char *source, int line, const char *what)
{
	dprintf(errors, "%s:%d: broken: %s\n", source, line, what);
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

/* The input as a file, whose name is path. */
static void write_input(const uint8_t *data, size_t size)
{
	promise(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
}

/* --- what comes out of it --------------------------------------------------------------------- */

enum reader { PERSON, PROGRAM };

/* What was written on a stream in memory: for a program control characters are escaped, and a
 * person sees no character that could turn what stands beside it either. */
static void look_at(const char *text, size_t length, enum reader reader)
{
	char *line = malloc(length + 1), *clean = malloc(length + 1);

	promise(line && clean && strlen(text) == length);
	for (const char *at = text; *at; at += *at == '\n') {
		size_t bytes = strcspn(at, "\n");

		memcpy(line, at, bytes);
		line[bytes] = '\0';
		at += bytes;
		for (const char *c = line; *c; c++)
			promise((unsigned char)*c >= ' ' && *c != 127);
		if (reader == PROGRAM || strcmp(text_clean(line, clean, length + 1), line) == 0)
			continue;
		dprintf(errors, "as it came out: %s\n", line);
		promise(!"what a person reads is clean");
	}
	free(line);
	free(clean);
}

/* In every format. */
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
		if (strcmp(format, "csv") != 0 && strcmp(format, "tsv") != 0)
			look_at(text, length,
				strcmp(format, "json") == 0 || strcmp(format, "junit") == 0
					? PROGRAM
					: PERSON);
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

/* What toll has said: lines that begin with its name, and for each failure one that is no note. */
static void check_said(const char *said, size_t failures)
{
	size_t found = 0;

	look_at(said, strlen(said), PERSON);
	for (const char *line = said; *line;) {
		promise(!strncmp(line, "toll: ", 6));
		found += strncmp(line, "toll: note: ", 12) != 0;
		const char *end = strchr(line, '\n');
		promise(end || strlen(said) > 1000); /* said.h keeps so much */
		line = end ? end + 1 : "";
	}
	promise(found == failures);
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

/* Changes the bytes or a line. mend, called with the line's object and whether it is the first,
 * brings into agreement what has to agree; number: the member that tells one line from another. */
static size_t change_input(uint8_t *data, size_t size, size_t most, unsigned seed,
			   void (*mend)(json_t *object, bool first), const char *number)
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
	mend(object, !begin);
	bool again = begin && draw(4) == 0; /* another line beside the one it was made from */
	if (again)
		json_object_set_new(object, number, json_integer((json_int_t)draw(1000)));
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

#endif
