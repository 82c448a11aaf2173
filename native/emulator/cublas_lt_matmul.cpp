// cublasLtMatmul and the heuristic that goes before it.
//
// The heuristic knows one algorithm. What it returns remembers the alignment that the preference promised (up to 16 bytes, what the real
// vectorised kernels want) and a workspace, and the product refuses pointers that break the promise.
#include "cublas_handle.h"

#include <algorithm>
#include <cstring>

using namespace emulator;

namespace {

constexpr uint64_t AlgorithmMark = 0x4D45454D554C4154u;
constexpr uint64_t AlgorithmAlignment = 16;

struct Operation4 {
    std::shared_ptr<LtDescriptor> matmul, a, b, c, d;
};

cublasStatus_t find_descriptor(Call& call, const void* handle, LtDescriptor::Kind kind, std::shared_ptr<LtDescriptor>& descriptor)
{
    descriptor = call.driver.lt_descriptors.find(handle);
    return descriptor != nullptr && descriptor->kind == kind
        ? CUBLAS_STATUS_SUCCESS
        : blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, "a descriptor was never created, is destroyed, or is of another kind");
}

cublasStatus_t find_all(Call& call, cublasLtHandle_t handle, const void* matmul, const void* a, const void* b, const void* c, const void* d,
                        Operation4& found)
{
    if (const CUresult status = call.enter(); status != CUDA_SUCCESS)
        return to_blas(status);
    if (call.driver.lt_handles.find(handle) == nullptr)
        return blas_fault(call, CUBLAS_STATUS_NOT_INITIALIZED, "the handle was never created or is destroyed");
    const std::pair<const void*, std::shared_ptr<LtDescriptor>*> layouts[] = {{a, &found.a}, {b, &found.b}, {c, &found.c}, {d, &found.d}};
    for (const auto& layout : layouts)
        if (const auto status = find_descriptor(call, layout.first, LtDescriptor::Kind::Layout, *layout.second); status != CUBLAS_STATUS_SUCCESS)
            return status;
    return find_descriptor(call, matmul, LtDescriptor::Kind::Matmul, found.matmul);
}

Matrix to_matrix(const Layout& layout, const void* pointer, bool transposed)
{
    Matrix matrix;
    matrix.address = reinterpret_cast<uint64_t>(pointer);
    matrix.type = layout.type;
    matrix.rows = static_cast<int64_t>(layout.rows);
    matrix.columns = static_cast<int64_t>(layout.columns);
    matrix.row_stride = layout.order == CUBLASLT_ORDER_COL ? 1 : layout.leading;
    matrix.column_stride = layout.order == CUBLASLT_ORDER_COL ? layout.leading : 1;
    matrix.batch_stride = layout.batch_stride;
    if (transposed) {
        std::swap(matrix.rows, matrix.columns);
        std::swap(matrix.row_stride, matrix.column_stride);
    }
    return matrix;
}

bool fits(const Layout& layout)
{
    const uint64_t least = layout.order == CUBLASLT_ORDER_COL ? layout.rows : layout.columns;
    return layout.rows < (1u << 31) && layout.columns < (1u << 31) && layout.leading >= static_cast<int64_t>(std::max<uint64_t>(1, least));
}

Rounding rounding_of(const MatmulDescriptor& matmul, cudaDataType_t type)
{
    if (type != CUDA_R_32F)
        return Rounding::None;
    switch (matmul.compute) {
    case CUBLAS_COMPUTE_32F_FAST_TF32: return Rounding::Tf32;
    case CUBLAS_COMPUTE_32F_FAST_16BF: return Rounding::Bf16;
    case CUBLAS_COMPUTE_32F_FAST_16F: return Rounding::Half;
    default: return Rounding::None;
    }
}

