using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Serving;

/// <summary>One of a mixture's two vectors, what it was mixed with, and how many read it.</summary>
internal sealed class MixtureSlot(Device device, ParameterLayout layout, int tasks) : IDisposable
{
    private int _readers;

    public ParameterVector Parameters { get; } = new(device, layout);

    public float[] Coefficients { get; } = new float[tasks];

    /// <summary>Number of the switch that made it.</summary>
    public long Version { get; set; }

    public bool IsRead => Volatile.Read(ref _readers) != 0;

    /// <summary>A full fence: what is read after it is not older than the reader's mark.</summary>
    public void Enter() => Interlocked.Increment(ref _readers);

    /// <returns>True if that was the last reader.</returns>
    public bool Leave() => Interlocked.Decrement(ref _readers) == 0;

    public void Dispose() => Parameters.Dispose();
}
