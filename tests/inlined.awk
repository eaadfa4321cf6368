# SPDX-License-Identifier: GPL-3.0-or-later
# inlined.awk - a mechanism's file with its family's header in place of the line that includes it.

/^#include "/ && !/"toll.h"/ {
	split($0, part, "\"")
	folder = FILENAME
	sub(/[^\/]*$/, "", folder)
	while ((getline line < (folder part[2])) > 0)
		print line
	next
}
{ print }
