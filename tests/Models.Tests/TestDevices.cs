using System.Globalization;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests;

/// <summary>
/// Every way to run a model on this machine, by a name that a test log shows: the reference, each vector width with 1 and 2 threads, and the
/// emulated GPU, or a real one where MERGE_ENGINE_TEST_DEVICE names it.
/// </summary>
public static class TestDevices
{
    /// <summary>The CUDA device that is tested.</summary>
    public static string Cuda => CudaUnderTest.Name;

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
        string[] parts = name.Split('-');
        return parts is ["cpu", var bits, var threads]
            ? new CpuDevice(int.Parse(threads, CultureInfo.InvariantCulture), (SimdLevel)int.Parse(bits, CultureInfo.InvariantCulture))
            : CudaUnderTest.Open(name);
    }
}
