#include "fiber.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#if defined(MERGE_ENGINE_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(MERGE_ENGINE_UCONTEXT)
// Saves the callee-saved registers on the stack, stores the stack pointer and takes the other one's. The return is predicted well:
// the other fiber nearly always waits in the same chain of calls. Control words are the same in all fibers.
extern "C" void merge_engine_switch_stack(void** save, void* load);
asm(R"(
.text
.p2align 4
.globl merge_engine_switch_stack
.hidden merge_engine_switch_stack
.type merge_engine_switch_stack, @function
merge_engine_switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size merge_engine_switch_stack, .-merge_engine_switch_stack
)");
#endif

namespace emulator {

namespace {

#if defined(MERGE_ENGINE_ASAN)
constexpr size_t stack_bytes = 256 * 1024; // its frames are several times as large
__thread Fiber* switched_from;
#else
constexpr size_t stack_bytes = 128 * 1024;
#endif
constexpr size_t page = 4096;

} // namespace

void restart_fiber(Fiber& fiber, void (*entry)(), [[maybe_unused]] size_t index)
{
#if defined(MERGE_ENGINE_ASAN)
    __asan_unpoison_memory_region(const_cast<void*>(fiber.bottom), fiber.size);
    fiber.fake_stack = nullptr;
#endif
#if !defined(MERGE_ENGINE_UCONTEXT)
    // As if entry() had been called: six registers, its address, and a return address of zero, which ends stack traces. Tops that
    // are all the same distance from a page's end would share a few sets of the first-level cache.
    uint64_t* const top = reinterpret_cast<uint64_t*>(static_cast<char*>(fiber.mapping) + page + stack_bytes - index * 320 % page);
    for (int i = 1; i <= 8; i++) top[-i] = 0;
    top[-2] = reinterpret_cast<uint64_t>(entry);
    fiber.stack_pointer = top - 8;
#else
    getcontext(&fiber.state);
    fiber.state.uc_stack.ss_sp = const_cast<void*>(fiber.bottom);
    fiber.state.uc_stack.ss_size = fiber.size;
    fiber.state.uc_link = nullptr;
    makecontext(&fiber.state, entry, 0);
#endif
}

Fiber* create_fiber(void (*entry)(), size_t index)
{
    Fiber* const fiber = new Fiber;
    fiber->mapping = mmap(nullptr, page + stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fiber->mapping == MAP_FAILED || mprotect(fiber->mapping, page, PROT_NONE) != 0) {
        fprintf(stderr, "emulator: no memory for the stack of thread %zu of a block.\n", index);
        abort();
    }
    fiber->bottom = static_cast<char*>(fiber->mapping) + page;
    fiber->size = stack_bytes;
    restart_fiber(*fiber, entry, index);
    return fiber;
}

void destroy_fiber(Fiber* fiber)
{
#if defined(MERGE_ENGINE_ASAN)
    __asan_unpoison_memory_region(const_cast<void*>(fiber->bottom), fiber->size);
#endif
    munmap(fiber->mapping, page + stack_bytes);
    delete fiber;
}

MERGE_ENGINE_UNCHECKED void switch_fiber(Fiber& from, Fiber& to)
{
#if defined(MERGE_ENGINE_ASAN)
    switched_from = &from;
    __sanitizer_start_switch_fiber(&from.fake_stack, to.bottom, to.size);
#endif
#if !defined(MERGE_ENGINE_UCONTEXT)
    merge_engine_switch_stack(&from.stack_pointer, to.stack_pointer);
#else
    swapcontext(&from.state, &to.state);
#endif
#if defined(MERGE_ENGINE_ASAN)
    __sanitizer_finish_switch_fiber(from.fake_stack, &switched_from->bottom, &switched_from->size);
#endif
}

void fiber_entered()
{
#if defined(MERGE_ENGINE_ASAN)
    // Tells where the stack of an OS thread lies, which is needed to go back to it.
    __sanitizer_finish_switch_fiber(nullptr, &switched_from->bottom, &switched_from->size);
#endif
}

} // namespace emulator
