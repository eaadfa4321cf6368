/* SPDX-License-Identifier: MIT */
/* registry.c - mechanisms and patterns as they register themselves, built in or plugged in; options
 * read and checked; which constant and which compiled loop serves a cell. */
#include "worker.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <strings.h>

static struct unit *first;
static const char *loading = "built in";
static char trouble[256]; /* what toll_register() found wrong with the plug-in being loaded */

struct unit *units(void)
{
	return first;
}

static void copy_prefix(void *to, size_t to_bytes, const void *from, size_t from_bytes)
{
	memset(to, 0, to_bytes);
	memcpy(to, from, from_bytes < to_bytes ? from_bytes : to_bytes);
}

static const char *missing_verb(const struct toll_mechanism *m)
{
	return !m->attach    ? "attach"
	       : !m->reserve ? "reserve"
	       : !m->commit  ? "commit"
	       : !m->peek    ? "peek"
	       : !m->release ? "release"
			     : NULL;
}

void toll_register(const struct toll_unit *given)
{
	if (given->abi != TOLL_ABI) {
		snprintf(trouble, sizeof(trouble),
			 "is built for ABI %u, this toll-worker has ABI %u; rebuild it with "
			 "this toll's headers",
			 given->abi, TOLL_ABI);
		return;
	}
	struct unit *unit = calloc(1, sizeof(*unit));

	if (unit == NULL) {
		snprintf(trouble, sizeof(trouble), "out of memory");
		return;
	}
	copy_prefix(&unit->mechanism, sizeof(unit->mechanism), given->mechanism,
		    given->mechanism->size);
	const struct toll_mechanism *m = &unit->mechanism;
	const char *verb = missing_verb(m);

	if (m->name == NULL || verb != NULL) {
		snprintf(trouble, sizeof(trouble), "mechanism %s lacks the verb %s",
			 m->name ? m->name : "without a name", verb ? verb : "name");
		free(unit);
		return;
	}
	for (const struct unit *other = first; other; other = other->next) {
		if (strcmp(other->mechanism.name, m->name) == 0 &&
		    strcmp(other->from, loading) != 0) {
			snprintf(trouble, sizeof(trouble),
				 "a mechanism called %s is there already (%s)", m->name,
				 other->from);
			free(unit);
			return;
		}
	}
	unit->end_bytes = given->end_bytes;
	unit->option_bytes = given->option_bytes;
	unit->from = loading;
	unit->count = given->count;
	unit->bindings = calloc(given->count, sizeof(*unit->bindings));
	if (unit->bindings == NULL) {
		snprintf(trouble, sizeof(trouble), "out of memory");
		free(unit);
		return;
	}
	for (unsigned i = 0; i < given->count; i++) {
		struct toll_binding binding;
		struct unit_binding *mine = &unit->bindings[i];

		copy_prefix(&binding, sizeof(binding),
			    (const char *)given->bindings + (size_t)i * given->binding_bytes,
			    given->binding_bytes);
		copy_prefix(&mine->pattern, sizeof(mine->pattern), binding.pattern,
			    binding.pattern->size);
		mine->options = mine->pattern.options;
		mine->instances = binding.instances;
		mine->count = binding.count;
		mine->instance_bytes = given->instance_bytes;
	}
	/* by name; those of one name in the order they came */
	struct unit **at = &first;

	while (*at && strcmp((*at)->mechanism.name, m->name) <= 0)
		at = &(*at)->next;
	unit->next = *at;
	*at = unit;
}

bool registry_load(const char *path, char *why, size_t bytes)
{
	trouble[0] = '\0';
	loading = path;
	const struct unit *before = first;
	unsigned count = 0, count_before = 0;

	for (const struct unit *u = before; u; u = u->next)
		count_before++;
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	loading = "built in";
	if (handle == NULL) {
		const char *said = dlerror();
		size_t name = strlen(path);

		/* who prints it names the file as well */
		if (strncmp(said, path, name) == 0 && strncmp(said + name, ": ", 2) == 0)
			said += name + 2;
		snprintf(why, bytes, "%s", said);
		return false;
	}
	if (trouble[0]) {
		snprintf(why, bytes, "%s", trouble);
		return false;
	}
	for (const struct unit *u = first; u; u = u->next)
		count++;
	if (count == count_before) {
		snprintf(why, bytes,
			 "registers no mechanism; it should end with TOLL_MECHANISM(…)");
		return false;
	}
	return true;
}

