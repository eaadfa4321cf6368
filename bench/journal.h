/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal.h - kernel objects outlive processes that die: what dead workers left is removed. */
#ifndef JOURNAL_H
#define JOURNAL_H

/* Goes through the journals (bench/worker/journal_file.h) of this user; for those whose process is
 * dead, removes the objects, then the journal. Returns how many objects were removed, or -1 after
 * say_warning() when something could not be looked at or removed; the rest is removed all the same.
 */
int journal_sweep(void);

#endif
