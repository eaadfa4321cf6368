/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doctor_print.c - what `toll doctor` shows: a line a finding, what mends it below, and the
 * verdict; or JSON. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "../bench/doctor.h"
#include "../bench/say.h"
#include "text.h"

enum { NAME = 14 };

static const enum say_style styles[] = { SAY_GOOD, SAY_DIM, SAY_WARN, SAY_BAD };

static void put(const char *text)
{
	char clean[1024];

	fputs(text_clean(text, clean, sizeof clean), stdout);
}

static void print_finding(const struct doctor_finding *f)
{
	const char *dim = say_style(stdout, SAY_DIM), *plain = say_style(stdout, SAY_PLAIN);

	printf("%s%-7s%s %-*s  ", say_style(stdout, styles[f->verdict]), doctor_text(f->verdict),
	       plain, NAME, f->name);
	put(f->figure);
	putchar('\n');
	if (f->verdict <= DOCTOR_UNKNOWN)
		return;
	printf("%*s%swhy   %s%s\n", NAME + 10, "", dim, f->why, plain);
	if (*f->mend) {
		printf("%*s%smend%s  ", NAME + 10, "", dim, plain);
		put(f->mend);
		putchar('\n');
	}
}

static void print_part(const struct doctor *doctor, bool measured)
{
	for (size_t i = 0; i < doctor->count; i++)
		if (doctor->finding[i].measured == measured)
			print_finding(&doctor->finding[i]);
}

/* The names of what has the worst verdict, each once. */
static void print_names(const struct doctor *doctor, enum doctor_verdict verdict)
{
	const char *separator = "";

	for (size_t i = 0; i < doctor->count; i++) {
		bool before = doctor->finding[i].verdict != verdict;

		for (size_t k = 0; k < i && !before; k++)
			before = doctor->finding[k].verdict == verdict &&
				 strcmp(doctor->finding[k].name, doctor->finding[i].name) == 0;
		if (before)
			continue;
		printf("%s%s", separator, doctor->finding[i].name);
		separator = ", ";
	}
}

static void print_text(const struct doctor *doctor)
{
	const char *bold = say_style(stdout, SAY_BOLD), *plain = say_style(stdout, SAY_PLAIN);
	enum doctor_verdict verdict = doctor_verdict(doctor);

	printf("%smeasured for %.0f s on CPU%s ", bold, doctor->seconds,
	       doctor->cpu_count > 1 ? "s" : "");
	for (unsigned i = 0; i < doctor->cpu_count; i++)
		printf("%s%d", i ? "," : "", doctor->cpus[i]);
	printf("%s\n", plain);
	print_part(doctor, true);
	printf("\n%sset up%s\n", bold, plain);
	print_part(doctor, false);
	printf("\n%s%s%s: ", say_style(stdout, styles[verdict]), doctor_text(verdict), plain);
	switch (verdict) {
	case DOCTOR_RED:
		fputs("figures measured here now would be worth nothing; ", stdout);
		print_names(doctor, verdict);
		break;
	case DOCTOR_YELLOW:
		fputs("measuring is fine, with wider intervals or less in the tables for it; ",
		      stdout);
		print_names(doctor, verdict);
		break;
	default:
		fputs("nothing distorts measuring here", stdout);
	}
	putchar('\n');
}

static json_t *finding_json(const struct doctor_finding *f)
{
	char figure[DOCTOR_TEXT], mend[DOCTOR_TEXT], process[DOCTOR_WORD];

	return json_pack("{s:s, s:s, s:b, s:o, s:s?, s:s, s:s, s:o, s:o, s:o}", "name", f->name,
			 "verdict", doctor_text(f->verdict), "measured", f->measured, "value",
			 isfinite(f->value) ? json_real(f->value) : json_null(), "unit",
			 isfinite(f->value) ? f->unit : NULL, "figure",
			 text_clean(f->figure, figure, sizeof figure), "why", f->why, "mend",
			 *f->mend ? json_string(text_clean(f->mend, mend, sizeof mend))
				  : json_null(),
			 "pid", f->pid ? json_integer(f->pid) : json_null(), "process",
			 f->pid ? json_string(text_clean(f->process, process, sizeof process))
				: json_null());
}

static int print_json(const struct doctor *doctor)
{
	json_t *findings = json_array(), *cpus = json_array();

	for (size_t i = 0; i < doctor->count; i++)
		json_array_append_new(findings, finding_json(&doctor->finding[i]));
	for (unsigned i = 0; i < doctor->cpu_count; i++)
		json_array_append_new(cpus, json_integer(doctor->cpus[i]));
	bool whole = json_array_size(findings) == doctor->count;
	json_t *object =
		json_pack("{s:s, s:f, s:o, s:o}", "verdict", doctor_text(doctor_verdict(doctor)),
			  "seconds", doctor->seconds, "cpus", cpus, "findings", findings);
	int failed = !whole || !object ||
		     json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) ||
		     putchar('\n') == EOF;

	json_decref(object);
	return failed;
}

int doctor_print(const struct doctor *doctor, bool json)
{
	int failed = 0;

	if (json)
		failed = print_json(doctor);
	else
		print_text(doctor);
	if (failed || fflush(stdout) || ferror(stdout)) {
		say_error("the findings could not be written: out of memory or standard output is "
			  "closed");
		return -1;
	}
	return 0;
}
