// The matrix instructions against plain loops. Fragments are filled and read by the formulas of the PTX ISA (matrix fragments for
// mma.m16n8k8 with .tf32 and mma.m16n8k16 with .bf16), element by element, as a kernel's author would from the tables.
#pragma once
#include "check.h"

using check::launch;
using check::under_every_schedule;

namespace {

struct Product { const float* a; const float* b; float* d; int turns; };

// Small multiples of 2^-3: every product and sum is exact, so that the order of additions does not matter.
std::vector<float> small_numbers(int count, uint32_t seed)
{
    std::vector<float> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); i++)
        values[i] = static_cast<float>(static_cast<int>(((static_cast<uint32_t>(i) + seed) * 2654435761u >> 11) % 255) - 127) / 8;
    return values;
}

std::vector<float> plain(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& d, int depth, int turns)
{
    std::vector<float> result = d;
    for (size_t m = 0; m < 16; m++)
        for (size_t n = 0; n < 8; n++)
            for (size_t k = 0; k < static_cast<size_t>(depth); k++)
                result[m * 8 + n] += static_cast<float>(turns) * a[m * static_cast<size_t>(depth) + k] * b[k * 8 + n];
    return result;
}

} // namespace

KERNEL(test_product_tf32, 64, Product)
{
    if (warp_id() == 1) return; // only whole warps must take part
    const int group = lane_id() >> 2, in_group = lane_id() % 4;
    uint32_t a[4], b[2];
    float d[4];
    for (int i = 0; i < 4; i++) {
        const int row = i == 0 || i == 2 ? group : group + 8, column = i == 0 || i == 1 ? in_group : in_group + 4;
        a[i] = float_bits(arguments.a[row * 8 + column]) | 0x1fff; // bits that TF32 does not have
    }
    for (int i = 0; i < 2; i++) b[i] = float_bits(arguments.b[(i == 0 ? in_group : in_group + 4) * 8 + group]) | 0x1000;
    for (int i = 0; i < 4; i++) d[i] = arguments.d[(i < 2 ? group : group + 8) * 8 + in_group * 2 + (i & 1)];
    for (int turn = 0; turn < arguments.turns; turn++) mma_tf32_16x8x8(d, a, b);
    for (int i = 0; i < 4; i++) arguments.d[(i < 2 ? group : group + 8) * 8 + in_group * 2 + (i & 1)] = d[i];
}

KERNEL(test_product_bf16, 32, Product)
{
    const int group = lane_id() >> 2, in_group = lane_id() % 4;
    uint32_t a[4] = {}, b[2] = {};
    float d[4];
    for (int i = 0; i < 8; i++) {
        const int row = i < 2 || (4 <= i && i < 6) ? group : group + 8, column = in_group * 2 + (i & 1) + (i < 4 ? 0 : 8);
        a[i / 2] |= (uint32_t)float_to_bf16(arguments.a[row * 16 + column]) << (i % 2 * 16);
    }
    for (int i = 0; i < 4; i++) {
        const int row = in_group * 2 + (i & 1) + (i < 2 ? 0 : 8);
        b[i / 2] |= (uint32_t)float_to_bf16(arguments.b[row * 8 + group]) << (i % 2 * 16);
    }
    for (int i = 0; i < 4; i++) d[i] = arguments.d[(i < 2 ? group : group + 8) * 8 + in_group * 2 + (i & 1)];
    for (int turn = 0; turn < arguments.turns; turn++) mma_bf16_16x8x16(d, a, b);
    for (int i = 0; i < 4; i++) arguments.d[(i < 2 ? group : group + 8) * 8 + in_group * 2 + (i & 1)] = d[i];
}

static void compare(const char* kernel, int threads, int depth)
{
    const std::vector<float> a = small_numbers(16 * depth, 1), b = small_numbers(8 * depth, 7), start = small_numbers(16 * 8, 99);
    under_every_schedule([&] {
        for (const int turns : { 1, 2, 5 }) {
            std::vector<float> d = start;
            CHECK_RUNS(launch(kernel, {}, threads, 0, Product{ a.data(), b.data(), d.data(), turns }));
            CHECK(d == plain(a, b, start, depth, turns));
        }
    });
}

TEST(the_tf32_matrix_instruction_agrees_with_a_plain_loop_and_ignores_13_bits) { compare("test_product_tf32", 64, 8); }

TEST(the_bf16_matrix_instruction_agrees_with_a_plain_loop) { compare("test_product_bf16", 32, 16); }

TEST(the_matrix_instructions_round_once)
{
    // 1 + 15 * 2^-25: each addend alone would vanish in float32.
    std::vector<float> a(256, 0x1p-13f), b(128, 0x1p-12f), d(128, 1.0f);
    for (size_t i = 0; i < a.size(); i += 16) a[i] = 0;
    CHECK_RUNS(launch("test_product_bf16", {}, 32, 0, Product{ a.data(), b.data(), d.data(), 1 }));
    for (const float value : d) CHECK(value == 1.0f + 0x1p-21f); // 7.5 units of 2^-24: to even, 8 halves of 2^-23
}
