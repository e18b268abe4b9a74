# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the command's tests share: sourced with the command's path in $1. A
# test runs the command and looks at what came of it; output is TAP.
#
#   run plan 2M:4
#   check 'the exit code is 0' code 0
#   finish

set -u

hvo=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=0
failures=0
ran=

# run ARG...: the command, with what it prints in $work/out and $work/err.
run()
{
	ran="hvo $*"
	status=0
	"$hvo" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# check WHAT CONDITION...: one test.
check()
{
	what=$1
	shift
	tests=$((tests + 1))
	if "$@" >"$work/check" 2>&1; then
		echo "ok $tests - $what"
		return
	fi
	echo "not ok $tests - $what"
	failures=$((failures + 1))
	{
		echo "condition: $*"
		cat "$work/check"
		echo "ran: $ran"
		echo "exit code: $status"
		sed 's/^/stdout: /' "$work/out"
		sed 's/^/stderr: /' "$work/err"
	} | sed 's/^/# /'
}

# skip WHAT WHY: a test that cannot be made here.
skip()
{
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# ---- conditions --------------------------------------------------------

# The exit code is so.
code()
{
	[ "$status" -eq "$1" ]
}

# There is output, and it has, or has not, a line that matches the extended
# expression.
out()
{
	grep -Eq -e "$1" "$work/out"
}

no_out()
{
	[ -s "$work/out" ] && ! grep -Eq -e "$1" "$work/out"
}

# The same for stderr.
err()
{
	grep -Eq -e "$1" "$work/err"
}

no_err()
{
	[ -s "$work/err" ] && ! grep -Eq -e "$1" "$work/err"
}

# The output is that of the file, and not empty.
same_as()
{
	[ -s "$1" ] && cmp "$1" "$work/out"
}

out_empty()
{
	[ ! -s "$work/out" ]
}

err_empty()
{
	[ ! -s "$work/err" ]
}

# The output is JSON of which the jq expression is true.
json()
{
	[ -s "$work/out" ] && jq -e "$1" "$work/out"
}

# refused CODE WORDS: nothing on stdout, the words on stderr, that exit code.
refused()
{
	code "$1" && out_empty && err "$2"
}

# ---- the end -----------------------------------------------------------

finish()
{
	echo "1..$tests"
	[ "$failures" -eq 0 ]
	exit
}
