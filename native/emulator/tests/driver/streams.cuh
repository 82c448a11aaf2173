// Streams and events: order, and the synchronisation that real programs must not forget.
#pragma once
#include "device.cuh"

#include <cmath>

using namespace device_tests;

TEST(late_work_has_not_run_before_the_host_waits)
{
    Device device(EMULATOR_STREAMS_LATE);
    const CUstream stream = create_stream();
    const CUdeviceptr pointer = upload({1, 2});
    float* host = pinned(2);
    host[0] = host[1] = -1;
    CHECK_OK(cuMemcpyDtoHAsync_v2(host, pointer, 8, stream));
    CHECK(host[0] == -1 && statistics().queued == 1);
    CHECK_OK(cuStreamSynchronize(stream));
    CHECK(host[0] == 1 && host[1] == 2 && statistics().queued == 0);
}

TEST(pinned_sources_are_read_when_the_stream_gets_there_and_pageable_ones_at_the_call)
{
    Device device(EMULATOR_STREAMS_LATE);
    const CUstream stream = create_stream();
    const CUdeviceptr pointer = allocate(8);
    float* locked = pinned(1);
    float pageable = 1;
    locked[0] = 1;
    CHECK_OK(cuMemcpyHtoDAsync_v2(pointer, locked, 4, stream));
    CHECK_OK(cuMemcpyHtoDAsync_v2(pointer + 4, &pageable, 4, stream));
    locked[0] = pageable = 2;
    CHECK_OK(cuStreamSynchronize(stream));
    CHECK(download(pointer, 2) == (std::vector<float>{2, 1}));
}

TEST(a_copy_into_pageable_memory_waits_for_its_stream)
{
    Device device(EMULATOR_STREAMS_LATE);
    const CUstream stream = create_stream();
    const CUdeviceptr source = upload({1, 2}), target = allocate(8);
    float host[2] = {};
    CHECK_OK(launch_affine(stream, target, source, 2, 1, 10));
    CHECK_OK(cuMemcpyDtoHAsync_v2(host, target, 8, stream));
    CHECK(host[0] == 11 && host[1] == 12);
}

TEST(a_forgotten_event_is_exposed_and_a_given_one_orders_two_streams)
{
    for (const bool waits : {false, true}) {
        Device device(EMULATOR_STREAMS_LATE);
        const CUstream first = create_stream(), second = create_stream();
        const CUdeviceptr source = upload({1}), middle = allocate(4), target = allocate(4);
        const CUevent event = create_event();
        CHECK_OK(launch_affine(first, middle, source, 1, 1, 1));
        CHECK_OK(cuEventRecord(event, first));
        if (waits)
            CHECK_OK(cuStreamWaitEvent(second, event, 0));
        CHECK_OK(launch_affine(second, target, middle, 1, 1, 1));
        CHECK_OK(cuStreamSynchronize(second));
        const float value = download(target, 1)[0];
        CHECK(waits ? value == 3 : std::isnan(value));
    }
}

TEST(random_progress_keeps_every_promise_and_breaks_some_missing_one)
{
    int wrong = 0;
    for (const bool waits : {false, true})
        for (uint64_t seed = 0; seed < 40; ++seed) {
            Device device(EMULATOR_STREAMS_RANDOM, seed);
            const CUstream first = create_stream(), second = create_stream();
            const CUdeviceptr source = upload({1}), middle = allocate(4), target = allocate(4);
            const CUevent event = create_event();
            CHECK_OK(launch_affine(first, middle, source, 1, 1, 1));
            CHECK_OK(cuEventRecord(event, first));
            if (waits)
                CHECK_OK(cuStreamWaitEvent(second, event, 0));
            CHECK_OK(launch_affine(second, target, middle, 1, 1, 1));
            CHECK_OK(cuCtxSynchronize());
            const bool right = download(target, 1)[0] == 3;
            CHECK(right || !waits);
            wrong += right ? 0 : 1;
        }
    CHECK(wrong > 0 && wrong < 40);
}

TEST(the_legacy_default_stream_waits_for_blocking_streams_only)
{
    for (const unsigned flags : {CU_STREAM_DEFAULT, CU_STREAM_NON_BLOCKING}) {
        Device device(EMULATOR_STREAMS_LATE);
        const CUstream stream = create_stream(flags);
        const CUdeviceptr source = upload({1}), middle = allocate(4), target = allocate(4);
        CHECK_OK(launch_affine(stream, middle, source, 1, 1, 1));
        CHECK_OK(launch_affine(nullptr, target, middle, 1, 1, 1));
        const float value = download(target, 1)[0]; // a synchronous copy is ordered by the legacy stream too
        CHECK(flags == CU_STREAM_DEFAULT ? value == 3 : std::isnan(value));
    }
}

