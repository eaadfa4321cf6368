/* SPDX-License-Identifier: MIT */
/* vmsplice.c - the producer's pages go into a pipe by reference (vmsplice(2)); the reader's call
 * makes the only copy, straight out of them, whichever call that is: vmsplice at the read end
 * copies, and splice copies into the file.
 *
 * A page may be written again when the reader has copied from it. Each message begins in a unit of
 * its own (a page, or for short messages a part of one), and each unit takes one of the pipe's S
 * slots; a slot is freed only when all of it has been copied. So once S more units have gone in, a
 * unit has come out, and a ring of S + 2 × (units of the longest message) is never ahead of the
 * reader. That holds while nothing else takes references: a reader that moved them on by splice or
 * tee into a second pipe would free slots uncopied, and that pipe's would have to be added.
 *
 * gift=yes (SPLICE_F_GIFT) is a promise never to write to the pages again, so they are given up
 * once they are in the pipe and new ones come by page faults: no ring. */
#include "pipe.h"

#include <sys/mman.h>
#include <sys/uio.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static const struct toll_option vmsplice_options[] = {
	{ "take", "read", "read, vmsplice, splice",
	  "the reader's call; splice goes to a memfd that it has mapped" },
	{ "gift", "no", "no, yes", "whole pages go for good (SPLICE_F_GIFT), new ones follow" },
	PIPE_CAPACITY,
	{ 0 },
};

static size_t vmsplice_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static bool vmsplice_gives(const struct toll_channel *channel)
{
	return strcmp(toll_value(channel, "gift"), "yes") == 0;
}

static size_t vmsplice_round(size_t bytes, size_t to)
{
	return (bytes + to - 1) & ~(to - 1);
}

/* A power of two, from a line to a page, so that none lies across pages. */
static size_t vmsplice_unit(const struct toll_channel *channel)
{
	size_t unit = vmsplice_gives(channel) ? vmsplice_page() : 64;

	while (unit < channel->most && unit < vmsplice_page())
		unit *= 2;
	return unit;
}

static size_t vmsplice_ring(const struct toll_channel *channel)
{
	size_t unit = vmsplice_unit(channel), most = vmsplice_round(channel->most, unit), slots = 1;

	if (vmsplice_gives(channel))
		return most;
	while (slots * vmsplice_page() < toll_value_size(channel, "capacity"))
		slots *= 2; /* as F_SETPIPE_SZ rounds */
	return slots * unit + 2 * most;
}

static const char *vmsplice_absent(const struct toll_channel *channel)
{
	const char *why = pipe_capacity_absent(channel);
	struct iovec byte = { &why, 1 };
	int fd[2];

	if (why || pipe2(fd, O_CLOEXEC) < 0)
		return why; /* open() will say why */
	if (vmsplice(fd[1], &byte, 1, SPLICE_F_GIFT) < 0)
		why = "vmsplice(2) is not there, or a filter of system calls forbids it";
	close(fd[0]);
	close(fd[1]);
	return why;
}

static size_t vmsplice_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	if (memory == TOLL_SHARED)
		return sizeof(struct toll_shared);
	/* whole pages, of the producer's ring or for the reader's message */
	return vmsplice_round(vmsplice_ring(channel) + channel->most, vmsplice_page()) +
	       vmsplice_page();
}

static int vmsplice_open(struct toll_channel *channel)
{
	channel->shared->file = memfd_create("toll-vmsplice", MFD_CLOEXEC);
	if (channel->shared->file < 0 ||
	    ftruncate(channel->shared->file, (off_t)channel->most) < 0 ||
	    pipe2(channel->shared->fd, O_CLOEXEC) < 0)
		return -1;
	return pipe_resize(channel, channel->shared->fd[1]);
}

static int vmsplice_attach(struct toll_end *end, const struct toll_channel *channel,
			   enum toll_side side, unsigned index, void *buf)
{
	size_t before = vmsplice_round((uintptr_t)buf, vmsplice_page()) - (uintptr_t)buf;
	void *pages = (unsigned char *)buf + before;

