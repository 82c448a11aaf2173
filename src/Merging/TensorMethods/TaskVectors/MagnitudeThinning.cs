using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>The largest magnitudes of the tensor count, but for the very largest.</summary>
internal sealed class MagnitudeThinning : Thinning
{
    private readonly WorkingMemory _memory;
    private readonly MagnitudeSearch _kept;
    private readonly MagnitudeSearch _dropped;
    private readonly long _length;

    /// <summary>Bytes that may be held: of all candidates, and before them of a sample.</summary>
    private readonly long _spare;
    private readonly long _largest;
    private readonly long _tooLarge;
    private MagnitudeSample? _sample;
    private PieceSample? _pieces;

    private MagnitudeThinning(TensorTask task, long kept, long dropped)
    {
        long length = task.Length, spare = task.Spare / Math.Max(1, task.Parameters.Models.Count);
        long searches = kept < length && dropped > 0 ? 2 : 1, room = Math.Min(spare / sizeof(ulong) / searches, length);
        _kept = new MagnitudeSearch(task.Memory, kept, length, room);
        _dropped = new MagnitudeSearch(task.Memory, dropped, length, room);
        _memory = task.Memory;
        WorkingBytes = searches * MagnitudeSearch.Bytes(length, room);
        ExpectedBytes = new[] { kept, dropped }.Where(count => count > 0 && count < length).Sum(count => MagnitudeSearch.ExpectedBytes((double)count / length, length, room));
        if (task.Device.Operations.SearchesDifferences && NeedsPass)
        {
            _sample = new MagnitudeSample(task.Memory, length);
            // Samples are gone when candidates are collected.
            WorkingBytes = Math.Max(WorkingBytes, MagnitudeSample.Bytes + (PieceSample.Bytes(length) <= spare ? PieceSample.Bytes(length) : 0));
        }

        (_length, _spare, _largest, _tooLarge) = (length, spare, kept, dropped);
    }

    public override long WorkingBytes { get; }

    public override long ExpectedBytes { get; }

    public override bool NeedsPass => _kept.NeedsPass || _dropped.NeedsPass;

    public override Selection Kept => _kept.Result;

    public override Selection Dropped => _dropped.Result;

    /// <summary>The max(1, ⌊density·n⌋) largest; all from density 1 on, none up to density 0.</summary>
    public static Thinning Largest(TensorTask task, int source)
    {
        double density = task.Parameters.Number("density", source);
        return density >= 1 ? new NoThinning() : density <= 0 ? LimitThinning.Nothing : new MagnitudeThinning(task, CountOf(density, task.Length), 0);
    }

    /// <summary>
    /// Sorted by magnitude, the elements [b, b + m) with m = max(1, ⌊density·n⌋) and b = max(0, n − m − ⌊gamma·n⌋): without the ⌊gamma·n⌋ largest, of which
    /// so many stay as the density asks for. All from density 1 on.
    /// </summary>
    public static Thinning Window(TensorTask task, int source)
    {
        double density = task.Parameters.Number("density", source), gamma = task.Parameters.Number("gamma", source);
        long length = task.Length;
        if (density >= 1) return new NoThinning();
        if (density <= 0) return LimitThinning.Nothing;
        long middle = CountOf(density, length), bottom = Math.Max(0, length - middle - (long)(gamma * length));
        return new MagnitudeThinning(task, length - bottom, length - bottom - middle);
    }

    public override void Sample(DeviceSpan<float> values, DeviceSpan<float> origin, int piece)
    {
        if (_sample is not null && PieceSample.Bytes(_length) <= _spare) (_pieces ??= new PieceSample(_memory, _length, piece)).Add(values, origin);
    }

    public override void CompleteSample(bool isWhole)
    {
        if (_sample is null || _pieces is null) return;
        if (isWhole)
        {
            Expect(_pieces.Foretell);
            _sample = null;
        }

        _pieces.Release();
        _pieces = null;
    }

    public override void Accumulate(OperationSet operations, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
        if (_sample is not null)
        {
            _sample.Add(values, origin, firstIndex);
            return;
        }

        _kept.Accumulate(operations, values, origin, firstIndex);
        if (!(_kept.IsFirst && _dropped.IsFirst)) _dropped.Accumulate(operations, values, origin, firstIndex);
    }

    public override void Choose(ReadOnlySpan<double> difference, Span<bool> counts)
    {
        double[] sorted = Magnitudes.Of(difference);
        Array.Sort(sorted);
        Selection kept = Magnitudes.Largest(difference, sorted, _largest), dropped = Magnitudes.Largest(difference, sorted, _tooLarge);
        for (int i = 0; i < counts.Length; i++)
        {
            double magnitude = Math.Abs(difference[i]);
            counts[i] = double.IsNaN(magnitude) || (kept.Contains(magnitude, i) && !dropped.Contains(magnitude, i));
        }
    }

    public override void CompletePass()
    {
        if (_sample is not null)
        {
            Expect(_sample.Foretell);
            _sample.Release();
            _sample = null;
            return;
        }

        if (_kept.IsFirst && _dropped.IsFirst) _dropped.TakeFirst(_kept);
        _kept.CompletePass();
        _dropped.CompletePass();
    }

    public override void Release()
    {
        _kept.Release();
        _dropped.Release();
        _sample?.Release();
        _pieces?.Release();
    }

    private void Expect(Func<long, MagnitudeForecast> foretell)
    {
        if (_kept.NeedsPass) _kept.Expect(foretell(_kept.Wanted));
        if (_dropped.NeedsPass) _dropped.Expect(foretell(_dropped.Wanted));
    }
}
