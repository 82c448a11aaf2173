using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Probes;

/// <summary>Quick figures for a user's own machine; the benchmarks of the repository measure more, and longer.</summary>
public static class KernelThroughput
{
    /// <summary>Of the smallest products as many fit into the memory that is gone through; more than this only takes time to make ready.</summary>
    private const int MostWeights = 1 << 12;

    /// <summary>Seconds that a product is measured for, the peak beside it apart.</summary>
    private const double Budget = 0.3;

    /// <summary>Rounds shorter than this measure the clock.</summary>
    private const double ShortestRound = 0.5e-3;

    /// <summary>The products that say most about a device: squares and layers of models, small ones on an emulated device.</summary>
    /// <exception cref="NotSupportedException">The device is not one whose speed matters.</exception>
    public static IReadOnlyList<ProductShape> ProductShapes(Device device)
    {
        using DeviceProbe probe = DeviceProbe.For(device);
        return probe.Products;
    }

    /// <summary>Matrix products C ← A·Bᵀ in the device's precision beside its multiply-add peak.</summary>
    /// <param name="device">Where.</param>
    /// <param name="shapes">Which; see <see cref="ProductShapes"/>.</param>
    /// <param name="rounds">How often each; 0 for as often as fits into a fraction of a second.</param>
    /// <param name="cancellation">Checked before every round.</param>
    /// <exception cref="NotSupportedException">The device is not one whose speed matters.</exception>
    /// <exception cref="InsufficientMemoryException">The host has not enough memory for one of the shapes; nothing is measured.</exception>
    public static IEnumerable<ProductRate> Products(Device device, IEnumerable<ProductShape> shapes, int rounds = 0, CancellationToken cancellation = default)
    {
        using DeviceProbe probe = DeviceProbe.For(device);
        // All of them before the first: a table that ends in its middle is no table.
        ProductShape[] all = [.. shapes];
        foreach (ProductShape shape in all) (device as HostDevice)?.RequireAvailable(BytesOf(device, probe, shape), $"the product {shape}");
        foreach (ProductShape shape in all) yield return Product(device, probe, shape, rounds, cancellation);
    }

    /// <summary>Passes over vectors well beyond the caches beside a copy; bytes are what a pass must read and write.</summary>
    /// <param name="device">Where.</param>
    /// <param name="rounds">How often each; 0 for the device's own number.</param>
    /// <param name="cancellation">Checked before every round.</param>
    /// <exception cref="NotSupportedException">The device is not one whose speed matters.</exception>
    public static IEnumerable<VectorRate> Elementwise(Device device, int rounds = 0, CancellationToken cancellation = default)
    {
        using DeviceProbe probe = DeviceProbe.For(device);
        using DeviceBuffer memory = Filled(device, probe.PassBytes / sizeof(float)), one = device.Allocate<double>(1);
        if (rounds == 0) rounds = probe.Rounds;
        foreach (VectorPass pass in VectorPass.All(device, memory.AsSpan<float>(), one.AsSpan<double>()))
        {
            double[] times = new double[rounds], copies = new double[rounds], shares = new double[rounds];
            pass.Run();
            probe.TimeCopy();
            for (int round = 0; round < rounds; round++)
            {
                cancellation.ThrowIfCancellationRequested();
                copies[round] = probe.TimeCopy();
                times[round] = probe.Time(pass.Run);
                shares[round] = pass.Bytes / times[round] / (probe.PassBytes / copies[round]);
            }

            double rate = pass.Bytes / 1e9 / probe.Typical(times), copy = probe.PassBytes / 1e9 / probe.Typical(copies);
            yield return new VectorRate(pass.Name, rate, pass.Bytes / 1e9 / Median(times), copy, rate / copy, Median(shares));
        }
    }

    private static bool IsSkinny(ProductShape shape) => shape.M <= ProductShape.SkinnyRows;

    /// <summary>How many weights take turns, so that each comes from memory; of weights of a few numbers no more than can be told apart.</summary>
    private static int WeightsOf(DeviceProbe probe, ProductShape shape) =>
        IsSkinny(shape) ? (int)Math.Clamp(probe.PassBytes / 2 / (sizeof(float) * (long)shape.N * shape.K), 1, MostWeights) : 1;

    /// <summary>Bytes that <see cref="Product"/> holds at once; packed weights lie beside those as they are.</summary>
    private static long BytesOf(Device device, DeviceProbe probe, ProductShape shape)
    {
        long packed = IsSkinny(shape) && device.Operations.PacksWeights ? PackedBytes(device, shape) : 0;
        return (sizeof(float) * (((long)shape.M * shape.K) + ((long)shape.M * shape.N))) + (WeightsOf(probe, shape) * ((sizeof(float) * (long)shape.N * shape.K) + packed)) + probe.PassBytes;
    }

