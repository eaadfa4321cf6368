# SPDX-License-Identifier: GPL-3.0-or-later
# strict.bats - where a kernel or a container allows less: another user, no tracefs, no perf_event_open(2),
# no io_uring, one CPU, no locked memory. Each by itself and all together: what can run does, the rest is
# named, nothing is left.

load helpers

setup_file() {
	"${CC:-gcc}" -o "$BATS_FILE_TMPDIR/refuse" "$BATS_TEST_DIRNAME/../cli/refuse.c"
	cp -r "$BATS_TEST_DIRNAME/../../configs" "$BATS_FILE_TMPDIR"
	chmod 755 "$BATS_FILE_TMPDIR"
}

eval "helpers_$(declare -f teardown)"
teardown() {
	helpers_teardown
	cpuset_ends
}

# The number of a system call here.
number() { # NAME
	printf '#include <sys/syscall.h>\nSYS_%s\n' "$1" | "${CC:-gcc}" -E -P - | tail -1
}

# A filter that answers the calls FIRST … LAST with an errno: commands of AS run under it.
under_filter() { # ERRNO FIRST LAST
	cp -n "$BATS_FILE_TMPDIR/refuse" refuse
	AS=("$PWD/refuse" "$@" "${AS[@]}")
}

# --- a cpuset of one CPU -----------------------------------------------------------------------

first_cpu() {
	taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/'
}

# A new cgroup that holds one CPU: sets CPUSET, its folder. false where none is to be had.
cpuset_begins() { # CPU
	local root=/sys/fs/cgroup file name=toll-strict-$$
	[ "$(id -u)" -eq 0 ] || return 1
	if grep -qw cpuset $root/cgroup.subtree_control 2>/dev/null; then
		CPUSET=$root/$name
	elif [ -e $root/cpuset/cpuset.cpus ]; then
		CPUSET=$root/cpuset/$name # version 1
	else
		return 1
	fi
	mkdir "$CPUSET" 2>/dev/null || {
		CPUSET=
		return 1
	}
	for file in cpus mems; do
		[ -s "$CPUSET/cpuset.$file" ] && [ -n "$(cat "$CPUSET/cpuset.$file")" ] && continue
		cat "$root/cpuset/cpuset.$file" >"$CPUSET/cpuset.$file" 2>/dev/null || true
	done
	echo "$1" >"$CPUSET/cpuset.cpus"
}

cpuset_ends() {
	[ -z "${CPUSET:-}" ] || until_true rmdir "$CPUSET"
	CPUSET=
}

