using System.Text.Json;
using System.Text.Json.Serialization;

namespace MergeEngine.Merging.Streaming.Planning.Reports;

/// <summary>A plan as the one JSON document of <c>merge --dry-run --json</c>.</summary>
public static class PlanJson
{
    public static string Write(PlanReport report) => JsonSerializer.Serialize(report, PlanJsonContext.Default.PlanReport);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(PlanReport))]
internal sealed partial class PlanJsonContext : JsonSerializerContext;
