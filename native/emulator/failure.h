// Misuse found (faults, as sentences) and failures ordered by tests.
#pragma once

#include <cstdint>
#include <string>

namespace emulator {

// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);

// What went wrong last, and how often something did. A fault is the caller's mistake (a range outside its allocation, a pointer that
// was freed, a kernel that failed), never an ordinary answer such as "out of memory".
class Faults {
public:
    // Goes to standard error when the process asked for it (MERGE_ENGINE_EMULATOR_VERBOSE), or always where `loud`.
    void report(const std::string& sentence, bool loud = false);
    void clear();
    const std::string& last() const { return last_; }
    int64_t count() const { return count_; }
    void set_verbose(bool verbose) { verbose_ = verbose; }

private:
    std::string last_;
    int64_t count_ = 0;
    bool verbose_ = false;
};

// A failure that strikes once, at the n-th chance.
class Injection {
public:
    void arm(int64_t n) { left_ = n; }
    bool strikes() { return left_ > 0 && --left_ == 0; }

private:
    int64_t left_ = 0;
};

struct Injections {
    Injection allocation, pinned, launch, product;
};

} // namespace emulator
