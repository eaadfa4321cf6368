# SPDX-License-Identifier: GPL-3.0-or-later
# axes.bats - think time, pairs at once, and the configurations that show an axis each.

load helpers

@test "the configurations of the axes: each has a plan, and what it leaves out has a reason" {
	for name in threads pages numa sched think scaling false-sharing; do
		toll run -c $name --dry-run --json >$name.json
		is_json <$name.json
		jq -e '(.cells | length > 0) and all(.refused[]; .reason | length > 0)' $name.json
	done
}

@test "think time is in no figure: neither in that of the operation nor in CPU time" {
	toll one pipe --think 30ms --for 300ms --json >slow
	cat slow
	# who thinks is not charged with it
	jq -e '.cell == "pipe/pingpong/same-cpu/64/block/think=30ms" and .median_ns > 500 and .median_ns < 15e6 and
		all(.cpu_ns[]; . < 5e6)' slow
}

@test "think time and tails go together; a run keeps both kinds apart" {
	toll run --mechanism pipe --pattern pingpong --size 64 --wait block --placement same-cpu --think 0,20us \
		--rounds 2 --counters none --tails --operations 50 -o x.ndjson >said
	cat said
	grep -q '^same-cpu, sleeping  CPUs' said
	grep -q '^same-cpu, sleeping, think time 20us  CPUs' said
	[ "$(grep -c '"kind":"worker".*"histogram":{' x.ndjson)" = 4 ]
	toll vs pipe/think=20us pipe --pairs 5 | grep -q "pipe (20us of think time)"
}

@test "who thinks: mistakes and refusals" {
	fails_saying toll one ring --think -1ms : '"-1ms" is no time from 0 to 100ms'
	fails_saying toll one ring --think 1s : '"1s" is no time from 0 to 100ms'
	fails_saying toll one ring --think soon : '"soon" is no time from 0 to 100ms'
	fails_saying toll one ring --think 1ms --pattern stream : "stream has no loop with think time"
}

@test "pairs at once: all together, and against one pair" {
	toll run --mechanism pipe --pattern pairs --peer-count 2,4,8 --size 64 --wait block --placement same-cpu \
		--rounds 3 --counters none --operations 20 -o x.ndjson --json >json
	jq '.failed, .scaling' json
	jq -e '.failed == [] and [.scaling[].pairs] == [1, 2, 4] and .scaling[0].slowdown == null' json
	# each is the cell's, and the rate is that of all pairs
	jq -e '[.scaling, .cells] | transpose | length == 3 and all(.[];
		.[0].cell == .[1].cell and (.[0].round_trips_per_s.estimate /
		(.[0].pairs * 1e9 / .[1].rtt_ns.estimate) - 1 | fabs) < 1e-6)' json
	# against one pair by rounds, each of them; how much it is, tests/bench/scaling.sh measures
	jq -e 'all(.scaling[1, 2].slowdown; .n == 3 and 0 < .low and .low <= .estimate and .estimate <= .high)' json
	grep -q '<h2>Pairs at once</h2>' x.html
	toll report x.ndjson --format md
	toll run -c scaling --mechanism pipe --placement same-cpu --wait block --rounds 2 --operations 20 \
		--counters none -o y.ndjson >said
	grep -q '^Scaling  round trips of all pairs together' said
}

@test "pairs at once: an odd peer, and more spinning peers than CPUs, are refused" {
	fails_saying toll one pipe --pattern pairs --peer-count 3 : "pairs: it takes an even number of peers"
	fails_saying toll one ring --pattern pairs --peer-count 16 --wait spin --placement same-cpu : "spin on one CPU"
}
