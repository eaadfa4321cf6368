# SPDX-License-Identifier: GPL-3.0-or-later
# looks.bats - runs under a budget: they end early when every cell is decided, else the budget is
# used, no more and no less; what was decided and spent outlasts --resume.

load helpers

# Two cells that are far apart, whatever the machine is busy with, in one block of some 30 ms.
grid() { # MARGIN
	printf '[run]\nmargin = %s\n[grid]\nmechanism = pipe, unix-stream\nsize = 64\nplacement = same-cpu\n' \
		"$1" >grid.conf
}

run_grid() { # OPTION…
	toll run -c grid.conf --controls off -o x.ndjson "$@" >said
	cat said
}

lines() { # KIND
	jq -c --arg kind "$1" 'select(.kind == $kind)' x.ndjson
}

workers() {
	lines worker | wc -l
}

# Of the budget, by the run's own clock.
took_all_of() { # SECONDS
	lines summary | tail -1 | jq -e --argjson budget "$1" \
		'.elapsed_s, (.elapsed_s >= 0.95 * $budget and .elapsed_s <= 1.05 * $budget)'
}

@test "everything is decided: the run ends early and says so" {
	grid 50%
	run_grid --budget 20s
	lines summary | jq -e '.ended == "decided" and .elapsed_s < 19 and .rounds >= 20'
	grep -Eq '^All 2 cells decided after [1-3] looks?, 0:[0-9]+ of 0:20: .*\(α spent 0\.0[0-9]+\)$' said
	grep -q 'All 2 cells decided after' x.html
	# each cell once, the slower one told from the other
	lines look | jq -se 'map(.decided[]) | sort_by(.cell) | map(.how) | length == 2 and contains(["precise"])'
	# α of O'Brien and Fleming's shape, and what a look that was left out might have spent
	lines look | jq -se 'map(.alpha) | add' >alphas
	lines look | jq -se --slurpfile sum alphas '.[-1].spent - $sum[0] | fabs < 1e-6'
	toll report --format md -o . x.ndjson
	grep -q 'All 2 cells decided after' x.md
}

@test "a decided run that is taken up adds nothing, even with a larger budget" {
	grid 50%
	run_grid --budget 20s
	local before=$(workers) looks=$(lines look | wc -l)
	run_grid --resume --budget 60s
	[ "$(workers)" -eq "$before" ]
	[ "$(lines look | wc -l)" -eq "$looks" ]
	lines summary | jq -se 'length == 2 and .[0].rounds == .[1].rounds and .[1].ended == "decided"'
	# rounds are an amount that is asked for, whatever was decided
	local rounds=$(lines summary | tail -1 | jq .rounds)
	run_grid --resume --rounds $((rounds + 2))
	[ "$(workers)" -eq $((before + 4)) ]
	[ "$(lines look | wc -l)" -eq "$looks" ]
}

@test "nothing is decided: four looks, and the budget is kept" {
	grid 0.01%
	run_grid --budget 8s
	took_all_of 8
	lines summary | jq -e '.ended == "budget"'
	lines look | jq -se 'map(.decided) | flatten == []'
	lines look | jq -se '.[-1].number == 4 and (.[-1].spent - 0.05 | fabs) < 1e-6'
	lines look | jq -se 'map(.number) | . == (. | unique)'
	grep -Eq '^[1-4] looks?, 0 of 2 cells decided \(α spent 0\.05\)$' said
	# all is spent: a larger budget buys precision, and no further look
	local looks=$(lines look | wc -l)
	run_grid --resume --budget 12s
	took_all_of 12
	[ "$(lines look | wc -l)" -eq "$looks" ]
}

@test "a run that was broken off after a look spends on from there" {
	grid 0.01%
	run_grid --budget 8s
	# up to its first look, as if it had been killed there
	sed '/"kind":"look"/q' x.ndjson >part
	mv part x.ndjson
	local first=$(lines look | jq .number) spent=$(lines look | jq .spent)
	run_grid --resume --budget 8s
	took_all_of 8
	lines look | jq -se --argjson first "$first" --argjson spent "$spent" \
		'.[0].number == $first and .[1].number > $first and
		 (.[1].spent - .[1].alpha - $spent | fabs) < 1e-6 and (.[-1].spent - 0.05 | fabs) < 1e-6'
	# each cell once a round, also in the round it was broken off in
	lines worker | jq -se 'group_by([.round, .cell]) | all(length == 1)'
}

@test "rounds say how long: nobody looks, each cell has exactly so many" {
	grid 50%
	run_grid --rounds 21
	[ "$(workers)" -eq 42 ]
	[ -z "$(lines look)" ]
	lines summary | jq -e '.ended == "rounds"'
	! grep -q look said
	# on the command line, either replaces what the configuration says of the other
	sed -i 's/^margin/budget = 1s\nmargin/' grid.conf
	rm x.ndjson
	run_grid --rounds 60
	[ "$(workers)" -eq 120 ]
}

@test "a budget that is over within the first round names the least" {
	fails_saying toll run --budget 200ms -o x.ndjson : "--budget" "give it --budget" "cells"
	lines summary | jq -e '.ended == "stopped"'
}
