# SPDX-License-Identifier: GPL-3.0-or-later
# live.bats - toll compare --live: two toll-worker programs, two settings, the record of their pairs; and
# toll vs of two programs.

load helpers

# The gate's own check misfires by chance about once in a hundred times, and says so: then it is asked
# again, from the record as it was.
toll() {
	local record='' word before='' try status
	for word; do
		[ "$before" != --record ] || record=$word
		before=$word
	done
	rm -f "$BATS_TEST_TMPDIR/.as-it-was"
	[ ! -f "$record" ] || cp "$record" "$BATS_TEST_TMPDIR/.as-it-was"
	for try in 1 2 3; do
		status=0
		"$TOLL" "$@" >"$BATS_TEST_TMPDIR/.out" 2>"$BATS_TEST_TMPDIR/.err" || status=$?
		[[ " $* " == *" --live "* ]] && grep -qE "hidden identical cells different|[0-9] invalid" "$BATS_TEST_TMPDIR/.out" || break
		[ ! -f "$record" ] || rm "$record"
		[ ! -f "$BATS_TEST_TMPDIR/.as-it-was" ] || cp "$BATS_TEST_TMPDIR/.as-it-was" "$record"
	done
	cat "$BATS_TEST_TMPDIR/.err" >&2
	cat "$BATS_TEST_TMPDIR/.out"
	return $status
}

setup_file() {
	local BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	setup
	# one that makes more system calls for each message than the one it stands in for
	cat >slow.c <<-'END'
		#include <dlfcn.h>
		#include <stdlib.h>
		#include <unistd.h>
		ssize_t write(int fd, const void *data, size_t length)
		{
			static ssize_t (*next)(int, const void *, size_t);
			static int calls = 48; // six pairs tell it on a loaded machine too
			if (!next) {
				next = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
				if (getenv("SLOW_CALLS"))
					calls = atoi(getenv("SLOW_CALLS"));
			}
			for (int i = 0; i < calls; i++)
				(void)getppid();
			return next(fd, data, length);
		}
	END
	${CC:-cc} -D_GNU_SOURCE -O2 -shared -fPIC -o slow.so slow.c -ldl
	stand_in slower "ASAN_OPTIONS=\$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=$PWD/slow.so"
	toll compare --live "$WORKER" ./slower "${ONE[@]}" --pairs 6 --record decided >said || [ $? -eq 2 ]
	cat said
}

# One cell, quickly measured; the hidden ones are twenty all the same.
ONE=(--mechanism pipe --size 64 --pattern pingpong --placement same-cpu --wait block)
TWO=(--mechanism pipe,ring --size 64 --pattern pingpong --placement same-cpu --wait block)

# A program that is the worker after some words of sh.
stand_in() { # FILE WORDS
	printf '#!/bin/sh\n%s exec "%s" "$@"\n' "$2" "$WORKER" >"$1"
	chmod +x "$1"
}

# The same worker as another program.
another() {
	stand_in another ""
}

# Pairs of a duel that a record has.
pairs_of() { # RECORD DUEL
	grep -c "^{\"kind\":\"pair\",\"duel\":$2," "$1" || true
}

@test "a worker against itself: the same or can't tell, and what stands behind it" {
	another
	run --separate-stderr toll compare --live "$WORKER" ./another "${ONE[@]}" --pairs 6
	echo "$status $output $stderr"
	[[ "$status" -eq 0 || "$status" -eq 2 ]]
	[ -z "$stderr" ]
	[[ "$output" == *"old  $WORKER"*"new  ./another"*"pipe/pingpong/same-cpu/64/block"* ]]
	[[ "$output" == *"6 pairs of fresh workers a cell, side by side, turn by turn; 1 look, which spent 5 % of the 5 % error rate"* ]]
	[[ "$output" == *"A/A: of 20 hidden identical cells (6 pairs or more each) "* ]]
	run ! grep -qE '^(slower|faster) ' <<<"$output"
}

