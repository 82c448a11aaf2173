using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes.Reading;

/// <summary>
/// What a method that looks at whole models wants of slices and modules: its statistics are those of the first model, the second and so on, so these must be the same everywhere.
/// </summary>
internal static class WholeModels
{
    /// <exception cref="YamlException">A slice merges other models, in another order, or with another value for what holds for a whole model.</exception>
    public static void Check(MethodDescription method, IEnumerable<RecipeSlice> slices)
    {
        if (!method.Shared.Concat(method.PerModel).Any(p => p.WholeModel)) return;
        RecipeSource[]? first = null;
        foreach (RecipeSlice slice in slices)
        {
            RecipeSource[] models = [.. slice.Sources.Where(s => s.IsInput)];
            first ??= models;
            if (!models.Select(m => m.Model).SequenceEqual(first.Select(m => m.Model)))
                throw new YamlException(slice.Place, $"'{method.Name}' looks at whole models, so every slice and module merges the same ones in the same order, found {List(models)} after {List(first)}.");
            foreach (MethodParameter parameter in method.PerModel.Where(p => p.WholeModel))
            {
                for (int k = 0; k < models.Length; k++)
                {
                    if (models[k].Parameters.Find(parameter, "", 0) != first[k].Parameters.Find(parameter, "", 0))
                        throw new YamlException(models[k].Place, $"'{parameter.Name}' of '{method.Name}' holds for the whole model, and {Shown(models[k])} had another value before.");
                }
            }
        }
    }

    private static string List(RecipeSource[] models) => string.Join(", ", models.Select(Shown));

    private static string Shown(RecipeSource source) => $"'{new YamlScalar(source.Place, source.Model.ToString(), false).Shown}'";
}
