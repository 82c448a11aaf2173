using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// One pass over flat vectors, written once for all vector widths. A kernel is a struct that holds its pointers; every thread sees the
/// same instance, so it may only write elements of its own range, or its own fields with interlocked integer additions.
/// </summary>
internal interface IRangeKernel
{
    /// <summary>Does elements [start, start + count).</summary>
    void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct;
}
