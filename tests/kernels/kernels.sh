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

verdict_of()
{
	if counted "$1"; then
		echo 0 works
	else
		echo 3 unproven
	fi
}

# What does not depend on how the guest was booted.
always()
{
	verdict=$(verdict_of "$1")
	code=${verdict% *}
	verdict=${verdict#* }
	release=$(echo "$1" | sed 's/\./\\\\./')
	check "$which: status" of status 0 \
		".release | test(\"^$release\\\\.\")"
	check "$which: list" of list 0 '. != {}'
	for name in try again; do
		check "$which: $name: it is $verdict" of $name "$code" \
			".verdict == \"$verdict\" and .enabled ==
			(.tried | not)"
		check "$which: $name: all base pages" of $name "$code" \
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
	check "$which: verify says that it is off" of verify 1 \
		'.verdict == "off" and .steps == []'
	if counted "$kernel"; then
		check "$which: apply saves 28 KiB a page" of apply 0 \
			'.saved == 16 * 28672'
		check "$which: and none is saved in the end" same back
	fi

	boot "$kernel" hugetlb_free_vmemmap=on
	always "$kernel"
	verdict=$(verdict_of "$kernel")
	check "$which: verify" of verify "${verdict% *}" \
		".verdict == \"${verdict#* }\" and (.tried | not)"
	if counted "$kernel"; then
		check "$which: nothing more to save" of apply 0 '.saved == 0'
		check "$which: all is given back" of off 0 \
			'.saved == -16 * 28672'
	fi
done

finish
