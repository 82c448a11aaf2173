using System.Buffers;
using MergeEngine.Merging.Streaming.Planning;

namespace MergeEngine.Merging.Vocabularies.Rows;

/// <summary>
/// A tensor with a row per token, its rows in the order of the output's vocabulary. Rows that follow each other in a file are read at once; nothing of the
/// tensor stays in memory. Means are sums in float64 in a fixed order, rounded once to float32, so that no piece depends on how the tensor is cut.
/// </summary>
internal sealed class RowTransform : TensorTransform
{
    private const int BlockFloats = 1 << 18;

    private readonly RowMap _map;
    private readonly IReadOnlyList<RowSource?> _sources;
    private readonly int _width;
    private readonly Lazy<float[]> _filling;

    /// <param name="map">Where the rows come from.</param>
    /// <param name="sources">The tensor in each model; null where the map takes nothing of one.</param>
    /// <param name="width">Elements of a row, at least 1.</param>
    public RowTransform(RowMap map, IReadOnlyList<RowSource?> sources, int width)
    {
        (_map, _sources, _width) = (map, sources, width);
        _filling = new Lazy<float[]>(MeanOfTokens);
        long[] rows = map.RowsRead();
        long bytes = 0;
        for (int m = 0; m < rows.Length; m++) bytes += rows[m] == 0 ? 0 : rows[m] * sources[m]!.RowBytes;
        // The filling's mean reads everything once before.
        InputBytes = map.Fillings > 0 ? 2 * bytes : bytes;
        Others = [.. sources.Where((s, m) => s is not null && (rows[m] > 0 || m == map.Model)).SelectMany(s => (IEnumerable<TensorSource>)[s!.Source, .. s.Source.Transform?.Others ?? []])];
        WorkingBytes = sources.Sum(s => s?.WorkingBytes ?? 0) + (map.Fillings > 0 ? (long)width * (sizeof(float) + sizeof(double)) + (BlockFloats * sizeof(float)) : 0);
    }

    public override long Unit => _width;

    public override long WorkingBytes { get; }

    public override long InputBytes { get; }

    public override IReadOnlyList<TensorSource> Others { get; }

    public override void Read(long first, Span<float> destination)
    {
        for (long row = first / _width; !destination.IsEmpty;)
        {
            (RowOrigin origin, int count) = _map.RunAt(row, destination.Length / _width);
            Span<float> rows = destination[..(count * _width)];
            if (origin.Model >= 0) _sources[origin.Model]!.Read(origin.Row, rows);
            else if (origin.Model == RowOrigin.MeanModel) ReadMean(row, rows);
            else if (origin.Model == RowOrigin.ZeroModel) rows.Clear();
            else
            {
                for (int r = 0; r < count; r++) _filling.Value.CopyTo(rows[(r * _width)..]);
            }

            row += count;
            destination = destination[rows.Length..];
        }
    }

    private void ReadMean(long row, Span<float> destination)
    {
        double[] sums = ArrayPool<double>.Shared.Rent(_width);
        sums.AsSpan(0, _width).Clear();
        int owners = 0;
        foreach (RowOrigin owner in _map.OwnersOf(row))
        {
            _sources[owner.Model]!.Read(owner.Row, destination);
            for (int i = 0; i < destination.Length; i++) sums[i] += destination[i];
            owners++;
        }

        for (int i = 0; i < destination.Length; i++) destination[i] = (float)(sums[i] / owners);
        ArrayPool<double>.Shared.Return(sums);
    }

    /// <summary>The mean of all rows with a token, summed in the order of the ids.</summary>
    private float[] MeanOfTokens()
    {
        var sums = new double[_width];
        long count = 0;
        float[] block = ArrayPool<float>.Shared.Rent(Math.Max(BlockFloats, _width));
        for (long row = 0; row < _map.Rows;)
        {
            (RowOrigin origin, int run) = _map.RunAt(row, Math.Max(1, BlockFloats / _width));
            if (origin.Model != RowOrigin.FillingModel)
            {
                Span<float> rows = block.AsSpan(0, run * _width);
                Read(row * _width, rows);
                for (int i = 0; i < rows.Length;)
                {
                    for (int c = 0; c < _width; c++, i++) sums[c] += rows[i];
                }

                count += run;
            }

            row += run;
        }

        ArrayPool<float>.Shared.Return(block);
        var mean = new float[_width];
        for (int c = 0; c < _width && count > 0; c++) mean[c] = (float)(sums[c] / count);
        return mean;
    }
}
