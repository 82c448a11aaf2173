using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Cpu.Vectors;

namespace MergeEngine.Tensors.Cpu.Groups;

/// <summary>The value where it is within reach of the origin, otherwise the point at that distance towards it.</summary>
internal unsafe struct NearSwapPass : IRangeKernel
{
    public float* Output;
    public float* Origin;
    public float* Values;
    public float Reach;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D reach = S.CreateDouble(Reach), least = S.CreateDouble(1e-6);
        int i = 0, width = S.Count;
        for (; i <= count - width; i += width)
        {
            V o = S.Load(Origin + start + i), x = S.Load(Values + start + i);
            D lower = Move<S, V, D>(S.WidenLower(o), S.WidenLower(x), reach, least), upper = Move<S, V, D>(S.WidenUpper(o), S.WidenUpper(x), reach, least);
            S.Store(Output + start + i, S.Narrow(lower, upper));
        }

        for (; i < count; i++)
        {
            double o = Origin[start + i], x = Values[start + i], d = x - o, size = Math.Max(Math.Abs(d), 1e-6);
            Output[start + i] = (float)(Reach >= size ? x : o + (d * Reach / size));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Move<S, V, D>(D o, D x, D reach, D least)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D d = S.Subtract(x, o), size = S.Abs(d);
        size = S.Select(S.LessThan(size, least), least, size);
        return S.Select(S.LessThanOrEqual(size, reach), x, S.Add(o, S.Divide(S.Multiply(d, reach), size)));
    }
}
