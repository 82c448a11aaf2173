// Kernels that keep the rules give the same, right results under every schedule and any number of OS threads.
#pragma once
#include <string.h>
#include "check.h"

using check::launch;
using check::under_every_schedule;

namespace {

struct Sum { const float* in; double* out; int count; };
struct Histogram { const uint32_t* in; uint32_t* bins; unsigned long long* largest; uint32_t* smallest; int count; };
struct Transposition { const float* in; float* out; int rows, columns; };
struct Votes { const int32_t* in; uint32_t* ballots; uint32_t* any; };
struct Lanes { uint64_t* wide; uint32_t* narrow; };
struct Cells { uint32_t* out; };
struct Prefix { const uint32_t* in; uint32_t* out; int count, rounds; };
struct LastBlock { const uint32_t* in; uint32_t* partial; uint32_t* arrivals; uint32_t* out; };

uint32_t number(uint32_t i) { return (i * 2654435761u) >> 7; }

} // namespace

struct Nothing { int unused; };
KERNEL(test_does_nothing, 32, Nothing) { (void)arguments; }

KERNEL(test_sum, 128, Sum)
{
    SHARED(double, warps, 4);
    double total = 0;
    for (int i = threadIdx.x; i < arguments.count; i += blockDim.x) total += arguments.in[blockIdx.x * arguments.count + i];
    for (unsigned d = 16; d > 0; d >>= 1) total += shuffle_down(total, d);
    if (lane_id() == 0) warps[warp_id()] = total;
    sync_threads();
    if (threadIdx.x == 0) arguments.out[blockIdx.x] = ((warps[0] + warps[1]) + warps[2]) + warps[3];
}

TEST(a_reduction_by_shuffles_and_shared_memory_is_right)
{
    const int blocks = 23, count = 300;
    std::vector<float> in(blocks * count);
    for (size_t i = 0; i < in.size(); i++) in[i] = static_cast<float>(number(static_cast<uint32_t>(i)) % 1000);
    under_every_schedule([&] {
        std::vector<double> out(blocks, -1);
        CHECK_RUNS(launch("test_sum", { blocks, 1, 1 }, 128, 0, Sum{ in.data(), out.data(), count }));
        for (int b = 0; b < blocks; b++) {
            double expected = 0;
            for (int i = 0; i < count; i++) expected += in[static_cast<size_t>(b * count + i)];
            CHECK(out[static_cast<size_t>(b)] == expected); // whole numbers: any order gives the same
        }
    });
}

KERNEL(test_histogram, 96, Histogram)
{
    SHARED(uint32_t, bins, 16);
    if (threadIdx.x < 16) bins[threadIdx.x] = 0;
    sync_threads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < arguments.count; i += gridDim.x * blockDim.x) {
        atomic_add(&bins[arguments.in[i] % 16], 1u);
        atomic_max(arguments.largest, (unsigned long long)arguments.in[i] << 20);
        atomic_min(arguments.smallest, arguments.in[i]);
    }
    sync_threads();
    if (threadIdx.x < 16) atomic_add(&arguments.bins[threadIdx.x], bins[threadIdx.x]);
}

TEST(a_histogram_by_atomics_is_right)
{
    std::vector<uint32_t> in(20000), expected(16);
    uint32_t most = 0, least = ~0u;
    for (size_t i = 0; i < in.size(); i++) {
        in[i] = number(static_cast<uint32_t>(i)) + 5;
        expected[in[i] % 16]++;
        most = in[i] > most ? in[i] : most;
        least = in[i] < least ? in[i] : least;
    }
    under_every_schedule([&] {
        std::vector<uint32_t> bins(16);
        unsigned long long largest = 0;
        uint32_t smallest = ~0u;
        CHECK_RUNS(launch("test_histogram", { 37, 1, 1 }, 96, 0, Histogram{ in.data(), bins.data(), &largest, &smallest, 20000 }));
        CHECK(bins == expected);
        CHECK(largest == static_cast<unsigned long long>(most) << 20);
        CHECK(smallest == least);
    });
}

