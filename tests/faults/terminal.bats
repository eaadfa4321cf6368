# SPDX-License-Identifier: GPL-3.0-or-later
# terminal.bats - progress is for a terminal; a pipe gets none.

load helpers

@test "a pipe: nothing on standard error, no control sequence on standard output" {
	run --separate-stderr "$TOLL" run -c grid.conf -o x.ndjson --operations 20
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[[ "$output" != *$'\e'* ]]
	[[ "$output" != *$'\r'* ]]
}

@test "a terminal: progress with the time left, taken away at the end" {
	command -v script >/dev/null || skip "no script(1) to make a terminal"
	TERM=xterm script -qec "'$TOLL' run -c grid.conf -o x.ndjson --operations $LONG" /dev/null </dev/null >screen
	is_complete 2 2
	tr '\r' '\n' <screen | cat -v >lines
	cat lines
	grep -q '^round 1 of 2, block 1 of 2, 2 cells, ' lines
	grep -Eq '^.*round 2 of 2, block 2 of 2, 2 cells, [0-9]+:[0-9][0-9] left' lines
	# the line is cleared before the summary comes
	grep -q '^^\[\[K' lines
	[ "$(grep -c 'left.*CPUs' lines)" -eq 0 ]
}
