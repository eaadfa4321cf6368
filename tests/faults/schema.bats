# SPDX-License-Identifier: GPL-3.0-or-later
# schema.bats - reports/schema.md against result files and records of this toll: every member that it
# names is there and of its type, and there is none that it does not name.

load helpers

SCHEMA=$BATS_TEST_DIRNAME/../../reports/schema.md

# The tables of schema.md as JSON.
rules() { # FILE
	awk -F ' *\\| *' '
		/^#/ { path = $0; sub(/^#+ `/, "", path); sub(/`.*/, "", path); key = value = "" }
		/^#.*, when `/ { split($0, part, "`"); key = part[4]; value = part[6] }
		/^\| `/ { gsub(/`/, "", $2); gsub(/`/, "", $3); gsub(/"/, "", value)
			print path "\t" key "\t" value "\t" $2 "\t" $3 }' "$1" |
		jq -Rn '[inputs | split("\t") | {path: .[0], key: .[1], value: .[2], member: .[3], type: .[4]}]'
}

# Either part of schema.md: both kinds of file have lines called look, and each its own.
of_results() { # FILE
	sed '/^# The record of pairs/,$d' "$1"
}

of_records() { # FILE
	sed -n '/^# The record of pairs/,$p' "$1"
}

wrong() { # SCHEMA FILE…
	jq -sr --argjson rules "$(rules "$1")" -f "$BATS_TEST_DIRNAME/schema.jq" "${@:2}" | sort -u
}

# One file of each way to end, and of every kind of cell.
setup_file() {
	local BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR BATS_SUITE_TEST_NUMBER=0
	setup
	grid 1 "mechanism = pipe, ring:layout=*" "pattern = pingpong, stream, self, fanin, pipeline" \
		"placement = same-cpu, across" "wait = spin, block, hybrid:20us" "size = 64"
	"$TOLL" run -c grid.conf --operations 20 --counters default --controls on -o kinds.ndjson >said
	grid 1 "idle = sleep" "placement = across, same-cpu" "depth = 4" "copy = on, off" "touch = all, none" \
		"peers = thread" "mechanism = pipe, ring" "replicas = 2"
	"$TOLL" run -c grid.conf --operations 20 --tails -o more.ndjson >said
	grid 2
	begin --operations $LONG
	catch_a_turn
	kill -KILL "${PEERS[0]}"
	until_measured 2
	catch_a_turn
	kill -INT "$RUN"
	wait "$RUN" || true
	resume --operations $LONG >said
	mv x.ndjson interrupted.ndjson
	# records of pairs; the second program cannot measure
	local worker
	worker=$(dirname "$TOLL")/toll-worker
	printf '#!/bin/sh\ncase $1 in --describe | --examine) exec "%s" "$@" ;; esac\nexit 1\n' "$worker" >broken
	chmod +x broken
	for other in "$worker" ./broken; do
		"$TOLL" compare --live "$worker" "$other" --mechanism pipe --size 64 --pattern pingpong --wait block \
			--placement same-cpu --pairs 5 --record "${other##*/}.record" >said || [ $? -eq 2 ]
	done
	# twenty rounds do not fit, and it says so
	local status=0
	"$TOLL" run -c grid.conf --size 8,16,32,64,128,256,1K,4K --budget 500ms -o stopped.ndjson >said || status=$?
	[ "$status" -eq 4 ]
	# decided at a look, cells alone and cells compared
	grid 1 "mechanism = pipe, unix-stream" "size = 64"
	sed -i 's/^rounds.*/margin = 50%/' grid.conf
	"$TOLL" run -c grid.conf --budget 8s -o looks.ndjson >said
}

@test "every member of schema.md, and no other, in files of every kind" {
	wrong <(of_results "$SCHEMA") "$BATS_FILE_TMPDIR"/*.ndjson >found
	wrong <(of_records "$SCHEMA") "$BATS_FILE_TMPDIR"/*.record >>found
	head -40 found
	[ ! -s found ]
}

@test "a member too many, one too few and a wrong type are found" {
	local rule
	while read -r said rule; do
		of_results "$SCHEMA" | sed "$rule" >schema.md
		wrong schema.md "$BATS_FILE_TMPDIR"/{interrupted,looks}.ndjson >found
		echo "$rule: $said?"
		grep -qF "$said" found
	done <<-'END'
		header.seed /^| `seed` | integer | of every/d
		worker.settled /^| `settled`/d
		header.plan.cells[].memory /^| `memory`/d
		header.worker.abi s/^| `abi` | integer/| `abi` | string/
		header.plan.cells[].peers_are s/^| `peers_are` .*/| `peers_are` | `"fibers"` | |/
		header.till s/^| `toll` | string/| `till` | string/
		worker.disturbance[].gap_ns s/^| `gap_ns` | number/| `gap_ns` | boolean/
		worker.batch_ns s/array of (number/array of (string/
		summary.celts[] s/^### `summary.cells\[\]`/### `summary.celts[]`/
		look.decided[].how s/^| `how` | `"precise"`, `"same"`, `"faster"`, `"slower"`/| `how` | `"well"`/
		look.spent /^| `spent`/d
		resume.kind s/^| `kind` | `"resume"`/| `kind` | `"resumed"`/
	END
	while read -r said rule; do
		of_records "$SCHEMA" | sed "$rule" >schema.md
		wrong schema.md "$BATS_FILE_TMPDIR"/*.record >found
		echo "$rule: $said?"
		grep -qF "$said" found
	done <<-'END'
		comparison.duels[].alternating /^| `alternating`/d
		comparison.sides[].set s/^| `set` | boolean/| `set` | integer/
		pair.ln_ns s/^| `ln_ns` | array of number/| `ln_ns` | number/
		loss.why s/^| `why` | `"failed"`, `"host state"`/| `why` | `"host state"`/
		look.open /^| `open`/d
		end.ended s/`"decided"`, `"pairs"`/`"pears"`/
	END
}

@test "no number is negative but logarithms, and none is not finite" {
	jq -sr '.[] | paths(type == "number" and . < 0) | map(select(type == "string")) | join(".")' \
		"$BATS_FILE_TMPDIR"/*.{ndjson,record} | sort -u >found
	head -40 found
	[ -z "$(grep -vE 'log_mean|ln_ratio|ln_ns' found)" ]
	[ "$(grep -ciE '[:,[]-?(nan|inf)' "$BATS_FILE_TMPDIR"/*.{ndjson,record} | grep -vc ':0$')" -eq 0 ]
}
