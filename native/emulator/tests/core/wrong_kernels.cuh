// Kernels and launches that break a rule are caught, and the sentence says which thread did what where.
#pragma once
#include <math.h>
#include <string.h>
#include "check.h"

using check::launch;
using emulator::Schedule;

namespace {

struct Numbers { float* values; int count; };

std::vector<float> run_under(Schedule schedule, const char* kernel)
{
    emulator::set_schedule(schedule);
    std::vector<float> values(64, -1);
    CHECK_RUNS(launch(kernel, {}, 64, 0, Numbers{ values.data(), 64 }));
    return values;
}

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) { return memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0; }

// What kernel `name` with `count` says; and the next launch must not suffer from it.
std::string sentence(const char* name, int count)
{
    float values[256] = {};
    const std::string error = launch(name, { 3, 1, 1 }, 64, 0, Numbers{ values, count });
    CHECK_RUNS(launch("test_neighbours", { 3, 1, 1 }, 64, 0, Numbers{ values, 64 }));
    return error;
}

// Standard error of a child that must die of it.
std::string death(const char* name, int count, size_t dynamic_shared)
{
    if (!check::with_address_sanitizer()) check::skip("built without AddressSanitizer");
    const check::Child child = check::in_child([&] {
        std::vector<float> values(64);
        launch(name, { 3, 1, 1 }, 64, dynamic_shared, Numbers{ values.data(), count });
    });
    CHECK(!child.succeeded);
    return child.output;
}

} // namespace

// --- Missing synchronisation: the schedules disagree -----------------------------------------------------------------

KERNEL(test_neighbours, 64, Numbers)
{
    SHARED(float, all, 64);
    all[threadIdx.x] = (float)threadIdx.x;
    sync_threads();
    arguments.values[threadIdx.x] = all[(threadIdx.x + 33) % 64];
}

KERNEL(test_neighbours_without_barrier, 64, Numbers)
{
    SHARED(float, all, 64);
    all[threadIdx.x] = (float)threadIdx.x;
    arguments.values[threadIdx.x] = all[(threadIdx.x + 33) % 64];
}

KERNEL(test_neighbours_with_warp_barrier, 64, Numbers)
{
    SHARED(float, all, 64);
    all[threadIdx.x] = (float)threadIdx.x;
    sync_warp();
    arguments.values[threadIdx.x] = all[(threadIdx.x + 33) % 64];
}

KERNEL(test_lanes_without_warp_barrier, 64, Numbers)
{
    SHARED(float, all, 64);
    all[threadIdx.x] = (float)threadIdx.x;
    arguments.values[threadIdx.x] = all[threadIdx.x ^ 1];
}

// Whole warps after one another count to two in either order; a warp that is interrupted at its sync_warp loses the other's step.
KERNEL(test_count_without_atomics, 64, Numbers)
{
    SHARED(int32_t, counter, 1);
    if (threadIdx.x == 0) counter[0] = 0;
    sync_threads();
    const int32_t seen = counter[0];
    sync_warp();
    if (lane_id() == 0) counter[0] = seen + 1;
    sync_threads();
    arguments.values[threadIdx.x] = (float)counter[0];
}

TEST(a_missing_block_barrier_gives_other_results_in_reverse_order)
{
    const auto right = run_under({ Schedule::forward, 0 }, "test_neighbours");
    CHECK(same_bytes(right, run_under({ Schedule::reverse, 0 }, "test_neighbours")));
    CHECK(!same_bytes(run_under({ Schedule::forward, 0 }, "test_neighbours_without_barrier"), run_under({ Schedule::reverse, 0 }, "test_neighbours_without_barrier")));
    CHECK(!same_bytes(run_under({ Schedule::forward, 0 }, "test_neighbours_with_warp_barrier"),
        run_under({ Schedule::reverse, 0 }, "test_neighbours_with_warp_barrier")));
}

TEST(a_missing_warp_barrier_gives_other_results_in_reverse_order)
{
    CHECK(!same_bytes(run_under({ Schedule::forward, 0 }, "test_lanes_without_warp_barrier"), run_under({ Schedule::reverse, 0 }, "test_lanes_without_warp_barrier")));
}

