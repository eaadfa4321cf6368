# SPDX-License-Identifier: GPL-3.0-or-later
# killed.bats - whoever is killed or stopped in the middle of a turn: finished visits stay, the run goes
# on or --resume completes it, and nothing is left.

load helpers

# What the run says of a worker that was lost, while all others are there: of 2 cells in 2 rounds.
lost_one() { # REASON
	is_whole
	echo "failures: $(failures)"
	[[ "$(failures)" == $1 ]]
	[ "$(lines worker | jq -s '[.[] | select(.state == "ok")] | length')" -eq 3 ]
	lines summary | jq -e '.ended == "rounds" and .failed == 1'
}

a_worker() {
	children "$RUN" WORKERS
	[ ${#WORKERS[@]} -gt 0 ]
}

no_zombie() {
	local dead
	mapfile -t dead < <(grep -ls '^State:.Z' /proc/[0-9]*/status)
	! grep -lsP '^PPid:\t('"$RUN|$WORKER"')$' "${dead[@]}" /dev/null
}

@test "SIGKILL of a peer: one line says so, the run goes on" {
	begin --operations $LONG
	catch_a_turn
	kill -KILL "${PEERS[1]}"
	until_measured 2
	until_true no_zombie
	ends_with 0
	lost_one "peer 1 died: Killed"
	nothing_left
}

@test "SIGKILL of a peer: those beside it in the block are measured again" {
	grid 2 "mechanism = pipe, futex" "size = 64"
	begin --operations $LONG
	catch_a_turn
	kill -KILL "${PEERS[0]}"
	ends_with 0
	lost_one "peer 0 died: Killed"
	nothing_left
}

@test "SIGKILL of a worker: one line says so, the run goes on" {
	begin --operations $LONG
	catch_a_turn
	kill -KILL "$WORKER"
	ends_with 0
	lost_one "its worker died: Killed"
	nothing_left
}

@test "SIGKILL of a peer that is a thread takes its worker along" {
	grid 2 "peers = thread"
	begin --operations $LONG
	until_measured 2

	children "$RUN" workers
	kill -KILL "${workers[0]}"
	ends_with 0
	lost_one "its worker died: Killed"
	nothing_left
}

@test "SIGKILL of the controller" {
	begin --operations $LONG
	until_measured 2
	catch_a_turn
	kill -KILL "$RUN"
	ends_with 137
	# all die with it, not with the next run
	until_true no_process
	completes 2 2 --operations $LONG
}

@test "SIGKILL of controller and worker together" {
	begin --operations $LONG
	until_measured 2
	catch_a_turn
	kill -KILL "$RUN" "$WORKER"
	ends_with 137
	until_true no_process
	completes 2 2 --operations $LONG
}

@test "SIGKILL of the controller while a peer is stopped" {
	begin --operations $LONG
	catch_a_turn
	kill -STOP "${PEERS[0]}"
	kill -KILL "$RUN"
	ends_with 137
	until_true no_process
	completes 2 2 --operations $LONG
}

@test "SIGKILL of the controller while it keeps CPUs awake" {
	[ "$(nproc)" -ge 2 ] || skip "one CPU only"
	grid 1 "placement = across" "size = 64"
	begin --operations $LONG
	catch_a_turn
	# its children are the workers and, by its own name, those that spin
	local child spinners=0
	children "$RUN" WORKERS
	for child in "${WORKERS[@]}"; do
		[ "$(cat "/proc/$child/comm")" = toll ] || continue
		spinners=$((spinners + 1))
		# with the file it would hold the lock that keeps --resume out
		[ "$(readlink "/proc/$child/fd/"* | grep -c x.ndjson)" -eq 0 ]
	done
	[ $spinners -eq 2 ]
	kill -KILL "$RUN"
	ends_with 137
	completes 1 1 --operations $LONG
}

@test "a peer stopped at its turn: the watchdog ends its worker, the run goes on" {
	begin --operations $LONG
	catch_a_turn
	kill -STOP "${PEERS[1]}"
	ends_with 0
	lost_one "it hangs: no turn ended for 5 s*"
	nothing_left
}

@test "a peer stopped beyond its pattern's deadline: the run goes on" {
	grid 2 "pattern = pipeline:deadline=1s" "size = 64"
	begin --operations $((20 * LONG))
	catch_a_turn
	kill -STOP "${PEERS[1]}"
	ends_with 0
	is_whole
	failures
	[[ "$(failures)" == "deadline: peer "*" waited too long for "* ]]
	lines summary | jq -e '.ended == "rounds" and .failed == 1'
	nothing_left
}

@test "a worker stopped itself: it is killed at the end of its visit, the run goes on" {
	begin --operations $LONG
	catch_a_turn
	kill -STOP "$WORKER"
	ends_with 0
	lost_one "its worker did not leave within 4 s; killed"
	nothing_left
}

@test "the controller stopped and continued (Ctrl-Z)" {
	begin --operations $LONG
	catch_a_turn
	kill -STOP "$RUN"
	# longer than its watchdog is patient
	sleep 6
	kill -CONT "$RUN"
	ends_with 0
	is_complete 2 2
	nothing_left
}

@test "SIGKILL of the canary: its visit is made again" {
	[ "$(nproc)" -ge 2 ] || skip "one CPU only"
	grid 1 "placement = across" "size = 64" "wait = spin"
	begin --operations $((20 * LONG))
	catch_a_turn
	# the last of the workers
	children "$RUN" WORKERS
	kill -KILL "${WORKERS[-1]}"
	ends_with 0
	is_complete 1 1
	lines summary | jq -e '.failed == 0'
	nothing_left
}

@test "workers that die as they start: status 4, and the run says where the reasons are" {
	local rounds ended said
	printf '#!/bin/sh\ncase " $* " in *" --page "*) exit 7 ;; esac\nexec "%s" "$@"\n' \
		"$(dirname "$TOLL")/toll-worker" >worker
	chmod +x worker
	# three failures in a row are enough
	while read -r rounds ended said; do
		rm -f x.ndjson
		grid "$rounds"
		TOLL_WORKER=$PWD/worker begin --operations $LONG
		ends_with 4
		is_whole
		[ "$(failures | sort -u)" = "its worker ended with status 7" ]
		[ "$(lines summary | jq -r .ended)" = "$ended" ]
		grep -qx "toll: $said; the reasons stand in x.ndjson" complained
		nothing_left
	done <<-END
		2 rounds every worker failed
		9 stopped every cell failed
	END
}

# Each time a peer yields, eight others have their slice of its CPU, for eight seconds.
@test "peers whose CPU others have are slow, and not taken for hanging" {
	[ "${TOLL_CHECK:-long}" = long ] || skip "in make check-long"
	grid 1 "wait = yield" "size = 64"
	local i others=$((8 * $(nproc)))
	for ((i = 0; i < others; i++)); do
		timeout 8 sh -c 'while :; do :; done' 3>&- &
	done
	run -0 timeout 100 "$TOLL" run -c ./grid.conf -o x.ndjson --operations 4000
	echo "failures: $(failures)"
	[ "$(lines worker | jq -r .state)" = ok ]
	# it has seen what it is about: a turn that long
	lines worker | jq -e '.batch_ns | max * 4000 > 5.5e9'
}
