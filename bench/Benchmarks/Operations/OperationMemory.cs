using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Benchmarks.Operations;

/// <summary>
/// The buffers that an operation works on, with the same values on every device, small ones to check and large ones to time. After a check every buffer is compared, whether the operation
/// was to write it or not.
/// </summary>
internal sealed class OperationMemory(Device device, bool large) : IDisposable
{
    private const int Table = 1 << 20;

    private readonly List<DeviceBuffer> _buffers = [];
    private readonly List<Func<double[]>> _readers = [];
    private VectorMemory? _vectors;

    public OperationSet Operations => device.Operations;

    /// <summary>Elements of a flat vector.</summary>
    public long VectorLength { get; init; } = large ? 48_000_000 : 5_000;

    /// <summary>What operations over vectors share; made when it is first asked for.</summary>
    public VectorMemory Vectors => _vectors ??= new VectorMemory(this);

    /// <summary>What an operation returned to the host, if it did.</summary>
    public double Answer { get; set; }

    /// <summary>Counts that an operation returned to the host, if it did.</summary>
    public long[] Counts { get; } = new long[2048];

    public int Pick(int small, int big) => large ? big : small;

    /// <summary>Normal numbers; beyond a million they repeat.</summary>
    public DeviceSpan<float> Normal(long length, double deviation = 1, double mean = 0)
    {
        var random = new PhiloxStream(1, $"buffer {_buffers.Count}");
        var block = new float[Math.Min(length, Table)];
        for (int i = 0; i < block.Length; i++) block[i] = (float)(mean + (deviation * random.NextGaussian()));
        return Filled<float>(length, block, value => value);
    }

    public Matrix NormalMatrix(int rows, int columns, double deviation = 1) => new(Normal((long)rows * columns, deviation), rows, columns);

    public DeviceSpan<float> Zeros(long length) => Filled<float>(length, new float[Math.Min(length, Table)], value => value);

    public Matrix ZeroMatrix(int rows, int columns) => new(Zeros((long)rows * columns), rows, columns);

    /// <summary>Absolute values of normal numbers.</summary>
    public DeviceSpan<float> Positive(long length, double deviation = 1)
    {
        var random = new PhiloxStream(1, $"buffer {_buffers.Count}");
        var block = new float[Math.Min(length, Table)];
        for (int i = 0; i < block.Length; i++) block[i] = (float)(0.1 + (deviation * Math.Abs(random.NextGaussian())));
        return Filled<float>(length, block, value => value);
    }

    public DeviceSpan<int> Indices(long length, int below)
    {
        var random = new PhiloxStream(1, $"buffer {_buffers.Count}");
        var block = new int[Math.Min(length, Table)];
        for (int i = 0; i < block.Length; i++) block[i] = random.NextInt(below);
        return Filled<int>(length, block, value => value);
    }

    public DeviceSpan<double> Doubles(long length) => Filled<double>(length, new double[Math.Min(length, Table)], value => value);

    public DeviceSpan<byte> Bytes(long length) => Filled<byte>(length, new byte[Math.Min(length, Table)], value => value);

    /// <summary>Memory in an order of the device's own, which is not compared.</summary>
    public DeviceSpan<byte> Uncompared(long length)
    {
        DeviceBuffer buffer = device.Allocate(length);
        _buffers.Add(buffer);
        return buffer.AsSpan<byte>();
    }

    /// <summary>All buffers that are compared, in the order in which they were made, and what was returned.</summary>
    public IReadOnlyList<double[]> Read() => [.. _readers.Select(read => read()), [Answer], [.. Counts.Select(c => (double)c)]];

    public double[] Read(DeviceSpan<float> span)
    {
        var values = new float[span.Length];
        device.Download(span, values);
        return [.. values.Select(v => (double)v)];
    }

    public void Write(DeviceSpan<float> span, ReadOnlySpan<float> values) => device.Upload(values, span);

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
    }

    private DeviceSpan<T> Filled<T>(long length, T[] block, Func<T, double> toDouble)
        where T : unmanaged
    {
        DeviceBuffer buffer = device.Allocate<T>(length);
        _buffers.Add(buffer);
        DeviceSpan<T> span = buffer.AsSpan<T>();
        for (long start = 0; start < length; start += block.Length)
            device.Upload(block.AsSpan(0, (int)Math.Min(block.Length, length - start)), span.Slice(start));
        _readers.Add(() =>
        {
            var values = new T[length];
            device.Download(span, values);
            return [.. values.Select(toDouble)];
        });
        return span;
    }
}
