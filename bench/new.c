/* SPDX-License-Identifier: GPL-3.0-or-later */
/* new.c - toll new: a mechanism or a pattern to start from. What is written is whole: it builds,
 * and it passes toll check before a word of it is changed (bench/templates). */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "registry.h"
#include "say.h"
#include "templates.h"

const char new_help[] =
	"toll new mechanism NAME [options]     a file to start from: NAME.c\n"
	"toll new pattern NAME [options]       the same of a pattern: NAME.h\n"
	"\n"
	"What it writes builds and keeps all promises as it stands: change it step by step. A\n"
	"mechanism becomes a plug-in, or goes into mechanisms/ of toll's source and is built in;\n"
	"a pattern goes into bench/patterns/ there, and every mechanism has it at the next make.\n"
	"The command prints what to do next.\n"
	"\n"
	"  -o, --output DIR           where [where it belongs in toll's source, when this folder\n"
	"                             is one; else here]\n"
	"      --json                 what was written, as JSON\n"
	"\n"
	"man toll-mechanism walks through writing one; toll check FILE.so says what it keeps.\n"
	"\n"
	"exit: 0 written; 4 a mistake, or the file or the name is there already\n";

struct kind {
	const char *word;     /* on the command line */
	const char *registry; /* what the registry calls them */
	const char *text, *name, *suffix, *folder;
	const char *punctuation; /* that a name may have beside lower-case letters and digits */
};

static const struct kind kinds[] = {
	{ "mechanism", "mechanisms", template_mine, "mine", ".c", "mechanisms", "-_" },
	{ "pattern", "patterns", template_burst, "burst", ".h", "bench/patterns", "_" },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Names stand in keys, in a file's name and in C. */
static int check_name(const struct kind *kind, const char *name)
{
	static const char *const macros[] = { "linux", "unix" };
	bool good = islower((unsigned char)*name) && strlen(name) < CELL_NAME;

	for (const char *c = name; *c; c++)
		good = good && (islower((unsigned char)*c) || isdigit((unsigned char)*c) ||
				strchr(kind->punctuation, *c));
	for (size_t m = 0; m < sizeof macros / sizeof *macros; m++)
		good = good && strcmp(name, macros[m]) != 0; /* gnu11 defines them */
	if (good)
		return 0;
	say_error("new: \"%s\" cannot be the name of a %s; it begins with a lower-case letter, has "
		  "such, digits and \"%s\", at most %d, and is no word of the compiler's",
		  name, kind->word, kind->punctuation, CELL_NAME - 1);
	return -1;
}

static int check_free(const struct kind *kind, const char *name)
{
	struct registry *registry = registry_open(NULL, 0);

	if (!registry)
		return -1;
	bool there = kind == kinds ? registry_mechanism(registry, name)
				   : registry_pattern(registry, name);
	registry_close(registry);
	if (there)
		say_error("new: there is a %s called %s already; toll list %s", kind->word, name,
			  kind->registry);
	return there ? -1 : 0;
}

/* The template with its name replaced: in C as an identifier, where it is quoted or a file's name
 * as it was given, and in capitals as capitals. */
static void write_text(FILE *file, const struct kind *kind, const char *name)
{
	size_t length = strlen(kind->name);
	char capitals[CELL_NAME] = "";

	for (size_t i = 0; i < length; i++)
		capitals[i] = (char)toupper((unsigned char)kind->name[i]);
	for (const char *at = kind->text; *at; at++) {
		bool small = strncmp(at, kind->name, length) == 0,
		     capital = strncmp(at, capitals, length) == 0,
		     begins = at == kind->text || !isalnum((unsigned char)at[-1]);
		if (!begins || (!small && !capital) || isalnum((unsigned char)at[length])) {
			fputc(*at, file);
			continue;
		}
		bool text = (at > kind->text && at[-1] == '"') || at[length] == '.';
		for (const char *c = name; *c; c++)
			fputc(text        ? *c
			      : *c == '-' ? '_'
			      : capital   ? toupper((unsigned char)*c)
					  : *c,
			      file);
		at += length - 1;
	}
}

static int write_file(const char *path, const struct kind *kind, const char *name)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file) {
		say_error("new: %s: %s", path,
			  errno == EEXIST ? "is there already; it is not written over"
					  : strerror(errno));
		return -1;
	}
	write_text(file, kind, name);
	if (ferror(file) | fclose(file)) {
		say_error("new: %s: %s", path, strerror(errno));
		unlink(path);
		return -1;
	}
	return 0;
}

