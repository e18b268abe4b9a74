#!/bin/sh
# SPDX-License-Identifier: MIT
# hvo host metrics: text that Prometheus takes, for every recorded host; what is
# unknown left out; the file written in one step.
# shellcheck disable=SC2317 # check calls the functions
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/cli/host_tree.sh
. "$(dirname "$0")/host_tree.sh"

# Prometheus' own opinion of $work/out.
promtool_passes()
{
	promtool check metrics <"$work/out"
}

# What OpenMetrics 1.0 demands besides: the end is marked, no metric comes
# twice, each is announced before its samples and a unit is the name's end.
is_openmetrics()
{
	[ "$(tail -n 1 "$work/out")" = '# EOF' ] || return 1
	awk '
	$1 == "#" && $2 == "TYPE" {
		if (seen[$3]++)
			bad = bad " twice:" $3
		family = $3
	}
	$1 == "#" && $2 == "UNIT" && $3 !~ ("_" $4 "$") {
		bad = bad " unit:" $3
	}
	$1 != "#" {
		name = $1
		sub(/[{].*/, "", name)
		if (name != family)
			bad = bad " stray:" name
		if ($NF !~ /^[0-9]+$/)
			bad = bad " value:" $0
	}
	END { print bad; exit bad != "" }' "$work/out"
}

# Each number agrees with that in the status.
agrees_with_status()
{
	"$hvo" host status --json --sysroot "$tree" >"$work/status" || return 1
	jq -r '
	def of(name; f): f | select(.value != null) | "\(name) \(.value)";
	def pool(name; key): .pools[] | select(.node == null) |
		select(.[key].value != null) |
		"\(name){size=\"\(.size)\"} \(.[key].value)";
	of("hvo_enabled"; .enabled), of("hvo_memory_bytes"; .present_bytes),
	of("hvo_descriptors_bytes"; .measured_bytes),
	of("hvo_descriptors_saved_bytes"; .saved),
	of("hvo_descriptors_savable_bytes"; .could_save),
	of("hvo_descriptors_restore_bytes"; .to_restore),
	pool("hvo_pool_saved_bytes"; "saved"),
	pool("hvo_pool_descriptors_full_bytes"; "full_bytes"),
	"hvo_warnings \(.warnings | length)"' "$work/status" >"$work/want"
	[ -s "$work/want" ] || return 1
	while read -r line; do
		grep -qxF -- "$line" "$work/out" || {
			echo "missing: $line"
			return 1
		}
	done <"$work/want"
	# And what is unknown there is not here.
	jq -r '[.saved, .measured_bytes][] | select(.value == null) | .kind' \
		"$work/status" >"$work/unknown"
	[ "$(grep -cE '^hvo_descriptors(_saved)?_bytes ' "$work/out")" -eq \
		$((2 - $(wc -l <"$work/unknown"))) ]
}

for description in "$fixtures"/*.tree; do
	name=$(basename "$description" .tree)
	unpack "$name"
	run host metrics --sysroot "$tree"
	check "$name: exit code 0" code 0
	check "$name: promtool passes it" promtool_passes
	check "$name: OpenMetrics" is_openmetrics
	check "$name: what status says" agrees_with_status
done

# samples PATTERN LINE...: of the samples whose names match these, no others.
samples()
{
	grep -E "^$1" "$work/out" >"$work/samples"
	shift
	printf '%s\n' "$@" | diff - "$work/samples"
}

# (8 + 12224) x 4096, of 12288 x 4096 bytes.
unpack x86-6.12-numa
run host metrics --sysroot "$tree"
check '6.12, two nodes: its figures' samples 'hvo_(enabled|memory|desc)' \
	'hvo_enabled 1' 'hvo_enabled_at_boot 0' 'hvo_memory_bytes 3221225472' \
	'hvo_descriptors_expected_bytes 50331648' \
	'hvo_descriptors_bytes 50102272' 'hvo_descriptors_saved_bytes 229376' \
	'hvo_descriptors_savable_bytes 229376' \
	'hvo_descriptors_restore_bytes 229376'
# (9 + 8128) x 4096; 8 x 7 x 4096 and 4095 x 4096.
unpack x86-6.12-on
run host metrics --sysroot "$tree"
check '6.12: its descriptors' samples 'hvo_descriptors' \
	'hvo_descriptors_expected_bytes 50331648' \
	'hvo_descriptors_bytes 33329152' \
	'hvo_descriptors_saved_bytes 17002496' \
	'hvo_descriptors_savable_bytes 0' \
	'hvo_descriptors_restore_bytes 17002496'
check '6.12: of each size' samples 'hvo_pool_saved' \
	'hvo_pool_saved_bytes{size="2097152"} 229376' \
	'hvo_pool_saved_bytes{size="1073741824"} 16773120'
for name in x86-6.1-on x86-6.1-off; do
	unpack $name
	run host metrics --sysroot "$tree"
	check "$name: nothing where nothing is counted" no_out \
		'^hvo_(descriptors(_sav.*|_restore)?|pool_saved)_bytes'
done

run host metrics
check 'this host' promtool_passes

# ---- the file -----------------------------------------------------------

unpack x86-6.18-on
run host metrics --sysroot "$tree"
cp "$work/out" "$work/want"
mkdir "$work/dir"
echo old >"$work/dir/hvo.prom"
ln "$work/dir/hvo.prom" "$work/dir/link"
run host metrics --sysroot "$tree" --textfile "$work/dir/hvo.prom"
check 'a file: exit code 0, no output' code 0
check 'a file: nothing on stdout' out_empty
check 'a file: the same text' cmp "$work/want" "$work/dir/hvo.prom"
check 'a file: replaced, not overwritten' grep -qx old "$work/dir/link"
check 'a file: all may read it' test \
	"$(stat -c %a "$work/dir/hvo.prom")" = 644
check 'a file: nothing else is left' test "$(find "$work/dir" -type f |
	wc -l)" -eq 2

run host metrics --sysroot "$tree" --textfile "$work/none/hvo.prom"
check 'no such directory' refused 1 'none/hvo.prom cannot be written: No such'
run host metrics --sysroot "$tree" --textfile "$work/dir"
check 'a directory' refused 1 'dir cannot be written: Is a directory'
check 'a directory: nothing is left' test "$(find "$work" -name '.hvo-*' |
	wc -l)" -eq 0
run host metrics --textfile ''
check 'no path' refused 2 'textfile'
run host metrics more
check 'an operand' refused 2 "'more' is one word too many"
run host metrics --sysroot "$work/none"
check 'no sysroot' refused 3 'none'

# ---- what is watched with it --------------------------------------------

# The dashboard asks for nothing that there is not.
dashboard=$(dirname "$0")/../../contrib/grafana-hvo.json
known_to_dashboard()
{
	jq -r '.. | .expr? // empty' "$dashboard" |
		grep -oE 'hvo_[a-z_]+' | sort -u >"$work/asked"
	[ -s "$work/asked" ] || return 1
	while read -r metric; do
		grep -q "^# TYPE $metric " "$work/want" || {
			echo "no such metric: $metric"
			return 1
		}
	done <"$work/asked"
}
check 'the dashboard asks for metrics that there are' known_to_dashboard

finish
