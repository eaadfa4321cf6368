/* SPDX-License-Identifier: MIT */
/* page_counter.h - events to be counted and what came of them, as the control page has them. */
#ifndef PAGE_COUNTER_H
#define PAGE_COUNTER_H

#include <stdint.h>

enum { PAGE_COUNTERS = 32 };

struct page_counter { /* toll: an event as perf_event_open(2) takes it */
	uint32_t type,
		group; /* those of one group, beside each other, count at the same time; 0: alone */
	uint64_t config, config1, config2;
	uint32_t no_user, no_kernel;
	uint32_t spares_kernel; /* means something in user mode alone: a processor's own event */
};

struct page_count {         /* a peer: over its counted turns, less what counting itself counts */
	int32_t error;      /* errno of perf_event_open(2): not counted. 0: it is */
	uint32_t user_only; /* the kernel had to be left out */
	uint64_t value, enabled_ns, running_ns;
};

struct page_counted {              /* a peer */
	uint64_t operations;       /* of its counted turns, all of them */
	uint64_t switches, faults; /* as getrusage(2) has them: for who may not count the kernel */
	struct page_count count[PAGE_COUNTERS];
};

#endif
