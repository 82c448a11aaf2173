using System.Text.Json.Serialization;
using MergeEngine.Merging.Streaming.Comparison;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Cli.Reports;

/// <summary>What <c>diff</c> found.</summary>
internal sealed record DiffReport(
    string First, string Second, bool Equal, double? Tolerance, IReadOnlyList<string> OnlyInFirst, IReadOnlyList<string> OnlyInSecond, IReadOnlyList<string> Unlike, DiffTensor[] Tensors);

/// <summary>One tensor that both have; null where a dtype has no such number.</summary>
internal sealed record DiffTensor(
    string Name,
    bool Equal,
    [property: JsonPropertyName("dtype")] string DType,
    [property: JsonPropertyName("other_dtype"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? OtherDType,
    long[] Shape,
    long Differing,
    double? MaxAbs,
    double? MeanAbs,
    long? MaxUlps,
    double? Cosine,
    [property: JsonPropertyName("nan_in_first")] long NaNInFirst,
    [property: JsonPropertyName("nan_in_second")] long NaNInSecond,
    [property: JsonPropertyName("nan_in_one")] long NaNInOne)
{
    public static DiffTensor From(TensorDifference tensor, double? tolerance) => new(
        tensor.Name, CheckpointComparison.IsEqual(tensor, tolerance), tensor.First.Name(), tensor.First == tensor.Second ? null : tensor.Second.Name(),
        [.. tensor.Shape.Dimensions], tensor.Differing, tensor.MaxAbsolute, tensor.MeanAbsolute, tensor.MaxUlps, tensor.Cosine,
        tensor.NaNInFirst, tensor.NaNInSecond, tensor.NaNInOne);
}
