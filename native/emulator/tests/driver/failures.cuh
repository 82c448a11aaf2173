// Modules and launches, their errors, and failures that tests order.
#pragma once
#include "device.cuh"

using namespace device_tests;

namespace {

struct Divergent {
    int32_t* target;
};

} // namespace

KERNEL(device_test_divergent, 64, Divergent)
{
    if (lane_id() < 16) // half a warp waits for the block, and the other half for the whole warp
        sync_threads();
    else
        arguments.target[0] = ballot(true) != 0 ? 1 : 0;
}

TEST(unknown_kernels_are_not_found_and_foreign_handles_refused)
{
    Device device;
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    CHECK_OK(cuModuleLoadData(&module, "image"));
    CHECK_STATUS(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&function, module, "no_such_kernel"));
    CHECK_OK(cuModuleGetFunction(&function, module, "device_test_affine"));
    CHECK_OK(cuModuleUnload(module));
    CHECK_STATUS(CUDA_ERROR_INVALID_HANDLE, cuModuleGetFunction(&function, module, "device_test_affine"));
    CHECK_STATUS(CUDA_ERROR_INVALID_HANDLE, launch(function, nullptr, Affine{}));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuModuleLoadData(&module, nullptr));
    CHECK(statistics().modules == 0);
}

TEST(functions_tell_their_sizes)
{
    Device device;
    const CUfunction function = find_function("device_test_affine");
    size_t offset = 1, bytes = 0;
    int value = 0;
    CHECK_OK(cuFuncGetParamInfo(function, 0, &offset, &bytes));
    CHECK(offset == 0 && bytes == sizeof(Affine));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuFuncGetParamInfo(function, 1, &offset, &bytes));
    CHECK_OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function));
    CHECK(value == 64);
    CHECK_OK(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100 << 10));
    CHECK_OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, function));
    CHECK(value == 100 << 10);
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 228 << 10));
    CHECK_OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, function, 64, 0));
    CHECK(value == 32);
    CHECK_OK(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 0));
}

TEST(dynamic_shared_memory_beyond_the_default_is_a_right_of_one_function)
{
    Device device;
    const CUfunction function = find_function("device_test_affine"), other = find_function("device_test_affine");
    CHECK(function != other); // of another module
    CHECK_OK(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100 << 10));
    Affine arguments{};
    void* parameters[] = {&arguments};
    CHECK_OK(cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 100 << 10, nullptr, parameters, nullptr));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(other, 1, 1, 1, 64, 1, 1, 100 << 10, nullptr, parameters, nullptr));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, (100 << 10) + 1, nullptr, parameters, nullptr));
}

TEST(launches_of_a_wrong_shape_are_refused_at_the_call)
{
    Device device;
    const CUfunction function = find_function("device_test_affine");
    Affine arguments{};
    void* parameters[] = {&arguments};
    const auto shaped = [&](unsigned x, unsigned y, unsigned threads, unsigned shared) {
        return cuLaunchKernel(function, x, y, 1, threads, 1, 1, shared, nullptr, parameters, nullptr);
    };
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, shaped(0, 1, 64, 0));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, shaped(1, 65536, 64, 0));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, shaped(1, 1, 2048, 0));
    CHECK_STATUS(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, shaped(1, 1, 128, 0));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, shaped(1, 1, 64, 49 << 10));
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 0, nullptr, nullptr, nullptr));
    CHECK_OK(shaped(1, 1, 64, 0));
    CHECK(statistics().launches == 1);
}

TEST(arguments_may_come_as_a_buffer)
{
    Device device;
    const CUfunction function = find_function("device_test_affine");
    const CUdeviceptr pointer = upload({2});
    Affine arguments{reinterpret_cast<float*>(pointer), reinterpret_cast<float*>(pointer), 1, 3, 1};
    size_t bytes = sizeof arguments;
    void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &arguments, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
    CHECK_OK(cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 0, nullptr, nullptr, extra));
    CHECK(download(pointer, 1)[0] == 7);
    bytes = 8;
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 0, nullptr, nullptr, extra));
}