TEST(blocking_streams_wait_for_the_legacy_default_stream)
{
    Device device(EMULATOR_STREAMS_LATE);
    const CUstream stream = create_stream(CU_STREAM_DEFAULT);
    const CUdeviceptr source = upload({1}), middle = allocate(4), target = allocate(4);
    CHECK_OK(launch_affine(nullptr, middle, source, 1, 1, 1));
    CHECK_OK(launch_affine(stream, target, middle, 1, 1, 1));
    CHECK_OK(cuStreamSynchronize(stream));
    CHECK(download(target, 1)[0] == 3);
}

TEST(loops_of_queries_end)
{
    Device device(EMULATOR_STREAMS_LATE);
    const CUstream stream = create_stream();
    const CUdeviceptr pointer = upload({0});
    const CUevent event = create_event();
    CHECK_OK(cuEventQuery(event)); // never recorded
    for (int i = 0; i < 5; ++i)
        CHECK_OK(launch_affine(stream, pointer, pointer, 1, 1, 1));
    CHECK_OK(cuEventRecord(event, stream));
    CHECK_STATUS(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
    int queries = 0;
    while (cuEventQuery(event) == CUDA_ERROR_NOT_READY)
        CHECK(++queries < 100);
    CHECK(queries > 0 && download(pointer, 1)[0] == 5);
    CHECK_OK(cuStreamQuery(stream));
}

TEST(a_free_waits_for_the_device)
{
    Device device(EMULATOR_STREAMS_LATE);
    const CUstream stream = create_stream();
    const CUdeviceptr source = upload({4}), target = allocate(4);
    CHECK_OK(launch_affine(stream, target, source, 1, 1, 1));
    CHECK_OK(cuMemFree_v2(source));
    CHECK(statistics().queued == 0 && download(target, 1)[0] == 5);
}

TEST(a_stream_ordered_free_must_come_after_the_work_of_other_streams)
{
    for (const bool waits : {false, true}) {
        Device device(EMULATOR_STREAMS_LATE);
        const CUstream first = create_stream(), second = create_stream();
        const CUdeviceptr source = upload({4}), target = allocate(4);
        const CUevent event = create_event();
        CHECK_OK(launch_affine(first, target, source, 1, 1, 1));
        CHECK_OK(cuEventRecord(event, first));
        if (waits)
            CHECK_OK(cuStreamWaitEvent(second, event, 0));
        CHECK_OK(cuMemFreeAsync(source, second));
        CHECK_STATUS(waits ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(second));
        if (!waits)
            CHECK_TEXT(last_fault(), "still uses it");
    }
}

TEST(work_submitted_after_a_stream_ordered_free_is_found)
{
    Device device(EMULATOR_STREAMS_LATE);
    const CUdeviceptr source = upload({4}), target = allocate(4);
    CHECK_OK(cuMemFreeAsync(source, nullptr));
    CHECK_STATUS(CUDA_ERROR_ILLEGAL_ADDRESS, launch_affine(nullptr, target, source, 1, 1, 1));
    CHECK_TEXT(last_fault(), "whose free was submitted before");
}

TEST(work_of_a_destroyed_stream_still_runs)
{
    Device device(EMULATOR_STREAMS_LATE);
    const CUstream stream = create_stream();
    const CUdeviceptr pointer = upload({1});
    CHECK_OK(launch_affine(stream, pointer, pointer, 1, 1, 1));
    CHECK_OK(cuStreamDestroy_v2(stream));
    CHECK_STATUS(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream));
    CHECK_STATUS(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy_v2(stream));
    CHECK_OK(cuCtxSynchronize());
    CHECK(download(pointer, 1)[0] == 2 && statistics().streams == 0);
}

TEST(events_take_times_and_destroyed_ones_are_refused)
{
    Device device;
    const CUstream stream = create_stream();
    const CUevent start = create_event(), end = create_event();
    CUevent silent = nullptr;
    float milliseconds = -1;
    CHECK_OK(cuEventCreate(&silent, CU_EVENT_DISABLE_TIMING));
    CHECK_OK(cuEventRecord(start, stream));
    CHECK_OK(cuEventRecord(end, stream));
    CHECK_OK(cuEventRecord(silent, stream));
    CHECK_OK(cuEventElapsedTime(&milliseconds, start, end));
    CHECK(milliseconds >= 0);
    CHECK_STATUS(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, start, silent));
    CHECK_OK(cuEventDestroy_v2(end));
    CHECK_STATUS(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(end, stream));
    CHECK(statistics().events == 2);
}

TEST(host_functions_run_in_order)
{
    Device device(EMULATOR_STREAMS_LATE);
    const CUstream stream = create_stream();
    static std::string order;
    order.clear();
    CHECK_OK(cuLaunchHostFunc(stream, [](void*) { order += 'a'; }, nullptr));
    CHECK_OK(cuLaunchHostFunc(stream, [](void*) { order += 'b'; }, nullptr));
    CHECK(order.empty());
    CHECK_OK(cuStreamSynchronize(stream));
    CHECK(order == "ab");
}
