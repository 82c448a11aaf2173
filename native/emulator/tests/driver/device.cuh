// What the tests of the emulated driver share: a fresh device, memory that gives itself back, and two kernels.
#pragma once

#include "../../api_cublas.h"
#include "../../control.h"
#include "../core/check.h"

#include <cstring>
#include <string>
#include <vector>

namespace device_tests {

inline std::string last_fault()
{
    char sentence[1024];
    emulatorLastFault(sentence, sizeof sentence);
    return sentence;
}

inline EmulatorStatistics statistics()
{
    EmulatorStatistics now;
    emulatorStatistics(&now, sizeof now);
    return now;
}

#define CHECK_STATUS(expected, expression)                                                                                     \
    do {                                                                                                                       \
        const int check_found = static_cast<int>(expression), check_expected = static_cast<int>(expected);                     \
        if (check_found != check_expected)                                                                                     \
            check::fail(#expression " gave " + std::to_string(check_found) + ", not " + std::to_string(check_expected) + " ("  \
                            + device_tests::last_fault() + ")", __FILE__, __LINE__);                                           \
    } while (false)
#define CHECK_OK(expression) CHECK_STATUS(0, expression)

// The library as it is just after loading, initialised, with the primary context current on this thread. The end of a test resets it,
// whatever state a failed check left.
class Device {
public:
    explicit Device(EmulatorStreams streams = EMULATOR_STREAMS_EAGER, uint64_t seed = 1)
    {
        emulatorReset();
        emulatorSetStreams(streams, seed);
        CHECK_OK(cuInit(0));
        CHECK_OK(cuDevicePrimaryCtxRetain(&context, 0));
        CHECK_OK(cuCtxSetCurrent(context));
    }
    ~Device()
    {
        cuCtxSetCurrent(nullptr);
        emulatorReset();
    }
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    CUcontext context = nullptr;
};

inline const void* at(CUdeviceptr pointer) { return reinterpret_cast<const void*>(pointer); }
inline void* out(CUdeviceptr pointer) { return reinterpret_cast<void*>(pointer); }

inline CUdeviceptr allocate(size_t bytes)
{
    CUdeviceptr pointer = 0;
    CHECK_OK(cuMemAlloc_v2(&pointer, bytes));
    return pointer;
}

inline CUdeviceptr upload(const std::vector<float>& values)
{
    const CUdeviceptr pointer = allocate(values.size() * sizeof(float));
    CHECK_OK(cuMemcpyHtoD_v2(pointer, values.data(), values.size() * sizeof(float)));
    return pointer;
}

inline std::vector<float> download(CUdeviceptr pointer, size_t count)
{
    std::vector<float> values(count);
    CHECK_OK(cuMemcpyDtoH_v2(values.data(), pointer, count * sizeof(float)));
    return values;
}

inline float* pinned(size_t count)
{
    void* pointer = nullptr;
    CHECK_OK(cuMemHostAlloc(&pointer, count * sizeof(float), 0));
    return static_cast<float*>(pointer);
}

inline CUstream create_stream(unsigned flags = CU_STREAM_NON_BLOCKING)
{
    CUstream stream = nullptr;
    CHECK_OK(cuStreamCreate(&stream, flags));
    return stream;
}

inline CUevent create_event()
{
    CUevent event = nullptr;
    CHECK_OK(cuEventCreate(&event, CU_EVENT_DEFAULT));
    return event;
}

inline CUfunction find_function(const char* name)
{
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED; // a test may capture meanwhile, which is not its subject
    CHECK_OK(cuThreadExchangeStreamCaptureMode(&mode));
    CHECK_OK(cuModuleLoadData(&module, "any image"));
    CHECK_OK(cuThreadExchangeStreamCaptureMode(&mode));
    CHECK_OK(cuModuleGetFunction(&function, module, name));
    return function;
}

// target[i] = source[i] * factor + offset
struct Affine {
    float* target;
    const float* source;
    int64_t count;
    float factor, offset;
};

template <typename Arguments>
CUresult launch(CUfunction function, CUstream stream, const Arguments& arguments, unsigned blocks = 1)
{
    void* parameters[] = {const_cast<Arguments*>(&arguments)};
    return cuLaunchKernel(function, blocks, 1, 1, 64, 1, 1, 0, stream, parameters, nullptr);
}

inline CUresult launch_affine(CUstream stream, CUdeviceptr target, CUdeviceptr source, int64_t count, float factor, float offset)
{
    const CUfunction function = find_function("device_test_affine");
    return launch(function, stream,
                  Affine{reinterpret_cast<float*>(target), reinterpret_cast<const float*>(source), count, factor, offset});
}

} // namespace device_tests
