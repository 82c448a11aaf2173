// cuBLAS handles and their settings.
#include "cublas_handle.h"

#include <algorithm>
#include <cstring>

namespace emulator {

cublasStatus_t to_blas(CUresult status)
{
    switch (status) {
    case CUDA_SUCCESS: return CUBLAS_STATUS_SUCCESS;
    case CUDA_ERROR_NOT_INITIALIZED:
    case CUDA_ERROR_INVALID_CONTEXT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED: return CUBLAS_STATUS_NOT_INITIALIZED;
    case CUDA_ERROR_OUT_OF_MEMORY: return CUBLAS_STATUS_ALLOC_FAILED;
    case CUDA_ERROR_INVALID_VALUE:
    case CUDA_ERROR_INVALID_HANDLE: return CUBLAS_STATUS_INVALID_VALUE;
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_FAILED: return CUBLAS_STATUS_EXECUTION_FAILED;
    default: return CUBLAS_STATUS_INTERNAL_ERROR;
    }
}

cublasStatus_t blas_fault(Call& call, cublasStatus_t status, const std::string& sentence)
{
    call.fault(CUDA_ERROR_INVALID_VALUE, sentence);
    return status;
}

cublasStatus_t submit_product(Call& call, const Product& product, CUstream handle, uint64_t workspace, size_t workspace_bytes)
{
    std::shared_ptr<Stream> stream;
    if (const CUresult status = call.find_stream(handle, stream); status != CUDA_SUCCESS)
        return to_blas(status);
    auto operation = std::make_shared<Operation>();
    operation->name = text("%s of %lld x %lld x %lld, batch %lld", call.name(), static_cast<long long>(product.d.rows),
                           static_cast<long long>(product.d.columns), static_cast<long long>(product.a.columns),
                           static_cast<long long>(product.batch));
    std::string sentence;
    const size_t touched = std::min(workspace_bytes, WorkspaceTouched);
    if (!check_extents(product, call.driver.memory, operation->uses, sentence)
        || !call.driver.memory.check("the workspace", workspace, touched, operation->uses, sentence))
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, sentence);
    if (call.driver.injections.product.strikes())
        return blas_fault(call, CUBLAS_STATUS_EXECUTION_FAILED, "an injected failure");
    operation->run = [&counters = call.driver.counters, product, workspace, touched] {
        ++counters.products;
        if (touched != 0)
            std::memset(reinterpret_cast<void*>(workspace), 0xFF, touched);
        compute(product);
        return Outcome{};
    };
    return to_blas(call.submit(stream, std::move(operation)));
}

} // namespace emulator

using namespace emulator;

