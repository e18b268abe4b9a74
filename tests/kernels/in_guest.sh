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

# The settings and the memory map, as in settings.sh.
settings()
{
	echo "{\"pool\": $(cat /proc/sys/vm/nr_hugepages),"
	echo "\"switch\": $(cat /proc/sys/vm/hugetlb_optimize_vmemmap),"
	echo "\"memmap\": $(awk '/^nr_memmap(_boot)?_pages / { n += $2; k++ }
		END { print k == 2 ? n : "null" }' /proc/vmstat)}"
}

say settings settings
say status hvo host status --json
say list hvo host list --json --bytes
say verify hvo host verify --json
say try hvo host verify --try --json
say unchanged settings
say dry hvo host apply --dry-run --json
say apply hvo host apply --step 3 --json
say applied settings
say again hvo host verify --json
say off hvo host apply --off --json
say back settings
# More than one node has, of what all have.
say short hvo host verify --try --pages 300 --json
say unharmed settings
say huge hvo host verify --try --size 1G --json
