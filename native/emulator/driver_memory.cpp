// Device and pinned memory: allocate, free, register, ask.
#include "driver.h"

#include <cstring>

using namespace emulator;

namespace {

CUresult allocate(Call& call, CUdeviceptr* pointer, size_t bytes)
{
    if (pointer == nullptr || bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (call.driver.injections.allocation.strikes())
        return call.fault(CUDA_ERROR_OUT_OF_MEMORY, "an injected failure");
    Allocation allocation;
    if (!call.driver.memory.allocate(bytes, allocation))
        return CUDA_ERROR_OUT_OF_MEMORY;
    *pointer = allocation.base;
    return CUDA_SUCCESS;
}

// The allocation that may be freed at this pointer, or a fault that says why there is none.
CUresult find_freeable(Call& call, CUdeviceptr pointer, Allocation*& allocation)
{
    Memory& memory = call.driver.memory;
    allocation = memory.device_at(pointer);
    const auto address = static_cast<unsigned long long>(pointer);
    if (allocation != nullptr)
        return allocation->freeing ? call.fault(CUDA_ERROR_INVALID_VALUE, text("double free of %s", Memory::describe(*allocation).c_str()))
                                   : CUDA_SUCCESS;
    if (const Allocation* inside = memory.find_device(pointer))
        return call.fault(CUDA_ERROR_INVALID_VALUE, text("0x%llx is not the start of %s", address, Memory::describe(*inside).c_str()));
    if (const Allocation* former = memory.find_former(pointer))
        return call.fault(CUDA_ERROR_INVALID_VALUE, text("double free: 0x%llx lies in %s, which was freed", address,
                                                         Memory::describe(*former).c_str()));
    return call.fault(CUDA_ERROR_INVALID_VALUE, text("0x%llx was never allocated", address));
}

} // namespace

CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes)
{
    Call call("cuMemAlloc_v2");
    EMULATOR_CHECK(call.enter());
    EMULATOR_CHECK(call.unsafe());
    return allocate(call, pointer, bytes);
}

CUresult cuMemFree_v2(CUdeviceptr pointer)
{
    Call call("cuMemFree_v2");
    EMULATOR_CHECK(call.enter());
    EMULATOR_CHECK(call.unsafe());
    if (pointer == 0)
        return CUDA_SUCCESS;
    Allocation* allocation;
    EMULATOR_CHECK(find_freeable(call, pointer, allocation));
    EMULATOR_CHECK(call.wait_all()); // a synchronous free waits for the device
    call.driver.memory.release(pointer);
    return CUDA_SUCCESS;
}

CUresult cuMemAllocAsync(CUdeviceptr* pointer, size_t bytes, CUstream handle)
{
    Call call("cuMemAllocAsync");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    if (stream->capture != nullptr) {
        call.invalidate(*stream->capture);
        return call.fault(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "allocations within a graph are not emulated; the capture is invalid now");
    }
    return allocate(call, pointer, bytes);
}

CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream handle)
{
    Call call("cuMemFreeAsync");
    EMULATOR_CHECK(call.enter());
    std::shared_ptr<Stream> stream;
    EMULATOR_CHECK(call.find_stream(handle, stream));
    if (stream->capture != nullptr) {
        call.invalidate(*stream->capture);
        return call.fault(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "frees within a graph are not emulated; the capture is invalid now");
    }
    if (pointer == 0)
        return CUDA_SUCCESS;
    Allocation* allocation;
    EMULATOR_CHECK(find_freeable(call, pointer, allocation));
    allocation->freeing = true;
    auto operation = std::make_shared<Operation>();
    operation->name = text("cuMemFreeAsync of %s", Memory::describe(*allocation).c_str());
    operation->uses.push_back(Use{allocation->id, pointer, allocation->bytes});
    operation->frees = allocation->id;
    operation->run = [&memory = call.driver.memory, pointer] {
        memory.release(pointer);
        return Outcome{};
    };
    return call.submit(stream, std::move(operation));
}

