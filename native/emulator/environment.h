// The variables that the process was started with: read with care, since a value that is misspelt would otherwise do nothing at all.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

namespace emulator {

// The variable's value; null where it is not set, or set to nothing.
inline const char* environment_value(const char* name)
{
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}

// Digits and nothing else (strtoull takes signs and leading spaces), within 64 bits.
inline bool parse_number(const char* text, uint64_t& number)
{
    if (*text < '0' || *text > '9')
        return false;
    char* end = nullptr;
    errno = 0;
    const unsigned long long parsed = std::strtoull(text, &end, 10);
    if (*end != '\0' || errno != 0)
        return false;
    number = parsed;
    return true;
}

// "random:SEED".
inline bool parse_random(const char* text, uint64_t& seed)
{
    return std::strncmp(text, "random:", 7) == 0 && parse_number(text + 7, seed);
}

inline std::string refuse_value(const char* name, const char* value, const std::string& expected)
{
    return std::string(name) + " is '" + value + "'; it must be " + expected + ".";
}

} // namespace emulator
