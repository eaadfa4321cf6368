/* SPDX-License-Identifier: MIT */
/* nothing.c - a shared object that registers no mechanism. */
int nothing_here(void);

int nothing_here(void)
{
	return 0;
}
