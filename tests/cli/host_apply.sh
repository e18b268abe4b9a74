#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo host apply on this host: what it renews, to the page, and that pools have
# their sizes again, however it ends.
# shellcheck disable=SC2317 # conditions are called by check
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/cli/settings.sh
. "$(dirname "$0")/settings.sh"

# ---- the front ---------------------------------------------------------

run host apply --help
check '--help ends with 0' code 0
check '--help says how to call it' out '^Usage: hvo host apply'
run host apply --no-such-option
check 'an unknown option is refused' refused 2 'no-such-option'
run host apply now
check 'operands are refused' refused 2 "'now' is one word too many"
run host apply --step 0
check 'steps of nothing are refused' refused 2 "--step: '0' is out of range"
run host apply --size lots
check 'what is no size is refused' refused 2 "'lots' is not a size"

if [ "$(id -u)" -ne 0 ]; then
	run host apply
	check 'it is refused without root' refused 3 'as root'
fi

if ! can_change; then
	skip 'pools are renewed' "$why"
	finish
fi
keep_settings
echo 0 >$switch
echo 0 >$pool
bare=$(memmap)
echo 20 >$pool
if [ "$(cat $pool)" -ne 20 ]; then
	skip 'pools are renewed' 'no 20 huge pages to be had'
	finish
fi

# fell PAGES: the memory map is so much smaller than without any HVO.
fell()
{
	[ -z "$bare" ] || [ "$(memmap)" -eq $((bare - $1)) ]
}

of_2m='.pools | map(select(.size == 2097152))'

# ---- what would be done -------------------------------------------------

before=$(settings)
run host apply --dry-run
check 'dry run: it ends with 0' code 0
check 'dry run: the switch first' test \
	"$(head -n 1 "$work/out")" = "echo 1 >$switch"
check 'dry run: it tells how many' out '^# 2 MiB.* are free; 128 at a time$'
check 'dry run: nothing changed' test "$(settings)" = "$before"
cp "$work/out" "$work/commands"
run host apply --dry-run --json
check 'dry run: as JSON' json \
	".dry_run and (.enabled | not) and ($of_2m |
	(map(.renewable) | add == 20) and (map(.renewed) | add == 0))"
check 'dry run: what lasts' json \
	'.kernel_parameter == "hugetlb_free_vmemmap=on" and
	.sysctl == "vm.hugetlb_optimize_vmemmap = 1"'

sh "$work/commands"
check 'its commands turn it on' test "$(cat $switch)" = 1
check 'they renew all pages' fell 140
check 'and keep the size' test "$(cat $pool)" -eq 20

# ---- on and off ---------------------------------------------------------

run host apply --off --step 3 --json
check 'off: it ends with 0' code 0
check 'off: all are renewed' json "$of_2m | map(.renewed) | add == 20"
check 'off: the map is larger' json '.saved == null or .saved == -20 * 28672'
check 'off: all is as before' test "$(settings)" = "$before"

run host apply --step 3 --json
check 'steps of 3: it ends with 0' code 0
check 'steps of 3: all are renewed' json "$of_2m | map(.renewed) | add == 20"
check 'steps of 3: seven pages of eight are saved' json \
	'.saved == null or .saved == 20 * 28672'
check 'steps of 3: no page was renewed twice' fell 140
check 'steps of 3: the size is kept' test "$(cat $pool)" -eq 20
check 'steps of 3: it stays on' test "$(cat $switch)" = 1

run host apply
check 'again: it says that it was on' out '^HVO is on \(it was before\)'
check 'again: how it lasts' out '^vm.hugetlb_optimize_vmemmap = 1$'
check 'again: nothing more to save' fell 140
run host apply --off
check 'off, as text' out '^HVO is off\.$'
check 'off, as text: all is as before' test "$(settings)" = "$before"

# ---- reserved and in use ------------------------------------------------

for touch in '' touch; do
	# shellcheck disable=SC2086 # nothing, or a word
	if hold 6 $touch; then
		run host apply --step 4 --json
		check "six ${touch:+in use}${touch:-reserved}: fourteen" json \
			"$of_2m | map(.renewed) | add == 14"
		check 'they keep their descriptors' fell 98
		check 'the size is kept' test "$(cat $pool)" -eq 20
		let_go
	else
		skip 'pages that are taken stay' 'they cannot be taken'
	fi
	run host apply --off
	check 'all is as before' test "$(settings)" = "$before"
done

echo 2 >$over
if hold 22 touch; then
	run host apply --json
	check 'a pool with surplus pages is left alone' json \
		"$of_2m | all(.renewed == 0 and (.skipped | test(\"surplus\")))"
	check 'and is as it was' test "$(cat $pool)" -eq 20
	let_go
	run host apply --off
	check 'all is as before' settled "$before"
else
	skip 'a pool with surplus pages is left alone' 'there are none'
fi
echo "$found_over" >$over

# ---- what goes wrong ----------------------------------------------------

# The second step's pages cannot be held: no address space is left for them.
space=400000000
if prlimit --as=$space "$hvo" --version >/dev/null 2>&1; then
	echo 300 >$pool
	before=$(settings)
	ran='hvo host apply --step 80, short of address space'
	status=0
	prlimit --as=$space "$hvo" host apply --step 80 \
		>"$work/out" 2>"$work/err" || status=$?
	check 'a step that fails: it ends with 1' refused 1 'cannot be held'
	check 'the size is kept' test "$(cat $pool)" -eq 300
	check 'HVO is off as before' test "$(cat $switch)" = 0
	run host apply --off
	check 'what was renewed can be undone' test "$(settings)" = "$before"
else
	skip 'a step that fails' 'this build needs much address space'
fi

run host apply --size 3M
check 'no such pool' refused 3 'no pool of pages of 3 MiB'

if can_fake; then
	before=$(settings)
	faked bind,ro $switch $switch host apply
	check 'a switch that cannot be written' refused 3 \
		'optimize_vmemmap does not take 1: Read-only'
	check 'nothing has changed' test "$(settings)" = "$before"
	: >"$work/empty"
	faked bind "$work/empty" $switch host apply
	check 'a switch that says nothing' refused 3 'has no HVO'
else
	skip 'a switch that says nothing' 'no files can be covered here'
fi

# ---- ended in the middle ------------------------------------------------

echo 400 >$pool
for signal in INT TERM HUP; do
	found_size=$(cat $pool)
	env --default-signal=$signal "$hvo" host apply --step 1 \
		>"$work/out" 2>"$work/err" </dev/null &
	child=$!
	ran="hvo host apply --step 1 (SIG$signal)"
	changed=no
	while kill -0 $child 2>/dev/null; do
		if [ "$(cat $switch)" = 1 ]; then
			changed=yes
			break
		fi
	done
	kill -s $signal $child 2>/dev/null
	status=0
	wait $child 2>/dev/null || status=$?
	check "SIG$signal: it had begun" test $changed = yes
	check "SIG$signal: it ends by the signal" \
		code $((128 + $(number $signal)))
	check "SIG$signal: it says so" err 'put back$'
	check "SIG$signal: the size is kept" test "$(cat $pool)" = "$found_size"
	check "SIG$signal: HVO is off as before" test "$(cat $switch)" = 0
	"$hvo" host apply --off >/dev/null
done
check 'no page of descriptors is lost' fell 0

finish
