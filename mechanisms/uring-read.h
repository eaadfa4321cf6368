/* SPDX-License-Identifier: MIT */
/* uring-read.h - for uring-pipe.c and uring-socket.c: a request to read for each message. */
#ifndef URING_READ_H
#define URING_READ_H

#include "uring-bytes.h"

static TOLL_HOT void uring_was_read(struct toll_end *end, const struct io_uring_cqe *cqe)
{
	end->reading = false;
	if (TOLL_UNLIKELY(cqe->res < 0)) {
		uring_heed(cqe->res, "read");
		return;
	}
	end->moved += (size_t)cqe->res;
	end->received += (size_t)cqe->res;
}

/* Gets more of the message in hand; a message in parts has the rest submitted after each, of either
 * way, at once. */
static TOLL_CALLED void uring_get(struct toll_end *end, size_t len, unsigned how)
{
	size_t moved = end->moved - 1;

	if (end->reading)
		uring_reap(end, how);
	while (end->received < len && end->moved != moved) {
		moved = end->moved;
		uring_queue_writes(end, end->links && !end->reading);
		if (!end->reading) {
			struct io_uring_sqe *sqe = uring_sqe(&end->ring);

			*sqe = end->read;
			sqe->addr = (uintptr_t)(end->in + end->received);
			sqe->len = (unsigned)(len - end->received);
			end->reading = true;
		}
		uring_read_some(end, how);
		uring_reap(end, how);
	}
}

static TOLL_HOT const void *uring_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (end->received < *len)
		uring_get(end, *len, how);
	if (TOLL_UNLIKELY(end->received < *len))
		return NULL;
	*len = end->received;
	return end->in;
}

static TOLL_HOT void uring_release(struct toll_end *end, unsigned how)
{
	(void)how;
	end->received = 0;
}

#endif
