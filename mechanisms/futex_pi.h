/* SPDX-License-Identifier: MIT */
/* futex_pi.h - futex:kind=pi, the slot handed over by locks with priority inheritance
 * (FUTEX_LOCK_PI2, FUTEX_UNLOCK_PI). Such a lock is unlocked by its owner only, so a turn cannot
 * simply be given away: the sides wait for each other crosswise, with three locks. Turn t ends when
 * its side unlocks lock t mod 3; the other side, which waits for that, takes it and keeps it for
 * its turn t + 3, two after the one that begins. So each side holds the lock of its next turn
 * before the other can want it: who waits, waits for an owner, and nobody can take a lock by
 * overtaking.
 *
 *     lock     0  1  2     (A has the even turns)
 *     turn 0   A  B  A     B waits for 0
 *     turn 1   B  B  A     A waits for 1
 *     turn 2   B  A  A     B waits for 2
 *     turn 3   B  A  B     A waits for 0
 *
 * FUTEX_LOCK_PI2 goes on after a signal, whatever the handler says, and is therefore asked for 10
 * ms at a time (a timer more for each sleep). While the owner runs on another CPU the kernel spins
 * before it sleeps. When an owner dies the kernel gives the lock to who sleeps for it; that the
 * turn has not been passed tells this apart. */

struct futex_pi {           /* stands before struct toll_shared, on the same line */
	uint32_t lock[3];   /* owner's thread, and the kernel's bits */
	uint32_t thread[2]; /* of each side; written by it as it attaches */
	uint32_t apart[3];
};

static TOLL_HOT struct futex_pi *futex_pi_of(const struct toll_end *end)
{
	return (struct futex_pi *)(void *)end->shared - 1;
}

static const char *futex_pi_absent(const struct toll_channel *channel)
{
	uint32_t word = 0;

	(void)channel;
	/* takes the free lock, for this thread */
	if (syscall(SYS_futex, &word, FUTEX_LOCK_PI2, 0, NULL, NULL, 0) == 0)
		return NULL;
	return errno == ENOSYS ? "this kernel has no FUTEX_LOCK_PI2 (Linux 5.14 has)"
			       : "this kernel has no futexes with priority inheritance";
}

static size_t futex_pi_bytes(const struct toll_channel *channel, enum toll_memory memory)
{
	size_t bytes = futex_bytes(channel, memory);

	return bytes > 0 ? sizeof(struct futex_pi) + bytes : 0;
}

static int futex_pi_attach(struct toll_end *end, const struct toll_channel *channel,
			   enum toll_side side, unsigned index, void *buf)
{
	futex_attach(end, channel, side, index, buf);
	end->shared = (struct toll_shared *)(void *)((char *)end->shared + sizeof(struct futex_pi));
	struct futex_pi *pi = futex_pi_of(end);
	uint32_t thread = (uint32_t)gettid();

	pi->thread[end->mine] = thread;
	pi->lock[end->mine] = thread;
	if (end->mine == 0)
		pi->lock[2] = thread;
	return 0;
}

/* Turns count from 0 to a multiple of 6, so that both turn mod 2 and mod 3 go on as they should. */
static TOLL_HOT uint32_t futex_pi_turn(uint32_t turn)
{
	const uint32_t turns = 3U << 30;

	return turn < turns ? turn : turn - turns;
}

/* Sleeps for the lock, at most 10 ms. */
static TOLL_CALLED void futex_pi_sleep(uint32_t *lock)
{
	enum { AT_MOST_NS = 10000000, SECOND_NS = 1000000000 };
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += AT_MOST_NS;
	until.tv_sec += until.tv_nsec / SECOND_NS;
	until.tv_nsec %= SECOND_NS;
	/* EAGAIN: the owner is dying; ESRCH: it is dead, and nobody slept for the lock then */
	if (syscall(SYS_futex, lock, FUTEX_LOCK_PI2, 0, &until, NULL, 0) < 0 &&
	    errno != ETIMEDOUT && errno != EAGAIN && errno != EINTR && errno != ESRCH)
		toll_fail("FUTEX_LOCK_PI2");
}

static TOLL_HOT bool futex_pi_takes(uint32_t *lock, uint32_t me)
{
	/* relaxed: that it is mine was my doing, or the kernel's for me */
	uint32_t owner = __atomic_load_n(lock, __ATOMIC_RELAXED);

	/* acquire: pairs with the release of futex_pi_pass() */
	return (owner & FUTEX_TID_MASK) == me ||
	       (owner == 0 && __atomic_compare_exchange_n(lock, &owner, me, false, __ATOMIC_ACQUIRE,
							  __ATOMIC_RELAXED));
}

static TOLL_HOT bool futex_pi_has_turn(const struct toll_end *end, unsigned how)
{
	struct futex_pi *pi = futex_pi_of(end);
	uint32_t *lock = &pi->lock[(end->mine + 2) % 3], me = pi->thread[end->mine % 2];
	bool took = futex_pi_takes(lock, me);

	if (!took && how & TOLL_SLEEP) {
		futex_pi_sleep(lock);
		took = futex_pi_takes(lock, me);
	}
	/* acquire: as above, where the kernel handed the lock over */
	uint32_t turn = __atomic_load_n(&end->shared->turn, __ATOMIC_ACQUIRE);

	if (TOLL_LIKELY(took && turn == end->mine))
		return true;
	/* the owner died: until the signal that says so */
	if (TOLL_UNLIKELY(took && how & TOLL_SLEEP))
		toll_futex_wait(&end->shared->turn, turn);
	return false;
}

static TOLL_HOT void futex_pi_pass(struct toll_end *end, unsigned how)
{
	struct futex_pi *pi = futex_pi_of(end);
	uint32_t *lock = &pi->lock[end->mine % 3], owner = pi->thread[end->mine % 2];

	(void)how;
	__atomic_store_n(&end->shared->turn, futex_pi_turn(end->mine + 1), __ATOMIC_RELEASE);
	end->mine = futex_pi_turn(end->mine + 2);
	/* not the thread alone: somebody sleeps, or did before he had the lock */
	if (!__atomic_compare_exchange_n(lock, &owner, 0, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED) &&
	    syscall(SYS_futex, lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) < 0)
		toll_fail("FUTEX_UNLOCK_PI");
}

static TOLL_HOT void *futex_pi_reserve(struct toll_end *end, size_t len, unsigned how)
{
	(void)len;
	return futex_pi_has_turn(end, how) ? end->shared->message : NULL;
}

static TOLL_HOT bool futex_pi_commit(struct toll_end *end, size_t len, unsigned how)
{
	end->shared->len = (uint32_t)len;
	futex_pi_pass(end, how);
	return true;
}

static TOLL_HOT const void *futex_pi_peek(struct toll_end *end, size_t *len, unsigned how)
{
	if (!futex_pi_has_turn(end, how))
		return NULL;
	*len = end->shared->len;
	return end->shared->message;
}