@test "a worker that takes longer is slower, on whichever side it stands, and the gate says so" {
	slower=$BATS_FILE_TMPDIR/slower
	says 1 "1 slower" "gate: 1 cell slower" "every cell is told" : \
		toll compare --live "$WORKER" "$slower" "${ONE[@]}" --pairs 6 --fail-on slower
	says 0 "1 faster" "gate: no cell slower" : \
		toll compare --live "$slower" "$WORKER" "${ONE[@]}" --pairs 6 --fail-on slower
}

@test "every format, live and of a record; the same record, the same bytes" {
	[ "${TOLL_CHECK:-long}" = long ] || skip "in make check-long"
	record=$BATS_FILE_TMPDIR/decided
	cp "$record" before
	local format
	for format in $(formats); do
		toll compare "$record" --format $format >a
		toll compare "$record" --format $format -o b >said
		cmp a b
		[ "$(cat said)" = $'1 slower\nb' ]
	done
	toll compare "$record" --json | is_json
	toll compare "$record" --format junit | is_xml
	toll compare "$record" --format html | is_page
	says 0 "1 slower" "A/A: of 20 hidden identical cells" : toll compare "$record"
	for format in json junit; do
		toll compare --live "$WORKER" "$BATS_FILE_TMPDIR/slower" "${ONE[@]}" --pairs 5 \
			--format $format >out || [ $? -eq 2 ]
		cat out
		is_${format/junit/xml} <out
	done
	says 1 "gate: 1 cell slower" : toll compare "$record" --fail-on slower
	says 1 "gate: 1 cell slower by 50 %" : toll compare "$record" --fail-on slower:50%
	# the pairs of a change between 10 and 22 %: slower, but not by as much as is asked
	sed -E '/"duel":0,/s/"ln_ratio":[0-9]+\.[0-9]/"ln_ratio":0.1/' "$record" >less
	says 1 "1 slower" "gate: 1 cell slower" : toll compare less --fail-on slower
	says 0 "1 slower" "gate: no cell slower by 50 %" : toll compare less --fail-on slower:50%
	cmp before "$record"
	toll compare "$record" --json >out
	for word in '"unit": "pair"' '"side_by_side": true' '"looks": 1' '"spent": 0.025' '"misfires":' \
		'"margin_afterwards": false'; do
		echo "$word"
		grep -q "$word" out
	done
}

@test "--only measures what matches, and says how many do not" {
	another
	says 0 "ring/pingpong" "only ring*: 1 other cell" : \
		toll compare --live "$WORKER" ./another "${TWO[@]}" --pairs 5 --only 'ring*' --margin 50%
	run ! grep -q 'pipe/pingpong' <<<"$output"
	fails_saying toll compare --live "$WORKER" ./another "${TWO[@]}" --pairs 5 --only 'rong*' : \
		"--only rong*" "none of the 2 cells"
}

@test "what one side lacks is listed" {
	# shellcheck disable=SC2016
	stand_in lacking 'if [ "$1" = --describe ]; then
		"$WHOLE" "$@" | sed "s/\"name\":\"ring\"/\"name\":\"rong\"/"; exit; fi;'
	export WHOLE=$WORKER
	run --separate-stderr toll compare --live "$WORKER" ./lacking "${ONE[@]:2}" --pairs 5 --all \
		--only '[pr]i[pn][eg]/*'
	echo "$status $output $stderr"
	[[ "$output" == *"not on both sides"*"ring/pingpong/same-cpu/64/block: only on the old side"* ]]
	[[ "$output" == *"pipe/pingpong"* ]]
	fails_saying toll compare --live "$WORKER" ./lacking "${ONE[@]:2}" --pairs 5 --only 'ring/*' : \
		"nothing to compare" "only on the old one"
}

