/* SPDX-License-Identifier: GPL-3.0-or-later */
/* host.h - what this machine is: read once, recorded with every result, compared on --resume. */
#ifndef HOST_H
#define HOST_H

#include <jansson.h>
#include <stdbool.h>

#include "place.h"

/* header.host of reports/schema.md as a new JSON object; members that cannot be read are null.
 * place may be NULL ("placements" and cache sizes are null then). NULL when memory runs out. */
json_t *host_read(const struct place *place);

/* Whether this is known to be a virtual machine. */
bool host_is_guest(void);

/* The tightest CPU quota of this process's cgroup and those above it, as far as they are mounted:
 * each of them binds. text: "QUOTA PERIOD" in µs, "max 100000" for none; cpus: what it gives,
 * infinite for none; file: which says so. false when no cgroup says. */
bool host_cpu_max(char *text, size_t bytes, double *cpus, char *file, size_t file_bytes);

/* The first environment key (as "kernel" or "limits.nofile") in which two hosts differ, into buffer
 * with both values ("kernel: 6.1.0 here, 6.12.0 in the file"); false when they agree. boot_id and
 * name are compared only when same_boot is true. */
bool host_differs(const json_t *here, const json_t *there, bool same_boot, char *buffer,
		  size_t bytes);

#endif