const struct toll_option *option_at(const struct toll_option *options, size_t stride, unsigned i)
{
	if (options == NULL)
		return NULL;
	const struct toll_option *option =
		(const struct toll_option *)(const void *)((const char *)options + i * stride);

	return option->name ? option : NULL;
}

const struct toll_option *harness_options(void)
{
	static const struct toll_option options[] = {
		{ "instances", "auto", "auto, 1 … 96",
		  "lines that a small channel rotates over (auto: 96 up to 4 KiB, 1 where there is "
		  "a descriptor)" },
		{ "memory", "anonymous", "anonymous, memfd, posix-shm, sysv-shm, huge, huge-1G",
		  "what the shared memory is made of" },
		{ "home", "producer", "producer, consumer, 0 … 1023",
		  "the NUMA node its pages lie on: of an end's CPU, or by number" },
		{ 0 },
	};

	return options;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	char *end;
	unsigned shift = 0;

	if (*text < '0' || *text > '9')
		return false;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end == 'K' || *end == 'k')
		shift = 10;
	else if (*end == 'M' || *end == 'm')
		shift = 20;
	else if (*end == 'G' || *end == 'g')
		shift = 30;
	if (shift)
		end++;
	if (*end != '\0' || value > UINT64_MAX >> shift)
		return false;
	*bytes = value << shift;
	return true;
}

bool parse_ns(const char *text, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units_of_time[] = { { "ns", 1 },  { "us", 1e3 }, { "ms", 1e6 },
			      { "s", 1e9 }, { "m", 6e10 }, { "h", 3.6e12 } };
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	double value = strtod(text, &end);

	for (size_t i = 0; i < sizeof(units_of_time) / sizeof(*units_of_time); i++) {
		if (strcmp(end, units_of_time[i].unit) == 0 && value * units_of_time[i].ns < 1e18) {
			*ns = (uint64_t)(value * units_of_time[i].ns);
			return true;
		}
	}
	return false;
}

const char *values_get(const struct toll_values *values, const char *name)
{
	for (unsigned i = 0; i < values->count; i++) {
		if (strcmp(values->value[i].name, name) == 0)
			return values->value[i].value;
	}
	return NULL;
}

bool values_given(const struct toll_values *values, const char *name)
{
	for (unsigned i = 0; i < values->count; i++) {
		if (strcmp(values->value[i].name, name) == 0)
			return values->value[i].given;
	}
	return false;
}

static bool values_add(struct toll_values *values, const char *name, const char *value)
{
	if (values->count == sizeof(values->value) / sizeof(*values->value) ||
	    strlen(name) >= sizeof(values->value[0].name) ||
	    strlen(value) >= sizeof(values->value[0].value))
		return false;
	struct toll_value *mine = &values->value[values->count++];

	snprintf(mine->name, sizeof(mine->name), "%s", name);
	snprintf(mine->value, sizeof(mine->value), "%s", value);
	return true;
}

/* true when value is one of the words of a list like "slot, shared-line"; other texts ("4K … 1M")
 * are for people and take anything of the default's kind. */
static bool value_allowed(const struct toll_option *option, const char *value, char *why,
			  size_t bytes)
{
	uint64_t number;

	if (strstr(option->values, "…") == NULL && strchr(option->values, ',') != NULL) {
		size_t len = strlen(value);

		for (const char *at = option->values; *at;) {
			size_t word = strcspn(at, ", ");

			if (word == len && strncmp(at, value, len) == 0)
				return true;
			at += word;
			at += strspn(at, ", ");
		}
	} else if (parse_size(option->value, &number)) {
		if (parse_size(value, &number))
			return true;
	} else if (parse_ns(option->value, &number)) {
		if (parse_ns(value, &number))
			return true;
	} else {
		return true;
	}
	snprintf(why, bytes, "option %s takes %s, not \"%s\"", option->name, option->values, value);
	return false;
}

