using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Tensors.Tests.LinearAlgebra;

/// <summary>A decomposition that is asked to stop begins no further block of any of its steps, and writes nothing.</summary>
public sealed class StopTests
{
    private const int Rows = 640, Columns = 512, Count = 40;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_decomposition_stops_at_any_of_its_blocks(int threads)
    {
        using var device = new CpuDevice(threads);
        long all = Run(device, stopAt: -1, out float[] whole);
        // Products, band, waves of the chase, replay, divide and conquer, the other vectors.
        Assert.InRange(all, 300, 2000);
        foreach (long at in (ReadOnlySpan<long>)[0, 1, all / 10, all / 3, all / 2, all * 3 / 4, all - 1])
        {
            Assert.Equal(at, Run(device, at, out float[] result));
            Assert.All(result, x => Assert.Equal(7, x));
        }

        // The longest stretch between two of them is what a stop waits for: a small part of it all, as there are blocks in every step.
        Assert.Equal(all, Run(device, stopAt: -1, out float[] again));
        Assert.Equal(whole, again);
    }

    [Fact]
    public void Everything_that_decomposes_asks()
    {
        using var device = new CpuDevice(2);
        using var stop = new CancellationTokenSource();
        using var solver = new SingularValueSolver(device, stop.Token);
        using DeviceBuffer buffer = device.Allocate<float>(Rows * Columns);
        device.Operations.Fill(buffer.AsSpan<float>(), 1);
        var a = new Matrix(buffer.AsSpan<float>(), Rows, Columns);
        solver.Decompose(a, default, new float[1], default);
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => solver.Decompose(a, default, new float[1], default));
        Assert.Throws<OperationCanceledException>(() => solver.PolarFactor(a, a));
        using var truncated = new TruncatedSvd(device, stop.Token);
        Assert.Throws<OperationCanceledException>(() => truncated.Decompose(a, new Matrix(device.Allocate<float>(Rows).AsSpan<float>(), Rows, 1), new float[1], new Matrix(device.Allocate<float>(Columns).AsSpan<float>(), 1, Columns)));
    }

    /// <returns>Blocks that were begun, and the left vectors; sevens where none were written.</returns>
    private static long Run(CpuDevice device, long stopAt, out float[] left)
    {
        using var stop = new CancellationTokenSource();
        using var solver = new SingularValueSolver(device, stop.Token);
        using DeviceBuffer memory = device.Allocate<float>(Rows * Columns), u = device.Allocate<float>(Rows * Count), v = device.Allocate<float>(Count * Columns);
        var random = new Random(1);
        device.Upload<float>(Enumerable.Range(0, Rows * Columns).Select(_ => random.NextSingle() - 0.5f).ToArray(), memory.AsSpan<float>());
        device.Operations.Fill(u.AsSpan<float>(), 7);
        solver.Stop.Passing = passed =>
        {
            if (passed == stopAt) stop.Cancel();
        };
        bool stopped = false;
        try
        {
            solver.Decompose(new Matrix(memory.AsSpan<float>(), Rows, Columns), new Matrix(u.AsSpan<float>(), Rows, Count), new float[Count], new Matrix(v.AsSpan<float>(), Count, Columns));
        }
        catch (OperationCanceledException)
        {
            stopped = true;
        }

        Assert.Equal(stopAt >= 0, stopped);
        left = new float[Rows * Count];
        device.Download(u.AsSpan<float>(), left);
        return solver.Stop.Passed;
    }
}
