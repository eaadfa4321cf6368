# SPDX-License-Identifier: GPL-3.0-or-later
# compare.bats - toll compare on results whose truth is known: verdicts, exits, formats, hostile names.

load helpers
load results

runs() { # NAME SEED [NAME=VALUE…]: NAME1 … NAME5, a side of one boot
	local name=$1 seed=$2 i
	shift 2
	for i in 1 2 3 4 5; do
		result "$name$i" "seed=$seed$i" workers=8 "$@"
	done
}

five_boots() { # the first cell of the new kernel takes 4 % longer
	local b
	for b in 1 2 3 4 5; do
		result old$b seed=1$b boot=old-$b boot_noise=0.004
		result new$b seed=2$b boot=new-$b boot_noise=0.004 kernel=6.12.0 changed=1 factor=1.04
	done
}

@test "five runs a side of one boot: a verdict per cell, and it says that they were not side by side" {
	runs old 1
	runs new 2 changed=2 factor=1.05
	says 0 "2 slower, 2 same" "not side by side: 5 runs of old, 5 of new in one boot" "margin 2 %" \
		"means of runs are compared" "took turns" "shift common to all cells" \
		"found 9 times in 10" : toll compare old? -- new?
	says 0 "2 faster, 2 same" : toll compare new? -- old?
	says 1 "gate: 2 cells slower" : toll compare --fail-on slower old? -- new?
	says 1 "gate: 2 cells slower" : toll compare --fail-on slower:3% old? -- new?
	says 0 "gate: no cell slower by 10 % or more" : toll compare --fail-on slower:10% old? -- new?
	says 0 "1 slower" "3 other cells" : toll compare --only '*/64/*' old? -- new?
	says 0 "4 same" : toll compare old? -- old?
	says 2 "4 can't tell" "1 more run a side" "5 runs of old, 4 of new in one boot; a verdict takes 5" : \
		toll compare old? -- new[1-4]
}

@test "two runs of one boot, the second 30 % slower throughout: can't tell, and not slower" {
	result old seed=1 noise=0.001
	result new seed=2 noise=0.001 changed=4 factor=1.3
	says 2 "4 can't tell" "+30 %" "4 more runs a side" \
		"not side by side: 1 run of old, 1 of new in one boot; a verdict takes 5 a side, old and new taking turns; --live tells at once" : \
		toll compare old new
	run ! grep -qE 'slower|boots' <<<"$output"
	says 2 "no cell slower" : toll compare old new --fail-on slower
	says 125 "4 can't tell" : toll compare old new --bisect
	local format
	for format in csv md junit; do
		toll compare old new --format $format >out || [ $? -eq 2 ]
		grep -q '4 more runs a side' out
		run ! grep -qE 'slower|boots' out
	done
	says 2 '"of": "runs a side"' '"unit": "run"' '"slower": 0' : toll compare old new --json
}

@test "the same files, the same bytes, of every format" {
	runs old 1 failed=1
	runs new 2 changed=3 factor=1.05
	for format in $(formats); do
		toll compare --format $format old? -- new? >a
		toll compare --format $format old? -- new? >b
		cmp a b
		[ -s a ]
		toll compare --format $format -o c old? -- new? >headline
		cmp a c
		grep -q '2 slower, 1 invalid, 1 same' headline
	done
	toll compare --json old? -- new? >b
	toll compare --json --format md -o c old? -- new? >a
	cmp a b
	grep -q '^### toll compare: 2 slower' c
}

@test "kernels: five boots a side give verdicts, fewer say how many are missing" {
	five_boots
	says 1 "1 slower, 3 same" "5 boots of old, 5 of new" "varied: kernel (6.1.0, 6.12.0)" : \
		toll compare --varies kernel --fail-on slower old? -- new?
	says 2 "4 can't tell" "1 more boot a side" "4 boots of old, 5 of new; a verdict takes 5" : \
		toll compare --varies kernel --fail-on slower old[1-4] -- new?
	says 2 "4 can't tell" "4 more boots a side" "another boot may lie elsewhere" : \
		toll compare --varies kernel old1 new1
	says 125 "4 can't tell" : toll compare --bisect --varies kernel old1 new1
}

