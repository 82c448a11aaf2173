namespace MergeEngine.Merging.Adapters;

/// <summary>What a tensor of an adapter is.</summary>
internal enum AdapterPart
{
    /// <summary>Takes the place of a tensor of the model.</summary>
    Whole,

    /// <summary>A, [r, in], or [r, in, …] of a convolution.</summary>
    A,

    /// <summary>B, [out, r], or [out, r, 1, …] of a convolution.</summary>
    B,

    /// <summary>A of an embedding, [r, rows].</summary>
    EmbeddingA,

    /// <summary>B of an embedding, [width, r].</summary>
    EmbeddingB,

    /// <summary>What is added to the module's bias, [out].</summary>
    Bias,

    /// <summary>DoRA's lengths, or something else that is not supported.</summary>
    Unknown,
}

/// <summary>
/// The name of a tensor as PEFT writes it: <c>base_model.model.</c>, the module, and what it is of the module. Files that were written without PEFT's help may still have the
/// adapter's own name (<c>default</c>) and the wrappers of modules in it.
/// </summary>
/// <param name="Part">What it is.</param>
/// <param name="Target">The name of the module; for a whole tensor the name of the tensor.</param>
internal readonly record struct AdapterName(AdapterPart Part, string Target)
{
    private const string Prefix = "base_model.model.";
    private const string Default = "default";

    public static AdapterName Parse(string name)
    {
        string[] parts = (name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name).Split('.');
        int lora = Array.FindIndex(parts, p => p.StartsWith("lora_", StringComparison.Ordinal));
        if (lora < 0) return new AdapterName(AdapterPart.Whole, Unwrapped(parts));
        string rest = string.Join('.', parts.Skip(lora + 1).Where((p, i) => i > 0 || p != Default));
        AdapterPart part = (parts[lora], rest) switch
        {
            ("lora_A", "weight") => AdapterPart.A,
            ("lora_B", "weight") => AdapterPart.B,
            ("lora_B", "bias") => AdapterPart.Bias,
            ("lora_embedding_A", "") => AdapterPart.EmbeddingA,
            ("lora_embedding_B", "") => AdapterPart.EmbeddingB,
            _ => AdapterPart.Unknown,
        };
        return new AdapterName(part, Unwrapped(parts[..lora]));
    }

    private static string Unwrapped(string[] parts) =>
        string.Join('.', parts.Where((p, i) => p is not ("base_layer" or "modules_to_save") && !(p == Default && i > 0 && parts[i - 1] == "modules_to_save")));
}
