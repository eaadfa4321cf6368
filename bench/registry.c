/* SPDX-License-Identifier: GPL-3.0-or-later */
/* registry.c - finds toll-worker, asks what it can do, and checks every word of the answer. */
#include "registry.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"
#include "worker/page.h"

enum {
	ANSWER_MS = 5000,   /* a worker that says nothing for so long hangs */
	MOST_HANGS = 3,     /* before one examination is given up; a hang costs seconds, */
	MOST_CRASHES = 1000 /* a crash milliseconds */
};
#define MOST_ANSWER (64UL << 20)

extern char **environ;

/* --- one question to one worker ------------------------------------------------------------- */

/* The question as a file of its own: with a pipe, two sides that both write could wait for ever. */
static int question_file(const char *text)
{
	int fd = memfd_create("toll-question", MFD_CLOEXEC);
	size_t left = strlen(text);
	while (fd >= 0 && left) {
		ssize_t n = write(fd, text, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			close(fd);
			return -1;
		}
		text += n;
		left -= (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Starts toll-worker VERB on these descriptors: its process id, or -1 with errno. */
static pid_t spawn_worker(const struct registry *registry, const char *verb, bool own_group, int in,
			  int out)
{
	char *argv[2 * REGISTRY_MOST_PLUGINS + 3];
	size_t argc = 0;
	char program[] = "toll-worker", flag[] = "-m", name[32];
	pid_t pid = -1;

	snprintf(name, sizeof name, "%s", verb);
	argv[argc++] = program;
	argv[argc++] = name;
	for (size_t p = 0; p < registry->plugin_count; p++) {
		argv[argc++] = flag;
		argv[argc++] = registry->plugins[p];
	}
	argv[argc] = NULL;

	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&actions);
	if (!error && (error = posix_spawnattr_init(&attributes)))
		posix_spawn_file_actions_destroy(&actions);
	if (!error) {
		if (own_group) /* whose number is that of the process */
			error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
		if (!error)
			error = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
		if (!error)
			error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
		if (!error)
			error = posix_spawn(&pid, registry->worker, &actions, &attributes, argv,
					    environ);
		posix_spawnattr_destroy(&attributes);
		posix_spawn_file_actions_destroy(&actions);
	}
	errno = error;
	return error ? -1 : pid;
}

/* Whether the text ends with this line. */
static bool ends_with(const struct answer *answer, const char *last)
{
	size_t length = strlen(last);
	return answer->length >= length &&
	       memcmp(answer->text + answer->length - length, last, length) == 0;
}

/* Reads until the end of the stream, or a line that is to be the last (NULL: none); false when the
 * worker fell silent or memory ran out. */
static bool read_answer(int fd, const char *last, struct answer *answer)
{
	size_t room = 0;
	for (;;) {
		if (last && ends_with(answer, last))
			return true;
		if (answer->length + 1 >= room) {
			room = room ? 2 * room : 65536;
			char *text = room > MOST_ANSWER ? NULL : realloc(answer->text, room);
			if (!text)
				return false;
			answer->text = text;
		}
		struct pollfd watched = { .fd = fd, .events = POLLIN };
		int ready = poll(&watched, 1, ANSWER_MS);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return false;
		ssize_t n = read(fd, answer->text + answer->length, room - 1 - answer->length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		answer->length += (size_t)n;
	}
}

int registry_ask(const struct registry *registry, const char *verb, const char *question,
		 const char *last, struct answer *answer)
{
	int ends[2] = { -1, -1 }, in = question_file(question);
	pid_t pid = -1;

	*answer = (struct answer){ .text = calloc(1, 1) };
	if (in >= 0 && answer->text && pipe2(ends, O_CLOEXEC) == 0)
		pid = spawn_worker(registry, verb, last != NULL, in, ends[1]);
	int error = errno;
	if (in >= 0)
		close(in);
	if (ends[1] >= 0)
		close(ends[1]);
	if (pid < 0) {
		say_error("%s %s: %s", registry->worker, verb, strerror(error));
		if (ends[0] >= 0)
			close(ends[0]);
		free(answer->text);
		return -1;
	}
	answer->silent = !read_answer(ends[0], last, answer);
	close(ends[0]);
	if (answer->silent || last)
		kill(last ? -pid : pid, SIGKILL);
	while (waitpid(pid, &answer->status, 0) < 0 && errno == EINTR)
		;
	answer->text[answer->length] = '\0';
	return 0;
}

static int ask(const struct registry *registry, const char *verb, const char *question,
	       struct answer *answer)
{
	return registry_ask(registry, verb, question, NULL, answer);
}

const char *answer_fate(const struct answer *answer, char *buffer, size_t bytes)
{
	if (answer->silent)
		snprintf(buffer, bytes, "gave no answer within %d s", ANSWER_MS / 1000);
	else if (WIFSIGNALED(answer->status))
		snprintf(buffer, bytes, "was ended by signal %d (%s)", WTERMSIG(answer->status),
			 strsignal(WTERMSIG(answer->status)));
	else if (WEXITSTATUS(answer->status))
		snprintf(buffer, bytes, "ended with status %d", WEXITSTATUS(answer->status));
	else
		snprintf(buffer, bytes, "ended without an answer");
	return buffer;
}

/* --- finding it ----------------------------------------------------------------------------- */

static bool is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

static bool find_in_path(char *buffer, size_t bytes)
{
	const char *path = getenv("PATH");
	while (path && *path) {
		size_t length = strcspn(path, ":");
		snprintf(buffer, bytes, "%.*s/toll-worker", (int)length, path);
		if (length && is_program(buffer))
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

static int find_worker(char *buffer, size_t bytes)
{
	static const char *const beside[] = { "toll-worker", "../libexec/toll/toll-worker" };
	const char *wanted = getenv("TOLL_WORKER");
	if (wanted && *wanted) {
		if ((size_t)snprintf(buffer, bytes, "%s", wanted) < bytes && is_program(buffer))
			return 0;
		say_error("TOLL_WORKER=%s: %s", wanted, strerror(errno));
		return -1;
	}
	char folder[PATH_MAX - 64];
	ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
	char *slash = NULL;
	if (length > 0) {
		folder[length] = '\0';
		slash = strrchr(folder, '/');
	}
	if (slash) {
		*slash = '\0';
		for (size_t b = 0; b < sizeof beside / sizeof *beside; b++) {
			snprintf(buffer, bytes, "%s/%s", folder, beside[b]);
			if (is_program(buffer))
				return 0;
		}
	}
	if (find_in_path(buffer, bytes))
		return 0;
	say_error("toll-worker: neither beside toll nor in PATH; make builds it, TOLL_WORKER=FILE "
		  "names it");
	return -1;
}

/* One that was named: its whole path, for it is started wherever toll then is. */
static int take_worker(const char *wanted, char *buffer, size_t bytes)
{
	char path[PATH_MAX];

	if (is_program(wanted) && realpath(wanted, path) &&
	    (size_t)snprintf(buffer, bytes, "%s", path) < bytes)
		return 0;
	say_error("%s: %s; a toll-worker program is wanted", wanted, strerror(errno));
	return -1;
}

/* --- checking what it says ------------------------------------------------------------------ */

static int malformed(const struct registry *registry, const char *what, const char *problem)
{
	say_error("%s --describe: %s: %s; toll and toll-worker must be of one build",
		  registry->worker, what, problem);
	return -1;
}

/* Names stand in keys, between slashes, colons and commas. */
static bool is_name(const char *text)
{
	size_t length = strlen(text);
	if (length == 0 || length >= CELL_NAME)
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("-_.", *text))
			return false;
	return true;
}

/* Elements of object[member] are strings all. */
static bool are_strings(const json_t *array)
{
	size_t i;
	json_t *element;
	json_array_foreach (array, i, element) {
		if (!json_is_string(element))
			return false;
	}
	return true;
}

static int check_options(const struct registry *registry, const char *owner, json_t *options)
{
	size_t i;
	json_t *option;
	json_array_foreach (options, i, option) {
		const char *name, *value, *values, *about;
		json_error_t error;
		if (json_unpack_ex(option, &error, 0, "{s:s, s:s, s:s, s:s}", "name", &name,
				   "value", &value, "values", &values, "about", &about))
			return malformed(registry, owner, error.text);
		if (!is_name(name))
			return malformed(registry, owner, "an option's name is none");
	}
	return 0;
}

static int check_mechanism(const struct registry *registry, json_t *mechanism)
{
	json_error_t error;
	const char *name = "a mechanism", *about, *from;
	json_t *waits, *options;
	int producers, consumers, most_depth, in_place, bytes_only, duplex, to_all, slots, lossy,
		self_only;

	if (json_unpack_ex(
		    mechanism, &error, 0,
		    "{s:s, s:s, s:s, s:o, s:i, s:i, s:i, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:o}",
		    "name", &name, "about", &about, "from", &from, "waits", &waits, "producers",
		    &producers, "consumers", &consumers, "most_depth", &most_depth, "in_place",
		    &in_place, "bytes_only", &bytes_only, "duplex", &duplex, "to_all", &to_all,
		    "slots", &slots, "lossy", &lossy, "self_only", &self_only, "options", &options))
		return malformed(registry, name, error.text);
	if (!is_name(name))
		return malformed(registry, name, "not a name for a mechanism");
	if (!json_is_array(waits) || !are_strings(waits) || !json_is_array(options))
		return malformed(registry, name, "waits and options must be arrays");
	if (registry_mechanism(registry, name) != mechanism)
		return malformed(registry, name, "there twice");
	return check_options(registry, name, options);
}

static int check_edges(const struct registry *registry, const char *owner, json_t *edges)
{
	size_t i;
	json_t *edge;
	json_array_foreach (edges, i, edge) {
		int from, to;
		json_error_t error;
		if (json_unpack_ex(edge, &error, JSON_STRICT, "[i, i]", &from, &to))
			return malformed(registry, owner, error.text);
		if (from < 0 || to < 0 || from >= CELL_MOST_PEERS || to >= CELL_MOST_PEERS)
			return malformed(registry, owner, "an edge to no peer");
	}
	return 0;
}

static int check_pattern(const struct registry *registry, json_t *pattern)
{
	json_error_t error;
	const char *name = "a pattern", *about, *quantity, *shape;
	int least_peers, most_peers, peers, alternates;
	json_int_t least_size;
	double messages;
	json_t *edges, *options;

	if (json_unpack_ex(pattern, &error, 0,
			   "{s:s, s:s, s:i, s:i, s:i, s:I, s:b, s:s, s:F, s:o, s:s, s:o}", "name",
			   &name, "about", &about, "least_peers", &least_peers, "most_peers",
			   &most_peers, "peers", &peers, "least_size", &least_size, "alternates",
			   &alternates, "quantity", &quantity, "messages", &messages, "edges",
			   &edges, "shape", &shape, "options", &options))
		return malformed(registry, name, error.text);
	if (!is_name(name))
		return malformed(registry, name, "not a name for a pattern");
	if (registry_pattern(registry, name) != pattern)
		return malformed(registry, name, "there twice");
	if (least_peers < 1 || peers < least_peers || peers > CELL_MOST_PEERS ||
	    (most_peers && peers > most_peers))
		return malformed(registry, name, "its numbers of peers make no sense");
	if (strcmp(quantity, "rtt_ns") != 0 && strcmp(quantity, "per_message_ns") != 0 &&
	    strcmp(quantity, "oneway_ns") != 0)
		return malformed(registry, name,
				 "its quantity is none of rtt_ns, per_message_ns, oneway_ns");
	if (!(messages > 0) || !json_is_array(edges) || !json_is_array(options))
		return malformed(registry, name, "messages, edges or options make no sense");
	if (check_edges(registry, name, edges))
		return -1;
	return check_options(registry, name, options);
}

/* Says what a plug-in that would not load gave as its reason; -1 when there is one. */
static int check_failed(const struct registry *registry, const json_t *failed)
{
	size_t i;
	json_t *entry;
	int result = 0;
	json_array_foreach (failed, i, entry) {
		const char *plugin, *reason;
		if (json_unpack(entry, "{s:s, s:s}", "plugin", &plugin, "reason", &reason))
			return malformed(registry, "failed", "not {plugin, reason}");
		say_error("%s: %s", plugin, reason);
		result = -1;
	}
	return result;
}

/* Of another build, and so of no use: what it would say at the start of each block, said at once.
 */
static int check_page(const struct registry *registry)
{
	int version = 0;
	json_int_t bytes = 0;

	json_unpack(json_object_get(registry->description, "page"), "{s:i, s:I}", "version",
		    &version, "bytes", &bytes);
	if (version == PAGE_VERSION && bytes == (json_int_t)sizeof(struct page))
		return 0;
	say_error("%s has control page %d of %lld B, toll has %d of %zu B; build both from one "
		  "source",
		  registry->worker, version, (long long)bytes, PAGE_VERSION, sizeof(struct page));
	return -1;
}

static int check_description(const struct registry *registry)
{
	json_error_t error;
	int abi;
	const char *version, *compiler, *clock;
	json_t *mechanisms, *patterns, *failed = NULL;

	if (json_unpack_ex(registry->description, &error, 0, "{s:i, s:s, s:s, s:s, s:o, s:o, s?o}",
			   "abi", &abi, "version", &version, "compiler", &compiler, "clock", &clock,
			   "mechanisms", &mechanisms, "patterns", &patterns, "failed", &failed))
		return malformed(registry, "the answer", error.text);
	if (abi != REGISTRY_ABI) {
		say_error("%s has ABI %d, toll has %d; build both from one source",
			  registry->worker, abi, REGISTRY_ABI);
		return -1;
	}
	if (check_page(registry) || check_failed(registry, failed))
		return -1;
	if (!json_array_size(mechanisms) || !json_array_size(patterns))
		return malformed(registry, "the answer", "no mechanisms or no patterns");

	size_t i;
	json_t *entry;
	json_array_foreach (mechanisms, i, entry) {
		if (check_mechanism(registry, entry))
			return -1;
	}
	json_array_foreach (patterns, i, entry) {
		if (check_pattern(registry, entry))
			return -1;
	}
	return 0;
}

/* --- the registry --------------------------------------------------------------------------- */

static bool has_answered(const struct answer *answer)
{
	return !answer->silent && WIFEXITED(answer->status) && WEXITSTATUS(answer->status) == 0;
}

/* toll-worker went over its plug-ins, or over itself: tried with none, then with each alone. Says
 * it; -1. */
static int blame(const struct registry *registry, const char *why)
{
	for (size_t p = 0; p <= registry->plugin_count; p++) {
		struct registry alone = { .plugin_count = p > 0 };
		struct answer answer;
		char its[128];
		bool answered;

		if (p > 0)
			alone.plugins[0] = registry->plugins[p - 1];
		memcpy(alone.worker, registry->worker, sizeof alone.worker);
		if (ask(&alone, "--describe", "", &answer))
			return -1;
		answered = has_answered(&answer);
		answer_fate(&answer, its, sizeof its);
		free(answer.text);
		if (answered)
			continue;
		if (p > 0)
			say_error("%s: toll-worker %s as it loaded it", alone.plugins[0], its);
		else
			say_error("%s --describe %s", registry->worker, its);
		return -1;
	}
	say_error("%s --describe %s with these plug-ins, and with none of them alone",
		  registry->worker, why);
	return -1;
}

static int describe(struct registry *registry)
{
	struct answer answer;
	json_error_t error;

	if (ask(registry, "--describe", "", &answer))
		return -1;
	if (!has_answered(&answer)) {
		char why[128];
		answer_fate(&answer, why, sizeof why);
		free(answer.text);
		if (registry->plugin_count)
			return blame(registry, why);
		say_error("%s --describe %s", registry->worker, why);
		return -1;
	}
	registry->description =
		json_loadb(answer.text, answer.length, JSON_REJECT_DUPLICATES, &error);
	free(answer.text);
	if (!registry->description)
		return malformed(registry, "the answer", error.text);
	return check_description(registry);
}

/* Those that come with toll lie beside toll-worker. */
static bool find_shipped(const struct registry *registry, const char *name, char *path,
			 size_t bytes)
{
	const char *slash = strrchr(registry->worker, '/');
	int folder = slash ? (int)(slash - registry->worker) : 0;

	return is_name(name) && slash &&
	       (size_t)snprintf(path, bytes, "%.*s/plugins/%s.so", folder, registry->worker, name) <
		       bytes &&
	       access(path, R_OK) == 0;
}

bool registry_ships(const struct registry *registry, const char *name)
{
	char path[PATH_MAX];

	return find_shipped(registry, name, path, sizeof path);
}

/* Its whole path, to be freed; NULL with errno. */
static char *find_plugin(const struct registry *registry, const char *wanted)
{
	char *found = realpath(wanted, NULL), path[PATH_MAX];

	if (!found && errno == ENOENT && find_shipped(registry, wanted, path, sizeof path))
		return realpath(path, NULL);
	return found;
}

struct registry *registry_open(const char *const plugins[], size_t plugin_count)
{
	return registry_open_worker(NULL, plugins, plugin_count);
}

struct registry *registry_open_worker(const char *worker, const char *const plugins[],
				      size_t plugin_count)
{
	struct registry *registry = calloc(1, sizeof *registry);
	if (!registry) {
		say_error("out of memory");
		return NULL;
	}
	if (plugin_count > REGISTRY_MOST_PLUGINS) {
		say_error("-m: at most %d plug-ins at once", REGISTRY_MOST_PLUGINS);
		goto failed;
	}
	int lost = worker ? take_worker(worker, registry->worker, sizeof registry->worker)
			  : find_worker(registry->worker, sizeof registry->worker);
	for (size_t p = 0; p < plugin_count && !lost; p++) {
		registry->plugins[p] = find_plugin(registry, plugins[p]);
		if (!registry->plugins[p]) {
			say_error("-m %s: %s", plugins[p], strerror(errno));
			goto failed;
		}
		registry->plugin_count++;
	}
	if (!lost && !describe(registry))
		return registry;

failed:
	registry_close(registry);
	return NULL;
}

void registry_close(struct registry *registry)
{
	if (!registry)
		return;
	json_decref(registry->description);
	for (size_t p = 0; p < registry->plugin_count; p++)
		free(registry->plugins[p]);
	free(registry);
}

static json_t *find(const struct registry *registry, const char *kind, const char *name)
{
	size_t i;
	json_t *entry;
	json_array_foreach (json_object_get(registry->description, kind), i, entry) {
		const char *its = json_string_value(json_object_get(entry, "name"));
		if (its && strcmp(its, name) == 0)
			return entry;
	}
	return NULL;
}

json_t *registry_mechanism(const struct registry *registry, const char *name)
{
	return find(registry, "mechanisms", name);
}

json_t *registry_pattern(const struct registry *registry, const char *name)
{
	return find(registry, "patterns", name);
}

const char *registry_text(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "";
}

long long registry_number(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

bool registry_flag(const json_t *object, const char *member)
{
	return json_is_true(json_object_get(object, member));
}

const char *registry_nearest(const struct registry *registry, const char *kind, const char *name)
{
	const char *names[256];
	size_t i, n = 0;
	json_t *entry;
	json_array_foreach (json_object_get(registry->description, kind), i, entry) {
		if (n < sizeof names / sizeof *names)
			names[n++] = registry_text(entry, "name");
	}
	return say_nearest(name, names, n);
}

/* --- examination ---------------------------------------------------------------------------- */

/* Keys and CPUs of cells, a line each; freed by the caller, NULL when memory runs out. */
static char *question_about(const struct cell cells[], size_t n)
{
	char *text = NULL, key[CELL_KEY];
	size_t bytes;
	FILE *stream = open_memstream(&text, &bytes);
	if (!stream)
		return NULL;
	for (size_t c = 0; c < n; c++) {
		fprintf(stream, "%s\t", cell_key(&cells[c], key, sizeof key));
		for (unsigned p = 0; p < cells[c].peers; p++)
			fprintf(stream, "%s%d", p ? "," : "", cells[c].cpus[p]);
		fputc('\n', stream);
	}
	if (fclose(stream)) {
		free(text);
		return NULL;
	}
	return text;
}

static int field_number(char **rest, double most, double *number)
{
	const char *word = strsep(rest, "\t");
	if (!word || !isdigit((unsigned char)*word))
		return -1;
	char *end;
	*number = strtod(word, &end);
	return *end || !(*number <= most) ? -1 : 0;
}

/* "ok\tSLOTS\tMEMORY\tCAPACITY\tBYTES\tHELPERS" or "no\tREASON"; an older worker knows of no
 * helpers. */
static int parse_examination(char *line, struct examination *out)
{
	const char *verdict = strsep(&line, "\t");
	*out = (struct examination){ .possible = false };
	if (strcmp(verdict, "no") == 0 && line && *line) {
		snprintf(out->reason, sizeof out->reason, "%s", line);
		return 0;
	}
	double slots, memory, capacity, bytes, helpers = 0;
	if (strcmp(verdict, "ok") != 0 || field_number(&line, UINT_MAX, &slots) ||
	    field_number(&line, 9e15, &memory) || field_number(&line, 1, &capacity) ||
	    field_number(&line, 9e15, &bytes) || (line && field_number(&line, UINT_MAX, &helpers)))
		return -1;
	out->possible = true;
	out->slots = (unsigned)slots;
	out->memory = (uint64_t)memory;
	out->capacity_needed = (unsigned)capacity;
	out->bytes = bytes;
	out->helpers = (unsigned)helpers;
	return 0;
}

/* Takes whole lines of an answer into out; their number, or -1 after say_error(). */
static ssize_t take_lines(const struct registry *registry, char *text, size_t n,
			  struct examination out[])
{
	size_t done = 0;
	char *end;
	for (; (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		if (done == n || parse_examination(text, &out[done])) {
			say_error(
				"%s --examine answered \"%.60s\"; toll and toll-worker must be of "
				"one build",
				registry->worker, text);
			return -1;
		}
		done++;
	}
	return (ssize_t)done;
}

int registry_examine(const struct registry *registry, const struct cell cells[], size_t n,
		     struct examination out[])
{
	unsigned hangs = 0, crashes = 0;
	for (size_t done = 0; done < n; done++) {
		char *question = question_about(cells + done, n - done), why[128];
		struct answer answer;
		if (!question) {
			say_error("out of memory");
			return -1;
		}
		int failed = ask(registry, "--examine", question, &answer);
		free(question);
		if (failed)
			return -1;
		ssize_t lines = take_lines(registry, answer.text, n - done, out + done);
		free(answer.text);
		if (lines < 0)
			return -1;
		done += (size_t)lines;
		if (done == n)
			break;
		/* it went over this cell: that is the cell's fault, and no other's */
		answer_fate(&answer, why, sizeof why);
		out[done] = (struct examination){ .possible = false };
		snprintf(out[done].reason, sizeof out[done].reason,
			 "toll-worker %s when it was asked about this cell", why);
		*(answer.silent ? &hangs : &crashes) += 1;
		if (hangs == MOST_HANGS || crashes == MOST_CRASHES) {
			char key[CELL_KEY];
			say_error("%s --examine %s, once more over %s; leave that out, or %s",
				  registry->worker, why, cell_key(&cells[done], key, sizeof key),
				  registry->plugin_count ? "leave out -m" : "rebuild");
			return -1;
		}
	}
	return 0;
}
