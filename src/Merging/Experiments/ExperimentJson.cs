using System.Text.Json;
using System.Text.Json.Serialization;

namespace MergeEngine.Merging.Experiments;

/// <summary><c>results.json</c>: the one document that <c>experiment --json</c> and <c>demo --json</c> print.</summary>
public static class ExperimentJson
{
    /// <summary>Numbers that are not finite, as a run that diverges has them, are written as the texts <c>"NaN"</c> and <c>"Infinity"</c>.</summary>
    public static string Write(ExperimentResult result) => JsonSerializer.Serialize(result, ExperimentJsonContext.Default.ExperimentResult);

    /// <exception cref="JsonException">The text is not a results document.</exception>
    public static ExperimentResult Read(string json) =>
        JsonSerializer.Deserialize(json, ExperimentJsonContext.Default.ExperimentResult) ?? throw new JsonException("The results document is empty.");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ExperimentResult))]
internal sealed partial class ExperimentJsonContext : JsonSerializerContext;
