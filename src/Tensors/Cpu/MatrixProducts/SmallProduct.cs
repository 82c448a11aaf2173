// Small products inside a task, on the calling thread alone: attention's scores, weighted values and their gradients.
//
//     nint floats = SmallProduct<S, V>.ScratchFloats(k);           // once; k is the largest inner size that will be used
//     SmallProduct<S, V>.Multiply(transposeA, transposeB, m, n, k, alpha, a, strideA, b, strideB, beta, c, strideC, scratch);
//
//     scores = Q·Kᵀ · scale    Multiply(false, true,  T, T, d, scale, q, strideQ, k, strideK, 0, scores, T, scratch)
//     output = P·V             Multiply(false, false, T, d, T, 1, p, T, v, strideV, 0, output, strideO, scratch)
//     dV    += Pᵀ·dO           Multiply(true,  false, T, d, T, 1, p, T, dO, strideO, 1, dV, strideV, scratch)
//     dP     = dO·Vᵀ           Multiply(false, true,  T, T, d, 1, dO, strideO, v, strideV, 0, dP, T, scratch)
//     dK    += dSᵀ·Q           Multiply(true,  false, T, d, T, scale, dS, T, q, strideQ, 1, dK, strideK, scratch)
//
// Give every worker scratch of its own (WorkerPool.CurrentWorker), aligned to 64 bytes for best speed.
using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>Products of small matrices on one thread, with the micro-kernels of <see cref="MatrixProduct"/> and scratch from the caller.</summary>
internal static unsafe class SmallProduct<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Floats of scratch that a product with sums of length <paramref name="k"/> (or shorter) needs.</summary>
    public static nint ScratchFloats(int k) => (nint)MicroKernel<S, V>.Columns * k;

    /// <summary>
    /// C[m, n] = alpha·op(A)·op(B) + beta·C, row-major with strides in floats; with beta = 0 the old C is not read. The sum of an element is one chain of
    /// multiply-adds from 0 to k-1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        bool transposeA, bool transposeB, int m, int n, int k,
        float alpha, float* a, nint strideA, float* b, nint strideB,
        float beta, float* c, nint strideC, float* scratch)
    {
        var product = new ProductArguments
        {
            TransposeA = transposeA,
            TransposeB = transposeB,
            M = m,
            N = n,
            K = k,
            Alpha = alpha,
            A = a,
            StrideA = strideA,
            B = b,
            StrideB = strideB,
            Beta = beta,
            C = c,
            StrideC = strideC,
        };
        float* tile = stackalloc float[PanelProduct<S, V>.TileFloats];
        tile = PanelProduct<S, V>.Align(tile);
        int width = MicroKernel<S, V>.Columns;
        for (int column = 0; column < n; column += width)
        {
            int columns = Math.Min(width, n - column);
            Panels<S, V>.PackB(transposeB, product.AddressB(0, column), strideB, k, columns, scratch);
            PanelProduct<S, V>.Multiply<FloatPanel>(product, null, scratch, new OutputPart(0, m, column, columns), SumBlock.Whole(k), tile);
        }
    }
}
