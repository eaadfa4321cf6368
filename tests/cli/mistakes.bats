# SPDX-License-Identifier: GPL-3.0-or-later
# mistakes.bats - bad input: one clear line each, and status 4.

load helpers

@test "no command, an unknown command" {
	fails_saying toll : "which command"
	fails_saying toll rnu : 'no command called "rnu"' 'nearest is "run"'
	fails_saying toll qqqqqqqq : 'no command called "qqqqqqqq"' "toll -h"
	fails_saying toll --frobnicate : "--frobnicate"
}

@test "an unknown option names the nearest" {
	fails_saying toll run --sise 64 : "no option --sise" "--size" "toll run -h"
	fails_saying toll run -x : "no option -x"
	fails_saying toll run --size : "--size wants a value"
	fails_saying toll run --resume=yes : "--resume takes no value"
	fails_saying toll fit --sed 3 x : "--seed"
}

@test "arguments too many or too few" {
	fails_saying toll run quick : '"quick" is one argument too many'
	fails_saying toll list patterns pingpong : '"pingpong" is one argument too many'
	fails_saying toll list mechanisms pipes:mode=packet : 'no mechanism called "pipes"' '"pipe"'
	fails_saying toll fit : "which result"
	fails_saying toll report : "which result"
	fails_saying toll one : "which cell"
	fails_saying toll run --resume : "-o FILE"
}

@test "a configuration's unknown key is named with file and line" {
	printf '[run]\nbudget = 5s\n\n[latency]\nsise = 64\n' >my.conf
	fails_saying toll run -c my.conf : 'my.conf:5: unknown key "sise"' 'did you mean "size"'
}

@test "a configuration's unknown names are named with file and line" {
	printf '[a]\nsize = 64,\n\t0\n' >my.conf
	fails_saying toll run -c my.conf : "my.conf:3: size 0"
	printf '[a]\n\nplacement = smtt\n' >my.conf
	fails_saying toll run -c my.conf : 'my.conf:3: no placement called "smtt"' '"smt"' \
		"toll list placements"
	printf '[a]\nmechanism = pipe, rimg\n' >my.conf
	fails_saying toll run -c my.conf : 'my.conf:2: no mechanism called "rimg"' '"ring"'
}

