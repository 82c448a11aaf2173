// Tests of the emulated driver and of its cuBLAS: what programs may rely on, and which of their mistakes are found.
//
//   native/build.sh tests && artifacts/native/tests/driver
//
// makes it with AddressSanitizer. Without the sanitizer:
//
//   g++ -std=c++17 -O2 -ffp-contract=off -Wall -Wextra -Werror -pthread -DMERGE_ENGINE_EMULATOR native/emulator/tests/driver.cpp
//       native/emulator/*.cpp -o driver
//
// Each case begins with the library as it is after loading and leaves it so.
#include "driver/memory.cuh"
#include "driver/streams.cuh"
#include "driver/graphs.cuh"
#include "driver/failures.cuh"
#include "driver/products.cuh"
#include "driver/epilogues.cuh"
#include "core/program.cuh"
