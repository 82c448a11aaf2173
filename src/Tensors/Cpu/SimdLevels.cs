using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Tensors.Cpu;

/// <summary>
/// Which vector widths this processor can run, and the one to use. Different widths sum in a different order, so a result is
/// repeatable to the last bit for one level.
/// </summary>
public static class SimdLevels
{
    /// <summary>The environment variable that forces a level: 128, 256 or 512.</summary>
    public const string EnvironmentVariable = "MERGE_ENGINE_SIMD";

    /// <summary>The widest level that the hardware runs at full speed.</summary>
    public static SimdLevel Best { get; } =
        IsSupported(SimdLevel.Vector512) ? SimdLevel.Vector512 :
        IsSupported(SimdLevel.Vector256) ? SimdLevel.Vector256 : SimdLevel.Vector128;

    /// <summary>The supported levels, narrowest first.</summary>
    public static IReadOnlyList<SimdLevel> Supported { get; } =
        [.. new[] { SimdLevel.Vector128, SimdLevel.Vector256, SimdLevel.Vector512 }.Where(IsSupported)];

    /// <summary>True when kernels of this level run on this processor.</summary>
    public static bool IsSupported(SimdLevel level) => level switch
    {
        SimdLevel.Vector128 => true,
        SimdLevel.Vector256 => Avx2.IsSupported && Fma.IsSupported,
        SimdLevel.Vector512 => Vector512.IsHardwareAccelerated && Avx512F.IsSupported && Avx512DQ.IsSupported && Avx512BW.IsSupported,
        _ => false,
    };

    /// <summary>The level that the environment asks for, or <see cref="Best"/>.</summary>
    /// <exception cref="NotSupportedException">The variable holds an unknown level or one that this processor lacks.</exception>
    public static SimdLevel FromEnvironment() => Parse(Environment.GetEnvironmentVariable(EnvironmentVariable));

    /// <summary>The level named by <paramref name="value"/>; <see cref="Best"/> for null or an empty string.</summary>
    /// <exception cref="NotSupportedException">The value is unknown or the processor lacks that level.</exception>
    public static SimdLevel Parse(string? value)
    {
        if (string.IsNullOrWhiteSpace(value))
            return Best;
        SimdLevel level = value.Trim() switch
        {
            "128" => SimdLevel.Vector128,
            "256" => SimdLevel.Vector256,
            "512" => SimdLevel.Vector512,
            _ => throw new NotSupportedException($"{EnvironmentVariable} is '{value}'; expected 128, 256 or 512."),
        };
        return Require(level);
    }

    /// <summary>Returns <paramref name="level"/> if this processor has it.</summary>
    /// <exception cref="NotSupportedException">The processor lacks it.</exception>
    public static SimdLevel Require(SimdLevel level) => IsSupported(level)
        ? level
        : throw new NotSupportedException(
            $"{(int)level}-bit vector kernels were asked for, but this processor supports at most {(int)Best} bits.");
}
