/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mounts.h - mounting where nobody else sees it. */
#ifndef MOUNTS_H
#define MOUNTS_H

/* In a mount namespace of one's own (unshare(CLONE_NEWNS)): what is mounted at an absolute path
 * from now on stays in it, also in a chroot whose root is no mount. 0; −1 with errno, EINVAL where
 * the mount that path lies on cannot be reached from here. */
int mounts_private(const char *path);

#endif
