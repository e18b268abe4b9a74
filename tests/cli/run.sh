#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo run: what it measures, what it refuses, what it prints.
# shellcheck disable=SC2317 # functions are called by check
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"

fixtures=$HVO_FIXTURES/iomem
mib=1048576
max_map_count=$(cat /proc/sys/vm/max_map_count)

# sound: JSON of which everything is true that always is.
sound()
{
	# shellcheck disable=SC2016 # jq's variables
	json '(.map.memory / .map.base_page) as $pages |
		([.hvo == 1,
		  keys_unsorted == ["hvo", "map", "pool", "measured",
			"counted", "checked", "mappings", "seconds", "on"] +
			(if .on == "machine" then ["free", "reused"] else
			 [] end),
		  .measured == .counted,
		  .checked == {"pages": $pages, "wrong_heads": 0,
			"writable_tails": 0, "lost_frames": 0},
		  (.seconds | keys_unsorted) ==
			["populate", "optimize", "restore"],
		  ([.seconds[] >= 0] | all),
		  .mappings.before > 0] | all)'
}

# of_machine: that was a machine, whose buddy allocator has what was saved, to
# the page; all of it was used and none was wrong.
of_machine()
{
	json '.on == "machine" and
		.free.after - .free.before ==
			.measured.before - .measured.after and
		.free.restored - .free.before ==
			.measured.before - .measured.restored and
		.reused == {"wrong": 0, "pages":
			((.free.after - .free.before) / .map.base_page)}'
}

# frees N M: N frames for each huge page, but for M of shared tails.
frees()
{
	json ".measured.before - .measured.after ==
		(.pool.count * $1 - $2) * .map.base_page and
		.measured.restored ==
			.measured.before + $2 * .map.base_page"
}

# full: it began with all descriptors there.
full()
{
	json '.measured.before ==
		.map.memory / .map.base_page * .map.record'
}

# left N: optimized, one N-th is left and at most 1 MiB; restored, all is
# there again, and shared tails of at most 1 MiB.
left()
{
	json ".measured.after <= .measured.before / $1 + $mib and
		.measured.after > .measured.before / $1 and
		.measured.restored > .measured.before and
		.measured.restored <= .measured.before + $mib"
}

nothing_saved()
{
	json '.measured.before == .measured.after and
		.measured.after == .measured.restored'
}

# optimizes WHAT N OPTION...: the engine does, and one N-th is left.
optimizes()
{
	these=$1
	n=$2
	shift 2
	run run --json --engine "$@"
	check "$these: ends with 0" code 0
	check "$these: says nothing else" err_empty
	check "$these: nothing wrong" sound
	check "$these: all there before" full
	check "$these: 1/$n is left" left "$n"
}

# ---- sizes -------------------------------------------------------------

optimizes '4 GiB of 2 MiB pages' 8 --memory 4G
check 'sizes are told' json '
	.map == {"memory": 4294967296, "base_page": 4096, "record": 64} and
	.pool == {"page_size": 2097152, "count": 2048}'
check 'two mappings a page' json '.mappings.after <= 2 * .pool.count + 1'
check 'JSON is one line' test "$(wc -l <"$work/out")" -eq 1

optimizes '16 KiB and 32 MiB' 8 --memory 4G --base-page 16K --page-size 32M
optimizes '64 KiB and 512 MiB' 8 --memory 8G --base-page 64K --page-size 512M
optimizes '104 bytes' 13 --memory 2G --record 104
optimizes '120 bytes' 15 --memory 2G --record 120
optimizes '48 bytes' 6 --memory 2G --record 48
optimizes '128 bytes' 16 --memory 1G --record 128
optimizes '8 bytes' 2 --memory 4G --record 8 --page-size 4M
optimizes '16 bytes' 2 --memory 4G --record 16
optimizes 'the least size' 2 --memory 1G --page-size 512K

run run --json --engine --memory 4G --page-size 1G
check 'pages of 1 GiB: nothing wrong' sound
check 'pages of 1 GiB: a frame each, and 2 MiB of shared tails' json '
	.measured.before == 67108864 and
	.measured.after == 4 * 4096 + 2097152 and
	.measured.restored == .measured.before + 2097152'
run run --json --engine --memory 1G --page-size 256M
check 'a size in between' json '.pool.count == 4 and
	.counted.after < 3 * 1048576'
run run --json --engine --memory 1G --page-size 2048kB --base-page 4KiB
check 'sizes in other spellings' json '.pool.count == 512'
run run --json --memory 4224K
check 'memory that is no whole unit is described in whole units' \
	json '.map.memory == 4456448 and .pool.count == 2'
