/* SPDX-License-Identifier: MIT */
/* needs: nng/nng.h -lnng */
/* nng.c - nng (nng(7)) over ipc://: a pair of version 0 for one way and for both. Its own threads
 * move the messages between a queue at each side and a unix(7) socket. */
#include "toll.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum { NNGPAIR_PATH = 96, NNGPAIR_MS = 10 /* a call of nng's that no signal interrupts */ };

struct toll_shared {
	char address[NNGPAIR_PATH + 8], *path; /* "ipc://" and the path in it */
};

struct toll_end {
	nng_socket socket;
	nng_msg *out, *in;
	int room, news; /* descriptors */
	bool dials;
};

static const struct toll_option nngpair_options[] = {
	{ "buffer", "64", "0 … 8K",
	  "messages that each side queues (NNG_OPT_SENDBUF, NNG_OPT_RECVBUF)" },
	{ 0 },
};

/* nng's own numbers, and the system's with a bit before them. */
static int nngpair_failed(int error)
{
	if (error & NNG_ESYSERR)
		errno = error & ~NNG_ESYSERR;
	else
		errno = error == NNG_ENOMEM ? ENOMEM : error == NNG_EADDRINUSE ? EADDRINUSE : EIO;
	return error ? -1 : 0;
}

static size_t nngpair_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	(void)channel;
	return memory == TOLL_SHARED ? sizeof(struct toll_shared) : 0;
}

static int nngpair_open(struct toll_channel *channel)
{
	struct toll_shared *shared = channel->shared;
	const char *folder = getenv("XDG_RUNTIME_DIR");
	uint64_t number;

	if (folder == NULL || folder[0] != '/' || strlen(folder) > NNGPAIR_PATH / 2 ||
	    access(folder, W_OK | X_OK) < 0)
		folder = "/tmp";
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -1;
	snprintf(shared->address, sizeof(shared->address), "ipc://%s/toll-nng-%016llx", folder,
		 (unsigned long long)number);
	shared->path = shared->address + strlen("ipc://");
	return toll_journal("file", shared->path);
}

/* After the fork: the library's threads do not cross it. */
static int nngpair_attach(struct toll_end *end, const struct toll_channel *channel,
			  enum toll_side side, unsigned index, void *buf)
{
	unsigned at = side == TOLL_BOTH ? index : side == TOLL_CONSUMER;
	int buffer = (int)toll_value_size(channel, "buffer"), error = nng_pair0_open(&end->socket);

	(void)buf;
	if (error)
		return nngpair_failed(error);
	end->dials = at == 0;
	if ((error = nng_socket_set_int(end->socket, NNG_OPT_SENDBUF, buffer)) ||
	    (error = nng_socket_set_int(end->socket, NNG_OPT_RECVBUF, buffer)) ||
	    (error = nng_socket_set_size(end->socket, NNG_OPT_RECVMAXSZ, 0)) || /* any */
	    (error = nng_socket_set_ms(end->socket, NNG_OPT_SENDTIMEO, NNGPAIR_MS)) ||
	    (error = nng_socket_set_ms(end->socket, NNG_OPT_RECVTIMEO, NNGPAIR_MS)) ||
	    (error = nng_socket_get_int(end->socket, NNG_OPT_SENDFD, &end->room)) ||
	    (error = nng_socket_get_int(end->socket, NNG_OPT_RECVFD, &end->news)))
		return nngpair_failed(error);
	return end->dials
		       ? 0
		       : nngpair_failed(nng_listen(end->socket, channel->shared->address, NULL, 0));
}

/* Once both have met the name is needed no more. */
static int nngpair_meet(struct toll_end *end, const struct toll_channel *channel)
{
	if (!end->dials)
		return 0;
	int error = nng_dial(end->socket, channel->shared->address, NULL, 0);

	unlink(channel->shared->path);
	return nngpair_failed(error);
}

static int nngpair_descriptor(const struct toll_end *end, enum toll_side side)
{
	return side == TOLL_PRODUCER ? end->room : end->news;
}

/* The sockets go with their process, also with threads: nng_close() of 1.5.2 waits for ever now and
 * then, when a message of 1 MiB is on its way. */
static void nngpair_close(struct toll_channel *channel)
{
	unlink(channel->shared->path);
}

/* After a call that failed: false is "not yet", of a call that waited or did not. */
static TOLL_HOT bool nngpair_not_yet(int error, const char *call)
{
	if (error != NNG_EAGAIN && error != NNG_ETIMEDOUT) {
		nngpair_failed(error);
		toll_fail(call);
	}
	return false;
}

static TOLL_HOT void *nngpair_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)how;
	if (end->out && nng_msg_len(end->out) != len) {
		nng_msg_free(end->out);
		end->out = NULL;
	}
	if (end->out == NULL && nng_msg_alloc(&end->out, len)) {
		errno = ENOMEM;
		toll_fail("nng_msg_alloc");
	}
	return nng_msg_body(end->out);
}

static TOLL_HOT bool nngpair_commit(struct toll_end *end, size_t len, unsigned how)
{
	int error = nng_sendmsg(end->socket, end->out, how & TOLL_SLEEP ? 0 : NNG_FLAG_NONBLOCK);

	(void)len;
	if (TOLL_UNLIKELY(error))
		return nngpair_not_yet(error, "nng_sendmsg");
	end->out = NULL;
	return true;
}

static TOLL_HOT const void *nngpair_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->in == NULL) {
		int error = nng_recvmsg(end->socket, &end->in,
					how & TOLL_SLEEP ? 0 : NNG_FLAG_NONBLOCK);

		if (TOLL_UNLIKELY(error)) {
			end->in = NULL;
			nngpair_not_yet(error, "nng_recvmsg");
			return NULL;
		}
	}
	*len = nng_msg_len(end->in);
	return nng_msg_body(end->in);
}

static TOLL_HOT void nngpair_release(struct toll_end *end, unsigned how)
{
	(void)how;
	nng_msg_free(end->in);
	end->in = NULL;
}

/* No spin and no pause: who spins takes the CPU from the thread that moves its messages. */
TOLL_MECHANISM(nng, .name = "nng", .about = "nng over ipc://: a pair, its threads between",
	       .options = nngpair_options, .waits = TOLL_YIELD | TOLL_BLOCK | TOLL_HYBRID,
	       .producers = 1, .consumers = 1, .duplex = true, .reads_room = true,
	       .bytes = nngpair_bytes, .open = nngpair_open, .attach = nngpair_attach,
	       .meet = nngpair_meet, .descriptor = nngpair_descriptor, .close = nngpair_close,
	       .reserve = nngpair_reserve, .commit = nngpair_commit, .peek = nngpair_peek,
	       .release = nngpair_release)