@test "a configuration that is not there" {
	fails_saying toll run -c quikc : "quikc: no such configuration" '"quick"'
	fails_saying toll run -c ./nothing.conf : "./nothing.conf: no such configuration"
	mkdir folder
	fails_saying toll run -c folder : "folder"
	head -c 3000 /dev/urandom >noise
	run --separate-stderr toll run -c noise
	[ "$status" -eq 4 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
}

@test "an unknown mechanism, option, value, pattern, placement, wait names the nearest" {
	fails_saying toll run --mechanism pip : '"pip"' '"pipe"' "toll list mechanisms"
	fails_saying toll run --mechanism ring:layuot=slot : '"layuot"' '"layout"' "ring"
	fails_saying toll run --mechanism ring:layout=slto : '"slto"' '"slot"'
	fails_saying toll run --pattern pingpogn : '"pingpogn"' '"pingpong"' "toll list patterns"
	fails_saying toll run --pattern pipeline:deadlin=1s : '"deadlin"' '"deadline"'
	fails_saying toll run --placement same-cup : '"same-cup"' '"same-cpu"' "toll list placements"
	fails_saying toll run --wait blok : '"blok"' '"block"'
	fails_saying toll run --cpus 0,4095 : "--cpus" "4095"
}

@test "sizes, times and numbers that are none" {
	fails_saying toll run --size 0 : "--size: size 0"
	fails_saying toll run --size 64,x : '--size: "x"'
	fails_saying toll run --size -64 : '--size: "-64"'
	fails_saying toll run --budget soon : '--budget: "soon"'
	fails_saying toll run --budget 0s : "--budget"
	fails_saying toll run --seed -1 : "--seed"
	fails_saying toll run --rounds 0 : "--rounds"
	fails_saying toll run --operations 0 : "--operations"
	fails_saying toll run --depth deep : "--depth"
	fails_saying toll run --peer-count 99 : "--peer-count"
	fails_saying toll run --idle tired : "awake" "sleep"
	fails_saying toll run --peers fiber : "process" "thread"
	fails_saying toll run --touch some : "none" "all"
	fails_saying toll one pipe --for 3 : "--for"
}

@test "control characters of an argument do not reach the terminal" {
	run --separate-stderr toll run --mechanism $'\e[31mpipe'
	[ "$status" -eq 4 ]
	[[ "$stderr" != *$'\e'* ]]
}

@test "an output that cannot be written" {
	fails_saying measure /nonexistent/folder/x.ndjson : "/nonexistent/folder/x.ndjson"
	mkdir folder
	fails_saying measure folder : "folder"
}

@test "an output that is there already" {
	echo precious >x.ndjson
	fails_saying measure x.ndjson : "x.ndjson"
	[ "$(cat x.ndjson)" = precious ]
}

@test "a plug-in that is none" {
	fails_saying toll run -m nothing.so : "nothing.so"
	echo "not a shared object" >bad.so
	fails_saying toll run -m bad.so : "bad.so"
	fails_saying toll list -m bad.so : "bad.so"
}

@test "check wants one plug-in or mechanism that is there" {
	fails_saying toll check : "which plug-in" "toll check FILE.so"
	fails_saying toll check ./nothing.so : "./nothing.so: No such file"
	fails_saying toll check nothing.so : "nothing.so: No such file"
	fails_saying toll check pip : 'no mechanism called "pip"' '"pipe"'
	fails_saying toll check pipe --pattern pingpogn : '"pingpogn"' '"pingpong"'
	fails_saying toll check pipe ring : '"ring" is one argument too many'
	fails_saying toll check pipe --seed x : "--seed"
}

@test "new wants a kind and a name that is free and can be one" {
	fails_saying toll new : "toll new mechanism NAME"
	fails_saying toll new mechanism : "toll new mechanism NAME"
	fails_saying toll new mechnism x : 'nothing called "mechnism"' '"mechanism"'
	fails_saying toll new mechanism pipe : "there is a mechanism called pipe already"
	fails_saying toll new pattern stream : "there is a pattern called stream already"
	fails_saying toll new mechanism Pipe : '"Pipe"' "lower-case"
	fails_saying toll new pattern to-and-fro : '"to-and-fro"'
	fails_saying toll new pattern linux : '"linux"'
	fails_saying toll new mechanism ../x : '"../x"'
	fails_saying toll new mechanism x y : '"y" is one argument too many'
	fails_saying toll new mechanism x -o /nonexistent : "/nonexistent/x.c: No such file"
	echo precious >x.c
	fails_saying toll new mechanism x : "x.c: is there already"
	[ "$(cat x.c)" = precious ]
}

@test "a worker that is none" {
	TOLL_WORKER=/nonexistent fails_saying toll list : "TOLL_WORKER=/nonexistent"
	TOLL_WORKER=/bin/true fails_saying toll list : "/bin/true --describe"
}

@test "results that are none" {
	fails_saying toll fit nothing.ndjson : "nothing.ndjson"
	fails_saying toll report nothing.ndjson : "nothing.ndjson"
	: >empty.ndjson
	fails_saying toll report empty.ndjson : "empty.ndjson"
	echo '{"kind":"header","schema":2}' >newer.ndjson
	fails_saying toll report newer.ndjson : "newer.ndjson:1" "schema"
	fails_saying toll fit newer.ndjson : "newer.ndjson:1" "schema"
	fails_saying toll report --format pfd newer.ndjson : "pfd" "html"
}

@test "a result cut within its header" {
	measure x.ndjson >/dev/null
	head -c 300 x.ndjson >cut.ndjson
	fails_saying toll report cut.ndjson : "cut.ndjson"
	fails_saying toll fit cut.ndjson : "cut.ndjson"
}

@test "a result cut within a line: what is whole is used, and it is no success; one without its end says so" {
	measure x.ndjson >/dev/null
	head -c -20 x.ndjson >cut.ndjson
	for command in "report cut.ndjson" "fit cut.ndjson" "compare cut.ndjson -- x.ndjson"; do
		run -4 --separate-stderr toll $command
		[[ "$stderr" == *"toll: note: cut.ndjson:"*": the last line was cut short and is left out"* ]]
		[[ "$stderr" == *"toll: cut.ndjson was cut short: what is whole in it is used; toll run --resume -o cut.ndjson goes on with the run"* ]]
		[ -n "$output" ]
	done
	[ -s cut.html ]
	run -4 --separate-stderr toll fit cut.ndjson --json
	is_json <<<"$output"
	[[ "$output" == *'"truncated": true'* ]]
	# cut between two lines: as a run that was killed leaves it
	head -n -1 x.ndjson >killed.ndjson
	toll fit killed.ndjson | grep -q "The run has not ended by itself"
	toll report killed.ndjson
	grep -q "The run did not end by itself" killed.html
}

@test "one names one cell" {
	fails_saying toll one 'ring:layout=*' : "names 6 cells"
	fails_saying toll one pipe/pingpong : "five parts"
	fails_saying toll one pipe/pingpong/same-cpu/64/sleepy : "wait"
	fails_saying toll one ring --wait spin : "nothing to run" "one CPU"
	fails_saying toll one pip : '"pipe"'
	fails_saying toll one pipe -- : "no command"
}

@test "counters that are none" {
	fails_saying toll run --counters cylces : '"cylces"' '"cycles"' "toll list events"
	fails_saying toll run --counters cs,cs : "twice"
	fails_saying toll one pipe --counters cs:u : "in the kernel alone"
	fails_saying toll run --counters '{cs,faults' : "braces"
}

@test "lists that are none" {
	fails_saying toll list mechanism : '"mechanisms"'
	fails_saying toll list experiments : "no experiments yet"
	fails_saying toll list patterns --probe : "toll list mechanisms --probe"
}

@test "a full disk behind standard output is not silent" {
	[ -w /dev/full ] || skip "no /dev/full"
	run --separate-stderr bash -c "'$TOLL' list >/dev/full"
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"standard output"* ]]
}

