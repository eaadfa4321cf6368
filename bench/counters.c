/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counters.c - names of events, as what perf_event_open(2) takes: software and generic ones from a
 * table, tracepoints from tracefs, raw codes, and all that libpfm4 knows. */
#include "counters.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef TOLL_LIBPFM
#include <perfmon/pfmlib_perf_event.h>
#endif

#include "pmu.h"
#include "say.h"
#include "tracepoint.h"

enum { CAP_PERFMON_BIT = 38 }; /* of Linux 5.8; older headers have no name for it */
/* What ran for less of the time says nothing of the rest. */
static const double LEAST_SHARE = 0.01;

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* ---- the tables ---- */

static const struct known {
	const char *name, *also;
	uint32_t type;
	uint64_t config;
	enum counter_else otherwise;
} known[] = {
	{ "context-switches", "cs", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES,
	  ELSE_SWITCHES },
	{ "cpu-migrations", "migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS,
	  ELSE_NONE },
	{ "page-faults", "faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, ELSE_FAULTS },
	{ "minor-faults", "", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN, ELSE_NONE },
	{ "major-faults", "", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ, ELSE_NONE },
	{ "task-clock", "", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, ELSE_NONE },
	{ "alignment-faults", "", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS, ELSE_NONE },
	{ "emulation-faults", "", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS, ELSE_NONE },
	{ "instructions", "", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, ELSE_NONE },
	{ "cycles", "cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, ELSE_NONE },
	{ "cache-references", "", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES, ELSE_NONE },
	{ "cache-misses", "", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES, ELSE_NONE },
	{ "branches", "", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS, ELSE_NONE },
	{ "branch-misses", "", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES, ELSE_NONE },
};

/* The waker's own: sched_wakeup is often counted where the woken one was asleep, as nobody's. So is
 * reschedule_entry, which kernels before 6.4 have alone. */
static const struct wanted {
	const char *what;
	const char *names[6]; /* the first that is there */
	const char *none;     /* why, where libpfm4 knows none of them here */
} defaults[] = {
	{ "system calls", { "raw_syscalls:sys_enter" }, NULL },
	{ "switches", { "context-switches" }, NULL },
	{ "wake-ups", { "sched:sched_waking", "sched:sched_wakeup" }, NULL },
	{ "interrupts sent", { "ipi:ipi_send_cpu", "irq_vectors:reschedule_entry" }, NULL },
	{ "page faults", { "page-faults" }, NULL },
	{ "migrations", { "cpu-migrations" }, NULL },
	{ "instructions, user", { "instructions:u" }, NULL },
	{ "instructions, kernel", { "instructions:k" }, NULL },
	{ "cycles, user", { "cycles:u" }, NULL },
	{ "cycles, kernel", { "cycles:k" }, NULL },
	{ "LLC misses", { "cache-misses" }, NULL },
	{ "line transfers",
	  { "MEM_LOAD_L3_HIT_RETIRED:XSNP_FWD", "MEM_LOAD_L3_HIT_RETIRED:XSNP_HITM",
	    "MEM_LOAD_UOPS_L3_HIT_RETIRED:XSNP_HITM", "MEM_LOAD_UOPS_LLC_HIT_RETIRED:XSNP_HITM",
	    "ANY_DATA_CACHE_FILLS_FROM_SYSTEM:INT_CACHE" },
	  "no event for them is known on this processor" },
};

const char *const *counters_known(void)
{
	static const char *names[LENGTH(known) + 1];

	for (size_t i = 0; i < LENGTH(known); i++)
		names[i] = known[i].name;
	return names;
}

/* ---- a name ---- */

/* Whether it happens in the kernel alone, so that user mode would open and count 0. */
static bool in_kernel_alone(const struct page_counter *event)
{
	return event->type == PERF_TYPE_TRACEPOINT ||
	       (event->type == PERF_TYPE_SOFTWARE &&
		(event->config == PERF_COUNT_SW_CONTEXT_SWITCHES ||
		 event->config == PERF_COUNT_SW_CPU_MIGRATIONS));
}

/* ":u", ":k", ":uk" behind a name; its length without them. 0 where something else stands there. */
static size_t modifiers(const char *name, struct page_counter *event)
{
	size_t bytes = strcspn(name, ":");
	const char *letters = name + bytes + 1;
	bool user = false, kernel = false;

	if (!name[bytes])
		return bytes;
	for (; *letters == 'u' || *letters == 'k'; letters++) {
		user |= *letters == 'u';
		kernel |= *letters == 'k';
	}
	if (*letters || (!user && !kernel))
		return 0;
	event->no_user = !user;
	event->no_kernel = !kernel;
	return bytes;
}

static bool is(const char *text, const char *name, size_t bytes)
{
	return strlen(text) == bytes && strncasecmp(text, name, bytes) == 0;
}

static bool from_table(const char *name, struct counter *counter)
{
	size_t bytes = modifiers(name, &counter->event);

	for (size_t i = 0; i < LENGTH(known) && bytes; i++) {
		if (!is(known[i].name, name, bytes) && !is(known[i].also, name, bytes))
			continue;
		counter->event.type = known[i].type;
		counter->event.config = known[i].config;
		if (!counter->event.no_user && !counter->event.no_kernel)
			counter->otherwise = known[i].otherwise;
		return true;
	}
	return false;
}

/* "r01c2": the processor's own code, as its manual has it. */
static bool from_raw(const char *name, struct counter *counter)
{
	size_t bytes = modifiers(name, &counter->event);

	if (bytes < 2 || bytes > 17 || name[0] != 'r' ||
	    strspn(name + 1, "0123456789abcdefABCDEF") != bytes - 1)
		return false;
	counter->event.type = PERF_TYPE_RAW;
	counter->event.config = strtoull(name + 1, NULL, 16);
	return true;
}

#ifdef TOLL_LIBPFM
static void begin_libpfm(void)
{
	static bool begun;

	if (!begun)
		pfm_initialize();
	begun = true;
}
#endif

static bool from_libpfm(const char *name, struct counter *counter, const char **why)
{
#ifdef TOLL_LIBPFM
	struct perf_event_attr attr = { .size = sizeof attr };
	pfm_perf_encode_arg_t arg = { .attr = &attr, .size = sizeof arg };

	begin_libpfm();
	int answer = pfm_get_os_event_encoding(name, PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT, &arg);

	if (answer != PFM_SUCCESS) {
		*why = answer == PFM_ERR_NOTFOUND ? NULL : pfm_strerror(answer);
		return false;
	}
	counter->event = (struct page_counter){ .type = attr.type,
						.config = attr.config,
						.config1 = attr.config1,
						.config2 = attr.config2,
						.no_user = attr.exclude_user,
						.no_kernel = attr.exclude_kernel };
	return true;
#else
	(void)name;
	(void)counter;
	*why = NULL;
	return false;
#endif
}

bool counters_processor(char *name, size_t bytes)
{
	bool there = false;

	*name = '\0';
#ifdef TOLL_LIBPFM
	pfm_pmu_t pmu;

	begin_libpfm();
	pfm_for_all_pmus(pmu)
	{
		pfm_pmu_info_t info = { .size = sizeof info };

		if (pfm_get_pmu_info(pmu, &info) != PFM_SUCCESS || !info.is_present ||
		    info.type != PFM_PMU_TYPE_CORE)
			continue;
		snprintf(name, bytes, "%s", info.desc);
		there = true;
	}
#else
	(void)bytes;
#endif
	return there;
}

bool counters_have_libpfm(void)
{
#ifdef TOLL_LIBPFM
	return true;
#else
	return false;
#endif
}

/* "sched:sched_waking" looks like one; what it is, is for the kernel to say. */
static bool looks_like_tracepoint(const char *name)
{
	const char *colon = strchr(name, ':');

	for (size_t i = 0; i < LENGTH(known) && colon; i++)
		if (is(known[i].name, name, (size_t)(colon - name)) ||
		    is(known[i].also, name, (size_t)(colon - name)))
			return false; /* with a modifier that there is not */

	return colon && colon > name && colon[1] && !strchr(colon + 1, ':') &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == (size_t)(colon - name);
}

static int unknown(const char *name, const char *reason, char *why, size_t bytes)
{
	const char *nearest = say_nearest(name, counters_known(), LENGTH(known));

	if (reason)
		snprintf(why, bytes, "\"%.60s\": %s; toll list events", name, reason);
	else if (nearest)
		snprintf(why, bytes,
			 "no event is called \"%.60s\", the nearest is \"%s\"; toll list events",
			 name, nearest);
	else
		snprintf(why, bytes, "no event is called \"%.60s\"%s; toll list events", name,
			 counters_have_libpfm()
				 ? ""
				 : " (this toll was built without libpfm4, and knows few)");
	return -1;
}

/* 0, or -1 with why. */
static int find(const char *name, struct counter *counter, char *why, size_t bytes)
{
	const char *reason = NULL;

	*counter = (struct counter){ .otherwise = ELSE_NONE };
	if (snprintf(counter->name, sizeof counter->name, "%s", name) >= COUNTER_NAME)
		return unknown(name, "longer than any event's name", why, bytes);
	if (!from_table(name, counter) && !from_raw(name, counter)) {
		counter->event = (struct page_counter){ .type = PERF_TYPE_TRACEPOINT };
		char no_tracepoint[COUNTER_REASON] = "";
		bool may_be = looks_like_tracepoint(name);

		if ((!may_be || !tracepoint_find(name, &counter->event.config, no_tracepoint,
						 sizeof no_tracepoint)) &&
		    !from_libpfm(name, counter, &reason)) {
			if (!may_be)
				return unknown(name, reason, why, bytes);
			snprintf(counter->why, sizeof counter->why, "%s", no_tracepoint);
		}
	}
	struct page_counter *event = &counter->event;

	if (in_kernel_alone(event) && event->no_kernel)
		return unknown(name, "it happens in the kernel alone, leave :u out", why, bytes);
	event->spares_kernel =
		event->type != PERF_TYPE_TRACEPOINT && event->type != PERF_TYPE_SOFTWARE;
	if (pmu_lacks(event))
		snprintf(counter->why, sizeof counter->why,
			 "this processor's PMU says that it lacks it: it would count 0");
	return 0;
}

/* ---- a list ---- */

static int add(struct counters *counters, const struct counter *counter, unsigned group, char *why,
	       size_t bytes)
{
	if (counters->count == LENGTH(counters->counter)) {
		snprintf(why, bytes, "over %d events", PAGE_COUNTERS);
		return -1;
	}
	for (size_t i = 0; i < counters->count; i++)
		if (strcmp(counters->counter[i].name, counter->name) == 0) {
			snprintf(why, bytes, "\"%.60s\" is there twice", counter->name);
			return -1;
		}
	counters->counter[counters->count] = *counter;
	counters->counter[counters->count++].event.group = group;
	return 0;
}

static int add_defaults(struct counters *counters, char *why, size_t bytes)
{
	for (size_t i = 0; i < LENGTH(defaults); i++) {
		const struct wanted *wanted = &defaults[i];
		struct counter counter = { .why = "" }, other;
		bool found = false;

		for (size_t n = 0; n < LENGTH(wanted->names) && wanted->names[n] && !found; n++) {
			bool fine = find(wanted->names[n], &other, why, bytes) == 0;

			found = fine && !other.why[0];
			if (fine && (found || n == 0))
				counter = other;
		}
		if (!found && !counter.why[0])
			snprintf(counter.why, sizeof counter.why, "%s%s",
				 wanted->none ? wanted->none : "not known",
				 counters_have_libpfm() ? ""
							: " (this toll was built without libpfm4)");
		if (!counter.name[0])
			snprintf(counter.name, sizeof counter.name, "%s", wanted->names[0]);
		snprintf(counter.what, sizeof counter.what, "%s", wanted->what);
		if (add(counters, &counter, 0, why, bytes))
			return -1;
	}
	return 0;
}

/* Takes blanks and what stands up to the next separator. */
static char *word(char **rest)
{
	*rest += strspn(*rest, " \t");
	char *begin = *rest, *end = begin + strcspn(begin, ",{}");

	*rest = end;
	while (end > begin && isspace((unsigned char)end[-1]))
		end--;
	return strndup(begin, (size_t)(end - begin));
}

/* One name, or "default", and what is wrong with it. */
static int take(struct counters *counters, const char *name, unsigned group, char *why,
		size_t bytes)
{
	struct counter counter;

	if (!*name) {
		snprintf(why, bytes, "a name is missing; write a,b or {a,b}");
		return -1;
	}
	if (strcmp(name, "default") == 0 && !group)
		return add_defaults(counters, why, bytes);
	return find(name, &counter, why, bytes) ? -1 : add(counters, &counter, group, why, bytes);
}

int counters_read(const char *list, struct counters *counters, char *why, size_t bytes)
{
	unsigned groups = 0, group = 0;
	char *text = strdup(list), *at = text;
	int failed = text ? 0 : -1;

	*counters = (struct counters){ .count = 0 };
	snprintf(why, bytes, "out of memory");
	if (text && strcmp(text, "none") == 0)
		goto end;
	for (bool more = true; more && !failed;) {
		at += strspn(at, " \t");
		if (*at == '{' && !group) {
			group = ++groups;
			at++;
		}
		char *name = word(&at);

		failed = name ? take(counters, name, group, why, bytes) : -1;
		free(name);
		if (failed)
			break;
		if (*at == '}' && group) {
			group = 0;
			at += 1 + strspn(at + 1, " \t");
		}
		more = *at == ',';
		if (!more && (*at || group)) {
			snprintf(why, bytes, "braces hold one group, and no other: {a,b},c");
			failed = -1;
		}
		at += more;
	}
end:
	free(text);
	return failed;
}

/* ---- the page, and what comes back in it ---- */

unsigned counters_ask(const struct counters *counters, struct page_counter asked[PAGE_COUNTERS],
		      int place[PAGE_COUNTERS])
{
	unsigned count = 0;

	for (size_t i = 0; i < counters->count; i++) {
		place[i] = -1;
		if (counters->counter[i].why[0])
			continue;
		asked[count] = counters->counter[i].event;
		place[i] = (int)count++;
	}
	return count;
}

/* What sysctl kernel.perf_event_paranoid spares. */
static bool is_capable(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[0].effective & 1U << CAP_SYS_ADMIN ||
		data[1].effective & 1U << (CAP_PERFMON_BIT - 32));
}

/* −1 … 4; false where the kernel has none. */
static bool paranoid(long *level)
{
	FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	char line[32];
	bool there = file && fgets(line, sizeof line, file);

	if (there)
		*level = strtol(line, NULL, 10);
	if (file)
		fclose(file);
	return there;
}

static int try_event(const struct page_counter *event, bool user_only)
{
	struct perf_event_attr attr = { .size = sizeof attr,
					.type = event->type,
					.config = event->config,
					.config1 = event->config1,
					.config2 = event->config2,
					.disabled = 1,
					.exclude_user = event->no_user && !user_only,
					.exclude_kernel = event->no_kernel || user_only,
					.exclude_hv = event->no_kernel || user_only };
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static bool is_refusal(int error)
{
	return error == EACCES || error == EPERM;
}

/* At 2 user mode may be counted by anybody: where even that is refused it is not the sysctl. */
static bool is_by_sysctl(long level)
{
	const struct page_counter nothing = { .type = PERF_TYPE_SOFTWARE,
					      .config = PERF_COUNT_SW_DUMMY };

	return level == 2 ? !is_refusal(try_event(&nothing, true)) : level > 2 && !is_capable();
}

static void refusal(int error, char *reason, size_t bytes)
{
	const char *name = error == EPERM ? "EPERM" : "EACCES";
	long level = 0;

	if (!paranoid(&level) || !is_by_sysctl(level))
		snprintf(reason, bytes,
			 "the kernel refuses perf_event_open (%s), not by sysctl "
			 "kernel.perf_event_paranoid: "
			 "a seccomp filter, as containers have",
			 name);
	else
		snprintf(reason, bytes,
			 "sysctl kernel.perf_event_paranoid is %ld: for root, or with CAP_PERFMON, "
			 "or at 1 (%s)",
			 level, name);
}

static void why_not(const struct counter *counter, int error, char *reason, size_t bytes)
{
	bool hardware = counter->event.spares_kernel;
	char pmu[16];

	switch (error) {
	case EACCES:
	case EPERM:
		refusal(error, reason, bytes);
		break;
	case ENOENT:
	case ENODEV:
	case EOPNOTSUPP:
		if (hardware && !pmu_name(pmu, sizeof pmu))
			snprintf(reason, bytes,
				 "no PMU here: virtual machines often have none (%s)",
				 error == ENOENT ? "ENOENT" : strerror(error));
		else
			snprintf(reason, bytes, "%s does not count it (%s)",
				 hardware ? "this processor" : "this kernel",
				 error == ENOENT ? "ENOENT" : strerror(error));
		break;
	case ENOSPC:
		snprintf(reason, bytes,
			 "its group is too large: the processor has fewer counters (EINVAL); put "
			 "fewer into "
			 "the braces");
		break;
	case ENOSYS:
		snprintf(reason, bytes, "there is no perf_event_open(2) here (ENOSYS)");
		break;
	default:
		snprintf(reason, bytes, "perf_event_open: %s", strerror(error));
	}
}

static void by_usage(const struct counter *counter, const struct page_counted *counted,
		     struct tally *tally)
{
	if (counter->otherwise == ELSE_NONE)
		return;
	tally->usage = true;
	tally->share = 1;
	tally->per_operation = (double)(counter->otherwise == ELSE_SWITCHES ? counted->switches
									    : counted->faults) /
			       (double)counted->operations;
}

void counters_tally(const struct counter *counter, const struct page_counted *counted,
		    const struct page_count *count, struct tally *tally)
{
	*tally = (struct tally){ .per_operation = NAN, .share = NAN };
	if (counted->operations == 0) {
		snprintf(tally->reason, sizeof tally->reason, "no turn was counted");
	} else if (!count) {
		snprintf(tally->reason, sizeof tally->reason, "%s", counter->why);
		by_usage(counter, counted, tally);
	} else if (count->error) {
		why_not(counter, count->error, tally->reason, sizeof tally->reason);
		by_usage(counter, counted, tally);
	} else if (count->running_ns == 0 || count->enabled_ns == 0) {
		snprintf(tally->reason, sizeof tally->reason,
			 "it never had a counter of the processor's: ask for fewer events");
	} else if ((double)count->running_ns < LEAST_SHARE * (double)count->enabled_ns) {
		/* as where a group never fits: its events are switched on one by one until one
		 * fails, and off again */
		snprintf(tally->reason, sizeof tally->reason,
			 "it had a counter of the processor's less than %g %% of the time: ask for "
			 "fewer events, or smaller groups",
			 LEAST_SHARE * 100);
	} else {
		double share = (double)count->running_ns / (double)count->enabled_ns;

		tally->share = share < 1 ? share : 1;
		tally->user_only = count->user_only;
		tally->per_operation =
			(double)count->value / tally->share / (double)counted->operations;
	}
}

/* As toll-worker opens it: user mode alone may show that there is no such event, which the refusal
 * hid. */
void counters_try(const struct counter *counter, struct tally *tally)
{
	const struct page_counter *event = &counter->event;
	struct page_counted counted = { .operations = 1 };
	struct page_count count = { .enabled_ns = 1, .running_ns = 1 };

	if (counter->why[0]) {
		counters_tally(counter, &counted, NULL, tally);
		return;
	}
	count.error = try_event(event, false);
	if (is_refusal(count.error) && event->spares_kernel && !event->no_kernel) {
		int error = try_event(event, true);

		if (!is_refusal(error) && (error || !event->no_user))
			count.error = error;
		count.user_only = !error && !event->no_user;
	}
	counters_tally(counter, &counted, &count, tally);
}

static bool can_count(const struct counter *counter)
{
	struct tally tally;

	counters_try(counter, &tally);
	return isfinite(tally.per_operation) && !tally.usage;
}

bool counters_apart(const struct counters *counters, struct counters parts[2],
		    size_t place[2][PAGE_COUNTERS])
{
	bool counts[2] = { false, false };

	parts[0].count = parts[1].count = 0;
	for (size_t first = 0, behind; first < counters->count; first = behind) {
		const unsigned group = counters->counter[first].event.group;
		bool processors = false;

		for (behind = first; behind < counters->count; behind++) {
			if (behind > first &&
			    (!group || counters->counter[behind].event.group != group))
				break;
			processors |= counters->counter[behind].event.spares_kernel != 0;
		}
		for (size_t i = first; i < behind; i++) {
			struct counters *part = &parts[!processors];

			place[!processors][part->count] = i;
			part->counter[part->count++] = counters->counter[i];
			/* of a group's it is the processor's own that matter */
			if (!processors || counters->counter[i].event.spares_kernel)
				counts[!processors] |= can_count(&counters->counter[i]);
		}
	}
	return counts[0] && counts[1];
}
