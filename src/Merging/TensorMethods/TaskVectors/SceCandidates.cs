using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// The elements of a tensor that SCE may select, one behind the other: those whose variance is not below a limit that a sample has foretold. With few selected they are all that the energies and
/// the merge have to see of the models, so that these are read once. In the host's memory.
/// </summary>
internal sealed class SceCandidates
{
    /// <summary>A larger share is copied no faster than it is read again.</summary>
    private const double LargestShare = 0.3;

    private readonly TensorTask _task;
    private readonly IReadOnlyList<int> _sources;
    private readonly DeviceBuffer _memory;
    private readonly float _limit;
    private readonly int _capacity;
    private long _found;

    private SceCandidates(TensorTask task, IReadOnlyList<int> sources, float limit, int capacity)
    {
        (_task, _sources, _limit, _capacity) = (task, sources, limit, capacity);
        _memory = task.Rent(Bytes(sources.Count, capacity));
    }

    private int Count => (int)_found;

    private Span<int> Indices => MemoryMarshal.Cast<float, int>(Row(_sources.Count + 2).HostSpan);

    private DeviceSpan<float> Variances => Row(_sources.Count);

    private DeviceSpan<float> Origins => Row(_sources.Count + 1);

    /// <summary>After the merge.</summary>
    private DeviceSpan<float> Merged => Row(_sources.Count + 3);

    /// <summary>Bytes that they take at most; 0 where they are of no use.</summary>
    /// <param name="task">The tensor.</param>
    /// <param name="models">Models that are merged.</param>
    /// <param name="share">Of the elements that are selected.</param>
    public static long WorkingBytes(TensorTask task, int models, double share)
    {
        if (share is <= 0 or > LargestShare || models == 0 || task.Length > int.MaxValue || !task.Device.Operations.SearchesDifferences) return 0;
        long bytes = Bytes(models, CapacityOf(task.Length, share));
        return bytes <= task.Spare / 2 ? bytes : 0;
    }

    /// <summary>What of them is taken as a rule: the room is for more candidates than a sample foretells.</summary>
    public static long ExpectedBytes(long length, int models, double share) => Bytes(models, (int)Math.Min(length, (long)(1.1 * share * length)));

    /// <summary>Room for the candidates that a sample promises; null if it does not promise enough.</summary>
    /// <param name="task">The tensor.</param>
    /// <param name="sources">Indices of the models.</param>
    /// <param name="share">Of the elements whose variance is not 0 that are selected.</param>
    /// <param name="sample">Of the variances.</param>
    /// <param name="varying">Elements of the sample whose variance is not 0.</param>
    public static SceCandidates? Foretold(TensorTask task, IReadOnlyList<int> sources, double share, PieceSample sample, long varying)
    {
        // How many vary is estimated, too, unless all do.
        double part = (double)varying / sample.Count;
        long wanted = Math.Min((long)(share * part * task.Length * (part < 1 ? 1.02 : 1)) + 1, task.Length);
        float limit = BitConverter.UInt32BitsToSingle(sample.Foretell(wanted).Range.Smallest);
        int capacity = CapacityOf(task.Length, share);
        return limit > 0 && 1.1 * sample.CountFrom(limit) / sample.Count * task.Length <= capacity ? new SceCandidates(task, sources, limit, capacity) : null;
    }

    /// <summary>Writes down what lies in a piece of the tensor; pieces come in order.</summary>
    /// <param name="inputs">The models.</param>
    /// <param name="origin">The base.</param>
    /// <param name="variances">Of the models.</param>
    /// <param name="firstIndex">Index of the first element.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(ReadOnlySpan<DeviceSpan<float>> inputs, DeviceSpan<float> origin, DeviceSpan<float> variances, long firstIndex)
    {
        ReadOnlySpan<float> variance = variances.HostSpan;
        int before = (int)Math.Min(_found, _capacity), count = before, i = 0;
        Span<int> indices = Indices;
        Vector512<float> limit = Vector512.Create(_limit);
        for (; i <= variance.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            ulong found = Vector512.GreaterThanOrEqual(Vector512.Create(variance.Slice(i, Vector512<float>.Count)), limit).ExtractMostSignificantBits();
            for (; found != 0; found &= found - 1) Enter(i + System.Numerics.BitOperations.TrailingZeroCount(found), indices, ref count);
        }

        for (; i < variance.Length; i++)
        {
            if (variance[i] >= _limit) Enter(i, indices, ref count);
        }

        ReadOnlySpan<int> own = indices[before..count];
        Gather(variance, own, Variances.HostSpan[before..]);
        Gather(origin.HostSpan, own, Origins.HostSpan[before..]);
        for (int k = 0; k < inputs.Length; k++) Gather(inputs[k].HostSpan, own, Row(k).HostSpan[before..]);
        foreach (ref int index in indices[before..count]) index += (int)firstIndex;
    }