check 'and nothing wrong' sound

# ---- on a machine ------------------------------------------------------

# machine WHAT COUNT N M OPTION...: so many huge pages fit beside their
# descriptors, and free N frames each, but for M of shared tails.
machine()
{
	these=$1
	count=$2
	each=$3
	tails=$4
	shift 4
	run run --json "$@"
	check "$these: ends with 0" code 0
	check "$these: says nothing else" err_empty
	check "$these: nothing wrong" sound
	check "$these: all there before" full
	check "$these: so many fit" json ".pool.count == $count"
	check "$these: what they free" frees "$each" "$tails"
	check "$these: what is freed is memory" of_machine
}

machine 'the default' 16124 7 7
check 'the default: 32 GiB' json '
	.map == {"memory": 34359738368, "base_page": 4096, "record": 64} and
	.pool.page_size == 2097152'
check 'the default: two mappings a page' json '
	.mappings.after <= 2 * .pool.count + 1'
machine '16 MiB' 7 7 7 --memory 16M
machine '512 KiB' 2008 1 1 --memory 1G --page-size 512K
machine '1 GiB' 3 4095 512 --memory 4G --page-size 1G
machine '16 KiB and 32 MiB' 127 7 7 \
	--memory 4G --base-page 16K --page-size 32M
machine '64 KiB and 512 MiB' 15 7 7 \
	--memory 8G --base-page 64K --page-size 512M
machine 'ten pages' 10 7 7 --memory 2G --count 10

run run --json --memory 2M
check 'descriptors in the way: ends with 0' code 0
check 'descriptors in the way: none fit' json '.pool.count == 0'
check 'descriptors in the way: nothing saved' nothing_saved
check 'descriptors in the way: said, with what would do' \
	err 'no aligned huge page of 2 MiB fits .*--memory.*--engine'

run run --json --memory 1G --no-restore
check 'a machine, not restored: nothing wrong' sound
check 'a machine, not restored: free still' json '
	.on == "machine" and .free.restored == .free.after and
	.reused.pages > 0'

# without_machine OPTION WORDS...: the engine does it alone, and says why.
without_machine()
{
	why=$1
	shift
	run run "$@"
	check "no machine ($why): ends with 0" code 0
	check "no machine ($why): said" out "^the engine alone \\($why\\): "
	check "no machine ($why): no buddy allocator" no_out 'buddy'
	run run --json "$@"
	check "no machine ($why): in JSON" json '.on == "engine"'
	check "no machine ($why): nothing wrong" sound
}

without_machine --engine --engine --memory 64M
without_machine --record --memory 64M --record 104
without_machine --record --memory 64M --record 32
without_machine '--populate optimized' --memory 64M --populate optimized
without_machine --iomem --iomem "$fixtures/small-vm"
without_machine --memory --memory 63M
without_machine --page-size --memory 64M --page-size 256K

# ---- not all of them ---------------------------------------------------

run run --json --engine --memory 2G --count 10
check 'ten pages: ends with 0' code 0
check 'ten pages: nothing wrong' sound
check 'ten pages: seven of eight frames of each' json '.pool.count == 10 and
	.measured.before - .measured.after == (70 - 7) * 4096'
run run --json --engine --memory 16M --count 10
check 'more than there are: as many as there are' json '.pool.count == 8'
check 'and it says so' \
	err 'note: only 8 huge pages of 2 MiB fit into the memory$'
run run --json --memory 16M --count 10
check 'more than a machine has room for' json '.pool.count == 7'
check 'and it says so, too' \
	err 'note: only 7 huge pages of 2 MiB fit .* beside its descriptors$'

run run --json --memory 1G --base-page 16K
check 'too small to be optimized: ends with 0' code 0
check 'too small: said, with what would do' \
	err '2 MiB cannot be optimized: .* of 16 KiB; .* have 8 MiB$'
check 'too small: nothing wrong' sound
check 'too small: nothing saved' nothing_saved
run run --memory 64M --base-page 16K
check 'too small: said in the text' out '^Nothing saved\.$'

run run --json --memory 64M --page-size 1G
check 'a page larger than memory: ends with 0' code 0
check 'a page larger than memory: said' err 'no aligned huge page of 1 GiB'
check 'a page larger than memory: nothing saved' nothing_saved
check 'a page larger than memory: none' json '.pool.count == 0'

# ---- optimized from the start ------------------------------------------

