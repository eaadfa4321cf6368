/* SPDX-License-Identifier: GPL-3.0-or-later */
/* product.c - the product of all that the registry knows: what can be played, what is refused and
 * whether that is right, and a choice that covers each pair of values. */
#include "conform.h"

#include <errno.h>
#include <fnmatch.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../grow.h"
#include "../say.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static const uint64_t sizes[] = { 64, 1, 7, 8, 9, 56, 4097, 64 << 10, 1 << 20, 4096 };
enum { FEWER_SIZES = LENGTH(sizes) - 1 /* the last says little that its neighbour does not */ };
static const int depths[] = { -1, 0, 1, 3 };
enum {
	MOST_VARIANTS = 1024,
	MOST_PATTERNS = 128,
	SPIN_NS = 2000,
	THINK_NS = 1000,
	DEADLINE_MS = 30,
	IDLE = 20,
	HEADER = 8
};
enum { MOST_WHOM = CELL_MOST_PEERS + 1 }; /* the peers, and their worker */
#define MOST_MEMORY (256UL << 20)

/* A mechanism or pattern with its options, and for a pattern how many peers. */
struct variant {
	const json_t *is;
	char name[CELL_NAME], options[CELL_OPTIONS];
	unsigned peers;
	bool deadline;
};

static int out_of_memory(void)
{
	say_error("out of memory");
	return -1;
}

int product_find_cpus(struct wanted *wanted)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof set, &set)) {
		say_error("sched_getaffinity: %s", strerror(errno));
		return -1;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE && wanted->cpu_count < CELL_MOST_PEERS; cpu++) {
		if (CPU_ISSET(cpu, &set))
			wanted->cpus[wanted->cpu_count++] = cpu;
	}
	return 0;
}

/* --- what there is -------------------------------------------------------------------------- */

static bool is_quantity(const char *word)
{
	uint64_t number;
	return cell_parse_size(word, &number) == 0;
}

/* Which ends of a range are played, beside the default. Each value costs cells, so in a choice only
 * the upper end of a range whose lower one is the default. */
enum ends { NO_END, OTHER_END, BOTH_ENDS };

enum { MOST_AMOUNT = 16 << 20 };

/* The upper end of a range: a number, or the file that has it. What an administrator has raised
 * beyond 16 MiB is bytes that a channel would be filled with: 16 MiB then. false: neither. */
static bool upper_end(const char *end, char text[], size_t room)
{
	char line[64] = "";
	uint64_t number;
	FILE *file = *end == '/' ? fopen(end, "r") : NULL;

	if (file) {
		bool whole = fgets(line, sizeof line, file) != NULL;
		fclose(file);
		if (!whole)
			return false;
		line[strcspn(line, " \t\n")] = '\0';
		end = line;
	}
	if (cell_parse_size(end, &number))
		return false;
	if (number > MOST_AMOUNT)
		snprintf(text, room, "%d", MOST_AMOUNT);
	else
		snprintf(text, room, "%s", end);
	return true;
}

/* Calls each value of an option but its default: the words of a list, and ends of a range where
 * they are numbers. */
static int each_value(const json_t *option, enum ends ends,
		      int (*call)(void *context, const char *value), void *context)
{
	static const char to[] = " … ";
	const char *values = registry_text(option, "values"),
		   *by_default = registry_text(option, "value");
	char copy[1024], upper[64], *rest = copy;
	bool list = strchr(values, ',') != NULL;

	snprintf(copy, sizeof copy, "%s", values);
	for (char *word; (word = strsep(&rest, ","));) {
		word += strspn(word, " ");
		char *range = strstr(word, to);
		if (!range && !list)
			continue; /* a text for people */
		if (range) {
			*range = '\0';
			bool lower_known = strcmp(word, by_default) == 0;
			if (ends == NO_END || !is_quantity(word))
				continue;
			if ((ends == BOTH_ENDS || lower_known) &&
			    upper_end(range + strlen(to), upper, sizeof upper) &&
			    strcmp(upper, word) != 0 && strcmp(upper, by_default) != 0 &&
			    call(context, upper))
				return -1;
			if (ends != BOTH_ENDS)
				continue;
		}
		if (strcmp(word, by_default) != 0 && call(context, word))
			return -1;
	}
	return 0;
}

