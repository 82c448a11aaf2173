using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>Running dot products of one row with four others. Four fields are as many as the compiler keeps in registers.</summary>
internal unsafe struct FourSums<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    private V _s0;
    private V _s1;
    private V _s2;
    private V _s3;

    public static FourSums<S, V> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new() { _s0 = S.Zero, _s1 = S.Zero, _s2 = S.Zero, _s3 = S.Zero };
    }

    /// <summary>The next Count terms of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(V x, V y0, V y1, V y2, V y3)
    {
        _s0 = S.MultiplyAdd(x, y0, _s0);
        _s1 = S.MultiplyAdd(x, y1, _s1);
        _s2 = S.MultiplyAdd(x, y2, _s2);
        _s3 = S.MultiplyAdd(x, y3, _s3);
    }

    /// <summary>Adds the lanes of each and stores the four sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* sums)
    {
        sums[0] = S.Sum(_s0);
        sums[1] = S.Sum(_s1);
        sums[2] = S.Sum(_s2);
        sums[3] = S.Sum(_s3);
    }
}
