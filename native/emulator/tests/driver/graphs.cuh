// Capture and replay: what is recorded, what ends a capture, and graphs that outlive their memory.
#pragma once
#include "device.cuh"

#include <thread>

using namespace device_tests;

namespace {

CUgraphExec end_capture(CUstream stream)
{
    CUgraph graph = nullptr;
    CUgraphExec executable = nullptr;
    CHECK_OK(cuStreamEndCapture(stream, &graph));
    CHECK_OK(cuGraphInstantiateWithFlags(&executable, graph, 0));
    CHECK_OK(cuGraphDestroy(graph));
    return executable;
}

void begin_capture(CUstream stream, CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
{
    CHECK_OK(cuStreamBeginCapture_v2(stream, mode));
}

CUstreamCaptureStatus capture_status(CUstream stream)
{
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    CHECK_OK(cuStreamIsCapturing(stream, &status));
    return status;
}

// A call during a capture gives this error, and the capture ends as invalid.
void expect_invalidation(CUstream stream, CUresult expected, CUresult found)
{
    CUgraph graph = nullptr;
    CHECK_STATUS(expected, found);
    CHECK(capture_status(stream) == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    CHECK_STATUS(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &graph));
    CHECK(graph == nullptr && capture_status(stream) == CU_STREAM_CAPTURE_STATUS_NONE);
}

} // namespace

TEST(captured_work_runs_at_each_launch_and_not_before)
{
    for (const EmulatorStreams mode : {EMULATOR_STREAMS_EAGER, EMULATOR_STREAMS_LATE, EMULATOR_STREAMS_RANDOM}) {
        Device device(mode);
        const CUstream stream = create_stream();
        const CUdeviceptr pointer = upload({0});
        begin_capture(stream);
        CHECK(capture_status(stream) == CU_STREAM_CAPTURE_STATUS_ACTIVE);
        CHECK_OK(launch_affine(stream, pointer, pointer, 1, 1, 1));
        CHECK_OK(launch_affine(stream, pointer, pointer, 1, 2, 0));
        const CUgraphExec executable = end_capture(stream);
        CHECK(download(pointer, 1)[0] == 0);
        for (int i = 0; i < 3; ++i)
            CHECK_OK(cuGraphLaunch(executable, stream));
        CHECK_OK(cuStreamSynchronize(stream));
        CHECK(download(pointer, 1)[0] == 14); // ((0 + 1) * 2 + 1) * 2 + 1) * 2
        CHECK(statistics().launches == 6 && statistics().graph_launches == 3);
        CHECK_OK(cuGraphExecDestroy(executable));
        CHECK_STATUS(CUDA_ERROR_INVALID_HANDLE, cuGraphLaunch(executable, stream));
        CHECK(statistics().graphs == 0 && statistics().graph_executables == 0);
    }
}

TEST(arguments_are_copied_at_capture_and_pinned_memory_is_read_at_replay)
{
    Device device;
    const CUstream stream = create_stream();
    const CUdeviceptr staged = allocate(4), target = allocate(4);
    float* locked = pinned(1);
    const CUfunction function = find_function("device_test_affine");
    Affine arguments{reinterpret_cast<float*>(target), reinterpret_cast<float*>(staged), 1, 1, 100};
    begin_capture(stream);
    CHECK_OK(cuMemcpyHtoDAsync_v2(staged, locked, 4, stream));
    CHECK_OK(launch(function, stream, arguments));
    const CUgraphExec executable = end_capture(stream);
    arguments.offset = -1;
    for (const float value : {1.0f, 2.0f}) {
        locked[0] = value;
        CHECK_OK(cuGraphLaunch(executable, stream));
        CHECK(download(target, 1)[0] == 100 + value);
    }
}

TEST(pageable_memory_cannot_be_captured)
{
    Device device;
    const CUstream stream = create_stream();
    const CUdeviceptr pointer = allocate(4);
    float host = 0;
    begin_capture(stream);
    expect_invalidation(stream, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemcpyHtoDAsync_v2(pointer, &host, 4, stream));
}

TEST(calls_that_synchronise_or_allocate_end_a_capture)
{
    Device device;
    const CUstream stream = create_stream(), other = create_stream();
    const CUdeviceptr pointer = allocate(4);
    const CUevent event = create_event();
    CHECK_OK(cuEventRecord(event, other));
    CUdeviceptr fresh = 0;
    void* host = nullptr;
    float value = 0;
    const auto refused = [&](auto&& call, CUresult expected = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED) {
        begin_capture(stream);
        expect_invalidation(stream, expected, call());
    };
    CUmodule module = nullptr;
    refused([&] { return cuModuleLoadData(&module, "any image"); });
    refused([&] { return cuStreamSynchronize(stream); });
    refused([&] { return cuStreamQuery(stream); });
    refused([&] { return cuCtxSynchronize(); });
    refused([&] { return cuEventSynchronize(event); });
    refused([&] { return cuMemAlloc_v2(&fresh, 4); });
    refused([&] { return cuMemAllocAsync(&fresh, 4, stream); });
    refused([&] { return cuMemFree_v2(pointer); });
    refused([&] { return cuMemHostAlloc(&host, 4, 0); });
    refused([&] { return cuMemcpyDtoH_v2(&value, pointer, 4); });
    refused([&] { return cuStreamWaitEvent(stream, event, 0); }, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    refused([&] {
        CHECK_OK(cuEventRecord(event, stream));
        return cuEventQuery(event);
    }, CUDA_ERROR_CAPTURED_EVENT);
    CHECK(statistics().allocations == 1 && statistics().pinned_allocations == 0);
}

TEST(a_relaxed_capture_allows_what_others_forbid)
{
    Device device;
    const CUstream stream = create_stream();
    begin_capture(stream, CU_STREAM_CAPTURE_MODE_RELAXED);
    allocate(4);
    CHECK_OK(cuGraphExecDestroy(end_capture(stream)));
}

TEST(only_a_global_capture_forbids_other_threads_to_allocate)
{
    for (const CUstreamCaptureMode mode : {CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL}) {
        Device device;
        const CUstream stream = create_stream();
        CUresult found = CUDA_SUCCESS;
        begin_capture(stream, mode);
        std::thread([&] {
            CUdeviceptr pointer;
            cuCtxSetCurrent(device.context);
            found = cuMemAlloc_v2(&pointer, 4);
        }).join();
        if (mode == CU_STREAM_CAPTURE_MODE_GLOBAL)
            expect_invalidation(stream, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, found);
        else {
            CHECK_OK(found);
            end_capture(stream);
        }
    }
}

TEST(a_capture_ends_in_its_own_stream_and_thread)
{
    Device device;
    const CUstream stream = create_stream();
    CUgraph graph = nullptr;
    CHECK_STATUS(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(stream, &graph));
    CHECK_STATUS(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture_v2(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL));
    begin_capture(stream);
    CHECK_STATUS(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    CUresult found = CUDA_SUCCESS;
    std::thread([&] {
        cuCtxSetCurrent(device.context);
        found = cuStreamEndCapture(stream, &graph);
    }).join();
    expect_invalidation(stream, CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, found);
}

TEST(the_legacy_stream_is_closed_while_a_blocking_stream_is_captured)
{
    Device device;
    const CUstream stream = create_stream(CU_STREAM_DEFAULT);
    const CUdeviceptr pointer = allocate(4);
    begin_capture(stream);
    expect_invalidation(stream, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuMemsetD8Async(pointer, 0, 4, nullptr));
}

TEST(a_second_stream_joined_by_events_is_captured_too)
{
    for (uint64_t seed = 0; seed < 20; ++seed) {
        Device device(EMULATOR_STREAMS_RANDOM, seed);
        const CUstream first = create_stream(), second = create_stream();
        const CUdeviceptr source = upload({1}), middle = allocate(4), target = allocate(4);
        const CUevent fork = create_event(), join = create_event();
        begin_capture(first);
        CHECK_OK(launch_affine(first, middle, source, 1, 1, 1));
        CHECK_OK(cuEventRecord(fork, first));
        CHECK_OK(cuStreamWaitEvent(second, fork, 0));
        CHECK(capture_status(second) == CU_STREAM_CAPTURE_STATUS_ACTIVE);
        CHECK_OK(launch_affine(second, middle, middle, 1, 10, 0));
        CHECK_OK(cuEventRecord(join, second));
        CHECK_OK(cuStreamWaitEvent(first, join, 0));
        CHECK_OK(launch_affine(first, target, middle, 1, 1, 5));
        const CUgraphExec executable = end_capture(first);
        CHECK(capture_status(second) == CU_STREAM_CAPTURE_STATUS_NONE);
        CHECK_OK(cuGraphLaunch(executable, first));
        CHECK_OK(cuStreamSynchronize(first));
        CHECK(download(target, 1)[0] == 25);
    }
}

TEST(a_second_stream_that_does_not_come_back_is_found)
{
    Device device;
    const CUstream first = create_stream(), second = create_stream();
    const CUdeviceptr pointer = upload({1});
    const CUevent fork = create_event();
    CUgraph graph = nullptr;
    begin_capture(first);
    CHECK_OK(cuEventRecord(fork, first));
    CHECK_OK(cuStreamWaitEvent(second, fork, 0));
    CHECK_OK(launch_affine(second, pointer, pointer, 1, 1, 1));
    CHECK_STATUS(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, cuStreamEndCapture(second, &graph));
    CHECK_STATUS(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(first, &graph));
    begin_capture(first);
    CHECK_OK(cuEventRecord(fork, first));
    CHECK_OK(cuStreamWaitEvent(second, fork, 0));
    CHECK_OK(launch_affine(second, pointer, pointer, 1, 1, 1));
    CHECK_STATUS(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cuStreamEndCapture(first, &graph));
    CHECK(capture_status(second) == CU_STREAM_CAPTURE_STATUS_NONE);
}

TEST(independent_branches_of_a_graph_run_in_any_order)
{
    int wrong = 0;
    for (uint64_t seed = 0; seed < 30; ++seed) {
        Device device(EMULATOR_STREAMS_RANDOM, seed);
        const CUstream first = create_stream(), second = create_stream();
        const CUdeviceptr pointer = upload({1});
        const CUevent fork = create_event(), join = create_event();
        begin_capture(first);
        CHECK_OK(cuEventRecord(fork, first));
        CHECK_OK(cuStreamWaitEvent(second, fork, 0));
        CHECK_OK(launch_affine(first, pointer, pointer, 1, 2, 0)); // a race with the next line, on purpose
        CHECK_OK(launch_affine(second, pointer, pointer, 1, 1, 1));
        CHECK_OK(cuEventRecord(join, second));
        CHECK_OK(cuStreamWaitEvent(first, join, 0));
        CHECK_OK(cuGraphLaunch(end_capture(first), first));
        CHECK_OK(cuStreamSynchronize(first));
        wrong += download(pointer, 1)[0] == 3 ? 0 : 1;
    }
    CHECK(wrong > 0 && wrong < 30);
}

TEST(a_graph_that_outlives_its_memory_is_found)
{
    for (const bool copies : {false, true}) {
        Device device;
        const CUstream stream = create_stream();
        const CUdeviceptr source = upload({1}), target = allocate(4);
        begin_capture(stream);
        if (copies)
            CHECK_OK(cuMemcpyDtoDAsync_v2(target, source, 4, stream));
        else
            CHECK_OK(launch_affine(stream, target, source, 1, 1, 1));
        const CUgraphExec executable = end_capture(stream);
        CHECK_OK(cuGraphLaunch(executable, stream));
        CHECK_OK(cuMemFree_v2(source));
        upload({7}); // may well lie where the freed block lay
        CHECK_STATUS(CUDA_ERROR_ILLEGAL_ADDRESS, cuGraphLaunch(executable, stream));
        CHECK_TEXT(last_fault(), "the graph outlived memory");
        CHECK_STATUS(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    }
}
