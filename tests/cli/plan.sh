#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo plan: figures worked out by hand, and what it refuses.
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"

# ---- figures -----------------------------------------------------------

run plan 2M:16384
check '32 GiB of 2 MiB pages: ends with 0' code 0
check 'base page and record are named' out '^4 KiB base pages.* 64 bytes$'
check 'before, after, saved' out '512 MiB +64 MiB +447\.99 MiB +87\.50%'
check 'frames to give back' out 'takes 114688 free frames \(448 MiB\)'
check 'no total for one size' no_out total
check 'nothing on stderr' err_empty

run plan --json 2M:16384
check 'the same as JSON' json '.hvo == 1 and
	.map == {"base_page": 4096, "record": 64} and
	.sizes == [{
		"page_size": 2097152, "order": 9, "optimizable": true,
		"count": 16384, "memory": 34359738368, "descriptors": 8388608,
		"pages": {"before": 131072, "after": 16385, "shared": 1},
		"bytes": {"before": 536870912, "after": 67112960,
			"saved": 469757952},
		"restore_frames": 114688}]'
check 'JSON is one line' test "$(wc -l <"$work/out")" -eq 1
check 'JSON: the total of one is the one' json '.total ==
	(.sizes[0] | del(.page_size, .order, .optimizable))'

run plan --json 2M:16384 1G:100 64K:10
check 'several sizes are added up' json '.total == {
	"count": 16494, "memory": 141734576128, "descriptors": 34603168,
	"pages": {"before": 540675, "after": 16489, "shared": 2},
	"bytes": {"before": 2214604800, "after": 67538944,
		"saved": 2147065856},
	"restore_frames": 524188}'
run plan 2M:16384 1G:100 64K:10
check 'the table has a total' out '^ +total +16494'
check 'each size has a line' out '^ +1 GiB +18 +100 '

run plan 1T:1
check 'a page of 1 TiB is refused' refused 2 "'1T' is larger than .*16 GiB"
run plan --json 16G:64
check '1 TiB in 16 GiB pages' json '.sizes[0].order == 22 and
	.total.pages == {"before": 4194304, "after": 65, "shared": 1}'
run plan --json 1G:1024
check '1 TiB in 1 GiB pages: 16 GiB becomes 4 MiB' json '
	.total.bytes.before == 17179869184 and
	.total.bytes.after == 4194304 + 4096'

run plan --json --base-page 16K 32M:10
check '16 KiB base pages' json '.map.base_page == 16384 and
	.total.pages == {"before": 80, "after": 11, "shared": 1} and
	.total.restore_frames == 70'
run plan --json --base-page=64K 512M:10
check '64 KiB base pages' json '.map.base_page == 65536 and
	.total.pages == {"before": 80, "after": 11, "shared": 1}'

run plan --json --record 104 2M:100
check 'records of 104 bytes: one of 13, and a group' json '
	.total.pages == {"before": 1300, "after": 113, "shared": 13} and
	.total.restore_frames == 1200'
run plan --json --record 120 2M:1000
check 'records of 120 bytes: one of 15, and a group' json '
	.total.pages == {"before": 15000, "after": 1015, "shared": 15}'
run plan --json --record 104 2M:1
check 'one page can cost more than it saves' json '
	.total.bytes.saved == -4096'
run plan --record 104 2M:1
check 'and the table says so' out ' -4 KiB +-7\.69% '

# ---- too small ---------------------------------------------------------

run plan --base-page 16K 2M:4
check 'too small to be optimized: not an error' code 0
check 'but said' out '^2 MiB pages cannot be optimized: .* of 16 KiB\.$'
check 'with what would do' out '^The smallest that can have 8 MiB\.$'
check 'saves nothing' out ' 32 KiB +32 KiB +0 B +0\.00% +0$'
check 'and no shared tails' no_out 'shared tails'
run plan --json --base-page 16K 2M:4
check 'in JSON too' json '.sizes[0].optimizable == false and
	.total.pages == {"before": 2, "after": 2, "shared": 0} and
	.total.bytes.saved == 0 and .total.restore_frames == 0'
run plan --json 256K:1 512K:1
check 'the least size is 512 KiB' json '
	[.sizes[].optimizable] == [false, true]'
run plan --json 4K:1
check 'a base page is no huge page' json '.sizes[0].order == 0 and
	.sizes[0].optimizable == false and .total.pages.before == 1'

# ---- refusals ----------------------------------------------------------

