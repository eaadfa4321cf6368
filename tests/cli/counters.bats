# SPDX-License-Identifier: GPL-3.0-or-later
# counters.bats - what is counted agrees with strace and perf; what cannot be counted has its reason, and
# the rest runs.

load helpers

PIPE=(--controls off --mechanism pipe --pattern pingpong --placement same-cpu --wait block --size 64)
CALLS='raw_syscalls:sys_enter'

setup_file() {
	"${CC:-gcc}" -o "$BATS_FILE_TMPDIR/refuse" "$BATS_TEST_DIRNAME/refuse.c"
}

# The number of a system call here.
number() { # NAME
	printf '#include <sys/syscall.h>\nSYS_%s\n' "$1" | "${CC:-gcc}" -E -P - | tail -1
}

tracepoints() {
	toll list events --json | jq -e --arg name $CALLS '.events[] | select(.name == $name).counts' ||
		skip "no tracepoints here: $(toll list events | grep $CALLS)"
}

# An event of a result: a number a peer, or its member.
counted() { # FILE EVENT [MEMBER]
	jq -r --arg name "$2" --arg member "${3:-per_operation}" 'select(.kind == "counted").counters[] |
		select(.name == $name).peers[][$member]' "$1"
}

# How often something happens in a round trip, by two runs that differ in round trips only (40 turns).
per_trip() { # COUNT_OF_FEW COUNT_OF_MANY FEW MANY
	awk -v a="$1" -v b="$2" -v n=$((40 * ($4 - $3))) 'BEGIN { print (b - a) / n }'
}

# One of a peer in a round trip; whatever else runs on the CPU takes it away now and then.
a_switch() { # FILE
	counted "$1" context-switches | head -1 | awk '{ exit !($1 > 0.95 && $1 < 1.05) }'
}

near() { # A B: within a hundredth
	echo "$1 and $2"
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a - b <= b / 100 && b - a <= b / 100) }'
}

@test "a round trip over pipes: two system calls and a switch of each peer, and wake-ups" {
	tracepoints
	toll one pipe --for 50ms --counters default --json >json
	is_json <json
	# whom a wake-up preempts is not asleep when the answer comes, so there may be half as many of them
	for event in "$CALLS 1.98 2.02" "context-switches 0.95 1.05" "sched:sched_waking 0.3 1.05"; do
		read -r name low high <<<"$event"
		jq -e --arg name "$name" --argjson low "$low" --argjson high "$high" '.counted.counters[] |
			select(.name == $name).peers | length == 2 and all(.per_operation | . > $low and . < $high)' json
	done
	jq -e '.counted.counters | all(.peers | all((.per_operation == null) == (.by == null) and
		(.per_operation != null or (.reason | length > 9))))' json
}

# System calls of each peer in a round trip of 8 bytes on one CPU: exactly, or as many at least and at most
# where how often one has to sleep or to wake is up to the scheduler.
@test "every kernel mechanism: system calls, switches, wake-ups and faults of both peers" {
	tracepoints
	local calls="pipe 2 2 fifo 2 2 vmsplice 2 2 unix-stream 2 2 unix-dgram 2 2 unix-seqpacket 2 2 tcp 2 2 udp 2 2
		sysv-queue 2 2 posix-queue 2 2 eventfd 2 2 signal 2 2 sysv-sem 4 4 uring-pipe 1 1 uring-socket 1 1
		uring-msg 1 1 uring-futex 1 1 memfd-pass 13 13 futex 1 2 posix-sem 1 2 mutex-cond 1 3 cma 2 3
		pidfd-getfd 13 14 loan 1 2"
	local names there name
	there=$(toll list mechanisms --json | jq -r '.mechanisms[].name')
	# none that there is was forgotten
	for name in $there; do
		case $name in
		ring | mailbox | mpsc | broadcast | seqlock | null) continue ;; # memory alone
		esac
		[[ " $calls" == *[[:space:]]"$name "* ]]
		names+=${names:+,}$name
	done
	toll run --controls off --mechanism "$names" --pattern pingpong --placement same-cpu --wait block --size 8 --operations 100 \
		--rounds 1 -o x.ndjson >said
	cat said
	jq -r 'select(.kind == "counted") | .cell as $cell | .counters | map({ key: .name,
		value: [.peers[].per_operation] }) | from_entries | [$cell, .["raw_syscalls:sys_enter"][],
		.["context-switches"][], (.["sched:sched_waking"] | add), .["page-faults"][]] | @tsv' x.ndjson >counts
	jq -r '.plan.cells // [] | to_entries[] | [.key, (.value.key | split("/")[0])] | @tsv' x.ndjson >cells
	awk -v table="$calls" 'BEGIN { n = split(table, t); for (i = 1; i <= n; i += 3) { low[t[i]] = t[i + 1]; high[t[i]] = t[i + 2] } }
		FILENAME == "cells" { name[$1] = $2; next }
		{ m = name[$1]; seen++; bad = NF != 8
		  for (i = 2; i <= 3; i++) bad = bad || $i < 0.98 * low[m] || $i > 1.02 * high[m] + 0.02
		  for (i = 4; i <= 5; i++) bad = bad || $i < 0.95 || $i > 2.1
		  bad = bad || $6 < 0.9 || $6 > 2.1 || $7 > 3 || $8 > 3
		  if (bad) { print "wrong:", m, $0; wrong++ } }
		END { print seen, "of", length(name); exit wrong > 0 || seen < 15 || seen != length(name) }' cells counts
}

