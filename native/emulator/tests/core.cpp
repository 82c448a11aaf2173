// Self-tests of the emulated device's execution core: right kernels give right results, wrong kernels are caught.
//
//   native/build.sh tests && artifacts/native/tests/core
//
// makes it with AddressSanitizer. One file, so that it can also be compiled with no more than what it tests (then with -O2 and without
// the sanitizer too, whose cases are skipped):
//
//   g++ -std=c++17 -O2 -ffp-contract=off -Wall -Wextra -Werror -pthread -DMERGE_ENGINE_EMULATOR native/emulator/tests/core.cpp
//       native/emulator/{block,executor,fiber,intrinsics,matrix,shared_memory}.cpp -o core
//
// Ends with the line `Total: N, Errors: 0, Failed: N, Skipped: N` and exit code 0 or 1. An argument runs the cases whose names contain
// it.
#include "core/formats_and_settings.cuh"
#include "core/matrix_instructions.cuh"
#include "core/right_kernels.cuh"
#include "core/wrong_kernels.cuh"
#include "core/program.cuh"
