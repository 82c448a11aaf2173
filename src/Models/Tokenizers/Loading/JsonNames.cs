using System.Text.Json;

namespace MergeEngine.Models.Tokenizers.Loading;

/// <summary>JSON's kinds of values in words.</summary>
internal static class JsonNames
{
    public static string Of(JsonElement element) => element.ValueKind.ToString().ToLowerInvariant();

    /// <summary>The text of a string; null if it is none.</summary>
    public static string? Text(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString() : null;
}