run run --json --memory 4G --populate optimized
check 'from the start: ends with 0' code 0
check 'from the start: nothing wrong' sound
check 'from the start: never more than the rest' json '
	.measured.before == .measured.after and
	.measured.after <= 8 * 1048576 + 1048576 and
	.measured.restored >= 64 * 1048576'
check 'from the start: nothing to optimize' json '.seconds.optimize == 0'

run run --json --memory 256G --page-size 1G --populate optimized --no-restore
check 'large pages, from the start: nothing wrong' sound
check 'large pages, from the start: a page each, and 2 MiB of tails' json '
	.measured.after == 256 * 4096 + 2097152'
check 'not restored: nothing more' json '
	.measured.restored == .measured.after and .seconds.restore == 0'

run run --json --memory 100M --page-size 64M --populate optimized
check 'from the start, with a rest: nothing wrong' sound
check 'from the start, with a rest: that is full' json '
	.pool.count == 1 and .measured.after > 36 * 1048576 / 64'

# ---- the limit of mappings ---------------------------------------------

# 40960 pages want 81920 mappings; a machine has room for 40304.
for how in full optimized machine; do
	pages=40960
	option="--engine --populate $how"
	if [ $how = machine ]; then
		pages=40304
		option=
	fi
	if [ "$max_map_count" -gt 81920 ]; then
		skip "past the limit ($how)" "vm.max_map_count is high"
		continue
	fi
	# shellcheck disable=SC2086 # a list of words
	run run --json --memory 20G --page-size 512K $option
	check "past the limit ($how): ends with 0" code 0
	check "past the limit ($how): nothing wrong" sound
	check "past the limit ($how): said" \
		err "of $pages huge pages stay full"
	check "past the limit ($how): with the value to set" \
		err 'sysctl -w vm\.max_map_count=8[0-9]{4}$'
	check "past the limit ($how): as many as fit" json "
		.mappings.after <= $max_map_count and
		.mappings.after > $max_map_count - 500 and
		.measured.after < 40960 * 8192 - .mappings.after / 2 * 4000"
	check "past the limit ($how): all is restored" json '
		.measured.restored == 40960 * 8192 + 4096'
done

# ---- memory ------------------------------------------------------------

run run --memory 8P
check 'too much: refused beforehand' refused 3 \
	'would take 12[0-9.]+ TiB, and there are .*--populate optimized'

available=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
if [ "$available" -lt 33554432 ]; then
	run run --memory 4T --base-page 64K --record 512 --page-size 16G \
		--populate optimized
	check 'no room to restore: ends with 0' code 0
	check 'no room to restore: said' err 'left out: it takes 31\.[0-9]+ GiB'
	check 'no room to restore: the check is made' out '^Check passed:$'
	check 'no room to restore: no such line' no_out '^restored'
else
	skip 'no room to restore' 'there is'
fi

# ---- a real memory map -------------------------------------------------

run run --json --iomem "$fixtures/small-vm"
check 'a memory map with holes: ends with 0' code 0
check 'a memory map with holes: nothing wrong' sound
check 'a memory map with holes: all there before' full
# 1 MiB to 2 GiB less the last 144 KiB, and 2 GiB from 4 GiB on; units of
# 256 KiB.
check 'a memory map with holes: aligned pages in RAM' json '
	.pool.count == 1022 + 1024 and
	.map.memory / 4096 == 524288 + 524288 - 64'
run run --iomem "$fixtures/small-vm"
check 'a memory map with holes: ranges are told' \
	out '^3\.99 GiB of memory \(3 ranges of .*small-vm\)'
run run --json --iomem "$fixtures/small-vm" --populate optimized
check 'a memory map with holes, from the start: nothing wrong' sound
run run --json --iomem "$fixtures/small-vm" --record 104
check 'a memory map with holes, other records: nothing wrong' sound
run run --json --iomem "$fixtures/small-vm" --page-size 1G
check 'a memory map with holes, 1 GiB: what is aligned' json '
	.pool.count == 2'

run run --iomem "$fixtures/unprivileged"
check 'hidden addresses: refused' refused 3 'the kernel shows them to root'
if grep -q '^0*[1-9a-f][0-9a-f]*-.*System RAM' /proc/iomem; then
	run run --json --iomem /proc/iomem --populate optimized --no-restore
	check 'the memory of this host: ends with 0' code 0
	check 'the memory of this host: nothing wrong' sound
else
	run run --iomem /proc/iomem
	check 'the memory of this host: refused' code 3
	skip 'the memory of this host: nothing wrong' 'it is hidden'