/* Reads "name=value,name=value" into values that hold the defaults. */
static bool values_read(struct toll_values *values, const char *text, char *why, size_t bytes)
{
	char copy[192];

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy)) {
		snprintf(why, bytes, "its options are longer than %zu characters",
			 sizeof(copy) - 1);
		return false;
	}
	for (char *rest = copy, *word; (word = strsep(&rest, ",")) != NULL;) {
		char *value = strchr(word, '=');

		if (value == NULL) {
			snprintf(why, bytes, "option \"%s\" has no value; write NAME=VALUE", word);
			return false;
		}
		*value++ = '\0';
		struct toll_value *mine = NULL;

		for (unsigned i = 0; i < values->count; i++) {
			if (strcmp(values->value[i].name, word) == 0)
				mine = &values->value[i];
		}
		if (mine == NULL || strlen(value) >= sizeof(mine->value)) {
			snprintf(why, bytes,
				 mine ? "the value of option \"%s\" is too long"
				      : "there is no option \"%s\"",
				 word);
			return false;
		}
		snprintf(mine->value, sizeof(mine->value), "%s", value);
		mine->given = true;
	}
	return true;
}

static bool values_check(const struct toll_values *values, const struct toll_option *options,
			 size_t stride, char *why, size_t bytes)
{
	const struct toll_option *option;

	for (unsigned i = 0; (option = option_at(options, stride, i)) != NULL; i++) {
		if (!value_allowed(option, values_get(values, option->name), why, bytes))
			return false;
	}
	return true;
}

static bool values_defaults(struct toll_values *values, const struct toll_option *options,
			    size_t stride)
{
	const struct toll_option *option;

	for (unsigned i = 0; (option = option_at(options, stride, i)) != NULL; i++) {
		if (!values_add(values, option->name, option->value))
			return false;
	}
	return true;
}

/* Does `when` ("layout=slot") hold for the options given? Where the option is not given, the first
 * constant of the name stands for the default. */
static bool when_holds(const struct toll_mechanism *m, const struct toll_values *values)
{
	if (m->when == NULL)
		return true;
	size_t name = strcspn(m->when, "=");

	for (unsigned i = 0; i < values->count; i++) {
		if (strlen(values->value[i].name) == name &&
		    strncmp(values->value[i].name, m->when, name) == 0)
			return strcmp(values->value[i].value, m->when + name + 1) == 0;
	}
	return false;
}

const char *const wait_names[] = { "spin", "pause", "yield", "block", "poll", "hybrid", "epoll" };

unsigned waits_of(const struct toll_mechanism *m)
{
	return m->waits | (m->descriptor ? 1u << TOLL_WAIT_POLL | 1u << TOLL_WAIT_EPOLL : 0);
}

