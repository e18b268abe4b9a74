#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo bench: what it prints and refuses, and that it leaves the host's settings
# as it found them, whatever ends it. Nothing here depends on how long
# anything takes.
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"

limit=/proc/sys/vm/max_map_count
pool=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
switch=/proc/sys/vm/hugetlb_optimize_vmemmap

repeated='generations linux lookup readers build boot buddy demote'
names="$repeated dissolve"

# ---- the front ---------------------------------------------------------

run bench
check 'without a name it is refused, with help' refused 2 '^Usage: hvo bench'
for name in $names; do
	check "and the help names $name" err "^  $name +[a-z0-9]"
done

run bench generation
check 'an unknown name is refused' refused 2 "no benchmark 'generation'"
check 'and says where help is' err "^Try 'hvo bench --help'\.$"

for name in $names; do
	run bench "$name" --help
	check "$name --help ends with 0" code 0
	check "$name --help says how to call it" out "^Usage: hvo bench $name"
	run bench "$name" --no-such-option
	check "$name refuses unknown options" refused 2 'no-such-option'
	check "$name says where help is" err "^Try 'hvo bench $name --help'\.$"
	run bench "$name" 1G
	check "$name refuses operands" refused 2 "'1G' is one word too many"
done
for name in $repeated; do
	run bench "$name" --rounds 0
	check "$name refuses no rounds" refused 2 "'0' is out of range"
	run bench "$name" --rounds 513
	check "$name refuses too many rounds" refused 2 'out of range'
done

for name in generations lookup readers build boot; do
	run bench "$name" --memory lots
	check "$name refuses what is no size" refused 2 "'lots' is not a size"
	run bench "$name" --memory 3M
	check "$name refuses half a page" refused 2 'no multiple'
	run bench "$name" --memory 0
	check "$name refuses no memory" refused 2 'no multiple'
	run bench "$name" --page-size 1M
	check "$name refuses pages too small" refused 2 'from 2 MiB to 16 GiB'
	run bench "$name" --page-size 3M --memory 3M
	check "$name refuses odd pages" refused 2 'power of two'
	run bench "$name" --page-size 32G --memory 32G
	check "$name refuses pages too large" refused 2 'from 2 MiB to 16 GiB'
	run bench "$name" --memory 1P
	check "$name refuses too much memory" refused 2 'more than 16 TiB'
done
run bench linux --count 0
check 'linux refuses no pages' refused 2 'out of range'
run bench linux --rounds 1
check 'linux refuses a single round' refused 2 'at least 2'
run bench dissolve --count 0
check 'dissolve refuses no pages' refused 2 'out of range'
run bench boot --memory 1G
check 'boot refuses a machine of one page' refused 2 'at least two'
run bench buddy --threads 2000
check 'buddy refuses too many threads' refused 2 'out of range'
run bench readers --threads 0
check 'readers refuses no threads' refused 2 'out of range'
run bench lookup --threads 2
check 'options of other benchmarks are refused' refused 2 'threads'

# ---- generations -------------------------------------------------------

run bench generations --memory 256M --rounds 2
check 'generations ends with 0' code 0
check 'it tells the machine' out '^Machine: .* cores, .* Linux '
for scheme in 'reserve two +2020' 'fake heads +2021' 'device DAX +2022' \
	'shared tails +2026'; do
	check "it has a line for ${scheme%% +*}" out "^$scheme"
done
check 'it tells repetitions' out '8 batches of 16 folios'

run bench generations --memory 256M --rounds 2 --json
check 'as JSON it ends with 0' code 0
check 'it is one object' json '.hvo == 1 and .bench == "generations"'
check 'it has the machine' json \
	'.machine | (.cpu | length > 0) and .cores >= 1 and .memory > 0'
check 'it did as asked' json \
	'.map | .asked == 268435456 and .memory == 268435456 and .folios == 128'
