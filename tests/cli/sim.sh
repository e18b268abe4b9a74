#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo sim: scripts that must do what they expect, scripts that must be refused,
# and machines tortured at random.
# shellcheck disable=SC2317 # functions are called by check
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"

fixtures=$HVO_FIXTURES/sim

# script LINE...: run these lines.
script()
{
	printf '%s\n' "$@" >"$work/script.sim"
	run sim "$work/script.sim"
}

# again OPTION...: a run at random prints the same twice.
again()
{
	run sim --random --cpus 1 "$@"
	cp "$work/out" "$work/first"
	run sim --random --cpus 1 "$@"
	code 0 && same_as "$work/first"
}

differs()
{
	[ -s "$work/first" ] && ! cmp -s "$work/first" "$work/out"
}

# ---- scripts -----------------------------------------------------------

for file in "$fixtures"/good/*.sim; do
	name=$(basename "$file" .sim)
	run sim "$file"
	check "$name: ends with 0" code 0
	check "$name: no complaint" err_empty
	run sim --json "$file"
	check "$name: measured is what is counted" json '.hvo == 1 and
		.measured == .counted and .measured > 0 and
		(.machine.present == (.machine.pages | add)) and
		(.machine.present == ([.machine.zones[].present] | add))'
done

# The first line of each says how it ends: "# exit CODE: WORDS".
for file in "$fixtures"/bad/*.sim; do
	name=$(basename "$file" .sim)
	read -r _ _ status words <"$file"
	expected=${status%:}
	run sim "$file"
	check "$name: exit code, and what it says" \
		refused "$expected" "$name\.sim$words"
done

# ---- what scripts print ------------------------------------------------

script 'machine memory=64M no-watermarks' stats
check 'stats: a line for the zone' out '^ *0 Normal +16384 +16128 +0 +256 '
check 'stats: descriptors' out '^256 pages of descriptors in 256 frames'
script 'machine memory=64M' 'alloc a size=2M hvo' 'show a'
check 'show: the head' out '0 head .* rw$'
check 'show: a tail' out '7 tails .*'
check 'show: its name and place' out '^a, pfn [0-9]+$'
script 'machine memory=64M' dump
check 'dump: the machine' out '^nodes 1, cpus 1, present 16384,'
check 'dump: the zone' out '^node 0 Normal, present 16384'
script 'machine memory=64M' 'dump vmemmap'
check 'dump vmemmap: the map, too' out 'shared'
script ''
check 'an empty script ends with 0' code 0
run sim --json "$work/script.sim"
check 'and is JSON without a machine' json '. == {"hvo": 1, "commands": 0,
	"folios": 0}'
script 'machine memory=64M' 'alloc a count=3' 'alloc b size=2M hvo'
run sim --json "$work/script.sim"
check 'JSON: one line' test "$(wc -l <"$work/out")" -eq 1
check 'JSON: commands and folios' json '.commands == 3 and .folios == 4'
check 'JSON: the machine' json '.machine.base_page == 4096 and
	.machine.nodes == 1 and .machine.cpus == 1 and
	.machine.present == 16384 and .machine.pages.folios == 515'
check 'JSON: descriptors' json '.machine.descriptors == {"pages": 256,
	"frames": 256, "shared": 7, "hosted": 0, "optimized": 7}'
script 'machine memory=64M' 'pools 2M 64K' 'pool size=2M count=2'
run sim --json "$work/script.sim"
check 'JSON: pools' json '.pools == [{"page_size": 2097152, "total": 2,
	"free": 2, "surplus": 0, "optimized": 2, "reserved": 0,
	"overcommit": 0, "lost": 0, "saved": 57344, "restore": 14},
	{"page_size": 65536, "total": 0, "free": 0, "surplus": 0,
	"optimized": 0, "reserved": 0, "overcommit": 0, "lost": 0,
	"saved": 0, "restore": 0}]'
script 'machine memory=64M' 'pools 2M' 'pool size=2M count=2' stats dump
check 'stats: the pool' out '^2 MiB +2 +2 +0 +0 +2 56 KiB'
check 'dump: the pool' out '^pages of 2048 KiB, total 2'
printf 'machine memory=64M\nexpect present == 64M\n' >"$work/script.sim"
ran='hvo sim - <script'
status=0
"$hvo" sim - <"$work/script.sim" >"$work/out" 2>"$work/err" || status=$?
check 'a script on stdin' code 0
run sim -
check 'nothing on stdin' code 0
printf 'machine memory=64M\nexpect 1 == 2' >"$work/script.sim"
run sim "$work/script.sim"
check 'a last line without its end counts' refused 1 ':2: not so: 1 == 2$'

# ---- at random ---------------------------------------------------------

check 'one thread: the same twice' again --ops 3000 --memory 64M
run sim --random --cpus 1 --ops 3000 --memory 64M --seed 2
check 'another seed: something else' differs
check 'with failures: the same twice' \
	again --ops 3000 --memory 32M --failures --seed 7
check 'failures happened' out \
	'^[1-9][0-9]* requests for memory or mappings failed'
run sim --random --ops 6000 --cpus 3 --json --failures --memory 64M
check 'three threads: ends with 0' code 0
check 'three threads: all operations' json '
	.operations == 6000 and .cpus == 3 and .failures == true and
	.kinds.alloc.done > 0 and .kinds.take.done > 0'
check 'three threads: measured is what is counted' json '
	.measured == .counted and .measured > 0'
check 'three threads: no digest that would not be the same again' \
	json 'has("digest") | not'
run sim --random --ops 6000 --cpus 1 --json
check 'one thread: operations of every kind' json '[.kinds[].done > 0] | all'
run sim --random --ops 100 --cpus 1 --json --memory 64M --seed 5
check 'one thread: a digest' json '.digest | test("^[0-9a-f]{16}$")'
check 'no failures unless asked for' json '.failed == 0'

# An endless run, interrupted.
ran='hvo sim --random --ops 100000000, interrupted'
"$hvo" sim --random --ops 100000000 --memory 64M >"$work/out" \
	2>"$work/err" &
pid=$!
# It catches the signal from its first moments on; until then it is another's.
until grep -Eq '^SigCgt:.*[2367abef]$|^State:.*zombie' "/proc/$pid/status"; do
	:
done
kill -INT "$pid"
status=0
wait "$pid" || status=$?
check 'interrupted: dies as such' code 130
check 'interrupted: the check was clean all the same' \
	out '^the check is clean'

# ---- the command line --------------------------------------------------

run sim --help
check 'help' out '^Usage: hvo sim'
check 'help has the grammar' out '^  split NAME order=N'
sed '1,/^Example:/d' "$work/out" >"$work/script.sim"
cp "$work/out" "$work/help"
run sim "$work/script.sim"
check "the help's example is true" code 0
check "the help's example is one" test -s "$work/script.sim"
cp "$work/help" "$work/out"
for word in machine alloc free split join optimize restore poison unpoison \
	describe undescribe online offline isolate release rehome drain fail \
	pools pool overcommit reserve unreserve take give dissolve demote \
	promote switch apply expect let stats show dump check; do
	check "help has $word" out "[ ,]$word( |,|\$)"
done
run sim
check 'neither script nor --random' refused 2 'name a script'
run sim a b
check 'two scripts' refused 2 "'b' is one word too many"
run sim --random a
check 'both' refused 2 'takes no script'
run sim --seed 1 a
check 'a seed for a script' refused 2 'go with --random'
run sim "$work/none"
check 'no such file' refused 1 'none: No such file'
run sim "$work"
check 'a directory' refused 1 'Is a directory'
run sim --random --cpus 0
check 'no CPU' refused 2 "'0' is too small"
run sim --random --cpus 65
check 'too many CPUs' refused 2 "'65' is too large"
run sim --random --ops x
check 'operations that are no number' refused 2 "--ops: 'x' "
run sim --random --ops 0
check 'no operation' refused 2 "'0' is too small"
run sim --random --memory 1M
check 'too little memory' refused 2 'at least 32M'
run sim --random --memory 5T
check 'too much memory' refused 2 'at most 4T'
run sim --random --memory 4T
check 'more memory than there is' refused 3 'not as much to be had'
run sim --frob
check 'no such option' refused 2 "frob"

finish
