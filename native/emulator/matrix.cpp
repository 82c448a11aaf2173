// The tensor cores' products. Fragments are laid out as the PTX ISA says for mma.m16n8k8 (.tf32) and mma.m16n8k16 (.bf16): with
// g = lane / 4 and t = lane % 4, a lane holds rows g and g + 8 of a, column g of b, and columns 2t and 2t + 1 of d.
//
// Each element of d is the old one plus the products in ascending k, all in float64, where a product of two TF32 or bfloat16 numbers
// is exact, and rounded to float32 once, to nearest even. Hardware adds in an order and width of its own and cuts off more; a result
// that agrees here agrees there within a few units of the last place of the largest partial sum, not bit for bit.
#include <string.h>
#include "block.h"

namespace emulator {

namespace {

// The low 13 bits of a TF32 operand are not looked at.
double tf32(uint32_t bits) { return bits_float(bits & 0xffffe000u); }
double bf16(uint32_t pair, int half) { return bits_float(half == 0 ? pair << 16 : pair & 0xffff0000u); }

const Fragments& gather(Sync kind, const uint32_t (&a)[4], const uint32_t (&b)[2], Site site)
{
    BlockRunner& runner = *BlockRunner::current();
    Warp& warp = runner.warp();
    const uint32_t half = warp.turn & 1;
    const int lane = runner.lane();
    memcpy(warp.fragments[half].a[lane], a, sizeof a);
    memcpy(warp.fragments[half].b[lane], b, sizeof b);
    runner.wait_warp(kind, site);
    return warp.fragments[half];
}

} // namespace

// a: registers 0, 1 are (g, t), (g + 8, t); 2, 3 the same at column t + 4. b: registers 0, 1 are (t, g), (t + 4, g).
void multiply_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site)
{
    const Fragments& all = gather(Sync::mma_tf32, a, b, site);
    const int g = static_cast<int>(threadIdx.x % 32 / 4), t = static_cast<int>(threadIdx.x % 4);
    for (int i = 0; i < 4; i++) {
        const int column = 2 * t + i % 2, upper = i / 2;
        double sum = d[i];
        for (int k = 0; k < 8; k++)
            sum += tf32(all.a[4 * g + k % 4][upper + k / 4 * 2]) * tf32(all.b[4 * column + k % 4][k / 4]);
        d[i] = static_cast<float>(sum);
    }
}

// a: registers 0, 1 are rows g, g + 8 at columns 2t, 2t + 1; 2, 3 the same at columns 2t + 8, 2t + 9. b: register 0 is rows 2t, 2t + 1
// of column g, register 1 rows 2t + 8, 2t + 9.
void multiply_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site)
{
    const Fragments& all = gather(Sync::mma_bf16, a, b, site);
    const int g = static_cast<int>(threadIdx.x % 32 / 4), t = static_cast<int>(threadIdx.x % 4);
    for (int i = 0; i < 4; i++) {
        const int column = 2 * t + i % 2, upper = i / 2;
        double sum = d[i];
        for (int k = 0; k < 16; k++)
            sum += bf16(all.a[4 * g + k % 8 / 2][upper + k / 8 * 2], k % 2) * bf16(all.b[4 * column + k % 8 / 2][k / 8], k % 2);
        d[i] = static_cast<float>(sum);
    }
}

} // namespace emulator
