#!/usr/bin/env bash
# Compiles the device code: native/build.sh kernels | emulator | sanitized | tests. Needs compilers, installs nothing, rebuilds what is stale.
#   kernels     artifacts/native/kernels.ptx                                 PTX with a NUL at its end, by nvcc or clang 16 and newer
#   emulator    artifacts/native/emulator/libmerge-engine-emulator.so        the same kernels for the CPU, behind the driver's entry points
#   sanitized   artifacts/native/emulator-sanitized/libmerge-engine-emulator.so   with AddressSanitizer, by g++
#   tests       artifacts/native/tests/*                                     the emulator's own tests, with AddressSanitizer
set -euo pipefail

native=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
out=$(dirname "$native")/artifacts/native
library=libmerge-engine-emulator.so
units=("$native"/emulator/*.cpp "$native/kernels.cu")

fail() { printf '%s\n' "native/build.sh: $*" >&2; exit 1; }

# --- Compilers ------------------------------------------------------------------------------------------------------

find_nvcc() { command -v nvcc || { [ -x /usr/local/cuda/bin/nvcc ] && echo /usr/local/cuda/bin/nvcc; }; }

# The newest clang of at least version 16: the first that compiles for sm_80 with PTX 8.0 as it should.
find_clang() {
    local name major
    for name in clang++-{24..16} clang++; do
        command -v "$name" >/dev/null || continue
        major=$("$name" -dumpversion | cut -d. -f1)
        [ "${major:-0}" -lt 16 ] || { echo "$name"; return; }
    done
    return 1
}

find_host_compiler() { command -v g++ || command -v clang++ || find_clang; }

# --- What is stale --------------------------------------------------------------------------------------------------

# stale TARGET DEPENDENCIES: no target, or something in the compiler's list of dependencies (or this script) is newer.
stale() {
    local target=$1 list=$2 word
    [ -f "$target" ] && [ -f "$list" ] || return 0
    [ ! "$0" -nt "$target" ] || return 0
    for word in $(<"$list"); do
        case $word in
            '\' | *:) ;;
            *) { [ -e "$word" ] && [ ! "$word" -nt "$target" ]; } || return 0 ;;
        esac
    done
    return 1
}

# --- Kernels for the GPU --------------------------------------------------------------------------------------------

build_kernels() {
    local target=$out/kernels.ptx compiler
    local arguments
    stale "$target" "$out/kernels.d" || return 0
    mkdir -p "$out"
    if compiler=$(find_nvcc); then
        arguments=(-ptx -arch=compute_80 -std=c++17 -O3 --fmad=false)
        "$compiler" -M -std=c++17 "$native/kernels.cu" -o "$out/kernels.d.new"
    elif compiler=$(find_clang); then
        # As strict as nvcc: a constexpr function that kernels call says that it is one of the device's.
        arguments=(-x cuda --cuda-device-only --cuda-gpu-arch=sm_80 -nocudainc -nocudalib -std=c++17 -O3 -ffp-contract=off
            -Xclang -fno-cuda-host-device-constexpr -Xclang -target-feature -Xclang +ptx80 -Wall -S -MD -MF "$out/kernels.d.new")
    else
        fail "neither nvcc nor clang 16 or newer is here"
    fi
    "$compiler" "${arguments[@]}" "$native/kernels.cu" -o "$target.new"
    printf '\0' >> "$target.new"
    mv "$out/kernels.d.new" "$out/kernels.d"
    mv "$target.new" "$target"
}

# --- The emulator ---------------------------------------------------------------------------------------------------

# compile OBJECTS FLAGS...: every stale unit into that folder, as many at a time as there are cores.
compile() {
    local objects=$1 unit object compiler running=0 failed=0
    shift
    compiler=$(find_host_compiler) || fail "no C++ compiler is here"
    mkdir -p "$objects"
    for unit in "${units[@]}"; do
        object=$objects/$(basename "$unit").o
        stale "$object" "$object.d" || continue
        if [ "$running" -ge "$(nproc)" ]; then
            wait -n || failed=1
            running=$((running - 1))
        fi
        "$compiler" -x c++ -std=c++17 -O2 -g1 -ffp-contract=off -DMERGE_ENGINE_EMULATOR -fPIC -fvisibility=hidden -pthread -Wall -Wextra -Wno-unknown-pragmas \
            "$@" -MD -MF "$object.d" -c "$unit" -o "$object" &
        running=$((running + 1))
    done
    while [ "$running" -gt 0 ]; do
        wait -n || failed=1
        running=$((running - 1))
    done
    [ "$failed" = 0 ] || fail "the emulator does not compile"
}

# link TARGET OBJECTS FLAGS...: again where an object is newer, or one belongs to a file that is gone.
link() {
    local target=$1 objects=$2 object unit fresh=1 list=()
    shift 2
    for unit in "${units[@]}"; do
        object=$objects/$(basename "$unit").o
        list+=("$object")
        { [ -f "$target" ] && [ ! "$object" -nt "$target" ]; } || fresh=0
    done
    for object in "$objects"/*.o; do
        [ -e "$native/emulator/$(basename "$object" .o)" ] || [ "$(basename "$object")" = kernels.cu.o ] || { rm -f "$object" "$object.d"; fresh=0; }
    done
    [ "$fresh" = 0 ] || return 0
    mkdir -p "$(dirname "$target")"
    "$(find_host_compiler)" -shared -pthread "$@" "${list[@]}" -o "$target.new"
    mv "$target.new" "$target"
}

build_emulator() { # FOLDER FLAGS...
    local folder=$1
    shift
    compile "$out/obj/$folder" "$@"
    link "$out/$folder/$library" "$out/obj/$folder" "$@"
}

# A GPU stops at any address that is no multiple of its element's size; an x86 processor would not notice.
# Temporaries of inlined functions are reported as used after their scope where they are not (g++ 12).
sanitizer=(-fsanitize=address,alignment -fno-sanitize-recover=alignment -fno-sanitize-address-use-after-scope -fno-omit-frame-pointer)

# Each file of emulator/tests is a program of its own, linked with the sanitized objects without going through the library.
build_tests() {
    local test target
    compile "$out/obj/emulator-sanitized" "${sanitizer[@]}"
    mkdir -p "$out/tests"
    for test in "$native"/emulator/tests/*.cpp; do
        [ -e "$test" ] || continue
        target=$out/tests/$(basename "$test" .cpp)
        if stale "$target" "$target.d" || [ -n "$(find "$out/obj/emulator-sanitized" -name '*.o' -newer "$target" -print -quit)" ]; then
            "$(find_host_compiler)" -x c++ -std=c++17 -O1 -g1 -ffp-contract=off -DMERGE_ENGINE_EMULATOR -pthread -Wall -Wextra -Wno-unknown-pragmas "${sanitizer[@]}" \
                -MD -MF "$target.d" "$test" -x none "$out"/obj/emulator-sanitized/*.cpp.o -o "$target" -ldl
        fi
    done
}

[ -e "${units[0]}" ] || units=("$native/kernels.cu")
for what in "$@"; do
    case $what in
        kernels) build_kernels ;;
        emulator) build_emulator emulator ;;
        sanitized) build_emulator emulator-sanitized "${sanitizer[@]}" ;;
        tests) build_tests ;;
        *) fail "unknown: $what" ;;
    esac
done