struct adding {
	struct variant *list, like;
	size_t *count, most;
	const char *option;
	bool brief;
};

static int add_variant(struct adding *adding, const struct variant *variant)
{
	if (*adding->count == adding->most) {
		say_error("more than %zu variants", adding->most);
		return -1;
	}
	adding->list[(*adding->count)++] = *variant;
	return 0;
}

static int add_value(void *context, const char *value)
{
	struct adding *adding = context;
	struct variant variant = adding->like;
	snprintf(variant.options, sizeof variant.options, "%s=%s", adding->option, value);
	return add_variant(adding, &variant);
}

/* A choice has of one mechanism what is the same code in all: what every mechanism in shared memory
 * takes, and what all over io_uring do, or those of them that read and write (uring-bytes.h). */
static bool told_elsewhere(const struct adding *adding)
{
	static const struct {
		const char *option, *by, *instead_of;
	} told[] = {
		{ "instances", "ring", "*" },
		{ "memory", "ring", "*" },
		{ "home", "ring", "*" },
		{ "sqpoll", "uring-pipe", "uring-*" },
		{ "link", "uring-pipe", "uring-socket" },
		{ "fixed", "uring-pipe", "uring-socket" },
	};

	for (size_t i = 0; i < LENGTH(told) && adding->brief; i++) {
		if (strcmp(adding->option, told[i].option) == 0 &&
		    fnmatch(told[i].instead_of, adding->like.name, 0) == 0)
			return strncmp(adding->like.name, told[i].by, strlen(told[i].by)) != 0;
	}
	return false;
}

/* A mechanism or pattern by default, and with each of its options' other values, one at a time. */
static int add_variants(struct adding *adding, enum ends ends)
{
	const json_t *option;
	size_t i;
	if (add_variant(adding, &adding->like))
		return -1;
	json_array_foreach (json_object_get(adding->like.is, "options"), i, option) {
		adding->option = registry_text(option, "name");
		if (!told_elsewhere(adding) && each_value(option, ends, add_value, adding))
			return -1;
	}
	return 0;
}

bool product_wants(const struct wanted *wanted, const json_t *mechanism)
{
	const char *name = registry_text(mechanism, "name");

	return (!wanted->mechanism || strcmp(name, wanted->mechanism) == 0) &&
	       (!wanted->in_place || registry_flag(mechanism, "in_place")) &&
	       (!wanted->plugins_only || strcmp(registry_text(mechanism, "from"), "built in") != 0);
}

static int list_mechanisms(const struct wanted *wanted, struct variant list[], size_t *count)
{
	const json_t *mechanism;
	size_t i;
	json_array_foreach (json_object_get(wanted->registry->description, "mechanisms"), i,
			    mechanism) {
		struct adding adding = { .list = list,
					 .count = count,
					 .most = MOST_VARIANTS,
					 .brief = wanted->brief,
					 .like = { .is = mechanism } };
		const char *name = registry_text(mechanism, "name");
		if (!product_wants(wanted, mechanism))
			continue;
		snprintf(adding.like.name, CELL_NAME, "%s", name);
		if (add_variants(&adding, wanted->whole ? BOTH_ENDS : OTHER_END))
			return -1;
	}
	if (*count == 0)
		say_error("no mechanism called %s", wanted->mechanism ? wanted->mechanism : "so");
	return *count ? 0 : -1;
}

