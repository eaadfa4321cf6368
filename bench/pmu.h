/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pmu.h - what counts in this processor, as the kernel tells of it. */
#ifndef PMU_H
#define PMU_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/page_counter.h"

/* Where the kernel lists PMUs; another folder in tests. */
extern const char *pmu_devices;

/* Its names, "armv8_pmuv3" or "cpu_atom, cpu_core"; false: there is none. */
bool pmu_name(char *name, size_t bytes);
/* Whether a raw code would open and count 0, since arm64's kernel takes those that the processor
 * says it lacks. False where that is not known. */
bool pmu_lacks(const struct page_counter *event);

#endif
