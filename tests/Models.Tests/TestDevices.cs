using System.Globalization;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cuda;

namespace MergeEngine.Models.Tests;

/// <summary>
/// Every way to run a model on this machine, by a name that a test log shows: the reference, each vector width with 1 and 2 threads, and the
/// emulated GPU, or a real one where MERGE_ENGINE_TEST_DEVICE names it.
/// </summary>
public static class TestDevices
{
    private static readonly Lazy<string?> s_problem = new(Probe);

    /// <summary>The CUDA device that is tested.</summary>
    public static string Cuda { get; } = Environment.GetEnvironmentVariable("MERGE_ENGINE_TEST_DEVICE") is { Length: > 0 } name ? name : "emulated";

    public static IEnumerable<string> All() => Host().Append(Cuda);

    /// <summary>Those that are always here.</summary>
    public static IEnumerable<string> Host()
    {
        yield return "reference";
        foreach (SimdLevel level in SimdLevels.Supported)
        {
            yield return $"cpu-{(int)level}-1";
            yield return $"cpu-{(int)level}-2";
        }
    }

    /// <summary>The device, to be disposed by the caller; skips the test where a CUDA device is not here.</summary>
    public static Device Open(string name)
    {
        if (name == Cuda) Assert.SkipUnless(s_problem.Value is null, $"There is no device '{name}': {s_problem.Value}");
        string[] parts = name.Split('-');
        return parts is ["cpu", var bits, var threads]
            ? new CpuDevice(int.Parse(threads, CultureInfo.InvariantCulture), (SimdLevel)int.Parse(bits, CultureInfo.InvariantCulture))
            : Device.Open(name);
    }

    private static string? Probe()
    {
        try
        {
            Device.Open(Cuda).Dispose();
            return null;
        }
        catch (CudaException exception)
        {
            return exception.Message;
        }
    }
}
