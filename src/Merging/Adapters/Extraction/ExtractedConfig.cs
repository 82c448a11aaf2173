using System.Text.Encodings.Web;
using System.Text.Json;

namespace MergeEngine.Merging.Adapters.Extraction;

/// <summary><c>adapter_config.json</c> of an extracted adapter, as PEFT reads it.</summary>
/// <param name="baseModel">What the adapter is for, as it was given.</param>
/// <param name="basePath">Its file or directory.</param>
/// <param name="modules">What has factors.</param>
/// <param name="whole">Modules that are saved whole.</param>
/// <param name="hasBiases">Whether there are biases of decomposed modules.</param>
/// <param name="isTransposed">Whether weights of the base are stored [in, out].</param>
internal sealed class ExtractedConfig(string baseModel, string basePath, IReadOnlyList<ExtractedModule> modules, IReadOnlyList<string> whole, bool hasBiases, bool isTransposed)
{
    private const long MostConfigBytes = 1 << 20;

    /// <summary>Strength is rank, so that the factors count as they are.</summary>
    public void Write(string path)
    {
        int rank = modules.Max(m => m.Rank);
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("base_model_name_or_path", baseModel);
            json.WriteString("peft_type", "LORA");
            json.WriteBoolean("use_rslora", false);
            Texts(json, "target_modules", modules.Select(m => ModuleRoles.LastPart(m.Name)));
            Texts(json, "modules_to_save", whole.Select(ModuleRoles.LastPart));
            if (ModuleRoles.TaskOf(Architecture()) is { } task) json.WriteString("task_type", task);
            else json.WriteNull("task_type");
            json.WriteNumber("r", rank);
            json.WriteNumber("lora_alpha", rank);
            Pattern(json, "rank_pattern", rank);
            Pattern(json, "alpha_pattern", rank);
            json.WriteNumber("lora_dropout", 0.0);
            json.WriteString("bias", hasBiases ? "all" : "none");
            json.WriteBoolean("fan_in_fan_out", isTransposed);
            json.WriteBoolean("inference_mode", true);
            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None);
        file.Write(stream.GetBuffer(), 0, (int)stream.Length);
        file.Flush(flushToDisk: true);
    }

    private static void Texts(Utf8JsonWriter json, string key, IEnumerable<string> texts)
    {
        json.WriteStartArray(key);
        foreach (string text in texts.Distinct().Order(StringComparer.Ordinal)) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private void Pattern(Utf8JsonWriter json, string key, int rank)
    {
        json.WriteStartObject(key);
        foreach (ExtractedModule module in modules.Where(m => m.Rank != rank)) json.WriteNumber(module.Name, module.Rank);
        json.WriteEndObject();
    }

    /// <summary>The class that the base's config names; null where none does.</summary>
    private string? Architecture()
    {
        string path = Path.Combine(Directory.Exists(basePath) ? basePath : Path.GetDirectoryName(basePath) ?? "", "config.json");
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > MostConfigBytes) return null;
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("architectures", out JsonElement names)
                && names is { ValueKind: JsonValueKind.Array } && names.GetArrayLength() > 0 && names[0].ValueKind == JsonValueKind.String ? names[0].GetString() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            // A task is a convenience of the adapter's file, no reason to fail.
            return null;
        }
    }
}