check 'full descriptors are a 64th' json '.map.full == 268435456 / 64'
check 'it has all schemes' json '[.schemes[].name] == ["reserve-two",
	"fake-heads", "device-dax", "shared-tails", "shared-tails-by-page"]'
check 'reserve two leaves two frames a folio' json \
	'.schemes[0].measured == 128 * 2 * 4096'
check 'fake heads leave one' json '.schemes[1].measured == 128 * 4096'
check 'device DAX leaves two' json '.schemes[2].measured == 128 * 2 * 4096'
check 'shared tails leave one, and seven for all' json \
	'.schemes[3].measured == (128 + 7) * 4096'
check 'page by page, and one for all' json \
	'.schemes[4].measured == (128 + 1) * 4096'
check 'fake heads take 2 GiB less for a TiB than reserve two' json \
	'.schemes[0].bytes_per_tib - .schemes[1].bytes_per_tib == 2147483648'
check 'all pfns were looked up' json \
	'[.schemes[].checked_heads] | all(. == 128 * 512)'
check 'and none led to a wrong head' json \
	'[.schemes[].wrong_heads] | all(. == 0)'
check 'each look-up was repeated' json \
	'[.schemes[] | .sequential_ns, .random_ns] | all(.repetitions == 2 and
	.min > 0 and .min <= .median and .median <= .max)'
check 'what can be converted was, batch by batch' json \
	'[.schemes[0,1,3,4] | .optimize_us, .restore_us] |
	all(.repetitions == 8 and .median > 0)'
check 'device DAX was built, not converted' json \
	'.schemes[2] | .optimize_us == null and .restore_us == null and
	.build_us.median > 0'

run bench generations --memory 4G --page-size 1G --rounds 1 --json
check 'with pages of 1 GiB it ends with 0' code 0
check 'fake heads take 4 MiB less for a TiB of those' json \
	'.schemes[0].bytes_per_tib - .schemes[1].bytes_per_tib == 4194304'
check 'shared tails are one page and their frames' json \
	'.schemes[4].measured == (4 + 1) * 4096'
check 'no head is wrong' json '[.schemes[].wrong_heads] | all(. == 0)'

# ---- generations: the limit on mappings ---------------------------------

# Four mappings a MiB, and so a few more than the limit is.
before=$(cat $limit)
pairs=$((before / 8))
memory=$((pairs * 2))M
run bench generations --memory $memory --rounds 1 --json --keep-settings
check 'where the limit does not suffice it does less' json \
	'.map.memory < .map.asked and .map.memory > 0'
check 'and says so' err 'note: .* instead of .*vm.max_map_count'
check 'and changes nothing' test "$(cat $limit)" = "$before"

if [ -w $limit ] && [ "$before" -lt 100000 ]; then
	run bench generations --memory $memory --rounds 1 --json
	check 'root raises the limit' json '.map.memory == .map.asked'
	check 'and says so' err 'vm.max_map_count raised from'
	check 'and puts it back' test "$(cat $limit)" = "$before"
else
	skip 'root raises the limit' "$limit is not ours, or is high already"
fi

# The program runs in the background until a file holds another number than
# before, gets the signal, and has put the number back when it is gone.
# interrupted SIGNAL FILE ARG...
interrupted()
{
	signal=$1
	file=$2
	shift 2
	ran="hvo $* (SIG$signal)"
	found=$(cat "$file")
	# A shell without job control has its children ignore SIGINT.
	env --default-signal="$signal" "$hvo" "$@" >"$work/out" \
		2>"$work/err" </dev/null &
	child=$!
	changed=no
	while kill -0 $child 2>/dev/null; do
		if [ "$(cat "$file")" != "$found" ]; then
			changed=yes
			break
		fi
	done
	kill -s "$signal" $child 2>/dev/null
	status=0
	wait $child 2>/dev/null || status=$?
	check "SIG$signal: it had been changed" test $changed = yes
	check "SIG$signal: it ends by the signal" code $((128 + $(number)))
	check "SIG$signal: it says that settings are put back" err 'put back$'
	check "SIG$signal: and they are" test "$(cat "$file")" = "$found"
}

