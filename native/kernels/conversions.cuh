// Conversions between float32 and the 16-bit formats, with the same bits for every input, NaN included, as the engine's CPU side
// (BFloat16 and System.Half): to nearest, ties to even; a NaN keeps its sign and upper payload bits and becomes quiet.
#pragma once
#include "platform.cuh"

DEVICE float bf16_to_float(uint16_t bits) { return bits_float((uint32_t)bits << 16); }

DEVICE uint16_t float_to_bf16(float value)
{
    const uint32_t u = float_bits(value);
    return (u & 0x7fffffffu) > 0x7f800000u ? (uint16_t)((u >> 16) | 0x0040u) : round_to_bf16(value);
}

DEVICE float half_to_float(uint16_t bits)
{
    return (bits & 0x7fffu) > 0x7c00u
        ? bits_float(((uint32_t)(bits & 0x8000u) << 16) | 0x7fc00000u | ((uint32_t)(bits & 0x03ffu) << 13))
        : widen_half(bits);
}

DEVICE uint16_t float_to_half(float value)
{
    const uint32_t u = float_bits(value);
    return (u & 0x7fffffffu) > 0x7f800000u
        ? (uint16_t)(((u >> 16) & 0x8000u) | 0x7e00u | ((u >> 13) & 0x03ffu))
        : round_to_half(value);
}

// The two bfloat16 numbers of one 32-bit word, the lower half first, and back.
DEVICE float low_bf16(uint32_t pair) { return bits_float(pair << 16); }
DEVICE float high_bf16(uint32_t pair) { return bits_float(pair & 0xffff0000u); }
DEVICE uint32_t pack_bf16(float low, float high) { return (uint32_t)float_to_bf16(low) | ((uint32_t)float_to_bf16(high) << 16); }
