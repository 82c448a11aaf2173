#include "failure.h"

#include <cstdarg>
#include <cstdio>

namespace emulator {

std::string text(const char* format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    const int length = std::vsnprintf(nullptr, 0, format, list);
    va_end(list);
    std::string result(static_cast<size_t>(length > 0 ? length : 0), '\0');
    if (length > 0)
        std::vsnprintf(&result[0], result.size() + 1, format, again);
    va_end(again);
    return result;
}

void Faults::report(const std::string& sentence, bool loud)
{
    last_ = sentence;
    ++count_;
    if (verbose_ || loud)
        std::fprintf(stderr, "emulated device: %s\n", sentence.c_str());
}

void Faults::clear()
{
    last_.clear();
    count_ = 0;
}

} // namespace emulator
