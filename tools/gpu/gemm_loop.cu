// Matrix products by cuBLAS alone, C = A·Bᵀ in row-major order, timed with events: what the engine's products are measured against.
// Build: nvcc -O2 -std=c++17 gemm_loop.cu -lcublas -o gemm_loop. Prints one JSON document.
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(call)                                                                              \
    do {                                                                                         \
        const int status = static_cast<int>(call);                                               \
        if (status != 0) {                                                                       \
            std::fprintf(stderr, "%s:%d: %s gave %d\n", __FILE__, __LINE__, #call, status);      \
            std::exit(1);                                                                        \
        }                                                                                        \
    } while (0)

struct Shape { int m, n, k; };

static float median(std::vector<float> times) {
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

int main() {
    const Shape shapes[] = {{1024, 1024, 1024}, {2048, 2048, 2048}, {4096, 4096, 4096}, {8192, 8192, 8192},
                            {1600, 3072, 768},  {1600, 768, 3072},  {6400, 3072, 768},  {6400, 768, 3072}, {50, 3072, 768}};
    cublasHandle_t handle;
    cudaStream_t stream;
    CHECK(cublasCreate(&handle));
    CHECK(cudaStreamCreate(&stream));
    CHECK(cublasSetStream(handle, stream));
    void* workspace;
    CHECK(cudaMalloc(&workspace, 32 << 20));
    CHECK(cublasSetWorkspace(handle, workspace, 32 << 20));
    cudaEvent_t start, stop;
    CHECK(cudaEventCreate(&start));
    CHECK(cudaEventCreate(&stop));

    std::printf("{\"results\": [");
    bool first = true;
    for (const Shape& s : shapes) {
        void *a, *b, *c;
        CHECK(cudaMalloc(&a, 4ull * s.m * s.k));
        CHECK(cudaMalloc(&b, 4ull * s.n * s.k));
        CHECK(cudaMalloc(&c, 4ull * s.m * s.n));
        CHECK(cudaMemset(a, 0x11, 4ull * s.m * s.k));
        CHECK(cudaMemset(b, 0x11, 4ull * s.n * s.k));
        for (int precision = 0; precision < 3; precision++) {
            const cudaDataType_t type = precision == 2 ? CUDA_R_16BF : CUDA_R_32F;
            const cublasComputeType_t compute = precision == 1 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
            const float one = 1, zero = 0;
            std::vector<float> times;
            for (int round = -3; round < 15; round++) {
                CHECK(cudaEventRecord(start, stream));
                // Row-major C = A·Bᵀ is column-major Cᵀ = B·Aᵀ with leading dimensions k, k, n.
                CHECK(cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, s.n, s.m, s.k, &one, b, type, s.k, a, type, s.k, &zero, c, CUDA_R_32F, s.n, compute, CUBLAS_GEMM_DEFAULT));
                CHECK(cudaEventRecord(stop, stream));
                CHECK(cudaEventSynchronize(stop));
                float milliseconds;
                CHECK(cudaEventElapsedTime(&milliseconds, start, stop));
                if (round >= 0) times.push_back(milliseconds);
            }
            const char* names[] = {"float32", "tf32", "bf16"};
            std::printf("%s\n  {\"m\": %d, \"n\": %d, \"k\": %d, \"precision\": \"%s\", \"median\": %.5f, \"gflops\": %.0f}", first ? "" : ",", s.m, s.n, s.k,
                        names[precision], median(times), 2e-6 * s.m * s.n * s.k / median(times));
            first = false;
        }
        CHECK(cudaFree(a));
        CHECK(cudaFree(b));
        CHECK(cudaFree(c));
    }
    std::printf("\n]}\n");
    return 0;
}
