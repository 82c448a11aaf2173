using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Probes;

/// <summary>Quick figures for a user's own machine; the benchmarks of the repository measure more, and longer.</summary>
public static class KernelThroughput
{
    /// <summary>Square matrix products C ← A·Bᵀ in the device's precision beside its multiply-add peak.</summary>
    /// <exception cref="NotSupportedException">The device is not one whose speed matters.</exception>
    public static IEnumerable<KernelRate> Products(Device device, CancellationToken cancellation = default)
    {
        using DeviceProbe probe = DeviceProbe.For(device);
        foreach (int size in probe.ProductSizes)
        {
            long length = (long)size * size;
            using DeviceBuffer a = Filled(device, length), b = Filled(device, length), c = device.Allocate<float>(length);
            Matrix left = new(a.AsSpan<float>(), size, size), right = new(b.AsSpan<float>(), size, size), product = new(c.AsSpan<float>(), size, size);
            var times = new double[probe.Rounds];
            var ceilings = new double[probe.Rounds];
            void Multiply() => device.Operations.MatrixProduct(product, left, right, transposeB: true);
            Multiply();
            probe.TimeArithmetic();
            for (int round = 0; round < times.Length; round++)
            {
                cancellation.ThrowIfCancellationRequested();
                (double seconds, double operations) = probe.TimeArithmetic();
                ceilings[round] = seconds / operations;
                times[round] = probe.Time(Multiply);
            }

            yield return new KernelRate($"product {size} x {size} x {size}", 2e-9 * size * length / probe.Typical(times), 1e-9 / probe.Typical(ceilings), "GFLOP/s");
        }
    }

    /// <summary>Passes over vectors well beyond the caches beside a copy; bytes are what a pass must read and write.</summary>
    /// <exception cref="NotSupportedException">The device is not one whose speed matters.</exception>
    public static IEnumerable<KernelRate> Elementwise(Device device, CancellationToken cancellation = default)
    {
        using DeviceProbe probe = DeviceProbe.For(device);
        using DeviceBuffer memory = Filled(device, probe.PassBytes / sizeof(float)), one = device.Allocate<double>(1);
        foreach (VectorPass pass in VectorPass.All(device, memory.AsSpan<float>(), one.AsSpan<double>()))
        {
            double[] times = new double[probe.Rounds], copies = new double[probe.Rounds];
            pass.Run();
            probe.TimeCopy();
            for (int round = 0; round < times.Length; round++)
            {
                cancellation.ThrowIfCancellationRequested();
                copies[round] = probe.TimeCopy();
                times[round] = probe.Time(pass.Run);
            }

            yield return new KernelRate(pass.Name, pass.Bytes / 1e9 / probe.Typical(times), probe.PassBytes / 1e9 / probe.Typical(copies), "GB/s");
        }
    }

    /// <summary>Positive numbers of the size and spread that weights have.</summary>
    private static DeviceBuffer Filled(Device device, long length)
    {
        var random = new PhiloxStream(1, "bench");
        var block = new float[Math.Min(length, 1 << 20)];
        for (int i = 0; i < block.Length; i++) block[i] = 0.02f * Math.Abs(random.NextGaussian());
        DeviceBuffer buffer = device.Allocate<float>(length);
        for (long start = 0; start < length; start += block.Length)
            device.Upload(block.AsSpan(0, (int)Math.Min(block.Length, length - start)), buffer.AsSpan<float>().Slice(start));
        return buffer;
    }
}
