/* SPDX-License-Identifier: GPL-3.0-or-later */
/* init.c - the first process of a bare guest: mounts what toll looks at, lets the boot settle,
 * counts round trips by hand, runs toll, and sends the result over the second serial line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define RESULT "/tmp/result.ndjson"

enum { SETTLE_S = 30 }; /* the kernel's own tests run alongside at first; idle time costs nothing */

static const char said[] = "/tmp/said";

/* Ends the guest: with -no-reboot QEMU exits. */
__attribute__((noreturn)) static void leave(void)
{
	tcdrain(STDOUT_FILENO);
	reboot(RB_AUTOBOOT);
	_exit(1); /* without init the kernel panics, and panic=-1 reboots */
}

/* What the other side waits for is then missing, and the first serial line says why. */
__attribute__((noreturn)) static void fail(const char *what)
{
	dprintf(STDOUT_FILENO, "init: %s: %s\n", what, strerror(errno));
	leave();
}

static void mount_all(void)
{
	static const struct {
		const char *type, *path;
	} mounts[] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" },     { "devtmpfs", "/dev" },
		{ "tmpfs", "/tmp" }, { "tmpfs", "/dev/shm" },
	};

	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		if (mkdir(mounts[i].path, 0755) < 0 && errno != EEXIST)
			fail(mounts[i].path);
		if (mount(mounts[i].type, mounts[i].path, mounts[i].type, 0, NULL) < 0)
			fail(mounts[i].path);
	}
}

static void become_bare(void)
{
	execl("/bin/bare", "bare", NULL);
}

static void become_toll(void)
{
	execl("/bin/toll", "toll", "run", "-c", "/cells.conf", "-o", RESULT, "--operations", "40",
	      NULL);
}

/* Runs what a process becomes to its end; an exit status. What it says goes into a file: a serial
 * line interrupts whoever is being measured. */
static int run(void (*become)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		int file = open(said, O_WRONLY | O_CREAT | O_APPEND, 0600);

		if (file < 0 || dup2(file, STDOUT_FILENO) < 0 || dup2(file, STDERR_FILENO) < 0)
			_exit(127);
		become();
		dprintf(file, "init: exec: %s\n", strerror(errno));
		_exit(127);
	}
	/* orphans end here too */
	for (pid_t ended = 0; ended != pid;) {
		ended = wait(&status);
		if (ended < 0 && errno != EINTR)
			fail("wait");
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int open_line(void)
{
	struct termios settings;
	int line = open("/dev/ttyS1", O_WRONLY | O_NOCTTY);

	if (line < 0 || tcgetattr(line, &settings) < 0)
		fail("/dev/ttyS1");
	cfmakeraw(&settings);
	if (cfsetspeed(&settings, B115200) < 0 || tcsetattr(line, TCSANOW, &settings) < 0)
		fail("/dev/ttyS1");
	return line;
}

static void send_file(int line, const char *path)
{
	char buffer[4096];
	ssize_t got;
	int file = open(path, O_RDONLY);

	if (file < 0)
		fail(path);
	while ((got = read(file, buffer, sizeof buffer)) > 0)
		for (ssize_t sent = 0; sent < got;) {
			ssize_t n = write(line, buffer + sent, (size_t)(got - sent));

			if (n < 0)
				fail("write");
			sent += n;
		}
	if (got < 0)
		fail(path);
	close(file);
}

int main(void)
{
	mount_all();
	sleep(SETTLE_S);
	int bare_status = run(become_bare), toll_status = run(become_toll), line = open_line();

	send_file(STDOUT_FILENO, said);
	if (toll_status == 0)
		send_file(line, RESULT);
	/* by the last line the other side knows that nothing is missing */
	dprintf(line, "init: status %d, %d\n", bare_status, toll_status);
	tcdrain(line);
	leave();
}
