// The only file that knows which compiler compiles: nvcc, clang (16 or newer, without NVIDIA's headers) or, with
// MERGE_ENGINE_EMULATOR defined, an ordinary C++ compiler for the emulated device. Kernels use the names of this file alone: no
// <cmath>, no libdevice, no std. Nothing is contracted: write fused(a, b, c) where a fused multiply-add is meant.
#pragma once

#if defined(MERGE_ENGINE_EMULATOR)
#include "../emulator/device.h"
#else

// --- Types, function kinds and built-in variables --------------------------------------------------------------------

#if defined(__clang__)
typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef __SIZE_TYPE__ size_t;
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#include <__clang_cuda_builtin_vars.h>
#else
#include <stddef.h>
#include <stdint.h>
#endif

// A device function.
#define DEVICE __device__ inline __attribute__((always_inline))

// A table in constant memory: DEVICE_CONSTANT float table[4] = { ... };
#define DEVICE_CONSTANT static __constant__ const

// nvcc copies a parameter whose address is taken to local memory of each thread unless it is told that nobody writes to it.
#if !defined(__clang__) && defined(__CUDACC_VER_MAJOR__) && __CUDACC_VER_MAJOR__ >= 12
#define MERGE_ENGINE_PARAMETER const __grid_constant__
#else
#define MERGE_ENGINE_PARAMETER const
#endif

// A kernel: its parameter list is one struct, passed by value and named `arguments`; `threads` is the block size of every launch.
#define KERNEL(name, threads, Arguments) extern "C" __global__ __launch_bounds__(threads) void name(MERGE_ENGINE_PARAMETER Arguments arguments)

// A static shared array; its elements hold no value until a thread of the block has written them.
#define SHARED(type, name, ...) __shared__ __attribute__((aligned(16))) type name[__VA_ARGS__]

// The part of shared memory whose size the launch gives.
#define DYNAMIC_SHARED(type, name) \
    extern __shared__ __attribute__((aligned(16))) unsigned char merge_engine_dynamic_shared[]; \
    type* const name = reinterpret_cast<type*>(merge_engine_dynamic_shared)

DEVICE unsigned lane_id() { return threadIdx.x & 31u; }
DEVICE unsigned warp_id() { return threadIdx.x >> 5; }

// --- Barriers, fences and votes --------------------------------------------------------------------------------------

DEVICE void sync_threads() { __syncthreads(); }
DEVICE void sync_warp() { asm volatile("bar.warp.sync 0xffffffff;" ::: "memory"); }
DEVICE void memory_fence() { asm volatile("membar.gl;" ::: "memory"); }

// sync_threads, and whether the predicate held in any thread of the block.
DEVICE bool any_thread(bool predicate)
{
    uint32_t any;
    asm volatile("{ .reg .pred p, q; setp.ne.u32 p, %1, 0; bar.red.or.pred q, 0, p; selp.u32 %0, 1, 0, q; }"
                 : "=r"(any) : "r"((uint32_t)predicate) : "memory");
    return any != 0;
}

// Bit i says whether the predicate held in lane i; the whole warp takes part.
DEVICE uint32_t ballot(bool predicate)
{
    uint32_t votes;
    asm volatile("{ .reg .pred p; setp.ne.u32 p, %1, 0; vote.sync.ballot.b32 %0, p, 0xffffffff; }"
                 : "=r"(votes) : "r"((uint32_t)predicate) : "memory");
    return votes;
}

// --- Shuffles: 32-bit and 64-bit types, the whole warp takes part ----------------------------------------------------

