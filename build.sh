#!/usr/bin/env bash
# Builds, runs and tests MergeEngine on Debian, Ubuntu and other Linux systems. `./build.sh help` lists what it does.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
left_out=""
cli_dll=artifacts/bin/MergeEngine.Cli/release/merge-engine.dll
dotnet=""

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1

say() { printf '%s\n' "build.sh: $*" >&2; }
fail() { say "$*"; exit 1; }

usage() {
    cat <<'HELP'
./build.sh [build]      build everything and leave the launcher bin/merge-engine
./build.sh demo [ARGS]  build, then run the built-in experiment (bin/merge-engine demo ARGS)
./build.sh test         build, check the style and run every test; the last line is "N passed, N failed"
./build.sh bench [ARGS] build, then measure kernels, encoders and merges beside their ceilings: the tables products, operations, reductions, steps, latencies, precisions,
                        coefficients, merges, hashes and tokenizers, or the one that is named: these and summary, scaling, decompositions, spectral, spectral-files;
                        `./build.sh bench help` tells what they are and take; --save keeps them in bench/results; BenchmarkDotNet's arguments work too (--filter '*Latency*')
./build.sh kernels      compile the device code alone: the GPU's kernels, and the emulated device that runs them on the CPU
./build.sh docs         write docs/methods.md anew from the comments in the methods' files
./build.sh format       check the code style; `./build.sh format --fix` corrects it
./build.sh publish [RID...]
                        the command line tool as one file that needs no .NET: artifacts/publish/RID/merge-engine for linux-x64, linux-arm64 and win-x64
./build.sh pack         NuGet packages of the libraries, and of the tool for `dotnet tool install`: artifacts/package/release
./build.sh help         this; `./build.sh COMMAND --help` what is said here of one
HELP
}

# usage_of COMMAND: its lines of the above, and those below them that are indented.
usage_of() { usage | awk -v command="$1" '/^[.]/ { wanted = $2 == command || $2 == "[" command "]" } wanted'; }

# refuse COMMAND WORD EXPECTED: what a mistake of the command line ends with.
refuse() { say "${1:+$1: }'$2' is unknown, expected $3"; exit 2; }

# check_arguments COMMAND [WORD...]: before anything is built. `demo` and `bench` hand theirs on to programs that check them.
check_arguments() {
    local command=$1 word
    shift
    for word in "$@"; do
        case $command:$word in
            demo:* | bench:*) ;;
            *:--help | *:-h) usage_of "$command"; exit 0 ;;
        esac
    done
    for word in "$@"; do
        case $command in
            demo | bench) ;;
            format) [ $# = 1 ] && [ "$word" = --fix ] || refuse format "$*" "--fix or nothing" ;;
            publish) [[ $word =~ ^[a-z][a-z0-9.]*(-[a-z0-9.]+)+$ ]] || refuse publish "$word" "kinds of machines as .NET names them, such as linux-x64" ;;
            *) refuse "$command" "$word" "no arguments" ;;
        esac
    done
}

# --- What the build needs -------------------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo "$@"
    else return 1
    fi
}

# install_packages REASON PACKAGE...: with apt where that is possible, else says what is missing.
install_packages() {
    local reason=$1; shift
    command -v apt-get >/dev/null || fail "$reason; please install: $*"
    say "$reason; installing with apt-get: $*"
    { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2; } ||
        fail "could not install them; please run as root: apt-get install $*"
}

has_library() { { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q "$1"; }

has_sdk() { (cd "$root" && "$1" --version >/dev/null 2>&1); }

download() { # URL FILE
    if command -v curl >/dev/null; then curl -fsSL --retry 3 -o "$2" "$1"
    else wget -q --tries=3 -O "$2" "$1"
    fi
}

# The SDK itself refuses to start without ICU unless it is told that it may.
allow_missing_icu() {
    if ! has_library libicuuc; then export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1; fi
}

fetch_sdk() {
    local script
    say "the .NET SDK that global.json asks for is not installed; fetching it with Microsoft's install script into .dotnet/"
    if ! command -v curl >/dev/null && ! command -v wget >/dev/null; then
        install_packages "neither curl nor wget is here" curl ca-certificates
    fi
    has_library 'libstdc++.so.6' || install_packages "the C++ runtime that .NET needs is missing" libstdc++6
    has_library 'libssl.so' || install_packages "OpenSSL, which NuGet needs, is missing" openssl ca-certificates
    script=$(mktemp)
    download https://dot.net/v1/dotnet-install.sh "$script" || fail "could not download https://dot.net/v1/dotnet-install.sh"
    bash "$script" --channel 10.0 --install-dir "$root/.dotnet" --no-path >&2 || fail "the install script failed"
    rm -f "$script"
}

find_dotnet() {
    [ -z "$dotnet" ] || return 0
    allow_missing_icu
    if command -v dotnet >/dev/null && has_sdk dotnet; then
        dotnet=$(command -v dotnet)
        return
    fi
    has_sdk "$root/.dotnet/dotnet" || fetch_sdk
    dotnet=$root/.dotnet/dotnet
    export DOTNET_ROOT=$root/.dotnet PATH=$root/.dotnet:$PATH
    has_sdk "$dotnet" || fail "the SDK in .dotnet does not start: $("$dotnet" --version 2>&1 | head -n 3)"
}

# Compilers for the device code. They are wanted, not needed: without them there is no emulated device, or no kernels for a GPU.
has_cuda_compiler() { command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] || has_cuda_clang; }

