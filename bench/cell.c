/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell.c - a cell's key: written, read, and cut down to what a curve or a block compares. */
#include "cell.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const wait_names[WAIT_COUNT] = {
	[WAIT_SPIN] = "spin",   [WAIT_PAUSE] = "pause", [WAIT_YIELD] = "yield",
	[WAIT_BLOCK] = "block", [WAIT_POLL] = "poll",   [WAIT_HYBRID] = "hybrid",
	[WAIT_EPOLL] = "epoll",
};

static const char *const policy_names[POLICY_COUNT] = {
	[POLICY_OTHER] = "other", [POLICY_BATCH] = "batch", [POLICY_IDLE] = "idle",
	[POLICY_RR] = "rr",       [POLICY_FIFO] = "fifo",
};

struct unit {
	const char *name;
	uint64_t factor;
};

/* From large to small, so that the first that divides is the shortest way to write a number. */
static const struct unit time_units[] = {
	{ "h", 3600000000000 }, { "m", 60000000000 }, { "s", 1000000000 },
	{ "ms", 1000000 },      { "us", 1000 },       { "ns", 1 },
};
static const struct unit size_units[] = {
	{ "G", 1ULL << 30 },
	{ "M", 1ULL << 20 },
	{ "K", 1ULL << 10 },
	{ "", 1 },
};

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* Text that grows in a buffer of fixed size; what does not fit is cut. */
struct text {
	char *buffer;
	size_t bytes, used;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	if (text->used >= text->bytes)
		return;
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(text->buffer + text->used, text->bytes - text->used, format, arguments);
	va_end(arguments);
	if (n > 0)
		text->used += (size_t)n;
}

static char *write_unit(const struct unit units[], size_t n, uint64_t value, char *buffer,
			size_t bytes)
{
	size_t u = 0;
	while (u + 1 < n && (value == 0 || value % units[u].factor))
		u++;
	snprintf(buffer, bytes, "%" PRIu64 "%s", value / units[u].factor, units[u].name);
	return buffer;
}

char *cell_size_text(uint64_t bytes, char *buffer, size_t room)
{
	write_unit(size_units, LENGTH(size_units), bytes, buffer, room);
	return buffer;
}

int cell_parse_size(const char *text, uint64_t *bytes)
{
	/* strtoull would take "-1" and leading blanks */
	if (!isdigit((unsigned char)*text))
		return -1;
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno)
		return -1;
	for (size_t u = 0; u < LENGTH(size_units); u++) {
		if (strcasecmp(end, size_units[u].name) != 0)
			continue;
		if (number > UINT64_MAX / size_units[u].factor)
			return -1;
		*bytes = number * size_units[u].factor;
		return 0;
	}
	return -1;
}

int cell_parse_time_ns(const char *text, uint64_t *ns)
{
	/* only digits and a point: strtod alone would take "inf", "nan" and "0x10" */
	size_t digits = strspn(text, "0123456789.");
	char number[32];
	if (!isdigit((unsigned char)*text) || digits >= sizeof number)
		return -1;
	memcpy(number, text, digits);
	number[digits] = '\0';
	char *end;
	double value = strtod(number, &end);
	if (*end)
		return -1;
	for (size_t u = 0; u < LENGTH(time_units); u++) {
		if (strcmp(text + digits, time_units[u].name) != 0)
			continue;
		double product = value * (double)time_units[u].factor;
		if (product >= (double)INT64_MAX)
			return -1;
		*ns = (uint64_t)(product + 0.5);
		return 0;
	}
	return -1;
}

char *cell_wait_text(const struct cell *cell, char *buffer, size_t bytes)
{
	char amount[32] = "";

	if (cell->wait == WAIT_HYBRID)
		write_unit(time_units, LENGTH(time_units), cell->wait_amount, amount,
			   sizeof amount);
	else if (cell->wait == WAIT_EPOLL && cell->wait_amount)
		snprintf(amount, sizeof amount, "%" PRIu64, cell->wait_amount);
	snprintf(buffer, bytes, "%s%s%s", wait_names[cell->wait], *amount ? ":" : "", amount);
	return buffer;
}

/* strtoul without its signs and blanks */
static int parse_number(const char *text, unsigned long most, unsigned long *number)
{
	if (!isdigit((unsigned char)*text))
		return -1;
	char *end;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return *end || errno || *number > most ? -1 : 0;
}

