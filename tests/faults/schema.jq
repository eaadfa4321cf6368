# SPDX-License-Identifier: GPL-3.0-or-later
# schema.jq - holds the lines of result files and records (slurped) against the tables of
# reports/schema.md, which come as $rules: [{path, key, value, member, type}]; key and value say when a
# member is there. Puts out what is wrong, a line each.

# A type of schema.md: `T or null`, `array of T`, `map of T`, `(T)`, `"one", "of", "these"` or a word.
def fits($wanted):
	if $wanted | endswith(" or null") then . == null or fits($wanted | rtrimstr(" or null"))
	elif $wanted | startswith("(") then fits($wanted | ltrimstr("(") | rtrimstr(")"))
	elif $wanted | startswith("array of ") then
		type == "array" and all(.[]; fits($wanted | ltrimstr("array of ")))
	elif $wanted | startswith("map of ") then
		type == "object" and all(.[]; fits($wanted | ltrimstr("map of ")))
	elif $wanted | startswith("\"") then . as $it | any($wanted | split(", ")[] | fromjson; . == $it)
	elif $wanted == "integer" then type == "number" and . == floor
	elif $wanted | IN("number", "string", "boolean", "object") then type == $wanted
	else error("schema.md: no type called \($wanted)") end;

# The objects at "header.plan.cells[]" and the like.
def objects_at($path):
	($path | split(".")) as $steps
	| reduce $steps[1:][] as $step (map(select(.kind == $steps[0]));
		map(.[$step | rtrimstr("[]")])
		| if $step | endswith("[]") then map(select(. != null)) | add // [] else . end
		| map(select(. != null)));

. as $lines
| ($rules | group_by(.path)[]) as $of
| $of[0].path as $path
| ($lines | objects_at($path)) as $objects
| if $objects == [] then "\($path): no file has one" else
	$objects[] as $object
	| ($of | map(select(.key == "" or $object[.key] == .value))) as $due
	| (($object | keys) - ($due | map(.member)) | .[] | "\($path).\(.) is not in schema.md"),
	  ($due[] | . as $rule | if $object | has($rule.member) | not then "\($path).\($rule.member) is missing"
		elif $object[$rule.member] | fits($rule.type) | not then
			"\($path).\($rule.member) is \($object[$rule.member] | tojson[:60]), not \($rule.type)"
		else empty end)
  end
