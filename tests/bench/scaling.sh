#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# scaling.sh - pairs that share a CPU share its time: with twice as many pairs as CPUs a round trip of
# pipe takes about twice as long as that of one pair alone. One run, by rounds; goal: above 1.5 times,
# the whole interval.
set -eu -o pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cpus=$(nproc)
peers=$((4 * cpus))
"${BUILD:-build}/toll" run --mechanism pipe --pattern pairs --peer-count "2,$peers" --size 64 --wait block \
	--placement same-cpu --rounds 20 --counters none -o "$folder/x.ndjson" --json >"$folder/json"
jq -r '.scaling | if length == 2 then .[1] else error("no two levels: \(.)") end |
	"\(.slowdown.low > 1.5 | if . then "ok" else "FAIL" end) \(.pairs) pairs on \(.cpus) CPUs take \(
	.slowdown | map_values(. * 100 | round / 100) | "\(.estimate) times [\(.low), \(.high)], \(.n) rounds,") as long as one pair; goal: above 1.5"' \
	"$folder/json" | tee "$folder/said"
grep -q '^ok' "$folder/said"
