using MergeEngine.Tensors;
using MergeEngine.Tensors.Cuda;

namespace MergeEngine.Tests.Support;

/// <summary>
/// The CUDA device that this run tests: the emulated one, or a GPU where MERGE_ENGINE_TEST_DEVICE names it. Where it is not here, tests that ask for
/// it are skipped and say what is missing.
/// </summary>
internal static class CudaUnderTest
{
    private static readonly Lazy<string?> s_problem = new(Probe);

    public static string Name { get; } = Environment.GetEnvironmentVariable("MERGE_ENGINE_TEST_DEVICE") is { Length: > 0 } name ? name : "emulated";

    /// <summary>Any device by name, to be disposed by the caller; skips the test where a CUDA device is not here.</summary>
    public static Device Open(string name, int threads = 0)
    {
        if (name == Name) Assert.SkipUnless(s_problem.Value is null, $"There is no device '{name}': {s_problem.Value}");
        return Device.Open(name, threads);
    }

    /// <summary>A device's values as an array, wherever its memory is.</summary>
    public static T[] ToHost<T>(this DeviceSpan<T> values)
        where T : unmanaged
    {
        var host = new T[values.Length];
        values.Buffer.Device.Download(values, host);
        return host;
    }

    private static string? Probe()
    {
        try
        {
            Device.Open(Name).Dispose();
            return null;
        }
        catch (CudaException exception)
        {
            return exception.Message;
        }
    }
}
