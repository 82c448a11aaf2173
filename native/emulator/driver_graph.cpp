// Stream capture, and graphs of captured work.
#include "driver.h"

#include <algorithm>

using namespace emulator;

CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode)
{
    Call call("cuStreamBeginCapture_v2");
    EMULATOR_CHECK(call.enter());
    if (mode < CU_STREAM_CAPTURE_MODE_GLOBAL || mode > CU_STREAM_CAPTURE_MODE_RELAXED)
        return CUDA_ERROR_INVALID_VALUE;
    if (handle == nullptr || handle == CU_STREAM_LEGACY)
        return call.fault(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the legacy default stream cannot be captured");
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    if (stream->capture != nullptr)
        return call.fault(CUDA_ERROR_ILLEGAL_STATE, "the stream is capturing already");
    const auto capture = std::make_shared<Capture>();
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    capture->origin = stream;
    capture->streams.push_back(stream);
    stream->capture = capture;
    stream->frontier.clear();
    call.driver.captures.push_back(capture);
    return CUDA_SUCCESS;
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph)
{
    Call call("cuStreamEndCapture");
    EMULATOR_CHECK(call.enter());
    if (graph == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *graph = nullptr;
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    const auto capture = stream->capture;
    if (capture == nullptr)
        return call.fault(CUDA_ERROR_ILLEGAL_STATE, "the stream is not capturing");
    if (capture->origin.lock() != stream) {
        call.invalidate(*capture);
        return call.fault(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "the capture began in another stream");
    }
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id()) {
        call.invalidate(*capture);
        return call.fault(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "the capture began in another thread");
    }
    const bool complete = joined(*capture, stream->frontier);
    detach_streams(*capture);
    auto& captures = call.driver.captures;
    captures.erase(std::remove_if(captures.begin(), captures.end(),
                                  [&](const std::weak_ptr<Capture>& weak) { return weak.expired() || weak.lock() == capture; }),
                   captures.end());
    if (capture->invalid)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!complete)
        return call.fault(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "work captured in another stream does not lead back to the stream of origin");
    auto created = std::make_shared<Graph>();
    created->nodes = std::move(capture->nodes);
    *graph = static_cast<CUgraph>(call.driver.graphs.add(std::move(created)));
    return CUDA_SUCCESS;
}

CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status)
{
    Call call("cuStreamIsCapturing");
    EMULATOR_CHECK(call.enter());
    if (status == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    *status = stream->capture == nullptr  ? CU_STREAM_CAPTURE_STATUS_NONE
            : stream->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                         : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    return CUDA_SUCCESS;
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode)
{
    Call call("cuThreadExchangeStreamCaptureMode");
    EMULATOR_CHECK(call.initialized());
    if (mode == nullptr || *mode < CU_STREAM_CAPTURE_MODE_GLOBAL || *mode > CU_STREAM_CAPTURE_MODE_RELAXED)
        return CUDA_ERROR_INVALID_VALUE;
    std::swap(thread_capture_mode(), *mode);
    return CUDA_SUCCESS;
}

CUresult cuGraphGetNodes(CUgraph handle, void** nodes, size_t* count)
{
    Call call("cuGraphGetNodes");
    EMULATOR_CHECK(call.initialized());
    const auto graph = call.driver.graphs.find(handle);
    if (graph == nullptr)
        return call.fault(CUDA_ERROR_INVALID_HANDLE, "the graph was never created or is destroyed");
    if (count == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    if (nodes != nullptr)
        return CUDA_ERROR_NOT_SUPPORTED; // only the number is kept
    *count = graph->nodes.size();
    return CUDA_SUCCESS;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph handle, unsigned long long flags)
{
    Call call("cuGraphInstantiateWithFlags");
    EMULATOR_CHECK(call.enter());
    if (executable == nullptr || (flags & ~15ull) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    const auto graph = call.driver.graphs.find(handle);
    if (graph == nullptr)
        return call.fault(CUDA_ERROR_INVALID_HANDLE, "the graph was never created or is destroyed");
    auto created = std::make_shared<GraphExecutable>();
    created->launch = make_launch(*graph, call.driver.scheduler, call.driver.memory);
    created->nodes = graph->nodes.size();
    *executable = static_cast<CUgraphExec>(call.driver.executables.add(std::move(created)));
    return CUDA_SUCCESS;
}

CUresult cuGraphUpload(CUgraphExec handle, CUstream stream_handle)
{
    Call call("cuGraphUpload");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(stream_handle, stream));
    return call.driver.executables.find(handle) != nullptr
        ? CUDA_SUCCESS
        : call.fault(CUDA_ERROR_INVALID_HANDLE, "the executable graph was never created or is destroyed");
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle)
{
    Call call("cuGraphLaunch");
    EMULATOR_CHECK(call.enter());
    const auto executable = call.driver.executables.find(handle);
    if (executable == nullptr)
        return call.fault(CUDA_ERROR_INVALID_HANDLE, "the executable graph was never created or is destroyed");
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(stream_handle, stream));
    if (stream->capture != nullptr) {
        call.invalidate(*stream->capture);
        return call.fault(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "graphs within graphs are not emulated; the capture is invalid now");
    }
    std::string sentence;
    if (!call.driver.memory.alive(executable->launch->uses, sentence)) {
        call.context()->poison = CUDA_ERROR_ILLEGAL_ADDRESS;
        return call.fault(CUDA_ERROR_ILLEGAL_ADDRESS, "the graph outlived memory: " + sentence);
    }
    auto operation = std::make_shared<Operation>(*executable->launch);
    operation->run = [&counters = call.driver.counters, run = executable->launch->run] {
        ++counters.graph_launches;
        return run();
    };
    return call.submit(stream, std::move(operation));
}

CUresult cuGraphExecDestroy(CUgraphExec handle)
{
    Call call("cuGraphExecDestroy");
    EMULATOR_CHECK(call.initialized());
    return call.driver.executables.take(handle) != nullptr
        ? CUDA_SUCCESS
        : call.fault(CUDA_ERROR_INVALID_HANDLE, "the executable graph was never created or is destroyed");
}

CUresult cuGraphDestroy(CUgraph handle)
{
    Call call("cuGraphDestroy");
    EMULATOR_CHECK(call.initialized());
    return call.driver.graphs.take(handle) != nullptr
        ? CUDA_SUCCESS
        : call.fault(CUDA_ERROR_INVALID_HANDLE, "the graph was never created or is destroyed");
}
