// What platform.cuh promises to kernels, for the CPU: every thread of a block is a fiber or a turn of a plain loop (block.cpp), and
// these names are calls into the executor. Kernels register themselves under their own names when the library is loaded.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <type_traits>
#include "executor.h"

namespace emulator {

struct Index { unsigned x, y, z; };

// The built-in variables of the thread that runs on this OS thread. __thread: no initialisation check at each access.
struct Context { Index thread, block, block_size, grid_size; };
extern __thread Context context __attribute__((tls_model("initial-exec")));

// What a thread waits for; in the order of the names in block.cpp.
enum class Sync : uint8_t { threads, any, warp, shuffle, shuffle_down, shuffle_xor, ballot, mma_tf32, mma_bf16 };

// Where in the kernel's source a call stands.
struct Site { const char* file; int line; };

struct SharedArray { const char* name; size_t bytes; };

void* shared_array(const SharedArray& array);
void* dynamic_shared();
void synchronize(Sync kind, Site site);
bool any_thread(bool predicate, Site site);
uint32_t ballot(bool predicate, Site site);
uint64_t exchange(Sync kind, uint64_t bits, unsigned operand, Site site);
void multiply_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site);
void multiply_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site);
[[noreturn]] void misaligned(const void* address, const char* what, Site site);

struct Registration
{
    Registration(const char* name, int threads, size_t argument_bytes, void (*body)(const void*));
    Kernel kernel;
};

} // namespace emulator

// Added to a device function's parameters, it says where the function was called.
#define MERGE_ENGINE_CALLER const char* file = __builtin_FILE(), int line = __builtin_LINE()
#define MERGE_ENGINE_SITE (emulator::Site{ file, line })

#define DEVICE inline
#define DEVICE_CONSTANT static const

#define KERNEL(name, threads, Arguments) \
    static void name(const Arguments arguments); \
    static const emulator::Registration name##_registration(#name, threads, sizeof(Arguments), [](const void* pointer) { \
        static_assert(std::is_trivially_copyable<Arguments>::value, "kernel arguments are plain bytes"); \
        name(*static_cast<const Arguments*>(pointer)); \
    }); \
    static void name(const Arguments arguments)

