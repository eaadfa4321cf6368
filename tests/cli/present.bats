# SPDX-License-Identifier: GPL-3.0-or-later
# present.bats - nothing is absent where it can be had: a mechanism that wrongly says that this kernel lacks
# something is left out, and all other tests pass.

load helpers

# What root may be told by a kernel that has all: this machine's memory and CPUs, and what no kernel has so far.
allowed() { # CELL REASON
	case $2 in
	"no huge pages here: "*"(sysctl vm.nr_hugepages)" | "no huge pages here: "*/nr_hugepages\)) [[ $1 == *:memory=huge* ]] ;;
	*"(SQPOLL) beside its peers' 1 CPU want more CPUs than the "[12]" here") [[ $1 == *:sqpoll=yes/* ]] ;;
	"uring-socket: the kernel refuses SEND_ZC over AF_UNIX (EOPNOTSUPP)") [[ $1 == *:over=unix-zc/* ]] ;;
	*" has no descriptor to poll" | *" has no descriptor to epoll") [[ $1 == signal/*poll ]] ;;
	*) false ;;
	esac
}

# A mechanism with each value of each option, of a range the lower end, and the waits that it has; those that want
# a CPU for each peer say nothing about a kernel. What memory is made of is the harness's, and of one mechanism.
variants() {
	toll list mechanisms --json | jq -r '.mechanisms[] | .name as $name |
		([.waits[] | select(IN("spin", "pause") | not) | sub("hybrid"; "hybrid:2us")] | join(",")) as $waits |
		(if .self_only then "self" else "pingpong" end) as $pattern | "\($pattern) \($waits) \($name)",
		(.options[] | select($name == "ring" or (.name | IN("memory", "home", "instances")) == false) |
			.name as $option | .value as $default | .values | split(", ")[] | sub(" ….*"; "") | select(. != $default) |
			"\($pattern) \($waits) \($name):\($option)=\(.)")'
}

@test "root on a kernel that has everything: each mechanism with each value of its options, and each wait" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	[ "$(printf '%s\n' 6.18 "$(uname -r)" | sort -V | head -1)" = 6.18 ] || skip "$(uname -r) may lack something"
	grep -qx 'Seccomp:.0' /proc/self/status || skip "a seccomp filter may refuse something"
	[ "$(cat /proc/sys/kernel/io_uring_disabled)" -eq 0 ] || skip "sysctl kernel.io_uring_disabled is not 0"
	command -v jq >/dev/null || skip "no jq"
	local pattern waits list cell reason wrong=0
	variants >variants
	[ "$(wc -l <variants)" -gt 70 ]
	# at most 64 of one list
	awk '{ key = $1 " " $2; part = key " " int(n[key] / 60); n[key] += 1; list[part] = list[part] (list[part] ? "," : "") $3 }
		END { for (part in list) print part, list[part] }' variants >parts
	while read -r pattern waits _ list; do
		toll run --dry-run --json --mechanism "$list" --pattern "$pattern" --size 8 --wait "$waits" --placement same-cpu >json
		jq -r '.cells[].key' json >>planned
		jq -r '.refused[] | "\(.cell) \(.reason)"' json >>refused
	done <parts
	while read -r cell reason; do
		allowed "$cell" "$reason" || {
			echo "refused, and should not be: $cell: $reason"
			wrong=$((wrong + 1))
		}
	done <refused
	echo "$(wc -l <planned) planned, $(wc -l <refused) refused"
	[ "$wrong" -eq 0 ]
	# none was lost on the way
	[ $(($(wc -l <planned) + $(wc -l <refused))) -eq "$(awk '{ n += split($2, w, ",") } END { print n }' variants)" ]
}
