using MergeEngine.Tensors;
using MergeEngine.Tensors.Cuda;

namespace MergeEngine.Tests.Support;

/// <summary>
/// The CUDA device that this run tests: the emulated one, or a GPU where MERGE_ENGINE_TEST_DEVICE names it. Only an emulator that has not been built is
/// a reason to skip; one that does not work, and a GPU that was asked for and is not here, are failures, which each test then shows.
/// </summary>
internal static class CudaUnderTest
{
    public static string Name { get; } = Environment.GetEnvironmentVariable("MERGE_ENGINE_TEST_DEVICE") is { Length: > 0 } name ? name : "emulated";

    public static bool IsEmulated => Name == "emulated";

    /// <summary>Whether tests of the device run at all.</summary>
    public static bool IsHere => Problem is null;

    private static string? EmulatorProblem { get; } = FindEmulatorProblem();

    private static string? Problem => IsEmulated ? EmulatorProblem : null;

    /// <summary>Skips the test where the device is not here, and says what is missing.</summary>
    public static void Require() => Assert.SkipUnless(IsHere, $"There is no device '{Name}': {Problem}");

    /// <summary>Skips the test unless the device is the emulated one, whose failures can be ordered.</summary>
    public static void RequireEmulated()
    {
        Assert.SkipUnless(IsEmulated, "Only the emulated device fails to order.");
        Require();
    }

    /// <summary>Skips the test where the emulator was not built, for tests that name that device whichever one this run is about.</summary>
    public static void RequireEmulator() => Assert.SkipUnless(EmulatorProblem is null, $"There is no device 'emulated': {EmulatorProblem}");

    /// <summary>The device, to be disposed by the caller; skips the test where it is not here.</summary>
    public static CudaDevice Open(Precision precision = Precision.Float32)
    {
        Require();
        return (CudaDevice)Device.Open(Name, 0, precision);
    }

    private static string? FindEmulatorProblem()
    {
        string file = Environment.GetEnvironmentVariable("MERGE_ENGINE_EMULATOR") is { Length: > 0 } given ? given : Path.Combine(AppContext.BaseDirectory, "libmerge-engine-emulator.so");
        return File.Exists(file) ? null : $"{file} is missing, ./build.sh builds it.";
    }
}
