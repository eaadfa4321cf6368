/* SPDX-License-Identifier: GPL-3.0-or-later */
/* draw.c - data files that gnuplot can read, and gnuplot run on them.
 *
 * gnuplot runs without a shell. Its script names files that are named here; what comes from a
 * result reaches it as columns of a data file only, which it prints and never evaluates. */
#include "draw.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../bench/say.h"
#include "text.h"

extern char **environ;

enum { MOST_SECONDS = 60 };

/* ---- data files ---- */

FILE *draw_open(const char *directory, const char *name, const char *suffix)
{
	char path[PATH_MAX];
	FILE *stream = NULL;

	if (snprintf(path, sizeof path, "%s/%s%s", directory, name, suffix) < (int)sizeof path)
		stream = fopen(path, "we");
	else
		errno = ENAMETOOLONG;
	if (!stream)
		say_error("%s/%s%s: %m; give another folder with -o", directory, name, suffix);
	return stream;
}

int draw_close(FILE *stream, const char *directory, const char *name)
{
	int failed = fflush(stream) || ferror(stream);

	if (failed)
		say_error("%s/%s: %m; make room, or give another folder with -o", directory, name);
	if (fclose(stream) && !failed) {
		say_error("%s/%s: %m; make room, or give another folder with -o", directory, name);
		failed = 1;
	}
	return failed ? -1 : 0;
}

void draw_number(FILE *data, double value, const char *after)
{
	if (isfinite(value))
		fprintf(data, "%.6g%s", value, after);
	else
		fprintf(data, "-%s", after);
}

void draw_label(FILE *data, const char *text, const char *after)
{
	char safe[512];

	fprintf(data, "%s%s", *text_label(text, safe, sizeof safe) ? safe : "-", after);
}

void draw_frame(FILE *data, const struct figure *figure, const struct frame *frame)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s", frame->source);
	fprintf(data, "# %s.tsv: data of %s. Result file: ", figure->name, figure->script);
	draw_label(data, basename(path), "\n");
	fprintf(data,
		"# Blocks are two blank lines apart. Block 0 says what the figure is: title, two "
		"lines under it,\n# rows, range of x, range of y, margin in characters, axis, "
		"colours, "
		"symbols. Columns of the other blocks (- is missing):\n# %s\n",
		frame->columns);
	draw_label(data, figure->title, "\t");
	draw_label(data, frame->under, "\t");
	draw_label(data, frame->where, "\t");
	fprintf(data, "%zu\t%.6g\t%.6g\t%.6g\t%.6g\t%zu\t", frame->rows, frame->x_low,
		frame->x_high, frame->y_low, frame->y_high, frame->margin);
	draw_label(data, frame->axis, "\t");
	for (size_t i = 0; i < frame->rows && i < DRAW_ROWS; i++)
		fprintf(data, "%s%u", i ? " " : "", frame->hue[i]);
	fputc('\t', data);
	for (size_t i = 0; i < frame->rows && i < DRAW_ROWS; i++)
		fprintf(data, "%s%u", i ? " " : "", frame->shape[i]);
	fputc('\n', data);
}

/* ---- a folder to draw in ---- */

