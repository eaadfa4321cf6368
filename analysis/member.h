/* SPDX-License-Identifier: GPL-3.0-or-later */
/* member.h - members of JSON objects from elsewhere, checked: type, range and length. Whatever is
 * wrong is said once, with file, line and member, and the answer is false. */
#ifndef MEMBER_H
#define MEMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum presence { REQUIRED, OPTIONAL /* missing and null alike: *out stays as it was */ };

struct spot { /* where we are, for messages */
	const char *path;
	unsigned long line;
	char where[64]; /* what stands before a member's name: "plan.cells[3]." */
};

/* Says what is wrong with a member; false always, so that it can be returned. */
bool member_wrong(const struct spot *spot, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool member_out_of_memory(const struct spot *spot);

bool member_number(const struct spot *spot, const json_t *object, const char *name,
		   enum presence presence, double low, double high, double *out);
bool member_integer(const struct spot *spot, const json_t *object, const char *name,
		    enum presence presence, json_int_t low, json_int_t high, json_int_t *out);
bool member_unsigned(const struct spot *spot, const json_t *object, const char *name,
		     enum presence presence, unsigned *out);
bool member_boolean(const struct spot *spot, const json_t *object, const char *name,
		    enum presence presence, bool *out);
/* A string into buffer; too long is an error, never cut. */
bool member_text(const struct spot *spot, const json_t *object, const char *name,
		 enum presence presence, char *buffer, size_t bytes);
/* One of n words, as its place among them. */
bool member_word(const struct spot *spot, const json_t *object, const char *name,
		 enum presence presence, const char *const words[], size_t n, unsigned *out);
bool member_object(const struct spot *spot, const json_t *object, const char *name, json_t **out);
/* *out is NULL for an optional one that is not there. */
bool member_array(const struct spot *spot, const json_t *object, const char *name,
		  enum presence presence, json_t **out);

/* A value at hand, called by a name in messages: a number within low … high (NaN never is), a
 * string of at most so many bytes. */
bool member_check_number(const struct spot *spot, const char *name, const json_t *value, double low,
			 double high, double *out);
bool member_check_length(const struct spot *spot, const char *name, const json_t *value,
			 size_t most);

#endif
