using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Benchmarks.Merging;

/// <summary>
/// The rates of large square products in float64 and in float32 for what is measured between them: of a round, the median of <see cref="Each"/> products before and as many after,
/// every time behind one that is not counted. A single product of some milliseconds behind other work finds threads asleep and caches cold, and its rate would flatter what is
/// compared with it.
/// </summary>
internal sealed unsafe class ProductRates : IDisposable
{
    /// <summary>For the lines above tables.</summary>
    public static readonly string About = $"Products have {Side} rows; their rate in a round is the median of {Each} warm ones before and {Each} after what is measured.";

    private const int Side = 1024, Each = 5;

    private readonly CpuDevice _device;
    private readonly DoubleProduct _product;
    private readonly DeviceBuffer _doubles;
    private readonly DeviceBuffer _floats;

    public ProductRates(CpuDevice device)
    {
        _device = device;
        _product = new DoubleProduct(device);
        const long square = (long)Side * Side;
        (_doubles, _floats) = (device.Allocate<double>(3 * square), device.Allocate<float>(3 * square));
        var random = new Random(1);
        foreach (ref double value in _doubles.AsSpan<double>().HostSpan) value = random.NextDouble() - 0.5;
        foreach (ref float value in _floats.AsSpan<float>().HostSpan) value = random.NextSingle() - 0.5f;
    }

    /// <summary>Operations in a second of both, around something that happens once.</summary>
    public (double Double, double Single) Around(Action work)
    {
        var doubles = new double[2 * Each];
        var singles = new double[2 * Each];
        Measure(doubles.AsSpan(0, Each), singles.AsSpan(0, Each));
        work();
        Measure(doubles.AsSpan(Each), singles.AsSpan(Each));
        const double operations = 2.0 * Side * Side * Side;
        return (operations / DecompositionTable.Median(doubles), operations / DecompositionTable.Median(singles));
    }

    /// <summary>A rate in float64, GFLOP/s, as a share of the best one of multiply-adds, which is measured in float32: half as many fit into a vector.</summary>
    public static double ShareOfPeak(double gflops, DeviceCeilings ceilings) => gflops / (ceilings.PeakGflops / 2);

    public void Dispose()
    {
        _product.Dispose();
        _doubles.Dispose();
        _floats.Dispose();
    }

    private void Measure(Span<double> doubles, Span<double> singles)
    {
        for (int i = -1; i < Each; i++)
        {
            double seconds = DecompositionTable.Seconds(_device, () => _product.Multiply(Double(2), Double(0), false, Double(1), false));
            if (i >= 0) doubles[i] = seconds;
        }

        for (int i = -1; i < Each; i++)
        {
            double seconds = DecompositionTable.Seconds(_device, () => _device.Operations.MatrixProduct(Single(2), Single(0), Single(1)));
            if (i >= 0) singles[i] = seconds;
        }
    }

    private DoubleMatrix Double(int i) => new((double*)_doubles.Address + ((long)i * Side * Side), Side, Side);

    private Matrix Single(int i) => new(_floats.AsSpan<float>().Slice((long)i * Side * Side, (long)Side * Side), Side, Side);
}
