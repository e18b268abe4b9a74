#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo show: the drawing in the terminal and as SVG.
# shellcheck disable=SC2317 # functions are called by check
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"

# frames: the numbers of the frames in a drawing of one state, in order.
frames()
{
	sed -nE 's/.*(->|▶)(\||│) ([0-9]+) .*/\3/p' "$work/out"
}

# arrows N: so many arrows.
arrows()
{
	[ "$(grep -Eo -e '->|▶' "$work/out" | wc -l)" -eq "$1" ]
}

# consecutive N: N frames, each one more than the one before it.
consecutive()
{
	frames | awk -v n="$1" '
		NR > 1 && $1 != last + 1 { bad = 1 }
		{ last = $1 }
		END { exit bad || NR != n }'
}

# count N EXPRESSION: N places of the drawing match.
count()
{
	[ "$(grep -Eo -e "$2" "$3" | wc -l)" -eq "$1" ]
}

# ---- text --------------------------------------------------------------

LC_ALL=C.UTF-8
export LC_ALL
run show
check 'both states: ends with 0' code 0
check 'both states: says nothing else' err_empty
check 'what it is' out '^The descriptors of one huge page of 2 MiB$'
check 'how much' out '^512 base pages of 4 KiB, 64 bytes each: 32 KiB$'
check 'the states have titles' out '^full +optimized$'
check 'beside one another' out '^│ 0 head  ├─────▶│ [0-9]+ │ rw +│ 0 head  ├'
check 'eight arrows, and two' arrows 10
check 'tails meet at one frame' out '│ 4 tails ├──┼──▶│ [0-9]+ │ ro$'
check 'lines of at most 80 columns' no_out '^.{81,}$'

run show --state full
check 'full: eight frames in a row' consecutive 8
check 'full: nothing read-only' no_out '│ ro'
run show --state optimized
check 'optimized: two arrows' arrows 2
check 'optimized: one writable' out '│ 0 head  ├─────▶│ [0-9]+ │ rw$'
run show --state optimized --window 7
check 'a window of seven: eight arrows' arrows 8
check 'a window of seven: all tails read-only' \
	out '│ 7 tails ├─────▶│ [0-9]+ │ ro$'

run show --page-size 1G --state full
check 'many pages: the middle is left out' out '│    ⋮       │      │ ⋮ '
check 'many pages: the last is there' out '│ 4095 tails ├'
run show --page-size 1G --state optimized --window 512
check 'a window repeated: it says so' out '⋮ the same again$'
run show --record 104 --state optimized
check 'a group of 13: twelve tails, five drawn, and the head' arrows 6
run show --page-size 4M --record 104 --state optimized
check 'a group repeated' code 0
run show --page-size 512K --state optimized
check 'the least size: two pages' arrows 2
run show --page-size 1M --state optimized
check 'three tails: one frame' arrows 2
run show --base-page 64K --page-size 512M
check 'base pages of 64 KiB' out '^8192 base pages of 64 KiB, .* 512 KiB$'

LC_ALL=C
run show
check 'ASCII: lines' out '^\| 0 head  \+----->\| [0-9]+ \| rw'
check 'ASCII: nothing else' no_out '[^ -~]'

# ---- what cannot be optimized ------------------------------------------

run show --page-size 256K
check 'too small: ends with 0' code 0
check 'too small: said' err 'a huge page of 256 KiB cannot be optimized'
check 'too small: full is drawn' out '^full$'
check 'too small: optimized is not' no_out 'optimized'
run show --page-size 256K --state optimized
check 'too small, and only that wanted: refused' refused 1 'cannot be'
run show --page-size 4K
check 'a base page: drawn' code 0

# ---- SVG ---------------------------------------------------------------

svg=$work/drawing.svg
run show --svg "$svg"
check 'SVG: ends with 0' code 0
check 'SVG: prints nothing' out_empty
check 'SVG: begins as such' grep -q '^<svg xmlns="http://www.w3.org/2000/svg"' \
	"$svg"
check 'SVG: has a title' grep -q '<title id="t">The descriptors of one huge' \
	"$svg"
check 'SVG: sixteen lines' count 16 '<path class="line' "$svg"
check 'SVG: seven of them to the shared frame' count 7 'line to-shared' "$svg"
check 'SVG: seven frames given back' count 7 '>freed<' "$svg"
check 'SVG: a dark scheme too' grep -q 'prefers-color-scheme: dark' "$svg"
check 'SVG: permissions of a new file' \
	test "$(stat -c %a "$svg")" = "$(printf %o $((0666 & ~$(umask))))"
check 'SVG: well-formed' python3 -c '
import sys, xml.dom.minidom
xml.dom.minidom.parse(sys.argv[1])' "$svg"

cp "$svg" "$work/first"
run show --svg -
check 'SVG to stdout: the same' same_as "$work/first"
chmod 600 "$svg"
ln -s drawing.svg "$work/link.svg"
run show --state full --svg "$work/link.svg"
check 'an old file is replaced' count 0 'line to-shared' "$svg"
check 'it keeps its permissions' test "$(stat -c %a "$svg")" = 600
check 'a link stays one' test -L "$work/link.svg"
run show --svg /dev/null
check 'a device stays one' test -c /dev/null
run show --svg "$work/none/drawing.svg"
check 'no such directory: refused' refused 1 'none/drawing.svg: No such file'
run show --svg "$work"
check 'a directory: refused' refused 1 'Is a directory'
check 'nothing is left beside it' count 0 'svg\.' "$(
	ls "$work" >"$work/files"
	echo "$work/files"
)"
if [ -w /dev/full ]; then
	run show --svg /dev/full
	check 'a full disk: refused' refused 1 '/dev/full: No space left'
else
	skip 'a full disk: refused' 'no /dev/full'
fi

# ---- refusals ----------------------------------------------------------

run show --state empty
check 'no such state' refused 2 "--state: 'empty' is neither"
run show --window 0
check 'no window' refused 2 "--window: '0' is not from 1"
run show --window 65537
check 'a window too large' refused 2 "'65537' is not from 1 to 65536"
run show --svg ''
check 'no name' refused 2 "--svg: '' is not a file's name"
run show --page-size 3M
check 'no power of two' refused 2 'power of two'
run show --page-size 32G
check 'too large' refused 2 'largest huge page has 16G'
run show --base-page 3K
check 'no base page' refused 2 'base pages have 4K'
run show --record 63
check 'no record' refused 2 '63 is not a multiple of 8'
run show 2M
check 'an operand' refused 2 "'2M' is one word too many"

finish
