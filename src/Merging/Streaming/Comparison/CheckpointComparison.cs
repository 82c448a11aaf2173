using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Comparison;

/// <summary>Two checkpoints compared by the names of their tensors, however each is cut into files.</summary>
/// <param name="OnlyInFirst">Names that the second one lacks.</param>
/// <param name="OnlyInSecond">Names that the first one lacks.</param>
/// <param name="Unlike">Tensors that both have, with shapes or types whose values cannot be compared, a sentence each.</param>
/// <param name="Tensors">The others, by name in UTF-8 order.</param>
public sealed record CheckpointComparison(
    IReadOnlyList<string> OnlyInFirst, IReadOnlyList<string> OnlyInSecond, IReadOnlyList<string> Unlike, IReadOnlyList<TensorDifference> Tensors)
{
    /// <summary>Elements that one thread compares at a time; fixed, because sums are joined in this order.</summary>
    private const long StretchElements = 1 << 20;

    /// <summary>
    /// True if both have the same tensors and no value differs by more than the tolerance. Without a tolerance the types must be the same too;
    /// with one, a float32 and a bfloat16 tensor may be equal.
    /// </summary>
    /// <param name="tolerance">The largest |a − b| that counts as equal; null for none.</param>
    public bool AreEqual(double? tolerance) => OnlyInFirst.Count + OnlyInSecond.Count + Unlike.Count == 0 && Tensors.All(t => IsEqual(t, tolerance));

    /// <summary>The same for one tensor.</summary>
    public static bool IsEqual(TensorDifference tensor, double? tolerance) =>
        (tolerance is not null || tensor.First == tensor.Second) && tensor.IsWithin(tolerance ?? 0);

    /// <summary>Compares two checkpoints, reading each byte once.</summary>
    /// <param name="first">The one that differences are counted from.</param>
    /// <param name="second">The other one.</param>
    /// <param name="threads">Threads; any number gives the same bits. Each holds about half a megabyte.</param>
    /// <param name="progress">Is told the bytes of <paramref name="first"/> that were compared, from any thread.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="SafetensorsException">A file became shorter, or the disk failed.</exception>
    public static CheckpointComparison Of(
        Checkpoint first, Checkpoint second, int threads, Action<long>? progress = null, CancellationToken cancellation = default)
    {
        var unlike = new List<string>();
        var pairs = new List<Pair>();
        foreach (string name in first.Names.Where(second.Contains))
        {
            TensorEntry a = first[name], b = second[name];
            if (a.Shape != b.Shape) unlike.Add($"{Quoting.Quote(name)} has the shape {a.Shape} in the first and {b.Shape} in the second.");
            else if (!StretchComparer.AreComparable(a.DType, b.DType)) unlike.Add($"{Quoting.Quote(name)} is {a.DType.Name()} in the first and {b.DType.Name()} in the second.");
            else pairs.Add(new Pair((first.FileOf(name), a), (second.FileOf(name), b)));
        }

        var work = new List<(Pair Pair, int Stretch)>();
        foreach (Pair pair in pairs) work.AddRange(Enumerable.Range(0, pair.Stretches.Length).Select(i => (pair, i)));
        long done = 0;
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, threads), CancellationToken = cancellation };
        Parallel.For(0, work.Count, options, static () => new StretchComparer(), (i, _, comparer) =>
        {
            var (pair, stretch) = work[i];
            long start = stretch * StretchElements, count = Math.Min(StretchElements, StretchComparer.CountOf(pair.First.Entry) - start);
            pair.Stretches[stretch] = comparer.Compare(pair.First, pair.Second, start, count, cancellation);
            progress?.Invoke(Interlocked.Add(ref done, pair.First.Entry.ByteLength / pair.Stretches.Length));
            return comparer;
        }, static _ => { });
        return new CheckpointComparison(
            [.. first.Names.Where(n => !second.Contains(n))], [.. second.Names.Where(n => !first.Contains(n))], unlike, [.. pairs.Select(p => p.Join())]);
    }

    private sealed class Pair((SafetensorsFile File, TensorEntry Entry) first, (SafetensorsFile File, TensorEntry Entry) second)
    {
        public (SafetensorsFile File, TensorEntry Entry) First { get; } = first;

        public (SafetensorsFile File, TensorEntry Entry) Second { get; } = second;

        public DifferenceSums[] Stretches { get; } = new DifferenceSums[(StretchComparer.CountOf(first.Entry) + StretchElements - 1) / StretchElements];

        public TensorDifference Join()
        {
            var sums = default(DifferenceSums);
            foreach (ref readonly DifferenceSums stretch in Stretches.AsSpan()) sums.Join(stretch);
            DType a = First.Entry.DType, b = Second.Entry.DType;
            bool isFloat = a.IsArithmetic(), hasValues = isFloat || ValueReader.IsWhole(a);
            return new TensorDifference(
                First.Entry.Name, a, b, First.Entry.Shape, sums.Differing,
                hasValues ? sums.Max : null,
                hasValues && sums.Pairs > 0 ? sums.Sum / sums.Pairs : null,
                isFloat ? (long)Math.Min(sums.Ulps, long.MaxValue) : null,
                isFloat ? sums.Cosine() : null,
                sums.NaNInFirst, sums.NaNInSecond, sums.NaNInOne);
        }
    }
}