static bool has_option(const json_t *pattern, const char *name)
{
	const json_t *option;
	size_t i;
	json_array_foreach (json_object_get(pattern, "options"), i, option) {
		if (strcmp(registry_text(option, "name"), name) == 0)
			return true;
	}
	return false;
}

static int list_patterns(const struct wanted *wanted, struct variant list[], size_t *count)
{
	const json_t *pattern;
	size_t i;
	json_array_foreach (json_object_get(wanted->registry->description, "patterns"), i,
			    pattern) {
		struct adding adding = { .list = list,
					 .count = count,
					 .most = MOST_PATTERNS,
					 .like = { .is = pattern,
						   .deadline = has_option(pattern, "deadline"),
						   .peers = (unsigned)registry_number(pattern,
										      "peers") } };
		unsigned least = (unsigned)registry_number(pattern, "least_peers");
		const char *name = registry_text(pattern, "name");
		if (wanted->pattern && strcmp(name, wanted->pattern) != 0)
			continue;
		snprintf(adding.like.name, CELL_NAME, "%s", name);
		/* a range's end may change what a pattern promises: lists only. A machine with
		 * other work is not to miss the deadline. */
		if (adding.like.deadline)
			strcpy(adding.like.options, "deadline=1m");
		/* a schedule takes its time, and has promised nothing about how much */
		if (registry_flag(pattern, "paced"))
			strcpy(adding.like.options, "rate=100000");
		if (add_variants(&adding, NO_END))
			return -1;
		if (least == adding.like.peers)
			continue;
		adding.like.peers = least;
		if (add_variants(&adding, NO_END))
			return -1;
	}
	if (*count == 0)
		say_error("no pattern called %s", wanted->pattern ? wanted->pattern : "so");
	return *count ? 0 : -1;
}

/* --- what should be refused ----------------------------------------------------------------- */

struct question { /* a cell, and what the registry says about its parts */
	const struct variant *mechanism, *pattern;
	const struct cell *cell;
};

static bool needs_header(const struct question *q)
{
	return q->cell->size < (uint64_t)registry_number(q->pattern->is, "least_size") ||
	       (q->cell->size < HEADER && registry_flag(q->mechanism->is, "lossy"));
}

static bool plays_with_itself(const struct question *q)
{
	return registry_flag(q->mechanism->is, "self_only") &&
	       registry_number(q->pattern->is, "most_peers") > 1;
}

static bool too_deep(const struct question *q)
{
	long long most = registry_number(q->mechanism->is, "most_depth");
	return most && q->cell->depth > most;
}

static bool meets_itself(const struct question *q)
{
	return q->cell->depth == 0 && registry_number(q->pattern->is, "most_peers") == 1;
}

static bool copies_anyway(const struct question *q)
{
	return q->cell->copy && !registry_flag(q->mechanism->is, "in_place");
}

static bool is_lossy(const struct question *q)
{
	return registry_flag(q->mechanism->is, "lossy");
}

static bool loses_credit(const struct question *q)
{
	return is_lossy(q) && (q->cell->depth == 0 ||
			       (q->cell->depth > 0 && !registry_flag(q->mechanism->is, "slots")));
}

static bool shares_credit(const struct question *q)
{
	return q->cell->peers > 2 &&
	       (q->cell->depth == 0 ||
		(q->cell->depth > 0 && !registry_flag(q->mechanism->is, "slots"))) &&
	       (registry_number(q->mechanism->is, "producers") != 1 ||
		registry_flag(q->mechanism->is, "to_all"));
}

static bool sends_to_itself(const struct question *q)
{
	return registry_number(q->pattern->is, "most_peers") == 1 &&
	       !registry_flag(q->mechanism->is, "slots");
}

/* Few loops are worth compiling for pairs. */
static bool lacks_loops(const struct question *q)
{
	return strcmp(registry_text(q->pattern->is, "shape"), "pairs") == 0 &&
	       (q->cell->copy || q->cell->depth >= 0);
}

