// The shared memory of the block that runs: an arena in which every array is filled with NaN bytes and lies between red zones.
// AddressSanitizer guards these at each access; without it, writes into them are found when the block ends.
#pragma once
#include <stddef.h>
#include <string>
#include "device.h"

namespace emulator {

class SharedMemory
{
public:
    SharedMemory();
    ~SharedMemory();
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    // Starts a block that has this much dynamic shared memory and may have `limit` bytes in all.
    void begin(size_t dynamic_bytes, size_t limit);

    // The block's array of that declaration. Null and a sentence in `error` when there is no room for it.
    void* find(const SharedArray& array, std::string& error)
    {
        for (int i = 0; i < count_; i++)
            if (entries_[i].array == &array) return entries_[i].address;
        return add(array, error);
    }

    void* dynamic() const { return dynamic_bytes_ == 0 ? nullptr : arena_; }

    // A sentence about the first array that was written beyond its end, or an empty string.
    std::string damage() const;

private:
    struct Entry { const SharedArray* array; unsigned char* address; };
    static constexpr int max_arrays_ = 64;

    void* add(const SharedArray& array, std::string& error);
    unsigned char* take(size_t bytes);

    unsigned char* arena_;
    unsigned char* end_;               // of what this block has used
    size_t dynamic_bytes_ = 0, static_bytes_ = 0, limit_ = 0;
    int count_ = 0;
    Entry entries_[max_arrays_];
};

} // namespace emulator
