using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.Tests.Numerics;

/// <summary>
/// Runs <see cref="ConversionTests"/> again in processes whose wider vectors are switched off, because a process fixes its width when it
/// starts.
/// </summary>
public class NarrowerVectorsTests
{
    private const string WidthAskedFor = "MERGE_ENGINE_TESTS_VECTOR_WIDTH";

    private static int WidestVector => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;

    [Fact]
    public void A_process_has_the_width_that_was_asked_for()
    {
        string? asked = Environment.GetEnvironmentVariable(WidthAskedFor);
        Assert.SkipWhen(asked is null, "No width was asked for.");
        Assert.Equal(asked, WidestVector.ToString(CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData(256, "DOTNET_EnableAVX512")]
    [InlineData(128, "DOTNET_EnableAVX2")]
    [InlineData(0, "DOTNET_EnableHWIntrinsic")]
    public void Conversions_are_the_same_with_narrower_vectors(int width, string setting)
    {
        Assert.SkipWhen(WidestVector <= width, "This process has no wider vectors.");
        string executable = Path.Combine(AppContext.BaseDirectory, "MergeEngine.Tensors.Tests" + (OperatingSystem.IsWindows() ? ".exe" : ""));
        Assert.SkipUnless(File.Exists(executable), "The tests do not run from their own executable.");
        var start = new ProcessStartInfo(executable, [
            "-method", $"{typeof(ConversionTests).FullName}.*",
            "-method", $"{typeof(NarrowerVectorsTests).FullName}.{nameof(A_process_has_the_width_that_was_asked_for)}",
        ])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment[setting] = "0";
        start.Environment[WidthAskedFor] = width.ToString(CultureInfo.InvariantCulture);
        using var process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        Assert.Matches("Total: [1-9][0-9]+, Errors: 0, Failed: 0, Skipped: 0", output);
    }
}
