# SPDX-License-Identifier: GPL-3.0-or-later
# ended.bats - a run that is told to end: by Ctrl-C and its like, by a reader that has had enough.

load helpers

@test "Ctrl-C: a whole file with its summary, and the end by SIGINT" {
	# a session of its own, as in a terminal: its parent says whether a signal ended it
	begin_with setsid -fw -- --operations $LONG
	PARENT=$RUN
	until_true eval 'RUN=$(ours | grep -vx "$PARENT" | head -1); [ "$RUN" ]'
	until_measured 2
	catch_a_turn
	# to the whole group, as a terminal does it
	kill -INT -- "-$RUN"
	wait "$PARENT" || true
	cat complained
	grep -q "did not exit normally" complained
	is_whole
	[ "$(lines summary | jq -r .ended)" = interrupted ]
	grep -q "interrupted" said
	[ -s x.html ]
	completes 2 2 --operations $LONG
	[ "$(lines resume | wc -l)" -eq 1 ]
}

@test "Ctrl-C before anything is measured" {
	begin --operations $LONG
	until_true test -s x.ndjson
	kill -INT "$RUN"
	ends_with 130
	[ "$(lines summary | jq -r .ended)" = interrupted ]
	[ "$(lines worker | wc -l)" -eq 0 ]
	completes 2 2 --operations $LONG
}

@test "SIGTERM and SIGHUP end it like Ctrl-C" {
	local number=143 name
	for name in TERM HUP; do
		rm -f x.ndjson
		begin --operations $LONG
		catch_a_turn
		kill -$name "$RUN"
		ends_with $number
		number=129
		is_whole
		[ "$(lines summary | jq -r .ended)" = interrupted ]
		nothing_left
	done
}

@test "nohup: a signal that is ignored stays ignored" {
	begin_with env --ignore-signal=HUP -- --operations $LONG
	catch_a_turn
	kill -HUP "$RUN"
	ends_with 0
	is_complete 2 2
}

@test "a reader that has had enough costs neither result nor page" {
	"$TOLL" run -c grid.conf --operations 20 -o x.ndjson 2>complained | true
	is_complete 2 2
	[ -s x.html ]
	[ "$(wc -l <complained)" -le 1 ]
	nothing_left
}

@test "closed standard streams: nothing strays into the result" {
	local status=0
	"$TOLL" run -c grid.conf --operations 20 -o x.ndjson <&- >&- 2>&- || status=$?
	[ $status -eq 4 ]
	is_whole
	is_complete 2 2
	[ -s x.html ]
}
