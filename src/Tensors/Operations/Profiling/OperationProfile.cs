using System.Diagnostics;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Operations.Profiling;

/// <summary>
/// How long each operation of a device takes, and how much work it is, from <see cref="Device.StartProfile"/> until it is disposed. Results are the
/// same bits. Nothing is allocated once every kind of call has been seen.
/// </summary>
/// <remarks>
/// A GPU is waited for around every operation and no graph is replayed, so that each has a time of its own: the whole is slower than without a profile.
/// Copies between host and device, and what the host does, are in <see cref="Seconds"/> but in no operation. Calls from several threads are added up.
/// </remarks>
public sealed class OperationProfile : IDisposable
{
    private readonly Device _device;
    private readonly object _gate = new(); // Not a Lock, which allocates at its first contention.

    // The comparer is made here: left out, the runtime makes it (88 bytes) in the first call whose kind has been seen before.
    private readonly Dictionary<Key, Totals> _totals = new(EqualityComparer<Key>.Default);
    private long _started;
    private double? _seconds;

    internal OperationProfile(Device device)
    {
        _device = device;
        _started = Stopwatch.GetTimestamp();
    }

    /// <summary>From the start, or the last <see cref="Clear"/>, until now or the end.</summary>
    public double Seconds => _seconds ?? Stopwatch.GetElapsedTime(_started).TotalSeconds;

    /// <summary>What was measured so far, longest first.</summary>
    public IReadOnlyList<ProfiledOperation> Operations
    {
        get
        {
            lock (_gate)
            {
                return [.. _totals.Where(t => t.Value.Calls > 0).Select(t => Describe(t.Key, t.Value))
                    .OrderByDescending(o => o.Seconds).ThenBy(o => o.Name, StringComparer.Ordinal).ThenBy(o => o.Size, StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>Begins anew: what came before was the warm-up.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            foreach (Key key in _totals.Keys) CollectionsMarshal.GetValueRefOrNullRef(_totals, key) = default;
            _started = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Ends the profile; what was measured stays.</summary>
    public void Dispose()
    {
        if (_seconds is not null) return;
        _seconds = Seconds;
        _device.EndProfile(this);
    }

    internal long Begin()
    {
        _device.Synchronize();
        return Stopwatch.GetTimestamp();
    }

    internal void End(long start, string name, OperationWork work)
    {
        _device.Synchronize();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        lock (_gate)
        {
            ref Totals totals = ref CollectionsMarshal.GetValueRefOrAddDefault(_totals, new Key(name, work.Outer, work.Inner), out _);
            totals = new Totals(totals.Calls + 1, totals.Seconds + seconds, totals.Operations + work.Operations, totals.Bytes + work.Bytes);
        }
    }

    private static ProfiledOperation Describe(Key key, Totals totals)
    {
        string size = key.Outer == 0 ? "" : key.Name.StartsWith("Attention", StringComparison.Ordinal) ? $"{key.Outer} x {key.Inner}" : $"[{key.Outer}, {key.Inner}]";
        return new ProfiledOperation(key.Name, size, totals.Calls, totals.Seconds, totals.Operations, totals.Bytes);
    }

    private readonly record struct Key(string Name, int Outer, int Inner);

    private readonly record struct Totals(long Calls, double Seconds, double Operations, double Bytes);
}