# Commands of AS run on one CPU from now on: in a cpuset, else by their affinity alone.
on_one_cpu() {
	ONE=$(first_cpu)
	if cpuset_begins "$ONE"; then
		# shellcheck disable=SC2016
		AS=(bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$CPUSET" "${AS[@]}")
	else
		echo "# no cpuset is to be had here: taskset" >&3
		AS=(taskset -c "$ONE" "${AS[@]}")
	fi
}

without_locked_memory() {
	# shellcheck disable=SC2016
	AS=(bash -c 'ulimit -l 0 && exec "$@"' bash "${AS[@]}")
}

# ------------------------------------------------------------------------------------------------

# Runs to its end, all measured.
measures() { # OPTION…
	run --separate-stderr "${AS[@]}" "$TOLL" run -c "${CONF:-grid.conf}" -o x.ndjson --operations 10 --rounds 1 "$@"
	echo "status $status: $stderr"
	echo "$output"
	[ "$status" -eq 0 ]
	is_whole
	[ "$(lines worker | jq -r .state | sort -u)" = ok ]
	[ "$(lines worker | wc -l)" -ge 1 ]
	[ -s x.html ]
}

# Of an event, what counted all peers: "perf", "getrusage", "null", each once.
counted_by() { # EVENT
	lines counted | jq -r --arg name "$1" '.counters[] | select(.name == $name).peers[].by' | sort -u | paste -sd' '
}

@test "a cpuset of one CPU: it is the machine's only one" {
	on_one_cpu
	grid 1 "mechanism = pipe, ring" "placement = same-cpu, across" "wait = spin, block"
	measures
	lines header | jq -e --argjson cpu "$ONE" '.plan.cells | length > 1 and all(.cpus | all(. == $cpu))'
	[[ "$output" == *"this process may use one CPU only"* ]]
	run "${AS[@]}" "$TOLL" list placements
	echo "$output"
	[[ "$output" == *"only CPU $ONE is allowed (taskset or cgroup)"* ]]
	# what the affinity allows and the cpuset does not
	run -4 "${AS[@]}" "$TOLL" one pipe --for 10ms --cpus "$ONE,$((ONE + 1))"
	nothing_left
}

@test "no locked memory: rings of io_uring and locked pages run, or have their reason" {
	as_nobody
	[ "$(id -u)" -eq 0 ] || skip "only root has a user to take it from"
	without_locked_memory
	"$TOLL" list mechanisms | grep -q uring-pipe || skip "built without liburing"
	grid 1 "mechanism = pipe, uring-pipe, uring-pipe:fixed=buffers, uring-socket:over=tcp-zc, tcp, tcp:zerocopy=yes, ring:memory=huge" \
		"size = 64, 1M"
	measures
	[[ "$output" == *"tcp: RLIMIT_MEMLOCK (ulimit -l) has no room"* ]]
	# what cannot run is known before: nothing fails on the way
	lines summary | jq -e '.failed == 0'
	"${AS[@]}" "$TOLL" doctor --for 1s --json >doctor || [ $? -eq 2 ]
	jq -e '.findings[] | select(.name == "memlock") | .verdict == "yellow" and (.figure | startswith("0 B"))
		and (.mend | contains("memlock"))' doctor
	nothing_left
}

@test "EACCES for perf_event_open, another user: not the sysctl's fault where it allows user mode" {
	as_nobody
	[ "$(id -u)" -eq 0 ] || skip "only root has a user whose rights are known"
	under_filter 13 "$(number perf_event_open)" "$(number perf_event_open)"
	measures --size 64 --counters default
	[[ "$output" == *"by getrusage(2): switches, page faults: "* ]]
	[[ "$output" == *"not counted: "*"migrations"* ]]
	case $(cat /proc/sys/kernel/perf_event_paranoid) in
	-1 | 0 | 1 | 2) [[ "$output" == *"page faults: the kernel refuses perf_event_open (EACCES), not by sysctl"* ]] ;;
	*) [[ "$output" == *"page faults: sysctl kernel.perf_event_paranoid is "* ]] ;;
	esac
	nothing_left
}

@test "all of it at once: run, doctor, and what there is" {
	as_nobody
	on_one_cpu
	without_locked_memory
	under_filter 13 "$(number perf_event_open)" "$(number perf_event_open)"
	under_filter 1 425 427 # io_uring's
	under_filter 1 "$(number mount)" "$(number mount)"
	cp -r "$BATS_FILE_TMPDIR/configs" .
	CONF=configs/quick.conf measures --size 64,4K
	lines header | jq -e --argjson cpu "$ONE" '.plan.cells | length > 10 and all(.cpus | all(. == $cpu))'
	[[ "$output" == *"this process may use one CPU only"* ]]
	[ "$(counted_by context-switches)" = getrusage ]
	[ "$(counted_by cycles:u)" = null ]
	lines counted | jq -es 'all(.counters | length > 5 and all(.peers | all(.per_operation != null or (.reason | length > 9))))'

	"${AS[@]}" "$TOLL" doctor --for 1s --json >doctor || [ $? -eq 2 ]
	jq -c '.findings[] | [.name, .verdict, .figure, .mend]' doctor
	jq -e '[.findings[] | select(.verdict == "yellow" and (.mend | length > 9)).name] as $names |
		["memlock", "counters", "io-uring"] - $names == []' doctor
	jq -e --argjson cpu "$ONE" '.cpus == [$cpu]' doctor

	"${AS[@]}" "$TOLL" list events --json >events
	jq -e '.events | all(.counts or (.reason | length > 9)) and any(.name == "context-switches" and .counts)' events
	"${AS[@]}" "$TOLL" list mechanisms --probe pipe posix-queue uring-pipe >probed
	cat probed
	grep -A1 '^ *pipe ' probed | grep -q 'works here, with each wait'
	! grep -q uring-pipe probed || grep -q 'not here: uring-pipe: the kernel makes no ring (EPERM)' probed
	nothing_left
}
