# SPDX-License-Identifier: GPL-3.0-or-later
# slowed.awk - makes NAME-slowed of mechanisms/NAME.c, given what inlined.awk makes of it: the same,
# but for the option and the system calls of slowed.h. Fails where a mechanism does not look as it
# takes for granted.

function done(what) {
	seen[what]++
}

/^#include "toll.h"/ {
	$0 = $0 "\n#include \"slowed.h\""
	done("include")
}
/^static const struct toll_option .*\[\] = \{$/ {
	$0 = $0 "\n\tSLOWED_OPTION,"
	has_options = 1
}
/^static (inline )?int [a-z_]+_attach\(/ { inside = "attach" }
/^static TOLL_HOT bool [a-z]+_commit\(/ { inside = "commit" }
/^\{/ && inside == "attach" { $0 = $0 "\n\tslowed_attach(channel);" }
/^\{/ && inside == "commit" { $0 = $0 "\n\tslowed_message();" }
/^\{/ && inside {
	done(inside)
	inside = ""
}
/\.name = "/ {
	sub(/\.name = "[a-z-]+/, "&-slowed")
	if (!has_options)
		sub(/\.name = /, ".options = slowed_options, &")
	done("name")
}
{ print }
END {
	if (seen["include"] != 1 || seen["attach"] != 1 || seen["commit"] != 1 || seen["name"] != 1) {
		print "slowed.awk: the mechanism has not one toll.h, attach, commit and name" >"/dev/stderr"
		exit 1
	}
}
