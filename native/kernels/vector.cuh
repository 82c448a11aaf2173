// Arithmetic on one or two flat float32 vectors. Bytes an element: fill 4; copy, scale 8; subtract, accumulate 12; mask 9. Each is far
// below the card's arithmetic, so the only cost is memory: a thread loads four 16-byte packets of every vector before the first store
// (64 or 128 bytes under way a thread, at most 40 registers).
// Grid: 4096 elements a block of 256 threads.
#pragma once
#include "math.cuh"
#include "spans.cuh"

struct VectorArguments
{
    float* output;
    const float* a;
    const float* b;
    const uint8_t* mask;
    int64_t length;
    float value;
    int32_t head;
};

constexpr int VECTOR_STEPS = 4;

// One element's function of a's and b's elements and the mask's byte; READS_* say which of them are read at all.
template <class Operation> struct VectorBody
{
    const VectorArguments& arguments;

    template <int STEPS, class Access> DEVICE void run(Access access, int64_t start) const
    {
        const int64_t i = access.first(start);
        float a[STEPS][4], b[STEPS][4];
        uint8_t mask[STEPS][4];
#pragma unroll
        for (int s = 0; s < STEPS; s++)
        {
            const int64_t at = i + s * 4 * SPAN_THREADS;
            if constexpr (Operation::reads_a) access.load(arguments.a, at, a[s]);
            if constexpr (Operation::reads_b) access.load(arguments.b, at, b[s]);
            if constexpr (Operation::reads_mask) access.load(arguments.mask, at, mask[s]);
        }
#pragma unroll
        for (int s = 0; s < STEPS; s++)
        {
            float r[4];
#pragma unroll
            for (int j = 0; j < 4; j++) r[j] = Operation::apply(a[s][j], b[s][j], mask[s][j], arguments.value);
            access.store(arguments.output, i + s * 4 * SPAN_THREADS, r);
        }
    }
};

DEVICE float near_value(float origin, float x, float reach)
{
    const double d = (double)x - (double)origin, size = magnitude(d) < 1e-6 ? 1e-6 : magnitude(d);
    return reach >= size ? x : (float)((double)origin + divide(d * (double)reach, size));
}

#define MERGE_ENGINE_VECTOR_KERNEL(name, Operation, uses_a, uses_b, uses_mask, result) \
    struct Operation \
    { \
        static constexpr bool reads_a = uses_a, reads_b = uses_b, reads_mask = uses_mask; \
        DEVICE static float apply(float a, float b, uint8_t mask, float value) \
        { \
            (void)a, (void)b, (void)mask, (void)value; \
            return result; \
        } \
    }; \
    KERNEL(name, SPAN_THREADS, VectorArguments) \
    { \
        over_span<4, VECTOR_STEPS>(arguments.length, arguments.head, VectorBody<Operation>{ arguments }); \
    }

// output[i] = value
MERGE_ENGINE_VECTOR_KERNEL(fill_vector, FillOperation, false, false, false, value)
// output[i] = a[i], bit for bit
MERGE_ENGINE_VECTOR_KERNEL(copy_vector, CopyOperation, true, false, false, a)
// output[i] = a[i] - b[i]
MERGE_ENGINE_VECTOR_KERNEL(subtract_vectors, SubtractOperation, true, true, false, a - b)
// output[i] = a[i] * value
MERGE_ENGINE_VECTOR_KERNEL(scale_vector, ScaleOperation, true, false, false, a * value)
// output[i] = a[i] + |b[i]|
MERGE_ENGINE_VECTOR_KERNEL(add_absolute, AddAbsoluteOperation, true, true, false, a + magnitude(b))
// output[i] = mask[i] != 0 ? a[i] : +0, bit for bit
MERGE_ENGINE_VECTOR_KERNEL(apply_mask, ApplyMaskOperation, true, false, true, bits_float(mask != 0 ? float_bits(a) : 0u))
// output[i] = b[i] where it is within `value` of a[i], else a[i] moved that far towards it
MERGE_ENGINE_VECTOR_KERNEL(near_swap, NearSwapOperation, true, true, false, near_value(a, b, value))
#undef MERGE_ENGINE_VECTOR_KERNEL
