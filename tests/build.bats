# SPDX-License-Identifier: GPL-3.0-or-later
# build.bats - the Makefile's promises, on a copy of the tree under a path with spaces.

bats_require_minimum_version 1.5.0

setup_file() {
	unset MAKEFLAGS MFLAGS MAKELEVEL BUILD CC SAN WERROR CFLAGS
	export TREE="$BATS_FILE_TMPDIR/a b"
	mkdir -p "$TREE"
	tar c --exclude=./build --exclude=./.git -C "$BATS_TEST_DIRNAME/.." . | tar x -C "$TREE"
	# a few mechanisms stand for all: the time goes into compiling them again and again
	(cd "$TREE/mechanisms" && find . -name '*.c' ! -path './plugins/*' ! -name null.c ! -name pipe.c \
		! -name ring.c -delete)
	# what is built is not measured: quickly rather than well
	export CFLAGS='-O0 -Dalways_inline=unused'
	make -C "$TREE" -j"$(nproc)" >"$BATS_FILE_TMPDIR/first.log" 2>&1 || true
}

setup() {
	unset MAKEFLAGS MFLAGS MAKELEVEL
	cd "$TREE"
}

@test "it builds under a path with spaces, in parallel" {
	cat "$BATS_FILE_TMPDIR/first.log"
	[ -x build/toll ]
	build/toll-worker --describe | grep -q '"pipe"'
}

@test "a second make does nothing" {
	make >/dev/null
	run make
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" != *" build/"* ]]
}

@test "a changed header rebuilds what includes it, and nothing else" {
	make >/dev/null
	touch bench/toll.h
	run make -k
	[[ "$output" == *build/mechanisms/pipe.o* ]]
	[[ "$output" == *"link build/toll-worker"* ]]
	[[ "$output" != *build/bench/cell.o* ]]
}

@test "a changed flag rebuilds, a library's absence is said" {
	run make -n CPPFLAGS=-DOTHER
	[[ "$output" == *bench/cell.c* ]]
	run make PKG_CONFIG=false BUILD="$BATS_TEST_TMPDIR"/none
	[ "$status" -ne 0 ]
	[[ "$output" == *"not found: hwloc jansson inih gsl; make deps"* ]]
}

@test "a mechanism's file that is dropped in is there, and gone when removed" {
	sed 's/"pipe"/"dropped"/' mechanisms/pipe.c >mechanisms/dropped.c
	make >/dev/null
	build/toll-worker --describe | grep -q '"dropped"'
	rm mechanisms/dropped.c
	make >/dev/null
	run ! grep -q '"dropped"' <(build/toll-worker --describe)
}

@test "a pattern's file that is dropped in is there, and gone when removed" {
	sed 's/pingpong/dropped/g' bench/patterns/pingpong.h >bench/patterns/dropped.h
	make >/dev/null
	build/toll-worker --describe | grep -q '"dropped"'
	rm bench/patterns/dropped.h
	make >/dev/null
	run ! grep -q '"dropped"' <(build/toll-worker --describe)
}

@test "a mechanism whose library is missing is left out, and said so once" {
	{ echo '/* needs: no-such-library */' && cat mechanisms/pipe.c; } >mechanisms/wanting.c
	run make
	rm mechanisms/wanting.c
	[ "$status" -eq 0 ]
	[ "$(grep -c 'left out: mechanisms/wanting.c (needs no-such-library; make deps)' <<<"$output")" -eq 1 ]
	[ ! -e build/mechanisms/wanting.o ]
	# the same of a plug-in, and of what pkg-config does not know
	{ echo '/* needs: no/such/header.h -lnone */' && cat mechanisms/pipe.c; } >mechanisms/plugins/wanting.c
	run make
	rm mechanisms/plugins/wanting.c
	[ "$status" -eq 0 ]
	[[ "$output" == *"left out: mechanisms/plugins/wanting.c (needs no/such/header.h -lnone; make deps)"* ]]
	[ ! -e build/plugins/wanting.so ]
}

