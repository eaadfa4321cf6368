/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer.h - a result in sentences: what is fastest where, who overtakes whom, what false sharing
 * costs. */
#ifndef ANSWER_H
#define ANSWER_H

#include "../analysis/fit.h"
#include "arrange.h"

enum topic { TOPIC_FASTEST, TOPIC_CROSSING, TOPIC_SHARING };

struct sentence {
	enum topic topic;
	char where[512]; /* "same-cpu, sleeping, pingpong"; raw text, to be escaped */
	char text[768];
};

/* Sentences for people, in the order of topics. Caller frees; NULL with *n 0 when there is nothing
 * to say or memory runs out. */
struct sentence *answer_of(const struct arrangement *arrangement, const struct fits *fits,
			   size_t *n);

#endif
