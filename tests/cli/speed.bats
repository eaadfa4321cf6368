# SPDX-License-Identifier: GPL-3.0-or-later
# speed.bats - results of many cells are compared and reported in seconds of CPU time, and alike each time.

load helpers
load results

# CPU time of a command and its children, in seconds; its output goes to a file.
cpu_seconds() { # OUTPUT COMMAND…
	local output=$1 TIMEFORMAT='%U %S'
	shift
	{ time "$@" >"$output" 2>errors; } 2>&1 | awk '{ print $1 + $2 }'
}

under() { # SECONDS LIMIT WHAT
	echo "# $3: $1 s of CPU time" >&3
	awk -v s="$1" -v limit="$2" 'BEGIN { exit !(s > 0 && s < limit) }'
}

# The goal is 2 s of CPU time on a machine like CI's. The same again gives the same bytes.
compares_in_time() { # WHAT FILE…
	local what=$1
	shift
	under "$(cpu_seconds json toll compare --json "$@")" 2 "$what"
	is_json <json
	[ "$(jq '.cells | length' json)" -eq 500 ]
	toll compare --json "$@" >again || [ $? -eq 2 ] # one run a side tells nothing
	cmp json again
}

@test "500 cells, 2 sides of 5 runs, 4 workers of 100 turns in each" {
	local i
	command -v jq || skip "jq is not here"
	for i in 1 2 3 4 5; do
		result old$i seed=1$i cells=500 turns=100 workers=4
		result new$i seed=2$i cells=500 turns=100 workers=4 changed=10 factor=1.03
	done
	compares_in_time "compare, 5 files a side" old? -- new?
	[ "$(jq .counts.slower json)" -eq 10 ]
	under "$(cpu_seconds page.html toll compare --format html old? -- new?)" 4 "its page, gnuplot too"
	[ "$(grep -c '^<tr><td class=' page.html)" -eq 500 ]
}

@test "500 cells, 2 sides of 1 run, 20 workers of 100 turns in it" {
	command -v jq || skip "jq is not here"
	result old seed=1 cells=500 turns=100
	result new seed=2 cells=500 turns=100 changed=10 factor=1.03
	compares_in_time "compare, 1 file a side" old new
}

@test "a report of 100 cells" {
	local variant=0 i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		result part$i seed=$i cells=10 turns=100 mechanism=pipe$i
	done
	# one file of ten variants at ten sizes
	jq -sc '[.[] | select(.kind == "header") | .plan.cells[]] as $cells | .[0] |
		.plan.cells = ($cells | to_entries | map(.value + { id: .key }))' part{1,2,3,4,5,6,7,8,9,10} >run.ndjson ||
		skip "jq is not here"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		jq -c --argjson at $(((i - 1) * 10)) \
			'select(.kind == "worker") | .cell += $at | .block = $at' part$i >>run.ndjson
	done
	mkdir nothing
	under "$(cpu_seconds said env PATH="$PWD/nothing" "$TOLL" report -o bare run.ndjson)" 2 "report, its figures left out"
	under "$(cpu_seconds said "$TOLL" report -o out run.ndjson)" 2 "report, $(find out -name '*.svg' | wc -l) figures by gnuplot as SVG and PNG"
	[ -s out/run.html ]
}