run plan
check 'nothing to plan' refused 2 'give SIZE:COUNT'
check 'where help is' err "^Try 'hvo plan --help'\.$"
run plan 2M
check 'no count' refused 2 "'2M' is not of the form SIZE:COUNT"
run plan 2M:
check 'empty count' refused 2 "count '' is not a number"
run plan 2M:x
check 'count that is no number' refused 2 "count 'x' is not a number"
run plan 2M:-1
check 'negative count' refused 2 "count '-1' is not a number"
run plan 2M:0
check 'count of 0' refused 2 "count '0' is not at least 1"
run plan 2M:99999999999999999999
check 'count too large' refused 2 'is too large'
run plan 2M:1:1
check 'two counts' refused 2 "count '1:1' is not a number"
run plan :1
check 'no size' refused 2 "'' is not a size"
run plan banana:1
check 'a size that is none' refused 2 "'banana' is not a size: write 2M"
run plan 2X:1
check 'an unknown unit' refused 2 "'2X' has an unknown unit"
run plan 3M:1
check 'no power of two' refused 2 "'3M' is not a power of two"
run plan 0:1
check 'no bytes at all' refused 2 "'0' is not a power of two"
run plan 5000:1
check 'no multiple of a base page' refused 2 "'5000' is not a power of two"
run plan 2K:1
check 'less than a base page' refused 2 "'2K' is smaller than a base page"
run plan --base-page 64K 16K:1
check 'less than a large base page' refused 2 "'16K' is smaller"
run plan 2M:1 2048kB:1
check 'the same size twice' refused 2 "'2048kB:1': that size is given twice"
run plan 2M:99999999999999
check 'more than all memory' refused 2 'more memory than there can be'
run plan 2M:5000000000000 1G:10000000000
check 'more than all memory together' refused 2 'more memory than there'

for size in 2K 128K 5000 4M 0; do
	run plan --base-page $size 2M:1
	check "base pages of $size" refused 2 '--base-page: base pages have 4K'
done
run plan --base-page x 2M:1
check 'a base page that is no size' refused 2 "--base-page: 'x' is not a size"
for bytes in 0 4 12 60 520 4294967360; do
	run plan --record $bytes 2M:1
	check "records of $bytes bytes" \
		refused 2 "$bytes is not a multiple of 8"
done
run plan --record 64B 2M:1
check 'a record that is no number' refused 2 "--record: '64B' is not a number"
run plan --record
check 'an option without its value' refused 2 'requires an argument'

# ---- the table ---------------------------------------------------------

run plan --table
check 'the table: ends with 0' code 0
check 'x86-64, 2 MiB' out '^x86-64 +4 KiB +2 MiB +512 +8 +1 +28 KiB +14 GiB$'
check 'x86-64, 1 GiB' out '^x86-64 +4 KiB +1 GiB +262144 +4096 +1 +15\.99 MiB'
check 'arm64, 16 KiB' out '^arm64 +16 KiB +32 MiB +2048 +8 +1 +112 KiB'
check 'arm64, 64 KiB' out '^arm64 +64 KiB +16 GiB +262144 +256 +1 +15\.93 MiB'
check 'arm64, contiguous 64 KiB save nothing' \
	out '^arm64 +4 KiB +64 KiB +16 +0\.25 +0\.25 +0 B +0 B$'
check 'riscv64' out '^riscv64 +4 KiB +2 MiB +512 +8 +1 '

run plan --table --json
check 'the table as JSON' json '.hvo == 1 and .record == 64 and
	([.table[] | select(.arch == "arm64" and .base_page == 65536)
	  | .page_size] == [2097152, 536870912, 17179869184])'
check 'bytes are exact there' json '
	[.table[] | select(.arch == "x86-64") | .bytes] == [
	{"before": 32768, "after": 4096, "saved": 28672,
	 "saved_per_tib": 15032385536},
	{"before": 16777216, "after": 4096, "saved": 16773120,
	 "saved_per_tib": 17175674880}]'
check 'every row adds up' json '[.table[] |
	.bytes.before - .bytes.after == .bytes.saved and
	.bytes.before == .descriptors * 64 and
	.bytes.after == (if .optimizable then .base_page
			 else .bytes.before end) and
	.pages.before * .base_page == .bytes.before and
	.bytes.saved * (1099511627776 / .page_size) == .bytes.saved_per_tib
	] | all'
run plan --table --json --record 104
check 'the table with another record' json '.record == 104 and
	.table[0].pages == {"before": 13, "after": 1}'
run plan --table 2M:1
check 'the table takes no sizes' refused 2 '--table has sizes'
run plan --table --base-page 4K
check 'nor a base page' refused 2 '--table has sizes and base pages'

finish
