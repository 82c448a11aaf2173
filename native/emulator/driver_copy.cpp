// Copies and fills, checked against the allocations that they touch.
//
// Host memory is pinned or pageable. A copy to the device reads pinned memory when the stream gets there, and pageable memory at the
// call (the driver stages it); a copy from the device into pageable memory waits for the stream.
#include "driver.h"

#include <cstring>

using namespace emulator;

namespace {

void* host_pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

struct Copy {
    uint64_t target, source;
    size_t bytes;
    bool from_host, to_host;
};

// Host memory of a copy: whole in one pinned range, or pageable throughout.
CUresult check_host(Call& call, const char* what, uint64_t address, size_t bytes, Operation& operation, bool& pinned)
{
    Memory& memory = call.driver.memory;
    if (address == 0)
        return call.fault(CUDA_ERROR_INVALID_VALUE, text("%s is null", what));
    if (const Allocation* device = memory.find_device(address))
        return call.fault(CUDA_ERROR_INVALID_VALUE, text("%s at 0x%llx is device memory, in %s", what,
                                                         static_cast<unsigned long long>(address), Memory::describe(*device).c_str()));
    pinned = memory.find_host(address) != nullptr;
    if (!pinned)
        return CUDA_SUCCESS;
    std::string sentence;
    return memory.check(what, address, bytes, operation.uses, sentence) ? CUDA_SUCCESS : call.fault(CUDA_ERROR_INVALID_VALUE, sentence);
}

CUresult check_device(Call& call, const char* what, uint64_t address, size_t bytes, Operation& operation)
{
    std::string sentence;
    return call.driver.memory.check(what, address, bytes, operation.uses, sentence) ? CUDA_SUCCESS
                                                                                    : call.fault(CUDA_ERROR_INVALID_VALUE, sentence);
}

CUresult refuse_pageable(Call& call, Stream& stream)
{
    call.invalidate(*stream.capture);
    return call.fault(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                      "pageable host memory in a captured copy, which a replay would read or write at an address that may be gone");
}

// `synchronous`: the plain entry points, on the legacy default stream, which return when the copy is done.
CUresult copy(Call& call, const Copy& request, CUstream handle, bool synchronous)
{
    EMULATOR_CHECK(call.enter());
    if (synchronous)
        EMULATOR_CHECK(call.unsafe());
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    if (request.bytes == 0)
        return CUDA_SUCCESS;

    auto operation = std::make_shared<Operation>();
    operation->name = text("%s of %zu bytes", call.name(), request.bytes);
    bool pinned = true;
    if (request.from_host)
        EMULATOR_CHECK(check_host(call, "the source", request.source, request.bytes, *operation, pinned));
    else
        EMULATOR_CHECK(check_device(call, "the source", request.source, request.bytes, *operation));
    if (request.to_host)
        EMULATOR_CHECK(check_host(call, "the target", request.target, request.bytes, *operation, pinned));
    else
        EMULATOR_CHECK(check_device(call, "the target", request.target, request.bytes, *operation));
    if (stream->capture != nullptr && !pinned)
        return refuse_pageable(call, *stream);

    // The staged bytes of a pageable source, null otherwise.
    std::shared_ptr<std::vector<char>> staged;
    if (request.from_host && !pinned) {
        const char* source = static_cast<const char*>(host_pointer(request.source));
        staged = std::make_shared<std::vector<char>>(source, source + request.bytes);
    }
    operation->run = [&counters = call.driver.counters, request, staged] {
        ++counters.copies;
        counters.copied_bytes += static_cast<int64_t>(request.bytes);
        std::memmove(host_pointer(request.target), staged != nullptr ? staged->data() : host_pointer(request.source), request.bytes);
        return Outcome{};
    };
    MarkerPointer marker;
    EMULATOR_CHECK(call.submit(stream, std::move(operation), &marker));
    const bool waits = synchronous ? request.from_host || request.to_host : request.to_host && !pinned;
    return waits ? call.wait(marker) : CUDA_SUCCESS;
}

template <typename T>
CUresult fill(Call& call, CUdeviceptr target, T value, size_t count, CUstream handle, bool plain)
{
    EMULATOR_CHECK(call.enter());
    if (plain)
        EMULATOR_CHECK(call.unsafe());
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    if (target % sizeof(T) != 0)
        return call.fault(CUDA_ERROR_INVALID_VALUE, text("the target 0x%llx is not a multiple of %zu", static_cast<unsigned long long>(target),
                                                         sizeof(T)));
    if (count > SIZE_MAX / sizeof(T))
        return call.fault(CUDA_ERROR_INVALID_VALUE, text("%zu elements are more than the address space holds", count));
    if (count == 0)
        return CUDA_SUCCESS;
    auto operation = std::make_shared<Operation>();
    operation->name = text("%s of %zu elements", call.name(), count);
    EMULATOR_CHECK(check_device(call, "the target", target, count * sizeof(T), *operation));
    operation->run = [&counters = call.driver.counters, target, value, count] {
        ++counters.fills;
        T* elements = static_cast<T*>(host_pointer(target));
        for (size_t i = 0; i < count; ++i)
            elements[i] = value;
        return Outcome{};
    };
    return call.submit(stream, std::move(operation));
}

uint64_t address_of(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

} // namespace

CUresult cuMemcpyHtoD_v2(CUdeviceptr target, const void* source, size_t bytes)
{
    Call call("cuMemcpyHtoD_v2");
    return copy(call, Copy{target, address_of(source), bytes, true, false}, nullptr, true);
}

CUresult cuMemcpyDtoH_v2(void* target, CUdeviceptr source, size_t bytes)
{
    Call call("cuMemcpyDtoH_v2");
    return copy(call, Copy{address_of(target), source, bytes, false, true}, nullptr, true);
}

CUresult cuMemcpyDtoD_v2(CUdeviceptr target, CUdeviceptr source, size_t bytes)
{
    Call call("cuMemcpyDtoD_v2");
    return copy(call, Copy{target, source, bytes, false, false}, nullptr, true);
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr target, const void* source, size_t bytes, CUstream stream)
{
    Call call("cuMemcpyHtoDAsync_v2");
    return copy(call, Copy{target, address_of(source), bytes, true, false}, stream, false);
}

CUresult cuMemcpyDtoHAsync_v2(void* target, CUdeviceptr source, size_t bytes, CUstream stream)
{
    Call call("cuMemcpyDtoHAsync_v2");
    return copy(call, Copy{address_of(target), source, bytes, false, true}, stream, false);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr target, CUdeviceptr source, size_t bytes, CUstream stream)
{
    Call call("cuMemcpyDtoDAsync_v2");
    return copy(call, Copy{target, source, bytes, false, false}, stream, false);
}

CUresult cuMemsetD8_v2(CUdeviceptr target, unsigned char value, size_t count)
{
    Call call("cuMemsetD8_v2");
    return fill<uint8_t>(call, target, value, count, nullptr, true);
}

CUresult cuMemsetD32_v2(CUdeviceptr target, unsigned value, size_t count)
{
    Call call("cuMemsetD32_v2");
    return fill<uint32_t>(call, target, value, count, nullptr, true);
}

CUresult cuMemsetD8Async(CUdeviceptr target, unsigned char value, size_t count, CUstream stream)
{
    Call call("cuMemsetD8Async");
    return fill<uint8_t>(call, target, value, count, stream, false);
}

CUresult cuMemsetD16Async(CUdeviceptr target, unsigned short value, size_t count, CUstream stream)
{
    Call call("cuMemsetD16Async");
    return fill<uint16_t>(call, target, value, count, stream, false);
}

CUresult cuMemsetD32Async(CUdeviceptr target, unsigned value, size_t count, CUstream stream)
{
    Call call("cuMemsetD32Async");
    return fill<uint32_t>(call, target, value, count, stream, false);
}
