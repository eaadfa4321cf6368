# SPDX-License-Identifier: GPL-3.0-or-later
# hostile.bats - result files made to harm: each of the fuzzer's corpus through fit, report and compare. Never
# a crash, one clear line, nothing run out of a name, no tag of theirs on a page.

load helpers

# bats keeps files of its own where a test begins.
own_folder() {
	mkdir own
	cd own
}

# Runs a command and holds it to what every file may expect; $status is left. With sanitizers what
# they find is another status.
holds() { # FILE COMMAND…
	local file=$1
	shift
	run --separate-stderr "$@"
	[ "$status" -eq 0 ] || [ "$status" -eq 4 ] || {
		echo "$file: status $status: $stderr"
		return 1
	}
	local errors
	errors=$(grep -cv -e '^toll: note: ' -e '^$' <<<"$stderr" || true)
	if [ "$errors" -ne $((status / 4)) ] || grep -qv -e '^toll: ' -e '^$' <<<"$stderr" ||
		{ [ "$status" -eq 4 ] && [ -n "$output" ] && ! grep -q ' was cut short: ' <<<"$stderr"; }; then
		echo "$file: status $status, $errors errors: $stderr, on standard output: $output"
		return 1
	fi
	if LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]' <<<"$output$stderr"; then
		echo "$file: control characters: $(cat -v <<<"$output$stderr")"
		return 1
	fi
}

# Nothing was run, and nothing lies beside what a report writes.
nothing_else() { # NAME
	local strange
	strange=$(find . -mindepth 1 ! -path "./out" ! -path "./out/$1.*" ! -path "./out/$1")
	[ -z "$strange" ] || {
		echo "$1: there is now: $strange"
		return 1
	}
}

