using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Probes;
using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Probes;

namespace MergeEngine.Tensors.Probes;

/// <summary>A device's clock and its ceilings, and sizes that show what its kernels can do.</summary>
internal abstract class DeviceProbe : IDisposable
{
    /// <summary>Bytes of memory that one pass over vectors touches: well beyond the caches.</summary>
    public abstract long PassBytes { get; }

    /// <summary>The products that say most.</summary>
    public abstract IReadOnlyList<ProductShape> Products { get; }

    /// <summary>Times that each pass over memory is measured.</summary>
    public abstract int Rounds { get; }

    /// <summary>Times that a kernel is measured.</summary>
    /// <param name="budget">Seconds that this may take about.</param>
    /// <param name="round">Seconds of one measurement.</param>
    public virtual int RoundsWithin(double budget, double round) => Rounds;

    /// <summary>What is left of the rounds' seconds.</summary>
    public abstract double Typical(double[] seconds);

    /// <summary>Seconds that one call takes.</summary>
    public abstract double Time(Action work);

    /// <summary>Seconds of a plain copy that reads half of <see cref="PassBytes"/> and writes the other.</summary>
    public abstract double TimeCopy();

    /// <summary>Seconds in which <see cref="PassBytes"/> are read and nothing is written; as long as a copy where the device's memory moves bytes as fast in both directions.</summary>
    public virtual double TimeRead() => TimeCopy();

    /// <summary>Seconds of arithmetic in registers, of the kind that the device's products use, and how many operations that were.</summary>
    public abstract (double Seconds, double Operations) TimeArithmetic();

    /// <exception cref="NotSupportedException">The device is not one whose speed matters.</exception>
    public static DeviceProbe For(Device device) => device switch
    {
        CpuDevice cpu => new CpuProbe(cpu),
        CudaDevice cuda => new CudaProbe(cuda),
        _ => throw new NotSupportedException($"Device '{device.Name}' is not made for speed: measure cpu, cuda or emulated."),
    };

    public abstract void Dispose();
}