TEST(a_random_schedule_finds_what_the_order_of_whole_warps_hides_and_repeats_by_its_seed)
{
    const auto right = run_under({ Schedule::forward, 0 }, "test_count_without_atomics");
    CHECK(right[0] == 2 && same_bytes(right, run_under({ Schedule::reverse, 0 }, "test_count_without_atomics")));
    int found = 0;
    for (uint64_t seed = 0; seed < 16; seed++) {
        const auto once = run_under({ Schedule::random, seed }, "test_count_without_atomics");
        CHECK(same_bytes(once, run_under({ Schedule::random, seed }, "test_count_without_atomics")));
        found += !same_bytes(once, right);
    }
    CHECK(found > 0 && found < 16);
}

// --- Barriers and warp operations that not everyone reaches ----------------------------------------------------------

KERNEL(test_divergent_barrier, 64, Numbers)
{
    if ((int)threadIdx.x < arguments.count) sync_threads();
    sync_threads();
}

TEST(a_divergent_barrier_is_an_error)
{
    CHECK_RUNS(sentence("test_divergent_barrier", 64));
    CHECK_RUNS(sentence("test_divergent_barrier", 0));
    for (const Schedule::Order order : { Schedule::forward, Schedule::reverse, Schedule::random }) {
        emulator::set_schedule({ order, 3 });
        const std::string error = sentence("test_divergent_barrier", 40);
        CHECK_TEXT(error, "kernel test_divergent_barrier, block (");
        CHECK_TEXT(error, "divergent barrier: waits at sync_threads (wrong_kernels.cuh:");
        CHECK_TEXT(error, " while thread ");
    }
    emulator::set_schedule({ Schedule::forward, 0 });
    emulator::set_threads(1);
    CHECK_TEXT(sentence("test_divergent_barrier", 40), "kernel test_divergent_barrier, block (0, 0, 0), thread 40: divergent barrier");
}

KERNEL(test_barrier_in_uneven_loop, 64, Numbers)
{
    for (int i = 0; i < arguments.count + (threadIdx.x == 63); i++) sync_threads();
    any_thread(true);
}

TEST(a_barrier_in_a_loop_of_uneven_length_is_an_error)
{
    CHECK_TEXT(sentence("test_barrier_in_uneven_loop", 4), "divergent barrier");
    CHECK_TEXT(sentence("test_barrier_in_uneven_loop", 4), "any_thread");
}

KERNEL(test_shuffle_after_return, 64, Numbers)
{
    if ((int)threadIdx.x >= arguments.count) return;
    arguments.values[threadIdx.x] = shuffle_xor((float)threadIdx.x, 1);
}

TEST(a_shuffle_with_a_lane_that_has_returned_is_an_error)
{
    CHECK_RUNS(sentence("test_shuffle_after_return", 32)); // a whole warp may return
    emulator::set_threads(1);
    const std::string error = sentence("test_shuffle_after_return", 50);
    CHECK_TEXT(error, "kernel test_shuffle_after_return, block (0, 0, 0), thread 32: shuffle_xor (wrong_kernels.cuh:");
    CHECK_TEXT(error, ") needs the whole warp, but lane 18 has returned.");
}

KERNEL(test_shuffle_beside_barrier, 64, Numbers)
{
    float v = (float)threadIdx.x;
    if ((int)threadIdx.x < arguments.count) v = shuffle(v, 0);
    sync_threads();
    arguments.values[threadIdx.x] = v;
}

TEST(a_shuffle_while_other_lanes_wait_at_a_barrier_is_an_error)
{
    CHECK_RUNS(sentence("test_shuffle_beside_barrier", 32));
    CHECK_TEXT(sentence("test_shuffle_beside_barrier", 33), "thread 32: shuffle (wrong_kernels.cuh:");
    CHECK_TEXT(sentence("test_shuffle_beside_barrier", 33), "but lane 1 waits at sync_threads (wrong_kernels.cuh:");
}

KERNEL(test_two_shuffles_in_branches, 64, Numbers)
{
    float v = (float)threadIdx.x;
    if ((threadIdx.x & 1) == 0)
        v = shuffle(v, 0);
    else
        v = shuffle(v, 1);
    arguments.values[threadIdx.x] = v;
}

