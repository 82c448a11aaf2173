using System.Runtime.InteropServices;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>
/// Memory of one case on one device: the same inputs on every device, results as bits. Every buffer ends in guard bytes that are checked
/// when the results are read.
/// </summary>
public sealed class VectorRun(Device device, int length) : IDisposable
{
    private const int GuardBytes = 72;
    private const byte Guard = 0xA5;
    private readonly List<DeviceBuffer> _buffers = [];
    private readonly List<(string Name, Func<ulong[]> Read)> _results = [];

    public int Length { get; } = length;

    public OperationSet Operations => device.Operations;

    /// <summary>Vector <paramref name="k"/> of the test inputs, starting at an address that no vector register is aligned to.</summary>
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
        foreach (DeviceBuffer buffer in _buffers)
        {
            ReadOnlySpan<byte> bytes = buffer.AsSpan<byte>().ToHost();
            Assert.True(bytes[^GuardBytes..].IndexOfAnyExcept(Guard) < 0, $"Memory behind a vector of {Length} elements was written.");
            Assert.True(bytes[..4].IndexOfAnyExcept(Guard) < 0, $"Memory before a vector of {Length} elements was written.");
        }

        return [.. _results.Select(r => (r.Name, r.Read()))];
    }

    public DeviceSpan<T> Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        int bytes = values.Length * Marshal.SizeOf<T>(), offset = Marshal.SizeOf<T>() < 4 ? 4 : Marshal.SizeOf<T>();
        DeviceBuffer buffer = device.Allocate(offset + bytes + GuardBytes);
        _buffers.Add(buffer);
        var guards = new byte[buffer.ByteLength];
        guards.AsSpan().Fill(Guard);
        device.Upload<byte>(guards, buffer.AsSpan<byte>());
        DeviceSpan<T> span = buffer.AsSpan<T>().Slice(offset / Marshal.SizeOf<T>(), values.Length);
        device.Upload(values, span);
        return span;
    }

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
    }
}
