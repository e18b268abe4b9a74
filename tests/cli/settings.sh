# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What tests share that change the host's settings of huge pages: sourced after
# tap.sh.
# shellcheck disable=SC2034,SC2154 # of tap.sh, or for who sources this

pool=/proc/sys/vm/nr_hugepages
switch=/proc/sys/vm/hugetlb_optimize_vmemmap
over=/proc/sys/vm/nr_overcommit_hugepages

# can_change: root, and HVO in this kernel; else `why` says what is missing.
can_change()
{
	if [ "$(id -u)" -ne 0 ]; then
		why='not root'
	elif [ ! -w $switch ]; then
		why='no HVO in this kernel'
	else
		return 0
	fi
	return 1
}

# keep_settings: whatever happens, they are put back in the end. One such test
# runs at a time, of all build directories.
keep_settings()
{
	exec 9>/run/hvo-settings.lock
	flock 9
	found=$(cat $pool)
	found_on=$(cat $switch)
	found_over=$(cat $over)
	trap 'put_settings_back; rm -rf "$work"' EXIT
}

put_settings_back()
{
	echo "$found" >$pool
	echo "$found_on" >$switch
	echo "$found_over" >$over
}

# can_fake: files of /proc and /sys can be covered by others, for one command.
can_fake()
{
	unshare -m true 2>/dev/null
}

# faked WAY COVER FILE ARG...: run the command where COVER is mounted over
# FILE; WAY is bind, or bind,ro.
faked()
{
	ran="hvo with $2 over $3:"
	cover="mount -o $1 '$2' '$3' && exec"
	shift 3
	ran="$ran $*"
	status=0
	unshare -m sh -c "$cover \"\$0\" \"\$@\"" "$hvo" "$@" \
		>"$work/out" 2>"$work/err" </dev/null || status=$?
}

# What the memory map takes, in pages; nothing where it is not counted.
memmap()
{
	awk '/^nr_memmap(_boot)?_pages / { n += $2; k++ }
		END { if (k == 2) print n }' /proc/vmstat
}

# The settings and the memory map in one word.
settings()
{
	echo "$(cat $pool)/$(cat $switch)/$(memmap)"
}

# settled SETTINGS: they are so, at the latest when the kernel has freed, which
# it does later, what a crashed process had in use.
settled()
{
	looks=0
	while [ "$(settings)" != "$1" ]; do
		looks=$((looks + 1))
		if [ $looks -gt 2000 ]; then
			settings
			return 1
		fi
	done
}

# number SIGNAL
number()
{
	case $1 in
	HUP) echo 1 ;;
	INT) echo 2 ;;
	ABRT) echo 6 ;;
	TERM) echo 15 ;;
	esac
}

# interrupted SIGNAL FILE ARG...: run the command until FILE has changed, send
# it the signal, and see that all is as before when it is gone.
interrupted()
{
	signal=$1
	file=$2
	shift 2
	ran="hvo $* (SIG$signal)"
	first=$(cat "$file")
	all=$(settings)
	# A shell without job control has its children ignore SIGINT.
	env --default-signal="$signal" "$hvo" "$@" >"$work/out" \
		2>"$work/err" </dev/null &
	child=$!
	changed=no
	while kill -0 $child 2>/dev/null; do
		if [ "$(cat "$file")" != "$first" ]; then
			changed=yes
			break
		fi
	done
	kill -s "$signal" $child 2>/dev/null
	status=0
	wait $child 2>/dev/null || status=$?
	check "SIG$signal: it had changed $file" test $changed = yes
	check "SIG$signal: it ends by the signal" \
		code $((128 + $(number "$signal")))
	check "SIG$signal: everything is as it was" settled "$all"
}

# hold PAGES [touch]: a process that has huge pages reserved, or in use, until
# `let_go`; sets `holder`.
hold()
{
	mkfifo "$work/held" "$work/go"
	python3 - "$@" >"$work/held" <<-EOF &
		import mmap, sys
		private, anonymous, hugetlb = 2, 0x20, 0x40000
		size = int(sys.argv[1]) << 21
		m = mmap.mmap(-1, size, flags=private | anonymous | hugetlb)
		if sys.argv[2:]:
		    for at in range(0, size, 1 << 21):
		        m[at] = 1
		print("held", flush=True)
		open("$work/go").read()
	EOF
	holder=$!
	read -r state <"$work/held"
	[ "$state" = held ]
}

let_go()
{
	: >"$work/go"
	wait "$holder"
	rm "$work/held" "$work/go"
}
