#include "executor.h"
#include <string.h>
#include <stdlib.h>
#include <time.h>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include "block.h"
#include "environment.h"

namespace emulator {

namespace {

const Kernel* newest = nullptr;        // set before any constructor runs

struct Settings
{
    Schedule schedule;
    int threads;
    std::string error;                 // about an environment variable; every launch reports it
};

Settings read_settings()
{
    Settings settings;
    const char* name = "MERGE_ENGINE_EMULATOR_SCHEDULE";
    if (const char* text = environment_value(name)) {
        if (strcmp(text, "reverse") == 0) settings.schedule.order = Schedule::reverse;
        else if (parse_random(text, settings.schedule.seed)) settings.schedule.order = Schedule::random;
        else if (strcmp(text, "forward") != 0) settings.error = refuse_value(name, text, "forward, reverse or random:SEED");
    }
    settings.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    name = "MERGE_ENGINE_EMULATOR_THREADS";
    if (const char* text = environment_value(name)) {
        uint64_t count = 0;
        if (!parse_number(text, count) || count < 1 || count > 1024) settings.error = refuse_value(name, text, "a number from 1 to 1024");
        else settings.threads = static_cast<int>(count);
    }
    return settings;
}

// Never destroyed: a launch may be under way in another thread when the process ends.
Settings& settings()
{
    static Settings* const instance = new Settings(read_settings());
    return *instance;
}

std::mutex& launch_gate()
{
    static std::mutex* const gate = new std::mutex;
    return *gate;
}

// One grid: blocks are handed out in the schedule's order.
struct Launch
{
    const Kernel& kernel;
    Dim3 grid;
    size_t dynamic_shared, shared_limit;
    const void* arguments;
    Schedule schedule;
    uint64_t blocks;
    std::vector<uint32_t> order;       // random only
    std::atomic<uint64_t> handed_out{ 0 };
    std::atomic<bool> failed{ false };
    std::mutex gate;
    std::string error;
};

// Runs one block of the launch; false when none is left or one has failed.
bool run_block(Launch& launch, BlockRunner& runner)
{
    if (launch.failed.load(std::memory_order_relaxed)) return false;
    uint64_t index = launch.handed_out.fetch_add(1, std::memory_order_relaxed);
    if (index >= launch.blocks) return false;
    if (launch.schedule.order == Schedule::reverse) index = launch.blocks - 1 - index;
    if (launch.schedule.order == Schedule::random) index = launch.order[index];
    const uint64_t row = index / launch.grid.x;
    const Dim3 block{ static_cast<unsigned>(index % launch.grid.x), static_cast<unsigned>(row % launch.grid.y),
        static_cast<unsigned>(row / launch.grid.y) };
    std::string error;
    if (runner.run(launch.kernel, launch.arguments, launch.grid, block, launch.dynamic_shared, launch.shared_limit, launch.schedule, error))
        return true;
    std::lock_guard<std::mutex> lock(launch.gate);
    if (launch.error.empty()) launch.error = error;
    launch.failed = true;
    return false;
}

// The executor's own OS threads. They are never joined: the process may end without asking a library.
class Helpers
{
public:
    static Helpers& instance()
    {
        static Helpers* const helpers = new Helpers;
        return *helpers;
    }

    // Lets `count` helpers take part in a launch.
    void start(Launch& launch, int count)
    {
        std::lock_guard<std::mutex> lock(gate_);
        for (; existing_ < count; existing_++) std::thread(&Helpers::work, this, existing_).detach();
        launch_ = &launch;
        invited_ = running_ = count;
        number_++;
        wake_.notify_all();
    }

    void wait()
    {
        std::unique_lock<std::mutex> lock(gate_);
        done_.wait(lock, [this] { return running_ == 0; });
    }

private:
    void work(int self)
    {
        BlockRunner runner;
        uint64_t seen = 0;
        for (;;) {
            std::unique_lock<std::mutex> lock(gate_);
            wake_.wait(lock, [&] { return number_ != seen && self < invited_; });
            seen = number_;
            Launch& launch = *launch_;
            lock.unlock();
            while (run_block(launch, runner)) { }
            lock.lock();
            if (--running_ == 0) done_.notify_one();
        }
    }

