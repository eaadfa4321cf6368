#!/usr/bin/env bats
# What README.md shows as whole files is whole and works.

setup() {
	cd "$BATS_TEST_DIRNAME/.."
	build=${BUILD:-build}
}

# The Nth block of C in the README.
block() {
	awk -v n="$1" '/^```c$/ { at++; inside = at == n; next } /^```/ { inside = 0 } inside' README.md
}

@test "the example of a mechanism builds with the command shown, loads and measures" {
	flags=$(grep -o '^cc .* -I/usr/local/include/toll -o mine.so mine.c$' README.md |
		sed "s|-I/usr/local/include/toll|-Ibench -I$build|; s|^cc||; s|-o mine.so mine.c||")
	[ -n "$flags" ]
	block 1 >"$BATS_TEST_TMPDIR/mine.c"
	${CC:-cc} $flags -o "$BATS_TEST_TMPDIR/mine.so" "$BATS_TEST_TMPDIR/mine.c"
	run "$build/toll" one mine --pattern pingpong --size 64 --wait block --placement same-cpu \
		--for 100ms -m "$BATS_TEST_TMPDIR/mine.so"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"round trip: median of"* ]]
}

@test "the example of a pattern builds, alone in its file, and measures" {
	tree=$BATS_TEST_TMPDIR/tree
	mkdir "$tree"
	cp -r bench analysis reports configs Makefile .ci "$tree"
	mkdir "$tree/mechanisms"
	cp mechanisms/pipe.[ch] "$tree/mechanisms"
	block 2 >"$tree/bench/patterns/burst.h"
	make -C "$tree" BUILD=build build/toll build/toll-worker >"$BATS_TEST_TMPDIR/log" 2>&1 || {
		cat "$BATS_TEST_TMPDIR/log"
		false
	}
	run "$tree/build/toll" one pipe --pattern burst --size 64 --wait block --placement same-cpu --for 100ms
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"pipe/burst/same-cpu/64/block"* ]]
}

@test "every option that the README shows is one that toll knows" {
	for word in $(grep -o '^toll [a-z]*' README.md | awk '{ print $2 }' | sort -u); do
		"$build/toll" "$word" -h >/dev/null
	done
}
