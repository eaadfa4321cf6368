/* SPDX-License-Identifier: MIT */
/* wrong-abi.c - a mechanism built with the headers of another toll. */
#include "toll.h"

#undef TOLL_ABI
#define TOLL_ABI 99u

struct toll_end {
	int nothing;
};

TOLL_MECHANISM(wrong_abi, .name = "wrong-abi", .about = "of another toll")