has_cuda_clang() {
    local name
    for name in clang++-{24..16}; do command -v "$name" >/dev/null && return; done
    command -v clang++ >/dev/null && [ "$(clang++ -dumpversion | cut -d. -f1)" -ge 16 ]
}

has_host_compiler() { command -v g++ >/dev/null || command -v clang++ >/dev/null || has_cuda_clang; }

# try_install WHAT PACKAGE...: the first of the packages that apt has; without it the build goes on and WHAT is left out.
try_install() {
    local what=$1 package reason="apt-get is not here"
    shift
    if command -v apt-get >/dev/null; then reason="apt-get could not install it without root or sudo, or has none of them"; fi
    if command -v apt-get >/dev/null && as_root apt-get update -qq >&2; then
        for package in "$@"; do
            apt-cache show "$package" >/dev/null 2>&1 || continue
            say "$what can be built with $package; installing it with apt-get"
            { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >&2; } && return
        done
    fi
    left_out="$left_out; without $what, which needs ${*: -1} or newer ($reason)"
    say "$what is left out: install ${*: -1} or a newer one ($reason)"
    return 1
}

# --- What it does ---------------------------------------------------------------------------------------------------

write_launcher() {
    local runtime=$dotnet
    [ "$runtime" != "$root/.dotnet/dotnet" ] || runtime='$root/.dotnet/dotnet'
    mkdir -p bin
    cat > bin/merge-engine.new <<LAUNCHER
#!/bin/sh
# Written by build.sh.
root=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
exec "$runtime" "\$root/$cli_dll" "\$@"
LAUNCHER
    chmod +x bin/merge-engine.new
    mv bin/merge-engine.new bin/merge-engine
}

# native WHAT...: the device code, as far as there are compilers for it; see native/build.sh.
native() {
    local what parts=()
    for what in "$@"; do
        case $what in
            kernels) has_cuda_compiler || { try_install "the code for GPUs" clang-19 clang-18 clang-16 && has_cuda_compiler; } || continue ;;
            emulator) has_host_compiler || try_install "the emulated device" g++ || continue ;;
            *) command -v g++ >/dev/null || try_install "the emulated device under AddressSanitizer" g++ || continue ;;
        esac
        parts+=("$what")
    done
    compiled=${parts[*]}
    [ -z "$compiled" ] || native/build.sh "${parts[@]}" >&2
}

build() {
    native kernels emulator
    find_dotnet
    "$dotnet" restore Engine.sln --locked-mode --verbosity quiet >&2
    # Not `dotnet build`, which leaves two empty directories in the temporary directory at every call.
    "$dotnet" msbuild Engine.sln -p:Configuration=Release -verbosity:quiet -nologo -clp:ErrorsOnly >&2
    write_launcher
}

check_format() {
    "$dotnet" format Engine.sln --no-restore --verify-no-changes --verbosity quiet >&2
}

format() {
    find_dotnet
    "$dotnet" restore Engine.sln --locked-mode --verbosity quiet >&2
    if [ "${1:-}" = --fix ]; then "$dotnet" format Engine.sln --no-restore; else check_format; fi
}

docs() {
    find_dotnet
    "$dotnet" msbuild tests/Merging.Tests -restore -p:Configuration=Release -verbosity:quiet -nologo -clp:ErrorsOnly >&2
    MERGE_ENGINE_WRITE_DOCS=1 artifacts/bin/MergeEngine.Merging.Tests/release/MergeEngine.Merging.Tests -method '*The_page_of_methods_is_up_to_date' -noLogo -noColor >&2
}

# --- What it gives away ---------------------------------------------------------------------------------------------

# start_up FILE: the median of twenty starts, in milliseconds.
start_up() {
    local i start
    for i in {1..20}; do
        start=$(date +%s%N)
        "$1" --help >/dev/null
        echo $((($(date +%s%N) - start) / 1000))
    done | sort -n | awk '{ times[NR] = $1 } END { printf "%.0f", (times[10] + times[11]) / 2000 }'
}

