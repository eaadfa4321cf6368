/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.c - strings of a result file made safe for a terminal, a web page, gnuplot, Markdown and
 * CSV; numbers with the digits that mean something. */
#include "text.h"

#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "../bench/say.h"

/* libc's own tables of widths and printable characters, whatever locale the user has: results are
 * UTF-8 by their schema. */
static locale_t utf8(void)
{
	static locale_t locale;

	if (!locale)
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	return locale;
}

/* Characters that reorder what stands around them; invisible, and printable to libc. */
static bool reorders(wchar_t c)
{
	return c == 0x200E || c == 0x200F || c == 0x061C || (c >= 0x202A && c <= 0x202E) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* The next character of *text, 0 at its end; L'?' for what must not reach a terminal. *bytes is how
 * many to copy, 0 when the character was replaced. Call under utf8(). */
static wchar_t next(const char **text, size_t *bytes)
{
	if (!**text)
		return 0;
	wchar_t c = 0;
	mbstate_t state = { 0 };
	size_t n = mbrtowc(&c, *text, strlen(*text), &state);
	bool broken = n == (size_t)-1 || n == (size_t)-2;
	*text += broken ? 1 : n;
	*bytes = n;
	if (broken || !iswprint((wint_t)c) || reorders(c)) {
		*bytes = 0;
		return L'?';
	}
	return c;
}

size_t text_width(const char *text)
{
	locale_t before = uselocale(utf8());
	size_t width = 0, bytes;
	wchar_t c;

	while ((c = next(&text, &bytes))) {
		int w = wcwidth(c);
		width += w < 0 ? 1 : (size_t)w;
	}
	uselocale(before);
	return width;
}

char *text_clean(const char *text, char *out, size_t bytes)
{
	locale_t before = uselocale(utf8());
	size_t used = 0, n;
	const char *from = text;

	while (next(&text, &n)) {
		const char *put = n ? from : "?";
		size_t length = n ? n : 1;
		if (used + length >= bytes)
			break;
		memcpy(out + used, put, length);
		used += length;
		from = text;
	}
	if (bytes)
		out[used] = '\0';
	uselocale(before);
	return out;
}

static void put_escaped(FILE *stream, const char *clean)
{
	for (const char *c = clean; *c; c++) {
		switch (*c) {
		case '&':
			fputs("&amp;", stream);
			break;
		case '<':
			fputs("&lt;", stream);
			break;
		case '>':
			fputs("&gt;", stream);
			break;
		case '"':
			fputs("&quot;", stream);
			break;
		case '\'':
			fputs("&#39;", stream);
			break;
		case '`': /* ends an attribute in old browsers */
			fputs("&#96;", stream);
			break;
		default:
			fputc(*c, stream);
		}
	}
}

void text_html(FILE *stream, const char *text)
{
	char clean[8192];

	put_escaped(stream, text_clean(text, clean, sizeof clean));
}

void text_xml(FILE *stream, const char *text)
{
	char kept[8192];
	size_t used = 0, n;
	locale_t before = uselocale(utf8());

	for (const char *from = text; next(&text, &n) && used + n < sizeof kept; from = text) {
		memcpy(kept + used, from, n);
		used += n;
	}
	uselocale(before);
	kept[used] = '\0';
	put_escaped(stream, kept);
}

void text_markdown(FILE *stream, const char *text)
{
	char clean[8192];

	for (const char *c = text_clean(text, clean, sizeof clean); *c; c++) {
		if (*c == '<') {
			fputs("&lt;", stream);
			continue;
		}
		if (*c == '&') {
			fputs("&amp;", stream);
			continue;
		}
		if (strchr("\\`*_[]|!~#", *c))
			fputc('\\', stream);
		fputc(*c, stream);
	}
}

void text_csv(FILE *stream, const char *text)
{
	char clean[8192];

	text_clean(text, clean, sizeof clean);
	fputc('"', stream);
	if (clean[0] && strchr("=+-@", clean[0]))
		fputc('\'', stream);
	for (const char *c = clean; *c; c++) {
		if (*c == '"')
			fputc('"', stream);
		fputc(*c, stream);
	}
	fputc('"', stream);
}

char *text_label(const char *text, char *out, size_t bytes)
{
	static const char from[] = "\"'`\\{}<>&@#$";
	static const char to[] = "....()()+a..";

	text_clean(text, out, bytes);
	for (char *c = out; *c; c++) {
		const char *at = strchr(from, *c);
		if (at)
			*c = to[at - from];
	}
	return out;
}

char *text_number(double value, char *out)
{
	if (!isfinite(value)) {
		snprintf(out, TEXT_NUMBER, "-");
		return out;
	}
	double size = fabs(value);
	int decimals = 0;
	if (size > 0 && size < 99.95)
		decimals = size < 9.995 ? 2 : 1;
	if (size > 0 && size < 0.9995)
		decimals = size < 0.09995 ? 4 : 3;
	snprintf(out, TEXT_NUMBER, "%.*f", decimals, value);
	return out;
}

char *text_spread(struct interval i, char *out)
{
	double share = fmax(i.high - i.estimate, i.estimate - i.low) / fabs(i.estimate) * 100;
	double factor = fmax(i.high / i.estimate, i.estimate / i.low);

	snprintf(out, TEXT_NUMBER, "±?");
	if (!isfinite(share) || isnan(i.low) || isnan(i.high))
		return out;
	if (share < 99.5)
		snprintf(out, TEXT_NUMBER, share < 9.95 ? "±%.1f %%" : "±%.0f %%", share);
	else if (factor < 1e4 && i.low > 0)
		snprintf(out, TEXT_NUMBER, factor < 9.95 ? "×÷%.1f" : "×÷%.0f", factor);
	return out;
}

/* Decimals that show where an interval lies: its width to one digit, to two where that begins with
 * 1 or 2. */
static int decimals_of(double width)
{
	if (!(width > 0))
		return 2;
	double places = -floor(log10(width / 3));
	return places < 0 ? 0 : places > 4 ? 4 : (int)places;
}

char *text_lost(double lost, double due, char *out)
{
	*out = '\0';
	if (lost > 0 && due > 0) {
		char number[TEXT_NUMBER];

		snprintf(out, TEXT_NUMBER, "lost %.20s %%", text_number(100 * lost / due, number));
	} else if (lost > 0)
		snprintf(out, TEXT_NUMBER, "lost %.0f", lost);
	return out;
}

char *text_interval(struct interval i, double scale, const char *unit, char *out, size_t bytes)
{
	char number[TEXT_NUMBER], bound[TEXT_NUMBER];
	const char *space = *unit ? " " : "";

	if (!isfinite(i.estimate)) {
		snprintf(out, bytes, "-");
	} else if (isfinite(i.low) && isfinite(i.high)) {
		int d = decimals_of((i.high - i.low) / scale);
		snprintf(out, bytes, "%.*f%s%s (%.*f … %.*f)", d, i.estimate / scale, space, unit,
			 d, i.low / scale, d, i.high / scale);
	} else {
		text_number(i.estimate / scale, number);
		if (isfinite(i.low) && isinf(i.high))
			snprintf(out, bytes, "%s%s%s (over %s)", number, space, unit,
				 text_number(i.low / scale, bound));
		else
			snprintf(out, bytes, "%s%s%s (no interval)", number, space, unit);
	}
	return out;
}

char *text_size(double bytes, char *out)
{
	if (bytes >= 0 && bytes < 1e18)
		return say_size((unsigned long long)bytes, out);
	snprintf(out, TEXT_NUMBER, "far off");
	return out;
}

struct text_unit text_unit_one_ns(double value)
{
	if (value < 1e3)
		return (struct text_unit){ "ns", 1 };
	if (value < 1e6)
		return (struct text_unit){ "µs", 1e3 };
	if (value < 1e9)
		return (struct text_unit){ "ms", 1e6 };
	return (struct text_unit){ "s", 1e9 };
}

struct text_unit text_unit_ns(double most)
{
	return text_unit_one_ns(most /
				10); /* 4700 ns beside 270 ns reads better than 4.7 and 0.27 µs */
}

struct text_unit text_unit_bytes_per_s(double most)
{
	return most < 1e9 ? (struct text_unit){ "MB/s", 1e6 } : (struct text_unit){ "GB/s", 1e9 };
}
