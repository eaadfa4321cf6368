/* SPDX-License-Identifier: MIT */
/* probe_pair.c - what shows between two processes that have an end each: an answer, sleep, and what
 * the one sees when the other dies; and what stands when both have. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	ASLEEP = 20,    /* looks in a row that find a process asleep: it waits */
	LONE_SENDS = 20 /* after the reader's death, where nothing is ever full */
};

/* ---- two processes, an end each ---- */

static void perform(struct trial *t, unsigned me, bool both, void (*part)(struct trial *, unsigned))
{
	enum toll_side side = both ? TOLL_BOTH : me ? TOLL_CONSUMER : TOLL_PRODUCER;

	/* who has opened it goes, so that nobody but the two holds it open */
	while (getppid() != probe_about.root)
		probe_nap();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	probe_attach(t, me, side, both ? me : 0);
	__atomic_fetch_add(&probe_board->attached, 1, __ATOMIC_ACQ_REL);
	probe_await(&probe_board->attached, 2);
	probe_meet(t, me);
	__atomic_fetch_add(&probe_board->met, 1, __ATOMIC_ACQ_REL);
	probe_await(&probe_board->met, 2);
	part(t, me);
	_exit(0);
}

/* End 0 produces and end 1 consumes, or each does both. */
static void duo(const struct layout *layout, bool both, void (*first)(struct trial *, unsigned),
		void (*second)(struct trial *, unsigned))
{
	struct toll_channel like = layout_proto(layout);
	struct trial t;

	probe_open(&t, layout, &like);
	for (unsigned i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid == 0)
			perform(&t, i, both, i ? second : first);
		if (pid < 0)
			probe_fails("fork", errno);
		probe_board->pid[i] = pid;
	}
}

static void asks(struct trial *t, unsigned me)
{
	probe_send(t, me, probe_about.small, 1);
	probe_take(t, me, probe_about.small, 2);
	probe_tell(&probe_board->step, 1);
	probe_found(WAYS, "a message and its answer, over the same ends", "duplex");
}

static void answers(struct trial *t, unsigned me)
{
	probe_take(t, me, probe_about.small, 1);
	probe_send(t, me, probe_about.small, 2);
	probe_await(&probe_board->step, 1); /* a library may have it still */
}

/* What the kernel says of the two ends of a channel that offers no end both ways. */
static void one_way(void)
{
	struct trial t;

	probe_solo(&t, &probe_about.one, probe_about.small);
	int out = probe_descriptor(&t, 0, TOLL_PRODUCER),
	    in = probe_descriptor(&t, 1, TOLL_CONSUMER);
	int writes = out < 0 ? -1 : fcntl(out, F_GETFL) & O_ACCMODE;
	int reads = in < 0 ? -1 : fcntl(in, F_GETFL) & O_ACCMODE;

	probe_found(WAYS,
		    writes == O_WRONLY && reads == O_RDONLY
			    ? "one descriptor only writes, the other only reads"
			    : "it offers no end both ways",
		    "one-way");
}

void scene_both_ways(void)
{
	if (probe_about.is_duplex)
		duo(&probe_about.both, true, asks, answers);
	else
		one_way();
}

/* The letter of a process's state: S, when it sleeps. */
static char state_of(pid_t pid)
{
	char path[32], text[512];
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *name_end = strrchr(text, ')');

	if (name_end == NULL || name_end[1] == '\0')
		return '?';
	return name_end[2];
}

enum { BRIM = 1, WOKEN = 2 };

/* Fills it, then sends one that has to wait. */
static void waits_for_room(struct trial *t, unsigned me)
{
	uint64_t number = 0;

	while (trial_send(t, me, probe_about.small, number, TOLL_WAKE, 0))
		number++;
	probe_tell(&probe_board->step, BRIM);
	while (!trial_send(t, me, probe_about.small, number, TOLL_WAKE | TOLL_SLEEP, 0))
		;
	probe_tell(&probe_board->step, WOKEN);
}

static void watches(struct trial *t, unsigned me)
{
	uint64_t since, number = 0;
	unsigned asleep = 0;

	probe_await(&probe_board->step, BRIM);
	for (since = toll_clock_ns(); asleep < ASLEEP && toll_clock_ns() - since < LOOK_NS;) {
		asleep = state_of(probe_board->pid[!me]) == 'S' ? asleep + 1 : 0;
		probe_nap();
	}
	since = toll_clock_ns();
	while (__atomic_load_n(&probe_board->step, __ATOMIC_ACQUIRE) != WOKEN) {
		size_t there = probe_about.small;

		/* as in a pattern: who gives room back may have to wake the other */
		if (t->mechanism->peek(t->end[me].end, &there, TOLL_WAKE)) {
			t->mechanism->release(t->end[me].end, TOLL_WAKE);
			number++;
		}
		if (toll_clock_ns() - since > ARRIVES_NS)
			probe_broken(
				"whoever sleeps until there is room sleeps on when there is (%llu "
				"messages were taken)",
				(unsigned long long)number);
		probe_nap();
	}
	if (asleep == ASLEEP)
		probe_found(FULL,
			    "it sleeps until there is room; without being allowed to, not yet",
			    "blocks");
}

void scene_blocking(void)
{
	struct layout layout;
	char why[PAGE_TEXT];

	if (strcmp(probe_board->fact[FULL].value, "not yet") != 0 ||
	    !probe_plan(&layout, "stream", probe_about.small, TOLL_WAIT_BLOCK, why, sizeof(why)))
		return;
	duo(&layout, false, waits_for_room, watches);
}

