using System.Globalization;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Tests.Support;

/// <summary>
/// The devices that tests run on, by name, so that test output says which one failed: <c>cpu-512x3</c> is the CPU with 512-bit vectors and three
/// threads. Only those CPUs are listed that this machine can run; the CUDA device of <see cref="CudaUnderTest"/> is always listed, so that a run without
/// it says so.
/// </summary>
internal static class DeviceCases
{
    /// <summary>Left out where MERGE_ENGINE_TEST_PROCESSOR is 0: under a tool that watches a GPU they only take time.</summary>
    private static IEnumerable<SimdLevel> Processors => Environment.GetEnvironmentVariable("MERGE_ENGINE_TEST_PROCESSOR") == "0" ? [] : SimdLevels.Supported;

    /// <summary>Every vector width with one thread and with three (more than divides any power of two), and the CUDA device.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. from level in Processors from threads in new[] { 1, 3 } select Cpu(level, threads), CudaUnderTest.Name];

    /// <summary>One name for each vector width, and the CUDA device.</summary>
    public static IReadOnlyList<string> Levels { get; } = [.. from level in Processors select Cpu(level, 1), CudaUnderTest.Name];

    /// <summary>One of each kind: the CPU, the reference, the CUDA device.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["cpu", "reference", CudaUnderTest.Name];

    /// <summary>The device, to be disposed by the caller; skips the test where it is the CUDA device and that is not here.</summary>
    /// <param name="name">A name of these lists, or any that <see cref="Device.Open"/> takes.</param>
    /// <param name="threads">Threads of a CPU whose name does not say.</param>
    public static Device Open(string name, int threads = 0)
    {
        if (IsCuda(name)) return CudaUnderTest.Open();
        if (name == "emulated") CudaUnderTest.RequireEmulator();
        string[] parts = name.Split('-', 'x');
        if (parts is ["cpu", var bits, var own])
            return new CpuDevice(int.Parse(own, CultureInfo.InvariantCulture), (SimdLevel)int.Parse(bits, CultureInfo.InvariantCulture));
        return Device.Open(name, threads);
    }

    public static bool IsCuda(string name) => name == CudaUnderTest.Name;

    public static string Cpu(SimdLevel level, int threads) => $"cpu-{(int)level}x{threads}";

    /// <summary>The same device with another number of threads; a GPU has no such number.</summary>
    public static string WithThreads(string name, int threads) => IsCuda(name) ? name : $"{name[..name.IndexOf('x', StringComparison.Ordinal)]}x{threads}";
}