@test "environments that differ are status 3, naming keys, values and --varies" {
	five_boots
	run --separate-stderr toll compare old? -- new?
	echo "$stderr"
	[ "$status" -eq 3 ]
	[ -z "$output" ]
	[[ "$stderr" == *"--varies kernel"* ]]
	[[ "$stderr" == *"kernel: 6.1.0 in old1, 6.12.0 in new1"* ]]
	[[ "$stderr" == *"kernel_build: #1 6.1.0 in old1, #1 6.12.0 in new1"* ]]
	run --separate-stderr toll compare --bisect old1 new1
	[ "$status" -eq 125 ]
	run --separate-stderr toll compare --json old1 new1
	[ "$status" -eq 3 ]
	is_json <<<"$output"
	[[ "$output" == *'"varies": "kernel"'* ]]
	# what is suggested allows it
	says 0 "1 slower" : toll compare --varies kernel old? -- new?
	fails_saying toll compare --varies kernle old1 new1 : '"kernle"' '"kernel"'
	fails_saying toll compare --varies bogomips old1 new1 : '"bogomips"' "microcode"
}

@test "margins that differ are status 3, unless one is chosen, and that is said" {
	runs old 1
	runs new 2 margin=0.03
	run --separate-stderr toll compare old? -- new?
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"2 %"*"3 %"*"--margin"* ]]
	says 0 "margin 5 %, chosen afterwards; those of the files differ" : \
		toll compare --margin 5% old? -- new?
	runs new 2
	says 0 "margin 5 %, chosen afterwards; the files were measured for 2 %" : \
		toll compare --margin 0.05 old? -- new?
	run --separate-stderr toll compare --margin 2% old? -- new?
	[[ "$output" != *afterwards* ]]
}

@test "what cannot be told: status 0, 2 with --strict, 2 where it is all" {
	runs old 1 cells=2
	runs new 2 cells=2 failed=1
	says 0 "1 invalid, 1 same" "new: all 40 workers failed" : toll compare old? -- new?
	says 2 "1 invalid" : toll compare --strict old? -- new?
	says 2 "1 invalid" : toll compare --only '*/64/*' old? -- new?
	runs new 2 cells=2 failed=1 changed=2 factor=1.1
	says 1 "1 slower, 1 invalid" : toll compare --strict --fail-on slower old? -- new?
	runs old 1 noise=0.3
	runs new 2 noise=0.3
	says 2 "4 can't tell" "more runs a side" : toll compare old? -- new?
	# levels that come and go from run to run, whatever the workers of each agree on
	runs old 1 noise=0.001 boot_noise=0.1
	runs new 2 noise=0.001 boot_noise=0.1
	says 2 "4 can't tell" "more runs a side" : toll compare old? -- new?
}

@test "cells of one side are listed" {
	result old seed=1 cells=3
	result new seed=2 cells=2
	says 2 "not on both sides" "pipe/pingpong/same-cpu/66/block: only on the old side" : \
		toll compare old new
	result new seed=2 mechanism=futex
	fails_saying toll compare old new : "nothing to compare" "only on the new"
	fails_saying toll compare old new --only 'ring*' : "--only ring*"
}

@test "many cells that are the same are a count, unless --all" {
	runs old 1 cells=40
	runs new 2 cells=40 changed=1 factor=1.05
	toll compare old? -- new? >short
	grep -q 'and 39 same cells; --all' short
	[ "$(grep -c '^same' short)" -eq 0 ]
	toll compare --all old? -- new? >long
	[ "$(grep -c '^same' long)" -eq 39 ]
}

@test "files of several states are compared within each" {
	runs old 1 state='"near"'
	runs new 2 state='"far"' changed=4 factor=3
	says 2 "4 invalid" "most of old: near, of new: far" : toll compare old? -- new?
	runs new 2 state='"near"'
	says 0 "(host state near)" "4 same" : toll compare old? -- new?
}

