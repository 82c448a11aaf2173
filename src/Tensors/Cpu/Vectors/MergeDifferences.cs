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
    /// <summary>
    /// Registers of float32 of one term in a strip: many for few terms, so that staging is called seldom, yet no more than it asks for ahead (<see cref="Ranges.Ahead"/>); few for many terms, so
    /// that 64 still fit the first cache.
    /// </summary>
    private const int LeastStrip = 4, MostStrip = 16, AllStrips = 256;

    public float* Output;
    public float* Origin;
    public DifferenceTerms Terms;
    public DifferenceRule Rule;
    public double Scale;

    /// <summary>For every worker room for <see cref="BufferBytes"/>.</summary>
    public byte* Buffers;
    public WorkerPool Pool;

    /// <summary>A strip of 512-bit registers, widened, and the limits for each of <paramref name="count"/> terms.</summary>
    public static long BufferBytes(int count) => (128L * StripVectors(count) * count) + LimitBytes(count);

    private static int StripVectors(int count) => Math.Clamp(AllStrips / Math.Max(count, 1), LeastStrip, MostStrip);

    private static long LimitBytes(int count) => (((long)count * sizeof(TermLimits)) + 63) & ~63L;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        byte* own = Buffers + (Pool.CurrentWorker * BufferBytes(Terms.Count));
        var limits = (TermLimits*)own;
        var buffer = (double*)(own + LimitBytes(Terms.Count));
        long end = start + count;
        for (long next; start < end; start = next)
        {
            next = Terms.End(start, end);
            int part = (int)(next - start);
            for (int k = 0; k < Terms.Count; k++) limits[k] = Terms.LimitsAt(k, start);
            switch (Rule)
            {
                case DifferenceRule.Sum: Merge<S, V, D, SumRule>(buffer, limits, start, part); break;
                case DifferenceRule.Elected: Merge<S, V, D, ElectionRule<SumOfElected>>(buffer, limits, start, part); break;
                case DifferenceRule.ElectedMean: Merge<S, V, D, ElectionRule<MeanOfElected>>(buffer, limits, start, part); break;
                case DifferenceRule.SharedMean: Merge<S, V, D, SharedMeanRule>(buffer, limits, start, part); break;
                case DifferenceRule.Largest: Merge<S, V, D, LargestRule>(buffer, limits, start, part); break;
                default: Merge<S, V, D, ElectionRule<LargestOfElected>>(buffer, limits, start, part); break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Merge<S, V, D, R>(double* buffer, TermLimits* limits, long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
        where R : struct, IDifferenceRule
    {
        int width = S.Count, strip = StripVectors(Terms.Count) * width;
        DifferenceTerms terms = Terms;
        float* output = Output, origin = Origin;
        D scale = S.CreateDouble(Scale);
        for (int i = 0; i < count; i += strip)
        {
            long at = start + i;
            int elements = Math.Min(strip, count - i), j = 0;
            for (int k = 0; k < terms.Count; k++) terms.Stage<S, V, D, StagedDoubles>(new StagedDoubles(buffer + (k * strip)), origin, k, at, elements, limits[k]);
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
