using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>A <see cref="PackJob{S, V}"/> whose panels are rounded to BF16, in the order of <see cref="BFloat16Panel"/>.</summary>
internal unsafe struct PackBFloat16Job<S, V> : IParallelJob
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>What is packed; <see cref="PackJob{S, V}.Packed"/> gets half as many bytes.</summary>
    public PackJob<S, V> Pack;

    [SkipLocalsInit]
    public readonly void Execute(int task)
    {
        (nint offset, int length) = Pack.Place(task);
        int width = MicroKernel<S, V>.Columns, half = S.Count;
        float* panel = stackalloc float[KPartition.MaxLength * width];
        Pack.Execute(task, panel);
        uint* target = (uint*)(Pack.Packed + (offset / 2));
        for (int i = 0; i < length; i++, panel += width, target += half)
        {
            for (int j = 0; j < half; j++)
                target[j] = ((BFloat16)panel[j]).ToBits() | (uint)((BFloat16)panel[half + j]).ToBits() << 16;
        }
    }
}
