/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_abi.c - ABI 1 is frozen: what toll-worker and a plug-in share lies where it lay, and only
 * grows at its end. A line that fails to compile is a break of the ABI, not a line to be changed:
 * new members go behind the last one (and get a line here). Offsets of 64-bit machines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "toll.h"

#if UINTPTR_MAX == UINT64_MAX
#define AT(structure, member, bytes)                                                               \
	_Static_assert(offsetof(struct structure, member) == (bytes), #structure "." #member);
#define LEAST(structure, bytes)                                                                    \
	_Static_assert(sizeof(struct structure) >= (bytes), #structure " has shrunk");

/* clang-format off */
AT(toll_option, name, 0)
AT(toll_option, value, 8)
AT(toll_option, values, 16)
AT(toll_option, about, 24)
LEAST(toll_option, 32)
AT(toll_channel, shared, 0)
AT(toll_channel, values, 8)
AT(toll_channel, most, 16)
AT(toll_channel, depth, 24)
AT(toll_channel, producers, 28)
AT(toll_channel, consumers, 32)
AT(toll_channel, wait, 36)
AT(toll_channel, threads, 40)
LEAST(toll_channel, 48)
AT(toll_mechanism, abi, 0)
AT(toll_mechanism, size, 4)
AT(toll_mechanism, name, 8)
AT(toll_mechanism, about, 16)
AT(toll_mechanism, when, 24)
AT(toll_mechanism, options, 32)
AT(toll_mechanism, waits, 40)
AT(toll_mechanism, producers, 44)
AT(toll_mechanism, consumers, 48)
AT(toll_mechanism, most_depth, 52)
AT(toll_mechanism, in_place, 56)
AT(toll_mechanism, bytes_only, 57)
AT(toll_mechanism, duplex, 58)
AT(toll_mechanism, both, 59)
AT(toll_mechanism, to_all, 60)
AT(toll_mechanism, slots, 61)
AT(toll_mechanism, lossy, 62)
AT(toll_mechanism, self_only, 63)
AT(toll_mechanism, absent, 64)
AT(toll_mechanism, most_bytes, 72)
AT(toll_mechanism, bytes, 80)
AT(toll_mechanism, open, 88)
AT(toll_mechanism, attach, 96)
AT(toll_mechanism, meet, 104)
AT(toll_mechanism, descriptor, 112)
AT(toll_mechanism, pass, 120)
AT(toll_mechanism, take, 128)
AT(toll_mechanism, close, 136)
AT(toll_mechanism, reserve, 144)
AT(toll_mechanism, commit, 152)
AT(toll_mechanism, flush, 160)
AT(toll_mechanism, peek, 168)
AT(toll_mechanism, release, 176)
AT(toll_mechanism, raise, 184)
AT(toll_mechanism, reads_room, 192)
AT(toll_mechanism, own_memory, 193)
AT(toll_mechanism, peek_sends, 194)
AT(toll_mechanism, helpers, 200)
AT(toll_mechanism, one_way, 208)
LEAST(toll_mechanism, 208)
AT(toll_credit, returned, 0)
AT(toll_credit, enough, 4)
LEAST(toll_credit, 4)
AT(toll_port, end, 0)
AT(toll_port, first, 8)
AT(toll_port, limit, 16)
AT(toll_port, stride, 24)
AT(toll_port, peer, 32)
AT(toll_port, sequence, 40)
AT(toll_port, producer, 48)
AT(toll_port, len, 56)
AT(toll_port, touched, 64)
AT(toll_port, sleep, 72)
AT(toll_port, why, 76)
AT(toll_port, side, 80)
AT(toll_port, descriptor, 84)
AT(toll_port, copy, 88)
AT(toll_port, bell, 96)
AT(toll_port, credit, 104)
AT(toll_port, depth, 112)
AT(toll_port, quarter, 116)
AT(toll_port, moved, 120)
AT(toll_port, known, 124)
AT(toll_port, sequences, 128)
AT(toll_port, lost, 136)
AT(toll_port, room, 144)
AT(toll_port, instances, 152)
AT(toll_port, original, 160)
AT(toll_port, epoll, 168)
AT(toll_port, spare, 176)
AT(toll_port, enough, 176)
AT(toll_port, goal, 184)
AT(toll_port, readers, 188)
AT(toll_port, sent, 192)
AT(toll_port, sent_len, 200)
AT(toll_port, burst, 208)
AT(toll_port, unyielded, 212)
LEAST(toll_port, 256)
AT(toll_peer, size, 0)
AT(toll_peer, index, 4)
AT(toll_peer, peers, 8)
AT(toll_peer, pace, 12)
AT(toll_peer, count, 16)
AT(toll_peer, counted, 32)
AT(toll_peer, lap, 40)
AT(toll_peer, deadline, 56)
AT(toll_peer, ins, 64)
AT(toll_peer, outs, 68)
AT(toll_peer, in, 72)
AT(toll_peer, out, 80)
AT(toll_peer, option, 88)
AT(toll_peer, values, 152)
AT(toll_peer, histogram, 160)
AT(toll_peer, dead, 168)
AT(toll_peer, hybrid_ticks, 176)
AT(toll_peer, wait, 184)
AT(toll_peer, bell, 192)
AT(toll_peer, ticks_per_ns, 200)
AT(toll_peer, harness, 208)
AT(toll_peer, rate, 216)
AT(toll_peer, span, 224)
AT(toll_peer, think, 232)
AT(toll_peer, thought, 240)
AT(toll_peer, played, 248)
LEAST(toll_peer, 256)
AT(toll_edge, producers, 0)
AT(toll_edge, consumers, 4)
LEAST(toll_edge, 8)
AT(toll_pattern, size, 0)
AT(toll_pattern, name, 8)
AT(toll_pattern, about, 16)
AT(toll_pattern, options, 24)
AT(toll_pattern, least_peers, 32)
AT(toll_pattern, most_peers, 36)
AT(toll_pattern, peers, 40)
AT(toll_pattern, graph, 48)
AT(toll_pattern, timer, 56)
AT(toll_pattern, least_size, 64)
AT(toll_pattern, alternates, 72)
AT(toll_pattern, fills, 73)
AT(toll_pattern, many_inputs, 74)
AT(toll_pattern, deadline, 75)
AT(toll_pattern, quantity, 80)
AT(toll_pattern, messages, 88)
AT(toll_pattern, bytes, 96)
AT(toll_pattern, absent, 104)
AT(toll_pattern, prepare, 112)
AT(toll_pattern, together, 120)
AT(toll_pattern, many_outputs, 121)
AT(toll_pattern, to_all, 122)
AT(toll_pattern, loses, 123)
AT(toll_pattern, paced, 124)
AT(toll_pattern, refuses, 128)
AT(toll_pattern, pairs, 136)
LEAST(toll_pattern, 144)
AT(toll_instance, sleeps, 0)
AT(toll_instance, bits, 4)
AT(toll_instance, size, 8)
AT(toll_instance, run, 16)
LEAST(toll_instance, 24)
AT(toll_binding, pattern, 0)
AT(toll_binding, instances, 8)
AT(toll_binding, count, 16)
LEAST(toll_binding, 24)
AT(toll_unit, abi, 0)
AT(toll_unit, size, 4)
AT(toll_unit, mechanism, 8)
AT(toll_unit, end_bytes, 16)
AT(toll_unit, bindings, 24)
AT(toll_unit, count, 32)
AT(toll_unit, pattern_bytes, 36)
AT(toll_unit, instance_bytes, 40)
AT(toll_unit, binding_bytes, 44)
AT(toll_unit, option_bytes, 48)
LEAST(toll_unit, 56)
/* clang-format on */
_Static_assert(sizeof(struct toll_port) == 256, "ports lie in arrays");
#endif

/* Numbers that are written into plug-ins. */
static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(TOLL_ABI, 1);
	assert_int_equal(TOLL_LINE, 128);
	assert_int_equal(TOLL_MOST_PEERS, 16);
	assert_int_equal(TOLL_HISTOGRAM, 48 * 128);
	assert_int_equal(TOLL_SLEEP | TOLL_WAKE << 4, 0x21);
	assert_int_equal(TOLL_PRODUCER | TOLL_CONSUMER << 4 | TOLL_BOTH << 8, 0x321);
	assert_int_equal(TOLL_SHARED | TOLL_PRIVATE << 4, 0x21);
	assert_int_equal(TOLL_COPY | TOLL_CREDIT << 4 | TOLL_STAMPED << 8, 0x421);
	assert_int_equal(TOLL_DEADLINE | TOLL_DEAD << 4 | TOLL_STOP << 8, 0x321);
	assert_int_equal(TOLL_SPIN | TOLL_PAUSE | TOLL_YIELD | TOLL_BLOCK | TOLL_HYBRID, 0x2f);
	assert_int_equal(TOLL_WAIT_HYBRID | TOLL_WAIT_EPOLL << 4, 0x65);
	assert_int_equal(TOLL_PACE_PAUSE | TOLL_PACE_YIELD | TOLL_PACE_LOOK, 7);
	assert_int_equal(TOLL_PACE_STOP | TOLL_PACE_DEAD, 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers) };

	return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