static bool has_memory(const struct question *q)
{
	return strncmp(q->mechanism->options, "memory=", strlen("memory=")) == 0;
}

static bool has_home(const struct question *q)
{
	return strncmp(q->mechanism->options, "home=", strlen("home=")) == 0;
}

static bool polls(const struct question *q)
{
	return q->cell->wait == WAIT_POLL || q->cell->wait == WAIT_EPOLL;
}

/* The refusals there may be. Those that follow from the registry must come when they should. */
static const struct kind {
	const char *text; /* as fnmatch(3) */
	bool (*due)(const struct question *);
	bool always;  /* refused whenever it is due, by this rule or another */
	bool machine; /* this machine's fault */
} kinds[] = {
	{ "* needs messages of at least * B*", needs_header, true, false },
	{ "* has no synchronisation: it runs in self only", plays_with_itself, true, false },
	{ "* holds at most * message*", too_deep, true, false },
	{ "a rendezvous (depth 0) with itself never ends", meets_itself, true, false },
	{ "copy concerns mechanisms in shared memory; * copies anyway", copies_anyway, true,
	  false },
	{ "* may lose messages, and credit for a lost one never comes back: *", loses_credit, true,
	  false },
	{ "* counts on every message, and * may lose some", is_lossy, false, false },
	{ "depth is kept between one producer and one consumer; *", shares_credit, false, false },
	{ "* plays both ends, and the channel does not hold a message of * B", sends_to_itself,
	  false, false },
	{ "* has no loop that *", lacks_loops, false, false },
	{ "no huge pages here: *", has_memory, false, true },
	{ "no * shared memory here: *", has_memory, false, true },
	{ "no NUMA node * with memory here *", has_home, false, true },
	{ "* has no descriptor to *poll", polls, false, false },
	{ "* carries at most * B*", NULL, false, false },
	{ "* was built without the pattern *", NULL, false, true }, /* which is newer than it */
	{ "epoll:* takes * descriptors in one process, *", NULL, false, true },
	{ "epoll:* takes * watches, *", NULL, false, true },
};

static int count_exception(struct exception **list, size_t *count, const char *reason)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp((*list)[i].reason, reason) == 0) {
			(*list)[i].cells++;
			return 0;
		}
	}
	struct exception *room = GROW_APPEND(*list, *count);
	if (!room)
		return out_of_memory();
	snprintf(room->reason, sizeof room->reason, "%s", reason);
	room->cells = 1;
	return 0;
}

static int wrong(struct product *product, const struct cell *cell, const char *what,
		 const char *reason)
{
	char key[CELL_KEY], text[CELL_KEY + 512];
	snprintf(text, sizeof text, "%s: %s%s", cell_key(cell, key, sizeof key), what, reason);
	return count_exception(&product->wrong, &product->wrong_count, text);
}

/* A refusal must be of a known kind, and that kind be due; or a mechanism's or a pattern's own,
 * which begins with its name. */
static int judge_refusal(struct product *product, const struct question *q, const char *reason)
{
	size_t length = strlen(q->cell->mechanism), pattern = strlen(q->cell->pattern);

	for (size_t k = 0; k < LENGTH(kinds); k++) {
		if (fnmatch(kinds[k].text, reason, 0))
			continue;
		if (kinds[k].due && !kinds[k].due(q))
			return wrong(product, q->cell, "refused without cause: ", reason);
		if (kinds[k].machine)
			return count_exception(&product->lacking, &product->lacking_count, reason);
		return count_exception(&product->refused, &product->refused_count, reason);
	}
	if (strncmp(reason, q->cell->mechanism, length) == 0 && reason[length] == ':')
		return count_exception(&product->lacking, &product->lacking_count, reason);
	if (strncmp(reason, q->cell->pattern, pattern) == 0 && reason[pattern] == ':')
		return count_exception(&product->lacking, &product->lacking_count, reason);
	return wrong(product, q->cell, "refused with a reason of no known kind: ", reason);
}