@test "--record keeps the pairs; --more adds some where it can't tell, and only there" {
	slower=$BATS_FILE_TMPDIR/slower
	# of a margin of 0.01 % nothing is the same
	run --separate-stderr toll compare --live "$WORKER" "$slower" "${TWO[@]}" --pairs 6 --margin 0.01% --record r
	echo "$status $output $stderr"
	[[ "$output" == *"1 slower, 1 can't tell"* ]] || skip "the ring was told by chance"
	[ "$(pairs_of r 0)" -eq 6 ]
	[ "$(pairs_of r 1)" -eq 6 ]
	cp r before
	run --separate-stderr toll compare --live "$WORKER" "$slower" "${TWO[@]}" --pairs 5 --margin 0.01% --record r --more
	echo "$status $output $stderr"
	[[ "$output" == *"6 to 11 pairs"*"2 looks, which spent 3.8 % of the 5 %"* ]]
	[ "$(pairs_of r 0)" -eq 6 ]
	[ "$(pairs_of r 1)" -eq 11 ]
	[ "$(pairs_of r 2)" -eq 11 ] # a hidden one
	cmp -n "$(stat -c %s before)" before r
	# what it was measured with
	fails_saying toll compare --live "$WORKER" "$slower" "${TWO[@]}" --record r --more : "0.01 %" "--more keeps it"
	fails_saying toll compare --live "$WORKER" "$slower" "${ONE[@]}" --margin 0.01% --record r --more : "other cells"
	fails_saying toll compare --live "$slower" "$WORKER" "${TWO[@]}" --margin 0.01% --record r --more : "r compares"
	fails_saying toll compare --live "$WORKER" "$slower" "${TWO[@]}" --record r : "r is there already" "--more" "--record"
	fails_saying toll compare --live "$WORKER" "$slower" "${TWO[@]}" --record nothing --more : "nothing"
	fails_saying toll compare --live "$WORKER" "$slower" "${TWO[@]}" --record before/r : "before/r" "--record"
	run grep -c '"kind":"pair"' r
	[ "$output" -eq $((6 + 11 + 20 * 11)) ]
}

@test "a decided record measures nothing more" {
	cp "$BATS_FILE_TMPDIR/decided" r
	cd "$BATS_FILE_TMPDIR"
	says 0 "1 slower" : toll compare --live "$WORKER" ./slower "${ONE[@]}" --record "$BATS_TEST_TMPDIR/r" --more
	cmp decided "$BATS_TEST_TMPDIR/r"
}

@test "a record that was cut goes on; its own host only" {
	cp "$BATS_FILE_TMPDIR/decided" whole
	# killed in its second round, within a line
	head -n 34 whole >r
	printf '{"kind":"pair","duel":0,"rou' >>r
	run --separate-stderr toll compare r
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"r:35: the last line was cut short"* ]]
	[[ "$output" == *"0 looks, which spent 0 %"* ]] # two pairs tell nothing, and cost nothing
	cd "$BATS_FILE_TMPDIR"
	run --separate-stderr toll compare --live "$WORKER" ./slower "${ONE[@]}" --pairs 5 --record "$BATS_TEST_TMPDIR/r" --more
	echo "$status $output $stderr"
	[[ "$output" == *"1 look, which spent 2.5 %"* ]]
	sed 's/"page_bytes":[0-9]*/"page_bytes":1/' "$BATS_TEST_TMPDIR/r" >"$BATS_TEST_TMPDIR/other"
	run --separate-stderr toll compare --live "$WORKER" ./slower "${ONE[@]}" --pairs 5 --record "$BATS_TEST_TMPDIR/other" --more
	echo "$status $stderr"
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"other conditions (page_bytes"* ]]
	cd "$BATS_TEST_TMPDIR"
	toll compare r --json >a || [ $? -eq 2 ]
	is_json <a
	grep -q '"looks": 1' a
}

