// cublasLtMatmul: layouts, epilogues against float64, the heuristic's promises.
#pragma once
#include "device.cuh"

#include <cmath>

using namespace device_tests;

namespace {

constexpr int M = 24, N = 10, K = 37, Batch = 2;

std::vector<float> numbers(size_t count, uint32_t seed)
{
    std::vector<float> values(count);
    for (float& value : values) {
        seed = seed * 1664525 + 1013904223;
        value = static_cast<float>(static_cast<int32_t>(seed)) / 2147483648.0f;
    }
    return values;
}

cublasLtMatrixLayout_t layout(cudaDataType_t type, uint64_t rows, uint64_t columns, int64_t leading, cublasLtOrder_t order = CUBLASLT_ORDER_COL,
                              int32_t batch = 1, int64_t stride = 0)
{
    cublasLtMatrixLayout_t created = nullptr;
    CHECK_OK(cublasLtMatrixLayoutCreate(&created, type, rows, columns, leading));
    CHECK_OK(cublasLtMatrixLayoutSetAttribute(created, CUBLASLT_MATRIX_LAYOUT_ORDER, &order, sizeof order));
    CHECK_OK(cublasLtMatrixLayoutSetAttribute(created, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch));
    CHECK_OK(cublasLtMatrixLayoutSetAttribute(created, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride));
    return created;
}

template <typename T>
void set(cublasLtMatmulDesc_t descriptor, cublasLtMatmulDescAttributes_t attribute, T value)
{
    CHECK_OK(cublasLtMatmulDescSetAttribute(descriptor, attribute, &value, sizeof value));
}

double gelu(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }
double gelu_derivative(double x) { return (gelu(x + 1e-5) - gelu(x - 1e-5)) / 2e-5; }

// One batched product A (M x K) times B (K x N) with every pointer that an epilogue may want.
struct Fixture {
    Device device;
    cublasLtHandle_t handle = nullptr;
    cublasLtMatmulDesc_t descriptor = nullptr;
    cublasLtMatrixLayout_t a_layout, b_layout, d_layout;
    std::vector<float> a = numbers(M * K * Batch, 1), b = numbers(K * N * Batch, 2), bias = numbers(M, 3), aux = numbers(M * N * Batch, 4);
    CUdeviceptr da = upload(a), db = upload(b), dd = allocate(M * N * Batch * 4), dbias = upload(bias), daux = upload(aux);

    Fixture()
    {
        CHECK_OK(cublasLtCreate(&handle));
        CHECK_OK(cublasLtMatmulDescCreate(&descriptor, CUBLAS_COMPUTE_32F, CUDA_R_32F));
        a_layout = layout(CUDA_R_32F, M, K, M, CUBLASLT_ORDER_COL, Batch, M * K);
        b_layout = layout(CUDA_R_32F, K, N, K, CUBLASLT_ORDER_COL, Batch, K * N);
        d_layout = layout(CUDA_R_32F, M, N, M, CUBLASLT_ORDER_COL, Batch, M * N);
    }

    cublasStatus_t run(cublasLtEpilogue_t epilogue)
    {
        set(descriptor, CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<int32_t>(epilogue));
        set(descriptor, CUBLASLT_MATMUL_DESC_BIAS_POINTER, dbias);
        set(descriptor, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, daux);
        set(descriptor, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int64_t{M});
        set(descriptor, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE, int64_t{M * N});
        const float alpha = 0.5f, zero = 0;
        return cublasLtMatmul(handle, descriptor, &alpha, at(da), a_layout, at(db), b_layout, &zero, out(dd), d_layout, out(dd), d_layout, nullptr,
                              nullptr, 0, nullptr);
    }

    double sum(int batch, int row, int column) const
    {
        double total = 0;
        for (int k = 0; k < K; ++k)
            total += static_cast<double>(a[batch * M * K + row + k * M]) * b[batch * K * N + k + column * K];
        return 0.5 * total;
    }

    // Compares D, element by element, with a function of (alpha A B, row, index into an M x N x Batch array).
    template <typename Expected>
    void expect(Expected expected, CUdeviceptr result)
    {
        const auto found = download(result, M * N * Batch);
        for (int batch = 0; batch < Batch; ++batch)
            for (int column = 0; column < N; ++column)
                for (int row = 0; row < M; ++row) {
                    const int index = batch * M * N + column * M + row;
                    // Sums of 37 terms below 1 and a handful of roundings on top: 64 roundings of 2^-24 of at most 40.
                    CHECK(std::fabs(found[index] - expected(sum(batch, row, column), row, index)) <= 64 * 0x1p-24 * 40);
                }
    }
};

} // namespace

