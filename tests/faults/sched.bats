# SPDX-License-Identifier: GPL-3.0-or-later
# sched.bats - how peers run: each is scheduled and holds its memory as was asked, who may not is told
# before anything is measured, and realtime peers are ended like others.

load helpers

# Who may not ask for realtime is told so, and this test is for who may.
realtime() {
	chrt -f 51 true 2>/dev/null || skip "no realtime here (RLIMIT_RTPRIO, CAP_SYS_NICE or the cgroup)"
}

# Peers may lock all that they map.
mlock_is_had() {
	"$TOLL" one pipe --mlock --for 10ms >/dev/null 2>&1
}

# A command for toll one: what is known of each peer, and of itself.
looker() {
	cat >look <<-'END'
		#!/bin/bash
		for pid in ${TOLL_TIDS//,/ }; do
			echo "peer: $(chrt -p "$pid" | sed 's/.*: //' | paste -sd' ') $(grep VmLck "/proc/$pid/status")"
		done
		echo "beside: $(chrt -p $$ | sed 's/.*: //' | paste -sd' ')"
	END
	chmod +x look
}

@test "fifo:50 with its memory locked is that, in processes and in threads; what runs beside is not" {
	realtime
	looker
	for peers in process thread; do
		"$TOLL" one pipe --sched fifo:50 --mlock --peers $peers --for 1500ms -- ./look >said 2>complained
		cat said complained
		[ "$(grep -c '^peer: SCHED_FIFO 50 ' said)" = 2 ]
		grep -qx 'beside: SCHED_OTHER 0' said
		grep -q '^pipe/pingpong/same-cpu/64/block/.*sched=fifo:50/mlock=on$' said
		[ $peers = thread ] || [ "$(grep -cE 'VmLck:[[:space:]]+[1-9][0-9]{3}' said)" = 2 ]
	done
	grep -q "realtime is not throttled\|the kernel may take" complained
}

@test "pages that are locked in memory can be given away" {
	mlock_is_had || skip "no CAP_IPC_LOCK, and $(ulimit -l) KiB may be locked"
	printf '5.18\n%s\n' "$(uname -r)" | sort -VC || skip "before Linux 5.18 (MADV_DONTNEED_LOCKED)"
	for size in 64 64K; do
		"$TOLL" one vmsplice:gift=yes --mlock --size $size --for 100ms
	done
}

@test "batch and idle are for everybody; idle beside what keeps its CPU awake is refused" {
	as_nobody
	cd "$PWD"
	looker
	for policy in batch idle; do
		"${AS[@]}" "$TOLL" one pipe --sched $policy --for 100ms -- ./look >said
		cat said
		[ "$(grep -ci "^peer: SCHED_$policy 0 " said)" = 2 ]
	done
	[ "$(nproc)" -gt 1 ] || return 0
	run --separate-stderr "$TOLL" one pipe --sched idle --placement across --for 100ms
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"add idle=sleep"* ]]
}

@test "an ordinary user: realtime and locked memory are left out with what raises the limits, the rest runs" {
	grid 1 "size = 64" "sched = other, fifo:50, batch"
	echo "mlock = off, on" >>grid.conf
	as_nobody
	ulimit -l 64
	[ "$(ulimit -r)" = 0 ] || skip "RLIMIT_RTPRIO is $(ulimit -r)"
	run --separate-stderr "${AS[@]}" "$TOLL" run -c grid.conf -o x.ndjson --operations 20
	echo "$output"
	echo "$stderr"
	[ "$status" -eq 0 ]
	is_whole
	lines header | jq -e '.plan | [.cells[].sched] == ["other", "batch"] and (.refused | length == 4)'
	[[ "$output" == *"RLIMIT_RTPRIO is 0, and 51 is needed"*"ulimit -r 51, or CAP_SYS_NICE"* ]]
	[[ "$output" == *"RLIMIT_MEMLOCK is 64 KiB (ulimit -l "* ]]
	run --separate-stderr "${AS[@]}" "$TOLL" run -c grid.conf -o y.ndjson --operations 20 --dma-latency 0
	[ "$status" -eq 4 ]
	[ ! -e y.ndjson ]
	[[ "$stderr" == *"--dma-latency: /dev/cpu_dma_latency: "* ]]
	nothing_left
}

@test "realtime peers that spin on both CPUs end with Ctrl-C, and with a killed toll" {
	realtime
	[ "$(nproc)" -gt 1 ] || skip "one CPU"
	grid 100 "size = 64" "sched = fifo:50" "wait = spin" "placement = across"
	begin --operations $((4 * LONG))
	until_measured 1
	kill -INT "$RUN"
	ends_with 130
	is_whole
	nothing_left
	rm x.ndjson
	begin --operations $((4 * LONG))
	until_measured 1
	kill -KILL "$RUN"
	ends_with 137
	nothing_left
}

@test "--dma-latency is held while it runs, stands in the header, and is part of what is compared" {
	[ -w /dev/cpu_dma_latency ] || skip "/dev/cpu_dma_latency is not there, or not for this user"
	held() {
		od -An -tu4 /dev/cpu_dma_latency | tr -d ' '
	}
	[ "$(held)" != 7 ]
	export -f held
	"$TOLL" one pipe --dma-latency 7us --for 100ms -- bash -c 'held >"$0"' seen >/dev/null
	[ "$(cat seen)" = 7 ]
	[ "$(held)" != 7 ]
	grid 1 "size = 64"
	"$TOLL" run -c grid.conf -o x.ndjson --operations 20 --dma-latency 7us >/dev/null
	lines header | jq -e '.host.dma_latency_us == 7'
	run --separate-stderr "$TOLL" run -c grid.conf -o x.ndjson --operations 20 --resume
	echo "$stderr"
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"dma_latency_us: not known here, 7 in the file"* ]]
}