@test "settings: a command before each worker, ABBA, and the old one's at the end" {
	run --separate-stderr toll compare --live --set-old 'echo old | tee -a log' --set-new 'echo new | tee -a log' \
		"${ONE[@]}" --pairs 6 --json
	echo "$status $output $stderr"
	[[ "$status" -eq 0 || "$status" -eq 2 ]]
	is_json <<<"$output"
	[[ "$output" == *'"side_by_side": false'* ]]
	[[ "$output" == *'echo old | tee -a log'*'echo new | tee -a log'* || "$output" == *'echo new | tee -a log'* ]]
	[ "$stderr" = "$(cat log)" ]
	[ "$(tail -1 log)" = old ]
	# each round the cell, and hidden ones of either side
	[ "$(wc -l <log)" -eq $((6 * 6 + 1)) ]
	head -n -1 log | paste -d' ' - - >pairs
	[ "$(grep -cx 'old old' pairs)" -eq 6 ]
	[ "$(grep -cx 'new new' pairs)" -eq 6 ]
	grep -vxE 'old old|new new' pairs >mixed
	cat mixed
	[[ "$(paste -sd, mixed)" == "old new,new old,old new,new old,old new,new old" ||
		"$(paste -sd, mixed)" == "new old,old new,new old,old new,new old,old new" ]]
}

@test "a setting that makes it slower is found" {
	[ "${TOLL_CHECK:-long}" = long ] || skip "in make check-long"
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" TOLL_WORKER
	TOLL_WORKER=$(slow_when flag)
	says 1 "1 slower" "not side by side: worker by worker, ABBA" : \
		toll compare --live --set-old 'rm -f flag' --set-new 'touch flag' "${ONE[@]}" --pairs 8 --fail-on slower
	[ ! -e flag ]
}

# Where they do not stand side by side pairs spread by a tenth and more on a loaded machine.
slow_when() { # FLAG: a worker that is very slow while that file is there
	printf '#!/bin/sh\n[ ! -e "%s" ] || export SLOW_CALLS=100 LD_PRELOAD="%s"\nexec "%s" "$@"\n' \
		"$PWD/$1" "$BATS_FILE_TMPDIR/slow.so" "$WORKER" >switch
	chmod +x switch
	echo "$PWD/switch"
}

@test "a setting's command that fails is one error, and the old one's still runs" {
	fails_saying toll compare --live --set-old 'echo old >>log' --set-new 'exit 7' "${ONE[@]}" --pairs 5 : \
		"--set-new" "ended with status 7"
	[ "$(tail -1 log)" = old ]
	fails_saying toll compare --live --set-old 'exit 3' --set-new true "${ONE[@]}" --pairs 5 : \
		"--set-old" "ended with status 3"
	# shellcheck disable=SC2016
	fails_saying toll compare --live --set-old true --set-new 'kill -SEGV $$' "${ONE[@]}" --pairs 5 : \
		"--set-new" "ended by a signal"
}

@test "Ctrl-C shows what there is, ends by SIGINT and leaves the machine as the old side has it" {
	another
	# once it has pairs enough for a look, however long they take here
	(
		until [ "$(pairs_of r 0)" -ge 6 ] 2>/dev/null; do sleep 0.2; done
		kill -INT "$(cat pid)"
	) &
	# a shell makes its background jobs ignore SIGINT, and make check may be one
	# shellcheck disable=SC2016
	run --separate-stderr env --default-signal=INT sh -c 'echo $$ >pid; exec "$0" "$@"' \
		"$TOLL" compare --live "$WORKER" ./another "${ONE[@]}" --pairs 9000 --record r
	echo "$status $output $stderr"
	[ "$status" -eq 130 ]
	[[ "$output" == *"pipe/pingpong/same-cpu/64/block"*"interrupted after"* ]]
	toll compare r >shown || [ $? -eq 2 ]
	grep -q '1 look' shown
	# before there is any pair: toll is the parent of the command
	# shellcheck disable=SC2016
	run --separate-stderr env --default-signal=INT "$TOLL" compare --live --set-old 'echo old >>log' \
		--set-new 'echo new >>log; kill -INT $PPID; sleep 1' "${ONE[@]}" --pairs 9000 --record r2
	echo "$status $output $stderr"
	[ "$status" -eq 130 ]
	[[ "$output" == *"0 looks"*"interrupted after"* ]]
	[ "$(tail -1 log)" = old ]
	run ! grep -q '"kind":"look"' r2
}

