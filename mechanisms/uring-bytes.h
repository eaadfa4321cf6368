/* SPDX-License-Identifier: MIT */
/* uring-bytes.h - what uring-pipe.c and uring-socket.c share: messages as bytes that a ring moves
 * through descriptors.
 *
 * The writes of one batch are linked (IOSQE_IO_LINK): one that had to wait for room would else be
 * overtaken. One that is cut short ends the chain; the rest comes back as ECANCELED and goes again.
 * An end both ways writes with the call that waits for the answer (peek_sends in toll.h).
 *
 * What becomes of what was read is uring_was_read()'s, of uring-read.h or uring-socket-multishot.c.
 */
#ifndef URING_BYTES_H
#define URING_BYTES_H

#include "uring.h"

#include <sys/mman.h>

#define URING_BYTES_OPTIONS                                                                        \
	{ "fixed", "none", "none, files, buffers, both",                                           \
	  "what is registered with the ring: descriptors, the memory of messages" },               \
		{ "link", "no", "no, yes",                                                         \
		  "both ways: a read begins when the write before it has ended (IO_LINK)" },       \
		URING_BATCH, URING_OPTIONS

enum { URING_READ = 1, URING_WRITTEN = 2 }; /* whose completion it is; writes of part n: + n */
/* With SEND_ZC the kernel sends from a message's memory until TCP has it acknowledged, which may
 * take 40 ms: parts of `out` take turns. */
enum { URING_PARTS = 16 };

struct uring_message {
	size_t len;
	unsigned char bytes[];
};

struct uring_chunk { /* bytes in a buffer that the kernel chose (uring-socket) */
	unsigned bytes;
	unsigned short buffer;
};

struct toll_end {
	struct uring ring;
	struct io_uring_sqe write, read; /* how each entry begins */
	bool both, links;
	bool defers; /* taskrun=defer: who waits for n completions is woken by n events, and a write
		      * that goes in parts has events that complete nothing: it is waited for alone
		      */
	unsigned char *in, *out; /* messages in hand; of the parts of its memory, one in turn */
	unsigned char *out_first;
	unsigned part, parts, held[URING_PARTS]; /* messages of each part that the kernel holds */
	size_t stride;                           /* from message to message of `out` */
	size_t whole;          /* a message up to this is written whole, or fails */
	unsigned batch;        /* messages submitted together */
	unsigned filled;       /* messages in `out` */
	unsigned first;        /* the first of them that is not gone, */
	size_t gone;           /* and its bytes that are */
	unsigned flying;       /* writes that have not completed */
	bool repeats, reading; /* commit() said "not yet"; a read is under way */
	size_t received;       /* bytes of the message in hand */
	size_t moved;          /* bytes so far, both ways: has anything happened? */
	/* the kernel's choice of buffers: those that are full, in order */
	struct uring_chunk *chunks;
	unsigned chunk, chunks_end;
	size_t taken, lent; /* of the first of them; bytes of it that the reader looks at */
	struct io_uring_buf_ring *buffers;
	unsigned char *memory; /* of all, so long each */
	size_t buffer_bytes;
};

/* ---- cold ---- */

static inline bool uring_fixes(const struct toll_channel *channel, const char *what)
{
	return uring_is(channel, "fixed", what) || uring_is(channel, "fixed", "both");
}

static inline size_t uring_stride(const struct toll_channel *channel)
{
	return sizeof(struct uring_message) + (channel->most + 7) / 8 * 8;
}

/* uring-socket's over=unix-zc and tcp-zc */
static inline bool uring_is_zc(const struct toll_channel *channel)
{
	return strstr(toll_value(channel, "over"), "-zc") != NULL;
}

static inline size_t uring_out_bytes(const struct toll_channel *channel)
{
	return (uring_is_zc(channel) ? URING_PARTS : 1) * toll_value_size(channel, "batch") *
	       uring_stride(channel);
}

static inline size_t uring_private_bytes(const struct toll_channel *channel)
{
	return uring_out_bytes(channel) + channel->most;
}

