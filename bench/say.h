/* SPDX-License-Identifier: GPL-3.0-or-later */
/* say.h - what toll tells its user: errors on one line, progress on a terminal, colour where it
 * is wanted. Errors read "toll: WHERE: WHAT; WHAT TO DO"; with --json they are also an object. */
#ifndef SAY_H
#define SAY_H

#include <stdbool.h>
#include <stdio.h>

enum { EXIT_FINE = 0, EXIT_GATE = 1, EXIT_UNTOLD = 2, EXIT_ENVIRONMENT = 3, EXIT_USAGE = 4 };

/* --json: errors become {"error": "..."} on standard output as well (once; the first one). */
extern bool say_json;

/* One line on standard error, "toll: " before it. Remembered: say_failed() is true from now on. */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same without counting as a failure. */
void say_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool say_failed(void);
/* Prints {"error": TEXT} when --json is on and an error was said; called once, at the very end. */
void say_finish(bool json_was_printed);

/* A line that is overwritten in place; nothing at all when standard error is no terminal.
 * NULL clears it. */
void say_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Escape sequences for a stream, or "" when it is no terminal, NO_COLOR is set or TERM is dumb. */
enum say_style { SAY_PLAIN, SAY_BOLD, SAY_DIM, SAY_GOOD, SAY_BAD, SAY_HEAD, SAY_WARN };
const char *say_style(FILE *stream, enum say_style style);

/* The entry of words[0..n) nearest to word by edit distance, or NULL when none is near. */
const char *say_nearest(const char *word, const char *const words[], size_t n);

/* Durations and sizes for people: "0:42", "1:02:03"; "64 B", "4 KiB". buffer of at least 24. */
char *say_duration(double seconds, char *buffer);
char *say_size(unsigned long long bytes, char *buffer);
/* A time in three significant digits with its unit: "104 ns", "3.81 µs". buffer of at least 24. */
char *say_ns(double ns, char *buffer);

#endif