@test "hostile names and reasons come through every format as text" {
	local name
	# shellcheck disable=SC2016
	for name in 'a\"\n<script>x(1)' '; system(\"x\")' '=cmd|`id`' '\u001b[31m\u202e]]>' '%s%n@all' \
		"'\$(touch owned)"; do
		runs old 1 workers=3 failed=1 "mechanism=$name" "host=\"thp\":\"$name\","
		runs new 2 workers=3 changed=2 factor=1.05 "mechanism=$name" "host=\"thp\":\"x$name\","
		for format in $(formats); do
			echo "$name as $format"
			toll compare --varies thp --format $format old? -- new? >out
			[ $format = png ] ||
				[ "$(tr -d '\t' <out | LC_ALL=C tr -d '\n\r\40-\377' | wc -c)" -eq 0 ]
			case $format in
			json) is_json <out ;;
			junit) is_xml <out ;;
			html) is_page <out ;;
			svg)
				is_xml <out
				run ! grep -qiE '<(script|a|image|foreignobject)' out
				;;
			tsv) run ! grep -qE '["`\\<>$]' out ;;
			md) run ! grep -qE '<script|<b>' out ;;
			csv)
				[ "$(grep -c '^"' out)" -eq 4 ]
				run ! grep -qE '(^|,)"[=+@-]' out
				;;
			esac
		done
		run --separate-stderr toll compare --json old? -- new?
		[ "$status" -eq 3 ]
		is_json <<<"$output"
		[ ! -e owned ]
	done
	[ "$(LC_ALL=C tr -d '\n\40-\377' <<<"$stderr" | wc -c)" -eq 0 ]
}

@test "Markdown has the worst first and the rest folded; JUnit counts" {
	runs old 1 cells=6 failed=1
	runs new 2 cells=5 changed=3 factor=1.05
	toll compare --format md old? -- new? >out.md
	cat out.md
	[ "$(head -1 out.md)" = "### toll compare: 2 slower, 1 invalid, 2 same" ]
	[ "$(grep -n '\*\*slower\*\*' out.md | head -1 | cut -d: -f1)" -lt "$(grep -n '| invalid' out.md | cut -d: -f1)" ]
	[ "$(grep -c '^<details>' out.md)" -eq "$(grep -c '^</details>' out.md)" ]
	grep -q '<summary>2 same</summary>' out.md
	grep -q '<summary>1 not on both sides</summary>' out.md
	toll compare --format junit old? -- new? >xml
	cat xml
	is_xml <xml
	grep -q 'tests="6" failures="2" errors="1" skipped="1"' xml
	[ "$(grep -c '<testcase' xml)" -eq 6 ]
	[ "$(grep -c '<failure' xml)" -eq 2 ]
	[ "$(grep -c '<error' xml)" -eq 1 ]
	[ "$(grep -c '<skipped' xml)" -eq 1 ]
}

@test "a page: the worst first, its figures drawn, what is the same folded" {
	runs old 1 cells=30 failed=1
	runs new 2 cells=29 changed=3 factor=1.05
	toll compare --format html -o page.html old? -- new?
	is_page <page.html
	grep -q '■ 2 slower' page.html
	[ "$(grep -c '^<tr><td class=' page.html)" -eq 29 ]
	[ "$(grep -n 'class="slower">■ slower' page.html | head -1 | cut -d: -f1)" -lt \
		"$(grep -n 'class="invalid">× invalid' page.html | head -1 | cut -d: -f1)" ]
	grep -q '&lt;b&gt;lost @all' page.html
	grep -q 'only on the old side' page.html
	[ "$(grep -c '<summary>26 same' page.html)" -ge 1 ]
	command -v gnuplot || skip "gnuplot is not here: no figures"
	[ "$(grep -c '<summary>26 same' page.html)" -eq 2 ]
	[ "$(grep -c '^<figure' page.html)" -eq 2 ]
	[ "$(grep -c '<svg' page.html)" -eq 2 ]
	# nothing is left behind
	mkdir room
	TMPDIR=$PWD/room toll compare --format svg old? -- new? >/dev/null
	rmdir room
	TMPDIR=/nonexistent fails_saying toll compare --format svg old? -- new? : "/nonexistent" "TMPDIR"
}

