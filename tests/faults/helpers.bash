# SPDX-License-Identifier: GPL-3.0-or-later
# helpers.bash - what the tests of failures share: runs that last long enough to be hit, finding their
# processes, and looking at what is left of them.

bats_require_minimum_version 1.5.0

# Operations of a turn that takes some 5 ms; a visit of one cell takes a quarter of a second.
LONG=2000

setup() {
	local root=$BATS_TEST_DIRNAME/../..
	TOLL=$(realpath "$root/${BUILD:-build}/toll")
	unset TOLL_WORKER HWLOC_SYNTHETIC HWLOC_XMLFILE
	export NO_COLOR=1
	# every process of this test has it in its environment, whoever its parent is
	export TOLL_FAULTS="$BATS_SUITE_TEST_NUMBER-$$-$RANDOM"
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	cd "$BATS_TEST_TMPDIR"
	AS=()
	grid 2
	left_behind >"$BATS_TEST_TMPDIR/before"
}

teardown() {
	local pid
	for pid in $(ours); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	[ -z "${THEIRS:-}" ] || rm -rf "$THEIRS"
	# nobody will sweep what a test left that broke off
	[ "${BATS_TEST_COMPLETED:-}" = 1 ] || rm -f {/dev/shm,/tmp}/toll-journalled-*
}

# A configuration: two blocks of one cell a round, unless the lines say otherwise.
grid() { # ROUNDS LINE…
	local rounds=$1 line key
	local -A keys=([mechanism]=pipe [pattern]=pingpong [placement]=same-cpu [size]="64, 128" [wait]=block)
	shift
	for line in "$@"; do
		key=${line%% *}
		keys[$key]=${line#* = }
	done
	{
		printf '[run]\nrounds = %s\ncounters = none\ncontrols = off\n[grid]\n' "$rounds"
		for key in "${!keys[@]}"; do
			echo "$key = ${keys[$key]}"
		done
	} >grid.conf
}

# From now on toll runs as an ordinary user ("${AS[@]}" does it), in a folder of that user's.
as_nobody() {
	[ "$(id -u)" -eq 0 ] || return 0
	command -v setpriv >/dev/null || skip "no setpriv to give up root's rights with"
	AS=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all)
	# bats keeps its folders to root, and so may be where toll was built
	THEIRS=$(mktemp -d /tmp/toll-faults.XXXXXX)
	cp grid.conf "$TOLL" "$(dirname "$TOLL")/toll-worker" "$THEIRS"
	TOLL=$THEIRS/toll
	export HOME=$THEIRS XDG_RUNTIME_DIR=$THEIRS/runtime
	cd "$THEIRS"
	mkdir -m 700 runtime
	chown -R 65534:65534 .
	left_behind >"$BATS_TEST_TMPDIR/before"
}

# --- a run in the background -------------------------------------------------------------------

# Signals as in the foreground: a shell's background jobs ignore SIGINT.
begin() { # OPTION…
	begin_with -- "$@"
}

begin_with() { # PROGRAM… -- OPTION…
	local with=()
	while [ "$1" != -- ]; do
		with+=("$1")
		shift
	done
	shift
	env --default-signal "${AS[@]}" "${with[@]}" "$TOLL" run -c grid.conf -o x.ndjson "$@" >said 2>complained 3>&- &
	RUN=$!
}

# Waits for what begin() began to end with that status.
ends_with() { # STATUS
	local status=0
	wait "$RUN" || status=$?
	echo "ended with status $status"
	cat complained
	[ "$status" -eq "$1" ]
}

resume() { # OPTION…
	"${AS[@]}" "$TOLL" run -c grid.conf -o x.ndjson --resume "$@" 3>&-
}

# Waits up to 30 s.
until_true() { # COMMAND…
	local start=$SECONDS
	until "$@"; do
		if [ $((SECONDS - start)) -gt 30 ]; then
			echo "in vain: $*"
			return 1
		fi
		sleep 0.01
	done
}

# --- processes ---------------------------------------------------------------------------------

