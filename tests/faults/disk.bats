# SPDX-License-Identifier: GPL-3.0-or-later
# disk.bats - a full disk: the error names the file and says what to do, finished visits stay, and when
# there is room again --resume completes the run. Shared memory that runs out between workers.

load helpers

# The rest of a test on a disk of so many KiB, in a mount namespace of its own; $1 KiB, then commands.
on_a_disk_of() {
	local kib=$1
	shift
	local alone=(unshare --mount)
	[ "$(id -u)" -eq 0 ] || alone=(unshare --user --map-current-user --keep-caps --mount)
	mkdir disk
	"${alone[@]}" mount -t tmpfs -o size=4k tmpfs disk 2>/dev/null ||
		skip "mounting is not allowed here"
	export -f full_disk full_page full_record compare_here run_here is_whole is_complete
	export TOLL
	"${alone[@]}" bash -euc "mount -t tmpfs -o size=${kib}k tmpfs disk; cp grid.conf disk; cd disk; $*"
}

# Status and what was said: ../status, ../complained.
run_here() { # OPTION…
	local status=0
	"$TOLL" run -c grid.conf -o x.ndjson --operations 20 "$@" >../said 2>../complained 3>&- || status=$?
	echo "status $status:"
	cat ../complained
	return $status
}

full_disk() {
	local status=0
	run_here || status=$?
	[ $status -eq 4 ]
	# one line
	[ "$(wc -l <../complained)" -eq 1 ]
	grep -q '^toll: x.ndjson: No space left on device; .*make room.*--resume' ../complained
	is_whole
	jq -es '[.[] | select(.kind == "worker")] | length > 4 and all(.state == "ok")' x.ndjson
	# visits whole: of both cells, or not there
	jq -es '[.[] | select(.kind == "worker")] | group_by(.visit) | all(length == 2)' x.ndjson
	# still no room
	cp x.ndjson ../full.ndjson
	status=0
	run_here --resume || status=$?
	[ $status -eq 4 ]
	is_whole
	cmp -n "$(stat -c %s ../full.ndjson)" ../full.ndjson x.ndjson
	mount -o remount,size=16m "$PWD"
	run_here --resume
	is_whole
	is_complete 2 20
	cmp -n "$(stat -c %s ../full.ndjson)" ../full.ndjson x.ndjson
}

@test "a full disk" {
	grid 20 "mechanism = pipe, futex" "size = 64"
	on_a_disk_of 24 full_disk
	nothing_left
}

@test "a disk that has no room for the first line: no husk is left" {
	grid 2
	on_a_disk_of 4 'run_here || [ $? -eq 4 ]; grep -q "x.ndjson: No space left on device" ../complained; [ ! -e x.ndjson ]'
	nothing_left
}

full_page() {
	local status=0
	run_here
	cat /dev/zero >filler 2>/dev/null || true
	cp x.ndjson ../full.ndjson
	rm -r x.html x.files
	cat /dev/zero >>filler 2>/dev/null || true
	"$TOLL" report x.ndjson >../said 2>../complained || status=$?
	cat ../complained
	[ $status -eq 4 ]
	[ "$(wc -l <../complained)" -eq 1 ]
	grep -q "No space left on device; make room" ../complained
	cmp ../full.ndjson x.ndjson
	# nothing half written stays
	ls -A
	[ "$(ls -A | paste -sd' ')" = "filler grid.conf x.ndjson" ]
}

compare_here() { # OPTION…
	local status=0 worker
	worker=$(dirname "$TOLL")/toll-worker
	"$TOLL" compare --live "$worker" "$worker" --mechanism pipe --size 64 --pattern pingpong --wait block \
		--placement same-cpu --margin 0.01% --record r "$@" >../said 2>../complained 3>&- || status=$?
	echo "status $status:"
	cat ../complained
	return $status
}

full_record() {
	local status=0
	compare_here --pairs 9 || status=$?
	[ $status -eq 4 ]
	[ "$(wc -l <../complained)" -eq 1 ]
	grep -q '^toll: r: No space left on device; .*make room.*--more' ../complained
	jq -es '([.[] | select(.kind == "pair")] | length > 4) and .[0].kind == "comparison"' r
	cp r ../full
	# what there is can be shown, and when there is room again it goes on
	"$TOLL" compare r >../said || [ $? -eq 2 ]
	mount -o remount,size=16m "$PWD"
	compare_here --pairs 5 --more || [ $? -eq 2 ]
	cmp -n "$(stat -c %s ../full)" ../full r
	jq -es '.[-1].kind == "end" and ([.[] | select(.kind == "pair" and .duel == 0)] | length >= 5)' r
}

@test "a full disk under a record of pairs: it is whole, and --more goes on" {
	on_a_disk_of 64 full_record
	nothing_left
}

@test "no room for the page: the result stays, nothing half written does" {
	grid 2
	on_a_disk_of 4096 full_page
}

# Four rings in one block, each of which there is room for.
rings_of() { # KIND
	grid 1 "size = 64" "mechanism = $(printf "ring:memory=$1,layout=%s, " slot flag line)ring:memory=$1,layout=bytes"
}

# Runs them as AS says: who found no room says what makes it.
some_lack() { # WORDS
	run --separate-stderr "${AS[@]}" "$TOLL" run -c grid.conf -o x.ndjson --operations 20
	echo "status $status: $stderr"
	echo "$output"
	failures
	is_whole
	lines worker | jq -es 'any(.state == "failed")'
	lines worker | jq -es --arg words "$1" 'map(select(.state == "failed").reason) | all(contains($words))'
	nothing_left
}

@test "/dev/shm that runs full between a block's workers: what makes it larger is named" {
	[ "$(getconf PAGESIZE)" = 4096 ] || skip "for pages of 4 KiB"
	local alone=(unshare --mount)
	[ "$(id -u)" -eq 0 ] || alone=(unshare --user --map-current-user --keep-caps --mount)
	"${alone[@]}" mount -t tmpfs -o size=36k tmpfs /dev/shm 2>/dev/null || skip "mounting is not allowed here"
	rings_of posix-shm
	# shellcheck disable=SC2016
	AS=("${alone[@]}" bash -c 'mount -t tmpfs -o size=36k tmpfs /dev/shm && exec "$@"' bash)
	some_lack "mount -o remount,size=… /dev/shm)"
}

@test "System V shared memory that runs out between a block's workers: the sysctls are named" {
	[ "$(id -u)" -eq 0 ] || skip "only root sets the limit, for an ordinary user's workers"
	rings_of sysv-shm
	as_nobody
	unshare --ipc sh -c 'echo 2 >/proc/sys/kernel/shmmni' 2>/dev/null || skip "no IPC namespace is to be had"
	# shellcheck disable=SC2016
	AS=(unshare --ipc bash -c 'echo 2 >/proc/sys/kernel/shmmni && exec "$@"' bash "${AS[@]}")
	some_lack "sysctl kernel.shmmax, kernel.shmall, kernel.shmmni)"
}
