# SPDX-License-Identifier: GPL-3.0-or-later
# uring.bats - where a kernel, a container or too few CPUs refuse io_uring: left out for that reason,
# and the rest runs.

load helpers

URING=uring-pipe,uring-socket,uring-msg,uring-futex
ALL=${URING//,/, }
FEW=(--controls off --pattern pingpong --placement same-cpu --wait block --size 64 --operations 20 --rounds 1)

setup_file() {
	"${CC:-gcc}" -o "$BATS_FILE_TMPDIR/refuse" "$BATS_TEST_DIRNAME/refuse.c"
}

built() {
	toll list mechanisms | grep -q uring-pipe || skip "built without liburing"
}

# A run as the calls of io_uring (425 to 427 on every machine) answer this errno.
under() { # ERRNO
	"$BATS_FILE_TMPDIR/refuse" "$1" 425 427 "$TOLL" run --mechanism "$URING,pipe" "${FEW[@]}" -o "$1.ndjson"
}

@test "a seccomp filter that refuses io_uring: the kernel's answer is the reason, the rest runs" {
	built
	# what the answer means, by errno: EPERM, EACCES, ENOSYS
	local -A reason=(
		[1]='the kernel makes no ring (EPERM), though sysctl kernel.io_uring_disabled allows it: a seccomp filter'
		[13]='the kernel makes no ring (EACCES)'
		[38]='there is no io_uring_setup(2) here (ENOSYS)'
	)
	local errno
	[ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null || echo 0)" = 0 ] || unset 'reason[1]'
	for errno in "${!reason[@]}"; do
		under "$errno" >summary
		cat summary
		grep -qF "  4 cells  $ALL: ${reason[$errno]}" summary
		[ "$(grep -c '"state":"ok"' "$errno.ndjson")" -eq 1 ]
		! grep -q '"state":"failed"' "$errno.ndjson"
	done
}

@test "sysctl kernel.io_uring_disabled: the reason names it and its value" {
	built
	local private=(unshare -m) level
	[ "$(id -u)" -eq 0 ] || private=(unshare -rm)
	[ -e /proc/sys/kernel/io_uring_disabled ] || skip "this kernel has no such sysctl"
	"${private[@]}" true 2>/dev/null || skip "no mount namespace of one's own is to be had"
	export -f under
	export TOLL BATS_FILE_TMPDIR
	for level in 1 2; do
		echo "$level" >disabled
		# the file alone is another: the sysctl is the whole machine's
		"${private[@]}" bash -c "$(declare -p URING FEW)"'
			mount --bind disabled /proc/sys/kernel/io_uring_disabled && under 1' >summary
		cat summary
		grep -q "  4 cells  $ALL: the kernel makes no ring.* (EPERM): sysctl kernel.io_uring_disabled is $level" summary
		[ "$(grep -c '"state":"ok"' 1.ndjson)" -eq 1 ]
		rm -f 1.ndjson
	done
}

@test "sqpoll=yes wants CPUs beside those of the peers: refused where there are too few" {
	built
	local cpu
	cpu=$(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//')
	taskset -c "$cpu" "$TOLL" run --mechanism uring-pipe,uring-pipe:sqpoll=yes,uring-pipe:taskrun=defer \
		"${FEW[@]}" --dry-run >plan
	cat plan
	grep -q "2 kernel threads of its own (SQPOLL) beside its peers' 1 CPU want more CPUs than the 1 here" plan
	[ "$(grep -cE '^ .*uring-pipe(:taskrun=defer)?/pingpong/same-cpu/64/block ' plan)" -eq 2 ]
	says 0 "sqpoll=yes with no other taskrun= than signal" : \
		toll run --mechanism uring-pipe,uring-pipe:sqpoll=yes,taskrun=defer "${FEW[@]}" --dry-run
}
