// Streams and events.
#include "driver.h"

#include <algorithm>

using namespace emulator;

namespace {

// A stream that is asked about or waited for from the host must not be capturing.
CUresult refuse_capturing(Call& call, Stream& stream)
{
    if (stream.capture == nullptr)
        return CUDA_SUCCESS;
    call.invalidate(*stream.capture);
    return call.fault(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the stream is capturing; the capture is invalid now");
}

CUresult find_event(Call& call, CUevent handle, std::shared_ptr<Event>& event)
{
    event = call.driver.events.find(handle);
    return event != nullptr ? CUDA_SUCCESS : call.fault(CUDA_ERROR_INVALID_HANDLE, "the event was never created or is destroyed");
}

// An event that the host looks at must have been recorded outside a capture.
CUresult refuse_captured(Call& call, const Event& event)
{
    if (!event.captured)
        return CUDA_SUCCESS;
    if (const auto capture = event.capture.lock())
        call.invalidate(*capture);
    return call.fault(CUDA_ERROR_CAPTURED_EVENT, "the event was last recorded in a capturing stream");
}

CUresult query(Call& call, const MarkerPointer& marker)
{
    if (marker == nullptr || marker->done)
        return CUDA_SUCCESS;
    call.driver.scheduler.step(marker); // so that a loop of queries ends
    return call.context()->poison != CUDA_SUCCESS ? call.context()->poison : CUDA_ERROR_NOT_READY;
}

CUresult create_stream(Call& call, CUstream* stream, unsigned flags, int priority)
{
    EMULATOR_CHECK(call.enter());
    if (stream == nullptr || (flags & ~CU_STREAM_NON_BLOCKING) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    const auto created = std::make_shared<Stream>();
    created->blocking = (flags & CU_STREAM_NON_BLOCKING) == 0;
    created->priority = std::clamp(priority, -5, 0);
    created->context = call.context();
    call.driver.scheduler.add(created);
    *stream = static_cast<CUstream>(call.driver.streams.add(created));
    return CUDA_SUCCESS;
}

// A capturing stream waits for the event: it must belong to the same capture.
CUresult wait_within_capture(Call& call, Stream& stream, const Event& event)
{
    const auto capture = event.captured ? event.capture.lock() : nullptr;
    if (capture == nullptr) {
        call.invalidate(*stream.capture);
        return call.fault(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "a capturing stream would wait for work that is not captured");
    }
    if (capture != stream.capture) {
        call.invalidate(*stream.capture);
        call.invalidate(*capture);
        return call.fault(CUDA_ERROR_STREAM_CAPTURE_MERGE, "two separate captures would be merged");
    }
    merge_frontier(stream.frontier, event.frontier);
    return CUDA_SUCCESS;
}

// A stream outside waits for captured work: it joins the capture.
CUresult join_capture(Call& call, const std::shared_ptr<Stream>& stream, const Event& event)
{
    const auto capture = event.capture.lock();
    if (capture == nullptr)
        return call.fault(CUDA_ERROR_CAPTURED_EVENT, "the event was recorded in a capture that has ended");
    if (capture->invalid)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (stream->legacy) {
        call.invalidate(*capture);
        return call.fault(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "the legacy default stream cannot take part in a capture");
    }
    stream->capture = capture;
    stream->frontier = event.frontier;
    capture->streams.push_back(stream);
    return CUDA_SUCCESS;
}

CUresult elapsed(Call& call, float* milliseconds, CUevent start_handle, CUevent end_handle)
{
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Event> start, end;
    EMULATOR_CHECK(find_event(call, start_handle, start));
    EMULATOR_CHECK(find_event(call, end_handle, end));
    EMULATOR_CHECK(refuse_captured(call, *start));
    EMULATOR_CHECK(refuse_captured(call, *end));
    if (milliseconds == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    if (((start->flags | end->flags) & CU_EVENT_DISABLE_TIMING) != 0 || start->marker == nullptr || end->marker == nullptr)
        return call.fault(CUDA_ERROR_INVALID_HANDLE, "both events must have been recorded and take times");
    EMULATOR_CHECK(query(call, start->marker));
    EMULATOR_CHECK(query(call, end->marker));
    *milliseconds = static_cast<float>(end->marker->milliseconds - start->marker->milliseconds);
    return CUDA_SUCCESS;
}

} // namespace

CUresult cuStreamCreate(CUstream* stream, unsigned flags)
{
    Call call("cuStreamCreate");
    return create_stream(call, stream, flags, 0);
}

CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority)
{
    Call call("cuStreamCreateWithPriority");
    return create_stream(call, stream, flags, priority);
}

CUresult cuStreamDestroy_v2(CUstream handle)
{
    Call call("cuStreamDestroy_v2");
    EMULATOR_CHECK(call.enter());
    const auto stream = call.driver.streams.take(handle);
    if (stream == nullptr)
        return call.fault(CUDA_ERROR_INVALID_HANDLE, "the stream was never created or is destroyed");
    if (stream->capture != nullptr)
        call.invalidate(*stream->capture);
    stream->destroyed = true; // what it still holds runs all the same
    if (stream->queue.empty())
        call.driver.scheduler.forget_finished();
    return CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream handle)
{
    Call call("cuStreamSynchronize");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    EMULATOR_CHECK(refuse_capturing(call, *stream));
    if (!stream->legacy)
        return call.wait(stream->last);
    // Synchronising with the legacy stream waits for the blocking streams as work in it would.
    auto barrier = std::make_shared<Operation>();
    barrier->name = call.name();
    MarkerPointer marker;
    EMULATOR_CHECK(call.submit(stream, std::move(barrier), &marker));
    return call.wait(marker);
}

CUresult cuStreamQuery(CUstream handle)
{
    Call call("cuStreamQuery");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    EMULATOR_CHECK(refuse_capturing(call, *stream));
    return query(call, stream->last);
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent event_handle, unsigned)
{
    Call call("cuStreamWaitEvent");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Stream> stream;
    std::shared_ptr<Event> event;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    EMULATOR_CHECK(find_event(call, event_handle, event));
    if (stream->capture != nullptr)
        return wait_within_capture(call, *stream, *event);
    if (event->captured)
        return join_capture(call, stream, *event);
    if (event->marker == nullptr)
        return CUDA_SUCCESS; // never recorded: nothing to wait for
    auto operation = std::make_shared<Operation>();
    operation->name = call.name();
    call.driver.scheduler.submit(stream, std::move(operation), {event->marker});
    return call.context()->poison;
}

CUresult cuStreamGetCtx(CUstream handle, CUcontext* context)
{
    Call call("cuStreamGetCtx");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    if (context == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *context = call.driver.primary_handle;
    return CUDA_SUCCESS;
}

CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data)
{
    Call call("cuLaunchHostFunc");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    if (function == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    auto operation = std::make_shared<Operation>();
    operation->name = call.name();
    operation->run = [function, data] {
        function(data);
        return Outcome{};
    };
    return call.submit(stream, std::move(operation));
}

CUresult cuEventCreate(CUevent* event, unsigned flags)
{
    Call call("cuEventCreate");
    EMULATOR_CHECK(call.enter());
    if (event == nullptr || (flags & ~(CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING)) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    const auto created = std::make_shared<Event>();
    created->flags = flags;
    *event = static_cast<CUevent>(call.driver.events.add(created));
    return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent handle, CUstream stream_handle)
{
    Call call("cuEventRecord");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Stream> stream;
    std::shared_ptr<Event> event;
    EMULATOR_CHECK(find_event(call, handle, event));
    EMULATOR_CHECK(call.find_stream(stream_handle, stream));
    if (stream->capture != nullptr) {
        if (stream->capture->invalid)
            return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        event->captured = true;
        event->capture = stream->capture;
        event->frontier = stream->frontier;
        return CUDA_SUCCESS;
    }
    auto operation = std::make_shared<Operation>();
    operation->name = call.name();
    event->captured = false;
    event->marker = call.driver.scheduler.submit(stream, std::move(operation));
    return call.context()->poison;
}

CUresult cuEventQuery(CUevent handle)
{
    Call call("cuEventQuery");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Event> event;
    EMULATOR_CHECK(find_event(call, handle, event));
    EMULATOR_CHECK(refuse_captured(call, *event));
    EMULATOR_CHECK(call.unsafe());
    return query(call, event->marker);
}

CUresult cuEventSynchronize(CUevent handle)
{
    Call call("cuEventSynchronize");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Event> event;
    EMULATOR_CHECK(find_event(call, handle, event));
    EMULATOR_CHECK(refuse_captured(call, *event));
    EMULATOR_CHECK(call.unsafe());
    return call.wait(event->marker);
}

CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end)
{
    Call call("cuEventElapsedTime");
    return elapsed(call, milliseconds, start, end);
}

CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end)
{
    Call call("cuEventElapsedTime_v2");
    return elapsed(call, milliseconds, start, end);
}

CUresult cuEventDestroy_v2(CUevent handle)
{
    Call call("cuEventDestroy_v2");
    EMULATOR_CHECK(call.enter());
    return call.driver.events.take(handle) != nullptr
        ? CUDA_SUCCESS
        : call.fault(CUDA_ERROR_INVALID_HANDLE, "the event was never created or is destroyed");
}