reports() { # FORMAT
	local file
	own_folder
	for file in "$BATS_TEST_DIRNAME"/../fuzz/read-corpus/*; do
		rm -rf out
		holds "$file" toll report --format "$1" -o out "$file"
		nothing_else "$(basename "$file")"
		# figures are drawings, so their text is the only thing a name could bring in
		if grep -rqi --include='*.html' --include='*.md' --include='*.svg' '<script' out; then
			echo "$file: $(grep -rio '<script.*' out)"
			return 1
		fi
	done
}

@test "hostile files through toll fit" {
	local file read=0
	own_folder
	for file in "$BATS_TEST_DIRNAME"/../fuzz/read-corpus/*; do
		holds "$file" toll fit "$file"
		[ "$status" -ne 0 ] || read=$((read + 1))
		holds "$file" toll fit --seed 1 - <"$file"
	done
	nothing_else none
	[ "$read" -ge 10 ]
}

@test "hostile files through toll fit --json: one JSON value whatever they hold" {
	local file
	own_folder
	for file in "$BATS_TEST_DIRNAME"/../fuzz/read-corpus/*; do
		run --separate-stderr toll fit --json "$file"
		[ "$status" -eq 0 ] || [ "$status" -eq 4 ]
		is_json <<<"$output"
	done
	nothing_else none
}

@test "hostile files through toll report --format html" {
	reports html
}

@test "hostile files through toll report --format md" {
	reports md
}

@test "hostile files through toll report --format csv" {
	reports csv
}

@test "hostile files through toll report --format svg" {
	command -v gnuplot || skip "gnuplot is not here"
	reports svg
}

# Each file against itself; status 2: one run a side tells nothing.
compares() { # FORMAT
	local file compared=0
	own_folder
	mkdir out
	for file in "$BATS_TEST_DIRNAME"/../fuzz/read-corpus/*; do
		rm -f out/it
		run --separate-stderr toll compare --format "$1" -o out/it "$file" "$file"
		[[ $status =~ ^[0234]$ ]] && [ "$(grep -cv -e '^toll: note: ' -e '^$' <<<"$stderr")" -eq $((status / 4)) ] || {
			echo "$file: status $status: $stderr"
			return 1
		}
		nothing_else it
		[ -e out/it ] || continue
		compared=$((compared + 1))
		[ "$1" = png ] || [ "$(tr -d '\t\r\n' <out/it | LC_ALL=C grep -cP '[\x00-\x1f\x7f]')" -eq 0 ]
		if [[ $1 =~ ^(html|md|svg|junit|tsv)$ ]]; then
			run ! grep -i '<script' out/it
		fi
		[ "$1" != json ] || is_json <out/it
	done
	echo "$compared were compared"
	[ "$compared" -ge 10 ]
}

@test "hostile files through toll compare: text, json, csv, md, junit and tsv" {
	local format here=$PWD
	for format in text json csv md junit tsv; do
		echo "as $format"
		compares $format
		cd "$here"
		rm -rf own
	done
}

@test "hostile files through toll compare --format html" {
	compares html
}

@test "hostile files through toll compare --format svg and png" {
	[ "${TOLL_CHECK:-long}" = long ] || skip "in make check-long"
	command -v gnuplot || skip "gnuplot is not here"
	local here=$PWD
	compares svg
	cd "$here"
	rm -rf own
	compares png
}

@test "names that are commands and tags are shown as they are, and figures drawn of them" {
	own_folder
	toll report -o out "$BATS_TEST_DIRNAME/../fuzz/read-corpus/names"
	toll report --format md -o out "$BATS_TEST_DIRNAME/../fuzz/read-corpus/names"
	grep -q '&lt;script&gt;' out/names.html
	grep -q 'touch PWNED' out/names.html
	grep -q '&lt;script>' out/names.md
	grep -q 'touch PWNED' out/names.files/*.tsv
	nothing_else names
	command -v gnuplot || skip "gnuplot is not here: no figures"
	grep -q 'touch PWNED' out/names.files/*.svg
}

# A header with so many cells; the AWK statements set what tells them apart.
header() { # CELLS AWK-STATEMENTS
	awk -v n="$1" 'BEGIN {
		printf "{\"kind\":\"header\",\"schema\":1,\"seed\":1,\"host\":{},\"clock\":{},"
		printf "\"plan\":{\"margin\":0.02,\"cells\":["
		for (i = 0; i < n; i++) {
			size = 64; mechanism = "pipe"; cpu = 0
			'"$2"'
			printf "%s{\"id\":%d,\"key\":\"%s/pingpong/cpus:0,%d/%d/block\",", i ? "," : "", i, mechanism, cpu, size
			printf "\"mechanism\":\"%s\",\"pattern\":\"pingpong\",\"placement\":\"cpus\",", mechanism
			printf "\"cpus\":[0,%d],\"peers\":2,\"size\":%d,\"wait\":\"block\",", cpu, size
			printf "\"wait_class\":\"sleeping\",\"copy\":false,\"touch\":\"all\",\"peers_are\":\"processes\","
			printf "\"quantity\":\"rtt_ns\",\"messages\":2,\"bytes\":128}"
		}
		print "]}}"
	}'
}

workers() { # N: one of each cell
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++)
		printf "{\"kind\":\"worker\",\"cell\":%d,\"round\":0,\"block\":%d,\"visit\":%d,\"state\":\"ok\",\"operations\":9,\"batch_ns\":[2800]}\n", i, i, i }'
}

@test "a million cells, a line too long, too many values: one line says what is too much" {
	header 1 '' | head -c 90 >million # up to the cells
	{ yes '{},' | head -n 1000000 | tr -d '\n'; echo '{}]}}'; } >>million
	fails_saying toll fit million : "million:1: " "over 1000000 objects and arrays"
	fails_saying toll compare million million : "million:1: " "over 1000000 objects and arrays"
	{ header 1 ''; head -c 67200000 /dev/zero | tr '\0' x; } >long
	fails_saying toll fit long : "long:2: " "over 64 MiB"
	{ header 1 ''; printf '{"kind":"x","v":['; yes 1, | head -n 8000001 | tr -d '\n'; echo '1]}'; } >values
	fails_saying toll fit values : "values:2: " "over 8000000 values"
	header 2001 'size = 2 * i + 1; mechanism = "m" i' >grid
	fails_saying toll report grid : "grid:1: plan.cells" "2001 different sizes" "4000000"
}

@test "twenty thousand sheets, rows or curves are laid out in seconds" {
	local limit=60
	{ header 20000 'cpu = i'; workers 20000; } >sheets
	timeout $limit "$TOLL" report --format md -o out sheets
	{ header 20000 'mechanism = "m" i'; workers 20000; } >rows
	timeout $limit "$TOLL" report --format md -o out rows
	{ header 20000 'mechanism = "m" int(i / 2); size = 64 + i % 2'; workers 20000; } >curves
	timeout $limit "$TOLL" fit curves
}

@test "twenty thousand cells are compared in seconds, in every format" {
	[ "${TOLL_CHECK:-long}" = long ] || skip "in make check-long"
	local format
	{ header 20000 'mechanism = "m" i'; workers 20000; } >rows
	for format in text json csv md junit html tsv; do
		run timeout 60 "$TOLL" compare --all --format $format -o out rows rows
		echo "$format: $status $output"
		[ "$status" -eq 2 ]
		[ "$(grep -o 'm19999/' out | wc -l)" -ge 1 ] || [ $format = tsv ]
	done
}

@test "times as far apart as numbers are: no crash, no nonsense" {
	local ns format
	for ns in 1e-300 1e308 5e-324; do
		{ header 3 'mechanism = "m" i'; workers 3; } >old
		sed "s/2800/$ns/" old >new
		for format in text json csv md junit html tsv; do
			run --separate-stderr toll compare --format $format old new
			echo "$ns as $format: $status $output $stderr"
			[ "$status" -eq 2 ] || { [ "$status" -eq 4 ] && [ -n "$stderr" ]; }
			run ! grep -qiE '(^|[^a-z])(nan|inf)([^a-z]|$)' <<<"$output"
		done
		command -v gnuplot || continue
		run --separate-stderr toll compare --format svg old new
		[ "$status" -eq 2 ] || [[ "$stderr" == *new:* ]]
	done
}
