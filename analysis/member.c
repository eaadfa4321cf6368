/* SPDX-License-Identifier: GPL-3.0-or-later */
/* member.c - members of JSON objects from elsewhere, checked. */
#include "member.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../bench/say.h"

bool member_wrong(const struct spot *spot, const char *name, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	/* "cells[3]." stands before a name; alone it goes without its point */
	size_t where = strlen(spot->where);
	say_error("%s:%lu: %.*s%s: %s", spot->path, spot->line,
		  (int)(*name || !where ? where : where - 1), spot->where, name, text);
	return false;
}

bool member_out_of_memory(const struct spot *spot)
{
	say_error("%s: out of memory", spot->path);
	return false;
}

/* The member into *value, NULL when it is absent or null and may be. False after saying so. */
static bool find(const struct spot *spot, const json_t *object, const char *name,
		 enum presence presence, json_t **value)
{
	*value = json_object_get(object, name);
	if (json_is_null(*value))
		*value = NULL;
	return *value || presence == OPTIONAL || member_wrong(spot, name, "missing");
}

bool member_check_number(const struct spot *spot, const char *name, const json_t *value, double low,
			 double high, double *out)
{
	if (!json_is_number(value))
		return member_wrong(spot, name, "not a number");
	double number = json_number_value(value);
	/* written so that NaN fails */
	if (!(number >= low && number <= high))
		return member_wrong(spot, name, "%g is not within %g … %g", number, low, high);
	*out = number;
	return true;
}

bool member_number(const struct spot *spot, const json_t *object, const char *name,
		   enum presence presence, double low, double high, double *out)
{
	json_t *value;

	if (!find(spot, object, name, presence, &value))
		return false;
	return !value || member_check_number(spot, name, value, low, high, out);
}

bool member_integer(const struct spot *spot, const json_t *object, const char *name,
		    enum presence presence, json_int_t low, json_int_t high, json_int_t *out)
{
	json_t *value;

	if (!find(spot, object, name, presence, &value))
		return false;
	if (!value)
		return true;
	if (!json_is_integer(value))
		return member_wrong(spot, name, "not a whole number");
	json_int_t number = json_integer_value(value);
	if (number < low || number > high)
		return member_wrong(spot, name, "%lld is not within %lld … %lld", (long long)number,
				    (long long)low, (long long)high);
	*out = number;
	return true;
}

bool member_unsigned(const struct spot *spot, const json_t *object, const char *name,
		     enum presence presence, unsigned *out)
{
	json_int_t number = *out;

	if (!member_integer(spot, object, name, presence, 0, UINT_MAX, &number))
		return false;
	*out = (unsigned)number;
	return true;
}

bool member_boolean(const struct spot *spot, const json_t *object, const char *name,
		    enum presence presence, bool *out)
{
	json_t *value;

	if (!find(spot, object, name, presence, &value))
		return false;
	if (!value)
		return true;
	if (!json_is_boolean(value))
		return member_wrong(spot, name, "neither true nor false");
	*out = json_is_true(value);
	return true;
}

bool member_check_length(const struct spot *spot, const char *name, const json_t *value,
			 size_t most)
{
	size_t length = json_string_length(value);

	return length <= most ||
	       member_wrong(spot, name, "%zu bytes long, %zu at most are read", length, most);
}

bool member_text(const struct spot *spot, const json_t *object, const char *name,
		 enum presence presence, char *buffer, size_t bytes)
{
	json_t *value;

	if (!find(spot, object, name, presence, &value))
		return false;
	if (!value)
		return true;
	if (!json_is_string(value))
		return member_wrong(spot, name, "not a string");
	if (!member_check_length(spot, name, value, bytes - 1))
		return false;
	memcpy(buffer, json_string_value(value), json_string_length(value) + 1);
	return true;
}

bool member_word(const struct spot *spot, const json_t *object, const char *name,
		 enum presence presence, const char *const words[], size_t n, unsigned *out)
{
	char word[32] = "", all[256] = "";
	json_t *value;

	if (!find(spot, object, name, presence, &value) ||
	    !member_text(spot, object, name, presence, word, sizeof word))
		return false;
	if (!value)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(word, words[i])) {
			*out = (unsigned)i;
			return true;
		}
		size_t used = strlen(all);
		snprintf(all + used, sizeof all - used, "%s\"%s\"", i ? " or " : "", words[i]);
	}
	return member_wrong(spot, name, "\"%s\" is not %s", word, all);
}

bool member_object(const struct spot *spot, const json_t *object, const char *name, json_t **out)
{
	return find(spot, object, name, REQUIRED, out) &&
	       (json_is_object(*out) || member_wrong(spot, name, "not an object"));
}

bool member_array(const struct spot *spot, const json_t *object, const char *name,
		  enum presence presence, json_t **out)
{
	return find(spot, object, name, presence, out) &&
	       (!*out || json_is_array(*out) || member_wrong(spot, name, "not an array"));
}
