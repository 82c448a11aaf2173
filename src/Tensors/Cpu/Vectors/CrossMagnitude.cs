using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// keys[i] ← Σ_k |v_k|·(Σ_j m_j − m_k) in float64, or Σ_k 2·|v_k|·Σ_{j&lt;k} |v_j| where no magnitudes are given; −1 where every v_k is 0.
/// The second look at the magnitudes finds them in the first cache, so memory is read once.
/// </summary>
internal unsafe struct CrossMagnitude : IRangeKernel
{
    public double* Keys;

    /// <summary>null: the vectors' own.</summary>
    public float** Magnitudes;
    public float** Vectors;
    public int Count;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        double* tail = stackalloc double[S.Count];
        for (int i = 0; i < count; i += S.Count)
        {
            int lanes = Math.Min(S.Count, count - i);
            double* target = lanes == S.Count ? Keys + start + i : tail;
            if (Magnitudes == null)
                Pairs<S, V, D>(Vectors, Count, start + i, lanes, target);
            else
                Sensitivity<S, V, D>(Magnitudes, Vectors, Count, start + i, lanes, target);
            if (lanes != S.Count) Buffer.MemoryCopy(tail, Keys + start + i, lanes * sizeof(double), lanes * sizeof(double));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sensitivity<S, V, D>(float** magnitudes, float** vectors, int count, long index, int lanes, double* target)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0);
        D totalLower = zero, totalUpper = zero, keyLower = zero, keyUpper = zero;
        V bits = S.Zero;
        for (int k = 0; k < count; k++)
        {
            V m = Load<S, V>(magnitudes[k] + index, lanes);
            totalLower = S.Add(totalLower, S.WidenLower(m));
            totalUpper = S.Add(totalUpper, S.WidenUpper(m));
        }

        for (int k = 0; k < count; k++)
        {
            V v = S.Abs(Load<S, V>(vectors[k] + index, lanes)), m = Load<S, V>(magnitudes[k] + index, lanes);
            bits = S.Or(bits, v);
            keyLower = S.Add(keyLower, S.Multiply(S.WidenLower(v), S.Subtract(totalLower, S.WidenLower(m))));
            keyUpper = S.Add(keyUpper, S.Multiply(S.WidenUpper(v), S.Subtract(totalUpper, S.WidenUpper(m))));
        }

        Store<S, V, D>(target, keyLower, keyUpper, bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pairs<S, V, D>(float** vectors, int count, long index, int lanes, double* target)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0);
        D totalLower = zero, totalUpper = zero, keyLower = zero, keyUpper = zero;
        V bits = S.Zero;
        for (int k = 0; k < count; k++)
        {
            V v = S.Abs(Load<S, V>(vectors[k] + index, lanes));
            bits = S.Or(bits, v);
            D lower = S.WidenLower(v), upper = S.WidenUpper(v);
            keyLower = S.Add(keyLower, S.Multiply(S.Add(lower, lower), totalLower));
            keyUpper = S.Add(keyUpper, S.Multiply(S.Add(upper, upper), totalUpper));
            totalLower = S.Add(totalLower, lower);
            totalUpper = S.Add(totalUpper, upper);
        }

        Store<S, V, D>(target, keyLower, keyUpper, bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load<S, V>(float* source, int lanes)
        where S : struct, ISimd<V>
        where V : struct => lanes == S.Count ? S.Load(source) : S.LoadPartial(source, lanes);

    /// <summary><paramref name="bits"/>: the bits of all magnitudes together, those of 0 only where every one is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<S, V, D>(double* target, D lower, D upper, V bits)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0), dead = S.CreateDouble(-1);
        // Σm − m_k can fall below zero by round-off when one magnitude dominates.
        lower = S.Select(S.LessThan(lower, zero), zero, lower);
        upper = S.Select(S.LessThan(upper, zero), zero, upper);
        S.StoreDouble(target, S.Select(S.Equal(S.WidenLower(bits), zero), dead, lower));
        S.StoreDouble(target + (S.Count / 2), S.Select(S.Equal(S.WidenUpper(bits), zero), dead, upper));
    }
}
