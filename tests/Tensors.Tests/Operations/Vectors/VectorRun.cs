using System.Runtime.InteropServices;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>
/// Memory of one case on one device: the same inputs on every device, results as bits. Every buffer ends in guard bytes that are checked
/// when the results are read.
/// </summary>
/// <param name="device">Where.</param>
/// <param name="length">Elements of a vector.</param>
/// <param name="place">Elements before the k-th vector in its buffer; without it a vector starts at an address that no vector register is aligned to.</param>
public sealed class VectorRun(Device device, int length, Func<int, int>? place = null) : IDisposable
{
    private const int GuardBytes = 72;
    private const byte Guard = 0xA5;
    private readonly List<(DeviceBuffer Buffer, int Before)> _buffers = [];
    private readonly List<(string Name, Func<ulong[]> Read)> _results = [];

    public int Length { get; } = length;

    public OperationSet Operations => device.Operations;

    /// <summary>Vector <paramref name="k"/> of the test inputs.</summary>
    public DeviceSpan<float> Input(int k) => Upload<float>(VectorInputs.Floats(k, Length));

    public DeviceSpan<float>[] Inputs(int count) => [.. Enumerable.Range(0, count).Select(Input)];

    /// <summary>Bytes of which about a third are 0, and the others anything.</summary>
    public DeviceSpan<byte> Mask() => Upload<byte>(VectorInputs.Bytes(Length));

    /// <summary>Float64 keys: small integers with many ties, some negative, NaN and infinite.</summary>
    public DeviceSpan<double> Keys() => Upload<double>(VectorInputs.Keys(Length));

    /// <summary>A result that holds rubbish before the call.</summary>
    public DeviceSpan<T> Output<T>()
        where T : unmanaged
    {
        var rubbish = new T[Length];
        MemoryMarshal.AsBytes(rubbish.AsSpan()).Fill(0x5A);
        return Result(Upload<T>(rubbish));
    }

    /// <summary>Declares memory that the call writes.</summary>
    public DeviceSpan<T> Result<T>(DeviceSpan<T> span)
        where T : unmanaged
    {
        _results.Add(($"{typeof(T).Name}[{span.Length}]", () => VectorInputs.ToBits(span.ToHost())));
        return span;
    }

    /// <summary>Declares numbers that the call returns.</summary>
    public void Result(string name, params long[] values) => _results.Add((name, () => [.. values.Select(v => (ulong)v)]));

    public IReadOnlyList<(string Name, ulong[] Bits)> Read()
    {
        foreach ((DeviceBuffer buffer, int before) in _buffers)
        {
            ReadOnlySpan<byte> bytes = buffer.AsSpan<byte>().ToHost();
            Assert.True(bytes[^GuardBytes..].IndexOfAnyExcept(Guard) < 0, $"Memory behind a vector of {Length} elements was written.");
            Assert.True(bytes[..before].IndexOfAnyExcept(Guard) < 0, $"Memory before a vector of {Length} elements was written.");
        }

        return [.. _results.Select(r => (r.Name, r.Read()))];
    }

    public DeviceSpan<T> Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        int size = Marshal.SizeOf<T>(), bytes = values.Length * size, offset = place is null ? Math.Max(size, 4) : place(_buffers.Count) * size;
        DeviceBuffer buffer = device.Allocate(offset + bytes + GuardBytes);
        _buffers.Add((buffer, offset));
        var guards = new byte[buffer.ByteLength];
        guards.AsSpan().Fill(Guard);
        device.Upload<byte>(guards, buffer.AsSpan<byte>());
        DeviceSpan<T> span = buffer.AsSpan<T>().Slice(offset / size, values.Length);
        device.Upload(values, span);
        return span;
    }

    public void Dispose()
    {
        foreach ((DeviceBuffer buffer, _) in _buffers) buffer.Dispose();
    }
}
