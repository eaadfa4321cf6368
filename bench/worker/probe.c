/* SPDX-License-Identifier: MIT */
/* probe.c - what a mechanism is, found out by playing its verbs (--probe): a variant, a tab and a
 * task on each line of standard input.
 *
 *     properties   "KEY<tab>VALUE<tab>NOTE" for each, VALUE "-" where it cannot be seen, and "end"
 *     stand        opens a channel, sends a message that nobody takes, says "standing", and waits
 *                  to be killed, for toll to see what is left in the kernel
 *     keep         the same, while whatever unlinks a name says that it has done so and does not
 *
 * or "absent<tab>REASON" when it cannot be had here, "broken<tab>REASON" when it does what no
 * mechanism may, "unknown<tab>REASON" when names cannot be kept. Each scene is played in processes
 * of its own, which may crash, hang or lie. */
#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const fact_names[FACTS] = {
	[WAYS] = "ways",
	[UNIT] = "unit",
	[SHORT_READS] = "short_reads",
	[ATOMIC] = "atomic_bytes",
	[HOLDS_MESSAGES] = "capacity_messages",
	[HOLDS_BYTES] = "capacity_bytes",
	[FULL] = "when_full",
	[LARGEST] = "largest_bytes",
	[LIMITED] = "largest_is_limit",
	[READER_DIES] = "reader_dies",
	[WRITER_DIES] = "writer_dies",
	[OUTLIVES] = "message_outlives_writer",
	[DESCRIPTORS] = "passes_descriptors",
	[PRIORITY] = "priority",
	[CREATE] = "create_us",
	[ATTACH] = "attach_us",
	[FIRST] = "first_message_us",
	[TEAR_DOWN] = "tear_down_us",
};

#define SCENE_NS 4000000000u /* a scene that takes longer hangs */

struct probe_board *probe_board;
struct probe_about probe_about;

/* ---- saying it ---- */

__attribute__((format(printf, 3, 4))) void probe_found(enum fact fact, const char *note,
						       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(probe_board->fact[fact].value, sizeof(probe_board->fact[fact].value), format,
		  args);
	va_end(args);
	snprintf(probe_board->fact[fact].note, sizeof(probe_board->fact[fact].note), "%s", note);
	probe_board->fact[fact].told = true;
}

void probe_unknown(enum fact fact, const char *why)
{
	probe_found(fact, why, "-");
}

__attribute__((format(printf, 1, 2))) _Noreturn void probe_broken(const char *format, ...)
{
	if (__atomic_exchange_n(&probe_board->is_taken, 1, __ATOMIC_ACQ_REL) == 0) {
		va_list args;

		va_start(args, format);
		vsnprintf(probe_board->broken, sizeof(probe_board->broken), format, args);
		va_end(args);
		__atomic_store_n(&probe_board->is_broken, 1, __ATOMIC_RELEASE);
	}
	_exit(1);
}

_Noreturn void probe_fails(const char *what, int error)
{
	probe_broken("%s: %s", what, error ? strerror(error) : "failed");
}

