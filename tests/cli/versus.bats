# SPDX-License-Identifier: GPL-3.0-or-later
# versus.bats - toll vs: the sentence, JSON, exit statuses, and what it refuses.

load helpers

cpus() {
	taskset -cp $$ | sed 's/.*: //' | grep -q '[-,]' || skip "one CPU only"
}

# Figures on a busy machine may be anything; what must hold is that sentence and status agree.
agrees() { # what run has left in status and output
	echo "status $status: $output"
	# shellcheck disable=SC2154
	case ${lines[0]} in
	*" faster than "* | *" are the same within "*) [ "$status" -eq 0 ] ;;
	"can't tell: "* | "invalid: "*) [ "$status" -eq 2 ] ;;
	*) false ;;
	esac
	[[ "${lines[0]}" =~ \((1\ pair|(0|[2-9]|[1-9][0-9]+)\ pairs),\ [0-9.]+\ s\)$ ]]
}

@test "a sentence, then each side's time, then how it was found" {
	run --separate-stderr toll vs pipe unix-stream --pairs 8
	agrees
	[ -z "$stderr" ]
	[ "${#lines[@]}" -ge 3 ]
	[[ "${lines[0]}" == *"at 64 B, same-cpu, block (8 pairs, "* ]]
	[[ "${lines[1]}" == "  round trip: pipe "*", unix-stream "* ]]
	[[ "${lines[2]}" == *"side by side"*"margin 2 %"*"look 1 of 1"*"seed "* ]]
	[[ "$output" != *$'\e'* ]]
}

@test "64 KiB take longer than 64 B, whatever else the machine does" {
	run --separate-stderr toll vs pipe/64K pipe/64 --pairs 12
	agrees
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == "pipe (64 B) is "*" % ["*"] faster than pipe (64 KiB) at same-cpu, block ("* ]]
}

@test "a margin of 50 % makes a pipe the same as itself" {
	run --separate-stderr toll vs pipe pipe --margin 50% --pairs 12
	agrees
	[[ "${lines[0]}" == "pipe and pipe are the same within 50 % at 64 B, same-cpu, block: "* ]]
}

@test "cannot tell is status 2" {
	# a margin far below what 5 pairs can resolve, of a cell against itself
	for seed in 1 2 3 4; do
		run --separate-stderr toll vs pipe pipe --pairs 5 --margin 0.01% --seed $seed
		agrees
		[ "$status" -eq 2 ] && break
	done
	[ "$status" -eq 2 ]
	[[ "${lines[0]}" == "can't tell: pipe against pipe at "*"; "*"pairs"*"(5 pairs, "* ]]
}

@test "the same words wherever they are said: a side, an option, a key" {
	a=pipe/pingpong/same-cpu/1K/block
	for sides in "pipe/1K ring/1K" "pipe ring --size 1K" "$a ring/1K/block" "pipe/block/1K/same-cpu ring --size 1K"; do
		# shellcheck disable=SC2086
		run --separate-stderr toll vs $sides --pairs 5 --json
		echo "$sides: $status $output"
		[[ "$output" == *"\"cell\": \"$a\""*"\"cell\": \"ring/pingpong/same-cpu/1K/block\""* ]]
	done
	run --separate-stderr toll vs ring/copy=on ring/depth=4/touch=none --pairs 5 --json
	[[ "$output" == *'block/copy=on"'*'block/depth=4/touch=none"'* ]]
	run --separate-stderr toll vs pipe/threads=on pipe --pairs 5
	agrees
	[[ "${lines[0]}" == *"pipe (threads)"* ]]
}

@test "JSON is one object with all of it" {
	toll vs pipe ring --pairs 6 --seed 9 --json >json || [ $? -eq 2 ]
	is_json <json
	for member in a b verdict ratio p_difference p_same pairs seconds looks margin seed host_state \
		side_by_side quantity level states ended; do
		echo "$member"
		grep -q "^  \"$member\": " json
	done
	grep -q '"seed": 9,' json
	grep -q '"pairs": 6,' json
	grep -q '"looks": 1,' json
}

@test "other wait classes and placements alternate, and it says so" {
	run --separate-stderr toll vs ring/yield ring --pairs 6
	agrees
	[[ "${lines[0]}" == *"ring (yield)"*", not side by side"* ]]
	[[ "${lines[2]}" == *ABBA* ]]
	cpus
	run --separate-stderr toll vs pipe pipe/across --pairs 6
	agrees
	[[ "${lines[0]}" == *"not side by side"* ]]
	run --separate-stderr toll vs pipe/across pipe/across/idle=sleep --pairs 5
	agrees
	[[ "${lines[0]}" == *"not side by side"* ]]
}

