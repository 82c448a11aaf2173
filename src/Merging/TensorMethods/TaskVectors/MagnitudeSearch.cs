using System.Numerics;
using System.Runtime.InteropServices;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// The largest magnitudes of a vector that comes in chunks, exactly; equal ones go to the lowest index. Where the device collects, a sample is looked at, a <see cref="PieceSample"/> before or a
/// <see cref="MagnitudeSample"/> in a pass of its own, and then a pass counts what is above its range and collects what is inside: the last one that is selected is nearly always there. Otherwise, as on other devices, passes count one digit
/// after the other, until the elements that share the threshold's digits may be held. More equal magnitudes than may be held (a difference of one size throughout, or one
/// of bfloat16's few digits) are gone through in pieces.
/// </summary>
internal sealed class MagnitudeSearch
{
    /// <summary>Exponent and five bits: few elements share them with the threshold.</summary>
    private const int FirstDigit = 13;

    /// <summary>Elements that are gone through at a time where equal ones are not held.</summary>
    private const int Piece = 1 << 15;

    private const long CountBytes = sizeof(long) << FirstDigit;

    private readonly RadixSearch _search = new(31, FirstDigit);
    private readonly WorkingMemory _memory;
    private readonly long _room;
    private Selection? _known;
    private MagnitudeRange _range;
    private DeviceBuffer? _rented;
    private int _capacity;
    private long _collected;
    private long _above;
    private bool _foretold;
    private bool _canCollect;
    private bool _collects;

    /// <summary>How many are wanted follows from the first pass: <see cref="SetCount"/>.</summary>
    /// <param name="memory">Where candidates are held.</param>
    /// <param name="room">How many may be held.</param>
    public MagnitudeSearch(WorkingMemory memory, long room) => (_memory, _room) = (memory, room);

    /// <summary>The <paramref name="count"/> largest of <paramref name="length"/>.</summary>
    public MagnitudeSearch(WorkingMemory memory, long count, long length, long room)
        : this(memory, room)
    {
        if (count >= length) _known = Selection.All;
        SetCount(count);
    }

    /// <summary>Whether the whole vector must be shown (again).</summary>
    public bool NeedsPass => _known is null && !_search.IsComplete;

    /// <summary>Whether this is the pass for the first digit, whose counts are the same for every number that is wanted.</summary>
    public bool IsFirst => NeedsPass && !_foretold && _search.PrefixBits == 0;

    /// <summary>The selection, once no pass is needed.</summary>
    public Selection Result => _known ?? _search.Trivial ?? new Selection(Threshold, _search.LastIndex);

    /// <summary>Whether there are more equal magnitudes than may be held.</summary>
    private bool GoesThrough => _collects && _search.Candidates > _room;

    private Span<ulong> Candidates => _rented is null ? default : MemoryMarshal.Cast<byte, ulong>(_rented.AsSpan<byte>().HostSpan)[.._capacity];

    private float Threshold => BitConverter.UInt32BitsToSingle((uint)_search.ThresholdBits);

    /// <summary>Passes that a search takes at most, a sample's of its own included: where a device collects one for the sample and one for a range that was not met; one for every digit, and one for equal magnitudes.</summary>
    public static int MostPasses(OperationSet operations) => (operations.SearchesDifferences ? 2 : 0) + new RadixSearch(31, FirstDigit).MostPasses;

    /// <summary>Bytes that a search takes at most.</summary>
    /// <param name="length">Of the vector.</param>
    /// <param name="room">Candidates that may be held; with less than the vector has it may come to count digits.</param>
    public static long Bytes(long length, long room) => RoundedBytes(room) + (room < length ? CountBytes : 0);

    /// <summary>Bytes that it takes as a rule: the candidates of a range that is as wide as <see cref="MagnitudeForecast"/> makes it of a sample, with its digits' own width.</summary>
    /// <param name="share">Of the vector that is wanted.</param>
    /// <param name="length">Of the vector.</param>
    /// <param name="room">Candidates that may be held.</param>
    public static long ExpectedBytes(double share, long length, long room)
    {
        double spread = Math.Sqrt(share * (1 - share)), part = spread * ((10 / Math.Sqrt(SampleSize.Pieces(length) * SampleSize.Piece)) + (1.0 / 32));
        return sizeof(ulong) * Math.Min(room, (long)(length * Math.Min(1, part)));
    }

