# SPDX-License-Identifier: GPL-3.0-or-later
# axes.bats - think time: what lies between two operations, and is in none of them.

load helpers

@test "think time is not in the figure, and the operation behind it is dearer than one without" {
	toll one pipe --think 200us --for 300ms --json >slow
	toll one pipe --for 300ms --json >fast
	python3 - <<-'END'
		import json
		slow, fast = (json.load(open(name)) for name in ("slow", "fast"))
		assert slow["cell"] == "pipe/pingpong/same-cpu/64/block/think=200us"
		assert fast["median_ns"] * 0.9 < slow["median_ns"] < 150000, (slow, fast)
		# who thinks is not charged with it
		assert all(ns < 100000 for ns in slow["cpu_ns"]), slow["cpu_ns"]
	END
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
