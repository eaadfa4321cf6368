# SPDX-License-Identifier: GPL-3.0-or-later
# check.bats - toll check: a line for each promise, and one that says what is wrong with a plug-in.

load helpers

# Status 1, nothing on standard output, and one line on standard error with these words.
does_not_load() { # FILE.so WORD…
	local file=$1 word
	shift
	run --separate-stderr toll check "$file"
	echo "status $status, output: $output, said: $stderr"
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	for word in "$file" "$@"; do
		echo "wanted: $word"
		[[ "$stderr" == *"$word"* ]]
	done
}

@test "a mechanism that keeps its promises: a line each, and status 0" {
	says 0 "kept    it loads" "kept    each message arrives, once and in order" \
		"kept    nothing is left behind" "it keeps its promises" : toll check pipe --pattern pingpong
	[ -z "$stderr" ]
	[ "$(grep -c '^  kept  ' <<<"$output")" -ge 10 ]
	toll check pipe --pattern pingpong --json >json
	is_json <json
	jq -e '.promises | length == 11 and all(.state != "broken")' json
	jq -e '.mechanisms == ["pipe"] and .played > 10' json
}

@test "a promise that nothing can try says so" {
	says 0 "-       who waits for a stopped peer sleeps: it has no wait that sleeps" : \
		toll check mailbox --pattern pingpong
}

@test "a plug-in that does not load: one line, and what else there is works" {
	plugins=$(dirname "$TOLL")/plugins
	[ -e "$plugins/wrong-abi.so" ] || skip "the plug-ins of the tests are not here"
	does_not_load "$plugins/wrong-abi.so" "is built for ABI 99" "rebuild"
	does_not_load "$plugins/missing-verb.so" "mechanism missing-verb lacks the verb release"
	does_not_load "$plugins/nothing.so" "registers no mechanism"
	does_not_load "$plugins/same-name.so" "a mechanism called null is there already"
	# more than one: the one that did it is named
	run --separate-stderr toll list -m "$plugins/lossy.so" -m "$plugins/crash-loading.so"
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"crash-loading.so: toll-worker was ended by signal 6"*"as it loaded it" ]]
	run --separate-stderr toll check "$plugins/crash-loading.so"
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"crash-loading.so: toll-worker was ended by signal 6"*"as it loaded it" ]]
	echo "no shared object" >bad.so
	does_not_load bad.so "file too short"
	run --separate-stderr toll check bad.so --json
	is_json <<<"$output"
}

# Compiles a mechanism quickly rather than well.
plug_in() { # FILE.c
	local bin=$(dirname "$TOLL")
	local headers=(-I "$BATS_TEST_DIRNAME/../../bench" -I "$bin")
	[ ! -d "$bin/../include/toll" ] || headers=(-I "$bin/../include/toll")
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O0 -Dalways_inline=unused -fPIC -shared "${headers[@]}" -o "${1%.c}.so" "$1"
}

# What toll new writes, with a lie where its commit or its open begins.
liar() { # NAME VERB LINE…
	local name=$1 verb=$2
	shift 2
	toll new mechanism "$name" >/dev/null
	printf '%s\n' "$@" >lie
	sed -i -e "/ ${name}_$verb(/,/^{/ { /^{/r lie
		}" -e '/^#include <unistd.h>/a #include <sys/msg.h>' "$name.c"
	plug_in "$name.c"
}

# No System V queue is there that was not before; those of others come and go.
nothing_came() {
	local start=$SECONDS came
	while came=$(awk 'FNR > 1 { print $1, $2 }' /proc/sysvipc/msg | grep -vxFf <(awk 'FNR > 1 { print $1, $2 }' before)); do
		if [ $((SECONDS - start)) -gt 10 ]; then
			echo "came: $came"
			return 1
		fi
		sleep 0.1
	done
}

@test "plug-ins that lie: each is found out in one line, and nothing is left" {
	liar loses commit 'static int n; if (++n == 50) return true;'
	liar reorders commit 'static unsigned char kept[64]; static int n;' \
		'if (len <= 64 && ++n == 50) return memcpy(kept, end->out, len);' \
		'if (len <= 64 && n == 51 && send(end->fd, end->out, len, 0) > 0) memcpy(end->out, kept, len);'
	liar leaks open 'if (msgget(IPC_PRIVATE, 0600) < 0) return -1;'
	cat /proc/sysvipc/msg >before
	# side by side: most of it is waiting for what never comes
	local name
	for name in loses reorders leaks; do
		{
			local status=0
			toll check "./$name.so" --pattern stream >"$name" 2>"$name.said" || status=$?
			echo "status $status" >>"$name"
		} &
	done
	wait
	cat loses reorders leaks ./*.said
	for name in loses reorders leaks; do
		[ ! -s "$name.said" ]
		grep -q '^status 1$' "$name"
	done
	grep -q 'BROKEN  each message arrives, once and in order: loses/stream/.*was lost, doubled or out of order' loses
	grep -q 'BROKEN  each message arrives, once and in order: reorders/stream/' reorders
	grep -q 'BROKEN  nothing is left behind, also of who was killed: left behind: System V msg 0' leaks
	[ "$(grep -c BROKEN leaks)" -eq 1 ]
	[ "$(id -u)" -ne 0 ] || nothing_came
	# and beside them others are what they were
	measure x.ndjson -m ./loses.so | grep -q pipe
}

@test "the plug-ins that come with toll keep their promises, and run beside what is built in" {
	local name there=()
	for name in zeromq nng; do
		[ ! -e "$(dirname "$WORKER")/plugins/$name.so" ] || there+=("$name")
	done
	[ ${#there[@]} -gt 0 ] || skip "neither ZeroMQ's package nor nng's was here to build them"
	for name in "${there[@]}"; do
		toll list mechanisms -m "$name" | grep -qx "  $name .*"
		says 0 "it keeps its promises" : toll check "$name" --pattern pingpong
		toll run -m "$name" --mechanism "$name,pipe" --pattern pingpong --placement same-cpu --wait block,poll \
			--size 64 --operations 20 --rounds 2 -o "$name.ndjson" >table
		grep -q "$name" table
		grep -q pipe table
	done
	fails_saying toll list -m zeromk : "-m zeromk: No such file"
}

@test "Ctrl-C ends it, and nothing is left" {
	mkdir there
	export TMPDIR=$PWD/there
	run --separate-stderr env --default-signal=INT timeout --preserve-status -s INT 1 \
		"$TOLL" check posix-queue --full
	echo "$status $output $stderr"
	[ "$status" -eq 130 ]
	[ -z "$(ls -A there)" ]
}