/* ---- a death ---- */

static _Noreturn void die(unsigned me)
{
	probe_tell(&probe_board->ready, me + 1);
	for (;;)
		pause();
}

static volatile sig_atomic_t pipe_signals;

static void on_pipe(int number)
{
	(void)number;
	pipe_signals++;
}

static unsigned sent_on; /* to a reader that is dead */

static void dead_reader(int error)
{
	char note[PAGE_TEXT];
	bool told = probe_tells(error), signalled = pipe_signals > 0;

	snprintf(note, sizeof(note), told ? "after %u more" : "%u more are taken", sent_on);
	probe_found(READER_DIES, note, "%s%s%s",
		    told        ? probe_error(error)
		    : signalled ? ""
				: "nothing",
		    told && signalled ? ", " : "", signalled ? "SIGPIPE" : "");
}

static void fails_without_reader(const char *what, int error)
{
	(void)what;
	dead_reader(error);
	_exit(0);
}

static void sends_on(struct trial *t, unsigned me)
{
	struct sigaction action = { .sa_handler = on_pipe };

	probe_send(t, me, probe_about.small, 0);
	probe_await(&probe_board->dead, 2);
	/* what a ring of the dead has registered the kernel gives up later */
	for (uint64_t since = toll_clock_ns(); toll_clock_ns() - since < 5 * (uint64_t)REST_NS;)
		probe_nap();
	sigaction(SIGPIPE, &action, NULL);
	trial_on_failure = fails_without_reader;
	for (sent_on = 0; sent_on < MOST_MESSAGES; sent_on++) {
		t->error = 0;
		if (!trial_send(t, me, probe_about.small, sent_on + 1, 0, 0) ||
		    probe_tells(t->error))
			break;
		if (t->mechanism->lossy && sent_on == LONE_SENDS)
			break;
		if (t->mechanism->lossy)
			probe_nap();
	}
	dead_reader(t->error);
}

static void takes_and_dies(struct trial *t, unsigned me)
{
	probe_take(t, me, probe_about.small, 0);
	die(me);
}

void scene_reader_dies(void)
{
	duo(&probe_about.one, false, sends_on, takes_and_dies);
}

static bool outlived; /* the message that a dead writer had sent has arrived */

static void dead_writer(const char *value)
{
	probe_found(WRITER_DIES, "", "%s", value);
	probe_found(OUTLIVES, "", outlived ? "yes" : "no");
}

static void fails_without_writer(const char *what, int error)
{
	(void)what;
	dead_writer(probe_error(error));
	_exit(0);
}

static void reads_on(struct trial *t, unsigned me)
{
	size_t there = probe_about.small;

	probe_await(&probe_board->dead, 1);
	trial_on_failure = fails_without_writer;
	if (trial_peek(t, me, &there, REST_NS)) {
		trial_on_failure = probe_fails;
		probe_take(t, me, probe_about.small, 0);
		trial_on_failure = fails_without_writer;
		outlived = true;
	}
	there = probe_about.small;
	if (trial_peek(t, me, &there, outlived ? 0 : REST_NS))
		probe_broken("when the writer is dead there arrives what it never sent");
	struct pollfd watched = { .fd = probe_descriptor(t, me, TOLL_CONSUMER),
				  .events = POLLRDHUP };

	if (probe_tells(t->error))
		dead_writer(probe_error(t->error));
	/* on a busy machine the kernel may take its time to close what the dead had open */
	else if (watched.fd >= 0 && poll(&watched, 1, 5 * (int)(REST_NS / 1000000)) > 0 &&
		 watched.revents & (POLLHUP | POLLRDHUP))
		dead_writer("end of file");
	else
		dead_writer("nothing");
}

static void sends_and_dies(struct trial *t, unsigned me)
{
	probe_send(t, me, probe_about.small, 0);
	die(me);
}

void scene_writer_dies(void)
{
	duo(&probe_about.one, false, sends_and_dies, reads_on);
}

/* ---- what stands when all are dead ---- */

bool probe_keeps(void)
{
	/* the kernel that can looks for the filter, and finds none (prctl(2)) */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) < 0 && errno == EFAULT;
}

/* From now on this process and its children keep names that they unlink; false with errno. */
static bool keep_names(void)
{
#define IS(number, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, (otherwise))
#define SUCCEED BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO) /* with error 0 */
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_unlink
		IS(SYS_unlink, 1),
		SUCCEED,
#endif
		IS(SYS_unlinkat, 1),
		SUCCEED,
		IS(SYS_mq_unlink, 1),
		SUCCEED,
#ifdef SYS_shmctl
		IS(SYS_shmctl, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		IS(0, 1), /* IPC_RMID, in the lower half where bytes go from low to high */
		SUCCEED,
#endif
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
#undef IS
#undef SUCCEED
	const struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void leaves_a_message(struct trial *t, unsigned me)
{
	probe_send(t, me, probe_about.small, 1);
	probe_tell(&probe_board->step, 1);
	for (;;)
		pause();
}

static void takes_nothing(struct trial *t, unsigned me)
{
	(void)t, (void)me;
	for (;;)
		pause();
}

void scene_stand(void)
{
	duo(&probe_about.one, false, leaves_a_message, takes_nothing);
}

void scene_stand_named(void)
{
	if (!keep_names())
		probe_fails("a filter that keeps names", errno);
	scene_stand();
}
