using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Counts the bytes of a mask that are 0.</summary>
internal unsafe struct CountZeroBytes : IRangeKernel
{
    public byte* Mask;
    public long Result;

    public void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct =>
        Interlocked.Add(ref Result, new ReadOnlySpan<byte>(Mask + start, count).Count((byte)0));
}
