/* SPDX-License-Identifier: MIT */
/* describe.c - what this worker can do, as JSON (--describe), and whether it can do given cells
 * (--examine: a cell's key, a tab and its CPUs on each line of standard input). */
#include "built_worker.h"
#include "worker.h"

#include <errno.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void text(FILE *out, const char *s)
{
	fputc('"', out);
	for (; s && *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void option_out(FILE *out, bool *comma, const char *name, const char *value,
		       const char *values, const char *about)
{
	fprintf(out, "%s{\"name\":", *comma ? "," : "");
	text(out, name);
	fputs(",\"value\":", out);
	text(out, value);
	fputs(",\"values\":", out);
	text(out, values);
	fputs(",\"about\":", out);
	text(out, about);
	fputc('}', out);
	*comma = true;
}

static void options_out(FILE *out, bool *comma, const struct toll_option *options, size_t stride)
{
	const struct toll_option *option;

	for (unsigned i = 0; (option = option_at(options, stride, i)) != NULL; i++)
		option_out(out, comma, option->name, option->value, option->values, option->about);
}

/* Whether a mechanism's own options have one of this name. */
static bool declares(const struct unit *u, const char *name)
{
	const struct toll_option *option;

	for (unsigned i = 0; (option = option_at(u->mechanism.options, u->option_bytes, i)) != NULL;
	     i++) {
		if (strcmp(option->name, name) == 0)
			return true;
	}
	return false;
}

/* The option that tells a name's constants apart, put together from their `when`s, where the
 * mechanism does not describe it itself. */
static void when_out(FILE *out, bool *comma, const struct unit *of)
{
	char name[32] = "", value[64] = "", values[192] = "";

	for (const struct unit *u = of; u && strcmp(u->mechanism.name, of->mechanism.name) == 0;
	     u = u->next) {
		const char *when = u->mechanism.when;

		if (when == NULL || u->mechanism.both != of->mechanism.both)
			continue;
		if (name[0] == '\0') {
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(when, "="), when);
			if (declares(of, name))
				return;
			snprintf(value, sizeof(value), "%s", strchr(when, '=') + 1);
		}
		size_t len = strlen(values);

		snprintf(values + len, sizeof(values) - len, "%s%s", len ? ", " : "",
			 strchr(when, '=') + 1);
	}
	if (name[0])
		option_out(out, comma, name, value, values, "which loop is compiled");
}

static void mechanism_out(FILE *out, const struct unit *u)
{
	const struct toll_mechanism *m = &u->mechanism;
	bool duplex = m->duplex, comma = false;
	unsigned waits = waits_of(m);

	/* what not all of a name can do, the worker refuses where it cannot */
	for (const struct unit *twin = u->next; twin && strcmp(twin->mechanism.name, m->name) == 0;
	     twin = twin->next) {
		duplex |= twin->mechanism.duplex;
		waits |= waits_of(&twin->mechanism);
	}
	fputs("{\"name\":", out);
	text(out, m->name);
	fputs(",\"about\":", out);
	text(out, m->about);
	fputs(",\"from\":", out);
	text(out, u->from);
	fputs(",\"waits\":[", out);
	for (unsigned i = 0; i < TOLL_WAIT_COUNT; i++) {
		if (waits & 1u << i) {
			fprintf(out, "%s\"%s\"", comma ? "," : "", wait_names[i]);
			comma = true;
		}
	}
	fprintf(out, "],\"producers\":%u,\"consumers\":%u,\"most_depth\":%u", m->producers,
		m->consumers, m->most_depth);
	const struct {
		const char *name;
		bool is;
	} flags[] = { { "in_place", m->in_place },  { "bytes_only", m->bytes_only },
		      { "duplex", duplex },         { "to_all", m->to_all },
		      { "slots", m->slots },        { "lossy", m->lossy },
		      { "self_only", m->self_only } };
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		fprintf(out, ",\"%s\":%s", flags[i].name, flags[i].is ? "true" : "false");
	fputs(",\"options\":[", out);
	comma = false;
	when_out(out, &comma, u);
	options_out(out, &comma, m->options, u->option_bytes);
	if (uses_harness_memory(m))
		options_out(out, &comma, harness_options(), sizeof(struct toll_option));
	fputs("]}", out);
}

static const char *shape(const struct toll_pattern *p)
{
	if (p->most_peers == 1)
		return "one";
	if (p->most_peers == 2)
		return "pair";
	if (p->pairs)
		return "pairs";
	struct toll_edge edges[TOLL_MOST_EDGES];
	unsigned count = p->graph(4, edges);

	/* a star's edges all end at peer 0, whether it is one channel or several */
	for (unsigned i = 0; i < count; i++) {
		if (edges[i].consumers != 1 && edges[i].producers != 1)
			return "chain";
	}
	return "star";
}

static bool has_loop(const struct unit_binding *binding, unsigned bit)
{
	for (unsigned i = 0; i < binding->count; i++) {
		const struct toll_instance *instance =
			(const struct toll_instance
				 *)(const void *)((const char *)binding->instances +
						  (size_t)i * binding->instance_bytes);

		if (instance->bits & bit)
			return true;
	}
	return false;
}

static void pattern_out(FILE *out, const struct unit *u, const struct unit_binding *binding)
{
	const struct toll_pattern *p = &binding->pattern;
	struct toll_edge edges[TOLL_MOST_EDGES];
	unsigned count = p->graph(p->peers, edges);
	bool comma = false;

	fputs("{\"name\":", out);
	text(out, p->name);
	fputs(",\"about\":", out);
	text(out, p->about);
	fprintf(out,
		",\"least_peers\":%u,\"most_peers\":%u,\"peers\":%u,\"least_size\":%zu,"
		"\"alternates\":%s,"
		"\"tails\":%s,\"thinks\":%s,\"paced\":%s,\"shape\":\"%s\",\"edges\":[",
		p->least_peers, p->most_peers, p->peers, p->least_size ? p->least_size : 1,
		p->alternates ? "true" : "false",
		has_loop(binding, TOLL_STAMPED) ? "true" : "false",
		has_loop(binding, TOLL_THINKING) ? "true" : "false", p->paced ? "true" : "false",
		shape(p));
	for (unsigned i = 0; i < count; i++) {
		for (unsigned a = 0; a < p->peers; a++) {
			for (unsigned b = 0; b < p->peers; b++) {
				if (a != b && edges[i].producers >> a & 1 &&
				    edges[i].consumers >> b & 1) {
					fprintf(out, "%s[%u,%u]", comma ? "," : "", a, b);
					comma = true;
				}
			}
		}
	}
	fprintf(out, "],\"quantity\":\"%s\",\"messages\":%g,\"options\":[", p->quantity,
		p->messages);
	comma = false;
	options_out(out, &comma, p->options, u->option_bytes);
	fputs("]}", out);
}

/* Of what it was built with; the C library says itself which it is. */
static void libraries_out(FILE *out)
{
	char words[] = BUILT_LIBRARIES, *rest = words, *name;
	const char *comma = "";

	fputs(",\"libraries\":{", out);
	while ((name = strsep(&rest, " ")) != NULL) {
		const char *version = strsep(&rest, " ");

		if (*name == '\0' || version == NULL)
			continue;
		fputs(comma, out);
		text(out, name);
		fputc(':', out);
		text(out, version);
		comma = ",";
	}
#ifdef __GLIBC__
	fprintf(out, "%s\"glibc\":", comma);
	text(out, gnu_get_libc_version());
#endif
	fputc('}', out);
}

int describe(FILE *out)
{
	const char *comma = "";

	fprintf(out,
		"{\"abi\":%u,\"version\":\"%s\",\"page\":{\"version\":%d,\"bytes\":%zu},"
		"\"compiler\":",
		TOLL_ABI, TOLL_VERSION, PAGE_VERSION, sizeof(struct page));
#ifdef __clang__
	text(out, "clang " __clang_version__);
#else
	text(out, "gcc " __VERSION__);
#endif
	fputs(",\"flags\":", out);
	text(out, BUILT_FLAGS);
	libraries_out(out);
	fprintf(out, ",\"clock\":\"%s\",\"mechanisms\":[",
#if defined(__x86_64__)
		*toll_clock_is_counter ? "tsc" : "monotonic"
#else
		*toll_clock_is_counter ? "cntvct" : "monotonic"
#endif
	);
	for (const struct unit *u = units(), *before = NULL; u; before = u, u = u->next) {
		if (before && strcmp(before->mechanism.name, u->mechanism.name) == 0)
			continue;
		fputs(comma, out);
		mechanism_out(out, u);
		comma = ",";
	}
	fputs("],\"patterns\":[", out);
	comma = "";
	/* those of the first built-in unit; plug-ins may carry older ones, which only they run */
	const struct unit *u = units();

	while (u && strcmp(u->from, "built in") != 0)
		u = u->next;
	for (unsigned i = 0; u && i < u->count; i++) {
		fputs(comma, out);
		pattern_out(out, u, &u->bindings[i]);
		comma = ",";
	}
	fputs("]", out);
	return ferror(out) ? -1 : 0;
}

/* Reads a key's words into a wish. Fields point into the line. false with why. */
static bool wish_read(char *line, struct wish *wish, const char **why)
{
	char *rest = line, *placement, *size, *wait;

	*wish = (struct wish){ .depth = -1, .peers = 0 };
	wish->variant = strsep(&rest, "/");
	wish->pattern = strsep(&rest, "/");
	placement = strsep(&rest, "/");
	size = strsep(&rest, "/");
	wait = strsep(&rest, "/");
	*why = "not a cell's key";
	if (!wish->variant || !wish->pattern || !placement || !size || !wait ||
	    !parse_size(size, &wish->size))
		return false;
	size_t len = strcspn(wait, ":");
	unsigned i = 0;

	while (i < TOLL_WAIT_COUNT &&
	       !(strlen(wait_names[i]) == len && strncmp(wait_names[i], wait, len) == 0))
		i++;
	if (i == TOLL_WAIT_COUNT)
		return false;
	wish->wait = (enum toll_wait)i;
	if (i == TOLL_WAIT_EPOLL && wait[len]) {
		uint64_t idle;

		if (!parse_size(wait + len + 1, &idle) || idle > INT32_MAX)
			return false;
		wish->idle_descriptors = (unsigned)idle;
	}
	for (char *word; (word = strsep(&rest, "/")) != NULL;) {
		char *value = strchr(word, '=');

		if (value == NULL)
			return false;
		*value++ = '\0';
		if (strcmp(word, "peers") == 0)
			wish->peers = (unsigned)strtoul(value, NULL, 10);
		else if (strcmp(word, "depth") == 0)
			wish->depth = (int)strtol(value, NULL, 10);
		else if (strcmp(word, "copy") == 0)
			wish->copy = true;
		else if (strcmp(word, "threads") == 0)
			wish->threads = true;
		else if (strcmp(word, "mlock") == 0)
			wish->locked = true;
		else if (strcmp(word, "think") == 0)
			wish->thinks = true;
		else if (strcmp(word, "sched") == 0 && !sched_read(value, wish))
			return false;
	}
	return true;
}

/* A peer that plays both ends cannot take the first part of a message while it sends the rest.
 * Neither how its ends wait nor whether they are threads makes a channel larger. */
static bool fits(const struct layout *layout, char *why, size_t bytes)
{
	struct toll_channel proto = layout_proto(layout);
	char question[MEMO_QUESTION];
	int status = 1;

	/* what else went wrong in there will be said when the cell is run */
	snprintf(why, bytes,
		 "%s plays both ends, and the channel does not hold a message of %llu B",
		 layout->wish.pattern, (unsigned long long)layout->wish.size);
	proto.wait = TOLL_WAIT_SPIN;
	memo_question(question, &layout->choice.unit->mechanism, &proto, "fits");
	char **before = memo_of(question);

	if (before && *before)
		return strcmp(*before, "yes") == 0;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(layout_capacity(layout, 1, why, bytes) == 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		snprintf(why, bytes, "measuring the capacity: %s", strerror(errno));
		return false;
	}
	if (before)
		*before = strdup(status == 0 ? "yes" : "no");
	return status == 0;
}

int examine(FILE *in, FILE *out)
{
	enum { MOST_TRIED = 1 << 30 };
	char *line = NULL;
	size_t room = 0;

	/* an answer a line: should a mechanism crash, toll knows over which cell */
	setvbuf(out, NULL, _IOLBF, BUFSIZ);
	while (getline(&line, &room, in) > 0) {
		const char *bad;
		char why[PAGE_TEXT] = "";
		struct wish wish;
		static struct layout layout;
		size_t memory = 0;
		unsigned cpus = 1;

		char *tab = strchr(line, '\t');

		if (tab) {
			*tab = '\0';
			for (const char *c = tab + 1; *c; c++)
				cpus += *c == ',';
		}
		if (!wish_read(line, &wish, &bad)) {
			fprintf(out, "no\t%s\n", bad);
			continue;
		}
		if (wish.peers == 0)
			wish.peers = cpus;
		bool possible = layout_plan(&layout, &wish, &memory, why, sizeof(why));
		const struct toll_pattern *p = possible ? &layout.choice.binding->pattern : NULL;

		/* toll refuses what takes more, and filling that much takes longer than it waits */
		if (possible && p->most_peers == 1 && !layout.choice.unit->mechanism.slots &&
		    memory <= MOST_TRIED)
			possible = fits(&layout, why, sizeof(why));
		/* one peer locks what is shared, and its own */
		size_t own =
			possible && wish.peers ? (memory - layout.shared_bytes) / wish.peers : 0;
		possible =
			possible && sched_plan(&wish, layout.shared_bytes + own, why, sizeof(why));
		if (!possible) {
			fprintf(out, "no\t%s\n", why);
			continue;
		}
		double bytes = p->bytes ? p->bytes(wish.size) : (double)wish.size;

		fprintf(out, "ok\t%u\t%zu\t%d\t%.17g\t%u\n",
			layout.choice.unit->mechanism.slots ? layout.slots : 0, memory,
			p->fills && !layout.choice.unit->mechanism.slots && wish.depth < 0,
			bytes * pattern_messages(p, wish.peers), layout_helpers(&layout));
	}
	free(line);
	return ferror(out) || fflush(out) ? -1 : 0;
}
