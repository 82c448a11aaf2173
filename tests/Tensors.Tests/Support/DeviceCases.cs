using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Tensors.Tests.Support;

/// <summary>
/// The devices that every operation is tested on, by name, so that test output says which one failed: <c>cpu-512x3</c> is the CPU
/// with 512-bit vectors and three threads. Only what this machine can run is listed.
/// </summary>
public static class DeviceCases
{
    /// <summary>Every vector width with one thread and with three (more than divides any power of two).</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. from level in SimdLevels.Supported from threads in new[] { 1, 3 } select Cpu(level, threads)];

    /// <summary>One name for each vector width.</summary>
    public static IReadOnlyList<string> Levels { get; } = [.. from level in SimdLevels.Supported select Cpu(level, 1)];

    /// <summary>The device, to be disposed by the caller.</summary>
    public static Device Open(string name)
    {
        string[] parts = name.Split('-', 'x');
        if (parts is ["cpu", var bits, var threads]) return new CpuDevice(int.Parse(threads), (SimdLevel)int.Parse(bits));
        return Device.Open(name);
    }

    public static string Cpu(SimdLevel level, int threads) => $"cpu-{(int)level}x{threads}";

    /// <summary>The same device with another number of threads.</summary>
    public static string WithThreads(string name, int threads) => $"{name[..name.IndexOf('x', StringComparison.Ordinal)]}x{threads}";
}