TEST(epilogues_give_what_their_formulas_say)
{
    Fixture f;
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_DEFAULT));
    f.expect([](double x, int, int) { return x; }, f.dd);
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_BIAS));
    f.expect([&](double x, int row, int) { return x + f.bias[row]; }, f.dd);
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_RELU));
    f.expect([](double x, int, int) { return std::fmax(x, 0); }, f.dd);
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_RELU_BIAS));
    f.expect([&](double x, int row, int) { return std::fmax(x + f.bias[row], 0); }, f.dd);
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_GELU));
    f.expect([](double x, int, int) { return gelu(x); }, f.dd);
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_GELU_BIAS));
    f.expect([&](double x, int row, int) { return gelu(x + f.bias[row]); }, f.dd);
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_DGELU));
    f.expect([&](double x, int, int index) { return x * gelu_derivative(f.aux[index]); }, f.dd);
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_GELU_AUX_BIAS));
    f.expect([&](double x, int row, int) { return gelu(x + f.bias[row]); }, f.dd);
    f.expect([&](double x, int row, int) { return x + f.bias[row]; }, f.daux);
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_GELU_AUX));
    f.expect([&](double x, int, int) { return x; }, f.daux);
}

TEST(bias_gradients_are_sums_over_the_other_dimension)
{
    Fixture f;
    const int64_t stride = 32;
    const CUdeviceptr gradient = f.dbias = allocate((stride + M) * 4);
    set(f.descriptor, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, stride);
    for (const cublasLtEpilogue_t epilogue : {CUBLASLT_EPILOGUE_BGRADA, CUBLASLT_EPILOGUE_BGRADB, CUBLASLT_EPILOGUE_DGELU_BGRAD}) {
        CHECK_OK(f.run(epilogue));
        const auto found = download(gradient, stride + M), d = download(f.dd, M * N * Batch);
        for (int batch = 0; batch < Batch; ++batch)
            for (int i = 0; i < (epilogue == CUBLASLT_EPILOGUE_BGRADB ? N : M); ++i) {
                double sum = 0;
                if (epilogue == CUBLASLT_EPILOGUE_DGELU_BGRAD)
                    for (int column = 0; column < N; ++column)
                        sum += d[batch * M * N + column * M + i];
                else
                    for (int k = 0; k < K; ++k)
                        sum += epilogue == CUBLASLT_EPILOGUE_BGRADA ? f.a[batch * M * K + i + k * M] : f.b[batch * K * N + k + i * K];
                CHECK(std::fabs(found[batch * stride + i] - sum) <= 64 * 0x1p-24 * 40);
            }
    }
}

TEST(row_order_and_transposes_are_the_same_product)
{
    Fixture f;
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_BIAS));
    const auto expected = download(f.dd, M * N * Batch);
    // A is given as its transpose in row order, B transposed by the descriptor from a K x N matrix in row order read as N x K in column order.
    f.a_layout = layout(CUDA_R_32F, K, M, M, CUBLASLT_ORDER_ROW, Batch, M * K);
    f.b_layout = layout(CUDA_R_32F, N, K, K, CUBLASLT_ORDER_ROW, Batch, K * N);
    f.d_layout = layout(CUDA_R_32F, M, N, N, CUBLASLT_ORDER_ROW, Batch, M * N);
    set(f.descriptor, CUBLASLT_MATMUL_DESC_TRANSA, static_cast<int32_t>(CUBLAS_OP_T));
    set(f.descriptor, CUBLASLT_MATMUL_DESC_TRANSB, static_cast<int32_t>(CUBLAS_OP_T));
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_BIAS));
    const auto found = download(f.dd, M * N * Batch);
    for (int batch = 0; batch < Batch; ++batch)
        for (int row = 0; row < M; ++row)
            for (int column = 0; column < N; ++column)
                CHECK(found[batch * M * N + row * N + column] == expected[batch * M * N + column * M + row]);
}

