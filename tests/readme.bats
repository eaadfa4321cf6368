#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
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
	grep -qx 'cc -shared -fPIC $(pkg-config --cflags toll) -o mine.so mine.c' README.md
	flags="-shared -fPIC $(grep -o -e '-std=gnu11 .* -Ibench -Ibuild' README.md | sed "s|build|$build|")"
	block 1 >"$BATS_TEST_TMPDIR/mine.c"
	"$build/toll" new mechanism mine -o "$BATS_TEST_TMPDIR/.." # it is what toll new writes
	cmp "$BATS_TEST_TMPDIR/mine.c" "$BATS_TEST_TMPDIR/../mine.c"
	${CC:-cc} $flags -o "$BATS_TEST_TMPDIR/mine.so" "$BATS_TEST_TMPDIR/mine.c"
	run "$build/toll" one mine --pattern pingpong --size 64 --wait block --placement same-cpu \
		--for 100ms -m "$BATS_TEST_TMPDIR/mine.so"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"round trip: median of"* ]]
}

@test "the example of a pattern builds, alone in its file, and measures" {
	tree=$BATS_TEST_TMPDIR/tree toll=$(realpath "$build/toll")
	mkdir "$tree"
	cp -r bench Makefile .ci "$tree" # the worker alone: toll learns from it what there is
	mkdir "$tree/mechanisms"
	cp mechanisms/pipe.c mechanisms/pipe*.h "$tree/mechanisms"
	block 2 >"$BATS_TEST_TMPDIR/burst.h"
	(cd "$tree" && "$toll" new pattern burst)
	cmp "$BATS_TEST_TMPDIR/burst.h" "$tree/bench/patterns/burst.h"
	make -C "$tree" BUILD=build CFLAGS='-O0 -Dalways_inline=unused' build/toll-worker >"$BATS_TEST_TMPDIR/log" 2>&1 || {
		cat "$BATS_TEST_TMPDIR/log"
		false
	}
	export TOLL_WORKER=$tree/build/toll-worker
	run "$toll" one pipe --pattern burst --size 64 --wait block --placement same-cpu --for 100ms
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"pipe/burst/same-cpu/64/block"* ]]
	# half a minute beside the other tests
	[ "${TOLL_CHECK:-long}" != long ] || "$toll" check pipe --pattern burst
}

@test "what the manual page shows of a mechanism is in what toll new writes" {
	awk '/^```$/ { inside = !inside; next } inside && /[;{}]|TOLL_/' reports/man/toll-mechanism.7.scd >"$BATS_TEST_TMPDIR/shown"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/shown")" -gt 15 ]
	run ! grep -vxFf bench/templates/mine.c "$BATS_TEST_TMPDIR/shown"
}

@test "every option that the README shows is one that toll knows" {
	for word in $(grep -o '^toll [a-z]*' README.md | awk '{ print $2 }' | sort -u); do
		"$build/toll" "$word" -h >/dev/null
	done
}