# publish RID...: one file for each kind of machine. What can be tried here is tried: the tests of the command line run against it.
publish() {
    local rid here program files made="" options=(src/Cli -p:PublishProfile=SingleFile)
    [ $# -gt 0 ] || set -- linux-x64 linux-arm64 win-x64
    build
    here=$("$dotnet" msbuild src/Cli -getProperty:NETCoreSdkPortableRuntimeIdentifier)
    for rid in "$@"; do
        files=artifacts/publish/$rid
        rm -rf "$files"
        if ! "$dotnet" restore "${options[@]}" "-p:RuntimeIdentifier=$rid" --verbosity quiet >&2; then
            say "$rid is left out: its runtime could not be restored (see above)"
            continue
        fi
        "$dotnet" publish "${options[@]}" "-p:RuntimeIdentifier=$rid" --configuration Release --no-restore --verbosity quiet --nologo --output "$files" >&2
        made="$made $rid"
        program=$(ls "$files"/merge-engine*)
        say "$program, $(($(stat -c %s "$program") >> 20)) MiB; beside it: $(cd "$files" && ls | grep -v '^merge-engine' | paste -sd ' ' | sed 's/^$/nothing/')"
        [ "$rid" = "$here" ] || continue
        say "it starts in $(start_up "$program") ms (--help, median of 20)"
        MERGE_ENGINE_UNDER_TEST=$root/$program artifacts/bin/MergeEngine.Cli.Tests/release/MergeEngine.Cli.Tests -noLogo -noColor \
            -class '*CommandLineTests' -class '*MethodsTests' -class '*InspectTests' -class '*MergeTests' -class '*VerifyTests' -class '*DevicesTests' -class '*LicensesTests' >&2
    done
    [ -n "$made" ] || fail "nothing could be published"
}

pack() {
    build
    rm -rf artifacts/package/release
    "$dotnet" msbuild Engine.sln -t:Pack -p:Configuration=Release -p:NoBuild=true -verbosity:quiet -nologo >&2
    ls artifacts/package/release
}

# --- Tests ----------------------------------------------------------------------------------------------------------

# summary WORD: the number after "WORD:" in the line that a test executable ends with; 0 where there is none.
summary() {
    local number
    number=$(sed -n "/Total: [0-9]/s/.*\b$1: \([0-9][0-9]*\).*/\1/p" "$test_log" | tail -n 1)
    printf '%d' "${number:-0}"
}

# The tests run the emulated device with AddressSanitizer where g++ is here. Its run time must be loaded before everything else, and leave alone
# the signals that .NET handles itself.
sanitize() {
    local library=artifacts/native/emulator-sanitized/libmerge-engine-emulator.so runtime
    command -v g++ >/dev/null && runtime=$(g++ -print-file-name=libasan.so) && [ -e "$runtime" ] && [ -e "$library" ] || return 0
    sanitized=(env "LD_PRELOAD=$runtime" "MERGE_ENGINE_EMULATOR=$root/$library"
        "ASAN_OPTIONS=detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:use_sigaltstack=0")
}

test_log=""
passed=0 failed=0 skipped=0
sanitized=()

# run_suite NAME COMMAND...: a program that ends with the line "Total: N, Errors: N, Failed: N, Skipped: N"; its counts are added up.
run_suite() {
    local name=$1 status=0 total wrong errors left_out
    shift
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$test_log" || status=$?
    total=$(summary Total) wrong=$(summary Failed) errors=$(summary Errors) left_out=$(summary Skipped)
    passed=$((passed + total - wrong - left_out)) skipped=$((skipped + left_out)) wrong=$((wrong + errors))
    # A suite that crashed, or ran nothing, has failed even where it counted no failure.
    if [ "$wrong" = 0 ] && { [ "$status" != 0 ] || [ "$total" = "$left_out" ]; }; then
        say "$name ended with exit code $status after $((total - left_out)) tests"
        wrong=1
    fi
    failed=$((failed + wrong))
}

test_all() {
    local suite name
    build
    native sanitized tests
    if ! check_format; then
        failed=1
        say "the code style check failed; ./build.sh format --fix corrects what can be corrected"
    fi
    test_log=$(mktemp)
    trap 'rm -f "$test_log"' EXIT
    sanitize
    for suite in native/emulator/tests/*.cpp; do
        name=$(basename "$suite" .cpp)
        [ ! -x "artifacts/native/tests/$name" ] || run_suite "the emulator's $name" "artifacts/native/tests/$name"
    done
    for suite in tests/*/*.csproj; do
        name=$(basename "$suite" .csproj)
        run_suite "$name" "${sanitized[@]}" "artifacts/bin/$name/release/$name" -noLogo -noColor
    done
    printf '\n'
    if [ "$skipped" -gt 0 ]; then printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    else printf '%d passed, %d failed\n' "$passed" "$failed"
    fi
    [ "$failed" = 0 ]
}

main() {
    local what=${1:-build}
    [ $# = 0 ] || shift
    cd "$root"
    case $what in
        build | demo | test | bench | kernels | docs | format | publish | pack) check_arguments "$what" "$@" ;;
        help | --help | -h) usage; exit 0 ;;
        *) refuse "" "$what" "build, demo, test, bench, kernels, docs, format, publish, pack or help" ;;
    esac
    case $what in
        build) build; say "built$left_out; try: bin/merge-engine --help" ;;
        demo) build; exec bin/merge-engine demo "$@" ;;
        test) test_all ;;
        bench) build; exec "$dotnet" artifacts/bin/MergeEngine.Benchmarks/release/MergeEngine.Benchmarks.dll "$@" ;;
        kernels) native kernels emulator; say "in artifacts/native: ${compiled:-nothing}" ;;
        docs) docs; say "wrote docs/methods.md" ;;
        format) format "$@" ;;
        publish) publish "$@" ;;
        pack) pack ;;
    esac
}

main "$@"
