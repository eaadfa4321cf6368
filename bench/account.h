/* SPDX-License-Identifier: GPL-3.0-or-later */
/* account.h - what a result's header tells beside the environment that runs are compared by: how
 * toll was built, what changes by itself while a machine is up, how far clocks may be apart. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "plan.h"

/* toll's commit, "+" behind it when its source had changes; NULL when it was built without git. */
const char *account_commit(void);
/* What was left out of this build, and what each needs; "". */
const char *account_without(void);
/* Was this mechanism? Then needs says for want of what. */
bool account_left_out(const char *name, char *needs, size_t bytes);

/* header.build and header.conditions of reports/schema.md, new; NULL when memory runs out. */
json_t *account_build(void);
json_t *account_conditions(void);
/* A program's "NAME VERSION NAME VERSION" as an object. */
json_t *account_libraries(const char *words);

/* Measures how far the clocks of the plan's CPUs are apart, from the first of them to each other,
 * and puts bound_ns, contradiction_ns and bound_why into header.clock. 0; 1 interrupted; -1 after
 * say_error(). */
int account_clocks(json_t *clock, const struct plan *plan, double ticks_per_ns);

#endif
