#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo host watch, on a terminal that tmux makes: what it draws, what follows
# when the host changes, keys, sizes, and how it ends.
# shellcheck disable=SC2317 # check calls the functions
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/cli/host_tree.sh
. "$(dirname "$0")/host_tree.sh"

# A server for each session: one that is ending would take the next one along.
sessions=0
socket=
trap 'tmux -S "$socket" kill-server 2>/dev/null; rm -rf "$work"' EXIT

on_terminal()
{
	tmux -S "$socket" "$@"
}

# shows EXPRESSION: the screen comes to have a line that matches it.
shows()
{
	for _ in $(seq 200); do
		on_terminal capture-pane -p -t 0 >"$work/screen" 2>&1
		if grep -Eq -e "$1" "$work/screen"; then
			return 0
		fi
		sleep 0.05
	done
	cat "$work/screen"
	return 1
}

# shows_no EXPRESSION: the screen comes to be without such a line.
shows_no()
{
	for _ in $(seq 200); do
		on_terminal capture-pane -p -t 0 >"$work/screen" 2>&1
		if ! grep -Eq -e "$1" "$work/screen"; then
			return 0
		fi
		sleep 0.05
	done
	cat "$work/screen"
	return 1
}

key()
{
	on_terminal send-keys -t 0 "$1"
}

# start: the shell that runs it says how it ended, and whether the terminal is
# what it was.
start()
{
	sessions=$((sessions + 1))
	socket=$work/tmux$sessions
	cat >"$work/session" <<-EOF
	before=\$(stty -g)
	sh -c 'echo \$\$ >"$work/pid"
		exec "$hvo" host watch --interval 1 --sysroot "$tree"'
	echo "ended with \$?"
	[ "\$before" = "\$(stty -g)" ] && echo "terminal as before"
	exec sleep 1000
	EOF
	on_terminal new-session -d -x 90 -y 30 "sh $work/session"
}

stop()
{
	on_terminal kill-server
}

# rows EXPECTED: those of pools come to be in this sequence, "SIZE:NODE ...".
rows()
{
	for _ in $(seq 200); do
		on_terminal capture-pane -p -t 0 >"$work/screen" 2>&1
		sequence=$(sed -nE \
			's/^ +([0-9]+) ([MG])iB +(all|[0-9]+) .*/\1\2:\3/p' \
			"$work/screen" | paste -sd ' ')
		if [ "$sequence" = "$1" ]; then
			return 0
		fi
		sleep 0.05
	done
	cat "$work/screen"
	return 1
}

run host watch --help
check 'the help' out '^Keys: q quit'

unpack x86-6.18-on
start
check 'the title' shows '^HVO on: Linux 6\.18'
check 'figures' shows '^  saved +224 KiB'
check 'pools' shows '^ +2 MiB +all +8 '
check 'pools of nodes' shows '^ +2 MiB +0 +8 '
key n
check 'n: no pools of nodes' shows_no '^ +2 MiB +0 +8 '
key '?'
check '?: the keys' shows '^space  pause, or go on'
key '?'
check '?: back' shows '^  saved '

# 8 huge pages more: 56 pages of descriptors less.
sed -i 's/^nr_memmap_pages .*/nr_memmap_pages 0/' "$tree/proc/vmstat"
check 'a change is seen' shows '^descriptors in memory +[0-9.]+ .iB +-'
key Space
check 'space: paused' shows 'paused$'
key Space
check 'space: goes on' shows_no 'paused$'
on_terminal resize-window -x 40 -y 8
check 'a small terminal' shows '^q quit  space pause'
on_terminal resize-window -x 100 -y 40
check 'a large one' shows '^ +1 GiB +all '
key q
check 'q: it ends well' shows '^ended with 0$'
check 'q: the terminal is what it was' shows '^terminal as before$'
stop

start
check 'again' shows '^HVO on'
kill -TERM "$(cat "$work/pid")"
check 'SIGTERM: it ends well' shows '^ended with 0$'
check 'SIGTERM: the terminal is what it was' shows '^terminal as before$'
stop

# ---- sorted ------------------------------------------------------------

unpack x86-numa
start
by_size='2M:all 2M:0 2M:1 1G:all 1G:0 1G:1'
check 'by size at first' shows '^>HUGE PAGE +NODE +TOTAL '
check 'by size: all, then nodes' rows "$by_size"
key s
check 's: by node' shows '^ +HUGE PAGE +>NODE +TOTAL '
check 'by node: the whole host first' rows \
	'2M:all 1G:all 2M:0 1G:0 2M:1 1G:1'
key s
check 's: by total' shows ' >TOTAL +FREE '
check 'by total: the greatest first' rows \
	'2M:all 2M:0 2M:1 1G:all 1G:0 1G:1'
key s
check 's: by free pages' shows ' TOTAL +>FREE '
check 'by free pages: ties by size and node' rows \
	'2M:all 2M:0 2M:1 1G:all 1G:0 1G:1'
key s
check 's: by reserved pages' shows ' >RESERVED '
key s
check 's: by descriptors' shows ' >DESCRIPTORS '
check 'by descriptors: the greatest first' rows \
	'1G:all 1G:0 1G:1 2M:all 2M:0 2M:1'
key n
check 'sorted without nodes' rows '1G:all 2M:all'
key n
key s
check 's: by what is saved' shows ' >SAVED$'
check 'by what is saved: unknown, so by size' rows "$by_size"
key s
check 's: from the start' shows '^>HUGE PAGE '
key q
check 'sorted: it ends well' shows '^ended with 0$'
stop

# What is known goes before what is not: here free pages of one pool.
unpack x86-6.18-on
rm "$tree/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
start
check 'not known: by size at first' rows '2M:all 2M:0 1G:all 1G:0'
key s
key s
key s
check 'not known: by free pages' shows ' >FREE '
check 'not known: last' rows '2M:0 1G:all 1G:0 2M:all'
stop

# ---- without one, and the command line ---------------------------------

unpack x86-6.18-on
run host watch --sysroot "$tree"
check 'no terminal' refused 3 "no terminal.*hvo host status"
for interval in 0 -1 x 1x 86401 999999999999 ''; do
	run host watch --interval "$interval"
	check "interval '$interval'" refused 2 'number of seconds'
done
run host watch more
check 'an operand' refused 2 "'more' is one word too many"

finish
