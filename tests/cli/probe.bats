# SPDX-License-Identifier: GPL-3.0-or-later
# probe.bats - toll list mechanisms --probe: what each turns out to be, property by property, is what the
# manual page says that stands beside it. Where the two differ, man toll-list says why.

load helpers

# All that these tests look at, probed once.
setup_file() {
	local toll=$(realpath "$BATS_TEST_DIRNAME/../../${BUILD:-build}/toll")
	"$toll" list mechanisms --probe --json pipe pipe:mode=packet pipe:capacity=128K fifo unix-stream unix-seqpacket \
		unix-dgram:connected=producer posix-queue posix-queue:messages=3 sysv-queue sysv-sem mailbox \
		seqlock udp tcp ring ring:memory=posix-shm cma memfd-pass signal eventfd null uring-pipe:fixed=files \
		>"$BATS_FILE_TMPDIR/found"
}

# Of a variant: all of these hold, as jq says them of its object.
is() { # VARIANT CONDITION…
	local variant=$1 condition state
	shift
	state=$(jq -r --arg of "$variant" '.properties[] | select(.mechanism == $of) | .state + ": " + (.reason // "")' \
		"$BATS_FILE_TMPDIR/found")
	echo "$variant is $state"
	[[ $state != absent* ]] || skip "$variant is not here: $state"
	for condition; do
		echo "wanted of $variant: $condition"
		jq -e --arg of "$variant" ".properties[] | select(.mechanism == \$of) | $condition" \
			"$BATS_FILE_TMPDIR/found" || {
			jq --arg of "$variant" '.properties[] | select(.mechanism == $of)' "$BATS_FILE_TMPDIR/found"
			return 1
		}
	done
}

@test "ways: pipe(7) is unidirectional, socketpair(2) is not" {
	is pipe '.ways == "one-way"' '.notes.ways | test("only writes, the other only reads")'
	is fifo '.ways == "one-way"'
	is unix-stream '.ways == "duplex"'
	is eventfd '.ways == "duplex"'
}

@test "unit: unix(7) and pipe(7), O_DIRECT, say which keep boundaries" {
	is pipe '.unit == "bytes"'
	is pipe:mode=packet '.unit == "messages"'
	is unix-stream '.unit == "bytes"'
	is unix-seqpacket '.unit == "messages"'
	is posix-queue '.unit == "messages"'
}

@test "short reads: read(2) may return less than it was asked for" {
	is pipe '.short_reads'
	is tcp '.short_reads'
	is unix-seqpacket '.short_reads | not'
}

@test "atomic size: PIPE_BUF of pipe(7)" {
	is pipe ".atomic_bytes == $(getconf PIPE_BUF /)"
	is fifo ".atomic_bytes == $(getconf PIPE_BUF /)"
	# of streams unix(7) promises nothing: more than one byte, less than the buffer
	is unix-stream '.atomic_bytes > 1 and .atomic_bytes < .capacity_bytes'
	is posix-queue '.atomic_bytes == .largest_bytes'
}

@test "capacity: 65536 bytes of pipe(7), F_SETPIPE_SZ of fcntl(2), mq_maxmsg of mq_overview(7), msgmnb of msgget(2)" {
	is pipe '.capacity_messages == 1024' '.capacity_bytes == 65536'
	is pipe:capacity=128K '.capacity_bytes == 131072'
	is posix-queue:messages=3 '.capacity_messages == 3'
	is posix-queue ".capacity_messages == ([256, $(cat /proc/sys/fs/mqueue/msg_max)] | min)"
	is sysv-queue ".capacity_messages == $(($(cat /proc/sys/kernel/msgmnb) / 64))" \
		".capacity_bytes == $(($(cat /proc/sys/kernel/msgmnb) / 4096 * 4096))"
	# a packet takes a page of the pipe, as pipe(7) says; a queue of datagrams is bounded by unix(7)'s sysctl
	is pipe:mode=packet '.capacity_messages == 16'
	is unix-dgram:connected=producer ".capacity_messages == $(cat /proc/sys/net/unix/max_dgram_qlen) + 1"
	is mailbox '.capacity_messages == 1'
	is ring '.capacity_messages == 64' '.capacity_bytes == null'
}

@test "when full: write(2) blocks, or EAGAIN; udp(7) drops; a seqlock overwrites" {
	is pipe '.when_full == "blocks"'
	is posix-queue '.when_full == "blocks"'
	is ring '.when_full == "blocks"'
	is mailbox '.when_full == "not yet"'
	is udp '.when_full == "drops"'
	is seqlock '.when_full == "overwrites"' '.capacity_messages == 1'
}

@test "largest message: msgsize_max of mq_overview(7), msgmax of msgop(2), 65507 of ip(7), a sigval of sigqueue(3)" {
	is posix-queue ".largest_bytes == $(cat /proc/sys/fs/mqueue/msgsize_max)" .largest_is_limit '.notes.largest_bytes | test("EINVAL")'
	is sysv-queue ".largest_bytes == $(cat /proc/sys/kernel/msgmax)" '.notes.largest_bytes | test("EINVAL")'
	is udp '.largest_bytes == 65507' '.notes.largest_bytes | test("EMSGSIZE")'
	is unix-seqpacket .largest_is_limit '.notes.largest_bytes | test("EMSGSIZE|ENOBUFS")'
	is pipe:mode=packet ".largest_bytes == $(getconf PIPE_BUF /)" '.notes.largest_bytes | test("in parts")'
	is signal '.largest_bytes == 8'
	is mailbox '.largest_bytes == 56'
	is pipe '.largest_is_limit | not'
}

