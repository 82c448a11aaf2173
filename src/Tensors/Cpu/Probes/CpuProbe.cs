using System.Diagnostics;
using System.Runtime.InteropServices;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Tensors.Cpu.Probes;

/// <summary>The stopwatch and the ceilings of a CPU. Other programs share it, so the best round counts.</summary>
/// <param name="device">The CPU.</param>
/// <param name="bytes">Of memory that passes touch, both halves of a copy together; fewer than the usual may stay in a cache.</param>
internal sealed unsafe class CpuProbe(CpuDevice device, int bytes = CpuProbe.UsualBytes) : DeviceProbe
{
    /// <summary>Well beyond the caches.</summary>
    public const int UsualBytes = 256 << 20;

    private readonly nuint _half = (nuint)(bytes / 2);
    private DeviceBuffer? _source, _target;

    public override long PassBytes => bytes;

    public override IReadOnlyList<ProductShape> Products => [.. ProductShape.Squares, .. ProductShape.Models];

    public override int Rounds => 7;

    /// <summary>Many short rounds, so that some fall into quiet moments of a shared machine.</summary>
    public override int RoundsWithin(double budget, double round) => (int)Math.Clamp(budget / round, 7, 201);

    public override double Typical(double[] seconds) => seconds.Min();

    public override double Time(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public override double TimeCopy()
    {
        byte* source = Source();
        if (_target is null)
        {
            // The first touch of memory is not part of a copy.
            _target = device.Allocate((long)_half);
            MachineProbe.CopySeconds(device.Pool, source, (byte*)_target.Address, _half);
        }

        return MachineProbe.CopySeconds(device.Pool, source, (byte*)_target.Address, _half);
    }

    public override double TimeRead() => 2 * MachineProbe.ReadSeconds(device.Pool, device.Simd, Source(), _half);

    /// <summary>Memory that has been written: pages that nobody has written are all one page of zeros, which is read from the nearest cache.</summary>
    private byte* Source()
    {
        if (_source is null)
        {
            _source = device.Allocate((long)_half);
            NativeMemory.Fill((void*)_source.Address, _half, 1);
        }

        return (byte*)_source.Address;
    }

    public override (double Seconds, double Operations) TimeArithmetic() => (1, 1e9 * MachineProbe.MultiplyAddPeak(device.Pool, device.Simd));

    public override void Dispose()
    {
        _source?.Dispose();
        _target?.Dispose();
    }
}
