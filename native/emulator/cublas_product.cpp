#include "cublas_product.h"

#include "../kernels/conversions.cuh"
#include "cublas_multiply.h"
#include "failure.h"

#include <algorithm>
#include <cmath>

namespace emulator {

namespace {

float load(const Matrix& matrix, int64_t element)
{
    const void* base = reinterpret_cast<const void*>(matrix.address);
    switch (matrix.type) {
    case CUDA_R_16F: return half_to_float(static_cast<const uint16_t*>(base)[element]);
    case CUDA_R_16BF: return bf16_to_float(static_cast<const uint16_t*>(base)[element]);
    default: return static_cast<const float*>(base)[element];
    }
}

void store(uint64_t address, cudaDataType_t type, int64_t element, float value)
{
    void* base = reinterpret_cast<void*>(address);
    switch (type) {
    case CUDA_R_16F: static_cast<uint16_t*>(base)[element] = float_to_half(value); break;
    case CUDA_R_16BF: static_cast<uint16_t*>(base)[element] = float_to_bf16(value); break;
    default: static_cast<float*>(base)[element] = value; break;
    }
}

float round_operand(float value, Rounding rounding)
{
    switch (rounding) {
    case Rounding::Tf32: return bits_float(to_tf32(value));
    case Rounding::Bf16: return bf16_to_float(float_to_bf16(value));
    case Rounding::Half: return half_to_float(float_to_half(value));
    default: return value;
    }
}

// Converts one matrix of a batch into a dense float32 matrix; the longer of its strides runs outside.
std::vector<float> gather(const Matrix& matrix, int64_t batch, Rounding rounding, int64_t row_stride, int64_t column_stride)
{
    std::vector<float> result(static_cast<size_t>(matrix.rows * matrix.columns));
    const int64_t base = batch * matrix.batch_stride;
    const auto move = [&](int64_t row, int64_t column) {
        result[static_cast<size_t>(row * row_stride + column * column_stride)] =
            round_operand(load(matrix, base + row * matrix.row_stride + column * matrix.column_stride), rounding);
    };
    if (matrix.row_stride <= matrix.column_stride)
        for (int64_t column = 0; column < matrix.columns; ++column)
            for (int64_t row = 0; row < matrix.rows; ++row)
                move(row, column);
    else
        for (int64_t row = 0; row < matrix.rows; ++row)
            for (int64_t column = 0; column < matrix.columns; ++column)
                move(row, column);
    return result;
}

// GELU by its tanh form, as cuBLASLt has it, and its derivative.
constexpr float GeluScale = 0.7978845608028654f, GeluCubic = 0.044715f; // sqrt(2 / pi)

float gelu(float x) { return 0.5f * x * (1 + std::tanh(GeluScale * (x + GeluCubic * x * x * x))); }

float gelu_derivative(float x)
{
    const float t = std::tanh(GeluScale * (x + GeluCubic * x * x * x));
    return 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * GeluScale * (1 + 3 * GeluCubic * x * x);
}

class Finisher {
public:
    Finisher(const Product& product, int64_t batch) : product_(product), epilogue_(product.epilogue), batch_(batch)
    {
        bias_.address = epilogue_.bias;
        auxiliary_.address = epilogue_.auxiliary;
        bias_.type = auxiliary_.type = product.d.type;
    }

    float finish(int64_t row, int64_t column, float sum) const
    {
        float value = product_.alpha * sum;
        if (product_.beta != 0)
            value += product_.beta * load(product_.c, element(product_.c, row, column));
        if (epilogue_.bias != 0)
            value += load(bias_, batch_ * epilogue_.bias_batch_stride + row);
        switch (epilogue_.activation) {
        case Activation::None: break;
        case Activation::Relu: value = value > 0 ? value : 0; break;
        case Activation::Gelu:
            if (epilogue_.auxiliary != 0)
                store(epilogue_.auxiliary, product_.d.type, auxiliary_element(row, column), value);
            value = gelu(value);
            break;
        case Activation::GeluDerivative: value *= gelu_derivative(load(auxiliary_, auxiliary_element(row, column))); break;
        }
        store(product_.d.address, product_.d.type, element(product_.d, row, column), value);
        return value;
    }

    void store_gradient(int64_t index, float value) const
    {
        store(epilogue_.bias_gradient, product_.d.type, batch_ * epilogue_.bias_batch_stride + index, value);
    }

private:
    int64_t element(const Matrix& matrix, int64_t row, int64_t column) const
    {
        return batch_ * matrix.batch_stride + row * matrix.row_stride + column * matrix.column_stride;
    }

    int64_t auxiliary_element(int64_t row, int64_t column) const
    {
        const bool column_major = product_.d.row_stride == 1;
        return batch_ * epilogue_.auxiliary_batch_stride
            + (column_major ? row + column * epilogue_.auxiliary_leading : row * epilogue_.auxiliary_leading + column);
    }

