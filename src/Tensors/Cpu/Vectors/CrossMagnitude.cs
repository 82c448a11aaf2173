using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// keys[i] ← Σ_k |v_k|·(Σ_j m_j − m_k) in float64, or Σ_k 2·|v_k|·Σ_{j&lt;k} |v_j| where no magnitudes are given; −1 where every v_k is 0.
/// A strip of every vector is staged in a small buffer, so memory is read once and in pieces long enough for the processor to read ahead.
/// </summary>
internal unsafe struct CrossMagnitude : IRangeKernel
{
    /// <summary>Registers of one vector in a strip.</summary>
    private const int StripVectors = 8;

    public double* Keys;

    /// <summary>null: the vectors' own.</summary>
    public float** Magnitudes;
    public float** Vectors;
    public int Count;

    /// <summary>For every worker room for <see cref="BufferBytes"/>.</summary>
    public byte* Buffers;
    public WorkerPool Pool;

    /// <summary>A strip of 512-bit registers for each of <paramref name="count"/> vectors, magnitudes included.</summary>
    public static long BufferBytes(int count) => 64L * StripVectors * count;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        double* tail = stackalloc double[S.Count];
        int width = S.Count, strip = StripVectors * width, n = Count;
        var vectors = (float*)(Buffers + (Pool.CurrentWorker * BufferBytes(Magnitudes == null ? n : 2 * n)));
        float* magnitudes = vectors + (n * strip);
        for (int i = 0; i < count; i += strip)
        {
            long at = start + i;
            int elements = Math.Min(strip, count - i);
            for (int k = 0; k < n; k++) Stage<S, V>(vectors + (k * strip), Vectors[k] + at, elements);
            for (int k = 0; k < n && Magnitudes != null; k++) Stage<S, V>(magnitudes + (k * strip), Magnitudes[k] + at, elements);
            for (int j = 0; j < elements; j += width)
            {
                int lanes = Math.Min(width, elements - j);
                double* target = lanes == width ? Keys + at + j : tail;
                if (Magnitudes == null)
                    Pairs<S, V, D>(vectors + j, n, target);
                else
                    Sensitivity<S, V, D>(magnitudes + j, vectors + j, n, target);
                if (lanes != width) Buffer.MemoryCopy(tail, Keys + at + j, lanes * sizeof(double), lanes * sizeof(double));
            }
        }
    }

    /// <summary>A copy of one vector's strip, with zeros up to the end of a register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Stage<S, V>(float* target, float* source, int elements)
        where S : struct, ISimd<V>
        where V : struct
    {
        int j = 0, width = S.Count;
        for (; j <= elements - width; j += width)
        {
            S.Prefetch(source + j + Ranges.Ahead);
            S.Store(target + j, S.Load(source + j));
        }

        if (j < elements) S.Store(target + j, S.LoadPartial(source + j, elements - j));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sensitivity<S, V, D>(float* magnitudes, float* vectors, int count, double* target)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0);
        D totalLower = zero, totalUpper = zero, keyLower = zero, keyUpper = zero;
        V bits = S.Zero;
        for (int k = 0; k < count; k++)
        {
            V m = S.Load(magnitudes + (k * StripVectors * S.Count));
            totalLower = S.Add(totalLower, S.WidenLower(m));
            totalUpper = S.Add(totalUpper, S.WidenUpper(m));
        }

        for (int k = 0; k < count; k++)
        {
            V v = S.Abs(S.Load(vectors + (k * StripVectors * S.Count))), m = S.Load(magnitudes + (k * StripVectors * S.Count));
            bits = S.Or(bits, v);
            keyLower = S.Add(keyLower, S.Multiply(S.WidenLower(v), S.Subtract(totalLower, S.WidenLower(m))));
            keyUpper = S.Add(keyUpper, S.Multiply(S.WidenUpper(v), S.Subtract(totalUpper, S.WidenUpper(m))));
        }

        Store<S, V, D>(target, keyLower, keyUpper, bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pairs<S, V, D>(float* vectors, int count, double* target)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0);
        D totalLower = zero, totalUpper = zero, keyLower = zero, keyUpper = zero;
        V bits = S.Zero;
        for (int k = 0; k < count; k++)
        {
            V v = S.Abs(S.Load(vectors + (k * StripVectors * S.Count)));
            bits = S.Or(bits, v);
            D lower = S.WidenLower(v), upper = S.WidenUpper(v);
            keyLower = S.Add(keyLower, S.Multiply(S.Add(lower, lower), totalLower));
            keyUpper = S.Add(keyUpper, S.Multiply(S.Add(upper, upper), totalUpper));
            totalLower = S.Add(totalLower, lower);
            totalUpper = S.Add(totalUpper, upper);
        }

        Store<S, V, D>(target, keyLower, keyUpper, bits);
    }

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
