#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo host inspect: its front, and what it says where there is nothing to read.
# What it draws is tested by test_host_inspect.c, and on other kernels.
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"

run host inspect --help
check '--help ends with 0' code 0
check '--help says how to call it' out '^Usage: hvo host inspect'
run host inspect --no-such-option
check 'an unknown option is refused' refused 2 'no-such-option'
run host inspect
check 'no frame is refused' refused 2 'which frame'
run host inspect --pid 1
check 'no address is refused' refused 2 'which address'
run host inspect 1 2
check 'two frames are refused' refused 2 "'2' is one word too many"
for frame in '' -1 x 1x 0x 1099511627776; do
	run host inspect -- "$frame"
	check "frame '$frame' is refused" refused 2 'is no frame'
done
run host inspect --pid 1 7fxx
check 'what is no address is refused' refused 2 "'7fxx' is not an address"
for pid in 0 self 4194305; do
	run host inspect --pid $pid 1000
	check "--pid $pid is refused" refused 2 "--pid: '$pid'"
done
for size in 0 3M many 2T; do
	run host inspect --size $size 1
	check "--size $size is refused" refused 2 "--size: '$size'"
done

mkdir -p "$work/tree/proc"
run host inspect --sysroot "$work/tree" 1
check 'no /proc/kcore: what to enable' refused 3 'CONFIG_PROC_KCORE'
head -c 5000 /dev/zero >"$work/tree/proc/kcore"
run host inspect --sysroot "$work/tree" 1
check 'no core' refused 3 'is no ELF core'
run host inspect --sysroot "$work/nowhere" 1
check 'no tree' refused 3 'cannot be opened'

finish