TEST(ptx_newer_than_the_driver_is_refused)
{
    Device device;
    CUmodule module = nullptr;
    char log[256] = {};
    CUjit_option names[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
    const char* image = "//\n// Generated\n//\n\n.version 8.0\n.target sm_80\n";
    emulatorSetDriverVersion(11040);
    CHECK_STATUS(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, cuModuleLoadDataEx(&module, image, 2, names, values));
    CHECK_TEXT(log, "Unsupported .version 8.0");
    emulatorSetDriverVersion(12000);
    CHECK_OK(cuModuleLoadDataEx(&module, image, 0, nullptr, nullptr));
    int version = 0;
    CHECK_OK(cuDriverGetVersion(&version));
    CHECK(version == 12000);
}

TEST(a_kernel_that_breaks_a_rule_poisons_its_context)
{
    for (const EmulatorStreams mode : {EMULATOR_STREAMS_EAGER, EMULATOR_STREAMS_LATE}) {
        Device device(mode);
        const CUfunction function = find_function("device_test_divergent");
        const CUdeviceptr pointer = allocate(4);
        const CUresult launched = launch(function, nullptr, Divergent{reinterpret_cast<int32_t*>(pointer)});
        CHECK_STATUS(mode == EMULATOR_STREAMS_EAGER ? CUDA_ERROR_LAUNCH_FAILED : CUDA_SUCCESS, launched);
        CHECK_STATUS(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
        CHECK_TEXT(last_fault(), "cuLaunchKernel device_test_divergent: ");
        CUdeviceptr other = 0;
        CHECK_STATUS(CUDA_ERROR_LAUNCH_FAILED, cuMemAlloc_v2(&other, 4));
        CHECK_STATUS(CUDA_ERROR_LAUNCH_FAILED, cuMemFree_v2(pointer));
        CHECK_OK(cuDevicePrimaryCtxRelease_v2(0)); // a new context is sound
        CUcontext context;
        CHECK_OK(cuDevicePrimaryCtxRetain(&context, 0));
        CHECK_OK(cuCtxSetCurrent(context));
        CHECK_OK(cuMemAlloc_v2(&other, 4));
    }
}

TEST(ordered_failures_strike_once_at_the_right_call)
{
    Device device;
    CUdeviceptr pointer = 0;
    void* host = nullptr;
    emulatorFailAllocation(2);
    emulatorFailPinned(1);
    CHECK_OK(cuMemAlloc_v2(&pointer, 4));
    CHECK_STATUS(CUDA_ERROR_OUT_OF_MEMORY, cuMemAllocAsync(&pointer, 4, nullptr));
    CHECK_TEXT(last_fault(), "cuMemAllocAsync: an injected failure");
    CHECK_OK(cuMemAlloc_v2(&pointer, 4));
    CHECK_STATUS(CUDA_ERROR_OUT_OF_MEMORY, cuMemHostAlloc(&host, 4, 0));
    CHECK_TEXT(last_fault(), "cuMemHostAlloc: an injected failure");
    CHECK_OK(cuMemHostAlloc(&host, 4, 0));
    CHECK(statistics().faults == 2);
    const CUdeviceptr value = upload({1});
    emulatorFailLaunch(2);
    CHECK_OK(launch_affine(nullptr, value, value, 1, 1, 1));
    CHECK_STATUS(CUDA_ERROR_LAUNCH_FAILED, launch_affine(nullptr, value, value, 1, 1, 1));
    CHECK_TEXT(last_fault(), "an injected failure");
    CHECK_STATUS(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
}

TEST(an_ordered_launch_failure_strikes_within_a_graph)
{
    Device device;
    const CUstream stream = create_stream();
    const CUdeviceptr value = upload({1});
    CUgraph graph;
    CUgraphExec executable;
    CHECK_OK(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    CHECK_OK(launch_affine(stream, value, value, 1, 1, 1));
    CHECK_OK(launch_affine(stream, value, value, 1, 1, 1));
    CHECK_OK(cuStreamEndCapture(stream, &graph));
    CHECK_OK(cuGraphInstantiateWithFlags(&executable, graph, 0));
    emulatorFailLaunch(2);
    CHECK_STATUS(CUDA_ERROR_LAUNCH_FAILED, cuGraphLaunch(executable, stream));
    CHECK_TEXT(last_fault(), "node 1, cuLaunchKernel device_test_affine: an injected failure");
}

TEST(errors_have_names_and_sentences)
{
    const char* name = nullptr;
    const char* sentence = nullptr;
    CHECK_OK(cuGetErrorName(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, &name));
    CHECK_TEXT(name, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION");
    CHECK_OK(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &sentence));
    CHECK_TEXT(sentence, "out of memory");
    CHECK_STATUS(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(static_cast<CUresult>(12345), &name));
    CHECK(name == nullptr);
}

TEST(the_device_describes_itself)
{
    Device device;
    char name[64];
    int value = 0;
    size_t bytes = 0;
    CHECK_OK(cuDeviceGetName(name, sizeof name, 0));
    CHECK_TEXT(name, "emulated");
    CHECK_OK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0));
    CHECK(value == 8);
    CHECK_OK(cuDeviceTotalMem_v2(&bytes, 0));
    CHECK(bytes == size_t{4} << 30);
    CHECK_STATUS(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&value, 1));
}