@test "what only spins is compared across two CPUs" {
	cpus
	run --separate-stderr toll vs mailbox ring --size 56 --pairs 6
	agrees
	[[ "${lines[0]}" == *", spin"* ]]
	[[ "${lines[0]}" != *same-cpu* ]]
	[[ "${lines[2]}" == *"side by side"* ]]
}

@test "streams are compared by the time of a message" {
	cpus
	run --separate-stderr toll vs ring ring:layout=shared-line --pattern stream --placement across --pairs 6
	agrees
	[[ "${lines[1]}" == "  a message: ring "*", ring:layout=shared-line "* ]]
}

@test "a pair of different quantities is refused" {
	fails_saying toll vs pipe/stream pipe : "pipe/stream/same-cpu/64/block" "no ratio" "--pattern"
}

@test "unknown words name the nearest" {
	fails_saying toll vs pipe/blok ring : '"blok"' '"block"' "toll vs -h"
	fails_saying toll vs pipe ring/same-cup : '"same-cup"' '"same-cpu"'
	fails_saying toll vs pipe/acros ring : '"across"'
	fails_saying toll vs pipe/straem ring : '"stream"'
	fails_saying toll vs pipe/dept=4 ring : '"dept=4"' '"depth"'
	fails_saying toll vs pip ring : '"pip"' '"pipe"'
	fails_saying toll vs ring:layout=slto ring : '"slto"' '"slot"'
	fails_saying toll vs pipe/64Q ring : '"64Q"' "size"
	fails_saying toll vs pipe/qqqqqq ring : '"qqqqqq"' "toll vs -h"
	fails_saying toll vs pipe ring --sise 64 : "--size" "toll vs -h"
}

@test "too few, too many, twice, lists" {
	fails_saying toll vs : "which two"
	fails_saying toll vs pipe : "which two"
	fails_saying toll vs pipe ring mailbox : '"mailbox" is one argument too many'
	fails_saying toll vs pipe/4K/8K ring : "size twice"
	fails_saying toll vs pipe/cpus:0,0/same-cpu ring : "twice"
	fails_saying toll vs pipe//4K ring : "a word is empty"
	fails_saying toll vs 'ring:layout=*' ring : "names 6 cells"
	fails_saying toll vs pipe ring --size 64,4K : "2 cells"
	fails_saying toll vs pipe ring --pairs 4 : "--pairs" "5"
	fails_saying toll vs pipe ring --margin 0 : "--margin"
	fails_saying toll vs pipe ring --budget soon : "--budget"
}

@test "what cannot run is refused with the true reason" {
	fails_saying toll vs mailbox mailbox/1M --placement same-cpu --wait yield : "nothing to run" "mailbox" "at most"
	fails_saying toll vs ring/spin ring --placement same-cpu : "spin on one CPU"
	fails_saying toll vs pipe/peers=3 pipe : "pingpong has 2 peers"
	fails_saying toll vs null null : "runs in self only"
	HWLOC_SYNTHETIC='pack:2 l3:1 l2:2 core:1 pu:2' fails_saying toll vs pipe ring : "HWLOC"
}

@test "a budget that is too small names the least" {
	fails_saying toll vs pipe ring --budget 20ms : "--budget" "pairs" "give it --budget"
}

@test "with --json a failure is JSON" {
	for sides in "pipe/blok ring" "pipe" "pipe pipe/stream" "ring:layout=* ring"; do
		# shellcheck disable=SC2086
		run --separate-stderr toll vs $sides --json
		[ "$status" -eq 4 ]
		[[ "$output" == '{"error": "'* ]]
		is_json <<<"$output"
	done
}

@test "Ctrl-C says what there is and ends by SIGINT" {
	# a shell makes its background jobs ignore SIGINT, and make check may be one
	run --separate-stderr env --default-signal=INT timeout --preserve-status -s INT 2 \
		"$TOLL" vs pipe pipe --pairs 9000
	echo "$status $output $stderr"
	[ "$status" -eq 130 ]
	[[ "${lines[0]}" == "pipe and pipe are the same"* || "${lines[0]}" == "can't tell: "* ||
		"${lines[0]}" == *" faster than "* ]]
	[[ "$output" == *interrupted* ]]
}