static inline int uring_fix(struct io_uring *ring, const struct toll_channel *channel,
			    const int fd[2], void *buf)
{
	struct iovec all = { buf, uring_private_bytes(channel) };
	int error = 0;

	if (uring_fixes(channel, "files"))
		error = io_uring_register_files(ring, fd, 2);
	if (error == 0 && uring_fixes(channel, "buffers"))
		error = io_uring_register_buffers(ring, &all, 1);
	errno = -error;
	return error < 0 ? -1 : 0;
}

static inline const char *uring_bytes_absent(const struct toll_channel *channel)
{
	const char *why = uring_batch_absent(channel);
	const int fd[2] = { STDIN_FILENO, STDIN_FILENO };
	struct uring ring;

	if (why == NULL)
		why = uring_trial(&ring, channel);
	if (why)
		return why;
	if (uring_fixes(channel, "buffers")) {
		size_t bytes = uring_private_bytes(channel);
		void *buf = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				 -1, 0);

		if (buf != MAP_FAILED) {
			if (uring_fix(&ring.ring, channel, fd, buf) < 0 && errno != EBADF)
				why = errno == ENOMEM
					      ? "the kernel registers no buffers of that size "
						"(ENOMEM; to raise it: ulimit -l)"
					      : "the kernel registers no buffers of that size";
			munmap(buf, bytes);
		}
	}
	uring_end(&ring);
	return why;
}

/* fd[0] is written, fd[1] read; −1: it is not. */
static inline int uring_bytes_attach(struct toll_end *end, const struct toll_channel *channel,
				     enum toll_side side, const int fd[2], void *buf)
{
	/* of writes two each (SEND_ZC), and as many as there are buffers that the kernel chooses */
	const unsigned completions = 4 * URING_MOST_BATCH;
	bool files = uring_fixes(channel, "files"), buffers = uring_fixes(channel, "buffers");
	unsigned flags = files ? IOSQE_FIXED_FILE : 0;

	end->batch = (unsigned)toll_value_size(channel, "batch");
	end->both = side == TOLL_BOTH;
	end->links = uring_is(channel, "link", "yes");
	end->defers = uring_is(channel, "taskrun", "defer");
	end->stride = uring_stride(channel);
	end->parts = uring_is_zc(channel) ? URING_PARTS : 1;
	end->out = end->out_first = buf;
	end->in = end->out + uring_out_bytes(channel);
	/* offset −1: where the file stands, as there is no other */
	end->write =
		(struct io_uring_sqe){ .opcode = buffers ? IORING_OP_WRITE_FIXED : IORING_OP_WRITE,
				       .flags = (unsigned char)flags,
				       .fd = files ? 0 : fd[0],
				       .off = UINT64_MAX,
				       .user_data = URING_WRITTEN };
	end->read =
		(struct io_uring_sqe){ .opcode = buffers ? IORING_OP_READ_FIXED : IORING_OP_READ,
				       .flags = (unsigned char)flags,
				       .fd = files ? 1 : fd[1],
				       .off = UINT64_MAX,
				       .user_data = URING_READ };
	/* a batch that is cut short goes again while a read is under way */
	if (uring_make(&end->ring, channel, 2 * (end->batch + 2), completions) < 0)
		return -1;
	return uring_fix(&end->ring.ring, channel, fd, buf);
}

static inline int uring_descriptor(const struct toll_end *end, enum toll_side side)
{
	(void)side;
	return uring_watched(&end->ring);
}

/* ---- hot ---- */

static TOLL_HOT struct uring_message *uring_message(const struct toll_end *end, unsigned number)
{
	return (struct uring_message *)(void *)(end->out + number * end->stride);
}

/* That the other end died is the harness's to notice. */
static TOLL_HOT void uring_heed(int result, const char *what)
{
	if (result == -EAGAIN || result == -EINTR || result == -ECANCELED || result == -EPIPE ||
	    result == -ECONNRESET)
		return;
	errno = -result;
	toll_fail(what);
}

static TOLL_HOT void uring_written(struct toll_end *end, const struct io_uring_cqe *cqe)
{
	/* SEND_ZC completes twice: it is sent, and then its memory is free again */
	if (TOLL_UNLIKELY(cqe->flags & IORING_CQE_F_NOTIF)) {
		end->held[cqe->user_data - URING_WRITTEN]--;
		return;
	}
	end->flying--;
	if (TOLL_UNLIKELY(cqe->flags & IORING_CQE_F_MORE))
		end->held[end->part]++;
	if (TOLL_UNLIKELY(cqe->res < 0)) {
		uring_heed(cqe->res, "write");
		return;
	}
	end->moved += (size_t)cqe->res;
	end->gone += (size_t)cqe->res;
	if (TOLL_LIKELY(end->gone == uring_message(end, end->first)->len)) {
		end->first++;
		end->gone = 0;
	}
}

