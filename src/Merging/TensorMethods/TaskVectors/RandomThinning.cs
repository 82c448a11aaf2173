using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>Every element counts with the same probability, by a stream of its own for each tensor and model.</summary>
internal sealed class RandomThinning : Thinning
{
    private readonly ulong _key;
    private readonly double _density;

    private RandomThinning(ulong key, double density) => (_key, _density) = (key, density);

    public override bool Draws => true;

    /// <summary>All from density 1 on, none up to density 0.</summary>
    public static Thinning Of(double density, ulong key) =>
        density >= 1 ? new NoThinning() : density <= 0 ? LimitThinning.Nothing : new RandomThinning(key, density);

    /// <summary>The key of input number <paramref name="source"/> of a tensor: the seed, the tensor's name, and the number behind a character that no name holds.</summary>
    public static ulong KeyOf(TensorTask task, int source) =>
        PhiloxKey.From(task.Seed, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{task.Name}\0{source}"));

    public override void Draw(OperationSet operations, DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex) =>
        operations.RandomMask(mask, _key, _density, firstIndex);

    public override void Choose(ReadOnlySpan<double> difference, Span<bool> counts)
    {
        double limit = Math.Floor((_density * WordValues) + 0.5);
        for (int i = 0; i < counts.Length; i++) counts[i] = Philox.Word(_key, (ulong)i) < limit;
    }

    /// <summary>Values of a word.</summary>
    internal const double WordValues = 4294967296.0;
}

/// <summary>
/// MAGPRUNE (Deep et al., arXiv 2406.11617): the probability rises with the rank of |d| in its row, from density − epsilon to density + epsilon.
/// </summary>
internal sealed class RankedThinning : Thinning
{
    private readonly ulong _key;
    private readonly double _low;
    private readonly double _high;
    private readonly int _columns;

    private RankedThinning(ulong key, double low, double high, int columns) => (_key, _low, _high, _columns) = (key, low, high, columns);

    public override long Unit => _columns;

    public override bool Draws => true;

    public override bool DrawsByMagnitude => true;

    /// <summary>
    /// Rows are those of the first dimension, so that all weights of an output unit are ranked together (a convolution's kernel over all its dimensions); a vector
    /// is one row. A row of one element has nothing to rank and counts with the plain density.
    /// </summary>
    public static Thinning Of(double density, double epsilon, TensorTask task, ulong key)
    {
        if (density >= 1) return new NoThinning();
        if (density <= 0) return LimitThinning.Nothing;
        long columns = task.Shape.Rank < 2 || task.Length == 0 ? Math.Max(task.Length, 1) : task.Length / task.Shape[0];
        if (columns > int.MaxValue) throw new ArgumentException($"Tensor '{task.Name}' has rows of {columns} elements, and ranks are found in rows of at most {int.MaxValue}.", nameof(task));
        return new RankedThinning(key, Math.Max(density - epsilon, 0), Math.Min(density + epsilon, 1), (int)columns);
    }

    public override void Draw(OperationSet operations, DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex) =>
        operations.RankedMask(mask, values, _columns, _key, _low, _high, firstIndex, origin);

    public override void AddNorms(RunningSums norms, OperationSet operations, DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex) =>
        norms.AddRanked(mask, values, origin, _columns, _key, _low, _high);

    public override void Choose(ReadOnlySpan<double> difference, Span<bool> counts)
    {
        double first = _columns == 1 ? (_low + _high) / 2 : _low, step = _columns == 1 ? 0 : (_high - _low) / (_columns - 1);
        for (int row = 0; row < difference.Length; row += _columns)
        {
            // From the largest down, so that of equal ones the lowest index ranks highest; NaN is above all, infinities too.
            int[] order = Magnitudes.Descending(Magnitudes.Of(difference.Slice(row, _columns)));
            for (int place = 0; place < _columns; place++)
            {
                int index = row + order[place], rank = _columns - 1 - place;
                counts[index] = Philox.Word(_key, (ulong)index) < Math.FusedMultiplyAdd(rank, RandomThinning.WordValues * step, RandomThinning.WordValues * first);
            }
        }
    }
}
