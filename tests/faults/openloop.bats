# SPDX-License-Identifier: GPL-3.0-or-later
# openloop.bats - messages on a schedule: it is kept, and a receiver that is stopped now and then shows
# in the tail, where a ping-pong hides it.

load helpers

# Of said: what of a cell's single operations a quantile is, ns.
quantile() { # P
	jq ".cells[0].tails.quantiles[] | select(.p == $1).ns.estimate | floor" said
}

has_peers() {
	local workers
	[ -d "/proc/$RUN" ] || return 0
	children "$RUN" workers
	[ ${#workers[@]} -eq 1 ] || return 1
	children "${workers[0]}" PEERS
	[ ${#PEERS[@]} -eq 2 ]
}

# Stops the second peer of what begin() began for 50 ms in each second.
stalled() { # OPTION…
	begin --rounds 1 --tails --json --size 64 "$@"
	until_true has_peers
	while kill -STOP "${PEERS[1]}" 2>/dev/null; do
		sleep 0.05
		kill -CONT "${PEERS[1]}" 2>/dev/null || break
		sleep 0.95
	done
	ends_with 0
}

@test "a receiver stopped 50 ms in each second shows in openloop's p99, not in a ping-pong's" {
	# ten turns of 250 ms, and forty of about 50 ms
	stalled --pattern openloop:rate=2000 --operations 500
	jq '.cells[0] | del(.median_ns)' said
	[ "$(quantile 0.99)" -gt 10000000 ]
	"$TOLL" report --format md x.ndjson
	grep -E "In 1 worker on a schedule a message waited for over a tenth of a turn .*, of 250 ms" x.md
	rm x.ndjson
	stalled --pattern pingpong --operations 10000
	jq '.cells[0].tails' said
	[ "$(quantile 0.99)" -lt 5000000 ]
}

# A worker that had what a rate offers, within 1 %.
keeps() { # RATE
	rm -f x.ndjson
	"$TOLL" run -c grid.conf --rounds 1 --json --size 64 --pattern "openloop:rate=$1" -o x.ndjson >said
	lines worker | jq -c '[.offered_per_s, .achieved_per_s]'
	lines worker | jq -e ".offered_per_s == $1 and (.achieved_per_s / $1 - 1 | fabs) < 0.01"
}

@test "what is offered below capacity comes, within 1 %, and beyond it is said" {
	# what else runs on the machine may hold one worker up
	keeps 1000 || keeps 1000 || keeps 1000
	keeps 10000 || keeps 10000 || keeps 10000
	"$TOLL" run -c grid.conf --rounds 1 --size 64 --pattern openloop:rate=100000000 --operations 2000 \
		-o beyond.ndjson >said
	grep -F 'behind the schedule' said
}

@test "a rate that no turn could be measured at is left out with the reason" {
	run --separate-stderr "$TOLL" run -c grid.conf --size 64 --pattern openloop:rate=1 --dry-run
	[ "$status" -eq 4 ]
	[[ "$output" == *"openloop: rate is 100 … 100000000 messages a second"* ]]
}

@test "HdrHistogram's text, a file a cell" {
	"$TOLL" run -c grid.conf --rounds 1 --tails --operations 20 -o x.ndjson >said
	"$TOLL" report --format hgrm x.ndjson
	for size in 64 128; do
		file=$(echo x.files/tails-?-pipe_pingpong_same-cpu_${size}_block.hgrm)
		head -1 "$file" | grep -F '1/(1-Percentile)'
		grep -Eq '^#\[Max +=.*Total count +=  *800\]$' "$file"
	done
	"$TOLL" run -c grid.conf --rounds 1 --operations 20 -o plain.ndjson >said
	run --separate-stderr "$TOLL" report --format hgrm plain.ndjson
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"measure with --tails"* ]]
}