static TOLL_HOT void uring_was_read(struct toll_end *, const struct io_uring_cqe *);

/* Takes all that has completed. */
static TOLL_CALLED void uring_reap(struct toll_end *end, unsigned how)
{
	struct io_uring_cqe *cqe;

	while ((cqe = uring_next(&end->ring, how)) != NULL) {
		if (cqe->user_data >= URING_WRITTEN)
			uring_written(end, cqe);
		else
			uring_was_read(end, cqe);
		uring_seen(&end->ring);
	}
	if (end->filled && end->first == end->filled && end->flying == 0) {
		end->first = end->filled = 0;
		end->part = end->part + 1 < end->parts ? end->part + 1 : 0;
		end->out = end->out_first + end->stride * end->batch * end->part;
	}
}

static TOLL_HOT void uring_queue_writes(struct toll_end *end, bool link_last)
{
	if (end->flying)
		return;
	for (unsigned i = end->first; i < end->filled; i++) {
		struct uring_message *message = uring_message(end, i);
		struct io_uring_sqe *sqe = uring_sqe(&end->ring);
		size_t gone = i == end->first ? end->gone : 0;

		*sqe = end->write;
		sqe->user_data = URING_WRITTEN + end->part;
		sqe->addr = (uintptr_t)(message->bytes + gone);
		sqe->len = (unsigned)(message->len - gone);
		if (i + 1 < end->filled || link_last)
			sqe->flags |= IOSQE_IO_LINK;
		end->flying++;
	}
}

static TOLL_CALLED bool uring_write_all(struct toll_end *end, unsigned how)
{
	size_t moved;

	/* what is not under way is not waited for: after a part the rest is submitted at once */
	do {
		if (end->filled == 0)
			return true;
		moved = end->moved;
		uring_queue_writes(end, false);
		uring_submit(&end->ring, !(how & TOLL_SLEEP) ? 0 : end->defers ? 1 : end->flying);
		uring_reap(end, how);
	} while (end->moved != moved);
	return end->filled == 0;
}

/* Submits what is queued, and with TOLL_SLEEP waits for a read: it completes behind the writes,
 * unless a message goes in parts. */
static TOLL_HOT void uring_read_some(struct toll_end *end, unsigned how)
{
	bool whole = end->flying == 0 || uring_message(end, end->first)->len <= end->whole;

	uring_submit(&end->ring, !(how & TOLL_SLEEP) ? 0 : whole ? end->flying + 1 : 1);
}

/* Takes back the memory that the next message is for; false: the kernel still holds it. */
static TOLL_CALLED bool uring_free(struct toll_end *end, unsigned how)
{
	/* both ways, the last may not have been let go of yet */
	if (end->both && end->filled && !uring_write_all(end, how))
		return false;
	if (end->held[end->part]) {
		if (how & TOLL_SLEEP)
			uring_submit(&end->ring, 1);
		uring_reap(end, how);
	}
	return end->held[end->part] == 0;
}

static TOLL_HOT void *uring_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	if (TOLL_UNLIKELY((end->both && end->filled) || end->held[end->part]) &&
	    !uring_free(end, how))
		return NULL;
	/* after a commit() that is to be repeated: the same */
	return uring_message(end, end->filled - end->repeats)->bytes;
}

static TOLL_HOT bool uring_commit(struct toll_end *end, size_t len, unsigned how)
{
	if (TOLL_LIKELY(!end->repeats)) {
		uring_message(end, end->filled++)->len = len;
		if (end->both || end->filled < end->batch)
			return true; /* goes with flush() or peek() */
	}
	end->repeats = !uring_write_all(end, how);
	return !end->repeats;
}

static TOLL_HOT bool uring_flush(struct toll_end *end, unsigned how)
{
	return end->filled == 0 || uring_write_all(end, how);
}

#endif
