#!/bin/sh
# Runs the shell for ESP32 with its core on this machine, on stand-ins for ESP-IDF that run (../stubs/run): networks,
# connections and pictures fail all the time, somebody types, TCPCam clients come and go. Once under gcc's thread
# sanitizer, once under its address and undefined behaviour sanitizers, with a sensor that makes JPEGs and one that does
# not. It finds deadlocks, data races, and buffers that are used too long. It says nothing about ESP-IDF itself.
#
# stress.sh [seconds for each of the four runs, default 10] [directory for what it writes]
set -eu
cd "$(dirname "$0")"
seconds=${1:-10}
out=${2:-../build/esp32-stress}

need() {
    command -v "$1" >/dev/null 2>&1 || { echo "$1 is missing: install Debian's $2" >&2; exit 1; }
}
need gcc gcc
python=python3
$python -c 'import kconfiglib' 2>/dev/null || python=/usr/bin/python3
$python -c 'import kconfiglib' 2>/dev/null || { echo "kconfiglib is missing: install Debian's python3-kconfiglib" >&2; exit 1; }

mkdir -p "$out"
[ $# -gt 1 ] || echo "*" >../build/.gitignore # what is built ignores itself
PROJECT=. $python ../stubs/kconfig.py ../stubs/Kconfig "$out/sdkconfig.h" CAMHERD_BUILD_CAMERA=y \
    sdkconfig.defaults sdkconfig.defaults.atoms3r-cam
sources=$(sed -n 's/^set(sources \(.*\))$/\1/p' main/CMakeLists.txt)

for sanitizer in thread address,undefined; do
    program=$out/shell-stress-${sanitizer%,*}
    # shellcheck disable=SC2046,SC2086
    gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -g -O1 -fsanitize=$sanitizer -fno-sanitize-recover=all \
        -I../stubs/include -I../core/include -Imain -I"$out" -include "$out/sdkconfig.h" -DCAMHERD_HAS_UPDATE_KEY=1 \
        $(printf 'main/%s ' $sources picture_sensor.c sensors.c) ../core/src/*.c ../stubs/run/*.c -o "$program" -lpthread
    for sensor in jpeg raw; do
        log=$program-$sensor.log
        if ! TSAN_OPTIONS=halt_on_error=1 "$program" "$seconds" $sensor >"$program-$sensor.txt" 2>"$log"; then
            tail -n 40 "$log" >&2
            echo "$program $seconds $sensor failed; what was typed is in $program-$sensor.txt" >&2
            exit 1
        fi
        printf '%s, %s: %s\n' "$sanitizer" "$sensor" "$(grep '^shell-stress' "$log")"
    done
done