    std::mutex gate_;
    std::condition_variable wake_, done_;
    Launch* launch_ = nullptr;
    uint64_t number_ = 0;
    int existing_ = 0, invited_ = 0, running_ = 0;
};

int64_t now()
{
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

std::string text(Dim3 d) { return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")"; }

// What a device would refuse about a launch; empty for a good one.
std::string objection(const Kernel& kernel, Dim3 grid, Dim3 block, size_t dynamic_shared)
{
    if (block.x != static_cast<unsigned>(kernel.threads) || block.y != 1 || block.z != 1)
        return "has blocks of " + text(block) + " threads; the kernel is compiled for (" + std::to_string(kernel.threads) + ", 1, 1)";
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
        return "has a grid of " + text(grid) + " blocks; each must be at least 1 and at most 2147483647, 65535, 65535";
    const size_t limit = std::max(default_shared_limit, kernel.dynamic_limit);
    if (dynamic_shared > limit)
        return "asks for " + std::to_string(dynamic_shared) + " bytes of dynamic shared memory; the kernel was allowed " + std::to_string(limit);
    return {};
}

} // namespace

Registration::Registration(const char* name, int threads, size_t argument_bytes, void (*body)(const void*))
    : kernel{ name, threads, argument_bytes, body, 0, newest }
{
    newest = &kernel;
}

const Kernel* find_kernel(const char* name)
{
    for (const Kernel* kernel = newest; kernel != nullptr; kernel = kernel->next)
        if (strcmp(kernel->name, name) == 0) return kernel;
    return nullptr;
}

std::vector<const Kernel*> kernels()
{
    std::vector<const Kernel*> all;
    for (const Kernel* kernel = newest; kernel != nullptr; kernel = kernel->next) all.push_back(kernel);
    std::sort(all.begin(), all.end(), [](const Kernel* a, const Kernel* b) { return strcmp(a->name, b->name) < 0; });
    return all;
}

bool allow_dynamic_shared(const Kernel& kernel, size_t bytes)
{
    if (bytes > largest_shared_limit) return false;
    std::lock_guard<std::mutex> lock(launch_gate());
    kernel.dynamic_limit = bytes;
    return true;
}

Schedule get_schedule()
{
    std::lock_guard<std::mutex> lock(launch_gate());
    return settings().schedule;
}

void set_schedule(Schedule schedule)
{
    std::lock_guard<std::mutex> lock(launch_gate());
    settings().schedule = schedule;
}

int get_threads()
{
    std::lock_guard<std::mutex> lock(launch_gate());
    return settings().threads;
}

void set_threads(int count)
{
    std::lock_guard<std::mutex> lock(launch_gate());
    settings().threads = std::max(1, count);
}

std::string settings_error()
{
    std::lock_guard<std::mutex> lock(launch_gate());
    return settings().error;
}

bool execute(const Kernel& kernel, Dim3 grid, Dim3 block, size_t dynamic_shared, const void* arguments, std::string& error)
{
    std::lock_guard<std::mutex> lock(launch_gate());
    // Fibers stay on the OS thread that made them. On the heap, since a library that is loaded late has little room for static TLS.
    static thread_local const std::unique_ptr<BlockRunner> own = std::make_unique<BlockRunner>();
    BlockRunner& runner = *own;
    error = settings().error;
    if (!error.empty()) return false;
    const std::string reason = objection(kernel, grid, block, dynamic_shared);
    if (!reason.empty()) {
        error = "the launch of kernel " + std::string(kernel.name) + " " + reason + ".";
        return false;
    }

    // A copy that is aligned for any member; kernels copy it once more for each thread.
    std::vector<max_align_t> copy(kernel.argument_bytes / sizeof(max_align_t) + 1);
    memcpy(copy.data(), arguments, kernel.argument_bytes);
    const size_t limit = kernel.dynamic_limit > default_shared_limit ? largest_shared_limit : default_shared_limit;
    Launch launch{ kernel, grid, dynamic_shared, limit, copy.data(), settings().schedule,
        static_cast<uint64_t>(grid.x) * grid.y * grid.z, {}, {}, {}, {}, {} };
    if (launch.schedule.order == Schedule::random) {
        uint64_t state = launch.schedule.seed;
        launch.order.resize(launch.blocks);
        for (size_t i = 0; i < launch.order.size(); i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            const size_t j = static_cast<size_t>((state >> 33) % (i + 1));
            launch.order[i] = launch.order[j];
            launch.order[j] = static_cast<uint32_t>(i);
        }
    }

    // Short grids end before another thread would have woken up.
    const int helpers = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(settings().threads), launch.blocks)) - 1;
    const int64_t start = helpers > 0 ? now() : 0;
    bool helped = false;
    while (run_block(launch, runner)) {
        if (helpers <= 0 || helped || now() - start < 20000) continue;
        Helpers::instance().start(launch, helpers);
        helped = true;
    }
    if (helped) Helpers::instance().wait();
    error = launch.error;
    return !launch.failed;
}

} // namespace emulator