#define MERGE_ENGINE_SHUFFLE(name, mode) \
    template <class T> DEVICE T name(T value, unsigned operand) \
    { \
        static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 32-bit and 64-bit values"); \
        union { T value; uint32_t words[sizeof(T) / 4]; } bits; \
        bits.value = value; \
        _Pragma("unroll") \
        for (unsigned i = 0; i < sizeof(T) / 4; i++) \
            asm volatile("shfl.sync." mode ".b32 %0, %1, %2, 0x1f, 0xffffffff;" \
                         : "=r"(bits.words[i]) : "r"(bits.words[i]), "r"(operand) : "memory"); \
        return bits.value; \
    }
MERGE_ENGINE_SHUFFLE(shuffle, "idx")       // the value of lane `operand`
MERGE_ENGINE_SHUFFLE(shuffle_down, "down") // the value of the lane `operand` higher; the own one where there is none
MERGE_ENGINE_SHUFFLE(shuffle_xor, "bfly")  // the value of lane (own ^ operand)
#undef MERGE_ENGINE_SHUFFLE

// --- Bits and IEEE arithmetic ----------------------------------------------------------------------------------------

#if defined(__clang__)
DEVICE uint32_t float_bits(float x) { return __builtin_bit_cast(uint32_t, x); }
DEVICE float bits_float(uint32_t u) { return __builtin_bit_cast(float, u); }
DEVICE uint64_t double_bits(double x) { return __builtin_bit_cast(uint64_t, x); }
DEVICE double bits_double(uint64_t u) { return __builtin_bit_cast(double, u); }
DEVICE int leading_zeros(uint32_t u) { return u == 0 ? 32 : __builtin_clz(u); }
DEVICE int leading_zeros(uint64_t u) { return u == 0 ? 64 : __builtin_clzl(u); }
DEVICE int population(uint32_t u) { return __builtin_popcount(u); }
DEVICE int population(uint64_t u) { return __builtin_popcountl(u); }
#else
DEVICE uint32_t float_bits(float x) { return __float_as_uint(x); }
DEVICE float bits_float(uint32_t u) { return __uint_as_float(u); }
DEVICE uint64_t double_bits(double x) { return (uint64_t)__double_as_longlong(x); }
DEVICE double bits_double(uint64_t u) { return __longlong_as_double((long long)u); }
DEVICE int leading_zeros(uint32_t u) { return __clz((int)u); }
DEVICE int leading_zeros(uint64_t u) { return __clzll((long long)u); }
DEVICE int population(uint32_t u) { return __popc(u); }
DEVICE int population(uint64_t u) { return __popcll(u); }
#endif

DEVICE uint32_t multiply_high(uint32_t a, uint32_t b) { return (uint32_t)(((uint64_t)a * b) >> 32); }

// One operation in PTX without .ftz and .approx: rounded to nearest even, subnormal numbers kept.
#define MERGE_ENGINE_PTX_1(name, type, code, letter) \
    DEVICE type name(type a) { type r; asm(code " %0, %1;" : "=" letter(r) : letter(a)); return r; }
#define MERGE_ENGINE_PTX_2(name, type, code, letter) \
    DEVICE type name(type a, type b) { type r; asm(code " %0, %1, %2;" : "=" letter(r) : letter(a), letter(b)); return r; }
#define MERGE_ENGINE_PTX_3(name, type, code, letter) \
    DEVICE type name(type a, type b, type c) \
    { type r; asm(code " %0, %1, %2, %3;" : "=" letter(r) : letter(a), letter(b), letter(c)); return r; }
MERGE_ENGINE_PTX_2(maximum, float, "max.f32", "f") // the other one where one is NaN
MERGE_ENGINE_PTX_3(fused, float, "fma.rn.f32", "f")
MERGE_ENGINE_PTX_3(fused, double, "fma.rn.f64", "d")
MERGE_ENGINE_PTX_2(divide, float, "div.rn.f32", "f")
MERGE_ENGINE_PTX_2(divide, double, "div.rn.f64", "d")
MERGE_ENGINE_PTX_1(square_root, float, "sqrt.rn.f32", "f")
MERGE_ENGINE_PTX_1(square_root, double, "sqrt.rn.f64", "d")
#undef MERGE_ENGINE_PTX_1
#undef MERGE_ENGINE_PTX_2
#undef MERGE_ENGINE_PTX_3

// 2^x by the special function unit: relative error below 2^-22, 0 below 2^-126. For numbers that are rounded to fewer bits anyway.
DEVICE float fast_power_of_2(float x)
{
    float r;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}

// The value itself, which the compiler takes for a new one: what a loop computes from it is computed in the loop and does not occupy registers
// across it. For addresses that are cheap to make again.
DEVICE uint32_t recomputed(uint32_t value)
{
    asm volatile("mov.b32 %0, %0;" : "+r"(value));
    return value;
}

// --- Integer atomics (each gives the value before) -------------------------------------------------------------------

#if defined(__clang__)
DEVICE uint32_t atomic_add(uint32_t* p, uint32_t v) { return (uint32_t)__nvvm_atom_add_gen_i((int*)p, (int)v); }
DEVICE uint32_t atomic_max(uint32_t* p, uint32_t v) { return __nvvm_atom_max_gen_ui(p, v); }
DEVICE uint32_t atomic_min(uint32_t* p, uint32_t v) { return __nvvm_atom_min_gen_ui(p, v); }
DEVICE unsigned long long atomic_add(unsigned long long* p, unsigned long long v)
{
    return (unsigned long long)__nvvm_atom_add_gen_ll((long long*)p, (long long)v);
}
DEVICE unsigned long long atomic_max(unsigned long long* p, unsigned long long v) { return __nvvm_atom_max_gen_ull(p, v); }
DEVICE unsigned long long atomic_min(unsigned long long* p, unsigned long long v) { return __nvvm_atom_min_gen_ull(p, v); }
#else
DEVICE uint32_t atomic_add(uint32_t* p, uint32_t v) { return atomicAdd(p, v); }
DEVICE uint32_t atomic_max(uint32_t* p, uint32_t v) { return atomicMax(p, v); }
DEVICE uint32_t atomic_min(uint32_t* p, uint32_t v) { return atomicMin(p, v); }
DEVICE unsigned long long atomic_add(unsigned long long* p, unsigned long long v) { return atomicAdd(p, v); }
DEVICE unsigned long long atomic_max(unsigned long long* p, unsigned long long v) { return atomicMax(p, v); }
DEVICE unsigned long long atomic_min(unsigned long long* p, unsigned long long v) { return atomicMin(p, v); }
#endif

// --- 16-byte accesses (the address must be a multiple of 16) ---------------------------------------------------------

struct alignas(16) Vector4 { float x, y, z, w; };
struct alignas(16) Packet { uint32_t x, y, z, w; }; // 4 x 32, 8 x 16 or 16 x 8 bits

#if defined(__clang__)
typedef float NativeVector4 __attribute__((ext_vector_type(4)));
typedef uint32_t NativePacket __attribute__((ext_vector_type(4)));
#define MERGE_ENGINE_NATIVE(Type, ...) Native##Type { __VA_ARGS__ }
#else
typedef float4 NativeVector4;
typedef uint4 NativePacket;
#define MERGE_ENGINE_NATIVE(Type, ...) Native##Type { __VA_ARGS__ }
#endif

DEVICE Vector4 load4(const float* p)
{
    const NativeVector4 v = *reinterpret_cast<const NativeVector4*>(p);
    return { v.x, v.y, v.z, v.w };
}

DEVICE void store4(float* p, Vector4 v)
{
    *reinterpret_cast<NativeVector4*>(p) = MERGE_ENGINE_NATIVE(Vector4, v.x, v.y, v.z, v.w);
}

DEVICE Packet load16(const void* p)
{
    const NativePacket v = *reinterpret_cast<const NativePacket*>(p);
    return { v.x, v.y, v.z, v.w };
}

DEVICE void store16(void* p, Packet v) { *reinterpret_cast<NativePacket*>(p) = MERGE_ENGINE_NATIVE(Packet, v.x, v.y, v.z, v.w); }
#undef MERGE_ENGINE_NATIVE

// --- Number formats and tensor cores ---------------------------------------------------------------------------------

// Rounding to nearest even by one instruction; conversions.cuh takes care of NaN.
DEVICE uint16_t round_to_half(float x)
{
    uint16_t r;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(x));
    return r;
}

DEVICE uint16_t round_to_bf16(float x)
{
    uint16_t r;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r) : "f"(x));
    return r;
}

DEVICE float widen_half(uint16_t h)
{
    float r;
    asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(h));
    return r;
}

// Nearest TF32 number, ties away from zero, as an operand of mma_tf32_16x8x8.
DEVICE uint32_t to_tf32(float x)
{
    uint32_t r;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
    return r;
}

// d += a * b for a 16x8 tile a and an 8x8 tile b; fragments as in the PTX ISA (m16n8k8.row.col, .tf32). The whole warp takes part.
DEVICE void mma_tf32_16x8x8(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Two numbers rounded to bfloat16 as an operand of mma_bf16_16x8x16, by one instruction; a NaN becomes some NaN (pack_bf16 keeps its bits).
DEVICE uint32_t to_bf16_pair(float low, float high)
{
    uint32_t r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}

// d += a * b for a 16x16 tile a and a 16x8 tile b; fragments as in the PTX ISA (m16n8k16.row.col, .bf16), the lower half of a
// register holding the lower index. The whole warp takes part.
DEVICE void mma_bf16_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif

#include "conversions.cuh"
