#include "memory.h"

#include "failure.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define EMULATOR_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMULATOR_ADDRESS_SANITIZER 1
#endif
#endif

namespace emulator {

namespace {

constexpr int Poison = 0xFF;
constexpr size_t GraveyardBytes = size_t{64} << 20;
constexpr size_t FormerRanges = 4096;

using Ranges = std::map<uint64_t, Allocation>;

template <typename Map>
auto containing(Map& ranges, uint64_t address) -> decltype(&ranges.begin()->second)
{
    auto next = ranges.upper_bound(address);
    if (next == ranges.begin())
        return nullptr;
    auto& allocation = (--next)->second;
    return address < allocation.end() ? &allocation : nullptr;
}

Allocation* starting(Ranges& ranges, uint64_t base)
{
    const auto found = ranges.find(base);
    return found == ranges.end() ? nullptr : &found->second;
}

const char* kind_name(MemoryKind kind)
{
    return kind == MemoryKind::Device ? "allocation" : kind == MemoryKind::Pinned ? "pinned block" : "registered range";
}

} // namespace

Memory::~Memory()
{
    clear();
}

bool Memory::allocate(size_t bytes, Allocation& result)
{
    void* block = nullptr;
    if (bytes > limit_ - std::min(used_, limit_) || posix_memalign(&block, 256, bytes) != 0)
        return false;
    std::memset(block, Poison, bytes);
    result = Allocation{reinterpret_cast<uint64_t>(block), bytes, next_id_++, MemoryKind::Device, false};
    forget_former(result.base, bytes);
    device_.emplace(result.base, result);
    live_ids_.insert(result.id);
    used_ += bytes;
    peak_ = std::max(peak_, used_);
    ++made_;
    return true;
}

void Memory::release(uint64_t base)
{
    const auto found = device_.find(base);
    const Allocation allocation = found->second;
    device_.erase(found);
    live_ids_.erase(allocation.id);
    used_ -= allocation.bytes;
    if (former_.size() >= FormerRanges)
        former_.clear();
    former_[base] = allocation;
    bury(base, allocation.bytes);
}

void Memory::bury(uint64_t base, size_t bytes)
{
    void* block = reinterpret_cast<void*>(base);
#ifdef EMULATOR_ADDRESS_SANITIZER
    (void)bytes;
    std::free(block);
#else
    std::memset(block, Poison, bytes);
    graveyard_.emplace_back(block, bytes);
    graveyard_bytes_ += bytes;
    while (graveyard_bytes_ > GraveyardBytes) {
        graveyard_bytes_ -= graveyard_.front().second;
        std::free(graveyard_.front().first);
        graveyard_.pop_front();
    }
#endif
}

void Memory::forget_former(uint64_t base, size_t bytes)
{
    auto next = former_.lower_bound(base);
    if (next != former_.begin() && std::prev(next)->second.end() > base)
        --next;
    while (next != former_.end() && next->first < base + bytes)
        next = former_.erase(next);
}

bool Memory::allocate_pinned(size_t bytes, Allocation& result)
{
    void* block = nullptr;
    if (posix_memalign(&block, 4096, bytes) != 0)
        return false;
    std::memset(block, Poison, bytes);
    result = Allocation{reinterpret_cast<uint64_t>(block), bytes, next_id_++, MemoryKind::Pinned, false};
    forget_former(result.base, bytes);
    host_.emplace(result.base, result);
    live_ids_.insert(result.id);
    return true;
}

void Memory::release_pinned(uint64_t base)
{
    const auto found = host_.find(base);
    const size_t bytes = found->second.bytes;
    live_ids_.erase(found->second.id);
    host_.erase(found);
    bury(base, bytes);
}

bool Memory::register_host(uint64_t base, size_t bytes)
{
    const auto next = host_.lower_bound(base);
    if ((next != host_.end() && next->first < base + bytes) || find_host(base) != nullptr)
        return false;
    const Allocation range{base, bytes, next_id_++, MemoryKind::Registered, false};
    forget_former(base, bytes);
    host_.emplace(base, range);
    live_ids_.insert(range.id);
    return true;
}

void Memory::unregister_host(uint64_t base)
{
    const auto found = host_.find(base);
    live_ids_.erase(found->second.id);
    host_.erase(found);
}

Allocation* Memory::find_device(uint64_t address) { return containing(device_, address); }
Allocation* Memory::find_host(uint64_t address) { return containing(host_, address); }
Allocation* Memory::device_at(uint64_t base) { return starting(device_, base); }
Allocation* Memory::host_at(uint64_t base) { return starting(host_, base); }

Allocation* Memory::find_any(uint64_t address)
{
    Allocation* found = find_device(address);
    return found != nullptr ? found : find_host(address);
}

const Allocation* Memory::find_former(uint64_t address) const { return containing(former_, address); }

bool Memory::check(const char* what, uint64_t address, size_t bytes, std::vector<Use>& uses, std::string& sentence)
{
    if (bytes == 0)
        return true;
    const Allocation* allocation = find_any(address);
    if (allocation == nullptr) {
        const Allocation* former = find_former(address);
        sentence = former != nullptr
            ? text("%s at 0x%llx lies in %s, which was freed", what, static_cast<unsigned long long>(address), describe(*former).c_str())
            : text("%s at 0x%llx is not device memory", what, static_cast<unsigned long long>(address));
        return false;
    }
    if (allocation->freeing) {
        sentence = text("%s at 0x%llx lies in %s, whose free was submitted before this work", what,
                        static_cast<unsigned long long>(address), describe(*allocation).c_str());
        return false;
    }
    if (bytes > allocation->end() - address) {
        sentence = text("%s at 0x%llx needs %zu bytes, %llu more than are left in %s", what, static_cast<unsigned long long>(address),
                        bytes, static_cast<unsigned long long>(bytes - (allocation->end() - address)), describe(*allocation).c_str());
        return false;
    }
    uses.push_back(Use{allocation->id, address, bytes});
    return true;
}

bool Memory::scan(const void* arguments, size_t bytes, std::vector<Use>& uses, std::string& sentence)
{
    for (size_t offset = 0; offset + 8 <= bytes; offset += 8) {
        uint64_t word;
        std::memcpy(&word, static_cast<const char*>(arguments) + offset, 8);
        if (const Allocation* live = find_any(word)) {
            if (live->freeing) {
                sentence = text("the argument at byte %zu points into %s, whose free was submitted before this work", offset,
                                describe(*live).c_str());
                return false;
            }
            uses.push_back(Use{live->id, word, 0});
        } else if (const Allocation* former = find_former(word)) {
            // One past the end of a live block is a legal pointer, whoever lived behind it.
            const Allocation* before = word != 0 ? find_any(word - 1) : nullptr;
            if (before != nullptr)
                continue;
            sentence = text("the argument at byte %zu points into %s, which was freed", offset, describe(*former).c_str());
            return false;
        }
    }
    return true;
}

bool Memory::alive(const std::vector<Use>& uses, std::string& sentence) const
{
    for (const Use& use : uses)
        if (live_ids_.count(use.allocation) == 0) {
            sentence = text("it uses 0x%llx in allocation %llu, which was freed", static_cast<unsigned long long>(use.address),
                            static_cast<unsigned long long>(use.allocation));
            return false;
        }
    return true;
}

std::string Memory::describe(const Allocation& allocation)
{
    return text("%s %llu (%zu bytes at 0x%llx)", kind_name(allocation.kind), static_cast<unsigned long long>(allocation.id),
                allocation.bytes, static_cast<unsigned long long>(allocation.base));
}

size_t Memory::live_host(MemoryKind kind, size_t* bytes) const
{
    size_t count = 0, total = 0;
    for (const auto& entry : host_)
        if (entry.second.kind == kind) {
            ++count;
            total += entry.second.bytes;
        }
    if (bytes != nullptr)
        *bytes = total;
    return count;
}

void Memory::clear_live()
{
    while (!device_.empty())
        release(device_.begin()->first);
    while (!host_.empty())
        if (host_.begin()->second.kind == MemoryKind::Pinned)
            release_pinned(host_.begin()->first);
        else
            unregister_host(host_.begin()->first);
}

void Memory::clear()
{
    clear_live();
    for (const auto& block : graveyard_)
        std::free(block.first);
    former_.clear();
    graveyard_.clear();
    graveyard_bytes_ = peak_ = 0;
    made_ = 0;
}

} // namespace emulator
