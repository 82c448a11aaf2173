#include "cublas_multiply.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace emulator {

namespace {

constexpr int64_t TileRows = 16, TileColumns = 4; // of the innermost kernel: 8 vectors of sums
constexpr int64_t Run = 256;                      // elements of k that are summed up before they join the total
constexpr int64_t BlockColumns = 64;              // columns of one task
constexpr double ParallelWork = 4e6;

typedef float Vector8 __attribute__((vector_size(32), aligned(4), may_alias));

// One tile: total += a panel (k x 16) times b panel (k x 4). Separate multiplications and additions in fixed order, whatever the
// instruction set that this is compiled for. The panels are this file's own, so AddressSanitizer need not watch the inner loop.
inline __attribute__((always_inline, no_sanitize("address"))) void tile(int64_t k, const float* a, const float* b, float* total)
{
    for (int64_t start = 0; start < k; start += Run) {
        const int64_t end = k - start < Run ? k : start + Run; // std::min would be instrumented
        Vector8 sums[TileColumns][2] = {};
        for (int64_t i = start; i < end; ++i) {
            const Vector8 a0 = *reinterpret_cast<const Vector8*>(a + i * TileRows);
            const Vector8 a1 = *reinterpret_cast<const Vector8*>(a + i * TileRows + 8);
            for (int64_t column = 0; column < TileColumns; ++column) {
                const float factor = b[i * TileColumns + column];
                sums[column][0] += a0 * factor;
                sums[column][1] += a1 * factor;
            }
        }
        for (int64_t column = 0; column < TileColumns; ++column)
            for (int half = 0; half < 2; ++half) {
                Vector8* target = reinterpret_cast<Vector8*>(total + column * TileRows + 8 * half);
                *target += sums[column][half];
            }
    }
}

__attribute__((no_sanitize("address"))) void tile_baseline(int64_t k, const float* a, const float* b, float* total)
{
    tile(k, a, b, total);
}

#if defined(__x86_64__)
__attribute__((target("avx2"), no_sanitize("address"))) void tile_avx2(int64_t k, const float* a, const float* b, float* total)
{
    tile(k, a, b, total);
}
#endif

using Tile = void (*)(int64_t, const float*, const float*, float*);

Tile choose_tile()
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return tile_avx2;
#endif
    return tile_baseline;
}

// Rows [row, row + 16) of a column-major matrix, k x 16, padded with zeros.
void pack_rows(int64_t m, int64_t k, const float* a, int64_t row, float* panel)
{
    const int64_t rows = std::min(TileRows, m - row);
    for (int64_t i = 0; i < k; ++i) {
        std::memcpy(panel + i * TileRows, a + i * m + row, static_cast<size_t>(rows) * sizeof(float));
        std::fill(panel + i * TileRows + rows, panel + (i + 1) * TileRows, 0.0f);
    }
}

// Columns [column, column + 4) of a column-major matrix, k x 4, padded with zeros.
void pack_columns(int64_t n, int64_t k, const float* b, int64_t column, float* panel)
{
    for (int64_t c = 0; c < TileColumns; ++c)
        for (int64_t i = 0; i < k; ++i)
            panel[i * TileColumns + c] = column + c < n ? b[(column + c) * k + i] : 0.0f;
}

int threads()
{
    static const int count = [] {
        const char* value = std::getenv("MERGE_ENGINE_EMULATOR_THREADS");
        const int asked = value != nullptr ? std::atoi(value) : 0;
        return asked > 0 ? asked : static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 8u));
    }();
    return count;
}

thread_local bool inside_parallel = false;

} // namespace

void in_parallel(int64_t count, double work, const std::function<void(int64_t)>& body)
{
    const int64_t workers = std::min<int64_t>({count, threads(), static_cast<int64_t>(work / ParallelWork) + 1});
    if (workers <= 1 || inside_parallel) {
        for (int64_t i = 0; i < count; ++i)
            body(i);
        return;
    }
    std::atomic<int64_t> next{0};
    const auto take = [&] {
        inside_parallel = true;
        for (int64_t i; (i = next.fetch_add(1)) < count;)
            body(i);
        inside_parallel = false;
    };
    std::vector<std::thread> others;
    for (int64_t worker = 1; worker < workers; ++worker)
        others.emplace_back(take);
    take();
    for (std::thread& thread : others)
        thread.join();
}

void multiply(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* sums)
{
    static const Tile kernel = choose_tile();
    const int64_t row_panels = (m + TileRows - 1) / TileRows;
    std::vector<float> packed(static_cast<size_t>(row_panels * TileRows * k));
    for (int64_t panel = 0; panel < row_panels; ++panel)
        pack_rows(m, k, a, panel * TileRows, packed.data() + panel * TileRows * k);

    const double work = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
    in_parallel((n + BlockColumns - 1) / BlockColumns, work, [&](int64_t block) {
        std::vector<float> columns(static_cast<size_t>(TileColumns * k));
        const int64_t end = std::min(n, (block + 1) * BlockColumns);
        for (int64_t column = block * BlockColumns; column < end; column += TileColumns) {
            pack_columns(n, k, b, column, columns.data());
            for (int64_t panel = 0; panel < row_panels; ++panel) {
                float total[TileRows * TileColumns] = {};
                kernel(k, packed.data() + panel * TileRows * k, columns.data(), total);
                const int64_t row = panel * TileRows, rows = std::min(TileRows, m - row);
                for (int64_t c = 0; c < TileColumns && column + c < n; ++c)
                    for (int64_t r = 0; r < rows; ++r)
                        sums[(column + c) * m + row + r] += total[c * TileRows + r];
            }
        }
    });
}

} // namespace emulator
