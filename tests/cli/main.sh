#!/bin/sh
# SPDX-License-Identifier: MIT
# The front of the command: help, version, verbs that there are not.
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"

for option in --help -h help; do
	run $option
	check "$option ends with 0" code 0
	check "$option says how to call it" out '^Usage: hvo VERB'
	check "$option names the exit codes" out '^  3  not permitted'
	check "$option says nothing on stderr" err_empty
done

for verb in run plan show bench; do
	run --help
	check "--help names $verb" out "^  $verb +[a-z]"
	run "$verb" --help
	check "$verb --help ends with 0" code 0
	check "$verb --help says how to call it" out "^Usage: hvo $verb"
	cp "$work/out" "$work/first"
	run help "$verb"
	check "help $verb says the same" same_as "$work/first"
	run "$verb" --no-such-option
	check "$verb refuses unknown options" refused 2 'no-such-option'
	check "$verb says where help is" err "^Try 'hvo $verb --help'\.$"
done

for option in --version -V; do
	run $option
	check "$option ends with 0" code 0
	check "$option prints it" out '^hvo [0-9]+\.[0-9]+\.[0-9]+$'
done

run
check 'without a verb it is refused, with help' refused 2 '^Usage: hvo VERB'

run plam
check 'a misspelt verb is refused' refused 2 "no verb 'plam'"
check 'and the right one suggested' err "did you mean 'plan'\?"
run benhc
check 'letters swapped are understood' err "did you mean 'bench'\?"
run xyzzy
check 'an unknown verb is refused' refused 2 "no verb 'xyzzy'"
check 'without a suggestion' no_err 'did you mean'
check 'and says where help is' err "^Try 'hvo --help'\.$"
run ''
check 'an empty verb is refused' refused 2 "no verb ''"
run help plam
check 'help on no verb is refused' refused 2 "did you mean 'plan'\?"
run --json
check 'an unknown option is refused' refused 2 "no option '--json'"

if [ -w /dev/full ]; then
	ran='hvo plan --table >/dev/full'
	status=0
	"$hvo" plan --table >/dev/full 2>"$work/err" || status=$?
	: >"$work/out"
	check 'a full disk is a failure' refused 1 'could not be written'
else
	skip 'a full disk is a failure' 'no /dev/full'
fi

finish
