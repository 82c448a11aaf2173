// cuBLAS products against a float64 reference: shapes, transposes, types, rounding, batches, and what is refused.
#pragma once
#include "device.cuh"

#include <algorithm>
#include <cmath>

using namespace device_tests;

namespace {

// Values that every 16-bit type holds exactly: quarters from -2 to 2.
std::vector<float> quarters(size_t count, uint32_t seed)
{
    std::vector<float> values(count);
    for (float& value : values) {
        seed = seed * 1664525 + 1013904223;
        value = static_cast<float>(static_cast<int>(seed >> 28) - 8) / 4;
    }
    return values;
}

uint16_t narrow(cudaDataType_t type, float value) { return type == CUDA_R_16F ? float_to_half(value) : float_to_bf16(value); }
float widen(cudaDataType_t type, uint16_t bits) { return type == CUDA_R_16F ? half_to_float(bits) : bf16_to_float(bits); }

CUdeviceptr upload_as(cudaDataType_t type, const std::vector<float>& values)
{
    if (type == CUDA_R_32F)
        return upload(values);
    std::vector<uint16_t> bits(values.size());
    std::transform(values.begin(), values.end(), bits.begin(), [type](float value) { return narrow(type, value); });
    const CUdeviceptr pointer = allocate(bits.size() * 2);
    CHECK_OK(cuMemcpyHtoD_v2(pointer, bits.data(), bits.size() * 2));
    return pointer;
}

std::vector<float> download_as(cudaDataType_t type, CUdeviceptr pointer, size_t count)
{
    if (type == CUDA_R_32F)
        return download(pointer, count);
    std::vector<uint16_t> bits(count);
    CHECK_OK(cuMemcpyDtoH_v2(bits.data(), pointer, count * 2));
    std::vector<float> values(count);
    std::transform(bits.begin(), bits.end(), values.begin(), [type](uint16_t value) { return widen(type, value); });
    return values;
}

cublasHandle_t create_handle()
{
    cublasHandle_t handle = nullptr;
    CHECK_OK(cublasCreate_v2(&handle));
    return handle;
}

struct Case {
    int m, n, k;
    bool transpose_a, transpose_b;
    cudaDataType_t type, output;
    float alpha, beta;
    int batch;
};

// A batched product of exact small values: its sums are exact in float32, so the result must be that of float64, rounded once.
void expect_exact(cublasHandle_t handle, const Case& c)
{
    const int lda = (c.transpose_a ? c.k : c.m) + 3, ldb = (c.transpose_b ? c.n : c.k) + 1, ldc = c.m + 2;
    const size_t a_size = static_cast<size_t>(lda) * (c.transpose_a ? c.m : c.k), b_size = static_cast<size_t>(ldb) * (c.transpose_b ? c.k : c.n);
    const size_t c_size = static_cast<size_t>(ldc) * c.n;
    const size_t batch = static_cast<size_t>(c.batch);
    const auto a = quarters(a_size * batch, 1), b = quarters(b_size * batch, 2), before = quarters(c_size * batch, 3);
    const CUdeviceptr da = upload_as(c.type, a), db = upload_as(c.type, b), dc = upload_as(c.output, before);
    CHECK_OK(cublasGemmStridedBatchedEx(handle, c.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, c.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, c.m, c.n,
                                        c.k, &c.alpha, at(da), c.type, lda, static_cast<long long>(a_size), at(db), c.type, ldb,
                                        static_cast<long long>(b_size), &c.beta, out(dc), c.output, ldc, static_cast<long long>(c_size),
                                        c.batch, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
    const auto found = download_as(c.output, dc, c_size * batch);
    for (size_t i = 0; i < batch; ++i)
        for (int column = 0; column < c.n; ++column)
            for (int row = 0; row < ldc; ++row) {
                const size_t at_c = i * c_size + static_cast<size_t>(column) * ldc + row;
                double expected = before[at_c];
                if (row < c.m) {
                    double sum = 0;
                    for (int inner = 0; inner < c.k; ++inner)
                        sum += static_cast<double>(a[i * a_size + (c.transpose_a ? inner + static_cast<size_t>(row) * lda : row + static_cast<size_t>(inner) * lda)])
                            * b[i * b_size + (c.transpose_b ? column + static_cast<size_t>(inner) * ldb : inner + static_cast<size_t>(column) * ldb)];
                    expected = c.alpha * sum + (c.beta != 0 ? c.beta * expected : 0);
                }
                float rounded = static_cast<float>(expected);
                if (c.output != CUDA_R_32F)
                    rounded = widen(c.output, narrow(c.output, rounded));
                CHECK(found[at_c] == rounded);
            }
    for (const CUdeviceptr pointer : {da, db, dc})
        CHECK_OK(cuMemFree_v2(pointer));
}

float product_of(cublasHandle_t handle, float x, float y, cublasComputeType_t compute)
{
    const CUdeviceptr a = upload({x}), b = upload({y}), c = allocate(4);
    const float one = 1, zero = 0;
    CHECK_OK(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, at(a), CUDA_R_32F, 1, at(b), CUDA_R_32F, 1, &zero, out(c), CUDA_R_32F,
                          1, compute, CUBLAS_GEMM_DEFAULT));
    return download(c, 1)[0];
}

} // namespace

TEST(products_of_all_shapes_transposes_and_types_are_exact_where_they_can_be)
{
    Device device;
    const cublasHandle_t handle = create_handle();
    for (const bool transpose_a : {false, true})
        for (const bool transpose_b : {false, true}) {
            expect_exact(handle, {1, 1, 1, transpose_a, transpose_b, CUDA_R_32F, CUDA_R_32F, 1, 0, 1});
            expect_exact(handle, {17, 5, 300, transpose_a, transpose_b, CUDA_R_32F, CUDA_R_32F, 1, 0, 1});
            expect_exact(handle, {16, 64, 257, transpose_a, transpose_b, CUDA_R_32F, CUDA_R_32F, 0.5f, 2, 2});
            expect_exact(handle, {33, 70, 19, transpose_a, transpose_b, CUDA_R_16BF, CUDA_R_16BF, 1, 1, 3});
            expect_exact(handle, {9, 12, 40, transpose_a, transpose_b, CUDA_R_16BF, CUDA_R_32F, 1, 0, 1});
            expect_exact(handle, {9, 12, 40, transpose_a, transpose_b, CUDA_R_16F, CUDA_R_16F, 0.25f, 0, 1});
            expect_exact(handle, {8, 3, 12, transpose_a, transpose_b, CUDA_R_16F, CUDA_R_32F, 1, -1, 2});
        }
    expect_exact(handle, {200, 300, 150, false, false, CUDA_R_32F, CUDA_R_32F, 1, 0, 4}); // several threads
    CHECK(statistics().products == 29);
}

TEST(random_products_stay_within_the_bound_of_float32_sums)
{
    Device device;
    const cublasHandle_t handle = create_handle();
    constexpr int m = 50, n = 40, k = 2000;
    std::vector<float> a(m * k), b(k * n);
    uint32_t seed = 7;
    for (auto* values : {&a, &b})
        for (float& value : *values) {
            seed = seed * 1664525 + 1013904223;
            value = static_cast<float>(static_cast<int32_t>(seed)) / 2147483648.0f;
        }
    const CUdeviceptr da = upload(a), db = upload(b), dc = allocate(m * n * 4);
    const float one = 1, zero = 0;
    CHECK_OK(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, &one, at(da), CUDA_R_32F, m, at(db), CUDA_R_32F, k, &zero, out(dc),
                          CUDA_R_32F, m, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
    const auto found = download(dc, m * n);
    for (int column = 0; column < n; ++column)
        for (int row = 0; row < m; ++row) {
            double sum = 0, magnitude = 0;
            for (int i = 0; i < k; ++i) {
                const double term = static_cast<double>(a[row + i * m]) * b[i + column * k];
                sum += term;
                magnitude += std::fabs(term);
            }
            // Runs of 256 additions, then 8 of runs, and the product's own rounding: at most 266 roundings of 2^-24 each.
            CHECK(std::fabs(found[row + column * m] - sum) <= 266 * 0x1p-24 * magnitude);
        }
}

TEST(reduced_precisions_round_their_inputs_and_nothing_else)
{
    Device device;
    const cublasHandle_t handle = create_handle();
    const float x = 1 + 0x1p-9f + 0x1p-14f; // needs 14 bits
    CHECK(product_of(handle, x, 1, CUBLAS_COMPUTE_32F) == x);
    CHECK(product_of(handle, x, 1, CUBLAS_COMPUTE_32F_PEDANTIC) == x);
    CHECK(product_of(handle, x, 1, CUBLAS_COMPUTE_32F_FAST_TF32) == 1 + 0x1p-9f);
    CHECK(product_of(handle, x, 1, CUBLAS_COMPUTE_32F_FAST_16BF) == 1);
    CHECK(product_of(handle, 1 + 0x1p-11f, 1, CUBLAS_COMPUTE_32F_FAST_TF32) == 1 + 0x1p-10f); // a tie goes away from zero
    CHECK_OK(cublasSetMathMode(handle, CUBLAS_TF32_TENSOR_OP_MATH));
    CHECK(product_of(handle, x, 1, CUBLAS_COMPUTE_32F) == 1 + 0x1p-9f);
    CHECK(product_of(handle, x, 1, CUBLAS_COMPUTE_32F_PEDANTIC) == x);
}

TEST(what_a_scalar_of_zero_cancels_is_not_read)
{
    Device device;
    const cublasHandle_t handle = create_handle();
    const CUdeviceptr nan = allocate(4), value = upload({3});
    const float one = 1, zero = 0;
    CHECK_OK(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &zero, at(nan), CUDA_R_32F, 1, at(nan), CUDA_R_32F, 1, &one, out(value),
                          CUDA_R_32F, 1, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
    CHECK(download(value, 1)[0] == 3);
}

TEST(matrices_beyond_their_allocations_are_found)
{
    Device device;
    const cublasHandle_t handle = create_handle();
    const CUdeviceptr a = allocate(4 * 6), b = allocate(4 * 6), c = allocate(4 * 4);
    const float one = 1, zero = 0;
    const auto gemm = [&](int m, int n, int k, int lda, int ldc) {
        return cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, &one, at(a), CUDA_R_32F, lda, at(b), CUDA_R_32F, k, &zero, out(c),
                            CUDA_R_32F, ldc, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    };
    CHECK_OK(gemm(2, 2, 3, 2, 2));
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, gemm(2, 2, 3, 3, 2));
    CHECK_TEXT(last_fault(), "cublasGemmEx: A at");
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, gemm(2, 2, 3, 2, 3));
    CHECK_TEXT(last_fault(), "cublasGemmEx: D at");
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, gemm(2, 2, 3, 1, 2));
    CHECK_TEXT(last_fault(), "leading dimension");
    CHECK_OK(cuMemFree_v2(b));
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, gemm(2, 2, 3, 2, 2));
    CHECK_TEXT(last_fault(), "which was freed");
}

