using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Tests.Support;

/// <summary>
/// The CUDA device that this run tests: the emulated one, or a GPU where MERGE_ENGINE_TEST_DEVICE names it. A test that asks for it where it is not
/// here is skipped, and says what is missing.
/// </summary>
public static class CudaCases
{
    private static readonly Lazy<string?> s_problem = new(Probe);

    public static string Name { get; } = Environment.GetEnvironmentVariable("MERGE_ENGINE_TEST_DEVICE") is { Length: > 0 } name ? name : "emulated";

    public static bool IsEmulated => Name == "emulated";

    /// <summary>Why the device cannot be used; null where it can.</summary>
    public static string? Problem => s_problem.Value;

    public static bool Is(string device) => device == Name;

    /// <summary>Skips the test where the device is not here.</summary>
    public static void Require() => Assert.SkipUnless(Problem is null, $"There is no device '{Name}': {Problem}");

    /// <summary>Skips the test unless the device is the emulated one, whose failures can be ordered.</summary>
    public static void RequireEmulated()
    {
        Assert.SkipUnless(IsEmulated, "Only the emulated device fails to order.");
        Require();
    }

    /// <summary>The device, to be disposed by the caller; skips the test where it is not here.</summary>
    public static CudaDevice Open(Precision precision = Precision.Float32)
    {
        Require();
        return (CudaDevice)Device.Open(Name, 0, precision);
    }

    /// <summary>A missing library is a reason to skip; an emulator that is here and does not work is a failure, which each test then shows.</summary>
    private static string? Probe()
    {
        try
        {
            NativeLibraries.Use(IsEmulated ? CudaPlatform.Emulated : CudaPlatform.Nvidia);
            return null;
        }
        catch (CudaException exception)
        {
            return IsEmulated && NativeLibraries.Candidates(CudaPlatform.Emulated, NativeLibraries.Driver).Any(File.Exists) ? null : exception.Message;
        }
    }
}
