// Masks of what a selection holds: element i is selected if its key is above a threshold, or equal to it and i is small enough. The host
// turns that into one strict comparison, key > limit, with one limit below element `boundary` and another from there on ("at least t"
// is "more than the number before t").
// Bytes an element: keep_mask 4 + 1, drop_mask 8 + 1. Two comparisons an element leave memory as the bound: four 16-byte loads under way a
// thread (drop_mask: eight), about 30 registers. Grid: 4096 elements a block of 256 threads.
#pragma once
#include "math.cuh"
#include "spans.cuh"

// The strict limit of element i's key.
template <class T> struct Limit
{
    int64_t boundary;
    T below;
    T from;
    DEVICE T at(int64_t i) const { return i < boundary ? below : from; }
};

template <class T> struct SelectionMaskArguments
{
    uint8_t* mask;
    const T* keys;
    int64_t length;
    int64_t boundary;
    T below;
    T from;
    int32_t head;
    int32_t unused;
};

constexpr int SELECTION_STEPS = 4;

template <class T, class Test> struct SelectionBody
{
    uint8_t* mask;
    const T* keys;
    Limit<T> limit;

    template <int STEPS, class Access> DEVICE void run(Access access, int64_t start) const
    {
        const int64_t i = access.first(start);
        T keys_here[STEPS][4];
#pragma unroll
        for (int s = 0; s < STEPS; s++) access.load(keys, i + s * 4 * SPAN_THREADS, keys_here[s]);
#pragma unroll
        for (int s = 0; s < STEPS; s++)
        {
            const int64_t at = i + s * 4 * SPAN_THREADS;
            uint8_t bytes[4];
#pragma unroll
            for (int j = 0; j < 4; j++) bytes[j] = Test::byte(keys_here[s][j], limit.at(at + j * Access::stride));
            access.store(mask, at, bytes);
        }
    }
};

struct KeepTest
{
    DEVICE static uint8_t byte(float value, float limit) { return limit < magnitude(value) ? 1 : 0; }
};

struct DropTest
{
    DEVICE static uint8_t byte(double key, double limit) { return limit < key ? 0 : 1; }
};

// mask[i] = 1 where |values[i]| is selected, else 0.
KERNEL(keep_mask, SPAN_THREADS, SelectionMaskArguments<float>)
{
    over_span<4, SELECTION_STEPS>(arguments.length, arguments.head, SelectionBody<float, KeepTest>{
        arguments.mask, arguments.keys, { arguments.boundary, arguments.below, arguments.from } });
}

// mask[i] = 0 where keys[i] is selected, else 1.
KERNEL(drop_mask, SPAN_THREADS, SelectionMaskArguments<double>)
{
    over_span<4, SELECTION_STEPS>(arguments.length, arguments.head, SelectionBody<double, DropTest>{
        arguments.mask, arguments.keys, { arguments.boundary, arguments.below, arguments.from } });
}