const char *probe_error(int error)
{
	static const struct {
		int error;
		const char *name;
	} names[] = { { EPIPE, "EPIPE" },
		      { ECONNRESET, "ECONNRESET" },
		      { ECONNREFUSED, "ECONNREFUSED" },
		      { ENOTCONN, "ENOTCONN" },
		      { EMSGSIZE, "EMSGSIZE" },
		      { EINVAL, "EINVAL" },
		      { ESRCH, "ESRCH" },
		      { EBADF, "EBADF" },
		      { EPERM, "EPERM" },
		      { ENOTSOCK, "ENOTSOCK" },
		      { ENOBUFS, "ENOBUFS" },
		      { EOWNERDEAD, "EOWNERDEAD" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (names[i].error == error)
			return names[i].name;
	}
	return strerror(error);
}

bool probe_tells(int error)
{
	return error != 0 && error != EAGAIN && error != EINTR && error != ENOMSG;
}

void probe_nap(void)
{
	const struct timespec time = { .tv_nsec = NAP_NS };

	nanosleep(&time, NULL);
}

void probe_await(const uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		probe_nap();
}

void probe_tell(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* ---- messages, numbered ---- */

void probe_send(struct trial *t, unsigned end, size_t len, uint64_t number)
{
	if (!trial_send(t, end, len, number, 0, ARRIVES_NS))
		probe_broken("a message of %zu B finds no room in an empty channel", len);
}

void probe_take(struct trial *t, unsigned end, size_t len, uint64_t number)
{
	uint64_t got = 0;
	size_t there = len;
	const void *message = trial_peek(t, end, &there, ARRIVES_NS);

	if (message == NULL)
		probe_broken("a message was sent and never arrives (%zu B)", len);
	if (there != len)
		probe_broken("a message of %zu B arrives with %zu B", len, there);
	memcpy(&got, message, len < sizeof(got) ? len : sizeof(got));
	if (len >= sizeof(got) && got != number)
		probe_broken(
			"a message is lost, doubled or out of order: got number %llu, not %llu",
			(unsigned long long)got, (unsigned long long)number);
	if (!toll_same(message, number, len))
		probe_broken("a message of %zu B has changed on its way", len);
	trial_release(t, end);
}

/* ---- one process plays both ends ---- */

bool probe_plan(struct layout *layout, const char *pattern, size_t size, enum toll_wait wait,
		char *why, size_t room)
{
	const struct wish wish = { .variant = probe_about.variant,
				   .pattern = pattern,
				   .wait = wait,
				   .size = size,
				   .depth = -1,
				   .peers = 2 };
	size_t memory;

	return layout_plan(layout, &wish, &memory, why, room);
}

void probe_open(struct trial *t, const struct layout *layout, const struct toll_channel *like)
{
	if (!trial_open(t, layout->choice.unit, like, layout_memory(layout)))
		probe_fails("opening it", errno);
}

void probe_attach(struct trial *t, unsigned end, enum toll_side side, unsigned index)
{
	if (!trial_attach(t, end, side, index))
		probe_fails("attaching to it", errno);
}

void probe_meet(struct trial *t, unsigned end)
{
	if (!trial_meet(t, end))
		probe_fails("meeting the other end", errno);
}

void probe_solo(struct trial *t, const struct layout *layout, size_t most)
{
	struct toll_channel like = layout_proto(layout);

	like.threads = true;
	like.most = most;
	probe_open(t, layout, &like);
	probe_attach(t, 0, TOLL_PRODUCER, 0);
	probe_attach(t, 1, TOLL_CONSUMER, 0);
	probe_meet(t, 0);
	probe_meet(t, 1);
}

int probe_descriptor(const struct trial *t, unsigned end, enum toll_side side)
{
	const struct toll_mechanism *m = t->mechanism;

	return m->descriptor ? m->descriptor(t->end[end].end, side) : -1;
}

/* An io_uring's: what it reads and writes is behind it. */
static bool is_ring(int fd)
{
	char path[32], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, "[io_uring]");
}

const char *probe_hidden(int fd)
{
	return fd < 0        ? "it has no descriptor"
	       : is_ring(fd) ? "its descriptor is a ring's, and what is behind it is hidden"
			     : NULL;
}

/* ---- playing scenes ---- */

static const struct scene {
	const char *title;
	void (*play)(void);
} scenes[] = {
	{ "as two messages were sent", scene_boundaries },
	{ "as more was read than is there", scene_short_reads },
	{ "as it was filled", scene_filling },
	{ "as it was filled with bytes", scene_filling_bytes },
	{ "as the longest message was sent", scene_longest },
	{ "as a message one byte too long was sent", scene_one_more },
	{ "as messages found little room", scene_atomic_size },
	{ "as a message was answered", scene_both_ways },
	{ "as a writer slept for room", scene_blocking },
	{ "as its reader died", scene_reader_dies },
	{ "as its writer died", scene_writer_dies },
	{ "as a descriptor was sent", scene_descriptors },
	{ "as priorities were tried", scene_priorities },
	{ "as it was set up and torn down", scene_setting_up },
};
static const struct scene standing = { "as it stood", scene_stand };
static const struct scene standing_named = { "as it stood", scene_stand_named };

/* The watcher's own reason, unless there is one. */
__attribute__((format(printf, 1, 2))) static void found_broken(const char *format, ...)
{
	va_list args;

	if (probe_board->is_broken)
		return;
	va_start(args, format);
	vsnprintf(probe_board->broken, sizeof(probe_board->broken), format, args);
	va_end(args);
	probe_board->is_broken = 1;
}

/* Of a process that has ended. */
static void judge(int status)
{
	if (WIFSIGNALED(status))
		found_broken("it was ended by signal %d (%s)", WTERMSIG(status),
			     strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		found_broken("it ended itself, with status %d", WEXITSTATUS(status));
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Waits for the processes of a scene, and kills who has done its part and is to die. until: 0, or
 * a step after which they are let stand. */
static void watch(const pid_t pids[], unsigned count, uint64_t deadline, uint32_t until)
{
	bool gone[2] = { false, count < 2 };

	while (!gone[0] || !gone[1]) {
		bool breaks = __atomic_load_n(&probe_board->is_broken, __ATOMIC_ACQUIRE);

		if (!breaks && toll_clock_ns() > deadline) {
			found_broken("it hangs");
			breaks = true;
		}
		for (unsigned i = 0; i < count; i++) {
			int status;

			if (gone[i])
				continue;
			if (breaks ||
			    __atomic_load_n(&probe_board->ready, __ATOMIC_ACQUIRE) == i + 1) {
				end(pids[i]);
				probe_tell(&probe_board->dead, i + 1);
				gone[i] = true;
			} else if (waitpid(pids[i], &status, WNOHANG) != 0) {
				gone[i] = true;
				judge(status);
			}
		}
		if (until && __atomic_load_n(&probe_board->step, __ATOMIC_ACQUIRE) == until)
			return;
		probe_nap();
	}
}

/* Whether a process is left that nobody here has started. */
static bool leaves_a_process(void)
{
	pid_t pid;

	for (uint64_t since = toll_clock_ns(); toll_clock_ns() - since < 5 * (uint64_t)REST_NS;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0)
			return false;
		probe_nap();
	}
	return true;
}

/* false with probe_board->broken. until: as for watch(). */
static bool play(const struct scene *scene, uint32_t until)
{
	uint64_t deadline = toll_clock_ns() + SCENE_NS;

	memset((char *)probe_board + offsetof(struct probe_board, pid), 0,
	       sizeof(*probe_board) - offsetof(struct probe_board, pid));
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		trial_on_failure = probe_fails;
		scene->play();
		_exit(0);
	}
	if (pid < 0)
		found_broken("fork: %s", strerror(errno));
	else
		watch(&pid, 1, deadline, 0);
	/* those whom it has started are this process's now */
	if (probe_board->pid[0])
		watch(probe_board->pid, probe_board->pid[1] ? 2 : 1, deadline, until);
	if (!until && !probe_board->is_broken && leaves_a_process())
		found_broken("it leaves a process behind");
	return !probe_board->is_broken;
}

/* ---- a question ---- */

static enum toll_wait wait_for_trials(const char *name)
{
	static const enum toll_wait order[] = { TOLL_WAIT_YIELD, TOLL_WAIT_SPIN, TOLL_WAIT_PAUSE,
						TOLL_WAIT_BLOCK, TOLL_WAIT_POLL };

	for (const struct unit *u = units(); u; u = u->next) {
		for (size_t i = 0;
		     strcmp(u->mechanism.name, name) == 0 && i < sizeof(order) / sizeof(*order);
		     i++) {
			if (waits_of(&u->mechanism) & 1u << order[i])
				return order[i];
		}
	}
	return TOLL_WAIT_BLOCK;
}

/* What is asked about; false with why it cannot be had here. */
static bool prepare(char *why, size_t room)
{
	char name[sizeof(probe_about.variant)], never[PAGE_TEXT];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(probe_about.variant, ":"),
		 probe_about.variant);
	probe_about.wait = wait_for_trials(name);
	if (!probe_plan(&probe_about.one, "stream", TOLL_HEADER, probe_about.wait, why, room))
		return false;
	probe_about.mechanism = &probe_about.one.choice.unit->mechanism;
	const struct toll_channel like = layout_proto(&probe_about.one);
	size_t most = probe_about.mechanism->most_bytes ? probe_about.mechanism->most_bytes(&like)
							: SIZE_MAX;

	probe_about.limited = most <= LONGEST;
	probe_about.largest = probe_about.limited ? most : LONGEST;
	probe_about.small = most < SMALL ? most : SMALL;
	probe_about.is_duplex = probe_plan(&probe_about.both, "pingpong", probe_about.small,
					   probe_about.wait, never, sizeof(never)) &&
				probe_about.both.choice.unit->mechanism.duplex;
	return probe_plan(&probe_about.one, "stream", probe_about.small, probe_about.wait, why,
			  room);
}

