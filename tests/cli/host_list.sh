#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo host list: its columns and modes, on described hosts. To make the
# expected outputs anew: HVO_RECORD=1.
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/cli/host_tree.sh
. "$(dirname "$0")/host_tree.sh"
unset HVO_COLUMNS

# prints LINE...: these lines, to the letter.
# shellcheck disable=SC2317 # check calls it
prints()
{
	printf '%s\n' "$@" | diff - "$work/out"
}

for description in "$fixtures"/*.tree; do
	name=$(basename "$description" .tree)
	unpack "$name"
	run host list --pairs --bytes --output-all --sysroot "$tree"
	check "$name: all columns" expected "$fixtures/$name.list"
done

# ---- modes --------------------------------------------------------------

unpack x86-numa
run host list --sysroot "$tree"
check 'usual columns' prints \
	' SIZE NODE TOTAL FREE PAGES KEPT     FULL OPTIMIZED SAVED' \
	'2 MiB  all   512  512     8    1   16 MiB     2 MiB     -' \
	'2 MiB    0   300  300     8    1 9.37 MiB  1.17 MiB     -' \
	'2 MiB    1   212  212     8    1 6.62 MiB   848 KiB     -' \
	'1 GiB  all     4    1  4096    1   64 MiB    16 KiB     -' \
	'1 GiB    0     2    1  4096    1   32 MiB     8 KiB     -' \
	'1 GiB    1     2    0  4096    1   32 MiB     8 KiB     -'
run host list -n -b -o SIZE,NODE,FULL --sysroot "$tree"
check 'bytes, no headings, chosen columns' prints \
	'   2097152  all 16777216' '   2097152    0  9830400' \
	'   2097152    1  6946816' '1073741824  all 67108864' \
	'1073741824    0 33554432' '1073741824    1 33554432'
run host list --raw -o SIZE,NODE,FULL,SAVED --sysroot "$tree"
check 'raw' prints 'SIZE NODE FULL SAVED' '2MiB all 16MiB -' \
	'2MiB 0 9.37MiB -' '2MiB 1 6.62MiB -' '1GiB all 64MiB -' \
	'1GiB 0 32MiB -' '1GiB 1 32MiB -'
run host list -P -b -o NODE,TOTAL,SAVED --sysroot "$tree"
check 'pairs: unknown is empty' out '^NODE="0" TOTAL="300" SAVED=""$'
run host list -J --sysroot "$tree"
check 'JSON: numbers are numbers, unknown is null' json '.pools[0] == {
	"size": 2097152, "node": null, "total": 512, "free": 512, "pages": 8,
	"kept": 1, "full": 16777216, "optimized": 2097152, "saved": null}'
run host list -J --output-all --sysroot "$tree"
check 'JSON: all columns' json '[.pools[] | keys | length] ==
	[17, 17, 17, 17, 17, 17] and
	[.pools[].gigantic] == [false, false, false, true, true, true]'

# ---- columns ------------------------------------------------------------

run host list -n -o +could-save,KIND --sysroot "$tree"
check 'columns besides, in any case' out '848 KiB +- +- unknown$'
HVO_COLUMNS=NODE,FREE run host list --raw --sysroot "$tree"
check 'HVO_COLUMNS' out '^NODE FREE$'
HVO_COLUMNS=NODE,FREE run host list --raw -o +TOTAL --sysroot "$tree"
check 'HVO_COLUMNS, and another' out '^NODE FREE TOTAL$'
HVO_COLUMNS=NODE,FREE run host list --raw -o SIZE --sysroot "$tree"
check '--output is stronger than HVO_COLUMNS' out '^SIZE$'
HVO_COLUMNS=BAD run host list --sysroot "$tree"
check 'HVO_COLUMNS that makes no sense' \
	refused 2 "HVO_COLUMNS: there is no column 'BAD'"
run host list -o SIZE,BAD --sysroot "$tree"
check 'a column that is none' refused 2 "--output: there is no column 'BAD'"
run host list -o '' --sysroot "$tree"
check 'no column' refused 2 "there is no column ''"
run host list -o "$(printf 'SIZE,%.0s' $(seq 100))SIZE" --sysroot "$tree"
check 'too many columns' refused 2 'too many columns'
run host list -J -r --sysroot "$tree"
check 'two modes' refused 2 'exclude each other'
run host list all
check 'an operand' refused 2 "'all' is one word too many"
run host list --frob
check 'an unknown option' refused 2 'unrecognized option'
run host list --help
for column in SIZE NODE TOTAL FREE RESERVED SURPLUS OVERCOMMIT GIGANTIC PAGES \
	KEPT FULL OPTIMIZED SAVED COULD-SAVE TO-RESTORE KIND WHY; do
	check "help: $column" out "^  $column  "
done

# ---- recorded hosts -----------------------------------------------------

# 256 KiB of descriptors for 8 pages of 2 MiB, 32 KiB kept; 16 MiB for one of
# 1 GiB, 4 KiB kept: what the kernel's counters say is saved.
unpack x86-6.12-on
run host list -b --raw -o SIZE,NODE,TOTAL,FULL,OPTIMIZED,SAVED,COULD-SAVE \
	--sysroot "$tree"
check '6.12: on' prints \
	'SIZE NODE TOTAL FULL OPTIMIZED SAVED COULD-SAVE' \
	'2097152 all 8 262144 32768 229376 0' \
	'2097152 0 8 262144 32768 229376 0' \
	'1073741824 all 1 16777216 4096 16773120 0' \
	'1073741824 0 1 16777216 4096 16773120 0'
unpack x86-6.12-numa
run host list -b -n --raw -o NODE,TOTAL,FREE,FULL,SAVED,COULD-SAVE,TO-RESTORE \
	--sysroot "$tree"
check '6.12: two nodes, half of the pages from before' prints \
	'all 16 16 524288 229376 229376 229376' '0 9 9 294912 - - -' \
	'1 7 7 229376 - - -' 'all 0 0 0 0 0 0' '0 0 0 0 0 0 0' '1 0 0 0 0 0 0'
unpack x86-6.1-on
run host list -n --raw -o TOTAL,FREE,RESERVED,SURPLUS,OVERCOMMIT,SAVED,WHY \
	--sysroot "$tree"
check '6.1: a pool in use' \
	out '^10 9 9 2 4 - Linux\\x20counts\\x20them\\x20since\\x206.11$'
unpack x86-6.1-off
run host list -n -b --raw -o SIZE,NODE,OPTIMIZED,SAVED --sysroot "$tree"
check '6.1: off' prints '2097152 all 32768 -' '2097152 0 32768 -' \
	'1073741824 all 4096 -' '1073741824 0 4096 -'

# ---- no pools, and this host --------------------------------------------

unpack nothing
run host list --sysroot "$tree"
check 'no pools: no lines' code 0
run host list -J --sysroot "$tree"
check 'no pools: JSON' json '.pools == []'
run host list --noheadings
check 'this host' code 0

finish
