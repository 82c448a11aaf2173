// Contexts, device and pinned memory, copies and fills: what the driver answers, and which misuse it finds.
#pragma once
#include "device.cuh"

#include <cmath>
#include <cstdlib>
#include <thread>

using namespace device_tests;

KERNEL(device_test_affine, 64, Affine)
{
    const int64_t i = static_cast<int64_t>(blockIdx.x) * 64 + threadIdx.x;
    if (i < arguments.count)
        arguments.target[i] = arguments.source[i] * arguments.factor + arguments.offset;
}

namespace {

// A pointer that hides in device memory, where no check of the arguments can see it.
struct Indirect {
    float* target;
    const float* const* source;
};

} // namespace

KERNEL(device_test_indirect, 64, Indirect)
{
    if (threadIdx.x == 0)
        arguments.target[0] = *arguments.source[0];
}

TEST(calls_before_cuInit_say_that_the_driver_is_not_initialised)
{
    emulatorReset();
    CUdeviceptr pointer;
    int count;
    CHECK_STATUS(CUDA_ERROR_NOT_INITIALIZED, cuMemAlloc_v2(&pointer, 16));
    CHECK_STATUS(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&count));
    emulatorSetDeviceCount(0);
    CHECK_STATUS(CUDA_ERROR_NO_DEVICE, cuInit(0));
    emulatorReset();
}

TEST(a_thread_without_a_current_context_is_refused)
{
    Device device;
    CUresult without = CUDA_SUCCESS, with = CUDA_ERROR_UNKNOWN;
    CUcontext current = device.context;
    std::thread([&] {
        CUdeviceptr pointer = 0;
        without = cuMemAlloc_v2(&pointer, 16);
        cuCtxGetCurrent(&current);
        cuCtxPushCurrent_v2(device.context);
        with = cuMemAlloc_v2(&pointer, 16);
    }).join();
    CHECK_STATUS(CUDA_ERROR_INVALID_CONTEXT, without);
    CHECK_STATUS(CUDA_SUCCESS, with);
    CHECK(current == nullptr);
}

TEST(contexts_are_pushed_and_popped_in_order)
{
    Device device;
    CUcontext popped = nullptr;
    CHECK_OK(cuCtxPushCurrent_v2(device.context));
    CHECK_OK(cuCtxPopCurrent_v2(&popped));
    CHECK(popped == device.context);
    CHECK_OK(cuCtxPopCurrent_v2(&popped));
    CHECK_STATUS(CUDA_ERROR_INVALID_CONTEXT, cuCtxPopCurrent_v2(&popped));
    CHECK_STATUS(CUDA_ERROR_INVALID_CONTEXT, cuCtxSynchronize());
}

TEST(the_primary_context_is_counted_and_its_end_frees_and_reports_what_was_left)
{
    Device device;
    CUcontext again;
    CHECK_OK(cuDevicePrimaryCtxRetain(&again, 0));
    CHECK(again == device.context);
    allocate(100);
    create_stream();
    CHECK(statistics().primary_contexts == 2 && statistics().allocations == 1);
    CHECK_OK(cuDevicePrimaryCtxRelease_v2(0));
    CHECK_OK(cuCtxSynchronize());
    CHECK_OK(cuDevicePrimaryCtxRelease_v2(0));
    CHECK(statistics().allocations == 0 && statistics().streams == 0 && statistics().leaked == 2);
    CHECK_STATUS(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuCtxSynchronize());
    CHECK_STATUS(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
    CHECK_OK(cuDevicePrimaryCtxRetain(&again, 0));
    CHECK(again != device.context);
}

TEST(fresh_memory_holds_nan_and_is_aligned)
{
    Device device;
    const CUdeviceptr pointer = allocate(64 * sizeof(float) + 1);
    CHECK(pointer % 256 == 0);
    for (const float value : download(pointer, 64))
        CHECK(std::isnan(value));
    CHECK_OK(cuMemFree_v2(pointer));
    CHECK(statistics().allocations == 0 && statistics().allocated_bytes == 0);
}

TEST(copies_and_fills_arrive)
{
    Device device;
    const CUdeviceptr a = upload({1, 2, 3, 4}), b = allocate(16);
    CHECK_OK(cuMemcpyDtoD_v2(b, a, 16));
    CHECK(download(b, 4) == (std::vector<float>{1, 2, 3, 4}));
    CHECK_OK(cuMemsetD32Async(b + 4, 0x40A00000, 2, nullptr));
    CHECK(download(b, 4) == (std::vector<float>{1, 5, 5, 4}));
    CHECK_OK(cuMemsetD8_v2(b, 0, 4));
    CHECK_OK(cuMemsetD16Async(b + 14, 0x40E0, 1, nullptr));
    CHECK(download(b, 4) == (std::vector<float>{0, 5, 5, 7}));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(b + 2, 0, 1, nullptr));
}

