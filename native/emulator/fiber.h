// Fibers: stacks of their own with a guard page, and the switch from one to another. On x86-64 the switch is six pushes and pops
// (a few ns); elsewhere ucontext does it.
#pragma once
#include <stddef.h>
// Elsewhere, or with MERGE_ENGINE_UCONTEXT, which tests that way on x86-64.
#if !defined(__x86_64__) && !defined(MERGE_ENGINE_UCONTEXT)
#define MERGE_ENGINE_UCONTEXT 1
#endif
#if defined(MERGE_ENGINE_UCONTEXT)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define MERGE_ENGINE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MERGE_ENGINE_ASAN 1
#endif
#endif

// For the executor's own inner functions, which every thread of a block passes through: they are tested, and twice as fast unchecked.
#define MERGE_ENGINE_UNCHECKED __attribute__((no_sanitize("address")))

namespace emulator {

struct Fiber
{
    void* stack_pointer = nullptr;     // while it is not running
    void* mapping = nullptr;           // null for an OS thread's own stack
    const void* bottom = nullptr;      // of the usable stack
    size_t size = 0;
    void* fake_stack = nullptr;        // AddressSanitizer's
#if defined(MERGE_ENGINE_UCONTEXT)
    ucontext_t state;
#endif
};

// A fiber that begins with entry() when it is first switched to; entry must not return. `index` spreads the stacks' upper ends over
// the cache's sets. Ends the process with a sentence when there is no memory.
Fiber* create_fiber(void (*entry)(), size_t index);

// Makes an abandoned fiber begin with entry() again.
void restart_fiber(Fiber& fiber, void (*entry)(), size_t index);

void destroy_fiber(Fiber* fiber);

// Leaves `from`, which is running, and goes on in `to`; returns when something switches to `from`.
void switch_fiber(Fiber& from, Fiber& to);

// The first thing an entry() does.
void fiber_entered();

} // namespace emulator