/* What a plug-in is compiled with: pkg-config knows it of a toll that is installed. */
static const char *flags(char *buffer, size_t bytes)
{
	static const char tail[] = "bin/toll";
	char program[PATH_MAX / 2];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
	struct stat status;

	snprintf(buffer, bytes, "$(pkg-config --cflags toll)");
	if (length < 0)
		return buffer;
	program[length] = '\0';
	char *name = strrchr(program, '/');
	if (!name)
		return buffer;
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%.*s/../bench/toll.h", (int)(name - program), program);
	if (stat(path, &status) == 0) {
		snprintf(buffer, bytes,
			 "-std=gnu11 -D_GNU_SOURCE -O2 -fno-jump-tables -falign-functions=64 "
			 "-falign-loops=32 -I'%.*s/../bench' -I'%.*s'",
			 (int)(name - program), program, (int)(name - program), program);
	} else if (strlen(program) > strlen(tail) && strncmp(program, "/usr/", 5) != 0) {
		name[-(ptrdiff_t)strlen("/bin")] = '\0'; /* not where pkg-config looks by itself */
		snprintf(buffer, bytes,
			 "$(PKG_CONFIG_PATH='%s/share/pkgconfig' pkg-config --cflags toll)",
			 program);
	}
	return buffer;
}

static void print_next(const struct kind *kind, const char *path, const char *name, bool in_source)
{
	char how[PATH_MAX + 64];

	printf("%s%s%s is written. Next:\n", say_style(stdout, SAY_BOLD), path,
	       say_style(stdout, SAY_PLAIN));
	if (kind != kinds && !in_source)
		puts("  put it into bench/patterns/ of toll's source");
	if (kind != kinds)
		printf("  make\n  build/toll check pipe --pattern %s\n"
		       "  build/toll one pipe --pattern %s\n",
		       name, name);
	else if (in_source)
		printf("  make\n  build/toll check %s\n  build/toll vs %s pipe\n", name, name);
	else
		printf("  cc -shared -fPIC %s -o %s.so %s\n  toll check ./%s.so\n"
		       "  toll vs %s pipe -m ./%s.so\n",
		       flags(how, sizeof how), name, path, name, name, name);
}

static int write_new(const struct kind *kind, const char *name, const char *directory)
{
	char path[PATH_MAX];
	bool in_source =
		!directory && access("bench/toll.h", F_OK) == 0 && access(kind->folder, W_OK) == 0;

	if (in_source)
		directory = kind->folder;
	snprintf(path, sizeof path, "%s%s%s%s", directory ? directory : "", directory ? "/" : "",
		 name, kind->suffix);
	if (check_name(kind, name) || check_free(kind, name) || write_file(path, kind, name))
		return EXIT_USAGE;
	if (!say_json) {
		print_next(kind, path, name, in_source);
		return EXIT_FINE;
	}
	json_t *object = json_pack("{s:s}", "written", path);
	if (!object || json_dumpf(object, stdout, JSON_INDENT(2))) {
		json_decref(object);
		say_error("out of memory, or standard output is closed");
		return EXIT_USAGE;
	}
	json_decref(object);
	putchar('\n');
	command_printed_json = true;
	return EXIT_FINE;
}

int cmd_new(int argc, char **argv, char **rest)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	const char *directory = NULL, *words[KINDS];
	int option, index;

	while ((option = command_option(argc, argv, ":o:", options, &index)) != -1) {
		if (option == '?')
			return EXIT_USAGE;
		if (option == 'o')
			directory = optarg;
	}
	if (argc - optind < 2) {
		say_error("new: what, and its name? toll new mechanism NAME; toll new -h");
		return EXIT_USAGE;
	}
	if (rest || argc - optind > 2) {
		say_error("new: \"%s\" is one argument too many; toll new -h",
			  rest ? "--" : argv[optind + 2]);
		return EXIT_USAGE;
	}
	for (size_t k = 0; k < KINDS; k++) {
		words[k] = kinds[k].word;
		if (strcmp(argv[optind], words[k]) == 0)
			return write_new(&kinds[k], argv[optind + 1], directory);
	}
	const char *nearest = say_nearest(argv[optind], words, KINDS);
	say_error("new: nothing called \"%s\"; there are mechanism and pattern%s%s%s", argv[optind],
		  nearest ? ", the nearest is \"" : "", nearest ? nearest : "",
		  nearest ? "\"" : "");
	return EXIT_USAGE;
}
