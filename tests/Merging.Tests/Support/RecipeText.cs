using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>Recipes as text, for tests that name no file.</summary>
internal static class RecipeText
{
    /// <summary>A recipe of two models that is as short as can be.</summary>
    public const string Linear = "merge_method: linear\nmodels: [{ model: models/a }, { model: models/b }]\nparameters: { weight: 1 }\n";

    /// <summary>Every directory directly under <c>models</c> is there, unless its name says otherwise.</summary>
    public static bool Exists(string path) =>
        path.StartsWith("models/", StringComparison.Ordinal) && path.AsSpan().IndexOfAny('+', '@') < 0 && !path.Contains("absent", StringComparison.Ordinal);

    public static RecipeFile ReadFile(string text) => RecipeFile.Parse(text, "r.yml", Exists);

    public static Recipe Read(string text) => Assert.Single(ReadFile(text).Recipes);

    public static RecipeSlice ReadSlice(string text) => Assert.Single(Assert.Single(Read(text).Modules).Slices);

    public static string ErrorOf(string text) => Assert.Throws<YamlException>(() => ReadFile(text)).Message;

    /// <summary>Names such as a small Llama has, through all layers of a slice and outside of them; four layers where only a file tells.</summary>
    public static IEnumerable<TensorPlace> TensorsOf(RecipeSlice slice)
    {
        int layers = slice.Layers ?? 4;
        foreach (string name in new[] { "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight" }) yield return new TensorPlace(name, null, LayerPosition.Outside);
        for (int i = 0; i < layers; i++)
        {
            foreach (string part in new[] { "self_attn.q_proj", "self_attn.o_proj", "mlp.down_proj", "input_layernorm" })
                yield return new TensorPlace($"model.layers.{i}.{part}.weight", null, LayerPosition.Of(i, layers));
        }
    }

    /// <summary>What is wrong with a recipe as soon as its tensors are known.</summary>
    public static IReadOnlyList<YamlException> ProblemsOf(RecipeFile file) =>
        [.. file.Recipes.SelectMany(r => r.Modules).SelectMany(m => m.Slices).SelectMany(s => s.ProblemsAt(TensorsOf(s)))];
}
