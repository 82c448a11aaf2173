// A very small test harness: cases register themselves, checks say what they found.
#pragma once
#include <functional>
#include <string>
#include <vector>
#include "../../../kernels/platform.cuh"
#include "../../executor.h"

namespace check {

struct Case
{
    const char* name;
    void (*body)();
};

std::vector<Case>& cases();

struct Register
{
    Register(const char* name, void (*body)()) { cases().push_back({ name, body }); }
};

// Ends the case as failed, or as skipped.
[[noreturn]] void fail(const std::string& sentence, const char* file, int line);
[[noreturn]] void skip(const std::string& reason);

// What a forked child wrote to standard error, and whether it ended by exit code 0.
struct Child { bool succeeded; std::string output; };
Child in_child(const std::function<void()>& body);

bool with_address_sanitizer();

// Launches by name; empty where it ran to its end, else the error's sentence.
template <class Arguments>
std::string launch(const char* kernel, emulator::Dim3 grid, int threads, size_t dynamic_shared, const Arguments& arguments)
{
    std::string error;
    const bool good = emulator::execute(*emulator::find_kernel(kernel), grid, { static_cast<unsigned>(threads), 1, 1 }, dynamic_shared,
        &arguments, error);
    if (good != error.empty()) return "the result and the sentence disagree: '" + error + "'";
    return error;
}

// Runs the body under every schedule (three seeds) with 1, 2 and 5 OS threads.
void under_every_schedule(const std::function<void()>& body);

} // namespace check

#define TEST(name) \
    static void name(); \
    static const check::Register name##_case(#name, name); \
    static void name()

#define CHECK(condition) \
    do { if (!(condition)) check::fail("not true: " #condition, __FILE__, __LINE__); } while (false)

#define CHECK_TEXT(text, part) \
    do { \
        const std::string found = (text); \
        if (found.find(part) == std::string::npos) check::fail("'" + found + "' lacks '" + part + "'", __FILE__, __LINE__); \
    } while (false)

#define CHECK_RUNS(error) \
    do { const std::string found = (error); if (!found.empty()) check::fail(found, __FILE__, __LINE__); } while (false)
