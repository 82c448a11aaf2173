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
    /// Elements of one term in a strip. A strip asks for its successors' elements (<see cref="Ranges.Ahead"/>) all at once, then merges for a while without asking for any: the cache lines of one
    /// strip of all terms should not be more than a core can wait for. Few terms get longer strips, so that staging is called less often.
    /// </summary>
    private const int Strip = 128, StripOfFew = 256, Few = 4;

    public float* Output;
    public float* Origin;
    public DifferenceTerms Terms;
    public DifferenceRule Rule;
    public double Scale;

    /// <summary>For every worker room for <see cref="BufferBytes"/>.</summary>
    public byte* Buffers;
    public WorkerPool Pool;

    /// <summary>A strip, widened, and the limits for each of <paramref name="count"/> terms.</summary>
    public static long BufferBytes(int count) => (sizeof(double) * (long)StripElements(count) * count) + LimitBytes(count);

    private static int StripElements(int count) => count <= Few ? StripOfFew : Strip;

    private static long LimitBytes(int count) => (((long)count * sizeof(TermLimits)) + 63) & ~63L;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        byte* own = Buffers + (Pool.CurrentWorker * BufferBytes(Terms.Count));
        var limits = (TermLimits*)own;
        byte* buffer = own + LimitBytes(Terms.Count);
        long end = start + count;
        for (long next; start < end; start = next)
        {
            next = Terms.End(start, end);
            int part = (int)(next - start);
            for (int k = 0; k < Terms.Count; k++) limits[k] = Terms.LimitsAt(k, start);
            switch (Rule)
            {
                case DifferenceRule.Sum: Merge<S, V, D, SumRule, float>((float*)buffer, limits, start, part); break;
                case DifferenceRule.Elected: Merge<S, V, D, ElectionRule<SumOfElected>, double>((double*)buffer, limits, start, part); break;
                case DifferenceRule.ElectedMean: Merge<S, V, D, ElectionRule<MeanOfElected>, double>((double*)buffer, limits, start, part); break;
                case DifferenceRule.SharedMean: Merge<S, V, D, SharedMeanRule, double>((double*)buffer, limits, start, part); break;
                case DifferenceRule.Largest: Merge<S, V, D, LargestRule, float>((float*)buffer, limits, start, part); break;
                default: Merge<S, V, D, ElectionRule<LargestOfElected>, double>((double*)buffer, limits, start, part); break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Merge<S, V, D, R, T>(T* buffer, TermLimits* limits, long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
        where R : struct, IDifferenceRule<T>
        where T : unmanaged
    {
        int width = S.Count, strip = StripElements(Terms.Count);
        DifferenceTerms terms = Terms;
        float* output = Output, origin = Origin;
        D scale = S.CreateDouble(Scale);
        for (int i = 0; i < count; i += strip)
        {
            long at = start + i;
            int elements = Math.Min(strip, count - i), j = 0;
            for (int k = 0; k < terms.Count; k++) terms.Stage<S, V, D, T>(buffer + (k * strip), origin, k, at, elements, limits[k]);
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
