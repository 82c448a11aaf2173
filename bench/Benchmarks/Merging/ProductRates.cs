using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Benchmarks.Merging;

/// <summary>The rates of large square products in float64 and in float32, for what is measured in turn with them.</summary>
internal sealed unsafe class ProductRates : IDisposable
{
    private readonly CpuDevice _device;
    private readonly int _side;
    private readonly DoubleProduct _product;
    private readonly DeviceBuffer _doubles;
    private readonly DeviceBuffer _floats;

    public ProductRates(CpuDevice device, int side)
    {
        (_device, _side) = (device, side);
        _product = new DoubleProduct(device);
        long square = (long)side * side;
        (_doubles, _floats) = (device.Allocate<double>(3 * square), device.Allocate<float>(3 * square));
        var random = new Random(1);
        foreach (ref double value in _doubles.AsSpan<double>().HostSpan) value = random.NextDouble() - 0.5;
        foreach (ref float value in _floats.AsSpan<float>().HostSpan) value = random.NextSingle() - 0.5f;
    }

    /// <summary>Operations in a second of both.</summary>
    public (double Double, double Single) Measure()
    {
        double work = 2.0 * _side * _side * _side;
        return (
            work / DecompositionTable.Seconds(_device, () => _product.Multiply(Double(2), Double(0), false, Double(1), false)),
            work / DecompositionTable.Seconds(_device, () => _device.Operations.MatrixProduct(Single(2), Single(0), Single(1))));
    }

    public void Dispose()
    {
        _product.Dispose();
        _doubles.Dispose();
        _floats.Dispose();
    }

    private DoubleMatrix Double(int i) => new((double*)_doubles.Address + ((long)i * _side * _side), _side, _side);

    private Matrix Single(int i) => new(_floats.AsSpan<float>().Slice((long)i * _side * _side, (long)_side * _side), _side, _side);
}
