using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>
/// The activations of one model in one allocation. Slots are planned once, in elements a sample; the buffer is made for the largest
/// batch seen so far and grows when a larger one comes, so a training step in its steady state allocates nothing.
/// </summary>
internal sealed class ActivationArena : IDisposable
{
    private readonly List<long> _perSample = [];
    private readonly Device _device;
    private long[] _offsets = [];
    private DeviceBuffer? _buffer;

    public ActivationArena(Device device) => _device = device;

    /// <summary>Samples that fit.</summary>
    public int Capacity { get; private set; }

    /// <summary>Plans a slot; call before the first <see cref="Reserve"/>.</summary>
    /// <param name="elementsPerSample">float32 elements that one sample needs.</param>
    /// <returns>The slot's number.</returns>
    public int Add(long elementsPerSample)
    {
        if (_buffer is not null) throw new InvalidOperationException("The arena is allocated; slots are planned before.");
        _perSample.Add(elementsPerSample);
        return _perSample.Count - 1;
    }

    /// <summary>Makes room for a batch. A larger one than before gives new memory, and what the slots held is lost.</summary>
    /// <exception cref="InsufficientMemoryException">The device lacks the memory; the message says how much was asked for.</exception>
    public void Reserve(int samples)
    {
        if (samples <= Capacity) return;
        var offsets = new long[_perSample.Count];
        long length = 0;
        for (int i = 0; i < offsets.Length; i++)
        {
            offsets[i] = length;
            long elements = checked(_perSample[i] * samples);
            length = checked((length + elements + ParameterLayout.Alignment - 1) / ParameterLayout.Alignment * ParameterLayout.Alignment);
        }

        _buffer?.Dispose();
        _buffer = null;
        Capacity = 0;
        _buffer = _device.Allocate<float>(length);
        _offsets = offsets;
        Capacity = samples;
    }

    public DeviceSpan<float> Span(int slot, long length) => _buffer!.AsSpan<float>().Slice(_offsets[slot], length);

    public Matrix Matrix(int slot, int rows, int columns) => new(Span(slot, (long)rows * columns), rows, columns);

    public void Dispose()
    {
        _buffer?.Dispose();
        _buffer = null;
        Capacity = 0;
    }
}
