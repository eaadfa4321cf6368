/* SPDX-License-Identifier: GPL-3.0-or-later */
/* state.h - which state a host was in while something was measured. */
#ifndef STATE_H
#define STATE_H

enum host_state { STATE_NONE, STATE_NEAR, STATE_FAR, STATE_COUNT };

#endif
