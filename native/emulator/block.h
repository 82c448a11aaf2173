// Runs the blocks of a grid on one OS thread, one after another.
//
// The threads of a block are fibers, but lazily: one fiber runs thread after thread in a plain loop until a thread has to wait;
// then that fiber stays with it, and another goes on with the loop. So a kernel without synchronisation costs no switch at all, and
// with it one switch for each thread and synchronisation.
//
// Order: a warp runs until all of its lanes wait at the block's barrier or have returned, then the next; within a warp every lane
// runs until it waits, then the next. The schedule says in which order, and never promises that lanes proceed together.
#pragma once
#include <stdint.h>
#include <string>
#include <vector>
#include "device.h"
#include "executor.h"
#include "fiber.h"
#include "shared_memory.h"

namespace emulator {

constexpr int warp_lanes = 32, max_threads = 1024;

// The operands of a warp's matrix product.
struct Matrices { double a[16][16], b[16][8]; };

struct Warp
{
    const uint8_t* order;              // of this pass: lanes
    int position, lanes, first;        // next place in `order`; lanes there are; index of the first thread
    int waiting;                       // lanes that wait at `kind`, `site`
    Sync kind;
    Site site;
    uint32_t turn;                     // operations done; its lowest bit picks the half of what follows, so that no lane can
    uint64_t slots[2][warp_lanes];     // write for the next operation over what another has still to read
    uint32_t votes[2];
    Matrices matrices[2];
    uint8_t shuffled[warp_lanes];
};

class BlockRunner
{
public:
    BlockRunner() = default;
    ~BlockRunner();
    BlockRunner(const BlockRunner&) = delete;
    BlockRunner& operator=(const BlockRunner&) = delete;

    // Runs one block to its end; false and a sentence in `error` where the kernel broke a rule.
    bool run(const Kernel& kernel, const void* arguments, Dim3 grid, Dim3 block, size_t dynamic_shared, size_t shared_limit,
        const Schedule& schedule, std::string& error);

    // The runner of this OS thread while it runs a block.
    static BlockRunner* current();

    // For the functions that kernels call.
    void wait_block(Sync kind, Site site);
    Warp& wait_warp(Sync kind, Site site);
    Warp& warp() { return warps_[thread_ / warp_lanes]; }
    int lane() const { return thread_ % warp_lanes; }
    void* shared(const SharedArray& array);
    void* dynamic();
    void fail(int thread, const std::string& sentence); // notes what went wrong
    [[noreturn]] void abandon();                         // then ends the block; no caller may own anything at that point
    int thread() const { return thread_; }
    std::string place(int thread) const;

    bool vote = false;                 // any_thread: of the arrivals so far, and of the last barrier
    bool vote_result = false;

private:
    enum State : uint8_t { fresh, ready, at_operation, at_barrier, done };

    static void fiber_main();
    void loop();
    void suspend();
    int next();
    void start_pass(Warp& warp);
    void start_phase();
    void incomplete(const Warp& warp);
    std::string whereabouts(int thread) const;
    uint64_t draw();

    const Kernel* kernel_ = nullptr;
    const void* arguments_ = nullptr;
    Schedule schedule_;
    uint64_t random_ = 0;
    int threads_ = 0, thread_ = 0, pending_ = -1;

    int active_[max_threads / warp_lanes]; // warps that have not reached the barrier, in order, from cursor_ on
    int active_count_ = 0, cursor_ = 0;
    int waiting_ = 0, first_waiting_ = 0;  // threads at the barrier
    Sync kind_ = Sync::threads;
    Site site_ = {};

    State state_[max_threads];
    Fiber* fiber_[max_threads];
    Site sites_[max_threads];
    Sync kinds_[max_threads];
    Warp warps_[max_threads / warp_lanes];

    Fiber native_;
    Fiber* running_ = nullptr;
    std::vector<Fiber*> fibers_, free_;
    SharedMemory shared_;
    std::string error_;
    bool failed_ = false;
};

} // namespace emulator