int cell_wait_parse(const char *text, enum cell_wait *wait, uint64_t *amount)
{
	size_t length = strcspn(text, ":");
	const char *with = text[length] ? text + length + 1 : NULL;

	for (unsigned w = 0; w < WAIT_COUNT; w++) {
		uint64_t ns = 0;
		unsigned long idle = 0;
		if (strlen(wait_names[w]) != length || strncmp(text, wait_names[w], length) != 0)
			continue;
		if (w == WAIT_HYBRID  ? !with || cell_parse_time_ns(with, &ns) || ns == 0
		    : w == WAIT_EPOLL ? with && (parse_number(with, INT32_MAX, &idle) || idle == 0)
				      : with != NULL)
			return -1;
		*wait = w;
		*amount = w == WAIT_HYBRID ? ns : idle;
		return 0;
	}
	return -1;
}

char *cell_think_text(const struct cell *cell, char *buffer, size_t bytes)
{
	return write_unit(time_units, LENGTH(time_units), cell->think_ns, buffer, bytes);
}

char *cell_sched_text(const struct cell *cell, char *buffer, size_t bytes)
{
	if (cell_is_realtime(cell))
		snprintf(buffer, bytes, "%s:%u", policy_names[cell->policy], cell->priority);
	else
		snprintf(buffer, bytes, "%s", policy_names[cell->policy]);
	return buffer;
}

int cell_sched_parse(const char *text, enum cell_policy *policy, unsigned *priority)
{
	size_t length = strcspn(text, ":");
	const char *with = text[length] ? text + length + 1 : NULL;

	for (unsigned p = 0; p < POLICY_COUNT; p++) {
		bool realtime = p == POLICY_RR || p == POLICY_FIFO;
		unsigned long number = 0;
		if (strlen(policy_names[p]) != length ||
		    strncmp(text, policy_names[p], length) != 0)
			continue;
		if (realtime != (with != NULL))
			return -1;
		if (realtime && (parse_number(with, CELL_MOST_PRIORITY, &number) || number == 0))
			return -1;
		*policy = p;
		*priority = (unsigned)number;
		return 0;
	}
	return -1;
}

bool cell_shares_cpu(const struct cell *cell)
{
	for (unsigned a = 0; a < cell->peers; a++)
		for (unsigned b = a + 1; b < cell->peers; b++)
			if (cell->cpus[a] == cell->cpus[b])
				return true;
	return false;
}

static void add_named(struct text *text, const char *name, const char *options)
{
	add(text, "%s%s%s", name, *options ? ":" : "", options);
}

static void add_cpus(struct text *text, const struct cell *cell)
{
	for (unsigned p = 0; p < cell->peers && p < CELL_MOST_PEERS; p++)
		add(text, "%s%d", p ? "," : "", cell->cpus[p]);
}

static void add_placement(struct text *text, const struct cell *cell)
{
	add(text, "/%s", cell->placement);
	if (strcmp(cell->placement, "cpus") == 0) {
		add(text, ":");
		add_cpus(text, cell);
	}
}

static const char *idle_text(enum cell_idle idle)
{
	return idle == IDLE_AWAKE ? "awake" : "sleep";
}

/* What is done to the peers, whatever they play. */
static void add_treatment(struct text *text, const struct cell *cell)
{
	char word[32];

	if (cell->policy != POLICY_OTHER)
		add(text, "/sched=%s", cell_sched_text(cell, word, sizeof word));
	if (cell->mlock)
		add(text, "/mlock=on");
	if (cell->think_ns)
		add(text, "/think=%s", cell_think_text(cell, word, sizeof word));
}

static char *key(const struct cell *cell, bool with_size, char *buffer, size_t bytes)
{
	struct text text = { .buffer = buffer, .bytes = bytes };
	char word[64];

	add_named(&text, cell->mechanism, cell->options);
	add(&text, "/");
	add_named(&text, cell->pattern, cell->pattern_options);
	add_placement(&text, cell);
	if (with_size)
		add(&text, "/%s", cell_size_text(cell->size, word, sizeof word));
	add(&text, "/%s", cell_wait_text(cell, word, sizeof word));
	if (cell->peers_named)
		add(&text, "/peers=%u", cell->peers);
	if (cell->depth >= 0)
		add(&text, "/depth=%d", cell->depth);
	if (cell->idle != IDLE_NONE)
		add(&text, "/idle=%s", idle_text(cell->idle));
	if (cell->copy)
		add(&text, "/copy=on");
	if (!cell->touch_all)
		add(&text, "/touch=none");
	if (cell->threads)
		add(&text, "/threads=on");
	add_treatment(&text, cell);
	if (cell->replica)
		add(&text, "/replica=%u", cell->replica);
	return buffer;
}

