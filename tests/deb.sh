#!/bin/sh
# SPDX-License-Identifier: MIT
# deb.sh SOURCE: build the Debian packages, install them below an empty root,
# use them, remove them: nothing is left. Prints TAP.
set -u

source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
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

# What they depend on is not in the empty root, but on this machine.
into_root()
{
	dpkg --root="$root" --force-depends --force-not-root \
		--force-script-chrootless --log=/dev/null "$@"
}

# Files and links below the root that are not dpkg's own.
leftovers()
{
	find "$root" -path "$root/var/lib/dpkg" -prune -o ! -type d -print
}

# shellcheck disable=SC2317 # check calls it
nothing_left()
{
	leftovers
	[ -z "$(leftovers)" ]
}

check 'the packages are built' "$source/scripts/deb" "$work/deb"
if [ "$failures" -ne 0 ]; then
	echo "1..$tests"
	exit 1
fi
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
: >"$root/var/lib/dpkg/status"
check 'they are installed' into_root -i "$work"/deb/hvo_*.deb \
	"$work"/deb/libhvo-dev_*.deb
check 'the command runs' "$root/usr/bin/hvo" plan 2M:1
for file in man/man1/hvo.1.gz man/man7/hvo.7.gz man/man3/libhvo.3.gz \
	man/man1/hvo-host-status.1.gz bash-completion/completions/hvo \
	doc/hvo/examples/hvo-metrics.timer doc/hvo/copyright; do
	check "$file is there" test -e "$root/usr/share/$file"
done
check 'the headers are there' test -e "$root/usr/include/hvo/vmemmap.h"
check 'they are removed' into_root --purge hvo libhvo-dev
check 'and leave nothing' nothing_left

echo "1..$tests"
[ "$failures" -eq 0 ]
