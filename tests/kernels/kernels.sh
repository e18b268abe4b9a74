#!/bin/sh
# SPDX-License-Identifier: MIT
# kernels.sh HVO GUEST CACHE: hvo host on other kernels than the one that runs
# here, with HVO off and on, by the script GUEST (scripts/guest), which keeps
# kernels in CACHE.
# shellcheck disable=SC2317 # conditions are called by check
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/../cli/tap.sh"

fetched=
script=$2
cache=$3
here=$(dirname "$0")

# guest ARG...: as `run` does with the command.
guest()
{
	ran="guest $*"
	status=0
	"$script" --hvo "$hvo" --cache "$cache" "$@" \
		>"$work/out" 2>"$work/err" </dev/null || status=$?
}

# ---- the rig itself ------------------------------------------------------

guest --no-such-option now -- true
check 'rig: an unknown option' refused 2 'no option --no-such-option'
guest
check 'rig: no command' refused 2 'which command'

for kernel in 6.1 6.12; do
	guest --kernel $kernel --fetch
	if [ "$status" -ne 0 ]; then
		skip "Linux $kernel" "$(tail -n 1 "$work/err")"
		continue
	fi
	fetched="$fetched $kernel"
done
if [ -z "$fetched" ]; then
	finish
fi
kernel=${fetched##* }

# shellcheck disable=SC2016 # for the guest's shell
guest --kernel "$kernel" --nodes 2 -- sh -c 'echo "$1" "$2"
	ls -d /sys/devices/system/node/node?; echo aside >&2; exit 7' \
	sh "it's" "a  \$word"
check 'rig: the exit code is the command'\''s' code 7
check 'rig: words arrive as they are' test \
	"$(head -n 1 "$work/out")" = "it's a  \$word"
check 'rig: two nodes' out 'node1$'
check 'rig: stderr is apart' err '^aside$'

guest --kernel "$kernel" -- sh -c 'seq 100000'
seq 100000 >"$work/expected"
check 'rig: no output is lost' same_as "$work/expected"

guest --kernel "$kernel" -- sh -c 'echo c >/proc/sysrq-trigger'
check 'rig: a kernel that falls over' code 125
check 'rig: its last words' err 'sysrq|Kernel|panic'
guest --kernel "$kernel" --timeout 1 -- true
check 'rig: a guest that does not end' code 124

# ---- hvo host ------------------------------------------------------------

# of NAME CODE CONDITION: what the guest said under that name.
of()
{
	line=$(grep "^$1 " "$work/said")
	echo "$line"
	object=${line#"$1 "}
	[ "${object%% *}" = "$2" ] && echo "${object#* }" | jq -e "$3"
}

# boot KERNEL WORDS: 16 pages of 2 MiB on two nodes.
boot()
{
	which="Linux $1${2:+, HVO on}"
	guest --kernel "$1" --nodes 2 --memory 1G --with "$here/in_guest.sh" \
		--append "hugepages=16 $2" -- sh /in_guest.sh
	cp "$work/out" "$work/said"
	check "$which: it ran" code 0
}

# said NAME: the code and object of that name.
said()
{
	sed -n "s/^$1 //p" "$work/said"
}

# same NAME: the settings are those that were found.
same()
{
	[ "$(said "$1")" = "$(said settings)" ]
}

# counted KERNEL: it counts its memory map.
counted()
{
	[ "$1" != 6.1 ]
}

full='.layout == "full" and .frames == 8 and .saved == 0 and
	([.runs[] | [.page, .pages, .frames, .writable]] ==
		[[0, 8, 8, true]] or (.runs | length) > 1)'
fake_heads='.layout == "fake-heads" and .frames == 1 and .saved == 28672 and
	([.runs[] | [.page, .pages, .frames, .writable]] ==
		[[0, 1, 1, true], [1, 7, 1, false]]) and
	.runs[0].frame == .runs[1].frame'

# tables CONDITION: what the page tables say: CONDITION of huge pages that were
# there from the start; those made since are optimized.
tables()
{
	check "$which: tables: a huge page from the start" of huge-page 0 \
		".kind == \"huge\" and .size == 2097152 and .pfn == .head and
		.vmemmap_pages == 8 and $1"
	check "$which: tables: it is found from a tail" test \
		"$(said huge-tail | jq -c 'del(.pfn)' 2>/dev/null)" = \
		"$(said huge-page | jq -c 'del(.pfn)' 2>/dev/null)"
	check "$which: tables: a renewed one is optimized" of renewed 0 \
		"$fake_heads"
	check "$which: tables: a process's page" of mapped 0 \
		".kind == \"huge\" and .pfn == .head and $fake_heads"
	check "$which: tables: verify of a process" of of-process 0 \
		'.verdict == "works" and .pages == 1 and .optimized == 1'
	check "$which: tables: nothing mapped" of not-mapped 1 '. == null'
	check "$which: tables: no such frame" of no-frame 1 '. == null'
	check "$which: tables: restored, it is in full" of restored 0 "$full"
}

# What does not depend on how the guest was booted.
always()
{
	release=$(echo "$1" | sed 's/\./\\\\./')
	check "$which: status" of status 0 \
		".release | test(\"^$release\\\\.\")"
	check "$which: list" of list 0 '. != {}'
	for name in try again; do
		check "$which: $name: it works" of $name 0 \
			'.verdict == "works" and .enabled == (.tried | not)'
		check "$which: $name: the tables say so" of $name 0 \
			'.optimized == 8 and any(.steps[];
				.name == "tables" and .outcome == "ok")'
		check "$which: $name: all base pages" of $name 0 \
			'.heads == 8 and .tails == 8 * 511 and .wrong == 0'
	done
	check "$which: the settings are as found" same unchanged
	check "$which: dry run" of dry 0 '.dry_run and
		([.pools[].renewable] == [8, 8, 0, 0])'
	check "$which: apply renews both nodes" of apply 0 \
		'[.pools[].renewed] == [8, 8, 0, 0] and .enabled'
	check "$which: the pool keeps its size, HVO is on" of applied 0 \
		'.pool == 16 and .switch == 1'
	check "$which: and off" of off 0 \
		'[.pools[].renewed] == [8, 8, 0, 0] and (.enabled | not)'
	check "$which: the pool still has its size" of back 0 \
		'.pool == 16 and .switch == 0'
	check "$which: a pool that grows too little" of short 1 '. == null'
	check "$which: it says so" err \
		'^short: hvo: the pool came to .* instead of 308; memory is'
	check "$which: and is as it was" test "$(said unharmed)" = \
		"$(said back)"
	check "$which: no room for 1 GiB" of huge 3 '. == null'
}

for kernel in $fetched; do
	boot "$kernel" ''
	always "$kernel"
	tables "$full"
	check "$which: verify says that it is off" of verify 1 \
		'.verdict == "off" and .steps == []'
	if counted "$kernel"; then
		check "$which: apply saves 28 KiB a page" of apply 0 \
			'.saved == 16 * 28672'
		check "$which: and none is saved in the end" same back
	fi

	boot "$kernel" hugetlb_free_vmemmap=on
	always "$kernel"
	tables "$fake_heads"
	check "$which: verify" of verify 0 \
		'.verdict == "works" and (.tried | not)'
	if counted "$kernel"; then
		check "$which: nothing more to save" of apply 0 '.saved == 0'
		check "$which: all is given back" of off 0 \
			'.saved == -16 * 28672'
	fi
done

finish