@test "a cell that takes twenty times as long squeezes no other; rows beyond a figure's are counted" {
	runs old 1 cells=310 workers=5
	runs new 2 cells=310 workers=5 changed=1 factor=20
	toll compare --format tsv old? -- new? >tsv
	[ "$(grep -c 'pingpong' tsv)" -eq 300 ]
	# block 0: rows, and an axis of less than a quarter to either side
	awk -F '\t' '!/^#/ { exit !($4 == 300 && $5 > -0.25 && $5 < -0.02 && $6 < 0.25 && $6 > 0.02) }' tsv
	grep -q 'the first 300 rows of 310' tsv
	toll compare --format html old? -- new? >page.html
	command -v gnuplot || skip "gnuplot is not here: no figures"
	grep -q 'The 9 rows after the first 300 are not drawn' page.html
}

@test "forest.gp draws what --format tsv gives, by hand" {
	command -v gnuplot || skip "gnuplot is not here"
	local reports
	reports=$(realpath "$BATS_TEST_DIRNAME/../../reports")
	runs old 1 'mechanism=%s%n%q'
	runs new 2 'mechanism=%s%n%q' changed=1 factor=1.05
	toll compare --format tsv old? -- new? >forest.tsv
	toll compare --format svg old? -- new? >as-toll.svg
	cp "$reports"/{style,forest}.gp .
	gnuplot -e "data='forest.tsv'; out='by-hand.svg'" forest.gp
	cmp as-toll.svg by-hand.svg
	is_xml <by-hand.svg
	grep -q '%s%n%q/pingpong/same-cpu/64/block' by-hand.svg
}

@test "without gnuplot the page has all but its figure, and says so; a figure alone is an error" {
	runs old 1
	runs new 2 changed=1 factor=1.05
	mkdir nothing
	run --separate-stderr env PATH="$PWD/nothing" "$TOLL" compare --format html old? -- new?
	[ "$status" -eq 0 ]
	[[ "$stderr" == "toll: note: figures: gnuplot is not installed"*"--format tsv"* ]]
	[[ "$output" == *"The figure is left out: gnuplot is not installed"* ]]
	is_page <<<"$output"
	run --separate-stderr env PATH="$PWD/nothing" "$TOLL" compare --format png -o figure old? -- new?
	[ "$status" -eq 4 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == "toll: figures: gnuplot is not installed"* ]]
	[ ! -e figure ]
}

@test "mistakes of compare" {
	result old seed=1
	result new seed=2
	cp old copy
	fails_saying toll compare : "which results"
	fails_saying toll compare old : "1 file" "--"
	fails_saying toll compare old new copy : "3 files" "--"
	fails_saying toll compare old -- : "which results"
	fails_saying toll compare -- new : "which results"
	fails_saying toll compare old nothing : "nothing"
	fails_saying toll compare old copy -- new : "old" "copy" "same run"
	fails_saying toll compare old new --margin 0 : '--margin: "0"'
	fails_saying toll compare old new --margin nan : '--margin: "nan"'
	fails_saying toll compare old new --fail-on faster : "--fail-on" "slower:3%"
	fails_saying toll compare old new --fail-on slower:x : "--fail-on"
	fails_saying toll compare old new --format pfd : '"pfd"'
	fails_saying toll compare old new --format juint : '"junit"'
	fails_saying toll compare old new --liev : "no option --liev" "--live"
	fails_saying toll compare old new -o old : "old is one of the results"
	fails_saying toll compare old new -o /nonexistent/x : "/nonexistent/x"
	run --separate-stderr toll compare old new --json --format md
	[ "$status" -eq 4 ]
	is_json <<<"$output"
	cmp old copy
	[ -w /dev/full ] || skip "no /dev/full"
	run --separate-stderr bash -c "'$TOLL' compare old new >/dev/full"
	[ "$status" -eq 4 ]
}

@test "a result cut anywhere or spoilt: an error or an answer" {
	result old seed=1
	result new seed=2
	local bytes at
	bytes=$(wc -c <new)
	for ((at = 1; at < bytes; at += bytes / 23)); do
		head -c $at new >cut.ndjson
		run --separate-stderr toll compare old cut.ndjson
		echo "$at: $status $stderr"
		[[ "$status" =~ ^[024]$ ]]
		[ "$status" -ne 4 ] || [ -n "$stderr" ]
	done
	local value
	for value in NaN -1 1e308 1e999 '"x"' '[]' 0; do
		sed "3s/\"batch_ns\":\[[^,]*/\"batch_ns\":[$value/" new >spoilt
		fails_saying toll compare old spoilt : "spoilt:3"
	done
	sed '5{p}' new >doubled
	fails_saying toll compare old doubled : "doubled:6"
}