static int judge_consent(struct product *product, const struct question *q)
{
	for (size_t k = 0; k < LENGTH(kinds); k++) {
		if (kinds[k].always && kinds[k].due(q))
			return wrong(product, q->cell, "not refused, but due: ", kinds[k].text);
	}
	return 0;
}

/* --- the product ---------------------------------------------------------------------------- */

struct making {
	const struct wanted *wanted;
	struct product *product;
	struct variant mechanism[MOST_VARIANTS], pattern[MOST_PATTERNS];
	size_t mechanisms, patterns;
	size_t room;
};

static struct point *new_point(struct making *making)
{
	struct product *product = making->product;
	if (product->count == making->room) {
		making->room = making->room ? 2 * making->room : 4096;
		struct point *points = reallocarray(product->points, making->room, sizeof *points);
		if (!points)
			return NULL;
		product->points = points;
	}
	return &product->points[product->count];
}

/* Puts the peers on CPUs. false: this machine has too few; then it was counted. */
static bool put_on_cpus(struct making *making, struct point *point, bool apart, unsigned turn)
{
	const struct wanted *wanted = making->wanted;
	struct cell *cell = &point->cell;
	bool spins = cell->wait == WAIT_SPIN || cell->wait == WAIT_PAUSE;

	strcpy(cell->placement, "cpus");
	for (unsigned p = 0; p < cell->peers; p++)
		cell->cpus[p] =
			wanted->cpus[apart ? p % wanted->cpu_count : turn % wanted->cpu_count];
	if (apart && !cell_spins(cell))
		cell->idle = IDLE_SLEEP;
	return !(spins && cell_shares_cpu(cell));
}

/* Whether this placement is of the product: spinning peers each want a CPU, one peer has one; what
 * works both ways is played both ways, or by turns. */
static bool placement_wanted(const struct making *making, const struct cell *cell, bool apart,
			     unsigned turn)
{
	if (cell->peers == 1)
		return !apart;
	if (cell->wait == WAIT_SPIN || cell->wait == WAIT_PAUSE)
		return apart;
	if (making->wanted->cpu_count == 1)
		return !apart;
	return making->wanted->whole || (turn & 1) == apart;
}

static int add_play(struct making *making, struct point point, unsigned turn)
{
	for (unsigned apart = 0; apart < 2; apart++) {
		if (!placement_wanted(making, &point.cell, apart, turn))
			continue;
		struct point placed = point, *room;
		placed.value[CPUS] = (unsigned short)apart;
		if (!put_on_cpus(making, &placed, apart, turn / 2)) {
			char why[128];
			snprintf(why, sizeof why,
				 "spin and pause want a CPU for each of %u peers, %u %s allowed",
				 placed.cell.peers, making->wanted->cpu_count,
				 making->wanted->cpu_count == 1 ? "is" : "are");
			if (count_exception(&making->product->lacking,
					    &making->product->lacking_count, why))
				return -1;
			continue;
		}
		if (!(room = new_point(making)))
			return out_of_memory();
		*room = placed;
		making->product->count++;
	}
	return 0;
}

/* hybrid's time; epoll by turns with descriptors that stay idle, as if that were another wait. */
static void set_amount(struct point *point, unsigned turn)
{
	bool idle = point->cell.wait == WAIT_EPOLL && turn % 2;

	point->cell.wait_amount = point->cell.wait == WAIT_HYBRID ? SPIN_NS : idle ? IDLE : 0;
	point->value[WAIT] = (unsigned short)(point->cell.wait + idle);
}

