# SPDX-License-Identifier: GPL-3.0-or-later
# commands.bats - what the commands do when nothing is wrong.

load helpers

@test "help is one screen, of every command" {
	for command in run vs aa doctor one list fit compare report check new; do
		run --separate-stderr toll $command -h
		[ "$status" -eq 0 ]
		[ -z "$stderr" ]
		[[ "${lines[0]}" == "toll $command"* ]]
		[ "$(wc -l <<<"$output")" -le 24 ]
		[ "$(LC_ALL=C.UTF-8 wc -L <<<"$output")" -le 88 ]
		[ "$output" = "$(toll help $command)" ]
		[ "$output" = "$(toll $command --help)" ]
	done
	toll -h | grep -q 'toll run'
	[[ "$(toll --version)" =~ ^toll\ [0-9]+\.[0-9]+ ]]
}

@test "help names every option" {
	toll run -h >help
	for option in config output resume dry-run budget rounds seed operations tails counters controls require-quiet \
		plugin json mechanism pattern size wait idle placement cpus depth copy touch peers \
		peer-count; do
		echo "--$option"
		grep -qe "--$option" help
	done
}

@test "the same seed, the same plan, byte for byte" {
	toll run --seed 7 --dry-run >a
	toll run --seed 7 --dry-run >b
	cmp a b
	toll run --seed 8 --dry-run >c
	run ! cmp -s a c
	toll run --seed 7 --dry-run --json >a
	toll run --seed 7 --dry-run --json >b
	cmp a b
	is_json <a
}

@test "a dry run writes nothing" {
	toll run --dry-run >/dev/null
	[ -z "$(ls -A)" ]
}