# This test's processes that are toll's.
ours() {
	local file pid name
	for file in $(grep -lzsx "TOLL_FAULTS=$TOLL_FAULTS" /proc/[0-9]*/environ); do
		pid=${file#/proc/}
		pid=${pid%/environ}
		read -r name 2>/dev/null <"/proc/$pid/comm" || continue
		[[ $name == toll* ]] && echo "$pid"
	done
	true
}

# Child processes; quickly, for a turn does not wait.
children() { # PID VARIABLE
	local -n found=$2
	found=()
	if [ -e "/proc/$$/task/$$/children" ]; then
		{ read -ra found <"/proc/$1/task/$1/children"; } 2>/dev/null || true
	else
		mapfile -t found < <(grep -lsPx 'PPid:\t'"$1" /proc/[0-9]*/status | tr -dc '0-9\n')
	fi
}

has_worked() { # PID : for 10 ms, far more than starting takes
	local ns
	{ read -r ns _ <"/proc/$1/schedstat"; } 2>/dev/null && [ "$ns" -gt 10000000 ]
}

# Waits until so many workers have their line.
until_measured() { # WORKERS
	until_true measured "$1"
}

measured() {
	[ -e x.ndjson ] && [ "$(grep -c '"kind":"worker"' x.ndjson)" -ge "$1" ]
}

# Sets WORKER and its PEERS, of a worker that is being measured; when it is alone in its block, it is at
# its turn.
catch_a_turn() {
	WORKER=
	until_true at_its_turn
	[ "$WORKER" ]
}

at_its_turn() {
	local workers worker
	[ -d "/proc/$RUN" ] || return 0
	children "$RUN" workers
	for worker in "${workers[@]}"; do
		children "$worker" PEERS
		if [ ${#PEERS[@]} -ge 2 ] && has_worked "${PEERS[0]}"; then
			WORKER=$worker
			return
		fi
	done
	return 1
}

# --- what is left ------------------------------------------------------------------------------

# Every kernel object that has a name or an owner of its own, sorted.
left_behind() {
	kernel_objects | sort
}

kernel_objects() {
	local folder
	for folder in /dev/shm /dev/mqueue; do
		# whatever else runs here has its own
		[ ! -d $folder ] || find $folder -name '*toll*' | sort
	done
	# by number: two private ones have the same key
	[ ! -d /proc/sysvipc ] || awk 'FNR > 1 { print FILENAME, $1, $2 }' /proc/sysvipc/*
	awk 'FNR > 1 && /toll/ { print $NF }' /proc/net/unix
	find "$XDG_RUNTIME_DIR" /tmp/toll-journalled-* -type f,p 2>/dev/null || true
}

# Whatever runs beside makes objects and removes them; what is left of this test's stays.
nothing_left() {
	until_true no_process
	left_behind | comm -13 "$BATS_TEST_TMPDIR/before" - >"$BATS_TEST_TMPDIR/left"
	until_true none_stays || {
		cat "$BATS_TEST_TMPDIR/left"
		return 1
	}
}

none_stays() {
	left_behind | comm -12 "$BATS_TEST_TMPDIR/left" - >"$BATS_TEST_TMPDIR/stays"
	mv "$BATS_TEST_TMPDIR/stays" "$BATS_TEST_TMPDIR/left"
	[ ! -s "$BATS_TEST_TMPDIR/left" ]
}

failures() {
	lines worker | jq -r 'select(.state == "failed").reason'
}

no_process() {
	[ -z "$(ours)" ]
}

# --- the result file ---------------------------------------------------------------------------

lines() { # KIND
	jq -c --arg kind "$1" 'select(.kind == $kind)' x.ndjson
}

# Every line is whole: an object of a known kind. What was there before stands unchanged.
is_whole() {
	jq -es 'all(.kind | IN("header", "worker", "counted", "control", "look", "resume", "summary"))' x.ndjson >/dev/null
	[ -z "$(tail -c 1 x.ndjson)" ]
	[ ! -e kept ] || cmp -n "$(stat -c %s kept)" kept x.ndjson
}

# Remembers what the file holds: is_whole() looks that nothing of it changes.
keep() {
	cp x.ndjson kept
}

# Each cell in each round, once.
is_complete() { # CELLS ROUNDS
	local missing
	missing=$(jq -nc --argjson cells "$1" --argjson rounds "$2" '
		[inputs | select(.kind == "worker" and .state == "ok") | [.round, .cell]] as $there |
		[range($rounds) as $r | range($cells) as $c | [$r, $c]] - $there, ($there | length)
		' x.ndjson | paste -sd' ')
	echo "missing rounds and cells, and how many are there: $missing"
	jq -c 'select(.kind == "worker" and .state != "ok") | [.round, .cell, .state, .reason]' x.ndjson
	[ "$missing" = "[] $(($1 * $2))" ]
}

# --resume finishes what was broken off, and nothing of either run is left.
completes() { # CELLS ROUNDS OPTION…
	is_whole
	keep
	resume "${@:3}" >/dev/null
	is_whole
	is_complete "$1" "$2"
	lines summary | tail -1 | jq -e '.ended == "rounds"'
	nothing_left
}