TEST(products_follow_their_stream_and_are_captured)
{
    Device device(EMULATOR_STREAMS_LATE);
    const cublasHandle_t handle = create_handle();
    const CUstream stream = create_stream();
    CHECK_OK(cublasSetStream_v2(handle, stream));
    const CUdeviceptr a = upload({3}), c = upload({1});
    const float one = 1;
    const auto add_product = [&] {
        return cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, at(a), CUDA_R_32F, 1, at(a), CUDA_R_32F, 1, &one, out(c), CUDA_R_32F, 1,
                            CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    };
    CHECK_OK(add_product());
    CHECK(statistics().products == 0);
    CHECK_OK(cuStreamSynchronize(stream));
    CHECK(download(c, 1)[0] == 10);
    CUgraph graph;
    CUgraphExec executable;
    CHECK_OK(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    CHECK_OK(add_product());
    CHECK_OK(cuStreamEndCapture(stream, &graph));
    CHECK_OK(cuGraphInstantiateWithFlags(&executable, graph, 0));
    CHECK_OK(cuGraphLaunch(executable, stream));
    CHECK_OK(cuGraphLaunch(executable, stream));
    CHECK_OK(cuStreamSynchronize(stream));
    CHECK(download(c, 1)[0] == 28);
}

TEST(the_workspace_is_checked_written_and_forgotten_with_the_stream)
{
    Device device;
    const cublasHandle_t handle = create_handle();
    const CUstream stream = create_stream();
    const CUdeviceptr workspace = upload(std::vector<float>(1024, 1.0f));
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, cublasSetWorkspace_v2(handle, out(workspace), 5000));
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, cublasSetWorkspace_v2(handle, out(workspace + 128), 256));
    CHECK_OK(cublasSetWorkspace_v2(handle, out(workspace), 4096));
    CHECK(product_of(handle, 2, 3, CUBLAS_COMPUTE_32F) == 6);
    CHECK(std::isnan(download(workspace, 1)[0]));
    CHECK_OK(cuMemsetD8_v2(workspace, 0, 4));
    CHECK_OK(cublasSetStream_v2(handle, stream)); // resets the workspace
    CHECK(product_of(handle, 2, 3, CUBLAS_COMPUTE_32F) == 6);
    CHECK(download(workspace, 1)[0] == 0);
}

