// The bookkeeping of device and pinned memory: what lives where, what was freed, who may touch what.
//
// Every device allocation is a block of its own from the C library, aligned to 256 bytes and exactly as long as was asked, so that
// AddressSanitizer's red zones and quarantine see an access beyond it or after its end. Fresh memory holds 0xFF bytes (NaN in every
// float type). Without AddressSanitizer, freed blocks are filled with 0xFF and kept a while, so that late readers compute NaN.
#pragma once

#include "api.h"

#include <deque>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

namespace emulator {

enum class MemoryKind { Device, Pinned, Registered };

struct Allocation {
    uint64_t base = 0;
    size_t bytes = 0;
    uint64_t id = 0;
    MemoryKind kind = MemoryKind::Device;
    bool freeing = false; // a stream-ordered free has been submitted
    uint64_t end() const { return base + bytes; }
};

// Memory that an operation touches: the allocation as it was when the operation was submitted.
struct Use {
    uint64_t allocation;
    uint64_t address;
    size_t bytes; // 0: somewhere in the allocation (found in a kernel's arguments)
};

class Memory {
public:
    ~Memory();

    // Device memory. `allocate` gives false when the limit or the host's memory is exhausted.
    bool allocate(size_t bytes, Allocation& result);
    void release(uint64_t base);
    // Pinned memory.
    bool allocate_pinned(size_t bytes, Allocation& result);
    void release_pinned(uint64_t base);
    bool register_host(uint64_t base, size_t bytes); // false: overlaps a pinned range
    void unregister_host(uint64_t base);

    Allocation* find_device(uint64_t address); // the live allocation that holds the address, or null
    Allocation* find_host(uint64_t address);
    Allocation* find_any(uint64_t address);
    Allocation* device_at(uint64_t base);      // the live allocation that begins there, or null
    Allocation* host_at(uint64_t base);
    const Allocation* find_former(uint64_t address) const; // a freed device allocation whose range no live one has taken

    // Checks that [address, address + bytes) lies in one live allocation that the device can reach; adds the use, or gives a sentence.
    bool check(const char* what, uint64_t address, size_t bytes, std::vector<Use>& uses, std::string& sentence);
    // Finds the allocations that a kernel's argument bytes point into; a pointer into freed memory gives a sentence.
    bool scan(const void* arguments, size_t bytes, std::vector<Use>& uses, std::string& sentence);
    // Checks that all the allocations still live.
    bool alive(const std::vector<Use>& uses, std::string& sentence) const;
    // "allocation 7 (1024 bytes at 0x...)".
    static std::string describe(const Allocation& allocation);

    void set_limit(size_t bytes) { limit_ = bytes; }
    size_t limit() const { return limit_; }
    size_t used() const { return used_; }
    size_t peak() const { return peak_; }
    int64_t made() const { return made_; }
    size_t live_device() const { return device_.size(); }
    size_t live_host(MemoryKind kind, size_t* bytes) const;
    void clear_live(); // frees everything that lives; former ranges stay known
    void clear();

private:
    void bury(uint64_t base, size_t bytes);
    void forget_former(uint64_t base, size_t bytes);

    std::map<uint64_t, Allocation> device_, host_, former_;
    std::unordered_set<uint64_t> live_ids_;
    std::deque<std::pair<void*, size_t>> graveyard_;
    size_t graveyard_bytes_ = 0;
    size_t limit_ = size_t{4} << 30, used_ = 0, peak_ = 0;
    int64_t made_ = 0;
    uint64_t next_id_ = 1;
};

} // namespace emulator