    /// <summary>Says how many are wanted, before the first pass is completed.</summary>
    public void SetCount(long count)
    {
        if (count <= 0) _known = Selection.None;
        _search.Begin(count);
    }

    /// <summary>How many are wanted.</summary>
    public long Wanted => _search.Wanted;

    /// <summary>Collects in the next pass what lies where a sample foretells, if it may be held; on a device that can.</summary>
    public void Expect(MagnitudeForecast forecast)
    {
        if (!NeedsPass) return;
        _range = forecast.Range;
        _foretold = forecast.Candidates <= _room;
        if (_foretold) Rent(forecast.Candidates);
    }

    /// <summary>Takes the counts of another search's first pass over the same vector, in place of a pass of its own.</summary>
    public void TakeFirst(MagnitudeSearch other)
    {
        other._search.Counts.CopyTo(_search.Counts);
        _canCollect = other._canCollect;
    }

    /// <param name="operations">Of the device.</param>
    /// <param name="values">A chunk of the vector.</param>
    /// <param name="origin">What is subtracted from it; <c>default</c> for nothing.</param>
    /// <param name="firstIndex">Index of its first element.</param>
    public void Accumulate(OperationSet operations, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
        if (!NeedsPass) return;
        _canCollect = operations.SearchesDifferences;
        if (GoesThrough)
        {
            GoThrough(operations, values, origin, firstIndex);
            return;
        }

        if (_foretold || _collects)
        {
            // There may be more than were foretold; those are counted, and then searched for.
            (long found, long above) = operations.CollectMagnitudes(Candidates[(int)Math.Min(_collected, _capacity)..], values, _range, firstIndex, origin);
            _collected += found;
            _above += above;
            return;
        }

        if (_search.WantsHistogram)
        {
            operations.MagnitudeHistogram(_search.Counts, values, (uint)_search.Prefix, _search.PrefixBits, _search.DigitBits, origin);
            return;
        }

        // Only a device that cannot collect comes here, and it is given differences.
        long index = operations.FindMagnitude(values, Threshold, ref _search.Ordinal);
        if (index >= 0) _search.FoundLast(firstIndex + index);
    }

    public void CompletePass()
    {
        if (!NeedsPass) return;
        if (GoesThrough) throw new InvalidOperationException("The pass before found more equal magnitudes than this one.");
        if (_foretold || _collects)
        {
            bool found = _collected <= _capacity && _search.FoundCandidates(_range, Candidates[..(int)_collected], _collects ? 0 : _above);
            if (_collects && !found) throw new InvalidOperationException("The pass before found other magnitudes than this one.");
            Release();
            (_foretold, _collected) = (false, 0);
            return;
        }

        _search.CompleteHistogram();
        _collects = _canCollect && NeedsPass && (_search.Candidates <= _room || !_search.WantsHistogram);
        if (!_collects) return;
        _range = MagnitudeRange.StartingWith((uint)_search.Prefix, _search.PrefixBits);
        Rent(GoesThrough ? Piece : _search.Candidates);
    }

    /// <summary>Bytes for so many candidates, to an eighth more: numbers of candidates are never quite the same, and memory that another tensor's search has used should do.</summary>
    private static long RoundedBytes(long candidates)
    {
        long bytes = Math.Max(candidates, 1) * sizeof(ulong), step = Math.Max(1L << BitOperations.Log2((ulong)bytes) >> 3, 64);
        return (bytes + step - 1) / step * step;
    }

    /// <summary>Memory for so many candidates, which searches of the tensors before have used: fresh pages cost more than what is written to them.</summary>
    private void Rent(long candidates)
    {
        _capacity = checked((int)candidates);
        _rented = _memory.Rent(RoundedBytes(candidates));
    }

    /// <summary>Gives the memory back, for the search of the next tensor.</summary>
    public void Release()
    {
        if (_rented is not null) _memory.Return(_rented);
        (_rented, _capacity) = (null, 0);
    }

    /// <summary>Counts equal magnitudes until the last that is selected.</summary>
    private void GoThrough(OperationSet operations, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
        for (long start = 0, length; start < values.Length && NeedsPass; start += length)
        {
            length = Math.Min(Piece, values.Length - start);
            (long found, _) = operations.CollectMagnitudes(Candidates, values.Slice(start, length), _range, firstIndex + start, origin.IsNone ? default : origin.Slice(start, length));
            _search.FoundEqual(Candidates[..(int)found]);
        }
    }
}
