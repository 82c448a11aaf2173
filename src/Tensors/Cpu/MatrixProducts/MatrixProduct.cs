using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// float32 matrix products on the threads of a <see cref="WorkerPool"/>. One object belongs to one device; it owns the packing buffers, which grow once, so
/// that a call allocates nothing afterwards. Calls from several threads wait for each other. Arguments are not checked here.
/// </summary>
/// <remarks>
/// Results depend on the shape, the strides' meaning and the <see cref="SimdLevel"/>, never on the number of threads: k is cut into fixed blocks, an
/// element's sum runs through a block in order, and blocks are added in order.
/// </remarks>
internal sealed unsafe class MatrixProduct : IDisposable
{
    private readonly ProductDriver _driver;
    private readonly object _gate = new(); // Not a Lock, which allocates at its first contention.

    /// <param name="pool">Threads to use; stays the caller's to dispose.</param>
    /// <param name="level">Vector width; must be supported by the processor.</param>
    /// <exception cref="NotSupportedException">The processor lacks that vector width.</exception>
    public MatrixProduct(WorkerPool pool, SimdLevel level)
    {
        Level = SimdLevels.Require(level);
        _driver = level switch
        {
            SimdLevel.Vector512 => new ProductDriver<Simd512, Vector512<float>>(pool),
            SimdLevel.Vector256 => new ProductDriver<Simd256, Vector256<float>>(pool),
            _ => new ProductDriver<Simd128, Vector128<float>>(pool),
        };
    }

    public SimdLevel Level { get; }

    /// <summary>
    /// C[m, n] = epilogue(alpha·op(A)·op(B) + beta·C). op(A) is m × k: A itself, or the transpose of a k × m matrix; op(B) is k × n likewise. Matrices are
    /// row-major, strides count floats between rows. With beta = 0 the old C is not read. A backward epilogue multiplies
    /// the product before beta·C is added. C overlaps neither A nor B.
    /// </summary>
    public void Multiply(
        bool transposeA, bool transposeB, int m, int n, int k,
        float alpha, float* a, nint strideA, float* b, nint strideB,
        float beta, float* c, nint strideC, in Epilogue epilogue = default)
    {
        if (m <= 0 || n <= 0)
            return;
        var product = new ProductArguments
        {
            TransposeA = transposeA,
            TransposeB = transposeB,
            M = m,
            N = n,
            K = alpha == 0f ? 0 : Math.Max(0, k),
            Alpha = alpha,
            A = a,
            StrideA = strideA,
            B = b,
            StrideB = strideB,
            Beta = beta,
            C = c,
            StrideC = strideC,
            Epilogue = epilogue,
        };
        lock (_gate)
            _driver.Multiply(product);
    }

    /// <summary>Floats (units of 4 bytes) of an n × k weight that <see cref="PackWeight"/> has packed for this object's vector width.</summary>
    public long PackedFloats(int n, int k, bool narrow) => _driver.PackedFloats(n, k, narrow);

    /// <summary>
    /// Lays a weight out as the micro-kernel reads its transpose, so that products with it, however few their rows, neither transpose nor copy it.
    /// </summary>
    /// <param name="n">Rows of the weight: outputs.</param>
    /// <param name="k">Columns of the weight: inputs.</param>
    /// <param name="weight">[n, k].</param>
    /// <param name="stride">Floats between its rows.</param>
    /// <param name="packed">Gets <see cref="PackedFloats"/> floats, of any alignment.</param>
    /// <param name="narrow">Rounds the weight to BF16, which halves its bytes.</param>
    public void PackWeight(int n, int k, float* weight, nint stride, float* packed, bool narrow)
    {
        if (n <= 0 || k <= 0)
            return;
        var product = new ProductArguments { TransposeB = true, N = n, K = k, B = weight, StrideB = stride };
        lock (_gate)
            _driver.Pack(product, packed, narrow);
    }

    /// <summary>
    /// C[m, n] = epilogue(A·Wᵀ) with a weight of <see cref="PackWeight"/>. A float32 weight gives the bits of <see cref="Multiply"/>, but for products of
    /// at most <see cref="SkinnyJob{S, V}.MaxRows"/> rows, which that one sums in another order.
    /// </summary>
    public void MultiplyPacked(int m, int n, int k, float* a, nint strideA, float* packed, bool narrow, float* c, nint strideC, in Epilogue epilogue)
    {
        if (m <= 0 || n <= 0)
            return;
        var product = new ProductArguments
        {
            TransposeB = true,
            M = m,
            N = n,
            K = Math.Max(0, k),
            Alpha = 1f,
            A = a,
            StrideA = strideA,
            C = c,
            StrideC = strideC,
            Epilogue = epilogue,
        };
        lock (_gate)
            _driver.MultiplyPacked(product, packed, narrow);
    }

    /// <summary>
    /// acc[n, k] += Σ_s |dY_sᵀ·X_s|, s over <paramref name="samples"/> samples of <paramref name="rowsPerSample"/> consecutive rows: the absolute weight gradient of a
    /// linear layer, sample by sample (TATR, arXiv 2501.15065, equation 5). The product of one sample is never stored.
    /// </summary>
    /// <param name="samples">Number of samples.</param>
    /// <param name="rowsPerSample">Rows (tokens) of each sample.</param>
    /// <param name="n">Columns of dY.</param>
    /// <param name="k">Columns of X.</param>
    /// <param name="outputGradient">dY, samples·rowsPerSample rows of n.</param>
    /// <param name="outputGradientStride">Floats between rows of dY.</param>
    /// <param name="input">X, as many rows of k.</param>
    /// <param name="inputStride">Floats between rows of X.</param>
    /// <param name="accumulator">acc, n rows of k.</param>
    /// <param name="accumulatorStride">Floats between rows of acc.</param>
    public void AddAbsolutePerSample(
        int samples, int rowsPerSample, int n, int k,
        float* outputGradient, nint outputGradientStride, float* input, nint inputStride, float* accumulator, nint accumulatorStride)
    {
        if (samples <= 0 || rowsPerSample <= 0 || n <= 0 || k <= 0)
            return;
        lock (_gate)
        {
            _driver.AddAbsolutePerSample(
                samples, rowsPerSample, n, k, outputGradient, outputGradientStride, input, inputStride, accumulator, accumulatorStride);
        }
    }

    /// <summary>acc[n] += Σ of all rows of <paramref name="values"/> [rows, n]: a bias gradient.</summary>
    public void AddColumnSums(int rows, int n, float* values, nint stride, float* accumulator)
    {
        if (rows <= 0 || n <= 0)
            return;
        lock (_gate)
            _driver.AddColumnSums(rows, KPartition.MaxLength, absolute: false, n, values, stride, accumulator);
    }

    /// <summary>acc[n] += Σ_s |Σ of the rows of sample s|: the absolute bias gradient, sample by sample.</summary>
    public void AddAbsoluteColumnSumsPerSample(int samples, int rowsPerSample, int n, float* values, nint stride, float* accumulator)
    {
        if (samples <= 0 || rowsPerSample <= 0 || n <= 0)
            return;
        lock (_gate)
            _driver.AddColumnSums(samples * rowsPerSample, rowsPerSample, absolute: true, n, values, stride, accumulator);
    }

    public void Dispose()
    {
        lock (_gate)
            _driver.Dispose();
    }
}
