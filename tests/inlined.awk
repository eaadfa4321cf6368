# SPDX-License-Identifier: GPL-3.0-or-later
# inlined.awk - a mechanism's file with its family's headers, and theirs, each in place of the line
# that first includes it.

function put(line,   part) {
	if (line !~ /^#include "/ || line ~ /"toll.h"/) {
		print line
		return
	}
	split(line, part, "\"")
	if (!seen[part[2]]++)
		while ((getline line < (folder part[2])) > 0)
			put(line)
}
BEGIN {
	folder = ARGV[1]
	sub(/[^\/]*$/, "", folder)
}
{ put($0) }
