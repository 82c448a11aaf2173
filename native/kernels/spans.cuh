// How a pass over flat vectors is cut. Block b covers SPAN_THREADS * W * STEPS consecutive elements whatever the card, a thread handles
// W elements at a time, and the same body runs in one of two ways:
//   Packed   W consecutive elements a thread: whole 16-byte accesses. Needs every vector to be aligned at element `head`;
//   Loose    elements SPAN_THREADS apart, up to a limit: coalesced accesses of one element. For the first `head` elements, the last block,
//            and vectors that start at different phases.
// Which elements share a thread changes nothing, since every element is computed alone. `head` is 0 ... W - 1, or -1 where there is no
// common phase; the host finds it from the addresses.
//
// Why this reaches a copy's bandwidth: every body issues all its loads before it uses one (STEPS * W elements of one or more vectors,
// 32 to 128 bytes a thread), and few registers are held, so that an SM has 40 KiB or more under way. An H100 needs about 18 KiB to cover
// 700 ns at 3.35 TB/s (Little's law), an A100 about 10 KiB.
#pragma once
#include "platform.cuh"

constexpr int SPAN_THREADS = 256;

// Words that hold elements of narrower types.
typedef uint32_t __attribute__((__may_alias__)) AnyWord;
typedef uint64_t __attribute__((__may_alias__)) AnyPair;

// Reads W elements in the widest accesses that their size allows.
template <class T, int W> DEVICE void load_pack(const T* p, T (&x)[W])
{
    constexpr int bytes = W * (int)sizeof(T);
    if constexpr (bytes % 16 == 0)
    {
        union { Packet packets[bytes / 16]; T values[W]; } u;
#pragma unroll
        for (int n = 0; n < bytes / 16; n++) u.packets[n] = load16(reinterpret_cast<const Packet*>(p) + n);
#pragma unroll
        for (int j = 0; j < W; j++) x[j] = u.values[j];
    }
    else
    {
        static_assert(bytes == 4 || bytes == 8, "a pack fills 4, 8 or a multiple of 16 bytes");
        union { uint32_t word; uint64_t pair; T values[W]; } u;
        if constexpr (bytes == 8) u.pair = *reinterpret_cast<const AnyPair*>(p);
        else u.word = *reinterpret_cast<const AnyWord*>(p);
#pragma unroll
        for (int j = 0; j < W; j++) x[j] = u.values[j];
    }
}

template <class T, int W> DEVICE void store_pack(T* p, const T (&x)[W])
{
    constexpr int bytes = W * (int)sizeof(T);
    if constexpr (bytes % 16 == 0)
    {
        union { Packet packets[bytes / 16]; T values[W]; } u;
#pragma unroll
        for (int j = 0; j < W; j++) u.values[j] = x[j];
#pragma unroll
        for (int n = 0; n < bytes / 16; n++) store16(reinterpret_cast<Packet*>(p) + n, u.packets[n]);
    }
    else
    {
        static_assert(bytes == 4 || bytes == 8, "a pack fills 4, 8 or a multiple of 16 bytes");
        union { uint32_t word; uint64_t pair; T values[W]; } u;
#pragma unroll
        for (int j = 0; j < W; j++) u.values[j] = x[j];
        if constexpr (bytes == 8) *reinterpret_cast<AnyPair*>(p) = u.pair;
        else *reinterpret_cast<AnyWord*>(p) = u.word;
    }
}

template <int W> struct Packed
{
    static constexpr bool packed = true;
    static constexpr int stride = 1;
    DEVICE int64_t first(int64_t start) const { return start + W * (int64_t)threadIdx.x; }
    template <class T> DEVICE void load(const T* p, int64_t i, T (&x)[W]) const { load_pack<T, W>(p + i, x); }
    template <class T> DEVICE void store(T* p, int64_t i, const T (&x)[W]) const { store_pack<T, W>(p + i, x); }
};

template <int W> struct Loose
{
    static constexpr bool packed = false;
    static constexpr int stride = SPAN_THREADS;
    int64_t limit;
    DEVICE int64_t first(int64_t start) const { return start + (int64_t)threadIdx.x; }
    template <class T> DEVICE void load(const T* p, int64_t i, T (&x)[W]) const
    {
#pragma unroll
        for (int j = 0; j < W; j++) x[j] = i + j * stride < limit ? p[i + j * stride] : T(0);
    }
    template <class T> DEVICE void store(T* p, int64_t i, const T (&x)[W]) const
    {
#pragma unroll
        for (int j = 0; j < W; j++)
            if (i + j * stride < limit) p[i + j * stride] = x[j];
    }
};

// Runs body.run<S>(access, start), which handles S times SPAN_THREADS * W elements from `start` on: all STEPS at once where they are packed,
// else one after the other, which keeps the seldom path short. Blocks: one for each SPAN_THREADS * W * STEPS elements from `head` on, at
// least one.
template <int W, int STEPS, class Body> DEVICE void over_span(int64_t length, int head, const Body& body)
{
    constexpr int64_t step = (int64_t)SPAN_THREADS * W, block = step * STEPS;
    const int64_t start = (head > 0 ? head : 0) + (int64_t)blockIdx.x * block;
    const bool whole = head >= 0 && start + block <= length;
    if (whole) body.template run<STEPS>(Packed<W>{}, start);

    // The first block does the elements before `head` too.
    const int64_t end = whole ? start : start + block <= length ? start + block : length;
#pragma unroll 1
    for (int64_t at = blockIdx.x == 0 ? 0 : start; at < end; at = at < start ? start : at + step)
        body.template run<1>(Loose<W>{ at < start && head < length ? head : length }, at);
}
