using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Recipes.Parameters;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>Which lists of values over the layers (gradients) of a recipe meet no layer: their first value would hold everywhere, unnoticed.</summary>
internal sealed class GradientUse
{
    private readonly Dictionary<ParameterCase, MethodParameter> _unused = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<ParameterCase> _outside = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<ParameterScopes, List<ParameterCase>> _open = [];
    private readonly LayerFinder _finder;

    public GradientUse(Recipe recipe, LayerFinder finder)
    {
        _finder = finder;
        foreach (RecipeSlice slice in recipe.Modules.SelectMany(m => m.Slices))
        {
            Add(slice.Parameters, perModel: false);
            foreach (RecipeSource source in slice.Sources.Where(s => s.IsInput)) Add(source.Parameters, perModel: true);
        }
    }

    /// <summary>Takes note of a tensor: one of a layer is where lists have their values.</summary>
    public void See(PlacedTensor tensor)
    {
        if (_unused.Count == 0) return;
        bool inLayer = _finder.TryFind(tensor.Output, out _, out _);
        See(tensor.Slice.Parameters, tensor.Output, inLayer);
        for (int i = 0; i < tensor.Slice.Sources.Count; i++) See(tensor.Slice.Sources[i].Parameters, tensor.Inputs[i], inLayer);
    }

    public void Report(PlanFindings findings)
    {
        // One whose filter matches no tensor at all has its note already.
        foreach ((ParameterCase entry, MethodParameter parameter) in _unused.Where(u => _outside.Contains(u.Key)).OrderBy(u => u.Key.Place.Line).ThenBy(u => u.Key.Place.Column))
        {
            findings.Note($"{entry.Place}: the list of '{parameter.Name}' runs over layers, and no tensor that it is for has a layer's number in its name, "
                + $"so its first value {entry.Values[0].ToText(parameter.Type)} holds for all of them; --layers says where the number stands.");
        }
    }

    private void Add(ParameterScopes scopes, bool perModel)
    {
        var cases = new List<ParameterCase>();
        foreach ((MethodParameter parameter, ParameterCase entry) in scopes.Gradients(perModel))
        {
            cases.Add(entry);
            _unused[entry] = parameter;
        }

        if (cases.Count > 0) _open[scopes] = cases;
    }

    private void See(ParameterScopes scopes, string name, bool inLayer)
    {
        if (!_open.TryGetValue(scopes, out List<ParameterCase>? cases)) return;
        // The entries of a recipe are in the scopes of all its models; used once, they are done with everywhere.
        cases.RemoveAll(c => !_unused.ContainsKey(c) || (inLayer && c.Matches(name) && _unused.Remove(c)));
        if (!inLayer) _outside.UnionWith(cases.Where(c => c.Matches(name)));
        if (cases.Count == 0) _open.Remove(scopes);
    }
}
