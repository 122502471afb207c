#!/bin/sh
# Compiles the firmware for ESP32 against stand-ins for ESP-IDF (../stubs), for each board and build type, with gcc and
# clang, runs cppcheck over it, and compares options, component files and partitions with ESP-IDF's rules. This catches
# typos and wrong types, nothing more: it is not a build, and nothing here has run on a board.
#
# check.sh [directory for what it writes]
set -eu
cd "$(dirname "$0")"
here=$(pwd)
out=${1:-$here/../build/esp32-check}
mkdir -p "$out"
[ $# -gt 0 ] || echo "*" >../build/.gitignore # what is built ignores itself
out=$(cd "$out" && pwd)

need() {
    command -v "$1" >/dev/null 2>&1 || { echo "$1 is missing: install Debian's $2" >&2; exit 1; }
}
need gcc gcc
need clang clang
need g++ g++
need clang++ clang
need cppcheck cppcheck
need cmake cmake
python=python3
$python -c 'import kconfiglib' 2>/dev/null || python=/usr/bin/python3
$python -c 'import kconfiglib' 2>/dev/null || { echo "kconfiglib is missing: install Debian's python3-kconfiglib" >&2; exit 1; }

flags="-std=gnu17 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -fsyntax-only"
flags="$flags -I$here/../stubs/include -I$here/../core/include"

# What CMakeLists.txt builds in, by build type.
sources_of() {
    common=$(sed -n 's/^set(sources \(.*\))$/\1/p' "$here/main/CMakeLists.txt")
    case $1 in
        CAMERA) echo "$common picture_sensor.c sensors.c" ;;
        *) echo "$common picture_test.c" ;;
    esac
}

model_of() {
    case $1 in
        atoms3r-cam) echo AtomS3R-CAM ;;
        esp32-cam) echo ESP32-CAM ;;
        *) echo custom ;;
    esac
}

fail() { echo "$*" >&2; exit 1; }

# Every source is in some build, every option of ours that is used exists, every one that exists is used.
for file in main/*.c; do
    case " $(sources_of CAMERA) $(sources_of JPEG) " in
        *" ${file#main/} "*) ;;
        *) fail "$file is in no build" ;;
    esac
done
for option in $(grep -ho 'CONFIG_CAMHERD_[A-Z0-9_]*' main/*.c main/*.h main/CMakeLists.txt | sort -u); do
    grep -q "config ${option#CONFIG_}\$" main/Kconfig.projbuild || fail "$option is not in Kconfig.projbuild"
done
for option in $(sed -n 's/^ *config \(CAMHERD_[A-Z0-9_]*\)$/\1/p' main/Kconfig.projbuild); do
    case $option in
        CAMHERD_BOARD_*|CAMHERD_BUILD_*) continue ;; # choices: one of them is the rest
    esac
    grep -q "CONFIG_$option\\b" main/*.c || fail "$option is used nowhere"
done

# What ESP-IDF would refuse in its first steps: the components' own files, the partition table.
for component in main components/*; do
    for build in CAMERA JPEG HELLO; do
        cmake -D DIR="$here/$component" -D "CONFIG_CAMHERD_BUILD_$build=1" -P ../stubs/register.cmake ||
            fail "$component/CMakeLists.txt: CMake does not take it"
    done
done

builds=0
for board in atoms3r-cam esp32-cam custom; do
    for build in CAMERA JPEG HELLO; do
        dir=$out/$board-$build
        mkdir -p "$dir"
        PROJECT=. $python ../stubs/kconfig.py ../stubs/Kconfig "$dir/sdkconfig.h" "CAMHERD_BUILD_$build=y" \
            sdkconfig.defaults "sdkconfig.defaults.$board"
        grep -q "^#define CONFIG_CAMHERD_MODEL \"$(model_of $board)\"" "$dir/sdkconfig.h" ||
            fail "sdkconfig.defaults.$board does not choose its board"
        flash=$(sed -n 's/^#define CONFIG_ESPTOOLPY_FLASHSIZE_\([0-9]*\)MB 1$/\1/p' "$dir/sdkconfig.h")
        $python ../stubs/partitions.py partitions.csv "$flash" || fail "$board: the partition table does not fit"
        for compiler in gcc clang; do
            compile="$compiler $flags -I$dir -include $dir/sdkconfig.h"
            # shellcheck disable=SC2086
            (cd main && $compile -DCAMHERD_HAS_UPDATE_KEY=1 $(sources_of $build)) ||
                fail "$board, $build: does not compile with $compiler"
            # shellcheck disable=SC2086
            (cd main && $compile ota.c) || fail "ota.c without a key does not compile with $compiler"
        done
        builds=$((builds + 1))
    done
    # shellcheck disable=SC2046
    cppcheck --quiet --std=c11 --enable=warning,style,performance,portability --inline-suppr --error-exitcode=1 \
        --suppress=missingIncludeSystem --suppress=unusedStructMember --suppress='*:../stubs/*' \
        -I../core/include -I../stubs/include -Imain -I"$out/$board-CAMERA" -DCAMHERD_HAS_UPDATE_KEY=1 \
        --include="$out/$board-CAMERA/sdkconfig.h" $(cd main && ls ./*.c | sed 's|^\./|main/|' | grep -v picture_test)
done

for board in ATOMS3R_CAM ESP32_CAM; do
    chip=$([ $board = ESP32_CAM ] && echo ESP32 || echo ESP32S3)
    for compiler in g++ clang++; do
        sed "s/^#define BOARD_[A-Z0-9_]*/#define BOARD_$board/" ../arduino/camherd_camera/camherd_camera.ino |
            $compiler -x c++ -std=gnu++17 -Wall -Wextra -Werror -fsyntax-only -DCONFIG_IDF_TARGET_$chip=1 \
                -I../stubs/arduino -I../stubs/include -include Arduino.h - || fail "the Arduino sketch for $board does not compile with $compiler"
    done
done
echo "firmware/arduino: the sketch is free of typos and type errors against stand-ins for its libraries (not a build)"
echo "firmware/esp32: $builds configurations are free of typos and type errors against stand-ins for ESP-IDF (not a build)"
