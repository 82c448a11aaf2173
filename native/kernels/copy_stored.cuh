// output[i] = input[i] for 16-bit elements, bit for bit. Bytes an element: 4; four 16-byte packets under way a thread.
// Grid: 8192 elements a block of 256 threads.
#pragma once
#include "spans.cuh"

struct CopyStoredArguments
{
    uint16_t* output;
    const uint16_t* input;
    int64_t length;
    int32_t head;
    int32_t unused;
};

constexpr int COPY_STORED_STEPS = 4;

struct CopyStoredBody
{
    const CopyStoredArguments& arguments;

    template <int STEPS, class Access> DEVICE void run(Access access, int64_t start) const
    {
        const int64_t i = access.first(start);
        uint16_t x[STEPS][8];
#pragma unroll
        for (int s = 0; s < STEPS; s++) access.load(arguments.input, i + s * 8 * SPAN_THREADS, x[s]);
#pragma unroll
        for (int s = 0; s < STEPS; s++) access.store(arguments.output, i + s * 8 * SPAN_THREADS, x[s]);
    }
};

KERNEL(copy_stored_16, SPAN_THREADS, CopyStoredArguments)
{
    over_span<8, COPY_STORED_STEPS>(arguments.length, arguments.head, CopyStoredBody{ arguments });
}
