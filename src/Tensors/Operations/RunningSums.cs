namespace MergeEngine.Tensors.Operations;

/// <summary>
/// Float64 sums over K vectors that are read in chunks, on any device: the dot products of all pairs or of one vector with the others, the sums or the absolute sums. The result has the
/// same bits for every cutting into chunks, number of threads and device. Nothing is allocated between chunks.
/// </summary>
public sealed class RunningSums : IDisposable
{
    private readonly DeviceBuffer _state;
    private readonly double[] _hostState;
    private readonly double[] _sums;

    /// <param name="device">Where the chunks are.</param>
    /// <param name="vectors">K, at most <see cref="OperationSet.MaxSumVectors"/>.</param>
    /// <param name="terms">What is added up.</param>
    public RunningSums(Device device, int vectors, SumTerms terms = SumTerms.Products)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vectors, 1);
        int count = OperationSet.SumCount(vectors, terms);
        Vectors = vectors;
        Terms = terms;
        _hostState = new double[count * SumTree.StateLength];
        _sums = new double[count];
        _state = device.Allocate<double>(_hostState.Length);
    }

    public int Vectors { get; }

    public SumTerms Terms { get; }

    /// <summary>Elements that have been added up.</summary>
    public long Length { get; private set; }

    /// <summary>Adds the next chunk of every vector; does not wait for the device.</summary>
    public void Add(ReadOnlySpan<DeviceSpan<float>> chunks)
    {
        if (chunks.Length != Vectors) throw new ArgumentException($"{chunks.Length} vectors were given, these are the sums of {Vectors}.", nameof(chunks));
        _state.Device.Operations.AccumulateSums(_state.AsSpan<double>(), chunks, Length, Terms);
        Length += chunks[0].Length;
    }

    /// <summary>
    /// Adds the next chunk of values − origin, without storing it: of all of it to the first of two sums of magnitudes and of what counts to the second, or of what counts to the only sum. Where
    /// <see cref="OperationSet.SearchesDifferences"/>.
    /// </summary>
    /// <param name="values">The chunk.</param>
    /// <param name="origin">What is subtracted.</param>
    /// <param name="term">What counts.</param>
    public void AddThinned(DeviceSpan<float> values, DeviceSpan<float> origin, in DifferenceTerm term)
    {
        if (_sums.Length != Vectors || Vectors > 2) throw new InvalidOperationException($"These are {_sums.Length} sums, of a thinned difference there are two at most.");
        _state.Device.Operations.AccumulateThinnedSums(_state.AsSpan<double>(), values, origin, term, Length, Terms, withWhole: Vectors == 2);
        Length += values.Length;
    }

    /// <summary>
    /// Draws the mask of the next chunk of values − origin by ranks (<see cref="OperationSet.AccumulateRankedSums"/>) and adds all magnitudes to the first of two sums, and those that the mask
    /// keeps to the second. Where <see cref="OperationSet.SearchesDifferences"/>.
    /// </summary>
    /// <param name="mask">What is drawn.</param>
    /// <param name="values">The chunk, of whole rows.</param>
    /// <param name="origin">What is subtracted.</param>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="key">Key of the stream.</param>
    /// <param name="low">Probability of the lowest rank.</param>
    /// <param name="high">Probability of the highest.</param>
    public void AddRanked(DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, int columns, ulong key, double low, double high)
    {
        if (Terms != SumTerms.Magnitudes || Vectors != 2) throw new InvalidOperationException($"These are {_sums.Length} sums of {Terms}, a ranked difference has two of magnitudes.");
        _state.Device.Operations.AccumulateRankedSums(_state.AsSpan<double>(), mask, values, origin, columns, key, low, high, Length);
        Length += values.Length;
    }

    /// <summary>Begins again with no elements.</summary>
    public void Clear() => Length = 0;

    /// <summary>The sums over what has been added, in the order of <see cref="SumTerms"/>; waits for the device. Good until the next call.</summary>
    public ReadOnlySpan<double> Read()
    {
        _state.Device.Download(_state.AsSpan<double>(), _hostState.AsSpan());
        for (int i = 0; i < _sums.Length; i++) _sums[i] = SumTree.Value(_hostState.AsSpan(i * SumTree.StateLength, SumTree.StateLength), Length);
        return _sums;
    }

    /// <summary>Where <see cref="Read"/> has the product of vectors <paramref name="i"/> and <paramref name="j"/>, in either order.</summary>
    public static int PairIndex(int i, int j) => i >= j ? (i * (i + 1) / 2) + j : (j * (j + 1) / 2) + i;

    public void Dispose() => _state.Dispose();
}