@test "a mechanism builds unchanged as a plug-in against the installed headers" {
	make install PREFIX=/usr DESTDIR="$BATS_TEST_TMPDIR/to here" >/dev/null
	cd "$BATS_TEST_TMPDIR"
	sed 's/"pipe"/"mine"/' "$TREE/mechanisms/pipe.c" >mine.c
	cp "$TREE"/mechanisms/pipe*.h . # the family's own
	gcc -std=gnu11 -D_GNU_SOURCE -O1 -Dalways_inline=unused -fPIC -shared -Wall -Werror \
		-I"to here/usr/include/toll" -o mine.so mine.c
	"to here/usr/libexec/toll/toll-worker" --describe -m ./mine.so | grep -q '"mine"'
}

@test "in an empty folder: a new mechanism against what is installed keeps its promises and is measured" {
	to="$BATS_FILE_TMPDIR/to" # pkg-config's answer goes through a shell: no spaces
	make install PREFIX=/usr/local DESTDIR="$to" >/dev/null
	export PATH="$to/usr/local/bin:$PATH" PKG_CONFIG_PATH="$to/usr/local/share/pkgconfig"
	mkdir "$BATS_TEST_TMPDIR/empty"
	cd "$BATS_TEST_TMPDIR/empty"
	toll new mechanism of-mine
	# shellcheck disable=SC2046
	cc -shared -fPIC $(pkg-config --cflags toll) -Wall -Werror -o of-mine.so of-mine.c
	toll check ./of-mine.so
	toll vs of-mine pipe -m of-mine.so --pairs 20 | grep -q 'of-mine.*pipe'
	toll run -m of-mine.so --mechanism of-mine,pipe --pattern pingpong --placement same-cpu --wait block \
		--size 64 --operations 20 --rounds 2 -o x.ndjson >table
	grep -q of-mine table
	grep -q pipe table
}

@test "install puts everything in place, uninstall leaves nothing" {
	to="$BATS_TEST_TMPDIR/to here"
	make install PREFIX=/usr DESTDIR="$to" >/dev/null
	[ -x "$to/usr/bin/toll" ]
	[ -e "$to/usr/include/toll/patterns/pingpong.h" ]
	[ -e "$to/usr/share/toll/configs/quick.conf" ]
	[ -e "$to/usr/share/pkgconfig/toll.pc" ]
	! command -v scdoc >/dev/null || [ -e "$to/usr/share/man/man7/toll-mechanism.7" ]
	"$to/usr/bin/toll" list mechanisms | grep -q pipe
	make uninstall PREFIX=/usr DESTDIR="$to" >/dev/null
	find "$to" ! -type d
	[ -z "$(find "$to" ! -type d)" ]
}

@test "folders and targets of one name do not meet" {
	for target in bench reports configs tests analysis mechanisms; do
		run make -n "$target"
		[ "$status" -eq 0 ]
		[[ "$output" != *"up to date"* ]]
	done
}

# A machine of a few programs: what deps does there. $1: the user's number.
machine() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	for tool in bash cat dirname env grep sed sh uname; do
		ln -sf "$(command -v "$tool")" "$BATS_TEST_TMPDIR/bin/$tool"
	done
	printf '#!/bin/sh\necho %s\n' "$1" >"$BATS_TEST_TMPDIR/bin/id"
	printf '#!/bin/sh\necho "apt-get $*" >>"%s/asked"\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/bin/apt-get"
	chmod +x "$BATS_TEST_TMPDIR"/bin/{id,apt-get}
}

@test "deps without rights prints the one command and fails" {
	machine 1000
	PATH="$BATS_TEST_TMPDIR/bin" run .ci/deps
	[ "$status" -ne 0 ]
	[ "$(grep -c 'apt-get install' <<<"$output")" -eq 1 ]
	[[ "$output" == *libhwloc-dev*libjansson-dev*libinih-dev*libgsl-dev* ]]
	[ ! -e "$BATS_TEST_TMPDIR/asked" ]
}

@test "deps with rights installs what is missing, and nothing when all is there" {
	machine 0
	PATH="$BATS_TEST_TMPDIR/bin" run .ci/deps
	[ "$status" -eq 0 ]
	grep -q 'install -y .*libhwloc-dev' "$BATS_TEST_TMPDIR/asked"
	run .ci/deps
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}
