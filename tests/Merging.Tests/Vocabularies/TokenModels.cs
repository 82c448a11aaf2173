using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Vocabularies;

/// <summary>Small models with a row per token, whose values tell the model, the tensor, the row and the column; and tokenizers as text.</summary>
internal sealed class TokenModels : IDisposable
{
    public const int Width = 4;

    private readonly TemporaryDirectory _directory = new();

    public string Root => _directory.Path;

    public string File(string path) => _directory.File(path);

    /// <summary>A value that no other place has, exact in float32 and bfloat16's neighbours apart.</summary>
    public static float Value(int model, int row, int column, bool head = false) => (model * 1000) + row + (column / 16f) + (head ? 0.5f : 0);

    /// <summary>Writes <c>models/NAME</c>: embeddings, a head, a norm, and a tokenizer.json if there is a text for it.</summary>
    public void Write(string name, int model, int rows, string? tokenizer, bool head = true, DType type = DType.F32)
    {
        Directory.CreateDirectory(File($"models/{name}"));
        var tensors = new List<TensorContent> { Tensor("model.embed_tokens.weight", false), TensorContent.FromFloat32("model.norm.weight", new Shape(Width), new float[] { 1, 2, 3, 4 }, type) };
        if (head) tensors.Add(Tensor("lm_head.weight", true));
        SafetensorsWriter.Write(File($"models/{name}/model.safetensors"), tensors);
        if (tokenizer is not null) System.IO.File.WriteAllText(File($"models/{name}/tokenizer.json"), tokenizer);

        TensorContent Tensor(string tensor, bool isHead) => TensorContent.FromFloat32(
            tensor, new Shape(rows, Width), Enumerable.Range(0, rows * Width).Select(i => Value(model, i / Width, i % Width, isHead)).ToArray(), type);
    }

    /// <summary>A tokenizer.json of word pieces: tokens are ordinary, or added where they begin with <c>&lt;</c>; ids are as they stand.</summary>
    public static string Words(params string[] tokens)
    {
        IEnumerable<string> Ids(bool added) => tokens.Index().Where(t => t.Item.StartsWith('<') == added)
            .Select(t => added ? $$"""{"id": {{t.Index}}, "content": "{{t.Item}}", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}""" : $"\"{t.Item}\": {t.Index}");
        return $$"""
            {"version": "1.0", "added_tokens": [{{string.Join(", ", Ids(true))}}], "model": {"type": "WordLevel", "vocab": { {{string.Join(", ", Ids(false))}} }, "unk_token": "a"} }
            """;
    }

    public MergeJob Plan(string recipe, Func<PlanOptions, PlanOptions>? change = null)
    {
        var options = new PlanOptions { WorkingDirectory = Root };
        return MergePlanner.Plan(Assert.Single(RecipeFile.Parse(recipe, "r.yml", p => Path.Exists(File(p))).Recipes), change?.Invoke(options) ?? options);
    }

    /// <summary>Everything that is wrong, with the directory's name left out.</summary>
    public IEnumerable<string> ProblemsOf(string recipe) => Assert.Throws<PlanningException>(() => Plan(recipe)).Problems.Select(p => p.Replace(Root + "/", "", StringComparison.Ordinal));

    public static TensorJob Find(MergeJob job, string tensor = "model.embed_tokens.weight") => job.Tensors.Single(t => t.Name == tensor);

    public void Dispose() => _directory.Dispose();
}
