using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Operations;

/// <summary>
/// The operations of a device. Public methods check their arguments once for all devices and call a protected abstract method that a
/// device implements; each part of the set stands in a file of its own.
/// </summary>
/// <remarks>
/// Conventions, after llm.c: activations are overwritten, gradients of <em>parameters</em> are added to (so that batches accumulate),
/// gradients of <em>activations</em> are overwritten unless <c>accumulate</c> says otherwise. Arithmetic is float32, statistics are
/// float64. Spans that are <c>default</c> mean "not wanted". Outputs may alias inputs only where a method says so. Every reduction has
/// a fixed order, so results do not depend on the number of threads. Calls from one thread run in the order given; they may return before
/// the work is done except where they return a value to the host. Calls from several threads are safe, and their order is the callers'
/// own: as long as no two of them write, or write and read, the same memory, each gets what it would get alone. A span that is missing, too short or of another
/// device, and a matrix of another shape, is an <see cref="ArgumentException"/> before anything is computed; [n] stands for a span of n elements or more.
/// </remarks>
public abstract partial class OperationSet
{
    protected OperationSet(Device device) => Device = device;

    /// <summary>Whose operations these are; the memory of every argument is its own.</summary>
    public Device Device { get; }

    /// <summary>Refuses a span of another device, or one that is too short. <c>default</c> passes if <paramref name="optional"/>.</summary>
    private protected void Check<T>(DeviceSpan<T> span, long length, bool optional = false, [CallerArgumentExpression(nameof(span))] string name = "")
        where T : unmanaged
    {
        if (span.IsNone)
        {
            if (!optional && length > 0) ThrowMissing(name);
            return;
        }

        if (!ReferenceEquals(span.Buffer.Device, Device)) ThrowDevice(name, span.Buffer.Device);
        if (span.Length < length) ThrowShort(name, span.Length, length);
    }

    /// <summary>Refuses a matrix of another device or another shape. <c>default</c> passes if <paramref name="optional"/>.</summary>
    private protected void Check(Matrix matrix, int rows, int columns, bool optional = false, [CallerArgumentExpression(nameof(matrix))] string name = "")
    {
        if (matrix.IsNone)
        {
            if (!optional && (long)rows * columns > 0) ThrowMissing(name);
            return;
        }

        if (!ReferenceEquals(matrix.Data.Buffer.Device, Device)) ThrowDevice(name, matrix.Data.Buffer.Device);
        if (matrix.Rows != rows || matrix.Columns != columns) ThrowShape(name, matrix, rows, columns);
    }

    private protected static void CheckRowsPerSample(int rows, int rowsPerSample)
    {
        if (rowsPerSample <= 0 || rows % rowsPerSample != 0)
            throw new ArgumentException($"{rows} rows are not a whole number of samples of {rowsPerSample} rows.", nameof(rowsPerSample));
    }

    /// <summary>Rows of each of <paramref name="samples"/> samples; 0 where there are neither rows nor samples.</summary>
    private protected static int RowsOfEach(int rows, int samples)
    {
        if (samples < 0 || (samples == 0 ? rows != 0 : rows % samples != 0))
            throw new ArgumentException($"{rows} rows cannot be shared by {samples} samples.", nameof(rows));
        return samples == 0 ? 0 : rows / samples;
    }

    [DoesNotReturn]
    private static void ThrowMissing(string name) => throw new ArgumentException($"'{name}' was not given.", name);

    [DoesNotReturn]
    private void ThrowDevice(string name, Device other) =>
        throw new ArgumentException($"'{name}' is memory of {Device.DescribeOther(other)}, the operation runs on '{Device.Name}'.", name);

    [DoesNotReturn]
    private static void ThrowShort(string name, long found, long expected) =>
        throw new ArgumentException($"'{name}' has {found} elements, {expected} are needed.", name);

    [DoesNotReturn]
    private static void ThrowShape(string name, Matrix matrix, int rows, int columns) =>
        throw new ArgumentException($"'{name}' is [{matrix.Rows}, {matrix.Columns}], [{rows}, {columns}] is needed.", name);
}