CUresult cuMemGetInfo_v2(size_t* free_bytes, size_t* total_bytes)
{
    Call call("cuMemGetInfo_v2");
    EMULATOR_CHECK(call.enter());
    if (free_bytes == nullptr || total_bytes == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    const Memory& memory = call.driver.memory;
    *total_bytes = memory.limit();
    *free_bytes = memory.limit() > memory.used() ? memory.limit() - memory.used() : 0;
    return CUDA_SUCCESS;
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* bytes, CUdeviceptr pointer)
{
    Call call("cuMemGetAddressRange_v2");
    EMULATOR_CHECK(call.enter());
    const Allocation* allocation = call.driver.memory.find_any(pointer);
    if (allocation == nullptr)
        return CUDA_ERROR_NOT_FOUND;
    if (base != nullptr)
        *base = allocation->base;
    if (bytes != nullptr)
        *bytes = allocation->bytes;
    return CUDA_SUCCESS;
}

CUresult cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags)
{
    Call call("cuMemHostAlloc");
    EMULATOR_CHECK(call.enter());
    EMULATOR_CHECK(call.unsafe());
    if (pointer == nullptr || bytes == 0
        || (flags & ~(CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED)) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (call.driver.injections.pinned.strikes())
        return call.fault(CUDA_ERROR_OUT_OF_MEMORY, "an injected failure");
    Allocation allocation;
    if (!call.driver.memory.allocate_pinned(bytes, allocation))
        return CUDA_ERROR_OUT_OF_MEMORY;
    *pointer = reinterpret_cast<void*>(allocation.base);
    return CUDA_SUCCESS;
}

CUresult cuMemFreeHost(void* pointer)
{
    Call call("cuMemFreeHost");
    EMULATOR_CHECK(call.enter());
    EMULATOR_CHECK(call.unsafe());
    const auto base = reinterpret_cast<uint64_t>(pointer);
    const Allocation* allocation = call.driver.memory.host_at(base);
    if (allocation == nullptr || allocation->kind != MemoryKind::Pinned)
        return call.fault(CUDA_ERROR_INVALID_VALUE, text("%p is not the start of a pinned block (freed twice, or never allocated)", pointer));
    EMULATOR_CHECK(call.wait_all());
    call.driver.memory.release_pinned(base);
    return CUDA_SUCCESS;
}

CUresult cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned flags)
{
    Call call("cuMemHostRegister_v2");
    EMULATOR_CHECK(call.enter());
    EMULATOR_CHECK(call.unsafe());
    if (pointer == nullptr || bytes == 0 || (flags & ~15u) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (call.driver.injections.pinned.strikes())
        return call.fault(CUDA_ERROR_OUT_OF_MEMORY, "an injected failure");
    return call.driver.memory.register_host(reinterpret_cast<uint64_t>(pointer), bytes) ? CUDA_SUCCESS
                                                                                        : CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
}

CUresult cuMemHostUnregister(void* pointer)
{
    Call call("cuMemHostUnregister");
    EMULATOR_CHECK(call.enter());
    EMULATOR_CHECK(call.unsafe());
    const auto base = reinterpret_cast<uint64_t>(pointer);
    const Allocation* range = call.driver.memory.host_at(base);
    if (range == nullptr || range->kind != MemoryKind::Registered)
        return call.fault(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, text("%p is not the start of a registered range", pointer));
    EMULATOR_CHECK(call.wait_all());
    call.driver.memory.unregister_host(base);
    return CUDA_SUCCESS;
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* host, unsigned flags)
{
    Call call("cuMemHostGetDevicePointer_v2");
    EMULATOR_CHECK(call.enter());
    const auto address = reinterpret_cast<uint64_t>(host);
    if (device == nullptr || flags != 0 || call.driver.memory.find_host(address) == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *device = address;
    return CUDA_SUCCESS;
}

CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr pointer)
{
    Call call("cuPointerGetAttribute");
    EMULATOR_CHECK(call.enter());
    const Allocation* allocation = call.driver.memory.find_any(pointer);
    if (data == nullptr || allocation == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    const auto give = [data](const auto& value) {
        std::memcpy(data, &value, sizeof value);
        return CUDA_SUCCESS;
    };
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT: return give(call.driver.primary_handle);
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        return give(allocation->kind == MemoryKind::Device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST);
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: return give(pointer);
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
        return allocation->kind == MemoryKind::Device ? CUDA_ERROR_INVALID_VALUE : give(pointer);
    case CU_POINTER_ATTRIBUTE_BUFFER_ID: return give(allocation->id);
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: return give(0u);
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: return give(0);
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: return give(allocation->base);
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: return give(allocation->bytes);
    default: return CUDA_ERROR_INVALID_VALUE;
    }
}
