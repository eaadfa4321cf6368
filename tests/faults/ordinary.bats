# SPDX-License-Identifier: GPL-3.0-or-later
# ordinary.bats - without rights, with one CPU, with somebody else's topology: what can be done is done,
# the rest is named.

load helpers

# Of all patterns in the long check.
patterns() { # SHORT LONG
	[ "${TOLL_CHECK:-long}" = long ] && echo "$2" || echo "$1"
}

@test "an ordinary user: what can run does, the rest is named" {
	grid 1 "mechanism = all, ring:layout=*" "size = 64" "placement = same-cpu, across" \
		"wait = spin, block" "pattern = $(patterns stream "pingpong, stream, self")"
	as_nobody
	run --separate-stderr "${AS[@]}" "$TOLL" run -c grid.conf -o x.ndjson --operations 20
	echo "status $status: $stderr"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"Left out"* ]]
	is_whole
	[ "$(lines worker | jq -r .state | sort -u)" = ok ]
	lines summary | jq -e '.ended == "rounds" and .failed == 0'
	[ -s x.html ]
	nothing_left
}

@test "an ordinary user, a folder that cannot be written: one line, before anything is measured" {
	as_nobody
	mkdir theirs
	chmod 555 theirs
	run --separate-stderr "${AS[@]}" "$TOLL" run -c grid.conf -o theirs/x.ndjson
	echo "$stderr"
	[ "$status" -eq 4 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == *"theirs/x.ndjson cannot be written: Permission denied"* ]]
}

@test "an ordinary user, another's result: --resume says that it cannot" {
	as_nobody
	"${AS[@]}" "$TOLL" run -c grid.conf -o x.ndjson --operations 20 >said
	chmod 444 x.ndjson
	[ "$(id -u)" -ne 0 ] || chown 0:0 x.ndjson
	run --separate-stderr "${AS[@]}" "$TOLL" run -c grid.conf -o x.ndjson --operations 20 --resume
	echo "$stderr"
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"x.ndjson cannot be taken up: Permission denied"* ]]
}

@test "one CPU: what can run does, the rest is named" {
	local cpu
	cpu=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
	grid 1 "mechanism = all" "size = 64" "placement = same-cpu, across" "wait = spin, yield, block" \
		"pattern = $(patterns pingpong "pingpong, fanin")"
	run --separate-stderr taskset -c "$cpu" "$TOLL" run -c grid.conf -o x.ndjson --operations 20
	echo "status $status: $stderr"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"Left out"* ]]
	[[ "$output" == *"one CPU"* ]]
	is_whole
	[ "$(lines worker | jq -r .state | sort -u)" = ok ]
	lines header | jq -e --argjson cpu "$cpu" '.plan | (.cells | length > 10 and all(.cpus | all(. == $cpu)))
		and (.refused | map(.cell) | any(test("/across/")) and any(test("/spin")))'
	nothing_left
}

@test "a foreign topology is looked at, never measured on" {
	export HWLOC_SYNTHETIC='pack:2 l3:1 l2:2 core:1 pu:2'
	run --separate-stderr "$TOLL" run -c grid.conf -o x.ndjson
	echo "$stderr"
	[ "$status" -eq 4 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == *HWLOC_SYNTHETIC* ]]
	[ ! -e x.ndjson ]
	"$TOLL" run -c grid.conf --dry-run | grep -q pipe/pingpong/same-cpu/64/block
	"$TOLL" list placements >list
	run -4 "$TOLL" one pipe --for 10ms
}

@test "no room for another process: what is finished stays, and it is said" {
	as_nobody
	[ "$(id -u)" -eq 0 ] || skip "only root has a user that runs nothing else"
	# toll itself and no more; root's own limit would not hold
	run --separate-stderr "${AS[@]}" bash -c 'ulimit -u 1; exec "$0" run -c grid.conf -o x.ndjson --operations 20' "$TOLL"
	echo "status $status: $stderr"
	[ "$status" -eq 4 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == *toll-worker*"Resource temporarily unavailable"* ]]
}
