#!/bin/sh
# sizes.sh DIR CODE_LIMIT RAM_LIMIT SIZE_TOOL COMPILER...: compiles the core's objects, prints what each takes and
# fails above the limits. Code counts with constants, as both lie in flash. Fails too if the core asks for anything but
# memory and string functions and the compiler's own helpers: no allocation, no input or output, no clock.
set -eu
dir=$1 code_limit=$2 ram_limit=$3 size=$4
shift 4
mkdir -p "$dir"
rm -f "$dir"/*.o
for source in core/src/*.c; do
    "$@" -ffreestanding -isystem tests/freestanding -Os -ffunction-sections -c "$source" -o "$dir/$(basename "$source" .c).o"
done
"$@" -ffreestanding -isystem tests/freestanding -Os -c tests/ram.c -o "$dir/ram.o"
"${size%size}nm" "$dir"/*.o | awk -v name="$dir" '
    $2 ~ /^[A-Z]$/ && $2 != "U" { defined[$3] = 1 }
    $1 == "U" { wanted[$2] = 1 }
    END {
        for (symbol in wanted) {
            if (!(symbol in defined) && symbol !~ /^(mem(chr|cmp|cpy|move|set)|str(chr|cmp|cspn|len|ncmp)|__.*[a-z]i[0-9])$/) {
                print name ": the core wants " symbol; bad = 1
            }
        }
        exit bad
    }'
"$size" "$dir"/*.o | awk -v code_limit="$code_limit" -v ram_limit="$ram_limit" -v name="$dir" '
    NR > 1 { code += $1; ram += $2 + $3; data += $2; printf "  %-28s code %6d  ram %6d\n", $6, $1, $2 + $3 }
    $6 !~ /ram\.o$/ && NR > 1 && $2 + $3 > 0 { print "  " $6 " has static data: the core keeps none"; bad = 1 }
    END {
        printf "%s: code %d of %d bytes, RAM %d of %d bytes\n", name, code, code_limit, ram, ram_limit
        exit bad || code > code_limit || ram > ram_limit
    }'
