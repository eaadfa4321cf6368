/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config.h - what was asked for: a configuration file (INI, read by inih) and the command line.
 *
 * Lists are separated by commas; an indented line continues the one above. In lists of mechanisms
 * and patterns an element with "=" but no ":" before it goes on with the options of the element
 * before: "ring:layout=slot,bytes=4K, pipe" is two. Sets of CPUs hold commas themselves and are
 * separated by blanks: "0,1 0,2". */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdio.h>

#include "cell.h"

enum { CONFIG_MOST_WORDS = 64, CONFIG_WORD = 128 };

/* A list as written. count 0: not given. line: where each word stands, 0 on the command line. */
struct config_list {
	char word[CONFIG_MOST_WORDS][CONFIG_WORD];
	size_t count;
	int line[CONFIG_MOST_WORDS];
};

/* One section of the file: a grid, the product of its lists. */
struct config_grid {
	char name[64];
	int line;
	struct config_list mechanism, pattern, size, wait, placement, cpus, depth, idle, peers,
		peer_count, copy, touch, sched, mlock, think;
	unsigned replicas; /* 0 or 1: one of each; 2: an A/A twin beside each */
};

struct config {
	char path[4096]; /* "" when there was no file */
	struct config_grid *grids;
	size_t grid_count;
	double budget_s, margin;  /* budget_s 0: none */
	unsigned rounds;          /* 0: as many as the budget allows */
	unsigned long operations; /* 0: fitted by the pilot */
	long dma_latency_us;      /* -1: not asked for */
	uint64_t seed;
	bool seed_given, budget_given;
	bool tails;
	enum { CONFIG_UNSAID, CONFIG_OFF, CONFIG_ON } controls; /* unsaid: off, but for toll run */
	char counters[1024]; /* a list of bench/counters.h; "": not said */
};

/* Reads FILE. NULL after say_error("FILE:LINE: unknown key \"sise\"; did you mean \"size\"?"). */
struct config *config_read(const char *path);
/* A configuration of one empty grid, for command lines without a file. */
struct config *config_new(void);
/* Puts the grids of from behind those of config, and frees it. 0 or -1 after say_error(). */
int config_append(struct config *config, struct config *from);
void config_free(struct config *config);

/* A command-line option in the words of the file ("size", "64,4K"): replaces that key in every
 * grid; keys of [run] too ("budget", "5m"). cpus and placement replace each other. A pattern that
 * some grids name keeps those grids and drops the others; one that no grid names is put into all.
 * 0 or -1 after say_error("--size: …"). */
int config_override(struct config *config, const char *key, const char *value);

/* "2%" or "0.02" as a share, 0.01% to 50%; 0 or -1. */
int config_parse_margin(const char *text, double *margin);

/* The list of a key by its name; NULL when no list is called so. */
const struct config_list *config_list(const struct config_grid *grid, const char *key);

/* "quick.conf:7" or "--size", for messages about word of the list that key names. */
const char *config_where(const struct config *config, const char *key, int line, char *buffer,
			 size_t bytes);

/* The path of a shipped configuration: as given when it is a file, else NAME or NAME.conf in
 * config_directory(). 0, or -1 after say_error(). */
int config_find(const char *name, char *path, size_t bytes);
/* Where shipped configurations are: ../configs beside the executable in the build tree,
 * ../share/toll/configs when installed; NULL when neither is there. */
const char *config_directory(void);

#endif
