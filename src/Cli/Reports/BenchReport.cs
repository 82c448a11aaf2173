using System.Text.Json.Serialization;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.Reports;

/// <summary>What every suite of <c>bench</c> writes: the ceilings that were measured first, where that was, and the figures.</summary>
/// <typeparam name="T">One figure.</typeparam>
internal sealed class BenchReport<T>
{
    /// <summary><c>gemm</c>, <c>elementwise</c>, <c>step</c>, <c>latency</c> or <c>merge</c>.</summary>
    public required string Suite { get; init; }

    public required string Device { get; init; }

    public required string Description { get; init; }

    public required string Precision { get; init; }

    /// <summary>Of the CPU device; those of the machine on a GPU.</summary>
    public required int Threads { get; init; }

    /// <summary>float32 GFLOP/s of multiply-adds in registers, the best of the run.</summary>
    public required double PeakGflops { get; init; }

    /// <summary>Of the rounds before the suite.</summary>
    public required double MedianPeakGflops { get; init; }

    /// <summary>GB read and written per second by a plain copy, the best of the run.</summary>
    public required double CopyGbps { get; init; }

    /// <summary>Of the rounds before the suite.</summary>
    public required double MedianCopyGbps { get; init; }

    public required MachineDescription Machine { get; init; }

    /// <summary>Of merges; null elsewhere.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MergeSetup? Setup { get; init; }

    /// <summary>Of encoders, where it was asked for; null elsewhere.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ProfileShares? Profile { get; init; }

    public required IReadOnlyList<T> Results { get; init; }
}
