/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control.h - rows that explain others: what the machine takes for the parts that a crossing is
 * made of. Each measurement is made by fresh processes on the CPUs of the cells. */
#ifndef CONTROL_H
#define CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "place.h"

enum control_kind {
	CONTROL_CLOCK,       /* a reading of the samples' clock */
	CONTROL_GETPPID,     /* the least of system calls */
	CONTROL_WAKE_NOBODY, /* FUTEX_WAKE of a word that nobody sleeps on */
	CONTROL_WAIT_NOT,    /* FUTEX_WAIT for a value that has changed already */
	CONTROL_PIPE_BYTE,   /* write() and read() of a byte, alone */
	CONTROL_HANDOVER, /* two processes on a CPU wake each other by a futex and sleep: both ways
			   */
	CONTROL_SWITCH,   /* sched_yield() from one to another, less an empty system call */
	CONTROL_COPY,     /* memcpy() of so many bytes */
	CONTROL_LINE,     /* so many lines from a CPU to another: one way */
	CONTROL_WAKE_AWAKE, /* write() to a pipe's reader asleep on a CPU kept awake */
	CONTROL_WAKE_IDLE,  /* the same on an idle one */
	CONTROL_SELF,       /* a mechanism's own path: a cell of the pattern self */
	CONTROL_KINDS
};

struct control {
	enum control_kind kind;
	char name[16]; /* of a copy: "L1", …, "memory" */
	int cpus[2];
	unsigned cpu_count;
	uint64_t bytes;   /* of a copy, of lines */
	char reason[256]; /* why it cannot be; "" */
};

struct control_value {
	double ns; /* NaN: it did not come about */
	/* of a hand-over both ways, of all its processes together; else NaN */
	double switches, sleeps, calls;
};

/* "clock", "getppid", … as result files have them */
const char *control_name(enum control_kind kind);

/* The controls of one CPU, and those of two, but self: appended to *controls, which GROW_APPEND()
 * has made. 0, or −1 after say_error(). */
int control_list(const struct place *place, int cpu, struct control **controls, size_t *n);
int control_list_pair(const struct place *place, int from, int to, struct control **controls,
		      size_t *n);

/* Measures any but self once, in some ms. 0; 1 interrupted; −1 after say_error(). */
int control_measure(const struct control *control, double ticks_per_ns,
		    struct control_value *value);

#endif