bool registry_choose(const struct wish *wish, struct choice *choice, char *why, size_t bytes)
{
	char name[64], pattern[64];
	size_t name_len = strcspn(wish->variant, ":"), pattern_len = strcspn(wish->pattern, ":");

	memset(choice, 0, sizeof(*choice));
	if (name_len >= sizeof(name) || pattern_len >= sizeof(pattern)) {
		snprintf(why, bytes, "a name is longer than %zu characters", sizeof(name) - 1);
		return false;
	}
	snprintf(name, sizeof(name), "%.*s", (int)name_len, wish->variant);
	snprintf(pattern, sizeof(pattern), "%.*s", (int)pattern_len, wish->pattern);

	/* all options of the name: what tells its constants apart, each one's own, the harness's */
	struct toll_values *values = &choice->values;
	const struct unit *any = NULL;

	for (const struct unit *u = first; u; u = u->next) {
		const char *when = u->mechanism.when;

		if (strcmp(u->mechanism.name, name) != 0)
			continue;
		if (any == NULL) {
			any = u;
			if (!values_defaults(values, u->mechanism.options, u->option_bytes) ||
			    (uses_harness_memory(&u->mechanism) &&
			     !values_defaults(values, harness_options(),
					      sizeof(struct toll_option)))) {
				snprintf(why, bytes, "it has too many options");
				return false;
			}
		}
		if (when != NULL) {
			char key[32];

			snprintf(key, sizeof(key), "%.*s", (int)strcspn(when, "="), when);
			if (values_get(values, key) == NULL &&
			    !values_add(values, key, strchr(when, '=') + 1))
				return false;
		}
	}
	if (any == NULL) {
		snprintf(why, bytes, "there is no mechanism \"%s\"", name);
		return false;
	}
	if (wish->variant[name_len] == ':' &&
	    !values_read(values, wish->variant + name_len + 1, why, bytes))
		return false;
	if (!values_check(values, any->mechanism.options, any->option_bytes, why, bytes) ||
	    (uses_harness_memory(&any->mechanism) &&
	     !values_check(values, harness_options(), sizeof(struct toll_option), why, bytes)))
		return false;

	/* the pattern, from the first constant that carries it */
	const struct unit_binding *bound = NULL;

	for (unsigned i = 0; i < any->count; i++) {
		if (strcmp(any->bindings[i].pattern.name, pattern) == 0)
			bound = &any->bindings[i];
	}
	if (bound == NULL) {
		snprintf(why, bytes,
			 "%s was built without the pattern %s; rebuild %s with this toll's headers",
			 name, pattern,
			 strcmp(any->from, "built in") == 0 ? "toll-worker" : any->from);
		return false;
	}

	/* the constant: its `when` holds; one for both ways where the pattern strictly alternates
	 */
	bool pairs = bound->pattern.alternates && bound->pattern.most_peers > 1, found_when = false;
	const struct unit *best = NULL;

	for (const struct unit *u = first; u; u = u->next) {
		const struct toll_mechanism *m = &u->mechanism;

		if (strcmp(m->name, name) != 0 || !when_holds(m, values))
			continue;
		found_when = true;
		if (pairs ? m->one_way : m->both)
			continue;
		if (best == NULL || (pairs && m->duplex && !best->mechanism.duplex))
			best = u;
	}
	if (!found_when) {
		snprintf(why, bytes, "%s has no such layout or mode (see toll list mechanisms)",
			 wish->variant);
		return false;
	}
	if (best == NULL) {
		snprintf(why, bytes,
			 pairs ? "%s goes one way only; %s needs a channel of both ways"
			       : "%s goes both ways only; %s needs one-way channels",
			 name, pattern);
		return false;
	}
	choice->unit = best;
	for (unsigned i = 0; i < best->count; i++) {
		if (strcmp(best->bindings[i].pattern.name, pattern) == 0)
			choice->binding = &best->bindings[i];
	}
	if (choice->binding == NULL) {
		snprintf(why, bytes, "%s was built without the pattern %s", name, pattern);
		return false;
	}
	const struct toll_pattern *p = &choice->binding->pattern;

	if (!values_defaults(&choice->pattern_values, p->options, best->option_bytes))
		return false;
	if (wish->pattern[pattern_len] == ':' &&
	    !values_read(&choice->pattern_values, wish->pattern + pattern_len + 1, why, bytes))
		return false;
	if (!values_check(&choice->pattern_values, p->options, best->option_bytes, why, bytes))
		return false;

	const struct toll_peer asks = { .size = sizeof(asks), .values = &choice->pattern_values };
	const char *refused = p->refuses ? p->refuses(&asks) : NULL;

	if (refused) {
		snprintf(why, bytes, "%s", refused);
		return false;
	}

	/* what mechanism and pattern can do */
	const struct toll_mechanism *m = &best->mechanism;

	if (!(waits_of(m) & 1u << wish->wait)) {
		if (wish->wait == TOLL_WAIT_POLL || wish->wait == TOLL_WAIT_EPOLL)
			snprintf(why, bytes, "%s has no descriptor to %s", name,
				 wait_names[wish->wait]);
		else
			snprintf(why, bytes, "%s cannot wait by %s", name, wait_names[wish->wait]);
		return false;
	}
	if (wish->peers < p->least_peers || wish->peers > p->most_peers) {
		snprintf(why, bytes,
			 p->least_peers == p->most_peers ? "%s has %u peers, not %u"
							 : "%s has at least %u peers, not %u",
			 pattern, p->least_peers, wish->peers);
		return false;
	}
	if (wish->size < (p->least_size ? p->least_size : 1)) {
		snprintf(why, bytes, "%s needs messages of at least %zu B (toll's header)", pattern,
			 p->least_size ? p->least_size : 1);
		return false;
	}
	if (m->lossy && wish->size < TOLL_HEADER) {
		snprintf(why, bytes,
			 "%s needs messages of at least %d B (toll's header, which tells what was "
			 "lost)",
			 name, TOLL_HEADER);
		return false;
	}
	if (m->self_only && p->most_peers > 1) {
		snprintf(why, bytes, "%s has no synchronisation: it runs in self only", name);
		return false;
	}
	if (wish->depth > 0 && m->most_depth && (unsigned)wish->depth > m->most_depth) {
		snprintf(why, bytes, "%s holds at most %u message%s", name, m->most_depth,
			 m->most_depth == 1 ? "" : "s");
		return false;
	}
	if (wish->depth == 0 && p->most_peers == 1) {
		snprintf(why, bytes, "a rendezvous (depth 0) with itself never ends");
		return false;
	}
	bool credit = wish->depth == 0 || (wish->depth > 0 && !m->slots);
	bool shares = (p->many_inputs && m->producers != 1) ||
		      (p->to_all && m->to_all && m->consumers != 1);

	if (m->lossy && !p->loses && !p->alternates) {
		snprintf(why, bytes, "%s counts on every message, and %s may lose some", pattern,
			 name);
		return false;
	}
	if (credit && m->lossy) {
		snprintf(why, bytes,
			 "%s may lose messages, and credit for a lost one never comes back: it "
			 "takes no depth",
			 name);
		return false;
	}
	if (credit && shares && wish->peers > 2) {
		snprintf(why, bytes,
			 "depth is kept between one producer and one consumer; %s shares its "
			 "channel",
			 name);
		return false;
	}
	if (wish->copy && !m->in_place) {
		snprintf(why, bytes, "copy concerns mechanisms in shared memory; %s copies anyway",
			 name);
		return false;
	}
	if (!registry_loop(choice, wish)) {
		const char *lacks = wish->thinks    ? "has no loop with think time; pingpong has"
				    : wish->stamped ? "has no tail mode"
				    : credit        ? "has no loop that keeps a depth"
				    : wish->copy    ? "has no loop that copies"
						    : "was built without this form of its loop";

		snprintf(why, bytes, "%s %s", pattern, lacks);
		return false;
	}
	return true;
}

