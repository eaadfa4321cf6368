# SPDX-License-Identifier: GPL-3.0-or-later
# journal.bats - kernel objects with names: what a killed run leaves, the next one removes.

load helpers

setup_file() {
	local root=$BATS_TEST_DIRNAME/../..
	export JOURNALLED=$BATS_FILE_TMPDIR/journalled.so
	# loops that are not inlined: it is not measured for its speed
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -O1 -Dalways_inline=unused -fPIC -shared -I"$root/bench" \
		-I"$root/${BUILD:-build}" -o "$JOURNALLED" "$root/tests/plugins/journalled.c"
}

# Each kind in a worker of its own, all side by side.
each_kind() { # [ROUNDS]
	grid "${1:-1}" "mechanism = journalled:kind=*" "size = 64"
	cp "$JOURNALLED" .
	PLUGIN=(-m ./journalled.so --operations "$LONG")
}

objects() {
	left_behind | grep -v "$XDG_RUNTIME_DIR" | diff "$BATS_TEST_TMPDIR/before" - | grep -c '^>' || true
}

some_objects() {
	[ "$(objects)" -ge "$1" ]
}

# A run of anything else.
sweeps() { # LEAST NUMBER
	mv grid.conf kinds.conf
	grid 1
	"${AS[@]}" "$TOLL" run -c grid.conf --operations 20 -o other.ndjson >said 2>complained
	mv kinds.conf grid.conf
	cat complained
	local number
	number=$(sed -n 's/.*note: \([0-9]*\) kernel objects\? of dead runs removed/\1/p' complained)
	[ "$number" -ge "$1" ]
	nothing_left
}

@test "a whole run leaves nothing" {
	each_kind
	"$TOLL" run -c grid.conf -m ./journalled.so --operations 20 -o x.ndjson >said
	is_complete 6 1
	nothing_left
}

# shm and file are there whatever the rights; the others are in an IPC namespace of their worker where
# that may be made.
@test "SIGKILL of the controller: the next run removes what was left" {
	each_kind
	begin "${PLUGIN[@]}"
	catch_a_turn
	until_true some_objects 2
	kill -KILL "$RUN"
	ends_with 137
	until_true no_process
	some_objects 2
	sweeps 2
	completes 6 1 "${PLUGIN[@]}"
}

@test "SIGKILL as an ordinary user: each kind is removed" {
	as_nobody
	each_kind
	begin "${PLUGIN[@]}"
	catch_a_turn
	kill -KILL "$RUN"
	ends_with 137
	until_true no_process
	some_objects 5
	sweeps 6
	completes 6 1 "${PLUGIN[@]}"
}

@test "SIGKILL of workers: the run goes on, the next one removes what was left" {
	each_kind 2
	begin "${PLUGIN[@]}"
	catch_a_turn
	# it tells nobody to leave while they are looked up
	kill -STOP "$RUN"
	children "$RUN" WORKERS
	kill -KILL "${WORKERS[@]}"
	kill -CONT "$RUN"
	ends_with 0
	lines summary | jq -e '.ended == "rounds" and .failed == 6'
	some_objects 2
	sweeps 2
}

@test "another run meanwhile takes nothing away" {
	each_kind
	begin "${PLUGIN[@]}"
	catch_a_turn
	until_true some_objects 2
	"$TOLL" run -m ./journalled.so -c grid.conf --operations 20 -o other.ndjson >said 2>complained
	cat complained
	[ ! -s complained ]
	ends_with 0
	is_complete 6 1
	nothing_left
}