TEST(cublas_handles_fail_on_order_and_are_counted)
{
    Device device;
    const cublasHandle_t handle = create_handle();
    int version = 0;
    CHECK_OK(cublasGetVersion_v2(handle, &version));
    CHECK(version == 130000 && cublasLtGetVersion() == 130000);
    const CUdeviceptr value = upload({1});
    const float one = 1;
    const auto gemm = [&](cudaDataType_t type) {
        return cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, at(value), type, 1, at(value), type, 1, &one, out(value), type, 1,
                            CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    };
    emulatorFailCublas(1);
    CHECK_STATUS(CUBLAS_STATUS_EXECUTION_FAILED, gemm(CUDA_R_32F));
    CHECK_TEXT(last_fault(), "cublasGemmEx: an injected failure");
    CHECK_OK(gemm(CUDA_R_32F));
    CHECK_STATUS(CUBLAS_STATUS_NOT_SUPPORTED, gemm(CUDA_R_64F));
    CHECK(statistics().cublas_handles == 1);
    CHECK_OK(cublasDestroy_v2(handle));
    CHECK_STATUS(CUBLAS_STATUS_NOT_INITIALIZED, gemm(CUDA_R_32F));
    CHECK(statistics().cublas_handles == 0);
    CHECK_TEXT(cublasGetStatusName(CUBLAS_STATUS_NOT_SUPPORTED), "CUBLAS_STATUS_NOT_SUPPORTED");
}
