/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probe.c - asks toll-worker --probe about one variant after the other, each in a process group of
 * its own, and sees for itself what is left in the kernel when all of them are dead. */
#include "probe.h"

#include <dirent.h>
#include <string.h>
#include <sys/mman.h>

#include "apart.h"
#include "conformance/conform.h"
#include "journal.h"
#include "say.h"
#include "worker/journal_file.h"

enum { MOST_REPORT = 16 << 20, TEXT = 512 };

/* What a value is in JSON; those that are not here are texts. */
static const struct {
	const char *key;
	enum { NUMBER, REAL, FLAG } is;
} kinds[] = {
	{ "atomic_bytes", NUMBER },
	{ "capacity_messages", NUMBER },
	{ "capacity_bytes", NUMBER },
	{ "largest_bytes", NUMBER },
	{ "largest_is_limit", FLAG },
	{ "short_reads", FLAG },
	{ "passes_descriptors", FLAG },
	{ "priority", FLAG },
	{ "message_outlives_writer", FLAG },
	{ "create_us", REAL },
	{ "attach_us", REAL },
	{ "first_message_us", REAL },
	{ "tear_down_us", REAL },
};

struct question {
	const struct registry *registry;
	const char *const *variants;
	size_t count;
	char *report; /* shared: the array, as text */
	bool isolated;
};

static json_t *value_of(const char *key, const char *value)
{
	if (strcmp(value, "-") == 0)
		return json_null();
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		if (strcmp(kinds[k].key, key) != 0)
			continue;
		if (kinds[k].is == FLAG)
			return json_boolean(strcmp(value, "yes") == 0);
		if (kinds[k].is == REAL)
			return json_real(strtod(value, NULL));
		return json_integer(strtoll(value, NULL, 10));
	}
	return json_string(value);
}

static void set_state(json_t *object, const char *state, const char *reason)
{
	json_t *name = json_incref(json_object_get(object, "mechanism"));

	json_object_clear(object);
	json_object_set_new(object, "mechanism", name);
	json_object_set_new(object, "state", json_string(state));
	json_object_set_new(object, "reason", json_string(reason));
}

static void set_property(json_t *object, const char *key, json_t *value, const char *note)
{
	json_object_set_new(object, key, value);
	if (note && *note)
		json_object_set_new(json_object_get(object, "notes"), key, json_string(note));
}

static bool has_failed(const json_t *object)
{
	return strcmp(registry_text(object, "state"), "probed") != 0;
}

/* Asks for one task. The answer's lines go into object; true: all that was asked has been said. */
static bool ask(const struct question *question, json_t *object, const char *task)
{
	char text[CELL_NAME + CELL_OPTIONS + 32];
	struct answer answer;

	snprintf(text, sizeof text, "%s\t%s\n", registry_text(object, "mechanism"), task);
	if (registry_ask(question->registry, "--probe", text, "end\n", &answer)) {
		set_state(object, "broken", "toll-worker could not be started");
		return false;
	}
	bool whole = false;
	for (char *rest = answer.text, *line;
	     !has_failed(object) && (line = strsep(&rest, "\n"));) {
		char *note = line;
		const char *key = strsep(&note, "\t"), *value = strsep(&note, "\t");

		whole |= strcmp(key, "end") == 0;
		if (value && (strcmp(key, "absent") == 0 || strcmp(key, "broken") == 0))
			set_state(object, key, value);
		else if (value && strcmp(key, "unknown") == 0)
			set_property(object, "survives", json_null(), value);
		else if (value)
			set_property(object, key, value_of(key, value), note);
	}
	if (!whole && !has_failed(object)) {
		char reason[TEXT], why[128];
		snprintf(reason, sizeof reason, "toll-worker %s when it was asked about it",
			 answer_fate(&answer, why, sizeof why));
		set_state(object, "broken", reason);
	}
	free(answer.text);
	return whole && !has_failed(object);
}

/* ---- what outlives its owner ---- */

/* What a journal calls an object, for people. */
static const char *kind_of(const char *kind, const char *id)
{
	static const struct {
		const char *kind, *is;
	} known[] = { { "shm", "shared memory" },
		      { "mqueue", "message queue" },
		      { "sysv-shm", "System V shared memory" },
		      { "sysv-sem", "System V semaphores" },
		      { "sysv-msg", "System V message queue" } };
	struct stat status;

	for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
		if (strcmp(kind, known[k].kind) == 0)
			return known[k].is;
	}
	if (lstat(id, &status))
		return "file";
	return S_ISFIFO(status.st_mode) ? "fifo" : S_ISSOCK(status.st_mode) ? "socket" : "file";
}