TEST(combinations_that_cublaslt_refuses_are_refused)
{
    Fixture f;
    const int32_t half = CUDA_R_16F;
    set(f.descriptor, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, half);
    CHECK_STATUS(CUBLAS_STATUS_NOT_SUPPORTED, f.run(CUBLASLT_EPILOGUE_BIAS));
    set(f.descriptor, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, int32_t{CUDA_R_32F});
    CHECK_OK(f.run(CUBLASLT_EPILOGUE_BIAS));
    CHECK_STATUS(CUBLAS_STATUS_NOT_SUPPORTED, f.run(static_cast<cublasLtEpilogue_t>(130)));
    f.daux += 4;
    CHECK_STATUS(CUBLAS_STATUS_NOT_SUPPORTED, f.run(CUBLASLT_EPILOGUE_GELU_AUX));
    f.dbias = allocate(4 * (M - 1));
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, f.run(CUBLASLT_EPILOGUE_BIAS));
    CHECK_TEXT(last_fault(), "the bias at");
    f.b_layout = layout(CUDA_R_32F, K - 1, N, K, CUBLASLT_ORDER_COL, Batch, K * N);
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, f.run(CUBLASLT_EPILOGUE_DEFAULT));
    f.b_layout = layout(CUDA_R_32F, K, N, K);
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, f.run(CUBLASLT_EPILOGUE_DEFAULT)); // another batch count
    f.b_layout = layout(CUDA_R_32F, K, N, K - 1, CUBLASLT_ORDER_COL, Batch, K * N);
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, f.run(CUBLASLT_EPILOGUE_DEFAULT));
    f.b_layout = layout(CUDA_R_16BF, K, N, K, CUBLASLT_ORDER_COL, Batch, K * N);
    CHECK_STATUS(CUBLAS_STATUS_NOT_SUPPORTED, f.run(CUBLASLT_EPILOGUE_DEFAULT));
    const int64_t wrong_size = 1;
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, cublasLtMatmulDescSetAttribute(f.descriptor, CUBLASLT_MATMUL_DESC_TRANSA, &wrong_size, 8));
}

TEST(the_algorithm_holds_the_caller_to_the_alignment_that_was_promised)
{
    Device device;
    cublasLtHandle_t handle = nullptr;
    cublasLtMatmulDesc_t descriptor = nullptr;
    cublasLtMatmulPreference_t preference = nullptr;
    CHECK_OK(cublasLtCreate(&handle));
    CHECK_OK(cublasLtMatmulDescCreate(&descriptor, CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F));
    CHECK_OK(cublasLtMatmulPreferenceCreate(&preference));
    const cublasLtMatrixLayout_t square = layout(CUDA_R_32F, 4, 4, 4);
    const CUdeviceptr memory = upload(std::vector<float>(100, 1.0f)), workspace = allocate(4096);
    const uint64_t limit = 4096;
    CHECK_OK(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &limit, sizeof limit));
    cublasLtMatmulHeuristicResult_t result = {};
    int found = 0;
    const auto ask = [&] {
        return cublasLtMatmulAlgoGetHeuristic(handle, descriptor, square, square, square, square, preference, 1, &result, &found);
    };
    const float one = 1, zero = 0;
    const auto run = [&](CUdeviceptr a, size_t bytes) {
        return cublasLtMatmul(handle, descriptor, &one, at(a), square, at(memory), square, &zero, out(memory), square, out(memory + 128), square,
                              &result.algo, out(workspace), bytes, nullptr);
    };
    CHECK_OK(ask());
    CHECK(found == 1 && result.state == CUBLAS_STATUS_SUCCESS && result.workspaceSize == 4096);
    CHECK_OK(run(memory, 4096));
    CHECK(download(memory + 128, 16) == std::vector<float>(16, 4.0f));
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, run(memory + 4, 4096));
    CHECK_TEXT(last_fault(), "is not aligned to the 16 bytes");
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, run(memory, 2048));
    CHECK_TEXT(last_fault(), "needs a workspace of 4096 bytes");
    uint32_t alignment = 4;
    CHECK_OK(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &alignment, sizeof alignment));
    CHECK_OK(ask());
    CHECK_OK(run(memory + 4, 4096));
    alignment = 2;
    CHECK_OK(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &alignment, sizeof alignment));
    CHECK_STATUS(CUBLAS_STATUS_NOT_SUPPORTED, ask());
    result.algo.data[0] = 0;
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, run(memory, 4096));
    CHECK(statistics().cublaslt_handles == 1 && statistics().cublaslt_descriptors == 3);
    CHECK_STATUS(CUBLAS_STATUS_INVALID_VALUE, cublasLtMatmulDescDestroy(reinterpret_cast<cublasLtMatmulDesc_t>(square)));
    CHECK_OK(cublasLtMatrixLayoutDestroy(square));
    CHECK_OK(cublasLtMatmulDescDestroy(descriptor));
    CHECK_OK(cublasLtMatmulPreferenceDestroy(preference));
    CHECK_OK(cublasLtDestroy(handle));
    CHECK(statistics().cublaslt_handles == 0 && statistics().cublaslt_descriptors == 0);
}