@test "the reader dies: EPIPE and SIGPIPE of pipe(7), EPIPE of send(2), ECONNREFUSED of udp(7)" {
	is pipe '.reader_dies == "EPIPE, SIGPIPE"'
	is fifo '.reader_dies == "EPIPE, SIGPIPE"'
	is uring-pipe:fixed=files '.reader_dies == "SIGPIPE"' # its ring holds no other end open
	is unix-stream '.reader_dies == "EPIPE"'
	is unix-seqpacket '.reader_dies == "EPIPE"'
	is udp '.reader_dies == "ECONNREFUSED"'
	is posix-queue '.reader_dies == "nothing"'
	is ring '.reader_dies == "nothing"'
	is signal '.reader_dies == "ESRCH"'
}

@test "the writer dies: end of file of pipe(7), ESRCH of process_vm_readv(2); a queue says nothing" {
	is pipe '.writer_dies == "end of file"' .message_outlives_writer
	is unix-seqpacket '.writer_dies == "end of file"' .message_outlives_writer
	is posix-queue '.writer_dies == "nothing"' .message_outlives_writer
	is cma '.writer_dies == "ESRCH"' '.message_outlives_writer | not'
	is memfd-pass .message_outlives_writer
}

@test "passing descriptors: SCM_RIGHTS of unix(7), over AF_UNIX alone" {
	is unix-stream .passes_descriptors
	is memfd-pass .passes_descriptors
	is pipe '.passes_descriptors | not' '.notes.passes_descriptors == "ENOTSOCK"'
	is tcp '.passes_descriptors | not'
	is ring '.passes_descriptors | not'
}

@test "priority: mq_send(3) queues by it" {
	is posix-queue .priority
	is sysv-queue '.priority | not'
	is pipe '.priority | not'
}

@test "survives its owners: mq_overview(7) and sysvipc(7), kernel persistence; pipe(7), none" {
	is posix-queue '.survives == "until unlinked"' '.notes.survives | test("message queue")'
	is sysv-queue '.survives == "yes"' '.notes.survives | test("System V message queue")'
	is sysv-sem '.survives == "yes"' '.notes.survives | test("System V semaphores")'
	is fifo '.survives == "until unlinked"' '.notes.survives | test("fifo")'
	is ring:memory=posix-shm '.survives == "until unlinked"' '.notes.survives | test("shared memory")'
	is pipe '.survives == "no"'
	is unix-stream '.survives == "no"'
	is ring '.survives == "no"'
}

@test "set-up: each part has its time" {
	is pipe '[.create_us, .attach_us, .first_message_us, .tear_down_us] | all(. > 0 and . < 1e5)'
	is tcp '.create_us > 0'
}

@test "what runs in one process only is not here, and says so" {
	jq -e '.properties[] | select(.mechanism == "null") | .state == "absent" and (.reason | test("runs in self only"))' \
		"$BATS_FILE_TMPDIR/found"
}

@test "a row each, and below what cannot be seen" {
	toll list mechanisms --probe pipe seqlock >table
	cat table
	[ "$(LC_ALL=C.UTF-8 wc -L <table)" -le 100 ]
	grep -qE '^  pipe +one-way +bytes +yes +4 KiB +1024 +64 KiB +any +blocks$' table
	grep -qE '^  pipe +EPIPE, SIGPIPE +end of file +no +no +no$' table
	grep -qF 'priority: its order is not looked at' table
	[ "$(grep -c '^  pipe ' table)" -eq 4 ] # with that of the list
	run ! grep -q '^  ring ' table
}

@test "a mechanism that lies, crashes or hangs is one line, the others are what they are, nothing is left" {
	plugins=$(dirname "$TOLL")/plugins
	[ -e "$plugins/faulty.so" ] || skip "the plug-ins of the tests are not here"
	local faults=(drop double flip crash never orphan no-open)
	# another user's litter would stay
	[ "$(id -u)" -ne 0 ] || faults+=(litter)
	{ cat /proc/sysvipc/msg && ls /dev/shm; } >before
	toll list mechanisms --probe -m "$plugins/faulty.so" -m "$plugins/lossy.so" faulty \
		"${faults[@]/#/faulty:fault=}" lossy:says=no mailbox >table
	cat table
	broken() { # VARIANT WORDS
		grep -qE "^  $1  BROKEN: .*$2" table
		[ "$(grep -cF "  $1  BROKEN" table)" -eq 1 ]
	}
	broken faulty:fault=drop 'never arrives'
	broken faulty:fault=double 'lost, doubled or out of order'
	broken faulty:fault=flip 'changed on its way'
	broken faulty:fault=crash 'signal 6 \(Aborted\)'
	broken faulty:fault=never 'hangs|no room|never arrives'
	broken faulty:fault=orphan 'leaves a process behind'
	[ "$(id -u)" -ne 0 ] || broken faulty:fault=litter 'leaves behind.*shm'
	broken faulty:fault=no-open 'No space left on device'
	broken lossy:says=no 'lost, doubled or out of order'
	grep -qE '^  faulty +one-way +messages' table
	grep -qE '^  mailbox +duplex +messages' table
	{ cat /proc/sysvipc/msg && ls /dev/shm; } >after
	[ "$(id -u)" -ne 0 ] || cmp before after
}
