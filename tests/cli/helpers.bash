# SPDX-License-Identifier: GPL-3.0-or-later
# helpers.bash - what the tests of the command line share: a folder of their own, and what they expect.

bats_require_minimum_version 1.5.0

setup() {
	local root=$BATS_TEST_DIRNAME/../..
	TOLL=$(realpath "$root/${BUILD:-build}/toll")
	WORKER=$(dirname "$TOLL")/toll-worker
	[ -x "$WORKER" ] || WORKER=$(realpath "$(dirname "$TOLL")/../libexec/toll/toll-worker")
	export NO_COLOR=1
	export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state # what toll aa kept here is not this test's
	unset TOLL_WORKER HWLOC_SYNTHETIC HWLOC_XMLFILE
	cd "$BATS_TEST_TMPDIR"
}

toll() {
	"$TOLL" "$@"
}

# One line on standard error that says all of the words, nothing on standard output, status 4.
fails_saying() {
	local command=("$@") words=() i
	for ((i = 0; i < $#; i++)); do
		if [ "${command[i]}" = : ]; then
			words=("${command[@]:i+1}")
			command=("${command[@]:0:i}")
			break
		fi
	done
	run --separate-stderr "${command[@]}"
	echo "status $status, said: $stderr"
	[ "$status" -eq 4 ]
	[ -z "$output" ]
	# shellcheck disable=SC2154
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == "toll: "* ]]
	local word
	for word in "${words[@]}"; do
		echo "wanted: $word"
		[[ "$stderr" == *"$word"* ]]
	done
}

# Standard input is one JSON value and no more.
is_json() {
	if command -v jq >/dev/null; then
		jq -es 'length == 1' >/dev/null
	elif command -v python3 >/dev/null; then
		python3 -m json.tool >/dev/null
	else
		skip "neither jq nor python3 is here to check JSON"
	fi
}

# Standard input is one XML document.
is_xml() {
	if command -v xmllint >/dev/null; then
		xmllint --noout -
	elif command -v python3 >/dev/null; then
		python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.stdin)'
	else
		skip "neither xmllint nor python3 is here to check XML"
	fi
}

# Standard input is one HTML page: every element ends where it should, none runs or loads anything.
is_page() {
	command -v python3 >/dev/null || skip "no python3 is here to check HTML"
	python3 -c '
import html.parser, sys
class Page(html.parser.HTMLParser):
    void, never = {"meta", "link", "br"}, {"script", "img", "iframe", "object", "embed", "base", "form"}
    open, ids = [], set()
    def handle_starttag(self, tag, attributes):
        assert tag not in self.never, tag
        for name, value in attributes:
            assert not name.startswith("on"), name
            assert name not in ("src", "href", "xlink:href") or value.startswith(("#", "data:,")), value
            assert name != "id" or value not in self.ids, value
            self.ids |= {value} if name == "id" else set()
        if tag not in self.void:
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag
    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.void:
            self.open.pop()
page = Page()
page.feed(sys.stdin.read())
page.close()
assert not page.open and {"answer", "cells", "missing", "environment", "method"} <= page.ids, page.open
'
}

# The formats: of text, and drawn where gnuplot is here.
formats() {
	echo text json csv md junit html tsv
	! command -v gnuplot >/dev/null || echo svg png
}

# Status, and words on standard output.
says() { # STATUS WORD… : COMMAND…
	local wanted=$1 words=() word
	shift
	while [ "$1" != : ]; do
		words+=("$1")
		shift
	done
	shift
	run --separate-stderr "$@"
	echo "status $status, output: $output, said: $stderr"
	[ "$status" -eq "$wanted" ]
	for word in "${words[@]}"; do
		echo "wanted: $word"
		[[ "$output" == *"$word"* ]]
	done
}

# A result of a moment, to have one.
measure() { # FILE OPTION…
	local file=$1
	shift
	toll run --mechanism pipe --pattern pingpong --placement same-cpu --wait block --size 64,1K \
		--operations 20 --rounds 2 -o "$file" "$@"
}
