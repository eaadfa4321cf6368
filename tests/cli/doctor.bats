# SPDX-License-Identifier: GPL-3.0-or-later
# doctor.bats - toll doctor: what it finds, what it says of a busy process, and that it changes nothing.

load helpers

# Other tests run beside these: that something else is red here is no mistake.
doctor() { # OPTION… : to the file said; the status is 0 or 2
	local status=0
	toll doctor "$@" >said || status=$?
	cat said
	[ "$status" -eq 0 ] || [ "$status" -eq 2 ]
	# shellcheck disable=SC2034
	doctor_status=$status
}

first_cpu() {
	taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/'
}

# A process that does nothing but run, on a CPU; its name is its own. Sets BUSY.
busy_on() { # CPU NAME
	cp "$(command -v bash)" "$2"
	# before whatever else runs here, where that is allowed
	local first=(nice -n -15)
	[ "$(id -u)" -eq 0 ] || first=()
	taskset -c "$1" "${first[@]}" "./$2" -c 'while :; do :; done' 3>&- &
	BUSY=$!
	sleep 0.1 # until taskset has become it
}

teardown() {
	[ -z "${BUSY-}" ] || kill -KILL "$BUSY" 2>/dev/null || true
}

# Every setting that can be written: a line each.
settings() { # FILE
	find /proc/sys /sys/devices/system/cpu /sys/kernel/mm /sys/module/*/parameters -type f -perm /222 \
		-readable ! -path '*/random/*' -print0 2>/dev/null | sort -z | xargs -0 grep -aH '' 2>/dev/null >"$1" || true
}

@test "each finding has a verdict, a figure, and what mends it; the status is the worst one's" {
	doctor --for 2s --json
	is_json <said
	command -v jq >/dev/null || skip "no jq"
	jq -e '.findings | map(.name) | . as $names | ["missing-time", "gaps", "steal", "run-delay", "busy", "smt",
		"host-states", "frequency", "timer", "idle-wake-up", "pairs-same-cpu", "governor", "turbo",
		"clocksource", "thp", "huge-pages", "memlock", "counters", "tracefs", "io-uring", "quota",
		"left-out"]
		- $names == []' said
	jq -e '.findings | all(.verdict | IN("green", "unknown", "yellow", "red"))' said
	jq -e '.findings | all((.figure | length > 0) and (.why | length > 0))' said
	jq -e '.findings | map(select(.measured and .verdict == ("yellow", "red"))) | all(.mend | length > 0)' said
	jq -e '.findings[] | select(.name == "timer") | .value > 0 and .value < 1e5 and .unit == "ns"' said
	jq -e '.findings[] | select(.name == "missing-time") | .value >= 0 and .value <= 100' said
	[ "$(jq -r 'any(.findings[]; .verdict == "red")' said)" = "$([ "$doctor_status" -eq 2 ] && echo true || echo false)" ]
	jq -e '.verdict as $worst | any(.findings[]; .verdict == $worst) or $worst == "green"' said
	jq -e '.seconds > 1 and .seconds < 20' said
}

@test "beside a busy loop on a measured CPU it is red and names it, alone it does not" {
	cpu=$(first_cpu)
	doctor --for 1s --cpus "$cpu"
	run ! grep -q busy-doctor said
	run ! grep -q $'\e' said
	busy_on "$cpu" busy-doctor
	doctor --for 1s --cpus "$cpu"
	[ "$doctor_status" -eq 2 ]
	grep -Eq "^red +busy +busy-doctor \(pid $BUSY\) took [0-9]+ % of CPU $cpu's time$" said
	grep -Eq "^red +missing-time " said
	grep -q "^red: .*missing-time.*busy" said
	grep -A2 "^red .*pid $BUSY" said | grep -Eq "mend +(kill -STOP $BUSY |taskset -acp [0-9,]+ $BUSY$|systemctl stop )"
	doctor --for 1s --cpus "$cpu" --json
	[ "$doctor_status" -eq 2 ]
	grep -A4 '"why"' said | grep -q "\"pid\": $BUSY"
	# and a run that wants quiet says so, and measures nothing
	fails_saying toll run --require-quiet --mechanism pipe --pattern pingpong --wait block --size 64 \
		--cpus "$cpu,$cpu" --rounds 1 --operations 20 : --require-quiet "busy-doctor (pid $BUSY)" "toll doctor"
	[ -z "$(ls -- *.ndjson 2>/dev/null)" ]
}

@test "it leaves every setting as it was" {
	settings before
	settings again
	doctor --for 1s
	settings after
	[ "$(wc -l <before)" -gt 300 ] || [ "$(id -u)" -ne 0 ]
	# what changed without it may change with it
	comm -12 <(sort before) <(sort again) >still
	comm -23 <(sort still) <(sort after) >changed
	cat changed
	[ ! -s changed ]
}

@test "one CPU: what needs two says so" {
	cpu=$(first_cpu)
	taskset -c "$cpu" "$TOLL" doctor --for 1s >said || [ $? -eq 2 ]
	cat said
	grep -q "^measured for [0-9]* s on CPU $cpu$" said
	grep -Eq "^unknown +host-states +one CPU only" said
	grep -Eq "^unknown +idle-wake-up +one CPU only" said
	run ! grep -q pairs-across said
}

@test "on a terminal the verdict is coloured, with NO_COLOR it is not" {
	command -v script >/dev/null || skip "no script(1) to make a terminal"
	cpu=$(first_cpu)
	NO_COLOR='' TERM=xterm script -qec "'$TOLL' doctor --for 1s --cpus $cpu" /dev/null </dev/null >screen || [ $? -eq 2 ]
	grep -q $'^\e\[3[123]m\(green\|yellow\|red\)' screen
	NO_COLOR=1 TERM=xterm script -qec "'$TOLL' doctor --for 1s --cpus $cpu" /dev/null </dev/null >screen || [ $? -eq 2 ]
	run ! grep -q $'\e\[3' screen
}

@test "mistakes" {
	fails_saying toll doctor pipe : '"pipe" is one argument too many'
	fails_saying toll doctor --for 10ms : "--for 10ms is no time from 1s to 60s"
	fails_saying toll doctor --for 2h : "--for 2h is no time from 1s to 60s"
	fails_saying toll doctor --cpus 4095 : "--cpus: there is no CPU 4095"
	fails_saying toll doctor --cpsu 1 : "no option --cpsu, the nearest is --cpus"
	HWLOC_SYNTHETIC='pack:2 pu:2' fails_saying toll doctor : "HWLOC"
}

@test "Ctrl-C ends it at once, by SIGINT, and leaves no process" {
	run env --default-signal=INT timeout --preserve-status -s INT 1 "$TOLL" doctor --for 30s
	[ "$status" -eq 130 ]
	[ -z "$output" ]
	run ! pgrep -f -- "$TOLL doctor --for 30s"
}
