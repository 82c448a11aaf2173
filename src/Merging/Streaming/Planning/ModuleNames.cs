using MergeEngine.Merging.Recipes;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>
/// Which tensors belong to a module of a recipe: those whose names begin with the module's, also behind <c>model.</c>. <c>default</c>, mergekit's name for
/// the one module of a plain model, is all of it.
/// </summary>
internal sealed class ModuleNames(Recipe recipe, ModelSet models)
{
    private const string Plain = "default";

    private readonly bool _isPlain = recipe.Modules.Count == 1 && recipe.Modules[0].Name == Plain
        && !recipe.Modules[0].Slices.SelectMany(s => s.Sources).Any(s => models[s.Model].Names.Any(n => Match(Plain, n) > 0));

    public bool Covers(RecipeModule module, string name)
    {
        if (module.Name is null || _isPlain) return true;
        // Of modules inside each other the inner one has the tensor.
        int length = Match(module.Name, name);
        return length > 0 && recipe.Modules.All(m => m.Name is null || Match(m.Name, name) <= length);
    }

    /// <summary>What is wrong with the module's name; null if any model has such tensors.</summary>
    public string? Check(RecipeModule module)
    {
        if (module.Name is null) return null;
        ModelTensors[] own = [.. module.Slices.SelectMany(s => s.Sources).Select(s => models[s.Model]).Distinct()];
        if (own.Any(m => m.Names.Any(n => Covers(module, n)))) return null;
        string[] parts = [.. own.SelectMany(m => m.Modules).Distinct().Order(StringComparer.Ordinal)];
        return $"{module.Place}: there is no module {Quoting.Quote(module.Name)}: no tensor of {string.Join(", ", own.Select(m => m.Title))} has such a name; they begin with {Quoting.QuoteSome(parts)}.";
    }

    private static int Match(string module, string name) => Begins(name, module) ? module.Length : name.StartsWith("model.", StringComparison.Ordinal) && Begins(name[6..], module) ? module.Length : 0;

    private static bool Begins(string name, string module) => name.StartsWith(module, StringComparison.Ordinal) && (name.Length == module.Length || name[module.Length] == '.');
}
