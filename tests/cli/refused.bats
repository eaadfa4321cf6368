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
	grep -q "$reason\$" summary
	toll report x.ndjson --format md
	sed 's/\\//g' x.md | grep -qF "$reason"
	grep -qF "$reason" x.html
	toll run "$@" -o y.ndjson --json >json
	is_json <json
	grep -q "\"reason\": \"$reason\"" json
	fails_saying toll run --mechanism unix-seqpacket --placement same-cpu --size 1M \
		--pattern pingpong --wait block : "$reason"
}
