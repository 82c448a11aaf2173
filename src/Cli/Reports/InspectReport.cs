using System.Text.Json.Serialization;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>inspect</c> found.</summary>
internal sealed record InspectReport(
    string Path, int Files, int TensorCount, long Elements, long Bytes, IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<InspectTensor> Tensors);

/// <summary>One tensor; <see cref="Statistics"/> is null where they were not asked for or the dtype has none.</summary>
internal sealed record InspectTensor(
    string Name,
    [property: JsonPropertyName("dtype")] string DType,
    long[] Shape,
    long Elements,
    long Bytes,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] InspectStatistics? Statistics);

/// <summary>Statistics of the finite values; null where there is none.</summary>
internal sealed record InspectStatistics(
    double? Min, double? Max, double? Mean, double? Std, [property: JsonPropertyName("nan")] long NaN, long Inf)
{
    public static InspectStatistics From(TensorStatistics values) => values.Count == 0
        ? new InspectStatistics(null, null, null, null, values.NaNCount, values.InfinityCount)
        : new InspectStatistics(values.Min, values.Max, values.Mean, values.StandardDeviation, values.NaNCount, values.InfinityCount);
}
