/* SPDX-License-Identifier: GPL-3.0-or-later */
/* events.c - which events can be counted here, and why not the others: each is asked for, on this
 * process. */
#include "events.h"

#include <math.h>
#include <string.h>

#include "counters.h"
#include "pmu.h"

static void add(struct table *table, json_t *array, const struct counter *counter, bool by_default)
{
	struct tally tally;
	const char *how;

	counters_try(counter, &tally);
	bool counts = isfinite(tally.per_operation);

	how = !counts           ? tally.reason
	      : tally.usage     ? "by getrusage(2)"
	      : tally.user_only ? "user mode alone: the kernel may not be counted here"
				: "";
	json_array_append_new(array, json_pack("{s:s, s:s?, s:b, s:b, s:s?}", "name", counter->name,
					       "what", counter->what[0] ? counter->what : NULL,
					       "default", by_default, "counts", counts, "reason",
					       tally.reason[0] ? tally.reason
					       : *how          ? how
							       : NULL));
	if (!table)
		return;
	table_row(table);
	table_cell(table, counts ? SAY_BOLD : SAY_DIM, "%s", counter->name);
	table_cell(table, SAY_PLAIN, "%s", counter->what);
	table_cell(table, SAY_DIM, "%s%s", by_default ? "default" : "",
		   by_default && *how ? "; " : "");
	table_cell(table, SAY_DIM, "%s%s", counts ? "" : "-  ", how);
}

static bool is_there(const struct counters *counters, const char *name)
{
	for (size_t i = 0; i < counters->count; i++)
		if (strncmp(counters->counter[i].name, name, strlen(name)) == 0)
			return true;
	return false;
}

struct table *events_table(json_t *array)
{
	struct table *table = table_new(4);
	struct counters counters, one;
	char why[256];

	if (counters_read("default", &counters, why, sizeof why) == 0)
		for (size_t i = 0; i < counters.count; i++)
			add(table, array, &counters.counter[i], true);
	for (const char *const *name = counters_known(); *name; name++)
		if (!is_there(&counters, *name) && counters_read(*name, &one, why, sizeof why) == 0)
			add(table, array, &one.counter[0], false);
	return table;
}

void events_pmu(FILE *stream)
{
	char pmu[128], processor[96];
	bool there = pmu_name(pmu, sizeof pmu),
	     known = counters_processor(processor, sizeof processor);

	fprintf(stream, "  %sPMU: %s; libpfm4: %s%s\n", say_style(stream, SAY_DIM),
		there ? pmu : "none, the processor's own events are not counted here",
		known                     ? processor
		: !counters_have_libpfm() ? "left out of this build"
					  : "knows no names of this processor's",
		say_style(stream, SAY_PLAIN));
}

json_t *events_pmu_json(void)
{
	char pmu[128], processor[96];
	bool there = pmu_name(pmu, sizeof pmu),
	     known = counters_processor(processor, sizeof processor);

	return json_pack("{s:s?, s:s?}", "kernel", there ? pmu : NULL, "libpfm4",
			 known ? processor : NULL);
}

const char *events_others(void)
{
	return counters_have_libpfm() ? "toll run --counters NAME,{NAME,NAME}; also tracepoints "
					"(sched:sched_switch), raw "
					"codes (r01c2), and what libpfm4 knows"
				      : "toll run --counters NAME,{NAME,NAME}; also tracepoints "
					"(sched:sched_switch) and raw "
					"codes (r01c2); built without libpfm4, which knows "
					"processors' own by name";
}