namespace {

cublasStatus_t enter(Call& call, cublasHandle_t handle, std::shared_ptr<BlasHandle>& state)
{
    if (const CUresult status = call.enter(); status != CUDA_SUCCESS)
        return to_blas(status);
    state = call.driver.blas_handles.find(handle);
    return state != nullptr ? CUBLAS_STATUS_SUCCESS
                            : blas_fault(call, CUBLAS_STATUS_NOT_INITIALIZED, "the handle was never created or is destroyed");
}

struct StatusText {
    cublasStatus_t status;
    const char* name;
    const char* sentence;
};

constexpr StatusText StatusTexts[] = {
    {CUBLAS_STATUS_SUCCESS, "CUBLAS_STATUS_SUCCESS", "success"},
    {CUBLAS_STATUS_NOT_INITIALIZED, "CUBLAS_STATUS_NOT_INITIALIZED", "the library was not initialized"},
    {CUBLAS_STATUS_ALLOC_FAILED, "CUBLAS_STATUS_ALLOC_FAILED", "the resource allocation failed"},
    {CUBLAS_STATUS_INVALID_VALUE, "CUBLAS_STATUS_INVALID_VALUE", "an unsupported value or parameter was passed to the function"},
    {CUBLAS_STATUS_ARCH_MISMATCH, "CUBLAS_STATUS_ARCH_MISMATCH", "the device lacks a required feature"},
    {CUBLAS_STATUS_MAPPING_ERROR, "CUBLAS_STATUS_MAPPING_ERROR", "an access to GPU memory space failed"},
    {CUBLAS_STATUS_EXECUTION_FAILED, "CUBLAS_STATUS_EXECUTION_FAILED", "the GPU program failed to execute"},
    {CUBLAS_STATUS_INTERNAL_ERROR, "CUBLAS_STATUS_INTERNAL_ERROR", "an internal operation failed"},
    {CUBLAS_STATUS_NOT_SUPPORTED, "CUBLAS_STATUS_NOT_SUPPORTED", "the functionality requested is not supported"},
    {CUBLAS_STATUS_LICENSE_ERROR, "CUBLAS_STATUS_LICENSE_ERROR", "the functionality requires a license"},
};

const StatusText* find_text(cublasStatus_t status)
{
    for (const StatusText& entry : StatusTexts)
        if (entry.status == status)
            return &entry;
    return nullptr;
}

} // namespace

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle)
{
    Call call("cublasCreate_v2");
    if (const CUresult status = call.enter(); status != CUDA_SUCCESS)
        return to_blas(status);
    if (call.unsafe() != CUDA_SUCCESS)
        return CUBLAS_STATUS_INTERNAL_ERROR;
    if (handle == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *handle = static_cast<cublasHandle_t>(call.driver.blas_handles.add(std::make_shared<BlasHandle>()));
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle)
{
    Call call("cublasDestroy_v2");
    if (call.driver.blas_handles.take(handle) == nullptr)
        return blas_fault(call, CUBLAS_STATUS_NOT_INITIALIZED, "the handle was never created or is destroyed");
    if (call.enter() == CUDA_SUCCESS && call.unsafe() == CUDA_SUCCESS)
        call.wait_all(); // as cuBLAS does
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t, int* version)
{
    if (version == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *version = static_cast<int>(cublasLtGetVersion());
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, CUstream stream)
{
    Call call("cublasSetStream_v2");
    std::shared_ptr<BlasHandle> state;
    if (const cublasStatus_t status = enter(call, handle, state); status != CUBLAS_STATUS_SUCCESS)
        return status;
    if (stream != nullptr && stream != CU_STREAM_LEGACY && stream != CU_STREAM_PER_THREAD && call.driver.streams.find(stream) == nullptr)
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, "the stream was never created or is destroyed");
    state->stream = stream;
    state->workspace = 0; // setting a stream takes the user's workspace away, as documented
    state->workspace_bytes = 0;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, CUstream* stream)
{
    Call call("cublasGetStream_v2");
    std::shared_ptr<BlasHandle> state;
    if (const cublasStatus_t status = enter(call, handle, state); status != CUBLAS_STATUS_SUCCESS)
        return status;
    if (stream == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *stream = state->stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, size_t bytes)
{
    Call call("cublasSetWorkspace_v2");
    std::shared_ptr<BlasHandle> state;
    if (const cublasStatus_t status = enter(call, handle, state); status != CUBLAS_STATUS_SUCCESS)
        return status;
    const auto address = reinterpret_cast<uint64_t>(workspace);
    std::vector<Use> uses;
    std::string sentence;
    if (address % 256 != 0)
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, "the workspace is not aligned to 256 bytes");
    if (!call.driver.memory.check("the workspace", address, bytes, uses, sentence))
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, sentence);
    state->workspace = address;
    state->workspace_bytes = bytes;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode)
{
    Call call("cublasSetMathMode");
    std::shared_ptr<BlasHandle> state;
    if (const cublasStatus_t status = enter(call, handle, state); status != CUBLAS_STATUS_SUCCESS)
        return status;
    if ((mode & ~CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION) > CUBLAS_TF32_TENSOR_OP_MATH || mode < 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    state->math = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t* mode)
{
    Call call("cublasGetMathMode");
    std::shared_ptr<BlasHandle> state;
    if (const cublasStatus_t status = enter(call, handle, state); status != CUBLAS_STATUS_SUCCESS)
        return status;
    if (mode == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *mode = state->math;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode)
{
    Call call("cublasSetPointerMode_v2");
    std::shared_ptr<BlasHandle> state;
    if (const cublasStatus_t status = enter(call, handle, state); status != CUBLAS_STATUS_SUCCESS)
        return status;
    return mode == CUBLAS_POINTER_MODE_HOST
        ? CUBLAS_STATUS_SUCCESS
        : blas_fault(call, CUBLAS_STATUS_NOT_SUPPORTED, "scalars in device memory are not emulated");
}

const char* cublasGetStatusName(cublasStatus_t status)
{
    const StatusText* found = find_text(status);
    return found != nullptr ? found->name : "unknown cuBLAS status";
}

const char* cublasGetStatusString(cublasStatus_t status)
{
    const StatusText* found = find_text(status);
    return found != nullptr ? found->sentence : "unknown cuBLAS status";
}

const char* cublasLtGetStatusName(cublasStatus_t status) { return cublasGetStatusName(status); }
const char* cublasLtGetStatusString(cublasStatus_t status) { return cublasGetStatusString(status); }
