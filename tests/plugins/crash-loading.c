/* SPDX-License-Identifier: MIT */
/* crash-loading.c - a shared object that crashes as it is loaded. */
#include <stdlib.h>

__attribute__((constructor)) static void crash(void)
{
	abort();
}
