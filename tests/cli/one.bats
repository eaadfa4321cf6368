# SPDX-License-Identifier: GPL-3.0-or-later
# one.bats - toll one CELL -- COMMAND: who is beside the cell, whom it is told of, and how it ends.

load helpers

# A program that says what it was told, and stays until it is interrupted.
watcher() {
	cat >watcher <<-'END'
		#!/bin/sh
		trap 'echo interrupted >>said; exit 130' INT
		echo "$*" >said
		echo "$TOLL_PIDS $TOLL_TIDS" >>said
		for id in $(echo "$TOLL_TIDS" | tr , ' '); do
			grep -E '^(Name|Tgid|Cpus_allowed_list)' /proc/$id/status
		done >seen
		while :; do sleep 0.05; done
	END
	chmod +x watcher
}

@test "-p and the peers' processes stand behind the command; SIGINT ends it in order" {
	watcher
	toll one pipe --for 1500ms -- ./watcher record -g
	cat said seen
	grep -Eqx 'record -g -p [0-9]+,[0-9]+' said
	grep -Eqx '([0-9]+,[0-9]+) \1' said
	grep -qx interrupted said
	[ "$(grep -c 'Name:.toll-worker' seen)" -eq 2 ]
	[ "$(grep Tgid seen | sort -u | wc -l)" -eq 2 ]
}

@test "threads as peers: their process once, and their own ids" {
	watcher
	toll one pipe/pingpong/same-cpu/64/block/threads=on --for 1500ms -- ./watcher
	cat said seen
	grep -Eqx -- '-p [0-9]+' said
	grep -Eqx '[0-9]+ [0-9]+,[0-9]+' said
	[ "$(grep Tgid seen | sort -u | tr -dc 0-9)" = "$(head -1 said | tr -dc 0-9)" ]
}

@test "a command that is not there is missed before anything is measured" {
	fails_saying toll one pipe --for 30s -- no-such-profiler record : "no program no-such-profiler"
	fails_saying toll one pipe --for 30s -- ./no-such-profiler : "no program ./no-such-profiler"
	run -4 --separate-stderr toll one pipe --for 30s --json -- /etc/passwd
	is_json <<<"$output"
	[[ "$output" == *"no program /etc/passwd"* ]]
}

@test "one that ends early is no mistake, one that fails is" {
	toll one pipe --for 50ms -- true | grep -q 'round trip'
	run -4 --separate-stderr toll one pipe --for 50ms -- sh -c 'exit 3'
	[[ "$output" == *"round trip"* ]]
	[ "$stderr" = "toll: one: sh ended with status 3; the cell was held all the same" ]
	run -4 --separate-stderr toll one pipe --for 50ms -- sh -c 'kill -SEGV $$'
	[[ "$stderr" == *"sh was ended by a signal: Segmentation fault"* ]]
	run -4 --separate-stderr toll one pipe --for 50ms --json -- sh -c 'echo loud; exit 3'
	is_json <<<"$output"
	[[ "$output" == *'"command_failed": "sh ended with status 3"'* ]]
	[[ "$stderr" == *loud* ]]
	# what a profiler did was of no use when it came too late
	! command -v perf >/dev/null || toll one pipe --for 1s -- perf stat -e context-switches 2>perf
	! command -v perf >/dev/null || grep -q 'context-switches' perf
}

@test "what a shell started for it ends with it" {
	local start=$SECONDS
	toll one pipe --for 300ms -- sh -c 'echo $$ >shell; sleep 60; true'
	[ $((SECONDS - start)) -lt 20 ]
	run ! pgrep -g "$(cat shell)"
}

# Waits for a file of one.
appears() { # FILE
	local start=$SECONDS
	until [ -s "$1" ]; do
		[ $((SECONDS - start)) -lt 20 ]
		sleep 0.02
	done
}

ends_interrupted() { # PID
	local status=0
	wait "$1" || status=$?
	echo "status $status"
	[ "$status" -eq 130 ]
}

@test "Ctrl-C: toll ends by SIGINT, its command before it" {
	watcher
	env --default-signal "$TOLL" one pipe --for 30s -- ./watcher >out 2>err 3>&- &
	appears seen
	kill -INT $!
	ends_interrupted $!
	grep -qx interrupted said
	[ ! -s out ]
}

@test "one that does not end on SIGINT: the next Ctrl-C ends both" {
	cat >stubborn <<-'END'
		#!/bin/sh
		trap 'echo no >>said' INT
		while :; do sleep 0.05; done
	END
	chmod +x stubborn
	env --default-signal "$TOLL" one pipe --for 50ms -- ./stubborn >out 2>err 3>&- &
	appears said
	kill -INT $!
	ends_interrupted $!
	run ! pgrep -f "$PWD/stubborn|[.]/stubborn -p"
}