KERNEL(test_transpose, 256, Transposition)
{
    DYNAMIC_SHARED(float, tile); // 32 x 33
    const int x = threadIdx.x % 32, y = threadIdx.x / 32;
    const int column = blockIdx.x * 32 + x;
    for (int i = y; i < 32; i += 8) {
        const int row = blockIdx.y * 32 + i;
        if (row < arguments.rows && column < arguments.columns) tile[i * 33 + x] = arguments.in[row * arguments.columns + column];
    }
    sync_threads();
    const int row = blockIdx.y * 32 + x;
    for (int i = y; i < 32; i += 8) {
        const int to = blockIdx.x * 32 + i;
        if (row < arguments.rows && to < arguments.columns) arguments.out[to * arguments.rows + row] = tile[x * 33 + i];
    }
}

TEST(a_transposition_through_dynamic_shared_memory_is_right)
{
    const int rows = 70, columns = 101;
    std::vector<float> in(rows * columns);
    for (size_t i = 0; i < in.size(); i++) in[i] = static_cast<float>(i);
    under_every_schedule([&] {
        std::vector<float> out(in.size(), -1);
        CHECK_RUNS(launch("test_transpose", { 4, 3, 1 }, 256, 32 * 33 * sizeof(float), Transposition{ in.data(), out.data(), rows, columns }));
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) CHECK(out[static_cast<size_t>(c * rows + r)] == in[static_cast<size_t>(r * columns + c)]);
    });
}

KERNEL(test_votes, 64, Votes)
{
    const int value = arguments.in[threadIdx.x];
    for (int round = 0; round < 3; round++) {
        const uint32_t bits = ballot(value > round);
        if (lane_id() == 0) arguments.ballots[round * 2 + warp_id()] = bits;
        const bool any = any_thread(value > 2 * round);
        arguments.any[round * 64 + threadIdx.x] = any;
    }
}

TEST(votes_of_warps_and_blocks_are_right_round_after_round)
{
    std::vector<int32_t> in(64);
    for (size_t i = 0; i < in.size(); i++) in[i] = static_cast<int32_t>(number(static_cast<uint32_t>(i)) % 4); // 0 to 3
    under_every_schedule([&] {
        std::vector<uint32_t> ballots(6), any(192, 7);
        CHECK_RUNS(launch("test_votes", {}, 64, 0, Votes{ in.data(), ballots.data(), any.data() }));
        for (int round = 0; round < 3; round++)
            for (int i = 0; i < 64; i++) {
                CHECK(((ballots[static_cast<size_t>(round * 2 + i / 32)] >> (i % 32)) & 1) == (in[static_cast<size_t>(i)] > round));
                CHECK(any[static_cast<size_t>(round * 64 + i)] == (round < 2 ? 1u : 0u));
            }
    });
}

KERNEL(test_shuffle_kinds, 32, Lanes)
{
    const unsigned lane = lane_id();
    const uint64_t wide = 0x1000000000u * lane + lane;
    arguments.wide[lane] = shuffle(wide, (lane * 7 + 3) % 32);
    arguments.wide[32 + lane] = shuffle_down(wide, 5);
    arguments.wide[64 + lane] = double_bits(shuffle_xor(bits_double(wide), 9));
    arguments.narrow[lane] = shuffle(lane * 3, 31 - lane);
    arguments.narrow[32 + lane] = float_bits(shuffle_down((float)lane, 31));
    arguments.narrow[64 + lane] = (uint32_t)shuffle_xor((int32_t)lane - 40, 31);
}

TEST(shuffles_move_the_values_that_their_definitions_name)
{
    under_every_schedule([] {
        std::vector<uint64_t> wide(96);
        std::vector<uint32_t> narrow(96);
        CHECK_RUNS(launch("test_shuffle_kinds", {}, 32, 0, Lanes{ wide.data(), narrow.data() }));
        const auto value = [](unsigned lane) { return 0x1000000000u * lane + lane; };
        for (unsigned i = 0; i < 32; i++) {
            CHECK(wide[i] == value((i * 7 + 3) % 32));
            CHECK(wide[32 + i] == value(i + 5 < 32 ? i + 5 : i)); // no such lane: the own value
            CHECK(wide[64 + i] == value(i ^ 9));
            CHECK(narrow[i] == (31 - i) * 3);
            CHECK(narrow[32 + i] == float_bits(i == 0 ? 31.0f : static_cast<float>(i)));
            CHECK(static_cast<int32_t>(narrow[64 + i]) == static_cast<int32_t>(31 - i) - 40);
        }
    });
}