TEST(copies_and_fills_beyond_an_allocation_are_found)
{
    Device device;
    std::vector<float> host(8);
    const CUdeviceptr pointer = allocate(16);
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(pointer, host.data(), 20));
    CHECK_TEXT(last_fault(), "4 more than are left");
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(host.data(), pointer + 8, 12));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(pointer + 12, 0, 2, nullptr));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(pointer, 0, SIZE_MAX / 4 + 2, nullptr));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoD_v2(pointer, reinterpret_cast<CUdeviceptr>(host.data()), 16));
    CHECK_TEXT(last_fault(), "is not device memory");
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(reinterpret_cast<void*>(pointer), pointer, 16));
    CHECK_TEXT(last_fault(), "is device memory");
    CHECK(statistics().faults == 6);
    CHECK_OK(cuCtxSynchronize()); // none of them poisons the context
}

TEST(double_frees_and_frees_of_unknown_pointers_are_found)
{
    Device device;
    const CUdeviceptr pointer = allocate(64);
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(pointer + 16));
    CHECK_TEXT(last_fault(), "is not the start of");
    CHECK_OK(cuMemFree_v2(pointer));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(pointer));
    CHECK_TEXT(last_fault(), "double free");
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(4096));
    CHECK_TEXT(last_fault(), "never allocated");
    CHECK_OK(cuMemFree_v2(0));
    const CUdeviceptr ordered = allocate(64);
    CHECK_OK(cuMemFreeAsync(ordered, nullptr));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemFreeAsync(ordered, nullptr));
}

TEST(copies_from_freed_memory_are_found)
{
    Device device;
    float host[4];
    const CUdeviceptr pointer = allocate(16);
    CHECK_OK(cuMemFree_v2(pointer));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(host, pointer, 16));
    CHECK_TEXT(last_fault(), "which was freed");
}

TEST(a_kernel_that_is_given_freed_memory_is_found)
{
    Device device;
    const CUdeviceptr source = upload({1, 2, 3}), target = allocate(12);
    CHECK_OK(launch_affine(nullptr, target, source, 3, 2, 1));
    CHECK(download(target, 3) == (std::vector<float>{3, 5, 7}));
    CHECK_OK(cuMemFree_v2(source));
    CHECK_STATUS(CUDA_ERROR_ILLEGAL_ADDRESS, launch_affine(nullptr, target, source, 3, 2, 1));
    CHECK_TEXT(last_fault(), "device_test_affine: the argument at byte 8 points into allocation");
    CHECK_STATUS(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
}

TEST(freed_memory_that_a_kernel_finds_by_itself_is_poisoned)
{
    const auto read_freed = [] {
        Device device;
        const CUdeviceptr freed = upload({5}), target = upload({0}), pointer = allocate(8);
        CHECK_OK(cuMemcpyHtoD_v2(pointer, &freed, 8));
        CHECK_OK(cuMemFree_v2(freed));
        CHECK_OK(launch(find_function("device_test_indirect"), nullptr,
                        Indirect{reinterpret_cast<float*>(target), reinterpret_cast<const float* const*>(pointer)}));
        return download(target, 1)[0];
    };
    if (!check::with_address_sanitizer()) {
        CHECK(std::isnan(read_freed()));
        return;
    }
    const check::Child child = check::in_child(read_freed);
    CHECK(!child.succeeded);
    CHECK_TEXT(child.output, "heap-use-after-free");
}

TEST(the_environment_sets_the_device_up)
{
    setenv("MERGE_ENGINE_EMULATOR_MEMORY", "1234", 1);
    setenv("MERGE_ENGINE_EMULATOR_STREAMS", "late", 1);
    setenv("MERGE_ENGINE_EMULATOR_DRIVER_VERSION", "12020", 1);
    setenv("MERGE_ENGINE_EMULATOR_FAIL_ALLOCATION", "2", 1);
    emulatorReset();
    for (const char* name : {"MEMORY", "STREAMS", "DRIVER_VERSION", "FAIL_ALLOCATION"})
        unsetenv((std::string("MERGE_ENGINE_EMULATOR_") + name).c_str());
    size_t bytes = 0;
    int version = 0;
    CUcontext context = nullptr;
    CHECK_OK(cuInit(0));
    CHECK_OK(cuDeviceTotalMem_v2(&bytes, 0));
    CHECK_OK(cuDriverGetVersion(&version));
    CHECK_OK(cuDevicePrimaryCtxRetain(&context, 0));
    CHECK_OK(cuCtxSetCurrent(context));
    CUdeviceptr pointer = allocate(4), none = 0;
    CHECK_STATUS(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&none, 4));
    CHECK_OK(cuMemsetD8Async(pointer, 0, 4, nullptr));
    CHECK(bytes == 1234 && version == 12020 && statistics().queued == 1);
    cuCtxSetCurrent(nullptr);
    emulatorReset();
}

