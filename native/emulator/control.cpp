#include "control.h"

#include "cublas_handle.h"
#include "driver.h"
#include "executor.h"

#include <algorithm>
#include <cstring>

using namespace emulator;

void emulatorStatistics(EmulatorStatistics* statistics, size_t bytes)
{
    Call call("emulatorStatistics");
    const Driver& driver = call.driver;
    EmulatorStatistics now = {};
    now.allocations = static_cast<int64_t>(driver.memory.live_device());
    now.allocated_bytes = static_cast<int64_t>(driver.memory.used());
    now.peak_bytes = static_cast<int64_t>(driver.memory.peak());
    now.total_allocations = driver.memory.made();
    size_t pinned_bytes = 0;
    now.pinned_allocations = static_cast<int64_t>(driver.memory.live_host(MemoryKind::Pinned, &pinned_bytes));
    now.pinned_bytes = static_cast<int64_t>(pinned_bytes);
    now.registered_ranges = static_cast<int64_t>(driver.memory.live_host(MemoryKind::Registered, nullptr));
    now.streams = static_cast<int64_t>(driver.streams.size());
    now.events = static_cast<int64_t>(driver.events.size());
    now.modules = static_cast<int64_t>(driver.modules.size());
    now.graphs = static_cast<int64_t>(driver.graphs.size());
    now.graph_executables = static_cast<int64_t>(driver.executables.size());
    now.cublas_handles = static_cast<int64_t>(driver.blas_handles.size());
    now.cublaslt_handles = static_cast<int64_t>(driver.lt_handles.size());
    now.cublaslt_descriptors = static_cast<int64_t>(driver.lt_descriptors.size());
    now.primary_contexts = driver.retains;
    now.launches = driver.counters.launches;
    now.graph_launches = driver.counters.graph_launches;
    now.copies = driver.counters.copies;
    now.copied_bytes = driver.counters.copied_bytes;
    now.fills = driver.counters.fills;
    now.products = driver.counters.products;
    now.synchronizations = driver.counters.synchronizations;
    now.queued = static_cast<int64_t>(driver.scheduler.queued());
    now.faults = driver.faults.count();
    now.leaked = driver.counters.leaked;
    std::memcpy(statistics, &now, std::min(bytes, sizeof now));
}

size_t emulatorLastFault(char* target, size_t capacity)
{
    Call call("emulatorLastFault");
    const std::string& sentence = call.driver.faults.last();
    if (target != nullptr && capacity > 0) {
        const size_t length = std::min(capacity - 1, sentence.size());
        std::memcpy(target, sentence.data(), length);
        target[length] = '\0';
    }
    return sentence.size();
}

void emulatorClearFaults()
{
    Call call("emulatorClearFaults");
    call.driver.faults.clear();
}

void emulatorFailAllocation(int64_t n)
{
    Call call("emulatorFailAllocation");
    call.driver.injections.allocation.arm(n);
}

void emulatorFailPinned(int64_t n)
{
    Call call("emulatorFailPinned");
    call.driver.injections.pinned.arm(n);
}

void emulatorFailLaunch(int64_t n)
{
    Call call("emulatorFailLaunch");
    call.driver.injections.launch.arm(n);
}

void emulatorFailCublas(int64_t n)
{
    Call call("emulatorFailCublas");
    call.driver.injections.product.arm(n);
}

void emulatorSetDriverVersion(int32_t version)
{
    Call call("emulatorSetDriverVersion");
    call.driver.driver_version = version;
}

void emulatorSetDeviceCount(int32_t count)
{
    Call call("emulatorSetDeviceCount");
    call.driver.device_count = count > 0 ? 1 : 0;
}

void emulatorSetMemory(uint64_t bytes)
{
    Call call("emulatorSetMemory");
    call.driver.memory.set_limit(bytes != 0 ? static_cast<size_t>(bytes) : size_t{4} << 30);
}

void emulatorSetStreams(int32_t mode, uint64_t seed)
{
    Call call("emulatorSetStreams");
    call.driver.scheduler.drain_all();
    call.driver.scheduler.set_mode(mode == EMULATOR_STREAMS_LATE     ? StreamMode::Late
                                   : mode == EMULATOR_STREAMS_RANDOM ? StreamMode::Random
                                                                     : StreamMode::Eager,
                                   seed);
}

void emulatorSetSchedule(int32_t mode, uint64_t seed)
{
    Call call("emulatorSetSchedule");
    set_schedule(Schedule{mode == EMULATOR_SCHEDULE_REVERSE  ? Schedule::reverse
                          : mode == EMULATOR_SCHEDULE_RANDOM ? Schedule::random
                                                             : Schedule::forward,
                          seed});
}

void emulatorReset()
{
    Call call("emulatorReset");
    call.driver.reset();
}
