/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counters.h - names of events, as what perf_event_open(2) takes, and why one is not counted. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "worker/page_counter.h"

enum { COUNTER_NAME = 96, COUNTER_REASON = 160, COUNTERS_LIST = 1024 };

/* What stands in where the kernel is not to be counted: getrusage(2), which any user may ask. */
enum counter_else { ELSE_NONE, ELSE_SWITCHES, ELSE_FAULTS };

struct counter {
	char name[COUNTER_NAME];  /* as given */
	char what[32];            /* in words; "" where the name has to do */
	char why[COUNTER_REASON]; /* not "": it cannot be asked for here */
	struct page_counter event;
	enum counter_else otherwise;
};

struct counters {
	struct counter counter[PAGE_COUNTERS];
	size_t count;
};

/* A list as --counters takes it: "none", "default", names with commas between them, those of a
 * group in braces. 0, or -1 with why: a name that no event has. An event that this machine lacks is
 * taken, and has its reason. */
int counters_read(const char *list, struct counters *counters, char *why, size_t bytes);
/* The events that can be asked for; returns their number. Their places there: place[i], -1 for
 * those that cannot. */
unsigned counters_ask(const struct counters *counters, struct page_counter asked[PAGE_COUNTERS],
		      int place[PAGE_COUNTERS]);

/* The list in two, to be counted one after the other: what the processor counts, and what the
 * kernel does, which takes instructions of its own. Groups stay whole. place: of each in the list.
 * False: one visit does, since only one of them has what can be counted here. */
bool counters_apart(const struct counters *counters, struct counters parts[2],
		    size_t place[2][PAGE_COUNTERS]);

/* One peer's count of an event. */
struct tally {
	double per_operation; /* NaN: not counted, and reason says why */
	double share; /* of the time: below 1 others had the counters meanwhile, and it is scaled */
	bool user_only; /* the kernel had to be left out */
	bool usage;     /* by getrusage(2) */
	char reason[COUNTER_REASON];
};
/* count: of the page; NULL: it was never asked for. */
void counters_tally(const struct counter *counter, const struct page_counted *counted,
		    const struct page_count *count, struct tally *tally);

/* Asks the kernel on this process: what counting the event here gives, as a tally of one operation.
 */
void counters_try(const struct counter *counter, struct tally *tally);
/* The processor whose events libpfm4 knows by name ("ARM Cortex A57"); false: it knows none of this
 * one's, or is not there. */
bool counters_processor(char *name, size_t bytes);
/* Whether toll was built with libpfm4, which knows the processors' own events by name. */
bool counters_have_libpfm(void);
/* The names that any toll knows, NULL at the end. */
const char *const *counters_known(void);

#endif
