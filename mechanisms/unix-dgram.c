/* SPDX-License-Identifier: MIT */
/* unix-dgram.c - AF_UNIX datagram sockets (unix(7)), which lose nothing: who finds the queue full
 * waits. Two that are connected to each other queue what SO_SNDBUF holds; a consumer that is not
 * connected to its producer, like that of a service for many, queues no more than sysctl
 * net.unix.max_dgram_qlen messages and one. */
#include "unix-socket.h"

static const struct toll_option unix_dgram_options[] = {
	{ "connected", "both", "both, producer",
	  "both to each other, or the producer alone: then sysctl net.unix.max_dgram_qlen bounds "
	  "the queue" },
	UNIX_OPTIONS,
	{ 0 },
};

static const char *unix_dgram_absent(const struct toll_channel *channel)
{
	return socket_buffer_absent(channel, AF_UNIX, SOCK_DGRAM);
}

static const char *unix_dgram_one_absent(const struct toll_channel *channel)
{
	if (strcmp(toll_value(channel, "address"), "pair") != 0)
		return "a consumer that is not connected would take what others send to its name; "
		       "connected=producer goes with address=pair";
	return unix_dgram_absent(channel);
}

static size_t unix_dgram_most(const struct toll_channel *channel)
{
	return unix_packet_most(channel, SOCK_DGRAM);
}

static int unix_dgram_open(struct toll_channel *channel)
{
	return unix_open(channel, SOCK_DGRAM);
}

static int unix_dgram_one_open(struct toll_channel *channel)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	if (unix_dgram_open(channel) < 0)
		return -1;
	return connect(channel->shared->fd[1], &nobody, sizeof(nobody));
}

TOLL_MECHANISM(unix_dgram, .name = "unix-dgram",
	       .about = "AF_UNIX datagram sockets: messages, none lost", .when = "connected=both",
	       .options = unix_dgram_options, .waits = TOLL_ANY_WAIT, .producers = 1,
	       .consumers = 1, .duplex = true, .absent = unix_dgram_absent,
	       .most_bytes = unix_dgram_most, .bytes = socket_bytes, .open = unix_dgram_open,
	       .attach = socket_attach, .descriptor = socket_descriptor, .close = socket_close,
	       .reserve = socket_reserve, .commit = socket_packet_commit,
	       .peek = socket_packet_peek, .release = socket_release, .raise = UNIX_PACKET_RAISE)
TOLL_MECHANISM(unix_dgram_one, .name = "unix-dgram",
	       .about = "AF_UNIX datagram sockets: messages, none lost",
	       .when = "connected=producer", .options = unix_dgram_options, .waits = TOLL_ANY_WAIT,
	       .producers = 1, .consumers = 1, .absent = unix_dgram_one_absent,
	       .most_bytes = unix_dgram_most, .bytes = socket_bytes, .open = unix_dgram_one_open,
	       .attach = socket_attach, .descriptor = socket_descriptor, .close = socket_close,
	       .reserve = socket_reserve, .commit = socket_packet_commit,
	       .peek = socket_packet_peek, .release = socket_release, .raise = UNIX_PACKET_RAISE)
