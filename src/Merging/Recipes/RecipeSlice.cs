using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Recipes.Parameters;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes;

/// <summary>One tensor of the output, as parameters see it.</summary>
/// <param name="Output">Its name.</param>
/// <param name="Inputs">The names that the slice's sources have for it, in their order; null where all are <paramref name="Output"/>.</param>
/// <param name="T">Its place among the layers of the slice; see <see cref="LayerPosition"/>.</param>
public readonly record struct TensorPlace(string Output, IReadOnlyList<string>? Inputs, double T);

/// <summary>Models, or ranges of their layers of equal length, that are merged tensor by tensor.</summary>
public sealed record RecipeSlice
{
    public required YamlPlace Place { get; init; }

    public required MethodDescription Method { get; init; }

    /// <summary>The inputs in the order of the recipe, the base among them; a base that is not listed is last.</summary>
    public required IReadOnlyList<RecipeSource> Sources { get; init; }

    /// <summary>Where the parameters that hold for all models are looked up, by the names of the output's tensors.</summary>
    public required ParameterScopes Parameters { get; init; }

    /// <summary>Index of the base among the sources; null if there is none.</summary>
    public int? BaseIndex
    {
        get
        {
            for (int i = 0; i < Sources.Count; i++)
            {
                if (Sources[i].IsBase) return i;
            }

            return null;
        }
    }

    /// <summary>Layers of the slice; null if it is whole models, whose layers only their files tell.</summary>
    public int? Layers => Sources[0].Layers?.Count;

    /// <summary>All parameters of one tensor.</summary>
    /// <exception cref="YamlException">
    /// A required parameter is missing for this tensor, a whole number comes out as a fraction, or the parameters do not fit together.
    /// </exception>
    public TensorParameters At(TensorPlace tensor)
    {
        var shared = new ParameterScalar?[Method.Shared.Count];
        for (int p = 0; p < shared.Length; p++) shared[p] = Parameters.Find(Method.Shared[p], tensor.Output, tensor.T);

        var models = new List<int>();
        var perModel = new ParameterScalar?[]?[Sources.Count];
        for (int i = 0; i < Sources.Count; i++)
        {
            if (!Sources[i].IsInput) continue;
            models.Add(i);
            string name = tensor.Inputs?[i] ?? tensor.Output;
            var values = new ParameterScalar?[Method.PerModel.Count];
            for (int p = 0; p < values.Length; p++) values[p] = Sources[i].Parameters.Find(Method.PerModel[p], name, tensor.T);
            perModel[i] = values;
        }

        var resolved = new TensorParameters(Method, shared, perModel, models);
        return Method.Condition?.Invoke(resolved) is { } problem
            ? throw new YamlException(Place, $"at '{new YamlScalar(Place, tensor.Output, false).Shown}' {problem}.")
            : resolved;
    }

    /// <summary>What is wrong with the parameters of any of these tensors: at each place of the recipe the first.</summary>
    public IReadOnlyList<YamlException> ProblemsAt(IEnumerable<TensorPlace> tensors)
    {
        var problems = new List<YamlException>();
        var places = new HashSet<YamlPlace>();
        foreach (TensorPlace tensor in tensors)
        {
            try
            {
                At(tensor);
            }
            catch (YamlException problem)
            {
                if (places.Add(problem.Place)) problems.Add(problem);
            }
        }

        return problems;
    }
}
