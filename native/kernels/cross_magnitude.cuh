// TATR's sensitivity, keys[i] = sum over k of |v_k| (sum_j m_j - m_k) in float64, -1 where every v_k is zero; without magnitudes the
// vectors' own, as the sum over k of 2 |v_k| (|v_0| + ... + |v_{k-1}|), in which nothing cancels.
// Bytes an element: 8 N + 8 with magnitudes, 4 N + 8 without. The sum over all magnitudes must be known before the first difference, so they are
// needed twice: each thread keeps those of its elements in dynamic shared memory, as far as the launch gives room (STAGED x 4 KiB), and
// reads the others from the cache again. Nobody else reads that memory, so no barrier is needed. Three (two) float64 operations and two (one)
// conversions a value stay below what memory leaves time for on an A100 or H100; eight (four) loads are under way a thread at about 64 registers.
// Grid: 1024 elements a block of 256 threads.
#pragma once
#include "lists.cuh"
#include "selection.cuh"

struct CrossInput
{
    const float* vector;
    const float* magnitude; // null: the vector's own
};

struct CrossMagnitudeArguments
{
    double* keys;
    const CrossInput* table; // the list of cross_magnitude_of_many
    int64_t length;
    int32_t count;
    int32_t staged;          // the magnitudes that dynamic shared memory has room for: 16 bytes for each and each thread
    int32_t own;             // 1: no magnitudes
    int32_t head;
    CrossInput inputs[LIST_INLINE];
};

template <class List> struct CrossMagnitudeBody
{
    const CrossMagnitudeArguments& arguments;
    const List inputs;
    Vector4* const stage;

    // K vectors of the sum over pairs: key and total so far.
    template <int K, class Access> DEVICE void add_pairs(Access access, int64_t i, int k, double (&total)[4], double (&key)[4], uint32_t (&bits)[4]) const
    {
        float v[K][4];
#pragma unroll
        for (int n = 0; n < K; n++) access.load(inputs[k + n].vector, i, v[n]);
#pragma unroll
        for (int n = 0; n < K; n++)
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
                const float a = magnitude(v[n][j]);
                const double x = (double)a;
                bits[j] |= float_bits(a);
                key[j] += (x + x) * total[j];
                total[j] += x;
            }
    }

    // K magnitudes of the total; those that there is room for are kept.
    template <int K, class Access> DEVICE void add_magnitudes(Access access, int64_t i, int k, double (&total)[4]) const
    {
        float m[K][4];
#pragma unroll
        for (int n = 0; n < K; n++) access.load(inputs[k + n].magnitude, i, m[n]);
#pragma unroll
        for (int n = 0; n < K; n++)
        {
            if (k + n < arguments.staged) stage[(k + n) * SPAN_THREADS + (int)threadIdx.x] = { m[n][0], m[n][1], m[n][2], m[n][3] };
#pragma unroll
            for (int j = 0; j < 4; j++) total[j] += (double)m[n][j];
        }
    }

    template <int K, class Access> DEVICE void add_sensitivities(Access access, int64_t i, int k, const double (&total)[4], double (&key)[4], uint32_t (&bits)[4]) const
    {
        float v[K][4], m[K][4];
#pragma unroll
        for (int n = 0; n < K; n++)
        {
            access.load(inputs[k + n].vector, i, v[n]);
            if (k + n < arguments.staged)
            {
                const Vector4 kept = stage[(k + n) * SPAN_THREADS + (int)threadIdx.x];
                m[n][0] = kept.x, m[n][1] = kept.y, m[n][2] = kept.z, m[n][3] = kept.w;
            }
            else access.load(inputs[k + n].magnitude, i, m[n]);
        }
#pragma unroll
        for (int n = 0; n < K; n++)
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
                const float a = magnitude(v[n][j]);
                bits[j] |= float_bits(a);
                key[j] += (double)a * (total[j] - (double)m[n][j]);
            }
    }

    template <int STEPS, class Access> DEVICE void run(Access access, int64_t start) const
    {
        static_assert(STEPS == 1, "the staged magnitudes are those of one step");
        const int64_t i = access.first(start);
        const int count = arguments.count;
        double total[4] = {}, key[4] = {};
        uint32_t bits[4] = {}; // of all |v_k| together: 0 only where each is 0
        int k = 0;
        if (arguments.own)
        {
            if constexpr (Access::packed)
                for (; k + 4 <= count; k += 4) add_pairs<4>(access, i, k, total, key, bits);
            for (; k < count; k++) add_pairs<1>(access, i, k, total, key, bits);
        }
        else
        {
            if constexpr (Access::packed)
                for (; k + 4 <= count; k += 4) add_magnitudes<4>(access, i, k, total);
            for (; k < count; k++) add_magnitudes<1>(access, i, k, total);
            k = 0;
            if constexpr (Access::packed)
                for (; k + 4 <= count; k += 4) add_sensitivities<4>(access, i, k, total, key, bits);
            for (; k < count; k++) add_sensitivities<1>(access, i, k, total, key, bits);
        }

        // The difference can fall below zero by round-off where one magnitude dominates.
#pragma unroll
        for (int j = 0; j < 4; j++) key[j] = bits[j] == 0 ? -1.0 : key[j] < 0 ? 0.0 : key[j];
        access.store(arguments.keys, i, key);
    }
};

KERNEL(cross_magnitude, SPAN_THREADS, CrossMagnitudeArguments)
{
    DYNAMIC_SHARED(Vector4, stage);
    over_span<4, 1>(arguments.length, arguments.head, CrossMagnitudeBody<InlineList<CrossInput>>{ arguments, { arguments.inputs }, stage });
}

KERNEL(cross_magnitude_of_many, SPAN_THREADS, CrossMagnitudeArguments)
{
    DYNAMIC_SHARED(Vector4, stage);
    over_span<4, 1>(arguments.length, arguments.head, CrossMagnitudeBody<TableList<CrossInput>>{ arguments, { arguments.table }, stage });
}
