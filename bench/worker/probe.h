/* SPDX-License-Identifier: MIT */
/* probe.h - what the files of --probe share: where scenes write down what they find, and the verbs
 * that they play. */
#ifndef PROBE_H
#define PROBE_H

#include "worker.h"

enum {
	SMALL = 64,              /* bytes of a message, where so long a one is allowed */
	LONGEST = 16 << 20,      /* the longest that is tried */
	MOST_MESSAGES = 1 << 20, /* who takes so many is never full */
	REPEATS = 15             /* of setting up */
};
#define ARRIVES_NS 1000000000u /* a message that takes longer does not arrive */
#define LOOK_NS 1000000000u    /* what may be slow is given so long */
#define REST_NS 20000000u      /* what is on its way without its sender takes so long at most */
#define NAP_NS 50000u

enum fact {
	WAYS,
	UNIT,
	SHORT_READS,
	ATOMIC,
	HOLDS_MESSAGES,
	HOLDS_BYTES,
	FULL,
	LARGEST,
	LIMITED,
	READER_DIES,
	WRITER_DIES,
	OUTLIVES,
	DESCRIPTORS,
	PRIORITY,
	CREATE,
	ATTACH,
	FIRST,
	TEAR_DOWN,
	FACTS
};
struct probe_board { /* shared by all processes of a scene */
	struct {
		char value[64], note[PAGE_TEXT];
		bool told;
	} fact[FACTS];
	char broken[PAGE_TEXT];
	uint32_t is_taken, is_broken; /* the first reason is being written; is there */
	pid_t pid[2];                 /* of two that play an end each; 0: one plays both */
	uint32_t attached, met;       /* of the two */
	uint32_t step;                /* what one of them has done, for the other to go on */
	uint32_t ready, dead;         /* which of them may be killed, and has been: index + 1 */
	double us[4][REPEATS];
};
extern struct probe_board *probe_board;

extern struct probe_about {
	char variant[192];
	const struct toll_mechanism *mechanism; /* one way */
	struct layout one, both;                /* messages of SMALL bytes */
	bool is_duplex, limited;
	size_t small, largest;
	enum toll_wait wait;
	pid_t root;
} probe_about; /* what is asked about */

/* ---- probe.c ---- */

/* Notes a fact, and how it was seen; unknown: why it was not. */
__attribute__((format(printf, 3, 4))) void probe_found(enum fact fact, const char *note,
						       const char *format, ...);
void probe_unknown(enum fact fact, const char *why);
/* It does what no mechanism may: ends this process. The first reason counts. */
__attribute__((format(printf, 1, 2))) _Noreturn void probe_broken(const char *format, ...);
_Noreturn void probe_fails(const char *what, int error);
const char *probe_error(int error); /* as the manual pages call it */
bool probe_tells(int error);        /* more than "not yet"? */

void probe_nap(void);
void probe_await(const uint32_t *word, uint32_t value);
void probe_tell(uint32_t *word, uint32_t value);

/* Each ends this process when it fails. */
void probe_open(struct trial *t, const struct layout *layout, const struct toll_channel *like);
void probe_attach(struct trial *t, unsigned end, enum toll_side side, unsigned index);
void probe_meet(struct trial *t, unsigned end);
/* Both ends in this process: 0 produces, 1 consumes messages of up to most bytes. */
void probe_solo(struct trial *t, const struct layout *layout, size_t most);
/* A message of this number finds room; it is there or on its way, all of it. */
void probe_send(struct trial *t, unsigned end, size_t len, uint64_t number);
void probe_take(struct trial *t, unsigned end, size_t len, uint64_t number);

/* The variant that is asked about with a pattern; false with why. */
bool probe_plan(struct layout *layout, const char *pattern, size_t size, enum toll_wait wait,
		char *why, size_t room);
int probe_descriptor(const struct trial *t, unsigned end, enum toll_side side); /* −1: none */
const char *probe_hidden(int fd); /* why nothing can be seen of it; NULL: it can */

/* ---- scenes: probe_alone.c, probe_pair.c ---- */

void scene_boundaries(void);
void scene_short_reads(void);
void scene_filling(void);
void scene_filling_bytes(void);
void scene_longest(void);
void scene_one_more(void);
void scene_atomic_size(void);
void scene_both_ways(void);
void scene_blocking(void);
void scene_reader_dies(void);
void scene_writer_dies(void);
void scene_descriptors(void);
void scene_priorities(void);
void scene_setting_up(void);
void scene_stand(void);
void scene_stand_named(void);
bool probe_keeps(void); /* whether that is possible here */

#endif
