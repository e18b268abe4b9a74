#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo host verify on this host: what it proves and refuses, and that it leaves
# the settings as it found them, however it ends.
# shellcheck disable=SC2317 # conditions are called by check
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/cli/settings.sh
. "$(dirname "$0")/settings.sh"

# ---- the front ---------------------------------------------------------

run host verify --help
check '--help ends with 0' code 0
check '--help says how to call it' out '^Usage: hvo host verify'
run host verify --no-such-option
check 'an unknown option is refused' refused 2 'no-such-option'
run host verify 8
check 'operands are refused' refused 2 "'8' is one word too many"
run host verify --size lots
check 'what is no size is refused' refused 2 "'lots' is not a size"
for pages in 0 4097 some; do
	run host verify --pages $pages
	check "--pages $pages is refused" refused 2 "--pages: '$pages'"
done
run host verify --pid 0
check 'no process is refused' refused 2 "--pid: '0' is out of range"

run host verify --pid $$ --try
check 'trying what changes nothing is refused' refused 2 'nothing to --try'

if [ "$(id -u)" -ne 0 ]; then
	run host verify
	check 'it is refused without root' refused 3 'as root'
elif setpriv --reuid=65534 --clear-groups "$hvo" --version >/dev/null 2>&1
then
	ran='hvo host verify (as another user)'
	status=0
	setpriv --reuid=65534 --clear-groups "$hvo" host verify \
		>"$work/out" 2>"$work/err" || status=$?
	check 'it is refused without root' refused 3 'as root'
else
	skip 'it is refused without root' 'no other user can run it'
fi

if ! can_change; then
	skip 'huge pages are verified' "$why"
	finish
fi
keep_settings
echo 0 >$switch
before=$(settings)

# as_before WHAT
as_before()
{
	check "$1: everything is as it was" test "$(settings)" = "$before"
}

# ---- off ---------------------------------------------------------------

run host verify
check 'off: it ends with 1' code 1
check 'off: it says so' out '^HVO is off'
check 'off: and what to do' out -- '--try'
as_before 'off'
run host verify --json
check 'off: as JSON too' json \
	'.verdict == "off" and .enabled == false and .steps == []'

# ---- on ----------------------------------------------------------------

# Of some pages the kernel tells no flags at all, with HVO on or off.
proved()
{
	json '(.verdict == "works" or .untold > 0) and .wrong == 0'
}

# Can the kernel's page tables be read? They prove it without counters.
tables()
{
	head -c 4 /proc/kcore 2>/dev/null | grep -q ELF
}

if [ -n "$(memmap)" ]; then
	run host verify --try --json
	check 'tried: it works' proved
	check 'tried: it says that it was' json \
		'.tried == true and .enabled == false'
	check 'tried: a page saves 28 KiB' json '.saved_per_page == 28672'
	check 'tried: the map fell by 56 pages' json '.steps[] |
		select(.name == "count") | .outcome == "ok" and
		(.text | test("fell by 56 pages"))'
	check 'tried: and rose by as many' json '.steps[] |
		select(.name == "count-back") | .outcome == "ok"'
else
	skip 'tried: it works' 'this kernel does not count its memory map'
	run host verify --try --json
	if tables; then
		check 'tried: the page tables prove it' json \
			'.verdict == "works"'
	else
		check 'tried: it says that it cannot be proved' json \
			'.verdict == "unproven"'
	fi
fi
check 'tried: every base page was looked at' json '.pages == 8 and
	.heads == 8 - .untold and
	.tails + .fake_heads == 511 * (8 - .untold)'
check 'tried: fake heads, if shown, are of all pages' json \
	'.fake_heads == 0 or
	(.fake_heads == 7 * .optimized and .optimized == .pages - .untold)'
as_before 'tried'

run host verify --try --pages 1
check 'as text: the figures' out '(fell by 7 pages|does not count)'
check 'as text: a verdict' out '^(HVO works: .* saves 28 KiB|Nothing is wrong)'
as_before 'as text'

echo $((found + 5)) >$pool
run host verify --try --json
check 'a pool with pages: it is told' json '.steps[0].text |
	test("from '$((found + 5))' to '$((found + 13))'")'
check 'a pool with pages: it keeps them' test "$(cat $pool)" = $((found + 5))
echo "$found" >$pool
as_before 'a pool with pages'

echo 1 >$switch
run host verify --json
check 'on: nothing was tried' json '.enabled and (.tried | not)'
check 'on: it stays on' test "$(cat $switch)" = 1
check 'on: nothing is wrong' json '.wrong == 0 and .verdict != "broken"'
echo 0 >$switch

