using System.Globalization;
using System.Text.Json;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Files;

/// <summary>
/// <c>config.json</c> of an output: the donor's, changed where the output is another. There is no table of architectures; what is changed is found from what a setting is
/// called, where it stands and what it says, and what cannot be found is told.
/// </summary>
internal static class ModelConfig
{
    public const string FileName = "config.json";

    private static readonly string[] s_types = ["dtype", "torch_dtype"];

    private static readonly string[] s_otherSenses = ["vision", "visual", "audio", "image", "video"];

    /// <summary>The document's bytes.</summary>
    /// <exception cref="SafetensorsException">The donor's config is no JSON object.</exception>
    public static byte[] Build(string path, byte[] donor, MergeJob job, Recipe recipe, LayerFinder finder, Func<JobModel, JsonEdits?> configOf, List<string> notes)
    {
        JsonEdits config = JsonEdits.Read(path, donor, IsSought);
        SetTypes(config, job, recipe);
        LayerSettings.Apply(config, job, finder, configOf, notes);
        SetVocabulary(config, job, notes);
        Untie(config, job, configOf);
        if (job.Vocabulary is { } vocabulary) TokenIds.Apply(config, vocabulary, OwnIds(recipe, job, configOf), notes);
        return config.ToBytes();
    }

    /// <summary>What is looked for in the config of any model of a merge.</summary>
    public static bool IsSought(string key) => s_types.Contains(key) || key is "vocab_size" or "tie_word_embeddings" || LayerSettings.IsSought(key) || TokenIds.IsSought(key);

    /// <summary>Whether a part of a model works on something else than text.</summary>
    public static bool IsOtherSense(string name) => s_otherSenses.Any(s => name.Contains(s, StringComparison.Ordinal));

    /// <summary>The config of the model whose tokenizer the recipe names: its ids are those of the new vocabulary.</summary>
    public static JsonEdits? OwnIds(Recipe recipe, MergeJob job, Func<JobModel, JsonEdits?> configOf) =>
        recipe.Tokenizer is { Source: VocabularySource.Model, Model: { } named } && job.Models.FirstOrDefault(m => m.Reference == named) is { } model ? configOf(model) : null;

    private static void SetTypes(JsonEdits config, MergeJob job, Recipe recipe)
    {
        DType? asked = recipe.OutDType ?? recipe.DType;
        DType[] stored = [.. job.Tensors.Select(t => t.DType).Where(t => t.IsFloatingPoint()).Distinct()];
        // Where tensors differ among themselves, the donor's config says what programs shall load them as.
        if ((asked ?? (stored.Length == 1 ? stored[0] : null)) is not { } type || NameOf(type) is not { } name) return;
        // Whatever a value is, a number or both names at once, it is replaced where it stands: a name that stands twice is read differently by every program.
        JsonSetting[] settings = [.. config.All(s_types)];
        foreach (JsonSetting setting in settings.Where(s => asked is not null || s.Kind != JsonTokenType.Null)) config.SetText(setting, name);
        // Every release reads this name; 'dtype' only those since 4.56.
        if (asked is not null && !settings.Any(s => s.Scope.Length == 0)) config.Add("torch_dtype", JsonEdits.Quoted(name));
    }

    private static string? NameOf(DType type) => type switch
    {
        DType.F64 => "float64",
        DType.F32 => "float32",
        DType.F16 => "float16",
        DType.BF16 => "bfloat16",
        _ => null,
    };

    private static void SetVocabulary(JsonEdits config, MergeJob job, List<string> notes)
    {
        TensorJob? embeddings = job.Tensors.FirstOrDefault(t => t.Shape.Rank == 2 && TensorRoles.HasRowPerToken(t.Name) && TensorRoles.IsBeforeLayers(t.Name))
            ?? job.Tensors.FirstOrDefault(t => t.Shape.Rank == 2 && TensorRoles.HasRowPerToken(t.Name));
        long? before = embeddings?.Sources.FirstOrDefault(s => s.Checkpoint == job.Donor.Checkpoint) is { } source && source.Checkpoint.TryGet(source.Tensor, out TensorEntry? entry) ? entry.Shape[0] : null;
        long? after = job.Vocabulary?.Rows ?? embeddings?.Shape[0];
        if (after is null || (job.Vocabulary is null && (before is null || before == after))) return;
        JsonSetting[] settings = [.. config.All("vocab_size").Where(s => !IsOtherSense(s.Scope))];
        JsonSetting[] fitting = [.. settings.Where(s => config.Integer(s) == before)];
        if (fitting.Length == 0) fitting = [.. settings.OrderBy(s => s.Scope.Length).Take(1)];
        if (fitting.Length == 0) notes.Add($"{config.FilePath}: there is no vocab_size to change to {after.Value.ToString(CultureInfo.InvariantCulture)}, the rows of the embeddings.");
        foreach (JsonSetting setting in fitting) config.Set(setting, after.Value.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>A model with a head of its own must not be loaded with its embeddings in the head's place.</summary>
    private static void Untie(JsonEdits config, MergeJob job, Func<JobModel, JsonEdits?> configOf)
    {
        if (job.Tensors.FirstOrDefault(t => IsHead(t.Name)) is not { } head) return;
        bool IsUntied(JobModel model) => configOf(model)?.All("tie_word_embeddings").Any(s => s.Kind == JsonTokenType.False) == true;
        bool Has(JobModel model) => model.Checkpoint.Names.Any(IsHead);
        // Where the donor holds both, they are two copies of one tensor, unless a model says that its head is another.
        if (Has(job.Donor) && !job.Models.Any(m => Has(m) && IsUntied(m))) return;
        JsonSetting[] settings = [.. config.All("tie_word_embeddings")];
        foreach (JsonSetting setting in settings.Where(s => s.Kind == JsonTokenType.True)) config.Set(setting, "false");
        if (settings.Length == 0 && !Has(job.Donor)) config.Add("tie_word_embeddings", "false");
    }

    private static bool IsHead(string name) =>
        name.EndsWith(".weight", StringComparison.Ordinal) && TensorRoles.HasRowPerToken(name) && !TensorRoles.IsBeforeLayers(name) && TensorRoles.StandInsFor(name).Count > 0;
}