    /// <summary>Finds which of them are selected, weighs the models by their energies and merges.</summary>
    /// <param name="search">Knows how many are wanted.</param>
    /// <param name="wanted">How many that is.</param>
    /// <param name="weights">Takes the weights.</param>
    /// <returns>False if some that are selected may be missing; then nothing was done.</returns>
    public bool TryMerge(MagnitudeSearch search, long wanted, double[] weights)
    {
        if (_found < wanted || _found > _capacity) return false;
        OperationSet operations = _task.Device.Operations;
        DeviceSpan<float> variances = Variances.Slice(0, Count), origins = Origins.Slice(0, Count);
        for (; search.NeedsPass; search.CompletePass()) search.Accumulate(operations, variances, default, 0);
        if (Count == 0) return true;
        DeviceSpan<byte> mask = _memory.AsSpan<byte>().Slice(sizeof(float) * (_sources.Count + 4L) * _capacity, Count);
        operations.KeepMask(mask, variances, search.Result, 0);
        var inputs = new DeviceSpan<float>[_sources.Count];
        for (int k = 0; k < inputs.Length; k++)
        {
            inputs[k] = Row(k).Slice(0, Count);
            weights[k] = Energy(inputs[k].HostSpan, mask.HostSpan) / _task.Length;
        }

        SceMerge.WeightsOf(weights).CopyTo(weights, 0);
        var terms = new DifferenceTerm[inputs.Length];
        for (int k = 0; k < terms.Length; k++) terms[k] = new DifferenceTerm(weights[k], weights[k], 1, Selection.All, Selection.None, mask);
        operations.MergeDifferences(Merged.Slice(0, Count), origins, inputs, terms, DifferenceRule.ElectedMean, 1, 0);
        return true;
    }

    /// <summary>Puts what was merged in its places of a piece of the output, which has the base elsewhere.</summary>
    public void Scatter(Span<float> output, long firstIndex)
    {
        ReadOnlySpan<int> indices = Indices[..Count];
        ReadOnlySpan<float> merged = Merged.HostSpan;
        int at = indices.BinarySearch((int)firstIndex);
        for (at = at < 0 ? ~at : at; at < indices.Length && indices[at] - firstIndex < output.Length; at++) output[(int)(indices[at] - firstIndex)] = merged[at];
    }

    /// <summary>Gives the memory back, for the next tensor.</summary>
    public void Release() => _task.Return(_memory);

    /// <summary>Σ d² over what is selected, in the order of all sums over the tensor.</summary>
    private double Energy(ReadOnlySpan<float> values, ReadOnlySpan<byte> mask)
    {
        var sum = new SparseSum();
        ReadOnlySpan<float> origins = Origins.HostSpan;
        ReadOnlySpan<int> indices = Indices;
        for (int i = 0; i < values.Length; i++)
        {
            double difference = values[i] - origins[i];
            if (mask[i] != 0) sum.Add(indices[i], difference * difference);
        }

        return sum.Value(_task.Length);
    }

    private static int CapacityOf(long length, double share) => (int)Math.Min(length, (long)(1.4 * share * length) + 4096);

    /// <summary>Rows of float32: models, variances, origins, indices, what is merged; and a byte of a mask.</summary>
    private static long Bytes(int models, int capacity) => ((sizeof(float) * (models + 4L)) + 1) * capacity;

    private static void Gather(ReadOnlySpan<float> values, ReadOnlySpan<int> places, Span<float> target)
    {
        for (int i = 0; i < places.Length; i++) target[i] = values[places[i]];
    }

    private void Enter(int place, Span<int> indices, ref int count)
    {
        if (count < _capacity) indices[count++] = place;
        _found++;
    }

    private DeviceSpan<float> Row(int number) => _memory.AsSpan<float>().Slice((long)number * _capacity, _capacity);
}
