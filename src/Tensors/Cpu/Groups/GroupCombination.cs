using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Cpu.Vectors;

namespace MergeEngine.Tensors.Cpu.Groups;

/// <summary>
/// output[i] ← Σ_k c_k(group of i)·inputs[k][i] in float64. Within a run the coefficients are constants in registers and inputs without a part are not read;
/// runs of one element read coefficients as they read inputs.
/// </summary>
internal unsafe struct GroupCombination : IRangeKernel
{
    public float* Output;
    public float** Inputs;

    /// <summary>[Count, Groups].</summary>
    public double* Coefficients;
    public int Count;
    public long Groups;
    public long RunLength;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        long end = start + count;
        if (RunLength == 1 && Groups > 1)
        {
            for (long i = start; i < end;)
            {
                long group = i % Groups;
                int length = (int)Math.Min(Groups - group, end - i);
                Neighbours<S, V, D>(i, length, group);
                i += length;
            }

            return;
        }

        // What takes part in a run, gathered once for each.
        float** inputs = stackalloc float*[Count];
        double* coefficients = stackalloc double[Count];
        for (long i = start; i < end;)
        {
            long run = i / RunLength, group = run % Groups;
            int length = (int)Math.Min(((run + 1) * RunLength) - i, end - i), parts = 0;
            for (int k = 0; k < Count; k++)
            {
                double c = Coefficients[(k * Groups) + group];
                if (c == 0) continue;
                inputs[parts] = Inputs[k] + i;
                coefficients[parts++] = c;
            }

            if (parts == 0) new Span<float>(Output + i, length).Clear();
            else Segment<S, V, D>(Output + i, length, inputs, coefficients, parts);
            i += length;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Segment<S, V, D>(float* output, int length, float** inputs, double* coefficients, int parts)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int i = 0, width = S.Count;
        // c·x + (−0) has the bits of c·x, whatever x is.
        D nothing = S.CreateDouble(-0.0);
        for (; i <= length - (2 * width); i += 2 * width)
        {
            D r0 = nothing, r1 = nothing, r2 = nothing, r3 = nothing;
            for (int k = 0; k < parts; k++)
            {
                D c = S.CreateDouble(coefficients[k]);
                V a = S.Load(inputs[k] + i), b = S.Load(inputs[k] + i + width);
                r0 = S.FusedMultiplyAdd(c, S.WidenLower(a), r0);
                r1 = S.FusedMultiplyAdd(c, S.WidenUpper(a), r1);
                r2 = S.FusedMultiplyAdd(c, S.WidenLower(b), r2);
                r3 = S.FusedMultiplyAdd(c, S.WidenUpper(b), r3);
            }

            S.Store(output + i, S.Narrow(r0, r1));
            S.Store(output + i + width, S.Narrow(r2, r3));
        }

        for (; i < length; i++)
        {
            double sum = -0.0;
            for (int k = 0; k < parts; k++) sum = Math.FusedMultiplyAdd(coefficients[k], inputs[k][i], sum);
            output[i] = (float)sum;
        }
    }

    /// <summary>Elements from <paramref name="start"/> on, each of the group after that of the one before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Neighbours<S, V, D>(long start, int length, long group)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int i = 0, width = S.Count, half = width / 2;
        D zero = S.CreateDouble(0), nothing = S.CreateDouble(-0.0);
        for (; i <= length - width; i += width)
        {
            D lower = nothing, upper = nothing, lowerParts = zero, upperParts = zero;
            double* c = Coefficients + group + i;
            for (int k = 0; k < Count; k++, c += Groups)
            {
                V x = S.Load(Inputs[k] + start + i);
                D p = S.LoadDouble(c), q = S.LoadDouble(c + half), leftOut = S.Equal(p, zero), alsoOut = S.Equal(q, zero);
                lower = S.Select(leftOut, lower, S.FusedMultiplyAdd(p, S.WidenLower(x), lower));
                upper = S.Select(alsoOut, upper, S.FusedMultiplyAdd(q, S.WidenUpper(x), upper));
                lowerParts = S.Or(lowerParts, S.Select(leftOut, zero, p));
                upperParts = S.Or(upperParts, S.Select(alsoOut, zero, q));
            }

            lower = S.Select(S.Equal(lowerParts, zero), zero, lower);
            upper = S.Select(S.Equal(upperParts, zero), zero, upper);
            S.Store(Output + start + i, S.Narrow(lower, upper));
        }

        for (; i < length; i++)
        {
            double sum = -0.0;
            bool any = false;
            for (int k = 0; k < Count; k++)
            {
                double c = Coefficients[(k * Groups) + group + i];
                if (c == 0) continue;
                sum = Math.FusedMultiplyAdd(c, Inputs[k][start + i], sum);
                any = true;
            }

            Output[start + i] = any ? (float)sum : 0;
        }
    }
}
