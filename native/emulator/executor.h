// Runs kernels that were compiled as ordinary C++. This is the whole interface of the execution core to the emulated driver.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string>
#include <vector>

namespace emulator {

struct Dim3 { unsigned x = 1, y = 1, z = 1; };

struct Kernel
{
    const char* name;
    int threads;                       // the block size that the kernel is compiled for
    size_t argument_bytes;             // size of its one argument, a struct
    void (*body)(const void*);         // runs one thread; the pointer is to the arguments
    mutable size_t dynamic_limit = 0;  // dynamic shared memory that the kernel was allowed beyond the default
    const Kernel* next = nullptr;      // registration order, newest first
};

// The kernel of that name; null where there is none.
const Kernel* find_kernel(const char* name);

// Every kernel, sorted by name.
std::vector<const Kernel*> kernels();

constexpr size_t default_shared_limit = 48 * 1024, largest_shared_limit = 227 * 1024;

// As CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: false where `bytes` is more than the device has.
bool allow_dynamic_shared(const Kernel& kernel, size_t bytes);

// Runs a grid to its end on this thread and the executor's own. Calls from several threads run one after another. `arguments` are
// copied. Gives false and one sentence in `error` for a launch that the device would refuse, and for a kernel that breaks the rules
// of the programming model (a divergent barrier, a shuffle without the whole warp, ...).
bool execute(const Kernel& kernel, Dim3 grid, Dim3 block, size_t dynamic_shared, const void* arguments, std::string& error);

// The order in which blocks run, and within a block the order of warps and of lanes between two synchronisations. A correct kernel
// gives the same bits under all of them. First value: MERGE_ENGINE_EMULATOR_SCHEDULE = forward | reverse | random:SEED.
struct Schedule
{
    enum Order { forward, reverse, random } order = forward;
    uint64_t seed = 0;
};
Schedule get_schedule();
void set_schedule(Schedule schedule);

// OS threads that run blocks at the same time. First value: MERGE_ENGINE_EMULATOR_THREADS, else the processors at hand.
int get_threads();
void set_threads(int count);

// A sentence about one of the two variables where it cannot be understood; else empty. Every launch fails with it.
std::string settings_error();

} // namespace emulator
