/* SPDX-License-Identifier: GPL-3.0-or-later */
/* commands.h - the commands of toll and what they share. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#ifndef TOLL_VERSION
#define TOLL_VERSION "0.1.0"
#endif

enum { SIGNALLED = 128 }; /* plus the signal's number: the exit status of what a signal ended */

struct command {
	const char *name, *about;
	const char *help; /* one screen */
	/* argv[0] is the command's name; rest: what stood behind "--", NULL when there was none.
	 * Returns an exit status. */
	int (*run)(int argc, char **argv, char **rest);
};

/* Set by a command that has written its JSON, so that an error does not add a second object. */
extern bool command_printed_json;

struct result;

/* What was made of a file that was cut short is made, and is no success: the status, or that of a
 * mistake after say_error(). */
int command_cut_short(const struct result *result, int status);

/* getopt_long() that says what is wrong, naming the nearest option: the option's val, *index its
 * place in options (-1 for a letter alone); -1 at the end; '?' after say_error(). letters begin
 * with ":". */
int command_option(int argc, char **argv, const char *letters, const struct option options[],
		   int *index);

extern const char compare_help[];
int cmd_compare(int argc, char **argv, char **rest);
extern const char check_help[];
int cmd_check(int argc, char **argv, char **rest);
extern const char doctor_help[];
int cmd_doctor(int argc, char **argv, char **rest);
extern const char list_help[];
int cmd_list(int argc, char **argv, char **rest);
extern const char new_help[];
int cmd_new(int argc, char **argv, char **rest);

#endif