KERNEL(test_ballot_beside_matrix, 64, Numbers)
{
    float d[4] = {};
    const uint32_t a[4] = {}, b[2] = {};
    if ((int)lane_id() < arguments.count) mma_tf32_16x8x8(d, a, b);
    else arguments.values[threadIdx.x] = (float)ballot(true);
}

TEST(lanes_of_one_warp_at_different_operations_are_an_error)
{
    CHECK_TEXT(sentence("test_two_shuffles_in_branches", 0), "needs the whole warp, but lane 0 waits at shuffle (wrong_kernels.cuh:");
    CHECK_RUNS(sentence("test_ballot_beside_matrix", 0));
    CHECK_RUNS(sentence("test_ballot_beside_matrix", 32));
    CHECK_TEXT(sentence("test_ballot_beside_matrix", 7), "ballot (wrong_kernels.cuh:");
    CHECK_TEXT(sentence("test_ballot_beside_matrix", 7), "waits at mma_tf32_16x8x8 (wrong_kernels.cuh:");
}

KERNEL(test_far_shuffle, 64, Numbers) { arguments.values[threadIdx.x] = shuffle((float)threadIdx.x, (unsigned)arguments.count); }

TEST(a_shuffle_from_a_lane_that_no_warp_has_is_an_error)
{
    CHECK_RUNS(sentence("test_far_shuffle", 31));
    CHECK_TEXT(sentence("test_far_shuffle", 32), "shuffle's lane, distance or mask is 32; it must be below 32");
}

// --- Memory ----------------------------------------------------------------------------------------------------------

KERNEL(test_writes_global, 64, Numbers) { if (threadIdx.x == 40) arguments.values[arguments.count] = 1; }

KERNEL(test_writes_shared, 64, Numbers)
{
    SHARED(float, before, 10);
    SHARED(float, after, 10);
    if (threadIdx.x == 7) before[arguments.count] = 1;
    sync_threads();
    if (threadIdx.x < 10) after[threadIdx.x] = before[arguments.count];
}

KERNEL(test_writes_dynamic, 64, Numbers)
{
    DYNAMIC_SHARED(float, all);
    if (threadIdx.x == 7) all[arguments.count] = 1;
}

TEST(an_access_beyond_global_memory_is_an_error_of_address_sanitizer)
{
    CHECK_TEXT(death("test_writes_global", 64, 0), "heap-buffer-overflow");
    CHECK_TEXT(death("test_writes_global", 64, 0), "emulator: that was kernel test_writes_global, block (0, 0, 0), thread 40.");
    CHECK_TEXT(death("test_writes_global", -1, 0), "heap-buffer-overflow");
}

TEST(an_access_beyond_a_shared_array_is_an_error_of_address_sanitizer)
{
    CHECK_TEXT(death("test_writes_shared", 10, 0), "use-after-poison");
    CHECK_TEXT(death("test_writes_shared", 10, 0), "emulator: that was kernel test_writes_shared, block (0, 0, 0), thread 7.");
    CHECK_TEXT(death("test_writes_dynamic", 5, 20), "use-after-poison");
}

TEST(a_write_beyond_a_shared_array_is_an_error_without_address_sanitizer_too)
{
    if (check::with_address_sanitizer()) check::skip("AddressSanitizer finds it first");
    CHECK_RUNS(sentence("test_writes_shared", 9));
    CHECK_TEXT(sentence("test_writes_shared", 10), "shared array 'before' of 40 bytes was written beyond its end.");
    float values[64];
    CHECK_RUNS(launch("test_writes_dynamic", {}, 64, 20, Numbers{ values, 4 }));
    CHECK_TEXT(launch("test_writes_dynamic", {}, 64, 20, Numbers{ values, 5 }), "the dynamic shared memory of 20 bytes was written beyond its end.");
}

KERNEL(test_reads_fresh_shared, 64, Numbers)
{
    SHARED(float, all, 64);
    DYNAMIC_SHARED(double, more);
    arguments.values[blockIdx.x * 64 + threadIdx.x] = all[threadIdx.x] + (float)more[threadIdx.x % 4];
    all[threadIdx.x] = 1;
    more[threadIdx.x % 4] = 2;
}

