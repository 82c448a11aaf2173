#include "block.h"
#include <string.h>
#include <stdio.h>
#include <algorithm>
#if defined(MERGE_ENGINE_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace emulator {

__thread Context context __attribute__((tls_model("initial-exec")));

namespace {

__thread BlockRunner* runner __attribute__((tls_model("initial-exec")));

const char* const names[] = {
    "sync_threads", "any_thread", "sync_warp", "shuffle", "shuffle_down", "shuffle_xor", "ballot", "mma_tf32_16x8x8", "mma_bf16_16x8x16",
};

constexpr uint8_t ascending[warp_lanes] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
    25, 26, 27, 28, 29, 30, 31 };

bool same(Site a, Site b) { return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0); }

std::string text(Sync kind, Site site)
{
    const char* const slash = strrchr(site.file, '/');
    return std::string(names[static_cast<int>(kind)]) + " (" + (slash == nullptr ? site.file : slash + 1) + ":" + std::to_string(site.line) + ")";
}

#if defined(MERGE_ENGINE_ASAN)
// AddressSanitizer's report is about lines of code; this adds which thread of which block.
void name_thread(const char*)
{
    if (runner != nullptr) fprintf(stderr, "emulator: that was %s.\n", runner->place(runner->thread()).c_str());
}

const bool names_threads = (__asan_set_error_report_callback(name_thread), true);
#endif

} // namespace

MERGE_ENGINE_UNCHECKED BlockRunner* BlockRunner::current() { return runner; }

BlockRunner::~BlockRunner()
{
    for (Fiber* fiber : fibers_) destroy_fiber(fiber);
}

// --- The order of things ---------------------------------------------------------------------------------------------

