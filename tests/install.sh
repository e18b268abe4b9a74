#!/bin/sh
# SPDX-License-Identifier: MIT
# install.sh SOURCE BUILD: install into an empty directory, and build a program
# against nothing but what is there, as an adopter would. Prints TAP.
set -u

build=$2
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

# The prefix that it was configured with, below the empty directory.
flags()
{
	PKG_CONFIG_PATH=$(dirname "$pc") pkg-config \
		--define-variable=prefix="$prefix" "$@"
}

# compile NAME PACKAGE: with what pkg-config says.
compile()
{
	# shellcheck disable=SC2046 # lists of flags
	cc -std=c11 -Wall -Wextra -Werror $(flags --cflags "$2") \
		-o "$work/$1" "$work/$1.c" $(flags --libs "$2")
}

cat >"$work/engine.c" <<'EOF'
#include <hvo/page.h>
#include <hvo/vmemmap.h>

int main(void)
{
	struct hvo_geometry g;

	return hvo_geometry_init(&g, 12, sizeof(struct hvo_page)) ||
	       hvo_page_record().size != sizeof(struct hvo_page);
}
EOF

cat >"$work/hosted.c" <<'EOF'
#include <stdio.h>
#include <stdlib.h>
#include <hvo/page.h>
#include <hvo/vmemmap.h>
#include <hvo_linux.h>

int main(void)
{
	struct hvo_linux_config host = {
	    .page_shift = 12,
	    .record = HVO_PAGE_BYTES,
	    .pfn_end = 1 << 12,
	    .domains = 1,
	};
	char message[256];
	struct hvo_linux *linux_port =
	    hvo_linux_open(&host, message, sizeof(message));

	if (!linux_port) {
		fprintf(stderr, "%s\n", message);
		return 1;
	}

	struct hvo_vmemmap_config config = {
	    .port = hvo_linux_port(linux_port),
	    .frames = hvo_linux_frames(linux_port),
	    .record = hvo_page_record(),
	    .base = hvo_linux_base(linux_port),
	    .pfn_end = host.pfn_end,
	    .domains = 1,
	    .page_shift = 12,
	    .described = HVO_NO_FRAME,
	};
	void *memory = malloc(hvo_vmemmap_size(&config));
	struct hvo_run runs[64];
	struct hvo_work work = HVO_WORK(runs, 64);
	struct hvo_vmemmap *map;
	struct hvo_finding finding;
	struct hvo_check_options options = {0};
	int error = hvo_vmemmap_init(&map, memory, &config);

	if (!error)
		error = hvo_vmemmap_populate_optimized(map, 0, host.pfn_end, 9,
						       0, &work, NULL);
	if (!error)
		error = hvo_vmemmap_check(map, &options, &finding);
	if (!error)
		error = hvo_vmemmap_depopulate(map, 0, host.pfn_end, &work,
					       NULL);
	if (!error)
		error = hvo_vmemmap_fini(map);
	if (error)
		fprintf(stderr, "%s\n", hvo_strerror(error));
	hvo_linux_close(linux_port);
	free(memory);
	return error != 0;
}
EOF

check 'installs' meson install -C "$build" --destdir "$work/root"
if [ "$failures" -ne 0 ]; then
	echo "1..$tests"
	exit 1
fi
pc=$(find "$work/root" -name hvo.pc)
prefix=$work/root$(pkg-config --variable=prefix "$pc")

check 'the command' test -x "$prefix/bin/hvo"
check 'the command runs' "$prefix/bin/hvo" --version
for header in "$1"/include/hvo/*.h; do
	name=hvo/$(basename "$header")
	check "$name" cmp "$header" "$prefix/include/$name"
done
check 'a program with the engine alone is built' \
	compile engine hvo
check 'and runs' "$work/engine"
check 'a program with the Linux port is built' \
	compile hosted hvo-linux
check 'and runs' "$work/hosted"

# The example of libhvo(3).
awk '/^```/ { n++; next } n == 1' "$1/man/libhvo.3.scd" >"$work/folio.c"
check 'the example of libhvo(3) is built' compile folio hvo-machine
check 'and runs' "$work/folio"

echo "1..$tests"
[ "$failures" -eq 0 ]
