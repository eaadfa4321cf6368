/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_journal.c - what a dead worker left goes, what a live one has stays: with real objects and
 * processes that really die.
 *
 * The sweep also visits /tmp/toll-UID, where others may have left something at the same time, so
 * that the numbers it returns are at least what is expected here. */
#include "bench/journal.h"

#include <mqueue.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

/* The worker's half, which is of another program. */
#include "bench/worker/journal.c" // NOLINT(bugprone-suspicious-include)

static char base[64];     /* stands for XDG_RUNTIME_DIR */
static char journals[80]; /* base/toll */

static void in_base(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", base, name);
}

static bool exists(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0;
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* A number that no process has: that of a child that is gone, with a start time that no later
 * process has either. Writes its journal. */
static void write_dead_journal(const char *text, char path[PATH_MAX])
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(mkdir(journals, 0700) == 0 || errno == EEXIST);
	snprintf(path, PATH_MAX, "%s/%ld-1", journals, (long)pid);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* The journal that a living process has, if it has one. */
static void journal_of(pid_t pid, char path[PATH_MAX])
{
	unsigned long long start;
	assert_int_equal(journal_process(pid, &start), 1);
	snprintf(path, PATH_MAX, "%s/%ld-%llu", journals, (long)pid, start);
}

/* A child that makes something, says so, and lives until it is killed. */
static pid_t launch(int (*make)(const char *), const char *name)
{
	int ready[2];
	char byte = 0;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		byte = make(name) == 0 ? 'y' : 'n';
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(byte, 'y');
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int make_shm(const char *name)
{
	if (toll_journal("shm", name) != 0)
		return -1;
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	return fd < 0 ? -1 : close(fd);
}

static bool shm_exists(const char *name)
{
	int fd = shm_open(name, O_RDONLY, 0);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void own(char name[64], const char *what)
{
	snprintf(name, 64, "/toll-test-%s-%ld", what, (long)getpid());
}

static void test_dead_childs_object_goes(void **state)
{
	(void)state;
	char journal[PATH_MAX];
	char name[64];
	own(name, "dead");
	pid_t child = launch(make_shm, name);
	journal_of(child, journal);
	assert_true(exists(journal));
	end(child);
	assert_true(shm_exists(name));
	assert_true(journal_sweep() >= 1);
	assert_false(shm_exists(name));
	assert_false(exists(journal));
}

static void test_live_childs_object_stays(void **state)
{
	(void)state;
	char journal[PATH_MAX];
	char name[64];
	own(name, "live");
	pid_t child = launch(make_shm, name);
	journal_of(child, journal);
	assert_true(journal_sweep() >= 0);
	assert_true(shm_exists(name));
	assert_true(exists(journal));
	end(child);
	assert_true(journal_sweep() >= 1);
	assert_false(shm_exists(name));
	assert_false(exists(journal));
}

/* A child that nobody has reaped is dead all the same. */
static void test_zombies_object_goes(void **state)
{
	(void)state;
	siginfo_t info;
	char name[64];
	own(name, "zombie");
	pid_t child = launch(make_shm, name);
	kill(child, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_true(journal_sweep() >= 1);
	assert_false(shm_exists(name));
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* The number has gone to a later process: this one. */
static void test_number_used_again(void **state)
{
	(void)state;
	char path[PATH_MAX], text[128];
	unsigned long long began;
	char name[64];
	own(name, "again");
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(journal_process(getpid(), &began), 1);
	assert_true(mkdir(journals, 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/%ld-%llu", journals, (long)getpid(), began - 1);
	snprintf(text, sizeof(text), "shm %s\n", name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_true(journal_sweep() >= 1);
	assert_false(shm_exists(name));
	assert_false(exists(path));
}

static void test_done(void **state)
{
	(void)state;
	char journal[PATH_MAX];
	journal_of(getpid(), journal);
	assert_int_equal(toll_journal_done(), 0); /* there is none */
	assert_int_equal(toll_journal("shm", "/toll-none"), 0);
	assert_true(exists(journal));
	assert_int_equal(toll_journal_done(), 0);
	assert_false(exists(journal));
	assert_int_equal(toll_journal_done(), 0);
}

static void test_lines(void **state)
{
	(void)state;
	char journal[PATH_MAX], text[1024], expected[1024], space[64];
	journal_of(getpid(), journal);
	assert_int_equal(toll_journal("shm", "/toll-one"), 0);
	assert_int_equal(toll_journal("shm", "/toll-two"), 0);
	struct stat status;
	assert_int_equal(stat(journals, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	FILE *file = fopen(journal, "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	journal_namespace(space, sizeof(space));
	snprintf(expected, sizeof(expected), "pid-namespace %s\nshm /toll-one\nshm /toll-two\n",
		 space);
	assert_string_equal(text, expected);
	assert_int_equal(toll_journal_done(), 0);
}

/* A forked peer writes a journal of its own and leaves its worker's alone. */
static void test_forked_peer(void **state)
{
	(void)state;
	char journal[PATH_MAX];
	journal_of(getpid(), journal);
	assert_int_equal(toll_journal("shm", "/toll-worker"), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(toll_journal_done() == 0 && exists(journal) ? 0 : 1);
	int result;
	assert_int_equal(waitpid(child, &result, 0), child);
	assert_int_equal(result, 0);
	assert_int_equal(toll_journal_done(), 0);
}

static void test_message_queue(void **state)
{
	(void)state;
	char text[128], path[PATH_MAX];
	char name[64];
	own(name, "queue");
	mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
	if (queue < 0) {
		print_message("skipped: no POSIX message queues here: %s\n", strerror(errno));
		skip();
	}
	mq_close(queue);
	snprintf(text, sizeof(text), "mqueue %s\n", name);
	write_dead_journal(text, path);
	assert_true(journal_sweep() >= 1);
	assert_true(mq_open(name, O_RDONLY) < 0);
	assert_int_equal(errno, ENOENT);
	assert_false(exists(path));
}

static void test_system_v(void **state)
{
	(void)state;
	char text[128], path[PATH_MAX];
	key_t key = (key_t)(0x70110000U | ((unsigned)getpid() & 0xffff));
	int shm = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600);
	int msg = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
	int sem = semget(key, 2, IPC_CREAT | IPC_EXCL | 0600);
	if (shm < 0 || msg < 0 || sem < 0) {
		shmctl(shm, IPC_RMID, NULL);
		msgctl(msg, IPC_RMID, NULL);
		semctl(sem, 0, IPC_RMID);
		print_message("skipped: no System V objects here: %s\n", strerror(errno));
		skip();
	}
	snprintf(text, sizeof(text), "sysv-shm 0x%x\nsysv-msg %x\nsysv-sem 0x%08X\n", (unsigned)key,
		 (unsigned)key, (unsigned)key);
	write_dead_journal(text, path);
	assert_true(journal_sweep() >= 3);
	assert_int_equal(shmget(key, 0, 0), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(msgget(key, 0), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(semget(key, 0, 0), -1);
	assert_int_equal(errno, ENOENT);
	assert_false(exists(path));
}

static int make_msg(const char *key)
{
	if (toll_journal("sysv-msg", key) != 0)
		return -1;
	return msgget((key_t)journal_key(key), IPC_CREAT | IPC_EXCL | 0600) < 0 ? -1 : 0;
}

/* With rights the object is in a namespace that dies with the child, without it is journaled:
 * either way nothing is left, and the parent's own namespace stays what it was. */
static void test_system_v_of_a_child(void **state)
{
	(void)state;
	char key[32], before[64], after[64];
	snprintf(key, sizeof(key), "%x", 0x70120000U | ((unsigned)getpid() & 0xffff));
	ssize_t length = readlink("/proc/self/ns/ipc", before, sizeof(before));
	pid_t child = launch(make_msg, key);
	end(child);
	assert_true(journal_sweep() >= 0);
	assert_int_equal(msgget((key_t)journal_key(key), 0), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(readlink("/proc/self/ns/ipc", after, sizeof(after)), length);
	if (length > 0)
		assert_memory_equal(before, after, (size_t)length);
}

/* In a namespace of the child's own a limit is raised; the one that the journal then makes has it
 * too. Exit status: 0 it has, 1 it has not, 2 it cannot be tried. */
static int raised_limit(void)
{
	char text[LIMIT_TEXT];
	if (unshare(CLONE_NEWIPC) != 0 || !limit_set("kernel/msgmax", "12345\n"))
		return 2;
	if (toll_journal("sysv-msg", "7013") != 0)
		return 1;
	limit_read("kernel/msgmax", text);
	return strcmp(text, "12345\n") == 0 ? 0 : 1;
}

static void test_limits_of_a_namespace(void **state)
{
	(void)state;
	int result;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(raised_limit());
	assert_int_equal(waitpid(child, &result, 0), child);
	assert_true(WIFEXITED(result));
	if (WEXITSTATUS(result) == 2) {
		print_message("skipped: no IPC namespace with other limits may be made here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(result), 0);
}

static void test_files(void **state)
{
	(void)state;
	char fifo[PATH_MAX], regular[PATH_MAX], path[PATH_MAX];
	in_base(fifo, "toll-fifo with a blank");
	in_base(regular, "toll-regular");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	make_file(regular);

	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/toll-socket", base);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);

	char text[4 * PATH_MAX];
	snprintf(text, sizeof(text), "file %s\nfile %s\nfile %s\nfile %s/toll-never-made\n", fifo,
		 regular, address.sun_path, base);
	write_dead_journal(text, path);
	assert_true(journal_sweep() >= 3);
	assert_false(exists(fifo));
	assert_false(exists(regular));
	assert_false(exists(address.sun_path));
	assert_false(exists(path));
}

static int make_fifo(const char *path)
{
	return toll_journal("file", path) != 0 ? -1 : mkfifo(path, 0600);
}

/* The writer resolves a folder that is a symbolic link, so that the sweep finds what it names. */
static void test_file_through_a_link(void **state)
{
	(void)state;
	char real[PATH_MAX], link[PATH_MAX], fifo[PATH_MAX];
	in_base(real, "real");
	in_base(link, "link");
	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink("real", link), 0);
	snprintf(fifo, sizeof(fifo), "%.4000s/toll-fifo", link);
	end(launch(make_fifo, fifo));
	assert_true(exists(fifo));
	assert_true(journal_sweep() >= 1);
	assert_false(exists(fifo));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(rmdir(real), 0);
}

static void test_what_is_not_removed(void **state)
{
	(void)state;
	char target[PATH_MAX], link[PATH_MAX], directory[PATH_MAX], other[PATH_MAX];
	char inside[PATH_MAX], away[PATH_MAX], path[PATH_MAX], text[8 * PATH_MAX];
	in_base(target, "target");
	in_base(link, "toll-link");
	in_base(directory, "toll-directory");
	in_base(other, "other");
	in_base(away, "away");
	snprintf(inside, sizeof(inside), "%.4000s/toll-inside", directory);
	make_file(target);
	make_file(other);
	assert_int_equal(symlink("target", link), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
	make_file(inside);
	assert_int_equal(symlink("toll-directory", away), 0);
	char shm[64];
	own(shm, "stays");
	assert_int_equal(make_shm(shm), 0);
	assert_int_equal(toll_journal_done(), 0);

	/* a link, a folder, another's name, a way through a link, no kind, a relative way, a path
	 * in a name, no key, nothing; all but the last of them whole lines */
	snprintf(text, sizeof(text),
		 "file %s\nfile %s\nfile %s\nfile %s/toll-inside\nfifo %s\nfile toll-regular\n"
		 "shm /toll-x/../%s\nshm %s\nsysv-shm 0\nsysv-shm 123456789\nsysv-shm -1\n\n "
		 "\nfile\n"
		 "shm %s",
		 link, directory, other, away, inside, shm + 1, shm + 1, shm);
	write_dead_journal(text, path);
	assert_true(journal_sweep() >= 0);
	assert_true(exists(target) && exists(link) && exists(directory) && exists(other));
	assert_true(exists(inside) && exists(away));
	assert_true(shm_exists(shm));
	assert_false(exists(path));
	assert_int_equal(shm_unlink(shm), 0);
	unlink(target);
	unlink(link);
	unlink(inside);
	unlink(away);
	unlink(other);
	rmdir(directory);
}

/* A line without its end was cut, be it whole by chance or one letter too long. */
static void test_cut_line(void **state)
{
	(void)state;
	char name[64], text[128], path[PATH_MAX];
	own(name, "cut");
	assert_int_equal(make_shm(name), 0);
	assert_int_equal(toll_journal_done(), 0);
	for (size_t i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "shm %s%s", name, i == 0 ? "" : "x");
		write_dead_journal(text, path);
		assert_true(journal_sweep() >= 0);
		assert_true(shm_exists(name));
		assert_false(exists(path));
	}
	assert_int_equal(shm_unlink(name), 0);
}

/* Processes of another pid namespace cannot be seen: theirs stays. */
static void test_other_pid_namespace(void **state)
{
	(void)state;
	char path[PATH_MAX], text[128];
	char name[64];
	own(name, "elsewhere");
	assert_int_equal(make_shm(name), 0);
	assert_int_equal(toll_journal_done(), 0);
	snprintf(text, sizeof(text), "pid-namespace pid:[1]\nshm %s\n", name);
	write_dead_journal(text, path);
	assert_true(journal_sweep() >= 0);
	assert_true(shm_exists(name));
	assert_true(exists(path));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(shm_unlink(name), 0);
}

static void test_names_that_are_no_journals(void **state)
{
	(void)state;
	static const char *const strange[] = {
		"readme",      "1", "-1", "1-", "1-x", "0-1", "x1-1", "99999999999999999999-1",
		"4294967297-1"
	};
	char path[PATH_MAX];
	assert_true(mkdir(journals, 0700) == 0 || errno == EEXIST);
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", journals, strange[i]);
		make_file(path);
	}
	assert_true(journal_sweep() >= 0);
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", journals, strange[i]);
		assert_int_equal(unlink(path), 0);
	}
}

/* A journal that is a link, or has a second name, is somebody's trick. */
static void test_journals_that_are_links(void **state)
{
	(void)state;
	char path[PATH_MAX], real[PATH_MAX], text[128];
	char name[64];
	own(name, "trick");
	assert_int_equal(make_shm(name), 0);
	assert_int_equal(toll_journal_done(), 0);
	snprintf(text, sizeof(text), "shm %s\n", name);
	write_dead_journal(text, path);
	in_base(real, "real-journal");
	assert_int_equal(rename(path, real), 0);
	assert_int_equal(symlink(real, path), 0);
	assert_int_equal(journal_sweep(), -1);
	assert_true(shm_exists(name));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(link(real, path), 0);
	assert_int_equal(journal_sweep(), -1);
	assert_true(shm_exists(name));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(real), 0);
	assert_int_equal(shm_unlink(name), 0);
}

static void test_unsafe_folder(void **state)
{
	(void)state;
	char real[PATH_MAX];
	in_base(real, "real");

	assert_int_equal(mkdir(journals, 0755), 0);
	assert_int_equal(chmod(journals, 0755), 0);
	assert_int_equal(toll_journal("shm", "/toll-x"), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(journal_sweep(), -1);
	assert_int_equal(rmdir(journals), 0);

	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink("real", journals), 0);
	assert_int_equal(toll_journal("shm", "/toll-x"), -1);
	assert_true(errno == ENOTDIR || errno == ELOOP);
	assert_int_equal(journal_sweep(), -1);
	assert_int_equal(unlink(journals), 0);
	assert_int_equal(rmdir(real), 0);

	if (geteuid() == 0) {
		assert_int_equal(mkdir(journals, 0700), 0);
		assert_int_equal(chown(journals, 65534, 65534), 0);
		assert_int_equal(toll_journal("shm", "/toll-x"), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(journal_sweep(), -1);
		assert_int_equal(rmdir(journals), 0);
	}
}

static void test_writer_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *kind, *id;
	} bad[] = {
		{ "shm", "toll-x" },
		{ "shm", "/x" },
		{ "shm", "/toll-x/y" },
		{ "shm", "/toll-x\ny" },
		{ "shm", "" },
		{ "mqueue", "/other" },
		{ "sysv-shm", "0" },
		{ "sysv-shm", "" },
		{ "sysv-msg", "xyz" },
		{ "sysv-sem", "1 2" },
		{ "file", "toll-x" },
		{ "file", "/tmp/x" },
		{ "file", "/tmp/toll-x\n" },
		{ "file", "/tmp/toll-x/" },
		{ "fifo", "/tmp/toll-x" },
		{ "", "/toll-x" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		assert_int_equal(toll_journal(bad[i].kind, bad[i].id), -1);
		assert_int_equal(errno, EINVAL);
	}
	char journal[PATH_MAX];
	journal_of(getpid(), journal);
	assert_false(exists(journal));
	assert_int_equal(toll_journal("file", "/no/such/folder/toll-x"), -1);
	assert_int_equal(errno, ENOENT);
	assert_false(exists(journal));
}

/* Without XDG_RUNTIME_DIR, or with another user's, the journal is in /tmp. */
static void test_folder_in_tmp(void **state)
{
	(void)state;
	char path[PATH_MAX];
	unsigned long long began;
	assert_int_equal(journal_process(getpid(), &began), 1);
	snprintf(path, sizeof(path), "/tmp/toll-%lu/%ld-%llu", (unsigned long)geteuid(),
		 (long)getpid(), began);
	static const char *const values[] = { NULL, "", "relative", "/no/such/folder" };
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (values[i])
			setenv("XDG_RUNTIME_DIR", values[i], 1);
		else
			unsetenv("XDG_RUNTIME_DIR");
		assert_int_equal(toll_journal("shm", "/toll-x"), 0);
		assert_true(exists(path));
		assert_int_equal(toll_journal_done(), 0);
		assert_false(exists(path));
	}
	setenv("XDG_RUNTIME_DIR", base, 1);
}

/* The dead child's message queue, as a user without rights: there it is journaled. */
static int as_ordinary_user(void)
{
	char key[32], journal[PATH_MAX];
	unsigned long long began;
	/* Without the second call this process could not look into its own /proc. */
	if (setresuid(65534, 65534, 65534) != 0 || prctl(PR_SET_DUMPABLE, 1) != 0)
		return 2;
	snprintf(key, sizeof(key), "%x", 0x70130000U | ((unsigned)getpid() & 0xffff));
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (make_msg(key) != 0)
			_exit(1);
		kill(getpid(), SIGSTOP);
		_exit(1);
	}
	int status;
	if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status))
		return 3;
	if (journal_process(child, &began) != 1)
		return 4;
	snprintf(journal, sizeof(journal), "%s/%ld-%llu", journals, (long)child, began);
	if (!exists(journal))
		return 5;
	if (journal_sweep() < 0 || msgget((key_t)journal_key(key), 0) < 0)
		return 6;
	kill(child, SIGKILL);
	if (waitpid(child, NULL, 0) != child)
		return 7;
	if (journal_sweep() < 1 || msgget((key_t)journal_key(key), 0) >= 0 || exists(journal))
		return 8;
	return rmdir(journals) == 0 ? 0 : 9;
}

static void test_ordinary_user(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: everything here ran as an ordinary user\n");
		skip();
	}
	assert_int_equal(chown(base, 65534, 65534), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(as_ordinary_user());
	int result;
	assert_int_equal(waitpid(child, &result, 0), child);
	assert_int_equal(chown(base, 0, 0), 0);
	assert_true(WIFEXITED(result));
	assert_int_equal(WEXITSTATUS(result), 0);
}

/* Another user's object of the same name stays, though root could remove it. */
static void test_other_users_object(void **state)
{
	(void)state;
	char path[PATH_MAX], shm[PATH_MAX], fifo[PATH_MAX], text[3 * PATH_MAX];
	if (geteuid() != 0) {
		print_message("skipped: needs root to make another user's objects\n");
		skip();
	}
	char name[64];
	own(name, "foreign");
	assert_int_equal(make_shm(name), 0);
	assert_int_equal(toll_journal_done(), 0);
	snprintf(shm, sizeof(shm), "/dev/shm%s", name);
	assert_int_equal(chown(shm, 65534, 65534), 0);
	in_base(fifo, "toll-foreign");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(chown(fifo, 65534, 65534), 0);
	key_t key = (key_t)(0x70140000U | ((unsigned)getpid() & 0xffff));
	struct msqid_ds status;
	int queue = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
	assert_true(queue >= 0);
	assert_int_equal(msgctl(queue, IPC_STAT, &status), 0);
	status.msg_perm.uid = 65534;
	assert_int_equal(msgctl(queue, IPC_SET, &status), 0);
	snprintf(text, sizeof(text), "shm %s\nfile %s\nsysv-msg %x\n", name, fifo, (unsigned)key);
	write_dead_journal(text, path);
	assert_true(journal_sweep() >= 0);
	assert_true(shm_exists(name));
	assert_true(exists(fifo));
	assert_int_equal(msgget(key, 0), queue);
	assert_int_equal(shm_unlink(name), 0);
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(msgctl(queue, IPC_RMID, NULL), 0);
}

/* Each test begins and ends without a folder: what one left would show in the next. */
static int set_up(void **state)
{
	(void)state;
	snprintf(base, sizeof(base), "/tmp/toll-test_journal-XXXXXX");
	if (!mkdtemp(base))
		return -1;
	snprintf(journals, sizeof(journals), "%s/toll", base);
	return setenv("XDG_RUNTIME_DIR", base, 1);
}

static int tear_down(void **state)
{
	(void)state;
	return (rmdir(journals) == 0 || errno == ENOENT) && rmdir(base) == 0 ? 0 : -1;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dead_childs_object_goes),
		TEST(test_live_childs_object_stays),
		TEST(test_zombies_object_goes),
		TEST(test_number_used_again),
		TEST(test_done),
		TEST(test_lines),
		TEST(test_forked_peer),
		TEST(test_message_queue),
		TEST(test_system_v),
		TEST(test_system_v_of_a_child),
		TEST(test_limits_of_a_namespace),
		TEST(test_files),
		TEST(test_file_through_a_link),
		TEST(test_what_is_not_removed),
		TEST(test_cut_line),
		TEST(test_other_pid_namespace),
		TEST(test_names_that_are_no_journals),
		TEST(test_journals_that_are_links),
		TEST(test_unsafe_folder),
		TEST(test_writer_refuses),
		TEST(test_folder_in_tmp),
		TEST(test_ordinary_user),
		TEST(test_other_users_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
