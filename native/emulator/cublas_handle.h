// What cuBLAS and cuBLASLt handles hold, and how product calls enter the driver.
#pragma once

#include "cublas_product.h"
#include "driver.h"

namespace emulator {

struct BlasHandle {
    CUstream stream = nullptr;
    uint64_t workspace = 0;
    size_t workspace_bytes = 0;
    cublasMath_t math = CUBLAS_DEFAULT_MATH;
};

struct LtHandle {};

struct Layout {
    cudaDataType_t type = CUDA_R_32F;
    uint64_t rows = 0, columns = 0;
    int64_t leading = 0;
    cublasLtOrder_t order = CUBLASLT_ORDER_COL;
    int32_t batch = 1;
    int64_t batch_stride = 0;
};

struct MatmulDescriptor {
    cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
    cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    uint64_t bias = 0, auxiliary = 0;
    int64_t bias_batch_stride = 0, auxiliary_leading = 0, auxiliary_batch_stride = 0;
    int32_t bias_type = -1, auxiliary_type = -1; // -1: the output's
};

struct Preference {
    uint64_t workspace_bytes = 0;
    uint32_t alignment[4] = {256, 256, 256, 256}; // of A, B, C, D
};

// A cuBLASLt object; a handle of one kind given as another is refused.
struct LtDescriptor {
    enum class Kind { Layout, Matmul, Preference } kind;
    Layout layout;
    MatmulDescriptor matmul;
    Preference preference;
};

cublasStatus_t to_blas(CUresult status);
// Reports a misuse and returns the status.
cublasStatus_t blas_fault(Call& call, cublasStatus_t status, const std::string& sentence);
// Checks the extents and queues, captures or runs the product. The first bytes of the workspace lose what they held, as real algorithms
// may do with them.
cublasStatus_t submit_product(Call& call, const Product& product, CUstream stream, uint64_t workspace, size_t workspace_bytes);

constexpr size_t WorkspaceTouched = size_t{64} << 10;

} // namespace emulator
