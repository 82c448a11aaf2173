// A dense float32 product on the CPU, and the threads that it uses.
#pragma once

#include <cstdint>
#include <functional>

namespace emulator {

// sums += a * b, all column-major and dense: a is m x k, b is k x n, sums is m x n.
void multiply(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* sums);

// Runs body(0) ... body(count - 1), on several threads when the work (in operations) is worth it. A body that calls it runs in turn.
void in_parallel(int64_t count, double work, const std::function<void(int64_t)>& body);

} // namespace emulator
