/* SPDX-License-Identifier: MIT */
/* wrong-abi.c - a mechanism built with the headers of another toll. */
#include "toll.h"

#undef TOLL_ABI
#define TOLL_ABI 99u
#include "../../mechanisms/null.c" /* NOLINT(bugprone-suspicious-include) */