TEST(a_block_in_the_place_of_a_freed_one_is_alive)
{
    Device device;
    for (int round = 0; round < 50; ++round) {
        const CUdeviceptr source = upload(std::vector<float>(1 + round % 7, 1.0f)), target = allocate(64);
        CHECK_OK(launch_affine(nullptr, target, source, 1 + round % 7, 2, 1));
        CHECK(download(target, 1)[0] == 3);
        CHECK_OK(cuMemFree_v2(source));
        CHECK_OK(cuMemFree_v2(target));
    }
    CHECK(statistics().faults == 0 && statistics().total_allocations == 100);
}

TEST(a_kernel_that_writes_beyond_its_allocation_dies_of_it)
{
    if (!check::with_address_sanitizer())
        check::skip("built without AddressSanitizer");
    const check::Child child = check::in_child([] {
        Device device;
        const CUdeviceptr source = upload(std::vector<float>(8)), target = allocate(7 * sizeof(float));
        launch_affine(nullptr, target, source, 8, 1, 0);
    });
    CHECK(!child.succeeded);
    CHECK_TEXT(child.output, "heap-buffer-overflow");
}

TEST(memory_has_a_limit)
{
    Device device;
    emulatorSetMemory(1000);
    size_t free_bytes = 0, total = 0;
    CUdeviceptr pointer = 0, more = 0;
    CHECK_OK(cuMemAlloc_v2(&pointer, 600));
    CHECK_OK(cuMemGetInfo_v2(&free_bytes, &total));
    CHECK(free_bytes == 400 && total == 1000);
    CHECK_STATUS(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&more, 401));
    CHECK_STATUS(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&more, SIZE_MAX));
    CHECK_OK(cuMemAlloc_v2(&more, 400));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&more, 0));
    CHECK_OK(cuMemFree_v2(pointer));
    CHECK_OK(cuMemAllocAsync(&pointer, 600, nullptr));
    CHECK(statistics().peak_bytes == 1000 && statistics().faults == 0);
}

TEST(pinned_memory_is_counted_and_its_misuse_found)
{
    Device device;
    float* block = pinned(4);
    std::vector<float> host(64);
    const CUdeviceptr pointer = allocate(256);
    CHECK(std::isnan(block[3]));
    CHECK(statistics().pinned_allocations == 1 && statistics().pinned_bytes == 16);
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoDAsync_v2(pointer, block, 20, nullptr));
    CHECK_TEXT(last_fault(), "pinned block");
    CHECK_OK(cuMemHostRegister_v2(host.data(), 256, 0));
    CHECK_STATUS(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister_v2(host.data() + 8, 4, 0));
    CHECK_STATUS(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(block));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(host.data()));
    CHECK(statistics().registered_ranges == 1);
    CHECK_OK(cuMemHostUnregister(host.data()));
    CHECK_OK(cuMemFreeHost(block));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(block));
    CHECK(statistics().pinned_allocations == 0 && statistics().registered_ranges == 0);
}