	end->file = channel->shared->file;
	/* memory that --mlock holds takes MADV_DONTNEED_LOCKED alone, from Linux 5.18 on */
	if (vmsplice_gives(channel))
		end->gives = madvise(pages, vmsplice_page(), MADV_DONTNEED_LOCKED) == 0
				     ? MADV_DONTNEED_LOCKED
				     : MADV_DONTNEED;
	end->unit = vmsplice_unit(channel);
	/* the last place where the longest message fits */
	end->last = vmsplice_ring(channel) - vmsplice_round(channel->most, end->unit);
	/* in place of the memory that the harness has given, so that it goes with it */
	if (side == TOLL_CONSUMER && strcmp(toll_value(channel, "take"), "splice") == 0 &&
	    mmap(pages, channel->most, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_POPULATE, end->file,
		 0) == MAP_FAILED)
		return -1;
	return pipe_attach(end, channel, side, index, pages);
}

static void vmsplice_close(struct toll_channel *channel)
{
	pipe_close(channel);
	close(channel->shared->file);
}

static TOLL_HOT void *vmsplice_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len, (void)how;
	return end->buf + end->at;
}

static TOLL_HOT bool vmsplice_commit(struct toll_end *end, size_t len, unsigned how)
{
	struct iovec rest = { end->buf + end->at + end->done, len - end->done };
	ssize_t n = vmsplice(end->sleeps, &rest, 1,
			     (how & TOLL_SLEEP ? 0 : SPLICE_F_NONBLOCK) |
				     (end->gives != 0 ? SPLICE_F_GIFT : 0));

	if (TOLL_UNLIKELY(n < 0)) {
		if (errno != EAGAIN && errno != EINTR)
			toll_fail("vmsplice");
		return false;
	}
	end->done += (size_t)n;
	if (TOLL_UNLIKELY(end->done < len))
		return false;
	end->done = 0;
	if (end->gives && madvise(end->buf, len, end->gives) < 0)
		toll_fail("madvise, which gives up locked memory from Linux 5.18 on");
	end->at += vmsplice_round(len, end->unit);
	if (end->at > end->last)
		end->at = 0;
	return true;
}

/* What the calls that take have in common. */
static TOLL_HOT const void *vmsplice_taken(struct toll_end *end, size_t *len, ssize_t n)
{
	if (TOLL_UNLIKELY(n <= 0)) {
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			toll_fail("taking from the pipe");
		return NULL; /* end of file: the producer died, which the harness knows */
	}
	end->done += (size_t)n;
	if (TOLL_UNLIKELY(end->done < *len))
		return NULL;
	*len = end->done;
	return end->buf;
}

static TOLL_HOT const void *vmsplice_peek_vmsplice(struct toll_end *end, size_t *len, unsigned how)
{
	struct iovec rest = { end->buf + end->done, *len - end->done };

	if (end->done >= *len)
		return end->buf;
	return vmsplice_taken(
		end, len,
		vmsplice(end->sleeps, &rest, 1, how & TOLL_SLEEP ? 0 : SPLICE_F_NONBLOCK));
}

static TOLL_HOT const void *vmsplice_peek_splice(struct toll_end *end, size_t *len, unsigned how)
{
	loff_t at = (loff_t)end->done;

	if (end->done >= *len)
		return end->buf;
	return vmsplice_taken(end, len,
			      splice(end->sleeps, NULL, end->file, &at, *len - end->done,
				     SPLICE_F_MOVE | (how & TOLL_SLEEP ? 0 : SPLICE_F_NONBLOCK)));
}

#define VMSPLICE                                                                                   \
	.name = "vmsplice", .about = "pages go into a pipe by reference, one copy out of them",    \
	.options = vmsplice_options, .waits = TOLL_ANY_WAIT, .producers = 1, .consumers = 1,       \
	.bytes_only = true, .absent = vmsplice_absent, .bytes = vmsplice_bytes,                    \
	.open = vmsplice_open, .attach = vmsplice_attach, .descriptor = pipe_descriptor,           \
	.close = vmsplice_close, .reserve = vmsplice_reserve, .commit = vmsplice_commit,           \
	.release = pipe_release

TOLL_MECHANISM(vmsplice, VMSPLICE, .when = "take=read", .peek = pipe_peek)
TOLL_MECHANISM(vmsplice_vmsplice, VMSPLICE, .when = "take=vmsplice", .peek = vmsplice_peek_vmsplice)
TOLL_MECHANISM(vmsplice_splice, VMSPLICE, .when = "take=splice", .peek = vmsplice_peek_splice)
