using System.Text.Json;

namespace MergeEngine.Benchmarks;

/// <summary>How result files are written.</summary>
internal static class BenchmarkJson
{
    public static JsonSerializerOptions Options { get; } = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
}