TEST(shared_memory_that_nobody_wrote_is_not_a_number_in_every_block)
{
    std::vector<float> values(64 * 9);
    emulator::set_threads(1);
    CHECK_RUNS(launch("test_reads_fresh_shared", { 9, 1, 1 }, 64, 64 * sizeof(double), Numbers{ values.data(), 0 }));
    for (int block = 0; block < 9; block++) CHECK(isnan(values[static_cast<size_t>(block * 64)]));
}

KERNEL(test_reads_packets, 64, Numbers) { if (threadIdx.x == 3) store4(arguments.values + 4, load4(arguments.values + arguments.count)); }

TEST(a_16_byte_access_that_is_not_aligned_is_an_error)
{
    alignas(16) float values[16] = { 1, 2, 3, 4 };
    CHECK_RUNS(launch("test_reads_packets", {}, 64, 0, Numbers{ values, 0 }));
    CHECK(values[4] == 1 && values[7] == 4);
    CHECK_TEXT(launch("test_reads_packets", {}, 64, 0, Numbers{ values, 1 }), "kernel test_reads_packets, block (0, 0, 0), thread 3: load4 (wrong_kernels.cuh:");
    CHECK_TEXT(launch("test_reads_packets", {}, 64, 0, Numbers{ values, 1 }), "an address that is 4 beyond a multiple of 16.");
}

// --- Launches that a device refuses ----------------------------------------------------------------------------------

KERNEL(test_much_shared, 64, Numbers)
{
    SHARED(float, all, 8 * 1024);
    all[threadIdx.x + (unsigned)arguments.count] = 1;
}

KERNEL(test_only_dynamic, 64, Numbers)
{
    DYNAMIC_SHARED(float, all);
    all[arguments.count / 4 - 1] = 1;
}

TEST(a_launch_with_another_block_size_is_refused)
{
    const Numbers none{ nullptr, 0 };
    CHECK_TEXT(launch("test_far_shuffle", {}, 128, 0, none),
        "the launch of kernel test_far_shuffle has blocks of (128, 1, 1) threads; the kernel is compiled for (64, 1, 1).");
    std::string error;
    CHECK(!emulator::execute(*emulator::find_kernel("test_far_shuffle"), {}, { 32, 2, 1 }, 0, &none, error));
    CHECK_TEXT(error, "has blocks of (32, 2, 1) threads");
    CHECK_TEXT(launch("test_far_shuffle", { 0, 1, 1 }, 64, 0, none), "has a grid of (0, 1, 1) blocks");
    CHECK_TEXT(launch("test_far_shuffle", { 1, 65536, 1 }, 64, 0, none), "has a grid of (1, 65536, 1) blocks");
    CHECK(emulator::find_kernel("no_such_kernel") == nullptr);
    CHECK(emulator::kernels().size() > 10 && emulator::find_kernel("test_much_shared") != nullptr);
}

TEST(shared_memory_beyond_the_limit_is_refused)
{
    const emulator::Kernel& kernel = *emulator::find_kernel("test_only_dynamic");
    CHECK_RUNS(launch("test_only_dynamic", {}, 64, 48 * 1024, Numbers{ nullptr, 48 * 1024 }));
    CHECK_TEXT(launch("test_only_dynamic", {}, 64, 48 * 1024 + 4, Numbers{ nullptr, 4 }),
        "asks for 49156 bytes of dynamic shared memory; the kernel was allowed 49152.");
    CHECK(!emulator::allow_dynamic_shared(kernel, 227 * 1024 + 1));
    CHECK(emulator::allow_dynamic_shared(kernel, 227 * 1024));
    CHECK_RUNS(launch("test_only_dynamic", {}, 64, 227 * 1024, Numbers{ nullptr, 227 * 1024 }));
    CHECK_RUNS(launch("test_much_shared", {}, 64, 16 * 1024, Numbers{ nullptr, 0 }));
    CHECK_TEXT(launch("test_much_shared", {}, 64, 16 * 1024 + 16, Numbers{ nullptr, 0 }), "shared array 'all' of 32768 bytes has no room beside");
    CHECK_TEXT(launch("test_only_dynamic", {}, 64, 0, Numbers{ nullptr, 4 }), "uses dynamic shared memory, but was launched with none");
}
