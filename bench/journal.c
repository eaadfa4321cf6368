/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal.c - removes the kernel objects that dead workers left, as their journals name them.
 *
 * Nothing is removed but this user's own objects with names of toll's, and no symbolic link is
 * followed on the way to one: /tmp is everybody's. */
#include "journal.h"

#include <dirent.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "say.h"
#include "worker/journal_file.h"

/* What became of one object. NOT_OURS: it is another user's or not of the kind; it stays. */
enum outcome { GONE, REMOVED, NOT_OURS, FAILED };

/* Of a call that looked the object up, or tried to remove it. */
static enum outcome outcome_of(int result)
{
	if (result == 0)
		return REMOVED;
	switch (errno) {
	case ENOENT:
	case EIDRM:
	case EINVAL: /* a System V identifier that has just gone */
	case ENOSYS: /* this kernel has no such objects */
		return GONE;
	case EACCES:
		return NOT_OURS;
	default:
		return FAILED;
	}
}

static enum outcome remove_shm(const char *id)
{
	/* glibc and musl both keep them in /dev/shm; opening one could be refused by its mode. */
	char path[PATH_MAX];
	struct stat status;
	snprintf(path, sizeof(path), "/dev/shm%s", id);
	if (lstat(path, &status) != 0)
		return outcome_of(-1);
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid())
		return NOT_OURS;
	return outcome_of(shm_unlink(id));
}

static enum outcome remove_mqueue(const char *id)
{
	mqd_t queue = mq_open(id, O_RDONLY | O_CLOEXEC);
	if (queue < 0 && errno == EACCES)
		queue = mq_open(id, O_WRONLY | O_CLOEXEC);
	if (queue < 0)
		return outcome_of(-1);
	/* On Linux a queue's descriptor is a file descriptor (mq_overview(7)). */
	struct stat status;
	bool ours = fstat(queue, &status) == 0 && status.st_uid == geteuid();
	mq_close(queue);
	return ours ? outcome_of(mq_unlink(id)) : NOT_OURS;
}

static bool is_ours(const struct ipc_perm *permissions)
{
	return permissions->uid == geteuid() && permissions->cuid == geteuid();
}

/* semctl(2): the caller defines it, here as far as it is used. */
union semun {
	/* cppcheck-suppress unusedStructMember ; a designated initialiser uses it */
	struct semid_ds *buf;
};

static enum outcome remove_sysv(const char *kind, const char *id)
{
	key_t key = (key_t)journal_key(id);
	struct shmid_ds shm;
	struct msqid_ds msg;
	struct semid_ds sem = { 0 };
	int object;

	if (strcmp(kind, "sysv-shm") == 0) {
		object = shmget(key, 0, 0);
		if (object < 0 || shmctl(object, IPC_STAT, &shm) != 0)
			return outcome_of(-1);
		return is_ours(&shm.shm_perm) ? outcome_of(shmctl(object, IPC_RMID, NULL))
					      : NOT_OURS;
	}
	if (strcmp(kind, "sysv-msg") == 0) {
		object = msgget(key, 0);
		if (object < 0 || msgctl(object, IPC_STAT, &msg) != 0)
			return outcome_of(-1);
		return is_ours(&msg.msg_perm) ? outcome_of(msgctl(object, IPC_RMID, NULL))
					      : NOT_OURS;
	}
	object = semget(key, 0, 0);
	if (object < 0 || semctl(object, 0, IPC_STAT, (union semun){ .buf = &sem }) < 0)
		return outcome_of(-1);
	return is_ours(&sem.sem_perm) ? outcome_of(semctl(object, 0, IPC_RMID)) : NOT_OURS;
}

