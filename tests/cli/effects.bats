# SPDX-License-Identifier: GPL-3.0-or-later
# effects.bats - what an option says is done: conformance looks at messages alone, which arrive as well where an
# option does nothing.

load helpers

# WITH, WITHOUT (variants or cells; * stands for each mechanism so called, the same in both), LEAST, and a regular
# expression: of the system calls of WITH it matches that many at least, and fewer of WITHOUT's. A call has before it
# whose it is: "worker " or "peer "; the worker tries some itself, to say whether a variant can run.
EFFECTS='
posix-queue:priority=7,messages=3 posix-queue 10 mq_timedsend\(.*, 7, NULL
posix-queue:priority=7,messages=3 posix-queue 1 mq_open\(.*mq_maxmsg=3,
sysv-queue:capacity=4K sysv-queue 1 msgctl\(.*IPC_SET.*msg_qbytes=4096
tcp:nodelay=no,busy-poll=50,buffer=64K tcp 1 TCP_NODELAY, \[0\]
tcp tcp:nodelay=no,busy-poll=50,buffer=64K 1 TCP_NODELAY, \[1\]
tcp:nodelay=no,busy-poll=50,buffer=64K tcp 1 SO_BUSY_POLL, \[50\]
tcp:nodelay=no,busy-poll=50,buffer=64K tcp 1 SO_SNDBUF(FORCE)?, \[65536\]
tcp:nodelay=no,busy-poll=50,buffer=64K tcp 1 SO_RCVBUF(FORCE)?, \[65536\]
tcp:zerocopy=yes tcp 10 send(to|msg)\(.*MSG_ZEROCOPY
udp:buffer=64K udp 1 SO_RCVBUF(FORCE)?, \[65536\]
unix-*:address=named,buffer=64K unix-* 1 SO_SNDBUF(FORCE)?, \[65536\]
unix-*:address=named,buffer=64K unix-* 1 bind\(.*sun_path="/
unix-*:address=named,buffer=64K unix-*:address=abstract 1 bind\(.*sun_path="/
unix-*:address=abstract unix-* 1 bind\(.*sun_path=@
unix-*:address=abstract unix-*:address=named,buffer=64K 1 bind\(.*sun_path=@
unix-dgram:connected=producer unix-dgram 1 connect\(.*AF_UNSPEC
eventfd:mode=semaphore eventfd 1 EFD_SEMAPHORE
sysv-sem:undo=yes sysv-sem 10 sem_flg=.*SEM_UNDO
futex:kind=bitset futex 1 futex\(.*FUTEX_WAIT_BITSET, [0-9]+, NULL, 0x[12]($|[ )])
futex:kind=bitset futex 10 futex\(.*FUTEX_WAKE_BITSET, 1, 0x[12]($|[ )])
futex:kind=waitv futex 1 futex_waitv\(\[\{
futex:kind=pi futex 10 futex\(.*FUTEX_LOCK_PI
signal/pingpong/same-cpu/8/block signal:take=signalfd/pingpong/same-cpu/8/block 10 rt_sigtimedwait\(\[RT_
signal:take=signalfd/pingpong/same-cpu/8/block signal/pingpong/same-cpu/8/block 2 ^peer signalfd4\(
pipe:mode=packet,capacity=128K pipe 1 F_SETFL,.*O_DIRECT($|[ |)])
pipe:mode=packet,capacity=128K pipe 1 F_SETPIPE_SZ, 131072
fifo:capacity=128K fifo 1 F_SETPIPE_SZ, 131072
vmsplice:gift=yes,capacity=128K/pingpong/same-cpu/4K/block vmsplice/pingpong/same-cpu/4K/block 10 ^peer vmsplice\(.*SPLICE_F_GIFT
vmsplice:gift=yes,capacity=128K/pingpong/same-cpu/4K/block vmsplice/pingpong/same-cpu/4K/block 1 F_SETPIPE_SZ, 131072
vmsplice:take=splice/pingpong/same-cpu/4K/block vmsplice/pingpong/same-cpu/4K/block 10 ^peer splice\(
vmsplice/pingpong/same-cpu/4K/block vmsplice:take=vmsplice/pingpong/same-cpu/4K/block 50 ^peer read\(
cma cma:call=writev 10 process_vm_readv\(
cma:call=writev cma 10 process_vm_writev\(
memfd-pass memfd-pass:file=pool 10 F_ADD_SEALS, .*F_SEAL_WRITE
memfd-pass:file=pool memfd-pass 10 F_ADD_SEALS, .*F_SEAL_FUTURE_WRITE
pidfd-getfd pidfd-getfd:file=pool 10 F_ADD_SEALS, .*F_SEAL_WRITE
pidfd-getfd:file=pool pidfd-getfd 10 F_ADD_SEALS, .*F_SEAL_FUTURE_WRITE
ring:memory=memfd ring 1 memfd_create\("toll-channel"
ring:memory=posix-shm ring 1 openat\(.*/dev/shm/toll-
ring:memory=sysv-shm ring 1 shmat\(
ring:memory=huge ring 1 mmap\(.*MAP_HUGETLB
ring:memory=huge-1G ring:memory=huge 1 mmap\(.*MAP_HUGETLB\|(MAP_HUGE_1GB|30<<MAP_HUGE_SHIFT)
ring:home=1 ring:home=0 1 mbind\(.*MPOL_BIND, \[0x0*2[],]
uring-*:taskrun=coop uring-* 1 ^peer io_uring_setup\(.*COOP_TASKRUN
uring-*:taskrun=defer uring-* 1 ^peer io_uring_setup\(.*(0x3000|DEFER_TASKRUN)
uring-*:sqpoll=yes uring-* 1 ^peer io_uring_setup\(.*SETUP_SQPOLL
uring-pipe:batch=8,capacity=4K/stream/same-cpu/64/block uring-pipe:capacity=4K/stream/same-cpu/64/block 10 ^peer io_uring_enter\([0-9]+, 8,
uring-socket:batch=8,buffer=4K/stream/same-cpu/64/block uring-socket:buffer=4K/stream/same-cpu/64/block 10 ^peer io_uring_enter\([0-9]+, 8,
uring-msg:batch=8/stream/same-cpu/64/block uring-msg:batch=1/stream/same-cpu/64/block 10 ^peer io_uring_enter\([0-9]+, 8,
uring-pipe:fixed=files,capacity=128K uring-pipe 1 F_SETPIPE_SZ, 131072
uring-pipe:fixed=files,capacity=128K uring-pipe 1 ^peer .*IORING_REGISTER_FILES
uring-pipe:fixed=buffers uring-pipe 1 ^peer .*IORING_REGISTER_BUFFERS
uring-pipe:fixed=both uring-pipe 1 ^peer .*IORING_REGISTER_FILES
uring-pipe:fixed=both uring-pipe 1 ^peer .*IORING_REGISTER_BUFFERS
uring-socket:fixed=files,buffer=64K uring-socket 1 SO_SNDBUF(FORCE)?, \[65536\]
uring-socket:fixed=files,buffer=64K uring-socket 1 ^peer .*IORING_REGISTER_FILES
uring-socket:fixed=buffers uring-socket 1 ^peer .*IORING_REGISTER_BUFFERS
uring-socket:fixed=both uring-socket 1 ^peer .*IORING_REGISTER_FILES
uring-socket:fixed=both uring-socket 1 ^peer .*IORING_REGISTER_BUFFERS
uring-socket:receive=multishot uring-socket 1 ^peer .*IORING_REGISTER_PBUF_RING
uring-socket:over=tcp uring-socket 1 connect\(.*AF_INET
'

# No system call shows it: another loop over the same memory (layout); a flag or an operation of a request that
# lies in memory shared with the kernel (link, SEND_ZC); a bit in a mutex, of which the C library makes other calls
# only when its holder has died (robust). Nodes by number (home) and instances are looked at all the same.
UNSEEN='*:layout=* uring-*:link=* uring-socket:over=*-zc mutex-cond:robust=* ring:home=* ring:instances=*'

# The harness's own options are looked at with one mechanism, as if all others did not have them.
ELSEWHERE='memory home instances'

# Those that the table names; ? is for what another architecture or strace does not know.
CALLS="execve,clone,?clone3,?fork,mmap,read,openat,bind,connect,socketpair,setsockopt,sendto,sendmsg,memfd_create,eventfd2"
CALLS+=",signalfd4,rt_sigtimedwait,pipe2,fcntl,vmsplice,splice,process_vm_readv,process_vm_writev,mq_open,mq_timedsend,futex"
CALLS+=",?futex_waitv,mbind,?msgctl,?ipc,?shmat,?semop,?semtimedop,io_uring_setup,io_uring_enter,io_uring_register"

# What the worker and its peers call, each call once, with whose it is before it.
calls() { # STRACE
	awk 'FNR == NR { if (/execve\(.*"--page"/) worker = $1
			if ($1 == worker && /clone.*= [0-9]+$|fork.*= [0-9]+$/) peer[$NF] = 1
			next }
		/ resumed>/ { next }
		{ id = $1; sub(/^[0-9]+ +/, "") }
		id == worker { print "worker", $0 }
		id in peer { print "peer", $0 }' "$1" "$1"
}

# Sets TRACE to the system calls of a cell that is held for a moment; or REASON when this machine cannot run it.
trace() { # CELL
	TRACE=$(cksum <<<"$1")
	TRACE=trace-${TRACE% *}
	if [ ! -e "$TRACE" ]; then
		if strace -f --seccomp-bpf -qq -e signal=none -e trace="$CALLS" -o out "$TOLL" one "$1" --for 1ms >said 2>"$TRACE.err"; then
			calls out >"$TRACE"
		else
			: >"$TRACE"
		fi
	fi
	REASON=
	[ -s "$TRACE" ] || REASON=$(cat "$TRACE.err")
}

# The table with a line for each mechanism that a * stands for.
effects() {
	local there with without least what name
	there=$(toll list mechanisms --json | jq -r '.mechanisms[].name')
	while read -r with without least what; do
		[ -n "$with" ] || continue
		for name in $there; do
			# shellcheck disable=SC2053
			[[ $name == ${with%%[:/]*} ]] && echo "${with/"${with%%[:/]*}"/"$name"} ${without/"${without%%[:/]*}"/"$name"} $least $what"
		done
	done <<<"$EFFECTS"
	true
}

works() {
	command -v jq >/dev/null || skip "no jq"
	command -v strace >/dev/null || skip "no strace"
	# it does not where ptrace is forbidden, nor with LeakSanitizer in toll
	strace -f --seccomp-bpf -qq -e trace=openat -o out "$TOLL" list mechanisms >said || skip "strace does not work here"
}

@test "what options say is done, and is not done without them" {
	works
	local with without least what found else seen=0 wrong=0
	effects >rows
	while read -r with without least what; do
		trace "$with"
		found=$(grep -Ec -- "$what" "$TRACE" || true)
		[ -n "$REASON" ] || trace "$without"
		if [ -n "$REASON" ]; then
			[[ $REASON == *"nothing to run"* ]] || wrong=$((wrong + 1))
			echo "not here: $REASON"
			continue
		fi
		else=$(grep -Ec -- "$what" "$TRACE" || true)
		seen=$((seen + 1))
		if [ "$found" -lt "$least" ] || [ "$else" -ge "$least" ]; then
			echo "wrong: $what: $found lines with $with, $else with $without, where $least are looked for"
			wrong=$((wrong + 1))
		fi
	done <rows
	echo "$seen seen, $wrong wrong"
	[ "$wrong" -eq 0 ]
	[ "$seen" -ge 40 ]
}

@test "a small channel rotates over its instances" {
	works
	local n addresses
	for n in 1 5; do
		trace "futex:instances=$n"
		# every message wakes somebody at its own word, which the gate's words are not
		addresses=$(grep -Eo 'futex\(0x[0-9a-f]+, FUTEX_WAKE' "$TRACE" | sort | uniq -c | awk '$1 > 10' | wc -l)
		echo "$n instances: $addresses addresses"
		[ "$addresses" -eq $((2 * n)) ] || [ "$addresses" -eq "$n" ]
	done
}

# The values of options that need a line, as regular expressions: not the default, of a range any.
values() {
	toll list mechanisms --json | jq -r --arg elsewhere "$ELSEWHERE" '.mechanisms[] | .name as $name | .options[] |
		select($name == "ring" or (.name | IN($elsewhere | split(" ")[])) == false) | .name as $option | .value as $default |
		.values | split(", ")[] | select(. != $default) | "\($name):\($option)=\(sub(".*….*"; "[^,/ ]*"))"' | sort -u
}

@test "each value of an option is in the table, or no system call shows it" {
	works
	effects | cut -d' ' -f1,2 >variants
	values >values
	[ "$(wc -l <values)" -gt 50 ]
	local value unseen missing=0
	while read -r value; do
		for unseen in $UNSEEN; do
			# shellcheck disable=SC2053
			[[ $value != $unseen ]] || continue 2
		done
		grep -Eq "(^| )${value%%:*}:([^ /]*,)?${value#*:}([,/ ]|$)" variants || {
			echo "not in the table: $value"
			missing=$((missing + 1))
		}
	done <values
	[ "$missing" -eq 0 ]
}
