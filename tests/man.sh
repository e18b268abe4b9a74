#!/bin/bash
# SPDX-License-Identifier: MIT
# man.sh HVO SOURCE: man pages and bash completion against what the command's
# own --help says. Prints TAP.
set -u

hvo=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=0
failures=0

check()
{
	what=$1
	shift
	tests=$((tests + 1))
	if "$@" >"$work/log" 2>&1; then
		echo "ok $tests - $what"
	else
		echo "not ok $tests - $what"
		failures=$((failures + 1))
		sed 's/^/# /' "$work/log"
	fi
}

# verbs WORD...: those in its help.
verbs()
{
	"$hvo" "$@" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\)  *.*/\1/p' |
		grep -vx help
}

# The long options that a help text begins lines with.
help_options()
{
	"$hvo" "$@" --help | sed -nE 's/^ +(-., )?(--[a-z-]+).*/\2/p' |
		sort -u
}

# shellcheck disable=SC2317,SC2086 # check calls these; lists of words
{
renders()
{
	scdoc <"$1" >"$work/page" && [ -s "$work/page" ]
}

same_options()
{
	page=$1
	shift
	help_options "$@" >"$work/help"
	grep -oE '^\*.*--[a-z-]+\*' "$page" | grep -oE -e '--[a-z-]+' |
		sort -u >"$work/page"
	diff "$work/help" "$work/page"
}

# completes EXPECTED WORD...: the last word becomes these, in any order.
completes()
{
	expected=$1
	shift
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_hvo
	echo "got: ${COMPREPLY[*]}"
	[ "$(printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ')" = \
		"$(printf '%s\n' $expected | sort | tr '\n' ' ')" ]
}
}

for page in "$source"/man/*.scd; do
	check "$(basename "$page") is well-formed" renders "$page"
done
for verb in $(verbs); do
	page=$source/man/hvo-$verb.1.scd
	check "hvo-$verb(1) is there" test -e "$page"
	check "hvo-$verb(1) has the options of --help" \
		same_options "$page" "$verb"
	check "hvo(1) names it" grep -qF "hvo-$verb" "$source/man/hvo.1.scd"
done
for verb in $(verbs host); do
	page=$source/man/hvo-host-$verb.1.scd
	check "hvo-host-$verb(1) is there" test -e "$page"
	check "hvo-host-$verb(1) has the options of --help" \
		same_options "$page" host "$verb"
	check "hvo(1) names it" grep -qF "hvo-host-$verb" \
		"$source/man/hvo.1.scd"
done

# shellcheck source=completion/hvo
. "$source/completion/hvo"
check 'completion: verbs' completes "$(verbs) help" "$hvo" ''
check 'completion: a verb' completes 'plan' "$hvo" pl
check 'completion: verbs of host' completes "$(verbs host)" "$hvo" host ''
check 'completion: options' completes \
	"$(help_options run) -h" "$hvo" run -
check 'completion: one option' completes --populate "$hvo" run --pop
check 'completion: what an option takes' completes 'full optimized' \
	"$hvo" run --populate ''
check 'completion: columns' completes 'SAVED SIZE SURPLUS' \
	"$hvo" host list -o S
check 'completion: benchmarks' completes 'linux lookup' "$hvo" bench l

echo "1..$tests"
[ "$failures" -eq 0 ]
