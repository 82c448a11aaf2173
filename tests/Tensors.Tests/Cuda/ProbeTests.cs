using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>A ceiling is one only if the probe does its work.</summary>
public sealed class ProbeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(1023)]
    [InlineData(1024)]
    [InlineData(5000)]
    public void Both_copies_copy_every_byte_and_none_beyond(int packets)
    {
        using CudaDevice device = CudaUnderTest.Open();
        var bytes = new byte[16 * (packets + 1)];
        new Random(packets).NextBytes(bytes);
        using DeviceBuffer source = device.Allocate(bytes.Length), byKernel = device.Allocate(bytes.Length), byDriver = device.Allocate(bytes.Length);
        device.Upload<byte>(bytes, source.AsSpan<byte>());
        double seconds = device.Time(() =>
        {
            var arguments = new CopyProbeArguments { Source = source.Address, Target = byKernel.Address, Packets = packets };
            device.Launch(ProbeKernels.Copy, Grid.Over(16L * packets, ProbeKernels.CopyBlock), arguments);
            device.CopyByDriver(byDriver.Address, source.Address, 16L * packets);
        });
        Assert.True(seconds >= 0);
        bytes.AsSpan(16 * packets).Clear();
        Assert.Equal(bytes, byKernel.AsSpan<byte>().ToHost());
        Assert.Equal(bytes, byDriver.AsSpan<byte>().ToHost());
    }

    [Theory]
    [InlineData(Precision.Float32, 8L * 8 * 8 * 64)]
    [InlineData(Precision.TF32, 8L * 8 * 8 * 2048)]
    [InlineData(Precision.BF16, 8L * 8 * 8 * 4096)]
    public void Arithmetic_is_counted_in_operations_of_the_precision(Precision precision, long operations)
    {
        CudaUnderTest.RequireEmulated();
        using CudaDevice device = CudaUnderTest.Open(precision);
        using (DeviceProbe probe = DeviceProbe.For(device)) Assert.Equal(operations, probe.TimeArithmetic().Operations);
        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void Only_devices_made_for_speed_are_measured()
    {
        using Device reference = Device.Open("reference");
        Assert.Throws<NotSupportedException>(() => KernelThroughput.Products(reference, ProductShape.Squares).ToList());
    }
}