/* The loop of these bits, for this size where there is one; NULL: none was compiled. */
static bool (*loop_of(const struct choice *choice, const struct wish *wish,
		      unsigned bits))(struct toll_peer *)
{
	const struct unit_binding *binding = choice->binding;
	bool sleeps = wish->wait >= TOLL_WAIT_BLOCK;
	bool (*loop)(struct toll_peer *) = NULL;

	for (unsigned i = 0; i < binding->count; i++) {
		struct toll_instance instance;

		copy_prefix(&instance, sizeof(instance),
			    (const char *)binding->instances + (size_t)i * binding->instance_bytes,
			    binding->instance_bytes);
		if (instance.sleeps != sleeps || instance.bits != bits)
			continue;
		if (instance.size == 0 && loop == NULL)
			loop = instance.run;
		/* a constant size writes and reads the whole payload, where a copy through the
		 * kernel does not hide what it saves (TOLL_NEVER_RUNS) */
		if (instance.size == wish->size && instance.size != 0 && !wish->header_only &&
		    choice->unit->mechanism.in_place)
			loop = instance.run;
	}
	return loop;
}

bool (*registry_loop(const struct choice *choice, const struct wish *wish))(struct toll_peer *)
{
	bool credit = wish->depth == 0 || (wish->depth > 0 && !choice->unit->mechanism.slots);
	unsigned bits = wish->thinks    ? TOLL_STAMPED | TOLL_THINKING
			: wish->stamped ? TOLL_STAMPED
			: credit        ? TOLL_CREDIT
			: wish->copy    ? TOLL_COPY
					: 0;
	bool (*loop)(struct toll_peer *) = loop_of(choice, wish, bits);

	/* tail mode's learns as it runs whether to copy and to keep a depth; what a pattern that
	 * has no other counts besides is not looked at */
	return loop || wish->thinks ? loop : loop_of(choice, wish, TOLL_STAMPED);
}
