using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>output[i] ← input[i]: the runtime's own block copy, on all threads.</summary>
internal unsafe struct Copy : IRangeKernel
{
    public float* Output;
    public float* Input;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct =>
        Buffer.MemoryCopy(Input + start, Output + start, (long)count * sizeof(float), (long)count * sizeof(float));
}
