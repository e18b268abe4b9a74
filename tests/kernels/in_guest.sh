# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Runs in a guest, see kernels.sh: hvo's verbs there, one after another. Prints
# a line for each: a name, the exit code, and the JSON object that came out.

say()
{
	name=$1
	shift
	code=0
	text=$("$@" 2>/tmp/stderr) || code=$?
	echo "$name $code $(echo "${text:-null}" | tr '\n' ' ')"
	sed "s/^/$name: /" /tmp/stderr >&2
}

# The settings and the memory map, as in settings.sh. Without HVO there is no
# switch.
settings()
{
	switch=/proc/sys/vm/hugetlb_optimize_vmemmap
	echo "{\"pool\": $(cat /proc/sys/vm/nr_hugepages),"
	echo "\"switch\": $(cat $switch 2>/dev/null || echo null),"
	echo "\"memmap\": $(awk '/^nr_memmap(_boot)?_pages / { n += $2; k++ }
		END { print k == 2 ? n : "null" }' /proc/vmstat)}"
}

# The first frames of huge pages: their flags have KPF_COMPOUND_HEAD (15) and
# KPF_HUGE (17), those of the next KPF_COMPOUND_TAIL (16). Linux 6.12 shows
# heads without tails in free memory, where huge pages have been. With HVO,
# frames within a huge page may be shown as heads too.
heads()
{
	od -v -A n -t x4 /proc/kpageflags | awk '{
		for (i = 1; i < NF; i += 2) {
			if (head && $i ~ /[37bf]....$/) print n - 1
			head = $i ~ /[2367abef][89a-f]...$/
			n++
		}
	}'
}

first_huge()
{
	heads | head -n 1
}

# All huge pages: what inspect says of each.
each_huge()
{
	next=0
	heads | while read -r pfn; do
		[ "$pfn" -ge $next ] || continue
		hvo host inspect "$pfn" --json | tee /tmp/page
		size=$(sed 's/.*"size":\([0-9]*\).*/\1/' /tmp/page)
		next=$((pfn + size / 4096))
	done
}

# Where a process has a huge page mapped.
huge_of()
{
	awk '/^[0-9a-f]+-/ { at = $1 }
		/^KernelPageSize: *2048 kB/ {
			sub(/-.*/, "", at)
			print at
			exit
		}' "/proc/$1/smaps"
}

# A process whose C library takes its memory from huge pages, until 3 is closed.
hold()
{
	mkfifo /tmp/held
	GLIBC_TUNABLES=glibc.malloc.hugetlb=2 hvo sim - </tmp/held \
		>/dev/null 2>&1 &
	holder=$!
	exec 3>/tmp/held
	until address=$(huge_of $holder) && [ -n "$address" ]; do
		kill -0 $holder || return
	done
}

say settings settings
say status hvo host status --json
say list hvo host list --json --bytes
say verify hvo host verify --json
say try hvo host verify --try --json
say unchanged settings
first=$(first_huge)
say huge-page hvo host inspect "$first" --json
say huge-tail hvo host inspect $((first + 300)) --json
say each-huge each_huge
say no-frame hvo host inspect 0xffffffffff --json
say dry hvo host apply --dry-run --json
say apply hvo host apply --step 3 --json
say applied settings
say again hvo host verify --json
say renewed hvo host inspect "$(first_huge)" --json
hold
say mapped hvo host inspect --pid "$holder" "$address" --json
say of-process hvo host verify --pid "$holder" --json
say not-mapped hvo host inspect --pid "$holder" 1000 --json
exec 3>&-
wait "$holder"
say off hvo host apply --off --json
say back settings
say restored hvo host inspect "$(first_huge)" --json
# More than one node has, of what all have.
say short hvo host verify --try --pages 300 --json
say unharmed settings
say huge hvo host verify --try --size 1G --json
