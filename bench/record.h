/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record.h - the pairs of a live comparison, kept as they are measured (reports/schema.md); what
 * analysis/recorded.h reads. */
#ifndef RECORD_H
#define RECORD_H

#include "../analysis/recorded.h"
#include "live.h"
#include "result.h"

struct bouts;

struct record {
	struct result_file file;
};

/* A number as the record will have it: what is tested is what can be read again. */
double record_rounded(double x);

/* A new file, with its header. An exit status after say_error(), else 0. */
int record_begin(struct record *record, const struct live_options *options,
		 const struct bouts *bouts);
/* Goes on with a file that holds just these duels, measured on this host: their pairs and looks are
 * put into them; a look that recorded_read() had to take is written. An exit status after
 * say_error() (EXIT_ENVIRONMENT: another host), else 0. */
int record_take_up(struct record *record, const struct live_options *options, struct duels *duels,
		   struct recorded *recorded);

/* false after say_error(). */
bool record_pair(struct record *record, size_t duel, unsigned round, const struct duel_pair *pair,
		 const struct outcome *old, const struct outcome *fresh);
/* An attempt that gave no pair; reason NULL: the host's state differed within it. */
bool record_loss(struct record *record, size_t duel, unsigned round, const char *reason);
bool record_look(struct record *record, const struct duels *duels);
bool record_end(struct record *record, const struct live *live);
bool record_sync(struct record *record);
void record_close(struct record *record);

#endif
