/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mounts.c - mounting where nobody else sees it. */
#include "mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

static int make_private(const char *path)
{
	return mount(NULL, path, NULL, MS_REC | MS_PRIVATE, NULL);
}

int mounts_private(const char *path)
{
	char at[PATH_MAX];

	if (make_private("/") == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	/* EINVAL: no mount there; the folder that is one is the nearest above */
	snprintf(at, sizeof at, "%s", path);
	while (*at) {
		if (make_private(at) == 0)
			return 0;
		if (errno != EINVAL)
			return -1;
		*strrchr(at, '/') = '\0';
	}
	return -1;
}