@test "a budget that is too small names the least, at once" {
	another
	start=$SECONDS
	fails_saying toll compare --live "$WORKER" ./another --budget 1s : \
		"--budget: 1s is enough for" "20 hidden ones" "give it --budget"
	[ $((SECONDS - start)) -lt 15 ]
}

@test "--operations fixes turns and pairs" {
	[ "${TOLL_CHECK:-long}" = long ] || skip "in make check-long"
	another
	run --separate-stderr toll compare --live "$WORKER" ./another "${ONE[@]}" --operations 4
	echo "$status $output $stderr"
	[[ "$output" == *"20 pairs of fresh workers a cell"*"1 look,"* ]]
}

@test "a worker that is none, or of another build" {
	fails_saying toll compare --live ./nothing "$WORKER" "${ONE[@]}" : "./nothing" "toll-worker"
	fails_saying toll compare --live "$WORKER" /bin/true "${ONE[@]}" : "true --describe"
	fails_saying toll compare --live "$WORKER" / "${ONE[@]}" : "/"
	local change
	for change in 's/"abi":1/"abi":7/: has ABI 7' 's/"version":[0-9]*,"bytes"/"version":99,"bytes"/: has control page 99' \
		's/"page":{[^}]*},//: has control page 0'; do
		# shellcheck disable=SC2016
		printf '#!/bin/sh\n"%s" "$@" | sed '"'%s'"'\n' "$WORKER" "${change%%: *}" >other
		chmod +x other
		fails_saying toll compare --live "$WORKER" ./other "${ONE[@]}" : "other" "${change#*: }" "one source"
		fails_saying toll vs "$WORKER" ./other : "other" "${change#*: }"
	done
}

@test "mistakes" {
	another
	fails_saying toll compare --live : "two toll-worker programs" "--set-old"
	fails_saying toll compare --live ./another : "two toll-worker programs"
	fails_saying toll compare --live ./another ./another ./another : "one argument too many"
	fails_saying toll compare --live ./another -- ./another : "one argument too many"
	fails_saying toll compare --live --set-old true : "--set-old and --set-new go together"
	fails_saying toll compare --live --set-new true : "--set-old and --set-new go together"
	fails_saying toll compare --live --set-old true --set-new true ./another : "one argument too many"
	fails_saying toll compare --live ./another ./another --more : "--record FILE"
	fails_saying toll compare --live ./another ./another --record r --more=old : "--more=SIDE is for files"
	fails_saying toll compare --live ./another ./another --varies kernel : "--varies" "one environment"
	fails_saying toll compare --live ./another ./another --pairs 4 : "--pairs" "5"
	fails_saying toll compare --live ./another ./another --pairs many : "--pairs" '"many"'
	fails_saying toll compare --live ./another ./another --recrod r : "no option --recrod" "--record"
	fails_saying toll compare --live ./another ./another --set-odl x : "no option --set-odl" "--set-old"
	fails_saying toll compare --live ./another ./another --mechanism pip : '"pip"' '"pipe"'
	fails_saying toll compare --live ./another ./another -c quikc : "quikc" '"quick"'
	fails_saying toll compare --live ./another ./another --mechanism mailbox --wait block : "refused" "mailbox"
	HWLOC_SYNTHETIC='pack:2 pu:2' fails_saying toll compare --live ./another ./another : "HWLOC"
	for option in "--set-old x" "--record x" "--pairs 5" "--config quick" "--plugin x.so" "--size 64" \
		"--budget 5s" "--mechanism pipe"; do
		# shellcheck disable=SC2086
		fails_saying toll compare old new $option : "${option%% *}" "only --live measures"
	done
	record=$BATS_FILE_TMPDIR/decided
	fails_saying toll compare "$record" --margin 5% : "$record" "leave out --margin"
	fails_saying toll compare "$record" --only 'pipe*' : "leave out --only"
	fails_saying toll compare "$record" --varies kernel : "leave out --varies"
	fails_saying toll compare "$record" --more : "--live" "--record"
	fails_saying toll compare "$record" "$record" : "$record:1: a record of toll compare --live"
	fails_saying toll fit "$record" : "toll compare $record shows it"
	fails_saying toll report "$record" : "toll compare $record shows it"
	fails_saying toll compare ./nothing : "./nothing" "no record"
	sed '3p' "$record" >doubled
	fails_saying toll compare doubled : "doubled:4" "a line twice?"
	run --separate-stderr toll compare --live ./another --json
	[ "$status" -eq 4 ]
	is_json <<<"$output"
}