static int multiply(struct making *making)
{
	enum { COUNT = WAIT_COUNT };
	static const char *const waits[COUNT] = { "spin", "pause",  "yield", "block",
						  "poll", "hybrid", "epoll" };
	const json_t *wait;
	size_t w;

	for (size_t m = 0; m < making->mechanisms; m++) {
		for (size_t p = 0; p < making->patterns; p++) {
			const struct variant *mechanism = &making->mechanism[m],
					     *pattern = &making->pattern[p];
			struct point point = { .cell = { .peers = pattern->peers,
							 .touch_all = true } };
			snprintf(point.cell.mechanism, CELL_NAME, "%s", mechanism->name);
			snprintf(point.cell.options, CELL_OPTIONS, "%s", mechanism->options);
			snprintf(point.cell.pattern, CELL_NAME, "%s", pattern->name);
			snprintf(point.cell.pattern_options, CELL_OPTIONS, "%s", pattern->options);
			point.cell.peers_named =
				pattern->peers != registry_number(pattern->is, "peers");
			point.value[VARIANT] = (unsigned short)m;
			point.value[PATTERN] = (unsigned short)p;
			json_array_foreach (json_object_get(mechanism->is, "waits"), w, wait) {
				unsigned index = 0;
				while (index < COUNT &&
				       strcmp(waits[index], json_string_value(wait)) != 0)
					index++;
				if (index == COUNT) {
					say_error("%s waits by %s, which is no wait",
						  mechanism->name, json_string_value(wait));
					return -1;
				}
				point.cell.wait = (enum cell_wait)index;
				unsigned few = making->wanted->whole ? LENGTH(sizes) : FEWER_SIZES;
				bool thinks = registry_flag(pattern->is, "thinks");
				unsigned others = few * LENGTH(depths) * (thinks ? 6 : 4);
				for (unsigned n = 0; n < others; n++) {
					unsigned size = n % few, rest = n / few;
					unsigned depth = rest % LENGTH(depths),
						 bits = rest / LENGTH(depths);
					if (making->wanted->threads_only && !(bits & 1))
						continue;
					point.cell.size = sizes[size];
					point.cell.depth = depths[depth];
					point.cell.threads = bits & 1;
					point.cell.copy = bits >> 1 == 1;
					/* loops of their own, as those that copy are */
					point.cell.think_ns = bits >> 1 == 2 ? THINK_NS : 0;
					point.value[SIZE] = (unsigned short)size;
					point.value[DEPTH] = (unsigned short)depth;
					point.value[THREADS] = bits & 1;
					point.value[COPY] = (unsigned short)(bits >> 1);
					set_amount(&point, (unsigned)(m + p + depth) + bits % 2);
					if (add_play(making, point,
						     (unsigned)(m + p + index + size + depth) +
							     bits % 2 + bits / 2))
						return -1;
				}
			}
		}
	}
	return 0;
}

/* A kernel thread that shares a CPU spins for milliseconds before it gives it up. */
static bool crowded(const struct wanted *wanted, const struct point *point, bool fills)
{
	const struct cell *cell = &point->cell;
	bool spins = cell->wait == WAIT_SPIN || cell->wait == WAIT_PAUSE;

	return point->helpers && cell->peers + point->helpers > wanted->cpu_count &&
	       (spins || fills || cell->size > 64 << 10);
}

