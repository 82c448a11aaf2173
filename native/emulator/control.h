// What tests ask of the emulated device beyond the driver API: statistics, faults, schedules, injected failures.
#pragma once

#include "api.h"

// Counts of what lives and of what was done since the library was loaded or emulatorReset was called. All fields are 64-bit; a caller
// passes the size of the struct that it knows, and later fields are left out for it.
struct EmulatorStatistics {
    int64_t allocations;          // live device allocations
    int64_t allocated_bytes;      // their bytes
    int64_t peak_bytes;           // the most bytes that lived at once
    int64_t total_allocations;    // device allocations made
    int64_t pinned_allocations;   // live cuMemHostAlloc blocks
    int64_t pinned_bytes;         // their bytes
    int64_t registered_ranges;    // live cuMemHostRegister ranges
    int64_t streams;              // live created streams
    int64_t events;               // live events
    int64_t modules;              // loaded modules
    int64_t graphs;               // live graphs
    int64_t graph_executables;    // live executable graphs
    int64_t cublas_handles;       // live cuBLAS handles
    int64_t cublaslt_handles;     // live cuBLASLt handles
    int64_t cublaslt_descriptors; // live layouts, operation descriptors and preferences
    int64_t primary_contexts;     // retains of the primary context not yet released
    int64_t launches;             // kernels run, those within graphs too
    int64_t graph_launches;       // graphs run
    int64_t copies;               // copies run
    int64_t copied_bytes;         // their bytes
    int64_t fills;                // memsets run
    int64_t products;             // matrix products run (a batch counts once)
    int64_t synchronizations;     // calls that waited for the device
    int64_t queued;               // operations submitted and not yet run
    int64_t faults;               // misuses found (see emulatorLastFault)
    int64_t leaked;               // allocations, streams, events, modules... that lived when the primary context was destroyed
};

enum EmulatorStreams : int32_t { EMULATOR_STREAMS_EAGER = 0, EMULATOR_STREAMS_LATE = 1, EMULATOR_STREAMS_RANDOM = 2 };
enum EmulatorSchedule : int32_t { EMULATOR_SCHEDULE_FORWARD = 0, EMULATOR_SCHEDULE_REVERSE = 1, EMULATOR_SCHEDULE_RANDOM = 2 };

// Writes the first `bytes` bytes of the statistics.
EMULATOR_EXPORT void emulatorStatistics(EmulatorStatistics* statistics, size_t bytes);
// Copies the last fault's sentence (UTF-8, NUL-terminated, cut to fit) and returns its length; 0 when there was none.
EMULATOR_EXPORT size_t emulatorLastFault(char* text, size_t capacity);
// Forgets the last fault and sets the count of faults to 0.
EMULATOR_EXPORT void emulatorClearFaults();
// The n-th device allocation from now on (1 is the next) gives CUDA_ERROR_OUT_OF_MEMORY; 0 takes the order back.
EMULATOR_EXPORT void emulatorFailAllocation(int64_t n);
// The n-th pinned allocation (cuMemHostAlloc, cuMemHostRegister) gives CUDA_ERROR_OUT_OF_MEMORY.
EMULATOR_EXPORT void emulatorFailPinned(int64_t n);
// The n-th kernel from now on fails with CUDA_ERROR_LAUNCH_FAILED and poisons its context.
EMULATOR_EXPORT void emulatorFailLaunch(int64_t n);
// The n-th matrix product from now on gives CUBLAS_STATUS_EXECUTION_FAILED.
EMULATOR_EXPORT void emulatorFailCublas(int64_t n);
// The driver's version as cuDriverGetVersion gives it (13000 at first); PTX newer than it is refused with error 222.
EMULATOR_EXPORT void emulatorSetDriverVersion(int32_t version);
// The number of devices, 0 or 1; 0 makes cuInit fail with CUDA_ERROR_NO_DEVICE.
EMULATOR_EXPORT void emulatorSetDeviceCount(int32_t count);
// The device's memory in bytes; 0 gives the default (4 GiB).
EMULATOR_EXPORT void emulatorSetMemory(uint64_t bytes);
// When queued work runs; work that is queued runs first. The seed matters to EMULATOR_STREAMS_RANDOM.
EMULATOR_EXPORT void emulatorSetStreams(int32_t mode, uint64_t seed);
// The order of blocks and threads within a kernel.
EMULATOR_EXPORT void emulatorSetSchedule(int32_t mode, uint64_t seed);
// Back to the state of a process that has just loaded the library: contexts, memory and handles are gone, counters are 0, failures
// and settings are as the environment says. Nothing of this library may be in use.
EMULATOR_EXPORT void emulatorReset();