@test "every shipped configuration makes a plan" {
	for file in "$BATS_TEST_DIRNAME"/../../configs/*.conf; do
		echo "$file"
		toll run -c "$file" --dry-run >plan
		grep -q '^round 0' plan
		toll run -c "$(basename "$file" .conf)" --dry-run >/dev/null
	done
}

@test "what cannot run is listed with its reason, the rest is planned" {
	toll run --dry-run --placement same-cpu --wait spin,block --size 64,1M --pattern pingpong \
		--mechanism pipe,mailbox >plan
	cat plan
	grep -A1 'pipe/pingpong/same-cpu/64/spin$' plan | grep -q 'one CPU'
	grep -A1 'mailbox/pingpong/same-cpu/1M/' plan | grep -q 'mailbox'
	grep -q '^ .*0  pipe/pingpong/same-cpu/64/block' plan
}

@test "nothing left to run is status 4, and the plan says why" {
	run --separate-stderr toll run --dry-run --placement same-cpu --wait spin --pattern pingpong
	[ "$status" -eq 4 ]
	[[ "$output" == *"left out"* ]]
	[[ "$stderr" == *"nothing to run"* ]]
}

@test "one CPU: what needs two is listed" {
	cpu=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
	taskset -c "$cpu" "$TOLL" run --dry-run --seed 7 >plan
	grep -q "pipe/pingpong/same-cpu/64/block .* $cpu,$cpu\$" plan
	grep -A1 'pipe/pingpong/across/' plan | grep -q 'one CPU'
}

@test "a foreign topology is planned for" {
	HWLOC_SYNTHETIC='pack:2 l3:1 l2:2 core:1 pu:2' toll run --dry-run --placement all --pattern pingpong \
		--mechanism pipe >plan
	grep -q pipe/pingpong/smt/64/ plan
	grep -q pipe/pingpong/cross-package/64/ plan
}

@test "options of the command line lie over every section" {
	printf '[a]\nsize = 64\n[b]\nsize = 4K\npattern = stream\n' >my.conf
	toll run -c my.conf --dry-run --size 1K,2K --mechanism pipe --placement same-cpu >plan
	for cell in pingpong/same-cpu/1K pingpong/same-cpu/2K stream/same-cpu/1K stream/same-cpu/2K; do
		grep -q "pipe/$cell/block" plan
	done
	grep -q '^cells: 4$' plan
	toll run -c my.conf --dry-run --pattern stream --mechanism pipe --placement same-cpu >plan
	grep -q '^cells: 1$' plan
}

@test "lists, as text and as JSON" {
	for what in mechanisms patterns placements events configs; do
		toll list $what >text
		grep -q "^$what" text
		toll list $what --json >json
		is_json <json
		grep -q "\"$what\"" json
	done
	toll list --probe >text
	grep -q 'works here' text
	run ! grep BROKEN text
	toll list mechanisms pipe --probe --json | is_json
	toll list --json | is_json
}

@test "run, fit and report end to end" {
	measure x.ndjson >summary
	cat summary
	grep -q pipe summary
	grep -q x.ndjson summary
	grep -q x.html summary
	[ -s x.html ]
	toll fit x.ndjson | grep -q pipe
	toll fit x.ndjson --json | is_json
	toll report x.ndjson | grep -q x.html
	toll report --json x.ndjson | is_json
	mkdir there
	toll report x.ndjson x.ndjson --format csv -o there --json | is_json
	measure y.ndjson --json >json
	is_json <json
	grep -q y.html json
}

@test "fit answers the same for the same seed" {
	measure x.ndjson >/dev/null
	toll fit x.ndjson --seed 3 >a
	toll fit x.ndjson --seed 3 >b
	cmp a b
	toll fit - <x.ndjson | grep -q pipe
}

@test "one holds a cell for as long as it is told" {
	toll one pipe --for 200ms | grep -q pipe/pingpong/same-cpu/64/block
	toll one pipe/stream/same-cpu/64/block --for 200ms | grep -q pipe/stream/same-cpu/64/block
	toll one ring:layout=shared-line --size 1K --for 200ms --json | is_json
	# shellcheck disable=SC2016
	toll one pipe --for 1500ms -- sh -c 'echo "$@" >ran' sh
	grep -Eqx -e '-p [0-9,]+' ran
}

@test "Ctrl-C keeps what there is, shows it, and ends by SIGINT" {
	# a shell makes its background jobs ignore SIGINT, and make check may be one
	run --separate-stderr env --default-signal=INT timeout --preserve-status -s INT 2 \
		"$TOLL" run --mechanism pipe \
		--pattern pingpong --placement same-cpu --wait block --size 64 --budget 50s -o x.ndjson
	echo "$status $output $stderr"
	[ "$status" -eq 130 ]
	grep -q '"ended": *"interrupted"' x.ndjson
	[[ "$output" == *x.html* ]]
	[ -s x.html ]
}

@test "a signal while it draws ends it and gnuplot: no folder is left, and the report of before is" {
	mkdir bin there
	printf '#!/bin/sh\necho $$ >"%s/drawing"\nexec sleep 50\n' "$PWD" >bin/gnuplot
	chmod +x bin/gnuplot
	measure x.ndjson >/dev/null
	find x.* -type f -exec md5sum {} + | sort >before
	local signal status pid start=$SECONDS
	for signal in INT:130 TERM:143; do
		for command in "report x.ndjson" "compare x.ndjson x.ndjson --format svg -o there/x.svg"; do
			rm -f drawing
			# shellcheck disable=SC2086
			env --default-signal PATH="$PWD/bin:$PATH" TMPDIR="$PWD/there" \
				"$TOLL" $command >said 2>&1 3>&- &
			pid=$!
			timeout 20 sh -c 'until [ -s drawing ]; do sleep 0.02; done'
			kill -"${signal%:*}" "$pid"
			status=0
			wait "$pid" || status=$?
			echo "$signal, $command: status $status: $(cat said)"
			[ "$status" -eq "${signal#*:}" ]
			run ! kill -0 "$(cat drawing)"
			[ -z "$(ls -A there)" ]
			[ -z "$(find . -name '.x.*')" ]
			diff before <(find x.* -type f -exec md5sum {} + | sort)
		done
	done
	[ $((SECONDS - start)) -lt 30 ]
	# who is started with nohup goes on
	sed -i 's/exec sleep 50/sleep 1; exit 1/' bin/gnuplot
	rm -f drawing
	env --default-signal --ignore-signal=HUP PATH="$PWD/bin:$PATH" "$TOLL" report x.ndjson >said 2>&1 3>&- &
	timeout 20 sh -c 'until [ -s drawing ]; do sleep 0.02; done'
	kill -HUP $!
	wait $!
	[ -s x.html ]
}