TEST(pointers_can_be_asked_about)
{
    Device device;
    const CUdeviceptr pointer = allocate(100);
    CUdeviceptr base = 0;
    size_t bytes = 0;
    int32_t kind = 0;
    CUcontext context = nullptr;
    CHECK_OK(cuMemGetAddressRange_v2(&base, &bytes, pointer + 99));
    CHECK(base == pointer && bytes == 100);
    CHECK_OK(cuPointerGetAttribute(&kind, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, pointer));
    CHECK(kind == CU_MEMORYTYPE_DEVICE);
    CHECK_OK(cuPointerGetAttribute(&context, CU_POINTER_ATTRIBUTE_CONTEXT, pointer));
    CHECK(context == device.context);
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&kind, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, pointer + 100));
}

TEST(a_value_of_the_environment_that_cannot_be_understood_is_refused_at_the_start)
{
    const struct {
        const char *name, *value, *expected;
    } cases[] = {
        {"MERGE_ENGINE_EMULATOR_STREAMS", "LATE", "it must be eager, late or random:SEED."},
        {"MERGE_ENGINE_EMULATOR_STREAMS", "random", "eager, late or random:SEED"},
        {"MERGE_ENGINE_EMULATOR_STREAMS", "random:", "eager, late or random:SEED"},
        {"MERGE_ENGINE_EMULATOR_STREAMS", "random:-1", "eager, late or random:SEED"},
        {"MERGE_ENGINE_EMULATOR_STREAMS", "early", "eager, late or random:SEED"},
        {"MERGE_ENGINE_EMULATOR_FAIL_LAUNCH", "x", "the number of the call that fails"},
        {"MERGE_ENGINE_EMULATOR_FAIL_LAUNCH", "-1", "the number of the call that fails"},
        {"MERGE_ENGINE_EMULATOR_FAIL_ALLOCATION", "1.5", "the number of the call that fails"},
        {"MERGE_ENGINE_EMULATOR_FAIL_CUBLAS", " 1", "the number of the call that fails"},
        {"MERGE_ENGINE_EMULATOR_MEMORY", "4GiB", "a number of bytes"},
        {"MERGE_ENGINE_EMULATOR_MEMORY", "1e9", "a number of bytes"},
        {"MERGE_ENGINE_EMULATOR_MEMORY", "-1", "a number of bytes"},
        {"MERGE_ENGINE_EMULATOR_MEMORY", "99999999999999999999", "a number of bytes"},
        {"MERGE_ENGINE_EMULATOR_DEVICES", "2", "0 or 1"},
        {"MERGE_ENGINE_EMULATOR_DRIVER_VERSION", "12.4", "12040 for CUDA 12.4"},
        {"MERGE_ENGINE_EMULATOR_VERBOSE", "yes", "0 or 1"},
    };
    for (const auto& wrong : cases) {
        setenv(wrong.name, wrong.value, 1);
        emulatorReset();
        unsetenv(wrong.name);
        CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuInit(0));
        const std::string start = std::string(wrong.name) + " is '" + wrong.value + "'; it must be ";
        CHECK(last_fault().compare(0, start.size(), start) == 0);
        CHECK_TEXT(last_fault(), wrong.expected);
    }
    setenv("MERGE_ENGINE_EMULATOR_STREAMS", "random:18446744073709551615", 1);
    setenv("MERGE_ENGINE_EMULATOR_MEMORY", "", 1); // as if it were not there
    emulatorReset();
    unsetenv("MERGE_ENGINE_EMULATOR_STREAMS");
    unsetenv("MERGE_ENGINE_EMULATOR_MEMORY");
    CHECK_OK(cuInit(0));
    emulatorReset();
}

TEST(a_machine_without_a_device_names_the_variable_that_took_it_away)
{
    setenv("MERGE_ENGINE_EMULATOR_DEVICES", "0", 1);
    emulatorReset();
    unsetenv("MERGE_ENGINE_EMULATOR_DEVICES");
    CHECK_STATUS(CUDA_ERROR_NO_DEVICE, cuInit(0));
    CHECK_TEXT(last_fault(), "MERGE_ENGINE_EMULATOR_DEVICES is 0");
    emulatorReset();
}
