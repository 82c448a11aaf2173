// The primary context and each thread's current one.
#include "driver.h"

using namespace emulator;

namespace {

CUresult check_device(Call& call, CUdevice device)
{
    EMULATOR_CHECK(call.initialized());
    return device >= 0 && device < call.driver.device_count ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

// A context that may be made current: null, or one that is alive.
CUresult check_context(Call& call, CUcontext context)
{
    EMULATOR_CHECK(call.initialized());
    if (context == nullptr)
        return CUDA_SUCCESS;
    const auto found = call.driver.contexts.find(context);
    if (found == nullptr)
        return call.fault(CUDA_ERROR_INVALID_CONTEXT, "the handle is no context");
    return found->destroyed ? call.fault(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the context was destroyed") : CUDA_SUCCESS;
}

} // namespace

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device)
{
    Call call("cuDevicePrimaryCtxRetain");
    EMULATOR_CHECK(check_device(call, device));
    if (context == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    Driver& driver = call.driver;
    if (driver.primary == nullptr) {
        driver.primary = std::make_shared<Context>();
        driver.primary_handle = static_cast<CUcontext>(driver.contexts.add(driver.primary));
    }
    ++driver.retains;
    *context = driver.primary_handle;
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
    Call call("cuDevicePrimaryCtxRelease_v2");
    EMULATOR_CHECK(check_device(call, device));
    if (call.driver.retains == 0)
        return call.fault(CUDA_ERROR_INVALID_CONTEXT, "the primary context was released more often than retained");
    if (--call.driver.retains == 0)
        call.driver.destroy_primary();
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active)
{
    Call call("cuDevicePrimaryCtxGetState");
    EMULATOR_CHECK(check_device(call, device));
    if (flags == nullptr || active == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *flags = 0;
    *active = call.driver.primary != nullptr ? 1 : 0;
    return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext context)
{
    Call call("cuCtxSetCurrent");
    EMULATOR_CHECK(check_context(call, context));
    auto& stack = context_stack();
    if (!stack.empty())
        stack.pop_back();
    if (context != nullptr)
        stack.push_back(context);
    return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext* context)
{
    Call call("cuCtxGetCurrent");
    EMULATOR_CHECK(call.initialized());
    if (context == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    const auto& stack = context_stack();
    *context = stack.empty() ? nullptr : stack.back();
    return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent_v2(CUcontext context)
{
    Call call("cuCtxPushCurrent_v2");
    EMULATOR_CHECK(check_context(call, context));
    if (context == nullptr)
        return CUDA_ERROR_INVALID_CONTEXT;
    context_stack().push_back(context);
    return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent_v2(CUcontext* context)
{
    Call call("cuCtxPopCurrent_v2");
    EMULATOR_CHECK(call.initialized());
    auto& stack = context_stack();
    if (stack.empty())
        return call.fault(CUDA_ERROR_INVALID_CONTEXT, "the calling thread's context stack is empty");
    if (context != nullptr)
        *context = stack.back();
    stack.pop_back();
    return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice* device)
{
    Call call("cuCtxGetDevice");
    EMULATOR_CHECK(call.enter());
    if (device == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *device = 0;
    return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize()
{
    Call call("cuCtxSynchronize");
    EMULATOR_CHECK(call.enter());
    EMULATOR_CHECK(call.unsafe());
    return call.wait_all();
}

CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest)
{
    Call call("cuCtxGetStreamPriorityRange");
    EMULATOR_CHECK(call.enter());
    if (least != nullptr)
        *least = 0;
    if (greatest != nullptr)
        *greatest = -5;
    return CUDA_SUCCESS;
}
