using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// output[i] ← origin[i] + scale·m[i]. As in <see cref="DisjointMean"/> a strip of every difference is staged in a small buffer, so a rule may look at it
/// more than once while memory is read once, and the output may be the origin or an input.
/// </summary>
internal unsafe struct MergeDifferences : IRangeKernel
{
    /// <summary>Registers of one term in a strip: 64 staged terms still fit the first cache.</summary>
    private const int StripVectors = 8;

    public float* Output;
    public float* Origin;
    public DifferenceTerms Terms;
    public DifferenceRule Rule;
    public double Scale;

    /// <summary>For every worker room for <see cref="BufferBytes"/>.</summary>
    public byte* Buffers;
    public WorkerPool Pool;

    /// <summary>A strip of 512-bit registers for each of <paramref name="count"/> terms.</summary>
    public static long BufferBytes(int count) => 64L * StripVectors * count;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        var buffer = (float*)(Buffers + (Pool.CurrentWorker * BufferBytes(Terms.Count)));
        long end = start + count;
        for (long next; start < end; start = next)
        {
            next = Terms.End(start, end);
            int part = (int)(next - start);
            switch (Rule)
            {
                case DifferenceRule.Sum: Merge<S, V, D, SumRule>(buffer, start, part); break;
                case DifferenceRule.Elected: Merge<S, V, D, ElectionRule<SumOfElected>>(buffer, start, part); break;
                case DifferenceRule.ElectedMean: Merge<S, V, D, ElectionRule<MeanOfElected>>(buffer, start, part); break;
                case DifferenceRule.SharedMean: Merge<S, V, D, SharedMeanRule>(buffer, start, part); break;
                case DifferenceRule.Largest: Merge<S, V, D, LargestRule>(buffer, start, part); break;
                default: Merge<S, V, D, ElectionRule<LargestOfElected>>(buffer, start, part); break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Merge<S, V, D, R>(float* buffer, long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
        where R : struct, IDifferenceRule
    {
        int width = S.Count, strip = StripVectors * width;
        DifferenceTerms terms = Terms;
        float* output = Output, origin = Origin;
        D scale = S.CreateDouble(Scale);
        for (int i = 0; i < count; i += strip)
        {
            long at = start + i;
            int elements = Math.Min(strip, count - i), j = 0;
            for (int k = 0; k < terms.Count; k++) terms.Stage<S, V, D>(buffer + (k * strip), origin, k, at, elements);
            for (; j <= elements - width; j += width)
            {
                R.Merge<S, V, D>(buffer + j, strip, terms, out D lower, out D upper);
                S.Store(output + at + j, Add<S, V, D>(S.Load(origin + at + j), scale, lower, upper));
            }

            if (j >= elements) continue;
            R.Merge<S, V, D>(buffer + j, strip, terms, out D last0, out D last1);
            S.StorePartial(output + at + j, Add<S, V, D>(S.LoadPartial(origin + at + j, elements - j), scale, last0, last1), elements - j);
        }
    }

    /// <summary>origin + scale·merged; the origin's bits where nothing is added.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Add<S, V, D>(V origin, D scale, D lower, D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0);
        V sum = S.Narrow(S.FusedMultiplyAdd(scale, lower, S.WidenLower(origin)), S.FusedMultiplyAdd(scale, upper, S.WidenUpper(origin)));
        return S.Select(S.NarrowMask(S.Equal(lower, zero), S.Equal(upper, zero)), origin, sum);
    }
}
