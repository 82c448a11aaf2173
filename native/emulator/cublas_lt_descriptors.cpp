// cuBLASLt's handles, layouts, operation descriptors and preferences.
#include "cublas_handle.h"

#include <cstring>

using namespace emulator;

namespace {

using Kind = LtDescriptor::Kind;

// Copies an attribute's value; the caller's size must be the attribute's.
template <typename T>
bool take(T& target, const void* value, size_t bytes)
{
    if (value == nullptr || bytes != sizeof(T))
        return false;
    std::memcpy(&target, value, sizeof(T));
    return true;
}

template <typename T>
bool ignore(const void* value, size_t bytes)
{
    T dropped;
    return take(dropped, value, bytes);
}

cublasStatus_t create(const char* name, Kind kind, const LtDescriptor& content, void** handle)
{
    Call call(name);
    if (handle == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    auto descriptor = std::make_shared<LtDescriptor>(content);
    descriptor->kind = kind;
    *handle = call.driver.lt_descriptors.add(std::move(descriptor));
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t destroy(const char* name, Kind kind, const void* handle)
{
    Call call(name);
    const auto descriptor = call.driver.lt_descriptors.find(handle);
    if (descriptor == nullptr || descriptor->kind != kind)
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, "the descriptor was never created, is destroyed, or is of another kind");
    call.driver.lt_descriptors.take(handle);
    return CUBLAS_STATUS_SUCCESS;
}

template <typename Set>
cublasStatus_t set(const char* name, Kind kind, const void* handle, int attribute, size_t bytes, Set apply)
{
    Call call(name);
    const auto descriptor = call.driver.lt_descriptors.find(handle);
    if (descriptor == nullptr || descriptor->kind != kind)
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, "the descriptor was never created, is destroyed, or is of another kind");
    return apply(*descriptor)
        ? CUBLAS_STATUS_SUCCESS
        : blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, text("attribute %d with a value of %zu bytes is not taken", attribute, bytes));
}

