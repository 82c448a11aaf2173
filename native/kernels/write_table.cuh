// Writes a long list (lists.cuh) to device memory, out of the arguments of its launches.
#pragma once
#include "platform.cuh"

constexpr int TABLE_WORDS = 448;
constexpr int TABLE_THREADS = 128;

struct WriteTableArguments
{
    uint64_t* target;
    int64_t count;
    uint64_t words[TABLE_WORDS];
};

// target[i] = words[i] for i < count <= TABLE_WORDS. One block.
KERNEL(write_table, TABLE_THREADS, WriteTableArguments)
{
    for (int i = (int)threadIdx.x; i < arguments.count; i += TABLE_THREADS) arguments.target[i] = arguments.words[i];
}