# Every way to fail above, again with --json: one object with the error on standard output.
@test "with --json a failure is JSON" {
	printf '[latency]\nsise = 64\n' >my.conf
	echo '{"kind":"header","schema":2}' >newer.ndjson
	local commands=(
		"--json" "rnu --json" "run --sise 64 --json" "run --json --size" "run -c my.conf --json"
		"run --mechanism pip --json" "run --size 0 --json" "run -o /nonexistent/x --json"
		"run -m nothing.so --json"
		"run --mechanism ring --pattern pingpong --placement same-cpu --wait spin --json"
		"fit nothing --json" "fit newer.ndjson --json" "report newer.ndjson --json"
		"report --json" "one --json" "check --json" "check nothing.so --json"
		"new --json" "new mechanism pipe --json" "one pip --json" "list experiments --json" "list --json x"
	)
	local command
	for command in "${commands[@]}"; do
		# shellcheck disable=SC2086
		run --separate-stderr "$TOLL" $command
		echo "$command: status $status, $output"
		[ "$status" -eq 4 ]
		[[ "$output" == '{"error": "'* ]]
		is_json <<<"$output"
	done
	run --separate-stderr "$TOLL" run --json --mechanism $'\xff\xfe"'
	echo "$output"
	is_json <<<"$output"
}

@test "how peers run: unknown policies, absurd priorities and latencies" {
	fails_saying toll one ring --sched fofo:3 : 'no scheduling policy called "fofo:3"' "fifo:50"
	fails_saying toll one ring --sched fifo : "fifo takes a priority from 1 to 98" "write fifo:50"
	fails_saying toll one ring --sched fifo:0 : "priority from 1 to 98"
	fails_saying toll one ring --sched rr:99 : "rr takes a priority from 1 to 98"
	fails_saying toll one ring --sched batch:3 : "batch takes no priority"
	fails_saying toll one ring --sched -1 : 'no scheduling policy called "-1"'
	fails_saying toll one ring --mlock=yes : "--mlock takes no value"
	fails_saying toll run --dma-latency -3us : '"-3us" is no time in whole us'
	fails_saying toll run --dma-latency 10ns : '"10ns" is no time in whole us'
	printf '[a]\nmlock = maybe\n' >my.conf
	fails_saying toll run -c my.conf : 'my.conf:2: "maybe" is neither off nor on'
}
