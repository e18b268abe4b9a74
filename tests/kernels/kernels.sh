#!/bin/sh
# SPDX-License-Identifier: MIT
# kernels.sh HVO GUEST CACHE [ARCH]: hvo host on other kernels than the one that
# runs here, with HVO off and on, by the script GUEST (scripts/guest), which
# keeps kernels in CACHE. ARCH is amd64, or arm64, whose kernels have no HVO.
# shellcheck disable=SC2317 # conditions are called by check
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/../cli/tap.sh"

fetched=
script=$2
cache=$3
arch=${4:-amd64}
here=$(dirname "$0")

# guest ARG...: as `run` does with the command.
guest()
{
	ran="guest $*"
	status=0
	"$script" --arch "$arch" --hvo "$hvo" --cache "$cache" \
		--timeout 600 "$@" >"$work/out" 2>"$work/err" </dev/null ||
		status=$?
}

# ---- the rig itself ------------------------------------------------------

guest --no-such-option now -- true
check 'rig: an unknown option' refused 2 'no option --no-such-option'
guest
check 'rig: no command' refused 2 'which command'
guest --arch m68k -- true
check 'rig: another architecture' refused 2 'no m68k here'

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

# of NAME CODE CONDITION [N]: what the guest said under that name; N objects, or
# one, that all meet the condition.
of()
{
	line=$(grep "^$1 " "$work/said")
	echo "$line"
	object=${line#"$1 "}
	[ "${object%% *}" = "$2" ] && echo "${object#* }" |
		jq -s -e "length == ${4:-1} and all($3)"
}

# boot KERNEL WORDS [OPTION]...: 16 pages of 2 MiB on two nodes.
boot()
{
	booted=$1
	words="hugepages=16 $2"
	shift 2
	guest --kernel "$booted" --nodes 2 --memory 1G "$@" \
		--with "$here/in_guest.sh" --append "$words" -- sh /in_guest.sh
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

# tables START LATER: what the page tables say, as conditions, of huge pages
# that were there from the start, and of those made since.
tables()
{
	check "$which: tables: a huge page from the start" of huge-page 0 \
		".kind == \"huge\" and .size == 2097152 and .pfn == .head and
		.vmemmap_pages == 8 and $1"
	check "$which: tables: it is found from a tail" test \
		"$(said huge-tail | jq -c 'del(.pfn)' 2>/dev/null)" = \
		"$(said huge-page | jq -c 'del(.pfn)' 2>/dev/null)"
	check "$which: tables: each of them" of each-huge 0 "$1" 16
	check "$which: tables: a renewed one" of renewed 0 "$2"
	check "$which: tables: a process's page" of mapped 0 \
		".kind == \"huge\" and .pfn == .head and $2"
	check "$which: tables: nothing mapped" of not-mapped 1 '. == null'
	check "$which: tables: no such frame" of no-frame 1 '. == null'
	check "$which: tables: restored, it is in full" of restored 0 "$full"
}

# reads KERNEL
reads()
{
	release=$(echo "$1" | sed 's/\./\\\\./')
	check "$which: status" of status 0 \
		".release | test(\"^$release\\\\.\")"
	check "$which: list" of list 0 '. != {}'
	check "$which: the settings are as found" same unchanged
}

# What does not depend on how a guest with HVO was booted.
always()
{
	check "$which: tables: verify of a process" of of-process 0 \
		'.verdict == "works" and .pages == 1 and .optimized == 1'
	for name in try again; do
		check "$which: $name: it works" of $name 0 \
			'.verdict == "works" and .enabled == (.tried | not)'
		check "$which: $name: the tables say so" of $name 0 \
			'.optimized == 8 and any(.steps[];
				.name == "tables" and .outcome == "ok")'
		check "$which: $name: all base pages" of $name 0 \
			'.heads == 8 and .tails == 8 * 511 and .wrong == 0'
	done
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

# Kernels that have it: off, and on from boot.
with_hvo()
{
	which="Linux $1"
	boot "$1" ''
	reads "$1"
	always
	tables "$full" "$fake_heads"
	check "$which: verify says that it is off" of verify 1 \
		'.verdict == "off" and .steps == []'
	if counted "$1"; then
		check "$which: apply saves 28 KiB a page" of apply 0 \
			'.saved == 16 * 28672'
		check "$which: and none is saved in the end" same back
	fi

	which="Linux $1, HVO on"
	boot "$1" hugetlb_free_vmemmap=on
	reads "$1"
	always
	tables "$fake_heads" "$fake_heads"
	check "$which: verify" of verify 0 \
		'.verdict == "works" and (.tried | not)'
	if counted "$1"; then
		check "$which: nothing more to save" of apply 0 '.saved == 0'
		check "$which: all is given back" of off 0 \
			'.saved == -16 * 28672'
	fi
}

# without_hvo KERNEL [OPTION]...: those that do not, whatever they are told.
without_hvo()
{
	without=$1
	shift
	which="Linux $without on $arch${1:+ ($*)}"
	boot "$without" hugetlb_free_vmemmap=on "$@"
	reads "$without"
	tables "$full" "$full"
	check "$which: status says that it has none" of status 0 \
		'.support == "no" and .enabled.value == 0 and
		.saved.value == 0 and
		(.warnings == ["This kernel has no HVO, which would save " +
		"448 KiB. Linux has it off on arm64 since 2023."])'
	for name in verify try of-process dry apply again off short huge; do
		check "$which: $name is refused" of $name 3 '. == null'
	done
	check "$which: in words" err \
		'^apply: hvo: this kernel .* has no HVO that could be turned on'
	for name in applied back unharmed; do
		check "$which: $name: nothing was changed" same $name
	done
	if counted "$without"; then
		check "$which: it counts what is expected" of status 0 \
			'.measured_bytes.value == .expected_bytes.value'
	fi
}

# The Linux port, on this architecture's memory management.
port()
{
	guest --kernel "$kernel" -- hvo run --memory 4G --json
	check "Linux $kernel on $arch: hvo run" code 0
	check "Linux $kernel on $arch: hvo run: each descriptor is right" json '
		.checked == {"pages": 1048576, "wrong_heads": 0,
			"writable_tails": 0, "lost_frames": 0} and
		.measured == .counted and
		.measured.after < .measured.before / 6'
	guest --kernel "$kernel" -- hvo sim --random --ops 3000 --failures
	check "Linux $kernel on $arch: hvo sim --random" code 0
	check "Linux $kernel on $arch: hvo sim --random: it is clean" \
		out '^the check is clean;'
}

for kernel in $fetched; do
	case $arch in
	amd64) with_hvo "$kernel" ;;
	arm64) without_hvo "$kernel" ;;
	esac
done
# 6.12 has addresses of 52 bits where the processor does, as QEMU's; and of 48.
case "$arch $fetched" in
arm64*6.12*) without_hvo 6.12 --cpu max,pauth-impdef=on,lpa2=off ;;
esac
# What runs here has all other tests.
if [ "$arch" = arm64 ]; then
	port
fi

finish
