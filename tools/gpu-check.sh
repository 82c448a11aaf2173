#!/usr/bin/env bash
# Everything that only a machine with an NVIDIA GPU can tell, in one call of less than nine minutes.
#
#   tools/gpu-check.sh pack              where the .NET SDK is: builds artifacts/gpu-check.tar.xz (tool, tests and the .NET runtime)
#   tools/gpu-check.sh [--out DIR]       where the GPU is (no .NET needed): unpacks it, compiles the kernels with nvcc, runs the tests on
#                                        `cuda`, compute-sanitizer on the operation tests, and the benchmarks, beside cuBLAS and PyTorch
#   tools/gpu-check.sh --device emulated the same without a GPU, to try the script itself
#
# Results: DIR/summary.md, DIR/summary.json and the logs; DIR is artifacts/gpu-check-results unless given.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
archive=$root/artifacts/gpu-check.tar.xz
bundle=$root/artifacts/gpu-check
suites="Tensors Models Merging"

say() { printf '%s\n' "gpu-check: $*" >&2; }
fail() { say "$*"; exit 1; }

# --- Where the SDK is -------------------------------------------------------------------------------------------------

pack() {
    cd "$root"
    ./build.sh
    rm -rf "$bundle"
    local dotnet=dotnet project
    [ ! -x .dotnet/dotnet ] || dotnet=$root/.dotnet/dotnet
    # One folder for all programs: they share one copy of the runtime.
    for project in src/Cli $(for suite in $suites; do echo "tests/$suite.Tests"; done); do
        "$dotnet" publish "$project" --configuration Release --runtime linux-x64 --self-contained true --output "$bundle" --verbosity quiet --nologo >&2
    done
    (cd "$bundle" && rm -f ./*.pdb ./*.xml libmscordaccore.so libmscordbi.so libclrgc*.so libcoreclrtraceptprovider.so Microsoft.VisualBasic*.dll)
    XZ_OPT='-9e -T0' tar -C "$root/artifacts" -cJf "$archive" gpu-check
    say "packed $(du -h "$archive" | cut -f1) into ${archive#"$root"/}"
}

# --- Where the GPU is -------------------------------------------------------------------------------------------------

started=$SECONDS
budget=520    # seconds for everything but the summary: a part that would start later is left out, and the summary says so
device=cuda
results=$root/artifacts/gpu-check-results

# step NAME SECONDS COMMAND...: runs a part with a time limit, keeps its log, and goes on after a failure.
step() {
    local name=$1 limit=$2 status=0 begin=$SECONDS left=$((budget - (SECONDS - started)))
    shift 2
    if [ "$left" -lt 10 ]; then
        printf '%s\t%s\t0\n' "$name" left-out >> "$results/steps.tsv"
        say "$name: left out, the time is used up"
        return
    fi
    [ "$limit" -le "$left" ] || limit=$left
    timeout --kill-after=10 "$limit" "$@" > "$results/$name.log" 2>&1 || status=$?
    printf '%s\t%d\t%d\n' "$name" "$status" $((SECONDS - begin)) >> "$results/steps.tsv"
    say "$name: $([ $status = 0 ] && echo done || echo "exit code $status") after $((SECONDS - begin)) s"
}

# figure NAME SECONDS ARGUMENTS...: one benchmark as JSON.
figure() {
    local name=$1 limit=$2
    shift 2
    step "$name" "$limit" sh -c '"$@" > "$0"' "$results/$name.json" "$bundle/merge-engine" bench "$@" --device "$device" --json
}

compile_kernels() {
    local capability
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
    nvcc -std=c++17 -O3 --fmad=false -fatbin -gencode "arch=compute_$capability,code=sm_$capability" -gencode arch=compute_80,code=compute_80 \
        -Xptxas -v -o "$results/kernels.fatbin" "$root/native/kernels.cu"
}

# Every operation of the tables once, on the device alone.
sanitizers() {
    local tool
    for tool in memcheck racecheck initcheck; do
        step "sanitizer-$tool" 60 env MERGE_ENGINE_TEST_PROCESSOR=0 compute-sanitizer --tool "$tool" --error-exitcode 9 --target-processes all \
            "$bundle/MergeEngine.Tensors.Tests" -noLogo -noColor -parallel none \
            -method '*.An_operation_agrees_with_its_float64_reference*' -method '*.An_operation_gives_the_bits_of_the_reference' -method '*.A_product_agrees_with_float64*'
    done
}

check() {
    [ -d "$bundle" ] || { [ -f "$archive" ] || fail "neither ${bundle#"$root"/} nor ${archive#"$root"/} is here: make it with 'tools/gpu-check.sh pack' where the .NET SDK is"; tar -C "$root/artifacts" -xJf "$archive"; }
    rm -rf "$results"
    mkdir -p "$results"
    PATH=$PATH:/usr/local/cuda/bin # where the toolkit is, if the shell was not told
    export PATH MERGE_ENGINE_TEST_DEVICE=$device DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
    step devices 30 "$bundle/merge-engine" devices
    if [ "$device" = cuda ]; then
        nvidia-smi > "$results/nvidia-smi.txt" || fail "nvidia-smi does not run: there is no NVIDIA driver here"
        step kernels 120 "$root/tools/gpu-check.sh" --compile-kernels "$results"
        [ ! -f "$results/kernels.fatbin" ] || export MERGE_ENGINE_KERNELS=$results/kernels.fatbin
    fi

    for suite in $suites; do step "tests-$suite" 120 "$bundle/MergeEngine.$suite.Tests" -noLogo -noColor; done
    if [ "$device" = cuda ] && command -v compute-sanitizer > /dev/null; then sanitizers; fi

    figure elementwise 60 elementwise
    figure gemm 60 gemm
    local precision model
    for precision in float32 tf32 bf16; do
        for model in $([ "$device" = cuda ] && echo vit-b-32 vit-b-16 bert-base || echo vit-tiny); do
            figure "step-$model-$precision" 40 step --model "$model" --batch "$([ "$model" = bert-base ] && echo 16 || echo 32)" --precision "$precision"
            figure "latency-$model-$precision" 30 latency --model "$model" --rounds 300 --precision "$precision"
        done
    done
    if [ "$device" = cuda ]; then
        step gemm-loop 90 sh -c 'nvcc -O2 -std=c++17 "$0" -lcublas -o "$1/gemm_loop" && "$1/gemm_loop" > "$1/gemm-loop.json"' "$root/tools/gpu/gemm_loop.cu" "$results"
        if python3 -c 'import torch' 2> /dev/null; then
            step torch 170 sh -c 'python3 "$0" --budget 140 > "$1/torch.json"' "$root/tools/gpu/torch_peers.py" "$results"
        else
            say "python3 has no PyTorch here: there will be no comparison with it"
        fi
    fi
    say "measured in $((SECONDS - started)) s"
}

summarize() {
    if command -v python3 > /dev/null; then python3 "$root/tools/gpu/summary.py" "$results"
    else cat "$results"/*.json
    fi
}

# timeout runs programs, not functions.
if [ "${1:-}" = --compile-kernels ]; then results=$2; compile_kernels; exit; fi

case ${1:-} in
    pack) pack ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
    *)
        while [ $# -gt 0 ]; do
            case $1 in
                --out) mkdir -p "$2"; results=$(cd "$2" && pwd)/gpu-check; shift 2 ;;
                --device) device=$2; shift 2 ;;
                *) fail "unknown argument '$1'; see --help" ;;
            esac
        done
        check
        summarize
        ! awk -F '\t' '$2 != 0 { found = 1 } END { exit !found }' "$results/steps.tsv" || fail "some parts failed; their logs are in $results"
        ;;
esac
