using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Probes;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Tensors.Tests.Cpu.Probes;

/// <summary>
/// Ceilings of memory are those of memory: pages that nobody has written are one page of zeros, which the nearest cache holds, and a copy of such pages seems to take half its time.
/// </summary>
public sealed unsafe class CpuProbeTests
{
    private const int Bytes = 4 << 20;

    [Fact]
    public void Memory_that_nobody_has_written_is_not_measured()
    {
        using var device = new CpuDevice(1);
        using var pool = new WorkerPool(1);
        using DeviceBuffer fresh = device.Allocate(Bytes);
        ArithmeticException refused = Assert.Throws<ArithmeticException>(() => MachineProbe.ReadSeconds(pool, device.Simd, (byte*)fresh.Address, Bytes));
        Assert.Contains("nobody has written", refused.Message, StringComparison.Ordinal);

        new Span<byte>((void*)fresh.Address, Bytes).Fill(1);
        Assert.True(MachineProbe.ReadSeconds(pool, device.Simd, (byte*)fresh.Address, Bytes) > 0);
    }

    [Fact]
    public void The_probe_reads_what_it_has_written_before_and_after_its_copies()
    {
        using var device = new CpuDevice(2);
        using DeviceProbe probe = DeviceProbe.For(device);
        Assert.True(probe.TimeRead() > 0);
        Assert.True(probe.TimeCopy() > 0);
        Assert.True(probe.TimeRead() > 0);
    }

    /// <summary>Both halves of the copy, and nothing beside them.</summary>
    [Fact]
    public void A_copy_takes_the_memory_that_it_is_given()
    {
        using var device = new CpuDevice(2);
        using var probe = new CpuProbe(device, Bytes);
        Assert.True(probe.TimeCopy() > 0);
        Assert.Equal(Bytes, device.AllocatedBytes);
        Assert.True(DeviceCeilings.MeasureCopy(device, Bytes) > 0);
    }
}
