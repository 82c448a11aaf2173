using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Tensors.Tests.Support;

/// <summary>
/// The devices that every operation is tested on, by name, so that test output says which one failed: <c>cpu-512x3</c> is the CPU
/// with 512-bit vectors and three threads. Only those CPUs are listed that this machine can run; the CUDA device of <see cref="CudaCases"/> is
/// always listed, so that a run without it says so.
/// </summary>
public static class DeviceCases
{
    /// <summary>Every vector width with one thread and with three (more than divides any power of two), and the CUDA device.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. from level in SimdLevels.Supported from threads in new[] { 1, 3 } select Cpu(level, threads), CudaCases.Name];

    /// <summary>One name for each vector width, and the CUDA device.</summary>
    public static IReadOnlyList<string> Levels { get; } = [.. from level in SimdLevels.Supported select Cpu(level, 1), CudaCases.Name];

    /// <summary>The device, to be disposed by the caller.</summary>
    public static Device Open(string name, int threads = 0)
    {
        if (CudaCases.Is(name)) return CudaCases.Open();
        string[] parts = name.Split('-', 'x');
        if (parts is ["cpu", var bits, var own]) return new CpuDevice(int.Parse(own), (SimdLevel)int.Parse(bits));
        return Device.Open(name, threads);
    }

    public static string Cpu(SimdLevel level, int threads) => $"cpu-{(int)level}x{threads}";

    /// <summary>The same device with another number of threads; a GPU has no such number.</summary>
    public static string WithThreads(string name, int threads) => CudaCases.Is(name) ? name : $"{name[..name.IndexOf('x', StringComparison.Ordinal)]}x{threads}";
}
