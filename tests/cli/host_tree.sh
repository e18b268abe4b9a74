# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Hosts to read: makes the trees that tests/fixtures/host/*.tree describe.
#
#   unpack NAME    makes it in $tree
#
# A line of a description is one of these; lines that begin with a tab are the
# text of the file before them, without it; # begins a remark.
#
#   file PATH            gzip PATH            packed
#   btf PATH NAME        that fixture         dir PATH
#   dirs PATH N [FIRST]  N of them: PATH0,... link PATH TARGET
#   fifo PATH            fill PATH BYTES      of zeros
#   cut PATH BYTES       an existing file to its first bytes
#   gone PATH            an existing file or directory away
#   like NAME            another description first
#   pool KIB TOTAL FREE RESERVED SURPLUS OVERCOMMIT
#   node NODE KIB TOTAL FREE SURPLUS

fixtures=${HVO_FIXTURES:-$(dirname "$0")/../fixtures}/host
tab=$(printf '\t')

# make WORD PATH [ARGUMENT...]: one line of a description; sets $file.
make()
{
	file=$tree$2
	mkdir -p "$(dirname "$file")"
	case $1 in
	file | gzip) : >"$file" ;;
	btf) cp "$fixtures/$3.btf" "$file" ;;
	dir) mkdir -p "$file" ;;
	dirs)
		first=${4:-0}
		seq -f "$file%.0f" "$first" $((first + $3 - 1)) | xargs mkdir -p
		;;
	link) ln -s "$3" "$file" ;;
	fifo) mkfifo "$file" ;;
	fill) head -c "$3" /dev/zero >"$file" ;;
	cut)
		head -c "$3" "$file" >"$file.cut"
		mv "$file.cut" "$file"
		;;
	gone) rm -r "$file" ;;
	*)
		echo "host_tree: there is no '$1'" >&2
		exit 1
		;;
	esac
	case $1 in
	gzip) packed="$packed $file" ;;
	esac
}

# number PATH N
number()
{
	mkdir -p "$(dirname "$tree$1")"
	echo "$2" >"$tree$1"
}

pool()
{
	dir=/sys/kernel/mm/hugepages/hugepages-$1kB
	number "$dir/nr_hugepages" "$2"
	number "$dir/free_hugepages" "$3"
	number "$dir/resv_hugepages" "$4"
	number "$dir/surplus_hugepages" "$5"
	number "$dir/nr_overcommit_hugepages" "$6"
}

node()
{
	dir=/sys/devices/system/node/node$1/hugepages/hugepages-$2kB
	number "$dir/nr_hugepages" "$3"
	number "$dir/free_hugepages" "$4"
	number "$dir/surplus_hugepages" "$5"
}

describe()
{
	while IFS= read -r line; do
		# shellcheck disable=SC2086 # words
		case $line in
		"$tab"*) printf '%s\n' "${line#"$tab"}" >>"$file" ;;
		'' | \#*) ;;
		"like "*) describe <"$fixtures/${line#like }.tree" ;;
		"pool "*) pool ${line#pool } ;;
		"node "*) node ${line#node } ;;
		*) make $line ;;
		esac
	done
	for file in $packed; do
		gzip -nc "$file" >"$file.packed"
		mv "$file.packed" "$file"
	done
	packed=
}

unpack()
{
	packed=
	# shellcheck disable=SC2154 # tap.sh has it
	tree=$work/host
	rm -rf "$tree"
	mkdir "$tree"
	describe <"$fixtures/$1.tree"
}

# ---- conditions ---------------------------------------------------------

# expected FILE: what was printed is that file, without errors. HVO_RECORD=1
# makes the file anew.
expected()
{
	if [ "${HVO_RECORD-}" ]; then
		cp "$work/out" "$1"
	fi
	code 0 && err_empty && diff "$1" "$work/out"
}
