// The tensor cores' products. Fragments are laid out as the PTX ISA says for mma.m16n8k8 (.tf32) and mma.m16n8k16 (.bf16): with
// g = lane / 4 and t = lane % 4, a lane holds elements of rows g and g + 8 of a, of column g of b, and of d rows g and g + 8 at
// columns 2t and 2t + 1. Every lane writes its elements into the warp's whole matrices, waits, and computes its part of d.
//
// Each element of d is the old one plus the products in ascending k, all in float64, where a product of two TF32 or bfloat16 numbers
// is exact, and rounded to float32 once, to nearest even. Hardware adds in an order and width of its own and cuts off more; a result
// that agrees here agrees there within a few units of the last place of the largest partial sum, not bit for bit.
#include "block.h"

namespace emulator {

namespace {

// The low 13 bits of a TF32 operand are not looked at.
double tf32(uint32_t bits) { return bits_float(bits & 0xffffe000u); }
double lower(uint32_t pair) { return bits_float(pair << 16); }
double upper(uint32_t pair) { return bits_float(pair & 0xffff0000u); }

template <int Depth> void multiply(float (&d)[4], const Matrices& all, int g, int t)
{
    double sum0 = d[0], sum1 = d[1], sum2 = d[2], sum3 = d[3];
    for (int k = 0; k < Depth; k++) {
        const double a0 = all.a[g][k], a1 = all.a[g + 8][k], b0 = all.b[k][2 * t], b1 = all.b[k][2 * t + 1];
        sum0 += a0 * b0;
        sum1 += a0 * b1;
        sum2 += a1 * b0;
        sum3 += a1 * b1;
    }
    d[0] = static_cast<float>(sum0);
    d[1] = static_cast<float>(sum1);
    d[2] = static_cast<float>(sum2);
    d[3] = static_cast<float>(sum3);
}

} // namespace

void multiply_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site)
{
    BlockRunner& runner = *BlockRunner::current();
    const int g = runner.lane() / 4, t = runner.lane() % 4;
    Matrices& all = runner.warp().matrices[runner.warp().turn & 1];
    for (int i = 0; i < 4; i++) all.a[g + i % 2 * 8][t + i / 2 * 4] = tf32(a[i]);
    for (int i = 0; i < 2; i++) all.b[t + i * 4][g] = tf32(b[i]);
    runner.wait_warp(Sync::mma_tf32, site);
    multiply<8>(d, all, g, t);
}

void multiply_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site)
{
    BlockRunner& runner = *BlockRunner::current();
    const int g = runner.lane() / 4, t = runner.lane() % 4;
    Matrices& all = runner.warp().matrices[runner.warp().turn & 1];
    for (int i = 0; i < 4; i++) {
        double* const pair = &all.a[g + i % 2 * 8][2 * t + i / 2 * 8];
        pair[0] = lower(a[i]);
        pair[1] = upper(a[i]);
    }
    for (int i = 0; i < 2; i++) {
        all.b[2 * t + i * 8][g] = lower(b[i]);
        all.b[2 * t + i * 8 + 1][g] = upper(b[i]);
    }
    runner.wait_warp(Sync::mma_bf16, site);
    multiply<16>(d, all, g, t);
}

} // namespace emulator
