using System.Globalization;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters.Extraction;

/// <summary>README.md of an extracted adapter.</summary>
internal static class ExtractionCard
{
    public static string Text(LoraExtractionOptions options, int rank, int decomposed, int whole) => string.Create(CultureInfo.InvariantCulture, $"""
        ---
        base_model:
        - {Quote(options.BaseModel)}
        library_name: peft
        tags:
        - peft
        - lora
        ---
        # LoRA of rank {rank}

        The difference between {Code(options.Model)} and {Code(options.BaseModel)}: {Counting.Of(decomposed, "module by its", "modules by their")} leading singular vectors, {whole} whole.
        Made by MergeEngine's `extract-lora`, with a largest rank of {options.MaxRank}.

        """);

    private static string Quote(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).ReplaceLineEndings(" ")}\"";

    private static string Code(string text) => $"`{text.Replace('`', '\'').ReplaceLineEndings(" ")}`";
}