KERNEL(test_cells, 64, Cells)
{
    const uint64_t block = (blockIdx.z * (uint64_t)gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    arguments.out[block * blockDim.x + threadIdx.x] += (uint32_t)(block * 64 + threadIdx.x);
}

TEST(every_thread_of_a_three_dimensional_grid_runs_once)
{
    under_every_schedule([] {
        std::vector<uint32_t> out(5 * 3 * 4 * 64);
        CHECK_RUNS(launch("test_cells", { 5, 3, 4 }, 64, 0, Cells{ out.data() }));
        for (size_t i = 0; i < out.size(); i++) CHECK(out[i] == i);
    });
}

// Threads beyond the end return before the barriers, which then wait for the others alone.
KERNEL(test_prefix_sums, 128, Prefix)
{
    SHARED(uint32_t, values, 128);
    const int i = threadIdx.x;
    if (i >= arguments.count) return;
    values[i] = arguments.in[i];
    sync_threads();
    for (int distance = 1; distance < arguments.count; distance *= 2) {
        const uint32_t other = i >= distance ? values[i - distance] : 0;
        sync_threads();
        values[i] += other;
        sync_threads();
    }
    arguments.out[i] = values[i];
}

TEST(threads_that_have_returned_count_as_arrived_at_barriers)
{
    std::vector<uint32_t> in(128);
    for (size_t i = 0; i < in.size(); i++) in[i] = number(static_cast<uint32_t>(i)) % 100;
    under_every_schedule([&] {
        for (const int count : { 1, 31, 77, 128 }) {
            std::vector<uint32_t> out(128, 9999);
            CHECK_RUNS(launch("test_prefix_sums", {}, 128, 0, Prefix{ in.data(), out.data(), count, 0 }));
            uint32_t total = 0;
            for (int i = 0; i < 128; i++) {
                total += in[static_cast<size_t>(i)];
                CHECK(out[static_cast<size_t>(i)] == (i < count ? total : 9999));
            }
        }
    });
}

KERNEL(test_sum_in_last_block, 64, LastBlock)
{
    SHARED(uint32_t, last, 1);
    if (threadIdx.x == 0) {
        arguments.partial[blockIdx.x] = arguments.in[blockIdx.x] * 2;
        memory_fence();
        last[0] = atomic_add(arguments.arrivals, 1u) == gridDim.x - 1;
    }
    sync_threads();
    if (last[0] == 0 || threadIdx.x != 0) return;
    uint32_t total = 0;
    for (unsigned i = 0; i < gridDim.x; i++) total += arguments.partial[i];
    arguments.out[0] = total;
}

TEST(the_last_block_sees_what_the_others_wrote)
{
    std::vector<uint32_t> in(211);
    uint32_t expected = 0;
    for (size_t i = 0; i < in.size(); i++) in[i] = number(static_cast<uint32_t>(i)) % 1000, expected += 2 * in[i];
    under_every_schedule([&] {
        std::vector<uint32_t> partial(211);
        uint32_t arrivals = 0, out = 0;
        CHECK_RUNS(launch("test_sum_in_last_block", { 211, 1, 1 }, 64, 0, LastBlock{ in.data(), partial.data(), &arrivals, &out }));
        CHECK(out == expected);
    });
}

TEST(a_long_grid_that_several_threads_share_gives_the_same_bits)
{
    const int blocks = 4000, count = 700;
    std::vector<float> in(static_cast<size_t>(blocks) * count);
    for (size_t i = 0; i < in.size(); i++) in[i] = static_cast<float>(number(static_cast<uint32_t>(i))) * 0x1.234p-9f;
    std::vector<double> expected(blocks), out(blocks);
    emulator::set_threads(1);
    CHECK_RUNS(launch("test_sum", { blocks, 1, 1 }, 128, 0, Sum{ in.data(), expected.data(), count }));
    for (const int threads : { 2, 3, 8 }) {
        emulator::set_threads(threads);
        emulator::set_schedule({ emulator::Schedule::random, static_cast<uint64_t>(threads) });
        out.assign(blocks, -1);
        CHECK_RUNS(launch("test_sum", { blocks, 1, 1 }, 128, 0, Sum{ in.data(), out.data(), count }));
        CHECK(memcmp(out.data(), expected.data(), out.size() * sizeof(double)) == 0);
    }
}
