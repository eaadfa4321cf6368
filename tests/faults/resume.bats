# SPDX-License-Identifier: GPL-3.0-or-later
# resume.bats - which files --resume takes up, which it leaves as they are, and what it adds.

load helpers

# A whole run of a moment.
measured_file() {
	"$TOLL" run -c grid.conf --operations 20 -o x.ndjson >said
	is_complete 2 2
}

# Refused with that status, one line that says all of the words; the file is not touched.
refuses() { # STATUS WORDS… -- OPTION…
	local wanted=$1 words=()
	shift
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	cp x.ndjson untouched
	run --separate-stderr "$TOLL" run -c grid.conf -o x.ndjson --resume "$@"
	echo "status $status, said: $stderr"
	[ "$status" -eq "$wanted" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	for word in "${words[@]}"; do
		[[ "$stderr" == *"$word"* ]]
	done
	cmp x.ndjson untouched
}

@test "a finished run: nothing to add but that it was taken up" {
	measured_file
	completes 2 2 --operations 20
	# what was read again has six digits
	[ "$(lines summary | jq -c '.cells | map([.n, (.log_mean * 1e4 | round)])' | sort -u | wc -l)" -eq 1 ]
	lines resume | jq -e '.visit == 4'
}

@test "a finished run: more rounds" {
	measured_file
	completes 2 4 --operations 20 --rounds 4
}

@test "a changed host is refused with status 3, and named" {
	measured_file
	sed -i '1s/"kernel":"[^"]*"/"kernel":"1.2.3-other"/' x.ndjson
	refuses 3 x.ndjson kernel 1.2.3-other -- --operations 20
}

@test "another boot is refused with status 3" {
	measured_file
	sed -i '1s/"boot_id":"[^"]*"/"boot_id":"00000000-0000-4000-8000-000000000000"/' x.ndjson
	refuses 3 x.ndjson boot_id -- --operations 20
}

@test "another build of toll is refused with status 3, and another seed is a mistake" {
	measured_file
	sed -i '1s/"commit":"[^"]*"/"commit":"0123456789ab"/' x.ndjson
	refuses 3 x.ndjson "another build" 'commit: "0123456789ab"' -- --operations 20
	rm x.ndjson
	measured_file
	sed -i '1s/"compiler":"[^"]*"/"compiler":"cc 0.1"/g' x.ndjson
	refuses 3 x.ndjson "another build" 'compiler: "cc 0.1"' -- --operations 20
	rm x.ndjson
	measured_file
	refuses 4 "seed 7" x.ndjson -- --operations 20 --seed 7
	completes 2 2 --operations 20 --seed "$(grep -o -m1 '"seed":[0-9]*' x.ndjson | head -1 | cut -d: -f2)"
}

@test "a different plan is refused" {
	measured_file
	refuses 4 x.ndjson "different plan" -- --operations 20 --size 128
	refuses 4 x.ndjson "different plan" -- --operations 20 --mechanism futex
	refuses 4 x.ndjson "different plan" -- --operations 21
	refuses 4 x.ndjson "different plan" --
}

@test "a newer schema is refused" {
	measured_file
	sed -i '1s/"schema":1/"schema":2/' x.ndjson
	refuses 4 "x.ndjson:1" schema -- --operations 20
}

@test "a file that is none of toll's is not touched" {
	printf 'notes\nthat end without a line end' >x.ndjson
	refuses 4 x.ndjson --
	printf 'one line, no line end' >x.ndjson
	refuses 4 x.ndjson --
	: >x.ndjson
	refuses 4 x.ndjson --
}

@test "a file that is not there" {
	run --separate-stderr "$TOLL" run -c grid.conf -o x.ndjson --resume
	[ "$status" -eq 4 ]
	[[ "$stderr" == *x.ndjson* ]]
	[ ! -e x.ndjson ]
}

@test "a cut last line is taken away, wherever it was cut" {
	measured_file
	# the last worker's line and the summary are gone, the line before is cut
	head -n -2 x.ndjson >whole
	for bytes in 1 2 500; do
		head -c -$bytes whole >x.ndjson
		run --separate-stderr resume --operations 20
		echo "$stderr"
		[ "$status" -eq 0 ]
		is_whole
		is_complete 2 2
	done
}

@test "a visit that was written in part: only what is missing is measured" {
	grid 2 "mechanism = pipe, futex" "size = 64"
	measured_file
	local all=$(wc -l <x.ndjson) cut
	# summary and last worker gone; then that worker's whole visit; then half of the one before
	for cut in 2 3 4; do
		head -n -$cut x.ndjson >part
		cp part kept
		cp x.ndjson before.ndjson
		mv part x.ndjson
		resume --operations 20 >/dev/null
		is_whole
		is_complete 2 2
		# a resume line and a summary, and each missing worker
		[ "$(wc -l <x.ndjson)" -eq $((all + 1)) ]
		mv before.ndjson x.ndjson
	done
}

@test "controls are gone on with; a file that was begun without has none" {
	grid 3 "mechanism = pipe, futex" "size = 64"
	"$TOLL" run -c grid.conf -o x.ndjson --controls on --rounds 2 >/dev/null
	lines control | jq -es 'length > 0'
	local before=$(lines control | wc -l)
	keep
	resume --controls on >/dev/null
	is_whole
	is_complete 2 3
	[ "$(lines control | wc -l)" -ge "$before" ]
	rm x.ndjson kept
	"$TOLL" run -c grid.conf -o x.ndjson --rounds 2 >/dev/null
	resume --controls on >/dev/null
	is_complete 2 3
	[ -z "$(lines control)" ]
}

@test "a second toll on the same file is refused, the first goes on" {
	begin --operations $LONG
	until_measured 2
	run --separate-stderr "$TOLL" run -c grid.conf -o x.ndjson --resume --operations $LONG
	echo "$stderr"
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"x.ndjson is being written by another toll"* ]]
	run --separate-stderr "$TOLL" run -c grid.conf -o x.ndjson --operations $LONG
	echo "$stderr"
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"x.ndjson is there already"*"--resume"* ]]
	ends_with 0
	is_whole
	is_complete 2 2
}

@test "a broken-off run is finished when it is taken up again and again" {
	grid 3
	local part
	for part in 1 2; do
		if [ $part -eq 1 ]; then
			begin --operations $LONG
		else
			begin --operations $LONG --resume
		fi
		until_measured $((2 * part))
		catch_a_turn
		kill -KILL "$RUN"
		ends_with 137
	done
	completes 2 3 --operations $LONG
	[ "$(lines resume | wc -l)" -eq 2 ]
	# one after the other: visits have numbers of their own
	lines worker | jq -se 'map(.visit) == [range(6)]'
	lines worker | jq -se 'map(.at_s) | . == sort'
}