number()
{
	case $signal in
	HUP) echo 1 ;;
	INT) echo 2 ;;
	TERM) echo 15 ;;
	esac
}

if [ -w $limit ] && [ "$before" -lt 100000 ]; then
	for signal in INT TERM HUP; do
		interrupted $signal $limit bench generations \
			--memory $memory --rounds 500
	done
else
	skip 'interrupted, it puts the limit back' "$limit is not ours"
fi

# ---- the memory manager --------------------------------------------------

run bench demote --rounds 2 --json
check 'demote ends with 0' code 0
check '511 frames, by both counts' json \
	'.frames == 511 and .frames_measured == 511'
check 'and no more at its worst moment, but a constant' json \
	'.frames_peak >= 511 and .frames_peak <= 511 + 16'
check 'refused, it changes nothing' json '.refused_clean'
run bench demote --rounds 1
check 'for people too' out '^in the end +511 frames taken'

run bench dissolve --count 200 --json
check 'dissolve ends with 0' code 0
check 'with no memory free' json '.free_before == 0 and .pages == 200'
check 'not one can be dissolved with free pages' json '.restored == 0'
check 'which is refused and changes nothing' json '.refused_clean'
check 'and every one by hosting' json '.hosted == 200'
check 'which takes 7 of 512 base pages' json \
	'.host_pages == 200 * 7 and .base_pages == 200 * 505'
run bench dissolve --count 3
check 'for people too' out '^hosting their own +3 of 3 dissolved'

run bench boot --rounds 1 --json
check 'boot ends with 0' code 0
check 'it is 1 TiB, all but one huge page' json \
	'.memory == 1099511627776 and .pages == 1023'
check 'in 32 MiB of its memory' json '.measured <= 33554432'
check 'a page of descriptors is left of each' json \
	'.saved == 1023 * 4095 * 4096'
run bench boot --memory 64G --page-size 2M --rounds 1
check 'for people too' out '^A machine of 64 GiB, 32699 boot pages of 2 MiB'

run bench buddy --rounds 1 --threads 3 --json
check 'buddy ends with 0' code 0
check 'it did all orders' json '[.orders[].order] == [0,1,3,6,9,12,15,18]'
check 'on both sides' json '.orders | all(.alloc_ns.median > 0 and
	.free_ns.median > 0 and .library_alloc_ns.median > 0)'
check 'it says how the C library was measured' json \
	'.library_keeps_memory | type == "boolean"'
check 'and from 1 to 3 threads' json '[.threads[].threads] == [1,2,3]'
run bench buddy --rounds 1 --threads 1
check 'for people too' out '^ORDER +SIZE +FOLIOS'

# ---- linux -------------------------------------------------------------

# Without root. The program itself may be out of another user's reach.
if [ "$(id -u)" -ne 0 ]; then
	run bench linux
	check 'linux is refused without root' refused 3 'as root'
elif setpriv --reuid=65534 --clear-groups "$hvo" --version >/dev/null 2>&1
then
	ran='hvo bench linux (as another user)'
	status=0
	setpriv --reuid=65534 --clear-groups "$hvo" bench linux \
		>"$work/out" 2>"$work/err" || status=$?
	check 'linux is refused without root' refused 3 'as root'
else
	skip 'linux is refused without root' 'no other user can run it'
fi