    /// <summary>Of one weight, in whole cache lines, so that every weight starts on one.</summary>
    private static long PackedBytes(Device device, ProductShape shape) => (device.Operations.PackedWeightBytes(shape.N, shape.K) + 63) / 64 * 64;

    private static ProductRate Product(Device device, DeviceProbe probe, ProductShape shape, int rounds, CancellationToken cancellation)
    {
        bool isSkinny = IsSkinny(shape);
        long weight = (long)shape.N * shape.K;
        int weights = WeightsOf(probe, shape);
        using DeviceBuffer a = Filled(device, (long)shape.M * shape.K), b = Filled(device, weights * weight), c = device.Allocate<float>((long)shape.M * shape.N);
        Matrix left = new(a.AsSpan<float>(), shape.M, shape.K), product = new(c.AsSpan<float>(), shape.M, shape.N);
        Matrix Weight(int i) => new(b.AsSpan<float>().Slice(i * weight, weight), shape.N, shape.K);
        Matrix first = Weight(0);
        void Multiply() => device.Operations.MatrixProduct(product, left, first, transposeB: true);
        void MultiplyEach()
        {
            for (int i = 0; i < weights; i++) device.Operations.MatrixProduct(product, left, Weight(i), transposeB: true);
        }

        Multiply();
        probe.TimeArithmetic();
        double estimate = Math.Max(1e-7, probe.Time(Multiply));
        int repeats = (int)Math.Clamp(Math.Ceiling(ShortestRound / estimate), 1, 1000);
        if (rounds == 0) rounds = probe.RoundsWithin(Budget, repeats * estimate);
        double[] times = new double[rounds], ceilings = new double[rounds], shares = new double[rounds];
        for (int round = 0; round < rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            (double seconds, double operations) = probe.TimeArithmetic();
            ceilings[round] = seconds / operations;
            times[round] = probe.Time(() =>
            {
                for (int i = 0; i < repeats; i++) Multiply();
            }) / repeats;
            shares[round] = shape.Operations * ceilings[round] / times[round];
        }

        FromMemory? memory = isSkinny ? MeasureFromMemory(device, probe, shape, b.AsSpan<float>(), left, product, Math.Min(rounds, probe.Rounds), MultiplyEach) : null;
        double rate = 1e-9 * shape.Operations / probe.Typical(times), peak = 1e-9 / probe.Typical(ceilings);
        return new ProductRate(shape.M, shape.N, shape.K, rate, 1e-9 * shape.Operations / Median(times), peak, rate / peak, Median(shares), memory?.Gbps, memory?.Share, memory?.PackedGbps, memory?.PackedShare);
    }

    /// <summary>
    /// Products whose weights come from memory, as they are and packed before, as inference has them: GB of weights in a second, and the floor's share of the time. Both have the floor of the same
    /// rounds: bytes at the rate of reading alone or operations at the peak, whichever takes longer.
    /// </summary>
    private static FromMemory MeasureFromMemory(
        Device device, DeviceProbe probe, ProductShape shape, DeviceSpan<float> weights, Matrix left, Matrix product, int rounds, Action multiplyEach)
    {
        long weight = (long)shape.N * shape.K, bytes = device.Operations.PacksWeights ? PackedBytes(device, shape) : 0;
        int count = (int)(weights.Length / weight);
        var packed = new PackedWeight[bytes > 0 ? count : 0];
        using DeviceBuffer memory = device.Allocate(Math.Max(1, bytes * packed.Length));
        for (int i = 0; i < packed.Length; i++)
        {
            packed[i] = new PackedWeight(memory.AsSpan<byte>().Slice(i * bytes, bytes), shape.N, shape.K);
            device.Operations.PackWeight(packed[i], new Matrix(weights.Slice(i * weight, weight), shape.N, shape.K));
        }

        void MultiplyPacked()
        {
            foreach (PackedWeight each in packed) device.Operations.LinearForward(product, left, each);
        }

        double[] times = new double[rounds], packedTimes = new double[rounds], floors = new double[rounds];
        multiplyEach();
        MultiplyPacked();
        probe.TimeRead();
        for (int round = 0; round < rounds; round++)
        {
            double read = shape.WeightBytes * probe.TimeRead() / probe.PassBytes;
            (double seconds, double operations) = probe.TimeArithmetic();
            floors[round] = count * Math.Max(read, shape.Operations * seconds / operations);
            times[round] = probe.Time(multiplyEach);
            packedTimes[round] = probe.Time(MultiplyPacked);
        }

        double gigabytes = count * shape.WeightBytes / 1e9, floor = probe.Typical(floors), time = probe.Typical(times), packedTime = probe.Typical(packedTimes);
        return packed.Length > 0 ? new FromMemory(gigabytes / time, floor / time, gigabytes / packedTime, floor / packedTime) : new FromMemory(gigabytes / time, floor / time, null, null);
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

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

    private sealed record FromMemory(double Gbps, double Share, double? PackedGbps, double? PackedShare);
}