// SplitMix64.
uint64_t BlockRunner::draw()
{
    uint64_t z = random_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// Lets every lane of the warp that can run do so once more.
MERGE_ENGINE_UNCHECKED void BlockRunner::start_pass(Warp& warp)
{
    warp.position = 0;
    if (schedule_.order == Schedule::forward) {
        warp.order = ascending;
        return;
    }
    warp.order = warp.shuffled;
    for (int i = 0; i < warp.lanes; i++) warp.shuffled[i] = static_cast<uint8_t>(warp.lanes - 1 - i);
    if (schedule_.order == Schedule::random)
        for (int i = warp.lanes - 1; i > 0; i--) std::swap(warp.shuffled[i], warp.shuffled[draw() % static_cast<unsigned>(i + 1)]);
}

// Begins what lies between two barriers: active_ holds the warps that take part, ascending.
void BlockRunner::start_phase()
{
    cursor_ = 0;
    for (int i = 0; i < active_count_; i++) start_pass(warps_[active_[i]]);
    if (schedule_.order == Schedule::reverse) std::reverse(active_, active_ + active_count_);
    if (schedule_.order == Schedule::random)
        for (int i = active_count_ - 1; i > 0; i--) std::swap(active_[i], active_[draw() % static_cast<unsigned>(i + 1)]);
}

// The thread that runs next; -1 when all have returned.
MERGE_ENGINE_UNCHECKED int BlockRunner::next()
{
    for (;;) {
        Warp& warp = warps_[active_[cursor_]];
        while (warp.position < warp.lanes) {
            const int thread = warp.first + warp.order[warp.position++];
            if (state_[thread] <= ready) return thread;
        }
        if (warp.waiting > 0) {
            if (warp.waiting < warp_lanes) {
                incomplete(warp);
                abandon();
            }
            memset(state_ + warp.first, ready, warp_lanes);
            warp.waiting = 0;
            warp.turn++;
            start_pass(warp);
            // Another warp may run first, so that what only the order within this phase protects is found.
            if (schedule_.order == Schedule::random)
                std::swap(active_[cursor_], active_[cursor_ + static_cast<int>(draw() % static_cast<unsigned>(active_count_ - cursor_))]);
            continue;
        }
        if (++cursor_ < active_count_) continue;
        if (waiting_ == 0) return -1;

        active_count_ = 0;
        for (int w = 0; w * warp_lanes < threads_; w++) {
            bool takes_part = false;
            for (int i = warps_[w].first; i < warps_[w].first + warps_[w].lanes; i++)
                if (state_[i] == at_barrier) state_[i] = ready, takes_part = true;
            if (takes_part) active_[active_count_++] = w;
        }
        waiting_ = 0;
        vote_result = vote;
        vote = false;
        start_phase();
    }
}

// --- Fibers ----------------------------------------------------------------------------------------------------------

void BlockRunner::fiber_main()
{
    fiber_entered();
    runner->loop();
}

// Runs threads that have not begun, one after another; where the next one is a waiting one, goes to its fiber.
MERGE_ENGINE_UNCHECKED void BlockRunner::loop()
{
    for (;;) {
        int thread = pending_;
        pending_ = -1;
        if (thread < 0) thread = next();
        if (thread < 0) {
            switch_fiber(*running_, native_);
        } else if (state_[thread] == fresh) {
            thread_ = thread;
            context.thread = { static_cast<unsigned>(thread), 0, 0 };
            fiber_[thread] = running_;
            kernel_->body(arguments_);
            state_[thread_] = done;
        } else {
            Fiber* const self = running_;
            free_.push_back(self);
            running_ = fiber_[thread];
            switch_fiber(*self, *running_);
        }
    }
}

// Lets other threads run until next() chooses this one again.
MERGE_ENGINE_UNCHECKED void BlockRunner::suspend()
{
    const int self = thread_, thread = next();
    if (thread == self) return;
    Fiber* target = fiber_[thread];
    if (state_[thread] == fresh) {
        pending_ = thread;
        if (free_.empty()) {
            fibers_.push_back(create_fiber(fiber_main, fibers_.size()));
            free_.push_back(fibers_.back());
        }
        target = free_.back();
        free_.pop_back();
    }
    Fiber* const fiber = fiber_[self];
    running_ = target;
    switch_fiber(*fiber, *target);
    thread_ = self;
    context.thread.x = static_cast<unsigned>(self);
}

bool BlockRunner::run(const Kernel& kernel, const void* arguments, Dim3 grid, Dim3 block, size_t dynamic_shared, size_t shared_limit,
    const Schedule& schedule, std::string& error)
{
    kernel_ = &kernel;
    arguments_ = arguments;
    schedule_ = schedule;
    random_ = schedule.seed + (block.x + static_cast<uint64_t>(grid.x) * (block.y + static_cast<uint64_t>(grid.y) * block.z)) * 0x632be59bd9b4e019u;
    threads_ = kernel.threads;
    context.block = { block.x, block.y, block.z };
    context.block_size = { static_cast<unsigned>(threads_), 1, 1 };
    context.grid_size = { grid.x, grid.y, grid.z };
    shared_.begin(dynamic_shared, shared_limit);
    waiting_ = 0;
    vote = false;
    memset(state_, fresh, static_cast<size_t>(threads_));
    active_count_ = (threads_ + warp_lanes - 1) / warp_lanes;
    for (int w = 0; w < active_count_; w++) {
        active_[w] = w;
        warps_[w].first = w * warp_lanes;
        warps_[w].lanes = std::min(warp_lanes, threads_ - w * warp_lanes);
        warps_[w].waiting = 0;
        warps_[w].turn = 0;
    }
    start_phase();

    if (fibers_.empty()) {
        fibers_.push_back(create_fiber(fiber_main, 0));
        running_ = fibers_[0];
    }
    runner = this;
    switch_fiber(native_, *running_);
    runner = nullptr;

    if (failed_) {
        // The threads that were under way are abandoned: kernels own nothing.
        for (size_t i = 0; i < fibers_.size(); i++) restart_fiber(*fibers_[i], fiber_main, i);
        free_.assign(fibers_.begin() + 1, fibers_.end());
        running_ = fibers_[0];
        pending_ = -1;
        failed_ = false;
        error = error_;
        return false;
    }
    const std::string damage = shared_.damage();
    if (damage.empty()) return true;
    error = "kernel " + std::string(kernel.name) + ", block (" + std::to_string(block.x) + ", " + std::to_string(block.y) + ", " +
        std::to_string(block.z) + "): " + damage + ".";
    return false;
}

// --- Waiting ---------------------------------------------------------------------------------------------------------

MERGE_ENGINE_UNCHECKED void BlockRunner::wait_block(Sync kind, Site site)
{
    if (waiting_++ == 0) {
        kind_ = kind;
        site_ = site;
        first_waiting_ = thread_;
    } else if (kind != kind_ || !same(site, site_)) {
        fail(thread_, "divergent barrier: waits at " + text(kind, site) + " while thread " + std::to_string(first_waiting_) + " waits at " +
            text(kind_, site_));
        abandon();
    }
    state_[thread_] = at_barrier;
    kinds_[thread_] = kind;
    sites_[thread_] = site;
    suspend();
}

MERGE_ENGINE_UNCHECKED Warp& BlockRunner::wait_warp(Sync kind, Site site)
{
    Warp& warp = warps_[thread_ / warp_lanes];
    if (warp.waiting++ == 0) {
        warp.kind = kind;
        warp.site = site;
    } else if (kind != warp.kind || !same(site, warp.site)) {
        int other = warp.first;
        while (state_[other] != at_operation) other++;
        fail(thread_, text(kind, site) + " needs the whole warp, but lane " + std::to_string(other - warp.first) + " " + whereabouts(other));
        abandon();
    }
    state_[thread_] = at_operation;
    kinds_[thread_] = kind;
    sites_[thread_] = site;
    suspend();
    return warp;
}

// --- Errors ----------------------------------------------------------------------------------------------------------

std::string BlockRunner::whereabouts(int thread) const
{
    return state_[thread] == done ? "has returned" : "waits at " + text(kinds_[thread], sites_[thread]);
}

void BlockRunner::incomplete(const Warp& warp)
{
    int waiting = warp.first;
    while (state_[waiting] != at_operation) waiting++;
    for (int lane = 0; lane < warp_lanes; lane++) {
        const int thread = warp.first + lane;
        if (thread < threads_ && state_[thread] == at_operation) continue;
        fail(waiting, text(warp.kind, warp.site) + " needs the whole warp, but lane " + std::to_string(lane) + " " +
            (thread < threads_ ? whereabouts(thread) : "does not exist in this block"));
        return;
    }
}

std::string BlockRunner::place(int thread) const
{
    const Index block = context.block;
    return "kernel " + std::string(kernel_->name) + ", block (" + std::to_string(block.x) + ", " + std::to_string(block.y) + ", " +
        std::to_string(block.z) + "), thread " + std::to_string(thread);
}

void BlockRunner::fail(int thread, const std::string& sentence) { error_ = place(thread) + ": " + sentence + "."; }

// The block's fibers stay where they are.
void BlockRunner::abandon()
{
    failed_ = true;
    switch_fiber(*running_, native_);
    __builtin_unreachable();
}

void* BlockRunner::shared(const SharedArray& array)
{
    {
        std::string error;
        void* const address = shared_.find(array, error);
        if (address != nullptr) return address;
        fail(thread_, error);
    }
    abandon();
}

void* BlockRunner::dynamic()
{
    if (shared_.dynamic() != nullptr) return shared_.dynamic();
    fail(thread_, "uses dynamic shared memory, but was launched with none");
    abandon();
}

} // namespace emulator
