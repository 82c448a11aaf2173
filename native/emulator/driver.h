// The one emulated driver of a process: contexts, handles, settings, counters, and the checks that every entry point begins with.
#pragma once

#include "executor.h"
#include "failure.h"
#include "graph.h"
#include "memory.h"
#include "stream.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace emulator {

struct Context {
    CUresult poison = CUDA_SUCCESS; // the error that a failed operation left, given by every later call
    bool destroyed = false;
};

struct Module {
    std::map<std::string, void*> functions; // handles given so far, by name
};

struct Function {
    const Kernel* kernel = nullptr;
    uint64_t module = 0;
    size_t dynamic_limit = 0; // dynamic shared memory beyond the default that cuFuncSetAttribute allowed
};

// Live objects by handle. A handle is a number that is never given again, so a destroyed one is always recognised.
template <typename T>
class Registry {
public:
    void* add(std::shared_ptr<T> object)
    {
        void* handle = reinterpret_cast<void*>(next_handle());
        live_.emplace(handle, std::move(object));
        return handle;
    }
    std::shared_ptr<T> find(const void* handle) const
    {
        const auto found = live_.find(const_cast<void*>(handle));
        return found == live_.end() ? nullptr : found->second;
    }
    std::shared_ptr<T> take(const void* handle)
    {
        const auto found = live_.find(const_cast<void*>(handle));
        if (found == live_.end())
            return nullptr;
        auto object = std::move(found->second);
        live_.erase(found);
        return object;
    }
    template <typename Predicate>
    void remove_if(Predicate predicate)
    {
        for (auto entry = live_.begin(); entry != live_.end();)
            entry = predicate(*entry->second) ? live_.erase(entry) : std::next(entry);
    }
    size_t size() const { return live_.size(); }
    void clear() { live_.clear(); }

private:
    static uintptr_t next_handle()
    {
        static uintptr_t next = uintptr_t{0xE0} << 40; // not an address that anything is mapped at
        return next += 16;
    }
    std::unordered_map<void*, std::shared_ptr<T>> live_;
};

struct Counters {
    int64_t launches = 0, graph_launches = 0, copies = 0, copied_bytes = 0, fills = 0, products = 0, synchronizations = 0, leaked = 0;
};

struct BlasHandle;
struct LtHandle;
struct LtDescriptor;

class Driver {
public:
    static Driver& instance();

    std::recursive_mutex gate;
    Faults faults;
    Injections injections;
    Counters counters;
    Memory memory;
    Scheduler scheduler{memory, faults};
    Registry<Stream> streams;
    Registry<Event> events;
    Registry<Module> modules;
    Registry<Function> functions;
    Registry<Graph> graphs;
    Registry<GraphExecutable> executables;
    Registry<BlasHandle> blas_handles;
    Registry<LtHandle> lt_handles;
    Registry<LtDescriptor> lt_descriptors;
    std::vector<std::weak_ptr<Capture>> captures;

    bool initialized = false;
    int driver_version = 13000;
    int device_count = 1;
    std::string settings_error; // a sentence about a variable of the environment that cannot be understood: cuInit fails with it

    std::shared_ptr<Context> primary; // null while nobody retains it
    CUcontext primary_handle = nullptr;
    int64_t retains = 0;
    Registry<Context> contexts; // every context that ever was, so that a destroyed one is told from a bad handle

    std::shared_ptr<Stream> legacy_stream();
    std::shared_ptr<Stream> thread_stream();
    void destroy_primary();
    void load_settings(); // from the environment
    void reset();

private:
    Driver();
    Schedule first_schedule_; // as the environment said
    std::shared_ptr<Stream> legacy_;
    std::map<std::thread::id, std::shared_ptr<Stream>> thread_streams_;
};

// One call of an entry point: holds the driver's lock, and gives the checks in the order in which the driver makes them.
class Call {
public:
    explicit Call(const char* name);

    Driver& driver;

    CUresult initialized();               // 3 before cuInit
    CUresult enter();                     // also 201 without a current context, 709, and the context's own error
    CUresult unsafe();                    // a call that may synchronise: an error, and the end of a capture, while one forbids it
    CUresult find_stream(CUstream handle, std::shared_ptr<Stream>& stream);
    // Captures or queues the operation; a failure in eager mode comes back at once.
    CUresult submit(const std::shared_ptr<Stream>& stream, std::shared_ptr<Operation> operation, MarkerPointer* marker = nullptr);
    CUresult wait(const MarkerPointer& marker); // runs what is missing; gives the context's error if it has one by then
    CUresult wait_all();
    CUresult fault(CUresult status, const std::string& sentence); // reports a misuse under this call's name
    void invalidate(Capture& capture);
    const char* name() const { return name_; }
    std::shared_ptr<Context> context() const { return context_; }

private:
    std::lock_guard<std::recursive_mutex> lock_;
    const char* name_;
    std::shared_ptr<Context> context_;
};

// The calling thread's current context, and its stack below it.
std::vector<CUcontext>& context_stack();
// The calling thread's capture interaction mode (cuThreadExchangeStreamCaptureMode).
CUstreamCaptureMode& thread_capture_mode();

} // namespace emulator

// Leaves an entry point with the status unless it is success.
#define EMULATOR_CHECK(expression)                                                                                                       \
    do {                                                                                                                                 \
        if (const CUresult check_status = (expression); check_status != CUDA_SUCCESS)                                                    \
            return check_status;                                                                                                         \
    } while (false)