@test "threads as peers, and one process that plays both ends" {
	tracepoints
	toll run "${PIPE[@]}" --peers thread --operations 500 --rounds 1 --counters $CALLS,cs -o t.ndjson >said
	for calls in $(counted t.ndjson $CALLS); do
		near "$calls" 2
	done
	toll run "${PIPE[@]}" --pattern self --operations 500 --rounds 1 --counters $CALLS,cs -o s.ndjson >said
	# a message each way, or one: what self sends it receives
	[ "$(counted s.ndjson $CALLS | wc -l)" -eq 1 ]
	near "$(counted s.ndjson $CALLS)" 2
	[ "$(counted s.ndjson cs)" = 0 ] || [[ $(counted s.ndjson cs) == 0.0* ]]
}

@test "strace counts as many" {
	tracepoints
	command -v strace >/dev/null || skip "no strace"
	toll run "${PIPE[@]}" --operations 1000 --rounds 1 --counters $CALLS -o x.ndjson >said
	local n
	for n in 50 250; do
		strace -f --seccomp-bpf -c -U calls,name -e trace=read,write -o $n.calls "$TOLL" run "${PIPE[@]}" --counters none \
			--operations $n --rounds 1 -o $n.ndjson >said || skip "strace does not work here"
	done
	cat 50.calls 250.calls
	near "$(per_trip "$(awk '$2 == "total" { print $1 }' 50.calls)" \
		"$(awk '$2 == "total" { print $1 }' 250.calls)" 50 250)" \
		"$(counted x.ndjson $CALLS | awk '{ sum += $1 } END { print sum }')"
}

@test "perf counts as many" {
	tracepoints
	command -v perf >/dev/null || skip "no perf"
	unshare -m true 2>/dev/null || skip "no mount namespace of one's own is to be had"
	toll run "${PIPE[@]}" --operations 1000 --rounds 1 --counters $CALLS,cs -o x.ndjson >said
	local n event
	for n in 100 1100; do
		# shellcheck disable=SC2016
		unshare -m sh -c '[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"' sh \
			perf stat -x, -e $CALLS,cs -o $n.perf "$TOLL" run "${PIPE[@]}" --counters none --operations $n \
			--rounds 1 -o $n.ndjson >said
	done
	for event in $CALLS cs; do
		cat 100.perf 1100.perf
		near "$(per_trip "$(awk -F, -v e=$event '$3 == e { print $1 }' 100.perf)" \
			"$(awk -F, -v e=$event '$3 == e { print $1 }' 1100.perf)" 100 1100)" \
			"$(counted x.ndjson $event | awk '{ sum += $1 } END { print sum }')"
	done
}

@test "a seccomp filter that refuses perf_event_open: it is named, switches and faults are getrusage's" {
	local error
	for error in 1 13; do
		"$BATS_FILE_TMPDIR/refuse" $error "$(number perf_event_open)" "$(number perf_event_open)" \
			"$TOLL" run "${PIPE[@]}" --operations 500 --rounds 1 -o $error.ndjson >summary
		cat summary
		grep -q '"state":"ok"' $error.ndjson
		grep -q 'not counted: .*migrations.*perf_event_open' summary
		# what needs tracefs as well may want for that alone
		grep -qE 'not counted: .*system calls.*(perf_event_open|tracefs is not mounted)' summary
		[ "$(counted $error.ndjson context-switches by | sort -u)" = getrusage ]
		a_switch $error.ndjson
		[ "$(counted $error.ndjson cycles:u | sort -u)" = null ]
		[ "$(counted $error.ndjson cpu-migrations | sort -u)" = null ]
	done
}

@test "no tracefs: what needs it is named, the rest is counted" {
	[ ! -d /sys/kernel/tracing/events ] || skip "tracefs is mounted"
	"$BATS_FILE_TMPDIR/refuse" 1 "$(number mount)" "$(number mount)" \
		"$TOLL" run "${PIPE[@]}" --operations 500 --rounds 1 -o x.ndjson >summary
	cat summary
	grep -q 'not counted: system calls.*tracefs is not mounted' summary
	a_switch x.ndjson
	[ "$(counted x.ndjson $CALLS | sort -u)" = null ]
	grep -q 'tracefs is not mounted' x.html
}

@test "another user: switches are counted all the same, and what is not has its reason" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	command -v setpriv >/dev/null || skip "no setpriv to give up root's rights with"
	[ "$(cat /proc/sys/kernel/perf_event_paranoid)" -ge 2 ] || skip "users may count the kernel here"
	local theirs
	theirs=$(mktemp -d /tmp/toll-counters.XXXXXX)
	cp "$TOLL" "$WORKER" "$theirs"
	echo "[a]" >"$theirs/my.conf"
	chown -R 65534:65534 "$theirs"
	cd "$theirs"
	HOME=$theirs XDG_STATE_HOME=$theirs setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
		--bounding-set=-all ./toll run -c my.conf "${PIPE[@]}" --operations 500 --rounds 1 -o x.ndjson >summary
	cat summary
	near "$(counted x.ndjson context-switches | head -1)" 1
	[ "$(counted x.ndjson context-switches by | sort -u)" = getrusage ]
	grep -q 'by getrusage(2): switches, page faults: sysctl kernel.perf_event_paranoid is' summary
	grep -q 'not counted: .*system calls' summary
	[ "$(jq 'select(.kind == "counted").counters[].peers[] | select(.per_operation == null and .reason == null)' x.ndjson)" = "" ]
	cd /
	rm -rf "$theirs"
}

@test "counting none: no line, no table, and the page says so" {
	measure x.ndjson --counters none >summary
	! grep -q '"kind":"counted"' x.ndjson
	! grep -q 'counted per operation' summary
	grep -q 'Nothing was counted' x.html
}
