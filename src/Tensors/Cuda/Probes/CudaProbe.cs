using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Tensors.Cuda.Probes;

/// <summary>The events and the ceilings of a GPU. Several calls run between two events, so that the way to the GPU is hidden behind them.</summary>
internal sealed class CudaProbe : DeviceProbe
{
    private const int Factor = 16;

    private readonly CudaDevice _device;
    private readonly bool _emulated;
    private readonly DeviceBuffer _source, _target;

    public CudaProbe(CudaDevice device)
    {
        _device = device;
        _emulated = device.Name == "emulated";
        _source = device.Allocate(PassBytes / 2);
        try
        {
            _target = device.Allocate(PassBytes / 2);
        }
        catch
        {
            _source.Dispose();
            throw;
        }
    }

    /// <summary>A GPU's second-level cache has some 50 MB. The emulated device only shows that the benchmark works.</summary>
    public override long PassBytes => _emulated ? 1 << 20 : 1 << 30;

    public override IReadOnlyList<ProductShape> Products => _emulated ? Squares(64, 96) : [.. Squares(1024, 2048, 4096, 8192), .. ProductShape.Models];

    public override int Rounds => _emulated ? 2 : 21;

    private int Calls => _emulated ? 1 : 8;

    public override double Typical(double[] seconds) => seconds.Order().ElementAt(seconds.Length / 2);

    public override double Time(Action work) => _device.Time(() =>
    {
        for (int call = 0; call < Calls; call++) work();
    }) / Calls;

    /// <summary>The faster of the driver's copy and <c>probe_copy</c>.</summary>
    public override double TimeCopy() => Math.Min(Time(CopyByDriver), Time(CopyByKernel));

    public override (double Seconds, double Operations) TimeArithmetic()
    {
        // A warp's product of 16 x 8 x 8 (TF32) or 16 x 8 x 16 (BF16), or 32 multiply-adds.
        (Kernel<ArithmeticProbeArguments> kernel, double operations) = _device.Precision switch
        {
            Precision.TF32 => (ProbeKernels.Tf32, 2.0 * 16 * 8 * 8),
            Precision.BF16 => (ProbeKernels.Bf16, 2.0 * 16 * 8 * 16),
            _ => (ProbeKernels.MultiplyAdds, 2.0 * 32),
        };
        var arguments = new ArithmeticProbeArguments { Result = _target.Address, Rounds = _emulated ? 8 : 4096, Factor = 0.5f };
        var grid = new Grid(_emulated ? 1 : _device.Multiprocessors * Factor);
        double seconds = Time(() => _device.Launch(kernel, grid, arguments));
        return (seconds, operations * ProbeKernels.Chains * arguments.Rounds * grid.X * (kernel.Threads / 32));
    }

    public override void Dispose()
    {
        _source.Dispose();
        _target.Dispose();
    }

    private static ProductShape[] Squares(params int[] sizes) => [.. sizes.Select(n => new ProductShape(n, n, n))];

    /// <summary>Puts a copy by the driver on the stream; called inside a measurement.</summary>
    internal void CopyByDriver() => _device.CopyByDriver(_target.Address, _source.Address, _source.ByteLength);

    /// <summary>Puts a copy by <c>probe_copy</c> on the stream; called inside a measurement.</summary>
    internal void CopyByKernel() => _device.Launch(
        ProbeKernels.Copy, Grid.Over(_source.ByteLength, ProbeKernels.CopyBlock), new CopyProbeArguments { Source = _source.Address, Target = _target.Address, Packets = _source.ByteLength / 16 });
}
