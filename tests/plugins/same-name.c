/* SPDX-License-Identifier: MIT */
/* same-name.c - a mechanism whose name is taken: one that is built in, once more. */
#include "../../mechanisms/null.c" /* NOLINT(bugprone-suspicious-include) */
