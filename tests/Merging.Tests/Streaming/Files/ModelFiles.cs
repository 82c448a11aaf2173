using System.Text;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Streaming.Execution;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Tests.Streaming.Files;

/// <summary>Small models with files beside their weights, and what a merge of them gets beside its own.</summary>
internal sealed class ModelFiles(bool inMemory = false) : IDisposable
{
    public const string Linear = "merge_method: linear\nmodels:\n- model: models/a\n  parameters: {weight: 0.5}\n- model: models/b\n  parameters: {weight: 0.5}\n";

    /// <summary>Four layers, embeddings of ten rows.</summary>
    public static readonly (string Name, long[] Shape)[] Llama =
        [("model.embed_tokens.weight", [10, 4]), .. Enumerable.Range(0, 4).Select(i => ($"model.layers.{i}.mlp.weight", new long[] { 3, 4 })), ("model.norm.weight", [4]), ("lm_head.weight", [10, 4])];

    public GeneratedModels Models { get; } = new(inMemory);

    public string PathOf(string file) => Models.File(file);

    /// <summary>A model, with its config where one is given.</summary>
    public ModelFiles Add(string name, string? config = null, DType dtype = DType.F32, IReadOnlyList<(string, long[])>? tensors = null)
    {
        Models.Write(name, name.Length + name[0], dtype, tensors ?? Llama);
        if (config is not null) Put($"models/{name}/config.json", config);
        return this;
    }

    public ModelFiles Put(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(path))!);
        File.WriteAllText(PathOf(path), text);
        return this;
    }

    public CompanionFiles Plan(string recipe = Linear, CompanionOptions? options = null, OutputVocabulary? vocabulary = null, Func<PlanOptions, PlanOptions>? change = null)
    {
        using MergeJob job = Models.Plan(recipe, change: change);
        return CompanionFiles.Plan(job with { Vocabulary = vocabulary }, Read(recipe), recipe, options ?? new CompanionOptions());
    }

    public Recipe Read(string recipe) => Assert.Single(RecipeFile.Parse(recipe, "r.yml", p => Path.Exists(PathOf(p))).Recipes);

    public static string Text(CompanionFiles files, string name) => Encoding.UTF8.GetString(files.ContentOf(name) ?? throw new InvalidOperationException($"There is no {name}."));

    public string Config(string recipe = Linear) => Text(Plan(recipe), "config.json");

    public void Dispose() => Models.Dispose();
}
