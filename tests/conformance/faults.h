/* SPDX-License-Identifier: GPL-3.0-or-later */
/* faults.h - the checks can fail: plug-ins that break a promise each, played. */
#ifndef FAULTS_H
#define FAULTS_H

#include "bench/conformance/conform.h"

/* folder: of the plug-ins built from tests/plugins. */
void faults_play(const struct stage *stage, const struct wanted *wanted, const char *folder,
		 struct totals *totals);

#endif