/* Keeps what toll-worker can do, counts and judges the rest. */
static int examine(struct making *making)
{
	struct product *product = making->product;
	struct cell *cells = calloc(product->count + 1, sizeof *cells);
	struct examination *answers = calloc(product->count + 1, sizeof *answers);
	size_t kept = 0;
	int result = -1;

	if (!cells || !answers) {
		out_of_memory();
		goto end;
	}
	for (size_t i = 0; i < product->count; i++)
		cells[i] = product->points[i].cell;
	if (registry_examine(making->wanted->registry, cells, product->count, answers))
		goto end;
	for (size_t i = 0; i < product->count; i++) {
		struct point point = product->points[i];
		struct question question = { .mechanism = &making->mechanism[point.value[VARIANT]],
					     .pattern = &making->pattern[point.value[PATTERN]],
					     .cell = &point.cell };
		int failed = answers[i].possible
				     ? judge_consent(product, &question)
				     : judge_refusal(product, &question, answers[i].reason);
		if (failed)
			goto end;
		if (!answers[i].possible)
			continue;
		point.helpers = answers[i].helpers;
		if (crowded(making->wanted, &point, answers[i].capacity_needed)) {
			if (count_exception(
				    &product->lacking, &product->lacking_count,
				    "beside a kernel thread (SQPOLL) without a CPU of its own it "
				    "would take seconds to spin, to fill a channel, to move more "
				    "than 64 KiB"))
				goto end;
			continue;
		}
		point.cell.slots = answers[i].slots;
		point.cell.memory = answers[i].memory;
		if (point.cell.memory <= MOST_MEMORY)
			product->points[kept++] = point;
		else if (count_exception(&product->lacking, &product->lacking_count,
					 "it maps more than 256 MiB"))
			goto end;
	}
	product->count = kept;
	result = 0;
end:
	free(cells);
	free(answers);
	return result;
}

/* Acts other than PLAY, once for what they depend on: variant, pattern, wait, depth, threads, peer.
 * The cells are those of one size: 64 B, the first of the list, else the first that is possible. */
static int add_acts(struct making *making)
{
	struct product *product = making->product;
	size_t plays = product->count;
	unsigned short before[DIMENSIONS] = { 0 };
	unsigned names = 0;

	for (size_t i = 0; i < plays; i++) {
		const struct point play = product->points[i];
		bool again = i > 0;
		static const enum dimension same[] = { VARIANT, PATTERN, WAIT, DEPTH, THREADS };
		for (size_t d = 0; d < LENGTH(same); d++)
			again &= play.value[same[d]] == before[same[d]];
		if (again || play.cell.copy || play.cell.peers == 1)
			continue;
		memcpy(before, play.value, sizeof before);
		unsigned whom = 0;
		for (unsigned act = HOLD; act < ACTS; act++) {
			bool late = making->pattern[play.value[PATTERN]].deadline &&
				    play.cell.depth < 0;
			/* a credit edge waits in one place, however deep it is */
			if (play.cell.depth > 0 && !making->wanted->whole)
				continue;
			for (whom = 0; whom < play.cell.peers + (act == KILL); whom++) {
				struct point point = play;
				/* a killed thread takes its process with it, whichever it is */
				if ((act == KILL && play.cell.threads && whom > 0) ||
				    (act == LATE && !late))
					continue;
				point.act = (enum act)act;
				point.whom = whom;
				if (act == LATE)
					snprintf(point.cell.pattern_options, CELL_OPTIONS,
						 "deadline=%dms", DEADLINE_MS);
				point.value[ACT] =
					(unsigned short)(1 + (act - HOLD) * MOST_WHOM + whom);
				struct point *room = new_point(making);
				if (!room)
					return out_of_memory();
				*room = point;
				product->count++;
				names++;
			}
		}
	}
	return 0;
}

int product_make(const struct wanted *wanted, struct product *product)
{
	struct making *making = calloc(1, sizeof *making);
	int result = -1;

	*product = (struct product){ 0 };
	if (!making)
		return out_of_memory();
	making->wanted = wanted;
	making->product = product;
	if (list_mechanisms(wanted, making->mechanism, &making->mechanisms) ||
	    list_patterns(wanted, making->pattern, &making->patterns) || multiply(making) ||
	    examine(making) || add_acts(making))
		goto end;
	const unsigned short values[DIMENSIONS] = {
		[VARIANT] = (unsigned short)making->mechanisms,
		[PATTERN] = (unsigned short)making->patterns,
		[WAIT] = WAIT_COUNT + 1, /* epoll is two */
		[CPUS] = 2,
		[SIZE] = LENGTH(sizes),
		[DEPTH] = LENGTH(depths),
		[COPY] = 3,
		[THREADS] = 2,
		[ACT] = 1 + (ACTS - HOLD) * MOST_WHOM,
	};
	memcpy(product->values, values, sizeof values);
	result = 0;
end:
	free(making);
	return result;
}