    const Product& product_;
    const Epilogue& epilogue_;
    int64_t batch_;
    Matrix bias_, auxiliary_;
};

void compute_batch(const Product& product, int64_t batch)
{
    const int64_t m = product.d.rows, n = product.d.columns, k = product.a.columns;
    std::vector<float> sums(static_cast<size_t>(m * n), 0.0f); // column-major
    std::vector<float> a, b;
    if (product.alpha != 0 && k > 0) {
        a = gather(product.a, batch, product.rounding, 1, m);
        b = gather(product.b, batch, product.rounding, 1, k);
        multiply(m, n, k, a.data(), b.data(), sums.data());
    }
    const Finisher finisher(product, batch);
    std::vector<double> row_sums(static_cast<size_t>(m), 0.0);
    for (int64_t column = 0; column < n; ++column)
        for (int64_t row = 0; row < m; ++row)
            row_sums[static_cast<size_t>(row)] += finisher.finish(row, column, sums[static_cast<size_t>(column * m + row)]);

    // Sums of A's rows or of B's columns over k.
    const auto sum_operand = [&](const Matrix& matrix, int64_t count, bool of_rows) {
        const std::vector<float> values = gather(matrix, batch, Rounding::None, of_rows ? k : 1, of_rows ? 1 : k);
        for (int64_t index = 0; index < count; ++index) {
            double sum = 0;
            for (int64_t inner = 0; inner < k; ++inner)
                sum += values[static_cast<size_t>(index * k + inner)];
            finisher.store_gradient(index, static_cast<float>(sum));
        }
    };
    switch (product.epilogue.gradient) {
    case Epilogue::Gradient::None: break;
    case Epilogue::Gradient::OfD:
        for (int64_t row = 0; row < m; ++row)
            finisher.store_gradient(row, static_cast<float>(row_sums[static_cast<size_t>(row)]));
        break;
    case Epilogue::Gradient::OfA: sum_operand(product.a, m, true); break;
    case Epilogue::Gradient::OfB: sum_operand(product.b, n, false); break;
    }
}

bool check_matrix(const char* what, const Matrix& matrix, int64_t batch, Memory& memory, std::vector<Use>& uses, std::string& sentence)
{
    if (matrix.rows == 0 || matrix.columns == 0)
        return true;
    const auto bytes = static_cast<int64_t>(element_bytes(matrix.type));
    const int64_t last = (matrix.rows - 1) * matrix.row_stride + (matrix.columns - 1) * matrix.column_stride;
    const int64_t batches = (batch - 1) * matrix.batch_stride;
    const int64_t low = std::min<int64_t>(0, batches), high = std::max<int64_t>(0, batches) + last + 1;
    return memory.check(what, matrix.address + static_cast<uint64_t>(low * bytes), static_cast<size_t>((high - low) * bytes), uses, sentence);
}

} // namespace

size_t element_bytes(cudaDataType_t type)
{
    return type == CUDA_R_32F ? 4 : type == CUDA_R_64F ? 8 : 2;
}

bool supported(const Product& product, cublasComputeType_t compute, std::string& sentence)
{
    const cudaDataType_t a = product.a.type, b = product.b.type, c = product.c.type, d = product.d.type;
    const bool narrow = a == CUDA_R_16F || a == CUDA_R_16BF;
    const bool types = (a == CUDA_R_32F || narrow) && a == b && c == d && (d == CUDA_R_32F || (narrow && d == a));
    const bool fast = compute == CUBLAS_COMPUTE_32F_FAST_TF32 || compute == CUBLAS_COMPUTE_32F_FAST_16BF
        || compute == CUBLAS_COMPUTE_32F_FAST_16F;
    const bool plain = compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_PEDANTIC;
    if (types && (plain || (fast && !narrow)))
        return true;
    sentence = text("types A %d, B %d, C %d, D %d with compute type %d are not supported (float32, or float16 or bfloat16 operands with "
                    "float32 sums)", a, b, c, d, compute);
    return false;
}

bool check_extents(const Product& product, Memory& memory, std::vector<Use>& uses, std::string& sentence)
{
    const Epilogue& epilogue = product.epilogue;
    const int64_t batch = product.batch;
    if (product.alpha != 0
        && !(check_matrix("A", product.a, batch, memory, uses, sentence) && check_matrix("B", product.b, batch, memory, uses, sentence)))
        return false;
    if (product.beta != 0 && !check_matrix("C", product.c, batch, memory, uses, sentence))
        return false;
    if (!check_matrix("D", product.d, batch, memory, uses, sentence))
        return false;
    const auto vector = [&](const char* what, uint64_t address, int64_t count) {
        Matrix matrix;
        matrix.address = address;
        matrix.type = product.d.type;
        matrix.rows = count;
        matrix.columns = matrix.row_stride = 1;
        matrix.batch_stride = epilogue.bias_batch_stride;
        return check_matrix(what, matrix, batch, memory, uses, sentence);
    };
    if (epilogue.bias != 0 && !vector("the bias", epilogue.bias, product.d.rows))
        return false;
    if (epilogue.gradient != Epilogue::Gradient::None
        && !vector("the bias gradient", epilogue.bias_gradient,
                   epilogue.gradient == Epilogue::Gradient::OfB ? product.d.columns : product.d.rows))
        return false;
    if (epilogue.auxiliary == 0)
        return true;
    Matrix auxiliary = product.d;
    auxiliary.address = epilogue.auxiliary;
    auxiliary.batch_stride = epilogue.auxiliary_batch_stride;
    (product.d.row_stride == 1 ? auxiliary.column_stride : auxiliary.row_stride) = epilogue.auxiliary_leading;
    return check_matrix("the auxiliary matrix", auxiliary, batch, memory, uses, sentence);
}

void compute(const Product& product)
{
    const double work = 2.0 * static_cast<double>(product.d.rows) * static_cast<double>(product.d.columns)
        * static_cast<double>(product.a.columns) * static_cast<double>(product.batch);
    if (product.batch == 1) {
        compute_batch(product, 0);
        return;
    }
    in_parallel(product.batch, work, [&product](int64_t batch) { compute_batch(product, batch); });
}

} // namespace emulator
