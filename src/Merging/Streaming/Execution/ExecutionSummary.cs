using System.Text.Json.Serialization;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>What a merge has moved.</summary>
/// <param name="ReadBytes">Bytes of weights that were read, those of every pass.</param>
/// <param name="WrittenBytes">Bytes of tensors that were written; what an earlier run had written is not among them.</param>
public sealed record ExecutionSummary(long ReadBytes, long WrittenBytes)
{
    /// <summary>Tensors of inputs with values that are NaN or infinite, among what this run has read.</summary>
    public IReadOnlyList<NonFiniteTensor> NonFinite { get; init; } = [];

    /// <summary>Tensors of the output with such values, among what this run has computed: those of inputs, and numbers that became too large for a type.</summary>
    public IReadOnlyList<NonFiniteOutput> NonFiniteOutputs { get; init; } = [];
}

/// <summary>A tensor with values that are no numbers.</summary>
/// <param name="Path">Its model, or the adapter that holds it; both where only applying the adapter makes such values.</param>
/// <param name="Tensor">Its name there.</param>
/// <param name="Values">How many of its values are NaN or infinite.</param>
public sealed record NonFiniteTensor(string Path, string Tensor, long Values)
{
    /// <summary>The type in which the tensor is read and for which so many of its numbers are too large; null where they are no numbers in the file.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? TooLargeFor { get; init; }
}

/// <summary>A tensor of the output with values that are no numbers.</summary>
/// <param name="Tensor">Its name.</param>
/// <param name="DType">What it is stored as.</param>
/// <param name="Values">How many of its values are NaN or infinite.</param>
public sealed record NonFiniteOutput(string Tensor, [property: JsonPropertyName("dtype")] string DType, long Values);
