using System.Runtime.InteropServices;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Support;

/// <summary>
/// The memory of one run of an <see cref="OperationCase"/> on one device. Values are random but the same for every device, since they come
/// from the case's seed. Each allocation ends in guard elements, and the gaps of strided matrices hold a pattern: both are checked after
/// the run, so an operation that writes where it should not fails here rather than in a neighbour.
/// </summary>
public sealed class OperationRun : IDisposable
{
    private const int Guard = 37;
    private const float GuardValue = -7.25e33f;

    private readonly List<DeviceBuffer> _buffers = [];
    private readonly List<(DeviceSpan<float> Data, int Rows, int Columns, int Stride)> _guarded = [];
    private readonly List<(string Name, Func<double[]> Read)> _results = [];
    private readonly Random _random;

    public OperationRun(Device device, int seed)
    {
        Device = device;
        _random = new Random(seed);
    }

    public Device Device { get; }

    public OperationSet Operations => Device.Operations;

    /// <summary>The case's own source of random numbers, for host-side inputs.</summary>
    public Random Random => _random;

    /// <summary>A vector of normal values.</summary>
    public DeviceSpan<float> Normal(long length, double scale = 1, double mean = 0) => Values(NormalArray(length, scale, mean));

    /// <summary>A matrix of normal values.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="gap">Elements between the end of a row and the next.</param>
    /// <param name="scale">Standard deviation.</param>
    /// <param name="mean">Mean.</param>
    public Matrix NormalMatrix(int rows, int columns, int gap = 0, double scale = 1, double mean = 0) =>
        MatrixOf(NormalArray((long)rows * columns, scale, mean), rows, columns, gap);

    /// <summary>A vector of the given values.</summary>
    public DeviceSpan<float> Values(ReadOnlySpan<float> values) => MatrixOf(values, 1, values.Length, 0).Data;

    /// <summary>A matrix of the given values, row by row.</summary>
    public Matrix MatrixOf(ReadOnlySpan<float> values, int rows, int columns, int gap = 0)
    {
        int stride = columns + gap;
        var host = new float[((long)Math.Max(rows, 1) * stride) + Guard];
        Array.Fill(host, GuardValue);
        for (int r = 0; r < rows; r++) values.Slice(r * columns, columns).CopyTo(host.AsSpan(r * stride));
        DeviceSpan<float> span = Upload<float>(host);
        _guarded.Add((span, rows, columns, stride));
        return new Matrix(span.Slice(0, host.Length - Guard), rows, columns, stride);
    }

    /// <summary>A vector that the operation overwrites: it holds NaN before.</summary>
    public DeviceSpan<float> Output(string name, long length)
    {
        DeviceSpan<float> span = OutputMatrix(null, 1, checked((int)length), 0).Data;
        Result(name, span);
        return span;
    }

    /// <summary>A matrix that the operation overwrites: it holds NaN before.</summary>
    public Matrix OutputMatrix(string? name, int rows, int columns, int gap = 0)
    {
        var nan = new float[(long)rows * columns];
        Array.Fill(nan, float.NaN);
        Matrix matrix = MatrixOf(nan, rows, columns, gap);
        if (name is not null) Result(name, matrix);
        return matrix;
    }

    /// <summary>Memory of any element type with the given values.</summary>
    public DeviceSpan<T> Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        DeviceBuffer buffer = Device.Allocate<T>(values.Length);
        _buffers.Add(buffer);
        DeviceSpan<T> span = buffer.AsSpan<T>();
        Device.Upload(values, span);
        return span;
    }

    /// <summary>Declares something that the operation writes, to be compared.</summary>
    public void Result<T>(string name, DeviceSpan<T> span)
        where T : unmanaged => _results.Add((name, () => ToDouble(Download(span))));

    /// <summary>Declares a matrix that the operation writes, to be compared without its gaps.</summary>
    public void Result(string name, Matrix matrix) => _results.Add((name, () =>
    {
        if (matrix.Rows == 0) return [];
        double[] all = ToDouble(Download(matrix.Data));
        var values = new double[(long)matrix.Rows * matrix.Columns];
        for (int r = 0; r < matrix.Rows; r++) Array.Copy(all, (long)r * matrix.Stride, values, (long)r * matrix.Columns, matrix.Columns);
        return values;
    }
    ));

    /// <summary>Declares values on the host that the operation fills in.</summary>
    public void Result(string name, Func<double[]> read) => _results.Add((name, read));

    /// <summary>Everything that was declared, read back; checks guards and gaps.</summary>
    public IReadOnlyList<(string Name, double[] Values)> Read()
    {
        Device.Synchronize();
        foreach (var (data, rows, columns, stride) in _guarded)
        {
            float[] values = Download(data);
            for (long i = 0; i < values.Length; i++)
            {
                bool inside = i < (long)rows * stride && i % stride < columns;
                if (!inside && values[i] != GuardValue)
                    Assert.Fail($"Element {i} of [{rows}, {columns}] with stride {stride} lies outside and was written: {values[i]}.");
            }
        }

        return [.. from result in _results select (result.Name, result.Read())];
    }

    public float[] NormalArray(long length, double scale = 1, double mean = 0)
    {
        var values = new float[length];
        for (long i = 0; i < length; i += 2)
        {
            // Box and Muller's transform gives two values.
            double radius = scale * Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble()));
            (double sin, double cos) = Math.SinCos(2 * Math.PI * _random.NextDouble());
            values[i] = (float)(mean + (radius * cos));
            if (i + 1 < length) values[i + 1] = (float)(mean + (radius * sin));
        }

        return values;
    }

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
    }

    private T[] Download<T>(DeviceSpan<T> span)
        where T : unmanaged
    {
        var host = new T[span.Length];
        Device.Download(span, host);
        return host;
    }

    private static double[] ToDouble<T>(T[] values)
        where T : unmanaged => values switch
        {
            float[] floats => Array.ConvertAll(floats, f => (double)f),
            double[] doubles => doubles,
            int[] integers => Array.ConvertAll(integers, i => (double)i),
            byte[] bytes => Array.ConvertAll(bytes, b => (double)b),
            _ => Array.ConvertAll(MemoryMarshal.AsBytes<T>(values).ToArray(), b => (double)b),
        };
}
