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
    private readonly Lock _lock = new();

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
        lock (_lock)
            _driver.Multiply(product);
    }

    public void Dispose()
    {
        lock (_lock)
            _driver.Dispose();
    }
}