# Ten runs of one boot in turns, every cell twice, for a margin that so few cannot decide.
ten_runs() {
	cat >twins.conf <<-'END'
		[run]
		rounds = 5
		margin = 0.05%
		[one]
		mechanism = pipe, futex
		size = 64
		placement = same-cpu
		replicas = 2
	END
	for run in 1 2 3 4 5; do
		for side in old new; do
			toll run -c twins.conf --operations 20 -o $side-$run.ndjson >said
		done
	done
}

@test "twins are the gate's check and no rows; --more runs what cannot be told, and spends what is left" {
	ten_runs
	toll compare --fail-on slower --json old-?.ndjson -- new-?.ndjson >json || [ $? -le 2 ]
	jq -e '.hidden.cells == 4 and .hidden.pairs >= 20 and .hidden.most == 2' json
	jq -e '[.cells[].cell] | length == 2 and all(contains("replica") | not)' json
	jq -e '.notes | any(contains("4 hidden identical cells stand in the files where a gate should have 20: replicas = 2"))' json
	jq -e '.spent == 0.05' json
	# both sides are this machine
	fails_saying toll compare --more old-?.ndjson -- new-?.ndjson : "--more=old or --more=new"
	fails_saying toll compare --more=nwe old-?.ndjson -- new-?.ndjson : '"nwe" is no side'
	[ ! -e new-5-more.ndjson ]
	toll compare --more=new --json old-?.ndjson -- new-?.ndjson >json || [ $? -le 2 ]
	[ -s new-5-more.ndjson ]
	jq -e '.units == {old: 5, new: 6} and .spent == 0.0375' json
	jq -e '.notes | any(startswith("2.5 % of the 5 % error rate was spent by the looks before, 1.25 % by this one"))' json
	[ "$(head -1 new-5-more.ndjson | jq .spent)" = 0.025 ]
	# a plain look at the same files has what is left, and no more
	toll compare --json old-?.ndjson -- new-?.ndjson new-5-more.ndjson >json || [ $? -le 2 ]
	jq -e '.spent == 0.05' json
	toll compare --more=new old-?.ndjson -- new-?.ndjson new-5-more.ndjson >said || [ $? -le 2 ]
	# what cannot be told with all that is left cannot with the part of it that this look had, and is run;
	# what that look told, the plain one told
	if [ -e new-5-more2.ndjson ]; then
		sed -n 1p new-5-more2.ndjson | jq '[.plan.cells[].key]' >run
	else
		echo '[]' >run
	fi
	jq -e --slurpfile run run '[.cells[] | select(.verdict == "can'"'"'t tell").cell] - $run[0] == []' json
}

@test "--more on a machine that is neither side" {
	ten_runs
	for run in 1 2 3 4 5; do
		sed -i '1s/"kernel":"[^"]*"/"kernel":"6.1.0-old"/; 1s/"boot_id":"./"boot_id":"'$run'/' old-$run.ndjson
		sed -i '1s/"kernel":"[^"]*"/"kernel":"6.12.0-new"/; 1s/"boot_id":"./"boot_id":"a'$run'/' new-$run.ndjson
	done
	run --separate-stderr toll compare --more --varies kernel old-?.ndjson -- new-?.ndjson
	echo "$status $stderr"
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"neither side"*"6.1.0-old"*"6.12.0-new"* ]]
	[ ! -e new-5-more.ndjson ] && [ ! -e old-5-more.ndjson ]
	# a boot that is counted already
	sed -i '1s/"kernel":"[^"]*"/"kernel":"'"$(uname -r)"'"/' new-?.ndjson
	sed -i '1s/"boot_id":"[^"]*"/"boot_id":"'"$(cat /proc/sys/kernel/random/boot_id)"'"/' new-3.ndjson
	run --separate-stderr toll compare --more --varies kernel old-?.ndjson -- new-?.ndjson
	echo "$status $stderr"
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"this boot is counted already (new-3.ndjson)"*"reboot"* ]]
}