@test "toll vs of two programs" {
	slower=$BATS_FILE_TMPDIR/slower
	another
	says 0 "$WORKER is " "faster than $slower at pipe, 64 B" : toll vs "$WORKER" "$slower" --pairs 6
	run --separate-stderr toll vs "$WORKER" ./another --mechanism ring --pairs 6 --json
	echo "$status $output"
	[[ "$status" -eq 0 || "$status" -eq 2 ]]
	is_json <<<"$output"
	[[ "$output" == *'"cell": "ring/pingpong/same-cpu/64/block"'* ]]
	[[ "$output" == *"\"worker\": \"$WORKER\""*'"worker": "./another"'* ]]
	toll vs pipe ring --pairs 5 --json >out || [ $? -eq 2 ]
	[ "$(grep -c '"worker": null' out)" -eq 2 ]
	fails_saying toll vs "$WORKER" pipe : "$WORKER is a program and pipe is none"
	fails_saying toll vs pipe "$WORKER" : "$WORKER is a program and pipe is none"
	fails_saying toll vs pipe ring --mechanism pipe : "--mechanism" "two toll-worker programs"
	fails_saying toll vs "$WORKER" ./another --mechanism pip : '"pip"' '"pipe"'
	fails_saying toll vs /bin/true /bin/true : "true --describe"
}

@test "Ctrl-C ends a setting's command that hangs" {
	# as a terminal does: the whole process group gets it
	start=$SECONDS
	run --separate-stderr setsid env --default-signal=INT bash -c '
		trap "" INT
		(sleep 2; kill -INT 0) &
		(trap - INT; exec "$0" "$@"); status=$?; wait; exit $status' \
		"$TOLL" compare --live --set-old true --set-new 'sleep 100' "${ONE[@]}" --pairs 5
	echo "$status $output $stderr"
	[ $((SECONDS - start)) -lt 60 ]
	[ "$status" -eq 130 ]
}

@test "-o never takes the place of a record" {
	another
	cp "$BATS_FILE_TMPDIR"/decided kept 2>/dev/null || cp "$BATS_FILE_TMPDIR"/*/decided kept
	cp kept before
	fails_saying toll compare kept -o kept --format html : "kept is one of the results" "another name"
	fails_saying toll compare --live "$WORKER" ./another "${ONE[@]}" --pairs 5 --record new -o new : "one file"
	fails_saying toll compare --live "$WORKER" ./another "${ONE[@]}" --pairs 5 --record kept -o ./kept --more : "one file"
	cmp kept before
	[ ! -e new ]
}

@test "--more refuses another build at the same place, and another number of operations" {
	another
	toll compare --live "$WORKER" ./another "${ONE[@]}" --pairs 5 --margin 0.01% --record r >said || [ $? -eq 2 ]
	run --separate-stderr toll compare --live "$WORKER" ./another "${ONE[@]}" --pairs 5 --margin 0.01% --operations 9 --record r --more
	echo "$status $stderr"
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"--operations"*"begin a new one"* ]]
	sleep 0.01
	stand_in another ": built again;"
	run --separate-stderr toll compare --live "$WORKER" ./another "${ONE[@]}" --pairs 5 --margin 0.01% --record r --more
	echo "$status $stderr"
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"another program"*"./another"*"begin a new one"* ]]
}

@test "an amount and a time do not go together" {
	fails_saying toll compare --live "$WORKER" "$WORKER" --pairs 5 --budget 9s : "--pairs" "--budget"
}
