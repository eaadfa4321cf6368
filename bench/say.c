/* SPDX-License-Identifier: GPL-3.0-or-later */
/* say.c - what toll tells its user: errors, progress, colour, and numbers for people. */
#include "say.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../reports/text.h"

bool say_json;

enum { TEXT = 1024 };

static char first_error[TEXT];
static bool progress_shown;

/* Names come from files and command lines: a control character could drive the terminal, and others
 * turn what stands beside them. text holds TEXT bytes. */
__attribute__((format(printf, 2, 0))) static void print_harmless(char *text, const char *format,
								 va_list arguments)
{
	char raw[TEXT];

	vsnprintf(raw, sizeof raw, format, arguments);
	text_clean(raw, text, sizeof raw);
}

static void clear_progress(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

static void print_line(enum say_style style, const char *label, const char *text)
{
	clear_progress();
	fprintf(stderr, "%stoll:%s %s%s\n", say_style(stderr, style), say_style(stderr, SAY_PLAIN),
		label, text);
}

void say_error(const char *format, ...)
{
	char text[TEXT];
	va_list arguments;
	va_start(arguments, format);
	print_harmless(text, format, arguments);
	va_end(arguments);

	if (!*first_error)
		memcpy(first_error, text, sizeof text);
	print_line(SAY_BAD, "", text);
}

void say_warning(const char *format, ...)
{
	char text[TEXT];
	va_list arguments;
	va_start(arguments, format);
	print_harmless(text, format, arguments);
	va_end(arguments);

	print_line(SAY_HEAD, "note: ", text);
}

bool say_failed(void)
{
	return *first_error;
}

void say_finish(bool json_was_printed)
{
	if (!say_json || json_was_printed || !say_failed())
		return;
	json_t *text = json_string(first_error);
	json_t *object = json_pack("{s:o}", "error", text);
	char *line = object ? json_dumps(object, 0) : NULL;
	/* one object even when memory has run out */
	puts(line ? line : "{\"error\": \"out of memory\"}");
	free(line);
	json_decref(object);
}

void say_progress(const char *format, ...)
{
	if (!isatty(STDERR_FILENO))
		return;
	clear_progress();
	if (!format)
		return;

	char text[TEXT];
	va_list arguments;
	va_start(arguments, format);
	print_harmless(text, format, arguments);
	va_end(arguments);

	/* a line that wraps could not be overwritten */
	struct winsize window = { 0 };
	size_t columns =
		ioctl(STDERR_FILENO, TIOCGWINSZ, &window) || !window.ws_col ? 80 : window.ws_col;
	if (strlen(text) >= columns) {
		size_t cut = columns - 1;
		while (cut &&
		       ((unsigned char)text[cut] & 0xc0) == 0x80) /* not inside a character */
			cut--;
		text[cut] = '\0';
	}
	fputs(text, stderr);
	fflush(stderr);
	progress_shown = true;
}

const char *say_style(FILE *stream, enum say_style style)
{
	static const char *const sequence[] = {
		[SAY_PLAIN] = "\033[0m", [SAY_BOLD] = "\033[1m", [SAY_DIM] = "\033[2m",
		[SAY_GOOD] = "\033[32m", [SAY_BAD] = "\033[31m", [SAY_HEAD] = "\033[36m",
		[SAY_WARN] = "\033[33m",
	};
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	int fd = fileno(stream); /* -1: a stream in memory */

	if (fd < 0 || !isatty(fd) || (no_color && *no_color) || !term || strcmp(term, "dumb") == 0)
		return "";
	return sequence[style];
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

enum { LONGEST_WORD = 64 };

/* Insertions, deletions, changes and swaps of neighbours (optimal string alignment), case ignored.
 */
static size_t distance(const char *a, const char *b)
{
	size_t table[3][LONGEST_WORD + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	for (size_t j = 0; j <= b_length; j++)
		table[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *row = table[i % 3], *above = table[(i - 1) % 3];
		const size_t *second_above = table[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			int x = tolower((unsigned char)a[i - 1]),
			    y = tolower((unsigned char)b[j - 1]);
			row[j] =
				least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]))
				row[j] = least(row[j], second_above[j - 2] + 1);
		}
	}
	return table[a_length % 3][b_length];
}

const char *say_nearest(const char *word, const char *const words[], size_t n)
{
	const char *best = NULL;
	size_t length = strlen(word), best_distance = SIZE_MAX;

	if (length > LONGEST_WORD)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t other = strlen(words[i]);
		if (other > LONGEST_WORD)
			continue;
		size_t d = distance(word, words[i]);
		/* "unix" is near to "unix-stream" whatever its length */
		bool prefix = length >= 2 && other >= 2 &&
			      strncasecmp(word, words[i], least(length, other)) == 0;
		if (!prefix && d > (least(length, other) + 2) / 3)
			continue;
		if (d < best_distance) {
			best_distance = d;
			best = words[i];
		}
	}
	return best;
}

char *say_duration(double seconds, char *buffer)
{
	if (!(seconds >= 0 && seconds < 1e9)) {
		snprintf(buffer, 24, "-");
		return buffer;
	}
	long total = lround(seconds);
	if (total >= 3600)
		snprintf(buffer, 24, "%ld:%02ld:%02ld", total / 3600, total / 60 % 60, total % 60);
	else
		snprintf(buffer, 24, "%ld:%02ld", total / 60, total % 60);
	return buffer;
}

/* Three significant digits: 3.81, 38.1, 381; the caller keeps value below 999.5. */
static void three_digits(double value, const char *unit, char *buffer)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
	snprintf(buffer, 24, "%.*f %s", decimals, value, unit);
}

char *say_size(unsigned long long bytes, char *buffer)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t u = 0;
	double value = (double)bytes;
	while (value >= 1024) {
		value /= 1024;
		u++;
	}
	if (value == floor(value) || value >= 999.5)
		snprintf(buffer, 24, "%.0f %s", value, units[u]);
	else
		three_digits(value, units[u], buffer);
	return buffer;
}

char *say_ns(double ns, char *buffer)
{
	static const char *const units[] = { "ns", "µs", "ms", "s" };
	if (!isfinite(ns)) {
		snprintf(buffer, 24, "-");
		return buffer;
	}
	size_t u = 0;
	while (fabs(ns) >= 999.5 && u < 3) {
		ns /= 1000;
		u++;
	}
	if (fabs(ns) >= 999.5)
		snprintf(buffer, 24, "%.0f s", ns);
	else
		three_digits(ns, units[u], buffer);
	return buffer;
}