// Fills in the epilogue; false with a sentence where the documentation forbids the combination.
bool to_epilogue(const MatmulDescriptor& matmul, const Layout& d, Epilogue& epilogue, std::string& sentence)
{
    const int kind = matmul.epilogue;
    bool bias = false, auxiliary = false;
    switch (kind) {
    case CUBLASLT_EPILOGUE_DEFAULT: break;
    case CUBLASLT_EPILOGUE_BIAS: bias = true; break;
    case CUBLASLT_EPILOGUE_RELU: epilogue.activation = Activation::Relu; break;
    case CUBLASLT_EPILOGUE_RELU_BIAS: epilogue.activation = Activation::Relu; bias = true; break;
    case CUBLASLT_EPILOGUE_GELU: epilogue.activation = Activation::Gelu; break;
    case CUBLASLT_EPILOGUE_GELU_BIAS: epilogue.activation = Activation::Gelu; bias = true; break;
    case CUBLASLT_EPILOGUE_GELU_AUX: epilogue.activation = Activation::Gelu; auxiliary = true; break;
    case CUBLASLT_EPILOGUE_GELU_AUX_BIAS: epilogue.activation = Activation::Gelu; bias = auxiliary = true; break;
    case CUBLASLT_EPILOGUE_DGELU: epilogue.activation = Activation::GeluDerivative; auxiliary = true; break;
    case CUBLASLT_EPILOGUE_DGELU_BGRAD:
        epilogue.activation = Activation::GeluDerivative;
        epilogue.gradient = Epilogue::Gradient::OfD;
        auxiliary = true;
        break;
    case CUBLASLT_EPILOGUE_BGRADA: epilogue.gradient = Epilogue::Gradient::OfA; break;
    case CUBLASLT_EPILOGUE_BGRADB: epilogue.gradient = Epilogue::Gradient::OfB; break;
    default: sentence = text("epilogue %d is not emulated", kind); return false;
    }
    const bool gradient = epilogue.gradient != Epilogue::Gradient::None;
    if (bias || gradient) {
        if (matmul.bias == 0 || matmul.bias % element_bytes(d.type) != 0) {
            sentence = text("epilogue %d needs an aligned bias pointer", kind);
            return false;
        }
        if (matmul.bias_type != -1 && matmul.bias_type != d.type) {
            sentence = text("the bias has type %d and the output %d", matmul.bias_type, d.type);
            return false;
        }
        (gradient ? epilogue.bias_gradient : epilogue.bias) = matmul.bias;
        epilogue.bias_batch_stride = matmul.bias_batch_stride;
    }
    if (!auxiliary)
        return true;
    const auto least = static_cast<int64_t>(d.order == CUBLASLT_ORDER_COL ? d.rows : d.columns);
    if (matmul.auxiliary == 0 || matmul.auxiliary % 16 != 0 || matmul.auxiliary_leading < least || matmul.auxiliary_leading % 8 != 0) {
        sentence = text("epilogue %d needs an auxiliary pointer aligned to 16 bytes, and a leading dimension of at least %lld that 8 divides "
                        "(it is %lld)", kind, static_cast<long long>(least), static_cast<long long>(matmul.auxiliary_leading));
        return false;
    }
    if (matmul.auxiliary_type != -1 && matmul.auxiliary_type != d.type) {
        sentence = text("the auxiliary matrix has type %d and the output %d", matmul.auxiliary_type, d.type);
        return false;
    }
    epilogue.auxiliary = matmul.auxiliary;
    epilogue.auxiliary_leading = matmul.auxiliary_leading;
    epilogue.auxiliary_batch_stride = matmul.auxiliary_batch_stride;
    return true;
}

