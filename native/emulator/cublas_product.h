// The arithmetic behind cuBLAS and cuBLASLt: one batched matrix product with an epilogue, in float32.
//
// D = epilogue(alpha * A * B + beta * C). A is m x k, B is k x n, C and D are m x n; a matrix is given by its two strides, so transposes
// and row order are strides. Each element is summed over k in runs of 256, every run in ascending order without fused operations, and the
// runs are added in order: the same bits on any machine and any number of threads.
#pragma once

#include "api_cublas.h"
#include "memory.h"

#include <string>
#include <vector>

namespace emulator {

struct Matrix {
    uint64_t address = 0;
    cudaDataType_t type = CUDA_R_32F;
    int64_t rows = 0, columns = 0;
    int64_t row_stride = 0, column_stride = 0; // elements from one row, one column to the next
    int64_t batch_stride = 0;
};

// How operands are rounded before they are multiplied.
enum class Rounding { None, Tf32, Bf16, Half };

enum class Activation { None, Relu, Gelu, GeluDerivative };

struct Epilogue {
    Activation activation = Activation::None;
    uint64_t bias = 0;          // added to each row before the activation, m elements of D's type
    uint64_t bias_gradient = 0; // out: sums over D's columns (m), A's (m) or B's rows (n), see below
    enum class Gradient { None, OfD, OfA, OfB } gradient = Gradient::None;
    int64_t bias_batch_stride = 0;
    uint64_t auxiliary = 0;     // pre-activations: written by Gelu, read by GeluDerivative; D's type and order
    int64_t auxiliary_leading = 0, auxiliary_batch_stride = 0;
};

struct Product {
    Matrix a, b, c, d;
    int64_t batch = 1;
    float alpha = 1, beta = 0;
    Rounding rounding = Rounding::None;
    Epilogue epilogue;
};

size_t element_bytes(cudaDataType_t type);
// Whether cuBLAS computes this combination; otherwise a sentence.
bool supported(const Product& product, cublasComputeType_t compute, std::string& sentence);
// Checks every matrix of the product against the allocations.
bool check_extents(const Product& product, Memory& memory, std::vector<Use>& uses, std::string& sentence);
void compute(const Product& product);

} // namespace emulator
