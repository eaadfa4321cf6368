# SPDX-License-Identifier: GPL-3.0-or-later
# refused.bats - what cannot run, and why: in the plan, the summary, the page and JSON alike.

load helpers

@test "a size beyond a mechanism's limit: the limit and what raises it, wherever refusals stand" {
	local most reason
	most=$(($(cat /proc/sys/net/core/wmem_default) - 32))
	reason="unix-seqpacket carries at most $most B (to raise it: buffer=, beyond sysctl net.core.wmem_max"
	reason+=" with CAP_NET_ADMIN, to what the kernel allocates at once)"
	set -- --mechanism pipe,unix-seqpacket --pattern pingpong --placement same-cpu \
		--wait block --size 64,1M,2M --operations 20 --rounds 1
	toll run "$@" --dry-run >plan
	grep -q "$reason\$" plan
	toll run "$@" -o x.ndjson >summary
	cat summary
	grep -qxF "  2 cells  $reason" summary
	toll report x.ndjson --format md
	sed 's/\\//g' x.md | grep -qF "$reason"
	grep -qF "$reason" x.html
	toll run "$@" -o y.ndjson --json >json
	is_json <json
	grep -q "\"reason\": \"$reason\"" json
	fails_saying toll run --mechanism unix-seqpacket --placement same-cpu --size 1M \
		--pattern pingpong --wait block : "$reason"
}

@test "more memory than a machine should map: the sockets' own copies count as the rings' slots do" {
	# beside a pair of the smallest, so that something is left to run
	toll run --mechanism pipe,tcp,vmsplice,ring --pattern pingpong,self --placement same-cpu --wait block \
		--size 64,1G --dry-run --json >json
	jq -e '[.cells[].key] | length >= 4 and all(test("/64/"))' json
	jq -e '[.refused[] | select(.cell | test("/1G/"))] | length == 8 and
		all(.reason | test("it would map .* GiB of memory"))' json
}

@test "a capacity that the kernel would round up: refused, with the size there is" {
	local mechanism
	for mechanism in pipe fifo vmsplice uring-pipe; do
		toll list mechanisms | grep -q "^ *$mechanism " || continue
		fails_saying toll one $mechanism:capacity=5000 --for 10ms : "it would be 8K"
		fails_saying toll one $mechanism:capacity=50000 --for 10ms : "it would be 64K"
	done
	fails_saying toll one pipe:capacity=0 --for 10ms : "it would be 4K"
	toll one pipe:capacity=8K --for 10ms
}

@test "a System V queue: what bounds its messages, and what its capacity" {
	local max=/proc/sys/kernel/msgmax mnb=/proc/sys/kernel/msgmnb
	[ -e $mnb ] || skip "no System V IPC"
	fails_saying toll one sysv-queue:capacity=1K --size 2K --for 10ms \
		: "carries at most 1024 B (to raise it: capacity= where it is given; sysctl kernel.msgmax, kernel.msgmnb)"
	# a queue is made beyond the limit by who may; the length of a message stays
	if toll one "sysv-queue:capacity=$(($(cat $mnb) + 1))" --for 10ms 2>said; then
		fails_saying toll one "sysv-queue:capacity=$(($(cat $max) + $(cat $mnb)))" --size "$(($(cat $max) + 1))" \
			--for 10ms : "carries at most $(cat $max) B"
	else
		cat said
		grep -q "kernel.msgmnb), which only CAP_SYS_RESOURCE passes" said
	fi
}

@test "epoll with more idle descriptors than a process may have: refused, and the limit is named" {
	set -- --mechanism pipe --pattern pingpong,fanin --placement same-cpu --operations 20 --rounds 1 --size 64
	toll run "$@" --wait epoll,epoll:2000000000 --dry-run >plan
	cat plan
	grep -q '^ .*pipe/pingpong/same-cpu/64/epoll ' plan
	grep -A1 '^  pipe/pingpong/same-cpu/64/epoll:2000000000$' plan |
		grep -q "RLIMIT_NOFILE allows $(ulimit -Hn) (to raise it: ulimit -Hn"
	fails_saying bash -c "ulimit -n 150; $(printf '%q ' "$TOLL" run "$@" --wait epoll:100)" \
		: "RLIMIT_NOFILE allows 150"
}

@test "epoll with idle descriptors: the worker raises the soft limit as far as it goes" {
	[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 4096 ] || skip "the hard limit is $(ulimit -Hn)"
	for peers in process thread; do
		(
			ulimit -S -n 256
			toll run --mechanism pipe --pattern pingpong,fanin --placement same-cpu --operations 20 \
				--rounds 1 --size 64 --wait epoll:300 --peers $peers -o $peers.ndjson >/dev/null
		)
		! grep '"state":"failed"' $peers.ndjson
		[ "$(grep -c '"state":"ok"' $peers.ndjson)" -eq 2 ]
	done
}

@test "a toll-worker of an older build, without epoll: a refusal, and the rest runs" {
	printf '%s\n' '#!/bin/sh' '[ "$1" = --describe ] || exec "$REAL" "$@"' \
		'"$REAL" "$@" | sed "s/,\"epoll\"//g"' >older
	chmod +x older
	REAL=$WORKER TOLL_WORKER=$PWD/older toll run --mechanism pipe --pattern pingpong --placement same-cpu \
		--size 64 --operations 20 --rounds 1 --wait poll,epoll,epoll:10 -o x.ndjson >summary
	cat summary
	grep -q '2 cells.*of an older build, without epoll; build it anew' summary
	[ "$(grep -c '"state":"ok"' x.ndjson)" -eq 1 ]
}
