using MergeEngine.Merging.Streaming.Execution.Pipeline;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>The readers of one tensor: its sources, then their companions.</summary>
internal sealed class TensorInputs
{
    private readonly SourceReader?[] _readers;
    private readonly IReadOnlyList<TensorSource> _sources;
    private readonly StageTimes? _times;

    public TensorInputs(TensorJob tensor, StageTimes? times = null)
    {
        _times = times;
        _readers = [.. tensor.Sources.Concat(tensor.Companions).Select(s => s is null ? null : new SourceReader(s, times))];
        _sources = tensor.Sources;
        Unit = UnitOf(tensor);
    }

    /// <summary>Sources and companions, those that are not there among them.</summary>
    public int Count => _readers.Length;

    /// <summary>Null for a companion that is not there.</summary>
    public SourceReader? this[int index] => _readers[index];

    /// <summary>What the pieces of its transforms are multiples of.</summary>
    public long Unit { get; }

    /// <summary>Says that what is read from now on was read before.</summary>
    public void BeginAgain()
    {
        foreach (SourceReader? reader in _readers)
        {
            if (reader is not null) reader.IsAgain = true;
        }
    }

    /// <summary>Fills the chunk's memory with all that there are.</summary>
    /// <param name="chunk">Which elements.</param>
    /// <param name="shape">Where each input's are in its memory.</param>
    /// <param name="counts">Takes values of the models that are no numbers; null where they were counted before.</param>
    /// <param name="wants">Which of the inputs and companions; null for all.</param>
    /// <param name="cancellation">Stops between two inputs, as a chunk may be a whole large tensor.</param>
    /// <returns>Bytes of files that they are made of.</returns>
    public long Read(Chunk chunk, in ChunkShape shape, NonFiniteCounts? counts = null, Func<int, bool>? wants = null, CancellationToken cancellation = default)
    {
        long bytes = 0;
        for (int k = 0; k < _readers.Length; k++)
        {
            if (_readers[k] is not { } reader || wants?.Invoke(k) == false) continue;
            cancellation.ThrowIfCancellationRequested();
            Span<float> values = ComputeStage.Part(chunk.Memory!, shape, k, chunk.Length).HostSpan;
            reader.Read(chunk.First, values);
            if (k < _sources.Count && counts is not null)
            {
                long start = StageTimes.Start(_times);
                counts.Add(_sources[k], NonFinite.Count(values));
                _times?.Add(MergeStage.Checking, start, sizeof(float) * (long)values.Length);
            }

            bytes += reader.BytesOf(chunk.Length);
        }

        return bytes;
    }

    /// <summary>Fills the chunk's memory with elements of the inputs from several places, if that waits for no disk.</summary>
    /// <param name="chunk">Its length is a multiple of the number of places.</param>
    /// <param name="shape">Where each input's are in its memory.</param>
    /// <param name="places">Where in the tensor they begin.</param>
    /// <returns>False if some are not in the system's cache.</returns>
    public bool TryReadCached(Chunk chunk, in ChunkShape shape, ReadOnlySpan<long> places)
    {
        long start = StageTimes.Start(_times);
        for (int k = 0; k < _sources.Count; k++)
        {
            if (!_readers[k]!.TryReadCached(places, ComputeStage.Part(chunk.Memory!, shape, k, chunk.Length).HostSpan)) return false;
        }

        _times?.Add(MergeStage.ReadingAgain, start, sizeof(float) * chunk.Length * _sources.Count);
        return true;
    }

    /// <inheritdoc cref="Unit"/>
    public static long UnitOf(TensorJob tensor)
    {
        long unit = 1;
        foreach (TensorSource? source in tensor.Sources.Concat(tensor.Companions))
        {
            if (source?.Transform is { } transform) unit = Combine(unit, transform.Unit, tensor.Shape.ElementCount);
        }

        return unit;
    }

    /// <summary>Whether some inputs or companions of a tensor are not in a file as they are, and are computed whenever they are read.</summary>
    public static bool AreComputed(TensorJob tensor) => tensor.Sources.Concat(tensor.Companions).Any(s => s?.Transform is not null);

    /// <summary>Bytes of files that the inputs and companions of a tensor are made of.</summary>
    public static long BytesOf(TensorJob tensor)
    {
        long bytes = 0;
        foreach (TensorSource? source in tensor.Sources.Concat(tensor.Companions))
        {
            if (source is null) continue;
            bytes += source.Transform?.InputBytes ?? source.Checkpoint[source.Tensor].DType.ByteCount(tensor.Shape.ElementCount);
        }

        return bytes;
    }

    /// <summary>Bytes that transforms of the inputs and companions hold while a tensor is read.</summary>
    public static long WorkingBytesOf(TensorJob tensor)
    {
        long bytes = 0;
        for (int k = 0; k < tensor.Sources.Count; k++) bytes = TensorNeeds.Add(bytes, tensor.Sources[k].Transform?.WorkingBytes ?? 0);
        for (int k = 0; k < tensor.Companions.Count; k++) bytes = TensorNeeds.Add(bytes, tensor.Companions[k]?.Transform?.WorkingBytes ?? 0);
        return bytes;
    }

    /// <summary>The least length that is a multiple of both; the tensor's where that is less.</summary>
    public static long Combine(long a, long b, long length)
    {
        if (a >= length || b >= length) return Math.Max(length, 1);
        long rest = a, divisor = b;
        while (rest != 0) (divisor, rest) = (rest, divisor % rest);
        return (long)UInt128.Min((UInt128)(ulong)a * (ulong)(b / divisor), (ulong)length);
    }
}
