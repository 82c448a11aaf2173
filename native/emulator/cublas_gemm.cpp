// cublasGemmEx and its strided batch.
#include "cublas_handle.h"

#include <algorithm>

using namespace emulator;

namespace {

struct Operand {
    const void* pointer;
    cudaDataType_t type;
    int leading;
    long long stride;
};

bool is_operation(cublasOperation_t operation) { return operation >= CUBLAS_OP_N && operation <= CUBLAS_OP_C; }

Matrix column_major(const Operand& operand, int64_t rows, int64_t columns, bool transposed)
{
    Matrix matrix;
    matrix.address = reinterpret_cast<uint64_t>(operand.pointer);
    matrix.type = operand.type;
    matrix.rows = rows;
    matrix.columns = columns;
    matrix.row_stride = transposed ? operand.leading : 1;
    matrix.column_stride = transposed ? 1 : operand.leading;
    matrix.batch_stride = operand.stride;
    return matrix;
}

Rounding rounding_of(cublasComputeType_t compute, cublasMath_t math, cudaDataType_t type)
{
    if (type != CUDA_R_32F)
        return Rounding::None; // exact in float32 already
    switch (compute) {
    case CUBLAS_COMPUTE_32F_FAST_TF32: return Rounding::Tf32;
    case CUBLAS_COMPUTE_32F_FAST_16BF: return Rounding::Bf16;
    case CUBLAS_COMPUTE_32F_FAST_16F: return Rounding::Half;
    case CUBLAS_COMPUTE_32F:
        return (math & ~CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION) == CUBLAS_TF32_TENSOR_OP_MATH ? Rounding::Tf32 : Rounding::None;
    default: return Rounding::None;
    }
}

cublasStatus_t gemm(Call& call, cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
                    const void* alpha, const Operand& a, const Operand& b, const void* beta, const Operand& c, int batch,
                    cublasComputeType_t compute)
{
    if (const CUresult status = call.enter(); status != CUDA_SUCCESS)
        return to_blas(status);
    const auto state = call.driver.blas_handles.find(handle);
    if (state == nullptr)
        return blas_fault(call, CUBLAS_STATUS_NOT_INITIALIZED, "the handle was never created or is destroyed");
    const bool a_transposed = transa != CUBLAS_OP_N, b_transposed = transb != CUBLAS_OP_N;
    if (!is_operation(transa) || !is_operation(transb) || m < 0 || n < 0 || k < 0 || batch < 0)
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, text("invalid transposes or sizes (m %d, n %d, k %d, batch %d)", m, n, k, batch));
    if (a.leading < std::max(1, a_transposed ? k : m) || b.leading < std::max(1, b_transposed ? n : k) || c.leading < std::max(1, m))
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE,
                          text("a leading dimension is too small (lda %d, ldb %d, ldc %d for m %d, n %d, k %d)", a.leading, b.leading,
                               c.leading, m, n, k));
    if (alpha == nullptr || beta == nullptr)
        return blas_fault(call, CUBLAS_STATUS_INVALID_VALUE, "alpha or beta is null");
    Product product;
    product.a = column_major(a, m, k, a_transposed);
    product.b = column_major(b, k, n, b_transposed);
    product.c = product.d = column_major(c, m, n, false);
    product.batch = batch;
    product.rounding = rounding_of(compute, state->math, a.type);
    std::string sentence;
    if (!supported(product, compute, sentence))
        return blas_fault(call, CUBLAS_STATUS_NOT_SUPPORTED, sentence);
    product.alpha = *static_cast<const float*>(alpha);
    product.beta = *static_cast<const float*>(beta);
    if (m == 0 || n == 0 || batch == 0)
        return CUBLAS_STATUS_SUCCESS;
    return submit_product(call, product, state->stream, state->workspace, state->workspace_bytes);
}

} // namespace

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
                            const void* alpha, const void* a, cudaDataType_t a_type, int lda, const void* b, cudaDataType_t b_type, int ldb,
                            const void* beta, void* c, cudaDataType_t c_type, int ldc, cublasComputeType_t compute, cublasGemmAlgo_t)
{
    Call call("cublasGemmEx");
    return gemm(call, handle, transa, transb, m, n, k, alpha, Operand{a, a_type, lda, 0}, Operand{b, b_type, ldb, 0}, beta,
                Operand{c, c_type, ldc, 0}, 1, compute);
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
                                          const void* alpha, const void* a, cudaDataType_t a_type, int lda, long long stride_a,
                                          const void* b, cudaDataType_t b_type, int ldb, long long stride_b, const void* beta, void* c,
                                          cudaDataType_t c_type, int ldc, long long stride_c, int batch, cublasComputeType_t compute,
                                          cublasGemmAlgo_t)
{
    Call call("cublasGemmStridedBatchedEx");
    return gemm(call, handle, transa, transb, m, n, k, alpha, Operand{a, a_type, lda, stride_a}, Operand{b, b_type, ldb, stride_b}, beta,
                Operand{c, c_type, ldc, stride_c}, batch, compute);
}
