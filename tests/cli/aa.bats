# SPDX-License-Identifier: GPL-3.0-or-later
# aa.bats - toll aa: the outcome, where it is kept, and that toll vs tells of it.

load helpers

vs_says() {
	local word
	toll vs pipe pipe --pairs 5 >said || [ $? -eq 2 ]
	cat said
	for word; do
		grep -q "$word" said
	done
}

@test "an outcome with a row a class; it is kept, and toll vs says its age" {
	vs_says "no toll aa yet"
	run --separate-stderr toll aa --budget 4s --seed 5
	echo "$status $output $stderr"
	case ${lines[-1]} in
	passed:*) [ "$status" -eq 0 ] ;;
	failed:*) [ "$status" -eq 1 ] ;;
	"can't tell:"*) [ "$status" -eq 2 ] ;;
	*) false ;;
	esac
	[[ "${lines[-1]}" == *"seed 5)" ]]
	[[ "$output" == *"same-cpu, blocking, 64 B"*"across, blocking"*"across, spinning"*"64 KiB"* ]]
	[ "$(ls state/toll)" = aa.json ]
	is_json <state/toll/aa.json
	vs_says "toll aa ${lines[-1]%%:*} [0-9]* min ago"
}

@test "an outcome of another boot, of long ago, a broken one, a strange one" {
	mkdir -p state/toll
	echo '{"verdict": "passed", "time": 1000, "boot_id": "x"}' >state/toll/aa.json
	vs_says "toll aa passed, before this boot"
	boot=$(cat /proc/sys/kernel/random/boot_id)
	echo "{\"verdict\": \"failed\", \"time\": $(($(date +%s) - 3 * 3600)), \"boot_id\": \"$boot\"}" >state/toll/aa.json
	vs_says "toll aa failed 3 h ago"
	for text in '{"verdict": "passed", "ti' '{"verdict": "\u001b[31m", "time": 1, "boot_id": "x"}' \
		'{"verdict": 1, "time": "x", "boot_id": []}' '[]' ''; do
		echo "$text" >state/toll/aa.json
		vs_says "no toll aa yet"
	done
}

@test "JSON is one object, and what toll vs says in JSON" {
	toll aa --budget 1s --json >json || [ $? -le 2 ]
	is_json <json
	grep -q '"class": "across, spinning, 56 B"' json
	toll vs pipe pipe --pairs 5 --json >json || [ $? -eq 2 ]
	grep -A3 '"aa": {' json | grep -q '"this_boot": true'
}

@test "where it cannot be kept a note says so" {
	echo >file
	XDG_STATE_HOME=$PWD/file run --separate-stderr toll aa --budget 1s
	[ "$status" -le 2 ]
	[[ "$stderr" == *"file/toll/aa.json: "*"toll vs will not know"* ]]
	XDG_STATE_HOME='' HOME='' run --separate-stderr toll aa --budget 1s
	[[ "$stderr" == *"the outcome is not kept"* ]]
}

@test "one CPU: what needs two is left out with the reason" {
	cpu=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
	run --separate-stderr taskset -c "$cpu" "$TOLL" aa --budget 1s
	[ "$status" -le 2 ]
	[[ "$output" == *"across, spinning, 56 B"*"left out: this process may use one CPU only"* ]]
}

@test "mistakes" {
	fails_saying toll aa pipe : '"pipe" is one argument too many'
	fails_saying toll aa --budget soon : "--budget"
	fails_saying toll aa --sed 3 : "no option --sed, the nearest is --seed"
	HWLOC_SYNTHETIC='pack:2 pu:2' fails_saying toll aa : "HWLOC"
}