void product_free(struct product *product)
{
	free(product->points);
	free(product->refused);
	free(product->lacking);
	free(product->wrong);
	*product = (struct product){ 0 };
}

/* --- the covering choice -------------------------------------------------------------------- */

static uint64_t random_step(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

enum { PAIRS = DIMENSIONS * (DIMENSIONS - 1) / 2 };

/* Where the pairs of each two dimensions begin, in one row of all. Returns its length. */
static size_t lay_out(const struct product *product, size_t first[DIMENSIONS][DIMENSIONS])
{
	size_t length = 0;
	for (unsigned a = 0; a < DIMENSIONS; a++) {
		for (unsigned b = a + 1; b < DIMENSIONS; b++) {
			first[a][b] = length;
			length += (size_t)product->values[a] * product->values[b];
		}
	}
	return length;
}

static size_t pair_at(const struct product *product, size_t first[DIMENSIONS][DIMENSIONS],
		      const struct point *point, unsigned a, unsigned b)
{
	return first[a][b] + (size_t)point->value[a] * product->values[b] + point->value[b];
}

struct candidate {
	size_t point;
	unsigned most; /* new pairs that it had when last looked at: it has no more since */
};

/* Greedy (Cohen, Dalal, Fredman & Patton 1997): the point with most new pairs first. Since what a
 * point adds only shrinks, one pass for each number of new pairs, from the most down, finds it. */
size_t product_cover(struct product *product, uint64_t seed, size_t *pairs)
{
	size_t first[DIMENSIONS][DIMENSIONS], length = lay_out(product, first), chosen = 0;
	bool *seen = calloc(length, sizeof *seen);
	struct candidate *order = calloc(product->count + 1, sizeof *order);

	*pairs = 0;
	if (!seen || !order) {
		free(seen);
		free(order);
		say_error("out of memory");
		return 0;
	}
	for (size_t i = 0; i < product->count; i++)
		order[i] = (struct candidate){ i, PAIRS };
	for (size_t i = product->count; i > 1; i--) {
		size_t k = random_step(&seed) % i;
		struct candidate kept = order[i - 1];
		order[i - 1] = order[k];
		order[k] = kept;
	}
	for (unsigned wanted = PAIRS; wanted > 0; wanted--) {
		for (size_t i = 0; i < product->count; i++) {
			if (order[i].most < wanted)
				continue;
			struct point *point = &product->points[order[i].point];
			unsigned fresh = 0;
			for (unsigned a = 0; a < DIMENSIONS; a++)
				for (unsigned b = a + 1; b < DIMENSIONS; b++)
					fresh += !seen[pair_at(product, first, point, a, b)];
			order[i].most = fresh;
			if (fresh < wanted)
				continue;
			order[i].most = 0;
			for (unsigned a = 0; a < DIMENSIONS; a++)
				for (unsigned b = a + 1; b < DIMENSIONS; b++)
					seen[pair_at(product, first, point, a, b)] = true;
			point->chosen = true;
			*pairs += fresh;
			chosen++;
		}
	}
	free(seen);
	free(order);
	return chosen;
}

char *point_name(const struct point *point, char *buffer, size_t bytes)
{
	static const char *const done[ACTS] = { "", "held", "killed", "late" };
	char key[CELL_KEY];

	cell_key(&point->cell, key, sizeof key);
	if (point->act == PLAY)
		snprintf(buffer, bytes, "%s", key);
	else if (point->whom == point->cell.peers)
		snprintf(buffer, bytes, "%s [worker %s]", key, done[point->act]);
	else
		snprintf(buffer, bytes, "%s [peer %u %s]", key, point->whom, done[point->act]);
	return buffer;
}