/* Those that would end toll and leave the folder behind; what is ignored (nohup) does not. */
static void ending(sigset_t *signals)
{
	static const int all[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };

	sigemptyset(signals);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct sigaction action;

		if (sigaction(all[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(signals, all[i]);
	}
}

bool draw_told_to_end(void)
{
	sigset_t signals, pending;

	ending(&signals);
	sigpending(&pending);
	sigandset(&pending, &pending, &signals);
	return !sigisemptyset(&pending);
}

int draw_folder(char *path, sigset_t *before)
{
	sigset_t signals;

	ending(&signals);
	sigprocmask(SIG_BLOCK, &signals, before);
	if (mkdtemp(path))
		return 0;
	int error = errno;
	sigprocmask(SIG_SETMASK, before, NULL);
	errno = error;
	return -1;
}

/* ---- gnuplot ---- */

/* The folder with the .gp files: reports/ in the source tree or share/toll where installed,
 * looked for from the program upwards. */
static bool find_scripts(char *directory, size_t bytes)
{
	static const char *const places[] = { "reports", "share/toll" };
	char here[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", here, sizeof here - 1);

	if (length < 0)
		return false;
	here[length] = '\0';
	for (int up = 0; up < 4; up++) {
		char *slash = strrchr(here, '/');
		if (!slash)
			return false;
		*slash = '\0';
		for (size_t i = 0; i < 2; i++) {
			char probe[PATH_MAX + 64];
			snprintf(probe, sizeof probe, "%s/%s/style.gp", here, places[i]);
			if (access(probe, R_OK))
				continue;
			return snprintf(directory, bytes, "%s/%s", here, places[i]) < (int)bytes;
		}
	}
	return false;
}

static int copy_script(const char *from, const char *to, const char *name)
{
	char path[PATH_MAX + 64], block[4096];
	size_t n;

	snprintf(path, sizeof path, "%s/%s", from, name);
	FILE *in = fopen(path, "re");
	if (!in) {
		say_error("%s: %m; install toll anew", path);
		return -1;
	}
	FILE *out = draw_open(to, name, "");
	if (!out) {
		fclose(in);
		return -1;
	}
	while ((n = fread(block, 1, sizeof block, in)))
		fwrite(block, 1, n, out);
	int failed = ferror(in);
	if (failed)
		say_error("%s: %m", path);
	fclose(in);
	return draw_close(out, to, name) || failed ? -1 : 0;
}

/* One gnuplot draws all figures of a kind of file: a start costs more than a figure. 0 and its
 * process, or an errno value. */
static int start_gnuplot(const char *directory, const char *script, const char *log, pid_t *pid)
{
	/* GNUPLOT_LIB and friends would load the user's own settings: -d leaves them out */
	char *arguments[] = { (char[]){ "gnuplot" }, (char[]){ "-d" }, NULL, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	char name[64];
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error) {
		posix_spawn_file_actions_destroy(&actions);
		return error;
	}
	/* what toll holds back while it draws ends gnuplot */
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	snprintf(name, sizeof name, "%s", script);
	arguments[2] = name;
	error = posix_spawn_file_actions_addchdir_np(&actions, directory);
	if (!error)
		error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!error)
		error = posix_spawn_file_actions_addopen(&actions, 1, log,
							 O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, 1, 2);
	if (!error)
		error = posix_spawnp(pid, "gnuplot", &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static bool ended_well(pid_t pid, time_t deadline)
{
	int status;
	pid_t ended;

	while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && time(NULL) < deadline &&
	       !draw_told_to_end())
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	if (!ended) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		return false;
	}
	return ended == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool drawn(const char *directory, const struct figure *figure, const char *suffix)
{
	char path[PATH_MAX];
	struct stat info;

	snprintf(path, sizeof path, "%s/%s%s", directory, figure->name, suffix);
	return !stat(path, &info) && info.st_size > 0;
}

/* The first line gnuplot complained with. */
static void read_complaint(const char *directory, const char *log, char *out, size_t bytes)
{
	char path[PATH_MAX], line[512];

	snprintf(path, sizeof path, "%s/%s", directory, log);
	snprintf(out, bytes, "it took over %d s or was killed", MOST_SECONDS);
	FILE *stream = fopen(path, "re");
	while (stream && fgets(line, sizeof line, stream)) {
		line[strcspn(line, "\n")] = '\0';
		if (strspn(line, " \t^") < strlen(line))
			text_clean(line, out, bytes);
	}
	if (stream)
		fclose(stream);
}

static int draw(const char *directory, struct figures *figures, bool svg, bool png,
		const char *instead)
{
	static const struct {
		const char *suffix, *script, *log;
	} outputs[] = { { ".svg", "draw-svg", "draw-svg.log" },
			{ ".png", "draw-png", "draw-png.log" } };
	const bool wanted[] = { svg, png };
	pid_t pid[2] = { 0 };
	int error = 0;

	for (size_t o = 0; o < 2 && !error; o++) {
		if (!wanted[o])
			continue;
		FILE *script = draw_open(directory, outputs[o].script, "");
		if (!script)
			return -1;
		for (size_t i = 0; i < figures->count; i++)
			fprintf(script,
				"reset\nundefine height width\ndata = '%s.tsv'\nout = '%s%s'\nload "
				"'%s'\n",
				figures->figure[i].name, figures->figure[i].name, outputs[o].suffix,
				figures->figure[i].script);
		if (draw_close(script, directory, outputs[o].script))
			return -1;
		error = start_gnuplot(directory, outputs[o].script, outputs[o].log, &pid[o]);
	}
	if (error == ENOENT)
		snprintf(figures->missing, sizeof figures->missing,
			 "gnuplot is not installed (Debian: apt install gnuplot-nox); %s", instead);
	else if (error)
		snprintf(figures->missing, sizeof figures->missing, "gnuplot did not start: %s",
			 strerror(error));
	time_t deadline = time(NULL) + MOST_SECONDS;
	for (size_t o = 0; o < 2; o++) {
		if (!pid[o])
			continue;
		if (!ended_well(pid[o], deadline)) {
			char complaint[256];
			read_complaint(directory, outputs[o].log, complaint, sizeof complaint);
			snprintf(figures->missing, sizeof figures->missing, "gnuplot failed: %s",
				 complaint);
		}
		for (size_t i = 0; i < figures->count; i++)
			*(o ? &figures->figure[i].png : &figures->figure[i].svg) =
				drawn(directory, &figures->figure[i], outputs[o].suffix);
	}
	for (size_t o = 0; o < 2; o++) {
		char path[PATH_MAX];
		snprintf(path, sizeof path, "%s/%s", directory, outputs[o].script);
		unlink(path);
		snprintf(path, sizeof path, "%s/%s", directory, outputs[o].log);
		unlink(path);
	}
	return 0;
}

/* ---- a folder of drawings ---- */

int draw_all(const char *directory, const char *const scripts[], size_t n, struct figures *figures,
	     bool svg, bool png, const char *instead)
{
	char from[PATH_MAX];

	if (!find_scripts(from, sizeof from)) {
		snprintf(figures->missing, sizeof figures->missing,
			 "toll's .gp files were not found beside the program; install toll anew");
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		if (copy_script(from, directory, scripts[i]))
			return -1;
	return svg || png ? draw(directory, figures, svg, png, instead) : 0;
}

char *draw_read(const char *directory, const char *name, const char *suffix, size_t *length)
{
	char path[PATH_MAX], *bytes = NULL;
	FILE *out = open_memstream(&bytes, length), *in = NULL;
	char block[4096];
	size_t n;

	if (out && snprintf(path, sizeof path, "%s/%s%s", directory, name, suffix) < PATH_MAX)
		in = fopen(path, "re");
	while (in && (n = fread(block, 1, sizeof block, in)))
		fwrite(block, 1, n, out);
	bool fine = in && !ferror(in);
	if (in)
		fclose(in);
	if (out && fclose(out))
		fine = false;
	if (fine)
		return bytes;
	free(bytes);
	return NULL;
}

void draw_remove(const char *directory, const sigset_t *before)
{
	DIR *folder = opendir(directory);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder)
		closedir(folder);
	rmdir(directory);
	sigprocmask(SIG_SETMASK, before, NULL);
}
