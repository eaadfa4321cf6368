#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# hotpath.sh BUILD [objects] - no measured loop goes through a pointer: every toll_run_* of every mechanism's
# object, and all that it calls in that object, is free of indirect calls and jumps. Then the check
# proves that it can fail, on a mechanism into which one was put; with "objects" it does not.
set -u
build=${1:-build}
passed=0 failed=0
here=$(dirname "$0")/..
cd "$here" || exit 1

# Prints what is wrong with an object; nothing when it is clean.
indirect() {
	objdump -dr --no-show-raw-insn "$1" | awk '
		# 0000000000000040 <toll_run_pingpong.part.0>:
		/^[0-9a-f]+ <.*>:$/ {
			name = substr($2, 2, length($2) - 3)
			if (name ~ /^toll_run_/) {
				queue[++last] = name
				seen[name] = 1
			}
			next
		}
		name == "" { next }
		# x86: call *%rax, notrack jmp *(%rdx,%rax,8); arm64: blr x3, br x16
		/[\t ](call|jmp)q?[ \t]+\*/ || /\t(blr|br|blraa|braa|blrab|brab|blraaz|brabz)[ \t]+x[0-9]/ {
			bad[name] = bad[name] "\n\t" $0
		}
		# a direct call or jump, and the relocation that names its target
		/[\t ](callq?|j[a-z]+|bl|b|b\.[a-z]+|cbn?z|tbn?z)[ \t]/ || /R_[A-Z0-9_]+\t/ {
			if (match($0, /<[^>+]+/))
				calls[name, ++count[name]] = substr($0, RSTART + 1, RLENGTH - 1)
			else if (match($0, /R_[A-Z0-9_]+\t[^ +-]+/)) {
				split(substr($0, RSTART, RLENGTH), part, "\t")
				calls[name, ++count[name]] = part[2]
			}
		}
		END {
			if (!last)
				print "no toll_run_* in it"
			for (first = 1; first <= last; first++) {
				name = queue[first]
				if (name in bad)
					print name ":" bad[name]
				for (i = 1; i <= count[name]; i++)
					if (!seen[calls[name, i]]++)
						queue[++last] = calls[name, i]
			}
		}'
}

judge() { # NAME WANTED(clean|caught) OBJECT
	local found verdict=clean
	found=$(indirect "$3")
	[ -z "$found" ] || verdict=caught
	[ -e "$3" ] || verdict=missing
	if [ "$verdict" = "$2" ]; then
		passed=$((passed + 1))
		echo "ok $1"
	else
		failed=$((failed + 1))
		echo "not ok $1${found:+: $found}"
	fi
}

objects=("$build"/mechanisms/*.o)
if [ ! -e "${objects[0]}" ]; then
	echo "not ok no object under $build/mechanisms; make BUILD=$build"
	echo "0 passed, 1 failed"
	exit 1
fi
for object in "${objects[@]}"; do
	judge "$object has no indirect call or jump in a measured loop" clean "$object"
done

# The first hot verb of pipe.c goes through a pointer, itself or in a function it calls; built by the
# same rule as the mechanisms.
mkdir -p "$build/mutant"
for mutant in pointer caller; do
	[ "${2:-}" != objects ] || break
	awk -v mutant="$mutant" '{ print }
		/^#include "toll.h"/ {
			print "static void nothing(void)\n{\n}\nstatic void (*volatile pointer)(void) = nothing;"
			print "static __attribute__((noinline, unused)) void caller(void)\n{\n\tpointer();\n\tpointer();\n}"
		}
		/^static TOLL_HOT/ { hot = 1 }
		/^{/ && hot && !done { print "\t" mutant "();"; done = 1 }
		END { exit !done }' <(awk -f tests/inlined.awk mechanisms/pipe.c) >"$build/mutant/$mutant.c" &&
		"${MAKE:-make}" --no-print-directory -s BUILD="$build" ${CC:+"CC=$CC"} "$build/mutant/$mutant.o"
	judge "a mutant of pipe.c with an indirect call ($mutant) is found" caught "$build/mutant/$mutant.o"
done
rm -rf "$build/mutant"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
