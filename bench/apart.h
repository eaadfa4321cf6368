/* SPDX-License-Identifier: GPL-3.0-or-later */
/* apart.h - what a plug-in may disturb is done in a process of its own: whatever it does there,
 * toll says so, and sweeps behind it. */
#ifndef APART_H
#define APART_H

#include <stdbool.h>

/* Calls play() in a process of its own, in namespaces of its own where this user may make them
 * (isolated: left_isolate()), with a private folder for journals. All that it has started has ended
 * when this returns, and what was journalled is gone. What it finds has to be in shared memory. Its
 * exit status; EXIT_USAGE after say_error(), SIGNALLED plus the signal that was to end toll. who:
 * the command, for messages and the folder's name. */
int apart_play(const char *who, int (*play)(void *context, bool isolated), void *context);

#endif
