// The functions that kernels call to wait for, and to hand values to, other threads.
#include <string.h>
#include "block.h"

namespace emulator {

void* shared_array(const SharedArray& array) { return BlockRunner::current()->shared(array); }

void* dynamic_shared() { return BlockRunner::current()->dynamic(); }

MERGE_ENGINE_UNCHECKED void synchronize(Sync kind, Site site)
{
    BlockRunner& runner = *BlockRunner::current();
    if (kind == Sync::warp) runner.wait_warp(kind, site);
    else runner.wait_block(kind, site);
}

MERGE_ENGINE_UNCHECKED bool any_thread(bool predicate, Site site)
{
    BlockRunner& runner = *BlockRunner::current();
    runner.vote = runner.vote || predicate;
    runner.wait_block(Sync::any, site);
    return runner.vote_result;
}

MERGE_ENGINE_UNCHECKED uint32_t ballot(bool predicate, Site site)
{
    BlockRunner& runner = *BlockRunner::current();
    Warp& warp = runner.warp();
    const uint32_t half = warp.turn & 1;
    if (warp.waiting == 0) warp.votes[half] = 0;
    warp.votes[half] |= static_cast<uint32_t>(predicate) << runner.lane();
    runner.wait_warp(Sync::ballot, site);
    return warp.votes[half];
}

MERGE_ENGINE_UNCHECKED uint64_t exchange(Sync kind, uint64_t bits, unsigned operand, Site site)
{
    BlockRunner& runner = *BlockRunner::current();
    if (operand >= warp_lanes) {
        runner.fail(runner.thread(), "a shuffle's lane, distance or mask is " + std::to_string(operand) + "; it must be below 32");
        runner.abandon();
    }
    Warp& warp = runner.warp();
    const uint32_t half = warp.turn & 1, lane = static_cast<uint32_t>(runner.lane());
    warp.slots[half][lane] = bits;
    runner.wait_warp(kind, site);
    uint32_t source = operand;
    if (kind == Sync::shuffle_down) source = lane + operand < warp_lanes ? lane + operand : lane;
    if (kind == Sync::shuffle_xor) source = lane ^ operand;
    return warp.slots[half][source];
}

void misaligned(const void* address, const char* what, Site site)
{
    BlockRunner& runner = *BlockRunner::current();
    const char* const slash = strrchr(site.file, '/');
    runner.fail(runner.thread(), std::string(what) + " (" + (slash == nullptr ? site.file : slash + 1) + ":" + std::to_string(site.line) +
        ") of an address that is " + std::to_string(reinterpret_cast<uintptr_t>(address) % 16) + " beyond a multiple of 16");
    runner.abandon();
}

} // namespace emulator
