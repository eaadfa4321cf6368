/* SPDX-License-Identifier: GPL-3.0-or-later */
/* aa.h - toll aa: does the machine call identical cells the same, and when was it last asked? */
#ifndef AA_H
#define AA_H

#include "plan.h"

enum { AA_CLASSES = 4, AA_PAIRS = 20 /* of a set */, AA_LEAST_SETS = 4 /* of a class */ };

struct aa_class {
	const char *name;
	char lacking[256]; /* "": it was measured; else why not */
	size_t pairs;
	unsigned sets, rejected;
	unsigned limit;    /* rejections beyond which the class fails */
	double sd, robust; /* of the pairs' log ratios, each mechanism's around its own median */
};

enum aa_verdict { AA_PASSED, AA_FAILED, AA_UNTOLD /* a class has too few sets */ };

struct aa {
	struct aa_class class[AA_CLASSES];
	enum aa_verdict verdict;
	double seconds;
	uint64_t seed;
	unsigned failures; /* workers that failed, or broke off with another */
};

/* Identical cells of every mechanism side by side, class by class, for asked->budget_s in all; its
 * seed counts, its cells do not. 0 with *aa filled in; 128 + a signal; EXIT_USAGE after
 * say_error(). */
int aa_run(const struct config *asked, const struct registry *registry, const struct place *place,
	   struct aa *aa);

/* Pairs of a few identical cells, for who wants to know their spread only. */
enum { AA_GLANCE = 512 };
struct aa_glance {
	double ln_ratio[AA_GLANCE];
	size_t n;
	unsigned failures;
};
/* Adds pairs of about so many seconds, one visit at least: sleeping on one CPU, or spinning between
 * two. 0; 1 interrupted; -1 after say_error(). Signals are the caller's. */
int aa_glance(struct aa_glance *glance, const struct registry *registry, const struct place *place,
	      const int cpus[2], double ticks_per_ns, double seconds);

/* How many of so many sets may be called different at 5 %: the binomial limit of 99 % for all
 * classes together. */
unsigned aa_limit(unsigned sets);

/* Keeps the outcome in $XDG_STATE_HOME/toll/aa.json (~/.local/state); a note when it cannot. */
void aa_store(const struct aa *aa);

struct aa_last {
	bool known, this_boot;
	enum aa_verdict verdict;
	double age_s;
};
/* What aa_store() kept last; known is false when there is nothing, or nothing that can be read. */
struct aa_last aa_last(void);

const char *aa_text(enum aa_verdict verdict);
/* Prints it all, or one JSON object (reports/aa_print.c). 0 or -1 after say_error(). */
int aa_print(const struct aa *aa, bool json);

#endif