char *cell_key(const struct cell *cell, char *buffer, size_t bytes)
{
	return key(cell, true, buffer, bytes);
}

char *cell_key_without_size(const struct cell *cell, char *buffer, size_t bytes)
{
	return key(cell, false, buffer, bytes);
}

char *cell_variant(const struct cell *cell, char *buffer, size_t bytes)
{
	struct text text = { .buffer = buffer, .bytes = bytes };

	add_named(&text, cell->mechanism, cell->options);
	return buffer;
}

char *cell_label(const struct cell *cell, char *buffer, size_t bytes)
{
	struct text text = { .buffer = buffer, .bytes = bytes };

	add_named(&text, cell->mechanism, cell->options);
	if (cell->copy)
		add(&text, ", copied");
	return buffer;
}

char *cell_group(const struct cell *cell, char *buffer, size_t bytes)
{
	struct text text = { .buffer = buffer, .bytes = bytes };
	char word[64];

	add_named(&text, cell->pattern, cell->pattern_options);
	add(&text, "/%s/cpus=", cell->placement);
	add_cpus(&text, cell);
	add(&text, "/%s/%s", cell_size_text(cell->size, word, sizeof word),
	    cell_spins(cell) ? "spinning" : "sleeping");
	if (cell->idle != IDLE_NONE)
		add(&text, "/idle=%s", idle_text(cell->idle));
	if (cell->depth >= 0)
		add(&text, "/depth=%d", cell->depth);
	add(&text, "%s%s", cell->touch_all ? "" : "/touch=none",
	    cell->threads ? "/threads=on" : "");
	add_treatment(&text, cell);
	return buffer;
}

char *cell_family(const struct cell *cell, char *buffer, size_t bytes)
{
	struct cell any_size = *cell;

	any_size.size = 1;
	return cell_group(&any_size, buffer, bytes);
}

/* "ring:layout=slot" into its two halves, each bounded. */
static int parse_named(const char *text, char *name, char *options)
{
	size_t length = strcspn(text, ":");
	const char *rest = text[length] == ':' ? text + length + 1 : text + length;
	if (length == 0 || length >= CELL_NAME || strlen(rest) >= CELL_OPTIONS)
		return -1;
	if (text[length] == ':' && !strchr(rest, '='))
		return -1;
	memcpy(name, text, length);
	name[length] = '\0';
	memcpy(options, rest, strlen(rest) + 1);
	return 0;
}

static int parse_placement(struct cell *cell, char *text)
{
	static const char outright[] = "cpus:";
	if (strncmp(text, outright, strlen(outright)) != 0) {
		if (!*text || strlen(text) >= CELL_NAME || strchr(text, ':'))
			return -1;
		memcpy(cell->placement, text, strlen(text) + 1);
		return 0;
	}
	memcpy(cell->placement, "cpus", sizeof "cpus");
	char *rest = text + strlen(outright), *word;
	while ((word = strsep(&rest, ","))) {
		unsigned long cpu;
		if (cell->peers == CELL_MOST_PEERS || parse_number(word, INT32_MAX, &cpu))
			return -1;
		cell->cpus[cell->peers++] = (int)cpu;
	}
	return 0;
}

