/* SPDX-License-Identifier: MIT */
/* unix-socket.h - what the mechanisms over AF_UNIX sockets (unix(7)) share: how two sockets come to
 * be connected. Once they are, they are alike: a name costs when it is looked up. */
#ifndef UNIX_SOCKET_H
#define UNIX_SOCKET_H

#include "socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/un.h>

#define UNIX_OPTIONS                                                                               \
	{ "address", "pair", "pair, named, abstract",                                              \
	  "how they meet: socketpair(2), a file's name or one in the abstract namespace" },        \
		SOCKET_BUFFER("0",                                                                 \
			      "bytes of SO_SNDBUF, which AF_UNIX counts at the sender alone; "     \
			      "0: sysctl net.core.wmem_default")

/* Binds to a random name, and journals it where it is a file's. */
static inline int unix_bind(const struct toll_channel *channel, int fd, struct sockaddr_un *address)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	bool named = strcmp(toll_value(channel, "address"), "named") == 0;
	uint64_t number[2];

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* that of another user, as under sudo -E, would do for root only */
	if (folder == NULL || folder[0] != '/' || strlen(folder) > sizeof(address->sun_path) / 2 ||
	    access(folder, W_OK | X_OK) < 0)
		folder = "/tmp";
	if (getrandom(number, sizeof(number), 0) != sizeof(number))
		return -1;
	/* an abstract name begins with a 0; all of sun_path is the name then */
	snprintf(address->sun_path + !named, sizeof(address->sun_path) - 1,
		 "%s/toll-socket-%016llx%016llx", named ? folder : "",
		 (unsigned long long)number[0], (unsigned long long)number[1]);
	if (named && toll_journal("file", address->sun_path) < 0)
		return -1;
	return bind(fd, (struct sockaddr *)address, sizeof(*address));
}

static inline void unix_unlink(const struct sockaddr_un *address)
{
	int error = errno;

	if (address->sun_path[0])
		unlink(address->sun_path);
	errno = error;
}

/* Anyone may connect while a name can be looked up: goes on until it is this process itself. */
static inline int unix_accept(int listener)
{
	struct ucred peer = { .pid = -1 };
	socklen_t len = sizeof(peer);
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		    peer.pid == getpid())
			break;
		close(fd);
	}
	return fd;
}

static inline int unix_listen(struct toll_channel *channel, int type)
{
	int *fd = channel->shared->fd, listener = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { 0 };
	int bound = listener < 0 ? -1 : unix_bind(channel, listener, &address);

	fd[0] = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	fd[1] = -1;
	if (bound == 0 && fd[0] >= 0 && listen(listener, 1) == 0 &&
	    connect(fd[0], (struct sockaddr *)&address, sizeof(address)) == 0)
		fd[1] = unix_accept(listener);
	unix_unlink(&address);
	close(listener);
	return fd[1] < 0 ? -1 : 0;
}

/* Datagram sockets, each bound and connected to the other: only that one can send to it then, and
 * what others sent before is thrown away. */
static inline int unix_cross(struct toll_channel *channel)
{
	int *fd = channel->shared->fd, result = 0;
	struct sockaddr_un address[2] = { 0 };

	for (int i = 0; i < 2 && result == 0; i++) {
		fd[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		result = fd[i] < 0 ? -1 : unix_bind(channel, fd[i], &address[i]);
	}
	for (int i = 0; i < 2 && result == 0; i++)
		result = connect(fd[i], (struct sockaddr *)&address[!i], sizeof(address[!i]));
	for (int i = 0; i < 2 && result == 0; i++) {
		while (recv(fd[i], &address[i].sun_family, 0, MSG_DONTWAIT) >= 0)
			;
	}
	for (int i = 0; i < 2; i++)
		unix_unlink(&address[i]);
	return result;
}

static inline int unix_open(struct toll_channel *channel, int type)
{
	int *fd = channel->shared->fd;
	bool pair = strcmp(toll_value(channel, "address"), "pair") == 0;
	int made = pair                 ? socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd)
		   : type == SOCK_DGRAM ? unix_cross(channel)
					: unix_listen(channel, type);

	if (made < 0)
		return -1;
	return socket_buffer(channel, fd[0]) < 0 || socket_buffer(channel, fd[1]) < 0 ? -1 : 0;
}

/* unix(7) does not say it: a message has to fit into the send buffer less 32 bytes, and most of it
 * into one allocation of the kernel's. So it is asked whether it takes them: one at a bad address
 * it refuses with EFAULT, when it has made room. */
static inline size_t unix_packet_most(const struct toll_channel *channel, int type)
{
	int fd[2], bytes = 0;
	socklen_t len = sizeof(bytes);

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd) < 0)
		return SIZE_MAX; /* open() will say why */
	size_t most = SIZE_MAX;

	if (socket_buffer(channel, fd[0]) == 0 &&
	    getsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &bytes, &len) == 0) {
		size_t fits = 1;

		most = (size_t)bytes - 32;
		for (size_t trial = most; fits < most; trial = fits + (most - fits + 1) / 2) {
			ssize_t sent = send(fd[0], NULL, trial, MSG_DONTWAIT | MSG_NOSIGNAL);

			if (sent < 0 && errno == EFAULT)
				fits = trial;
			else
				most = trial - 1;
		}
	}
	close(fd[0]);
	close(fd[1]);
	return most;
}

#define UNIX_PACKET_RAISE                                                                          \
	"buffer=, beyond sysctl net.core.wmem_max with CAP_NET_ADMIN, to what the kernel "         \
	"allocates at once"

#endif