# ---- a process's pages --------------------------------------------------

run host verify --pid $$
check 'a process without huge pages' refused 1 'has no page of 2 MiB in memory'
run host verify --pid 4194304
check 'no such process' refused 1 'there is no process'

echo 1 >$switch
echo $((found + 3)) >$pool
if hold 3 touch; then
	run host verify --pid "$holder" --json
	check 'the pages of a process' json \
		'.pages == 3 and .wrong == 0 and .attempts == 0'
	check 'optimized ones show, if any do' json '.fake_heads == 0 or
		(.optimized == .pages - .untold and .verdict != "broken")'
	run host verify --pid "$holder" --pages 2 --json
	check 'no more than asked for' json '.pages == 2'
	let_go
else
	skip 'the pages of a process' 'no huge pages to be had'
fi
echo "$found" >$pool
echo 0 >$switch
as_before 'the pages of a process'

# Two pages more than the pool has.
echo 2 >$over
echo 3 >$pool
if hold 5 touch; then
	run host verify --try
	check 'a pool with surplus pages' refused 3 'surplus pages'
	let_go
else
	skip 'a pool with surplus pages' 'no huge pages to be had'
fi
echo "$found_over" >$over
echo "$found" >$pool
check 'surplus pages: everything is as it was' settled "$before"

# ---- what is refused or goes wrong --------------------------------------

run host verify --try --size 3M
check 'no such pool' refused 3 'no pool of pages of 3 MiB'

if can_fake; then
	memory=$work/meminfo
	sed 's/^\(MemAvailable:\).*/\1 65536 kB/' /proc/meminfo >"$memory"
	faked bind "$memory" /proc/meminfo host verify --try
	check 'too little memory: figures' refused 3 \
		'need 80 MiB of free memory, there are 64 MiB'
	as_before 'too little memory'

	nodes=/sys/devices/system/node
	file=$nodes/node0/hugepages/hugepages-2048kB/nr_hugepages
	[ -e $file ] ||
		file=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
	faked bind,ro $file $file host verify --try
	check 'a pool that cannot be written' refused 3 \
		'nr_hugepages does not take .*Read-only'
	as_before 'a pool that cannot be written'
	inert=$work/pool
	cp $file "$inert"
	if [ "$(find $nodes -maxdepth 1 -name 'node[0-9]*' | wc -l)" -le 1 ]
	then
		faked bind "$inert" $file host verify --try
		check 'a pool that takes the number but no page' refused 1 \
			'could not be mapped'
		check 'and has its number back' cmp "$inert" $file
		as_before 'a pool that grows by no page'
	fi

	faked bind,ro $switch $switch host verify --try
	check 'a switch that cannot be written' refused 3 \
		'optimize_vmemmap does not take 1: Read-only'
	as_before 'a switch that cannot be written'

	tr '\0' '\001' </dev/zero | head -c 128M >"$work/flags"
	faked bind "$work/flags" /proc/kpageflags host verify --try --json
	check 'wrong flags are found' json '.verdict == "broken" and
		.wrong > 0 and .attempts == 3'
	check 'wrong flags: it ends with 1' code 1
	as_before 'wrong flags'

	: >"$work/flags"
	faked bind "$work/flags" /proc/kpageflags host verify --try
	check 'no flags to read' refused 3 'kpageflags .*cannot be read'
	as_before 'no flags to read'

	if [ -n "$(memmap)" ]; then
		cat /proc/vmstat >"$work/vmstat"
		faked bind "$work/vmstat" /proc/vmstat host verify --try
		check 'a memory map that does not fall is found' out \
			'wrong +the memory map has .* instead of .*\(\+56\)'
		check 'a memory map that does not fall: 1' code 1
		as_before 'a memory map that does not fall'

		grep -v memmap /proc/vmstat >"$work/vmstat"
		faked bind "$work/vmstat" /proc/vmstat host verify --try
		if tables; then
			check 'without the counters the tables prove it' code 0
		else
			check 'without the counters it is not proved' code 3
			check 'and it says so' out 'is not proved'
		fi
		as_before 'without the counters'
	fi
else
	skip 'what goes wrong is found' 'no files can be covered here'
fi

# ---- ended in the middle ------------------------------------------------

for signal in INT TERM HUP ABRT; do
	interrupted "$signal" $switch host verify --try --pages 256
	interrupted "$signal" $pool host verify --try --pages 256
done
interrupted TERM $pool host verify --try --pages 256
check 'a signal: it says that settings are put back' err 'put back$'

finish
