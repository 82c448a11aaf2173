#include "shared_memory.h"
#include <stdlib.h>
#include <string.h>
#include "fiber.h"
#if defined(MERGE_ENGINE_ASAN)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace emulator {

namespace {

constexpr size_t red_zone = 64, alignment = 64;
constexpr unsigned char nan_byte = 0xff, red_byte = 0xa5;

size_t padded(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment + red_zone; }

} // namespace

SharedMemory::SharedMemory()
{
    const size_t bytes = largest_shared_limit + (max_arrays_ + 1) * (alignment + red_zone);
    arena_ = end_ = static_cast<unsigned char*>(aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment));
    if (arena_ == nullptr) abort();
}

SharedMemory::~SharedMemory()
{
    ASAN_UNPOISON_MEMORY_REGION(arena_, static_cast<size_t>(end_ - arena_));
    free(arena_);
}

void SharedMemory::begin(size_t dynamic_bytes, size_t limit)
{
    end_ = arena_;
    count_ = 0;
    static_bytes_ = 0;
    limit_ = limit;
    dynamic_bytes_ = dynamic_bytes;
    if (dynamic_bytes > 0) take(dynamic_bytes);
}

// The array's last bytes up to the alignment belong to the red zone.
unsigned char* SharedMemory::take(size_t bytes)
{
    unsigned char* const address = end_;
    const size_t whole = padded(bytes);
    ASAN_UNPOISON_MEMORY_REGION(address, whole);
    memset(address, nan_byte, bytes);
    memset(address + bytes, red_byte, whole - bytes);
    ASAN_POISON_MEMORY_REGION(address + bytes, whole - bytes);
    end_ += whole;
    return address;
}

void* SharedMemory::add(const SharedArray& array, std::string& error)
{
    const size_t bytes = (array.bytes + 15) / 16 * 16;
    if (count_ == max_arrays_) {
        error = "has more than " + std::to_string(max_arrays_) + " shared arrays";
        return nullptr;
    }
    if (static_bytes_ + bytes > default_shared_limit || static_bytes_ + bytes + dynamic_bytes_ > limit_) {
        error = "shared array '" + std::string(array.name) + "' of " + std::to_string(array.bytes) + " bytes has no room beside " +
            std::to_string(static_bytes_) + " static and " + std::to_string(dynamic_bytes_) + " dynamic bytes; a block may have " +
            std::to_string(default_shared_limit) + " static bytes and " + std::to_string(limit_) + " in all";
        return nullptr;
    }
    static_bytes_ += bytes;
    entries_[count_] = { &array, take(array.bytes) };
    return entries_[count_++].address;
}

std::string SharedMemory::damage() const
{
#if !defined(MERGE_ENGINE_ASAN)
    const auto intact = [](const unsigned char* array, size_t bytes) {
        for (const unsigned char* p = array + bytes; p < array + padded(bytes); p++)
            if (*p != red_byte) return false;
        return true;
    };
    const char* const what = " was written beyond its end";
    if (dynamic_bytes_ > 0 && !intact(arena_, dynamic_bytes_))
        return "the dynamic shared memory of " + std::to_string(dynamic_bytes_) + " bytes" + what;
    for (int i = 0; i < count_; i++)
        if (!intact(entries_[i].address, entries_[i].array->bytes))
            return "shared array '" + std::string(entries_[i].array->name) + "' of " + std::to_string(entries_[i].array->bytes) + " bytes" + what;
#endif
    return {};
}

} // namespace emulator
