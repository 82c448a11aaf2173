#include "driver.h"

#include "cublas_handle.h"
#include "control.h"
#include "environment.h"
#include "executor.h"

#include <algorithm>
#include <cstring>

namespace emulator {

Driver& Driver::instance()
{
    // Never destroyed: threads of the host may still call while the process ends.
    static Driver* driver = new Driver();
    return *driver;
}

Driver::Driver()
{
    first_schedule_ = get_schedule();
    load_settings();
}

void Driver::load_settings()
{
    settings_error = emulator::settings_error();
    const auto number = [this](const char* name, uint64_t otherwise, uint64_t least, uint64_t most, const char* expected) {
        const char* value = environment_value(name);
        uint64_t given = otherwise;
        if (value == nullptr || (parse_number(value, given) && given >= least && given <= most))
            return given;
        settings_error = refuse_value(name, value, expected);
        return otherwise;
    };
    constexpr uint64_t any = INT64_MAX;
    faults.set_verbose(number("MERGE_ENGINE_EMULATOR_VERBOSE", 0, 0, 1, "0 or 1") != 0);
    memory.set_limit(number("MERGE_ENGINE_EMULATOR_MEMORY", uint64_t{4} << 30, 1, any, "a number of bytes, such as 4294967296"));
    driver_version = static_cast<int>(
        number("MERGE_ENGINE_EMULATOR_DRIVER_VERSION", 13000, 1000, 99999, "a CUDA version times 1000, such as 12040 for CUDA 12.4"));
    device_count = static_cast<int>(number("MERGE_ENGINE_EMULATOR_DEVICES", 1, 0, 1, "0 or 1"));
    const auto which = [&number](const char* name) {
        return static_cast<int64_t>(number(name, 0, 0, any, "the number of the call that fails, from 1 on, or 0 for none"));
    };
    injections.allocation.arm(which("MERGE_ENGINE_EMULATOR_FAIL_ALLOCATION"));
    injections.pinned.arm(0);
    injections.launch.arm(which("MERGE_ENGINE_EMULATOR_FAIL_LAUNCH"));
    injections.product.arm(which("MERGE_ENGINE_EMULATOR_FAIL_CUBLAS"));

    StreamMode mode = StreamMode::Eager;
    uint64_t seed = 1;
    const char* const name = "MERGE_ENGINE_EMULATOR_STREAMS";
    if (const char* value = environment_value(name)) {
        if (std::strcmp(value, "late") == 0)
            mode = StreamMode::Late;
        else if (parse_random(value, seed))
            mode = StreamMode::Random;
        else if (std::strcmp(value, "eager") != 0)
            settings_error = refuse_value(name, value, "eager, late or random:SEED");
    }
    scheduler.set_mode(mode, seed);
}

std::shared_ptr<Stream> Driver::legacy_stream()
{
    if (legacy_ == nullptr) {
        legacy_ = std::make_shared<Stream>();
        legacy_->legacy = true;
        legacy_->context = primary;
        scheduler.add(legacy_);
    }
    return legacy_;
}

std::shared_ptr<Stream> Driver::thread_stream()
{
    auto& stream = thread_streams_[std::this_thread::get_id()];
    if (stream == nullptr) {
        stream = std::make_shared<Stream>();
        stream->context = primary;
        scheduler.add(stream);
    }
    return stream;
}

void Driver::destroy_primary()
{
    scheduler.drain_all();
    counters.leaked += static_cast<int64_t>(memory.live_device() + memory.live_host(MemoryKind::Pinned, nullptr)
                                            + memory.live_host(MemoryKind::Registered, nullptr) + streams.size() + events.size()
                                            + modules.size() + blas_handles.size());
    primary->destroyed = true;
    primary = nullptr;
    primary_handle = nullptr;
    legacy_ = nullptr;
    thread_streams_.clear();
    scheduler.clear();
    streams.clear();
    events.clear();
    modules.clear();
    functions.clear();
    graphs.clear();
    executables.clear();
    captures.clear();
    memory.clear_live();
}

void Driver::reset()
{
    if (primary != nullptr)
        destroy_primary();
    retains = 0;
    initialized = false;
    blas_handles.clear();
    lt_handles.clear();
    lt_descriptors.clear();
    memory.clear();
    counters = Counters{};
    faults.clear();
    set_schedule(first_schedule_);
    load_settings();
}

std::vector<CUcontext>& context_stack()
{
    thread_local std::vector<CUcontext> stack;
    return stack;
}

CUstreamCaptureMode& thread_capture_mode()
{
    thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    return mode;
}

Call::Call(const char* name) : driver(Driver::instance()), lock_(driver.gate), name_(name) {}

CUresult Call::fault(CUresult status, const std::string& sentence)
{
    driver.faults.report(std::string(name_) + ": " + sentence);
    return status;
}

CUresult Call::initialized()
{
    return driver.initialized ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED;
}

CUresult Call::enter()
{
    EMULATOR_CHECK(initialized());
    const auto& stack = context_stack();
    if (stack.empty() || stack.back() == nullptr)
        return fault(CUDA_ERROR_INVALID_CONTEXT, "the calling thread has no current context");
    context_ = driver.contexts.find(stack.back());
    if (context_ == nullptr)
        return fault(CUDA_ERROR_INVALID_CONTEXT, "the calling thread's current context is no context");
    if (context_->destroyed)
        return fault(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the calling thread's current context was destroyed");
    driver.scheduler.progress();
    return context_->poison;
}

void Call::invalidate(Capture& capture)
{
    capture.invalid = true;
}

CUresult Call::unsafe()
{
    const CUstreamCaptureMode thread_mode = thread_capture_mode();
    if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED)
        return CUDA_SUCCESS;
    auto& captures = driver.captures;
    captures.erase(std::remove_if(captures.begin(), captures.end(), [](const std::weak_ptr<Capture>& weak) { return weak.expired(); }),
                   captures.end());
    bool forbidden = false;
    for (const auto& weak : captures) {
        const auto capture = weak.lock();
        const bool own = capture->thread == std::this_thread::get_id();
        const bool counts = own ? capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED
                                : thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL && capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
        if (counts) {
            forbidden = true;
            invalidate(*capture);
        }
    }
    return forbidden ? fault(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "not permitted while a stream is capturing; the capture is invalid now")
                     : CUDA_SUCCESS;
}

CUresult Call::find_stream(CUstream handle, std::shared_ptr<Stream>& stream)
{
    if (handle == nullptr || handle == CU_STREAM_LEGACY) {
        // The legacy stream waits for every blocking stream, which a capturing one cannot be waited for.
        for (const auto& weak : driver.captures)
            if (const auto capture = weak.lock())
                for (const auto& member : capture->streams)
                    if (const auto captured = member.lock(); captured != nullptr && captured->blocking) {
                        invalidate(*capture);
                        return fault(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                                     "the legacy default stream would wait for a blocking stream that is capturing");
                    }
        stream = driver.legacy_stream();
        return CUDA_SUCCESS;
    }
    stream = handle == CU_STREAM_PER_THREAD ? driver.thread_stream() : driver.streams.find(handle);
    return stream != nullptr ? CUDA_SUCCESS : fault(CUDA_ERROR_INVALID_HANDLE, "the stream was never created or is destroyed");
}

CUresult Call::submit(const std::shared_ptr<Stream>& stream, std::shared_ptr<Operation> operation, MarkerPointer* marker)
{
    if (stream->capture != nullptr) {
        if (stream->capture->invalid)
            return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        capture_operation(*stream, std::move(operation));
        return CUDA_SUCCESS;
    }
    const MarkerPointer submitted = driver.scheduler.submit(stream, std::move(operation));
    if (marker != nullptr)
        *marker = submitted;
    return context_->poison;
}

CUresult Call::wait(const MarkerPointer& marker)
{
    ++driver.counters.synchronizations;
    driver.scheduler.drain(marker);
    return context_->poison;
}

CUresult Call::wait_all()
{
    ++driver.counters.synchronizations;
    driver.scheduler.drain_all();
    return context_->poison;
}

} // namespace emulator