// The product that the descriptors ask for, without its pointers; an error where they do not go together.
cublasStatus_t build(Call& call, const Operation4& operation, Product& product)
{
    const MatmulDescriptor& matmul = operation.matmul->matmul;
    const Layout &a = operation.a->layout, &b = operation.b->layout, &c = operation.c->layout, &d = operation.d->layout;
    product.a = to_matrix(a, nullptr, matmul.transpose_a != CUBLAS_OP_N);
    product.b = to_matrix(b, nullptr, matmul.transpose_b != CUBLAS_OP_N);
    product.c = to_matrix(c, nullptr, false);
    product.d = to_matrix(d, nullptr, false);
    product.batch = d.batch;
    product.rounding = rounding_of(matmul, a.type);
    for (const Layout* layout : {&a, &b, &c, &d})
        if (!fits(*layout))
            return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, text("a leading dimension of %lld is too small for %llu x %llu",
                                                                      static_cast<long long>(layout->leading),
                                                                      static_cast<unsigned long long>(layout->rows),
                                                                      static_cast<unsigned long long>(layout->columns)));
    if (product.a.columns != product.b.rows || product.a.rows != product.d.rows || product.b.columns != product.d.columns
        || c.rows != d.rows || c.columns != d.columns || c.order != d.order || a.batch != d.batch || b.batch != d.batch || c.batch != d.batch)
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE,
                          text("%lld x %lld times %lld x %lld does not give %lld x %lld, or C, the orders or the batches differ",
                               static_cast<long long>(product.a.rows), static_cast<long long>(product.a.columns),
                               static_cast<long long>(product.b.rows), static_cast<long long>(product.b.columns),
                               static_cast<long long>(product.d.rows), static_cast<long long>(product.d.columns)));
    std::string sentence;
    if (!supported(product, matmul.compute, sentence))
        return blas_fault(call, CUBLAS_STATUS_NOT_SUPPORTED, sentence);
    return CUBLAS_STATUS_SUCCESS;
}

} // namespace

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t descriptor, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference_handle, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results, int* found)
{
    Call call("cublasLtMatmulAlgoGetHeuristic");
    Operation4 operation;
    std::shared_ptr<LtDescriptor> preference;
    if (const auto status = find_all(call, handle, descriptor, a, b, c, d, operation); status != CUBLAS_STATUS_SUCCESS)
        return status;
    if (const auto status = find_descriptor(call, preference_handle, LtDescriptor::Kind::Preference, preference); status != CUBLAS_STATUS_SUCCESS)
        return status;
    if (wanted < 1 || results == nullptr || found == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *found = 0;
    Product product;
    if (const auto status = build(call, operation, product); status != CUBLAS_STATUS_SUCCESS)
        return status;
    const Preference& wish = preference->preference;
    const Matrix* matrices[] = {&product.a, &product.b, &product.c, &product.d};
    cublasLtMatmulHeuristicResult_t result = {};
    result.algo.data[0] = AlgorithmMark;
    for (int i = 0; i < 4; ++i) {
        if (wish.alignment[i] < element_bytes(matrices[i]->type))
            return CUBLAS_STATUS_NOT_SUPPORTED;
        result.algo.data[1] |= std::min<uint64_t>(AlgorithmAlignment, wish.alignment[i]) << (8 * i);
    }
    result.workspaceSize = std::min<uint64_t>(wish.workspace_bytes, WorkspaceTouched) / 256 * 256;
    result.algo.data[2] = result.workspaceSize;
    result.state = CUBLAS_STATUS_SUCCESS;
    result.wavesCount = 1;
    results[0] = result;
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t descriptor, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c, cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace, size_t workspace_bytes, CUstream stream)
{
    Call call("cublasLtMatmul");
    Operation4 operation;
    if (const auto status = find_all(call, handle, descriptor, a_layout, b_layout, c_layout, d_layout, operation);
        status != CUBLAS_STATUS_SUCCESS)
        return status;
    if (alpha == nullptr || beta == nullptr)
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, "alpha or beta is null");
    Product product;
    if (const auto status = build(call, operation, product); status != CUBLAS_STATUS_SUCCESS)
        return status;
    std::string sentence;
    if (!to_epilogue(operation.matmul->matmul, operation.d->layout, product.epilogue, sentence))
        return blas_fault(call, CUBLAS_STATUS_NOT_SUPPORTED, sentence);
    product.alpha = *static_cast<const float*>(alpha);
    product.beta = *static_cast<const float*>(beta);
    const void* pointers[] = {a, b, c, d};
    Matrix* matrices[] = {&product.a, &product.b, &product.c, &product.d};
    if (algorithm != nullptr && algorithm->data[0] != AlgorithmMark)
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, "the algorithm does not come from cublasLtMatmulAlgoGetHeuristic");
    for (int i = 0; i < 4; ++i) {
        matrices[i]->address = reinterpret_cast<uint64_t>(pointers[i]);
        const uint64_t alignment = algorithm != nullptr ? (algorithm->data[1] >> (8 * i)) & 0xFF : element_bytes(matrices[i]->type);
        if (matrices[i]->address % alignment != 0 && (i != 2 || product.beta != 0))
            return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, text("%c at 0x%llx is not aligned to the %llu bytes that its algorithm needs",
                                                                      "ABCD"[i], static_cast<unsigned long long>(matrices[i]->address),
                                                                      static_cast<unsigned long long>(alignment)));
    }
    const uint64_t needed = algorithm != nullptr ? algorithm->data[2] : 0;
    if (workspace_bytes < needed || (needed != 0 && reinterpret_cast<uint64_t>(workspace) % 256 != 0))
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE,
                          text("the algorithm needs a workspace of %llu bytes aligned to 256, and got %zu bytes at %p",
                               static_cast<unsigned long long>(needed), workspace_bytes, workspace));
    if (product.d.rows == 0 || product.d.columns == 0)
        return CUBLAS_STATUS_SUCCESS;
    return submit_product(call, product, stream, reinterpret_cast<uint64_t>(workspace), workspace_bytes);
}