bool is_type(cudaDataType_t type)
{
    return type == CUDA_R_32F || type == CUDA_R_64F || type == CUDA_R_16F || type == CUDA_R_16BF;
}

} // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle)
{
    Call call("cublasLtCreate");
    if (const CUresult status = call.enter(); status != CUDA_SUCCESS)
        return to_blas(status);
    if (handle == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *handle = static_cast<cublasLtHandle_t>(call.driver.lt_handles.add(std::make_shared<LtHandle>()));
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    Call call("cublasLtDestroy");
    return call.driver.lt_handles.take(handle) != nullptr
        ? CUBLAS_STATUS_SUCCESS
        : blas_fault(call, CUBLAS_STATUS_NOT_INITIALIZED, "the handle was never created or is destroyed");
}

size_t cublasLtGetVersion() { return 130000; }
size_t cublasLtGetCudartVersion() { return 13000; }

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, uint64_t rows, uint64_t columns,
                                          int64_t leading)
{
    if (!is_type(type))
        return CUBLAS_STATUS_INVALID_VALUE;
    LtDescriptor content{};
    content.layout.type = type;
    content.layout.rows = rows;
    content.layout.columns = columns;
    content.layout.leading = leading;
    return create("cublasLtMatrixLayoutCreate", Kind::Layout, content, reinterpret_cast<void**>(layout));
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    return destroy("cublasLtMatrixLayoutDestroy", Kind::Layout, layout);
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle, cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                size_t bytes)
{
    return set("cublasLtMatrixLayoutSetAttribute", Kind::Layout, handle, attribute, bytes, [=](LtDescriptor& descriptor) {
        Layout& layout = descriptor.layout;
        switch (attribute) {
        case CUBLASLT_MATRIX_LAYOUT_TYPE: return take(layout.type, value, bytes) && is_type(layout.type);
        case CUBLASLT_MATRIX_LAYOUT_ORDER:
            return take(layout.order, value, bytes) && (layout.order == CUBLASLT_ORDER_COL || layout.order == CUBLASLT_ORDER_ROW);
        case CUBLASLT_MATRIX_LAYOUT_ROWS: return take(layout.rows, value, bytes);
        case CUBLASLT_MATRIX_LAYOUT_COLS: return take(layout.columns, value, bytes);
        case CUBLASLT_MATRIX_LAYOUT_LD: return take(layout.leading, value, bytes);
        case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return take(layout.batch, value, bytes) && layout.batch > 0;
        case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return take(layout.batch_stride, value, bytes);
        default: return false;
        }
    });
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* descriptor, cublasComputeType_t compute, cudaDataType_t scale)
{
    if (scale != CUDA_R_32F || compute == CUBLAS_COMPUTE_16F || compute == CUBLAS_COMPUTE_64F)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    LtDescriptor content{};
    content.matmul.compute = compute;
    return create("cublasLtMatmulDescCreate", Kind::Matmul, content, reinterpret_cast<void**>(descriptor));
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t descriptor)
{
    return destroy("cublasLtMatmulDescDestroy", Kind::Matmul, descriptor);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle, cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              size_t bytes)
{
    return set("cublasLtMatmulDescSetAttribute", Kind::Matmul, handle, attribute, bytes, [=](LtDescriptor& descriptor) {
        MatmulDescriptor& matmul = descriptor.matmul;
        switch (attribute) {
        case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE: return take(matmul.compute, value, bytes);
        case CUBLASLT_MATMUL_DESC_SCALE_TYPE: {
            cudaDataType_t type;
            return take(type, value, bytes) && type == CUDA_R_32F;
        }
        case CUBLASLT_MATMUL_DESC_POINTER_MODE: {
            int32_t mode;
            return take(mode, value, bytes) && mode == CUBLAS_POINTER_MODE_HOST;
        }
        case CUBLASLT_MATMUL_DESC_TRANSA: return take(matmul.transpose_a, value, bytes) && matmul.transpose_a <= CUBLAS_OP_C;
        case CUBLASLT_MATMUL_DESC_TRANSB: return take(matmul.transpose_b, value, bytes) && matmul.transpose_b <= CUBLAS_OP_C;
        case CUBLASLT_MATMUL_DESC_TRANSC: {
            cublasOperation_t operation;
            return take(operation, value, bytes) && operation == CUBLAS_OP_N; // nothing else is supported by cuBLASLt
        }
        case CUBLASLT_MATMUL_DESC_EPILOGUE: return take(matmul.epilogue, value, bytes);
        case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return take(matmul.bias, value, bytes);
        case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE: return take(matmul.bias_batch_stride, value, bytes);
        case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER: return take(matmul.auxiliary, value, bytes);
        case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD: return take(matmul.auxiliary_leading, value, bytes);
        case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE: return take(matmul.auxiliary_batch_stride, value, bytes);
        case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE: return take(matmul.auxiliary_type, value, bytes);
        case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return take(matmul.bias_type, value, bytes);
        case CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET: return ignore<int32_t>(value, bytes);
        default: return false;
        }
    });
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference)
{
    return create("cublasLtMatmulPreferenceCreate", Kind::Preference, LtDescriptor{}, reinterpret_cast<void**>(preference));
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference)
{
    return destroy("cublasLtMatmulPreferenceDestroy", Kind::Preference, preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle, cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes)
{
    return set("cublasLtMatmulPreferenceSetAttribute", Kind::Preference, handle, attribute, bytes, [=](LtDescriptor& descriptor) {
        Preference& preference = descriptor.preference;
        switch (attribute) {
        case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return take(preference.workspace_bytes, value, bytes);
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return take(preference.alignment[0], value, bytes);
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return take(preference.alignment[1], value, bytes);
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return take(preference.alignment[2], value, bytes);
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return take(preference.alignment[3], value, bytes);
        case CUBLASLT_MATMUL_PREF_SEARCH_MODE:
        case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return ignore<uint32_t>(value, bytes);
        case CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT: return ignore<float>(value, bytes);
        case CUBLASLT_MATMUL_PREF_IMPL_MASK: return ignore<uint64_t>(value, bytes);
        default: return false;
        }
    });
}
