/* SPDX-License-Identifier: MIT */
/* needs: liburing */
/* uring-socket-multishot.c - uring-socket's receive=multishot: one request is answered again and
 * again, each time with a buffer of the kernel's choice. Whoever looks at a message that lies in
 * one of them holds the buffer until release(); one that lies in several is put together. */
#include "uring-socket.h"

enum { URING_BUFFERS = 16, URING_PAGE = 4096, URING_MOST_BUFFER = 64 << 10 };

static size_t uring_buffer_bytes(const struct toll_channel *channel)
{
	return channel->most < URING_PAGE          ? URING_PAGE
	       : channel->most > URING_MOST_BUFFER ? URING_MOST_BUFFER
						   : channel->most;
}

/* The kernel's list of buffers wants a page; behind it lie ours of full ones, and the buffers. */
static size_t uring_multishot_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	return memory == TOLL_SHARED ? sizeof(struct toll_shared)
				     : uring_private_bytes(channel) + (size_t)3 * URING_PAGE +
					       URING_BUFFERS * uring_buffer_bytes(channel);
}

static TOLL_HOT void uring_give_buffer(struct toll_end *end, unsigned short number)
{
	io_uring_buf_ring_add(end->buffers, end->memory + number * end->buffer_bytes,
			      (unsigned)end->buffer_bytes, number,
			      io_uring_buf_ring_mask(URING_BUFFERS), 0);
	io_uring_buf_ring_advance(end->buffers, 1);
}

static int uring_multishot_attach(struct toll_end *end, const struct toll_channel *channel,
				  enum toll_side side, unsigned index, void *buf)
{
	unsigned char *behind = (unsigned char *)buf + uring_private_bytes(channel);
	unsigned char *page = behind + (-(uintptr_t)behind & (URING_PAGE - 1));
	struct io_uring_buf_reg list = { .ring_addr = (uintptr_t)page,
					 .ring_entries = URING_BUFFERS };

	if (uring_socket_attach(end, channel, side, index, buf) < 0)
		return -1;
	int error = io_uring_register_buf_ring(&end->ring.ring, &list, 0);

	if (error < 0) {
		errno = -error;
		return -1;
	}
	end->buffers = (struct io_uring_buf_ring *)(void *)page;
	end->chunks = (struct uring_chunk *)(void *)(page + URING_PAGE);
	end->memory = page + (size_t)2 * URING_PAGE;
	end->buffer_bytes = uring_buffer_bytes(channel);
	for (unsigned i = 0; i < URING_BUFFERS; i++)
		uring_give_buffer(end, (unsigned short)i);
	end->read = (struct io_uring_sqe){
		.opcode = IORING_OP_RECV,
		.flags = (unsigned char)(end->read.flags | IOSQE_BUFFER_SELECT),
		.ioprio = IORING_RECV_MULTISHOT,
		.fd = end->read.fd,
		.user_data = URING_READ,
	};
	return 0;
}

static TOLL_HOT void uring_was_read(struct toll_end *end, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		end->reading = false;
	if (TOLL_LIKELY(cqe->res > 0)) {
		end->moved += (size_t)cqe->res;
		end->chunks[end->chunks_end++ % URING_BUFFERS] = (struct uring_chunk){
			(unsigned)cqe->res, (unsigned short)(cqe->flags >> IORING_CQE_BUFFER_SHIFT)
		};
	} else if (cqe->res < 0 && cqe->res != -ENOBUFS) { /* all are full: begun again */
		uring_heed(cqe->res, "receive");
	}
}

static TOLL_HOT void uring_take(struct toll_end *end, size_t bytes)
{
	const struct uring_chunk *chunk = &end->chunks[end->chunk % URING_BUFFERS];

	end->taken += bytes;
	if (end->taken == chunk->bytes) {
		uring_give_buffer(end, chunk->buffer);
		end->chunk++;
		end->taken = 0;
	}
}

/* The message in hand, if it is there: where the kernel put it, or put together. */
static TOLL_CALLED const void *uring_gather(struct toll_end *end, size_t wanted)
{
	while (end->received < wanted && end->chunk != end->chunks_end) {
		const struct uring_chunk *chunk = &end->chunks[end->chunk % URING_BUFFERS];
		unsigned char *at = end->memory + chunk->buffer * end->buffer_bytes + end->taken;
		size_t there = chunk->bytes - end->taken, more = wanted - end->received;

		if (TOLL_LIKELY(end->received == 0 && there >= wanted)) {
			end->lent = wanted;
			return at;
		}
		end->lent = 0;
		more = there < more ? there : more;
		memcpy(end->in + end->received, at, more);
		end->received += more;
		uring_take(end, more);
	}
	return end->received >= wanted ? end->in : NULL;
}

/* Gets more; a message in parts has the rest submitted after each at once, and a request that ended
 * where all buffers were full is begun again, since they are free. */
static TOLL_CALLED const void *uring_multishot_get(struct toll_end *end, size_t len, unsigned how)
{
	const void *message = NULL;
	size_t moved = end->moved - 1;

	if (end->reading) {
		uring_reap(end, how);
		message = uring_gather(end, len);
	}
	while (message == NULL && end->moved != moved) {
		moved = end->moved;
		uring_queue_writes(end, end->links && !end->reading);
		if (!end->reading) {
			*uring_sqe(&end->ring) = end->read;
			end->reading = true;
		}
		uring_read_some(end, how);
		uring_reap(end, how);
		message = uring_gather(end, len);
	}
	return message;
}

static TOLL_HOT const void *uring_multishot_peek(struct toll_end *end, size_t *len, unsigned how)
{
	const void *message = uring_gather(end, *len);

	if (message == NULL)
		message = uring_multishot_get(end, *len, how);
	if (message != NULL && end->lent == 0)
		*len = end->received;
	return message;
}

static TOLL_HOT void uring_multishot_release(struct toll_end *end, unsigned how)
{
	(void)how;
	if (end->lent)
		uring_take(end, end->lent);
	end->lent = end->received = 0;
}

static const char *uring_multishot_absent(const struct toll_channel *channel)
{
	static const struct toll_mechanism mine = { .bytes = uring_multishot_bytes,
						    .attach = uring_multishot_attach };

	return uring_socket_why(channel, &mine, true);
}

TOLL_MECHANISM(uring_multishot, URING_SOCKET, .when = "receive=multishot",
	       .absent = uring_multishot_absent, .bytes = uring_multishot_bytes,
	       .attach = uring_multishot_attach, .reserve = uring_reserve, .commit = uring_commit,
	       .flush = uring_flush, .peek = uring_multishot_peek,
	       .release = uring_multishot_release)
