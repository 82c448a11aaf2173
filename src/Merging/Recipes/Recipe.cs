using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Recipes;

/// <summary>
/// One merge as a document describes it: method, models and everything that can be known without opening a model. Schema:
/// mergekit's, and <c>dialect</c>.
/// </summary>
public sealed record Recipe
{
    public required YamlPlace Place { get; init; }

    /// <summary>What other documents of the file call the result; null for the last result of a file.</summary>
    public string? Name { get; init; }

    /// <summary>The method, in the dialect that the recipe asks for.</summary>
    public required MethodDescription Method { get; init; }

    /// <summary>The base of the whole recipe; slices may have another.</summary>
    public ModelReference? BaseModel { get; init; }

    /// <summary>What is merged: one module without a name, unless the recipe uses <c>modules</c>.</summary>
    public required IReadOnlyList<RecipeModule> Modules { get; init; }

    /// <summary>Type that inputs are cast to before the merge; null for the common type of each tensor's inputs.</summary>
    public DType? DType { get; init; }

    /// <summary>Type of the output; null for the type of the merge.</summary>
    public DType? OutDType { get; init; }

    /// <summary>Null if the recipe says nothing, so that the base's tokenizer files are copied and no row moves.</summary>
    public TokenizerSettings? Tokenizer { get; init; }

    public ChatTemplate? ChatTemplate { get; init; }

    /// <summary>What the recipe says without effect, in the order of the file.</summary>
    public IReadOnlyList<RecipeNote> Notes { get; init; } = [];

    /// <summary>Every model that is read for the merge, each once, in the order of the recipe.</summary>
    public IReadOnlyList<ModelReference> Models { get; init; } = [];

    /// <summary>The model whose config and other files the output takes: the base, or else the first model.</summary>
    public ModelReference Donor => BaseModel ?? Models[0];
}

/// <summary>Something that a recipe says without effect.</summary>
public sealed record RecipeNote(YamlPlace Place, string Text)
{
    public override string ToString() => $"{Place}: {Text}";
}

/// <summary>One part of a model of several parts, or the whole of a plain one.</summary>
/// <param name="Name">As <c>modules</c> names it; null if the recipe has no modules.</param>
/// <param name="Slices">The slices, stacked in this order; one without layer ranges for <c>models</c>.</param>
/// <param name="Place">Where it stands.</param>
public sealed record RecipeModule(string? Name, IReadOnlyList<RecipeSlice> Slices, YamlPlace Place)
{
    /// <summary>Whether layers are stacked, rather than whole models merged.</summary>
    public bool IsSliced => Slices[0].Sources[0].Layers is not null;
}

/// <summary>Layers <paramref name="Start"/> to <paramref name="End"/> - 1 of a model.</summary>
public readonly record struct LayerRange(int Start, int End)
{
    public int Count => End - Start;
}

/// <summary>One entry of <c>models</c> or of a slice's <c>sources</c>.</summary>
public sealed record RecipeSource
{
    public required ModelReference Model { get; init; }

    /// <summary>The layers taken; null for all.</summary>
    public LayerRange? Layers { get; init; }

    /// <summary>Whether it is the slice's base.</summary>
    public bool IsBase { get; init; }

    /// <summary>Whether it is merged with parameters of its own: every source but a base that is no input.</summary>
    public required bool IsInput { get; init; }

    /// <summary>Where the parameters of this model are looked up, by the names of its own tensors.</summary>
    public required ParameterScopes Parameters { get; init; }

    public required YamlPlace Place { get; init; }
}