static void print_facts(FILE *out)
{
	for (unsigned i = 0; i < FACTS; i++) {
		if (!probe_board->fact[i].told)
			continue;
		fprintf(out, "%s\t%s\t%s\n", fact_names[i], probe_board->fact[i].value,
			probe_board->fact[i].note);
		probe_board->fact[i].told = false;
	}
}

static void answer(const char *task, FILE *out)
{
	char why[PAGE_TEXT] = "";
	const struct scene *one = strcmp(task, "stand") == 0  ? &standing
				  : strcmp(task, "keep") == 0 ? &standing_named
							      : NULL;
	const struct scene *first = one ? one : scenes;
	size_t count = one ? 1 : sizeof(scenes) / sizeof(*scenes);

	if (!prepare(why, sizeof(why))) {
		fprintf(out, "absent\t%s\nend\n", why);
		return;
	}
	if (one == &standing_named && !probe_keeps()) {
		fputs("unknown\tthis kernel lacks the filter (seccomp(2)) that keeps names\nend\n",
		      out);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (!play(&first[i], one != NULL)) {
			fprintf(out, "broken\t%s, %s\nend\n", probe_board->broken, first[i].title);
			return;
		}
		print_facts(out);
	}
	fputs(one ? "standing\nend\n" : "end\n", out);
	fflush(out);
	while (one)
		pause();
}

int probe(FILE *in, FILE *out)
{
	char *line = NULL;
	size_t room = 0;

	probe_board = mmap(NULL, sizeof(*probe_board), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (probe_board == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	probe_about.root = getpid();
	setvbuf(out, NULL, _IOLBF, BUFSIZ);
	while (getline(&line, &room, in) > 0) {
		char *task = line;
		const char *variant = strsep(&task, "\t");

		if (task == NULL || strlen(variant) >= sizeof(probe_about.variant)) {
			fputs("absent\tnot a variant and a task\nend\n", out);
			continue;
		}
		task[strcspn(task, "\n")] = '\0';
		memset(probe_board, 0, sizeof(*probe_board));
		snprintf(probe_about.variant, sizeof(probe_about.variant), "%s", variant);
		answer(task, out);
	}
	free(line);
	return ferror(out) || fflush(out) ? -1 : 0;
}
