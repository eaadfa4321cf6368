/* SPDX-License-Identifier: MIT */
/* main.c - toll-worker: the program that measures. toll starts it; people ask it what it can do. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

static int usage(FILE *out, int status)
{
	fputs("toll-worker measures for toll(1). By hand it tells what it can do:\n"
	      "  toll-worker --describe [-m PLUGIN.so]…   its mechanisms and patterns, as JSON\n"
	      "  toll-worker --examine  [-m PLUGIN.so]…   cells on standard input: can it run "
	      "them?\n"
	      "  toll-worker --probe    [-m PLUGIN.so]…   variants and tasks on standard input: "
	      "what are they?\n"
	      "  toll-worker --version\n",
	      out);
	return status;
}

/* Plug-ins that would not load, as JSON. Path and reason come from elsewhere: no quotes, no
 * controls. */
static char failed[16384];

static void refuse(const char *path, const char *why)
{
	char entry[8300], clean[2][4096];
	size_t used = strlen(failed);
	const char *text[2] = { path, why };

	for (int i = 0; i < 2; i++) {
		size_t n = 0;

		for (const char *c = text[i]; *c && n + 1 < sizeof(clean[i]); c++)
			clean[i][n++] =
				(char)(*c == '"' || *c == '\\' || (unsigned char)*c < 0x20 ? '\''
											   : *c);
		clean[i][n] = '\0';
	}
	snprintf(entry, sizeof(entry), "%s{\"plugin\":\"%s\",\"reason\":\"%s\"}", used ? "," : "",
		 clean[0], clean[1]);
	if (used + strlen(entry) < sizeof(failed))
		memcpy(failed + used, entry, strlen(entry) + 1);
}

int main(int argc, char **argv)
{
	enum { NOTHING, DESCRIBE, EXAMINE, PROBE, MEASURE } task = NOTHING;
	int page_fd = -1;
	unsigned slot = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--describe") == 0) {
			task = DESCRIBE;
		} else if (strcmp(argv[i], "--examine") == 0) {
			task = EXAMINE;
		} else if (strcmp(argv[i], "--probe") == 0) {
			task = PROBE;
		} else if (strcmp(argv[i], "--page") == 0 && i + 2 < argc) {
			task = MEASURE;
			page_fd = (int)strtol(argv[++i], NULL, 10);
			slot = (unsigned)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "-m") == 0 && i + 1 < argc) {
			const char *path = argv[++i];
			char why[256];

			if (!registry_load(path, why, sizeof(why)))
				refuse(path, why);
		} else if (strcmp(argv[i], "--version") == 0) {
			puts("toll-worker " TOLL_VERSION);
			return 0;
		} else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			return usage(stdout, 0);
		} else {
			fprintf(stderr, "toll-worker: %s: unknown; toll-worker -h\n", argv[i]);
			return 4;
		}
	}
	switch (task) {
	case DESCRIBE:
		if (describe(stdout) < 0)
			return 4;
		printf(",\"failed\":[%s]}\n", failed);
		return fflush(stdout) == 0 ? 0 : 4;
	case EXAMINE:
		return examine(stdin, stdout) < 0 ? 4 : 0;
	case PROBE:
		return probe(stdin, stdout) < 0 ? 4 : 0;
	case MEASURE:
		return supervise(page_fd, slot);
	default:
		return usage(stderr, 4);
	}
}
