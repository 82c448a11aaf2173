using System.Diagnostics;

namespace MergeEngine.Tensors.Cpu.Probes;

/// <summary>One kernel as a share of what the machine can do, both measured in turn.</summary>
/// <param name="Name">What ran, with its size.</param>
/// <param name="Rate">Best of the rounds, in <paramref name="Unit"/>.</param>
/// <param name="Ceiling">Best of the rounds of multiply-adds without memory, or of a plain copy, in the same unit.</param>
/// <param name="Unit"><c>GFLOP/s</c>, or <c>GB/s</c> read and written.</param>
public sealed record KernelRate(string Name, double Rate, double Ceiling, string Unit)
{
    public double Share => Rate / Ceiling;
}

/// <summary>Quick figures for a user's own machine; the benchmarks of the repository measure more, and longer.</summary>
public static class KernelThroughput
{
    private const int Rounds = 7;

    /// <summary>Square float32 matrix products C ← A·Bᵀ beside the multiply-add peak.</summary>
    public static IEnumerable<KernelRate> Products(CpuDevice device, CancellationToken cancellation = default)
    {
        foreach (int size in new[] { 512, 1024, 2048 })
        {
            using DeviceBuffer a = Ones(device, (long)size * size), b = Ones(device, (long)size * size), c = device.Allocate<float>((long)size * size);
            Matrix left = new(a.AsSpan<float>(), size, size), right = new(b.AsSpan<float>(), size, size), product = new(c.AsSpan<float>(), size, size);
            yield return Measure(
                $"product {size} x {size} x {size}", "GFLOP/s", 2e-9 * size * size * size, () => device.Operations.MatrixProduct(product, left, right, transposeB: true),
                () => MachineProbe.MultiplyAddPeak(device.Pool, device.Simd), cancellation);
        }
    }

    /// <summary>Passes over vectors well beyond the caches beside a copy.</summary>
    public static IEnumerable<KernelRate> Elementwise(CpuDevice device, CancellationToken cancellation = default)
    {
        const long length = 32 << 20;
        using DeviceBuffer x = Ones(device, length), y = Ones(device, length), z = Ones(device, length), result = device.Allocate<float>(length);
        DeviceSpan<float> target = result.AsSpan<float>(), a = x.AsSpan<float>(), b = y.AsSpan<float>(), c = z.AsSpan<float>();
        double gigabytes = 4e-9 * length;
        double Copy() => MachineProbe.CopyBandwidth(device.Pool, (nuint)(4 * length));
        yield return Measure("subtract", "GB/s", 3 * gigabytes, () => device.Operations.Subtract(target, a, b), Copy, cancellation);
        yield return Measure("base + weighted sum of 2", "GB/s", 4 * gigabytes, () => device.Operations.AddWeightedSum(target, a, [b, c], [0.5f, 0.25f]), Copy, cancellation);
        yield return Measure("dot product in float64", "GB/s", 2 * gigabytes, () => device.Operations.Dot(a, b), Copy, cancellation);
    }

    private static KernelRate Measure(string name, string unit, double work, Action kernel, Func<double> ceiling, CancellationToken cancellation)
    {
        kernel();
        double rate = 0, most = 0;
        for (int round = 0; round < Rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            most = Math.Max(most, ceiling());
            long start = Stopwatch.GetTimestamp();
            kernel();
            rate = Math.Max(rate, work / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return new KernelRate(name, rate, most, unit);
    }

    private static DeviceBuffer Ones(CpuDevice device, long length)
    {
        DeviceBuffer buffer = device.Allocate<float>(length);
        device.Operations.Fill(buffer.AsSpan<float>(), 1);
        return buffer;
    }
}
