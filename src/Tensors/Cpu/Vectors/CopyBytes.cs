using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>output[i] ← input[i] for elements of any size: the runtime's own block copy, on all threads.</summary>
internal unsafe struct CopyBytes : IRangeKernel
{
    public byte* Output;
    public byte* Input;
    public int ElementBytes;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        long bytes = (long)count * ElementBytes;
        Buffer.MemoryCopy(Input + (start * ElementBytes), Output + (start * ElementBytes), bytes, bytes);
    }
}