/* The folder that a path's last name is in, reached without a symbolic link; -1 with errno. */
static int open_folder(const char *path, const char *name)
{
	int folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (folder >= 0 && path < name) {
		size_t length = strcspn(path, "/");
		if (length > 0) {
			char component[NAME_MAX + 1];
			if (length > NAME_MAX) {
				close(folder);
				errno = ENOENT;
				return -1;
			}
			memcpy(component, path, length);
			component[length] = '\0';
			int next = openat(folder, component,
					  O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			int error = errno;
			close(folder);
			errno = error;
			folder = next;
		}
		path += length + 1;
	}
	return folder;
}

static enum outcome remove_file(const char *id)
{
	const char *name = strrchr(id, '/') + 1;
	struct stat status;
	int folder = open_folder(id, name);
	if (folder < 0)
		return errno == ENOTDIR || errno == ELOOP ? NOT_OURS : outcome_of(-1);
	enum outcome outcome;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		outcome = outcome_of(-1);
	else if (status.st_uid != geteuid() ||
		 !(S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISREG(status.st_mode)))
		outcome = NOT_OURS;
	else
		outcome = outcome_of(unlinkat(folder, name, 0));
	close(folder);
	return outcome;
}

static enum outcome remove_object(const char *kind, const char *id)
{
	if (strcmp(kind, "shm") == 0)
		return remove_shm(id);
	if (strcmp(kind, "mqueue") == 0)
		return remove_mqueue(id);
	if (strcmp(kind, "file") == 0)
		return remove_file(id);
	return remove_sysv(kind, id);
}

/* "PID-STARTTIME", digits only; false for any other name. */
static bool parse_name(const char *name, pid_t *pid, unsigned long long *start)
{
	size_t digits = strspn(name, "0123456789");
	if (digits == 0 || name[digits] != '-')
		return false;
	const char *rest = name + digits + 1;
	if (*rest == '\0' || rest[strspn(rest, "0123456789")] != '\0')
		return false;
	errno = 0;
	unsigned long long number = strtoull(name, NULL, 10);
	*start = strtoull(rest, NULL, 10);
	*pid = (pid_t)number;
	return errno == 0 && number >= 1 && number <= INT_MAX;
}

/* Whether the process that wrote a journal is there no more; a doubt counts as alive. */
static bool is_dead(pid_t pid, unsigned long long start)
{
	unsigned long long now = 0;
	int there = journal_process(pid, &now);
	return there == 0 || (there == 1 && now != start);
}

/* Removes what an open journal names, and adds to *removed. Returns true when the journal has
 * served: false when it is of another pid namespace, whose processes cannot be seen, or something
 * failed. */
static bool sweep_objects(FILE *journal, const char *path, int *removed, bool *failed)
{
	char own[64], *line = NULL;
	size_t room = 0;
	ssize_t length;
	bool served = true;
	journal_namespace(own, sizeof(own));
	while ((length = getline(&line, &room, journal)) > 0) {
		/* A last line without its end was cut: the object it would name was never made. */
		if (line[length - 1] != '\n')
			break;
		line[length - 1] = '\0';
		char *id = strchr(line, ' ');
		if (!id || strlen(line) + 1 != (size_t)length) {
			say_warning("%s: a line that is none of toll's; it is passed over", path);
			continue;
		}
		*id++ = '\0';
		if (strcmp(line, JOURNAL_NAMESPACE) == 0) {
			if (strcmp(id, own) == 0)
				continue;
			served = false;
			break;
		}
		if (!journal_valid(line, id)) {
			say_warning("%s: a line that is none of toll's; it is passed over", path);
			continue;
		}
		switch (remove_object(line, id)) {
		case GONE:
			break;
		case REMOVED:
			++*removed;
			break;
		case NOT_OURS:
			say_warning("%s: %s %s is not what a worker made; it stays", path, line,
				    id);
			break;
		case FAILED:
			say_warning("%s: cannot remove %s %s: %s; remove it by hand", path, line,
				    id, strerror(errno));
			*failed = true;
			served = false;
			break;
		}
	}
	free(line);
	return served;
}

/* One journal. Returns false after say_warning(). */
static bool sweep_journal(int directory, const char *folder, const char *name, int *removed)
{
	char path[PATH_MAX + NAME_MAX + 2];
	bool failed = false;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) /* another run has just swept it */
		return true;
	struct stat status;
	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
	    status.st_uid != geteuid() || status.st_nlink != 1) {
		say_warning("%s: is no file of this user's; remove it", path);
		if (fd >= 0)
			close(fd);
		return false;
	}
	FILE *journal = fdopen(fd, "r");
	if (!journal) {
		say_warning("%s: %s", path, strerror(errno));
		close(fd);
		return false;
	}
	bool served = sweep_objects(journal, path, removed, &failed);
	if (ferror(journal)) {
		say_warning("%s: cannot be read: %s", path, strerror(errno));
		served = false;
		failed = true;
	}
	fclose(journal);
	if (served && unlinkat(directory, name, 0) != 0 && errno != ENOENT) {
		say_warning("%s: cannot be removed: %s", path, strerror(errno));
		failed = true;
	}
	return !failed;
}

/* Every dead process's journal in one directory. Returns false after say_warning(). */
static bool sweep_directory(const char *path, int *removed)
{
	int fd = journal_open_directory(path, false);
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0) {
		say_warning("%s: is not a folder of this user's with mode 0700 (%s), so what dead "
			    "workers "
			    "left was not removed; remove or rename it",
			    path, strerror(errno));
		return false;
	}
	DIR *directory = fdopendir(fd);
	if (!directory) {
		say_warning("%s: %s", path, strerror(errno));
		close(fd);
		return false;
	}
	bool fine = true;
	for (struct dirent *entry; (entry = readdir(directory));) {
		pid_t pid;
		unsigned long long start;
		if (parse_name(entry->d_name, &pid, &start) && is_dead(pid, start) &&
		    !sweep_journal(fd, path, entry->d_name, removed))
			fine = false;
	}
	closedir(directory);
	return fine;
}

int journal_sweep(void)
{
	char path[PATH_MAX];
	unsigned long long start;
	int removed = 0;
	bool fine = true;

	/* Without /proc every process would look dead. */
	if (journal_process(getpid(), &start) != 1) {
		say_warning("/proc/self/stat: cannot be read, so what dead workers left was not "
			    "removed; "
			    "mount /proc");
		return -1;
	}
	for (unsigned i = 0; i < JOURNAL_DIRECTORIES; i++)
		if (journal_directory(i, path, sizeof(path)) && !sweep_directory(path, &removed))
			fine = false;
	return fine ? removed : -1;
}
