// A test program's frame: what check.h declares, and main, which runs the cases. Include it once, last.
//
// An argument runs the cases whose names contain it. The last line is `Total: N, Errors: 0, Failed: N, Skipped: N`; exit code 0 or 1.
#pragma once
#include "check.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

namespace check {

namespace {

struct Failure { std::string sentence; };
struct Skip { std::string reason; };

} // namespace

std::vector<Case>& cases()
{
    static std::vector<Case> all;
    return all;
}

void fail(const std::string& sentence, const char* file, int line)
{
    const char* const slash = strrchr(file, '/');
    throw Failure{ std::string(slash == nullptr ? file : slash + 1) + ":" + std::to_string(line) + ": " + sentence };
}

void skip(const std::string& reason) { throw Skip{ reason }; }

bool with_address_sanitizer()
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#elif defined(__has_feature)
    return __has_feature(address_sanitizer);
#else
    return false;
#endif
}

Child in_child(const std::function<void()>& body)
{
    int ends[2];
    if (pipe(ends) != 0) fail("no pipe", __FILE__, __LINE__);
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        close(ends[0]);
        // Other threads do not exist on this side of a fork.
        emulator::set_threads(1);
        body();
        _exit(0);
    }
    close(ends[1]);
    std::string output;
    char buffer[4096];
    for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;) output.append(buffer, static_cast<size_t>(got));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return { WIFEXITED(status) && WEXITSTATUS(status) == 0, output };
}

void under_every_schedule(const std::function<void()>& body)
{
    using emulator::Schedule;
    const Schedule schedules[] = { { Schedule::forward, 0 }, { Schedule::reverse, 0 }, { Schedule::random, 1 }, { Schedule::random, 2 },
        { Schedule::random, 12345678901234567u } };
    for (const int threads : { 1, 2, 5 })
        for (const Schedule& schedule : schedules) {
            emulator::set_threads(threads);
            emulator::set_schedule(schedule);
            body();
        }
}

} // namespace check

int main(int count, char** arguments)
{
    const emulator::Schedule schedule = emulator::get_schedule();
    const int threads = emulator::get_threads();
    const emulator::Kernel* const nothing = emulator::find_kernel("test_does_nothing"); // the core's program has it
    if (count == 2 && strcmp(arguments[1], "--settings") == 0 && nothing != nullptr) {
        struct { int unused; } none = { 0 };
        std::string error;
        const bool good = emulator::execute(*nothing, {}, { 32, 1, 1 }, 0, &none, error);
        printf("%d %llu %d%s%s\n", static_cast<int>(schedule.order), static_cast<unsigned long long>(schedule.seed), threads,
            good ? "" : " ", error.c_str());
        return 0;
    }

    int total = 0, failed = 0, skipped = 0;
    for (const check::Case& test : check::cases()) {
        if (count > 1 && strstr(test.name, arguments[1]) == nullptr) continue;
        total++;
        emulator::set_schedule(schedule);
        emulator::set_threads(threads);
        try {
            test.body();
        } catch (const check::Failure& failure) {
            failed++;
            printf("failed %s\n  %s\n", test.name, failure.sentence.c_str());
        } catch (const check::Skip& skip) {
            skipped++;
            printf("skipped %s: %s\n", test.name, skip.reason.c_str());
        }
    }
    printf("Total: %d, Errors: 0, Failed: %d, Skipped: %d\n", total, failed, skipped);
    return failed > 0 || total == 0 ? 1 : 0;
}
