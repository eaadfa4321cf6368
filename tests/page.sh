#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# page.sh [BUILD [RESULT]] - do toll's pages stand in a browser? Measures for some seconds (or takes
# RESULT), has toll report make the page, opens it in headless Chromium: figures and tables are there,
# no script error, no request to anywhere. The same for the page of toll compare, on files with hostile
# names. A page that misbehaves is opened as well: it has to be caught.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$(cd "${1:-build}" && pwd) || exit 1
result=${2:-}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0 failed=0

say() { # OK TEXT
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		failed=1
	fi
}

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$browser" ]; then
	echo "ok 1 # skip there is no chromium here"
	exit 0
fi

# Opens a file: $work/NAME.dom, .console (what scripts and policies complained of), .requests (whatever
# was asked of a network but by the browser itself, whose own calls home all go to one company).
visit() { # FILE NAME
	mkdir "$work/$2"
	timeout 60 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync \
		--disable-dev-shm-usage --host-resolver-rules='MAP * ~NOTFOUND' \
		--user-data-dir="$work/$2" --enable-logging=stderr --log-net-log="$work/$2.net" \
		--dump-dom "file://$1" >"$work/$2.dom" 2>"$work/$2.log"
	grep ':CONSOLE' "$work/$2.log" >"$work/$2.console"
	grep -oE '"url":"(https?|wss?|ftp):[^"]*"' "$work/$2.net" |
		grep -vE '"https?://([a-z0-9-]+\.)*(google|googleapis|gstatic|gvt1)\.com[/:]' |
		sort -u >"$work/$2.requests"
}

# What holds for every page that was visited.
stands() { # NAME SECTION…
	local name=$1 section
	shift
	[ ! -s "$work/$name.requests" ]
	say $? "$name asks nothing of a network"
	[ ! -s "$work/$name.console" ]
	say $? "$name has no script error"
	! grep -qi '<script' "$work/$name.dom"
	say $? "$name has no script"
	if command -v gnuplot >/dev/null; then
		[ "$(grep -o '<figure' "$work/$name.dom" | wc -l)" -ge 1 ] &&
			[ "$(grep -o '<figure' "$work/$name.dom" | wc -l)" -eq "$(grep -o '<svg' "$work/$name.dom" | wc -l)" ]
		say $? "$name: each figure holds its drawing"
	else
		grep -q 'gnuplot is not installed' "$work/$name.dom"
		say $? "$name says why it has no figures # no gnuplot"
	fi
	for section in "$@"; do
		grep -q "<section id=\"$section\">" "$work/$name.dom"
		say $? "$name: section $section"
	done
	# every identifier once, or drawings borrow each other's symbols
	! grep -oE ' id="[^"]*"' "$work/$name.dom" | sort | uniq -d | grep -q .
	say $? "$name: identifiers are unique"
}

cat >"$work/bad.html" <<'HTML'
<!DOCTYPE html><title>bad</title><img src="http://outside.invalid/x.png"><script>throw Error("boom")</script>
HTML
visit "$work/bad.html" bad
grep -q outside.invalid "$work/bad.requests"
say $? "a request of a page to the outside is seen"
grep -q boom "$work/bad.console"
say $? "a script error of a page is seen"

if [ -z "$result" ]; then
	result=$work/run.ndjson
	"$build/toll" run -o "$result" --rounds 3 --mechanism pipe,unix-stream,ring:layout=slot,ring:layout=shared-line \
		--size 64,4K,16K --seed 7 >"$work/run.log" 2>&1
	say $? "toll run"
fi
"$build/toll" report "$result" -o "$work/out" >"$work/report.log" 2>&1
say $? "toll report"
page=$(find "$work/out" -name '*.html')
[ -s "$page" ]
say $? "there is a page"
visit "$page" page

stands page answer figures tables parts models crossovers missing host method
if command -v gnuplot >/dev/null; then
	[ "$(find "$work/out" -name '*.svg' | wc -l)" -eq "$(find "$work/out" -name '*.png' | wc -l)" ]
	say $? "each figure is there as SVG and PNG"
fi
[ "$(grep -o '<table' "$work/page.dom" | wc -l)" -ge 3 ]
say $? "there are tables"

# shellcheck source=tests/cli/results.bash
source tests/cli/results.bash
mechanism='\"><img src=x><script>throw 1' # no longer may a name be, and no slash in it
value='</code></svg><img src=x><script>throw 1</script>\"; system(\"touch owned\"); `touch owned`%s\u202e'
for i in 1 2 3 4 5; do
	result "$work/old$i" seed=1$i cells=40 workers=5 "mechanism=$mechanism" \
		"host=\"thp\":\"$value\","
	result "$work/new$i" seed=2$i cells=39 workers=5 changed=4 factor=1.05 failed=1 \
		"mechanism=$mechanism" "host=\"thp\":\"x$value\","
done
(cd "$work" && "$build/toll" compare --varies thp --format html -o comparison.html old? -- new?) \
	>"$work/compare.log" 2>&1
say $? "toll compare --format html"
visit "$work/comparison.html" comparison
stands comparison answer cells missing environment method
[ "$(grep -c '<tr><td class=' "$work/comparison.dom")" -eq 39 ]
say $? "comparison: a row a cell"
! grep -q '<img' "$work/comparison.dom" && [ ! -e "$work/owned" ] && [ ! -e owned ]
say $? "comparison: a name brings in no element, and runs nothing"

echo "1..$number"
if [ $failed -ne 0 ]; then
	for log in run.log report.log compare.log {page,comparison}.{console,requests}; do
		[ ! -s "$work/$log" ] || sed "s/^/# $log: /" "$work/$log"
	done
fi
exit $failed