fi
run run --iomem "$fixtures/garbage"
check 'not a memory map: refused' refused 1 'garbage: line 2'
run run --iomem "$fixtures/no-ram"
check 'no RAM: refused' refused 1 'no-ram: '
run run --iomem "$work/none"
check 'no such file: refused' refused 1 'No such file'

# ---- text --------------------------------------------------------------

LC_ALL=C.UTF-8
export LC_ALL
run run --memory 1G
check 'text: ends with 0' code 0
check 'text: says nothing else' err_empty
check 'text: what is described' \
	out '^1 GiB of memory: 262144 base pages of 4 KiB, .* of 64 bytes$'
check 'text: what is optimized' out '^502 huge pages of 2 MiB'
check 'text: where it is' \
	out '^a machine: its descriptors take 16 MiB of .*, 4 MiB are free$'
check 'text: the picture before' out '^│ 7 tails ├─────▶│ [0-9]+ │ rw  '
check 'text: the picture after' out '  │ 7 tails ├─────▶│ [0-9]+ │ ro$'
check 'text: before' out '^before +16777216 +16 MiB +100\.00% +16777216 '
check 'text: optimized' out '^optimized +2412544 .* +2412544 +10[0-9]+ '
check 'text: restored' out '^restored +16805888 .* +16805888 '
check 'text: saved' out '^Saved: 13\.69 MiB, 85\.62% of the descriptors\.$'
check 'text: what that is good for' \
	out '^The buddy .* 1024 pages free, and then 4531: 13\.69 MiB more\.$'
check 'text: the verdict' out '^Check passed:$'
check 'text: heads' out '^  262144 descriptors lead to their heads$'
check 'text: tails' out '^  3514 tail pages refused a write$'
check 'text: freed pages' out '^  3507 freed pages were allocated and hold '
check 'text: owners' out '^  every base page has one owner'
check 'text: lines of at most 80 columns' no_out '^.{81,}$'
LC_ALL=C
run run --memory 64M
check 'ASCII: the picture' out '^\| 7 tails \+----->\| [0-9]+ \| rw  '
check 'ASCII: nothing else' no_out '[^ -~]'
run run --memory 1G --populate optimized
check 'from the start: one picture' no_out '\| rw  .*\| ro$'
check 'from the start: what it saves' out '^Never allocated: 13\.97 MiB'

# ---- an interrupt ------------------------------------------------------

ran='timeout -s INT hvo run'
status=0
timeout --preserve-status -s INT 0.5 "$hvo" run --memory 1T --page-size 1G \
	--populate optimized --no-restore >"$work/out" 2>"$work/err" ||
	status=$?
check 'interrupted: ends as such' code 130
check 'interrupted: no results' out_empty

# ---- refusals ----------------------------------------------------------

run run --page-size 3M
check 'a page that is no power of two' refused 2 '^hvo run: --page-size'
run run --page-size 0
check 'a page of nothing' refused 2 'power of two'
run run --page-size 2K
check 'a page less than a base page' refused 2 'not smaller than a base page'
run run --page-size 32G
check 'a page too large' refused 2 'largest huge page has 16G'
run run --page-size two
check 'a page that is no size' refused 2 "--page-size: 'two' is not a size"
run run --memory 3000
check 'memory that is no base pages' refused 2 'whole number of base pages'
run run --memory 0
check 'no memory' refused 2 'or none'
run run --memory 99E
check 'more memory than there can be' refused 2 '--memory: '
run run --base-page 5K
check 'a base page that is none' refused 2 'base pages have 4K'
run run --base-page 2M
check 'a base page too large' refused 2 'base pages have 4K'
run run --record 60
check 'a record that is no multiple of 8' refused 2 '60 is not a multiple'
run run --record 0
check 'a record of nothing' refused 2 '0 is not a multiple'
run run --record 1024
check 'a record too large' refused 2 '1024 is not a multiple of 8 from 8'
run run --record 4294967360
check 'a record that wraps around' refused 2 '4294967360 is not a multiple'
run run --count 0
check 'no pages' refused 2 "--count: '0' is not at least 1"
run run --count some
check 'a count that is none' refused 2 "--count: 'some' is not a number"
run run --populate half
check 'populated otherwise' refused 2 "'half' is neither"
run run --memory 1G --iomem "$fixtures/small-vm"
check 'memory twice' refused 2 'give one of them'
run run 2M
check 'an operand' refused 2 "'2M' is one word too many"
run run --memory
check 'an option without its value' refused 2 'requires an argument'

finish