#define SHARED(type, name, ...) \
    static_assert(std::is_trivial<type>::value, "shared arrays hold trivial types"); \
    static const emulator::SharedArray name##_shared{ #name, sizeof(type) * (__VA_ARGS__) }; \
    type(&name)[__VA_ARGS__] = *static_cast<type(*)[__VA_ARGS__]>(emulator::shared_array(name##_shared))

#define DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(emulator::dynamic_shared())

#define threadIdx (emulator::context.thread)
#define blockIdx (emulator::context.block)
#define blockDim (emulator::context.block_size)
#define gridDim (emulator::context.grid_size)

DEVICE unsigned lane_id() { return threadIdx.x & 31u; }
DEVICE unsigned warp_id() { return threadIdx.x >> 5; }

// --- Barriers, fences, votes and shuffles ----------------------------------------------------------------------------

DEVICE void sync_threads(MERGE_ENGINE_CALLER) { emulator::synchronize(emulator::Sync::threads, MERGE_ENGINE_SITE); }
DEVICE void sync_warp(MERGE_ENGINE_CALLER) { emulator::synchronize(emulator::Sync::warp, MERGE_ENGINE_SITE); }
DEVICE void memory_fence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
DEVICE bool any_thread(bool predicate, MERGE_ENGINE_CALLER) { return emulator::any_thread(predicate, MERGE_ENGINE_SITE); }
DEVICE uint32_t ballot(bool predicate, MERGE_ENGINE_CALLER) { return emulator::ballot(predicate, MERGE_ENGINE_SITE); }

#define MERGE_ENGINE_SHUFFLE(name) \
    template <class T> DEVICE T name(T value, unsigned operand, MERGE_ENGINE_CALLER) \
    { \
        static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 32-bit and 64-bit values"); \
        uint64_t bits = 0; \
        __builtin_memcpy(&bits, &value, sizeof(T)); \
        bits = emulator::exchange(emulator::Sync::name, bits, operand, MERGE_ENGINE_SITE); \
        __builtin_memcpy(&value, &bits, sizeof(T)); \
        return value; \
    }
MERGE_ENGINE_SHUFFLE(shuffle)
MERGE_ENGINE_SHUFFLE(shuffle_down)
MERGE_ENGINE_SHUFFLE(shuffle_xor)
#undef MERGE_ENGINE_SHUFFLE

// --- Bits and IEEE arithmetic ----------------------------------------------------------------------------------------

DEVICE uint32_t float_bits(float x) { return __builtin_bit_cast(uint32_t, x); }
DEVICE float bits_float(uint32_t u) { return __builtin_bit_cast(float, u); }
DEVICE uint64_t double_bits(double x) { return __builtin_bit_cast(uint64_t, x); }
DEVICE double bits_double(uint64_t u) { return __builtin_bit_cast(double, u); }
DEVICE int leading_zeros(uint32_t u) { return u == 0 ? 32 : __builtin_clz(u); }
DEVICE int leading_zeros(uint64_t u) { return u == 0 ? 64 : __builtin_clzll(u); }
DEVICE int population(uint32_t u) { return __builtin_popcount(u); }
DEVICE int population(uint64_t u) { return __builtin_popcountll(u); }
DEVICE uint32_t multiply_high(uint32_t a, uint32_t b) { return (uint32_t)(((uint64_t)a * b) >> 32); }

// The same bits either way; the instruction spares a call of the C library's function, which looks for it too.
#if defined(__x86_64__) && !defined(__FMA__)
namespace emulator { static const bool processor_fuses = __builtin_cpu_supports("fma") != 0; }
#define MERGE_ENGINE_FUSED(instruction) \
    if (emulator::processor_fuses) { asm(instruction " %2, %1, %0" : "+x"(c) : "x"(a), "x"(b)); return c; }
#else
#define MERGE_ENGINE_FUSED(instruction)
#endif
DEVICE float fused(float a, float b, float c) { MERGE_ENGINE_FUSED("vfmadd231ss") return __builtin_fmaf(a, b, c); }
DEVICE double fused(double a, double b, double c) { MERGE_ENGINE_FUSED("vfmadd231sd") return __builtin_fma(a, b, c); }
#undef MERGE_ENGINE_FUSED

DEVICE float fast_power_of_2(float x)
{
    const float r = __builtin_exp2f(x);
    return r < 0x1p-126f ? 0.0f : r;
}
DEVICE uint32_t recomputed(uint32_t value) { return value; }
DEVICE float maximum(float a, float b) { return b > a || a != a ? b : a; }
DEVICE float divide(float a, float b) { return a / b; }
DEVICE double divide(double a, double b) { return a / b; }
DEVICE float square_root(float a) { return __builtin_sqrtf(a); }
DEVICE double square_root(double a) { return __builtin_sqrt(a); }

// --- Integer atomics (each gives the value before); atomic between the OS threads that run the blocks ----------------

#define MERGE_ENGINE_ATOMIC(T) \
    DEVICE T atomic_add(T* p, T v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); } \
    DEVICE T atomic_max(T* p, T v) \
    { \
        T old = __atomic_load_n(p, __ATOMIC_RELAXED); \
        while (old < v && !__atomic_compare_exchange_n(p, &old, v, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) { } \
        return old; \
    } \
    DEVICE T atomic_min(T* p, T v) \
    { \
        T old = __atomic_load_n(p, __ATOMIC_RELAXED); \
        while (v < old && !__atomic_compare_exchange_n(p, &old, v, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) { } \
        return old; \
    }
MERGE_ENGINE_ATOMIC(uint32_t)
MERGE_ENGINE_ATOMIC(unsigned long long)
#undef MERGE_ENGINE_ATOMIC

// --- 16-byte accesses ------------------------------------------------------------------------------------------------

struct alignas(16) Vector4 { float x, y, z, w; };
struct alignas(16) Packet { uint32_t x, y, z, w; };

#define MERGE_ENGINE_ALIGNED(what) \
    if (((uintptr_t)p & 15) != 0) emulator::misaligned(p, what, MERGE_ENGINE_SITE)
DEVICE Vector4 load4(const float* p, MERGE_ENGINE_CALLER)
{
    MERGE_ENGINE_ALIGNED("load4");
    return { p[0], p[1], p[2], p[3] };
}

DEVICE void store4(float* p, Vector4 v, MERGE_ENGINE_CALLER)
{
    MERGE_ENGINE_ALIGNED("store4");
    p[0] = v.x, p[1] = v.y, p[2] = v.z, p[3] = v.w;
}

DEVICE Packet load16(const void* p, MERGE_ENGINE_CALLER)
{
    MERGE_ENGINE_ALIGNED("load16");
    Packet v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

DEVICE void store16(void* p, Packet v, MERGE_ENGINE_CALLER)
{
    MERGE_ENGINE_ALIGNED("store16");
    __builtin_memcpy(p, &v, sizeof v);
}
#undef MERGE_ENGINE_ALIGNED

// --- Number formats and tensor cores ---------------------------------------------------------------------------------

DEVICE uint16_t round_to_bf16(float x)
{
    const uint32_t u = float_bits(x);
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

DEVICE uint16_t round_to_half(float x)
{
    const uint32_t sign = (float_bits(x) >> 16) & 0x8000u, u = float_bits(x) & 0x7fffffffu;
    if (u >= 0x47800000u) return (uint16_t)(sign | 0x7c00u);
    // Below 2^-14 the result is a multiple of 2^-24, which is the distance of the numbers from 0.5 on.
    if (u < 0x38800000u) return (uint16_t)(sign | (float_bits(bits_float(u) + 0.5f) - 0x3f000000u));
    return (uint16_t)(sign | ((u + 0xfffu + ((u >> 13) & 1u) - 0x38000000u) >> 13));
}

DEVICE float widen_half(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h & 0x7c00u, rest = h & 0x7fffu;
    if (exponent == 0x7c00u) return bits_float(sign | 0x7f800000u | ((h & 0x3ffu) << 13));
    if (exponent == 0) return bits_float(sign | float_bits((float)rest * 0x1p-24f));
    return bits_float(sign | ((rest << 13) + 0x38000000u));
}

DEVICE uint32_t to_tf32(float x)
{
    const uint32_t u = float_bits(x);
    return (u & 0x7fffffffu) > 0x7f800000u ? 0x7fffffffu : (u + 0x1000u) & 0xffffe000u;
}

DEVICE uint32_t to_bf16_pair(float low, float high)
{
    const uint16_t a = low == low ? round_to_bf16(low) : 0x7fffu, b = high == high ? round_to_bf16(high) : 0x7fffu;
    return a | (uint32_t)b << 16;
}

DEVICE void mma_tf32_16x8x8(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], MERGE_ENGINE_CALLER)
{
    emulator::multiply_tf32(d, a, b, MERGE_ENGINE_SITE);
}

DEVICE void mma_bf16_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], MERGE_ENGINE_CALLER)
{
    emulator::multiply_bf16(d, a, b, MERGE_ENGINE_SITE);
}
