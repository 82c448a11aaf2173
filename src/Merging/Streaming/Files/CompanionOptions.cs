namespace MergeEngine.Merging.Streaming.Files;

/// <summary>Which files an output gets beside its weights and its config.</summary>
public sealed record CompanionOptions
{
    /// <summary>Copy the donor's tokenizer. One that the recipe builds is written in any case: the rows of the embeddings are in its order.</summary>
    public bool CopyTokenizer { get; init; } = true;

    /// <summary>Write the model card <c>README.md</c> and the recipe as <c>mergekit_config.yml</c>.</summary>
    public bool WriteCard { get; init; } = true;

    /// <summary>As <see cref="Planning.PlanOptions.LayersPattern"/>, for the number of layers in the config.</summary>
    public string? LayersPattern { get; init; }
}