/* The kind of the object that the dead have journalled last; NULL: none. */
static const char *kind_journalled(void)
{
	char path[PATH_MAX], line[PATH_MAX + 32];
	const char *kind = NULL;
	DIR *directory = NULL;

	if (journal_directory(0, path, sizeof path)) /* apart_play() has made one */
		directory = opendir(path);
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		int fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		FILE *journal = fd < 0 ? NULL : fdopen(fd, "r");

		while (journal && fgets(line, sizeof line, journal)) {
			char *id = line;
			const char *word = strsep(&id, " ");
			if (!id || strcmp(word, JOURNAL_NAMESPACE) == 0)
				continue;
			id[strcspn(id, "\n")] = '\0';
			kind = kind_of(word, id);
		}
		if (journal)
			fclose(journal);
		else if (fd >= 0)
			close(fd);
	}
	if (directory)
		closedir(directory);
	return kind;
}

/* Lets a channel stand with a message in it, kills all who have it, and sweeps: the kind of what
 * was still there, "" for nothing; NULL with a state in object. */
static const char *outlives(const struct question *question, json_t *object, const char *task)
{
	char rest[TEXT];

	journal_sweep();
	bool stood = ask(question, object, task);
	left_processes(rest, sizeof rest); /* those of its group are dying */
	const char *kind = kind_journalled();
	int swept = journal_sweep();
	if (!stood)
		return NULL;
	return swept > 0 && kind ? kind : "";
}

static void set_survives(const struct question *question, json_t *object)
{
	const char *as_is, *named = NULL;
	char note[TEXT];

	if (!question->isolated && geteuid() == 0) {
		set_property(object, "survives", json_null(),
			     "its objects lie in a namespace of the worker's own, which goes with "
			     "it; this user may not make another");
		return;
	}
	as_is = outlives(question, object, "stand");
	if (as_is && !*as_is)
		named = outlives(question, object, "keep");
	if (has_failed(object) || json_object_get(object, "survives"))
		return;
	if (as_is && *as_is) {
		set_property(object, "survives", json_string("yes"), as_is);
	} else if (named && strcmp(named, "socket") == 0) {
		set_property(object, "survives", json_string("no"),
			     "of its socket only the name stays, and nobody listens there");
	} else if (named && *named) {
		snprintf(note, sizeof note, "%s; toll unlinks it at once", named);
		set_property(object, "survives", json_string("until unlinked"), note);
	} else {
		set_property(object, "survives", json_string("no"), NULL);
	}
}

/* ---- all of them ---- */

static json_t *probe_one(const struct question *question, const char *variant)
{
	struct left_objects before = left_look();
	char left[TEXT], reason[TEXT + 64];
	json_t *object =
		json_pack("{s:s, s:s, s:{}}", "mechanism", variant, "state", "probed", "notes");

	if (ask(question, object, "properties"))
		set_survives(question, object);
	const char *alive = left_processes(left, sizeof left);
	if (*alive && !has_failed(object)) {
		snprintf(reason, sizeof reason, "it leaves a process behind: %s", alive);
		set_state(object, "broken", reason);
	}
	journal_sweep();
	if (left_since(&before, left, sizeof left)[0] && !has_failed(object)) {
		snprintf(reason, sizeof reason, "it leaves behind, after a sweep: %s", left);
		set_state(object, "broken", reason);
	}
	left_free(&before);
	return object;
}

/* Apart; the report is text, since memory is not shared. */
static int play(void *context, bool isolated)
{
	struct question *question = context;
	json_t *found = json_array();

	question->isolated = isolated;
	left_begin();
	for (size_t i = 0; i < question->count; i++) {
		say_progress("probe: %zu of %zu, %s", i + 1, question->count,
			     question->variants[i]);
		json_array_append_new(found, probe_one(question, question->variants[i]));
	}
	say_progress(NULL);
	size_t bytes = json_dumpb(found, question->report, MOST_REPORT - 1, JSON_REAL_PRECISION(6));
	json_decref(found);
	if (bytes == 0 || bytes >= MOST_REPORT) {
		say_error("list: out of memory");
		return EXIT_USAGE;
	}
	question->report[bytes] = '\0';
	return EXIT_FINE;
}

int probe_variants(const struct registry *registry, const char *const variants[], size_t n,
		   json_t **found)
{
	struct question question = { .registry = registry, .variants = variants, .count = n };
	int status = EXIT_USAGE;

	*found = NULL;
	question.report =
		mmap(NULL, MOST_REPORT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (question.report == MAP_FAILED) {
		say_error("out of memory");
		return status;
	}
	status = apart_play("probe", play, &question);
	if (status == EXIT_FINE && !(*found = json_loads(question.report, 0, NULL))) {
		say_error("list: what was probed makes no sense");
		status = EXIT_USAGE;
	}
	munmap(question.report, MOST_REPORT);
	return status;
}
