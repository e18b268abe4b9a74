#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo host status: recorded and described hosts, to the letter; hostile trees;
# and this host. To make the expected outputs anew: HVO_RECORD=1.
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/cli/host_tree.sh
. "$(dirname "$0")/host_tree.sh"

# agrees PART: this part of the output is as it was in $work/live.
# shellcheck disable=SC2317 # check calls it
agrees()
{
	jq "$1" "$work/live" >"$work/part" && jq "$1" "$work/out" |
		diff "$work/part" -
}

# ---- to the letter ------------------------------------------------------

for description in "$fixtures"/*.tree; do
	name=$(basename "$description" .tree)
	unpack "$name"
	run host status --sysroot "$tree"
	check "$name" expected "$fixtures/$name.status"
	run host status --json --sysroot "$tree"
	check "$name: JSON is one line" test "$(wc -l <"$work/out")" -eq 1
	check "$name: each figure has a kind, and a source" json '
		[.. | objects | select(has("kind"))] |
		length > 10 and all(.source != "" and (
		if .kind == "unknown" then .value == null and .why != null
		else (.kind == "measured" or .kind == "derived") and
			.value != null end))'
	# A line for each member, pool and so on.
	jq -c '(to_entries[] | select(.value | type != "array")),
		.pools[], .dax[], .warnings' "$work/out" >"$work/lines"
	mv "$work/lines" "$work/out"
	check "$name: JSON, all of it" expected "$fixtures/$name.json"
done

# ---- on a terminal of 80 columns ----------------------------------------

# letters FILE: without the bar that only terminals show, and without spaces,
# so that it does not matter where lines are broken.
# shellcheck disable=SC2317 # all_of_it calls it
letters()
{
	grep -v -e '^  \[' -e '^  # descriptors' "$1" | tr -d ' \n'
}

# on_terminal: what a terminal shows of it, lines that it broke joined again.
# shellcheck disable=SC2317 # check calls it
on_terminal()
{
	cat >"$work/session" <<-EOF
	"$hvo" host status --sysroot "$tree"
	echo 'the end'
	exec sleep 1000
	EOF
	tmux -S "$work/tmux" new-session -d -x 80 -y 60 "sh $work/session"
	for _ in $(seq 200); do
		tmux -S "$work/tmux" capture-pane -p -J -t 0 >"$work/screen"
		if grep -q '^the end' "$work/screen"; then
			break
		fi
		sleep 0.05
	done
	tmux -S "$work/tmux" kill-server
	sed '/^the end/,$d; s/ *$//' "$work/screen" >"$work/out"
}

# all_of_it: the terminal shows everything that is printed otherwise, and in
# that sequence.
# shellcheck disable=SC2317 # check calls it
all_of_it()
{
	letters "$work/out" >"$work/shown"
	letters "$fixtures/$name.status" | cmp - "$work/shown"
}

for name in x86-6.18-on x86-numa arm64-64k; do
	unpack "$name"
	ran="hvo host status --sysroot $name, on a terminal"
	on_terminal
	check "$name: at most 80 columns" no_out '^.{81,}$'
	check "$name: and nothing left out" all_of_it
done

# ---- worked out by hand -------------------------------------------------

# 8 huge pages: 7 of 8 pages of 4096 bytes each.
unpack x86-6.18-on
run host status --json --sysroot "$tree"
check '8 pages: 8 x 7 x 4096 saved' json '.saved.value == 8 * 7 * 4096 and
	.could_save.value == 0 and .to_restore.value == .saved.value'
check 'descriptors of 24 GiB' json '.expected_bytes.value == 402653184'
# 3 GiB have 12288 pages of descriptors; Debian's 6.12 counts 9 and 8128:
# 8 pages of 2 MiB have 7 less, one of 1 GiB has 4095 less.
unpack x86-6.12-on
run host status --json --sysroot "$tree"
check '6.12: 8 x 7 + 4095 pages saved' json '
	.expected_bytes.value == 12288 * 4096 and
	.measured_bytes.value == (9 + 8128) * 4096 and
	.saved.value == (8 * 7 + 4095) * 4096 and
	12288 - (9 + 8128) == 8 * 7 + 4095 and .could_save.value == 0'
check '6.12: of each size, too' json '
	[.pools[] | select(.node == null) | .saved.value] ==
	[8 * 7 * 4096, 4095 * 4096]'
check '6.12: on since boot' json '.enabled.value == 1 and
	.enabled_at_boot == {"value": 1, "kind": "measured",
	"source": "/proc/cmdline", "why": null}'
# 5 pages on node 0 and 3 on node 1 from before it was turned on; 4 more on each
# since. Counted are 8 and 12224.
unpack x86-6.12-numa
run host status --json --sysroot "$tree"
check '6.12, two nodes: 8 of 16 are optimized' json '
	.expected_bytes.value == 12288 * 4096 and
	.measured_bytes.value == (8 + 12224) * 4096 and
	.saved.value == 8 * 7 * 4096 and .could_save.value == 8 * 7 * 4096'
check '6.12, two nodes: turned on since boot' json '.enabled.value == 1 and
	.enabled_at_boot.value == 0 and
	(.enabled_at_boot.source | test("^/boot/config-6[.]12[.]"))'
check '6.12, two nodes: by node' json '
	[.pools[] | select(.size == 2097152) | [.node, .total.value]] ==
	[[null, 16], [0, 9], [1, 7]]'
# Of 10 pages 2 are surplus, 9 reserved, and one is mapped. Nothing is counted.
unpack x86-6.1-on
run host status --json --sysroot "$tree"
check '6.1: the pool as it was' json '
	.pools[0] | [.total, .free, .reserved, .surplus, .overcommit] |
	map(.value) == [10, 9, 9, 2, 4]'
check '6.1: what is saved is unknown' json '.enabled_at_boot.value == 1 and
	[.saved, .could_save, .measured_bytes, .pools[].saved |
	.kind] == [range(7) | "unknown"] and .warnings == []'
# At most 7 of 8 pages for 8, and 4095 of 4096.
unpack x86-6.1-off
run host status --json --sysroot "$tree"
check '6.1, off: what there is to save' json '.enabled.value == 0 and
	.enabled_at_boot.value == 0 and (.warnings | length) == 1 and
	(.warnings[0] | contains(" up to \((8 * 7 + 4095) * 4) KiB."))'
# arm64's have none: 7 of 8 pages for 8, 127 of 128 for 2, 4095 of 4096; those
# of 64 KiB have a quarter of a page. 6.12 counts 12288, as 3 GiB have.
for name in arm64-6.1 arm64-6.12; do
	unpack $name
	run host status --json --sysroot "$tree"
	check "$name: no HVO, whatever the parameter says" json '
		.support == "no" and .enabled.value == 0 and
		.enabled_at_boot.value == 0 and .saved.value == 0 and
		(.support_why | test("^/boot/config-6[.]1[^ ]*-cloud-arm64: "))'
	check "$name: memory that begins at 1 GiB" json '
		.present_bytes.value == 3 * 1073741824 and
		.expected_bytes.value == 12288 * 4096'
	check "$name: four sizes" json '[.pools[] | select(.node == null) |
		[.size / 1024, .vmemmap_pages.value, .gigantic]] ==
		[[64, 0, false], [2048, 8, false], [32768, 128, true],
		[1048576, 4096, true]]'
done
check '6.12: as many as are expected' json '
	.measured_bytes.value == 12288 * 4096'
check '6.12: the pool as it was' json '
	.pools[] | select(.size == 2097152 and .node == null) |
	[.total, .free, .reserved, .surplus, .overcommit] |
	map(.value) == [10, 9, 9, 2, 4]'
check '6.12: what HVO would save' json '.warnings ==
	["This kernel has no HVO, which would save " +
	"\((10 * 7 + 2 * 127 + 4095) * 4) KiB. " +
	"Linux has it off on arm64 since 2023."]'
# 5.15 keeps two pages of eight.
unpack x86-5.15-off
run host status --json --sysroot "$tree"
check 'reserve two: 6 of 8' json '.could_save.value == 64 * 6 * 4096'
# 512 MiB by 64 KiB: 8192 descriptors of 64 bytes.
unpack arm64-64k
run host status --json --sysroot "$tree"
check 'arm64 with 64 KiB: 8 pages of 65536' json '
	.support == "no" and (.pools[] | select(.size == 536870912 and
	.node == null) | .vmemmap_pages.value == 8 and
	.full_bytes.value == 20 * 8 * 65536)'
# 1 GiB + 2 MiB pages, of which it is not known which are optimized.
unpack x86-numa
run host status --json --sysroot "$tree"
check 'two nodes: the whole is known, its parts are not' json '
	.saved.value == 512 * 7 * 4096 and
	.could_save.value == 4 * 4095 * 4096 and
	([.pools[].saved.kind] | unique == ["unknown"])'
check 'two nodes: to be gone through by node' json '
	[.pools[] | select(.size == 2097152) | [.node, .total.value]] ==
	[[null, 512], [0, 300], [1, 212]]'

# ---- hostile ------------------------------------------------------------

unpack x86-6.18-on
for path in proc/vmstat proc/zoneinfo proc/sys/kernel/osrelease \
	proc/sys/vm/hugetlb_optimize_vmemmap proc/self/smaps proc/cmdline \
	proc/config.gz proc/buddyinfo sys/kernel/btf/vmlinux \
	sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages \
	sys/devices/system/memory/block_size_bytes; do
	mv "$tree/$path" "$work/kept"
	head -c 1000 /dev/urandom >"$tree/$path"
	run host status --json --sysroot "$tree"
	check "garbage as $path" json '.hvo == 1'
	rm "$tree/$path"
	mkfifo "$tree/$path"
	run host status --json --sysroot "$tree"
	check "a pipe as $path" json '.hvo == 1'
	rm "$tree/$path"
	mv "$work/kept" "$tree/$path"
done
run host status --json --sysroot "$tree"
check 'and it was the files only' json '.saved.value == 229376'

# ---- this host ----------------------------------------------------------

run host status
check 'this host: ends with 0' code 0
check 'this host: names its kernel' \
	out "^Linux $(uname -r | sed 's/[.+]/\\&/g') on $(uname -m); "
run host status --json
check 'this host: the base page is measured' json "
	.base_page == {\"value\": $(getconf PAGESIZE), \"kind\": \"measured\",
	\"source\": \"/proc/self/smaps\", \"why\": null}"
sizes=$(find /sys/kernel/mm/hugepages -name 'hugepages-*' 2>/dev/null | wc -l)
check 'this host: one pool for each size' json "
	([.pools[] | select(.node == null)] | length) == $sizes"
cp "$work/out" "$work/live"
run host status --json --sysroot /
check 'the root is this host' agrees '{release, base_page}'

# What is recorded reads as what it was recorded from, but for counts that
# change by themselves.
"$(dirname "$0")/../../scripts/record-host" "$work/recorded" \
	2>"$work/recording"
run host status --json --sysroot "$work/recorded"
check 'recorded: as live' agrees '{release, machine, support, support_why,
	encoding, base_page, page_struct, enabled, enabled_at_boot,
	present_bytes, memmap_on_memory_bytes}'
ran=record-host
"$(dirname "$0")/../../scripts/record-host" "$work/recorded" \
	>"$work/out" 2>"$work/err"
status=$?
check 'nothing is recorded over' refused 1 'there already'
"$(dirname "$0")/../../scripts/record-host" "$work/r.tar.gz" \
	2>"$work/recording"
check 'recorded as an archive' \
	test "$(tar -tzf "$work/r.tar.gz" | grep -c '/osrelease$')" -eq 1

# ---- the command line ---------------------------------------------------

run host status --help
check 'help' out '^Usage: hvo host status '
run host status now
check 'an operand' refused 2 "'now' is one word too many"
run host status --sysroot /no/such
check 'a root that is not there' refused 3 '/no/such cannot be opened'
run host status --sysroot /etc/passwd
check 'a root that is no directory' refused 3 'Not a directory'
run host
check 'host alone is help' out '^Usage: hvo host VERB'
run host --help
check 'so is --help' out '^  status '
run host frobnicate
check 'an unknown verb' refused 2 "there is no verb 'frobnicate'"

finish
