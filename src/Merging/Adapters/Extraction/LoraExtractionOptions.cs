using MergeEngine.Tensors;

namespace MergeEngine.Merging.Adapters.Extraction;

/// <summary>What to make an adapter of, and which of its modules.</summary>
public sealed record LoraExtractionOptions
{
    /// <summary>The fine-tuned model: a file or directory, or <c>MODEL+ADAPTER</c>, a model with an adapter that is applied while it is read.</summary>
    public required string Model { get; init; }

    /// <summary>What it was fine-tuned from, of the same form.</summary>
    public required string BaseModel { get; init; }

    /// <summary>Where products run. The decompositions' inner problems are solved on a CPU.</summary>
    public required Device Device { get; init; }

    /// <summary>Threads of the CPU; 0 takes one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>The largest rank.</summary>
    public int MaxRank { get; init; } = 128;

    /// <summary>Whether A and B each get the root of the singular values; otherwise A has them all.</summary>
    public bool DistributeScale { get; init; } = true;

    /// <summary>Whether token embeddings and the head are decomposed; otherwise they are saved whole.</summary>
    public bool EmbedLora { get; init; }

    /// <summary>Modules that are saved whole: names, or their last parts. One that names no module of the model is an error.</summary>
    public IReadOnlyList<string> SaveModules { get; init; } = [];

    /// <summary>Regular expressions; a module whose name one of them matches anywhere is left out.</summary>
    public IReadOnlyList<string> Exclude { get; init; } = [];

    /// <summary>Regular expressions; if there are any, only modules that one of them matches are decomposed.</summary>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>How long an expression may take for one name.</summary>
    internal TimeSpan PatternTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Singular values that are not larger are left out; 0 to keep as many as <see cref="MaxRank"/> allows.</summary>
    public double SingularValueEpsilon { get; init; }

    /// <summary>Whether modules that cannot be decomposed, such as norms, are left out rather than saved whole.</summary>
    public bool SkipUndecomposable { get; init; }

    /// <summary>Whether a README.md is written.</summary>
    public bool WriteModelCard { get; init; } = true;
}

/// <summary>What was written.</summary>
/// <param name="Rank">The largest rank: <c>r</c> of the config.</param>
/// <param name="Decomposed">Modules with factors.</param>
/// <param name="Whole">Modules that were saved whole.</param>
/// <param name="Parameters">Elements of all tensors of the adapter.</param>
/// <param name="Notes">What is not in the adapter although it differs, and why; one sentence each.</param>
public sealed record LoraExtractionResult(int Rank, IReadOnlyList<ExtractedModule> Decomposed, IReadOnlyList<string> Whole, long Parameters, IReadOnlyList<string> Notes);

/// <summary>A module with factors.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Rank">Its rank.</param>
/// <param name="Kept">Share of the difference's squared norm that the factors hold; 1 where there is no difference.</param>
public sealed record ExtractedModule(string Name, int Rank, double Kept)
{
    /// <summary>Whether there is any difference.</summary>
    internal bool Differs { get; init; }
}