/* One of the names at a key's end: 0, or -1. */
static int parse_trailing(struct cell *cell, const char *name, const char *value)
{
	unsigned long number = 0;
	if (strcmp(name, "peers") == 0) {
		if (parse_number(value, CELL_MOST_PEERS, &number) || number == 0)
			return -1;
		if (cell->peers && cell->peers != number) /* "cpus:2,5" has counted them */
			return -1;
		cell->peers = (unsigned)number;
		cell->peers_named = true;
	} else if (strcmp(name, "depth") == 0) {
		if (parse_number(value, INT32_MAX, &number))
			return -1;
		cell->depth = (int)number;
	} else if (strcmp(name, "idle") == 0) {
		if (strcmp(value, "awake") != 0 && strcmp(value, "sleep") != 0)
			return -1;
		cell->idle = strcmp(value, "awake") == 0 ? IDLE_AWAKE : IDLE_SLEEP;
	} else if (strcmp(name, "copy") == 0 && strcmp(value, "on") == 0) {
		cell->copy = true;
	} else if (strcmp(name, "touch") == 0 && strcmp(value, "none") == 0) {
		cell->touch_all = false;
	} else if (strcmp(name, "threads") == 0 && strcmp(value, "on") == 0) {
		cell->threads = true;
	} else if (strcmp(name, "sched") == 0) {
		/* what is as usual is not said */
		if (cell_sched_parse(value, &cell->policy, &cell->priority) ||
		    cell->policy == POLICY_OTHER)
			return -1;
	} else if (strcmp(name, "think") == 0) {
		if (cell_parse_time_ns(value, &cell->think_ns) || cell->think_ns == 0 ||
		    cell->think_ns > CELL_MOST_THINK_NS)
			return -1;
	} else if (strcmp(name, "mlock") == 0 && strcmp(value, "on") == 0) {
		cell->mlock = true;
	} else if (strcmp(name, "replica") == 0) {
		if (parse_number(value, UINT32_MAX, &number))
			return -1;
		cell->replica = (unsigned)number;
	} else {
		return -1;
	}
	return 0;
}

int cell_parse(struct cell *cell, const char *key_text, const char **why)
{

	static const char *const bad[] = {
		"its mechanism is not NAME or NAME:OPTION=VALUE,…",
		"its pattern is not NAME or NAME:OPTION=VALUE,…",
		"its placement is not a name or cpus:A,B",
		"its size is not a number of bytes above 0 (K, M and G may follow)",
		"its wait is not spin, pause, yield, block, poll, hybrid:TIME, epoll or epoll:N",
	};
	char copy[CELL_KEY], *rest = copy;

	if (strlen(key_text) >= sizeof copy) {
		*why = "it is too long for a key";
		return -1;
	}
	memcpy(copy, key_text, strlen(key_text) + 1);
	*cell = (struct cell){ .depth = -1, .touch_all = true };

	for (size_t part = 0; part < LENGTH(bad); part++) {
		char *word = strsep(&rest, "/");
		if (!word) {
			*why = "a key has five parts at least: "
			       "MECHANISM/PATTERN/PLACEMENT/SIZE/WAIT";
			return -1;
		}
		int failed = 0;
		switch (part) {
		case 0:
			failed = parse_named(word, cell->mechanism, cell->options);
			break;
		case 1:
			failed = parse_named(word, cell->pattern, cell->pattern_options);
			break;
		case 2:
			failed = parse_placement(cell, word);
			break;
		case 3:
			failed = cell_parse_size(word, &cell->size) || cell->size == 0;
			break;
		default:
			failed = cell_wait_parse(word, &cell->wait, &cell->wait_amount);
			break;
		}
		if (failed) {
			*why = bad[part];
			return -1;
		}
	}
	char *word;
	while ((word = strsep(&rest, "/"))) {
		char *value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		if (!value || parse_trailing(cell, word, value)) {
			*why = "after the wait a key may have peers=N depth=N idle=awake|sleep "
			       "copy=on "
			       "touch=none threads=on sched=POLICY mlock=on think=TIME replica=N";
			return -1;
		}
	}
	return 0;
}

struct cell cell_self(const struct cell *cell)
{
	struct cell self = *cell;

	snprintf(self.pattern, sizeof self.pattern, "self");
	self.pattern_options[0] = '\0';
	snprintf(self.placement, sizeof self.placement, "same-cpu");
	self.peers = 1;
	self.peers_named = false;
	self.idle = IDLE_NONE;
	self.replica = 0;
	self.think_ns = 0; /* its own path, without what comes of thinking */
	return self;
}

unsigned cell_cpus(const struct cell *cell)
{
	unsigned count = 0;

	for (unsigned p = 0; p < cell->peers; p++) {
		bool met = false;

		for (unsigned q = 0; q < p; q++)
			met |= cell->cpus[q] == cell->cpus[p];
		count += !met;
	}
	return count;
}