if [ -w $pool ] && [ -w $switch ]; then
	pages=$(cat $pool)
	on=$(cat $switch)
	run bench linux --count 16 --rounds 3 --json
	check 'linux ends with 0' code 0
	check 'it says what it touches' err 'growing vm.nr_hugepages'
	check 'it is one object' json '.hvo == 1 and .bench == "linux"'
	check 'the kernel saves seven pages of eight' json \
		'.saved.kernel == 16 * 7 * 4096'
	check 'so does the engine, the shared ones aside' json \
		'.saved.engine == (16 * 7 - 7) * 4096'
	check 'our own pool grew in the same turns' json \
		'.our_pool_us | .grow.repetitions == 3 and
		.shrink_hvo.median > 0'
	check 'the first round is told apart' json \
		'.optimize_us.kernel.repetitions == 2 and
		.optimize_us.engine.repetitions == 2 and
		.restore_us.engine.repetitions == 2'
	check 'the pool is as before' test "$(cat $pool)" = "$pages"
	check 'so is the switch' test "$(cat $switch)" = "$on"

	# A pool that has pages already keeps them.
	echo $((pages + 3)) >$pool
	if [ "$(cat $pool)" -eq $((pages + 3)) ]; then
		run bench linux --count 4 --rounds 2
		check 'a pool with pages keeps them' \
			test "$(cat $pool)" -eq $((pages + 3))
		check 'and its growth is told' err \
			"from $((pages + 3)) to $((pages + 7))"
	else
		skip 'a pool with pages keeps them' 'no huge pages to be had'
	fi
	echo "$pages" >$pool

	# The switch on before: it must be on again afterwards.
	echo 1 >$switch
	run bench linux --count 4 --rounds 2
	check 'the switch stays on' test "$(cat $switch)" -eq 1
	echo "$on" >$switch

	for signal in INT TERM HUP; do
		interrupted $signal $pool bench linux --count 64 --rounds 512
		check "SIG$signal: the switch too" \
			test "$(cat $switch)" = "$on"
	done

	run bench linux --count 4000000000
	check 'more pages than memory are refused' refused 3 'smaller --count'
	check 'and nothing changed' test "$(cat $pool)" = "$pages"
else
	skip 'linux leaves the settings as they were' \
		'not root, or no HVO in this kernel'
fi

# ---- lookup, readers, build ---------------------------------------------

run bench lookup --memory 64M --rounds 2
check 'lookup ends with 0' code 0
check 'it tells how instructions were counted' out '(counter|steps|not counted)'
run bench lookup --memory 64M --rounds 2 --json
check 'lookup: one object' json '.hvo == 1 and .bench == "lookup"'
check 'lookup: all ways' json '[.ways[].name] ==
	["pointer", "fake-heads", "hvo_page", "order"]'
check 'lookup: right heads' json '[.ways[].wrong_heads] | all(. == 0)'
check 'lookup: full and optimized' json \
	'[.ways[] | .full, .optimized | .sequential_ns, .random_ns] |
	all(.repetitions == 2 and .median > 0)'
if [ "$(jq -r .instructions_by "$work/out")" = none ]; then
	skip 'lookup: instructions' 'they cannot be counted here'
else
	check 'lookup: instructions' json '[.ways[] | .full, .optimized |
		.sequential_instructions, .random_instructions] | all(. > 0)'
	check 'lookup: a mask costs as much full as optimized' json \
		'.ways[2] | .full.random_instructions ==
		.optimized.random_instructions'
fi

run bench readers --memory 64M --rounds 3 --threads 2
check 'readers ends with 0' code 0
check 'it tells what live is held against' out '^underneath'
run bench readers --memory 64M --rounds 3 --threads 2 --json
check 'readers: one object' json '.bench == "readers" and .threads == 2'
check 'readers: all states' json '.states | keys ==
	["elsewhere", "live", "quiet", "underneath"]'
check 'readers: they looked up all the time' json \
	'[.states[].look_ups_per_us] | all(.min > 0 and .repetitions == 3)'
check 'readers: right heads at every moment' json '.wrong == 0'

run bench build --memory 16G --rounds 2
check 'build ends with 0' code 0
run bench build --memory 16G --rounds 2 --json
check 'build: one object' json '.hvo == 1 and .bench == "build"'
check 'build: a frame for each page, and the shared ones' json \
	'.measured == (16 + 512) * 4096'
check 'build: seconds' json '.seconds.repetitions == 2'

finish
